//! NetBox by its documented shapes: pages with count, next and results; null where nothing is; choices as
//! value and label; MAX_PAGE_SIZE.

use super::server::{Reply, Request, Server};
use super::{figure, http, object, of_kind, settings, take, token};
use rackwarden::inventory::InventorySettings;
use rackwarden::inventory::settings::Product;
use rackwarden::model::{ComponentKind, Missing, Quantity, Sample, SnapshotError};
use serde_json::{Value, json};

const PATH: &str = "/netbox/api/";

/// A page of a list as NetBox sends it: by limit and offset, at most `most` rows.
pub(super) fn page(request: &Request, rows: &[Value], most: usize) -> Reply {
    let (limit, offset) = (request.number("limit").min(most), request.number("offset"));
    let shown: Vec<&Value> = rows.iter().skip(offset).take(limit).collect();
    let next = (offset + shown.len() < rows.len())
        .then(|| format!("https://elsewhere.example{}?offset=x", request.path));
    Reply::json(&json!({"count": rows.len(), "next": next, "previous": null, "results": shown}))
}

fn choice(value: &str) -> Value {
    json!({"value": value, "label": value.to_uppercase()})
}

fn prefix(id: u32, prefix: &str, more: &Value) -> Value {
    let mut row = json!({"id": id, "url": "", "display": prefix, "family": {"value": 4, "label": "IPv4"}, "prefix": prefix,
        "vrf": null, "scope_type": null, "scope_id": null, "scope": null, "tenant": null, "vlan": null,
        "status": choice("active"), "role": null, "is_pool": false, "mark_utilized": false, "description": "",
        "tags": [], "custom_fields": {}, "children": 0, "_depth": 0});
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

fn address(id: u32, address: &str, vrf: Option<u32>) -> Value {
    json!({"id": id, "address": address, "vrf": vrf.map(|it| json!({"id": it, "name": "blue"})), "status": choice("active")})
}

/// All lists of the room.
fn list(path: &str, query: &Request) -> Vec<Value> {
    match path {
        "ipam/prefixes/" => vec![
            prefix(
                1,
                "10.0.0.0/24",
                &json!({"description": "office", "scope_type": "dcim.site", "scope": {"id": 1, "name": "ams1"}}),
            ),
            prefix(2, "10.0.0.0/16", &json!({"status": choice("container")})),
            prefix(3, "10.0.0.0/24", &json!({"vrf": {"id": 7, "name": "blue", "rd": null}, "is_pool": true})),
            prefix(4, "10.9.0.0/28", &json!({"mark_utilized": true, "tenant": {"id": 1, "name": "ACME"}})),
            prefix(5, "2001:db8::/64", &json!({"family": {"value": 6, "label": "IPv6"}})),
        ],
        "ipam/ip-addresses/" => (1..=100)
            .map(|it| address(it, &format!("10.0.0.{it}/24"), None))
            .chain([
                address(200, "10.0.0.5/32", Some(7)),
                address(201, "2001:db8::1/64", None),
                address(202, "10.0.0.1/32", None),
            ])
            .collect(),
        "ipam/ip-ranges/" => vec![
            json!({"id": 1, "start_address": "10.0.0.91/24", "end_address": "10.0.0.127/24", "size": 37, "vrf": null, "mark_utilized": true}),
            json!({"id": 2, "start_address": "10.0.0.200/24", "end_address": "10.0.0.220/24", "size": 21, "vrf": null, "mark_utilized": false}),
        ],
        "dcim/devices/" if query.query.get("status").is_some_and(|it| it == "inventory") => vec![
            json!({"id": 70, "name": null, "device_type": {"id": 5, "model": "R650"}, "status": choice("inventory")}),
            json!({"id": 71, "name": null, "device_type": {"id": 5, "model": "R650"}, "status": choice("inventory")}),
        ],
        "dcim/devices/" => vec![
            json!({"id": 77, "name": "pdu-a1", "display": "pdu-a1", "device_type": {"id": 9, "model": "AP8959", "manufacturer": {"id": 1, "name": "APC"}},
                "role": {"id": 3, "name": "PDU"}, "serial": "ZA1", "site": {"id": 1, "name": "ams1"}, "location": {"id": 2, "name": "Hall 2"},
                "rack": {"id": 3, "name": "A1"}, "primary_ip": {"id": 1, "address": "10.0.0.20/24"}, "status": choice("active")}),
            json!({"id": 78, "name": null, "display": "Unnamed PDU", "device_type": {"id": 9, "model": "AP8959", "manufacturer": {"id": 1, "name": "APC"}},
                "device_role": {"id": 3, "name": "PDU"}, "serial": "", "site": {"id": 1, "name": "ams1"}, "location": null, "rack": null, "primary_ip": null}),
        ],
        "dcim/device-types/" => vec![
            json!({"id": 5, "manufacturer": {"id": 2, "name": "Dell"}, "model": "R650", "part_number": "", "device_count": 20}),
            json!({"id": 6, "manufacturer": {"id": 2, "name": "Dell"}, "model": "R750", "part_number": "210", "device_count": 0}),
        ],
        "dcim/module-types/" => {
            vec![
                json!({"id": 5, "manufacturer": {"id": 2, "name": "Dell"}, "model": "PSU 800", "part_number": "P8", "module_count": 4}),
            ]
        }
        "dcim/inventory-items/" => vec![
            json!({"id": 1, "name": "SFP 1", "manufacturer": {"id": 4, "name": "FS"}, "part_id": "SFP-10G"}),
            json!({"id": 2, "name": "SFP 2", "manufacturer": {"id": 4, "name": "FS"}, "part_id": "SFP-10G"}),
            json!({"id": 3, "name": "battery", "manufacturer": null, "part_id": ""}),
        ],
        "dcim/power-feeds/" => vec![
            json!({"id": 1, "name": "A", "voltage": 400, "amperage": 32, "max_utilization": 80, "phase": choice("three-phase"), "supply": choice("ac"),
                "connected_endpoints": [{"id": 4, "device": {"id": 77, "name": "pdu-a1"}}], "connected_endpoints_type": "dcim.powerport"}),
            json!({"id": 2, "name": "spare", "voltage": 230, "amperage": 16, "max_utilization": 80, "phase": choice("single-phase"), "supply": choice("ac"),
                "connected_endpoints": null}),
        ],
        _ => Vec::new(),
    }
}

pub(super) fn answer(request: &Request) -> Reply {
    if request.header("authorization") != "Token hunter2" {
        return Reply::json(&json!({"detail": "Invalid token"})).status(403);
    }
    let Some(path) = request.path.strip_prefix(PATH) else { return Reply::text(404, "<html>") };
    if path == "dcim/inventory-items/" && request.header("x-without-items") == "1" {
        return Reply::text(404, "{}");
    }
    page(request, &list(path, request), 40)
}

fn netbox(server: &Server) -> InventorySettings {
    settings(Product::NetBox, &format!("{}netbox/", server.url()), token("hunter2"))
}

#[test]
fn netbox_from_lists_to_objects() {
    let server = Server::start(answer);
    let snapshot = take(&netbox(&server)).unwrap();
    let subnet = |id, quantity| figure(object(&snapshot, ComponentKind::Subnet, id), quantity);
    // 1 to 90 as addresses, 91 to 127 as a range that counts whole.
    assert_eq!(subnet("1", Quantity::AddressesUsed), Sample::Value(127.0));
    assert_eq!(subnet("1", Quantity::AddressUse), Sample::Value(50.0));
    assert_eq!(subnet("2", Quantity::AddressUse), Sample::Missing(Missing::NotDefined), "a container");
    assert_eq!(
        (subnet("3", Quantity::Addresses), subnet("3", Quantity::AddressesUsed)),
        (Sample::Value(256.0), Sample::Value(1.0))
    );
    assert_eq!(subnet("4", Quantity::AddressUse), Sample::Value(100.0), "marked as full");
    assert_eq!(subnet("5", Quantity::Addresses), Sample::Missing(Missing::NotDefined));
    let office = object(&snapshot, ComponentKind::Subnet, "1");
    assert_eq!((&*office.name, office.label_value("site")), ("10.0.0.0/24 office", Some("ams1")));

    let parts: Vec<&str> = of_kind(&snapshot, ComponentKind::PartModel).iter().map(|it| &*it.id).collect();
    assert_eq!(
        parts,
        ["device-type-5", "inventory-item-/battery", "inventory-item-FS/SFP-10G", "module-type-5"]
    );
    let server_type = object(&snapshot, ComponentKind::PartModel, "device-type-5");
    assert_eq!(
        figure(server_type, Quantity::PartAvailability),
        Sample::Value(10.0),
        "two of twenty in store"
    );
    let module = object(&snapshot, ComponentKind::PartModel, "module-type-5");
    assert_eq!(figure(module, Quantity::Parts), Sample::Value(4.0));
    assert_eq!(figure(module, Quantity::PartsAvailable), Sample::Missing(Missing::NotGiven));

    let unit = object(&snapshot, ComponentKind::PowerUnit, "77");
    assert_eq!(unit.ratings.current_amperes, Some(32.0));
    assert_eq!(unit.ratings.active_power_watts.map(f64::round), Some(22_170.0));
    let labels = ["serial", "rack", "room", "site", "address", "vendor", "model", "type"]
        .map(|it| unit.label_value(it).unwrap());
    assert_eq!(labels, ["ZA1", "A1", "Hall 2", "ams1", "10.0.0.20", "APC", "AP8959", "PDU"]);
    let unnamed = object(&snapshot, ComponentKind::PowerUnit, "78");
    assert_eq!((&*unnamed.name, unnamed.label_value("serial")), ("Unnamed PDU", None));
    // 103 addresses at 40 a page, each further page with one row of the page before.
    assert_eq!(server.count("/netbox/api/ipam/ip-addresses/"), 3);
    assert!(server.requests().iter().all(|it| it.query.get("ordering").is_some_and(|it| it == "id")));
}

#[test]
fn netbox_without_inventory_items_or_api() {
    let server = Server::start(|request| match request.path.as_str() {
        "/netbox/api/dcim/inventory-items/" => Reply::text(404, "{}"),
        _ => answer(request),
    });
    let snapshot = take(&netbox(&server)).unwrap();
    assert_eq!(of_kind(&snapshot, ComponentKind::PartModel).len(), 2);
    assert!(snapshot.warnings.first[0].contains("no inventory items"));
    let mut elsewhere = netbox(&server);
    http(&mut elsewhere).url = server.url();
    let failure = take(&elsewhere).unwrap_err();
    assert_eq!(failure.class, SnapshotError::Schema);
    assert!(
        failure.reason.contains("there is no /api/ipam/prefixes/: is the url that of a NetBox?"),
        "{failure}"
    );
}

#[test]
fn netbox_takes_both_versions_of_tokens() {
    let server = Server::start(|request| page(request, &[], 100));
    for (secret, header) in [("abc", "Token abc"), ("nbt_abc.def", "Bearer nbt_abc.def")] {
        take(&settings(Product::NetBox, &server.url(), token(secret))).unwrap();
        assert_eq!(server.requests().last().unwrap().header("authorization"), header);
    }
}
