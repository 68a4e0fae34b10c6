//! How one agent is spoken to: what is put around a request, and whether a datagram is its answer.
//!
//! Pure. Jobs ([`super::GetJob`], [`super::Walk`]) say what to ask as a [`Request`]; the session makes the
//! message. Invariant: an answer counts only if version and community, or engine, user, digest and nonce,
//! are those of the request.

use super::v3::{self, EngineId, LocalizedKeys, NeedKeys, User, UsmError, WaitCause};
use super::wire::{DecodeError, ErrorStatus, Message, Pdu, PduKind, Version, decode, encode_message};
use crate::model::Moment;
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
pub enum Session {
    /// SNMPv1 or v2c.
    Community {
        /// The version to speak.
        version: Version,
        /// The community; a secret.
        community: Arc<[u8]>,
    },
    /// SNMPv3 with the User-based Security Model.
    Usm(Box<v3::Session>),
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Community { version, .. } => {
                f.debug_struct("Community").field("version", version).field("community", &"***").finish()
            }
            Self::Usm(session) => session.fmt(f),
        }
    }
}

/// A datagram whose outside is sound.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// SNMPv1 or v2c.
    Community(Message<'a>),
    /// SNMPv3, of which no more than the head was read.
    Usm {
        /// msgID.
        message_id: i32,
        /// All of it.
        datagram: &'a [u8],
    },
}

impl<'a> Incoming<'a> {
    /// Reads the outside of a datagram.
    ///
    /// # Errors
    /// [`DecodeError`], for what is no SNMP message.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        match decode(datagram) {
            Ok(message) => Ok(Self::Community(message)),
            Err(error) => match v3::peek_message_id(datagram) {
                Some(message_id) => Ok(Self::Usm { message_id, datagram }),
                None => Err(error),
            },
        }
    }

    /// What finds its request: request-id, or msgID (RFC 3412 section 6.2).
    #[must_use]
    pub const fn id(&self) -> i32 {
        match self {
            Self::Community(message) => message.pdu.request_id,
            Self::Usm { message_id, .. } => *message_id,
        }
    }
}

/// What a session makes of a datagram.
#[derive(Debug)]
pub enum Received<'a> {
    /// The answer.
    Response(Pdu<'a>),
    /// Something was learnt of the engine: the same request is to be written again, at once.
    WriteAgain,
    /// Nothing that can be believed: wait on.
    Wait(WaitCause),
    /// The agent refuses, and has proved that it is the agent.
    Refused(UsmError),
}

impl<'a> From<v3::Received<'a>> for Received<'a> {
    fn from(received: v3::Received<'a>) -> Self {
        match received {
            v3::Received::Response(pdu) => Self::Response(pdu),
            v3::Received::WriteAgain => Self::WriteAgain,
            v3::Received::Wait(cause) => Self::Wait(cause),
            v3::Received::Failed(error) => Self::Refused(error),
        }
    }
}

impl Session {
    /// A session that knows nothing yet. `entropy` must be random.
    #[must_use]
    pub fn of_user(user: Arc<User>, entropy: u64) -> Self {
        Self::Usm(Box::new(v3::Session::new(user, entropy)))
    }

    /// Whether the version knows GETBULK (RFC 3416), and exceptions in place of noSuchName.
    #[must_use]
    pub const fn knows_getbulk(&self) -> bool {
        !matches!(self, Self::Community { version: Version::V1, .. })
    }

    /// Begins a request that is to be answered once, however often it is written. `nonce` must be random
    /// and positive.
    pub fn begin_request(&mut self, nonce: i32) {
        if let Self::Usm(session) = self {
            session.begin_request(nonce);
        }
    }

    /// Appends the message for the request that was begun, or what must go before it.
    ///
    /// # Errors
    /// [`NeedKeys`], and nothing is written: [`Self::set_keys`], and again.
    pub fn write(
        &mut self,
        message_id: i32,
        request: &Request<'_>,
        now: Moment,
        out: &mut Vec<u8>,
    ) -> Result<(), NeedKeys> {
        let (kind, status, index) = (request.kind, ErrorStatus::NO_ERROR, request.max_repetitions);
        match self {
            Self::Community { version, community } => {
                encode_message(out, *version, community, kind, message_id, status, index, request.varbinds);
                Ok(())
            }
            Self::Usm(session) => session.write(message_id, kind, status, index, request.varbinds, now, out),
        }
    }

    /// Appends the message of a GET that goes out beside the one that was begun, if it may; whether it may. `nonce`
    /// as in [`Self::begin_request`].
    pub fn write_beside(
        &mut self,
        message_id: i32,
        nonce: i32,
        varbinds: &[u8],
        now: Moment,
        out: &mut Vec<u8>,
    ) -> bool {
        match self {
            Self::Community { version, community } => {
                let (kind, status) = (PduKind::Get, ErrorStatus::NO_ERROR);
                encode_message(out, *version, community, kind, message_id, status, 0, varbinds);
                true
            }
            Self::Usm(session) => session.write_beside(message_id, nonce, varbinds, now, out),
        }
    }

    /// The answer to it in a datagram that [`Self::fits`] and bears its id. [`Received::WriteAgain`]: it is to be
    /// asked again, as the one that is begun.
    #[must_use]
    pub fn read_beside<'a>(
        &self,
        incoming: Incoming<'a>,
        nonce: i32,
        scratch: &'a mut Vec<u8>,
    ) -> Received<'a> {
        match (self, incoming) {
            (Self::Community { .. }, Incoming::Community(message)) => Received::Response(message.pdu),
            (Self::Usm(session), Incoming::Usm { message_id, datagram }) => {
                session.read_beside(message_id, nonce, datagram, scratch).into()
            }
            _ => Received::Wait(WaitCause::Foreign),
        }
    }

    /// A request that went out beside another one, which is over, becomes the one that was begun.
    pub fn adopt_request(&mut self, nonce: i32) {
        if let Self::Usm(session) = self {
            session.adopt_request(nonce);
        }
    }

    /// Whose keys [`NeedKeys`] asks for.
    #[must_use]
    pub fn user(&self) -> Option<&Arc<User>> {
        match self {
            Self::Community { .. } => None,
            Self::Usm(session) => Some(session.user()),
        }
    }

    /// Hands over what [`NeedKeys`] asked for.
    pub fn set_keys(&mut self, engine: &EngineId, keys: &Arc<LocalizedKeys>) {
        if let Self::Usm(session) = self {
            session.set_keys(engine, keys);
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
            (Self::Usm(_), Incoming::Usm { .. }) => true,
            _ => false,
        }
    }

    /// The answer in a datagram that [`Self::fits`] and bears the id of the request in flight. `scratch` is
    /// for what must be decrypted.
    #[must_use]
    pub fn read<'a>(
        &mut self,
        incoming: Incoming<'a>,
        now: Moment,
        scratch: &'a mut Vec<u8>,
    ) -> Received<'a> {
        match (self, incoming) {
            (Self::Community { .. }, Incoming::Community(message)) => Received::Response(message.pdu),
            (Self::Usm(session), Incoming::Usm { message_id, datagram }) => {
                session.read(message_id, datagram, now, scratch).into()
            }
            _ => Received::Wait(WaitCause::Foreign),
        }
    }

    /// What an unanswered request may have come to grief by, if the agent hinted at it.
    #[must_use]
    pub fn time_out_reason(&self) -> Option<UsmError> {
        match self {
            Self::Community { .. } => None,
            Self::Usm(session) => session.time_out_reason(),
        }
    }

    /// The agent's engine ID, once it is proved.
    #[must_use]
    pub fn engine_id(&self) -> Option<&EngineId> {
        match self {
            Self::Community { .. } => None,
            Self::Usm(session) => session.engine_id(),
        }
    }
}
