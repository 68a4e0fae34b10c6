//! Device42: DOQL over PostgreSQL behind a shim that misbehaves as appliances do.

use super::postgres::Postgres;
use super::server::{Reply, Request, Server};
use super::{NOW, figure, http, object, of_kind, runtime, settings, take};
use rackwarden::inventory::Collector;
use rackwarden::inventory::InventorySettings;
use rackwarden::inventory::settings::{Login, Product};
use rackwarden::model::{ComponentKind, Missing, Quantity, Sample, Secret, SnapshotError};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// An appliance: its database, and how it behaves.
pub(super) struct Appliance {
    server: Server,
    inner: Arc<Inner>,
}

struct Inner {
    postgres: Postgres,
    manner: Mutex<Manner>,
    tokens: AtomicU32,
    /// How many calls a token is good for.
    token_calls: AtomicU32,
}

/// How it behaves beside what it always does: 500 for whatever DOQL does not like, "" for null.
#[derive(Default, Clone)]
pub(super) struct Manner {
    no_dictionary: bool,
    pub(super) no_rest: bool,
    /// Limits of REST are ignored, as they are unless the appliance is told otherwise.
    ignores_limits: bool,
    /// Answers queries with an error inside of status 200.
    pub(super) code: Option<u32>,
    /// A token lives that long.
    token_life: u32,
}

const SCHEMA: &str = "
CREATE TABLE view_vendor_v1 (vendor_pk int, name text);
CREATE TABLE view_softwarelicensemodel_v1 (softwarelicensemodel_pk int, name text, license_type text, track_by text);
CREATE TABLE view_software_v1 (software_pk int, name text, vendor_fk int, software_type text, category_name text,
  softwarelicensemodel_fk int, licensed_count int, discovered_count int, tags text);
CREATE TABLE view_softwareinuse_v1 (softwareinuse_pk int, software_fk int, device_fk int, enduser_fk int, version text,
  first_detected timestamp, last_updated timestamp);
CREATE TABLE view_device_v2 (device_pk int, name text, serial_no text);
CREATE TABLE view_enduser_v1 (enduser_pk int, name text);
CREATE TABLE view_os_v1 (os_pk int, name text, vendor_fk int, category_name text, licensed_count int,
  discovered_licensed_count int);
CREATE TABLE view_deviceos_v1 (deviceos_pk int, os_fk int, device_fk int, count_in_licensing boolean);
CREATE TABLE view_subnet_v1 (subnet_pk int, name text, network inet, mask_bits int, range_begin inet, range_end inet,
  parent_subnet_fk int, vrfgroup_fk int, customer_fk int, category_name text, allow_network_address boolean,
  allow_broadcast_address boolean);
CREATE TABLE view_ipaddress_v2 (ipaddress_pk int, ip_address inet, subnet_fk int, available boolean);
CREATE TABLE view_vrfgroup_v1 (vrfgroup_pk int, name text);
CREATE TABLE view_customer_v1 (customer_pk int, name text);
CREATE TABLE view_partmodel_v1 (partmodel_pk int, name text, type_name text, modelno text, partno text, vendor_fk int);
CREATE TABLE view_part_v1 (part_pk int, partmodel_fk int, pcount int, device_fk int, room_fk int, rack_fk int,
  netport_fk int, asset_fk int);
CREATE TABLE view_pdu_v1 (pdu_pk int, name text, type text, pdumodel_fk int, device_fk int, rated_power text,
  calculated_rack_fk int, calculated_room_fk int, calculated_building_fk int);
CREATE TABLE view_pdumodel_v1 (pdumodel_pk int, name text, vendor_fk int);
CREATE TABLE view_rack_v1 (rack_pk int, name text);
CREATE TABLE view_room_v1 (room_pk int, name text);
CREATE TABLE view_building_v1 (building_pk int, name text);

INSERT INTO view_vendor_v1 VALUES (1, 'ACME'), (2, 'APC');
INSERT INTO view_softwarelicensemodel_v1 VALUES (1, 'per device', 'device', 'device');
INSERT INTO view_software_v1 SELECT n, 'Title ' || n, 1, 'Managed', 'office', 1, 100, n % 200, '' FROM generate_series(1, 2500) n;
UPDATE view_software_v1 SET licensed_count = NULL WHERE software_pk = 2;
UPDATE view_software_v1 SET licensed_count = 0 WHERE software_pk IN (3, 200);
INSERT INTO view_software_v1 VALUES (9001, 'Miner', NULL, 'Prohibited', NULL, NULL, NULL, 3, ''),
  (9002, 'Calc', 1, 'Unmanaged', NULL, NULL, NULL, 7, ''), (9003, 'Old', 1, 'Ignored', NULL, NULL, NULL, 1, '');
INSERT INTO view_device_v2 VALUES (1, 'pc-1', 'S1'), (2, 'pc-2', 'S2'), (3, 'pdu-a', 'PDUSERIAL');
INSERT INTO view_enduser_v1 VALUES (5, 'eve');
INSERT INTO view_softwareinuse_v1 VALUES (1, 9001, 1, NULL, '1.0', '2026-01-01', NULL),
  (2, 9001, 1, NULL, '2.0', '2026-02-01', NULL), (3, 9001, NULL, 5, NULL, NULL, NULL), (4, 1, 2, NULL, '1', NULL, NULL);
INSERT INTO view_os_v1 VALUES (1, 'Linux', NULL, 'unix', NULL, NULL), (2, 'Windows', 1, NULL, 10, 8), (3, 'Unused', 1, NULL, 5, NULL);
INSERT INTO view_deviceos_v1 SELECT n, 1, n, false FROM generate_series(1, 40) n;
INSERT INTO view_deviceos_v1 SELECT 100 + n, 2, n, n <= 9 FROM generate_series(1, 12) n;
INSERT INTO view_vrfgroup_v1 VALUES (1, 'blue');
INSERT INTO view_subnet_v1 VALUES
  (1, 'office', '10.0.0.0', 24, '10.0.0.1', '10.0.0.254', NULL, 1, NULL, 'lan', false, false),
  (2, '', '10.0.1.0', 24, '10.0.1.100', '10.0.1.199', 1, NULL, NULL, NULL, false, false),
  (3, 'p2p', '10.0.2.0', 31, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, 'v6', '2001:db8::', 64, NULL, NULL, NULL, NULL, NULL, NULL, false, false),
  (5, 'pool', '10.0.3.0', 30, NULL, NULL, NULL, NULL, NULL, NULL, true, true);
INSERT INTO view_ipaddress_v2 SELECT n, ('10.0.0.' || n)::inet, 1, n > 127 FROM generate_series(1, 200) n;
INSERT INTO view_ipaddress_v2 SELECT 1000 + n, ('10.0.3.' || n)::inet, 5, false FROM generate_series(0, 3) n;
INSERT INTO view_partmodel_v1 VALUES (1, 'Disk 4 TB', 'Hard Disk', 'D4', 'P-4', 1), (2, 'RAM', 'RAM', NULL, NULL, NULL);
INSERT INTO view_part_v1 VALUES (1, 1, 6, NULL, 1, NULL, NULL, NULL), (2, 1, 2, NULL, NULL, 1, NULL, NULL), (3, 1, 12, 1, NULL, NULL, NULL, NULL);
INSERT INTO view_pdumodel_v1 VALUES (1, 'AP8959', 2);
INSERT INTO view_rack_v1 VALUES (1, 'R12'); INSERT INTO view_room_v1 VALUES (1, 'Hall 2'); INSERT INTO view_building_v1 VALUES (1, 'AMS1');
INSERT INTO view_pdu_v1 VALUES (1, 'PDU A', 'pdu', 1, 3, '7360', 1, 1, 1), (2, 'PDU B', 'pdu', NULL, NULL, NULL, NULL, NULL, NULL);
";

impl Appliance {
    pub(super) fn start() -> Option<Self> {
        let postgres = Postgres::start()?;
        postgres.query(SCHEMA).unwrap();
        let inner = Arc::new(Inner {
            postgres,
            manner: Mutex::default(),
            tokens: AtomicU32::new(0),
            token_calls: AtomicU32::new(0),
        });
        let behind = Arc::clone(&inner);
        Some(Self { server: Server::start(move |request| behind.answer(request)), inner })
    }

    fn settings(&self) -> InventorySettings {
        let login = Login::Basic { user: "rw".to_owned(), password: Secret::new("hunter2") };
        settings(Product::Device42, &self.server.url(), login)
    }

    fn with_tokens(&self) -> InventorySettings {
        let login =
            Login::Session { user: "rw".to_owned(), password: Secret::new("hunter2"), app: String::new() };
        settings(Product::Device42, &self.server.url(), login)
    }

    pub(super) fn behave(&self, change: impl FnOnce(&mut Manner)) {
        let mut manner = Manner::default();
        change(&mut manner);
        *self.inner.manner.lock().unwrap() = manner;
    }

    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    /// How many queries it has been asked.
    pub(super) fn queries(&self) -> usize {
        self.server.count("/services/data/v1.0/query/")
    }

    pub(super) fn sql(&self, sql: &str) {
        self.inner.postgres.query(sql).unwrap();
    }
}

/// Basic rw:hunter2
const BASIC: &str = "Basic cnc6aHVudGVyMg==";

impl Inner {
    fn answer(&self, request: &Request) -> Reply {
        let manner = self.manner.lock().unwrap().clone();
        let authorization = request.header("authorization");
        if request.path == "/tauth/1.0/token/" {
            if authorization != BASIC || request.method != "POST" {
                return Reply::text(401, r#"{"msg": "bad client key", "code": 1}"#);
            }
            let number = self.tokens.fetch_add(1, Ordering::Relaxed) + 1;
            self.token_calls.store(0, Ordering::Relaxed);
            return Reply::json(
                &json!({"token": format!("t0ken-{number}"), "expires": "2026-03-10 18:00:10", "ttl": 10}),
            );
        }
        let current = format!("Bearer t0ken-{}", self.tokens.load(Ordering::Relaxed));
        let is_known = authorization == BASIC || authorization == current;
        let calls = self.token_calls.fetch_add(1, Ordering::Relaxed);
        if !is_known || (authorization != BASIC && manner.token_life != 0 && manner.token_life <= calls) {
            return Reply::text(401, "");
        }
        match request.path.as_str() {
            "/services/data/v1.0/query/" => self.query(request, &manner),
            "/services/data/v1.0/dd/" if manner.no_dictionary => {
                Reply::text(500, "<h1>Server Error (500)</h1>")
            }
            "/services/data/v1.0/dd/" => self.dictionary(),
            "/api/1.0/partmodels/" if manner.no_rest => {
                Reply::text(403, r#"{"msg": "no permission", "code": 3}"#)
            }
            "/api/1.0/partmodels/" => part_models(request, &manner),
            _ => Reply::text(404, "<html>Not Found"),
        }
    }

    fn query(&self, request: &Request, manner: &Manner) -> Reply {
        let sql = request.form.get("query").map(|it| it.trim()).unwrap_or_default();
        let words = sql.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
        let is_query = words.starts_with("SELECT ") || words.starts_with("WITH ");
        let is_refused = !is_query
            || words.contains("FROM (")
            || words.contains("PG_")
            || words.contains("INFORMATION_SCHEMA");
        if let Some(code) = manner.code {
            return Reply::json(&json!({"msg": "the report engine is busy", "code": code}));
        }
        if request.method != "POST"
            || request.form.get("output_type").is_none_or(|it| it != "json")
            || is_refused
        {
            return Reply::text(500, "<h1>Server Error (500)</h1>");
        }
        match self.postgres.query(&format!("SELECT coalesce(json_agg(t), '[]') FROM ({sql}) t")) {
            Ok(rows) => Reply::json(&without_null(serde_json::from_str(&rows).unwrap())),
            Err(_) => Reply::text(500, "<h1>Server Error (500)</h1>"),
        }
    }

    fn dictionary(&self) -> Reply {
        let views = self.postgres.query(
            "SELECT json_agg(json_build_object('view', v.table_name, 'columns', v.columns)) FROM (SELECT table_name,
             json_agg(json_build_object('column', column_name, 'data_type', data_type, 'description', '')) AS columns
             FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name) v",
        );
        Reply::json(&serde_json::from_str(&views.unwrap()).unwrap())
    }
}

fn part_models(request: &Request, manner: &Manner) -> Reply {
    let all: Vec<Value> = (1..=7)
        .map(|it| {
            json!({"partmodel_id": it, "name": format!("Part {it}"), "type": "RAM", "available": it.to_string(),
                "total_count": "10", "used": "", "modelno": "", "partno": ""})
        })
        .collect();
    let (limit, offset) = (request.number("limit"), request.number("offset"));
    let page: Vec<Value> = if manner.ignores_limits {
        all.clone()
    } else {
        all.iter().skip(offset).take(limit).cloned().collect()
    };
    Reply::json(&json!({"total_count": all.len(), "limit": limit, "offset": offset, "partmodels": page}))
}

/// "" for null, as live appliances send it.
fn without_null(value: Value) -> Value {
    match value {
        Value::Null => json!(""),
        Value::Array(rows) => rows.into_iter().map(without_null).collect(),
        Value::Object(row) => row.into_iter().map(|(key, value)| (key, without_null(value))).collect(),
        other => other,
    }
}

#[test]
fn device42_from_doql_to_objects() {
    let Some(appliance) = Appliance::start() else { return };
    let snapshot = take(&appliance.settings()).unwrap();
    assert_eq!(
        snapshot.counts(),
        [
            (ComponentKind::Software, 2500),
            (ComponentKind::ProhibitedInstallation, 2),
            (ComponentKind::OperatingSystem, 3),
            (ComponentKind::Subnet, 5),
            (ComponentKind::PartModel, 7),
            (ComponentKind::PowerUnit, 2),
        ]
    );
    assert_eq!(snapshot.warnings.first, [] as [String; 0]);
    let software = |id| figure(object(&snapshot, ComponentKind::Software, id), Quantity::LicenseUse);
    assert_eq!(software("150"), Sample::Value(150.0));
    assert_eq!(software("2"), Sample::Missing(Missing::NotGiven), "null is unknown");
    assert_eq!(software("3"), Sample::Value(Quantity::LICENSE_USE_MAX), "none owned, three used");
    assert_eq!(software("200"), Sample::Missing(Missing::NotDefined), "none owned, none used");
    let title = object(&snapshot, ComponentKind::Software, "1");
    assert_eq!(
        (title.label_value("vendor"), title.label_value("license_model")),
        (Some("ACME"), Some("per device"))
    );

    let miner = object(&snapshot, ComponentKind::ProhibitedInstallation, "9001.1");
    assert_eq!(
        (&*miner.name, miner.label_value("first_seen")),
        ("Miner on pc-1", Some("2026-01-01T00:00:00"))
    );
    assert_eq!(figure(miner, Quantity::Installations), Sample::Value(2.0));
    assert_eq!(
        &*object(&snapshot, ComponentKind::ProhibitedInstallation, "9001.user-eve").name,
        "Miner on eve"
    );

    let os = |id, quantity| figure(object(&snapshot, ComponentKind::OperatingSystem, id), quantity);
    assert_eq!(os("1", Quantity::Installations), Sample::Value(40.0));
    assert_eq!(os("1", Quantity::LicenseUse), Sample::Missing(Missing::NotGiven));
    assert_eq!(os("2", Quantity::LicenseUse), Sample::Value(80.0), "by the vendor's own count");
    assert_eq!(os("3", Quantity::Installations), Sample::Value(0.0), "none found is a count");

    let subnet = |id, quantity| figure(object(&snapshot, ComponentKind::Subnet, id), quantity);
    assert_eq!(subnet("1", Quantity::AddressUse), Sample::Value(50.0));
    assert_eq!(subnet("2", Quantity::Addresses), Sample::Value(100.0), "its range is narrower");
    assert_eq!(subnet("2", Quantity::AddressesUsed), Sample::Value(0.0));
    assert_eq!(subnet("3", Quantity::Addresses), Sample::Value(2.0));
    assert_eq!(subnet("4", Quantity::AddressUse), Sample::Missing(Missing::NotDefined));
    assert_eq!(subnet("5", Quantity::AddressUse), Sample::Value(100.0), "network and broadcast may be used");
    assert_eq!(object(&snapshot, ComponentKind::Subnet, "1").label_value("vrf"), Some("blue"));

    let part = object(&snapshot, ComponentKind::PartModel, "3");
    assert_eq!(figure(part, Quantity::PartAvailability), Sample::Value(30.0), "REST counts better");
    let unit = object(&snapshot, ComponentKind::PowerUnit, "1");
    assert_eq!(unit.ratings.active_power_watts, Some(7360.0));
    let labels =
        ["device", "serial", "rack", "room", "building", "model"].map(|it| unit.label_value(it).unwrap());
    assert_eq!(labels, ["pdu-a", "PDUSERIAL", "R12", "Hall 2", "AMS1", "AP8959"]);
}

#[test]
fn device42_fits_its_queries_to_the_appliance() {
    let Some(appliance) = Appliance::start() else { return };
    // An older one: a view and two columns are not there.
    appliance.sql("DROP TABLE view_customer_v1; ALTER TABLE view_subnet_v1 DROP COLUMN range_begin; ALTER TABLE view_software_v1 DROP COLUMN category_name");
    let snapshot = take(&appliance.settings()).unwrap();
    assert_eq!(of_kind(&snapshot, ComponentKind::Subnet).len(), 5);
    let said = snapshot.warnings.first.join("; ");
    for words in ["view_customer_v1", "view_subnet_v1.range_begin", "view_software_v1.category_name"] {
        assert!(said.contains(words), "{said}");
    }
    // What cannot be done without is told by name, before any query.
    appliance.sql("ALTER TABLE view_software_v1 DROP COLUMN licensed_count");
    let failure = take(&appliance.settings()).unwrap_err();
    assert_eq!(failure.class, SnapshotError::Schema);
    assert!(failure.reason.contains("view_software_v1.licensed_count"), "{failure}");
    // Without a dictionary the queries are tried as they are; a 500 then says what it may mean.
    appliance.behave(|it| it.no_dictionary = true);
    let failure = take(&appliance.settings()).unwrap_err();
    assert_eq!(failure.class, SnapshotError::ServerError);
    assert!(
        failure.reason.contains("software: ")
            && failure.reason.contains("not there or that our account may not read"),
        "{failure}"
    );
    let mut without = appliance.settings();
    without.kinds = vec![ComponentKind::PowerUnit];
    let snapshot = take(&without).unwrap();
    assert_eq!(snapshot.counts(), [(ComponentKind::PowerUnit, 2)]);
    assert!(snapshot.warnings.first[0].contains("columns are not checked"), "{:?}", snapshot.warnings);
}

#[test]
fn device42_in_its_other_moods() {
    let Some(appliance) = Appliance::start() else { return };
    let mut parts = appliance.settings();
    parts.kinds = vec![ComponentKind::PartModel];
    // REST pages, enforced or not.
    http(&mut parts).page_rows = 3;
    for ignores_limits in [false, true] {
        appliance.behave(|it| it.ignores_limits = ignores_limits);
        assert_eq!(take(&parts).unwrap().counts(), [(ComponentKind::PartModel, 7)]);
    }
    // Without REST the stock is counted by DOQL: parts in rooms and racks that are assigned to nothing.
    appliance.behave(|it| it.no_rest = true);
    let snapshot = take(&parts).unwrap();
    let disk = object(&snapshot, ComponentKind::PartModel, "1");
    assert_eq!(figure(disk, Quantity::PartsAvailable), Sample::Value(8.0));
    assert_eq!(figure(disk, Quantity::PartAvailability), Sample::Value(40.0));
    let none = object(&snapshot, ComponentKind::PartModel, "2");
    assert_eq!(figure(none, Quantity::PartAvailability), Sample::Missing(Missing::NotDefined), "of no parts");
    assert!(snapshot.warnings.first[0].contains("counted by DOQL"), "{:?}", snapshot.warnings);
    // An error inside of status 200.
    appliance.behave(|it| it.code = Some(4));
    let failure = take(&appliance.settings()).unwrap_err();
    assert_eq!(failure.class, SnapshotError::ServerError);
    assert!(
        failure.reason.contains("the report engine is busy") && failure.reason.contains("code 4"),
        "{failure}"
    );

    // Tokens live for a few calls only: they are minted anew in the midst of a snapshot.
    appliance.behave(|it| it.token_life = 3);
    let tokens = appliance.with_tokens();
    let snapshot = take(&tokens).unwrap();
    assert_eq!(of_kind(&snapshot, ComponentKind::Software).len(), 2500);
    assert!(2 < appliance.inner.tokens.load(Ordering::Relaxed));
    appliance.behave(|it| it.token_life = u32::MAX);
    let mut wrong = appliance.with_tokens();
    http(&mut wrong).login =
        Login::Session { user: "rw".to_owned(), password: Secret::new("wr0ng"), app: String::new() };
    let failure = take(&wrong).unwrap_err();
    assert_eq!(
        (failure.class, failure.reason.contains("no token")),
        (SnapshotError::Access, true),
        "{failure}"
    );

    // Software types as they are asked for; rows that come while the list is read are no trouble.
    appliance.behave(|_| ());
    let mut types = appliance.settings();
    types.kinds = vec![ComponentKind::Software];
    types.software_types = vec!["unmanaged".to_owned(), "ignored".to_owned()];
    assert_eq!(take(&types).unwrap().counts(), [(ComponentKind::Software, 2)]);
}

#[test]
fn device42_looks_at_the_dictionary_once() {
    let Some(appliance) = Appliance::start() else { return };
    let mut settings = appliance.settings();
    settings.kinds = vec![ComponentKind::OperatingSystem];
    runtime().block_on(async {
        let mut collector = Collector::new(&settings).unwrap();
        let dictionary = "/services/data/v1.0/dd/";
        collector.take(NOW).await.unwrap();
        collector.take(NOW).await.unwrap();
        assert_eq!(appliance.server.count(dictionary), 1);
        // After an upgrade, which a failure shows, it is looked at again.
        appliance.sql("ALTER TABLE view_os_v1 DROP COLUMN category_name");
        collector.take(NOW).await.unwrap_err();
        collector.take(NOW).await.unwrap();
        assert_eq!(appliance.server.count(dictionary), 2);
    });
}
