//! The devices' part of /metrics in the Prometheus text format 0.0.4, by a writer of our own.
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
mod number;
mod scrape;

pub(super) use scrape::{Scrape, ScrapeBody};

use crate::model::Now;
use crate::store::{Published, Series, Standing};
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
}

#[derive(Debug)]
struct Device {
    published: Arc<Published>,
    standing: Standing,
}

impl Exposition {
    /// A scrape of that snapshot, at that time.
    #[must_use]
    pub fn new(snapshot: Vec<Arc<Published>>, now: Now) -> Self {
        let devices =
            snapshot.into_iter().map(|it| Device { standing: it.standing(now), published: it }).collect();
        Self { devices, family: 0, device: 0, headed: false, series: 0 }
    }

    /// Appends lines until `out` holds at least `enough` octets or all is written. Whether more is left.
    pub fn write(&mut self, out: &mut Vec<u8>, enough: usize) -> bool {
        while let Some(family) = FAMILIES.get(self.family) {
            while let Some(device) = self.devices.get(self.device) {
                if enough <= out.len() {
                    return true;
                }
                self.device += 1;
                let start = out.len();
                if !self.headed {
                    family.push_head(out);
                }
                let written = family.push_lines(out, device);
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
}
