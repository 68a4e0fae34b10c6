//! What outlives the process: a firing alert as the outbox keeps it, given back at the next start.

use super::{AlertFacts, AlertKey, Transition, TransitionKind};
use crate::model::{Now, Severity, UnixMillis};
use std::sync::Arc;

/// An alert that was announced and not yet ended when the process last wrote to disk.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAlert {
    /// The severity that was announced last.
    pub severity: Severity,
    /// When it was announced first.
    pub fired_at: UnixMillis,
    /// The alert, as its last transition had it.
    pub facts: Arc<AlertFacts>,
    /// Whether the facts are what the key says, and the rest is still on its way: see
    /// [`super::DeviceAlerts::complete`].
    pub is_bare: bool,
}

impl OpenAlert {
    /// Its identity.
    #[must_use]
    pub fn key(&self) -> &AlertKey {
        &self.facts.key
    }
}

/// Ends alerts of a device that is no longer in the config.
pub fn resolve_removed(open: impl IntoIterator<Item = OpenAlert>, at: Now, out: &mut Vec<Transition>) {
    resolve(open, REMOVED_DEVICE, at, out);
}

/// Ends alerts of groups that no device is in any more.
pub fn resolve_orphans(open: impl IntoIterator<Item = OpenAlert>, at: Now, out: &mut Vec<Transition>) {
    resolve(open, "no device is in the group any more", at, out);
}

fn resolve(open: impl IntoIterator<Item = OpenAlert>, reason: &str, at: Now, out: &mut Vec<Transition>) {
    out.extend(open.into_iter().map(|it| Transition {
        kind: TransitionKind::Resolve,
        severity: it.severity,
        at: at.unix,
        reason: reason.to_owned(),
        facts: it.facts,
    }));
}

pub(super) const REMOVED_DEVICE: &str = "device removed from the config";
