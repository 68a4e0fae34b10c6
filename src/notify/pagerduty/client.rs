//! Sends one event and reads the answer.
//!
//! The routing key stands in the request's body alone: it is taken out of whatever a receiver says
//! before anybody sees that, and redirections, which would carry it elsewhere, are not followed. URLs
//! may hold passwords or tokens: only scheme, host and port are ever shown.

use super::classify::{Exchange, TransportFault, clip};
use super::event;
use crate::model::{Secret, UnixMillis};
use crate::notify::formats::{self, Request};
use crate::notify::settings::{IntegrationSettings, Receiver};
use crate::web_client::{causes, install_crypto, is_loopback, tls_error};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use std::time::Duration;

/// What makes a client impossible.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is none.
    #[error("the integration's url is not an http or https URL")]
    Url,
    /// TLS or the resolver cannot be set up.
    #[error("the HTTP client cannot be made: {0}")]
    Build(String),
}

/// As much of an answer as is read: PagerDuty's have some hundred octets, a portal's page is cut off.
pub const ANSWER_OCTETS_MAX: usize = 64 * 1024;
/// A host that does not answer a SYN will not answer a POST: leaves most of the time-out for the answer.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(5);
/// Connections wait for the next event so long, less than load balancers keep them (60 s is common).
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// A client toward one enqueue URL. Keeps connections alive; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: reqwest::Url,
    shown: String,
    receiver: Receiver,
}

impl Client {
    /// A client of that integration. Reads the system's certificates: for a blocking thread.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(settings: &IntegrationSettings) -> Result<Self, ClientError> {
        install_crypto();
        let url = reqwest::Url::parse(&settings.url).map_err(|_| ClientError::Url)?;
        let host =
            url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")).ok_or(ClientError::Url)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("rackwarden/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(CONNECT_TIMEOUT_MAX))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true);
        if let Some(proxy) = &settings.proxy {
            let proxy = reqwest::Proxy::all(proxy)
                .map_err(|error| ClientError::Build(causes(&error.without_url()).join(": ")))?;
            builder = builder.proxy(proxy);
        } else if is_loopback(host) {
            // A proxy's loopback is not ours.
            builder = builder.no_proxy();
        }
        if let Some(path) = &settings.ca_file {
            builder = builder.tls_certs_only(authorities(path)?);
        }
        let shown = match url.port() {
            Some(port) => format!("{}://{host}:{port}", url.scheme()),
            None => format!("{}://{host}", url.scheme()),
        };
        let http =
            builder.build().map_err(|error| ClientError::Build(causes(&error.without_url()).join(": ")))?;
        Ok(Self { http, url, shown, receiver: settings.receiver })
    }

    /// Scheme, host and port of its URL.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What it sends to.
    #[must_use]
    pub const fn receiver(&self) -> Receiver {
        self.receiver
    }

    /// Sends an event with that routing key, in its receiver's form.
    pub async fn send(&self, body: &str, key: &Secret, now: UnixMillis) -> Exchange {
        let Some(Request { octets, headers }) = formats::request(self.receiver, body, key, now) else {
            return Exchange::Failed(
                TransportFault::Connect,
                "the event kept on disk is no JSON object".to_owned(),
            );
        };
        self.post(self.url.clone(), octets, headers, key).await
    }

    /// Tells PagerDuty of a change: kept for 90 days beside the service's incidents, and wakes nobody.
    pub async fn send_change(&self, body: &str, key: &Secret) -> Option<Exchange> {
        let path = self.url.path().strip_suffix("/enqueue")?;
        let mut url = self.url.clone();
        url.set_path(&format!("{path}/change/enqueue"));
        let octets = event::with_routing_key(body, key)?;
        Some(self.post(url, octets, Vec::new(), key).await)
    }

    async fn post(
        &self,
        url: reqwest::Url,
        octets: Vec<u8>,
        headers: Vec<(&'static str, String)>,
        key: &Secret,
    ) -> Exchange {
        let mut request = self.http.post(url).header(CONTENT_TYPE, "application/json").body(octets);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(answer) => self.read(answer, key).await,
            Err(error) => self.fault(error),
        }
    }

    async fn read(&self, mut answer: reqwest::Response, key: &Secret) -> Exchange {
        let status = answer.status().as_u16();
        let content_type = header(answer.headers(), &CONTENT_TYPE).unwrap_or_default();
        let retry_after = header(answer.headers(), &RETRY_AFTER);
        let mut body: Vec<u8> = Vec::new();
        // A body that breaks off does not change what the status said.
        while let Ok(Some(chunk)) = answer.chunk().await {
            let room = ANSWER_OCTETS_MAX - body.len();
            body.extend(chunk.iter().take(room));
            if body.len() == ANSWER_OCTETS_MAX {
                break;
            }
        }
        let body = redact(&String::from_utf8_lossy(&body), key);
        Exchange::Answer { status, content_type, retry_after, body }
    }

    fn fault(&self, error: reqwest::Error) -> Exchange {
        let error = error.without_url();
        let fault = if tls_error(&error).is_some() {
            TransportFault::Tls
        } else if error.is_connect() || error.is_builder() {
            TransportFault::Connect
        } else if error.is_timeout() {
            TransportFault::Timeout
        } else {
            TransportFault::Interrupted
        };
        let what = match fault {
            TransportFault::Connect if error.is_timeout() => "no connection in time",
            TransportFault::Connect => "no connection",
            TransportFault::Tls => "the TLS handshake failed",
            TransportFault::Timeout => "no answer in time",
            TransportFault::Interrupted => "the connection ended before the answer",
        };
        Exchange::Failed(fault, format!("{what} ({}): {}", self.shown, clip(&causes(&error).join(": "))))
    }
}

/// The certificates in a file.
fn authorities(path: &std::path::Path) -> Result<Vec<reqwest::Certificate>, ClientError> {
    let unusable = |why: String| ClientError::Build(format!("ca_file {}: {why}", path.display()));
    let octets = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let found = reqwest::Certificate::from_pem_bundle(&octets)
        .map_err(|error| unusable(causes(&error.without_url()).join(": ")))?;
    if found.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(|it| it.chars().take(HEADER_CHARS_MAX).collect())
}

/// Longer than any date or media type.
const HEADER_CHARS_MAX: usize = 200;

fn redact(text: &str, key: &Secret) -> String {
    if key.expose().is_empty() { text.to_owned() } else { text.replace(key.expose(), "***") }
}

#[cfg(test)]
mod tests {
    use super::{Client, ClientError, redact};
    use crate::model::Secret;
    use crate::notify::settings::{IntegrationSettings, SecretSource};
    fn client(url: &str) -> Result<Client, ClientError> {
        Client::new(&IntegrationSettings {
            url: url.to_owned(),
            ..IntegrationSettings::pagerduty("ops", SecretSource::Inline(Secret::new("key")))
        })
    }

    #[test]
    fn shows_no_more_of_a_url_than_its_host() {
        let shown = |url| client(url).unwrap().shown().to_owned();
        assert_eq!(shown("https://user:hunter2@events.example/v2/enqueue?token=x"), "https://events.example");
        assert_eq!(shown("http://127.0.0.1:8080/v2/enqueue"), "http://127.0.0.1:8080");
        for wrong in ["", "events.example", "ftp://events.example", "file:///etc/passwd"] {
            assert!(matches!(client(wrong), Err(ClientError::Url)), "{wrong}");
        }
    }

    #[test]
    fn takes_the_key_out_of_answers() {
        assert_eq!(redact("key abc is bad", &Secret::new("abc")), "key *** is bad");
        assert_eq!(redact("as it is", &Secret::new("")), "as it is");
    }
}
