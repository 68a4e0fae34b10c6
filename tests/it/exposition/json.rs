//! The JSON API: its frozen shape, filters, pages, errors.
//!
//! Frozen means: clients hang on these names. Do not change a test marked so: a new field is added here,
//! an old one never leaves nor changes its meaning; for that there is /api/v2.

use super::client::{NOW, Server};
use super::fleet::{Device, at, pdu, rated_amperes, value};
use rackwarden::alert::{AlertFacts, AlertKey, Phase};
use rackwarden::http::{ActiveAlert, Limits, OutboxFacts, Readiness};
use rackwarden::model::{ComponentKind, Labels, Missing, Oid, Quantity, Ratings, Sample, Severity};
use serde_json::{Value, json};
use std::sync::Arc;

fn room() -> Server {
    let server = Server::start(Limits::default());
    let ups = Device::new("ups-1", &[("site", "ams1"), ("feed", "b")])
        .component(ComponentKind::Output, "0", "Output", rated_amperes(13.0))
        .reading(Quantity::State, "", value(3.0))
        .reading(Quantity::Current, "", value(4.5))
        .component(ComponentKind::Battery, "0", "Battery", Ratings::default())
        .reading(Quantity::Charge, "test", Sample::Missing(Missing::NotSupported));
    let mut silent = Device::new("pdu-1", &[("site", "fra2")])
        .component(ComponentKind::Phase, "1", "L1", Ratings::default())
        .reading(Quantity::Current, "", value(5.0));
    server.store.publish(ups.batch(at(NOW - 4)));
    server.store.publish(silent.batch(at(NOW - 40)));
    server.store.publish(silent.failed(at(NOW - 2)));
    silent.source.device = "pdu-0".into();
    silent.source.profile = "".into();
    silent.shape.readings = Arc::default();
    silent.samples.clear();
    server.store.publish(silent.failed(at(NOW - 100)));
    server
}

pub(super) fn alert(device: &str, phase: Phase, severity: Severity, since: u64) -> Arc<ActiveAlert> {
    let facts = AlertFacts {
        key: AlertKey(format!("rule/{device}/phase/1").into()),
        rule: "phase-load".into(),
        rule_type: "power_unit_infeed",
        trigger: "percent_of_rated",
        notes: Some("Move load to feed B.".into()),
        runbook: None,
        integrations: Arc::from(["ops".into()]),
        device: device.into(),
        address: "192.0.2.7:161".to_owned(),
        model: "APC AP8959".to_owned(),
        labels: Labels::new([("site", "ams1")]),
        component: Some((ComponentKind::Phase, "1".into(), "L1".into())),
        source: Some(Oid::new(&[1, 3, 6, 1, 4, 1, 318, 1]).into()),
        reading: "current".to_owned(),
        value: Some(92.5),
        unit: "%",
        operator: ">",
        threshold: Some(80.0),
        rated: Some(32.0),
        last_values: Vec::new(),
        since: at(since).unix,
    };
    Arc::new(ActiveAlert {
        facts: Arc::new(facts),
        phase,
        severity,
        reason: "92.5 % > 80 % for 30 s".to_owned(),
    })
}

fn outbox(healthy: bool) -> OutboxFacts {
    OutboxFacts {
        name: "ops".to_owned(),
        waiting: 2,
        sent: 40,
        dead_letters: 1,
        last_error: Some("429 Too Many Requests".to_owned()),
        last_error_at: Some(at(NOW - 60).unix),
        healthy,
    }
}

fn names(list: &Value, field: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|it| it[field].as_str().unwrap().to_owned()).collect()
}

/// Frozen, see above.
#[test]
fn devices_version_1_is_frozen() {
    let answer = room().get("/api/v1/devices?match=site=ams1");
    assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
    let expected = json!({
        "devices": [{
            "name": "ups-1",
            "address": "192.0.2.7:161",
            "labels": { "feed": "b", "site": "ams1" },
            "profile": "apc-rpdu2",
            "identity": {
                "vendor": "APC",
                "model": "AP8959",
                "serial": "5A1",
                "firmware": "v6.9",
                "sys_object_id": "1.3.6.1.4.1.318",
                "sys_descr": "APC \"Web\"",
                "sys_name": "rack7",
            },
            "interval_seconds": 10.0,
            "up": true,
            "stale": false,
            "error": null,
            "last_poll": "2023-11-14T23:43:16.000Z",
            "age_seconds": 4.0,
            "last_success": "2023-11-14T23:43:16.000Z",
            "poll_duration_seconds": 0.012,
            "requests": {
                "sent": 0, "repeated": 0, "round_trip_seconds": null,
                "cells_per_get": 0, "octets_per_get": 0, "repetitions_per_getbulk": 0,
                "too_many": { "cells": null, "octets": null, "repetitions": null },
            },
            "readings_total": 3,
            "readings_missing": 1,
        }],
        "next": null,
    });
    assert_eq!(answer.json(), expected);
}

/// Frozen, see above.
#[test]
fn a_device_version_1_is_frozen() {
    let expected = json!({
        "name": "pdu-1",
        "address": "192.0.2.7:161",
        "labels": { "site": "fra2" },
        "profile": "apc-rpdu2",
        "identity": {
            "vendor": "APC",
            "model": "AP8959",
            "serial": "5A1",
            "firmware": "v6.9",
            "sys_object_id": "1.3.6.1.4.1.318",
            "sys_descr": "APC \"Web\"",
            "sys_name": "rack7",
        },
        "interval_seconds": 10.0,
        "up": false,
        "stale": false,
        "error": {
            "class": "timeout",
            "message":
                "no answer in time",
        },
        "last_poll": "2023-11-14T23:43:18.000Z",
        "age_seconds": 2.0,
        "last_success": "2023-11-14T23:42:40.000Z",
        "poll_duration_seconds": 0.012,
        "requests": {
            "sent": 0, "repeated": 0, "round_trip_seconds": null,
            "cells_per_get": 0, "octets_per_get": 0, "repetitions_per_getbulk": 0,
            "too_many": { "cells": null, "octets": null, "repetitions": null },
        },
        "readings_total": 1,
        "readings_missing": 1,
        "readings": [{
            "device": "pdu-1",
            "component": "phase",
            "index": "1",
            "label": "L1",
            "quantity": "current",
            "name": "",
            "unit": "A",
            "value": null,
            "missing": "timeout",
            "state": null,
            "source": "1.3.6.1.4.1.318.1",
            "rated": null,
            "age_seconds": 2.0,
            "stale": false,
            "last_value": {
                "value": 5.0,
                "state": null,
                "time": "2023-11-14T23:42:40.000Z",
                "age_seconds": 40.0,
            },
        }],
    });
    assert_eq!(room().get("/api/v1/devices/pdu-1").json(), expected);
}

/// Frozen, see above.
#[test]
fn readings_version_1_is_frozen() {
    let reading = |number: u32, component: &str, label: &str, quantity: &str, name: &str, unit: &str| {
        json!({
            "device": "ups-1",
            "component": component,
            "index": "0",
            "label": label,
            "quantity": quantity,
            "name": name,
            "unit": unit,
            "value": null,
            "missing": null,
            "state": null,
            "source": format!("1.3.6.1.4.1.318.{number}"),
            "rated": null,
            "age_seconds": 4.0,
            "stale": false,
            "last_value": null,
        })
    };
    let mut state = reading(1, "output", "Output", "state", "", "1");
    state["value"] = json!(3.0);
    state["state"] = json!({ "name": "onBattery", "severity": "critical" });
    let mut current = reading(2, "output", "Output", "current", "", "A");
    current["value"] = json!(4.5);
    current["rated"] = json!(13.0);
    let mut charge = reading(3, "battery", "Battery", "charge", "test", "%");
    charge["missing"] = json!("not_supported");
    let expected = json!({ "readings": [state, current, charge], "next": null });
    assert_eq!(room().get("/api/v1/readings?device=ups-1").json(), expected);
}

/// Frozen, see above.
#[test]
fn alerts_version_1_is_frozen() {
    let server = room();
    server.others.alerts.lock().unwrap().push(alert("ups-1", Phase::Firing, Severity::Critical, 5000));
    let expected = json!({
        "alerts": [{
            "key": "rule/ups-1/phase/1",
            "rule": "phase-load",
            "rule_type": "power_unit_infeed",
            "trigger": "percent_of_rated",
            "phase": "firing",
            "severity": "critical",
            "reason": "92.5 % > 80 % for 30 s",
            "since": "2023-11-14T23:36:40.000Z",
            "device": "ups-1",
            "address": "192.0.2.7:161",
            "model": "APC AP8959",
            "labels": { "site": "ams1" },
            "component": "phase",
            "index": "1",
            "label": "L1",
            "reading": "current",
            "value": 92.5,
            "unit": "%",
            "operator": ">",
            "threshold": 80.0,
            "rated": 32.0,
            "source": "1.3.6.1.4.1.318.1",
            "notes": "Move load to feed B.",
            "runbook": null,
            "integrations": ["ops"],
        }],
        "truncated": false,
    });
    assert_eq!(server.get("/api/v1/alerts").json(), expected);
}

/// Frozen, see above.
#[test]
fn status_version_1_is_frozen() {
    let server = room();
    server.others.outbox.lock().unwrap().push(outbox(true));
    server.others.alerts.lock().unwrap().push(alert("ups-1", Phase::Pending, Severity::Warning, 1));
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "time": "2023-11-14T23:43:20.000Z",
        "started": "2023-11-14T22:13:20.000Z",
        "uptime_seconds": 5400.0,
        "ready": true,
        "reasons": [],
        "devices": { "total": 3, "up": 1, "down": 2, "stale": 1 },
        "sources": { "total": 0, "up": 0, "down": 0, "stale": 0, "objects": 0 },
        "readings": { "total": 4, "missing": 2 },
        "alerts": { "firing": 0, "pending": 1 },
        "outbox": [{
            "name": "ops",
            "healthy": true,
            "waiting": 2,
            "sent": 40,
            "dead_letters": 1,
            "last_error": "429 Too Many Requests",
            "last_error_at": "2023-11-14T23:42:20.000Z",
        }],
    });
    assert_eq!(server.get("/api/v1/status").json(), expected);
}

/// Frozen, see above.
#[test]
fn health_version_1_is_frozen() {
    let server = room();
    assert_eq!(server.get("/healthz").json(), json!({ "status": "ok" }));
    assert_eq!(server.get("/readyz").json(), json!({ "ready": true, "reasons": [] }));
    server.ready.send_replace(Readiness { config_loaded: true, ..Readiness::default() });
    server.others.outbox.lock().unwrap().extend([outbox(true), outbox(false)]);
    let answer = server.get("/readyz");
    assert_eq!(answer.status, 503);
    let expected = json!({
        "ready": false,
        "reasons": [
            { "check": "listeners", "message": "not all listeners are up yet" },
            { "check": "polls", "message": "the first polls have not started yet" },
            { "check": "outbox", "message": "ops: 429 Too Many Requests" },
        ],
    });
    assert_eq!(answer.json(), expected);
    assert_eq!(server.get("/healthz").status, 200, "alive all the same");
}

/// A browser is told in a page; what is made for scripts stays as it is.
#[test]
fn people_are_told_in_a_page_what_is_wrong() {
    let server = room();
    for (path, told) in [
        ("/devices/%3Cb%3E", Some("no device `&lt;b&gt;` has been polled")),
        ("/nowhere", Some("nothing is at this path")),
        ("/api/v1/devices/nobody", None),
        ("/metrics?device=nobody", None),
    ] {
        let accept = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";
        let answer =
            server.ask(&format!("GET {path} HTTP/1.1\r\nHost: t\r\n{accept}\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.status, 404, "{path}");
        let Some(told) = told else {
            assert!(answer.head.contains("content-type: application/json"), "{answer:?}");
            continue;
        };
        assert!(answer.head.contains("content-type: text/html; charset=utf-8"), "{answer:?}");
        let text = answer.text();
        assert!(
            text.contains("<h2>Not Found</h2>") && text.contains(told) && !text.contains("<b>"),
            "{text}"
        );
    }
}

/// Frozen, see above.
#[test]
fn errors_version_1_are_frozen() {
    let server = room();
    for (path, status, error, message) in [
        (
            "/api/v1/devices/nobody",
            404,
            "no_such_device",
            "no device `nobody` has been polled; /api/v1/devices lists those that have",
        ),
        ("/api/v2/devices", 404, "no_such_path", "nothing is at this path; / links what there is"),
        (
            "/api/v1/readings?component=wall",
            400,
            "bad_parameter",
            "component: `wall` is none of its values; write one of device, infeed, phase, bank, outlet, sensor, input, output, bypass, battery",
        ),
        (
            "/api/v1/alerts?quantity=current",
            400,
            "bad_parameter",
            "quantity: is no parameter of this path; known here: device, phase, match",
        ),
        (
            "/api/v1/devices?limit=x",
            400,
            "bad_parameter",
            "limit: `x` is out of bounds; write a number from 1 to 10000",
        ),
    ] {
        let answer = server.get(path);
        assert_eq!(
            (answer.status, answer.json()),
            (status, json!({ "error": error, "message": message })),
            "{path}"
        );
    }
    let answer =
        server.ask("POST /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((answer.status, answer.json()["error"].clone()), (405, json!("method_not_allowed")));
    assert!(answer.head.contains("allow: get,head"), "{}", answer.head);
}

#[test]
fn a_device_that_was_learnt_before_shows_its_last_readings() {
    let server = room();
    let learnt = pdu("pdu-9", 1);
    server.store.publish(learnt.batch(at(NOW - 50)));
    let unlearnt = Device { source: learnt.source, ..Device::default() };
    server.store.publish(unlearnt.failed(at(NOW - 1)));
    let answer = server.get("/api/v1/readings?device=pdu-9&quantity=current").json();
    let reading = &answer["readings"][0];
    assert_eq!((&reading["value"], &reading["missing"]), (&json!(null), &json!("timeout")));
    assert_eq!(
        (&reading["last_value"]["value"], &reading["last_value"]["age_seconds"]),
        (&json!(0.7), &json!(50.0))
    );
}

#[test]
fn a_stale_reading_says_so() {
    let server = room();
    server.store.publish(pdu("pdu-9", 1).batch(at(NOW - 31)));
    let answer = server.get("/api/v1/devices/pdu-9").json();
    assert_eq!((&answer["stale"], &answer["up"]), (&json!(true), &json!(false)));
    let reading = &answer["readings"][0];
    assert_eq!(
        (&reading["stale"], &reading["age_seconds"], &reading["value"]),
        (&json!(true), &json!(31.0), &json!(0.7))
    );
}

#[test]
fn a_device_that_was_never_learnt_has_no_profile_and_no_success() {
    let answer = room().get("/api/v1/devices/pdu-0").json();
    assert_eq!((&answer["profile"], &answer["last_success"]), (&json!(null), &json!(null)));
    assert_eq!(answer["readings"], json!([]));
}

#[test]
fn filters_narrow() {
    let server = room();
    for (query, expected) in [
        ("", &["current", "state", "current", "charge"][..]),
        ("?quantity=current", &["current", "current"]),
        ("?quantity=current&quantity=charge", &["current", "current", "charge"]),
        ("?component=output", &["state", "current"]),
        ("?device=ups-1&component=battery", &["charge"]),
        ("?match=site=ams1&match=feed!=b", &[]),
        ("?match=feed%21%3Db", &["current"]),
        ("?device=nobody", &[]),
    ] {
        let answer = server.get(&format!("/api/v1/readings{query}")).json();
        assert_eq!(names(&answer["readings"], "quantity"), expected, "{query}");
    }
}

#[test]
fn pages_hold_whole_devices_and_join_to_the_whole() {
    let server = Server::start(Limits::default());
    for number in 0..5 {
        server.store.publish(pdu(&format!("pdu-{number}"), 3).batch(at(NOW)));
    }
    let mut after = String::new();
    let mut seen = Vec::new();
    loop {
        let page = server.get(&format!("/api/v1/readings?limit=7{after}")).json();
        let devices = names(&page["readings"], "device");
        assert!(devices.len().is_multiple_of(6), "whole devices");
        seen.extend(devices);
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen.len(), 30);
    assert!(seen.is_sorted());
    let page = server.get("/api/v1/devices?limit=2&after=pdu-1").json();
    assert_eq!(
        (names(&page["devices"], "name"), &page["next"]),
        (vec!["pdu-2".to_owned(), "pdu-3".to_owned()], &json!("pdu-3"))
    );
    assert_eq!(server.get("/api/v1/devices?limit=2&after=pdu-2").json()["next"], json!(null));
}

#[test]
fn alerts_are_sorted_by_what_matters() {
    let server = room();
    server.others.alerts.lock().unwrap().extend([
        alert("pending", Phase::Pending, Severity::Critical, 1),
        alert("young", Phase::Firing, Severity::Critical, 30),
        alert("mild", Phase::Firing, Severity::Warning, 1),
        alert("old", Phase::Firing, Severity::Critical, 20),
    ]);
    let answer = server.get("/api/v1/alerts").json();
    assert_eq!(names(&answer["alerts"], "device"), ["old", "young", "mild", "pending"]);
    let answer = server.get("/api/v1/alerts?phase=pending").json();
    assert_eq!(names(&answer["alerts"], "device"), ["pending"]);
}

#[test]
fn the_page_shows_what_is_wrong_and_escapes_it() {
    let server = room();
    let mut hostile = (*alert("<script>&\"'", Phase::Firing, Severity::Critical, 5000)).clone();
    hostile.reason = "23.4 A > 20 A".to_owned();
    let facts = Arc::make_mut(&mut hostile.facts);
    facts.notes = Some("Move load to <b> feed.".into());
    facts.runbook = Some("javascript:alert(1)".into());
    server.others.alerts.lock().unwrap().push(Arc::new(hostile));
    let answer = server.get("/");
    assert!(answer.head.contains("content-security-policy: default-src 'none'"), "{}", answer.head);
    let html = answer.text();
    for expected in [
        "<strong>&lt;script&gt;&amp;&quot;&#39;</strong> 23.4 A &gt; 20 A",
        "1 of 3",
        "<strong><a href=\"/devices/pdu-1\">pdu-1</a></strong> no answer in time",
        "<strong><a href=\"/devices/pdu-0\">pdu-0</a></strong> not polled for 100 s",
        "not read since the start",
        "last read 40 s ago at <time datetime=\"2023-11-14T23:42:40.000Z\">2023-11-14 23:42:40</time> UTC",
        "<b class=\"critical\">critical</b> <strong>&lt;script&gt;",
        "phase 1 · L1 · APC AP8959",
        "<small>site ams1</small>",
        "<p>Move load to &lt;b&gt; feed.</p>",
        "<p>runbook: javascript:alert(1)</p>",
        "2023-11-14 23:36:40</time> UTC (6 min ago) · rule phase-load",
        "as of <time datetime=\"2023-11-14T23:43:20.000Z\">2023-11-14 23:43:20</time> (UTC), rackwarden 0.",
        "<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>",
        "<p id=\"verdict\" class=\"bad\" data-live>1 alert fires, 2 devices are down</p>",
        "<title>1 firing, 2 down",
        "href=\"/metrics\"",
    ] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    assert!(html.matches("<script").count() == 1, "only ours: {html}");
    assert!(!html.contains("href=\"javascript"), "{html}");
}

#[test]
fn the_page_of_a_healthy_room_is_calm() {
    let server = Server::start(Limits::default());
    server.store.publish(pdu("pdu-1", 1).batch(at(NOW)));
    let html = server.get("/").text();
    assert!(
        html.contains("All is well")
            && html.contains("No alert is firing.")
            && html.contains("All devices answer."),
        "{html}"
    );
}
