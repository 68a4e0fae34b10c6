//! How a cell becomes a state's number where that is not simply the number that it holds: one bit of a mask,
//! one flag of a text, an object of a list that is sent as an OID, a row that is there only while something is amiss.
//!
//! Pure; does not allocate. What the numbers mean is in the state table.

use super::number;
use crate::model::{Missing, Oid, Value};

/// As a profile says it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct StateWire {
    pub(super) bit: Option<Bit>,
    /// The cell holds an OID: the number is the sub-identifier after one of these, and 0 for any other OID.
    pub(super) below: Box<[Oid]>,
    /// The number where the agent says that the cell is gone.
    pub(super) absent: Option<i64>,
}

/// Which bits of a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bit {
    /// Whether any of them is set.
    Any,
    /// One. Of an integer counted from the lowest; of octets (BITS, RFC 2578 7.1.4) from the highest of the first.
    One(u8),
    /// One of a text of `0` and `1`, counted from 1 at its left; beyond its end none is set.
    Flag(u8),
}

impl StateWire {
    /// Whether it says nothing.
    pub(super) fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// The number of a cell that the agent says is gone.
    pub(super) fn of_absence(&self, answer: &Result<Value, Missing>) -> Option<i64> {
        self.absent.filter(|_| *answer == Err(Missing::NoSuchInstance))
    }

    /// The state's number in an answer; `None`: it is to be read as any other.
    pub(super) fn number(&self, value: &Value) -> Option<Result<i64, Missing>> {
        if let Some(bit) = self.bit {
            // An agent without the flags says so in words.
            let otherwise =
                if matches!(bit, Bit::Flag(_)) { Missing::NotSupported } else { Missing::WrongType };
            return Some(bit.number(value).ok_or(otherwise));
        }
        let (false, Value::ObjectIdentifier(oid)) = (self.below.is_empty(), value) else { return None };
        let arc = self.below.iter().find_map(|root| oid.strip_prefix(root)?.first().copied());
        Some(Ok(arc.map_or(0, i64::from)))
    }
}

impl Bit {
    /// 1 where it is set, else 0; `None` of what is no mask.
    fn number(self, value: &Value) -> Option<i64> {
        if let Self::Flag(place) = self {
            return flag(place, value);
        }
        let is_set = match (self, value, number::whole(value)) {
            (Self::Any, _, Some(mask)) => mask != 0,
            (Self::One(bit), _, Some(mask)) => mask.checked_shr(bit.into()).is_some_and(|it| it & 1 == 1),
            (Self::Any, Value::OctetString(octets), None) => octets.iter().any(|it| *it != 0),
            (Self::One(bit), Value::OctetString(octets), None) => {
                let octet = octets.get(usize::from(bit / 8)).copied().unwrap_or(0);
                octet & (0x80 >> (bit % 8)) != 0
            }
            _ => return None,
        };
        Some(i64::from(is_set))
    }
}

fn flag(place: u8, value: &Value) -> Option<i64> {
    let Value::OctetString(octets) = value else { return None };
    let flags = octets.trim_ascii();
    let is_mask = !flags.is_empty() && flags.iter().all(|it| matches!(it, b'0' | b'1'));
    let is_set = flags.get(usize::from(place).checked_sub(1)?) == Some(&b'1');
    is_mask.then_some(i64::from(is_set))
}

#[cfg(test)]
mod tests {
    use super::{Bit, StateWire};
    use crate::model::{Missing, Oid, Value};

    #[test]
    fn bits_of_masks() {
        let octets = |it: &[u8]| Value::OctetString(it.into());
        for (bit, value, number) in [
            (Bit::One(0), Value::Integer(5), Some(1)),
            (Bit::One(1), Value::Integer(5), Some(0)),
            (Bit::One(2), Value::Gauge32(5), Some(1)),
            (Bit::One(70), Value::Integer(-1), Some(0)),
            (Bit::One(15), Value::Integer(-1), Some(1)),
            (Bit::One(1), octets(b"2"), Some(1)),
            (Bit::One(0), octets(&[0x80]), Some(1)),
            (Bit::One(9), octets(&[0, 0x40]), Some(1)),
            (Bit::One(9), octets(&[0x80]), Some(0)),
            (Bit::Flag(2), octets(b"0100"), Some(1)),
            (Bit::Flag(1), octets(b"0100"), Some(0)),
            (Bit::Flag(4), octets(b"0001 "), Some(1)),
            (Bit::Flag(5), octets(b"1111"), Some(0)),
            (Bit::Flag(1), octets(b"UNKNOWN"), None),
            (Bit::Flag(1), octets(b""), None),
            (Bit::Flag(0), octets(b"1"), None),
            (Bit::Flag(1), Value::Integer(1), None),
            (Bit::Any, octets(&[0, 0]), Some(0)),
            (Bit::Any, octets(&[0, 1]), Some(1)),
            (Bit::Any, Value::Integer(0), Some(0)),
            (Bit::Any, Value::Integer(-8), Some(1)),
            (Bit::Any, Value::ObjectIdentifier(Oid::new(&[1, 3])), None),
        ] {
            assert_eq!(bit.number(&value), number, "{bit:?} of {value:?}");
        }
    }

    #[test]
    fn objects_of_a_list_and_rows_that_went() {
        let wire = StateWire {
            bit: None,
            below: [Oid::new(&[1, 3, 9]), Oid::new(&[1, 3, 7])].into(),
            absent: Some(-1),
        };
        let oid = |arcs: &[u32]| Value::ObjectIdentifier(Oid::new(arcs));
        for (value, number) in [
            (oid(&[1, 3, 9, 7]), Some(Ok(7))),
            (oid(&[1, 3, 9, 7, 0]), Some(Ok(7))),
            (oid(&[1, 3, 7, 9]), Some(Ok(9))),
            (oid(&[1, 3, 8, 7]), Some(Ok(0))),
            (oid(&[1, 3, 9]), Some(Ok(0))),
            (Value::Integer(3), None),
        ] {
            assert_eq!(wire.number(&value), number, "{value:?}");
        }
        assert_eq!(wire.of_absence(&Err(Missing::NoSuchInstance)), Some(-1));
        assert_eq!(wire.of_absence(&Err(Missing::Timeout)), None);
        let plain = StateWire::default();
        assert!(plain.is_plain());
        assert_eq!(plain.of_absence(&Err(Missing::NoSuchInstance)), None);
    }
}
