//! Serves agents on loopback: one thread, readiness by epoll, answers at once or from a queue of late
//! ones.
//!
//! Agents that share a port (127.16.0.1:16100, 127.16.0.2:16100, ..) are served through one socket that
//! learns from the kernel which address was asked, so ten thousand of them cost one descriptor; others
//! have a socket each. Invariant: a request that was not sent to, or not from, a loopback address gets
//! no answer.

mod endpoint;
mod late;

use super::agent::{Agent, AgentSpec, Counters, Outgoing, Scratch};
use super::cell::Cell;
use super::faults::FaultRule;
use super::trap::Trap;
use crate::model::{Moment, Oid, SystemClock, Value};
use crate::snmp::wire::{EncodeError, ErrorStatus, PduKind, decode};
use endpoint::{Endpoint, Receiver};
use late::{Late, LateQueue};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Running agents. Stops when dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

/// One of them, to change and to ask while it runs. Cheap to clone; outlives the simulator, with no
/// effect then.
#[derive(Clone)]
pub struct AgentHandle {
    shared: Arc<Shared>,
    index: usize,
}

/// Why agents cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// There is none to serve.
    #[error("no agents to simulate")]
    NoAgents,
    /// Over [`Simulator::AGENTS_MAX`].
    #[error("{0} agents: at most {max} can be simulated", max = Simulator::AGENTS_MAX)]
    TooManyAgents(usize),
    /// Simulated agents are for this machine only.
    #[error("{0} is not a loopback address; agents are simulated on 127.0.0.0/8 and ::1 only")]
    NotLoopback(SocketAddr),
    /// Two agents on one address.
    #[error("two agents on {0}")]
    Twice(SocketAddr),
    /// A trap that BER cannot carry.
    #[error("the trap cannot be sent")]
    Trap(#[from] EncodeError),
    /// An address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system refuses what the server needs.
    #[error("cannot {what}")]
    System {
        /// What it needs.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

struct Shared {
    clock: SystemClock,
    agents: Box<[Served]>,
    stop: AtomicBool,
    late_dropped: AtomicU64,
    refused: AtomicU64,
    trap_number: AtomicU16,
}

struct Served {
    address: SocketAddr,
    agent: Mutex<Agent>,
}

impl Simulator {
    /// The most agents: a quarter of a million, which are some 130 MB.
    pub const AGENTS_MAX: usize = 1 << 18;

    /// Serves these agents. A port of 0 is replaced by a free one: see [`AgentHandle::address`].
    ///
    /// # Errors
    /// [`SimulatorError`].
    pub fn start(agents: Vec<(SocketAddr, AgentSpec)>) -> Result<Self, SimulatorError> {
        check(&agents)?;
        let (addresses, specs): (Vec<SocketAddr>, Vec<AgentSpec>) = agents.into_iter().unzip();
        let opened = open(&addresses)?;
        let clock = SystemClock::new();
        let now = clock.moment();
        let agents = specs
            .into_iter()
            .zip(opened.addresses)
            .map(|(spec, address)| Served { address, agent: Mutex::new(Agent::start(spec, now)) });
        let shared = Arc::new(Shared {
            clock,
            agents: agents.collect(),
            stop: AtomicBool::new(false),
            late_dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            trap_number: AtomicU16::new(1),
        });
        let wake = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC);
        let wake = Arc::new(wake.map_err(system("make an event descriptor"))?);
        let epoll = watch(&opened.endpoints, &wake).map_err(system("watch sockets"))?;
        let mut server = Server { shared: Arc::clone(&shared), endpoints: opened.endpoints, epoll };
        let thread = std::thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || server.run())
            .map_err(|source| SimulatorError::System { what: "start a thread", source })?;
        Ok(Self { shared, wake, thread: Some(thread) })
    }

    /// How many agents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.agents.len()
    }

    /// Whether there is none: never, once started.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.agents.is_empty()
    }

    /// The agent of that number, in the order in which they were given.
    #[must_use]
    pub fn agent(&self, index: usize) -> Option<AgentHandle> {
        (index < self.len()).then(|| AgentHandle { shared: Arc::clone(&self.shared), index })
    }

    /// All agents, in the order in which they were given.
    pub fn agents(&self) -> impl Iterator<Item = AgentHandle> {
        (0..self.len()).filter_map(|index| self.agent(index))
    }

    /// The counters of all agents, added up.
    #[must_use]
    pub fn totals(&self) -> Counters {
        let mut total = Counters::default();
        for one in self.agents().map(|it| it.counters()) {
            total.requests += one.requests;
            total.answers += one.answers;
            total.gets += one.gets;
            total.get_nexts += one.get_nexts;
            total.get_bulks += one.get_bulks;
            total.sets += one.sets;
            total.reports += one.reports;
            total.malformed += one.malformed;
            total.wrong_community += one.wrong_community;
            total.wrong_version += one.wrong_version;
            for (name, count) in one.faults {
                *total.faults.entry(name).or_default() += count;
            }
        }
        total
    }

    /// Answers that were due later and found the queue of late ones full.
    #[must_use]
    pub fn late_dropped(&self) -> u64 {
        self.shared.late_dropped.load(Ordering::Relaxed)
    }

    /// Datagrams for an address where no agent is, or from outside of loopback.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // A full event descriptor wakes just as well.
        let _woken = self.wake.write(1);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl AgentHandle {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.agents.get(self.index).map_or(NOWHERE, |it| it.address)
    }

    /// Answers with this value from now on, whatever stood there.
    pub fn set_value(&self, oid: Oid, value: Value) {
        self.set(oid, Cell::Fixed(value));
    }

    /// Answers from this cell from now on. Its time runs since the start of the simulator.
    pub fn set(&self, oid: Oid, cell: Cell) {
        self.with(|agent, _| agent.set(oid, cell));
    }

    /// Answers again as it did before [`Self::set`].
    pub fn unset(&self, oid: &Oid) {
        self.with(|agent, _| agent.unset(oid));
    }

    /// Answers nothing, or answers again.
    pub fn silence(&self, silent: bool) {
        self.with(|agent, _| agent.silence(silent));
    }

    /// Goes wrong in these ways, and no others, from now on.
    pub fn set_faults(&self, rules: impl IntoIterator<Item = FaultRule>) {
        self.with(|agent, _| agent.faults().replace(rules));
    }

    /// Goes wrong in this way too.
    pub fn add_fault(&self, rule: impl Into<FaultRule>) {
        self.with(|agent, _| agent.faults().add(rule.into()));
    }

    /// Begins sysUpTime at zero.
    pub fn reboot(&self) {
        self.with(|agent, now| agent.reboot(now));
    }

    /// Sends a trap or inform from its address, and from a port of its own, as agents do.
    ///
    /// # Errors
    /// [`SimulatorError`], if `to` is no address on this machine, or it cannot be sent.
    pub fn send_trap(&self, to: SocketAddr, trap: &Trap) -> Result<SentTrap, SimulatorError> {
        if !to.ip().is_loopback() {
            return Err(SimulatorError::NotLoopback(to));
        }
        let from = self.address().ip();
        let agent = match from {
            IpAddr::V4(it) => it,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        // Any number will do that the last inform did not have.
        let request_id = i32::from(self.shared.trap_number.fetch_add(1, Ordering::Relaxed));
        let datagram = self
            .with(|it, now| it.trap(trap, agent, request_id, now))
            .transpose()?
            .ok_or(SimulatorError::NoAgents)?;
        let failed = |source| SimulatorError::System { what: "send a trap", source };
        let socket = UdpSocket::bind((from, 0)).map_err(failed)?;
        socket.connect(to).and_then(|()| socket.send(&datagram)).map_err(failed)?;
        Ok(SentTrap { socket, request_id, datagram })
    }

    /// What it has met.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.with(|agent, _| agent.counters()).unwrap_or_default()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Agent, Moment) -> T) -> Option<T> {
        let served = self.shared.agents.get(self.index)?;
        Some(work(&mut lock(&served.agent), self.shared.clock.moment()))
    }
}

/// A trap or inform on its way.
#[derive(Debug)]
pub struct SentTrap {
    socket: UdpSocket,
    request_id: i32,
    datagram: Vec<u8>,
}

impl SentTrap {
    /// Whether an inform is acknowledged within that time: by a Response with its own request-id and
    /// bindings, from the address that it was sent to.
    #[must_use]
    pub fn is_acknowledged(&self, within: Duration) -> bool {
        let mut buffer = [0; ANSWER_OCTETS_MAX];
        if self.socket.set_read_timeout(Some(within)).is_err() {
            return false;
        }
        // A connected socket takes answers from its peer alone.
        let Ok(octets) = self.socket.recv(&mut buffer) else { return false };
        let (Some(answer), Ok(asked)) = (buffer.get(..octets).map(decode), decode(&self.datagram)) else {
            return false;
        };
        answer.is_ok_and(|it| {
            it.pdu.kind == PduKind::Response
                && it.pdu.request_id == self.request_id
                && it.pdu.error_status == ErrorStatus::NO_ERROR
                && it.community == asked.community
                && it.pdu.varbinds.octets() == asked.pdu.varbinds.octets()
        })
    }

    /// Sends it once more, as it was.
    ///
    /// # Errors
    /// [`SimulatorError`], if it cannot be sent.
    pub fn repeat(&self) -> Result<(), SimulatorError> {
        let failed = |source| SimulatorError::System { what: "send a trap", source };
        self.socket.send(&self.datagram).map(|_| ()).map_err(failed)
    }
}

/// Refuses what must not, or cannot, be served.
fn check(agents: &[(SocketAddr, AgentSpec)]) -> Result<(), SimulatorError> {
    if agents.is_empty() {
        return Err(SimulatorError::NoAgents);
    }
    if Simulator::AGENTS_MAX < agents.len() {
        return Err(SimulatorError::TooManyAgents(agents.len()));
    }
    let mut seen = BTreeSet::new();
    for (address, _) in agents {
        if !address.ip().is_loopback() {
            return Err(SimulatorError::NotLoopback(*address));
        }
        if address.port() != 0 && !seen.insert(*address) {
            return Err(SimulatorError::Twice(*address));
        }
    }
    Ok(())
}

struct Opened {
    endpoints: Vec<Endpoint>,
    /// Each agent's address, with the port that it got.
    addresses: Vec<SocketAddr>,
}

/// Opens a socket a shared port, and one for each other agent.
fn open(addresses: &[SocketAddr]) -> Result<Opened, SimulatorError> {
    let mut by_port: BTreeMap<u16, Vec<(usize, SocketAddr)>> = BTreeMap::new();
    let mut alone: Vec<(usize, SocketAddr)> = Vec::new();
    for (agent, address) in addresses.iter().enumerate() {
        match address.ip() {
            IpAddr::V4(_) if address.port() != 0 => {
                by_port.entry(address.port()).or_default().push((agent, *address));
            }
            IpAddr::V4(_) | IpAddr::V6(_) => alone.push((agent, *address)),
        }
    }
    let (shared, single): (Vec<_>, Vec<_>) = by_port.into_iter().partition(|(_, agents)| 1 < agents.len());
    alone.extend(single.into_iter().flat_map(|(_, agents)| agents));
    allow_descriptors(shared.len() + alone.len());
    let mut addresses = addresses.to_vec();
    let mut endpoints = Vec::with_capacity(shared.len() + alone.len());
    for (port, agents) in shared {
        let by_address = agents.iter().filter_map(|(agent, address)| match address.ip() {
            IpAddr::V4(ip) => Some((ip, *agent)),
            IpAddr::V6(_) => None,
        });
        let first = agents.first().map_or(NOWHERE, |(_, address)| *address);
        let endpoint = Endpoint::shared(port, by_address.collect());
        endpoints.push(endpoint.map_err(|source| SimulatorError::Listen { address: first, source })?);
    }
    for (agent, address) in alone {
        let opened = Endpoint::own(address, agent);
        let (endpoint, got) = opened.map_err(|source| SimulatorError::Listen { address, source })?;
        endpoints.push(endpoint);
        if let Some(address) = addresses.get_mut(agent) {
            *address = got;
        }
    }
    Ok(Opened { endpoints, addresses })
}

/// Raises the limit on open files as far as it may be, when that many sockets need it. A limit that is
/// still too low shows when a socket cannot be opened.
fn allow_descriptors(sockets: usize) {
    let wanted = u64::try_from(sockets + OTHER_DESCRIPTORS).unwrap_or(u64::MAX);
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < wanted
    {
        let _raised = setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard);
    }
}

fn watch(endpoints: &[Endpoint], wake: &EventFd) -> nix::Result<Epoll> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
    for (endpoint, number) in endpoints.iter().zip(0..) {
        epoll.add(endpoint.socket(), EpollEvent::new(EpollFlags::EPOLLIN, number))?;
    }
    Ok(epoll)
}

fn system(what: &'static str) -> impl Fn(nix::Error) -> SimulatorError {
    move |error| SimulatorError::System { what, source: error.into() }
}

fn lock(agent: &Mutex<Agent>) -> MutexGuard<'_, Agent> {
    agent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread owns.
struct Server {
    shared: Arc<Shared>,
    endpoints: Vec<Endpoint>,
    epoll: Epoll,
}

impl Server {
    fn run(&mut self) {
        let mut events = [EpollEvent::empty(); EVENTS];
        let mut receiver = Receiver::default();
        let mut scratch = Scratch::default();
        let mut late = LateQueue::default();
        while !self.shared.stop.load(Ordering::Relaxed) {
            let wait = late.next_due().map_or(TICK, |due| due.since(self.shared.clock.moment()).min(TICK));
            // Rounded up, or the last fraction of a millisecond would be spent spinning.
            let milliseconds = u16::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
            let ready = self.epoll.wait(&mut events, EpollTimeout::from(milliseconds)).unwrap_or(0);
            for event in events.iter().take(ready) {
                let number = usize::try_from(event.data()).unwrap_or(usize::MAX);
                if let Some(endpoint) = self.endpoints.get(number) {
                    self.serve(endpoint, number, &mut receiver, &mut scratch, &mut late);
                }
            }
            let now = self.shared.clock.moment();
            while let Some(answer) = late.pop_due(now) {
                if let Some(endpoint) = self.endpoints.get(answer.endpoint) {
                    endpoint.send(&answer.datagram, answer.peer, answer.asked, answer.origin);
                }
            }
        }
    }

    /// Answers what waits at one socket.
    fn serve(
        &self,
        endpoint: &Endpoint,
        number: usize,
        receiver: &mut Receiver,
        scratch: &mut Scratch,
        late: &mut LateQueue,
    ) {
        receiver.receive(endpoint, &mut |datagram, peer, asked| {
            let served = endpoint.agent(asked).and_then(|agent| self.shared.agents.get(agent));
            let Some(served) = served.filter(|_| peer.ip().is_loopback()) else {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                return;
            };
            let now = self.shared.clock.moment();
            let asked = asked.unwrap_or_else(|| served.address.ip());
            lock(&served.agent).handle(datagram, now, scratch, &mut |answer: Outgoing<'_>| {
                let Outgoing { datagram, due, origin } = answer;
                if due <= now {
                    endpoint.send(datagram, peer, asked, origin);
                    return;
                }
                let answer = Late { due, endpoint: number, peer, asked, origin, datagram: datagram.into() };
                if !late.push(answer) {
                    self.shared.late_dropped.fetch_add(1, Ordering::Relaxed);
                }
            });
        });
    }
}

/// The longest answer to an inform that is taken whole.
const ANSWER_OCTETS_MAX: usize = 16_384;
/// Sockets that are looked at in one turn.
const EVENTS: usize = 256;
/// The wake descriptor's number: no endpoint has it.
const WAKE: u64 = u64::MAX;
/// The thread looks at the stop flag at least that often, should a wake-up be lost.
const TICK: Duration = Duration::from_secs(1);
/// Descriptors that the process needs beside the sockets.
const OTHER_DESCRIPTORS: usize = 256;
/// Stands for an agent that there is not.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
