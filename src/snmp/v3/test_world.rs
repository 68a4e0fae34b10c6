//! A session and an engine that talk without a network, for the tests beside this file.

use super::message::{Outgoing, Protection};
use super::{
    Account, AuthProtocol, Authority, EngineId, KeyCache, KeySource, LocalizedKeys, Opened, PrivProtocol,
    Received, Report, Session, User, UsmError,
};
use crate::model::{Moment, Oid, Secret, Value};
use crate::snmp::wire::{ErrorStatus, Names, PduKind, encode_varbinds};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

pub(super) const MESSAGE_ID: i32 = 0x0007_0001;

/// Ku's are computed once for all tests.
pub(super) static KEYS: LazyLock<KeyCache> = LazyLock::new(KeyCache::new);

pub(super) fn engine_id(last: u8) -> EngineId {
    EngineId::new(&[0x80, 0, 0x1f, 0x88, 4, b'u', b'p', b's', last]).unwrap()
}

pub(super) fn phrase(text: &str) -> KeySource {
    KeySource::Passphrase(Secret::new(text))
}

pub(super) fn user(auth: Option<AuthProtocol>, privacy: Option<PrivProtocol>) -> Arc<User> {
    let auth = auth.map(|it| (it, phrase("maplesyrup")));
    let privacy = privacy.map(|it| (it, phrase("otherpassphrase")));
    Arc::new(User::new("ops", auth, privacy).unwrap())
}

/// authPriv by SHA-256 and AES-128.
pub(super) fn strong() -> Arc<User> {
    user(Some(AuthProtocol::Sha256), Some(PrivProtocol::Aes128))
}

pub(super) fn seconds(count: u64) -> Moment {
    Moment::after_zero(Duration::from_secs(count))
}

/// The name and the value that agents here know.
pub(super) fn up_time() -> (Oid, Value) {
    (Oid::new(&[1, 3, 6, 1, 2, 1, 1, 3, 0]), Value::TimeTicks(4711))
}

/// A device, and what we know of it.
pub(super) struct World {
    pub(super) session: Session,
    pub(super) authority: Authority,
    /// The user as the agent has it.
    pub(super) there: Arc<User>,
    pub(super) now: Moment,
    /// Messages that the session wrote.
    pub(super) written: usize,
    nonce: i32,
}

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Answered(Value),
    Failed(UsmError),
    TimedOut(Option<UsmError>),
}

impl World {
    pub(super) fn new(here: &Arc<User>, there: &Arc<User>) -> Self {
        Self {
            session: Session::new(Arc::clone(here), 0xfeed),
            authority: Authority::new(engine_id(1), 7, seconds(0), 0xbeef),
            there: Arc::clone(there),
            now: seconds(5000),
            written: 0,
            nonce: 1000,
        }
    }

    /// One that has answered once.
    pub(super) fn met(user: &Arc<User>) -> Self {
        let mut world = Self::new(user, user);
        assert!(matches!(world.request(), End::Answered(_)));
        world.written = 0;
        world
    }

    pub(super) fn begin(&mut self) -> i32 {
        self.nonce += 1;
        self.session.begin_request(self.nonce);
        self.nonce
    }

    /// The session's next message, keys brought where they are asked for.
    pub(super) fn write(&mut self) -> Vec<u8> {
        let names = Names::new([&up_time().0]).unwrap();
        let mut out = Vec::new();
        loop {
            let run = names.run(0, 1);
            let ok = ErrorStatus::NO_ERROR;
            match self.session.write(MESSAGE_ID, PduKind::Get, ok, 0, run, self.now, &mut out) {
                Ok(()) => break,
                Err(need) => {
                    assert!(out.is_empty());
                    let keys = KEYS.derive(&self.session.user().clone(), &need.engine).unwrap();
                    self.session.set_keys(&need.engine, &keys);
                }
            }
        }
        self.written += 1;
        out
    }

    pub(super) fn account(&self) -> Account {
        let keys = KEYS.derive(&self.there, self.authority.engine_id());
        Account { user: Arc::clone(&self.there), keys }
    }

    /// What the agent answers.
    pub(super) fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let account = self.account();
        let lookup = |name: &[u8]| (name == account.user.name().as_bytes()).then(|| account.clone());
        let (mut scratch, mut out, mut varbinds) = (Vec::new(), Vec::new(), Vec::new());
        let (name, value) = up_time();
        match self.authority.open(request, self.now, lookup, &mut scratch).unwrap() {
            Opened::Request(request) if request.context_name == b"attic" => {
                self.authority.write_report(&request.refuse(Report::UnknownContexts), self.now, &mut out);
            }
            Opened::Request(request) => {
                assert_eq!(request.pdu.varbinds.clone().next().unwrap().unwrap().oid().unwrap(), name);
                encode_varbinds(&mut varbinds, [(&name, &value)]).unwrap();
                let ok = ErrorStatus::NO_ERROR;
                self.authority.write_response(&request, ok, 0, &varbinds, self.now, &mut out);
            }
            Opened::Refused(refused) => self.authority.write_report(&refused, self.now, &mut out),
        }
        out
    }

    /// Reads, and says what came.
    pub(super) fn read(&mut self, datagram: &[u8]) -> Read {
        let mut scratch = Vec::new();
        match self.session.read(MESSAGE_ID, datagram, self.now, &mut scratch) {
            Received::Response(pdu) => {
                let varbind = pdu.varbinds.clone().next().unwrap().unwrap();
                Read::Answered(varbind.value.to_value().unwrap())
            }
            Received::WriteAgain => Read::WriteAgain,
            Received::Wait(cause) => Read::Wait(cause.label()),
            Received::Failed(why) => Read::Failed(why),
        }
    }

    /// A whole request, as the poller's shell does it.
    pub(super) fn request(&mut self) -> End {
        self.begin();
        let mut end = None;
        for _ in 0..20 {
            let request = self.write();
            let answer = self.answer(&request);
            match self.read(&answer) {
                Read::WriteAgain => continue,
                Read::Answered(value) => end = Some(End::Answered(value)),
                Read::Failed(why) => end = Some(End::Failed(why)),
                Read::Wait(_) => end = Some(End::TimedOut(self.session.time_out_reason())),
            }
            break;
        }
        self.session.end_request();
        end.unwrap()
    }

    /// What is proved of the engine.
    pub(super) fn proved(&self) -> (Option<EngineId>, Option<u32>, Option<u32>) {
        let session = &self.session;
        (session.engine_id().copied(), session.engine_boots(), session.estimated_engine_time(self.now))
    }

    pub(super) fn keys(&self) -> Arc<LocalizedKeys> {
        self.account().keys.unwrap()
    }

    /// A message as from the agent.
    pub(super) fn craft(&self, craft: &Craft<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let outgoing = Outgoing {
            message_id: MESSAGE_ID,
            reportable: craft.reportable,
            engine_id: craft.engine_id,
            boots: craft.boots,
            time: craft.time,
            user_name: b"ops",
            protection: craft.protection,
            context_engine_id: &[],
            context_name: &[],
            kind: craft.kind,
            request_id: craft.request_id,
            status: ErrorStatus::NO_ERROR,
            index: 0,
            varbinds: craft.varbinds,
        };
        outgoing.write(&mut out);
        out
    }
}

/// What a test may choose of a crafted message.
#[derive(Clone, Copy)]
pub(super) struct Craft<'a> {
    pub(super) reportable: bool,
    pub(super) engine_id: &'a [u8],
    pub(super) boots: u32,
    pub(super) time: u32,
    pub(super) protection: Protection<'a>,
    pub(super) kind: PduKind,
    pub(super) request_id: i32,
    pub(super) varbinds: &'a [u8],
}

impl<'a> Craft<'a> {
    /// An unprotected report of the engine that [`World`] has.
    pub(super) fn report(varbinds: &'a [u8]) -> Self {
        Self {
            reportable: false,
            engine_id: &[0x80, 0, 0x1f, 0x88, 4, b'u', b'p', b's', 1],
            boots: 7,
            time: 5000,
            protection: Protection::none(),
            kind: PduKind::Report,
            request_id: 0,
            varbinds,
        }
    }
}

/// A report's variable binding.
pub(super) fn counter(report: Report) -> Vec<u8> {
    let mut out = Vec::new();
    encode_varbinds(&mut out, [(&report.counter().unwrap(), &Value::Counter32(3))]).unwrap();
    out
}

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Answered(Value),
    WriteAgain,
    Wait(&'static str),
    Failed(UsmError),
}
