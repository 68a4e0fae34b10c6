//! SNMP v1 and v2c: wire format, requests and walks.
//!
//! Invariants: only [`wire`] names `snmp2`. [`GetJob`] and [`Walk`] are pure: requests come out, answers
//! and time-outs go in; who sends them, waits and repeats is the poller's.

pub mod get;
pub mod trap;
pub mod walk;
pub mod wire;

pub use get::{Cell, GetJob, GetLimits, GetStep};
pub use walk::{Walk, WalkEnd, WalkLimits};

use std::fmt;
use std::sync::Arc;

/// The head of every message to one agent.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// The version to speak.
    pub version: wire::Version,
    /// The community; a secret.
    pub community: Arc<[u8]>,
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("version", &self.version).field("community", &"***").finish()
    }
}
