//! Power distribution: units, circuits, outlets, groups (PowerDistribution, Circuit, Outlet, OutletGroup).

use super::{EXCERPTS, Mapper, is_absent, label_of, prefixed, rating_at};
use crate::model::{ComponentKind, Quantity};
use crate::redfish::document::{links_at, text_at};
use crate::redfish::draft::Decode;
use crate::redfish::states::StateKind;
use crate::redfish::tree::Node;
use serde_json::Value;

/// Where a unit's circuits stand, what they are, and what their index begins with.
const CIRCUITS: [(&str, ComponentKind, &str); 4] = [
    ("/Mains", ComponentKind::Infeed, ""),
    ("/Branches", ComponentKind::Bank, ""),
    ("/Feeders", ComponentKind::Bank, "Feeders."),
    ("/Subfeeds", ComponentKind::Bank, "Subfeeds."),
];
/// The lines of a circuit: key, phase.
const LINES: [(&str, &str); 3] = [("Line1", "L1"), ("Line2", "L2"), ("Line3", "L3")];
/// Between lines, and from a line to neutral: key, phase, short form.
const TO_NEUTRAL: [(&str, &str, &str); 3] = [
    ("Line1ToNeutral", "L1", "line_1_to_neutral"),
    ("Line2ToNeutral", "L2", "line_2_to_neutral"),
    ("Line3ToNeutral", "L3", "line_3_to_neutral"),
];
const TO_LINE: [(&str, &str, &str); 3] = [
    ("Line1ToLine2", "L1", "line_1_to_line_2"),
    ("Line2ToLine3", "L2", "line_2_to_line_3"),
    ("Line3ToLine1", "L3", "line_3_to_line_1"),
];
/// What is measured by line pairs.
const POLY_PHASE: [(&str, Quantity, f64); 3] = [
    ("/PolyPhaseVoltage", Quantity::Voltage, 1.0),
    ("/PolyPhasePowerWatts", Quantity::ActivePower, 1.0),
    ("/PolyPhaseEnergykWh", Quantity::Energy, 1e3),
];
const POLY_PHASE_CURRENT: &str = "/PolyPhaseCurrentAmps";

impl Mapper<'_> {
    pub(super) fn unit(&mut self, unit: Node<'_>) {
        let index = prefixed("RackPDUs", unit.uri.segment(1), unit.uri.segment(0));
        let device = self.draft.component(ComponentKind::Device, &index, &label_of(unit.document));
        self.unit_indices.insert(index.clone());
        if let Some(ratings) = self.draft.ratings(device) {
            ratings.apparent_power_volt_amperes = rating_at(unit.document, "/PowerCapacityVA");
        }
        let metrics = self.tree.follow(self.origin, unit.document, "/Metrics");
        if let Some(metrics) = metrics {
            self.excerpts(device, metrics);
            let at = "/AmbientTemperatureCelsius";
            self.excerpt(device, (Quantity::Temperature, "ambient"), metrics, at, 1.0);
        }
        let is_metered = metrics.is_some_and(|it| it.document.pointer("/PowerWatts/Reading").is_some());
        self.status(device, unit, "/Status");
        self.redundancy(device, unit, "/MainsRedundancy", "mains_redundancy");
        self.redundancy(device, unit, "/PowerDistributionRedundancy", "redundancy");
        self.add(
            device,
            (Quantity::State, "transfer"),
            unit,
            "/TransferConfiguration/ActiveMainsId".to_owned(),
            Decode::Transfer,
        );
        let is_switch = is_transfer_switch(unit);
        let tree = self.tree;
        for (pointer, kind, prefix) in CIRCUITS {
            let kind = if is_switch && kind == ComponentKind::Infeed { ComponentKind::Input } else { kind };
            for circuit in tree.nodes_at(self.origin, unit.document, pointer) {
                let index = format!("{index}.{prefix}{}", circuit.uri.segment(0));
                self.circuit(kind, &index, circuit, is_metered);
            }
        }
        for outlet in tree.nodes_at(self.origin, unit.document, "/Outlets") {
            self.outlet(&format!("{index}.{}", outlet.uri.segment(0)), outlet);
        }
        for group in tree.nodes_at(self.origin, unit.document, "/OutletGroups") {
            self.outlet(&format!("{index}.OutletGroups.{}", group.uri.segment(0)), group);
        }
        self.redundancy(device, unit, "/PowerSupplyRedundancy", "supply_redundancy");
        for supply in tree.nodes_at(self.origin, unit.document, "/PowerSupplies") {
            self.supply(&index, supply);
        }
        for battery in tree.nodes_at(self.origin, unit.document, "/Batteries") {
            self.battery(&index, battery);
        }
        for chassis in links_at(unit.document, "/Links/Chassis") {
            self.equipped.extend(self.origin.resource(chassis));
        }
        self.sensors(unit, &index, super::sensor::Choice::Environment);
        if let Some(chassis) = tree.follow(self.origin, unit.document, "/Links/Chassis") {
            self.environment(device, chassis);
        }
    }

    fn circuit(&mut self, kind: ComponentKind, index: &str, circuit: Node<'_>, is_metered: bool) {
        if is_absent(circuit.document) {
            return;
        }
        let label = label_of(circuit.document);
        let component = self.draft.component(kind, index, &label);
        let rated = rating_at(circuit.document, "/RatedCurrentAmps");
        self.rate_current(component, rated);
        self.excerpts(component, circuit);
        self.state(component, "", circuit, "/BreakerState", StateKind::Breaker);
        self.state(component, "power", circuit, "/PowerState", StateKind::Power);
        self.status(component, circuit, "/Status");
        if kind == ComponentKind::Bank {
            self.lines_by_name(component, circuit);
            return;
        }
        self.phases(index, &label, circuit, rated);
        let neutral = format!("{POLY_PHASE_CURRENT}/Neutral");
        self.excerpt(component, (Quantity::Current, "neutral"), circuit, &neutral, 1.0);
        if !is_metered {
            self.sum_of_phases(component, circuit);
        }
    }

    /// The lines of an infeed are components: rules are written for phases.
    fn phases(&mut self, index: &str, label: &str, circuit: Node<'_>, rated: Option<f64>) {
        for (key, phase) in LINES {
            let of_pairs = |key: &str| {
                POLY_PHASE.iter().any(|(it, ..)| circuit.document.pointer(&format!("{it}/{key}")).is_some())
            };
            let pair = |pairs: &[(&'static str, &str, &str)]| {
                pairs.iter().find(|(_, it, _)| *it == phase).map_or("", |(key, ..)| *key)
            };
            let (to_neutral, to_line) = (pair(&TO_NEUTRAL), pair(&TO_LINE));
            let current = format!("{POLY_PHASE_CURRENT}/{key}");
            let has_current = circuit.document.pointer(&current).is_some();
            if !has_current && !of_pairs(to_neutral) && !of_pairs(to_line) {
                continue;
            }
            let label = format!("{label} {phase}");
            let component =
                self.draft.component(ComponentKind::Phase, &format!("{index}.{phase}"), label.trim());
            self.rate_current(component, rated);
            self.excerpt(component, (Quantity::Current, ""), circuit, &current, 1.0);
            for (pointer, quantity, factor) in POLY_PHASE {
                let (neutral, line) = (format!("{pointer}/{to_neutral}"), format!("{pointer}/{to_line}"));
                let both = circuit.document.pointer(&neutral).is_some();
                self.excerpt(component, (quantity, ""), circuit, &neutral, factor);
                let name = if both { "line_to_line" } else { "" };
                self.excerpt(component, (quantity, name), circuit, &line, factor);
            }
        }
    }

    /// The lines of a branch or outlet, as readings of it; the only one is its main one.
    fn lines_by_name(&mut self, component: u32, node: Node<'_>) {
        let document = node.document;
        let keys = |pointer: &str| document.pointer(pointer).and_then(Value::as_object);
        let currents = keys(POLY_PHASE_CURRENT).map_or(0, |it| it.keys().filter(|it| is_line(it)).count());
        let has = |key: &str| document.get(key).is_some();
        for (key, phase) in LINES {
            let is_only = currents == 1;
            let name = format!("line_{}", phase.trim_start_matches('L'));
            if is_only && has("CurrentAmps") {
                continue;
            }
            let name = if is_only { "" } else { &*name };
            let at = format!("{POLY_PHASE_CURRENT}/{key}");
            self.excerpt(component, (Quantity::Current, name), node, &at, 1.0);
        }
        let at = format!("{POLY_PHASE_CURRENT}/Neutral");
        self.excerpt(component, (Quantity::Current, "neutral"), node, &at, 1.0);
        for ((pointer, quantity, factor), single) in
            POLY_PHASE.into_iter().zip(["Voltage", "PowerWatts", "EnergykWh"])
        {
            let pairs = keys(pointer).map_or(0, |it| it.keys().filter(|it| is_line(it)).count());
            for (key, _, name) in TO_NEUTRAL.into_iter().chain(TO_LINE) {
                if pairs == 1 && has(single) {
                    continue;
                }
                let name = if pairs == 1 { "" } else { name };
                self.excerpt(component, (quantity, name), node, &format!("{pointer}/{key}"), factor);
            }
        }
    }

    /// An infeed's power, where neither it nor the unit has a meter for all of it: the lines to neutral, never
    /// with those between lines.
    fn sum_of_phases(&mut self, component: u32, circuit: Node<'_>) {
        let at = "/PolyPhasePowerWatts";
        let is_there = |key: &str| circuit.document.pointer(&format!("{at}/{key}/Reading")).is_some();
        let parts: Box<[Box<str>]> = TO_NEUTRAL
            .iter()
            .filter(|(key, ..)| is_there(key))
            .map(|(key, ..)| format!("/{key}/Reading").into())
            .collect();
        if 1 < parts.len() {
            let what = (Quantity::ActivePower, "");
            self.add(component, what, circuit, at.to_owned(), Decode::Sum(parts));
        }
    }

    fn outlet(&mut self, index: &str, outlet: Node<'_>) {
        if is_absent(outlet.document) {
            return;
        }
        let component = self.draft.component(ComponentKind::Outlet, index, &label_of(outlet.document));
        self.rate_current(component, rating_at(outlet.document, "/RatedCurrentAmps"));
        for (key, quantity, factor) in EXCERPTS {
            self.excerpt(component, (*quantity, ""), outlet, &format!("/{key}"), *factor);
        }
        self.lines_by_name(component, outlet);
        self.state(component, "", outlet, "/PowerState", StateKind::Power);
        self.status(component, outlet, "/Status");
    }
}

fn is_line(key: &str) -> bool {
    key.starts_with("Line")
}

fn is_transfer_switch(unit: Node<'_>) -> bool {
    text_at(unit.document, "/EquipmentType").ends_with("TransferSwitch")
        || unit.uri.segment(1).eq_ignore_ascii_case("TransferSwitches")
}
