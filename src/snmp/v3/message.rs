//! Protecting a message and taking the protection off: one pass over the octets each way.
//!
//! Knows nothing of engines' state. Invariant: [`open`] is called after [`verify`] has said yes.

use super::cipher::Cipher;
use super::keys::LocalizedKeys;
use super::mac::Mac;
use super::protocol::SecurityLevel;
use crate::snmp::wire::v3::{
    FLAG_AUTH, FLAG_PRIV, FLAG_REPORTABLE, ScopedPdu, V3Message, V3Outline, scoped, scoped_padded,
};
use crate::snmp::wire::{DecodeError, ErrorStatus, PduKind};

/// How a message is to be protected.
#[derive(Clone, Copy)]
pub(crate) struct Protection<'a> {
    mac: Option<&'a Mac>,
    /// The cipher, and the count that makes this message's salt.
    cipher: Option<(&'a Cipher, u64)>,
}

impl<'a> Protection<'a> {
    /// None at all: probes, and most reports.
    pub(crate) const fn none() -> Self {
        Self { mac: None, cipher: None }
    }

    /// Protection at that level. `None`, if the keys that it needs are not there: nothing is ever sent
    /// at a lower level instead. `count` must be another one for each message with these keys.
    pub(crate) fn new(level: SecurityLevel, keys: Option<&'a LocalizedKeys>, count: u64) -> Option<Self> {
        Some(match level {
            SecurityLevel::NoAuthNoPriv => Self::none(),
            SecurityLevel::AuthNoPriv => Self { mac: Some(keys?.mac()), cipher: None },
            SecurityLevel::AuthPriv => {
                Self { mac: Some(keys?.mac()), cipher: Some((keys?.cipher()?, count)) }
            }
        })
    }
}

/// A message to send.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    /// msgID
    pub(crate) message_id: i32,
    /// Whether the receiver may answer with a report.
    pub(crate) reportable: bool,
    /// msgAuthoritativeEngineID
    pub(crate) engine_id: &'a [u8],
    /// msgAuthoritativeEngineBoots
    pub(crate) boots: u32,
    /// msgAuthoritativeEngineTime, in seconds
    pub(crate) time: u32,
    /// msgUserName
    pub(crate) user_name: &'a [u8],
    /// Authentication and encryption.
    pub(crate) protection: Protection<'a>,
    /// contextEngineID
    pub(crate) context_engine_id: &'a [u8],
    /// contextName
    pub(crate) context_name: &'a [u8],
    /// The PDU's kind.
    pub(crate) kind: PduKind,
    /// request-id
    pub(crate) request_id: i32,
    /// error-status, or non-repeaters
    pub(crate) status: ErrorStatus,
    /// error-index, or max-repetitions
    pub(crate) index: u32,
    /// Encoded variable bindings, without their SEQUENCE.
    pub(crate) varbinds: &'a [u8],
}

impl Outgoing<'_> {
    /// Appends the message, encrypted in place and then authenticated.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let Protection { mac, cipher } = self.protection;
        let salt = cipher.map(|(cipher, count)| cipher.salt(self.boots, count));
        let mut flags = if self.reportable { FLAG_REPORTABLE } else { 0 };
        flags |= if mac.is_some() { FLAG_AUTH } else { 0 };
        flags |= if cipher.is_some() { FLAG_PRIV } else { 0 };
        let outline = V3Outline {
            message_id: self.message_id,
            flags,
            engine_id: self.engine_id,
            boots: self.boots,
            time: self.time,
            user_name: self.user_name,
            authentication_octets: mac.map_or(0, |it| it.protocol().code_octets()),
            privacy: salt.as_ref().map_or(&[], |it| &it[..]),
            block_octets: cipher.map_or(1, |(it, _)| it.protocol().block_octets()),
            context_engine_id: self.context_engine_id,
            context_name: self.context_name,
            kind: self.kind,
            request_id: self.request_id,
            status: self.status,
            index: self.index,
            varbinds: self.varbinds,
        };
        let start = out.len();
        let layout = outline.encode(out);
        if let (Some((cipher, _)), Some(salt), Some(data)) = (cipher, salt, out.get_mut(layout.scoped)) {
            cipher.encrypt(self.boots, self.time, salt, data);
        }
        if let Some(mac) = mac {
            let code = mac.code(&[out.get(start..).unwrap_or_default()]);
            if let Some(place) = out.get_mut(layout.authentication) {
                place.copy_from_slice(code.as_slice());
            }
        }
    }
}

/// The level that a message claims.
pub(crate) const fn level_of(message: &V3Message<'_>) -> SecurityLevel {
    match (message.flags & FLAG_AUTH != 0, message.flags & FLAG_PRIV != 0) {
        (false, _) => SecurityLevel::NoAuthNoPriv,
        (true, false) => SecurityLevel::AuthNoPriv,
        (true, true) => SecurityLevel::AuthPriv,
    }
}

/// Whether the sender may be told with a report.
pub(crate) const fn is_reportable(message: &V3Message<'_>) -> bool {
    message.flags & FLAG_REPORTABLE != 0
}

/// Whether the message's code is the one that these keys make, in constant time.
pub(crate) fn verify(message: &V3Message<'_>, keys: &LocalizedKeys) -> bool {
    let place = message.authentication.clone();
    let before = message.whole.get(..place.start).unwrap_or_default();
    let after = message.whole.get(place.end..).unwrap_or_default();
    keys.mac().verify(before, message.whole.get(place).unwrap_or_default(), after)
}

/// Reads the scoped PDU, decrypting into `scratch` where it is encrypted.
///
/// # Errors
/// [`DecodeError`], also for what other keys have encrypted.
pub(crate) fn open<'a>(
    message: &V3Message<'a>,
    keys: Option<&LocalizedKeys>,
    scratch: &'a mut Vec<u8>,
) -> Result<ScopedPdu<'a>, DecodeError> {
    if message.flags & FLAG_PRIV == 0 {
        return scoped(message.data);
    }
    const WRONG: DecodeError = DecodeError::Range { what: "the encrypted scoped PDU" };
    let cipher = keys.and_then(LocalizedKeys::cipher).ok_or(WRONG)?;
    scratch.clear();
    scratch.extend_from_slice(message.data);
    if !cipher.decrypt(message.boots, message.time, message.privacy, scratch) {
        return Err(WRONG);
    }
    scoped_padded(scratch)
}
