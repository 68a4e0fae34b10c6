//! What the HTTP side is told.

use std::net::SocketAddr;

/// Settings of the HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where it listens: `0.0.0.0:10916` by default.
    pub listen: SocketAddr,
}
