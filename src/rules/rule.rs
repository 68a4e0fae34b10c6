//! A checked rule: every name known, every threshold on its right side.

use super::kind::{RuleType, Trigger};
use super::selector::{Glob, Selection};
use crate::model::{ComponentKind, Quantity, Ratings, Severity, WireUnit};
use std::sync::Arc;
use std::time::Duration;

/// A checked rule. Only [`super::check`] makes one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// Its type.
    pub rule_type: RuleType,
    /// Its trigger.
    pub trigger: &'static Trigger,
    /// The objects that it is for.
    pub selection: Selection,
    /// The component kinds that it looks at.
    pub components: Box<[ComponentKind]>,
    /// The components' indices or labels; empty: all.
    pub indices: Box<[Glob]>,
    /// The readings' names; empty: see [`super::RuleInput::names`].
    pub names: Box<[Glob]>,
    /// When it holds.
    pub condition: Condition,
    /// How long it must hold before it is announced.
    pub hold_for: Duration,
    /// How long it must be over before it is resolved.
    pub keep_firing_for: Duration,
    /// How often an alert that goes on is to be announced anew.
    pub resend: Option<Duration>,
    /// Ratings in place of the components' own.
    pub rated: Ratings,
    /// What to tell whoever is woken.
    pub notes: Option<Arc<str>>,
    /// A link to what to do.
    pub runbook: Option<Arc<str>>,
    /// The integrations to page through; empty: the default ones.
    pub integrations: Arc<[Arc<str>]>,
}

/// When a rule holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A number lies beyond a threshold.
    Threshold {
        /// On which side.
        operator: Operator,
        /// The unit of the levels.
        unit: RuleUnit,
        /// One a severity, mildest first, each further out than the one before; at least one.
        levels: Box<[Level]>,
    },
    /// A state means what the trigger asks for.
    State {
        /// How bad that is.
        severity: Severity,
    },
    /// A state's health is warning or critical, and that is the severity.
    Health,
    /// Polls fail.
    Unreachable {
        /// How bad that is.
        severity: Severity,
        /// After how many in a row.
        after_polls: u32,
    },
}

/// A threshold of one severity, in the rule's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The severity.
    pub severity: Severity,
    /// It begins beyond this.
    pub value: f64,
    /// It ends when no more beyond this; on the milder side of `value`, or equal to it.
    pub clear: f64,
}

/// A comparison. There is none for equality: a measured number is never quite equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Greater, Self::GreaterOrEqual, Self::Less, Self::LessOrEqual];

    /// As a user writes it.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }

    /// The comparison that holds where this one does not.
    #[must_use]
    pub const fn inverse_symbol(self) -> &'static str {
        match self {
            Self::Greater => "<=",
            Self::GreaterOrEqual => "<",
            Self::Less => ">=",
            Self::LessOrEqual => ">",
        }
    }

    /// The operator of that symbol.
    #[must_use]
    pub fn find(symbol: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.symbol() == symbol)
    }

    /// Whether large numbers are bad.
    #[must_use]
    pub const fn is_upper(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual)
    }

    /// Whether `value` stands beyond `limit`.
    #[must_use]
    pub fn holds(self, value: f64, limit: f64) -> bool {
        if self.is_upper() { self.edge(limit) < value } else { value < self.edge(limit) }
    }

    /// The number that decides: beyond it, strictly, the comparison holds. It lies
    /// [`EQUAL_WITHIN`] off the limit, so that 112 * 0.1 A is not over 11.2 A.
    #[must_use]
    pub fn edge(self, limit: f64) -> f64 {
        let tolerance = EQUAL_WITHIN * limit.abs().max(1.0);
        match self {
            Self::Greater | Self::LessOrEqual => limit + tolerance,
            Self::GreaterOrEqual | Self::Less => limit - tolerance,
        }
    }

    /// Whether `outer` lies further out than `inner`: what holds for it holds for that as well.
    #[must_use]
    pub fn is_beyond(self, outer: f64, inner: f64) -> bool {
        if self.is_upper() { inner < outer } else { outer < inner }
    }
}

/// Relative (below 1 absolute) difference within which a reading equals a limit: far above what
/// scaling leaves behind (1e-16), far below what any meter resolves (1e-5).
pub const EQUAL_WITHIN: f64 = 1e-9;

/// The unit in which a rule speaks: `base = shown * factor + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleUnit {
    /// Its symbol, as in `A`, `degF`, `%`.
    pub symbol: &'static str,
    factor: f64,
    offset: f64,
}

impl RuleUnit {
    /// Percent of a component's rating.
    pub const PERCENT: Self = Self { symbol: "%", factor: 1.0, offset: 0.0 };

    /// The base unit of a quantity.
    #[must_use]
    pub const fn base(quantity: Quantity) -> Self {
        Self { symbol: quantity.unit().symbol(), factor: 1.0, offset: 0.0 }
    }

    /// The unit of that name, if it measures that quantity. `C` and `F` are degrees.
    #[must_use]
    pub fn find(name: &str, quantity: Quantity) -> Option<Self> {
        let symbol = match name {
            "C" | "°C" => "degC",
            "F" | "°F" => "degF",
            other => other,
        };
        WireUnit::find(symbol).filter(|it| it.unit == quantity.unit()).map(|it| Self {
            symbol: it.symbol,
            factor: it.factor,
            offset: it.offset,
        })
    }

    /// A number of this unit in the base unit.
    #[must_use]
    pub fn to_base(self, shown: f64) -> f64 {
        shown * self.factor + self.offset
    }

    /// A number of the base unit in this one.
    #[must_use]
    pub fn from_base(self, base: f64) -> f64 {
        (base - self.offset) / self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::{Operator, RuleUnit};
    use crate::model::Quantity;

    #[test]
    fn operators() {
        for (symbol, value, limit, holds) in [
            (">", 20.1, 20.0, true),
            (">", 20.0, 20.0, false),
            (">", 112.0 * 0.1, 11.2, false),
            (">=", 112.0 * 0.1, 11.2, true),
            (">=", 0.1 + 0.2, 0.3, true),
            ("<", 0.1 + 0.2, 0.3, false),
            ("<", 9.9, 10.0, true),
            ("<", 10.0, 10.0, false),
            ("<=", 10.0, 10.0, true),
            ("<=", 0.1 + 0.2, 0.3, true),
            ("<", -5.0, -4.0, true),
            (">", 0.0, 0.0, false),
            (">", f64::NAN, 0.0, false),
            ("<", f64::NAN, 0.0, false),
        ] {
            let operator = Operator::find(symbol).unwrap();
            assert_eq!(operator.holds(value, limit), holds, "{value:?} {symbol} {limit}");
        }
    }

    #[test]
    fn units() {
        let fahrenheit = RuleUnit::find("F", Quantity::Temperature).unwrap();
        assert!((fahrenheit.to_base(212.0) - 100.0).abs() < 1e-9);
        assert!((fahrenheit.from_base(0.0) - 32.0).abs() < 1e-9);
        assert_eq!(fahrenheit.symbol, "degF");
        assert!(RuleUnit::find("F", Quantity::Current).is_none());
        assert!(RuleUnit::find("min", Quantity::Runtime).is_some());
    }
}
