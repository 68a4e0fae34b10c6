//! Device profiles: what to read from a family of devices and what it means.
//!
//! The way of a profile: a TOML text is checked against the MIB names ([`ProfileSet::load`], which
//! notes every mistake of every file); a device's system group yields the candidates; the one that
//! fits says what to learn ([`Profile::scalars`], [`Profile::columns`]); from the learnt cells it
//! makes a [`Plan`], which names the cells of each poll and turns them into samples.
//!
//! Invariants: a [`Profile`] holds no name that its MIB does not know and no unit that its quantity
//! does not have; [`Plan::decode`] allocates nothing beyond the samples' vector and yields exactly
//! one sample a reading; a number that leaves is finite.

mod check;
mod compile;
mod definition;
mod describe;
mod draft;
pub mod fixture;
mod inherit;
mod learned;
mod load;
mod lookup;
mod matcher;
mod number;
mod order;
mod pattern;
mod physics;
mod plan;
mod quick;
mod reader;
mod scaling;
pub mod sketch;
mod state_wire;
mod template;
mod thresholds;

pub use definition::Place;
pub use learned::Learned;
pub use load::{ProfileFile, ProfileSet};
pub use matcher::SystemGroup;
pub use plan::{Origin, Plan, ScaleNote, Warnings};
pub use thresholds::DeviceThresholds;

use crate::model::{ComponentKind, Oid, Quantity, StateTable};
use definition::{Block, Definition, IdentitySpec, Match};
use lookup::ObjectRef;
use std::path::PathBuf;
use std::sync::Arc;

/// What an agent can bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentLimits {
    /// Whether it can be walked with GETBULK (v2c, v3).
    pub getbulk: bool,
    /// Cells in one GET.
    pub max_varbinds: usize,
    /// Rows in one GETBULK.
    pub max_repetitions: u32,
    /// Requests a second in the long run; 0: no limit but the device's.
    pub requests_per_second: u32,
    /// Requests of a poll at a time, from 1 to [`Self::IN_FLIGHT_MAX`].
    pub requests_in_flight: u8,
}

impl AgentLimits {
    /// More at a time than the small processors behind these agents ever work on.
    pub const IN_FLIGHT_MAX: u8 = 8;
}

impl Default for AgentLimits {
    /// More than fills a frame with the shortest names: what an agent bears, and what its answers take, is
    /// found by asking.
    fn default() -> Self {
        Self {
            getbulk: true,
            max_varbinds: 128,
            max_repetitions: 64,
            requests_per_second: 0,
            requests_in_flight: 1,
        }
    }
}

/// A profile with all that it inherits. Immutable; shared.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub name: Arc<str>,
    /// What it is for, in a sentence.
    pub description: String,
    /// The vendor, as people call it.
    pub vendor: String,
    /// What the agent can bear.
    pub agent: AgentLimits,
    /// The file that it comes from.
    pub file: PathBuf,
    /// What that file holds.
    pub text: String,
    matching: Option<Match>,
    identity: IdentitySpec,
    /// Its own tables, then those of each ancestor.
    generations: Vec<Vec<Arc<Block>>>,
    scalars: Vec<Oid>,
    columns: Vec<Oid>,
}

impl Profile {
    fn new(
        own: &Definition,
        vendor: String,
        agent: AgentLimits,
        identity: IdentitySpec,
        generations: Vec<Vec<Arc<Block>>>,
    ) -> Self {
        let (scalars, columns) = to_learn(&identity, generations.iter().flatten(), false);
        Self {
            name: own.name.value.as_str().into(),
            description: own.description.clone(),
            vendor,
            agent,
            file: own.file.clone(),
            text: own.text.clone(),
            matching: own.matching.clone(),
            identity,
            generations,
            scalars,
            columns,
        }
    }

    /// The same, learning also what thresholds are set in the device.
    #[must_use]
    fn with_device_thresholds(mut self) -> Self {
        (self.scalars, self.columns) = to_learn(&self.identity, self.generations.iter().flatten(), true);
        self
    }

    /// Whether it is only there to be inherited.
    #[must_use]
    pub fn is_abstract(&self) -> bool {
        self.matching.is_none()
    }

    /// Where it has any, it fits only an agent with an instance below one of them.
    #[must_use]
    pub fn probes(&self) -> &[Oid] {
        self.matching.as_ref().map_or(&[], |it| &it.probes)
    }

    /// The sysObjectID subtrees that it fits.
    #[must_use]
    pub fn sys_object_ids(&self) -> &[Oid] {
        self.matching.as_ref().map_or(&[], |it| &it.sys_object_id)
    }

    /// The cells to GET when a device is learnt: whole instances, sorted, each once.
    #[must_use]
    pub fn scalars(&self) -> &[Oid] {
        &self.scalars
    }

    /// The columns to walk when a device is learnt: sorted, each once, none below another.
    #[must_use]
    pub fn columns(&self) -> &[Oid] {
        &self.columns
    }

    /// The texts of which one must be within sysDescr, in lower case; empty: none is asked for.
    #[must_use]
    pub fn sys_descrs(&self) -> &[String] {
        self.matching.as_ref().map_or(&[], |it| &it.sys_descr)
    }

    /// What it reads, in the order of its tables, those that it inherits after its own.
    pub fn readings(&self) -> impl Iterator<Item = ReadingInfo<'_>> {
        self.generations.iter().flatten().flat_map(|block| {
            block.readings.iter().map(|it| ReadingInfo {
                kind: block.kind,
                quantity: it.quantity,
                name: &it.name,
                object: &it.object.root,
                states: it.states.as_ref(),
            })
        })
    }
}

/// One reading that a profile knows, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadingInfo<'a> {
    /// The kind of component.
    pub kind: ComponentKind,
    /// What it measures.
    pub quantity: Quantity,
    /// Tells it from others of the same quantity.
    pub name: &'a str,
    /// The column or scalar that it is read from, without an instance.
    pub object: &'a Oid,
    /// Its states, if it has any.
    pub states: Option<&'a Arc<StateTable>>,
}

/// The cells to GET and the columns to walk.
fn to_learn<'a>(
    identity: &IdentitySpec,
    blocks: impl Iterator<Item = &'a Arc<Block>>,
    with_thresholds: bool,
) -> (Vec<Oid>, Vec<Oid>) {
    let (mut scalars, mut columns) = (Vec::new(), Vec::new());
    let mut note = |object: &ObjectRef| match object.cell() {
        Some(cell) => scalars.push(cell),
        None => columns.push(object.root.clone()),
    };
    identity.objects().for_each(&mut note);
    for block in blocks {
        block.objects().for_each(&mut note);
        if with_thresholds {
            block.objects_of_thresholds().for_each(&mut note);
        }
    }
    columns.sort();
    columns.dedup_by(|later, earlier| later.starts_with(earlier));
    scalars.sort();
    scalars.dedup();
    scalars.retain(|cell| !columns.iter().any(|column| cell.starts_with(column)));
    (scalars, columns)
}
