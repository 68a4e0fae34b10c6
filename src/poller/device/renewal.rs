//! When a device is learnt anew, and whether what that brought is believed.
//!
//! Pure: what polls show goes in, decisions come out. Invariants: a device whose rows flap is learnt anew at most
//! every [`Renewal::EVERY_MIN`]; what was learnt and is less than what is known is never believed at once,
//! and is so in the end. Does not know what rows a device has: whoever asks does.

use crate::model::Moment;
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// What speaks for learning a device anew, and what became of it so far.
#[derive(Debug)]
pub(super) struct Renewal {
    uptime_ticks: Option<u32>,
    learnt_at: Moment,
    every: Duration,
    cause: Cause,
    /// What the agent last said of how many rows its tables have ([`crate::profile::Plan::row_counts`]).
    row_counts: Option<u64>,
    /// Why the learning under way, or the last one, was begun.
    begun_for: Cause,
    /// Learnings in a row that brought less than is known.
    doubts: u32,
}

/// Whether what is known of the device is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    /// It is not.
    No,
    /// A row is missing: learn anew, but not too often.
    Soon,
    /// It was restarted: after this poll.
    Now,
    /// Its profiles were changed: after the next poll, and whatever comes of it holds.
    Profiles,
}

impl Renewal {
    /// Rows come and go with sensors and modules; an hour is soon enough for those that neither a
    /// restart nor a missing cell gives away.
    const EVERY: Duration = Duration::from_secs(3600);
    /// So much longer at most, by the device's name: a fleet that was started at once is not learnt anew
    /// at once.
    const SPREAD_SECONDS: u64 = 1200;
    /// A device whose rows flap is learnt anew at most this often.
    const EVERY_MIN: Duration = Duration::from_secs(300);
    /// A learning that was not answered whole is believed after so many tries; one that was, but brought
    /// less, when a second one says the same.
    const DOUBTS_MAX: u32 = 3;
    /// sysUpTime wraps after 497 days (RFC 3418): a fall from within an hour of the top is no restart.
    const UPTIME_WRAP_TICKS: u32 = u32::MAX - 360_000;

    /// Of the device of that name, which has not been learnt.
    pub(super) fn of_device(name: &str) -> Self {
        let mut hasher = std::hash::DefaultHasher::new();
        name.hash(&mut hasher);
        Self {
            uptime_ticks: None,
            learnt_at: Moment::ZERO,
            every: Self::EVERY + Duration::from_secs(hasher.finish() % Self::SPREAD_SECONDS),
            cause: Cause::No,
            row_counts: None,
            begun_for: Cause::No,
            doubts: 0,
        }
    }

    /// Whether it should be learnt anew.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        let age = now.since(self.learnt_at);
        match self.cause {
            Cause::No => self.every <= age,
            Cause::Soon => Self::EVERY_MIN <= age,
            Cause::Now | Cause::Profiles => true,
        }
    }

    /// A learning begins: doubts that arise from here on are about what is being learnt now.
    pub(super) const fn begin(&mut self) {
        self.begun_for = std::mem::replace(&mut self.cause, Cause::No);
    }

    /// It was broken off, and is as due as it was.
    pub(super) fn on_broken_off(&mut self) {
        self.cause = self.cause.max(self.begun_for);
    }

    /// It brought nothing to go by: another one before long.
    pub(super) fn on_nothing(&mut self, now: Moment) {
        self.learnt_at = now;
        self.on_doubt();
    }

    /// Whether a learning is believed; if not, that counts, and [`Self::on_nothing`] follows. `is_less`: it brought
    /// less than is known; `complete`: all that was asked for was answered. A table that is read while the agent
    /// starts is empty for a while, and columns may stay unanswered: nothing must resolve an alert for want of data.
    pub(super) fn is_believed(&mut self, is_less: bool, complete: bool) -> bool {
        let doubts_max = if complete { 1 } else { Self::DOUBTS_MAX };
        let is_doubtful =
            (is_less || !complete) && self.begun_for != Cause::Profiles && self.doubts < doubts_max;
        self.doubts += u32::from(is_doubtful);
        !is_doubtful
    }

    /// What was learnt holds from now on.
    pub(super) fn on_learnt(&mut self, complete: bool, now: Moment) {
        self.doubts = 0;
        self.learnt_at = now;
        if !complete {
            self.on_doubt();
        }
    }

    /// Something that was learnt is not there, or is not what it was.
    pub(super) fn on_doubt(&mut self) {
        self.cause = self.cause.max(Cause::Soon);
    }

    /// Other profiles hold.
    pub(super) const fn on_profiles(&mut self) {
        self.cause = Cause::Profiles;
    }

    /// What the agent says of how many rows its tables have: where that changed, a table of what is amiss has other
    /// rows than were learnt.
    pub(super) fn on_row_counts(&mut self, count: u64) {
        if self.row_counts.replace(count).is_some_and(|before| before != count) {
            self.on_doubt();
        }
    }

    /// sysUpTime in hundredths of a second when it was learnt, if it said so.
    pub(super) const fn set_uptime(&mut self, ticks: Option<u32>) {
        self.uptime_ticks = ticks;
    }

    /// sysUpTime at a poll, in hundredths of a second: a restart may have renumbered the rows.
    pub(super) fn on_uptime(&mut self, ticks: u32, now: Moment) {
        let fell = self.uptime_ticks.is_some_and(|before| ticks < before && before < Self::UPTIME_WRAP_TICKS);
        if fell {
            // Two agents behind one address, or a broken clock, fall at each poll.
            let again = self.begun_for == Cause::Now && now.since(self.learnt_at) < Self::EVERY_MIN;
            self.cause = self.cause.max(if again { Cause::Soon } else { Cause::Now });
        }
        self.uptime_ticks = Some(ticks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What shows.
    type Happens = fn(&mut Renewal);

    /// Learnt whole at this time.
    const LEARNT: Moment = Moment::ZERO;

    fn learnt() -> Renewal {
        let mut it = Renewal::of_device("pdu-1");
        it.set_uptime(Some(1000));
        it.on_learnt(true, LEARNT);
        it
    }

    /// After how many seconds it is due.
    fn due_after(it: &Renewal) -> u64 {
        (0..10_000).find(|seconds| it.is_due(LEARNT + u32::try_from(*seconds).unwrap() * SECOND)).unwrap()
    }

    #[test]
    fn the_hours_end_is_spread_by_name() {
        let due: Vec<u64> = (0..50).map(|it| due_after(&Renewal::of_device(&format!("pdu-{it}")))).collect();
        assert!(due.iter().all(|it| (3600..4800).contains(it)), "{due:?}");
        assert!(due.iter().any(|it| *it < 4000) && due.iter().any(|it| 4400 < *it), "{due:?}");
    }

    #[test]
    fn what_is_in_doubt_is_learnt_before_long() {
        let cases: [(&str, Happens, u64); 7] = [
            ("a row is missing", Renewal::on_doubt, 300),
            ("a restart", |it| it.on_uptime(10, LEARNT + SECOND), 0),
            ("no restart: the counter wraps", wrap, due_after(&learnt())),
            ("other profiles", Renewal::on_profiles, 0),
            ("other rows", |it| [3, 3, 4].into_iter().for_each(|count| it.on_row_counts(count)), 300),
            (
                "as many rows as ever",
                |it| [3, 3].into_iter().for_each(|count| it.on_row_counts(count)),
                due_after(&learnt()),
            ),
            ("what was learnt was not whole", |it| it.on_learnt(false, LEARNT), 300),
        ];
        for (what, happens, expected) in cases {
            let mut it = learnt();
            happens(&mut it);
            assert_eq!(due_after(&it), expected, "{what}");
        }
    }

    fn wrap(it: &mut Renewal) {
        it.on_uptime(u32::MAX - 5, LEARNT + SECOND);
        it.on_uptime(10, LEARNT + 2 * SECOND);
    }

    #[test]
    fn a_clock_that_falls_at_each_poll_is_followed_once() {
        let mut it = learnt();
        it.on_uptime(500, LEARNT + SECOND);
        it.begin();
        it.on_learnt(true, LEARNT + 2 * SECOND);
        it.on_uptime(400, LEARNT + 3 * SECOND);
        assert!(!it.is_due(LEARNT + 4 * SECOND) && it.is_due(LEARNT + 302 * SECOND));
    }

    #[test]
    fn less_is_believed_when_it_is_said_again() {
        let cases = [
            ("all, and whole", (false, true), 0),
            ("less, and whole", (true, true), 1),
            ("not whole", (false, false), 3),
            ("less and not whole", (true, false), 3),
        ];
        for (what, (is_less, complete), doubted) in cases {
            let mut it = learnt();
            it.begin();
            let tries = (0..).find(|_| it.is_believed(is_less, complete));
            assert_eq!(tries, Some(doubted), "{what}");
        }
        let mut it = learnt();
        it.on_profiles();
        it.begin();
        assert!(it.is_believed(true, false), "other profiles may name less");
    }

    #[test]
    fn a_learning_that_was_broken_off_stays_due() {
        let mut it = learnt();
        it.on_uptime(10, LEARNT + SECOND);
        it.begin();
        assert!(!it.is_due(LEARNT + SECOND));
        it.on_broken_off();
        assert!(it.is_due(LEARNT + SECOND));
    }
}
