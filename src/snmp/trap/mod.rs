//! Traps as hints: who sent one is asked at once, instead of at its next turn.
//!
//! Pure: [`TrapDesk::receive`] takes a datagram and the moment, says what it was, which devices to ask and
//! what to answer; [`TrapDesk::handle_timeout`] gives the polls that follow. Invariants: nothing that a
//! trap says is ever taken for a reading; whoever cannot show a device's credential moves nothing; a device
//! is asked for its traps at most once per [`TrapDesk::ASK_EVERY`], and once more after the last of them;
//! what a flood costs is bounded before anything is decoded.

mod credential;
mod desk;
mod usm;
mod window;

pub use credential::TrapCredential;
pub use desk::{EngineLookup, TrapDesk, TrapPolicy, TrapSender};

use super::wire::{NotificationKind, Version};
use crate::model::Oid;

/// What became of a datagram that came to the trap listener. Each is counted under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrapOutcome {
    /// Its device is asked now.
    Asked,
    /// Its device was asked just before: one more poll follows.
    TooSoon,
    /// No device is known to send from there.
    UnknownSender,
    /// Its community or user is not that of the device it comes from.
    NotAuthenticated,
    /// Asks for our engine ID or time, as SNMPv3 does before an inform, and was answered.
    Discovery,
    /// An older trap of SNMPv3 than what its sender sent before.
    Replayed,
    /// Over a limit a second: not looked at.
    Flood,
    /// No trap or inform that can be read.
    Malformed,
}

impl TrapOutcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Asked,
        Self::TooSoon,
        Self::UnknownSender,
        Self::NotAuthenticated,
        Self::Discovery,
        Self::Replayed,
        Self::Flood,
        Self::Malformed,
    ];

    /// Its name as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::TooSoon => "too_soon",
            Self::UnknownSender => "unknown_sender",
            Self::NotAuthenticated => "not_authenticated",
            Self::Discovery => "discovery",
            Self::Replayed => "replayed",
            Self::Flood => "flood",
            Self::Malformed => "malformed",
        }
    }
}

/// What a datagram was, as far as it was looked at, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What became of it.
    pub outcome: TrapOutcome,
    /// Its version and kind; `None`: it was not read.
    pub form: Option<(TrapVersion, NotificationKind)>,
    /// What it tells, for people: of traps that had their device asked.
    pub trap_oid: Option<Oid>,
}

impl Receipt {
    /// Of a datagram that was not read, or not to its end.
    pub(super) const fn unread(outcome: TrapOutcome) -> Self {
        Self { outcome, form: None, trap_oid: None }
    }
}

/// The version of SNMP that a trap came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrapVersion {
    /// SNMPv1
    V1,
    /// SNMPv2c
    V2c,
    /// SNMPv3
    V3,
}

impl TrapVersion {
    /// Its name as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "1",
            Self::V2c => "2c",
            Self::V3 => "3",
        }
    }
}

impl From<Version> for TrapVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::V1 => Self::V1,
            Version::V2c => Self::V2c,
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod usm_tests;
