//! What an agent is to be, before it runs.

use super::{EngineSpec, Model};
use crate::model::Oid;
use crate::simulator::cell::{Cell, text};
use crate::simulator::faults::FaultRule;
use crate::simulator::recording::Recording;
use crate::simulator::tree::Tree;
use std::sync::{Arc, Mutex};

/// What an agent is to be. Cheap to clone: clones share their rows.
#[derive(Clone)]
pub struct AgentSpec {
    pub(super) tree: Arc<Tree>,
    pub(super) community: Arc<[u8]>,
    pub(super) cells: Vec<(Oid, Cell)>,
    pub(super) faults: Vec<FaultRule>,
    pub(super) seed: u64,
    pub(super) model: Option<Arc<Mutex<dyn Model>>>,
    pub(super) message_octets_max: usize,
    pub(super) v2c: bool,
    pub(super) engine: Option<EngineSpec>,
}

impl AgentSpec {
    /// The largest answer, if nothing else is said: what an Ethernet frame carries.
    pub const MESSAGE_OCTETS_MAX: usize = 1472;

    /// An agent with these rows.
    #[must_use]
    pub fn new(tree: Arc<Tree>, community: &str) -> Self {
        Self {
            tree,
            community: community.as_bytes().into(),
            cells: Vec::new(),
            faults: Vec::new(),
            seed: 0,
            model: None,
            message_octets_max: Self::MESSAGE_OCTETS_MAX,
            v2c: true,
            engine: None,
        }
    }

    /// An agent that answers as the recorded device did.
    #[must_use]
    pub fn from_recording(recording: &Recording, community: &str) -> Self {
        Self::new(Arc::clone(recording.tree()), community)
    }

    /// The same with a cell over, or beside, the rows.
    #[must_use]
    pub fn with_cell(mut self, oid: Oid, cell: Cell) -> Self {
        self.cells.push((oid, cell));
        self
    }

    /// The same with another sysName, if it has one: to tell clones apart.
    #[must_use]
    pub fn with_name(self, name: &str) -> Self {
        let row = self.tree.sys_name_row().and_then(|row| self.tree.row(row));
        match row.map(|(oid, _)| oid.clone()) {
            Some(oid) => self.with_cell(oid, Cell::Fixed(text(name))),
            None => self,
        }
    }

    /// The same with these faults, drawn with that seed.
    #[must_use]
    pub fn with_faults(mut self, rules: impl IntoIterator<Item = FaultRule>, seed: u64) -> Self {
        self.faults = rules.into_iter().collect();
        self.seed = seed;
        self
    }

    /// The same with a device behind it.
    #[must_use]
    pub fn with_model(mut self, model: Arc<Mutex<dyn Model>>) -> Self {
        self.model = Some(model);
        self
    }

    /// The same with another limit on its answers, in octets.
    #[must_use]
    pub const fn with_message_octets_max(mut self, octets: usize) -> Self {
        self.message_octets_max = octets;
        self
    }

    /// The same without SNMPv2c, as some small monitors are.
    #[must_use]
    pub const fn v1_only(mut self) -> Self {
        self.v2c = false;
        self
    }

    /// The same, speaking SNMPv3 too.
    #[must_use]
    pub fn with_engine(mut self, engine: EngineSpec) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Its rows.
    #[must_use]
    pub const fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }
}
