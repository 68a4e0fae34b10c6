//! The SNMPv3 message: header, USM parameters, scoped PDU (RFC 3412 section 6, RFC 3414 section 2.4).
//!
//! Format alone: nothing is verified, decrypted or believed here. Invariants: as in the parent; a message
//! knows where its authentication parameters stand, for the HMAC is made with zeros in their place.

use super::decode::{DecodeError, Pdu, pdu};
use super::encode::{head, integer as put_integer, integer_length, tlv, tlv_length};
use super::reader::Reader;
use super::{ErrorStatus, PduKind, tag};
use std::ops::Range;

/// msgVersion of SNMPv3.
const VERSION: i64 = 3;
/// msgSecurityModel of USM (RFC 3411 section 5, SnmpSecurityModel).
const SECURITY_MODEL_USM: i64 = 3;
/// What we announce as msgMaxSize: the largest UDP datagram over IPv4.
const MAX_SIZE: i64 = 65_507;

/// msgFlags: authFlag.
pub(crate) const FLAG_AUTH: u8 = 1;
/// msgFlags: privFlag.
pub(crate) const FLAG_PRIV: u8 = 2;
/// msgFlags: reportableFlag.
pub(crate) const FLAG_REPORTABLE: u8 = 4;

/// A received message, whose scoped PDU may still be encrypted.
#[derive(Debug, Clone)]
pub(crate) struct V3Message<'a> {
    /// The octets of the outermost SEQUENCE, its head included: what the HMAC covers.
    pub(crate) whole: &'a [u8],
    /// msgID
    pub(crate) message_id: i32,
    /// msgFlags
    pub(crate) flags: u8,
    /// msgAuthoritativeEngineID
    pub(crate) engine_id: &'a [u8],
    /// msgAuthoritativeEngineBoots
    pub(crate) boots: u32,
    /// msgAuthoritativeEngineTime, in seconds
    pub(crate) time: u32,
    /// msgUserName
    pub(crate) user_name: &'a [u8],
    /// Where msgAuthenticationParameters stand in `whole`.
    pub(crate) authentication: Range<usize>,
    /// msgPrivacyParameters: the salt.
    pub(crate) privacy: &'a [u8],
    /// msgData: the scoped PDU's content, or its encryption where [`FLAG_PRIV`] is set.
    pub(crate) data: &'a [u8],
}

/// The scoped PDU (RFC 3412 section 6.8).
#[derive(Debug, Clone)]
pub(crate) struct ScopedPdu<'a> {
    /// contextEngineID
    pub(crate) context_engine_id: &'a [u8],
    /// contextName
    pub(crate) context_name: &'a [u8],
    /// What it carries.
    pub(crate) pdu: Pdu<'a>,
}

/// msgVersion and msgID, of as much of a message as holds them.
pub(crate) fn peek(datagram: &[u8]) -> Option<(i64, Option<i32>)> {
    let mut outer = Reader::new(datagram);
    let mut message = Reader::new(outer.element(tag::SEQUENCE, "the message").ok()?);
    let version = message.integer("the version").ok()?;
    let id = message
        .element(tag::SEQUENCE, "the header")
        .ok()
        .and_then(|it| Reader::new(it).integer("the message ID").ok())
        .and_then(|it| i32::try_from(it).ok());
    Some((version, id))
}

/// Whether a datagram is of SNMPv3.
pub(crate) fn is_v3(datagram: &[u8]) -> bool {
    peek(datagram).is_some_and(|(version, _)| version == VERSION)
}

/// msgID of a v3 message.
pub(crate) fn message_id(datagram: &[u8]) -> Option<i32> {
    peek(datagram).filter(|(version, _)| *version == VERSION)?.1
}

/// Reads a message of the User-based Security Model.
///
/// # Errors
/// [`DecodeError`], for anything else. The scoped PDU is read by [`scoped`] or [`scoped_padded`].
pub(crate) fn decode(datagram: &[u8]) -> Result<V3Message<'_>, DecodeError> {
    const WHAT: &str = "the security parameters";
    let mut outer = Reader::new(datagram);
    let content = outer.element(tag::SEQUENCE, "the message")?;
    // What follows the outermost SEQUENCE is an agent's padding.
    let length = datagram.len().saturating_sub(outer.rest().len());
    let whole = datagram.get(..length).unwrap_or(datagram);
    let mut message = Reader::new(content);
    match message.integer("the version")? {
        VERSION => (),
        other => return Err(DecodeError::Version(other)),
    }
    let (message_id, flags) = header(message.element(tag::SEQUENCE, "the header")?)?;
    let mut security = Reader::new(message.element(tag::OCTET_STRING, WHAT)?);
    let mut fields = Reader::new(security.element(tag::SEQUENCE, WHAT)?);
    security.end(WHAT)?;
    let engine_id = fields.element(tag::OCTET_STRING, "the engine ID")?;
    let boots = unsigned31(&mut fields, "the engine boots")?;
    let time = unsigned31(&mut fields, "the engine time")?;
    let user_name = fields.element(tag::OCTET_STRING, "the user name")?;
    let authentication = fields.element(tag::OCTET_STRING, "the authentication parameters")?;
    let privacy = fields.element(tag::OCTET_STRING, "the privacy parameters")?;
    fields.end(WHAT)?;
    let data_tag = if flags & FLAG_PRIV == 0 { tag::SEQUENCE } else { tag::OCTET_STRING };
    let data = message.element(data_tag, "the scoped PDU")?;
    message.end("the message")?;
    let start = authentication.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    let authentication = start..start.saturating_add(authentication.len());
    Ok(V3Message {
        whole,
        message_id,
        flags,
        engine_id,
        boots,
        time,
        user_name,
        authentication,
        privacy,
        data,
    })
}

/// msgID and msgFlags.
fn header(octets: &[u8]) -> Result<(i32, u8), DecodeError> {
    let mut header = Reader::new(octets);
    let message_id = i32::try_from(header.integer("the message ID")?)
        .map_err(|_| DecodeError::Range { what: "the message ID" })?;
    // Any size is borne: no request of ours is larger than the 484 octets that all must take, or by much.
    header.integer("the maximum size")?;
    let [flags] = *header.element(tag::OCTET_STRING, "the flags")? else {
        return Err(DecodeError::Range { what: "the flags" });
    };
    if flags & (FLAG_AUTH | FLAG_PRIV) == FLAG_PRIV {
        return Err(DecodeError::Range { what: "the flags" });
    }
    if header.integer("the security model")? != SECURITY_MODEL_USM {
        return Err(DecodeError::Range { what: "the security model" });
    }
    header.end("the header")?;
    Ok((message_id, flags))
}

/// Reads a scoped PDU from the content of its SEQUENCE.
///
/// # Errors
/// [`DecodeError`]
pub(crate) fn scoped(content: &[u8]) -> Result<ScopedPdu<'_>, DecodeError> {
    let mut reader = Reader::new(content);
    let context_engine_id = reader.element(tag::OCTET_STRING, "the context engine ID")?;
    let context_name = reader.element(tag::OCTET_STRING, "the context name")?;
    let pdu = pdu(&mut reader)?;
    reader.end("the scoped PDU")?;
    Ok(ScopedPdu { context_engine_id, context_name, pdu })
}

/// Reads a decrypted scoped PDU: its whole SEQUENCE, and the padding of a block cipher after it.
///
/// # Errors
/// [`DecodeError`]
pub(crate) fn scoped_padded(octets: &[u8]) -> Result<ScopedPdu<'_>, DecodeError> {
    scoped(Reader::new(octets).element(tag::SEQUENCE, "the scoped PDU")?)
}

fn unsigned31(reader: &mut Reader<'_>, what: &'static str) -> Result<u32, DecodeError> {
    let read = reader.unsigned(what)?;
    if i32::try_from(read).is_ok() { Ok(read) } else { Err(DecodeError::Range { what }) }
}

/// A message to encode, with room left for what protects it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct V3Outline<'a> {
    /// msgID
    pub(crate) message_id: i32,
    /// msgFlags
    pub(crate) flags: u8,
    /// msgAuthoritativeEngineID
    pub(crate) engine_id: &'a [u8],
    /// msgAuthoritativeEngineBoots
    pub(crate) boots: u32,
    /// msgAuthoritativeEngineTime, in seconds
    pub(crate) time: u32,
    /// msgUserName
    pub(crate) user_name: &'a [u8],
    /// So many zeros are written as msgAuthenticationParameters.
    pub(crate) authentication_octets: usize,
    /// msgPrivacyParameters
    pub(crate) privacy: &'a [u8],
    /// What the encrypted octets' count must be a multiple of; 1 where nothing is encrypted.
    pub(crate) block_octets: usize,
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

/// Where in the buffer the parts stand that are yet to be protected.
#[derive(Debug, Clone)]
pub(crate) struct V3Layout {
    /// The zeros in place of the message authentication code.
    pub(crate) authentication: Range<usize>,
    /// What is to be encrypted, padding included.
    pub(crate) scoped: Range<usize>,
}

impl V3Outline<'_> {
    /// Appends the message, unprotected, in one pass.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> V3Layout {
        let id = i64::from(self.message_id);
        let (boots, time) = (i64::from(self.boots), i64::from(self.time));
        let body = sum(&[
            integer_length(i64::from(self.request_id)),
            integer_length(i64::from(self.status.0)),
            integer_length(i64::from(self.index)),
            tlv_length(self.varbinds.len()),
        ]);
        let context = [tlv_length(self.context_engine_id.len()), tlv_length(self.context_name.len())];
        let scoped = sum(&[sum(&context), tlv_length(body)]);
        let plain = tlv_length(scoped);
        let is_encrypted = self.flags & FLAG_PRIV != 0;
        let padded = plain.next_multiple_of(self.block_octets.max(1));
        let data = if is_encrypted { tlv_length(padded) } else { plain };
        let security = sum(&[
            tlv_length(self.engine_id.len()),
            integer_length(boots),
            integer_length(time),
            tlv_length(self.user_name.len()),
            tlv_length(self.authentication_octets),
            tlv_length(self.privacy.len()),
        ]);
        // The flags are three octets, the security model and the version too.
        let header = sum(&[integer_length(id), integer_length(MAX_SIZE), 6]);
        let message = sum(&[3, tlv_length(header), tlv_length(tlv_length(security)), data]);

        out.reserve(tlv_length(message));
        head(out, tag::SEQUENCE, message);
        put_integer(out, tag::INTEGER, VERSION);
        head(out, tag::SEQUENCE, header);
        put_integer(out, tag::INTEGER, id);
        put_integer(out, tag::INTEGER, MAX_SIZE);
        tlv(out, tag::OCTET_STRING, &[self.flags]);
        put_integer(out, tag::INTEGER, SECURITY_MODEL_USM);
        head(out, tag::OCTET_STRING, tlv_length(security));
        head(out, tag::SEQUENCE, security);
        tlv(out, tag::OCTET_STRING, self.engine_id);
        put_integer(out, tag::INTEGER, boots);
        put_integer(out, tag::INTEGER, time);
        tlv(out, tag::OCTET_STRING, self.user_name);
        head(out, tag::OCTET_STRING, self.authentication_octets);
        let authentication = out.len()..out.len().saturating_add(self.authentication_octets);
        out.resize(authentication.end, 0);
        tlv(out, tag::OCTET_STRING, self.privacy);
        if is_encrypted {
            head(out, tag::OCTET_STRING, padded);
        }
        let start = out.len();
        head(out, tag::SEQUENCE, scoped);
        tlv(out, tag::OCTET_STRING, self.context_engine_id);
        tlv(out, tag::OCTET_STRING, self.context_name);
        head(out, self.kind as u8, body);
        put_integer(out, tag::INTEGER, i64::from(self.request_id));
        put_integer(out, tag::INTEGER, i64::from(self.status.0));
        put_integer(out, tag::INTEGER, i64::from(self.index));
        tlv(out, tag::SEQUENCE, self.varbinds);
        if is_encrypted {
            out.resize(start.saturating_add(padded), 0);
        }
        V3Layout { authentication, scoped: start..out.len() }
    }
}

fn sum(lengths: &[usize]) -> usize {
    lengths.iter().fold(0, |sum: usize, it| sum.saturating_add(*it))
}
