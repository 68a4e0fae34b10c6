//! Finds the cell of another object that belongs to the row of a reading: its scale, unit, validity,
//! rating or label.
//!
//! The rule of docs/profiles.md, "Other cells of the row": the reading's whole instance; the starred
//! part; each shorter prefix of the instance; `0`. With `index_from`, the value of that column.

use super::learned::Learned;
use super::number;
use crate::mib::Enumeration;
use crate::model::{Oid, Value};

/// A MIB object as a profile names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ObjectRef {
    /// The object's OID without an instance.
    pub(super) root: Oid,
    /// The instance, where the profile names one cell.
    pub(super) fixed: Option<Box<[u32]>>,
    /// Whether its one cell is instance 0.
    pub(super) scalar: bool,
    /// The names of its numbers.
    pub(super) names: Enumeration,
}

/// The row that a reading stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// What follows the column's OID.
    pub(super) instance: &'a [u32],
    /// The part of it that the pattern's stars cover.
    pub(super) starred: &'a [u32],
}

impl ObjectRef {
    /// The instance to GET when learning; `None` for a column, which is walked.
    pub(super) fn cell(&self) -> Option<Oid> {
        match &self.fixed {
            Some(fixed) => Some(self.root.child(fixed)),
            None if self.scalar => Some(self.root.child(&[0])),
            None => None,
        }
    }

    /// Whether it is one cell for the whole device.
    pub(super) fn is_single(&self) -> bool {
        self.scalar || self.fixed.is_some()
    }

    /// All its cells.
    pub(super) fn cells<'a>(&'a self, learned: &'a Learned) -> impl Iterator<Item = (Oid, &'a Value)> {
        let fixed = self.fixed.as_ref().map(|it| self.root.child(it));
        let one = fixed.and_then(|oid| learned.get(&oid).map(|value| (oid, value)));
        let all = self.fixed.is_none().then(|| learned.below(&self.root));
        one.into_iter().chain(all.into_iter().flatten().map(|(oid, value)| (oid.clone(), value)))
    }

    /// Its cell in that row.
    pub(super) fn find<'a>(&self, learned: &'a Learned, row: Row<'_>) -> Option<(Oid, &'a Value)> {
        let at = |instance: &[u32]| {
            let oid = self.root.child(instance);
            learned.get(&oid).map(|value| (oid, value))
        };
        if let Some(fixed) = &self.fixed {
            return at(fixed);
        }
        at(row.instance)
            .or_else(|| at(row.starred).filter(|_| !row.starred.is_empty()))
            .or_else(|| (1..row.instance.len()).rev().find_map(|to| at(row.instance.get(..to)?)))
            .or_else(|| at(&[0]))
    }
}

/// A second object, perhaps by way of a column that holds its index.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lookup {
    pub(super) object: ObjectRef,
    pub(super) index_from: Option<ObjectRef>,
}

impl Lookup {
    /// Whether one of its objects was not answered when the device was learnt.
    pub(super) fn is_in_doubt(&self, learned: &Learned) -> bool {
        self.objects().any(|it| learned.is_in_doubt(&it.root))
    }

    /// The cell in that row. With `index_from`, the instance is the number there; where the agent
    /// has none such, it is that number after ever shorter prefixes of the row's instance.
    pub(super) fn find<'a>(&self, learned: &'a Learned, row: Row<'_>) -> Option<(Oid, &'a Value)> {
        let Some(index_from) = &self.index_from else { return self.object.find(learned, row) };
        let (_, value) = index_from.find(learned, row)?;
        let index = u32::try_from(number::whole(value)?).ok()?;
        let at = |instance: &[u32]| {
            let oid = self.object.root.child(instance);
            learned.get(&oid).map(|value| (oid, value))
        };
        at(&[index]).or_else(|| {
            (1..row.instance.len()).rev().find_map(|to| at(&[row.instance.get(..to)?, &[index][..]].concat()))
        })
    }

    /// The objects that must be learnt for it.
    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        std::iter::once(&self.object).chain(&self.index_from)
    }
}

/// What a cell may hold, as `is` and `values` list it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Number(i64),
    /// Compared with blanks around dropped and ASCII case ignored.
    Text(Box<str>),
    /// The pieces of a text between its `*`, each of which stands for any run of letters.
    Pieces(Box<[Box<str>]>),
    Oid(Oid),
}

impl Key {
    /// Whether a cell holds it. Does not allocate.
    pub(super) fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Number(number), _) => number::whole(value) == Some(*number),
            (Self::Text(text), Value::OctetString(octets)) => {
                number::trimmed(octets).eq_ignore_ascii_case(text.as_bytes())
            }
            (Self::Pieces(pieces), Value::OctetString(octets)) => {
                fits_pieces(pieces, number::trimmed(octets))
            }
            (Self::Oid(oid), Value::ObjectIdentifier(found)) => oid == found,
            (Self::Text(_) | Self::Pieces(_) | Self::Oid(_), _) => false,
        }
    }
}

impl Key {
    /// A text as a profile writes it, perhaps with `*` in it.
    pub(super) fn of_text(text: &str) -> Self {
        let text = text.trim();
        if text.contains('*') {
            return Self::Pieces(text.split('*').map(Into::into).collect());
        }
        Self::Text(text.into())
    }
}

/// Whether a text begins with the first piece, ends with the last, and has the others between, in
/// order. The earliest place of each is as good as any: `*` takes any run.
fn fits_pieces(pieces: &[Box<str>], text: &[u8]) -> bool {
    let [first, middle @ .., last] = pieces else { return false };
    let equal = |part: &[u8], piece: &str| part.eq_ignore_ascii_case(piece.as_bytes());
    let Some((head, rest)) = text.split_at_checked(first.len()) else { return false };
    let Some(room) = rest.len().checked_sub(last.len()) else { return false };
    let (mut rest, tail) = rest.split_at(room);
    if !equal(head, first) || !equal(tail, last) {
        return false;
    }
    for piece in middle.iter().filter(|it| !it.is_empty()) {
        let Some(at) = rest.windows(piece.len()).position(|it| equal(it, piece)) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    true
}

/// What must hold for a row: one of `is`, none of `not`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) lookup: Lookup,
    pub(super) test: Test,
    /// Whether it holds where the cell is missing.
    pub(super) default: bool,
}

/// The values that hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Test {
    /// Empty: any.
    pub(super) is: Box<[Key]>,
    pub(super) not: Box<[Key]>,
}

impl Test {
    pub(super) fn holds(&self, value: &Value) -> bool {
        let wanted = self.is.is_empty() || self.is.iter().any(|it| it.fits(value));
        wanted && !self.not.iter().any(|it| it.fits(value))
    }
}

impl Condition {
    /// Whether it held in that row when the device was learnt.
    pub(super) fn held(&self, learned: &Learned, row: Row<'_>) -> bool {
        self.lookup.find(learned, row).map_or(self.default, |(_, value)| self.test.holds(value))
    }
}

#[cfg(test)]
mod tests {
    use super::Key;
    use crate::model::{Oid, Value};

    #[test]
    fn keys_fit() {
        let text = |it: &str| Value::OctetString(it.as_bytes().into());
        for (key, value, fits) in [
            ("C", text(" c\0"), true),
            ("C", text("CC"), false),
            ("*.Power.*Value", text("Phase L1.power.Factor.Value"), true),
            ("*.Power.*Value", text("Phase L1.Power.Factor.Unit"), false),
            ("ab*ba", text("aba"), false),
            ("ab*ba", text("abba"), true),
            ("*", text(""), true),
            ("*a*", text("bbb"), false),
            ("*a*a*", text("a"), false),
            ("x*", text("y"), false),
            ("*C", Value::Integer(1), false),
        ] {
            assert_eq!(Key::of_text(key).fits(&value), fits, "{key} {value:?}");
        }
        assert!(Key::Number(12).fits(&text("12")));
        assert!(Key::Number(12).fits(&Value::Gauge32(12)));
        assert!(Key::Oid(Oid::new(&[1, 3])).fits(&Value::ObjectIdentifier(Oid::new(&[1, 3]))));
    }
}
