//! An agent's SNMPv3 engine, and what goes wrong with it on purpose.
//!
//! Checking, answering and reporting are [`Authority`]'s; this keeps users, contexts, the clock and, for an
//! attacker on the way, what was sent before. Does not decide which user may see what: each may see all.

use super::{Agent, Origin, Outgoing, Scratch};
use crate::model::{Moment, Value};
use crate::simulator::faults::Fault;
use crate::snmp::v3::message::{Outgoing as V3Outgoing, Protection};
use crate::snmp::v3::{
    Account, Authority, EngineId, KeyCache, Opened, Report, Request, SecurityLevel, User, peek_message_id,
};
use crate::snmp::wire::{ErrorStatus, Message, PduKind, Version, encode_varbinds};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an agent's engine is to be. Cheap to clone; clones share the keys of their users.
#[derive(Debug, Clone)]
pub struct EngineSpec {
    id: EngineId,
    boots: u32,
    users: Vec<Arc<User>>,
    contexts: Vec<String>,
    keys: Arc<KeyCache>,
}

impl EngineSpec {
    /// An engine in its first boot that knows these users, and the default context alone.
    #[must_use]
    pub fn new(id: EngineId, users: impl IntoIterator<Item = Arc<User>>) -> Self {
        Self {
            id,
            boots: 1,
            users: users.into_iter().collect(),
            contexts: vec![String::new()],
            keys: Arc::default(),
        }
    }

    /// The same with another ID: its clones must have one each.
    #[must_use]
    pub const fn with_id(mut self, id: EngineId) -> Self {
        self.id = id;
        self
    }

    /// The same in another boot.
    #[must_use]
    pub const fn with_boots(mut self, boots: u32) -> Self {
        self.boots = boots;
        self
    }

    /// The same with one more context.
    #[must_use]
    pub fn with_context(mut self, name: &str) -> Self {
        self.contexts.push(name.to_owned());
        self
    }

    /// The same with keys that others share: a passphrase costs milliseconds once, not for each agent.
    #[must_use]
    pub fn with_keys(mut self, keys: Arc<KeyCache>) -> Self {
        self.keys = keys;
        self
    }
}

/// A running engine.
pub(super) struct Engine {
    spec: EngineSpec,
    authority: Authority,
    accounts: Vec<Account>,
    /// Since when its clock goes wrong, and what it was then.
    astray: Option<(Moment, u32)>,
    /// What was sent, by message ID: an attacker's recording. At most [`HEARD_MAX`].
    answers: BTreeMap<i32, Vec<u8>>,
    reports: BTreeMap<i32, Vec<u8>>,
}

impl Engine {
    pub(super) fn start(spec: EngineSpec, seed: u64, now: Moment) -> Self {
        let authority = Authority::new(spec.id, spec.boots, now, seed);
        let mut engine = Self {
            spec,
            authority,
            accounts: Vec::new(),
            astray: None,
            answers: BTreeMap::new(),
            reports: BTreeMap::new(),
        };
        engine.localize();
        engine
    }

    /// The keys of its users under its ID.
    fn localize(&mut self) {
        let id = *self.authority.engine_id();
        let account =
            |user: &Arc<User>| Account { user: Arc::clone(user), keys: self.spec.keys.derive(user, &id) };
        self.accounts = self.spec.users.iter().map(account).collect();
    }

    /// A restart: one boot more, and its time is zero. What was lost is lost.
    pub(super) fn reboot(&mut self, is_lost: bool, is_replaced: bool, seed: u64, now: Moment) {
        let boots = if is_lost { 0 } else { self.authority.boots().saturating_add(1) };
        if is_replaced {
            let mut octets = self.authority.engine_id().as_slice().to_vec();
            if let Some(last) = octets.last_mut() {
                *last = last.wrapping_add(1);
            }
            let id = EngineId::new(&octets).unwrap_or(self.spec.id);
            self.authority = Authority::new(id, boots, now, seed);
            self.localize();
        }
        self.authority.set_clock(boots, 0, now);
        self.astray = None;
    }

    /// Lets the clock go at so many percent of the true one's pace.
    fn wind(&mut self, percent: u32, now: Moment) {
        let (since, then) = *self.astray.get_or_insert_with(|| (now, self.authority.time_at(now)));
        let passed = now.since(since).as_secs().saturating_mul(percent.into()) / 100;
        let time = then.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
        self.authority.set_clock(self.authority.boots(), time.min(i32::MAX.unsigned_abs()), now);
    }

    fn account(&self, name: &[u8]) -> Option<Account> {
        self.accounts.iter().find(|it| it.user.name().as_bytes() == name).cloned()
    }

    fn has_context(&self, request: &Request<'_>) -> bool {
        request.context_engine_id == self.authority.engine_id().as_slice()
            && self.spec.contexts.iter().any(|it| it.as_bytes() == request.context_name)
    }

    fn remember(&mut self, message_id: i32, is_report: bool, message: &[u8]) {
        let heard = if is_report { &mut self.reports } else { &mut self.answers };
        if heard.len() < HEARD_MAX || heard.contains_key(&message_id) {
            heard.insert(message_id, message.to_vec());
        }
    }
}

impl Agent {
    /// Takes a datagram of SNMPv3 in.
    pub(super) fn handle_v3(
        &mut self,
        datagram: &[u8],
        now: Moment,
        scratch: &mut Scratch,
        send: &mut dyn FnMut(Outgoing<'_>),
    ) {
        let Some(mut engine) = self.engine.take() else {
            self.counters.malformed += 1;
            return;
        };
        if let Some(percent) =
            self.faults.fires(|it| if let Fault::EngineClock(it) = it { Some(*it) } else { None })
        {
            engine.wind(percent, now);
        }
        if let Some(is_report) = self.answer_v3(&mut engine, datagram, now, scratch)
            && !scratch.message.is_empty()
        {
            let message_id = peek_message_id(datagram).unwrap_or_default();
            if !self.faults.is_empty() {
                self.attack(&engine, message_id, now, send);
                self.damage_v3(&mut scratch.message);
            }
            engine.remember(message_id, is_report, &scratch.message);
            self.deliver(&scratch.message, now, send);
        }
        self.engine = Some(engine);
    }

    /// Whether the message that is now in `scratch` is a report; `None`: there is none.
    fn answer_v3(
        &mut self,
        engine: &mut Engine,
        datagram: &[u8],
        now: Moment,
        scratch: &mut Scratch,
    ) -> Option<bool> {
        scratch.message.clear();
        let mut plain = Vec::new();
        let opened = engine.authority.open(datagram, now, |name| engine.account(name), &mut plain);
        let refused = match opened {
            Err(_) => {
                self.counters.malformed += 1;
                return None;
            }
            Ok(Opened::Request(request)) if engine.has_context(&request) => {
                return self.answer_request(engine, request, now, scratch);
            }
            Ok(Opened::Request(request)) => request.refuse(Report::UnknownContexts),
            Ok(Opened::Refused(refused)) if self.faults.is_fired(&Fault::UnsignedReports) => {
                refused.unsigned()
            }
            Ok(Opened::Refused(refused)) => refused,
        };
        self.counters.reports += 1;
        engine.authority.write_report(&refused, now, &mut scratch.message);
        Some(true)
    }

    fn answer_request(
        &mut self,
        engine: &mut Engine,
        mut request: Request<'_>,
        now: Moment,
        scratch: &mut Scratch,
    ) -> Option<bool> {
        let message = Message { version: Version::V2c, community: &[], pdu: request.pdu.clone() };
        if !self.counts(message.pdu.kind) || self.drops(&message) {
            return None;
        }
        let heads = HEAD_OCTETS_MAX
            + engine.authority.engine_id().as_slice().len()
            + request.context_engine_id.len()
            + request.context_name.len()
            + request.account.user.name().len();
        let Ok((status, index)) = self.answer(&message, heads, now, &mut scratch.varbinds) else {
            self.counters.malformed += 1;
            return None;
        };
        if !self.faults.is_empty() {
            self.misread(&mut request.pdu.request_id, &mut scratch.varbinds);
            if self.faults.is_fired(&Fault::BelowLevel) {
                request.level = match request.level {
                    SecurityLevel::AuthPriv => SecurityLevel::AuthNoPriv,
                    _ => SecurityLevel::NoAuthNoPriv,
                };
            }
        }
        let varbinds = &scratch.varbinds;
        engine.authority.write_response(&request, status, index, varbinds, now, &mut scratch.message);
        Some(false)
    }

    /// What somebody on the way sends before the agent's own answer arrives.
    fn attack(&mut self, engine: &Engine, message_id: i32, now: Moment, send: &mut dyn FnMut(Outgoing<'_>)) {
        let mut send = |datagram: &[u8]| send(Outgoing { datagram, due: now, origin: Origin::Asked });
        for (fault, heard) in
            [(Fault::ReplayAnswers, &engine.answers), (Fault::ReplayReports, &engine.reports)]
        {
            if self.faults.is_fired(&fault) {
                // The one that was sent under the same ID is the best there is; the last one is another.
                let of_this_id = heard.get(&message_id);
                of_this_id.into_iter().chain(heard.values().last()).for_each(|it| send(it));
            }
        }
        if self.faults.is_fired(&Fault::ForgeReports) {
            forge(engine.authority.engine_id(), message_id).iter().for_each(|it| send(it));
        }
    }

    /// Spoils the code that authenticates a message, or other octets of it.
    fn damage_v3(&mut self, message: &mut Vec<u8>) {
        if self.faults.is_fired(&Fault::WrongDigest) {
            let place = crate::snmp::wire::v3::decode(message).map(|it| it.authentication);
            if let Some(code) = place.ok().and_then(|it| message.get_mut(it)) {
                code.iter_mut().for_each(|it| *it ^= 0x5a);
            }
        }
        self.damage(message);
    }
}

/// Unsigned messages of somebody who sees the request, and knows no key.
fn forge(engine: &EngineId, message_id: i32) -> Vec<Vec<u8>> {
    let own = engine.as_slice();
    let forged = [
        (PduKind::Report, Report::UnknownEngineIds, &b"\x80forged"[..], 1, 1),
        (PduKind::Report, Report::NotInTimeWindows, own, 4000, 1),
        (PduKind::Report, Report::NotInTimeWindows, own, 0, 2_000_000_000),
        (PduKind::Report, Report::WrongDigests, own, 1, 1),
        (PduKind::Report, Report::UnknownUserNames, own, 1, 1),
        (PduKind::Report, Report::DecryptionErrors, own, 1, 1),
        (PduKind::Response, Report::WrongDigests, own, 1, 1),
    ];
    let message = |(kind, report, engine_id, boots, time): (_, Report, &[u8], _, _)| {
        let mut varbinds = Vec::new();
        let name = report.counter()?;
        encode_varbinds(&mut varbinds, [(&name, &Value::Counter32(1))]).ok()?;
        let mut out = Vec::new();
        let message = V3Outgoing {
            message_id,
            reportable: false,
            engine_id,
            boots,
            time,
            user_name: &[],
            protection: Protection::none(),
            context_engine_id: engine_id,
            context_name: &[],
            kind,
            request_id: 0,
            status: ErrorStatus::NO_ERROR,
            index: 0,
            varbinds: &varbinds,
        };
        message.write(&mut out);
        Some(out)
    };
    forged.into_iter().filter_map(message).collect()
}

/// Message IDs whose answers an attacker keeps: a device's come round after 127 requests.
const HEARD_MAX: usize = 128;
/// The heads of a message at their longest, a code of 48 octets and DES's padding among them; engine IDs and names
/// apart.
const HEAD_OCTETS_MAX: usize = 160;
