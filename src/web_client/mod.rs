//! HTTP toward services that are not ours: whom to trust, what a failed request means, and answers with
//! a limit. Inventory sources and Redfish services are asked through it.
//!
//! Invariants: redirects are never followed; an answer is read whole or not at all, and its limit counts
//! after inflation; what is said of a failure holds no URL beyond scheme, host and port.
//! Does not decide what an answer means, nor whether to ask again.

mod tls;

pub use tls::{TlsSettings, fingerprint, parse_fingerprint};

use crate::model::{SnapshotError, clean_text};
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{ClientBuilder, Response};
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// A host that does not answer a SYN within this will not answer at all.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// Longer than any date, media type or path of a login page.
const HEADER_CHARS_MAX: usize = 200;
/// All headers of an answer: those of real services take one kilobyte, or two with policies for browsers.
const HEADERS_OCTETS_MAX: usize = 64 * 1024;
/// What is kept of texts of others within messages.
const TEXT_CHARS_MAX: usize = 256;

/// Why there is no answer: a class for metrics, and words for people, as a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct WebError {
    /// What kind of failure.
    pub class: SnapshotError,
    /// In words.
    pub reason: String,
    /// The certificate that was shown in place of a pinned one, by its SHA-256.
    pub certificate: Option<[u8; 32]>,
}

impl WebError {
    /// A failure of that class.
    #[must_use]
    pub fn new(class: SnapshotError, reason: impl Into<String>) -> Self {
        Self { class, reason: reason.into(), certificate: None }
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Content-Type.
    pub content_type: String,
    /// Retry-After.
    pub retry_after: Option<String>,
    /// Location.
    pub location: Option<String>,
    /// Content-Encoding, where it was not inflated.
    pub content_encoding: String,
    /// What it holds, inflated.
    pub body: Vec<u8>,
}

/// A client's beginnings: no redirects, no referrer, bounded times, and the trust of `tls`. Reads certificates
/// from disk. `host` without brackets.
///
/// # Errors
/// [`SnapshotError::Tls`]: the certificates cannot be used.
pub fn builder(host: &str, timeout: Duration, tls: &TlsSettings) -> Result<ClientBuilder, WebError> {
    install_crypto();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("rackwarden/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .timeout(timeout)
        .connect_timeout(timeout.min(CONNECT_TIMEOUT_MAX))
        .tcp_nodelay(true);
    // A proxy's loopback is not ours.
    let builder = if is_loopback(host) { builder.no_proxy() } else { builder };
    tls::trusting(builder, tls)
}

/// The client of a builder.
///
/// # Errors
/// [`SnapshotError::Tls`]: TLS cannot be set up.
pub fn build(builder: ClientBuilder) -> Result<reqwest::Client, WebError> {
    builder.build().map_err(|error| {
        let reason = format!("TLS cannot be set up: {}", chain(&error.without_url()));
        WebError::new(SnapshotError::Tls, reason)
    })
}

/// The whole answer, inflated, up to `most` octets. An answer that breaks off is none. `shown` says whose.
///
/// # Errors
/// It is too large, too slow, or breaks off.
pub async fn read(mut response: Response, most: usize, shown: &str) -> Result<Answer, WebError> {
    let header = |name: HeaderName| header(&response, &name);
    let mut answer = Answer {
        status: response.status().as_u16(),
        content_type: header(CONTENT_TYPE).unwrap_or_default(),
        retry_after: header(RETRY_AFTER),
        location: header(LOCATION),
        content_encoding: header(CONTENT_ENCODING).unwrap_or_default(),
        body: Vec::new(),
    };
    let headers: usize =
        response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if HEADERS_OCTETS_MAX < headers {
        return Err(too_many_headers(shown));
    }
    let announced = header(CONTENT_LENGTH).and_then(|it| it.parse::<usize>().ok()).unwrap_or(0);
    let too_large = || {
        let reason = format!("{shown} sends more than {} MiB in one answer", most >> 20);
        WebError::new(SnapshotError::Limit, reason)
    };
    if most < announced {
        return Err(too_large());
    }
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if most < answer.body.len() + chunk.len() => return Err(too_large()),
            Ok(Some(chunk)) => answer.body.extend_from_slice(&chunk),
            Ok(None) => return Ok(answer),
            Err(error) if error.is_timeout() => return Err(fault(error, shown)),
            Err(error) => {
                let words = clip(&chain(&error.without_url()));
                let octets = answer.body.len();
                let reason = format!("the answer of {shown} broke off after {octets} octets: {words}");
                return Err(WebError::new(SnapshotError::Malformed, reason));
            }
        }
    }
}

fn too_many_headers(shown: &str) -> WebError {
    let most = HEADERS_OCTETS_MAX >> 10;
    WebError::new(SnapshotError::Limit, format!("{shown} sends more than {most} KiB of headers"))
}

/// A header as a text, cut.
#[must_use]
pub fn header(response: &Response, name: &HeaderName) -> Option<String> {
    let text = response.headers().get(name)?.to_str().ok()?;
    Some(text.chars().take(HEADER_CHARS_MAX).collect())
}

/// Why a request was not answered. `shown` says by whom.
#[must_use]
pub fn fault(error: reqwest::Error, shown: &str) -> WebError {
    let error = error.without_url();
    if let Some(other) = tls_error(&error).and_then(tls::other_certificate) {
        let reason = format!("{shown}: {other}");
        return WebError { certificate: Some(other.0), ..WebError::new(SnapshotError::Tls, reason) };
    }
    if let Some(error) = tls_error(&error) {
        let why = tls::words(error).unwrap_or_else(|| error.to_string());
        let reason = format!("the TLS handshake failed ({shown}): {}", clip(&why));
        return WebError::new(SnapshotError::Tls, reason);
    }
    let (class, what) = if error.is_connect() && error.is_timeout() {
        (SnapshotError::Unreachable, "no connection in time")
    } else if error.is_connect() || error.is_builder() {
        (SnapshotError::Unreachable, "no connection")
    } else if error.is_timeout() {
        (SnapshotError::Timeout, "no answer in time")
    } else {
        (SnapshotError::Malformed, "the connection ended before the answer")
    };
    let why = clip(&chain(&error));
    // hyper's words for what goes beyond its own limits of headers.
    if ["message head is too large", "too many headers"].iter().any(|it| why.contains(it)) {
        return too_many_headers(shown);
    }
    // hyper's word for octets that are no HTTP, as TLS alerts are.
    let hint = if why.contains("invalid HTTP version") {
        ": it speaks no plain HTTP there; is it https?"
    } else {
        ""
    };
    WebError::new(class, format!("{what} ({shown}): {why}{hint}"))
}

/// A text of others as messages may show it.
#[must_use]
pub fn clip(text: &str) -> String {
    clean_text(text).chars().take(TEXT_CHARS_MAX).collect()
}

/// Installs ring as the process's TLS provider, unless there is one already.
pub fn install_crypto() {
    // The error says that another one is installed: as good.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// Whether a host is this one, by its name or address, with or without brackets.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// The causes, outermost first, each once.
pub(crate) fn causes(error: &dyn Error) -> Vec<String> {
    let mut parts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if parts.last().is_none_or(|it| !it.contains(&text)) {
            parts.push(text);
        }
        source = cause.source();
    }
    parts
}

/// The causes in one line, without what only says which layer handed them on.
fn chain(error: &dyn Error) -> String {
    const LAYERS: [&str; 3] = ["error sending request", "client error (", "tcp connect error"];
    let mut parts = causes(error);
    let last = parts.pop().unwrap_or_default();
    parts.retain(|part| !LAYERS.iter().any(|it| part.starts_with(it)));
    parts.push(last);
    parts.join(": ")
}

/// The TLS error among the causes. An I/O error hides the one that it wraps from its causes.
pub(crate) fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = || error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let within = || wrapped().and_then(|it| tls_error(it));
    error.downcast_ref::<rustls::Error>().or_else(within).or_else(|| error.source().and_then(tls_error))
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn knows_loopback() {
        assert!(is_loopback("localhost") && is_loopback("127.0.0.2") && is_loopback("[::1]"));
        assert!(!is_loopback("events.pagerduty.com") && !is_loopback("10.0.0.1"));
    }
}
