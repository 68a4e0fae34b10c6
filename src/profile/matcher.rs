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

/// Where the objects of vendors begin, before and behind those that net-snmp's agent has of its own (UCD-SNMP-MIB,
/// 2021, and NET-SNMP-MIB, 8072): the objects that come next after them tell whose a card is that says net-snmp's
/// sysObjectID, or none.
pub(super) const ENTERPRISE_MARKS: [&[u32]; 3] =
    [&[1, 3, 6, 1, 4, 1], &[1, 3, 6, 1, 4, 1, 2022], &[1, 3, 6, 1, 4, 1, 8073]];

/// Whether no profile asks for a sysObjectID of this one's vendor.
pub(super) fn is_foreign<'a>(mut matches: impl Iterator<Item = &'a Match>, system: &SystemGroup) -> bool {
    let vendor = system.sys_object_id.arcs().get(..VENDOR_ARCS);
    let is_vendors = |it: &Oid| vendor.is_some() && it.arcs().get(..VENDOR_ARCS) == vendor;
    !matches.any(|it| it.sys_object_id.iter().any(is_vendors))
}

/// The names of the profiles that can be put to the test and are of vendors that these objects belong to, best first.
pub(super) fn of_enterprises<'a>(
    matches: impl Iterator<Item = (&'a str, &'a Match)>,
    objects: &[Oid],
) -> Vec<&'a str> {
    let is_below = |root: &Oid| {
        let vendor = root.arcs().get(..VENDOR_ARCS);
        vendor.is_some() && objects.iter().any(|it| it.arcs().get(..VENDOR_ARCS) == vendor)
    };
    let fits = |it: &Match| {
        it.sys_descr.is_empty() && !it.probes.is_empty() && it.sys_object_id.iter().any(is_below)
    };
    let mut found: Vec<_> =
        matches.filter(|(_, it)| fits(it)).map(|(name, it)| (Reverse(it.priority), name)).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_of_nobody_is_asked_whose_objects_it_has() {
        let oid = |text: &str| text.parse::<Oid>().unwrap();
        let of = |root: &str, priority| Match {
            sys_object_id: vec![oid(root)],
            probes: vec![oid(root)],
            priority,
            ..Match::default()
        };
        let (ups, smu, apc) =
            (of("1.3.6.1.4.1.2011.6.174", 1), of("1.3.6.1.4.1.2011.6.164", 0), of("1.3.6.1.4.1.318", 0));
        let all = || [("smu", &smu), ("ups", &ups), ("apc", &apc)].into_iter();
        let system = |object: &str| SystemGroup { sys_object_id: oid(object), ..SystemGroup::default() };
        assert!(is_foreign(all().map(|(_, it)| it), &system("1.3.6.1.4.1.8072.3.2.10")));
        assert!(is_foreign(all().map(|(_, it)| it), &SystemGroup::default()));
        assert!(!is_foreign(all().map(|(_, it)| it), &system("1.3.6.1.4.1.2011.2.1")));
        let named = [oid("1.3.6.1.4.1.2011.6.174.1.1"), oid("1.3.6.1.6.3.1")];
        assert_eq!(of_enterprises(all(), &named), ["ups", "smu"]);
        assert!(of_enterprises(all(), &[oid("1.3.6.1.2.1.1.1.0")]).is_empty());
    }

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
