//! The board: all pending and firing alerts, for the API and the status page. Written by the poll
//! threads, read by anyone.

use super::{AlertFacts, AlertKey, DeviceAlerts, Group, Phase, Progress, Remembered};
use crate::model::{Missing, Moment, Severity, UnixMillis};
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
    /// Whether it began so often of late that its end has to wait.
    pub is_flapping: bool,
    /// How far its waits had come when this was last changed.
    pub progress: Progress,
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
    /// The device behind which it is reached is silent too.
    ParentSilent(Arc<str>),
    /// The reading was missing from the last poll.
    Missing(Missing),
    /// The reading is against physics.
    Suspect,
    /// The agent says that it does not know the state.
    UnknownState,
    /// Not enough is known of the past to tell a rate of change.
    NoHistory,
    /// What was polled is not what the rules were bound to; it is bound anew before the next poll.
    OtherShape,
    /// The device no longer has the component or reading.
    Gone,
    /// Nothing is known of a device of the group: it is silent, late or not learnt yet.
    MemberUnknown(Arc<str>),
    /// Devices of the group measure different things.
    MembersDiffer,
    /// The rule cannot judge the reading.
    NotEvaluable(UnboundReason),
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPolled => f.write_str("not polled since the start"),
            Self::PollFailed(class) => write!(f, "the poll failed: {class}"),
            Self::ParentSilent(parent) => write!(f, "{parent}, behind which it is reached, is silent"),
            Self::Missing(missing) => write!(f, "no data: {missing}"),
            Self::Suspect => f.write_str("the reading is against physics"),
            Self::UnknownState => f.write_str("the agent does not know the state"),
            Self::NoHistory => f.write_str("its rate of change is not known yet"),
            Self::OtherShape => f.write_str("the device was learnt anew"),
            Self::MemberUnknown(device) => write!(f, "nothing is known of {device}, which is of the group"),
            Self::MembersDiffer => f.write_str("the devices of the group measure different things"),
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
        alerts.publish(|key, view| self.show(key, view));
    }

    /// The same for a group. To be called with the group locked, so that views keep their order.
    pub fn apply_group(&self, group: &mut Group) {
        group.publish(|key, view| self.show(key, view));
    }

    fn show(&self, key: &AlertKey, view: Option<AlertView>) {
        match view {
            Some(view) => _ = self.alerts.insert(key.clone(), Arc::new(view)),
            None => _ = self.alerts.remove(key),
        }
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

    /// What is to be remembered of them over a restart, at most so many, those that wait longest first.
    #[must_use]
    pub fn remember(&self, now: Moment, most: usize) -> Vec<Remembered> {
        let mut waiting: Vec<Remembered> =
            self.alerts.iter().filter_map(|it| Remembered::of(&it, now)).collect();
        waiting.sort_by(|left, right| (left.since, &left.key).cmp(&(right.since, &right.key)));
        waiting.truncate(most);
        waiting
    }

    /// The alert of that key.
    #[must_use]
    pub fn find(&self, key: &AlertKey) -> Option<Arc<AlertView>> {
        self.alerts.get(key).map(|it| Arc::clone(&it))
    }
}
