//! What the ledger does, case by case. The model test holds it against a reference; what that test
//! once found is kept here.

use super::lane::{CLAIMS_MAX, DISK_PATIENCE, Job, Next};
use super::ledger::{Announcement, Ledger, Limits, Note};
use super::record::{Op, Record, Rows};
use crate::alert::{AlertKey, Transition, TransitionKind};
use crate::model::{Moment, Now, Severity, UnixMillis};
use crate::notify::fixtures;
use crate::notify::pagerduty::{Action, Reason, event};
use std::sync::Arc;
use std::time::Duration;

const NOW: Moment = Moment::ZERO;

/// A ledger with one lane, whose disk works.
struct Bench {
    ledger: Ledger,
    lane: Arc<str>,
}

impl Bench {
    fn new(waiting_max: usize) -> Self {
        let limits = Limits { waiting_max, ..Limits::DEFAULT };
        Self { ledger: Ledger::new(limits, Rows::default(), Now::default()), lane: "ops".into() }
    }

    fn trigger(&mut self, key: &str, severity: Severity) {
        self.announce(key, TransitionKind::Trigger, severity);
    }

    fn resolve(&mut self, key: &str) {
        self.announce(key, TransitionKind::Resolve, Severity::Warning);
    }

    fn announce(&mut self, key: &str, kind: TransitionKind, severity: Severity) {
        let transition = fixtures::transition(kind, severity, fixtures::facts_of(key, &["ops"]));
        self.ledger.announce(&announcement(transition), NOW);
    }

    fn save(&mut self) {
        let (_, generation) = self.ledger.take_ops(usize::MAX, Now::default());
        self.ledger.saved(generation, NOW);
    }

    /// The next event, once all is on disk.
    fn next(&mut self) -> Option<Job> {
        self.next_at(NOW)
    }

    fn next_at(&mut self, now: Moment) -> Option<Job> {
        for _ in 0..10 {
            self.save();
            if let Next::Send(job) = self.ledger.next("ops", now) {
                return Some(job);
            }
            if self.ledger.pending() == 0 {
                break;
            }
        }
        None
    }

    /// All that would be sent, each accepted at once: `trigger a`.
    fn drain(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        while let Some(job) = self.next() {
            sent.push(format!("{} {}", job.record.action, job.record.key));
            self.ledger.accepted(&self.lane, job.sequence, NOW);
        }
        sent
    }

    fn give_up(&mut self, job: &Job, reason: Reason) {
        self.ledger.give_up(&self.lane, job.sequence, (reason, "no".to_owned()), UnixMillis(0), NOW);
    }

    fn fail(&mut self, job: &Job, may_have_arrived: bool) {
        self.ledger.failed(&self.lane, job.sequence, may_have_arrived, NOW, NOW);
    }

    fn revive(&mut self) {
        self.ledger.resolve_again(&self.lane, NOW);
        for key in self.ledger.unheard("ops", self.ledger.room("ops")) {
            let last = self.ledger.row(&key).and_then(|it| it.here()).cloned().unwrap();
            self.ledger.announce_again(&self.lane, &announcement((*last).clone()).record, NOW);
        }
    }
}

/// An alert that begins, for those integrations.
pub(super) fn announcement_for(key: &str, targets: &[&str]) -> Announcement {
    let facts = fixtures::facts_of(key, targets);
    let transition = fixtures::transition(TransitionKind::Trigger, Severity::Critical, facts);
    Announcement { targets: targets.iter().map(|it| Arc::from(*it)).collect(), ..announcement(transition) }
}

fn announcement(transition: Transition) -> Announcement {
    let record = Record {
        key: transition.facts.key.clone(),
        action: event::action_of(transition.kind),
        severity: transition.severity,
        at: transition.at,
        body: "{}".into(),
        repaired: false,
    };
    Announcement { record: Arc::new(record), transition: Arc::new(transition), targets: vec!["ops".into()] }
}

#[test]
fn urgent_events_go_first_and_alerts_keep_their_order() {
    let mut bench = Bench::new(100);
    bench.trigger("info", Severity::Info);
    bench.trigger("warning", Severity::Warning);
    bench.trigger("old", Severity::Info);
    let first = bench.next().unwrap();
    assert_eq!(&*first.record.key.0, "warning");
    bench.fail(&first, true);
    bench.trigger("error", Severity::Error);
    bench.trigger("critical", Severity::Critical);
    bench.resolve("warning");
    let expected = ["trigger critical", "resolve warning", "trigger error", "trigger info", "trigger old"];
    assert_eq!(bench.drain(), expected);
}

#[test]
fn only_urgent_events_use_the_reserve() {
    let mut bench = Bench::new(100);
    bench.ledger.set_limit(&bench.lane.clone(), 10);
    for number in 0..9 {
        bench.trigger(&format!("{number}"), Severity::Warning);
    }
    assert_eq!(bench.drain().len(), 9);
    bench.trigger("warning", Severity::Warning);
    assert!(bench.next().is_none());
    bench.trigger("critical", Severity::Critical);
    assert_eq!(bench.next().map(|it| it.record.severity), Some(Severity::Critical));
    bench.resolve("0");
    assert!(bench.next().is_none(), "the window is full");
    let later = NOW + Duration::from_secs(61);
    assert_eq!(bench.next_at(later).map(|it| it.record.action), Some(Action::Resolve));
}

#[test]
fn what_is_out_of_date_is_not_sent() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Warning);
    let change = TransitionKind::Change { from: Severity::Warning };
    bench.announce("a", change, Severity::Critical);
    let sent = bench.next().unwrap();
    assert_eq!(sent.record.severity, Severity::Critical);
    assert!(bench.next().is_none());
    bench.ledger.accepted(&bench.lane, sent.sequence, NOW);

    bench.trigger("b", Severity::Warning);
    bench.resolve("b");
    assert_eq!(bench.drain(), Vec::<String>::new());
    let notes = bench.ledger.take_notes();
    let (lane, key) = (Arc::<str>::from("ops"), |it: &str| AlertKey(it.into()));
    assert_eq!(
        notes,
        [Note::Merged { lane: Arc::clone(&lane), key: key("a") }, Note::Collapsed { lane, key: key("b") }]
    );
    assert_eq!(bench.ledger.open_len(), 1);
}

#[test]
fn a_trigger_that_may_have_arrived_does_not_collapse() {
    for (may_have_arrived, sent) in [(true, vec!["resolve a".to_owned()]), (false, Vec::new())] {
        let mut bench = Bench::new(100);
        bench.trigger("a", Severity::Warning);
        let job = bench.next().unwrap();
        bench.resolve("a");
        assert!(bench.next().is_none(), "the resolve waits behind the one under way");
        bench.fail(&job, may_have_arrived);
        assert_eq!(bench.drain(), sent);
    }
}

#[test]
fn an_alert_that_comes_back_opens_another_incident() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Warning);
    assert_eq!(bench.drain(), ["trigger a"]);
    bench.resolve("a");
    bench.trigger("a", Severity::Warning);
    bench.resolve("a");
    bench.trigger("a", Severity::Warning);
    assert_eq!(bench.drain(), ["resolve a", "trigger a"]);
}

#[test]
fn the_same_trigger_again_is_not_sent_again() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Warning);
    bench.trigger("a", Severity::Warning);
    assert_eq!(bench.drain(), ["trigger a"]);
    bench.trigger("a", Severity::Warning);
    assert_eq!(bench.drain(), Vec::<String>::new());
    bench.trigger("a", Severity::Critical);
    assert_eq!(bench.drain(), ["trigger a"]);
}

#[test]
fn a_resolve_of_an_unknown_alert_is_sent() {
    let mut bench = Bench::new(100);
    bench.resolve("a");
    assert_eq!(bench.drain(), ["resolve a"]);
}

#[test]
fn nothing_goes_before_it_is_on_disk() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Critical);
    let Next::WaitUntil(until) = bench.ledger.next("ops", NOW) else { panic!("it went") };
    assert_eq!(until, NOW + DISK_PATIENCE);
    // A disk that hangs keeps nobody from being woken.
    assert!(matches!(bench.ledger.next("ops", until), Next::Send(_)));
}

#[test]
fn what_follows_waits_until_the_end_of_the_one_before_is_on_disk() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Critical);
    let job = bench.next().unwrap();
    bench.resolve("a");
    bench.save();
    bench.ledger.accepted(&bench.lane, job.sequence, NOW);
    assert!(matches!(bench.ledger.next("ops", NOW), Next::WaitUntil(_)));
    assert!(bench.next().is_some());
}

#[test]
fn an_event_is_claimed_on_disk_before_it_leaves() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Critical);
    let (ops, generation) = bench.ledger.take_ops(usize::MAX, Now::default());
    assert!(matches!(ops.as_slice(), [Op::PutEvent(_, _, false), Op::PutOpen(..)]), "{ops:?}");
    bench.ledger.saved(generation, NOW);
    assert!(matches!(bench.ledger.next("ops", NOW), Next::WaitUntil(_)));
    let (ops, generation) = bench.ledger.take_ops(usize::MAX, Now::default());
    assert!(matches!(ops.as_slice(), [Op::PutEvent(_, _, true), Op::PutWindow(..)]), "{ops:?}");
    bench.ledger.saved(generation, NOW);
    assert!(matches!(bench.ledger.next("ops", NOW), Next::Send(_)));
    // While events flow, it is claimed on its way in.
    bench.trigger("b", Severity::Critical);
    let (ops, generation) = bench.ledger.take_ops(usize::MAX, Now::default());
    assert!(
        matches!(ops.as_slice(), [Op::PutEvent(_, _, true), Op::PutOpen(..), Op::PutWindow(..)]),
        "{ops:?}"
    );
    bench.ledger.saved(generation, NOW);
    assert!(matches!(bench.ledger.next("ops", NOW), Next::Send(_)));
    // And while they do not, it is not.
    bench.ledger.dam("ops");
    bench.trigger("c", Severity::Critical);
    let (ops, _) = bench.ledger.take_ops(usize::MAX, Now::default());
    assert!(matches!(ops.as_slice(), [Op::PutEvent(_, _, false), Op::PutOpen(..)]), "{ops:?}");
}

#[test]
fn what_nobody_can_have_seen_still_collapses_after_a_kill() {
    let mut bench = Bench::new(100);
    for number in 0..20 {
        bench.trigger(&format!("waited-{number}"), Severity::Warning);
    }
    bench.trigger("left", Severity::Critical);
    assert_eq!(bench.next().map(|it| it.record.key.to_string()).as_deref(), Some("left"));
    bench.save();
    let mut rows = Rows::default();
    for op in bench.ledger.all(Now::default()) {
        match op {
            Op::PutEvent(place, record, seen) => rows.events.push((place, record, seen)),
            Op::PutOpen(key, row, _) => rows.open.push((key, row)),
            _ => (),
        }
    }
    bench.ledger = Ledger::new(Limits::DEFAULT, rows, Now::default());
    bench.resolve("left");
    for number in 0..20 {
        bench.resolve(&format!("waited-{number}"));
    }
    let sent = bench.drain();
    assert!(sent.contains(&"resolve left".to_owned()));
    assert!(sent.len() <= CLAIMS_MAX, "those that were about to leave, and no more: {sent:?}");
}

#[test]
fn a_transition_is_committed_whole() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Critical);
    bench.trigger("b", Severity::Critical);
    let (ops, generation) = bench.ledger.take_ops(1, Now::default());
    assert!(matches!(ops.as_slice(), [Op::PutEvent(..), Op::PutOpen(..)]), "{ops:?}");
    assert_eq!((generation, bench.ledger.pending()), (1, 2));
}

#[test]
fn failed_events_wait_their_time() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Critical);
    let job = bench.next().unwrap();
    let later = NOW + Duration::from_secs(5);
    bench.ledger.failed(&bench.lane, job.sequence, false, later, NOW);
    let Next::WaitUntil(until) = bench.ledger.next("ops", NOW) else { panic!("it went") };
    assert_eq!(until, later);
    let job = bench.next_at(later).unwrap();
    assert_eq!(job.attempts, 1);
}

#[test]
fn over_the_limit_the_mildest_and_youngest_wait_without_an_event_and_come_back() {
    let mut bench = Bench::new(10);
    for number in 0..10 {
        bench.trigger(&format!("warning-{number}"), Severity::Warning);
    }
    bench.trigger("critical", Severity::Critical);
    let postponed: Vec<String> = bench.ledger.unheard("ops", 10).iter().map(ToString::to_string).collect();
    assert_eq!(postponed, ["warning-8", "warning-9"]);
    assert_eq!((bench.ledger.later("ops"), bench.ledger.dead().count()), (2, 0));
    bench.resolve("warning-9");
    assert_eq!(bench.ledger.later("ops"), 1);
    let sent = bench.drain();
    assert_eq!((sent.len(), sent.first().map(String::as_str)), (9, Some("trigger critical")));
    assert!(!sent.contains(&"resolve warning-9".to_owned()), "nobody has heard of it");
    assert!(bench.ledger.has_room("ops"));
    bench.revive();
    assert_eq!(bench.drain(), ["trigger warning-8"]);
    assert_eq!(bench.ledger.later("ops"), 0);
}

/// An update that finds no room is not forgotten.
#[test]
fn what_they_know_in_part_is_told_when_there_is_room() {
    let mut bench = Bench::new(10);
    bench.trigger("a", Severity::Info);
    assert_eq!(bench.drain(), ["trigger a"]);
    for number in 0..10 {
        bench.trigger(&format!("critical-{number}"), Severity::Critical);
    }
    bench.announce("a", TransitionKind::Change { from: Severity::Info }, Severity::Warning);
    // With it a little more gives way, so that not each event looks for room.
    assert_eq!(bench.drain().len(), 9);
    bench.revive();
    assert_eq!(bench.drain(), ["trigger critical-9", "trigger a"]);
    bench.resolve("a");
    assert_eq!(bench.drain(), ["resolve a"]);
}

#[test]
fn refused_events_are_kept_and_tried_again_when_that_may_help() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Critical);
    let job = bench.next().unwrap();
    bench.give_up(&job, Reason::Refused);
    assert!(bench.next().is_none());
    assert_eq!(bench.ledger.dead().count(), 1);
    bench.revive();
    assert_eq!(bench.drain(), ["trigger a"]);
    assert_eq!(bench.ledger.dead().count(), 0);
    bench.resolve("a");
    let job = bench.next().unwrap();
    bench.give_up(&job, Reason::Refused);
    bench.revive();
    assert_eq!(bench.drain(), ["resolve a"]);
}

#[test]
fn a_repaired_event_goes_again_with_its_new_body() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Critical);
    let job = bench.next().unwrap();
    bench.ledger.repaired(&bench.lane, job.sequence, "{\"short\":1}".to_owned(), NOW);
    let again = bench.next().unwrap();
    assert_eq!((&*again.record.body, again.record.repaired), ("{\"short\":1}", true));
    assert_eq!(again.record.action, Action::Trigger);
}

#[test]
fn dead_letters_are_bounded() {
    let limits = Limits { waiting_max: 100, dead_max: 3, ..Limits::DEFAULT };
    let mut bench =
        Bench { ledger: Ledger::new(limits, Rows::default(), Now::default()), lane: "ops".into() };
    for number in 0..5 {
        bench.trigger(&number.to_string(), Severity::Critical);
        let job = bench.next().unwrap();
        bench.give_up(&job, Reason::Refused);
    }
    let kept: Vec<String> = bench.ledger.dead().map(|(_, row)| row.record.key.to_string()).collect();
    assert_eq!(kept, ["2", "3", "4"]);
}

#[test]
fn events_of_a_lane_that_is_gone_are_abandoned_by_age() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Critical);
    let at = fixtures::TIME;
    bench.ledger.abandon(&bench.lane, at, at, NOW);
    assert_eq!(bench.ledger.dead().count(), 0);
    bench.ledger.abandon(&bench.lane, UnixMillis(at.0 + 1), at, NOW);
    assert!(bench.ledger.dead().all(|(_, row)| row.reason == Reason::Abandoned));
    assert_eq!(bench.ledger.dead().count(), 1);
}

#[test]
fn a_given_up_event_behind_a_resolve_is_remembered_as_unheard() {
    // The model test found that the resolve before it was taken for one after it.
    let mut bench = Bench::new(1);
    for key in ["a", "b"] {
        bench.trigger(key, Severity::Info);
        assert_eq!(bench.drain(), [format!("trigger {key}")]);
    }
    bench.resolve("a");
    bench.resolve("b");
    bench.trigger("c", Severity::Info);
    bench.trigger("a", Severity::Info);
    assert_eq!(bench.ledger.later("ops"), 1);
    assert_eq!(bench.drain(), ["resolve a", "resolve b", "trigger c"]);
    bench.revive();
    assert_eq!(bench.drain(), ["trigger a"]);
}

#[test]
fn an_older_trigger_that_arrives_says_nothing_of_a_later_alert() {
    let mut bench = Bench::new(1);
    bench.trigger("a", Severity::Info);
    let job = bench.next().unwrap();
    bench.resolve("a");
    bench.trigger("a", Severity::Info);
    assert_eq!(bench.ledger.later("ops"), 1, "one too many waits");
    bench.ledger.accepted(&bench.lane, job.sequence, NOW);
    assert_eq!(bench.drain(), ["resolve a"]);
    bench.revive();
    assert_eq!(bench.drain(), ["trigger a"]);
}

#[test]
fn a_refused_resolve_is_needed_until_something_later_arrives() {
    let mut bench = Bench::new(100);
    bench.trigger("a", Severity::Info);
    assert_eq!(bench.drain(), ["trigger a"]);
    bench.resolve("a");
    let job = bench.next().unwrap();
    bench.give_up(&job, Reason::Refused);
    bench.trigger("a", Severity::Info);
    bench.revive();
    bench.resolve("a");
    assert_eq!(bench.drain(), Vec::<String>::new(), "the second alert was never seen");
    bench.revive();
    assert_eq!(bench.drain(), ["resolve a"]);
}

/// What comes in while the lane flows is claimed on its way in, behind all that waits already.
#[test]
fn claimed_events_leave_however_many_stand_before_them() {
    const WAITING: usize = 100;
    let mut bench = Bench::new(1_000);
    bench.ledger.set_limit(&Arc::clone(&bench.lane), 6_000);
    assert!(bench.next().is_none(), "now it flows");
    for number in 0..WAITING {
        bench.trigger(&number.to_string(), Severity::Critical);
    }
    let first: Vec<Job> = std::iter::from_fn(|| bench.next()).take(CLAIMS_MAX).collect();
    for job in &first {
        bench.ledger.accepted(&bench.lane, job.sequence, NOW);
        bench.trigger(&format!("after {}", job.record.key), Severity::Critical);
    }
    assert_eq!((first.len(), bench.drain().len()), (CLAIMS_MAX, WAITING));
}

#[test]
fn criticals_and_resolves_take_turns() {
    let mut bench = Bench::new(100);
    let keys = ["a", "b", "c"];
    keys.iter().for_each(|it| bench.trigger(it, Severity::Info));
    bench.drain();
    keys.iter().for_each(|it| bench.resolve(it));
    ["d", "e", "f"].iter().for_each(|it| bench.trigger(it, Severity::Critical));
    bench.trigger("g", Severity::Error);
    let turns = ["trigger d", "resolve a", "trigger e", "resolve b", "trigger f", "resolve c", "trigger g"];
    let mut sent = bench.drain();
    // Those that are claimed together leave in any order.
    assert_eq!(sent.pop().unwrap(), "trigger g");
    for half in [&turns[..2], &turns[2..4], &turns[4..6]] {
        assert!(half.iter().all(|it| sent.contains(&(*it).to_owned())), "{sent:?}");
    }
    // With room for one request a time, the order is seen.
    let mut lane = super::lane::Lane::new(0);
    for (number, (action, severity)) in [
        (Action::Resolve, Severity::Info),
        (Action::Resolve, Severity::Info),
        (Action::Trigger, Severity::Critical),
        (Action::Trigger, Severity::Critical),
    ]
    .into_iter()
    .enumerate()
    {
        let key = AlertKey(format!("k{number}").into());
        let record = Record { key, action, severity, at: UnixMillis(0), body: "{}".into(), repaired: false };
        lane.push(u64::try_from(number).unwrap(), Arc::new(record), (true, true), 0, NOW);
    }
    let mut order = Vec::new();
    loop {
        match lane.next(NOW) {
            Next::Claim(number) => {
                lane.claim(number, 0, NOW);
                order.push(number);
            }
            Next::Send(job) => drop(lane.remove(job.sequence, 0, NOW)),
            Next::WaitUntil(_) | Next::Idle => break,
        }
    }
    assert_eq!(order, [2, 0, 3, 1]);
}

/// Whoever has thousands of resolves to wait for has most of them on disk, and loses none.
#[test]
fn resolves_over_the_limit_wait_on_disk() {
    let limits = Limits { resolves_max: 2, ..Limits::DEFAULT };
    let ledger = Ledger::new(limits, Rows::default(), Now::default());
    let mut bench = Bench { ledger, lane: "ops".into() };
    let keys = ["a", "b", "c", "d", "e"];
    keys.iter().for_each(|it| bench.trigger(it, Severity::Info));
    bench.drain();
    bench.ledger.dam("ops");
    keys.iter().for_each(|it| bench.resolve(it));
    bench.ledger.cool();
    let lane =
        |bench: &Bench| bench.ledger.find_lane("ops").map(|it| (it.len(), it.entries().count())).unwrap();
    assert_eq!(lane(&bench), (5, 5), "they are not on disk yet");
    bench.save();
    bench.ledger.cool();
    assert_eq!(lane(&bench), (5, 2));
    assert_eq!(bench.ledger.waiting().map(|(_, waiting)| waiting).sum::<usize>(), 5);
    assert_eq!(bench.ledger.parked_wanted(), [], "there is no room");
    // It begins again: its end comes back first, and then it is announced.
    bench.trigger("d", Severity::Info);
    assert_eq!(bench.ledger.later("ops"), 1);
    bench.revive();
    let wanted = bench.ledger.parked_wanted();
    assert_eq!(wanted.len(), 1);
    let number = wanted[0].1;
    bench.ledger.unpark(&wanted[0], None, NOW);
    let entry = bench.ledger.find_lane("ops").and_then(|it| it.entry(number)).unwrap();
    assert_eq!(
        &*entry.record.body,
        r#"{"dedup_key":"rackwarden:d","event_action":"resolve","payload":{"severity":"info","source":"d","summary":"d is over"}}"#
    );
    bench.revive();
    assert_eq!(bench.drain(), ["resolve a", "resolve b", "resolve d", "trigger d"]);
    let rest = bench.ledger.parked_wanted();
    for place in &rest {
        let record = Record { key: AlertKey("x".into()), ..(*announcement_for("x", &[]).record).clone() };
        bench.ledger.unpark(place, Some(record), NOW);
    }
    assert_eq!(bench.drain(), ["resolve c", "resolve e"], "a foreign row is not sent in their place");
    assert_eq!(lane(&bench), (0, 0));
}

/// A process that was killed with resolves on disk, and what stood beside them in their lines.
#[test]
fn what_stands_beside_a_parked_resolve_gives_way_to_it() {
    let name: Arc<str> = "ops".into();
    let trigger = |number, key| {
        let record = announcement_for(key, &[]).record;
        ((Arc::clone(&name), number), record, true)
    };
    let parked = |number, key: &str| ((Arc::clone(&name), number), AlertKey(key.into()), UnixMillis(7));
    let mut before = Bench::new(100);
    before.trigger("b", Severity::Critical);
    let open = before.ledger.rows().map(|(key, row)| (key.clone(), Arc::clone(row))).collect();
    let rows = Rows {
        events: vec![trigger(1, "a"), trigger(4, "b")],
        parked: vec![parked(2, "a"), parked(3, "b")],
        open,
        ..Rows::default()
    };
    let mut bench = Bench { ledger: Ledger::new(Limits::DEFAULT, rows, Now::default()), lane: name };
    assert_eq!(bench.drain(), Vec::<String>::new());
    for place in bench.ledger.parked_wanted() {
        bench.ledger.unpark(&place, None, NOW);
    }
    bench.revive();
    assert_eq!(bench.drain(), ["resolve a", "resolve b", "trigger b"]);
    let all = bench.ledger.all(Now::default());
    assert!(!all.iter().any(|it| matches!(it, Op::PutEvent(..) | Op::KeepEvent(_))), "{all:?}");
}
