//! What becomes of a run that is met with silence although the agent lives: one of its cells may be what silences it.
//!
//! Such a run is asked again in halves after everything else, until the cell stands alone. Invariants: an agent that
//! answered nothing in this job is not asked any further; at most [`GetJob::SILENT_MAX`] silences are waited out in
//! a job, and [`GetJob::SILENT_IN_ROW_MAX`] with nothing answered between them: then it is gone. A cell is
//! suspected only when the agent answered something after it.

use super::{GetJob, GetStep};
use crate::model::Missing;

impl GetJob {
    /// So many silences are waited out in one job: enough to corner two of [`super::GetLimits::CELLS_MAX`] cells.
    pub(super) const SILENT_MAX: u32 = 16;
    /// After more than so many in a row the agent is taken to be gone: each is followed by a request that was answered
    /// before, and one of these may be lost.
    pub(super) const SILENT_IN_ROW_MAX: u32 = 2;

    /// Asks one cell before all others: a device that did not answer may have a cell that silences it.
    #[must_use]
    pub fn with_probe(mut self, at: usize) -> Self {
        let mut runs = Vec::new();
        while let Some((from, to)) = self.runs.pop() {
            if (from..to).contains(&at) {
                runs.extend([(from, at), (at + 1, to)]);
            } else {
                runs.push((from, to));
            }
        }
        if at < self.names.len() {
            runs.insert(0, (at, at + 1));
        }
        self.ask_only(runs.into_iter());
        self
    }

    /// Whether it is looking for a cell that silences the agent: then a silence needs less proof.
    #[must_use]
    pub fn seeks(&self) -> bool {
        self.refusals.as_ref().is_some_and(|it| 0 < it.silent)
    }

    /// The request that was due stayed unanswered, retries included. A run longer than an agent that is known to
    /// live has ever answered is halved, in case that it drops what it cannot fit; any other of an agent that
    /// answered in this job is set aside; otherwise all that is left is settled as timed out: an agent that does
    /// not answer is not asked the rest.
    pub fn on_give_up(&mut self, lives: bool) -> GetStep {
        let Some((from, to)) = self.runs.pop() else { return GetStep::Done };
        self.overdue = 0;
        if self.may_be_too_long(from, to, lives) {
            self.halve(from, to, Missing::Timeout);
            return self.step();
        }
        if self.answered && self.set_aside(from, to) {
            return self.step();
        }
        self.settle(from, to, Missing::Timeout);
        self.settle_rest(Missing::Timeout);
        GetStep::Done
    }

    /// An answer came: who was silent before is at fault, and not the agent.
    pub(super) fn end_silence(&mut self) {
        if let Some(refusals) = &mut self.refusals {
            refusals.silent_in_row = 0;
            let silent = std::mem::take(&mut refusals.silent_alone);
            refusals.silencers.extend(silent);
        }
    }

    /// Has a silent run asked in halves after all others; false: there have been too many.
    fn set_aside(&mut self, from: usize, to: usize) -> bool {
        let is_open = self.cells.is_open(from);
        let refusals = self.refusals();
        refusals.silent += 1;
        refusals.silent_in_row += 1;
        if Self::SILENT_MAX < refusals.silent || Self::SILENT_IN_ROW_MAX < refusals.silent_in_row {
            return false;
        }
        if 1 < to - from {
            let middle = from + (to - from) / 2;
            self.runs.push_last((from, middle));
            self.runs.push_last((middle, to));
        } else if is_open {
            refusals.silent_alone.push(from);
            self.settle(from, to, Missing::Timeout);
        } else {
            // It was the cell below.
            return true;
        }
        // What was answered before tells this run's silence from the agent's.
        let is_answered = |at: &usize| {
            let value = self.cells.value_ref(*at);
            matches!(value, Ok(_) | Err(Missing::NoSuchInstance | Missing::NoSuchObject))
        };
        if let Some(at) = (0..self.cells.len()).find(is_answered) {
            self.runs.push((at, at + 1));
        }
        true
    }
}
