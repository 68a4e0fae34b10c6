//! `config show` and `config migrate`, and `schema`: the configuration as a whole.

use super::exit::Exit;
use super::{ConfigArguments, target};
use crate::config::{Config, FORMAT_VERSION, Secrets, render};
use crate::profile::ProfileSet;

/// What to do with it.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// The configuration as it counts, with the origin of each value; secrets are masked
    Show {
        /// Only these tables: polling, credentials.default, devices, devices.pdu-a1
        #[arg(value_name = "TABLE")]
        table: Option<String>,
        /// Keys and communities that cannot be read here are no mistakes
        #[arg(long)]
        without_secrets: bool,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Bring the files to the format of this version
    Migrate {
        #[command(flatten)]
        config: ConfigArguments,
    },
}

/// Does it.
pub(super) fn run(verb: &Verb) -> Exit {
    match verb {
        Verb::Show { table, without_secrets, config } => show(table.as_deref(), *without_secrets, config),
        Verb::Migrate { config } => migrate(config),
    }
}

/// Prints the JSON schema.
pub(super) fn schema() -> Exit {
    match serde_json::to_string_pretty(&crate::config::json_schema()) {
        Ok(text) => {
            println!("{text}");
            Exit::Ok
        }
        Err(error) => {
            eprintln!("rackwarden: the schema cannot be written as JSON: {error}");
            Exit::Failed
        }
    }
}

/// The configuration with all that `check` knows; secrets may be absent.
fn whole<T>(
    config: &ConfigArguments,
    secrets: Secrets,
    then: impl FnOnce(&Config<'_>) -> Result<T, Vec<crate::model::Diagnostic>>,
) -> Result<T, Exit> {
    let names = |folders: &[std::path::PathBuf]| {
        ProfileSet::load(folders).0.iter().map(|it| it.name.to_string()).collect::<Vec<_>>()
    };
    then(&Config::new(&config.config).secrets(secrets).profiles(&names)).map_err(|mistakes| {
        eprint!("{}", render(&mistakes, target::colour()));
        Exit::Config
    })
}

fn show(table: Option<&str>, without_secrets: bool, config: &ConfigArguments) -> Exit {
    let secrets = if without_secrets { Secrets::Optional } else { Secrets::Required };
    let effective = match whole(config, secrets, |it| it.effective()) {
        Ok(effective) => effective,
        Err(exit) => return exit,
    };
    if let Some(text) = effective.text(table) {
        text.lines().for_each(|line| println!("{line}"));
        return Exit::Ok;
    }
    let wanted = table.unwrap_or_default();
    let tables: Vec<&str> = crate::config::schema::root().names().collect();
    let near = crate::model::closest(wanted, effective.paths().chain(tables));
    let help = near.map(|it| format!(" (did you mean {it}?)")).unwrap_or_default();
    eprintln!("rackwarden: {} has no table {wanted}{help}", config.config.display());
    Exit::Usage
}

fn migrate(config: &ConfigArguments) -> Exit {
    let files = match whole(config, Secrets::Optional, |it| it.read()) {
        Ok(loaded) => loaded.files,
        Err(exit) => return exit,
    };
    for file in files {
        println!("{}: version {FORMAT_VERSION}, the newest; nothing to migrate", file.display());
    }
    Exit::Ok
}
