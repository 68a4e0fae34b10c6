//! URIs that a service gives: what of them is asked, and what is not. Pure.
//!
//! Invariants: a [`ResourceUri`] is a path on the service itself, below `/redfish`, without `.` and `..`, query
//! and fragment; the text is kept as the service wrote it, but two that differ in a trailing slash alone
//! are one. URIs are never made of pieces: each was given by the service, but for its root and two collections
//! that DSP0266 lays down.

use reqwest::Url;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Longer ones are no URIs of resources.
const URI_BYTES_MAX: usize = 1024;

/// Scheme, host and port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    url: Url,
}

/// Why a URI is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// It leads to another host, port or scheme.
    #[error("it leads to another service")]
    Foreign,
    /// It is not below /redfish.
    #[error("it is no URI below /redfish/")]
    Elsewhere,
    /// It is no URI.
    #[error("it is no URI")]
    Malformed,
}

/// A resource of a service.
#[derive(Clone)]
pub struct ResourceUri(Arc<str>);

impl Origin {
    /// The origin of a URL with a host.
    #[must_use]
    pub fn new(mut url: Url) -> Option<Self> {
        url.host_str()?;
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
        Some(Self { url })
    }

    /// The origin in a text that a person wrote: `https://host`, `https://host:8443/redfish/v1`.
    ///
    /// # Errors
    /// What is wrong with it, to stand behind it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url =
            Url::parse(text.trim()).map_err(|_| "is no URL: write https://HOST or https://HOST:PORT")?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err("has a scheme that no Redfish service speaks: write https://HOST");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a user or password, which others would see: leave them out");
        }
        if url.query().is_some()
            || !["", "/redfish", "/redfish/v1"].contains(&url.path().trim_end_matches('/'))
        {
            return Err("goes on behind the host: a Redfish service is always at /redfish/v1/");
        }
        Self::new(url).ok_or("names no host: write https://HOST")
    }

    /// The URL of the service's root.
    #[must_use]
    pub fn root(&self) -> Url {
        let mut url = self.url.clone();
        url.set_path("/redfish/v1/");
        url
    }

    /// Whether it is on this host.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
    }

    /// For people: `https://host:port`.
    #[must_use]
    pub fn shown(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// Whether nobody between can read along.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The URL of a resource, with a query as it is: `$expand=.` stays that.
    #[must_use]
    pub fn url(&self, uri: &ResourceUri, query: &str) -> Option<Url> {
        let base = self.url.as_str().trim_end_matches('/');
        let text = if query.is_empty() { format!("{base}{uri}") } else { format!("{base}{uri}?{query}") };
        Url::parse(&text).ok().filter(|it| self.is_of(it))
    }

    fn is_of(&self, url: &Url) -> bool {
        url.scheme() == self.url.scheme()
            && url.host_str() == self.url.host_str()
            && url.port_or_known_default() == self.url.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none()
    }

    /// The path of a URI that the service gave, and what stands behind it.
    fn path<'a>(&self, text: &'a str) -> Result<&'a str, UriError> {
        let text = text.trim();
        let is_bad = |it: char| it.is_control() || it.is_whitespace() || "\\<>\"".contains(it);
        if text.is_empty() || URI_BYTES_MAX < text.len() || text.contains(is_bad) {
            return Err(UriError::Malformed);
        }
        if text.starts_with("//") {
            return Err(UriError::Foreign);
        }
        if text.starts_with('/') {
            return Ok(text);
        }
        let Some((_, rest)) = text.split_once("://") else { return Err(UriError::Malformed) };
        let url = Url::parse(text).map_err(|_| UriError::Malformed)?;
        if !self.is_of(&url) {
            return Err(UriError::Foreign);
        }
        rest.find('/').and_then(|at| rest.get(at..)).ok_or(UriError::Elsewhere)
    }

    /// A resource; a fragment behind it is left out.
    ///
    /// # Errors
    /// [`UriError`].
    pub fn resource(&self, text: &str) -> Result<ResourceUri, UriError> {
        let path = self.path(text)?;
        let bare = path.split(['#', '?']).next().unwrap_or_default();
        checked(bare)
    }

    /// The path of a URI, asked of this service whatever host it names: what a service behind a proxy calls its own.
    #[must_use]
    pub fn path_here(&self, text: &str) -> Option<ResourceUri> {
        let url = self.url.join(text.trim()).ok().filter(|_| text.len() <= URI_BYTES_MAX)?;
        checked(url.path()).ok()
    }

    /// Where a redirect of `from` leads, which may be relative to it (RFC 9110 section 10.2.2).
    ///
    /// # Errors
    /// [`UriError`]: it leads away from the service.
    pub fn redirect(&self, from: &Url, to: &str) -> Result<Url, UriError> {
        let to = to.trim();
        if to.is_empty() || URI_BYTES_MAX < to.len() || to.contains(char::is_control) {
            return Err(UriError::Malformed);
        }
        let url = from.join(to).map_err(|_| UriError::Malformed)?;
        if !self.is_of(&url) {
            return Err(UriError::Foreign);
        }
        checked(url.path())?;
        Ok(url)
    }

    /// The next page of a collection: a resource with a query, which is the service's own matter.
    ///
    /// # Errors
    /// [`UriError`].
    pub fn page(&self, text: &str) -> Result<(ResourceUri, String), UriError> {
        let path = self.path(text)?;
        let bare = path.split('#').next().unwrap_or_default();
        let (bare, query) = bare.split_once('?').unwrap_or((bare, ""));
        Ok((checked(bare)?, query.to_owned()))
    }

    /// A property of a resource, as reports name it: `URI#/json/pointer`.
    ///
    /// # Errors
    /// [`UriError`].
    pub fn property<'a>(&self, text: &'a str) -> Result<(ResourceUri, &'a str), UriError> {
        let pointer = text.split_once('#').map_or("", |(_, pointer)| pointer);
        Ok((self.resource(text)?, pointer))
    }
}

fn checked(path: &str) -> Result<ResourceUri, UriError> {
    let is_below = path == "/redfish" || path.starts_with("/redfish/");
    let is_dots = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    if !is_below || path.split('/').any(is_dots) {
        return Err(UriError::Elsewhere);
    }
    Ok(ResourceUri(path.into()))
}

impl ResourceUri {
    /// The service's root (DSP0266 section 6.3).
    #[must_use]
    pub fn root() -> Self {
        Self("/redfish/v1/".into())
    }

    /// The same without the slash that it should have: told apart by its text alone.
    #[must_use]
    pub fn bare_root() -> Self {
        Self("/redfish/v1".into())
    }

    /// As the service wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without a trailing slash: what tells it from others.
    #[must_use]
    pub fn key(&self) -> &str {
        self.0.trim_end_matches('/')
    }

    /// The last segment, and the one so many before it; empty beyond the first.
    #[must_use]
    pub fn segment(&self, before_last: usize) -> &str {
        self.key().rsplit('/').nth(before_last).unwrap_or_default()
    }
}

impl PartialEq for ResourceUri {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for ResourceUri {}

impl PartialOrd for ResourceUri {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceUri {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(other.key())
    }
}

impl Hash for ResourceUri {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, UriError};
    use reqwest::Url;

    fn origin() -> Origin {
        Origin::new(Url::parse("https://192.0.2.7:8443/redfish/v1").unwrap()).unwrap()
    }

    #[test]
    fn what_is_asked() {
        for (text, path) in [
            ("/redfish/v1/Chassis/1", "/redfish/v1/Chassis/1"),
            ("/redfish/v1/Chassis/1/", "/redfish/v1/Chassis/1/"),
            ("https://192.0.2.7:8443/redfish/v1/Chassis", "/redfish/v1/Chassis"),
            ("/redfish/v1/Chassis/1/Power#/PowerSupplies/0", "/redfish/v1/Chassis/1/Power"),
            (
                "/redfish/v1/PowerEquipment/RackPDUs/1/Outlets/OUTLET%203",
                "/redfish/v1/PowerEquipment/RackPDUs/1/Outlets/OUTLET%203",
            ),
        ] {
            assert_eq!(origin().resource(text).unwrap().as_str(), path, "{text}");
        }
        assert_eq!(origin().resource("/redfish/v1/"), origin().resource("/redfish/v1"));
    }

    #[test]
    fn what_is_not() {
        for (text, error) in [
            ("//192.0.2.7:8443/redfish/v1/Chassis", UriError::Foreign),
            ("https://192.0.2.8:8443/redfish/v1/Chassis", UriError::Foreign),
            ("https://192.0.2.7/redfish/v1/Chassis", UriError::Foreign),
            ("http://192.0.2.7:8443/redfish/v1/Chassis", UriError::Foreign),
            ("https://root:calvin@192.0.2.7:8443/redfish/v1", UriError::Foreign),
            ("file:///redfish/v1/x", UriError::Foreign),
            ("href/redfish/v1/PowerDistribution", UriError::Malformed),
            ("/redfish/v1/../../etc/passwd", UriError::Elsewhere),
            ("/redfish/v1/%2E%2e/x", UriError::Elsewhere),
            ("/redfishy", UriError::Elsewhere),
            ("/api/v1", UriError::Elsewhere),
            ("/redfish/v1/a b", UriError::Malformed),
            ("/redfish/v1/a\r\nHost: x", UriError::Malformed),
            ("", UriError::Malformed),
        ] {
            assert_eq!(origin().resource(text), Err(error), "{text}");
        }
    }

    #[test]
    fn redirects_stay_on_the_service() {
        let from = Url::parse("https://192.0.2.7:8443/redfish/v1/Chassis?a=1").unwrap();
        for (to, url) in [
            ("/redfish/v1/Chassis/", Some("https://192.0.2.7:8443/redfish/v1/Chassis/")),
            ("Chassis/?b=2", Some("https://192.0.2.7:8443/redfish/v1/Chassis/?b=2")),
            ("https://192.0.2.7:8443/redfish/v1/", Some("https://192.0.2.7:8443/redfish/v1/")),
            ("http://192.0.2.7:8443/redfish/v1/", None),
            ("//192.0.2.8/redfish/v1/", None),
            ("/login.html", None),
            ("../../etc", None),
            ("", None),
        ] {
            let found = origin().redirect(&from, to).ok();
            assert_eq!(found.as_ref().map(Url::as_str), url, "{to}");
        }
        let named = origin().path_here("http://bmc.example/redfish/v1/SessionService/Sessions/4");
        assert_eq!(named.unwrap().as_str(), "/redfish/v1/SessionService/Sessions/4");
        assert_eq!(origin().path_here("https://bmc.example/api/4"), None);
    }

    #[test]
    fn queries_stay_as_they_are() {
        let uri = origin().resource("/redfish/v1/Chassis").unwrap();
        let url = origin().url(&uri, "$expand=.($levels=1)").unwrap();
        assert_eq!(url.as_str(), "https://192.0.2.7:8443/redfish/v1/Chassis?$expand=.($levels=1)");
        let (uri, query) = origin().page("/redfish/v1/Chassis?$skip=50").unwrap();
        assert_eq!((uri.as_str(), &*query), ("/redfish/v1/Chassis", "$skip=50"));
        assert_eq!(uri.segment(0), "Chassis");
        assert_eq!(uri.segment(9), "");
    }
}
