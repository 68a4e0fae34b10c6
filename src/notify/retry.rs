//! How long to wait before the next try. Randomness comes in as an argument.

use super::pagerduty::Reason;
use std::time::Duration;

/// The pauses after failures. The defaults are [`Self::DEFAULT`]; tests use shorter ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// After the first failure of the network or the server; doubles with each further one.
    pub first: Duration,
    /// At most so long after a failure of the network or the server: what a recovered link may cost.
    pub longest: Duration,
    /// After the first 429; doubles with each further one.
    pub throttled_first: Duration,
    /// At most so long after a 429 without `Retry-After`.
    pub throttled_longest: Duration,
    /// While a routing key is missing: how soon a file that an operator has just written is seen.
    pub key_missing: Duration,
    /// At most so long, whatever `Retry-After` says: a lying header must not silence pages for days.
    pub asked_longest: Duration,
}

impl RetryPolicy {
    /// PagerDuty's advice for 429 differs by page: "3 times, 30 s apart" and "a few minutes". So 30 s
    /// first and five minutes at most. For failures it gives none: a second first, a minute at most.
    pub const DEFAULT: Self = Self {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
        throttled_first: Duration::from_secs(30),
        throttled_longest: Duration::from_secs(300),
        key_missing: Duration::from_secs(5),
        asked_longest: Duration::from_secs(300),
    };

    /// The pause after the `failures`-th failure in a row (from 1). `jitter` from 0 to 1 shortens a
    /// pause of our own by up to half, and lengthens one that the receiver asked for by up to a tenth,
    /// so that several senders do not come back together.
    #[must_use]
    pub fn pause(&self, reason: Reason, failures: u32, asked: Option<Duration>, jitter: f64) -> Duration {
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        if let Some(asked) = asked {
            return asked.max(self.first).min(self.asked_longest).mul_f64(1.0 + jitter / 10.0);
        }
        let (first, longest) = match reason {
            Reason::KeyMissing => (self.key_missing, self.key_missing),
            Reason::Throttled => (self.throttled_first, self.throttled_longest),
            Reason::KeyRefused | Reason::AccessDenied | Reason::Redirected => (self.longest, self.longest),
            Reason::Accepted
            | Reason::ServerError
            | Reason::RequestTimeout
            | Reason::Unreachable
            | Reason::Tls
            | Reason::Timeout
            | Reason::Interrupted
            | Reason::NotPagerDuty
            | Reason::FieldRefused
            | Reason::Refused
            | Reason::Overflow
            | Reason::Abandoned => (self.first, self.longest),
        };
        let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
        first.saturating_mul(1 << doublings).min(longest).mul_f64(1.0 - jitter / 2.0)
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Keeps the shift within 32 bits; any pause is at its longest before.
const DOUBLINGS_MAX: u32 = 20;

#[cfg(test)]
mod tests {
    use super::RetryPolicy;
    use crate::notify::pagerduty::Reason;
    use std::time::Duration;

    fn check(reason: Reason, failures: u32, asked: Option<u64>, jitter: f64, milliseconds: u64) {
        let pause = RetryPolicy::DEFAULT.pause(reason, failures, asked.map(Duration::from_secs), jitter);
        assert_eq!(pause, Duration::from_millis(milliseconds), "{reason:?} {failures} {asked:?} {jitter}");
    }

    #[test]
    fn pauses() {
        check(Reason::ServerError, 1, None, 0.0, 1_000);
        check(Reason::ServerError, 1, None, 1.0, 500);
        check(Reason::ServerError, 2, None, 0.0, 2_000);
        check(Reason::Unreachable, 6, None, 0.0, 32_000);
        check(Reason::Unreachable, 7, None, 0.0, 60_000);
        check(Reason::Timeout, u32::MAX, None, 0.0, 60_000);
        check(Reason::Throttled, 1, None, 0.0, 30_000);
        check(Reason::Throttled, 1, None, 1.0, 15_000);
        check(Reason::Throttled, 5, None, 0.0, 300_000);
        check(Reason::KeyMissing, 9, None, 0.0, 5_000);
        check(Reason::KeyRefused, 1, None, 0.0, 60_000);
        check(Reason::Throttled, 9, Some(7), 0.0, 7_000);
        check(Reason::Throttled, 9, Some(10), 1.0, 11_000);
        check(Reason::Throttled, 1, Some(0), 0.0, 1_000);
        check(Reason::ServerError, 1, Some(86_400), 0.0, 300_000);
        check(Reason::ServerError, 1, None, f64::NAN, 1_000);
        check(Reason::ServerError, 0, None, -3.0, 1_000);
    }
}
