//! Names that move: device names in DNS are looked up at start, again by age, and soon after their devices
//! have stopped to answer.
//!
//! What is looked up when, and which address counts, is [`Book`]'s to decide. The resolver is the system's.

mod book;

use crate::model::{Moment, SystemClock};
use crate::poller::settings::DeviceSettings;
use crate::telemetry::names as events;
use book::{Book, Lookup, Wanted};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

pub(super) use book::{Cause, Resolved};

/// The address, if the host is one and needs no resolver.
pub(super) fn literal(device: &DeviceSettings) -> Option<SocketAddr> {
    device.host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, device.port))
}

/// The devices whose names are looked up.
#[derive(Debug)]
pub struct Names {
    clock: SystemClock,
    book: Mutex<Book>,
    /// Told when there is something to do before it was due.
    changed: Notify,
}

impl Names {
    /// None yet.
    #[must_use]
    pub fn new(clock: SystemClock) -> Self {
        Self { clock, book: Mutex::default(), changed: Notify::new() }
    }

    /// Looks these up and no others. What is known of those that stay is told once more.
    pub(super) fn replace<'a>(&self, devices: impl IntoIterator<Item = &'a Arc<DeviceSettings>>) {
        let named = devices.into_iter().filter(|it| literal(it).is_none());
        let wanted = named.map(|it| Wanted {
            device: Arc::clone(&it.name),
            host: it.host.as_str().into(),
            port: it.port,
        });
        self.lock().replace(self.clock.moment(), wanted);
        self.changed.notify_one();
    }

    /// A device's poll failed, for the `failures`th time in a row: its address may be an old one. Called on
    /// the polls' threads.
    pub(super) fn poll_failed(&self, now: Moment, device: &str, failures: u32) {
        if Book::casts_doubt(failures) && self.lock().poll_failed(now, device, failures) {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the system's resolver finds, in its order: by RFC 6724 the one first that this host reaches best.
pub(super) async fn of_system(host: Arc<str>, port: u16) -> Vec<SocketAddr> {
    match tokio::net::lookup_host((&*host, port)).await {
        Ok(found) => found.collect(),
        Err(error) => {
            events::lookup_failed(&host, &error);
            Vec::new()
        }
    }
}

/// Nothing is due before something changes: any time will do.
const IDLE: Duration = Duration::from_secs(3600);

/// Looks up for ever, and tells what came of it.
pub(super) async fn run<F>(
    names: Arc<Names>,
    resolve: impl Fn(Arc<str>, u16) -> F + Send,
    tell: impl Fn(&Resolved) + Send,
) where
    F: Future<Output = Vec<SocketAddr>> + Send + 'static,
{
    let mut lookups = tokio::task::JoinSet::new();
    loop {
        let now = names.clock.moment();
        let (resolved, begun, due) = {
            let mut book = names.lock();
            let resolved: Vec<Resolved> = std::iter::from_fn(|| book.next_resolved()).collect();
            let begun: Vec<Lookup> = std::iter::from_fn(|| book.next_lookup(now)).collect();
            (resolved, begun, book.poll_timeout())
        };
        for it in &resolved {
            note(it);
            tell(it);
        }
        for lookup in begun {
            let found = resolve(Arc::clone(&lookup.wanted.host), lookup.wanted.port);
            lookups.spawn(async move { (lookup, found.await) });
        }
        tokio::select! {
            Some(ended) = lookups.join_next() => {
                if let Ok((lookup, found)) = ended {
                    events::looked_up(!found.is_empty());
                    names.lock().answered(names.clock.moment(), &lookup, &found);
                }
            }
            () = tokio::time::sleep(due.map_or(IDLE, |it| it.since(now))) => (),
            () = names.changed.notified() => (),
        }
    }
}

/// For people.
fn note(resolved: &Resolved) {
    match (resolved.cause, resolved.address) {
        (Cause::Moved, Some(address)) => events::moved(&resolved.device, address),
        (Cause::NextAddress, Some(address)) => events::next_address(&resolved.device, address),
        _ => (),
    }
}

#[cfg(test)]
mod tests;
