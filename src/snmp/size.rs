//! How much one agent bears in one request: found by asking, grown and shrunk, remembered.
//!
//! Pure. One [`RequestSize`] for the cells of a GET and one for the repetitions of a GETBULK. A size that
//! failed (tooBig, a short answer, silence where smaller ones were answered) is not asked again until
//! [`RequestSize::forget`]; below it the size creeps up by halving the gap. What a single datagram says is
//! doubted first: garbage looks like tooBig now and then. So a size is asked once more as soon as a smaller
//! one was answered, unless a smaller one failed as well. Invariants: `asked() <= most`, and below the least
//! that failed; so an agent is made to fail at a size twice at most.

use crate::model::RequestBound;

/// The size of requests to one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestSize {
    current: u16,
    /// No more than this, whatever the agent bears: the profile's limit, or what fills a frame.
    most: u16,
    /// The least that failed; 0: none has.
    failed: u16,
    /// The least that failed once, by the word of one datagram; 0: none. Below `failed`, if both are.
    doubted: u16,
    /// The largest that was answered whole.
    whole: u16,
    /// Whole answers at the current size in a row.
    streak: u8,
    /// Times that the size was made smaller, for people.
    shrunk: u8,
}

impl RequestSize {
    /// So many whole answers in a row, then a larger request is tried.
    const GROW_AFTER: u8 = 3;

    /// Begins at `start`, and never asks more than `most`.
    #[must_use]
    pub fn new(start: u32, most: u32) -> Self {
        let most = u16::try_from(most).unwrap_or(u16::MAX);
        let current = u16::try_from(start).unwrap_or(u16::MAX).min(most);
        Self { current, most, failed: 0, doubted: 0, whole: 0, streak: 0, shrunk: 0 }
    }

    /// What to ask for at a time.
    #[must_use]
    pub const fn asked(&self) -> u32 {
        self.current as u32
    }

    /// The largest that was answered whole; 0 before any.
    #[must_use]
    pub const fn whole(&self) -> u32 {
        self.whole as u32
    }

    /// The least that is known to fail, if any.
    #[must_use]
    pub const fn failed(&self) -> Option<u32> {
        if self.failed == 0 { None } else { Some(self.failed as u32) }
    }

    /// What is asked for and what failed, for people.
    #[must_use]
    pub fn bound(&self) -> RequestBound {
        RequestBound { asked: self.asked(), failed: self.failed() }
    }

    /// The same agent under another limit: what was found holds as far as the limit allows.
    #[must_use]
    pub fn at_most(self, most: u32) -> Self {
        let most = u16::try_from(most).unwrap_or(u16::MAX);
        Self { most, current: self.current.min(most), ..self }
    }

    /// A request for so many was answered whole.
    pub fn on_whole(&mut self, size: u32) {
        let size = u16::try_from(size).unwrap_or(u16::MAX);
        self.whole = self.whole.max(size);
        if self.doubted <= size {
            self.doubted = 0;
        }
        if size < self.current {
            return;
        }
        if self.doubted != 0 {
            self.current = self.doubted.min(self.most);
            return;
        }
        let ceiling = if self.failed == 0 { self.most } else { self.most.min(self.failed - 1) };
        if ceiling <= self.current {
            return;
        }
        self.streak += 1;
        if Self::GROW_AFTER <= self.streak {
            self.streak = 0;
            let larger = if self.failed == 0 {
                self.current.saturating_mul(2)
            } else {
                self.current.midpoint(ceiling)
            };
            self.current = larger.max(self.current + 1).min(ceiling);
        }
    }

    /// A request for so many failed by the word of one datagram, and `next` is what to try now. Whether
    /// that is less.
    pub fn on_doubted(&mut self, size: u32, next: u32) -> bool {
        let size = u16::try_from(size).unwrap_or(u16::MAX);
        if self.failed != 0 && self.failed <= size {
            // That is known.
        } else if self.doubted == 0 {
            self.doubted = size;
        } else if size != 0 {
            // An agent that cannot bear the smaller one cannot bear the larger one.
            self.set_failed(self.doubted.max(size));
            self.doubted = if self.doubted == size { 0 } else { self.doubted.min(size) };
        }
        self.shrink(size, next)
    }

    /// A request for so many failed beyond doubt, and `next` is what to try now. Whether that is less.
    pub fn on_failed(&mut self, size: u32, next: u32) -> bool {
        let size = u16::try_from(size).unwrap_or(u16::MAX);
        if 0 < size {
            self.set_failed(size);
            if size <= self.doubted {
                self.doubted = 0;
            }
        }
        self.shrink(size, next)
    }

    fn set_failed(&mut self, size: u16) {
        if self.failed == 0 || size < self.failed {
            self.failed = size;
        }
        self.whole = self.whole.min(self.failed - 1);
    }

    fn shrink(&mut self, size: u16, next: u32) -> bool {
        let next = u16::try_from(next).unwrap_or(u16::MAX).min(size.saturating_sub(1));
        let less = next < self.current;
        if less {
            self.current = next;
            self.shrunk = self.shrunk.saturating_add(1);
        }
        self.streak = 0;
        less
    }

    /// Firmware changes and paths heal: sizes that failed may be tried again, from what works on.
    pub const fn forget(&mut self) {
        self.failed = 0;
        self.doubted = 0;
        self.streak = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Asks an agent that bears `bears` so many times; sizes asked.
    fn ask(size: &mut RequestSize, bears: u32, times: usize) -> Vec<u32> {
        (0..times)
            .map(|_| {
                let asked = size.asked();
                if asked <= bears {
                    size.on_whole(asked);
                } else {
                    size.on_failed(asked, asked / 2);
                }
                asked
            })
            .collect()
    }

    #[test]
    fn shrinks_at_once_and_creeps_up_to_what_the_agent_bears() {
        let mut size = RequestSize::new(64, 64);
        let asked = ask(&mut size, 20, 60);
        assert_eq!(asked[..3], [64, 32, 16]);
        assert_eq!(size.asked(), 20);
        assert_eq!(
            asked.iter().filter(|it| 20 < **it).count(),
            4,
            "64, 32, and two trials between 16 and 32"
        );
        assert_eq!(ask(&mut size, 20, 500), [20; 500], "what failed is not asked again");
    }

    #[test]
    fn grows_from_a_small_start_to_the_limit() {
        let mut size = RequestSize::new(10, 64);
        ask(&mut size, 1000, 12);
        assert_eq!(size.asked(), 64);
        assert_eq!(size.at_most(8).asked(), 8);
    }

    #[test]
    fn a_new_firmware_is_found_after_forgetting() {
        let mut size = RequestSize::new(64, 64);
        ask(&mut size, 5, 60);
        assert_eq!((size.asked(), size.failed()), (5, Some(6)));
        size.forget();
        ask(&mut size, 64, 30);
        assert_eq!(size.asked(), 64);
    }

    #[test]
    fn one_datagram_is_not_believed() {
        let mut size = RequestSize::new(64, 64);
        size.on_doubted(64, 32);
        assert_eq!((size.asked(), size.failed()), (32, None));
        size.on_whole(32);
        assert_eq!(size.asked(), 64, "asked once more");
        size.on_whole(64);
        assert_eq!((size.asked(), size.whole(), size.failed()), (64, 64, None));
        // An agent that means it.
        for (asked, next) in [(64, 32), (32, 16)] {
            size.on_doubted(asked, next);
        }
        assert_eq!((size.asked(), size.failed()), (16, Some(64)), "what is beyond the doubted has failed");
        size.on_whole(16);
        size.on_doubted(32, 16);
        assert_eq!((size.asked(), size.failed()), (16, Some(32)));
        size.on_whole(16);
        assert_eq!(size.asked(), 16, "no doubt is left");
    }

    #[test]
    fn getnext_is_below_the_smallest_getbulk() {
        let mut size = RequestSize::new(4, 25);
        assert!(size.on_failed(4, 0) && size.asked() == 0);
        assert!(!size.on_failed(0, 0), "there is no less");
    }

    proptest! {
        #[test]
        fn never_beyond_what_failed(events in prop::collection::vec((0u32..4, 0u32..80), 0..200)) {
            let mut size = RequestSize::new(32, 64);
            for (kind, next) in events {
                let asked = size.asked();
                match kind {
                    0 => size.on_whole(asked),
                    1 => { size.on_failed(asked, next); }
                    2 => { size.on_doubted(asked, next); }
                    _ => size.on_whole(next.min(asked)),
                }
                prop_assert!(size.asked() <= 64);
                prop_assert!(size.failed().is_none_or(|failed| size.asked() < failed));
            }
        }
    }
}
