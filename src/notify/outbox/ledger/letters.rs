//! Dead letters: what was given up, and what of it is tried again.

use super::Ledger;
use crate::alert::AlertKey;
use crate::model::{Moment, UnixMillis};
use crate::notify::outbox::record::{DeadRow, Op, OpenRow, Record, Told};
use crate::notify::pagerduty::{Action, Reason};
use std::sync::Arc;

impl Ledger {
    /// The same, with their numbers.
    pub(crate) fn numbered_dead(&self) -> impl Iterator<Item = (u64, &Arc<str>, &Arc<DeadRow>)> {
        self.dead.iter().map(|(number, (lane, row))| (*number, lane, row))
    }

    /// Forgets one dead letter. `false` if there is none.
    pub(crate) fn forget_letter(&mut self, name: &Arc<str>, number: u64) -> bool {
        let known = self.dead.get(&number).is_some_and(|(lane, _)| lane == name);
        if known {
            self.forget_dead(name, |it, _| it == number);
            self.seal();
        }
        known
    }

    /// Gives up events of an integration that happened before `oldest`: it has been gone from the
    /// config for too long. What waited without an event, or on disk, goes without a letter.
    pub(crate) fn abandon(&mut self, name: &Arc<str>, oldest: UnixMillis, at: UnixMillis, now: Moment) {
        let later = |row: &OpenRow| row.told.get(name) == Some(&Told::Later) && row.announced_at < oldest;
        let keys: Vec<AlertKey> =
            self.open.iter().filter(|(_, row)| later(row)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.tell(&key, name, Told::Dead);
        }
        let Some(lane) = self.lanes.get_mut(name) else { return };
        let parked = lane.abandon_parked(oldest);
        self.current.extend(parked.into_iter().map(|it| Op::DeleteEvent((Arc::clone(name), it))));
        let Some(lane) = self.lanes.get(name) else { return };
        let old: Vec<u64> =
            lane.entries().filter(|(_, it)| it.record.at < oldest).map(|(sequence, _)| sequence).collect();
        for sequence in old {
            let text = "its integration is not in the config any more".to_owned();
            self.bury(name, sequence, (Reason::Abandoned, text), at, now);
        }
        self.seal();
    }

    /// Announces an unheard alert to that integration again; its dead letter goes.
    pub(crate) fn announce_again(&mut self, name: &Arc<str>, record: &Arc<Record>, now: Moment) {
        let Some(told) = self.told(&record.key, name).filter(|it| it.is_unheard()) else { return };
        if self.lane(name).need(&record.key) {
            // Its last end goes first, and is on disk.
            return;
        }
        self.enqueue_trigger(name, record, told == Told::Unsure, now);
        self.tell(&record.key, name, Told::Waiting);
        // A resolve that was given up stays: it is needed until something later has arrived.
        let trigger = |it: &DeadRow| it.record.action == Action::Trigger;
        self.forget_dead(name, |_, it| it.record.key == record.key && trigger(it));
        self.shed(name, now);
        self.seal();
    }

    /// Tries resolves that were given up once more, so that no incident stays open for want of one. If
    /// the alert has begun again, its own end will do.
    pub(crate) fn resolve_again(&mut self, name: &Arc<str>, now: Moment) {
        let letters = self.dead.iter().filter(|(_, (lane, row))| {
            lane == name && row.record.action == Action::Resolve && row.reason != Reason::Abandoned
        });
        let letters: Vec<Arc<Record>> = letters.map(|(_, (_, row))| Arc::clone(&row.record)).collect();
        for record in letters {
            let goes_on = self.told(&record.key, name).is_some();
            if !goes_on && self.lane(name).last(&record.key).is_none() {
                self.enqueue_resolve(name, &record, None, now);
                self.forget_dead(name, |_, it| Arc::ptr_eq(&it.record, &record));
            }
        }
        self.seal();
    }

    pub(super) fn forget_dead(&mut self, name: &Arc<str>, which: impl Fn(u64, &DeadRow) -> bool) {
        let letters: Vec<u64> = self
            .dead
            .iter()
            .filter(|(number, (lane, row))| lane == name && which(**number, row))
            .map(|(number, _)| *number)
            .collect();
        for number in letters {
            self.dead.remove(&number);
            self.current.push(Op::DeleteDead((Arc::clone(name), number)));
        }
    }

    /// Whether a lane has enough room for what was given up when it had none.
    pub(crate) fn has_room(&self, name: &str) -> bool {
        self.lanes.get(name).is_none_or(|it| it.triggers() < self.limits.waiting_max / 2)
    }
}
