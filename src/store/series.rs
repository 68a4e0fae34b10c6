//! The label texts of a device's readings, made once for each source and shape: what a scrape writes
//! between a family's name and a value.
//!
//! A line is `family` + [`Series::head`] + component + reading + [`Series::tail`] + value. Which lines there
//! are, and in which order, depends on the readings alone, and devices of a kind share it ([`Order`]); of its
//! own a device has its components' texts: some 50 octets for each.

use super::label_text::{label_name, object_label_name, push_label};
use super::padded::{Padded, STEP};
use crate::model::{Component, Quantity, Ratings, ReadingShape, Shape, Source};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A text among others: start and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Piece(u32, u32);

impl Piece {
    fn of(self, text: &[u8]) -> Padded<'_> {
        Padded::new(text, self.0 as usize, self.len())
    }

    fn len(self) -> usize {
        (self.1 - self.0) as usize
    }
}

/// One series: a reading, and the labels that tell it from others of its quantity on this device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// Its place among the shape's readings.
    pub reading: u32,
    /// Its component: a place in the shape.
    component: u32,
    /// `,reading="line_to_line"`, or empty.
    name: Piece,
}

/// The series of devices whose readings are alike.
#[derive(Debug)]
struct Order {
    /// Of what it is the order. Held, so that its address stands for it.
    readings: Arc<[ReadingShape]>,
    /// The readings' names as labels.
    text: Box<[u8]>,
    /// By quantity, in the order of the shape within each.
    lines: Box<[Line]>,
    /// Where each quantity's lines begin.
    starts: [u32; Quantity::ALL.len() + 1],
}

impl Order {
    /// The series of these readings. `texts` tells components with the same labels: of readings with the same
    /// labels the first stays. Readings without a component have no series.
    fn new(readings: &Arc<[ReadingShape]>, texts: &[Piece]) -> Self {
        let mut names = Texts::default();
        let mut lines = Vec::with_capacity(readings.len());
        let mut starts = [0; Quantity::ALL.len() + 1];
        let mut seen = HashSet::with_capacity(readings.len());
        for (quantity, end) in Quantity::ALL.into_iter().zip(starts.iter_mut().skip(1)) {
            for (reading, it) in (0_u32..).zip(readings.iter()) {
                let text = texts.get(it.component as usize);
                let (true, Some(&text)) = (it.quantity == quantity, text) else { continue };
                let name = names.reading_name(&it.name);
                if seen.insert((quantity, text, name)) {
                    lines.push(Line { reading, component: it.component, name });
                }
            }
            *end = small(lines.len());
        }
        Self { readings: Arc::clone(readings), text: names.padded(), lines: lines.into(), starts }
    }

    fn is_for(&self, shape: &Shape) -> bool {
        Arc::ptr_eq(&self.readings, &shape.readings)
    }
}

/// The orders in use, by the address of what they are for.
#[derive(Debug, Default)]
pub(super) struct Orders {
    known: Mutex<HashMap<usize, Weak<Order>>>,
}

impl Orders {
    /// The order of a shape whose components all have texts of their own.
    fn shared(&self, shape: &Shape, texts: &[Piece]) -> Arc<Order> {
        let address = shape.readings.as_ptr().addr();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(order) = known.get(&address).and_then(Weak::upgrade).filter(|it| it.is_for(shape)) {
            return order;
        }
        if known.len() == known.capacity() {
            known.retain(|_, it| 0 < it.strong_count());
        }
        let order = Arc::new(Order::new(&shape.readings, texts));
        known.insert(address, Arc::downgrade(&order));
        order
    }
}

/// The label texts of one device.
#[derive(Debug)]
pub(crate) struct Series {
    order: Arc<Order>,
    text: Box<[u8]>,
    head: Piece,
    tail: Piece,
    /// `,component="outlet",index="3",name="Outlet 3"` of each component.
    components: Box<[Piece]>,
    /// Components whose text is that of an earlier one: nearly always none.
    repeats: Box<[u32]>,
    /// Which ratings any component has, in the order of [`Rating::ALL`].
    rated: [bool; Rating::ALL.len()],
    /// Octets of the longest line beside the family's name, head and value.
    rest_bytes_max: usize,
    dropped: u32,
}

/// The ratings of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rating {
    CurrentAmperes,
    ActivePowerWatts,
    ApparentPowerVoltAmperes,
}

impl Rating {
    pub(crate) const ALL: [Self; 3] =
        [Self::CurrentAmperes, Self::ActivePowerWatts, Self::ApparentPowerVoltAmperes];

    /// That one, if it is known.
    #[inline]
    pub(crate) fn of(self, ratings: &Ratings) -> Option<f64> {
        match self {
            Self::CurrentAmperes => ratings.current_amperes,
            Self::ActivePowerWatts => ratings.active_power_watts,
            Self::ApparentPowerVoltAmperes => ratings.apparent_power_volt_amperes,
        }
    }
}

impl Series {
    /// The texts of that source and shape. Of readings with the same labels the first stays; the others
    /// are dropped and counted, because a scrape with duplicates would be refused whole.
    pub(super) fn new(source: &Source, shape: &Shape, orders: &Orders) -> Self {
        let mut texts = Texts::default();
        let head = texts.piece(|out| push_head(out, source));
        let mut taken = Vec::new();
        let tail = texts.piece(|out| push_tail(out, source, &mut taken));
        let components: Box<[Piece]> =
            shape.components.iter().map(|it| texts.interned(|out| push_component(out, it, &taken))).collect();
        let mut seen = HashSet::with_capacity(components.len());
        let repeats: Box<[u32]> =
            (0_u32..).zip(&components).filter(|(_, it)| !seen.insert(**it)).map(|(at, _)| at).collect();
        let whole = shape.readings.iter().all(|it| (it.component as usize) < components.len());
        let order = if repeats.is_empty() && whole {
            orders.shared(shape, &components)
        } else {
            Arc::new(Order::new(&shape.readings, &components))
        };
        let rated =
            Rating::ALL.map(|rating| shape.components.iter().any(|it| rating.of(&it.ratings).is_some()));
        let dropped = small(shape.readings.len() - order.lines.len());
        let longest = |pieces: &mut dyn Iterator<Item = Piece>| pieces.map(Piece::len).max().unwrap_or(0);
        let rest_bytes_max = longest(&mut components.iter().copied())
            + longest(&mut order.lines.iter().map(|it| it.name))
            + tail.len();
        let text = texts.padded();
        Self { order, text, head, tail, components, repeats, rated, rest_bytes_max, dropped }
    }

    /// `{device="pdu-1"`, of inventories `{source="cmdb"`.
    pub(crate) fn head(&self) -> &[u8] {
        self.head.of(&self.text).octets()
    }

    /// The operator's labels and the end: `,site="ams1"} `.
    pub(crate) fn tail(&self) -> Padded<'_> {
        self.tail.of(&self.text)
    }

    /// `,component="outlet",index="3",name="Outlet 3"`.
    #[inline]
    pub(crate) fn component(&self, line: Line) -> Padded<'_> {
        self.components.get(line.component as usize).map_or(Padded::NONE, |it| it.of(&self.text))
    }

    /// `,reading="line_to_line"`, or nothing.
    #[inline]
    pub(crate) fn name(&self, line: Line) -> Padded<'_> {
        line.name.of(&self.order.text)
    }

    /// The series of that quantity.
    pub(crate) fn of(&self, quantity: Quantity) -> &[Line] {
        let mut bounds = self.order.starts.iter().skip(quantity as usize);
        let (Some(&start), Some(&end)) = (bounds.next(), bounds.next()) else { return &[] };
        self.order.lines.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Octets that a component's, a reading's and the last labels of a series have together at most.
    pub(crate) fn rest_bytes_max(&self) -> usize {
        self.rest_bytes_max
    }

    /// Whether any component has that rating.
    pub(crate) fn is_rated(&self, rating: Rating) -> bool {
        self.rated.get(rating as usize).is_some_and(|it| *it)
    }

    /// The components with different labels, each with its place in the shape and its text.
    pub(crate) fn components(&self) -> impl Iterator<Item = (u32, Padded<'_>)> {
        let all = (0_u32..).zip(&self.components);
        all.filter(|(at, _)| !self.repeats.contains(at)).map(|(at, it)| (at, it.of(&self.text)))
    }

    /// How many readings have no series: their labels are those of another, or their component is none.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }

    #[cfg(test)]
    pub(super) fn shares_order_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.order, &other.order)
    }
}

/// Texts one after the other, equal ones once.
#[derive(Default)]
struct Texts {
    text: Vec<u8>,
    known: HashMap<Vec<u8>, Piece>,
}

impl Texts {
    /// All of them, and as much as the last one's last step may take too much.
    fn padded(mut self) -> Box<[u8]> {
        self.text.resize(self.text.len() + STEP, 0);
        self.text.into()
    }

    fn piece(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Piece {
        let start = small(self.text.len());
        write(&mut self.text);
        Piece(start, small(self.text.len()))
    }

    /// Most readings have none.
    fn reading_name(&mut self, name: &str) -> Piece {
        if name.is_empty() { Piece::default() } else { self.interned(|out| push_label(out, "reading", name)) }
    }

    fn interned(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Piece {
        let mut text = Vec::new();
        write(&mut text);
        if let Some(&piece) = self.known.get(&text) {
            return piece;
        }
        let piece = self.piece(|out| out.extend_from_slice(&text));
        self.known.insert(text, piece);
        piece
    }
}

fn push_head(out: &mut Vec<u8>, source: &Source) {
    let at = out.len();
    push_label(out, if source.kind.is_inventory() { "source" } else { "device" }, &source.device);
    if let Some(comma) = out.get_mut(at) {
        *comma = b'{';
    }
}

/// `taken`: the names that the operator's labels got.
fn push_tail(out: &mut Vec<u8>, source: &Source, taken: &mut Vec<String>) {
    for (name, value) in source.labels.iter() {
        let name = label_name(name, taken);
        push_label(out, &name, value);
        taken.push(name);
    }
    out.extend_from_slice(b"} ");
}

/// Parts of devices have no labels of their own, objects of inventories have.
fn push_component(out: &mut Vec<u8>, component: &Component, taken: &[String]) {
    push_label(out, "component", component.kind.name());
    push_label(out, "index", &component.index);
    push_label(out, "name", &component.label);
    for (name, value) in component.labels.iter() {
        push_label(out, &object_label_name(name, taken), value);
    }
}

/// Counts and offsets of one device: a device with 4 GB of labels does not fit into a config.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
