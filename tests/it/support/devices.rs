//! Recorded devices beside the repository: where they are, their cells, their expected tables.
//!
//! The folder is `../shared/devices` beside the repository, or what `RACKWARDEN_DEVICES` names. Tests
//! that need it say that they are left out when it is absent.

use rackwarden::model::{Oid, Value};
use rackwarden::profile::{Learned, SystemGroup};
use std::path::{Path, PathBuf};

/// The folder, if it is there.
pub(crate) fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("RACKWARDEN_DEVICES").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = ["../shared/devices", "../../shared/devices"].map(|it| root.join(it));
    named.into_iter().chain(beside).find(|it| it.is_dir())
}

/// One recorded device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) recording: PathBuf,
    pub(crate) table: PathBuf,
}

/// All devices of the folder, recordings first, then whole walks, by name.
pub(crate) fn devices(folder: &Path) -> Vec<Device> {
    let mut found = Vec::new();
    for (recordings, tables) in [("snmprec", "expected"), ("walks", "walks_expected")] {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(folder.join(tables))
            .map(|entries| entries.filter_map(|it| Some(it.ok()?.path())).collect())
            .unwrap_or_default();
        paths.sort();
        for table in paths {
            let name = table.file_stem().unwrap().to_string_lossy().into_owned();
            let recording = folder.join(recordings).join(format!("{name}.snmprec"));
            found.push(Device { name, recording, table });
        }
    }
    found
}

/// The cells of a recording, in its order.
pub(crate) fn cells(recording: &Path) -> Vec<(Oid, Value)> {
    let octets = std::fs::read(recording).unwrap();
    octets.split(|it| *it == b'\n').filter_map(cell).collect()
}

/// `OID|TAG|VALUE`; a comment or a line without a value is none.
fn cell(line: &[u8]) -> Option<(Oid, Value)> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut fields = line.splitn(3, |it| *it == b'|');
    let oid: Oid = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let tag = std::str::from_utf8(fields.next()?).ok()?;
    let raw = fields.next()?;
    let number_of_tag = tag.find(|it: char| !it.is_ascii_digit()).unwrap_or(tag.len());
    let (number, rest) = tag.split_at(number_of_tag);
    let hex = rest.split(':').next().is_some_and(|it| it.contains('x'));
    let octets = if hex { unhex(raw)? } else { raw.to_vec() };
    let text = String::from_utf8_lossy(&octets);
    let text = text.split(',').find_map(|it| it.strip_prefix("initial=")).unwrap_or(&text).trim();
    let value = match number.parse::<u32>().ok()? {
        2 => Value::Integer(text.parse().ok()?),
        4 => Value::OctetString(octets.into()),
        5 => Value::Null,
        6 => Value::ObjectIdentifier(text.parse().ok()?),
        64 => Value::IpAddress(if hex {
            octets.try_into().ok()?
        } else {
            text.parse::<std::net::Ipv4Addr>().ok()?.octets()
        }),
        65 => Value::Counter32(text.parse().ok()?),
        66 => Value::Gauge32(text.parse().ok()?),
        67 => Value::TimeTicks(text.parse().ok()?),
        68 => Value::Opaque(octets.into()),
        70 => Value::Counter64(text.parse().ok()?),
        _ => return None,
    };
    Some((oid, value))
}

fn unhex(raw: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = raw.iter().copied().filter(|it| !it.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 16).ok()).collect()
}

/// SNMPv2-MIB::system of a recording.
pub(crate) fn system_group(cells: &Learned) -> SystemGroup {
    let at = |arc: u32| cells.get(&Oid::new(&[1, 3, 6, 1, 2, 1, 1, arc, 0]));
    let text = |arc| at(arc).and_then(Value::text).unwrap_or_default();
    SystemGroup {
        sys_object_id: match at(2) {
            Some(Value::ObjectIdentifier(oid)) => oid.clone(),
            _ => Oid::default(),
        },
        sys_descr: text(1),
        sys_name: text(5),
        sys_uptime_ticks: at(3).and_then(Value::integer).and_then(|it| u32::try_from(it).ok()),
    }
}

/// A row of an expected table.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) quantity: String,
    pub(crate) about: String,
    pub(crate) oid: Oid,
    pub(crate) value: f64,
    pub(crate) unit: String,
}

/// The rows of an expected table.
pub(crate) fn expected(table: &Path) -> Vec<Expected> {
    let text = String::from_utf8_lossy(&std::fs::read(table).unwrap()).into_owned();
    let rows = text.lines().skip(1).map(|line| line.split('\t').collect::<Vec<&str>>());
    rows.map(|row| Expected {
        quantity: row[1].to_owned(),
        about: row[2].to_owned(),
        oid: row[4].parse().unwrap(),
        value: row[5].parse().unwrap(),
        unit: match row[6] {
            "" | "ratio" => "1".to_owned(),
            unit => unit.to_owned(),
        },
    })
    .collect()
}

/// The cells of a device that mean "not there".
pub(crate) fn sentinels(folder: &Path, device: &str) -> Vec<Oid> {
    let text = std::fs::read_to_string(folder.join("sentinels.tsv")).unwrap_or_default();
    let rows = text.lines().map(|line| line.split('\t').collect::<Vec<&str>>());
    rows.filter(|row| row[0] == device).filter_map(|row| row.get(1)?.parse().ok()).collect()
}
