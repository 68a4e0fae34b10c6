//! Inventories on /metrics, in the API and on the page: beside the devices, never among them.

use super::client::{NOW, Server};
use super::fleet::{Device, at, value};
use super::parse::parse;
use rackwarden::http::{Limits, SourceFacts};
use rackwarden::inventory::object::Object;
use rackwarden::inventory::snapshot::{Snapshot, Warnings};
use rackwarden::inventory::{Failure, Keeper};
use rackwarden::model::{
    Batch, ComponentKind, Labels, Missing, Quantity, Ratings, Sample, SnapshotError, Source, SourceKind,
    UnixMillis,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn keeper(name: &str) -> Keeper {
    Keeper::new(Source {
        kind: SourceKind::Inventory { gone_after_snapshots: 3 },
        device: name.into(),
        labels: Labels::new([("site", "ams1")]),
        address: "https://cmdb.example/".to_owned(),
        interval: Duration::from_secs(900),
        profile: "device42".into(),
        ..Source::default()
    })
}

fn text(words: &str) -> Option<String> {
    Some(words.to_owned())
}

fn snapshot() -> Snapshot {
    let missing = Sample::Missing(Missing::NotGiven);
    let objects =
        vec![
            Object::new(ComponentKind::Software, "7", text("Editor \"pro\""))
                .label("vendor", text("ACME"))
                .label("site", text("of the object"))
                .installations(Sample::Value(12.0))
                .licenses("", Sample::Value(10.0), Sample::Value(12.0)),
            Object::new(ComponentKind::Software, "8", text("Free"))
                .installations(Sample::Value(3.0))
                .licenses("", missing, Sample::Value(3.0)),
            Object::new(ComponentKind::ProhibitedInstallation, "9.1", text("Miner on pc-1"))
                .label("device", text("pc-1"))
                .installations(Sample::Value(1.0)),
            Object::new(ComponentKind::Subnet, "1", text("office"))
                .label("network", text("10.0.0.0/24"))
                .addresses(Sample::Value(254.0), Sample::Value(127.0)),
            Object::new(ComponentKind::PartModel, "1", text("Disk"))
                .parts(Sample::Value(10.0), Sample::Value(3.0)),
            Object::new(ComponentKind::License, "1", text("Support"))
                .expires(rackwarden::inventory::date::Expiry::parse("2023-11-24"), at(NOW).unix),
            Object {
                ratings: Ratings { current_amperes: Some(32.0), ..Ratings::default() },
                ..Object::new(ComponentKind::PowerUnit, "1", text("PDU A")).label("rack", text("R1"))
            },
        ];
    Snapshot::new(objects, None, Warnings::default()).unwrap()
}

fn timeout() -> Failure {
    Failure::new(SnapshotError::Timeout, "no answer in time")
}

/// A device, an inventory that is well, one that fails since a minute, one that never was well.
fn room() -> Server {
    let server = Server::start(Limits::default());
    let pdu = Device::new("pdu-1", &[("site", "ams1")])
        .component(ComponentKind::Infeed, "1", "A", Ratings::default())
        .reading(Quantity::Current, "", value(4.5));
    server.store.publish(pdu.batch(at(NOW - 4)));
    let (mut well, mut failing, mut never) = (keeper("cmdb"), keeper("old-cmdb"), keeper("never"));
    let second = Duration::from_secs(1);
    let publish = |batch: Batch| server.store.publish(batch);
    publish(well.taken(&snapshot(), at(NOW - 100), second));
    publish(failing.taken(&snapshot(), at(NOW - 1000), second));
    publish(failing.failed(&timeout(), at(NOW - 60), second));
    publish(never.failed(&timeout(), at(NOW - 10), second));
    let facts = |keeper: &Keeper, is_good: bool| {
        let mut facts = SourceFacts::new(Arc::clone(keeper.source()));
        facts.failures = keeper.failures();
        facts.last_attempt = Some(at(NOW - 60).unix);
        facts.next_attempt = Some(at(NOW + 60).unix);
        facts.error = (keeper.failures() != 0).then(|| timeout().poll_error());
        if is_good {
            facts.last_success = Some(at(NOW - 1000));
            facts.objects = snapshot().counts();
            facts.warnings = vec!["view <x> is not there".to_owned()];
            facts.warnings_total = 3;
        }
        facts
    };
    *server.others.sources.lock().unwrap() =
        vec![facts(&well, true), facts(&failing, true), facts(&never, false)];
    server
}

/// Frozen: see exposition_version_1_is_frozen.
#[test]
fn inventory_series_version_1_are_frozen() {
    let text = room().get("/metrics").text();
    let lines: Vec<&str> = text.lines().filter(|it| it.contains("{source=\"cmdb\"")).collect();
    let golden = include_str!("inventories.prom");
    assert_eq!(lines.join("\n"), golden.trim_end());
    // All of a failing one's are there as well, until they are too old; of one that never was well none are.
    let of = |source: &str| text.lines().filter(|it| it.contains(&format!("{{source=\"{source}\""))).count();
    assert_eq!((of("old-cmdb"), of("never")), (lines.len() + 1, 5));
    for line in [
        "rackwarden_inventory_up{source=\"old-cmdb\",site=\"ams1\"} 0",
        "rackwarden_inventory_error{source=\"old-cmdb\",class=\"timeout\",site=\"ams1\"} 1",
        "rackwarden_inventory_snapshot_age_seconds{source=\"old-cmdb\",site=\"ams1\"} 1000",
        "rackwarden_inventory_up{source=\"never\",site=\"ams1\"} 0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    parse(&text).unwrap();
}

#[test]
fn inventories_are_no_devices() {
    let server = room();
    let text = server.get("/metrics").text();
    for family in [
        "rackwarden_device_up",
        "rackwarden_device_info",
        "rackwarden_readings_missing",
        "rackwarden_rated_current_amperes",
    ] {
        assert!(
            text.lines()
                .filter(|it| it.starts_with(&format!("{family}{{")))
                .all(|it| it.contains("device=\"pdu-1\"")),
            "{family}"
        );
    }
    let names = |path: &str, list: &str, key: &str| -> Vec<String> {
        let answer = server.get(path).json();
        answer[list].as_array().unwrap().iter().map(|it| it[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("/api/v1/devices", "devices", "name"), ["pdu-1"]);
    assert_eq!(names("/api/v1/readings", "readings", "device"), ["pdu-1"]);
    assert_eq!(server.get("/api/v1/devices/cmdb").status, 404);
    assert_eq!(server.get("/api/v1/readings?component=software").status, 400);
    let status = server.get("/api/v1/status").json();
    assert_eq!(status["devices"]["total"], 1);
    assert_eq!(status["readings"]["total"], 1);
    assert_eq!(status["sources"], json!({"total": 3, "up": 1, "down": 2, "stale": 1, "objects": 14}));
}

/// Frozen: do not change this test, add a version.
#[test]
fn sources_and_objects_version_1_are_frozen() {
    let server = room();
    let sources = server.get("/api/v1/sources").json();
    let expected = json!({
        "name": "old-cmdb",
        "type": "device42",
        "address": "https://cmdb.example/",
        "labels": { "site": "ams1" },
        "interval_seconds": 900.0,
        "up": false,
        "stale": false,
        "error": { "class": "timeout", "message": "no answer in time" },
        "failures": 1,
        "last_attempt": "2023-11-14T23:42:20.000Z",
        "next_attempt": "2023-11-14T23:44:20.000Z",
        "last_success": "2023-11-14T23:26:40.000Z",
        "taken_at": null,
        "age_seconds": 1000.0,
        "snapshot_duration_seconds": 0.0,
        "objects": { "software": 2, "prohibited_installation": 1, "subnet": 1, "part_model": 1, "license": 1, "power_unit": 1 },
        "warnings": ["view <x> is not there"],
        "warnings_total": 3,
    });
    assert_eq!(sources["sources"][1], expected);
    assert_eq!(sources["sources"][2]["stale"], false, "it has nothing that could be");
    assert_eq!(sources["sources"][2]["age_seconds"], Value::Null);
    let objects = server.get("/api/v1/objects?source=cmdb&kind=software&limit=1").json();
    let editor = json!({
        "source": "cmdb",
        "kind": "software",
        "id": "7",
        "name": "Editor \"pro\"",
        "labels": { "vendor": "ACME", "site": "of the object" },
        "rated": null,
        "readings": [
            { "quantity": "installations", "name": "", "unit": "1", "value": 12.0, "missing": null },
            { "quantity": "licenses", "name": "", "unit": "1", "value": 10.0, "missing": null },
            { "quantity": "licenses_used", "name": "", "unit": "1", "value": 12.0, "missing": null },
            { "quantity": "license_use", "name": "", "unit": "%", "value": 120.0, "missing": null },
        ],
        "age_seconds": 100.0,
        "stale": false,
    });
    assert_eq!(objects, json!({ "objects": [editor], "next": "cmdb/software/7" }));
    let free = server.get("/api/v1/objects?after=cmdb/software/7&limit=1").json();
    assert_eq!(free["objects"][0]["name"], "Free");
    assert_eq!(
        free["objects"][0]["readings"][1],
        json!({"quantity": "licenses", "name": "", "unit": "1", "value": null, "missing": "not_given"})
    );
    let unit = server.get("/api/v1/objects?kind=power_unit&match=rack=R1&source=cmdb").json();
    assert_eq!(
        unit["objects"][0]["rated"],
        json!({"current": 32.0, "active_power": null, "apparent_power": null})
    );
}

#[test]
fn objects_come_in_pages_whole_and_once() {
    let server = room();
    let (mut seen, mut path) = (Vec::new(), "/api/v1/objects?limit=3".to_owned());
    loop {
        let page = server.get(&path).json();
        for it in page["objects"].as_array().unwrap() {
            seen.push(format!("{}/{}/{}", it["source"], it["kind"], it["id"]).replace('"', ""));
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/objects?limit=3&after={next}");
    }
    assert_eq!(seen.len(), 14, "{seen:?}");
    let mut unique = seen.clone();
    unique.dedup();
    assert_eq!(unique, seen);
    assert_eq!(server.get("/api/v1/objects?kind=softwares").status, 400);
    assert_eq!(server.get("/api/v1/objects?after=nonsense").status, 400);
    assert_eq!(
        server.get("/api/v1/objects?match=vendor=ACME").json()["objects"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn the_page_tells_of_inventories() {
    let page = room().get("/").text();
    for words in [
        "<h2 id=\"h-sources\">Inventories</h2>",
        "<dt>inventories</dt><dd class=\"bad\">1 of 3</dd>",
        "<strong>cmdb</strong> 2 software, 1 prohibited installation, 1 subnet, 1 part model, 1 license, 1 power unit",
        "<strong>old-cmdb</strong> no snapshot: no answer in time",
        "odd: view &lt;x&gt; is not there (and 2 more)",
        "<dt>devices up</dt><dd>1 of 1</dd>",
        "All devices answer.",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    assert!(!Server::start(Limits::default()).get("/").text().contains("Inventories"));
}

#[test]
fn what_is_too_old_is_not_shown_as_current() {
    let server = Server::start(Limits::default());
    let mut keeper = keeper("cmdb");
    // Three intervals are 2,700 s.
    server.store.publish(keeper.taken(&snapshot(), at(NOW - 2701), Duration::ZERO));
    server.store.publish(keeper.failed(&timeout(), at(NOW - 5), Duration::ZERO));
    let text = server.get("/metrics").text();
    assert!(!text.contains("rackwarden_installations{"), "{text}");
    assert!(
        text.contains("rackwarden_inventory_error{source=\"cmdb\",class=\"stale\",site=\"ams1\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("rackwarden_inventory_snapshot_age_seconds{source=\"cmdb\",site=\"ams1\"} 2701"),
        "{text}"
    );
    let objects = server.get("/api/v1/objects").json();
    assert_eq!(
        (&objects["objects"][0]["stale"], &objects["objects"][0]["age_seconds"]),
        (&json!(true), &json!(2701.0))
    );
}

#[test]
fn an_age_from_a_file_counts_from_its_export() {
    let server = Server::start(Limits::default());
    let mut keeper = keeper("cmdb");
    let exported = UnixMillis(at(NOW).unix.0 - 7_200_000);
    let snapshot = Snapshot::new(Vec::new(), Some(exported), Warnings::default()).unwrap();
    server.store.publish(keeper.taken(&snapshot, at(NOW - 200), Duration::ZERO));
    let text = server.get("/metrics").text();
    assert!(
        text.contains("rackwarden_inventory_snapshot_age_seconds{source=\"cmdb\",site=\"ams1\"} 7200\n"),
        "{text}"
    );
}
