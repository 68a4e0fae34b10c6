//! Chassis: power supplies, batteries, fans, leaks, environment (PowerSubsystem, ThermalSubsystem, EnvironmentMetrics).

use super::sensor::Choice;
use super::{Mapper, is_absent, label_of, rating_at};
use crate::model::{ComponentKind, Quantity};
use crate::redfish::document::{items, text_at};
use crate::redfish::draft::Decode;
use crate::redfish::states::StateKind;
use crate::redfish::tree::Node;
use serde_json::Value;

/// Of PowerSupplyMetrics: property, kind of component, quantity, factor.
const SUPPLY: [(&str, ComponentKind, Quantity, f64); 9] = [
    ("/InputVoltage", ComponentKind::Input, Quantity::Voltage, 1.0),
    ("/InputCurrentAmps", ComponentKind::Input, Quantity::Current, 1.0),
    ("/InputPowerWatts", ComponentKind::Input, Quantity::ActivePower, 1.0),
    ("/FrequencyHz", ComponentKind::Input, Quantity::Frequency, 1.0),
    ("/EnergykWh", ComponentKind::Input, Quantity::Energy, 1e3),
    ("/TemperatureCelsius", ComponentKind::Input, Quantity::Temperature, 1.0),
    ("/OutputPowerWatts", ComponentKind::Output, Quantity::ActivePower, 1.0),
    ("/OutputVoltage", ComponentKind::Output, Quantity::Voltage, 1.0),
    ("/OutputCurrentAmps", ComponentKind::Output, Quantity::Current, 1.0),
];

/// Of BatteryMetrics: property, quantity, name.
const BATTERY: [(&str, Quantity, &str); 7] = [
    ("/ChargePercent", Quantity::Charge, ""),
    ("/InputVoltage", Quantity::Voltage, "input"),
    ("/InputCurrentAmps", Quantity::Current, "input"),
    ("/TemperatureCelsius", Quantity::Temperature, ""),
    ("/OutputVoltages/0", Quantity::Voltage, ""),
    ("/OutputCurrentAmps/0", Quantity::Current, ""),
    ("/StoredEnergyWattHours", Quantity::Energy, ""),
];

impl Mapper<'_> {
    pub(super) fn chassis(&mut self, chassis: Node<'_>) {
        // Power equipment and chassis number from 1 alike.
        let id = chassis.uri.segment(0);
        let index = if self.unit_indices.contains(id) { format!("Chassis.{id}") } else { id.to_owned() };
        let label = label_of(chassis.document);
        let tree = self.tree;
        let is_equipment = self.equipped.contains(chassis.uri);
        let device = self.draft.component(ComponentKind::Device, &index, &label);
        if !is_equipment {
            self.environment(device, chassis);
        }
        let subsystem = tree.follow(self.origin, chassis.document, "/PowerSubsystem");
        let has_supplies = subsystem.is_some_and(|it| self.supplies(&index, it));
        if let Some(subsystem) = subsystem {
            self.redundancy(device, subsystem, "/PowerSupplyRedundancy", "redundancy");
            for battery in tree.nodes_at(self.origin, subsystem.document, "/Batteries") {
                self.battery(&index, battery);
            }
        }
        let before = self.draft.readings.len();
        if let Some(power) = tree.follow(self.origin, chassis.document, "/Power") {
            self.legacy_power(&index, device, power, !has_supplies);
        }
        let has_power = has_supplies || before != self.draft.readings.len();
        let before = self.draft.readings.len();
        if let Some(thermal) = tree.follow(self.origin, chassis.document, "/Thermal") {
            self.legacy_thermal(&index, thermal);
        }
        let has_thermal = before != self.draft.readings.len();
        if let Some(thermal) = tree.follow(self.origin, chassis.document, "/ThermalSubsystem") {
            self.thermal(&index, thermal, has_thermal);
        }
        let choice =
            if is_equipment || (has_power && has_thermal) { Choice::Environment } else { Choice::All };
        if is_equipment || !has_thermal {
            self.sensors(chassis, &index, choice);
        }
    }

    /// What a chassis says of itself as a whole.
    pub(super) fn environment(&mut self, device: u32, chassis: Node<'_>) {
        let Some(metrics) = self.tree.follow(self.origin, chassis.document, "/EnvironmentMetrics") else {
            return;
        };
        self.excerpts(device, metrics);
        let joules = (Quantity::Energy, "");
        self.excerpt(device, joules, metrics, "/EnergyJoules", 1.0 / 3600.0);
        if let Some(ratings) = self.draft.ratings(device)
            && ratings.active_power_watts.is_none()
        {
            ratings.active_power_watts = rating_at(metrics.document, "/PowerLimitWatts/SetPoint");
        }
    }

    /// What is measured of a room or building as a whole, and of the air outside of it.
    pub(super) fn facility(&mut self, facility: Node<'_>) {
        let index = format!("Facilities.{}", facility.uri.segment(0));
        let device = self.draft.component(ComponentKind::Device, &index, &label_of(facility.document));
        self.environment(device, facility);
        let Some(ambient) = self.tree.follow(self.origin, facility.document, "/AmbientMetrics") else {
            return;
        };
        for (pointer, quantity) in
            [("/TemperatureCelsius", Quantity::Temperature), ("/HumidityPercent", Quantity::Humidity)]
        {
            self.excerpt(device, (quantity, "ambient"), ambient, pointer, 1.0);
        }
    }

    /// Whether the supplies have metrics of their own: then the old Power resource says nothing more.
    fn supplies(&mut self, chassis: &str, subsystem: Node<'_>) -> bool {
        let tree = self.tree;
        let metrics_of = |it: &Node<'_>| tree.follow(self.origin, it.document, "/Metrics");
        let all: Vec<Node<'_>> = tree.nodes_at(self.origin, subsystem.document, "/PowerSupplies").collect();
        let has_metrics = all
            .iter()
            .filter_map(metrics_of)
            .any(|it| SUPPLY.iter().any(|(at, ..)| it.document.pointer(at).is_some_and(|it| !it.is_null())));
        let has_legacy = !has_metrics && self.has_legacy_supplies(subsystem);
        if has_legacy {
            return false;
        }
        for supply in &all {
            self.supply(chassis, *supply);
        }
        has_metrics
    }

    fn has_legacy_supplies(&self, subsystem: Node<'_>) -> bool {
        let chassis = self.tree.of_role(crate::redfish::tree::Role::Chassis).find(|it| {
            let found = self.tree.follow(self.origin, it.document, "/PowerSubsystem");
            found.is_some_and(|it| it.uri == subsystem.uri)
        });
        let power = chassis.and_then(|it| self.tree.follow(self.origin, it.document, "/Power"));
        power.is_some_and(|it| !items(it.document, "/PowerSupplies").is_empty())
    }

    /// A power supply of a chassis or shelf; of one that both name, once.
    pub(super) fn supply(&mut self, chassis: &str, supply: Node<'_>) {
        if is_absent(supply.document) || !self.mapped.insert(supply.uri.clone()) {
            return;
        }
        let index = format!("{chassis}.{}", supply.uri.segment(0));
        let label = label_of(supply.document);
        let input = self.draft.component(ComponentKind::Input, &index, &label);
        let output = self.draft.component(ComponentKind::Output, &index, &label);
        if let Some(ratings) = self.draft.ratings(output) {
            ratings.active_power_watts = rating_at(supply.document, "/PowerCapacityWatts");
        }
        if let Some(metrics) = self.tree.follow(self.origin, supply.document, "/Metrics") {
            for (pointer, kind, quantity, factor) in SUPPLY {
                let component = if kind == ComponentKind::Input { input } else { output };
                self.excerpt(component, (quantity, ""), metrics, pointer, factor);
            }
            for (pointer, quantity) in [
                ("/RailVoltage", Quantity::Voltage),
                ("/RailCurrentAmps", Quantity::Current),
                ("/RailPowerWatts", Quantity::ActivePower),
            ] {
                let rails = items(metrics.document, pointer).len();
                for rail in 0..rails {
                    let name = if rails == 1 { String::new() } else { format!("rail_{}", rail + 1) };
                    self.excerpt(output, (quantity, &name), metrics, &format!("{pointer}/{rail}"), 1.0);
                }
            }
        }
        self.status(input, supply, "/Status");
    }

    pub(super) fn battery(&mut self, chassis: &str, battery: Node<'_>) {
        if is_absent(battery.document) || !self.mapped.insert(battery.uri.clone()) {
            return;
        }
        let index = format!("{chassis}.{}", battery.uri.segment(0));
        let component = self.draft.component(ComponentKind::Battery, &index, &label_of(battery.document));
        if let Some(metrics) = self.tree.follow(self.origin, battery.document, "/Metrics") {
            for (pointer, quantity, name) in BATTERY {
                self.excerpt(component, (quantity, name), metrics, pointer, 1.0);
            }
        }
        let health = (Quantity::Charge, "state_of_health");
        self.excerpt(component, health, battery, "/StateOfHealthPercent", 1.0);
        self.state(component, "charge", battery, "/ChargeState", StateKind::Charge);
        self.status(component, battery, "/Status");
    }

    fn thermal(&mut self, chassis: &str, thermal: Node<'_>, has_legacy: bool) {
        let tree = self.tree;
        if !has_legacy {
            if let Some(metrics) = tree.follow(self.origin, thermal.document, "/ThermalMetrics") {
                self.temperatures(chassis, metrics);
            }
            for fan in tree.nodes_at(self.origin, thermal.document, "/Fans") {
                if !is_absent(fan.document) {
                    let index = format!("{chassis}.Fans.{}", fan.uri.segment(0));
                    let label = label_of(fan.document);
                    let component = self.draft.component(ComponentKind::Sensor, &index, &label);
                    self.status(component, fan, "/Status");
                }
            }
        }
        let leaks = tree.follow(self.origin, thermal.document, "/LeakDetection");
        let detectors = leaks.map(|it| tree.nodes_at(self.origin, it.document, "/LeakDetectors"));
        for detector in detectors.into_iter().flatten() {
            let index = format!("{chassis}.LeakDetectors.{}", detector.uri.segment(0));
            let component = self.draft.component(ComponentKind::Sensor, &index, &label_of(detector.document));
            self.state(component, "", detector, "/DetectorState", StateKind::Detector);
        }
    }

    /// All temperatures of a chassis in one document (ThermalMetrics).
    fn temperatures(&mut self, chassis: &str, metrics: Node<'_>) {
        let readings = "/TemperatureReadingsCelsius";
        for (at, item) in items(metrics.document, readings).iter().enumerate() {
            let source = item.get("DataSourceUri").and_then(Value::as_str);
            let sensor = source.and_then(|it| self.origin.resource(it).ok());
            let id =
                sensor.as_ref().map_or_else(|| format!("Temperatures.{at}"), |it| it.segment(0).to_owned());
            if let Some(read) = sensor.as_ref().and_then(|it| self.excerpts.get(it)).copied() {
                // The chassis itself says it: the same reading is not two.
                self.draft.note(read, format!("{}#{readings}/{at}/Reading", metrics.uri.key()).into());
                continue;
            }
            let name = sensor.as_ref().and_then(|it| self.tree.get(it)).map(|it| label_of(it.document));
            let label = name.unwrap_or_else(|| text_at(item, "/DeviceName"));
            let index = format!("{chassis}.{id}");
            let component = self.draft.component(ComponentKind::Sensor, &index, &label);
            let pointer = format!("{readings}/{at}/Reading");
            let what = (Quantity::Temperature, "");
            let added = self.add(component, what, metrics, pointer, Decode::Number(1.0));
            let (Some(added), Some(sensor)) = (added, sensor) else { continue };
            if let Some(source) = source {
                let at = format!("{readings}/{at}/DataSourceUri");
                self.draft.guard(added, &at, &Value::from(source));
            }
            self.excerpts.entry(sensor).or_insert(added);
        }
    }
}
