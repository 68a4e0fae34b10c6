//! Simulated services behind TLS.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Who does not shake hands within this goes without.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);

/// A server's certificates and its key, from one PEM file.
///
/// # Errors
/// It cannot be read, or lacks one of them.
pub fn identity(path: &Path) -> io::Result<Arc<ServerConfig>> {
    let named = |error: &dyn std::fmt::Display| {
        io::Error::other(format!("{} cannot be used: {error}", path.display()))
    };
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| named(&error))?;
    let key = PrivateKeyDer::from_pem_file(path).map_err(|error| named(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|it| it.with_no_client_auth().with_single_cert(certificates, key));
    config.map(Arc::new).map_err(|error| named(&error))
}

/// Connections once their handshake is done. One at a time shakes hands: simulated peers are few.
pub(super) struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    pub(super) fn new(listener: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self { listener, acceptor: TlsAcceptor::from(config) }
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
            let handshake = self.acceptor.accept(stream);
            // Who does not like our certificate leaves: that is what some come for.
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
