//! Server Technology PRO2: Sentry4-MIB.
//!
//! Wire units: hundredths of an ampere, tenths of a volt, watts and volt-amperes, hundredths of a power
//! factor, tenths of a kilowatt-hour (watt-hours at outlets), tenths of a hertz, a degree and a percent.

use super::pdu::{OUTLET_AMPERES, Pdu, PduState};
use super::sheet::{Nameplate, Root, Sheet, System, numbered};
use crate::model::Value;
use crate::simulator::cell::Form::Integer;

/// sentry4
pub(super) const OBJECT_ID: &[u32] = &[1, 3, 6, 1, 4, 1, 1718, 4];
const ST4: Root = Root(&[1, 3, 6, 1, 4, 1, 1718, 4, 1]);
/// DeviceStatus: normal, highWarning, highAlarm; notFound.
const NORMAL: i64 = 0;
const LEVELS: [i64; 3] = [NORMAL, 16, 17];
const NOT_FOUND: i64 = 7;
/// DeviceState: on.
const ON: i64 = 1;

pub(super) fn sheet(system: &System<'_>, plate: &Nameplate<'_>, pdu: &Pdu) -> Sheet<PduState> {
    let mut sheet = Sheet::new(system);
    unit(&mut sheet, plate);
    cord(&mut sheet, pdu);
    lines_and_phases(&mut sheet, pdu);
    branches(&mut sheet, pdu);
    outlets(&mut sheet, plate, pdu);
    probes(&mut sheet, pdu.plan().probes);
    sheet
}

fn unit(sheet: &mut Sheet<PduState>, plate: &Nameplate<'_>) {
    let system = |object| ST4.at(&[1, 1, object, 0]);
    sheet.text(system(1), "Sentry Switched PDU");
    sheet.text(system(2), plate.location);
    sheet.text(system(3), "Sentry Switched PDU Version 8.0v");
    sheet.text(system(5), plate.serial);
    sheet.integer(system(7), 1);
    sheet.integer(system(21), 1);
    let config = |column| ST4.cell(&[2, 2, 1, column], &[1]);
    for (column, text) in [(2, "A"), (3, plate.name), (4, plate.serial), (5, plate.model), (6, "")] {
        sheet.text(config(column), text);
    }
    sheet.integer(config(7), 0);
    // BITS: phase3(1) and wye(2).
    sheet.fixed(config(8), Value::OctetString([0x60].into()));
    sheet.integer(ST4.cell(&[2, 3, 1, 1], &[1]), NORMAL);
}

fn cord(sheet: &mut Sheet<PduState>, pdu: &Pdu) {
    let plan = pdu.plan();
    let count = |it: usize| i64::try_from(it).unwrap_or(0);
    let (rated, capacity) = (plan.rated_amperes, plan.rated_amperes * 230.0 * 3.0);
    let config = |column| ST4.cell(&[3, 2, 1, column], &[1, 1]);
    sheet.text(config(2), "AA");
    sheet.text(config(3), "Cord_A");
    sheet.text(config(6), "IEC 60309 32A 3P+N+E");
    for (column, value) in [
        (7, 2300),
        (8, 200),
        (9, 240),
        (13, 100),
        (20, count(plan.phases)),
        (21, count(plan.phases)),
        (22, count(plan.phases * plan.banks_per_phase)),
        (23, count(plan.phases * plan.banks_per_phase)),
        (24, count(plan.outlets)),
    ] {
        sheet.integer(config(column), value);
    }
    sheet.live(config(10), Integer, move |_| rated);
    sheet.live(config(11), Integer, move |_| rated);
    sheet.live(config(12), Integer, move |_| capacity);

    let cell = |column| ST4.cell(&[3, 3, 1, column], &[1, 1]);
    sheet.integer(cell(1), ON);
    for column in [4, 6, 9, 13] {
        sheet.integer(cell(column), NORMAL);
    }
    sheet.state(cell(2), |it| it.worst().level(LEVELS));
    sheet.live(cell(3), Integer, PduState::watts);
    sheet.live(cell(5), Integer, PduState::volt_amperes);
    sheet.live(cell(7), Integer, move |it| 1000.0 * it.volt_amperes() / capacity);
    sheet.live(cell(8), Integer, |it| it.power_factor() * 100.0);
    sheet.live(cell(10), Integer, |it| it.watt_hours() / 100.0);
    sheet.live(cell(11), Integer, |it| it.hertz * 10.0);
    sheet.live(cell(12), Integer, |it| it.out_of_balance_percent() * 10.0);
}

fn lines_and_phases(sheet: &mut Sheet<PduState>, pdu: &Pdu) {
    let rated = pdu.plan().rated_amperes;
    let per_phase = i64::try_from(pdu.plan().banks_per_phase).unwrap_or(0);
    for (number, at) in (1..).zip(0..pdu.plan().phases.max(1)) {
        let index = [1, 1, number];
        let id = format!("AA{number}");
        let config = |column| ST4.cell(&[4, 2, 1, column], &index);
        sheet.text(config(2), &id);
        sheet.text(config(4), &format!("AA:L{number}"));
        sheet.live(config(6), Integer, move |_| rated);
        let line = |column| ST4.cell(&[4, 3, 1, column], &index);
        sheet.integer(line(1), ON);
        sheet.state(line(2), move |it| it.phase(at).level(LEVELS));
        sheet.live(line(3), Integer, move |it| it.phase(at).amperes * 100.0);
        sheet.state(line(4), move |it| it.phase(at).level(LEVELS));
        sheet.live(line(5), Integer, move |it| it.phase(at).load_percent() * 10.0);

        let config = |column| ST4.cell(&[5, 2, 1, column], &index);
        sheet.text(config(2), &id);
        sheet.text(config(4), &format!("AA:L{number}-N"));
        sheet.integer(config(6), 2300);
        sheet.integer(config(20), per_phase);
        let phase = |column| ST4.cell(&[5, 3, 1, column], &index);
        sheet.integer(phase(1), ON);
        sheet.state(phase(2), move |it| it.phase(at).level(LEVELS));
        sheet.live(phase(3), Integer, move |it| it.phase(at).volts * 10.0);
        sheet.integer(phase(4), NORMAL);
        sheet.live(phase(5), Integer, move |it| (it.phase(at).volts / 230.0 - 1.0) * 1000.0);
        sheet.live(phase(6), Integer, move |it| it.phase(at).amperes * 100.0);
        sheet.integer(phase(7), 15);
        sheet.live(phase(8), Integer, move |it| it.phase(at).watts());
        sheet.live(phase(9), Integer, move |it| it.phase(at).volt_amperes());
        sheet.live(phase(10), Integer, move |it| it.phase(at).power_factor * 100.0);
        sheet.integer(phase(11), NORMAL);
        sheet.integer(phase(12), 1);
        sheet.live(phase(13), Integer, move |it| it.phase(at).watt_hours / 100.0);
    }
}

/// A branch and its overcurrent protector.
fn branches(sheet: &mut Sheet<PduState>, pdu: &Pdu) {
    let (per_phase, rated) = (pdu.plan().banks_per_phase.max(1), pdu.plan().bank_amperes);
    for (number, at) in (1..).zip(0..pdu.plan().phases.max(1) * per_phase) {
        let index = [1, 1, number];
        let (id, phase) = (format!("AA{number}"), at / per_phase + 1);
        let ocp = |column| ST4.cell(&[6, 2, 1, column], &index);
        sheet.text(ocp(2), &id);
        sheet.text(ocp(4), &format!("AA:CB{number}"));
        sheet.integer(ocp(6), 1);
        sheet.live(ocp(7), Integer, move |_| rated);
        sheet.live(ocp(8), Integer, move |_| rated);
        sheet.integer(ST4.cell(&[6, 3, 1, 1], &index), NORMAL);
        let config = |column| ST4.cell(&[7, 2, 1, column], &index);
        sheet.text(config(2), &id);
        sheet.text(config(4), &format!("AA:L{phase}-N:BR{number}"));
        sheet.live(config(6), Integer, move |_| rated);
        sheet.text(config(20), &format!("AA{phase}"));
        sheet.text(config(21), &id);
        let branch = |column| ST4.cell(&[7, 3, 1, column], &index);
        sheet.integer(branch(1), ON);
        sheet.state(branch(2), move |it| it.bank(at).level(LEVELS));
        sheet.live(branch(3), Integer, move |it| it.bank(at).amperes * 100.0);
        sheet.state(branch(4), move |it| it.bank(at).level(LEVELS));
        sheet.live(branch(5), Integer, move |it| it.bank(at).load_percent() * 10.0);
    }
}

fn outlets(sheet: &mut Sheet<PduState>, plate: &Nameplate<'_>, pdu: &Pdu) {
    for ((number, name), (at, outlet)) in numbered(plate.outlet_names).zip(pdu.outlets.iter().enumerate()) {
        let index = [1, 1, number];
        let config = |column| ST4.cell(&[8, 2, 1, column], &index);
        for (column, text) in [
            (2, format!("AA{number}")),
            (3, name.clone()),
            (6, "C13".to_owned()),
            (30, format!("AA{}", outlet.phase + 1)),
            (31, format!("AA{}", outlet.bank + 1)),
            (32, format!("AA{}", outlet.bank + 1)),
        ] {
            sheet.text(config(column), &text);
        }
        // BITS: switched(0) and pops(1).
        sheet.fixed(config(5), Value::OctetString([0xc0].into()));
        sheet.live(config(7), Integer, |_| OUTLET_AMPERES);
        sheet.live(config(8), Integer, |_| OUTLET_AMPERES * 230.0);
        let cell = |column| ST4.cell(&[8, 3, 1, column], &index);
        sheet.integer(cell(1), ON);
        for column in [2, 8, 11] {
            sheet.integer(cell(column), NORMAL);
        }
        sheet.live(cell(3), Integer, move |it| it.outlet(at).amperes * 100.0);
        sheet.state(cell(4), move |it| it.outlet(at).level(LEVELS));
        sheet.live(cell(5), Integer, move |it| it.outlet(at).load_percent() * 10.0);
        sheet.live(cell(6), Integer, move |it| it.outlet(at).volts * 10.0);
        sheet.live(cell(7), Integer, move |it| it.outlet(at).watts());
        sheet.live(cell(9), Integer, move |it| it.outlet(at).volt_amperes());
        sheet.live(cell(10), Integer, move |it| it.outlet(at).power_factor * 100.0);
        sheet.integer(cell(12), 15);
        sheet.integer(cell(13), 1);
        sheet.live(cell(14), Integer, move |it| it.outlet(at).watt_hours);
        sheet.integer(ST4.cell(&[8, 5, 1, 1], &index), 11);
    }
}

/// The port after the last probe is empty: notFound, with -410 and -1 for values.
fn probes(sheet: &mut Sheet<PduState>, count: usize) {
    sheet.integer(ST4.at(&[9, 1, 10, 0]), 0);
    for (number, at) in (1..).zip(0..=count) {
        let index = [1, number];
        let status = if at < count { NORMAL } else { NOT_FOUND };
        for (group, name) in [(9, "Temp_Sensor"), (10, "Humid_Sensor")] {
            sheet.text(ST4.cell(&[group, 2, 1, 2], &index), &format!("A{number}"));
            sheet.text(ST4.cell(&[group, 2, 1, 3], &index), &format!("{name}_A{number}"));
            sheet.integer(ST4.cell(&[group, 3, 1, 2], &index), status);
        }
        sheet.integer(ST4.cell(&[9, 2, 1, 4], &index), -40);
        sheet.integer(ST4.cell(&[9, 2, 1, 5], &index), 123);
        let (celsius, percent) = (ST4.cell(&[9, 3, 1, 1], &index), ST4.cell(&[10, 3, 1, 1], &index));
        if at < count {
            sheet.live(celsius, Integer, move |it| it.celsius(at) * 10.0);
            sheet.live(percent, Integer, move |it| it.humidity_percent(at));
        } else {
            sheet.integer(celsius, -410);
            sheet.integer(percent, -1);
        }
    }
}
