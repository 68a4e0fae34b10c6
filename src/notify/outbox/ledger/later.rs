//! What is left for later so that memory does not grow with the number of alerts: announcements that stay on
//! disk until they are needed, alerts that wait without an event, and resolves that wait on disk.

use super::{Lane, Ledger};
use crate::alert::{AlertKey, Transition};
use crate::model::{Moment, Severity, UnixMillis};
use crate::notify::by_severity;
use crate::notify::outbox::record::{Last, Op, OpenRow, Place, Record, Told};
use crate::notify::pagerduty::{Action, event};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Events that are read from disk at once: more than any limit lets through in a second.
const UNPARKED_MAX: usize = 1_000;

impl Ledger {
    /// Which rows stand for an alert: one, or with an incident for each severity maybe another. Those of the
    /// worse severity last.
    pub(crate) fn rows_of(&self, alert: &AlertKey) -> Vec<(AlertKey, Arc<OpenRow>)> {
        let own = [alert.clone()].into_iter();
        let split = Severity::ALL.into_iter().filter(|_| self.is_split);
        let keys = own.chain(split.map(|it| by_severity::key_at(alert, it)));
        let mut rows: Vec<_> =
            keys.filter_map(|key| self.open.get(&key).map(|row| (key, Arc::clone(row)))).collect();
        rows.sort_by_key(|(_, row)| row.severity());
        rows
    }

    /// Alerts of which that integration has heard nothing: their events were given up, or none was made. The
    /// most urgent first, so many at most.
    pub(crate) fn unheard(&self, name: &str, most: usize) -> Vec<AlertKey> {
        let unheard =
            |row: &OpenRow| row.told.get(name).is_some_and(|it| it.is_unheard()) && row.hold.is_none();
        let mut found: BinaryHeap<((Reverse<Severity>, UnixMillis), &AlertKey)> = BinaryHeap::new();
        for (key, row) in self.open.iter().filter(|(_, row)| unheard(row)) {
            let one = ((Reverse(row.severity()), row.announced_at), key);
            if found.len() < most {
                found.push(one);
            } else if let Some(mut last) = found.peek_mut().filter(|it| one < **it) {
                *last = one;
            }
        }
        found.into_sorted_vec().into_iter().map(|(_, key)| key.clone()).collect()
    }

    /// How many events a lane can take before some are left for later again.
    pub(crate) fn room(&self, name: &str) -> usize {
        let max = self.limits.waiting_max;
        max.saturating_sub(self.lanes.get(name).map_or(0, Lane::triggers))
    }

    /// By integration: events, and alerts without one.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        self.lanes.iter().map(|(name, lane)| (name, lane.len() + self.later(name)))
    }

    /// How many alerts wait for an integration without an event.
    pub(crate) fn later(&self, name: &str) -> usize {
        self.later.get(name).copied().unwrap_or(0)
    }

    /// Brings an alert's announcement back into memory.
    pub(crate) fn warm(&mut self, key: &AlertKey, transition: Arc<Transition>) {
        let Some(row) = self.open.get_mut(key).filter(|it| it.here().is_none()) else { return };
        self.warm.push_back((self.saved, Arc::clone(&transition)));
        *row = Arc::new(OpenRow { last: Last::Here(transition), ..(**row).clone() });
    }

    /// Leaves to the disk what is over the limits and on it: announcements, and resolves that wait. For a disk
    /// that works, and holds all that is said to be saved.
    pub(crate) fn cool(&mut self) {
        while self.limits.warm_max < self.warm.len()
            && self.warm.front().is_some_and(|(generation, _)| *generation <= self.saved)
            && let Some((_, last)) = self.warm.pop_front()
        {
            let Some(row) = self.open.get_mut(&last.facts.key) else { continue };
            if row.here().is_some_and(|it| Arc::ptr_eq(it, &last)) && !row.is_pinned() {
                *row = Arc::new(OpenRow { last: Last::Stored(row.severity()), ..(**row).clone() });
            }
        }
        for lane in self.lanes.values_mut() {
            lane.park(self.limits.resolves_max);
        }
    }

    /// Which events should be read from disk now: those that others wait for, and the oldest as far as there
    /// is room.
    pub(crate) fn parked_wanted(&self) -> Vec<Place> {
        let most = self.limits.resolves_max;
        let of_lane = |(name, lane): (&Arc<str>, &Lane)| {
            let room = if lane.resolves() <= most / 2 { most.saturating_sub(lane.resolves()) } else { 0 };
            let numbers = lane.parked_wanted(room.clamp(usize::from(lane.resolves() == 0), UNPARKED_MAX));
            numbers.into_iter().map(|it| (Arc::clone(name), it)).collect::<Vec<_>>()
        };
        self.lanes.iter().flat_map(of_lane).collect()
    }

    /// An event is back from the disk; `None` if the disk has lost it: then its incident ends without details.
    pub(crate) fn unpark(&mut self, (name, number): &Place, record: Option<Record>, now: Moment) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        let Some((key, at)) = lane.parked(*number) else { return };
        let is_it = |it: &Record| it.action == Action::Resolve && it.key == key;
        let record = record.filter(is_it).unwrap_or_else(|| {
            let body = event::resolve_without_details(&key).into_boxed_str();
            let (action, severity) = (Action::Resolve, Severity::Info);
            Record { key, action, severity, at, body, repaired: false }
        });
        lane.unpark(*number, Arc::new(record), now);
    }

    /// At start: whether an event gives way to its alert's end, which is on disk and of the same integration.
    /// A begin before it was to be told no more; one after it is told when that has gone.
    pub(super) fn give_way(&mut self, name: &Arc<str>, number: u64, record: &Record) -> bool {
        if !self.lane(name).is_parked(&record.key) {
            return false;
        }
        if record.action == Action::Trigger {
            self.tell(&record.key, name, Told::Later);
        }
        self.current.push(Op::DeleteEvent((Arc::clone(name), number)));
        true
    }

    pub(super) fn count_all(&mut self) {
        let rows: Vec<Arc<OpenRow>> = self.open.values().map(Arc::clone).collect();
        for row in rows {
            self.count(&row);
        }
    }

    /// One more open alert.
    pub(super) fn count(&mut self, row: &OpenRow) {
        self.open_groups += usize::from(row.is_group());
        for (name, told) in row.told.iter() {
            if *told == Told::Later {
                *self.later.entry(Arc::clone(name)).or_default() += 1;
            }
        }
    }

    /// One less.
    pub(super) fn discount(&mut self, row: &OpenRow) {
        self.open_groups = self.open_groups.saturating_sub(usize::from(row.is_group()));
        for (name, told) in row.told.iter() {
            if let Some(count) = self.later.get_mut(name).filter(|_| *told == Told::Later) {
                *count = count.saturating_sub(1);
            }
        }
    }
}
