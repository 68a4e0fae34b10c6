//! `check`: every mistake in configuration, profiles and rules, without touching the running daemon.

use super::exit::Exit;
use super::{ConfigArguments, counted, target};
use crate::config::{Config, Secrets, render, render_warnings};
use crate::profile::ProfileSet;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Keys and communities that cannot be read here are warnings, not mistakes
    #[arg(long)]
    without_secrets: bool,
    /// Warnings count as mistakes
    #[arg(long)]
    strict: bool,
}

/// Checks and reports.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let path = &arguments.config.config;
    let secrets = if arguments.without_secrets { Secrets::Optional } else { Secrets::Required };
    let names = |folders: &[std::path::PathBuf]| {
        ProfileSet::load(folders).0.iter().map(|it| it.name.to_string()).collect::<Vec<_>>()
    };
    let loaded = match Config::new(path).secrets(secrets).profiles(&names).read() {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            eprint!("{}", render(&mistakes, target::colour()));
            return Exit::Config;
        }
    };
    let (profiles, mistakes) = ProfileSet::load(&loaded.settings.profile_folders);
    if !loaded.warnings.is_empty() {
        eprint!("{}", render_warnings(&loaded.warnings, target::colour()));
    }
    if !mistakes.is_empty() {
        eprint!("{}", render(&mistakes, target::colour()));
        return Exit::Config;
    }
    let settings = &loaded.settings;
    println!(
        "{}: {}, {}, {}, {}, {}: no mistakes",
        path.display(),
        counted(loaded.files.len(), "file"),
        counted(settings.devices.len() + settings.services.len(), "device"),
        counted(settings.rules.len(), "rule"),
        counted(settings.notify.integrations.len(), "integration"),
        counted(profiles.iter().filter(|it| !it.is_abstract()).count(), "profile"),
    );
    if !settings.inventories.is_empty() {
        let sources = counted(settings.inventories.len(), "inventory source");
        println!("{sources}; `rackwarden inventory check` takes a snapshot of each");
    }
    if arguments.strict && !loaded.warnings.is_empty() { Exit::Config } else { Exit::Ok }
}
