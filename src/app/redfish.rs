//! Redfish services at work: a thread of their own, a task a service.
//!
//! What a poll brings takes the same way as that of an SNMP device: rules, outbox, store, on this thread. Bounds:
//! [`AT_A_TIME`] services are polled at a time, each with two requests in flight. A service that leaves the
//! configuration, or is asked otherwise from now on, has its session deleted first.

use super::pipeline::{Pipeline, Shared};
use super::watchdog::Pulse;
use crate::model::{Cells, Moment, Now, SystemClock};
use crate::poller::{Outcome, Sink as _};
use crate::redfish::client::{Client, Pool};
use crate::redfish::kinds::Kinds;
use crate::redfish::sse::EventStream;
use crate::redfish::{Polled, Service, ServiceSettings};
use crate::telemetry::redfish as events;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{AbortHandle, LocalSet};

/// Services that are polled at a time: each costs two connections and a few hundred kilobytes meanwhile.
const AT_A_TIME: usize = 128;
/// After a defect of ours: long enough not to fill the log.
const PANIC_PAUSE: Duration = Duration::from_secs(60);
/// A poll under way may end by itself within this when its service is left: a login that is cut off would leave
/// a session behind.
const GRACE: Duration = Duration::from_secs(3);
/// How long the end waits for sessions to be deleted.
const STOP_LIMIT: Duration = Duration::from_secs(8);
/// Events ask a service at most this often.
const EVENT_PAUSE: Duration = Duration::from_secs(5);
/// Learning yields to the next poll this long before it is due.
const LEARN_MARGIN: Duration = Duration::from_secs(1);
/// Pauses before an event stream is opened anew: the first, and the longest.
const STREAM_PAUSES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));
/// The first polls are spread over this much a service, or an interval.
const START_SPREAD: Duration = Duration::from_millis(20);

/// The thread of the services.
pub(super) struct Services {
    wishes: watch::Sender<Wish>,
    thread: Option<JoinHandle<()>>,
    pulse: Pulse,
}

/// What is to be at work.
#[derive(Debug, Clone, Default)]
struct Wish {
    services: Vec<Arc<ServiceSettings>>,
    stop: bool,
}

impl Services {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub(super) fn start(shared: Arc<Shared>, clock: SystemClock) -> std::io::Result<Self> {
        events::init();
        let (wishes, heard) = watch::channel(Wish::default());
        let pulse = Pulse::default();
        let beating = pulse.clone();
        let thread = std::thread::Builder::new().name("redfish".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => {
                    let set = LocalSet::new();
                    set.spawn_local(beating.keep_beating());
                    set.block_on(&runtime, run(shared, clock, heard));
                }
                Err(error) => tracing::error!("Redfish services cannot be asked: {error}"),
            }
        })?;
        Ok(Self { wishes, thread: Some(thread), pulse })
    }

    /// What shows that the thread lives.
    pub(super) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// These services and no others, from now on; those that did not change go on.
    pub(super) fn replace(&self, services: &[ServiceSettings]) {
        let unverified: Vec<&str> = services
            .iter()
            .filter(|it| !it.tls.verify && it.tls.pins.is_empty())
            .map(|it| &*it.name)
            .collect();
        events::unverified(&unverified);
        let services = services.iter().cloned().map(Arc::new).collect();
        self.wishes.send_modify(|it| it.services = services);
    }

    /// Ends the thread once sessions are deleted.
    pub(super) fn stop(mut self) {
        self.wishes.send_modify(|it| it.stop = true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the Redfish services had failed");
        }
    }
}

/// What the services' tasks share.
struct Desk {
    pipeline: Pipeline,
    slots: HashMap<Arc<str>, u32>,
}

impl Desk {
    fn publish(&mut self, name: &Arc<str>, polled: Polled) {
        let next = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let slot = *self.slots.entry(Arc::clone(name)).or_insert(next);
        let Polled { batch, notes, .. } = polled;
        self.pipeline.polled(slot, &Outcome { batch, ready: None, cells: Cells::default(), notes });
    }

    fn remove(&mut self, name: &Arc<str>, now: Now) {
        // Its slot stays its own, should it come back.
        if let Some(slot) = self.slots.get(name) {
            self.pipeline.removed(*slot, name, now);
        }
    }
}

/// A service at work.
struct Running {
    settings: Arc<ServiceSettings>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

/// What each task has.
#[derive(Clone)]
struct Task {
    settings: Arc<ServiceSettings>,
    desk: Rc<RefCell<Desk>>,
    pool: Arc<Pool>,
    kinds: Arc<Kinds>,
    clock: SystemClock,
    turns: Arc<Semaphore>,
    first: Duration,
    stop: watch::Receiver<bool>,
}

async fn run(shared: Arc<Shared>, clock: SystemClock, mut wishes: watch::Receiver<Wish>) {
    let desk = Rc::new(RefCell::new(Desk { pipeline: Pipeline::new(shared), slots: HashMap::new() }));
    let (pool, kinds, turns) = (Arc::default(), Arc::default(), Arc::new(Semaphore::new(AT_A_TIME)));
    let mut running: HashMap<Arc<str>, Running> = HashMap::new();
    let mut ending = Vec::new();
    loop {
        let wish = wishes.borrow_and_update().clone();
        let wanted: HashMap<&str, &Arc<ServiceSettings>> =
            if wish.stop { HashMap::new() } else { wish.services.iter().map(|it| (&*it.name, it)).collect() };
        let left: Vec<Arc<str>> = running
            .iter()
            .filter(|(name, it)| wanted.get(&***name).is_none_or(|wanted| **wanted != it.settings))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        for name in left {
            if let Some(old) = running.remove(&name) {
                old.stop.send_replace(true);
                ending.push(old.task);
            }
            if !wish.stop && !wanted.contains_key(&*name) {
                desk.borrow_mut().remove(&name, clock.now());
            }
        }
        ending.retain(|it| !it.is_finished());
        if wish.stop {
            let all = async {
                for task in ending {
                    // A task that has failed has nothing to delete any more.
                    drop(task.await);
                }
            };
            if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
                tracing::warn!("some Redfish services did not delete their session in time");
            }
            return;
        }
        let spread = START_SPREAD.saturating_mul(u32::try_from(wish.services.len()).unwrap_or(u32::MAX));
        for settings in &wish.services {
            if !running.contains_key(&settings.name) {
                let (stop, stopped) = watch::channel(false);
                let task = Task {
                    settings: Arc::clone(settings),
                    desk: Rc::clone(&desk),
                    pool: Arc::clone(&pool),
                    kinds: Arc::clone(&kinds),
                    clock,
                    turns: Arc::clone(&turns),
                    first: fraction(&settings.name, spread.min(settings.interval)),
                    stop: stopped,
                };
                let task = tokio::task::spawn_local(supervise(task));
                running.insert(
                    Arc::clone(&settings.name),
                    Running { settings: Arc::clone(settings), stop, task },
                );
            }
        }
        if wishes.changed().await.is_err() {
            return;
        }
    }
}

/// Begins a service anew when a defect of ours has ended it.
async fn supervise(task: Task) {
    let mut stop = task.stop.clone();
    loop {
        match tokio::task::spawn_local(poll_for_ever(task.clone())).await {
            Err(error) if error.is_panic() => events::panicked(&task.settings.name),
            _ => return,
        }
        if tokio::time::timeout(PANIC_PAUSE, stop.wait_for(|it| *it)).await.is_ok() {
            return;
        }
    }
}

/// Ends a task with the one that began it.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Polls until it is to stop, and leaves no session behind.
async fn poll_for_ever(mut task: Task) {
    let (pool, kinds) = (Arc::clone(&task.pool), Arc::clone(&task.kinds));
    let mut service = Service::new(Arc::clone(&task.settings), pool, kinds, task.clock);
    let happened = Arc::new(Notify::new());
    let mut listener: Option<(String, AbortOnDrop)> = None;
    let mut turn = task.clock.moment() + task.first;
    loop {
        if task.rest(turn, &happened).await {
            break;
        }
        let Some(polled) = task.poll(&mut service).await else { break };
        task.desk.borrow_mut().publish(&task.settings.name, polled);
        let now = task.clock.moment();
        let again = now + EVENT_PAUSE.min(task.settings.interval);
        while turn <= now {
            turn = turn + task.settings.interval;
        }
        turn = turn.max(service.left_alone_until());
        task.listen(&service, &happened, &mut listener);
        if service.wants_learning() && now + LEARN_MARGIN < turn {
            let until = Moment::from_nanoseconds(turn.nanoseconds()) - LEARN_MARGIN;
            if task.until_stopped(service.learn_anew(until)).await.is_none() {
                break;
            }
        }
        // Events that came while it was polled are answered by that, those of a burst together.
        if task.rest(again.min(turn), &Notify::new()).await {
            break;
        }
    }
    drop(listener);
    service.close().await;
}

impl Task {
    /// Until then, or something happens. Whether to stop.
    async fn rest(&mut self, until: Moment, happened: &Notify) -> bool {
        let left = until.since(self.clock.moment());
        tokio::select! {
            () = tokio::time::sleep(left) => false,
            () = happened.notified() => false,
            _ = self.stop.wait_for(|it| *it) => true,
        }
    }

    /// A poll, when it is its turn; `None`: it is to stop.
    async fn poll(&mut self, service: &mut Service) -> Option<Polled> {
        let turns = Arc::clone(&self.turns);
        let polling = async {
            let _turn = turns.acquire().await;
            service.poll().await
        };
        self.until_stopped(polling).await
    }

    /// The end of something that may hold a session; a little longer when it is to stop. `None`: it is.
    async fn until_stopped<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            done = &mut work => return Some(done),
            _ = self.stop.wait_for(|it| *it) => (),
        }
        // What it brings counts no more.
        drop(tokio::time::timeout(GRACE, work).await);
        None
    }

    /// Listens to the service's event stream, if it has one now.
    fn listen(
        &self,
        service: &Service,
        happened: &Arc<Notify>,
        listener: &mut Option<(String, AbortOnDrop)>,
    ) {
        let (Some(stream), Some(client)) = (service.event_stream(), service.client()) else {
            *listener = None;
            return;
        };
        if listener.as_ref().is_some_and(|(it, _)| it == stream) {
            return;
        }
        let (name, client) = (Arc::clone(&self.settings.name), Arc::clone(client));
        let task = listen(name, client, stream.to_owned(), Arc::clone(happened));
        *listener = Some((stream.to_owned(), AbortOnDrop(tokio::task::spawn_local(task).abort_handle())));
    }
}

/// Listens for ever; a stream that ends is opened anew after a while.
async fn listen(name: Arc<str>, client: Arc<Client>, stream: String, happened: Arc<Notify>) {
    let Ok((uri, query)) = client.origin().page(&stream) else { return };
    let (first, longest) = STREAM_PAUSES;
    let mut pause = first;
    loop {
        match client.stream(&uri, &query).await {
            Ok(mut response) => {
                let mut parser = EventStream::default();
                while let Ok(Some(piece)) = response.chunk().await {
                    pause = first;
                    let count = parser.take(&piece);
                    if count != 0 {
                        events::happened(&name, count);
                        happened.notify_one();
                    }
                }
            }
            Err(fault) => tracing::debug!(service = &*name, "no event stream: {}", fault.reason),
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(longest);
    }
}

/// Where in a span something of that name stands.
fn fraction(name: &str, span: Duration) -> Duration {
    let mut hasher = std::hash::DefaultHasher::new();
    name.hash(&mut hasher);
    let nanoseconds = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(hasher.finish().checked_rem(nanoseconds).unwrap_or(0))
}
