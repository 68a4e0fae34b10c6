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

/// One cell. Two words that are written one by one: an enum with content would be put together in memory and
/// read back whole, which stalls the processor for longer than all the rest takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    kind: Kind,
    /// The number; of texts their [`Place`], of an address its octets, of what is missing its place in
    /// [`Missing::ALL`].
    word: u64,
}

/// What a cell holds. The plain numbers come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Integer,
    Counter32,
    Gauge32,
    TimeTicks,
    Counter64,
    OctetString,
    Opaque,
    ObjectIdentifier,
    IpAddress,
    Null,
    Missing,
}

impl Cell {
    const NOT_POLLED: Self = Self::missing(Missing::NotPolled);

    const fn missing(missing: Missing) -> Self {
        Self { kind: Kind::Missing, word: missing as u64 }
    }
}

/// Where in the octets something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    from: usize,
    to: usize,
}

impl Place {
    fn word(self) -> u64 {
        let half = |at: usize| u64::from(u32::try_from(at).unwrap_or(u32::MAX));
        half(self.from) << 32 | half(self.to)
    }

    fn of_word(word: u64) -> Self {
        let half = |it: u64| usize::try_from(it & u64::from(u32::MAX)).unwrap_or(usize::MAX);
        Self { from: half(word >> 32), to: half(word) }
    }
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
        self.cells.resize(count, Cell::NOT_POLLED);
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
        let (kind, word) = match value {
            ValueRef::Integer(it) => (Kind::Integer, it.cast_unsigned()),
            ValueRef::Gauge32(it) => (Kind::Gauge32, u64::from(it)),
            ValueRef::Counter32(it) => (Kind::Counter32, u64::from(it)),
            ValueRef::TimeTicks(it) => (Kind::TimeTicks, u64::from(it)),
            other => return self.set_other(at, other),
        };
        if let Some(cell) = self.cells.get_mut(at) {
            (cell.kind, cell.word) = (kind, word);
        }
    }

    /// What is no plain number.
    #[cold]
    fn set_other(&mut self, at: usize, value: ValueRef<'_>) {
        let (kind, word) = match value {
            ValueRef::Integer(_) | ValueRef::Gauge32(_) | ValueRef::Counter32(_) | ValueRef::TimeTicks(_) => {
                return self.set(at, value);
            }
            ValueRef::Counter64(it) => (Kind::Counter64, it),
            ValueRef::OctetString(it) => (Kind::OctetString, self.keep(ValueRef::cut(it))),
            ValueRef::Opaque(it) => (Kind::Opaque, self.keep(ValueRef::cut(it))),
            ValueRef::ObjectIdentifier(it) if Oid::decode_content(it).is_ok() => {
                (Kind::ObjectIdentifier, self.keep(it))
            }
            ValueRef::IpAddress(it) => (Kind::IpAddress, u64::from(u32::from_be_bytes(it))),
            ValueRef::Null => (Kind::Null, 0),
            ValueRef::NoSuchObject => return self.set_missing(at, Missing::NoSuchObject),
            ValueRef::NoSuchInstance | ValueRef::EndOfMibView => {
                return self.set_missing(at, Missing::NoSuchInstance);
            }
            ValueRef::ObjectIdentifier(_) | ValueRef::Unreadable => {
                return self.set_missing(at, Missing::WrongType);
            }
        };
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = Cell { kind, word };
        }
    }

    fn keep(&mut self, octets: &[u8]) -> u64 {
        let from = self.octets.len();
        self.octets.extend_from_slice(octets);
        Place { from, to: self.octets.len() }.word()
    }

    /// Notes why there is no value at `at`.
    pub fn set_missing(&mut self, at: usize, missing: Missing) {
        self.reasons.insert(missing);
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = Cell::missing(missing);
        }
    }

    /// Drops all from the one at `length` on.
    pub fn truncate(&mut self, length: usize) {
        self.cells.truncate(length);
    }

    /// Moves each cell to the place that `order` says; where that says none, it stays. No two may go to one place.
    pub fn put_in_order(&mut self, order: &[u32]) {
        let cells = self.cells.clone();
        for (cell, place) in cells.into_iter().zip(order) {
            if let Some(there) = self.cells.get_mut(*place as usize) {
                *there = cell;
            }
        }
    }

    /// Takes back what was noted at `at`.
    pub fn open(&mut self, at: usize) {
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = Cell::NOT_POLLED;
        }
    }

    /// Whether nothing was noted for it yet.
    #[must_use]
    pub fn is_open(&self, at: usize) -> bool {
        self.cells.get(at) == Some(&Cell::NOT_POLLED)
    }

    /// The number, if it is a plain one of those that polls bring: a measurement, a count up to 32 bits, a
    /// duration.
    #[must_use]
    #[inline]
    pub fn number(&self, at: usize) -> Option<i64> {
        let cell = self.cells.get(at)?;
        (cell.kind <= Kind::TimeTicks).then_some(cell.word.cast_signed())
    }

    /// The value, or why there is none.
    ///
    /// # Errors
    /// The reason; beyond the last cell [`Missing::NotPolled`].
    pub fn value(&self, at: usize) -> Result<Value, Missing> {
        self.value_ref(at)?.to_value().map_err(|_| Missing::WrongType)
    }

    /// The same, borrowed.
    ///
    /// # Errors
    /// The reason; beyond the last cell [`Missing::NotPolled`].
    pub fn value_ref(&self, at: usize) -> Result<ValueRef<'_>, Missing> {
        let Cell { kind, word } = *self.cells.get(at).ok_or(Missing::NotPolled)?;
        // No more than 32 bits were put in.
        let short = || u32::try_from(word).unwrap_or(u32::MAX);
        let octets = || {
            let place = Place::of_word(word);
            self.octets.get(place.from..place.to).unwrap_or_default()
        };
        Ok(match kind {
            Kind::Integer => ValueRef::Integer(word.cast_signed()),
            Kind::Counter32 => ValueRef::Counter32(short()),
            Kind::Gauge32 => ValueRef::Gauge32(short()),
            Kind::TimeTicks => ValueRef::TimeTicks(short()),
            Kind::Counter64 => ValueRef::Counter64(word),
            Kind::OctetString => ValueRef::OctetString(octets()),
            Kind::Opaque => ValueRef::Opaque(octets()),
            Kind::ObjectIdentifier => ValueRef::ObjectIdentifier(octets()),
            Kind::IpAddress => ValueRef::IpAddress(short().to_be_bytes()),
            Kind::Null => ValueRef::Null,
            Kind::Missing => {
                let at = usize::try_from(word).ok();
                return Err(at.and_then(|it| Missing::ALL.get(it)).copied().unwrap_or(Missing::NotPolled));
            }
        })
    }

    /// Adds a cell, with what was answered for it.
    #[inline]
    pub fn push(&mut self, value: ValueRef<'_>) {
        self.cells.push(Cell::NOT_POLLED);
        self.set(self.cells.len() - 1, value);
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
            let mut name = Vec::new();
            match &answer {
                Ok(value) => cells.push(value.as_ref(&mut name)),
                Err(missing) => {
                    cells.cells.push(Cell::NOT_POLLED);
                    cells.set_missing(cells.len() - 1, *missing);
                }
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

    #[test]
    fn reasons_stand_in_their_order() {
        for (at, missing) in Missing::ALL.iter().enumerate() {
            assert_eq!(*missing as usize, at);
        }
    }
}
