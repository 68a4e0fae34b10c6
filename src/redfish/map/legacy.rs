//! The old Power and Thermal resources (deprecated in 2020.4, and all that many controllers have): items of arrays,
//! addressed by JSON pointer.

use super::{Mapper, rating_at};
use crate::model::{ComponentKind, Quantity};
use crate::redfish::document::{escaped, items, number_at, text_at};
use crate::redfish::draft::{Decode, DeviceThreshold};
use crate::redfish::tree::Node;
use serde_json::Value;

/// Thresholds of items, by the names of the Sensor schema.
const THRESHOLDS: [(&str, &str); 6] = [
    ("LowerThresholdFatal", "lower_fatal"),
    ("LowerThresholdCritical", "lower_critical"),
    ("LowerThresholdNonCritical", "lower_caution"),
    ("UpperThresholdNonCritical", "upper_caution"),
    ("UpperThresholdCritical", "upper_critical"),
    ("UpperThresholdFatal", "upper_fatal"),
];

/// One item of an array.
#[derive(Clone, Copy)]
struct Item<'a> {
    /// The whole document.
    node: Node<'a>,
    array: &'static str,
    at: usize,
    value: &'a Value,
}

impl<'a> Item<'a> {
    fn all(node: Node<'a>, array: &'static str) -> impl Iterator<Item = Self> {
        let found = items(node.document, &format!("/{array}")).iter().enumerate();
        // A link to an item elsewhere is none.
        let is_own =
            |value: &Value| value.as_object().is_some_and(|it| it.keys().any(|it| !it.starts_with('@')));
        found.filter(move |(_, it)| is_own(it)).map(move |(at, value)| Self { node, array, at, value })
    }

    fn pointer(&self, key: &str) -> String {
        format!("/{}/{}/{}", self.array, self.at, escaped(key))
    }

    /// Its MemberId where that tells it from the others, else its place.
    fn id(&self) -> String {
        let own = text_at(self.value, "/MemberId");
        let others = items(self.node.document, &format!("/{}", self.array)).iter();
        let alike = others.filter(|it| text_at(it, "/MemberId") == own).count();
        if own.is_empty() || alike != 1 { self.at.to_string() } else { own }
    }

    fn label(&self) -> String {
        let own = text_at(self.value, "/Name");
        if own.is_empty() { text_at(self.value, "/FanName") } else { own }
    }

    /// What tells it from others after the array has changed.
    fn mark(&self) -> Option<(String, &'a Value)> {
        ["MemberId", "Name", "FanName"]
            .into_iter()
            .find_map(|key| self.value.get(key).filter(|it| it.is_string()).map(|it| (self.pointer(key), it)))
    }

    fn is_absent(&self) -> bool {
        super::is_absent(self.value)
    }

    fn has_number(&self, key: &str) -> bool {
        number_at(self.value, &format!("/{key}")).is_some()
    }
}

impl Mapper<'_> {
    pub(super) fn legacy_power(&mut self, chassis: &str, device: u32, power: Node<'_>, supplies: bool) {
        for item in Item::all(power, "PowerControl") {
            // The first is the whole; others are parts of it: processors, memory, another node.
            let component = if item.at == 0 {
                device
            } else {
                let index = format!("{chassis}.PowerControl.{}", item.id());
                self.draft.component(ComponentKind::Sensor, &index, &item.label())
            };
            let has = (Quantity::ActivePower, "");
            self.item(component, has, item, "PowerConsumedWatts", 1.0);
            if let Some(ratings) = self.draft.ratings(component)
                && ratings.active_power_watts.is_none()
            {
                ratings.active_power_watts = rating_at(item.value, "/PowerCapacityWatts");
            }
        }
        if supplies {
            for item in Item::all(power, "PowerSupplies").filter(|it| !it.is_absent()) {
                self.legacy_supply(chassis, item);
            }
        }
        for item in Item::all(power, "Voltages").filter(|it| !it.is_absent()) {
            self.legacy_sensor(chassis, item, Quantity::Voltage, "ReadingVolts");
        }
        for item in Item::all(power, "Redundancy") {
            let name =
                if item.at == 0 { "redundancy".to_owned() } else { format!("redundancy_{}", item.at + 1) };
            let decode = Decode::State(crate::redfish::states::StateKind::Status);
            if crate::redfish::states::decisive(item.value.get("Status").unwrap_or(&Value::Null)).is_some() {
                self.add(device, (Quantity::State, &name), power, item.pointer("Status"), decode);
            }
        }
    }

    fn legacy_supply(&mut self, chassis: &str, item: Item<'_>) {
        let index = format!("{chassis}.{}", item.id());
        let label = item.label();
        let input = self.draft.component(ComponentKind::Input, &index, &label);
        let output = self.draft.component(ComponentKind::Output, &index, &label);
        if let Some(ratings) = self.draft.ratings(output) {
            ratings.active_power_watts = rating_at(item.value, "/PowerCapacityWatts");
        }
        self.item(input, (Quantity::Voltage, ""), item, "LineInputVoltage", 1.0);
        self.item(input, (Quantity::ActivePower, ""), item, "PowerInputWatts", 1.0);
        // The older name for the same; of two, the one that has a number.
        let last = item.has_number("LastPowerOutputWatts") && !item.has_number("PowerOutputWatts");
        let key = if last { "LastPowerOutputWatts" } else { "PowerOutputWatts" };
        self.item(output, (Quantity::ActivePower, ""), item, key, 1.0);
        self.item(output, (Quantity::ActivePower, ""), item, "LastPowerOutputWatts", 1.0);
        self.item_status(input, item);
    }

    pub(super) fn legacy_thermal(&mut self, chassis: &str, thermal: Node<'_>) {
        for item in Item::all(thermal, "Temperatures").filter(|it| !it.is_absent()) {
            self.legacy_sensor(chassis, item, Quantity::Temperature, "ReadingCelsius");
        }
        for item in Item::all(thermal, "Fans").filter(|it| !it.is_absent()) {
            let index = format!("{chassis}.Fans.{}", item.id());
            let component = self.draft.component(ComponentKind::Sensor, &index, &item.label());
            self.item_status(component, item);
        }
    }

    fn legacy_sensor(&mut self, chassis: &str, item: Item<'_>, quantity: Quantity, key: &str) {
        let index = format!("{chassis}.{}.{}", item.array, item.id());
        let component = self.draft.component(ComponentKind::Sensor, &index, &item.label());
        let Some(added) = self.item(component, (quantity, ""), item, key, 1.0) else { return };
        self.item_status(component, item);
        for (key, name) in THRESHOLDS {
            if let Some(value) = number_at(item.value, &format!("/{key}")) {
                self.draft.thresholds.push(DeviceThreshold { reading: added, name, value });
            }
        }
    }

    fn item(
        &mut self,
        component: u32,
        what: (Quantity, &str),
        item: Item<'_>,
        key: &str,
        factor: f64,
    ) -> Option<usize> {
        let added = self.add(component, what, item.node, item.pointer(key), Decode::Number(factor))?;
        self.mark(added, item);
        Some(added)
    }

    fn item_status(&mut self, component: u32, item: Item<'_>) {
        if let Some(added) = self.status(component, item.node, &item.pointer("Status")) {
            self.mark(added, item);
        }
    }

    fn mark(&mut self, reading: usize, item: Item<'_>) {
        if let Some((pointer, value)) = item.mark() {
            self.draft.guard(reading, &pointer, value);
        }
    }
}
