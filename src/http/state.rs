//! What the HTTP side is given: the store, and a view of those parts whose types it need not know.

use super::Access;
use crate::alert::{AlertFacts, Phase};
use crate::model::{ComponentKind, Now, PollError, Severity, Source, UnixMillis};
use crate::store::Store;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// All that the handlers read. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The readings.
    pub store: Arc<Store>,
    /// The alerts.
    pub alerts: Arc<dyn AlertSource>,
    /// Paging.
    pub outbox: Arc<dyn OutboxStatus>,
    /// Paging as operators see it; `None`: it cannot be looked at here.
    pub operations: Option<Arc<dyn super::Operations>>,
    /// Traps.
    pub traps: TrapStatus,
    /// The inventory sources.
    pub sources: SourceStatus,
    /// The rules.
    pub rules: RuleStatus,
    /// How far the start has come.
    pub ready: watch::Receiver<Readiness>,
    /// The time.
    pub clock: Arc<dyn Fn() -> Now + Send + Sync>,
    /// When the collector started.
    pub started: Now,
    /// Who may ask.
    pub access: Access,
}

impl AppState {
    /// The time.
    pub(super) fn now(&self) -> Now {
        (self.clock)()
    }
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState").field("started", &self.started).finish_non_exhaustive()
    }
}

/// One alert that is pending or firing.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveAlert {
    /// What is known of it.
    pub facts: Arc<AlertFacts>,
    /// Where it stands.
    pub phase: Phase,
    /// How bad it is.
    pub severity: Severity,
    /// Why, in words for a person.
    pub reason: String,
}

/// Where alerts come from.
pub trait AlertSource: Send + Sync {
    /// All that are pending or firing, in any order.
    fn active(&self) -> Vec<Arc<ActiveAlert>>;
}

/// How one integration's way out stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxFacts {
    /// The integration's name.
    pub name: String,
    /// Events that wait for being accepted.
    pub waiting: u64,
    /// Events that were accepted since the start.
    pub sent: u64,
    /// Events that were given up, and are kept for a person to see.
    pub dead_letters: u64,
    /// What went wrong last; `None` once an event went through after it.
    pub last_error: Option<String>,
    /// When that was, where it is known.
    pub last_error_at: Option<UnixMillis>,
    /// Whether events can be kept and sent.
    pub healthy: bool,
}

/// Where the state of paging comes from.
pub trait OutboxStatus: Send + Sync {
    /// Each integration, by name.
    fn integrations(&self) -> Vec<OutboxFacts>;
}

/// How the trap listener stands: counts since the start, each trap in one of those of outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrapFacts {
    /// Where it listens.
    pub listening: SocketAddr,
    /// All that came.
    pub received: u64,
    /// Those whose device was asked at once.
    pub asked: u64,
    /// Those whose device had been asked just before.
    pub too_soon: u64,
    /// Those from nobody that is configured.
    pub unknown_sender: u64,
    /// Those without the device's credential.
    pub not_authenticated: u64,
    /// Questions for our engine, which come before an inform of SNMPv3.
    pub discovery: u64,
    /// Those that are older than what their sender sent before.
    pub replayed: u64,
    /// Those over a limit.
    pub flood: u64,
    /// Those that cannot be read.
    pub malformed: u64,
    /// Those that the kernel dropped; not among `received`.
    pub dropped: u64,
    /// Informs that were acknowledged.
    pub informs_answered: u64,
    /// Polls that all of this caused.
    pub polls: u64,
}

/// Where the state of the trap listener comes from; `None`: there is no listener.
pub type TrapStatus = Arc<dyn Fn() -> Option<TrapFacts> + Send + Sync>;

/// How one inventory source stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceFacts {
    /// The source.
    pub source: Arc<Source>,
    /// When a snapshot was tried last.
    pub last_attempt: Option<UnixMillis>,
    /// When a snapshot was taken last.
    pub last_success: Option<Now>,
    /// When its data was taken, where the source says so.
    pub taken_at: Option<UnixMillis>,
    /// When the next one is due.
    pub next_attempt: Option<UnixMillis>,
    /// How long the last attempt took.
    pub duration: Duration,
    /// Failed snapshots in a row.
    pub failures: u32,
    /// Why the last one failed.
    pub error: Option<PollError>,
    /// How many objects of each kind the last good one holds.
    pub objects: Vec<(ComponentKind, usize)>,
    /// What is odd in it: the first few.
    pub warnings: Vec<String>,
    /// How many such remarks there are.
    pub warnings_total: usize,
}

impl SourceFacts {
    /// A source that has not been asked yet.
    #[must_use]
    pub fn new(source: Arc<Source>) -> Self {
        Self {
            source,
            last_attempt: None,
            last_success: None,
            taken_at: None,
            next_attempt: None,
            duration: Duration::ZERO,
            failures: 0,
            error: None,
            objects: Vec::new(),
            warnings: Vec::new(),
            warnings_total: 0,
        }
    }
}

/// Where the state of the inventory sources comes from, in the order of the config.
pub type SourceStatus = Arc<dyn Fn() -> Vec<SourceFacts> + Send + Sync>;

/// How far the start has come. The default is the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness {
    /// The configuration was read and holds.
    pub config_loaded: bool,
    /// All listeners are bound.
    pub listening: bool,
    /// The first polls have been sent, or there is no device.
    pub polling: bool,
}

/// All alerts: firing before pending, worse before milder, older before newer.
pub(super) fn sorted_alerts(app: &AppState) -> Vec<Arc<ActiveAlert>> {
    let mut alerts = app.alerts.active();
    alerts.sort_by(|left, right| {
        let pending = |it: &ActiveAlert| it.phase == Phase::Pending;
        pending(left)
            .cmp(&pending(right))
            .then(right.severity.cmp(&left.severity))
            .then(left.facts.since.cmp(&right.facts.since))
            .then_with(|| left.facts.key.cmp(&right.facts.key))
    });
    alerts
}

/// One rule, and what it is bound to over the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFacts {
    /// Its name.
    pub name: String,
    /// Its type, as `power_unit_infeed`.
    pub rule_type: &'static str,
    /// Its trigger.
    pub trigger: &'static str,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// How many devices and inventories it is for.
    pub devices: usize,
    /// How many of them have not been learnt yet.
    pub unlearnt: usize,
    /// How many readings (or devices, for reachability) it judges.
    pub bound: usize,
    /// How many it should judge and cannot.
    pub unbound: usize,
    /// What a person should know, if anything.
    pub complaint: Option<String>,
    /// Some of those that it cannot judge: the object as rules name it, and why.
    pub examples: Vec<(String, String)>,
}

/// Where the rules come from, in the order of the config.
pub type RuleStatus = Arc<dyn Fn() -> Vec<RuleFacts> + Send + Sync>;
