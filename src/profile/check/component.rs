//! Reads `[[component]]`.

use super::super::definition::{Block, Rating};
use super::super::lookup::ObjectRef;
use super::super::pattern::Pattern;
use super::super::reader::{self, Section, Spot};
use super::super::template::Template;
use super::{object, reading, scaling};
use crate::model::{ComponentKind, Quantity};
use toml::de::DeValue;

pub(super) fn read(section: &Section<'_>) -> Option<Block> {
    let kind = read_kind(section);
    let direct_current = section.boolean("direct_current");
    let pattern = read_pattern(section, "instance");
    let index = section.string("index").map(|it| read_template(section, &it, false));
    let labels: Vec<Option<Template>> =
        section.strings("label").iter().map(|it| read_template(section, it, true)).collect();
    let unless: Vec<ObjectRef> =
        section.strings("unless").iter().filter_map(|it| object::readable(section.source, it)).collect();
    let better_index = section.string("better_index").map(|it| read_template(section, &it, true));
    let when = object::conditions(section, "when");
    let rated_current = read_ratings(section, "rated_current", Quantity::Current);
    let rated_power = read_ratings(section, "rated_power", Quantity::ActivePower);
    let rated_apparent_power = read_ratings(section, "rated_apparent_power", Quantity::ApparentPower);
    let readings: Vec<_> = section
        .sections("reading", "[[component.reading]]", reading::KEYS)
        .iter()
        .filter_map(reading::read)
        .collect();
    if !section.has("reading") {
        section.missing("reading", "add [[component.reading]] with a quantity and an oid");
    }
    Some(Block {
        kind: kind?,
        direct_current: direct_current.unwrap_or(false),
        pattern: pattern.unwrap_or_else(|| Some(Pattern::any()))?,
        index: index.unwrap_or_else(|| Some(Template::index()))?,
        labels: labels.into_iter().collect::<Option<Vec<Template>>>()?,
        unless,
        better_index: match better_index {
            Some(template) => Some(template?),
            None => None,
        },
        when,
        rated_current,
        rated_power,
        rated_apparent_power,
        readings,
    })
}

fn read_kind(section: &Section<'_>) -> Option<ComponentKind> {
    if !section.has("kind") {
        let kinds = ComponentKind::OF_DEVICES.map(ComponentKind::name).join(", ");
        section.missing("kind", &format!("one of: {kinds}"));
    }
    let word = section.string("kind")?;
    let kind = word.value.parse().ok().filter(|it| ComponentKind::OF_DEVICES.contains(it));
    if kind.is_none() {
        let known = ComponentKind::OF_DEVICES.map(ComponentKind::name);
        section.source.unknown_word(&word.span, "kind of component", word.value, "", known);
    }
    kind
}

/// `None`: there is none; `Some(None)`: a wrong one.
pub(super) fn read_pattern(section: &Section<'_>, key: &str) -> Option<Option<Pattern>> {
    if !section.has(key) {
        return None;
    }
    let Some(text) = section.string(key) else { return Some(None) };
    match Pattern::parse(text.value) {
        Ok(pattern) => Some(Some(pattern)),
        Err(why) => {
            let message = format!("`{}` is no instance pattern: {why}", text.value);
            let help = "numbers and `*` with dots between, perhaps `**` at the end, as `*.1.*`";
            section.source.problem_with_help(&text.span, message, help);
            Some(None)
        }
    }
}

fn read_template(section: &Section<'_>, text: &Spot<&str>, objects: bool) -> Option<Template> {
    let source = section.source;
    let parsed = Template::parse(text.value, |hole, _| {
        if objects && hole.contains([':', '.']) {
            return object::readable_at(source, hole, &text.span);
        }
        let help = if objects {
            "{index}, {index.1} or {MODULE::object}"
        } else {
            "{index} or {index.1}: an index must not change when an operator renames a part"
        };
        source.problem_with_help(&text.span, format!("`{{{hole}}}` stands for nothing"), help);
        None
    });
    match parsed {
        Ok(template) => template,
        Err(error) => {
            source.problem(&text.span, format!("`{}` {}", text.value, error.message));
            None
        }
    }
}

fn read_ratings(section: &Section<'_>, key: &str, quantity: Quantity) -> Vec<Rating> {
    let called = section.called(key);
    let mut ratings = Vec::new();
    for value in section.one_or_many(key) {
        if matches!(value.get_ref(), DeValue::Integer(_) | DeValue::Float(_)) {
            let number = reader::number_of(section.source, &called, value);
            ratings.extend(number.map(|it| Rating::Constant(it.value)));
            continue;
        }
        let Some(table) = object::lookup(section.source, &called, value, RATING_KEYS) else { continue };
        let scaling = match &table.section {
            Some(section) => {
                scaling::read(section, Some(quantity), table.lookup.as_ref().map(|it| &it.object))
            }
            None => Some(scaling::plain(quantity)),
        };
        if let (Some(lookup), Some(scaling)) = (table.lookup, scaling) {
            ratings.push(Rating::Cell(Box::new((lookup, scaling))));
        }
    }
    ratings
}

pub(super) const KEYS: &[&str] = &[
    "kind",
    "direct_current",
    "instance",
    "index",
    "label",
    "unless",
    "better_index",
    "when",
    "rated_current",
    "rated_power",
    "rated_apparent_power",
    "reading",
];
pub(super) const RATING_KEYS: &[&str] =
    &["oid", "index_from", "scale", "unit", "digits", "scale_from", "unit_from", "missing", "range"];
