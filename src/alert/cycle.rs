//! The life cycle of one alert as a pure state machine: inactive, pending, firing, ended.
//!
//! Each severity begins where a sample has stood beyond its threshold for the rule's `for`, and ends
//! where it stands past its clear value; a fall (to a milder severity or to the end) waits for
//! `keep_firing_for`. Where nothing is known the clocks stand still ([`Cycle::freeze`]): neither does
//! an alert begin nor end for want of data.

use crate::model::{Moment, Severity};
use crate::rules::{Standing, Standings, Waits};
use std::time::Duration;

/// One alert that is pending or firing. An inactive alert has no state at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// What has been announced; `None` while pending.
    announced: Option<Severity>,
    /// Since when samples stand beyond each severity's threshold; [`Moment::NEVER`] if they do not.
    crossing_since: [Moment; 4],
    /// Since when samples ask for less than what is announced; [`Moment::NEVER`] if they do not.
    falling_since: Moment,
}

/// What a sample led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing that needs to be said.
    Stay,
    /// Pending, and the condition is over: as if it had never been.
    Forget,
    /// It begins.
    Trigger(Severity),
    /// It goes on with another severity.
    Change {
        /// What it was.
        from: Severity,
        /// What it is.
        to: Severity,
    },
    /// It ends.
    Resolve {
        /// The last severity.
        last: Severity,
        /// Whether it begins to be pending anew at once: only where the rule was changed meanwhile.
        is_pending: bool,
    },
}

impl Step {
    /// Whether it begins or gets worse.
    #[must_use]
    pub fn is_rise(self) -> bool {
        match self {
            Self::Trigger(_) => true,
            Self::Change { from, to } => from < to,
            Self::Stay | Self::Forget | Self::Resolve { .. } => false,
        }
    }
}

impl Default for Cycle {
    fn default() -> Self {
        Self { announced: None, crossing_since: [Moment::NEVER; 4], falling_since: Moment::NEVER }
    }
}

impl Cycle {
    /// An alert that was announced earlier, by this process or one before it.
    #[must_use]
    pub fn announced(severity: Severity) -> Self {
        Self { announced: Some(severity), ..Self::default() }
    }

    /// What has been announced; `None` while pending.
    #[must_use]
    pub const fn severity(&self) -> Option<Severity> {
        self.announced
    }

    /// The worst severity whose threshold the last sample stood beyond.
    #[must_use]
    pub fn worst_crossing(&self) -> Option<Severity> {
        self.worst(|it| it != Moment::NEVER)
    }

    /// How long samples have stood beyond each severity's threshold until then, and how long they have
    /// asked for less than what is announced.
    #[must_use]
    pub fn waits(&self, until: Moment) -> ([Option<Duration>; 4], Option<Duration>) {
        let wait = |clock: Moment| (clock != Moment::NEVER).then(|| until.since(clock));
        (self.crossing_since.map(wait), wait(self.falling_since))
    }

    /// Sets the waits as if they had lasted so long by now.
    pub fn resume(&mut self, now: Moment, crossing: &[Option<Duration>; 4], falling: Option<Duration>) {
        let since = |wait: Option<Duration>| wait.map_or(Moment::NEVER, |it| now - it);
        (self.crossing_since, self.falling_since) = (crossing.map(since), since(falling));
    }

    /// Which waits are under way, a bit each.
    #[must_use]
    pub fn pattern(&self) -> u8 {
        let clocks = self.crossing_since.iter().chain([&self.falling_since]);
        clocks.fold(0, |bits, clock| (bits << 1) | u8::from(*clock != Moment::NEVER))
    }

    /// Nothing is known of this time: as if it had not passed.
    pub fn freeze(&mut self, passed: Duration) {
        for clock in self.crossing_since.iter_mut().chain([&mut self.falling_since]) {
            if *clock != Moment::NEVER {
                *clock = *clock + passed;
            }
        }
    }

    /// Takes a sample's standings.
    pub fn step(&mut self, now: Moment, standings: &Standings, waits: Waits) -> Step {
        for (clock, standing) in self.crossing_since.iter_mut().zip(standings) {
            *clock = if *standing == Standing::Crossing { now.min(*clock) } else { Moment::NEVER };
        }
        let due = self.worst(|it| it != Moment::NEVER && waits.hold_for <= elapsed(it, now));
        let Some(announced) = self.announced else {
            self.announced = due;
            return match due {
                Some(severity) => Step::Trigger(severity),
                None if self.worst_crossing().is_some() => Step::Stay,
                None => Step::Forget,
            };
        };
        let target = due.max(held(standings, announced));
        if target == Some(announced) {
            self.falling_since = Moment::NEVER;
            return Step::Stay;
        }
        let is_rise = Some(announced) < target;
        if !is_rise {
            self.falling_since = self.falling_since.min(now);
            if elapsed(self.falling_since, now) < waits.keep_firing_for {
                return Step::Stay;
            }
        }
        self.falling_since = Moment::NEVER;
        self.announced = target;
        match target {
            Some(to) => Step::Change { from: announced, to },
            None => Step::Resolve { last: announced, is_pending: self.worst_crossing().is_some() },
        }
    }

    fn worst(&self, is_so: impl Fn(Moment) -> bool) -> Option<Severity> {
        let clocks = Severity::ALL.into_iter().zip(self.crossing_since);
        clocks.filter(|(_, clock)| is_so(*clock)).map(|(severity, _)| severity).max()
    }
}

/// The worst severity, no worse than what is announced, that has not been cleared.
fn held(standings: &Standings, announced: Severity) -> Option<Severity> {
    Severity::ALL
        .into_iter()
        .zip(standings)
        .filter(|(severity, standing)| {
            *severity <= announced && matches!(standing, Standing::Between | Standing::Crossing)
        })
        .map(|(severity, _)| severity)
        .max()
}

const fn elapsed(since: Moment, now: Moment) -> u64 {
    now.nanoseconds().saturating_sub(since.nanoseconds())
}
