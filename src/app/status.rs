//! What the HTTP side shows of alerts and paging.

use crate::alert::Board;
use crate::http::{ActiveAlert, AlertSource, OutboxFacts, OutboxStatus};
use crate::notify::outbox::OutboxHandle;
use crate::notify::outbox::health::{CircuitHealth, DiskHealth};
use std::sync::Arc;

/// The board as a source of alerts.
pub(super) struct Alerts(pub(super) Arc<Board>);

impl AlertSource for Alerts {
    fn active(&self) -> Vec<Arc<ActiveAlert>> {
        let views = self.0.list();
        let show = |view: &Arc<crate::alert::AlertView>| {
            let reason = reason(view);
            Arc::new(ActiveAlert {
                facts: Arc::clone(&view.facts),
                phase: view.phase,
                severity: view.severity,
                reason,
            })
        };
        views.iter().map(show).collect()
    }
}

/// The outbox as a source of its state.
pub(super) struct Paging(pub(super) OutboxHandle);

impl OutboxStatus for Paging {
    fn integrations(&self) -> Vec<OutboxFacts> {
        let health = self.0.health();
        let disk_error = match &health.disk {
            DiskHealth::Written => None,
            DiskHealth::MemoryOnly { reason, .. } => {
                Some(format!("events are kept in memory only: {reason}"))
            }
        };
        let count = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        let facts = health.integrations.iter().map(|it| {
            let dead = health.dead_letters.iter().filter(|letter| letter.integration == it.name).count();
            let last_error =
                it.key_error.clone().or_else(|| it.last_error.as_ref().map(|(text, _)| text.clone()));
            OutboxFacts {
                name: it.name.to_string(),
                waiting: count(it.waiting),
                sent: it.sent,
                dead_letters: count(dead),
                last_error: disk_error.clone().or(last_error),
                healthy: disk_error.is_none()
                    && it.key_error.is_none()
                    && it.circuit == CircuitHealth::Closed,
            }
        });
        facts.collect()
    }
}

/// What was read against what, and why the alert stands still if it does.
fn reason(view: &crate::alert::AlertView) -> String {
    let facts = &view.facts;
    let mut words = facts.reading.clone();
    if let Some(threshold) = facts.threshold.filter(|_| !facts.operator.is_empty()) {
        words =
            format!("{words} {} {} {}", facts.operator, crate::rules::words::number(threshold), facts.unit);
    }
    match &view.frozen {
        Some(frozen) => format!("{words} (stands still: {frozen})"),
        None => words,
    }
}
