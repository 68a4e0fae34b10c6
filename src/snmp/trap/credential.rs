//! What a trap must show to be believed to come from its device.

use crate::model::Secret;
use subtle::ConstantTimeEq;

/// What lets traps of a device in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrapCredential {
    /// A community, by v1 or v2c: agents that are polled by one of them send traps by either.
    Community(Secret),
    /// A user of SNMPv3: no community lets anybody in.
    User,
}

impl TrapCredential {
    /// Whether a message's community is this one; takes as long whatever differs, but for its length.
    pub(super) fn admits_community(&self, community: &[u8]) -> bool {
        match self {
            Self::Community(secret) => secret.expose().as_bytes().ct_eq(community).into(),
            Self::User => false,
        }
    }
}
