//! Who sent it, may it, and is it time to ask: the decisions.

use super::window::Window;
use super::{Receipt, TrapCredential, TrapOutcome, TrapVersion};
use crate::model::Moment;
use crate::snmp::wire::{
    ErrorStatus, Notification, NotificationKind, PduKind, decode_notification, encode_message,
};
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

/// Takes traps, and says who is to be asked.
#[derive(Debug, Default)]
pub struct TrapDesk {
    policy: TrapPolicy,
    devices: Vec<Known>,
    by_name: HashMap<Arc<str>, u32>,
    places: HashMap<IpAddr, Place>,
    /// When devices are asked once more.
    due: BTreeSet<(Moment, u32)>,
    all: Window,
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
    /// The same from one address. A chain of PDUs that switches a hundred outlets says so for each.
    pub const TRAPS_A_SECOND_FROM_ONE: u32 = 200;
    /// The same from a forwarder.
    pub const TRAPS_A_SECOND_FORWARDED: u32 = 5_000;
    /// Devices behind one address that one trap may have asked: gateways have dozens of devices behind them.
    /// Those beyond are asked at their own turn.
    pub const ASKED_AT_ONCE_MAX: usize = 64;

    /// A desk that knows nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows these devices, and no others, from now on. What was asked of those that stay is remembered.
    pub fn replace(&mut self, policy: TrapPolicy, senders: impl IntoIterator<Item = TrapSender>) {
        let mut before: HashMap<Arc<str>, (Vec<IpAddr>, Hints)> =
            self.devices.drain(..).map(|it| (it.name, (it.resolved, it.hints))).collect();
        self.policy = policy;
        self.by_name.clear();
        self.due.clear();
        for sender in senders {
            let Ok(at) = u32::try_from(self.devices.len()) else { break };
            let TrapSender { name, addresses, credential } = sender;
            let (resolved, hints) = before.remove(&name).unwrap_or_default();
            if let Some(due) = hints.due {
                self.due.insert((due, at));
            }
            self.by_name.insert(Arc::clone(&name), at);
            self.devices.push(Known { name, credential, addresses, resolved, hints });
        }
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
            if let Some(place) = self.places.get_mut(&address.to_canonical()) {
                place.devices.retain(|it| *it != at);
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
        let unread = |outcome| Receipt { outcome, form: None, trap_oid: None };
        let source = from.ip().to_canonical();
        let Some(place) = self.places.get_mut(&source) else { return unread(TrapOutcome::UnknownSender) };
        let limit =
            if place.is_forwarder { Self::TRAPS_A_SECOND_FORWARDED } else { Self::TRAPS_A_SECOND_FROM_ONE };
        // The address's own limit comes first: what it holds back does not use up the others' share.
        if !place.window.admit(now, limit) || !self.all.admit(now, Self::TRAPS_A_SECOND) {
            return unread(TrapOutcome::Flood);
        }
        let Ok(message) = decode_notification(datagram) else { return unread(TrapOutcome::Malformed) };
        let notification = &message.notification;
        let form = Some((TrapVersion::from(message.version), notification.kind));
        let admits = |it: &TrapCredential| it.admits_community(message.community);
        let of_anyone = self.policy.credentials.iter().any(admits);
        let meant = self.meant(source, notification);
        let admitted: Vec<u32> = meant
            .iter()
            .copied()
            .filter(|at| of_anyone || self.devices.get(*at as usize).is_some_and(|it| admits(&it.credential)))
            .take(Self::ASKED_AT_ONCE_MAX)
            .collect();
        let outcome = match (meant.is_empty(), admitted.is_empty()) {
            (true, _) => TrapOutcome::UnknownSender,
            (false, true) => TrapOutcome::NotAuthenticated,
            (false, false) => self.hint(&admitted, now, ask),
        };
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

    /// The devices that a trap from there may be of.
    fn meant(&self, source: IpAddr, notification: &Notification<'_>) -> &[u32] {
        let place = self.places.get(&source);
        let agent = place
            .filter(|it| it.is_forwarder)
            .and_then(|_| notification.agent())
            .map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
        let of_agent = agent.and_then(|it| self.places.get(&it));
        of_agent.or(place).map(|it| it.devices.as_slice()).unwrap_or_default()
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
        let Some(device) = self.devices.get_mut(at as usize) else { return };
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
