//! Which device is which SNMPv3 engine, so that two with one engine ID are found and named: keys that are
//! made for one open the other (RFC 3414 section 1.1), and managers mix up their clocks. Agents that were
//! cloned from one image do that.
//!
//! Shared by all shards; asked only when a device's engine ID is new or changes. Invariant: a device stands
//! here exactly as long as its [`KnownEngine`] lives, so that one that is removed is forgotten.

use crate::snmp::v3::EngineId;
use crate::telemetry;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// All engine IDs that are known.
#[derive(Debug, Default)]
pub struct Engines {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Names of devices, each with a number of its own: a device that is set up anew is there twice for a
    /// moment.
    devices: HashMap<EngineId, Vec<(u64, Arc<str>)>>,
    next: u64,
}

/// That a device has an engine ID; forgotten when dropped.
#[derive(Debug)]
pub struct KnownEngine {
    engines: Arc<Engines>,
    id: EngineId,
    number: u64,
}

impl Engines {
    /// So many others are named; the rest is counted.
    const NAMED_MAX: usize = 3;

    /// Takes note of a device's engine ID. The second value names those that have the same one.
    #[must_use]
    pub fn announce(self: &Arc<Self>, id: EngineId, device: &Arc<str>) -> (KnownEngine, Option<String>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let number = known.next;
        known.next = number.wrapping_add(1);
        let there = known.devices.entry(id).or_default();
        let was_shared = is_shared(there);
        let note = note(id, device, there);
        there.push((number, Arc::clone(device)));
        if !was_shared && is_shared(there) {
            telemetry::snmp::engine_id_shared();
        }
        drop(known);
        (KnownEngine { engines: Arc::clone(self), id, number }, note)
    }

    /// The devices that have that engine ID: one, unless agents were cloned.
    #[must_use]
    pub fn devices(&self, id: &EngineId) -> Vec<Arc<str>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.devices.get(id).into_iter().flatten().map(|(_, device)| Arc::clone(device)).collect()
    }

    /// How many engine IDs more than one device has.
    #[must_use]
    pub fn shared_len(&self) -> usize {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.devices.values().filter(|it| is_shared(it)).count()
    }
}

impl KnownEngine {
    /// The engine ID.
    #[must_use]
    pub const fn id(&self) -> &EngineId {
        &self.id
    }
}

impl Drop for KnownEngine {
    fn drop(&mut self) {
        let mut known = self.engines.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(there) = known.devices.get_mut(&self.id) else { return };
        let was_shared = is_shared(there);
        there.retain(|(number, _)| *number != self.number);
        if was_shared && !is_shared(there) {
            telemetry::snmp::engine_id_not_shared();
        }
        if there.is_empty() {
            known.devices.remove(&self.id);
        }
    }
}

/// Whether devices of different names are there.
fn is_shared(there: &[(u64, Arc<str>)]) -> bool {
    there.first().is_some_and(|(_, first)| there.iter().any(|(_, it)| it != first))
}

fn note(id: EngineId, device: &Arc<str>, there: &[(u64, Arc<str>)]) -> Option<String> {
    let others: Vec<&str> = there.iter().map(|(_, it)| &**it).filter(|it| *it != &**device).collect();
    let (named, rest) = others.split_at_checked(Engines::NAMED_MAX).unwrap_or((&others, &[]));
    let named = named.join(", ");
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    (!others.is_empty()).then(|| {
        format!(
            "{device} shares its SNMPv3 engine ID {id} with {named}{more}: set an engine ID of its own in each, or make sure that they are not one agent under several names"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(octet: u8) -> EngineId {
        EngineId::new(&[0x80, 0, 0, 0, octet]).unwrap()
    }

    #[test]
    fn those_that_share_are_named_and_those_that_leave_forgotten() {
        let engines = Arc::new(Engines::default());
        let announce = |octet, name: &str| engines.announce(id(octet), &Arc::from(name));
        let (a, none) = announce(1, "pdu-a");
        assert_eq!(none, None);
        let (b, none) = announce(2, "pdu-b");
        assert_eq!((none, engines.shared_len()), (None, 0));
        assert_eq!(engines.devices(&id(2)), ["pdu-b".into()]);
        assert_eq!(engines.devices(&id(3)), []);
        let (c, note) = announce(1, "pdu-c");
        let note = note.unwrap();
        assert!(
            note.starts_with("pdu-c shares its SNMPv3 engine ID 0x8000000001 with pdu-a: set an engine ID"),
            "{note}"
        );
        assert_eq!(engines.shared_len(), 1);
        // The same device, set up anew before the old one is gone.
        let (again, none) = announce(2, "pdu-b");
        assert_eq!((none, engines.shared_len()), (None, 1));
        drop((a, again));
        assert_eq!(engines.shared_len(), 0);
        let (d, note) = announce(1, "pdu-d");
        assert!(note.unwrap().contains("with pdu-c:"));
        drop((b, c, d));
        assert!(engines.known.lock().unwrap().devices.is_empty(), "all are forgotten");
    }

    #[test]
    fn a_crowd_is_counted() {
        let engines = Arc::new(Engines::default());
        let mut all: Vec<_> =
            (0..6).map(|it| engines.announce(id(1), &Arc::from(format!("pdu-{it}")))).collect();
        let note = all.pop().unwrap().1.unwrap();
        assert!(note.contains("with pdu-0, pdu-1, pdu-2 and 2 more:"), "{note}");
    }
}
