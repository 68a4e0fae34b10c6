//! Feeds systemd's watchdog, and only with proof of life.
//!
//! A notice goes out when each part that polls or judges has ended a round of its work since the last one:
//! every poll shard (which evaluates on its own thread whatever a poll brings) and the threads of
//! Redfish services and inventories. One of them that hangs, in a loop, a lock or a system call, withholds the notice, and systemd
//! restarts the daemon; so does a runtime that no longer turns, as this is one of its tasks.
//!
//! It does not judge whether devices answer: a dead network is no reason to restart.

use crate::poller::ShardHandle;
use crate::telemetry::watchdog as events;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Notices in one period of the watchdog: one that is late, or lost to a busy moment, is made good by the next.
const NOTICES_A_PERIOD: u32 = 3;

/// How often a thread of tasks shows that it lives: more often than any notice is due.
const BEAT_EVERY: Duration = Duration::from_millis(250);

/// A count that a thread raises with each round of its work.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    fn rounds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// As a task of a thread that runs tasks: whatever occupies the thread for ever stops it.
    pub(super) async fn keep_beating(self) {
        loop {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(BEAT_EVERY).await;
        }
    }
}

/// What must live.
pub(super) struct Lives {
    /// Weak: the daemon ends them.
    pub(super) shards: Weak<Vec<ShardHandle>>,
    /// By their names.
    pub(super) threads: Vec<(&'static str, Pulse)>,
}

impl Lives {
    /// The rounds of each part; `None` when the daemon is ending.
    fn rounds(&self) -> Option<Vec<u64>> {
        let shards = self.shards.upgrade()?;
        Some(
            shards
                .iter()
                .map(ShardHandle::rounds)
                .chain(self.threads.iter().map(|(_, it)| it.rounds()))
                .collect(),
        )
    }

    /// Has shards that sleep end a round, so that one that has nothing to do is not taken for dead.
    fn wake(&self) {
        for shard in self.shards.upgrade().iter().flat_map(|it| it.iter()) {
            shard.wake();
        }
    }

    /// A part's name in the log.
    fn name(&self, part: usize) -> String {
        let shards = self.shards.upgrade().map_or(0, |it| it.len());
        let thread = part.checked_sub(shards).and_then(|it| self.threads.get(it));
        thread.map_or_else(|| format!("poll-{part}"), |(name, _)| (*name).to_owned())
    }
}

/// The rounds at the last notice, against which life is proven.
#[derive(Debug, Default)]
struct Proof {
    seen: Vec<u64>,
}

impl Proof {
    /// Takes the rounds of now. The parts that have not ended one since the last notice; none: a notice is due.
    fn look(&mut self, rounds: Vec<u64>) -> Vec<usize> {
        let is_still = |(at, now): (usize, &u64)| (self.seen.get(at) == Some(now)).then_some(at);
        let still: Vec<usize> = rounds.iter().enumerate().filter_map(is_still).collect();
        if still.is_empty() {
            self.seen = rounds;
        }
        still
    }
}

/// Calls `tell` a few times in each `period` for as long as all lives.
pub(super) async fn run(lives: Lives, period: Duration, tell: impl Fn() + Send) {
    let mut proof = Proof::default();
    let mut withheld = Vec::new();
    loop {
        lives.wake();
        tokio::time::sleep(period / NOTICES_A_PERIOD).await;
        let Some(rounds) = lives.rounds() else { return };
        let still = proof.look(rounds);
        if still.is_empty() {
            tell();
        } else {
            let names: Vec<String> = still.iter().map(|it| lives.name(*it)).collect();
            events::withheld(&names.join(", "), still != withheld);
        }
        withheld = still;
    }
}

#[cfg(test)]
mod tests {
    use super::Proof;

    #[test]
    fn a_notice_needs_a_round_of_every_part_since_the_last() {
        let mut proof = Proof::default();
        for (rounds, still) in [
            ([0, 0], &[][..]),
            ([1, 0], &[1]),
            ([2, 0], &[1]),
            ([2, 1], &[]),
            ([2, 1], &[0, 1]),
            ([3, 1], &[1]),
            // Measured against the last notice, not against the last look.
            ([3, 2], &[]),
            ([u64::MAX, 3], &[]),
        ] {
            assert_eq!(proof.look(rounds.to_vec()), still, "{rounds:?}");
        }
    }
}
