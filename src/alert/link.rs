//! What a device's children need to know of it: whether its polls succeed. Written by the thread that
//! polls the device, read by those that poll its children; no lock.
//!
//! A child's silence is explained by its parent's only if the parent is known to be silent too. Just
//! after a gateway went down that is not known yet: the child then waits for the parent's next poll
//! before it says anything, for at most [`PATIENCE`] of the parent's intervals.

use crate::model::Moment;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A device on which others hang. Shared by its own poll thread and theirs.
#[derive(Debug)]
pub struct Link {
    /// The device's name.
    pub device: Arc<str>,
    /// How often it is polled.
    interval: Duration,
    /// The device behind which it is reached itself.
    parent: Option<Arc<Self>>,
    /// When its last good poll ended, in nanoseconds of [`Moment`]; 0: none did.
    last_good: AtomicU64,
    /// Whether its last poll failed.
    is_failing: AtomicBool,
    /// Whether a rule tells of its silence.
    is_watched: AtomicBool,
}

/// What a parent's state says about a child whose polls fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: the child's silence is its own.
    Own,
    /// The parent has not been polled since: it may explain it.
    Waiting,
    /// That device is silent too, which explains it.
    Explained(Arc<str>),
}

/// Intervals of the parent after which a child's silence is told, whatever the parent's poll does.
const PATIENCE: u32 = 3;

impl Link {
    /// A link of which nothing is known yet.
    #[must_use]
    pub fn new(device: Arc<str>, interval: Duration, parent: Option<Arc<Self>>) -> Self {
        Self {
            device,
            interval,
            parent,
            last_good: AtomicU64::new(0),
            is_failing: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
        }
    }

    /// Whether it is polled as often, behind the same device.
    #[must_use]
    pub fn is_alike(&self, interval: Duration, parent: Option<&Arc<Self>>) -> bool {
        let same = |one: &Arc<Self>, other: &Arc<Self>| Arc::ptr_eq(one, other);
        self.interval == interval
            && match (&self.parent, parent) {
                (Some(one), Some(other)) => same(one, other),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            }
    }

    /// A poll of the device ended.
    pub(super) fn polled(&self, at: Moment, is_good: bool, is_watched: bool) {
        if is_good {
            self.last_good.store(at.nanoseconds().max(1), Ordering::Release);
        }
        self.is_watched.store(is_watched, Ordering::Release);
        self.is_failing.store(!is_good, Ordering::Release);
    }

    /// What it says about a child whose polls have failed since `since`.
    pub(super) fn verdict(&self, since: Moment, now: Moment) -> Verdict {
        if self.is_failing.load(Ordering::Acquire) {
            return match self.teller() {
                Some(device) => Verdict::Explained(device),
                None => Verdict::Own,
            };
        }
        let has_answered = since.nanoseconds() <= self.last_good.load(Ordering::Acquire);
        let patience = self.interval.saturating_mul(PATIENCE);
        if has_answered || patience < now.since(since) { Verdict::Own } else { Verdict::Waiting }
    }

    /// The device whose silence is told: this one, or one above it that is silent as well.
    fn teller(&self) -> Option<Arc<str>> {
        let mut at = self;
        let mut told = None;
        for _ in 0..DEPTH_MAX {
            if !at.is_failing.load(Ordering::Acquire) {
                break;
            }
            if at.is_watched.load(Ordering::Acquire) {
                told = Some(Arc::clone(&at.device));
            }
            let Some(parent) = &at.parent else { break };
            at = parent;
        }
        told
    }
}

/// Nobody hangs devices deeper than that: site, row, rack, gateway, chain.
const DEPTH_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::{Link, Verdict};
    use crate::model::Moment;
    use std::sync::Arc;
    use std::time::Duration;

    fn at(seconds: u64) -> Moment {
        Moment::after_zero(Duration::from_secs(seconds))
    }

    fn link(name: &str, parent: Option<&Arc<Link>>) -> Arc<Link> {
        Arc::new(Link::new(name.into(), Duration::from_secs(30), parent.cloned()))
    }

    #[test]
    fn a_child_waits_for_news_of_its_parent() {
        let parent = link("gw", None);
        // Never polled: wait, but not for ever.
        assert_eq!(parent.verdict(at(10), at(20)), Verdict::Waiting);
        assert_eq!(parent.verdict(at(10), at(101)), Verdict::Own);
        parent.polled(at(5), true, true);
        assert_eq!(parent.verdict(at(10), at(20)), Verdict::Waiting, "that was before");
        parent.polled(at(35), true, true);
        assert_eq!(parent.verdict(at(10), at(36)), Verdict::Own, "it answers: the child does not");
        parent.polled(at(65), false, true);
        assert_eq!(parent.verdict(at(10), at(70)), Verdict::Explained("gw".into()));
        assert_eq!(parent.verdict(at(10), at(9999)), Verdict::Explained("gw".into()));
    }

    #[test]
    fn silence_that_nobody_tells_explains_nothing() {
        let root = link("root", None);
        let middle = link("middle", Some(&root));
        let parent = link("parent", Some(&middle));
        for it in [&root, &middle, &parent] {
            it.polled(at(30), false, false);
        }
        assert_eq!(parent.verdict(at(10), at(40)), Verdict::Own);
        root.polled(at(50), false, true);
        assert_eq!(parent.verdict(at(10), at(60)), Verdict::Explained("root".into()));
        // The topmost silent one that is watched tells for all.
        parent.polled(at(60), false, true);
        assert_eq!(parent.verdict(at(10), at(70)), Verdict::Explained("root".into()));
        middle.polled(at(80), true, true);
        assert_eq!(parent.verdict(at(10), at(90)), Verdict::Explained("parent".into()));
    }
}
