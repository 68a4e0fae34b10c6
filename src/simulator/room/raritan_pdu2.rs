//! Raritan PX3: PDU2-MIB.
//!
//! Every measurement is a row (unit, part, sensor type) with its own number of decimal digits; the
//! state beside it says whether the value holds.

use super::pdu::{Circuit, OUTLET_AMPERES, Pdu, PduState};
use super::sheet::{Nameplate, Root, Sheet, System, numbered};
use crate::model::Value;
use crate::simulator::cell::Form::{Gauge32, Integer};

/// The root of the PDU2 agents.
pub(super) const OBJECT_ID: &[u32] = &[1, 3, 6, 1, 4, 1, 13742, 6];
const PDU2: Root = Root(&[1, 3, 6, 1, 4, 1, 13742, 6]);

/// A sensor type, its unit and digits (PDU2-MIB SensorTypeEnumeration, SensorUnitsEnumeration).
#[derive(Clone, Copy)]
struct Sensor {
    kind: u32,
    unit: i64,
    digits: u32,
}

const CURRENT: Sensor = Sensor { kind: 1, unit: 2, digits: 3 };
const VOLTAGE: Sensor = Sensor { kind: 4, unit: 1, digits: 0 };
const ACTIVE_POWER: Sensor = Sensor { kind: 5, unit: 3, digits: 0 };
const APPARENT_POWER: Sensor = Sensor { kind: 6, unit: 4, digits: 0 };
const POWER_FACTOR: Sensor = Sensor { kind: 7, unit: -1, digits: 2 };
const ACTIVE_ENERGY: Sensor = Sensor { kind: 8, unit: 5, digits: 0 };
const TRIP: u32 = 15;
const ON_OFF: u32 = 14;
const FREQUENCY: Sensor = Sensor { kind: 23, unit: 8, digits: 1 };
const VOLTAGE_TO_NEUTRAL: Sensor = Sensor { kind: 25, unit: 1, digits: 0 };
/// SensorStateEnumeration: normal, aboveUpperWarning, aboveUpperCritical; closed; on.
const NORMAL: i64 = 4;
const LEVELS: [i64; 3] = [NORMAL, 5, 6];
const CLOSED: i64 = 1;
const ON: i64 = 7;
const TRUE: i64 = 1;

/// Where a kind of part has its sensors: configuration, and measurements.
#[derive(Clone, Copy)]
struct Tables {
    configuration: &'static [u32],
    measurements: &'static [u32],
}

const INLET: Tables = Tables { configuration: &[3, 3, 4, 1], measurements: &[5, 2, 3, 1] };
const INLET_POLE: Tables = Tables { configuration: &[3, 3, 6, 1], measurements: &[5, 2, 4, 1] };
const PROTECTOR: Tables = Tables { configuration: &[3, 4, 4, 1], measurements: &[5, 3, 3, 1] };
const OUTLET: Tables = Tables { configuration: &[3, 5, 4, 1], measurements: &[5, 4, 3, 1] };

pub(super) fn sheet(system: &System<'_>, plate: &Nameplate<'_>, pdu: &Pdu) -> Sheet<PduState> {
    let mut sheet = Sheet::new(system);
    unit(&mut sheet, plate, pdu);
    inlet(&mut sheet, pdu);
    protectors(&mut sheet, pdu);
    outlets(&mut sheet, plate, pdu);
    probes(&mut sheet, pdu.plan().probes);
    sheet
}

fn unit(sheet: &mut Sheet<PduState>, plate: &Nameplate<'_>, pdu: &Pdu) {
    let plan = pdu.plan();
    let count = |it: usize| i64::try_from(it).unwrap_or(0);
    sheet.integer(PDU2.at(&[3, 1, 0]), 1);
    let kilovolt_amperes = plan.rated_amperes * 230.0 * 3.0 / 1000.0;
    for (column, text) in [
        (2, "Raritan".to_owned()),
        (3, plate.model.to_owned()),
        (4, plate.serial.to_owned()),
        (5, "400V".to_owned()),
        (6, format!("{}A", plan.rated_amperes)),
        (7, "50/60Hz".to_owned()),
        (8, format!("{kilovolt_amperes:.1}kVA")),
    ] {
        sheet.text(PDU2.cell(&[3, 2, 1, 1, column], &[1]), &text);
    }
    for (column, value) in [
        (2, 1),
        (3, count(plan.phases * plan.banks_per_phase)),
        (4, count(plan.outlets)),
        (7, count(plan.probes * 2)),
        (41, 0),
        (42, count(plan.probes * 2)),
        (67, 0),
    ] {
        sheet.integer(PDU2.cell(&[3, 2, 2, 1, column], &[1]), value);
    }
    sheet.text(PDU2.cell(&[3, 2, 2, 1, 13], &[1]), plate.name);
    sheet.text(PDU2.cell(&[3, 2, 3, 1, 6], &[1, 1, 1]), "4.2.10.5-50274");
}

fn inlet(sheet: &mut Sheet<PduState>, pdu: &Pdu) {
    let plan = pdu.plan();
    let kilovolt_amperes = plan.rated_amperes * 230.0 * 3.0 / 1000.0;
    for (column, text) in [
        (2, "I1".to_owned()),
        (3, String::new()),
        (6, "400V".to_owned()),
        (7, format!("{}A", plan.rated_amperes)),
        (8, "50/60Hz".to_owned()),
        (9, format!("{kilovolt_amperes:.1}kVA")),
    ] {
        sheet.text(PDU2.cell(&[3, 3, 3, 1, column], &[1, 1]), &text);
    }
    sheet.integer(PDU2.cell(&[3, 3, 3, 1, 5], &[1, 1]), 4);
    let row = [1, 1];
    let level = |it: &PduState| it.worst().level(LEVELS);
    sensor(sheet, INLET, &row, CURRENT, |it| it.worst().amperes, level);
    sensor(sheet, INLET, &row, VOLTAGE, |it| it.volts().1, |_| NORMAL);
    sensor(sheet, INLET, &row, ACTIVE_POWER, PduState::watts, |_| NORMAL);
    sensor(sheet, INLET, &row, APPARENT_POWER, PduState::volt_amperes, |_| NORMAL);
    sensor(sheet, INLET, &row, POWER_FACTOR, PduState::power_factor, |_| NORMAL);
    sensor(sheet, INLET, &row, ACTIVE_ENERGY, PduState::watt_hours, |_| NORMAL);
    sensor(sheet, INLET, &row, FREQUENCY, |it| it.hertz, |_| NORMAL);
    for (number, at) in (1..).zip(0..plan.phases.max(1)) {
        sheet.integer(PDU2.cell(&[3, 3, 5, 1, 1], &[1, 1, number]), i64::from(number));
        sheet.integer(PDU2.cell(&[3, 3, 5, 1, 2], &[1, 1, number]), i64::from(number));
        let row = [1, 1, number];
        let level = move |it: &PduState| it.phase(at).level(LEVELS);
        circuit(sheet, INLET_POLE, &row, move |it| it.phase(at), level);
        let volts = move |it: &PduState| it.phase(at).volts;
        sensor(sheet, INLET_POLE, &row, VOLTAGE_TO_NEUTRAL, volts, |_| NORMAL);
        sensor(sheet, INLET_POLE, &row, VOLTAGE, |it| it.volts().1, |_| NORMAL);
    }
}

fn protectors(sheet: &mut Sheet<PduState>, pdu: &Pdu) {
    let plan = pdu.plan();
    for (number, at) in (1..).zip(0..plan.phases.max(1) * plan.banks_per_phase) {
        let cell = |column| PDU2.cell(&[3, 4, 3, 1, column], &[1, number]);
        sheet.text(cell(2), &format!("C{number}"));
        sheet.text(cell(3), "");
        sheet.integer(cell(4), 1);
        sheet.text(cell(5), &format!("{}A", plan.bank_amperes));
        sheet.integer(cell(6), 1);
        let row = [1, number];
        let level = move |it: &PduState| it.bank(at).level(LEVELS);
        sensor(sheet, PROTECTOR, &row, CURRENT, move |it| it.bank(at).amperes, level);
        switch(sheet, PROTECTOR, &row, TRIP, CLOSED);
    }
}

fn outlets(sheet: &mut Sheet<PduState>, plate: &Nameplate<'_>, pdu: &Pdu) {
    for ((number, name), at) in numbered(plate.outlet_names).zip(0..pdu.outlets.len()) {
        let cell = |column| PDU2.cell(&[3, 5, 3, 1, column], &[1, number]);
        sheet.text(cell(2), &number.to_string());
        sheet.text(cell(3), name);
        sheet.integer(cell(4), 5);
        sheet.integer(cell(5), 2);
        sheet.text(cell(6), "230V");
        sheet.text(cell(7), &format!("{OUTLET_AMPERES}A"));
        sheet.text(cell(8), "2.3kVA");
        sheet.integer(cell(28), TRUE);
        let row = [1, number];
        let level = move |it: &PduState| it.outlet(at).level(LEVELS);
        circuit(sheet, OUTLET, &row, move |it| it.outlet(at), level);
        sensor(sheet, OUTLET, &row, VOLTAGE, move |it| it.outlet(at).volts, |_| NORMAL);
        switch(sheet, OUTLET, &row, ON_OFF, ON);
    }
}

/// Two external sensors a probe: temperature, then humidity.
fn probes(sheet: &mut Sheet<PduState>, count: usize) {
    for (number, at) in (0..).zip(0..count) {
        let celsius = move |it: &PduState| it.celsius(at) * 10.0;
        let percent = move |it: &PduState| it.humidity_percent(at);
        external(sheet, number * 2 + 1, [10, 7, 1], &format!("Temperature {}", number + 1), celsius);
        external(sheet, number * 2 + 2, [11, 9, 0], &format!("Humidity {}", number + 1), percent);
    }
}

fn external(
    sheet: &mut Sheet<PduState>,
    number: u32,
    [kind, unit, digits]: [u32; 3],
    name: &str,
    read: impl Fn(&PduState) -> f64 + Send + 'static,
) {
    let config = |column| PDU2.cell(&[3, 6, 3, 1, column], &[1, number]);
    sheet.integer(config(2), kind.into());
    sheet.text(config(3), &format!("1BK{number:07}"));
    sheet.text(config(4), name);
    sheet.integer(config(16), unit.into());
    sheet.fixed(config(17), Value::Gauge32(digits));
    sheet.integer(config(36), 2);
    let measured = |column| PDU2.cell(&[5, 5, 3, 1, column], &[1, number]);
    sheet.integer(measured(2), TRUE);
    sheet.integer(measured(3), NORMAL);
    sheet.live(measured(4), Integer, read);
}

/// What poles and outlets measure alike.
fn circuit(
    sheet: &mut Sheet<PduState>,
    tables: Tables,
    row: &[u32],
    pick: impl Fn(&PduState) -> Circuit + Send + Copy + 'static,
    level: impl Fn(&PduState) -> i64 + Send + 'static,
) {
    sensor(sheet, tables, row, CURRENT, move |it| pick(it).amperes, level);
    sensor(sheet, tables, row, ACTIVE_POWER, move |it| pick(it).watts(), |_| NORMAL);
    sensor(sheet, tables, row, APPARENT_POWER, move |it| pick(it).volt_amperes(), |_| NORMAL);
    sensor(sheet, tables, row, POWER_FACTOR, move |it| pick(it).power_factor, |_| NORMAL);
    sensor(sheet, tables, row, ACTIVE_ENERGY, move |it| pick(it).watt_hours, |_| NORMAL);
}

/// A sensor with a number: its unit and digits, that it is there, its state and its value.
fn sensor(
    sheet: &mut Sheet<PduState>,
    tables: Tables,
    row: &[u32],
    sensor: Sensor,
    read: impl Fn(&PduState) -> f64 + Send + 'static,
    level: impl Fn(&PduState) -> i64 + Send + 'static,
) {
    let index = [row, &[sensor.kind]].concat();
    let cell = |table: &[u32], column| PDU2.cell(&[table, &[column]].concat(), &index);
    sheet.integer(cell(tables.configuration, 6), sensor.unit);
    sheet.fixed(cell(tables.configuration, 7), Value::Gauge32(sensor.digits));
    sheet.integer(cell(tables.measurements, 2), TRUE);
    sheet.state(cell(tables.measurements, 3), level);
    let scale = 10_f64.powi(i32::try_from(sensor.digits).unwrap_or(0));
    sheet.live(cell(tables.measurements, 4), Gauge32, move |it| read(it) * scale);
}

/// A sensor that is nothing but a state.
fn switch(sheet: &mut Sheet<PduState>, tables: Tables, row: &[u32], kind: u32, state: i64) {
    let index = [row, &[kind]].concat();
    let cell = |column| PDU2.cell(&[tables.measurements, &[column]].concat(), &index);
    sheet.integer(cell(2), TRUE);
    sheet.integer(cell(3), state);
    sheet.fixed(cell(4), Gauge32.value(0.0));
}
