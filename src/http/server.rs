//! The accept loop: takes connections up to a limit, makes room when it is reached, and ends in order.

use super::connection::{self, Lease};
use super::router::{Shared, router};
use super::{AppState, Limits};
use crate::telemetry;
use crate::telemetry::http as events;
use axum::Router;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

/// Serves until `shutdown` is done, then lets answers under way end within their limit. A failed accept
/// is counted and tried again: the server itself never gives up.
pub async fn serve(listener: TcpListener, state: AppState, shutdown: impl Future<Output = ()> + Send) {
    serve_with(listener, state, Limits::default(), shutdown).await;
}

/// As [`serve`], with other limits.
pub async fn serve_with(
    listener: TcpListener,
    state: AppState,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let router = router(Shared::new(state, limits));
    let mut connections = Connections::new(router, limits);
    events::init();
    telemetry::store::init();
    telemetry::notify::init();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connections.start(stream),
                Err(error) => {
                    events::accept_failed(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.tasks.join_next_with_id() => connections.ended(ended),
        }
    }
    drop(listener);
    connections.finish().await;
}

/// After a failed accept (out of descriptors, most likely) others need time to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

struct Connections {
    router: Router,
    limits: Limits,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    slots: HashMap<Id, Slot>,
    accepted: u64,
}

struct Slot {
    order: u64,
    lease: Lease,
    task: AbortHandle,
}

impl Connections {
    fn new(router: Router, limits: Limits) -> Self {
        let (stop, _) = watch::channel(false);
        Self { router, limits, stop, tasks: JoinSet::new(), slots: HashMap::new(), accepted: 0 }
    }

    fn start(&mut self, stream: TcpStream) {
        if self.limits.connections_max <= self.slots.len() && !self.make_room() {
            events::connection_refused();
            return;
        }
        let lease = Lease::new();
        let served =
            connection::serve(stream, self.router.clone(), self.limits, lease.clone(), self.stop.subscribe());
        let task = self.tasks.spawn(served);
        self.accepted += 1;
        self.slots.insert(task.id(), Slot { order: self.accepted, lease, task });
        events::connections(self.slots.len());
    }

    /// Closes the oldest connection that is not at work on a request. `false`: all are.
    fn make_room(&mut self) -> bool {
        let idle = self.slots.iter().filter(|(_, it)| !it.lease.is_busy());
        let Some(oldest) = idle.min_by_key(|(_, it)| it.order).map(|(id, _)| *id) else { return false };
        if let Some(slot) = self.slots.remove(&oldest) {
            slot.task.abort();
            events::connection_evicted();
        }
        true
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(failure) => {
                if failure.is_panic() {
                    events::answer_failed(&failure);
                }
                failure.id()
            }
        };
        self.slots.remove(&id);
        events::connections(self.slots.len());
    }

    async fn finish(mut self) {
        self.stop.send_replace(true);
        let ended = tokio::time::timeout(self.limits.shutdown_time_max, async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                self.ended(ended);
            }
        });
        if ended.await.is_err() {
            self.tasks.shutdown().await;
        }
        events::connections(0);
    }
}
