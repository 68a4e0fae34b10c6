//! A loopback stand-in for PagerDuty's Events API v2: stricter than the real one about events, and as
//! unreliable as one asks.
//!
//! It keeps each request with its time and its incidents as PagerDuty does: a trigger opens one or adds
//! to the open one of its key, a resolve ends it, a resolve of nothing is dropped. Answers follow the
//! rules of the API unless others were put in line with [`PagerDuty::answer_with`].
//!
//! Bound: the last [`REQUESTS_KEPT_MAX`] requests and [`INCIDENTS_KEPT_MAX`] incidents are kept.

mod listener;
pub mod validate;

use self::listener::{CutListener, Line};
use crate::model::{Now, Secret, SystemClock};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Requests that are kept; the oldest are forgotten first. A demo of hours.
pub const REQUESTS_KEPT_MAX: usize = 100_000;
/// Incidents that are kept; the oldest are forgotten first.
pub const INCIDENTS_KEPT_MAX: usize = 100_000;
/// More than PagerDuty takes, so that a body over its limit is judged here and not by the server.
const BODY_OCTETS_MAX: usize = 4 << 20;

/// What is answered to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// As the API would: 202 for what is valid, 400 for what is not.
    Judge,
    /// 400 with these errors.
    Invalid(Vec<String>),
    /// 429, with that `Retry-After` if any.
    Throttle(Option<String>),
    /// That status with that content type and body. 202 counts as accepted.
    Status(u16, &'static str, String),
    /// 200 and a page, as a portal's.
    Html,
    /// 200 and nothing.
    Empty,
    /// Nothing: the connection is closed.
    Close,
    /// The event is taken, but the connection is closed before the answer.
    TakeAndClose,
    /// The other answer, that much later.
    Slow(Duration, Box<Self>),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// When its body had been read.
    pub time: Now,
    /// Octets of the body.
    pub octets: usize,
    /// The event, without its routing key; null if the body is no JSON.
    pub event: Value,
    /// The routing key.
    pub routing_key: Secret,
    /// What is wrong with it by the rules of the API.
    pub problems: Vec<String>,
    /// The status that was answered; `None` if the connection was closed instead.
    pub answered: Option<u16>,
}

impl Request {
    /// A text in the event, as `event_action` or `payload.summary`; empty if it is not there.
    #[must_use]
    pub fn text(&self, path: &str) -> &str {
        let found = path.split('.').try_fold(&self.event, |value, name| value.get(name));
        found.and_then(Value::as_str).unwrap_or_default()
    }
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Counted from 1.
    pub number: u64,
    /// Its key.
    pub dedup_key: String,
    /// The summary of the last trigger.
    pub summary: String,
    /// The severity of the last trigger.
    pub severity: String,
    /// Triggers that it got.
    pub triggers: u32,
    /// When it was opened.
    pub opened: Now,
    /// When it was resolved; `None` while it is open.
    pub resolved: Option<Now>,
}

/// All that the stand-in knows.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// Requests, oldest first.
    pub requests: VecDeque<Request>,
    /// Incidents by number.
    pub incidents: BTreeMap<u64, Incident>,
    /// Resolves of keys that had nothing open.
    pub idle_resolves: u64,
    /// Open ones, by routing key and dedup key.
    open: BTreeMap<(String, String), u64>,
    number: u64,
}

impl Board {
    /// How many incidents are open.
    #[must_use]
    pub fn open_len(&self) -> usize {
        self.open.len()
    }

    /// The incidents of a key, oldest first.
    pub fn incidents_of<'a>(&'a self, dedup_key: &'a str) -> impl Iterator<Item = &'a Incident> {
        self.incidents.values().filter(move |it| it.dedup_key == dedup_key)
    }

    fn take(&mut self, request: &Request) {
        let key = (request.routing_key.expose().to_owned(), request.text("dedup_key").to_owned());
        let open = self.open.get(&key).copied();
        match (request.text("event_action"), open.and_then(|it| self.incidents.get_mut(&it))) {
            ("trigger", Some(incident)) => {
                incident.triggers += 1;
                request.text("payload.summary").clone_into(&mut incident.summary);
                request.text("payload.severity").clone_into(&mut incident.severity);
            }
            ("trigger", None) => {
                self.number += 1;
                let incident = Incident {
                    number: self.number,
                    dedup_key: key.1.clone(),
                    summary: request.text("payload.summary").to_owned(),
                    severity: request.text("payload.severity").to_owned(),
                    triggers: 1,
                    opened: request.time,
                    resolved: None,
                };
                self.incidents.insert(self.number, incident);
                self.open.insert(key, self.number);
            }
            ("resolve", Some(incident)) => {
                incident.resolved = Some(request.time);
                self.open.remove(&key);
            }
            ("resolve", None) => self.idle_resolves += 1,
            _ => (),
        }
        while INCIDENTS_KEPT_MAX < self.incidents.len() {
            self.incidents.pop_first();
        }
    }

    fn keep(&mut self, request: Request) {
        self.requests.push_back(request);
        if REQUESTS_KEPT_MAX < self.requests.len() {
            self.requests.pop_front();
        }
    }
}

struct Shared {
    board: Mutex<Board>,
    answers: Mutex<(VecDeque<Answer>, Answer)>,
    changes: watch::Sender<u64>,
    clock: SystemClock,
}

/// A running stand-in; ends when it is dropped.
pub struct PagerDuty {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl PagerDuty {
    /// Listens on `address` (port 0: any free one). Times of requests are those of `clock`.
    ///
    /// # Errors
    /// If the address cannot be had.
    pub async fn start(address: SocketAddr, clock: SystemClock) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            board: Mutex::default(),
            answers: Mutex::new((VecDeque::new(), Answer::Judge)),
            changes: watch::Sender::new(0),
            clock,
        });
        let router = Router::new()
            .route("/v2/enqueue", post(enqueue))
            .layer(DefaultBodyLimit::max(BODY_OCTETS_MAX))
            .with_state(Arc::clone(&shared));
        let service = router.into_make_service_with_connect_info::<Line>();
        let serve = async move {
            // It ends with the task; accept errors are retried within.
            drop(axum::serve(CutListener(listener), service).await);
        };
        let task = tokio::runtime::Handle::current().spawn(serve);
        Ok(Self { shared, address, task })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The enqueue URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v2/enqueue", self.address)
    }

    /// Puts answers in line for the next requests, one each.
    pub fn answer_with(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers().0.extend(answers);
    }

    /// What is answered when none is in line; [`Answer::Judge`] at first.
    pub fn answer_always(&self, answer: Answer) {
        self.answers().1 = answer;
    }

    /// All that it knows now.
    #[must_use]
    pub fn board(&self) -> Board {
        self.lock().clone()
    }

    /// A look at what it knows, without a copy.
    pub fn look<T>(&self, look: impl FnOnce(&Board) -> T) -> T {
        look(&self.lock())
    }

    /// Waits until `holds` does, at most so long; says whether it does.
    pub async fn wait_until(&self, limit: Duration, holds: impl Fn(&Board) -> bool) -> bool {
        let mut changes = self.shared.changes.subscribe();
        let wait = async {
            loop {
                changes.mark_unchanged();
                if self.look(&holds) {
                    return;
                }
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        drop(tokio::time::timeout(limit, wait).await);
        self.look(&holds)
    }

    /// Counted up with each request: for a display that follows along.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.shared.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self) -> MutexGuard<'_, (VecDeque<Answer>, Answer)> {
        self.shared.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PagerDuty {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for PagerDuty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PagerDuty").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn enqueue(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let time = shared.clock.now();
    let mut answer = {
        let mut answers = shared.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.0.pop_front().unwrap_or_else(|| answers.1.clone())
    };
    while let Answer::Slow(delay, then) = answer {
        tokio::time::sleep(delay).await;
        answer = *then;
    }
    let mut request = read(&headers, &body, time);
    let dedup_key = request.text("dedup_key").to_owned();
    let response = respond(&answer, &request.problems, &dedup_key);
    let closes = matches!(answer, Answer::Close | Answer::TakeAndClose);
    request.answered = (!closes).then(|| response.status().as_u16());
    {
        let mut board = shared.board.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = answer == Answer::TakeAndClose || response.status() == StatusCode::ACCEPTED;
        if taken && !matches!(answer, Answer::Close) {
            board.take(&request);
        }
        board.keep(request);
    }
    shared.changes.send_modify(|it| *it += 1);
    if closes {
        line.cut();
    }
    response
}

fn read(headers: &HeaderMap, body: &[u8], time: Now) -> Request {
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .is_some_and(|it| it.starts_with("application/json"));
    let mut problems = Vec::new();
    if !json {
        problems.push("Content-Type is not application/json".to_owned());
    }
    let mut event: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    problems.extend(validate::problems(&event, body.len()));
    let key = event.as_object_mut().and_then(|it| it.remove("routing_key"));
    let routing_key = Secret::new(key.as_ref().and_then(Value::as_str).unwrap_or_default());
    Request { time, octets: body.len(), event, routing_key, problems, answered: None }
}

fn respond(answer: &Answer, problems: &[String], dedup_key: &str) -> Response {
    match answer {
        Answer::Judge | Answer::TakeAndClose if problems.is_empty() => json(
            202,
            &serde_json::json!({"status": "success", "message": "Event processed", "dedup_key": dedup_key}),
        ),
        Answer::Judge => invalid(problems),
        Answer::Invalid(errors) => invalid(errors),
        Answer::Throttle(retry_after) => {
            let message = "Requests for this service are arriving too quickly.  Please retry later.";
            let body = serde_json::json!({"status": "throttle exceeded", "message": message});
            let mut response = json(429, &body);
            if let Some(value) = retry_after.as_deref().and_then(|it| HeaderValue::from_str(it).ok()) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
            response
        }
        Answer::Status(status, content_type, body) => plain(*status, content_type, body.clone()),
        Answer::Html => plain(200, "text/html", "<!doctype html><title>Log in</title>".to_owned()),
        Answer::Empty | Answer::Close | Answer::TakeAndClose | Answer::Slow(..) => {
            plain(200, "text/plain", String::new())
        }
    }
}

fn invalid(errors: &[String]) -> Response {
    let message = "Event object is invalid";
    json(400, &serde_json::json!({"status": "invalid event", "message": message, "errors": errors}))
}

fn json(status: u16, body: &Value) -> Response {
    plain(status, "application/json", body.to_string())
}

fn plain(status: u16, content_type: &'static str, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}
