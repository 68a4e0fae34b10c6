//! Whether the collector itself does what it is there for: it polls, keeps events on disk, and sends
//! them. What does not go well is an alert of its own, and withholds the heartbeat.

use super::pipeline::Shared;
use crate::alert::{AlertFacts, AlertKey, Transition, TransitionKind};
use crate::model::{Now, Severity, SystemClock, UnixMillis};
use crate::notify::outbox::health::DiskHealth;
use crate::store::Standing;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(10);
/// An event that waits longer than this is late: five failed tries, or a rate limit's storm.
const SENDING_MAX: Duration = Duration::from_secs(300);
/// What our own alerts are about.
pub(super) const OWN_NAME: &str = "rackwarden";

/// What does not go well: a name, how bad, and why in words.
fn troubles(shared: &Shared, now: Now) -> BTreeMap<String, (Severity, String)> {
    let mut found = BTreeMap::new();
    let health = shared.outbox.health();
    if let DiskHealth::MemoryOnly { reason, .. } = &health.disk {
        let why = format!("events are kept in memory only: {reason}");
        found.insert("outbox-disk".to_owned(), (Severity::Error, why));
    }
    for it in health.integrations.iter().filter(|it| SENDING_MAX <= it.oldest) {
        let minutes = it.oldest.as_secs() / 60;
        let why = format!("events for {} have waited for {minutes} min ({} wait)", it.name, it.waiting);
        found.insert(format!("sending/{}", it.name), (Severity::Error, why));
    }
    let standings: Vec<Standing> =
        shared.store.snapshot().iter().filter(|it| !it.is_inventory()).map(|it| it.standing(now)).collect();
    let stale = standings.iter().filter(|it| **it == Standing::Stale).count();
    if standings.len() < stale * 2 {
        let why = format!("{stale} of {} devices have not been polled for too long", standings.len());
        found.insert("polling".to_owned(), (Severity::Critical, why));
    }
    found
}

/// Why the heartbeat should not be sent.
pub(super) fn why_not_well(shared: &Shared, now: Now) -> Option<String> {
    troubles(shared, now).into_values().next().map(|(_, why)| why)
}

/// Tells of troubles, and of their end, like any other alert.
pub(super) async fn watch(shared: Arc<Shared>, clock: SystemClock) {
    let mut known: BTreeMap<String, (Severity, UnixMillis)> = BTreeMap::new();
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let now = clock.now();
        let found = troubles(&shared, now);
        let mut transitions = Vec::new();
        for (name, (severity, why)) in &found {
            if !known.contains_key(name) {
                known.insert(name.clone(), (*severity, now.unix));
                transitions.push(transition(TransitionKind::Trigger, name, *severity, why, now, now.unix));
            }
        }
        known.retain(|name, (severity, since)| {
            let goes_on = found.contains_key(name);
            if !goes_on {
                let why = "it goes well again";
                transitions.push(transition(TransitionKind::Resolve, name, *severity, why, now, *since));
            }
            goes_on
        });
        shared.outbox.submit(transitions);
    }
}

fn transition(
    kind: TransitionKind,
    name: &str,
    severity: Severity,
    why: &str,
    now: Now,
    since: UnixMillis,
) -> Transition {
    let key = AlertKey(format!("{OWN_NAME}/{name}").into());
    let facts = AlertFacts {
        reading: why.to_owned(),
        ..AlertFacts::of_no_reading(key, (OWN_NAME, "self", "lag"), OWN_NAME.into(), since)
    };
    Transition { kind, severity, at: now.unix, reason: why.to_owned(), facts: Arc::new(facts) }
}
