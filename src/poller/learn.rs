//! First contact: who the agent is, which profile fits, and which rows it has.
//!
//! Pure. Identity by GET, then per candidate profile: its probes (one GETNEXT each), its scalars (GET),
//! its columns (walks). Invariants: columns, not whole trees, are walked (agents exist that answer a
//! wide walk wrongly and a narrow one rightly); what is known to be absent, because the agent's next
//! object lies beyond it, is not asked for; at most [`Learner::REQUESTS_MAX`] requests.

use crate::model::{Missing, Oid, PollError, Value};
use crate::profile::{Learned, Plan, Profile, ProfileSet, SystemGroup};
use crate::snmp::wire::{Names, Pdu};
use crate::snmp::{Cell, GetJob, GetLimits, GetStep, Head, Walk, WalkEnd, WalkLimits};
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
    learned: Learned,
    /// The last profile that fitted but had no rows.
    empty: Option<String>,
    requests: u32,
    /// Walks in a row that ended in silence.
    silent: u32,
    notes: Vec<String>,
    /// What the walks so far turned out to bear.
    repetitions_max: u32,
    /// Walks that ended at the end of the agent's MIB.
    ends: u32,
    answered: bool,
    get_limits: GetLimits,
}

#[derive(Debug)]
enum Stage {
    Identify(GetJob),
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
    /// SNMPv2-MIB: sysDescr, sysObjectID, sysUpTime, sysName, each with its instance 0.
    const SYSTEM: [[u32; 9]; 4] = [
        [1, 3, 6, 1, 2, 1, 1, 1, 0],
        [1, 3, 6, 1, 2, 1, 1, 2, 0],
        [1, 3, 6, 1, 2, 1, 1, 3, 0],
        [1, 3, 6, 1, 2, 1, 1, 5, 0],
    ];

    /// Begins: the first request is due.
    #[must_use]
    pub fn new(profiles: Arc<ProfileSet>, chosen: Option<String>) -> Self {
        let oids = Self::SYSTEM.map(|arcs| Oid::new(&arcs));
        let names = Arc::new(Names::new(&oids).unwrap_or_default());
        Self {
            profiles,
            chosen,
            stage: Stage::Identify(GetJob::new(names, GetLimits::default())),
            system: SystemGroup::default(),
            candidates: VecDeque::new(),
            learned: Learned::default(),
            empty: None,
            requests: 0,
            silent: 0,
            notes: Vec::new(),
            repetitions_max: u32::MAX,
            ends: 0,
            answered: false,
            get_limits: GetLimits::default(),
        }
    }

    /// What went wrong on the way without stopping it, for a person.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What the agent turned out to bear in one GET.
    #[must_use]
    pub const fn get_limits(&self) -> GetLimits {
        self.get_limits
    }

    /// Whether the agent answered anything at all.
    #[must_use]
    pub const fn was_answered(&self) -> bool {
        self.answered
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

    /// Writes the request that is due.
    pub fn write_request(&self, head: &Head, request_id: i32, out: &mut Vec<u8>) {
        match &self.stage {
            Stage::Identify(job) | Stage::Scalars { job, .. } => job.write_request(head, request_id, out),
            Stage::Probe { walk, .. } | Stage::Columns { walk, .. } => {
                walk.write_request(head, request_id, out);
            }
            Stage::Over => (),
        }
    }

    /// Takes the answer to the request that was due.
    pub fn on_response(&mut self, head: &Head, pdu: &Pdu<'_>) -> LearnStep {
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
            Stage::Identify(job) | Stage::Scalars { job, .. } => match job.on_response(pdu) {
                GetStep::Ask => LearnStep::Ask,
                GetStep::Done => self.get_done(head),
            },
            Stage::Probe { walk, .. } => match walk.on_response(pdu) {
                None if walk.rows().is_empty() => LearnStep::Ask,
                _ => self.probe_done(head),
            },
            Stage::Columns { walk, .. } => match walk.on_response(pdu) {
                None => LearnStep::Ask,
                Some(end) => self.column_done(head, end),
            },
            Stage::Over => LearnStep::Failed(PollError::Timeout),
        }
    }

    /// The request that was due was not answered and will be repeated.
    pub fn on_timeout(&mut self) {
        if let Stage::Probe { walk, .. } | Stage::Columns { walk, .. } = &mut self.stage {
            walk.on_timeout();
        }
    }

    /// The request that was due stayed unanswered, retries included.
    pub fn on_give_up(&mut self, head: &Head) -> LearnStep {
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
            Stage::Scalars { job, .. } => match job.on_give_up(0, true) {
                GetStep::Ask => LearnStep::Ask,
                GetStep::Done => self.get_done(head),
            },
            Stage::Probe { .. } => self.probe_done(head),
            Stage::Columns { .. } => self.column_done(head, WalkEnd::Timeout),
        }
    }

    fn get_done(&mut self, head: &Head) -> LearnStep {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Identify(job) => self.identified(head, &job),
            Stage::Scalars { profile, job } => {
                self.get_limits.cells_max = self.get_limits.cells_max.min(job.limits().cells_max);
                for (oid, cell) in profile.scalars().iter().zip(job.cells()) {
                    match cell {
                        Ok(value) => self.learned.insert(oid.clone(), value.clone()),
                        Err(Missing::NoSuchObject | Missing::NoSuchInstance) => (),
                        Err(_) => self.learned.insert_unanswered(oid.clone()),
                    }
                }
                self.column(head, profile, 0)
            }
            Stage::Probe { .. } | Stage::Columns { .. } | Stage::Over => {
                LearnStep::Failed(PollError::Timeout)
            }
        }
    }

    fn identified(&mut self, head: &Head, job: &GetJob) -> LearnStep {
        let [descr, object_id, uptime, name] = job.cells() else {
            return LearnStep::Failed(PollError::Timeout);
        };
        if job.cells().iter().all(|cell| matches!(cell, Err(Missing::AgentError | Missing::TooBig))) {
            return LearnStep::Failed(PollError::AgentError {
                status: "an error to every request".to_owned(),
            });
        }
        self.system = SystemGroup {
            sys_object_id: match object_id {
                Ok(Value::ObjectIdentifier(oid)) => oid.clone(),
                _ => Oid::default(),
            },
            sys_descr: text(descr),
            sys_name: text(name),
            sys_uptime_ticks: match uptime {
                Ok(Value::TimeTicks(ticks)) => Some(*ticks),
                _ => None,
            },
        };
        self.candidates = match &self.chosen {
            Some(name) => self.profiles.find(name).cloned().into_iter().collect(),
            None => self.profiles.candidates(&self.system).into(),
        };
        self.next_candidate(head)
    }

    fn next_candidate(&mut self, head: &Head) -> LearnStep {
        match self.candidates.pop_front() {
            // What the user chose is not put to the test.
            Some(profile) if self.chosen.is_some() => self.scalars(head, profile),
            Some(profile) => self.probe(head, profile, 0),
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
    fn probe(&mut self, head: &Head, profile: Arc<Profile>, at: usize) -> LearnStep {
        match profile.probes().get(at) {
            Some(root) => {
                let limits = WalkLimits { repetitions: 0, rows_max: 1 };
                let walk = Walk::new(root.clone(), head.version, limits);
                self.stage = Stage::Probe { profile, at, walk };
                LearnStep::Ask
            }
            None if profile.probes().is_empty() => self.scalars(head, profile),
            None => self.next_candidate(head),
        }
    }

    fn probe_done(&mut self, head: &Head) -> LearnStep {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Probe { profile, walk, .. } if !walk.rows().is_empty() => self.scalars(head, profile),
            Stage::Probe { profile, at, .. } => self.probe(head, profile, at + 1),
            _ => LearnStep::Failed(PollError::Timeout),
        }
    }

    fn scalars(&mut self, head: &Head, profile: Arc<Profile>) -> LearnStep {
        self.learned = Learned::default();
        self.ends = 0;
        let names = Arc::new(Names::new(profile.scalars()).unwrap_or_default());
        self.get_limits = GetLimits { cells_max: profile.agent.max_varbinds, ..GetLimits::default() };
        let job = GetJob::new(names, self.get_limits);
        let done = job.is_done();
        self.stage = Stage::Scalars { profile, job };
        if done { self.get_done(head) } else { LearnStep::Ask }
    }

    fn column(&mut self, head: &Head, profile: Arc<Profile>, at: usize) -> LearnStep {
        let Some(root) = profile.columns().get(at) else { return self.compile(head, &profile) };
        let most = if profile.agent.getbulk { profile.agent.max_repetitions } else { 0 };
        let repetitions = most.min(self.repetitions_max);
        let walk = Walk::new(root.clone(), head.version, WalkLimits { repetitions, ..WalkLimits::default() });
        self.stage = Stage::Columns { profile, at, walk };
        LearnStep::Ask
    }

    fn column_done(&mut self, head: &Head, end: WalkEnd) -> LearnStep {
        let Stage::Columns { profile, at, walk } = std::mem::replace(&mut self.stage, Stage::Over) else {
            return LearnStep::Failed(PollError::Timeout);
        };
        self.repetitions_max = self.repetitions_max.min(walk.repetitions());
        for (oid, value) in walk.into_rows() {
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
        self.column(head, profile, next)
    }

    fn compile(&mut self, head: &Head, profile: &Arc<Profile>) -> LearnStep {
        let plan = profile.compile(&self.learned, &self.system);
        if plan.shape.readings.is_empty() {
            self.empty = Some(profile.name.to_string());
            return self.next_candidate(head);
        }
        LearnStep::Done(Box::new(plan))
    }
}

fn text(cell: &Cell) -> String {
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
