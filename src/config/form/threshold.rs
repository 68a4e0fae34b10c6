//! Thresholds: a bare number, or one with the value at which the alert clears.

use super::number::finite;
use crate::config::check::{Checker, Spot};
use crate::config::suggest::instead;
use figment::value::{Dict, Value};
use toml::de::DeValue;

/// Lowered to a table with `value`, and `clear` if it is given.
pub(super) fn threshold(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let name = spot.key.name;
    let mut numbers = Dict::new();
    let DeValue::Table(table) = spot.value.get_ref() else {
        if matches!(spot.value.get_ref(), DeValue::Integer(_) | DeValue::Float(_) | DeValue::String(_)) {
            numbers.insert("value".to_owned(), Value::from(finite(checker, spot)?));
            return Some(Value::from(numbers));
        }
        return checker.wrong_type(spot);
    };
    for (key, value) in table.iter() {
        let written = key.get_ref().as_ref();
        if KEYS.contains(&written) {
            if let Some(number) = finite(checker, &Spot { key: spot.key, value }) {
                numbers.insert(written.to_owned(), Value::from(number));
            }
        } else {
            checker
                .mistake(&key.span(), format!("unknown key `{written}` in `{name}`"))
                .help(instead(written, KEYS.iter().copied()));
        }
    }
    if table.get("value").is_none() {
        checker
            .mistake(&spot.value.span(), format!("`{name}` lacks its value: only when it clears is given"))
            .help(format!("write {name} = {}", spot.key.example));
        return None;
    }
    numbers.contains_key("value").then(|| Value::from(numbers))
}

const KEYS: &[&str] = &["value", "clear"];

#[cfg(test)]
mod tests {
    use crate::config::form::testing::{lowered, said};

    #[test]
    fn takes_both_ways() {
        for (written, value, clear) in
            [("80", 80.0, None), ("{ value = 80.5, clear = -75 }", 80.5, Some(-75.0))]
        {
            let threshold = lowered("alerts", &format!("warning = {written}"), "warning").unwrap();
            let number = |key: &str| {
                threshold.find_ref(key).and_then(figment::value::Value::to_num).map(|it| it.to_f64())
            };
            assert_eq!((number("value"), number("clear")), (Some(Some(value)), clear.map(Some)), "{written}");
        }
    }

    #[test]
    fn teaches() {
        for (written, words) in [
            (
                "{ clear = 75 }",
                "`warning` lacks its value: only when it clears is given (help: write warning = { value = 80, clear = 75 })",
            ),
            ("{ value = 80, claer = 75 }", "unknown key `claer` in `warning` (help: did you mean `clear`?)"),
            (
                "\"80\"",
                "`warning` takes a number, not a text (\"80\") (help: write it without quotes: warning = 80)",
            ),
            (
                "\"80%\"",
                "`warning` takes a number, or a table with value and clear, not a text (\"80%\") (help: write warning = { value = 80, clear = 75 })",
            ),
            (
                "nan",
                "`warning` takes a number that can be measured, not nan (help: write warning = { value = 80, clear = 75 })",
            ),
            (
                "true",
                "`warning` takes a number, or a table with value and clear, not true (help: write warning = { value = 80, clear = 75 })",
            ),
        ] {
            assert_eq!(said("alerts", &format!("warning = {written}")), [words], "{written}");
        }
    }
}
