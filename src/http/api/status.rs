//! The collector's own state as JSON, and the counts that the page shows too.

use super::super::AppState;
use super::super::health::{Ready, readiness};
use super::super::state::{ActiveAlert, OutboxFacts, TrapFacts};
use super::Time;
use super::devices::missing;
use super::readings::seconds;
use crate::alert::Phase;
use crate::model::Now;
use crate::store::{Published, Standing};
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;

/// The answer.
#[derive(Serialize)]
pub(super) struct Status {
    version: &'static str,
    time: Time,
    started: Time,
    uptime_seconds: f64,
    #[serde(flatten)]
    ready: Ready,
    devices: Devices,
    readings: Readings,
    sources: Sources,
    alerts: Alerts,
    outbox: Vec<OutboxRow>,
    /// Absent where nothing listens for traps.
    #[serde(skip_serializing_if = "Option::is_none")]
    traps: Option<Traps>,
}

/// Devices, each in one of three counts.
#[derive(Serialize, Debug, Default, Clone, Copy)]
pub(in crate::http) struct Devices {
    pub(in crate::http) total: usize,
    pub(in crate::http) up: usize,
    /// Failed or stale.
    pub(in crate::http) down: usize,
    /// Those of `down` that are stale.
    pub(in crate::http) stale: usize,
}

/// Readings of all devices.
#[derive(Serialize, Debug, Default, Clone, Copy)]
pub(in crate::http) struct Readings {
    pub(in crate::http) total: usize,
    /// Without a current value; those of stale devices are not current.
    pub(in crate::http) missing: usize,
}

/// Inventory sources, each in one of three counts, and their objects.
#[derive(Serialize, Debug, Default, Clone, Copy)]
pub(in crate::http) struct Sources {
    pub(in crate::http) total: usize,
    pub(in crate::http) up: usize,
    /// Failed, stale, or not asked yet.
    pub(in crate::http) down: usize,
    /// Those of `down` whose last good snapshot is too old, or that never had one.
    pub(in crate::http) stale: usize,
    pub(in crate::http) objects: usize,
}

/// Alerts by phase.
#[derive(Serialize, Debug, Default, Clone, Copy)]
pub(in crate::http) struct Alerts {
    pub(in crate::http) firing: usize,
    pub(in crate::http) pending: usize,
}

/// What came to the trap listener.
#[derive(Serialize)]
struct Traps {
    listening: SocketAddr,
    received: u64,
    asked: u64,
    too_soon: u64,
    unknown_sender: u64,
    not_authenticated: u64,
    discovery: u64,
    replayed: u64,
    flood: u64,
    malformed: u64,
    dropped: u64,
    informs_answered: u64,
    polls: u64,
}

impl From<TrapFacts> for Traps {
    fn from(it: TrapFacts) -> Self {
        let TrapFacts {
            listening,
            received,
            asked,
            too_soon,
            unknown_sender,
            not_authenticated,
            discovery,
            replayed,
            flood,
            malformed,
            dropped,
            informs_answered,
            polls,
        } = it;
        Self {
            listening,
            received,
            asked,
            too_soon,
            unknown_sender,
            not_authenticated,
            discovery,
            replayed,
            flood,
            malformed,
            dropped,
            informs_answered,
            polls,
        }
    }
}

#[derive(Serialize)]
struct OutboxRow {
    name: String,
    healthy: bool,
    waiting: u64,
    sent: u64,
    dead_letters: u64,
    last_error: Option<String>,
    last_error_at: Option<Time>,
}

impl From<OutboxFacts> for OutboxRow {
    fn from(it: OutboxFacts) -> Self {
        let OutboxFacts { name, waiting, sent, dead_letters, last_error, last_error_at, healthy } = it;
        Self {
            name,
            healthy,
            waiting,
            sent,
            dead_letters,
            last_error,
            last_error_at: last_error_at.map(Time),
        }
    }
}

/// The collector's state now.
pub(super) fn status(app: &AppState) -> Status {
    let now = app.now();
    let (devices, readings) = fleet(&app.store.snapshot(), now);
    Status {
        version: env!("CARGO_PKG_VERSION"),
        time: Time(now.unix),
        started: Time(app.started.unix),
        uptime_seconds: seconds(now.moment.since(app.started.moment)),
        ready: readiness(app),
        devices,
        readings,
        sources: Sources::of(app, now),
        alerts: Alerts::of(&app.alerts.active()),
        outbox: app.outbox.integrations().into_iter().map(OutboxRow::from).collect(),
        traps: (app.traps)().map(Traps::from),
    }
}

/// The counts of a snapshot.
pub(in crate::http) fn fleet(snapshot: &[Arc<Published>], now: Now) -> (Devices, Readings) {
    let mut devices = Devices::default();
    let mut readings = Readings::default();
    for it in snapshot.iter().filter(|it| !it.is_inventory()) {
        let of_device = it.batch().shape.readings.len();
        devices.total += 1;
        readings.total += of_device;
        match it.standing(now) {
            Standing::Up => devices.up += 1,
            Standing::Failed => devices.down += 1,
            Standing::Stale => {
                devices.down += 1;
                devices.stale += 1;
            }
        }
        readings.missing += if it.is_stale(now) { of_device } else { missing(it.batch()) };
    }
    (devices, readings)
}

impl Sources {
    /// The counts of the sources as they stand.
    pub(in crate::http) fn of(app: &AppState, now: Now) -> Self {
        let mut counts = Self::default();
        for facts in (app.sources)() {
            counts.total += 1;
            counts.objects += facts.objects.iter().map(|(_, count)| count).sum::<usize>();
            match app.store.find(&facts.source.device).map(|it| (it.standing(now), it.last_good().is_some()))
            {
                Some((Standing::Up, _)) => counts.up += 1,
                Some((Standing::Failed, true)) => counts.down += 1,
                Some(_) | None => {
                    counts.down += 1;
                    counts.stale += 1;
                }
            }
        }
        counts
    }
}

impl Alerts {
    /// The counts of these alerts.
    pub(in crate::http) fn of(alerts: &[Arc<ActiveAlert>]) -> Self {
        let firing = alerts.iter().filter(|it| it.phase == Phase::Firing).count();
        Self { firing, pending: alerts.len() - firing }
    }
}
