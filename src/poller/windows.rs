//! How many requests may wait for their answers at a time, and who is next in line.
//!
//! Pure. The living, the dead and those that are being learnt have windows of their own, so that silence
//! and first contacts never delay a poll. A queue's entries carry a ticket: one that is out of date is void,
//! so nobody is searched for in a queue.

use std::collections::VecDeque;

/// Whose request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A known device, whose last polls went well.
    Living,
    /// A device whose last polls failed.
    Dead,
    /// A device that is being learnt.
    Learning,
}

/// How many requests each class may have in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSizes {
    /// To devices that are known and live.
    pub living: usize,
    /// To devices whose last polls failed.
    pub dead: usize,
    /// To devices that are being learnt.
    pub learning: usize,
}

impl WindowSizes {
    /// What the kernel charges a socket's buffer for an answer that fills a frame (skb truesize).
    const ANSWER_OCTETS: usize = 2304;

    /// As many as a receive buffer of so many octets (as the kernel reports it) holds when all answers come
    /// at once, and no more than the defaults.
    #[must_use]
    pub fn for_receive_buffer(octets: usize) -> Self {
        let all = octets / Self::ANSWER_OCTETS;
        let most = Self::default();
        // The dead send nothing, as a rule.
        Self {
            living: (all / 2).clamp(16, most.living),
            learning: (all / 4).clamp(8, most.learning),
            dead: (all / 4).clamp(8, most.dead),
        }
    }
}

impl Default for WindowSizes {
    fn default() -> Self {
        Self { living: 512, dead: 256, learning: 256 }
    }
}

#[derive(Debug, Default)]
struct Window {
    in_flight: usize,
    most: usize,
    due: VecDeque<(u32, u32)>,
}

/// The windows of one shard.
#[derive(Debug, Default)]
pub(super) struct Windows {
    living: Window,
    dead: Window,
    learning: Window,
    /// Scratch of who is admitted.
    pub(super) admitted: Vec<(u32, Class)>,
}

impl Windows {
    pub(super) fn new(sizes: WindowSizes) -> Self {
        let window = |most| Window { most, ..Window::default() };
        Self {
            living: window(sizes.living),
            dead: window(sizes.dead),
            learning: window(sizes.learning),
            admitted: Vec::new(),
        }
    }

    pub(super) fn enqueue(&mut self, class: Class, slot: u32, ticket: u32) {
        self.of(class).due.push_back((slot, ticket));
    }

    /// Takes those next in line whose tickets hold, as far as there is room; each counts as in flight.
    pub(super) fn admit(&mut self, admitted: &mut Vec<(u32, Class)>, holds: impl Fn(u32, u32) -> bool) {
        for class in [Class::Living, Class::Dead, Class::Learning] {
            let window = self.of(class);
            while window.in_flight < window.most
                && let Some((slot, ticket)) = window.due.pop_front()
            {
                if holds(slot, ticket) {
                    window.in_flight += 1;
                    admitted.push((slot, class));
                }
            }
        }
    }

    pub(super) fn leave(&mut self, class: Class) {
        let window = self.of(class);
        window.in_flight = window.in_flight.saturating_sub(1);
    }

    pub(super) const fn in_flight(&self) -> usize {
        self.living.in_flight + self.dead.in_flight + self.learning.in_flight
    }

    const fn of(&mut self, class: Class) -> &mut Window {
        match class {
            Class::Living => &mut self.living,
            Class::Dead => &mut self.dead,
            Class::Learning => &mut self.learning,
        }
    }
}
