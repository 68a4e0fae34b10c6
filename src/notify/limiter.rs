//! Keeps to a receiver's rate limit: at most so many requests in any window that looks back.
//!
//! PagerDuty counts "approximately 120 calls a minute for an integration key, over a 60 second window
//! looking back". `governor` (GCRA, as every token bucket) lets a full burst and the refill of the
//! same minute through, 240 requests in the first 60 s at 120 a minute; with its burst plus its
//! refill held under 120 it would send half as much for ever after. So the window is kept as it is
//! counted: the moments of the last requests, at most `limit` of them.
//!
//! A request is claimed before it leaves, and the claim is on disk first: so the window is known after a
//! kill too ([`Limiter::seconds`], [`Limiter::restore`]), with each claim counted as if it had left.

use crate::model::{Moment, Now, UnixMillis};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A window over the last requests toward one routing key.
#[derive(Debug, Clone)]
pub struct Limiter {
    limit: usize,
    reserve: usize,
    /// When each leaves the window, in that order.
    ends: VecDeque<Moment>,
    /// Requests that are about to leave.
    claimed: usize,
}

/// The second of those that are claimed: in any later process it lies ahead.
const CLAIMED: i64 = i64::MAX;

/// What may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Anything.
    All,
    /// Only what is urgent: the rest of the window is held for it. Others may go at that moment.
    UrgentOnly(Moment),
    /// Nothing before that moment.
    Full(Moment),
}

impl Limiter {
    /// How far PagerDuty looks back, and a second more: a request is counted when it arrives, not
    /// when it leaves, and may be held up on its way.
    pub const WINDOW: Duration = Duration::from_secs(61);
    /// The most requests a minute that a setting may ask for: PagerDuty's highest limit (accounts
    /// with AIOps, on request). Bounds the memory of the window (8 octets each).
    pub const REQUESTS_PER_MINUTE_MAX: u32 = 10_000;
    /// One request in so many is held for urgent events, so that a storm of warnings cannot make a
    /// critical one wait for the window to move on.
    pub const RESERVED_ONE_IN: usize = 10;

    /// A limiter of that many requests in each [`Self::WINDOW`], at least one.
    #[must_use]
    pub fn new(requests_per_minute: u32) -> Self {
        let mut limiter = Self::unlimited();
        limiter.set_limit(requests_per_minute);
        limiter
    }

    /// One that lets everything through, for a lane whose settings are not known.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { limit: usize::MAX, reserve: 0, ends: VecDeque::new(), claimed: 0 }
    }

    /// Another limit; the window stays.
    pub fn set_limit(&mut self, requests_per_minute: u32) {
        let clamped = requests_per_minute.clamp(1, Self::REQUESTS_PER_MINUTE_MAX);
        self.limit = usize::try_from(clamped).unwrap_or(1);
        self.reserve = self.limit / Self::RESERVED_ONE_IN;
    }

    /// What may be claimed at `now`.
    pub fn admission(&mut self, now: Moment) -> Admission {
        if self.limit == usize::MAX {
            return Admission::All;
        }
        while self.ends.front().is_some_and(|&it| it <= now) {
            self.ends.pop_front();
        }
        let taken = self.ends.len().saturating_add(self.claimed);
        let common = self.limit - self.reserve;
        if taken < common {
            return Admission::All;
        }
        if taken < self.limit {
            return Admission::UrgentOnly(self.free_at(taken - common, now));
        }
        Admission::Full(self.free_at(taken - self.limit, now))
    }

    /// Counts a request that is about to leave.
    pub const fn claim(&mut self) {
        self.claimed += 1;
    }

    /// A claimed request is not going to leave.
    pub const fn unclaim(&mut self) {
        self.claimed = self.claimed.saturating_sub(1);
    }

    /// A claimed request leaves at `now`.
    pub fn sent(&mut self, now: Moment) {
        self.unclaim();
        if self.limit == usize::MAX {
            return;
        }
        if Self::KEPT_MAX <= self.ends.len() {
            self.ends.pop_front();
        }
        self.ends.push_back(now + Self::WINDOW);
    }

    /// More is never within a window.
    const KEPT_MAX: usize = 10_000;

    /// What is to be kept over a restart: how many left in which second since 1970, and how many are
    /// claimed: these may leave until the very end of the process, and count from the start of the next.
    #[must_use]
    pub fn seconds(&self, now: Now) -> Vec<(i64, u32)> {
        let mut seconds: BTreeMap<i64, u32> = BTreeMap::new();
        for end in self.ends.iter().filter(|it| now.moment < **it) {
            let age = Self::WINDOW.saturating_sub(end.since(now.moment));
            let age = i64::try_from(age.as_millis()).unwrap_or(0);
            *seconds.entry(now.unix.0.saturating_sub(age).div_euclid(1_000)).or_default() += 1;
        }
        if 0 < self.claimed && self.limit != usize::MAX {
            let claimed = u32::try_from(self.claimed).unwrap_or(u32::MAX);
            seconds.insert(CLAIMED, claimed);
        }
        seconds.into_iter().collect()
    }

    /// Takes over what an earlier process sent. A second counts from its end; one that lies ahead (the
    /// clock was set back) counts as now.
    pub fn restore(&mut self, seconds: &[(i64, u32)], now: Now) {
        for &(second, count) in seconds {
            let end_of_second = UnixMillis(second.saturating_add(1).saturating_mul(1_000));
            let age = now.unix.0.saturating_sub(end_of_second.0).max(0);
            let left = Self::WINDOW.saturating_sub(Duration::from_millis(u64::try_from(age).unwrap_or(0)));
            if !left.is_zero() {
                let count = usize::try_from(count).unwrap_or(usize::MAX).min(Self::KEPT_MAX);
                self.ends.extend(std::iter::repeat_n(now.moment + left, count));
            }
        }
        self.ends.make_contiguous().sort_unstable();
    }

    /// When the request at that place leaves the window. One that is claimed has not left yet: some
    /// time from now.
    fn free_at(&self, place: usize, now: Moment) -> Moment {
        self.ends.get(place).map_or(now + Self::WINDOW, |&it| it)
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Limiter};
    use crate::model::{Moment, Now, UnixMillis};
    use proptest::prelude::*;
    use std::time::Duration;

    fn at(seconds: u64) -> Moment {
        Moment::after_zero(Duration::from_secs(seconds))
    }

    fn send(limiter: &mut Limiter, now: Moment) {
        limiter.claim();
        limiter.sent(now);
    }

    #[test]
    fn a_restart_does_not_empty_the_window() {
        let now = |seconds: u64, unix: i64| Now { moment: at(seconds), unix: UnixMillis(unix * 1_000) };
        let mut before = Limiter::new(10);
        for second in [0, 30, 30, 59] {
            send(&mut before, at(second));
        }
        before.claim();
        let kept = before.seconds(now(60, 1_000));
        assert_eq!(kept, [(940, 1), (970, 2), (999, 1), (super::CLAIMED, 1)]);
        let mut after = Limiter::new(5);
        after.restore(&kept, now(0, 1_000));
        assert_eq!(
            after.admission(at(0)),
            Admission::Full(at(2)),
            "the first had a second left, and one for doubt"
        );
        let mut long_after = Limiter::new(5);
        long_after.restore(&kept, now(0, 9_000));
        assert_eq!(long_after.seconds(now(0, 9_000)), [(9_000, 1)], "the claimed one alone");
        let mut set_back = Limiter::new(5);
        set_back.restore(&kept, now(0, 10));
        assert_eq!(set_back.admission(at(0)), Admission::Full(at(61)));
    }

    #[test]
    fn claims_count_and_can_be_given_back() {
        let mut limiter = Limiter::new(2);
        limiter.claim();
        limiter.claim();
        assert!(matches!(limiter.admission(at(0)), Admission::Full(_)));
        limiter.unclaim();
        assert_eq!(limiter.admission(at(0)), Admission::All);
        limiter.sent(at(0));
        send(&mut limiter, at(1));
        assert_eq!(limiter.admission(at(1)), Admission::Full(at(61)));
    }

    #[test]
    fn holds_a_tenth_for_what_is_urgent() {
        let mut limiter = Limiter::new(10);
        for second in 0..9 {
            assert_eq!(limiter.admission(at(second)), Admission::All);
            send(&mut limiter, at(second));
        }
        assert_eq!(limiter.admission(at(9)), Admission::UrgentOnly(at(61)));
        send(&mut limiter, at(9));
        assert_eq!(limiter.admission(at(10)), Admission::Full(at(61)));
        assert_eq!(limiter.admission(at(60)), Admission::Full(at(61)));
        assert_eq!(limiter.admission(at(61)), Admission::UrgentOnly(at(62)));
        assert_eq!(limiter.admission(at(62)), Admission::All);
    }

    #[test]
    fn limits_are_clamped() {
        let mut one = Limiter::new(0);
        assert_eq!(one.admission(at(0)), Admission::All);
        send(&mut one, at(0));
        assert_eq!(one.admission(at(1)), Admission::Full(at(61)));
        assert_eq!(Limiter::new(u32::MAX).limit, 10_000);
    }

    proptest! {
        /// No window of 60 s, wherever it begins, holds more than the limit, however it is asked.
        #[test]
        fn no_window_exceeds_the_limit(limit in 1_u32..40, gaps in prop::collection::vec(0_u64..9_000, 1..400)) {
            let mut limiter = Limiter::new(limit);
            let mut now = Moment::ZERO;
            let mut sent: Vec<Moment> = Vec::new();
            for (turn, gap) in gaps.into_iter().enumerate() {
                now = now + Duration::from_millis(gap);
                let admitted = match limiter.admission(now) {
                    Admission::All => true,
                    Admission::UrgentOnly(until) => { prop_assert!(now < until); turn % 2 == 0 }
                    Admission::Full(until) => { prop_assert!(now < until); false }
                };
                if admitted {
                    send(&mut limiter, now);
                    sent.push(now);
                }
            }
            for &first in &sent {
                let within = sent.iter().filter(|&&it| first <= it && it < first + Duration::from_secs(60));
                prop_assert!(within.count() <= usize::try_from(limit).unwrap());
            }
        }
    }
}
