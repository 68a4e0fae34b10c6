//! An event in its receiver's own form: PagerDuty's as it is kept, a webhook's signed body, an
//! Alertmanager's alerts. Pure.
//!
//! Events are kept in one form, PagerDuty's, and turned into the others when they leave: so an
//! integration may change its type while events wait.

use super::pagerduty::event;
use super::settings::Receiver;
use crate::model::{Secret, Severity, UnixMillis};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use std::fmt::Write as _;

/// A request's body, and headers beside its content type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The body.
    pub octets: Vec<u8>,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
}

/// When the body was signed: seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-rackwarden-timestamp";
/// `v1=` and the HMAC-SHA256, in hexadecimal, of the timestamp, a full stop and the body.
pub const SIGNATURE_HEADER: &str = "x-rackwarden-signature";
/// The version of a webhook's body. It grows with each change that a reader could stumble over.
const WEBHOOK_VERSION: u32 = 1;
/// How long an Alertmanager takes an alert to go on if it hears no more of it: over nights and weekends
/// of an outage on our side it must not seem to be over. It is told again long before.
const FIRING_FOR_MILLIS: i64 = 24 * 3_600 * 1_000;

/// The request for an event as it is kept; `None` if that is no event.
#[must_use]
pub fn request(receiver: Receiver, body: &str, key: &Secret, now: UnixMillis) -> Option<Request> {
    match receiver {
        Receiver::PagerDuty => {
            event::with_routing_key(body, key).map(|octets| Request { octets, headers: Vec::new() })
        }
        Receiver::Webhook => webhook(body, key, now),
        Receiver::Alertmanager => alertmanager(body, now),
    }
}

fn webhook(body: &str, key: &Secret, now: UnixMillis) -> Option<Request> {
    let event: Value = serde_json::from_str(body).ok()?;
    let none = Map::new();
    let payload = event.get("payload").and_then(Value::as_object).unwrap_or(&none);
    let mut out = Map::new();
    out.insert("version".to_owned(), json!(WEBHOOK_VERSION));
    out.insert("event".to_owned(), event.get("event_action")?.clone());
    out.insert("key".to_owned(), event.get("dedup_key")?.clone());
    for (name, value) in payload {
        let name = if name == "custom_details" { "details" } else { name };
        out.insert(name.to_owned(), value.clone());
    }
    for name in ["links", "client", "client_url"] {
        out.extend(event.get(name).map(|it| (name.to_owned(), it.clone())));
    }
    let octets = serde_json::to_vec(&Value::Object(out)).ok()?;
    let seconds = now.0.div_euclid(1_000);
    let signature = sign(key, seconds, &octets)?;
    let headers = vec![(TIMESTAMP_HEADER, seconds.to_string()), (SIGNATURE_HEADER, signature)];
    Some(Request { octets, headers })
}

/// What [`SIGNATURE_HEADER`] says of a body.
#[must_use]
pub fn sign(key: &Secret, seconds: i64, octets: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok()?;
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(octets);
    let mut text = String::from("v1=");
    for octet in mac.finalize().into_bytes() {
        write!(text, "{octet:02x}").ok()?;
    }
    Some(text)
}

fn alertmanager(body: &str, now: UnixMillis) -> Option<Request> {
    let event: Value = serde_json::from_str(body).ok()?;
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let severity = text("/payload/severity");
    let ended = text("/event_action") == "resolve";
    let changed = event.pointer("/payload/custom_details/previous_severity").is_some();
    let mut alerts = vec![one(&event, &severity, ended, now)];
    if ended || changed {
        // The severity is a label, and so part of what an Alertmanager knows an alert by: that of another
        // severity, if there is one, is over.
        let others = Severity::ALL.into_iter().map(Severity::name).filter(|it| *it != severity);
        alerts.extend(others.map(|it| one(&event, it, true, now)));
    }
    let octets = serde_json::to_vec(&alerts).ok()?;
    Some(Request { octets, headers: Vec::new() })
}

fn one(event: &Value, severity: &str, ended: bool, now: UnixMillis) -> Value {
    let at = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let mut labels = Map::new();
    if let Some(own) = event.pointer("/payload/custom_details/labels").and_then(Value::as_object) {
        let own = own.iter().map(|(name, value)| (label_name(name), value.clone()));
        labels.extend(own);
    }
    let rule = at("/payload/custom_details/rule");
    labels.insert("alertname".to_owned(), json!(if rule.is_empty() { at("/payload/class") } else { rule }));
    labels.insert("device".to_owned(), json!(at("/payload/source")));
    labels.insert("severity".to_owned(), json!(severity));
    labels.insert("alert".to_owned(), json!(at("/dedup_key")));
    labels.retain(|_, value| value.as_str().is_some_and(|it| !it.is_empty()));
    let mut annotations = Map::new();
    annotations.insert("summary".to_owned(), json!(at("/payload/summary")));
    for name in ["reason", "reading", "runbook", "notes"] {
        let text = event.pointer("/payload/custom_details").and_then(|it| it.get(name));
        annotations.extend(text.map(|it| (name.to_owned(), it.clone())));
    }
    let ends = if ended { now } else { UnixMillis(now.0.saturating_add(FIRING_FOR_MILLIS)) };
    let mut alert = json!({"labels": labels, "annotations": annotations, "endsAt": ends.to_string()});
    let since = at("/payload/custom_details/since");
    if let Some(fields) = alert.as_object_mut() {
        if !since.is_empty() {
            fields.insert("startsAt".to_owned(), json!(since));
        }
        if let Some(url) = event.get("client_url") {
            fields.insert("generatorURL".to_owned(), url.clone());
        }
    }
    alert
}

/// As Prometheus has label names.
fn label_name(name: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut cleaned: String = name.chars().map(|it| if fits(it) { it } else { '_' }).collect();
    if cleaned.starts_with(|it: char| it.is_ascii_digit()) {
        cleaned.insert(0, '_');
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::{Request, request, sign};
    use crate::alert::TransitionKind;
    use crate::model::{Secret, Severity, UnixMillis};
    use crate::notify::fixtures::{facts, transition};
    use crate::notify::pagerduty::{Sender, event};
    use crate::notify::settings::Receiver;
    use serde_json::Value;

    fn made(receiver: Receiver, kind: TransitionKind) -> (Request, Value) {
        let sender = Sender { client: "rackwarden", client_url: Some("https://rw.example/"), site: None };
        let body = event::body(&transition(kind, Severity::Critical, facts("pdu-a1")), sender);
        let made = request(receiver, &body, &Secret::new("s3cret"), UnixMillis(1_700_000_000_000)).unwrap();
        let value = serde_json::from_slice(&made.octets).unwrap();
        (made, value)
    }

    #[test]
    fn a_webhook_is_signed() {
        let (made, body) = made(Receiver::Webhook, TransitionKind::Trigger);
        assert_eq!(body["version"], 1);
        assert_eq!(body["event"], "trigger");
        assert_eq!(body["key"], "rackwarden:infeed-load/pdu-a1/infeed/1/current");
        assert_eq!(body["details"]["rule"], "infeed-load");
        assert!(
            body.get("routing_key").is_none() && !String::from_utf8_lossy(&made.octets).contains("s3cret")
        );
        let signature = sign(&Secret::new("s3cret"), 1_700_000_000, &made.octets).unwrap();
        assert_eq!(
            made.headers,
            [("x-rackwarden-timestamp", "1700000000".to_owned()), ("x-rackwarden-signature", signature)]
        );
        // RFC 4231, test case 2, has no timestamp: the whole of it is checked with openssl:
        // printf '5.body' | openssl dgst -sha256 -hmac key
        assert_eq!(sign(&Secret::new("key"), 5, b"body").unwrap().len(), "v1=".len() + 64);
    }

    #[test]
    fn an_alertmanager_hears_of_each_severity_once() {
        let (_, alerts) = made(Receiver::Alertmanager, TransitionKind::Trigger);
        assert_eq!(alerts.as_array().map(Vec::len), Some(1));
        let alert = &alerts[0];
        assert_eq!(alert["labels"]["alertname"], "infeed-load");
        assert_eq!(alert["labels"]["site"], "DC1");
        assert_eq!(alert["labels"]["severity"], "critical");
        assert_eq!(alert["startsAt"], "2026-01-02T03:03:35.678Z");
        assert_eq!(alert["endsAt"], "2023-11-15T22:13:20.000Z");
        let change = TransitionKind::Change { from: Severity::Warning };
        let (_, alerts) = made(Receiver::Alertmanager, change);
        let ends: Vec<(&str, &str)> = alerts
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["labels"]["severity"].as_str().unwrap(), it["endsAt"].as_str().unwrap()))
            .collect();
        let over = "2023-11-14T22:13:20.000Z";
        let expected =
            [("critical", "2023-11-15T22:13:20.000Z"), ("info", over), ("warning", over), ("error", over)];
        assert_eq!(ends, expected);
        let (_, alerts) = made(Receiver::Alertmanager, TransitionKind::Resolve);
        assert!(alerts.as_array().unwrap().iter().all(|it| it["endsAt"] == over));
    }
}
