//! JSON as inventories send it: numbers as texts, "" for null, yes and no for booleans. What cannot be
//! read loses its own cell alone; only a row that cannot be told from others fails a snapshot.

use super::failure::Failure;
use super::limits::TEXT_CHARS_MAX;
use crate::model::{Missing, Sample, clean_text};
use serde_json::Value;

/// A row of a list.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a>(pub &'a Value);

impl<'a> Row<'a> {
    /// What stands under that key; null, an empty text and an absent key are the same.
    #[must_use]
    pub fn get(self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|it| !is_empty(it))
    }

    /// The row under that key, as `{"id": 1, "name": ".."}`; an empty one if there is none.
    #[must_use]
    pub fn row(self, key: &str) -> Self {
        Self(self.0.get(key).unwrap_or(&Value::Null))
    }

    /// What tells the row from others: a number or a text.
    ///
    /// # Errors
    /// There is none.
    pub fn id(self, key: &str) -> Result<Box<str>, Failure> {
        let id = match self.0.get(key) {
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(text)) => clean_text(text),
            _ => String::new(),
        };
        if id.is_empty() || cut(&id).len() != id.len() {
            return Err(Failure::malformed(format!(
                "a row has no {key}, or one over {TEXT_CHARS_MAX} characters"
            )));
        }
        Ok(id.into())
    }

    /// A text; numbers count as texts.
    #[must_use]
    pub fn text(self, key: &str) -> Option<String> {
        text(self.get(key)?)
    }

    /// The first of these that is a text.
    #[must_use]
    pub fn first_text(self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| self.text(key))
    }

    /// A count or another number that is not negative; or why there is none.
    #[must_use]
    pub fn count(self, key: &str) -> Sample {
        match self.get(key) {
            None => Sample::Missing(Missing::NotGiven),
            Some(value) => match number(value) {
                None => Sample::Missing(Missing::WrongType),
                Some(number) if number < 0.0 => Sample::Missing(Missing::OutOfRange),
                Some(number) => Sample::Value(number),
            },
        }
    }

    /// A number greater than zero, as a rating.
    #[must_use]
    pub fn rating(self, key: &str) -> Option<f64> {
        self.get(key).and_then(number).filter(|it| 0.0 < *it)
    }

    /// true, false, yes, no, 1, 0, t, f.
    #[must_use]
    pub fn flag(self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => number.as_i64().map(|it| it != 0),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "t" | "y" | "1" => Some(true),
                "false" | "no" | "f" | "n" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A finite number, also one in a text.
#[must_use]
pub fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A text that may be shown, cut to a bearable length.
#[must_use]
pub fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => clean_text(text),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then(|| cut(&text).to_owned())
}

/// The first [`TEXT_CHARS_MAX`] characters.
#[must_use]
pub fn cut(text: &str) -> &str {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Row;
    use crate::model::{Missing, Sample};
    use serde_json::json;

    #[test]
    fn numbers_as_they_are_sent() {
        for (value, sample) in [
            (json!(12), Sample::Value(12.0)),
            (json!("12"), Sample::Value(12.0)),
            (json!(" 12.5 "), Sample::Value(12.5)),
            (json!(0), Sample::Value(0.0)),
            (json!("0"), Sample::Value(0.0)),
            (json!(null), Sample::Missing(Missing::NotGiven)),
            (json!(""), Sample::Missing(Missing::NotGiven)),
            (json!("  "), Sample::Missing(Missing::NotGiven)),
            (json!("many"), Sample::Missing(Missing::WrongType)),
            (json!("NaN"), Sample::Missing(Missing::WrongType)),
            (json!("1e999"), Sample::Missing(Missing::WrongType)),
            (json!(true), Sample::Missing(Missing::WrongType)),
            (json!([1]), Sample::Missing(Missing::WrongType)),
            (json!(-1), Sample::Missing(Missing::OutOfRange)),
        ] {
            assert_eq!(Row(&json!({ "n": value })).count("n"), sample, "{value}");
        }
        assert_eq!(Row(&json!({})).count("n"), Sample::Missing(Missing::NotGiven));
    }

    #[test]
    fn ids_texts_and_flags() {
        let row = json!({ "a": 7, "b": " x\u{7}y ", "c": "", "d": null, "e": "Yes", "f": 0, "g": "maybe" });
        let row = Row(&row);
        assert_eq!(row.id("a").unwrap().as_ref(), "7");
        assert_eq!(row.id("b").unwrap().as_ref(), "x y");
        assert!(row.id("c").is_err() && row.id("d").is_err() && row.id("z").is_err());
        assert_eq!(row.first_text(&["d", "c", "a"]).as_deref(), Some("7"));
        assert_eq!((row.flag("e"), row.flag("f"), row.flag("g")), (Some(true), Some(false), None));
        let long = json!({ "a": "ü".repeat(1000) });
        assert_eq!(Row(&long).text("a").unwrap().chars().count(), 256);
    }
}
