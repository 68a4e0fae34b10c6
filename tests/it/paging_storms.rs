//! Paging under stress and by hand: storms, kills under load, silences and acknowledgements over
//! restarts, webhooks; and its figures.

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use rackwarden::alert::{AlertFacts, AlertKey, Transition, TransitionKind};
use rackwarden::model::{Labels, Secret, Severity, SystemClock, UnixMillis};
use rackwarden::notify::formats::{SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
use rackwarden::notify::settings::{IntegrationSettings, NotifySettings, Receiver, SecretSource};
use rackwarden::notify::silence::Matcher;
use rackwarden::notify::{Outbox, OutboxHandle, Tuning};
use rackwarden::simulator::pagerduty::{Board, PagerDuty};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const LIMIT: Duration = Duration::from_secs(60);

struct Room {
    runtime: Runtime,
    clock: SystemClock,
    receiver: PagerDuty,
    folder: TempDir,
    settings: NotifySettings,
}

impl Room {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let clock = SystemClock::new();
        let receiver = runtime.block_on(PagerDuty::start("127.0.0.1:0".parse().unwrap(), clock)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), &receiver.url(), 120);
        Self { runtime, clock, receiver, folder, settings }
    }

    fn open(&self) -> OutboxHandle {
        let (handle, _, warnings) =
            Outbox::open_tuned(&self.settings, self.clock, self.runtime.handle(), Tuning::DEFAULT).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        handle
    }

    fn wait(&self, what: &str, holds: impl Fn(&Board) -> bool) {
        let came = self.runtime.block_on(self.receiver.wait_until(LIMIT, holds));
        let requests: Vec<String> = self.receiver.look(|board| {
            board
                .requests
                .iter()
                .map(|it| format!("{} {}", it.text("event_action"), it.text("dedup_key")))
                .collect()
        });
        assert!(came, "{what} does not come: {requests:#?}");
    }

    fn transition(&self, device: usize, kind: TransitionKind, severity: Severity) -> Transition {
        transition(self.clock, device, kind, severity)
    }
}

fn settings(folder: &Path, url: &str, requests_per_minute: u32) -> NotifySettings {
    let integration = IntegrationSettings {
        url: url.to_owned(),
        requests_per_minute,
        ..IntegrationSettings::pagerduty("ops", SecretSource::Inline(Secret::new(KEY)))
    };
    NotifySettings { integrations: vec![integration], ..NotifySettings::new(folder.to_owned()) }
}

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
    let room = Room::new();
    let handle = room.open();
    let begin = room.clock.moment();
    for device in 0..STORM {
        handle.submit(vec![room.transition(device, TransitionKind::Trigger, Severity::Critical)]);
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
        handle.submit(vec![room.transition(device, TransitionKind::Resolve, Severity::Critical)]);
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
    let room = Room::new();
    let handle = room.open();
    let trigger = |device| room.transition(device, TransitionKind::Trigger, Severity::Error);
    let resolve = |device| room.transition(device, TransitionKind::Resolve, Severity::Error);
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
    let mut room = Room::new();
    room.settings.resend.insert("offline".into(), Duration::ZERO);
    let handle = room.open();
    handle.submit(vec![room.transition(0, TransitionKind::Trigger, Severity::Error)]);
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
    let mut room = Room::new();
    // Nothing listens there.
    room.settings.integrations[0].url = "http://127.0.0.1:1/v2/enqueue".to_owned();
    let handle = room.open();
    handle.submit(vec![room.transition(0, TransitionKind::Trigger, Severity::Error)]);
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
    let mut room = Room::new();
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
    handle.submit(vec![room.transition(0, TransitionKind::Trigger, Severity::Error)]);
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
    let mut room = Room::new();
    room.settings.incident_per_severity = true;
    let handle = room.open();
    handle.submit(vec![room.transition(0, TransitionKind::Trigger, Severity::Warning)]);
    room.wait("the page", |it| it.open_len() == 1);
    let rise = TransitionKind::Change { from: Severity::Warning };
    handle.submit(vec![room.transition(0, rise, Severity::Critical)]);
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
    let known: Vec<(&str, Severity)> = open.iter().map(|it| (&*it.facts.key.0, it.severity)).collect();
    assert_eq!(known, [("offline/pdu-0", Severity::Critical)]);
    handle.submit(vec![room.transition(0, TransitionKind::Resolve, Severity::Critical)]);
    room.wait("the end", |it| it.open_len() == 0);
    handle.stop(LIMIT);
}

#[test]
fn silences_are_told_as_change_events() {
    let mut room = Room::new();
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
    let mut settings = settings(Path::new(&folder), &url, 10_000);
    settings.storm.levels.clear();
    let (handle, open, warnings) = Outbox::open(&settings, clock, runtime.handle()).unwrap();
    println!("\nwarnings {warnings:?}");
    let mut firing: BTreeMap<usize, bool> = (0..LOAD)
        .map(|it| (it, open.iter().any(|alert| *alert.facts.key.0 == *format!("offline/pdu-{it}"))))
        .collect();
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
    let room = Room::new();
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
    let mut settings = settings(room.folder.path(), &room.receiver.url(), 10_000);
    settings.storm.levels.clear();
    let (handle, open, _) = Outbox::open(&settings, room.clock, room.runtime.handle()).unwrap();
    for device in 0..LOAD {
        let known = open.iter().any(|it| *it.facts.key.0 == *format!("offline/pdu-{device}"));
        match (known, goes_on(device, kills)) {
            (false, true) => {
                *begun.entry(device).or_default() += 1;
                handle.submit(vec![room.transition(device, TransitionKind::Trigger, Severity::Error)]);
            }
            (true, false) => {
                handle.submit(vec![room.transition(device, TransitionKind::Resolve, Severity::Error)]);
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

/// Figures, for whoever asks: `RACKWARDEN_FIGURES=1 cargo test --test it figures_of_paging -- --nocapture`.
#[test]
fn figures_of_paging() {
    let many: usize = if std::env::var_os("RACKWARDEN_FIGURES").is_some() { 100_000 } else { 1_000 };
    let mut room = Room::new();
    room.settings.storm.levels.clear();
    room.settings.integrations[0].url = "http://127.0.0.1:1/v2/enqueue".to_owned();
    let tuning = Tuning { waiting_max: 2 * many, ..Tuning::DEFAULT };
    let open = || Outbox::open_tuned(&room.settings, room.clock, room.runtime.handle(), tuning).unwrap();
    let (handle, ..) = open();
    let begin = room.clock.moment();
    for chunk in (0..many).collect::<Vec<_>>().chunks(10) {
        let transitions =
            chunk.iter().map(|it| room.transition(*it, TransitionKind::Trigger, Severity::Error)).collect();
        handle.submit(transitions);
    }
    assert!(handle.flush(LIMIT));
    let took = room.clock.moment().since(begin);
    handle.stop(Duration::ZERO);
    let begin = room.clock.moment();
    let (handle, open_alerts, _) = open();
    let started = room.clock.moment().since(begin);
    assert_eq!(open_alerts.len(), many);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = status.lines().find(|it| it.starts_with("VmRSS")).unwrap_or_default();
    println!("{many} transitions durable in {took:?}; a start with as many took {started:?}; {memory}");
    handle.stop(Duration::ZERO);
}
