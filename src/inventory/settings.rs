//! What a source is told, already checked by the configuration.

use super::limits::PAGE_ROWS;
use crate::model::{ComponentKind, Labels, Secret};
pub use crate::web_client::TlsSettings;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventorySettings {
    /// Its name in the config: unique among inventories and devices.
    pub name: Arc<str>,
    /// What it is and how to be let in.
    pub access: Access,
    /// The kinds of objects that are taken; never empty, and only such as the source has.
    pub kinds: Vec<ComponentKind>,
    /// Device42: the software types that are taken; empty: none.
    pub software_types: Vec<String>,
    /// How often a snapshot is taken.
    pub interval: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long a whole snapshot may take.
    pub time_limit: Duration,
    /// After how many whole snapshots without it an object is gone.
    pub gone_after: u32,
    /// The operator's labels.
    pub labels: Labels,
    /// By what power units are matched with polled devices; the first that fits counts. Empty: not at all.
    pub match_by: Vec<MatchKey>,
}

/// What a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// An HTTP API.
    Http(HttpAccess),
    /// A file.
    File(FileAccess),
}

/// An HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAccess {
    /// Which.
    pub product: Product,
    /// Where it begins, as `https://netbox.example.net/`.
    pub url: String,
    /// How to be let in.
    pub login: Login,
    /// Whom to trust.
    pub tls: TlsSettings,
    /// Rows to ask for at a time.
    pub page_rows: usize,
}

/// The HTTP APIs that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Device42.
    Device42,
    /// NetBox.
    NetBox,
    /// Snipe-IT.
    SnipeIt,
    /// phpIPAM.
    PhpIpam,
}

/// How to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// HTTP Basic with each request.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A fixed token with each request.
    Token(Secret),
    /// A short-lived token, had by HTTP Basic before each snapshot.
    Session {
        /// The user or client key.
        user: String,
        /// The password or client secret.
        password: Secret,
        /// phpIPAM's application id; empty elsewhere.
        app: String,
    },
    /// phpIPAM's application code, with the application's id.
    AppCode {
        /// The application's id.
        app: String,
        /// Its code.
        code: Secret,
    },
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAccess {
    /// Where it lies.
    pub path: PathBuf,
    /// How it is written.
    pub format: FileFormat,
    /// The oldest that it may be.
    pub age_max: Option<Duration>,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// The neutral schema as JSON.
    Json,
    /// One kind of object as CSV; rows may say their own kind.
    Csv,
}

/// By what a power unit and a polled device are found to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchKey {
    /// The serial number that the device itself says.
    Serial,
    /// The address that the config gives the device, an IP address on both sides.
    Address,
    /// The name, letter case aside.
    Name,
}

impl MatchKey {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Serial, Self::Address, Self::Name];

    /// Its name in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Address => "address",
            Self::Name => "name",
        }
    }
}

impl Product {
    /// What it has, in the order in which it is taken.
    #[must_use]
    pub const fn kinds(self) -> &'static [ComponentKind] {
        match self {
            Self::Device42 => &[
                ComponentKind::Software,
                ComponentKind::ProhibitedInstallation,
                ComponentKind::OperatingSystem,
                ComponentKind::Subnet,
                ComponentKind::PartModel,
                ComponentKind::PowerUnit,
            ],
            Self::NetBox => &[ComponentKind::Subnet, ComponentKind::PartModel, ComponentKind::PowerUnit],
            Self::SnipeIt => &[ComponentKind::License, ComponentKind::PartModel],
            Self::PhpIpam => &[ComponentKind::Subnet],
        }
    }

    /// The most rows that it hands out at a time, in its default setting.
    #[must_use]
    pub const fn page_rows(self) -> usize {
        match self {
            Self::SnipeIt => 500,
            Self::Device42 | Self::NetBox | Self::PhpIpam => PAGE_ROWS,
        }
    }

    /// As people write it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Device42 => "Device42",
            Self::NetBox => "NetBox",
            Self::SnipeIt => "Snipe-IT",
            Self::PhpIpam => "phpIPAM",
        }
    }
}

/// The kinds that a file may hold: all but the source itself.
pub const FILE_KINDS: &[ComponentKind] = &[
    ComponentKind::Software,
    ComponentKind::ProhibitedInstallation,
    ComponentKind::OperatingSystem,
    ComponentKind::Subnet,
    ComponentKind::PartModel,
    ComponentKind::License,
    ComponentKind::PowerUnit,
];

impl InventorySettings {
    /// The type's name in the config.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match &self.access {
            Access::File(_) => "file",
            Access::Http(HttpAccess { product, .. }) => match product {
                Product::Device42 => "device42",
                Product::NetBox => "netbox",
                Product::SnipeIt => "snipe_it",
                Product::PhpIpam => "phpipam",
            },
        }
    }

    /// Where it is, without anything secret.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.access {
            Access::File(file) => file.path.display().to_string(),
            Access::Http(http) => http.url.clone(),
        }
    }

    /// As batches name it.
    #[must_use]
    pub fn source(&self) -> crate::model::Source {
        let vendor = match &self.access {
            Access::File(_) => String::new(),
            Access::Http(http) => http.product.title().to_owned(),
        };
        crate::model::Source {
            kind: crate::model::SourceKind::Inventory { gone_after_snapshots: self.gone_after },
            device: Arc::clone(&self.name),
            labels: self.labels.clone(),
            address: self.address(),
            interval: self.interval,
            profile: self.type_name().into(),
            identity: crate::model::Identity { vendor, ..Default::default() },
        }
    }
}
