//! The alerts of one device: its rules bound to its readings, and the state of those that are
//! pending or firing. Owned by the thread that polls the device; has no lock.
//!
//! Hot path: [`DeviceAlerts::evaluate`] runs over the program's guards (24 bytes a reading, shared by
//! devices of a kind) in the samples' order: two compares a reading, however many rules watch it.
//! Only readings beyond their guard and those of open alerts go further. Memory: a calm device has no
//! state of its own but this struct; one with an open alert has 4 bytes a comparison, some 200 an
//! open alert and some 600 for its facts. benches/rules.rs holds it to 5 ns a comparison.

use super::board::{AlertView, Frozen};
use super::facts::{Measured, Object, Subject};
use super::link::{Link, Verdict};
use super::open::{OpenAlert, REMOVED_DEVICE};
use super::opens::{Open, Opens};
use super::side::Window;
use super::{AlertKey, Remembered, Transition};
use crate::model::{Batch, Missing, Moment, Now, PollError, Sample, Shape, SnapshotError, Source};
use crate::rules::{Check, CompiledRule, Measure, Program, RuleBindings, Ruleset, Standing};
use std::collections::BTreeMap;
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
    /// By check: the recent past of readings whose rate of change is judged.
    pub(super) windows: BTreeMap<u32, Window>,
    /// When the last poll was.
    pub(super) last: Now,
    pub(super) reach: Reach,
    /// Whether a poll has succeeded since the start.
    pub(super) is_polled: bool,
    /// Scratch: the guards that need a closer look.
    pub(super) attention: Vec<u32>,
}

/// How polls have gone.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach {
    /// Failed polls in a row.
    failures: u32,
    /// Polls in a row that nobody answered.
    silences: u32,
    /// When the first of the failed polls in a row began.
    failing_since: Moment,
    /// What its children read of it, if it has any.
    own: Option<Arc<Link>>,
    /// The device behind which it is reached.
    parent: Option<Arc<Link>>,
}

impl Reach {
    /// Counts a poll, unless it was counted before; says what its parent has to do with it if it failed.
    fn count(&mut self, batch: &Batch, is_watched: bool, is_new: bool) -> Verdict {
        let (now, error) = (batch.time.moment, batch.error.as_ref());
        if !is_new {
            // Only what has no parent, an inventory, is judged again.
            return Verdict::Own;
        }
        if let Some(own) = &self.own {
            own.polled(now, error.is_none(), is_watched);
        }
        if self.failures == 0 {
            self.failing_since = now - batch.duration;
        }
        self.failures = if error.is_some() { self.failures.saturating_add(1) } else { 0 };
        self.silences = if error.is_some_and(is_silence) { self.silences.saturating_add(1) } else { 0 };
        let parent = self.parent.as_ref().filter(|_| self.silences != 0);
        let verdict = parent.map_or(Verdict::Own, |it| it.verdict(self.failing_since, now));
        if let Verdict::Explained(_) = verdict {
            // Once the parent is back, the device gets its own time to come back.
            (self.failures, self.silences) = (0, 0);
        }
        verdict
    }
}

impl DeviceAlerts {
    /// Sets the device's place among others: what its children read of it, and the device behind which
    /// it is reached.
    pub fn set_links(&mut self, own: Option<Arc<Link>>, parent: Option<Arc<Link>>) {
        (self.reach.own, self.reach.parent) = (own, parent);
    }

    /// How many complete polls a component must be gone from before its alerts end: a table that was
    /// read while the agent restarts comes back within a few.
    pub const GONE_AFTER_POLLS: u32 = 5;

    /// Takes one poll's outcome, failed ones too; appends what is to be announced.
    pub fn evaluate(&mut self, batch: &Batch, out: &mut Vec<Transition>) {
        self.judge(batch, true, out);
    }

    /// Takes what it was given last once more, as of now, under other rules: however often that is done, it
    /// is one failure, and one snapshot without an object.
    pub fn evaluate_again(&mut self, batch: &Batch, out: &mut Vec<Transition>) {
        self.judge(batch, false, out);
    }

    fn judge(&mut self, batch: &Batch, is_new: bool, out: &mut Vec<Transition>) {
        let passed = batch.time.moment.since(self.last.moment);
        self.last = batch.time;
        if !Arc::ptr_eq(&self.source, &batch.source) {
            self.source = Arc::clone(&batch.source);
        }
        let verdict = self.reach.count(batch, !self.program.checks_of_device().is_empty(), is_new);
        let fits = self.adopt_shape(batch);
        let Self { ruleset, program, opens, windows, reach, attention, .. } = self;
        let judge = Judge { ruleset, program, batch, passed };
        if !self.is_polled {
            let is_own = |it: &Open| it.check.is_some_and(|it| program.guard_of(it).is_none());
            let is_judged = batch.error.is_none() && fits;
            opens.freeze_restored(passed, |it| is_own(it) || is_judged);
            self.is_polled = is_judged;
        }
        judge.reachability(reach, &verdict, opens, out);
        match &batch.error {
            // A source that fails still has its age.
            Some(_) if fits && batch.source.kind.is_inventory() => {
                judge.readings(attention, opens, windows, out);
                opens.freeze_unbound(passed);
            }
            Some(error) => {
                let why = match verdict {
                    Verdict::Explained(parent) => Frozen::ParentSilent(parent),
                    Verdict::Own | Verdict::Waiting => Frozen::PollFailed(error.class()),
                };
                opens.freeze_readings(program, &why, passed);
            }
            None if !fits => opens.freeze_readings(program, &Frozen::OtherShape, passed),
            None => {
                judge.readings(attention, opens, windows, out);
                if is_new {
                    opens.count_gone(batch.source.kind, batch.time, passed, out);
                } else {
                    opens.freeze_unbound(passed);
                }
                if opens.remembers() {
                    opens.forget_remembered(|key| judge.is_known(key));
                }
            }
        }
    }

    /// Gives back the waits of its alerts from before a restart, right after the first
    /// [`Self::bind`]. They go on with the first poll; the time until then does not count.
    pub fn remember(&mut self, remembered: Vec<Remembered>) {
        self.opens.remember(remembered, self.last.moment);
    }

    /// What was still on its way when [`Self::bind`] was given bare alerts. Those that have ended or changed
    /// since do without.
    pub fn complete(&mut self, alerts: Vec<OpenAlert>) {
        self.opens.complete(alerts);
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
        self.bindings_by_rule().map(|(_, it)| it).collect()
    }

    /// The same, each with the rule's place in the ruleset.
    pub fn bindings_by_rule(&self) -> impl Iterator<Item = (u32, RuleBindings)> {
        self.program.report.iter().filter_map(|report| {
            let mut bindings = RuleBindings::of(&self.ruleset.rule(report.rule)?.rule);
            bindings.add(report, &self.source, &self.shape);
            Some((report.rule, bindings))
        })
    }

    /// What it is bound to.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The device's name.
    #[must_use]
    pub fn device(&self) -> &Arc<str> {
        &self.source.device
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
    fn reachability(&self, reach: &Reach, verdict: &Verdict, opens: &mut Opens, out: &mut Vec<Transition>) {
        for at in self.program.checks_of_device() {
            let Some((_, compiled)) = self.check(at) else { continue };
            if let Verdict::Explained(parent) = verdict {
                opens.freeze(at, Frozen::ParentSilent(Arc::clone(parent)), self.passed);
                continue;
            }
            let unanswered = compiled.rule.trigger.measure == Measure::Reachability { unanswered: true };
            let failures = if unanswered { reach.silences } else { reach.failures };
            if failures == 0 && !opens.is_open(at) {
                continue;
            }
            if *verdict == Verdict::Waiting && !opens.is_open(at) {
                continue;
            }
            let measured = Measured::Polls { failures, error: self.batch.error.as_ref() };
            let subject = self.subject(compiled, Object::Whole, measured);
            opens.advance(self.program, at, &subject, compiled.of_failures(failures), out);
        }
    }

    fn readings(
        &self,
        attention: &mut Vec<u32>,
        opens: &mut Opens,
        windows: &mut BTreeMap<u32, Window>,
        out: &mut Vec<Transition>,
    ) {
        attention.clear();
        self.scan(attention);
        if !opens.alerts.is_empty() {
            opens.add_guards(self.program, attention);
            attention.sort_unstable();
            attention.dedup();
        }
        for guard in attention.iter().map(|it| *it as usize) {
            match self.program.numbers.get(guard) {
                Some(it) => self.number(guard, it.slot, opens, windows, out),
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

    fn number(
        &self,
        guard: usize,
        slot: u32,
        opens: &mut Opens,
        windows: &mut BTreeMap<u32, Window>,
        out: &mut Vec<Transition>,
    ) {
        let Some(object) = self.object(slot) else { return };
        let sample = self.sample(slot);
        for at in self.program.checks_of_number(guard) {
            let Some((check, compiled)) = self.check(at) else { continue };
            let value = match &sample {
                Ok(value) => *value,
                Err(why) => {
                    self.without(at, compiled, object, why, opens, out);
                    continue;
                }
            };
            let base = match compiled.rule.rate {
                None => value,
                Some(rate) => {
                    let window = windows.entry(at).or_default();
                    let Some(change) = window.rate(self.batch.time.moment, value, rate) else {
                        opens.freeze(at, Frozen::NoHistory, self.passed);
                        continue;
                    };
                    change
                }
            };
            let rated = self.program.rated(check);
            if !opens.is_open(at) && compiled.is_calm(base, rated) {
                continue;
            }
            let subject = self.subject(compiled, object, Measured::Number { base, rated });
            opens.advance(self.program, at, &subject, compiled.of_value(base, rated), out);
        }
    }

    fn state(&self, guard: usize, opens: &mut Opens, out: &mut Vec<Transition>) {
        let Some(slot) = self.program.states.get(guard).map(|it| it.slot) else { return };
        let Some(object @ Object::Reading(_, reading)) = self.object(slot) else { return };
        let sample = self.sample(slot);
        for at in self.program.checks_of_state(guard) {
            let Some((_, compiled)) = self.check(at) else { continue };
            let number = match &sample {
                Ok(number) => *number,
                Err(why) => {
                    self.without(at, compiled, object, why, opens, out);
                    continue;
                }
            };
            let state = reading.states.as_ref().and_then(|it| it.state(number));
            let Some(standings) = compiled.of_state(state) else {
                opens.freeze(at, Frozen::UnknownState, self.passed);
                continue;
            };
            if !opens.is_open(at) && !standings.contains(&Standing::Crossing) {
                continue;
            }
            let subject = self.subject(compiled, object, Measured::State { number, state });
            opens.advance(self.program, at, &subject, standings, out);
        }
    }

    /// A reading is missing from a poll that brought others.
    fn without(
        &self,
        at: u32,
        compiled: &CompiledRule,
        object: Object<'_>,
        why: &Frozen,
        opens: &mut Opens,
        out: &mut Vec<Transition>,
    ) {
        let Frozen::Missing(missing) = *why else { return opens.freeze(at, why.clone(), self.passed) };
        // Nobody has asked: that says nothing about the reading.
        let is_asked = !matches!(missing, Missing::NotPolled | Missing::SnapshotFailed);
        match compiled.of_missing().filter(|_| is_asked) {
            None => opens.freeze(at, Frozen::Missing(missing), self.passed),
            Some(standings) => {
                let subject = self.subject(compiled, object, Measured::Missing(missing));
                opens.advance(self.program, at, &subject, standings, out);
            }
        }
    }

    fn subject<'a>(
        &'a self,
        rule: &'a CompiledRule,
        object: Object<'a>,
        measured: Measured<'a>,
    ) -> Subject<'a> {
        Subject {
            rule,
            now: self.batch.time,
            source: &self.batch.source,
            object,
            measured,
            batch: Some(self.batch),
        }
    }

    fn object(&self, slot: u32) -> Option<Object<'_>> {
        let reading = self.batch.shape.readings.get(slot as usize)?;
        Some(Object::Reading(self.batch.shape.component_of(reading)?, reading))
    }

    fn check(&self, at: u32) -> Option<(Check, &CompiledRule)> {
        let check = *self.program.checks.get(at as usize)?;
        Some((check, self.ruleset.rule(check.rule)?))
    }

    /// Whether the alert's reading is known from this poll, or not there at all.
    fn is_known(&self, key: &AlertKey) -> bool {
        let Some(wanted) = key.parts().and_then(|it| it.reading) else { return true };
        let shape = &self.batch.shape;
        let mut readings = (0..u32::MAX).zip(shape.readings.iter());
        let slot =
            readings.find(|(_, it)| shape.component_of(it).is_some_and(|component| wanted.is(component, it)));
        slot.is_none_or(|(slot, _)| self.sample(slot).is_ok())
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
