//! Many devices over shared sockets: who is due, who waits for an answer, whose answer this is.
//!
//! Pure: [`Shard::poll_transmit`] gives datagrams to send, [`Shard::handle_datagram`] and
//! [`Shard::handle_timeout`] take what comes and the time, [`Shard::poll_timeout`] says when to come
//! back. Call `poll_transmit` until it gives nothing after each of the others.
//!
//! Sketch: a device costs a slot here and an entry in a heap; a request id holds the slot's number,
//! so an answer finds its device without a hash map, a task or a timer of its own. 10,000 devices every
//! 10 s are 1,000 polls a second, some 5 us each, nearly all of it the kernel's.
//!
//! Invariants: one request in flight a device, or as many as its profile allows; no more of them a second than its settings say; an answer
//! counts only from the address that was asked, with the id of the request in flight and the marks of its
//! session; polls of a device do not pile up; polls come before learning between polls.

use super::device::{Device, Outcome, Room, Step};
use super::windows::{Class, Windows};
use crate::model::{Moment, Now, PollError};
use crate::profile::ProfileSet;
use crate::snmp::v3::{EngineId, LocalizedKeys, User, UsmError, WaitCause};
use crate::snmp::{Incoming, Received};
use crate::telemetry::snmp as events;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use super::windows::WindowSizes;

/// What became of a datagram. Each is counted under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It answered a request in flight.
    Correlated,
    /// It answers a request that is no longer in flight: too late, or twice.
    Late,
    /// It answers nothing that was asked: wrong address, community, version or kind.
    Foreign,
    /// It is no SNMP message.
    Malformed,
    /// SNMPv3: something was learnt of the engine, and the request is written again.
    Followed,
    /// SNMPv3: it proves nothing, and changes nothing.
    Unproved(WaitCause),
    /// SNMPv3: the agent refuses, and has proved that it is the agent.
    Refused,
}

/// Devices that share sockets and a thread.
#[derive(Debug, Default)]
pub struct Shard {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// (when, slot): for each slot with a deadline one entry that is not later; entries that are not the one
    /// that the slot knows of are void.
    deadlines: BinaryHeap<Reverse<(Moment, u32)>>,
    /// Slots with a datagram to send.
    outgoing: VecDeque<u32>,
    /// Slots whose agents may get another request beside the one that is in flight.
    beside: VecDeque<u32>,
    windows: Windows,
    /// Slots that need keys, by ticket.
    key_requests: VecDeque<(u32, u32, EngineId)>,
    /// What SNMPv3 decrypts into.
    scratch: Vec<u8>,
    room: Room,
    random: u64,
    /// What hides the slot in a request id, so that who does not see the requests cannot guess it: it takes
    /// the kernel's port and these 24 bits to forge an answer from afar.
    mask: u32,
}

/// Keys that a device needs before it can be asked.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    /// Whose.
    pub user: Arc<User>,
    /// On which engine.
    pub engine: EngineId,
    slot: u32,
    ticket: u32,
}

#[derive(Debug)]
struct Slot {
    device: Option<Device>,
    address: Option<SocketAddr>,
    state: State,
    /// When something is due for it.
    deadline: Moment,
    /// The time of its entry among the deadlines. A deadline that is moved back leaves the entry where it is:
    /// most requests are answered, and a device costs the heap nothing until the entry's time comes.
    entered: Moment,
    /// Raised with each entry in a queue of those that are due: older ones are void.
    ticket: u32,
    /// 1 to 127: the id's first octet, so that the id always takes four octets (X.690 section 8.3.2).
    generation: u8,
    /// The last that was given to a request, to the one that is due or beside it.
    last_generation: u8,
    /// Which window its request counts in, if any.
    window: Option<Class>,
    /// Where in its interval it is asked.
    phase: Duration,
    /// When its next poll is due.
    turn: Moment,
    /// What is under way is learning between polls, which its turn interrupts.
    is_learning: bool,
    /// Asked for out of turn while it was being polled.
    again: bool,
    /// Its name was looked up, and has no address. Before that, having none is no failure.
    lookup_failed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Until its deadline.
    Resting,
    /// In one of the queues of those that are due.
    Due,
    /// In `outgoing`.
    Sending,
    /// Until its answer or its deadline.
    InFlight,
    /// It was asked as often as it may be for now: until its deadline.
    Pausing,
    /// Until its keys are there.
    AwaitingKeys,
}

/// Which id a device's next request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    /// One of its own: the one before was answered.
    New,
    /// That of the request which was not answered in time, so that a late answer to it still counts.
    Same,
}

impl Shard {
    /// Slots are 24 bits of the request id.
    pub const DEVICES_MAX: usize = 1 << 24;

    /// No devices yet. `random` makes request ids and nonces differ from those of the process's earlier life.
    #[must_use]
    pub fn new(random: u64, sizes: WindowSizes) -> Self {
        let mut stream = !random;
        let [_, a, b, c] = next_nonce(&mut stream).to_be_bytes();
        let mask = u32::from_be_bytes([0, a, b, c]);
        Self { random, mask, windows: Windows::new(sizes), ..Self::default() }
    }

    /// Adds a device; its first poll comes within `spread`. The slot's number, or `None` when there are
    /// [`Self::DEVICES_MAX`] already.
    pub fn add(
        &mut self,
        device: Device,
        address: Option<SocketAddr>,
        spread: Duration,
        now: Now,
    ) -> Option<u32> {
        let hash = hash_of(&device.settings().name);
        let phase = fraction(hash, device.settings().interval);
        let turn = now.moment + fraction(hash, spread);
        let slot = Slot {
            device: Some(device),
            address,
            state: State::Resting,
            deadline: Moment::NEVER,
            entered: Moment::NEVER,
            ticket: 0,
            generation: (self.random.to_be_bytes()[0] & 0x7f).max(1),
            last_generation: (self.random.to_be_bytes()[0] & 0x7f).max(1),
            window: None,
            phase,
            turn,
            is_learning: false,
            again: false,
            lookup_failed: false,
        };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.slots.get_mut(at as usize) {
                    let (ticket, entered) = (place.ticket, place.entered);
                    let (generation, last_generation) = (place.generation, place.last_generation);
                    *place = Slot { ticket, generation, last_generation, entered, ..slot };
                }
                at
            }
            None if Self::DEVICES_MAX <= self.slots.len() => return None,
            None => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1).ok()?
            }
        };
        self.set_deadline(at, turn);
        Some(at)
    }

    /// Removes a device. An answer to its request in flight is late.
    pub fn remove(&mut self, at: u32) -> Option<Device> {
        self.leave_queues(at);
        let slot = self.slots.get_mut(at as usize)?;
        let device = slot.device.take()?;
        slot.deadline = Moment::NEVER;
        slot.state = State::Resting;
        self.free.push(at);
        Some(device)
    }

    /// Puts another device in the place of one: the same by name, with other settings.
    pub fn replace(&mut self, at: u32, device: Device, address: Option<SocketAddr>, now: Now) {
        self.leave_queues(at);
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        slot.phase = fraction(hash_of(&device.settings().name), device.settings().interval);
        let place = |it: &Device| (it.settings().host.clone(), it.settings().port);
        let same_place = slot.device.as_ref().is_some_and(|it| place(it) == place(&device));
        // The address of a name that has not changed holds until the resolver says otherwise.
        slot.address = address.or_else(|| slot.address.filter(|_| same_place));
        slot.device = Some(device);
        slot.lookup_failed = false;
        slot.state = State::Resting;
        slot.is_learning = false;
        slot.turn = now.moment;
        self.set_deadline(at, now.moment);
    }

    /// Gives all devices other profiles: they are learnt anew after their next poll.
    pub fn replace_profiles(&mut self, profiles: &Arc<ProfileSet>) {
        for device in self.slots.iter_mut().filter_map(|slot| slot.device.as_mut()) {
            device.replace_profiles(Arc::clone(profiles));
        }
    }

    /// Gives a device another address.
    pub fn set_address(&mut self, at: u32, address: Option<SocketAddr>) {
        if let Some(slot) = self.slots.get_mut(at as usize) {
            slot.address = address;
            slot.lookup_failed = address.is_none();
        }
    }

    /// Asks a device at once, out of turn; if it is being polled, once more after that.
    pub fn poll_now(&mut self, at: u32, now: Now) {
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        slot.turn = slot.turn.min(now.moment);
        match slot.state {
            State::Resting if slot.device.is_some() => self.set_deadline(at, now.moment),
            State::Due if slot.is_learning => self.set_deadline(at, now.moment),
            State::Due => (),
            _ => slot.again = !slot.is_learning,
        }
    }

    /// How many devices there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Requests that wait for their answer within the windows.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.windows.in_flight()
    }

    /// When [`Self::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&mut self) -> Option<Moment> {
        self.first_deadline().map(|(when, _)| when)
    }

    /// The first of all deadlines, and whose it is.
    fn first_deadline(&mut self) -> Option<(Moment, u32)> {
        while let Some(Reverse((when, at))) = self.deadlines.peek().copied() {
            let slot = self.slots.get_mut(at as usize).filter(|it| it.entered == when);
            match slot {
                Some(slot) if slot.deadline <= when => return Some((when, at)),
                Some(slot) => {
                    // It was moved back meanwhile.
                    slot.entered = slot.deadline;
                    let entry = (slot.deadline != Moment::NEVER).then_some(Reverse((slot.deadline, at)));
                    self.deadlines.pop();
                    self.deadlines.extend(entry);
                }
                None => {
                    self.deadlines.pop();
                }
            }
        }
        None
    }

    /// The next datagram to send, written to `out` (which is cleared), and where it goes.
    pub fn poll_transmit(&mut self, now: Now, out: &mut Vec<u8>) -> Option<(u32, SocketAddr)> {
        self.admit(now);
        while let Some(at) = self.outgoing.pop_front() {
            out.clear();
            let Some(slot) = self.slots.get_mut(at as usize) else { continue };
            let Some(device) = &mut slot.device else { continue };
            let (id, nonce) = (request_id(at ^ self.mask, slot.generation), next_nonce(&mut self.random));
            if let Err(need) = device.write_request(id, nonce, now.moment, out) {
                slot.state = State::AwaitingKeys;
                self.key_requests.push_back((at, slot.ticket, need.engine));
                self.leave_window(at);
                continue;
            }
            slot.state = State::InFlight;
            let (deadline, address) = (device.deadline(), slot.address);
            let allows_beside = device.allows_beside();
            // Without an address (its name was lost meanwhile) the request is as good as lost on the way.
            self.set_deadline(at, deadline);
            if let Some(address) = address {
                self.beside.extend(allows_beside.then_some(at));
                events::request_sent();
                return Some((at, address));
            }
        }
        self.transmit_beside(now, out)
    }

    /// The next request that goes out beside one that is in flight.
    fn transmit_beside(&mut self, now: Now, out: &mut Vec<u8>) -> Option<(u32, SocketAddr)> {
        while let Some(at) = self.beside.pop_front() {
            let Some(slot) = self.slots.get_mut(at as usize) else { continue };
            let (Some(device), Some(address)) = (&mut slot.device, slot.address) else { continue };
            let generation = next_generation(slot.last_generation);
            let (id, nonce) = (request_id(at ^ self.mask, generation), next_nonce(&mut self.random));
            out.clear();
            if slot.state != State::InFlight || !device.write_beside(generation, id, nonce, now.moment, out) {
                continue;
            }
            slot.last_generation = generation;
            self.beside.push_front(at);
            events::request_sent();
            return Some((at, address));
        }
        None
    }

    /// The next device that cannot be asked before it has keys. Answer with [`Self::handle_keys`].
    pub fn poll_key_request(&mut self) -> Option<KeyRequest> {
        while let Some((slot, ticket, engine)) = self.key_requests.pop_front() {
            let waits = self.slot(slot).filter(|it| it.ticket == ticket && it.state == State::AwaitingKeys);
            if let Some(user) = waits.and_then(|it| it.device.as_ref()?.session().user()).map(Arc::clone) {
                return Some(KeyRequest { user, engine, slot, ticket });
            }
        }
        None
    }

    /// The keys that [`Self::poll_key_request`] asked for; `None`: there are none for that user.
    pub fn handle_keys(
        &mut self,
        request: &KeyRequest,
        keys: Option<&Arc<LocalizedKeys>>,
        now: Now,
        sink: &mut dyn FnMut(u32, &Outcome),
    ) {
        let at = request.slot;
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        if slot.ticket != request.ticket || slot.state != State::AwaitingKeys {
            return;
        }
        let Some(device) = &mut slot.device else { return };
        match keys {
            Some(keys) => {
                device.session_mut().set_keys(&request.engine, keys);
                slot.state = State::Sending;
                self.outgoing.push_back(at);
            }
            None => {
                let error = PollError::Security("no keys can be made for this user".to_owned());
                self.with_device(at, now, sink, |it, _| it.on_error(error, now));
            }
        }
    }

    /// The host or network refused the datagram that [`Self::poll_transmit`] gave for that slot.
    pub fn handle_send_error(
        &mut self,
        at: u32,
        error: PollError,
        now: Now,
        sink: &mut dyn FnMut(u32, &Outcome),
    ) {
        self.with_device(at, now, sink, |device, _| device.on_error(error, now));
    }

    /// The datagram that [`Self::poll_transmit`] gave for that slot is longer than the way to it bears.
    pub fn handle_too_long(&mut self, at: u32, now: Now, sink: &mut dyn FnMut(u32, &Outcome)) {
        self.with_device(at, now, sink, |device, room| device.on_too_long(now, room));
    }

    /// Takes a datagram.
    pub fn handle_datagram(
        &mut self,
        now: Now,
        from: SocketAddr,
        datagram: &[u8],
        sink: &mut dyn FnMut(u32, &Outcome),
    ) -> Disposition {
        let Ok(incoming) = Incoming::parse(datagram) else { return Disposition::Malformed };
        let [generation, a, b, c] = incoming.id().to_be_bytes();
        let at = u32::from_be_bytes([0, a, b, c]) ^ self.mask;
        let Some(slot) = self.slots.get_mut(at as usize) else { return Disposition::Foreign };
        let Some(device) = &mut slot.device else { return Disposition::Late };
        let others = &device.settings().answers_from;
        let is_address = slot.address == Some(from) || others.contains(&from.ip());
        if !is_address || !device.session().fits(&incoming) {
            return Disposition::Foreign;
        }
        if device.is_beside(generation) {
            return self.handle_beside(at, generation, incoming, now);
        }
        // An answer to what was sent counts also where the same request is about to be sent again: otherwise a
        // forged report that comes just before it would undo it.
        let is_again = matches!(slot.state, State::Sending | State::Pausing | State::AwaitingKeys);
        if slot.generation != generation || !(slot.state == State::InFlight || is_again) {
            return Disposition::Late;
        }
        let is_queued = slot.state == State::Sending;
        let mut scratch = std::mem::take(&mut self.scratch);
        let disposition = match device.session_mut().read(incoming, now.moment, &mut scratch) {
            Received::Response(pdu) => {
                self.unqueue(at, is_queued);
                self.with_device(at, now, sink, |device, room| device.on_response(&pdu, now, room));
                Disposition::Correlated
            }
            Received::WriteAgain => {
                device.on_write_again();
                if !is_queued {
                    self.send(at, Id::Same, now);
                }
                Disposition::Followed
            }
            Received::Wait(cause) => Disposition::Unproved(cause),
            Received::Refused(error) => {
                self.unqueue(at, is_queued);
                self.refused(at, &error, now, sink)
            }
        };
        self.scratch = scratch;
        disposition
    }

    /// A datagram that bears the id of a request beside the one that is due.
    fn handle_beside(&mut self, at: u32, generation: u8, incoming: Incoming<'_>, now: Now) -> Disposition {
        let device = self.slots.get_mut(at as usize).and_then(|it| it.device.as_mut());
        let Some(device) = device else { return Disposition::Late };
        let mut scratch = std::mem::take(&mut self.scratch);
        let disposition = match device.read_beside(generation, incoming, &mut scratch) {
            Received::Response(pdu) => {
                device.on_response_beside(generation, &pdu, now, &mut self.room);
                self.beside.push_back(at);
                Disposition::Correlated
            }
            Received::WriteAgain => {
                device.on_report_beside(generation);
                Disposition::Followed
            }
            Received::Wait(cause) => Disposition::Unproved(cause),
            Received::Refused(_) => Disposition::Refused,
        };
        self.scratch = scratch;
        disposition
    }

    /// What it was about to send again is answered. Rare, so that the queue may be searched.
    fn unqueue(&mut self, at: u32, is_queued: bool) {
        if is_queued {
            self.outgoing.retain(|it| *it != at);
        }
    }

    fn refused(
        &mut self,
        at: u32,
        error: &UsmError,
        now: Now,
        sink: &mut dyn FnMut(u32, &Outcome),
    ) -> Disposition {
        self.with_device(at, now, sink, |device, _| device.on_refused(error, now));
        Disposition::Refused
    }

    /// Does what is due: requests that were not answered in time, and polls whose turn has come.
    pub fn handle_timeout(&mut self, now: Now, sink: &mut dyn FnMut(u32, &Outcome)) {
        while let Some((when, at)) = self.first_deadline()
            && when <= now.moment
        {
            if let Some(slot) = self.slots.get_mut(at as usize) {
                (slot.deadline, slot.entered) = (Moment::NEVER, Moment::NEVER);
            }
            self.deadlines.pop();
            match self.slot(at).map(|slot| slot.state) {
                Some(State::InFlight) => {
                    events::request_timed_out();
                    // From now on it is waited for, but nobody else's turn is held up by it.
                    self.leave_window(at);
                    self.with_device(at, now, sink, |device, room| device.on_timeout(now, room));
                }
                Some(State::Pausing) => {
                    if let Some(slot) = self.slots.get_mut(at as usize) {
                        slot.state = State::Sending;
                        self.outgoing.push_back(at);
                    }
                }
                // A device that is due while it waits for its turn to learn is polled first.
                Some(State::Resting | State::Due) => self.fall_due(at, now, sink),
                Some(State::Sending | State::AwaitingKeys) | None => (),
            }
        }
    }

    /// Its turn to be polled has come.
    fn fall_due(&mut self, at: u32, now: Now, sink: &mut dyn FnMut(u32, &Outcome)) {
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        let Some(device) = &slot.device else { return };
        slot.is_learning = false;
        if slot.address.is_none() && !slot.lookup_failed {
            self.rest(at, now);
            return;
        }
        if slot.address.is_none() {
            let name = device.settings().host.clone();
            let error = PollError::Name { name, reason: "the resolver finds none".to_owned() };
            self.with_device(at, now, sink, |device, _| {
                device.begin(now);
                device.on_error(error, now)
            });
            return;
        }
        let class = class_of(device);
        self.enqueue(at, class);
    }

    fn enqueue(&mut self, at: u32, class: Class) {
        if let Some(slot) = self.slots.get_mut(at as usize) {
            slot.state = State::Due;
            slot.ticket = slot.ticket.wrapping_add(1);
            self.windows.enqueue(class, at, slot.ticket);
        }
    }

    /// Lets those that are due begin, as far as the windows allow.
    fn admit(&mut self, now: Now) {
        let Self { windows, slots, .. } = self;
        let mut admitted = std::mem::take(&mut windows.admitted);
        windows.admit(&mut admitted, |at, ticket| {
            slots.get(at as usize).is_some_and(|it| it.ticket == ticket && it.state == State::Due)
        });
        for (at, class) in admitted.drain(..) {
            self.start(at, class, now);
        }
        self.windows.admitted = admitted;
    }

    fn start(&mut self, at: u32, class: Class, now: Now) {
        if let Some(slot) = self.slots.get_mut(at as usize) {
            slot.window = Some(class);
            match &mut slot.device {
                Some(device) if slot.is_learning => device.resume_learning(now.moment),
                Some(device) => device.begin(now),
                None => (),
            }
        }
        self.send(at, Id::New, now);
    }

    fn send(&mut self, at: u32, id: Id, now: Now) {
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        let Some(device) = &slot.device else { return };
        if id == Id::New {
            slot.last_generation = next_generation(slot.last_generation);
            slot.generation = slot.last_generation;
        }
        let when = device.may_be_asked_at();
        if now.moment < when {
            slot.state = State::Pausing;
            // It is slow by its own settings: nobody else waits for it.
            self.leave_window(at);
            self.set_deadline(at, when);
        } else {
            slot.state = State::Sending;
            self.outgoing.push_back(at);
        }
    }

    fn with_device(
        &mut self,
        at: u32,
        now: Now,
        sink: &mut dyn FnMut(u32, &Outcome),
        act: impl FnOnce(&mut Device, &mut Room) -> Step,
    ) {
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        let Some(device) = &mut slot.device else { return };
        let step = act(device, &mut self.room);
        let its_turn = slot.is_learning && slot.turn <= now.moment;
        match step {
            Step::Ask | Step::Repeat if its_turn => {
                self.leave_window(at);
                self.fall_due(at, now, sink);
            }
            Step::Ask => self.send(at, Id::New, now),
            Step::Await(generation) => {
                slot.state = State::InFlight;
                slot.generation = generation;
                let deadline = device.deadline();
                self.set_deadline(at, deadline);
                self.beside.push_back(at);
            }
            Step::Repeat => self.send(at, Id::Same, now),
            Step::Learnt => {
                self.leave_window(at);
                self.rest(at, now);
            }
            Step::Finished => {
                sink(at, device.outcome());
                device.give_back(&mut self.room);
                slot_turn(slot, now.moment);
                self.leave_window(at);
                self.rest(at, now);
            }
        }
    }

    /// Until its next turn, or until there is room to learn it anew.
    fn rest(&mut self, at: u32, now: Now) {
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        slot.state = State::Resting;
        slot.is_learning = false;
        let Some(device) = &slot.device else { return };
        if slot.address.is_none() {
            slot.turn = slot.turn.max(next_turn(now.moment, device.interval(), slot.phase));
        }
        let (turn, class) = (slot.turn, class_of(device));
        if slot.address.is_some() {
            if turn <= now.moment {
                // Its turn has come already: it stands in line again at once.
                slot.deadline = Moment::NEVER;
                self.enqueue(at, class);
                return;
            }
            if device.wants_learning(now.moment) {
                slot.is_learning = true;
                self.enqueue(at, Class::Learning);
            }
        }
        self.set_deadline(at, turn);
    }

    fn leave_window(&mut self, at: u32) {
        if let Some(class) = self.slots.get_mut(at as usize).and_then(|slot| slot.window.take()) {
            self.windows.leave(class);
        }
    }

    /// Whatever it was in line for, it is no longer.
    fn leave_queues(&mut self, at: u32) {
        self.leave_window(at);
        self.outgoing.retain(|it| *it != at);
        if let Some(slot) = self.slots.get_mut(at as usize) {
            slot.ticket = slot.ticket.wrapping_add(1);
        }
    }

    fn set_deadline(&mut self, at: u32, when: Moment) {
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        slot.deadline = when;
        if when < slot.entered {
            slot.entered = when;
            self.deadlines.push(Reverse((when, at)));
        }
    }

    fn slot(&self, at: u32) -> Option<&Slot> {
        self.slots.get(at as usize)
    }
}

/// Whose windows its polls count in.
const fn class_of(device: &Device) -> Class {
    match (device.is_dead(), device.is_known()) {
        (true, _) => Class::Dead,
        (false, true) => Class::Living,
        (false, false) => Class::Learning,
    }
}

/// A poll ended: turns that have passed meanwhile are skipped, not made up for.
fn slot_turn(slot: &mut Slot, now: Moment) {
    if let Some(device) = &slot.device {
        slot.turn =
            if std::mem::take(&mut slot.again) { now } else { next_turn(now, device.interval(), slot.phase) };
    }
}

/// The id of a slot's request, of which `masked` is the number, masked.
fn request_id(masked: u32, generation: u8) -> i32 {
    let [_, a, b, c] = masked.to_be_bytes();
    i32::from_be_bytes([generation & 0x7f, a, b, c])
}

const fn next_generation(generation: u8) -> u8 {
    if generation == 0x7f { 1 } else { generation + 1 }
}

/// Positive and never the one before (splitmix64): answers prove with it which request they are for.
fn next_nonce(random: &mut u64) -> i32 {
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = (*random ^ (*random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let [a, b, c, d, ..] = mixed.to_be_bytes();
    i32::from_be_bytes([(a & 0x3f) | 0x40, b, c, d])
}

fn hash_of(name: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// A share of `whole` that the hash picks.
fn fraction(hash: u64, whole: Duration) -> Duration {
    let nanoseconds = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX).max(1);
    Duration::from_nanos(hash % nanoseconds)
}

/// The first `phase + k * interval` that is at least a tenth of an interval away.
fn next_turn(now: Moment, interval: Duration, phase: Duration) -> Moment {
    let step = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
    let earliest = now.nanoseconds().saturating_add(step / 10);
    let phase = u64::try_from(phase.as_nanos()).unwrap_or(0) % step;
    let turns = earliest.saturating_sub(phase).div_ceil(step);
    Moment::from_nanoseconds(phase.saturating_add(turns.saturating_mul(step)))
}

#[cfg(test)]
mod tests;
