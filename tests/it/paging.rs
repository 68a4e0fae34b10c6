//! Events on their way to PagerDuty: the outbox against the stand-in, over real sockets and files.

use crate::paging_room::{KEY, LIMIT, Room, quick, settings, start, wait};
use proptest::prelude::*;
use rackwarden::alert::{AlertFacts, AlertKey, Transition, TransitionKind};
use rackwarden::model::{ComponentKind, Labels, Secret, Severity, UnixMillis};
use rackwarden::notify::pagerduty::{Decision, Reason, Sender, event};
use rackwarden::notify::settings::SecretSource;
use rackwarden::notify::{
    CircuitHealth, DiskHealth, IntegrationHealth, NotifyError, Outbox, OutboxHandle, send_test,
};
use rackwarden::simulator::pagerduty::{Answer, Board, validate};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

impl Room {
    fn transition(&self, key: &str, kind: TransitionKind, severity: Severity) -> Transition {
        Transition {
            kind,
            severity,
            at: self.clock.now().unix,
            reason: "23.4 A > 20 A for 30 s".to_owned(),
            facts: Arc::new(facts(key)),
        }
    }

    fn trigger(&self, handle: &OutboxHandle, key: &str) {
        handle.submit(vec![self.transition(key, TransitionKind::Trigger, Severity::Critical)]);
    }

    fn resolve(&self, handle: &OutboxHandle, key: &str) {
        handle.submit(vec![self.transition(key, TransitionKind::Resolve, Severity::Critical)]);
    }
}

fn wait_health(handle: &OutboxHandle, what: &str, holds: impl Fn(&IntegrationHealth) -> bool) {
    let came = handle.wait_until(LIMIT, |it| it.integrations.iter().any(&holds));
    assert!(came, "{what} does not come: {:?}", handle.health());
}

fn facts(key: &str) -> AlertFacts {
    AlertFacts {
        key: AlertKey(key.into()),
        rule: "infeed-load".into(),
        rule_type: "power_unit_infeed",
        trigger: "current",
        notes: Some("Call the floor".into()),
        runbook: Some("https://runbooks.example/infeed".into()),
        integrations: Arc::from([]),
        device: "pdu-a1".into(),
        address: "10.0.0.7:161".to_owned(),
        model: "APC AP8853".to_owned(),
        labels: Labels::new([("site", "DC1"), ("rack", "A1")]),
        component: Some((ComponentKind::Infeed, "1".into(), "Feed A".into())),
        source: Some("1.3.6.1.4.1.318.1.1.26.6.3.1.5.1".parse().unwrap()),
        reading: "23.4 A".to_owned(),
        value: Some(23.4),
        unit: "A",
        operator: ">",
        threshold: Some(20.0),
        rated: Some(32.0),
        last_values: Vec::new(),
        since: UnixMillis(1_767_323_015_678),
    }
}

fn is_valid(board: &Board) -> bool {
    board.requests.iter().all(|it| it.problems.is_empty())
}

#[test]
fn an_alert_opens_and_ends_one_incident() {
    let room = Room::new();
    let handle = room.open();
    room.trigger(&handle, "a");
    room.wait("the page", |it| it.open_len() == 1);
    room.resolve(&handle, "a");
    room.wait("the resolve", |it| it.open_len() == 0);
    assert_eq!(handle.stop(LIMIT), 0);
    let board = room.receiver.board();
    assert!(is_valid(&board), "{board:#?}");
    assert_eq!((board.requests.len(), board.incidents.len(), board.idle_resolves), (2, 1, 0));
    let incident = &board.incidents[&1];
    assert_eq!(incident.dedup_key, "rackwarden:a");
    assert_eq!(
        incident.summary,
        "CRITICAL pdu-a1 infeed 1 (Feed A, rack A1): current 23.4 A > 20 A for 30 s, since 2026-01-02 03:03 UTC"
    );
    assert_eq!(board.requests[0].routing_key, Secret::new(KEY));
}

/// An answer to the first request; the event must be accepted in the end, in one incident.
fn check_retried(answer: Answer, reason: Reason, requests: usize) {
    let mut room = Room::new();
    if matches!(answer, Answer::Slow(..)) {
        room.settings.integrations[0].timeout = Duration::from_millis(200);
    }
    room.receiver.answer_with([answer.clone()]);
    let handle = room.open();
    room.trigger(&handle, "a");
    room.wait("the page", |it| it.requests.iter().any(|it| it.answered == Some(202)));
    wait_health(&handle, "the end", |it| it.sent == 1);
    let health = handle.health();
    let ops = &health.integrations[0];
    assert_eq!((ops.retried, ops.waiting, ops.given_up), (1, 0, 0), "{answer:?}");
    assert_eq!(ops.circuit, CircuitHealth::Closed);
    let (text, _) = ops.last_error.clone().unwrap();
    assert!(!text.is_empty() && !text.contains(KEY), "{text}");
    handle.stop(LIMIT);
    let board = room.receiver.board();
    assert_eq!((board.incidents.len(), board.requests.len()), (1, requests), "{answer:?}: {text}");
    let label = format!(r#"reason="{}""#, reason.name());
    assert!(counted("rackwarden_notify_send_failures_total", &label), "{answer:?} was not counted");
}

/// Whether a counter with that label has moved.
fn counted(name: &str, label: &str) -> bool {
    let families = rackwarden::telemetry::registry().gather();
    let family = families.iter().find(|it| it.name() == name).unwrap();
    let labels = |it: &prometheus::proto::Metric| {
        let pairs = it.get_label().iter().map(|it| format!(r#"{}="{}""#, it.name(), it.value()));
        pairs.collect::<Vec<_>>().join(",")
    };
    family.get_metric().iter().any(|it| labels(it).contains(label) && 0.0 < it.get_counter().get_value())
}

#[test]
fn answers_that_are_tried_again() {
    let plain = |status| Answer::Status(status, "text/plain", String::new());
    let refused = Answer::Invalid(vec!["Invalid routing key".to_owned()]);
    check_retried(Answer::Throttle(None), Reason::Throttled, 2);
    check_retried(plain(500), Reason::ServerError, 2);
    check_retried(plain(503), Reason::ServerError, 2);
    check_retried(plain(408), Reason::RequestTimeout, 2);
    check_retried(plain(302), Reason::Redirected, 2);
    check_retried(plain(407), Reason::AccessDenied, 2);
    check_retried(refused, Reason::KeyRefused, 2);
    check_retried(Answer::Html, Reason::NotPagerDuty, 2);
    check_retried(Answer::Empty, Reason::NotPagerDuty, 2);
    check_retried(Answer::Close, Reason::Interrupted, 2);
    check_retried(Answer::TakeAndClose, Reason::Interrupted, 2);
    check_retried(Answer::Status(500, "text/html", "x".repeat(10_000_000)), Reason::NotPagerDuty, 2);
    // The request that was given up is not kept: its handler ends with its connection.
    check_retried(Answer::Slow(LIMIT, Box::new(Answer::Judge)), Reason::Timeout, 1);
}

#[test]
fn retry_after_is_kept_to() {
    let room = Room::new();
    room.receiver.answer_with([Answer::Throttle(Some("1".to_owned()))]);
    let handle = room.open();
    room.trigger(&handle, "a");
    room.wait("the page", |it| it.open_len() == 1);
    handle.stop(LIMIT);
    let board = room.receiver.board();
    let pause = board.requests[1].time.moment.since(board.requests[0].time.moment);
    assert!(Duration::from_millis(990) <= pause, "{pause:?}");
}

#[test]
fn a_refused_field_is_left_out() {
    let room = Room::new();
    room.receiver.answer_with([Answer::Invalid(vec!["'class' is not allowed".to_owned()])]);
    let handle = room.open();
    room.trigger(&handle, "a");
    room.wait("the page", |it| it.open_len() == 1);
    handle.stop(LIMIT);
    let board = room.receiver.board();
    assert_eq!(board.requests.len(), 2);
    assert_eq!(board.requests[0].text("payload.class"), "power_unit_infeed/current");
    let again = &board.requests[1];
    assert_eq!((again.text("payload.class"), again.problems.len()), ("", 0));
    assert!(again.text("payload.custom_details.note").contains("'class' is not allowed"));
}

#[test]
fn an_event_that_is_refused_twice_is_kept_and_shown() {
    let room = Room::new();
    let refused = Answer::Invalid(vec!["'summary' is odd".to_owned()]);
    room.receiver.answer_with([refused.clone(), refused]);
    let handle = room.open();
    room.trigger(&handle, "a");
    wait_health(&handle, "the dead letter", |it| it.given_up == 1);
    let letter = handle.health().dead_letters.remove(0);
    assert_eq!((&*letter.integration, &*letter.alert.0, letter.reason), ("ops", "a", Reason::FieldRefused));
    assert!(letter.text.contains("'summary' is odd"), "{}", letter.text);
    // Nobody has heard of the alert: its end is nobody's business.
    room.resolve(&handle, "a");
    assert!(handle.flush(LIMIT));
    assert_eq!(handle.stop(LIMIT), 0);
    assert_eq!(room.receiver.look(|it| it.requests.len()), 2);
}

#[test]
fn dead_letters_outlive_a_restart_and_are_tried_again() {
    let room = Room::new();
    room.receiver.answer_with([403, 404].map(|it| Answer::Status(it, "application/json", "{}".to_owned())));
    let handle = room.open();
    room.trigger(&handle, "a");
    room.trigger(&handle, "b");
    wait_health(&handle, "the dead letters", |it| it.given_up == 2);
    assert!(matches!(handle.retry_dead_letters("oops"), Err(NotifyError::UnknownIntegration { .. })));
    assert!(handle.flush(LIMIT));
    handle.stop(LIMIT);
    let handle = room.open();
    room.wait("the pages", |it| it.open_len() == 2);
    wait_health(&handle, "the end", |it| it.waiting == 0);
    assert_eq!(handle.health().dead_letters, []);
    handle.stop(LIMIT);
}

#[test]
fn a_dead_receiver_holds_up_no_other() {
    let mut room = Room::new();
    let slow = start(&room.runtime, room.clock);
    slow.answer_always(Answer::Slow(LIMIT * 10, Box::new(Answer::Judge)));
    let urls =
        [("slow", slow.url()), ("ops", room.receiver.url()), ("gone", "http://127.0.0.1:1/".to_owned())];
    let urls: Vec<(&str, &str)> = urls.iter().map(|(name, url)| (*name, url.as_str())).collect();
    room.settings = settings(room.folder.path(), &urls);
    let handle = room.open();
    for number in 0..50 {
        room.trigger(&handle, &number.to_string());
    }
    room.wait("all pages", |it| it.open_len() == 50);
    let waiting =
        |name: &str| handle.health().integrations.iter().find(|it| &*it.name == name).map(|it| it.waiting);
    assert_eq!((waiting("slow"), waiting("gone")), (Some(50), Some(50)));
    wait_health(&handle, "the open circuit", |it| {
        matches!(it.circuit, CircuitHealth::Open { reason: Reason::Unreachable, .. }) && &*it.name == "gone"
    });
    handle.stop(Duration::ZERO);
}

#[test]
fn a_receiver_that_does_not_speak_tls_is_said_to_be_so() {
    let mut room = Room::new();
    room.settings.integrations[0].url = room.receiver.url().replace("http:", "https:");
    let handle = room.open();
    room.trigger(&handle, "a");
    wait_health(&handle, "the refusal", |it| {
        matches!(it.circuit, CircuitHealth::Open { reason: Reason::Tls, .. })
    });
    let (text, _) = handle.health().integrations[0].last_error.clone().unwrap();
    assert!(text.contains("the TLS handshake failed (https://127.0.0.1:"), "{text}");
    handle.stop(Duration::ZERO);
}

#[test]
fn what_waits_is_sent_after_a_restart() {
    let room = Room::new();
    room.receiver.answer_always(Answer::Throttle(None));
    let handle = room.open();
    for number in 0..20 {
        room.trigger(&handle, &number.to_string());
    }
    room.resolve(&handle, "3");
    assert!(handle.flush(LIMIT));
    room.wait("a try", |it| !it.requests.is_empty());
    let left = handle.stop(Duration::ZERO);
    assert!(left == 19 || left == 20, "{left}");
    room.receiver.answer_always(Answer::Judge);
    let (handle, open, warnings) = room.open_all();
    assert_eq!((open.len(), warnings), (19, Vec::new()));
    let kept = handle.recall(&[AlertKey("7".into())]).remove(0);
    assert_eq!((&*kept.facts, kept.severity), (&facts("7"), Severity::Critical));
    room.wait("the pages", |it| it.open_len() == 19);
    assert_eq!(handle.stop(LIMIT), 0);
    let board = room.receiver.board();
    assert_eq!((board.incidents.len(), is_valid(&board)), (19, true));
}

#[test]
fn events_go_in_order_of_urgency_within_the_limit() {
    let mut room = Room::new();
    room.settings.integrations[0].requests_per_minute = 10;
    let handle = room.open();
    let warning = |it: i32| room.transition(&format!("w{it}"), TransitionKind::Trigger, Severity::Warning);
    handle.submit((0..30).map(warning).collect());
    room.wait("the first", |it| it.requests.len() == 9);
    wait_health(&handle, "the limit", |it| it.limited && it.waiting == 21);
    // A tenth is held for what is urgent.
    room.trigger(&handle, "critical");
    room.wait("the critical", |it| it.requests.len() == 10);
    assert_eq!(room.receiver.look(|it| it.requests[9].text("dedup_key").to_owned()), "rackwarden:critical");
    assert_eq!(handle.stop(LIMIT), 21, "the end does not wait for the limit");
    let board = room.receiver.board();
    assert_eq!(board.requests.len(), 10);
    assert!(board.requests.iter().take(9).all(|it| it.text("dedup_key").starts_with("rackwarden:w")));
}

#[test]
fn a_change_of_severity_stays_within_the_incident() {
    let room = Room::new();
    let handle = room.open();
    handle.submit(vec![room.transition("a", TransitionKind::Trigger, Severity::Warning)]);
    room.wait("the page", |it| it.open_len() == 1);
    let change = TransitionKind::Change { from: Severity::Warning };
    handle.submit(vec![room.transition("a", change, Severity::Critical)]);
    room.wait("the change", |it| it.requests.len() == 2);
    handle.stop(LIMIT);
    let board = room.receiver.board();
    let incident = &board.incidents[&1];
    assert_eq!((board.incidents.len(), incident.triggers, incident.severity.as_str()), (1, 2, "critical"));
}

#[test]
fn a_damaged_file_is_set_aside() {
    let room = Room::new();
    fs::write(room.folder.path().join("outbox.redb"), "nonsense").unwrap();
    let (handle, open, warnings) = room.open_all();
    assert!(open.is_empty());
    assert!(warnings[0].contains("set aside as") && warnings[0].contains(".corrupt-"), "{warnings:?}");
    room.trigger(&handle, "a");
    room.wait("the page", |it| it.open_len() == 1);
    handle.stop(LIMIT);
    let names = fs::read_dir(room.folder.path()).unwrap().map(|it| it.unwrap().file_name());
    assert!(names.into_iter().any(|it| it.to_string_lossy().starts_with("outbox.redb.corrupt-")));
}

#[test]
fn a_second_collector_is_refused() {
    let room = Room::new();
    let handle = room.open();
    let second = Outbox::open(&room.settings, room.clock, room.runtime.handle());
    let error = second.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("does a second collector run"), "{error}");
    handle.stop(LIMIT);
}

#[test]
fn a_missing_key_is_said_and_the_page_goes_when_it_is_there() {
    let mut room = Room::new();
    let path = room.folder.path().join("routing-key");
    room.settings.integrations[0].routing_key = SecretSource::File(path.clone());
    let handle = room.open();
    wait_health(&handle, "the complaint", |it| {
        it.key_error.as_ref().is_some_and(|it| it.contains("routing-key cannot be read: No such file"))
    });
    assert!(handle.health().is_degraded());
    room.trigger(&handle, "a");
    wait_health(&handle, "a try", |it| 0 < it.retried);
    fs::write(&path, format!("{KEY}\n")).unwrap();
    room.wait("the page", |it| it.open_len() == 1);
    wait_health(&handle, "all clear", |it| it.key_error.is_none() && it.sent == 1);
    assert!(!handle.health().is_degraded());
    // Rotated in place.
    fs::write(&path, "fedcba9876543210fedcba9876543210-longer").unwrap();
    room.receiver.answer_with([Answer::Judge]);
    room.trigger(&handle, "b");
    wait_health(&handle, "the refusal", |it| {
        it.last_error.as_ref().is_some_and(|(it, _)| it.contains("it has 39 characters; PagerDuty's have 32"))
    });
    fs::write(&path, "fedcba9876543210fedcba9876543210").unwrap();
    room.wait("the second page", |it| it.open_len() == 2);
    handle.stop(LIMIT);
}

#[test]
fn the_key_is_nowhere_but_in_requests() {
    let room = Room::new();
    let echo = format!("'summary' of {KEY} is odd");
    room.receiver.answer_with([Answer::Invalid(vec![echo.clone()]), Answer::Invalid(vec![echo])]);
    let handle = room.open();
    room.trigger(&handle, "a");
    room.trigger(&handle, "b");
    wait_health(&handle, "the dead letter", |it| it.given_up + it.sent == 2);
    let shown = format!("{handle:?} {:?} {:?} {:?}", handle.health(), room.settings, room.receiver);
    assert!(shown.contains("***") && !shown.contains(KEY), "{shown}");
    assert!(handle.flush(LIMIT));
    handle.stop(LIMIT);
    let file = fs::read(room.folder.path().join("outbox.redb")).unwrap();
    assert!(!file.windows(KEY.len()).any(|it| it == KEY.as_bytes()));
    assert!(!format!("{:?}", room.receiver.board()).contains(KEY));
}

#[test]
fn redirections_are_not_followed() {
    let mut room = Room::new();
    let elsewhere = start(&room.runtime, room.clock);
    // The stand-in answers 404 on other paths, and 405 to a GET.
    room.settings.integrations[0].url = format!("{}/redirect", room.receiver.url());
    room.receiver.answer_with([Answer::Status(307, "text/plain", elsewhere.url())]);
    let handle = room.open();
    room.trigger(&handle, "a");
    wait_health(&handle, "the dead letter", |it| it.given_up == 1);
    assert!(elsewhere.look(|it| it.requests.is_empty()));
    handle.stop(LIMIT);
}

#[test]
fn a_reload_moves_what_waits() {
    let mut room = Room::new();
    room.receiver.answer_always(Answer::Throttle(None));
    let handle = room.open();
    room.trigger(&handle, "a");
    room.wait("a try", |it| !it.requests.is_empty());
    let other = start(&room.runtime, room.clock);
    room.settings.integrations[0].url = other.url();
    handle.reload(&room.settings);
    wait(&room.runtime, &other, "the page", |it| it.open_len() == 1);
    handle.stop(LIMIT);
}

#[test]
fn rules_choose_their_integrations() {
    let mut room = Room::new();
    let night = start(&room.runtime, room.clock);
    let urls = [("ops", room.receiver.url()), ("night", night.url())];
    let urls: Vec<(&str, &str)> = urls.iter().map(|(name, url)| (*name, url.as_str())).collect();
    room.settings = settings(room.folder.path(), &urls);
    room.settings.default_integrations = vec!["ops".into()];
    let handle = room.open();
    room.trigger(&handle, "default");
    let mut named = room.transition("named", TransitionKind::Trigger, Severity::Info);
    named.facts = Arc::new(AlertFacts { integrations: Arc::from(["night".into()]), ..facts("named") });
    handle.submit(vec![named]);
    let mut unknown = room.transition("unknown", TransitionKind::Trigger, Severity::Info);
    unknown.facts = Arc::new(AlertFacts { integrations: Arc::from(["gone".into()]), ..facts("unknown") });
    handle.submit(vec![unknown]);
    room.wait("two pages", |it| it.open_len() == 2);
    wait(&room.runtime, &night, "one page", |it| it.open_len() == 1);
    // The rule names other integrations now: the end goes where the beginning went.
    handle.submit(vec![room.transition("named", TransitionKind::Resolve, Severity::Info)]);
    wait(&room.runtime, &night, "the resolve", |it| it.open_len() == 0);
    handle.stop(LIMIT);
    assert_eq!(room.receiver.look(|it| it.requests.len()), 2);
}

#[test]
fn test_pages() {
    let mut room = Room::new();
    let now = room.clock.now();
    let answer = room.runtime.block_on(send_test(&room.settings, "ops", now)).unwrap();
    assert!(answer.is_accepted(), "{answer:?}");
    let board = room.receiver.board();
    assert!(is_valid(&board) && board.open_len() == 0 && board.incidents.len() == 1, "{board:#?}");
    assert_eq!(board.requests[0].text("dedup_key"), answer.dedup_key);
    room.receiver.answer_with([Answer::Invalid(vec!["Invalid routing key".to_owned()])]);
    let handle = room.open();
    let answer = room.runtime.block_on(handle.send_test("ops")).unwrap();
    assert_eq!((answer.trigger.decision, answer.trigger.reason), (Decision::Retry, Reason::KeyRefused));
    assert!(!answer.is_accepted() && answer.resolve.is_none());
    handle.stop(LIMIT);
    let error = room.runtime.block_on(send_test(&room.settings, "oops", now)).unwrap_err();
    assert_eq!(error.to_string(), "there is no integration `oops`: the config has ops");
    room.settings.integrations[0].routing_key = SecretSource::Environment("RACKWARDEN_NOT_SET".to_owned());
    let error = room.runtime.block_on(send_test(&room.settings, "ops", now)).unwrap_err();
    assert!(matches!(error, NotifyError::Key { .. }), "{error}");
    room.settings.integrations[0].url = "no url".to_owned();
    room.settings.integrations[0].routing_key = SecretSource::Inline(Secret::new(KEY));
    let error = room.runtime.block_on(send_test(&room.settings, "ops", now)).unwrap_err();
    assert!(matches!(error, NotifyError::Client { .. }), "{error}");
}

const FOLDER_VARIABLE: &str = "RACKWARDEN_TEST_FOLDER";
const URL_VARIABLE: &str = "RACKWARDEN_TEST_URL";
/// Alerts of the collector that is killed: the even ones end, the odd ones go on.
const KILLED_ALERTS: usize = 200;

/// The collector that [`nothing_is_lost_or_doubled_by_kill_9`] kills; without its environment it does
/// nothing.
#[test]
fn child_that_is_killed() {
    let (Some(folder), Ok(url)) = (std::env::var_os(FOLDER_VARIABLE), std::env::var(URL_VARIABLE)) else {
        return;
    };
    let room = Room::new();
    let mut settings = settings(Path::new(&folder), &[("ops", &url)]);
    // As a service gets it.
    settings.integrations[0].routing_key = SecretSource::Credential("routing-key".to_owned());
    let (handle, ..) = Outbox::open_tuned(&settings, room.clock, room.runtime.handle(), quick()).unwrap();
    for number in 0..KILLED_ALERTS {
        room.trigger(&handle, &number.to_string());
        // Some end while their beginning is on its way, some before it leaves.
        if number % 4 == 0 {
            assert!(handle.flush(LIMIT));
        }
        if number % 2 == 0 {
            room.resolve(&handle, &number.to_string());
        }
        assert!(handle.flush(LIMIT));
    }
    handle.stop(LIMIT);
}

fn child(test: &str, folder: &Path, url: &str, shell: Option<&str>) -> Child {
    let this = std::env::current_exe().unwrap();
    let test = format!("paging::{test}");
    let mut command = match shell {
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", script]).arg(&this);
            command
        }
        None => Command::new(&this),
    };
    command.args(["--exact", &test, "--nocapture"]);
    fs::write(folder.join("routing-key"), KEY).unwrap();
    command.env(FOLDER_VARIABLE, folder).env(URL_VARIABLE, url).env("CREDENTIALS_DIRECTORY", folder);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn nothing_is_lost_or_doubled_by_kill_9() {
    for round in [3, 20, 50, 90] {
        let room = Room::new();
        let mut child = child("child_that_is_killed", room.folder.path(), &room.receiver.url(), None);
        room.wait("some pages", |it| round <= it.requests.len());
        child.kill().unwrap();
        child.wait().unwrap();
        let (handle, open, warnings) = room.open_all();
        assert_eq!(warnings, Vec::<String>::new());
        // What the rules find after a restart.
        for number in 0..KILLED_ALERTS {
            let key = number.to_string();
            let known = open.iter().any(|it| *it.0 == *key);
            match (known, number % 2 == 0) {
                (false, false) => room.trigger(&handle, &key),
                (true, true) => room.resolve(&handle, &key),
                _ => (),
            }
        }
        assert_eq!(handle.stop(LIMIT), 0);
        let board = room.receiver.board();
        assert!(is_valid(&board));
        for number in 0..KILLED_ALERTS {
            let key = format!("rackwarden:{number}");
            let incidents: Vec<_> = board.incidents_of(&key).collect();
            let open = incidents.iter().filter(|it| it.resolved.is_none()).count();
            if number % 2 == 0 {
                assert!(incidents.len() <= 1 && open == 0, "{key}: {incidents:?}");
            } else {
                assert!(incidents.len() == 1 && open == 1, "{key}: {incidents:?}");
            }
        }
    }
}

const BIG_ALERTS: usize = 300;

/// The collector whose disk [`a_full_disk_keeps_nobody_from_being_paged`] makes small.
#[test]
fn child_with_a_full_disk() {
    let (Some(folder), Ok(url)) = (std::env::var_os(FOLDER_VARIABLE), std::env::var(URL_VARIABLE)) else {
        return;
    };
    let room = Room::new();
    let settings = settings(Path::new(&folder), &[("ops", &url)]);
    let (handle, _, warnings) =
        Outbox::open_tuned(&settings, room.clock, room.runtime.handle(), quick()).unwrap();
    assert_eq!(warnings, Vec::<String>::new(), "there is room for an empty file");
    let notes: Arc<str> = "n".repeat(20_000).into();
    for number in 0..BIG_ALERTS {
        let key = number.to_string();
        let mut transition = room.transition(&key, TransitionKind::Trigger, Severity::Critical);
        transition.facts = Arc::new(AlertFacts { notes: Some(Arc::clone(&notes)), ..facts(&key) });
        handle.submit(vec![transition]);
    }
    wait_health(&handle, "all pages", |it| it.sent == u64::try_from(BIG_ALERTS).unwrap());
    let DiskHealth::MemoryOnly { reason, .. } = handle.health().disk else { panic!("it had room") };
    println!("\ndisk: {reason}");
    handle.stop(LIMIT);
}

#[test]
fn a_full_disk_keeps_nobody_from_being_paged() {
    let room = Room::new();
    // Blocks of 512 octets: 4 MB, which 300 alerts of 20 kB, kept twice, exceed.
    let script = "trap '' XFSZ; ulimit -f 8192; exec \"$0\" \"$@\"";
    let mut child = child("child_with_a_full_disk", room.folder.path(), &room.receiver.url(), Some(script));
    let said: Vec<String> =
        BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    let complaints: Vec<String> =
        BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{said:#?} {complaints:#?}");
    assert!(said.iter().any(|it| it.starts_with("disk: ")), "{said:?}");
    let board = room.receiver.board();
    assert_eq!((board.open_len(), board.incidents.len(), is_valid(&board)), (BIG_ALERTS, BIG_ALERTS, true));
    // With room again the next start finds a file that it can use.
    let (handle, _, warnings) = room.open_all();
    room.trigger(&handle, "after");
    room.wait("the page", |it| it.open_len() == BIG_ALERTS + 1);
    assert!(handle.flush(LIMIT), "{warnings:?}");
    handle.stop(LIMIT);
}

/// From the transition to the POST's arrival; `--nocapture` prints it. The bound is wide: the machine may
/// be busy and its disk slow; the demo measures the whole way in an optimised build.
#[test]
fn pages_leave_within_milliseconds() {
    let mut room = Room::new();
    let path = room.folder.path().join("routing-key");
    fs::write(&path, KEY).unwrap();
    room.settings.integrations[0].routing_key = SecretSource::File(path);
    let handle = room.open();
    let mut took = Vec::new();
    for number in 0..100 {
        let begin = room.clock.moment();
        room.trigger(&handle, &number.to_string());
        room.wait("the page", |it| it.requests.len() == number + 1);
        took.push(room.receiver.look(|it| it.requests[number].time.moment.since(begin)));
    }
    handle.stop(LIMIT);
    took.sort();
    println!("submit to POST: median {:?}, 99 % {:?}, most {:?}", took[50], took[98], took[99]);
    let families = rackwarden::telemetry::registry().gather();
    let commits =
        families.iter().find(|it| it.name() == "rackwarden_notify_commit_duration_seconds").unwrap();
    let commits = commits.get_metric()[0].get_histogram();
    let mean = Duration::from_secs_f64(commits.get_sample_sum() / 200.0);
    println!("{} commits, {mean:?} for each of 200 changes", commits.get_sample_count());
    assert!(took[50] < Duration::from_millis(100));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>(),
        1 => (any::<char>(), 0..3_000_usize).prop_map(|(it, times)| it.to_string().repeat(times)),
        1 => Just("\"\\".repeat(300_000)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever an alert says, its event is one that PagerDuty takes.
    #[test]
    fn every_event_is_valid(
        texts in prop::collection::vec(any_text(), 12),
        numbers in prop::collection::vec(prop::option::of(any::<f64>()), 3),
        times in (any::<i64>(), any::<i64>()),
        kind in prop::sample::select(vec![
            TransitionKind::Trigger,
            TransitionKind::Change { from: Severity::Info },
            TransitionKind::Resolve,
        ]),
        severity in prop::sample::select(Severity::ALL.to_vec()),
    ) {
        let text = |at: usize| texts[at].as_str();
        let facts = AlertFacts {
            key: AlertKey(text(0).into()),
            rule: text(1).into(),
            notes: Some(text(2).into()),
            runbook: Some(text(3).into()),
            device: text(4).into(),
            address: text(5).to_owned(),
            model: text(6).to_owned(),
            labels: Labels::new([("site", text(7)), ("rack", text(8))]),
            component: Some((ComponentKind::Outlet, text(9).into(), text(10).into())),
            reading: text(11).to_owned(),
            value: numbers[0],
            threshold: numbers[1],
            rated: numbers[2],
            last_values: Vec::new(),
            since: UnixMillis(times.0),
            ..facts("k")
        };
        let at = UnixMillis(times.1);
        let transition = Transition { kind, severity, at, reason: text(11).to_owned(), facts: Arc::new(facts) };
        let sender = Sender { client: text(1), client_url: Some(text(3)), site: None };
        let body = event::body(&transition, sender);
        let short = event::repaired(&body, text(2)).unwrap();
        for body in [body, short] {
            let octets = event::with_routing_key(&body, &Secret::new(KEY)).unwrap();
            let event: serde_json::Value = serde_json::from_slice(&octets).unwrap();
            prop_assert_eq!(validate::problems(&event, octets.len()), Vec::<String>::new());
        }
    }
}
