//! What a template may name: an alert's facts as plain names. The list is documented in docs/rules.md, and a
//! test holds the two together.

use super::Kind;
use crate::alert::{Transition, TransitionKind};
use crate::model::{Labels, Severity};
use minijinja::Value;
use std::collections::BTreeMap;

/// The fields, each with what it holds.
pub const FIELDS: &[(&str, &str)] = &[
    ("summary", "the line that is written without a template"),
    ("event", "trigger, change or resolve"),
    ("severity", "info, warning, error or critical; at the end the last one"),
    ("previous_severity", "what it was before a change; else none"),
    ("reason", "why, in words: 23.4 A > 20 A for 30 s"),
    ("rule", "the rule's name"),
    ("rule_type", "its type"),
    ("trigger", "its trigger"),
    ("notes", "its notes"),
    ("runbook", "its runbook"),
    ("device", "the device's or inventory's name"),
    ("address", "its address with the port"),
    ("host", "its address without the port"),
    ("model", "its vendor and model"),
    ("labels", "its labels, and those of an inventory's object: labels.rack"),
    ("component", "the component's kind: infeed; none for the device itself"),
    ("index", "the component's index"),
    ("label", "what a person calls the component"),
    ("object", "as rules name it: pdu-1/infeed/1"),
    ("reading", "what was read, with its unit; for states the name"),
    ("value", "the same as a number; none where it is none"),
    ("unit", "its unit"),
    ("operator", "the comparison: >"),
    ("threshold", "the threshold that was passed, at the end the clear value; none where there is none"),
    ("rated", "what a percentage refers to; none where there is none"),
    ("since", "since when the condition holds: 2026-01-02T03:04:05.678Z"),
    ("at", "when this was said"),
    ("seconds", "how long the condition has held by then"),
    ("oid", "the SNMP object that was read"),
    ("alert", "the alert's key"),
];

type Fields = BTreeMap<&'static str, Value>;

/// The fields of a transition; `summary` is the text without a template.
pub(super) fn of(transition: &Transition, summary: &str) -> Value {
    let facts = &*transition.facts;
    let (event, previous) = match transition.kind {
        TransitionKind::Trigger => ("trigger", None),
        TransitionKind::Change { from } => ("change", Some(from.name())),
        TransitionKind::Resolve => ("resolve", None),
    };
    let component = facts.component.as_ref();
    let object = component.map_or_else(
        || facts.device.to_string(),
        |(kind, index, _)| format!("{}/{kind}/{index}", facts.device),
    );
    let milliseconds = u32::try_from(transition.at.0.saturating_sub(facts.since.0)).unwrap_or_default();
    let fields = Fields::from([
        ("summary", summary.into()),
        ("event", event.into()),
        ("severity", transition.severity.name().into()),
        ("previous_severity", optional(previous)),
        ("reason", (&transition.reason).into()),
        ("rule", (&facts.rule).into()),
        ("rule_type", facts.rule_type.into()),
        ("trigger", facts.trigger.into()),
        ("notes", facts.notes.as_deref().unwrap_or_default().into()),
        ("runbook", facts.runbook.as_deref().unwrap_or_default().into()),
        ("device", (&facts.device).into()),
        ("address", (&facts.address).into()),
        ("host", host(&facts.address).into()),
        ("model", (&facts.model).into()),
        ("labels", labels(&facts.labels)),
        ("component", optional(component.map(|(kind, ..)| kind.name()))),
        ("index", component.map_or("", |(_, index, _)| index).into()),
        ("label", component.map_or("", |(_, _, label)| label).into()),
        ("object", object.into()),
        ("reading", (&facts.reading).into()),
        ("value", number(facts.value)),
        ("unit", facts.unit.into()),
        ("operator", facts.operator.into()),
        ("threshold", number(facts.threshold)),
        ("rated", number(facts.rated)),
        ("since", facts.since.to_string().into()),
        ("at", transition.at.to_string().into()),
        ("seconds", Value::from(f64::from(milliseconds) / 1e3)),
        ("oid", facts.source.as_ref().map(ToString::to_string).unwrap_or_default().into()),
        ("alert", (&facts.key.0).into()),
    ]);
    Value::from(fields)
}

/// Fields as alerts of that kind have them, to try a template with.
pub(super) fn samples(kind: Kind) -> Vec<Value> {
    let numbers = [Some(23.4), Some(87.0)].map(|it| sample(it, "23.4 A", Some(("infeed", "1", "Feed A"))));
    let words =
        [sample(None, "onBattery", Some(("output", "0", "Output"))), sample(None, "no answer in time", None)];
    match kind {
        Kind::Number => numbers.to_vec(),
        Kind::Word => words.to_vec(),
        Kind::Any => numbers.into_iter().chain(words).collect(),
    }
}

fn told(name: &'static str) -> &'static str {
    match name {
        "event" => "trigger",
        "severity" => Severity::Critical.name(),
        "device" => "pdu-1",
        "address" => "192.0.2.1:161",
        "host" => "192.0.2.1",
        "since" | "at" => "2026-01-02T03:04:05.678Z",
        "object" => "pdu-1/infeed/1",
        other => other,
    }
}

fn sample(value: Option<f64>, reading: &str, component: Option<(&str, &str, &str)>) -> Value {
    let fields = FIELDS.iter().map(|(name, _)| {
        let value = match *name {
            "value" | "threshold" | "rated" => number(value),
            "seconds" => Value::from(30.0),
            "previous_severity" => Value::from(()),
            "labels" => labels(&Labels::new([("site", "ams1"), ("rack", "a1")])),
            "reading" => reading.into(),
            "component" => optional(component.map(|it| it.0)),
            "index" => component.map_or("", |it| it.1).into(),
            "label" => component.map_or("", |it| it.2).into(),
            other => told(other).into(),
        };
        (*name, value)
    });
    Value::from(fields.collect::<Fields>())
}

fn labels(labels: &Labels) -> Value {
    let pairs: BTreeMap<String, Value> =
        labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    Value::from(pairs)
}

fn optional(text: Option<&str>) -> Value {
    text.map_or_else(|| Value::from(()), Value::from)
}

fn number(value: Option<f64>) -> Value {
    match value {
        // 5 A, not 5.0 A.
        Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "whole, and within what i64 holds")]
            Value::from(whole as i64)
        }
        Some(value) => Value::from(value),
        None => Value::from(()),
    }
}

/// The address without its port.
fn host(address: &str) -> &str {
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(host, _)| host);
    }
    match address.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') => host,
        _ => address,
    }
}
