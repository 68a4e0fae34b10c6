//! Numbers that change with time: a function of time alone, so that tests and demos repeat.

use super::random::wander;
use std::f64::consts::TAU;
use std::time::Duration;

/// How a number behaves over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// Always the same.
    Constant(f64),
    /// Wanders between `low` and `high`, about once up and down in two periods.
    Drift {
        /// Never below.
        low: f64,
        /// Never above.
        high: f64,
        /// How long a swing takes.
        period: Duration,
        /// Which walk it is.
        seed: u64,
    },
    /// A sine wave around `center`.
    Sine {
        /// Its middle.
        center: f64,
        /// How far it goes to either side.
        amplitude: f64,
        /// How long one wave takes.
        period: Duration,
    },
    /// One number until `at`, another from then on.
    Step {
        /// Until then.
        before: f64,
        /// From then on.
        after: f64,
        /// When.
        at: Duration,
    },
    /// Counts up evenly.
    Counter {
        /// Where it starts.
        start: f64,
        /// How fast it counts, in one second.
        per_second: f64,
    },
}

impl Signal {
    /// The number at that time since the agent was started.
    #[must_use]
    pub fn at(&self, time: Duration) -> f64 {
        match *self {
            Self::Constant(value) => value,
            Self::Drift { low, high, period, seed } => {
                let share = (wander(seed, periods(time, period)) + 1.0) / 2.0;
                (low + (high - low) * share).clamp(low.min(high), high.max(low))
            }
            Self::Sine { center, amplitude, period } => {
                center + amplitude * (TAU * periods(time, period)).sin()
            }
            Self::Step { before, after, at } => {
                if time < at {
                    before
                } else {
                    after
                }
            }
            Self::Counter { start, per_second } => start + per_second * time.as_secs_f64(),
        }
    }
}

/// How many periods have passed; a period of zero counts as a second.
fn periods(time: Duration, period: Duration) -> f64 {
    let seconds = if period.is_zero() { 1.0 } else { period.as_secs_f64() };
    time.as_secs_f64() / seconds
}

#[cfg(test)]
mod tests {
    use super::Signal;
    use std::time::Duration;

    #[track_caller]
    fn check(signal: &Signal, cases: &[(u64, f64)]) {
        for &(second, expected) in cases {
            let found = signal.at(Duration::from_secs(second));
            assert!((found - expected).abs() < 1e-9, "at {second} s: {found}, not {expected}");
        }
    }

    #[test]
    fn signals_are_functions_of_time() {
        check(&Signal::Constant(5.0), &[(0, 5.0), (9, 5.0)]);
        let at = Duration::from_secs(3);
        check(&Signal::Step { before: 1.0, after: 2.0, at }, &[(2, 1.0), (3, 2.0)]);
        check(&Signal::Counter { start: 10.0, per_second: 0.5 }, &[(0, 10.0), (4, 12.0)]);
        let period = Duration::from_secs(40);
        check(&Signal::Sine { center: 7.0, amplitude: 2.0, period }, &[(0, 7.0), (10, 9.0), (30, 5.0)]);
    }

    #[test]
    fn drift_keeps_its_bounds_and_repeats() {
        let drift = Signal::Drift { low: 11.0, high: 13.0, period: Duration::from_secs(60), seed: 4 };
        let draw = || (0..5000).map(|it| drift.at(Duration::from_secs(it))).collect::<Vec<f64>>();
        assert!(draw().iter().all(|it| (11.0..=13.0).contains(it)));
        assert_eq!(draw(), draw());
        assert!(draw().iter().any(|it| *it < 11.6) && draw().iter().any(|it| 12.4 < *it));
    }
}
