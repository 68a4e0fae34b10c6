//! Which of several objects an agent has, asked in one GETNEXT: so that the profile that fits is found with
//! one request, however many candidates there are.
//!
//! Pure. Invariants: an answer is believed whole or not at all; what it does not settle stays unknown, and
//! is asked for alone (by who wants to know); each refusal of v1 makes the request shorter.

use crate::model::Oid;
use crate::snmp::Request;
use crate::snmp::wire::{ErrorStatus, Names, Pdu, PduKind, ValueRef};
use std::collections::BTreeMap;

/// For each object, whether the agent has an instance below it. What is not in it is not known.
pub(super) type Present = BTreeMap<Oid, bool>;

/// One question for several objects.
#[derive(Debug)]
pub(super) struct Sweep {
    /// In the order in which they are asked.
    roots: Vec<Oid>,
    names: Names,
    /// What an agent of v1 has settled by refusing.
    absent: Present,
    /// The objects that the agent named, of whatever branch.
    named: Vec<Oid>,
}

impl Sweep {
    /// So many at most: their answers, with an instance and a text each, fit a frame of 1,472 octets.
    pub(super) const ROOTS_MAX: usize = 32;

    /// A question for these objects; `None`: there is nothing to win over asking for each.
    pub(super) fn new(roots: Vec<Oid>) -> Option<Self> {
        let names = Names::new(&roots).ok()?;
        (1 < roots.len()).then_some(Self { roots, names, absent: Present::new(), named: Vec::new() })
    }

    /// The request that is due.
    pub(super) fn request(&self) -> Request<'_> {
        let varbinds = self.names.run(0, self.roots.len());
        Request { kind: PduKind::GetNext, max_repetitions: 0, varbinds }
    }

    /// Takes the answer to it; `None`: there is another request.
    pub(super) fn on_response(&mut self, pdu: &Pdu<'_>) -> Option<Present> {
        match pdu.error_status {
            ErrorStatus::NO_ERROR => Some(self.settled(pdu)),
            // How v1 says that nothing comes after one of them (RFC 1157 section 4.1.3): nor, then, after
            // those with larger numbers.
            ErrorStatus::NO_SUCH_NAME => self.ask_less(pdu.error_index),
            _ => Some(Present::new()),
        }
    }

    /// The objects that the agent named when it was asked what comes after the roots.
    pub(super) fn named(&self) -> &[Oid] {
        &self.named
    }

    fn settled(&mut self, pdu: &Pdu<'_>) -> Present {
        let mut present = std::mem::take(&mut self.absent);
        let mut varbinds = pdu.varbinds.clone();
        for root in &self.roots {
            let Some(Ok(varbind)) = varbinds.next() else { return Present::new() };
            let Ok(name) = varbind.oid() else { return Present::new() };
            let is_another = varbind.value != ValueRef::EndOfMibView && name != *root;
            present.insert(root.clone(), is_another && name.starts_with(root));
            if is_another {
                self.named.push(name);
            }
        }
        present
    }

    fn ask_less(&mut self, error_index: u32) -> Option<Present> {
        let at = usize::try_from(error_index).ok().and_then(|it| it.checked_sub(1));
        let Some(last) = at.and_then(|it| self.roots.get(it)).cloned() else { return Some(Present::new()) };
        let (kept, beyond): (Vec<Oid>, Vec<Oid>) =
            std::mem::take(&mut self.roots).into_iter().partition(|it| *it < last);
        self.roots = kept;
        self.absent.extend(beyond.into_iter().map(|it| (it, false)));
        match Names::new(&self.roots) {
            Ok(names) if !self.roots.is_empty() => self.names = names,
            _ => return Some(std::mem::take(&mut self.absent)),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;
    use crate::snmp::wire::{Version, decode, encode_message, encode_varbinds};

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    fn sweep() -> Sweep {
        Sweep::new(["1.3.6.1.4.1.9", "1.3.6.1.4.1.318", "1.3.6.1.4.1.850"].map(oid).to_vec()).unwrap()
    }

    fn answer(sweep: &mut Sweep, status: ErrorStatus, index: u32, names: &[&str]) -> Option<Present> {
        let list: Vec<(Oid, Value)> = names.iter().map(|it| (oid(it), Value::Integer(1))).collect();
        let mut varbinds = Vec::new();
        encode_varbinds(&mut varbinds, list.iter().map(|(name, value)| (name, value))).unwrap();
        let mut octets = Vec::new();
        encode_message(&mut octets, Version::V2c, b"c", PduKind::Response, 1, status, index, &varbinds);
        sweep.on_response(&decode(&octets).unwrap().pdu)
    }

    fn have(present: &Present) -> Vec<String> {
        present.iter().filter(|(_, has)| **has).map(|(root, _)| root.to_string()).collect()
    }

    #[test]
    fn one_answer_settles_all() {
        let names = ["1.3.6.1.4.1.318.1.1", "1.3.6.1.4.1.318.1.1", "1.3.6.1.6.3.1"];
        let present = answer(&mut sweep(), ErrorStatus::NO_ERROR, 0, &names).unwrap();
        assert_eq!((have(&present), present.len()), (vec!["1.3.6.1.4.1.318".to_owned()], 3));
    }

    #[test]
    fn half_an_answer_settles_nothing() {
        let names = ["1.3.6.1.4.1.318.1.1", "1.3.6.1.4.1.318.1.1"];
        assert_eq!(answer(&mut sweep(), ErrorStatus::NO_ERROR, 0, &names), Some(Present::new()));
        assert_eq!(answer(&mut sweep(), ErrorStatus::GEN_ERR, 1, &[]), Some(Present::new()));
        assert_eq!(answer(&mut sweep(), ErrorStatus::NO_SUCH_NAME, 9, &[]), Some(Present::new()));
    }

    #[test]
    fn an_agent_of_v1_is_asked_for_less() {
        let mut sweep = sweep();
        assert_eq!(answer(&mut sweep, ErrorStatus::NO_SUCH_NAME, 3, &[]), None);
        let names = ["1.3.6.1.4.1.318.1.1", "1.3.6.1.4.1.318.1.1"];
        let present = answer(&mut sweep, ErrorStatus::NO_ERROR, 0, &names).unwrap();
        assert_eq!((have(&present), present.len()), (vec!["1.3.6.1.4.1.318".to_owned()], 3));
    }
}
