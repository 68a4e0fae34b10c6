//! Datagram to message: borrowed, bounded, complete or an error.

use super::reader::{Reader, unsigned64};
use super::{ErrorStatus, PduKind, Version, tag};
use crate::model::{Oid, OidError, ValueRef};

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

/// A variable binding whose lengths are short, its value not looked at yet.
#[derive(Debug, Clone, Copy)]
pub struct ShortVarbind<'a> {
    /// The name's content octets.
    pub name: &'a [u8],
    value: ShortValue<'a>,
}

impl<'a> ShortVarbind<'a> {
    /// The value, if it is sound and of a type that polls bring.
    // Inlined, as [`Varbinds::next`] is and for its reason: take it where it is used, not before.
    #[inline(always)]
    pub fn value(&self) -> Option<ValueRef<'a>> {
        self.value.read()
    }
}

/// Tag and content of a value, and all that follows its length.
#[derive(Debug, Clone, Copy)]
struct ShortValue<'a> {
    tag: u8,
    content: &'a [u8],
    window: &'a [u8],
}

impl<'a> ShortValue<'a> {
    /// The value at the front of `tail`, which takes so many octets of it, and what follows it.
    #[inline]
    fn split(tail: &'a [u8], octets: usize) -> Option<(Self, &'a [u8])> {
        let (&[tag, content_length], window) = tail.split_first_chunk::<2>()?;
        // The first octet of a long form is more than what a short list holds.
        let content_length = usize::from(content_length);
        if content_length.checked_add(2)? != octets {
            return None;
        }
        let (content, after) = window.split_at_checked(content_length)?;
        Some((Self { tag, content, window }, after))
    }

    #[inline(always)]
    fn read(self) -> Option<ValueRef<'a>> {
        value_of(self.tag, self.content, self.window)
    }
}

/// Reads a message.
///
/// # Errors
/// [`DecodeError`], for anything but one whole v1 or v2c message. Varbinds are read when iterated.
pub fn decode(datagram: &[u8]) -> Result<Message<'_>, DecodeError> {
    let mut outer = Reader::new(datagram);
    let mut message = Reader::new(outer.element(tag::SEQUENCE, "the message")?);
    let version = match message.integer("the version")? {
        0 => Version::V1,
        1 => Version::V2c,
        other => return Err(DecodeError::Version(other)),
    };
    let community = message.element(tag::OCTET_STRING, "the community")?;
    let pdu = pdu(&mut message)?;
    message.end("the message")?;
    Ok(Message { version, community, pdu })
}

/// Reads a PDU of the shape that all kinds but the v1 trap share.
pub(super) fn pdu<'a>(reader: &mut Reader<'a>) -> Result<Pdu<'a>, DecodeError> {
    let found = reader.peek("the PDU")?;
    let kind = PduKind::from_tag(found).ok_or(DecodeError::Tag { what: "the PDU", found })?;
    let mut body = Reader::new(reader.element(found, "the PDU")?);
    let pdu = Pdu {
        kind,
        request_id: i32::try_from(body.integer("the request-id")?)
            .map_err(|_| DecodeError::Range { what: "the request-id" })?,
        error_status: ErrorStatus(body.unsigned("the error-status")?),
        error_index: body.unsigned("the error-index")?,
        varbinds: Varbinds { rest: body.element(tag::SEQUENCE, "the variable bindings")? },
    };
    body.end("the PDU")?;
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
    #[inline]
    pub fn next_as_asked(&mut self, asked: &mut &[u8]) -> Option<ValueRef<'a>> {
        let (&[tag::SEQUENCE, asked_length, tag::OBJECT_IDENTIFIER, name_length], _) =
            asked.split_first_chunk::<4>()?
        else {
            return None;
        };
        let (&[tag::SEQUENCE, length], list) = self.rest.split_first_chunk::<2>()? else { return None };
        // Lengths from 0x80 on are long forms; a short one leaves a mark of that size out of the question.
        if (asked_length | name_length | length) & 0x80 != 0 {
            return None;
        }
        let (_, asked_after) = asked.split_at_checked(usize::from(asked_length).checked_add(2)?)?;
        let name_octets = usize::from(name_length).checked_add(2)?;
        let (name, tail) = list.split_at_checked(name_octets)?;
        if !is_same(name, asked.get(2..name_octets.checked_add(2)?)?) {
            return None;
        }
        let (value, after) = ShortValue::split(tail, usize::from(length).checked_sub(name_octets)?)?;
        let value = value.read()?;
        (self.rest, *asked) = (after, asked_after);
        Some(value)
    }

    /// The next binding, if its lengths are short, as nearly all are. Otherwise it is there to be iterated.
    #[inline]
    pub fn next_short(&mut self) -> Option<ShortVarbind<'a>> {
        let (&[tag::SEQUENCE, length, tag::OBJECT_IDENTIFIER, name_length], list) =
            self.rest.split_first_chunk::<4>()?
        else {
            return None;
        };
        if (length | name_length) & 0x80 != 0 {
            return None;
        }
        let (name, tail) = list.split_at_checked(usize::from(name_length))?;
        let value_octets = usize::from(length).checked_sub(2)?.checked_sub(usize::from(name_length))?;
        let (value, after) = ShortValue::split(tail, value_octets)?;
        self.rest = after;
        Some(ShortVarbind { name, value })
    }

    #[inline]
    fn read(&mut self) -> Result<Varbind<'a>, DecodeError> {
        let mut list = Reader::new(self.rest);
        let binding = list.element(tag::SEQUENCE, "a variable binding")?;
        self.rest = list.rest();
        let mut binding = Reader::new(binding);
        let name = binding.element(tag::OBJECT_IDENTIFIER, "a name")?;
        let read = value(&mut binding).and_then(|it| binding.end("a variable binding").map(|()| it));
        Ok(Varbind { name, value: read.unwrap_or(ValueRef::Unreadable) })
    }
}

impl<'a> Iterator for Varbinds<'a> {
    type Item = Result<Varbind<'a>, DecodeError>;

    // Inlined, so that a binding is handed on in registers: read back from memory in other widths than it was
    // written in, it would stall the processor for longer than it takes to decode it.
    #[inline(always)]
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

/// The value with that tag and those content octets, of the types that polls bring; `None` for the rest.
/// `window` is what follows the length, content first: a number is cut out of its first eight octets, so that
/// its length costs no loop.
#[inline(always)]
fn value_of<'a>(found: u8, content: &'a [u8], window: &[u8]) -> Option<ValueRef<'a>> {
    Some(match found {
        tag::INTEGER => ValueRef::Integer(match aligned(content, window) {
            // The sign is in the highest bit: an arithmetic shift brings it down.
            Some((number, below)) => number.cast_signed().wrapping_shr(below),
            None => Reader::integer_of(content, "a value").ok()?,
        }),
        tag::COUNTER32 => ValueRef::Counter32(unsigned32_of(content, window)?),
        tag::GAUGE32 => ValueRef::Gauge32(unsigned32_of(content, window)?),
        tag::TIME_TICKS => ValueRef::TimeTicks(unsigned32_of(content, window)?),
        tag::OCTET_STRING => ValueRef::OctetString(content),
        tag::NO_SUCH_OBJECT if content.is_empty() => ValueRef::NoSuchObject,
        tag::NO_SUCH_INSTANCE if content.is_empty() => ValueRef::NoSuchInstance,
        _ => return None,
    })
}

#[inline]
fn unsigned32_of(content: &[u8], window: &[u8]) -> Option<u32> {
    match aligned(content, window) {
        Some((number, below)) if content.len() <= size_of::<u32>() => {
            u32::try_from(number.wrapping_shr(below)).ok()
        }
        _ => unsigned32(content).ok(),
    }
}

/// The first eight octets as one number, and how many of its bits are below those of the content; `None` where
/// the content is not of one to eight octets, or too near to the end.
#[inline]
fn aligned(content: &[u8], window: &[u8]) -> Option<(u64, u32)> {
    let octets = u32::try_from(content.len()).ok().filter(|it| (1..=8).contains(it))?;
    Some((u64::from_be_bytes(*window.first_chunk()?), 64_u32.wrapping_sub(octets.wrapping_mul(8))))
}

/// Whether two names, given by their content octets, are the same, octet by octet.
#[must_use]
#[inline]
pub fn is_same_name(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && is_same(left, right)
}

/// Whether two names of the same length are the same. Those of 16 to 32 octets, as nearly all are, are held
/// against each other in two halves that may overlap, without a loop or a call.
#[inline]
fn is_same(left: &[u8], right: &[u8]) -> bool {
    let halves = |it: &[u8]| {
        let (first, last) = (it.first_chunk::<16>()?, it.last_chunk::<16>()?);
        Some((u128::from_ne_bytes(*first), u128::from_ne_bytes(*last)))
    };
    match (halves(left), halves(right)) {
        (Some(one), Some(other)) if left.len() <= 32 => one == other,
        _ => left == right,
    }
}

#[inline]
fn value<'a>(reader: &mut Reader<'a>) -> Result<ValueRef<'a>, DecodeError> {
    const WHAT: &str = "a value";
    let found = reader.peek(WHAT)?;
    let mut octets = |tag| reader.element(tag, WHAT);
    Ok(match found {
        tag::INTEGER => ValueRef::Integer(reader.integer(WHAT)?),
        tag::OCTET_STRING => ValueRef::OctetString(octets(found)?),
        tag::OBJECT_IDENTIFIER => ValueRef::ObjectIdentifier(octets(found)?),
        tag::OPAQUE => ValueRef::Opaque(octets(found)?),
        tag::IP_ADDRESS => {
            ValueRef::IpAddress(octets(found)?.try_into().map_err(|_| DecodeError::Range { what: WHAT })?)
        }
        tag::COUNTER32 => ValueRef::Counter32(unsigned32(octets(found)?)?),
        tag::GAUGE32 => ValueRef::Gauge32(unsigned32(octets(found)?)?),
        tag::TIME_TICKS => ValueRef::TimeTicks(unsigned32(octets(found)?)?),
        tag::COUNTER64 => ValueRef::Counter64(unsigned64(octets(found)?, WHAT)?),
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
