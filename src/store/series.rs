//! The label texts of a device's readings, made once for each source and shape: what a scrape writes
//! between a family's name and a value.
//!
//! A line is `family` + [`Series::head`] + component + reading + [`Series::tail`] + value. Texts of
//! components and reading names are kept once each, so that 60 readings cost about 2.5 kB a device.

use super::label_text::{label_name, object_label_name, push_label};
use crate::model::{Component, Quantity, Ratings, Shape, Source};
use std::collections::{HashMap, HashSet};

/// A text in [`Series::text`]: start and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Piece(u32, u32);

/// One series: a reading, and the labels that tell it from others of its quantity on this device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// Its place among the shape's readings.
    pub reading: u32,
    /// `,component="outlet",index="3",name="Outlet 3"`.
    pub component: Piece,
    /// `,reading="line_to_line"`, or empty.
    pub name: Piece,
}

/// The label texts of one device.
#[derive(Debug)]
pub(crate) struct Series {
    text: Box<[u8]>,
    head: Piece,
    tail: Piece,
    /// By quantity, in the order of the shape within each.
    lines: Box<[Line]>,
    /// Where each quantity's lines begin.
    starts: [u32; Quantity::ALL.len() + 1],
    /// The components with different labels: place in the shape, and text.
    components: Box<[(u32, Piece)]>,
    rated: bool,
    dropped: u32,
}

impl Series {
    /// The texts of that source and shape. Of readings with the same labels the first stays; the others
    /// are dropped and counted, because a scrape with duplicates would be refused whole.
    pub(crate) fn new(source: &Source, shape: &Shape) -> Self {
        let mut texts = Texts::default();
        let head = texts.piece(|out| push_head(out, source));
        let mut taken = Vec::new();
        let tail = texts.piece(|out| push_tail(out, source, &mut taken));
        let of_components: Vec<Piece> =
            shape.components.iter().map(|it| texts.interned(|out| push_component(out, it, &taken))).collect();
        let mut lines = Vec::with_capacity(shape.readings.len());
        let mut starts = [0; Quantity::ALL.len() + 1];
        let mut seen = HashSet::with_capacity(shape.readings.len());
        for (quantity, end) in Quantity::ALL.into_iter().zip(starts.iter_mut().skip(1)) {
            for (reading, it) in (0_u32..).zip(&shape.readings) {
                let component = of_components.get(it.component as usize);
                let (true, Some(&component)) = (it.quantity == quantity, component) else { continue };
                let name = texts.reading_name(&it.name);
                if seen.insert((quantity, component, name)) {
                    lines.push(Line { reading, component, name });
                }
            }
            *end = small(lines.len());
        }
        let mut seen = HashSet::new();
        let components = (0_u32..).zip(of_components).filter(|(_, it)| seen.insert(*it)).collect();
        let ratings = |it: &Component| it.ratings != Ratings::default();
        let rated = shape.components.iter().any(ratings);
        let dropped = small(shape.readings.len() - lines.len());
        Self { text: texts.text.into(), head, tail, lines: lines.into(), starts, components, rated, dropped }
    }

    /// `{device="pdu-1"`, of inventories `{source="cmdb"`.
    pub(crate) fn head(&self) -> &[u8] {
        self.text(self.head)
    }

    /// The operator's labels and the end: `,site="ams1"} `.
    pub(crate) fn tail(&self) -> &[u8] {
        self.text(self.tail)
    }

    /// The text of a piece of this device.
    pub(crate) fn text(&self, piece: Piece) -> &[u8] {
        self.text.get(piece.0 as usize..piece.1 as usize).unwrap_or_default()
    }

    /// The series of that quantity.
    pub(crate) fn of(&self, quantity: Quantity) -> &[Line] {
        let mut bounds = self.starts.iter().skip(quantity as usize);
        let (Some(&start), Some(&end)) = (bounds.next(), bounds.next()) else { return &[] };
        self.lines.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Whether any component has a rating.
    pub(crate) fn is_rated(&self) -> bool {
        self.rated
    }

    /// The components, each with its place in the shape.
    pub(crate) fn components(&self) -> &[(u32, Piece)] {
        &self.components
    }

    /// How many readings have no series: their labels are those of another, or their component is none.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }
}

/// Texts one after the other, equal ones once.
#[derive(Default)]
struct Texts {
    text: Vec<u8>,
    known: HashMap<Vec<u8>, Piece>,
}

impl Texts {
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
