//! What a configuration comes to: everything checked, every reference resolved, every default in its
//! place.

use crate::http::settings::HttpSettings;
use crate::inventory::InventorySettings;
use crate::model::{ComponentKind, Labels};
use crate::notify::settings::NotifySettings;
use crate::poller::settings::{Credential, DeviceSettings};
use crate::redfish::ServiceSettings;
use crate::rules::Rule;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The whole configuration, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How devices are asked unless they say otherwise: for those that are named by hand.
    pub polling: PollingSettings,
    /// The HTTP side.
    pub http: HttpSettings,
    /// Where events and open alerts are kept.
    pub state_folder: PathBuf,
    /// Where the user's own profiles lie; later ones win.
    pub profile_folders: Vec<PathBuf>,
    /// Traps.
    pub traps: TrapSettings,
    /// The log.
    pub log: LogSettings,
    /// The credentials by name, also those that no device uses.
    pub credentials: BTreeMap<Arc<str>, Credential>,
    /// The devices, in the order of the files.
    pub devices: Vec<DeviceSettings>,
    /// The devices that are Redfish services, in the order of the files.
    pub services: Vec<ServiceSettings>,
    /// The devices that hang on another, by name: each with its parent.
    pub parents: BTreeMap<Arc<str>, Arc<str>>,
    /// The alert rules, in the order of the files.
    pub rules: Vec<Rule>,
    /// Paging.
    pub notify: NotifySettings,
    /// The inventory sources, in the order of the files.
    pub inventories: Vec<InventorySettings>,
}

/// What all polled devices have, however they are asked.
#[derive(Debug, Clone, Copy)]
pub struct PolledDevice<'a> {
    /// Its name.
    pub name: &'a Arc<str>,
    /// What the operator says of it.
    pub labels: &'a Labels,
    /// How often it is asked.
    pub interval: Duration,
    /// Rated current in A by kind of component, as the operator says.
    pub rated_current_amperes: &'a [(ComponentKind, f64)],
}

impl Settings {
    /// All polled devices: SNMP agents, then Redfish services.
    pub fn polled(&self) -> impl Iterator<Item = PolledDevice<'_>> {
        let agents = self.devices.iter().map(|it| PolledDevice {
            name: &it.name,
            labels: &it.labels,
            interval: it.interval,
            rated_current_amperes: &it.rated_current_amperes,
        });
        let services = self.services.iter().map(|it| PolledDevice {
            name: &it.name,
            labels: &it.labels,
            interval: it.interval,
            rated_current_amperes: &it.rated_current_amperes,
        });
        agents.chain(services)
    }

    /// The names of all devices and inventory sources.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let inventories = self.inventories.iter().map(|it| &*it.name);
        let services = self.services.iter().map(|it| &*it.name);
        self.devices.iter().map(|it| &*it.name).chain(services).chain(inventories)
    }
}

/// How devices are asked unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollingSettings {
    /// How often.
    pub interval: Duration,
    /// How long to wait for the answer to one request.
    pub timeout: Duration,
    /// How often a request is repeated after its first time-out.
    pub retries: u32,
    /// The most requests a second to one agent, but for short bursts; 0: no limit.
    pub requests_per_second: u32,
    /// Over how long the first polls are spread; `None`: over each device's interval.
    pub start_spread: Option<Duration>,
}

/// Who may send traps, and where to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrapSettings {
    /// Where to listen; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// What lets traps in beside the device's own credential.
    pub credentials: Vec<Credential>,
    /// Who forwards traps of others: of theirs, the agent's address within the trap counts.
    pub forwarders: Vec<IpAddr>,
}

/// The log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// The least important lines that are written.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

/// The importance of a log line, most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Data is lost, or a person must act.
    Error,
    /// Unexpected, but nothing is lost.
    Warn,
    /// What an operator wants to know.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Each packet.
    Trace,
}

impl LogLevel {
    /// Its name, as tracing and the configuration know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// All of them.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
