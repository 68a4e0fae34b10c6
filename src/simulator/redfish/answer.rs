//! What a simulated service answers.

use super::mockup::expansion;
use super::{EVENTS, FaultKind, SESSIONS_MAX, ServiceSpec, Shared, body_of, lock, of_status};
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use serde_json::{Value, json};
use std::io;
use std::io::Write;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";

pub(super) async fn answer(shared: &Arc<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (method, headers) = (request.method().clone(), request.headers().clone());
    match method {
        Method::POST if path == SESSIONS => {
            let answer = log_in(shared, &body_of(request).await);
            let pause = lock(&shared.spec).faults.iter().find_map(|it| match it.kind {
                FaultKind::SlowLogin(milliseconds) => Some(milliseconds),
                _ => None,
            });
            if let Some(milliseconds) = pause {
                tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
            }
            return answer;
        }
        Method::DELETE if path.starts_with(SESSIONS) => return log_out(shared, &path, &headers),
        Method::GET => (),
        _ => {
            lock(&shared.counts).writes += 1;
            return error(405, "only reading is simulated");
        }
    }
    {
        let mut counts = lock(&shared.counts);
        counts.requests += 1;
        counts.asked.push(if query.is_empty() { path.clone() } else { format!("{path}?{query}") });
    }
    let is_root = path.trim_end_matches('/') == "/redfish/v1";
    if !is_root && !is_let_in(shared, &headers) {
        return error(401, "who are you?");
    }
    if path == EVENTS {
        return event_stream(shared);
    }
    let fault = fault_at(shared, &path, &query, is_root);
    let document = document(&lock(&shared.spec), &path, &query, fault);
    match fault {
        Some(fault) => spoilt(fault, &path, document).await,
        None => document.map_or_else(|| error(404, "there is nothing"), |it| json_of(200, &it)),
    }
}

fn fault_at(shared: &Shared, path: &str, query: &str, is_root: bool) -> Option<FaultKind> {
    let mut spec = lock(&shared.spec);
    let applies = |kind: FaultKind| match kind {
        FaultKind::ExpandStatus(_) | FaultKind::ExpandIgnored | FaultKind::ExpandDrops => {
            expansion(query).is_some()
        }
        FaultKind::LoginStatus(_)
        | FaultKind::SlowLogin(_)
        | FaultKind::NoLocation
        | FaultKind::LocationAway
        | FaultKind::SessionLimit
        | FaultKind::SessionUses(_)
        | FaultKind::NoBasic => false,
        FaultKind::Stumble(left) => left != 0,
        FaultKind::RedirectWithin => !query.contains("again"),
        _ => true,
    };
    let found = spec.faults.iter_mut().find(|it| {
        let is_there = if it.at.is_empty() { !is_root } else { path.contains(&*it.at) };
        is_there && applies(it.kind)
    })?;
    let kind = found.kind;
    if let FaultKind::Stumble(left) = &mut found.kind {
        *left -= 1;
    }
    Some(kind)
}

fn document(spec: &ServiceSpec, path: &str, query: &str, fault: Option<FaultKind>) -> Option<Value> {
    let is_heeded = spec.expand && fault != Some(FaultKind::ExpandIgnored);
    match expansion(query).filter(|_| is_heeded) {
        Some((levels, with_links)) => spec.mockup.expanded(path, levels, with_links),
        None => spec.mockup.get(path).cloned(),
    }
}

async fn spoilt(fault: FaultKind, path: &str, document: Option<Value>) -> Response {
    let Some(mut document) = document else { return error(404, "there is nothing") };
    match fault {
        FaultKind::Status(status) | FaultKind::ExpandStatus(status) => error(status, "as it was told"),
        FaultKind::Stumble(_) => error(500, "oops"),
        FaultKind::RetryAfter(seconds) => with(error(503, "busy"), header::RETRY_AFTER, &seconds.to_string()),
        FaultKind::RedirectWithin => {
            with(of_status(308, Body::empty()), header::LOCATION, &format!("{path}?again=1"))
        }
        FaultKind::RedirectAway => {
            with(of_status(302, Body::empty()), header::LOCATION, "https://192.0.2.66/redfish/v1/")
        }
        FaultKind::PageLoop | FaultKind::PageAway => {
            let next = if fault == FaultKind::PageLoop {
                format!("{path}?$skip=1")
            } else {
                "https://192.0.2.66/redfish/v1/Chassis?$skip=1".to_owned()
            };
            put(&mut document, "Members@odata.nextLink", json!(next));
            json_of(200, &document)
        }
        FaultKind::SlowHeaders(milliseconds) => {
            tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
            json_of(200, &document)
        }
        FaultKind::SlowBody(milliseconds) => slow_body(&document, milliseconds),
        FaultKind::EndlessBody => endless_body(),
        FaultKind::GzipBomb => gzip_bomb(),
        FaultKind::DeepJson => text("application/json", format!("{{\"a\":{}", "[".repeat(10_000))),
        FaultKind::Html => text("text/html", "<!doctype html><title>Please log in</title>".to_owned()),
        FaultKind::TrailingComma => text("application/json", document.to_string().replacen('}', ",}", 1)),
        FaultKind::ErrorBody => json_of(200, &error_body("it is asleep")),
        FaultKind::MembersNull => {
            put(&mut document, "Members", Value::Null);
            json_of(200, &document)
        }
        FaultKind::ExpandDrops => {
            halve(&mut document);
            json_of(200, &document)
        }
        FaultKind::Close => with(json_of(200, &document), header::CONNECTION, "close"),
        FaultKind::Cut => cut_body(&document),
        _ => json_of(200, &document),
    }
}

fn put(document: &mut Value, key: &str, value: Value) {
    if let Some(object) = document.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

/// Leaves each member half of what it has.
fn halve(document: &mut Value) {
    let members = document.get_mut("Members").and_then(Value::as_array_mut);
    for member in members.into_iter().flatten().filter_map(Value::as_object_mut) {
        let keys: Vec<String> = member.keys().filter(|it| !it.starts_with('@')).skip(2).cloned().collect();
        keys.iter().for_each(|it| drop(member.remove(it)));
    }
}

fn with(mut response: Response, name: header::HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn text(kind: &str, text: String) -> Response {
    with(of_status(200, Body::from(text)), header::CONTENT_TYPE, kind)
}

fn json_of(status: u16, document: &Value) -> Response {
    with(of_status(status, Body::from(document.to_string())), header::CONTENT_TYPE, "application/json")
}

fn error_body(message: &str) -> Value {
    let extended = json!([{ "MessageId": "Base.1.8.GeneralError", "Message": message }]);
    json!({ "error": { "code": "Base.1.8.GeneralError", "message": message, "@Message.ExtendedInfo": extended } })
}

fn error(status: u16, message: &str) -> Response {
    json_of(status, &error_body(message))
}

fn slow_body(document: &Value, milliseconds: u32) -> Response {
    let body = Bytes::from(document.to_string());
    let first = body.slice(..body.len().min(8));
    let rest = body.slice(body.len().min(8)..);
    let pieces = stream::unfold(Some((first, Some(rest))), move |state| async move {
        let (piece, rest) = state?;
        let next = match rest {
            Some(rest) => Some((rest, None)),
            None => {
                tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
                None
            }
        };
        Some((Ok::<_, io::Error>(piece), next))
    });
    of_status(200, Body::from_stream(pieces))
}

fn endless_body() -> Response {
    let spaces = Bytes::from(vec![b' '; 64 * 1024]);
    let pieces = stream::repeat_with(move || Ok::<_, io::Error>(spaces.clone()));
    of_status(200, Body::from_stream(pieces))
}

fn cut_body(document: &Value) -> Response {
    let half: String = document.to_string().chars().take(40).collect();
    let pieces = stream::iter([Ok(Bytes::from(half)), Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    of_status(200, Body::from_stream(pieces))
}

fn gzip_bomb() -> Response {
    with(of_status(200, Body::from(BOMB.clone())), header::CONTENT_ENCODING, "gzip")
}

/// 64 MiB of spaces.
static BOMB: LazyLock<Bytes> = LazyLock::new(|| {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let spaces = vec![b' '; 1 << 20];
    let written: io::Result<()> = (0..64).try_for_each(|_| encoder.write_all(&spaces));
    written.and_then(|()| encoder.finish()).unwrap_or_default().into()
});

fn is_let_in(shared: &Shared, headers: &HeaderMap) -> bool {
    let spec = lock(&shared.spec);
    let Some((user, password)) = &spec.user else { return true };
    if let Some(token) = headers.get("x-auth-token").and_then(|it| it.to_str().ok()) {
        let most = spec.faults.iter().find_map(|it| match it.kind {
            FaultKind::SessionUses(most) => Some(most),
            _ => None,
        });
        let mut sessions = lock(&shared.sessions);
        let Some((_, uses)) = sessions.open.get_mut(token) else { return false };
        *uses += 1;
        if most.is_some_and(|most| most < *uses) {
            sessions.open.remove(token);
            return false;
        }
        return true;
    }
    let no_basic = spec.faults.iter().any(|it| it.kind == FaultKind::NoBasic);
    let given = headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok()).unwrap_or_default();
    !no_basic && given == basic(user, password)
}

/// RFC 7617.
fn basic(user: &str, password: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for chunk in format!("{user}:{password}").as_bytes().chunks(3) {
        let number =
            chunk.iter().chain([&0; 3]).take(3).fold(0_usize, |high, low| high << 8 | usize::from(*low));
        for at in 0..4 {
            let letter = LETTERS.get(number >> (18 - 6 * at) & 63).copied().unwrap_or(b'=');
            text.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

fn log_in(shared: &Shared, body: &[u8]) -> Response {
    let spec = lock(&shared.spec);
    for fault in &spec.faults {
        match fault.kind {
            FaultKind::LoginStatus(status) => return error(status, "no sessions here"),
            FaultKind::SessionLimit => {
                let message = "The maximum number of user sessions is reached.";
                let extended = json!([{ "MessageId": "IDRAC.2.8.RAC0218", "Message": message }]);
                return json_of(503, &json!({ "error": { "@Message.ExtendedInfo": extended } }));
            }
            _ => (),
        }
    }
    let given: Value = serde_json::from_slice(body).unwrap_or_default();
    let is = |key: &str, text: &str| given.get(key).and_then(Value::as_str) == Some(text);
    let is_right =
        spec.user.as_ref().is_none_or(|(user, password)| is("UserName", user) && is("Password", password));
    if !is_right {
        lock(&shared.counts).refusals += 1;
        return error(401, "wrong user or password");
    }
    let mut sessions = lock(&shared.sessions);
    if SESSIONS_MAX <= sessions.open.len() {
        return error(503, "the maximum number of sessions is reached");
    }
    sessions.next += 1;
    let number = sessions.next;
    let token = format!("token-{number}-of-this-service");
    sessions.open.insert(token.clone(), (number, 0));
    lock(&shared.counts).logins += 1;
    let uri = format!("{SESSIONS}/{number}");
    let leads_away = spec.faults.iter().any(|it| it.kind == FaultKind::LocationAway);
    let body = if leads_away { json!({}) } else { json!({ "@odata.id": uri, "Id": number.to_string() }) };
    let response = json_of(201, &body);
    let uri = if leads_away { format!("https://bmc.example{uri}") } else { uri };
    let response = with(response, header::HeaderName::from_static("x-auth-token"), &token);
    let hides = spec.faults.iter().any(|it| it.kind == FaultKind::NoLocation);
    if hides { response } else { with(response, header::LOCATION, &uri) }
}

fn log_out(shared: &Shared, path: &str, headers: &HeaderMap) -> Response {
    if !is_let_in(shared, headers) {
        return error(401, "who are you?");
    }
    let number: Option<u32> = path.rsplit('/').next().and_then(|it| it.parse().ok());
    let mut sessions = lock(&shared.sessions);
    let before = sessions.open.len();
    sessions.open.retain(|_, (it, _)| Some(*it) != number);
    if sessions.open.len() == before {
        return error(404, "there is no such session");
    }
    lock(&shared.counts).logouts += 1;
    of_status(204, Body::empty())
}

fn event_stream(shared: &Shared) -> Response {
    let listener = shared.events.subscribe();
    let hello = Bytes::from_static(b": connected\n\n");
    let pieces = stream::unfold((Some(hello), listener), |(first, mut listener)| async move {
        if let Some(first) = first {
            return Some((Ok::<_, io::Error>(first), (None, listener)));
        }
        listener.recv().await.ok()?;
        let event = b"id: 1\ndata: {\"Events\": [{\"MessageId\": \"Power.1.2.BreakerTripped\"}]}\n\n";
        Some((Ok(Bytes::from_static(event)), (None, listener)))
    });
    with(of_status(200, Body::from_stream(pieces)), header::CONTENT_TYPE, "text/event-stream")
}
