//! Numbers in the text format: the shortest text that reads back as the same number.

/// Integers up to here are exact in an f64, and are written without a point or an exponent.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Room for a number's text.
pub(super) struct Digits {
    whole: itoa::Buffer,
    decimal: zmij::Buffer,
}

impl Digits {
    #[inline]
    pub(super) fn new() -> Self {
        Self { whole: itoa::Buffer::new(), decimal: zmij::Buffer::new() }
    }

    /// The text of a number.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "the comparison finds out whether the cast was exact, below 2^53"
    )]
    pub(super) fn of(&mut self, value: f64) -> &[u8] {
        let whole = value as i64;
        if whole as f64 == value && value.abs() < EXACT_MAX {
            self.whole.format(whole).as_bytes()
        } else if value.is_finite() {
            self.decimal.format_finite(value).as_bytes()
        } else if value.is_nan() {
            b"NaN"
        } else if value.is_sign_positive() {
            b"+Inf"
        } else {
            b"-Inf"
        }
    }
}

/// Appends a number.
pub(super) fn push_number(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(Digits::new().of(value));
}

#[cfg(test)]
mod tests {
    use super::push_number;
    use proptest::prelude::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        push_number(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_short() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (230.0, "230"),
            (23.4, "23.4"),
            (-5.25, "-5.25"),
            (1_700_000_000_123.0, "1700000000123"),
            (9_007_199_254_740_992.0, "9007199254740992.0"),
            (1e300, "1e+300"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            prop_assert_eq!(text(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }
}
