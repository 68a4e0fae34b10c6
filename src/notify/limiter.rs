//! Keeps to a receiver's rate limit: at most so many requests in any window that looks back.
//!
//! PagerDuty counts "approximately 120 calls a minute for an integration key, over a 60 second window
//! looking back". `governor` (GCRA, as every token bucket) lets a full burst and the refill of the
//! same minute through, 240 requests in the first 60 s at 120 a minute; with its burst plus its
//! refill held under 120 it would send half as much for ever after. So the window is kept as it is
//! counted: the moments of the last requests, at most `limit` of them.
//!
//! After a restart the window is empty: what the process before it sent is unknown, and a 429 says so.

use crate::model::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// A window over the last requests toward one routing key.
#[derive(Debug, Clone)]
pub struct Limiter {
    limit: usize,
    reserve: usize,
    sent: VecDeque<Moment>,
}

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
        let clamped = requests_per_minute.clamp(1, Self::REQUESTS_PER_MINUTE_MAX);
        let limit = usize::try_from(clamped).unwrap_or(1);
        Self { limit, reserve: limit / Self::RESERVED_ONE_IN, sent: VecDeque::new() }
    }

    /// What may be sent at `now`.
    pub fn admission(&mut self, now: Moment) -> Admission {
        while self.sent.front().is_some_and(|&it| it + Self::WINDOW <= now) {
            self.sent.pop_front();
        }
        let common = self.limit - self.reserve;
        if self.sent.len() < common {
            return Admission::All;
        }
        if self.sent.len() < self.limit {
            return Admission::UrgentOnly(self.free_at(self.sent.len() - common));
        }
        Admission::Full(self.free_at(0))
    }

    /// Counts a request that leaves at `now`.
    pub fn record(&mut self, now: Moment) {
        if self.limit <= self.sent.len() {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// When the request at that place leaves the window.
    fn free_at(&self, place: usize) -> Moment {
        self.sent.get(place).map_or(Moment::ZERO, |&it| it + Self::WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Limiter};
    use crate::model::Moment;
    use proptest::prelude::*;
    use std::time::Duration;

    fn at(seconds: u64) -> Moment {
        Moment::after_zero(Duration::from_secs(seconds))
    }

    #[test]
    fn holds_a_tenth_for_what_is_urgent() {
        let mut limiter = Limiter::new(10);
        for second in 0..9 {
            assert_eq!(limiter.admission(at(second)), Admission::All);
            limiter.record(at(second));
        }
        assert_eq!(limiter.admission(at(9)), Admission::UrgentOnly(at(61)));
        limiter.record(at(9));
        assert_eq!(limiter.admission(at(10)), Admission::Full(at(61)));
        assert_eq!(limiter.admission(at(60)), Admission::Full(at(61)));
        assert_eq!(limiter.admission(at(61)), Admission::UrgentOnly(at(62)));
        assert_eq!(limiter.admission(at(62)), Admission::All);
    }

    #[test]
    fn limits_are_clamped() {
        let mut one = Limiter::new(0);
        assert_eq!(one.admission(at(0)), Admission::All);
        one.record(at(0));
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
                    limiter.record(now);
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
