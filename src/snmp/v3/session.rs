//! The manager's side towards one device: discovery, requests, reports, answers.
//!
//! Two pictures of the engine are kept. `current` is what a verified answer to a request of ours said,
//! and changes with nothing else. `tentative` is what reports and probes made us believe meanwhile; it
//! serves to write the next message, takes `current`'s place when an answer proves it, and goes with the
//! request. Freshness is proved by the random request-id inside of the authenticated answer, not by the
//! time window of RFC 3414 section 3.2 (7b): so an engine whose boots were lost or whose clock stands
//! is followed at once, and a replayed report costs one request more.
//!
//! Does not send, wait, repeat or compute keys.

use super::engine_id::EngineId;
use super::error::{Hint, UsmError};
use super::keys::LocalizedKeys;
use super::message::{Outgoing, Protection, level_of, open, verify};
use super::protocol::SecurityLevel;
use super::report::Report;
use super::user::User;
use super::{BOOTS_MAX, TIME_MAX};
use crate::model::Moment;
use crate::snmp::wire::v3::{V3Message, decode};
use crate::snmp::wire::{ErrorStatus, Pdu, PduKind};
use std::sync::Arc;

/// One device's engine and what is being asked of it.
pub struct Session {
    user: Arc<User>,
    current: Option<Engine>,
    tentative: Option<Engine>,
    /// Counts messages for their salts, from a random start.
    count: u64,
    /// request-id of the request that is out; `None` between requests.
    nonce: Option<i32>,
    hint: Option<Hint>,
    /// With whose state the last message was written.
    wrote: View,
    /// With whose state the next one is to be written.
    next: View,
    resyncs: u8,
}

/// What is known of an engine.
struct Engine {
    id: EngineId,
    keys: Option<Arc<LocalizedKeys>>,
    boots: u32,
    /// snmpEngineTime at `anchor`.
    time: u32,
    anchor: Moment,
}

/// Whose state a message is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Nothing,
    Current,
    Tentative,
}

/// The keys of that engine are needed before the request can be written: see [`Session::set_keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeedKeys {
    /// The engine.
    pub engine: EngineId,
}

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

impl Engine {
    fn time_at(&self, now: Moment) -> u32 {
        let passed = u32::try_from(now.since(self.anchor).as_secs()).unwrap_or(TIME_MAX);
        self.time.saturating_add(passed).min(TIME_MAX)
    }
}

impl Session {
    /// Reports that one request follows. An engine that was replaced and has lost its time needs three
    /// (unknownEngineIDs, notInTimeWindows, and one lost clock second between them); past twice that, it
    /// is a loop or a forger, and an answer to what was already written may still come.
    pub const RESYNCS_MAX: u8 = 6;
    /// A report that says what was written, within so many seconds, teaches nothing.
    const SAME_TIME_SECONDS: u32 = 1;

    /// A session that knows nothing yet. `entropy` must be random: salts are counted from it (RFC 3826
    /// section 3.1.2.1), so that they differ from those before a restart.
    #[must_use]
    pub const fn new(user: Arc<User>, entropy: u64) -> Self {
        Self {
            user,
            current: None,
            tentative: None,
            count: entropy,
            nonce: None,
            hint: None,
            wrote: View::Nothing,
            next: View::Current,
            resyncs: 0,
        }
    }

    /// Begins a request that is to be answered once, however often it is written. `nonce` becomes the
    /// PDU's request-id and must be random and positive: it is what an answer proves its freshness with.
    pub fn begin_request(&mut self, nonce: i32) {
        self.end_request();
        self.nonce = Some(nonce);
        self.hint = None;
        self.resyncs = 0;
    }

    /// Ends it, answered or not: what was not proved is forgotten, but for [`Self::time_out_reason`].
    pub fn end_request(&mut self) {
        self.nonce = None;
        self.tentative = None;
        self.wrote = View::Nothing;
        self.next = View::Current;
    }

    /// Appends the request that was begun to `out`, or the probe that must go before it: for the first
    /// time, after [`Received::WriteAgain`], or because no answer came. The arguments are those of
    /// [`encode_message`](crate::snmp::wire::encode_message); `status` and `index` are non-repeaters and
    /// max-repetitions in a GetBulkRequest.
    ///
    /// # Errors
    /// [`NeedKeys`], and nothing is written.
    #[expect(clippy::too_many_arguments, reason = "the fields of one message, each named at the call")]
    pub fn write(
        &mut self,
        message_id: i32,
        kind: PduKind,
        status: ErrorStatus,
        index: u32,
        varbinds: &[u8],
        now: Moment,
        out: &mut Vec<u8>,
    ) -> Result<(), NeedKeys> {
        let nonce = self.nonce.unwrap_or_default();
        let view = self.view();
        let Some(engine) = self.engine(view) else {
            self.write_probe(message_id, nonce, out);
            return Ok(());
        };
        let level = self.user.level();
        let count = self.count;
        let protection =
            Protection::new(level, engine.keys.as_deref(), count).ok_or(NeedKeys { engine: engine.id })?;
        let is_timed = level != SecurityLevel::NoAuthNoPriv;
        let context = self.user.context_engine_id().unwrap_or(&engine.id);
        let outgoing = Outgoing {
            message_id,
            reportable: true,
            engine_id: engine.id.as_slice(),
            // RFC 3414 section 3.1 (6): zeros without authentication.
            boots: if is_timed { engine.boots } else { 0 },
            time: if is_timed { engine.time_at(now) } else { 0 },
            user_name: self.user.name().as_bytes(),
            protection,
            context_engine_id: context.as_slice(),
            context_name: self.user.context_name().as_bytes(),
            kind,
            request_id: nonce,
            status,
            index,
            varbinds,
        };
        outgoing.write(out);
        self.count = self.count.wrapping_add(1);
        self.wrote = view;
        // Should no answer come, the other picture is tried: a forger cannot keep us from the true one.
        self.next = if view == View::Tentative { View::Current } else { View::Tentative };
        Ok(())
    }

    /// RFC 3414 section 4: an empty engine ID and no variable bindings.
    fn write_probe(&mut self, message_id: i32, nonce: i32, out: &mut Vec<u8>) {
        let probe = Outgoing {
            message_id,
            reportable: true,
            engine_id: &[],
            boots: 0,
            time: 0,
            user_name: &[],
            protection: Protection::none(),
            context_engine_id: &[],
            context_name: &[],
            kind: PduKind::Get,
            // Not the nonce: an answer to the probe must never pass for one to the request.
            request_id: nonce ^ 1,
            status: ErrorStatus::NO_ERROR,
            index: 0,
            varbinds: &[],
        };
        probe.write(out);
        self.wrote = View::Nothing;
    }

    /// Hands over what [`NeedKeys`] asked for: the keys of this session's user, and of no other.
    pub fn set_keys(&mut self, engine: &EngineId, keys: &Arc<LocalizedKeys>) {
        for known in [&mut self.current, &mut self.tentative].into_iter().flatten() {
            if known.id == *engine {
                known.keys = Some(Arc::clone(keys));
            }
        }
    }

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
        self.current = Some(Engine { id, keys, boots: message.boots, time: message.time, anchor: now });
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
            self.tentative = Some(Engine { id, keys, boots, time, anchor: now });
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
        self.tentative = Some(Engine { id, keys, boots, time, anchor: now });
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

    /// Whose state the next message is written with.
    const fn view(&self) -> View {
        match (self.next, self.current.is_some(), self.tentative.is_some()) {
            (_, false, false) => View::Nothing,
            (View::Tentative, _, true) | (_, false, true) => View::Tentative,
            _ => View::Current,
        }
    }

    const fn engine(&self, view: View) -> Option<&Engine> {
        match view {
            View::Nothing => None,
            View::Current => self.current.as_ref(),
            View::Tentative => self.tentative.as_ref(),
        }
    }

    /// The engine of that ID: keys are the same in both pictures of it.
    fn known(&self, id: &[u8]) -> Option<&Engine> {
        [&self.tentative, &self.current].into_iter().flatten().find(|it| it.id.as_slice() == id)
    }

    /// The user that asks.
    #[must_use]
    pub const fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// Why the request that stayed unanswered may have: the last that was hinted at while it was out.
    #[must_use]
    pub fn time_out_reason(&self) -> Option<UsmError> {
        Some(self.hint?.error(&self.user))
    }

    /// The device's engine ID, proved. Two devices with one have the same keys and spoil each other's time.
    #[must_use]
    pub fn engine_id(&self) -> Option<&EngineId> {
        self.current.as_ref().map(|it| &it.id)
    }

    /// snmpEngineBoots, proved.
    #[must_use]
    pub fn engine_boots(&self) -> Option<u32> {
        self.current.as_ref().map(|it| it.boots)
    }

    /// snmpEngineTime by now, in seconds, counted on from what was proved.
    #[must_use]
    pub fn estimated_engine_time(&self, now: Moment) -> Option<u32> {
        self.current.as_ref().map(|it| it.time_at(now))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("user", &self.user.name())
            .field("engine_id", &self.engine_id())
            .field("engine_boots", &self.engine_boots())
            .finish_non_exhaustive()
    }
}
