//! phpIPAM by its documented shapes: code, success and data; numbers as texts; 404 for empty lists; a token
//! by HTTP Basic, or an application's code.

use super::server::{Reply, Request, Server};
use super::{figure, object, of_kind, settings, take};
use rackwarden::inventory::InventorySettings;
use rackwarden::inventory::settings::{Login, Product};
use rackwarden::model::{ComponentKind, Missing, Quantity, Sample, Secret, SnapshotError};
use serde_json::{Value, json};

fn good(data: &Value) -> Reply {
    Reply::json(&json!({"code": 200, "success": true, "data": data, "time": 0.004}))
}

fn usage(used: &Value, most: &str) -> Value {
    json!({"used": used, "maxhosts": most, "freehosts": "x", "freehosts_percent": 50, "Used_percent": 12.5, "Offline_percent": 0})
}

fn subnet(id: u32, address: &str, mask: &str, usage: Option<Value>) -> Value {
    let mut row = json!({"id": id.to_string(), "subnet": address, "mask": mask, "sectionId": "1", "description": "", "vrfId": "2",
        "masterSubnetId": "0", "isFolder": "0", "isFull": "0", "location": []});
    if let Some(usage) = usage {
        row["usage"] = usage;
    }
    row
}

/// Basic rw:hunter2
const BASIC: &str = "Basic cnc6aHVudGVyMg==";

fn answer(request: &Request) -> Reply {
    let Some(path) = request.path.strip_prefix("/api/rackwarden/") else {
        return Reply::json(&json!({"code": 400, "success": false, "message": "Invalid application id"}))
            .status(400);
    };
    if path == "user/" && request.method == "POST" {
        return match request.header("authorization") {
            BASIC => good(&json!({"token": "t0ken", "expires": "2026-03-11 00:00:00"})),
            _ => Reply::json(
                &json!({"code": 500, "success": false, "message": "Invalid username or password"}),
            )
            .status(500),
        };
    }
    if !["t0ken", "c0de"].contains(&request.header("token")) {
        return Reply::json(&json!({"code": 401, "success": false, "message": "Unauthorized"}))
            .status(401)
            .with("Location", "/api/rackwarden/user/");
    }
    match path {
        "vrfs/" => good(&json!([{"vrfId": "2", "rd": null, "name": "blue"}])),
        "sections/" => good(
            &json!([{"id": "1", "name": "Office"}, {"id": "3", "name": "Empty"}, {"id": "4", "name": "Old"}]),
        ),
        "sections/1/subnets/" => good(&json!([
            subnet(7, "10.0.0.0", "24", Some(usage(&json!("127"), "254"))),
            subnet(8, "2001:db8::", "64", Some(usage(&json!("5"), "18446744073709551616"))),
            subnet(9, "10.0.1.0", "24", Some(usage(&json!(null), "254"))),
        ])),
        // An older version: the use is asked for subnet by subnet.
        "sections/4/subnets/" => good(&json!([subnet(12, "10.4.0.0", "30", None)])),
        "subnets/12/usage/" => good(&usage(&json!(1), "2")),
        _ => Reply::json(&json!({"code": 404, "success": 0, "message": "No subnets found"})).status(404),
    }
}

fn phpipam(server: &Server, login: Login) -> InventorySettings {
    settings(Product::PhpIpam, &server.url(), login)
}

fn code() -> Login {
    Login::AppCode { app: "rackwarden".to_owned(), code: Secret::new("c0de") }
}

fn user(password: &str) -> Login {
    Login::Session { user: "rw".to_owned(), password: Secret::new(password), app: "rackwarden".to_owned() }
}

#[test]
fn phpipam_from_sections_to_objects() {
    let server = Server::start(answer);
    for login in [code(), user("hunter2")] {
        let snapshot = take(&phpipam(&server, login)).unwrap();
        assert_eq!(of_kind(&snapshot, ComponentKind::Subnet).len(), 4);
        let subnet = |id, quantity| figure(object(&snapshot, ComponentKind::Subnet, id), quantity);
        assert_eq!(subnet("7", Quantity::AddressUse), Sample::Value(50.0));
        assert_eq!(subnet("8", Quantity::AddressUse), Sample::Missing(Missing::NotDefined), "IPv6");
        assert_eq!(subnet("9", Quantity::AddressesUsed), Sample::Missing(Missing::NotGiven));
        assert_eq!(subnet("12", Quantity::AddressUse), Sample::Value(50.0));
        let office = object(&snapshot, ComponentKind::Subnet, "7");
        assert_eq!(
            (office.label_value("section"), office.label_value("vrf")),
            (Some("Office"), Some("blue"))
        );
    }
}

#[test]
fn phpipam_says_who_is_not_let_in() {
    let server = Server::start(answer);
    let failure = take(&phpipam(&server, user("wr0ng"))).unwrap_err();
    assert_eq!(failure.class, SnapshotError::ServerError, "as phpIPAM says it");
    assert!(
        failure.reason.contains("no token") && failure.reason.contains("Invalid username or password"),
        "{failure}"
    );
    assert!(!failure.reason.contains("wr0ng"));
    let other = Login::AppCode { app: "rackwarden".to_owned(), code: Secret::new("wr0ng") };
    assert_eq!(take(&phpipam(&server, other)).unwrap_err().class, SnapshotError::Access);
    let unknown = Login::AppCode { app: "other".to_owned(), code: Secret::new("c0de") };
    let failure = take(&phpipam(&server, unknown)).unwrap_err();
    assert!(failure.reason.contains("Invalid application id"), "{failure}");
}
