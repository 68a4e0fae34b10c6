//! Alerts for the tests of this module.

use crate::alert::{AlertFacts, AlertKey, Transition, TransitionKind};
use crate::model::{ComponentKind, Labels, Severity, UnixMillis};
use std::sync::Arc;

/// 2026-01-02T03:04:05.678Z.
pub(crate) const TIME: UnixMillis = UnixMillis(1_767_323_045_678);

/// An infeed of `device` that carries too much.
pub(crate) fn facts(device: &str) -> AlertFacts {
    AlertFacts {
        key: AlertKey(format!("infeed-load/{device}/infeed/1/current").into()),
        rule: "infeed-load".into(),
        rule_type: "power_unit_infeed",
        trigger: "current",
        notes: Some("Call the floor\nbefore moving load".into()),
        runbook: Some("https://runbooks.example/infeed".into()),
        integrations: Arc::from([]),
        device: device.into(),
        address: "10.0.0.7:161".to_owned(),
        model: "APC AP8853".to_owned(),
        labels: Labels::new([("site", "DC1"), ("rack", "A1")]),
        component: Some((ComponentKind::Infeed, "1".into(), "Feed A".into())),
        source: Some("1.3.6.1.4.1.318.1.1.26.6.3.1.5.1".parse().unwrap()),
        reading: "23.4 A".to_owned(),
        value: Some(23.4),
        unit: "A",
        operator: ">",
        threshold: Some(20.0),
        rated: Some(32.0),
        last_values: Vec::new(),
        since: UnixMillis(TIME.0 - 30_000),
    }
}

/// The same, at a key of its own, for those integrations.
pub(crate) fn facts_of(key: &str, integrations: &[&str]) -> AlertFacts {
    AlertFacts {
        key: AlertKey(key.into()),
        integrations: integrations.iter().map(|it| Arc::from(*it)).collect(),
        ..facts("pdu-a1")
    }
}

pub(crate) fn transition(kind: TransitionKind, severity: Severity, facts: AlertFacts) -> Transition {
    let reason = match kind {
        TransitionKind::Trigger | TransitionKind::Change { .. } => "23.4 A > 20 A for 30 s",
        TransitionKind::Resolve => "18.9 A <= 19 A",
    };
    Transition { kind, severity, at: TIME, reason: reason.to_owned(), facts: Arc::new(facts) }
}
