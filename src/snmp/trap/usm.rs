//! SNMPv3 at the desk: traps by their sender's engine, informs by ours.
//!
//! What wants an answer (its reportable flag says so, RFC 3412 section 6.4) is for our engine: informs, and the
//! discovery and time synchronization before them. The rest are traps, and so is what names another engine
//! and proves right there: some agents set the flag on traps too. Keys of a sender's engine are
//! remembered once they have proved right; deriving others is bounded a second, so that made-up engine
//! IDs cost little.

use super::window::Window;
use crate::model::{Moment, Oid};
use crate::snmp::v3::{
    Account, Authority, EngineId, KeyCache, LocalizedKeys, Notification, Opened, Report, Request,
    SecurityLevel, SenderClock, User, UsmError, open_notification,
};
use crate::snmp::wire::v3::{FLAG_REPORTABLE, decode};
use crate::snmp::wire::{DecodeError, ErrorStatus, Notification as Content, NotificationKind, Pdu};
use std::collections::HashMap;
use std::sync::Arc;

/// Our engine, and what is known of senders'.
#[derive(Debug)]
pub(super) struct Usm {
    authority: Authority,
    keys: Arc<KeyCache>,
    /// Users with their keys at our engine, once an inform has come.
    own: Vec<(Arc<User>, Option<Arc<LocalizedKeys>>)>,
    senders: HashMap<EngineId, Sender>,
    derivations: Window,
    scratch: Vec<u8>,
}

/// An engine that has sent an authentic trap.
#[derive(Debug)]
struct Sender {
    user: Arc<User>,
    keys: Option<Arc<LocalizedKeys>>,
    clock: SenderClock,
    /// The devices that it was found to be of, by address.
    devices: Vec<u32>,
}

/// The head of a message, as it claims to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    /// The engine that counts.
    pub(super) engine: Option<EngineId>,
    /// msgUserName
    pub(super) user_name: &'a [u8],
    /// Its sender waits for an answer.
    pub(super) wants_answer: bool,
}

/// What came of a message.
#[derive(Debug)]
pub(super) enum Heard {
    /// A notification, at its user's word.
    Notification(Said),
    /// It asks who we are, or what our time is, and was answered.
    Discovery,
    /// It is not what its user sends.
    NotAuthenticated,
    /// It is older than what its sender sent before.
    Replayed,
    /// It cannot be read, or holds something else.
    Malformed,
}

/// A notification, at its user's word.
#[derive(Debug)]
pub(super) struct Said {
    /// Whose it is: one of those that were given.
    pub(super) user: Arc<User>,
    pub(super) kind: NotificationKind,
    pub(super) trap_oid: Option<Oid>,
    pub(super) agent: Option<[u8; 4]>,
}

/// Reads the head of a message.
pub(super) fn head(datagram: &[u8]) -> Result<Head<'_>, DecodeError> {
    let message = decode(datagram)?;
    Ok(Head {
        engine: EngineId::new(message.engine_id),
        user_name: message.user_name,
        wants_answer: message.flags & FLAG_REPORTABLE != 0,
    })
}

impl Usm {
    /// Keys of engines that are derived in a second, for all senders together: some milliseconds' worth.
    const DERIVATIONS_A_SECOND: u32 = 100;
    /// Engines that are remembered: more than there are devices. Nobody comes so far without a credential of
    /// ours; at the limit all are forgotten, and learnt anew by their next traps.
    const SENDERS_MAX: usize = 200_000;

    /// `entropy` of the authority must be random; `keys` may be shared with the poller's sessions.
    pub(super) fn new(authority: Authority, keys: Arc<KeyCache>) -> Self {
        Self {
            authority,
            keys,
            own: Vec::new(),
            senders: HashMap::new(),
            derivations: Window::default(),
            scratch: Vec::new(),
        }
    }

    /// There are other users and devices now; the senders' clocks go on.
    pub(super) fn forget_users(&mut self) {
        self.own.clear();
        self.senders.values_mut().for_each(|it| it.devices.clear());
    }

    /// Whether that engine is ours, or none: then a message is for us to answer.
    pub(super) fn is_ours(&self, engine: Option<&EngineId>) -> bool {
        engine.is_none_or(|it| it == self.authority.engine_id())
    }

    /// The devices that an engine was found to be of.
    pub(super) fn devices(&self, engine: Option<&EngineId>) -> &[u32] {
        engine.and_then(|it| self.senders.get(it)).map(|it| it.devices.as_slice()).unwrap_or_default()
    }

    /// An engine's trap came from the address of these devices.
    pub(super) fn bind(&mut self, engine: Option<&EngineId>, devices: &[u32]) {
        if let Some(sender) = engine.and_then(|it| self.senders.get_mut(it))
            && sender.devices != devices
        {
            sender.devices = devices.to_vec();
        }
    }

    /// Takes a trap that any of these users may have sent.
    pub(super) fn trap(
        &mut self,
        datagram: &[u8],
        engine: Option<&EngineId>,
        users: &[Arc<User>],
        now: Moment,
    ) -> Heard {
        let Some(engine) = engine else { return Heard::Malformed };
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut heard = Heard::NotAuthenticated;
        for user in users {
            let Ok(keys) = self.sender_keys(user, engine, now) else { break };
            let account = Account { user: Arc::clone(user), keys };
            match open_notification(datagram, |_, _| Some(account), &mut scratch) {
                Ok(opened) => {
                    heard = match (self.remember(&opened, now), said(user, &opened.pdu)) {
                        (Ok(()), Some(said)) => Heard::Notification(said),
                        (Ok(()), None) => Heard::Malformed,
                        (Err(_), _) => Heard::Replayed,
                    };
                    break;
                }
                Err(UsmError::Malformed(_) | UsmError::NoNotification) => heard = Heard::Malformed,
                Err(_) => (),
            }
        }
        self.scratch = scratch;
        heard
    }

    /// The keys of a user at a sender's engine; an error, if too many were derived within this second.
    fn sender_keys(
        &mut self,
        user: &Arc<User>,
        engine: &EngineId,
        now: Moment,
    ) -> Result<Option<Arc<LocalizedKeys>>, TooMany> {
        if user.level() == SecurityLevel::NoAuthNoPriv {
            return Ok(None);
        }
        if let Some(sender) = self.senders.get(engine).filter(|it| Arc::ptr_eq(&it.user, user)) {
            return Ok(sender.keys.clone());
        }
        // Those that the poller holds cost nothing.
        if let Some(keys) = self.keys.find(user, engine) {
            return Ok(Some(keys));
        }
        if !self.derivations.admit(now, Self::DERIVATIONS_A_SECOND) {
            return Err(TooMany);
        }
        Ok(self.keys.derive(user, engine))
    }

    /// Holds a notification against its sender's clock, and remembers the sender.
    fn remember(&mut self, opened: &Notification<'_>, now: Moment) -> Result<(), UsmError> {
        // Without authentication anybody could set the clock.
        if opened.level == SecurityLevel::NoAuthNoPriv {
            return Ok(());
        }
        let Account { user, keys } = &opened.account;
        if let Some(sender) = self.senders.get_mut(&opened.engine_id) {
            sender.clock.accept(opened.boots, opened.time, now)?;
            (sender.user, sender.keys) = (Arc::clone(user), keys.clone());
            return Ok(());
        }
        if Self::SENDERS_MAX <= self.senders.len() {
            self.senders.clear();
        }
        let clock = SenderClock::new(opened.boots, opened.time, now);
        let (user, keys) = (Arc::clone(user), keys.clone());
        self.senders.insert(opened.engine_id, Sender { user, keys, clock, devices: Vec::new() });
        Ok(())
    }

    /// Takes a message to our engine that any of these users may have sent, and answers it.
    pub(super) fn inform(
        &mut self,
        datagram: &[u8],
        users: &[Arc<User>],
        now: Moment,
        reply: &mut Vec<u8>,
    ) -> Heard {
        let mut scratch = std::mem::take(&mut self.scratch);
        let (mut heard, mut refused) = (Heard::NotAuthenticated, None);
        // Discovery names no user, or one that we need not know.
        let nobody = users.is_empty().then_some(None);
        for user in users.iter().map(Some).chain(nobody) {
            let account = user.map(|it| Account { user: Arc::clone(it), keys: self.own_keys(it) });
            match self.authority.open(datagram, now, |_| account, &mut scratch) {
                Ok(Opened::Request(request)) => {
                    refused = None;
                    heard = judge(&request);
                    if let Heard::Notification(_) = heard {
                        // RFC 3416 section 4.2.7: the same bindings come back.
                        let (none, varbinds) = (ErrorStatus::NO_ERROR, request.pdu.varbinds.octets());
                        self.authority.write_response(&request, none, 0, varbinds, now, reply);
                    }
                    break;
                }
                Ok(Opened::Refused(it)) => {
                    let is_settled = is_discovery(it.report);
                    refused = Some(it);
                    if is_settled {
                        break;
                    }
                }
                Err(_) => {
                    heard = Heard::Malformed;
                    break;
                }
            }
        }
        self.scratch = scratch;
        if let Some(refused) = refused {
            self.authority.write_report(&refused, now, reply);
            if is_discovery(refused.report) {
                heard = Heard::Discovery;
            }
        }
        heard
    }

    /// The keys of a user at our engine.
    fn own_keys(&mut self, user: &Arc<User>) -> Option<Arc<LocalizedKeys>> {
        if let Some((_, keys)) = self.own.iter().find(|(it, _)| Arc::ptr_eq(it, user)) {
            return keys.clone();
        }
        let keys = self.keys.derive(user, self.authority.engine_id());
        self.own.push((Arc::clone(user), keys.clone()));
        keys
    }
}

/// More keys were asked for than are derived in a second.
struct TooMany;

/// Whether a report is the first half of an exchange, and not a refusal.
const fn is_discovery(report: Report) -> bool {
    matches!(report, Report::UnknownEngineIds | Report::NotInTimeWindows)
}

/// What a checked message to our engine is worth.
fn judge(request: &Request<'_>) -> Heard {
    let user = &request.account.user;
    // What is believed is protected as its user is here.
    if request.level < user.level() {
        return Heard::NotAuthenticated;
    }
    match said(user, &request.pdu).filter(|it| it.kind == NotificationKind::Inform) {
        Some(said) => Heard::Notification(said),
        None => Heard::Malformed,
    }
}

/// What a PDU tells; `None`, if it is no notification.
fn said(user: &Arc<User>, pdu: &Pdu<'_>) -> Option<Said> {
    let content = Content::of_pdu(pdu)?;
    let (trap_oid, agent) = (content.trap_oid(), content.agent());
    Some(Said { user: Arc::clone(user), kind: content.kind, trap_oid, agent })
}
