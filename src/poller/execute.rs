//! The thread that carries a shard's datagrams: batched sends and receives over two UDP sockets.
//!
//! Does not decide anything: [`Shard`] does. Bounds: [`COMMANDS_MAX`] commands wait at most (the sender
//! then waits); a datagram over [`DATAGRAM_MAX`] cannot exist. A defect that panics while one device is
//! handled is caught and counted; the thread goes on.

use super::device::{Device, Outcome};
use super::endpoint::{BATCH, Endpoint, SendError, bind};
use super::engines::Engines;
use super::key_thread::KeyThread;
use super::kinds::Kinds;
use super::settings::DeviceSettings;
use super::shard::{Disposition, KeyRequest, Shard, WindowSizes};
use crate::model::{Moment, Now, PollError, SystemClock};
use crate::profile::ProfileSet;
use crate::snmp::v3::{KeyCache, LocalizedKeys, WaitCause};
use crate::telemetry::snmp as events;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Enough for a reload of a whole fleet to be handed over without waiting.
const COMMANDS_MAX: usize = 16_384;
/// Under load datagrams of so long are taken together.
const TOGETHER: Duration = Duration::from_millis(2);
/// How often the kernel is asked what it dropped.
const DROPS_EVERY: Duration = Duration::from_secs(10);
/// How long the thread sleeps at most: commands wake it.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// What a shard's thread is told.
#[derive(Debug)]
pub enum Command {
    /// Poll this device. One of the same name is replaced, and learnt anew.
    Add {
        /// What to poll.
        settings: Arc<DeviceSettings>,
        /// Where, if its name is resolved already.
        address: Option<SocketAddr>,
        /// Its first poll comes within this time: a fleet does not start all at once.
        spread: Duration,
    },
    /// Poll it no longer.
    Remove(Arc<str>),
    /// It has moved.
    Address(Arc<str>, Option<SocketAddr>),
    /// Ask it now, out of turn.
    PollNow(Arc<str>),
    /// Use these profiles; all devices are learnt anew.
    Profiles(Arc<ProfileSet>),
    /// The keys that a device needs; `None`: there are none for its user.
    Keys(KeyRequest, Option<Arc<LocalizedKeys>>),
    /// End the thread.
    Stop,
}

/// Who takes what polls bring. Called on the shard's thread; what it does delays the shard's polls.
pub trait Sink: Send + 'static {
    /// A poll ended. `slot` is the device's for as long as it is polled.
    fn polled(&mut self, slot: u32, outcome: &Outcome);
    /// The device that had this slot is polled no longer.
    fn removed(&mut self, slot: u32, device: &Arc<str>, now: Now);
}

/// Why a shard's thread could not be started.
#[derive(Debug, thiserror::Error)]
#[error("no UDP socket for polling: {context}")]
pub struct StartError {
    context: &'static str,
    #[source]
    source: std::io::Error,
}

/// A running shard.
#[derive(Debug)]
pub struct ShardHandle {
    commands: SyncSender<Command>,
    wake: Arc<EventFd>,
    rounds: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ShardHandle {
    /// Starts a thread with sockets of its own.
    ///
    /// # Errors
    /// [`StartError`], if no socket or thread can be had.
    pub fn start(
        number: usize,
        profiles: Arc<ProfileSet>,
        cache: Arc<KeyCache>,
        engines: Arc<Engines>,
        clock: SystemClock,
        sink: Box<dyn Sink>,
    ) -> Result<Self, StartError> {
        let failed = |context| move |source: std::io::Error| StartError { context, source };
        let (commands, inbox) = sync_channel(COMMANDS_MAX);
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = EventFd::from_value_and_flags(0, flags).map_err(std::io::Error::from);
        let wake = Arc::new(wake.map_err(failed("eventfd"))?);
        let v4 = bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).map_err(failed("IPv4"))?;
        let granted = v4.recv_buffer_size().map_err(failed("IPv4"))?;
        let sizes = WindowSizes::for_receive_buffer(granted);
        events::receive_buffer(number, granted, sizes.living);
        // A host without IPv6 polls by IPv4 alone.
        let v6 = bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))).ok();
        let woken = Arc::clone(&wake);
        let rounds = Arc::new(AtomicU64::new(0));
        let ended = Arc::clone(&rounds);
        let keys =
            KeyThread::start(number, cache, commands.clone(), Arc::clone(&wake)).map_err(failed("thread"))?;
        let run = move || {
            let worker = Worker {
                shard: Shard::new(random(), sizes),
                keys,
                by_name: HashMap::new(),
                profiles,
                kinds: Arc::new(Kinds::with(engines)),
                clock,
                sink,
                inbox,
                wake: woken,
                v4: Endpoint::new(v4.into()),
                v6: v6.map(|it| Endpoint::new(it.into())),
                load: Load::default(),
                drops_due: Moment::ZERO,
                rounds: ended,
            };
            worker.run();
        };
        let thread = std::thread::Builder::new()
            .name(format!("poll-{number}"))
            .spawn(run)
            .map_err(failed("thread"))?;
        Ok(Self { commands, wake, rounds, thread: Mutex::new(Some(thread)) })
    }

    /// Hands a command over; waits while [`COMMANDS_MAX`] are waiting. Lost if the thread has ended.
    pub fn send(&self, command: Command) {
        if self.commands.send(command).is_ok() {
            self.wake();
        }
    }

    /// Has the thread end a round of its work, though nothing be due.
    pub fn wake(&self) {
        if self.wake.write(1).is_err() {
            // The counter is full: the thread is being woken anyway.
        }
    }

    /// How many rounds of its work the thread has ended: commands, what was due, sends, answers and their
    /// evaluation. One that a defect broke off does not count.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Ends the thread and waits for it.
    pub fn stop(&self) {
        self.send(Command::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            events::poll_panicked();
        }
    }
}

struct Worker {
    shard: Shard,
    by_name: HashMap<Arc<str>, u32>,
    profiles: Arc<ProfileSet>,
    kinds: Arc<Kinds>,
    clock: SystemClock,
    sink: Box<dyn Sink>,
    inbox: Receiver<Command>,
    wake: Arc<EventFd>,
    keys: KeyThread,
    v4: Endpoint,
    v6: Option<Endpoint>,
    load: Load,
    drops_due: Moment,
    rounds: Arc<AtomicU64>,
}

impl Worker {
    fn run(mut self) {
        loop {
            // A defect met while one device was handled must not blind the room.
            match catch_unwind(AssertUnwindSafe(|| self.turn())) {
                Ok(true) => _ = self.rounds.fetch_add(1, Ordering::Relaxed),
                Ok(false) => return,
                Err(_) => events::poll_panicked(),
            }
        }
    }

    /// One round: commands, what is due, sends, receives, and sleep if there was nothing to do.
    fn turn(&mut self) -> bool {
        if !self.take_commands() {
            return false;
        }
        let now = self.clock.now();
        // What has come is read before anything is called late: this thread may have been held up.
        let received = self.receive_all();
        let sink = &mut *self.sink;
        self.shard.handle_timeout(now, &mut |slot, outcome| sink.polled(slot, outcome));
        let sent = self.send_all() + self.find_keys();
        self.load.count(sent + received);
        if sent == 0 && received == 0 {
            self.watch_drops(now.moment);
            self.sleep();
        }
        true
    }

    fn take_commands(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
                Ok(command) => self.obey(command),
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.clock.now();
        match command {
            Command::Add { settings, address, spread } => self.add(settings, address, spread, now),
            Command::Remove(name) => self.remove(&name, now),
            Command::Address(name, address) => {
                if let Some(&slot) = self.by_name.get(&name) {
                    self.shard.set_address(slot, address);
                }
            }
            Command::PollNow(name) => {
                if let Some(&slot) = self.by_name.get(&name) {
                    self.shard.poll_now(slot, now);
                }
            }
            Command::Profiles(profiles) => {
                self.profiles = profiles;
                self.shard.replace_profiles(&self.profiles);
            }
            Command::Keys(request, keys) => {
                self.keys.on_answer();
                let sink = &mut *self.sink;
                self.shard.handle_keys(&request, keys.as_ref(), now, &mut |at, it| sink.polled(at, it));
            }
            Command::Stop => (),
        }
    }

    fn add(
        &mut self,
        settings: Arc<DeviceSettings>,
        address: Option<SocketAddr>,
        spread: Duration,
        now: Now,
    ) {
        if let Some(slot) = self.by_name.get(&settings.name).copied() {
            // The same device with other settings: its alerts go on.
            let device = Device::new(settings, Arc::clone(&self.profiles))
                .sharing(Arc::clone(&self.kinds))
                .seeded(random());
            self.shard.replace(slot, device, address, now);
            return;
        }
        let name = Arc::clone(&settings.name);
        let device = Device::new(settings, Arc::clone(&self.profiles))
            .sharing(Arc::clone(&self.kinds))
            .seeded(random());
        if let Some(slot) = self.shard.add(device, address, spread, now) {
            self.by_name.insert(name, slot);
        }
    }

    fn remove(&mut self, name: &Arc<str>, now: Now) {
        if let Some(slot) = self.by_name.remove(name) {
            self.shard.remove(slot);
            self.sink.removed(slot, name, now);
        }
    }

    /// Gives devices the keys that are known, and has the others made, one at a time.
    fn find_keys(&mut self) -> usize {
        let mut found = 0;
        while self.keys.is_idle()
            && let Some(request) = self.shard.poll_key_request()
        {
            if let Some(keys) = self.keys.find(request) {
                let (now, sink) = (self.clock.now(), &mut *self.sink);
                self.shard.handle_keys(&keys.0, Some(&keys.1), now, &mut |at, it| sink.polled(at, it));
                found += 1;
            }
        }
        found
    }

    fn send_all(&mut self) -> usize {
        let mut sent = 0;
        loop {
            let now = self.clock.now();
            while !self.v4.is_full() && !self.v6.as_ref().is_some_and(Endpoint::is_full) {
                let mut octets = self.v4.spare();
                let Some((slot, to)) = self.shard.poll_transmit(now, &mut octets) else { break };
                match (to, &mut self.v6) {
                    (SocketAddr::V4(_), _) => self.v4.queue(slot, to, octets),
                    (SocketAddr::V6(_), Some(v6)) => v6.queue(slot, to, octets),
                    (SocketAddr::V6(_), None) => {
                        let error = PollError::Unreachable("this host has no IPv6".to_owned());
                        let sink = &mut *self.sink;
                        self.shard.handle_send_error(slot, error, now, &mut |at, it| sink.polled(at, it));
                    }
                }
            }
            let mut failed = Vec::new();
            let mut count = self.v4.flush(&mut failed);
            if let Some(v6) = &mut self.v6 {
                count += v6.flush(&mut failed);
            }
            count += failed.len();
            let sink = &mut *self.sink;
            for (slot, error) in failed {
                let sink = &mut |at, it: &Outcome| sink.polled(at, it);
                match error {
                    SendError::TooLong => self.shard.handle_too_long(slot, now, sink),
                    SendError::Refused(error) => self.shard.handle_send_error(slot, error, now, sink),
                }
            }
            sent += count;
            // The answers wait in the kernel: read them before the next batch goes out.
            if count < BATCH || 4 * BATCH <= sent {
                return sent;
            }
        }
    }

    fn receive_all(&mut self) -> usize {
        let Self { shard, sink, clock, v4, v6, .. } = self;
        let mut tally = Tally::default();
        for endpoint in std::iter::once(v4).chain(v6.as_mut()) {
            let mut now = None;
            endpoint.receive(&mut |from, datagram| {
                // One batch came at one time.
                let now = *now.get_or_insert_with(|| clock.now());
                let disposition = shard
                    .handle_datagram(now, from, datagram, &mut |slot, outcome| sink.polled(slot, outcome));
                tally.count(disposition);
            });
        }
        tally.report()
    }

    /// Until something is due or comes. Under load not for each datagram: waking a core costs more than an
    /// answer, so those of some moments are taken together.
    fn sleep(&mut self) {
        let now = self.clock.moment();
        let until = self.shard.poll_timeout().map_or(SLEEP_MAX, |when| when.since(now)).min(SLEEP_MAX);
        let mut watched = vec![PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)];
        let pause = if self.load.is_high(now) {
            TOGETHER
        } else {
            watched.push(PollFd::new(self.v4.as_fd(), PollFlags::POLLIN));
            watched.extend(self.v6.iter().map(|it| PollFd::new(it.as_fd(), PollFlags::POLLIN)));
            until
        };
        // Interrupted or not: the next round looks at everything anyway.
        if ppoll(&mut watched, Some(pause.into()), None).is_ok() && self.wake.read().is_err() {
            // Nobody woke us: a datagram or a deadline did.
        }
    }

    /// Tells what the kernel dropped for want of room since the last time.
    fn watch_drops(&mut self, now: Moment) {
        if now < self.drops_due {
            return;
        }
        self.drops_due = now + DROPS_EVERY;
        for endpoint in std::iter::once(&mut self.v4).chain(self.v6.as_mut()) {
            events::kernel_dropped(endpoint.new_drops());
        }
    }
}

/// How busy the thread is: datagrams over the last stretch of time.
#[derive(Debug, Default)]
struct Load {
    since: Moment,
    datagrams: usize,
    is_high: bool,
}

impl Load {
    /// From so many datagrams a second on, sent and received, they are taken together. Below, each is answered at
    /// once: the page that it decides is the sooner out.
    const HIGH_PER_SECOND: usize = 2000;
    const STRETCH: Duration = Duration::from_millis(250);

    const fn count(&mut self, datagrams: usize) {
        self.datagrams = self.datagrams.saturating_add(datagrams);
    }

    fn is_high(&mut self, now: Moment) -> bool {
        let passed = now.since(self.since);
        if Self::STRETCH <= passed {
            let per_second = self.datagrams.saturating_mul(1000)
                / usize::try_from(passed.as_millis()).unwrap_or(usize::MAX).max(1);
            *self = Self { since: now, datagrams: 0, is_high: Self::HIGH_PER_SECOND <= per_second };
        }
        self.is_high
    }
}

#[derive(Default)]
struct Tally {
    correlated: u64,
    late: u64,
    foreign: u64,
    malformed: u64,
    followed: u64,
    refused: u64,
    unproved: Vec<WaitCause>,
}

impl Tally {
    fn count(&mut self, disposition: Disposition) {
        match disposition {
            Disposition::Correlated => self.correlated += 1,
            Disposition::Late => self.late += 1,
            Disposition::Foreign => self.foreign += 1,
            Disposition::Malformed => self.malformed += 1,
            Disposition::Followed => self.followed += 1,
            Disposition::Refused => self.refused += 1,
            Disposition::Unproved(cause) => self.unproved.push(cause),
        }
    }

    fn report(&self) -> usize {
        events::datagrams_received("correlated", self.correlated);
        events::datagrams_received("late", self.late);
        events::datagrams_received("foreign", self.foreign);
        events::datagrams_received("malformed", self.malformed);
        events::datagrams_received("followed", self.followed);
        events::datagrams_received("refused", self.refused);
        for cause in &self.unproved {
            events::datagrams_received(cause.label(), 1);
        }
        let counted = [self.correlated, self.late, self.foreign, self.malformed, self.followed, self.refused];
        let counted = usize::try_from(counted.iter().sum::<u64>()).unwrap_or(usize::MAX);
        counted + self.unproved.len()
    }
}

/// Request ids of a restarted collector differ from those of its earlier life.
pub(super) fn random() -> u64 {
    let mut octets = [0; 8];
    if getrandom::fill(&mut octets).is_err() {
        return 1;
    }
    u64::from_be_bytes(octets)
}
