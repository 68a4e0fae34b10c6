//! Redfish services by hand: how a target becomes one, `redfish pin`, and `capture`.

mod capture;

use super::target::{self, TargetArguments};
use super::{ConfigArguments, Exit};
use crate::config::Settings;
use crate::model::{Labels, PollError, Secret, SnapshotError, SystemClock};
use crate::redfish::kinds::Kinds;
use crate::redfish::settings::{Login, ServiceSettings};
use crate::redfish::uri::Origin;
use crate::redfish::{Polled, Service};
use crate::web_client::{self, TlsSettings, fingerprint, parse_fingerprint};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(super) use capture::{CaptureArguments, run as capture};

/// Where a password may be, out of sight of other users of this host.
const PASSWORD_VARIABLE: &str = "RACKWARDEN_PASSWORD";
/// Controllers answer in 0.1 to 2 s, some expanded answers take longer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Of the help. Not `next_help_heading`: that would hold for what follows elsewhere, too.
const HEADING: &str = "Redfish (https://HOST)";

/// What Redfish services need beside a target.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ServiceArguments {
    /// File whose first line is the password of the user (-u); or set RACKWARDEN_PASSWORD
    #[arg(help_heading = HEADING, long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Take the certificate with this SHA-256 fingerprint: `rackwarden redfish pin` shows it
    #[arg(help_heading = HEADING, long, value_name = "SHA-256", value_parser = pin)]
    tls_pin: Vec<[u8; 32]>,
    /// Trust the certificates in this PEM file alone
    #[arg(help_heading = HEADING, long, value_name = "FILE")]
    tls_ca_file: Option<PathBuf>,
    /// Take any certificate: whoever answers gets the password
    #[arg(help_heading = HEADING, long, conflicts_with_all = ["tls_pin", "tls_ca_file"])]
    insecure: bool,
}

/// Verbs of `redfish`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Show the fingerprint of a service's certificate, to compare with what the device shows, and to pin
    Pin(PinArguments),
}

/// Arguments of `redfish pin`.
#[derive(Debug, clap::Args)]
pub(super) struct PinArguments {
    /// https://HOST[:PORT], HOST, or the name of a device in the configuration
    target: String,
    #[command(flatten)]
    config: ConfigArguments,
}

fn pin(text: &str) -> Result<[u8; 32], &'static str> {
    parse_fingerprint(text).ok_or("write 64 hexadecimal digits, with or without colons")
}

/// Runs a verb of `redfish`.
pub(super) fn run(verb: &Verb) -> Exit {
    let Verb::Pin(arguments) = verb;
    match show_pin(arguments) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// The origin that a text names, if it is a URL of a service.
fn origin(text: &str) -> Option<Result<Origin, String>> {
    let is_url = ["https://", "http://"].iter().any(|it| text.starts_with(it));
    is_url.then(|| Origin::parse(text).map_err(|it| format!("`{text}` {it}")))
}

/// The service that a target names; `None`: it names something else.
pub(super) fn service(
    target: &TargetArguments,
    arguments: &ServiceArguments,
) -> Result<Option<ServiceSettings>, Exit> {
    let named = origin(&target.target).transpose().map_err(|message| {
        eprintln!("rackwarden: {message}");
        Exit::Usage
    })?;
    // A community is of SNMP: whatever the configuration holds, mistakes included, has no part in it.
    let known = match &named {
        None if target.has_community() => None,
        _ => configured(&target.target, named.as_ref(), target.user_name(), &target.config)?,
    };
    let settings = match (known, named) {
        (Some(known), _) => known,
        (None, Some(origin)) => fresh(&target.target, origin),
        (None, None) => {
            if let Some(flag) = arguments.first_flag() {
                eprintln!("rackwarden: {flag} is for Redfish services: write https://{}", target.target);
                return Err(Exit::Usage);
            }
            return Ok(None);
        }
    };
    let mut settings = arguments.apply(settings)?;
    if let Some(seconds) = target.timeout_seconds() {
        settings.timeout = Duration::try_from_secs_f64(seconds).unwrap_or(TIMEOUT);
    }
    if target.user_name().is_none() && arguments.password_file.is_some() {
        eprintln!("rackwarden: --password-file is for a user: name one with -u");
        return Err(Exit::Usage);
    }
    if let Some(user) = target.user_name() {
        let password = arguments.password(user)?;
        settings.login = Some(Login { user: user.to_owned(), password });
    }
    if settings.login.is_some() && !settings.origin.is_encrypted() && !settings.origin.is_loopback() {
        eprintln!("rackwarden: a password is not sent over http: use https://{}", settings.origin.host());
        return Err(Exit::Usage);
    }
    Ok(Some(settings))
}

fn fresh(name: &str, origin: Origin) -> ServiceSettings {
    ServiceSettings {
        name: name.into(),
        origin,
        login: None,
        tls: TlsSettings::default(),
        interval: Duration::from_secs(60),
        timeout: TIMEOUT,
        events: false,
        labels: Labels::default(),
        rated_current_amperes: Vec::new(),
    }
}

/// The service of that name or origin in the configuration.
fn configured(
    target: &str,
    origin: Option<&Origin>,
    user: Option<&str>,
    config: &ConfigArguments,
) -> Result<Option<ServiceSettings>, Exit> {
    let is_said = origin.is_some() && user.is_some();
    if is_said || !config.is_there() {
        return Ok(None);
    }
    let found = |settings: Settings| {
        settings.services.into_iter().find(|it| *it.name == *target || origin == Some(&it.origin))
    };
    target::load(config).map(found)
}

impl ServiceArguments {
    fn apply(&self, settings: ServiceSettings) -> Result<ServiceSettings, Exit> {
        if let Some(path) = self.tls_ca_file.as_ref().filter(|it| !it.is_file()) {
            eprintln!("rackwarden: --tls-ca-file: there is no file {}", path.display());
            return Err(Exit::Usage);
        }
        let is_given = self.insecure || !self.tls_pin.is_empty() || self.tls_ca_file.is_some();
        if self.insecure {
            eprintln!("rackwarden: --insecure: whoever answers at that address is believed");
        }
        let tls = TlsSettings {
            ca_file: self.tls_ca_file.clone(),
            pins: self.tls_pin.clone(),
            verify: !self.insecure,
        };
        Ok(if is_given { ServiceSettings { tls, ..settings } } else { settings })
    }

    /// The first of them that is given.
    fn first_flag(&self) -> Option<&'static str> {
        let flags = [
            ("--password-file", self.password_file.is_some()),
            ("--tls-pin", !self.tls_pin.is_empty()),
            ("--tls-ca-file", self.tls_ca_file.is_some()),
            ("--insecure", self.insecure),
        ];
        flags.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

    fn password(&self, user: &str) -> Result<Secret, Exit> {
        if let Some(path) = &self.password_file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                eprintln!("rackwarden: cannot read {}: {error}", path.display());
                Exit::Usage
            })?;
            return Ok(Secret::new(text.lines().next().unwrap_or_default()));
        }
        std::env::var(PASSWORD_VARIABLE).map(Secret::new).map_err(|_| {
            eprintln!("rackwarden: no password for {user}: give --password-file, or set {PASSWORD_VARIABLE}");
            Exit::Usage
        })
    }
}

/// Polls a service once, and leaves no session behind.
pub(super) fn poll_once(settings: ServiceSettings) -> Result<Polled, Exit> {
    let runtime = runtime()?;
    let is_anonymous = settings.login.is_none();
    let polled = runtime.block_on(async {
        let settings = Arc::new(settings);
        let mut service =
            Service::new(settings, Arc::default(), Arc::new(Kinds::default()), SystemClock::new());
        let polled = tokio::select! {
            polled = service.poll() => Some(polled),
            () = super::until_stopped(None) => None,
        };
        service.close().await;
        polled
    });
    let is_refused =
        |it: &Polled| matches!(it.error(), Some(PollError::Snapshot { class: SnapshotError::Access, .. }));
    if is_anonymous && polled.as_ref().is_some_and(is_refused) {
        eprintln!(
            "rackwarden: name a user with -u, and a file with the password by --password-file (or set {PASSWORD_VARIABLE})"
        );
    }
    polled.ok_or(Exit::Failed)
}

fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        eprintln!("rackwarden: cannot start a runtime: {error}");
        Exit::Failed
    })
}

fn show_pin(arguments: &PinArguments) -> Result<(), Exit> {
    let known = configured(&arguments.target, None, None, &arguments.config)?.map(|it| it.origin);
    let text = &arguments.target;
    let url = if text.contains("://") { text.clone() } else { format!("https://{text}") };
    let origin = match known {
        Some(origin) => origin,
        None => Origin::parse(&url).map_err(|why| {
            eprintln!("rackwarden: `{text}` {why}");
            Exit::Usage
        })?,
    };
    // A pin that nothing fits: the handshake ends before anything is sent, and says what was shown.
    let tls = TlsSettings { pins: vec![[0; 32]], ..TlsSettings::default() };
    let asked = runtime()?.block_on(async {
        let client = web_client::build(web_client::builder(origin.host(), TIMEOUT, &tls)?)?;
        let url = origin.root();
        client.get(url).send().await.map(drop).map_err(|it| web_client::fault(it, &origin.shown()))
    });
    match asked {
        Err(error) => match error.certificate {
            Some(found) => {
                let text = fingerprint(&found);
                println!("{text}");
                eprintln!("rackwarden: compare it with what the device shows on another way; then write");
                eprintln!("tls_pins = [\"{text}\"]");
                Ok(())
            }
            None => {
                eprintln!("rackwarden: {error}");
                Err(Exit::NoAnswer)
            }
        },
        Ok(()) => {
            eprintln!("rackwarden: {} is asked without TLS: there is nothing to pin", origin.shown());
            Err(Exit::Failed)
        }
    }
}
