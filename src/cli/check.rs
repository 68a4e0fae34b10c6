//! `check`: every mistake in configuration, profiles and rules, without touching the running daemon.

use super::exit::Exit;
use super::{ConfigArguments, target};
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
        "{}: {} files, {} devices, {} rules, {} integrations, {} profiles: no mistakes",
        path.display(),
        loaded.files.len(),
        settings.devices.len() + settings.services.len(),
        settings.rules.len(),
        settings.notify.integrations.len(),
        profiles.iter().filter(|it| !it.is_abstract()).count(),
    );
    if !settings.inventories.is_empty() {
        println!("{} inventory sources; `rackwarden inventory check` asks them", settings.inventories.len());
    }
    if arguments.strict && !loaded.warnings.is_empty() { Exit::Config } else { Exit::Ok }
}
