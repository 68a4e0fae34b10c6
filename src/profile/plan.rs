//! What to ask a learnt device at each poll, and how its answers become samples: the hot path.
//!
//! Invariants: one decoder a reading, in the order of [`Shape::readings`]; decoding allocates
//! nothing but room in the samples' vector.

use super::definition::Place;
use super::lookup::Test;
use super::number;
use super::physics::{Plausible, Triple};
use super::quick::Quick;
use super::scaling::{Linear, ScaleFrom, Scaling, UnitFrom};
use super::state_wire::StateWire;
use super::thresholds::DeviceThresholds;
use crate::model::{Cells, Identity, Missing, Oid, Reasons, Sample, Shape, StateTable, Value};
use std::sync::Arc;

/// What to ask and how to read it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The profile that it was made from.
    pub profile: Arc<str>,
    /// Who the device says it is.
    pub identity: Identity,
    /// The cells that each poll GETs, in the order of their OIDs, each once.
    pub cells: Arc<[Oid]>,
    /// What the samples are.
    pub shape: Arc<Shape>,
    /// What was odd about the device.
    pub warnings: Warnings,
    /// Where each reading comes from.
    pub(super) origins: Arc<[Origin]>,
    /// What is set in the device: the reading's place, and its thresholds. Empty unless they were learnt.
    pub(super) thresholds: Box<[(usize, DeviceThresholds)]>,
    pub(super) decoders: Arc<Decoders>,
    /// The readings whose change says that tables have other rows than were learnt.
    pub(super) row_counts: Arc<[u32]>,
}

/// What was odd when a plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Warnings {
    /// Readings dropped because an earlier table of the same profile has the same one in another cell.
    pub duplicates: usize,
    /// Readings whose scale or unit the agent does not tell: they stay missing (`no_scale`).
    pub without_scale: usize,
    /// Readings dropped because there are more than a plan may have.
    pub over_limit: usize,
    /// The first of them in words.
    pub first: Vec<String>,
}

impl Warnings {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.duplicates == 0 && self.without_scale == 0 && self.over_limit == 0
    }
}

/// Where a reading comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Other cells that carry the same: they are known, and not asked for.
    pub also: Box<[Oid]>,
    /// Its lines in a profile.
    pub place: Place,
}

/// How a number becomes its quantity's, for people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaleNote<'a> {
    /// What a wire number of 1 is, before what is polled with it; `None`: the agent does not tell its scale.
    pub one: Option<f64>,
    /// What a wire number of 0 is: not 0 for degrees Fahrenheit.
    pub zero: Option<f64>,
    /// The unit on the wire, where the profile says it.
    pub unit: &'static str,
    /// The object that says how many decimal digits there are.
    pub digits: Option<&'a Oid>,
    /// The object that says the factor.
    pub scale_from: Option<&'a Oid>,
    /// The object that says the unit.
    pub unit_from: Option<&'a Oid>,
    /// Wire numbers that mean "not there".
    pub missing: &'a [f64],
    /// Wire numbers outside are out of range.
    pub range: Option<(f64, f64)>,
}

/// How the readings are read, in their order.
#[derive(Debug)]
pub(super) struct Decoders {
    all: Box<[Decoder]>,
    /// The short way of each; one that never leads anywhere, where there is none.
    quick: Box<[Quick]>,
    /// What is held against each other.
    triples: Box<[Triple]>,
}

impl Decoders {
    pub(super) fn new(all: Vec<Decoder>, triples: Vec<Triple>) -> Self {
        let quick = all.iter().map(|it| Quick::of(it).unwrap_or(Quick::NONE)).collect();
        Self { quick, all: all.into(), triples: triples.into() }
    }

    /// The long ways and the short ones.
    pub(super) const fn both(&self) -> (&[Decoder], &[Quick]) {
        (&self.all, &self.quick)
    }
}

impl PartialEq for Decoders {
    fn eq(&self, other: &Self) -> bool {
        // The short ways follow from them.
        self.all == other.all && self.triples == other.triples
    }
}

/// How one reading is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decoder {
    /// A place in [`Plan::cells`].
    pub(super) cell: u32,
    pub(super) valid: Option<Box<Valid>>,
    /// Where a state's number is not simply what the cell holds.
    pub(super) state_wire: Option<Arc<StateWire>>,
    pub(super) scaling: Arc<Scaling>,
    pub(super) plausible: Plausible,
    pub(super) rule: Rule,
}

/// The agent's own word on whether a value holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Valid {
    pub(super) cell: u32,
    pub(super) test: Test,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rule {
    Number(Linear),
    State(Arc<StateTable>),
    /// The scale or the unit may change from poll to poll.
    Polled(Box<Polled>),
    /// The agent does not say what the number means.
    NoScale,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Polled {
    pub(super) linear: Linear,
    pub(super) scale: Option<(u32, ScaleFrom)>,
    /// Where absent, `linear` ends in the base unit.
    pub(super) unit: Option<(u32, UnitFrom)>,
}

impl Plan {
    /// Turns the answers for [`Self::cells`] into one sample a reading; `samples` is emptied first. A cell
    /// without an answer is [`Missing::NotPolled`]. Why samples are missing, if any is.
    pub fn decode(&self, cells: &Cells, samples: &mut Vec<Sample>) -> Reasons {
        let mut reasons = Reasons::default();
        let (all, quick) = self.decoders.both();
        samples.clear();
        samples.resize(quick.len(), Sample::Missing(Missing::NotPolled));
        for (at, (quick, sample)) in quick.iter().zip(samples.iter_mut()).enumerate() {
            match quick.read(cells) {
                Some(value) => *sample = Sample::Value(value),
                None => the_long_way(all.get(at), cells, sample, &mut reasons),
            }
        }
        self.decoders.triples.iter().for_each(|it| it.judge(samples));
        reasons
    }

    /// Whether it has a reading that `other` lacks.
    #[must_use]
    pub fn has_more_than(&self, other: &Self) -> bool {
        self.cells.iter().any(|it| other.cells.binary_search(it).is_err())
    }

    /// Takes the parts that are equal from another plan, so that devices of a kind share them. A fleet of
    /// ten thousand PDUs holds its cells and decoders once, and shapes as often as labels differ.
    pub fn share_with(&mut self, other: &Self) {
        if self.cells == other.cells {
            self.cells = Arc::clone(&other.cells);
        }
        if self.origins == other.origins {
            self.origins = Arc::clone(&other.origins);
        }
        if self.decoders == other.decoders {
            self.decoders = Arc::clone(&other.decoders);
        }
        if self.shape == other.shape {
            self.shape = Arc::clone(&other.shape);
        } else {
            // Just made: nobody else has it yet.
            Arc::make_mut(&mut self.shape).share_with(&other.shape);
        }
    }

    /// What the agent says of how many rows its tables have, where a profile says where: another number than
    /// at the last poll asks for a new learning. Nothing where one of them is missing.
    #[must_use]
    pub fn row_counts(&self, samples: &[Sample]) -> Option<u64> {
        self.row_counts.iter().try_fold(0_u64, |sum, at| match samples.get(*at as usize) {
            Some(Sample::Value(number)) => Some(sum.rotate_left(7) ^ number.to_bits()),
            _ => None,
        })
    }

    /// The thresholds that are set in the device itself, by the reading's place. They are there only if the
    /// profiles were asked for them ([`ProfileSet::with_device_thresholds`](super::ProfileSet)).
    #[must_use]
    pub fn device_thresholds(&self) -> &[(usize, DeviceThresholds)] {
        &self.thresholds
    }

    /// The cells of other tables or modules that carry a reading too. They are not polled.
    #[must_use]
    pub fn also(&self, reading: usize) -> &[Oid] {
        self.origins.get(reading).map_or(&[], |it| &it.also)
    }

    /// Where a reading comes from.
    #[must_use]
    pub fn origin(&self, reading: usize) -> Option<&Origin> {
        self.origins.get(reading)
    }

    /// How a reading's number becomes its quantity's; `None` for states.
    #[must_use]
    pub fn scale(&self, reading: usize) -> Option<ScaleNote<'_>> {
        let decoder = self.decoders.all.get(reading)?;
        let linear = match &decoder.rule {
            Rule::Number(linear) => Some(*linear),
            Rule::Polled(polled) => Some(polled.linear),
            Rule::NoScale => None,
            Rule::State(_) => return None,
        };
        let scaling = &*decoder.scaling;
        Some(ScaleNote {
            one: linear.map(|it| it.apply(1.0)),
            zero: linear.map(|it| it.apply(0.0)),
            unit: scaling.unit.symbol,
            digits: scaling.digits.as_ref().map(|it| &it.lookup.object.root),
            scale_from: scaling.scale_from.as_ref().map(|it| &it.lookup.object.root),
            unit_from: scaling.unit_from.as_ref().map(|it| &it.lookup.object.root),
            missing: &scaling.missing,
            range: scaling.range,
        })
    }

    /// The answer behind a reading.
    ///
    /// # Errors
    /// Why there is none.
    pub fn raw(&self, reading: usize, cells: &Cells) -> Result<Value, Missing> {
        let decoder = self.decoders.all.get(reading).ok_or(Missing::NotPolled)?;
        cells.value(decoder.cell as usize)
    }
}

/// Reads a sample by its decoder. Writes it where it belongs, so that the short way need not pass it on.
#[cold]
fn the_long_way(decoder: Option<&Decoder>, cells: &Cells, sample: &mut Sample, reasons: &mut Reasons) {
    let Some(decoder) = decoder else { return };
    *sample = decoder.sample(cells);
    if let Sample::Missing(missing) = *sample {
        reasons.insert(missing);
    }
}

impl Decoder {
    pub(super) fn sample(&self, cells: &Cells) -> Sample {
        match self.decode(cells) {
            Ok(number) if !number.is_finite() => Sample::Missing(Missing::OutOfRange),
            Ok(number) if self.plausible.holds(number) => Sample::Value(number),
            Ok(number) => Sample::Suspect(number),
            Err(missing) => Sample::Missing(missing),
        }
    }

    fn decode(&self, cells: &Cells) -> Result<f64, Missing> {
        let value = answer(cells, self.cell);
        if let Some(number) = self.state_wire.as_ref().and_then(|it| it.of_absence(&value)) {
            return Ok(number::exact(number));
        }
        let value = &value?;
        if let Some(valid) = &self.valid {
            let holds = match answer(cells, valid.cell) {
                Ok(it) => valid.test.holds(&it),
                Err(Missing::NoSuchObject | Missing::NoSuchInstance) => false,
                Err(other) => return Err(other),
            };
            if !holds {
                return Err(Missing::Unavailable);
            }
        }
        if let Some(number) = self.state_wire.as_ref().and_then(|it| it.number(value)) {
            return self.scaling.wire(&Value::Integer(number?));
        }
        match &self.rule {
            Rule::Number(linear) => self.scaling.wire(value).map(|it| linear.apply(it)),
            Rule::State(table) => self.state(value, table),
            Rule::Polled(polled) => {
                let number = self.scaling.wire(value)?;
                Ok(polled.linear(cells)?.apply(number))
            }
            Rule::NoScale => self.scaling.wire(value).and(Err(Missing::NoScale)),
        }
    }

    /// A state's number; of an agent that sends the state's name, the number of that name.
    fn state(&self, value: &Value, table: &StateTable) -> Result<f64, Missing> {
        let named = |octets: &[u8]| {
            let text = number::trimmed(octets);
            let found = table.values.iter().find(|(_, it)| text.eq_ignore_ascii_case(it.name.as_bytes()));
            found.map(|(number, _)| *number)
        };
        let number = match value {
            Value::OctetString(octets) => number::whole(value).or_else(|| named(octets)),
            _ => None,
        };
        match number {
            Some(number) => self.scaling.wire(&Value::Integer(number)),
            None => self.scaling.wire(value),
        }
    }
}

impl Polled {
    fn linear(&self, cells: &Cells) -> Result<Linear, Missing> {
        let mut linear = self.linear;
        let read = |cell: u32| match answer(cells, cell) {
            Err(Missing::NoSuchObject | Missing::NoSuchInstance) => Err(Missing::NoScale),
            other => other,
        };
        if let Some((cell, from)) = &self.scale {
            linear = linear.times(from.factor(&read(*cell)?).ok_or(Missing::NoScale)?);
        }
        if let Some((cell, from)) = &self.unit {
            linear = linear.in_unit(from.unit(&read(*cell)?).ok_or(Missing::NoScale)?);
        }
        Ok(linear)
    }
}

/// A cell's answer; an exception in its place is a reason.
fn answer(cells: &Cells, cell: u32) -> Result<Value, Missing> {
    cells.value(cell as usize)
}
