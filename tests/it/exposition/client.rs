//! A server on loopback, and a client that knows just enough HTTP/1.1 to see what is on the wire.

use super::fleet::at;
use rackwarden::http::{
    Access, ActiveAlert, AlertSource, AppState, Limits, Operations, OutboxFacts, OutboxStatus, Readiness,
    SourceFacts, Wish,
};
use rackwarden::model::Now;
use rackwarden::store::{Store, StoreSettings};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// What the server shows besides the store; tests change it.
#[derive(Default)]
pub(super) struct Others {
    pub(super) alerts: Mutex<Vec<Arc<ActiveAlert>>>,
    pub(super) outbox: Mutex<Vec<OutboxFacts>>,
    pub(super) sources: Mutex<Vec<SourceFacts>>,
    /// How often the alerts were asked for.
    pub(super) asked: AtomicUsize,
    /// What operators have wished.
    pub(super) wishes: Mutex<Vec<Wish>>,
    pub(super) rules: Mutex<Vec<rackwarden::http::RuleFacts>>,
}

impl AlertSource for Others {
    fn active(&self) -> Vec<Arc<ActiveAlert>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.alerts.lock().unwrap().clone()
    }
}

impl Operations for Others {
    fn alerts(&self) -> Value {
        Value::Null
    }

    fn outbox(&self) -> Value {
        Value::Null
    }

    fn event(&self, _: &str, _: u64) -> Option<Value> {
        None
    }

    fn silences(&self) -> Value {
        Value::Null
    }

    fn test_page(
        &self,
        _: String,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Value, String>> + Send + 'static>> {
        Box::pin(std::future::ready(Ok(Value::Null)))
    }

    fn perform(&self, wish: Wish) -> Result<Value, String> {
        if matches!(&wish, Wish::EndSilence { id: 0, .. }) {
            return Err("there is no silence 0".to_owned());
        }
        self.wishes.lock().unwrap().push(wish);
        Ok(serde_json::json!({ "done": true }))
    }
}

impl OutboxStatus for Others {
    fn integrations(&self) -> Vec<OutboxFacts> {
        self.outbox.lock().unwrap().clone()
    }
}

/// A server with a clock that stands still at [`NOW`].
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) store: Arc<Store>,
    pub(super) others: Arc<Others>,
    pub(super) ready: watch::Sender<Readiness>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Seconds on the server's clock.
pub(super) const NOW: u64 = 5400;

impl Server {
    pub(super) fn start(limits: Limits) -> Self {
        Self::start_with(limits, Access::default())
    }

    /// Where not everybody may do everything.
    pub(super) fn start_with(limits: Limits, access: Access) -> Self {
        let store = Arc::new(Store::new(StoreSettings::default()));
        let others = Arc::new(Others::default());
        let done = Readiness { config_loaded: true, listening: true, polling: true };
        let (ready, readiness) = watch::channel(done);
        let clock: Arc<dyn Fn() -> Now + Send + Sync> = Arc::new(|| at(NOW));
        let (told, ruled) = (Arc::clone(&others), Arc::clone(&others));
        let state = AppState {
            operations: Some(Arc::<Others>::clone(&others)),
            store: Arc::clone(&store),
            alerts: Arc::<Others>::clone(&others),
            outbox: Arc::<Others>::clone(&others),
            traps: Arc::new(|| None),
            sources: Arc::new(move || told.sources.lock().unwrap().clone()),
            rules: Arc::new(move || ruled.rules.lock().unwrap().clone()),
            ready: readiness,
            clock,
            started: at(0),
            access,
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let stopped = async {
                    stopped.await.unwrap_or_default();
                };
                rackwarden::http::serve_with(listener, state, limits, stopped).await;
            });
        });
        Self { address, store, others, ready, stop: Some(stop), thread: Some(thread) }
    }

    /// Asks for a path over a connection of its own.
    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"))
    }

    /// Sends a request as it is, reads to the end.
    pub(super) fn ask(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut stream)
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Begins a shutdown.
    pub(super) fn begin_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap();
        }
    }

    /// Waits until the server has ended.
    pub(super) fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().map(JoinHandle::join);
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// In lower case, a line each.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn read(stream: &mut TcpStream) -> Self {
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).unwrap();
        Self::of(&octets)
    }

    /// Of what came over the wire.
    pub(super) fn of(octets: &[u8]) -> Self {
        let split = octets.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        let (head, body) = octets.split_at(split);
        let head = String::from_utf8(head.to_vec()).unwrap().to_lowercase();
        let body = body.split_at(4).1;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let chunked = head.contains("transfer-encoding: chunked");
        let body = if chunked { unchunk(body) } else { body.to_vec() };
        Self { status, head, body }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Panics where the last chunk is missing: the answer was cut.
fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|it| it == b"\r\n").unwrap();
        let (size, after) = rest.split_at(end);
        let size = usize::from_str_radix(std::str::from_utf8(size).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        let (chunk, after) = after.split_at(2).1.split_at(size);
        body.extend_from_slice(chunk);
        rest = after.split_at(2).1;
    }
}
