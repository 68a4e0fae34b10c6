//! What alerts do: one log line and one count a transition.

use super::counter_vec;
use crate::model::Severity;
use prometheus::IntCounterVec;
use std::sync::LazyLock;

static TRANSITIONS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_alert_transitions_total",
        "Alerts that began, changed their severity, or ended, by the severity that they then had.",
        &["kind", "severity"],
    )
});

/// Makes them, so that they stand in /metrics from the start.
pub fn init() {
    for kind in ["trigger", "change", "resolve"] {
        for severity in Severity::ALL {
            TRANSITIONS.with_label_values(&[kind, severity.name()]);
        }
    }
}

/// An alert began (`trigger`), changed (`change`) or ended (`resolve`).
pub fn transition(kind: &'static str, severity: Severity, key: &dyn std::fmt::Display, reason: &str) {
    TRANSITIONS.with_label_values(&[kind, severity.name()]).inc();
    tracing::info!(kind, %severity, alert = ?key.to_string(), reason, "alert");
}

/// A rule is for readings of this device that it cannot judge: nobody watches them.
pub fn cannot_judge(rule: &str, device: &str, complaint: &str) {
    tracing::warn!(rule, device, complaint, "a rule cannot judge what it is for");
}

/// The waits of alerts from before the start are lost: they begin anew.
pub fn waits_unread(path: &std::path::Path, error: &dyn std::error::Error) {
    tracing::warn!(path = %path.display(), %error, "pending alerts begin to wait anew: their file cannot be used");
}

/// Alerts from before the start stay without their details until they change.
pub fn details_unread(error: &dyn std::error::Error) {
    tracing::warn!(%error, "open alerts from before the start have no details until they change: no thread reads them");
}

/// The waits of alerts cannot be kept: a restart would lose them.
pub fn waits_unwritten(path: &std::path::Path, error: &dyn std::error::Error) {
    tracing::warn!(path = %path.display(), %error, "pending alerts would begin anew after a restart: their file cannot be written");
}
