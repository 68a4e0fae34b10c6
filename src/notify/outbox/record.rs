//! What the outbox keeps: events, open alerts, dead letters.

use crate::alert::{AlertKey, Transition};
use crate::model::{Severity, UnixMillis};
use crate::notify::pagerduty::{Action, Reason};
use crate::notify::silence::Silence;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One event, rendered once. The same for every integration, and without a routing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The alert.
    pub(crate) key: AlertKey,
    /// What it asks for.
    pub(crate) action: Action,
    /// The alert's severity.
    pub(crate) severity: Severity,
    /// When it happened.
    pub(crate) at: UnixMillis,
    /// The JSON.
    pub(crate) body: Box<str>,
    /// Whether the body is the least that the receiver needs, after it refused the full one.
    pub(crate) repaired: bool,
}

impl Record {
    /// What goes first: 0 for resolves and criticals, which may use the limiter's reserve.
    pub(crate) const fn rank(&self) -> u8 {
        match (self.action, self.severity) {
            (Action::Resolve, _) | (Action::Trigger, Severity::Critical) => 0,
            (Action::Trigger, Severity::Error) | (Action::Acknowledge, _) => 1,
            (Action::Trigger, Severity::Warning) => 2,
            (Action::Trigger, Severity::Info) => 3,
        }
    }
}

/// What one integration has heard of an open alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing yet: the event waits.
    Waiting,
    /// It took a trigger.
    Accepted,
    /// The event is a dead letter: nobody there knows.
    Dead,
    /// The event is a dead letter or lost, but may have been taken before.
    Unsure,
}

impl Told {
    /// Whether the alert should be announced there again when that may help.
    pub(crate) const fn is_unheard(self) -> bool {
        matches!(self, Self::Dead | Self::Unsure)
    }
}

/// An alert that goes on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenRow {
    /// The last announcement of it.
    pub(crate) last: Arc<Transition>,
    /// When it was first announced.
    pub(crate) fired_at: UnixMillis,
    /// By integration.
    pub(crate) told: BTreeMap<Arc<str>, Told>,
    /// When a trigger of it was last put on its way.
    pub(crate) announced_at: UnixMillis,
    /// Why nobody is told at present.
    pub(crate) hold: Option<Hold>,
    /// Who looks after it.
    pub(crate) acknowledged: Option<Acknowledgement>,
}

/// Why an alert that goes on is not announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hold {
    /// A silence or maintenance window.
    Silence,
    /// It waits for others that may have the same cause.
    Wait,
    /// It is a member of that group, which is announced in its place.
    Group(AlertKey),
}

/// Somebody looks after an alert: it is not announced again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    /// Who.
    pub by: Arc<str>,
    /// When.
    pub at: UnixMillis,
}

/// An event that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadRow {
    /// The event.
    pub(crate) record: Arc<Record>,
    /// Why.
    pub(crate) reason: Reason,
    /// The same in words.
    pub(crate) text: String,
    /// When it was given up.
    pub(crate) at: UnixMillis,
}

/// Where an event or a dead letter stands: its integration and its number.
pub(crate) type Place = (Arc<str>, u64);

/// One change of what is on disk.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Keeps an event; with whether the receiver may have an incident for its alert (this event, or one
    /// before it, may have left).
    PutEvent(Place, Arc<Record>, bool),
    /// Forgets one.
    DeleteEvent(Place),
    /// Keeps an open alert.
    PutOpen(AlertKey, Arc<OpenRow>),
    /// Forgets one.
    DeleteOpen(AlertKey),
    /// Keeps a dead letter.
    PutDead(Place, Arc<DeadRow>),
    /// Forgets one.
    DeleteDead(Place),
    /// Keeps a silence.
    PutSilence(Arc<Silence>),
    /// Forgets one.
    DeleteSilence(u64),
    /// Keeps how many requests an integration got in which second since 1970.
    PutWindow(Arc<str>, Vec<(i64, u32)>),
}

/// How many requests an integration got in which second since 1970.
pub(crate) type Window = (Arc<str>, Vec<(i64, u32)>);

/// All that is on disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// Events, by integration and number, and whether each may have left.
    pub(crate) events: Vec<(Place, Arc<Record>, bool)>,
    /// Open alerts.
    pub(crate) open: Vec<OpenRow>,
    /// Dead letters.
    pub(crate) dead: Vec<(Place, Arc<DeadRow>)>,
    /// Silences.
    pub(crate) silences: Vec<Silence>,
    /// Requests by integration and second.
    pub(crate) windows: Vec<Window>,
}
