//! Sensors, and what the device itself takes for too much (Sensor.Thresholds).

use super::{Mapper, is_absent, label_of};
use crate::model::{ComponentKind, Quantity};
use crate::redfish::document::{number_at, text_at};
use crate::redfish::draft::{Decode, DeviceThreshold};
use crate::redfish::tree::Node;
use serde_json::Value;

/// Which sensors of a chassis become readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Temperature and humidity: the rest are copies of what circuits and outlets say.
    Environment,
    /// All that have a quantity of ours.
    All,
}

/// Sensor.ReadingType, and the unit that it has where ReadingUnits says nothing.
const TYPES: [(&str, Quantity); 9] = [
    ("Temperature", Quantity::Temperature),
    ("Humidity", Quantity::Humidity),
    ("Power", Quantity::ActivePower),
    ("EnergykWh", Quantity::Energy),
    ("EnergyWh", Quantity::Energy),
    ("EnergyJoules", Quantity::Energy),
    ("Voltage", Quantity::Voltage),
    ("Current", Quantity::Current),
    ("Frequency", Quantity::Frequency),
];

/// UCUM, and how people write it: (symbol, quantity, factor, offset).
const UNITS: [(&str, Quantity, f64, f64); 27] = [
    ("Cel", Quantity::Temperature, 1.0, 0.0),
    ("C", Quantity::Temperature, 1.0, 0.0),
    ("degC", Quantity::Temperature, 1.0, 0.0),
    ("°C", Quantity::Temperature, 1.0, 0.0),
    ("[degF]", Quantity::Temperature, 5.0 / 9.0, -160.0 / 9.0),
    ("F", Quantity::Temperature, 5.0 / 9.0, -160.0 / 9.0),
    ("K", Quantity::Temperature, 1.0, -273.15),
    ("%RH", Quantity::Humidity, 1.0, 0.0),
    ("W", Quantity::ActivePower, 1.0, 0.0),
    ("mW", Quantity::ActivePower, 1e-3, 0.0),
    ("kW", Quantity::ActivePower, 1e3, 0.0),
    ("V.A", Quantity::ApparentPower, 1.0, 0.0),
    ("VA", Quantity::ApparentPower, 1.0, 0.0),
    ("kV.A", Quantity::ApparentPower, 1e3, 0.0),
    ("var", Quantity::ReactivePower, 1.0, 0.0),
    ("VAR", Quantity::ReactivePower, 1.0, 0.0),
    ("kW.h", Quantity::Energy, 1e3, 0.0),
    ("kWh", Quantity::Energy, 1e3, 0.0),
    ("W.h", Quantity::Energy, 1.0, 0.0),
    ("Wh", Quantity::Energy, 1.0, 0.0),
    ("J", Quantity::Energy, 1.0 / 3600.0, 0.0),
    ("V", Quantity::Voltage, 1.0, 0.0),
    ("mV", Quantity::Voltage, 1e-3, 0.0),
    ("kV", Quantity::Voltage, 1e3, 0.0),
    ("A", Quantity::Current, 1.0, 0.0),
    ("mA", Quantity::Current, 1e-3, 0.0),
    ("Hz", Quantity::Frequency, 1.0, 0.0),
];

/// Thresholds by their names.
const THRESHOLDS: [(&str, &str); 6] = [
    ("LowerFatal", "lower_fatal"),
    ("LowerCritical", "lower_critical"),
    ("LowerCaution", "lower_caution"),
    ("UpperCaution", "upper_caution"),
    ("UpperCritical", "upper_critical"),
    ("UpperFatal", "upper_fatal"),
];

/// What a sensor measures, and how its number becomes the base unit. Type and unit may contradict: then
/// the sensor says nothing that can be used.
pub(super) fn measured(sensor: &Value) -> Option<(Quantity, Decode)> {
    let units = text_at(sensor, "/ReadingUnits");
    let kind = text_at(sensor, "/ReadingType");
    let by_type = TYPES.iter().find(|(name, _)| *name == kind);
    // "%" alone is humidity only where the type says so.
    if by_type.is_some_and(|(_, it)| *it == Quantity::Humidity) && (units == "%" || units.is_empty()) {
        return Some((Quantity::Humidity, Decode::Number(1.0)));
    }
    let by_unit = UNITS.iter().find(|(symbol, ..)| *symbol == units);
    match (by_type, by_unit) {
        (_, Some((_, quantity, factor, offset))) => {
            let is_power = |it: &Quantity| {
                matches!(it, Quantity::ActivePower | Quantity::ApparentPower | Quantity::ReactivePower)
            };
            let agrees = by_type.is_none_or(|(_, it)| it == quantity || (is_power(it) && is_power(quantity)));
            // Another type that we do not know (AirFlow in "W"?) is not ours either.
            if !agrees || (by_type.is_none() && !kind.is_empty()) {
                return None;
            }
            let is_plain = *offset == 0.0;
            let decode = if is_plain { Decode::Number(*factor) } else { Decode::Linear(*factor, *offset) };
            Some((*quantity, decode))
        }
        (Some((name, quantity)), None) if units.is_empty() => {
            let factor = match *name {
                "EnergykWh" => 1e3,
                "EnergyJoules" => 1.0 / 3600.0,
                _ => 1.0,
            };
            Some((*quantity, Decode::Number(factor)))
        }
        _ => None,
    }
}

impl Mapper<'_> {
    /// The sensors of a chassis, or those that older units keep themselves.
    pub(super) fn sensors(&mut self, owner: Node<'_>, index: &str, choice: Choice) {
        let tree = self.tree;
        for sensor in tree.nodes_at(self.origin, owner.document, "/Sensors") {
            let Some((quantity, decode)) = measured(sensor.document) else { continue };
            let is_environment = matches!(quantity, Quantity::Temperature | Quantity::Humidity);
            let is_chosen = choice == Choice::All || is_environment;
            let is_known = self.excerpts.contains_key(sensor.uri);
            if !is_chosen || is_known || is_absent(sensor.document) || is_disabled(sensor.document) {
                continue;
            }
            let index = format!("{index}.{}", sensor.uri.segment(0));
            let component = self.draft.component(ComponentKind::Sensor, &index, &label_of(sensor.document));
            let added = self.add(component, (quantity, ""), sensor, "/Reading".to_owned(), decode);
            if let Some(added) = added {
                self.excerpts.insert(sensor.uri.clone(), added);
                self.status(component, sensor, "/Status");
            }
        }
    }

    /// What the device takes for too much, of all readings whose sensor is known.
    pub(super) fn thresholds(&mut self) {
        for (uri, reading) in &self.excerpts {
            let Some(sensor) = self.tree.get(uri) else { continue };
            let decode = measured(sensor.document).map(|(_, decode)| decode);
            for (key, name) in THRESHOLDS {
                let number = number_at(sensor.document, &format!("/Thresholds/{key}/Reading"));
                let value = match (&decode, number) {
                    (Some(Decode::Number(factor)), Some(number)) => number * factor,
                    (Some(Decode::Linear(factor, offset)), Some(number)) => number * factor + offset,
                    _ => continue,
                };
                let activation = text_at(sensor.document, &format!("/Thresholds/{key}/Activation"));
                if activation != "Disabled" {
                    self.draft.thresholds.push(DeviceThreshold { reading: *reading, name, value });
                }
            }
        }
    }
}

/// Switched off by its user (Sensor.Enabled).
fn is_disabled(sensor: &Value) -> bool {
    sensor.get("Enabled").and_then(Value::as_bool) == Some(false)
}

#[cfg(test)]
mod tests {
    use super::measured;
    use crate::model::Quantity;
    use crate::redfish::draft::Decode;
    use serde_json::json;

    #[test]
    fn type_and_unit_together_say_what_it_is() {
        for (kind, unit, expected) in [
            ("Temperature", "Cel", Some((Quantity::Temperature, 1.0))),
            ("Humidity", "%", Some((Quantity::Humidity, 1.0))),
            ("EnergykWh", "kW.h", Some((Quantity::Energy, 1e3))),
            ("EnergykWh", "", Some((Quantity::Energy, 1e3))),
            ("Power", "kW", Some((Quantity::ActivePower, 1e3))),
            ("Power", "V.A", Some((Quantity::ApparentPower, 1.0))),
            ("", "A", Some((Quantity::Current, 1.0))),
            ("Percent", "%", None),
            ("Rotational", "{rev}/min", None),
            ("Temperature", "V", None),
            ("Altitude", "", None),
            ("AbsoluteHumidity", "g.m-3", None),
        ] {
            let found = measured(&json!({"ReadingType": kind, "ReadingUnits": unit}));
            let expected = expected.map(|(quantity, factor)| (quantity, Decode::Number(factor)));
            assert_eq!(found, expected, "{kind} in {unit}");
        }
    }
}
