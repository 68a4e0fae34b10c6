//! Texts: names, words of a choice, secrets.

use crate::config::check::{Checker, Spot, described, quoted, short};
use crate::config::limits::NAME_CHARS_MOST;
use crate::config::suggest::did_you_mean;
use figment::value::Value;
use toml::de::DeValue;

/// One line that says something.
pub(super) fn text(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let text = checker.text(spot)?;
    let (name, span) = (spot.key.name, spot.value.span());
    let message = if text.trim().is_empty() {
        format!("`{name}` is empty")
    } else if text.chars().any(char::is_control) {
        format!("`{name}` holds a line end or another control character")
    } else if NAME_CHARS_MOST.max(HOST_CHARS_MOST) < text.chars().count() {
        format!(
            "`{name}` has {} characters; {} are allowed",
            text.chars().count(),
            NAME_CHARS_MOST.max(HOST_CHARS_MOST)
        )
    } else {
        return Some(Value::from(text.trim()));
    };
    checker.mistake(&span, message).help(format!("write {name} = {}", spot.key.example));
    None
}

/// Lines for a person. How many is for those to say who send them.
pub(super) fn note(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    checker.text(spot).map(Value::from)
}

/// A text that no message repeats.
pub(super) fn secret(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let text = checker.text(spot)?;
    let (name, span) = (spot.key.name, spot.value.span());
    if text.is_empty() {
        checker
            .mistake(&span, format!("`{name}` is empty"))
            .help(format!("write it here, or use {name}_file"));
        return None;
    }
    if let Some(variable) = variable_in(text) {
        checker
            .mistake(&span, format!("`{name}` holds a variable literally: nothing is filled in within texts"))
            .help(format!("write {name}_env = \"{variable}\" instead"));
        return None;
    }
    if text.chars().any(char::is_control) {
        checker
            .mistake(&span, format!("`{name}` holds a line end or another control character"))
            .help(format!("write it in one line, or use {name}_file"));
        return None;
    }
    Some(Value::from(text))
}

/// The name in `${NAME}` or in a text that is `$NAME` altogether.
fn variable_in(text: &str) -> Option<&str> {
    let braced = text.split_once("${").and_then(|(_, rest)| rest.split_once('}')).map(|(name, _)| name);
    let name = braced.or_else(|| text.strip_prefix('$'))?;
    is_variable(name).then_some(name)
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|it: char| it.is_ascii_digit())
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
}

/// One of a few words.
pub(super) fn choice(
    checker: &mut Checker<'_, '_>,
    spot: &Spot<'_, '_>,
    words: &'static [&'static str],
) -> Option<Value> {
    let name = spot.key.name;
    let all = alternatives(words);
    let written = match spot.value.get_ref() {
        DeValue::String(text) => text.trim().to_owned(),
        DeValue::Integer(number) => number.to_string(),
        _ => String::new(),
    };
    let is_text = matches!(spot.value.get_ref(), DeValue::String(_));
    if let Some(word) = words.iter().find(|it| **it == written)
        && is_text
    {
        return Some(Value::from(*word));
    }
    let help = match special_help(name, &written) {
        Some(help) => help.to_owned(),
        None if words.contains(&written.as_str()) => format!("write it in quotes: {name} = \"{written}\""),
        None => {
            match did_you_mean(&written, words.iter().copied()).filter(|_| is_text && 2 < written.len()) {
                Some(help) => help,
                None => format!("write {name} = {}", spot.key.example),
            }
        }
    };
    let found = if is_text { quoted(&written) } else { described(spot.value.get_ref()) };
    checker.mistake(&spot.value.span(), format!("`{name}` takes {all}, not {found}")).help(help);
    None
}

/// `"a", "b" or "c"`.
fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|it| format!("\"{it}\"")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => quoted.concat(),
    }
}

/// Words that mean something elsewhere.
fn special_help(name: &str, written: &str) -> Option<&'static str> {
    match (name, written) {
        ("version", "2" | "v2" | "v2c" | "2C") => Some("write version = \"2c\""),
        ("version", "v1") => Some("write version = \"1\""),
        ("version", "v3") => Some("write version = \"3\""),
        ("level", "warning") => Some("write level = \"warn\""),
        ("level", "verbose") => Some("write level = \"debug\""),
        _ => None,
    }
}

/// The name of an environment variable. The value is not repeated: it may be the secret itself.
pub(super) fn variable(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let text = checker.text(spot)?;
    let name = spot.key.name;
    let bare = text.trim().trim_start_matches("${").trim_start_matches('$').trim_end_matches('}');
    if is_variable(text) {
        return Some(Value::from(text));
    }
    let help = if is_variable(bare) && bare != text {
        "write the variable's name alone, without $ and braces".to_owned()
    } else {
        format!("write the variable's name, not its value: {name} = {}", spot.key.example)
    };
    checker
        .mistake(
            &spot.value.span(),
            format!("`{name}` takes the name of an environment variable, and this is none"),
        )
        .help(help);
    None
}

pub(super) fn texts(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    strings(checker, spot).map(Value::from)
}

/// A list of texts that say something; a variable's are divided by commas.
pub(super) fn strings(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Vec<String>> {
    let name = spot.key.name;
    let list = match spot.value.get_ref() {
        DeValue::Array(list) => list,
        DeValue::String(text) if checker.layer.literal => {
            return Some(
                text.split(',').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect(),
            );
        }
        DeValue::String(text) => {
            let example = short(text).map_or_else(|| spot.key.example.to_owned(), |it| format!("[\"{it}\"]"));
            checker
                .mistake(
                    &spot.value.span(),
                    format!("`{name}` takes a list, not {}", described(spot.value.get_ref())),
                )
                .help(format!("write {name} = {example}"));
            return None;
        }
        _ => return checker.wrong_type(spot),
    };
    let mut texts = Vec::with_capacity(list.len());
    for element in list.iter() {
        match element.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() && !text.contains(char::is_control) => {
                texts.push(text.trim().to_owned());
            }
            other => {
                let found = described(other);
                checker
                    .mistake(&element.span(), format!("`{name}` takes a list of texts, and this is {found}"))
                    .help(format!("write {name} = {}", spot.key.example));
            }
        }
    }
    (texts.len() == list.len()).then_some(texts)
}

/// RFC 1035 section 2.3.4.
const HOST_CHARS_MOST: usize = 255;

#[cfg(test)]
mod tests {
    use super::variable_in;
    use crate::config::form::testing::{lowered, said};

    #[test]
    fn secrets_are_not_repeated() {
        for written in ["1234567", "true", "\"${HUNTER2}\"", "[\"hunter2\"]", "\"hun\\nter2\"", "\"\""] {
            let words = said("credentials.default", &format!("community = {written}"));
            assert_eq!(words.len(), 1, "{written}");
            assert!(!words[0].contains("1234567") && !words[0].contains("hun\nter2"), "{words:?}");
        }
    }

    #[test]
    fn variables_in_texts_are_noticed() {
        for (text, name) in [
            ("${SNMP}", Some("SNMP")),
            ("x-${SNMP_1}-y", Some("SNMP_1")),
            ("$SNMP", Some("SNMP")),
            ("pa$$word", None),
            ("$", None),
            ("${}", None),
            ("$1abc", None),
        ] {
            assert_eq!(variable_in(text), name, "{text}");
        }
    }

    #[test]
    fn teaches() {
        for (table, written, words) in [
            (
                "credentials.a",
                "version = 2",
                "`version` takes \"1\", \"2c\" or \"3\", not a number (2) (help: write version = \"2c\")",
            ),
            (
                "credentials.a",
                "version = 1",
                "`version` takes \"1\", \"2c\" or \"3\", not a number (1) (help: write it in quotes: version = \"1\")",
            ),
            (
                "log",
                "level = \"inof\"",
                "`level` takes \"error\", \"warn\", \"info\", \"debug\" or \"trace\", not \"inof\" (help: did you mean `info`?)",
            ),
            (
                "credentials.a",
                "community_env = \"$SNMP\"",
                "`community_env` takes the name of an environment variable, and this is none (help: write the variable's name alone, without $ and braces)",
            ),
            (
                "paging",
                "default_integrations = \"ops\"",
                "`default_integrations` takes a list, not a text (\"ops\") (help: write default_integrations = [\"ops\"])",
            ),
            (
                "paging",
                "default_integrations = [\"a\", 1]",
                "`default_integrations` takes a list of texts, and this is a number (1) (help: write default_integrations = [\"facilities\"])",
            ),
            ("devices", "name = \"\"", "`name` is empty (help: write name = \"pdu-a1\")"),
            (
                "devices",
                "name = \"a\\nb\"",
                "`name` holds a line end or another control character (help: write name = \"pdu-a1\")",
            ),
        ] {
            assert_eq!(said(table, written), [words], "{written}");
        }
        assert_eq!(lowered("devices", "name = \" a \"", "name").unwrap().as_str(), Some("a"));
    }
}
