//! What leaves, and what became of it: claims, answers, repairs, and what is given up.
//!
//! Pure. Invariants: an event is claimed on disk before it leaves, within its integration's rate limit; one that comes
//! back gives way to what follows it in its line ([`Ledger::settle`]), so that what is out of date is not sent; one
//! that is given up is a dead letter, and the alert's row says what they can have seen. When to try again is the
//! sender's to say.

use super::{Ledger, Note};
use crate::alert::AlertKey;
use crate::model::{Moment, UnixMillis};
use crate::notify::limiter::Admission;
use crate::notify::outbox::lane::Next;
use crate::notify::outbox::record::{DeadRow, Op, Record, Told};
use crate::notify::pagerduty::{Action, Reason};
use std::sync::Arc;

impl Ledger {
    /// The next event for an integration. Never [`Next::Claim`]: claims are made here.
    pub(crate) fn next(&mut self, name: &str, now: Moment) -> Next {
        loop {
            let generation = self.generation + 1;
            let Some((name, lane)) = self.lanes.iter_mut().find(|(it, _)| ***it == *name) else {
                return Next::Idle;
            };
            let sequence = match lane.next(now) {
                Next::Claim(sequence) => sequence,
                next => return next,
            };
            let Some((record, news)) = lane.claim(sequence, generation, now) else { return Next::Idle };
            if news {
                self.current.push(Op::PutEvent((Arc::clone(name), sequence), record, true));
            }
            self.current.push(Op::PutWindow(Arc::clone(name), Vec::new()));
            self.seal();
        }
    }

    /// Nothing can be sent to that integration at present.
    pub(crate) fn dam(&mut self, name: &str) {
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.dam();
        }
    }

    /// So many requests a minute from now on.
    pub(crate) fn set_limit(&mut self, name: &Arc<str>, requests_per_minute: u32) {
        self.lane(name).limiter.set_limit(requests_per_minute);
    }

    /// Takes a place in an integration's rate limit for a request that is no event of an alert, if there
    /// is one to spare.
    pub(crate) fn spare_place(&mut self, name: &Arc<str>, now: Moment) -> bool {
        let limiter = &mut self.lane(name).limiter;
        let is_free = limiter.admission(now) == Admission::All;
        if is_free {
            limiter.claim();
            limiter.sent(now);
        }
        is_free
    }

    /// The receiver has it. Returns when it was handed in.
    pub(crate) fn accepted(&mut self, name: &Arc<str>, sequence: u64, now: Moment) -> Option<Moment> {
        let entry = self.remove(name, sequence, now)?;
        let key = &entry.record.key;
        // What came before it no longer matters.
        self.forget_dead(name, |number, it| number < sequence && it.record.key == *key);
        if entry.record.action == Action::Trigger {
            match self.lane(name).after(key, sequence) {
                // The alert that goes on now is a later one: its own trigger is yet to come.
                Some((_, Action::Resolve)) => (),
                Some((follower, Action::Trigger | Action::Acknowledge)) => {
                    self.set_known(name, follower);
                    self.tell(key, name, Told::Accepted);
                }
                None => {
                    self.tell(key, name, Told::Accepted);
                    self.tell_acknowledged(name, key, now);
                }
            }
        }
        self.seal();
        Some(entry.queued)
    }

    /// It is tried again after `not_before`.
    pub(crate) fn failed(
        &mut self,
        name: &Arc<str>,
        sequence: u64,
        may_have_arrived: bool,
        not_before: Moment,
        now: Moment,
    ) {
        let lane = self.lane(name);
        let Some(key) = lane.entry(sequence).map(|it| it.record.key.clone()) else { return };
        lane.put_back(sequence, may_have_arrived, true, not_before, now);
        self.settle(name, &key, now);
        self.seal();
    }

    /// Its sender is gone without a word: it waits again.
    pub(crate) fn abandoned_in_flight(&mut self, name: &Arc<str>, sequence: u64, now: Moment) {
        self.failed(name, sequence, true, now, now);
    }

    /// It is sent once more with that body.
    pub(crate) fn repaired(&mut self, name: &Arc<str>, sequence: u64, body: String, now: Moment) {
        let lane = self.lane(name);
        let Some(entry) = lane.entry(sequence) else { return };
        let record =
            Arc::new(Record { body: body.into_boxed_str(), repaired: true, ..(*entry.record).clone() });
        let key = record.key.clone();
        let generation = self.generation + 1;
        let lane = self.lane(name);
        lane.replace(sequence, record, generation, now);
        self.put_event(name, sequence);
        self.settle(name, &key, now);
        self.seal();
    }

    /// It is given up.
    pub(crate) fn give_up(
        &mut self,
        name: &Arc<str>,
        sequence: u64,
        why: (Reason, String),
        at: UnixMillis,
        now: Moment,
    ) {
        self.bury(name, sequence, why, at, now);
        self.seal();
    }

    pub(super) fn bury(
        &mut self,
        name: &Arc<str>,
        sequence: u64,
        why: (Reason, String),
        at: UnixMillis,
        now: Moment,
    ) {
        let Some(entry) = self.remove(name, sequence, now) else { return };
        let (reason, text) = why;
        let record = entry.record;
        self.notes.push(Note::Dead {
            lane: Arc::clone(name),
            key: record.key.clone(),
            action: record.action,
            reason,
            text: text.clone(),
        });
        if record.action == Action::Trigger {
            self.without_trigger(name, sequence, &record.key, (entry.known, Told::Dead), now);
        }
        let row = Arc::new(DeadRow { record, reason, text, at });
        self.current.push(Op::PutDead((Arc::clone(name), sequence), Arc::clone(&row)));
        self.dead.insert(sequence, (Arc::clone(name), row));
        self.trim_dead();
    }

    /// A trigger has left its line without having been sent, or without success: what follows it there, and
    /// what the alert's row says (`unknown`, if nobody can have seen the trigger).
    pub(super) fn without_trigger(
        &mut self,
        name: &Arc<str>,
        sequence: u64,
        key: &AlertKey,
        (known, unknown): (bool, Told),
        now: Moment,
    ) {
        let before = self.lane(name).last(key).map(|(_, last, _)| last.record.action);
        match self.lane(name).after(key, sequence) {
            // Nothing was opened: there is nothing to end.
            Some((resolve, Action::Resolve)) if !known => drop(self.remove(name, resolve, now)),
            Some((trigger, Action::Trigger)) if known => self.set_known(name, trigger),
            Some(_) => (),
            // An older trigger is under way: they will hear of it.
            None if before == Some(Action::Trigger) => (),
            None if self.told(key, name) != Some(Told::Waiting) => (),
            None => self.tell(key, name, if known { Told::Unsure } else { unknown }),
        }
    }

    /// A trigger that has just come back gives way to what follows it in its line.
    pub(super) fn settle(&mut self, name: &Arc<str>, key: &AlertKey, now: Moment) {
        while let Some((first, second)) = self.lane(name).first_two(key) {
            let lane = self.lane(name);
            let (Some(head), Some(follower)) = (lane.entry(first), lane.entry(second)) else { return };
            if head.record.action == Action::Resolve || lane.is_in_flight(first) {
                return;
            }
            let (known, next) = (head.known, follower.record.action);
            let acknowledges = head.record.action == Action::Acknowledge;
            self.remove(name, first, now);
            if acknowledges {
                continue;
            }
            let (lane, key) = (Arc::clone(name), key.clone());
            match next {
                Action::Trigger => {
                    if known {
                        self.set_known(name, second);
                    }
                    self.notes.push(Note::Merged { lane, key });
                }
                Action::Acknowledge => (),
                Action::Resolve if known => self.notes.push(Note::Merged { lane, key }),
                Action::Resolve => {
                    self.remove(name, second, now);
                    self.notes.push(Note::Collapsed { lane, key });
                }
            }
        }
    }
}
