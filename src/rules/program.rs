//! What a device's readings are held against: a flat, immutable list of comparisons, shared by all
//! devices that need the same.
//!
//! The hot part is one *guard* a reading: the range in which none of its rules can begin. A sample
//! within it costs two compares, however many rules watch the reading; only beyond it are the rules
//! looked at one by one. What a rule asks for beyond thresholds (rate of change, missing data) opens
//! its guard for good, so that those who do not use it do not pay for it.
//!
//! Sketch: 24 bytes a reading and 8 a comparison, once for all devices of a kind; so 10,000 PDUs of
//! one model with 60 readings under 20 rules need 12 kB, not 12 MB.

use super::eval::CompiledRule;
use super::rule::Condition;
use super::select::UnboundReason;
use super::{Ruleset, Standing};
use crate::model::{Shape, StateTable};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The comparisons of one device (or of many that need the same), by reading.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Program {
    /// The readings that are numbers, in the samples' order.
    pub numbers: Box<[NumberGuard]>,
    /// The readings that are states, in the samples' order.
    pub states: Box<[StateGuard]>,
    /// The comparisons: those of numbers by reading, those of states by reading, then those of the
    /// device's reachability. Of one reading by rule.
    pub checks: Box<[Check]>,
    /// Where the checks of reachability begin.
    reachability: u32,
    /// What percentages refer to, in base units; checks name their place.
    ratings: Box<[f64]>,
    /// The readings that are judged together with others', by rule.
    pub members: Box<[Member]>,
    /// What became of each rule that is for the device, by rule.
    pub report: Box<[RuleReport]>,
}

/// A reading that is a number, and where nothing can begin. Read at each poll.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberGuard {
    /// No rule's condition holds from here..
    pub low: f64,
    /// ..to here, inclusive. Less than `low` where each sample needs a look, missing ones too.
    pub high: f64,
    /// The reading: a place in the shape.
    pub slot: u32,
    /// Its first check.
    first: u32,
}

/// A reading that is a state, and which of its numbers are harmless. Read at each poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateGuard {
    /// Bit n: under the number n no rule's condition holds. None where each sample needs a look.
    pub calm: u64,
    /// The reading: a place in the shape.
    pub slot: u32,
    /// Its first check.
    first: u32,
}

/// One reading (or the device itself) under one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Check {
    /// The rule: a place in the ruleset.
    pub rule: u32,
    /// What a percentage refers to: a place in the ratings plus one; 0 where none is asked for.
    rated: u32,
}

/// One reading that a rule judges together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Member {
    /// The rule, and what a percentage refers to.
    pub check: Check,
    /// The reading: a place in the shape.
    pub slot: u32,
}

/// What one rule is bound to on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleReport {
    /// The rule: a place in the ruleset.
    pub rule: u32,
    /// How many readings (or devices, for reachability) it judges.
    pub bound: u32,
    /// What it should judge and cannot.
    pub unbound: Box<[(UnboundObject, UnboundReason)]>,
}

/// An object that a rule is for and cannot judge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UnboundObject {
    /// A component: a place in the shape.
    Component(u32),
    /// A chosen object that is not there, as the rule names it.
    Pattern(Box<str>),
    /// The device itself.
    Device,
}

impl NumberGuard {
    /// Whether the reading's rules must be looked at.
    #[must_use]
    #[inline]
    pub fn lets_pass(&self, value: f64) -> bool {
        // Written so that a NaN does not pass.
        self.low <= value && value <= self.high
    }

    /// Whether its rules must be looked at even if there is no sample.
    #[must_use]
    #[inline]
    pub fn is_open(&self) -> bool {
        self.high < self.low
    }
}

impl StateGuard {
    /// Whether the reading's rules need no look.
    #[must_use]
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "only whole numbers from 0 to 63 are looked up; others do not pass"
    )]
    pub fn lets_pass(&self, value: f64) -> bool {
        (0.0..64.0).contains(&value) && (self.calm >> (value as u32)) & 1 == 1
    }

    /// Whether its rules must be looked at even if there is no sample.
    #[must_use]
    #[inline]
    pub const fn is_open(&self) -> bool {
        self.calm == 0
    }
}

impl Program {
    /// The checks of the number guard at that place.
    #[must_use]
    pub fn checks_of_number(&self, at: usize) -> Range<u32> {
        let Some(guard) = self.numbers.get(at) else { return 0..0 };
        guard.first..self.numbers.get(at + 1).map_or_else(|| self.first_state(), |it| it.first)
    }

    /// The checks of the state guard at that place.
    #[must_use]
    pub fn checks_of_state(&self, at: usize) -> Range<u32> {
        let Some(guard) = self.states.get(at) else { return 0..0 };
        guard.first..self.states.get(at + 1).map_or(self.reachability, |it| it.first)
    }

    /// The checks of the device's reachability.
    #[must_use]
    pub fn checks_of_device(&self) -> Range<u32> {
        self.reachability..to_u32(self.checks.len())
    }

    /// The reading of a check, as a guard: numbers first, then states. `None`: the device itself.
    #[must_use]
    pub fn guard_of(&self, check: u32) -> Option<usize> {
        if check < self.first_state() {
            return self.numbers.partition_point(|it| it.first <= check).checked_sub(1);
        }
        if self.reachability <= check {
            return None;
        }
        let state = self.states.partition_point(|it| it.first <= check).checked_sub(1);
        state.map(|it| self.numbers.len() + it)
    }

    /// The reading of a check: a place in the shape. `None`: the device itself.
    #[must_use]
    pub fn slot_of(&self, check: u32) -> Option<u32> {
        let guard = self.guard_of(check)?;
        let number = self.numbers.get(guard).map(|it| it.slot);
        number.or_else(|| self.states.get(guard - self.numbers.len()).map(|it| it.slot))
    }

    /// What the check's percentage refers to, in the base unit; `None` where none is asked for.
    #[must_use]
    pub fn rated(&self, check: Check) -> Option<f64> {
        self.ratings.get(check.rated.checked_sub(1)? as usize).copied()
    }

    /// Why the rule cannot judge a component (a place in the shape), if it is for it and cannot.
    #[must_use]
    pub fn unbound_reason(&self, rule: u32, component: u32) -> Option<&UnboundReason> {
        let report = self.report.iter().find(|it| it.rule == rule)?;
        let wanted = UnboundObject::Component(component);
        report.unbound.iter().find(|(object, _)| *object == wanted).map(|(_, reason)| reason)
    }

    /// How many comparisons it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.checks.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    fn first_state(&self) -> u32 {
        self.states.first().map_or(self.reachability, |it| it.first)
    }
}

impl Hash for Program {
    fn hash<H: Hasher>(&self, to: &mut H) {
        for guard in &self.numbers {
            (guard.low.to_bits(), guard.high.to_bits(), guard.slot, guard.first).hash(to);
        }
        for guard in &self.states {
            (guard.calm, guard.slot, guard.first).hash(to);
        }
        self.checks.hash(to);
        self.members.hash(to);
        self.ratings.iter().for_each(|it| it.to_bits().hash(to));
        // What was not bound may differ between equals in hash: equality looks at it.
        self.report.len().hash(to);
    }
}

/// A program in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    numbers: Vec<(u32, Check)>,
    states: Vec<(u32, Check)>,
    device: Vec<Check>,
    members: Vec<Member>,
    ratings: Vec<f64>,
    report: Vec<RuleReport>,
    unbound: Vec<(UnboundObject, UnboundReason)>,
    bound: u32,
}

impl Draft {
    /// A reading under a rule.
    pub(super) fn reading(&mut self, compiled: &CompiledRule, rule: u32, slot: u32, rated: Option<f64>) {
        let check = Check { rule, rated: rated.map_or(0, |it| self.rated(it)) };
        let is_number =
            matches!(compiled.rule.condition, Condition::Threshold { .. } | Condition::Present { .. });
        let readings = if is_number { &mut self.numbers } else { &mut self.states };
        readings.push((slot, check));
        self.bound += 1;
    }

    /// A reading that a rule judges together with others.
    pub(super) fn member(&mut self, rule: u32, slot: u32, rated: Option<f64>) {
        let check = Check { rule, rated: rated.map_or(0, |it| self.rated(it)) };
        self.members.push(Member { check, slot });
        self.bound += 1;
    }

    /// The device's reachability under a rule.
    pub(super) fn reachability(&mut self, rule: u32) {
        self.device.push(Check { rule, rated: 0 });
        self.bound += 1;
    }

    /// Something that the rule should judge and cannot.
    pub(super) fn unbound(&mut self, object: UnboundObject, reason: UnboundReason) {
        self.unbound.push((object, reason));
    }

    /// The device lacks a label by which the rule's groups are told apart.
    pub(super) fn without_label(&mut self, label: &str) {
        let reason = UnboundReason::NoLabel { label: label.into() };
        if !self.unbound.iter().any(|(_, it)| *it == reason) {
            self.unbound.push((UnboundObject::Device, reason));
        }
    }

    /// Nothing more of this rule, which is for the device.
    pub(super) fn end_rule(&mut self, rule: u32) {
        let unbound = std::mem::take(&mut self.unbound).into();
        self.report.push(RuleReport { rule, bound: std::mem::take(&mut self.bound), unbound });
    }

    fn rated(&mut self, rated: f64) -> u32 {
        let known = self.ratings.iter().position(|it| it.to_bits() == rated.to_bits());
        let place = known.unwrap_or_else(|| {
            self.ratings.push(rated);
            self.ratings.len() - 1
        });
        to_u32(place + 1)
    }

    pub(super) fn finish(mut self, ruleset: &Ruleset, shape: &Shape) -> Program {
        self.numbers.sort_unstable();
        self.states.sort_unstable();
        let mut program = Program { ratings: self.ratings.into(), ..Program::default() };
        let mut checks = Vec::with_capacity(self.numbers.len() + self.states.len() + self.device.len());
        let mut numbers = Vec::new();
        for of_reading in self.numbers.chunk_by(|left, right| left.0 == right.0) {
            let Some(&(slot, _)) = of_reading.first() else { continue };
            let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
            for (_, check) in of_reading {
                let Some(compiled) = ruleset.rule(check.rule) else { continue };
                if compiled.looks_at_all() {
                    (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
                }
                let (from, to) = compiled.calm_range(program.rated(*check));
                (low, high) = (low.max(from), high.min(to));
            }
            if high < low {
                // Each sample needs a look, and so do missing ones.
                (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
            }
            numbers.push(NumberGuard { low, high, slot, first: to_u32(checks.len()) });
            checks.extend(of_reading.iter().map(|(_, check)| *check));
        }
        let mut states = Vec::new();
        for of_reading in self.states.chunk_by(|left, right| left.0 == right.0) {
            let Some(&(slot, _)) = of_reading.first() else { continue };
            let table = shape.readings.get(slot as usize).and_then(|it| it.states.as_deref());
            let rules = of_reading.iter().filter_map(|(_, check)| ruleset.rule(check.rule));
            let calm =
                table.map_or(0, |table| rules.fold(u64::MAX, |calm, it| calm & calm_states(it, table)));
            states.push(StateGuard { calm, slot, first: to_u32(checks.len()) });
            checks.extend(of_reading.iter().map(|(_, check)| *check));
        }
        program.reachability = to_u32(checks.len());
        checks.extend(self.device);
        program.numbers = numbers.into();
        program.states = states.into();
        program.checks = checks.into();
        program.members = self.members.into();
        program.report = self.report.into();
        program
    }
}

/// The numbers under which a rule's condition does not hold, a bit each. Those that the table does not
/// list say nothing, and so begin nothing.
fn calm_states(rule: &CompiledRule, table: &StateTable) -> u64 {
    if rule.looks_at_all() {
        return 0;
    }
    let crossing = table.values.iter().filter(|(_, state)| {
        rule.of_state(Some(state)).is_some_and(|standings| standings.contains(&Standing::Crossing))
    });
    let numbers = crossing.filter_map(|(number, _)| u32::try_from(*number).ok());
    numbers.filter_map(|it| 1_u64.checked_shl(it)).fold(u64::MAX, |calm, bit| calm & !bit)
}

/// The programs in use, so that devices which need the same share it.
#[derive(Debug, Default)]
pub(super) struct Programs(Mutex<HashMap<u64, Vec<Weak<Program>>>>);

impl Programs {
    /// The one that is equal to this, which may be this itself.
    pub(super) fn share(&self, program: Program) -> Arc<Program> {
        let mut hasher = DefaultHasher::new();
        program.hash(&mut hasher);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == known.capacity() {
            known.retain(|_, alike| {
                alike.retain(|it| 0 < it.strong_count());
                !alike.is_empty()
            });
        }
        let alike = known.entry(hasher.finish()).or_default();
        if let Some(equal) = alike.iter().filter_map(Weak::upgrade).find(|it| **it == program) {
            return equal;
        }
        alike.retain(|it| 0 < it.strong_count());
        let program = Arc::new(program);
        alike.push(Arc::downgrade(&program));
        program
    }
}

/// A device has at most some thousand readings and rules.
pub(super) fn to_u32(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
