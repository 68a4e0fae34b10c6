//! The device that a command is about: an address or a device's name, with net-snmp's letters.

use super::usm::UsmArguments;
use super::{ConfigArguments, Exit};
use crate::config::{Config, Settings};
use crate::model::{Labels, Secret};
use crate::poller::once::{self, Target};
use crate::poller::settings::{Credential, DeviceSettings, SnmpVersion};
use crate::profile::ProfileSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The target and how to talk to it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct TargetArguments {
    /// HOST, HOST:PORT, [V6]:PORT, https://HOST for Redfish, or the name of a device in the configuration
    pub(super) target: String,
    /// SNMP version
    #[arg(short = 'v', long = "version", value_name = "1|2c|3", value_parser = ["1", "2c", "3"])]
    version: Option<String>,
    /// Community; default: the one that the configuration has for this device
    #[arg(short = 'c', long, value_name = "TEXT", env = COMMUNITY_VARIABLE, hide_env_values = true)]
    community: Option<String>,
    /// Seconds to wait for an answer; default: 1, and 10 of a Redfish service
    #[arg(short = 't', long, value_name = "SECONDS")]
    timeout: Option<f64>,
    /// Repeats of an unanswered request
    #[arg(short = 'r', long, value_name = "N", default_value_t = 2)]
    retries: u32,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
    #[command(flatten)]
    usm: UsmArguments,
}

/// A target that can be asked.
pub(super) struct Ready {
    /// How it was called.
    pub(super) name: String,
    /// Where it is and how to be let in.
    pub(super) target: Target,
    /// The same as a device.
    pub(super) settings: Arc<DeviceSettings>,
}

impl TargetArguments {
    /// The user that was named.
    pub(super) fn user_name(&self) -> Option<&str> {
        self.usm.user.as_deref()
    }

    /// Whether a community was given.
    pub(super) const fn has_community(&self) -> bool {
        self.community.is_some()
    }

    /// The time-out that was named, in seconds.
    pub(super) const fn timeout_seconds(&self) -> Option<f64> {
        self.timeout
    }

    /// Finds out where to ask and with what.
    pub(super) fn resolve(&self, profile: Option<&str>) -> Result<Ready, Exit> {
        let known = self.configured()?;
        let (host, port) = match &known {
            Some(device) if *device.name == *self.target => (device.host.clone(), device.port),
            _ => split(&self.target).map_err(|message| {
                eprintln!("rackwarden: {message}");
                Exit::Usage
            })?,
        };
        let credential = self.credential(known.as_deref())?;
        let timeout = Duration::try_from_secs_f64(self.timeout.unwrap_or(1.0))
            .ok()
            .filter(|it| !it.is_zero() && it.as_secs() < 3600);
        let Some(timeout) = timeout else {
            eprintln!("rackwarden: --timeout takes seconds, more than 0 and less than 3600");
            return Err(Exit::Usage);
        };
        let address = once::resolve(&host, port).map_err(|error| {
            eprintln!("rackwarden: {error}");
            Exit::of_poll(&error)
        })?;
        let settings = DeviceSettings {
            name: Arc::from(self.target.as_str()),
            host,
            port,
            credential: credential.clone(),
            answers_from: known.as_ref().map(|it| it.answers_from.clone()).unwrap_or_default(),
            profile: profile.map(str::to_owned).or_else(|| known.as_ref().and_then(|it| it.profile.clone())),
            interval: Duration::from_secs(10),
            timeout,
            retries: self.retries,
            // A person waits.
            request_gap: Duration::ZERO,
            requests_in_flight: 1,
            labels: known.as_ref().map_or_else(Labels::default, |it| it.labels.clone()),
            rated_current_amperes: known.map(|it| it.rated_current_amperes.clone()).unwrap_or_default(),
        };
        let target = Target { address, credential, timeout, retries: self.retries };
        Ok(Ready { name: self.target.clone(), target, settings: Arc::new(settings) })
    }

    /// The device of that name or address in the configuration. Without a configuration there is none;
    /// a configuration with mistakes matters only when something is wanted from it.
    fn configured(&self) -> Result<Option<Arc<DeviceSettings>>, Exit> {
        let is_said = match self.version.as_deref() {
            Some("3") => self.usm.user.is_some(),
            _ => self.community.is_some() || self.usm.user.is_some(),
        };
        if is_said || !self.config.is_there() {
            return Ok(None);
        }
        let settings = load(&self.config)?;
        let wanted = split(&self.target).ok();
        let found = settings.devices.into_iter().find(|device| {
            *device.name == *self.target
                || wanted.as_ref().is_some_and(|(host, port)| device.host == *host && device.port == *port)
        });
        Ok(found.map(Arc::new))
    }

    fn credential(&self, known: Option<&DeviceSettings>) -> Result<Credential, Exit> {
        let configured = known.map(|it| &it.credential);
        if self.usm.user.is_some() {
            return self.user();
        }
        match (configured, self.version.as_deref(), self.usm.first_letter()) {
            // The device's own, as it is configured.
            (Some(Credential::Usm(_)), None | Some("3"), Some(letter)) => {
                Err(Self::refuse(&format!("{letter} goes with a user: give -u, and all that belongs to it")))
            }
            (Some(credential @ Credential::Usm(_)), None | Some("3"), None) if self.community.is_none() => {
                Ok(credential.clone())
            }
            (_, Some("3"), _) => Err(Self::refuse(&format!(
                "no SNMPv3 user for {}: give one with -u, or name the device in {}",
                self.target,
                self.config.config.display()
            ))),
            (_, _, Some(letter)) => {
                Err(Self::refuse(&format!("{letter} is of SNMPv3: give the user too, with -u")))
            }
            _ => self.community(configured),
        }
    }

    fn user(&self) -> Result<Credential, Exit> {
        if let Some(version) = self.version.as_deref().filter(|it| *it != "3") {
            return Err(Self::refuse(&format!(
                "-u is of SNMPv3, but -v says {version}: leave one of them out"
            )));
        }
        // A community in the environment is there for other targets.
        if self.community.is_some() && std::env::var_os(COMMUNITY_VARIABLE).is_none() {
            return Err(Self::refuse("-c is of SNMPv1 and v2c, -u of SNMPv3: leave one of them out"));
        }
        self.usm.user().map(Credential::Usm).map_err(|wrong| {
            wrong.iter().for_each(|it| eprintln!("rackwarden: {it}"));
            Exit::Usage
        })
    }

    fn community(&self, configured: Option<&Credential>) -> Result<Credential, Exit> {
        let version =
            self.version.as_deref().map(|it| if it == "1" { SnmpVersion::V1 } else { SnmpVersion::V2c });
        let (version_there, community) = match (&self.community, configured) {
            (Some(text), Some(Credential::Community { version, .. })) => {
                (Some(*version), Secret::new(text.clone()))
            }
            (Some(text), _) => (None, Secret::new(text.clone())),
            (None, Some(Credential::Community { version, community })) => (Some(*version), community.clone()),
            (None, _) => {
                let refusal = self.config.refusal().map(|it| format!(" ({it})")).unwrap_or_default();
                return Err(Self::refuse(&format!(
                    "no community for {}: give one with -c (for SNMPv3, a user with -u), or name the device in {}{refusal}",
                    self.target,
                    self.config.config.display()
                )));
            }
        };
        let version = version.or(version_there).unwrap_or(SnmpVersion::V2c);
        Ok(Credential::Community { version, community })
    }

    fn refuse(message: &str) -> Exit {
        eprintln!("rackwarden: {message}");
        Exit::Usage
    }
}

/// Where the community may be, out of sight of other users of this host.
const COMMUNITY_VARIABLE: &str = "RACKWARDEN_COMMUNITY";

/// Loads the configuration, or prints its mistakes.
pub(super) fn load(arguments: &ConfigArguments) -> Result<Settings, Exit> {
    match Config::load(&arguments.config) {
        Ok(loaded) => Ok(loaded.settings),
        Err(mistakes) => {
            eprint!("{}", crate::config::render(&mistakes, colour()));
            Err(Exit::Config)
        }
    }
}

/// The shipped profiles and those of the given folders; mistakes are printed and end the command.
pub(super) fn profiles(folders: &[PathBuf]) -> Result<Arc<ProfileSet>, Exit> {
    let (set, mistakes) = ProfileSet::load(folders);
    if mistakes.is_empty() {
        return Ok(Arc::new(set));
    }
    eprint!("{}", crate::config::render(&mistakes, colour()));
    Err(Exit::Config)
}

/// The folders of the user's own profiles that exist: those of the configuration, if there is one.
pub(super) fn profile_folders(arguments: &ConfigArguments) -> Vec<PathBuf> {
    if arguments.is_there()
        && let Ok(loaded) = Config::load(&arguments.config)
    {
        return loaded.settings.profile_folders;
    }
    Vec::new()
}

/// Whether standard error takes colours (NO_COLOR and CLICOLOR are heeded).
pub(super) fn colour() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// HOST, HOST:PORT, [V6], [V6]:PORT, V6, each with or without "udp:" before it.
pub(super) fn split(text: &str) -> Result<(String, u16), String> {
    const PORT: u16 = 161;
    let bare = text.strip_prefix("udp:").unwrap_or(text);
    if bare.is_empty() {
        return Err("the target is empty: give HOST or HOST:PORT".to_owned());
    }
    let number = |port: &str| port.parse::<u16>().ok().filter(|it| *it != 0);
    let wrong = |port: &str| format!("`{port}` in `{text}` is no port: write a number from 1 to 65535");
    if let Some(rest) = bare.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| format!("`{text}` lacks the closing `]`"))?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host.to_owned(), number(port).ok_or_else(|| wrong(port))?)),
            None if rest.is_empty() => Ok((host.to_owned(), PORT)),
            None => Err(format!("`{text}`: after `]` comes `:PORT` or nothing")),
        };
    }
    if bare.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok((bare.to_owned(), PORT));
    }
    match bare.rsplit_once(':') {
        Some((host, port)) => Ok((host.to_owned(), number(port).ok_or_else(|| wrong(port))?)),
        None => Ok((bare.to_owned(), PORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn targets() {
        for (text, host, port) in [
            ("pdu-1", "pdu-1", 161),
            ("10.0.0.1:1161", "10.0.0.1", 1161),
            ("udp:h:16100", "h", 16100),
            ("[::1]:1161", "::1", 1161),
            ("[::1]", "::1", 161),
            ("fe80::1", "fe80::1", 161),
        ] {
            assert_eq!(split(text), Ok((host.to_owned(), port)), "{text}");
        }
        for text in ["", "h:", "h:x", "h:0", "h:70000", "[::1", "[::1]x"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
