//! The catalogue: which rule types there are, which triggers each has, what a trigger measures, and
//! on which components. Names follow Device42's rule types; docs/rules.md maps its 18 alert types.
//!
//! A new type (software, subnets, parts, licences) is a new row here and a new [`Measure`].

use crate::model::{ComponentKind, Meaning, Quantity};
use std::fmt;

/// A rule type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleType {
    /// Sensors that hang on a power unit.
    PowerUnitSensor,
    /// Infeeds, their phases, and inputs.
    PowerUnitInfeed,
    /// Whether the power unit's agent can be read.
    PowerUnitOffline,
    /// Banks, branches and breakers.
    Bank,
    /// Batteries, outputs and states of UPSes.
    Ups,
    /// Any quantity of any component.
    Reading,
    /// Any state of any component.
    State,
}

impl RuleType {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::PowerUnitSensor,
        Self::PowerUnitInfeed,
        Self::PowerUnitOffline,
        Self::Bank,
        Self::Ups,
        Self::Reading,
        Self::State,
    ];

    /// Its name in rules, events and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PowerUnitSensor => "power_unit_sensor",
            Self::PowerUnitInfeed => "power_unit_infeed",
            Self::PowerUnitOffline => "power_unit_offline",
            Self::Bank => "bank",
            Self::Ups => "ups",
            Self::Reading => "reading",
            Self::State => "state",
        }
    }

    /// Its triggers.
    #[must_use]
    pub const fn triggers(self) -> &'static [Trigger] {
        match self {
            Self::PowerUnitSensor => SENSOR,
            Self::PowerUnitInfeed => INFEED,
            Self::PowerUnitOffline => OFFLINE,
            Self::Bank => BANK,
            Self::Ups => UPS,
            Self::Reading => READING,
            Self::State => STATE,
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Its trigger of that name.
    #[must_use]
    pub fn trigger(self, name: &str) -> Option<&'static Trigger> {
        self.triggers().iter().find(|it| it.name == name)
    }
}

impl fmt::Display for RuleType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One trigger of a rule type.
#[derive(Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Its name within its type.
    pub name: &'static str,
    /// What it looks at.
    pub measure: Measure,
    /// The components that it looks at unless the rule names others.
    pub components: &'static [ComponentKind],
    /// The components that a rule may name; empty for triggers of the device itself.
    pub allowed: &'static [ComponentKind],
}

/// What a trigger looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// A quantity, held against thresholds.
    Value(Quantity),
    /// Current or power as a percentage of the component's rating, held against thresholds.
    PercentOfRated,
    /// How a state is to be taken: warning or critical.
    Health,
    /// What a state says.
    Meaning(Meaning),
    /// Whether polls succeed, or with `unanswered` whether the agent answers at all.
    Reachability {
        /// Count only polls that nobody answered.
        unanswered: bool,
    },
}

impl Measure {
    /// Whether it is held against thresholds.
    #[must_use]
    pub const fn has_thresholds(self) -> bool {
        matches!(self, Self::Value(_) | Self::PercentOfRated)
    }
}

/// The one text of ours that equals this one: rule types, triggers, units and operators, as
/// [`crate::model`] and this catalogue name them; empty if there is none. For those who read an
/// alert's facts back from disk.
#[must_use]
pub fn known_name(text: &str) -> &'static str {
    let types = RuleType::ALL
        .into_iter()
        .flat_map(|it| std::iter::once(it.name()).chain(it.triggers().iter().map(|trigger| trigger.name)));
    let units = crate::model::WireUnit::ALL.iter().map(|it| it.symbol);
    let operators = super::Operator::ALL.into_iter().map(super::Operator::symbol);
    types.chain(units).chain(operators).find(|it| *it == text).unwrap_or("")
}

const fn value(
    quantity: Quantity,
    components: &'static [ComponentKind],
    allowed: &'static [ComponentKind],
) -> Trigger {
    Trigger { name: quantity.name(), measure: Measure::Value(quantity), components, allowed }
}

const fn percent(components: &'static [ComponentKind], allowed: &'static [ComponentKind]) -> Trigger {
    Trigger { name: "percent_of_rated", measure: Measure::PercentOfRated, components, allowed }
}

const fn meaning(name: &'static str, meaning: Meaning, components: &'static [ComponentKind]) -> Trigger {
    Trigger { name, measure: Measure::Meaning(meaning), components, allowed: ANY }
}

/// Of a device: objects of inventories have rule types of their own.
const ANY: &[ComponentKind] = &ComponentKind::OF_DEVICES;
const INFEEDS: &[ComponentKind] = &[ComponentKind::Infeed, ComponentKind::Phase, ComponentKind::Input];
const INFEEDS_ALLOWED: &[ComponentKind] =
    &[ComponentKind::Infeed, ComponentKind::Phase, ComponentKind::Input, ComponentKind::Device];
const SENSORS: &[ComponentKind] = &[ComponentKind::Sensor];
const SENSORS_ALLOWED: &[ComponentKind] =
    &[ComponentKind::Sensor, ComponentKind::Battery, ComponentKind::Device];
const BANKS: &[ComponentKind] = &[ComponentKind::Bank];
const BATTERIES: &[ComponentKind] = &[ComponentKind::Battery, ComponentKind::Device];
const OUTPUTS: &[ComponentKind] = &[ComponentKind::Output];
const LOADS: &[ComponentKind] = &[ComponentKind::Output, ComponentKind::Device];
const UPS_PARTS: &[ComponentKind] = &[
    ComponentKind::Device,
    ComponentKind::Input,
    ComponentKind::Output,
    ComponentKind::Bypass,
    ComponentKind::Battery,
];
const UPS_ALLOWED: &[ComponentKind] = &[
    ComponentKind::Device,
    ComponentKind::Phase,
    ComponentKind::Input,
    ComponentKind::Output,
    ComponentKind::Bypass,
    ComponentKind::Battery,
];

const SENSOR: &[Trigger] = &[
    value(Quantity::Temperature, SENSORS, SENSORS_ALLOWED),
    value(Quantity::Humidity, SENSORS, SENSORS_ALLOWED),
];

const INFEED: &[Trigger] = &[
    value(Quantity::Current, INFEEDS, INFEEDS_ALLOWED),
    percent(INFEEDS, INFEEDS_ALLOWED),
    value(Quantity::ActivePower, INFEEDS, INFEEDS_ALLOWED),
    value(Quantity::ApparentPower, INFEEDS, INFEEDS_ALLOWED),
    value(Quantity::Voltage, INFEEDS, INFEEDS_ALLOWED),
];

const OFFLINE: &[Trigger] = &[
    Trigger {
        name: "offline",
        measure: Measure::Reachability { unanswered: false },
        components: &[],
        allowed: &[],
    },
    Trigger {
        name: "not_responding",
        measure: Measure::Reachability { unanswered: true },
        components: &[],
        allowed: &[],
    },
];

const BANK: &[Trigger] = &[
    value(Quantity::Current, BANKS, BANKS),
    percent(BANKS, BANKS),
    value(Quantity::ActivePower, BANKS, BANKS),
];

const UPS: &[Trigger] = &[
    value(Quantity::Charge, BATTERIES, UPS_ALLOWED),
    value(Quantity::Runtime, BATTERIES, UPS_ALLOWED),
    value(Quantity::Voltage, OUTPUTS, UPS_ALLOWED),
    value(Quantity::Current, OUTPUTS, UPS_ALLOWED),
    value(Quantity::Load, LOADS, UPS_ALLOWED),
    meaning("on_battery", Meaning::OnBattery, UPS_PARTS),
    meaning("battery_low", Meaning::BatteryLow, UPS_PARTS),
    meaning("battery_depleted", Meaning::BatteryDepleted, UPS_PARTS),
    meaning("replace_battery", Meaning::ReplaceBattery, UPS_PARTS),
    meaning("fault", Meaning::Fault, UPS_PARTS),
    meaning("on_bypass", Meaning::OnBypass, UPS_PARTS),
    meaning("overload", Meaning::Overload, UPS_PARTS),
];

const READING: &[Trigger] = &[
    value(Quantity::Current, ANY, ANY),
    percent(ANY, ANY),
    value(Quantity::Voltage, ANY, ANY),
    value(Quantity::ActivePower, ANY, ANY),
    value(Quantity::ApparentPower, ANY, ANY),
    value(Quantity::ReactivePower, ANY, ANY),
    value(Quantity::Energy, ANY, ANY),
    value(Quantity::PowerFactor, ANY, ANY),
    value(Quantity::Frequency, ANY, ANY),
    value(Quantity::Temperature, ANY, ANY),
    value(Quantity::Humidity, ANY, ANY),
    value(Quantity::Load, ANY, ANY),
    value(Quantity::Charge, ANY, ANY),
    value(Quantity::Runtime, ANY, ANY),
];

const STATE: &[Trigger] = &[
    Trigger { name: "health", measure: Measure::Health, components: ANY, allowed: ANY },
    meaning("off", Meaning::Off, ANY),
    meaning("fault", Meaning::Fault, ANY),
    meaning("overload", Meaning::Overload, ANY),
    meaning("on_battery", Meaning::OnBattery, ANY),
    meaning("battery_low", Meaning::BatteryLow, ANY),
    meaning("battery_depleted", Meaning::BatteryDepleted, ANY),
    meaning("replace_battery", Meaning::ReplaceBattery, ANY),
    meaning("on_bypass", Meaning::OnBypass, ANY),
];

#[cfg(test)]
mod tests {
    use super::{Measure, RuleType, known_name};

    #[test]
    fn names_are_unique_and_defaults_allowed() {
        for kind in RuleType::ALL {
            assert_eq!(RuleType::find(kind.name()), Some(kind));
            for trigger in kind.triggers() {
                assert_eq!(kind.trigger(trigger.name), Some(trigger));
                assert!(trigger.components.iter().all(|it| trigger.allowed.contains(it)));
                if let Measure::Meaning(meaning) = trigger.measure {
                    assert_eq!(trigger.name, meaning.name());
                }
            }
        }
    }

    #[test]
    fn names_are_found_again() {
        for name in ["power_unit_infeed", "percent_of_rated", "degF", "%", ">=", "A", "on_battery"] {
            assert_eq!(known_name(name), name);
        }
        assert_eq!(known_name("nonsense"), "");
    }
}
