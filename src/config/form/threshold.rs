//! Thresholds: a bare number, or one with the value at which the alert clears.

use super::number::finite;
use crate::config::check::{Checker, Spot};
use crate::config::suggest::instead;
use figment::value::{Dict, Value};
use toml::de::DeValue;

/// Lowered to a table with `value`, and `clear` if it is given; each a number or a pair.
pub(super) fn threshold(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let name = spot.key.name;
    let mut limits = Dict::new();
    let DeValue::Table(table) = spot.value.get_ref() else {
        if matches!(
            spot.value.get_ref(),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::String(_) | DeValue::Array(_)
        ) {
            limits.insert("value".to_owned(), limit(checker, spot)?);
            return Some(Value::from(limits));
        }
        return checker.wrong_type(spot);
    };
    for (key, value) in table.iter() {
        let written = key.get_ref().as_ref();
        if KEYS.contains(&written) {
            if let Some(limit) = limit(checker, &Spot { key: spot.key, value }) {
                limits.insert(written.to_owned(), limit);
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
    limits.contains_key("value").then(|| Value::from(limits))
}

/// A number, or the two ends of a range.
fn limit(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let DeValue::Array(ends) = spot.value.get_ref() else {
        return finite(checker, spot).map(Value::from);
    };
    if ends.len() != 2 {
        checker
            .mistake(&spot.value.span(), format!("a range has two ends, not {}", ends.len()))
            .help("write the lower end and the upper one, as [18, 27]");
        return None;
    }
    let numbers: Vec<Value> = ends
        .iter()
        .filter_map(|value| finite(checker, &Spot { key: spot.key, value }).map(Value::from))
        .collect();
    (numbers.len() == 2).then(|| Value::from(numbers))
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
    fn takes_ranges() {
        for written in ["[18, 27.5]", "{ value = [18, 27.5] }"] {
            let threshold = lowered("alerts", &format!("warning = {written}"), "warning").unwrap();
            let ends = threshold.find_ref("value").and_then(|it| it.as_array()).unwrap();
            let numbers: Vec<f64> = ends.iter().map(|it| it.to_num().unwrap().to_f64().unwrap()).collect();
            assert_eq!(numbers, [18.0, 27.5], "{written}");
        }
    }

    #[test]
    fn teaches() {
        for (written, words) in [
            (
                "[18]",
                "a range has two ends, not 1 (help: write the lower end and the upper one, as [18, 27])",
            ),
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
                "`warning` takes a number or range, or a table with value and clear, not a text (\"80%\") (help: write warning = { value = 80, clear = 75 })",
            ),
            (
                "nan",
                "`warning` takes a number that can be measured, not nan (help: write warning = { value = 80, clear = 75 })",
            ),
            (
                "true",
                "`warning` takes a number or range, or a table with value and clear, not true (help: write warning = { value = 80, clear = 75 })",
            ),
        ] {
            assert_eq!(said("alerts", &format!("warning = {written}")), [words], "{written}");
        }
    }
}
