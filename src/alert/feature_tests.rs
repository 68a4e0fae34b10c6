//! What few rules ask for, a line a case: ranges, missing data, flapping, rates of change, schedules;
//! and objects of inventories.

use super::tests::{Bench, check, level, overload, state_rule};
use super::{DeviceAlerts, Remembered, Transition};
use crate::model::{
    Batch, Component, ComponentKind, Labels, Missing, Oid, PollError, Quantity, ReadingShape, Sample, Shape,
    SnapshotError, Source, SourceKind, UnixMillis,
};
use crate::rules::{
    ApplyTo, DurationInput, FlappingInput, LevelInput, RateInput, RuleInput, Ruleset, ScheduleInput,
    check_all,
};
use std::sync::Arc;
use std::time::Duration;

fn range(value: [f64; 2], clear: [f64; 2]) -> Option<LevelInput> {
    Some(LevelInput { value: Some(value.into()), clear: Some(clear.into()) })
}

#[test]
fn outside_of_a_range() {
    let rule = || RuleInput {
        operator: Some("outside".to_owned()),
        warning: range([18.0, 27.0], [19.0, 26.0]),
        critical: range([15.0, 32.0], [16.0, 31.0]),
        ..overload(0.0, 0.0)
    };
    check(
        rule(),
        "0=20 10=27 20=27.1 30=26.5 40=26 50=17.9 60=18.5 70=14 80=15.5 90=33 100=22",
        &[
            "20 trigger warning: 27.1 A > 27 A",
            "40 resolve warning: 26 A inside 19 A to 26 A",
            "50 trigger warning: 17.9 A < 18 A",
            "70 warning to critical: 14 A < 15 A",
            "100 resolve critical: 22 A inside 19 A to 26 A",
        ],
    );
    let mut bench = Bench::new(&[rule()]);
    bench.play("0=14 10=22");
    let facts: Vec<(&str, Option<f64>)> =
        bench.said.iter().map(|it| (it.facts.operator, it.facts.threshold)).collect();
    assert_eq!(facts, [("<", Some(15.0)), ("outside", None)]);
}

#[test]
fn inside_of_a_range() {
    let rule = RuleInput {
        operator: Some("inside".to_owned()),
        warning: range([5.0, 10.0], [4.0, 11.0]),
        critical: None,
        ..overload(20.0, 0.0)
    };
    check(
        rule,
        "0=3 10=5 20=4.5 30=7 50=7 60=10.5 70=11.5",
        &["50 trigger warning: 7 A inside 5 A to 10 A for 20 s", "70 resolve warning: 11.5 A > 11 A"],
    );
}

fn no_data(policy: &str, hold_for: f64, keep: f64) -> RuleInput {
    RuleInput { no_data: Some(policy.to_owned()), ..overload(hold_for, keep) }
}

const NO_DATA: &str = "no data: the agent says that it does not measure this";

#[test]
fn missing_data_that_is_ignored_counts_as_calm() {
    check(
        no_data("ignore", 0.0, 20.0),
        "0=26 10=- 20=- 30=- 40=26",
        &[
            "0 trigger critical: 26 A > 25 A",
            &format!("30 resolve critical: {NO_DATA} (the rule takes that for calm) for 20 s"),
            "40 trigger critical: 26 A > 25 A",
        ],
    );
    // A pending alert is forgotten.
    check(
        no_data("ignore", 20.0, 0.0),
        "0=26 10=- 20=26 30=26 40=26",
        &["40 trigger critical: 26 A > 25 A for 20 s"],
    );
    // But a device that is silent says nothing about its readings.
    check(
        no_data("ignore", 0.0, 0.0),
        "0=26 10=x 20=x 30=e 40=26 50=0",
        &["0 trigger critical: 26 A > 25 A", "50 resolve critical: 0 A <= 19 A"],
    );
}

#[test]
fn missing_data_may_be_an_alert() {
    check(
        no_data("alert", 20.0, 0.0),
        "0=1 10=- 20=- 30=- 40=1",
        &[&format!("30 trigger warning: {NO_DATA} for 20 s"), "40 resolve warning: 1 A <= 19 A"],
    );
    // The clock of `for` goes on from crossing to missing; what is critical stays so.
    check(
        no_data("alert", 20.0, 0.0),
        "0=26 10=- 20=- 30=26 50=26 60=- 70=-",
        &[&format!("20 trigger warning: {NO_DATA} for 20 s"), "50 warning to critical: 26 A > 25 A for 20 s"],
    );
    check(no_data("alert", 0.0, 0.0), "0=1 10=x 20=e 30=1", &[]);
    check(
        RuleInput { no_data: Some("alert".to_owned()), ..state_rule("ups", "on_battery") },
        "0=1 10=-",
        &[&format!("10 trigger critical: {NO_DATA}")],
    );
    Bench::new(&[no_data("alert", 0.0, 0.0)]).play("0=-").shows(&["overload firing warning since 0"]);
}

fn flapping(begins: u32, within: &str, keep: f64) -> RuleInput {
    RuleInput {
        flapping: Some(FlappingInput {
            begins: Some(begins),
            within: Some(DurationInput::Text(within.to_owned())),
        }),
        critical: None,
        ..overload(0.0, keep)
    }
}

#[test]
fn flapping_alerts_end_once_calm() {
    check(
        flapping(3, "2min", 0.0),
        "0=21 10=0 20=21 30=0 40=21 50=0 60=21 70=0 100=0 180=0 190=0 200=21 210=0",
        &[
            "0 trigger warning: 21 A > 20 A",
            "10 resolve warning: 0 A <= 19 A",
            "20 trigger warning: 21 A > 20 A",
            "30 resolve warning: 0 A <= 19 A",
            "40 trigger warning: 21 A > 20 A; it flaps: begun 3 times within 2 min, it ends once calm for as long",
            "190 resolve warning: 0 A <= 19 A for 2 min (it was flapping)",
            "200 trigger warning: 21 A > 20 A",
            "210 resolve warning: 0 A <= 19 A",
        ],
    );
    // Slower than that is no flapping.
    check(
        flapping(3, "1min", 0.0),
        "0=21 10=0 50=21 60=0 100=21 110=0",
        &[
            "0 trigger warning: 21 A > 20 A",
            "10 resolve warning: 0 A <= 19 A",
            "50 trigger warning: 21 A > 20 A",
            "60 resolve warning: 0 A <= 19 A",
            "100 trigger warning: 21 A > 20 A",
            "110 resolve warning: 0 A <= 19 A",
        ],
    );
}

/// Between two severities as well: each rise is a page.
#[test]
fn flapping_between_severities() {
    let rule = RuleInput { critical: level(25.0, 25.0), ..flapping(3, "2min", 0.0) };
    check(
        rule,
        "0=21 10=26 20=21 30=26 40=21 50=26 60=21 180=21 190=0 300=0 310=0",
        &[
            "0 trigger warning: 21 A > 20 A",
            "10 warning to critical: 26 A > 25 A",
            "20 critical to warning: 21 A <= 25 A",
            "30 warning to critical: 26 A > 25 A; it flaps: begun 3 times within 2 min, it ends once calm for as \
             long",
            "180 critical to warning: 21 A <= 25 A for 2 min (it was flapping)",
            "310 resolve warning: 0 A <= 19 A for 2 min (it was flapping)",
        ],
    );
}

/// Reloads and new learnings do not make a flapping alert forget that it flaps.
#[test]
fn flapping_outlives_a_reload() {
    let rule = flapping(2, "2min", 0.0);
    let mut bench = Bench::new(std::slice::from_ref(&rule));
    bench.play("0=21 10=0").reload(std::slice::from_ref(&rule)).play("20=21 30=0");
    bench.says(&[
        "0 trigger warning: 21 A > 20 A",
        "10 resolve warning: 0 A <= 19 A",
        "20 trigger warning: 21 A > 20 A; it flaps: begun 2 times within 2 min, it ends once calm for as long",
    ]);
    bench.reload(&[rule]).play("100=0").says(&[]);
    bench.play("150=0").says(&["150 resolve warning: 0 A <= 19 A for 2 min (it was flapping)"]);
}

fn rate(per: &str, over: &str, warning: f64, clear: f64) -> RuleInput {
    RuleInput {
        rate: Some(RateInput { per: Some(per.to_owned()), over: Some(DurationInput::Text(over.to_owned())) }),
        warning: level(warning, clear),
        critical: None,
        ..overload(0.0, 0.0)
    }
}

#[test]
fn rates_of_change() {
    // 1 A in 60 s.
    check(
        rate("minute", "1min", 1.5, 0.5),
        "0=10 30=10.5 60=11 90=12 120=13 150=13 180=13",
        &["120 trigger warning: 2 A/min > 1.5 A/min", "180 resolve warning: 0 A/min <= 0.5 A/min"],
    );
    // Falling: the operator says it.
    let falling = RuleInput { operator: Some("<".to_owned()), ..rate("hour", "1min", -60.0, -30.0) };
    check(
        falling,
        "0=10 60=10 120=8 180=8",
        &["120 trigger warning: -120 A/h < -60 A/h", "180 resolve warning: 0 A/h >= -30 A/h"],
    );
    // Nothing begins before the window is full, and after a gap the alert stands still.
    let mut bench = Bench::new(&[rate("minute", "1min", 1.5, 0.5)]);
    bench.play("0=0 30=10 60=20 90=30").says(&["60 trigger warning: 20 A/min > 1.5 A/min"]);
    bench.play("300=30").shows(&["overload firing warning since 60 (its rate of change is not known yet)"]);
    bench.play("330=30 360=30").says(&["360 resolve warning: 0 A/min <= 0.5 A/min"]);
    // The history outlives a reload.
    let rule = rate("minute", "1min", 1.5, 0.5);
    let mut bench = Bench::new(std::slice::from_ref(&rule));
    bench.play("0=0 30=10").reload(&[rule]).play("60=20");
    bench.says(&["60 trigger warning: 20 A/min > 1.5 A/min"]);
}

#[test]
fn schedules_hold_back_begins_alone() {
    // 1970-01-01 was a Thursday.
    let rule = |hold_for| RuleInput {
        schedule: Some(ScheduleInput {
            days: vec!["thu".to_owned()],
            from: Some("00:01".to_owned()),
            to: Some("00:02".to_owned()),
            timezone: None,
        }),
        ..overload(hold_for, 0.0)
    };
    check(
        rule(0.0),
        "0=21 50=21 60=21 70=26 120=24 130=26 140=0 150=21",
        &[
            "60 trigger warning: 21 A > 20 A",
            "70 warning to critical: 26 A > 25 A",
            "140 resolve critical: 0 A <= 19 A",
        ],
    );
    // What waits is forgotten at the end, and begins to wait at the beginning.
    check(rule(30.0), "40=21 60=21 70=21 90=21", &["90 trigger warning: 21 A > 20 A for 30 s"]);
    check(rule(30.0), "100=21 110=21 125=21 150=21", &[]);
}

/// An inventory with some objects, and its snapshots.
struct Inventory {
    ruleset: Ruleset,
    alerts: Option<DeviceAlerts>,
    objects: Vec<Object>,
    seconds: u64,
}

#[derive(Clone)]
struct Object {
    component: Component,
    quantity: Quantity,
    name: &'static str,
    sample: Sample,
}

impl Object {
    fn new(
        kind: ComponentKind,
        index: &str,
        labels: &[(&str, &str)],
        quantity: Quantity,
        value: f64,
    ) -> Self {
        let component = Component {
            kind,
            index: index.into(),
            label: format!("{kind} {index}").into(),
            labels: Labels::new(labels.iter().copied()),
            ..Component::default()
        };
        Self { component, quantity, name: "", sample: Sample::Value(value) }
    }

    fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    fn missing(self, missing: Missing) -> Self {
        Self { sample: Sample::Missing(missing), ..self }
    }
}

impl Inventory {
    fn new(rules: &[RuleInput]) -> Self {
        let ruleset = Ruleset::compile(check_all(rules).unwrap());
        Self { ruleset, alerts: None, objects: Vec::new(), seconds: 0 }
    }

    fn source() -> Arc<Source> {
        let kind = SourceKind::Inventory { gone_after_snapshots: 3 };
        Arc::new(Source { kind, device: "d42".into(), ..Source::default() })
    }

    /// One snapshot, or the failure of one; what is said.
    fn snapshot(&mut self, objects: &[Object]) -> Vec<String> {
        self.objects = objects.to_vec();
        self.take(None)
    }

    fn fail(&mut self) -> Vec<String> {
        for object in self.objects.iter_mut().filter(|it| it.quantity != Quantity::Age) {
            object.sample = Sample::Missing(Missing::SnapshotFailed);
        }
        let reason = "it lacks the view view_pdu_v1".to_owned();
        self.take(Some(PollError::Snapshot { class: SnapshotError::Schema, reason }))
    }

    fn take(&mut self, error: Option<PollError>) -> Vec<String> {
        self.seconds += 3600;
        let (source, now) = (Self::source(), super::tests::at(self.seconds));
        let readings = (0..).zip(&self.objects).map(|(component, it)| ReadingShape {
            component,
            quantity: it.quantity,
            name: it.name.into(),
            source: Oid::default().into(),
            states: None,
        });
        let components = self.objects.iter().map(|it| it.component.clone()).collect();
        let shape = Arc::new(Shape { components, readings: readings.collect() });
        let mut said: Vec<Transition> = Vec::new();
        let alerts = DeviceAlerts::bind(
            &self.ruleset,
            &source,
            &shape,
            self.alerts.take(),
            Vec::new(),
            now,
            &mut said,
        );
        let batch = Batch {
            source,
            time: now,
            duration: Duration::ZERO,
            effort: crate::model::Effort::default(),
            shape,
            samples: self.objects.iter().map(|it| it.sample).collect(),
            error,
        };
        let alerts = self.alerts.insert(alerts);
        alerts.evaluate(&batch, &mut said);
        // Reloads between two snapshots, however many, are no snapshots.
        for _ in 0..5 {
            alerts.evaluate_again(&batch, &mut said);
        }
        said.iter().map(|it| format!("{} {}", it.facts.key, super::tests::words(it))).collect()
    }

    /// The process is killed; the next one knows what was announced.
    fn restart(&mut self) {
        let open = self.alerts.take().map(|it| it.firing()).unwrap_or_default();
        let (source, shape, now) = (Self::source(), Arc::default(), super::tests::at(self.seconds));
        let mut said = Vec::new();
        let alerts = DeviceAlerts::bind(&self.ruleset, &source, &shape, None, open, now, &mut said);
        self.alerts = Some(alerts);
        assert!(said.is_empty());
    }

    fn bound(&self) -> usize {
        self.alerts.as_ref().map_or(0, DeviceAlerts::comparisons)
    }
}

fn typed(rule_type: &str, trigger: &str, operator: &str, value: f64) -> RuleInput {
    RuleInput {
        name: format!("{rule_type} {trigger}"),
        rule_type: rule_type.to_owned(),
        trigger: trigger.to_owned(),
        operator: Some(operator.to_owned()),
        warning: Some(LevelInput { value: Some(value.into()), clear: None }),
        ..RuleInput::default()
    }
}

fn present(rule_type: &str, trigger: &str) -> RuleInput {
    RuleInput {
        operator: None,
        warning: None,
        severity: Some("critical".to_owned()),
        ..typed(rule_type, trigger, "", 0.0)
    }
}

#[test]
fn a_license_expires() {
    use ComponentKind::License;
    let days = |value| Object::new(License, "7", &[], Quantity::DaysLeft, value);
    let mut inventory = Inventory::new(&[RuleInput {
        critical: Some(LevelInput { value: Some(7.0.into()), clear: None }),
        ..typed("license", "days_left", "<", 30.0)
    }]);
    assert!(inventory.snapshot(&[days(30.0)]).is_empty());
    assert_eq!(
        inventory.snapshot(&[days(29.0)]),
        ["license days_left/d42/license/7/days_left 7200 trigger warning: 29 d < 30 d"]
    );
    // Expired: negative days.
    assert_eq!(
        inventory.snapshot(&[days(-2.0)]),
        ["license days_left/d42/license/7/days_left 10800 warning to critical: -2 d < 7 d"]
    );
    assert_eq!(
        inventory.snapshot(&[days(365.0)]),
        ["license days_left/d42/license/7/days_left 14400 resolve critical: 365 d >= 30 d"]
    );
}

#[test]
fn devices_and_addresses_of_a_license() {
    let seats = |name, value| {
        Object::new(ComponentKind::License, "d42", &[], Quantity::LicenseUse, value).named(name)
    };
    let mut inventory = Inventory::new(&[
        typed("license", "percent_of_licensed_devices", ">=", 90.0),
        typed("license", "percent_of_licensed_addresses", ">=", 90.0),
    ]);
    assert_eq!(
        inventory.snapshot(&[seats("devices", 91.0), seats("addresses", 40.0)]),
        [
            "license percent_of_licensed_devices/d42/license/d42/license_use/devices 3600 trigger warning: 91 % >= \
             90 %"
        ]
    );
}

#[test]
fn software_counts_and_use() {
    use ComponentKind::Software;
    let count = |index: &str, labels: &[(&str, &str)], value| {
        Object::new(Software, index, labels, Quantity::Installations, value)
    };
    let mut inventory = Inventory::new(&[typed("software", "count", ">", 10.0)]);
    let objects = [
        count("1", &[("type", "managed")], 11.0),
        count("2", &[("type", "unmanaged")], 500.0),
        count("3", &[("type", "ignored")], 500.0),
        count("4", &[], 10.0),
    ];
    assert_eq!(
        inventory.snapshot(&objects),
        ["software count/d42/software/1/installations 3600 trigger warning: 11 > 10"]
    );
    assert_eq!(inventory.bound(), 2, "managed software, and what nobody has sorted");
    // A rule that says which it means gets them.
    let of_type = ApplyTo::Match(vec![("type".to_owned(), "unmanaged".to_owned())]);
    let mut inventory =
        Inventory::new(&[RuleInput { apply_to: of_type, ..typed("software", "count", ">", 10.0) }]);
    assert_eq!(inventory.snapshot(&objects).len(), 1);
    let chosen = ApplyTo::Objects(vec!["d42/software/software 3".to_owned()]);
    let mut inventory =
        Inventory::new(&[RuleInput { apply_to: chosen, ..typed("software", "count", ">", 10.0) }]);
    assert_eq!(
        inventory.snapshot(&objects),
        ["software count/d42/software/3/installations 3600 trigger warning: 500 > 10"]
    );
}

/// None owned and some in use is over any limit; not known how many are owned is no data.
#[test]
fn licenses_of_software_that_has_none() {
    let used = |value| Object::new(ComponentKind::Software, "1", &[], Quantity::LicenseUse, value);
    let mut inventory = Inventory::new(&[typed("software", "license_percent_used", ">", 95.0)]);
    assert!(inventory.snapshot(&[used(0.0).missing(Missing::NotGiven)]).is_empty());
    assert_eq!(
        inventory.snapshot(&[used(Quantity::LICENSE_USE_MAX)]),
        ["software license_percent_used/d42/software/1/license_use 7200 trigger warning: 99999 % > 95 %"]
    );
    // It goes on while nothing is known.
    assert!(inventory.snapshot(&[used(0.0).missing(Missing::NotDefined)]).is_empty());
    assert_eq!(inventory.snapshot(&[used(50.0)]).len(), 1);
}

#[test]
fn prohibited_software_is_one_alert_for_each_device() {
    let installed = |index: &str, device: &str| {
        let labels = [("software", "BitTorrent"), ("device", device)];
        Object::new(ComponentKind::ProhibitedInstallation, index, &labels, Quantity::Installations, 1.0)
    };
    let mut inventory = Inventory::new(&[present("prohibited_software", "installed")]);
    let both = [installed("9.1", "srv-1"), installed("9.2", "srv-2")];
    assert_eq!(
        inventory.snapshot(&both),
        [
            "prohibited_software installed/d42/prohibited_installation/9.1/installations 3600 trigger critical: it \
             is there",
            "prohibited_software installed/d42/prohibited_installation/9.2/installations 3600 trigger critical: it \
             is there",
        ]
    );
    let opens = inventory.alerts.as_ref().unwrap().firing();
    assert_eq!(opens[1].facts.labels.value("device"), Some("srv-2"));
    // Removed from one: that is over once some snapshots agree, the other goes on.
    let one = &both[1..];
    assert!(inventory.snapshot(one).is_empty() && inventory.snapshot(one).is_empty());
    assert_eq!(
        inventory.snapshot(one),
        [
            "prohibited_software installed/d42/prohibited_installation/9.1/installations 14400 resolve critical: \
             gone: the inventory has not had it for 3 snapshots"
        ]
    );
    assert_eq!(inventory.alerts.as_ref().unwrap().firing().len(), 1);
}

#[test]
fn subnets() {
    let subnet = |index: &str, network: &str, value| {
        let labels = [("network", network)];
        Object::new(ComponentKind::Subnet, index, &labels, Quantity::AddressUse, value)
    };
    let v6 = subnet("6", "2001:db8::/64", 0.0).missing(Missing::NotDefined);
    let objects = [
        subnet("24", "10.0.0.0/24", 85.5),
        subnet("31", "10.9.0.0/31", 100.0),
        subnet("32", "10.9.0.9/32", 100.0),
        v6,
    ];
    let rule = typed("subnet", "percent_used", ">", 85.0);
    let mut inventory = Inventory::new(std::slice::from_ref(&rule));
    assert_eq!(
        inventory.snapshot(&objects),
        ["subnet percent_used/d42/subnet/24/address_use 3600 trigger warning: 85.5 % > 85 %"]
    );
    // A host route that is named is meant.
    let chosen = ApplyTo::Objects(vec!["d42/subnet/10.9.0.9/32".to_owned()]);
    let mut inventory = Inventory::new(&[RuleInput { apply_to: chosen, ..rule }]);
    assert_eq!(
        inventory.snapshot(&objects),
        ["subnet percent_used/d42/subnet/32/address_use 3600 trigger warning: 100 % > 85 %"]
    );
}

#[test]
fn parts_run_low() {
    let part = |quantity, value| Object::new(ComponentKind::PartModel, "3", &[], quantity, value);
    let mut inventory = Inventory::new(&[
        typed("part_model", "available", "<", 2.0),
        typed("part_model", "percent_available", "<=", 10.0),
    ]);
    assert!(inventory.snapshot(&[part(Quantity::PartsAvailable, 2.0)]).is_empty());
    assert_eq!(
        inventory.snapshot(&[part(Quantity::PartsAvailable, 1.0)]),
        ["part_model available/d42/part_model/3/parts_available 7200 trigger warning: 1 < 2"]
    );
    // 0 of 0 is no percentage.
    let none = part(Quantity::PartAvailability, 0.0).missing(Missing::NotDefined);
    assert!(inventory.snapshot(&[part(Quantity::PartsAvailable, 1.0), none]).is_empty());
}

/// Two objects with one name are two alerts: the inventory's id tells them apart.
#[test]
fn objects_may_share_a_name() {
    let system = |index: &str, value| {
        let object = Object::new(ComponentKind::OperatingSystem, index, &[], Quantity::Installations, value);
        Object { component: Component { label: "Debian".into(), ..object.component }, ..object }
    };
    let chosen = ApplyTo::Objects(vec!["d42/operating_system/Debian".to_owned()]);
    let rule = RuleInput { apply_to: chosen, ..typed("operating_system", "count", ">=", 5.0) };
    let mut inventory = Inventory::new(&[rule]);
    assert_eq!(
        inventory.snapshot(&[system("1", 5.0), system("2", 6.0), system("3", 4.0)]),
        [
            "operating_system count/d42/operating_system/1/installations 3600 trigger warning: 5 >= 5",
            "operating_system count/d42/operating_system/2/installations 3600 trigger warning: 6 >= 5",
        ]
    );
}

/// A source that fails is one alert; its objects stand still, and nothing of them ends.
#[test]
fn a_source_fails() {
    let days = |value| Object::new(ComponentKind::License, "7", &[], Quantity::DaysLeft, value);
    let age = |value| Object::new(ComponentKind::Inventory, "0", &[], Quantity::Age, value);
    let mut inventory = Inventory::new(&[
        typed("license", "days_left", "<", 30.0),
        RuleInput { no_data: Some("ignore".to_owned()), ..typed("software", "count", ">", 1.0) },
        RuleInput { after_polls: Some(2), ..present("inventory", "failing") },
        RuleInput { unit: Some("h".to_owned()), ..typed("inventory", "age", ">", 3.0) },
    ]);
    let software = Object::new(ComponentKind::Software, "1", &[], Quantity::Installations, 2.0);
    assert_eq!(inventory.snapshot(&[days(5.0), age(0.0), software.clone()]).len(), 2);
    assert!(inventory.fail().is_empty());
    assert_eq!(
        inventory.fail(),
        [
            "inventory failing/d42 10800 trigger critical: 2 snapshots in a row failed: it lacks the view view_pdu_v1"
        ]
    );
    inventory.objects[1] = age(4.0 * 3600.0);
    assert_eq!(
        inventory.fail(),
        ["inventory age/d42/inventory/0/age 14400 trigger warning: 4 h > 3 h"],
        "the age of the last good snapshot is known although there is no new one"
    );
    for _ in 0..10 {
        assert!(inventory.fail().is_empty(), "nothing ends, nothing is gone");
    }
    assert_eq!(
        inventory.snapshot(&[days(5.0), age(0.0), software]),
        [
            "inventory failing/d42 54000 resolve critical: a snapshot succeeded",
            "inventory age/d42/inventory/0/age 54000 resolve warning: 0 h <= 3 h",
        ]
    );
}

/// Killed while an alert is on its way to its end, and started while the source fails: nothing is known of
/// the objects, so nothing is gone, and that time is no part of the wait.
#[test]
fn a_source_fails_from_the_start() {
    let days = |value| Object::new(ComponentKind::License, "7", &[], Quantity::DaysLeft, value);
    let age = |value| Object::new(ComponentKind::Inventory, "0", &[], Quantity::Age, value);
    let rule = RuleInput {
        keep_firing_for: Some(DurationInput::Text("3h".to_owned())),
        ..typed("license", "days_left", "<", 30.0)
    };
    let mut inventory = Inventory::new(&[rule]);
    assert_eq!(inventory.snapshot(&[days(5.0), age(0.0)]).len(), 1);
    inventory.restart();
    let key = inventory.alerts.as_ref().unwrap().firing()[0].key().clone();
    inventory.alerts.as_mut().unwrap().remember(vec![Remembered {
        key,
        since: UnixMillis(0),
        crossing: [None; 4],
        falling: Some(Duration::from_secs(3600)),
        is_flapping: false,
    }]);
    inventory.objects = vec![age(0.0)];
    for _ in 0..10 {
        assert!(inventory.fail().is_empty());
    }
    assert_eq!(inventory.alerts.as_ref().unwrap().firing().len(), 1);
    // One hour of the wait was over; two good snapshots later three are.
    assert!(inventory.snapshot(&[days(50.0), age(0.0)]).is_empty());
    assert!(inventory.snapshot(&[days(50.0), age(0.0)]).is_empty());
    assert_eq!(
        inventory.snapshot(&[days(50.0), age(0.0)]),
        ["license days_left/d42/license/7/days_left 50400 resolve warning: 50 d >= 30 d for 3 h"]
    );
}

/// Rules about devices are not about inventories, nor the other way round.
#[test]
fn rules_keep_to_their_sources() {
    let offline = present("power_unit_offline", "offline");
    let mut inventory =
        Inventory::new(&[offline, present("state", "off"), typed("subnet", "addresses_free", "<", 3.0)]);
    assert!(inventory.fail().is_empty());
    assert_eq!(inventory.bound(), 0);
    Bench::new(&[present("inventory", "failing"), typed("software", "count", ">", 1.0)])
        .play("0=x 10=x 20=x 30=x")
        .says(&[]);
}

/// The shape changes with every object that comes: what goes on, goes on.
#[test]
fn objects_come_and_go() {
    let days =
        |index: &str, value| Object::new(ComponentKind::License, index, &[], Quantity::DaysLeft, value);
    let mut inventory = Inventory::new(&[RuleInput {
        hold_for: Some(DurationInput::Text("2h".to_owned())),
        ..typed("license", "days_left", "<", 30.0)
    }]);
    assert!(inventory.snapshot(&[days("1", 5.0)]).is_empty());
    assert!(inventory.snapshot(&[days("0", 90.0), days("1", 5.0)]).is_empty());
    assert_eq!(
        inventory.snapshot(&[days("1", 5.0), days("2", 5.0)]),
        ["license days_left/d42/license/1/days_left 10800 trigger warning: 5 d < 30 d for 2 h"]
    );
    // Away for less than it takes to be gone, and back.
    assert!(inventory.snapshot(&[]).is_empty());
    assert!(inventory.snapshot(&[days("2", 5.0)]).is_empty());
    assert!(inventory.snapshot(&[days("1", 5.0)]).is_empty());
    assert_eq!(inventory.alerts.as_ref().unwrap().firing().len(), 1);
}
