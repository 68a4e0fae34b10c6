//! Tests of rules, as users write them.

use super::{Suite, Verdict};
use crate::rules::{DurationInput, GroupInput, LevelInput, Rule, RuleInput, check_all};

fn rules() -> Vec<Rule> {
    let infeed = RuleInput {
        name: "infeed load".to_owned(),
        rule_type: "power_unit_infeed".to_owned(),
        trigger: "percent_of_rated".to_owned(),
        operator: Some(">".to_owned()),
        warning: Some(LevelInput { value: Some(80.0.into()), clear: Some(75.0.into()) }),
        hold_for: Some(DurationInput::Text("30s".to_owned())),
        ..RuleInput::default()
    };
    let rack = RuleInput {
        name: "rack".to_owned(),
        hold_for: None,
        group: Some(GroupInput { by: vec!["rack".to_owned()], combine: None }),
        ..infeed.clone()
    };
    let battery = RuleInput {
        name: "on battery".to_owned(),
        rule_type: "ups".to_owned(),
        trigger: "on_battery".to_owned(),
        severity: Some("critical".to_owned()),
        ..RuleInput::default()
    };
    let offline = RuleInput {
        name: "offline".to_owned(),
        rule_type: "power_unit_offline".to_owned(),
        trigger: "offline".to_owned(),
        severity: Some("error".to_owned()),
        after_polls: Some(2),
        ..RuleInput::default()
    };
    check_all(&[infeed, rack, battery, offline]).unwrap()
}

fn verdicts(text: &str) -> Vec<Verdict> {
    let suite = Suite::parse(text).unwrap();
    suite.tests.iter().map(|it| it.run(&suite, &rules()).unwrap()).collect()
}

#[test]
fn what_is_said_is_held_against_what_is_expected() {
    let all = verdicts(
        r#"
interval = "10s"

[[test]]
name = "a loaded infeed pages after half a minute, and ends below 75 %"
only = ["infeed load"]
series = [{ object = "pdu-1/infeed/1", quantity = "current", rated = 10, values = "5 8.1x6 7.6 7.4" }]
expect = [
    { at = "40s", rule = "infeed load", object = "pdu-1/infeed/1", is = "warning", reason = "81 % of 10 A > 80 %" },
    { at = "1m 20s", rule = "infeed load", is = "resolved" },
]

[[test]]
name = "one feed could not carry both"
only = ["rack"]
devices = { a = { labels = { rack = "r1" } }, b = { labels = { rack = "r1" } } }
series = [
    { object = "a/infeed/1", quantity = "current", rated = 10, values = "4 5" },
    { object = "b/infeed/1", quantity = "current", rated = 10, values = "4 4" },
]
expect = [{ at = "10s", rule = "rack", object = "rack=r1", is = "warning" }]

[[test]]
name = "states, and a UPS behind a gateway"
only = ["on battery", "offline"]
interval = "30s"
devices = { ups = { parent = "gateway" } }
series = [
    { object = "ups/output/0", quantity = "state", values = "ok on_battery ! ! ! on_battery ok" },
    { object = "gateway", values = "ok ok ! ! ! ok" },
]
expect = [
    { at = "30s", rule = "on battery", object = "ups/output/0", is = "critical" },
    { at = "90s", rule = "offline", object = "gateway", is = "error" },
    { at = "150s", rule = "offline", object = "gateway", is = "resolved" },
    { at = "3m", rule = "on battery", is = "resolved" },
]

[[test]]
name = "both kinds of differences"
only = ["offline"]
series = [{ object = "pdu-1", values = "ok !x3" }]
expect = [{ at = "10s", rule = "offline", is = "error" }]
"#,
    );
    for verdict in &all[..3] {
        assert!(verdict.is_good(), "{verdict:?}");
    }
    let last = &all[3];
    assert_eq!(last.missing[0].to_string(), "    10 s  error     offline: any object");
    assert_eq!(last.unexpected.len(), 1);
    assert_eq!(
        last.unexpected[0].to_string(),
        "    20 s  error     offline: pdu-1  (2 polls in a row failed: no answer in time)"
    );
}

#[test]
fn tests_that_make_no_sense_say_why() {
    for (text, expected) in [
        ("", "it has no series: nothing would happen"),
        ("only = [\"infed load\"]", "there is no rule \"infed load\"; did you mean \"infeed load\"?"),
        (
            "expect = [{ at = \"1s\", rule = \"rack\", is = \"fired\" }]",
            "`is = \"fired\"` is neither a severity (info, warning, error, critical) nor resolved",
        ),
        (
            "series = [{ object = \"p/infed/1\", quantity = \"current\", values = \"1\" }]",
            "\"infed\" in \"p/infed/1\" is no kind of component: write device/kind/index; did you mean \"infeed\"?",
        ),
        (
            "series = [{ object = \"p/infeed/1\", values = \"1\" }]",
            "the series of p/infeed/1 needs a quantity, as quantity = \"current\"",
        ),
        (
            "series = [{ object = \"p/infeed/1\", quantity = \"curent\", values = \"1\" }]",
            "\"curent\" of p/infeed/1 is no quantity; did you mean \"current\"?",
        ),
        (
            "series = [{ object = \"p/sensor/1\", quantity = \"humidity\", rated = 3, values = \"1\" }]",
            "there is no rated humidity",
        ),
        (
            "devices = { q = {} }\nseries = [{ object = \"p\", values = \"ok\" }]",
            "no series is of the device \"q\"",
        ),
    ] {
        let suite = Suite::parse(&format!("[[test]]\nname = \"x\"\n{text}\n")).unwrap();
        assert_eq!(suite.tests[0].run(&suite, &rules()).unwrap_err().to_string(), expected);
    }
    let error = Suite::parse("[[test]]\nname = \"x\"\ninterval = \"soon\"\n").unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains("\"soon\" is no duration"), "{error}");
    let error = Suite::parse("[[test]]\nname = \"x\"\nserie = []\n").unwrap_err().to_string();
    assert!(error.contains("unknown field `serie`"), "{error}");
}
