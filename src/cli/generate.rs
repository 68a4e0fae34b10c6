//! `generate FOLDER`: man pages of all verbs, completions for shells and the schema for editors, from the very
//! definitions that parse arguments and configuration. Packages are made with it; nothing at run time needs it.

use super::Cli;
use super::exit::Exit;
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::{Path, PathBuf};

/// What to write where.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder for them; it is made if need be
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Does it.
pub(super) fn run(arguments: &Arguments) -> Exit {
    match write(&arguments.folder) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("rackwarden: {}: {error}", arguments.folder.display());
            Exit::Failed
        }
    }
}

fn write(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // A page for `help help` helps nobody.
    let silent = |it: clap::Command| it.disable_help_subcommand(true);
    let command = silent(Cli::command()).mut_subcommands(silent);
    // The page of the whole and one of each verb, as git has it: rackwarden-poll.1.
    clap_mangen::generate_to(command, folder)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "rackwarden", folder)?;
    }
    let schema = serde_json::to_string_pretty(&crate::config::json_schema())?;
    std::fs::write(folder.join("rackwarden.schema.json"), schema)
}
