//! The HTTP client of the sources: one request at a time, JSON in the answer, everything bounded.
//!
//! Secrets travel in headers that are marked as such and in form bodies; they are taken out of whatever a
//! source says before anybody sees that. Redirects, which would carry them elsewhere, are not followed.
//! Only scheme, host and port of a URL are ever shown.

mod answer;

use super::failure::Failure;
use super::limits::{ANSWER_OCTETS_MAX, WAIT_DEFAULT, WAIT_MAX, WAITS_MAX};
use super::settings::HttpAccess;
use crate::model::{Secret, SnapshotError};
use crate::telemetry::inventory as events;
use crate::web_client::{self, Answer, fault};
use answer::Verdict;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};
use serde_json::Value;
use std::time::Duration;

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
        let unusable = |what: &str| Failure::new(SnapshotError::Unreachable, what);
        let mut base = Url::parse(&access.url).map_err(|_| unusable("the url is none"))?;
        let host = base.host_str().ok_or_else(|| unusable("the url names no host"))?.to_owned();
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        let http = web_client::build(web_client::builder(&host, timeout, &access.tls)?)?;
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
        let response = request.send().await.map_err(|error| self.hide(fault(error, &self.shown).into()))?;
        let read = web_client::read(response, ANSWER_OCTETS_MAX, &self.shown).await;
        read.map_err(|error| self.hide(error.into()))
    }

    fn let_in(&self, call: &Call<'_>, request: RequestBuilder) -> RequestBuilder {
        match (call.basic, &self.credentials) {
            (Some((user, password)), _) => request.basic_auth(user, Some(password.expose())),
            (None, Some((name, value))) => request.header(name, value),
            (None, None) => request,
        }
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

/// A smaller answer takes well under a millisecond.
const PARSED_AT_ONCE: usize = 256 * 1024;
/// The configured secret, and one of a session.
const SECRETS_KEPT: usize = 1;
