//! One connection: hyper with a deadline for heads, one for answers, one for the whole.

use super::Limits;
use crate::telemetry::http as events;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;

/// Whether a connection is at work on a request: from its head to the last octet of the answer handed
/// to the socket. Each request has it among its extensions.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    busy: Arc<watch::Sender<bool>>,
    cut: Arc<Notify>,
}

impl Lease {
    pub(super) fn new() -> Self {
        Self { busy: Arc::new(watch::channel(false).0), cut: Arc::default() }
    }

    pub(super) fn is_busy(&self) -> bool {
        *self.busy.borrow()
    }

    /// Ends the connection at once.
    pub(super) fn cut(&self) {
        self.cut.notify_one();
    }

    fn begin(&self) -> Busy {
        self.busy.send_replace(true);
        Busy(Arc::clone(&self.busy))
    }

    /// Done when one request has taken longer than that.
    async fn overdue(&self, after: Duration) {
        let mut busy = self.busy.subscribe();
        loop {
            let at_work = *busy.borrow_and_update();
            if !at_work {
                if busy.changed().await.is_err() {
                    return std::future::pending().await;
                }
            } else if tokio::time::timeout(after, busy.changed()).await.is_err() {
                return;
            }
        }
    }
}

/// Held by a request and then by its answer's body.
struct Busy(Arc<watch::Sender<bool>>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

/// Serves one connection to its end, by TLS if there is an acceptor.
pub(super) async fn accept(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    (router, limits): (Router, Limits),
    lease: Lease,
    mut stop: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let Some(tls) = tls else { return serve(stream, router, limits, lease, stop).await };
    let handshake = tokio::select! {
        handshake = tokio::time::timeout(limits.handshake_time_max, tls.accept(stream)) => handshake,
        () = stopped(&mut stop) => return,
    };
    match handshake {
        Ok(Ok(stream)) => serve(stream, router, limits, lease, stop).await,
        Ok(Err(error)) => events::handshake_failed(&error),
        Err(_) => events::handshake_failed(&"it took too long"),
    }
}

async fn serve<Stream: AsyncRead + AsyncWrite + Unpin>(
    stream: Stream,
    router: Router,
    limits: Limits,
    lease: Lease,
    mut stop: watch::Receiver<bool>,
) {
    let routes = TowerToHyperService::new(router);
    let of_requests = lease.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let busy = of_requests.begin();
        request.extensions_mut().insert(of_requests.clone());
        let answer = routes.call(request);
        async move { Ok::<_, Infallible>(answer.await?.map(|body| Leased { body, _busy: busy })) }
    });
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_time_max)
            .max_headers(limits.headers_max)
            .max_header_size(limits.header_bytes_max)
            .max_buf_size(limits.header_bytes_max.max(BUFFER_BYTES_MIN))
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        ended = served.as_mut() => note(ended),
        () = lease.overdue(limits.response_time_max) => events::connection_overdue(),
        () = lease.cut.notified() => events::connection_stalled(),
        () = stopped(&mut stop) => last_answer(served, limits).await,
        () = tokio::time::sleep(limits.connection_age_max) => last_answer(served, limits).await,
    }
}

/// Done when the server stops, or is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if let Err(gone) = stop.wait_for(|it| *it).await {
        tracing::debug!(%gone, "server");
    }
}

/// hyper takes no smaller buffer.
const BUFFER_BYTES_MIN: usize = 8192;

/// Ends a connection after the answer under way.
async fn last_answer<Stream, S>(mut served: Pin<&mut http1::Connection<TokioIo<Stream>, S>>, limits: Limits)
where
    Stream: AsyncRead + AsyncWrite + Unpin,
    S: Service<Request<Incoming>, Response = axum::http::Response<Leased>, Error = Infallible>,
{
    served.as_mut().graceful_shutdown();
    match tokio::time::timeout(limits.response_time_max, served).await {
        Ok(ended) => note(ended),
        Err(_) => events::connection_overdue(),
    }
}

fn note(ended: Result<(), hyper::Error>) {
    match ended {
        Err(error) if error.is_timeout() => events::head_overdue(),
        Err(error) => tracing::debug!(%error, "connection ended"),
        Ok(()) => (),
    }
}

/// A body that keeps its connection's lease until it is sent.
struct Leased {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Leased {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
