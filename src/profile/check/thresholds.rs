//! Reads `thresholds` of `[[component.reading]]`.

use super::super::reader::{self, Section};
use super::super::thresholds::{KEYS, Level, Thresholds};
use super::{component, object, scaling};
use crate::model::Quantity;

pub(super) fn read(section: &Section<'_>, quantity: Option<Quantity>) -> Option<Thresholds> {
    let value = section.value("thresholds")?;
    let called = section.called("thresholds");
    if quantity == Some(Quantity::State) {
        let message = "a state has no `thresholds`";
        section.source.problem_with_help(&value.span(), message, "they belong to the number");
        return None;
    }
    let known = [KEYS.as_slice(), &[ENABLED]].concat();
    let table = reader::table_of(section.source, &called, value, &known)?;
    if !KEYS.iter().any(|it| table.has(it)) {
        let help = format!("one or more of: {}", KEYS.join(", "));
        section.source.problem_with_help(&value.span(), format!("{called} names no threshold"), help);
    }
    let enabled = table
        .value(ENABLED)
        .and_then(|it| object::lookup(section.source, &table.called(ENABLED), it, object::ALSO_KEYS)?.lookup);
    Some(Thresholds { levels: KEYS.map(|key| level(&table, key, quantity)), enabled })
}

fn level(table: &Section<'_>, key: &str, quantity: Option<Quantity>) -> Option<Level> {
    let value = table.value(key)?;
    let found = object::lookup(table.source, &table.called(key), value, component::RATING_KEYS)?;
    let own = found
        .section
        .as_ref()
        .map(|section| scaling::read(section, quantity, found.lookup.as_ref().map(|it| &it.object)));
    let scaling = match own {
        Some(scaling) => Some(scaling?),
        None => None,
    };
    Some(Level { lookup: found.lookup?, scaling })
}

const ENABLED: &str = "enabled";
