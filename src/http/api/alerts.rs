//! Alerts as JSON.

use super::super::Limits;
use super::super::state::ActiveAlert;
use super::filter::{Filter, phase_name};
use super::{LabelMap, Time};
use crate::model::ComponentKind;
use serde::Serialize;
use std::sync::Arc;

/// The alerts, worst first.
#[derive(Serialize)]
pub(super) struct AlertsAnswer<'a> {
    alerts: Vec<AlertRow<'a>>,
    /// Whether there are more than one answer holds.
    truncated: bool,
}

/// One alert.
#[derive(Serialize)]
struct AlertRow<'a> {
    key: &'a str,
    rule: &'a str,
    rule_type: &'static str,
    trigger: &'static str,
    phase: &'static str,
    severity: &'static str,
    reason: &'a str,
    since: Time,
    device: &'a str,
    address: &'a str,
    model: &'a str,
    labels: LabelMap<'a>,
    component: Option<&'static str>,
    index: Option<&'a str>,
    label: Option<&'a str>,
    reading: &'a str,
    value: Option<f64>,
    unit: &'static str,
    operator: &'static str,
    threshold: Option<f64>,
    rated: Option<f64>,
    source: Option<String>,
    notes: Option<&'a str>,
    runbook: Option<&'a str>,
    integrations: Vec<&'a str>,
}

/// The wanted alerts, in the order given.
pub(super) fn list<'a>(alerts: &'a [Arc<ActiveAlert>], filter: &Filter) -> AlertsAnswer<'a> {
    let wants = |it: &&Arc<ActiveAlert>| {
        filter.wants_device(&it.facts.device, &it.facts.labels) && filter.wants_phase(it.phase)
    };
    let mut wanted = alerts.iter().filter(wants);
    let alerts = wanted.by_ref().take(Limits::ALERTS_MAX).map(|it| row(it)).collect();
    AlertsAnswer { alerts, truncated: wanted.next().is_some() }
}

fn row(alert: &ActiveAlert) -> AlertRow<'_> {
    let facts = &*alert.facts;
    let component = facts.component.as_ref();
    AlertRow {
        key: &facts.key.0,
        rule: &facts.rule,
        rule_type: facts.rule_type,
        trigger: facts.trigger,
        phase: phase_name(alert.phase),
        severity: alert.severity.name(),
        reason: &alert.reason,
        since: Time(facts.since),
        device: &facts.device,
        address: &facts.address,
        model: &facts.model,
        labels: LabelMap(&facts.labels),
        component: component.map(|(kind, _, _)| ComponentKind::name(*kind)),
        index: component.map(|(_, index, _)| &**index),
        label: component.map(|(_, _, label)| &**label),
        reading: &facts.reading,
        value: facts.value,
        unit: facts.unit,
        operator: facts.operator,
        threshold: facts.threshold,
        rated: facts.rated,
        source: facts.source.as_ref().map(ToString::to_string),
        notes: facts.notes.as_deref(),
        runbook: facts.runbook.as_deref(),
        integrations: facts.integrations.iter().map(|it| &**it).collect(),
    }
}
