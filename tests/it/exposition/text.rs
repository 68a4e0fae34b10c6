//! /metrics: its frozen text, hostile labels, gzip, promtool's opinion.

use super::client::{NOW, Server};
use super::fleet::{Device, at, pdu, rated_amperes, value};
use super::json::alert;
use super::parse::parse;
use rackwarden::alert::Phase;
use rackwarden::http::{Exposition, Limits};
use rackwarden::model::{Batch, ComponentKind, Missing, Quantity, Ratings, Sample, Severity};
use rackwarden::store::{Store, StoreSettings};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

fn render(store: &Store, enough: usize) -> String {
    let mut exposition = Exposition::new(store.snapshot(), at(NOW));
    let mut text = Vec::new();
    let mut chunk = Vec::new();
    while exposition.write(&mut chunk, enough) {
        text.append(&mut chunk);
    }
    text.append(&mut chunk);
    String::from_utf8(text).unwrap()
}

fn small_fleet() -> Store {
    let store = Store::new(StoreSettings::default());
    for batch in small_batches() {
        store.publish(batch);
    }
    store
}

fn small_batches() -> Vec<Batch> {
    let pdu = Device::new("pdu-1", &[("site", "ams1")])
        .component(ComponentKind::Phase, "1", "L1", rated_amperes(32.0))
        .reading(Quantity::Current, "", value(23.4))
        .reading(Quantity::Voltage, "", value(230.0))
        .reading(Quantity::Voltage, "line_to_line", value(398.4))
        .reading(Quantity::PowerFactor, "", Sample::Missing(Missing::NotSupported))
        .component(
            ComponentKind::Outlet,
            "2.14",
            "db \"main\"",
            Ratings {
                active_power_watts: Some(2300.0),
                apparent_power_volt_amperes: Some(2400.5),
                ..rated_amperes(10.0)
            },
        )
        .reading(Quantity::ActivePower, "", value(-0.0))
        .reading(Quantity::ApparentPower, "", value(12.0))
        .reading(Quantity::ReactivePower, "", value(-3.5))
        .reading(Quantity::Energy, "", value(1234.5))
        .reading(Quantity::Frequency, "", value(49.98));
    let ups = Device::new("ups-1", &[])
        .component(ComponentKind::Output, "0", "Output", Ratings::default())
        .reading(Quantity::State, "", value(3.0))
        .reading(Quantity::State, "test", value(9.0))
        .reading(Quantity::Load, "", value(45.2))
        .reading(Quantity::PowerFactor, "", value(0.98))
        .component(ComponentKind::Battery, "0", "Battery", Ratings::default())
        .reading(Quantity::Charge, "", value(100.0))
        .reading(Quantity::Runtime, "", value(1800.0))
        .component(ComponentKind::Sensor, "1", "Probe", Ratings::default())
        .reading(Quantity::Temperature, "", value(-4.5))
        .reading(Quantity::Humidity, "", value(41.0));
    let silent = Device::new("pdu-2", &[])
        .component(ComponentKind::Infeed, "1", "A", rated_amperes(16.0))
        .reading(Quantity::Current, "", value(5.0));
    let forgotten = Device { source: Device::new("pdu-3", &[]).source, ..silent.clone() };
    vec![
        pdu.batch(at(NOW - 3)),
        ups.batch(at(NOW - 4)),
        silent.batch(at(NOW - 60)),
        silent.failed(at(NOW - 2)),
        forgotten.batch(at(NOW - 600)),
    ]
}

/// Frozen: dashboards and recording rules hang on these names, labels and values. Do not change this
/// test: add a metric beside the old one.
#[test]
fn exposition_version_1_is_frozen() {
    assert_eq!(render(&small_fleet(), usize::MAX), include_str!("golden.prom"));
}

#[test]
fn every_metric_of_devices_store_and_http_is_documented() {
    let docs = include_str!("../../../docs/metrics.md");
    let server = Server::start(Limits::default());
    server.store.publish(pdu("pdu", 1).batch(at(NOW)));
    drop(server.get("/metrics"));
    let own = parse(&server.get("/metrics").text()).unwrap();
    let of_devices = parse(include_str!("golden.prom")).unwrap();
    let own = own
        .families
        .into_keys()
        .filter(|it| it.starts_with("rackwarden_http_") || it.starts_with("rackwarden_store_"));
    let missing: Vec<_> =
        of_devices.families.into_keys().chain(own).filter(|it| !docs.contains(&format!("`{it}`"))).collect();
    assert!(missing.is_empty(), "docs/metrics.md lacks {missing:?}");
}

/// Each literal in the source, so that a metric which no test moves is found as well.
#[test]
fn every_metric_in_the_source_is_documented() {
    let docs = include_str!("../../../docs/metrics.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut names = BTreeSet::new();
    for folder in ["telemetry", "http/exposition"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            names.extend(text.split('"').filter_map(metric_name).map(str::to_owned));
        }
    }
    assert!(names.contains("rackwarden_notify_panics_total") && names.contains("rackwarden_device_up"));
    let missing: Vec<_> = names.iter().filter(|it| !docs.contains(&format!("| `{it}` |"))).collect();
    assert!(missing.is_empty(), "docs/metrics.md lacks {missing:?}");
}

/// The whole name that a piece of source text is.
fn metric_name(text: &str) -> Option<&str> {
    let name = text.trim_end_matches('{');
    let is_name = name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_');
    (is_name && name.starts_with("rackwarden_")).then_some(name)
}

#[test]
fn alerts_and_the_build_are_in_a_scrape() {
    let server = Server::start(Limits::default());
    let count = |phase: &str, severity: &str| {
        let scrape = parse(&server.get("/metrics").text()).unwrap();
        assert_eq!(scrape.series.keys().filter(|(name, _)| name == "rackwarden_alerts").count(), 8);
        scrape.value("rackwarden_alerts", &[("phase", phase), ("severity", severity)]).to_string()
    };
    assert_eq!((&*count("firing", "critical"), &*count("pending", "info")), ("0", "0"));
    server.others.alerts.lock().unwrap().extend([
        alert("pdu-1", Phase::Firing, Severity::Critical, 1),
        alert("pdu-2", Phase::Firing, Severity::Critical, 2),
        alert("pdu-3", Phase::Pending, Severity::Info, 3),
    ]);
    assert_eq!((&*count("firing", "critical"), &*count("pending", "info")), ("2", "1"));
    assert_eq!(count("firing", "info"), "0");

    let text = server.get("/metrics").text();
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(parse(&text).unwrap().value("rackwarden_build_info", &version).to_string(), "1");
    for help in text.lines().filter(|it| it.starts_with("# HELP ")) {
        assert!(help.ends_with('.'), "{help}");
    }
    promtool(&text);
}

#[test]
fn counters_stand_at_zero_from_the_start() {
    let server = Server::start(Limits::default());
    let scrape = parse(&server.get("/metrics").text()).unwrap();
    for name in [
        "rackwarden_store_series_dropped_total",
        "rackwarden_http_connections_cut_total",
        "rackwarden_http_answers_failed_total",
        "rackwarden_notify_transitions_total",
        "rackwarden_notify_disk_failures_total",
        "rackwarden_notify_outbox_in_memory",
        "rackwarden_notify_panics_total",
    ] {
        assert!(scrape.families.contains_key(name), "{name}");
    }
}

#[test]
fn chunks_join_to_the_whole() {
    let store = small_fleet();
    for enough in [1, 100, 1000] {
        assert_eq!(render(&store, enough), include_str!("golden.prom"));
    }
}

#[test]
fn an_empty_store_has_no_families() {
    assert_eq!(render(&Store::new(StoreSettings::default()), usize::MAX), "");
}

/// Vendors' texts and operators' labels may hold anything; a scrape is read all the same, and says what
/// was in them.
#[test]
fn hostile_labels_are_read_back() {
    let name = "p\"du\\1\n} 7 #\u{1f50c}";
    let labels =
        [("__name__", "x"), ("device", "y"), ("le", "1"), ("a-b", "1"), ("a.b", "2"), ("7", "z"), ("", "w")];
    let device = Device::new(name, &labels)
        .component(ComponentKind::Outlet, "1", "\\\"\n\"\\,state=\"", Ratings::default())
        .reading(Quantity::Current, "\"}\n", value(1.0))
        .reading(Quantity::State, "", value(3.0))
        .component(ComponentKind::Outlet, "2", "nul\0tab\tcr\r", Ratings::default())
        .reading(Quantity::Current, "", value(2.0));
    let store = Store::new(StoreSettings::default());
    store.publish(device.batch(at(NOW)));
    let text = render(&store, usize::MAX);
    let scrape = parse(&text).unwrap();
    let operator = [
        ("label___name__", "x"),
        ("label_device", "y"),
        ("label_le", "1"),
        ("a_b", "1"),
        ("label_a_b", "2"),
        ("label_7", "z"),
        ("label_", "w"),
    ];
    let own = [("device", name), ("index", "1"), ("name", "\\\"\n\"\\,state=\""), ("reading", "\"}\n")];
    let all: Vec<_> = own.into_iter().chain(operator).collect();
    assert_eq!(scrape.value("rackwarden_current_amperes", &all).to_string(), "1");
    assert_eq!(scrape.value("rackwarden_current_amperes", &[("name", "nul tab cr ")]).to_string(), "2");
    assert_eq!(scrape.value("rackwarden_state_info", &[("state", "onBattery")]).to_string(), "1");
    promtool(&text);
}

#[test]
fn of_readings_with_the_same_labels_the_first_is_exposed() {
    let device = Device::new("pdu", &[])
        .component(ComponentKind::Outlet, "1", "", rated_amperes(10.0))
        .reading(Quantity::Current, "", value(1.0))
        .reading(Quantity::Current, "", value(2.0))
        .component(ComponentKind::Outlet, "1", "", rated_amperes(16.0))
        .reading(Quantity::Current, "", value(3.0));
    let store = Store::new(StoreSettings::default());
    store.publish(device.batch(at(NOW)));
    let text = render(&store, usize::MAX);
    let scrape = parse(&text).unwrap();
    assert_eq!(scrape.value("rackwarden_current_amperes", &[]).to_string(), "1");
    assert_eq!(scrape.value("rackwarden_rated_current_amperes", &[]).to_string(), "10");
    promtool(&text);
}

#[test]
fn numbers_that_are_none_are_missing() {
    let device = Device::new("pdu", &[])
        .component(ComponentKind::Outlet, "1", "", Ratings::default())
        .reading(Quantity::Current, "", value(f64::NAN))
        .reading(Quantity::Voltage, "", value(f64::INFINITY));
    let store = Store::new(StoreSettings::default());
    store.publish(device.batch(at(NOW)));
    let scrape = parse(&render(&store, usize::MAX)).unwrap();
    assert!(scrape.lacks("rackwarden_current_amperes", &[]) && scrape.lacks("rackwarden_voltage_volts", &[]));
    let missing = scrape.value("rackwarden_readings_missing", &[("reason", "wrong_type")]);
    assert_eq!(missing.to_string(), "2");
}

#[test]
fn a_scrape_over_a_socket_is_whole_plain_or_gzip() {
    let server = Server::start(Limits::default());
    for batch in small_batches() {
        server.store.publish(batch);
    }
    for number in 0..200 {
        server.store.publish(pdu(&format!("room-{number:03}"), 40).batch(at(NOW)));
    }
    let plain = server.get("/metrics");
    assert_eq!(plain.status, 200);
    assert!(plain.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{}", plain.head);
    assert!(!plain.head.contains("content-encoding"));
    let scrape = parse(&plain.text()).unwrap();
    assert_eq!(
        scrape.value("rackwarden_current_amperes", &[("device", "room-199"), ("index", "40")]).to_string(),
        "12"
    );
    assert!(1_000_000 < plain.body.len(), "several chunks");
    promtool(&plain.text());

    let zipped = server
        .ask("GET /metrics HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
    assert!(zipped.head.contains("content-encoding: gzip"), "{}", zipped.head);
    assert!(zipped.body.len() * 5 < plain.body.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*zipped.body).read_to_string(&mut text).unwrap();
    let devices = |text: &str| text.split_once("# HELP process_").unwrap().0.to_owned();
    assert_eq!(devices(&text), devices(&plain.text()));

    let scrape = parse(&server.get("/metrics").text()).unwrap();
    assert!(
        scrape.value("rackwarden_http_requests_total", &[("route", "/metrics"), ("status", "200")]) >= 2.0
    );
    assert!(scrape.value("rackwarden_http_scrape_render_seconds_count", &[]) >= 2.0);
}

#[test]
fn a_value_of_a_failed_or_stale_poll_is_absent() {
    let scrape = parse(&render(&small_fleet(), usize::MAX)).unwrap();
    for (device, class) in [("pdu-2", "timeout"), ("pdu-3", "stale")] {
        let device = ("device", device);
        assert_eq!(scrape.value("rackwarden_device_up", &[device]).to_string(), "0");
        assert!(scrape.lacks("rackwarden_current_amperes", &[device]));
        assert_eq!(scrape.value("rackwarden_device_error", &[device, ("class", class)]).to_string(), "1");
        assert_eq!(
            scrape.value("rackwarden_readings_missing", &[device, ("reason", class)]).to_string(),
            "1"
        );
    }
}

/// `promtool check metrics` where it is installed: it exits with 3 for mere style.
fn promtool(text: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut tool = match started {
        Ok(tool) => tool,
        Err(error) => {
            crate::support::left_out(&format!("promtool check metrics ({error}): Debian package prometheus"));
            return;
        }
    };
    let mut input = tool.stdin.take().unwrap();
    let text = Arc::<str>::from(text);
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = tool.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool: {said}");
    assert_eq!(said, "", "promtool has remarks");
}
