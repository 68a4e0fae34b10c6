//! The manager's side, reading: which datagram is the answer, which teaches something, which is nothing.
//!
//! Invariants: [`Session::prove`] alone sets what is known of the engine, and is called for verified fresh
//! answers alone; a message is verified before it is decrypted.

use super::{Engine, Session, View};
use crate::model::Moment;
use crate::snmp::v3::BOOTS_MAX;
use crate::snmp::v3::engine_id::EngineId;
use crate::snmp::v3::error::{Hint, UsmError};
use crate::snmp::v3::message::{level_of, open, verify};
use crate::snmp::v3::protocol::SecurityLevel;
use crate::snmp::v3::report::Report;
use crate::snmp::wire::v3::{V3Message, decode};
use crate::snmp::wire::{Pdu, PduKind};

/// What a datagram brought.
#[derive(Debug)]
pub enum Received<'a> {
    /// The answer.
    Response(Pdu<'a>),
    /// Something was learnt: write the same request again, at once.
    WriteAgain,
    /// Nothing that can be believed: wait on.
    Wait(WaitCause),
    /// The agent refuses, and has proved that it is the agent and that it means this request.
    Failed(UsmError),
}

/// Why a datagram changed nothing. The name is a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitCause {
    /// No message of USM, or one whose scoped PDU cannot be read.
    Undecodable,
    /// Another message ID, user or engine, or no PDU that answers.
    Foreign,
    /// The authentication code is wrong.
    Unverified,
    /// Authentic, but no answer to this request.
    Replayed,
    /// Below the level that was asked for.
    Downgraded,
    /// A report that proves nothing: kept for [`Session::time_out_reason`].
    Reported(Report),
    /// A report that would be followed, had not [`Session::RESYNCS_MAX`] been before it.
    TooManyResyncs,
}

impl WaitCause {
    /// Its label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Foreign => "foreign",
            Self::Unverified => "unverified",
            Self::Replayed => "replayed",
            Self::Downgraded => "downgraded",
            Self::Reported(_) => "reported",
            Self::TooManyResyncs => "resyncs",
        }
    }
}

impl Session {
    /// A report that says what was written, within so many seconds, teaches nothing.
    const SAME_TIME_SECONDS: u32 = 1;

    /// Reads a datagram from the device's address. The answer borrows from it, or from `scratch` where it
    /// had to be decrypted.
    pub fn read<'a>(
        &mut self,
        message_id: i32,
        datagram: &'a [u8],
        now: Moment,
        scratch: &'a mut Vec<u8>,
    ) -> Received<'a> {
        let Ok(message) = decode(datagram) else { return Received::Wait(WaitCause::Undecodable) };
        let Some(nonce) = self.nonce.filter(|_| message.message_id == message_id) else {
            return Received::Wait(WaitCause::Foreign);
        };
        if level_of(&message) == SecurityLevel::NoAuthNoPriv {
            self.read_plain(&message, nonce, now, scratch)
        } else {
            self.read_authenticated(&message, nonce, now, scratch)
        }
    }

    fn read_authenticated<'a>(
        &mut self,
        message: &V3Message<'a>,
        nonce: i32,
        now: Moment,
        scratch: &'a mut Vec<u8>,
    ) -> Received<'a> {
        let known = self.known(message.engine_id).and_then(|it| it.keys.clone());
        let Some(keys) = known.filter(|_| message.user_name == self.user.name().as_bytes()) else {
            return Received::Wait(WaitCause::Foreign);
        };
        if !verify(message, &keys) {
            self.note(Hint::Unverified);
            return Received::Wait(WaitCause::Unverified);
        }
        let Ok(scoped) = open(message, Some(&keys), scratch) else {
            self.note(Hint::Undecryptable);
            return Received::Wait(WaitCause::Undecodable);
        };
        match scoped.pdu.kind {
            PduKind::Report => self.on_report(message, &scoped.pdu, nonce, now),
            PduKind::Response if scoped.pdu.request_id != nonce => Received::Wait(WaitCause::Replayed),
            PduKind::Response if level_of(message) < self.user.level() => {
                self.note(Hint::Downgraded);
                Received::Wait(WaitCause::Downgraded)
            }
            PduKind::Response => {
                self.prove(message, now);
                Received::Response(scoped.pdu)
            }
            _ => Received::Wait(WaitCause::Foreign),
        }
    }

    /// Nothing vouches for this one.
    fn read_plain<'a>(
        &mut self,
        message: &V3Message<'a>,
        nonce: i32,
        now: Moment,
        scratch: &'a mut Vec<u8>,
    ) -> Received<'a> {
        let Ok(scoped) = open(message, None, scratch) else {
            return Received::Wait(WaitCause::Undecodable);
        };
        match scoped.pdu.kind {
            // Some agents answer the probe with another report, or as if it were a request.
            PduKind::Report | PduKind::Response if self.wrote == View::Nothing => {
                self.learn_engine(message, now)
            }
            PduKind::Report => self.on_report(message, &scoped.pdu, nonce, now),
            PduKind::Response if self.user.level() != SecurityLevel::NoAuthNoPriv => {
                self.note(Hint::Downgraded);
                Received::Wait(WaitCause::Downgraded)
            }
            PduKind::Response if scoped.pdu.request_id != nonce => Received::Wait(WaitCause::Replayed),
            PduKind::Response if self.known(message.engine_id).is_some() => {
                self.prove(message, now);
                Received::Response(scoped.pdu)
            }
            _ => Received::Wait(WaitCause::Foreign),
        }
    }

    /// A fresh answer: the engine is what it says it is.
    fn prove(&mut self, message: &V3Message<'_>, now: Moment) {
        let Some(id) = EngineId::new(message.engine_id) else { return };
        let keys = self.known(message.engine_id).and_then(|it| it.keys.clone());
        self.current =
            Some(Engine { id, keys, boots: message.boots, time: message.time, anchor: now, is_tried: true });
        self.tentative = None;
        self.wrote = View::Current;
        self.next = View::Current;
    }

    fn on_report<'a>(
        &mut self,
        message: &V3Message<'_>,
        pdu: &Pdu<'_>,
        nonce: i32,
        now: Moment,
    ) -> Received<'a> {
        let first = pdu.varbinds.clone().next().and_then(Result::ok);
        let report = first.map_or(Report::Other, |it| Report::of_name(it.name));
        // The request's own request-id, authenticated: neither forged nor replayed. Agents put it there
        // where they got so far as to read it (RFC 3412 section 7.1 (3)).
        let is_proved = level_of(message) != SecurityLevel::NoAuthNoPriv && pdu.request_id == nonce;
        match report {
            Report::UnknownEngineIds => self.learn_engine(message, now),
            Report::NotInTimeWindows if message.boots == BOOTS_MAX => {
                self.refuse(Hint::BootsExhausted, report, is_proved)
            }
            Report::NotInTimeWindows => self.learn_time(message, now),
            _ => self.refuse(Hint::Report(report), report, is_proved),
        }
    }

    fn refuse<'a>(&mut self, hint: Hint, report: Report, is_proved: bool) -> Received<'a> {
        self.note(hint);
        if is_proved {
            return Received::Failed(hint.error(&self.user));
        }
        Received::Wait(WaitCause::Reported(report))
    }

    /// The agent says which engine it is: the answer to a probe, or it is another than we thought.
    fn learn_engine<'a>(&mut self, message: &V3Message<'_>, now: Moment) -> Received<'a> {
        const REPORT: Report = Report::UnknownEngineIds;
        let Some(id) = EngineId::new(message.engine_id) else {
            let octets = u16::try_from(message.engine_id.len()).unwrap_or(u16::MAX);
            return self.refuse(Hint::EngineIdLength(octets), REPORT, false);
        };
        let is = |engine: &Option<Engine>| engine.as_ref().is_some_and(|it| it.id == id);
        let was_written = self.engine(self.wrote).is_some_and(|it| it.id == id);
        let is_due = self.wrote == View::Nothing && is(&self.tentative);
        if was_written || is_due {
            // A second copy of a report that was followed, or an agent that contradicts itself.
            return self.refuse(Hint::Report(REPORT), REPORT, false);
        }
        if self.is_spent() {
            return Received::Wait(WaitCause::TooManyResyncs);
        }
        if is(&self.current) {
            self.tentative = None;
            self.next = View::Current;
        } else {
            let keys = self.tentative.take().filter(|it| it.id == id).and_then(|it| it.keys);
            let (boots, time) = (message.boots, message.time);
            self.tentative = Some(Engine { id, keys, boots, time, anchor: now, is_tried: false });
            self.next = View::Tentative;
        }
        Received::WriteAgain
    }

    /// The agent says what its boots and time are.
    fn learn_time<'a>(&mut self, message: &V3Message<'_>, now: Moment) -> Received<'a> {
        const REPORT: Report = Report::NotInTimeWindows;
        let Some(known) = self.known(message.engine_id) else {
            return Received::Wait(WaitCause::Foreign);
        };
        let (id, keys) = (known.id, known.keys.clone());
        let was_written = self.engine(self.wrote).is_some_and(|it| {
            let apart = it.time_at(now).abs_diff(message.time);
            it.id == id && it.boots == message.boots && apart <= Self::SAME_TIME_SECONDS
        });
        if was_written {
            return self.refuse(Hint::Report(REPORT), REPORT, false);
        }
        if self.is_spent() {
            return Received::Wait(WaitCause::TooManyResyncs);
        }
        let (boots, time) = (message.boots, message.time);
        self.tentative = Some(Engine { id, keys, boots, time, anchor: now, is_tried: false });
        self.next = View::Tentative;
        Received::WriteAgain
    }

    /// Counts one more report to follow; whether there were too many.
    fn is_spent(&mut self) -> bool {
        if self.resyncs == Self::RESYNCS_MAX {
            return true;
        }
        self.resyncs = self.resyncs.saturating_add(1);
        false
    }

    fn note(&mut self, hint: Hint) {
        if self.hint.is_none() || !hint.is_weak() {
            self.hint = Some(hint);
        }
    }
}
