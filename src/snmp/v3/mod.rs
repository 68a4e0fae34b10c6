//! SNMPv3 with the User-based Security Model (RFC 3412, 3414, 3826, 7860): pure.
//!
//! [`Session`] asks one device: it discovers the engine, keeps its time, writes requests and believes
//! answers. [`Authority`] is the other role, where we are asked: informs, and the simulator's agents.
//! [`open_notification`] reads traps. [`KeyCache`] holds the keys for all of them. Bytes, time and
//! randomness come in as arguments. Invariants: octets are verified before they are decrypted, and what
//! is known of an engine changes only with a verified answer to a request of ours; a forged or replayed
//! datagram costs at most some requests more. Does not decide who may see what (VACM).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod authority;
pub mod cache;
mod cipher;
pub mod engine_id;
pub mod error;
pub mod keys;
mod mac;
pub(crate) mod message;
pub mod notification;
pub mod protocol;
pub mod report;
pub mod session;
pub mod user;

pub use authority::{Account, Authority, Opened, Request};
pub use cache::KeyCache;
pub use engine_id::EngineId;
pub use error::UsmError;
pub use keys::LocalizedKeys;
pub use notification::{Notification, SenderClock, open_notification};
pub use protocol::{AuthProtocol, PrivProtocol, SecurityLevel, UnknownProtocol};
pub use report::Report;
pub use session::{NeedKeys, Received, Session, WaitCause};
pub use user::{KeySource, User, UserPart, UserProblem};

/// snmpEngineBoots' end, at which an engine accepts no message any more (RFC 3414 section 2.2.2).
const BOOTS_MAX: u32 = 0x7fff_ffff;
/// snmpEngineTime's end, in seconds: 68 years (RFC 3414 section 2.2.1).
const TIME_MAX: u32 = 0x7fff_ffff;
/// A message may be so many seconds off (RFC 3414 section 2.2.3).
const TIME_WINDOW_SECONDS: u32 = 150;

/// Whether a datagram is of SNMPv3.
#[must_use]
pub fn is_v3(datagram: &[u8]) -> bool {
    super::wire::v3::is_v3(datagram)
}

/// msgID of an SNMPv3 datagram, of which no more than the head is read: to find whose it is.
#[must_use]
pub fn peek_message_id(datagram: &[u8]) -> Option<i32> {
    super::wire::v3::message_id(datagram)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests: an overflow panics, and fails them")]
mod attack_tests;
#[cfg(test)]
mod beside_tests;
#[cfg(test)]
mod session_tests;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests: an overflow panics, and fails them")]
mod test_world;
#[cfg(test)]
mod vector_tests;
