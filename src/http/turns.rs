//! Turns of scrapes: so many at once; and while others wait, those of which nobody takes anything lose theirs.
//!
//! A client that asks and does not read would else hold its turn until the answer is overdue, a minute long, and
//! as many of them as there are turns would keep every scraper out.

use super::connection::Lease;
use super::error::ApiError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long nothing may be taken of a scrape while others wait.
const STALLED_TIME_MAX: Duration = Duration::from_millis(500);

/// All turns.
#[derive(Debug)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    taken: Vec<Arc<Taken>>,
    /// The last one is served first: behind a crowd that will not read, a scraper would wait for all of it.
    waiting: Vec<oneshot::Sender<Permit>>,
}

/// A turn that somebody has.
#[derive(Debug)]
struct Taken {
    /// How often a piece of it was made, or taken by the client.
    steps: AtomicU64,
    /// Its connection.
    lease: Lease,
}

/// A scrape's turn, while it is held.
#[derive(Debug)]
pub(super) struct Turn {
    taken: Arc<Taken>,
    permit: Permit,
}

/// The right to one turn. Dropped, it goes to the next who waits, also where nobody has received it.
#[derive(Debug)]
struct Permit(Arc<Turns>);

impl Turns {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: count, taken: Vec::new(), waiting: Vec::new() })))
    }

    /// Waits for a turn, for a connection's request.
    pub(super) async fn take(self: &Arc<Self>, lease: Lease, within: Duration) -> Result<Turn, ApiError> {
        let permit = tokio::time::timeout(within, self.permit()).await.map_err(|_| ApiError::Busy)??;
        let taken = Arc::new(Taken { steps: AtomicU64::new(0), lease });
        self.locked().taken.push(Arc::clone(&taken));
        Ok(Turn { taken, permit })
    }

    async fn permit(self: &Arc<Self>) -> Result<Permit, ApiError> {
        let mut coming = {
            let mut state = self.locked();
            if let Some(left) = state.free.checked_sub(1) {
                state.free = left;
                return Ok(Permit(Arc::clone(self)));
            }
            let (next, coming) = oneshot::channel();
            state.waiting.retain(|it| !it.is_closed());
            state.waiting.push(next);
            coming
        };
        loop {
            let before: Vec<_> = self.locked().taken.iter().map(|it| (Arc::clone(it), it.steps())).collect();
            match tokio::time::timeout(STALLED_TIME_MAX, &mut coming).await {
                Ok(permit) => return permit.map_err(|_| ApiError::Busy),
                Err(_) => {
                    before
                        .iter()
                        .filter(|(it, steps)| it.steps() == *steps)
                        .for_each(|(it, _)| it.lease.cut());
                }
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.locked();
            let Some(next) = state.waiting.pop() else {
                state.free += 1;
                return;
            };
            next
        };
        // Who waits no longer hands it back, and with that on to the next.
        drop(next.send(Self(Arc::clone(&self.0))));
    }
}

impl Taken {
    fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }
}

impl Turn {
    /// It goes on.
    pub(super) fn step(&self) {
        self.taken.steps.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.permit.0.locked().taken.retain(|it| !Arc::ptr_eq(it, &self.taken));
    }
}
