//! A device's pending and firing alerts. An inactive alert has no state; a device without open alerts
//! has none here at all.

use super::board::{AlertView, Frozen};
use super::cycle::{Cycle, Step};
use super::facts::Subject;
use super::open::OpenAlert;
use super::{AlertFacts, AlertKey, DeviceAlerts, Phase, Transition, TransitionKind};
use crate::model::{Now, UnixMillis};
use crate::rules::{Program, Standing, Standings};
use std::sync::Arc;
use std::time::Duration;

/// The pending and firing alerts of a device.
#[derive(Debug, Default)]
pub(super) struct Opens {
    /// In no order.
    pub(super) alerts: Vec<Open>,
    /// Of each check the place of its open alert plus one, or zero. Empty while no check has one.
    places: Vec<u32>,
    /// Keys that the board still shows and that are over.
    pub(super) retired: Vec<AlertKey>,
}

/// A pending or firing alert.
#[derive(Debug)]
pub(super) struct Open {
    /// A place in the program. `None` at present: its component is gone or cannot be judged.
    pub(super) check: Option<u32>,
    pub(super) cycle: Cycle,
    pub(super) facts: Arc<AlertFacts>,
    pub(super) since: UnixMillis,
    pub(super) fired_at: Option<UnixMillis>,
    pub(super) frozen: Option<Frozen>,
    /// Complete polls in which the component was gone.
    pub(super) gone_polls: u32,
    /// Whether the board shows it.
    pub(super) is_published: bool,
    /// Whether the board shows it otherwise than it is.
    pub(super) is_stale: bool,
}

impl Opens {
    /// None, but for keys that the board still shows.
    pub(super) fn with_retired(retired: Vec<AlertKey>) -> Self {
        Self { retired, ..Self::default() }
    }

    /// Whether the check has an open alert.
    #[inline]
    pub(super) fn is_open(&self, check: u32) -> bool {
        self.place(check).is_some()
    }

    #[inline]
    fn place(&self, check: u32) -> Option<usize> {
        (self.places.get(check as usize)?.checked_sub(1)).map(|it| it as usize)
    }

    /// Adds an alert: of a check, or of none at present.
    pub(super) fn add(&mut self, program: &Program, alert: Open) {
        let check = alert.check;
        self.alerts.push(alert);
        if let Some(check) = check {
            if self.places.is_empty() {
                self.places = vec![0; program.len()];
            }
            self.set_place(check, self.alerts.len());
        }
    }

    fn set_place(&mut self, check: u32, place: usize) {
        if let Some(slot) = self.places.get_mut(check as usize) {
            *slot = u32::try_from(place).unwrap_or(u32::MAX);
        }
    }

    /// Adds the guards of the open alerts: their readings need a look whatever they say.
    pub(super) fn add_guards(&self, program: &Program, attention: &mut Vec<u32>) {
        let guards = self.alerts.iter().filter_map(|it| program.guard_of(it.check?));
        attention.extend(guards.filter_map(|it| u32::try_from(it).ok()));
    }

    /// Takes a sample's standings to its alert, which may be none yet.
    pub(super) fn advance(
        &mut self,
        program: &Program,
        check: u32,
        subject: &Subject<'_>,
        standings: &Standings,
        out: &mut Vec<Transition>,
    ) {
        let now = subject.batch.time;
        let Some(place) = self.place(check) else {
            if standings.contains(&Standing::Crossing) {
                self.add(program, begin(check, subject, standings, out));
            }
            return;
        };
        let Some(alert) = self.alerts.get_mut(place) else { return };
        let was_frozen = alert.frozen.take().is_some();
        let worst_before = alert.cycle.worst_crossing();
        let step = alert.cycle.step(now.moment, standings, subject.rule);
        let is_shown_otherwise = alert.fired_at.is_none() && worst_before != alert.cycle.worst_crossing();
        alert.is_stale |= was_frozen || is_shown_otherwise;
        match step {
            Step::Stay => (),
            Step::Forget => self.close(place),
            Step::Trigger(_) | Step::Change { .. } => {
                alert.retell(subject, step);
                alert.fired_at = alert.fired_at.or(Some(now.unix));
                out.extend(transition(step, now, subject.reason(step), &alert.facts));
            }
            Step::Resolve { is_pending, .. } => {
                alert.retell(subject, step);
                out.extend(transition(step, now, subject.reason(step), &alert.facts));
                if is_pending {
                    (alert.fired_at, alert.since) = (None, now.unix);
                    alert.facts = Arc::new(subject.facts(subject.key(), now.unix, subject.limit(Step::Stay)));
                } else {
                    self.close(place);
                }
            }
        }
    }

    /// Counts a complete poll against alerts whose component is gone.
    pub(super) fn count_gone(&mut self, now: Now, passed: Duration, out: &mut Vec<Transition>) {
        for place in (0..self.alerts.len()).rev() {
            let Some(open) = self.alerts.get_mut(place).filter(|it| it.check.is_none()) else { continue };
            open.cycle.freeze(passed);
            if matches!(open.frozen, Some(Frozen::NotEvaluable(_))) {
                continue;
            }
            open.stand_still(Frozen::Gone);
            open.gone_polls += 1;
            if DeviceAlerts::GONE_AFTER_POLLS <= open.gone_polls {
                let polls = DeviceAlerts::GONE_AFTER_POLLS;
                out.extend(open.ended(now, &format!("gone: the device has not had it for {polls} polls")));
                self.close(place);
            }
        }
    }

    /// Nothing is known of the check's reading.
    pub(super) fn freeze(&mut self, check: u32, reason: Frozen, passed: Duration) {
        let Some(place) = self.place(check) else { return };
        if let Some(open) = self.alerts.get_mut(place) {
            open.cycle.freeze(passed);
            open.stand_still(reason);
        }
    }

    /// Nothing is known of any reading.
    pub(super) fn freeze_readings(&mut self, program: &Program, reason: &Frozen, passed: Duration) {
        for open in &mut self.alerts {
            match open.check.map(|it| program.guard_of(it)) {
                // The device's own alerts are about just this.
                Some(None) => (),
                None => open.cycle.freeze(passed),
                Some(Some(_)) => {
                    open.cycle.freeze(passed);
                    open.stand_still(reason.clone());
                }
            }
        }
    }

    /// The firing ones, by key.
    pub(super) fn firing(&self) -> Vec<OpenAlert> {
        let announced = self.alerts.iter().filter_map(|it| {
            let facts = Arc::clone(&it.facts);
            Some(OpenAlert { severity: it.cycle.severity()?, fired_at: it.fired_at?, facts })
        });
        let mut firing: Vec<OpenAlert> = announced.collect();
        firing.sort_by(|left, right| left.key().cmp(right.key()));
        firing
    }

    /// Tells what changed since the last time: a key with its view, or without one if it is over.
    pub(super) fn publish(&mut self, mut tell: impl FnMut(&AlertKey, Option<AlertView>)) {
        for key in self.retired.drain(..) {
            tell(&key, None);
        }
        for open in self.alerts.iter_mut().filter(|it| it.is_stale) {
            (open.is_stale, open.is_published) = (false, true);
            tell(&open.facts.key, open.view());
        }
    }

    fn close(&mut self, place: usize) {
        let closed = self.alerts.swap_remove(place);
        if let Some(check) = closed.check {
            self.set_place(check, 0);
        }
        if closed.is_published {
            self.retired.push(closed.facts.key.clone());
        }
        if let Some(check) = self.alerts.get(place).and_then(|it| it.check) {
            self.set_place(check, place + 1);
        }
        if self.alerts.is_empty() {
            // Storms pass: a calm device keeps nothing of them.
            (self.alerts, self.places) = (Vec::new(), Vec::new());
        }
    }
}

/// An alert that begins, and whose begin may already be announced.
fn begin(check: u32, subject: &Subject<'_>, standings: &Standings, out: &mut Vec<Transition>) -> Open {
    let now = subject.batch.time;
    let mut cycle = Cycle::default();
    let step = cycle.step(now.moment, standings, subject.rule);
    let facts = subject.facts(subject.key(), now.unix, subject.limit(step));
    let mut begun = Open::new(Some(check), cycle, Arc::new(facts), now.unix);
    if let Step::Trigger(_) = step {
        begun.fired_at = Some(now.unix);
        out.extend(transition(step, now, subject.reason(step), &begun.facts));
    }
    begun
}

impl Open {
    fn new(check: Option<u32>, cycle: Cycle, facts: Arc<AlertFacts>, since: UnixMillis) -> Self {
        Self {
            check,
            cycle,
            facts,
            since,
            fired_at: None,
            frozen: None,
            gone_polls: 0,
            is_published: false,
            is_stale: true,
        }
    }

    /// An alert that an earlier process announced.
    pub(super) fn restored(alert: OpenAlert) -> Self {
        let since = alert.facts.since;
        let restored = Self::new(None, Cycle::announced(alert.severity), alert.facts, since);
        Self { fired_at: Some(alert.fired_at), frozen: Some(Frozen::NotPolled), ..restored }
    }

    /// Its end for a reason that is not in the readings; none if it was never announced.
    pub(super) fn ended(&self, at: Now, reason: &str) -> Option<Transition> {
        let step = Step::Resolve { last: self.cycle.severity()?, is_pending: false };
        transition(step, at, reason.to_owned(), &self.facts)
    }

    pub(super) fn stand_still(&mut self, reason: Frozen) {
        if self.frozen.as_ref() != Some(&reason) {
            self.frozen = Some(reason);
            self.is_stale = true;
        }
    }

    /// New facts after a step. Once announced, it ends where it began: the integrations stay.
    fn retell(&mut self, subject: &Subject<'_>, step: Step) {
        let mut facts = subject.facts(self.facts.key.clone(), self.since, subject.limit(step));
        if self.fired_at.is_some() {
            facts.integrations = Arc::clone(&self.facts.integrations);
        }
        self.facts = Arc::new(facts);
        self.is_stale = true;
    }

    fn view(&self) -> Option<AlertView> {
        let severity = self.cycle.severity().or_else(|| self.cycle.worst_crossing())?;
        Some(AlertView {
            facts: Arc::clone(&self.facts),
            phase: if self.fired_at.is_some() { Phase::Firing } else { Phase::Pending },
            severity,
            since: self.since,
            fired_at: self.fired_at,
            frozen: self.frozen.clone(),
        })
    }
}

fn transition(step: Step, at: Now, reason: String, facts: &Arc<AlertFacts>) -> Option<Transition> {
    let (kind, severity) = match step {
        Step::Trigger(severity) => (TransitionKind::Trigger, severity),
        Step::Change { from, to } => (TransitionKind::Change { from }, to),
        Step::Resolve { last, .. } => (TransitionKind::Resolve, last),
        Step::Stay | Step::Forget => return None,
    };
    Some(Transition { kind, severity, at: at.unix, reason, facts: Arc::clone(facts) })
}
