//! Datagram to message: borrowed, bounded, complete or an error.

use super::{ErrorStatus, PduKind, Version, tag};
use crate::model::{Oid, OidError, Value};
use snmp2::AsnReader;

/// Why some octets are no SNMP message. The variant's name is a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Cut off, or a length that leads past the end.
    #[error("{what} is cut off or its length is wrong")]
    Truncated {
        /// The part that was being read.
        what: &'static str,
    },
    /// Another tag than the one that must stand there.
    #[error("{what} has the tag {found:#04x}")]
    Tag {
        /// The part that was being read.
        what: &'static str,
        /// What stood there.
        found: u8,
    },
    /// A version that is neither 0 nor 1.
    #[error("message version {0} is neither v1 (0) nor v2c (1)")]
    Version(i64),
    /// A number out of its range.
    #[error("{what} is out of range")]
    Range {
        /// The part that was being read.
        what: &'static str,
    },
    /// Octets after the last element of a SEQUENCE.
    #[error("octets left over in {what}")]
    Leftover {
        /// The part that was being read.
        what: &'static str,
    },
}

/// A v1 or v2c message.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// Its version.
    pub version: Version,
    /// Its community.
    pub community: &'a [u8],
    /// What it carries.
    pub pdu: Pdu<'a>,
}

/// A PDU of the shape that all kinds but the v1 trap share (RFC 3416 section 3).
#[derive(Debug, Clone)]
pub struct Pdu<'a> {
    /// Its kind.
    pub kind: PduKind,
    /// request-id.
    pub request_id: i32,
    /// error-status; non-repeaters in a GetBulkRequest.
    pub error_status: ErrorStatus,
    /// error-index, from 1; max-repetitions in a GetBulkRequest.
    pub error_index: u32,
    /// The variable bindings.
    pub varbinds: Varbinds<'a>,
}

/// The variable bindings, read as they are iterated. The first without a sound envelope and name ends the
/// iteration as an error; one with a sound name and an odd value is [`ValueRef::Unreadable`].
#[derive(Debug, Clone)]
pub struct Varbinds<'a> {
    rest: &'a [u8],
}

/// One variable binding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Varbind<'a> {
    /// The name's content octets: compared as bytes where it is known what was asked.
    pub name: &'a [u8],
    /// The value.
    pub value: ValueRef<'a>,
}

/// A value, borrowed from the datagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// INTEGER
    Integer(i64),
    /// OCTET STRING
    OctetString(&'a [u8]),
    /// NULL
    Null,
    /// OBJECT IDENTIFIER, content octets
    ObjectIdentifier(&'a [u8]),
    /// IpAddress
    IpAddress([u8; 4]),
    /// Counter32
    Counter32(u32),
    /// Gauge32, Unsigned32
    Gauge32(u32),
    /// TimeTicks
    TimeTicks(u32),
    /// Opaque
    Opaque(&'a [u8]),
    /// Counter64
    Counter64(u64),
    /// noSuchObject
    NoSuchObject,
    /// noSuchInstance
    NoSuchInstance,
    /// endOfMibView
    EndOfMibView,
    /// A value of an unknown type or with a wrong length, within a sound binding: this cell alone is lost.
    Unreadable,
}

/// Reads a message.
///
/// # Errors
/// [`DecodeError`], for anything but one whole v1 or v2c message. Varbinds are read when iterated.
pub fn decode(datagram: &[u8]) -> Result<Message<'_>, DecodeError> {
    let mut outer = AsnReader::from_bytes(datagram);
    let mut message = AsnReader::from_bytes(element(&mut outer, tag::SEQUENCE, "the message")?);
    let version = match integer(&mut message, "the version")? {
        0 => Version::V1,
        1 => Version::V2c,
        other => return Err(DecodeError::Version(other)),
    };
    let community = element(&mut message, tag::OCTET_STRING, "the community")?;
    let pdu = pdu(&mut message)?;
    end(&message, "the message")?;
    Ok(Message { version, community, pdu })
}

/// Reads a PDU of the shape that all kinds but the v1 trap share.
pub(super) fn pdu<'a>(reader: &mut AsnReader<'a>) -> Result<Pdu<'a>, DecodeError> {
    let found = reader.peek_byte().map_err(|_| DecodeError::Truncated { what: "the PDU" })?;
    let kind = PduKind::from_tag(found).ok_or(DecodeError::Tag { what: "the PDU", found })?;
    let mut body = AsnReader::from_bytes(element(reader, found, "the PDU")?);
    let pdu = Pdu {
        kind,
        request_id: i32::try_from(integer(&mut body, "the request-id")?)
            .map_err(|_| DecodeError::Range { what: "the request-id" })?,
        error_status: ErrorStatus(unsigned(&mut body, "the error-status")?),
        error_index: unsigned(&mut body, "the error-index")?,
        varbinds: Varbinds { rest: element(&mut body, tag::SEQUENCE, "the variable bindings")? },
    };
    end(&body, "the PDU")?;
    Ok(pdu)
}

impl<'a> Varbinds<'a> {
    /// The encoded bindings that are not read yet: to send them back as they came.
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        self.rest
    }

    /// Bindings from the content octets of their SEQUENCE.
    #[must_use]
    pub const fn from_octets(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Whether none is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next binding's value, if its name is octet by octet that of the next of `asked` (a run of
    /// [`super::Names`]) and both have short lengths, as nearly all do: then both have advanced. Otherwise
    /// neither has, and the binding is there to be iterated.
    pub fn next_as_asked(&mut self, asked: &mut &[u8]) -> Option<ValueRef<'a>> {
        let (&[tag::SEQUENCE, asked_length, tag::OBJECT_IDENTIFIER, name_length], _) =
            asked.split_first_chunk::<4>()?
        else {
            return None;
        };
        let (&[tag::SEQUENCE, length], after) = self.rest.split_first_chunk::<2>()? else { return None };
        // Lengths from 0x80 on are long forms; a short one leaves a mark of that size out of the question.
        if (asked_length | name_length | length) & 0x80 != 0 {
            return None;
        }
        let (_, asked_after) = asked.split_at_checked(usize::from(asked_length).checked_add(2)?)?;
        let (binding, after) = after.split_at_checked(length.into())?;
        let name_end = usize::from(name_length).checked_add(4)?;
        let (name, value) = binding.split_at_checked(usize::from(name_length).checked_add(2)?)?;
        if name != asked.get(2..name_end)? {
            return None;
        }
        let (&[found, content_length], content) = value.split_first_chunk::<2>()?;
        if content.len() != usize::from(content_length) {
            return None;
        }
        let value = value_of(found, content)?;
        (self.rest, *asked) = (after, asked_after);
        Some(value)
    }

    fn read(&mut self) -> Result<Varbind<'a>, DecodeError> {
        let mut list = AsnReader::from_bytes(self.rest);
        let binding = element(&mut list, tag::SEQUENCE, "a variable binding")?;
        let (_, rest) = self
            .rest
            .split_at_checked(self.rest.len().saturating_sub(list.bytes_left()))
            .ok_or(DecodeError::Truncated { what: "a variable binding" })?;
        self.rest = rest;
        let mut binding = AsnReader::from_bytes(binding);
        let name = element(&mut binding, tag::OBJECT_IDENTIFIER, "a name")?;
        let read = value(&mut binding).and_then(|it| end(&binding, "a variable binding").map(|()| it));
        Ok(Varbind { name, value: read.unwrap_or(ValueRef::Unreadable) })
    }
}

impl<'a> Iterator for Varbinds<'a> {
    type Item = Result<Varbind<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.rest = &[];
        }
        Some(read)
    }
}

impl Varbind<'_> {
    /// The name as an OID.
    ///
    /// # Errors
    /// [`OidError`], for octets that are none.
    pub fn oid(&self) -> Result<Oid, OidError> {
        Oid::decode_content(self.name)
    }
}

impl ValueRef<'_> {
    /// The same, owned; of strings the first 1,024 octets.
    ///
    /// # Errors
    /// [`OidError`], where an OBJECT IDENTIFIER's octets are none, or the value is unreadable.
    pub fn to_value(self) -> Result<Value, OidError> {
        Ok(match self {
            Self::Integer(it) => Value::Integer(it),
            Self::OctetString(it) => Value::OctetString(cut(it).into()),
            Self::Null => Value::Null,
            Self::ObjectIdentifier(it) => Value::ObjectIdentifier(Oid::decode_content(it)?),
            Self::IpAddress(it) => Value::IpAddress(it),
            Self::Counter32(it) => Value::Counter32(it),
            Self::Gauge32(it) => Value::Gauge32(it),
            Self::TimeTicks(it) => Value::TimeTicks(it),
            Self::Opaque(it) => Value::Opaque(cut(it).into()),
            Self::Counter64(it) => Value::Counter64(it),
            Self::NoSuchObject => Value::NoSuchObject,
            Self::NoSuchInstance => Value::NoSuchInstance,
            Self::EndOfMibView => Value::EndOfMibView,
            Self::Unreadable => return Err(OidError::Octets),
        })
    }

    /// Whether it stands for "there is nothing here".
    #[must_use]
    pub const fn is_exception(self) -> bool {
        matches!(self, Self::NoSuchObject | Self::NoSuchInstance | Self::EndOfMibView)
    }
}

/// Strings are kept up to this length: DisplayString has 255 octets at most (RFC 2579), and an agent must
/// not fill the collector's memory with 60 kB in each row.
const STRING_OCTETS_MAX: usize = 1024;

fn cut(octets: &[u8]) -> &[u8] {
    octets.get(..STRING_OCTETS_MAX).unwrap_or(octets)
}

/// The value with that tag and content, of the types that polls bring; `None` for the rest.
fn value_of(found: u8, content: &[u8]) -> Option<ValueRef<'_>> {
    Some(match found {
        tag::INTEGER => ValueRef::Integer(signed64(content)?),
        tag::COUNTER32 => ValueRef::Counter32(unsigned32(content).ok()?),
        tag::GAUGE32 => ValueRef::Gauge32(unsigned32(content).ok()?),
        tag::TIME_TICKS => ValueRef::TimeTicks(unsigned32(content).ok()?),
        tag::OCTET_STRING => ValueRef::OctetString(content),
        tag::NO_SUCH_OBJECT if content.is_empty() => ValueRef::NoSuchObject,
        tag::NO_SUCH_INSTANCE if content.is_empty() => ValueRef::NoSuchInstance,
        _ => return None,
    })
}

/// Two's complement of one to eight octets.
fn signed64(content: &[u8]) -> Option<i64> {
    let (&first, rest) = content.split_first()?;
    let sign = i64::from(i8::from_be_bytes([first]));
    (rest.len() < 8).then(|| rest.iter().fold(sign, |sum, &octet| sum << 8 | i64::from(octet)))
}

fn value<'a>(reader: &mut AsnReader<'a>) -> Result<ValueRef<'a>, DecodeError> {
    const WHAT: &str = "a value";
    let found = reader.peek_byte().map_err(|_| DecodeError::Truncated { what: WHAT })?;
    let mut octets = |tag| element(reader, tag, WHAT);
    Ok(match found {
        tag::INTEGER => ValueRef::Integer(integer(reader, WHAT)?),
        tag::OCTET_STRING => ValueRef::OctetString(octets(found)?),
        tag::OBJECT_IDENTIFIER => ValueRef::ObjectIdentifier(octets(found)?),
        tag::OPAQUE => ValueRef::Opaque(octets(found)?),
        tag::IP_ADDRESS => {
            ValueRef::IpAddress(octets(found)?.try_into().map_err(|_| DecodeError::Range { what: WHAT })?)
        }
        tag::COUNTER32 => ValueRef::Counter32(unsigned32(octets(found)?)?),
        tag::GAUGE32 => ValueRef::Gauge32(unsigned32(octets(found)?)?),
        tag::TIME_TICKS => ValueRef::TimeTicks(unsigned32(octets(found)?)?),
        tag::COUNTER64 => {
            ValueRef::Counter64(reader.read_snmp_counter64().map_err(|_| DecodeError::Range { what: WHAT })?)
        }
        tag::NULL | tag::NO_SUCH_OBJECT | tag::NO_SUCH_INSTANCE | tag::END_OF_MIB_VIEW => {
            if !octets(found)?.is_empty() {
                return Err(DecodeError::Leftover { what: WHAT });
            }
            match found {
                tag::NO_SUCH_OBJECT => ValueRef::NoSuchObject,
                tag::NO_SUCH_INSTANCE => ValueRef::NoSuchInstance,
                tag::END_OF_MIB_VIEW => ValueRef::EndOfMibView,
                _ => ValueRef::Null,
            }
        }
        _ => return Err(DecodeError::Tag { what: WHAT, found }),
    })
}

/// Counter32, Gauge32, TimeTicks: up to four octets, or five with a leading zero. Agents that forget
/// the leading zero send numbers over 2^31 as negative ones: they are taken as unsigned.
fn unsigned32(content: &[u8]) -> Result<u32, DecodeError> {
    let significant = match content {
        [] => return Err(DecodeError::Truncated { what: "a value" }),
        [0, rest @ ..] if rest.len() == 4 => rest,
        _ if content.len() <= 4 => content,
        _ => return Err(DecodeError::Range { what: "a value" }),
    };
    Ok(significant.iter().fold(0, |sum: u32, &octet| sum << 8 | u32::from(octet)))
}

pub(super) fn element<'a>(
    reader: &mut AsnReader<'a>,
    tag: u8,
    what: &'static str,
) -> Result<&'a [u8], DecodeError> {
    let found = reader.peek_byte().map_err(|_| DecodeError::Truncated { what })?;
    if found != tag {
        return Err(DecodeError::Tag { what, found });
    }
    reader.read_raw(tag).map_err(|_| DecodeError::Truncated { what })
}

pub(super) fn integer(reader: &mut AsnReader<'_>, what: &'static str) -> Result<i64, DecodeError> {
    let found = reader.peek_byte().map_err(|_| DecodeError::Truncated { what })?;
    if found != tag::INTEGER {
        return Err(DecodeError::Tag { what, found });
    }
    reader.read_asn_integer().map_err(|error| match error {
        snmp2::Error::AsnIntOverflow => DecodeError::Range { what },
        _ => DecodeError::Truncated { what },
    })
}

pub(super) fn unsigned(reader: &mut AsnReader<'_>, what: &'static str) -> Result<u32, DecodeError> {
    u32::try_from(integer(reader, what)?).map_err(|_| DecodeError::Range { what })
}

pub(super) fn end(reader: &AsnReader<'_>, what: &'static str) -> Result<(), DecodeError> {
    if reader.bytes_left() == 0 { Ok(()) } else { Err(DecodeError::Leftover { what }) }
}
