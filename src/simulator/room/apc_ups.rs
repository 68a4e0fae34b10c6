//! APC Smart-UPS behind a network management card: PowerNet-MIB, ups, with UPS-MIB beside it.

use super::rfc1628::{self, Nameplate};
use super::sheet::{Root, Sheet, System};
use super::ups::{Battery, Ups, UpsState};
use crate::simulator::cell::Form::{Gauge32, Integer, TimeTicks};

/// smartUPS2
pub(super) const OBJECT_ID: &[u32] = &[1, 3, 6, 1, 4, 1, 318, 1, 3, 27];
/// PowerNet-MIB::upsOnBattery
pub(super) const ON_BATTERY: &[u32] = &[1, 3, 6, 1, 4, 1, 318, 0, 5];
/// PowerNet-MIB::powerRestored
pub(super) const POWER_RESTORED: &[u32] = &[1, 3, 6, 1, 4, 1, 318, 0, 9];
const UPS: Root = Root(&[1, 3, 6, 1, 4, 1, 318, 1, 1, 1]);

pub(super) fn sheet(system: &System<'_>, plate: &Nameplate<'_>, ups: &Ups) -> Sheet<UpsState> {
    let mut sheet = rfc1628::sheet(system, plate, ups);
    identity(&mut sheet, plate);
    battery(&mut sheet, ups);
    input(&mut sheet);
    output(&mut sheet);
    state(&mut sheet);
    sheet
}

fn identity(sheet: &mut Sheet<UpsState>, plate: &Nameplate<'_>) {
    for (tail, text) in [
        ([1, 1, 1, 0], plate.model),
        ([1, 1, 2, 0], plate.name),
        ([1, 1, 3, 0], "SMART-UPS"),
        ([1, 2, 1, 0], plate.firmware),
        ([1, 2, 2, 0], "05/20/2023"),
        ([1, 2, 3, 0], plate.serial),
        ([1, 2, 5, 0], "SMX3000RMHV2UNC"),
    ] {
        sheet.text(UPS.at(&tail), text);
    }
    sheet.integer(UPS.at(&[1, 2, 7, 0]), 3);
}

fn battery(sheet: &mut Sheet<UpsState>, ups: &Ups) {
    let nominal = ups.plan().battery_volts;
    sheet.state(UPS.at(&[2, 1, 1, 0]), |it| if it.battery == Battery::Normal { 2 } else { 3 });
    sheet.live(UPS.at(&[2, 1, 2, 0]), TimeTicks, |it| it.on_battery_seconds() * 100.0);
    sheet.text(UPS.at(&[2, 1, 3, 0]), "05/20/2023");
    sheet.live(UPS.at(&[2, 2, 1, 0]), Gauge32, |it| it.charge_percent);
    sheet.live(UPS.at(&[2, 2, 2, 0]), Gauge32, |it| it.celsius);
    sheet.live(UPS.at(&[2, 2, 3, 0]), TimeTicks, |it| it.runtime_seconds.floor() * 100.0);
    for (object, value) in [(4, 1), (5, 1), (6, 0)] {
        sheet.integer(UPS.at(&[2, 2, object, 0]), value);
    }
    sheet.live(UPS.at(&[2, 2, 7, 0]), Integer, move |_| nominal);
    sheet.live(UPS.at(&[2, 2, 8, 0]), Integer, |it| it.battery_volts);
    sheet.live(UPS.at(&[2, 3, 1, 0]), Gauge32, |it| it.charge_percent * 10.0);
    sheet.live(UPS.at(&[2, 3, 2, 0]), Gauge32, |it| it.celsius * 10.0);
    sheet.live(UPS.at(&[2, 3, 4, 0]), Integer, |it| it.battery_volts * 10.0);
}

fn input(sheet: &mut Sheet<UpsState>) {
    sheet.integer(UPS.at(&[3, 1, 1, 0]), 1);
    for object in [1, 2, 3] {
        sheet.live(UPS.at(&[3, 2, object, 0]), Gauge32, |it| it.input_volts);
    }
    sheet.live(UPS.at(&[3, 2, 4, 0]), Gauge32, |it| it.input_hertz);
    // upsAdvInputLineFailCause: noTransfer(1), blackout(4).
    sheet.state(UPS.at(&[3, 2, 5, 0]), |it| it.by_source(1, 4));
    sheet.live(UPS.at(&[3, 3, 1, 0]), Gauge32, |it| it.input_volts * 10.0);
    sheet.live(UPS.at(&[3, 3, 4, 0]), Gauge32, |it| it.input_hertz * 10.0);
}

fn output(sheet: &mut Sheet<UpsState>) {
    // upsBasicOutputStatus: onLine(2), onBattery(3).
    sheet.state(UPS.at(&[4, 1, 1, 0]), |it| it.by_source(2, 3));
    sheet.integer(UPS.at(&[4, 1, 2, 0]), 1);
    sheet.live(UPS.at(&[4, 2, 1, 0]), Gauge32, |it| it.output_volts);
    sheet.live(UPS.at(&[4, 2, 2, 0]), Gauge32, |it| it.output_hertz);
    sheet.live(UPS.at(&[4, 2, 3, 0]), Gauge32, |it| it.load_percent);
    sheet.live(UPS.at(&[4, 2, 4, 0]), Gauge32, UpsState::output_amperes);
    sheet.live(UPS.at(&[4, 2, 8, 0]), Integer, |it| it.watts);
    sheet.live(UPS.at(&[4, 2, 9, 0]), Integer, |it| it.volt_amperes);
    sheet.live(UPS.at(&[4, 2, 12, 0]), Gauge32, |it| it.watt_hours / 1000.0);
    sheet.live(UPS.at(&[4, 3, 1, 0]), Gauge32, |it| it.output_volts * 10.0);
    sheet.live(UPS.at(&[4, 3, 2, 0]), Gauge32, |it| it.output_hertz * 10.0);
    sheet.live(UPS.at(&[4, 3, 3, 0]), Gauge32, |it| it.load_percent * 10.0);
    sheet.live(UPS.at(&[4, 3, 4, 0]), Gauge32, |it| it.output_amperes() * 10.0);
    sheet.live(UPS.at(&[4, 3, 6, 0]), Gauge32, |it| it.watt_hours / 10.0);
}

fn state(sheet: &mut Sheet<UpsState>) {
    sheet.integer(UPS.at(&[7, 2, 3, 0]), 1);
    sheet.text(UPS.at(&[7, 2, 4, 0]), "06/01/2024");
    sheet.integer(UPS.at(&[8, 1, 0]), 1);
    sheet.live_text(UPS.at(&[11, 1, 1, 0]), flags);
    // upsBasicStateAlarmStatus: noAlarms(1), warningAlarm(3), criticalAlarm(4).
    sheet.state(UPS.at(&[11, 1, 2, 0]), |it| match (it.battery, it.on_battery) {
        (Battery::Normal, None) => 1,
        (Battery::Normal, Some(_)) => 3,
        (Battery::Low | Battery::Depleted, _) => 4,
    });
}

/// upsBasicStateOutputState: 64 flags; 1 abnormal, 2 on battery, 3 low battery, 4 on line, 6
/// communication, 19 on.
fn flags(state: &UpsState) -> String {
    let on_battery = state.on_battery.is_some();
    let low = state.battery != Battery::Normal;
    (1..=64)
        .map(|flag| {
            let set = match flag {
                1 | 2 => on_battery,
                3 => low,
                4 => !on_battery,
                6 | 19 => true,
                _ => false,
            };
            if set { '1' } else { '0' }
        })
        .collect()
}
