//! The HTTP client of the sources: one request at a time, JSON in the answer, everything bounded.
//!
//! Secrets travel in headers that are marked as such and in form bodies; they are taken out of whatever a
//! source says before anybody sees that. Redirects, which would carry them elsewhere, are not followed.
//! Only scheme, host and port of a URL are ever shown.

mod answer;
mod tls;

use super::failure::Failure;
use super::limits::{ANSWER_OCTETS_MAX, WAIT_DEFAULT, WAIT_MAX, WAITS_MAX};
use super::settings::HttpAccess;
use crate::model::{Secret, SnapshotError};
use crate::telemetry::inventory as events;
use answer::{Answer, Verdict};
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Url};
use serde_json::Value;
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// A host that does not answer a SYN within this will not answer at all.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// A client toward one source. Keeps its connection alive between the requests of a snapshot.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    shown: String,
    /// What must not be seen in anything that the source says.
    secrets: Vec<Secret>,
    /// What is sent with each request to let us in.
    credentials: Option<(HeaderName, HeaderValue)>,
    /// How often this snapshot has waited.
    waits: u32,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    method: Method,
    path: &'a str,
    query: Vec<(&'a str, String)>,
    form: Option<Vec<(&'a str, String)>>,
    basic: Option<(&'a str, &'a Secret)>,
}

impl<'a> Call<'a> {
    /// GET of a path below the source's URL.
    #[must_use]
    pub const fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, query: Vec::new(), form: None, basic: None }
    }

    /// POST of a form to a path below the source's URL.
    #[must_use]
    pub const fn post(path: &'a str, form: Vec<(&'a str, String)>) -> Self {
        Self { method: Method::POST, path, query: Vec::new(), form: Some(form), basic: None }
    }

    /// With a parameter.
    #[must_use]
    pub fn with(mut self, name: &'a str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// With HTTP Basic, in place of the source's usual credentials.
    #[must_use]
    pub fn basic(self, user: &'a str, password: &'a Secret) -> Self {
        Self { basic: Some((user, password)), ..self }
    }
}

impl Client {
    /// A client of that source. Reads certificates from disk.
    ///
    /// # Errors
    /// The URL is none, or the certificates cannot be read.
    pub fn new(access: &HttpAccess, timeout: Duration, secrets: Vec<Secret>) -> Result<Self, Failure> {
        install_crypto();
        let unusable = |what: &str| Failure::new(SnapshotError::Unreachable, what);
        let mut base = Url::parse(&access.url).map_err(|_| unusable("the url is none"))?;
        let host = base.host_str().ok_or_else(|| unusable("the url names no host"))?.to_owned();
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        let builder = reqwest::Client::builder()
            .user_agent(concat!("rackwarden/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .timeout(timeout)
            .connect_timeout(timeout.min(CONNECT_TIMEOUT_MAX))
            .tcp_nodelay(true);
        // A proxy's loopback is not ours.
        let builder = if is_loopback(&host) { builder.no_proxy() } else { builder };
        let http = tls::trusting(builder, &access.tls)?.build().map_err(|error| {
            Failure::new(SnapshotError::Tls, format!("TLS cannot be set up: {}", chain(&error.without_url())))
        })?;
        let shown = match base.port() {
            Some(port) => format!("{}://{host}:{port}", base.scheme()),
            None => format!("{}://{host}", base.scheme()),
        };
        Ok(Self { http, base, shown, secrets, credentials: None, waits: 0 })
    }

    /// What lets us in from now on; `None`: nothing.
    ///
    /// # Errors
    /// The secret holds what no header can.
    pub fn authorize(&mut self, name: HeaderName, value: Option<&Secret>) -> Result<(), Failure> {
        let Some(value) = value else {
            self.credentials = None;
            return Ok(());
        };
        let mut header = HeaderValue::from_str(value.expose()).map_err(|_| {
            Failure::new(SnapshotError::Access, "the secret holds characters that no header can")
        })?;
        header.set_sensitive(true);
        self.credentials = Some((name, header));
        Ok(())
    }

    /// Adds a secret that was had from the source, as a session's token: it is not to be seen either.
    pub fn keep_secret(&mut self, secret: Secret) {
        // The source's own and the last session's: older ones are no longer good.
        self.secrets.truncate(SECRETS_KEPT);
        self.secrets.push(secret);
    }

    /// A snapshot begins: it may wait anew.
    pub const fn begin(&mut self) {
        self.waits = 0;
    }

    /// Asks, waits where the source wants that, and hands on the JSON of the answer.
    ///
    /// # Errors
    /// Whatever is not a good answer.
    pub async fn call(&mut self, call: &Call<'_>) -> Result<Value, Failure> {
        match self.ask(call).await? {
            Some(value) => Ok(value),
            None => Err(Failure::new(
                SnapshotError::ServerError,
                format!("{} has nothing at /{}", self.shown, call.path),
            )),
        }
    }

    /// The same; `None` where the source says 404.
    ///
    /// # Errors
    /// Whatever is neither a good answer nor 404.
    pub async fn ask(&mut self, call: &Call<'_>) -> Result<Option<Value>, Failure> {
        loop {
            let answer = self.send(call).await?;
            let status = answer.status;
            match answer.verdict(&self.shown) {
                Verdict::Good => return parse(answer, &self.shown).await.map(Some),
                Verdict::Nothing => return Ok(None),
                Verdict::Bad(failure) => return Err(self.hide(failure)),
                Verdict::Wait(asked) => {
                    let wait = asked.unwrap_or(WAIT_DEFAULT);
                    if WAITS_MAX <= self.waits || WAIT_MAX < wait {
                        let reason = format!("{} wants fewer requests (status {status})", self.shown);
                        let failure = Failure::new(SnapshotError::RateLimited, reason);
                        return Err(Failure { retry_after: Some(wait), ..failure });
                    }
                    self.waits += 1;
                    events::waiting();
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    async fn send(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let mut url = self
            .base
            .join(call.path.trim_start_matches('/'))
            .map_err(|_| Failure::new(SnapshotError::Unreachable, "the url leads nowhere"))?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query.iter().map(|(name, value)| (name, value)));
        }
        let request = self.http.request(call.method.clone(), url).header(ACCEPT, "application/json");
        let request = self.let_in(call, request);
        let request = match &call.form {
            Some(form) => {
                let mut body = Url::parse("form:?").map_err(|_| Failure::malformed("no form"))?;
                body.query_pairs_mut().extend_pairs(form.iter().map(|(name, value)| (name, value)));
                let body = body.query().unwrap_or_default().to_owned();
                request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
            }
            None => request,
        };
        events::requested();
        let response = request.send().await.map_err(|error| self.fault(error))?;
        self.read(response).await
    }

    fn let_in(&self, call: &Call<'_>, request: RequestBuilder) -> RequestBuilder {
        match (call.basic, &self.credentials) {
            (Some((user, password)), _) => request.basic_auth(user, Some(password.expose())),
            (None, Some((name, value))) => request.header(name, value),
            (None, None) => request,
        }
    }

    /// The whole answer, inflated, up to the limit. An answer that breaks off is none.
    async fn read(&self, mut response: reqwest::Response) -> Result<Answer, Failure> {
        let header = |name: HeaderName| {
            let text = response.headers().get(name)?.to_str().ok()?;
            Some(text.chars().take(HEADER_CHARS_MAX).collect::<String>())
        };
        let mut answer = Answer {
            status: response.status().as_u16(),
            content_type: header(CONTENT_TYPE).unwrap_or_default(),
            retry_after: header(RETRY_AFTER),
            location: header(LOCATION),
            body: Vec::new(),
        };
        let announced = header(CONTENT_LENGTH).and_then(|it| it.parse::<usize>().ok()).unwrap_or(0);
        let too_large = || {
            let reason =
                format!("{} sends more than {} MiB in one answer", self.shown, ANSWER_OCTETS_MAX >> 20);
            Failure::new(SnapshotError::Limit, reason)
        };
        if ANSWER_OCTETS_MAX < announced {
            return Err(too_large());
        }
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if ANSWER_OCTETS_MAX < answer.body.len() + chunk.len() => {
                    return Err(too_large());
                }
                Ok(Some(chunk)) => answer.body.extend_from_slice(&chunk),
                Ok(None) => return Ok(answer),
                Err(error) if error.is_timeout() => return Err(self.fault(error)),
                Err(error) => {
                    let words = clip(&chain(&error.without_url()));
                    let reason = format!(
                        "the answer of {} broke off after {} octets: {words}",
                        self.shown,
                        answer.body.len()
                    );
                    return Err(self.hide(Failure::malformed(reason)));
                }
            }
        }
    }

    fn fault(&self, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        if let Some(words) = tls_error(&error).and_then(tls::other_certificate) {
            return Failure::new(SnapshotError::Tls, format!("{}: {words}", self.shown));
        }
        let (class, what) = if tls_error(&error).is_some() {
            (SnapshotError::Tls, "the TLS handshake failed")
        } else if error.is_connect() && error.is_timeout() {
            (SnapshotError::Unreachable, "no connection in time")
        } else if error.is_connect() || error.is_builder() {
            (SnapshotError::Unreachable, "no connection")
        } else if error.is_timeout() {
            (SnapshotError::Timeout, "no answer in time")
        } else {
            (SnapshotError::Malformed, "the connection ended before the answer")
        };
        self.hide(Failure::new(class, format!("{what} ({}): {}", self.shown, clip(&chain(&error)))))
    }

    /// Takes every secret out of what is said.
    pub(super) fn hide(&self, failure: Failure) -> Failure {
        let secrets = self.secrets.iter().map(Secret::expose).filter(|it| !it.is_empty());
        let reason = secrets.fold(failure.reason, |text, secret| text.replace(secret, "***"));
        Failure { reason, ..failure }
    }
}

/// Large answers are parsed off the threads that serve others.
async fn parse(answer: Answer, shown: &str) -> Result<Value, Failure> {
    if answer.body.len() < PARSED_AT_ONCE {
        return answer.json(shown);
    }
    let shown = shown.to_owned();
    let parsed = tokio::task::spawn_blocking(move || answer.json(&shown)).await;
    parsed.unwrap_or_else(|_| Err(Failure::malformed("the answer could not be read: a defect of ours")))
}

/// Installs ring as the process's TLS provider, unless there is one already.
fn install_crypto() {
    // The error says that another one is installed: as good.
    drop(rustls::crypto::ring::default_provider().install_default());
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// The causes, outermost first, each once.
fn chain(error: &dyn Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if parts.last().is_none_or(|it| !it.contains(&text)) {
            parts.push(text);
        }
        source = cause.source();
    }
    parts.join(": ")
}

/// The TLS error among the causes. An I/O error hides the one that it wraps from its causes.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = || error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let within = || wrapped().and_then(|it| tls_error(it));
    error.downcast_ref::<rustls::Error>().or_else(within).or_else(|| error.source().and_then(tls_error))
}

fn clip(text: &str) -> String {
    super::loose::cut(&crate::model::clean_text(text)).to_owned()
}

/// Longer than any date, media type or path of a login page.
const HEADER_CHARS_MAX: usize = 200;
/// A smaller answer takes well under a millisecond.
const PARSED_AT_ONCE: usize = 256 * 1024;
/// The configured secret, and one of a session.
const SECRETS_KEPT: usize = 1;
