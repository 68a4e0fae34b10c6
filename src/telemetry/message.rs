//! What templates of pages do wrong.

use super::counter;
use prometheus::IntCounter;
use std::sync::LazyLock;

static FAILURES: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "rackwarden_template_failures_total",
        "Templates of pages that failed when an alert was to be told: the page went out with the default text.",
    )
});

/// Makes it, so that it stands in /metrics from the start.
pub fn init() {
    LazyLock::force(&FAILURES);
}

/// A template failed: its text is the default one.
pub fn template_failed(rule: &str, alert: &str, reason: &str) {
    FAILURES.inc();
    tracing::warn!(rule, alert = ?alert, reason, "a template of a page failed, the default text goes out");
}
