//! Reading resources tolerantly: every property may be missing, null, a number or a text. Pure.
//!
//! A missing property, null and a wrong type are told apart, and none of them is an error of the resource.

use crate::model::{Missing, clean_text};
use serde_json::Value;

/// Names, labels and versions: longer ones are cut.
const TEXT_CHARS_MAX: usize = 128;
/// Texts that stand for nothing.
const NOTHING: [&str; 6] = ["null", "n/a", "na", "none", "unknown", "not available"];

/// The number of a property: a JSON number, or a text that holds one alone.
///
/// # Errors
/// [`Missing::Unavailable`] for null (not available now), [`Missing::WrongType`], [`Missing::OutOfRange`].
pub fn number(value: &Value) -> Result<f64, Missing> {
    let number = match value {
        Value::Number(number) => number.as_f64().ok_or(Missing::WrongType)?,
        Value::String(text) if text.trim().is_empty() || is_nothing(text) => {
            return Err(Missing::Unavailable);
        }
        Value::String(text) => text.trim().parse().map_err(|_| Missing::WrongType)?,
        Value::Null => return Err(Missing::Unavailable),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(Missing::WrongType),
    };
    if number.is_finite() { Ok(number) } else { Err(Missing::OutOfRange) }
}

/// The number at a pointer, if there is one.
#[must_use]
pub fn number_at(document: &Value, pointer: &str) -> Option<f64> {
    number(document.pointer(pointer)?).ok()
}

/// The text at a pointer, cleaned; empty where there is none. A number is as good.
#[must_use]
pub fn text_at(document: &Value, pointer: &str) -> String {
    document.pointer(pointer).map(text).unwrap_or_default()
}

/// A property as a text, cleaned; empty for what stands for nothing.
#[must_use]
pub fn text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => clean_text(text),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    if is_nothing(&text) { String::new() } else { text.chars().take(TEXT_CHARS_MAX).collect() }
}

fn is_nothing(text: &str) -> bool {
    NOTHING.iter().any(|it| text.trim().eq_ignore_ascii_case(it))
}

/// The document in an answer. A byte order mark before it and NULs behind it are left out, and texts that are no UTF-8
/// are read as far as they are.
///
/// # Errors
/// It is no JSON.
pub fn parse(body: &[u8]) -> serde_json::Result<Value> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let end = body.iter().rposition(|it| *it != 0).map_or(0, |it| it + 1);
    let body = body.get(..end).unwrap_or(body);
    match serde_json::from_slice(body) {
        Err(_) if std::str::from_utf8(body).is_err() => serde_json::from_str(&String::from_utf8_lossy(body)),
        read => read,
    }
}

/// A link: `{"@odata.id": ".."}`, or the text itself.
#[must_use]
pub fn link(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("@odata.id")?.as_str())
}

/// All links at a pointer: one, or an array of them.
pub fn links_at<'a>(document: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    let found = document.pointer(pointer);
    let many = found.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = found.filter(|it| !it.is_array());
    one.into_iter().chain(many).filter_map(link)
}

/// The items of an array at a pointer; none where there is none.
#[must_use]
pub fn items<'a>(document: &'a Value, pointer: &str) -> &'a [Value] {
    document.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What an error body says; `None` where it is none. Some services send one where a resource is expected.
#[must_use]
pub fn error_of(document: &Value) -> Option<String> {
    let error = document.get("error").filter(|it| it.is_object())?;
    let extended = items(error, "/@Message.ExtendedInfo");
    let one = error.pointer("/@Message.ExtendedInfo").filter(|it| it.is_object());
    let said = extended.iter().chain(one).map(|it| text_at(it, "/Message")).find(|it| !it.is_empty());
    Some(said.unwrap_or_else(|| text_at(error, "/message")))
}

/// The MessageIds of an error or success body, such as `Base.1.8.SessionLimitExceeded`.
pub fn message_ids(document: &Value) -> impl Iterator<Item = &str> {
    let within = items(document, "/error/@Message.ExtendedInfo").iter();
    let beside = items(document, "/@Message.ExtendedInfo").iter();
    within.chain(beside).filter_map(|it| it.get("MessageId")?.as_str())
}

/// A key as a part of a JSON pointer (RFC 6901 section 3).
#[must_use]
pub fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::{error_of, links_at, message_ids, number, parse, text_at};
    use crate::model::Missing;
    use serde_json::json;

    #[test]
    fn numbers_are_taken_as_they_come() {
        for (value, expected) in [
            (json!(229.106_25), Ok(229.106_25)),
            (json!("12.5"), Ok(12.5)),
            (json!(" 3 "), Ok(3.0)),
            (json!(null), Err(Missing::Unavailable)),
            (json!(""), Err(Missing::Unavailable)),
            (json!("N/A"), Err(Missing::Unavailable)),
            (json!("12 W"), Err(Missing::WrongType)),
            (json!("NaN"), Err(Missing::OutOfRange)),
            (json!("inf"), Err(Missing::OutOfRange)),
            (json!(true), Err(Missing::WrongType)),
            (json!({"Reading": 1}), Err(Missing::WrongType)),
        ] {
            assert_eq!(number(&value), expected, "{value}");
        }
    }

    #[test]
    fn texts_are_clean() {
        let document = json!({"Id": 1, "UUID": "NULL", "Name": "a\u{1b}[31m\u{202e}b", "Model": null});
        assert_eq!(text_at(&document, "/Id"), "1");
        assert_eq!(text_at(&document, "/UUID"), "");
        assert_eq!(text_at(&document, "/Name"), "a [31m b");
        assert_eq!(text_at(&document, "/Model"), "");
    }

    #[test]
    fn documents_are_read_whatever_surrounds_them() {
        for body in [&b"{\"a\": 1}"[..], b"\xef\xbb\xbf{\"a\": 1}\r\n", b" {\"a\": 1}\0\0"] {
            assert_eq!(parse(body).unwrap(), json!({"a": 1}));
        }
        let latin = parse(b"{\"Name\": \"B\xfcro 4\", \"a\": 1}").unwrap();
        assert_eq!(latin["a"], 1, "a label in Latin-1 costs the label's letters alone");
        assert!(parse(b"<html>").is_err() && parse(b"").is_err() && parse(b"\0").is_err());
    }

    #[test]
    fn links_and_errors() {
        let document = json!({"One": {"@odata.id": "/a"}, "Many": [{"@odata.id": "/b"}, null, "/c", 4]});
        assert_eq!(links_at(&document, "/One").collect::<Vec<_>>(), ["/a"]);
        assert_eq!(links_at(&document, "/Many").collect::<Vec<_>>(), ["/b", "/c"]);
        assert_eq!(links_at(&document, "/None").count(), 0);
        let error = json!({"error": {"code": "x", "message": "see below",
            "@Message.ExtendedInfo": [{"MessageId": "RAC0218", "Message": "too many"}]}});
        assert_eq!(error_of(&error).unwrap(), "too many");
        assert_eq!(message_ids(&error).collect::<Vec<_>>(), ["RAC0218"]);
        assert_eq!(error_of(&document), None);
    }
}
