//! What becomes of a run that the agent refuses: tooBig, genErr and the like.
//!
//! A run is refused because it is too long, or because of one of its cells: for its own sake, or because it goes
//! with no other. Which of these is judged once its parts were read, so that one cell does not make requests
//! small. Invariant: a run in which a cell is at fault says nothing of the size.

use super::{GetJob, length_of};
use crate::model::Missing;
use crate::snmp::wire::ErrorStatus;
use std::ops::Range;

/// What an agent refused in the course of a job. Most jobs have none.
#[derive(Debug)]
pub(super) struct Refusals {
    /// Errors that did not say which cell is at fault.
    cornered: u32,
    /// Errors in a row, with nothing read between them.
    pub(super) in_row: u32,
    /// The last error-status.
    pub(super) with: ErrorStatus,
    /// Runs whose parts are being asked: the inner ones last.
    runs: Vec<Refused>,
    /// Cells that the agent named in an error: each is asked alone, after the rest.
    pub(super) named: Vec<usize>,
    /// Cells that it refused when they were asked alone, and how.
    pub(super) alone: Vec<(usize, Missing)>,
    /// Cells that were read alone, and are suspected of having spoilt a run.
    pub(super) suspects: Vec<usize>,
    /// Runs that were met with silence in this job, and how many of the last ones with nothing answered since.
    pub(super) silent: u32,
    pub(super) silent_in_row: u32,
    /// Cells that were met with silence alone, since the last answer.
    pub(super) silent_alone: Vec<usize>,
    /// The same, before an answer: they silence the agent, or the datagrams were lost.
    pub(super) silencers: Vec<usize>,
    /// Cells that are not asked this time, and why they were not read before.
    pub(super) carried: Vec<(usize, Missing)>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            cornered: 0,
            in_row: 0,
            with: ErrorStatus::NO_ERROR,
            runs: Vec::new(),
            named: Vec::new(),
            alone: Vec::new(),
            suspects: Vec::new(),
            silent: 0,
            silent_in_row: 0,
            silent_alone: Vec::new(),
            silencers: Vec::new(),
            carried: Vec::new(),
        }
    }
}

/// A run that was refused.
#[derive(Debug)]
struct Refused {
    cells: Range<usize>,
    /// What its answer was expected to have.
    octets: u32,
    is_too_big: bool,
    /// The cell that the agent named.
    named: Option<usize>,
}

impl GetJob {
    /// So many errors that do not say which cell is at fault are followed up; then the rest is given up.
    const CORNERED_MAX: u32 = 64;
    /// After so many errors in a row the agent refuses everything: the rest is given up.
    pub(super) const REFUSED_MAX: u32 = 64;
    /// Of a run so short it can be told which of its cells does not go with the others.
    const PAIR: usize = 3;

    pub(super) fn refusals(&mut self) -> &mut Refusals {
        self.refusals.get_or_insert_default()
    }

    /// The answer would be too long, says the agent.
    pub(super) fn refuse_too_big(&mut self, from: usize, to: usize) {
        let octets = self.expected_octets(from, to);
        let refusals = self.refusals();
        refusals.with = ErrorStatus::TOO_BIG;
        refusals.in_row += 1;
        let in_row = refusals.in_row;
        if to - from <= 1 {
            self.refuse_alone(from, Missing::TooBig);
        } else if Self::REFUSED_MAX < in_row {
            self.settle(from, to, Missing::TooBig);
            self.settle_rest(Missing::TooBig);
        } else {
            self.refuse(Refused { cells: from..to, octets, is_too_big: true, named: None });
            self.split(from, to);
        }
    }

    /// The agent objects to the cell at `index` (from 1), or to something that it does not name.
    pub(super) fn leave_out(&mut self, from: usize, to: usize, status: ErrorStatus, index: u32) {
        let missing = match status {
            // v1 has one word for "no such object" and "no such row" (RFC 1157 section 4.1.2).
            ErrorStatus::NO_SUCH_NAME => Missing::NoSuchInstance,
            _ => Missing::AgentError,
        };
        let octets = self.expected_octets(from, to);
        let refusals = self.refusals();
        refusals.with = status;
        refusals.in_row += 1;
        let is_lost = Self::CORNERED_MAX < refusals.cornered || Self::REFUSED_MAX < refusals.in_row;
        let named = (index as usize).checked_sub(1).map(|it| from + it).filter(|it| *it < to);
        let refused = Refused { cells: from..to, octets, is_too_big: false, named };
        match named {
            _ if to - from == 1 => self.refuse_alone(from, missing),
            Some(at) if missing == Missing::NoSuchInstance => {
                self.settle(at, at + 1, missing);
                self.ask_unsettled(from, to);
            }
            _ if is_lost => {
                self.settle(from, to, missing);
                self.settle_rest(missing);
            }
            Some(at) => {
                self.refuse(refused);
                self.refusals().named.push(at);
                self.settle(at, at + 1, missing);
                self.ask_unsettled(from, to);
            }
            None => {
                self.refuse(refused);
                self.refusals().cornered += 1;
                self.split(from, to);
            }
        }
    }

    fn refuse(&mut self, run: Refused) {
        self.refusals().runs.push(run);
    }

    fn refuse_alone(&mut self, at: usize, missing: Missing) {
        self.settle(at, at + 1, missing);
        self.refusals().alone.push((at, missing));
    }

    /// Runs that were refused, and whose parts were asked by now.
    pub(super) fn judge_refused(&mut self) {
        while let Some(refusals) = &mut self.refusals
            && let Some(run) = refusals.runs.last()
        {
            let is_open = run.cells.clone().any(|it| self.cells.is_open(it))
                || refusals.named.iter().any(|at| run.cells.contains(at));
            if is_open {
                return;
            }
            if let Some(run) = refusals.runs.pop() {
                self.judge(&run);
            }
        }
    }

    fn judge(&mut self, run: &Refused) {
        let Refused { cells, octets, is_too_big, .. } = run;
        let refusals = self.refusals();
        let is_explained = refusals.alone.iter().any(|(at, _)| cells.contains(at))
            || refusals.suspects.iter().any(|at| cells.contains(at));
        let is_read = |at: usize| match self.cells.value_ref(at) {
            Ok(_) => true,
            Err(missing) => *is_too_big && matches!(missing, Missing::NoSuchInstance | Missing::NoSuchObject),
        };
        if is_explained || !cells.clone().all(is_read) {
            return;
        }
        let count = length_of(cells.start, cells.end);
        let next = length_of(0, cells.len().div_ceil(2));
        // Only tooBig may be about octets.
        if self.limits.bore(count, if *is_too_big { *octets } else { 0 })
            && let Some(suspects) = self.suspects_of(run)
        {
            self.refusals().suspects.extend(suspects);
        } else if *is_too_big {
            self.limits.on_too_long(count, *octets, next);
        } else {
            self.limits.cells.on_doubted(count, next);
        }
    }

    /// Whom to suspect where a run is refused although more cells and longer answers came, and although each of
    /// its parts could be read.
    fn suspects_of(&self, run: &Refused) -> Option<Range<usize>> {
        let Range { start, end } = run.cells;
        match (run.named, run.cells.len()) {
            (Some(named), _) => Some(named..named + 1),
            // It was split into one and two, and the two went with each other.
            (None, Self::PAIR) => Some(start..start + 1),
            (None, length) if length < Self::PAIR => Some(start..end),
            (None, _) => None,
        }
    }
}
