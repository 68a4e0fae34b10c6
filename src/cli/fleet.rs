//! Devices that were found, by a sweep or in an inventory: what is known of them, which of them look like one
//! device twice, and the file in devices.d that they are written to.

pub(super) mod duplicates;
pub(super) mod file;

use crate::poller::settings::DeviceSettings;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One device that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Found {
    /// What to call it: unique after [`named`].
    pub(super) name: String,
    /// Its IP address or DNS name.
    pub(super) address: String,
    /// Its port, where it is not 161.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    /// The table under `[credentials]` that lets us in. `None`: one of the command line, or unknown.
    pub(super) credential: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<String, String>,
    /// Vendor and model, as far as they are known.
    pub(super) product: String,
    /// Serial number; empty: unknown.
    pub(super) serial: String,
    /// The SNMP engine, in hexadecimal; empty: unknown.
    pub(super) engine_id: String,
    /// The first interface's hardware address; empty: unknown.
    pub(super) mac: String,
    /// The profile that reads it; empty: none.
    pub(super) profile: String,
    /// How many readings it has.
    pub(super) readings: usize,
    /// What a person should know of it; empty: nothing.
    pub(super) note: String,
    /// The device of the configuration that has this address, if there is one.
    pub(super) known_as: Option<String>,
}

/// A name that a device can have: what is not letter, digit, dot, dash or underscore becomes a dash.
pub(super) fn plain_name(text: &str) -> String {
    let letters = text.trim().chars().take(NAME_CHARS_MOST);
    let plain: String =
        letters.map(|it| if it.is_ascii_alphanumeric() || "._-".contains(it) { it } else { '-' }).collect();
    plain.trim_matches('-').to_owned()
}

/// Gives each a name that nobody else has: its own, or with its address behind it where several share one.
pub(super) fn named(found: &mut [Found], taken: &BTreeSet<String>) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for it in found.iter() {
        *counts.entry(it.name.to_lowercase()).or_default() += 1;
    }
    let mut used: BTreeSet<String> = taken.iter().map(|it| it.to_lowercase()).collect();
    for it in found.iter_mut().filter(|it| it.known_as.is_none()) {
        let shared = 1 < counts.get(&it.name.to_lowercase()).copied().unwrap_or(0);
        let address = plain_name(&it.address);
        let mut name = match (it.name.is_empty(), shared || used.contains(&it.name.to_lowercase())) {
            (true, _) => address,
            (false, true) => format!("{}-{address}", it.name),
            (false, false) => it.name.clone(),
        };
        while used.contains(&name.to_lowercase()) {
            name.push_str("-2");
        }
        used.insert(name.to_lowercase());
        it.name = name;
    }
}

/// Says of each whether the configuration has it already, by its address.
pub(super) fn known(found: &mut [Found], devices: &[DeviceSettings]) {
    for it in found {
        let port = it.port.unwrap_or(SNMP_PORT);
        let same = |device: &&DeviceSettings| device.host == it.address && device.port == port;
        it.known_as = devices.iter().find(same).map(|device| device.name.to_string());
    }
}

/// The port that need not be said.
pub(super) const SNMP_PORT: u16 = 161;
/// As the configuration takes it, with room for an address behind it.
const NAME_CHARS_MOST: usize = 80;

#[cfg(test)]
mod tests {
    use super::{Found, named, plain_name};

    #[test]
    fn names_are_plain_and_unique() {
        assert_eq!(plain_name(" PDU A/1 (left) "), "PDU-A-1--left");
        assert_eq!(plain_name("ümlaut"), "mlaut");
        let of = |name: &str, address: &str| Found {
            name: name.to_owned(),
            address: address.to_owned(),
            ..Found::default()
        };
        let mut found =
            [of("apc", "10.0.0.1"), of("APC", "10.0.0.2"), of("", "fe80::1"), of("ups", "10.0.0.4")];
        named(&mut found, &["UPS".to_owned()].into_iter().collect());
        let names: Vec<&str> = found.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["apc-10.0.0.1", "APC-10.0.0.2", "fe80--1", "ups-10.0.0.4"]);
    }
}
