//! How a sample stands to a rule's levels. The hot path in [`crate::alert`] comes here only for
//! samples beyond a rule's mildest edge and for alerts that are open.

use super::kind::Measure;
use super::rule::{Condition, Level, Rule};
use crate::model::{Health, Severity, StateValue};

/// A rule with what evaluation needs at hand.
#[derive(Debug, Clone)]
pub struct CompiledRule {
    /// The rule.
    pub rule: Rule,
    /// [`Rule::hold_for`] in nanoseconds.
    pub hold_for_nanoseconds: u64,
    /// [`Rule::keep_firing_for`] in nanoseconds.
    pub keep_firing_for_nanoseconds: u64,
}

/// How a sample stands to one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// The rule has no such level.
    #[default]
    Absent,
    /// Past the clear value: the level does not hold, and ends if it did.
    Clear,
    /// Between clear value and threshold: the level goes on if it held, and does not begin.
    Between,
    /// Beyond the threshold.
    Crossing,
}

/// How a sample stands to the levels, by [`Severity`], mildest first.
pub type Standings = [Standing; 4];

impl CompiledRule {
    pub(super) fn new(rule: Rule) -> Self {
        let nanoseconds = |it: std::time::Duration| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX);
        Self {
            hold_for_nanoseconds: nanoseconds(rule.hold_for),
            keep_firing_for_nanoseconds: nanoseconds(rule.keep_firing_for),
            rule,
        }
    }

    /// Where no condition holds, in the base unit, inclusive; `rated` for percent of rated. The empty
    /// range (from more to less) where each sample needs a look.
    #[must_use]
    pub fn calm_range(&self, rated: Option<f64>) -> (f64, f64) {
        let mildest = self.levels().first();
        let (Condition::Threshold { operator, .. }, Some(mildest)) = (&self.rule.condition, mildest) else {
            return (f64::INFINITY, f64::NEG_INFINITY);
        };
        let edge = operator.edge(self.limit(mildest.value, rated));
        if operator.is_upper() { (f64::NEG_INFINITY, edge) } else { (edge, f64::INFINITY) }
    }

    /// Whether no condition holds for a number in the base unit.
    #[must_use]
    #[inline]
    pub fn is_calm(&self, base: f64, rated: Option<f64>) -> bool {
        let (low, high) = self.calm_range(rated);
        low <= base && base <= high
    }

    /// How a number in the base unit stands; `rated` for percent of rated.
    #[must_use]
    pub fn of_value(&self, base: f64, rated: Option<f64>) -> Standings {
        let mut standings = Standings::default();
        let Condition::Threshold { operator, levels, .. } = &self.rule.condition else { return standings };
        for level in levels {
            let standing = if operator.holds(base, self.limit(level.value, rated)) {
                Standing::Crossing
            } else if operator.holds(base, self.limit(level.clear, rated)) {
                Standing::Between
            } else {
                Standing::Clear
            };
            put(&mut standings, level.severity, standing);
        }
        standings
    }

    /// How a state stands; `None` where the state says nothing, and an alert of it must freeze.
    #[must_use]
    pub fn of_state(&self, state: Option<&StateValue>) -> Option<Standings> {
        let state = state.filter(|it| !says_nothing(it))?;
        let mut standings = Standings::default();
        let standing = |holds| if holds { Standing::Crossing } else { Standing::Clear };
        match (&self.rule.condition, self.rule.trigger.measure) {
            (Condition::State { severity }, Measure::Meaning(meaning)) => {
                put(&mut standings, *severity, standing(state.meanings.contains(&meaning)));
            }
            (Condition::Health, _) => {
                put(&mut standings, Severity::Warning, standing(Health::Warning <= state.health));
                put(&mut standings, Severity::Critical, standing(Health::Critical <= state.health));
            }
            (..) => (),
        }
        Some(standings)
    }

    /// How a number of failed polls in a row stands. It begins after as many as the rule says, and
    /// ends only with a poll that does not fail: also after a restart, when the count begins anew.
    #[must_use]
    pub fn of_failures(&self, failures: u32) -> Standings {
        let mut standings = Standings::default();
        if let Condition::Unreachable { severity, after_polls } = self.rule.condition {
            let standing = match failures {
                0 => Standing::Clear,
                few if few < after_polls => Standing::Between,
                _ => Standing::Crossing,
            };
            put(&mut standings, severity, standing);
        }
        standings
    }

    /// A threshold of the rule in the reading's base unit.
    #[must_use]
    pub fn limit(&self, shown: f64, rated: Option<f64>) -> f64 {
        match (&self.rule.condition, rated) {
            (Condition::Threshold { .. }, Some(rated)) => shown * rated / 100.0,
            (Condition::Threshold { unit, .. }, None) => unit.to_base(shown),
            (Condition::State { .. } | Condition::Health | Condition::Unreachable { .. }, _) => shown,
        }
    }

    /// A number of the base unit as the rule speaks of it.
    #[must_use]
    pub fn shown(&self, base: f64, rated: Option<f64>) -> f64 {
        match (&self.rule.condition, rated) {
            (Condition::Threshold { .. }, Some(rated)) => base / rated * 100.0,
            (Condition::Threshold { unit, .. }, None) => unit.from_base(base),
            (Condition::State { .. } | Condition::Health | Condition::Unreachable { .. }, _) => base,
        }
    }

    /// The levels, mildest first; none but for thresholds.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        match &self.rule.condition {
            Condition::Threshold { levels, .. } => levels,
            Condition::State { .. } | Condition::Health | Condition::Unreachable { .. } => &[],
        }
    }
}

fn put(standings: &mut Standings, severity: Severity, standing: Standing) {
    if let Some(slot) = standings.get_mut(severity as usize) {
        *slot = standing;
    }
}

/// A card that lost its UPS says "unknown": that is neither on battery nor back from it.
fn says_nothing(state: &StateValue) -> bool {
    state.health == Health::Unknown
        && state.meanings.is_empty()
        && SAYS_NOTHING.iter().any(|it| it.eq_ignore_ascii_case(&state.name))
}

/// The MIBs' names for a state that is not known.
const SAYS_NOTHING: [&str; 4] = ["unknown", "unavailable", "notAvailable", "unknownState"];
