//! Whether the demo went as it should: each expected page and its end once, and no other.

use super::script::Script;
use crate::simulator::pagerduty::{Board, Request};
use std::collections::BTreeMap;

/// How it went.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Incidents of the devices that something was done to, all of them resolved.
    pub(super) incidents: usize,
    /// What went wrong, in words.
    pub(super) wrong: Vec<String>,
}

impl Verdict {
    /// Whether nothing went wrong.
    pub(super) fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }
}

/// The rule that an event speaks of.
pub(super) fn rule_of(request: &Request) -> &str {
    request.text("payload.custom_details.rule")
}

/// Judges what the stand-in received.
pub(super) fn judge(script: &Script, board: &Board, finished: bool) -> Verdict {
    let mut wrong = Vec::new();
    if !finished {
        wrong.push("the story was not told to its end: give it more --seconds".to_owned());
    }
    let triggers = || board.requests.iter().filter(|it| it.text("event_action") == "trigger");
    let expected = script.expected();
    let mut devices: BTreeMap<&str, &str> = BTreeMap::new();
    for request in triggers() {
        devices.insert(request.text("dedup_key"), request.text("payload.source"));
    }
    for (device, rule) in expected {
        if !triggers().any(|it| it.text("payload.source") == device && rule_of(it) == rule) {
            wrong.push(format!("no page came for {device}: {rule}"));
        }
    }
    for (key, device) in &devices {
        if !expected.iter().any(|(it, _)| it == device) {
            wrong.push(format!("a page came for {device}, to which nothing was done: {key}"));
            continue;
        }
        let incidents: Vec<_> = board.incidents_of(key).collect();
        match incidents.as_slice() {
            [one] if one.resolved.is_some() => (),
            [_] => wrong.push(format!("still open: {key}")),
            several => wrong.push(format!("{} incidents instead of one: {key}", several.len())),
        }
    }
    if board.idle_resolves != 0 {
        wrong.push(format!("{} ends of incidents that were not open", board.idle_resolves));
    }
    for request in board.requests.iter().filter(|it| !it.problems.is_empty()) {
        wrong.push(format!("an event was not as the API wants it: {}", request.problems.join("; ")));
    }
    Verdict { incidents: devices.len(), wrong }
}
