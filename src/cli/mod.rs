//! The command line: a file a verb. Verbs print; everything else returns values.
//!
//! Exit codes are a contract, see [`Exit`]. `--json` output goes to standard output alone, messages for
//! people to standard error.

#![expect(clippy::print_stderr, reason = "printing is what this module is for")]

/// As the standard one, but whoever reads may stop: `rackwarden walk HOST | head` ends quietly.
macro_rules! println {
    () => { $crate::cli::print_line(format_args!("")) };
    ($($part:tt)*) => { $crate::cli::print_line(format_args!($($part)*)) };
}

mod ask;
mod bench;
mod check;
mod config;
mod demo;
mod discover;
mod exit;
mod explain;
mod fleet;
mod generate;
mod import;
mod inventory;
mod operate;
mod page;
mod poll;
mod profile;
mod redfish;
mod rules;
mod run;
mod simulate;
mod status;
mod target;
mod top;
mod usm;
mod walk;

pub use exit::Exit;

use clap::{Parser, Subcommand};
use std::io::ErrorKind;
use std::path::PathBuf;

/// Polls PDUs, UPSes and environmental sensors over SNMP and Redfish, keeps every reading, and pages.
#[derive(Debug, Parser)]
#[command(name = "rackwarden", version, max_term_width = 100, after_help = exit::HELP)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the daemon: poll, evaluate, page, and serve /metrics and the API
    Run(run::Arguments),
    /// Check the configuration, its profiles and rules, and report every mistake at once
    Check(check::Arguments),
    /// The configuration as it counts, and its format
    #[command(subcommand)]
    Config(config::Verb),
    /// Print the JSON schema of the configuration, for editors
    Schema,
    /// Poll one device by hand and show what it reads
    Poll(poll::Arguments),
    /// Redfish services by hand
    #[command(subcommand)]
    Redfish(redfish::Verb),
    /// Write what a Redfish service has to a folder, with serial numbers and addresses masked
    Capture(redfish::CaptureArguments),
    /// Where each value comes from: cell, octets, scale, profile, rules
    Explain(explain::Arguments),
    /// Walk an agent's objects, with names where they are known
    Walk(walk::Arguments),
    /// Find devices in networks, and the profiles that read them
    Discover(discover::Arguments),
    /// Make devices of the power units of an inventory
    Import(import::Arguments),
    /// Ask the running daemon whether all is well; the exit code says it too
    Status(status::Arguments),
    /// The fleet, live, in a terminal
    Top(top::Arguments),
    /// List, show and match device profiles
    #[command(subcommand)]
    Profile(profile::Verb),
    /// Serve recordings (snmprec files) as SNMP agents on loopback
    Simulate(simulate::Arguments),
    /// Show it all at work: a simulated room, a stand-in for PagerDuty and the real daemon
    Demo(demo::Arguments),
    /// Measure what polling costs
    #[command(subcommand)]
    Bench(bench::Verb),
    /// Alerts that go on: list, acknowledge, silence
    #[command(subcommand)]
    Alerts(operate::Alerts),
    /// Events that wait or were given up
    #[command(subcommand)]
    Outbox(operate::Outbox),
    /// Paging by hand
    #[command(subcommand)]
    Page(page::Verb),
    /// Rules: what they match, why they fire or not, tests, and what they would have done
    #[command(subcommand)]
    Rules(Box<rules::Verb>),
    /// Inventory sources by hand
    #[command(subcommand)]
    Inventory(inventory::Verb),
    /// Write man pages, shell completions and the schema, for those who make packages
    #[command(hide = true)]
    Generate(generate::Arguments),
}

/// Where the configuration is.
#[derive(Debug, Clone, clap::Args)]
struct ConfigArguments {
    /// Main configuration file; files in conf.d and devices.d beside it are read too
    #[arg(
        long,
        value_name = "FILE",
        env = "RACKWARDEN_CONFIG",
        hide_env_values = true,
        default_value = "/etc/rackwarden/rackwarden.toml"
    )]
    config: PathBuf,
}

impl ConfigArguments {
    /// Whether there is one for whoever asks. Its main file belongs to root and to the daemon's group: for others it
    /// is as if there were none, where a command can do without.
    fn is_there(&self) -> bool {
        let opened = std::fs::File::open(&self.config);
        !opened.is_err_and(|it| matches!(it.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied))
    }

    /// What to say of it where it was missed: that there is one, but not for this user.
    fn refusal(&self) -> Option<String> {
        let opened = std::fs::File::open(&self.config);
        let is_refused = opened.is_err_and(|it| it.kind() == ErrorKind::PermissionDenied);
        is_refused.then(|| {
            let file = self.config.display();
            format!("{file} was not read, because this user may not: try sudo, or be in the group rackwarden")
        })
    }
}

/// Parses the arguments, does what they say, and tells how it ended.
#[must_use]
pub fn main() -> std::process::ExitCode {
    // reqwest and rustls need one provider for the process; a second call merely says that there is one.
    let installed = rustls::crypto::ring::default_provider().install_default();
    debug_assert!(installed.is_ok(), "nobody installs a provider before main");
    let exit = match Cli::parse().verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Config(verb) => config::run(&verb),
        Verb::Schema => config::schema(),
        Verb::Poll(arguments) => poll::run(&arguments),
        Verb::Redfish(verb) => redfish::run(&verb),
        Verb::Capture(arguments) => redfish::capture(&arguments),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Walk(arguments) => walk::run(&arguments),
        Verb::Discover(arguments) => discover::run(&arguments),
        Verb::Import(arguments) => import::run(&arguments),
        Verb::Status(arguments) => status::run(&arguments),
        Verb::Top(arguments) => top::run(&arguments),
        Verb::Profile(verb) => profile::run(&verb),
        Verb::Simulate(arguments) => simulate::run(&arguments),
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Bench(verb) => bench::run(&verb),
        Verb::Alerts(verb) => operate::alerts(&verb),
        Verb::Outbox(verb) => operate::outbox(&verb),
        Verb::Page(verb) => page::run(&verb),
        Verb::Rules(verb) => rules::run(&verb),
        Verb::Inventory(verb) => inventory::run(&verb),
        Verb::Generate(arguments) => generate::run(&arguments),
    };
    exit.into()
}

/// What a shell tells of a program that SIGPIPE has ended.
const SIGPIPE_STATUS: i32 = 141;

#[expect(clippy::exit, reason = "nobody reads any more: there is nothing left to do, wherever this is")]
fn print_line(text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").is_err() {
        std::process::exit(SIGPIPE_STATUS);
    }
}

/// So many of them: `1 device`, `3 devices`.
fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Until SIGINT or SIGTERM, or that long.
async fn until_stopped(limit: Option<std::time::Duration>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    let elapsed = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
        () = elapsed => (),
    }
}
