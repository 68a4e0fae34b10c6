//! What the outbox keeps: events, open alerts, dead letters.

use crate::alert::{AlertFacts, AlertKey, Transition, TransitionKind};
use crate::model::{Severity, UnixMillis};
use crate::notify::by_severity;
use crate::notify::pagerduty::{Action, Reason};
use crate::notify::silence::Silence;
use crate::notify::storm::GROUP_RULE_TYPE;
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

/// How urgent an event is, the most urgent first. Criticals and resolves take turns: neither keeps the other
/// waiting for long, however many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Critical,
    Resolve,
    Error,
    Warning,
    Info,
}

impl Rank {
    /// Whether it may use the limiter's reserve.
    pub(crate) const fn is_urgent(self) -> bool {
        matches!(self, Self::Critical | Self::Resolve)
    }
}

impl Record {
    /// What goes first.
    pub(crate) const fn rank(&self) -> Rank {
        match (self.action, self.severity) {
            (Action::Trigger, Severity::Critical) => Rank::Critical,
            (Action::Resolve, _) => Rank::Resolve,
            (Action::Trigger, Severity::Error) | (Action::Acknowledge, _) => Rank::Error,
            (Action::Trigger, Severity::Warning) => Rank::Warning,
            (Action::Trigger, Severity::Info) => Rank::Info,
        }
    }
}

/// What one integration has heard of an open alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    /// Nothing yet: the event waits.
    Waiting,
    /// Nothing yet: there is no event either, since too many wait. One is made when there is room.
    Later,
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
        matches!(self, Self::Dead | Self::Unsure | Self::Later)
    }
}

/// What each integration has heard. Most alerts have the same: they share it.
pub(crate) type Heard = Arc<BTreeMap<Arc<str>, Told>>;

/// The last announcement of an alert.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Last {
    /// As it was made.
    Here(Arc<Transition>),
    /// It is on disk, and this was its severity: a million of them would not fit into memory.
    Stored(Severity),
}

/// An alert that goes on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenRow {
    /// The last announcement of it.
    pub(crate) last: Last,
    /// When it was first announced.
    pub(crate) fired_at: UnixMillis,
    /// By integration.
    pub(crate) told: Heard,
    /// When a trigger of it was last put on its way.
    pub(crate) announced_at: UnixMillis,
    /// Why nobody is told at present.
    pub(crate) hold: Option<Hold>,
    /// Who looks after it.
    pub(crate) acknowledged: Option<Box<Acknowledgement>>,
}

impl OpenRow {
    /// Its severity.
    pub(crate) fn severity(&self) -> Severity {
        match &self.last {
            Last::Here(transition) => transition.severity,
            Last::Stored(severity) => *severity,
        }
    }

    /// Its last announcement, if that is in memory.
    pub(crate) const fn here(&self) -> Option<&Arc<Transition>> {
        match &self.last {
            Last::Here(transition) => Some(transition),
            Last::Stored(_) => None,
        }
    }

    /// Whether it is a group's: those stay in memory.
    pub(crate) fn is_group(&self) -> bool {
        self.here().is_some_and(|it| it.facts.rule_type == GROUP_RULE_TYPE)
    }

    /// Whether its announcement has to stay in memory: it is looked at each second.
    pub(crate) fn is_pinned(&self) -> bool {
        matches!(self.hold, Some(Hold::Silence | Hold::Wait)) || self.is_group()
    }

    /// Its last announcement; if that is not in memory, what can be said without it.
    pub(crate) fn announcement(&self, key: &AlertKey) -> Arc<Transition> {
        self.here().cloned().unwrap_or_else(|| Arc::new(self.without_facts(key)))
    }

    /// What is left to say of an alert whose facts the disk has lost: which it is, how bad, since when.
    pub(crate) fn without_facts(&self, key: &AlertKey) -> Transition {
        let parts = AlertKey(by_severity::base(&key.0).into()).parts();
        let (rule, device) =
            parts.map_or_else(|| (key.to_string(), key.to_string()), |it| (it.rule, it.device));
        Transition {
            kind: TransitionKind::Trigger,
            severity: self.severity(),
            at: self.announced_at,
            reason: FACTS_LOST.to_owned(),
            facts: Arc::new(AlertFacts::of_no_reading(
                key.clone(),
                (&rule, "", ""),
                device.into(),
                self.fired_at,
            )),
        }
    }
}

const FACTS_LOST: &str = "its details were lost with the outbox's file";

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
    /// Of an event that is on disk only, when all else is written anew: it stays.
    KeepEvent(Place),
    /// Forgets one.
    DeleteEvent(Place),
    /// Keeps an open alert, and its last announcement if that is new (and [`Last::Here`]).
    PutOpen(AlertKey, Arc<OpenRow>, bool),
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
    /// Resolves that stay on disk for now, with their alert and when it ended, in their order.
    pub(crate) parked: Vec<(Place, AlertKey, UnixMillis)>,
    /// Open alerts. Announcements that are [pinned](OpenRow::is_pinned) are here, those of others stored.
    pub(crate) open: Vec<(AlertKey, Arc<OpenRow>)>,
    /// Dead letters.
    pub(crate) dead: Vec<(Place, Arc<DeadRow>)>,
    /// Silences.
    pub(crate) silences: Vec<Silence>,
    /// Requests by integration and second.
    pub(crate) windows: Vec<Window>,
    /// Whether some are of an older version: then all is to be written anew.
    pub(crate) is_old: bool,
}
