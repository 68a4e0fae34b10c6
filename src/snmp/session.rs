//! How one agent is spoken to: what is put around a request, and whether a datagram is its answer.
//!
//! Pure. Jobs ([`super::GetJob`], [`super::Walk`]) say what to ask as a [`Request`]; the session makes the
//! message. Invariant: an answer counts only if version and community are those of the request.

use super::wire::{DecodeError, ErrorStatus, Message, Pdu, PduKind, Version, decode, encode_message};
use std::fmt;
use std::sync::Arc;

/// What a job wants to ask.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Get, GetNext or GetBulk.
    pub kind: PduKind,
    /// max-repetitions of a GetBulk (RFC 3416 section 4.2.3); 0 otherwise. non-repeaters is always 0.
    pub max_repetitions: u32,
    /// The variable bindings, encoded, without the SEQUENCE around them.
    pub varbinds: &'a [u8],
}

/// The state of speaking with one agent.
#[derive(Clone, PartialEq, Eq)]
pub enum Session {
    /// SNMPv1 or v2c.
    Community {
        /// The version to speak.
        version: Version,
        /// The community; a secret.
        community: Arc<[u8]>,
    },
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Community { version, .. } => {
                f.debug_struct("Community").field("version", version).field("community", &"***").finish()
            }
        }
    }
}

/// A datagram whose outside is sound.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// SNMPv1 or v2c.
    Community(Message<'a>),
}

impl<'a> Incoming<'a> {
    /// Reads the outside of a datagram.
    ///
    /// # Errors
    /// [`DecodeError`], for what is no SNMP message.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        decode(datagram).map(Self::Community)
    }

    /// What finds its request: request-id.
    #[must_use]
    pub const fn id(&self) -> i32 {
        match self {
            Self::Community(message) => message.pdu.request_id,
        }
    }
}

/// What a session makes of a datagram.
#[derive(Debug)]
pub enum Received<'a> {
    /// The answer.
    Response(Pdu<'a>),
    /// Nothing that was asked for.
    Foreign,
}

impl Session {
    /// Whether the version knows GETBULK (RFC 3416), and exceptions in place of noSuchName.
    #[must_use]
    pub const fn knows_getbulk(&self) -> bool {
        !matches!(self, Self::Community { version: Version::V1, .. })
    }

    /// Appends the message for a request.
    pub fn write(&self, request_id: i32, request: &Request<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Community { version, community } => encode_message(
                out,
                *version,
                community,
                request.kind,
                request_id,
                ErrorStatus::NO_ERROR,
                request.max_repetitions,
                request.varbinds,
            ),
        }
    }

    /// Whether the datagram may be this agent's answer, whichever request it answers. Cheap.
    #[must_use]
    pub fn fits(&self, incoming: &Incoming<'_>) -> bool {
        match (self, incoming) {
            (Self::Community { version, community }, Incoming::Community(message)) => {
                message.pdu.kind == PduKind::Response
                    && *version == message.version
                    && **community == *message.community
            }
        }
    }

    /// The answer in a datagram that [`Self::fits`] and bears the id of the request in flight.
    #[must_use]
    pub fn read<'a>(&mut self, incoming: Incoming<'a>) -> Received<'a> {
        match incoming {
            Incoming::Community(message) => Received::Response(message.pdu),
        }
    }
}
