//! Whether a service's telemetry reports still change: one that has stopped is not believed. Pure.

use crate::model::Moment;
use std::time::Duration;

/// A report whose values are of the same time for so long, and three intervals, has stopped.
const STALE: Duration = Duration::from_secs(180);

/// The newest time of the reports' values, and when it was first seen.
#[derive(Debug, Default)]
pub struct ReportWatch {
    newest: String,
    since: Moment,
}

impl ReportWatch {
    /// Takes the newest time that this poll's reports had; empty where there was none. Whether they have stopped.
    pub fn has_stopped(&mut self, newest: &str, now: Moment, interval: Duration) -> bool {
        if newest != self.newest {
            newest.clone_into(&mut self.newest);
            self.since = now;
        }
        !newest.is_empty() && STALE.max(3 * interval) <= now.since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::ReportWatch;
    use crate::model::Moment;
    use std::time::Duration;

    #[test]
    fn a_report_that_stands_still_has_stopped() {
        let mut watch = ReportWatch::default();
        let mut at = |seconds: u64, newest: &str| {
            let now = Moment::ZERO + Duration::from_secs(1_000 + seconds);
            watch.has_stopped(newest, now, Duration::from_secs(60))
        };
        assert!(!at(0, "12:00:00"));
        assert!(!at(60, "12:01:00"));
        assert!(!at(180, "12:01:00"), "two minutes old");
        assert!(at(240, "12:01:00"), "three minutes old");
        assert!(!at(300, "12:05:00"), "it goes on");
        assert!(!at(900, ""), "there is no report any more");
    }
}
