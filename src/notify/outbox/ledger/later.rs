//! What is left for later so that memory does not grow with the number of alerts: announcements that stay on
//! disk until they are needed, and alerts that wait without an event.

use super::Ledger;
use crate::alert::{AlertKey, Transition};
use crate::model::{Severity, UnixMillis};
use crate::notify::by_severity;
use crate::notify::outbox::record::{Last, OpenRow, Told};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Announcements of open alerts in memory, about: more are left to the disk. Some 10 MB; those of alerts
/// that are held back come on top.
const WARM_MAX: usize = 10_000;

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
        max.saturating_sub(self.lanes.get(name).map_or(0, super::Lane::len))
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
        self.warmed += 1;
        *row = Arc::new(OpenRow { last: Last::Here(transition), ..(**row).clone() });
    }

    /// Whether enough announcements are in memory for [`Self::cool`].
    pub(crate) const fn is_warm(&self) -> bool {
        WARM_MAX < self.warmed
    }

    /// Leaves announcements to the disk, which has all of them: nothing is pending, and the file is whole.
    /// But those of groups, and of alerts that are held back or began not before `since` (they may yet join
    /// a group).
    pub(crate) fn cool(&mut self, since: UnixMillis) {
        self.warmed = 0;
        for row in self.open.values_mut() {
            let is_needed = row.hold.is_some() || row.is_group() || since <= row.announced_at;
            if row.here().is_some() && !is_needed {
                *row = Arc::new(OpenRow { last: Last::Stored(row.severity()), ..(**row).clone() });
            }
        }
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
