//! What a Redfish service is told to be asked with, already checked.

use super::uri::Origin;
use crate::model::{ComponentKind, Labels, Secret};
use crate::web_client::TlsSettings;
use std::sync::Arc;
use std::time::Duration;

/// A user of a service. Reading is all that it must be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: Secret,
}

/// One service to poll.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceSettings {
    /// Its name: unique among all devices.
    pub name: Arc<str>,
    /// Where it is.
    pub origin: Origin,
    /// How to be let in; `None`: it lets in everybody.
    pub login: Option<Login>,
    /// Whom to trust.
    pub tls: TlsSettings,
    /// How often it is asked.
    pub interval: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// Whether its event stream is listened to, if it has one.
    pub events: bool,
    /// What the operator says of it.
    pub labels: Labels,
    /// Rated current in A of components by kind, where the service does not say or says it wrong.
    pub rated_current_amperes: Vec<(ComponentKind, f64)>,
}
