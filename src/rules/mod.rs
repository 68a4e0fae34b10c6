//! Alert rules: checked, compiled, and evaluated against samples.
//!
//! The way of a rule: [`RuleInput`] (what a user wrote) -> [`check`] -> [`Rule`] -> [`Ruleset`] ->
//! [`Ruleset::bind`] to a device's labels and shape -> [`Program`], a flat list of comparisons which devices of a kind share.
//! Invariants: nothing here knows a clock or keeps state (that is [`crate::alert`]'s); a comparison
//! that cannot be made (no rating) is reported by [`Ruleset::bindings`], never taken as zero.

mod check;
pub(crate) mod check_extras;
mod check_levels;
mod compile;
mod eval;
mod extras;
mod input;
mod kind;
mod limit;
mod program;
mod rule;
mod select;
mod selector;
mod unit;
pub mod words;

pub use check::{check, check_all};
pub use compile::{Lookup, Ruleset};
pub use eval::{CompiledRule, Standing, Standings, Waits};
pub use extras::{Combine, Flapping, Group, GroupBy, GroupValues, NoData, Rate, Schedule};
pub use input::{
    ApplyTo, DurationInput, FlappingInput, GroupInput, LevelInput, RateInput, RuleInput, ScheduleInput,
};
pub use kind::{Measure, ReadingName, RuleType, Trigger, known_name};
pub use limit::{EQUAL_WITHIN, Limit, Operator};
pub use program::{Check, Member, NumberGuard, Program, RuleReport, StateGuard, UnboundObject};
pub use rule::{Condition, Level, Rule};
pub use select::{RuleBindings, Unbound, UnboundReason};
pub use selector::{Glob, ObjectPattern, Selection};
pub use unit::{Per, RuleUnit};

#[cfg(test)]
mod extras_tests;
#[cfg(test)]
mod tests;
