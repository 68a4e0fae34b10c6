//! Durations: a number with its unit, `"10s"`, `"5m"`, `"1h30m"`.

use crate::config::check::{Checker, Spot, quoted};
use figment::value::Value;
use std::time::Duration;
use toml::de::DeValue;

/// Lowered to nanoseconds.
pub(super) fn duration(
    checker: &mut Checker<'_, '_>,
    spot: &Spot<'_, '_>,
    least: Duration,
    most: Duration,
) -> Option<Value> {
    let name = spot.key.name;
    let span = spot.value.span();
    let text = match spot.value.get_ref() {
        DeValue::String(text) => text.trim(),
        DeValue::Integer(number) => {
            checker
                .mistake(
                    &span,
                    format!("`{name}` takes a duration with its unit, not a bare number ({number})"),
                )
                .help(format!("write {name} = \"{number}s\" for seconds, \"{number}m\" for minutes"));
            return None;
        }
        _ => return checker.wrong_type(spot),
    };
    let Ok(duration) = humantime::parse_duration(text) else {
        let help = if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit() || it == b'.') {
            format!("write the unit behind it: {name} = \"{text}s\"")
        } else {
            format!("write numbers with units (ms, s, m, h, d), as {name} = {}", spot.key.example)
        };
        checker.mistake(&span, format!("`{name}`: {} is no duration", quoted(text))).help(help);
        return None;
    };
    if duration < least || most < duration {
        let message = format!(
            "`{name}` is {}, which is too {}",
            shown(duration),
            if duration < least { "short" } else { "long" }
        );
        checker.mistake(&span, message).help(format!("allowed is {} to {}", shown(least), shown(most)));
        return None;
    }
    Some(Value::from(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
}

/// As a person writes it: `1m 30s` is `1m30s`.
pub(super) fn shown(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace(' ', "").replace("days", "d").replace("day", "d")
}

#[cfg(test)]
mod tests {
    use crate::config::form::testing::{lowered, said};

    #[test]
    fn takes_numbers_with_units() {
        for (written, nanoseconds) in [
            ("\"10s\"", 10_000_000_000_u64),
            ("\"1m30s\"", 90_000_000_000),
            ("\" 1m 30s \"", 90_000_000_000),
            ("\"1500ms\"", 1_500_000_000),
            ("\"1d\"", 86_400_000_000_000),
        ] {
            let value = lowered("polling", &format!("interval = {written}"), "interval").unwrap();
            assert_eq!(value.to_u128(), Some(u128::from(nanoseconds)), "{written}");
        }
    }

    #[test]
    fn teaches() {
        for (written, words) in [
            (
                "10",
                "`interval` takes a duration with its unit, not a bare number (10) (help: write interval = \"10s\" for seconds, \"10m\" for minutes)",
            ),
            ("1.5", "`interval` takes a duration, not a number (1.5) (help: write interval = \"30s\")"),
            (
                "\"10\"",
                "`interval`: \"10\" is no duration (help: write the unit behind it: interval = \"10s\")",
            ),
            (
                "\"ten seconds\"",
                "`interval`: \"ten seconds\" is no duration (help: write numbers with units (ms, s, m, h, d), as interval = \"30s\")",
            ),
            (
                "\"\"",
                "`interval`: \"\" is no duration (help: write numbers with units (ms, s, m, h, d), as interval = \"30s\")",
            ),
            (
                "\"-5s\"",
                "`interval`: \"-5s\" is no duration (help: write numbers with units (ms, s, m, h, d), as interval = \"30s\")",
            ),
            ("\"10ms\"", "`interval` is 10ms, which is too short (help: allowed is 1s to 1d)"),
            ("\"2days\"", "`interval` is 2d, which is too long (help: allowed is 1s to 1d)"),
            ("true", "`interval` takes a duration, not true (help: write interval = \"30s\")"),
        ] {
            assert_eq!(said("polling", &format!("interval = {written}")), [words], "{written}");
        }
    }
}
