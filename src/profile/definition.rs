//! A profile once it is checked: every name resolved, every unit and pattern known. Nothing here can
//! be wrong any more.

use super::lookup::{Condition, Lookup, ObjectRef};
use super::pattern::Pattern;
use super::reader::Spot;
use super::scaling::Scaling;
use super::state_wire::StateWire;
use super::template::Template;
use super::thresholds::Thresholds;
use crate::model::{ComponentKind, Oid, Quantity, StateTable};
use std::path::PathBuf;
use std::sync::Arc;

/// One file.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) file: PathBuf,
    /// The file's text, for messages that need other files.
    pub(super) text: String,
    pub(super) is_users: bool,
    pub(super) name: Spot<String>,
    pub(super) description: String,
    pub(super) vendor: Option<String>,
    pub(super) inherits: Vec<Spot<String>>,
    pub(super) matching: Option<Match>,
    pub(super) agent: AgentKeys,
    pub(super) identity: IdentitySpec,
    pub(super) blocks: Vec<Arc<Block>>,
}

/// `[match]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Match {
    pub(super) sys_object_id: Vec<Oid>,
    /// In lower case.
    pub(super) sys_descr: Vec<String>,
    pub(super) probes: Vec<Oid>,
    pub(super) priority: i64,
}

/// `[agent]`, as far as the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct AgentKeys {
    pub(super) getbulk: Option<bool>,
    pub(super) max_varbinds: Option<usize>,
    pub(super) max_repetitions: Option<u32>,
    pub(super) requests_per_second: Option<u32>,
    pub(super) requests_in_flight: Option<u8>,
}

/// `[identity]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct IdentitySpec {
    pub(super) vendor: Vec<ObjectRef>,
    pub(super) model: Vec<ObjectRef>,
    pub(super) serial: Vec<ObjectRef>,
    pub(super) firmware: Vec<ObjectRef>,
    /// The model where neither an object nor sysDescr tells it.
    pub(super) model_otherwise: Option<String>,
}

impl IdentitySpec {
    /// These first, then those.
    pub(super) fn extend(&mut self, other: &Self) {
        self.vendor.extend_from_slice(&other.vendor);
        self.model.extend_from_slice(&other.model);
        self.serial.extend_from_slice(&other.serial);
        self.firmware.extend_from_slice(&other.firmware);
        if self.model_otherwise.is_none() {
            self.model_otherwise.clone_from(&other.model_otherwise);
        }
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        self.vendor.iter().chain(&self.model).chain(&self.serial).chain(&self.firmware)
    }
}

/// `[[component]]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    pub(super) kind: ComponentKind,
    /// Its voltages are of direct current.
    pub(super) direct_current: bool,
    pub(super) pattern: Pattern,
    pub(super) index: Template,
    pub(super) labels: Vec<Template>,
    pub(super) unless: Vec<ObjectRef>,
    /// Which of the better table's components a row is, where that is another index.
    pub(super) better_index: Option<Template>,
    pub(super) when: Vec<Condition>,
    pub(super) rated_current: Vec<Rating>,
    pub(super) rated_power: Vec<Rating>,
    pub(super) rated_apparent_power: Vec<Rating>,
    pub(super) readings: Vec<Reading>,
}

/// Where a rating comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rating {
    /// In the base unit.
    Constant(f64),
    Cell(Box<(Lookup, Scaling)>),
}

/// A line of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// `[[component.reading]]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    pub(super) quantity: Quantity,
    pub(super) name: Box<str>,
    pub(super) object: ObjectRef,
    /// Where it stands: file and line.
    pub(super) place: Place,
    /// Its own, where it has one.
    pub(super) pattern: Option<Pattern>,
    pub(super) when: Vec<Condition>,
    pub(super) valid: Option<Condition>,
    pub(super) scaling: Arc<Scaling>,
    /// Where the same reading stands as well.
    pub(super) also: Vec<Lookup>,
    /// For states.
    pub(super) states: Option<Arc<StateTable>>,
    /// Where a state's number is not simply what the cell holds.
    pub(super) state_wire: Option<Arc<StateWire>>,
    /// Whether a change of it says that tables have other rows.
    pub(super) counts_rows: bool,
    /// What is set in the device for it.
    pub(super) thresholds: Option<Box<Thresholds>>,
}

impl Block {
    /// The objects that must be learnt for it.
    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        let ratings = self.rated_current.iter().chain(&self.rated_power).chain(&self.rated_apparent_power);
        let labels = self.labels.iter().flat_map(Template::objects);
        let conditions = self.when.iter().flat_map(|it| it.lookup.objects());
        labels
            .chain(self.index.objects())
            .chain(self.better_index.iter().flat_map(Template::objects))
            .chain(&self.unless)
            .chain(conditions)
            .chain(ratings.flat_map(Rating::objects))
            .chain(self.readings.iter().flat_map(Reading::objects))
    }

    /// The objects that hold the device's own thresholds.
    pub(super) fn objects_of_thresholds(&self) -> impl Iterator<Item = &ObjectRef> {
        self.readings.iter().filter_map(|it| it.thresholds.as_deref()).flat_map(Thresholds::objects)
    }
}

impl Rating {
    fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        let cell = match self {
            Self::Constant(_) => None,
            Self::Cell(cell) => Some(cell),
        };
        cell.into_iter().flat_map(|it| it.0.objects().chain(it.1.objects()))
    }
}

impl Reading {
    fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        let conditions = self.when.iter().chain(&self.valid);
        std::iter::once(&self.object)
            .chain(conditions.flat_map(|it| it.lookup.objects()))
            .chain(self.scaling.objects())
            .chain(self.also.iter().flat_map(Lookup::objects))
    }
}
