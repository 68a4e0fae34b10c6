//! Events of Redfish services.

use super::{counter, counter_vec};
use prometheus::{IntCounter, IntCounterVec};
use std::sync::LazyLock;

static REQUESTS: LazyLock<IntCounter> =
    LazyLock::new(|| counter("rackwarden_redfish_requests_total", "Requests sent to Redfish services."));
static LOGINS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_redfish_logins_total",
        "Sessions asked for at Redfish services, by result.",
        &["result"],
    )
});
static LOGOUTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_redfish_logouts_total",
        "Sessions that were deleted at Redfish services, by result.",
        &["result"],
    )
});
static EVENTS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "rackwarden_redfish_events_total",
        "Events of Redfish services; each has its service asked at once.",
    )
});
static LEARNED: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("rackwarden_redfish_learned_total", "Times that the resources of a Redfish service were learnt.")
});
static UNVERIFIED: LazyLock<prometheus::IntGauge> = LazyLock::new(|| {
    super::gauge(
        "rackwarden_redfish_unverified_services",
        "Redfish services whose certificate is not looked at, because tls_verify is false.",
    )
});
static PANICS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "rackwarden_redfish_panics_total",
        "Defects of the collector that were caught while it polled a Redfish service; report them.",
    )
});

/// Makes them, so that they stand in /metrics from the start.
pub fn init() {
    LazyLock::force(&REQUESTS);
    for result in ["ok", "refused"] {
        LOGINS.with_label_values(&[result]);
        LOGOUTS.with_label_values(&[result]);
    }
    LazyLock::force(&EVENTS);
    LazyLock::force(&LEARNED);
    LazyLock::force(&UNVERIFIED);
    LazyLock::force(&PANICS);
}

/// A request goes out.
pub(crate) fn requested() {
    REQUESTS.inc();
}

/// A session was asked for.
pub(crate) fn logged_in(service: &str, is_let_in: bool, status: u16) {
    LOGINS.with_label_values(&[if is_let_in { "ok" } else { "refused" }]).inc();
    tracing::debug!(service, status, is_let_in, "a session was asked for");
}

/// A session was deleted, or the service did not want that.
pub(crate) fn session_ended(is_ok: bool) {
    LOGOUTS.with_label_values(&[if is_ok { "ok" } else { "refused" }]).inc();
}

/// Events came in.
pub(crate) fn happened(service: &str, count: usize) {
    EVENTS.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    tracing::debug!(service, count, "events: it is asked now");
}

/// A service was learnt.
pub(crate) fn learnt(service: &str, readings: usize, requests: usize, resources: usize, gaps: usize) {
    LEARNED.inc();
    tracing::info!(
        service,
        readings,
        requests,
        resources,
        gaps,
        "learnt a Redfish service; requests are those of one poll"
    );
}

/// So many services are asked whoever they are.
pub(crate) fn unverified(names: &[&str]) {
    UNVERIFIED.set(i64::try_from(names.len()).unwrap_or(i64::MAX));
    for service in names {
        tracing::warn!(
            service,
            "tls_verify is false: whoever answers at its address is believed, and gets the password"
        );
    }
}

/// A defect while a service was polled.
pub(crate) fn panicked(service: &str) {
    tracing::error!(service, "a defect of rackwarden ended a poll; it is tried again");
    PANICS.inc();
}
