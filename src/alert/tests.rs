//! The life cycle, a line a case: what is polled and what is said.

use super::{AlertFacts, Board, DeviceAlerts, OpenAlert, Phase, Transition, TransitionKind, resolve_removed};
use crate::model::{
    Batch, Component, ComponentKind, Health, Identity, Labels, Meaning, Missing, Moment, Now, Oid, PollError,
    Quantity, Ratings, ReadingShape, Sample, Shape, Source, StateTable, StateValue, UnixMillis,
};
use crate::rules::{DurationInput, LevelInput, RuleInput, Ruleset, check_all};
use std::sync::Arc;
use std::time::Duration;

const RATED: f64 = 32.0;

pub(super) fn level(value: f64, clear: f64) -> Option<LevelInput> {
    Some(LevelInput { value: Some(value.into()), clear: Some(clear.into()) })
}

pub(super) fn overload(hold_for: f64, keep: f64) -> RuleInput {
    RuleInput {
        name: "overload".to_owned(),
        rule_type: "power_unit_infeed".to_owned(),
        trigger: "current".to_owned(),
        operator: Some(">".to_owned()),
        warning: level(20.0, 19.0),
        critical: level(25.0, 23.0),
        hold_for: Some(DurationInput::Seconds(hold_for)),
        keep_firing_for: Some(DurationInput::Seconds(keep)),
        ..RuleInput::default()
    }
}

pub(super) fn state_rule(rule_type: &str, trigger: &str) -> RuleInput {
    RuleInput {
        name: "state".to_owned(),
        rule_type: rule_type.to_owned(),
        trigger: trigger.to_owned(),
        severity: (trigger != "health").then(|| "critical".to_owned()),
        ..RuleInput::default()
    }
}

/// A device with one infeed current and one state.
pub(super) fn shape() -> Arc<Shape> {
    let ratings = Ratings { current_amperes: Some(RATED), ..Ratings::default() };
    let component = |kind, label: &str| Component {
        kind,
        index: "1".into(),
        label: label.into(),
        ratings,
        ..Component::default()
    };
    let state = |name: &str, health, meanings: &[Meaning]| StateValue {
        name: name.into(),
        health,
        meanings: meanings.into(),
    };
    let values = [
        (1, state("unknown", Health::Unknown, &[])),
        (2, state("onLine", Health::Ok, &[])),
        (3, state("onBattery", Health::Warning, &[Meaning::OnBattery])),
        (4, state("failed", Health::Critical, &[])),
    ];
    let states = Some(Arc::new(StateTable { values: values.into() }));
    let reading = |component, quantity, name: &str, states| ReadingShape {
        component,
        quantity,
        name: name.into(),
        source: Oid::new(&[1, 3, 6, 1, 4, 1, 9, component]).into(),
        states,
    };
    Arc::new(Shape {
        components: vec![
            component(ComponentKind::Infeed, "Feed A"),
            component(ComponentKind::Output, "Output"),
        ],
        readings: vec![
            reading(0, Quantity::Current, "", None),
            reading(1, Quantity::State, "output", states),
        ]
        .into(),
    })
}

pub(super) fn source() -> Arc<Source> {
    Arc::new(Source {
        device: "pdu-1".into(),
        address: "192.0.2.1:161".to_owned(),
        labels: Labels::new([("site", "ams")]),
        identity: Identity { vendor: "Acme".to_owned(), model: "P-1".to_owned(), ..Identity::default() },
        ..Source::default()
    })
}

pub(super) fn at(seconds: u64) -> Now {
    let milliseconds = i64::try_from(seconds * 1000).unwrap();
    Now { moment: Moment::after_zero(Duration::from_secs(seconds)), unix: UnixMillis(milliseconds) }
}

pub(super) fn rules(inputs: &[RuleInput]) -> Ruleset {
    Ruleset::compile(check_all(inputs).unwrap())
}

/// A device's alerts with the clock and the readings at hand.
pub(super) struct Bench {
    pub(super) ruleset: Ruleset,
    pub(super) shape: Arc<Shape>,
    pub(super) alerts: Option<DeviceAlerts>,
    pub(super) now: u64,
    pub(super) said: Vec<Transition>,
    pub(super) board: Board,
}

impl Bench {
    pub(super) fn new(inputs: &[RuleInput]) -> Self {
        let (ruleset, shape) = (rules(inputs), shape());
        let mut bench = Self { ruleset, shape, alerts: None, now: 0, said: Vec::new(), board: Board::new() };
        bench.bind(Vec::new());
        bench
    }

    pub(super) fn bind(&mut self, restored: Vec<OpenAlert>) {
        let previous = self.alerts.take();
        let alerts = DeviceAlerts::bind(
            &self.ruleset,
            &source(),
            &self.shape,
            previous,
            restored,
            at(self.now),
            &mut self.said,
        );
        self.board.apply(self.alerts.insert(alerts));
    }

    pub(super) fn poll(&mut self, samples: &[Sample], error: Option<PollError>) {
        let batch = Batch {
            source: source(),
            time: at(self.now),
            duration: Duration::ZERO,
            shape: Arc::clone(&self.shape),
            effort: crate::model::Effort::default(),
            samples: samples.to_vec(),
            error,
        };
        let alerts = self.alerts.as_mut().unwrap();
        alerts.evaluate(&batch, &mut self.said);
        self.board.apply(alerts);
    }

    pub(super) fn restart(&mut self) {
        let open = self.alerts.take().unwrap().firing();
        self.board = Board::new();
        self.bind(open);
    }

    /// `TIME=WHAT`: amperes, `s3` (state 3), `-` (missing), `x` (no answer), `e` (an error's answer),
    /// `restart`, `gone` (learnt anew without components), `back`.
    pub(super) fn play(&mut self, line: &str) -> &mut Self {
        for step in line.split_whitespace() {
            let (time, what) = step.split_once('=').unwrap();
            self.now = time.parse().unwrap();
            let calm = [Sample::Value(0.0), Sample::Value(2.0)];
            let missing = [Sample::Missing(Missing::Timeout); 2];
            match what {
                "-" => self.poll(&[Sample::Missing(Missing::NotSupported); 2], None),
                "x" => self.poll(&missing, Some(PollError::Timeout)),
                "e" => self.poll(&missing, Some(PollError::AgentError { status: "genErr".to_owned() })),
                "restart" => self.restart(),
                "back" => {
                    self.shape = shape();
                    self.bind(Vec::new());
                }
                "gone" => {
                    let full = shape();
                    let components = full.components.iter().skip(1).cloned().collect();
                    let state = full.readings.iter().skip(1).cloned();
                    let readings = state.map(|it| ReadingShape { component: 0, ..it }).collect();
                    self.shape = Arc::new(Shape { components, readings });
                    self.bind(Vec::new());
                }
                what => match what.strip_prefix('s') {
                    Some(state) => self.poll(&[calm[0], Sample::Value(state.parse().unwrap())], None),
                    None => self.poll(&[Sample::Value(what.parse().unwrap()), calm[1]], None),
                },
            }
        }
        self
    }

    pub(super) fn reload(&mut self, inputs: &[RuleInput]) -> &mut Self {
        self.ruleset = rules(inputs);
        self.bind(Vec::new());
        self
    }

    #[track_caller]
    pub(super) fn says(&mut self, expected: &[&str]) -> &mut Self {
        let said: Vec<String> = self.said.drain(..).map(|it| words(&it)).collect();
        assert_eq!(said, expected, "{said:#?}");
        self
    }

    #[track_caller]
    pub(super) fn shows(&mut self, expected: &[&str]) -> &mut Self {
        let views = self.board.list();
        let shown: Vec<String> = views
            .iter()
            .map(|it| {
                let phase = if it.phase == Phase::Firing { "firing" } else { "pending" };
                let frozen = it.frozen.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
                format!("{} {phase} {} since {}{frozen}", it.facts.rule, it.severity, it.since.0 / 1000)
            })
            .collect();
        assert_eq!(shown, expected, "{shown:#?}");
        self
    }
}

pub(super) fn words(it: &Transition) -> String {
    let kind = match it.kind {
        TransitionKind::Trigger => "trigger".to_owned(),
        TransitionKind::Change { from } => format!("{from} to"),
        TransitionKind::Resolve => "resolve".to_owned(),
    };
    format!("{} {kind} {}: {}", it.at.0 / 1000, it.severity, it.reason)
}

#[track_caller]
pub(super) fn check(rule: RuleInput, line: &str, expected: &[&str]) {
    Bench::new(&[rule]).play(line).says(expected);
}

#[test]
fn thresholds_with_hysteresis() {
    check(
        overload(0.0, 0.0),
        "10=20 20=20.1 30=19.5 40=20.5 50=19",
        &["20 trigger warning: 20.1 A > 20 A", "50 resolve warning: 19 A <= 19 A"],
    );
    check(
        overload(0.0, 0.0),
        "10=26 20=24 30=23 40=19.5 50=18.9",
        &[
            "10 trigger critical: 26 A > 25 A",
            "30 critical to warning: 23 A <= 23 A",
            "50 resolve warning: 18.9 A <= 19 A",
        ],
    );
    check(
        overload(0.0, 0.0),
        "10=21 20=25.5 30=0",
        &[
            "10 trigger warning: 21 A > 20 A",
            "20 warning to critical: 25.5 A > 25 A",
            "30 resolve critical: 0 A <= 19 A",
        ],
    );
    let low = RuleInput {
        operator: Some("<=".to_owned()),
        warning: level(10.0, 12.0),
        critical: None,
        ..overload(0.0, 0.0)
    };
    check(
        low,
        "10=11 20=10 30=12 40=12.1",
        &["20 trigger warning: 10 A <= 10 A", "40 resolve warning: 12.1 A > 12 A"],
    );
}

#[test]
fn hold_for() {
    check(
        overload(30.0, 0.0),
        "0=21 10=21 20=21 30=21 40=0",
        &["30 trigger warning: 21 A > 20 A for 30 s", "40 resolve warning: 0 A <= 19 A"],
    );
    check(
        overload(30.0, 0.0),
        "0=21 10=21 20=19.5 30=21 40=21 50=21 60=21",
        &["60 trigger warning: 21 A > 20 A for 30 s"],
    );
    check(
        overload(30.0, 0.0),
        "0=21 20=26 30=26 50=26 60=26",
        &["30 trigger warning: 26 A > 20 A for 30 s", "50 warning to critical: 26 A > 25 A for 30 s"],
    );
    check(overload(30.0, 0.0), "0=26 30=26", &["30 trigger critical: 26 A > 25 A for 30 s"]);
}

#[test]
fn keep_firing_for() {
    check(
        overload(0.0, 60.0),
        "0=26 10=0 40=0 69=0 70=0",
        &["0 trigger critical: 26 A > 25 A", "70 resolve critical: 0 A <= 19 A for 1 min"],
    );
    check(
        overload(0.0, 60.0),
        "0=26 10=0 40=26 50=0 100=0 110=0",
        &["0 trigger critical: 26 A > 25 A", "110 resolve critical: 0 A <= 19 A for 1 min"],
    );
    check(
        overload(0.0, 60.0),
        "0=26 10=22 70=22 80=26",
        &[
            "0 trigger critical: 26 A > 25 A",
            "70 critical to warning: 22 A <= 23 A for 1 min",
            "80 warning to critical: 26 A > 25 A",
        ],
    );
}

#[test]
fn missing_samples_and_failed_polls_freeze() {
    // The clock of `for` stands still over the two polls without a value: 10 s + 10 s + 10 s.
    check(
        overload(30.0, 0.0),
        "0=21 10=21 20=- 30=x 40=21 50=21",
        &["50 trigger warning: 21 A > 20 A for 30 s"],
    );
    check(
        overload(0.0, 0.0),
        "0=21 10=- 20=x 30=e 40=21 50=0",
        &["0 trigger warning: 21 A > 20 A", "50 resolve warning: 0 A <= 19 A"],
    );
    check(
        overload(0.0, 30.0),
        "0=21 10=0 20=- 60=- 70=0 80=0 90=0",
        &["0 trigger warning: 21 A > 20 A", "90 resolve warning: 0 A <= 19 A for 30 s"],
    );
    check(overload(0.0, 0.0), "0=21 10=NaN 20=inf", &["0 trigger warning: 21 A > 20 A"]);
    check(overload(0.0, 0.0), "0=inf 10=NaN", &[]);
    Bench::new(&[overload(0.0, 0.0)])
        .play("0=21 10=-")
        .shows(&["overload firing warning since 0 (no data: not_supported)"])
        .play("20=x")
        .shows(&["overload firing warning since 0 (the poll failed: timeout)"])
        .play("30=22")
        .shows(&["overload firing warning since 0"])
        .play("40=0")
        .shows(&[]);
}

#[test]
fn pending_is_shown() {
    Bench::new(&[overload(30.0, 0.0)])
        .play("5=21")
        .shows(&["overload pending warning since 5"])
        .play("10=26")
        .shows(&["overload pending critical since 5"])
        .play("20=x")
        .shows(&["overload pending critical since 5 (the poll failed: timeout)"])
        .play("30=0")
        .shows(&[])
        .says(&[]);
}

#[test]
fn states() {
    check(
        state_rule("ups", "on_battery"),
        "0=s2 10=s3 20=s3 30=s2",
        &["10 trigger critical: output is onBattery", "30 resolve critical: output is onLine"],
    );
    // "unknown" and numbers that the MIB does not have are no news.
    check(
        state_rule("ups", "on_battery"),
        "10=s3 20=s1 30=s9 40=s2",
        &["10 trigger critical: output is onBattery", "40 resolve critical: output is onLine"],
    );
    check(
        state_rule("state", "health"),
        "0=s1 10=s3 20=s4 30=s3 40=s2",
        &[
            "10 trigger warning: output is onBattery (warning)",
            "20 warning to critical: output is failed (critical)",
            "30 critical to warning: output is onBattery (warning)",
            "40 resolve warning: output is onLine (ok)",
        ],
    );
    let mut slow = state_rule("ups", "on_battery");
    slow.hold_for = Some(DurationInput::Text("20s".to_owned()));
    check(slow, "0=s3 10=s2 20=s3 30=s3 40=s3", &["40 trigger critical: output is onBattery for 20 s"]);
    Bench::new(&[state_rule("ups", "on_battery")])
        .play("0=s3 10=s1")
        .shows(&["state firing critical since 0 (the agent does not know the state)"]);
}

#[test]
fn reachability() {
    let silent = "no answer in time";
    let offline = format!("30 trigger critical: 3 polls in a row failed: {silent}");
    check(
        state_rule("power_unit_offline", "offline"),
        "10=x 20=x 30=x 40=x 50=0 60=x 70=x 80=0",
        &[&*offline, "50 resolve critical: it answers again"],
    );
    check(
        state_rule("power_unit_offline", "offline"),
        "10=e 20=e 30=e",
        &["30 trigger critical: 3 polls in a row failed: the agent answered with error-status genErr"],
    );
    check(
        state_rule("power_unit_offline", "not_responding"),
        "10=x 20=e 30=x 40=x 50=x 60=e",
        &[
            &*offline.replace("30 trigger", "50 trigger"),
            "60 resolve critical: it answers, but: the agent answered with error-status genErr",
        ],
    );
    let mut one = state_rule("power_unit_offline", "offline");
    one.after_polls = Some(1);
    let first = format!("10 trigger critical: a poll failed: {silent}");
    check(one, "10=x", &[&*first]);
    // Restored, it does not end before a poll succeeds, although the count begins anew.
    check(
        state_rule("power_unit_offline", "offline"),
        "10=x 20=x 30=x 40=restart 50=x 60=0",
        &[&*offline, "60 resolve critical: it answers again"],
    );
    // A silent device's value alerts stand still; only the silence is announced.
    Bench::new(&[overload(0.0, 0.0), state_rule("power_unit_offline", "offline")])
        .play("0=21 10=x 20=x 30=x 40=21 50=0")
        .says(&[
            "0 trigger warning: 21 A > 20 A",
            &offline,
            "40 resolve critical: it answers again",
            "50 resolve warning: 0 A <= 19 A",
        ]);
}

/// After a restart an alert's details may come later than its first polls.
#[test]
fn details_that_come_late() {
    let began = || {
        let mut bench = Bench::new(&[overload(0.0, 0.0)]);
        bench.play("0=26");
        let whole = bench.alerts.take().unwrap().firing();
        let bare = |it: &OpenAlert| {
            let (key, fired_at) = (it.key().clone(), it.fired_at);
            let facts = AlertFacts::of_no_reading(key, ("overload", "", ""), "pdu".into(), fired_at);
            OpenAlert { facts: Arc::new(facts), is_bare: true, ..it.clone() }
        };
        let bare: Vec<OpenAlert> = whole.iter().map(bare).collect();
        (bench.board, bench.said) = (Board::new(), Vec::new());
        bench.bind(bare);
        (bench, whole)
    };
    let (mut bench, whole) = began();
    bench.play("10=x 20=26");
    let bare = bench.alerts.as_ref().unwrap().firing().remove(0);
    assert!(bare.is_bare && bare.facts.reading.is_empty());
    assert_eq!(bare.facts.labels, source().labels, "receivers may know an alert by its labels");
    bench.alerts.as_mut().unwrap().complete(whole.clone());
    assert_eq!(bench.alerts.as_ref().unwrap().firing(), whole);
    // What has changed meanwhile is newer than what comes.
    let (mut bench, whole) = began();
    bench.play("10=22").says(&["10 critical to warning: 22 A <= 23 A"]);
    bench.alerts.as_mut().unwrap().complete(whole.clone());
    let now = bench.alerts.as_ref().unwrap().firing().remove(0);
    assert_eq!((now.is_bare, &*now.facts.reading), (false, "22 A"));
    assert_eq!(now.facts.integrations, whole[0].facts.integrations);
}

#[test]
fn restart() {
    let mut bench = Bench::new(&[overload(30.0, 0.0)]);
    bench
        .play("0=26 30=26 40=restart")
        .shows(&["overload firing critical since 0 (not polled since the start)"]);
    bench.play("50=x 60=- 70=26 80=22 90=0").says(&[
        "30 trigger critical: 26 A > 25 A for 30 s",
        "80 critical to warning: 22 A <= 23 A",
        "90 resolve warning: 0 A <= 19 A",
    ]);
    // A pending alert does not outlive the process.
    check(
        overload(30.0, 0.0),
        "0=26 20=restart 30=26 50=26 60=26",
        &["60 trigger critical: 26 A > 25 A for 30 s"],
    );
}

#[test]
fn restart_before_the_device_is_learnt() {
    let mut bench = Bench::new(&[overload(0.0, 0.0)]);
    let open = bench.play("0=26").alerts.take().unwrap().firing();
    bench.shape = Arc::new(Shape::default());
    bench.now = 10;
    bench.bind(open);
    for now in 11..40 {
        bench.now = now;
        bench.poll(&[], Some(PollError::Timeout));
    }
    bench.shows(&["overload firing critical since 0 (not polled since the start)"]);
    bench
        .play("40=back 41=24 42=0")
        .says(&["0 trigger critical: 26 A > 25 A", "42 resolve critical: 0 A <= 19 A"]);
}

#[test]
fn reload() {
    let mut bench = Bench::new(&[overload(0.0, 0.0)]);
    bench.play("0=21").reload(&[overload(0.0, 0.0)]).play("10=21").says(&["0 trigger warning: 21 A > 20 A"]);
    bench.reload(&[]).says(&["10 resolve warning: rule removed"]).shows(&[]);
    bench.reload(&[overload(0.0, 0.0)]).play("20=21").says(&["20 trigger warning: 21 A > 20 A"]);
    let disabled = RuleInput { enabled: false, ..overload(0.0, 0.0) };
    bench.reload(&[disabled]).says(&["20 resolve warning: rule disabled"]);
    // A pending alert keeps its clock.
    let mut bench = Bench::new(&[overload(30.0, 0.0)]);
    bench.play("0=21 10=21").reload(&[overload(20.0, 0.0)]).play("20=21");
    bench.says(&["20 trigger warning: 21 A > 20 A for 20 s"]);
    bench.reload(&[RuleInput { trigger: "voltage".to_owned(), ..overload(0.0, 0.0) }]);
    bench.says(&["20 resolve warning: the rule no longer applies to it"]);
    // A level that is no more.
    let mut bench = Bench::new(&[overload(0.0, 0.0)]);
    bench.play("0=21").reload(&[RuleInput { warning: None, ..overload(0.0, 0.0) }]).play("10=24 20=26");
    bench.says(&[
        "0 trigger warning: 21 A > 20 A",
        "10 resolve warning: 24 A, and the rule no longer has that level",
        "20 trigger critical: 26 A > 25 A",
    ]);
}

#[test]
fn gone_components() {
    let mut bench = Bench::new(&[overload(0.0, 0.0)]);
    bench.play("0=21 10=gone").shows(&["overload firing warning since 0 (the device no longer has it)"]);
    bench.play("20=s2 30=s2 40=s2 50=x 60=s2").says(&["0 trigger warning: 21 A > 20 A"]);
    bench.play("70=s2").says(&["70 resolve warning: gone: the device has not had it for 5 polls"]).shows(&[]);
    // Back in time, it goes on.
    let mut bench = Bench::new(&[overload(0.0, 0.0)]);
    bench
        .play("0=21 10=gone 20=s2 30=back 40=21 50=0")
        .says(&["0 trigger warning: 21 A > 20 A", "50 resolve warning: 0 A <= 19 A"]);
    // A rating that is lost does not end an overload.
    let percent = RuleInput {
        trigger: "percent_of_rated".to_owned(),
        warning: level(80.0, 75.0),
        critical: None,
        ..overload(0.0, 0.0)
    };
    let mut bench = Bench::new(&[percent]);
    bench.play("0=27.2").says(&["0 trigger warning: 85 % of 32 A > 80 %"]);
    let mut unrated = (*shape()).clone();
    unrated.components[0].ratings = Ratings::default();
    bench.shape = Arc::new(unrated);
    bench.bind(Vec::new());
    bench.play("10=0 20=0 30=0 40=0 50=0 60=0 70=0").says(&[]).shows(&[
        "overload firing warning since 0 (no rating: the agent gives none; set rated_current on the rule or the \
         device)",
    ]);
    bench.play("80=back 90=0").says(&["90 resolve warning: 0 % of 32 A <= 75 %"]);
}

#[test]
fn a_poll_of_another_shape_is_not_judged() {
    let mut bench = Bench::new(&[overload(0.0, 0.0)]);
    bench.play("0=21");
    bench.shape = Arc::new(Shape { readings: Arc::default(), ..(*bench.shape).clone() });
    bench.play("10=0").shows(&["overload firing warning since 0 (the device was learnt anew)"]);
    // Another copy of the same shape is.
    bench.shape = shape();
    bench.play("20=0").says(&["0 trigger warning: 21 A > 20 A", "20 resolve warning: 0 A <= 19 A"]);
}

#[test]
fn removal() {
    let mut bench = Bench::new(&[overload(0.0, 0.0)]);
    bench.play("0=21");
    let alerts = bench.alerts.take().unwrap();
    let open = alerts.firing();
    alerts.remove(at(9), &mut bench.said);
    bench.board.forget_device("pdu-2");
    bench.shows(&["overload firing warning since 0"]);
    bench.board.forget_device("pdu-1");
    bench.shows(&[]);
    resolve_removed(open, at(10), &mut bench.said);
    bench.says(&[
        "0 trigger warning: 21 A > 20 A",
        "9 resolve warning: device removed from the config",
        "10 resolve warning: device removed from the config",
    ]);
}

#[test]
fn facts() {
    let mut rule = overload(0.0, 0.0);
    rule.trigger = "percent_of_rated".to_owned();
    (rule.warning, rule.critical) = (level(70.0, 65.0), level(80.0, 75.0));
    (rule.notes, rule.runbook) = (Some("call facilities".to_owned()), Some("https://wiki/7".to_owned()));
    rule.integrations = vec!["power".to_owned()];
    let mut bench = Bench::new(&[rule.clone()]);
    bench.play("7=25.6 8=26");
    let facts: &AlertFacts = &bench.said[1].facts;
    assert_eq!(&*facts.key.0, "overload/pdu-1/infeed/1/current");
    assert_eq!((facts.rule_type, facts.trigger), ("power_unit_infeed", "percent_of_rated"));
    assert_eq!((&*facts.device, &*facts.address, &*facts.model), ("pdu-1", "192.0.2.1:161", "Acme P-1"));
    assert_eq!(facts.component, Some((ComponentKind::Infeed, "1".into(), "Feed A".into())));
    assert_eq!(facts.source.as_ref().unwrap().to_string(), "1.3.6.1.4.1.9.0");
    assert_eq!((&*facts.reading, facts.value, facts.unit), ("81.25 %", Some(81.25), "%"));
    assert_eq!((facts.operator, facts.threshold, facts.rated), (">", Some(80.0), Some(32.0)));
    assert_eq!((facts.since, facts.labels.value("site")), (UnixMillis(7000), Some("ams")));
    assert_eq!(
        (facts.notes.as_deref(), facts.runbook.as_deref()),
        (Some("call facilities"), Some("https://wiki/7"))
    );
    // It ends where it began, whatever the rule says meanwhile.
    rule.integrations = vec!["other".to_owned()];
    bench.reload(&[rule]).play("20=0");
    let last = bench.said.last().unwrap();
    assert_eq!((last.kind, &*last.facts.integrations[0]), (TransitionKind::Resolve, "power"));
    assert_eq!(last.facts.threshold, Some(65.0));
}
