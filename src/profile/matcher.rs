//! Chooses the profile that fits a device.

use super::definition::Match;
use crate::model::Oid;
use std::cmp::Reverse;

/// What every agent says of itself (SNMPv2-MIB::system).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SystemGroup {
    /// SNMPv2-MIB::sysObjectID.0; empty where the agent has none.
    pub sys_object_id: Oid,
    /// SNMPv2-MIB::sysDescr.0.
    pub sys_descr: String,
    /// SNMPv2-MIB::sysName.0.
    pub sys_name: String,
    /// SNMPv2-MIB::sysUpTime.0, in hundredths of a second.
    pub sys_uptime_ticks: Option<u32>,
}

/// The names of the profiles that may fit, best first: by the length of the sysObjectID subtree, then by
/// priority, then those that ask for more, then by name. Those without a sysObjectID come last.
pub(super) fn candidates<'a>(
    matches: impl Iterator<Item = (&'a str, &'a Match)>,
    system: &SystemGroup,
) -> Vec<&'a str> {
    let descr = system.sys_descr.to_lowercase();
    let mut found: Vec<_> = matches
        .filter_map(|(name, matching)| {
            let arcs = length(matching, system, &descr)?;
            let asks = usize::from(!matching.sys_descr.is_empty()) + usize::from(!matching.probes.is_empty());
            Some((Reverse(arcs), Reverse(matching.priority), Reverse(asks), name))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, _, _, name)| name).collect()
}

/// How much of the sysObjectID matches; 0 where the profile does not ask for it; `None`: no match.
fn length(matching: &Match, system: &SystemGroup, descr: &str) -> Option<usize> {
    if !matching.sys_descr.is_empty() && !matching.sys_descr.iter().any(|it| descr.contains(it)) {
        return None;
    }
    if matching.sys_object_id.is_empty() {
        return Some(0);
    }
    let subtrees = matching.sys_object_id.iter().filter(|it| system.sys_object_id.starts_with(it));
    subtrees.map(|it| it.arcs().len()).max()
}
