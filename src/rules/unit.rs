//! The units in which rules speak, rates of change included.

use crate::model::{Quantity, WireUnit};
use std::sync::LazyLock;

/// The unit in which a rule speaks: `base = shown * factor + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleUnit {
    /// Its symbol, as in `A`, `degF`, `%`, `degC/h`.
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

    /// The unit of a change of it in that time: the base of a rate is the base unit a second.
    #[must_use]
    pub fn per(self, period: Per) -> Self {
        let symbols = RATES.iter().find(|(symbol, ..)| *symbol == self.symbol);
        let symbol = symbols.map_or(self.symbol, |(_, minute, hour)| match period {
            Per::Minute => minute,
            Per::Hour => hour,
        });
        Self { symbol, factor: self.factor / period.seconds(), offset: 0.0 }
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

/// The time that a rate of change refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

impl Per {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// Its name in rules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// How long it is.
    #[must_use]
    pub const fn seconds(self) -> f64 {
        match self {
            Self::Minute => 60.0,
            Self::Hour => 3600.0,
        }
    }
}

/// Each unit with its rates a minute and an hour. Names of units are literals everywhere; these are
/// made once, two a unit.
static RATES: LazyLock<Vec<(&str, &str, &str)>> = LazyLock::new(|| {
    let kept = |symbol: &str, period: &str| -> &'static str {
        Box::leak([symbol, "/", period].concat().into_boxed_str())
    };
    let units = WireUnit::ALL.iter().map(|it| (it.symbol, kept(it.symbol, "min"), kept(it.symbol, "h")));
    units.collect()
});

/// The symbols of all rates.
pub(super) fn rate_symbols() -> impl Iterator<Item = &'static str> {
    RATES.iter().flat_map(|(_, minute, hour)| [*minute, *hour])
}

#[cfg(test)]
mod tests {
    use super::{Per, RuleUnit};
    use crate::model::Quantity;

    #[test]
    fn units() {
        let fahrenheit = RuleUnit::find("F", Quantity::Temperature).unwrap();
        assert!((fahrenheit.to_base(212.0) - 100.0).abs() < 1e-9);
        assert!((fahrenheit.from_base(0.0) - 32.0).abs() < 1e-9);
        assert_eq!(fahrenheit.symbol, "degF");
        assert!(RuleUnit::find("F", Quantity::Current).is_none());
        assert!(RuleUnit::find("min", Quantity::Runtime).is_some());
    }

    #[test]
    fn rates() {
        let fahrenheit = RuleUnit::find("F", Quantity::Temperature).unwrap().per(Per::Hour);
        assert_eq!(fahrenheit.symbol, "degF/h");
        // 9 °F an hour are 5 °C an hour: a rate knows no zero point.
        assert!((fahrenheit.to_base(9.0) * 3600.0 - 5.0).abs() < 1e-9);
        assert!((fahrenheit.from_base(5.0 / 3600.0) - 9.0).abs() < 1e-9);
        let percent = RuleUnit::PERCENT.per(Per::Minute);
        assert_eq!((percent.symbol, percent.from_base(0.5)), ("%/min", 30.0));
    }
}
