//! Values as people read them.

use super::html::span;
use crate::model::{Missing, Quantity, ReadingShape};
use std::time::Duration;

/// A value with its unit: `23.4 A`, `1,234.5 kWh`, `30 min`.
pub(super) fn shown(reading: &ReadingShape, value: f64) -> String {
    match reading.quantity {
        Quantity::State => {
            let known = reading.states.as_ref().and_then(|it| it.state(value));
            known.map_or_else(|| rounded(value), |it| it.name.to_string())
        }
        Quantity::Runtime if (0.0..1e9).contains(&value) => span(Duration::from_secs_f64(value)),
        Quantity::Energy if 1000.0 <= value.abs() => format!("{} kWh", rounded(value / 1000.0)),
        Quantity::ActivePower if 10_000.0 <= value.abs() => format!("{} kW", rounded(value / 1000.0)),
        Quantity::ApparentPower if 10_000.0 <= value.abs() => format!("{} kVA", rounded(value / 1000.0)),
        Quantity::PowerFactor => rounded(value),
        Quantity::Temperature => format!("{} °C", rounded(value)),
        quantity => format!("{} {}", rounded(value), quantity.unit().symbol()),
    }
}

/// Two digits after the point, one from a hundred and none from ten thousand on; commas between thousands.
pub(super) fn rounded(value: f64) -> String {
    let size = value.abs();
    let text = if 10_000.0 <= size {
        format!("{value:.0}")
    } else if 100.0 <= size {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |it| ("-", it));
    let grouped = grouped(digits);
    let sign = if grouped == "0" && part.is_empty() { "" } else { sign };
    if part.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{part}") }
}

/// A count, with commas between thousands.
pub(super) fn count(number: usize) -> String {
    grouped(&number.to_string())
}

/// Four digits are read at a glance.
fn grouped(digits: &str) -> String {
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) && 4 < digits.len() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Why there is none, in words.
pub(super) fn reason(missing: Missing) -> String {
    missing.name().replace('_', " ")
}

/// What is measured, in words: `active power`, `voltage, line to line`.
pub(super) fn name(reading: &ReadingShape) -> String {
    let quantity = reading.quantity.name().replace('_', " ");
    if reading.name.is_empty() { quantity } else { format!("{quantity}, {}", reading.name.replace('_', " ")) }
}

#[cfg(test)]
mod tests {
    use super::{count, rounded};

    #[test]
    fn numbers_for_people() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.001, "0"),
            (23.4, "23.4"),
            (0.984, "0.98"),
            (230.04, "230"),
            (-4.5, "-4.5"),
            (1234.56, "1234.6"),
            (12_345.6, "12,346"),
            (-1_234_567.0, "-1,234,567"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(rounded(value), expected, "{value}");
        }
        assert_eq!([0, 999, 1000, 55_378].map(count), ["0", "999", "1000", "55,378"]);
    }
}
