//! Reads `[[component.reading]]`.

use super::super::definition::Reading;
use super::super::reader::Section;
use super::{component, object, scaling, state, thresholds};
use crate::model::Quantity;
use std::sync::Arc;

pub(super) fn read(section: &Section<'_>) -> Option<Reading> {
    let quantity = read_quantity(section);
    if !section.has("oid") {
        section.missing("oid", "name the column or scalar, as \"MODULE::object\"");
    }
    let object = section.string("oid").and_then(|it| object::readable(section.source, &it));
    let name = read_name(section);
    let pattern = component::read_pattern(section, "instance");
    let when = object::conditions(section, "when");
    let valid = object::validity(section, "valid");
    let scaling = scaling::read(section, quantity, object.as_ref());
    let also = object::lookups(section, "also");
    let thresholds = thresholds::read(section, quantity);
    let states = match quantity {
        Some(Quantity::State) => Some(state::read(section, object.as_ref())?),
        Some(other) => {
            state::refuse(section, other);
            None
        }
        None => None,
    };
    let state_wire = state::wire(section);
    Some(Reading {
        quantity: quantity?,
        name: name?,
        object: object?,
        place: section.source.place(&section.span),
        pattern: match pattern {
            Some(pattern) => Some(pattern?),
            None => None,
        },
        when,
        valid,
        scaling: Arc::new(scaling?),
        also,
        states,
        state_wire: Some(state_wire?).filter(|it| !it.is_plain()).map(Arc::new),
        counts_rows: section.boolean("counts_rows").unwrap_or(false),
        thresholds: thresholds.map(Box::new),
    })
}

fn read_quantity(section: &Section<'_>) -> Option<Quantity> {
    if !section.has("quantity") {
        let known = Quantity::OF_DEVICES.map(Quantity::name).join(", ");
        section.missing("quantity", &format!("one of: {known}"));
    }
    let word = section.string("quantity")?;
    let quantity = word.value.parse().ok().filter(|it| Quantity::OF_DEVICES.contains(it));
    if quantity.is_none() {
        section.source.unknown_word(
            &word.span,
            "quantity",
            word.value,
            "",
            Quantity::OF_DEVICES.map(Quantity::name),
        );
    }
    quantity
}

fn read_name(section: &Section<'_>) -> Option<Box<str>> {
    let Some(name) = section.string("name") else {
        return (!section.has("name")).then(Box::default);
    };
    let well_formed = name.value.len() <= NAME_MAX
        && name.value.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_');
    if !well_formed {
        let message = format!("`{}` is no reading's name", name.value);
        let help = "small letters, digits and underscores, as `line_to_line`";
        section.source.problem_with_help(&name.span, message, help);
        return None;
    }
    Some(name.value.into())
}

pub(super) const KEYS: &[&str] = &[
    "quantity",
    "name",
    "oid",
    "instance",
    "scale",
    "unit",
    "missing",
    "range",
    "digits",
    "scale_from",
    "unit_from",
    "valid",
    "when",
    "also",
    "state",
    "names",
    "bit",
    "flag",
    "below",
    "absent",
    "counts_rows",
    "thresholds",
];
/// A reading's name is a metric label.
const NAME_MAX: usize = 64;
