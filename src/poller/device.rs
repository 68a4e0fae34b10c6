//! One device: learns, polls, repeats what is lost, learns anew when the device has changed.
//!
//! Pure: [`Device::begin`] starts a poll, [`Device::write_request`] gives the request that is due,
//! answers and time-outs go in, and each poll ends in one [`Outcome`]. A device that is known is learnt anew
//! between its polls ([`Device::resume_learning`]), which go on meanwhile. Invariants: at most one request
//! is due at a time; a poll that brought nothing says why for each reading; a device that is known to be
//! dead is asked once a poll, without retries, for one cell that any return would answer.

mod beside;
mod learning;
mod outcome;
mod renewal;

pub use self::outcome::{Outcome, Ready, Room, Step};

use self::beside::Beside;
use self::renewal::Renewal;
use super::engines::KnownEngine;
use super::kinds::Kinds;
use super::learn::{Learner, Reach};
use super::settings::{Credential, DeviceSettings, SnmpVersion};
use super::timing::{Exchange, Pace, Patience, RoundTrip};
use crate::model::{Batch, Cells, Effort, Missing, Moment, Now, Oid, PollError, Sample, Source, Value};
use crate::profile::ProfileSet;
use crate::snmp::v3::{NeedKeys, UsmError};
use crate::snmp::wire::{Pdu, Version};
use crate::snmp::{Apart, GetJob, GetLimits, GetStep, Session};
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
    /// When it is learnt anew, and what is believed of that.
    renewal: Renewal,
}

#[derive(Debug)]
enum Activity {
    Idle,
    /// What the learner asks is due.
    Learn,
    Poll(GetJob),
}

impl Device {
    /// Somebody may be changing its configuration, or writing its profile.
    const UNREADABLE_INTERVAL: Duration = Duration::from_secs(60);
    /// A first learning may take so long: the largest recorded device needs 1,200 requests.
    const LEARN_LIMIT: Duration = Duration::from_secs(300);
    /// A learning between polls may take so long; polls go on meanwhile.
    const LEARN_ANEW_LIMIT: Duration = Duration::from_secs(900);
    /// A poll may take three intervals, but this much at least.
    const POLL_LIMIT_MIN: Duration = Duration::from_secs(30);

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
        let renewal = Renewal::of_device(&settings.name);
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
            renewal,
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
        self.renewal.on_profiles();
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
            Some(ready) => {
                let (job, probe) = match &self.apart {
                    None => {
                        let names = Arc::clone(&ready.names);
                        let last = names.len().saturating_sub(1);
                        (GetJob::new(names, self.reach.get), last)
                    }
                    Some(apart) => (apart.job(self.reach.get), apart.probe()),
                };
                // It may be one of its cells that silences it.
                Activity::Poll(if 0 < self.failures { job.with_probe(probe) } else { job })
            }
            None => {
                self.start_learning(now.moment);
                Activity::Learn
            }
        };
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
        let retries = match &self.activity {
            _ if self.is_dead() => 0,
            Activity::Poll(job) if job.seeks() => self.settings.retries.min(1),
            _ => self.settings.retries,
        };
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
        let silent_before = self.apart.as_ref().map_or(0, |it| it.silencers().count());
        let (apart, is_spoilt) = Apart::after(self.apart.take(), job, &ready.names);
        self.apart = apart;
        if let Some(apart) = &self.apart
            && silent_before < apart.silencers().count()
        {
            let names = apart.silencers().filter_map(|at| Oid::decode_content(ready.names.name(at)).ok());
            let names: Vec<String> = names.map(|it| it.to_string()).collect();
            let note =
                format!("asked for {}, the agent falls silent: asked apart and seldom", names.join(", "));
            self.outcome.notes.push(note);
        }
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
            self.renewal.on_doubt();
        }
        if let Some(count) = ready.plan.row_counts(&self.outcome.batch.samples) {
            self.renewal.on_row_counts(count);
        }
        if let Some(ticks) = uptime(&cells) {
            self.renewal.on_uptime(ticks, now.moment);
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
            self.renewal.on_broken_off();
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
