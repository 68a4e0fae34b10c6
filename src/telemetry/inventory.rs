//! Events of inventory sources.

use super::{counter, counter_vec};
use crate::model::{Batch, ComponentKind, SnapshotError};
use prometheus::{IntCounter, IntCounterVec};
use std::sync::LazyLock;

static SNAPSHOTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_inventory_snapshots_total",
        "Snapshots that were tried, by source and by how they ended.",
        &["source", "result"],
    )
});
static REQUESTS: LazyLock<IntCounter> =
    LazyLock::new(|| counter("rackwarden_inventory_requests_total", "Requests sent to inventory sources."));
static WAITS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "rackwarden_inventory_waits_total",
        "Times that a snapshot waited because its source wants fewer requests.",
    )
});
static PANICS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "rackwarden_inventory_panics_total",
        "Defects of the collector that were caught while it took a snapshot; report them.",
    )
});

/// Makes them, so that they stand in /metrics from the start.
pub fn init() {
    LazyLock::force(&SNAPSHOTS);
    LazyLock::force(&REQUESTS);
    LazyLock::force(&WAITS);
    LazyLock::force(&PANICS);
}

/// A request goes out.
pub(crate) fn requested() {
    REQUESTS.inc();
}

/// A source wants fewer requests.
pub(crate) fn waiting() {
    WAITS.inc();
}

/// A snapshot ended. The log has the first of a kind: the first good one, each first failure of a class,
/// and the recovery.
pub fn snapshot_ended(
    batch: &Batch,
    before: Option<Option<SnapshotError>>,
    now: Option<SnapshotError>,
    counts: &[(ComponentKind, usize)],
) {
    let source = &*batch.source.device;
    SNAPSHOTS.with_label_values(&[source, now.map_or("ok", SnapshotError::name)]).inc();
    if before == Some(now) {
        return;
    }
    let milliseconds = u64::try_from(batch.duration.as_millis()).unwrap_or(u64::MAX);
    match &batch.error {
        Some(error) => {
            tracing::warn!(source, address = %batch.source.address, class = error.class(), "no inventory snapshot: {error}");
        }
        None => {
            let found: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            tracing::info!(source, milliseconds, found = found.join(", "), "inventory snapshot taken");
        }
    }
}

/// A source's list lost most of its objects: perhaps rights were taken away.
pub fn shrunk(source: &str, kind: ComponentKind, before: usize, now: usize) {
    tracing::warn!(source, kind = %kind, before, now, "the inventory lists far fewer than before: may we still see them all?");
}

/// What is odd in a snapshot, when that changes.
pub fn odd(source: &str, first: &[String], count: usize) {
    for warning in first {
        tracing::warn!(source, "odd in the inventory: {warning}");
    }
    if first.len() < count {
        tracing::warn!(source, more = count - first.len(), "more of the same in the inventory");
    }
}

/// A defect while a snapshot was taken.
pub fn panicked(source: &str) {
    tracing::error!(source, "a defect of rackwarden ended a snapshot; it is tried again");
    PANICS.inc();
}
