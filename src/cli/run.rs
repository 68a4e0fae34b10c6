//! `run`: the daemon, with its signals.

use super::exit::Exit;
use super::{ConfigArguments, target};
use crate::app::Daemon;
use crate::app::daemon::start_log;
use crate::config::{Config, Settings};
use crate::model::{Diagnostic, SystemClock};
use crate::profile::ProfileSet;
use crate::telemetry::config as events;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
}

/// Runs until SIGTERM or SIGINT; reloads on SIGHUP.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let (settings, profiles) = match load(&arguments.config.config) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            eprint!("{}", crate::config::render(&mistakes, target::colour()));
            return Exit::Config;
        }
    };
    start_log(&settings);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rackwarden: cannot start a runtime: {error}");
            return Exit::Failed;
        }
    };
    runtime.block_on(serve(&arguments.config.config, settings, profiles))
}

/// Settings and profiles, or all mistakes in both.
pub(super) fn load(path: &Path) -> Result<(Settings, Arc<ProfileSet>), Vec<Diagnostic>> {
    let names = |folders: &[std::path::PathBuf]| {
        ProfileSet::load(folders).0.iter().map(|it| it.name.to_string()).collect::<Vec<_>>()
    };
    let loaded = Config::new(path).profiles(&names).read()?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    let (profiles, mistakes) = ProfileSet::load(&loaded.settings.profile_folders);
    if mistakes.is_empty() { Ok((loaded.settings, Arc::new(profiles))) } else { Err(mistakes) }
}

async fn serve(path: &Path, settings: Settings, profiles: Arc<ProfileSet>) -> Exit {
    // Before the daemon says that it is ready: a SIGHUP without a handler would end it.
    let Ok(mut signals) = Signals::new() else {
        eprintln!("rackwarden: cannot listen for signals");
        return Exit::Failed;
    };
    let (devices, rules) = (settings.devices.len() + settings.services.len(), settings.rules.len());
    let mut daemon = match Daemon::start(settings, profiles, SystemClock::new(), None).await {
        Ok(daemon) => daemon,
        Err(error) => {
            eprintln!("rackwarden: {:#}", anyhow::Error::from(error));
            return Exit::Failed;
        }
    };
    tracing::info!(devices, rules, http = %daemon.http_address(), "rackwarden {} runs", env!("CARGO_PKG_VERSION"));
    if let Some(period) = sd_notify::watchdog_enabled() {
        daemon.feed_watchdog(period, || tell_systemd(&[sd_notify::NotifyState::Watchdog]));
    }
    tell_systemd(&[sd_notify::NotifyState::Ready]);
    while signals.next().await == Wish::Reload {
        tell_systemd(&[sd_notify::NotifyState::Reloading]);
        match load(path) {
            Ok((settings, profiles)) => daemon.reload(settings, profiles),
            Err(mistakes) => events::reload_failed(&mistakes),
        }
        tell_systemd(&[sd_notify::NotifyState::Ready]);
    }
    tracing::info!("stopping");
    tell_systemd(&[sd_notify::NotifyState::Stopping]);
    daemon.stop().await;
    Exit::Ok
}

fn tell_systemd(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("systemd was not told: {error}");
    }
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Reload,
    Stop,
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
        }
    }
}
