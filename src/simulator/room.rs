//! The demo room: racks with two feeds each, UPSes and environmental monitors, all invented, each a
//! coherent agent made from its vendor's MIB. What goes on in the room is a function of seed, time and
//! what the demo does to it.

mod apc_rpdu2;
mod apc_ups;
mod eaton_epdu;
mod environment;
mod pdu;
mod raritan_pdu2;
mod rfc1628;
mod sentry4;
mod sheet;
mod ups;

use super::agent::AgentSpec;
use super::fleet::addresses;
use super::random::{Random, derive};
use super::server::{AgentHandle, Simulator, SimulatorError};
use super::trap::Trap;
use crate::model::{Labels, Oid};
use crate::snmp::wire::Version;
use environment::{Monitor, ems, room_alert};
use pdu::{Outlet, Pdu, PduPlan};
use sheet::{Living, Nameplate, Sheet, System, World};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ups::{Ups, UpsPlan};

/// What the room is to hold.
#[derive(Debug, Clone)]
pub struct RoomPlan {
    /// Rack PDUs: two a rack.
    pub pdus: usize,
    /// UPSes.
    pub upses: usize,
    /// Environmental monitors.
    pub monitors: usize,
    /// The port that all agents share, each on an address of its own.
    pub port: u16,
    /// The community that all agents know.
    pub community: String,
}

impl Default for RoomPlan {
    fn default() -> Self {
        Self { pdus: 208, upses: 12, monitors: 6, port: 16_100, community: "public".to_owned() }
    }
}

/// The devices of a room, before they run.
#[derive(Clone)]
pub struct Room {
    /// PDUs first, then UPSes, then monitors.
    pub devices: Vec<SimulatedDevice>,
}

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A rack PDU.
    Pdu,
    /// A UPS.
    Ups,
    /// An environmental monitor.
    Monitor,
}

/// A device of the room.
#[derive(Clone)]
pub struct SimulatedDevice {
    /// Its name, also its sysName: `pdu-a01-a`, `ups-north-1`, `env-a`.
    pub name: String,
    /// Where its agent listens.
    pub address: SocketAddr,
    /// site, row, rack and feed, as far as it has them.
    pub labels: Labels,
    /// What it is.
    pub kind: DeviceKind,
    /// The name of the profile that reads it.
    pub profile: &'static str,
    /// The newest version that its agent speaks.
    pub version: Version,
    /// How many phases a PDU has; 0 for others.
    pub phases: usize,
    /// Its agent.
    pub agent: AgentSpec,
    control: Control,
}

/// The device behind an agent.
#[derive(Clone)]
enum Control {
    Pdu(Arc<Mutex<Living<Pdu>>>),
    Ups(Arc<Mutex<Living<Ups>>>),
    Monitor(Arc<Mutex<Living<Monitor>>>),
}

/// Why something cannot be done to a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// No device has that name.
    #[error("no device `{0}` in the room")]
    Unknown(String),
    /// It is of another kind.
    #[error("`{device}` is no {wanted}")]
    Kind {
        /// The device.
        device: String,
        /// What it would have to be.
        wanted: &'static str,
    },
    /// Its trap cannot be sent.
    #[error("`{device}` sends no trap: {error}")]
    Trap {
        /// The device.
        device: String,
        /// Why.
        error: String,
    },
    /// It has fewer phases.
    #[error("`{device}` has no phase {phase}")]
    Phase {
        /// The device.
        device: String,
        /// The phase, from 1.
        phase: usize,
    },
}

impl Room {
    /// A room. The same seed and plan give the same room.
    #[must_use]
    pub fn build(seed: u64, plan: &RoomPlan) -> Self {
        let total = plan.pdus + plan.upses + plan.monitors;
        let seeds = (0..).map(|number| derive(seed, number));
        let addresses = addresses(SocketAddrV4::new(FIRST_ADDRESS, plan.port));
        let places = seeds.zip(addresses).map(|(seed, address)| Place { seed, address, plan });
        let devices = places.zip(0..total).map(|(place, number)| {
            if number < plan.pdus {
                place.pdu(number)
            } else if number < plan.pdus + plan.upses {
                place.ups(number - plan.pdus)
            } else {
                place.monitor(number - plan.pdus - plan.upses)
            }
        });
        Self { devices: devices.collect() }
    }

    /// Runs the agents.
    ///
    /// # Errors
    /// [`SimulatorError`], as [`Simulator::start`].
    pub fn start(self) -> Result<RunningRoom, SimulatorError> {
        let agents = self.devices.iter().map(|it| (it.address, it.agent.clone())).collect();
        Ok(RunningRoom { simulator: Simulator::start(agents)?, devices: self.devices, traps_to: None })
    }
}

/// A room whose agents answer. They stop when it is dropped.
pub struct RunningRoom {
    simulator: Simulator,
    devices: Vec<SimulatedDevice>,
    traps_to: Option<SocketAddr>,
}

impl RunningRoom {
    /// The agents' server, for its counters.
    #[must_use]
    pub const fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// The devices.
    #[must_use]
    pub fn devices(&self) -> &[SimulatedDevice] {
        &self.devices
    }

    /// Has UPSes tell of their mains by traps from now on: those of APC by v1, others by v2c.
    pub const fn send_traps_to(&mut self, address: SocketAddr) {
        self.traps_to = Some(address);
    }

    /// The agent of that device.
    ///
    /// # Errors
    /// [`RoomError::Unknown`].
    pub fn agent(&self, device: &str) -> Result<AgentHandle, RoomError> {
        let unknown = || RoomError::Unknown(device.to_owned());
        let index = self.devices.iter().position(|it| it.name == device).ok_or_else(unknown)?;
        self.simulator.agent(index).ok_or_else(unknown)
    }

    /// Drives a phase of a PDU, counted from 1, to 115 % of its rating. Its banks and outlets follow.
    ///
    /// # Errors
    /// [`RoomError`].
    pub fn overload(&self, device: &str, phase: usize) -> Result<(), RoomError> {
        let Control::Pdu(pdu) = &self.find(device)?.control else {
            return Err(RoomError::Kind { device: device.to_owned(), wanted: "PDU" });
        };
        let driven = phase.checked_sub(1).is_some_and(|it| lock(pdu).world.drive(it, OVERLOAD_SHARE));
        if driven { Ok(()) } else { Err(RoomError::Phase { device: device.to_owned(), phase }) }
    }

    /// Takes the mains away from a UPS. Its battery drains `pace` times faster than a real one.
    ///
    /// # Errors
    /// [`RoomError`].
    pub fn on_battery(&self, device: &str, pace: f64) -> Result<(), RoomError> {
        let found = self.find(device)?;
        match &found.control {
            Control::Ups(ups) => {
                lock(ups).world.fail_mains(pace);
                self.send_trap(found, false)
            }
            Control::Pdu(_) | Control::Monitor(_) => {
                Err(RoomError::Kind { device: device.to_owned(), wanted: "UPS" })
            }
        }
    }

    /// Heats the air at a monitor's probes by so many degrees.
    ///
    /// # Errors
    /// [`RoomError`].
    pub fn heat(&self, device: &str, degrees: f64) -> Result<(), RoomError> {
        match &self.find(device)?.control {
            Control::Monitor(monitor) => {
                lock(monitor).world.heat(degrees);
                Ok(())
            }
            Control::Pdu(_) | Control::Ups(_) => {
                Err(RoomError::Kind { device: device.to_owned(), wanted: "environmental monitor" })
            }
        }
    }

    /// Makes a device's agent answer nothing.
    ///
    /// # Errors
    /// [`RoomError::Unknown`].
    pub fn silence(&self, device: &str) -> Result<(), RoomError> {
        self.agent(device).map(|it| it.silence(true))
    }

    /// Undoes all that was done to a device: it answers, draws what it draws by itself, is on mains with
    /// a full battery, and cool.
    ///
    /// # Errors
    /// [`RoomError::Unknown`].
    pub fn mend(&self, device: &str) -> Result<(), RoomError> {
        match &self.find(device)?.control {
            Control::Pdu(pdu) => lock(pdu).world.mend(),
            Control::Ups(ups) => {
                lock(ups).world.mend();
                self.send_trap(self.find(device)?, true)?;
            }
            Control::Monitor(monitor) => lock(monitor).world.heat(0.0),
        }
        self.agent(device).map(|it| it.silence(false))
    }

    /// A UPS tells that its mains are gone, or back.
    fn send_trap(&self, device: &SimulatedDevice, mains: bool) -> Result<(), RoomError> {
        let Some(to) = self.traps_to else { return Ok(()) };
        let trap = if device.profile == "apc-ups" {
            Trap::new(
                Oid::new(if mains { apc_ups::POWER_RESTORED } else { apc_ups::ON_BATTERY }),
                Version::V1,
            )
        } else {
            // UPS-MIB has no trap for mains that are back, but for the alarm that is over.
            let oid = if mains { rfc1628::ALARM_REMOVED } else { rfc1628::ON_BATTERY };
            Trap::new(Oid::new(oid), Version::V2c)
        };
        let sent = self.agent(&device.name)?.send_trap(to, &trap);
        sent.map(|_| ())
            .map_err(|error| RoomError::Trap { device: device.name.clone(), error: error.to_string() })
    }

    fn find(&self, device: &str) -> Result<&SimulatedDevice, RoomError> {
        let found = self.devices.iter().find(|it| it.name == device);
        found.ok_or_else(|| RoomError::Unknown(device.to_owned()))
    }
}

/// Where a device is put.
struct Place<'a> {
    seed: u64,
    address: SocketAddr,
    plan: &'a RoomPlan,
}

impl Place<'_> {
    fn pdu(&self, number: usize) -> SimulatedDevice {
        let (rack, feed) = (number / 2, if number.is_multiple_of(2) { "a" } else { "b" });
        let (row, place) = (rack / RACKS_PER_ROW, rack % RACKS_PER_ROW + 1);
        let site = self.site_of_row(row);
        let rack_name = format!("{}{place:02}", row_name(row));
        let name = format!("pdu-{rack_name}-{feed}");
        let location = format!("{site}, row {}, rack {rack_name}, feed {feed}", row_name(row));
        let labels = [
            ("site", site.to_owned()),
            ("row", row_name(row)),
            ("rack", rack_name),
            ("feed", feed.to_owned()),
        ];
        let family = &PDU_FAMILIES[rack % PDU_FAMILIES.len()];
        let pdu = Pdu::new(family.plan(self.seed));
        let (phases, outlet_names) = (pdu.plan().phases, outlet_names(&pdu.outlets, self.seed));
        let serial = serial(family.serial, self.seed);
        let plate = Nameplate {
            name: &name,
            location: &location,
            model: family.model,
            serial: &serial,
            outlet_names: &outlet_names,
        };
        let description = family.description.replace("{serial}", &serial);
        let system = self.system(family.object_id, &description, &name, &location);
        let (agent, pdu) = self.agent((family.sheet)(&system, &plate, &pdu), pdu);
        SimulatedDevice {
            address: self.address,
            labels: Labels::new(labels),
            kind: DeviceKind::Pdu,
            profile: family.profile,
            version: Version::V2c,
            phases,
            agent,
            control: Control::Pdu(pdu),
            name,
        }
    }

    fn ups(&self, number: usize) -> SimulatedDevice {
        let site = SITES[number % SITES.len()];
        let name = format!("ups-{site}-{}", number / SITES.len() + 1);
        let feed = if (number / SITES.len()).is_multiple_of(2) { "a" } else { "b" };
        let location = format!("{site}, battery room, feed {feed}");
        let labels = [("site", site.to_owned()), ("feed", feed.to_owned())];
        let apc = number % 3 != 2;
        let ups = Ups::new(ups_plan(apc, self.seed));
        let serial = serial(if apc { "AS2321" } else { "UX" }, self.seed);
        let plate = rfc1628::Nameplate {
            name: &name,
            manufacturer: if apc { "American Power Conversion" } else { "Example Power" },
            model: if apc { "Smart-UPS X 3000" } else { "Triphase 20 kVA" },
            serial: &serial,
            firmware: if apc { "UPS 11.0 (ID1016)" } else { "2.14" },
            agent: if apc { "v7.0.8" } else { "Net card 3.2" },
        };
        let description = if apc {
            format!("APC Web/SNMP Management Card (MB:v4.2.9 PF:v7.0.8 AN1:sumx MN:AP9641 SN:{serial})")
        } else {
            "Example Power UPS net card".to_owned()
        };
        let object_id = if apc { apc_ups::OBJECT_ID } else { rfc1628::OBJECT_ID };
        let system = self.system(object_id, &description, &name, &location);
        let sheet = if apc { apc_ups::sheet } else { rfc1628::sheet }(&system, &plate, &ups);
        let (agent, ups) = self.agent(sheet, ups);
        SimulatedDevice {
            address: self.address,
            labels: Labels::new(labels),
            kind: DeviceKind::Ups,
            profile: if apc { "apc-ups" } else { "rfc1628" },
            version: Version::V2c,
            phases: 0,
            agent,
            control: Control::Ups(ups),
            name,
        }
    }

    fn monitor(&self, number: usize) -> SimulatedDevice {
        let site = self.site_of_row(number);
        let name = format!("env-{}", row_name(number));
        let location = format!("{site}, row {}", row_name(number));
        let labels = [("site", site.to_owned()), ("row", row_name(number))];
        let monitor = Monitor::new(self.seed, 3);
        let is_ems = number % 3 != 2;
        let serial = serial("NA", self.seed);
        let description = if is_ems {
            format!("APC Environmental Management System (MB:v3.9.2 PF:v2.7.0 MN:AP9320 SN:{serial})")
        } else {
            "Room Alert 12E v3.4.0".to_owned()
        };
        let object_id = if is_ems { ems::OBJECT_ID } else { room_alert::OBJECT_ID };
        let system = self.system(object_id, &description, &name, &location);
        let sheet = if is_ems {
            ems::sheet(&system, &name, &serial, &monitor)
        } else {
            room_alert::sheet(&system, &monitor)
        };
        let (agent, monitor) = self.agent(sheet, monitor);
        SimulatedDevice {
            address: self.address,
            labels: Labels::new(labels),
            kind: DeviceKind::Monitor,
            profile: if is_ems { "apc-ems" } else { "avtech-roomalert-12e" },
            version: if is_ems { Version::V2c } else { Version::V1 },
            phases: 0,
            agent: if is_ems { agent } else { agent.v1_only() },
            control: Control::Monitor(monitor),
            name,
        }
    }

    /// The first half of the rows stands in the first site.
    fn site_of_row(&self, row: usize) -> &'static str {
        let rows = self.plan.pdus.div_ceil(2).div_ceil(RACKS_PER_ROW);
        SITES[usize::from(rows.div_ceil(2) <= row)]
    }

    fn system<'s>(
        &self,
        object_id: &'s [u32],
        description: &'s str,
        name: &'s str,
        location: &'s str,
    ) -> System<'s> {
        // Between a day and 300 days.
        let seconds = Random::new(derive(self.seed, 1)).between(86_400.0, 25_920_000.0);
        System { object_id, description, name, location, up_ticks: super::cell::wrapped(seconds * 100.0) }
    }

    fn agent<W: World>(&self, sheet: Sheet<W::State>, world: W) -> (AgentSpec, Arc<Mutex<Living<W>>>) {
        let (tree, living) = sheet.build(world);
        let living = Arc::new(Mutex::new(living));
        let model = Arc::clone(&living) as Arc<Mutex<dyn super::agent::Model>>;
        (AgentSpec::new(tree, &self.plan.community).with_model(model), living)
    }
}

/// A family of PDUs.
struct PduFamily {
    profile: &'static str,
    model: &'static str,
    serial: &'static str,
    description: &'static str,
    object_id: &'static [u32],
    sheet: fn(&System<'_>, &Nameplate<'_>, &Pdu) -> Sheet<pdu::PduState>,
    phases: usize,
    rated_amperes: f64,
    banks_per_phase: usize,
    outlets: usize,
}

impl PduFamily {
    const fn plan(&self, seed: u64) -> PduPlan {
        PduPlan {
            seed,
            phases: self.phases,
            rated_amperes: self.rated_amperes,
            bank_amperes: 16.0,
            banks_per_phase: self.banks_per_phase,
            outlets: self.outlets,
            probes: 1,
        }
    }
}

/// Racks take them in turn; both feeds of a rack are of one family.
const PDU_FAMILIES: [PduFamily; 5] = [
    PduFamily {
        profile: "apc-rpdu2",
        model: "AP8681",
        serial: "ZA2217",
        description: "APC Web/SNMP Management Card (MB:v4.2.9 PF:v7.1.4 PN:apc_hw05_aos AF1:v7.1.4 AN1:rpdu2g MN:AP8681 SN: {serial})",
        object_id: apc_rpdu2::OBJECT_ID,
        sheet: apc_rpdu2::sheet,
        phases: 3,
        rated_amperes: 16.0,
        banks_per_phase: 0,
        outlets: 24,
    },
    PduFamily {
        profile: "raritan-pdu2",
        model: "PX3-5464V",
        serial: "1CH",
        description: "PX3 040210",
        object_id: raritan_pdu2::OBJECT_ID,
        sheet: raritan_pdu2::sheet,
        phases: 3,
        rated_amperes: 32.0,
        banks_per_phase: 2,
        outlets: 18,
    },
    PduFamily {
        profile: "sentry4",
        model: "C2S36CE-ECMFAM66",
        serial: "ABEB",
        description: "Sentry Switched PDU",
        object_id: sentry4::OBJECT_ID,
        sheet: sentry4::sheet,
        phases: 3,
        rated_amperes: 32.0,
        banks_per_phase: 2,
        outlets: 24,
    },
    PduFamily {
        profile: "eaton-epdu",
        model: "EMAB33",
        serial: "G424",
        description: "EPDU MA 0U (C13) 3P 16A",
        object_id: eaton_epdu::OBJECT_ID,
        sheet: eaton_epdu::sheet,
        phases: 3,
        rated_amperes: 16.0,
        banks_per_phase: 1,
        outlets: 24,
    },
    PduFamily {
        profile: "apc-rpdu2",
        model: "AP8659",
        serial: "ZA2218",
        description: "APC Web/SNMP Management Card (MB:v4.2.9 PF:v7.1.4 PN:apc_hw05_aos AF1:v7.1.4 AN1:rpdu2g MN:AP8659 SN: {serial})",
        object_id: apc_rpdu2::OBJECT_ID,
        sheet: apc_rpdu2::sheet,
        phases: 1,
        rated_amperes: 32.0,
        banks_per_phase: 2,
        outlets: 24,
    },
];

const fn ups_plan(apc: bool, seed: u64) -> UpsPlan {
    if apc {
        UpsPlan {
            seed,
            lines: 1,
            rated_volt_amperes: 3000.0,
            rated_watts: 2700.0,
            battery_volts: 96.0,
            full_runtime: Duration::from_mins(9),
        }
    } else {
        UpsPlan {
            seed,
            lines: 3,
            rated_volt_amperes: 20_000.0,
            rated_watts: 18_000.0,
            battery_volts: 384.0,
            full_runtime: Duration::from_mins(14),
        }
    }
}

/// What is plugged into each outlet.
fn outlet_names(outlets: &[Outlet], seed: u64) -> Vec<String> {
    let mut random = Random::new(derive(seed, 2));
    (1..)
        .zip(outlets)
        .map(|(number, outlet)| {
            if outlet.is_idle() {
                return format!("spare {number}");
            }
            let load = random.pick(&["web", "db", "store", "cache", "batch", "switch"]).unwrap_or(&"web");
            format!("{load}-{number:02}")
        })
        .collect()
}

fn serial(prefix: &str, seed: u64) -> String {
    format!("{prefix}{:06}", Random::new(derive(seed, 3)).below(1_000_000))
}

/// `a` to `z`, then `aa` and so on.
fn row_name(row: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(row % 26).unwrap_or(0));
    if row < 26 { letter.to_string() } else { format!("{}{letter}", row_name(row / 26 - 1)) }
}

fn lock<W: World>(living: &Mutex<Living<W>>) -> std::sync::MutexGuard<'_, Living<W>> {
    living.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the room begins.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 20, 0, 1);
/// Of its rating, what an overloaded phase carries.
const OVERLOAD_SHARE: f64 = 1.15;
const RACKS_PER_ROW: usize = 10;
const SITES: [&str; 2] = ["north", "south"];

#[cfg(test)]
mod tests;
