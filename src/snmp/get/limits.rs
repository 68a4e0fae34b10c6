//! How large requests to one agent may become: what is known of it, kept from job to job.
//!
//! Pure. Cells and octets are counted apart: agents that count octets bear many short cells and few long ones.

use crate::snmp::size::RequestSize;

/// How large a request may become: what is known of the agent, kept from job to job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetLimits {
    /// Cells in one GET.
    pub cells: RequestSize,
    /// What a value takes in an answer beyond the two octets of the request's NULL, in sixteenths of an
    /// octet: the average of the agent's last answers.
    pub(super) value_sixteenths: u32,
    /// Octets of varbinds in one answer, by what the cells are expected to take. Agents count octets: some cells
    /// fit where as many others do not.
    pub octets: RequestSize,
    /// The most of them in an answer that came whole.
    octets_whole: u32,
    /// How often an answer was too long although one of as many cells came.
    contradictions: u8,
}

impl GetLimits {
    /// RFC 3416 section 2.3 lets an agent stop at 484 octets; what stands in racks takes a full
    /// Ethernet frame (1500, less IPv4's and UDP's 28 octets). Fragments are the first thing that
    /// filters drop.
    pub const ANSWER_OCTETS_MAX: u32 = 1472;
    /// Message head, community and PDU head of an answer, with some room.
    const HEAD_OCTETS: u32 = 48;
    /// What SNMPv3 puts around that: global data, security parameters with engine ID, user and digest, scoped
    /// PDU and padding (RFC 3412 section 6, RFC 3414 section 2.4), all at their usual longest.
    const USM_OCTETS: u32 = 172;
    /// So much of it is the variable bindings'.
    pub const VARBINDS_OCTETS_MAX: u32 = Self::ANSWER_OCTETS_MAX - Self::HEAD_OCTETS;
    /// As many cells as a full frame holds with the shortest vendor OIDs.
    pub const CELLS_MAX: u32 = 128;
    /// So often it may be garbage.
    const CONTRADICTIONS_MAX: u8 = 3;
    /// Most values are integers of one or two octets.
    pub(super) const VALUE_SIXTEENTHS: u32 = 2 * 16;

    /// An agent of which nothing is known but that it is asked for `cells_max` cells at most.
    #[must_use]
    pub fn new(cells_max: usize) -> Self {
        let most = u32::try_from(cells_max).unwrap_or(u32::MAX).clamp(1, Self::CELLS_MAX);
        Self {
            cells: RequestSize::new(most, most),
            value_sixteenths: Self::VALUE_SIXTEENTHS,
            octets: RequestSize::new(Self::VARBINDS_OCTETS_MAX, Self::VARBINDS_OCTETS_MAX),
            octets_whole: 0,
            contradictions: 0,
        }
    }

    /// The same agent, spoken to by SNMPv3.
    #[must_use]
    pub fn within_usm(self) -> Self {
        Self { octets: self.octets.at_most(Self::VARBINDS_OCTETS_MAX - Self::USM_OCTETS), ..self }
    }

    /// Firmware changes and paths heal: what failed may be tried again.
    pub const fn forget(&mut self) {
        self.cells.forget();
        self.octets.forget();
        (self.octets_whole, self.contradictions) = (0, 0);
    }

    /// An answer to so many cells, expected to have so many octets, came whole. `is_full`: another cell would have
    /// been one too many for its octets.
    pub(super) fn on_whole(&mut self, cells: u32, octets: u32, is_full: bool) {
        self.cells.on_whole(cells);
        self.octets_whole = self.octets_whole.max(octets);
        self.octets.on_whole(if is_full { octets.max(self.octets.asked()) } else { octets });
    }

    /// Whether as many cells came in one answer, and one that was as long: then a cell is at fault, and not the length.
    pub(super) const fn bore(&self, cells: u32, octets: u32) -> bool {
        cells <= self.cells.whole() && octets <= self.octets_whole
    }

    /// An answer to so many cells was too long; `next` of them are tried now.
    pub(super) fn on_too_long(&mut self, cells: u32, octets: u32, next: u32) {
        // Where far longer answers came, the length is not at fault.
        let is_long = self.octets_whole - self.octets_whole / 4 < octets;
        if self.cells.whole() < cells || !is_long {
            self.cells.on_doubted(cells, next);
            return;
        }
        let whole = self.octets_whole.min(octets.saturating_sub(1));
        if self.contradictions < Self::CONTRADICTIONS_MAX {
            self.contradictions += 1;
            self.octets.on_doubted(octets, whole);
        } else {
            // A longer one that came clears a doubt, again and again: it is none.
            self.octets.on_failed(octets, whole);
        }
    }

    /// The same agent, asked for `cells_max` cells at most.
    #[must_use]
    pub fn at_most(self, cells_max: usize) -> Self {
        let most = u32::try_from(cells_max).unwrap_or(u32::MAX).clamp(1, Self::CELLS_MAX);
        Self { cells: self.cells.at_most(most), ..self }
    }

    /// How many octets of varbinds an answer is expected to have, for a request with so many.
    pub(super) const fn answer_octets(self, request_octets: u32, cells: u32) -> u32 {
        request_octets.saturating_add(cells.saturating_mul(self.value_sixteenths) / 16)
    }

    /// What an answer turned out to have. Rises at once, falls slowly: values grow back.
    pub(super) fn measure(&mut self, request_octets: usize, answer_octets: usize, cells: usize) {
        let excess = u32::try_from(answer_octets.saturating_sub(request_octets)).unwrap_or(u32::MAX);
        let cells = u32::try_from(cells).unwrap_or(u32::MAX).max(1);
        let seen = (excess.saturating_mul(16) / cells).min(16 * Self::ANSWER_OCTETS_MAX);
        let fallen = self.value_sixteenths.saturating_sub((self.value_sixteenths / 64).max(1));
        self.value_sixteenths = seen.max(fallen);
    }
}

impl Default for GetLimits {
    fn default() -> Self {
        Self::new(Self::CELLS_MAX as usize)
    }
}
