//! The ledger against a reference: alerts that begin and end, receivers that lose answers, and a
//! process that is killed at any point.

use super::disk_of_octets::Disk;
use super::lane::{Job, Next};
use super::ledger::{Announcement, Ledger, Limits};
use super::record::{Record, Rows};
use crate::alert::{AlertKey, Transition, TransitionKind};
use crate::model::{Moment, Now, Severity, UnixMillis};
use crate::notify::fixtures;
use crate::notify::pagerduty::{Action, Reason, event};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const LANES: [&str; 2] = ["day", "night"];
/// Alerts and the lanes that hear of them.
const ALERTS: [(&str, &[&str]); 3] = [("a", &LANES), ("b", &["day"]), ("c", &["night"])];

#[derive(Debug, Clone)]
enum Step {
    /// The alert begins, changes or ends.
    Move { alert: usize, severity: Severity, end: bool },
    /// The writer commits so many groups, about.
    Commit(usize),
    /// The sender of a lane takes its next event.
    Take(usize),
    /// A request of a lane comes to its end.
    Finish { lane: usize, which: usize, outcome: Outcome },
    /// The process is killed; of the requests under way some arrived.
    Kill { arrived: bool },
    /// A lane's dead letters are tried again.
    Revive(usize),
    /// What can be is left to the disk, and some of it comes back.
    Cool,
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Accepted,
    AnswerLost,
    NeverArrived,
    Throttled,
    GivenUp,
}

/// One receiver, as PagerDuty behaves.
#[derive(Debug, Default)]
struct Receiver {
    open: BTreeMap<AlertKey, bool>,
    incidents: BTreeMap<AlertKey, u32>,
    last: BTreeMap<AlertKey, UnixMillis>,
}

impl Receiver {
    fn take(&mut self, record: &Record) {
        let last = self.last.entry(record.key.clone()).or_default();
        assert!(*last <= record.at, "{} came after a later event of its alert", record.key);
        *last = record.at;
        let open = self.open.entry(record.key.clone()).or_default();
        if record.action == Action::Trigger && !*open {
            *self.incidents.entry(record.key.clone()).or_default() += 1;
        }
        *open = record.action == Action::Trigger;
    }
}

struct World {
    limits: Limits,
    ledger: Ledger,
    disk: Disk,
    receivers: [Receiver; 2],
    under_way: [Vec<Job>; 2],
    firing: [Option<Severity>; 3],
    onsets: [u32; 3],
    clock: i64,
}

impl World {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            ledger: Ledger::new(limits, Rows::default(), Now::default()),
            disk: Disk::default(),
            receivers: Default::default(),
            under_way: Default::default(),
            firing: [None; 3],
            onsets: [0; 3],
            clock: 0,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Move { alert, severity, end } => match self.firing[alert] {
                None => {
                    self.firing[alert] = Some(severity);
                    self.onsets[alert] += 1;
                    self.announce(alert, TransitionKind::Trigger, severity);
                }
                Some(from) if end => {
                    self.firing[alert] = None;
                    self.announce(alert, TransitionKind::Resolve, from);
                }
                Some(from) if from != severity => {
                    self.firing[alert] = Some(severity);
                    self.announce(alert, TransitionKind::Change { from }, severity);
                }
                Some(_) => (),
            },
            Step::Commit(groups) => self.commit(groups),
            Step::Take(lane) => self.take(lane),
            Step::Finish { lane, which, outcome } => self.finish(lane, which, outcome),
            Step::Kill { arrived } => self.kill(arrived),
            Step::Revive(lane) => self.revive(lane),
            Step::Cool => {
                self.ledger.cool();
                self.fetch();
            }
        }
        self.check();
    }

    fn announce(&mut self, alert: usize, kind: TransitionKind, severity: Severity) {
        self.clock += 1;
        let (key, lanes) = ALERTS[alert];
        let transition = Transition {
            at: UnixMillis(self.clock),
            ..fixtures::transition(kind, severity, fixtures::facts_of(key, lanes))
        };
        let announcement = Announcement {
            record: record(&transition),
            transition: Arc::new(transition),
            targets: lanes.iter().map(|it| Arc::from(*it)).collect(),
        };
        self.ledger.announce(&announcement, Moment::ZERO);
    }

    fn commit(&mut self, groups: usize) {
        let (ops, generation) = self.ledger.take_ops(groups, Now::default());
        self.disk.apply(&ops);
        self.ledger.saved(generation, Moment::ZERO);
    }

    fn take(&mut self, lane: usize) {
        if let Next::Send(job) = self.ledger.next(LANES[lane], Moment::ZERO) {
            self.under_way[lane].push(job);
        }
    }

    fn finish(&mut self, lane: usize, which: usize, outcome: Outcome) {
        if self.under_way[lane].is_empty() {
            return;
        }
        let which = which % self.under_way[lane].len();
        let job = self.under_way[lane].remove(which);
        let name: Arc<str> = LANES[lane].into();
        if matches!(outcome, Outcome::Accepted | Outcome::AnswerLost) {
            self.receivers[lane].take(&job.record);
        }
        match outcome {
            Outcome::Accepted => drop(self.ledger.accepted(&name, job.sequence, Moment::ZERO)),
            Outcome::AnswerLost | Outcome::NeverArrived => {
                self.ledger.failed(&name, job.sequence, true, Moment::ZERO, Moment::ZERO);
            }
            Outcome::Throttled => self.ledger.failed(&name, job.sequence, false, Moment::ZERO, Moment::ZERO),
            Outcome::GivenUp => {
                let why = (Reason::Refused, "no".to_owned());
                self.ledger.give_up(&name, job.sequence, why, UnixMillis(self.clock), Moment::ZERO);
            }
        }
    }

    /// What is not on disk is gone; the rules then find out what is true.
    fn kill(&mut self, arrived: bool) {
        for (lane, jobs) in self.under_way.iter_mut().enumerate() {
            for job in jobs.drain(..).filter(|_| arrived) {
                self.receivers[lane].take(&job.record);
            }
        }
        self.ledger = Ledger::new(self.limits, self.disk.rows(self.limits.resolves_max), Now::default());
        let open = self.ledger.open_keys();
        for (alert, (key, _)) in ALERTS.iter().enumerate() {
            let known = open.iter().find(|it| &*it.0 == *key);
            let known = known.and_then(|it| self.ledger.row(it)).map(|it| it.severity());
            match (known, self.firing[alert]) {
                (None, Some(severity)) => self.announce(alert, TransitionKind::Trigger, severity),
                (Some(severity), None) => self.announce(alert, TransitionKind::Resolve, severity),
                (Some(from), Some(to)) if from != to => {
                    self.announce(alert, TransitionKind::Change { from }, to);
                }
                _ => (),
            }
        }
    }

    fn fetch(&mut self) {
        for place in self.ledger.parked_wanted() {
            let record = self.disk.event(&place);
            self.ledger.unpark(&place, Some(record), Moment::ZERO);
        }
    }

    fn revive(&mut self, lane: usize) {
        self.fetch();
        let name: Arc<str> = LANES[lane].into();
        self.ledger.resolve_again(&name, Moment::ZERO);
        for key in self.ledger.unheard(&name, self.ledger.room(&name)) {
            let row = self.ledger.row(&key).cloned().unwrap();
            let last = row.here().cloned().unwrap_or_else(|| self.disk.transition(&key));
            self.ledger.announce_again(&name, &record(&last), Moment::ZERO);
        }
    }

    /// All goes well until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..10 {
            for lane in 0..LANES.len() {
                self.revive(lane);
                self.commit(usize::MAX);
                self.take(lane);
                while !self.under_way[lane].is_empty() {
                    self.finish(lane, 0, Outcome::Accepted);
                    self.commit(usize::MAX);
                    self.take(lane);
                }
            }
        }
    }

    fn check(&self) {
        for (lane, receiver) in self.receivers.iter().enumerate() {
            for (alert, (key, _)) in ALERTS.iter().enumerate() {
                let incidents = receiver.incidents.get(&AlertKey((*key).into())).copied().unwrap_or(0);
                assert!(
                    incidents <= self.onsets[alert],
                    "{key} opened {incidents} incidents in {}",
                    LANES[lane]
                );
            }
        }
        for (_, lane) in self.ledger.lanes() {
            let mut lines: BTreeMap<&AlertKey, Vec<Action>> = BTreeMap::new();
            for (_, entry) in lane.entries() {
                lines.entry(&entry.record.key).or_default().push(entry.record.action);
            }
            for (key, actions) in lines {
                assert!(actions.len() <= 3, "{key}: {actions:?}");
            }
        }
    }

    fn check_end(&self) {
        for (lane, receiver) in self.receivers.iter().enumerate() {
            for (alert, (key, lanes)) in ALERTS.iter().enumerate() {
                let open = receiver.open.get(&AlertKey((*key).into())).copied().unwrap_or(false);
                let should = self.firing[alert].is_some() && lanes.contains(&LANES[lane]);
                assert_eq!(open, should, "{key} in {}: {:?}", LANES[lane], self.ledger);
            }
        }
        assert!(self.ledger.lanes().all(|(_, lane)| lane.len() == 0), "{:?}", self.ledger);
        assert_eq!(self.ledger.pending(), 0);
        assert!(self.disk.events.is_empty());
        assert_eq!(self.disk.open.len(), self.disk.facts.len());
        assert_eq!(self.disk.open.len(), self.firing.iter().flatten().count());
    }
}

fn record(transition: &Transition) -> Arc<Record> {
    Arc::new(Record {
        key: transition.facts.key.clone(),
        action: event::action_of(transition.kind),
        severity: transition.severity,
        at: transition.at,
        body: "{}".into(),
        repaired: false,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let severity = prop::sample::select(vec![Severity::Info, Severity::Warning, Severity::Critical]);
    let outcome = prop_oneof![
        6 => Just(Outcome::Accepted),
        2 => Just(Outcome::AnswerLost),
        2 => Just(Outcome::NeverArrived),
        2 => Just(Outcome::Throttled),
        1 => Just(Outcome::GivenUp),
    ];
    prop_oneof![
        6 => (0..3_usize, severity, any::<bool>())
            .prop_map(|(alert, severity, end)| Step::Move { alert, severity, end }),
        5 => (1..4_usize).prop_map(Step::Commit),
        5 => (0..2_usize).prop_map(Step::Take),
        5 => (0..2_usize, 0..3_usize, outcome)
            .prop_map(|(lane, which, outcome)| Step::Finish { lane, which, outcome }),
        1 => any::<bool>().prop_map(|arrived| Step::Kill { arrived }),
        1 => (0..2_usize).prop_map(Step::Revive),
        2 => Just(Step::Cool),
    ]
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled(steps in prop::collection::vec(step(), 1..80), small in any::<bool>()) {
        let waiting_max = if small { 2 } else { Limits::DEFAULT.waiting_max };
        let resolves_max = usize::from(!small);
        let mut world = World::new(Limits { waiting_max, resolves_max, warm_max: 0, ..Limits::DEFAULT });
        for step in &steps {
            world.step(step);
        }
        world.settle();
        world.check();
        world.check_end();
    }
}
