//! Events of paging.

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use std::sync::LazyLock;
use std::time::Duration;

static SUBMITTED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    super::counter_vec(
        "rackwarden_notify_transitions_total",
        "Transitions of alerts that were handed to the outbox.",
        &["action"],
    )
});
static ACCEPTED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    super::counter_vec(
        "rackwarden_notify_events_accepted_total",
        "Events that the receiver has accepted.",
        &["integration", "action"],
    )
});
static FAILURES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    super::counter_vec(
        "rackwarden_notify_send_failures_total",
        "Requests that did not bring an event through and are tried again.",
        &["integration", "reason"],
    )
});
static DEAD_LETTERS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    super::counter_vec(
        "rackwarden_notify_dead_letters_total",
        "Events that were given up.",
        &["integration", "reason"],
    )
});
static MERGED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    super::counter_vec(
        "rackwarden_notify_events_merged_total",
        "Waiting events that are not sent: superseded by a newer one, collapsed with their resolve, or postponed \
         until fewer wait.",
        &["integration", "how"],
    )
});
static REPAIRED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    super::counter_vec(
        "rackwarden_notify_events_repaired_total",
        "Events that were sent once more without the fields that the receiver refused.",
        &["integration"],
    )
});
static WAITING: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    super::gauge_vec(
        "rackwarden_notify_waiting_events",
        "Events that wait for the receiver or are on their way.",
        &["integration"],
    )
});
static ACCEPTANCE: LazyLock<Histogram> = LazyLock::new(|| {
    super::histogram(
        "rackwarden_notify_acceptance_duration_seconds",
        "From the transition to the receiver's 202.",
        &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0],
    )
});
static COMMIT: LazyLock<Histogram> = LazyLock::new(|| {
    super::histogram(
        "rackwarden_notify_commit_duration_seconds",
        "Writing a group of changes to disk, fsync included.",
        &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0],
    )
});
static DISK_FAILURES: LazyLock<IntCounter> = LazyLock::new(|| {
    super::counter("rackwarden_notify_disk_failures_total", "Failures to open or write the outbox's file.")
});
static IN_MEMORY: LazyLock<IntGauge> = LazyLock::new(|| {
    super::gauge(
        "rackwarden_notify_outbox_in_memory",
        "1 while the outbox's file cannot be written and events are kept in memory only.",
    )
});
static HEARTBEATS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    super::counter_vec(
        "rackwarden_notify_heartbeats_total",
        "Times that the heartbeat's URL was due: asked for, or not because something is wrong.",
        &["result"],
    )
});
static OLDEST: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    super::gauge_vec(
        "rackwarden_notify_lag_seconds",
        "How long the event that has waited longest has done so.",
        &["integration"],
    )
});
static HELD: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    super::gauge_vec(
        "rackwarden_notify_held_alerts",
        "Alerts that go on and are not announced: silenced, waiting for others, or in a group.",
        &["why"],
    )
});
static PANICS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    super::counter_vec(
        "rackwarden_notify_panics_total",
        "Parts of paging that failed and were begun anew.",
        &["part"],
    )
});

/// Makes those whose labels are known, so that they stand in /metrics from the start.
pub(crate) fn init() {
    for action in ACTIONS {
        SUBMITTED.with_label_values(&[action]);
    }
    for result in ["sent", "withheld"] {
        HEARTBEATS.with_label_values(&[result]);
    }
    held(0, 0, 0);
    for part in ["sender", "request", "writer"] {
        PANICS.with_label_values(&[part]);
    }
    LazyLock::force(&ACCEPTANCE);
    LazyLock::force(&COMMIT);
    LazyLock::force(&DISK_FAILURES);
    LazyLock::force(&IN_MEMORY);
}

/// What an event asks for.
const ACTIONS: [&str; 3] = ["trigger", "acknowledge", "resolve"];

/// A transition came in.
pub fn submitted(action: &str, alert: &str) {
    SUBMITTED.with_label_values(&[action]).inc();
    tracing::debug!(alert, action, "announcing");
}

/// The receiver took an event, so long after the transition.
pub fn accepted(integration: &str, action: &str, alert: &str, after: Duration) {
    ACCEPTED.with_label_values(&[integration, action]).inc();
    ACCEPTANCE.observe(after.as_secs_f64());
    let after_ms = format!("{:.1}", after.as_secs_f64() * 1e3);
    tracing::info!(integration, action, alert, %after_ms, "paged");
}

/// A request failed; the first of its kind is a warning, its repetitions are not.
pub fn failed(integration: &str, reason: &str, text: &str, pause: Duration, first: bool) {
    FAILURES.with_label_values(&[integration, reason]).inc();
    let pause_seconds = pause.as_secs_f64();
    if first {
        tracing::warn!(integration, reason, pause_seconds, "paging fails and is tried again: {text}");
    } else {
        tracing::debug!(integration, reason, pause_seconds, "paging still fails: {text}");
    }
}

/// An integration cannot send as it is set up.
pub fn not_ready(integration: &str, text: &str) {
    tracing::error!(integration, "this integration cannot page: {text}");
}

/// The receiver takes events again.
pub fn recovered(integration: &str) {
    tracing::info!(integration, "paging works again");
}

/// The receiver refused a field; the event goes again without it.
pub fn repaired(integration: &str, alert: &str, text: &str) {
    REPAIRED.with_label_values(&[integration]).inc();
    tracing::warn!(
        integration,
        alert,
        "the event was refused and is sent again in its shortest form: {text}"
    );
}

/// An event was given up.
pub fn dead_letter(integration: &str, reason: &str, alert: &str, action: &str, text: &str) {
    DEAD_LETTERS.with_label_values(&[integration, reason]).inc();
    tracing::error!(integration, reason, alert, action, "a page was given up: {text}");
}

/// A newer event took the place of one that waited.
pub fn merged(integration: &str, alert: &str) {
    MERGED.with_label_values(&[integration, "superseded"]).inc();
    tracing::debug!(integration, alert, "a waiting event is superseded");
}

/// An alert began and ended before its trigger could be sent.
pub fn collapsed(integration: &str, alert: &str) {
    MERGED.with_label_values(&[integration, "collapsed"]).inc();
    tracing::info!(integration, alert, "an alert ended before it could be announced: nobody is paged");
}

/// An alert waits without an event, since too many wait: it gets one when there is room.
pub fn postponed(integration: &str, alert: &str) {
    MERGED.with_label_values(&[integration, "postponed"]).inc();
    tracing::debug!(integration, alert, "an alert waits for room among the events");
}

/// How many events wait. An integration's other counters begin here too: one that first appears with
/// its first event shows no increase.
pub fn waiting(integration: &str, events: usize) {
    for action in ACTIONS {
        ACCEPTED.with_label_values(&[integration, action]);
    }
    for how in ["superseded", "collapsed", "postponed"] {
        MERGED.with_label_values(&[integration, how]);
    }
    for reason in ["refused", "field_refused", "overflow", "abandoned"] {
        DEAD_LETTERS.with_label_values(&[integration, reason]);
    }
    REPAIRED.with_label_values(&[integration]);
    WAITING.with_label_values(&[integration]).set(i64::try_from(events).unwrap_or(i64::MAX));
}

/// A commit took so long.
pub fn committed(duration: Duration) {
    COMMIT.observe(duration.as_secs_f64());
}

/// The file failed; paging goes on in memory.
pub fn disk_failed(text: &str, first: bool) {
    DISK_FAILURES.inc();
    IN_MEMORY.set(1);
    if first {
        tracing::error!("the outbox is kept in memory only, a restart would lose what waits: {text}");
    } else {
        tracing::debug!("the outbox is still kept in memory only: {text}");
    }
}

/// The file is written again.
pub fn disk_recovered() {
    IN_MEMORY.set(0);
    tracing::info!("the outbox is on disk again");
}

/// Something about the file that an operator should know.
pub fn disk_warning(text: &str) {
    tracing::warn!("{text}");
}

/// The disk takes so long that events are no longer kept for it.
pub fn disk_stalled() {
    DISK_FAILURES.inc();
    tracing::error!("the disk does not answer: events go out without having been written");
}

/// Alerts name integrations that the config does not have.
pub fn unknown_integrations(alert: &str, names: &str) {
    tracing::warn!(alert, names, "the rule's integrations are not in the config: the default ones are used");
}

/// Transitions after the end.
pub fn dropped_at_stop(transitions: usize) {
    tracing::warn!(transitions, "transitions after the outbox was stopped: a restart finds them anew");
}

/// The heartbeat was due.
pub fn heartbeat(sent: bool, reason: &str) {
    HEARTBEATS.with_label_values(&[if sent { "sent" } else { "withheld" }]).inc();
    if sent {
        tracing::debug!("heartbeat");
    } else {
        tracing::warn!("no heartbeat: {reason}");
    }
}

/// How long the oldest event of an integration has waited.
pub fn lag(integration: &str, waited: Duration) {
    OLDEST.with_label_values(&[integration]).set(i64::try_from(waited.as_secs()).unwrap_or(i64::MAX));
}

/// How many alerts are held back, and why.
pub fn held(silenced: usize, waiting: usize, grouped: usize) {
    for (why, count) in [("silence", silenced), ("wait", waiting), ("group", grouped)] {
        HELD.with_label_values(&[why]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

/// An operator did something.
pub fn operated(what: &str, about: &str, by: &str) {
    tracing::info!(what, about, by, "an operator's wish");
}

/// A change event was not taken.
pub fn change_event_failed(integration: &str, text: &str) {
    tracing::warn!(integration, "a change event was not taken: {text}");
}

/// A part of paging panicked and is begun anew.
pub fn panicked(part: &str, name: &str) {
    PANICS.with_label_values(&[part]).inc();
    tracing::error!(part, name, "a part of paging failed and is begun anew");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn every_metric_is_well_formed() {
        super::submitted("trigger", "a");
        super::accepted("i", "trigger", "a", Duration::from_millis(3));
        super::failed("i", "timeout", "t", Duration::ZERO, true);
        super::repaired("i", "a", "t");
        super::dead_letter("i", "refused", "a", "trigger", "t");
        super::merged("i", "a");
        super::waiting("i", 3);
        super::committed(Duration::from_millis(1));
        super::disk_failed("t", true);
        super::disk_recovered();
        super::panicked("lane", "i");
        super::lag("i", Duration::ZERO);
        super::heartbeat(true, "");
        super::init();
        let families = crate::telemetry::registry().gather();
        for family in &families {
            assert!(family.help().ends_with('.'), "{}: {}", family.name(), family.help());
        }
        let names: Vec<String> = families.iter().map(|it| it.name().to_owned()).collect();
        assert!(names.iter().any(|it| it == "rackwarden_notify_acceptance_duration_seconds"), "{names:?}");
    }
}
