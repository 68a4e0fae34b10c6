//! A disk for tests of the pure parts: what was committed, as octets.

use super::codec;
use super::record::{Last, Op, Place, Record, Rows};
use crate::alert::{AlertKey, Transition};
use crate::notify::pagerduty::Action;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Debug, Default, Clone)]
pub(super) struct Disk {
    pub(super) events: BTreeMap<Place, Vec<u8>>,
    pub(super) open: BTreeMap<AlertKey, Vec<u8>>,
    pub(super) facts: BTreeMap<AlertKey, Vec<u8>>,
    dead: BTreeMap<Place, Vec<u8>>,
    silences: BTreeMap<u64, Vec<u8>>,
    windows: BTreeMap<Arc<str>, Vec<u8>>,
}

impl Disk {
    pub(super) fn apply(&mut self, ops: &[Op]) {
        for op in ops {
            match op {
                Op::PutEvent(place, record, seen) => {
                    self.events.insert(place.clone(), codec::encode_record(&octets(place), record, *seen));
                }
                Op::KeepEvent(_) => (),
                Op::DeleteEvent(place) => drop(self.events.remove(place)),
                Op::PutOpen(key, row, is_new) => {
                    self.open.insert(key.clone(), codec::encode_open(key.0.as_bytes(), row));
                    if let Some(last) = row.here().filter(|_| *is_new) {
                        let value = codec::encode_transition(key.0.as_bytes(), last);
                        self.facts.insert(key.clone(), value);
                    }
                }
                Op::DeleteOpen(key) => {
                    self.open.remove(key);
                    self.facts.remove(key);
                }
                Op::PutDead(place, row) => {
                    self.dead.insert(place.clone(), codec::encode_dead(&octets(place), row));
                }
                Op::DeleteDead(place) => drop(self.dead.remove(place)),
                Op::PutSilence(it) => {
                    self.silences.insert(it.id, codec::encode_silence(&it.id.to_be_bytes(), it));
                }
                Op::DeleteSilence(id) => drop(self.silences.remove(id)),
                Op::PutWindow(lane, seconds) => {
                    self.windows.insert(Arc::clone(lane), codec::encode_window(lane.as_bytes(), seconds));
                }
            }
        }
    }

    /// All of it anew, but for announcements that are nowhere else.
    pub(super) fn replace(&mut self, ops: &[Op]) {
        let stored = |op: &Op| match op {
            Op::PutOpen(key, row, _) if row.here().is_none() => Some(key.clone()),
            _ => None,
        };
        let kept: BTreeSet<AlertKey> = ops.iter().filter_map(stored).collect();
        let mut facts = std::mem::take(&mut self.facts);
        facts.retain(|key, _| kept.contains(key));
        let kept = |place: &Place| ops.iter().any(|it| matches!(it, Op::KeepEvent(it) if it == place));
        let mut events = std::mem::take(&mut self.events);
        events.retain(|place, _| kept(place));
        *self = Self { facts, events, ..Self::default() };
        self.apply(ops);
    }

    /// An event that must be there.
    pub(super) fn event(&self, place: &Place) -> Record {
        let value = self.events.get(place).unwrap_or_else(|| panic!("the event {place:?} is nowhere"));
        codec::decode_record(&octets(place), value).unwrap().0
    }

    /// An announcement that must be there.
    pub(super) fn transition(&self, key: &AlertKey) -> Arc<Transition> {
        let value = self.facts.get(key).unwrap_or_else(|| panic!("the announcement of {key} is nowhere"));
        Arc::new(codec::decode_transition(key.0.as_bytes(), value).unwrap())
    }

    /// All of it, but for resolves over `resolves_max` of each lane.
    pub(super) fn rows(&self, resolves_max: usize) -> Rows {
        let mut rows = Rows::default();
        let mut resolves: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for (place, value) in &self.events {
            let (key, action, at) = codec::glimpse(&octets(place), value).unwrap();
            let before = resolves.entry(Arc::clone(&place.0)).or_default();
            *before += usize::from(action == Action::Resolve);
            if action == Action::Resolve && resolves_max < *before {
                rows.parked.push((place.clone(), key, at));
                continue;
            }
            let (record, seen) = codec::decode_record(&octets(place), value).unwrap();
            rows.events.push((place.clone(), Arc::new(record), seen));
        }
        let mut shared = codec::SharedHeard::default();
        for (key, value) in &self.open {
            let (mut row, is_needed) = codec::decode_open(key.0.as_bytes(), value, &mut shared).unwrap();
            if is_needed {
                row.last = Last::Here(self.transition(key));
            }
            rows.open.push((key.clone(), Arc::new(row)));
        }
        for (place, value) in &self.dead {
            let row = codec::decode_dead(&octets(place), value).unwrap();
            rows.dead.push((place.clone(), Arc::new(row)));
        }
        for (id, value) in &self.silences {
            rows.silences.push(codec::decode_silence(&id.to_be_bytes(), value).unwrap());
        }
        for (lane, value) in &self.windows {
            let seconds = codec::decode_window(lane.as_bytes(), value).unwrap();
            rows.windows.push((Arc::clone(lane), seconds));
        }
        rows
    }
}

fn octets((lane, sequence): &Place) -> Vec<u8> {
    codec::place_octets(lane, *sequence)
}
