//! The alerts of one device: its rules bound to its readings, and the state of those that are
//! pending or firing. Owned by the thread that polls the device; has no lock.
//!
//! Hot path: [`DeviceAlerts::evaluate`] runs over flat arrays in the samples' order and reads 16 bytes
//! a comparison (20 a state); an inactive one costs two loads and a compare, some ns, and allocates
//! nothing. Only samples beyond the mildest edge and open alerts go further. Memory: 32 bytes a
//! comparison, 20 a state; an open alert takes some 200 and its facts some 600. benches/rules.rs holds
//! it to 20 ns a comparison.

use super::board::{AlertView, Frozen};
use super::cycle::{Cycle, Step};
use super::facts::{Measured, Subject};
use super::open::{OpenAlert, REMOVED_DEVICE};
use super::{AlertFacts, AlertKey, Phase, Transition, TransitionKind};
use crate::model::{Batch, Missing, Now, PollError, Sample, Shape, SnapshotError, Source, UnixMillis};
use crate::rules::{Measure, RuleBindings, Ruleset, Standing, Standings, StateCheck, ValueCheck};
use std::sync::Arc;
use std::time::Duration;

/// The alerts of one device.
#[derive(Debug)]
pub struct DeviceAlerts {
    pub(super) ruleset: Ruleset,
    pub(super) source: Arc<Source>,
    pub(super) shape: Arc<Shape>,
    pub(super) above: ValueLane,
    pub(super) below: ValueLane,
    pub(super) states: Lane<StateCheck>,
    /// Of each state check the bits of the number that last was found harmless: as long as the agent
    /// sends the same, nothing needs to be looked up.
    pub(super) calm: Vec<u64>,
    pub(super) reachability: Lane<u32>,
    /// The pending and firing ones, in no order.
    pub(super) open: Vec<Open>,
    /// Keys that the board still shows and that are over.
    pub(super) retired: Vec<AlertKey>,
    /// When the last poll was.
    pub(super) last: Now,
    /// Failed polls in a row.
    pub(super) failures: u32,
    /// Polls in a row that nobody answered.
    pub(super) silences: u32,
    /// Scratch: the checks of a lane that need a closer look.
    pub(super) attention: Vec<u32>,
}

/// Checks of a kind, and for each the alert that is open: its place in [`DeviceAlerts::open`] plus
/// one, or zero.
#[derive(Debug, Default)]
pub(super) struct Lane<C> {
    pub(super) checks: Vec<C>,
    pub(super) open: Vec<u32>,
}

impl<C> Lane<C> {
    pub(super) fn new(checks: Vec<C>) -> Self {
        Self { open: vec![0; checks.len()], checks }
    }
}

/// Comparisons in one direction, apart by what each poll reads and what only a closer look needs.
#[derive(Debug, Default)]
pub(super) struct ValueLane {
    pub(super) hot: Vec<Hot>,
    pub(super) cold: Vec<Cold>,
}

/// What each poll reads of a comparison: four to a cache line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hot {
    /// As [`ValueCheck::edge`].
    pub(super) edge: f64,
    /// As [`ValueCheck::slot`].
    pub(super) slot: u32,
    /// As [`Lane::open`].
    pub(super) open: u32,
}

/// The rest of a comparison.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cold {
    /// As [`ValueCheck::rule`].
    pub(super) rule: u32,
    /// As [`ValueCheck::rated`].
    pub(super) rated: f64,
}

impl ValueLane {
    pub(super) fn new(checks: &[ValueCheck]) -> Self {
        Self {
            hot: checks.iter().map(|it| Hot { edge: it.edge, slot: it.slot, open: 0 }).collect(),
            cold: checks.iter().map(|it| Cold { rule: it.rule, rated: it.rated }).collect(),
        }
    }
}

/// A pending or firing alert.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) check: CheckRef,
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

/// The check that an open alert belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CheckRef {
    Above(u32),
    Below(u32),
    State(u32),
    Reachability(u32),
    /// None at present: its component is gone or its rating unknown.
    Unbound,
}

impl DeviceAlerts {
    /// How many complete polls a component must be gone from before its alerts end: a table that was
    /// read while the agent restarts comes back within a few.
    pub const GONE_AFTER_POLLS: u32 = 5;

    /// Takes one poll's outcome, failed ones too; appends what is to be announced.
    pub fn evaluate(&mut self, batch: &Batch, out: &mut Vec<Transition>) {
        let passed = batch.time.moment.since(self.last.moment);
        self.last = batch.time;
        self.source = Arc::clone(&batch.source);
        self.count_failures(batch.error.as_ref());
        let ruleset = self.ruleset.clone();
        self.judge_reachability(&ruleset, batch, out);
        if let Some(error) = &batch.error {
            self.freeze_readings(&Frozen::PollFailed(error.class()), passed);
        } else if !self.adopt_shape(batch) {
            self.freeze_readings(&Frozen::OtherShape, passed);
        } else {
            let judge = Judge { ruleset: &ruleset, batch, passed };
            self.judge_values(judge, CheckRef::Above, out);
            self.judge_values(judge, CheckRef::Below, out);
            self.judge_states(judge, out);
            self.count_gone(judge, out);
        }
    }

    /// The device leaves the config: all its alerts end.
    pub fn remove(self, at: Now, out: &mut Vec<Transition>) {
        for open in self.open {
            out.extend(open.ended(at, REMOVED_DEVICE));
        }
    }

    /// What its rules are bound to.
    #[must_use]
    pub fn bindings(&self) -> Vec<RuleBindings> {
        self.ruleset.bindings([(&*self.source, &*self.shape)])
    }

    /// The firing ones, as the outbox keeps them.
    #[must_use]
    pub fn firing(&self) -> Vec<OpenAlert> {
        let mut firing: Vec<OpenAlert> = self
            .open
            .iter()
            .filter_map(|it| {
                let facts = Arc::clone(&it.facts);
                Some(OpenAlert { severity: it.cycle.severity()?, fired_at: it.fired_at?, facts })
            })
            .collect();
        firing.sort_by(|left, right| left.key().cmp(right.key()));
        firing
    }

    /// How many comparisons a poll makes.
    #[must_use]
    pub fn comparisons(&self) -> usize {
        self.above.hot.len()
            + self.below.hot.len()
            + self.states.checks.len()
            + self.reachability.checks.len()
    }

    /// Tells what changed since the last time: a key with its view, or without one if it is over.
    pub(super) fn publish(&mut self, mut tell: impl FnMut(&AlertKey, Option<AlertView>)) {
        for key in self.retired.drain(..) {
            tell(&key, None);
        }
        for open in self.open.iter_mut().filter(|it| it.is_stale) {
            (open.is_stale, open.is_published) = (false, true);
            tell(&open.facts.key, open.view());
        }
    }

    fn count_failures(&mut self, error: Option<&PollError>) {
        self.failures = if error.is_some() { self.failures.saturating_add(1) } else { 0 };
        self.silences = if error.is_some_and(is_silence) { self.silences.saturating_add(1) } else { 0 };
    }

    fn judge_reachability(&mut self, ruleset: &Ruleset, batch: &Batch, out: &mut Vec<Transition>) {
        for at in 0..self.reachability.checks.len() {
            let (rule, open) = (self.reachability.checks[at], self.reachability.open[at]);
            let Some(rule) = ruleset.rule(rule) else { continue };
            let unanswered = rule.rule.trigger.measure == Measure::Reachability { unanswered: true };
            let failures = if unanswered { self.silences } else { self.failures };
            if failures == 0 && open == 0 {
                continue;
            }
            let subject = Subject { rule, batch, slot: None, measured: Measured::Polls { failures } };
            self.advance(CheckRef::Reachability(to_u32(at)), open, subject, &rule.of_failures(failures), out);
        }
    }

    fn judge_values(&mut self, judge: Judge<'_>, lane: fn(u32) -> CheckRef, out: &mut Vec<Transition>) {
        let mut attention = std::mem::take(&mut self.attention);
        attention.clear();
        let samples = &judge.batch.samples;
        let is_above = lane(0) == CheckRef::Above(0);
        if is_above {
            scan(&self.above.hot, samples, |value, edge| edge < value, &mut attention);
        } else {
            scan(&self.below.hot, samples, |value, edge| value < edge, &mut attention);
        }
        for &at in &attention {
            let checks = if is_above { &self.above } else { &self.below };
            let (Hot { slot, open, .. }, Cold { rule, rated }) =
                (checks.hot[at as usize], checks.cold[at as usize]);
            let Some(rule) = judge.ruleset.rule(rule) else { continue };
            match judge.sample(slot) {
                Err(missing) => self.freeze(open, Frozen::Missing(missing), judge.passed),
                Ok(base) => {
                    let rated = (!rated.is_nan()).then_some(rated);
                    let measured = Measured::Number { base, rated };
                    let subject = Subject { rule, batch: judge.batch, slot: Some(slot), measured };
                    self.advance(lane(at), open, subject, &rule.of_value(base, rated), out);
                }
            }
        }
        self.attention = attention;
    }

    fn judge_states(&mut self, judge: Judge<'_>, out: &mut Vec<Transition>) {
        for at in 0..self.states.checks.len() {
            let (check, open) = (self.states.checks[at], self.states.open[at]);
            let number = match judge.sample(check.slot) {
                Err(missing) => {
                    self.freeze(open, Frozen::Missing(missing), judge.passed);
                    continue;
                }
                Ok(number) if open == 0 && self.calm[at] == number.to_bits() => continue,
                Ok(number) => number,
            };
            let Some(rule) = judge.ruleset.rule(check.rule) else { continue };
            let reading = judge.batch.shape.readings.get(check.slot as usize);
            let state = reading.and_then(|it| it.states.as_ref()).and_then(|it| it.state(number));
            let Some(standings) = rule.of_state(state) else {
                self.calm[at] = number.to_bits();
                self.freeze(open, Frozen::UnknownState, judge.passed);
                continue;
            };
            if !standings.contains(&Standing::Crossing) {
                self.calm[at] = number.to_bits();
            }
            let measured = Measured::State { number, state };
            let subject = Subject { rule, batch: judge.batch, slot: Some(check.slot), measured };
            self.advance(CheckRef::State(to_u32(at)), open, subject, &standings, out);
        }
    }

    /// Takes a sample's standings to its alert, which may be none yet.
    fn advance(
        &mut self,
        check: CheckRef,
        open: u32,
        subject: Subject<'_>,
        standings: &Standings,
        out: &mut Vec<Transition>,
    ) {
        let now = subject.batch.time;
        if open == 0 {
            if !standings.contains(&Standing::Crossing) {
                return;
            }
            let mut cycle = Cycle::default();
            let step = cycle.step(now.moment, standings, subject.rule);
            let facts = subject.facts(subject.key(), now.unix, subject.limit(step));
            let mut begun = Open::new(check, cycle, Arc::new(facts), now.unix);
            if let Step::Trigger(_) = step {
                begun.fired_at = Some(now.unix);
                out.extend(transition(step, now, subject.reason(step), &begun.facts));
            }
            self.open.push(begun);
            self.set_open(check, to_u32(self.open.len()));
            return;
        }
        let place = open as usize - 1;
        let Some(alert) = self.open.get_mut(place) else { return };
        let was_frozen = alert.frozen.take().is_some();
        let worst_before = alert.cycle.worst_crossing();
        let step = alert.cycle.step(now.moment, standings, subject.rule);
        let is_shown_otherwise = alert.fired_at.is_none() && worst_before != alert.cycle.worst_crossing();
        alert.is_stale |= was_frozen || is_shown_otherwise;
        match step {
            Step::Stay => (),
            Step::Forget => self.close(place),
            Step::Trigger(_) | Step::Change { .. } => {
                alert.retell(&subject, step);
                alert.fired_at = alert.fired_at.or(Some(now.unix));
                out.extend(transition(step, now, subject.reason(step), &alert.facts));
            }
            Step::Resolve { is_pending, .. } => {
                alert.retell(&subject, step);
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
    fn count_gone(&mut self, judge: Judge<'_>, out: &mut Vec<Transition>) {
        for place in (0..self.open.len()).rev() {
            let open = &mut self.open[place];
            if open.check != CheckRef::Unbound {
                continue;
            }
            open.cycle.freeze(judge.passed);
            if matches!(open.frozen, Some(Frozen::NotEvaluable(_))) {
                continue;
            }
            open.stand_still(Frozen::Gone);
            open.gone_polls += 1;
            if Self::GONE_AFTER_POLLS <= open.gone_polls {
                let reason = format!("gone: the device has not had it for {} polls", Self::GONE_AFTER_POLLS);
                out.extend(open.ended(judge.batch.time, &reason));
                self.close(place);
            }
        }
    }

    fn freeze(&mut self, open: u32, reason: Frozen, passed: Duration) {
        let Some(place) = open.checked_sub(1) else { return };
        if let Some(open) = self.open.get_mut(place as usize) {
            open.cycle.freeze(passed);
            open.stand_still(reason);
        }
    }

    fn freeze_readings(&mut self, reason: &Frozen, passed: Duration) {
        for open in &mut self.open {
            match open.check {
                CheckRef::Reachability(_) => (),
                CheckRef::Unbound => open.cycle.freeze(passed),
                CheckRef::Above(_) | CheckRef::Below(_) | CheckRef::State(_) => {
                    open.cycle.freeze(passed);
                    open.stand_still(reason.clone());
                }
            }
        }
    }

    /// Whether the batch's samples stand in the order that the rules are bound to.
    fn adopt_shape(&mut self, batch: &Batch) -> bool {
        if Arc::ptr_eq(&self.shape, &batch.shape) {
            return true;
        }
        let is_equal = *self.shape == *batch.shape;
        if is_equal {
            self.shape = Arc::clone(&batch.shape);
        }
        is_equal
    }

    pub(super) fn set_open(&mut self, check: CheckRef, open: u32) {
        let slot = match check {
            CheckRef::Above(at) => self.above.hot.get_mut(at as usize).map(|it| &mut it.open),
            CheckRef::Below(at) => self.below.hot.get_mut(at as usize).map(|it| &mut it.open),
            CheckRef::State(at) => self.states.open.get_mut(at as usize),
            CheckRef::Reachability(at) => self.reachability.open.get_mut(at as usize),
            CheckRef::Unbound => None,
        };
        if let Some(slot) = slot {
            *slot = open;
        }
    }

    fn close(&mut self, place: usize) {
        let closed = self.open.swap_remove(place);
        self.set_open(closed.check, 0);
        if closed.is_published {
            self.retired.push(closed.facts.key.clone());
        }
        if let Some(moved) = self.open.get(place) {
            self.set_open(moved.check, to_u32(place + 1));
        }
    }
}

impl Open {
    fn new(check: CheckRef, cycle: Cycle, facts: Arc<AlertFacts>, since: UnixMillis) -> Self {
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
        let restored = Self::new(CheckRef::Unbound, Cycle::announced(alert.severity), alert.facts, since);
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

/// One successful poll, as the lanes need it.
#[derive(Clone, Copy)]
struct Judge<'a> {
    ruleset: &'a Ruleset,
    batch: &'a Batch,
    passed: Duration,
}

impl Judge<'_> {
    /// A finite number, or why there is none.
    fn sample(&self, slot: u32) -> Result<f64, Missing> {
        match self.batch.samples.get(slot as usize) {
            Some(Sample::Value(value)) if value.is_finite() => Ok(*value),
            Some(Sample::Value(_)) => Err(Missing::OutOfRange),
            Some(Sample::Missing(missing)) => Err(*missing),
            None => Err(Missing::NotPolled),
        }
    }
}

/// Notes the comparisons whose sample lies beyond their mildest edge or whose alert is open.
#[inline]
fn scan(hot: &[Hot], samples: &[Sample], is_beyond: impl Fn(f64, f64) -> bool, attention: &mut Vec<u32>) {
    for (at, check) in (0..u32::MAX).zip(hot) {
        let beyond = match samples.get(check.slot as usize) {
            Some(Sample::Value(value)) => is_beyond(*value, check.edge),
            Some(Sample::Missing(_)) | None => false,
        };
        if beyond | (check.open != 0) {
            attention.push(at);
        }
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

/// Whether nobody answered: the others say that an agent is there.
const fn is_silence(error: &PollError) -> bool {
    match error {
        PollError::Timeout | PollError::Refused | PollError::Unreachable(_) | PollError::Name { .. } => true,
        PollError::Snapshot { class, .. } => {
            matches!(class, SnapshotError::Unreachable | SnapshotError::Timeout)
        }
        PollError::NoProfile { .. }
        | PollError::Empty { .. }
        | PollError::AgentError { .. }
        | PollError::Malformed(_)
        | PollError::Limit(_) => false,
    }
}

/// A device has at most some thousand readings and rules.
fn to_u32(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
