//! The life cycle against a small reference model that keeps sums of time instead of moments, over
//! random samples, gaps, failures, restarts and reloads.

use super::{AlertKey, DeviceAlerts, Transition, TransitionKind};
use crate::model::{
    Batch, Component, ComponentKind, Locator, Missing, Moment, Now, PollError, Quantity, Ratings,
    ReadingShape, Sample, Severity, Shape, Source, UnixMillis,
};
use crate::rules::{DurationInput, LevelInput, RuleInput, Ruleset, check_all};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A rule as the model knows it; thresholds are whole numbers, so no tolerance matters.
#[derive(Debug, Clone)]
struct Plain {
    name: &'static str,
    is_upper: bool,
    is_strict: bool,
    /// Severity, threshold, clear value; mildest first.
    levels: Vec<(Severity, i32, i32)>,
    /// For the rule about reachability instead of levels.
    after_polls: Option<u32>,
    hold_for: u64,
    keep: u64,
}

impl Plain {
    fn input(&self) -> RuleInput {
        let level = |wanted| {
            self.levels.iter().find(|(severity, ..)| *severity == wanted).map(|(_, value, clear)| {
                LevelInput { value: Some(f64::from(*value).into()), clear: Some(f64::from(*clear).into()) }
            })
        };
        let mut input = RuleInput {
            name: self.name.to_owned(),
            rule_type: "power_unit_infeed".to_owned(),
            trigger: "current".to_owned(),
            info: level(Severity::Info),
            warning: level(Severity::Warning),
            error: level(Severity::Error),
            critical: level(Severity::Critical),
            hold_for: Some(Duration::from_secs(self.hold_for).into()),
            keep_firing_for: Some(DurationInput::Text(format!("{}s", self.keep))),
            ..RuleInput::default()
        };
        if self.after_polls.is_some() {
            (input.rule_type, input.trigger) = ("power_unit_offline".to_owned(), "offline".to_owned());
            (input.after_polls, input.severity) = (self.after_polls, Some("error".to_owned()));
        } else {
            let symbol = ["<=", "<", ">=", ">"][usize::from(self.is_upper) * 2 + usize::from(self.is_strict)];
            input.operator = Some(symbol.to_owned());
        }
        input
    }

    fn holds(&self, value: i32, limit: i32) -> bool {
        match (self.is_upper, self.is_strict) {
            (true, true) => limit < value,
            (true, false) => limit <= value,
            (false, true) => value < limit,
            (false, false) => value <= limit,
        }
    }
}

/// One alert, in sums of seconds.
#[derive(Debug, Default)]
struct Reference {
    announced: Option<Severity>,
    held: BTreeMap<Severity, u64>,
    fallen: Option<u64>,
}

type Said = (AlertKey, TransitionKind, Severity);

impl Reference {
    /// `levels`: for each severity whether it is crossed, and whether it has not been cleared.
    fn poll(
        &mut self,
        passed: u64,
        levels: &[(Severity, bool, bool)],
        rule: &Plain,
    ) -> Option<(TransitionKind, Severity)> {
        let crossed: Vec<Severity> = levels.iter().filter(|it| it.1).map(|it| it.0).collect();
        self.held.retain(|severity, _| crossed.contains(severity));
        self.held.values_mut().for_each(|it| *it += passed);
        for severity in crossed {
            self.held.entry(severity).or_insert(0);
        }
        let due =
            self.held.iter().filter(|(_, held)| rule.hold_for <= **held).map(|(severity, _)| *severity).max();
        let Some(announced) = self.announced else {
            self.announced = due;
            return due.map(|it| (TransitionKind::Trigger, it));
        };
        let kept = levels.iter().filter(|it| it.2 && it.0 <= announced).map(|it| it.0).max();
        let target = due.max(kept);
        if target == Some(announced) {
            self.fallen = None;
            return None;
        }
        if target < Some(announced) {
            let fallen = self.fallen.map_or(0, |it| it + passed);
            self.fallen = Some(fallen);
            if fallen < rule.keep {
                return None;
            }
        }
        (self.fallen, self.announced) = (None, target);
        Some(match target {
            Some(to) => (TransitionKind::Change { from: announced }, to),
            None => (TransitionKind::Resolve, announced),
        })
    }
}

/// A whole device: one reading, some rules.
#[derive(Debug, Default)]
struct ReferenceDevice {
    alerts: BTreeMap<&'static str, Reference>,
    failures: u32,
}

impl ReferenceDevice {
    fn poll(&mut self, passed: u64, outcome: Outcome, rules: &[Plain]) -> Vec<Said> {
        self.failures = if outcome == Outcome::Failed { self.failures + 1 } else { 0 };
        let mut said = Vec::new();
        for rule in rules {
            let levels: Vec<(Severity, bool, bool)> = match (rule.after_polls, outcome) {
                (Some(after), _) => vec![(Severity::Error, after <= self.failures, 0 < self.failures)],
                (None, Outcome::Value(value)) => {
                    let judged = rule.levels.iter();
                    judged
                        .map(|(it, limit, clear)| (*it, rule.holds(value, *limit), rule.holds(value, *clear)))
                        .collect()
                }
                (None, Outcome::Missing | Outcome::Failed) => continue,
            };
            let step = self.alerts.entry(rule.name).or_default().poll(passed, &levels, rule);
            said.extend(step.map(|(kind, severity)| (key(rule), kind, severity)));
        }
        said
    }

    fn restart(&mut self) {
        for alert in self.alerts.values_mut() {
            *alert = Reference { announced: alert.announced, ..Reference::default() };
        }
        self.failures = 0;
    }

    fn reload(&mut self, rules: &[Plain]) -> Vec<Said> {
        let gone: Vec<&'static str> =
            self.alerts.keys().copied().filter(|name| !rules.iter().any(|it| it.name == *name)).collect();
        let mut said = Vec::new();
        for name in gone {
            let announced = self.alerts.remove(name).and_then(|it| it.announced);
            let of_reading = AlertKey(format!("{name}/pdu/infeed/1/current").into());
            let key = if name == "offline" { AlertKey::of_device(name, "pdu") } else { of_reading };
            said.extend(announced.map(|it| (key, TransitionKind::Resolve, it)));
        }
        said
    }
}

fn key(rule: &Plain) -> AlertKey {
    match rule.after_polls {
        Some(_) => AlertKey::of_device(rule.name, "pdu"),
        None => AlertKey(format!("{}/pdu/infeed/1/current", rule.name).into()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    Value(i32),
    Missing,
    Failed,
}

#[derive(Debug, Clone)]
enum Event {
    Poll(Outcome),
    Restart,
    Reload(Vec<Plain>),
}

fn shape() -> Arc<Shape> {
    let (index, label, ratings) = ("1".into(), "Feed".into(), Ratings::default());
    Arc::new(Shape {
        components: vec![Component {
            kind: ComponentKind::Infeed,
            index,
            label,
            ratings,
            ..Component::default()
        }],
        readings: vec![ReadingShape {
            component: 0,
            quantity: Quantity::Current,
            name: "".into(),
            source: Locator::default(),
            states: None,
        }]
        .into(),
    })
}

fn source() -> Arc<Source> {
    Arc::new(Source { device: "pdu".into(), ..Source::default() })
}

fn at(seconds: u64) -> Now {
    let unix = UnixMillis(i64::try_from(seconds).unwrap());
    Now { moment: Moment::after_zero(Duration::from_secs(seconds)), unix }
}

fn ruleset(rules: &[Plain]) -> Ruleset {
    let inputs: Vec<RuleInput> = rules.iter().map(Plain::input).collect();
    Ruleset::compile(check_all(&inputs).unwrap())
}

fn batch(seconds: u64, outcome: Outcome, shape: &Arc<Shape>) -> Batch {
    let sample = match outcome {
        Outcome::Value(value) => Sample::Value(f64::from(value)),
        Outcome::Missing => Sample::Missing(Missing::Unavailable),
        Outcome::Failed => Sample::Missing(Missing::Timeout),
    };
    Batch {
        source: source(),
        time: at(seconds),
        duration: Duration::ZERO,
        shape: Arc::clone(shape),
        effort: crate::model::Effort::default(),
        samples: vec![sample],
        error: (outcome == Outcome::Failed).then_some(PollError::Timeout),
    }
}

/// Plays the events on both; what each says, an entry an event.
fn play(rules: &[Plain], events: &[(u64, Event)]) -> (Vec<Vec<Said>>, Vec<Vec<Said>>) {
    let (mut now, mut last) = (0, 0);
    let (mut real, mut expected) = (Vec::new(), Vec::new());
    let shape = shape();
    let mut rules = rules.to_vec();
    let mut out: Vec<Transition> = Vec::new();
    let bind = |rules: &[Plain], previous, restored, now, out: &mut Vec<Transition>| {
        DeviceAlerts::bind(&ruleset(rules), &source(), &shape, previous, restored, at(now), out)
    };
    let mut alerts = bind(&rules, None, Vec::new(), 0, &mut out);
    let mut reference = ReferenceDevice::default();
    for (passed, event) in events {
        now += passed;
        let mut said = match event {
            Event::Poll(outcome) => {
                alerts.evaluate(&batch(now, *outcome, &shape), &mut out);
                let said = reference.poll(now - last, *outcome, &rules);
                last = now;
                said
            }
            Event::Restart => {
                alerts = bind(&rules, None, alerts.firing(), now, &mut out);
                last = now;
                reference.restart();
                Vec::new()
            }
            Event::Reload(new) => {
                rules.clone_from(new);
                alerts = bind(&rules, Some(alerts), Vec::new(), now, &mut out);
                reference.reload(&rules)
            }
        };
        let mut heard: Vec<Said> =
            out.drain(..).map(|it| (it.facts.key.clone(), it.kind, it.severity)).collect();
        heard.sort_by(|left, right| left.0.cmp(&right.0));
        said.sort_by(|left, right| left.0.cmp(&right.0));
        real.push(heard);
        expected.push(said);
    }
    (real, expected)
}

fn plain(name: &'static str, is_upper: bool) -> impl Strategy<Value = Plain> {
    let level = proptest::option::of((1..6i32, 0..8i32));
    let levels = [level.clone(), level.clone(), level.clone(), level];
    let seconds = prop_oneof![Just(0u64), Just(10), Just(25), Just(60)];
    (levels, any::<bool>(), seconds.clone(), seconds).prop_map(move |(levels, is_strict, hold_for, keep)| {
        let sign = if is_upper { 1 } else { -1 };
        let mut value = 20;
        let mut kept: Vec<(Severity, i32, i32)> = Vec::new();
        for (severity, level) in Severity::ALL.into_iter().zip(levels) {
            if let Some((step, slack)) = level {
                value += sign * step;
                kept.push((severity, value, value - sign * slack));
            }
        }
        if kept.is_empty() {
            kept.push((Severity::Critical, value, value));
        }
        Plain { name, is_upper, is_strict, levels: kept, after_polls: None, hold_for, keep }
    })
}

fn offline() -> impl Strategy<Value = Plain> {
    let seconds = prop_oneof![3 => Just(0u64), 1 => Just(15u64)];
    (1..4u32, seconds.clone(), seconds).prop_map(|(after, hold_for, keep)| Plain {
        name: "offline",
        is_upper: true,
        is_strict: true,
        levels: Vec::new(),
        after_polls: Some(after),
        hold_for,
        keep,
    })
}

fn some_rules() -> impl Strategy<Value = Vec<Plain>> {
    (
        proptest::option::weighted(0.9, plain("high", true)),
        proptest::option::weighted(0.9, plain("low", false)),
        proptest::option::weighted(0.9, offline()),
    )
        .prop_map(|(high, low, offline)| high.into_iter().chain(low).chain(offline).collect())
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (0..45i32).prop_map(|it| Event::Poll(Outcome::Value(it))),
        6 => (18..24i32).prop_map(|it| Event::Poll(Outcome::Value(it))),
        3 => Just(Event::Poll(Outcome::Missing)),
        5 => Just(Event::Poll(Outcome::Failed)),
        1 => Just(Event::Restart),
        1 => some_rules().prop_map(Event::Reload),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn says_what_the_model_says(
        rules in some_rules(),
        events in proptest::collection::vec((0..30u64, event()), 1..60),
    ) {
        let (real, expected) = play(&rules, &events);
        for (at, (real, expected)) in real.iter().zip(&expected).enumerate() {
            prop_assert_eq!(real, expected, "event {}: {:?}", at, &events[at]);
        }
    }

    #[test]
    fn triggers_and_resolves_alternate(
        rules in some_rules(),
        events in proptest::collection::vec((0..30u64, event()), 1..120),
    ) {
        let (real, _) = play(&rules, &events);
        let mut open: BTreeMap<AlertKey, Severity> = BTreeMap::new();
        for (key, kind, severity) in real.into_iter().flatten() {
            match kind {
                TransitionKind::Trigger => prop_assert_eq!(open.insert(key, severity), None, "two triggers"),
                TransitionKind::Change { from } => {
                    prop_assert_ne!(from, severity);
                    prop_assert_eq!(open.insert(key, severity), Some(from), "a change of what is not so");
                }
                TransitionKind::Resolve => {
                    prop_assert_eq!(open.remove(&key), Some(severity), "a resolve without its trigger");
                }
            }
        }
    }
}
