//! A UPS as energy: mains come in, or the battery drains at the rate of the load.

use super::sheet::World;
use crate::simulator::random::{Random, derive, wander};
use std::time::Duration;

/// What a UPS is built from.
#[derive(Debug, Clone)]
pub(super) struct UpsPlan {
    pub(super) seed: u64,
    /// Input and output lines: 1 or 3.
    pub(super) lines: usize,
    pub(super) rated_volt_amperes: f64,
    pub(super) rated_watts: f64,
    pub(super) battery_volts: f64,
    /// How long a full battery carries the rated load.
    pub(super) full_runtime: Duration,
}

/// A UPS at one moment.
#[derive(Debug, Clone)]
pub(super) struct UpsState {
    /// How long it has been on battery; `None` on mains.
    pub(super) on_battery: Option<Duration>,
    pub(super) battery: Battery,
    pub(super) lines: f64,
    pub(super) input_volts: f64,
    pub(super) input_hertz: f64,
    pub(super) output_volts: f64,
    pub(super) output_hertz: f64,
    pub(super) watts: f64,
    pub(super) volt_amperes: f64,
    pub(super) load_percent: f64,
    pub(super) charge_percent: f64,
    pub(super) runtime_seconds: f64,
    pub(super) battery_volts: f64,
    /// Out of the battery; negative while it charges.
    pub(super) battery_amperes: f64,
    pub(super) celsius: f64,
    pub(super) watt_hours: f64,
    /// How often the mains have failed.
    pub(super) outages: f64,
}

/// How its battery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Battery {
    Normal,
    Low,
    Depleted,
}

impl UpsState {
    /// The one number on mains, the other on battery.
    pub(super) const fn by_source(&self, on_mains: i64, on_battery: i64) -> i64 {
        if self.on_battery.is_some() { on_battery } else { on_mains }
    }

    pub(super) fn output_amperes(&self) -> f64 {
        if self.output_volts <= 0.0 { 0.0 } else { self.volt_amperes / self.lines / self.output_volts }
    }

    /// What a line draws from the mains: the load and the losses.
    pub(super) fn input_amperes(&self) -> f64 {
        if self.input_volts <= 0.0 { 0.0 } else { self.watts * LOSSES / self.lines / self.input_volts }
    }

    pub(super) fn input_watts(&self) -> f64 {
        if self.input_volts <= 0.0 { 0.0 } else { self.watts * LOSSES / self.lines }
    }

    pub(super) fn on_battery_seconds(&self) -> f64 {
        self.on_battery.map_or(0.0, |it| it.as_secs_f64())
    }
}

/// The device behind a UPS's agent.
#[derive(Debug, Clone)]
pub(super) struct Ups {
    plan: UpsPlan,
    outage: Option<Outage>,
    outages: u32,
    revision: u64,
}

#[derive(Debug, Clone)]
struct Outage {
    /// When it began; known when the state is next worked out.
    since: Option<Duration>,
    /// How many times faster than real the battery drains.
    pace: f64,
}

impl Ups {
    pub(super) const fn new(plan: UpsPlan) -> Self {
        Self { plan, outage: None, outages: 0, revision: 0 }
    }

    pub(super) const fn plan(&self) -> &UpsPlan {
        &self.plan
    }

    /// Takes the mains away. The battery drains `pace` times faster than a real one.
    pub(super) fn fail_mains(&mut self, pace: f64) {
        self.revision += 1;
        self.outages = self.outages.saturating_add(1);
        self.outage = Some(Outage { since: None, pace: pace.max(0.0) });
    }

    /// Mains are back, and the battery is full at once: a demo does not wait for hours.
    pub(super) fn mend(&mut self) {
        self.revision += 1;
        self.outage = None;
    }

    fn battery_of(charge_percent: f64, runtime_seconds: f64) -> Battery {
        if charge_percent <= 0.0 {
            Battery::Depleted
        } else if charge_percent < LOW_PERCENT || runtime_seconds < LOW_SECONDS {
            Battery::Low
        } else {
            Battery::Normal
        }
    }
}

impl World for Ups {
    type State = UpsState;

    fn state(&mut self, time: Duration) -> UpsState {
        let (plan, seconds) = (&self.plan, time.as_secs_f64());
        let mean_share = Random::new(plan.seed).between(0.35, 0.6);
        let share = mean_share * (1.0 + 0.06 * wander(derive(plan.seed, 1), seconds / 300.0));
        let full_seconds = plan.full_runtime.as_secs_f64() / share;
        let outage =
            self.outage.as_mut().map(|it| (time.saturating_sub(*it.since.get_or_insert(time)), it.pace));
        let drained = outage.map_or(0.0, |(elapsed, pace)| elapsed.as_secs_f64() * pace / full_seconds);
        let charge_percent = (100.0 * (1.0 - drained)).clamp(0.0, 100.0);
        let runtime_seconds = full_seconds * charge_percent / 100.0;
        let watts = plan.rated_watts * share;
        let hertz = 50.0 + 0.04 * wander(derive(plan.seed, 2), seconds / 30.0);
        let mains_volts = 231.0 + 3.0 * wander(derive(plan.seed, 3), seconds / 500.0);
        let cells = if outage.is_some() { 0.87 + 0.15 * charge_percent / 100.0 } else { 1.135 };
        let battery_volts = plan.battery_volts * cells;
        UpsState {
            on_battery: outage.map(|(elapsed, _)| elapsed),
            battery: Self::battery_of(charge_percent, runtime_seconds),
            lines: if plan.lines == 3 { 3.0 } else { 1.0 },
            input_volts: if outage.is_some() { 0.0 } else { mains_volts },
            input_hertz: if outage.is_some() { 0.0 } else { hertz },
            output_volts: 230.0 + 0.5 * wander(derive(plan.seed, 4), seconds / 200.0),
            output_hertz: if outage.is_some() { 50.0 } else { hertz },
            watts,
            volt_amperes: watts / 0.93,
            load_percent: 100.0 * (watts / 0.93) / plan.rated_volt_amperes,
            charge_percent,
            runtime_seconds,
            battery_volts,
            battery_amperes: if outage.is_some() { watts * LOSSES / battery_volts } else { -0.1 },
            celsius: 24.0 + 1.5 * wander(derive(plan.seed, 5), seconds / 1500.0) + drained * 6.0,
            outages: f64::from(self.outages),
            watt_hours: plan.rated_watts * mean_share * (4000.0 + seconds / 3600.0),
        }
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}

/// What comes out costs that much more coming in.
const LOSSES: f64 = 1.05;
/// Below that charge, or that run time, the battery is low.
const LOW_PERCENT: f64 = 20.0;
const LOW_SECONDS: f64 = 120.0;

#[cfg(test)]
mod tests {
    use super::{Battery, Ups, UpsPlan, World};
    use std::time::Duration;

    #[test]
    fn the_battery_drains_while_the_mains_are_away() {
        let mut ups = Ups::new(UpsPlan {
            seed: 3,
            lines: 1,
            rated_volt_amperes: 3000.0,
            rated_watts: 2700.0,
            battery_volts: 96.0,
            full_runtime: Duration::from_secs(600),
        });
        let second = Duration::from_secs;
        let on_mains = ups.state(second(100));
        assert_eq!((on_mains.on_battery, on_mains.battery), (None, Battery::Normal));
        assert!((on_mains.charge_percent - 100.0).abs() < 1e-9 && 200.0 < on_mains.input_volts);
        ups.fail_mains(20.0);
        let start = ups.state(second(100));
        assert_eq!(start.on_battery, Some(Duration::ZERO));
        assert!(start.input_volts < 1.0 && 229.0 < start.output_volts);
        let mut last = start;
        let mut seen = Vec::new();
        for at in 101..200 {
            let now = ups.state(second(at));
            assert!(
                now.charge_percent <= last.charge_percent
                    && now.runtime_seconds <= last.runtime_seconds + 60.0
            );
            if seen.last() != Some(&now.battery) {
                seen.push(now.battery);
            }
            last = now;
        }
        assert_eq!(seen, [Battery::Normal, Battery::Low, Battery::Depleted]);
        ups.mend();
        assert_eq!(ups.state(second(200)).on_battery, None);
        assert!((ups.state(second(200)).charge_percent - 100.0).abs() < 1e-9);
    }
}
