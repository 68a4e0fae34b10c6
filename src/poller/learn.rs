//! First contact: who the agent is, which profile fits, and which rows it has.
//!
//! Pure. Identity by GET, the probes of all candidate profiles in one GETNEXT (each in its own, where that
//! was not answered), then of the profile that fits its scalars (GET) and its columns (walks). Invariants: columns, not whole trees, are walked (agents exist that answer a
//! wide walk wrongly and a narrow one rightly); what is known to be absent, because the agent's next
//! object lies beyond it, is not asked for; at most [`Learner::REQUESTS_MAX`] requests.

use super::sweep::{Present, Sweep};
use crate::model::{Cells, Missing, Oid, PollError, Value};
use crate::profile::{AgentLimits, Learned, Plan, Profile, ProfileSet, SystemGroup};
use crate::snmp::wire::{Names, Pdu};
use crate::snmp::{GetJob, GetLimits, GetStep, Request, RequestSize, TakeRows, Walk, WalkEnd, WalkLimits};
use std::collections::VecDeque;
use std::sync::Arc;

/// What an answer or a time-out led to.
#[derive(Debug)]
pub enum LearnStep {
    /// There is another request to send.
    Ask,
    /// The device is known.
    Done(Box<Plan>),
    /// It cannot be learnt now.
    Failed(PollError),
}

/// Learns one agent.
#[derive(Debug)]
pub struct Learner {
    profiles: Arc<ProfileSet>,
    /// The profile that the user chose, by name.
    chosen: Option<String>,
    stage: Stage,
    system: SystemGroup,
    candidates: VecDeque<Arc<Profile>>,
    /// Of their probes, as far as it is known.
    present: Present,
    /// Whose sysObjectID is of no vendor that we know: its tables tell.
    is_foreign: bool,
    learned: Learned,
    /// The last profile that fitted but had no rows.
    empty: Option<String>,
    requests: u32,
    /// Walks in a row that ended in silence.
    silent: u32,
    notes: Vec<String>,
    /// Whether the version knows GETBULK.
    getbulk: bool,
    reach: Reach,
    /// Walks that ended at the end of the agent's MIB.
    ends: u32,
    agent_limits: Option<AgentLimits>,
    answered: bool,
}

/// How much an agent bears in one request, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// In a GET.
    pub get: GetLimits,
    /// In a GETBULK.
    pub repetitions: RequestSize,
}

impl Default for Reach {
    fn default() -> Self {
        Self { get: GetLimits::default(), repetitions: WalkLimits::default().repetitions }
    }
}

#[derive(Debug)]
enum Stage {
    Identify(GetJob),
    /// All probes at once.
    Sweep(Sweep),
    Probe {
        profile: Arc<Profile>,
        at: usize,
        walk: Walk,
    },
    Scalars {
        profile: Arc<Profile>,
        job: GetJob,
    },
    Columns {
        profile: Arc<Profile>,
        at: usize,
        walk: Walk,
        /// It is walked a second time, because the first brought garbage.
        again: bool,
    },
    /// Between stages, and at the end.
    Over,
}

impl Learner {
    /// A limit for an agent that leads on for ever: the largest recorded device needs some 1,200.
    pub const REQUESTS_MAX: u32 = 20_000;
    /// The largest recorded device has some 9,000 cells.
    const CELLS_MAX: usize = 100_000;
    /// After so many columns in silence the agent is taken as gone.
    const SILENT_MAX: u32 = 2;
    /// Asked at a time while nothing is known of the agent: some drop a GET for more, and silence would
    /// then look like death.
    const IDENTITY_CELLS: usize = 2;
    /// SNMPv2-MIB: sysDescr, sysObjectID, sysUpTime, sysName, each with its instance 0.
    const SYSTEM: [[u32; 9]; 4] = [
        [1, 3, 6, 1, 2, 1, 1, 1, 0],
        [1, 3, 6, 1, 2, 1, 1, 2, 0],
        [1, 3, 6, 1, 2, 1, 1, 3, 0],
        [1, 3, 6, 1, 2, 1, 1, 5, 0],
    ];

    /// Begins: the first request is due.
    #[must_use]
    pub fn new(profiles: Arc<ProfileSet>, chosen: Option<String>, getbulk: bool, reach: Reach) -> Self {
        let oids = Self::SYSTEM.map(|arcs| Oid::new(&arcs));
        let names = Arc::new(Names::new(&oids).unwrap_or_default());
        Self {
            profiles,
            chosen,
            stage: Stage::Identify(GetJob::new(names, reach.get.at_most(Self::IDENTITY_CELLS))),
            system: SystemGroup::default(),
            candidates: VecDeque::new(),
            present: Present::new(),
            is_foreign: false,
            learned: Learned::default(),
            empty: None,
            requests: 0,
            silent: 0,
            notes: Vec::new(),
            getbulk,
            reach,
            ends: 0,
            agent_limits: None,
            answered: false,
        }
    }

    /// What went wrong on the way without stopping it, for a person.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What the agent turned out to bear.
    #[must_use]
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// Whether the agent answered anything at all.
    #[must_use]
    pub const fn was_answered(&self) -> bool {
        self.answered
    }

    /// What the profile says that is being tried, or fits, of what its agents bear.
    #[must_use]
    pub fn agent_limits(&self) -> Option<AgentLimits> {
        self.agent_limits
    }

    /// The cells that were read, once it is over.
    #[must_use]
    pub const fn learned(&self) -> &Learned {
        &self.learned
    }

    /// What the agent says of itself; empty before it answered.
    #[must_use]
    pub const fn system(&self) -> &SystemGroup {
        &self.system
    }

    /// The request that is due.
    #[must_use]
    pub fn request(&self) -> Option<Request<'_>> {
        match &self.stage {
            Stage::Identify(job) | Stage::Scalars { job, .. } => Some(job.request()),
            Stage::Sweep(sweep) => Some(sweep.request()),
            Stage::Probe { walk, .. } | Stage::Columns { walk, .. } => Some(walk.request()),
            Stage::Over => None,
        }
    }

    /// Takes the answer to the request that was due.
    pub fn on_response(&mut self, pdu: &Pdu<'_>) -> LearnStep {
        self.requests += 1;
        if Self::REQUESTS_MAX < self.requests {
            self.stage = Stage::Over;
            return LearnStep::Failed(PollError::Limit(format!(
                "{} requests to learn it",
                Self::REQUESTS_MAX
            )));
        }
        self.silent = 0;
        self.answered = true;
        match &mut self.stage {
            Stage::Identify(job) | Stage::Scalars { job, .. } => {
                match job.on_response(pdu, &mut Cells::default()) {
                    GetStep::Ask => LearnStep::Ask,
                    GetStep::Done => self.get_done(),
                }
            }
            Stage::Sweep(sweep) => match sweep.on_response(pdu) {
                None => LearnStep::Ask,
                Some(present) => {
                    let named = sweep.named().to_vec();
                    self.swept(present, &named)
                }
            },
            Stage::Probe { walk, .. } => match walk.on_response(pdu) {
                None if walk.rows().is_empty() => LearnStep::Ask,
                _ => self.probe_done(),
            },
            Stage::Columns { walk, .. } => match walk.on_response(pdu) {
                None => LearnStep::Ask,
                Some(end) => self.column_done(end),
            },
            Stage::Over => LearnStep::Failed(PollError::Timeout),
        }
    }

    /// The request that was due is overdue and will be repeated.
    pub fn on_timeout(&mut self) {
        match &mut self.stage {
            Stage::Probe { walk, .. } | Stage::Columns { walk, .. } => walk.on_timeout(),
            Stage::Scalars { job, .. } => job.on_timeout(true),
            Stage::Identify(_) | Stage::Sweep(_) | Stage::Over => (),
        }
    }

    /// The request that was due stayed unanswered, retries included.
    pub fn on_give_up(&mut self) -> LearnStep {
        if let Stage::Columns { walk, .. } = &mut self.stage
            && walk.on_give_up()
        {
            return LearnStep::Ask;
        }
        self.silent += 1;
        if Self::SILENT_MAX <= self.silent {
            self.stage = Stage::Over;
            return LearnStep::Failed(PollError::Timeout);
        }
        match &mut self.stage {
            Stage::Identify(_) | Stage::Over => {
                self.stage = Stage::Over;
                LearnStep::Failed(PollError::Timeout)
            }
            Stage::Scalars { job, .. } => match job.on_give_up(true) {
                GetStep::Ask => LearnStep::Ask,
                GetStep::Done => self.get_done(),
            },
            // Perhaps it was too much at once.
            Stage::Sweep(_) => self.next_candidate(),
            Stage::Probe { .. } => self.probe_done(),
            Stage::Columns { .. } => self.column_done(WalkEnd::Timeout),
        }
    }

    fn get_done(&mut self) -> LearnStep {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Identify(job) => self.identified(&job),
            Stage::Scalars { profile, job } => {
                self.reach.get = job.limits();
                for (oid, cell) in profile.scalars().iter().zip(job.cells().iter()) {
                    match cell {
                        Ok(value) => self.learned.insert(oid.clone(), value),
                        Err(Missing::NoSuchObject | Missing::NoSuchInstance) => (),
                        Err(_) => self.learned.insert_unanswered(oid.clone()),
                    }
                }
                self.column(profile, 0, false)
            }
            Stage::Sweep(_) | Stage::Probe { .. } | Stage::Columns { .. } | Stage::Over => {
                LearnStep::Failed(PollError::Timeout)
            }
        }
    }

    fn identified(&mut self, job: &GetJob) -> LearnStep {
        let cells = job.cells();
        if cells.is_empty() {
            return LearnStep::Failed(PollError::Timeout);
        }
        if cells.iter().all(|cell| matches!(cell, Err(Missing::AgentError | Missing::TooBig))) {
            return LearnStep::Failed(PollError::AgentError { status: job.refusal() });
        }
        let [descr, object_id, uptime, name] = [0, 1, 2, 3].map(|it| cells.value(it));
        self.system = SystemGroup {
            sys_object_id: match object_id {
                Ok(Value::ObjectIdentifier(oid)) => oid,
                _ => Oid::default(),
            },
            sys_descr: text(&descr),
            sys_name: text(&name),
            sys_uptime_ticks: match uptime {
                Ok(Value::TimeTicks(ticks)) => Some(ticks),
                _ => None,
            },
        };
        self.candidates = match &self.chosen {
            Some(name) => self.profiles.find(name).cloned().into_iter().collect(),
            None => self.profiles.candidates(&self.system).into(),
        };
        self.is_foreign = self.chosen.is_none() && self.profiles.is_foreign(&self.system);
        match self.sweep() {
            Some(sweep) if self.chosen.is_none() => {
                self.stage = Stage::Sweep(sweep);
                LearnStep::Ask
            }
            _ => self.next_candidate(),
        }
    }

    /// The probes of the candidates, best first: of no more than it, and those that may fit it, bear at a time.
    fn sweep(&self) -> Option<Sweep> {
        // Beside them, where nothing is known of its vendor: whose objects it has.
        let mut roots = if self.is_foreign { ProfileSet::enterprise_marks() } else { Vec::new() };
        let mut most = self.reach.get.cells.asked().try_into().unwrap_or(Sweep::ROOTS_MAX);
        // One without probes fits: what comes after it is not tried.
        for profile in self.candidates.iter().take_while(|it| !it.probes().is_empty()) {
            most = most.min(profile.agent.max_varbinds);
            for root in profile.probes() {
                if !roots.contains(root) {
                    roots.push(root.clone());
                }
            }
        }
        roots.truncate(most.min(Sweep::ROOTS_MAX));
        Sweep::new(roots)
    }

    /// That it has none of them is believed only of an agent that has one: the others are asked one by one.
    fn swept(&mut self, present: Present, named: &[Oid]) -> LearnStep {
        if present.values().any(|has| *has) {
            self.present.extend(present);
        }
        if std::mem::take(&mut self.is_foreign) && self.vendors_found(named) {
            let is_met = |it: &Arc<Profile>| it.probes().iter().any(|it| self.present.get(it) == Some(&true));
            // A vendor's probe that this answer does not settle is worth one more request where nothing else fits.
            match self.candidates.iter().position(is_met) {
                Some(at) => drop(self.candidates.drain(..at)),
                None => {
                    if let Some(sweep) = self.sweep() {
                        self.stage = Stage::Sweep(sweep);
                        return LearnStep::Ask;
                    }
                }
            }
        }
        self.next_candidate()
    }

    /// The profiles of the vendors whose objects the agent has come before all others.
    fn vendors_found(&mut self, named: &[Oid]) -> bool {
        let found = self.profiles.of_enterprises(named);
        for root in found.iter().flat_map(|it| it.probes()) {
            if named.iter().any(|it| it.starts_with(root)) {
                self.present.insert(root.clone(), true);
            }
        }
        let any = !found.is_empty();
        found.into_iter().rev().for_each(|it| self.candidates.push_front(it));
        any
    }

    fn next_candidate(&mut self) -> LearnStep {
        match self.candidates.pop_front() {
            // What the user chose is not put to the test.
            Some(profile) if self.chosen.is_some() => self.scalars(profile),
            Some(profile) => self.probe(profile, 0),
            None => LearnStep::Failed(match self.empty.take() {
                Some(profile) => PollError::Empty { profile },
                None => PollError::NoProfile {
                    sys_object_id: self.system.sys_object_id.clone(),
                    sys_descr: self.system.sys_descr.clone(),
                },
            }),
        }
    }

    /// Asks for the probe at `at`; a profile without probes, or with none left and none met, ends here.
    fn probe(&mut self, profile: Arc<Profile>, at: usize) -> LearnStep {
        let known = profile.probes().iter().skip(at).take_while(|it| self.present.get(*it) == Some(&false));
        let at = at + known.count();
        match profile.probes().get(at) {
            Some(root) if self.present.get(root) == Some(&true) => self.scalars(profile),
            Some(root) => {
                let limits = WalkLimits { rows_max: 1, ..WalkLimits::getnext() };
                let walk = Walk::new(root.clone(), limits);
                self.stage = Stage::Probe { profile, at, walk };
                LearnStep::Ask
            }
            None if profile.probes().is_empty() => self.scalars(profile),
            None => self.next_candidate(),
        }
    }

    fn probe_done(&mut self) -> LearnStep {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Probe { profile, walk, .. } if !walk.rows().is_empty() => self.scalars(profile),
            Stage::Probe { profile, at, .. } => self.probe(profile, at + 1),
            _ => LearnStep::Failed(PollError::Timeout),
        }
    }

    fn scalars(&mut self, profile: Arc<Profile>) -> LearnStep {
        self.agent_limits = Some(profile.agent);
        self.learned = Learned::default();
        self.ends = 0;
        let names = Arc::new(Names::new(profile.scalars()).unwrap_or_default());
        self.reach.get = self.reach.get.at_most(profile.agent.max_varbinds);
        let job = GetJob::new(names, self.reach.get);
        let done = job.is_done();
        self.stage = Stage::Scalars { profile, job };
        if done { self.get_done() } else { LearnStep::Ask }
    }

    fn column(&mut self, profile: Arc<Profile>, at: usize, again: bool) -> LearnStep {
        let Some(root) = profile.columns().get(at) else { return self.compile(&profile) };
        let getbulk = self.getbulk && profile.agent.getbulk;
        let most = if getbulk { profile.agent.max_repetitions } else { 0 };
        let repetitions = self.reach.repetitions.at_most(most);
        let walk = Walk::new(root.clone(), WalkLimits { repetitions, ..WalkLimits::default() });
        self.stage = Stage::Columns { profile, at, walk, again };
        LearnStep::Ask
    }

    fn column_done(&mut self, end: WalkEnd) -> LearnStep {
        let Stage::Columns { profile, at, walk, again } = std::mem::replace(&mut self.stage, Stage::Over)
        else {
            return LearnStep::Failed(PollError::Timeout);
        };
        self.reach.repetitions = walk.repetitions();
        // An agent that means it says so again.
        if !again && matches!(end, WalkEnd::NotIncreasing { .. } | WalkEnd::Malformed) {
            return self.column(profile, at, true);
        }
        for (oid, value) in walk.rows().iter() {
            self.learned.insert(oid, value);
        }
        if Self::CELLS_MAX < self.learned.len() {
            return LearnStep::Failed(PollError::Limit(format!("{} cells to learn it", Self::CELLS_MAX)));
        }
        let columns = profile.columns();
        let mut next = at + 1;
        match &end {
            WalkEnd::Complete { beyond } => {
                // All columns whose whole subtree lies before the agent's next object are empty.
                let absent = |it: &&Oid| **it < *beyond && !beyond.starts_with(it);
                next += columns.iter().skip(next).take_while(absent).count();
            }
            WalkEnd::EndOfMib => {
                // Agents made of parts end each of them: a second end is believed.
                self.ends += 1;
                if 1 < self.ends {
                    next = columns.len();
                }
            }
            _ => {
                let root = columns.get(at).cloned().unwrap_or_default();
                self.learned.insert_unanswered(root.clone());
                self.notes.push(format!("walk of {root}: {}", explain(&end)));
            }
        }
        self.column(profile, next, false)
    }

    fn compile(&mut self, profile: &Arc<Profile>) -> LearnStep {
        let plan = profile.compile(&self.learned, &self.system);
        if plan.shape.readings.is_empty() {
            self.empty = Some(profile.name.to_string());
            return self.next_candidate();
        }
        LearnStep::Done(Box::new(plan))
    }
}

fn text(cell: &Result<Value, Missing>) -> String {
    let text = cell.as_ref().ok().and_then(Value::text).unwrap_or_default();
    text.chars().take(SYSTEM_TEXT_MAX).collect()
}

/// sysDescr and sysName are DisplayStrings of 255 characters at most (RFC 3418).
const SYSTEM_TEXT_MAX: usize = 255;

fn explain(end: &WalkEnd) -> String {
    match end {
        WalkEnd::Complete { .. } | WalkEnd::EndOfMib => "complete".to_owned(),
        WalkEnd::NotIncreasing { after, came } => {
            format!("the agent sent {came} after {after}, which would never end; rows before that are kept")
        }
        WalkEnd::RowsMax => format!("stopped after {} rows", WalkLimits::ROWS_MAX),
        WalkEnd::AgentError(status) => format!("the agent answered {}", status.name()),
        WalkEnd::Malformed => "the agent's answers hold nothing readable".to_owned(),
        WalkEnd::Timeout => "no answer in time".to_owned(),
    }
}
