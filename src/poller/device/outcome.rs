//! What a device gives to those who poll it: outcomes of polls, what to do next, and what is known of it.

use crate::model::{Batch, Cells, Sample, Source};
use crate::profile::Plan;
use crate::snmp::wire::Names;
use std::sync::Arc;

/// What a poll brought, for the pipeline and for people.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Samples, time and error.
    pub batch: Batch,
    /// What was asked, if the device is known.
    pub ready: Option<Arc<Ready>>,
    /// What the agent answered, a cell for each of the plan's and one for sysUpTime; empty if the poll failed
    /// before that.
    pub cells: Cells,
    /// What went wrong without failing the poll, for a person.
    pub notes: Vec<String>,
}

/// Where cells and samples go while an outcome is made and handed on: one for all devices of a thread, so that
/// it stays in the processor's cache and a device holds none between its polls.
#[derive(Debug, Default)]
pub struct Room {
    pub(super) cells: Cells,
    pub(super) samples: Vec<Sample>,
}

/// A device that is known: what to ask, encoded.
#[derive(Debug)]
pub struct Ready {
    /// What to ask, and what the answers mean.
    pub plan: Plan,
    /// The plan's cells, then sysUpTime.0.
    pub(super) names: Arc<Names>,
    /// Who it is.
    pub(super) source: Arc<Source>,
}

impl Ready {
    /// The plan's cells and sysUpTime.0, as requests carry them.
    #[must_use]
    pub const fn names(&self) -> &Arc<Names> {
        &self.names
    }
}

/// What an answer or a time-out led to.
#[derive(Debug)]
pub enum Step {
    /// A request is due.
    Ask,
    /// Another request, with that mark, is in flight already, and waited for until [`Device::deadline`].
    Await(u8),
    /// The same request is due again, or a smaller one in its place: a late answer to it still counts.
    Repeat,
    /// The poll is over: [`Device::outcome`].
    Finished,
    /// Learning between polls is over. There is nothing to hand on: the next poll asks for what was learnt.
    Learnt,
}
