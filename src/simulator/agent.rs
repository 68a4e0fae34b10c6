//! One agent: a datagram and the moment go in, datagrams and when to send them come out.

use super::cell::Cell;
use super::faults::{Fault, Faults};
use super::respond::{RespondError, Status, View, respond};
use super::trap::{Sending, Trap};
use super::tree::Tree;
use crate::model::{Moment, Oid, Value};
use crate::snmp::wire::{EncodeError, Message, PduKind, Varbinds, Version, decode};
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::Engine;

mod engine;
mod spec;
mod wrong;

pub use engine::EngineSpec;
pub use spec::AgentSpec;

/// What stands behind an agent whose values belong together: computed when asked, all at one time.
pub trait Model: Send {
    /// The OIDs of its cells. Always the same; each must be a row of the agent's tree.
    fn oids(&self) -> Vec<Oid>;

    /// Appends the value of each cell at that time since the start to `values`, in the order of
    /// [`Self::oids`]; appends none if nothing has changed since the last call.
    fn read(&mut self, time: Duration, values: &mut Vec<Value>);
}

/// What an agent has met since it was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that came.
    pub requests: u64,
    /// Datagrams that were handed back, duplicates included.
    pub answers: u64,
    /// Well-formed GetRequests with the right community.
    pub gets: u64,
    /// The same of GetNextRequests.
    pub get_nexts: u64,
    /// The same of GetBulkRequests.
    pub get_bulks: u64,
    /// The same of SetRequests, all of them refused.
    pub sets: u64,
    /// Datagrams that are no message, or no request.
    pub malformed: u64,
    /// Messages with another community: met with silence, as agents do.
    pub wrong_community: u64,
    /// Messages of a version that this agent does not speak.
    pub wrong_version: u64,
    /// Reports of SNMPv3: requests that were not taken, discovery included.
    pub reports: u64,
    /// How often each fault has happened, by its name.
    pub faults: BTreeMap<&'static str, u64>,
}

/// A datagram to send to whoever asked.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// What to send.
    pub datagram: &'a [u8],
    /// When; not before the request came.
    pub due: Moment,
    /// From where.
    pub origin: Origin,
}

/// The address that an answer leaves from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The one that was asked, as it should be.
    Asked,
    /// Another address.
    OtherAddress,
    /// The asked address, another port.
    OtherPort,
}

/// Buffers that many agents use in turn.
#[derive(Debug, Default)]
pub struct Scratch {
    varbinds: Vec<u8>,
    message: Vec<u8>,
}

/// A running agent.
pub struct Agent {
    tree: Arc<Tree>,
    community: Arc<[u8]>,
    patches: BTreeMap<usize, Cell>,
    extra: BTreeMap<Oid, Cell>,
    live: Option<Live>,
    live_values: HashMap<usize, Value>,
    faults: Faults,
    message_octets_max: usize,
    v2c: bool,
    started: Moment,
    booted: Moment,
    boot_ticks: u32,
    silent: bool,
    busy_until: Moment,
    held: Option<Vec<u8>>,
    engine: Option<Box<Engine>>,
    counters: Counters,
}

struct Live {
    model: Arc<Mutex<dyn Model>>,
    /// The row of each cell of the model.
    rows: Vec<Option<usize>>,
    read: Vec<Value>,
}

impl Agent {
    /// An agent that is switched on at that moment. sysUpTime goes on from what its rows say.
    #[must_use]
    pub fn start(spec: AgentSpec, now: Moment) -> Self {
        let boot_ticks = match spec.tree.up_time_row().and_then(|row| spec.tree.row(row)) {
            Some((_, Value::TimeTicks(ticks))) => *ticks,
            _ => 0,
        };
        let live = spec.model.map(|model| {
            let oids = lock(&model).oids();
            let rows = oids.iter().map(|oid| spec.tree.find(oid)).collect();
            Live { model, rows, read: Vec::new() }
        });
        let mut agent = Self {
            tree: spec.tree,
            community: spec.community,
            patches: BTreeMap::new(),
            extra: BTreeMap::new(),
            live,
            live_values: HashMap::new(),
            faults: Faults::new(spec.faults, spec.seed),
            message_octets_max: spec.message_octets_max,
            v2c: spec.v2c,
            started: now,
            booted: now,
            boot_ticks,
            silent: false,
            busy_until: now,
            held: None,
            engine: spec.engine.map(|it| Box::new(Engine::start(it, spec.seed, now))),
            counters: Counters::default(),
        };
        for (oid, cell) in spec.cells {
            agent.set(oid, cell);
        }
        agent
    }

    /// Puts a cell over, or beside, the rows.
    pub fn set(&mut self, oid: Oid, cell: Cell) {
        match self.tree.find(&oid) {
            Some(row) => self.patches.insert(row, cell),
            None => self.extra.insert(oid, cell),
        };
    }

    /// Takes a cell away that [`Self::set`] has put there.
    pub fn unset(&mut self, oid: &Oid) {
        match self.tree.find(oid) {
            Some(row) => self.patches.remove(&row),
            None => self.extra.remove(oid),
        };
    }

    /// Answers nothing from now on, or answers again.
    pub const fn silence(&mut self, silent: bool) {
        self.silent = silent;
    }

    /// sysUpTime begins at zero now, and an engine's time with it, in its next boot.
    pub fn reboot(&mut self, now: Moment) {
        let is_lost = self.faults.is_fired(&Fault::BootsLost);
        let is_replaced = self.faults.is_fired(&Fault::EngineReplaced);
        if let Some(engine) = &mut self.engine {
            engine.reboot(is_lost, is_replaced, self.booted.nanoseconds(), now);
        }
        self.booted = now;
        self.boot_ticks = 0;
        self.held = None;
        self.busy_until = now;
    }

    /// The datagram of a trap or inform that it sends now from that address.
    pub(super) fn trap(
        &self,
        trap: &Trap,
        agent: Ipv4Addr,
        request_id: i32,
        now: Moment,
    ) -> Result<Vec<u8>, EncodeError> {
        let mut datagram = Vec::new();
        let sending = Sending { community: &self.community, agent, up_ticks: self.up_ticks(now), request_id };
        trap.encode(&mut datagram, sending)?;
        Ok(datagram)
    }

    /// sysUpTime, in hundredths of a second.
    fn up_ticks(&self, now: Moment) -> u32 {
        ticks(now.since(self.booted)).wrapping_add(self.boot_ticks)
    }

    /// What can go wrong.
    pub const fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// What it has met.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { faults: self.faults.fired().clone(), ..self.counters.clone() }
    }

    /// Takes a datagram in and hands answers to `send`.
    pub fn handle(
        &mut self,
        datagram: &[u8],
        now: Moment,
        scratch: &mut Scratch,
        send: &mut dyn FnMut(Outgoing<'_>),
    ) {
        self.counters.requests += 1;
        if self.silent || self.faults.is_fired(&Fault::Silent) || self.faults.is_fired(&Fault::DropRequest) {
            return;
        }
        let Ok(request) = decode(datagram) else {
            self.handle_v3(datagram, now, scratch, send);
            return;
        };
        if !self.admits(&request) || self.drops(&request) {
            return;
        }
        let heads = HEAD_OCTETS_MAX + self.community.len();
        match self.answer(&request, heads, now, &mut scratch.varbinds) {
            Ok(status) => {
                self.encode(&request, status, scratch);
                self.deliver(&scratch.message, now, send);
            }
            Err(_) => self.counters.malformed += 1,
        }
    }

    /// Checks version, community and kind, and counts.
    fn admits(&mut self, request: &Message<'_>) -> bool {
        let counters = &mut self.counters;
        if request.version == Version::V2c && !self.v2c {
            counters.wrong_version += 1;
            return false;
        }
        if request.community != &*self.community {
            counters.wrong_community += 1;
            return false;
        }
        self.counts(request.pdu.kind)
    }

    /// Counts a request; false for what is none.
    const fn counts(&mut self, kind: PduKind) -> bool {
        let counters = &mut self.counters;
        let counter = match kind {
            PduKind::Get => &mut counters.gets,
            PduKind::GetNext => &mut counters.get_nexts,
            PduKind::GetBulk => &mut counters.get_bulks,
            PduKind::Set => &mut counters.sets,
            PduKind::Response | PduKind::Inform | PduKind::TrapV2 | PduKind::Report => {
                counters.malformed += 1;
                return false;
            }
        };
        *counter += 1;
        true
    }

    /// The status, and the varbinds in `out`. `heads`: what stands around them takes so many octets.
    fn answer(
        &mut self,
        request: &Message<'_>,
        heads: usize,
        now: Moment,
        out: &mut Vec<u8>,
    ) -> Result<Status, RespondError> {
        let time = now.since(self.started);
        self.refresh(time);
        let hidden = if self.faults.is_empty() { Vec::new() } else { self.faults.vanished(time) };
        let up_ticks = self.answered_up_ticks(now);
        let view = View {
            tree: &self.tree,
            patches: &self.patches,
            extra: &self.extra,
            live: &self.live_values,
            up_ticks,
            time,
            hidden: &hidden,
            version: request.version,
        };
        let octets_max = self.message_octets_max.saturating_sub(heads);
        if self.faults.is_empty() {
            return respond(&view, request, octets_max, out);
        }
        let columns = self.faults.string_indexes();
        if columns.is_empty() {
            let status = respond(&view, request, octets_max, out)?;
            return self.distort(request, status, out);
        }
        let asked = wrong::renamed(request.pdu.varbinds.clone(), |name| wrong::numbered(name, &columns))?;
        let mut inner = request.clone();
        inner.pdu.varbinds = Varbinds::from_octets(&asked);
        let status = respond(&view, &inner, octets_max, out)?;
        let status = self.distort(&inner, status, out)?;
        *out = wrong::renamed(Varbinds::from_octets(out), |name| wrong::texted(name, &columns))?;
        Ok(status)
    }

    /// sysUpTime as it answers it.
    fn answered_up_ticks(&mut self, now: Moment) -> u32 {
        if self.faults.is_fired(&Fault::WrongUpTime) {
            return u32::try_from(self.faults.random().below(1 << 20)).unwrap_or(0);
        }
        self.up_ticks(now)
    }

    /// Asks the device behind the agent what it reads now.
    fn refresh(&mut self, time: Duration) {
        let Some(live) = &mut self.live else { return };
        live.read.clear();
        lock(&live.model).read(time, &mut live.read);
        for (row, value) in live.rows.iter().zip(live.read.drain(..)) {
            if let Some(row) = row {
                self.live_values.insert(*row, value);
            }
        }
    }
}

fn lock<'a>(model: &'a Mutex<dyn Model + 'static>) -> std::sync::MutexGuard<'a, dyn Model + 'static> {
    model.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hundredths of a second, wrapping as TimeTicks do.
fn ticks(up: Duration) -> u32 {
    u32::try_from(up.as_millis() / 10 % (1 << 32)).unwrap_or(0)
}

/// The heads of message, PDU and list at their longest, the community's octets apart.
const HEAD_OCTETS_MAX: usize = 36;

#[cfg(test)]
mod tests;
