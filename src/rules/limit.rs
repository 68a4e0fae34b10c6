//! Comparisons: operators, and what a reading is held against.

/// What a reading is held against: a number, or for `inside` and `outside` a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// One number.
    At(f64),
    /// From one number to another, both included.
    Between {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
}

impl From<f64> for Limit {
    fn from(number: f64) -> Self {
        Self::At(number)
    }
}

impl From<[f64; 2]> for Limit {
    fn from([low, high]: [f64; 2]) -> Self {
        Self::Between { low, high }
    }
}

impl Limit {
    /// Its lower end.
    #[must_use]
    pub const fn low(self) -> f64 {
        match self {
            Self::At(number) | Self::Between { low: number, .. } => number,
        }
    }

    /// Its upper end.
    #[must_use]
    pub const fn high(self) -> f64 {
        match self {
            Self::At(number) | Self::Between { high: number, .. } => number,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn number(self) -> Option<f64> {
        match self {
            Self::At(number) => Some(number),
            Self::Between { .. } => None,
        }
    }

    /// The same with each end put through `change`.
    #[must_use]
    pub fn map(self, change: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::At(number) => Self::At(change(number)),
            Self::Between { low, high } => Self::Between { low: change(low), high: change(high) },
        }
    }

    /// Its ends: one or two.
    pub fn ends(self) -> impl Iterator<Item = f64> {
        let second = self.number().is_none().then(|| self.high());
        std::iter::once(self.low()).chain(second)
    }
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
    /// Less than the lower end of a range, or more than its upper end.
    Outside,
    /// Within a range, its ends included.
    Inside,
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Greater, Self::GreaterOrEqual, Self::Less, Self::LessOrEqual, Self::Outside, Self::Inside];

    /// As a user writes it.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Outside => "outside",
            Self::Inside => "inside",
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
            Self::Outside => "inside",
            Self::Inside => "outside",
        }
    }

    /// The operator of that symbol.
    #[must_use]
    pub fn find(symbol: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.symbol() == symbol)
    }

    /// Whether it takes a range.
    #[must_use]
    pub const fn is_range(self) -> bool {
        matches!(self, Self::Outside | Self::Inside)
    }

    /// Whether `value` stands beyond `limit`. Never for a NaN.
    #[must_use]
    pub fn holds(self, value: f64, limit: Limit) -> bool {
        let (below, above) = self.edges(limit);
        match self {
            Self::Inside => below <= value && value <= above,
            _ => value < below || above < value,
        }
    }

    /// The range, ends included, in which the comparison does not hold; the empty one (from more to
    /// less) where there is no such range.
    #[must_use]
    pub fn calm(self, limit: Limit) -> (f64, f64) {
        match self {
            Self::Inside => (f64::INFINITY, f64::NEG_INFINITY),
            _ => self.edges(limit),
        }
    }

    /// The numbers that decide. They lie [`EQUAL_WITHIN`] off the limit, so that 112 * 0.1 A is not
    /// over 11.2 A.
    fn edges(self, limit: Limit) -> (f64, f64) {
        let slack = |it: f64| EQUAL_WITHIN * it.abs().max(1.0);
        let (low, high) = (limit.low(), limit.high());
        match self {
            Self::Greater => (f64::NEG_INFINITY, high + slack(high)),
            Self::GreaterOrEqual => (f64::NEG_INFINITY, high - slack(high)),
            Self::Less => (low - slack(low), f64::INFINITY),
            Self::LessOrEqual => (low + slack(low), f64::INFINITY),
            Self::Outside | Self::Inside => (low - slack(low), high + slack(high)),
        }
    }

    /// Whether `outer` lies further out than `inner`, at either end.
    #[must_use]
    pub fn is_beyond(self, outer: Limit, inner: Limit) -> bool {
        let (lower, higher) = (outer.low() < inner.low(), inner.high() < outer.high());
        match self {
            Self::Greater | Self::GreaterOrEqual => higher,
            Self::Less | Self::LessOrEqual => lower,
            Self::Outside => lower || higher,
            Self::Inside => inner.low() < outer.low() || outer.high() < inner.high(),
        }
    }
}

/// Relative (below 1 absolute) difference within which a reading equals a limit: far above what
/// scaling leaves behind (1e-16), far below what any meter resolves (1e-5).
pub const EQUAL_WITHIN: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::{Limit, Operator};

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
            assert_eq!(operator.holds(value, Limit::At(limit)), holds, "{value:?} {symbol} {limit}");
        }
    }

    #[test]
    fn ranges() {
        let limit = Limit::from([18.0, 27.0]);
        for (value, is_outside) in [
            (17.9, true),
            (18.0, false),
            (22.0, false),
            (27.0, false),
            (27.000_000_000_1, false),
            (27.1, true),
            (-300.0, true),
        ] {
            assert_eq!(Operator::Outside.holds(value, limit), is_outside, "{value}");
            assert_eq!(Operator::Inside.holds(value, limit), !is_outside, "{value}");
        }
        assert!(!Operator::Outside.holds(f64::NAN, limit) && !Operator::Inside.holds(f64::NAN, limit));
        for operator in Operator::ALL {
            let (low, high) = operator.calm(limit);
            for value in [-1e6, 17.9, 18.0, 22.0, 27.0, 27.1, 1e6] {
                if low <= value && value <= high {
                    assert!(!operator.holds(value, limit), "{value} {}", operator.symbol());
                }
            }
        }
    }

    #[test]
    fn further_out() {
        for (symbol, outer, inner, is_beyond) in [
            (">", Limit::At(2.0), Limit::At(1.0), true),
            ("<=", Limit::At(2.0), Limit::At(1.0), false),
            ("outside", Limit::from([10.0, 30.0]), Limit::from([15.0, 30.0]), true),
            ("outside", Limit::from([15.0, 30.0]), Limit::from([15.0, 30.0]), false),
            ("outside", Limit::from([16.0, 29.0]), Limit::from([15.0, 30.0]), false),
            ("inside", Limit::from([16.0, 29.0]), Limit::from([15.0, 30.0]), true),
            ("inside", Limit::from([10.0, 40.0]), Limit::from([15.0, 30.0]), false),
        ] {
            assert_eq!(Operator::find(symbol).unwrap().is_beyond(outer, inner), is_beyond, "{symbol}");
        }
    }
}
