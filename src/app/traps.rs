//! The trap listener: one socket, and what it has the poller do.
//!
//! A batch of datagrams is one system call; what each of them means is [`TrapDesk`]'s to decide. Off unless
//! `[traps] listen` is set. Bounds: a datagram over [`DATAGRAM_MAX`] is cut, and so malformed; what the
//! kernel cannot hold it drops, and that is counted; log lines name each sender once an hour, and at most
//! [`SENDERS_NAMED_MAX`] of them.

mod engine;
mod socket;

use crate::config::TrapSettings;
use crate::http::TrapFacts;
use crate::mib::Mibs;
use crate::model::{Moment, SystemClock};
use crate::poller::engines::Engines;
use crate::poller::settings::{Credential, DeviceSettings};
use crate::snmp::trap::{
    Receipt, TrapCredential, TrapDesk, TrapOutcome, TrapPolicy, TrapSender, TrapVersion,
};
use crate::snmp::v3::{Authority, KeyCache};
use crate::snmp::wire::NotificationKind;
use crate::telemetry::traps as events;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) use engine::Engine;
pub use socket::TrapError;
pub(super) use socket::{TrapSocket, handed_over};

/// Larger than any notification: an Ethernet frame carries 1,472 octets of it, and agents avoid fragments.
const DATAGRAM_MAX: usize = 8192;
/// Senders whose traps have no effect that are named in the log within [`NAMED_FOR`].
const SENDERS_NAMED_MAX: usize = 100;
/// For so long the same is not said of a sender again.
const NAMED_FOR: Duration = Duration::from_secs(3600);

/// What the listener shares with the rest of the daemon.
#[derive(Debug)]
pub(super) struct Traps {
    address: SocketAddr,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    desk: TrapDesk,
    counts: HashMap<TrapOutcome, u64>,
    informs_answered: u64,
    polls: u64,
    dropped: u64,
}

impl Traps {
    /// For a socket that is bound there.
    pub(super) fn new(
        address: SocketAddr,
        engine: Engine,
        keys: Arc<KeyCache>,
        engines: Arc<Engines>,
        now: Moment,
    ) -> Self {
        let names: Vec<&str> = TrapOutcome::ALL.iter().map(|it| it.name()).collect();
        events::init(&names);
        let Engine { id, boots, entropy } = engine;
        let inner = Inner {
            desk: TrapDesk::new(Authority::new(id, boots, now, entropy), keys)
                .with_engines(Box::new(move |engine| engines.devices(engine))),
            counts: HashMap::new(),
            informs_answered: 0,
            polls: 0,
            dropped: 0,
        };
        Self { address, inner: Mutex::new(inner) }
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes traps of these devices from now on.
    pub(super) fn configure(&self, settings: &TrapSettings, devices: &[DeviceSettings]) {
        let policy = TrapPolicy {
            credentials: settings.credentials.iter().map(trap_credential).collect(),
            forwarders: settings.forwarders.clone(),
        };
        let senders = devices.iter().map(|it| TrapSender {
            name: Arc::clone(&it.name),
            addresses: it.host.parse().into_iter().chain(it.answers_from.iter().copied()).collect(),
            credential: trap_credential(&it.credential),
        });
        self.lock().desk.replace(policy, senders);
    }

    /// A device's name was resolved to these.
    pub(super) fn set_resolved(&self, name: &str, addresses: Vec<IpAddr>) {
        self.lock().desk.set_resolved(name, addresses);
    }

    /// How it stands, for people.
    pub(super) fn facts(&self) -> TrapFacts {
        let inner = self.lock();
        let count = |outcome| inner.counts.get(&outcome).copied().unwrap_or(0);
        TrapFacts {
            listening: self.address,
            received: inner.counts.values().sum(),
            asked: count(TrapOutcome::Asked),
            too_soon: count(TrapOutcome::TooSoon),
            unknown_sender: count(TrapOutcome::UnknownSender),
            not_authenticated: count(TrapOutcome::NotAuthenticated),
            discovery: count(TrapOutcome::Discovery),
            replayed: count(TrapOutcome::Replayed),
            flood: count(TrapOutcome::Flood),
            malformed: count(TrapOutcome::Malformed),
            dropped: inner.dropped,
            informs_answered: inner.informs_answered,
            polls: inner.polls,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn trap_credential(credential: &Credential) -> TrapCredential {
    match credential {
        Credential::Community { community, .. } => TrapCredential::Community(community.clone()),
        Credential::Usm(user) => TrapCredential::User(Arc::clone(user)),
    }
}

/// Listens for ever; `ask` is told whom to ask now.
pub(super) async fn run(
    traps: Arc<Traps>,
    mut socket: TrapSocket,
    clock: SystemClock,
    ask: impl Fn(&Arc<str>) + Send,
) {
    let mut turn = Turn::default();
    loop {
        let due = traps.lock().desk.poll_timeout();
        let wait = due.map_or(IDLE, |it| it.since(clock.moment()));
        tokio::select! {
            () = socket.readable() => (),
            () = tokio::time::sleep(wait) => (),
        }
        turn.take(&traps, &mut socket, clock);
        // Outside of the lock: a shard with a full queue makes us wait.
        turn.asked.drain(..).for_each(|it| ask(&it));
    }
}

/// Nothing is due before a trap comes: any time will do.
const IDLE: Duration = Duration::from_secs(3600);

/// What one round of the listener works with.
#[derive(Default)]
struct Turn {
    asked: Vec<Arc<str>>,
    reply: Vec<u8>,
    tally: HashMap<(Option<(TrapVersion, NotificationKind)>, TrapOutcome), u64>,
    named: Named,
}

impl Turn {
    /// Takes what waits at the socket, a batch at most, and what is due.
    fn take(&mut self, traps: &Traps, socket: &mut TrapSocket, clock: SystemClock) {
        let now = clock.moment();
        let mut inner = traps.lock();
        let Self { asked, reply, tally, named } = self;
        let taken = socket.receive(&mut |from, datagram, answer| {
            let receipt =
                inner.desk.receive(now, from, datagram, reply, &mut |it| asked.push(Arc::clone(it)));
            *tally.entry((receipt.form, receipt.outcome)).or_default() += 1;
            *inner.counts.entry(receipt.outcome).or_default() += 1;
            if !reply.is_empty() {
                let is_hint = matches!(receipt.outcome, TrapOutcome::Asked | TrapOutcome::TooSoon);
                inner.informs_answered += u64::from(is_hint);
                answer(reply);
            }
            named.tell(now, from.ip(), &receipt);
        });
        inner.desk.handle_timeout(now, &mut |it| asked.push(Arc::clone(it)));
        let polls = u64::try_from(asked.len()).unwrap_or(u64::MAX);
        inner.polls += polls;
        inner.dropped += taken.dropped;
        drop(inner);
        events::polls_asked(polls);
        if taken.dropped != 0 {
            events::dropped(taken.dropped);
        }
        for ((form, outcome), count) in tally.drain() {
            let (version, kind) = form
                .map_or((events::UNREAD, events::UNREAD), |(version, kind)| (version.name(), kind.name()));
            events::received(version, kind, outcome.name(), count);
        }
    }
}

/// Of whom something was said in the log, so that it is not said again and again.
#[derive(Debug, Default)]
struct Named {
    since: Moment,
    senders: HashSet<(IpAddr, TrapOutcome)>,
}

impl Named {
    fn tell(&mut self, now: Moment, from: IpAddr, receipt: &Receipt) {
        let from = from.to_canonical();
        let why = match receipt.outcome {
            TrapOutcome::TooSoon | TrapOutcome::Discovery => return,
            TrapOutcome::Asked => {
                if events::is_told() {
                    let version = receipt.form.map_or("", |(version, _)| version.name());
                    let name = receipt.trap_oid.as_ref().map(|it| Mibs::embedded().lookup(it).to_string());
                    events::told(from, version, &name.as_deref().unwrap_or("without a name"));
                }
                return;
            }
            TrapOutcome::Flood => None,
            TrapOutcome::UnknownSender => Some("no device is configured with that address"),
            TrapOutcome::NotAuthenticated => {
                Some("their community or user is not that of the device; [traps] credentials may name it")
            }
            TrapOutcome::Replayed => Some(
                "they are older than what came before: somebody repeats them, or the sender's clock went back",
            ),
            TrapOutcome::Malformed => Some("they cannot be read"),
        };
        if NAMED_FOR <= now.since(self.since) {
            self.since = now;
            self.senders.clear();
        }
        if SENDERS_NAMED_MAX < self.senders.len() || !self.senders.insert((from, receipt.outcome)) {
            return;
        }
        match why {
            _ if SENDERS_NAMED_MAX < self.senders.len() => events::refusals_silenced(),
            Some(why) => events::refused(from, why),
            None => events::flooded(from),
        }
    }
}
