//! What an answer means: accepted, to be tried later, to be repaired, or given up.
//!
//! The rule behind the table: a page is given up only if the receiver itself says that this event is
//! wrong. Whatever smells of something between us and PagerDuty (HTML, a redirection, an empty 200, a
//! proxy that wants a password) or of a key that an operator will correct is tried again.

use crate::model::UnixMillis;
use crate::notify::settings::Receiver;
use std::time::Duration;

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It arrived: forget it.
    Accepted,
    /// Try again later, without limit.
    Retry,
    /// The receiver refuses the event as it is: send once more with the least that it needs.
    Repair,
    /// Keep it where an operator sees it, and do not try again.
    DeadLetter,
}

/// Why. Its name is the metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// 202.
    Accepted,
    /// 429.
    Throttled,
    /// 5xx.
    ServerError,
    /// 408.
    RequestTimeout,
    /// No connection could be made: nothing was sent.
    Unreachable,
    /// The certificate or the TLS handshake was not acceptable: nothing was sent.
    Tls,
    /// No answer in time.
    Timeout,
    /// The connection ended before the answer.
    Interrupted,
    /// 3xx: followed nowhere, since the body holds the routing key.
    Redirected,
    /// An answer that PagerDuty does not give: HTML, or a success that is not 202.
    NotPagerDuty,
    /// 401 or 407: something on the way asks for a password.
    AccessDenied,
    /// 400 that names the routing key: the operator's to correct, no fault of the event.
    KeyRefused,
    /// The routing key cannot be read: nothing was sent.
    KeyMissing,
    /// 400, 413 or 422 that names a field of the event.
    FieldRefused,
    /// Any other 4xx.
    Refused,
    /// More events wait than the outbox keeps.
    Overflow,
    /// Its integration has been gone from the config for too long.
    Abandoned,
}

impl Reason {
    /// The name in metrics, logs and on disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Throttled => "throttled",
            Self::ServerError => "server_error",
            Self::RequestTimeout => "request_timeout",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
            Self::Redirected => "redirected",
            Self::NotPagerDuty => "not_pagerduty",
            Self::AccessDenied => "access_denied",
            Self::KeyRefused => "key_refused",
            Self::KeyMissing => "key_missing",
            Self::FieldRefused => "field_refused",
            Self::Refused => "refused",
            Self::Overflow => "overflow",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether the receiver may have taken the event although it did not say so.
    #[must_use]
    pub const fn may_have_arrived(self) -> bool {
        match self {
            Self::Accepted
            | Self::ServerError
            | Self::RequestTimeout
            | Self::Timeout
            | Self::Interrupted
            | Self::NotPagerDuty => true,
            Self::Throttled
            | Self::Unreachable
            | Self::Tls
            | Self::Redirected
            | Self::AccessDenied
            | Self::KeyRefused
            | Self::KeyMissing
            | Self::FieldRefused
            | Self::Refused
            | Self::Overflow
            | Self::Abandoned => false,
        }
    }
}

/// How a request failed without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportFault {
    /// No connection.
    Connect,
    /// TLS.
    Tls,
    /// Time.
    Timeout,
    /// Anything after the request began to leave.
    Interrupted,
}

/// What came back of one request. Texts are already free of the routing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// An answer.
    Answer {
        /// The HTTP status.
        status: u16,
        /// `Content-Type`; empty if there is none.
        content_type: String,
        /// `Retry-After`, as sent.
        retry_after: Option<String>,
        /// As much of the body as was read.
        body: String,
    },
    /// None, and why.
    Failed(TransportFault, String),
}

/// The whole judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What is done next.
    pub decision: Decision,
    /// Why.
    pub reason: Reason,
    /// The same in words for a person, with what the receiver said.
    pub text: String,
    /// How long the receiver asks to wait.
    pub retry_after: Option<Duration>,
}

/// As [`classify`], of any receiver: others than PagerDuty accept with any 2xx.
#[must_use]
pub fn classify_of(receiver: Receiver, exchange: &Exchange, now: UnixMillis) -> Verdict {
    let verdict = classify(exchange, now);
    match exchange {
        Exchange::Answer { status: 200..=299, .. } if receiver != Receiver::PagerDuty => Verdict {
            decision: Decision::Accepted,
            reason: Reason::Accepted,
            text: "accepted".to_owned(),
            retry_after: None,
        },
        _ => verdict,
    }
}

/// Judges what came back at the time `now` (to which a date in `Retry-After` refers).
#[must_use]
pub fn classify(exchange: &Exchange, now: UnixMillis) -> Verdict {
    match exchange {
        Exchange::Failed(fault, text) => failed(*fault, text),
        Exchange::Answer { status, content_type, retry_after, body } => {
            let said = Said::read(content_type, body);
            let (decision, reason) = judge(*status, &said);
            let wait = match decision {
                Decision::Retry => retry_after.as_deref().and_then(|it| wait_asked(it, now)),
                Decision::Accepted | Decision::Repair | Decision::DeadLetter => None,
            };
            Verdict { decision, reason, text: words(*status, reason, &said), retry_after: wait }
        }
    }
}

fn failed(fault: TransportFault, text: &str) -> Verdict {
    let reason = match fault {
        TransportFault::Connect => Reason::Unreachable,
        TransportFault::Tls => Reason::Tls,
        TransportFault::Timeout => Reason::Timeout,
        TransportFault::Interrupted => Reason::Interrupted,
    };
    Verdict { decision: Decision::Retry, reason, text: clip(text), retry_after: None }
}

fn judge(status: u16, said: &Said) -> (Decision, Reason) {
    match status {
        // A proxy's login page may come with any status; PagerDuty speaks JSON.
        _ if said.html => (Decision::Retry, Reason::NotPagerDuty),
        202 => (Decision::Accepted, Reason::Accepted),
        300..=399 => (Decision::Retry, Reason::Redirected),
        401 | 407 => (Decision::Retry, Reason::AccessDenied),
        408 => (Decision::Retry, Reason::RequestTimeout),
        429 => (Decision::Retry, Reason::Throttled),
        500..=599 => (Decision::Retry, Reason::ServerError),
        400 | 413 | 422 if said.names_key() => (Decision::Retry, Reason::KeyRefused),
        413 => (Decision::Repair, Reason::FieldRefused),
        400 | 422 if said.names_field() => (Decision::Repair, Reason::FieldRefused),
        // It does not say what is wrong: the least form is worth a try before nobody is woken.
        400 | 422 => (Decision::Repair, Reason::Refused),
        400..=499 => (Decision::DeadLetter, Reason::Refused),
        // 200 and the like, 1xx, and numbers that are no HTTP status.
        _ => (Decision::Retry, Reason::NotPagerDuty),
    }
}

/// The parts of an answer's body.
struct Said {
    html: bool,
    /// `message` and `errors` of PagerDuty's JSON, else the beginning of the body.
    text: String,
}

impl Said {
    fn read(content_type: &str, body: &str) -> Self {
        let start: String = body.trim_start().chars().take(64).collect::<String>().to_ascii_lowercase();
        let html = content_type.to_ascii_lowercase().contains("html")
            || start.starts_with("<!doctype")
            || start.starts_with("<html");
        let text = match serde_json::from_str::<serde_json::Value>(body) {
            Ok(json) => json_text(&json),
            Err(_) if html => String::new(),
            Err(_) => body.to_owned(),
        };
        Self { html, text: clip(&text) }
    }

    fn names_key(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        ["routing_key", "routing key", "service_key", "service key"].iter().any(|it| text.contains(it))
    }

    /// Whether it names something that the least event does without or carries in a shorter form.
    fn names_field(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        FIELDS.iter().any(|it| text.contains(it))
    }
}

/// Fields of an event that can be left out or made shorter, and how PagerDuty words a body too big.
const FIELDS: [&str; 16] = [
    "summary",
    "source",
    "severity",
    "timestamp",
    "component",
    "group",
    "class",
    "custom_details",
    "details",
    "links",
    "href",
    "images",
    "client",
    "payload",
    "too large",
    "too long",
];

fn json_text(json: &serde_json::Value) -> String {
    let mut parts: Vec<&str> = Vec::new();
    parts.extend(json.get("message").and_then(serde_json::Value::as_str));
    match json.get("errors") {
        Some(serde_json::Value::Array(errors)) => {
            parts.extend(errors.iter().filter_map(serde_json::Value::as_str));
        }
        Some(serde_json::Value::String(error)) => parts.push(error),
        _ => (),
    }
    parts.join("; ")
}

fn words(status: u16, reason: Reason, said: &Said) -> String {
    let head = match reason {
        Reason::Accepted => "accepted",
        Reason::Throttled => "too many requests for this routing key",
        Reason::ServerError => "the server failed",
        Reason::RequestTimeout => "the server gave up waiting for the request",
        Reason::Redirected => "a redirection, which is not followed: check the integration's url",
        Reason::NotPagerDuty => "not PagerDuty's answer: is there a proxy or portal on the way?",
        Reason::AccessDenied => "something on the way asks for a password",
        Reason::KeyRefused => "the routing key is refused: check the integration's key and region",
        Reason::FieldRefused => "a field of the event is refused",
        Reason::Refused => "the event is refused",
        Reason::Unreachable
        | Reason::Tls
        | Reason::Timeout
        | Reason::Interrupted
        | Reason::KeyMissing
        | Reason::Overflow
        | Reason::Abandoned => reason.name(),
    };
    if said.text.is_empty() {
        format!("{head} (HTTP {status})")
    } else {
        format!("{head} (HTTP {status}: {})", said.text)
    }
}

/// Foreign text in errors and logs: one line, at most [`SAID_CHARS_MAX`] characters.
pub(crate) fn clip(text: &str) -> String {
    let mut clipped: String =
        text.chars().take(SAID_CHARS_MAX).map(|it| if it.is_control() { ' ' } else { it }).collect();
    if text.chars().nth(SAID_CHARS_MAX).is_some() {
        clipped.push('…');
    }
    clipped.trim().to_owned()
}

/// Enough for every error that PagerDuty documents, little enough for a log line.
const SAID_CHARS_MAX: usize = 400;

/// `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.
fn wait_asked(text: &str, now: UnixMillis) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let milliseconds = date.as_millisecond().saturating_sub(now.0);
    Some(Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::{Decision, Exchange, Reason, TransportFault, classify};
    use crate::model::UnixMillis;
    use std::time::Duration;

    const INVALID: &str = r#"{"status":"invalid event","message":"Event object is invalid","errors":["#;

    fn check(status: u16, content_type: &str, body: &str, decision: Decision, reason: Reason) {
        let exchange = Exchange::Answer {
            status,
            content_type: content_type.to_owned(),
            retry_after: None,
            body: body.to_owned(),
        };
        let verdict = classify(&exchange, UnixMillis(0));
        assert_eq!((verdict.decision, verdict.reason), (decision, reason), "{status} {body:?}: {verdict:?}");
        assert_eq!(verdict.retry_after, None);
    }

    #[test]
    fn judges_answers() {
        use Decision::{Accepted, DeadLetter, Repair, Retry};
        let json = "application/json";
        let success = r#"{"status":"success","message":"Event processed","dedup_key":"k"}"#;
        check(202, json, success, Accepted, Reason::Accepted);
        check(202, "", "", Accepted, Reason::Accepted);
        check(202, "text/html", "<html>", Retry, Reason::NotPagerDuty);
        check(200, json, success, Retry, Reason::NotPagerDuty);
        check(200, "", "", Retry, Reason::NotPagerDuty);
        check(204, "", "", Retry, Reason::NotPagerDuty);
        check(200, "text/html; charset=utf-8", "<html>log in", Retry, Reason::NotPagerDuty);
        check(200, "", "\n <!DOCTYPE html><html>", Retry, Reason::NotPagerDuty);
        check(404, "text/html", "<html>nginx", Retry, Reason::NotPagerDuty);
        check(100, "", "", Retry, Reason::NotPagerDuty);
        check(301, "", "", Retry, Reason::Redirected);
        check(307, "", "", Retry, Reason::Redirected);
        check(401, "", "", Retry, Reason::AccessDenied);
        check(407, "", "", Retry, Reason::AccessDenied);
        check(408, "", "", Retry, Reason::RequestTimeout);
        check(429, json, r#"{"status":"throttle exceeded"}"#, Retry, Reason::Throttled);
        check(500, "", "", Retry, Reason::ServerError);
        check(503, json, "{", Retry, Reason::ServerError);
        check(599, "", "", Retry, Reason::ServerError);
        check(403, json, "{}", DeadLetter, Reason::Refused);
        check(404, json, "{}", DeadLetter, Reason::Refused);
        check(400, json, "", Repair, Reason::Refused);
        check(
            400,
            json,
            &format!(r#"{INVALID}"'event_action' is missing or blank"]}}"#),
            Repair,
            Reason::Refused,
        );
        check(413, "", "", Repair, Reason::FieldRefused);
        for error in [
            "'summary' is too long (maiximum is 1024 characters)",
            "'payload.severity' is invalid (must be one of the following: ...)",
            "'custom_details' must be an object",
        ] {
            check(400, json, &format!(r#"{INVALID}"{error}"]}}"#), Repair, Reason::FieldRefused);
        }
        for error in ["Length of 'routing_key' is incorrect (should be 32 characters)", "Invalid routing key"]
        {
            check(400, json, &format!(r#"{INVALID}"{error}"]}}"#), Retry, Reason::KeyRefused);
        }
    }

    #[test]
    fn judges_faults() {
        for (fault, reason, arrived) in [
            (TransportFault::Connect, Reason::Unreachable, false),
            (TransportFault::Tls, Reason::Tls, false),
            (TransportFault::Timeout, Reason::Timeout, true),
            (TransportFault::Interrupted, Reason::Interrupted, true),
        ] {
            let verdict = classify(&Exchange::Failed(fault, "because\nof".to_owned()), UnixMillis(0));
            assert_eq!((verdict.decision, verdict.reason), (Decision::Retry, reason));
            assert_eq!(verdict.text, "because of");
            assert_eq!(reason.may_have_arrived(), arrived);
        }
    }

    #[test]
    fn reads_retry_after() {
        let ask = |text: &str, now: i64| {
            let exchange = Exchange::Answer {
                status: 429,
                content_type: String::new(),
                retry_after: Some(text.to_owned()),
                body: String::new(),
            };
            classify(&exchange, UnixMillis(now)).retry_after
        };
        assert_eq!(ask("30", 0), Some(Duration::from_secs(30)));
        assert_eq!(ask(" 0 ", 0), Some(Duration::ZERO));
        assert_eq!(ask("Wed, 21 Oct 2015 07:28:00 GMT", 1_445_412_475_000), Some(Duration::from_secs(5)));
        assert_eq!(ask("Wed, 21 Oct 2015 07:28:00 GMT", 1_545_412_475_000), Some(Duration::ZERO));
        assert_eq!(ask("soon", 0), None);
        assert_eq!(ask("-5", 0), None);
        assert_eq!(ask("99999999999999999999999", 0), None);
    }

    #[test]
    fn says_what_the_receiver_said() {
        let body = format!(r#"{INVALID}"'event_action' is missing or blank"]}}"#);
        let exchange = Exchange::Answer { status: 400, content_type: String::new(), retry_after: None, body };
        let text = classify(&exchange, UnixMillis(0)).text;
        insta::assert_snapshot!(text, @"the event is refused (HTTP 400: Event object is invalid; 'event_action' is missing or blank)");
        let long = Exchange::Answer {
            status: 500,
            content_type: String::new(),
            retry_after: None,
            body: "ü".repeat(5_000),
        };
        assert!(classify(&long, UnixMillis(0)).text.chars().count() < 500);
    }
}
