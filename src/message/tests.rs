//! Templates as users write them, and as they go wrong.

use super::{DETAILS_MAX, Kind, Messages, Template, Texts};
use crate::alert::TransitionKind;
use crate::model::Severity;
use crate::notify::fixtures::{facts, transition};
use crate::notify::pagerduty::{Sender, event};
use std::collections::BTreeMap;

fn texts(summary: Option<&str>, details: &[(&str, &str)]) -> Texts {
    let details = details.iter().map(|(name, it)| ((*name).to_owned(), (*it).to_owned())).collect();
    Texts::compile(summary, &details, Kind::Number).unwrap()
}

fn paged(messages: &Messages, kind: TransitionKind) -> (serde_json::Value, Vec<String>) {
    let transition = transition(kind, Severity::Critical, facts("pdu-a1"));
    let body = event::body(&transition, Sender { client: "Rackwarden", client_url: None, site: None });
    let dressed = messages.dress(&transition, body);
    (serde_json::from_str(&dressed.body).unwrap(), dressed.failures)
}

fn of_rule(texts: Texts) -> Messages {
    Messages { defaults: Texts::default(), rules: BTreeMap::from([("infeed-load".into(), texts)]) }
}

fn summary(template: &str) -> String {
    let (event, failures) = paged(&of_rule(texts(Some(template), &[])), TransitionKind::Trigger);
    assert_eq!(failures, [""; 0], "{template}");
    event["payload"]["summary"].as_str().unwrap().to_owned()
}

#[test]
fn templates_say_what_rules_want() {
    for (template, expected) in [
        ("{{ device }} {{ label }}: {{ reading }}", "pdu-a1 Feed A: 23.4 A"),
        ("{{ severity|upper }}: {{ labels.site }}/{{ labels.rack }}", "CRITICAL: DC1/A1"),
        ("{{ value|round }} of {{ rated }} {{ unit }}", "23.0 of 32 A"),
        ("{% if component == 'infeed' %}feed {{ index }}{% else %}?{% endif %}", "feed 1"),
        ("{{ labels.row }}nothing{{ labels.row.deep }}", "nothing"),
        (
            "{{ summary }} ({{ event }})",
            "CRITICAL pdu-a1 infeed 1 (Feed A, rack A1): current 23.4 A > 20 A for 30 s (trigger)",
        ),
        ("{{ host }} at {{ at }}, {{ seconds|int }} s", "10.0.0.7 at 2026-01-02T03:04:05.678Z, 30 s"),
        ("two\nlines\t{{ object }}", "two lines pdu-a1/infeed/1"),
        ("<b>{{ reason }}</b>", "<b>23.4 A > 20 A for 30 s</b>"),
        ("{{ oid }} {{ alert }}", "1.3.6.1.4.1.318.1.1.26.6.3.1.5.1 infeed-load/pdu-a1/infeed/1/current"),
    ] {
        assert_eq!(summary(template), expected, "{template}");
    }
}

#[test]
fn variables_of_device42_are_known() {
    for (template, expected) in [
        (
            "%(device_name)s %(element_type)s %(element_name)s is %(status)s",
            "pdu-a1 infeed Feed A is Critical",
        ),
        (
            "%(measure)s %(value)s %(units)s on %(device_ip)s (%(device_type)s)",
            "current 23.4 A on 10.0.0.7 (PDU)",
        ),
        ("%(value).0f %(operator)s %(trigger_value)d, 100 %% sure", "23.0 > 20, 100 % sure"),
        ("%(sensor_rule_name)s at 80 % of rated", "infeed-load at 80 % of rated"),
        ("%(remote_collector_name)s%(date)s", "2026-01-02T03:04:05.678Z"),
    ] {
        assert_eq!(summary(template), expected, "{template}");
    }
}

#[test]
fn each_variable_of_device42_is_a_template() {
    for name in super::device42::names() {
        let template = Template::compile(&format!("%({name})s")).unwrap();
        for sample in super::fields::samples(Kind::Any) {
            template.render(&sample).unwrap();
        }
    }
}

#[test]
fn details_are_added_to_ours_and_rules_go_before_defaults() {
    let messages = Messages {
        defaults: texts(Some("default {{ rule }}"), &[("team", "facilities"), ("row", "{{ labels.row }}")]),
        rules: BTreeMap::from([("infeed-load".into(), texts(None, &[("team", "power")]))]),
    };
    let (event, failures) = paged(&messages, TransitionKind::Resolve);
    assert_eq!(failures, [""; 0]);
    let payload = &event["payload"];
    assert_eq!(payload["summary"], "default infeed-load");
    assert_eq!(payload["custom_details"]["team"], "power");
    assert_eq!(payload["custom_details"]["model"], "APC AP8853");
    assert!(payload["custom_details"].get("row").is_none(), "what comes out empty says nothing");
    assert_eq!(event["dedup_key"], "rackwarden:infeed-load/pdu-a1/infeed/1/current");
}

#[test]
fn mistakes_are_told_when_the_template_is_read() {
    for (template, expected) in [
        ("{{ devise }}", "the template cannot be used: there is no field `devise`"),
        (
            "{{ device",
            "the template cannot be used: line 1: syntax error: unexpected end of input, expected end of variable block",
        ),
        ("a\n{% fi %}", "the template cannot be used: line 2: syntax error: unknown statement fi"),
        ("{{ device|uper }}", "the template cannot be used: line 1: unknown filter: filter uper is unknown"),
        ("%(devicename)s", "the template cannot be used: Device42 has no variable %(devicename)s"),
        (
            "{% include '/etc/passwd' %}",
            "the template cannot be used: line 1: syntax error: unknown statement include",
        ),
        (
            "{% for i in range(90000) %}{% endfor %}",
            "the template cannot be used: it takes more than 20000 steps",
        ),
        ("{{ 'x' * 90000 }}", "the template cannot be used: it writes more than 32768 octets"),
        (" \n", "the template cannot be used: it is empty"),
    ] {
        let problems = Texts::compile(Some(template), &BTreeMap::new(), Kind::Number).unwrap_err();
        assert_eq!(problems.len(), 1, "{template}");
        assert_eq!(
            (problems[0].field.as_str(), problems[0].message.as_str()),
            ("summary", expected),
            "{template}"
        );
    }
    let problems = Texts::compile(Some("{{ devise }}"), &BTreeMap::new(), Kind::Number).unwrap_err();
    assert!(problems[0].help.as_ref().unwrap().starts_with("did you mean `device`?"), "{problems:?}");
    let problems =
        Texts::compile(None, &BTreeMap::from([("x".to_owned(), "{{".to_owned())]), Kind::Any).unwrap_err();
    assert_eq!(problems[0].field, "details.x");
    let ours = BTreeMap::from([("rule".to_owned(), "x".to_owned())]);
    let problems = Texts::compile(None, &ours, Kind::Any).unwrap_err();
    assert_eq!(problems[0].message, "each page has an entry `rule` already, which receivers rely on");
    let many = (0..=DETAILS_MAX).map(|it| (format!("d{it}"), "x".to_owned())).collect();
    assert_eq!(Texts::compile(None, &many, Kind::Any).unwrap_err()[0].message, "33 entries; 32 are allowed");
}

/// A number where the alert has none: only seen when it happens.
#[test]
fn a_template_that_fails_never_loses_the_alert() {
    let messages =
        of_rule(texts(Some("{{ value|round }} A"), &[("good", "{{ rule }}"), ("bad", "{{ value|round }}")]));
    let mut lost = facts("pdu-a1");
    (lost.value, lost.reading) = (None, "no data: no such instance".to_owned());
    let transition = transition(TransitionKind::Trigger, Severity::Critical, lost);
    let body = event::body(&transition, Sender { client: "Rackwarden", client_url: None, site: None });
    let dressed = messages.dress(&transition, body.clone());
    assert_eq!(dressed.failures.len(), 2, "{dressed:?}");
    let (plain, event): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(&body).unwrap(), serde_json::from_str(&dressed.body).unwrap());
    assert_eq!(event["payload"]["summary"], plain["payload"]["summary"]);
    assert_eq!(event["payload"]["custom_details"]["good"], "infeed-load");
    assert!(event["payload"]["custom_details"].get("bad").is_none());
    let note = event["payload"]["custom_details"]["template_error"].as_str().unwrap();
    assert!(
        note.starts_with("a template of this rule failed, so this text is the default: summary: line 1:"),
        "{note}"
    );

    let empty = of_rule(texts(Some("{% if value < 1 %}x{% endif %}"), &[]));
    let (event, failures) = paged(&empty, TransitionKind::Trigger);
    assert_eq!(failures, ["summary came out empty"]);
    assert!(event["payload"]["summary"].as_str().unwrap().starts_with("CRITICAL pdu-a1 infeed 1"));
}

#[test]
fn long_texts_are_cut_and_events_stay_within_their_limit() {
    let long = summary("{{ 'word ' * 900 }}");
    assert_eq!(long.chars().count(), 1_024);
    assert!(long.ends_with('…'));
    let large: Vec<(String, String)> =
        (0..20).map(|it| (format!("d{it}"), "{{ '\u{1}' * 30000 }}".to_owned())).collect();
    let large: Vec<(&str, &str)> = large.iter().map(|(name, it)| (&**name, &**it)).collect();
    let (event, failures) = paged(&of_rule(texts(Some("short"), &large)), TransitionKind::Trigger);
    assert!(failures[0].ends_with("octets, at most 490000 fit"), "{failures:?}");
    assert!(event["payload"]["summary"].as_str().unwrap().starts_with("CRITICAL pdu-a1"));
}

#[test]
fn rules_without_templates_are_not_touched() {
    let transition = transition(TransitionKind::Trigger, Severity::Critical, facts("pdu-a1"));
    let body = event::body(&transition, Sender { client: "Rackwarden", client_url: None, site: None });
    assert_eq!(Messages::default().dress(&transition, body.clone()).body, body);
}

#[test]
fn the_documentation_has_each_field() {
    let page = include_str!("../../docs/rules.md");
    for (name, what) in super::FIELDS {
        let row = format!("| `{name}` | {what} |");
        assert!(page.contains(&row), "docs/rules.md lacks: {row}");
    }
    for name in super::device42::names() {
        assert!(page.contains(&format!("`{name}`")), "docs/rules.md lacks `{name}` of Device42");
    }
}
