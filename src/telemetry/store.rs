//! Events of the store.

use super::{counter, gauge};
use prometheus::{IntCounter, IntGauge};
use std::sync::LazyLock;

static DEVICES: LazyLock<IntGauge> =
    LazyLock::new(|| gauge("rackwarden_store_devices", "Devices that have been polled at least once."));

static SERIES_DROPPED: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "rackwarden_store_series_dropped_total",
        "Readings left out of the exposition because their labels are those of another reading.",
    )
});

/// Makes them, so that they stand in /metrics from the start.
pub(crate) fn init() {
    LazyLock::force(&DEVICES);
    LazyLock::force(&SERIES_DROPPED);
}

/// The first batch of a device came.
pub(crate) fn device_added() {
    DEVICES.inc();
}

/// A device was forgotten.
pub(crate) fn device_removed() {
    DEVICES.dec();
}

/// Readings of a newly learnt device have the labels of others: only the first of each is exposed.
pub(crate) fn series_dropped(device: &str, count: u32) {
    tracing::warn!(
        device,
        count,
        "readings left out of /metrics: another reading of the device has the same component, index, name and quantity"
    );
    SERIES_DROPPED.inc_by(u64::from(count));
}
