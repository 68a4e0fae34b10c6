//! Small agents that we wrote from the MIBs: `tests/fixtures/devices/NAME.agent`, a cell a line.
//!
//! `MODULE::object.instance = type: value`, or a numeric OID in front. Types: integer, text, hex, oid,
//! ip, counter32, gauge32, ticks, counter64, float (net-snmp's float in an Opaque), null. Blank lines
//! and lines with `#` in front count as comments.

use rackwarden::mib::{Kind, Mibs};
use rackwarden::model::{Oid, Value};
use rackwarden::profile::{Learned, Profile};
use std::fmt::Write as _;

/// Reads an agent; the error names the line.
pub(crate) fn parse(mibs: &Mibs, text: &str) -> Result<Learned, String> {
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

/// A start for a profile's fixture: its system group and one row of each column, to be edited.
pub(crate) fn skeleton(mibs: &Mibs, profile: &Profile) -> String {
    let mut text = format!("# An agent for {}, written from its MIB.\n\n", profile.name);
    let subtree = profile.sys_object_ids().first().map_or_else(|| "0.0".to_owned(), ToString::to_string);
    writeln!(text, "SNMPv2-MIB::sysDescr.0 = text: {}", profile.description).unwrap();
    writeln!(text, "SNMPv2-MIB::sysObjectID.0 = oid: {subtree}").unwrap();
    writeln!(text, "SNMPv2-MIB::sysUpTime.0 = ticks: 100").unwrap();
    writeln!(text, "SNMPv2-MIB::sysName.0 = text: {}", profile.name).unwrap();
    text.push('\n');
    let columns = profile.columns().iter().map(|it| it.child(&[1]));
    for oid in profile.scalars().iter().cloned().chain(columns) {
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
        writeln!(text, "{named} = {kind}").unwrap();
    }
    text
}
