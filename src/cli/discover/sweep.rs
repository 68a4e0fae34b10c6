//! Who answers at all: one datagram a credential and address, at a bounded rate, over one socket.
//!
//! Each address is asked twice at most: a second round goes to those that were silent in the first. Beside the
//! communities, an SNMPv3 engine discovery is sent (RFC 3414 section 4), which agents of SNMPv3 answer whoever
//! asks. Nothing is believed but that somebody answers: the devices are read afterwards.

use crate::model::{Moment, Oid, SystemClock};
use crate::poller::settings::{Credential, SnmpVersion};
use crate::snmp::v3::User;
use crate::snmp::wire::{ErrorStatus, Names, PduKind, Version, encode_message};
use crate::snmp::{Incoming, Session};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// How an address answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answered {
    /// The credentials whose community let us in, by their places.
    pub(super) credentials: Vec<usize>,
    /// It speaks SNMPv3.
    pub(super) speaks_v3: bool,
}

/// What to send, and how fast.
pub(super) struct Sweep<'a> {
    credentials: &'a [Credential],
    port: u16,
    /// Between two datagrams.
    gap: Duration,
    /// How long answers are waited for after the last datagram of a round.
    timeout: Duration,
    first_id: i32,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(credentials: &'a [Credential], port: u16, rate: u32, timeout: Duration) -> Self {
        let mut octets = [0; 4];
        // Without randomness answers are merely easier to forge, and what is forged is asked again anyway.
        let random = if getrandom::fill(&mut octets).is_ok() { i32::from_be_bytes(octets) } else { 0 };
        let gap = Duration::from_secs(1) / rate.max(1);
        // Room for one id a credential, positive.
        Self { credentials, port, gap, timeout, first_id: random & 0x3fff_ff00 }
    }

    /// Asks these addresses and tells who answered. `step` is called for each that was asked.
    pub(super) fn run(
        &self,
        addresses: &[IpAddr],
        clock: SystemClock,
        step: &mut dyn FnMut(),
    ) -> std::io::Result<BTreeMap<IpAddr, Answered>> {
        let messages = self.messages();
        let mut line = Line::open(addresses.iter().any(IpAddr::is_ipv6))?;
        let mut answered: BTreeMap<IpAddr, Answered> = BTreeMap::new();
        let mut due = clock.moment();
        for round in 0..ROUNDS {
            for address in addresses {
                if round != 0 && answered.contains_key(address) {
                    continue;
                }
                for message in &messages {
                    // Waiting and listening are one.
                    self.listen(&mut line, due, clock, &mut answered)?;
                    line.send(message, SocketAddr::new(*address, self.port));
                    due = due.max(clock.moment()) + self.gap;
                }
                if round == 0 {
                    step();
                }
            }
            self.listen(&mut line, clock.moment() + self.timeout, clock, &mut answered)?;
        }
        Ok(answered)
    }

    fn listen(
        &self,
        line: &mut Line,
        until: Moment,
        clock: SystemClock,
        answered: &mut BTreeMap<IpAddr, Answered>,
    ) -> std::io::Result<()> {
        while let Some((from, datagram)) = line.receive(until, clock)? {
            let Ok(incoming) = Incoming::parse(datagram) else { continue };
            let at = usize::try_from(incoming.id().wrapping_sub(self.first_id)).unwrap_or(usize::MAX);
            if from.port() != self.port || self.credentials.len() < at {
                continue;
            }
            let of = answered.entry(from.ip().to_canonical()).or_default();
            if at == self.credentials.len() {
                of.speaks_v3 = true;
            } else if !of.credentials.contains(&at) {
                of.credentials.push(at);
            }
        }
        Ok(())
    }

    /// One message a community, and the engine discovery with the id behind theirs.
    fn messages(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        let mut id = self.first_id;
        let names = Names::new(&[Oid::new(&SYS_OBJECT_ID)]).unwrap_or_default();
        for credential in self.credentials {
            if let Credential::Community { version, community } = credential {
                let version = match version {
                    SnmpVersion::V1 => Version::V1,
                    SnmpVersion::V2c => Version::V2c,
                };
                let mut message = Vec::new();
                let (community, varbinds) = (community.expose().as_bytes(), names.run(0, 1));
                let status = ErrorStatus::NO_ERROR;
                encode_message(&mut message, version, community, PduKind::Get, id, status, 0, varbinds);
                all.push(message);
            }
            id = id.wrapping_add(1);
        }
        all.extend(discovery(id));
        all
    }
}

/// An engine discovery with that message ID.
fn discovery(id: i32) -> Option<Vec<u8>> {
    let nobody = User::new("discovery", None, None).ok()?;
    let mut session = Session::of_user(Arc::new(nobody), 0);
    session.begin_request(id);
    let request = crate::snmp::Request { kind: PduKind::Get, max_repetitions: 0, varbinds: &[] };
    let mut message = Vec::new();
    session.write(id, &request, Moment::ZERO, &mut message).ok()?;
    Some(message)
}

/// The socket that asks everybody.
struct Line {
    socket: UdpSocket,
    buffer: Vec<u8>,
}

impl Line {
    fn open(with_v6: bool) -> std::io::Result<Self> {
        let any: IpAddr = if with_v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let domain = socket2::Domain::for_address(SocketAddr::new(any, 0));
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
        if with_v6 {
            // Addresses of both families, in one sweep.
            socket.set_only_v6(false)?;
        }
        socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS)?;
        socket.bind(&SocketAddr::new(any, 0).into())?;
        Ok(Self { socket: socket.into(), buffer: vec![0; 65_535] })
    }

    /// What cannot be sent is as good as unanswered.
    fn send(&self, message: &[u8], to: SocketAddr) {
        let to = match (to.ip(), self.socket.local_addr().is_ok_and(|it| it.is_ipv6())) {
            (IpAddr::V4(ip), true) => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
            _ => to,
        };
        if let Err(error) = self.socket.send_to(message, to) {
            tracing::debug!(%to, "not sent: {error}");
        }
    }

    fn receive(&mut self, until: Moment, clock: SystemClock) -> std::io::Result<Option<(SocketAddr, &[u8])>> {
        use std::io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
        loop {
            let left = until.since(clock.moment());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.recv_from(&mut self.buffer) {
                Ok((length, from)) => return Ok(self.buffer.get(..length).map(|it| (from, it))),
                Err(error) => match error.kind() {
                    WouldBlock | TimedOut => return Ok(None),
                    // Somebody else's port is closed.
                    Interrupted | ConnectionRefused => (),
                    _ => return Err(error),
                },
            }
        }
    }
}

/// SNMPv2-MIB::sysObjectID.0: every agent has it (RFC 3418).
const SYS_OBJECT_ID: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 2, 0];
/// One more for those whose first datagram was lost.
const ROUNDS: usize = 2;
/// Answers of a second at the highest rate.
const RECEIVE_BUFFER_OCTETS: usize = 1 << 20;
