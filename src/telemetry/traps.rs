//! What the trap listener counts and says.

use super::{counter, counter_vec};
use prometheus::{IntCounter, IntCounterVec};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::LazyLock;

static RECEIVED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_traps_received_total",
        "Datagrams that came to the trap listener, by SNMP version, kind, and what became of them.",
        &["version", "kind", "outcome"],
    )
});
static POLLS: LazyLock<IntCounter> =
    LazyLock::new(|| counter("rackwarden_traps_polls_total", "Polls out of turn that traps have caused."));
static DROPPED: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("rackwarden_traps_dropped_total", "Traps that the kernel dropped because too many waited.")
});

/// The label of a version and kind that were not looked at.
pub const UNREAD: &str = "unread";

/// Makes those whose labels are known, so that they stand in /metrics from the start.
pub fn init(outcomes: &[&str]) {
    for outcome in outcomes {
        RECEIVED.with_label_values(&[UNREAD, UNREAD, outcome]);
    }
    LazyLock::force(&POLLS);
    LazyLock::force(&DROPPED);
}

/// Traps are listened for.
pub fn listening(address: SocketAddr, is_handed_over: bool) {
    let by = if is_handed_over { "a socket of systemd's" } else { "a socket of its own" };
    tracing::info!(%address, "traps are listened for, by {by}");
}

/// Systemd handed a socket over that nothing is configured for.
pub fn socket_unused() {
    tracing::warn!("systemd handed a socket over for traps, but there is no [traps] listen: it is not read");
}

/// Our engine ID of SNMPv3 is lost.
pub fn engine_lost(path: &Path, error: &dyn Display) {
    tracing::warn!(path = %path.display(), %error, "our SNMPv3 engine ID cannot be read: agents will discover a new one");
}

/// Our engine ID of SNMPv3 will be lost with this process.
pub fn engine_not_kept(path: &Path, error: &dyn Display) {
    tracing::warn!(path = %path.display(), %error, "our SNMPv3 engine ID cannot be kept: it holds until the next start");
}

/// The system has no randomness.
pub fn no_randomness(error: &dyn Display) {
    tracing::error!(%error, "the system gives no random octets");
}

/// So many datagrams came, and this became of them.
pub fn received(version: &str, kind: &str, outcome: &str, count: u64) {
    RECEIVED.with_label_values(&[version, kind, outcome]).inc_by(count);
}

/// A device is asked because of a trap.
pub fn polls_asked(count: u64) {
    if count != 0 {
        POLLS.inc_by(count);
    }
}

/// Whether anybody wants to know of each trap.
#[must_use]
pub fn is_told() -> bool {
    tracing::enabled!(tracing::Level::DEBUG)
}

/// A trap that had its device asked.
pub fn told(from: IpAddr, version: &str, trap: &dyn Display) {
    tracing::debug!(%from, version, %trap, "trap: its device is asked now");
}

/// A trap that had no effect, from somebody of whom the same was not said before.
pub fn refused(from: IpAddr, why: &str) {
    tracing::info!(%from, "traps from there have no effect: {why}");
}

/// No more of those lines for a while.
pub fn refusals_silenced() {
    tracing::info!("traps from many more senders have no effect; no more of them are named for an hour");
}

/// More came than are looked at.
pub fn flooded(from: IpAddr) {
    tracing::warn!(%from, "more traps come than are looked at; see rackwarden_traps_received_total");
}

/// The kernel dropped some.
pub fn dropped(count: u64) {
    DROPPED.inc_by(count);
}

/// An answer to an inform could not be sent.
pub fn answer_failed(to: SocketAddr, error: &dyn Display) {
    tracing::debug!(%to, %error, "inform not answered: its sender will repeat it");
}
