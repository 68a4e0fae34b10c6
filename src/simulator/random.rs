//! Repeatable randomness: a small generator, and smooth noise that is a function of seed and time.
//!
//! Not for secrets.

/// splitmix64 (Steele, Lea and Flood 2014): one 64-bit state, any seed is good.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// From 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        share(self.next())
    }

    /// True with that probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        1.0 <= probability || (0.0 < probability && self.unit() < probability)
    }

    /// From 0 to `bound - 1`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    /// One of them; `None` of none.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// Evenly from `low` to `high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
}

/// A number from -1 to 1 that wanders smoothly with `time` (in periods) and depends on nothing but its
/// arguments: three octaves of value noise, so it looks like a bounded random walk from near and far.
pub(super) fn wander(seed: u64, time: f64) -> f64 {
    let octave = |number: u64, rate: f64, weight: f64| {
        weight * lattice(seed.wrapping_add(number.wrapping_mul(GAMMA)), time * rate)
    };
    (octave(1, 1.0, 4.0) + octave(2, 2.9, 2.0) + octave(3, 8.3, 1.0)) / 7.0
}

/// Random numbers at whole times, and a smooth step between them.
fn lattice(seed: u64, time: f64) -> f64 {
    let whole = time.floor();
    let part = time - whole;
    let at = |whole: f64| share(mix(seed ^ mix(whole.to_bits()))) * 2.0 - 1.0;
    let blend = part * part * (3.0 - 2.0 * part);
    at(whole) * (1.0 - blend) + at(whole + 1.0) * blend
}

/// A seed for part `number` of what has this seed.
pub(super) const fn derive(seed: u64, number: u64) -> u64 {
    mix(seed ^ mix(number.wrapping_add(GAMMA)))
}

const fn mix(state: u64) -> u64 {
    let mut mixed = state;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// The upper 32 bits as a share of their range, from 0 to 1.
fn share(bits: u64) -> f64 {
    f64::from(u32::try_from(bits >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::{Random, wander};

    #[test]
    fn repeats_and_spreads() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..1000).map(|_| random.unit()).collect::<Vec<f64>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let mean = draw(7).iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        let mut random = Random::new(1);
        assert!(!random.chance(0.0) && random.chance(1.0));
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn wanders_smoothly_within_bounds() {
        let mut last = wander(3, 0.0);
        let (mut low, mut high) = (last, last);
        for step in 1..20_000 {
            let now = wander(3, f64::from(step) * 0.01);
            assert!((-1.0..=1.0).contains(&now));
            assert!((now - last).abs() < 0.1, "{last} to {now}");
            (low, high, last) = (low.min(now), high.max(now), now);
        }
        assert!(low < -0.5 && 0.5 < high, "{low} {high}");
    }
}
