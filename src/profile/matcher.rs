//! Chooses the profile that fits a device.

use super::Profile;
use super::definition::Match;
use crate::model::Oid;
use std::cmp::Reverse;
use std::sync::Arc;

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

/// The profiles that may fit, best first: by the length of the sysObjectID subtree, then by priority,
/// then those that ask for more, then by name. Those without a sysObjectID come last. One with
/// [`Profile::probes`] fits only if the agent has an instance below any of them: the caller asks.
pub(super) fn candidates<'a>(
    profiles: impl Iterator<Item = &'a Arc<Profile>>,
    system: &SystemGroup,
) -> Vec<Arc<Profile>> {
    let descr = system.sys_descr.to_lowercase();
    let mut found: Vec<(_, &Arc<Profile>)> = profiles
        .filter_map(|profile| {
            let matching = profile.matching.as_ref()?;
            let arcs = length(matching, system, &descr)?;
            let asks = usize::from(!matching.sys_descr.is_empty()) + usize::from(!matching.probes.is_empty());
            Some(((Reverse(arcs), Reverse(matching.priority), Reverse(asks), &profile.name), profile))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.into_iter().map(|(_, profile)| Arc::clone(profile)).collect()
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
