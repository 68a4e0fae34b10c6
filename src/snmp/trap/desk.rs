//! Who sent it, may it, and is it time to ask: the decisions.

use super::credential::Interner;
use super::usm::{Heard, Usm, head};
use super::window::Window;
use super::{Receipt, TrapCredential, TrapOutcome, TrapVersion};
use crate::model::Moment;
use crate::snmp::v3::{Authority, EngineId, KeyCache, User, is_v3};
use crate::snmp::wire::{ErrorStatus, NotificationKind, PduKind, decode_notification, encode_message};
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A device that may send traps.
#[derive(Debug, Clone)]
pub struct TrapSender {
    /// Its name.
    pub name: Arc<str>,
    /// Where it may send from: its addresses as configured.
    pub addresses: Vec<IpAddr>,
    /// What its traps must show.
    pub credential: TrapCredential,
}

/// What holds for all senders.
#[derive(Debug, Clone, Default)]
pub struct TrapPolicy {
    /// What lets traps of any device in, beside its own.
    pub credentials: Vec<TrapCredential>,
    /// Who forwards traps of others.
    pub forwarders: Vec<IpAddr>,
}

/// Finds the devices that are known to have an engine ID.
pub type EngineLookup = dyn Fn(&EngineId) -> Vec<Arc<str>> + Send + Sync;

/// Who knows whose engine is whose, if anybody does.
#[derive(Default)]
struct Engines(Option<Box<EngineLookup>>);

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "known" } else { "unknown" })
    }
}

/// Takes traps, and says who is to be asked.
#[derive(Debug)]
pub struct TrapDesk {
    policy: TrapPolicy,
    devices: Vec<Known>,
    by_name: HashMap<Arc<str>, u32>,
    places: HashMap<IpAddr, Place>,
    /// When devices are asked once more.
    due: BTreeSet<(Moment, u32)>,
    all: Window,
    usm: Usm,
    engines: Engines,
    /// Whether anybody has a user of SNMPv3.
    knows_users: bool,
    strangers: Window,
}

#[derive(Debug)]
struct Known {
    name: Arc<str>,
    credential: TrapCredential,
    /// As configured.
    addresses: Vec<IpAddr>,
    /// As the resolver says.
    resolved: Vec<IpAddr>,
    hints: Hints,
}

/// When a device was asked for its traps, and will be.
#[derive(Debug, Clone, Copy, Default)]
struct Hints {
    asked: Option<Moment>,
    heard: Moment,
    due: Option<Moment>,
}

/// An address that traps may come from.
#[derive(Debug, Default)]
struct Place {
    devices: Vec<u32>,
    is_forwarder: bool,
    window: Window,
}

impl Place {
    /// How many traps a second are looked at from there.
    fn traps_a_second(&self) -> u32 {
        let devices = u32::try_from(self.devices.len()).unwrap_or(u32::MAX).max(1);
        let of_devices = TrapDesk::TRAPS_A_SECOND_FROM_ONE.saturating_mul(devices);
        if self.is_forwarder {
            TrapDesk::TRAPS_A_SECOND_FROM_MANY
        } else {
            of_devices.min(TrapDesk::TRAPS_A_SECOND_FROM_MANY)
        }
    }
}

/// Told the name of each device to ask now.
pub(super) type Ask<'a> = dyn FnMut(&Arc<str>) + 'a;

impl TrapDesk {
    /// A device is asked for its traps at most this often: a poll of a large PDU takes some tenths of a
    /// second, and agents on small controllers do nothing else meanwhile.
    pub const ASK_EVERY: Duration = Duration::from_secs(1);
    /// This long after its last trap a device is asked once more: cards that read their UPS over a serial
    /// line renew their objects some seconds after they tell of a change.
    pub const SETTLE: Duration = Duration::from_secs(3);
    /// Traps a second that are looked at: a room of 10,000 devices that loses its mains tells of it in a few
    /// seconds, and a second's worth costs some 10 ms.
    pub const TRAPS_A_SECOND: u32 = 10_000;
    /// The same from one device's address. A chain of PDUs that switches a hundred outlets says so for each.
    pub const TRAPS_A_SECOND_FROM_ONE: u32 = 200;
    /// The same from a forwarder, or from an address that many devices are behind.
    pub const TRAPS_A_SECOND_FROM_MANY: u32 = 5_000;
    /// Traps of SNMPv3 a second from unknown addresses, in which an engine is looked for that is known.
    pub const STRANGERS_A_SECOND: u32 = 200;
    /// Users of one name, with other secrets each, that are tried on a trap of SNMPv3.
    pub const USERS_TRIED_MAX: usize = 4;
    /// Devices behind one address that one trap may have asked, where nothing tells whose it is: those that
    /// were not asked for longest. The next trap has the next ones asked.
    pub const ASKED_AT_ONCE_MAX: usize = 64;
    /// Devices behind one address that a trap may be of: a site behind one router.
    pub const BEHIND_ONE_ADDRESS_MAX: usize = 1024;

    /// A desk that knows nobody. Informs of SNMPv3 are for that engine; `keys` may be shared with those who
    /// ask.
    #[must_use]
    pub fn new(authority: Authority, keys: Arc<KeyCache>) -> Self {
        Self {
            policy: TrapPolicy::default(),
            devices: Vec::new(),
            by_name: HashMap::new(),
            places: HashMap::new(),
            due: BTreeSet::new(),
            all: Window::default(),
            usm: Usm::new(authority, keys),
            engines: Engines::default(),
            knows_users: false,
            strangers: Window::default(),
        }
    }

    /// The same, with somebody who knows which device has which engine: from the polls. Otherwise an engine is
    /// its device's once it has sent an authentic trap from the device's address.
    #[must_use]
    pub fn with_engines(self, engines: Box<EngineLookup>) -> Self {
        Self { engines: Engines(Some(engines)), ..self }
    }

    /// Knows these devices, and no others, from now on. What was asked of those that stay is remembered.
    pub fn replace(&mut self, policy: TrapPolicy, senders: impl IntoIterator<Item = TrapSender>) {
        let mut before: HashMap<Arc<str>, (Vec<IpAddr>, Hints)> =
            self.devices.drain(..).map(|it| (it.name, (it.resolved, it.hints))).collect();
        let mut users = Interner::default();
        self.policy = policy;
        for credential in &mut self.policy.credentials {
            *credential = users.intern(credential.clone());
        }
        self.usm.forget_users();
        self.by_name.clear();
        self.due.clear();
        for sender in senders {
            let Ok(at) = u32::try_from(self.devices.len()) else { break };
            let TrapSender { name, addresses, credential } = sender;
            let (resolved, hints) = before.remove(&name).unwrap_or_default();
            if let Some(due) = hints.due {
                self.due.insert((due, at));
            }
            let credential = users.intern(credential);
            self.by_name.insert(Arc::clone(&name), at);
            self.devices.push(Known { name, credential, addresses, resolved, hints });
        }
        self.knows_users = !users.is_empty();
        self.index();
    }

    /// A device's name was resolved to these addresses.
    pub fn set_resolved(&mut self, name: &str, addresses: Vec<IpAddr>) {
        let Some(&at) = self.by_name.get(name) else { return };
        let Some(device) = self.devices.get_mut(at as usize) else { return };
        if device.resolved == addresses {
            return;
        }
        let old = std::mem::replace(&mut device.resolved, addresses.clone());
        for address in old.into_iter().filter(|it| !device.addresses.contains(it)) {
            let address = address.to_canonical();
            if let Some(place) = self.places.get_mut(&address) {
                place.devices.retain(|it| *it != at);
                if place.devices.is_empty() && !place.is_forwarder {
                    self.places.remove(&address);
                }
            }
        }
        for address in addresses {
            let place = self.places.entry(address.to_canonical()).or_default();
            if !place.devices.contains(&at) {
                place.devices.push(at);
            }
        }
    }

    fn index(&mut self) {
        self.places.clear();
        for forwarder in &self.policy.forwarders {
            self.places.entry(forwarder.to_canonical()).or_default().is_forwarder = true;
        }
        for (device, at) in self.devices.iter().zip(0..) {
            for address in device.addresses.iter().chain(&device.resolved) {
                let devices = &mut self.places.entry(address.to_canonical()).or_default().devices;
                // The devices come in order: one that is there already is the last.
                if devices.last() != Some(&at) {
                    devices.push(at);
                }
            }
        }
    }

    /// Takes a datagram. `ask` is told who is to be asked now; `reply` is cleared, and then holds what goes
    /// back to where the datagram came from, if anything does.
    pub fn receive(
        &mut self,
        now: Moment,
        from: SocketAddr,
        datagram: &[u8],
        reply: &mut Vec<u8>,
        ask: &mut Ask<'_>,
    ) -> Receipt {
        reply.clear();
        let source = from.ip().to_canonical();
        let Some(place) = self.places.get_mut(&source) else {
            return self.receive_from_stranger(now, datagram, ask);
        };
        let limit = place.traps_a_second();
        // The address's own limit comes first: what it holds back does not use up the others' share.
        if !place.window.admit(now, limit) || !self.all.admit(now, Self::TRAPS_A_SECOND) {
            return Receipt::unread(TrapOutcome::Flood);
        }
        if is_v3(datagram) {
            return self.receive_v3(now, source, datagram, reply, ask);
        }
        let Ok(message) = decode_notification(datagram) else {
            return Receipt::unread(TrapOutcome::Malformed);
        };
        let notification = &message.notification;
        let form = Some((TrapVersion::from(message.version), notification.kind));
        let meant = self.meant(source, || notification.agent()).to_vec();
        let outcome = self.admit(&meant, now, ask, |it| it.admits_community(message.community));
        let is_admitted = matches!(outcome, TrapOutcome::Asked | TrapOutcome::TooSoon);
        if is_admitted && notification.kind == NotificationKind::Inform {
            // RFC 3416 section 4.2.7: the same request-id and bindings come back.
            encode_message(
                reply,
                message.version,
                message.community,
                PduKind::Response,
                notification.request_id,
                ErrorStatus::NO_ERROR,
                0,
                notification.varbinds.octets(),
            );
        }
        let trap_oid = (outcome == TrapOutcome::Asked).then(|| notification.trap_oid()).flatten();
        Receipt { outcome, form, trap_oid }
    }

    /// From an address that nobody is known at: a trap of SNMPv3 may be of an engine that is known.
    fn receive_from_stranger(&mut self, now: Moment, datagram: &[u8], ask: &mut Ask<'_>) -> Receipt {
        let unknown = Receipt::unread(TrapOutcome::UnknownSender);
        if !self.knows_users || !is_v3(datagram) || !self.strangers.admit(now, Self::STRANGERS_A_SECOND) {
            return unknown;
        }
        let Ok(head) = head(datagram) else { return unknown };
        let meant = self.of_engine(head.engine.as_ref());
        if meant.is_empty() || head.wants_answer || !self.all.admit(now, Self::TRAPS_A_SECOND) {
            return unknown;
        }
        let users = self.users(&meant, head.user_name);
        let heard = self.usm.trap(datagram, head.engine.as_ref(), &users, now);
        self.conclude(heard, now, ask, |_, _| meant)
    }

    fn receive_v3(
        &mut self,
        now: Moment,
        source: IpAddr,
        datagram: &[u8],
        reply: &mut Vec<u8>,
        ask: &mut Ask<'_>,
    ) -> Receipt {
        let Ok(head) = head(datagram) else { return Receipt::unread(TrapOutcome::Malformed) };
        let engine = head.engine;
        let of_engine = self.of_polled_engine(engine.as_ref());
        let possible =
            if of_engine.is_empty() { self.meant(source, || None).to_vec() } else { of_engine.clone() };
        let users = self.users(&possible, head.user_name);
        let mut heard = None;
        if !self.usm.is_ours(engine.as_ref()) {
            heard = Some(self.usm.trap(datagram, engine.as_ref(), &users, now));
        }
        let is_settled = matches!(heard, Some(Heard::Notification(_) | Heard::Replayed));
        let heard = match heard {
            Some(heard) if is_settled || !head.wants_answer => heard,
            _ => self.usm.inform(datagram, &users, now, reply),
        };
        self.conclude(heard, now, ask, |desk, agent| {
            if !of_engine.is_empty() {
                return of_engine;
            }
            let meant = desk.meant(source, || agent).to_vec();
            if !desk.places.get(&source).is_some_and(|it| it.is_forwarder) {
                desk.usm.bind(engine.as_ref(), &meant);
            }
            meant
        })
    }

    /// The devices whose polls have found that engine.
    fn of_polled_engine(&self, engine: Option<&EngineId>) -> Vec<u32> {
        let (Some(engine), Some(lookup)) = (engine, &self.engines.0) else { return Vec::new() };
        lookup(engine).iter().filter_map(|it| self.by_name.get(it).copied()).collect()
    }

    /// The same, or else those whose traps have shown it.
    fn of_engine(&self, engine: Option<&EngineId>) -> Vec<u32> {
        let polled = self.of_polled_engine(engine);
        if polled.is_empty() { self.usm.devices(engine).to_vec() } else { polled }
    }

    /// What becomes of a message of SNMPv3; `meant` finds the devices, given the agent that it names.
    fn conclude(
        &mut self,
        heard: Heard,
        now: Moment,
        ask: &mut Ask<'_>,
        meant: impl FnOnce(&mut Self, Option<[u8; 4]>) -> Vec<u32>,
    ) -> Receipt {
        let said = match heard {
            Heard::Notification(said) => said,
            Heard::Discovery => return Receipt::unread(TrapOutcome::Discovery),
            Heard::NotAuthenticated => return Receipt::unread(TrapOutcome::NotAuthenticated),
            Heard::Replayed => return Receipt::unread(TrapOutcome::Replayed),
            Heard::Malformed => return Receipt::unread(TrapOutcome::Malformed),
        };
        let meant = meant(self, said.agent);
        let outcome = self.admit(&meant, now, ask, |it| it.is_user(&said.user));
        let trap_oid = said.trap_oid.filter(|_| outcome == TrapOutcome::Asked);
        Receipt { outcome, form: Some((TrapVersion::V3, said.kind)), trap_oid }
    }

    /// The users of that name who may send for these devices.
    fn users(&self, devices: &[u32], name: &[u8]) -> Vec<Arc<User>> {
        let of_devices =
            devices.iter().filter_map(|at| self.devices.get(*at as usize)).map(|it| &it.credential);
        let mut users: Vec<Arc<User>> = Vec::new();
        for credential in of_devices.chain(&self.policy.credentials) {
            if Self::USERS_TRIED_MAX <= users.len() {
                break;
            }
            if let Some(user) = credential.user_named(name)
                && !users.iter().any(|it| Arc::ptr_eq(it, user))
            {
                users.push(Arc::clone(user));
            }
        }
        users
    }

    /// The devices that a trap from there may be of; `agent` says which one a forwarder means.
    fn meant(&self, source: IpAddr, agent: impl FnOnce() -> Option<[u8; 4]>) -> &[u32] {
        let place = self.places.get(&source);
        let agent =
            place.filter(|it| it.is_forwarder).and_then(|_| agent()).map(|it| IpAddr::V4(Ipv4Addr::from(it)));
        let of_agent = agent.and_then(|it| self.places.get(&it));
        of_agent.or(place).map(|it| it.devices.as_slice()).unwrap_or_default()
    }

    /// Has those asked that let the trap in.
    fn admit(
        &mut self,
        meant: &[u32],
        now: Moment,
        ask: &mut Ask<'_>,
        admits: impl Fn(&TrapCredential) -> bool,
    ) -> TrapOutcome {
        if meant.is_empty() {
            return TrapOutcome::UnknownSender;
        }
        let of_anyone = self.policy.credentials.iter().any(&admits);
        let of_device = |at: u32| self.devices.get(at as usize).is_some_and(|it| admits(&it.credential));
        let possible = meant.iter().copied().take(Self::BEHIND_ONE_ADDRESS_MAX);
        let mut admitted: Vec<u32> = possible.filter(|at| of_anyone || of_device(*at)).collect();
        if Self::ASKED_AT_ONCE_MAX < admitted.len() {
            admitted.sort_by_key(|at| self.devices.get(*at as usize).map(|it| it.hints.asked));
            admitted.truncate(Self::ASKED_AT_ONCE_MAX);
        }
        if admitted.is_empty() { TrapOutcome::NotAuthenticated } else { self.hint(&admitted, now, ask) }
    }

    /// Has these devices asked now, or later if they were asked just before.
    fn hint(&mut self, devices: &[u32], now: Moment, ask: &mut Ask<'_>) -> TrapOutcome {
        let mut outcome = TrapOutcome::TooSoon;
        for &at in devices {
            let Some(device) = self.devices.get_mut(at as usize) else { continue };
            device.hints.heard = now;
            let again = device.hints.asked.map(|it| it + Self::ASK_EVERY).filter(|it| now < *it);
            let due = match (again, device.hints.due) {
                (Some(again), Some(due)) => again.min(due),
                (Some(again), None) => again,
                (None, _) => {
                    outcome = TrapOutcome::Asked;
                    device.hints.asked = Some(now);
                    ask(&device.name);
                    now + Self::SETTLE
                }
            };
            self.set_due(at, Some(due));
        }
        outcome
    }

    fn set_due(&mut self, at: u32, due: Option<Moment>) {
        let Some(device) = self.devices.get_mut(at as usize).filter(|it| it.hints.due != due) else { return };
        if let Some(old) = std::mem::replace(&mut device.hints.due, due) {
            self.due.remove(&(old, at));
        }
        if let Some(due) = due {
            self.due.insert((due, at));
        }
    }

    /// When [`Self::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Has those asked once more whose time has come.
    pub fn handle_timeout(&mut self, now: Moment, ask: &mut Ask<'_>) {
        while let Some((due, at)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, at));
            let Some(device) = self.devices.get_mut(at as usize) else { continue };
            device.hints.due = None;
            device.hints.asked = Some(now);
            ask(&device.name);
            let settled = device.hints.heard + Self::SETTLE;
            if now < settled {
                self.set_due(at, Some(settled.max(now + Self::ASK_EVERY)));
            }
        }
    }
}
