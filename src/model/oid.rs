//! Object identifiers (X.660, RFC 2578 section 3.5): 32-bit sub-identifiers, ordered as SNMP orders
//! them, with their BER content octets (X.690 section 8.19).
//!
//! Bound: at most [`Oid::ARCS_MAX`] sub-identifiers (RFC 2578 section 3.5), checked wherever one is
//! made from foreign input. A sub-identifier over 2^31 stays unsigned.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// An object identifier, cheap to clone. Ordering is lexicographic by sub-identifier, as GETNEXT walks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Oid(Arc<[u32]>);

/// Why a text or some octets are no object identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidError {
    /// The text holds something that is no 32-bit number between dots.
    #[error("`{text}` is not a numeric OID: `{part}` is not a number from 0 to 4294967295")]
    Number {
        /// The whole text.
        text: String,
        /// The part at fault.
        part: String,
    },
    /// More sub-identifiers than RFC 2578 allows.
    #[error("an OID has at most {max} sub-identifiers", max = Oid::ARCS_MAX)]
    TooLong,
    /// A first pair that BER cannot carry.
    #[error("an OID starts with 0, 1 or 2, and 0 and 1 are followed by at most 39")]
    Root,
    /// Content octets that end within a sub-identifier, or a sub-identifier over 32 bits.
    #[error("malformed OID octets")]
    Octets,
}

impl Oid {
    /// RFC 2578 section 3.5: at most 128 sub-identifiers.
    pub const ARCS_MAX: usize = 128;

    /// An identifier of these sub-identifiers. Those over [`Self::ARCS_MAX`] are cut off; input that
    /// may be longer goes through [`Self::try_from_arcs`].
    #[must_use]
    pub fn new(arcs: &[u32]) -> Self {
        Self(arcs.iter().copied().take(Self::ARCS_MAX).collect())
    }

    /// As [`Self::new`], with an error over [`Self::ARCS_MAX`].
    ///
    /// # Errors
    /// [`OidError::TooLong`].
    pub fn try_from_arcs(arcs: &[u32]) -> Result<Self, OidError> {
        if Self::ARCS_MAX < arcs.len() { Err(OidError::TooLong) } else { Ok(Self(arcs.into())) }
    }

    /// The sub-identifiers.
    #[must_use]
    pub fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// Whether `self` stands at or below `root`.
    #[must_use]
    pub fn starts_with(&self, root: &Self) -> bool {
        self.0.starts_with(&root.0)
    }

    /// What follows `root`, if `self` stands at or below it.
    #[must_use]
    pub fn strip_prefix(&self, root: &Self) -> Option<&[u32]> {
        self.0.strip_prefix(&*root.0)
    }

    /// This identifier with `tail` after it.
    #[must_use]
    pub fn child(&self, tail: &[u32]) -> Self {
        Self(self.0.iter().chain(tail).copied().take(Self::ARCS_MAX).collect())
    }

    /// The BER content octets (without tag and length), appended to `out`.
    ///
    /// # Errors
    /// [`OidError::Root`] where the first two sub-identifiers cannot be encoded; fewer than two are
    /// padded with zeros, as net-snmp does.
    pub fn encode_content(&self, out: &mut Vec<u8>) -> Result<(), OidError> {
        let first = self.0.first().copied().unwrap_or(0);
        let second = self.0.get(1).copied().unwrap_or(0);
        if 2 < first || (first < 2 && 39 < second) {
            return Err(OidError::Root);
        }
        let head = second.checked_add(first * 40).ok_or(OidError::Root)?;
        push_base128(out, head);
        for &arc in self.0.iter().skip(2) {
            push_base128(out, arc);
        }
        Ok(())
    }

    /// Orders two names by their BER content octets, as GETNEXT walks; `left` must be sound. `None` if `right` is
    /// no object identifier. What both begin with is not looked at twice, so that a walk whose names differ in
    /// their last number costs little more than a comparison of octets.
    #[must_use]
    #[inline]
    pub fn order_of_content(left: &[u8], right: &[u8]) -> Option<Ordering> {
        // More octets than these may be more than ARCS_MAX sub-identifiers.
        if right.is_empty() || Self::ARCS_MAX <= right.len() {
            return Some(Self::decode_content(left).ok()?.cmp(&Self::decode_content(right).ok()?));
        }
        let same = Self::shared_octets(left, right);
        match (left.get(same), right.get(same)) {
            (None, None) => return Some(Ordering::Equal),
            // Where both sub-identifiers end in the octet that differs, they are of one length: their octets
            // order them. What follows is sound if no octet of it leads on.
            (Some(one), Some(other))
                if (one | other) & 0x80 == 0 && right.get(same..)?.iter().all(|it| it & 0x80 == 0) =>
            {
                return Some(one.cmp(other));
            }
            _ => {}
        }
        let shared = right.get(..same)?;
        let from = shared.iter().rposition(|it| it & 0x80 == 0).map_or(0, |it| it + 1);
        let (mut left, mut right) = (left.get(from..)?, right.get(from..)?);
        let mut order = Ordering::Equal;
        while !right.is_empty() {
            let (arc, rest) = split_arc(right)?;
            right = rest;
            match split_arc(left) {
                Some((other, rest)) => {
                    order = order.then(other.cmp(&arc));
                    left = rest;
                }
                None => order = order.then(Ordering::Less),
            }
        }
        Some(if left.is_empty() { order } else { order.then(Ordering::Greater) })
    }

    /// How many octets two names begin with alike, looked at eight at a time.
    #[must_use]
    #[inline]
    pub fn shared_octets(left: &[u8], right: &[u8]) -> usize {
        let both = left.len().min(right.len());
        let (Some(left), Some(right)) = (left.get(..both), right.get(..both)) else { return 0 };
        let differing = |left: &[u8; 8], right: &[u8; 8]| {
            let bits = u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
            // At most seven.
            (bits != 0).then_some((bits.trailing_zeros() / u8::BITS) as usize)
        };
        for (at, (left, right)) in left.as_chunks::<8>().0.iter().zip(right.as_chunks::<8>().0).enumerate() {
            if let Some(octets) = differing(left, right) {
                return at * 8 + octets;
            }
        }
        match (left.last_chunk::<8>(), right.last_chunk::<8>()) {
            // The last eight, some of them once more.
            (Some(last), Some(other)) => differing(last, other).map_or(both, |octets| both - 8 + octets),
            _ => left.iter().zip(right).take_while(|(left, right)| left == right).count(),
        }
    }

    /// Reads BER content octets.
    ///
    /// # Errors
    /// [`OidError::Octets`] for a cut-off or over-wide sub-identifier or no octets at all,
    /// [`OidError::TooLong`] over [`Self::ARCS_MAX`].
    pub fn decode_content(content: &[u8]) -> Result<Self, OidError> {
        let mut arcs: Vec<u32> = Vec::with_capacity(content.len() + 1);
        let mut value: u32 = 0;
        let mut open = false;
        for &octet in content {
            if value >> 25 != 0 {
                return Err(OidError::Octets);
            }
            value = value << 7 | u32::from(octet & 0x7f);
            open = octet & 0x80 != 0;
            if open {
                continue;
            }
            if arcs.is_empty() {
                let first = (value / 40).min(2);
                arcs.push(first);
                arcs.push(value - first * 40);
            } else {
                arcs.push(value);
            }
            if Self::ARCS_MAX < arcs.len() {
                return Err(OidError::TooLong);
            }
            value = 0;
        }
        if open || arcs.is_empty() { Err(OidError::Octets) } else { Ok(Self(arcs.into())) }
    }
}

/// The first sub-identifier (of the very first octets: the first two in one) and what follows it.
fn split_arc(octets: &[u8]) -> Option<(u32, &[u8])> {
    let mut value: u32 = 0;
    for (at, &octet) in octets.iter().enumerate() {
        if value >> 25 != 0 {
            return None;
        }
        value = value << 7 | u32::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            return Some((value, octets.get(at + 1..)?));
        }
    }
    None
}

fn push_base128(out: &mut Vec<u8>, arc: u32) {
    for group in (0..5).rev() {
        let rest = arc >> (7 * group);
        if group == 0 || rest != 0 {
            let more = if group == 0 { 0 } else { 0x80 };
            out.push((rest & 0x7f) as u8 | more);
        }
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, arc) in self.0.iter().enumerate() {
            if at != 0 {
                f.write_str(".")?;
            }
            write!(f, "{arc}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({self})")
    }
}

impl FromStr for Oid {
    type Err = OidError;

    /// Dotted numbers, with or without a leading dot.
    fn from_str(text: &str) -> Result<Self, OidError> {
        let dotted = text.strip_prefix('.').unwrap_or(text);
        let arcs = dotted
            .split('.')
            .map(|part| {
                let digits = !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
                let wrong = || OidError::Number { text: text.to_owned(), part: part.to_owned() };
                if digits { part.parse::<u32>().map_err(|_| wrong()) } else { Err(wrong()) }
            })
            .collect::<Result<Vec<u32>, OidError>>()?;
        Self::try_from_arcs(&arcs)
    }
}

#[cfg(test)]
mod tests {
    use super::{Oid, OidError};
    use proptest::prelude::*;

    #[test]
    fn parses_and_prints() {
        for (text, shown) in
            [("1.3.6.1", "1.3.6.1"), (".1.3.6", "1.3.6"), ("1.3.4294967295", "1.3.4294967295")]
        {
            assert_eq!(text.parse::<Oid>().unwrap().to_string(), shown);
        }
        for text in ["", ".", "1..3", "1.3.", "1.x", "1.4294967296", "1.-3", "1.+3"] {
            assert!(matches!(text.parse::<Oid>(), Err(OidError::Number { .. })), "{text}");
        }
    }

    #[test]
    fn octets_of_x690_8_19() {
        let mut out = Vec::new();
        "2.100.3".parse::<Oid>().unwrap().encode_content(&mut out).unwrap();
        assert_eq!(out, [0x81, 0x34, 0x03]);
        for bad in [&[][..], &[0x81], &[0x2b, 0x90, 0x80, 0x80, 0x80, 0x00]] {
            assert_eq!(Oid::decode_content(bad), Err(OidError::Octets), "{bad:02x?}");
        }
    }

    proptest! {
        #[test]
        fn content_round_trips(first in 0u32..=2, second in 0u32..40, tail in prop::collection::vec(any::<u32>(), 0..126)) {
            let oid = Oid::new(&[&[first, second][..], &tail].concat());
            let mut out = Vec::new();
            oid.encode_content(&mut out).unwrap();
            prop_assert_eq!(Oid::decode_content(&out).unwrap(), oid);
        }

        #[test]
        fn names_are_ordered_by_their_octets(
            shared in prop::collection::vec(any::<u8>(), 0..20),
            left in prop::collection::vec(any::<u8>(), 0..6),
            right in prop::collection::vec(any::<u8>(), 0..6),
        ) {
            let (left, right) = ([&shared[..], &left].concat(), [&shared[..], &right].concat());
            if let Ok(sound) = Oid::decode_content(&left) {
                let order = Oid::decode_content(&right).ok().map(|it| sound.cmp(&it));
                prop_assert_eq!(Oid::order_of_content(&left, &right), order);
            }
            let same = left.iter().zip(&right).take_while(|(left, right)| left == right).count();
            prop_assert_eq!(Oid::shared_octets(&left, &right), same);
        }

        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(oid) = Oid::decode_content(&octets) {
                prop_assert!(oid.arcs().len() <= Oid::ARCS_MAX);
            }
        }

        #[test]
        fn order_is_that_of_the_arcs(a in prop::collection::vec(any::<u32>(), 0..9), b in prop::collection::vec(any::<u32>(), 0..9)) {
            prop_assert_eq!(Oid::new(&a).cmp(&Oid::new(&b)), a.cmp(&b));
        }
    }
}
