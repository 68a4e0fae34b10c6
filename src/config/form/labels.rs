//! Tables of an operator's own: labels, and rated currents by kind of component.

use super::number::finite;
use crate::config::check::{Checker, Spot, described};
use crate::config::limits::{AMPERES_MOST, LABELS_MOST, NAME_CHARS_MOST};
use crate::config::suggest::instead;
use crate::model::ComponentKind;
use figment::value::{Dict, Value};
use toml::de::DeValue;

/// Label names follow Prometheus: they become labels of every series of the device.
pub(super) fn labels(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let DeValue::Table(table) = spot.value.get_ref() else { return checker.wrong_type(spot) };
    if LABELS_MOST < table.len() {
        let message = format!("{} labels; {LABELS_MOST} are allowed", table.len());
        checker.mistake(&spot.value.span(), message).help("each is repeated on all series of the device");
    }
    let mut labels = Dict::new();
    for (name, value) in table.iter() {
        let written = name.get_ref().as_ref();
        if let Some((message, help)) = refused(written) {
            checker.mistake(&name.span(), message).help(help);
        }
        match value.get_ref() {
            DeValue::String(text)
                if text.chars().count() <= NAME_CHARS_MOST && !text.chars().any(char::is_control) =>
            {
                labels.insert(written.to_owned(), Value::from(text.as_ref()));
            }
            DeValue::String(_) => {
                let message =
                    format!("the label `{written}` takes one line of at most {NAME_CHARS_MOST} characters");
                checker.mistake(&value.span(), message);
            }
            other => {
                let found = described(other);
                let help = match other {
                    DeValue::Integer(number) => format!("write {written} = \"{number}\""),
                    DeValue::Boolean(flag) => format!("write {written} = \"{flag}\""),
                    _ => format!("write {written} = \"a text\""),
                };
                checker
                    .mistake(&value.span(), format!("the label `{written}` takes a text, not {found}"))
                    .help(help);
            }
        }
    }
    Some(Value::from(labels))
}

/// Templates by name; one alone is called `message`. Whether they are any good is for those to say who
/// render them.
pub(super) fn templates(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let table = match spot.value.get_ref() {
        DeValue::Table(table) => table,
        DeValue::String(text) => {
            return Some(Value::from(Dict::from([("message".to_owned(), Value::from(text.as_ref()))])));
        }
        _ => return checker.wrong_type(spot),
    };
    let mut templates = Dict::new();
    for (name, value) in table.iter() {
        let written = name.get_ref().as_ref();
        if written.is_empty()
            || NAME_CHARS_MOST < written.chars().count()
            || written.chars().any(char::is_control)
        {
            let message = format!("the name of an entry is one line of at most {NAME_CHARS_MOST} characters");
            checker.mistake(&name.span(), message);
        }
        match value.get_ref() {
            DeValue::String(text) => _ = templates.insert(written.to_owned(), Value::from(text.as_ref())),
            other => {
                let message = format!("the entry `{written}` takes a text, not {}", described(other));
                checker.mistake(&value.span(), message).help(format!("write {written} = \"a text\""));
            }
        }
    }
    Some(Value::from(templates))
}

/// Why a name cannot be a label, and what to write.
fn refused(name: &str) -> Option<(String, String)> {
    let good = |it: char| it.is_ascii_alphanumeric() || it == '_';
    if RESERVED.contains(&name) {
        let message = format!("the label `{name}` is one that readings have already");
        return Some((message, format!("write it as `own_{name}`, or another name")));
    }
    if name.starts_with("__") {
        let message =
            format!("the label `{name}` begins with two underscores, which Prometheus keeps for itself");
        return Some((message, format!("write it as `{}`", name.trim_start_matches('_'))));
    }
    if name.is_empty() || name.starts_with(|it: char| it.is_ascii_digit()) || !name.chars().all(good) {
        let mut better: String = name.chars().map(|it| if good(it) { it } else { '_' }).collect();
        if better.is_empty() || better.starts_with(|it: char| it.is_ascii_digit()) {
            better.insert(0, '_');
        }
        let message = format!("`{name}` cannot be the name of a label");
        return Some((message, format!("letters, digits and _ only, no digit first: `{better}`")));
    }
    None
}

pub(super) fn rated(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let table = match spot.value.get_ref() {
        DeValue::Table(table) => table,
        DeValue::Integer(_) | DeValue::Float(_) => {
            let found = described(spot.value.get_ref());
            let message =
                format!("`{}` needs to know of which components: {found} alone does not say", spot.key.name);
            checker
                .mistake(&spot.value.span(), message)
                .help(format!("write {} = {}", spot.key.name, spot.key.example));
            return None;
        }
        _ => return checker.wrong_type(spot),
    };
    let mut amperes = Dict::new();
    for (kind, value) in table.iter() {
        let written = kind.get_ref().as_ref();
        if !RATED_KINDS.iter().any(|it| it.name() == written) {
            let help = instead(written, RATED_KINDS.iter().map(|it| it.name()));
            checker
                .mistake(&kind.span(), format!("`{written}` is no component that has a rated current"))
                .help(help);
            continue;
        }
        let Some(number) = finite(checker, &Spot { key: spot.key, value }) else { continue };
        if number <= 0.0 || AMPERES_MOST < number {
            checker
                .mistake(&value.span(), format!("a rated current of {number} A cannot be"))
                .help(format!("the unit is ampere; allowed is more than 0, and {AMPERES_MOST} at most"));
            continue;
        }
        amperes.insert(written.to_owned(), Value::from(number));
    }
    Some(Value::from(amperes))
}

/// The names of these kinds.
pub(in crate::config) fn rated_kinds() -> Vec<&'static str> {
    RATED_KINDS.iter().map(|it| it.name()).collect()
}

/// Kinds of components that a current flows through.
const RATED_KINDS: [ComponentKind; 7] = [
    ComponentKind::Device,
    ComponentKind::Infeed,
    ComponentKind::Phase,
    ComponentKind::Bank,
    ComponentKind::Outlet,
    ComponentKind::Input,
    ComponentKind::Output,
];

/// Labels that our own series have: two labels of one name would make the whole scrape fail.
const RESERVED: &[&str] = &[
    "device",
    "address",
    "component",
    "index",
    "label",
    "name",
    "quantity",
    "reading",
    "state",
    "severity",
    "unit",
    "reason",
    "class",
    "profile",
    "vendor",
    "model",
    "serial",
    "firmware",
    "job",
    "instance",
    "le",
    "quantile",
];

#[cfg(test)]
mod tests {
    use crate::config::form::testing::said;

    #[test]
    fn labels_teach() {
        for (written, words) in [
            (
                "{ rack-row = \"1\" }",
                "`rack-row` cannot be the name of a label (help: letters, digits and _ only, no digit first: `rack_row`)",
            ),
            (
                "{ 1st = \"1\" }",
                "`1st` cannot be the name of a label (help: letters, digits and _ only, no digit first: `_1st`)",
            ),
            (
                "{ device = \"x\" }",
                "the label `device` is one that readings have already (help: write it as `own_device`, or another name)",
            ),
            (
                "{ __x = \"x\" }",
                "the label `__x` begins with two underscores, which Prometheus keeps for itself (help: write it as `x`)",
            ),
            ("{ rack = 4 }", "the label `rack` takes a text, not a number (4) (help: write rack = \"4\")"),
            (
                "[\"a\"]",
                "`labels` takes a table of names and texts, not a list (help: write labels = { site = \"ams1\", rack = \"a1\" })",
            ),
        ] {
            assert_eq!(said("devices", &format!("labels = {written}")), [words], "{written}");
        }
        let many: Vec<String> = (0..33).map(|it| format!("l{it} = \"x\"")).collect();
        let words = said("devices", &format!("labels = {{ {} }}", many.join(", ")));
        assert_eq!(words, ["33 labels; 32 are allowed (help: each is repeated on all series of the device)"]);
    }

    #[test]
    fn rated_teaches() {
        for (written, words) in [
            (
                "16",
                "`rated_current` needs to know of which components: a number (16) alone does not say (help: write rated_current = { infeed = 16, bank = 10 })",
            ),
            (
                "{ infed = 16 }",
                "`infed` is no component that has a rated current (help: did you mean `infeed`?)",
            ),
            (
                "{ infeed = 16000 }",
                "a rated current of 16000 A cannot be (help: the unit is ampere; allowed is more than 0, and 6300 at most)",
            ),
            (
                "{ infeed = 0 }",
                "a rated current of 0 A cannot be (help: the unit is ampere; allowed is more than 0, and 6300 at most)",
            ),
            (
                "{ infeed = \"16\" }",
                "`rated_current` takes a number, not a text (\"16\") (help: write it without quotes: rated_current = 16)",
            ),
        ] {
            assert_eq!(said("devices", &format!("rated_current = {written}")), [words], "{written}");
        }
    }
}
