//! The task of one integration: takes its events in their order, keeps to its limit, sends, and
//! judges what comes back. A receiver that is slow or dead holds up its own events only.

use super::lane::{Job, Next};
use super::record::Record;
use super::shared::{Shared, describe};
use crate::model::{Moment, Secret};
use crate::notify::circuit::{Circuit, Epoch, Gate};
use crate::notify::limiter::{Admission, Limiter};
use crate::notify::pagerduty::client::Client;
use crate::notify::pagerduty::{Decision, Exchange, Reason, TransportFault, Verdict, classify};
use crate::notify::secrets::SecretReader;
use crate::notify::settings::{IntegrationSettings, SecretSource};
use crate::telemetry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinSet, spawn_blocking};

/// Requests under way at once toward one integration, each of another alert. PagerDuty answers in some
/// tenths of a second: eight keep a minute's 120 well within reach, and a burst of them short.
const IN_FLIGHT_MAX: usize = 8;

/// How soon a sender that panicked is begun anew: not at once, should it panic again.
const PANIC_PAUSE: Duration = Duration::from_secs(1);

/// Runs an integration's sender, anew if it panics, until it is aborted or its settings are gone.
pub(crate) async fn supervise(
    shared: Arc<Shared>,
    name: Arc<str>,
    settings: watch::Receiver<Arc<IntegrationSettings>>,
) {
    loop {
        let mut running = JoinSet::new();
        running.spawn(run(Arc::clone(&shared), Arc::clone(&name), settings.clone()));
        match running.join_next().await {
            Some(Err(error)) if error.is_panic() => {
                telemetry::notify::panicked("sender", &name);
                shared.release(&name);
                tokio::time::sleep(PANIC_PAUSE).await;
            }
            Some(_) | None => return,
        }
    }
}

async fn run(shared: Arc<Shared>, name: Arc<str>, mut settings: watch::Receiver<Arc<IntegrationSettings>>) {
    let wake = shared.wake_of(&name);
    loop {
        let current = Arc::clone(&settings.borrow_and_update());
        let post = Arc::new(Post::new(Arc::clone(&current)));
        let ready = post.prepare(&shared, &name).await;
        shared.revive(&name);
        let mut sender = Sender {
            shared: Arc::clone(&shared),
            name: Arc::clone(&name),
            limiter: Limiter::new(current.requests_per_minute),
            circuit: Circuit::default(),
            post,
            ready,
            under_way: JoinSet::new(),
        };
        if !sender.until_changed(&wake, &mut settings).await {
            return;
        }
    }
}

struct Sender {
    shared: Arc<Shared>,
    name: Arc<str>,
    limiter: Limiter,
    circuit: Circuit,
    post: Arc<Post>,
    /// Whether key and client could be had when they were last looked at without an event.
    ready: bool,
    under_way: JoinSet<Sent>,
}

/// A request that has come back.
struct Sent {
    job: Job,
    epoch: Epoch,
    verdict: Verdict,
}

/// What to do after looking for work.
enum Step {
    /// Look again.
    More,
    /// Wait for something, at most until that moment.
    Wait(Option<Moment>),
}

impl Sender {
    /// Sends until the settings change (true) or are gone (false).
    async fn until_changed(
        &mut self,
        wake: &Notify,
        settings: &mut watch::Receiver<Arc<IntegrationSettings>>,
    ) -> bool {
        loop {
            let until = match self.step() {
                Step::More => continue,
                Step::Wait(until) => until,
            };
            let mut pause = until.map(|it| it.since(self.shared.clock.moment()));
            if !self.ready {
                let look = self.shared.tuning.retry.key_missing;
                pause = Some(pause.map_or(look, |it| it.min(look)));
            }
            tokio::select! {
                Some(sent) = self.under_way.join_next() => self.came_back(sent),
                () = wake.notified() => (),
                () = sleep(pause) => (),
                changed = settings.changed() => {
                    // Those under way end as they began.
                    while let Some(sent) = self.under_way.join_next().await {
                        self.came_back(sent);
                    }
                    return changed.is_ok();
                }
            }
            if !self.ready {
                self.ready = self.post.is_ready(&self.shared, &self.name).await;
            }
        }
    }

    fn step(&mut self) -> Step {
        if IN_FLIGHT_MAX <= self.under_way.len() {
            return Step::Wait(None);
        }
        let now = self.shared.clock.moment();
        match self.circuit.gate(now, self.under_way.len()) {
            Gate::Open => (),
            Gate::Until(until) => return Step::Wait(Some(until)),
            Gate::Probing => return Step::Wait(None),
        }
        let (urgent_only, freed) = match self.limiter.admission(now) {
            Admission::All => (false, None),
            Admission::UrgentOnly(until) => (true, Some(until)),
            Admission::Full(until) => {
                self.note_limited(true);
                return Step::Wait(Some(until));
            }
        };
        match self.shared.next(&self.name, now, urgent_only) {
            Next::Send(job) => {
                self.note_limited(false);
                self.limiter.record(now);
                self.send(job);
                Step::More
            }
            Next::WaitUntil(until) => {
                self.note_limited(urgent_only);
                Step::Wait(Some(freed.map_or(until, |it| it.min(until))))
            }
            Next::Idle => {
                self.note_limited(urgent_only);
                Step::Wait(freed)
            }
        }
    }

    fn send(&mut self, job: Job) {
        let (post, shared, epoch) = (Arc::clone(&self.post), Arc::clone(&self.shared), self.circuit.epoch());
        self.under_way.spawn(async move {
            let verdict = post.send(&shared, &job.record).await;
            Sent { job, epoch, verdict }
        });
    }

    fn came_back(&mut self, sent: Result<Sent, tokio::task::JoinError>) {
        let Ok(Sent { job, epoch, verdict }) = sent else {
            telemetry::notify::panicked("request", &self.name);
            if self.under_way.is_empty() {
                // Which one it was is not said: with none under way, all that seem so are.
                self.shared.release(&self.name);
            }
            return;
        };
        match verdict.decision {
            Decision::Accepted => {
                self.succeeded(epoch);
                self.shared.accepted(&self.name, job.sequence, &job.record);
            }
            Decision::Retry => self.failed(&job, epoch, &verdict),
            Decision::Repair if !job.record.repaired => {
                self.succeeded(epoch);
                self.shared.repaired(&self.name, job.sequence, &job.record, &verdict.text);
            }
            Decision::Repair | Decision::DeadLetter => {
                self.succeeded(epoch);
                self.shared.give_up(&self.name, job.sequence, verdict.reason, &verdict.text);
            }
        }
    }

    fn succeeded(&mut self, epoch: Epoch) {
        if self.circuit.until().is_none() {
            return;
        }
        self.circuit.succeeded(epoch);
        if self.circuit.until().is_none() {
            telemetry::notify::recovered(&self.name);
            let mut state = self.shared.lock();
            let tally = state.tally(&self.name);
            tally.open = None;
            tally.key_error = None;
        }
    }

    fn failed(&mut self, job: &Job, epoch: Epoch, verdict: &Verdict) {
        let now = self.shared.clock.now();
        let (policy, jitter) = (self.shared.tuning.retry, jitter());
        let first = self.circuit.until().is_none();
        self.circuit.failed(epoch, now.moment, |failures| {
            policy.pause(verdict.reason, failures, verdict.retry_after, jitter)
        });
        let until = self.circuit.until().unwrap_or(now.moment);
        let pause = until.since(now.moment);
        telemetry::notify::failed(&self.name, verdict.reason.name(), &verdict.text, pause, first);
        // An event that fails again and again steps behind those that have not: its own pause is
        // longer than the circuit's once others get through.
        let own = policy.pause(verdict.reason, job.attempts.saturating_add(1), verdict.retry_after, jitter);
        {
            let mut state = self.shared.lock();
            let ends = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
            let until_unix = crate::model::UnixMillis(now.unix.0.saturating_add(ends));
            state.tally(&self.name).open = Some((until_unix, self.circuit.failures(), verdict.reason));
        }
        self.shared.failed(&self.name, job.sequence, verdict.reason, &verdict.text, now.moment + own);
    }

    fn note_limited(&self, limited: bool) {
        let mut state = self.shared.lock();
        let waits = limited && state.ledger.find_lane(&self.name).is_some_and(super::lane::Lane::has_ready);
        let tally = state.tally(&self.name);
        let changed = tally.limited != waits;
        tally.limited = waits;
        drop(state);
        if changed {
            self.shared.progress.notify_all();
        }
    }
}

/// What one integration's requests share.
struct Post {
    settings: Arc<IntegrationSettings>,
    keys: Arc<Mutex<SecretReader>>,
    client: Mutex<Option<Client>>,
}

impl Post {
    fn new(settings: Arc<IntegrationSettings>) -> Self {
        Self { settings, keys: Arc::default(), client: Mutex::new(None) }
    }

    /// Makes the client and reads the key before the first event needs them, so that what is wrong
    /// with them is known at once.
    async fn prepare(&self, shared: &Shared, name: &Arc<str>) -> bool {
        {
            let mut state = shared.lock();
            let tally = state.tally(name);
            tally.open = None;
            tally.limited = false;
        }
        let ready = self.is_ready(shared, name).await;
        if !ready {
            let text = shared.lock().tally(name).last_error.clone().unwrap_or_default().0;
            telemetry::notify::not_ready(name, &text);
        }
        ready
    }

    /// Whether key and client can be had now; why not goes to the health.
    async fn is_ready(&self, shared: &Shared, name: &Arc<str>) -> bool {
        let client = self.client().await;
        let key = self.key().await;
        let mut state = shared.lock();
        let now = shared.clock.now();
        let tally = state.tally(name);
        if let Ok(client) = &client {
            client.shown().clone_into(&mut tally.receiver);
        }
        tally.key_error = key.as_ref().err().cloned();
        let error = key.err().or_else(|| client.err());
        if let Some(text) = &error {
            tally.last_error = Some((text.clone(), now.unix));
        }
        error.is_none()
    }

    async fn send(&self, shared: &Shared, record: &Record) -> Verdict {
        let key = match self.key().await {
            Ok(key) => key,
            Err(text) => {
                let (decision, reason) = (Decision::Retry, Reason::KeyMissing);
                return Verdict { decision, reason, text, retry_after: None };
            }
        };
        let exchange = match self.client().await {
            Ok(client) => client.send(&record.body, &key).await,
            Err(text) => Exchange::Failed(TransportFault::Connect, text),
        };
        let mut verdict = classify(&exchange, shared.clock.now().unix);
        let length = key.expose().chars().count();
        if verdict.reason == Reason::KeyRefused && length != KEY_CHARS {
            verdict.text =
                format!("{} (it has {length} characters; PagerDuty's have {KEY_CHARS})", verdict.text);
        }
        verdict
    }

    async fn key(&self) -> Result<Secret, String> {
        if let SecretSource::Inline(_) | SecretSource::Environment(_) = &self.settings.routing_key {
            return read_key(&self.keys, &self.settings.routing_key);
        }
        let (keys, settings) = (Arc::clone(&self.keys), Arc::clone(&self.settings));
        spawn_blocking(move || read_key(&keys, &settings.routing_key))
            .await
            .unwrap_or_else(|_| Err("the routing key could not be read".to_owned()))
    }

    async fn client(&self) -> Result<Client, String> {
        let made = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(client) = made {
            return Ok(client);
        }
        let settings = Arc::clone(&self.settings);
        let client = spawn_blocking(move || Client::new(&settings))
            .await
            .map_err(|_| "the HTTP client could not be made".to_owned())?
            .map_err(|error| describe(&error))?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        Ok(client)
    }
}

/// PagerDuty's routing keys.
const KEY_CHARS: usize = 32;

fn read_key(keys: &Mutex<SecretReader>, source: &SecretSource) -> Result<Secret, String> {
    keys.lock().unwrap_or_else(PoisonError::into_inner).read(source).map_err(|error| describe(&error))
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// A random number from 0 to 1.
fn jitter() -> f64 {
    let mut octets = [0; 4];
    if getrandom::fill(&mut octets).is_err() {
        return 0.0;
    }
    f64::from(u32::from_le_bytes(octets)) / f64::from(u32::MAX)
}
