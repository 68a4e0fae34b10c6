//! How many addresses of an IPv4 subnet can be used.
//!
//! The rule, where the source does not say it itself (Device42 has no figure for it):
//!
//! * a /31 has two usable addresses (RFC 3021), a /32 one;
//! * any other subnet has 2^(32 - prefix length) - 2; the network address counts too if the source allows
//!   it to be used, and so does the broadcast address;
//! * where the source limits the subnet to a range that lies in it, only usable addresses from its
//!   beginning to its end count;
//! * IPv6 subnets have no capacity that anybody could fill: theirs is not defined.

use std::net::Ipv4Addr;

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Net {
    /// Its first address.
    pub network: u32,
    /// Its prefix length, 0 to 32.
    pub prefix_length: u8,
}

impl Ipv4Net {
    /// The network that holds that address, with that many leading bits. `None` over 32 bits.
    #[must_use]
    pub fn new(address: Ipv4Addr, prefix_length: u8) -> Option<Self> {
        if 32 < prefix_length {
            return None;
        }
        let network = u32::from(address) & mask(prefix_length);
        Some(Self { network, prefix_length })
    }

    /// Reads `10.0.0.0/24`; host bits are dropped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.trim().split_once('/')?;
        Self::new(address.trim().parse().ok()?, bits.trim().parse().ok()?)
    }

    /// How many addresses it has, usable or not.
    #[must_use]
    pub const fn size(self) -> u64 {
        1 << (32 - self.prefix_length)
    }

    /// Its first and last address.
    #[must_use]
    pub const fn bounds(self) -> (u32, u32) {
        (self.network, self.network | !mask(self.prefix_length))
    }
}

impl std::fmt::Display for Ipv4Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.network), self.prefix_length)
    }
}

const fn mask(prefix_length: u8) -> u32 {
    if prefix_length == 0 { 0 } else { u32::MAX << (32 - prefix_length) }
}

/// What decides over a subnet's capacity beside its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usable {
    /// Whether the network address may be used.
    pub network_address: bool,
    /// Whether the broadcast address may be used.
    pub broadcast_address: bool,
    /// The range that the source limits the subnet to.
    pub range: Option<(Ipv4Addr, Ipv4Addr)>,
}

/// How many addresses can be used: see the rule above.
#[must_use]
pub fn capacity(net: Ipv4Net, usable: Usable) -> u64 {
    let (mut first, mut last) = net.bounds();
    if net.prefix_length < 31 {
        // A net of four addresses or more: neither end meets the other.
        first += u32::from(!usable.network_address);
        last -= u32::from(!usable.broadcast_address);
    }
    let range = usable.range.map(|(begin, end)| (u32::from(begin), u32::from(end)));
    // A range outside of the net, or the wrong way round, says nothing.
    if let Some((begin, end)) = range.filter(|(begin, end)| begin <= end && first <= *end && *begin <= last) {
        (first, last) = (first.max(begin), last.min(end));
    }
    u64::from(last - first) + 1
}

#[cfg(test)]
mod tests {
    use super::{Ipv4Net, Usable, capacity};

    fn of(net: &str, network: bool, broadcast: bool, range: Option<(&str, &str)>) -> u64 {
        let range = range.map(|(begin, end)| (begin.parse().unwrap(), end.parse().unwrap()));
        let usable = Usable { network_address: network, broadcast_address: broadcast, range };
        capacity(Ipv4Net::parse(net).unwrap(), usable)
    }

    #[test]
    fn the_rule() {
        assert_eq!(of("10.0.0.0/24", false, false, None), 254);
        assert_eq!(of("10.0.0.0/24", true, false, None), 255);
        assert_eq!(of("10.0.0.0/24", true, true, None), 256);
        assert_eq!(of("10.0.0.0/30", false, false, None), 2);
        assert_eq!(of("10.0.0.0/31", false, false, None), 2);
        assert_eq!(of("10.0.0.7/32", false, false, None), 1);
        assert_eq!(of("0.0.0.0/0", false, false, None), 4_294_967_294);
        assert_eq!(of("0.0.0.0/0", true, true, None), 4_294_967_296);
        assert_eq!(of("10.0.0.0/24", false, false, Some(("10.0.0.10", "10.0.0.19"))), 10);
        assert_eq!(of("10.0.0.0/24", false, false, Some(("10.0.0.0", "10.0.0.255"))), 254);
        assert_eq!(of("10.0.0.0/24", false, false, Some(("10.0.0.1", "10.0.0.254"))), 254);
        assert_eq!(of("10.0.0.0/24", false, false, Some(("10.0.0.250", "10.0.1.5"))), 5);
        assert_eq!(of("10.0.0.0/24", false, false, Some(("10.0.0.19", "10.0.0.10"))), 254, "wrong way round");
        assert_eq!(of("10.0.0.0/24", false, false, Some(("192.0.2.1", "192.0.2.9"))), 254, "elsewhere");
    }

    #[test]
    fn networks() {
        assert_eq!(Ipv4Net::parse("10.1.2.3/16").unwrap().to_string(), "10.1.0.0/16");
        for wrong in ["10.0.0.0", "10.0.0.0/33", "2001:db8::/32", "10.0.0/24", "", "10.0.0.0/-1"] {
            assert_eq!(Ipv4Net::parse(wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_capacity_is_larger_than_its_net(address: u32, bits in 0_u8..=32, begin: u32, end: u32, a: bool, b: bool) {
            let net = Ipv4Net::new(address.into(), bits).unwrap();
            let usable = Usable { network_address: a, broadcast_address: b, range: Some((begin.into(), end.into())) };
            let found = capacity(net, usable);
            proptest::prop_assert!(0 < found && found <= net.size());
        }
    }
}
