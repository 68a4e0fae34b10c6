//! What polls came to: counted on the poll's thread, behind the whole daemon path.

use crate::app::pipeline::Pipeline;
use crate::model::{Missing, Moment, Now};
use crate::poller::{Outcome, Ready, Sink};
use hdrhistogram::Histogram;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Hands what a poll brought to the daemon's pipeline, and counts it.
pub(super) struct Counting {
    pipeline: Pipeline,
    tally: Arc<Mutex<Tally>>,
    /// By slot: when its last poll ended.
    ended: Vec<Moment>,
}

impl Counting {
    /// Counts into `tally` what goes into `pipeline`.
    pub(super) const fn new(pipeline: Pipeline, tally: Arc<Mutex<Tally>>) -> Self {
        Self { pipeline, tally, ended: Vec::new() }
    }

    /// How long ago the poll before this one ended.
    fn gap(&mut self, slot: u32, at: Moment) -> Option<Duration> {
        let slot = slot as usize;
        if self.ended.len() <= slot {
            self.ended.resize(slot + 1, Moment::NEVER);
        }
        let ended = self.ended.get_mut(slot)?;
        let before = std::mem::replace(ended, at);
        (before != Moment::NEVER).then(|| at.since(before))
    }
}

impl Sink for Counting {
    fn polled(&mut self, slot: u32, outcome: &Outcome) {
        let at = outcome.batch.time.moment;
        let gap = self.gap(slot, at);
        lock(&self.tally).count(outcome, gap);
        self.pipeline.polled(slot, outcome);
    }

    fn removed(&mut self, slot: u32, device: &Arc<str>, now: Now) {
        self.pipeline.removed(slot, device, now);
    }
}

/// The tally behind its lock: polls of one shard never contend for it but with the end of a measurement.
pub(super) fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts of polls.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Polls that ended.
    pub polls: u64,
    /// Of which every cell was answered.
    pub whole: u64,
    /// Cells of polls that brought anything.
    pub cells: u64,
    /// Polls that ended more than one and a half intervals after the one before.
    pub late: u64,
    /// When the last poll ended, and the last whole one.
    pub last: Moment,
    /// As `last`, of whole polls.
    pub last_whole: Moment,
    /// How long whole polls took, in microseconds.
    pub durations: Histogram<u64>,
    /// What the first device that was read is asked for.
    pub asked: Option<Arc<Ready>>,
}

impl Tally {
    /// Nothing yet.
    ///
    /// # Errors
    /// None that can happen: the bounds are constants.
    pub(super) fn new() -> anyhow::Result<Self> {
        // One microsecond to an hour, to a thousandth.
        let durations = Histogram::new_with_bounds(1, 3_600_000_000, 3)?;
        Ok(Self {
            polls: 0,
            whole: 0,
            cells: 0,
            late: 0,
            last: Moment::ZERO,
            last_whole: Moment::ZERO,
            durations,
            asked: None,
        })
    }

    fn count(&mut self, outcome: &Outcome, gap: Option<Duration>) {
        let batch = &outcome.batch;
        self.polls += 1;
        self.last = batch.time.moment;
        let interval = batch.source.interval;
        self.late += u64::from(gap.is_some_and(|it| interval + interval / 2 < it));
        if batch.error.is_some() {
            return;
        }
        if let Some(ready) = &outcome.ready {
            self.cells += u64::try_from(ready.plan.cells.len()).unwrap_or_default();
            if self.asked.is_none() {
                self.asked = Some(Arc::clone(ready));
            }
        }
        if outcome.cells.reasons().contains(Missing::Timeout) {
            return;
        }
        self.whole += 1;
        self.last_whole = batch.time.moment;
        self.durations.saturating_record(u64::try_from(batch.duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// Takes another shard's counts in.
    pub(super) fn add(&mut self, other: &Self) {
        self.polls += other.polls;
        self.whole += other.whole;
        self.cells += other.cells;
        self.late += other.late;
        self.last = self.last.max(other.last);
        self.last_whole = self.last_whole.max(other.last_whole);
        // Both have the same bounds.
        let _added = self.durations.add(&other.durations);
        if self.asked.is_none() {
            self.asked.clone_from(&other.asked);
        }
    }

    /// Begins anew; what the devices are asked for is kept.
    pub(super) fn reset(&mut self) {
        self.durations.reset();
        (self.polls, self.whole, self.cells, self.late) = (0, 0, 0, 0);
    }
}
