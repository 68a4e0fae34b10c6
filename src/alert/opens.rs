//! A device's pending and firing alerts. An inactive alert has no state; a device without open alerts
//! has none here at all.

use super::board::{AlertView, Frozen};
use super::cycle::{Cycle, Step};
use super::facts::Subject;
use super::open::OpenAlert;
use super::side::Begins;
use super::{AlertFacts, AlertKey, DeviceAlerts, Phase, Progress, Remembered, Transition, TransitionKind};
use crate::model::{Moment, Now, SourceKind, UnixMillis};
use crate::rules::words::duration;
use crate::rules::{CompiledRule, Program, Standing, Standings, Waits};
use std::collections::BTreeMap;
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
    /// When alerts began whose rules damp flapping.
    begins: Begins,
    /// Waits from before a restart that have not been taken up yet.
    remembered: BTreeMap<AlertKey, Remembered>,
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
    /// When a sample was last judged.
    judged: Moment,
    /// What the last polls said, oldest first, at most [`RECENT_MAX`].
    recent: Vec<f64>,
    /// Whether it began so often of late that its end has to wait.
    pub(super) is_flapping: bool,
    /// Complete polls in which the component was gone.
    pub(super) gone_polls: u32,
    /// Whether the board shows it.
    pub(super) is_published: bool,
    /// Whether the board shows it otherwise than it is.
    pub(super) is_stale: bool,
    /// Whether no more is known of an earlier process's facts than the key.
    pub(super) is_bare: bool,
}

impl Opens {
    /// None, but for what outlives alerts: keys that the board still shows, and when alerts began.
    pub(super) fn after(previous: Self) -> (Self, Vec<Open>) {
        let Self { alerts, retired, begins, remembered, .. } = previous;
        (Self { retired, begins, remembered, ..Self::default() }, alerts)
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
        standings: Standings,
        out: &mut Vec<Transition>,
    ) {
        let standings = subject.rule.at(subject.now.unix, standings);
        match self.place(check) {
            None if standings.contains(&Standing::Crossing) => {
                let before =
                    if self.remembered.is_empty() { None } else { self.remembered.remove(&subject.key()) };
                let past = Past { begins: &mut self.begins, remembered: before };
                let begun = Open::begin(Some(check), subject, &standings, past, out);
                self.add(program, begun);
            }
            None => (),
            Some(place) => {
                let Some(alert) = self.alerts.get_mut(place) else { return };
                if alert.advance(subject, &standings, &mut self.begins, out) == Fate::Over {
                    self.close(place);
                }
            }
        }
    }

    /// Gives back the waits of alerts from before a restart, which are not to count until the first
    /// poll: those of alerts that were announced at once, those of others when they begin anew.
    pub(super) fn remember(&mut self, remembered: Vec<Remembered>, now: Moment) {
        self.remembered = remembered.into_iter().map(|it| (it.key.clone(), it)).collect();
        for open in &mut self.alerts {
            if let Some(before) = self.remembered.remove(&open.facts.key) {
                open.resume(&before, now);
            }
        }
    }

    /// The time until the first poll after a restart does not count either.
    pub(super) fn freeze_restored(&mut self, passed: Duration, is_theirs: impl Fn(&Open) -> bool) {
        for open in self.alerts.iter_mut().filter(|it| it.frozen == Some(Frozen::NotPolled) && is_theirs(it))
        {
            open.cycle.freeze(passed);
        }
    }

    /// Gives bare alerts their facts; others have newer ones.
    pub(super) fn complete(&mut self, alerts: Vec<OpenAlert>) {
        for alert in alerts {
            let bare = self.alerts.iter_mut().find(|it| it.is_bare && it.facts.key == *alert.key());
            if let Some(open) = bare {
                open.since = alert.facts.since;
                open.facts = alert.facts;
                (open.is_bare, open.is_stale) = (false, true);
            }
        }
    }

    /// Waits from before a restart whose alert did not begin anew, although its reading is known by
    /// now, are over.
    pub(super) fn forget_remembered(&mut self, is_known: impl Fn(&AlertKey) -> bool) {
        self.remembered.retain(|key, _| !is_known(key));
    }

    /// Whether any waits from before a restart have not been taken up.
    pub(super) fn remembers(&self) -> bool {
        !self.remembered.is_empty()
    }

    /// Counts a complete poll against alerts whose component is gone.
    pub(super) fn count_gone(
        &mut self,
        source: SourceKind,
        now: Now,
        passed: Duration,
        out: &mut Vec<Transition>,
    ) {
        let (after, (whose, what)) = match source {
            SourceKind::Device => (DeviceAlerts::GONE_AFTER_POLLS, ("device", "polls")),
            SourceKind::Inventory { gone_after_snapshots } => {
                (gone_after_snapshots, ("inventory", "snapshots"))
            }
        };
        for place in (0..self.alerts.len()).rev() {
            let Some(open) = self.alerts.get_mut(place).filter(|it| it.check.is_none()) else { continue };
            open.cycle.freeze(passed);
            if matches!(open.frozen, Some(Frozen::NotEvaluable(_))) {
                continue;
            }
            open.stand_still(Frozen::Gone);
            open.gone_polls += 1;
            if after <= open.gone_polls {
                out.extend(open.ended(now, &format!("gone: the {whose} has not had it for {after} {what}")));
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

    /// Nothing is known of those whose object is not known.
    pub(super) fn freeze_unbound(&mut self, passed: Duration) {
        for open in self.alerts.iter_mut().filter(|it| it.check.is_none()) {
            open.cycle.freeze(passed);
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
        let mut firing: Vec<OpenAlert> = self.alerts.iter().filter_map(Open::announced).collect();
        firing.sort_by(|left, right| left.key().cmp(right.key()));
        firing
    }

    /// Tells what changed since the last time: a key with its view, or without one if it is over.
    pub(super) fn publish(&mut self, mut tell: impl FnMut(&AlertKey, Option<AlertView>)) {
        for key in self.retired.drain(..) {
            tell(&key, None);
        }
        for open in &mut self.alerts {
            open.publish(&mut tell);
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

/// What an alert that begins should know of the past.
pub(super) struct Past<'a> {
    pub(super) begins: &'a mut Begins,
    /// Its waits from before a restart.
    pub(super) remembered: Option<Remembered>,
}

/// What becomes of an alert after a sample.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fate {
    GoesOn,
    Over,
}

impl Open {
    /// An alert that begins, and whose begin may already be announced.
    pub(super) fn begin(
        check: Option<u32>,
        subject: &Subject<'_>,
        standings: &Standings,
        past: Past<'_>,
        out: &mut Vec<Transition>,
    ) -> Self {
        let (mut cycle, mut since) = (Cycle::default(), subject.now.unix);
        if let Some(before) = past.remembered {
            cycle.resume(subject.now.moment, &before.crossing, None);
            since = before.since;
        }
        let step = cycle.step(subject.now.moment, standings, subject.rule.waits);
        let facts = subject.facts(subject.key(), since, step);
        let mut begun = Self::of(check, cycle, Arc::new(facts), since);
        begun.judged = subject.now.moment;
        begun.recent.extend(subject.shown());
        if step.is_rise() {
            begun.fired_at = Some(subject.now.unix);
            begun.announce(subject, step, subject.rule.waits, past.begins, out);
        }
        begun
    }

    fn of(check: Option<u32>, cycle: Cycle, facts: Arc<AlertFacts>, since: UnixMillis) -> Self {
        Self {
            check,
            cycle,
            facts,
            since,
            fired_at: None,
            frozen: None,
            judged: Moment::ZERO,
            recent: Vec::new(),
            is_flapping: false,
            gone_polls: 0,
            is_published: false,
            is_stale: true,
            is_bare: false,
        }
    }

    /// Takes a sample's standings; says what is to be announced.
    pub(super) fn advance(
        &mut self,
        subject: &Subject<'_>,
        standings: &Standings,
        begins: &mut Begins,
        out: &mut Vec<Transition>,
    ) -> Fate {
        let (now, rule) = (subject.now, subject.rule);
        let waits = if self.is_flapping { rule.flapping_waits() } else { rule.waits };
        let was_frozen = self.frozen.take().is_some();
        let before = self.cycle.pattern();
        let step = self.cycle.step(now.moment, standings, waits);
        self.is_stale |= was_frozen || before != self.cycle.pattern();
        self.judged = now.moment;
        match step {
            Step::Stay => {
                self.remember_value(subject);
                return Fate::GoesOn;
            }
            Step::Forget => return Fate::Over,
            Step::Trigger(_) | Step::Change { .. } | Step::Resolve { .. } => self.retell(subject, step),
        }
        self.remember_value(subject);
        self.announce(subject, step, waits, begins, out);
        let Step::Resolve { is_pending, .. } = step else {
            self.fired_at = self.fired_at.or(Some(now.unix));
            return Fate::GoesOn;
        };
        if !is_pending {
            return Fate::Over;
        }
        (self.fired_at, self.since, self.is_flapping) = (None, now.unix, false);
        self.facts = Arc::new(subject.facts(subject.key(), now.unix, Step::Stay));
        Fate::GoesOn
    }

    fn announce(
        &mut self,
        subject: &Subject<'_>,
        step: Step,
        waits: Waits,
        begins: &mut Begins,
        out: &mut Vec<Transition>,
    ) {
        let waited = if step.is_rise() { waits.hold_for } else { waits.keep_firing_for };
        let mut reason = subject.reason(step, Duration::from_nanos(waited));
        if step.is_rise() {
            self.note_begin(subject.rule, subject.now, begins, &mut reason);
        } else if self.is_flapping {
            reason.push_str(" (it was flapping)");
        }
        out.extend(transition(step, subject.now, reason, &self.facts));
    }

    fn note_begin(&mut self, rule: &CompiledRule, now: Now, begins: &mut Begins, reason: &mut String) {
        let Some(flapping) = rule.rule.flapping else { return };
        let flaps = begins.note(&self.facts.key, now.moment, flapping);
        if flaps && !self.is_flapping {
            let within = duration(flapping.within);
            let words = format!(
                "; it flaps: begun {} times within {within}, it ends once calm for as long",
                flapping.begins
            );
            reason.push_str(&words);
        }
        self.is_flapping |= flaps;
    }

    /// An alert that an earlier process announced.
    pub(super) fn restored(alert: OpenAlert) -> Self {
        let since = alert.facts.since;
        let restored = Self::of(None, Cycle::announced(alert.severity), alert.facts, since);
        let (fired_at, frozen) = (Some(alert.fired_at), Some(Frozen::NotPolled));
        Self { fired_at, frozen, is_bare: alert.is_bare, ..restored }
    }

    /// Takes its waits up from before a restart.
    pub(super) fn resume(&mut self, before: &Remembered, now: Moment) {
        self.cycle.resume(now, &before.crossing, before.falling);
        self.is_flapping = before.is_flapping;
        self.judged = now;
        self.is_stale = true;
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

    fn remember_value(&mut self, subject: &Subject<'_>) {
        let Some(value) = subject.shown() else { return };
        if RECENT_MAX <= self.recent.len() {
            self.recent.remove(0);
        }
        self.recent.push(value);
    }

    /// New facts after a step. Once announced, it ends where it began: the integrations stay.
    fn retell(&mut self, subject: &Subject<'_>, step: Step) {
        let mut facts = subject.facts(self.facts.key.clone(), self.since, step);
        facts.last_values.extend(subject.before(&self.recent));
        // Of a bare one nobody knows where it began: the rule says where such go.
        if self.fired_at.is_some() && !self.is_bare {
            facts.integrations = Arc::clone(&self.facts.integrations);
        }
        self.is_bare = false;
        self.facts = Arc::new(facts);
        self.is_stale = true;
    }

    /// As the outbox keeps it, once it was announced.
    pub(super) fn announced(&self) -> Option<OpenAlert> {
        let facts = Arc::clone(&self.facts);
        let (severity, fired_at) = (self.cycle.severity()?, self.fired_at?);
        Some(OpenAlert { severity, fired_at, facts, is_bare: self.is_bare })
    }

    /// Tells how it is, if that changed since the last time.
    pub(super) fn publish(&mut self, tell: &mut impl FnMut(&AlertKey, Option<AlertView>)) {
        if std::mem::take(&mut self.is_stale) {
            self.is_published = true;
            tell(&self.facts.key, self.view());
        }
    }

    fn view(&self) -> Option<AlertView> {
        let severity = self.cycle.severity().or_else(|| self.cycle.worst_crossing())?;
        Some(AlertView {
            facts: Arc::clone(&self.facts),
            phase: if self.fired_at.is_some() { Phase::Firing } else { Phase::Pending },
            severity,
            since: self.since,
            fired_at: self.fired_at,
            is_flapping: self.is_flapping,
            progress: Progress { at: self.judged, cycle: self.cycle.clone() },
            frozen: self.frozen.clone(),
        })
    }
}

/// Polls before that a page shows: whether it rises or falls is seen by then.
const RECENT_MAX: usize = 5;

fn transition(step: Step, at: Now, reason: String, facts: &Arc<AlertFacts>) -> Option<Transition> {
    let (kind, severity) = match step {
        Step::Trigger(severity) => (TransitionKind::Trigger, severity),
        Step::Change { from, to } => (TransitionKind::Change { from }, to),
        Step::Resolve { last, .. } => (TransitionKind::Resolve, last),
        Step::Stay | Step::Forget => return None,
    };
    Some(Transition { kind, severity, at: at.unix, reason, facts: Arc::clone(facts) })
}
