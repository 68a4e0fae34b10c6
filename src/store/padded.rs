//! Texts that something follows, so that they can be copied in steps of a fixed size.

/// A text within a longer one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Padded<'a> {
    within: &'a [u8],
    start: usize,
    length: usize,
}

/// Octets of a step: two moves of a processor without extensions.
pub(crate) const STEP: usize = 32;

impl<'a> Padded<'a> {
    /// A text that is nothing.
    pub(crate) const NONE: Self = Self { within: &[], start: 0, length: 0 };

    /// `length` octets from `start` on, which are there.
    #[inline]
    pub(crate) fn new(within: &'a [u8], start: usize, length: usize) -> Self {
        Self { within, start, length }
    }

    /// Its octets.
    #[inline]
    pub(crate) fn octets(self) -> &'a [u8] {
        self.within.get(self.start..self.start + self.length).unwrap_or_default()
    }

    /// How many they are.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.length
    }

    /// [`STEP`] octets from that one on, those after its end included; `None` where what it stands in ends
    /// before.
    #[inline]
    pub(crate) fn step(self, from: usize) -> Option<&'a [u8; STEP]> {
        self.within.get(self.start + from..)?.first_chunk()
    }
}
