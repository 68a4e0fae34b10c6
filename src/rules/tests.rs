//! What `check` says, and what rules bind to.

use super::{
    ApplyTo, DurationInput, LevelInput, Program, RuleInput, Ruleset, Standing, UnboundReason, check,
    check_all,
};
use crate::model::{
    Component, ComponentKind, Health, Labels, Meaning, Oid, Quantity, Ratings, ReadingShape, Severity, Shape,
    Source, StateTable, StateValue,
};
use std::sync::Arc;

pub(super) fn level(value: f64, clear: f64) -> Option<LevelInput> {
    Some(LevelInput { value: Some(value.into()), clear: (!clear.is_nan()).then_some(clear.into()) })
}

pub(super) const NONE: f64 = f64::NAN;

pub(super) fn infeed() -> RuleInput {
    RuleInput {
        name: "overload".to_owned(),
        rule_type: "power_unit_infeed".to_owned(),
        trigger: "current".to_owned(),
        operator: Some(">".to_owned()),
        warning: level(20.0, 19.0),
        critical: level(25.0, NONE),
        ..RuleInput::default()
    }
}

pub(super) fn on_battery() -> RuleInput {
    RuleInput {
        name: "on battery".to_owned(),
        rule_type: "ups".to_owned(),
        trigger: "on_battery".to_owned(),
        severity: Some("critical".to_owned()),
        ..RuleInput::default()
    }
}

pub(super) fn offline() -> RuleInput {
    RuleInput {
        name: "offline".to_owned(),
        rule_type: "power_unit_offline".to_owned(),
        trigger: "offline".to_owned(),
        severity: Some("error".to_owned()),
        ..RuleInput::default()
    }
}

/// All problems of a rule, a line each: `field: message (help)`.
#[track_caller]
pub(super) fn says(mut input: RuleInput, change: impl FnOnce(&mut RuleInput), expected: &[&str]) {
    change(&mut input);
    let problems = check(&input).err().unwrap_or_default();
    let said: Vec<String> = problems
        .into_iter()
        .map(|it| format!("{}: {} ({})", it.field, it.message, it.help.unwrap_or_default()))
        .collect();
    assert_eq!(said, expected, "\n{said:#?}");
}

const COMPONENT_KINDS: &str = "device, infeed, phase, bank, outlet, sensor, input, output, bypass, battery";
const SIDES: &str = "write one of >, >=, <, <=, outside, inside";
const OBJECTS: &str = "write a device (\"pdu-1\"), its components of a kind (\"pdu-1/infeed\"), or one of \
                       them (\"pdu-1/infeed/1\"), each part with * if need be";
const DURATIONS: &str = "write, say, \"30s\", \"5m\" or \"1h 30m\"";

#[test]
fn good_rules() {
    says(infeed(), |_| (), &[]);
    says(on_battery(), |_| (), &[]);
    says(offline(), |_| (), &[]);
    says(infeed(), |it| it.critical = None, &[]);
    says(infeed(), |it| it.hold_for = Some(DurationInput::Text("1h 30m".to_owned())), &[]);
    says(infeed(), |it| it.apply_to = ApplyTo::Objects(vec!["pdu-*/in*/1".to_owned()]), &[]);
    says(
        infeed(),
        |it| {
            it.operator = Some("<".to_owned());
            (it.warning, it.critical) = (level(10.0, 11.0), level(5.0, 5.0));
        },
        &[],
    );
}

#[test]
fn golden_names() {
    says(
        infeed(),
        |it| it.name = "  ".to_owned(),
        &["name: the rule has no name (write, say, name = \"infeed overload\")"],
    );
    says(
        infeed(),
        |it| it.name = "a\nb".to_owned(),
        &["name: the name holds control characters (write it on one line)"],
    );
    says(
        infeed(),
        |it| it.name = "n".repeat(121),
        &["name: the name has 121 characters, at most 120 fit (put the details into notes)"],
    );
    says(
        on_battery(),
        |it| it.rule_type = "upss".to_owned(),
        &["type: \"upss\" is no rule type (did you mean \"ups\"? there are: power_unit_sensor, \
         power_unit_infeed, power_unit_offline, bank, ups, license, software, prohibited_software, \
         operating_system, subnet, part_model, inventory, reading, state)"],
    );
    says(
        on_battery(),
        |it| it.rule_type = String::new(),
        &["type: the rule has no type (there are: power_unit_sensor, power_unit_infeed, \
         power_unit_offline, bank, ups, license, software, prohibited_software, operating_system, subnet, \
         part_model, inventory, reading, state)"],
    );
    says(
        infeed(),
        |it| it.trigger = "percent-of-rate".to_owned(),
        &["trigger: \"percent-of-rate\" is no trigger of power_unit_infeed (did you mean \
         \"percent_of_rated\"? power_unit_infeed has: current, percent_of_rated, active_power, \
         apparent_power, voltage)"],
    );
    says(
        infeed(),
        |it| it.trigger = "temperature".to_owned(),
        &["trigger: \"temperature\" is no trigger of power_unit_infeed (power_unit_infeed has: current, \
         percent_of_rated, active_power, apparent_power, voltage; \"temperature\" is a trigger of \
         power_unit_sensor, reading)"],
    );
    says(
        offline(),
        |it| it.trigger = String::new(),
        &[
            "trigger: the rule has no trigger; power_unit_offline needs one (power_unit_offline has: offline, \
         not_responding)",
        ],
    );
}

#[test]
fn golden_objects() {
    let objects = |texts: &[&str]| ApplyTo::Objects(texts.iter().map(|it| (*it).to_owned()).collect());
    says(
        infeed(),
        |it| it.apply_to = objects(&[]),
        &[
            "apply_to: the list of objects is empty: the rule would watch nothing (name some, as \"pdu-1\" or \
         \"pdu-1/infeed/1\", or leave apply_to out for all)",
        ],
    );
    let empty_part = format!("apply_to[1]: \"pdu//1\" has an empty part ({OBJECTS})");
    says(infeed(), |it| it.apply_to = objects(&["ok", "pdu//1"]), &[&*empty_part]);
    let kind = format!(
        "apply_to[0]: \"infed\" is no kind of component (did you mean \"infeed\"? there are: {COMPONENT_KINDS})"
    );
    says(infeed(), |it| it.apply_to = objects(&["pdu/infed/1"]), &[&*kind]);
    says(
        infeed(),
        |it| it.apply_to = objects(&["pdu/bank/1"]),
        &[
            "apply_to[0]: current does not look at components of kind \"bank\" (it looks at: infeed, phase, input, \
         device)",
        ],
    );
    says(
        offline(),
        |it| it.apply_to = objects(&["pdu/infeed"]),
        &[
            "apply_to[0]: \"pdu/infeed\" names a component, but offline is about whole devices (write \"pdu\")",
        ],
    );
    says(
        infeed(),
        |it| it.apply_to = ApplyTo::Match(Vec::new()),
        &[
            "apply_to.match: no label is given: the rule would watch nothing (write, say, { match = { site = \"ams-*\" } }, or \
         leave apply_to out for all)",
        ],
    );
    says(
        infeed(),
        |it| it.components = vec!["bank".to_owned(), "phase".to_owned()],
        &[
            "components[0]: the trigger does not look at components of kind bank (it looks at: infeed, phase, \
         input, device; type = \"reading\" looks at any of a device)",
        ],
    );
    says(
        offline(),
        |it| it.components = vec!["device".to_owned()],
        &["components[0]: the trigger is about whole devices, not components (leave components out)"],
    );
    says(
        offline(),
        |it| it.indices = vec!["1".to_owned()],
        &["indices: the trigger is about whole devices, not components (leave indices out)"],
    );
}

#[test]
fn golden_operators_and_units() {
    says(
        infeed(),
        |it| it.operator = None,
        &[
            "operator: the rule does not say on which side of the threshold it holds (write operator = \">\" if \
         high is bad, \"<\" if low is bad)",
        ],
    );
    let equal = format!(
        "operator: \"==\" compares for equality, which a measured number never quite meets ({SIDES})"
    );
    says(infeed(), |it| it.operator = Some("==".to_owned()), &[&*equal]);
    let unknown = format!("operator: \"above\" is no operator ({SIDES})");
    says(infeed(), |it| it.operator = Some("above".to_owned()), &[&*unknown]);
    says(
        infeed(),
        |it| it.unit = Some("W".to_owned()),
        &["unit: \"W\" is no unit of current (there are: A, mA)"],
    );
    says(
        infeed(),
        |it| {
            it.trigger = "percent_of_rated".to_owned();
            it.unit = Some("A".to_owned());
        },
        &["unit: percent_of_rated is in % (leave unit out, or use a trigger that measures amperes or watts)"],
    );
    says(
        on_battery(),
        |it| it.operator = Some(">".to_owned()),
        &["operator: on_battery is a state, not a number: it has no operator (leave operator out)"],
    );
}

#[test]
fn golden_thresholds() {
    says(
        infeed(),
        |it| (it.warning, it.critical) = (None, None),
        &[
            ": the rule has no threshold (write critical = { value = .. }, or warning, error, info; each may have \
         a clear)",
        ],
    );
    says(
        infeed(),
        |it| it.warning = level(20.0, 21.0),
        &[
            "warning.clear: clear 21 lies on the wrong side of value 20 (with > the alert ends on the way back: \
         write a clear at or below 20)",
        ],
    );
    says(
        infeed(),
        |it| {
            it.operator = Some("<=".to_owned());
            (it.warning, it.critical) = (level(10.0, 9.5), None);
        },
        &["warning.clear: clear 9.5 lies on the wrong side of value 10 (with <= the alert ends on the way \
           back: write a clear at or above 10)"],
    );
    says(
        infeed(),
        |it| it.critical = level(18.0, NONE),
        &[
            "critical.value: critical (18) is not further out than warning (20): one would never be seen (with > \
         write a critical above 20)",
        ],
    );
    says(
        infeed(),
        |it| it.critical = level(20.0, NONE),
        &[
            "critical.value: critical (20) is not further out than warning (20): one would never be seen (with > \
         write a critical above 20)",
        ],
    );
}

#[test]
fn golden_levels() {
    says(
        infeed(),
        |it| it.critical = level(f64::NAN, NONE),
        &["critical.value: NaN is no threshold (write a finite number)"],
    );
    says(
        infeed(),
        |it| it.critical = level(f64::INFINITY, NONE),
        &["critical.value: inf is no threshold (write a finite number)"],
    );
    says(
        infeed(),
        |it| it.critical = Some(LevelInput { value: None, clear: Some(1.0.into()) }),
        &["critical: the threshold has no value (write critical = { value = .. })"],
    );
    says(
        infeed(),
        |it| it.severity = Some("error".to_owned()),
        &[
            "severity: this trigger measures: each severity has its own threshold (write error = { value = .. } \
         instead)",
        ],
    );
    says(
        infeed(),
        |it| it.after_polls = Some(2),
        &[
            "after_polls: only triggers about reachability count polls (write for = \"30s\" to wait before the alert is \
         announced)",
        ],
    );
}

#[test]
fn golden_ranges() {
    let percent = |value| {
        move |it: &mut RuleInput| {
            it.trigger = "percent_of_rated".to_owned();
            (it.warning, it.critical) = (None, level(value, NONE));
        }
    };
    says(
        infeed(),
        percent(800.0),
        &["critical.value: percent_of_rated never reaches 800 % (write a number from 0 % to 300 %)"],
    );
    says(
        infeed(),
        percent(-5.0),
        &["critical.value: percent_of_rated never reaches -5 % (write a number from 0 % to 300 %)"],
    );
    says(
        infeed(),
        percent(0.8),
        &["critical.value: 0.8 % is less than one percent (percentages go to 100: write 80)"],
    );
    says(
        infeed(),
        |it| it.warning = level(20.0, -1.0),
        &["warning.clear: current never reaches -1 A (write a number from 0 A up)"],
    );
    let fahrenheit = |it: &mut RuleInput| {
        it.rule_type = "power_unit_sensor".to_owned();
        it.trigger = "temperature".to_owned();
        it.unit = Some("F".to_owned());
        (it.warning, it.critical) = (level(-500.0, NONE), None);
    };
    says(
        infeed(),
        fahrenheit,
        &["warning.value: temperature never reaches -500 °F (write a number from -459.67 °F up)"],
    );
}

#[test]
fn golden_states() {
    says(
        on_battery(),
        |it| it.severity = None,
        &[
            "severity: the rule does not say how bad it is (write severity = \"critical\", \"error\", \"warning\" \
         or \"info\")",
        ],
    );
    says(
        on_battery(),
        |it| it.severity = Some("high".to_owned()),
        &["severity: \"high\" is no severity (there are: info, warning, error, critical)"],
    );
    says(
        on_battery(),
        |it| it.critical = level(1.0, NONE),
        &[
            "critical: on_battery is a state, not a number: it has no thresholds (write severity = \"critical\" \
         instead)",
        ],
    );
    let health = |it: &mut RuleInput| {
        (it.rule_type, it.trigger) = ("state".to_owned(), "health".to_owned());
    };
    says(
        on_battery(),
        health,
        &["severity: the severity of health is that of the state: warning or critical (leave severity out)"],
    );
    says(
        offline(),
        |it| it.after_polls = Some(0),
        &["after_polls: 0 is not from 1 to 1000 (write how many polls in a row must fail; by default 3)"],
    );
}

#[test]
fn golden_durations_ratings_and_texts() {
    let negative = format!("for: -5 s is negative ({DURATIONS})");
    says(infeed(), |it| it.hold_for = Some(DurationInput::Seconds(-5.0)), &[&*negative]);
    let negative = format!("for: \"-30s\" is negative ({DURATIONS})");
    says(infeed(), |it| it.hold_for = Some(DurationInput::Text("-30s".to_owned())), &[&*negative]);
    let unknown = format!("keep_firing_for: \"soon\" is no duration ({DURATIONS})");
    says(infeed(), |it| it.keep_firing_for = Some(DurationInput::Text("soon".to_owned())), &[&*unknown]);
    let not_a_number = format!("for: it is not a number ({DURATIONS})");
    says(infeed(), |it| it.hold_for = Some(DurationInput::Seconds(f64::NAN)), &[&*not_a_number]);
    says(
        infeed(),
        |it| it.hold_for = Some(DurationInput::Seconds(1e300)),
        &["for: it is longer than a week: nobody would be told in time (write at most \"7days\")"],
    );
    says(
        infeed(),
        |it| it.resend = Some(DurationInput::Seconds(5.0)),
        &[
            "resend: it is shorter than a minute: it would drown all else (write at least \"1m\", or leave it out \
         to announce an alert once)",
        ],
    );
    says(
        infeed(),
        |it| it.rated_current_amperes = Some(0.0),
        &[
            "rated_current: a rating of 0 A cannot be a base for percentages (write what is on the plate, as 16 or \
         32 A)",
            "rated_current: only percent_of_rated looks at ratings (leave it out, or use trigger = \
         \"percent_of_rated\")",
        ],
    );
    says(
        infeed(),
        |it| it.runbook = Some("see wiki".to_owned()),
        &[
            "runbook: \"see wiki\" is no link (write a URL that begins with https://, or put the text into notes)",
        ],
    );
    says(
        infeed(),
        |it| it.integrations = vec![" ".to_owned()],
        &[
            "integrations[0]: the integration has no name (name an integration of the config, or leave it out for \
         the default ones)",
        ],
    );
}

#[test]
fn all_problems_at_once() {
    let input = RuleInput { rule_type: "x".to_owned(), warning: level(NONE, NONE), ..RuleInput::default() };
    let fields: Vec<String> = check(&input).unwrap_err().into_iter().map(|it| it.field).collect();
    assert_eq!(fields, ["name", "type", "warning.value"]);
    let problems = check_all(&[infeed(), offline(), infeed()]).unwrap_err();
    let [(at, problem)] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!((*at, &*problem.message), (2, "another rule is called \"overload\" too"));
}

/// A PDU with two rated phases, one without a rating, a bank, a sensor, and a battery's states.
fn pdu() -> (Source, Shape) {
    let component = |kind, index: &str, rated| Component {
        kind,
        index: index.into(),
        label: format!("{kind} {index}").into(),
        ratings: Ratings { current_amperes: rated, ..Ratings::default() },
        ..Component::default()
    };
    let reading = |component, quantity, name: &str| ReadingShape {
        component,
        quantity,
        name: name.into(),
        source: Oid::new(&[1, 3, 6, component]).into(),
        states: None,
    };
    let state = |name: &str, health, meanings: &[Meaning]| StateValue {
        name: name.into(),
        health,
        meanings: meanings.into(),
    };
    let table = StateTable {
        values: [
            (1, state("unknown", Health::Unknown, &[])),
            (2, state("onLine", Health::Ok, &[])),
            (3, state("onBattery", Health::Warning, &[Meaning::OnBattery])),
            (4, state("failed", Health::Critical, &[])),
        ]
        .into(),
    };
    let shape = Shape {
        components: vec![
            component(ComponentKind::Phase, "1", Some(32.0)),
            component(ComponentKind::Phase, "2", Some(0.0)),
            component(ComponentKind::Bank, "1", Some(16.0)),
            component(ComponentKind::Sensor, "1", None),
            component(ComponentKind::Output, "0", None),
        ],
        readings: vec![
            reading(0, Quantity::Current, ""),
            reading(0, Quantity::Voltage, "line_to_line"),
            reading(0, Quantity::Voltage, ""),
            reading(1, Quantity::Current, ""),
            reading(2, Quantity::Current, ""),
            reading(3, Quantity::Temperature, "only"),
            ReadingShape { states: Some(Arc::new(table)), ..reading(4, Quantity::State, "output") },
            reading(4, Quantity::Voltage, "a"),
            reading(4, Quantity::Voltage, "b"),
        ]
        .into(),
    };
    let labels = Labels::new([("site", "ams-1")]);
    (Source { device: "pdu-1".into(), labels, ..Source::default() }, shape)
}

#[track_caller]
fn compile(inputs: &[RuleInput]) -> Ruleset {
    Ruleset::compile(check_all(inputs).unwrap())
}

/// A battery's run time is what is left of it, where profiles give the time on battery too.
#[test]
fn run_times() {
    let bound = |names: &[&str], wanted: &[&str]| {
        let (source, mut shape) = pdu();
        shape.components = vec![Component { kind: ComponentKind::Battery, ..Component::default() }];
        shape.readings = names
            .iter()
            .map(|name| ReadingShape {
                component: 0,
                quantity: Quantity::Runtime,
                name: (*name).into(),
                source: Oid::default().into(),
                states: None,
            })
            .collect();
        let names = wanted.iter().map(|it| (*it).to_owned()).collect();
        let program = compile(&[RuleInput { names, ..typed("ups", "runtime") }]).bind(&source, &shape);
        program.numbers.iter().map(|it| it.slot).collect::<Vec<u32>>()
    };
    assert_eq!(bound(&["on_battery", "remaining"], &[]), [1]);
    assert_eq!(bound(&["on_battery", "remaining", ""], &[]), [1]);
    assert_eq!(bound(&["on_battery", ""], &[]), [1]);
    assert_eq!(bound(&["on_battery", "remaining"], &["on_battery"]), [0]);
    assert_eq!(bound(&["fuel", "on_battery"], &[]), [0; 0]);
}

/// The slots that a rule is bound to.
#[track_caller]
fn binds(input: RuleInput, change: impl FnOnce(&mut RuleInput), slots: &[u32]) -> Arc<Program> {
    let mut input = input;
    change(&mut input);
    let (source, shape) = pdu();
    let program = compile(&[input]).bind(&source, &shape);
    let mut found: Vec<u32> = program.numbers.iter().map(|it| it.slot).collect();
    found.extend(program.states.iter().map(|it| it.slot));
    assert_eq!(found, slots);
    program
}

fn typed(rule_type: &str, trigger: &str) -> RuleInput {
    RuleInput { rule_type: rule_type.to_owned(), trigger: trigger.to_owned(), ..infeed() }
}

#[test]
fn bindings_by_type() {
    binds(infeed(), |_| (), &[0, 3]);
    binds(typed("bank", "current"), |_| (), &[4]);
    binds(typed("reading", "current"), |_| (), &[0, 3, 4]);
    binds(typed("reading", "current"), |it| it.components = vec!["bank".to_owned()], &[4]);
    binds(typed("reading", "current"), |it| it.indices = vec!["2".to_owned()], &[3]);
    binds(typed("reading", "current"), |it| it.indices = vec!["phase *".to_owned()], &[0, 3]);
    binds(typed("power_unit_sensor", "temperature"), |_| (), &[5]);
    binds(typed("power_unit_infeed", "voltage"), |_| (), &[2]);
    binds(typed("power_unit_infeed", "voltage"), |it| it.names = vec!["line*".to_owned()], &[1]);
    binds(typed("ups", "voltage"), |it| it.names = vec!["*".to_owned()], &[7, 8]);
    binds(on_battery(), |_| (), &[6]);
    binds(on_battery(), |it| it.trigger = "battery_low".to_owned(), &[]);
    binds(offline(), |_| (), &[]);
    binds(infeed(), |it| it.enabled = false, &[]);
    let objects = |text: &str| ApplyTo::Objects(vec![text.to_owned()]);
    binds(infeed(), |it| it.apply_to = objects("pdu-1/phase/2"), &[3]);
    binds(infeed(), |it| it.apply_to = objects("pdu-2"), &[]);
    binds(infeed(), |it| it.apply_to = ApplyTo::Match(vec![("site".into(), "ams*".into())]), &[0, 3]);
    binds(infeed(), |it| it.apply_to = ApplyTo::Match(vec![("rack".into(), "*".into())]), &[]);
}

#[test]
fn percent_of_rated() {
    let program = binds(typed("power_unit_infeed", "percent_of_rated"), |_| (), &[0]);
    let edge = program.numbers[0].high;
    assert!((edge - 6.4).abs() < 1e-6 && rated(&program) == [32.0], "{program:?}");
    let overridden = |it: &mut RuleInput| it.rated_current_amperes = Some(10.0);
    let program = binds(typed("power_unit_infeed", "percent_of_rated"), overridden, &[0, 3]);
    assert_eq!(rated(&program), [10.0, 10.0]);

    let ruleset = compile(&[typed("power_unit_infeed", "percent_of_rated")]);
    let (source, shape) = pdu();
    let report = ruleset.bindings([(&source, &shape)]).remove(0);
    assert_eq!((report.devices, report.bound, report.unbound), (1, 1, 1));
    assert_eq!(report.examples[0].object, "pdu-1/phase/2");
    assert_eq!(report.examples[0].reason, UnboundReason::NoRating { quantity: Quantity::Current });
    assert_eq!(
        report.complaint().unwrap(),
        "cannot judge 1 of 2, for instance pdu-1/phase/2: no rating: the agent gives none; set rated_current on \
         the rule or the device"
    );
    let of_device = Ratings { current_amperes: Some(20.0), ..Ratings::default() };
    let ruleset = ruleset.with_device_ratings([("pdu-1".into(), vec![(ComponentKind::Phase, of_device)])]);
    let rated = rated(&ruleset.bind(&source, &shape));
    assert_eq!(rated, [20.0, 20.0], "the device's config goes before the agent");
}

/// What the percentages of a program refer to.
fn rated(program: &Program) -> Vec<f64> {
    program.checks.iter().filter_map(|it| program.rated(*it)).collect()
}

#[test]
fn guards() {
    let rule = |name: &str, operator: &str, value: f64| RuleInput {
        name: name.to_owned(),
        operator: Some(operator.to_owned()),
        warning: level(value, NONE),
        critical: None,
        ..infeed()
    };
    let inputs = [rule("high", ">", 20.0), rule("higher", ">=", 25.0), rule("low", "<", 2.0), offline()];
    let ruleset = compile(&inputs);
    let (source, shape) = pdu();
    let program = ruleset.bind(&source, &shape);
    let guard = program.numbers[0];
    for (amperes, passes) in
        [(2.0, true), (1.9, false), (10.0, true), (20.0, true), (20.1, false), (f64::NAN, false)]
    {
        assert_eq!(guard.lets_pass(amperes), passes, "{amperes}");
    }
    let places: Vec<(Option<u32>, u32)> =
        (0..).zip(&program.checks).map(|(at, it)| (program.slot_of(at), it.rule)).collect();
    let (first, second) = (Some(0), Some(3));
    assert_eq!(
        places,
        [(first, 0), (first, 1), (first, 2), (second, 0), (second, 1), (second, 2), (None, 3)]
    );
    assert_eq!(program.checks_of_number(1), 3..6);
    assert_eq!(program.checks_of_device(), 6..7);
}

#[test]
fn guards_of_states() {
    let (source, shape) = pdu();
    let program = compile(&[on_battery(), typed_state("fault")]).bind(&source, &shape);
    let [guard] = &program.states[..] else { panic!("{program:?}") };
    for (number, passes) in [(1.0, true), (2.0, true), (3.0, false), (4.0, true), (63.0, true)] {
        assert_eq!(guard.lets_pass(number), passes, "{number}: only onBattery begins anything");
    }
    for odd in [-1.0, 64.0, 1e18, f64::NAN] {
        assert!(!guard.lets_pass(odd), "{odd} is looked up");
    }
}

#[test]
fn devices_that_need_the_same_share_it() {
    let ruleset = compile(&[infeed(), on_battery()]);
    let (source, shape) = pdu();
    let other = Source { device: "pdu-2".into(), ..source.clone() };
    let program = ruleset.bind(&source, &shape);
    assert!(Arc::ptr_eq(&program, &ruleset.bind(&other, &pdu().1)));
    let mut one_more = shape.clone();
    one_more.readings =
        one_more.readings.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, it)| it.clone()).collect();
    assert!(!Arc::ptr_eq(&program, &ruleset.bind(&other, &one_more)));
    let of_device = Ratings { current_amperes: Some(20.0), ..Ratings::default() };
    let percent = compile(&[typed("power_unit_infeed", "percent_of_rated")])
        .with_device_ratings([("pdu-2".into(), vec![(ComponentKind::Phase, of_device)])]);
    assert!(!Arc::ptr_eq(&percent.bind(&source, &shape), &percent.bind(&other, &shape)));
}

/// Rules that name their devices are found by the device, in the order of the config.
#[test]
fn rules_for_chosen_devices() {
    let objects = |texts: &[&str]| ApplyTo::Objects(texts.iter().map(|it| (*it).to_owned()).collect());
    let rule = |name: &str, apply_to| RuleInput { name: name.to_owned(), apply_to, ..infeed() };
    let ruleset = compile(&[
        rule("a", objects(&["pdu-1", "pdu-1/phase/1"])),
        rule("b", ApplyTo::All),
        rule("c", objects(&["pdu-2"])),
        rule("d", objects(&["pdu-2", "pdu-1/phase/2"])),
        rule("e", objects(&["pdu-*"])),
    ]);
    let (source, shape) = pdu();
    let program = ruleset.bind(&source, &shape);
    let of = |guard| {
        let checks = program.checks_of_number(guard);
        checks
            .map(|it| &*ruleset.rule(program.checks[it as usize].rule).unwrap().rule.name)
            .collect::<String>()
    };
    assert_eq!((of(0), of(1)), ("abe".to_owned(), "abde".to_owned()));
}

#[test]
fn complaints() {
    let (source, shape) = pdu();
    let complaint = |input: RuleInput, shape: &Shape| {
        compile(&[input]).bindings([(&source, shape)]).remove(0).complaint().unwrap_or_default()
    };
    assert_eq!(complaint(infeed(), &shape), "");
    assert_eq!(complaint(offline(), &Shape::default()), "");
    assert_eq!(complaint(infeed(), &Shape::default()), "", "not learnt yet");
    assert_eq!(
        complaint(typed("power_unit_sensor", "humidity"), &shape),
        "finds nothing to judge (devices: 1)"
    );
    assert_eq!(
        complaint(typed("ups", "voltage"), &shape),
        "cannot judge 1 of 1, for instance pdu-1/output/0: several readings, none of them the main one; set names \
         to some of: a, b"
    );
    let mut chosen = infeed();
    chosen.apply_to = ApplyTo::Objects(vec!["pdu-1/phase/1".to_owned(), "pdu-1/phase/9".to_owned()]);
    assert_eq!(
        complaint(chosen.clone(), &shape),
        "cannot judge 1 of 2, for instance pdu-1/phase/9: there is no such component"
    );
    chosen.apply_to = ApplyTo::Objects(vec!["pdu-7".to_owned()]);
    assert_eq!(complaint(chosen, &shape), "applies to no device");
}

#[test]
fn standings() {
    use Standing::{Absent, Between, Clear, Crossing};
    let ruleset = compile(&[infeed(), RuleInput { severity: None, ..typed_state("health") }, on_battery()]);
    let [overload, health, battery] = ruleset.rules() else { panic!() };
    for (amperes, warning, critical) in [
        (18.9, Clear, Clear),
        (19.0, Clear, Clear),
        (19.5, Between, Clear),
        (20.0, Between, Clear),
        (20.1, Crossing, Clear),
        (25.1, Crossing, Crossing),
    ] {
        assert_eq!(overload.of_value(amperes, None), [Absent, warning, Absent, critical], "{amperes}");
    }
    let (_, shape) = pdu();
    let states = shape.readings[6].states.clone().unwrap();
    let state = |it: f64| states.state(it);
    assert_eq!(health.of_state(state(2.0)), Some([Absent, Clear, Absent, Clear]));
    assert_eq!(health.of_state(state(3.0)), Some([Absent, Crossing, Absent, Clear]));
    assert_eq!(health.of_state(state(4.0)), Some([Absent, Crossing, Absent, Crossing]));
    assert_eq!(battery.of_state(state(3.0)), Some([Absent, Absent, Absent, Crossing]));
    assert_eq!(battery.of_state(state(1.0)), None, "the agent does not know");
    assert_eq!(battery.of_state(state(77.0)), None, "nobody knows");
    assert_eq!(battery.rule.condition, super::Condition::State { severity: Severity::Critical });
}

fn typed_state(trigger: &str) -> RuleInput {
    RuleInput {
        name: trigger.to_owned(),
        rule_type: "state".to_owned(),
        trigger: trigger.to_owned(),
        ..on_battery()
    }
}
