//! Events of the watchdog.

use super::counter;
use prometheus::IntCounter;
use std::sync::LazyLock;

static WITHHELD: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "rackwarden_watchdog_withheld_total",
        "Notices to systemd's watchdog that were withheld because a thread showed no life.",
    )
});

/// Makes it, so that it stands in /metrics from the start.
pub fn init() {
    LazyLock::force(&WITHHELD);
}

/// These threads have ended no round of their work since the last notice.
pub fn withheld(threads: &str, is_new: bool) {
    if is_new {
        tracing::error!(threads, "no life seen: systemd's watchdog is not fed");
    }
    WITHHELD.inc();
}
