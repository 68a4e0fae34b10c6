//! What is kept of one source between snapshots: the last good one's shape, how old it is, and how often
//! it failed since. Makes the batches.
//!
//! Invariants: a failed snapshot changes neither shape nor age's origin; all its samples are missing but
//! for the age; while nothing but numbers change, source and shape stay the same `Arc`s.

use super::failure::Failure;
use super::limits::{RETRY_AFTER_MAX, RETRY_FIRST, RETRY_LONGEST};
use super::snapshot::{Snapshot, Warnings, empty_shape};
use crate::model::{Batch, Effort, Missing, Now, Quantity, Sample, Shape, Source, UnixMillis};
use std::sync::Arc;
use std::time::Duration;

/// One source between snapshots.
#[derive(Debug)]
pub struct Keeper {
    source: Arc<Source>,
    shape: Arc<Shape>,
    good: Option<Good>,
    failures: u32,
    warnings: Warnings,
}

/// When the last good snapshot was taken, by both clocks.
#[derive(Debug, Clone, Copy)]
struct Good {
    at: Now,
    /// When the source says that its data was taken.
    taken_at: Option<UnixMillis>,
}

impl Keeper {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(source: Source) -> Self {
        let shape = Arc::new(empty_shape(&source.device));
        Self { source: Arc::new(source), shape, good: None, failures: 0, warnings: Warnings::default() }
    }

    /// The source.
    #[must_use]
    pub const fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Failed snapshots in a row.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// What was odd in the last good snapshot.
    #[must_use]
    pub const fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// A snapshot was taken.
    pub fn taken(&mut self, snapshot: &Snapshot, at: Now, duration: Duration) -> Batch {
        self.failures = 0;
        self.warnings = snapshot.warnings.clone();
        self.good = Some(Good { at, taken_at: snapshot.taken_at });
        let (shape, samples) = snapshot.shape(&self.source.device, self.age(at));
        if shape != *self.shape {
            self.shape = Arc::new(shape);
        }
        self.batch(samples, at, duration, None)
    }

    /// A snapshot failed.
    pub fn failed(&mut self, failure: &Failure, at: Now, duration: Duration) -> Batch {
        self.failures = self.failures.saturating_add(1);
        let age = self.age(at);
        let of = |it: &crate::model::ReadingShape| match it.quantity {
            Quantity::Age => age,
            _ => Sample::Missing(Missing::SnapshotFailed),
        };
        let samples = self.shape.readings.iter().map(of).collect();
        self.batch(samples, at, duration, Some(failure))
    }

    /// What the last attempt brought, as of now: for rules that have changed since.
    #[must_use]
    pub fn again(&self, last: &Batch, now: Now) -> Batch {
        let mut samples = last.samples.clone();
        // The age comes first in every shape.
        if let Some(age) = samples.first_mut() {
            *age = self.age(now);
        }
        Batch { time: now, samples, ..last.clone() }
    }

    /// How long to wait after the last attempt. `jitter` from 0 to 1 shortens the pause after a failure
    /// by up to a quarter, so that several sources do not come back together.
    #[must_use]
    pub fn pause(&self, retry_after: Option<Duration>, jitter: f64) -> Duration {
        let interval = self.source.interval;
        if self.failures == 0 {
            return interval;
        }
        let doublings = self.failures.saturating_sub(1).min(DOUBLINGS_MAX);
        let longest = interval.min(RETRY_LONGEST);
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        let pause = RETRY_FIRST.saturating_mul(1 << doublings).min(longest).mul_f64(1.0 - jitter / 4.0);
        pause.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX))
    }

    /// How old the last good snapshot is: by the source's own word where it gives one.
    fn age(&self, now: Now) -> Sample {
        let Some(good) = self.good else { return Sample::Missing(Missing::NotPolled) };
        let since_taken = now.moment.since(good.at.moment);
        let before = good.taken_at.map_or(0, |it| good.at.unix.0.saturating_sub(it.0).max(0));
        let before = Duration::from_millis(u64::try_from(before).unwrap_or(0));
        Sample::Value((since_taken + before).as_secs_f64())
    }

    fn batch(&self, samples: Vec<Sample>, time: Now, duration: Duration, failure: Option<&Failure>) -> Batch {
        Batch {
            source: Arc::clone(&self.source),
            time,
            duration,
            shape: Arc::clone(&self.shape),
            samples,
            effort: Effort::default(),
            error: failure.map(Failure::poll_error),
        }
    }
}

/// Keeps the shift within 32 bits; any pause is at its longest before.
const DOUBLINGS_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::Keeper;
    use crate::inventory::failure::Failure;
    use crate::inventory::object::Object;
    use crate::inventory::snapshot::{Snapshot, Warnings};
    use crate::model::{ComponentKind, Missing, Moment, Now, Sample, SnapshotError, Source, UnixMillis};
    use std::sync::Arc;
    use std::time::Duration;

    fn keeper() -> Keeper {
        Keeper::new(Source { device: "d42".into(), interval: Duration::from_secs(900), ..Source::default() })
    }

    fn at(seconds: u64) -> Now {
        let unix = UnixMillis(1_700_000_000_000 + i64::try_from(seconds).unwrap() * 1000);
        Now { moment: Moment::after_zero(Duration::from_secs(seconds)), unix }
    }

    fn snapshot(used: &[(&str, f64)], taken_at: Option<UnixMillis>) -> Snapshot {
        let object = |(id, used): &(&str, f64)| {
            Object::new(ComponentKind::Subnet, *id, None).addresses(Sample::Value(10.0), Sample::Value(*used))
        };
        Snapshot::new(used.iter().map(object).collect(), taken_at, Warnings::default()).unwrap()
    }

    fn failure() -> Failure {
        Failure::new(SnapshotError::Timeout, "no answer in time")
    }

    #[test]
    fn numbers_alone_change_no_shape() {
        let mut keeper = keeper();
        let first = keeper.taken(&snapshot(&[("1", 2.0), ("2", 3.0)], None), at(0), Duration::ZERO);
        let second = keeper.taken(&snapshot(&[("2", 9.0), ("1", 8.0)], None), at(900), Duration::ZERO);
        assert!(Arc::ptr_eq(&first.shape, &second.shape) && Arc::ptr_eq(&first.source, &second.source));
        assert_ne!(first.samples, second.samples);
        let third = keeper.taken(&snapshot(&[("2", 9.0)], None), at(1800), Duration::ZERO);
        assert!(!Arc::ptr_eq(&second.shape, &third.shape), "an object left");
    }

    #[test]
    fn a_failure_keeps_the_shape_and_grows_the_age() {
        let mut keeper = keeper();
        let before = keeper.failed(&failure(), at(0), Duration::ZERO);
        assert_eq!(*before.samples, [Sample::Missing(Missing::NotPolled)]);
        let good = keeper.taken(&snapshot(&[("1", 2.0)], None), at(100), Duration::ZERO);
        assert_eq!(good.samples[0], Sample::Value(0.0));
        let failed = keeper.failed(&failure(), at(160), Duration::ZERO);
        assert!(Arc::ptr_eq(&good.shape, &failed.shape));
        assert_eq!(failed.samples[0], Sample::Value(60.0));
        assert_eq!(
            failed.samples[1],
            Sample::Missing(Missing::SnapshotFailed),
            "never an old value, never 0"
        );
        assert_eq!(failed.error.as_ref().map(|it| it.class()), Some("timeout"));
        assert_eq!(keeper.failures(), 1);
    }

    #[test]
    fn the_age_is_that_of_the_data() {
        let mut keeper = keeper();
        let taken_at = |seconds: u64| Some(at(seconds).unix);
        let batch = keeper.taken(&snapshot(&[], taken_at(0)), at(500), Duration::ZERO);
        assert_eq!(batch.samples[0], Sample::Value(500.0));
        assert_eq!(keeper.failed(&failure(), at(600), Duration::ZERO).samples[0], Sample::Value(600.0));
        let from_the_future = keeper.taken(&snapshot(&[], taken_at(900)), at(700), Duration::ZERO);
        assert_eq!(from_the_future.samples[0], Sample::Value(0.0));
    }

    #[test]
    fn pauses() {
        let mut keeper = keeper();
        assert_eq!(keeper.pause(None, 0.0), Duration::from_secs(900));
        for (failures, seconds) in [(1, 15), (2, 30), (3, 60), (7, 900), (20, 900)] {
            keeper.failures = failures;
            assert_eq!(keeper.pause(None, 0.0), Duration::from_secs(seconds), "{failures}");
        }
        keeper.failures = 1;
        assert_eq!(keeper.pause(None, 1.0), Duration::from_millis(11_250));
        assert_eq!(keeper.pause(Some(Duration::from_secs(300)), 0.5), Duration::from_secs(300));
        assert_eq!(keeper.pause(Some(Duration::MAX), 0.5), Duration::from_secs(6 * 3600));
        assert_eq!(keeper.pause(None, f64::NAN), Duration::from_secs(15));
    }
}
