//! APC rack PDUs of the second generation: PowerNet-MIB, rPDU2.
//!
//! Wire units: tenths of an ampere, volts, hundredths of a kilowatt (watts at outlets), hundredths of a
//! power factor, tenths of a kilowatt-hour, tenths of a degree.

use super::pdu::{OUTLET_AMPERES, Pdu, PduState};
use super::sheet::{Nameplate, Root, Sheet, System, numbered};
use crate::simulator::cell::Form::Integer;

/// masterSwitchrPDU2
pub(super) const OBJECT_ID: &[u32] = &[1, 3, 6, 1, 4, 1, 318, 1, 3, 4, 6];
const RPDU2: Root = Root(&[1, 3, 6, 1, 4, 1, 318, 1, 1, 26]);

pub(super) fn sheet(system: &System<'_>, plate: &Nameplate<'_>, pdu: &Pdu) -> Sheet<PduState> {
    let mut sheet = Sheet::new(system);
    let plan = pdu.plan();
    for (column, rows) in [(1, 1), (3, 1), (5, plan.phases), (7, plan.phases * plan.banks_per_phase)] {
        sheet.integer(RPDU2.at(&[column, 0]), i64::try_from(rows).unwrap_or(0));
    }
    identity(&mut sheet, plate);
    device(&mut sheet, plate, pdu);
    phases(&mut sheet, pdu);
    banks(&mut sheet, pdu);
    outlets(&mut sheet, plate, pdu);
    probes(&mut sheet, plan.probes);
    sheet
}

fn identity(sheet: &mut Sheet<PduState>, plate: &Nameplate<'_>) {
    let cell = |column| RPDU2.cell(&[2, 1, column], &[1]);
    sheet.integer(cell(1), 1);
    sheet.integer(cell(2), 1);
    for (column, text) in [
        (3, plate.name),
        (4, plate.location),
        (5, "05"),
        (6, "v7.1.4"),
        (7, "03/14/2024"),
        (8, plate.model),
        (9, plate.serial),
        (10, "facilities@example.com"),
        (11, "v1.2.0"),
    ] {
        sheet.text(cell(column), text);
    }
}

fn device(sheet: &mut Sheet<PduState>, plate: &Nameplate<'_>, pdu: &Pdu) {
    let plan = pdu.plan();
    let count = |it: usize| i64::try_from(it).unwrap_or(0);
    let (rated, phases) = (plan.rated_amperes, plan.phases.max(1));
    let tenth_kilowatts = rated * 230.0 * f64::from(u8::try_from(phases).unwrap_or(1)) / 100.0;
    let properties = |column| RPDU2.cell(&[4, 2, 1, column], &[1]);
    sheet.text(properties(3), plate.name);
    for (column, value) in [
        (1, 1),
        (2, 1),
        (4, count(plan.outlets)),
        (5, count(plan.outlets)),
        (6, count(plan.outlets)),
        (7, count(phases)),
        (8, count(phases * plan.banks_per_phase)),
        (10, 2),
        (11, 1),
    ] {
        sheet.integer(properties(column), value);
    }
    sheet.live(properties(9), Integer, move |_| rated);
    sheet.live(properties(12), Integer, move |_| rated);
    sheet.live(properties(13), Integer, move |_| tenth_kilowatts);

    let status = |column| RPDU2.cell(&[4, 3, 1, column], &[1]);
    sheet.text(status(3), plate.name);
    for (column, value) in [(1, 1), (2, 1), (11, 2), (12, 1), (13, 1), (14, 1), (18, 1)] {
        sheet.integer(status(column), value);
    }
    sheet.state(status(4), |it| it.worst().level([2, 3, 4]));
    sheet.live(status(5), Integer, |it| it.watts() / 10.0);
    sheet.live(status(6), Integer, move |_| tenth_kilowatts * 8.0);
    sheet.live(status(9), Integer, |it| it.watt_hours() / 100.0);
    sheet.live(status(16), Integer, |it| it.volt_amperes() / 10.0);
    sheet.live(status(17), Integer, |it| it.power_factor() * 100.0);

    let three_phases = plan.phases == 3;
    let between = |column| RPDU2.cell(&[13, 1, 1, column], &[1]);
    sheet.integer(between(1), 1);
    sheet.integer(between(2), 1);
    for column in 3..=5 {
        sheet.live(between(column), Integer, move |it| if three_phases { it.volts().1 } else { -1.0 });
    }
}

fn phases(sheet: &mut Sheet<PduState>, pdu: &Pdu) {
    let rated = pdu.plan().rated_amperes;
    for (number, at) in (1..).zip(0..pdu.plan().phases.max(1)) {
        for (column, value) in [(1, i64::from(number)), (2, 1), (3, i64::from(number))] {
            for table in [1, 2, 3] {
                sheet.integer(RPDU2.cell(&[6, table, 1, column], &[number]), value);
            }
        }
        let config = |column| RPDU2.cell(&[6, 1, 1, column], &[number]);
        sheet.integer(config(5), 0);
        sheet.live(config(6), Integer, move |_| rated * 0.8);
        sheet.live(config(7), Integer, move |_| rated);
        let status = |column| RPDU2.cell(&[6, 3, 1, column], &[number]);
        sheet.state(status(4), move |it| it.phase(at).level([2, 3, 4]));
        sheet.live(status(5), Integer, move |it| it.phase(at).amperes * 10.0);
        sheet.live(status(6), Integer, move |it| it.phase(at).volts);
        sheet.live(status(7), Integer, move |it| it.phase(at).watts() / 10.0);
        sheet.live(status(8), Integer, move |it| it.phase(at).volt_amperes() / 10.0);
        sheet.live(status(9), Integer, move |it| it.phase(at).power_factor * 100.0);
        sheet.live(status(10), Integer, move |_| rated * 7.0);
    }
}

fn banks(sheet: &mut Sheet<PduState>, pdu: &Pdu) {
    let (per_phase, rated) = (pdu.plan().banks_per_phase, pdu.plan().bank_amperes);
    for (number, at) in (1..).zip(0..pdu.plan().phases.max(1) * per_phase) {
        for table in [2, 3] {
            for (column, value) in [(1, i64::from(number)), (2, 1), (3, i64::from(number))] {
                sheet.integer(RPDU2.cell(&[8, table, 1, column], &[number]), value);
            }
        }
        let phase = i64::try_from(at / per_phase.max(1) + 1).unwrap_or(1);
        sheet.integer(RPDU2.cell(&[8, 2, 1, 4], &[number]), phase);
        sheet.live(RPDU2.cell(&[8, 2, 1, 5], &[number]), Integer, move |_| rated);
        let status = |column| RPDU2.cell(&[8, 3, 1, column], &[number]);
        sheet.state(status(4), move |it| it.bank(at).level([2, 3, 4]));
        sheet.live(status(5), Integer, move |it| it.bank(at).amperes * 10.0);
        sheet.live(status(6), Integer, move |_| rated * 7.0);
    }
}

fn outlets(sheet: &mut Sheet<PduState>, plate: &Nameplate<'_>, pdu: &Pdu) {
    let count = i64::try_from(pdu.outlets.len()).unwrap_or(0);
    sheet.integer(RPDU2.at(&[9, 1, 0]), count);
    sheet.integer(RPDU2.at(&[9, 3, 0]), count);
    for ((number, name), (at, outlet)) in numbered(plate.outlet_names).zip(pdu.outlets.iter().enumerate()) {
        let layout = i64::try_from(outlet.phase + 1).unwrap_or(1);
        let bank = i64::try_from(outlet.bank + 1).unwrap_or(1);
        let switched = |column| RPDU2.cell(&[9, 2, 3, 1, column], &[number]);
        let properties = |column| RPDU2.cell(&[9, 4, 2, 1, column], &[number]);
        let metered = |column| RPDU2.cell(&[9, 4, 3, 1, column], &[number]);
        for (column, value) in [(1, i64::from(number)), (2, 1), (4, i64::from(number))] {
            sheet.integer(switched(column), value);
            sheet.integer(properties(column), value);
            sheet.integer(metered(column), value);
        }
        for oid in [switched(3), properties(3), metered(3)] {
            sheet.text(oid, name);
        }
        sheet.integer(switched(5), 2);
        sheet.integer(switched(6), 2);
        sheet.integer(properties(5), layout);
        sheet.live(properties(6), Integer, |_| OUTLET_AMPERES * 230.0);
        sheet.integer(properties(7), bank);
        sheet.state(metered(5), move |it| it.outlet(at).level([2, 3, 4]));
        sheet.live(metered(6), Integer, move |it| it.outlet(at).amperes * 10.0);
        sheet.live(metered(7), Integer, move |it| it.outlet(at).watts());
        sheet.live(metered(8), Integer, move |it| it.outlet(at).watts() * 1.2);
        sheet.live(metered(11), Integer, move |it| it.outlet(at).watt_hours / 100.0);
        sheet.text(metered(12), "IEC C13");
    }
}

fn probes(sheet: &mut Sheet<PduState>, count: usize) {
    sheet.integer(RPDU2.at(&[10, 1, 0]), i64::try_from(count + 1).unwrap_or(0));
    // The port after the last probe is empty, and says -1 throughout.
    for (number, at) in (1..).zip(0..=count) {
        let status = |column| RPDU2.cell(&[10, 2, 2, 1, column], &[number]);
        let installed = at < count;
        for (column, value) in [
            (1, i64::from(number)),
            (2, 1),
            (4, i64::from(number)),
            (5, if installed { 2 } else { 4 }),
            (6, if installed { 2 } else { 1 }),
            (9, if installed { 4 } else { 1 }),
            (11, if installed { 4 } else { 1 }),
        ] {
            sheet.integer(status(column), value);
        }
        sheet.text(status(3), &format!("Temp Sensor {number}"));
        if installed {
            sheet.live(status(7), Integer, move |it| (it.celsius(at) * 1.8 + 32.0) * 10.0);
            sheet.live(status(8), Integer, move |it| it.celsius(at) * 10.0);
            sheet.live(status(10), Integer, move |it| it.humidity_percent(at));
        } else {
            for column in [7, 8, 10] {
                sheet.integer(status(column), -1);
            }
        }
    }
}
