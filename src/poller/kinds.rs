//! What devices of a kind have in common is held once.
//!
//! Sketch: a plan of 60 cells is some 20 kB (OIDs, their encoding, decoders, shape). A fleet of one model
//! shares all of it but labels that operators gave; so ten thousand devices cost their samples and alerts.
//! Pure; asked only when a device is learnt.

use super::device::Ready;
use super::engines::Engines;
use crate::profile::Plan;
use crate::snmp::wire::Names;
use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The last device that was learnt of each kind: same profile, same cells.
#[derive(Default)]
pub struct Kinds {
    latest: Mutex<HashMap<u64, Weak<Ready>>>,
    /// The last community that a device was given: nearly all of a room's have the same, and a poll then finds
    /// it where the one before left it in the processor's cache.
    community: Mutex<Arc<[u8]>>,
    /// Which SNMPv3 engine each device is: no two should be the same.
    pub(super) engines: Arc<Engines>,
}

// By hand: a community is a secret.
impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kinds").field("engines", &self.engines).finish_non_exhaustive()
    }
}

impl Kinds {
    /// Those of one shard; engine IDs are looked after for all of them.
    pub(super) fn with(engines: Arc<Engines>) -> Self {
        Self { engines, ..Self::default() }
    }

    /// The same octets, shared with other devices if the one before had them.
    pub(super) fn share_community(&self, community: &Arc<[u8]>) -> Arc<[u8]> {
        let mut latest = self.community.lock().unwrap_or_else(PoisonError::into_inner);
        if *latest != *community {
            *latest = Arc::clone(community);
        }
        Arc::clone(&latest)
    }

    /// Lets `plan` share what it has in common with the last device of its kind; that one's encoded names,
    /// if they are the same.
    pub(super) fn share(&self, plan: &mut Plan) -> Option<Arc<Names>> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let other = latest.get(&key(plan))?.upgrade()?;
        drop(latest);
        plan.share_with(&other.plan);
        Arc::ptr_eq(&plan.cells, &other.plan.cells).then(|| Arc::clone(other.names()))
    }

    /// Remembers a device as the last of its kind. Kinds of which no device is left are forgotten.
    pub(super) fn remember(&self, ready: &Arc<Ready>) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() == latest.capacity() {
            latest.retain(|_, it| 0 < it.strong_count());
        }
        latest.insert(key(&ready.plan), Arc::downgrade(ready));
    }
}

fn key(plan: &Plan) -> u64 {
    let mut hasher = DefaultHasher::new();
    plan.profile.hash(&mut hasher);
    plan.cells.hash(&mut hasher);
    hasher.finish()
}
