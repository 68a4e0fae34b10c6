//! The families: their names, types and helps, and which series each has of a device.
//!
//! Names and labels are a contract, docs/metrics.md describes them: a change breaks dashboards.

use super::lines::Lines;
use super::number::push_number;
use super::{Device, Format};
use crate::model::{Batch, ComponentKind, Effort, Health, Missing, Now, Quantity, Sample, StateValue};
use crate::store::{Padded, Rating, Series, Standing, push_escaped};

/// One family of series.
pub(super) struct Family {
    name: &'static str,
    /// OpenMetrics' word for it. States' names stay gauges: a family of states is there already.
    kind: &'static str,
    help: &'static str,
    of: Of,
}

/// What a family's series are.
enum Of {
    Up,
    Info,
    Error,
    PollDuration,
    Effort(fn(&Effort) -> Option<f64>),
    TooMany,
    LastSuccess,
    Missing,
    /// Readings: value * factor / divisor. Two numbers, because 45.2 / 100 is exact to the last digit,
    /// and 45.2 * 0.01 is not.
    Reading {
        quantity: Quantity,
        factor: f64,
        divisor: f64,
    },
    StateSeverity,
    StateInfo,
    Rated(Rating),
    Inventory(OfInventory),
}

/// What a family of inventories shows.
#[derive(Debug, Clone, Copy)]
enum OfInventory {
    Up,
    Info,
    Error,
    Duration,
    LastSuccess,
    Age,
    Objects,
    Missing,
    Rated(Rating),
}

impl Family {
    /// HELP, TYPE and the like.
    pub(super) fn push_head(&self, out: &mut Vec<u8>, format: Format) {
        format.push_head(out, self.name, self.kind, self.help);
    }

    /// Whether that device may have series of this family.
    #[inline]
    pub(super) fn concerns(&self, device: &Device) -> bool {
        match self.of {
            Of::Up | Of::Info | Of::PollDuration | Of::LastSuccess | Of::Missing => !device.is_inventory,
            Of::Effort(_) | Of::TooMany => !device.is_inventory,
            Of::Error => device.standing != Standing::Up && !device.is_inventory,
            Of::Reading { quantity, .. } => device.has.quantity(quantity),
            Of::StateSeverity | Of::StateInfo => device.has.quantity(Quantity::State),
            Of::Rated(rating) => device.has.rating(rating) && !device.is_inventory,
            Of::Inventory(OfInventory::Rated(rating)) => device.has.rating(rating) && device.is_inventory,
            Of::Inventory(OfInventory::Error) => device.standing != Standing::Up && device.is_inventory,
            Of::Inventory(_) => device.is_inventory,
        }
    }

    /// The series of one device that it [`concerns`](Self::concerns). How many there are.
    pub(super) fn push_lines(&self, out: &mut Vec<u8>, device: &Device, now: Now) -> u64 {
        let batch = device.shown();
        match self.of {
            Of::Up => self.one(out, device, &[], f64::from(u8::from(device.standing == Standing::Up))),
            Of::Info => self.info(out, device, batch),
            Of::Error => match error_class(device, batch) {
                Some(class) => self.one(out, device, &[("class", class)], 1.0),
                None => 0,
            },
            Of::PollDuration => self.one(out, device, &[], batch.duration.as_secs_f64()),
            Of::Effort(value) => match value(&batch.effort) {
                Some(value) => self.one(out, device, &[], value),
                None => 0,
            },
            Of::TooMany => self.too_many(out, device, &batch.effort),
            Of::LastSuccess => match device.published.last_good() {
                Some(good) => self.one(out, device, &[], unix_seconds(good)),
                None => 0,
            },
            Of::Missing => self.missing(out, device, batch),
            Of::Rated(rated) => self.rated(out, device, batch, rated),
            Of::Inventory(of) => self.inventory(out, device, of, now),
            Of::Reading { quantity, factor, divisor } => {
                self.readings(out, device, batch, quantity, |_, value| value * factor / divisor)
            }
            Of::StateSeverity => self.readings(out, device, batch, Quantity::State, |at, value| {
                f64::from(state_of(batch, at, value).map_or(Health::Unknown, |it| it.health) as u8)
            }),
            Of::StateInfo => self.state_info(out, device, batch),
        }
    }

    /// The series of an inventory, or of its objects.
    fn inventory(&self, out: &mut Vec<u8>, device: &Device, of: OfInventory, now: Now) -> u64 {
        let (last, shown, good) = (device.published.batch(), device.shown(), device.published.last_good());
        match of {
            OfInventory::Up => {
                self.one(out, device, &[], f64::from(u8::from(device.standing == Standing::Up)))
            }
            OfInventory::Info => {
                let (source, vendor) = (&last.source, &*last.source.identity.vendor);
                let labels = [("type", &*source.profile), ("vendor", vendor), ("address", &source.address)];
                self.one(out, device, &labels, 1.0)
            }
            OfInventory::Error => {
                error_class(device, last).map_or(0, |class| self.one(out, device, &[("class", class)], 1.0))
            }
            OfInventory::Duration => self.one(out, device, &[], last.duration.as_secs_f64()),
            OfInventory::LastSuccess => good.map_or(0, |it| self.one(out, device, &[], unix_seconds(it))),
            OfInventory::Age => good.map_or(0, |it| self.one(out, device, &[], age(it, now))),
            OfInventory::Objects => {
                self.objects(out, device, good.filter(|_| device.has.quantity(Quantity::Age)))
            }
            OfInventory::Missing => self.missing(out, device, shown),
            OfInventory::Rated(rated) => self.rated(out, device, shown, rated),
        }
    }

    /// How many objects of each kind count now.
    fn objects(&self, out: &mut Vec<u8>, device: &Device, good: Option<&Batch>) -> u64 {
        let Some(good) = good else { return 0 };
        let kinds = ComponentKind::OF_INVENTORIES.into_iter().filter(|it| *it != ComponentKind::Inventory);
        let mut lines = 0;
        for kind in kinds {
            let count = good.shape.components.iter().filter(|it| it.kind == kind).count();
            if let Ok(count) = u32::try_from(count)
                && count != 0
            {
                lines += self.one(out, device, &[("component", kind.name())], f64::from(count));
            }
        }
        lines
    }

    /// A series of the device itself, with more labels.
    fn one(&self, out: &mut Vec<u8>, device: &Device, labels: &[(&str, &str)], value: f64) -> u64 {
        let series = device.series();
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(series.head());
        for (name, value) in labels {
            out.push(b',');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"=\"");
            push_escaped(out, value);
            out.push(b'"');
        }
        out.extend_from_slice(series.tail().octets());
        push_number(out, value);
        out.push(b'\n');
        1
    }

    fn info(&self, out: &mut Vec<u8>, device: &Device, batch: &Batch) -> u64 {
        let (source, identity) = (&batch.source, &batch.source.identity);
        let labels: [(&str, &str); 6] = [
            ("vendor", &identity.vendor),
            ("model", &identity.model),
            ("serial", &identity.serial),
            ("firmware", &identity.firmware),
            ("profile", &source.profile),
            ("address", &source.address),
        ];
        self.one(out, device, &labels, 1.0)
    }

    fn too_many(&self, out: &mut Vec<u8>, device: &Device, effort: &Effort) -> u64 {
        let Effort { cells, octets, repetitions, .. } = effort;
        let mut lines = 0;
        for (of, bound) in [("cells", cells), ("octets", octets), ("repetitions", repetitions)] {
            if let Some(failed) = bound.failed {
                lines += self.one(out, device, &[("of", of)], f64::from(failed));
            }
        }
        lines
    }

    fn missing(&self, out: &mut Vec<u8>, device: &Device, batch: &Batch) -> u64 {
        let readings = batch.shape.readings.len();
        if device.standing == Standing::Stale {
            return match u32::try_from(readings).unwrap_or(u32::MAX) {
                0 => 0,
                all => self.one(out, device, &[("reason", STALE)], f64::from(all)),
            };
        }
        let mut counts = [0_u32; Missing::ALL.len()];
        for at in 0..readings {
            if let Err(reason) = current(batch, at)
                && let Some(count) = counts.get_mut(reason as usize)
            {
                *count += 1;
            }
        }
        let mut lines = 0;
        for (reason, count) in Missing::ALL.into_iter().zip(counts) {
            if count != 0 {
                lines += self.one(out, device, &[("reason", reason.name())], f64::from(count));
            }
        }
        lines
    }

    fn rated(&self, out: &mut Vec<u8>, device: &Device, batch: &Batch, rating: Rating) -> u64 {
        let series = device.series();
        let components = &batch.shape.components;
        let mut lines = self.lines(out, series, components.len());
        for (place, text) in series.components() {
            if let Some(value) = components.get(place as usize).and_then(|it| rating.of(&it.ratings)) {
                lines.push([text, Padded::NONE, series.tail()], value);
            }
        }
        lines.end()
    }

    /// The series of a quantity that have a value now. The hot loop of a scrape. `shown` makes the value of a
    /// reading's place and what it reads.
    #[inline]
    fn readings(
        &self,
        out: &mut Vec<u8>,
        device: &Device,
        batch: &Batch,
        quantity: Quantity,
        shown: impl Fn(usize, f64) -> f64,
    ) -> u64 {
        let series = device.series();
        let of = series.of(quantity);
        let mut lines = self.lines(out, series, of.len());
        for line in of {
            let reading = line.reading as usize;
            let Ok(value) = current(batch, reading) else { continue };
            lines.push([series.component(*line), series.name(*line), series.tail()], shown(reading, value));
        }
        lines.end()
    }

    fn lines<'a>(&self, out: &'a mut Vec<u8>, series: &Series, count: usize) -> Lines<'a> {
        Lines::new(out, [self.name.as_bytes(), series.head()], series.rest_bytes_max(), count)
    }

    fn state_info(&self, out: &mut Vec<u8>, device: &Device, batch: &Batch) -> u64 {
        let series = device.series();
        let mut written = 0;
        for line in series.of(Quantity::State) {
            let reading = line.reading as usize;
            let Ok(value) = current(batch, reading) else { continue };
            out.extend_from_slice(self.name.as_bytes());
            out.extend_from_slice(series.head());
            out.extend_from_slice(series.component(*line).octets());
            out.extend_from_slice(series.name(*line).octets());
            out.extend_from_slice(b",state=\"");
            match state_of(batch, reading, value) {
                Some(state) => push_escaped(out, &state.name),
                None => push_number(out, value),
            }
            out.push(b'"');
            out.extend_from_slice(series.tail().octets());
            out.extend_from_slice(b"1\n");
            written += 1;
        }
        written
    }
}

/// The reason of readings whose device has not been polled for too long.
const STALE: &str = "stale";

/// A reading of a batch; what is no finite number is missing, as it is in the JSON API.
#[inline]
fn current(batch: &Batch, reading: usize) -> Result<f64, Missing> {
    match batch.samples.get(reading) {
        Some(Sample::Value(value) | Sample::Suspect(value)) if value.is_finite() => Ok(*value),
        Some(Sample::Value(_) | Sample::Suspect(_)) => Err(Missing::WrongType),
        Some(Sample::Missing(reason)) => Err(*reason),
        None => Err(Missing::NotPolled),
    }
}

fn error_class<'a>(device: &Device, batch: &'a Batch) -> Option<&'a str> {
    match device.standing {
        Standing::Up => None,
        Standing::Failed => batch.error.as_ref().map(|it| it.class()),
        Standing::Stale => Some(STALE),
    }
}

fn state_of(batch: &Batch, reading: usize, value: f64) -> Option<&StateValue> {
    batch.shape.readings.get(reading)?.states.as_ref()?.state(value)
}

/// How old a snapshot is now: as old as it was when it was taken, and what has passed since.
fn age(good: &Batch, now: Now) -> f64 {
    let then = good.samples.first().and_then(|it| it.value()).unwrap_or(0.0);
    then + now.moment.since(good.time.moment).as_secs_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 are exact in an f64 for 285,000 years"
)]
fn unix_seconds(batch: &Batch) -> f64 {
    batch.time.unix.0 as f64 / 1000.0
}

const fn gauge(name: &'static str, help: &'static str, of: Of) -> Family {
    Family { name, kind: "gauge", help, of }
}

const fn base(quantity: Quantity) -> Of {
    Of::Reading { quantity, factor: 1.0, divisor: 1.0 }
}

const fn percent(quantity: Quantity) -> Of {
    Of::Reading { quantity, factor: 1.0, divisor: 100.0 }
}

const WATT_HOUR_JOULES: f64 = 3600.0;
const DAY_SECONDS: f64 = 86_400.0;

const fn of_inventory(name: &'static str, help: &'static str, of: OfInventory) -> Family {
    gauge(name, help, Of::Inventory(of))
}

/// All families, in the order in which they are written.
pub(super) const FAMILIES: &[Family] = &[
    gauge("rackwarden_device_up", "1 if the last poll of the device was answered and is not stale.", Of::Up),
    Family {
        name: "rackwarden_device_info",
        kind: "info",
        help: "Who the device says it is; always 1.",
        of: Of::Info,
    },
    gauge(
        "rackwarden_device_error",
        "1 while the last poll of the device failed or is stale, with the class of the failure.",
        Of::Error,
    ),
    gauge(
        "rackwarden_device_poll_duration_seconds",
        "How long the last poll of the device took.",
        Of::PollDuration,
    ),
    gauge(
        "rackwarden_device_poll_requests",
        "Requests that the last poll of the device took, repeats included.",
        Of::Effort(|it| Some(f64::from(it.requests))),
    ),
    gauge(
        "rackwarden_device_poll_repeats",
        "Requests of the last poll that repeated one which was not answered in time.",
        Of::Effort(|it| Some(f64::from(it.repeats))),
    ),
    gauge(
        "rackwarden_device_round_trip_seconds",
        "The agent's usual answer time.",
        Of::Effort(|it| it.round_trip.map(|it| it.as_secs_f64())),
    ),
    gauge(
        "rackwarden_device_get_cells",
        "Cells that the agent is asked for in one GET at most.",
        Of::Effort(|it| (it.cells.asked != 0).then(|| f64::from(it.cells.asked))),
    ),
    gauge(
        "rackwarden_device_get_octets",
        "Octets of variable bindings that the answer to one GET may have at most.",
        Of::Effort(|it| (it.octets.asked != 0).then(|| f64::from(it.octets.asked))),
    ),
    gauge(
        "rackwarden_device_request_too_many",
        "The least that the agent was found not to bear in one request.",
        Of::TooMany,
    ),
    gauge(
        "rackwarden_device_last_success_timestamp_seconds",
        "When the last poll ended that did not fail, in seconds since 1970.",
        Of::LastSuccess,
    ),
    gauge(
        "rackwarden_readings_missing",
        "Readings of the device without a current value, by reason.",
        Of::Missing,
    ),
    gauge("rackwarden_current_amperes", "Current.", base(Quantity::Current)),
    gauge("rackwarden_voltage_volts", "Voltage.", base(Quantity::Voltage)),
    gauge("rackwarden_active_power_watts", "Active power.", base(Quantity::ActivePower)),
    gauge("rackwarden_apparent_power_voltamperes", "Apparent power.", base(Quantity::ApparentPower)),
    gauge("rackwarden_reactive_power_vars", "Reactive power.", base(Quantity::ReactivePower)),
    Family {
        name: "rackwarden_energy_joules_total",
        kind: "counter",
        help: "Energy since the device's meter was reset; 3600000 joules are one kilowatt-hour.",
        of: Of::Reading { quantity: Quantity::Energy, factor: WATT_HOUR_JOULES, divisor: 1.0 },
    },
    gauge("rackwarden_power_factor_ratio", "Power factor, -1 to 1.", base(Quantity::PowerFactor)),
    gauge("rackwarden_frequency_hertz", "Frequency.", base(Quantity::Frequency)),
    gauge("rackwarden_temperature_celsius", "Temperature.", base(Quantity::Temperature)),
    gauge("rackwarden_humidity_ratio", "Relative humidity, 0 to 1.", percent(Quantity::Humidity)),
    gauge("rackwarden_load_ratio", "Load as a part of capacity; 1 is full.", percent(Quantity::Load)),
    gauge("rackwarden_charge_ratio", "Battery charge; 1 is full.", percent(Quantity::Charge)),
    gauge(
        "rackwarden_runtime_seconds",
        "How long the battery would carry the load.",
        base(Quantity::Runtime),
    ),
    gauge("rackwarden_state", "State as the agent's own number.", base(Quantity::State)),
    gauge(
        "rackwarden_state_severity",
        "How the state is to be taken: 0 ok, 1 unknown, 2 warning, 3 critical.",
        Of::StateSeverity,
    ),
    gauge("rackwarden_state_info", "The state's name; always 1.", Of::StateInfo),
    gauge(
        "rackwarden_rated_current_amperes",
        "Rated current of the component.",
        Of::Rated(Rating::CurrentAmperes),
    ),
    gauge(
        "rackwarden_rated_active_power_watts",
        "Rated active power of the component.",
        Of::Rated(Rating::ActivePowerWatts),
    ),
    gauge(
        "rackwarden_rated_apparent_power_voltamperes",
        "Rated apparent power of the component.",
        Of::Rated(Rating::ApparentPowerVoltAmperes),
    ),
    of_inventory(
        "rackwarden_inventory_up",
        "1 if the last snapshot of the inventory was taken and is not stale.",
        OfInventory::Up,
    ),
    Family {
        name: "rackwarden_inventory_info",
        kind: "info",
        help: "What the inventory is; always 1.",
        of: Of::Inventory(OfInventory::Info),
    },
    of_inventory(
        "rackwarden_inventory_error",
        "1 while the last snapshot of the inventory failed or is stale, with the class of the failure.",
        OfInventory::Error,
    ),
    of_inventory(
        "rackwarden_inventory_snapshot_duration_seconds",
        "How long the last snapshot of the inventory took, good or not.",
        OfInventory::Duration,
    ),
    of_inventory(
        "rackwarden_inventory_last_success_timestamp_seconds",
        "When the last good snapshot of the inventory was taken, in seconds since 1970.",
        OfInventory::LastSuccess,
    ),
    of_inventory(
        "rackwarden_inventory_snapshot_age_seconds",
        "How old what the last good snapshot says is.",
        OfInventory::Age,
    ),
    of_inventory(
        "rackwarden_inventory_objects",
        "Objects of the inventory that count now, by kind.",
        OfInventory::Objects,
    ),
    of_inventory(
        "rackwarden_inventory_readings_missing",
        "Readings of the inventory's objects without a current value, by reason.",
        OfInventory::Missing,
    ),
    gauge(
        "rackwarden_installations",
        "Installations of a piece of software or an operating system.",
        base(Quantity::Installations),
    ),
    gauge("rackwarden_licenses", "Licences or seats that are owned.", base(Quantity::Licenses)),
    gauge("rackwarden_licenses_used", "Licences or seats in use.", base(Quantity::LicensesUsed)),
    gauge(
        "rackwarden_license_use_ratio",
        "Licences in use as a part of those owned; over 1 is over-use.",
        percent(Quantity::LicenseUse),
    ),
    gauge("rackwarden_addresses", "Usable addresses of a subnet.", base(Quantity::Addresses)),
    gauge("rackwarden_addresses_used", "Addresses of a subnet in use.", base(Quantity::AddressesUsed)),
    gauge(
        "rackwarden_addresses_free",
        "Usable addresses of a subnet that are not in use.",
        base(Quantity::AddressesFree),
    ),
    gauge(
        "rackwarden_address_use_ratio",
        "Addresses in use as a part of the usable ones.",
        percent(Quantity::AddressUse),
    ),
    gauge("rackwarden_parts", "Parts of a model, wherever they are.", base(Quantity::Parts)),
    gauge("rackwarden_parts_available", "Parts of a model in stock.", base(Quantity::PartsAvailable)),
    gauge(
        "rackwarden_part_availability_ratio",
        "Parts in stock as a part of all of their model.",
        percent(Quantity::PartAvailability),
    ),
    gauge(
        "rackwarden_time_left_seconds",
        "How long something is still valid, in whole days; negative once it has expired.",
        Of::Reading { quantity: Quantity::DaysLeft, factor: DAY_SECONDS, divisor: 1.0 },
    ),
    of_inventory(
        "rackwarden_inventory_rated_current_amperes",
        "Rated current of a power unit by the inventory's word.",
        OfInventory::Rated(Rating::CurrentAmperes),
    ),
    of_inventory(
        "rackwarden_inventory_rated_active_power_watts",
        "Rated active power of a power unit by the inventory's word.",
        OfInventory::Rated(Rating::ActivePowerWatts),
    ),
    of_inventory(
        "rackwarden_inventory_rated_apparent_power_voltamperes",
        "Rated apparent power of a power unit by the inventory's word.",
        OfInventory::Rated(Rating::ApparentPowerVoltAmperes),
    ),
];
