//! Requests in flight beside the one that was begun, for agents that bear several at a time.
//!
//! Each has a message ID and a nonce of its own, which its caller keeps. They go out only while what is known of the
//! engine is proved and not in doubt, and change nothing of it: whatever a report says of one of them, it is asked
//! again as the request that is begun, which follows reports within its own limits.

use super::{Asked, Received, Session, View, WaitCause};
use crate::model::Moment;
use crate::snmp::v3::message::{Protection, level_of, open, verify};
use crate::snmp::v3::protocol::SecurityLevel;
use crate::snmp::wire::v3::decode;
use crate::snmp::wire::{ErrorStatus, PduKind};

impl Session {
    /// Appends a GET, if it may go out beside the one that was begun; whether it may. `nonce` as in
    /// [`Self::begin_request`].
    pub fn write_beside(
        &mut self,
        message_id: i32,
        nonce: i32,
        varbinds: &[u8],
        now: Moment,
        out: &mut Vec<u8>,
    ) -> bool {
        let is_settled = self.wrote == View::Current && self.tentative.is_none() && self.nonce.is_some();
        let Some(engine) = self.current.as_ref().filter(|_| is_settled) else { return false };
        let Some(protection) = Protection::new(self.user.level(), engine.keys.as_deref(), self.count) else {
            return false;
        };
        let (kind, status) = (PduKind::Get, ErrorStatus::NO_ERROR);
        let pdu = Asked { kind, request_id: nonce, status, index: 0, varbinds };
        self.outgoing(engine, message_id, protection, pdu, now).write(out);
        self.count = self.count.wrapping_add(1);
        true
    }

    /// Reads a datagram that bears the message ID of a request that went out beside, and that had this nonce.
    /// [`Received::WriteAgain`]: a report came, and it is to be asked again as the one that is begun.
    pub fn read_beside<'a>(
        &self,
        message_id: i32,
        nonce: i32,
        datagram: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> Received<'a> {
        let Ok(message) = decode(datagram) else { return Received::Wait(WaitCause::Undecodable) };
        let level = level_of(&message);
        let is_plain = level == SecurityLevel::NoAuthNoPriv;
        if message.message_id != message_id {
            return Received::Wait(WaitCause::Foreign);
        }
        let engine = self.current.as_ref().filter(|it| it.id.as_slice() == message.engine_id);
        let keys = engine.and_then(|it| it.keys.as_deref());
        if !is_plain {
            let Some(keys) = keys.filter(|_| message.user_name == self.user.name().as_bytes()) else {
                return Received::Wait(WaitCause::Foreign);
            };
            if !verify(&message, keys) {
                return Received::Wait(WaitCause::Unverified);
            }
        }
        let keys = keys.filter(|_| !is_plain);
        let Ok(scoped) = open(&message, keys, scratch) else {
            return Received::Wait(WaitCause::Undecodable);
        };
        match scoped.pdu.kind {
            PduKind::Report => Received::WriteAgain,
            PduKind::Response if level < self.user.level() => Received::Wait(WaitCause::Downgraded),
            PduKind::Response if scoped.pdu.request_id != nonce => Received::Wait(WaitCause::Replayed),
            PduKind::Response if engine.is_some() => Received::Response(scoped.pdu),
            _ => Received::Wait(WaitCause::Foreign),
        }
    }

    /// A request that went out beside another one, which is over, becomes the one that was begun.
    pub fn adopt_request(&mut self, nonce: i32) {
        self.begin_request(nonce);
        self.wrote = View::Current;
        // As after it was written.
        self.next = View::Tentative;
    }
}
