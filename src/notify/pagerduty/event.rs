//! Transitions as events of PagerDuty's Events API v2.
//!
//! Limits: PagerDuty's `summary` has at most 1,024 characters, `dedup_key` 255, a whole request
//! 512 KB (taken as 512,000 octets, as Alertmanager and Grafana do). What is too long is shortened
//! and says so; the event is sent all the same, since a page without details is better than none.
//!
//! Invariant: the routing key is in no event; [`with_routing_key`] adds it to the octets that leave.

use super::details;
use crate::alert::{AlertKey, Transition, TransitionKind};
use crate::model::{Labels, Secret, Severity, UnixMillis};
use crate::notify::settings::Site;
use crate::notify::storm::GROUP_RULE_TYPE;
use serde::Serialize;
use std::fmt;

/// What an event asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Open an incident, or add to the open one.
    Trigger,
    /// Somebody looks after it, as an operator has told us.
    Acknowledge,
    /// End it.
    Resolve,
}

impl Action {
    /// The name in `event_action`, metrics and on disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
        }
    }

    /// The action of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        [Self::Trigger, Self::Acknowledge, Self::Resolve].into_iter().find(|it| it.name() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who sends, for `client` and `client_url`.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// `client`.
    pub client: &'a str,
    /// `client_url`.
    pub client_url: Option<&'a str>,
    /// Whose site it is.
    pub site: Option<&'a Site>,
}

/// A whole request, in octets.
pub const REQUEST_OCTETS_MAX: usize = 512_000;
/// `payload.summary`, in characters.
pub const SUMMARY_CHARS_MAX: usize = 1_024;
/// `dedup_key`; PagerDuty counts characters, octets are the safer reading.
pub const DEDUP_KEY_OCTETS_MAX: usize = 255;
/// Fields without a documented limit (`source`, `component`, `group`, `class`, `client`): enough for
/// any name, so that only `custom_details` can make an event too big.
pub const FIELD_CHARS_MAX: usize = 1_024;
/// What the routing key and its name may take of a request: a key has 32 characters, a relay's may
/// have more, and a secret at most [`crate::notify::secrets::SECRET_OCTETS_MAX`] (twice that, escaped).
const KEY_OCTETS_RESERVED: usize = 10_000;
/// Before every key of ours, so that it meets no other sender's on the same integration.
const KEY_PREFIX: &str = "rackwarden:";

/// The action of a transition.
#[must_use]
pub const fn action_of(kind: TransitionKind) -> Action {
    match kind {
        TransitionKind::Trigger | TransitionKind::Change { .. } => Action::Trigger,
        TransitionKind::Resolve => Action::Resolve,
    }
}

/// The event as JSON, without its routing key.
#[must_use]
pub fn body(transition: &Transition, sender: Sender<'_>) -> String {
    let full = details::full(transition, sender.site);
    let text = render(transition, sender, full);
    if text.len() <= REQUEST_OCTETS_MAX - KEY_OCTETS_RESERVED {
        return text;
    }
    render(transition, sender, details::reduced(transition, text.len()))
}

/// The least that PagerDuty needs of an event whose body it has refused: action, key, summary, source
/// and severity. `None` if `body` is no event.
#[must_use]
pub fn repaired(body: &str, refusal: &str) -> Option<String> {
    let event: serde_json::Value = serde_json::from_str(body).ok()?;
    let field = |name: &str| event.get("payload").and_then(|it| it.get(name)).and_then(|it| it.as_str());
    let severity = field("severity").filter(|it| it.parse::<Severity>().is_ok()).unwrap_or("critical");
    let summary = clean(field("summary").unwrap_or_default(), REPAIRED_SUMMARY_CHARS_MAX);
    let mut payload = serde_json::json!({
        "summary": non_empty(summary),
        "source": non_empty(clean(field("source").unwrap_or_default(), FIELD_CHARS_MAX)),
        "severity": severity,
    });
    if !refusal.contains("details")
        && let Some(fields) = payload.as_object_mut()
    {
        let note = clean(&format!("the full event was refused: {refusal}"), FIELD_CHARS_MAX);
        fields.insert("custom_details".to_owned(), serde_json::json!({"note": note}));
    }
    let action = event.get("event_action")?.as_str()?;
    let mut least = serde_json::json!({
        "event_action": action,
        "dedup_key": event.get("dedup_key")?.as_str()?,
    });
    // The end of an incident needs its key alone.
    let is_needless = action != Action::Trigger.name()
        && ["payload", "summary", "source", "severity"].iter().any(|it| refusal.contains(it));
    if !is_needless && let Some(fields) = least.as_object_mut() {
        fields.insert("payload".to_owned(), payload);
    }
    Some(least.to_string())
}

/// A change event: shown beside a service's incidents, and wakes nobody.
#[must_use]
pub fn change(summary: &str, at: UnixMillis) -> String {
    let event = serde_json::json!({
        "payload": {
            "summary": clean(summary, SUMMARY_CHARS_MAX),
            "source": "rackwarden",
            "timestamp": at.to_string(),
        },
    });
    event.to_string()
}

/// An acknowledgement of an open incident.
#[must_use]
pub fn acknowledgement(key: &AlertKey, by: &str) -> String {
    let by = clean(by, FIELD_CHARS_MAX);
    let event = serde_json::json!({
        "event_action": Action::Acknowledge.name(),
        "dedup_key": dedup_key(key),
        "payload": {
            "summary": format!("acknowledged by {by}"),
            "source": "rackwarden",
            "severity": "info",
        },
    });
    event.to_string()
}

/// The end of an alert of which no more is known than its key.
#[must_use]
pub fn resolve_without_details(key: &AlertKey) -> String {
    let device = key.parts().map_or_else(|| key.to_string(), |it| it.device);
    let event = serde_json::json!({
        "event_action": Action::Resolve.name(),
        "dedup_key": dedup_key(key),
        "payload": {
            "summary": non_empty(clean(&format!("{key} is over"), SUMMARY_CHARS_MAX)),
            "source": non_empty(clean(&device, FIELD_CHARS_MAX)),
            "severity": "info",
        },
    });
    event.to_string()
}

/// The octets to send: the event with its routing key.
#[must_use]
pub fn with_routing_key(body: &str, key: &Secret) -> Option<Vec<u8>> {
    let rest = body.strip_prefix('{')?;
    let key = serde_json::to_string(key.expose()).ok()?;
    Some(format!("{{\"routing_key\":{key},{rest}").into_bytes())
}

/// The key by which PagerDuty knows the incident: the same over restarts, reloads and versions, and
/// the same from two collectors that watch the same devices with the same rules (so that a pair of
/// them pages once). Readable where it fits, else its beginning and a hash of the whole.
#[must_use]
pub fn dedup_key(key: &AlertKey) -> String {
    let plain = !key.0.chars().any(char::is_control);
    if plain && KEY_PREFIX.len() + key.0.len() <= DEDUP_KEY_OCTETS_MAX {
        return format!("{KEY_PREFIX}{key}");
    }
    let hash = format!("~{:032x}", fnv1a_128(key.0.as_bytes()));
    let mut kept = String::from(KEY_PREFIX);
    for letter in key.0.chars().map(|it| if it.is_control() { ' ' } else { it }) {
        if DEDUP_KEY_OCTETS_MAX < kept.len() + letter.len_utf8() + hash.len() {
            break;
        }
        kept.push(letter);
    }
    kept + &hash
}

/// One line for whoever is woken: how bad, where, what, how much.
#[must_use]
pub fn summary(transition: &Transition) -> String {
    let facts = &transition.facts;
    if facts.rule_type == GROUP_RULE_TYPE {
        return group_summary(transition);
    }
    let head = match transition.kind {
        TransitionKind::Trigger | TransitionKind::Change { .. } => transition.severity.name().to_uppercase(),
        TransitionKind::Resolve => "RESOLVED".to_owned(),
    };
    let tail = match transition.kind {
        TransitionKind::Trigger => String::new(),
        TransitionKind::Change { from } => format!(" (was {from})"),
        TransitionKind::Resolve => format!(" (was {})", transition.severity),
    };
    let reason = if transition.reason.is_empty() { facts.reading.as_str() } else { &transition.reason };
    let what = facts.trigger.replace('_', " ");
    // A number goes with its name ("current 23.4 A > 20 A"); a sentence stands after it ("offline: 3 polls ..").
    let sentence = facts.value.is_none()
        || facts.operator.is_empty()
        || transition.kind == TransitionKind::Resolve && facts.threshold.is_none();
    let what = match (reason.contains(&what) || what.is_empty(), sentence) {
        (true, _) => String::new(),
        (false, true) => what + ": ",
        (false, false) => what + " ",
    };
    let since = since(transition);
    clean(&format!("{head} {}: {what}{reason}{tail}{since}", place(transition)), SUMMARY_CHARS_MAX)
}

/// `, since 14:05 UTC`, where the page itself comes later than a person would take for granted.
fn since(transition: &Transition) -> String {
    let (since, at) = (transition.facts.since, transition.at);
    if transition.kind == TransitionKind::Resolve || at.0.saturating_sub(since.0) < SINCE_MILLIS_MIN {
        return String::new();
    }
    let (since, at) = (since.to_string(), at.to_string());
    match (since.get(..10), since.get(11..16)) {
        (Some(day), Some(time)) if at.starts_with(day) => format!(", since {time} UTC"),
        (Some(day), Some(time)) => format!(", since {day} {time} UTC"),
        _ => String::new(),
    }
}

/// `CRITICAL site DC1: 120 alerts (offline 118, infeed-load 2)`.
fn group_summary(transition: &Transition) -> String {
    let head = match transition.kind {
        TransitionKind::Trigger | TransitionKind::Change { .. } => transition.severity.name().to_uppercase(),
        TransitionKind::Resolve => "RESOLVED".to_owned(),
    };
    let (device, reason, since) = (&transition.facts.device, &transition.reason, since(transition));
    clean(&format!("{head} {device}: {reason}{since}"), SUMMARY_CHARS_MAX)
}

/// `pdu-a1 infeed 1 (Feed A, rack A1)`.
fn place(transition: &Transition) -> String {
    let facts = &transition.facts;
    let mut place = facts.device.to_string();
    let mut asides: Vec<String> = Vec::new();
    if let Some((kind, index, label)) = &facts.component {
        let kind_name = kind.name().replace('_', " ");
        let component = match &**index {
            "0" => kind_name,
            // Objects of inventories have names; their indices are numbers of databases.
            _ if facts.source.is_none() && !label.is_empty() => format!("{kind_name} {label}"),
            index => format!("{kind_name} {index}"),
        };
        let whole_device = *kind == crate::model::ComponentKind::Device && &**index == "0";
        if !whole_device {
            place.push(' ');
            place.push_str(&component);
        }
        let says_more = !label.is_empty()
            && !label.eq_ignore_ascii_case(&component)
            && !component.ends_with(&**label)
            && !label.eq_ignore_ascii_case(kind.name())
            && **label != **index
            && **label != *facts.device;
        if says_more {
            asides.push(label.to_string());
        }
    }
    if let Some(rack) = facts.labels.value("rack").filter(|it| !it.is_empty()) {
        let named = rack.to_ascii_lowercase().starts_with("rack");
        let aside = if named { rack.to_owned() } else { format!("rack {rack}") };
        if !asides.iter().any(|it| it.eq_ignore_ascii_case(&aside)) {
            asides.push(aside);
        }
    }
    if asides.is_empty() { place } else { format!("{place} ({})", asides.join(", ")) }
}

fn render(transition: &Transition, sender: Sender<'_>, details: details::Details) -> String {
    let facts = &transition.facts;
    let trigger = action_of(transition.kind) == Action::Trigger;
    let class = format!("{}/{}", facts.rule_type, facts.trigger);
    let link = facts.runbook.as_deref().filter(|it| trigger && details::is_link(it));
    let event = Wire {
        event_action: action_of(transition.kind).name(),
        dedup_key: dedup_key(&facts.key),
        payload: Payload {
            summary: non_empty(summary(transition)),
            source: non_empty(clean(&facts.device, FIELD_CHARS_MAX)),
            severity: transition.severity.name(),
            timestamp: rfc3339(transition.at),
            component: optional(facts.component.as_ref().map_or("", |(_, _, label)| label)),
            group: optional(&group(&facts.labels)),
            class: optional(&class),
            custom_details: details,
        },
        links: link.map(|href| vec![Link { href: href.to_owned(), text: "Runbook" }]),
        // PagerDuty takes these with triggers only.
        client: if trigger { optional(sender.client) } else { None },
        client_url: sender.client_url.filter(|it| trigger && details::is_link(it)).map(str::to_owned),
    };
    serde_json::to_string(&event).unwrap_or_default()
}

/// Where it is, widest first: `DC1 / Room 2 / A1`.
fn group(labels: &Labels) -> String {
    let parts: Vec<&str> =
        PLACES.iter().filter_map(|it| labels.value(it)).filter(|it| !it.is_empty()).collect();
    parts.join(" / ")
}

/// Labels that say where something is, widest first.
const PLACES: [&str; 6] = ["site", "building", "room", "row", "rack", "feed"];
/// An alert that is told sooner after it began needs no time in its summary.
const SINCE_MILLIS_MIN: i64 = 60_000;
/// Half of the limit: a summary that PagerDuty found too long by its own count then fits.
const REPAIRED_SUMMARY_CHARS_MAX: usize = SUMMARY_CHARS_MAX / 2;

fn rfc3339(time: UnixMillis) -> Option<String> {
    jiff::Timestamp::from_millisecond(time.0).is_ok().then(|| time.to_string())
}

fn optional(text: &str) -> Option<String> {
    let cleaned = clean(text, FIELD_CHARS_MAX);
    (!cleaned.is_empty()).then_some(cleaned)
}

fn non_empty(text: String) -> String {
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// One line of at most `chars_max` characters, none of them cut; `…` says that there was more.
pub(super) fn clean(text: &str, chars_max: usize) -> String {
    let mut cleaned: String =
        text.chars().map(|it| if it.is_control() { ' ' } else { it }).take(chars_max).collect();
    if text.chars().nth(chars_max).is_some() {
        cleaned.pop();
        cleaned.push('…');
    }
    cleaned.trim().to_owned()
}

/// FNV-1a with 128 bits (draft-eastlake-fnv): keys of one prefix must not meet by accident, and
/// nobody gains by making them meet. In a few lines, where a digest would be a crate.
fn fnv1a_128(octets: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    octets.iter().fold(OFFSET, |hash, &octet| (hash ^ u128::from(octet)).wrapping_mul(PRIME))
}

#[derive(Serialize)]
struct Wire {
    event_action: &'static str,
    dedup_key: String,
    payload: Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<Vec<Link>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_url: Option<String>,
}

#[derive(Serialize)]
struct Payload {
    summary: String,
    source: String,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    custom_details: details::Details,
}

#[derive(Serialize)]
struct Link {
    href: String,
    text: &'static str,
}

#[cfg(test)]
mod tests {
    use super::{
        REQUEST_OCTETS_MAX, SUMMARY_CHARS_MAX, Sender, body, dedup_key, fnv1a_128, repaired, summary,
        with_routing_key,
    };
    use crate::alert::{AlertFacts, AlertKey, Transition, TransitionKind};
    use crate::model::{ComponentKind, Labels, Secret, Severity, UnixMillis};
    use crate::notify::fixtures::{facts, transition};
    use std::sync::Arc;

    const SENDER: Sender<'_> =
        Sender { client: "rackwarden", client_url: Some("https://rackwarden.example/"), site: None };

    fn pretty(text: &str) -> String {
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(text).unwrap()).unwrap()
    }

    #[test]
    fn a_trigger() {
        let it = transition(TransitionKind::Trigger, Severity::Critical, facts("pdu-a1"));
        insta::assert_snapshot!(pretty(&body(&it, SENDER)), @r#"
        {
          "client": "rackwarden",
          "client_url": "https://rackwarden.example/",
          "dedup_key": "rackwarden:infeed-load/pdu-a1/infeed/1/current",
          "event_action": "trigger",
          "links": [
            {
              "href": "https://runbooks.example/infeed",
              "text": "Runbook"
            }
          ],
          "payload": {
            "class": "power_unit_infeed/current",
            "component": "Feed A",
            "custom_details": {
              "address": "10.0.0.7:161",
              "alert": "infeed-load/pdu-a1/infeed/1/current",
              "component_index": "1",
              "component_kind": "infeed",
              "component_label": "Feed A",
              "device": "pdu-a1",
              "labels": {
                "rack": "A1",
                "site": "DC1"
              },
              "model": "APC AP8853",
              "notes": "Call the floor\nbefore moving load",
              "oid": "1.3.6.1.4.1.318.1.1.26.6.3.1.5.1",
              "operator": ">",
              "rated": 32.0,
              "reading": "23.4 A",
              "reason": "23.4 A > 20 A for 30 s",
              "rule": "infeed-load",
              "rule_type": "power_unit_infeed",
              "runbook": "https://runbooks.example/infeed",
              "severity": "critical",
              "since": "2026-01-02T03:03:35.678Z",
              "threshold": 20.0,
              "trigger": "current",
              "unit": "A",
              "value": 23.4
            },
            "group": "DC1 / A1",
            "severity": "critical",
            "source": "pdu-a1",
            "summary": "CRITICAL pdu-a1 infeed 1 (Feed A, rack A1): current 23.4 A > 20 A for 30 s",
            "timestamp": "2026-01-02T03:04:05.678Z"
          }
        }
        "#);
    }

    #[test]
    fn a_resolve() {
        let it = transition(TransitionKind::Resolve, Severity::Critical, facts("pdu-a1"));
        insta::assert_snapshot!(pretty(&body(&it, SENDER)), @r#"
        {
          "dedup_key": "rackwarden:infeed-load/pdu-a1/infeed/1/current",
          "event_action": "resolve",
          "payload": {
            "class": "power_unit_infeed/current",
            "component": "Feed A",
            "custom_details": {
              "address": "10.0.0.7:161",
              "alert": "infeed-load/pdu-a1/infeed/1/current",
              "component_index": "1",
              "component_kind": "infeed",
              "component_label": "Feed A",
              "device": "pdu-a1",
              "labels": {
                "rack": "A1",
                "site": "DC1"
              },
              "model": "APC AP8853",
              "notes": "Call the floor\nbefore moving load",
              "oid": "1.3.6.1.4.1.318.1.1.26.6.3.1.5.1",
              "operator": ">",
              "rated": 32.0,
              "reading": "23.4 A",
              "reason": "18.9 A <= 19 A",
              "resolved_at": "2026-01-02T03:04:05.678Z",
              "rule": "infeed-load",
              "rule_type": "power_unit_infeed",
              "runbook": "https://runbooks.example/infeed",
              "severity": "critical",
              "since": "2026-01-02T03:03:35.678Z",
              "threshold": 20.0,
              "trigger": "current",
              "unit": "A",
              "value": 23.4
            },
            "group": "DC1 / A1",
            "severity": "critical",
            "source": "pdu-a1",
            "summary": "RESOLVED pdu-a1 infeed 1 (Feed A, rack A1): current 18.9 A <= 19 A (was critical)",
            "timestamp": "2026-01-02T03:04:05.678Z"
          }
        }
        "#);
    }

    fn check(change: impl FnOnce(&mut Transition, &mut AlertFacts), expected: &str) {
        let mut it = transition(TransitionKind::Trigger, Severity::Critical, facts("pdu-a1"));
        let mut changed = facts("pdu-a1");
        change(&mut it, &mut changed);
        it.facts = Arc::new(changed);
        assert_eq!(summary(&it), expected);
    }

    #[test]
    fn summaries_speak_plainly() {
        check(|_, _| (), "CRITICAL pdu-a1 infeed 1 (Feed A, rack A1): current 23.4 A > 20 A for 30 s");
        check(
            |it, _| it.kind = TransitionKind::Change { from: Severity::Warning },
            "CRITICAL pdu-a1 infeed 1 (Feed A, rack A1): current 23.4 A > 20 A for 30 s (was warning)",
        );
        check(
            |it, facts| {
                it.kind = TransitionKind::Change { from: Severity::Warning };
                facts.since.0 -= 3_600_000;
            },
            "CRITICAL pdu-a1 infeed 1 (Feed A, rack A1): current 23.4 A > 20 A for 30 s (was warning), since 02:03 UTC",
        );
        check(
            |_, facts| facts.since.0 -= 4 * 3_600_000,
            "CRITICAL pdu-a1 infeed 1 (Feed A, rack A1): current 23.4 A > 20 A for 30 s, since 2026-01-01 23:03 UTC",
        );
        check(
            |it, _| {
                it.kind = TransitionKind::Resolve;
                it.reason = "18.9 A <= 19 A".to_owned();
            },
            "RESOLVED pdu-a1 infeed 1 (Feed A, rack A1): current 18.9 A <= 19 A (was critical)",
        );
        check(
            |it, facts| {
                it.severity = Severity::Error;
                it.reason = "on battery for 5 s".to_owned();
                facts.trigger = "on_battery";
                facts.component = Some((ComponentKind::Device, "0".into(), "pdu-a1".into()));
                facts.labels = Labels::default();
            },
            "ERROR pdu-a1: on battery for 5 s",
        );
        check(
            |it, facts| {
                it.reason = String::new();
                facts.component = None;
                facts.labels = Labels::new([("rack", "Rack 7")]);
            },
            "CRITICAL pdu-a1 (Rack 7): current 23.4 A",
        );
        check(
            |_, facts| facts.component = Some((ComponentKind::Battery, "0".into(), "Battery".into())),
            "CRITICAL pdu-a1 battery (rack A1): current 23.4 A > 20 A for 30 s",
        );
        check(
            |_, facts| facts.component = Some((ComponentKind::Bank, "2.1".into(), "line\nbreak".into())),
            "CRITICAL pdu-a1 bank 2.1 (line break, rack A1): current 23.4 A > 20 A for 30 s",
        );
    }

    #[test]
    fn long_summaries_are_cut_between_characters() {
        let mut it = transition(TransitionKind::Trigger, Severity::Critical, facts("pdu-a1"));
        it.reason = "ü€𝄞".repeat(2_000);
        let cut = summary(&it);
        assert_eq!(cut.chars().count(), SUMMARY_CHARS_MAX);
        assert!(cut.starts_with("CRITICAL pdu-a1 infeed 1") && cut.ends_with('…'));
    }

    #[test]
    fn dedup_keys_are_readable_and_short() {
        let key = |text: &str| dedup_key(&AlertKey(text.into()));
        assert_eq!(key("rule/pdu-a1/infeed/1"), "rackwarden:rule/pdu-a1/infeed/1");
        let fits = "x".repeat(255 - "rackwarden:".len());
        assert_eq!(key(&fits).len(), 255);
        assert!(!key(&fits).contains('~'));
        let long = key(&format!("{fits}a"));
        assert_eq!(long.len(), 255);
        assert_ne!(long, key(&format!("{fits}b")));
        let wide = key(&"ü".repeat(300));
        assert!(wide.len() <= 255, "{}", wide.len());
        assert_ne!(key("a\nb"), key("a b"));
        assert!(!key("a\nb").contains('\n'));
    }

    /// Open incidents are known by these. Do not change this test: they would stay open for ever.
    #[test]
    fn dedup_keys_are_frozen() {
        insta::assert_snapshot!(dedup_key(&AlertKey("infeed-load/pdu-a1/infeed/1/current".into())), @"rackwarden:infeed-load/pdu-a1/infeed/1/current");
        insta::assert_snapshot!(dedup_key(&AlertKey("k".repeat(300).into())), @"rackwarden:kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk~686b9a0ee396879021966744d53ec509");
    }

    #[test]
    fn hashes_as_published() {
        assert_eq!(fnv1a_128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv1a_128(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(fnv1a_128(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }

    #[test]
    fn events_too_big_lose_details_and_go_all_the_same() {
        let mut big = facts("pdu-a1");
        big.notes = Some("\u{1}".repeat(600_000).into());
        big.model = "m".repeat(600_000);
        big.labels = Labels::new([("site", "s".repeat(600_000))]);
        big.component = Some((ComponentKind::Bank, "1".into(), "\"".repeat(600_000).into()));
        big.runbook = Some(format!("https://{}", "r".repeat(600_000)).into());
        let it = transition(TransitionKind::Trigger, Severity::Critical, big);
        let sender = Sender { client: &"c".repeat(600_000), client_url: None, site: None };
        let octets = with_routing_key(&body(&it, sender), &Secret::new("\u{1}".repeat(1_000))).unwrap();
        assert!(octets.len() <= REQUEST_OCTETS_MAX, "{}", octets.len());
        let event: serde_json::Value = serde_json::from_slice(&octets).unwrap();
        let note = event["payload"]["custom_details"]["note"].as_str().unwrap();
        assert!(note.contains("over PagerDuty's limit of 512000"), "{note}");
        assert_eq!(event["payload"]["custom_details"]["value"], 23.4);
    }

    #[test]
    fn odd_alerts_make_events_all_the_same() {
        let mut odd = facts("");
        odd.value = Some(f64::NAN);
        odd.threshold = Some(f64::INFINITY);
        odd.runbook = Some("ask Anna".into());
        let it = Transition {
            at: UnixMillis(i64::MAX),
            ..transition(TransitionKind::Trigger, Severity::Info, odd)
        };
        let event: serde_json::Value = serde_json::from_str(&body(&it, SENDER)).unwrap();
        assert_eq!(event["payload"]["source"], "unknown");
        assert!(event["payload"].get("timestamp").is_none() && event.get("links").is_none());
        assert!(event["payload"]["custom_details"].get("value").is_none());
        assert_eq!(event["payload"]["custom_details"]["runbook"], "ask Anna");
    }

    #[test]
    fn a_refused_event_is_cut_down_to_what_is_needed() {
        let it = transition(TransitionKind::Trigger, Severity::Error, facts("pdu-a1"));
        let short = repaired(&body(&it, SENDER), "'class' is wrong").unwrap();
        insta::assert_snapshot!(pretty(&short), @r#"
        {
          "dedup_key": "rackwarden:infeed-load/pdu-a1/infeed/1/current",
          "event_action": "trigger",
          "payload": {
            "custom_details": {
              "note": "the full event was refused: 'class' is wrong"
            },
            "severity": "error",
            "source": "pdu-a1",
            "summary": "ERROR pdu-a1 infeed 1 (Feed A, rack A1): current 23.4 A > 20 A for 30 s"
          }
        }
        "#);
        let shorter = repaired(&body(&it, SENDER), "'custom_details' is wrong").unwrap();
        assert!(!shorter.contains("custom_details"), "{shorter}");
        let it = transition(TransitionKind::Resolve, Severity::Error, facts("pdu-a1"));
        let end = repaired(&body(&it, SENDER), "'summary' is too long").unwrap();
        assert_eq!(
            end,
            r#"{"dedup_key":"rackwarden:infeed-load/pdu-a1/infeed/1/current","event_action":"resolve"}"#
        );
        assert_eq!(repaired("[]", ""), None);
        assert_eq!(repaired("no", ""), None);
    }

    #[test]
    fn the_routing_key_is_added_last() {
        let octets = with_routing_key(r#"{"a":1}"#, &Secret::new("k\"ey")).unwrap();
        assert_eq!(String::from_utf8(octets).unwrap(), r#"{"routing_key":"k\"ey","a":1}"#);
        assert_eq!(with_routing_key("[]", &Secret::new("key")), None);
    }
}
