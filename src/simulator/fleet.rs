//! Addresses for many agents, and many clones of one agent for load tests: they share their rows, so a
//! clone costs some 500 octets.

use super::agent::AgentSpec;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Addresses from `first` on to the end of 127.0.0.0/8, all with its port; those that end in 0 or 255
/// are left out. Agents on one port are served through one socket ([`super::Simulator::start`]).
pub fn addresses(first: SocketAddrV4) -> impl Iterator<Item = SocketAddr> {
    let last = u32::from(Ipv4Addr::new(127, 255, 255, 254));
    (u32::from(*first.ip())..=last)
        .filter(|it| !matches!(it & 0xff, 0 | 0xff))
        .map(move |it| SocketAddr::from((Ipv4Addr::from(it), first.port())))
}

/// `count` clones of an agent, on [`addresses`] from `first` on.
#[must_use]
pub fn fleet(agent: &AgentSpec, count: usize, first: SocketAddrV4) -> Vec<(SocketAddr, AgentSpec)> {
    addresses(first).take(count).map(|address| (address, agent.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::fleet;
    use crate::simulator::{AgentSpec, Recording};
    use std::collections::BTreeSet;

    #[test]
    fn clones_have_addresses_of_their_own_on_loopback() {
        let recording = Recording::parse("1.3.6.1|2|1").unwrap();
        let agent = AgentSpec::from_recording(&recording, "public");
        let agents = fleet(&agent, 65_536, "127.0.0.1:16100".parse().unwrap());
        let addresses: BTreeSet<_> = agents.iter().map(|(address, _)| *address).collect();
        assert_eq!(addresses.len(), 65_536);
        assert_eq!(agents[0].0.to_string(), "127.0.0.1:16100");
        assert_eq!(agents[254].0.to_string(), "127.0.1.1:16100");
        assert!(addresses.iter().all(|it| it.ip().is_loopback()));
        assert_eq!(fleet(&agent, 9, "127.255.255.253:1".parse().unwrap()).len(), 2, "the end of loopback");
    }
}
