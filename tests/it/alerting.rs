//! Alert rules and life cycle, seen from outside: a UPS goes onto battery and returns, an infeed is
//! overloaded.

use rackwarden::alert::{Board, DeviceAlerts, Phase, Transition, TransitionKind};
use rackwarden::model::{
    Batch, Component, ComponentKind, Health, Identity, Labels, Meaning, Missing, Moment, Now, Oid, PollError,
    Quantity, Ratings, ReadingShape, Sample, Shape, Source, StateTable, StateValue, UnixMillis,
};
use rackwarden::rules::{ApplyTo, LevelInput, RuleInput, Ruleset, check_all};
use std::sync::Arc;
use std::time::Duration;

/// One device under rules, polled every ten seconds.
struct Room {
    source: Arc<Source>,
    shape: Arc<Shape>,
    alerts: DeviceAlerts,
    board: Board,
    seconds: u64,
}

impl Room {
    fn new(device: &str, shape: Shape, rules: &[RuleInput]) -> Self {
        let ruleset = Ruleset::compile(check_all(rules).unwrap());
        let identity = Identity { vendor: "Acme".into(), model: "Rack 3000".into(), ..Identity::default() };
        let labels = Labels::new([("site", "ams-1")]);
        let source = Arc::new(Source { device: device.into(), labels, identity, ..Source::default() });
        let shape = Arc::new(shape);
        let mut said = Vec::new();
        let alerts =
            DeviceAlerts::bind(&ruleset, &source, &shape, None, Vec::new(), Now::default(), &mut said);
        assert!(said.is_empty(), "{said:?}");
        Self { source, shape, alerts, board: Board::new(), seconds: 0 }
    }

    fn poll(&mut self, samples: &[f64]) -> Vec<Transition> {
        self.take(samples.iter().map(|it| Sample::Value(*it)).collect(), None)
    }

    fn fail(&mut self) -> Vec<Transition> {
        let missing = vec![Sample::Missing(Missing::Timeout); self.shape.readings.len()];
        self.take(missing, Some(PollError::Timeout))
    }

    fn take(&mut self, samples: Vec<Sample>, error: Option<PollError>) -> Vec<Transition> {
        self.seconds += 10;
        let mut said = Vec::new();
        let moment = Moment::after_zero(Duration::from_secs(self.seconds));
        let unix = UnixMillis(i64::try_from(self.seconds).unwrap() * 1000);
        let batch = Batch {
            source: Arc::clone(&self.source),
            time: Now { moment, unix },
            duration: Duration::from_millis(3),
            shape: Arc::clone(&self.shape),
            effort: rackwarden::model::Effort::default(),
            samples,
            error,
        };
        self.alerts.evaluate(&batch, &mut said);
        self.board.apply(&mut self.alerts);
        said
    }
}

fn told(said: &[Transition]) -> Vec<String> {
    said.iter()
        .map(|it| {
            let what = match it.kind {
                TransitionKind::Trigger => "begins".to_owned(),
                TransitionKind::Change { from } => format!("was {from}"),
                TransitionKind::Resolve => "ends".to_owned(),
            };
            format!("{} [{}] {what}: {}", it.facts.key, it.severity, it.reason)
        })
        .collect()
}

fn component(kind: ComponentKind, index: &str, label: &str, rated: Option<f64>) -> Component {
    let ratings = Ratings { current_amperes: rated, ..Ratings::default() };
    Component { kind, index: index.into(), label: label.into(), ratings, ..Component::default() }
}

fn reading(component: u32, quantity: Quantity) -> ReadingShape {
    ReadingShape {
        component,
        quantity,
        name: "".into(),
        source: Oid::new(&[1, 3, 6, 1, component]).into(),
        states: None,
    }
}

fn rule(name: &str, rule_type: &str, trigger: &str) -> RuleInput {
    RuleInput {
        name: name.to_owned(),
        rule_type: rule_type.to_owned(),
        trigger: trigger.to_owned(),
        ..RuleInput::default()
    }
}

fn level(value: f64, clear: f64) -> Option<LevelInput> {
    Some(LevelInput { value: Some(value.into()), clear: Some(clear.into()) })
}

/// On battery at once, the charge falls below two thresholds, the mains return, the battery charges.
#[test]
fn a_ups_goes_onto_battery_and_returns() {
    let state = |name: &str, health, meanings: &[Meaning]| StateValue {
        name: name.into(),
        health,
        meanings: meanings.into(),
    };
    let values = [
        (2, state("onLine", Health::Ok, &[])),
        (3, state("onBattery", Health::Warning, &[Meaning::OnBattery])),
    ];
    let states = Some(Arc::new(StateTable { values: values.into() }));
    let shape = Shape {
        components: vec![
            component(ComponentKind::Output, "0", "Output", None),
            component(ComponentKind::Battery, "0", "Battery", None),
        ],
        readings: vec![
            ReadingShape { name: "output".into(), states, ..reading(0, Quantity::State) },
            reading(1, Quantity::Charge),
            reading(1, Quantity::Runtime),
        ]
        .into(),
    };
    let on_battery =
        RuleInput { severity: Some("critical".into()), ..rule("on battery", "ups", "on_battery") };
    let charge = RuleInput {
        operator: Some("<".into()),
        warning: level(80.0, 90.0),
        critical: level(50.0, 55.0),
        ..rule("charge", "ups", "charge")
    };
    let runtime = RuleInput {
        operator: Some("<".into()),
        unit: Some("min".into()),
        error: level(5.0, 10.0),
        ..rule("runtime", "ups", "runtime")
    };
    let mut room = Room::new("ups-1", shape, &[on_battery, charge, runtime]);
    let mut story = Vec::new();
    for poll in [
        [2.0, 100.0, 1800.0],
        [3.0, 95.0, 1200.0],
        [3.0, 79.0, 600.0],
        [3.0, 49.0, 240.0],
        [2.0, 52.0, 590.0],
        [2.0, 56.0, 700.0],
        [2.0, 90.0, 1700.0],
    ] {
        story.extend(told(&room.poll(&poll)));
    }
    assert_eq!(
        story,
        [
            "on battery/ups-1/output/0/state/output [critical] begins: output is onBattery",
            "charge/ups-1/battery/0/charge [warning] begins: 79 % < 80 %",
            "charge/ups-1/battery/0/charge [critical] was warning: 49 % < 50 %",
            "runtime/ups-1/battery/0/runtime [error] begins: 4 min < 5 min",
            "on battery/ups-1/output/0/state/output [critical] ends: output is onLine",
            "charge/ups-1/battery/0/charge [warning] was critical: 56 % >= 55 %",
            "runtime/ups-1/battery/0/runtime [error] ends: 11.667 min >= 10 min",
            "charge/ups-1/battery/0/charge [warning] ends: 90 % >= 90 %",
        ]
    );
    assert!(room.board.list().is_empty());
}

/// Warning and critical with a wait of 20 s; in between the PDU falls silent, which ends nothing.
#[test]
fn an_infeed_is_overloaded() {
    let shape = Shape {
        components: vec![
            component(ComponentKind::Infeed, "1", "Feed A", Some(32.0)),
            component(ComponentKind::Infeed, "2", "Feed B", None),
        ],
        readings: vec![reading(0, Quantity::Current), reading(1, Quantity::Current)].into(),
    };
    let overload = RuleInput {
        apply_to: ApplyTo::Match(vec![("site".into(), "ams-*".into())]),
        operator: Some(">".into()),
        warning: level(70.0, 65.0),
        critical: level(80.0, 75.0),
        hold_for: Some(Duration::from_secs(20).into()),
        ..rule("overload", "power_unit_infeed", "percent_of_rated")
    };
    let offline = RuleInput {
        severity: Some("error".into()),
        after_polls: Some(2),
        ..rule("offline", "power_unit_offline", "offline")
    };
    let mut room = Room::new("pdu-1", shape, &[overload, offline]);
    let complaints: Vec<Option<String>> = room.alerts.bindings().iter().map(|it| it.complaint()).collect();
    assert_eq!(
        complaints,
        [
            Some(
                "cannot judge 1 of 2, for instance pdu-1/infeed/2: no rating: the agent gives none; set \
                 rated_current on the rule or the device"
                    .to_owned()
            ),
            None
        ]
    );
    assert!(told(&room.poll(&[24.0, 9.0])).is_empty());
    let pending = room.board.list();
    assert_eq!((pending.len(), pending[0].phase), (1, Phase::Pending));
    assert!(told(&room.poll(&[26.0, 9.0])).is_empty());
    assert_eq!(
        told(&room.poll(&[26.0, 9.0])),
        ["overload/pdu-1/infeed/1/current [warning] begins: 81.25 % of 32 A > 70 % for 20 s"]
    );
    assert_eq!(
        told(&room.poll(&[26.0, 9.0])),
        ["overload/pdu-1/infeed/1/current [critical] was warning: 81.25 % of 32 A > 80 % for 20 s"]
    );
    assert!(told(&room.fail()).is_empty());
    let silent = told(&room.fail());
    assert_eq!(silent.len(), 1);
    assert!(
        silent[0].starts_with("offline/pdu-1 [error] begins: 2 polls in a row failed: no answer"),
        "{silent:?}"
    );
    let views = room.board.list();
    let frozen: Vec<String> =
        views.iter().filter_map(|it| it.frozen.as_ref().map(ToString::to_string)).collect();
    assert_eq!((views.len(), frozen), (2, vec!["the poll failed: timeout".to_owned()]));
    assert_eq!(
        told(&room.poll(&[23.0, 9.0])),
        [
            "offline/pdu-1 [error] ends: it answers again",
            "overload/pdu-1/infeed/1/current [warning] was critical: 71.875 % of 32 A <= 75 %",
        ]
    );
    assert_eq!(
        told(&room.poll(&[20.8, 9.0])),
        ["overload/pdu-1/infeed/1/current [warning] ends: 65 % of 32 A <= 65 %"]
    );
    assert!(room.board.list().is_empty());
}
