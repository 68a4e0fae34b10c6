//! So many a second, and no more.

use crate::model::Moment;

/// Counts in whole seconds: at worst twice the limit passes within one second that straddles two.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    second: u64,
    count: u32,
}

impl Window {
    /// Whether one more may pass.
    pub(super) const fn admit(&mut self, now: Moment, limit: u32) -> bool {
        let second = now.nanoseconds() / 1_000_000_000;
        if second != self.second {
            self.second = second;
            self.count = 0;
        }
        let admitted = self.count < limit;
        self.count = self.count.saturating_add(1);
        admitted
    }
}
