//! What the SNMP transport counts.

use super::{counter, counter_vec, gauge};
use prometheus::{IntCounter, IntCounterVec, IntGauge};
use std::sync::LazyLock;

static REQUESTS: LazyLock<IntCounter> =
    LazyLock::new(|| counter("rackwarden_snmp_requests_total", "SNMP requests sent, repeats included."));
static TIMEOUTS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("rackwarden_snmp_timeouts_total", "SNMP requests that were not answered in time.")
});
static DATAGRAMS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_snmp_datagrams_received_total",
        "Datagrams received, by what became of them: correlated, late, foreign, malformed.",
        &["disposition"],
    )
});
static SEND_ERRORS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("rackwarden_snmp_send_errors_total", "Requests that the host or network refused to send.")
});
static POLLS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_polls_total",
        "Polls that ended, by how: ok, or the class of the error.",
        &["result"],
    )
});
/// As nearly all of them end: found without a look at the label.
static POLLS_OK: LazyLock<IntCounter> = LazyLock::new(|| POLLS.with_label_values(&["ok"]));
static PANICS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("rackwarden_poll_panics_total", "Defects of the collector caught while it handled one device.")
});
static DEVICES: LazyLock<IntGauge> =
    LazyLock::new(|| gauge("rackwarden_devices", "Devices that are polled."));

static DROPS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "rackwarden_snmp_datagrams_dropped_total",
        "Datagrams that the kernel dropped because a polling socket's receive buffer was full.",
    )
});

static SHARED_ENGINES: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge("rackwarden_snmp_shared_engine_ids", "SNMPv3 engine IDs that more than one polled device has.")
});

/// Makes all of them, so that they stand in /metrics from the start.
pub fn init() {
    for disposition in ["correlated", "late", "foreign", "malformed"] {
        DATAGRAMS.with_label_values(&[disposition]);
    }
    LazyLock::force(&POLLS_OK);
    LazyLock::force(&DROPS);
    LazyLock::force(&SHARED_ENGINES);
    LazyLock::force(&REQUESTS);
    LazyLock::force(&TIMEOUTS);
    LazyLock::force(&SEND_ERRORS);
    LazyLock::force(&PANICS);
    LazyLock::force(&DEVICES);
}

/// Two devices turned out to have one engine ID.
pub fn engine_id_shared() {
    SHARED_ENGINES.inc();
}

/// They do no longer.
pub fn engine_id_not_shared() {
    SHARED_ENGINES.dec();
}

/// A request went out.
pub fn request_sent() {
    REQUESTS.inc();
}

/// A request was not answered in time.
pub fn request_timed_out() {
    TIMEOUTS.inc();
}

/// So many datagrams came and this became of them.
pub fn datagrams_received(disposition: &str, count: u64) {
    if count != 0 {
        DATAGRAMS.with_label_values(&[disposition]).inc_by(count);
    }
}

/// A polling thread's socket has a receive buffer of so many octets, by the kernel's account.
pub fn receive_buffer(shard: usize, octets: usize, window: usize) {
    tracing::debug!(shard, octets, window, "receive buffer of a polling socket");
}

/// The kernel dropped so many datagrams.
pub fn kernel_dropped(count: u64) {
    if count != 0 {
        DROPS.inc_by(count);
        tracing::warn!(
            count,
            "the kernel dropped datagrams, as a receive buffer was full: raise net.core.rmem_max"
        );
    }
}

/// A request could not be sent.
pub fn send_failed(address: std::net::SocketAddr, error: &dyn std::fmt::Display) {
    SEND_ERRORS.inc();
    tracing::debug!(%address, %error, "request not sent");
}

/// A poll ended: well, or with an error of that class.
pub fn poll_ended(error: Option<&'static str>) {
    match error {
        None => POLLS_OK.inc(),
        Some(class) => POLLS.with_label_values(&[class]).inc(),
    }
}

/// A defect of ours was caught; the device is asked again at its next turn.
pub fn poll_panicked() {
    PANICS.inc();
    tracing::error!("a defect was caught while a device was handled; the others go on");
}

/// That many devices are polled.
pub fn devices_changed(count: usize) {
    DEVICES.set(i64::try_from(count).unwrap_or(i64::MAX));
}

/// A device has stopped or begun to answer, or was heard of for the first time.
pub fn device_changed(device: &str, address: &str, error: Option<&crate::model::PollError>, first: bool) {
    match error {
        Some(error) => {
            tracing::warn!(device, address, class = error.class(), %error, "device cannot be read");
        }
        None if first => tracing::debug!(device, address, "device is read"),
        None => tracing::info!(device, address, "device is read again"),
    }
}

/// Something went wrong with a device that did not fail its poll.
pub fn noted(device: &str, note: &str) {
    tracing::warn!(device, note, "noted while the device was polled");
}
