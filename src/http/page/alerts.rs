//! Alerts with their reasons.

use super::super::AppState;
use super::super::state::ActiveAlert;
use super::html::{Html, ago, between};
use crate::alert::{AlertFacts, Phase};
use crate::model::Now;
use std::sync::Arc;

/// All that fire, and those that may soon.
pub(super) fn section(html: &mut Html, app: &AppState, alerts: &[Arc<ActiveAlert>], now: Now) {
    let of = |phase| alerts.iter().filter(|it| it.phase == phase).collect::<Vec<_>>();
    let (firing, pending) = (of(Phase::Firing), of(Phase::Pending));
    html.raw("<section aria-labelledby=\"h-alerts\">\n<h2 id=\"h-alerts\">Firing alerts</h2>\n<div id=\"alerts\" data-live>\n");
    html.list(&firing, "No alert is firing.", |html, it| item(html, Some(app), it, now));
    if !pending.is_empty() {
        html.raw("<h3>Pending: not for long enough yet</h3>\n");
        html.list(&pending, "", |html, it| item(html, Some(app), it, now));
    }
    html.raw("</div>\n</section>\n");
}

/// Those of one device.
pub(super) fn of_device(html: &mut Html, alerts: &[&Arc<ActiveAlert>], now: Now) {
    html.list(alerts, "No alert is firing or pending.", |html, it| item(html, None, it, now));
}

/// `app`: to lead to the device; `None` on its own page.
fn item(html: &mut Html, app: Option<&AppState>, alert: &ActiveAlert, now: Now) {
    let (facts, severity) = (&*alert.facts, alert.severity.name());
    // Severities are words of ours, good as classes.
    for part in ["<li class=\"", severity, "\"><b class=\"", severity, "\">", severity, "</b> "] {
        html.raw(part);
    }
    let is_device = |it: &AppState| it.store.find(&facts.device).is_some_and(|it| !it.is_inventory());
    match app {
        None => html.text(&alert.reason),
        Some(app) if is_device(app) => {
            html.device(&facts.device);
            html.text(&alert.reason);
        }
        Some(_) => html.strong(&facts.device, &alert.reason),
    }
    html.raw("<small>");
    html.joined(where_it_is(facts));
    html.raw("</small>");
    html.labels(&facts.labels);
    if let Some(notes) = facts.notes.as_deref().filter(|it| !it.trim().is_empty()) {
        html.raw("<p>");
        html.text(notes.trim());
        html.raw("</p>");
    }
    if let Some(runbook) = facts.runbook.as_deref().filter(|it| !it.is_empty()) {
        html.raw("<p>");
        html.link("runbook", runbook);
        html.raw("</p>");
    }
    html.raw("<small>since ");
    html.time(facts.since);
    html.text(&format!(" UTC ({}) · rule {}", ago(between(facts.since, now.unix)), facts.rule));
    html.raw("</small></li>\n");
}

/// The component and what is measured of it, where the alert is not of the device itself.
fn where_it_is(facts: &AlertFacts) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some((kind, index, label)) = &facts.component {
        parts.push(format!("{} {index}", kind.name()));
        if !label.is_empty() && label != index {
            parts.push(label.to_string());
        }
    }
    if let Some(reading) = facts.key.parts().and_then(|it| it.reading) {
        parts.push(format!("{} {}", reading.quantity, reading.name).replace('_', " ").trim_end().to_owned());
    }
    parts.extend([facts.model.clone(), facts.address.clone()]);
    parts
}
