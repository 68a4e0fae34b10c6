//! From rows of DOQL and REST to objects. Pure.

use crate::inventory::capacity::{Ipv4Net, Usable, capacity};
use crate::inventory::failure::Failure;
use crate::inventory::loose::Row;
use crate::inventory::object::Object;
use crate::model::{ComponentKind, Missing, Ratings, Sample};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The objects of that kind's rows.
pub(super) fn objects(kind: ComponentKind, rows: &[Value]) -> Result<Vec<Object>, Failure> {
    let each = |of: fn(Row<'_>) -> Result<Object, Failure>| rows.iter().map(|it| of(Row(it))).collect();
    match kind {
        ComponentKind::Software => each(software),
        ComponentKind::OperatingSystem => each(operating_system),
        ComponentKind::Subnet => each(subnet),
        ComponentKind::PartModel => each(part_model),
        ComponentKind::ProhibitedInstallation => prohibited(rows),
        _ => each(power_unit),
    }
}

fn software(row: Row<'_>) -> Result<Object, Failure> {
    let installations = row.count("discovered_count");
    Ok(Object::new(ComponentKind::Software, row.id("id")?, row.text("name"))
        .label("type", row.text("software_type"))
        .label("vendor", row.text("vendor"))
        .label("category", row.text("category"))
        .label("license_model", row.text("license_model"))
        .installations(installations)
        .licenses("", row.count("licensed_count"), installations))
}

/// The vendor's own count of instances that need a licence goes before ours.
fn operating_system(row: Row<'_>) -> Result<Object, Failure> {
    let used = match row.count("discovered_licensed_count") {
        Sample::Missing(_) => row.count("counted"),
        given => given,
    };
    Ok(Object::new(ComponentKind::OperatingSystem, row.id("id")?, row.text("name"))
        .label("vendor", row.text("vendor"))
        .label("category", row.text("category"))
        .installations(row.count("total_count"))
        .licenses("", row.count("licensed_count"), used))
}

fn subnet(row: Row<'_>) -> Result<Object, Failure> {
    let address = row.text("network").unwrap_or_default();
    // CAST of an inet adds its mask.
    let host = address.split('/').next().unwrap_or_default();
    let bits = row.text("mask_bits").unwrap_or_default();
    let network = format!("{host}/{bits}");
    let net = Ipv4Net::parse(&network);
    let (total, used) = match net {
        None if host.contains(':') => {
            (Sample::Missing(Missing::NotDefined), Sample::Missing(Missing::NotDefined))
        }
        None => (Sample::Missing(Missing::WrongType), row.count("used")),
        #[expect(clippy::cast_precision_loss, reason = "at most 2^32")]
        Some(net) => (Sample::Value(capacity(net, usable(row)) as f64), row.count("used")),
    };
    Ok(Object::new(ComponentKind::Subnet, row.id("id")?, row.text("name").or_else(|| Some(network.clone())))
        .label("network", (!host.is_empty()).then_some(network))
        .label("vrf", row.text("vrf"))
        .label("customer", row.text("customer"))
        .label("category", row.text("category"))
        .label("parent", row.text("parent_id"))
        .addresses(total, used))
}

fn usable(row: Row<'_>) -> Usable {
    let address = |key: &str| -> Option<Ipv4Addr> { row.text(key)?.split('/').next()?.parse().ok() };
    Usable {
        network_address: row.flag("allow_network_address").unwrap_or(false),
        broadcast_address: row.flag("allow_broadcast_address").unwrap_or(false),
        range: address("range_begin").zip(address("range_end")),
    }
}

/// Of DOQL and of REST, which call some things differently.
fn part_model(row: Row<'_>) -> Result<Object, Failure> {
    let id = row.id("id").or_else(|_| row.id("partmodel_id"))?;
    Ok(Object::new(ComponentKind::PartModel, id, row.text("name"))
        .label("type", row.text("type"))
        .label("model_number", row.text("modelno"))
        .label("part_number", row.text("partno"))
        .label("vendor", row.first_text(&["vendor", "manufacturer"]))
        .label("location", row.text("location"))
        .parts(row.count("total_count"), row.count("available")))
}

fn power_unit(row: Row<'_>) -> Result<Object, Failure> {
    let object = Object::new(ComponentKind::PowerUnit, row.id("id")?, row.text("name"))
        .label("type", row.text("type"))
        .label("vendor", row.text("vendor"))
        .label("model", row.text("model"))
        .label("serial", row.text("serial_no"))
        .label("device", row.text("device_name"))
        .label("rack", row.text("rack"))
        .label("room", row.text("room"))
        .label("building", row.text("building"));
    Ok(Object { ratings: rated_power(&row.text("rated_power").unwrap_or_default()), ..object })
}

/// `17300`, `17.3 kW`, `22 kVA`: watts unless it says otherwise.
fn rated_power(text: &str) -> Ratings {
    let end = text.find(|it: char| !(it.is_ascii_digit() || it == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    let power = number.parse::<f64>().ok().filter(|it| it.is_finite() && 0.0 < *it);
    let (watts, volt_amperes) = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "w" => (power, None),
        "kw" => (power.map(|it| it * 1000.0), None),
        "va" => (None, power),
        "kva" => (None, power.map(|it| it * 1000.0)),
        _ => (None, None),
    };
    Ratings { active_power_watts: watts, apparent_power_volt_amperes: volt_amperes, ..Ratings::default() }
}

/// One object a software and device (or user), however many installations it has there.
fn prohibited(rows: &[Value]) -> Result<Vec<Object>, Failure> {
    let mut pairs: BTreeMap<Box<str>, (Row<'_>, f64)> = BTreeMap::new();
    for row in rows.iter().map(Row) {
        let software = row.id("software_id")?;
        let on = match (row.text("device_id"), row.text("user_name")) {
            (Some(device), _) => device,
            (None, Some(user)) => format!("user-{user}"),
            (None, None) => "nowhere".to_owned(),
        };
        let key = format!("{software}.{on}").into();
        let pair = pairs.entry(key).or_insert((row, 0.0));
        pair.1 += 1.0;
        let first_seen = |it: Row<'_>| it.text("first_detected").unwrap_or_default();
        if first_seen(row) < first_seen(pair.0) {
            pair.0 = row;
        }
    }
    let object = |(id, (row, count)): (Box<str>, (Row<'_>, f64))| {
        let software = row.text("software_name").unwrap_or_else(|| format!("software {id}"));
        let on = row.first_text(&["device_name", "device_id", "user_name"]);
        let name = on.map_or_else(|| software.clone(), |on| format!("{software} on {on}"));
        Object::new(ComponentKind::ProhibitedInstallation, id, Some(name))
            .label("software", Some(software))
            .label("software_id", row.text("software_id"))
            .label("device", row.first_text(&["device_name", "device_id"]))
            .label("user", row.text("user_name"))
            .label("version", row.text("version"))
            .label("first_seen", row.text("first_detected"))
            .installations(Sample::Value(count))
    };
    Ok(pairs.into_iter().map(object).collect())
}

#[cfg(test)]
mod tests {
    use super::{objects, rated_power};
    use crate::inventory::object::Object;
    use crate::model::{ComponentKind, Missing, Quantity, Sample};
    use serde_json::{Value, json};

    fn one(kind: ComponentKind, row: Value) -> Object {
        objects(kind, &[row]).unwrap().remove(0)
    }

    fn of(object: &Object, quantity: Quantity) -> Sample {
        object.figures.iter().find(|it| it.quantity == quantity).unwrap().sample
    }

    #[test]
    fn null_and_empty_licence_counts_are_unknown() {
        let software = |licensed: Value| {
            let row = json!({"id": 1, "name": "x", "licensed_count": licensed, "discovered_count": "12"});
            of(&one(ComponentKind::Software, row), Quantity::LicenseUse)
        };
        assert_eq!(software(json!("")), Sample::Missing(Missing::NotGiven));
        assert_eq!(software(json!(null)), Sample::Missing(Missing::NotGiven));
        assert_eq!(software(json!("0")), Sample::Value(Quantity::LICENSE_USE_MAX));
        assert_eq!(software(json!(10)), Sample::Value(120.0));
    }

    #[test]
    fn subnets() {
        let row = |network: &str, bits: Value| {
            json!({"id": 1, "name": "", "network": network, "mask_bits": bits, "range_begin": "10.0.0.1/32",
                "range_end": "10.0.0.254/32", "allow_network_address": "no", "allow_broadcast_address": false,
                "vrf": "", "used": 127})
        };
        let lan = one(ComponentKind::Subnet, row("10.0.0.0/32", json!("24")));
        assert_eq!(of(&lan, Quantity::Addresses), Sample::Value(254.0));
        assert_eq!(of(&lan, Quantity::AddressUse), Sample::Value(50.0));
        assert_eq!((&*lan.name, lan.label_value("network")), ("10.0.0.0/24", Some("10.0.0.0/24")));
        let v6 = one(ComponentKind::Subnet, row("2001:db8::/128", json!(64)));
        assert_eq!(of(&v6, Quantity::AddressUse), Sample::Missing(Missing::NotDefined));
        assert_eq!(of(&v6, Quantity::AddressesUsed), Sample::Missing(Missing::NotDefined));
        let odd = one(ComponentKind::Subnet, row("", json!("")));
        assert_eq!(of(&odd, Quantity::AddressUse), Sample::Missing(Missing::WrongType));
    }

    #[test]
    fn prohibited_installations_are_pairs() {
        let row = |id: u32, device: Value, user: &str, version: &str, first: &str| {
            json!({"id": id, "software_id": 5, "software_name": "Miner", "device_id": device, "device_name": "",
                "user_name": user, "version": version, "first_detected": first})
        };
        let rows = [
            row(1, json!(9), "", "2.0", "2026-02-01"),
            row(2, json!(9), "", "1.0", "2026-01-01"),
            row(3, json!(null), "eve", "", ""),
        ];
        let found = objects(ComponentKind::ProhibitedInstallation, &rows).unwrap();
        assert_eq!(found.iter().map(|it| &*it.id).collect::<Vec<_>>(), ["5.9", "5.user-eve"]);
        assert_eq!(of(&found[0], Quantity::Installations), Sample::Value(2.0));
        assert_eq!(found[0].label_value("first_seen"), Some("2026-01-01"));
        assert_eq!(&*found[1].name, "Miner on eve");
    }

    #[test]
    fn rated_powers() {
        let watts = |text: &str| rated_power(text).active_power_watts;
        assert_eq!(
            (watts("17300"), watts("17.3 kW"), watts("0"), watts("")),
            (Some(17_300.0), Some(17_300.0), None, None)
        );
        assert_eq!(rated_power("22kVA").apparent_power_volt_amperes, Some(22_000.0));
        assert_eq!(rated_power("32 A"), crate::model::Ratings::default());
    }
}
