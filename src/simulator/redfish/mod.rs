//! Redfish services from mockup trees, on loopback: sessions, Basic, $expand, events, and what goes wrong with them.
//!
//! Each service has a port of its own; all share a runtime. Reading is all that they know beside sessions.

mod answer;
mod fault;
mod mockup;
mod tls;

pub use fault::{FaultKind, ServiceFault};
pub use mockup::{Mockup, expansion};
pub use tls::identity;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use rustls::ServerConfig;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

/// A login is shorter.
const BODY_OCTETS_MAX: usize = 64 * 1024;
/// Sessions, unless they are said to be fewer.
const SESSIONS_MAX: usize = 64;

/// What a service is.
#[derive(Debug, Clone, Default)]
pub struct ServiceSpec {
    /// Its documents.
    pub mockup: Mockup,
    /// Who is let in; `None`: everybody.
    pub user: Option<(String, String)>,
    /// What goes wrong.
    pub faults: Vec<ServiceFault>,
    /// Whether it has an event stream.
    pub events: bool,
    /// Whether it knows $expand, whatever its root says.
    pub expand: bool,
    /// By https with this certificate; `None`: by http.
    pub tls: Option<Arc<ServerConfig>>,
}

/// A service that is running; ends when dropped.
#[derive(Debug)]
pub struct ServiceHandle {
    address: SocketAddr,
    is_tls: bool,
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// What a service was asked.
#[derive(Debug, Clone, Default)]
pub struct ServiceCounts {
    /// GETs of resources.
    pub requests: usize,
    /// Sessions that were opened.
    pub logins: usize,
    /// Logins that were refused.
    pub refusals: usize,
    /// Sessions that were deleted.
    pub logouts: usize,
    /// The most requests at a time.
    pub in_flight_most: usize,
    /// Methods other than GET, POST of a session and DELETE of one.
    pub writes: usize,
    /// URIs with their queries, as they were asked.
    pub asked: Vec<String>,
}

#[derive(Debug)]
struct Shared {
    spec: Mutex<ServiceSpec>,
    sessions: Mutex<Sessions>,
    counts: Mutex<ServiceCounts>,
    in_flight: std::sync::atomic::AtomicUsize,
    events: broadcast::Sender<()>,
}

#[derive(Debug, Default)]
struct Sessions {
    /// By token: its number and how often it was used.
    open: BTreeMap<String, (u32, u32)>,
    next: u32,
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ServiceHandle {
    /// Serves it at an address of this host.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn start(spec: ServiceSpec, address: SocketAddr) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "simulated services listen on loopback alone",
            ));
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let mut spec = spec;
        if spec.events {
            add_events(&mut spec.mockup);
        }
        let shared = Arc::new(Shared {
            spec: Mutex::new(spec),
            sessions: Mutex::default(),
            counts: Mutex::default(),
            in_flight: std::sync::atomic::AtomicUsize::new(0),
            events: broadcast::Sender::new(16),
        });
        let tls = lock(&shared.spec).tls.clone();
        let is_tls = tls.is_some();
        let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        #[expect(clippy::disallowed_methods, reason = "ends with its handle")]
        let task = tokio::spawn(async move {
            let served = match tls {
                Some(tls) => axum::serve(tls::TlsListener::new(listener, tls), app).await,
                None => axum::serve(listener, app).await,
            };
            if let Err(error) = served {
                tracing::error!("a simulated service has ended: {error}");
            }
        });
        Ok(Self { address, is_tls, shared, task: task.abort_handle() })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.address)
    }

    /// What it was asked so far.
    #[must_use]
    pub fn counts(&self) -> ServiceCounts {
        lock(&self.shared.counts).clone()
    }

    /// Forgets what it was asked.
    pub fn reset_counts(&self) {
        *lock(&self.shared.counts) = ServiceCounts::default();
    }

    /// Sessions that are open.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        lock(&self.shared.sessions).open.len()
    }

    /// Other faults from now on.
    pub fn set_faults(&self, faults: Vec<ServiceFault>) {
        lock(&self.shared.spec).faults = faults;
    }

    /// Ends all sessions, as after a restart.
    pub fn forget_sessions(&self) {
        lock(&self.shared.sessions).open.clear();
    }

    /// Changes a document.
    pub fn change(&self, uri: &str, change: impl FnOnce(&mut Value)) {
        if let Some(document) = lock(&self.shared.spec).mockup.get_mut(uri) {
            change(document);
        }
    }

    /// Its documents.
    #[must_use]
    pub fn mockup(&self) -> Mockup {
        lock(&self.shared.spec).mockup.clone()
    }

    /// Serves other documents from now on.
    pub fn serve(&self, mockup: Mockup) {
        lock(&self.shared.spec).mockup = mockup;
    }

    /// Sends an event to whoever listens. Whether anybody does.
    #[must_use]
    pub fn send_event(&self) -> bool {
        self.shared.events.send(()).is_ok()
    }
}

impl Drop for ServiceHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The event stream's URI.
const EVENTS: &str = "/redfish/v1/EventService/SSE";

fn add_events(mockup: &mut Mockup) {
    let link = json!({ "@odata.id": "/redfish/v1/EventService" });
    if let Some(root) = mockup.get_mut("/redfish/v1").and_then(Value::as_object_mut) {
        root.insert("EventService".to_owned(), link);
    }
    let service = json!({ "@odata.id": "/redfish/v1/EventService", "Id": "EventService", "ServerSentEventUri": EVENTS });
    mockup.insert("/redfish/v1/EventService", service);
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    use std::sync::atomic::Ordering;
    let now = shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    {
        let mut counts = lock(&shared.counts);
        counts.in_flight_most = counts.in_flight_most.max(now);
    }
    let response = answer::answer(&shared, request).await;
    shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    response
}

async fn body_of(request: Request) -> Vec<u8> {
    to_bytes(request.into_body(), BODY_OCTETS_MAX).await.map(|it| it.to_vec()).unwrap_or_default()
}

fn of_status(status: u16, body: Body) -> Response {
    Response::builder().status(status).body(body).unwrap_or_default()
}
