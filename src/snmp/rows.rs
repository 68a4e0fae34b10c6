//! Where the rows of a walk go: they are kept ([`Rows`]), or those that were asked for are picked out as they
//! come ([`Picked`]).
//!
//! Pure. Invariants: rows come in rising order of their names; what is taken back leaves no trace; nothing is
//! allocated for a row. How a walk asks and where it ends is [`super::walk`]'s.

use super::wire::{Names, ValueRef, is_same_name};
use crate::model::{Cells, Oid, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// Takes the rows of a walk.
pub trait TakeRows {
    /// What was taken up to here.
    type Mark: Copy;

    /// Another subtree begins.
    fn begin(&mut self);

    /// How many rows of this subtree were taken.
    fn len(&self) -> usize;

    /// Whether there was none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a row whose name is after those of all rows before. A value that cannot be read is no row, though
    /// it may be a reason.
    fn push(&mut self, name: &[u8], value: ValueRef<'_>);

    /// Takes a row if its name comes after `after`, the sound name of the row before; false: nothing was taken.
    #[inline(always)]
    fn push_after(&mut self, after: &[u8], name: &[u8], value: ValueRef<'_>) -> bool {
        let comes_after = Oid::order_of_content(after, name) == Some(Ordering::Less);
        if comes_after {
            self.push(name, value);
        }
        comes_after
    }

    /// Where it stands, for [`Self::take_back`].
    fn mark(&self) -> Self::Mark;

    /// Forgets all that was taken since.
    fn take_back(&mut self, mark: Self::Mark);
}

/// What a walk has read: names and values, without an allocation a row.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// The names' content octets, one after the other.
    names: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    values: Cells,
}

impl Rows {
    /// All of them in order, but those in whose place the agent sent an exception.
    pub fn iter(&self) -> impl Iterator<Item = (Oid, Value)> {
        let row = |at| Some((Oid::decode_content(self.name(at)).ok()?, self.values.value(at).ok()?));
        (0..self.ends.len()).filter_map(row)
    }

    fn name(&self, at: usize) -> &[u8] {
        let end = |at: usize| self.ends.get(at).copied().unwrap_or_default();
        let from = at.checked_sub(1).map_or(0, end);
        self.names.get(from..end(at)).unwrap_or_default()
    }
}

impl TakeRows for Rows {
    type Mark = usize;

    fn begin(&mut self) {
        self.names.clear();
        self.ends.clear();
        self.values.reset(0);
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline(always)]
    fn push(&mut self, name: &[u8], value: ValueRef<'_>) {
        if value != ValueRef::Unreadable {
            self.names.extend_from_slice(name);
            self.ends.push(self.names.len());
            self.values.push(value);
        }
    }

    fn mark(&self) -> usize {
        self.ends.len()
    }

    fn take_back(&mut self, length: usize) {
        let end = length.checked_sub(1).map_or(0, |it| self.ends.get(it).copied().unwrap_or_default());
        self.names.truncate(end);
        self.ends.truncate(length);
        self.values.truncate(length);
    }
}

/// Picks the cells of some names, which stand in rising order, out of the rows of one subtree after the other.
#[derive(Debug, Clone)]
pub struct Picked {
    names: Arc<Names>,
    cells: Cells,
    /// The first of the names that no row has reached.
    next: usize,
    /// How many rows of this subtree came.
    rows: usize,
}

impl Picked {
    /// For these names, none of whose cells came yet.
    #[must_use]
    pub fn new(names: Arc<Names>) -> Self {
        let mut picked = Self { names, cells: Cells::default(), next: 0, rows: 0 };
        picked.restart();
        picked
    }

    /// Forgets the cells, and begins at the first name.
    pub fn restart(&mut self) {
        self.cells.reset(self.names.len());
        (self.next, self.rows) = (0, 0);
    }

    /// The cells, in the order of the names; those that no row brought are not polled.
    #[must_use]
    pub const fn cells(&self) -> &Cells {
        &self.cells
    }

    /// The same, to be taken away.
    pub const fn cells_mut(&mut self) -> &mut Cells {
        &mut self.cells
    }

    /// The place of the row with that name, if it is one of those that are wanted.
    fn place_of(&mut self, name: &[u8]) -> Option<usize> {
        while self.next < self.names.len() {
            let at = self.next;
            let order = Oid::order_of_content(self.names.name(at), name)?;
            self.next += usize::from(order != Ordering::Greater);
            match order {
                Ordering::Less => (),
                Ordering::Equal => return Some(at),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

impl TakeRows for Picked {
    type Mark = (usize, usize);

    fn begin(&mut self) {
        self.rows = 0;
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn push(&mut self, name: &[u8], value: ValueRef<'_>) {
        self.rows += usize::from(value != ValueRef::Unreadable);
        if let Some(at) = self.place_of(name) {
            self.cells.set(at, value);
        }
    }

    // The names rise, and all that rows have reached are behind: the next of them is after any row that came.
    #[inline(always)]
    fn push_after(&mut self, after: &[u8], name: &[u8], value: ValueRef<'_>) -> bool {
        if is_same_name(self.names.name(self.next), name) {
            self.cells.set(self.next, value);
            (self.next, self.rows) = (self.next + 1, self.rows + 1);
            return true;
        }
        let comes_after = Oid::order_of_content(after, name) == Some(Ordering::Less);
        if comes_after {
            self.push(name, value);
        }
        comes_after
    }

    fn mark(&self) -> Self::Mark {
        (self.next, self.rows)
    }

    fn take_back(&mut self, (next, rows): Self::Mark) {
        (next..self.next).for_each(|it| self.cells.open(it));
        (self.next, self.rows) = (next, rows);
    }
}

/// The content octets of a subtree's root, held against names without a loop where they are sixteen at most.
#[derive(Debug, Clone, Default)]
pub(super) struct Prefix {
    octets: Vec<u8>,
    /// The first sixteen, and the bits that count of them.
    first: u128,
    mask: u128,
}

impl Prefix {
    pub(super) fn new(octets: &[u8]) -> Self {
        let mut first = [0; 16];
        first.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        let mut mask = [0; 16];
        mask.iter_mut().zip(octets).for_each(|(to, _)| *to = u8::MAX);
        Self { octets: octets.to_vec(), first: u128::from_ne_bytes(first), mask: u128::from_ne_bytes(mask) }
    }

    /// Whether a name begins with it.
    #[inline(always)]
    pub(super) fn leads(&self, name: &[u8]) -> bool {
        match name.first_chunk::<16>() {
            Some(first) if self.octets.len() <= 16 => {
                (u128::from_ne_bytes(*first) ^ self.first) & self.mask == 0
            }
            _ => name.starts_with(&self.octets),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Missing;

    fn content(text: &str) -> Vec<u8> {
        let mut octets = Vec::new();
        text.parse::<Oid>().unwrap().encode_content(&mut octets).unwrap();
        octets
    }

    fn picked(names: &[&str]) -> Picked {
        let oids: Vec<Oid> = names.iter().map(|it| it.parse().unwrap()).collect();
        Picked::new(Arc::new(Names::new(&oids).unwrap()))
    }

    /// Hands rows over as a walk does; those that were taken.
    fn hand(picked: &mut Picked, rows: &[(&str, i64)]) -> Vec<i64> {
        let mut after = content("1.3.6.1");
        let mut taken = Vec::new();
        for (name, number) in rows {
            let name = content(name);
            if picked.push_after(&after, &name, ValueRef::Integer(*number)) {
                taken.push(*number);
                after = name;
            }
        }
        taken
    }

    const NAMES: [&str; 4] =
        ["1.3.6.1.4.1.318.2.1", "1.3.6.1.4.1.318.2.5", "1.3.6.1.4.1.318.2.500", "1.3.6.2"];

    #[test]
    fn cells_are_picked_whatever_stands_between_them() {
        /// Rows, the cells that come of them, and how many are taken.
        type Case<'a> = (&'a [(&'a str, i64)], [Option<i64>; 4], usize);
        let cases: [Case<'_>; 5] = [
            (&[], [None; 4], 0),
            (
                &[(NAMES[0], 1), (NAMES[1], 2), (NAMES[2], 3), (NAMES[3], 4)],
                [Some(1), Some(2), Some(3), Some(4)],
                4,
            ),
            (
                &[
                    ("1.3.6.1.4.1.317", 9),
                    (NAMES[1], 2),
                    ("1.3.6.1.4.1.318.2.6", 9),
                    (NAMES[3], 4),
                    ("1.3.7", 9),
                ],
                [None, Some(2), None, Some(4)],
                5,
            ),
            // What comes twice, or later than it should, is not taken.
            (
                &[(NAMES[1], 2), (NAMES[1], 9), (NAMES[0], 9), (NAMES[2], 3)],
                [None, Some(2), Some(3), None],
                2,
            ),
            (&[("1.3.8", 9), (NAMES[0], 9)], [None; 4], 1),
        ];
        for (rows, expected, taken) in cases {
            let mut picked = picked(&NAMES);
            assert_eq!((hand(&mut picked, rows).len(), picked.len()), (taken, taken), "{rows:?}");
            let cells: Vec<_> = (0..4).map(|it| picked.cells().number(it)).collect();
            assert_eq!(cells, expected, "{rows:?}");
        }
    }

    #[test]
    fn what_is_taken_back_may_come_again() {
        let mut picked = picked(&NAMES);
        hand(&mut picked, &[(NAMES[0], 1)]);
        let mark = picked.mark();
        hand(&mut picked, &[(NAMES[1], 9), (NAMES[2], 9)]);
        picked.take_back(mark);
        assert!(picked.cells().is_open(1) && picked.cells().is_open(2) && picked.len() == 1);
        hand(&mut picked, &[(NAMES[1], 2)]);
        assert_eq!((picked.cells().number(0), picked.cells().number(1)), (Some(1), Some(2)));
        picked.restart();
        assert!(picked.cells().is_open(0) && picked.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_a_reason_and_no_row() {
        let mut picked = picked(&NAMES);
        picked.push(&content(NAMES[0]), ValueRef::Unreadable);
        assert_eq!((picked.cells().value(0), picked.len()), (Err(Missing::WrongType), 0));
        let mut rows = Rows::default();
        rows.push(&content(NAMES[0]), ValueRef::Unreadable);
        assert!(rows.is_empty());
    }

    #[test]
    fn a_prefix_leads_what_begins_with_it() {
        let long = "1.3.6.1.4.1.318.1.2.3.4.5.6.7.8.9.10.11.12";
        let names = [
            "1.3.6.1",
            "1.3.6.1.4",
            "1.3.6.1.4.1.318.1.1.26.9.4.3.1.7.24",
            "1.3.6.2.4.1.318.1.1.26.9.4.3",
            long,
        ];
        for root in ["1.3", "1.3.6.1", "1.3.6.1.4.1.318.1.1.26.9.4.3.1.7", long] {
            let root = content(root);
            for name in names.map(content) {
                assert_eq!(Prefix::new(&root).leads(&name), name.starts_with(&root));
            }
        }
    }
}
