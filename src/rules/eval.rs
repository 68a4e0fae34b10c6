//! How a sample stands to a rule's levels. The hot path in [`crate::alert`] comes here only for
//! samples beyond a rule's mildest edge and for alerts that are open.

use super::extras::NoData;
use super::kind::Measure;
use super::limit::Limit;
use super::rule::{Condition, Level, Rule};
use crate::model::{Health, Severity, StateValue, UnixMillis};

/// A rule with what evaluation needs at hand.
#[derive(Debug, Clone)]
pub struct CompiledRule {
    /// The rule.
    pub rule: Rule,
    /// How long its alerts wait.
    pub waits: Waits,
}

/// How long an alert waits before it gets worse or milder, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// [`Rule::hold_for`].
    pub hold_for: u64,
    /// [`Rule::keep_firing_for`].
    pub keep_firing_for: u64,
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
        let (hold_for, keep_firing_for) = (nanoseconds(rule.hold_for), nanoseconds(rule.keep_firing_for));
        Self { waits: Waits { hold_for, keep_firing_for }, rule }
    }

    /// Whether samples that lie in [`Self::calm_range`] need a look all the same, and missing ones too.
    #[must_use]
    pub fn looks_at_all(&self) -> bool {
        self.rule.rate.is_some() || self.rule.no_data == NoData::Alert
    }

    /// Where no condition holds, in the base unit, inclusive; `rated` for percent of rated. The empty
    /// range (from more to less) where there is no such range.
    #[must_use]
    pub fn calm_range(&self, rated: Option<f64>) -> (f64, f64) {
        match &self.rule.condition {
            Condition::Threshold { operator, levels, .. } => match levels.first() {
                Some(mildest) => operator.calm(self.limit(mildest.value, rated)),
                None => (f64::NEG_INFINITY, f64::INFINITY),
            },
            Condition::Present { .. } => (f64::NEG_INFINITY, 0.0),
            Condition::State { .. } | Condition::Health | Condition::Unreachable { .. } => {
                (f64::INFINITY, f64::NEG_INFINITY)
            }
        }
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
        match &self.rule.condition {
            Condition::Threshold { operator, levels, .. } => {
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
            }
            Condition::Present { severity } => {
                put(&mut standings, *severity, if 0.0 < base { Standing::Crossing } else { Standing::Clear });
            }
            Condition::State { .. } | Condition::Health | Condition::Unreachable { .. } => (),
        }
        standings
    }

    /// The same at that time: outside of the rule's schedule nothing begins or gets worse, and what
    /// goes on ends as ever.
    #[must_use]
    pub fn at(&self, time: UnixMillis, mut standings: Standings) -> Standings {
        if self.rule.schedule.as_ref().is_some_and(|it| !it.is_active(time)) {
            for standing in &mut standings {
                if *standing == Standing::Crossing {
                    *standing = Standing::Between;
                }
            }
        }
        standings
    }

    /// How long its alerts wait if they flap.
    #[must_use]
    pub fn flapping_waits(&self) -> Waits {
        let within = self.rule.flapping.map_or(0, |it| nanoseconds(it.within));
        Waits { keep_firing_for: self.waits.keep_firing_for.max(within), ..self.waits }
    }

    /// How a reading that is missing stands; `None`: its alert stands still.
    #[must_use]
    pub fn of_missing(&self) -> Option<Standings> {
        let mut standings = Standings::default();
        let others = match self.rule.no_data {
            NoData::Keep => return None,
            NoData::Ignore => Standing::Clear,
            NoData::Alert => Standing::Between,
        };
        for severity in self.severities() {
            put(&mut standings, severity, others);
        }
        if let (NoData::Alert, Some(mildest)) = (self.rule.no_data, self.severities().min()) {
            put(&mut standings, mildest, Standing::Crossing);
        }
        Some(standings)
    }

    /// The severities that its alerts can have.
    fn severities(&self) -> impl Iterator<Item = Severity> {
        let fixed: &[Severity] = match &self.rule.condition {
            Condition::Threshold { .. } => &[],
            Condition::State { severity }
            | Condition::Present { severity }
            | Condition::Unreachable { severity, .. } => std::slice::from_ref(severity),
            Condition::Health => &[Severity::Warning, Severity::Critical],
        };
        self.levels().iter().map(|it| it.severity).chain(fixed.iter().copied())
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
    pub fn limit(&self, shown: Limit, rated: Option<f64>) -> Limit {
        let Condition::Threshold { unit, .. } = &self.rule.condition else { return shown };
        match rated {
            Some(rated) => shown.map(|it| unit.to_base(it) * rated / 100.0),
            None => shown.map(|it| unit.to_base(it)),
        }
    }

    /// A number of the base unit as the rule speaks of it.
    #[must_use]
    pub fn shown(&self, base: f64, rated: Option<f64>) -> f64 {
        let Condition::Threshold { unit, .. } = &self.rule.condition else { return base };
        unit.from_base(rated.map_or(base, |rated| base / rated * 100.0))
    }

    /// The levels, mildest first; none but for thresholds.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        match &self.rule.condition {
            Condition::Threshold { levels, .. } => levels,
            Condition::State { .. }
            | Condition::Health
            | Condition::Present { .. }
            | Condition::Unreachable { .. } => &[],
        }
    }
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
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
