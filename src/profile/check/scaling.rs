//! Reads what turns a wire number into a base unit: `scale`, `unit`, `digits`, `scale_from`,
//! `unit_from`, `missing`, `range`.

use super::super::lookup::{Key, ObjectRef};
use super::super::reader::{self, Section, Source, Spot};
use super::super::scaling::{Digits, ScaleFrom, Scaling, UnitFrom};
use super::object;
use crate::model::{Quantity, Span, Unit, WireUnit};
use toml::de::DeValue;

/// A number in the base unit.
pub(super) fn plain(quantity: Quantity) -> Scaling {
    Scaling {
        scale: 1.0,
        unit: base_unit(quantity),
        digits: None,
        scale_from: None,
        unit_from: None,
        missing: Box::default(),
        missing_texts: Box::default(),
        range: None,
    }
}

/// Without a quantity (it is a mistake itself) the rest is still checked.
pub(super) fn read(
    section: &Section<'_>,
    quantity: Option<Quantity>,
    object: Option<&ObjectRef>,
) -> Option<Scaling> {
    let before = section.source.problem_count();
    if quantity == Some(Quantity::State) {
        for key in ["scale", "unit", "digits", "scale_from", "unit_from", "range"] {
            if section.has(key) {
                let message = format!("a state has no `{key}`");
                section.source.problem_with_help(&section.span_of(key), message, "drop it");
            }
        }
    }
    let scale = section.number("scale");
    if let Some(zero) = scale.as_ref().filter(|it| it.value == 0.0) {
        section.source.problem(&zero.span, "a scale of 0 makes every value 0");
    }
    let unit = section.string("unit").map(|it| wire_unit(section.source, quantity, &it));
    if section.has("unit") && section.has("unit_from") {
        let help = "drop `unit`; `default` in `unit_from` says what holds where the agent does not";
        let message = "`unit` and `unit_from` say both which unit it is";
        section.source.problem_with_help(&section.span_of("unit"), message, help);
    }
    let digits = read_digits(section);
    let scale_from = read_scale_from(section);
    let unit_from = read_unit_from(section, quantity);
    let (missing, missing_texts) = read_missing(section, object);
    let range = read_range(section);
    let quantity = quantity.filter(|_| section.source.problem_count() == before)?;
    Some(Scaling {
        scale: scale.map_or(1.0, |it| it.value),
        unit: unit.flatten().unwrap_or_else(|| base_unit(quantity)),
        digits,
        scale_from,
        unit_from,
        missing,
        missing_texts,
        range,
    })
}

fn read_digits(section: &Section<'_>) -> Option<Digits> {
    let called = section.called("digits");
    let table = object::lookup(section.source, &called, section.value("digits")?, DIGITS_KEYS)?;
    let default = table.section.as_ref().and_then(|it| it.integer("default", -15..=15));
    Some(Digits { lookup: table.lookup?, default })
}

fn read_scale_from(section: &Section<'_>) -> Option<ScaleFrom> {
    let called = section.called("scale_from");
    let table = object::lookup(section.source, &called, section.value("scale_from")?, VALUES_KEYS)?;
    let mut values = Vec::new();
    let mut default = None;
    if let Some(section) = &table.section {
        default = section.number("default").map(|it| it.value);
        for (key, value) in entries(section, table.lookup.as_ref().map(|it| &it.object)) {
            let number = reader::number_of(section.source, "a factor", value);
            values.extend(number.map(|it| (key, it.value)));
        }
    }
    Some(ScaleFrom { lookup: table.lookup?, values: values.into(), default })
}

fn read_unit_from(section: &Section<'_>, quantity: Option<Quantity>) -> Option<UnitFrom> {
    let source = section.source;
    let called = section.called("unit_from");
    let table = object::lookup(source, &called, section.value("unit_from")?, VALUES_KEYS)?;
    let Some(section) = &table.section else {
        let help = "write { oid = \"..\", values = { 1 = \"degC\", 2 = \"degF\" } }";
        source.problem_with_help(&section.span_of("unit_from"), format!("{called} has no `values`"), help);
        return None;
    };
    if !section.has("values") {
        section.missing("values", "say which value is which unit, as { 1 = \"degC\", 2 = \"degF\" }");
    }
    let default = section.string("default").and_then(|it| wire_unit(source, quantity, &it));
    let mut values = Vec::new();
    for (key, value) in entries(section, table.lookup.as_ref().map(|it| &it.object)) {
        let unit = reader::string_of(source, "a unit", value).and_then(|it| wire_unit(source, quantity, &it));
        values.extend(unit.map(|it| (key, it)));
    }
    Some(UnitFrom { lookup: table.lookup?, values: values.into(), default })
}

type Entry<'a> = (Key, &'a toml::Spanned<DeValue<'a>>);

/// `values`: numbers, names or texts of the object, and what each stands for.
fn entries<'a>(section: &Section<'a>, object: Option<&ObjectRef>) -> Vec<Entry<'a>> {
    let source = section.source;
    let Some(value) = section.value("values") else { return Vec::new() };
    let DeValue::Table(table) = value.get_ref() else {
        reader::wrong_type(source, &section.called("values"), value, "a table");
        return Vec::new();
    };
    let Some(object) = object else { return Vec::new() };
    table
        .iter()
        .filter_map(|(key, value)| {
            Some((object::text_key(source, object, key.get_ref(), &key.span())?, value))
        })
        .collect()
}

/// Numbers, names of the enumeration, or texts.
fn read_missing(section: &Section<'_>, object: Option<&ObjectRef>) -> (Box<[f64]>, Box<[Box<str>]>) {
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    let called = section.called("missing");
    for value in section.one_or_many("missing") {
        let DeValue::String(text) = value.get_ref() else {
            numbers.extend(reader::number_of(section.source, &called, value).map(|it| it.value));
            continue;
        };
        let Some(object) = object else { continue };
        match object.names.number(text) {
            #[expect(clippy::cast_precision_loss, reason = "an enumeration's number is 32 bits")]
            Some(number) => numbers.push(number as f64),
            None if object.names.is_empty() => texts.push(text.trim().into()),
            None => {
                let names = object.names.iter().map(|(_, name)| name);
                section.source.unknown_word(&value.span(), "name", text, object::IN_ENUMERATION, names);
            }
        }
    }
    (numbers.into(), texts.into())
}

fn read_range(section: &Section<'_>) -> Option<(f64, f64)> {
    if !section.has("range") {
        return None;
    }
    let numbers = section.numbers("range");
    let wrong = |message: &str| {
        let help = "write the lowest and the highest wire number, as [0, 30000]";
        section.source.problem_with_help(&section.span_of("range"), message, help);
        None
    };
    match numbers.as_slice() {
        [low, high] if low.value < high.value => Some((low.value, high.value)),
        [_, _] => wrong("a range's first number is below its second"),
        _ => wrong("a range has two numbers"),
    }
}

fn wire_unit(
    source: &Source<'_>,
    quantity: Option<Quantity>,
    word: &Spot<&str>,
) -> Option<&'static WireUnit> {
    let found = WireUnit::find(word.value);
    let Some(quantity) = quantity.filter(|it| found.is_none_or(|found| found.unit != it.unit())) else {
        return found;
    };
    let message = match found {
        Some(_) => format!("{quantity} is not measured in `{}`", word.value),
        None => format!("unknown unit `{}`", word.value),
    };
    wrong_unit(source, &word.span, message, quantity.unit());
    None
}

fn wrong_unit(source: &Source<'_>, span: &Span, message: String, wanted: Unit) {
    let fitting: Vec<&str> =
        WireUnit::ALL.iter().filter(|it| it.unit == wanted).map(|it| it.symbol).collect();
    source.problem_with_help(span, message, format!("one of: {}", fitting.join(", ")));
}

#[expect(clippy::expect_used, reason = "a test holds that every base unit is a wire unit")]
fn base_unit(quantity: Quantity) -> &'static WireUnit {
    WireUnit::find(quantity.unit().symbol()).expect("every base unit is a wire unit")
}

const DIGITS_KEYS: &[&str] = &["oid", "index_from", "default"];
const VALUES_KEYS: &[&str] = &["oid", "index_from", "values", "default"];

#[cfg(test)]
mod tests {
    use super::base_unit;
    use crate::model::Quantity;

    #[test]
    fn every_base_unit_is_a_wire_unit() {
        for quantity in Quantity::ALL {
            let unit = base_unit(quantity);
            assert_eq!((unit.factor, unit.offset), (1.0, 0.0), "{quantity}");
        }
    }
}
