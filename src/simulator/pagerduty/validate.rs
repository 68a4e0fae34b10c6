//! What is wrong with an event, by PagerDuty's documented limits, read strictly: the real API lets
//! some of it pass.

use serde_json::{Map, Value};

/// A whole request, in octets: 512 KB.
const REQUEST_OCTETS_MAX: usize = 512_000;
/// `routing_key`, exactly.
const ROUTING_KEY_CHARS: usize = 32;
/// `dedup_key`.
const DEDUP_KEY_CHARS_MAX: usize = 255;
/// `payload.summary`.
const SUMMARY_CHARS_MAX: usize = 1_024;

/// The problems of an event that was read from a body of so many octets, worded as PagerDuty words
/// them where that is known. Empty: it is valid.
#[must_use]
pub fn problems(event: &Value, octets: usize) -> Vec<String> {
    let mut found = Found(Vec::new());
    if REQUEST_OCTETS_MAX < octets {
        found.say(format!("the request is too large: {octets} octets (maximum is {REQUEST_OCTETS_MAX})"));
    }
    let Value::Object(event) = event else {
        found.say("the body is no JSON object");
        return found.0;
    };
    let known =
        ["routing_key", "event_action", "dedup_key", "client", "client_url", "links", "images", "payload"];
    found.known(event, "", &known);
    let key_chars = event.get("routing_key").and_then(Value::as_str).map(|it| it.chars().count());
    if key_chars != Some(ROUTING_KEY_CHARS) {
        found.say(format!("Length of 'routing_key' is incorrect (should be {ROUTING_KEY_CHARS} characters)"));
    }
    let action = event.get("event_action").and_then(Value::as_str).unwrap_or_default();
    match action {
        "trigger" if !event.contains_key("payload") => found.say("'payload' is missing or blank"),
        "acknowledge" | "resolve" if !event.contains_key("dedup_key") => {
            found.say("'dedup_key' is missing or blank");
        }
        "trigger" | "acknowledge" | "resolve" => (),
        "" => found.say("'event_action' is missing or blank"),
        _ => found.say("'event_action' must be one of trigger, acknowledge, resolve"),
    }
    found.text(event, "dedup_key", 1, DEDUP_KEY_CHARS_MAX);
    found.text(event, "client", 0, usize::MAX);
    found.text(event, "client_url", 0, usize::MAX);
    match event.get("payload") {
        Some(Value::Object(payload)) => found.payload(payload),
        Some(_) => found.say("'payload' is no object"),
        None => (),
    }
    found.list(event, "links", &["href", "text"], "href");
    found.list(event, "images", &["src", "href", "alt"], "src");
    found.0
}

struct Found(Vec<String>);

impl Found {
    fn say(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    fn known(&mut self, object: &Map<String, Value>, within: &str, names: &[&str]) {
        for name in object.keys().filter(|it| !names.contains(&it.as_str())) {
            self.say(format!("'{within}{name}' is not a field of an event"));
        }
    }

    fn required(&mut self, object: &Map<String, Value>, name: &str) {
        if object.get(name).and_then(Value::as_str).is_none_or(str::is_empty) {
            self.say(format!("'{name}' is missing or blank"));
        }
    }

    fn text(&mut self, object: &Map<String, Value>, name: &str, chars_min: usize, chars_max: usize) {
        match object.get(name) {
            None => (),
            Some(Value::String(text)) => {
                let chars = text.chars().count();
                if chars < chars_min {
                    self.say(format!("'{name}' is missing or blank"));
                }
                if chars_max < chars {
                    self.say(format!("'{name}' is too long (maiximum is {chars_max} characters)"));
                }
            }
            Some(_) => self.say(format!("'{name}' is no text")),
        }
    }

    fn payload(&mut self, payload: &Map<String, Value>) {
        let known =
            ["summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"];
        self.known(payload, "payload.", &known);
        self.required(payload, "summary");
        self.required(payload, "source");
        self.text(payload, "summary", 0, SUMMARY_CHARS_MAX);
        for name in ["component", "group", "class"] {
            self.text(payload, name, 0, usize::MAX);
        }
        let severity = payload.get("severity").and_then(Value::as_str).unwrap_or_default();
        if !["critical", "error", "warning", "info"].contains(&severity) {
            self.say("'severity' must be one of critical, error, warning, info");
        }
        if let Some(time) = payload.get("timestamp") {
            let time = time.as_str().unwrap_or_default();
            // RFC 3339: a date, a T, a time and an offset.
            if !time.contains('T') || time.parse::<jiff::Timestamp>().is_err() {
                self.say("'timestamp' is no date and time of RFC 3339");
            }
        }
        if payload.get("custom_details").is_some_and(|it| !it.is_object()) {
            self.say("'custom_details' is no object");
        }
    }

    fn list(&mut self, event: &Map<String, Value>, name: &str, known: &[&str], required: &str) {
        match event.get(name) {
            None => (),
            Some(Value::Array(items)) => {
                for item in items {
                    match item {
                        Value::Object(item) => {
                            self.known(item, &format!("{name}."), known);
                            self.required(item, required);
                            for field in known {
                                self.text(item, field, 0, usize::MAX);
                            }
                            let src = item.get("src").and_then(Value::as_str);
                            if src.is_some_and(|it| !it.starts_with("https://")) {
                                self.say("'src' of an image must begin with https://");
                            }
                        }
                        _ => self.say(format!("'{name}' holds something that is no object")),
                    }
                }
            }
            Some(_) => self.say(format!("'{name}' is no list")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::problems;
    use serde_json::{Value, json};

    fn valid() -> Value {
        json!({
            "routing_key": "0123456789abcdef0123456789abcdef",
            "event_action": "trigger",
            "dedup_key": "k",
            "client": "c", "client_url": "https://c",
            "links": [{"href": "https://runbook", "text": "Runbook"}],
            "images": [{"src": "https://image"}],
            "payload": {
                "summary": "ü".repeat(1_024), "source": "s", "severity": "info",
                "timestamp": "2026-01-02T03:04:05.678Z",
                "component": "c", "group": "g", "class": "c", "custom_details": {"a": 1},
            },
        })
    }

    /// Sets a pointer's value (null: removes it) and expects a problem with that text.
    fn check(pointer: &str, value: Value, expected: &str) {
        let mut event = valid();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let object = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.to_owned(), value);
        }
        let found = problems(&event, 1_000);
        assert!(found.iter().any(|it| it.contains(expected)), "{pointer}: {found:?}");
    }

    #[test]
    fn takes_valid_events() {
        assert_eq!(problems(&valid(), 512_000), Vec::<String>::new());
        let resolve = json!({
            "routing_key": "0123456789abcdef0123456789abcdef", "event_action": "resolve", "dedup_key": "k",
        });
        assert_eq!(problems(&resolve, 100), Vec::<String>::new());
    }

    #[test]
    fn finds_each_problem() {
        check("/routing_key", Value::Null, "routing_key");
        check("/routing_key", json!("short"), "should be 32 characters");
        check("/event_action", Value::Null, "'event_action' is missing");
        check("/event_action", json!("page"), "must be one of trigger");
        check("/dedup_key", json!(""), "'dedup_key' is missing");
        check("/dedup_key", json!("k".repeat(256)), "'dedup_key' is too long");
        check("/dedup_key", json!(7), "'dedup_key' is no text");
        check("/payload", Value::Null, "'payload' is missing");
        check("/payload", json!([]), "'payload' is no object");
        check("/payload/summary", json!(""), "'summary' is missing");
        check("/payload/summary", json!("ü".repeat(1_025)), "'summary' is too long");
        check("/payload/source", Value::Null, "'source' is missing");
        check("/payload/severity", json!("fatal"), "'severity' must be one of");
        check("/payload/timestamp", json!("yesterday"), "'timestamp'");
        check("/payload/timestamp", json!("2026-01-02 03:04:05Z"), "'timestamp'");
        check("/payload/custom_details", json!("text"), "'custom_details'");
        check("/payload/detail", json!(1), "'payload.detail' is not a field");
        check("/detail", json!(1), "'detail' is not a field");
        check("/links", json!([{"text": "x"}]), "'href' is missing");
        check("/links", json!({}), "'links' is no list");
        check("/links", json!(["x"]), "no object");
        check("/images", json!([{"src": "http://image"}]), "must begin with https://");
        let mut resolve = valid();
        resolve["event_action"] = json!("resolve");
        resolve.as_object_mut().unwrap().remove("dedup_key");
        assert!(problems(&resolve, 10).iter().any(|it| it.contains("'dedup_key' is missing")));
        assert!(problems(&valid(), 512_001).iter().any(|it| it.contains("too large")));
        assert!(problems(&json!("text"), 10).iter().any(|it| it.contains("no JSON object")));
    }
}
