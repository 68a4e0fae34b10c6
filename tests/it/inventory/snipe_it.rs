//! Snipe-IT by its documented shapes: rows and total, loose numbers, texts escaped for HTML, dates as
//! objects, errors with status 200, and its limit of requests.

use super::server::{Reply, Request, Server};
use super::{figure, object, of_kind, settings, take, token};
use rackwarden::inventory::settings::Product;
use rackwarden::model::{ComponentKind, Missing, Quantity, Sample, SnapshotError};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

fn date(text: &str) -> Value {
    json!({"date": text, "formatted": "whenever"})
}

fn license(id: u32, more: &Value) -> Value {
    let mut row = json!({"id": id, "name": format!("Licence {id}"), "company": null, "manufacturer": null, "product_key": "------------",
        "purchase_date": null, "termination_date": null, "notes": "", "expiration_date": null, "seats": 10, "free_seats_count": 4,
        "category": {"id": 1, "name": "Office &amp; more"}, "min_amt": null, "user_can_checkout": true});
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

fn rows(path: &str) -> Vec<Value> {
    match path {
        "/api/v1/licenses" => (1..=700)
            .map(|id| match id {
                1 => license(1, &json!({"name": "R&amp;D &quot;suite&quot;", "expiration_date": date("2026-03-20"), "manufacturer": {"id": 1, "name": "ACME"}})),
                2 => license(2, &json!({"expiration_date": date("2026-03-09"), "seats": "5", "free_seats_count": "0"})),
                3 => license(3, &json!({"seats": null, "free_seats_count": null})),
                4 => license(4, &json!({"seats": 0, "free_seats_count": 0})),
                5 => license(5, &json!({"expiration_date": {"date": "not a date"}})),
                other => license(other, &json!({})),
            })
            .collect(),
        "/api/v1/components" => vec![json!({"id": 1, "name": "RAM 16 GB", "serial": null, "location": {"id": 1, "name": "Store"}, "qty": 20, "min_amt": null,
            "category": {"id": 2, "name": "Memory"}, "remaining": 5, "company": null})],
        "/api/v1/consumables" => vec![json!({"id": 1, "name": "Paper", "category": null, "company": null, "item_no": "A4", "location": null, "manufacturer": null,
            "min_amt": 0, "model_number": null, "remaining": "0", "qty": 0})],
        "/api/v1/accessories" => vec![json!({"id": 1, "name": "Mouse", "qty": 8, "remaining_qty": 6, "location": null})],
        _ => Vec::new(),
    }
}

fn page(request: &Request) -> Reply {
    if request.header("authorization") != "Bearer hunter2" {
        return Reply::json(&json!({"error": "Unauthorized or unauthenticated."})).status(401);
    }
    let all = rows(&request.path);
    // The server's own most is 500, whatever is asked.
    let (limit, offset) = (request.number("limit").min(500), request.number("offset"));
    let shown: Vec<&Value> = all.iter().skip(offset).take(limit).collect();
    Reply::json(&json!({"total": all.len(), "rows": shown}))
}

#[test]
fn snipe_it_from_lists_to_objects() {
    let server = Server::start(page);
    let snapshot = take(&settings(Product::SnipeIt, &server.url(), token("hunter2"))).unwrap();
    assert_eq!(of_kind(&snapshot, ComponentKind::License).len(), 700);
    let of = |id, quantity| figure(object(&snapshot, ComponentKind::License, id), quantity);
    let first = object(&snapshot, ComponentKind::License, "1");
    assert_eq!((&*first.name, first.label_value("category")), ("R&D \"suite\"", Some("Office & more")));
    assert_eq!(
        (of("1", Quantity::DaysLeft), of("1", Quantity::LicenseUse)),
        (Sample::Value(10.0), Sample::Value(60.0))
    );
    assert_eq!(
        (of("2", Quantity::DaysLeft), of("2", Quantity::LicenseUse)),
        (Sample::Value(-1.0), Sample::Value(100.0))
    );
    assert_eq!(
        (of("3", Quantity::DaysLeft), of("3", Quantity::LicenseUse)),
        (Sample::Missing(Missing::NotGiven), Sample::Missing(Missing::NotGiven))
    );
    assert_eq!(of("4", Quantity::LicenseUse), Sample::Missing(Missing::NotDefined));
    assert_eq!(
        of("5", Quantity::DaysLeft),
        Sample::Missing(Missing::WrongType),
        "it loses its own cell alone"
    );
    let part = |id| figure(object(&snapshot, ComponentKind::PartModel, id), Quantity::PartAvailability);
    assert_eq!(part("component-1"), Sample::Value(25.0));
    assert_eq!(part("consumable-1"), Sample::Missing(Missing::NotDefined), "0 of 0");
    assert_eq!(part("accessory-1"), Sample::Value(75.0));
    assert_eq!(server.count("/api/v1/licenses"), 2);
}

#[test]
fn snipe_it_is_waited_for_when_it_wants_fewer_requests() {
    let refused = AtomicU32::new(0);
    let server = Server::start(move |request| {
        // Each second request is one too many.
        if refused.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            return Reply::text(429, r#"{"message": "Too Many Attempts."}"#).with("Retry-After", 0);
        }
        page(request)
    });
    let snapshot = take(&settings(Product::SnipeIt, &server.url(), token("hunter2"))).unwrap();
    assert_eq!(of_kind(&snapshot, ComponentKind::License).len(), 700);
}

#[test]
fn snipe_it_refuses_with_status_200() {
    let server = Server::start(|_| {
        Reply::json(
            &json!({"status": "error", "messages": "You don&#039;t have permission, hunter2\nHACKED", "payload": null}),
        )
    });
    let failure = take(&settings(Product::SnipeIt, &server.url(), token("hunter2"))).unwrap_err();
    assert_eq!(failure.class, SnapshotError::ServerError);
    assert_eq!(failure.reason, "licenses: it refuses: You don't have permission, *** HACKED");
}
