//! The standard UPS-MIB (RFC 1628), alone or beside a vendor's own objects.

use super::sheet::{Root, Sheet, System};
use super::ups::{Battery, Ups, UpsState};
use crate::simulator::cell::Form::{Counter32, Gauge32, Integer};

/// upsMIB: what cards say that know no other.
pub(super) const OBJECT_ID: &[u32] = &[1, 3, 6, 1, 2, 1, 33];
/// UPS-MIB::upsTrapOnBattery
pub(super) const ON_BATTERY: &[u32] = &[1, 3, 6, 1, 2, 1, 33, 2, 1];
/// UPS-MIB::upsTrapAlarmEntryRemoved
pub(super) const ALARM_REMOVED: &[u32] = &[1, 3, 6, 1, 2, 1, 33, 2, 4];
const UPS: Root = Root(&[1, 3, 6, 1, 2, 1, 33, 1]);

pub(super) struct Nameplate<'a> {
    pub(super) name: &'a str,
    pub(super) manufacturer: &'a str,
    pub(super) model: &'a str,
    pub(super) serial: &'a str,
    pub(super) firmware: &'a str,
    pub(super) agent: &'a str,
}

pub(super) fn sheet(system: &System<'_>, plate: &Nameplate<'_>, ups: &Ups) -> Sheet<UpsState> {
    let mut sheet = Sheet::new(system);
    add(&mut sheet, plate, ups);
    sheet
}

/// The whole MIB but for its alarm table and controls.
pub(super) fn add(sheet: &mut Sheet<UpsState>, plate: &Nameplate<'_>, ups: &Ups) {
    for (object, text) in [
        (1, plate.manufacturer),
        (2, plate.model),
        (3, plate.firmware),
        (4, plate.agent),
        (5, plate.name),
        (6, ""),
    ] {
        sheet.text(UPS.at(&[1, object, 0]), text);
    }
    battery(sheet);
    input(sheet, ups);
    output(sheet, ups);
    // A mains failure is one alarm, a low battery another.
    sheet.live(UPS.at(&[6, 1, 0]), Gauge32, |it| {
        let low = if it.battery == Battery::Normal { 0.0 } else { 1.0 };
        if it.on_battery.is_some() { 1.0 + low } else { low }
    });
    sheet.integer(UPS.at(&[7, 3, 0]), 1);
    let plan = ups.plan();
    let (volt_amperes, watts) = (plan.rated_volt_amperes, plan.rated_watts);
    for (object, value) in [(1, 230), (2, 500), (3, 230), (4, 500), (7, 2), (8, 2), (9, 184), (10, 276)] {
        sheet.integer(UPS.at(&[9, object, 0]), value);
    }
    sheet.live(UPS.at(&[9, 5, 0]), Integer, move |_| volt_amperes);
    sheet.live(UPS.at(&[9, 6, 0]), Integer, move |_| watts);
}

fn battery(sheet: &mut Sheet<UpsState>) {
    sheet.state(UPS.at(&[2, 1, 0]), |it| match it.battery {
        Battery::Normal => 2,
        Battery::Low => 3,
        Battery::Depleted => 4,
    });
    sheet.live(UPS.at(&[2, 2, 0]), Integer, UpsState::on_battery_seconds);
    sheet.live(UPS.at(&[2, 3, 0]), Integer, |it| (it.runtime_seconds / 60.0).floor());
    sheet.live(UPS.at(&[2, 4, 0]), Integer, |it| it.charge_percent);
    sheet.live(UPS.at(&[2, 5, 0]), Integer, |it| it.battery_volts * 10.0);
    sheet.live(UPS.at(&[2, 6, 0]), Integer, |it| it.battery_amperes * 10.0);
    sheet.live(UPS.at(&[2, 7, 0]), Integer, |it| it.celsius);
}

fn input(sheet: &mut Sheet<UpsState>, ups: &Ups) {
    sheet.live(UPS.at(&[3, 1, 0]), Counter32, |it| it.outages);
    sheet.integer(UPS.at(&[3, 2, 0]), i64::try_from(ups.plan().lines).unwrap_or(1));
    for line in lines(ups) {
        let cell = |column| UPS.cell(&[3, 3, 1, column], &[line]);
        sheet.live(cell(2), Integer, |it| it.input_hertz * 10.0);
        sheet.live(cell(3), Integer, |it| it.input_volts);
        sheet.live(cell(4), Integer, |it| it.input_amperes() * 10.0);
        sheet.live(cell(5), Integer, UpsState::input_watts);
    }
}

fn output(sheet: &mut Sheet<UpsState>, ups: &Ups) {
    // upsOutputSource: normal(3), battery(5).
    sheet.state(UPS.at(&[4, 1, 0]), |it| it.by_source(3, 5));
    sheet.live(UPS.at(&[4, 2, 0]), Integer, |it| it.output_hertz * 10.0);
    sheet.integer(UPS.at(&[4, 3, 0]), i64::try_from(ups.plan().lines).unwrap_or(1));
    for line in lines(ups) {
        let cell = |column| UPS.cell(&[4, 4, 1, column], &[line]);
        sheet.live(cell(2), Integer, |it| it.output_volts);
        sheet.live(cell(3), Integer, |it| it.output_amperes() * 10.0);
        sheet.live(cell(4), Integer, |it| it.watts / it.lines);
        sheet.live(cell(5), Integer, |it| it.load_percent);
    }
    sheet.live(UPS.at(&[5, 1, 0]), Integer, |it| it.input_hertz * 10.0);
    sheet.integer(UPS.at(&[5, 2, 0]), i64::try_from(ups.plan().lines).unwrap_or(1));
    for line in lines(ups) {
        let cell = |column| UPS.cell(&[5, 3, 1, column], &[line]);
        sheet.live(cell(2), Integer, |it| it.input_volts);
        sheet.integer(cell(3), 0);
        sheet.integer(cell(4), 0);
    }
}

fn lines(ups: &Ups) -> impl Iterator<Item = u32> {
    (1..).zip(0..ups.plan().lines).map(|(line, _)| line)
}
