//! What a trap must show to be believed to come from its device.

use crate::model::Secret;
use crate::snmp::v3::User;
use std::collections::HashMap;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What lets traps of a device in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrapCredential {
    /// A community, by v1 or v2c: agents that are polled by one of them send traps by either.
    Community(Secret),
    /// A user of SNMPv3, at its own level of security and no lower one.
    User(Arc<User>),
}

impl TrapCredential {
    /// Whether a message's community is this one; takes as long whatever differs, but for its length.
    pub(super) fn admits_community(&self, community: &[u8]) -> bool {
        match self {
            Self::Community(secret) => secret.expose().as_bytes().ct_eq(community).into(),
            Self::User(_) => false,
        }
    }

    /// Whether it is that very user, which an [`Interner`] has gone over.
    pub(super) fn is_user(&self, user: &Arc<User>) -> bool {
        matches!(self, Self::User(it) if Arc::ptr_eq(it, user))
    }

    /// The user, if that is its name.
    pub(super) fn user_named(&self, name: &[u8]) -> Option<&Arc<User>> {
        match self {
            Self::User(user) if user.name().as_bytes() == name => Some(user),
            Self::User(_) | Self::Community(_) => None,
        }
    }
}

/// Makes users that are the same be the same in memory, so that their keys are looked up by a pointer.
#[derive(Debug, Default)]
pub(super) struct Interner {
    users: HashMap<String, Vec<Arc<User>>>,
}

impl Interner {
    pub(super) fn intern(&mut self, credential: TrapCredential) -> TrapCredential {
        let TrapCredential::User(user) = credential else { return credential };
        let of_name = self.users.entry(user.name().to_owned()).or_default();
        if let Some(known) = of_name.iter().find(|it| Arc::ptr_eq(it, &user) || **it == user) {
            return TrapCredential::User(Arc::clone(known));
        }
        of_name.push(Arc::clone(&user));
        TrapCredential::User(user)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}
