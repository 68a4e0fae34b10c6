//! Tags, lengths and integers of BER, read strictly (X.690 sections 8.1 and 8.3).
//!
//! Of its own because it is most of what decoding a poll costs: it took a quarter of the time of snmp2's
//! reader. Definite lengths and tags of one octet alone. Invariants: a length never leads past the end;
//! nothing is read that was not there; an error leaves the reader where it was.

use super::decode::DecodeError;
use super::tag;

/// Some octets, read from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// What is not read yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next tag.
    pub(super) fn peek(&self, what: &'static str) -> Result<u8, DecodeError> {
        self.rest.first().copied().ok_or(DecodeError::Truncated { what })
    }

    /// The content of the next element, which must have that tag.
    #[inline]
    pub(super) fn element(&mut self, tag: u8, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let split = match *self.rest {
            [found, ..] if found != tag => return Err(DecodeError::Tag { what, found }),
            // The short form: nearly all.
            [_, length @ 0..=0x7f, ref rest @ ..] => rest.split_at_checked(usize::from(length)),
            [_, ref rest @ ..] => split_long(rest),
            [] => None,
        };
        let (content, rest) = split.ok_or(DecodeError::Truncated { what })?;
        self.rest = rest;
        Ok(content)
    }

    /// INTEGER of up to 64 bits, also in more octets than it needs.
    #[inline]
    pub(super) fn integer(&mut self, what: &'static str) -> Result<i64, DecodeError> {
        Self::integer_of(self.element(tag::INTEGER, what)?, what)
    }

    /// The number in the content octets of an INTEGER.
    pub(super) fn integer_of(content: &[u8], what: &'static str) -> Result<i64, DecodeError> {
        let sign = match content.first() {
            None => return Err(DecodeError::Truncated { what }),
            Some(first) if first & 0x80 != 0 => -1,
            Some(_) => 0,
        };
        if size_of::<i64>() < content.len() {
            return Err(DecodeError::Range { what });
        }
        Ok(content.iter().fold(sign, |sum: i64, &octet| sum << 8 | i64::from(octet)))
    }

    /// A non-negative INTEGER of up to 32 bits.
    pub(super) fn unsigned(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        u32::try_from(self.integer(what)?).map_err(|_| DecodeError::Range { what })
    }

    /// That nothing is left.
    pub(super) const fn end(&self, what: &'static str) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Leftover { what }) }
    }
}

/// Content and rest, from the long form of a length. X.690 section 8.1.3.5 allows more octets than a
/// length needs; as many as a machine word holds are read.
#[cold]
fn split_long(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&form, rest) = octets.split_first()?;
    let count = usize::from(form & 0x7f);
    // 0x80 alone is the indefinite form, which SNMP does not use (RFC 3417 section 8).
    if count == 0 || size_of::<usize>() < count {
        return None;
    }
    let (length, rest) = rest.split_at_checked(count)?;
    rest.split_at_checked(length.iter().fold(0, |sum: usize, &octet| sum << 8 | usize::from(octet)))
}

/// Counter64: up to eight octets, or nine with a leading zero. One that forgot the zero is taken as unsigned.
pub(super) fn unsigned64(content: &[u8], what: &'static str) -> Result<u64, DecodeError> {
    let significant = match content {
        [] => return Err(DecodeError::Truncated { what }),
        [0, rest @ ..] if rest.len() == size_of::<u64>() => rest,
        _ if content.len() <= size_of::<u64>() => content,
        _ => return Err(DecodeError::Range { what }),
    };
    Ok(significant.iter().fold(0, |sum: u64, &octet| sum << 8 | u64::from(octet)))
}
