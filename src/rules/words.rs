//! Numbers, units and durations as a woken person reads them, and the nearest known word to a
//! mistyped one.

use super::limit::Limit;
use crate::model::Missing;
use std::time::Duration;

/// A number with at most three decimals that say something: `23.4`, `0.0412`, never `18.900000001`.
#[must_use]
pub fn number(value: f64) -> String {
    let mut text = String::with_capacity(NUMBER_CHARS);
    push_decimals(&mut text, value, decimals(value));
    text
}

/// A number with its unit, as in `23.4 A`; ratios have none.
#[must_use]
pub fn quantity(value: f64, unit: &str) -> String {
    let mut text = String::with_capacity(NUMBER_CHARS);
    push_quantity(&mut text, value, unit);
    text
}

/// What a reading is held against: `20 A`, `18 °C to 27 °C`.
#[must_use]
pub fn limit_text(limit: Limit, unit: &str) -> String {
    let mut text = quantity(limit.low(), unit);
    if limit.number().is_none() {
        text.push_str(" to ");
        push_quantity(&mut text, limit.high(), unit);
    }
    text
}

/// Appends a number with its unit.
pub fn push_quantity(text: &mut String, value: f64, unit: &str) {
    push_decimals(text, value, decimals(value));
    push_unit(text, unit);
}

/// Appends a number with its unit, with as many decimals as it takes to tell it from a limit that it
/// is compared with: `20.0004 A`, where the limit is 20, not `20 A`.
pub fn push_against(text: &mut String, value: f64, limit: f64, unit: &str) {
    let start = text.len();
    let limit_text = number(limit);
    for decimals in decimals(value)..=DECIMALS_MAX {
        push_decimals(text, value, decimals);
        if text.get(start..) != Some(&*limit_text) {
            push_unit(text, unit);
            return;
        }
        text.truncate(start);
    }
    push_quantity(text, value, unit);
}

/// A duration: `30 s`, `1 h 30 min`, `500 ms`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_millis() != 0 && seconds < 60 {
        return if seconds == 0 {
            format!("{} ms", duration.subsec_millis())
        } else {
            format!("{} s", number(duration.as_secs_f64()))
        };
    }
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count != 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if said.is_empty() { "0 s".to_owned() } else { said.join(" ") }
}

/// Why a sample is missing.
#[must_use]
pub const fn missing_words(missing: Missing) -> &'static str {
    match missing {
        Missing::NoSuchObject => "the agent does not know what is read",
        Missing::NoSuchInstance => "the agent no longer has what is read",
        Missing::NotSupported => "the agent says that it does not measure this",
        Missing::Unavailable => "the agent says that its value does not hold",
        Missing::OutOfRange => "the agent's value is out of range",
        Missing::WrongType => "the agent's value is no number",
        Missing::NoScale => "the value's scale is missing",
        Missing::Timeout => "no answer in time",
        Missing::AgentError => "the agent answers with an error",
        Missing::TooBig => "the agent cannot fit the answer",
        Missing::NotPolled => "it was not polled",
        Missing::NotGiven => "the inventory does not say",
        Missing::NotDefined => "it cannot be worked out",
        Missing::SnapshotFailed => "the last snapshot of the inventory failed",
    }
}

fn push_unit(text: &mut String, unit: &str) {
    let (base, period) = unit.split_once('/').unwrap_or((unit, ""));
    let words = match base {
        "1" => "",
        "degC" => "°C",
        "degF" => "°F",
        other => other,
    };
    if !words.is_empty() || !period.is_empty() {
        text.push(' ');
        text.push_str(words);
    }
    if !period.is_empty() {
        text.push('/');
        text.push_str(period);
    }
}

fn decimals(value: f64) -> usize {
    // Three decimals, and below 0.1 as many as leave three digits.
    let magnitude = value.abs();
    (3..DECIMALS_MAX)
        .zip([0.1, 0.01, 1e-3, 1e-4, 1e-5])
        .find(|(_, from)| *from <= magnitude)
        .map_or_else(|| if magnitude < 1e-9 { 3 } else { DECIMALS_MAX }, |(decimals, _)| decimals)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a whole number from 0 to 1e15"
)]
fn push_decimals(text: &mut String, value: f64, decimals: usize) {
    let one = POWERS_OF_TEN.get(decimals).copied().unwrap_or(1);
    let scaled = (value.abs() * f64::from(one)).round();
    if scaled.is_nan() || 1e15 <= scaled {
        // Too large for decimals to say anything, or no number.
        let plain = format!("{value:.0}");
        text.push_str(&plain);
        return;
    }
    let (whole, fraction) = (scaled as u64 / u64::from(one), scaled as u64 % u64::from(one));
    if value < 0.0 && (whole, fraction) != (0, 0) {
        text.push('-');
    }
    let mut buffer = itoa::Buffer::new();
    text.push_str(buffer.format(whole));
    if fraction != 0 {
        text.push('.');
        // The leading 1 keeps the zeros after the point.
        let digits = buffer.format(fraction + u64::from(one));
        text.push_str(digits.get(1..).unwrap_or_default().trim_end_matches('0'));
    }
}

/// Room for most numbers with their unit.
const NUMBER_CHARS: usize = 24;
/// By the number of decimals.
const POWERS_OF_TEN: [u32; DECIMALS_MAX + 1] =
    [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
/// Beyond nine decimals there is only what binary fractions leave behind.
const DECIMALS_MAX: usize = 9;

#[cfg(test)]
mod tests {
    use super::{duration, limit_text, number, push_against, quantity};
    use std::time::Duration;

    #[test]
    fn numbers_are_short() {
        for (value, shown) in [
            (23.4, "23.4"),
            (18.900000001, "18.9"),
            (0.1 + 0.2, "0.3"),
            (20.0, "20"),
            (100.0, "100"),
            (0.0, "0"),
            (-0.0, "0"),
            (-0.0000000001, "0"),
            (1234.56789, "1234.568"),
            (0.05123, "0.0512"),
            (0.000412, "0.000412"),
            (-7.25, "-7.25"),
            (1e15, "1000000000000000"),
            (-1e18, "-1000000000000000000"),
            (999.9996, "1000"),
            (1.05, "1.05"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), shown, "{value:e}");
        }
    }

    #[test]
    fn a_number_is_told_from_its_limit() {
        for (value, shown) in
            [(20.0004, "20.0004 A"), (20.5, "20.5 A"), (20.0, "20 A"), (20.000_000_000_1, "20 A")]
        {
            let mut text = String::new();
            push_against(&mut text, value, 20.0, "A");
            assert_eq!(text, shown);
        }
    }

    #[test]
    fn units_and_durations_are_words() {
        assert_eq!(quantity(27.0, "degC"), "27 °C");
        assert_eq!(quantity(0.9, "1"), "0.9");
        assert_eq!(quantity(5.0, "degF/h"), "5 °F/h");
        assert_eq!(quantity(5.0, "1/min"), "5 /min");
        assert_eq!(limit_text([18.0, 27.0].into(), "degC"), "18 °C to 27 °C");
        for (milliseconds, shown) in [
            (0, "0 s"),
            (500, "500 ms"),
            (1500, "1.5 s"),
            (30_000, "30 s"),
            (300_000, "5 min"),
            (5_400_000, "1 h 30 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), shown);
        }
    }
}
