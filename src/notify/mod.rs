//! Paging: transitions become events, kept on disk until the receiver has them.
//!
//! The way of an event: [`OutboxHandle::submit`] renders it and puts it into the ledger (pure state in
//! memory); the writer thread brings the ledger's changes to disk, many in one fsync; then the
//! integration's own task sends it, within its rate limit, and the receiver's 202 removes it.
//!
//! Absences: nothing here knows rules, devices or readings; nothing waits for a receiver but its own
//! task; no routing key is kept, logged or part of an error.

pub mod by_severity;
mod circuit;
pub mod formats;
pub mod heartbeat;
pub mod limiter;
pub mod outbox;
pub mod page_test;
pub mod pagerduty;
pub mod retry;
pub mod secrets;
pub mod settings;
pub mod silence;
pub mod storm;

pub use outbox::health::{CircuitHealth, DeadLetter, DiskHealth, IntegrationHealth, NotifyHealth};
pub use outbox::{Outbox, OutboxHandle, Tuning};
pub use page_test::{TestAnswer, send_test};

use std::path::PathBuf;
use std::sync::Arc;

/// Why paging cannot begin, or a test page cannot be sent. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Another process has the state folder.
    #[error("the outbox in {} is in use: does a second collector run with this state_folder?", .0.display())]
    InUse(PathBuf),
    /// The writer's thread cannot be started.
    #[error("the outbox's thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// There is no integration of that name.
    #[error("there is no integration `{name}`: the config has {known}")]
    UnknownIntegration {
        /// The name asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// Its routing key cannot be read.
    #[error("the routing key of `{integration}` cannot be had")]
    Key {
        /// The integration.
        integration: Arc<str>,
        /// Why.
        source: secrets::SecretError,
    },
    /// Its client cannot be made.
    #[error("integration `{integration}` cannot send")]
    Client {
        /// The integration.
        integration: Arc<str>,
        /// Why.
        source: pagerduty::client::ClientError,
    },
}

#[cfg(test)]
pub(crate) mod fixtures;
