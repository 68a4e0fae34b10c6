//! How paging is doing: a snapshot for the API, the status page and readiness.

use crate::alert::AlertKey;
use crate::model::{Severity, UnixMillis};
use crate::notify::pagerduty::{Action, Reason};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// All of paging.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifyHealth {
    /// The file.
    pub disk: DiskHealth,
    /// Alerts that go on.
    pub open_alerts: usize,
    /// By name. Integrations that are gone from the config stay while events wait for them.
    pub integrations: Vec<IntegrationHealth>,
    /// Events that were given up, oldest first.
    pub dead_letters: Vec<DeadLetter>,
}

impl NotifyHealth {
    /// Whether an operator should look.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        let bad = |it: &IntegrationHealth| it.circuit != CircuitHealth::Closed || it.key_error.is_some();
        self.disk != DiskHealth::Written || self.integrations.iter().any(bad)
    }
}

/// Where events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskHealth {
    /// On disk.
    Written,
    /// In memory only: a restart would lose those that wait.
    MemoryOnly {
        /// Why.
        reason: String,
        /// Since when.
        since: UnixMillis,
    },
}

/// One integration.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegrationHealth {
    /// Its name.
    pub name: Arc<str>,
    /// Whether the config (still) has it.
    pub configured: bool,
    /// Scheme, host and port of its URL; empty if it is not configured.
    pub receiver: String,
    /// Events that wait or are on their way, and alerts that wait for room among them.
    pub waiting: usize,
    /// How long the oldest of them has waited, as far as this process knows.
    pub oldest: Duration,
    /// Events accepted since the start.
    pub sent: u64,
    /// Requests that failed and were tried again, since the start.
    pub retried: u64,
    /// Events given up, since the start.
    pub given_up: u64,
    /// Waiting events that newer ones made superfluous, since the start.
    pub merged: u64,
    /// The last failure, in words, and when.
    pub last_error: Option<(String, UnixMillis)>,
    /// When the last event was accepted.
    pub last_accepted: Option<UnixMillis>,
    /// Whether it is being spared.
    pub circuit: CircuitHealth,
    /// Why the routing key cannot be had.
    pub key_error: Option<String>,
    /// Whether the rate limit holds events back at the moment.
    pub limited: bool,
}

/// Whether a receiver is being spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitHealth {
    /// It takes events.
    Closed,
    /// It fails: the next try is then.
    Open {
        /// When.
        until: UnixMillis,
        /// Failures in a row.
        failures: u32,
        /// Why.
        reason: Reason,
    },
}

/// An event that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The integration.
    pub integration: Arc<str>,
    /// The alert.
    pub alert: AlertKey,
    /// What it asked for.
    pub action: Action,
    /// The alert's severity.
    pub severity: Severity,
    /// Why it was given up.
    pub reason: Reason,
    /// The same in words.
    pub text: String,
    /// When the transition happened.
    pub at: UnixMillis,
    /// When it was given up.
    pub given_up_at: UnixMillis,
}

/// What is counted of one integration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) receiver: String,
    pub(crate) sent: u64,
    pub(crate) retried: u64,
    pub(crate) given_up: u64,
    pub(crate) merged: u64,
    pub(crate) last_error: Option<(String, UnixMillis)>,
    pub(crate) last_accepted: Option<UnixMillis>,
    pub(crate) key_error: Option<String>,
    pub(crate) limited: bool,
    /// Alerts wait without an event for want of room: they get one when there is some.
    pub(crate) overflowed: bool,
    /// Alerts of which it has heard nothing are being announced.
    pub(crate) catching_up: bool,
}

/// By integration.
pub(crate) type Tallies = BTreeMap<Arc<str>, Tally>;
