//! The thread that carries a shard's datagrams: batched sends and receives over two UDP sockets.
//!
//! Does not decide anything: [`Shard`] does. Bounds: [`COMMANDS_MAX`] commands wait at most (the sender
//! then waits); a datagram over [`DATAGRAM_MAX`] cannot exist. A defect that panics while one device is
//! handled is caught and counted; the thread goes on.

use super::device::{Device, Outcome};
use super::key_thread::KeyThread;
use super::kinds::Kinds;
use super::settings::DeviceSettings;
use super::shard::{Disposition, KeyRequest, Shard, WindowSizes};
use crate::model::{Now, PollError, SystemClock};
use crate::profile::ProfileSet;
use crate::snmp::v3::{KeyCache, LocalizedKeys, WaitCause};
use crate::telemetry::snmp as events;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrLike, SockaddrStorage, recvmmsg, sendmmsg};
use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Enough for a reload of a whole fleet to be handed over without waiting.
const COMMANDS_MAX: usize = 16_384;
/// Datagrams in one system call: larger batches save nothing more (measured by others and us).
const BATCH: usize = 64;
/// The most that UDP over IPv4 carries.
const DATAGRAM_MAX: usize = 65_507;
/// Room for the answers of all requests in flight. The kernel may give less.
const RECEIVE_BUFFER_OCTETS: usize = 8 << 20;
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
    fn polled(&mut self, slot: u32, outcome: Outcome);
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
        let keys =
            KeyThread::start(number, cache, commands.clone(), Arc::clone(&wake)).map_err(failed("thread"))?;
        let run = move || {
            let worker = Worker {
                shard: Shard::new(random(), sizes),
                keys,
                by_name: HashMap::new(),
                profiles,
                kinds: Arc::default(),
                clock,
                sink,
                inbox,
                wake: woken,
                v4: Endpoint::new(v4.into()),
                v6: v6.map(|it| Endpoint::new(it.into())),
            };
            worker.run();
        };
        let thread = std::thread::Builder::new()
            .name(format!("poll-{number}"))
            .spawn(run)
            .map_err(failed("thread"))?;
        Ok(Self { commands, wake, thread: Mutex::new(Some(thread)) })
    }

    /// Hands a command over; waits while [`COMMANDS_MAX`] are waiting. Lost if the thread has ended.
    pub fn send(&self, command: Command) {
        if self.commands.send(command).is_ok() && self.wake.write(1).is_err() {
            // The counter is full: the thread is being woken anyway.
        }
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
}

impl Worker {
    fn run(mut self) {
        loop {
            // A defect met while one device was handled must not blind the room.
            match catch_unwind(AssertUnwindSafe(|| self.turn())) {
                Ok(true) => (),
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
        if sent == 0 && received == 0 {
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
                self.shard.handle_send_error(slot, error, now, &mut |at, it| sink.polled(at, it));
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
            endpoint.receive(&mut |from, datagram| {
                let now = clock.now();
                let disposition = shard
                    .handle_datagram(now, from, datagram, &mut |slot, outcome| sink.polled(slot, outcome));
                tally.count(disposition);
            });
        }
        tally.report()
    }

    fn sleep(&mut self) {
        let now = self.clock.moment();
        let until = self.shard.poll_timeout().map_or(SLEEP_MAX, |when| when.since(now));
        let mut watched = vec![
            PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.v4.socket.as_fd(), PollFlags::POLLIN),
        ];
        if let Some(v6) = &self.v6 {
            watched.push(PollFd::new(v6.socket.as_fd(), PollFlags::POLLIN));
        }
        // Interrupted or not: the next round looks at everything anyway.
        if ppoll(&mut watched, Some(until.min(SLEEP_MAX).into()), None).is_ok() && self.wake.read().is_err() {
            // Nobody woke us: a datagram or a deadline did.
        }
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

/// One socket with its buffers.
struct Endpoint {
    socket: UdpSocket,
    outgoing: Vec<(u32, SocketAddr, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
    incoming: Vec<Vec<u8>>,
    send_headers: MultiHeaders<SockaddrStorage>,
    receive_headers: MultiHeaders<SockaddrStorage>,
}

impl Endpoint {
    fn new(socket: UdpSocket) -> Self {
        Self {
            socket,
            outgoing: Vec::with_capacity(BATCH),
            spare: Vec::new(),
            incoming: (0..BATCH).map(|_| vec![0; DATAGRAM_MAX]).collect(),
            send_headers: MultiHeaders::preallocate(BATCH, None),
            receive_headers: MultiHeaders::preallocate(BATCH, None),
        }
    }

    fn is_full(&self) -> bool {
        BATCH <= self.outgoing.len()
    }

    fn spare(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    fn queue(&mut self, slot: u32, to: SocketAddr, octets: Vec<u8>) {
        self.outgoing.push((slot, to, octets));
    }

    /// Sends what is queued; what the host refuses goes to `failed`. The number sent.
    fn flush(&mut self, failed: &mut Vec<(u32, PollError)>) -> usize {
        let mut done = 0;
        let mut sent = 0;
        while let Some(rest) = self.outgoing.get(done..).filter(|it| !it.is_empty()) {
            let slices: Vec<[IoSlice<'_>; 1]> =
                rest.iter().map(|(_, _, octets)| [IoSlice::new(octets)]).collect();
            let addresses: Vec<Option<SockaddrStorage>> =
                rest.iter().map(|(_, to, _)| Some((*to).into())).collect();
            let result = sendmmsg(
                self.socket.as_raw_fd(),
                &mut self.send_headers,
                slices.iter(),
                &addresses,
                [],
                MsgFlags::MSG_DONTWAIT,
            );
            match result.map(Iterator::count) {
                Ok(count) => {
                    done += count.max(1);
                    sent += count;
                }
                Err(Errno::EINTR) => (),
                // The send buffer is full: these are lost as if on the way, and will be repeated.
                Err(Errno::EAGAIN | Errno::ENOBUFS) => break,
                Err(error) => {
                    if let Some((slot, to, _)) = rest.first() {
                        events::send_failed(*to, &error);
                        failed.push((*slot, PollError::Unreachable(error.desc().to_owned())));
                    }
                    done += 1;
                }
            }
        }
        self.spare.extend(self.outgoing.drain(..).map(|(_, _, octets)| octets));
        sent
    }

    /// Hands one batch of waiting datagrams on.
    fn receive(&mut self, take: &mut dyn FnMut(SocketAddr, &[u8])) {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.incoming.iter_mut().map(|octets| [IoSliceMut::new(octets)]).collect();
        let fd = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let Ok(messages) = recvmmsg(fd, &mut self.receive_headers, slices.iter_mut(), flags, None) else {
            return;
        };
        for message in messages {
            if let (Some(from), Some(octets)) =
                (message.address.and_then(socket_address), message.iovs().next())
            {
                take(from, octets);
            }
        }
    }
}

fn bind(address: SocketAddr) -> std::io::Result<socket2::Socket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    let option = nix::sys::socket::sockopt::RcvBufForce;
    if nix::sys::socket::setsockopt(&socket, option, &RECEIVE_BUFFER_OCTETS).is_err() {
        // Without the privilege the kernel gives up to net.core.rmem_max.
        socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS)?;
    }
    Ok(socket)
}

fn socket_address(storage: SockaddrStorage) -> Option<SocketAddr> {
    match storage.family()? {
        nix::sys::socket::AddressFamily::Inet => {
            storage.as_sockaddr_in().map(|it| SocketAddr::V4((*it).into()))
        }
        nix::sys::socket::AddressFamily::Inet6 => {
            storage.as_sockaddr_in6().map(|it| SocketAddr::V6((*it).into()))
        }
        _ => None,
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
