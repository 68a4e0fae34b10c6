//! The promise of paging: a transition that was handed in reaches each of its integrations, once, in
//! order, whatever happens to the process, the network or the receiver.
//!
//! * `intake` (pure): silences, storms, what is told again;
//! * `ledger` (pure): what waits for whom, what superfluous events are, in which order;
//! * `lane` (pure): one integration's events and which is next, within its rate limit;
//! * `pump` (pure): circuits, pauses, and what an answer leads to;
//! * `disk`, `codec`, `writer`: the file, its values, the thread that commits in groups;
//! * `sender`: one task an integration.
//!
//! Bounds and what happens at them: `ledger::Limits` (events that wait, dead letters),
//! `shared::PENDING_OPS_MAX` (changes not yet written: submitting waits, at most
//! `shared::SUBMIT_WAIT_MAX`, then goes on without the disk), `lane::DISK_PATIENCE` (an event does
//! not wait longer for a disk that hangs).

mod changes;
mod codec;
mod disk;
pub mod health;
mod intake;
mod lane;
mod ledger;
mod operate;
mod pump;
mod record;
mod sender;
mod shared;
mod writer;

pub use self::operate::{AlertState, EventView};

use self::disk::{DiskError, Opened, Opener, RedbOpener};
use self::health::{CircuitHealth, DeadLetter, DiskHealth, IntegrationHealth, NotifyHealth};
use self::intake::Intake;
use self::ledger::{Ledger, Limits};
use self::pump::{Blocked, Pumps};
use self::record::Rows;
use self::shared::{Shared, State};
use self::writer::Writer;
use super::NotifyError;
use super::page_test::{TestAnswer, send_test};
use super::retry::RetryPolicy;
use super::settings::{IntegrationSettings, NotifySettings};
use crate::alert::{AlertKey, Transition};
use crate::model::{Moment, Now, SystemClock, UnixMillis};
use crate::telemetry;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::MissedTickBehavior;

/// Times that the defaults fit for operation, and tests make shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Pauses after failures.
    pub retry: RetryPolicy,
    /// How soon a file that could not be written is opened anew.
    pub reopen_after: Duration,
    /// Events that wait for one integration, at most; see `Limits`.
    pub waiting_max: usize,
}

impl Tuning {
    /// Half a minute: a full disk is seldom emptied sooner, and each try costs a check of the file.
    pub const DEFAULT: Self = Self {
        retry: RetryPolicy::DEFAULT,
        reopen_after: Duration::from_secs(30),
        waiting_max: Limits::DEFAULT.waiting_max,
    };
}

impl Default for Tuning {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Opens outboxes.
#[derive(Debug)]
pub struct Outbox;

impl Outbox {
    /// Opens the outbox in `settings.state_folder` and begins to send what waits in it. Its tasks run
    /// on `runtime`. Returns the alerts that went on when the process before ended ([`OutboxHandle::recall`]
    /// says more of them), and warnings for the operator: a file that is damaged or cannot be written does
    /// not keep paging from starting.
    ///
    /// # Errors
    /// [`NotifyError::InUse`] if another process has the folder, [`NotifyError::Thread`].
    pub fn open(
        settings: &NotifySettings,
        clock: SystemClock,
        runtime: &Handle,
    ) -> Result<(OutboxHandle, Vec<AlertKey>, Vec<String>), NotifyError> {
        Self::open_tuned(settings, clock, runtime, Tuning::DEFAULT)
    }

    /// The same with other times.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_tuned(
        settings: &NotifySettings,
        clock: SystemClock,
        runtime: &Handle,
        tuning: Tuning,
    ) -> Result<(OutboxHandle, Vec<AlertKey>, Vec<String>), NotifyError> {
        let seconds = move || clock.now().unix.0 / 1_000;
        let opener = Box::new(RedbOpener::new(&settings.state_folder, seconds));
        Self::open_with(settings, clock, runtime, tuning, opener)
    }

    fn open_with(
        settings: &NotifySettings,
        clock: SystemClock,
        runtime: &Handle,
        tuning: Tuning,
        mut opener: Box<dyn Opener>,
    ) -> Result<(OutboxHandle, Vec<AlertKey>, Vec<String>), NotifyError> {
        let (disk, archive, rows, mut warnings, failure) = match opener.open() {
            Ok(Opened { disk, archive, rows, warnings }) => (Some(disk), Some(archive), rows, warnings, None),
            Err(DiskError::InUse(path)) => return Err(NotifyError::InUse(path)),
            Err(error) => (None, None, Rows::default(), Vec::new(), Some(error)),
        };
        let limits = Limits { waiting_max: tuning.waiting_max, ..Limits::DEFAULT };
        let mut rows = rows;
        let silences = std::mem::take(&mut rows.silences);
        let rewrite = rows.is_old;
        let ledger = Ledger::new(limits, rows, clock.now());
        let state = State {
            intake: Intake::restore(&ledger, silences),
            ledger,
            pumps: Pumps::default(),
            tallies: BTreeMap::new(),
            disk: DiskHealth::Written,
            rewrite,
            writing: false,
            stopped: false,
            replacing: false,
        };
        let open_alerts = state.ledger.open_keys();
        let shared = Arc::new(Shared::new(state, settings.clone(), clock, tuning, archive));
        let mut reopen_at = Moment::ZERO;
        if let Some(error) = failure {
            shared.disk_failed(&error);
            reopen_at = clock.moment() + tuning.reopen_after;
            warnings.push(format!(
                "the outbox is kept in memory only, a restart would lose what waits: {}",
                shared::describe(&error)
            ));
        }
        let thread = start_writer(Arc::clone(&shared), Writer { opener, disk, reopen_at })?;
        let ticks = Arc::downgrade(&shared);
        let tick = runtime.spawn(async move {
            let mut every = tokio::time::interval(TICK);
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut windows = None;
            let mut fetching: Option<JoinHandle<()>> = None;
            loop {
                every.tick().await;
                let Some(shared) = ticks.upgrade() else { return };
                shared.tick();
                // A disk that hangs holds up nothing else.
                if fetching.as_ref().is_none_or(JoinHandle::is_finished) {
                    let shared = Arc::clone(&shared);
                    fetching = Some(spawn_blocking(move || shared.fetch()));
                }
                shared.tell_windows(&mut windows, &Handle::current());
            }
        });
        let inner = Inner {
            tick,
            shared,
            runtime: runtime.clone(),
            senders: Mutex::new(BTreeMap::new()),
            writer: Mutex::new(Some(thread)),
        };
        let handle = OutboxHandle(Arc::new(inner));
        handle.configure(settings);
        Ok((handle, open_alerts, warnings))
    }
}

fn start_writer(shared: Arc<Shared>, writer: Writer) -> Result<thread::JoinHandle<()>, NotifyError> {
    let run = move || {
        if catch_unwind(AssertUnwindSafe(|| writer.run(&shared))).is_err() {
            // Without its writer the outbox pages from memory.
            telemetry::notify::panicked("writer", "outbox");
            shared.writer_is_gone();
        }
    };
    thread::Builder::new().name("outbox".to_owned()).spawn(run).map_err(NotifyError::Thread)
}

/// The outbox, as its users see it. Cheap to clone; the last one dropped stops it without waiting.
#[derive(Clone)]
pub struct OutboxHandle(Arc<Inner>);

/// How soon the end of a silence, or news of a group, is seen.
const TICK: Duration = Duration::from_secs(1);

struct Inner {
    tick: JoinHandle<()>,
    shared: Arc<Shared>,
    runtime: Handle,
    senders: Mutex<BTreeMap<Arc<str>, SenderControl>>,
    writer: Mutex<Option<thread::JoinHandle<()>>>,
}

struct SenderControl {
    settings: watch::Sender<Arc<IntegrationSettings>>,
    task: JoinHandle<()>,
}

impl OutboxHandle {
    /// Takes transitions in: they will reach their integrations. Needs no runtime around it, and does
    /// not wait for the disk unless that does not keep up.
    pub fn submit(&self, transitions: Vec<Transition>) {
        if !transitions.is_empty() {
            self.0.shared.submit(transitions);
        }
    }

    /// Takes other settings: senders of integrations that are new begin, of those that changed begin
    /// anew (and try again what was given up), of those that are gone end; their events stay for a
    /// week. The state folder stays that of the start.
    pub fn reload(&self, settings: &NotifySettings) {
        self.0.shared.settings.store(Arc::new(settings.clone()));
        self.configure(settings);
    }

    fn configure(&self, settings: &NotifySettings) {
        let mut senders = self.0.senders.lock().unwrap_or_else(PoisonError::into_inner);
        senders.retain(|name, _| settings.integrations.iter().any(|it| it.name == *name));
        for integration in &settings.integrations {
            let new = Arc::new(integration.clone());
            if let Some(control) = senders.get(&integration.name) {
                control.settings.send_if_modified(|old| {
                    let changed = *old != new;
                    *old = Arc::clone(&new);
                    changed
                });
            } else {
                let (sender, receiver) = watch::channel(new);
                let shared = Arc::clone(&self.0.shared);
                let run = sender::supervise(shared, Arc::clone(&integration.name), receiver);
                let control = SenderControl { settings: sender, task: self.0.runtime.spawn(run) };
                senders.insert(Arc::clone(&integration.name), control);
            }
        }
        drop(senders);
        self.0.shared.abandon_parked();
    }

    /// Waits until all that was submitted is on disk, at most so long; `false` if it is not, because
    /// time ran out or the file cannot be written. Blocks: not for a task.
    #[must_use]
    pub fn flush(&self, limit: Duration) -> bool {
        let shared = &self.0.shared;
        let deadline = shared.clock.moment() + limit;
        let mut state = shared.lock();
        while state.writing || state.rewrite || 0 < state.ledger.pending() {
            if state.disk != DiskHealth::Written {
                return false;
            }
            match shared.wait_progress(state, deadline) {
                Some(again) => state = again,
                None => return false,
            }
        }
        state.disk == DiskHealth::Written
    }

    /// Sends what can go at once (not what a failing receiver or the rate limit holds back), at most
    /// for so long, then ends. Returns how many events wait for the next start. Blocks: not for a task.
    pub fn stop(&self, limit: Duration) -> usize {
        let shared = &self.0.shared;
        let deadline = shared.clock.moment() + limit;
        let mut state = shared.lock();
        while !self.is_drained(&state) {
            match shared.wait_progress(state, deadline) {
                Some(again) => state = again,
                None => {
                    state = shared.lock();
                    break;
                }
            }
        }
        state.stopped = true;
        let left = state.ledger.waiting().map(|(_, waiting)| waiting).sum();
        drop(state);
        self.0.end();
        let writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = writer
            && thread.join().is_err()
        {
            telemetry::notify::panicked("writer", "outbox");
        }
        left
    }

    fn is_drained(&self, state: &State) -> bool {
        let senders = self.0.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let written = !state.writing && !state.rewrite && state.ledger.pending() == 0;
        let on_disk = written || state.disk != DiskHealth::Written;
        on_disk
            && senders.iter().all(|(name, control)| {
                let Some(lane) = state.ledger.find_lane(name) else { return true };
                let limited = state.tallies.get(name).is_some_and(|it| it.limited);
                let blocked = limited || state.pumps.blocked(name).is_some();
                control.task.is_finished() || (lane.in_flight() == 0 && (blocked || !lane.has_ready()))
            })
    }

    /// How paging is doing.
    #[must_use]
    pub fn health(&self) -> NotifyHealth {
        self.health_of(&self.0.shared.lock())
    }

    /// Waits until the health is as asked, at most so long; says whether it is. Blocks: not for a task.
    #[must_use]
    pub fn wait_until(&self, limit: Duration, holds: impl Fn(&NotifyHealth) -> bool) -> bool {
        let deadline = self.0.shared.clock.moment() + limit;
        let mut state = self.0.shared.lock();
        while !holds(&self.health_of(&state)) {
            match self.0.shared.wait_progress(state, deadline) {
                Some(again) => state = again,
                None => return holds(&self.health()),
            }
        }
        true
    }

    fn health_of(&self, state: &State) -> NotifyHealth {
        let settings = self.0.shared.settings.load();
        let mut names: Vec<Arc<str>> = settings.integrations.iter().map(|it| Arc::clone(&it.name)).collect();
        for (name, lane) in state.ledger.lanes() {
            if 0 < lane.len() + state.ledger.later(name) && !names.contains(name) {
                names.push(Arc::clone(name));
            }
        }
        let now = self.0.shared.clock.now();
        let integrations = names.iter().map(|it| integration_health(state, &settings, it, now)).collect();
        let dead_letters = state.ledger.dead().map(|(lane, row)| DeadLetter {
            integration: Arc::clone(lane),
            alert: row.record.key.clone(),
            action: row.record.action,
            severity: row.record.severity,
            reason: row.reason,
            text: row.text.clone(),
            at: row.record.at,
            given_up_at: row.at,
        });
        NotifyHealth {
            disk: state.disk.clone(),
            open_alerts: state.ledger.open_len(),
            integrations,
            dead_letters: dead_letters.collect(),
        }
    }

    /// Tries again what that integration refused, as far as it still matters: alerts that go on, and
    /// resolves.
    ///
    /// # Errors
    /// [`NotifyError::UnknownIntegration`].
    pub fn retry_dead_letters(&self, integration: &str) -> Result<(), NotifyError> {
        let settings = self.0.shared.settings.load();
        let found = super::page_test::find(&settings, integration)?;
        self.0.shared.revive(&found.name);
        Ok(())
    }

    /// The same, at once: a receiver that is spared is tried now.
    ///
    /// # Errors
    /// [`NotifyError::UnknownIntegration`].
    pub fn retry(&self, integration: &str, by: &str) -> Result<(), NotifyError> {
        let settings = self.0.shared.settings.load();
        let found = super::page_test::find(&settings, integration)?;
        telemetry::notify::operated("retry", integration, by);
        self.0.shared.begin(&found.name, found);
        self.0.shared.revive(&found.name);
        self.0.shared.wake_senders();
        Ok(())
    }

    /// Sends a test page and resolves it: see [`send_test`].
    ///
    /// # Errors
    /// As [`send_test`].
    pub async fn send_test(&self, integration: &str) -> Result<TestAnswer, NotifyError> {
        let settings = self.0.shared.settings.load_full();
        send_test(&settings, integration, self.0.shared.clock.now()).await
    }
}

fn integration_health(
    state: &State,
    settings: &NotifySettings,
    name: &Arc<str>,
    now: Now,
) -> IntegrationHealth {
    let tally = state.tallies.get(name).cloned().unwrap_or_default();
    let circuit = match state.pumps.blocked(name) {
        None => CircuitHealth::Closed,
        Some(Blocked { until, failures, reason }) => {
            let left = i64::try_from(until.since(now.moment).as_millis()).unwrap_or(i64::MAX);
            CircuitHealth::Open { until: UnixMillis(now.unix.0.saturating_add(left)), failures, reason }
        }
    };
    IntegrationHealth {
        name: Arc::clone(name),
        configured: settings.integrations.iter().any(|it| it.name == *name),
        receiver: tally.receiver,
        waiting: state.ledger.find_lane(name).map_or(0, lane::Lane::len) + state.ledger.later(name),
        oldest: state
            .ledger
            .find_lane(name)
            .and_then(lane::Lane::oldest)
            .map_or(Duration::ZERO, |it| now.moment.since(it)),
        sent: tally.sent,
        retried: tally.retried,
        given_up: tally.given_up,
        merged: tally.merged,
        last_error: tally.last_error,
        last_accepted: tally.last_accepted,
        circuit,
        key_error: tally.key_error,
        limited: tally.limited,
    }
}

impl Inner {
    /// Ends senders and writer, without waiting for them.
    fn end(&self) {
        let senders = std::mem::take(&mut *self.senders.lock().unwrap_or_else(PoisonError::into_inner));
        for control in senders.into_values() {
            control.task.abort();
        }
        self.tick.abort();
        self.shared.lock().stopped = true;
        self.shared.work.notify_all();
        self.shared.progress.notify_all();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}

impl std::fmt::Debug for OutboxHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboxHandle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod disk_of_octets;
#[cfg(test)]
mod disk_test;
#[cfg(test)]
pub(crate) mod ledger_test;
#[cfg(test)]
mod model_test;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod writer_test;
