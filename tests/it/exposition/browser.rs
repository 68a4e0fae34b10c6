//! The status page in a real browser: headless Chromium, live, wide and narrow, dark and light. (Without scripts
//! it is what the server sends, which json.rs reads; headless Chromium itself needs them.) Screenshots
//! are left in target/tmp for people to look at.

use super::client::{NOW, Server};
use super::fleet::{Device, at, rated_amperes, value};
use super::json::alert;
use crate::support::left_out;
use rackwarden::alert::Phase;
use rackwarden::http::{Limits, OutboxFacts};
use rackwarden::model::{ComponentKind, Missing, Quantity, Ratings, Sample, Severity};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A browser at work; ends with the test.
struct Browser(Option<Child>);

impl Browser {
    /// `None`, with a word, where there is none.
    fn start(folder: &Path, arguments: &[&str], address: &str) -> Option<Self> {
        let started = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--hide-scrollbars", "--no-first-run", "--disable-background-networking"])
            .arg("--enable-logging=stderr")
            .arg(format!("--user-data-dir={}", folder.display()))
            .args(arguments)
            .arg(address)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        match started {
            Ok(child) => Some(Self(Some(child))),
            Err(error) => {
                left_out(&format!("the page in a browser ({error}): Debian package chromium"));
                None
            }
        }
    }

    /// What it printed, and what it had to complain of.
    fn ended(mut self) -> (String, String) {
        let output = self.0.take().unwrap().wait_with_output().unwrap();
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take()
            && child.kill().is_ok()
        {
            child.wait().unwrap();
        }
    }
}

/// A small room at that point of its hour.
fn devices(step: u32) -> Vec<Device> {
    let wave = |size: f64, every: f64| size * (f64::from(step) / every).sin();
    let mut pdu = Device::new("pdu-a.ams1.r17", &[("site", "ams1"), ("rack", "r17"), ("feed", "a")])
        .component(ComponentKind::Infeed, "1", "Infeed A", rated_amperes(32.0))
        .reading(Quantity::ActivePower, "", value(5230.0 + wave(600.0, 7.0)))
        .reading(Quantity::Energy, "", value(1_234_567.0));
    for (phase, amperes) in [("1", 29.6), ("2", 8.1), ("3", 7.4)] {
        pdu = pdu
            .component(ComponentKind::Phase, phase, &format!("L{phase}"), rated_amperes(32.0))
            .reading(Quantity::Current, "", value(amperes + wave(1.5, 5.0)))
            .reading(Quantity::Voltage, "", value(230.0 + wave(1.0, 9.0)));
    }
    for outlet in 1..=24 {
        pdu = pdu
            .component(
                ComponentKind::Outlet,
                &outlet.to_string(),
                &format!("db-{outlet:02}"),
                rated_amperes(10.0),
            )
            .reading(Quantity::Current, "", value(f64::from(outlet % 7)));
    }
    let ups = Device::new("ups-1", &[("site", "ams1"), ("room", "b2")])
        .component(ComponentKind::Output, "0", "Output", Ratings::default())
        .reading(Quantity::State, "", value(if step < 40 { 2.0 } else { 3.0 }))
        .reading(Quantity::Load, "", value(45.2 + wave(6.0, 11.0)))
        .component(ComponentKind::Battery, "0", "Battery", Ratings::default())
        .reading(Quantity::Charge, "", value(100.0 - f64::from(step.saturating_sub(40)) * 1.7))
        .reading(Quantity::Runtime, "", value(3120.0))
        .reading(Quantity::Temperature, "", value(24.5 + wave(0.5, 13.0)))
        .reading(Quantity::Voltage, "", Sample::Missing(Missing::NotSupported));
    vec![pdu, ups]
}

/// A room with an hour behind it and something wrong in it.
fn room(limits: Limits) -> Server {
    let server = Server::start(limits);
    let silent = Device::new("sensor-7", &[("site", "fra1")])
        .component(ComponentKind::Sensor, "1", "Cold aisle", Ratings::default())
        .reading(Quantity::Temperature, "", value(22.0));
    server.store.publish(silent.batch(at(NOW - 600)));
    server.store.publish(silent.failed(at(NOW - 2)));
    for device in devices(0) {
        server.store.publish(device.batch(at(NOW - 4)));
    }
    server.others.outbox.lock().unwrap().push(OutboxFacts {
        name: "ops".to_owned(),
        waiting: 2,
        sent: 40,
        dead_letters: 1,
        last_error: Some("429 Too Many Requests".to_owned()),
        last_error_at: Some(at(NOW - 60).unix),
        healthy: true,
    });
    server
}

#[test]
fn the_page_updates_live_and_keeps_to_its_policy() {
    let server = room(Limits { history_every: Duration::from_secs(3600), ..Limits::default() });
    let folder = tempfile::tempdir().unwrap();
    let page = format!("http://{}/", server.address);
    let loads = || server.others.asked.load(Ordering::Relaxed);
    // The first point of the curves asks for the alerts too.
    while loads() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let before = loads();
    let patience = ["--dump-dom", "--virtual-time-budget=12000"];
    let Some(browser) = Browser::start(folder.path(), &patience, &page) else { return };
    while loads() == before {
        std::thread::sleep(Duration::from_millis(10));
    }
    // It has the calm page: what happens now comes by the script.
    server.others.alerts.lock().unwrap().push(alert("ups-1", Phase::Firing, Severity::Critical, 5000));
    let (dom, complaints) = browser.ended();
    assert!(before + 1 < loads(), "asked again: {complaints}");
    for expected in [
        "<p id=\"said\" class=\"aloud\" role=\"status\">1 alert fires, 1 device is down</p>",
        "<title>1 firing, 1 down · Rackwarden</title>",
        "<a href=\"/devices/ups-1\">ups-1</a></strong> 92.5 % &gt; 80 % for 30 s",
        "<p id=\"lost\" role=\"alert\" hidden=\"\">",
    ] {
        assert!(dom.contains(expected), "{expected}\n{dom}\n{complaints}");
    }
    assert!(
        !complaints.contains("Content Security Policy") && !complaints.contains("Uncaught"),
        "{complaints}"
    );
}

#[test]
fn screenshots_for_people() {
    let server = room(Limits { history_every: Duration::from_millis(50), ..Limits::default() });
    for (device, severity, since) in
        [("ups-1", Severity::Critical, 5000), ("pdu-a.ams1.r17", Severity::Warning, 3000)]
    {
        server.others.alerts.lock().unwrap().push(alert(device, Phase::Firing, severity, since));
    }
    server.others.alerts.lock().unwrap().push(alert("pdu-a.ams1.r17", Phase::Pending, Severity::Info, 5390));
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // An hour in three seconds, over and over.
        scope.spawn(|| {
            for step in (0..70).cycle().take_while(|_| !done.load(Ordering::Relaxed)) {
                for device in devices(step) {
                    server.store.publish(device.batch(at(NOW - 4)));
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        // Also when an assertion fails.
        let _end = SetOnDrop(&done);
        let is_drawn = || server.get("/devices/ups-1").text().matches("<polyline").count() == 4;
        while !is_drawn() {
            std::thread::sleep(Duration::from_millis(50));
        }
        for (name, path, more) in [
            ("status-phone", "/", &["--force-dark-mode", "--window-size=390,1750"][..]),
            ("status-desktop", "/", &["--force-dark-mode", "--window-size=1280,1400"]),
            ("device-phone", "/devices/pdu-a.ams1.r17", &["--force-dark-mode", "--window-size=390,1900"]),
            ("device-light", "/devices/ups-1", &["--window-size=1280,1100"]),
            ("devices-phone", "/devices?q=ams1", &["--force-dark-mode", "--window-size=390,800"]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = shots.join(format!("{name}.png"));
            drop(std::fs::remove_file(&file));
            let shot = format!("--screenshot={}", file.display());
            let arguments: Vec<&str> = more.iter().copied().chain([&*shot]).collect();
            let address = format!("http://{}{path}", server.address);
            let Some(browser) = Browser::start(folder.path(), &arguments, &address) else { return };
            let complaints = browser.ended().1;
            let png = std::fs::read(&file).unwrap_or_default();
            // An empty page of that size has some 5,000 octets.
            assert!(png.starts_with(b"\x89PNG") && 20_000 < png.len(), "{name}: {} {complaints}", png.len());
        }
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a reader that cannot see goes by.
#[test]
fn pages_are_built_to_be_read_aloud() {
    let server = room(Limits::default());
    for path in ["/", "/devices", "/devices/ups-1"] {
        let html = server.get(path).text();
        assert_eq!(html.matches("<h1>").count(), 1, "{path}");
        for expected in [
            "<html lang=\"en\">",
            "<a class=\"skip\" href=\"#main\">",
            "<main id=\"main\">",
            "<nav aria-label=\"Pages\">",
            "name=\"viewport\"",
        ] {
            assert!(html.contains(expected), "{path} lacks {expected}");
        }
        let labelled = html.matches("aria-labelledby=\"").count();
        assert_eq!(html.matches("<section").count(), labelled, "{path}");
        assert_eq!(html.matches("<table>").count(), html.matches("<th scope=\"col\">Reading</th>").count());
        assert_eq!(html.matches("<svg").count(), html.matches("role=\"img\"").count(), "{path}");
        assert!(!html.contains("style=\"") && !html.contains(" onclick"), "{path}: the policy forbids it");
        for outside in ["src=\"http", "href=\"http", "url("] {
            assert!(!html.contains(outside), "{path}: nothing comes from elsewhere");
        }
    }
    let style = server.get("/assets/style.css?x");
    assert!(
        style.head.contains("content-type: text/css") && style.head.contains("immutable"),
        "{}",
        style.head
    );
    assert_eq!(server.get("/assets/none.js").status, 404);
    assert_eq!(server.get("/devices/none").status, 404);
}
