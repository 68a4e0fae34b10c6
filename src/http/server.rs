//! The accept loop: takes connections up to a limit, makes room when it is reached, and ends in order.

use super::connection::{self, Lease};
use super::router::{Shared, router};
use super::{Access, AppState, Limits};
use crate::alert::Phase;
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
use tokio::time::MissedTickBehavior;

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
    let access = state.access.clone();
    let shared = Shared::new(state, limits);
    let router = router(shared.clone());
    let mut points = tokio::time::interval(limits.history_every);
    points.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connections = Connections::new(router, limits, access);
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
            _ = points.tick() => connections.take_points(shared.clone()),
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
    access: Access,
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
    fn new(router: Router, limits: Limits, access: Access) -> Self {
        let (stop, _) = watch::channel(false);
        Self { router, limits, access, stop, tasks: JoinSet::new(), slots: HashMap::new(), accepted: 0 }
    }

    /// Takes a point of the page's curves, off the runtime's threads.
    fn take_points(&mut self, shared: Shared) {
        self.tasks.spawn_blocking(move || {
            let app = &shared.app;
            let firing = app.alerts.active().iter().filter(|it| it.phase == Phase::Firing).count();
            shared.history.take(&app.store.snapshot(), firing, app.now());
        });
    }

    fn start(&mut self, stream: TcpStream) {
        if self.limits.connections_max <= self.slots.len() && !self.make_room() {
            events::connection_refused();
            return;
        }
        let lease = Lease::new();
        let service = (self.router.clone(), self.limits);
        let served =
            connection::accept(stream, self.access.tls(), service, lease.clone(), self.stop.subscribe());
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
