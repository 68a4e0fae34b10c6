//! One poll or walk of one agent by hand, over a connected socket: what `poll`, `walk` and `profile match`
//! use. A connected socket hears the host's "port unreachable", so that "nothing listens there" is told
//! from silence at once.
//!
//! Blocks its thread; not for the daemon, which polls by shards.

use super::device::{Device, Outcome, Room, Step, session};
use super::execute::random;
use super::settings::{Credential, DeviceSettings};
use crate::model::{Moment, Oid, PollError, SystemClock, Value};
use crate::profile::ProfileSet;
use crate::snmp::v3::{KeyCache, NeedKeys};
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
    let mut device = Device::new(settings, profiles).seeded(random());
    device.begin(clock.now());
    if let Err(error) = Line::open(target).and_then(|line| poll_over(line, &mut device, clock)) {
        device.on_error(error, clock.now());
    }
    device.outcome().clone()
}

fn poll_over(mut line: Line, device: &mut Device, clock: SystemClock) -> Result<(), PollError> {
    let (mut octets, mut scratch, mut room) = (Vec::new(), Vec::new(), Room::default());
    loop {
        octets.clear();
        if let Err(need) = device.write_request(line.request_id, line.nonce, clock.moment(), &mut octets) {
            make_keys(device.session_mut(), &need)?;
            continue;
        }
        line.send(&octets)?;
        let (deadline, id) = (device.deadline(), line.request_id);
        let step = loop {
            let Some(datagram) = line.receive(deadline, clock)? else {
                break device.on_timeout(clock.now(), &mut room);
            };
            let Some(incoming) = answer(datagram, id, device.session()) else { continue };
            match device.session_mut().read(incoming, clock.moment(), &mut scratch) {
                Received::Response(pdu) => break device.on_response(&pdu, clock.now(), &mut room),
                Received::WriteAgain => {
                    device.on_write_again();
                    break Step::Repeat;
                }
                Received::Refused(error) => break device.on_refused(&error, clock.now()),
                Received::Wait(_) => (),
            }
        };
        match step {
            Step::Ask => line.next_request(),
            // It never asks beside the request that is due.
            Step::Repeat | Step::Await(_) => (),
            Step::Finished => return Ok(()),
            // Nothing is learnt between polls here.
            Step::Learnt => return Err(PollError::Timeout),
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
    let mut session = session(&target.credential, random());
    let getbulk = session.knows_getbulk();
    let limits =
        if getbulk { limits } else { WalkLimits { rows_max: limits.rows_max, ..WalkLimits::getnext() } };
    let mut line = Line::open(target)?;
    let mut walk = Walk::new(root.clone(), limits);
    let (mut shown, mut answered, mut attempt) = (0, false, 0);
    session.begin_request(line.nonce);
    loop {
        let end = match ask(&mut line, &mut session, &mut walk, target.timeout, clock)? {
            Heard::Answer(end) => {
                (answered, attempt) = (true, 0);
                line.next_request();
                session.begin_request(line.nonce);
                end
            }
            Heard::WriteAgain => None,
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
            Heard::Nothing => {
                let reason = session.time_out_reason();
                return Err(reason.map_or(PollError::Timeout, |it| PollError::Security(it.to_string())));
            }
        };
        for (oid, value) in walk.rows().iter().skip(shown) {
            row(&oid, &value);
        }
        shown = walk.rows().iter().count();
        if let Some(end) = end {
            return Ok(end);
        }
    }
}

/// What came of one request of a walk.
enum Heard {
    Answer(Option<WalkEnd>),
    WriteAgain,
    Nothing,
}

fn ask(
    line: &mut Line,
    session: &mut Session,
    walk: &mut Walk,
    timeout: Duration,
    clock: SystemClock,
) -> Result<Heard, PollError> {
    let (mut octets, mut scratch) = (Vec::new(), Vec::new());
    while let Err(need) = session.write(line.request_id, &walk.request(), clock.moment(), &mut octets) {
        make_keys(session, &need)?;
    }
    line.send(&octets)?;
    let deadline = clock.moment() + timeout;
    loop {
        let id = line.request_id;
        let Some(datagram) = line.receive(deadline, clock)? else { return Ok(Heard::Nothing) };
        let Some(incoming) = answer(datagram, id, session) else { continue };
        match session.read(incoming, clock.moment(), &mut scratch) {
            Received::Response(pdu) => return Ok(Heard::Answer(walk.on_response(&pdu))),
            Received::WriteAgain => return Ok(Heard::WriteAgain),
            Received::Refused(error) => return Err(PollError::Security(error.to_string())),
            Received::Wait(_) => (),
        }
    }
}

/// The datagram, if it may answer the request of that id.
fn answer<'a>(datagram: &'a [u8], id: i32, session: &Session) -> Option<Incoming<'a>> {
    Incoming::parse(datagram).ok().filter(|it| it.id() == id && session.fits(it))
}

/// Makes the keys that a session lacks: somebody waits, and there is nothing else to do.
fn make_keys(session: &mut Session, need: &NeedKeys) -> Result<(), PollError> {
    let keys = session.user().and_then(|user| KeyCache::new().derive(user, &need.engine));
    let none = || PollError::Security("no keys can be made for this user".to_owned());
    session.set_keys(&need.engine, &keys.ok_or_else(none)?);
    Ok(())
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

/// A connected socket and the id of the request in flight.
struct Line {
    socket: UdpSocket,
    request_id: i32,
    /// See [`Session::begin_request`].
    nonce: i32,
    buffer: Vec<u8>,
}

impl Line {
    const FIRST_ID: i32 = 0x0100_0000;

    fn open(target: &Target) -> Result<Self, PollError> {
        let failed = |error: std::io::Error| failed(&error);
        let any = match target.address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(any).map_err(failed)?;
        socket.connect(target.address).map_err(failed)?;
        // Without randomness the ids are merely easier to guess.
        let [a, b, c, d, e, f, ..] = random().to_be_bytes();
        let request_id = Self::FIRST_ID + i32::from(u16::from_be_bytes([a, b]));
        let nonce = i32::from_be_bytes([(c & 0x3f) | 0x40, d, e, f]);
        Ok(Self { socket, request_id, nonce, buffer: vec![0; 65_535] })
    }

    fn next_request(&mut self) {
        self.request_id = self.request_id.checked_add(1).unwrap_or(Self::FIRST_ID);
        self.nonce = self.nonce.checked_add(1).unwrap_or(Self::FIRST_ID);
    }

    fn send(&self, octets: &[u8]) -> Result<(), PollError> {
        self.socket.send(octets).map(drop).map_err(|error| failed(&error))
    }

    /// The next datagram, if one comes before the deadline.
    fn receive(&mut self, deadline: Moment, clock: SystemClock) -> Result<Option<&[u8]>, PollError> {
        let length = loop {
            let left = deadline.since(clock.moment());
            if left.is_zero() || self.socket.set_read_timeout(Some(left)).is_err() {
                return Ok(None);
            }
            match self.socket.recv(&mut self.buffer) {
                Ok(length) => break length,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(None),
                    ErrorKind::Interrupted => (),
                    _ => return Err(failed(&error)),
                },
            }
        };
        Ok(self.buffer.get(..length))
    }
}

fn failed(error: &std::io::Error) -> PollError {
    match error.kind() {
        ErrorKind::ConnectionRefused => PollError::Refused,
        _ => PollError::Unreachable(error.to_string()),
    }
}
