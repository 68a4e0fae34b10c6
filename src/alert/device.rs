//! The alerts of one device: its rules bound to its readings, and the state of those that are
//! pending or firing. Owned by the thread that polls the device; has no lock.
//!
//! Hot path: [`DeviceAlerts::evaluate`] runs over the program's guards (24 bytes a reading, shared by
//! devices of a kind) in the samples' order: two compares a reading, however many rules watch it.
//! Only readings beyond their guard and those of open alerts go further. Memory: a calm device has no
//! state of its own but this struct; one with an open alert has 4 bytes a comparison, some 200 an
//! open alert and some 600 for its facts. benches/rules.rs holds it to 5 ns a comparison.

use super::board::{AlertView, Frozen};
use super::facts::{Measured, Subject};
use super::open::{OpenAlert, REMOVED_DEVICE};
use super::opens::Opens;
use super::{AlertKey, Transition};
use crate::model::{Batch, Missing, Now, PollError, Sample, Shape, SnapshotError, Source};
use crate::rules::{Check, CompiledRule, Measure, Program, RuleBindings, Ruleset, Standing};
use std::sync::Arc;
use std::time::Duration;

/// The alerts of one device.
#[derive(Debug)]
pub struct DeviceAlerts {
    pub(super) ruleset: Ruleset,
    pub(super) program: Arc<Program>,
    pub(super) source: Arc<Source>,
    pub(super) shape: Arc<Shape>,
    pub(super) opens: Opens,
    /// When the last poll was.
    pub(super) last: Now,
    pub(super) reach: Reach,
    /// Scratch: the guards that need a closer look.
    pub(super) attention: Vec<u32>,
}

/// How polls have gone.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reach {
    /// Failed polls in a row.
    pub(super) failures: u32,
    /// Polls in a row that nobody answered.
    pub(super) silences: u32,
}

impl Reach {
    fn count(&mut self, error: Option<&PollError>) {
        self.failures = if error.is_some() { self.failures.saturating_add(1) } else { 0 };
        self.silences = if error.is_some_and(is_silence) { self.silences.saturating_add(1) } else { 0 };
    }
}

impl DeviceAlerts {
    /// How many complete polls a component must be gone from before its alerts end: a table that was
    /// read while the agent restarts comes back within a few.
    pub const GONE_AFTER_POLLS: u32 = 5;

    /// Takes one poll's outcome, failed ones too; appends what is to be announced.
    pub fn evaluate(&mut self, batch: &Batch, out: &mut Vec<Transition>) {
        let passed = batch.time.moment.since(self.last.moment);
        self.last = batch.time;
        if !Arc::ptr_eq(&self.source, &batch.source) {
            self.source = Arc::clone(&batch.source);
        }
        self.reach.count(batch.error.as_ref());
        let fits = batch.error.is_none() && self.adopt_shape(batch);
        let Self { ruleset, program, opens, reach, attention, .. } = self;
        let judge = Judge { ruleset, program, batch, passed };
        judge.reachability(*reach, opens, out);
        if let Some(error) = &batch.error {
            opens.freeze_readings(program, &Frozen::PollFailed(error.class()), passed);
        } else if !fits {
            opens.freeze_readings(program, &Frozen::OtherShape, passed);
        } else {
            judge.readings(attention, opens, out);
            opens.count_gone(batch.time, passed, out);
        }
    }

    /// The device leaves the config: all its alerts end.
    pub fn remove(self, at: Now, out: &mut Vec<Transition>) {
        for open in self.opens.alerts {
            out.extend(open.ended(at, REMOVED_DEVICE));
        }
    }

    /// What the rules that are for it are bound to.
    #[must_use]
    pub fn bindings(&self) -> Vec<RuleBindings> {
        let bindings = self.program.report.iter().filter_map(|report| {
            let mut bindings = RuleBindings::of(&self.ruleset.rule(report.rule)?.rule);
            bindings.add(report, &self.source, &self.shape);
            Some(bindings)
        });
        bindings.collect()
    }

    /// The firing ones, as the outbox keeps them.
    #[must_use]
    pub fn firing(&self) -> Vec<OpenAlert> {
        self.opens.firing()
    }

    /// How many comparisons a poll makes.
    #[must_use]
    pub fn comparisons(&self) -> usize {
        self.program.len()
    }

    /// Tells what changed since the last time: a key with its view, or without one if it is over.
    pub(super) fn publish(&mut self, tell: impl FnMut(&AlertKey, Option<AlertView>)) {
        self.opens.publish(tell);
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
}

/// One poll under the rules that the device is bound to.
#[derive(Clone, Copy)]
struct Judge<'a> {
    ruleset: &'a Ruleset,
    program: &'a Program,
    batch: &'a Batch,
    passed: Duration,
}

impl Judge<'_> {
    fn reachability(&self, reach: Reach, opens: &mut Opens, out: &mut Vec<Transition>) {
        for at in self.program.checks_of_device() {
            let Some((_, compiled)) = self.check(at) else { continue };
            let unanswered = compiled.rule.trigger.measure == Measure::Reachability { unanswered: true };
            let failures = if unanswered { reach.silences } else { reach.failures };
            if failures == 0 && !opens.is_open(at) {
                continue;
            }
            let measured = Measured::Polls { failures };
            let subject = Subject { rule: compiled, batch: self.batch, slot: None, measured };
            opens.advance(self.program, at, &subject, &compiled.of_failures(failures), out);
        }
    }

    fn readings(&self, attention: &mut Vec<u32>, opens: &mut Opens, out: &mut Vec<Transition>) {
        attention.clear();
        self.scan(attention);
        if !opens.alerts.is_empty() {
            opens.add_guards(self.program, attention);
            attention.sort_unstable();
            attention.dedup();
        }
        for guard in attention.iter().map(|it| *it as usize) {
            match self.program.numbers.get(guard) {
                Some(it) => self.number(guard, it.slot, opens, out),
                None => self.state(guard - self.program.numbers.len(), opens, out),
            }
        }
    }

    /// Notes the guards that a sample does not pass.
    #[inline]
    fn scan(&self, attention: &mut Vec<u32>) {
        let samples = &self.batch.samples;
        for (at, guard) in (0..u32::MAX).zip(&self.program.numbers) {
            let passes = match samples.get(guard.slot as usize) {
                Some(Sample::Value(value)) => guard.lets_pass(*value),
                Some(Sample::Missing(_) | Sample::Suspect(_)) | None => !guard.is_open(),
            };
            if !passes {
                attention.push(at);
            }
        }
        let numbers = u32::try_from(self.program.numbers.len()).unwrap_or(u32::MAX);
        for (at, guard) in (numbers..u32::MAX).zip(&self.program.states) {
            let passes = match samples.get(guard.slot as usize) {
                Some(Sample::Value(value)) => guard.lets_pass(*value),
                Some(Sample::Missing(_) | Sample::Suspect(_)) | None => !guard.is_open(),
            };
            if !passes {
                attention.push(at);
            }
        }
    }

    fn number(&self, guard: usize, slot: u32, opens: &mut Opens, out: &mut Vec<Transition>) {
        let sample = self.sample(slot);
        for at in self.program.checks_of_number(guard) {
            let Some((check, compiled)) = self.check(at) else { continue };
            let base = match &sample {
                Ok(base) => *base,
                Err(reason) => {
                    opens.freeze(at, reason.clone(), self.passed);
                    continue;
                }
            };
            let rated = self.program.rated(check);
            if !opens.is_open(at) && compiled.is_calm(base, rated) {
                continue;
            }
            let measured = Measured::Number { base, rated };
            let subject = Subject { rule: compiled, batch: self.batch, slot: Some(slot), measured };
            opens.advance(self.program, at, &subject, &compiled.of_value(base, rated), out);
        }
    }

    fn state(&self, guard: usize, opens: &mut Opens, out: &mut Vec<Transition>) {
        let Some(slot) = self.program.states.get(guard).map(|it| it.slot) else { return };
        let sample = self.sample(slot);
        let reading = self.batch.shape.readings.get(slot as usize);
        let table = reading.and_then(|it| it.states.as_ref());
        for at in self.program.checks_of_state(guard) {
            let Some((_, compiled)) = self.check(at) else { continue };
            let number = match &sample {
                Ok(number) => *number,
                Err(reason) => {
                    opens.freeze(at, reason.clone(), self.passed);
                    continue;
                }
            };
            let state = table.and_then(|it| it.state(number));
            let Some(standings) = compiled.of_state(state) else {
                opens.freeze(at, Frozen::UnknownState, self.passed);
                continue;
            };
            if !opens.is_open(at) && !standings.contains(&Standing::Crossing) {
                continue;
            }
            let measured = Measured::State { number, state };
            let subject = Subject { rule: compiled, batch: self.batch, slot: Some(slot), measured };
            opens.advance(self.program, at, &subject, &standings, out);
        }
    }

    fn check(&self, at: u32) -> Option<(Check, &CompiledRule)> {
        let check = *self.program.checks.get(at as usize)?;
        Some((check, self.ruleset.rule(check.rule)?))
    }

    /// A finite number that can be believed, or why there is none.
    fn sample(&self, slot: u32) -> Result<f64, Frozen> {
        match self.batch.samples.get(slot as usize) {
            Some(Sample::Value(value)) if value.is_finite() => Ok(*value),
            Some(Sample::Value(_)) => Err(Frozen::Missing(Missing::OutOfRange)),
            Some(Sample::Missing(missing)) => Err(Frozen::Missing(*missing)),
            Some(Sample::Suspect(_)) => Err(Frozen::Suspect),
            None => Err(Frozen::Missing(Missing::NotPolled)),
        }
    }
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
        | PollError::Security(_)
        | PollError::Limit(_) => false,
    }
}
