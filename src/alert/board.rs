//! The board: all pending and firing alerts, for the API and the status page. Written by the poll
//! threads, read by anyone.

use super::{AlertFacts, AlertKey, DeviceAlerts, Phase};
use crate::model::{Missing, Severity, UnixMillis};
use crate::rules::UnboundReason;
use dashmap::DashMap;
use std::fmt;
use std::sync::Arc;

/// One alert as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertView {
    /// What is known of it, as of its last change: the reading that began or worsened it.
    pub facts: Arc<AlertFacts>,
    /// Pending or firing.
    pub phase: Phase,
    /// Its severity; while pending, the one that it will have.
    pub severity: Severity,
    /// Since when the condition holds.
    pub since: UnixMillis,
    /// When it was announced; `None` while pending.
    pub fired_at: Option<UnixMillis>,
    /// Why it stands still, if it does.
    pub frozen: Option<Frozen>,
}

/// Why an alert can neither begin nor end at present: nothing is known of its reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frozen {
    /// Known from before the start; the device has not been polled since.
    NotPolled,
    /// The last poll of its device failed; the class of the error.
    PollFailed(&'static str),
    /// The reading was missing from the last poll.
    Missing(Missing),
    /// The reading is against physics.
    Suspect,
    /// The agent says that it does not know the state.
    UnknownState,
    /// What was polled is not what the rules were bound to; it is bound anew before the next poll.
    OtherShape,
    /// The device no longer has the component or reading.
    Gone,
    /// The rule cannot judge the reading.
    NotEvaluable(UnboundReason),
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPolled => f.write_str("not polled since the start"),
            Self::PollFailed(class) => write!(f, "the poll failed: {class}"),
            Self::Missing(missing) => write!(f, "no data: {missing}"),
            Self::Suspect => f.write_str("the reading is against physics"),
            Self::UnknownState => f.write_str("the agent does not know the state"),
            Self::OtherShape => f.write_str("the device was learnt anew"),
            Self::Gone => f.write_str("the device no longer has it"),
            Self::NotEvaluable(reason) => reason.fmt(f),
        }
    }
}

/// All pending and firing alerts.
#[derive(Debug, Default)]
pub struct Board {
    alerts: DashMap<AlertKey, Arc<AlertView>>,
}

impl Board {
    /// An empty board.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over what changed in a device's alerts since the last time. To be called after each
    /// [`DeviceAlerts::bind`] and [`DeviceAlerts::evaluate`]; costs nothing where nothing changed.
    pub fn apply(&self, alerts: &mut DeviceAlerts) {
        alerts.publish(|key, view| match view {
            Some(view) => {
                self.alerts.insert(key.clone(), Arc::new(view));
            }
            None => {
                self.alerts.remove(key);
            }
        });
    }

    /// Drops all alerts of a device that is no longer in the config.
    pub fn forget_device(&self, device: &str) {
        self.alerts.retain(|_, view| *view.facts.device != *device);
    }

    /// All of them, by key.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<AlertView>> {
        let mut views: Vec<Arc<AlertView>> = self.alerts.iter().map(|it| Arc::clone(&it)).collect();
        views.sort_by(|left, right| left.facts.key.cmp(&right.facts.key));
        views
    }

    /// The alert of that key.
    #[must_use]
    pub fn find(&self, key: &AlertKey) -> Option<Arc<AlertView>> {
        self.alerts.get(key).map(|it| Arc::clone(&it))
    }
}
