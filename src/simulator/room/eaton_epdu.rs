//! Eaton rack PDUs of the third generation: EATON-EPDU-MIB.
//!
//! Wire units: milliamperes, millivolts, watts, volt-amperes and var, thousandths of a power factor,
//! watt-hours, tenths of a hertz, a degree and a percent of relative humidity.

use super::pdu::{Circuit, OUTLET_AMPERES, Pdu, PduState};
use super::sheet::{Nameplate, Root, Sheet, System, numbered};
use crate::model::Oid;
use crate::simulator::cell::Form::{Gauge32, Integer};

/// eatonEpdu
pub(super) const OBJECT_ID: &[u32] = &[1, 3, 6, 1, 4, 1, 534, 6, 6, 7];
const EPDU: Root = Root(&[1, 3, 6, 1, 4, 1, 534, 6, 6, 7]);
/// The only unit of the chain.
const UNIT: u32 = 0;
/// Threshold status: good, highWarning, highCritical.
const GOOD: i64 = 0;
const LEVELS: [i64; 3] = [GOOD, 3, 4];

pub(super) fn sheet(system: &System<'_>, plate: &Nameplate<'_>, pdu: &Pdu) -> Sheet<PduState> {
    let mut sheet = Sheet::new(system);
    unit(&mut sheet, plate, pdu);
    input(&mut sheet, pdu);
    phases(&mut sheet, pdu);
    groups(&mut sheet, pdu);
    outlets(&mut sheet, plate, pdu);
    probes(&mut sheet, pdu.plan().probes);
    sheet
}

fn unit(sheet: &mut Sheet<PduState>, plate: &Nameplate<'_>, pdu: &Pdu) {
    let plan = pdu.plan();
    let count = |it: usize| i64::try_from(it).unwrap_or(0);
    sheet.text(EPDU.at(&[1, 1, 0]), "0");
    let cell = |column| EPDU.cell(&[1, 2, 1, column], &[UNIT]);
    let product = format!("EPDU MA 0U ({} x C13) 3P {}A", plan.outlets, plan.rated_amperes);
    for (column, text) in
        [(2, product.as_str()), (3, plate.model), (4, plate.serial), (5, "05.01.0002"), (6, plate.name)]
    {
        sheet.text(cell(column), text);
    }
    for (column, value) in [
        (9, 0),
        (10, 3),
        (11, 1),
        (20, 1),
        (21, count(plan.phases * plan.banks_per_phase)),
        (22, count(plan.outlets)),
        (23, count(plan.probes)),
        (24, count(plan.probes)),
        (25, 0),
        (30, 0),
        (31, 0),
        (32, 0),
    ] {
        sheet.integer(cell(column), value);
    }
}

fn input(sheet: &mut Sheet<PduState>, pdu: &Pdu) {
    let phases = i64::try_from(pdu.plan().phases).unwrap_or(0);
    let cell = |column| EPDU.cell(&[3, 1, 1, column], &[UNIT, 1]);
    for (column, value) in [(2, 4), (4, GOOD), (5, phases), (6, phases), (7, phases), (8, 300)] {
        sheet.integer(cell(column), value);
    }
    sheet.live(cell(3), Integer, |it| it.hertz * 10.0);
    sheet.text(cell(10), "Feed");
    let total = |column| EPDU.cell(&[3, 5, 1, column], &[UNIT, 1]);
    let capacity = pdu.plan().rated_amperes * 230.0 * 3.0;
    sheet.live(total(3), Integer, PduState::volt_amperes);
    sheet.live(total(4), Integer, PduState::watts);
    sheet.live(total(5), Gauge32, PduState::watt_hours);
    sheet.live(total(7), Integer, |it| it.power_factor() * 1000.0);
    sheet.live(total(8), Integer, PduState::vars);
    sheet.live(total(9), Integer, move |_| capacity);
}

fn phases(sheet: &mut Sheet<PduState>, pdu: &Pdu) {
    let rated = pdu.plan().rated_amperes;
    for (number, at) in (1..).zip(0..pdu.plan().phases.max(1)) {
        let index = [UNIT, 1, number];
        let phase = i64::from(number);
        let voltage = |column| EPDU.cell(&[3, 2, 1, column], &index);
        sheet.integer(voltage(2), phase + 1);
        sheet.live(voltage(3), Integer, move |it| it.phase(at).volts * 1000.0);
        sheet.integer(voltage(4), GOOD);
        for (column, limit) in [(5, 210_000), (6, 200_000), (7, 250_000), (8, 260_000)] {
            sheet.integer(voltage(column), limit);
        }
        let current = |column| EPDU.cell(&[3, 3, 1, column], &index);
        sheet.integer(current(2), phase + 2);
        sheet.live(current(3), Integer, move |_| rated * 1000.0);
        sheet.live(current(4), Integer, move |it| it.phase(at).amperes * 1000.0);
        sheet.state(current(5), move |it| it.phase(at).level(LEVELS));
        for (column, share) in [(6, 0.0), (7, 0.0), (8, 0.8), (9, 1.0)] {
            sheet.live(current(column), Integer, move |_| rated * share * 1000.0);
        }
        sheet.integer(current(10), 1500);
        sheet.live(current(11), Integer, move |it| it.phase(at).load_percent());
        sheet.text(current(12), &format!("L{number}"));
        let power = |column| EPDU.cell(&[3, 4, 1, column], &index);
        sheet.integer(power(2), phase);
        powers(sheet, [3, 4, 5, 7, 8].map(power), move |it| it.phase(at));
    }
}

fn groups(sheet: &mut Sheet<PduState>, pdu: &Pdu) {
    let plan = pdu.plan();
    let (per_phase, rated) = (plan.banks_per_phase.max(1), plan.bank_amperes);
    for (number, at) in (1..).zip(0..plan.phases.max(1) * per_phase) {
        let index = [UNIT, number];
        let children = pdu.outlets.iter().filter(|it| it.bank == at).count();
        let measured = i64::try_from(at / per_phase + 2).unwrap_or(0);
        let cell = |column| EPDU.cell(&[5, 1, 1, column], &index);
        sheet.text(cell(2), &format!("S{number}"));
        sheet.text(cell(3), &format!("Section {number}"));
        sheet.integer(cell(4), 1);
        sheet.integer(cell(5), 1);
        sheet.integer(cell(6), i64::try_from(children).unwrap_or(0));
        sheet.text(cell(8), &format!("S{number}"));
        sheet.integer(cell(9), 1);
        let voltage = |column| EPDU.cell(&[5, 3, 1, column], &index);
        sheet.integer(voltage(2), measured);
        sheet.live(voltage(3), Integer, move |it| it.bank(at).volts * 1000.0);
        sheet.integer(voltage(4), GOOD);
        let current = |column| EPDU.cell(&[5, 4, 1, column], &index);
        sheet.live(current(2), Integer, move |_| rated * 1000.0);
        currents(sheet, [3, 4, 9, 10].map(current), move |it| it.bank(at));
        let power = |column| EPDU.cell(&[5, 5, 1, column], &index);
        powers(sheet, [2, 3, 4, 6, 7].map(power), move |it| it.bank(at));
        sheet.integer(EPDU.cell(&[5, 6, 1, 2], &index), 1);
    }
}

fn outlets(sheet: &mut Sheet<PduState>, plate: &Nameplate<'_>, pdu: &Pdu) {
    for ((number, name), (at, outlet)) in numbered(plate.outlet_names).zip(pdu.outlets.iter().enumerate()) {
        let index = [UNIT, number];
        let cell = |column| EPDU.cell(&[6, 1, 1, column], &index);
        sheet.text(cell(2), &format!("A{number}"));
        sheet.text(cell(3), name);
        sheet.integer(cell(4), 1);
        sheet.integer(cell(5), 1);
        sheet.text(cell(6), &format!("A{number}"));
        sheet.integer(cell(7), i64::try_from(outlet.phase + 2).unwrap_or(0));
        sheet.live(EPDU.cell(&[6, 3, 1, 2], &index), Integer, move |it| it.outlet(at).volts * 1000.0);
        sheet.integer(EPDU.cell(&[6, 3, 1, 3], &index), GOOD);
        let current = |column| EPDU.cell(&[6, 4, 1, column], &index);
        sheet.live(current(2), Integer, |_| OUTLET_AMPERES * 1000.0);
        currents(sheet, [3, 4, 9, 10].map(current), move |it| it.outlet(at));
        let power = |column| EPDU.cell(&[6, 5, 1, column], &index);
        powers(sheet, [2, 3, 4, 6, 7].map(power), move |it| it.outlet(at));
        sheet.integer(EPDU.cell(&[6, 6, 1, 2], &index), 1);
    }
}

fn probes(sheet: &mut Sheet<PduState>, count: usize) {
    for (number, at) in (1..).zip(0..count) {
        for (table, name) in [(1, "Temperature"), (2, "Humidity")] {
            let cell = |column| EPDU.cell(&[7, table, 1, column], &[UNIT, number]);
            sheet.text(cell(2), &format!("{name} {number}"));
            sheet.integer(cell(3), 1);
            sheet.integer(cell(5), GOOD);
        }
        sheet.live(EPDU.cell(&[7, 1, 1, 4], &[UNIT, number]), Integer, move |it| it.celsius(at) * 10.0);
        sheet.live(EPDU.cell(&[7, 2, 1, 4], &[UNIT, number]), Integer, move |it| {
            it.humidity_percent(at) * 10.0
        });
    }
}

/// Current, its status, crest factor and percent of the capacity.
fn currents(
    sheet: &mut Sheet<PduState>,
    [current, status, crest, percent]: [Oid; 4],
    pick: impl Fn(&PduState) -> Circuit + Send + Copy + 'static,
) {
    sheet.live(current, Integer, move |it| pick(it).amperes * 1000.0);
    sheet.state(status, move |it| pick(it).level(LEVELS));
    sheet.integer(crest, 1500);
    sheet.live(percent, Integer, move |it| pick(it).load_percent());
}

/// Apparent and active power, energy, power factor, reactive power.
fn powers(
    sheet: &mut Sheet<PduState>,
    [apparent, active, energy, factor, reactive]: [Oid; 5],
    pick: impl Fn(&PduState) -> Circuit + Send + Copy + 'static,
) {
    sheet.live(apparent, Integer, move |it| pick(it).volt_amperes());
    sheet.live(active, Integer, move |it| pick(it).watts());
    sheet.live(energy, Gauge32, move |it| pick(it).watt_hours);
    sheet.live(factor, Integer, move |it| pick(it).power_factor * 1000.0);
    sheet.live(reactive, Integer, move |it| pick(it).vars());
}
