//! A first draft of a profile, from the cells of an agent that none fits: tables, likely quantities and
//! scales, by the units and names of the MIB. A person finishes it; each guess says what it is made from.
//!
//! Guesses only: what looks like a threshold, a setting or a counter is left out.

use super::SystemGroup;
use crate::mib::{Kind, Mibs, Object};
use crate::model::{Oid, Quantity, Value};
use std::collections::BTreeMap;

/// Writes a draft. `cells` are the agent's, in the order of their OIDs.
#[must_use]
pub fn draft(mibs: &Mibs, system: &SystemGroup, cells: &[(Oid, Value)]) -> String {
    let mut parts = vec![head(system)];
    for (parent, columns) in tables(mibs, cells) {
        let readings: Vec<String> = columns.values().filter_map(reading).collect();
        if readings.is_empty() {
            continue;
        }
        let rows = columns.values().map(|it| it.samples.len()).max().unwrap_or(0);
        let kind = kind_of(&columns);
        parts.push(format!("\n# {parent}: {rows} rows\n[[component]]\nkind = \"{kind}\"\n"));
        if let Some(name) = columns.values().find(|it| it.is_name()) {
            parts.push(format!("label = [\"{{{}}}\", \"{} {{index}}\"]\n", name.name(), capital(kind)));
        }
        parts.extend(readings);
    }
    parts.concat()
}

fn head(system: &SystemGroup) -> String {
    let oid = &system.sys_object_id;
    let descr = system.sys_descr.escape_debug();
    format!(
        "# A draft for an agent that calls itself \"{descr}\". Every line marked with a question mark is a guess:\n\
         # hold it against the MIB and a known load, then drop the mark. docs/profiles.md has the format.\n\n\
         [profile]\nname = \"new-device\"\ndescription = \"{descr}\"\nvendor = \"?\"\n\n\
         [match]\nsys_object_id = [\"{oid}\"]\n"
    )
}

/// What is known of one column or scalar.
struct Column {
    object: Option<Object>,
    oid: Oid,
    samples: Vec<Value>,
}

type Columns = BTreeMap<Oid, Column>;

/// Columns by the name or number of their table.
fn tables(mibs: &Mibs, cells: &[(Oid, Value)]) -> BTreeMap<String, Columns> {
    let mut tables: BTreeMap<String, Columns> = BTreeMap::new();
    for (oid, value) in cells.iter().filter(|(oid, _)| is_of_interest(oid)).take(CELLS_MAX) {
        let named = mibs.lookup(oid);
        let object = named.object.filter(|it| matches!(it.kind, Kind::Scalar | Kind::Column));
        let column = object.as_ref().map_or_else(|| above(oid), |it| it.oid.clone());
        let entry = above(&column);
        let parent = mibs.lookup(&entry).to_string();
        let columns = tables.entry(parent).or_default();
        let column =
            columns.entry(column.clone()).or_insert(Column { object, oid: column, samples: Vec::new() });
        if column.samples.len() < SAMPLES_MAX {
            column.samples.push(value.clone());
        }
    }
    tables
}

/// Enterprises' own objects, UPS-MIB and ENTITY-SENSOR-MIB; no agent's own housekeeping.
fn is_of_interest(oid: &Oid) -> bool {
    const WANTED: [&[u32]; 3] = [&[1, 3, 6, 1, 4, 1], &[1, 3, 6, 1, 2, 1, 33], &[1, 3, 6, 1, 2, 1, 99]];
    const HOUSEKEEPING: [&[u32]; 2] = [&[1, 3, 6, 1, 4, 1, 2021], &[1, 3, 6, 1, 4, 1, 8072]];
    WANTED.iter().any(|it| oid.arcs().starts_with(it))
        && !HOUSEKEEPING.iter().any(|it| oid.arcs().starts_with(it))
}

fn above(oid: &Oid) -> Oid {
    let arcs = oid.arcs();
    Oid::new(arcs.get(..arcs.len().saturating_sub(1)).unwrap_or_default())
}

impl Column {
    /// As a profile names it.
    fn name(&self) -> String {
        self.object.as_ref().map_or_else(|| self.oid.to_string(), |it| it.name.clone())
    }

    fn word(&self) -> String {
        let name = self.name();
        name.rsplit("::").next().unwrap_or(&name).to_lowercase()
    }

    fn units(&self) -> String {
        self.object.as_ref().map_or_else(String::new, |it| it.units.to_lowercase())
    }

    fn is_name(&self) -> bool {
        let word = self.word();
        let said = ["name", "label", "descr"].iter().any(|it| word.contains(it));
        said && self.samples.iter().all(|it| matches!(it, Value::OctetString(_)))
    }

    fn numbers(&self) -> Option<Vec<f64>> {
        let number = |it: &Value| super::number::wire_number(it).ok();
        let numbers: Vec<f64> = self.samples.iter().filter_map(number).collect();
        (numbers.len() == self.samples.len() && !numbers.is_empty()).then_some(numbers)
    }
}

fn reading(column: &Column) -> Option<String> {
    let word = column.word();
    if NOT_READINGS.iter().any(|it| word.contains(it)) {
        return None;
    }
    let numbers = column.numbers()?;
    let shown: Vec<String> = numbers.iter().take(SHOWN).map(ToString::to_string).collect();
    let name = column.name();
    let units = column.units();
    if let Some(object) = column.object.as_ref().filter(|it| !it.names.is_empty()) {
        let said = STATES.iter().any(|it| word.contains(it));
        return said.then(|| state(object, &shown));
    }
    let (quantity, why) = quantity(&word, &units)?;
    let mut parts = vec![format!(
        "\n  # ? {why}; the agent sends {}\n  [[component.reading]]\n  quantity = \"{quantity}\"\n  oid = \"{name}\"\n",
        shown.join(", ")
    )];
    if let Some(scale) = scale(&units) {
        parts.push(format!("  scale = {scale}    # ? UNITS \"{units}\"\n"));
    } else if let Some(scale) = plausible_scale(quantity, &numbers) {
        parts.push(format!("  scale = {scale}    # ? makes the numbers plausible\n"));
    }
    if let Some(unit) = unit(quantity, &units) {
        parts.push(format!("  unit = \"{unit}\"\n"));
    }
    if numbers.contains(&-1.0) {
        parts.push("  missing = [-1]    # ?\n".to_owned());
    }
    Some(parts.concat())
}

fn state(object: &Object, shown: &[String]) -> String {
    let names: Vec<&str> = object.names.iter().map(|(_, name)| name).collect();
    let health = |wanted: fn(&str) -> bool| {
        let found: Vec<String> =
            names.iter().filter(|it| wanted(&it.to_lowercase())).map(|it| format!("\"{it}\"")).collect();
        found.join(", ")
    };
    format!(
        "\n  # ? the agent sends {}; sort the names: {}\n  [[component.reading]]\n  quantity = \"state\"\n  name = \"status\"\n  \
         oid = \"{}\"\n  state = {{ ok = [{}], critical = [{}] }}\n",
        shown.join(", "),
        names.join(", "),
        object.name,
        health(|it| GOOD.iter().any(|word| it.contains(word)) && !BAD.iter().any(|word| it.contains(word))),
        health(|it| BAD.iter().any(|word| it.contains(word))),
    )
}

/// What it may measure, by its unit and else by its name.
fn quantity(word: &str, units: &str) -> Option<(Quantity, String)> {
    let by_unit = UNITS.iter().find(|(it, _)| units.contains(it));
    if let Some((_, quantity)) = by_unit {
        return Some((*quantity, format!("by its UNITS \"{units}\"")));
    }
    let (found, quantity) = WORDS.iter().find(|(it, _)| word.contains(it))?;
    Some((*quantity, format!("by \"{found}\" in its name")))
}

/// `0.1 Amps`, `tenths of volts`, `hundredths`.
fn scale(units: &str) -> Option<&'static str> {
    let table = [
        ("0.001", "0.001"),
        ("0.01", "0.01"),
        ("0.1", "0.1"),
        ("1/10", "0.1"),
        ("thousandth", "0.001"),
        ("hundredth", "0.01"),
        ("tenth", "0.1"),
    ];
    table.into_iter().find(|(it, _)| units.contains(it)).map(|(_, scale)| scale)
}

/// Mains of 2304 is 230.4; 500 is 50.0 Hz.
fn plausible_scale(quantity: Quantity, numbers: &[f64]) -> Option<&'static str> {
    let largest = numbers.iter().copied().fold(0.0, f64::max);
    let limit = match quantity {
        Quantity::Voltage => 760.0,
        Quantity::Frequency => 72.0,
        Quantity::Humidity | Quantity::Charge | Quantity::Temperature => 100.0,
        Quantity::PowerFactor => 1.0,
        _ => return None,
    };
    [("1", 1.0), ("0.1", 0.1), ("0.01", 0.01), ("0.001", 0.001)]
        .into_iter()
        .find(|(_, factor)| largest * factor <= limit)
        .map(|(scale, _)| scale)
        .filter(|it| *it != "1")
}

fn unit(quantity: Quantity, units: &str) -> Option<&'static str> {
    let units = units.replace(' ', "");
    match quantity {
        Quantity::Current if units.contains("milli") || units.ends_with("ma") => Some("mA"),
        Quantity::Voltage if units.contains("milli") || units.ends_with("mv") => Some("mV"),
        Quantity::ActivePower if units.contains("kw") || units.contains("kilow") => Some("kW"),
        Quantity::ApparentPower if units.contains("kva") => Some("kVA"),
        Quantity::Energy if units.contains("kwh") || units.contains("kilo") => Some("kWh"),
        Quantity::Temperature if units.contains("fahr") || units.ends_with("degf") => Some("degF"),
        Quantity::Runtime if units.contains("min") => Some("min"),
        _ => None,
    }
}

/// By the words in its columns' names.
fn kind_of(columns: &Columns) -> &'static str {
    let words: String = columns.values().map(Column::word).collect::<Vec<_>>().join(" ");
    let kinds = [
        ("outlet", "outlet"),
        ("receptacle", "outlet"),
        ("socket", "outlet"),
        ("breaker", "bank"),
        ("branch", "bank"),
        ("bank", "bank"),
        ("battery", "battery"),
        ("batt", "battery"),
        ("bypass", "bypass"),
        ("sensor", "sensor"),
        ("probe", "sensor"),
        ("environ", "sensor"),
        ("phase", "phase"),
        ("inlet", "infeed"),
        ("infeed", "infeed"),
        ("output", "output"),
        ("input", "input"),
    ];
    kinds.into_iter().find(|(word, _)| words.contains(word)).map_or("device", |(_, kind)| kind)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// A walk has some thousands of cells; an agent that lies has no end.
const CELLS_MAX: usize = 200_000;
/// Enough rows to see what a column holds.
const SAMPLES_MAX: usize = 64;
/// Numbers in a comment.
const SHOWN: usize = 6;
const GOOD: [&str; 8] = ["ok", "normal", "on", "good", "closed", "present", "none", "inactive"];
const BAD: [&str; 9] = ["fail", "fault", "alarm", "crit", "overload", "error", "lost", "bad", "abnormal"];
const STATES: [&str; 5] = ["state", "status", "alarm", "condition", "source"];
/// Words of settings, limits and tables' own columns.
const NOT_READINGS: [&str; 22] = [
    "index",
    "thresh",
    "limit",
    "config",
    "control",
    "command",
    "trap",
    "delay",
    "warning",
    "critical",
    "rating",
    "rated",
    "count",
    "number",
    "tablesize",
    "hyst",
    "reset",
    "schedule",
    "address",
    "port",
    "interval",
    "setpoint",
];
const UNITS: [(&str, Quantity); 14] = [
    ("kwh", Quantity::Energy),
    ("watt-hour", Quantity::Energy),
    ("watt hour", Quantity::Energy),
    ("wh", Quantity::Energy),
    ("volt-amp", Quantity::ApparentPower),
    ("va", Quantity::ApparentPower),
    ("volt", Quantity::Voltage),
    ("amp", Quantity::Current),
    ("watt", Quantity::ActivePower),
    ("hertz", Quantity::Frequency),
    ("hz", Quantity::Frequency),
    ("celsius", Quantity::Temperature),
    ("fahrenheit", Quantity::Temperature),
    ("humidity", Quantity::Humidity),
];
const WORDS: [(&str, Quantity); 20] = [
    ("energy", Quantity::Energy),
    ("kwh", Quantity::Energy),
    ("powerfactor", Quantity::PowerFactor),
    ("apparentpower", Quantity::ApparentPower),
    ("reactivepower", Quantity::ReactivePower),
    ("volt", Quantity::Voltage),
    ("current", Quantity::Current),
    ("amps", Quantity::Current),
    ("freq", Quantity::Frequency),
    ("temp", Quantity::Temperature),
    ("humid", Quantity::Humidity),
    ("runtime", Quantity::Runtime),
    ("timeremain", Quantity::Runtime),
    ("minutesremain", Quantity::Runtime),
    ("batterycapacity", Quantity::Charge),
    ("charge", Quantity::Charge),
    ("load", Quantity::Load),
    ("watts", Quantity::ActivePower),
    ("activepower", Quantity::ActivePower),
    ("power", Quantity::ActivePower),
];

#[cfg(test)]
mod tests {
    use super::draft;
    use crate::mib::Mibs;
    use crate::model::{Oid, Value};
    use crate::profile::{ProfileFile, ProfileSet, SystemGroup};

    const MODULE: &str = r#"ACME-MIB DEFINITIONS ::= BEGIN
IMPORTS OBJECT-TYPE, Integer32, enterprises FROM SNMPv2-SMI;
acme OBJECT IDENTIFIER ::= { enterprises 99999 }
acmeOutletTable OBJECT-TYPE SYNTAX SEQUENCE OF AcmeOutletEntry MAX-ACCESS not-accessible STATUS current ::= { acme 1 }
acmeOutletEntry OBJECT-TYPE SYNTAX AcmeOutletEntry MAX-ACCESS not-accessible STATUS current
    INDEX { acmeOutletIndex } ::= { acmeOutletTable 1 }
acmeOutletIndex OBJECT-TYPE SYNTAX Integer32 MAX-ACCESS read-only STATUS current ::= { acmeOutletEntry 1 }
acmeOutletName OBJECT-TYPE SYNTAX OCTET STRING MAX-ACCESS read-only STATUS current ::= { acmeOutletEntry 2 }
acmeOutletLoad OBJECT-TYPE SYNTAX Integer32 UNITS "0.1 Amps" MAX-ACCESS read-only STATUS current ::= { acmeOutletEntry 3 }
acmeOutletStatus OBJECT-TYPE SYNTAX INTEGER { ok(1), failed(2) } MAX-ACCESS read-only STATUS current ::= { acmeOutletEntry 4 }
acmeOutletVoltage OBJECT-TYPE SYNTAX Integer32 MAX-ACCESS read-only STATUS current ::= { acmeOutletEntry 5 }
acmeOutletLoadThreshold OBJECT-TYPE SYNTAX Integer32 UNITS "0.1 Amps" MAX-ACCESS read-only STATUS current ::= { acmeOutletEntry 6 }
END
"#;

    #[test]
    fn a_draft_is_a_profile_that_reads() {
        let mibs = Mibs::with_user_modules([MODULE.as_bytes().to_vec()]);
        let cell = |column, row| Oid::new(&[1, 3, 6, 1, 4, 1, 99999, 1, 1, column, row]);
        let mut cells = Vec::new();
        for (column, values) in [(1, [1, 2]), (3, [13, 0]), (4, [1, 2]), (5, [2304, 2301]), (6, [160, 160])] {
            cells.extend(
                [1_u32, 2].into_iter().zip(values).map(|(row, it)| (cell(column, row), Value::Integer(it))),
            );
        }
        cells.push((cell(2, 1), Value::OctetString(b"Web".as_slice().into())));
        let system =
            SystemGroup { sys_object_id: Oid::new(&[1, 3, 6, 1, 4, 1, 99999]), ..Default::default() };
        let text = draft(&mibs, &system, &cells);
        let itself = Value::ObjectIdentifier(system.sys_object_id);
        cells.push((Oid::new(&[1, 3, 6, 1, 2, 1, 1, 2, 0]), itself));
        let file = ProfileFile { path: "draft.toml".into(), text: text.clone(), is_users: true };
        let (set, problems) = ProfileSet::of_files(&mibs, [file]);
        assert!(problems.is_empty(), "{problems:?}\n{text}");
        let read = crate::profile::fixture::read(&set, &mibs, &cells.into_iter().collect());
        for line in ["outlet 1 \"Web\"", "1.3 A", "230.4 V", "failed critical"] {
            assert!(read.contains(line), "{line} in\n{read}\n{text}");
        }
        assert!(!text.contains("Threshold"), "{text}");
    }
}
