//! One device: learns, polls, repeats what is lost, learns anew when the device has changed.
//!
//! Pure: [`Device::begin`] starts a poll, [`Device::write_request`] gives the request that is due,
//! answers and time-outs go in, and each poll ends in one [`Outcome`]. A device that is known is learnt anew
//! between its polls ([`Device::resume_learning`]), which go on meanwhile. Invariants: at most one request
//! is due at a time; a poll that brought nothing says why for each reading; a device that is known to be
//! dead is asked once a poll, without retries, with the very request that its return would answer.

mod beside;
mod outcome;

pub use self::outcome::{Outcome, Ready, Room, Step};

use self::beside::Beside;
use super::engines::KnownEngine;
use super::kinds::Kinds;
use super::learn::{LearnStep, Learner, Reach};
use super::settings::{Credential, DeviceSettings, SnmpVersion};
use super::timing::{Exchange, Pace, Patience, RoundTrip};
use crate::model::{
    Batch, Cells, Effort, Identity, Missing, Moment, Now, Oid, PollError, Sample, Source, Value,
};
use crate::profile::{Plan, ProfileSet};
use crate::snmp::v3::{NeedKeys, UsmError};
use crate::snmp::wire::{Names, Pdu, Version};
use crate::snmp::{Apart, GetJob, GetLimits, GetStep, Session};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// One device to poll.
#[derive(Debug)]
pub struct Device {
    settings: Arc<DeviceSettings>,
    profiles: Arc<ProfileSet>,
    kinds: Arc<Kinds>,
    /// Its engine ID, as the others know it.
    engine: Option<Box<KnownEngine>>,
    session: Session,
    source: Arc<Source>,
    /// What it is known as, and what its last poll brought; samples and cells only until they are
    /// [given back](Self::give_back).
    outcome: Outcome,
    activity: Activity,
    /// Kept from one pause between polls to the next.
    learner: Option<Box<Learner>>,
    learning_since: Moment,
    begun: Now,
    /// When it was asked for its readings, after it was learnt.
    polling_since: Moment,
    exchange: Exchange,
    /// Whether the session knows of the request that is due.
    is_begun: bool,
    /// Requests that are in flight beside the one that is due, the oldest first. Nothing repeats these: where one
    /// is not answered in time, it becomes the one that is due.
    beside: Vec<Beside>,
    /// Something was reported about its engine in this poll: no more requests beside the one that is due.
    is_in_doubt: bool,
    /// Requests of a poll at a time, as its profile and its settings allow.
    in_flight_max: u8,
    round_trip: RoundTrip,
    pace: Pace,
    /// The least time between two requests in the long run, as its profile says.
    profile_gap: Duration,
    effort: Effort,
    reach: Reach,
    /// Cells that are asked apart, if any, so that they spoil no others.
    apart: Option<Box<Apart>>,
    /// Failed polls in a row.
    failures: u32,
    /// It answers, but nothing can be read from it.
    is_unreadable: bool,
    uptime_ticks: Option<u32>,
    learnt_at: Moment,
    learn_every: Duration,
    learn_anew: LearnAnew,
    /// What the agent last said of how many rows its tables have ([`Plan::row_counts`]).
    row_counts: Option<u64>,
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
    /// It was restarted: after this poll.
    Now,
    /// Its profiles were changed: after the next poll, and whatever comes of it holds.
    Profiles,
}

#[derive(Debug)]
enum Activity {
    Idle,
    /// What the learner asks is due.
    Learn,
    Poll(GetJob),
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
    /// A learning between polls may take so long; polls go on meanwhile.
    const LEARN_ANEW_LIMIT: Duration = Duration::from_secs(900);
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
        Self {
            reach: match &settings.credential {
                Credential::Community { .. } => Reach::default(),
                Credential::Usm(_) => Reach { get: GetLimits::default().within_usm(), ..Reach::default() },
            },
            session: session(&settings.credential, 0),
            settings,
            profiles,
            kinds: Arc::default(),
            engine: None,
            outcome: Outcome {
                batch: Batch {
                    source: Arc::clone(&source),
                    time: Now::default(),
                    duration: Duration::ZERO,
                    shape: Arc::default(),
                    samples: Vec::new(),
                    effort: Effort::default(),
                    error: None,
                },
                ready: None,
                cells: Cells::default(),
                notes: Vec::new(),
            },
            source,
            activity: Activity::Idle,
            learner: None,
            learning_since: Moment::ZERO,
            begun: Now::default(),
            polling_since: Moment::ZERO,
            exchange: Exchange::new(),
            is_begun: false,
            beside: Vec::new(),
            is_in_doubt: false,
            in_flight_max: 1,
            round_trip: RoundTrip::default(),
            pace: Pace::default(),
            profile_gap: Duration::ZERO,
            effort: Effort::default(),
            apart: None,
            failures: 0,
            is_unreadable: false,
            uptime_ticks: None,
            learnt_at: Moment::ZERO,
            learn_every,
            learn_anew: LearnAnew::No,
            row_counts: None,
            learning_for: LearnAnew::No,
            doubts: 0,
        }
    }

    /// Shares what it has in common with others that share `kinds`.
    #[must_use]
    pub fn sharing(mut self, kinds: Arc<Kinds>) -> Self {
        if let Session::Community { community, .. } = &mut self.session {
            *community = kinds.share_community(community);
        }
        Self { kinds, ..self }
    }

    /// With randomness of its own: what it encrypts under SNMPv3 must not begin as it did before a restart.
    #[must_use]
    pub fn seeded(mut self, entropy: u64) -> Self {
        if let credential @ Credential::Usm(_) = &self.settings.credential {
            self.session = session(credential, entropy);
        }
        self
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &Arc<DeviceSettings> {
        &self.settings
    }

    /// How it is spoken to.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The same, to read an answer with.
    #[must_use]
    pub const fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Whether its last polls failed: it is asked without retries, and does not count as living. One
    /// failure may be a burst of loss.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        1 < self.failures
    }

    /// Whether it has been learnt.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.outcome.ready.is_some()
    }

    /// Other profiles: it is learnt anew after its next poll.
    pub fn replace_profiles(&mut self, profiles: Arc<ProfileSet>) {
        self.profiles = profiles;
        self.learner = None;
        self.learn_anew = LearnAnew::Profiles;
    }

    /// How often it is asked: its interval, but a device that no profile reads is not tried through all
    /// of them that often.
    #[must_use]
    pub fn interval(&self) -> Duration {
        let interval = self.settings.interval;
        if self.is_unreadable { interval.max(Self::UNREADABLE_INTERVAL) } else { interval }
    }

    /// Starts a poll: a request is due. A learning under way waits.
    pub fn begin(&mut self, now: Now) {
        self.begun = now;
        self.beside.clear();
        self.is_in_doubt = false;
        self.polling_since = now.moment;
        self.effort = Effort::default();
        self.next_exchange();
        self.activity = match &self.outcome.ready {
            Some(ready) => Activity::Poll(match &self.apart {
                None => GetJob::new(Arc::clone(&ready.names), self.reach.get),
                Some(apart) => apart.job(self.reach.get),
            }),
            None => {
                self.start_learning(now.moment);
                Activity::Learn
            }
        };
    }

    /// Whether there is something to learn while it is not polled.
    #[must_use]
    pub fn wants_learning(&self, now: Moment) -> bool {
        let age = now.since(self.learnt_at);
        let due = match self.learn_anew {
            LearnAnew::No => self.learn_every <= age,
            LearnAnew::Soon => Self::LEARN_EVERY_MIN <= age,
            LearnAnew::Now | LearnAnew::Profiles => true,
        };
        self.outcome.ready.is_some() && self.failures == 0 && (due || self.learner.is_some())
    }

    /// Learns between polls: begins, or goes on where the last poll came between.
    pub fn resume_learning(&mut self, now: Moment) {
        if self.learner.is_none() {
            self.start_learning(now);
        }
        self.next_exchange();
        self.activity = Activity::Learn;
    }

    fn start_learning(&mut self, now: Moment) {
        // Doubts that arise from here on are about what is being learnt now.
        self.learning_for = std::mem::replace(&mut self.learn_anew, LearnAnew::No);
        self.learning_since = now;
        self.reach.get.forget();
        self.reach.repetitions.forget();
        let chosen = self.settings.profile.clone();
        let (profiles, getbulk) = (Arc::clone(&self.profiles), self.session.knows_getbulk());
        self.learner = Some(Box::new(Learner::new(profiles, chosen, getbulk, self.reach)));
    }

    /// Writes the request that is due, which is sent now. `nonce` must be random and positive; it counts
    /// when the request is a new one.
    ///
    /// # Errors
    /// [`NeedKeys`], and nothing is written: hand them to [`Self::session_mut`], and again.
    pub fn write_request(
        &mut self,
        request_id: i32,
        nonce: i32,
        now: Moment,
        out: &mut Vec<u8>,
    ) -> Result<(), NeedKeys> {
        if !self.is_begun {
            self.session.begin_request(nonce);
            self.is_begun = true;
        }
        // Not a method: the session is written to while the job is read.
        let request = match &self.activity {
            Activity::Idle => None,
            Activity::Learn => self.learner.as_ref().and_then(|it| it.request()),
            Activity::Poll(job) => Some(job.request()),
        };
        if let Some(request) = request {
            self.session.write(request_id, &request, now, out)?;
        }
        self.effort.requests = self.effort.requests.saturating_add(1);
        self.exchange.on_sent(now);
        self.pace.on_sent(self.request_gap(), now);
        if self.exchange.is_repeated() {
            self.effort.repeats = self.effort.repeats.saturating_add(1);
        }
        Ok(())
    }

    /// What was learnt of the agent's engine has the same request written again: it is not late yet.
    pub const fn on_write_again(&mut self) {
        self.exchange = Exchange::new();
    }

    /// The agent refuses, and has proved that it is the agent.
    pub fn on_refused(&mut self, error: &UsmError, now: Now) -> Step {
        if matches!(self.activity, Activity::Learn) && self.outcome.ready.is_some() {
            self.outcome.notes.push(error.to_string());
            return self.learning_ended(now);
        }
        self.fail(PollError::Security(error.to_string()), now)
    }

    /// When it may be asked again, by the requests a second that it is granted.
    #[must_use]
    pub fn may_be_asked_at(&self) -> Moment {
        self.pace.earliest(self.request_gap())
    }

    /// The longer one of what its settings and its profile say.
    fn request_gap(&self) -> Duration {
        self.settings.request_gap.max(self.profile_gap)
    }

    /// Until when the request that was sent last is waited for: then [`Self::on_timeout`].
    #[must_use]
    pub fn deadline(&self) -> Moment {
        self.exchange.deadline(self.patience(), self.round_trip)
    }

    fn patience(&self) -> Patience {
        let retries = if self.is_dead() { 0 } else { self.settings.retries };
        Patience { timeout: self.settings.timeout, retries }
    }

    const fn next_exchange(&mut self) {
        self.exchange = Exchange::new();
        self.is_begun = false;
    }

    /// Takes the answer to the request that was due.
    pub fn on_response(&mut self, pdu: &Pdu<'_>, now: Now, room: &mut Room) -> Step {
        self.round_trip.on_answer(&self.exchange, now.moment);
        self.next_exchange();
        let step = match &mut self.activity {
            Activity::Idle => Step::Learnt,
            Activity::Learn => match self.learner.as_mut().map(|it| it.on_response(pdu)) {
                Some(step) => self.learnt(step, now),
                None => Step::Learnt,
            },
            Activity::Poll(job) => {
                let step = job.on_response(pdu, &mut room.cells);
                match self.promote(step, now.moment) {
                    Some(mark) => Step::Await(mark),
                    None => self.polled(step, now, room),
                }
            }
        };
        self.in_time(step, now, room)
    }

    /// The request that was due was not answered by [`Self::deadline`].
    pub fn on_timeout(&mut self, now: Now, room: &mut Room) -> Step {
        self.round_trip.on_overdue();
        let lives = self.failures == 0;
        let patience = self.patience();
        if !self.exchange.is_over(patience, self.round_trip, now.moment) {
            match (&mut self.activity, &mut self.learner) {
                (Activity::Learn, Some(learner)) => learner.on_timeout(),
                (Activity::Poll(job), _) => job.on_timeout(lives),
                _ => (),
            }
            return Step::Repeat;
        }
        self.next_exchange();
        self.forget_beside();
        let step = match &mut self.activity {
            Activity::Idle => Step::Learnt,
            Activity::Learn => match self.learner.as_mut().map(|it| it.on_give_up()) {
                Some(step) => self.learnt(step, now),
                None => Step::Learnt,
            },
            Activity::Poll(job) => {
                let step = job.on_give_up(lives);
                self.polled(step, now, room)
            }
        };
        self.in_time(step, now, room)
    }

    /// The request that was due is longer than the path's maximum: it was not sent.
    pub fn on_too_long(&mut self, now: Now, room: &mut Room) -> Step {
        self.next_exchange();
        self.forget_beside();
        match &mut self.activity {
            Activity::Poll(job) => {
                let step = job.on_too_long();
                self.polled(step, now, room)
            }
            Activity::Idle | Activity::Learn => {
                self.fail(PollError::Unreachable("the path bears no request of ours".to_owned()), now)
            }
        }
    }

    /// A poll that takes too long ends with what it has read: an agent must not escape its alerts by
    /// answering slowly.
    fn in_time(&mut self, step: Step, now: Now, room: &mut Room) -> Step {
        if !matches!(step, Step::Ask | Step::Await(_)) {
            return step;
        }
        let is_known = self.outcome.ready.is_some();
        let limit = (3 * self.settings.interval).max(Self::POLL_LIMIT_MIN);
        let is_late = limit <= now.moment.since(self.polling_since);
        if is_late {
            self.forget_beside();
        }
        match &mut self.activity {
            Activity::Poll(job) => {
                if !is_late {
                    return step;
                }
                job.settle_rest(Missing::Timeout);
                self.outcome.notes.push(format!("the poll was ended after {} s", limit.as_secs()));
                self.polled(GetStep::Done, now, room)
            }
            Activity::Learn if is_known => {
                if now.moment.since(self.learning_since) < Self::LEARN_ANEW_LIMIT {
                    return step;
                }
                self.outcome.notes.push("learning it anew takes too long; what is known goes on".to_owned());
                self.learning_ended(now)
            }
            Activity::Learn => {
                let limit = Self::LEARN_LIMIT;
                if now.moment.since(self.learning_since) < limit {
                    return step;
                }
                let what = format!("learning it takes longer than {} s", limit.as_secs());
                self.fail(PollError::Limit(what), now)
            }
            Activity::Idle => step,
        }
    }

    /// The poll cannot go on: the host or network refuses, or there is no address.
    pub fn on_error(&mut self, error: PollError, now: Now) -> Step {
        self.fail(error, now)
    }

    /// What the poll that has just [finished](Step::Finished) brought.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The outcome was handed on: what is large in it is room for the next one.
    pub fn give_back(&mut self, room: &mut Room) {
        room.cells = std::mem::take(&mut self.outcome.cells);
        room.samples = std::mem::take(&mut self.outcome.batch.samples);
        self.outcome.notes.clear();
    }

    fn learnt(&mut self, step: LearnStep, now: Now) -> Step {
        if let Some(limits) = self.learner.as_ref().and_then(|it| it.agent_limits()) {
            let gap = Duration::from_secs(1).checked_div(limits.requests_per_second);
            self.profile_gap = gap.unwrap_or_default();
            self.in_flight_max = limits.requests_in_flight.min(self.settings.requests_in_flight);
        }
        if matches!(step, LearnStep::Ask) {
            return Step::Ask;
        }
        let Some(learner) = self.learner.take() else { return Step::Learnt };
        self.outcome.notes.extend_from_slice(learner.notes());
        match step {
            LearnStep::Ask => Step::Ask,
            LearnStep::Done(plan) => {
                let complete = learner.learned().is_complete();
                self.uptime_ticks = learner.system().sys_uptime_ticks;
                self.reach = learner.reach();
                if self.is_doubtful(&plan, complete) {
                    self.doubts += 1;
                    return self.learning_ended(now);
                }
                self.doubts = 0;
                self.learnt_at = now.moment;
                if !complete {
                    self.learn_anew = self.learn_anew.max(LearnAnew::Soon);
                }
                self.polling_since = now.moment;
                self.apart = None;
                let was_known = self.outcome.ready.is_some();
                let ready = Arc::new(self.make_ready(*plan));
                self.kinds.remember(&ready);
                self.activity = if was_known {
                    Activity::Idle
                } else {
                    Activity::Poll(GetJob::new(Arc::clone(&ready.names), self.reach.get))
                };
                self.outcome.ready = Some(ready);
                if was_known { Step::Learnt } else { Step::Ask }
            }
            // An agent that has just started may lack its tables for a while, and one that answers may
            // leave some columns unanswered: what is known of it goes on. So it does where it is silent:
            // that is for its polls to tell.
            LearnStep::Failed(_) if self.outcome.ready.is_some() => self.learning_ended(now),
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
                self.fail(error, now)
            }
        }
    }

    /// A learning between polls brought nothing to go by: another one before long.
    fn learning_ended(&mut self, now: Now) -> Step {
        self.learner = None;
        self.activity = Activity::Idle;
        self.learnt_at = now.moment;
        self.learn_anew = self.learn_anew.max(LearnAnew::Soon);
        Step::Learnt
    }

    /// Whether what was learnt is less than what is known, and not to be believed yet: a table that is
    /// read while the agent starts is empty for a while, and columns may stay unanswered. Nothing must
    /// resolve an alert for want of data.
    fn is_doubtful(&self, plan: &Plan, complete: bool) -> bool {
        let Some(known) = &self.outcome.ready else { return false };
        let less = !complete || known.plan.has_more_than(plan);
        let doubts_max = if complete { 1 } else { Self::DOUBTS_MAX };
        less && self.learning_for != LearnAnew::Profiles && self.doubts < doubts_max
    }

    fn make_ready(&self, mut plan: Plan) -> Ready {
        let names = self.kinds.share(&mut plan).unwrap_or_else(|| {
            let uptime = Oid::new(&[1, 3, 6, 1, 2, 1, 1, 3, 0]);
            let with_uptime = plan.cells.iter().chain(std::iter::once(&uptime));
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
        match &self.outcome.ready {
            Some(old) if old.plan.shape == plan.shape && *old.source == source => {
                plan.shape = Arc::clone(&old.plan.shape);
                Ready { plan, names, source: Arc::clone(&old.source) }
            }
            _ => Ready { plan, names, source: Arc::new(source) },
        }
    }

    fn polled(&mut self, step: GetStep, now: Now, room: &mut Room) -> Step {
        if step == GetStep::Ask {
            return Step::Ask;
        }
        // In its place: a job is too large to be moved at each poll.
        let Activity::Poll(job) = &mut self.activity else { return self.fail(PollError::Timeout, now) };
        if !job.was_answered() {
            return self.fail(PollError::Timeout, now);
        }
        let Some(ready) = &self.outcome.ready else { return self.fail(PollError::Timeout, now) };
        if let Some(apart) = &self.apart {
            job.put_in_order(apart.order());
        }
        let reasons = job.cells().reasons();
        if (reasons.contains(Missing::AgentError) || reasons.contains(Missing::TooBig)) && is_refused(job) {
            let status = job.refusal();
            return self.fail(PollError::AgentError { status }, now);
        }
        self.reach.get = job.limits();
        let (apart, is_spoilt) = Apart::after(self.apart.take(), job, &ready.names);
        self.apart = apart;
        if is_spoilt {
            self.reach.get.forget();
        }
        self.failures = 0;
        self.is_unreadable = false;
        let cells = job.take_cells();
        self.activity = Activity::Idle;
        std::mem::swap(&mut self.outcome.batch.samples, &mut room.samples);
        let missing = ready.plan.decode(&cells, &mut self.outcome.batch.samples);
        // A time-out is no sign that rows are gone. A scale that was settled on a dead line does not fit the
        // living one.
        if is_gone(&cells) || missing.contains(Missing::OutOfRange) {
            self.learn_anew = self.learn_anew.max(LearnAnew::Soon);
        }
        // A table of what is amiss has other rows than were learnt.
        let row_counts = ready.plan.row_counts(&self.outcome.batch.samples);
        if row_counts.is_some_and(|it| self.row_counts.replace(it).is_some_and(|before| before != it)) {
            self.learn_anew = self.learn_anew.max(LearnAnew::Soon);
        }
        if let Some(ticks) = uptime(&cells) {
            self.watch_uptime(ticks, now);
        }
        self.outcome.cells = cells;
        self.name_batch();
        self.announce_engine();
        self.finish(None, now)
    }

    /// Names devices that have the same engine ID, once for each engine ID that this one comes with.
    fn announce_engine(&mut self) {
        let Some(engine) = self.session.engine_id() else { return };
        if self.engine.as_ref().is_some_and(|it| it.id() == engine) {
            return;
        }
        let (known, note) = self.kinds.engines.announce(*engine, &self.settings.name);
        self.engine = Some(Box::new(known));
        self.outcome.notes.extend(note);
    }

    /// A restart may have renumbered the rows.
    fn watch_uptime(&mut self, ticks: u32, now: Now) {
        let fell = self.uptime_ticks.is_some_and(|before| ticks < before && before < Self::UPTIME_WRAP_TICKS);
        if fell {
            // Two agents behind one address, or a broken clock, fall at each poll.
            let again = self.learning_for == LearnAnew::Now
                && now.moment.since(self.learnt_at) < Self::LEARN_EVERY_MIN;
            let how = if again { LearnAnew::Soon } else { LearnAnew::Now };
            self.learn_anew = self.learn_anew.max(how);
        }
        self.uptime_ticks = Some(ticks);
    }

    /// An agent that refuses whatever a user asks for has not let the user in.
    fn no_access(&self, status: String) -> PollError {
        self.session.user().map_or(PollError::AgentError { status }, |user| {
            let error = UsmError::NoAccess { user: user.name().to_owned(), level: user.level() };
            PollError::Security(error.to_string())
        })
    }

    fn fail(&mut self, error: PollError, now: Now) -> Step {
        let missing = match error {
            PollError::AgentError { .. } => Missing::AgentError,
            _ => Missing::Timeout,
        };
        let error = match (error, self.session.time_out_reason()) {
            (PollError::AgentError { status }, _) => self.no_access(status),
            (PollError::Timeout, Some(reason)) => PollError::Security(reason.to_string()),
            (error, _) => error,
        };
        self.activity = Activity::Idle;
        if self.learner.take().is_some() && self.outcome.ready.is_some() {
            self.learn_anew = self.learn_anew.max(self.learning_for);
        }
        self.failures = self.failures.saturating_add(1);
        self.is_unreadable =
            matches!(error, PollError::NoProfile { .. } | PollError::Empty { .. } | PollError::Limit(_));
        self.name_batch();
        if self.is_unreadable {
            // Whoever judges its age must know how seldom it is asked.
            let interval = self.interval();
            Arc::make_mut(&mut self.outcome.batch.source).interval = interval;
        }
        let samples = &mut self.outcome.batch.samples;
        samples.clear();
        samples.resize(self.outcome.batch.shape.readings.len(), Sample::Missing(missing));
        self.finish(Some(error), now)
    }

    /// Gives the batch the source and shape of what is known by now.
    fn name_batch(&mut self) {
        let Outcome { batch, ready, .. } = &mut self.outcome;
        let source = ready.as_ref().map_or(&self.source, |it| &it.source);
        // Others read what is counted here: where nothing changed, it is not written to.
        if !Arc::ptr_eq(&batch.source, source) {
            batch.source = Arc::clone(source);
        }
        if let Some(ready) = ready
            && !Arc::ptr_eq(&batch.shape, &ready.plan.shape)
        {
            batch.shape = Arc::clone(&ready.plan.shape);
        }
    }

    fn finish(&mut self, error: Option<PollError>, now: Now) -> Step {
        let batch = &mut self.outcome.batch;
        batch.time = now;
        batch.duration = now.moment.since(self.begun.moment);
        batch.effort = Effort {
            round_trip: self.round_trip.smoothed(),
            cells: self.reach.get.cells.bound(),
            octets: self.reach.get.octets.bound(),
            repetitions: self.reach.repetitions.bound(),
            ..self.effort
        };
        batch.error = error;
        Step::Finished
    }
}

/// Whether the agent refuses all that it was asked for; sysUpTime stands behind the plan's cells.
fn is_refused(job: &GetJob) -> bool {
    let asked = job.cells().len().saturating_sub(1);
    let refused = |cell| matches!(cell, Err(Missing::AgentError | Missing::TooBig));
    0 < asked && job.cells().iter().take(asked).all(refused)
}

/// Whether the agent lacks something of what it was asked for, but sysUpTime.
fn is_gone(cells: &Cells) -> bool {
    let gone = |cell| matches!(cell, Err(Missing::NoSuchInstance | Missing::NoSuchObject));
    let reasons = cells.reasons();
    (reasons.contains(Missing::NoSuchInstance) || reasons.contains(Missing::NoSuchObject))
        && cells.iter().take(cells.len().saturating_sub(1)).any(gone)
}

/// sysUpTime, the last cell.
fn uptime(cells: &Cells) -> Option<u32> {
    match cells.value(cells.len().checked_sub(1)?) {
        Ok(Value::TimeTicks(ticks)) => Some(ticks),
        _ => None,
    }
}

/// How an agent with that credential is spoken to. `entropy` must be random.
pub(super) fn session(credential: &Credential, entropy: u64) -> Session {
    match credential {
        Credential::Community { version, community } => Session::Community {
            version: match version {
                SnmpVersion::V1 => Version::V1,
                SnmpVersion::V2c => Version::V2c,
            },
            community: Arc::from(community.expose().as_bytes()),
        },
        Credential::Usm(user) => Session::of_user(Arc::clone(user), entropy),
    }
}

/// Host and port as a person would type them.
fn address_text(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
