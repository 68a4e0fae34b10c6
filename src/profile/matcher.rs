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

impl SystemGroup {
    /// What sysDescr says of the model, for agents that say it nowhere else: what follows `MN:`, as APC's cards
    /// have it, or else the first words, before versions and details begin.
    #[must_use]
    pub fn model(&self) -> &str {
        let description = self.sys_descr.as_str();
        if let Some((_, after)) = description.split_once("MN:") {
            return after.trim_start().split([' ', ',', ')']).next().unwrap_or_default();
        }
        let mut end = description.len();
        for stop in ["(", ",", ". ", " - ", ";", "\r", "\n"] {
            end = end.min(description.find(stop).unwrap_or(end));
        }
        let first = description.get(..end).unwrap_or_default().trim();
        if first.len() <= MODEL_LENGTH_MAX { first } else { "" }
    }
}

/// Longer ones are sentences.
const MODEL_LENGTH_MAX: usize = 64;

/// The names of the profiles that may fit, best first: by the length of the sysObjectID subtree, then by
/// priority, then those that ask for more, then by name. After them come those of other products of the same
/// vendor that have probes; those without a sysObjectID come last.
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
    subtrees.map(|it| it.arcs().len()).max().or_else(|| of_vendor(matching, system))
}

/// A product that no profile names may still have the tables of its vendor's others: those that can be put to
/// the test come after all that match.
fn of_vendor(matching: &Match, system: &SystemGroup) -> Option<usize> {
    let vendor = system.sys_object_id.arcs().get(..VENDOR_ARCS)?;
    let is_vendors = |it: &Oid| it.arcs().get(..VENDOR_ARCS) == Some(vendor);
    let fits = !matching.probes.is_empty() && matching.sys_object_id.iter().any(is_vendors);
    fits.then_some(VENDOR_ARCS - 1)
}

/// 1.3.6.1.4.1 and the vendor's number.
const VENDOR_ARCS: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_names_the_model() {
        for (description, model) in [
            (
                "APC Web/SNMP Management Card (MB:v3.9.2 PF:v3.7.3 MN:AP9320 HR:A10 SN: WA0123 MD:2008)",
                "AP9320",
            ),
            ("APC Web/SNMP Management Card (MB:v3.2.0 MN: AP9606 HR: F5)", "AP9606"),
            ("Raritan Dominion PX - Firmware Version 010507-11172", "Raritan Dominion PX"),
            ("Sinetica UPSController. Versions: App. 6.04.03,   OS 6.3", "Sinetica UPSController"),
            ("PX2 030004", "PX2 030004"),
            ("", ""),
        ] {
            let system = SystemGroup { sys_descr: description.to_owned(), ..SystemGroup::default() };
            assert_eq!(system.model(), model);
        }
    }
}
