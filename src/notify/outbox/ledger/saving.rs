//! What is on its way to disk, and what is said to be there.

use super::Ledger;
use crate::model::{Moment, Now};
use crate::notify::outbox::record::Op;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Ledger {
    /// Changes that are not on disk yet.
    pub(crate) const fn pending(&self) -> usize {
        self.pending
    }

    /// Whole groups of changes for the next commit: about `most` of them. With the generation that is
    /// on disk when they are.
    pub(crate) fn take_ops(&mut self, most: usize, now: Now) -> (Vec<Op>, u64) {
        let mut ops = Vec::new();
        let mut generation = self.saved;
        while ops.len() < most
            && let Some(mut group) = self.groups.pop_front()
        {
            ops.append(&mut group.ops);
            generation = group.generation;
        }
        self.pending = self.pending.saturating_sub(ops.len());
        self.fill_windows(&mut ops, now);
        (ops, generation)
    }

    /// Each lane's window once, as it is now.
    fn fill_windows(&self, ops: &mut Vec<Op>, now: Now) {
        let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
        ops.retain(|it| match it {
            Op::PutWindow(name, _) => {
                names.insert(Arc::clone(name));
                false
            }
            _ => true,
        });
        ops.extend(names.into_iter().filter_map(|name| {
            let seconds = self.lanes.get(&name)?.limiter.seconds(now);
            Some(Op::PutWindow(name, seconds))
        }));
    }

    /// All up to that generation is on disk, or is not going to be.
    pub(crate) fn saved(&mut self, generation: u64, now: Moment) {
        self.saved = self.saved.max(generation);
        for lane in self.lanes.values_mut() {
            lane.saved(self.saved, now);
        }
    }

    /// Forgets what should have been written: all of it is written anew later, see [`Self::all`].
    pub(crate) fn drop_ops(&mut self, now: Moment) {
        self.groups.clear();
        self.pending = 0;
        self.saved(self.generation, now);
    }

    /// The disk does not work at present: what is new goes without it. It is written when it works.
    pub(crate) fn let_go(&mut self, now: Moment) {
        self.saved(self.generation, now);
    }

    /// From now on nothing is written any more.
    pub(crate) fn give_up_saving(&mut self, now: Moment) {
        self.groups.clear();
        self.pending = 0;
        self.saved(u64::MAX, now);
    }

    /// Everything, to be written in place of what the file has, but for what only it has.
    pub(crate) fn all(&self, now: Now) -> Vec<Op> {
        let mut ops = Vec::new();
        for (name, lane) in &self.lanes {
            ops.extend(lane.entries().map(|(sequence, entry)| {
                Op::PutEvent((Arc::clone(name), sequence), Arc::clone(&entry.record), entry.seen)
            }));
            ops.extend(lane.all_parked().map(|it| Op::KeepEvent((Arc::clone(name), it))));
            ops.push(Op::PutWindow(Arc::clone(name), lane.limiter.seconds(now)));
        }
        ops.extend(self.open.iter().map(|(key, row)| Op::PutOpen(key.clone(), Arc::clone(row), true)));
        ops.extend(
            self.dead
                .iter()
                .map(|(&number, (lane, row))| Op::PutDead((Arc::clone(lane), number), Arc::clone(row))),
        );
        ops
    }
}
