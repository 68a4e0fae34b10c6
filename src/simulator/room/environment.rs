//! Environmental monitors: temperature and humidity of the air that racks breathe, and a door.

use super::sheet::{Root, Sheet, System, World};
use crate::simulator::cell::Form::Integer;
use crate::simulator::random::{Random, derive, wander};
use std::time::Duration;

/// The air at each probe: degrees Celsius, and percent of relative humidity.
#[derive(Debug, Clone, Default)]
pub(super) struct Air {
    probes: Vec<(f64, f64)>,
}

impl Air {
    fn celsius(&self, at: usize) -> f64 {
        self.probes.get(at).map_or(0.0, |(celsius, _)| *celsius)
    }

    fn humidity_percent(&self, at: usize) -> f64 {
        self.probes.get(at).map_or(0.0, |(_, percent)| *percent)
    }

    /// Magnus' formula (WMO-No. 8, annex 4.B).
    fn dew_point_celsius(&self, at: usize) -> f64 {
        let (celsius, percent) = (self.celsius(at), self.humidity_percent(at).max(1.0));
        let gamma = (percent / 100.0).ln() + 17.62 * celsius / (243.12 + celsius);
        243.12 * gamma / (17.62 - gamma)
    }
}

/// The device behind a monitor's agent. Its first probe hangs in the cold aisle, others
/// before racks.
#[derive(Debug, Clone)]
pub(super) struct Monitor {
    pub(super) seed: u64,
    pub(super) probes: usize,
    /// Degrees that someone heats the room by.
    heat: f64,
    revision: u64,
}

impl Monitor {
    pub(super) const fn new(seed: u64, probes: usize) -> Self {
        Self { seed, probes, heat: 0.0, revision: 0 }
    }

    /// Heats the room by so many degrees; 0 cools it down again.
    pub(super) const fn heat(&mut self, degrees: f64) {
        self.revision += 1;
        self.heat = degrees;
    }
}

impl World for Monitor {
    type State = Air;

    fn state(&mut self, time: Duration) -> Air {
        let seconds = time.as_secs_f64();
        let probe = |at: u64| {
            let seed = derive(self.seed, at);
            let mean = if at == 0 { 21.5 } else { 24.0 } + Random::new(seed).between(-1.0, 1.0);
            let celsius = mean + 0.8 * wander(seed, seconds / 900.0) + self.heat;
            (celsius, 45.0 - 1.8 * (celsius - 22.0) + 1.5 * wander(derive(seed, 7), seconds / 1400.0))
        };
        Air { probes: (0..).zip(0..self.probes).map(|(at, _)| probe(at)).collect() }
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}

/// APC's Environmental Management System (PowerNet-MIB, ems).
pub(super) mod ems {
    use super::{Air, Integer, Monitor, Root, Sheet, System};

    /// environmentalMgtSystem
    pub(in crate::simulator::room) const OBJECT_ID: &[u32] = &[1, 3, 6, 1, 4, 1, 318, 1, 3, 8, 2];
    const EMS: Root = Root(&[1, 3, 6, 1, 4, 1, 318, 1, 1, 10, 3]);
    /// A row of the probe table that no probe fills.
    const EMPTY: i64 = -1;

    pub(in crate::simulator::room) fn sheet(
        system: &System<'_>,
        name: &str,
        serial: &str,
        monitor: &Monitor,
    ) -> Sheet<Air> {
        let mut sheet = Sheet::new(system);
        let texts = [(1, name), (2, "AP9320"), (3, "v2.7.0"), (4, "4"), (5, "02/11/2022"), (6, serial)];
        for (object, text) in texts {
            sheet.text(EMS.at(&[1, object, 0]), text);
        }
        sheet.text(EMS.at(&[12, 1, 0]), name);
        let probes = i64::try_from(monitor.probes).unwrap_or(0);
        // Communicating; the scale is Celsius.
        let counts =
            [(2, 2), (3, probes + 1), (4, 1), (5, 0), (6, 0), (7, 2), (10, 0), (11, 1), (12, 1), (13, 0)];
        for (object, value) in counts {
            sheet.integer(EMS.at(&[12, object, 0]), value);
        }
        for (number, at) in (1..).zip(0..=monitor.probes) {
            probe(&mut sheet, number, at, at < monitor.probes);
        }
        let contact = |column| EMS.cell(&[14, 1, 1, column], &[1]);
        sheet.text(contact(2), "Door");
        for (column, value) in [(1, 1), (3, 1), (4, 1)] {
            sheet.integer(contact(column), value);
        }
        for (number, name) in [(1, "Smoke"), (2, "Water")] {
            let sensor = |column| EMS.cell(&[18, 1, 1, column], &[number]);
            sheet.integer(sensor(1), number.into());
            sheet.text(sensor(2), name);
            sheet.text(sensor(3), name);
            sheet.integer(sensor(4), 2);
            sheet.integer(sensor(5), 2);
        }
        sheet
    }

    fn probe(sheet: &mut Sheet<Air>, number: u32, at: usize, installed: bool) {
        let cell = |column| EMS.cell(&[13, 1, 1, column], &[number]);
        sheet.integer(cell(1), number.into());
        let aisle = if at == 0 { "Cold aisle".to_owned() } else { format!("Rack inlet {at}") };
        sheet.text(cell(2), if installed { &aisle } else { "" });
        if installed {
            sheet.live(cell(3), Integer, move |it| it.celsius(at));
            sheet.live(cell(6), Integer, move |it| it.humidity_percent(at));
        } else {
            sheet.integer(cell(3), EMPTY);
            sheet.integer(cell(6), EMPTY);
        }
        for (column, limit) in [(4, 35), (5, 10), (7, 80), (8, 10), (12, 40), (13, 5), (14, 90), (15, 5)] {
            sheet.integer(cell(column), limit);
        }
        sheet.text(cell(9), &format!("L{number:09}"));
        // commsEstablished, or commsNeverDiscovered.
        sheet.integer(cell(10), if installed { 2 } else { 1 });
        sheet.integer(cell(11), 0);
    }
}

/// AVTECH's Room Alert 12E (ROOMALERT12E-MIB): hundredths of a degree and of a percent.
pub(super) mod room_alert {
    use super::{Air, Integer, Monitor, Root, Sheet, System};

    /// roomalert12E
    pub(in crate::simulator::room) const OBJECT_ID: &[u32] = &[1, 3, 6, 1, 4, 1, 20916, 1, 10];
    const SENSORS: Root = Root(&[1, 3, 6, 1, 4, 1, 20916, 1, 10, 1]);

    pub(in crate::simulator::room) fn sheet(system: &System<'_>, monitor: &Monitor) -> Sheet<Air> {
        let mut sheet = Sheet::<Air>::new(system);
        sheet.live(SENSORS.at(&[1, 1, 0]), Integer, |it| it.celsius(0) * 100.0);
        sheet.live(SENSORS.at(&[1, 2, 0]), Integer, |it| fahrenheit(it.celsius(0)) * 100.0);
        sheet.text(SENSORS.at(&[1, 3, 0]), "Internal sensor");
        // Groups 2 to 4 are the ports; a sensor that is not there has no objects.
        for (group, at) in (2..=4).zip(1..monitor.probes) {
            let cell = |object| SENSORS.at(&[group, object, 0]);
            sheet.live(cell(1), Integer, move |it| it.celsius(at) * 100.0);
            sheet.live(cell(2), Integer, move |it| fahrenheit(it.celsius(at)) * 100.0);
            sheet.live(cell(3), Integer, move |it| it.humidity_percent(at) * 100.0);
            // Below 27 degrees the heat index is the temperature itself.
            sheet.live(cell(4), Integer, move |it| fahrenheit(it.celsius(at)) * 100.0);
            sheet.live(cell(5), Integer, move |it| it.celsius(at) * 100.0);
            sheet.live(cell(6), Integer, move |it| it.dew_point_celsius(at) * 100.0);
            sheet.live(cell(7), Integer, move |it| fahrenheit(it.dew_point_celsius(at)) * 100.0);
            sheet.text(cell(8), &format!("Rack inlet {at}"));
        }
        for (group, name) in [(5, "Door"), (6, "Water"), (7, "Smoke"), (8, "Spare")] {
            sheet.integer(SENSORS.at(&[group, 1, 0]), 0);
            sheet.text(SENSORS.at(&[group, 2, 0]), name);
        }
        sheet.integer(SENSORS.at(&[10, 1, 0]), 0);
        sheet.text(SENSORS.at(&[10, 2, 0]), "Relay output");
        sheet
    }

    fn fahrenheit(celsius: f64) -> f64 {
        celsius * 1.8 + 32.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Air, Monitor, World};
    use std::time::Duration;

    #[test]
    fn the_dew_point_is_that_of_the_tables() {
        let air = Air { probes: vec![(25.0, 50.0), (20.0, 100.0)] };
        assert!((air.dew_point_celsius(0) - 13.86).abs() < 0.05, "{}", air.dew_point_celsius(0));
        assert!((air.dew_point_celsius(1) - 20.0).abs() < 0.01);
    }

    #[test]
    fn heat_is_felt_at_every_probe() {
        let mut monitor = Monitor::new(5, 3);
        let before = monitor.state(Duration::ZERO);
        monitor.heat(15.0);
        let after = monitor.state(Duration::ZERO);
        for probe in 0..3 {
            assert!((after.celsius(probe) - before.celsius(probe) - 15.0).abs() < 1e-9);
            assert!(
                (10.0..80.0).contains(&after.humidity_percent(probe)) || after.humidity_percent(probe) < 10.0
            );
        }
        assert!(before.celsius(0) < before.celsius(1));
    }
}
