//! The task of one integration: takes its events in their order, keeps to its limit, sends, and
//! judges what comes back. A receiver that is slow or dead holds up its own events only.

use super::pump::{Step, Ticket};
use super::record::Record;
use super::shared::{Shared, describe};
use crate::model::Secret;
use crate::notify::pagerduty::client::Client;
use crate::notify::pagerduty::{Decision, Exchange, Reason, TransportFault, Verdict, classify_of};
use crate::notify::secrets::SecretReader;
use crate::notify::settings::{IntegrationSettings, SecretSource};
use crate::telemetry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinSet, spawn_blocking};

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
        shared.begin(&name, &current);
        let ready = post.prepare(&shared, &name).await;
        shared.revive(&name);
        let mut sender = Sender {
            shared: Arc::clone(&shared),
            name: Arc::clone(&name),
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
    post: Arc<Post>,
    /// Whether key and client could be had when they were last looked at without an event.
    ready: bool,
    under_way: JoinSet<Sent>,
}

/// A request that has come back.
struct Sent {
    ticket: Ticket,
    verdict: Verdict,
}

impl Sender {
    /// Sends until the settings change (true) or are gone (false).
    async fn until_changed(
        &mut self,
        wake: &Notify,
        settings: &mut watch::Receiver<Arc<IntegrationSettings>>,
    ) -> bool {
        loop {
            let until = match self.shared.step(&self.name) {
                Step::Send(ticket) => {
                    self.send(ticket);
                    continue;
                }
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

    fn send(&mut self, ticket: Ticket) {
        let (post, shared) = (Arc::clone(&self.post), Arc::clone(&self.shared));
        self.under_way.spawn(async move {
            let verdict = post.send(&shared, &ticket.job.record).await;
            Sent { ticket, verdict }
        });
    }

    fn came_back(&self, sent: Result<Sent, tokio::task::JoinError>) {
        let Ok(Sent { ticket, verdict }) = sent else {
            telemetry::notify::panicked("request", &self.name);
            if self.under_way.is_empty() {
                // Which one it was is not said: with none under way, all that seem so are.
                self.shared.release(&self.name);
            }
            return;
        };
        self.shared.ended(&self.name, &ticket, &verdict, jitter());
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
        drop(state);
        shared.progress.notify_all();
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
            Ok(client) => client.send(&record.body, &key, shared.clock.now().unix).await,
            Err(text) => Exchange::Failed(TransportFault::Connect, text),
        };
        let mut verdict = classify_of(self.settings.receiver, &exchange, shared.clock.now().unix);
        let length = key.expose().chars().count();
        if verdict.reason == Reason::KeyRefused && length != KEY_CHARS {
            verdict.text =
                format!("{} (it has {length} characters; PagerDuty's have {KEY_CHARS})", verdict.text);
        }
        verdict
    }

    async fn key(&self) -> Result<Secret, String> {
        let source = &self.settings.routing_key;
        if let SecretSource::Inline(_) | SecretSource::Environment(_) = source {
            return read_key(&self.keys, source);
        }
        let unchanged = self.keys.lock().unwrap_or_else(PoisonError::into_inner).unchanged(source);
        if let Some(key) = unchanged {
            return Ok(key);
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
