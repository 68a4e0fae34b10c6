//! What the HTTP side is told.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Settings of the HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where it listens: `0.0.0.0:10916` by default.
    pub listen: SocketAddr,
    /// TLS, users and tokens: see [`super::WebFile`]. `None`: everybody may read, in clear.
    pub web_config: Option<PathBuf>,
}
