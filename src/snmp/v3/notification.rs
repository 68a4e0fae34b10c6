//! Traps of SNMPv3: the sender's engine counts, and nothing can be asked back.
//!
//! A trap at a lower level than its user's is refused. The time window is the caller's to keep, one
//! [`SenderClock`] a sender. Informs are for [`Authority`](super::Authority).

use super::authority::Account;
use super::engine_id::EngineId;
use super::error::UsmError;
use super::message::{level_of, open, verify};
use super::protocol::SecurityLevel;
use super::user::User;
use super::{BOOTS_MAX, TIME_MAX, TIME_WINDOW_SECONDS};
use crate::model::Moment;
use crate::snmp::wire::v3::decode;
use crate::snmp::wire::{Pdu, PduKind};

/// A trap, authentic as far as its user can tell.
#[derive(Debug)]
pub struct Notification<'a> {
    /// The sender's engine.
    pub engine_id: EngineId,
    /// The sender's snmpEngineBoots.
    pub boots: u32,
    /// The sender's snmpEngineTime, in seconds.
    pub time: u32,
    /// Whose it is.
    pub account: Account,
    /// How it was protected.
    pub level: SecurityLevel,
    /// contextName
    pub context_name: &'a [u8],
    /// What it says.
    pub pdu: Pdu<'a>,
}

/// Reads a trap. `lookup` finds a user by name, with its keys at the sender's engine.
///
/// # Errors
/// [`UsmError`]; the time window is not looked at.
pub fn open_notification<'a>(
    datagram: &'a [u8],
    lookup: impl FnOnce(&[u8], &EngineId) -> Option<Account>,
    scratch: &'a mut Vec<u8>,
) -> Result<Notification<'a>, UsmError> {
    let message = decode(datagram)?;
    let octets = message.engine_id.len();
    let engine_id = EngineId::new(message.engine_id).ok_or(UsmError::EngineIdLength { octets })?;
    let account = lookup(message.user_name, &engine_id).ok_or_else(|| {
        let name = message.user_name.get(..User::NAME_OCTETS_MAX).unwrap_or(message.user_name);
        UsmError::UnknownSender { user: name.escape_ascii().to_string() }
    })?;
    let user = || account.user.name().to_owned();
    let level = level_of(&message);
    if level < account.user.level() {
        return Err(UsmError::Downgraded { user: user(), level: account.user.level() });
    }
    if account.user.level() < level {
        return Err(UsmError::UnsupportedLevel { user: user(), level });
    }
    if level != SecurityLevel::NoAuthNoPriv && !account.keys.as_ref().is_some_and(|it| verify(&message, it)) {
        return Err(UsmError::Unverified { user: user() });
    }
    let scoped = match open(&message, account.keys.as_deref(), scratch) {
        Ok(scoped) => scoped,
        Err(_) if level == SecurityLevel::AuthPriv => {
            return Err(UsmError::Undecryptable { user: user() });
        }
        Err(wrong) => return Err(wrong.into()),
    };
    if scoped.pdu.kind != PduKind::TrapV2 {
        return Err(UsmError::NoNotification);
    }
    Ok(Notification {
        engine_id,
        boots: message.boots,
        time: message.time,
        account,
        level,
        context_name: scoped.context_name,
        pdu: scoped.pdu,
    })
}

/// The latest that a sender is known to have said of its boots and time (RFC 3414 section 2.3).
#[derive(Debug, Clone, Copy)]
pub struct SenderClock {
    boots: u32,
    /// The latest snmpEngineTime received, at `anchor`.
    time: u32,
    anchor: Moment,
}

impl SenderClock {
    /// From the first authentic message, or from a session's proved engine after its boots were lost.
    #[must_use]
    pub const fn new(boots: u32, time: u32, now: Moment) -> Self {
        Self { boots, time, anchor: now }
    }

    /// Takes an authentic message's boots and time (RFC 3414 section 3.2 (7b)).
    ///
    /// # Errors
    /// [`UsmError::Old`], [`UsmError::BootsExhausted`]
    pub fn accept(&mut self, boots: u32, time: u32, now: Moment) -> Result<(), UsmError> {
        if boots == BOOTS_MAX {
            return Err(UsmError::BootsExhausted);
        }
        if (self.boots, self.time) < (boots, time) {
            *self = Self::new(boots, time, now);
            return Ok(());
        }
        let passed = u32::try_from(now.since(self.anchor).as_secs()).unwrap_or(TIME_MAX);
        let due = self.time.saturating_add(passed).min(TIME_MAX);
        let is_old = boots < self.boots || time.saturating_add(TIME_WINDOW_SECONDS) < due;
        if is_old { Err(UsmError::Old) } else { Ok(()) }
    }
}
