//! What a rule is for: all objects, a list of names and patterns, or those whose labels match.

use super::text::strings;
use crate::config::check::{Checker, Spot, described, short};
use crate::config::suggest::instead;
use figment::value::{Dict, Value};
use toml::Spanned;
use toml::de::DeValue;

/// Lowered to a table with `all`, `objects` or `labels`.
pub(super) fn selection(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let name = spot.key.name;
    match spot.value.get_ref() {
        DeValue::String(text) if text.trim() == "all" => Some(single("all", Value::from(true))),
        DeValue::String(text) => {
            let example = short(text).map_or_else(|| spot.key.example.to_owned(), |it| format!("[\"{it}\"]"));
            let found = described(spot.value.get_ref());
            checker
                .mistake(&spot.value.span(), format!("`{name}` takes \"all\" or a list, not {found}"))
                .help(format!("write {name} = {example}"));
            None
        }
        DeValue::Array(_) => {
            let objects = strings(checker, spot)?;
            if objects.is_empty() {
                checker
                    .mistake(
                        &spot.value.span(),
                        format!("`{name}` is an empty list: the rule would be for nothing"),
                    )
                    .help(format!("write {name} = \"all\", or enabled = false to switch the rule off"));
                return None;
            }
            Some(single("objects", Value::from(objects)))
        }
        DeValue::Table(table) => {
            for (key, _) in table.iter().filter(|(key, _)| key.get_ref() != "match") {
                let written = key.get_ref().as_ref();
                let help = match instead(written, ["match"]) {
                    near if near.starts_with("did") => near,
                    _ => format!("label names stand within match: {{ match = {{ {written} = \"..\" }} }}"),
                };
                checker.mistake(&key.span(), format!("unknown key `{written}` in `{name}`")).help(help);
            }
            let labels = matching(checker, spot, table.get("match")?)?;
            Some(single("labels", labels))
        }
        _ => checker.wrong_type(spot),
    }
}

fn single(key: &str, value: Value) -> Value {
    Value::from(Dict::from([(key.to_owned(), value)]))
}

fn matching(
    checker: &mut Checker<'_, '_>,
    spot: &Spot<'_, '_>,
    labels: &Spanned<DeValue<'_>>,
) -> Option<Value> {
    let example = spot.key.example;
    let DeValue::Table(table) = labels.get_ref() else {
        let found = described(labels.get_ref());
        checker
            .mistake(&labels.span(), format!("`match` takes a table of labels, not {found}"))
            .help(format!("write {} = {example}", spot.key.name));
        return None;
    };
    if table.is_empty() {
        checker
            .mistake(&labels.span(), "`match` names no label")
            .help(format!("write {} = {example}", spot.key.name));
        return None;
    }
    let mut lowered = Dict::new();
    for (name, value) in table.iter() {
        let written = name.get_ref().as_ref();
        match value.get_ref() {
            DeValue::String(pattern) if !pattern.contains(char::is_control) => {
                lowered.insert(written.to_owned(), Value::from(pattern.as_ref()));
            }
            other => {
                let found = described(other);
                checker
                    .mistake(&value.span(), format!("`match` compares `{written}` with a text, not {found}"))
                    .help(format!("write {written} = \"ams*\""));
            }
        }
    }
    (lowered.len() == table.len()).then(|| Value::from(lowered))
}

#[cfg(test)]
mod tests {
    use crate::config::form::testing::{lowered, said};

    #[test]
    fn takes_three_ways() {
        for (written, key) in
            [("\"all\"", "all"), ("[\"pdu-*\"]", "objects"), ("{ match = { site = \"ams*\" } }", "labels")]
        {
            let value = lowered("alerts", &format!("apply_to = {written}"), "apply_to").unwrap();
            assert!(value.find_ref(key).is_some(), "{written}");
        }
    }

    #[test]
    fn teaches() {
        for (written, words) in [
            (
                "\"pdu-a1\"",
                "`apply_to` takes \"all\" or a list, not a text (\"pdu-a1\") (help: write apply_to = [\"pdu-a1\"])",
            ),
            (
                "[]",
                "`apply_to` is an empty list: the rule would be for nothing (help: write apply_to = \"all\", or enabled = false to switch the rule off)",
            ),
            (
                "{ site = \"ams\" }",
                "unknown key `site` in `apply_to` (help: label names stand within match: { match = { site = \"..\" } })",
            ),
            (
                "{ mach = { site = \"ams\" } }",
                "unknown key `mach` in `apply_to` (help: did you mean `match`?)",
            ),
            (
                "{ match = { } }",
                "`match` names no label (help: write apply_to = { match = { site = \"ams*\" } })",
            ),
            (
                "{ match = { row = 4 } }",
                "`match` compares `row` with a text, not a number (4) (help: write row = \"ams*\")",
            ),
            (
                "true",
                "`apply_to` takes \"all\", a list of names, or a table with match, not true (help: write apply_to = { match = { site = \"ams*\" } })",
            ),
        ] {
            assert_eq!(said("alerts", &format!("apply_to = {written}")), [words], "{written}");
        }
    }
}
