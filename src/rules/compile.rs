//! Rules made ready: bound to a device's readings they become a flat list of comparisons.
//!
//! Sketch: with the alert state a comparison takes 32 bytes; 10,000 devices with 60 readings under two
//! rules each take 38 MB. Binding a device costs rules x components and some 20 ns a comparison; it
//! happens when the device is learnt and when the config changes.

use super::eval::CompiledRule;
use super::kind::Measure;
use super::rule::{Condition, Operator, Rule};
use super::select::{Found, Parts, select};
use crate::model::{ComponentKind, Ratings, Shape, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All rules of a config, compiled. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Ruleset(Arc<Compiled>);

#[derive(Debug, Clone, Default)]
struct Compiled {
    rules: Vec<CompiledRule>,
    disabled: BTreeSet<Arc<str>>,
    device_ratings: BTreeMap<Arc<str>, Vec<(ComponentKind, Ratings)>>,
}

/// The comparisons of one device, by slot, so that samples are read in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Program {
    /// Those that hold above their edge.
    pub above: Vec<ValueCheck>,
    /// Those that hold below their edge.
    pub below: Vec<ValueCheck>,
    /// Those of states.
    pub states: Vec<StateCheck>,
    /// The rules (places in the ruleset) about the device's reachability.
    pub reachability: Vec<u32>,
}

/// One reading under one rule with thresholds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueCheck {
    /// The mildest threshold in the reading's base unit, with its tolerance: nothing holds on the
    /// milder side of it.
    pub edge: f64,
    /// The reading: a place in the shape.
    pub slot: u32,
    /// The rule: a place in the ruleset.
    pub rule: u32,
    /// What percentages refer to, in the base unit; NaN where they are not asked for.
    pub rated: f64,
}

/// One state under one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateCheck {
    /// The reading: a place in the shape.
    pub slot: u32,
    /// The rule: a place in the ruleset.
    pub rule: u32,
}

/// Whether a ruleset still has a rule of a name.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'a> {
    /// It has.
    Rule(&'a CompiledRule),
    /// It has, but switched off.
    Disabled,
    /// It has not.
    Removed,
}

impl Ruleset {
    /// Compiles checked rules. Of rules with the same name the first one counts ([`super::check_all`]
    /// refuses them).
    #[must_use]
    pub fn compile(rules: Vec<Rule>) -> Self {
        let mut names = BTreeSet::new();
        let mut compiled = Compiled::default();
        for rule in rules {
            if !names.insert(Arc::clone(&rule.name)) {
                continue;
            }
            if rule.enabled {
                compiled.rules.push(CompiledRule::new(rule));
            } else {
                compiled.disabled.insert(rule.name);
            }
        }
        Self(Arc::new(compiled))
    }

    /// The same with ratings of a device's components by kind, in place of what the agent says.
    #[must_use]
    pub fn with_device_ratings(
        self,
        ratings: impl IntoIterator<Item = (Arc<str>, Vec<(ComponentKind, Ratings)>)>,
    ) -> Self {
        let mut compiled = Arc::unwrap_or_clone(self.0);
        compiled.device_ratings.extend(ratings);
        Self(Arc::new(compiled))
    }

    /// The rules that are evaluated.
    #[must_use]
    pub fn rules(&self) -> &[CompiledRule] {
        &self.0.rules
    }

    /// The rule at a place that a check names.
    #[must_use]
    pub fn rule(&self, at: u32) -> Option<&CompiledRule> {
        self.0.rules.get(at as usize)
    }

    /// The rule of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Lookup<'_> {
        match self.0.rules.iter().find(|it| *it.rule.name == *name) {
            Some(rule) => Lookup::Rule(rule),
            None if self.0.disabled.contains(name) => Lookup::Disabled,
            None => Lookup::Removed,
        }
    }

    /// The comparisons that this device needs.
    #[must_use]
    pub fn bind(&self, source: &Source, shape: &Shape) -> Program {
        let mut program = Program::default();
        let parts = Parts::of(shape);
        let ratings = self.ratings_of(source);
        for (at, compiled) in (0..u32::MAX).zip(&self.0.rules) {
            let rule = &compiled.rule;
            if !rule.selection.fits_device(&source.device, &source.labels) {
                continue;
            }
            if let Measure::Reachability { .. } = rule.trigger.measure {
                program.reachability.push(at);
            }
            select(rule, source, &parts, ratings, |found| {
                if let Found::Reading { slot, rated } = found {
                    program.push(compiled, at, slot, rated);
                }
            });
        }
        for lane in [&mut program.above, &mut program.below] {
            lane.sort_by_key(|it| (it.slot, it.rule));
            lane.shrink_to_fit();
        }
        program.states.sort_by_key(|it| (it.slot, it.rule));
        program.states.shrink_to_fit();
        program
    }

    pub(super) fn ratings_of(&self, source: &Source) -> &[(ComponentKind, Ratings)] {
        self.0.device_ratings.get(&source.device).map_or(&[], |it| it)
    }
}

impl Program {
    fn push(&mut self, compiled: &CompiledRule, rule: u32, slot: u32, rated: Option<f64>) {
        let Condition::Threshold { operator, levels, .. } = &compiled.rule.condition else {
            self.states.push(StateCheck { slot, rule });
            return;
        };
        let Some(mildest) = levels.first() else { return };
        let edge = operator.edge(compiled.limit(mildest.value, rated));
        let check = ValueCheck { edge, slot, rule, rated: rated.unwrap_or(f64::NAN) };
        if Operator::is_upper(*operator) { self.above.push(check) } else { self.below.push(check) }
    }

    /// How many comparisons it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.above.len() + self.below.len() + self.states.len() + self.reachability.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
