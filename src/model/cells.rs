//! What an agent answered for the cells of one poll, compactly: sixteen octets a cell, and the octets of all
//! texts in one place. One allocation serves poll after poll.
//!
//! Invariant: a text's place lies within the octets; whoever reads one that does not gets nothing.

use super::{Missing, Oid, Value, ValueRef};

/// The cells of one poll, in the order in which they were asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cells {
    cells: Vec<Cell>,
    octets: Vec<u8>,
    reasons: Reasons,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    Integer(i64),
    Counter32(u32),
    Gauge32(u32),
    TimeTicks(u32),
    Counter64(u64),
    OctetString(Place),
    Opaque(Place),
    ObjectIdentifier(Place),
    IpAddress([u8; 4]),
    Null,
    Missing(Missing),
}

/// Where in the octets something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    from: u32,
    to: u32,
}

/// Which reasons there are among some cells or samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reasons(u16);

impl Reasons {
    /// Adds one.
    pub const fn insert(&mut self, missing: Missing) {
        self.0 |= Self::bit(missing);
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn contains(self, missing: Missing) -> bool {
        self.0 & Self::bit(missing) != 0
    }

    const fn bit(missing: Missing) -> u16 {
        1 << missing as u16
    }
}

// A bit for each.
const _: () = assert!(Missing::ALL.len() <= 16);

impl Cells {
    /// Begins anew with so many cells that were not polled yet.
    pub fn reset(&mut self, count: usize) {
        self.cells.clear();
        self.cells.resize(count, Cell::Missing(Missing::NotPolled));
        self.octets.clear();
        self.reasons = Reasons::default();
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The reasons that cells were given; one among them may have got a value since.
    #[must_use]
    pub const fn reasons(&self) -> Reasons {
        self.reasons
    }

    /// Notes what was answered for the cell at `at`. An exception is a reason, and a value that cannot be read
    /// is [`Missing::WrongType`].
    #[inline]
    pub fn set(&mut self, at: usize, value: ValueRef<'_>) {
        let cell = match value {
            ValueRef::Integer(it) => Cell::Integer(it),
            ValueRef::Gauge32(it) => Cell::Gauge32(it),
            ValueRef::Counter32(it) => Cell::Counter32(it),
            ValueRef::TimeTicks(it) => Cell::TimeTicks(it),
            other => self.rare(other),
        };
        if let Some(place) = self.cells.get_mut(at) {
            *place = cell;
        }
    }

    #[cold]
    fn rare(&mut self, value: ValueRef<'_>) -> Cell {
        match value {
            ValueRef::Integer(it) => Cell::Integer(it),
            ValueRef::Gauge32(it) => Cell::Gauge32(it),
            ValueRef::Counter32(it) => Cell::Counter32(it),
            ValueRef::TimeTicks(it) => Cell::TimeTicks(it),
            ValueRef::Counter64(it) => Cell::Counter64(it),
            ValueRef::OctetString(it) => Cell::OctetString(self.keep(ValueRef::cut(it))),
            ValueRef::Opaque(it) => Cell::Opaque(self.keep(ValueRef::cut(it))),
            ValueRef::ObjectIdentifier(it) if Oid::decode_content(it).is_ok() => {
                Cell::ObjectIdentifier(self.keep(it))
            }
            ValueRef::IpAddress(it) => Cell::IpAddress(it),
            ValueRef::Null => Cell::Null,
            ValueRef::NoSuchObject => self.lack(Missing::NoSuchObject),
            ValueRef::NoSuchInstance | ValueRef::EndOfMibView => self.lack(Missing::NoSuchInstance),
            ValueRef::ObjectIdentifier(_) | ValueRef::Unreadable => self.lack(Missing::WrongType),
        }
    }

    fn lack(&mut self, missing: Missing) -> Cell {
        self.reasons.insert(missing);
        Cell::Missing(missing)
    }

    fn keep(&mut self, octets: &[u8]) -> Place {
        let from = self.octets.len();
        self.octets.extend_from_slice(octets);
        let bound = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Place { from: bound(from), to: bound(self.octets.len()) }
    }

    /// Notes why there is no value at `at`.
    pub fn set_missing(&mut self, at: usize, missing: Missing) {
        let cell = self.lack(missing);
        if let Some(place) = self.cells.get_mut(at) {
            *place = cell;
        }
    }

    /// Whether nothing was noted for it yet.
    #[must_use]
    pub fn is_open(&self, at: usize) -> bool {
        self.cells.get(at) == Some(&Cell::Missing(Missing::NotPolled))
    }

    /// The number, if it is a plain one of those that polls bring: a measurement, a count up to 32 bits, a
    /// duration.
    #[must_use]
    #[inline]
    pub fn number(&self, at: usize) -> Option<i64> {
        match *self.cells.get(at)? {
            Cell::Integer(it) => Some(it),
            Cell::Gauge32(it) | Cell::Counter32(it) | Cell::TimeTicks(it) => Some(i64::from(it)),
            _ => None,
        }
    }

    /// The value, or why there is none.
    ///
    /// # Errors
    /// The reason; beyond the last cell [`Missing::NotPolled`].
    pub fn value(&self, at: usize) -> Result<Value, Missing> {
        let octets = |it: Place| self.octets.get(it.from as usize..it.to as usize).unwrap_or_default();
        Ok(match *self.cells.get(at).ok_or(Missing::NotPolled)? {
            Cell::Integer(it) => Value::Integer(it),
            Cell::Counter32(it) => Value::Counter32(it),
            Cell::Gauge32(it) => Value::Gauge32(it),
            Cell::TimeTicks(it) => Value::TimeTicks(it),
            Cell::Counter64(it) => Value::Counter64(it),
            Cell::OctetString(it) => Value::OctetString(octets(it).into()),
            Cell::Opaque(it) => Value::Opaque(octets(it).into()),
            Cell::ObjectIdentifier(it) => {
                Value::ObjectIdentifier(Oid::decode_content(octets(it)).map_err(|_| Missing::WrongType)?)
            }
            Cell::IpAddress(it) => Value::IpAddress(it),
            Cell::Null => Value::Null,
            Cell::Missing(missing) => return Err(missing),
        })
    }

    /// All of them, as [`Self::value`] gives them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<Value, Missing>> {
        (0..self.len()).map(|at| self.value(at))
    }
}

impl FromIterator<Result<Value, Missing>> for Cells {
    fn from_iter<T: IntoIterator<Item = Result<Value, Missing>>>(answers: T) -> Self {
        let mut cells = Self::default();
        for answer in answers {
            let at = cells.len();
            cells.cells.push(Cell::Missing(Missing::NotPolled));
            let mut name = Vec::new();
            match &answer {
                Ok(value) => cells.set(at, value.as_ref(&mut name)),
                Err(missing) => cells.set_missing(at, *missing),
            }
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::{Cells, Missing, Value, ValueRef};

    #[test]
    fn what_is_noted_is_read_again() {
        let long = [b'x'; 2000];
        let answers = [
            (Ok(ValueRef::Integer(i64::MIN)), Ok(Value::Integer(i64::MIN))),
            (Ok(ValueRef::Gauge32(u32::MAX)), Ok(Value::Gauge32(u32::MAX))),
            (Ok(ValueRef::Counter64(u64::MAX)), Ok(Value::Counter64(u64::MAX))),
            (Ok(ValueRef::OctetString(b"23.4")), Ok(Value::OctetString((*b"23.4").into()))),
            (Ok(ValueRef::Opaque(&long)), Ok(Value::Opaque((*long.split_at(1024).0).into()))),
            (
                Ok(ValueRef::ObjectIdentifier(&[0x2b, 6])),
                Ok(Value::ObjectIdentifier("1.3.6".parse().unwrap())),
            ),
            (Ok(ValueRef::ObjectIdentifier(&[0x80])), Err(Missing::WrongType)),
            (Ok(ValueRef::Unreadable), Err(Missing::WrongType)),
            (Ok(ValueRef::IpAddress([10, 0, 0, 1])), Ok(Value::IpAddress([10, 0, 0, 1]))),
            (Ok(ValueRef::Null), Ok(Value::Null)),
            (Ok(ValueRef::EndOfMibView), Err(Missing::NoSuchInstance)),
            (Err(Missing::Timeout), Err(Missing::Timeout)),
        ];
        let mut cells = Cells::default();
        cells.reset(answers.len());
        for (at, (noted, _)) in answers.iter().enumerate() {
            assert!(cells.is_open(at));
            match *noted {
                Ok(value) => cells.set(at, value),
                Err(missing) => cells.set_missing(at, missing),
            }
        }
        assert!(cells.iter().eq(answers.iter().map(|(_, read)| read.clone())), "{cells:?}");
        assert_eq!((cells.number(0), cells.number(2), cells.number(3)), (Some(i64::MIN), None, None));
        assert_eq!(cells.value(answers.len()), Err(Missing::NotPolled));
        assert!(cells.iter().collect::<Cells>().iter().eq(cells.iter()));
        let reasons = cells.reasons();
        assert!(reasons.contains(Missing::Timeout) && !reasons.contains(Missing::NoSuchObject));
    }

    #[test]
    fn a_cell_takes_sixteen_octets() {
        assert_eq!(size_of::<super::Cell>(), 16);
    }
}
