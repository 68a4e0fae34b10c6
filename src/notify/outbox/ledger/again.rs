//! What is told of an alert that goes on: once more that it does, and that somebody looks after it.

use super::Ledger;
use crate::alert::AlertKey;
use crate::model::{Moment, UnixMillis};
use crate::notify::outbox::record::{Acknowledgement, OpenRow, Record, Told};
use crate::notify::pagerduty::{Action, event};
use std::sync::Arc;

impl Ledger {
    /// Tells those who know of an alert once more that it goes on. Says whether anybody is told.
    pub(crate) fn renew(&mut self, record: &Arc<Record>, at: UnixMillis, now: Moment) -> bool {
        let Some(row) = self.open.get(&record.key).cloned() else { return false };
        let known = row.told.iter().filter(|(_, told)| **told == Told::Accepted).map(|(name, _)| name);
        let mut renewed = false;
        for name in known {
            if self.lane(name).last(&record.key).is_none() {
                self.enqueue_trigger(name, record, true, now);
                renewed = true;
            }
        }
        if renewed {
            self.put_open(&record.key, OpenRow { announced_at: at, ..(*row).clone() });
        }
        self.seal();
        renewed
    }

    /// Tells one integration that knows of an alert once more that it goes on.
    pub(crate) fn tell_again(&mut self, name: &Arc<str>, record: &Arc<Record>, now: Moment) {
        if self.lane(name).last(&record.key).is_none() {
            self.enqueue_trigger(name, record, true, now);
            self.seal();
        }
    }

    /// Somebody looks after an alert. `false` if there is none of that key.
    pub(crate) fn acknowledge(&mut self, key: &AlertKey, by: Acknowledgement, now: Moment) -> bool {
        let Some(row) = self.open.get(key).cloned() else { return false };
        self.put_open(key, OpenRow { acknowledged: Some(Box::new(by)), ..(*row).clone() });
        let known: Vec<Arc<str>> = row
            .told
            .iter()
            .filter(|(_, it)| **it == Told::Accepted)
            .map(|(name, _)| Arc::clone(name))
            .collect();
        for name in known {
            self.tell_acknowledged(&name, key, now);
        }
        self.seal();
        true
    }

    /// Those that have the incident hear that somebody looks after it.
    pub(super) fn tell_acknowledged(&mut self, name: &Arc<str>, key: &AlertKey, now: Moment) {
        let Some(row) = self.open.get(key) else { return };
        let (Some(by), severity) = (row.acknowledged.clone(), row.severity()) else { return };
        if self.lane(name).last(key).is_some() {
            // Told when that has arrived.
            return;
        }
        let record = Record {
            key: key.clone(),
            action: Action::Acknowledge,
            severity,
            at: by.at,
            body: event::acknowledgement(key, &by.by).into_boxed_str(),
            repaired: false,
        };
        let sequence = self.next_sequence();
        self.push(name, sequence, &Arc::new(record), true, now);
    }
}
