//! When a request is repeated, and when it is given up (RFC 6298, as far as it fits).
//!
//! Pure. An agent whose usual answer time is known is asked again soon after that time has passed, not only
//! after the whole time-out: under loss a poll then ends in a fraction of a second, and more of them end
//! well. The time until a request is given up stays what the settings say: the time-out, once and for each
//! retry. Invariants: at most twice `retries + 1` datagrams a request, one when `retries` is 0; never
//! sooner than [`RoundTrip::REPEAT_MIN`]; an answer to a repeated request measures nothing (Karn's rule).

use crate::model::Moment;
use std::time::Duration;

/// How long a device is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For one answer.
    pub timeout: Duration,
    /// And so often again.
    pub retries: u32,
}

/// One request, until it is answered or given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exchange {
    first_sent: Moment,
    last_sent: Moment,
    sends: u32,
}

/// An agent's usual answer time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoundTrip {
    /// In microseconds; 0: not known.
    smoothed: u32,
    /// In microseconds.
    variation: u32,
    /// Doublings after repeats that nothing measured came of.
    backoff: u8,
}

/// Requests a second to one agent, as a leaky bucket (the GCRA's theoretical arrival time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    ahead_until: Moment,
}

impl Pace {
    /// So many requests may come at once: a poll of most devices takes fewer.
    const BURST: u32 = 16;

    /// When the next request may be sent, if one every `gap` is allowed in the long run.
    #[must_use]
    pub fn earliest(self, gap: Duration) -> Moment {
        self.ahead_until - gap * (Self::BURST - 1)
    }

    /// A request is sent.
    pub fn on_sent(&mut self, gap: Duration, now: Moment) {
        self.ahead_until = self.ahead_until.max(now) + gap;
    }
}

impl Exchange {
    /// Not sent yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { first_sent: Moment::ZERO, last_sent: Moment::ZERO, sends: 0 }
    }

    /// It is sent, or sent again.
    pub const fn on_sent(&mut self, now: Moment) {
        if self.sends == 0 {
            self.first_sent = now;
        }
        self.last_sent = now;
        self.sends = self.sends.saturating_add(1);
    }

    /// Whether it was sent more than once.
    #[must_use]
    pub const fn is_repeated(&self) -> bool {
        1 < self.sends
    }

    /// When it is to be repeated or given up, as [`Self::is_over`] tells.
    #[must_use]
    pub fn deadline(&self, patience: Patience, usual: RoundTrip) -> Moment {
        let end = self.end(patience);
        if self.sends < Self::sends_max(patience, usual) {
            end.min(self.last_sent + Self::gap(patience, usual))
        } else {
            end
        }
    }

    /// Whether it is given up, rather than repeated.
    #[must_use]
    pub fn is_over(&self, patience: Patience, usual: RoundTrip, now: Moment) -> bool {
        self.end(patience) <= now || Self::sends_max(patience, usual) <= self.sends
    }

    fn end(&self, patience: Patience) -> Moment {
        self.first_sent + patience.timeout * patience.retries.saturating_add(1)
    }

    fn sends_max(patience: Patience, usual: RoundTrip) -> u32 {
        let whole = patience.retries.saturating_add(1);
        if usual.repeat_after(patience).is_some() { whole.saturating_mul(2) } else { whole }
    }

    fn gap(patience: Patience, usual: RoundTrip) -> Duration {
        usual.repeat_after(patience).unwrap_or(patience.timeout)
    }
}

impl RoundTrip {
    /// An agent's processor may be busy with its own display for so long.
    pub const REPEAT_MIN: Duration = Duration::from_millis(100);
    const BACKOFF_MAX: u8 = 6;

    /// The smoothed answer time, if it is known.
    #[must_use]
    pub fn smoothed(&self) -> Option<Duration> {
        self.is_known().then(|| Duration::from_micros(self.smoothed.into()))
    }

    const fn is_known(self) -> bool {
        self.smoothed != 0
    }

    /// After how long without an answer one is overdue; `None` where that cannot be told before the
    /// time-out.
    fn repeat_after(self, patience: Patience) -> Option<Duration> {
        let half = patience.timeout / 2;
        let micros = u64::from(self.smoothed) + 4 * u64::from(self.variation);
        let usual = Duration::from_micros(micros).max(Self::REPEAT_MIN);
        let can_tell = self.is_known() && patience.retries != 0 && usual <= half;
        can_tell.then(|| (usual * (1 << self.backoff)).min(half))
    }

    /// The request was answered.
    pub fn on_answer(&mut self, exchange: &Exchange, now: Moment) {
        if exchange.is_repeated() {
            return;
        }
        let took = u32::try_from(now.since(exchange.first_sent).as_micros()).unwrap_or(u32::MAX).max(1);
        if self.is_known() {
            self.variation = self.variation - self.variation / 4 + took.abs_diff(self.smoothed) / 4;
            self.smoothed = (self.smoothed - self.smoothed / 8 + took / 8).max(1);
        } else {
            self.smoothed = took;
            self.variation = took / 2;
        }
        self.backoff = 0;
    }

    /// The request was not answered in time: longer patience, until an answer is measured again. So an agent
    /// that has become slower is measured anew.
    pub const fn on_overdue(&mut self) {
        if self.backoff < Self::BACKOFF_MAX {
            self.backoff += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn patience(retries: u32) -> Patience {
        Patience { timeout: 1000 * MS, retries }
    }

    fn known(took: Duration) -> RoundTrip {
        let mut usual = RoundTrip::default();
        for _ in 0..20 {
            let mut exchange = Exchange::new();
            exchange.on_sent(Moment::ZERO);
            usual.on_answer(&exchange, Moment::ZERO + took);
        }
        usual
    }

    /// When an agent that does not answer is sent to, and when it is given up, in milliseconds.
    fn silence(patience: Patience, mut usual: RoundTrip) -> (Vec<u128>, u128) {
        let mut exchange = Exchange::new();
        let mut now = Moment::ZERO;
        let mut sends = Vec::new();
        loop {
            exchange.on_sent(now);
            sends.push(now.since(Moment::ZERO).as_millis());
            now = exchange.deadline(patience, usual);
            if exchange.is_over(patience, usual, now) {
                return (sends, now.since(Moment::ZERO).as_millis());
            }
            usual.on_overdue();
        }
    }

    #[test]
    fn schedules() {
        let cases = [
            ("nothing is known of the agent", 2, RoundTrip::default(), vec![0, 1000, 2000], 3000),
            ("a quick agent", 1, known(MS), vec![0, 100, 300, 700], 2000),
            (
                "a quick agent, three retries",
                3,
                known(MS),
                vec![0, 100, 300, 700, 1200, 1700, 2200, 2700],
                4000,
            ),
            ("a slow agent", 1, known(400 * MS), vec![0, 402, 902, 1402], 2000),
            ("no retries", 0, known(MS), vec![0], 1000),
        ];
        for (name, retries, usual, sends, end) in cases {
            let (was_sent, ended) = silence(patience(retries), usual);
            assert!(
                was_sent.iter().zip(&sends).all(|(a, b)| a.abs_diff(*b) < 30)
                    && was_sent.len() == sends.len(),
                "{name}: {was_sent:?}"
            );
            assert_eq!(ended, end, "{name}");
        }
    }

    #[test]
    fn a_burst_then_the_rate() {
        let gap = 10 * MS;
        let mut pace = Pace::default();
        let mut now = Moment::ZERO + 5000 * MS;
        for _ in 0..116 {
            now = now.max(pace.earliest(gap));
            pace.on_sent(gap, now);
        }
        assert_eq!(now, Moment::ZERO + 6000 * MS, "16 at once, then 100 in a second");
    }

    #[test]
    fn an_agent_that_becomes_slow_is_measured_again() {
        let mut usual = known(MS);
        let mut repeats = 0;
        for _ in 0..30 {
            let mut exchange = Exchange::new();
            let mut now = Moment::ZERO;
            exchange.on_sent(now);
            while exchange.deadline(patience(2), usual) < Moment::ZERO + 450 * MS {
                now = exchange.deadline(patience(2), usual);
                usual.on_overdue();
                exchange.on_sent(now);
                repeats += 1;
            }
            usual.on_answer(&exchange, Moment::ZERO + 450 * MS);
        }
        assert!(repeats < 12, "{repeats} repeats");
        assert!(300 * MS < usual.smoothed().unwrap());
    }
}
