//! How far an alert's waits have come: what is kept over a restart beside what was announced.
//!
//! Time while nothing watches does not count, as in [`super::Cycle::freeze`]: what is kept is how long
//! a wait has lasted, not since when.

use super::cycle::Cycle;
use super::{AlertKey, AlertView, Phase};
use crate::model::{Moment, Severity, UnixMillis};
use std::time::Duration;

/// The waits of an alert as of a moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// The moment.
    pub(super) at: Moment,
    pub(super) cycle: Cycle,
}

/// The waits of an alert as they outlive the process.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// The alert.
    pub key: AlertKey,
    /// Since when its condition holds.
    pub since: UnixMillis,
    /// By severity: how long samples have stood beyond its threshold.
    pub crossing: [Option<Duration>; 4],
    /// How long samples have asked for less than what is announced.
    pub falling: Option<Duration>,
    /// Whether it flaps.
    pub is_flapping: bool,
}

impl Remembered {
    /// What is to be remembered of an alert, if anything is: its waits, as they stand now.
    #[must_use]
    pub fn of(view: &AlertView, now: Moment) -> Option<Self> {
        let until = if view.frozen.is_some() { view.progress.at } else { now };
        let (crossing, falling) = view.progress.cycle.waits(until);
        // Of a severity that was announced nobody waits.
        let announced = (view.phase == Phase::Firing).then_some(view.severity);
        let mut waits = Severity::ALL.into_iter().zip(crossing);
        let is_waiting = waits.any(|(severity, it)| it.is_some() && announced < Some(severity));
        (is_waiting || falling.is_some() || view.is_flapping).then(|| Self {
            key: view.facts.key.clone(),
            since: view.since,
            crossing,
            falling,
            is_flapping: view.is_flapping,
        })
    }
}
