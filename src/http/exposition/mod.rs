//! The devices' part of /metrics, in the Prometheus text format 0.0.4 or in OpenMetrics 1.0, by a writer of our own.
//!
//! Sketch at 100,000 series: a line is five short copies and one number, 50 to 100 ns; so 10 ms for all,
//! 60 ms for 600,000. Texts come ready from [`crate::store`]; nothing is allocated per line. The bench
//! `exposition` measures it.
//!
//! Invariants: a family is contiguous, with one HELP and TYPE; a series stands once; a device's values
//! all come from one poll, because the whole scrape reads one snapshot; what is missing, stale or of a
//! failed poll is absent, never zero. The writer stops and goes on between devices, so that a scrape needs
//! one chunk of memory, not 90 MB.

mod families;
mod format;
mod lines;
mod number;
mod own;
mod registry;
mod scrape;

pub use format::Format;
pub(super) use own::AlertCounts;
pub(super) use scrape::{Scrape, ScrapeBody, Wanted};

use crate::model::{Batch, Now, Quantity};
use crate::store::{Published, Rating, Series, Standing};
use families::FAMILIES;
use std::sync::Arc;

/// One scrape of all devices: a snapshot, and how far it has been written.
#[derive(Debug)]
pub struct Exposition {
    devices: Vec<Device>,
    /// Places in [`FAMILIES`] and `devices`: where to go on.
    family: usize,
    device: usize,
    /// Whether the family at hand has its HELP and TYPE yet: those without series have none.
    headed: bool,
    series: u64,
    now: Now,
    format: Format,
}

/// Sixteen octets, in a row: most devices have nothing for most families, and finding that out through
/// four pointers each time would cost as much as writing the lines.
#[derive(Debug)]
struct Device {
    published: Arc<Published>,
    standing: Standing,
    /// Whether it is an inventory, and of that the last good snapshot counts in place of the last one.
    is_inventory: bool,
    shows_last_good: bool,
    has: Has,
}

/// What a device has to show: a bit a quantity with current readings, and one a rating.
#[derive(Debug, Clone, Copy)]
struct Has(u32);

impl Has {
    fn of(series: &Series, is_current: bool) -> Self {
        let mut bits = 0;
        for it in Rating::ALL.into_iter().filter(|it| series.is_rated(*it)) {
            bits |= Self::bit_of(it);
        }
        if is_current {
            for it in Quantity::ALL.into_iter().filter(|it| !series.of(*it).is_empty()) {
                bits |= 1 << it as u32;
            }
        }
        Self(bits)
    }

    fn quantity(self, quantity: Quantity) -> bool {
        self.0 & (1 << quantity as u32) != 0
    }

    fn rating(self, rating: Rating) -> bool {
        self.0 & Self::bit_of(rating) != 0
    }

    const fn bit_of(rating: Rating) -> u32 {
        1 << (Quantity::ALL.len() + rating as usize)
    }
}

impl Exposition {
    /// A scrape of that snapshot, at that time.
    #[must_use]
    pub fn new(snapshot: Vec<Arc<Published>>, now: Now) -> Self {
        let device = |published: Arc<Published>| {
            // Texts are made for the last batch: another shape of an earlier one would not fit them.
            let current =
                published.current(now).filter(|it| Arc::ptr_eq(&it.shape, &published.batch().shape));
            let shows_last_good = current.is_some_and(|it| !std::ptr::eq(it, published.batch()));
            let has = Has::of(published.series(), current.is_some());
            let (standing, is_inventory) = (published.standing(now), published.is_inventory());
            Device { published, standing, is_inventory, shows_last_good, has }
        };
        let devices = snapshot.into_iter().map(device).collect();
        Self { devices, family: 0, device: 0, headed: false, series: 0, now, format: Format::Text }
    }

    /// The same in that format.
    #[must_use]
    pub fn in_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// Appends lines until `out` holds at least `enough` octets or all is written. Whether more is left.
    pub fn write(&mut self, out: &mut Vec<u8>, enough: usize) -> bool {
        while let Some(family) = FAMILIES.get(self.family) {
            while let Some(device) = self.devices.get(self.device) {
                if enough <= out.len() {
                    return true;
                }
                self.device += 1;
                if !family.concerns(device) {
                    continue;
                }
                let start = out.len();
                if !self.headed {
                    family.push_head(out, self.format);
                }
                let written = family.push_lines(out, device, self.now);
                if written == 0 {
                    out.truncate(start);
                } else {
                    self.headed = true;
                    self.series += written;
                }
            }
            self.family += 1;
            self.device = 0;
            self.headed = false;
        }
        false
    }

    /// How many series have been written.
    #[must_use]
    pub fn series(&self) -> u64 {
        self.series
    }
}

impl Device {
    fn series(&self) -> &Series {
        self.published.series()
    }

    /// The batch whose values are shown.
    fn shown(&self) -> &Batch {
        match self.published.last_good() {
            Some(good) if self.shows_last_good => good,
            _ => self.published.batch(),
        }
    }
}
