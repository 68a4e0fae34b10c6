//! Devices that look like one and the same: by SNMP engine, serial number or hardware address. They are named,
//! never merged: which address is the one to poll is for a person to say.

use super::Found;
use std::collections::BTreeMap;

/// Devices that share something that only one should have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Duplicates {
    /// What they share, in words: `serial ZA12`.
    pub(crate) what: String,
    /// Which they are, by their places in the list.
    pub(crate) who: Vec<usize>,
}

/// All groups of which any two share an engine ID, a serial number (of one product) or a MAC.
pub(crate) fn find(found: &[Found]) -> Vec<Duplicates> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, it) in found.iter().enumerate() {
        let serial = (!it.serial.is_empty()).then(|| format!("serial number {} ({})", it.serial, it.product));
        let engine = (!it.engine_id.is_empty()).then(|| format!("SNMP engine {}", it.engine_id));
        let mac = (!it.mac.is_empty()).then(|| format!("hardware address {}", it.mac));
        for what in [serial, engine, mac].into_iter().flatten() {
            groups.entry(what).or_default().push(at);
        }
    }
    let mut all: Vec<Duplicates> = Vec::new();
    for (what, who) in groups.into_iter().filter(|(_, who)| 1 < who.len()) {
        // The same devices often share all three.
        match all.iter_mut().find(|it| it.who == who) {
            Some(same) => same.what = format!("{}, {what}", same.what),
            None => all.push(Duplicates { what, who }),
        }
    }
    all
}

/// For each device that is not the first of its group: the first one's place.
pub(crate) fn second_of(duplicates: &[Duplicates]) -> BTreeMap<usize, usize> {
    let mut firsts = BTreeMap::new();
    for group in duplicates {
        let Some((first, others)) = group.who.split_first() else { continue };
        for other in others {
            firsts.entry(*other).or_insert(*first);
        }
    }
    firsts
}

#[cfg(test)]
mod tests {
    use super::{find, second_of};
    use crate::cli::fleet::Found;

    #[test]
    fn shared_serials_engines_and_macs_are_named() {
        let of = |serial: &str, engine: &str, mac: &str| Found {
            serial: serial.to_owned(),
            engine_id: engine.to_owned(),
            mac: mac.to_owned(),
            ..Found::default()
        };
        let found = [
            of("1", "80a", "m1"),
            of("2", "80b", ""),
            of("1", "80a", "m1"),
            of("", "", ""),
            of("", "80b", ""),
        ];
        let duplicates = find(&found);
        let groups: Vec<(&str, &[usize])> =
            duplicates.iter().map(|it| (it.what.as_str(), &*it.who)).collect();
        assert_eq!(
            groups,
            [
                ("SNMP engine 80a, hardware address m1, serial number 1 ()", &[0, 2][..]),
                ("SNMP engine 80b", &[1, 4][..])
            ]
        );
        assert_eq!(second_of(&duplicates), [(2, 0), (4, 1)].into_iter().collect());
    }
}
