//! What the resolution of device names counts and says.

use super::{counter, counter_vec};
use prometheus::{IntCounter, IntCounterVec};
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::LazyLock;

static LOOKUPS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_names_lookups_total",
        "Lookups of device names that ended, by how: ok, failed.",
        &["result"],
    )
});
static MOVES: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "rackwarden_names_moves_total",
        "Devices that are asked at another address of their name than before.",
    )
});

/// Makes all of them, so that they stand in /metrics from the start.
pub fn init() {
    for result in ["ok", "failed"] {
        LOOKUPS.with_label_values(&[result]);
    }
    LazyLock::force(&MOVES);
}

/// A lookup ended.
pub fn looked_up(found: bool) {
    LOOKUPS.with_label_values(&[if found { "ok" } else { "failed" }]).inc();
}

/// The resolver gave no answer, or a bad one.
pub fn lookup_failed(name: &str, error: &dyn Display) {
    tracing::debug!(name, %error, "name not resolved");
}

/// A name has another address.
pub fn moved(device: &str, address: SocketAddr) {
    MOVES.inc();
    tracing::info!(device, %address, "the device's name has another address; it is asked there now");
}

/// A device does not answer, and its name has several addresses.
pub fn next_address(device: &str, address: SocketAddr) {
    MOVES.inc();
    tracing::info!(device, %address, "the device does not answer; the next address of its name is tried");
}
