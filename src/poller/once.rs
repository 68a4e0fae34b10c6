//! One poll or walk of one agent by hand, over a connected socket: what `poll`, `walk` and `profile match`
//! use. A connected socket hears the host's "port unreachable", so that "nothing listens there" is told
//! from silence at once.
//!
//! Blocks its thread; not for the daemon, which polls by shards.

use super::device::{Device, Outcome, Step, session};
use super::settings::{Credential, DeviceSettings};
use crate::model::{Moment, Oid, PollError, SystemClock, Value};
use crate::profile::ProfileSet;
use crate::snmp::wire::Pdu;
use crate::snmp::{Incoming, Received, Session, Walk, WalkEnd, WalkLimits};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// Where to ask and how long to wait.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where.
    pub address: SocketAddr,
    /// How to be let in.
    pub credential: Credential,
    /// How long to wait for one answer.
    pub timeout: Duration,
    /// How often a request is repeated.
    pub retries: u32,
}

/// What came of one exchange.
enum Heard {
    Answer(Vec<u8>),
    Nothing,
    Failed(PollError),
}

/// The first address of a host name, or the error that a person can act on.
///
/// # Errors
/// [`PollError::Name`].
pub fn resolve(host: &str, port: u16) -> Result<SocketAddr, PollError> {
    let failed = |reason: String| PollError::Name { name: host.to_owned(), reason };
    let mut found = (host, port).to_socket_addrs().map_err(|error| failed(error.to_string()))?;
    found.next().ok_or_else(|| failed("the resolver knows no address".to_owned()))
}

/// Polls a device once: learns it, then asks for what it has.
pub fn poll(
    target: &Target,
    settings: Arc<DeviceSettings>,
    profiles: Arc<ProfileSet>,
    clock: SystemClock,
) -> Outcome {
    let mut device = Device::new(settings, profiles);
    device.begin(clock.now());
    let mut line = match Line::open(target) {
        Ok(line) => line,
        Err(error) => return device.on_error(error, clock.now()),
    };
    line.next_request();
    loop {
        let mut octets = Vec::new();
        let sent = clock.now();
        device.write_request(line.request_id, sent.moment, &mut octets);
        let deadline = device.deadline();
        let step = match line.exchange(&octets, device.session(), deadline, clock) {
            Heard::Answer(answer) => match read(device.session_mut(), &answer) {
                Ok(pdu) => device.on_response(&pdu, clock.now()),
                Err(error) => return device.on_error(error, clock.now()),
            },
            Heard::Nothing => device.on_timeout(clock.now()),
            Heard::Failed(error) => return device.on_error(error, clock.now()),
        };
        match step {
            Step::Ask => line.next_request(),
            Step::Repeat => (),
            Step::Finished(outcome) => return *outcome,
            // Nothing is learnt between polls here.
            Step::Learnt => return device.on_error(PollError::Timeout, clock.now()),
        }
    }
}

/// Walks a subtree; each row is handed to `row` as it comes.
///
/// # Errors
/// [`PollError`], if the agent did not answer at all.
pub fn walk(
    target: &Target,
    root: &Oid,
    limits: WalkLimits,
    clock: SystemClock,
    row: &mut dyn FnMut(&Oid, &Value),
) -> Result<WalkEnd, PollError> {
    let mut session = session(&target.credential);
    let getbulk = session.knows_getbulk();
    let limits =
        if getbulk { limits } else { WalkLimits { rows_max: limits.rows_max, ..WalkLimits::getnext() } };
    let mut line = Line::open(target)?;
    let mut walk = Walk::new(root.clone(), limits);
    let mut shown = 0;
    let mut answered = false;
    let mut attempt = 0;
    line.next_request();
    loop {
        let mut octets = Vec::new();
        session.write(line.request_id, &walk.request(), &mut octets);
        let end = match line.exchange(&octets, &session, clock.moment() + target.timeout, clock) {
            Heard::Answer(answer) => {
                answered = true;
                attempt = 0;
                line.next_request();
                walk.on_response(&read(&mut session, &answer)?)
            }
            Heard::Nothing if attempt < target.retries => {
                attempt += 1;
                walk.on_timeout();
                None
            }
            Heard::Nothing if answered && walk.on_give_up() => {
                attempt = 0;
                None
            }
            Heard::Nothing if answered => Some(WalkEnd::Timeout),
            Heard::Nothing => return Err(PollError::Timeout),
            Heard::Failed(error) => return Err(error),
        };
        for (oid, value) in walk.rows().iter().skip(shown) {
            row(oid, value);
        }
        shown = walk.rows().len();
        if let Some(end) = end {
            return Ok(end);
        }
    }
}

/// Whether an SNMP agent of any kind answers there: an SNMPv3 engine discovery (RFC 3414 section 4) is
/// answered by agents that speak v3, whatever community they want. Tells "wrong community" from
/// "nobody there" after a time-out.
#[must_use]
pub fn speaks_v3(target: &Target) -> bool {
    // An SNMPv3 message with empty engine ID and user, reportable, carrying an empty GetRequest.
    const DISCOVERY: [u8; 60] = [
        0x30, 0x3a, 0x02, 0x01, 0x03, 0x30, 0x0f, 0x02, 0x02, 0x4a, 0x69, 0x02, 0x03, 0x00, 0xff, 0xe3, 0x04,
        0x01, 0x04, 0x02, 0x01, 0x03, 0x04, 0x10, 0x30, 0x0e, 0x04, 0x00, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00,
        0x04, 0x00, 0x04, 0x00, 0x04, 0x00, 0x30, 0x12, 0x04, 0x00, 0x04, 0x00, 0xa0, 0x0c, 0x02, 0x02, 0x37,
        0xf0, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30, 0x00,
    ];
    let Ok(line) = Line::open(target) else { return false };
    let mut answer = [0; 1500];
    line.socket.set_read_timeout(Some(target.timeout)).is_ok()
        && line.socket.send(&DISCOVERY).is_ok()
        && line
            .socket
            .recv(&mut answer)
            .is_ok_and(|length| answer.get(2..5) == Some(&[2, 1, 3]) || 5 < length)
}

/// The answer in a datagram that was taken for it.
fn read<'a>(session: &mut Session, answer: &'a [u8]) -> Result<Pdu<'a>, PollError> {
    match Incoming::parse(answer).map(|incoming| session.read(incoming)) {
        Ok(Received::Response(pdu)) => Ok(pdu),
        Ok(Received::Foreign) => Err(PollError::Malformed("it answers nothing that was asked".to_owned())),
        Err(error) => Err(PollError::Malformed(error.to_string())),
    }
}

/// A connected socket and the id of the request in flight.
struct Line {
    socket: UdpSocket,
    request_id: i32,
}

impl Line {
    const FIRST_ID: i32 = 0x0100_0000;

    fn open(target: &Target) -> Result<Self, PollError> {
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::ConnectionRefused => PollError::Refused,
            _ => PollError::Unreachable(error.to_string()),
        };
        let any = match target.address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(any).map_err(failed)?;
        socket.connect(target.address).map_err(failed)?;
        let mut octets = [0; 2];
        // Without randomness the ids are merely easier to guess.
        let offset =
            if getrandom::fill(&mut octets).is_ok() { i32::from(u16::from_be_bytes(octets)) } else { 0 };
        Ok(Self { socket, request_id: Self::FIRST_ID + offset })
    }

    fn next_request(&mut self) {
        self.request_id = self.request_id.checked_add(1).unwrap_or(Self::FIRST_ID);
    }

    /// Sends a request and waits for its answer; others are passed over.
    fn exchange(&self, octets: &[u8], session: &Session, deadline: Moment, clock: SystemClock) -> Heard {
        let failed = |error: &std::io::Error| match error.kind() {
            ErrorKind::ConnectionRefused => PollError::Refused,
            _ => PollError::Unreachable(error.to_string()),
        };
        if let Err(error) = self.socket.send(octets) {
            return Heard::Failed(failed(&error));
        }
        let mut buffer = vec![0; 65_535];
        loop {
            let left = deadline.since(clock.moment());
            if left.is_zero() || self.socket.set_read_timeout(Some(left)).is_err() {
                return Heard::Nothing;
            }
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    let answer = buffer.get(..length).unwrap_or_default();
                    if self.is_answer(answer, session) {
                        return Heard::Answer(answer.to_vec());
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Heard::Nothing;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Heard::Failed(failed(&error)),
            }
        }
    }

    fn is_answer(&self, datagram: &[u8], session: &Session) -> bool {
        Incoming::parse(datagram).is_ok_and(|it| it.id() == self.request_id && session.fits(&it))
    }
}
