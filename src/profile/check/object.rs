//! Resolves the objects that a profile names.

use super::super::lookup::{Condition, Key, Lookup, ObjectRef, Test};
use super::super::reader::{self, Section, Source, Spot};
use crate::mib::{Kind, Named};
use crate::model::{Oid, Span};
use toml::Spanned;
use toml::de::DeValue;

/// A subtree: any name or number.
pub(super) fn oid(source: &Source<'_>, name: &Spot<&str>) -> Option<Oid> {
    resolve(source, name.value, &name.span).map(|it| it.oid)
}

/// An object that has cells: a column, a scalar, a branch with scalars, or a number that no module
/// knows.
pub(super) fn readable(source: &Source<'_>, name: &Spot<&str>) -> Option<ObjectRef> {
    readable_at(source, name.value, &name.span)
}

pub(super) fn readable_at(source: &Source<'_>, name: &str, span: &Span) -> Option<ObjectRef> {
    let named = resolve(source, name, span)?;
    let symbolic = name.contains("::");
    match named.object {
        Some(object) if matches!(object.kind, Kind::Scalar | Kind::Column) => Some(ObjectRef {
            root: object.oid,
            fixed: (!named.suffix.is_empty()).then(|| named.suffix.into()),
            scalar: object.kind == Kind::Scalar,
            names: object.names,
        }),
        Some(object) if symbolic && object.kind == Kind::Table => {
            let message = format!("{} holds no values: it is a table or one of its rows", object.name);
            source.problem_with_help(span, message, "name the column itself");
            None
        }
        _ => Some(ObjectRef { root: named.oid, fixed: None, scalar: false, names: Default::default() }),
    }
}

fn resolve(source: &Source<'_>, name: &str, span: &Span) -> Option<Named> {
    match source.mibs.resolve(name) {
        Ok(found) => Some(found),
        Err(error) => {
            match error.help() {
                Some(help) => source.problem_with_help(span, error.to_string(), help),
                None => source.problem(span, error.to_string()),
            }
            None
        }
    }
}

/// A table with `oid` and perhaps `index_from`, or just the object's name.
pub(super) struct LookupTable<'a> {
    pub(super) lookup: Option<Lookup>,
    /// The table, where it is one.
    pub(super) section: Option<Section<'a>>,
}

/// Reads `"MODULE::object"` or `{ oid = .., index_from = .., .. }`.
pub(super) fn lookup<'a>(
    source: &'a Source<'a>,
    called: &str,
    value: &'a Spanned<DeValue<'a>>,
    keys: &[&str],
) -> Option<LookupTable<'a>> {
    if let DeValue::String(name) = value.get_ref() {
        let object = readable_at(source, name, &value.span());
        let lookup = object.map(|object| Lookup { object, index_from: None });
        return Some(LookupTable { lookup, section: None });
    }
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        reader::wrong_type(source, called, value, "an object's name or a table with `oid`");
        return None;
    }
    let section = reader::table_of(source, called, value, keys)?;
    if !section.has("oid") {
        section.missing("oid", "name the column or scalar, as \"MODULE::object\"");
    }
    let object = section.string("oid").and_then(|it| readable(source, &it));
    let index_from = section.string("index_from").map(|it| readable(source, &it));
    let lookup = match (object, index_from) {
        (Some(object), None) => Some(Lookup { object, index_from: None }),
        (Some(object), Some(Some(index_from))) => Some(Lookup { object, index_from: Some(index_from) }),
        _ => None,
    };
    Some(LookupTable { lookup, section: Some(section) })
}

/// `also`: other cells of the row.
pub(super) fn lookups(section: &Section<'_>, key: &str) -> Vec<Lookup> {
    let called = section.called(key);
    let values = section.one_or_many(key);
    values.into_iter().filter_map(|it| lookup(section.source, &called, it, ALSO_KEYS)?.lookup).collect()
}

/// `when`: a condition, or several that must all hold. One without `is` and `not` holds where the agent
/// has the cell; one with `default = true` also where it has not.
pub(super) fn conditions(section: &Section<'_>, key: &str) -> Vec<Condition> {
    let called = section.called(key);
    let values = section.one_or_many(key);
    values.into_iter().filter_map(|it| condition(section.source, &called, it, WHEN_KEYS)).collect()
}

/// `valid`: one condition, which says what values hold.
pub(super) fn validity(section: &Section<'_>, key: &str) -> Option<Condition> {
    let called = section.called(key);
    let value = section.value(key)?;
    let found = condition(section.source, &called, value, VALID_KEYS)?;
    if found.test.is.is_empty() && found.test.not.is_empty() {
        let help = "write { oid = \"..\", is = [..] }, or `not`";
        section.source.problem_with_help(
            &value.span(),
            format!("{called} does not say which values hold"),
            help,
        );
    }
    Some(found)
}

fn condition<'a>(
    source: &'a Source<'a>,
    called: &str,
    value: &'a Spanned<DeValue<'a>>,
    keys: &[&str],
) -> Option<Condition> {
    let table = lookup(source, called, value, keys)?;
    let Some(section) = &table.section else {
        return Some(Condition { lookup: table.lookup?, test: Test::default(), default: false });
    };
    let keys = |key: &str| -> Option<Box<[Key]>> {
        let items = section.one_or_many(key);
        if section.has(key) && items.is_empty() {
            source.problem(&section.span_of(key), format!("{} is empty", section.called(key)));
        }
        let names = table.lookup.as_ref().map(|it| &it.object);
        let keys: Vec<Option<Key>> = items.into_iter().map(|it| value_key(source, names, it)).collect();
        keys.into_iter().collect()
    };
    let (is, not) = (keys("is"), keys("not"));
    let default = section.boolean("default").unwrap_or(false);
    Some(Condition { lookup: table.lookup?, test: Test { is: is?, not: not? }, default })
}

/// A number, or the name of one in the object's enumeration, or a text where it has none.
fn value_key(source: &Source<'_>, object: Option<&ObjectRef>, value: &Spanned<DeValue<'_>>) -> Option<Key> {
    if let Some(number) = reader::integer_in(value.get_ref()) {
        return Some(Key::Number(number));
    }
    let DeValue::String(text) = value.get_ref() else {
        reader::wrong_type(source, "a value", value, "a whole number or a name in quotes");
        return None;
    };
    text_key(source, object?, text, &value.span())
}

/// As a key of a table: `1`, `celsius`, or a text.
pub(super) fn text_key(source: &Source<'_>, object: &ObjectRef, text: &str, span: &Span) -> Option<Key> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(Key::Number(number));
    }
    if object.names.is_empty() {
        let oid = text.contains('.').then(|| text.parse::<Oid>().ok()).flatten();
        return Some(oid.map_or_else(|| Key::of_text(text), Key::Oid));
    }
    let found = object.names.number(text).map(Key::Number);
    if found.is_none() {
        source.unknown_word(span, "name", text, IN_ENUMERATION, object.names.iter().map(|(_, name)| name));
    }
    found
}

/// Where names of an object's numbers are looked for.
pub(super) const IN_ENUMERATION: &str = " in the enumeration";
const WHEN_KEYS: &[&str] = &["oid", "index_from", "is", "not", "default"];
pub(super) const ALSO_KEYS: &[&str] = &["oid", "index_from"];
const VALID_KEYS: &[&str] = &["oid", "index_from", "is", "not"];
