//! From NetBox's rows to objects. Pure.

use crate::inventory::capacity::{Ipv4Net, Usable, capacity};
use crate::inventory::failure::Failure;
use crate::inventory::loose::Row;
use crate::inventory::object::Object;
use crate::inventory::occupancy::Occupancy;
use crate::model::{ComponentKind, Missing, Ratings, Sample};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A prefix, before its addresses are counted.
#[derive(Debug)]
pub(super) struct Prefix {
    object: Object,
    /// `None` for IPv6.
    net: Option<Ipv4Net>,
    vrf: Option<u64>,
    is_container: bool,
    is_pool: bool,
    mark_utilized: bool,
}

pub(super) fn prefix(row: Row<'_>) -> Result<Prefix, Failure> {
    let network = row.text("prefix").unwrap_or_default();
    let status = value_of(row, "status");
    // From 4.2 on a prefix has a scope, before that a site.
    let scope =
        (row.text("scope_type").as_deref() == Some("dcim.site")).then(|| row.row("scope").text("name"));
    let name = row.text("description").map(|it| format!("{network} {it}"));
    let object = Object::new(ComponentKind::Subnet, row.id("id")?, name.or_else(|| Some(network.clone())))
        .label("network", Some(network.clone()))
        .label("vrf", row.row("vrf").text("name"))
        .label("site", scope.flatten().or_else(|| row.row("site").text("name")))
        .label("customer", row.row("tenant").text("name"))
        .label("category", row.row("role").text("name"))
        .label("vlan", row.row("vlan").first_text(&["vid", "name"]))
        .label("status", status.clone());
    Ok(Prefix {
        object,
        net: Ipv4Net::parse(&network),
        vrf: vrf_of(row),
        is_container: status.as_deref() == Some("container"),
        is_pool: row.flag("is_pool").unwrap_or(false),
        mark_utilized: row.flag("mark_utilized").unwrap_or(false),
    })
}

impl Prefix {
    /// The subnet: NetBox's own rule, but for containers, whose use is that of the prefixes in them and no
    /// shortage of addresses: it is not defined.
    pub(super) fn counted(self, taken: &Occupancy) -> Object {
        let undefined = Sample::Missing(Missing::NotDefined);
        let Some(net) = self.net else { return self.object.addresses(undefined, undefined) };
        let all = self.is_pool;
        let total = capacity(net, Usable { network_address: all, broadcast_address: all, range: None });
        let used = if self.mark_utilized { total } else { taken.used(self.vrf, net).min(total) };
        let used = if self.is_container { undefined } else { count(used) };
        self.object.addresses(count(total), used)
    }
}

/// An IPv4 address and its VRF; `None` for IPv6.
pub(super) fn address(row: Row<'_>) -> Option<(Option<u64>, u32)> {
    Some((vrf_of(row), host(&row.text("address")?)?))
}

/// The first and last address of a range that counts as taken whole, and its VRF.
pub(super) fn utilized_range(row: Row<'_>) -> Option<(Option<u64>, u32, u32)> {
    let counts = row.flag("mark_utilized").unwrap_or(false);
    let (first, last) = (host(&row.text("start_address")?)?, host(&row.text("end_address")?)?);
    counts.then_some((vrf_of(row), first, last))
}

/// Device types and module types: how many there are of each.
pub(super) fn type_of(
    row: Row<'_>,
    what: &'static str,
    spares: Option<&BTreeMap<Box<str>, u32>>,
) -> Result<Object, Failure> {
    let id = row.id("id")?;
    let (prefix, total) = match what {
        "device type" => ("device-type", row.count("device_count")),
        _ => ("module-type", row.count("module_count")),
    };
    // Devices in store have the status inventory; modules have no such status.
    let spare = match spares {
        Some(spares) => Sample::Value(f64::from(spares.get(&id).copied().unwrap_or(0))),
        None => Sample::Missing(Missing::NotGiven),
    };
    Ok(Object::new(ComponentKind::PartModel, format!("{prefix}-{id}"), row.first_text(&["model", "display"]))
        .label("type", Some(what.to_owned()))
        .label("vendor", row.row("manufacturer").text("name"))
        .label("part_number", row.text("part_number"))
        .parts(total, spare))
}

/// Whether there is any of a type: libraries of types are mostly of things that nobody has.
pub(super) fn is_used(object: &Object) -> bool {
    object.figures.first().is_none_or(|it| it.sample != Sample::Value(0.0))
}

/// Inventory items, counted by vendor and part number.
#[derive(Debug, Default)]
pub(super) struct Items(BTreeMap<(String, String), u32>);

impl Items {
    pub(super) fn add(&mut self, row: Row<'_>) {
        let vendor = row.row("manufacturer").text("name").unwrap_or_default();
        if let Some(part) = row.first_text(&["part_id", "name"]) {
            *self.0.entry((vendor, part)).or_default() += 1;
        }
    }

    pub(super) fn objects(self) -> impl Iterator<Item = Object> {
        self.0.into_iter().map(|((vendor, part), count)| {
            let id = format!("inventory-item-{vendor}/{part}");
            Object::new(ComponentKind::PartModel, id, Some(part.clone()))
                .label("type", Some("inventory item".to_owned()))
                .label("vendor", Some(vendor))
                .label("part_number", Some(part))
                .parts(Sample::Value(f64::from(count)), Sample::Missing(Missing::NotGiven))
        })
    }
}

/// What feeds a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Feed {
    amperes: f64,
    watts: f64,
}

/// The devices that a power feed leads to, by id, and the feed.
pub(super) fn feed(row: Row<'_>) -> Option<(Vec<Box<str>>, Feed)> {
    let amperes = row.rating("amperage")?;
    // Of direct current it may be negative.
    let volts = row.get("voltage").and_then(crate::inventory::loose::number)?.abs();
    let is_ac = value_of(row, "supply").as_deref() != Some("dc");
    let three_phase = value_of(row, "phase").as_deref() == Some("three-phase") && is_ac;
    let factor = if three_phase { 3.0_f64.sqrt() } else { 1.0 };
    let devices = endpoints(row).into_iter().filter_map(|it| it.row("device").id("id").ok()).collect();
    Some((devices, Feed { amperes, watts: volts * amperes * factor }))
}

/// From 3.3 on there are several, before that one.
fn endpoints(row: Row<'_>) -> Vec<Row<'_>> {
    match row.get("connected_endpoints").and_then(serde_json::Value::as_array) {
        Some(several) => several.iter().map(Row).collect(),
        None => vec![row.row("connected_endpoint")],
    }
}

/// A device that has power outlets, with what feeds it.
pub(super) fn power_unit(
    row: Row<'_>,
    feeds: &[Feed],
    warn: &mut dyn FnMut(String),
) -> Result<Object, Failure> {
    let kind = row.row("device_type");
    let mut role = row.row("role");
    if role.get("name").is_none() {
        // Before 4.0.
        role = row.row("device_role");
    }
    let address = row.row("primary_ip").text("address");
    let object = Object::new(ComponentKind::PowerUnit, row.id("id")?, row.first_text(&["name", "display"]))
        .label("type", role.text("name"))
        .label("vendor", kind.row("manufacturer").text("name"))
        .label("model", kind.text("model"))
        .label("serial", row.text("serial"))
        .label("device", row.text("name"))
        .label("address", address.and_then(|it| Some(it.split('/').next()?.to_owned())))
        .label("rack", row.row("rack").text("name"))
        .label("room", row.row("location").text("name"))
        .label("site", row.row("site").text("name"));
    let ratings = match feeds {
        [] => Ratings::default(),
        [feed] => ratings(*feed, true),
        [first, rest @ ..] if rest.iter().all(|it| it.amperes.total_cmp(&first.amperes).is_eq()) => {
            // Several cords of the same rating: each carries as much; what all carry depends on the device.
            ratings(*first, false)
        }
        _ => {
            warn(format!("{} has feeds of different ratings: it gets none", object.name));
            Ratings::default()
        }
    };
    Ok(Object { ratings, ..object })
}

fn ratings(feed: Feed, with_power: bool) -> Ratings {
    Ratings {
        current_amperes: Some(feed.amperes),
        active_power_watts: with_power.then_some(feed.watts),
        apparent_power_volt_amperes: None,
    }
}

/// A choice's value: `{"value": "active", "label": ".."}`, or the text itself.
fn value_of(row: Row<'_>, key: &str) -> Option<String> {
    row.row(key).text("value").or_else(|| row.text(key))
}

fn vrf_of(row: Row<'_>) -> Option<u64> {
    row.row("vrf").get("id")?.as_u64()
}

fn host(address: &str) -> Option<u32> {
    let host = address.split('/').next()?;
    host.parse::<Ipv4Addr>().ok().map(u32::from)
}

#[expect(clippy::cast_precision_loss, reason = "at most 2^32")]
const fn count(number: u64) -> Sample {
    Sample::Value(number as f64)
}

#[cfg(test)]
mod tests {
    use super::{Feed, Row, feed, power_unit, prefix};
    use crate::inventory::object::Object;
    use crate::inventory::occupancy::Occupancy;
    use crate::model::{Missing, Quantity, Sample};
    use serde_json::{Value, json};

    fn subnet(row: Value) -> Object {
        let mut taken = Occupancy::default();
        for last in 0..64 {
            taken.address(None, u32::from(std::net::Ipv4Addr::new(10, 0, 0, last)));
        }
        taken.settle();
        prefix(Row(&row)).unwrap().counted(&taken)
    }

    fn of(object: &Object, quantity: Quantity) -> Sample {
        object.figures.iter().find(|it| it.quantity == quantity).unwrap().sample
    }

    #[test]
    fn prefixes_count_as_netbox_counts() {
        let row = |more: Value| {
            let mut row = json!({"id": 1, "prefix": "10.0.0.0/24", "vrf": null, "status": {"value": "active"},
                "is_pool": false, "mark_utilized": false, "description": "", "site": {"name": "ams1"}});
            row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            row
        };
        let plain = subnet(row(json!({})));
        assert_eq!(of(&plain, Quantity::Addresses), Sample::Value(254.0));
        assert_eq!(of(&plain, Quantity::AddressesUsed), Sample::Value(64.0));
        assert_eq!((&*plain.name, plain.label_value("site")), ("10.0.0.0/24", Some("ams1")));
        assert_eq!(of(&subnet(row(json!({"is_pool": true}))), Quantity::AddressUse), Sample::Value(25.0));
        assert_eq!(
            of(&subnet(row(json!({"mark_utilized": true}))), Quantity::AddressUse),
            Sample::Value(100.0)
        );
        assert_eq!(
            of(&subnet(row(json!({"vrf": {"id": 9, "name": "b"}}))), Quantity::AddressesUsed),
            Sample::Value(0.0)
        );
        let undefined = Sample::Missing(Missing::NotDefined);
        assert_eq!(
            of(&subnet(row(json!({"status": {"value": "container"}}))), Quantity::AddressUse),
            undefined
        );
        assert_eq!(of(&subnet(row(json!({"prefix": "2001:db8::/64"}))), Quantity::Addresses), undefined);
        let full = subnet(row(json!({"prefix": "10.0.0.0/27"})));
        assert_eq!(of(&full, Quantity::AddressUse), Sample::Value(100.0), "32 addresses listed of 30");
        let scoped =
            subnet(row(json!({"site": null, "scope_type": "dcim.site", "scope": {"id": 2, "name": "fra1"}})));
        assert_eq!(scoped.label_value("site"), Some("fra1"));
    }

    #[test]
    fn feeds_rate_what_they_feed() {
        let row = json!({"id": 4, "voltage": 400, "amperage": 32, "max_utilization": 80, "phase": {"value": "three-phase"},
            "supply": {"value": "ac"}, "connected_endpoints": [{"id": 1, "device": {"id": 77, "name": "pdu"}}]});
        let (devices, three) = feed(Row(&row)).unwrap();
        assert_eq!((&*devices[0], three.amperes), ("77", 32.0));
        assert!((three.watts - 22_170.25).abs() < 0.01, "{}", three.watts);
        let direct = json!({"voltage": -48, "amperage": "63", "supply": {"value": "dc"}, "phase": {"value": "single-phase"}});
        assert_eq!(feed(Row(&direct)), Some((vec![], Feed { amperes: 63.0, watts: 3024.0 })));
        assert_eq!(feed(Row(&json!({"voltage": 230, "amperage": null}))), None);
        let device = json!({"id": 77, "name": "pdu", "serial": "S", "primary_ip": {"address": "10.0.0.9/24"}, "rack": null});
        let mut warned = 0;
        let mut unit = |feeds: &[Feed]| power_unit(Row(&device), feeds, &mut |_| warned += 1).unwrap();
        assert_eq!(unit(&[three]).ratings.active_power_watts.map(f64::round), Some(22_170.0));
        assert_eq!(unit(&[three, three]).ratings.active_power_watts, None, "two cords");
        assert_eq!(unit(&[three, three]).ratings.current_amperes, Some(32.0));
        assert_eq!(unit(&[three, Feed { amperes: 16.0, watts: 1.0 }]).ratings.current_amperes, None);
        assert_eq!(unit(&[]).label_value("address"), Some("10.0.0.9"));
        assert_eq!(warned, 1);
    }
}
