//! Flags, whole numbers and numbers.

use crate::config::check::{Checker, Spot};
use crate::config::limits::FORMAT_VERSION;
use figment::value::Value;
use toml::de::DeValue;

pub(super) fn flag(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    match spot.value.get_ref() {
        DeValue::Boolean(flag) => Some(Value::from(*flag)),
        DeValue::String(text) if checker.layer.literal => match text.trim() {
            "true" | "1" => Some(Value::from(true)),
            "false" | "0" => Some(Value::from(false)),
            _ => checker.wrong_type(spot),
        },
        _ => checker.wrong_type(spot),
    }
}

pub(super) fn count(
    checker: &mut Checker<'_, '_>,
    spot: &Spot<'_, '_>,
    least: i64,
    most: i64,
) -> Option<Value> {
    let (name, span) = (spot.key.name, spot.value.span());
    let number = match spot.value.get_ref() {
        DeValue::Integer(it) => {
            // What does not fit is beyond every limit, on its own side.
            let beyond = if it.as_str().starts_with('-') { i64::MIN } else { i64::MAX };
            Some(i64::from_str_radix(it.as_str(), it.radix()).unwrap_or(beyond))
        }
        DeValue::String(text) if checker.layer.literal => text.trim().parse().ok(),
        DeValue::String(text) if text.trim().parse::<i64>().is_ok() => {
            checker
                .mistake(&span, format!("`{name}` takes a whole number, not a text (\"{text}\")"))
                .help(format!("write it without quotes: {name} = {}", text.trim()));
            return None;
        }
        _ => None,
    };
    let Some(number) = number else { return checker.wrong_type(spot) };
    if number < least || most < number {
        checker
            .mistake(
                &span,
                format!(
                    "`{name}` is {}, which is too {}",
                    written(spot),
                    if number < least { "small" } else { "large" }
                ),
            )
            .help(format!("allowed is {least} to {most}"));
        return None;
    }
    Some(Value::from(number))
}

/// The version of the format: each file may say the one that it is written for.
pub(super) fn version(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let name = spot.key.name;
    if let DeValue::Integer(it) = spot.value.get_ref()
        && let Ok(version) = i64::from_str_radix(it.as_str(), it.radix())
        && version != FORMAT_VERSION
    {
        let (message, help) = if FORMAT_VERSION < version {
            let message = format!(
                "this file is written for version {version} of the format, which is newer than this Rackwarden"
            );
            (message, format!("upgrade Rackwarden; this one reads version {FORMAT_VERSION}"))
        } else {
            (
                format!("there is no version {version} of the format"),
                format!("write {name} = {FORMAT_VERSION}, or leave it out"),
            )
        };
        checker.mistake(&spot.value.span(), message).help(help);
        return None;
    }
    count(checker, spot, FORMAT_VERSION, FORMAT_VERSION)
}

pub(super) fn number(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    finite(checker, spot).map(Value::from)
}

/// A number that is one: neither endless nor undefined.
pub(super) fn finite(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<f64> {
    let (name, span) = (spot.key.name, spot.value.span());
    let number = match spot.value.get_ref() {
        DeValue::Integer(it) => i64::from_str_radix(it.as_str(), it.radix()).ok().map(to_float),
        DeValue::Float(it) => it.as_str().parse().ok(),
        DeValue::String(text) if text.trim().parse::<f64>().is_ok() => {
            checker
                .mistake(&span, format!("`{name}` takes a number, not a text (\"{text}\")"))
                .help(format!("write it without quotes: {name} = {}", text.trim()));
            return None;
        }
        _ => return checker.wrong_type(spot),
    };
    match number {
        Some(number) if number.is_finite() && number.abs() <= NUMBER_MOST => Some(number),
        _ => {
            checker
                .mistake(
                    &span,
                    format!("`{name}` takes a number that can be measured, not {}", written(spot)),
                )
                .help(format!("write {name} = {}", spot.key.example));
            None
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers over NUMBER_MOST are refused, all below are exact")]
const fn to_float(number: i64) -> f64 {
    number as f64
}

fn written(spot: &Spot<'_, '_>) -> String {
    match spot.value.get_ref() {
        DeValue::Integer(it) => it.to_string(),
        DeValue::Float(it) => it.to_string(),
        DeValue::String(it) => it.to_string(),
        _ => String::new(),
    }
}

/// Nothing that is measured in a computer room comes near it, and f64 holds all integers below.
const NUMBER_MOST: f64 = 1e15;

#[cfg(test)]
mod tests {
    use crate::config::form::testing::said;

    #[test]
    fn teaches() {
        for (table, written, words) in [
            (
                "polling",
                "retries = \"2\"",
                "`retries` takes a whole number, not a text (\"2\") (help: write it without quotes: retries = 2)",
            ),
            (
                "polling",
                "retries = 2.5",
                "`retries` takes a whole number, not a number (2.5) (help: write retries = 2)",
            ),
            ("polling", "retries = -1", "`retries` is -1, which is too small (help: allowed is 0 to 10)"),
            (
                "polling",
                "retries = 99999999999999999999",
                "`retries` is 99999999999999999999, which is too large (help: allowed is 0 to 10)",
            ),
            (
                "alerts",
                "rated_current = nan",
                "`rated_current` takes a number that can be measured, not nan (help: write rated_current = 16)",
            ),
            (
                "alerts",
                "rated_current = 1e300",
                "`rated_current` takes a number that can be measured, not 1e300 (help: write rated_current = 16)",
            ),
            (
                "alerts",
                "rated_current = \"16\"",
                "`rated_current` takes a number, not a text (\"16\") (help: write it without quotes: rated_current = 16)",
            ),
            (
                "alerts",
                "rated_current = \"16 A\"",
                "`rated_current` takes a number, not a text (\"16 A\") (help: write rated_current = 16)",
            ),
            (
                "alerts",
                "enabled = \"yes\"",
                "`enabled` takes true or false, not a text (\"yes\") (help: write enabled = true)",
            ),
            (
                "alerts",
                "enabled = 1",
                "`enabled` takes true or false, not a number (1) (help: write enabled = true)",
            ),
        ] {
            assert_eq!(said(table, written), [words], "{written}");
        }
        assert!(said("alerts", "rated_current = 1_000.5").is_empty());
        assert!(said("polling", "retries = 0x5").is_empty());
    }
}
