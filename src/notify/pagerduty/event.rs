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
use serde::Serialize;
use std::fmt;

/// What an event asks for. Rackwarden acknowledges nothing: that is a person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Open an incident, or add to the open one.
    Trigger,
    /// End it.
    Resolve,
}

impl Action {
    /// The name in `event_action`, metrics and on disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Resolve => "resolve",
        }
    }

    /// The action of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        [Self::Trigger, Self::Resolve].into_iter().find(|it| it.name() == name)
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
    let full = details::full(transition);
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
    let least = serde_json::json!({
        "event_action": event.get("event_action")?.as_str()?,
        "dedup_key": event.get("dedup_key")?.as_str()?,
        "payload": {
            "summary": non_empty(summary),
            "source": non_empty(clean(field("source").unwrap_or_default(), FIELD_CHARS_MAX)),
            "severity": severity,
            "custom_details": {"note": format!("the full event was refused: {refusal}")},
        },
    });
    Some(least.to_string())
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
    let what = if reason.contains(&what) || what.is_empty() { String::new() } else { what + " " };
    clean(&format!("{head} {}: {what}{reason}{tail}", place(transition)), SUMMARY_CHARS_MAX)
}

/// `pdu-a1 infeed 1 (Feed A, rack A1)`.
fn place(transition: &Transition) -> String {
    let facts = &transition.facts;
    let mut place = facts.device.to_string();
    let mut asides: Vec<String> = Vec::new();
    if let Some((kind, index, label)) = &facts.component {
        let component = if &**index == "0" { kind.name().to_owned() } else { format!("{kind} {index}") };
        let whole_device = *kind == crate::model::ComponentKind::Device && &**index == "0";
        if !whole_device {
            place.push(' ');
            place.push_str(&component);
        }
        let says_more = !label.is_empty()
            && !label.eq_ignore_ascii_case(&component)
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
