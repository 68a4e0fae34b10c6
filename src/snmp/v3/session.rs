//! The manager's side towards one device: discovery, requests, reports, answers.
//!
//! Two pictures of the engine are kept. `current` is what a verified answer to a request of ours said,
//! and changes with nothing else. `tentative` is what reports and probes made us believe meanwhile; it
//! serves to write the next message, takes `current`'s place when an answer proves it, and goes with the
//! request. Freshness is proved by the random request-id inside of the authenticated answer, not by the
//! time window of RFC 3414 section 3.2 (7b): so an engine whose boots were lost or whose clock stands
//! is followed at once, and a replayed report costs one request more.
//!
//! Does not send, wait, repeat or compute keys. This file writes; [`read`] reads; [`beside`] does both for requests in
//! flight beside the one that was begun, which change nothing of what is known.

mod beside;
mod read;

pub use read::{Received, WaitCause};

use super::TIME_MAX;
use super::engine_id::EngineId;
use super::error::{Hint, UsmError};
use super::keys::LocalizedKeys;
use super::message::{Outgoing, Protection};
use super::protocol::SecurityLevel;
use super::user::User;
use crate::model::Moment;
use crate::snmp::wire::{ErrorStatus, PduKind};
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
    /// Whether a message was written with this.
    is_tried: bool,
}

/// The PDU of a request.
#[derive(Clone, Copy)]
struct Asked<'a> {
    kind: PduKind,
    request_id: i32,
    status: ErrorStatus,
    index: u32,
    varbinds: &'a [u8],
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

    /// Ends it, answered or not: what was not proved is forgotten, but for [`Self::time_out_reason`], and
    /// for an engine that was named and not asked yet. Its keys may take longer than a request lasts, when
    /// thousands of engines are met at once: [`Self::set_keys`] still takes them, and the next request
    /// begins there.
    pub fn end_request(&mut self) {
        self.hint = self.last_hint();
        self.nonce = None;
        self.tentative = self.tentative.take().filter(|it| !it.is_tried);
        self.wrote = View::Nothing;
        self.next = if self.tentative.is_some() { View::Tentative } else { View::Current };
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
        let pdu = Asked { kind, request_id: nonce, status, index, varbinds };
        self.outgoing(engine, message_id, protection, pdu, now).write(out);
        self.count = self.count.wrapping_add(1);
        self.wrote = view;
        if let (View::Tentative, Some(engine)) = (view, &mut self.tentative) {
            engine.is_tried = true;
        }
        // Should no answer come, the other picture is tried: a forger cannot keep us from the true one.
        self.next = if view == View::Tentative { View::Current } else { View::Tentative };
        Ok(())
    }

    fn outgoing<'a>(
        &'a self,
        engine: &'a Engine,
        message_id: i32,
        protection: Protection<'a>,
        Asked { kind, request_id, status, index, varbinds }: Asked<'a>,
        now: Moment,
    ) -> Outgoing<'a> {
        let is_timed = self.user.level() != SecurityLevel::NoAuthNoPriv;
        let context = self.user.context_engine_id().unwrap_or(&engine.id);
        Outgoing {
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
            request_id,
            status,
            index,
            varbinds,
        }
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

    /// Hands over what [`NeedKeys`] asked for, at any time: the keys of this session's user, and of no
    /// other. Those of an engine that is not known any more are let go.
    pub fn set_keys(&mut self, engine: &EngineId, keys: &Arc<LocalizedKeys>) {
        for known in [&mut self.current, &mut self.tentative].into_iter().flatten() {
            if known.id == *engine {
                known.keys = Some(Arc::clone(keys));
            }
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
        Some(self.last_hint()?.error(&self.user))
    }

    /// Where nothing was hinted at, it still tells something that the engine was named, asked, and silent.
    fn last_hint(&self) -> Option<Hint> {
        let is_silent = self.tentative.is_some() && self.wrote != View::Nothing;
        self.hint.or(if is_silent { Some(Hint::Silence) } else { None })
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
