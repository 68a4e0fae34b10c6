//! Resolves that wait on disk only: of each its number, its alert and when that ended are in memory, so that a
//! million of them fit there. They come back in their order, when there is room or when something waits for them.
//!
//! An alert whose resolve is parked has no other event in the lane: one that begins anew waits without an event
//! until its resolve is back.

use super::{Lane, Place};
use crate::alert::AlertKey;
use crate::model::{Moment, UnixMillis};
use crate::notify::outbox::record::Record;
use crate::notify::pagerduty::Action;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Debug, Clone, Default)]
pub(super) struct Parked {
    events: BTreeMap<u64, (AlertKey, UnixMillis)>,
    numbers: HashMap<AlertKey, u64>,
    /// Those that something waits for.
    needed: BTreeSet<u64>,
}

impl Parked {
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    fn insert(&mut self, number: u64, key: AlertKey, at: UnixMillis) {
        self.numbers.insert(key.clone(), number);
        self.events.insert(number, (key, at));
    }

    fn remove(&mut self, number: u64) {
        self.needed.remove(&number);
        if let Some((key, _)) = self.events.remove(&number) {
            self.numbers.remove(&key);
        }
    }
}

impl Lane {
    /// Whether the alert's resolve is on disk only.
    pub(crate) fn is_parked(&self, key: &AlertKey) -> bool {
        self.parked.numbers.contains_key(key)
    }

    /// The same; it is brought back soon.
    pub(crate) fn need(&mut self, key: &AlertKey) -> bool {
        let number = self.parked.numbers.get(key).copied();
        self.parked.needed.extend(number);
        number.is_some()
    }

    /// The alert of a resolve that is on disk only, and when it ended.
    pub(crate) fn parked(&self, number: u64) -> Option<(AlertKey, UnixMillis)> {
        self.parked.events.get(&number).cloned()
    }

    /// The highest number among them.
    pub(crate) fn last_parked(&self) -> u64 {
        self.parked.events.last_key_value().map_or(0, |(number, _)| *number)
    }

    /// All of them.
    pub(crate) fn all_parked(&self) -> impl Iterator<Item = u64> {
        self.parked.events.keys().copied()
    }

    /// How many resolves wait in memory or are under way.
    pub(crate) const fn resolves(&self) -> usize {
        self.resolves
    }

    /// At start: a resolve stays on disk.
    pub(crate) fn park_from_disk(&mut self, number: u64, key: AlertKey, at: UnixMillis) {
        self.parked.insert(number, key, at);
    }

    /// Leaves resolves to the disk if more than `most` are in memory, the youngest first. Each of them is on
    /// disk, and alone in its alert's line.
    pub(crate) fn park(&mut self, most: usize) {
        let Some(excess) = self.resolves.checked_sub(most).filter(|it| 0 < *it) else { return };
        let may = |lane: &Self, key: &AlertKey| lane.lines.get(key).is_some_and(|it| it.sequences.len() == 1);
        // Some more than needed, so that not each event of a storm looks for them anew.
        let numbers: Vec<u64> = self
            .entries
            .iter()
            .rev()
            .filter(|(_, it)| it.record.action == Action::Resolve && it.place == Place::Ready && !it.claimed)
            .filter(|(_, it)| may(self, &it.record.key))
            .map(|(number, _)| *number)
            .take(excess + most / 10)
            .collect();
        for number in numbers {
            self.unplace(number);
            let Some(entry) = self.entries.remove(&number) else { continue };
            self.resolves = self.resolves.saturating_sub(1);
            self.lines.remove(&entry.record.key);
            self.parked.insert(number, entry.record.key.clone(), entry.record.at);
        }
    }

    /// Which should come back: those that something waits for, and the `room` oldest.
    pub(crate) fn parked_wanted(&self, room: usize) -> Vec<u64> {
        let needed = self.parked.needed.iter().copied();
        let oldest = self.parked.events.keys().copied().filter(|it| !self.parked.needed.contains(it));
        needed.chain(oldest.take(room)).collect()
    }

    /// One is back, with its number.
    pub(crate) fn unpark(&mut self, number: u64, record: Arc<Record>, now: Moment) {
        self.parked.remove(number);
        self.insert(number, record, (true, true, false), 0, now);
    }

    /// Forgets those that happened before `oldest`.
    pub(crate) fn abandon_parked(&mut self, oldest: UnixMillis) -> Vec<u64> {
        let old = self.parked.events.iter().filter(|(_, (_, at))| *at < oldest);
        let old: Vec<u64> = old.map(|(number, _)| *number).collect();
        for number in &old {
            self.parked.remove(*number);
        }
        old
    }
}
