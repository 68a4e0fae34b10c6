//! The asked side: an engine whose ID, boots and time count (RFC 3414 section 3.2).
//!
//! Answers discovery, checks user, code, time and encryption in the RFC's order, and writes responses and
//! reports. Serves us where informs come in, and the simulator's agents. Does not decide which user may
//! see what, and holds no users: they are looked up.

use super::engine_id::EngineId;
use super::error::UsmError;
use super::keys::LocalizedKeys;
use super::message::{Outgoing, Protection, is_reportable, level_of, open, verify};
use super::protocol::SecurityLevel;
use super::report::Report;
use super::user::User;
use super::{BOOTS_MAX, TIME_MAX, TIME_WINDOW_SECONDS};
use crate::model::{Moment, Value};
use crate::snmp::wire::v3::{V3Message, decode, scoped};
use crate::snmp::wire::{ErrorStatus, Pdu, PduKind, encode_varbinds};
use std::sync::Arc;

/// A user, and its keys at the engine that counts; none for a user without authentication.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user.
    pub user: Arc<User>,
    /// Its keys.
    pub keys: Option<Arc<LocalizedKeys>>,
}

/// An engine that others ask.
#[derive(Debug)]
pub struct Authority {
    engine_id: EngineId,
    boots: u32,
    /// snmpEngineTime at `anchor`.
    time: u32,
    anchor: Moment,
    /// Counts messages for their salts.
    count: u64,
    /// Reports written: the counter that they carry.
    reports: u32,
}

/// What a datagram was.
#[derive(Debug)]
pub enum Opened<'a> {
    /// A request at its user's word: what is claimed was checked.
    Request(Request<'a>),
    /// One that is not taken: [`Authority::write_report`] says so to its sender.
    Refused(Refused),
}

/// A checked request.
#[derive(Debug)]
pub struct Request<'a> {
    /// msgID, which the answer repeats.
    pub message_id: i32,
    /// Who asks.
    pub account: Account,
    /// At which level: it may be below what the user could do, which is for access control to judge.
    pub level: SecurityLevel,
    /// contextEngineID
    pub context_engine_id: &'a [u8],
    /// contextName
    pub context_name: &'a [u8],
    /// What is asked.
    pub pdu: Pdu<'a>,
}

/// A refused message.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub report: Report,
    message_id: i32,
    /// Zero where it could not be read.
    request_id: i32,
    is_reportable: bool,
    user_name: Box<[u8]>,
    /// How the report is protected: notInTimeWindows is authenticated, so that it can be believed
    /// (RFC 3414 section 3.2 (7a)); what is refused before it cannot be.
    level: SecurityLevel,
    keys: Option<Arc<LocalizedKeys>>,
}

impl Authority {
    /// An engine that was started for the `boots`th time at `started`. `entropy` must be random, as for
    /// [`Session::new`](super::Session::new).
    #[must_use]
    pub const fn new(engine_id: EngineId, boots: u32, started: Moment, entropy: u64) -> Self {
        Self { engine_id, boots, time: 0, anchor: started, count: entropy, reports: 0 }
    }

    /// Its ID.
    #[must_use]
    pub const fn engine_id(&self) -> &EngineId {
        &self.engine_id
    }

    /// snmpEngineBoots
    #[must_use]
    pub const fn boots(&self) -> u32 {
        self.boots
    }

    /// snmpEngineTime, in seconds.
    #[must_use]
    pub fn time_at(&self, now: Moment) -> u32 {
        let passed = u32::try_from(now.since(self.anchor).as_secs()).unwrap_or(TIME_MAX);
        self.time.saturating_add(passed).min(TIME_MAX)
    }

    /// Sets boots and time: a restart, or a clock that is wrong.
    pub const fn set_clock(&mut self, boots: u32, time: u32, now: Moment) {
        (self.boots, self.time, self.anchor) = (boots, time, now);
    }

    /// Reads a datagram that is addressed to this engine. `lookup` finds a user by name, with the keys
    /// at this engine.
    ///
    /// # Errors
    /// [`UsmError::Malformed`], for what no report answers.
    pub fn open<'a>(
        &self,
        datagram: &'a [u8],
        now: Moment,
        lookup: impl FnOnce(&[u8]) -> Option<Account>,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Opened<'a>, UsmError> {
        let message = decode(datagram)?;
        let account = match self.account(&message, now, lookup) {
            Ok(account) => account,
            Err((report, keys)) => return Ok(Opened::Refused(Refused::new(&message, report, keys))),
        };
        let Ok(scoped) = open(&message, account.keys.as_deref(), scratch) else {
            let level = level_of(&message);
            if level < SecurityLevel::AuthPriv {
                return Err(crate::snmp::wire::DecodeError::Truncated { what: "the scoped PDU" }.into());
            }
            return Ok(Opened::Refused(Refused::new(&message, Report::DecryptionErrors, None)));
        };
        Ok(Opened::Request(Request {
            message_id: message.message_id,
            account,
            level: level_of(&message),
            context_engine_id: scoped.context_engine_id,
            context_name: scoped.context_name,
            pdu: scoped.pdu,
        }))
    }

    /// Everything that can be checked without decrypting, in the RFC's order.
    fn account(
        &self,
        message: &V3Message<'_>,
        now: Moment,
        lookup: impl FnOnce(&[u8]) -> Option<Account>,
    ) -> Result<Account, (Report, Option<Arc<LocalizedKeys>>)> {
        if message.engine_id != self.engine_id.as_slice() {
            return Err((Report::UnknownEngineIds, None));
        }
        let account = lookup(message.user_name).ok_or((Report::UnknownUserNames, None))?;
        let level = level_of(message);
        if account.user.level() < level {
            return Err((Report::UnsupportedSecLevels, None));
        }
        if level == SecurityLevel::NoAuthNoPriv {
            return Ok(account);
        }
        if !account.keys.as_ref().is_some_and(|it| verify(message, it)) {
            return Err((Report::WrongDigests, None));
        }
        let apart = self.time_at(now).abs_diff(message.time);
        let is_timely =
            self.boots != BOOTS_MAX && message.boots == self.boots && apart <= TIME_WINDOW_SECONDS;
        if is_timely { Ok(account) } else { Err((Report::NotInTimeWindows, account.keys)) }
    }

    /// Appends the answer to a request, protected as it was: to an inform, its own variable bindings.
    pub fn write_response(
        &mut self,
        request: &Request<'_>,
        status: ErrorStatus,
        index: u32,
        varbinds: &[u8],
        now: Moment,
        out: &mut Vec<u8>,
    ) {
        let (boots, time) = (self.boots, self.time_at(now));
        self.count = self.count.wrapping_add(1);
        let keys = request.account.keys.as_deref();
        let Some(protection) = Protection::new(request.level, keys, self.count) else { return };
        let outgoing = Outgoing {
            message_id: request.message_id,
            reportable: false,
            engine_id: self.engine_id.as_slice(),
            boots,
            time,
            user_name: request.account.user.name().as_bytes(),
            protection,
            context_engine_id: request.context_engine_id,
            context_name: request.context_name,
            kind: PduKind::Response,
            request_id: request.pdu.request_id,
            status,
            index,
            varbinds,
        };
        outgoing.write(out);
    }

    /// Appends the report that a refused message calls for; nothing, where its sender wants none.
    pub fn write_report(&mut self, refused: &Refused, now: Moment, out: &mut Vec<u8>) {
        let Some(counter) = refused.report.counter().filter(|_| refused.is_reportable) else { return };
        self.reports = self.reports.wrapping_add(1);
        let mut varbinds = Vec::new();
        let encoded = encode_varbinds(&mut varbinds, [(&counter, &Value::Counter32(self.reports))]);
        if encoded.is_err() {
            return;
        }
        self.count = self.count.wrapping_add(1);
        let protection = Protection::new(refused.level, refused.keys.as_deref(), self.count);
        let Some(protection) = protection else { return };
        let outgoing = Outgoing {
            message_id: refused.message_id,
            reportable: false,
            engine_id: self.engine_id.as_slice(),
            boots: self.boots,
            time: self.time_at(now),
            user_name: &refused.user_name,
            protection,
            context_engine_id: self.engine_id.as_slice(),
            context_name: &[],
            kind: PduKind::Report,
            request_id: refused.request_id,
            status: ErrorStatus::NO_ERROR,
            index: 0,
            varbinds: &varbinds,
        };
        outgoing.write(out);
    }
}

impl Refused {
    fn new(message: &V3Message<'_>, report: Report, keys: Option<Arc<LocalizedKeys>>) -> Self {
        let is_plain = level_of(message) < SecurityLevel::AuthPriv;
        let read = if is_plain { scoped(message.data).ok() } else { None };
        Self {
            report,
            message_id: message.message_id,
            request_id: read.map_or(0, |it| it.pdu.request_id),
            is_reportable: is_reportable(message),
            user_name: message.user_name.into(),
            level: if keys.is_some() { SecurityLevel::AuthNoPriv } else { SecurityLevel::NoAuthNoPriv },
            keys,
        }
    }
}

impl Refused {
    /// The same without a code, as some agents send notInTimeWindows: for the simulator.
    #[must_use]
    pub fn unsigned(self) -> Self {
        Self { level: SecurityLevel::NoAuthNoPriv, keys: None, ..self }
    }
}

impl Request<'_> {
    /// Refuses a checked request after all, at its own level: a context that there is not
    /// (RFC 3413 section 3.2 (5)).
    #[must_use]
    pub fn refuse(&self, report: Report) -> Refused {
        Refused {
            report,
            message_id: self.message_id,
            request_id: self.pdu.request_id,
            is_reportable: true,
            user_name: self.account.user.name().as_bytes().into(),
            level: self.level,
            keys: self.account.keys.clone(),
        }
    }
}
