//! The inventory sources at work: a thread of their own, a task a source.
//!
//! A snapshot becomes a batch and takes the same way as a poll: rules, outbox, store. All of that happens
//! on this thread, so that a large snapshot delays neither polls nor pages. A source that fails is tried
//! again with growing pauses; its last good snapshot stays in the store.

use super::enrich::{Enrichment, Lender};
use super::pipeline::{Pipeline, Shared};
use super::watchdog::Pulse;
use crate::http::SourceFacts;
use crate::inventory::file::Stamp;
use crate::inventory::settings::{Access, InventorySettings};
use crate::inventory::{Collector, Failure, Keeper, Snapshot};
use crate::model::{Batch, ComponentKind, Now, SnapshotError, SystemClock, UnixMillis};
use crate::poller::Sink as _;
use crate::telemetry::inventory as events;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{AbortHandle, LocalSet};

/// How soon a file that was replaced is seen.
const FILE_LOOK: Duration = Duration::from_secs(3);
/// After a defect of ours: long enough not to fill the log.
const PANIC_PAUSE: Duration = Duration::from_secs(60);

/// The thread of the sources.
pub(super) struct Inventories {
    wishes: watch::Sender<Wish>,
    thread: Option<JoinHandle<()>>,
    facts: Facts,
    pulse: Pulse,
}

/// What is to be at work.
#[derive(Debug, Clone, Default)]
struct Wish {
    sources: Vec<Arc<InventorySettings>>,
    /// Moves when other rules are in force: what is known is judged by them.
    rules: u64,
    stop: bool,
}

/// How each source stands, by its place in the config.
pub(super) type Facts = Arc<Mutex<BTreeMap<usize, SourceFacts>>>;

impl Inventories {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub(super) fn start(shared: Arc<Shared>, clock: SystemClock) -> std::io::Result<Self> {
        events::init();
        let (wishes, heard) = watch::channel(Wish::default());
        let facts = Facts::default();
        let desk = (shared, Arc::clone(&facts));
        let pulse = Pulse::default();
        let beating = pulse.clone();
        let thread = std::thread::Builder::new().name("inventory".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => {
                    let set = LocalSet::new();
                    set.spawn_local(beating.keep_beating());
                    set.block_on(&runtime, run(desk, clock, heard));
                    // A file system that hangs must not hold up the end.
                    runtime.shutdown_background();
                }
                Err(error) => tracing::error!("inventories cannot be asked: {error}"),
            }
        })?;
        Ok(Self { wishes, thread: Some(thread), facts, pulse })
    }

    /// These sources and no others, from now on; those that did not change go on.
    pub(super) fn replace(&self, sources: &[InventorySettings]) {
        let sources = sources.iter().cloned().map(Arc::new).collect();
        self.wishes.send_modify(|it| it.sources = sources);
    }

    /// Other rules are in force.
    pub(super) fn judge_anew(&self) {
        self.wishes.send_modify(|it| it.rules += 1);
    }

    /// What shows that the thread lives.
    pub(super) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// How the sources stand.
    pub(super) fn facts(&self) -> Facts {
        Arc::clone(&self.facts)
    }

    /// Ends the thread, and requests under way with it.
    pub(super) fn stop(mut self) {
        self.wishes.send_modify(|it| it.stop = true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the inventories had failed");
        }
    }
}

/// What the sources' tasks share.
struct Desk {
    pipeline: Pipeline,
    shared: Arc<Shared>,
    facts: Facts,
    slots: HashMap<Arc<str>, u32>,
    /// By place in the config.
    lenders: BTreeMap<usize, Arc<Lender>>,
}

/// A source at work.
struct Running {
    settings: Arc<InventorySettings>,
    place: usize,
    task: AbortHandle,
}

async fn run((shared, facts): (Arc<Shared>, Facts), clock: SystemClock, mut wishes: watch::Receiver<Wish>) {
    let desk = Rc::new(RefCell::new(Desk {
        pipeline: Pipeline::new(Arc::clone(&shared)),
        shared,
        facts,
        slots: HashMap::new(),
        lenders: BTreeMap::new(),
    }));
    let mut running: Vec<Running> = Vec::new();
    loop {
        let wish = wishes.borrow_and_update().clone();
        if wish.stop {
            return;
        }
        let before = std::mem::take(&mut running);
        for old in before {
            let place = wish.sources.iter().position(|it| *it == old.settings);
            if place == Some(old.place) {
                running.push(old);
                continue;
            }
            old.task.abort();
            desk.borrow_mut().forget(old.place);
            if !wish.sources.iter().any(|it| it.name == old.settings.name) {
                desk.borrow_mut().remove(&old.settings.name, clock.now());
            }
        }
        for (place, settings) in wish.sources.iter().enumerate() {
            if !running.iter().any(|it| it.place == place) {
                let source = Task {
                    settings: Arc::clone(settings),
                    place,
                    desk: Rc::clone(&desk),
                    clock,
                    wishes: wishes.clone(),
                };
                let task = tokio::task::spawn_local(supervise(source)).abort_handle();
                running.push(Running { settings: Arc::clone(settings), place, task });
            }
        }
        if wishes.changed().await.is_err() {
            return;
        }
    }
}

/// One source's task.
#[derive(Clone)]
struct Task {
    settings: Arc<InventorySettings>,
    place: usize,
    desk: Rc<RefCell<Desk>>,
    clock: SystemClock,
    wishes: watch::Receiver<Wish>,
}

/// Begins a source anew when a defect of ours has ended it.
async fn supervise(task: Task) {
    loop {
        let source = Arc::clone(&task.settings.name);
        let watching = tokio::task::spawn_local(watch_source(task.clone()));
        let guard = AbortOnDrop(watching.abort_handle());
        match watching.await {
            Err(error) if error.is_panic() => events::panicked(&source),
            _ => return,
        }
        drop(guard);
        tokio::time::sleep(PANIC_PAUSE).await;
    }
}

/// Ends a task with the one that waits for it.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes snapshots for ever.
async fn watch_source(mut task: Task) {
    let mut keeper = Keeper::new(task.settings.source());
    // Of a file it cannot fail.
    let mut collector = if task.is_file() { Collector::new(&task.settings).ok() } else { None };
    let mut seen = Seen::default();
    loop {
        // Before it is read: what comes between is seen by the next look.
        let before = stamp(collector.as_ref()).await;
        let begun = task.clock.now();
        let taken = task.take(&mut collector, begun.unix).await;
        let now = task.clock.now();
        let duration = now.moment.since(begun.moment);
        let (batch, retry_after) = match &taken {
            Ok(snapshot) => (keeper.taken(snapshot, now, duration), None),
            Err(failure) => (keeper.failed(failure, now, duration), failure.retry_after),
        };
        let pause = keeper.pause(retry_after, jitter());
        task.publish(batch, &taken, &keeper, pause, &mut seen);
        task.wait(pause, before, collector.as_ref(), &keeper).await;
    }
}

/// How many objects there are of kinds of which there were more or fewer; `None` if there are as many, or
/// none are known from before.
fn news(before: &[(ComponentKind, usize)], now: &[(ComponentKind, usize)]) -> Option<String> {
    if before.is_empty() {
        return None;
    }
    let count = |counts: &[(ComponentKind, usize)], kind: ComponentKind| {
        counts.iter().find(|(it, _)| *it == kind).map_or(0, |(_, count)| *count)
    };
    let gone = before.iter().filter(|(kind, _)| count(now, *kind) == 0);
    let changed = now.iter().chain(gone).map(|(kind, _)| *kind).filter_map(|kind| {
        let (was, is) = (count(before, kind), count(now, kind));
        (was != is).then(|| format!("{kind} {is} (was {was})"))
    });
    let changed: Vec<String> = changed.collect();
    (!changed.is_empty()).then(|| changed.join(", "))
}

/// What was said in the log last.
#[derive(Debug, Default)]
struct Seen {
    /// How the last snapshot ended; `None` before the first.
    ended: Option<Option<SnapshotError>>,
    counts: Vec<(ComponentKind, usize)>,
    warnings: Vec<String>,
}

impl Task {
    async fn take(&self, collector: &mut Option<Collector>, now: UnixMillis) -> Result<Snapshot, Failure> {
        let collector = match collector {
            Some(collector) => collector,
            None => collector.insert(Collector::new(&self.settings)?),
        };
        collector.take(now).await
    }

    fn publish(
        &self,
        batch: Batch,
        taken: &Result<Snapshot, Failure>,
        keeper: &Keeper,
        pause: Duration,
        seen: &mut Seen,
    ) {
        let now = batch.time;
        let ended = taken.as_ref().err().map(|it| it.class);
        let counts = taken.as_ref().map(Snapshot::counts).unwrap_or_default();
        events::snapshot_ended(&batch, seen.ended, ended, &counts);
        seen.ended = Some(ended);
        let news = if taken.is_ok() { news(&seen.counts, &counts) } else { None };
        if let Ok(snapshot) = taken {
            self.say_what_is_odd(snapshot, counts, seen);
        }
        let mut desk = self.desk.borrow_mut();
        if let Some(news) = news {
            desk.pipeline.tell_change(&format!("inventory {} has changed: {news}", self.settings.name));
        }
        desk.tell(self, &batch, taken, keeper, now, pause);
        if let Ok(snapshot) = taken {
            desk.lend(self.place, Lender::new(&self.settings.match_by, snapshot));
        }
        desk.judge(&self.settings.name, batch);
    }

    fn say_what_is_odd(&self, snapshot: &Snapshot, counts: Vec<(ComponentKind, usize)>, seen: &mut Seen) {
        for (kind, before) in &seen.counts {
            let now = counts.iter().find(|(it, _)| it == kind).map_or(0, |(_, count)| *count);
            if SHRUNK_LEAST <= *before && now * 2 < *before {
                events::shrunk(&self.settings.name, *kind, *before, now);
            }
        }
        seen.counts = counts;
        if seen.warnings != snapshot.warnings.first {
            events::odd(&self.settings.name, &snapshot.warnings.first, snapshot.warnings.count);
            seen.warnings.clone_from(&snapshot.warnings.first);
        }
    }

    /// Until the next snapshot is due, or the file is another. Judges what is known by other rules when
    /// such come into force meanwhile.
    async fn wait(
        &mut self,
        pause: Duration,
        before: Option<Stamp>,
        collector: Option<&Collector>,
        keeper: &Keeper,
    ) {
        let due = self.clock.moment() + pause;
        let mut judged = self.wishes.borrow().rules;
        loop {
            let left = due.since(self.clock.moment());
            if left.is_zero() {
                return;
            }
            let nap = if self.is_file() { left.min(FILE_LOOK) } else { left };
            tokio::select! {
                () = tokio::time::sleep(nap) => {
                    if self.is_file() && stamp(collector).await != before {
                        return;
                    }
                }
                changed = self.wishes.changed() => {
                    if changed.is_err() {
                        // The daemon is gone, and this task in a moment.
                        return tokio::time::sleep(left).await;
                    }
                    let rules = self.wishes.borrow_and_update().rules;
                    if rules != judged {
                        judged = rules;
                        self.judge_anew(keeper);
                    }
                }
            }
        }
    }

    fn judge_anew(&self, keeper: &Keeper) {
        let mut desk = self.desk.borrow_mut();
        let known = desk.shared.store.find(&self.settings.name);
        if let Some(published) = known {
            let again = keeper.again(published.batch(), self.clock.now());
            let slot = desk.slot(&self.settings.name);
            desk.pipeline.snapshot_again(slot, &again);
        }
    }

    fn is_file(&self) -> bool {
        matches!(self.settings.access, Access::File(_))
    }
}

async fn stamp(collector: Option<&Collector>) -> Option<Stamp> {
    collector?.stamp().await
}

impl Desk {
    /// Takes a batch through rules, outbox and store.
    fn judge(&mut self, name: &Arc<str>, batch: Batch) {
        let slot = self.slot(name);
        self.pipeline.snapshot(slot, &batch);
    }

    fn slot(&mut self, name: &Arc<str>) -> u32 {
        let next = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        *self.slots.entry(Arc::clone(name)).or_insert(next)
    }

    /// The source leaves the config.
    fn remove(&mut self, name: &Arc<str>, now: Now) {
        // Its slot stays its own, should it come back: there are never many.
        let slot = self.slots.get(name).copied().unwrap_or(u32::MAX);
        self.pipeline.removed(slot, name, now);
    }

    /// What stands at that place in the config is another source from now on.
    fn forget(&mut self, place: usize) {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).remove(&place);
        self.lend(place, None);
    }

    fn lend(&mut self, place: usize, lender: Option<Lender>) {
        let unchanged = match (&lender, self.lenders.get(&place)) {
            (None, None) => true,
            (Some(now), Some(before)) => *now == **before,
            _ => false,
        };
        if unchanged {
            return;
        }
        match lender {
            Some(lender) => _ = self.lenders.insert(place, Arc::new(lender)),
            None => _ = self.lenders.remove(&place),
        }
        let enrichment = Enrichment::new(self.lenders.values().cloned().collect());
        self.shared.enrichment.store(Arc::new(enrichment));
    }

    fn tell(
        &self,
        task: &Task,
        batch: &Batch,
        taken: &Result<Snapshot, Failure>,
        keeper: &Keeper,
        now: Now,
        pause: Duration,
    ) {
        let mut all = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = all.entry(task.place).or_insert_with(|| SourceFacts::new(Arc::clone(&batch.source)));
        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        facts.last_attempt = Some(now.unix);
        facts.next_attempt = Some(UnixMillis(now.unix.0.saturating_add(pause)));
        facts.duration = batch.duration;
        facts.failures = keeper.failures();
        facts.error = batch.error.clone();
        if let Ok(snapshot) = taken {
            facts.last_success = Some(now);
            facts.taken_at = snapshot.taken_at;
            facts.objects = snapshot.counts();
            facts.warnings = snapshot.warnings.first.clone();
            facts.warnings_total = snapshot.warnings.count;
        }
    }
}

/// Fewer objects come and go by themselves.
const SHRUNK_LEAST: usize = 10;

/// From 0 to 1, so that sources do not come back together.
fn jitter() -> f64 {
    let mut octet = [0];
    // Without randomness they may.
    if getrandom::fill(&mut octet).is_err() {
        return 0.0;
    }
    f64::from(octet[0]) / 255.0
}
