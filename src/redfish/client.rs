//! The HTTPS client of one service. Reads only: GET of resources, and POST and DELETE of its own session; there is no
//! way to send anything else.
//!
//! Invariants: a token or password goes to the configured scheme, host and port alone, and over http only where that
//! is configured; redirects are followed on the service itself alone; no reason holds a secret.

use super::document::{error_of, number_at};
use super::limits::{ANSWER_OCTETS_MAX, REDIRECTS_MAX};
use super::session::{Access, Gate, LoginAnswer, OpenSession, Pass, Refused};
use super::settings::{Login, ServiceSettings};
use super::uri::{Origin, ResourceUri};
use crate::model::{Missing, PollError, Secret, SnapshotError, SystemClock};
use crate::telemetry::redfish as events;
use crate::web_client::{self, Answer, TlsSettings, WebError, clip};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The header of sessions (DSP0266 section 13.3.4.2).
const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
/// How much of what is no JSON is shown.
const SHOWN_OCTETS: usize = 40;
/// A connection that is not used for so long is closed: longer than most intervals.
const IDLE_TIMEOUT: Duration = Duration::from_secs(95);
/// A service that wants to be left alone until a date, not for so many seconds, is left alone for this long.
const RETRY_AFTER_USUAL: Duration = Duration::from_secs(60);
/// How long the end waits for a login that is under way: it would leave a session behind.
const LOGIN_GRACE: Duration = Duration::from_secs(5);

/// Why a resource could not be had.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What kind.
    pub class: SnapshotError,
    /// In words.
    pub reason: String,
    /// HTTP's status; 0 where there was no answer.
    pub status: u16,
    /// How long the service wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Fault {
    fn new(class: SnapshotError, reason: impl Into<String>) -> Self {
        Self { class, reason: reason.into(), status: 0, retry_after: None }
    }

    /// What it means for the readings of that resource.
    #[must_use]
    pub const fn missing(&self) -> Missing {
        match (self.class, self.status) {
            (_, 404 | 410) => Missing::NoSuchInstance,
            (SnapshotError::Unreachable | SnapshotError::Timeout, _) => Missing::Timeout,
            _ => Missing::AgentError,
        }
    }

    /// Whether asking for another resource would end the same way.
    #[must_use]
    pub const fn ends_poll(&self) -> bool {
        match self.class {
            SnapshotError::Unreachable | SnapshotError::Tls => true,
            SnapshotError::RateLimited => !self.is_busy(),
            SnapshotError::Access => self.status != 403,
            _ => false,
        }
    }

    /// Whether it wants to be left alone because of this resource, perhaps: a second one that is answered so
    /// ends the poll.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(self.class, SnapshotError::RateLimited) && self.status == 503
    }

    /// Whether the query may be what it does not like.
    #[must_use]
    pub const fn may_be_of_query(&self) -> bool {
        // 200: an error body in place of a resource.
        matches!(self.status, 200 | 400 | 404 | 405 | 414 | 500 | 501 | 507)
            || matches!(self.class, SnapshotError::Limit | SnapshotError::Malformed | SnapshotError::Timeout)
    }

    /// As a batch carries it.
    #[must_use]
    pub fn poll_error(&self) -> PollError {
        match self.class {
            SnapshotError::Timeout => PollError::Timeout,
            SnapshotError::Unreachable if self.reason.contains("refused") => PollError::Refused,
            SnapshotError::Unreachable => PollError::Unreachable(self.reason.clone()),
            class => PollError::Snapshot { class, reason: self.reason.clone() },
        }
    }
}

/// Clients by whom they trust: a thousand services share their certificates and connections' settings.
#[derive(Debug, Default)]
pub struct Pool {
    clients: Mutex<HashMap<String, reqwest::Client>>,
}

impl Pool {
    fn client(
        &self,
        origin: &Origin,
        timeout: Duration,
        tls: &TlsSettings,
    ) -> Result<reqwest::Client, Fault> {
        // A certificate may have been replaced on disk under the same name.
        let written = |it: &std::path::PathBuf| std::fs::metadata(it).and_then(|it| it.modified()).ok();
        let of_loopback = origin.is_loopback();
        let key = format!("{timeout:?} {tls:?} {of_loopback} {:?}", tls.ca_file.as_ref().map(written));
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = clients.get(&key) {
            return Ok(found.clone());
        }
        let made = web_client::builder(origin.host(), timeout, tls).and_then(|builder| {
            // Controllers speak HTTP/1.1, whatever else they say that they do.
            let builder = builder.http1_only().pool_max_idle_per_host(1).pool_idle_timeout(IDLE_TIMEOUT);
            // Headers that are none, or are written as they were in the nineties, harm nobody.
            let builder = builder
                .http1_ignore_invalid_headers_in_responses(true)
                .http1_allow_spaces_after_header_name_in_responses(true)
                .http1_allow_obsolete_multiline_headers_in_responses(true);
            web_client::build(builder)
        });
        let made = made.map_err(|it| Fault::new(it.class, it.reason))?;
        clients.insert(key, made.clone());
        Ok(made)
    }
}

/// A client toward one service.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    origin: Origin,
    shown: String,
    login: Option<Login>,
    access: Mutex<Access>,
    /// One login at a time.
    at_the_door: Arc<tokio::sync::Mutex<()>>,
    /// Where sessions are made; from the root.
    sessions: Mutex<Option<ResourceUri>>,
    requests: AtomicU32,
    repeats: AtomicU32,
    clock: SystemClock,
}

impl Client {
    /// A client of that service. Reads certificates from disk.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub fn new(settings: &ServiceSettings, pool: &Pool, clock: SystemClock) -> Result<Arc<Self>, Fault> {
        Ok(Arc::new(Self {
            http: pool.client(&settings.origin, settings.timeout, &settings.tls)?,
            origin: settings.origin.clone(),
            shown: settings.origin.shown(),
            login: settings.login.clone(),
            access: Mutex::new(Access::new(settings.login.is_some())),
            at_the_door: Arc::default(),
            sessions: Mutex::new(None),
            requests: AtomicU32::new(0),
            repeats: AtomicU32::new(0),
            clock,
        }))
    }

    /// Where it is.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Requests and repeats since this was asked last.
    pub fn take_counts(&self) -> (u32, u32) {
        (self.requests.swap(0, Ordering::Relaxed), self.repeats.swap(0, Ordering::Relaxed))
    }

    fn access(&self) -> MutexGuard<'_, Access> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A poll begins.
    pub fn begin(&self) {
        self.access().begin();
    }

    /// A poll has ended: a session that is not kept is deleted.
    pub async fn end(&self) {
        self.access().end();
        self.delete_stale().await;
    }

    /// It is learnt anew: what was closed to the user is tried again.
    pub fn begin_learning(&self) {
        self.access().forget_barred();
    }

    /// The service is left: its session is deleted, that of a login under way too.
    pub async fn close(&self) {
        // What takes longer than that is given up.
        drop(tokio::time::timeout(LOGIN_GRACE, self.at_the_door.lock()).await);
        self.access().close();
        self.delete_stale().await;
    }

    /// Whether a session is kept.
    #[must_use]
    pub fn has_session(&self) -> bool {
        self.access().has_session()
    }

    /// The service ends idle sessions after that long.
    pub async fn set_session_timeout(&self, timeout: Duration, interval: Duration) {
        self.access().set_timeout(timeout, interval);
        self.delete_stale().await;
    }

    async fn delete_stale(&self) {
        loop {
            let Some(session) = self.access().stale() else { return };
            let OpenSession { token, uri } = &session;
            let url = uri.as_ref().and_then(|it| self.origin.url(it, ""));
            if let (Some(url), Ok(value)) = (url, header_value(token.expose())) {
                let request = self.http.request(Method::DELETE, url).header(TOKEN, value);
                self.requests.fetch_add(1, Ordering::Relaxed);
                // It is gone already, or it times out there: nothing of ours depends on it.
                let ended = request.send().await.is_ok_and(|it| it.status().is_success());
                events::session_ended(ended);
            }
            self.access().deleted(&session);
        }
    }

    /// The service's root, which lets in everybody.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn root(self: &Arc<Self>) -> Result<Value, Fault> {
        let mut root = self.exchange(&ResourceUri::root(), "", &Pass::Open).await;
        if root.as_ref().is_err_and(|it| it.status == 404) {
            // Some know it without the slash alone.
            let bare = self.exchange(&ResourceUri::bare_root(), "", &Pass::Open).await;
            root = if bare.is_ok() { bare } else { root };
        }
        let document = match root {
            // It should, but does not.
            Err(fault) if fault.status == 401 && self.login.is_some() => {
                self.access().on_login(
                    &self.origin,
                    &LoginAnswer { status: 404, token: None, location: None, body: None },
                    self.clock.moment(),
                );
                self.get(&ResourceUri::root(), "").await?
            }
            other => other?,
        };
        let sessions = document.pointer("/Links/Sessions/@odata.id").and_then(Value::as_str);
        let sessions = sessions.and_then(|it| self.origin.resource(it).ok());
        *self.sessions.lock().unwrap_or_else(PoisonError::into_inner) = sessions;
        Ok(document)
    }

    /// A resource.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn get(self: &Arc<Self>, uri: &ResourceUri, query: &str) -> Result<Value, Fault> {
        let mut is_repeated = false;
        loop {
            let pass = self.pass().await?;
            match self.exchange(uri, query, &pass).await {
                Ok(document) => {
                    self.access().on_success(&pass);
                    return Ok(document);
                }
                Err(fault) if fault.status == 401 => {
                    let refused = self.access().on_unauthorized(&pass, uri, self.clock.moment());
                    match refused {
                        Refused::Again => self.delete_stale().await,
                        // As if it had said what it means: that this user may not see it.
                        Refused::Barred => return Err(Fault { status: 403, ..fault }),
                        Refused::Ends => return Err(self.not_let_in(fault)),
                    }
                }
                // A controller that has just closed a connection, or stumbled, does better at once.
                Err(fault) if !is_repeated && is_passing(&fault) && query.is_empty() => {
                    is_repeated = true;
                    self.repeats.fetch_add(1, Ordering::Relaxed);
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    fn not_let_in(&self, fault: Fault) -> Fault {
        let reason = self.access().reason().to_owned();
        let reason = if reason.is_empty() {
            format!("{} does not let us in (status 401)", self.shown)
        } else {
            format!("{}: {reason}", self.shown)
        };
        Fault { reason, ..fault }
    }

    /// What lets the next request in; logs in if need be.
    async fn pass(self: &Arc<Self>) -> Result<Pass, Fault> {
        let closed = |reason: String| Fault {
            status: 401,
            ..Fault::new(SnapshotError::Access, format!("{}: {reason}", self.shown))
        };
        let gate = self.access().gate(self.clock.moment());
        match gate {
            Gate::Pass(pass) => return Ok(pass),
            Gate::Closed(reason) => return Err(closed(reason)),
            Gate::Login => (),
        }
        self.go_through_the_door().await?;
        // Not within the match: it would hold the lock that its arms want.
        let gate = self.access().gate(self.clock.moment());
        match gate {
            Gate::Pass(pass) => Ok(pass),
            Gate::Closed(reason) => Err(closed(reason)),
            Gate::Login => {
                let reason = self.access().reason().to_owned();
                Err(closed(if reason.is_empty() { "no session could be opened".to_owned() } else { reason }))
            }
        }
    }

    /// Logs in, unless another has been faster. A login that has begun ends by itself even if nobody waits for it any
    /// more: what it opens is known, and deleted in the end.
    async fn go_through_the_door(self: &Arc<Self>) -> Result<(), Fault> {
        let one = Arc::clone(&self.at_the_door).lock_owned().await;
        let gate = self.access().gate(self.clock.moment());
        if gate != Gate::Login {
            return Ok(());
        }
        let client = Arc::clone(self);
        let login = async move {
            let _one = one;
            client.log_in().await
        };
        #[expect(clippy::disallowed_methods, reason = "waited for here, and by close()")]
        let login = tokio::spawn(login);
        let ended = login.await;
        ended.unwrap_or_else(|_| Err(Fault::new(SnapshotError::Malformed, "a login has failed within")))
    }

    async fn log_in(&self) -> Result<(), Fault> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(sessions), Some(login)) = (sessions, &self.login) else {
            let none = LoginAnswer { status: 404, token: None, location: None, body: None };
            self.access().on_login(&self.origin, &none, self.clock.moment());
            return Ok(());
        };
        let url =
            self.origin.url(&sessions, "").ok_or_else(|| Fault::new(SnapshotError::Malformed, "no URL"))?;
        let body = serde_json::json!({ "UserName": login.user, "Password": login.password.expose() });
        let body = zeroize::Zeroizing::new(body.to_string());
        let request = self
            .http
            .request(Method::POST, url)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(body.as_bytes().to_vec());
        self.requests.fetch_add(1, Ordering::Relaxed);
        let response = request.send().await.map_err(|it| self.fault(web_client::fault(it, &self.shown)))?;
        let token = response.headers().get(TOKEN).and_then(|it| it.to_str().ok()).map(Secret::new);
        let answer = web_client::read(response, ANSWER_OCTETS_MAX, &self.shown).await;
        let answer = answer.map_err(|it| self.fault(it))?;
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let location = answer.location.as_deref();
        let said = LoginAnswer { status: answer.status, token, location, body: body.as_ref() };
        let is_let_in = said.token.is_some() && (200..300).contains(&said.status);
        self.access().on_login(&self.origin, &said, self.clock.moment());
        events::logged_in(&self.shown, is_let_in, answer.status);
        Ok(())
    }

    /// One request, and those that redirects on the service itself lead to.
    async fn exchange(&self, uri: &ResourceUri, query: &str, pass: &Pass) -> Result<Value, Fault> {
        let mut url = self
            .origin
            .url(uri, query)
            .ok_or_else(|| Fault::new(SnapshotError::Malformed, format!("{uri} is no URI")))?;
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.send(url.clone(), pass).await?;
            match answer.status {
                200..=299 => return self.json(uri, &answer),
                300..=399 => {
                    let to = answer.location.as_deref().unwrap_or_default();
                    url = self.origin.redirect(&url, to).map_err(|_| self.led_away(&answer))?;
                }
                _ => return Err(self.refused(uri, &answer)),
            }
        }
        Err(Fault::new(SnapshotError::Redirected, format!("{} redirects in a circle", self.shown)))
    }

    fn led_away(&self, answer: &Answer) -> Fault {
        let to = answer.location.as_deref().map(clip).filter(|it| !it.is_empty());
        let to = to.map(|it| format!(" to {it}")).unwrap_or_default();
        let reason = format!(
            "{} redirects away from itself{to} (status {}), which is not followed: name the address that it leads to",
            self.shown, answer.status
        );
        Fault { status: answer.status, ..Fault::new(SnapshotError::Redirected, self.hide(reason)) }
    }

    async fn send(&self, url: Url, pass: &Pass) -> Result<Answer, Fault> {
        let request = self.http.request(Method::GET, url).header(ACCEPT, "application/json");
        let request = self.with(request, pass)?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        events::requested();
        let response = request.send().await.map_err(|it| self.fault(web_client::fault(it, &self.shown)))?;
        let answer = web_client::read(response, ANSWER_OCTETS_MAX, &self.shown).await;
        answer.map_err(|it| self.fault(it))
    }

    fn with(&self, request: RequestBuilder, pass: &Pass) -> Result<RequestBuilder, Fault> {
        Ok(match (pass, &self.login) {
            (Pass::Open, _) | (Pass::Basic, None) => request,
            (Pass::Basic, Some(login)) => request.basic_auth(&login.user, Some(login.password.expose())),
            (Pass::Token(token, _), _) => {
                let value = header_value(token.expose());
                request.header(
                    TOKEN,
                    value.map_err(|()| Fault::new(SnapshotError::Malformed, "its token is none"))?,
                )
            }
        })
    }

    fn json(&self, uri: &ResourceUri, answer: &Answer) -> Result<Value, Fault> {
        super::document::parse(&answer.body).map_err(|error| {
            let start: Vec<u8> = answer.body.iter().copied().take(SHOWN_OCTETS).collect();
            let start = clip(&String::from_utf8_lossy(&start));
            let what = match &*answer.content_encoding {
                _ if answer.body.is_empty() => "nothing".to_owned(),
                "" | "identity" => format!("`{start}`.."),
                other => format!("what is packed as `{}`, which was not asked for", clip(other)),
            };
            let words = format!("{}{uri} is no JSON: {error}: it begins with {what}", self.shown);
            Fault { status: answer.status, ..Fault::new(SnapshotError::Malformed, words) }
        })
    }

    fn refused(&self, uri: &ResourceUri, answer: &Answer) -> Fault {
        let status = answer.status;
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let said = body.as_ref().and_then(error_of).filter(|it| !it.is_empty());
        let said = self.hide(said.map(|it| format!(": {}", clip(&it))).unwrap_or_default());
        let retry_after = answer.retry_after.as_deref().map(|it| {
            let seconds = it.trim().parse().map_or(RETRY_AFTER_USUAL, Duration::from_secs);
            seconds.min(super::limits::RETRY_AFTER_MAX)
        });
        let class = match status {
            401 | 403 => SnapshotError::Access,
            429 => SnapshotError::RateLimited,
            503 if retry_after.is_some() => SnapshotError::RateLimited,
            _ => SnapshotError::ServerError,
        };
        let reason = match class {
            SnapshotError::RateLimited => format!("{} wants fewer requests (status {status})", self.shown),
            _ => format!("{}{uri} answers with status {status}{said}", self.shown),
        };
        Fault { class, reason, status, retry_after }
    }

    fn fault(&self, error: WebError) -> Fault {
        let mut reason = self.hide(error.reason);
        if error.class == SnapshotError::Tls && error.certificate.is_none() {
            reason.push_str(tls_hint(&reason));
        }
        Fault::new(error.class, reason)
    }

    fn hide(&self, text: String) -> String {
        match &self.login {
            Some(login) if !login.password.expose().is_empty() => {
                text.replace(login.password.expose(), "***")
            }
            _ => text,
        }
    }

    /// Opens an event stream.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn stream(
        self: &Arc<Self>,
        uri: &ResourceUri,
        query: &str,
    ) -> Result<reqwest::Response, Fault> {
        let pass = self.pass().await?;
        let url =
            self.origin.url(uri, query).ok_or_else(|| Fault::new(SnapshotError::Malformed, "no URL"))?;
        let request =
            self.http.request(Method::GET, url).header(ACCEPT, "text/event-stream").timeout(STREAM_MAX);
        let response = self.with(request, &pass)?.send().await;
        let response = response.map_err(|it| self.fault(web_client::fault(it, &self.shown)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        if status == 401 {
            self.access().on_unauthorized(&pass, uri, self.clock.moment());
        }
        let reason = format!("{} has no event stream for us (status {status})", self.shown);
        Err(Fault { status, ..Fault::new(SnapshotError::ServerError, reason) })
    }

    /// How long the service keeps idle sessions, if it says so.
    pub fn session_timeout(service: &Value) -> Option<Duration> {
        let seconds = number_at(service, "/SessionTimeout").filter(|it| 0.0 < *it)?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// An event stream is opened anew after this at the latest.
const STREAM_MAX: Duration = Duration::from_secs(3600);

/// What may be over at once: a connection that was closed, a stumble.
const fn is_passing(fault: &Fault) -> bool {
    matches!(fault.status, 500 | 502 | 504)
        || (matches!(fault.class, SnapshotError::Malformed) && fault.status == 0)
}

fn header_value(text: &str) -> Result<HeaderValue, ()> {
    let mut value = HeaderValue::from_str(text).map_err(|_| ())?;
    value.set_sensitive(true);
    Ok(value)
}

/// What to do about a certificate or protocol that is not taken.
fn tls_hint(reason: &str) -> &'static str {
    if reason.contains("certificate") {
        "; `rackwarden redfish pin` shows its fingerprint, and tls_pins (or --tls-pin) takes it by that, whoever signed it"
    } else if reason.contains("in common with us") {
        "; TLS 1.2 with ECDHE is the least that is spoken here: update its firmware"
    } else {
        ""
    }
}
