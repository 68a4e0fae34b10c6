//! A small HTTP server on loopback that answers as it is told, also as no server should: cut off, endless,
//! slowly, or with another certificate. Each connection has one request.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) form: BTreeMap<String, String>,
}

impl Request {
    pub(super) fn number(&self, name: &str) -> usize {
        self.query.get(name).and_then(|it| it.parse().ok()).unwrap_or(0)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The connection ends after so many octets of the body.
    cut: Option<usize>,
    /// Before the first octet.
    pause: Duration,
}

impl Reply {
    pub(super) fn json(value: &serde_json::Value) -> Self {
        Self::text(200, &value.to_string()).with("Content-Type", "application/json")
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Self::octets(status, body.as_bytes().to_vec())
    }

    pub(super) fn octets(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body, cut: None, pause: Duration::ZERO }
    }

    pub(super) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(super) fn cut_after(self, octets: usize) -> Self {
        Self { cut: Some(octets), ..self }
    }

    pub(super) fn after(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }
}

type Handler = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// The server; ends when dropped.
pub(super) struct Server {
    address: SocketAddr,
    is_tls: bool,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
}

/// A certificate for 127.0.0.1 that nobody has signed.
pub(super) struct Certificate {
    pub(super) pem: String,
    pub(super) fingerprint: [u8; 32],
    config: Arc<ServerConfig>,
}

impl Certificate {
    pub(super) fn new() -> Self {
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let fingerprint = Sha256::digest(cert.der()).into();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        Self { pem: cert.pem(), fingerprint, config: Arc::new(config) }
    }
}

impl Server {
    pub(super) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(None, handler)
    }

    pub(super) fn start_with(
        certificate: Option<&Certificate>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = certificate.map(|it| Arc::clone(&it.config));
        let server = Self {
            address,
            is_tls: config.is_some(),
            requests: Arc::default(),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let (requests, stop) = (Arc::clone(&server.requests), Arc::clone(&server.stop));
        let handler: Handler = Arc::new(handler);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (handler, requests, config) =
                    (Arc::clone(&handler), Arc::clone(&requests), config.clone());
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                    match config {
                        // What a peer that goes away does to it is its own affair.
                        Some(config) => drop(serve(
                            StreamOwned::new(ServerConnection::new(config).unwrap(), stream),
                            &handler,
                            &requests,
                        )),
                        None => drop(serve(stream, &handler, &requests)),
                    }
                });
            }
        });
        server
    }

    pub(super) fn url(&self) -> String {
        format!("{}://{}/", if self.is_tls { "https" } else { "http" }, self.address)
    }

    /// All requests up to now.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn count(&self, path: &str) -> usize {
        self.requests().iter().filter(|it| it.path == path).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees the end.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(
    stream: impl Read + Write,
    handler: &Handler,
    requests: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let url = reqwest::Url::parse(&format!("http://x{target}")).map_err(std::io::Error::other)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let form = reqwest::Url::parse(&format!("http://x/?{}", String::from_utf8_lossy(&body)))
        .map(|it| it.query_pairs().into_owned().collect())
        .unwrap_or_default();
    let request = Request {
        method: method.to_owned(),
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        headers,
        form,
    };
    requests.lock().unwrap().push(request.clone());
    let reply = handler(&request);
    std::thread::sleep(reply.pause);
    let stream = reader.get_mut();
    write!(stream, "HTTP/1.1 {} Whatever\r\nConnection: close\r\n", reply.status)?;
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "Content-Length: {}\r\n\r\n", reply.body.len())?;
    let end = reply.cut.unwrap_or(reply.body.len()).min(reply.body.len());
    stream.write_all(&reply.body[..end])?;
    stream.flush()
}
