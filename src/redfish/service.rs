//! One service at work: learns, polls, learns anew. Makes the requests that the pure parts ask for, at most
//! [`IN_FLIGHT`] at a time.
//!
//! Learning goes on between polls, and yields to them. A learning that brings less than is known is not believed
//! at once. What a poll could not get is missing with its reason; the poll fails as a whole only when nothing came.

use super::client::{Client, Fault, Pool};
use super::document::error_of;
use super::kinds::Kinds;
use super::learn::{Learner, Refusal, Want};
use super::limits::{IN_FLIGHT, LEARN_TIME_MAX, POLL_REQUESTS_MAX};
use super::map::{Mapped, map};
use super::plan::{Form, Plan, Planner, Request, newest};
use super::report::ReportWatch;
use super::settings::ServiceSettings;
use super::tree::{Role, Tree};
use super::uri::ResourceUri;
use crate::model::{
    Batch, Effort, Missing, Moment, Now, PollError, Quantity, Sample, Shape, SnapshotError, Source,
    SystemClock,
};
use crate::telemetry::redfish as events;
use crate::web_client::clip;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// The name under which readings of services stand, in place of a profile's.
pub const PROFILE: &str = "redfish";
/// Parts come and go with modules and sensors.
const LEARN_EVERY: Duration = Duration::from_secs(3600);
/// A service whose resources flap is learnt anew at most this often.
const LEARN_EVERY_MIN: Duration = Duration::from_secs(300);
/// Learnings in a row that brought less than is known, before that is believed.
const DOUBTS_MAX: u32 = 3;
/// Time-outs in a row after which the rest of a poll is not tried.
const TIMEOUTS_MAX: u32 = 2;
/// The same while it is learnt: some controllers name resources that they never answer for.
const LEARN_TIMEOUTS_MAX: u32 = 5;
/// Resources that want the service to be left alone, after which it is.
const BUSY_MAX: u32 = 2;

/// What one poll brought.
#[derive(Debug)]
pub struct Polled {
    /// Samples, time and error.
    pub batch: Batch,
    /// Beside the samples: what the service sent.
    pub raw: Vec<Option<Value>>,
    /// What was asked and what it means, once that is known.
    pub plan: Option<Plan>,
    /// What went wrong without failing the poll, for a person.
    pub notes: Vec<String>,
}

/// One service.
#[derive(Debug)]
pub struct Service {
    settings: Arc<ServiceSettings>,
    pool: Arc<Pool>,
    kinds: Arc<Kinds>,
    clock: SystemClock,
    client: Option<Arc<Client>>,
    plan: Option<Plan>,
    source: Arc<Source>,
    no_shape: Arc<Shape>,
    learner: Option<Learner>,
    learning_since: Moment,
    learnt_at: Moment,
    learn_soon: bool,
    doubts: u32,
    event_stream: Option<String>,
    reports: ReportWatch,
    left_alone_until: Moment,
    notes: Vec<String>,
}

/// What requests brought so far.
struct Haul {
    samples: Vec<Sample>,
    raw: Vec<Option<Value>>,
    answers: usize,
    fault: Option<Fault>,
    timeouts: u32,
    busy: u32,
    waited: Duration,
    newest: String,
}

impl Service {
    /// A service that nothing is known of yet.
    #[must_use]
    pub fn new(
        settings: Arc<ServiceSettings>,
        pool: Arc<Pool>,
        kinds: Arc<Kinds>,
        clock: SystemClock,
    ) -> Self {
        let source = Source {
            device: Arc::clone(&settings.name),
            labels: settings.labels.clone(),
            address: settings.origin.shown(),
            interval: settings.interval,
            ..Source::default()
        };
        Self {
            settings,
            pool,
            kinds,
            clock,
            client: None,
            plan: None,
            source: Arc::new(source),
            no_shape: Arc::default(),
            learner: None,
            learning_since: Moment::ZERO,
            learnt_at: Moment::ZERO,
            learn_soon: false,
            doubts: 0,
            event_stream: None,
            reports: ReportWatch::default(),
            left_alone_until: Moment::ZERO,
            notes: Vec::new(),
        }
    }

    /// What is asked, once it is known.
    #[must_use]
    pub const fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    /// How it is asked, once it was.
    #[must_use]
    pub const fn client(&self) -> Option<&Arc<Client>> {
        self.client.as_ref()
    }

    /// Where it says what happens, if it does.
    #[must_use]
    pub fn event_stream(&self) -> Option<&str> {
        self.event_stream.as_deref().filter(|_| self.settings.events)
    }

    /// Until when it wants to be left alone.
    #[must_use]
    pub const fn left_alone_until(&self) -> Moment {
        self.left_alone_until
    }

    /// Deletes what is open at the service.
    pub async fn close(&self) {
        if let Some(client) = &self.client {
            client.close().await;
        }
    }

    /// Polls it; learns it first if it is not known.
    pub async fn poll(&mut self) -> Polled {
        let begun = self.clock.now();
        let ended = self.attempt(begun).await;
        if let Some(client) = &self.client {
            client.end().await;
        }
        let now = self.clock.now();
        let counts = self.client.as_ref().map_or((0, 0), |it| it.take_counts());
        let mut effort = Effort { requests: counts.0, repeats: counts.1, ..Effort::default() };
        let (samples, raw, error) = match ended {
            Ok(haul) => {
                let answers = u32::try_from(haul.answers).unwrap_or(u32::MAX);
                effort.round_trip = haul.waited.checked_div(answers);
                (haul.samples, haul.raw, None)
            }
            Err(fault) => {
                if let Some(pause) = fault.retry_after {
                    self.left_alone_until = now.moment + pause;
                }
                let samples = self.plan.as_ref().map(|it| it.unasked(fault.missing())).unwrap_or_default();
                let raw = vec![None; samples.len()];
                (samples, raw, Some(fault.poll_error()))
            }
        };
        let shape = self.plan.as_ref().map_or_else(|| Arc::clone(&self.no_shape), |it| Arc::clone(&it.shape));
        let batch = Batch {
            source: Arc::clone(&self.source),
            time: now,
            duration: now.moment.since(begun.moment),
            shape,
            samples,
            effort,
            error,
        };
        Polled { batch, raw, plan: self.plan.clone(), notes: std::mem::take(&mut self.notes) }
    }

    async fn attempt(&mut self, begun: Now) -> Result<Haul, Fault> {
        let client = match &self.client {
            Some(client) => Arc::clone(client),
            None => {
                let made = Client::new(&self.settings, &self.pool, self.clock)?;
                Arc::clone(self.client.insert(made))
            }
        };
        client.begin();
        if self.plan.is_none() {
            client.begin_learning();
        }
        match self.plan.clone() {
            Some(plan) => self.ask(&client, plan, begun).await,
            None => {
                // What an error has left half done is begun anew.
                self.learner = None;
                self.learn_until(None).await?;
                let tree = self.finish_learning().await?;
                // What was learnt is what a poll would bring.
                Ok(self.haul_of(&tree))
            }
        }
    }

    /// Whether there is something to learn between polls.
    #[must_use]
    pub fn wants_learning(&self) -> bool {
        let age = self.clock.moment().since(self.learnt_at);
        let due = if self.learn_soon { LEARN_EVERY_MIN } else { LEARN_EVERY };
        self.plan.is_some() && (self.learner.is_some() || due <= age)
    }

    /// Learns it anew, until then. A failure leaves what is known as it is.
    pub async fn learn_anew(&mut self, until: Moment) {
        let Some(client) = self.client.clone() else { return };
        client.begin();
        let ended = match self.learn_until(Some(until)).await {
            Ok(true) => self.finish_learning().await.map(drop),
            Ok(false) => Ok(()),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = ended {
            self.learner = None;
            self.learnt_at = self.clock.moment();
            self.learn_soon = true;
            tracing::debug!(service = &*self.settings.name, "learning anew has failed: {}", fault.reason);
        }
        client.end().await;
    }

    /// Whether the learning is done; not, if its time is over.
    async fn learn_until(&mut self, until: Option<Moment>) -> Result<bool, Fault> {
        let Some(client) = self.client.clone() else { return Ok(false) };
        if self.learner.is_none() {
            self.learning_since = self.clock.moment();
            client.begin_learning();
            self.learner = Some(Learner::new(self.settings.origin.clone()));
        }
        let Some(learner) = &mut self.learner else { return Ok(false) };
        let limit = self.learning_since + LEARN_TIME_MAX;
        let (mut flights, mut timeouts, mut busy) = (FuturesUnordered::new(), 0, 0);
        loop {
            let now = self.clock.moment();
            let is_late = until.is_some_and(|it| it <= now);
            if limit <= now {
                let reason = format!("{} takes too long to be learnt", self.settings.origin.shown());
                return Err(limit_fault(reason));
            }
            while flights.len() < IN_FLIGHT
                && !is_late
                && let Some(want) = learner.ask()
            {
                flights.push(fetch(Arc::clone(&client), want));
            }
            let Some((want, answer)) = flights.next().await else { return Ok(!is_late) };
            let is_root = want.uri == ResourceUri::root();
            match answer {
                Ok(document) => {
                    timeouts = 0;
                    if is_root && let Some(said) = error_of(&document) {
                        return Err(not_redfish(&self.settings, &said));
                    }
                    learner.take(want, Ok(document));
                }
                Err(fault) => {
                    timeouts += u32::from(fault.class == SnapshotError::Timeout);
                    busy += u32::from(fault.is_busy());
                    let is_over = LEARN_TIMEOUTS_MAX < timeouts || BUSY_MAX <= busy;
                    if is_root || fault.ends_poll() || is_over {
                        return Err(root_fault(&self.settings, fault, is_root));
                    }
                    let refusal = Refusal { missing: fault.missing(), is_of_query: fault.may_be_of_query() };
                    learner.take(want, Err(refusal));
                }
            }
        }
    }

    /// Makes what was learnt the plan, if it may be believed.
    async fn finish_learning(&mut self) -> Result<Tree, Fault> {
        let (Some(learner), Some(client)) = (self.learner.take(), self.client.clone()) else {
            return Err(limit_fault("nothing was learnt".to_owned()));
        };
        self.learnt_at = self.clock.moment();
        self.learn_soon = false;
        let (gaps, is_cut) = (learner.gaps(), learner.is_cut());
        let tree = learner.into_tree();
        if is_cut {
            self.notes.push("it has more than is read: a limit was hit while it was learnt".to_owned());
        }
        self.heed_session_timeout(&client, &tree).await;
        let Mapped { draft, identity, unknown_units } = map(&self.settings.origin, &tree);
        if !unknown_units.is_empty() && self.plan.is_none() {
            let units: Vec<String> = unknown_units.iter().map(|it| format!("`{it}`")).collect();
            self.notes.push(format!("sensors in {} are left out: the unit is not known", units.join(", ")));
        }
        if draft.readings.is_empty() && self.plan.is_none() {
            return Err(nothing_to_read(&self.settings, &tree));
        }
        let has_power = draft.readings.iter().any(|it| it.quantity == Quantity::ActivePower);
        if !has_power && self.plan.is_none() && tree.of_role(Role::Unit).next().is_none() {
            self.notes.push(
                "it has no power equipment, and no power readings: only what its chassis say of temperature and health"
                    .to_owned(),
            );
        }
        let mut planner = Planner::new(&self.settings.origin, &tree, draft);
        for trial in planner.trials() {
            match client.get(&trial.uri, trial.query).await {
                Ok(document) => planner.adopt(trial, &document),
                Err(fault) if fault.ends_poll() => break,
                Err(_) => (),
            }
        }
        let mut plan = planner.plan();
        if let Some(old) = &self.plan {
            if plan.shape.readings.len() < old.shape.readings.len() && self.doubts + 1 < DOUBTS_MAX {
                self.doubts += 1;
                self.learn_soon = true;
                return Ok(tree);
            }
            plan.share_with(old);
        }
        self.doubts = 0;
        self.kinds.share(&mut plan);
        let source = Source { profile: PROFILE.into(), identity, ..(*self.source).clone() };
        if *self.source != source {
            self.source = Arc::new(source);
        }
        self.event_stream = tree
            .of_role(Role::EventService)
            .find_map(|it| it.document.get("ServerSentEventUri")?.as_str().map(str::to_owned));
        let (readings, requests) = (plan.shape.readings.len(), plan.wiring.requests.len());
        events::learnt(&self.settings.name, readings, requests, tree.resources.len(), gaps);
        self.plan = Some(plan);
        Ok(tree)
    }

    /// A session that the service ends before the next poll is not kept.
    async fn heed_session_timeout(&self, client: &Arc<Client>, tree: &Tree) {
        let service = tree.root().pointer("/SessionService/@odata.id").and_then(Value::as_str);
        let Some(uri) = service.and_then(|it| self.settings.origin.resource(it).ok()) else { return };
        if !client.has_session() {
            return;
        }
        if let Ok(document) = client.get(&uri, "").await
            && let Some(timeout) = Client::session_timeout(&document)
        {
            client.set_session_timeout(timeout, self.settings.interval).await;
        }
    }

    fn haul_of(&self, tree: &Tree) -> Haul {
        let Some(plan) = &self.plan else { return Haul::new(0) };
        let mut haul = Haul::new(plan.shape.readings.len());
        for (at, uri) in (0_u32..).zip(&plan.wiring.documents) {
            if let Some(node) = tree.get(uri) {
                plan.read_document(at, node.document, &mut haul.samples, Some(&mut haul.raw));
            }
        }
        haul
    }

    /// Asks for what is known.
    async fn ask(&mut self, client: &Arc<Client>, plan: Plan, begun: Now) -> Result<Haul, Fault> {
        let mut haul = Haul::new(plan.shape.readings.len());
        let mut queue: VecDeque<Request> = plan.wiring.requests.iter().cloned().collect();
        let limit = begun.moment + plan.time_limit(self.settings.timeout, self.settings.interval);
        let (mut flights, mut asked) = (FuturesUnordered::new(), 0);
        loop {
            let is_over = limit <= self.clock.moment()
                || POLL_REQUESTS_MAX <= asked
                || TIMEOUTS_MAX <= haul.timeouts
                || BUSY_MAX <= haul.busy
                || haul.fault.as_ref().is_some_and(Fault::ends_poll);
            while flights.len() < IN_FLIGHT
                && !is_over
                && let Some(request) = queue.pop_front()
            {
                asked += 1;
                flights.push(ask_one(Arc::clone(client), request, self.clock));
            }
            let Some((request, answer, took)) = flights.next().await else { break };
            haul.waited += took;
            let answer = answer.and_then(|document| match error_of(&document) {
                Some(said) => Err(error_body(&request.uri, &said)),
                None => Ok(document),
            });
            match answer {
                Ok(document) => {
                    haul.answers += 1;
                    haul.timeouts = 0;
                    if request.form == Form::Report {
                        haul.newest = newest(&document).max(std::mem::take(&mut haul.newest));
                    }
                    let origin = &self.settings.origin;
                    let (samples, raw) = (&mut haul.samples, &mut haul.raw);
                    queue.extend(plan.read(origin, &request, &document, samples, Some(raw)));
                }
                Err(fault) => self.on_fault(&plan, &request, fault, &mut queue, &mut haul),
            }
        }
        for request in &queue {
            plan.lose(request, Missing::Timeout, &mut haul.samples);
        }
        self.judge(&plan, haul, queue.len(), begun)
    }

    fn on_fault(
        &mut self,
        plan: &Plan,
        request: &Request,
        fault: Fault,
        queue: &mut VecDeque<Request>,
        haul: &mut Haul,
    ) {
        let is_composed = 1 < request.covers.len() || !request.query.is_empty();
        if is_composed && fault.may_be_of_query() {
            queue.extend(plan.apart(request));
            if let Some(plan) = &mut self.plan {
                plan.demote(request);
            }
            return;
        }
        haul.timeouts += u32::from(fault.class == SnapshotError::Timeout);
        haul.busy += u32::from(fault.is_busy());
        self.learn_soon |= fault.missing() == Missing::NoSuchInstance;
        plan.lose(request, fault.missing(), &mut haul.samples);
        if haul.fault.as_ref().is_none_or(|it| !it.ends_poll()) {
            haul.fault = Some(fault);
        }
    }

    /// Whether the poll counts.
    fn judge(&mut self, plan: &Plan, haul: Haul, left: usize, begun: Now) -> Result<Haul, Fault> {
        if haul.answers == 0
            && let Some(fault) = haul.fault
        {
            return Err(fault);
        }
        if let Some(fault) = &haul.fault {
            self.notes.push(fault.reason.clone());
            if let Some(pause) = fault.retry_after.filter(|_| fault.ends_poll() || BUSY_MAX <= haul.busy) {
                self.left_alone_until = self.clock.moment() + pause;
            }
        }
        if left != 0 {
            self.notes.push(format!("{left} resources were not asked: the poll hit its limit"));
        }
        let gone =
            |it: &Sample| matches!(it, Sample::Missing(Missing::NoSuchObject | Missing::NoSuchInstance));
        self.learn_soon |= haul.samples.iter().any(gone);
        self.watch_reports(plan, &haul.newest, begun.moment);
        Ok(haul)
    }

    /// A report that no longer changes is not believed.
    fn watch_reports(&mut self, plan: &Plan, newest: &str, now: Moment) {
        if !self.reports.has_stopped(newest, now, self.settings.interval) {
            return;
        }
        let reports: Vec<Request> =
            plan.wiring.requests.iter().filter(|it| it.form == Form::Report).cloned().collect();
        if let Some(plan) = &mut self.plan {
            reports.iter().for_each(|it| plan.demote(it));
        }
    }
}

impl Haul {
    fn new(readings: usize) -> Self {
        Self {
            samples: vec![Sample::Missing(Missing::NotPolled); readings],
            raw: vec![None; readings],
            answers: 0,
            fault: None,
            timeouts: 0,
            busy: 0,
            waited: Duration::ZERO,
            newest: String::new(),
        }
    }
}

async fn fetch(client: Arc<Client>, want: Want) -> (Want, Result<Value, Fault>) {
    let answer = if want.uri == ResourceUri::root() {
        client.root().await
    } else {
        client.get(&want.uri, &want.query).await
    };
    (want, answer)
}

async fn ask_one(
    client: Arc<Client>,
    request: Request,
    clock: SystemClock,
) -> (Request, Result<Value, Fault>, Duration) {
    let since = clock.moment();
    let answer = client.get(&request.uri, request.query).await;
    (request, answer, clock.moment().since(since))
}

fn limit_fault(reason: String) -> Fault {
    Fault { class: SnapshotError::Limit, reason, status: 0, retry_after: None }
}

/// An error body with status 200.
fn error_body(uri: &ResourceUri, said: &str) -> Fault {
    let reason = format!("{uri} is an error in place of a resource: {}", clip(said));
    Fault { class: SnapshotError::ServerError, reason, status: 200, retry_after: None }
}

/// What is wrong when not even the root can be read.
fn root_fault(settings: &ServiceSettings, fault: Fault, is_root: bool) -> Fault {
    let is_other =
        matches!(fault.class, SnapshotError::Malformed) && fault.status != 0 || fault.status == 404;
    if is_root && is_other { not_redfish(settings, &fault.reason) } else { fault }
}

fn not_redfish(settings: &ServiceSettings, why: &str) -> Fault {
    let shown = settings.origin.shown();
    let reason = format!(
        "{shown} has no Redfish service at /redfish/v1/: it may have to be enabled on the device, or the port is another ({why})"
    );
    Fault { class: SnapshotError::Schema, reason, status: 0, retry_after: None }
}

/// A service without anything that could be read.
fn nothing_to_read(settings: &ServiceSettings, tree: &Tree) -> Fault {
    let shown = settings.origin.shown();
    let product = tree.product();
    let who = if product.is_empty() { String::new() } else { format!(" ({product})") };
    let (units, chassis) = (tree.of_role(Role::Unit).count(), tree.of_role(Role::Chassis).count());
    let what = match (units, chassis) {
        (0, 0) if !tree.is_promising() => "it has neither power equipment nor chassis".to_owned(),
        (0, 0) => "no power equipment and no chassis could be read: may this user see them?".to_owned(),
        (0, _) => format!(
            "it has no power equipment, and none of its {chassis} chassis has power, temperature or battery readings"
        ),
        _ => format!("none of its {units} power units has a reading"),
    };
    let reason = format!("{shown} is a Redfish service{who}, but there is nothing to read: {what}");
    Fault { class: SnapshotError::Schema, reason, status: 200, retry_after: None }
}

impl Polled {
    /// Whether nothing was read.
    #[must_use]
    pub const fn error(&self) -> Option<&PollError> {
        self.batch.error.as_ref()
    }
}
