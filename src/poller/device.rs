//! One device: learns, polls, repeats what is lost, learns anew when the device has changed.
//!
//! Pure: [`Device::begin`] starts a poll, [`Device::write_request`] gives the request that is due,
//! answers and time-outs go in, and each poll ends in one [`Outcome`]. Invariants: at most one request
//! is due at a time; a poll that brought nothing says why for each reading; a device that is known to be
//! dead is asked once a poll, without retries, with the very request that its return would answer.

use super::kinds::Kinds;
use super::learn::{LearnStep, Learner};
use super::settings::{DeviceSettings, SnmpVersion};
use crate::model::{Batch, Identity, Missing, Moment, Now, Oid, PollError, Sample, Shape, Source, Value};
use crate::profile::{Plan, ProfileSet};
use crate::snmp::wire::{Names, Pdu, Version};
use crate::snmp::{Cell, GetJob, GetLimits, GetStep, Head};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// What a poll brought, for the pipeline and for people.
#[derive(Debug)]
pub struct Outcome {
    /// Samples, time and error.
    pub batch: Batch,
    /// What was asked, if the device is known.
    pub ready: Option<Arc<Ready>>,
    /// What the agent answered, a cell for each of the plan's; empty if the poll failed before that.
    pub cells: Vec<Cell>,
    /// What went wrong without failing the poll, for a person.
    pub notes: Vec<String>,
}

/// A device that is known: what to ask, encoded.
#[derive(Debug)]
pub struct Ready {
    /// What to ask, and what the answers mean.
    pub plan: Plan,
    /// sysUpTime.0, then the plan's cells.
    names: Arc<Names>,
    /// Who it is.
    source: Arc<Source>,
}

impl Ready {
    pub(super) const fn names(&self) -> &Arc<Names> {
        &self.names
    }
}

/// What an answer or a time-out led to.
#[derive(Debug)]
pub enum Step {
    /// A request is due.
    Ask,
    /// The same request is due again, or a smaller one in its place: a late answer to it still counts.
    Repeat,
    /// The poll is over.
    Finished(Box<Outcome>),
}

/// One device to poll.
#[derive(Debug)]
pub struct Device {
    settings: Arc<DeviceSettings>,
    profiles: Arc<ProfileSet>,
    kinds: Arc<Kinds>,
    head: Head,
    source: Arc<Source>,
    /// Of a device that is not known: always the same one, so that what is bound to it stays bound.
    no_shape: Arc<Shape>,
    ready: Option<Arc<Ready>>,
    activity: Activity,
    begun: Now,
    attempt: u32,
    limits: GetLimits,
    /// The most cells that one answer ever brought.
    answered_cells_max: usize,
    /// Failed polls in a row.
    failures: u32,
    /// It answers, but nothing can be read from it.
    is_unreadable: bool,
    uptime_ticks: Option<u32>,
    learnt_at: Moment,
    learn_every: Duration,
    learn_anew: LearnAnew,
    /// Why the learning under way, or the last one, was begun.
    learning_for: LearnAnew,
    /// Learnings in a row that brought less than is known.
    doubts: u32,
}

/// Whether what is known of the device is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LearnAnew {
    /// It is not.
    No,
    /// A row is missing: learn anew, but not too often.
    Soon,
    /// It was restarted: at the next poll.
    Now,
    /// Its profiles were changed: at the next poll, and whatever comes of it holds.
    Profiles,
}

#[derive(Debug)]
enum Activity {
    Idle,
    Learn(Box<Learner>),
    Poll { job: GetJob, notes: Vec<String> },
}

impl Device {
    /// Rows come and go with sensors and modules; an hour is soon enough for those that neither a
    /// restart nor a missing cell gives away.
    const LEARN_EVERY: Duration = Duration::from_secs(3600);
    /// So much longer at most, by the device's name: a fleet that was started at once is not learnt anew
    /// at once.
    const LEARN_SPREAD_SECONDS: u64 = 1200;
    /// A device whose rows flap is learnt anew at most this often.
    const LEARN_EVERY_MIN: Duration = Duration::from_secs(300);
    /// Somebody may be changing its configuration, or writing its profile.
    const UNREADABLE_INTERVAL: Duration = Duration::from_secs(60);
    /// A first learning may take so long: the largest recorded device needs 1,200 requests.
    const LEARN_LIMIT: Duration = Duration::from_secs(300);
    /// While a device that is known is learnt anew, it is not polled: that may take so long.
    const LEARN_ANEW_LIMIT: Duration = Duration::from_secs(60);
    /// A poll may take three intervals, but this much at least.
    const POLL_LIMIT_MIN: Duration = Duration::from_secs(30);
    /// A learning that was not answered whole is believed after so many tries; one that was, but brought
    /// less, when a second one says the same.
    const DOUBTS_MAX: u32 = 3;
    /// sysUpTime wraps after 497 days (RFC 3418): a fall from within an hour of the top is no restart.
    const UPTIME_WRAP_TICKS: u32 = u32::MAX - 360_000;

    /// A device that nothing is known of yet.
    #[must_use]
    pub fn new(settings: Arc<DeviceSettings>, profiles: Arc<ProfileSet>) -> Self {
        let version = match settings.credential.version {
            SnmpVersion::V1 => Version::V1,
            SnmpVersion::V2c => Version::V2c,
        };
        let source = Arc::new(Source {
            device: Arc::clone(&settings.name),
            labels: settings.labels.clone(),
            address: address_text(&settings.host, settings.port),
            interval: settings.interval,
            ..Source::default()
        });
        let mut hasher = std::hash::DefaultHasher::new();
        settings.name.hash(&mut hasher);
        let learn_every =
            Self::LEARN_EVERY + Duration::from_secs(hasher.finish() % Self::LEARN_SPREAD_SECONDS);
        let community = Arc::from(settings.credential.community.expose().as_bytes());
        Self {
            head: Head { version, community },
            settings,
            profiles,
            kinds: Arc::default(),
            source,
            no_shape: Arc::default(),
            ready: None,
            activity: Activity::Idle,
            begun: Now::default(),
            attempt: 0,
            limits: GetLimits::default(),
            answered_cells_max: 0,
            failures: 0,
            is_unreadable: false,
            uptime_ticks: None,
            learnt_at: Moment::ZERO,
            learn_every,
            learn_anew: LearnAnew::No,
            learning_for: LearnAnew::No,
            doubts: 0,
        }
    }

    /// Shares what it has in common with others that share `kinds`.
    #[must_use]
    pub fn sharing(self, kinds: Arc<Kinds>) -> Self {
        Self { kinds, ..self }
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &Arc<DeviceSettings> {
        &self.settings
    }

    /// The head of its messages, to compare an answer's with.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Whether its last polls failed: it is asked without retries, and does not count as living. One
    /// failure may be a burst of loss.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        1 < self.failures
    }

    /// Other profiles: it is learnt anew at its next turn.
    pub fn replace_profiles(&mut self, profiles: Arc<ProfileSet>) {
        self.profiles = profiles;
        self.learn_anew = LearnAnew::Profiles;
    }

    /// How often it is asked: its interval, but a device that no profile reads is not tried through all
    /// of them that often.
    #[must_use]
    pub fn interval(&self) -> Duration {
        let interval = self.settings.interval;
        if self.is_unreadable { interval.max(Self::UNREADABLE_INTERVAL) } else { interval }
    }

    /// Starts a poll: a request is due.
    pub fn begin(&mut self, now: Now) {
        self.begun = now;
        self.attempt = 0;
        let age = now.moment.since(self.learnt_at);
        let due = match self.learn_anew {
            LearnAnew::No => self.learn_every <= age,
            LearnAnew::Soon => Self::LEARN_EVERY_MIN <= age,
            LearnAnew::Now | LearnAnew::Profiles => true,
        };
        self.activity = match &self.ready {
            Some(ready) if !due || self.is_dead() => self.poll(ready, Vec::new()),
            _ => {
                // Doubts that arise from here on are about what is being learnt now.
                self.learning_for = std::mem::replace(&mut self.learn_anew, LearnAnew::No);
                let chosen = self.settings.profile.clone();
                Activity::Learn(Box::new(Learner::new(Arc::clone(&self.profiles), chosen)))
            }
        };
    }

    /// Writes the request that is due.
    pub fn write_request(&self, request_id: i32, out: &mut Vec<u8>) {
        match &self.activity {
            Activity::Idle => (),
            Activity::Learn(learner) => learner.write_request(&self.head, request_id, out),
            Activity::Poll { job, .. } => job.write_request(&self.head, request_id, out),
        }
    }

    /// Takes the answer to the request that was due.
    pub fn on_response(&mut self, pdu: &Pdu<'_>, now: Now) -> Step {
        self.attempt = 0;
        if let Some(step) = self.out_of_time(now) {
            return step;
        }
        match &mut self.activity {
            Activity::Idle => self.fail(PollError::Timeout, Vec::new(), now),
            Activity::Learn(learner) => {
                let step = learner.on_response(&self.head, pdu);
                self.learnt(step, now)
            }
            Activity::Poll { job, .. } => {
                let asked = job.due_cells();
                let step = job.on_response(pdu);
                if pdu.error_status == crate::snmp::wire::ErrorStatus::NO_ERROR {
                    self.answered_cells_max = self.answered_cells_max.max(asked);
                }
                self.polled(step, now)
            }
        }
    }

    /// The request that was due was not answered in time.
    pub fn on_timeout(&mut self, now: Now) -> Step {
        let retries = if self.is_dead() { 0 } else { self.settings.retries };
        if self.attempt < retries {
            self.attempt += 1;
            if let Activity::Learn(learner) = &mut self.activity {
                learner.on_timeout();
            }
            return Step::Repeat;
        }
        self.attempt = 0;
        if let Some(step) = self.out_of_time(now) {
            return step;
        }
        match &mut self.activity {
            Activity::Idle => self.fail(PollError::Timeout, Vec::new(), now),
            Activity::Learn(learner) => {
                let step = learner.on_give_up(&self.head);
                self.learnt(step, now)
            }
            Activity::Poll { job, .. } => {
                let step = job.on_give_up(self.answered_cells_max, self.failures == 0);
                self.polled(step, now)
            }
        }
    }

    /// A poll that takes too long ends: an agent must not escape its alerts by answering slowly.
    fn out_of_time(&mut self, now: Now) -> Option<Step> {
        let took = now.moment.since(self.begun.moment);
        let knows = self.ready.is_some();
        let (limit, what) = match &self.activity {
            Activity::Idle => return None,
            Activity::Learn(_) if knows => (Self::LEARN_ANEW_LIMIT, "learning it anew"),
            Activity::Learn(_) => (Self::LEARN_LIMIT, "learning it"),
            Activity::Poll { .. } => ((3 * self.settings.interval).max(Self::POLL_LIMIT_MIN), "a poll"),
        };
        if took < limit {
            return None;
        }
        if knows && matches!(self.activity, Activity::Learn(_)) {
            self.learnt_at = now.moment;
            // The poll that follows has its own time.
            self.begun = now;
            return Some(self.go_on(vec![format!("{what} took longer than {} s", limit.as_secs())]));
        }
        let error = PollError::Limit(format!("{what} takes longer than {} s", limit.as_secs()));
        Some(self.fail(error, Vec::new(), now))
    }

    /// The poll cannot go on: the host or network refuses, or there is no address.
    pub fn on_error(&mut self, error: PollError, now: Now) -> Outcome {
        self.failed(error, Vec::new(), now)
    }

    fn poll(&self, ready: &Ready, notes: Vec<String>) -> Activity {
        Activity::Poll { job: GetJob::new(Arc::clone(&ready.names), self.limits), notes }
    }

    fn learnt(&mut self, step: LearnStep, now: Now) -> Step {
        let Activity::Learn(learner) = &mut self.activity else { return Step::Ask };
        let (notes, limits) = (learner.notes().to_vec(), learner.get_limits());
        match step {
            LearnStep::Ask => Step::Ask,
            LearnStep::Done(plan) => {
                let complete = learner.learned().is_complete();
                self.uptime_ticks = learner.system().sys_uptime_ticks;
                self.learnt_at = now.moment;
                if self.is_doubtful(&plan, complete) {
                    self.doubts += 1;
                    return self.go_on(notes);
                }
                self.limits = limits;
                self.doubts = 0;
                if !complete {
                    self.learn_anew = self.learn_anew.max(LearnAnew::Soon);
                }
                let ready = Arc::new(self.make_ready(*plan));
                self.kinds.remember(&ready);
                self.activity = self.poll(&ready, notes);
                self.ready = Some(ready);
                Step::Ask
            }
            // An agent that has just started may lack its tables for a while, and one that answers may
            // leave some columns unanswered: what is known of it goes on.
            LearnStep::Failed(_) if self.ready.is_some() && learner.was_answered() => {
                self.learnt_at = now.moment;
                self.go_on(notes)
            }
            LearnStep::Failed(error) => {
                let system = learner.system();
                let identity = Identity {
                    sys_object_id: system.sys_object_id.clone(),
                    sys_descr: system.sys_descr.clone(),
                    sys_name: system.sys_name.clone(),
                    ..Identity::default()
                };
                // Who it says it is helps whoever writes its profile.
                if learner.was_answered() && self.source.identity != identity {
                    self.source = Arc::new(Source { identity, ..Source::clone(&self.source) });
                }
                self.fail(error, notes, now)
            }
        }
    }

    /// Whether what was learnt is less than what is known, and not to be believed yet: a table that is
    /// read while the agent starts is empty for a while, and columns may stay unanswered. Nothing must
    /// resolve an alert for want of data.
    fn is_doubtful(&self, plan: &Plan, complete: bool) -> bool {
        let Some(known) = &self.ready else { return false };
        let less = !complete || known.plan.has_more_than(plan);
        let doubts_max = if complete { 1 } else { Self::DOUBTS_MAX };
        less && self.learning_for != LearnAnew::Profiles && self.doubts < doubts_max
    }

    /// Polls what is known, and learns anew before long.
    fn go_on(&mut self, notes: Vec<String>) -> Step {
        self.learn_anew = self.learn_anew.max(LearnAnew::Soon);
        if let Some(ready) = self.ready.clone() {
            self.activity = self.poll(&ready, notes);
        }
        Step::Ask
    }

    fn make_ready(&self, mut plan: Plan) -> Ready {
        let names = self.kinds.share(&mut plan).unwrap_or_else(|| {
            let uptime = Oid::new(&[1, 3, 6, 1, 2, 1, 1, 3, 0]);
            let with_uptime = std::iter::once(&uptime).chain(plan.cells.iter());
            // The plan's cells were read from an agent, so they can be written; one that cannot be
            // leaves the whole list empty, and each reading then says "not polled".
            Arc::new(Names::new(with_uptime).unwrap_or_default())
        });
        let source = Source {
            profile: Arc::clone(&plan.profile),
            identity: plan.identity.clone(),
            ..Source::clone(&self.source)
        };
        // What did not change keeps its `Arc`s: bindings and labels that hang on them stay.
        match &self.ready {
            Some(old) if old.plan.shape == plan.shape && *old.source == source => {
                plan.shape = Arc::clone(&old.plan.shape);
                Ready { plan, names, source: Arc::clone(&old.source) }
            }
            _ => Ready { plan, names, source: Arc::new(source) },
        }
    }

    fn polled(&mut self, step: GetStep, now: Now) -> Step {
        if step == GetStep::Ask {
            return Step::Ask;
        }
        let Activity::Poll { job, notes } = std::mem::replace(&mut self.activity, Activity::Idle) else {
            return self.fail(PollError::Timeout, Vec::new(), now);
        };
        let Some(ready) = self.ready.clone().filter(|_| job.was_answered()) else {
            return self.fail(PollError::Timeout, notes, now);
        };
        let refused = |cell: &Cell| matches!(cell, Err(Missing::AgentError | Missing::TooBig));
        if 1 < job.cells().len() && job.cells().iter().skip(1).all(refused) {
            let status = "an error to every request".to_owned();
            return self.fail(PollError::AgentError { status }, notes, now);
        }
        self.limits = job.limits();
        self.failures = 0;
        self.is_unreadable = false;
        let mut cells = job.into_cells();
        if !cells.is_empty() {
            // sysUpTime stands before the plan's cells.
            self.watch_uptime(&cells.remove(0), now);
        }
        // A time-out is no sign that rows are gone.
        if cells.iter().any(|cell| matches!(cell, Err(Missing::NoSuchInstance | Missing::NoSuchObject))) {
            self.learn_anew = self.learn_anew.max(LearnAnew::Soon);
        }
        let mut samples = Vec::with_capacity(ready.plan.shape.readings.len());
        ready.plan.decode(&cells, &mut samples);
        let shape = Arc::clone(&ready.plan.shape);
        // A scale that was settled on a dead line does not fit the living one.
        if samples.contains(&Sample::Missing(Missing::OutOfRange)) {
            self.learn_anew = self.learn_anew.max(LearnAnew::Soon);
        }
        let batch = self.batch(&ready.source, shape, samples, None, now);
        Step::Finished(Box::new(Outcome { batch, ready: Some(ready), cells, notes }))
    }

    /// A restart may have renumbered the rows.
    fn watch_uptime(&mut self, cell: &Cell, now: Now) {
        let Ok(Value::TimeTicks(ticks)) = cell else { return };
        let fell =
            self.uptime_ticks.is_some_and(|before| *ticks < before && before < Self::UPTIME_WRAP_TICKS);
        if fell {
            // Two agents behind one address, or a broken clock, fall at each poll.
            let again = self.learning_for == LearnAnew::Now
                && now.moment.since(self.learnt_at) < Self::LEARN_EVERY_MIN;
            let how = if again { LearnAnew::Soon } else { LearnAnew::Now };
            self.learn_anew = self.learn_anew.max(how);
        }
        self.uptime_ticks = Some(*ticks);
    }

    fn fail(&mut self, error: PollError, notes: Vec<String>, now: Now) -> Step {
        Step::Finished(Box::new(self.failed(error, notes, now)))
    }

    fn failed(&mut self, error: PollError, notes: Vec<String>, now: Now) -> Outcome {
        self.activity = Activity::Idle;
        self.attempt = 0;
        self.failures = self.failures.saturating_add(1);
        self.is_unreadable =
            matches!(error, PollError::NoProfile { .. } | PollError::Empty { .. } | PollError::Limit(_));
        let (source, shape) = match &self.ready {
            Some(ready) => (Arc::clone(&ready.source), Arc::clone(&ready.plan.shape)),
            None => (Arc::clone(&self.source), Arc::clone(&self.no_shape)),
        };
        let source = if self.is_unreadable {
            // Whoever judges its age must know how seldom it is asked.
            Arc::new(Source { interval: self.interval(), ..Source::clone(&source) })
        } else {
            source
        };
        let missing = match error {
            PollError::AgentError { .. } => Missing::AgentError,
            _ => Missing::Timeout,
        };
        let samples = vec![Sample::Missing(missing); shape.readings.len()];
        let batch = self.batch(&source, shape, samples, Some(error), now);
        Outcome { batch, ready: self.ready.clone(), cells: Vec::new(), notes }
    }

    fn batch(
        &self,
        source: &Arc<Source>,
        shape: Arc<Shape>,
        samples: Vec<Sample>,
        error: Option<PollError>,
        now: Now,
    ) -> Batch {
        Batch {
            source: Arc::clone(source),
            time: now,
            duration: now.moment.since(self.begun.moment),
            shape,
            samples: samples.into(),
            error,
        }
    }
}

/// Host and port as a person would type them.
fn address_text(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
