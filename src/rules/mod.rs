//! Alert rules: checked, compiled, and evaluated against samples.
//!
//! The way of a rule: [`RuleInput`] (what a user wrote) -> [`check`] -> [`Rule`] -> [`Ruleset`] ->
//! [`Ruleset::bind`] to a device's labels and shape -> [`Program`], a flat list of comparisons which devices of a kind share.
//! Invariants: nothing here knows a clock or keeps state (that is [`crate::alert`]'s); a comparison
//! that cannot be made (no rating) is reported by [`Ruleset::bindings`], never taken as zero.

mod check;
mod check_levels;
mod compile;
mod eval;
mod input;
mod kind;
mod program;
mod rule;
mod select;
mod selector;
pub mod words;

pub use check::{check, check_all};
pub use compile::{Lookup, Ruleset};
pub use eval::{CompiledRule, Standing, Standings};
pub use input::{ApplyTo, DurationInput, LevelInput, RuleInput};
pub use kind::{Measure, RuleType, Trigger, known_name};
pub use program::{Check, NumberGuard, Program, RuleReport, StateGuard, UnboundObject};
pub use rule::{Condition, EQUAL_WITHIN, Level, Operator, Rule, RuleUnit};
pub use select::{RuleBindings, Unbound, UnboundReason};
pub use selector::{Glob, ObjectPattern, Selection};

#[cfg(test)]
mod tests;
