//! Scrapes in OpenMetrics, scrapes of some devices, and the service discovery that leads to them.

use super::client::{NOW, Server};
use super::fleet::{Device, at, pdu};
use rackwarden::http::Limits;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What Prometheus sends.
const ACCEPT: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

fn room() -> Server {
    let server = Server::start(Limits::default());
    for (name, site) in [("pdu-1", "ams1"), ("pdu-2", "ams1"), ("pdu-3", "fra1")] {
        let mut device = pdu(name, 2);
        device.source.labels = rackwarden::model::Labels::new([("site", site), ("rack-row", "7")]);
        server.store.publish(device.batch(at(NOW)));
    }
    server
}

fn open_metrics(server: &Server, path: &str) -> String {
    let answer = server
        .ask(&format!("GET {path} HTTP/1.1\r\nHost: t\r\nAccept: {ACCEPT}\r\nConnection: close\r\n\r\n"));
    assert_eq!(answer.status, 200);
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(answer.head.contains(kind), "{}", answer.head);
    assert!(answer.head.contains("vary: accept, accept-encoding"), "{}", answer.head);
    answer.text()
}

/// The series of a text, without their values: two scrapes are not of one moment.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|it| !it.starts_with('#'));
    lines.map(|it| it.rsplit_once(' ').unwrap().0.replace(".0\"}", "\"}")).collect()
}

fn devices(text: &str) -> BTreeSet<String> {
    let ups = text.lines().filter_map(|it| it.strip_prefix("rackwarden_device_up{device=\""));
    ups.map(|it| it.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn open_metrics_has_the_same_series_with_units_and_an_end() {
    let server = room();
    // The first scrape of all makes a series of its own.
    drop(server.get("/metrics"));
    let (text, open) = (server.get("/metrics").text(), open_metrics(&server, "/metrics"));
    assert_eq!(series(&text), series(&open));
    assert!(open.ends_with("\n# EOF\n") && open.matches("# EOF").count() == 1);
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"));
    for lines in [
        "# TYPE rackwarden_current_amperes gauge\n# UNIT rackwarden_current_amperes amperes\n# HELP ",
        "# TYPE rackwarden_device info\n# HELP rackwarden_device Who the device says it is; always 1.\nrackwarden_device_info{",
        "# TYPE rackwarden_build info\n",
        "# TYPE rackwarden_http_requests counter\n# HELP rackwarden_http_requests Requests answered, by route and status.\n\
         rackwarden_http_requests_total{",
        "# TYPE rackwarden_http_scrape_render_seconds histogram\n# UNIT rackwarden_http_scrape_render_seconds seconds\n",
        "rackwarden_http_scrape_render_seconds_bucket{le=\"1.0\"} ",
        "rackwarden_http_scrape_render_seconds_bucket{le=\"+Inf\"} ",
    ] {
        assert!(open.contains(lines), "{lines}\n{open}");
    }
    // A sample's name is its family's, with an end that fits the family's type.
    let mut families: BTreeMap<&str, &str> = BTreeMap::new();
    let mut family = "";
    for line in open.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|it| it.split_once(' ')) {
            assert!(families.insert(name, kind).is_none(), "second {line}");
            family = name;
        } else if let Some((name, unit)) = line.strip_prefix("# UNIT ").and_then(|it| it.split_once(' ')) {
            assert!(name == family && name.ends_with(&format!("_{unit}")), "{line}");
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let end = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} within {family}"));
            let ends: &[&str] = match families[family] {
                "counter" => &["_total"],
                "info" => &["_info"],
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(ends.contains(&end), "{line} within {family}");
        }
    }
}

#[test]
fn scrapes_of_some_devices() {
    let server = room();
    let of = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>();
    for (path, expected) in [
        ("/metrics", of(&["pdu-1", "pdu-2", "pdu-3"])),
        ("/metrics?device=pdu-2", of(&["pdu-2"])),
        ("/metrics?device=pdu-2&device=pdu-3", of(&["pdu-2", "pdu-3"])),
        ("/metrics?match=site=ams1", of(&["pdu-1", "pdu-2"])),
        ("/metrics?match=site=ams1&match=rack-row!=7", of(&[])),
        ("/metrics?match=site!=ams1&device=pdu-3", of(&["pdu-3"])),
        ("/metrics/collector", of(&[])),
    ] {
        for text in [server.get(path).text(), open_metrics(&server, path)] {
            assert_eq!(devices(&text), expected, "{path}");
            // The collector's own series stand in one place, or each target would bring them anew.
            let has_own = text.contains("rackwarden_build_info{") && text.contains("rackwarden_alerts{");
            assert_eq!(has_own, !path.contains('?'), "{path}");
        }
    }
    let text = server.get("/metrics").text();
    assert!(text.contains("rackwarden_http_scrape_series "), "{text}");
    for (path, status, error) in [
        ("/metrics?device=gone", 404, "no_such_device"),
        ("/metrics?device=pdu-1&match=site=fra1", 404, "no_such_device"),
        ("/metrics?devices=pdu-1", 400, "bad_parameter"),
        ("/metrics?match=site", 400, "bad_parameter"),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, &answer.json()["error"]), (status, &json!(error)), "{path}");
    }
}

/// Frozen: relabelling rules of users hang on these names.
#[test]
fn targets_version_1_are_frozen() {
    let server = room();
    let answer = server.ask(
        "GET /api/v1/targets/http_sd?match=site=fra1 HTTP/1.1\r\nHost: collector.example:10916\r\n\
         Connection: close\r\n\r\n",
    );
    assert!(answer.head.contains("content-type: application/json"), "Prometheus wants it so");
    assert_eq!(
        answer.json(),
        json!([{
            "targets": ["collector.example:10916"],
            "labels": {
                "__scheme__": "http",
                "__metrics_path__": "/metrics",
                "__param_device": "pdu-3",
                "instance": "pdu-3",
                "__meta_rackwarden_device": "pdu-3",
                "__meta_rackwarden_address": "192.0.2.7:161",
                "__meta_rackwarden_profile": "apc-rpdu2",
                "__meta_rackwarden_vendor": "APC",
                "__meta_rackwarden_model": "AP8959",
                "__meta_rackwarden_label_site": "fra1",
                "__meta_rackwarden_label_rack_row": "7",
            }
        }])
    );
    assert_eq!(server.get("/api/v1/targets/http_sd").json().as_array().unwrap().len(), 3);
    assert_eq!(server.get("/api/v1/targets/http_sd?site=x").status, 400);
}

#[test]
fn too_many_targets_are_not_cut_short() {
    let server = Server::start(Limits::default());
    for number in 0..=Limits::TARGETS_MAX {
        server.store.publish(Device::new(&format!("pdu-{number:05}"), &[]).batch(at(NOW)));
    }
    let answer = server.get("/api/v1/targets/http_sd");
    assert_eq!(answer.status, 400, "a list that is not whole would have Prometheus drop the rest");
    assert!(answer.text().contains("20001 targets"), "{}", answer.text());
    assert_eq!(server.get("/api/v1/targets/http_sd?device=pdu-00007").json().as_array().unwrap().len(), 1);
}
