//! Fixtures of profiles: small agents written from a MIB, and what is read from them, as texts that a person
//! reads and compares. What `profile test` runs, and our own tests.
//!
//! An agent is a cell a line, `MODULE::object.instance = type: value`, or a numeric OID in front. Types:
//! integer, text, hex, oid, ip, counter32, gauge32, ticks, counter64, float (net-snmp's float in an Opaque),
//! null. Blank lines and lines with `#` in front count as comments.
//!
//! Chooses and learns as the poller does, but straight from the cells: no network, no time.

use super::{Learned, Plan, Profile, ProfileSet, SystemGroup};
use crate::mib::{Kind, Mibs};
use crate::model::{Cells, Missing, Oid, Ratings, ReadingShape, Sample, Value};
use std::fmt::Write as _;
use std::sync::Arc;

/// Reads an agent.
///
/// # Errors
/// The line, and what is wrong with it.
pub fn parse(mibs: &Mibs, text: &str) -> Result<Learned, String> {
    let mut cells = Learned::default();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (oid, value) = cell(mibs, line).map_err(|why| format!("line {}: {why}: {line}", at + 1))?;
        if cells.get(&oid).is_some() {
            return Err(format!("line {}: {oid} stands twice", at + 1));
        }
        cells.insert(oid, value);
    }
    Ok(cells)
}

fn cell(mibs: &Mibs, line: &str) -> Result<(Oid, Value), String> {
    let (name, typed) = line.split_once(" = ").ok_or("no ` = `")?;
    let (kind, value) = typed.split_once(':').ok_or("no type")?;
    let named = mibs.resolve(name.trim()).map_err(|it| it.to_string())?;
    let holds_cells = named.object.is_none_or(|it| it.kind != Kind::Table);
    if name.contains("::") && (!holds_cells || named.suffix.is_empty()) {
        return Err("no instance of a column or scalar".to_owned());
    }
    let value = value.trim();
    let wrong = || format!("`{value}` is no {kind}");
    let value = match kind.trim() {
        "integer" => Value::Integer(value.parse().map_err(|_| wrong())?),
        "text" => Value::OctetString(value.as_bytes().into()),
        "hex" => Value::OctetString(unhex(value).ok_or_else(wrong)?.into()),
        "oid" => Value::ObjectIdentifier(mibs.resolve(value).map_err(|it| it.to_string())?.oid),
        "ip" => Value::IpAddress(value.parse::<std::net::Ipv4Addr>().map_err(|_| wrong())?.octets()),
        "counter32" => Value::Counter32(value.parse().map_err(|_| wrong())?),
        "gauge32" => Value::Gauge32(value.parse().map_err(|_| wrong())?),
        "ticks" => Value::TimeTicks(value.parse().map_err(|_| wrong())?),
        "counter64" => Value::Counter64(value.parse().map_err(|_| wrong())?),
        "float" => {
            let float: f32 = value.parse().map_err(|_| wrong())?;
            Value::Opaque([&[0x9f, 0x78, 4][..], &float.to_be_bytes()].concat().into())
        }
        "null" => Value::Null,
        other => return Err(format!("unknown type `{other}`")),
    };
    Ok((named.oid, value))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    text.split_whitespace().map(|it| u8::from_str_radix(it, 16).ok()).collect()
}

/// A start for a profile's agent: its system group and one row of each column, to be edited.
#[must_use]
pub fn skeleton(mibs: &Mibs, profile: &Profile) -> String {
    let subtree = profile.sys_object_ids().first().map_or_else(|| "0.0".to_owned(), ToString::to_string);
    let mut lines = vec![
        format!("# An agent for {}, written from its MIB.", profile.name),
        String::new(),
        format!("SNMPv2-MIB::sysDescr.0 = text: {}", profile.description),
        format!("SNMPv2-MIB::sysObjectID.0 = oid: {subtree}"),
        "SNMPv2-MIB::sysUpTime.0 = ticks: 100".to_owned(),
        format!("SNMPv2-MIB::sysName.0 = text: {}", profile.name),
        String::new(),
    ];
    let columns = profile.columns().iter().map(|it| it.child(&[1]));
    lines.extend(profile.scalars().iter().cloned().chain(columns).map(|oid| {
        let named = mibs.lookup(&oid);
        let kind = match named.object.as_ref().map_or("", |it| it.syntax.as_str()) {
            "OCTET STRING" => "text: x",
            "OBJECT IDENTIFIER" => "oid: 0.0",
            "Gauge32" | "Unsigned32" => "gauge32: 1",
            "Counter32" => "counter32: 1",
            "Counter64" => "counter64: 1",
            "TimeTicks" => "ticks: 100",
            _ => "integer: 1",
        };
        format!("{named} = {kind}")
    }));
    lines.push(String::new());
    lines.join("\n")
}

/// The system group of an agent.
#[must_use]
pub fn system_group(cells: &Learned) -> SystemGroup {
    let get = |last: u32| cells.get(&Oid::new(&[1, 3, 6, 1, 2, 1, 1, last, 0]));
    let text = |last| get(last).and_then(Value::text).unwrap_or_default();
    SystemGroup {
        sys_object_id: match get(2) {
            Some(Value::ObjectIdentifier(oid)) => oid.clone(),
            _ => Oid::default(),
        },
        sys_descr: text(1),
        sys_name: text(5),
        sys_uptime_ticks: get(3).and_then(Value::integer).and_then(|it| u32::try_from(it).ok()),
    }
}

/// The first candidate whose probe, if it has any, finds an instance.
#[must_use]
pub fn choose(profiles: &ProfileSet, cells: &Learned, system: &SystemGroup) -> Option<Arc<Profile>> {
    let of_vendors =
        if profiles.is_foreign(system) { profiles.of_enterprises(&named(cells)) } else { Vec::new() };
    of_vendors.into_iter().chain(profiles.candidates(system)).find(|profile| {
        let probes = profile.probes();
        probes.is_empty() || probes.iter().any(|it| cells.below(it).next().is_some())
    })
}

/// The objects that come next after the marks of [`ProfileSet::enterprise_marks`].
fn named(cells: &Learned) -> Vec<Oid> {
    let all = Oid::new(&[1, 3, 6, 1]);
    let after = |mark: Oid| cells.below(&all).map(|(oid, _)| oid).find(|it| mark < **it).cloned();
    ProfileSet::enterprise_marks().into_iter().filter_map(after).collect()
}

/// The cells that a walk of the profile's columns and a GET of its scalars bring.
#[must_use]
pub fn learn(profile: &Profile, cells: &Learned) -> Learned {
    let walked = profile.columns().iter().flat_map(|column| cells.below(column));
    let walked = walked.map(|(oid, value)| (oid.clone(), value.clone()));
    let got = profile.scalars().iter().filter_map(|it| Some((it.clone(), cells.get(it)?.clone())));
    walked.chain(got).collect()
}

/// What is read from an agent: profile, identity, and each component with its readings, for people and for
/// `diff`.
#[must_use]
pub fn read(profiles: &ProfileSet, mibs: &Mibs, cells: &Learned) -> String {
    let system = system_group(cells);
    let Some(profile) = choose(profiles, cells, &system) else { return "profile none fits\n".to_owned() };
    let plan = profile.compile(&learn(&profile, cells), &system);
    let answers: Cells =
        plan.cells.iter().map(|it| cells.get(it).cloned().ok_or(Missing::NoSuchInstance)).collect();
    let mut samples = Vec::new();
    plan.decode(&answers, &mut samples);
    let identity = &plan.identity;
    let mut lines = vec![format!("profile {}", plan.profile)];
    for (key, value) in [
        ("vendor", &identity.vendor),
        ("model", &identity.model),
        ("serial", &identity.serial),
        ("firmware", &identity.firmware),
    ] {
        lines.push(format!("{key} {value}"));
    }
    let mut before = None;
    for (at, (reading, sample)) in plan.shape.readings.iter().zip(&samples).enumerate() {
        let Some(component) = plan.shape.component_of(reading) else { continue };
        if before != Some(reading.component) {
            let rated = rated(&component.ratings);
            lines.push(format!("\n{} {} \"{}\"{rated}", component.kind, component.index, component.label));
            before = Some(reading.component);
        }
        lines.push(line(mibs, &plan, at, reading, *sample, &answers));
    }
    lines.extend(plan.warnings.first.iter().map(|it| format!("\nwarning {it}")));
    lines.push(String::new());
    lines.join("\n")
}

fn line(
    mibs: &Mibs,
    plan: &Plan,
    at: usize,
    reading: &ReadingShape,
    sample: Sample,
    answers: &Cells,
) -> String {
    let quantity = format!("{} {}", reading.quantity, reading.name);
    let unit = reading.quantity.unit();
    let mut value = match sample {
        Sample::Value(value) => format!("{value} {unit}"),
        Sample::Suspect(value) => format!("{value} {unit} suspect"),
        Sample::Missing(why) => format!("missing: {why}"),
    };
    if let Some(state) = sample.value().and_then(|it| reading.states.as_ref()?.state(it)) {
        value = format!("{value} {} {}", state.name, state.health);
    }
    let raw = match plan.raw(at, answers).as_ref().ok() {
        Some(Value::OctetString(octets)) => {
            format!("\"{}\"", String::from_utf8_lossy(octets).escape_debug())
        }
        Some(Value::Opaque(octets)) => format!("{octets:02x?}"),
        Some(Value::ObjectIdentifier(oid)) => oid.to_string(),
        Some(other) => other.integer().map_or_else(|| format!("{other:?}"), |it| it.to_string()),
        None => "-".to_owned(),
    };
    let also: Vec<String> = plan.also(at).iter().map(|it| format!(", also {}", mibs.lookup(it))).collect();
    let source = reading.source.oid().map(|it| mibs.lookup(it).to_string()).unwrap_or_default();
    format!("  {quantity:24} {value:32} {source} = {raw}{}", also.concat())
}

fn rated(ratings: &Ratings) -> String {
    let mut text = String::new();
    for (rating, unit) in [
        (ratings.current_amperes, "A"),
        (ratings.active_power_watts, "W"),
        (ratings.apparent_power_volt_amperes, "VA"),
    ] {
        if let Some(rating) = rating {
            // Writing to a String cannot fail.
            let written = write!(text, " rated {rating} {unit}");
            debug_assert!(written.is_ok());
        }
    }
    text
}
