//! Sensors, and what the device itself takes for too much (Sensor.Thresholds).

use super::{Mapper, is_absent, label_of};
use crate::model::{ComponentKind, Quantity};
use crate::redfish::document::{number_at, text_at};
use crate::redfish::draft::{Decode, DeviceThreshold};
use crate::redfish::tree::Node;
use serde_json::Value;
use std::collections::BTreeSet;

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
const UNITS: [(&str, Quantity, f64, f64); 29] = [
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
    ("MW", Quantity::ActivePower, 1e6, 0.0),
    ("MW.h", Quantity::Energy, 1e6, 0.0),
];

/// Words that stand for a unit, in small letters without blanks, dots and dashes: (word, symbol of [`UNITS`]).
const WORDS: [(&str, &str); 40] = [
    ("celsius", "Cel"),
    ("cel", "Cel"),
    ("c", "Cel"),
    ("degc", "Cel"),
    ("degreec", "Cel"),
    ("degreesc", "Cel"),
    ("degcelsius", "Cel"),
    ("degreecelsius", "Cel"),
    ("degreescelsius", "Cel"),
    ("℃", "Cel"),
    ("fahrenheit", "F"),
    ("degf", "F"),
    ("degreesf", "F"),
    ("degreesfahrenheit", "F"),
    ("°f", "F"),
    ("kelvin", "K"),
    ("v", "V"),
    ("volt", "V"),
    ("volts", "V"),
    ("a", "A"),
    ("amp", "A"),
    ("amps", "A"),
    ("ampere", "A"),
    ("amperes", "A"),
    ("w", "W"),
    ("watt", "W"),
    ("watts", "W"),
    ("kilowatts", "kW"),
    ("va", "V.A"),
    ("voltamps", "V.A"),
    ("voltamperes", "V.A"),
    ("kva", "kV.A"),
    ("vars", "var"),
    ("wh", "W.h"),
    ("watthours", "W.h"),
    ("kwh", "kW.h"),
    ("kilowatthours", "kW.h"),
    ("joules", "J"),
    ("hz", "Hz"),
    ("hertz", "Hz"),
];

/// A unit by its symbol, or by a word that people write for it.
fn unit(text: &str) -> Option<&'static (&'static str, Quantity, f64, f64)> {
    let of = |symbol: &str| UNITS.iter().find(|(it, ..)| *it == symbol);
    of(text).or_else(|| {
        let is_letter = |it: &char| !it.is_whitespace() && !matches!(it, '.' | '-' | '_' | '[' | ']');
        let word: String = text.chars().filter(is_letter).flat_map(char::to_lowercase).collect();
        of(WORDS.iter().find(|(it, _)| *it == word)?.1)
    })
}

/// Thresholds by their names.
const THRESHOLDS: [(&str, &str); 10] = [
    // What its user has set counts before what it was made with.
    ("LowerCriticalUser", "lower_critical"),
    ("LowerCautionUser", "lower_caution"),
    ("UpperCautionUser", "upper_caution"),
    ("UpperCriticalUser", "upper_critical"),
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
    let is_percent =
        ["%", "", "Percent", "RH", "% RH", "%rh"].iter().any(|it| units.eq_ignore_ascii_case(it));
    if by_type.is_some_and(|(_, it)| *it == Quantity::Humidity) && is_percent {
        return Some((Quantity::Humidity, Decode::Number(1.0)));
    }
    let by_unit = unit(&units);
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
        // What no circuit and no outlet says is not a copy of what they say.
        let said: BTreeSet<Quantity> = self.draft.readings.iter().map(|it| it.quantity).collect();
        for sensor in tree.nodes_at(self.origin, owner.document, "/Sensors") {
            if is_absent(sensor.document) || is_disabled(sensor.document) {
                continue;
            }
            let Some((quantity, decode)) = measured(sensor.document) else {
                self.unknown_units.extend(unknown_unit(sensor.document));
                continue;
            };
            let is_environment = matches!(quantity, Quantity::Temperature | Quantity::Humidity);
            let is_chosen = choice == Choice::All || is_environment || !said.contains(&quantity);
            if !is_chosen || self.is_read_already(sensor) {
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

    /// Whether its reading stands elsewhere, by this URI or by the one that it calls its own.
    fn is_read_already(&mut self, sensor: Node<'_>) -> bool {
        let own = text_at(sensor.document, "/@odata.id");
        let own = self.origin.resource(&own).ok();
        let found = [Some(sensor.uri), own.as_ref()].into_iter().flatten();
        let read = found.filter_map(|it| self.excerpts.get(it)).next().copied();
        if let Some(read) = read {
            self.draft.note(read, format!("{}#/Reading", sensor.uri.key()).into());
        }
        read.is_some()
    }

    /// What the device takes for too much, of all readings whose sensor is known.
    pub(super) fn thresholds(&mut self) {
        for (uri, reading) in &self.excerpts {
            let Some(sensor) = self.tree.get(uri) else { continue };
            let decode = measured(sensor.document).map(|(_, decode)| decode);
            let first = self.draft.thresholds.len();
            for (key, name) in THRESHOLDS {
                let known = self.draft.thresholds.get(first..).unwrap_or_default();
                if known.iter().any(|it| it.name == name) {
                    continue;
                }
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

/// The unit of a sensor whose type would be read in another.
fn unknown_unit(sensor: &Value) -> Option<String> {
    let (kind, units) = (text_at(sensor, "/ReadingType"), text_at(sensor, "/ReadingUnits"));
    let is_ours = TYPES.iter().any(|(it, _)| *it == kind);
    (is_ours && unit(&units).is_none() && !units.is_empty()).then_some(units)
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
            ("Temperature", "Celsius", Some((Quantity::Temperature, 1.0))),
            ("Temperature", "degrees C", Some((Quantity::Temperature, 1.0))),
            ("Voltage", "Volts", Some((Quantity::Voltage, 1.0))),
            ("Current", "Amps", Some((Quantity::Current, 1.0))),
            ("Power", "watts", Some((Quantity::ActivePower, 1.0))),
            ("Humidity", "Percent", Some((Quantity::Humidity, 1.0))),
            ("EnergykWh", "kWh", Some((Quantity::Energy, 1e3))),
            ("Power", "MW", Some((Quantity::ActivePower, 1e6))),
            ("Temperature", "furlong", None),
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
