//! What becomes of the configuration while the daemon runs.

use super::{counter_vec, gauge};
use prometheus::{IntCounterVec, IntGauge};
use std::sync::LazyLock;

static RELOADS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec("rackwarden_config_reloads_total", "Reloads of the configuration, by result.", &["result"])
});
static LAST_OK: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "rackwarden_config_last_reload_successful",
        "Whether the last reload of the configuration succeeded.",
    )
});

/// The configuration was read at start.
pub fn loaded(warnings: usize) {
    RELOADS.with_label_values(&["ok"]);
    RELOADS.with_label_values(&["failed"]);
    LAST_OK.set(1);
    if warnings != 0 {
        tracing::warn!(warnings, "the configuration holds, with warnings: `rackwarden check` shows them");
    }
}

/// A reload took effect.
pub fn reloaded(added: usize, changed: usize, removed: usize) {
    RELOADS.with_label_values(&["ok"]).inc();
    LAST_OK.set(1);
    tracing::info!(added, changed, removed, "configuration reloaded: devices added, changed, removed");
}

/// A reload found mistakes: nothing has changed.
pub fn reload_failed(mistakes: &[crate::model::Diagnostic]) {
    for mistake in mistakes {
        tracing::error!(%mistake, "configuration not reloaded");
    }
    // After the words: whoever sees the metric finds them.
    RELOADS.with_label_values(&["failed"]).inc();
    LAST_OK.set(0);
}

/// A change was read that only a restart brings into force.
pub fn needs_restart(what: &str) {
    tracing::warn!(what, "this change takes effect at the next restart");
}
