//! The web file: its YAML, and what it becomes.
//!
//! Keys are those of Prometheus' exporter-toolkit, and two of ours at the top level: `bearer_tokens` and
//! `operators`. An unknown key is a mistake, as it is there. Paths in it begin at its own folder. Messages name
//! keys and lines, never values: they may be secrets.

use super::tls::{self, RawTls};
use super::watch::Stamps;
use super::{Role, passwords};
use crate::model::Secret;
use axum::http::{HeaderName, HeaderValue};
use rustls::ServerConfig;
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a web file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebFileError {
    /// The file, or one that it names, cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is far larger than any web file.
    #[error("{path} has more than {} bytes", WebFile::BYTES_MAX)]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// It is no YAML, or has what a web file has not.
    #[error("{path}, line {line}: {message}")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Counted from 1; 0 where it is not known.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// A key says something that cannot be done.
    #[error("{path}: {key}: {message}")]
    Key {
        /// Which.
        path: PathBuf,
        /// The key, from the top.
        key: String,
        /// What is wrong, and what to write.
        message: String,
    },
}

/// What a web file says. The default is that of no file.
#[derive(Default)]
pub struct WebFile {
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) users: BTreeMap<String, User>,
    pub(super) tokens: Vec<Token>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) stamps: Stamps,
}

/// Somebody with a password.
#[derive(Debug, Clone)]
pub(super) struct User {
    /// bcrypt.
    pub(super) hash: Secret,
    pub(super) role: Role,
}

/// Something with a token.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) name: String,
    pub(super) sha256: [u8; 32],
    pub(super) role: Role,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawWebFile {
    tls_server_config: Option<RawTls>,
    #[serde(deserialize_with = "none_is_empty")]
    http_server_config: RawHttp,
    #[serde(deserialize_with = "none_is_empty")]
    basic_auth_users: BTreeMap<String, String>,
    #[serde(deserialize_with = "none_is_empty")]
    bearer_tokens: BTreeMap<String, String>,
    #[serde(deserialize_with = "none_is_empty")]
    operators: BTreeSet<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawHttp {
    /// Accepted so that files can be shared; HTTP/1.1 is all that is spoken here.
    #[serde(rename = "http2")]
    _http2: Option<bool>,
    #[serde(deserialize_with = "none_is_empty")]
    headers: BTreeMap<String, String>,
}

/// A key with nothing but comments below it.
fn none_is_empty<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The response headers that such a file may set.
const HEADERS: [&str; 5] = [
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
    "Content-Security-Policy",
];

/// How a token's digest is written.
const DIGEST: &str = "sha256:";

impl WebFile {
    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Hundreds of users and tokens.
    pub const BYTES_MAX: u64 = 1 << 20;

    /// Reads the file, and the certificates that it names.
    ///
    /// # Errors
    /// [`WebFileError`]: the first mistake.
    pub fn load(path: &Path) -> Result<Self, WebFileError> {
        let mut stamps = Stamps::default();
        let text = stamps.read(path)?;
        let raw: RawWebFile = if is_empty(&text) { RawWebFile::default() } else { parse(path, &text)? };
        let at = Place { path };
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let tls = match &raw.tls_server_config {
            Some(it) => Some(tls::server_config(it, folder, &mut stamps, &at)?),
            None => None,
        };
        for name in &raw.operators {
            if !raw.basic_auth_users.contains_key(name) && !raw.bearer_tokens.contains_key(name) {
                let message = format!("`{name}` is neither among basic_auth_users nor bearer_tokens");
                return Err(at.key("operators", message));
            }
        }
        let role = |name: &str| if raw.operators.contains(name) { Role::Operator } else { Role::Reader };
        let mut users = BTreeMap::new();
        for (name, hash) in &raw.basic_auth_users {
            passwords::check_hash(hash).map_err(|it| at.key(&format!("basic_auth_users.{name}"), it))?;
            users.insert(name.clone(), User { hash: Secret::new(hash.clone()), role: role(name) });
        }
        let mut tokens = Vec::new();
        for (name, digest) in &raw.bearer_tokens {
            let sha256 = digest_of(digest).ok_or_else(|| {
                let message = "takes `sha256:` and 64 hexadecimal digits: printf %s TOKEN | sha256sum";
                at.key(&format!("bearer_tokens.{name}"), message)
            })?;
            tokens.push(Token { name: name.clone(), sha256, role: role(name) });
        }
        Ok(Self { tls, users, tokens, headers: headers(&raw.http_server_config.headers, &at)?, stamps })
    }

    /// Whether it says nothing.
    pub(super) fn is_default(&self) -> bool {
        self.is_open() && self.tls.is_none() && self.headers.is_empty()
    }

    /// Whether nobody is asked who they are.
    pub(super) fn is_open(&self) -> bool {
        self.users.is_empty() && self.tokens.is_empty()
    }
}

/// Nothing but comments and empty lines, which is no YAML value.
fn is_empty(text: &str) -> bool {
    text.lines().map(str::trim).all(|it| it.is_empty() || it.starts_with('#'))
}

fn parse(path: &Path, text: &str) -> Result<RawWebFile, WebFileError> {
    serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map_or(0, |it| it.line());
        // Without the excerpt that it would show: that may be a hash.
        let message = error.without_snippet().to_string();
        let message = message.lines().next().unwrap_or("cannot be read").to_owned();
        WebFileError::Syntax { path: path.to_owned(), line, message }
    })
}

fn headers(
    raw: &BTreeMap<String, String>,
    at: &Place<'_>,
) -> Result<Vec<(HeaderName, HeaderValue)>, WebFileError> {
    let mut headers = Vec::new();
    for (name, value) in raw {
        let key = format!("http_server_config.headers.{name}");
        if !HEADERS.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            return Err(at.key(&key, format!("may be one of {}", HEADERS.join(", "))));
        }
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => headers.push((name, value)),
            _ => return Err(at.key(&key, "has characters that a header cannot have")),
        }
    }
    Ok(headers)
}

fn digest_of(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix(DIGEST)?.as_bytes();
    let mut digest = [0; 32];
    if digits.len() != 2 * digest.len() {
        return None;
    }
    for (octet, pair) in digest.iter_mut().zip(digits.chunks(2)) {
        *octet = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// In which file a key stands.
pub(super) struct Place<'a> {
    path: &'a Path,
}

impl Place<'_> {
    pub(super) fn key(&self, key: &str, message: impl Into<String>) -> WebFileError {
        WebFileError::Key { path: self.path.to_owned(), key: key.to_owned(), message: message.into() }
    }
}

impl fmt::Debug for WebFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebFile")
            .field("tls", &self.tls.is_some())
            .field("users", &self.users)
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}
