//! What paging is told: integrations with their keys and limits, already checked.

use crate::message::Messages;
use crate::model::Secret;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where a secret comes from. It is read anew before use, so that it can be rotated in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The text itself: only where the user asked for it by an explicit key.
    Inline(Secret),
    /// A file whose first line it is.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A systemd credential: a file of that name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// One PagerDuty integration (an Events API v2 integration of a service).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationSettings {
    /// Its name in the config: unique, and part of what is kept on disk.
    pub name: Arc<str>,
    /// Where its routing key comes from.
    pub routing_key: SecretSource,
    /// The enqueue URL: by region, or the user's own.
    pub url: String,
    /// Requests a minute, at most: 120 by default, PagerDuty's limit for a key.
    pub requests_per_minute: u32,
    /// How long one request may take.
    pub timeout: Duration,
}

/// All of paging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifySettings {
    /// The integrations.
    pub integrations: Vec<IntegrationSettings>,
    /// The integrations of alerts whose rule names none: all, if the user says nothing.
    pub default_integrations: Vec<Arc<str>>,
    /// The folder that keeps events and open alerts.
    pub state_folder: PathBuf,
    /// `client` of the events: who sends.
    pub client: String,
    /// `client_url` of the events: where a person looks, if the user says.
    pub client_url: Option<String>,
    /// The texts of pages, where rules bring their own.
    pub messages: Messages,
}
