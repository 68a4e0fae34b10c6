//! A rate limit for log lines, one for each place that logs: a fault that repeats a thousand times a second
//! neither fills a disk nor hides what else is said.
//!
//! Lines that are left out are counted, and every [`REPORT_EVERY`] a line says how many and from where. The
//! table has an entry for each place in the program that has logged, so it cannot grow beyond those.

use super::counter;
use crate::model::{Moment, SystemClock};
use prometheus::IntCounter;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;
use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines that one place may log at once: a room that goes dark is still named device by device.
const BURST: u32 = 200;
/// One more of them this often: 20 a second.
const REFILL: Duration = Duration::from_millis(50);
/// How often it is said what was left out.
pub const REPORT_EVERY: Duration = Duration::from_secs(10);

static SUPPRESSED: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "rackwarden_log_lines_suppressed_total",
        "Log lines that were left out because their place in the program logged too many.",
    )
});

static PLACES: LazyLock<Mutex<HashMap<Identifier, Place>>> = LazyLock::new(Mutex::default);

/// Makes the counter, so that it stands in /metrics from the start.
pub fn init() {
    LazyLock::force(&SUPPRESSED);
}

/// What one place has logged.
#[derive(Debug)]
struct Place {
    metadata: &'static Metadata<'static>,
    bucket: Bucket,
    suppressed: u64,
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
    left: u32,
    since: Moment,
}

impl Bucket {
    const fn full(now: Moment) -> Self {
        Self { left: BURST, since: now }
    }

    /// Takes a line, if there is one to take.
    fn take(&mut self, now: Moment) -> bool {
        let passed = now.since(self.since).as_nanos() / REFILL.as_nanos();
        let refilled = u32::try_from(passed).unwrap_or(u32::MAX);
        if BURST <= self.left.saturating_add(refilled) {
            *self = Self::full(now);
        } else if 0 < refilled {
            self.left += refilled;
            self.since = self.since + REFILL.saturating_mul(refilled);
        }
        let is_left = 0 < self.left;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

/// The limit, for a subscriber.
#[derive(Debug)]
pub struct LogLimit {
    clock: SystemClock,
}

impl LogLimit {
    /// By that clock.
    #[must_use]
    pub const fn new(clock: SystemClock) -> Self {
        Self { clock }
    }
}

impl<S: Subscriber> Layer<S> for LogLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let (metadata, now) = (event.metadata(), self.clock.moment());
        let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(metadata.callsite()).or_insert_with(|| Place {
            metadata,
            bucket: Bucket::full(now),
            suppressed: 0,
        });
        let is_logged = place.bucket.take(now);
        if !is_logged {
            place.suppressed += 1;
            SUPPRESSED.inc();
        }
        is_logged
    }
}

/// Says what was left out since the last time.
pub fn report() {
    let mut left_out = Vec::new();
    for place in PLACES.lock().unwrap_or_else(PoisonError::into_inner).values_mut() {
        let lines = std::mem::take(&mut place.suppressed);
        if lines != 0 {
            let at = format!(
                "{}:{}",
                place.metadata.file().unwrap_or_else(|| place.metadata.target()),
                place.metadata.line().unwrap_or_default()
            );
            left_out.push((at, *place.metadata.level(), lines));
        }
    }
    // The table is free again: this is a line like others.
    for (place, level, lines) in left_out {
        tracing::warn!(place, %level, lines, "log lines were left out: their place logged too many");
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, Bucket, LogLimit, REFILL};
    use crate::model::{Moment, SystemClock};
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::full(Moment::ZERO);
        let mut taken = |at: Moment, tries: u32| (0..tries).filter(|_| bucket.take(at)).count();
        assert_eq!(taken(Moment::ZERO, 2 * BURST), BURST as usize);
        assert_eq!(taken(Moment::ZERO + REFILL / 2, 5), 0);
        assert_eq!(taken(Moment::ZERO + REFILL, 5), 1);
        assert_eq!(taken(Moment::ZERO + REFILL * 4, 5), 3);
        assert_eq!(taken(Moment::NEVER, 2 * BURST), BURST as usize, "never more than the burst");
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_place_that_floods_does_not_silence_another() {
        let written = Written::default();
        let to = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || to.clone())
            .with_ansi(false)
            .finish()
            .with(LogLimit::new(SystemClock::new()));
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..10_000 {
                tracing::warn!(number, "flood");
            }
            tracing::warn!("something else");
            super::report();
        });
        let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let floods = log.lines().filter(|it| it.contains("flood")).count();
        assert!((BURST as usize..BURST as usize + 1000).contains(&floods), "{floods}");
        assert!(log.contains("something else"), "{log}");
        let report = log.lines().find(|it| it.contains("left out")).unwrap();
        assert!(report.contains("src/telemetry/log.rs:") && report.contains("level=WARN"), "{report}");
        assert!(report.contains(&format!("lines={}", 10_000 - floods)), "{report}");
    }
}
