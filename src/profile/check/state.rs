//! Reads `state` and `names`: what the numbers of an enumeration mean.

use super::super::lookup::ObjectRef;
use super::super::reader::{self, Section};
use super::super::state_wire::{Bit, StateWire};
use super::object;
use crate::model::{Health, Meaning, Quantity, StateTable, StateValue};
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Spanned;
use toml::de::DeValue;

/// The states of a reading.
pub(super) fn read(section: &Section<'_>, object: Option<&ObjectRef>) -> Option<Arc<StateTable>> {
    let mut names: BTreeMap<i64, String> = BTreeMap::new();
    names
        .extend(object.iter().flat_map(|it| it.names.iter()).map(|(number, name)| (number, name.to_owned())));
    read_names(section, &mut names);
    let known: Vec<&str> =
        Health::ALL.map(Health::name).into_iter().chain(Meaning::ALL.map(Meaning::name)).collect();
    if !section.has("state") {
        section.missing("state", "say how its states are to be taken, as state = { ok = [\"on\"] }");
    }
    let state = section.section("state", &known)?;
    object?;
    let mut healths: BTreeMap<i64, Health> = BTreeMap::new();
    let mut meanings: BTreeMap<i64, Vec<Meaning>> = BTreeMap::new();
    let mut rest = Health::Unknown;
    for health in Health::ALL {
        let is_rest = |it: &&Spanned<DeValue<'_>>| it.get_ref().as_str() == Some(ALL_OTHERS);
        if state.one_or_many(health.name()).iter().any(is_rest) {
            rest = health;
        }
        for (number, item) in numbers(&state, health.name(), &mut names) {
            let before = healths.insert(number, health);
            if let Some(before) = before {
                let message = format!("state {number} is both {before} and {health}");
                state.source.problem(&item.span(), message);
            }
        }
    }
    for meaning in Meaning::ALL {
        for (number, _) in numbers(&state, meaning.name(), &mut names) {
            meanings.entry(number).or_default().push(meaning);
        }
    }
    let values = names.into_iter().map(|(number, name)| {
        let health = healths.get(&number).copied().unwrap_or(rest);
        let meanings = meanings.remove(&number).unwrap_or_default().into();
        (number, StateValue { name: name.into(), health, meanings })
    });
    Some(Arc::new(StateTable { values: values.collect() }))
}

/// Notes the keys of a state on what is none.
pub(super) fn refuse(section: &Section<'_>, quantity: Quantity) {
    for key in ["state", "names", "bit", "flag", "below", "absent"] {
        if section.has(key) {
            let message = format!("{quantity} has no `{key}`");
            section.source.problem_with_help(
                &section.span_of(key),
                message,
                "only quantity = \"state\" has it",
            );
        }
    }
}

/// How its number is to be taken from the cell; `None`: a mistake was noted.
pub(super) fn wire(section: &Section<'_>) -> Option<StateWire> {
    let bit = match section.value("bit") {
        None => None,
        Some(value) => Some(match value.get_ref() {
            DeValue::String(word) if word == "any" => Bit::Any,
            _ => {
                let number = section.integer("bit", 0..=i64::from(BIT_MAX))?;
                Bit::One(u8::try_from(number).ok()?)
            }
        }),
    };
    let bit = if section.has("flag") {
        if bit.is_some() {
            let message = "`bit` and `flag` exclude each other".to_owned();
            let help = "`flag` counts the letters of a text of 0 and 1, from 1";
            section.source.problem_with_help(&section.span_of("flag"), message, help);
            return None;
        }
        let place = section.integer("flag", 1..=i64::from(BIT_MAX))?;
        Some(Bit::Flag(u8::try_from(place).ok()?))
    } else {
        bit
    };
    let below =
        section.strings("below").iter().map(|it| object::oid(section.source, it)).collect::<Option<_>>()?;
    let absent = section.integer("absent", i64::from(i32::MIN)..=i64::from(i32::MAX));
    Some(StateWire { bit, below, absent })
}

fn read_names(section: &Section<'_>, names: &mut BTreeMap<i64, String>) {
    let source = section.source;
    let Some(value) = section.value("names") else { return };
    let DeValue::Table(table) = value.get_ref() else {
        reader::wrong_type(source, &section.called("names"), value, "a table as { 1 = \"on\" }");
        return;
    };
    for (key, value) in table {
        let Ok(number) = key.get_ref().parse::<i64>() else {
            let message = format!("`{}` is no state's number", key.get_ref());
            source.problem_with_help(&key.span(), message, "write number = \"name\", as 1 = \"on\"");
            continue;
        };
        if let Some(name) = reader::string_of(source, "a state's name", value) {
            names.insert(number, name.value.to_owned());
        }
    }
}

type Listed<'a> = (i64, &'a Spanned<DeValue<'a>>);

/// The numbers listed under a key, by number or by name. A number without a name gets one.
fn numbers<'a>(section: &Section<'a>, key: &str, names: &mut BTreeMap<i64, String>) -> Vec<Listed<'a>> {
    let mut found = Vec::new();
    for item in section.one_or_many(key) {
        if let Some(number) = reader::integer_in(item.get_ref()) {
            names.entry(number).or_insert_with(|| number.to_string());
            found.push((number, item));
            continue;
        }
        let DeValue::String(name) = item.get_ref() else {
            reader::wrong_type(section.source, "a state", item, "its name or number");
            continue;
        };
        if **name == *ALL_OTHERS {
            continue;
        }
        let before = found.len();
        found.extend(names.iter().filter(|(_, it)| **it == **name).map(|(number, _)| (*number, item)));
        if found.len() == before {
            section.source.unknown_word(&item.span(), "state", name, "", names.values().map(String::as_str));
        }
    }
    found
}

/// BITS of 16 octets are more than any MIB of power has.
const BIT_MAX: u8 = 127;
/// In a list of a health: all names that no list has.
const ALL_OTHERS: &str = "*";
