//! Paging under stress and by hand: storms, kills under load, silences and acknowledgements over
//! restarts, webhooks; and its figures.

use crate::paging_room::{KEY, LIMIT, Room, settings};
use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use rackwarden::alert::{AlertFacts, AlertKey, Transition, TransitionKind};
use rackwarden::model::{Labels, Secret, Severity, SystemClock, UnixMillis};
use rackwarden::notify::formats::{SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
use rackwarden::notify::settings::{IntegrationSettings, NotifySettings, Receiver, SecretSource};
use rackwarden::notify::silence::Matcher;
use rackwarden::notify::{Outbox, Tuning};
use rackwarden::simulator::pagerduty::Board;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn transition(clock: SystemClock, device: usize, kind: TransitionKind, severity: Severity) -> Transition {
    let key = AlertKey(format!("offline/pdu-{device}").into());
    let rule = ("offline", "power_unit_offline", "unreachable");
    let facts = AlertFacts {
        address: "10.0.0.7:161".to_owned(),
        model: "APC AP8853".to_owned(),
        labels: Labels::new([
            ("site", format!("DC{}", device / 4_000)),
            ("rack", format!("R{}", device / 40)),
        ]),
        reading: "timeout".to_owned(),
        ..AlertFacts::of_no_reading(key, rule, format!("pdu-{device}").into(), clock.now().unix)
    };
    let reason = "offline: 3 polls in a row had no answer".to_owned();
    Transition { kind, severity, at: clock.now().unix, reason, facts: Arc::new(facts) }
}

const STORM: usize = 10_000;

/// Ten thousand devices fall silent within some seconds, site by site and rack by rack, and come back.
#[test]
fn a_storm_is_a_few_incidents_and_all_of_them_end() {
    let room = Room::as_in_operation();
    let handle = room.open();
    let begin = room.clock.moment();
    for device in 0..STORM {
        handle.submit(vec![transition(room.clock, device, TransitionKind::Trigger, Severity::Critical)]);
    }
    room.wait("the first page", |it| !it.requests.is_empty());
    let first = room.receiver.look(|it| it.requests[0].time.moment.since(begin));
    assert!(first < Duration::from_secs(5), "{first:?}");
    assert!(handle.flush(LIMIT));
    let largest = |board: &Board| board.incidents.values().any(|it| it.summary.contains("alerts (offline"));
    room.wait("a group", largest);
    let opened = room.receiver.look(|it| it.incidents.len());
    assert!(opened <= 20, "{opened} incidents");
    for device in 0..STORM {
        handle.submit(vec![transition(room.clock, device, TransitionKind::Resolve, Severity::Critical)]);
    }
    room.wait("the ends", |it| it.open_len() == 0);
    assert!(handle.flush(LIMIT));
    assert_eq!(handle.health().open_alerts, 0);
    assert!(room.receiver.look(|it| it.requests.len()) <= 120);
    assert!(room.receiver.look(|it| it.requests.iter().all(|it| it.problems.is_empty())));
    handle.stop(LIMIT);
}

#[test]
fn silences_hold_back_beginnings_over_a_restart_and_let_ends_through() {
    let room = Room::as_in_operation();
    let handle = room.open();
    let trigger = |device| transition(room.clock, device, TransitionKind::Trigger, Severity::Error);
    let resolve = |device| transition(room.clock, device, TransitionKind::Resolve, Severity::Error);
    handle.submit(vec![trigger(0)]);
    room.wait("the page", |it| it.open_len() == 1);
    let now = room.clock.now().unix;
    let matchers = vec![Matcher::parse("rack=R0").unwrap()];
    let silence = handle.silence(matchers, (now, UnixMillis(now.0 + 3_600_000)), "ann", "new feeds").unwrap();
    handle.submit(vec![resolve(0), trigger(1), trigger(50)]);
    room.wait("the end, and the alert of another rack", |it| {
        it.incidents_of("rackwarden:offline/pdu-0").all(|it| it.resolved.is_some())
            && it.incidents_of("rackwarden:offline/pdu-50").count() == 1
    });
    assert!(handle.flush(LIMIT));
    handle.stop(LIMIT);
    let handle = room.open();
    assert_eq!(handle.silences(), [Arc::clone(&silence)]);
    let held = handle.alerts().into_iter().find(|it| &*it.key.0 == "offline/pdu-1").unwrap();
    assert_eq!(held.held.as_deref(), Some("silence 1"));
    assert_eq!(room.receiver.look(|it| it.incidents_of("rackwarden:offline/pdu-1").count()), 0);
    assert!(handle.end_silence(silence.id, "ann").is_some());
    room.wait("what was held back", |it| it.incidents_of("rackwarden:offline/pdu-1").count() == 1);
    handle.stop(LIMIT);
}

#[test]
fn an_acknowledgement_reaches_pagerduty_and_outlives_a_restart() {
    let mut room = Room::as_in_operation();
    room.settings.resend.insert("offline".into(), Duration::ZERO);
    let handle = room.open();
    handle.submit(vec![transition(room.clock, 0, TransitionKind::Trigger, Severity::Error)]);
    room.wait("what is told again", |it| 2 <= it.requests.len());
    assert!(handle.acknowledge("offline/pdu-0", "ann"));
    assert!(!handle.acknowledge("offline/pdu-1", "ann"), "there is none");
    let acknowledged =
        |board: &Board| board.requests.iter().any(|it| it.text("event_action") == "acknowledge");
    room.wait("the acknowledgement", acknowledged);
    assert!(handle.flush(LIMIT));
    handle.stop(LIMIT);
    let handle = room.open();
    let alert = handle.alerts().remove(0);
    assert_eq!(alert.acknowledged.map(|(by, _)| by.to_string()).as_deref(), Some("ann"));
    assert!(room.receiver.look(|it| it.requests.iter().all(|it| it.problems.is_empty())));
    handle.stop(LIMIT);
}

#[test]
fn operators_see_and_drop_what_waits() {
    let mut room = Room::as_in_operation();
    // Nothing listens there.
    room.settings.integrations[0].url = "http://127.0.0.1:1/v2/enqueue".to_owned();
    let handle = room.open();
    handle.submit(vec![transition(room.clock, 0, TransitionKind::Trigger, Severity::Error)]);
    let tried = handle.wait_until(LIMIT, |it| 0 < it.integrations[0].retried);
    assert!(tried);
    let event = handle.events(10).remove(0);
    assert_eq!((&*event.integration, event.action, event.state), ("ops", "trigger", "waiting"));
    assert!(!event.body.contains(KEY));
    assert!(handle.drop_event("ops", event.number, "ann"));
    let letter = handle.event("ops", event.number).unwrap();
    assert_eq!((letter.state, letter.reason.as_deref()), ("given_up", Some("dropped by ann")));
    assert!(handle.drop_event("ops", event.number, "ann"), "it is forgotten");
    assert!(handle.events(10).is_empty());
    assert!(!handle.drop_event("ops", event.number, "ann"));
    handle.stop(LIMIT);
}

type Posts = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

#[test]
fn a_webhook_gets_signed_events_beside_pagerduty() {
    let mut room = Room::as_in_operation();
    let posts: Posts = Arc::default();
    let kept = Arc::clone(&posts);
    let take = move |headers: HeaderMap, body: Bytes| async move {
        kept.lock().unwrap().push((headers, body));
    };
    let listener = room.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    room.runtime.spawn(async move {
        drop(axum::serve(listener, Router::new().route("/alerts", post(take))).await);
    });
    room.settings.integrations.push(IntegrationSettings {
        receiver: Receiver::Webhook,
        url,
        ..IntegrationSettings::pagerduty("hook", SecretSource::Inline(Secret::new("s3cret")))
    });
    let handle = room.open();
    handle.submit(vec![transition(room.clock, 0, TransitionKind::Trigger, Severity::Error)]);
    let sent = handle.wait_until(LIMIT, |it| it.integrations.iter().all(|it| it.sent == 1));
    assert!(sent, "{:?}", handle.health());
    let (headers, body) = posts.lock().unwrap().remove(0);
    let seconds = headers[TIMESTAMP_HEADER].to_str().unwrap().parse().unwrap();
    assert_eq!(
        headers[SIGNATURE_HEADER].to_str().unwrap(),
        sign(&Secret::new("s3cret"), seconds, &body).unwrap()
    );
    let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&event["event"], &event["severity"]), (&"trigger".into(), &"error".into()));
    handle.stop(LIMIT);
}

/// PagerDuty does not raise an open incident's urgency: who needs that gets an incident for each severity.
#[test]
fn an_alert_that_gets_worse_opens_an_incident_of_its_own() {
    let mut room = Room::as_in_operation();
    room.settings.incident_per_severity = true;
    let handle = room.open();
    handle.submit(vec![transition(room.clock, 0, TransitionKind::Trigger, Severity::Warning)]);
    room.wait("the page", |it| it.open_len() == 1);
    let rise = TransitionKind::Change { from: Severity::Warning };
    handle.submit(vec![transition(room.clock, 0, rise, Severity::Critical)]);
    let of = |it: &Board, severity: &str| {
        let key = format!("rackwarden:offline/pdu-0//{severity}");
        it.incidents_of(&key).map(|it| it.resolved.is_none()).collect::<Vec<_>>()
    };
    room.wait("the worse one, and the end of the other", |it| {
        of(it, "warning") == [false] && of(it, "critical") == [true]
    });
    assert!(handle.flush(LIMIT));
    handle.stop(LIMIT);
    // After a restart without it the alert goes by its own key, and all that is open ends with it.
    room.settings.incident_per_severity = false;
    let (handle, open, _) =
        Outbox::open_tuned(&room.settings, room.clock, room.runtime.handle(), Tuning::DEFAULT).unwrap();
    let open = handle.recall(&open);
    let known: Vec<(&str, Severity)> = open.iter().map(|it| (&*it.facts.key.0, it.severity)).collect();
    assert_eq!(known, [("offline/pdu-0", Severity::Critical)]);
    handle.submit(vec![transition(room.clock, 0, TransitionKind::Resolve, Severity::Critical)]);
    room.wait("the end", |it| it.open_len() == 0);
    handle.stop(LIMIT);
}

#[test]
fn silences_are_told_as_change_events() {
    let mut room = Room::as_in_operation();
    room.settings.change_events = true;
    let posts: Posts = Arc::default();
    let kept = Arc::clone(&posts);
    let take = move |headers: HeaderMap, body: Bytes| async move {
        kept.lock().unwrap().push((headers, body));
        axum::http::StatusCode::ACCEPTED
    };
    let listener = room.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    room.settings.integrations[0].url = format!("http://{}/v2/enqueue", listener.local_addr().unwrap());
    room.runtime.spawn(async move {
        drop(axum::serve(listener, Router::new().route("/v2/change/enqueue", post(take))).await);
    });
    let handle = room.open();
    let said = |count: usize| {
        let begin = room.clock.moment();
        while posts.lock().unwrap().len() < count && room.clock.moment().since(begin) < LIMIT {
            std::thread::sleep(Duration::from_millis(20));
        }
        let posts = posts.lock().unwrap();
        let (_, body) = posts.get(count - 1).unwrap_or_else(|| panic!("only {} came", posts.len()));
        let event: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(event["routing_key"], KEY);
        event["payload"]["summary"].as_str().unwrap().to_owned()
    };
    handle.tell_change("configuration reloaded");
    assert_eq!(said(1), "configuration reloaded");
    let now = room.clock.now().unix;
    let matchers = vec![Matcher::parse("rack=R0").unwrap()];
    let silence = handle.silence(matchers, (now, UnixMillis(now.0 + 3_600_000)), "ann", "new feeds").unwrap();
    let begins = said(2);
    assert!(begins.starts_with("silence 1 by ann begins: rack=R0 until "), "{begins}");
    assert!(begins.ends_with(" (new feeds)"), "{begins}");
    assert!(handle.end_silence(silence.id, "ann").is_some());
    assert_eq!(said(3), "silence 1 by ann is over");
    handle.stop(LIMIT);
}

const FOLDER_VARIABLE: &str = "RACKWARDEN_STORM_FOLDER";
const URL_VARIABLE: &str = "RACKWARDEN_STORM_URL";
const ROUND_VARIABLE: &str = "RACKWARDEN_STORM_ROUND";
/// Kills of an ordinary run; `RACKWARDEN_KILLS=1000` for as many.
const KILLS: usize = 8;
const LOAD: usize = 60;

/// As many requests as a setting may ask for: the limit is not what these tests are about.
fn widest(folder: &Path, url: &str) -> NotifySettings {
    let mut settings = settings(folder, &[("ops", url)]);
    settings.integrations[0].requests_per_minute = 10_000;
    settings
}

/// Whether an alert should go on at the end of a round.
fn goes_on(device: usize, round: usize) -> bool {
    (device.wrapping_mul(2_654_435_761) ^ round.wrapping_mul(40_503)) >> 3 & 1 == 1
}

/// The collector that is killed; without its environment it does nothing. It says each beginning before
/// it hands it in.
#[test]
fn child_under_load() {
    let (Some(folder), Ok(url)) = (std::env::var_os(FOLDER_VARIABLE), std::env::var(URL_VARIABLE)) else {
        return;
    };
    let round: usize = std::env::var(ROUND_VARIABLE).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let clock = SystemClock::new();
    let settings = widest(Path::new(&folder), &url);
    let (handle, open, warnings) = Outbox::open(&settings, clock, runtime.handle()).unwrap();
    println!("\nwarnings {warnings:?}");
    let mut firing: BTreeMap<usize, bool> =
        (0..LOAD).map(|it| (it, open.iter().any(|alert| *alert.0 == *format!("offline/pdu-{it}")))).collect();
    // Until it is killed; each turn ends as the round should.
    for turn in 0.. {
        for device in 0..LOAD {
            let wanted = goes_on(device, round + turn % 2 * 7);
            let is_on = firing.insert(device, wanted).unwrap();
            let kind = match (is_on, wanted) {
                (false, true) => TransitionKind::Trigger,
                (true, false) => TransitionKind::Resolve,
                _ => continue,
            };
            if kind == TransitionKind::Trigger {
                println!("begins {device}");
                std::io::stdout().flush().unwrap();
            }
            handle.submit(vec![transition(clock, device, kind, Severity::Error)]);
            if device % 7 == 0 {
                assert!(handle.flush(LIMIT));
            }
        }
    }
}

#[test]
fn kills_under_load_lose_and_double_nothing() {
    let kills = std::env::var("RACKWARDEN_KILLS").ok().and_then(|it| it.parse().ok()).unwrap_or(KILLS);
    let room = Room::as_in_operation();
    let mut begun: BTreeMap<usize, usize> = BTreeMap::new();
    let mut dice = 7_u64;
    for round in 0..kills {
        let this = std::env::current_exe().unwrap();
        let mut child = Command::new(this)
            .args(["--exact", "paging_storms::child_under_load", "--nocapture"])
            .env(FOLDER_VARIABLE, room.folder.path())
            .env(URL_VARIABLE, room.receiver.url())
            .env(ROUND_VARIABLE, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let requests = room.receiver.look(|it| it.requests.len());
        let wanted = usize::try_from(dice >> 33).unwrap() % 60;
        // A moment of its work, by its own requests; or its start, by its first word.
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = Vec::new();
        for line in said.by_ref() {
            let line = line.unwrap();
            let started = line.starts_with("warnings");
            lines.push(line);
            if started {
                break;
            }
        }
        if wanted != 0 {
            let come =
                room.receiver.wait_until(Duration::from_secs(5), |it| requests + wanted <= it.requests.len());
            room.runtime.block_on(come);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        lines.extend(said.map_while(Result::ok));
        assert!(lines.iter().any(|it| it == "warnings []"), "{lines:?}");
        for device in lines.iter().filter_map(|it| it.strip_prefix("begins ")?.parse::<usize>().ok()) {
            *begun.entry(device).or_default() += 1;
        }
    }
    let settings = widest(room.folder.path(), &room.receiver.url());
    let (handle, open, _) = Outbox::open(&settings, room.clock, room.runtime.handle()).unwrap();
    for device in 0..LOAD {
        let known = open.iter().any(|it| *it.0 == *format!("offline/pdu-{device}"));
        match (known, goes_on(device, kills)) {
            (false, true) => {
                *begun.entry(device).or_default() += 1;
                handle.submit(vec![transition(room.clock, device, TransitionKind::Trigger, Severity::Error)]);
            }
            (true, false) => {
                handle.submit(vec![transition(room.clock, device, TransitionKind::Resolve, Severity::Error)]);
            }
            _ => (),
        }
    }
    assert!(handle.wait_until(LIMIT, |it| it.integrations.iter().all(|it| it.waiting == 0)));
    handle.stop(LIMIT);
    room.receiver.look(|board| {
        for device in 0..LOAD {
            let key = format!("rackwarden:offline/pdu-{device}");
            let incidents: Vec<_> = board.incidents_of(&key).collect();
            let open = incidents.iter().filter(|it| it.resolved.is_none()).count();
            assert_eq!(open, usize::from(goes_on(device, kills)), "{key}: {incidents:?}");
            let onsets = begun.get(&device).copied().unwrap_or(0);
            assert!(incidents.len() <= onsets, "{key}: {} incidents of {onsets}", incidents.len());
        }
        println!("{kills} kills, {} requests", board.requests.len());
    });
}

const FIGURES_VARIABLE: &str = "RACKWARDEN_FIGURES_FOLDER";

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|it| it.starts_with("VmRSS") || it.starts_with("VmHWM"));
    lines.map(|it| it.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

/// A start with all that the test below left, in a process of its own; without its environment it does nothing.
#[test]
fn child_that_starts() {
    let Some(folder) = std::env::var_os(FIGURES_VARIABLE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let clock = SystemClock::new();
    let url = std::env::var(FIGURES_URL_VARIABLE).ok();
    let mut settings = widest(Path::new(&folder), url.as_deref().unwrap_or("http://127.0.0.1:1/v2/enqueue"));
    settings.integrations[0].requests_per_minute = 1_000_000;
    let before = memory();
    let begin = clock.moment();
    let (handle, open, warnings) = Outbox::open(&settings, clock, runtime.handle()).unwrap();
    let took = clock.moment().since(begin);
    println!(
        "\nstarted in {took:?}, {} alerts, warnings {warnings:?}; {} (before: {before})",
        open.len(),
        memory()
    );
    let waiting = handle.health().integrations[0].waiting;
    println!("\nwaiting {waiting}");
    if url.is_some() {
        let sent = waiting.min(FIGURES_SENT);
        let begin = clock.moment();
        let came = handle.wait_until(LIMIT, |it| sent <= usize::try_from(it.integrations[0].sent).unwrap());
        let health = handle.health().integrations.remove(0);
        println!("\nsent {} in {:?}; {}", health.sent, clock.moment().since(begin), memory());
        assert!(came, "{health:?}");
    }
    handle.stop(Duration::ZERO);
}

/// Figures, for whoever asks: `RACKWARDEN_FIGURES=1000000 cargo test --test it figures_of_paging -- --nocapture`.
#[test]
fn figures_of_paging() {
    let asked = std::env::var("RACKWARDEN_FIGURES").ok();
    let many: usize = asked.map_or(1_000, |it| it.parse().unwrap_or(100_000));
    let mut room = Room::as_in_operation();
    room.settings = widest(room.folder.path(), "http://127.0.0.1:1/v2/enqueue");
    let handle = room.open();
    let begin = room.clock.moment();
    for chunk in (0..many).collect::<Vec<_>>().chunks(10) {
        let one = |it: &usize| transition(room.clock, *it, TransitionKind::Trigger, Severity::Error);
        handle.submit(chunk.iter().map(one).collect());
    }
    assert!(handle.flush(LIMIT));
    let took = room.clock.moment().since(begin);
    println!("{many} transitions durable in {took:?}; {}", memory());
    assert_eq!(handle.stop(Duration::ZERO), many);
    println!("{}", start_again(room.folder.path(), None, many));
    // Ends that wait: of alerts that nobody here knows, since a million could not be announced before.
    room.settings = widest(&room.folder.path().join("ends"), "http://127.0.0.1:1/v2/enqueue");
    let handle = room.open();
    let begin = room.clock.moment();
    for chunk in (0..many).collect::<Vec<_>>().chunks(10) {
        let one = |it: &usize| transition(room.clock, *it, TransitionKind::Resolve, Severity::Error);
        handle.submit(chunk.iter().map(one).collect());
    }
    assert!(handle.flush(LIMIT));
    println!("{many} resolves durable in {:?}; {}", room.clock.moment().since(begin), memory());
    assert_eq!(handle.stop(Duration::ZERO), many);
    println!("{}", start_again(&room.folder.path().join("ends"), Some(&room.receiver.url()), many));
    assert!(many.min(FIGURES_SENT) <= room.receiver.look(|it| it.requests.len()));
}

const FIGURES_URL_VARIABLE: &str = "RACKWARDEN_FIGURES_URL";
/// More than half of what is in memory after a start, from when on more comes from disk; fewer than a minute lets through.
const FIGURES_SENT: usize = 9_000;

fn start_again(folder: &Path, url: Option<&str>, many: usize) -> String {
    let length = std::fs::metadata(folder.join("outbox.redb")).unwrap().len();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "paging_storms::child_that_starts", "--nocapture"]);
    command.env(FIGURES_VARIABLE, folder);
    if let Some(url) = url {
        command.env(FIGURES_URL_VARIABLE, url);
    }
    let child = command.output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    let is_well = child.status.success() && said.contains(&format!("waiting {many}"));
    assert!(is_well, "{said} {}", String::from_utf8_lossy(&child.stderr));
    let lines = said.lines().filter(|it| it.starts_with("started") || it.starts_with("sent"));
    format!("a file of {} MB: {}", length >> 20, lines.collect::<Vec<_>>().join("; "))
}
