//! How many addresses of a network are taken, counted from a list of addresses and ranges: for sources
//! that list them but do not count. Pure. As NetBox counts: within one VRF, each address once, and ranges
//! that lie in the network whole.

use super::capacity::Ipv4Net;
use std::collections::BTreeMap;

/// The taken addresses by VRF.
#[derive(Debug, Default)]
pub struct Occupancy {
    by_vrf: BTreeMap<Option<u64>, Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Sorted, each once, after [`Occupancy::settle`].
    addresses: Vec<u32>,
    /// First and last address; sorted after [`Occupancy::settle`].
    ranges: Vec<(u32, u32)>,
}

impl Occupancy {
    /// An address is taken.
    pub fn address(&mut self, vrf: Option<u64>, address: u32) {
        self.by_vrf.entry(vrf).or_default().addresses.push(address);
    }

    /// All from the first to the last address count as taken.
    pub fn range(&mut self, vrf: Option<u64>, first: u32, last: u32) {
        if first <= last {
            self.by_vrf.entry(vrf).or_default().ranges.push((first, last));
        }
    }

    /// Sorts what was added. To be called before [`Self::used`].
    pub fn settle(&mut self) {
        for taken in self.by_vrf.values_mut() {
            taken.addresses.sort_unstable();
            taken.addresses.dedup();
            taken.ranges.sort_unstable();
        }
    }

    /// How many addresses of that network are taken.
    #[must_use]
    pub fn used(&self, vrf: Option<u64>, net: Ipv4Net) -> u64 {
        let Some(taken) = self.by_vrf.get(&vrf) else { return 0 };
        let (first, last) = net.bounds();
        let start = taken.ranges.partition_point(|range| range.0 < first);
        let within = taken.ranges.iter().skip(start).take_while(|range| range.0 <= last);
        let mut used = 0;
        // What is counted up to now; `None`: nothing yet.
        let mut next: Option<u64> = Some(u64::from(first));
        for &(begin, end) in within.filter(|range| range.1 <= last) {
            let from = u64::from(begin).max(next.unwrap_or(0));
            let to = u64::from(end) + 1;
            if from < to {
                // Addresses between the last range and this one.
                used += count(&taken.addresses, next.unwrap_or(0), from) + (to - from);
                next = Some(to);
            }
        }
        used + count(&taken.addresses, next.unwrap_or(0), u64::from(last) + 1)
    }
}

/// How many of the sorted addresses lie from `from` to before `to`.
fn count(addresses: &[u32], from: u64, to: u64) -> u64 {
    let place = |bound: u64| addresses.partition_point(|it| u64::from(*it) < bound);
    u64::try_from(place(to).saturating_sub(place(from))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Occupancy;
    use crate::inventory::capacity::Ipv4Net;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn counts_within_a_vrf() {
        let mut taken = Occupancy::default();
        let net = |text: &str| Ipv4Net::parse(text).unwrap();
        let address = |text: &str| u32::from(text.parse::<std::net::Ipv4Addr>().unwrap());
        for it in ["10.0.0.1", "10.0.0.1", "10.0.0.9", "10.0.1.1"] {
            taken.address(None, address(it));
        }
        taken.address(Some(7), address("10.0.0.2"));
        taken.range(None, address("10.0.0.5"), address("10.0.0.14"));
        taken.range(None, address("10.0.0.250"), address("10.0.1.5"));
        taken.settle();
        assert_eq!(taken.used(None, net("10.0.0.0/24")), 11, "1 and ten of the range that lies in it");
        assert_eq!(taken.used(None, net("10.0.0.0/16")), 23);
        assert_eq!(taken.used(Some(7), net("10.0.0.0/24")), 1);
        assert_eq!(taken.used(Some(8), net("10.0.0.0/24")), 0);
        let mut all = Occupancy::default();
        all.range(None, 0, u32::MAX);
        all.address(None, u32::MAX);
        all.settle();
        assert_eq!(all.used(None, net("0.0.0.0/0")), 1 << 32);
    }

    proptest! {
        #[test]
        fn as_a_set_counts(
            addresses in prop::collection::vec(0_u32..300, 0..40),
            ranges in prop::collection::vec((0_u32..300, 0_u32..60), 0..8),
            base in 0_u32..8, bits in 24_u8..=32,
        ) {
            let net = Ipv4Net::new((base * 32).into(), bits).unwrap();
            let (first, last) = net.bounds();
            let mut taken = Occupancy::default();
            let mut set: BTreeSet<u32> = addresses.iter().copied().filter(|it| (first..=last).contains(it)).collect();
            addresses.iter().for_each(|it| taken.address(None, *it));
            for (begin, length) in ranges {
                taken.range(None, begin, begin + length);
                if first <= begin && begin + length <= last {
                    set.extend(begin..=begin + length);
                }
            }
            taken.settle();
            prop_assert_eq!(taken.used(None, net), set.len() as u64);
        }
    }
}
