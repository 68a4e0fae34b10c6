//! What `check` says of ranges, rates, groups, schedules, flapping and missing data.

use super::tests::{NONE, infeed, level, offline, on_battery, says};
use super::{
    ApplyTo, DurationInput, FlappingInput, GroupInput, LevelInput, RateInput, RuleInput, ScheduleInput,
};

fn range(value: [f64; 2], clear: Option<[f64; 2]>) -> Option<LevelInput> {
    Some(LevelInput { value: Some(value.into()), clear: clear.map(Into::into) })
}

fn outside(it: &mut RuleInput) {
    it.operator = Some("outside".to_owned());
    (it.warning, it.critical) = (range([18.0, 27.0], Some([19.0, 26.0])), range([15.0, 32.0], None));
}

fn rated(per: &str, over: &str) -> Option<RateInput> {
    Some(RateInput { per: Some(per.to_owned()), over: Some(DurationInput::Text(over.to_owned())) })
}

fn grouped(by: &[&str], combine: Option<&str>) -> Option<GroupInput> {
    let by = by.iter().map(|it| (*it).to_owned()).collect();
    Some(GroupInput { by, combine: combine.map(str::to_owned) })
}

fn flaps(begins: u32, within: &str) -> Option<FlappingInput> {
    Some(FlappingInput { begins: Some(begins), within: Some(DurationInput::Text(within.to_owned())) })
}

fn scheduled(days: &[&str], from: &str, to: &str, zone: Option<&str>) -> Option<ScheduleInput> {
    Some(ScheduleInput {
        days: days.iter().map(|it| (*it).to_owned()).collect(),
        from: Some(from.to_owned()),
        to: Some(to.to_owned()),
        timezone: zone.map(str::to_owned),
    })
}

#[test]
fn good_extras() {
    says(infeed(), outside, &[]);
    says(infeed(), |it| it.rate = rated("hour", "30m"), &[]);
    says(
        infeed(),
        |it| {
            it.rate = rated("minute", "10m");
            it.operator = Some("<".to_owned());
            (it.warning, it.critical) = (level(-5.0, NONE), level(-10.0, NONE));
        },
        &[],
    );
    says(infeed(), |it| it.group = grouped(&["rack", "component.index"], None), &[]);
    says(infeed(), |it| it.flapping = flaps(5, "30m"), &[]);
    says(
        infeed(),
        |it| it.schedule = scheduled(&["mon-fri", "sun"], "08:00", "24:00", Some("Europe/Amsterdam")),
        &[],
    );
    says(on_battery(), |it| it.no_data = Some("alert".to_owned()), &[]);
}

#[test]
fn golden_ranges_of_thresholds() {
    says(
        infeed(),
        |it| it.operator = Some("outside".to_owned()),
        &[
            "warning.value: outside takes a range, not one number (write both ends, as [20, 30])",
            "warning.clear: outside takes a range, not one number (write both ends, as [19, 29])",
            "critical.value: outside takes a range, not one number (write both ends, as [25, 35])",
        ],
    );
    says(
        infeed(),
        |it| it.warning = range([18.0, 27.0], None),
        &["warning.value: > takes one number, not a range (write one number, or operator = \"outside\" or \
             \"inside\")"],
    );
    says(
        infeed(),
        |it| {
            outside(it);
            (it.warning, it.critical) = (range([27.0, 18.0], None), None);
        },
        &["warning.value: the range from 27 to 18 is empty (write the lower end first)"],
    );
    says(
        infeed(),
        |it| {
            outside(it);
            it.warning = range([18.0, 27.0], Some([17.0, 26.0]));
        },
        &[
            "warning.clear: clear 17 to 26 lies on the wrong side of value 18 to 27 (with outside the alert ends on \
             the way back: write a clear within 18 to 27)",
        ],
    );
    says(
        infeed(),
        |it| {
            outside(it);
            it.critical = range([20.0, 32.0], None);
        },
        &[
            "critical.value: critical (20 to 32) is not further out than warning (18 to 27): one would never be seen \
             (with outside write a critical around 18 to 27)",
        ],
    );
    says(
        infeed(),
        |it| {
            outside(it);
            it.critical = range([-5.0, 32.0], None);
        },
        &["critical.value: current never reaches -5 A (write a number from 0 A up)"],
    );
}

#[test]
fn golden_rates() {
    let half = "write, say, rate = { per = \"hour\", over = \"30m\" }";
    says(
        infeed(),
        |it| it.rate = Some(RateInput::default()),
        &[&format!("rate: it needs both per and over ({half})")],
    );
    says(
        infeed(),
        |it| it.rate = rated("hours", "30m"),
        &[
            "rate.per: \"hours\" is no time that rates refer to (did you mean \"hour\"? there are: minute, hour)",
        ],
    );
    says(
        infeed(),
        |it| it.rate = rated("hour", "5s"),
        &[&format!("rate.over: 5 s is not from 1 min to 1 d ({half})")],
    );
    says(
        on_battery(),
        |it| it.rate = rated("hour", "30m"),
        &["rate: on_battery is no number: it has no rate of change (leave rate out)"],
    );
}

#[test]
fn golden_groups() {
    let help = "write, say, group = { by = [\"rack\"], combine = \"sum\" }";
    says(
        infeed(),
        |it| it.group = grouped(&[], None),
        &[&format!("group.by: no label says which devices belong together ({help})")],
    );
    says(
        infeed(),
        |it| it.group = grouped(&["component.index"], None),
        &[&format!("group.by: no label says which devices belong together ({help})")],
    );
    says(
        infeed(),
        |it| it.group = grouped(&["rack", "component.idx"], Some("average")),
        &[
            "group.combine: \"average\" is nothing that readings can be combined to (there are: sum, difference)",
            "group.by[1]: components have no \"component.idx\" (did you mean \"component.index\"? there are: \
             component.index, component.label, component.kind)",
        ],
    );
    says(
        on_battery(),
        |it| it.group = grouped(&["rack"], None),
        &["group: on_battery is no number: it cannot be summed (leave group out)"],
    );
    says(
        infeed(),
        |it| {
            it.group = grouped(&["rack"], None);
            it.rate = rated("hour", "30m");
        },
        &["rate: a group's rate of change is not known (leave rate or group out)"],
    );
}

#[test]
fn golden_schedules() {
    says(
        infeed(),
        |it| it.schedule = scheduled(&["monday"], "8 o'clock", "18:00", Some("Europe/Amsterdm")),
        &[
            "schedule.days[0]: \"monday\" is no day of the week and no span of days (write \"mon-fri\" or one of: \
             mon, tue, wed, thu, fri, sat, sun)",
            "schedule.from: \"8 o'clock\" is no time of day (write, say, \"08:00\")",
            "schedule.timezone: there is no time zone \"Europe/Amsterdm\" (did you mean \"Europe/Amsterdam\"?)",
        ],
    );
    says(
        infeed(),
        |it| it.schedule = Some(ScheduleInput::default()),
        &[
            "schedule: it holds all the time (write, say, schedule = { days = [\"mon-fri\"], from = \"08:00\", to = \
             \"18:00\" }, or leave it out)",
        ],
    );
}

#[test]
fn golden_flapping_and_missing_data() {
    let help = "write, say, flapping = { begins = 5, within = \"30m\" }";
    says(
        infeed(),
        |it| it.flapping = Some(FlappingInput { begins: Some(5), within: None }),
        &[&format!("flapping: it needs both begins and within ({help})")],
    );
    says(
        infeed(),
        |it| it.flapping = flaps(1, "10s"),
        &[
            &format!("flapping.begins: 1 is not from 2 to 20 ({help})"),
            &format!("flapping.within: 10 s is not from 1 min to 1 d ({help})"),
        ],
    );
    says(
        infeed(),
        |it| it.no_data = Some("ok".to_owned()),
        &["no_data: \"ok\" is no way to take missing data (there are: keep, ignore, alert)"],
    );
    says(
        offline(),
        |it| it.no_data = Some("alert".to_owned()),
        &[
            "no_data: the trigger is about polls that fail: there is no data that could be missing (leave no_data \
             out)",
        ],
    );
}

#[test]
fn golden_inventory_types() {
    let software = |it: &mut RuleInput| {
        (it.rule_type, it.trigger) = ("software".to_owned(), "count".to_owned());
    };
    says(infeed(), software, &[]);
    says(
        infeed(),
        |it| {
            software(it);
            it.apply_to = ApplyTo::Objects(vec!["d42/subnet/1".to_owned(), "d42/softwar".to_owned()]);
        },
        &[
            "apply_to[0]: count does not look at components of kind \"subnet\" (it looks at: software)",
            "apply_to[1]: \"softwar\" is no kind of component (did you mean \"software\"? there are: inventory, \
             software, prohibited_installation, operating_system, subnet, part_model, license, power_unit)",
        ],
    );
    says(
        infeed(),
        |it| {
            software(it);
            it.group = grouped(&["rack"], None);
        },
        &[
            "group: groups are made of what is polled, not of inventories (leave group out: one alert stands for \
             each object)",
        ],
    );
    says(
        infeed(),
        |it| (it.rule_type, it.trigger) = ("prohibited_software".to_owned(), "installed".to_owned()),
        &[
            "warning: installed is a state, not a number: it has no thresholds (write severity = \"warning\" instead)",
            "critical: installed is a state, not a number: it has no thresholds (write severity = \"critical\" \
             instead)",
            "operator: installed is a state, not a number: it has no operator (leave operator out)",
            "severity: the rule does not say how bad it is (write severity = \"critical\", \"error\", \"warning\" or \
             \"info\")",
        ],
    );
}
