//! BER encoding and strict decoding of SNMPv1, v2c and v3 messages (X.690; RFC 1157, RFC 1901, RFC 3412,
//! RFC 3416).
//!
//! `reader` reads tags, lengths and integers; message, PDU, varbinds and bounds are decided above it.
//! Decoding borrows from the datagram and allocates nothing. Invariants: no input panics; a malformed
//! varbind is an error, never a silent end of the list; octets after the outermost SEQUENCE are ignored
//! (agents pad), octets after a value within are an error.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod decode;
mod encode;
mod notification;
mod reader;
pub(crate) mod v3;

pub use crate::model::ValueRef;
pub use decode::{DecodeError, Message, Pdu, ShortVarbind, Varbind, Varbinds, decode, is_same_name};
pub use encode::{EncodeError, Names, encode_message, encode_name, encode_request, encode_varbinds};
pub use notification::{
    Notification, NotificationKind, NotificationMessage, TrapV1Outline, decode_notification,
};

/// The message version (RFC 1157 section 4, RFC 1901 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// SNMPv1: 0 on the wire.
    V1,
    /// SNMPv2c: 1 on the wire.
    V2c,
}

/// The kind of PDU, with its tag (RFC 1157 section 4.1, RFC 3416 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PduKind {
    /// GetRequest-PDU
    Get = 0xa0,
    /// GetNextRequest-PDU
    GetNext = 0xa1,
    /// Response-PDU (GetResponse-PDU in v1)
    Response = 0xa2,
    /// SetRequest-PDU
    Set = 0xa3,
    /// GetBulkRequest-PDU
    GetBulk = 0xa5,
    /// InformRequest-PDU
    Inform = 0xa6,
    /// SNMPv2-Trap-PDU
    TrapV2 = 0xa7,
    /// Report-PDU
    Report = 0xa8,
}

impl PduKind {
    /// The kind of that tag. Trap-PDU of v1 has a shape of its own and is not among them.
    #[must_use]
    pub const fn from_tag(tag: u8) -> Option<Self> {
        Some(match tag {
            0xa0 => Self::Get,
            0xa1 => Self::GetNext,
            0xa2 => Self::Response,
            0xa3 => Self::Set,
            0xa5 => Self::GetBulk,
            0xa6 => Self::Inform,
            0xa7 => Self::TrapV2,
            0xa8 => Self::Report,
            _ => return None,
        })
    }
}

/// error-status (RFC 3416 section 3): the values that pollers meet, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorStatus(pub u32);

impl ErrorStatus {
    /// noError(0)
    pub const NO_ERROR: Self = Self(0);
    /// tooBig(1)
    pub const TOO_BIG: Self = Self(1);
    /// noSuchName(2)
    pub const NO_SUCH_NAME: Self = Self(2);
    /// readOnly(4)
    pub const READ_ONLY: Self = Self(4);
    /// genErr(5)
    pub const GEN_ERR: Self = Self(5);
    /// noAccess(6)
    pub const NO_ACCESS: Self = Self(6);
    /// authorizationError(16)
    pub const AUTHORIZATION_ERROR: Self = Self(16);
    /// notWritable(17)
    pub const NOT_WRITABLE: Self = Self(17);

    /// The name in RFC 3416.
    #[must_use]
    pub const fn name(self) -> &'static str {
        const NAMES: [&str; 19] = [
            "noError",
            "tooBig",
            "noSuchName",
            "badValue",
            "readOnly",
            "genErr",
            "noAccess",
            "wrongType",
            "wrongLength",
            "wrongEncoding",
            "wrongValue",
            "noCreation",
            "inconsistentValue",
            "resourceUnavailable",
            "commitFailed",
            "undoFailed",
            "authorizationError",
            "notWritable",
            "inconsistentName",
        ];
        if (self.0 as usize) < NAMES.len() {
            #[expect(clippy::indexing_slicing, reason = "compared with the length on the line above")]
            NAMES[self.0 as usize]
        } else {
            "unknown error-status"
        }
    }
}

/// Tags of values (RFC 2578 section 7.1, RFC 3416 section 3).
pub(crate) mod tag {
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const IP_ADDRESS: u8 = 0x40;
    pub(crate) const COUNTER32: u8 = 0x41;
    pub(crate) const GAUGE32: u8 = 0x42;
    pub(crate) const TIME_TICKS: u8 = 0x43;
    pub(crate) const OPAQUE: u8 = 0x44;
    pub(crate) const COUNTER64: u8 = 0x46;
    pub(crate) const NO_SUCH_OBJECT: u8 = 0x80;
    pub(crate) const NO_SUCH_INSTANCE: u8 = 0x81;
    pub(crate) const END_OF_MIB_VIEW: u8 = 0x82;
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests: an overflow panics, and fails them")]
mod tests;
