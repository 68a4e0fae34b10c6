//! Groups: rounds, the redundancy rule, members of which nothing is known, restarts and reloads.

use super::tests::{at, level, overload, words};
use super::{Board, Group, OpenAlert, Seat, Transition};
use crate::model::{
    Batch, Component, ComponentKind, Missing, Oid, PollError, Quantity, Ratings, ReadingShape, Sample, Shape,
    Source,
};
use crate::rules::{GroupInput, GroupValues, RuleInput, Ruleset, check_all};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(10);

fn rule(trigger: &str, by: &[&str], combine: &str) -> RuleInput {
    RuleInput {
        trigger: trigger.to_owned(),
        group: Some(GroupInput {
            by: by.iter().map(|it| (*it).to_owned()).collect(),
            combine: Some(combine.to_owned()),
        }),
        warning: level(80.0, 70.0),
        critical: level(100.0, 90.0),
        ..overload(0.0, 0.0)
    }
}

type Member = (Arc<Source>, Arc<Shape>, Vec<Seat>);

/// A rack with some PDUs, each with some phases of 32 A.
struct Rack {
    group: Group,
    ruleset: Ruleset,
    devices: BTreeMap<&'static str, Member>,
    board: Board,
    said: Vec<Transition>,
}

impl Rack {
    fn new(rule: RuleInput, devices: &[(&'static str, u32)]) -> Self {
        let ruleset = Ruleset::compile(check_all(&[rule]).unwrap());
        let of: GroupValues = vec![("rack".into(), "a1".into())];
        let mut rack = Self {
            group: Group::new(&ruleset, 0, of),
            ruleset,
            devices: BTreeMap::new(),
            board: Board::new(),
            said: Vec::new(),
        };
        for (device, _) in devices {
            rack.group.expect(&Arc::from(*device), INTERVAL, at(0).moment);
        }
        for (device, phases) in devices {
            rack.learn(device, *phases);
        }
        rack
    }

    fn learn(&mut self, device: &'static str, phases: u32) {
        let labels = crate::model::Labels::new([("rack", "a1")]);
        let source =
            Arc::new(Source { device: device.into(), labels, interval: INTERVAL, ..Source::default() });
        let rated = Ratings { current_amperes: Some(32.0), ..Ratings::default() };
        let component = |index: u32| Component {
            kind: ComponentKind::Phase,
            index: index.to_string().into(),
            ratings: rated,
            ..Component::default()
        };
        let reading = |component| ReadingShape {
            component,
            quantity: Quantity::Current,
            name: "".into(),
            source: Oid::default().into(),
            states: None,
        };
        let shape = Arc::new(Shape {
            components: (1..=phases).map(component).collect(),
            readings: (0..phases).map(reading).collect(),
        });
        let program = self.ruleset.bind(&source, &shape);
        let seats = self.group.seats(&program, &shape);
        self.devices.insert(device, (source, shape, seats));
    }

    /// `TIME=DEVICE:WHAT`: amperes of each phase with `+` between them, `-` (missing), `?AMPERES`
    /// (against physics), `x` (no answer).
    fn play(&mut self, line: &str) -> &mut Self {
        for step in line.split_whitespace() {
            let (time, rest) = step.split_once('=').unwrap();
            let (device, what) = rest.split_once(':').unwrap();
            let (source, shape, seats) = &self.devices[device];
            let sample = |it: &str| match it {
                "-" => Sample::Missing(Missing::NotSupported),
                "x" => Sample::Missing(Missing::Timeout),
                amperes => match amperes.strip_prefix('?') {
                    Some(amperes) => Sample::Suspect(amperes.parse().unwrap()),
                    None => Sample::Value(amperes.parse().unwrap()),
                },
            };
            let batch = Batch {
                source: Arc::clone(source),
                time: at(time.parse().unwrap()),
                duration: Duration::ZERO,
                effort: crate::model::Effort::default(),
                shape: Arc::clone(shape),
                samples: what.split('+').map(sample).collect(),
                error: (what == "x").then_some(PollError::Timeout),
            };
            self.group.report(seats, &batch, &mut self.said);
            self.board.apply_group(&mut self.group);
        }
        self
    }

    #[track_caller]
    fn says(&mut self, expected: &[&str]) -> &mut Self {
        let said: Vec<String> = self.said.drain(..).map(|it| words(&it)).collect();
        assert_eq!(said, expected, "{said:#?}");
        self
    }

    #[track_caller]
    fn stands(&self, expected: &[&str]) {
        let shown: Vec<String> = self
            .board
            .list()
            .iter()
            .map(|it| {
                let frozen = it.frozen.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
                format!("{} {}{frozen}", it.facts.device, it.severity)
            })
            .collect();
        assert_eq!(shown, expected);
    }
}

/// Each feed at half its rating: one alone could not carry both.
#[test]
fn one_feed_could_not_carry_the_rack() {
    let mut rack = Rack::new(rule("percent_of_rated", &["rack"], "sum"), &[("pdu-a", 1), ("pdu-b", 1)]);
    rack.play("10=pdu-a:12 11=pdu-b:12").says(&[]);
    rack.play("20=pdu-a:16 21=pdu-b:12")
        .says(&["21 trigger warning: 87.5 % of 32 A > 80 % (sum of pdu-a 16 A, pdu-b 12 A)"]);
    rack.stands(&["rack=a1 warning"]);
    rack.play("30=pdu-a:16 31=pdu-b:17")
        .says(&["31 warning to critical: 103.125 % of 32 A > 100 % (sum of pdu-a 16 A, pdu-b 17 A)"]);
    rack.play("40=pdu-a:0 41=pdu-b:17")
        .says(&["41 resolve critical: 53.125 % of 32 A <= 70 % (sum of pdu-a 0 A, pdu-b 17 A)"]);
    rack.stands(&[]);
}

/// What cannot be believed begins nothing and ends nothing, whatever missing data mean.
#[test]
fn a_reading_against_physics_makes_the_sum_unknown() {
    for no_data in ["keep", "ignore", "alert"] {
        let input = RuleInput { no_data: Some(no_data.to_owned()), ..rule("current", &["rack"], "sum") };
        let mut rack = Rack::new(input, &[("pdu-a", 1), ("pdu-b", 1)]);
        rack.play("10=pdu-a:?900 11=pdu-b:12").says(&[]);
        rack.play("20=pdu-a:70 21=pdu-b:12")
            .says(&["21 trigger warning: 82 A > 80 A (sum of pdu-a 70 A, pdu-b 12 A)"]);
        rack.play("30=pdu-a:?0 31=pdu-b:12").says(&[]);
        rack.stands(&["rack=a1 warning (the reading is against physics)"]);
        rack.play("40=pdu-a:20 41=pdu-b:12")
            .says(&["41 resolve warning: 32 A <= 70 A (sum of pdu-a 20 A, pdu-b 12 A)"]);
    }
}

/// A sum is judged once all members have reported: half of it is old otherwise.
#[test]
fn rounds() {
    let mut rack = Rack::new(rule("current", &["rack"], "sum"), &[("pdu-a", 1), ("pdu-b", 1)]);
    rack.play("10=pdu-a:50 20=pdu-a:90 30=pdu-a:90").says(&[]);
    rack.play("31=pdu-b:0").says(&["31 trigger warning: 90 A > 80 A (sum of pdu-a 90 A, pdu-b 0 A)"]);
    // pdu-a moves its load to pdu-b: at no time is it counted twice.
    rack.play("40=pdu-b:90").says(&[]);
    rack.play("41=pdu-a:0").says(&[]);
    rack.play("50=pdu-a:0 51=pdu-b:60")
        .says(&["51 resolve warning: 60 A <= 70 A (sum of pdu-a 0 A, pdu-b 60 A)"]);
}

#[test]
fn a_member_of_which_nothing_is_known_makes_the_sum_unknown() {
    let mut rack = Rack::new(rule("current", &["rack"], "sum"), &[("pdu-a", 1), ("pdu-b", 1)]);
    rack.play("10=pdu-a:50 11=pdu-b:50")
        .says(&["11 trigger warning: 100 A > 80 A (sum of pdu-a 50 A, pdu-b 50 A)"]);
    // Silent: not smaller, but unknown.
    rack.play("20=pdu-a:50 21=pdu-b:x 30=pdu-a:1 31=pdu-b:x").says(&[]);
    rack.stands(&["rack=a1 warning (nothing is known of pdu-b, which is of the group)"]);
    // Missing readings likewise.
    rack.play("40=pdu-a:1 41=pdu-b:-").says(&[]);
    rack.stands(&["rack=a1 warning (no data: not_supported)"]);
    // Late for more than three intervals.
    rack.play("50=pdu-a:1 60=pdu-a:1 70=pdu-a:1 80=pdu-a:1").says(&[]);
    rack.stands(&["rack=a1 warning (nothing is known of pdu-b, which is of the group)"]);
    rack.play("90=pdu-b:1 91=pdu-a:1")
        .says(&["91 resolve warning: 2 A <= 70 A (sum of pdu-a 1 A, pdu-b 1 A)"]);
}

#[test]
fn a_member_that_is_not_learnt_is_waited_for() {
    let mut rack = Rack::new(rule("current", &["rack"], "sum"), &[("pdu-a", 1), ("pdu-b", 0)]);
    rack.play("10=pdu-a:90 11=pdu-b:x 20=pdu-a:90 21=pdu-b:x").says(&[]);
    rack.learn("pdu-b", 1);
    rack.play("30=pdu-a:90 31=pdu-b:5")
        .says(&["31 trigger warning: 95 A > 80 A (sum of pdu-a 90 A, pdu-b 5 A)"]);
    // One that leaves the config is no longer waited for.
    rack.group.leave("pdu-b");
    rack.play("40=pdu-a:60").says(&["40 resolve warning: 60 A <= 70 A (sum of pdu-a 60 A)"]);
}

#[test]
fn phases_by_themselves() {
    let by = ["rack", "component.index"];
    let mut rack = Rack::new(rule("current", &by, "sum"), &[("pdu-a", 3), ("pdu-b", 3)]);
    rack.play("10=pdu-a:30+50+30 11=pdu-b:30+40+30");
    rack.says(&["11 trigger warning: 90 A > 80 A (sum of pdu-a 50 A, pdu-b 40 A)"]);
    rack.stands(&["rack=a1, component.index=2 warning"]);
    // The components are gone: the part ends after some rounds.
    rack.learn("pdu-a", 1);
    rack.learn("pdu-b", 1);
    for round in 2..6 {
        rack.play(&format!("{0}=pdu-a:1 {0}=pdu-b:1", round * 10)).says(&[]);
    }
    rack.play("60=pdu-a:1 60=pdu-b:1")
        .says(&["60 resolve warning: gone: no device of the group has had it for 5 polls"]);
    rack.stands(&[]);
}

#[test]
fn differences() {
    let mut rack = Rack::new(rule("current", &["rack"], "difference"), &[("pdu-a", 2), ("pdu-b", 1)]);
    rack.play("10=pdu-a:95+40 11=pdu-b:30")
        .says(&["11 trigger warning: 65 A > 80 A"][..0])
        .play("20=pdu-a:95+40 21=pdu-b:10")
        .says(&["21 trigger warning: 85 A > 80 A (difference of pdu-a 135 A, pdu-b 10 A)"]);
}

/// The phases of one device against each other.
#[test]
fn imbalance_within_a_device() {
    let group_rule = rule("current", &["device"], "difference");
    let ruleset = Ruleset::compile(check_all(&[group_rule]).unwrap());
    let source = Source { device: "pdu-a".into(), ..Source::default() };
    let group = ruleset.rules()[0].rule.group.clone().unwrap();
    assert_eq!(group.of_source(&source), Ok(vec![("device".into(), "pdu-a".into())]));
}

#[test]
fn hold_for_and_no_data() {
    let waits =
        RuleInput { hold_for: Some(Duration::from_secs(20).into()), ..rule("current", &["rack"], "sum") };
    let mut rack = Rack::new(waits, &[("pdu-a", 1), ("pdu-b", 1)]);
    rack.play("10=pdu-a:90 10=pdu-b:0 20=pdu-a:90 20=pdu-b:x 30=pdu-a:90 30=pdu-b:0 40=pdu-a:90 40=pdu-b:0");
    // The clock stood still over the round that was not known.
    rack.says(&["40 trigger warning: 90 A > 80 A for 20 s (sum of pdu-a 90 A, pdu-b 0 A)"]);
    let alerts = RuleInput { no_data: Some("alert".to_owned()), ..rule("current", &["rack"], "sum") };
    let mut rack = Rack::new(alerts, &[("pdu-a", 1), ("pdu-b", 1)]);
    rack.play("10=pdu-a:1 10=pdu-b:x").says(&[]);
    rack.play("20=pdu-a:1 20=pdu-b:-")
        .says(&["20 trigger warning: no data: the agent says that it does not measure this"]);
}

#[test]
fn restart_and_reload() {
    let mut rack = Rack::new(rule("current", &["rack"], "sum"), &[("pdu-a", 1), ("pdu-b", 1)]);
    rack.play("10=pdu-a:50 11=pdu-b:50");
    let open: Vec<OpenAlert> = rack.group.firing();
    assert_eq!(&*open[0].key().0, "overload/rack=a1/group//current");
    // Another process: nothing ends before all members were seen.
    let mut later = Rack::new(rule("current", &["rack"], "sum"), &[("pdu-a", 0), ("pdu-b", 0)]);
    for alert in open {
        assert!(later.group.owns(alert.key()));
        later.group.restore(alert);
    }
    later.board.apply_group(&mut later.group);
    later.stands(&["rack=a1 warning (not polled since the start)"]);
    later.play("20=pdu-a:x 20=pdu-b:x 30=pdu-a:x 30=pdu-b:x").says(&[]);
    later.learn("pdu-a", 1);
    later.learn("pdu-b", 1);
    later.play("40=pdu-a:1 41=pdu-b:x").says(&[]);
    later
        .play("50=pdu-a:1 51=pdu-b:1")
        .says(&["51 resolve warning: 2 A <= 70 A (sum of pdu-a 1 A, pdu-b 1 A)"]);
    later.stands(&[]);
    // A reload hands alerts on.
    let mut next = Group::new(&rack.ruleset, 0, vec![("rack".into(), "a1".into())]);
    next.succeed(&mut rack.group);
    assert_eq!((rack.group.firing().len(), next.firing().len()), (0, 1));
    let mut said = Vec::new();
    next.end("rule removed", at(99), &mut said);
    assert_eq!(words(&said[0]), "99 resolve warning: rule removed");
}

#[test]
fn whose_alert_it_is() {
    let rack = Rack::new(rule("current", &["rack", "component.index"], "sum"), &[]);
    for (key, is_own) in [
        ("overload/rack=a1/group//current", true),
        ("overload/rack=a1, component.index=1/group//current", true),
        ("overload/rack=a10/group//current", false),
        ("overload/rack=a1/phase/1/current", false),
        ("other/rack=a1/group//current", false),
        ("overload/rack=a1", false),
    ] {
        assert_eq!(rack.group.owns(&super::AlertKey(key.into())), is_own, "{key}");
    }
}

proptest! {
    /// Whatever order reports come in: the alert fires only where the last known values of all members,
    /// none of them older than a round, cross.
    #[test]
    fn sums_are_of_whole_rounds(events in proptest::collection::vec((0..3_usize, proptest::option::weighted(0.9, 0..60_u32)), 1..120)) {
        let names = ["pdu-a", "pdu-b", "pdu-c"];
        let mut rack = Rack::new(rule("current", &["rack"], "sum"), &names.map(|it| (it, 1)));
        let mut latest: BTreeMap<&str, Option<u32>> = BTreeMap::new();
        let mut fresh = std::collections::BTreeSet::new();
        let mut is_firing = false;
        for (at, (who, value)) in events.into_iter().enumerate() {
            let (device, second) = (names[who], at / 4);
            let what = value.map_or_else(|| "x".to_owned(), |it| it.to_string());
            rack.play(&format!("{second}={device}:{what}"));
            latest.insert(device, value);
            fresh.insert(device);
            if fresh.len() == names.len() {
                fresh.clear();
                if let Some(sum) = latest.values().copied().sum::<Option<u32>>() {
                    is_firing = 80 < sum || (is_firing && 70 < sum);
                }
            }
            prop_assert_eq!(!rack.group.firing().is_empty(), is_firing, "event {}", at);
        }
    }
}
