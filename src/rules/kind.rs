//! The catalogue: which rule types there are, which triggers each has, what a trigger measures, and
//! on which components. Names follow Device42's rule types; docs/rules.md maps its 18 alert types.

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
    /// Licences: days left, use.
    License,
    /// Software: installations, licence use.
    Software,
    /// Software that must not be installed.
    ProhibitedSoftware,
    /// Operating systems: installations, licence use.
    OperatingSystem,
    /// Subnets: addresses in use.
    Subnet,
    /// Part models: how many are available.
    PartModel,
    /// Inventory sources themselves: whether snapshots succeed, how old the last one is.
    Inventory,
    /// Any quantity of any component.
    Reading,
    /// Any state of any component.
    State,
}

impl RuleType {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::PowerUnitSensor,
        Self::PowerUnitInfeed,
        Self::PowerUnitOffline,
        Self::Bank,
        Self::Ups,
        Self::License,
        Self::Software,
        Self::ProhibitedSoftware,
        Self::OperatingSystem,
        Self::Subnet,
        Self::PartModel,
        Self::Inventory,
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
            Self::License => "license",
            Self::Software => "software",
            Self::ProhibitedSoftware => "prohibited_software",
            Self::OperatingSystem => "operating_system",
            Self::Subnet => "subnet",
            Self::PartModel => "part_model",
            Self::Inventory => "inventory",
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
            Self::License => LICENSE,
            Self::Software => SOFTWARE,
            Self::ProhibitedSoftware => PROHIBITED,
            Self::OperatingSystem => OPERATING_SYSTEM,
            Self::Subnet => SUBNET,
            Self::PartModel => PART_MODEL,
            Self::Inventory => INVENTORY,
            Self::Reading => READING,
            Self::State => STATE,
        }
    }

    /// Whether it is about inventories and their objects; the others are about polled devices.
    #[must_use]
    pub const fn is_of_inventory(self) -> bool {
        match self {
            Self::License
            | Self::Software
            | Self::ProhibitedSoftware
            | Self::OperatingSystem
            | Self::Subnet
            | Self::PartModel
            | Self::Inventory => true,
            Self::PowerUnitSensor
            | Self::PowerUnitInfeed
            | Self::PowerUnitOffline
            | Self::Bank
            | Self::Ups
            | Self::Reading
            | Self::State => false,
        }
    }

    /// The kinds of components that there are where it looks.
    #[must_use]
    pub const fn kinds(self) -> &'static [ComponentKind] {
        if self.is_of_inventory() { &ComponentKind::OF_INVENTORIES } else { &ComponentKind::OF_DEVICES }
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
    /// Which of a component's readings of the quantity it looks at.
    pub reading: ReadingName,
    /// The components that it looks at unless the rule names others.
    pub components: &'static [ComponentKind],
    /// The components that a rule may name; empty for triggers of the device itself.
    pub allowed: &'static [ComponentKind],
}

/// Which of several readings of a quantity is meant, unless the rule names some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingName {
    /// The main one, which has no name; or the only one.
    Main,
    /// That of this name before the main one.
    Rather(&'static str),
    /// That of this name and no other, whatever the rule says.
    Only(&'static str),
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
    /// That the object is there: a count of more than none.
    Presence(Quantity),
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
    let units = crate::model::WireUnit::ALL.iter().map(|it| it.symbol).chain(super::unit::rate_symbols());
    let operators = super::Operator::ALL.into_iter().map(super::Operator::symbol);
    types.chain(units).chain(operators).find(|it| *it == text).unwrap_or("")
}

const fn value(
    quantity: Quantity,
    components: &'static [ComponentKind],
    allowed: &'static [ComponentKind],
) -> Trigger {
    Trigger {
        name: quantity.name(),
        measure: Measure::Value(quantity),
        reading: ReadingName::Main,
        components,
        allowed,
    }
}

/// Of objects of inventories, under Device42's name for it.
const fn of_object(name: &'static str, quantity: Quantity, objects: &'static [ComponentKind]) -> Trigger {
    Trigger {
        name,
        measure: Measure::Value(quantity),
        reading: ReadingName::Main,
        components: objects,
        allowed: objects,
    }
}

const fn percent(components: &'static [ComponentKind], allowed: &'static [ComponentKind]) -> Trigger {
    Trigger {
        name: "percent_of_rated",
        measure: Measure::PercentOfRated,
        reading: ReadingName::Main,
        components,
        allowed,
    }
}

const fn meaning(name: &'static str, meaning: Meaning, components: &'static [ComponentKind]) -> Trigger {
    Trigger { name, measure: Measure::Meaning(meaning), reading: ReadingName::Main, components, allowed: ANY }
}

const fn reachability(name: &'static str, unanswered: bool) -> Trigger {
    Trigger {
        name,
        measure: Measure::Reachability { unanswered },
        reading: ReadingName::Main,
        components: &[],
        allowed: &[],
    }
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

/// Profiles call the run time that is left so, beside the time on battery.
const fn runtime(components: &'static [ComponentKind], allowed: &'static [ComponentKind]) -> Trigger {
    Trigger { reading: ReadingName::Rather("remaining"), ..value(Quantity::Runtime, components, allowed) }
}

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

const OFFLINE: &[Trigger] = &[reachability("offline", false), reachability("not_responding", true)];

const BANK: &[Trigger] = &[
    value(Quantity::Current, BANKS, BANKS),
    percent(BANKS, BANKS),
    value(Quantity::ActivePower, BANKS, BANKS),
];

const UPS: &[Trigger] = &[
    value(Quantity::Charge, BATTERIES, UPS_ALLOWED),
    runtime(BATTERIES, UPS_ALLOWED),
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

const LICENSES: &[ComponentKind] = &[ComponentKind::License];
const SOFTWARES: &[ComponentKind] = &[ComponentKind::Software];
const PROHIBITEDS: &[ComponentKind] = &[ComponentKind::ProhibitedInstallation];
const SYSTEMS: &[ComponentKind] = &[ComponentKind::OperatingSystem];
const SUBNETS: &[ComponentKind] = &[ComponentKind::Subnet];
const PARTS: &[ComponentKind] = &[ComponentKind::PartModel];
const INVENTORIES: &[ComponentKind] = &[ComponentKind::Inventory];

const LICENSE: &[Trigger] = &[
    of_object("days_left", Quantity::DaysLeft, LICENSES),
    of_object("percent_used", Quantity::LicenseUse, LICENSES),
    Trigger {
        reading: ReadingName::Only("devices"),
        ..of_object("percent_of_licensed_devices", Quantity::LicenseUse, LICENSES)
    },
    Trigger {
        reading: ReadingName::Only("addresses"),
        ..of_object("percent_of_licensed_addresses", Quantity::LicenseUse, LICENSES)
    },
];

const SOFTWARE: &[Trigger] = &[
    of_object("count", Quantity::Installations, SOFTWARES),
    of_object("license_percent_used", Quantity::LicenseUse, SOFTWARES),
];

const PROHIBITED: &[Trigger] = &[Trigger {
    name: "installed",
    measure: Measure::Presence(Quantity::Installations),
    reading: ReadingName::Main,
    components: PROHIBITEDS,
    allowed: PROHIBITEDS,
}];

const OPERATING_SYSTEM: &[Trigger] = &[
    of_object("count", Quantity::Installations, SYSTEMS),
    of_object("license_percent_used", Quantity::LicenseUse, SYSTEMS),
];

const SUBNET: &[Trigger] = &[
    of_object("percent_used", Quantity::AddressUse, SUBNETS),
    of_object("addresses_free", Quantity::AddressesFree, SUBNETS),
];

const PART_MODEL: &[Trigger] = &[
    of_object("available", Quantity::PartsAvailable, PARTS),
    of_object("percent_available", Quantity::PartAvailability, PARTS),
];

const INVENTORY: &[Trigger] = &[reachability("failing", false), of_object("age", Quantity::Age, INVENTORIES)];

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
    runtime(ANY, ANY),
];

const STATE: &[Trigger] = &[
    Trigger {
        name: "health",
        measure: Measure::Health,
        reading: ReadingName::Main,
        components: ANY,
        allowed: ANY,
    },
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
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_defaults_allowed() {
        for kind in RuleType::ALL {
            assert_eq!(RuleType::find(kind.name()), Some(kind));
            for trigger in kind.triggers() {
                assert_eq!(kind.trigger(trigger.name), Some(trigger));
                assert!(trigger.components.iter().all(|it| trigger.allowed.contains(it)));
                assert!(
                    trigger.allowed.iter().all(|it| kind.kinds().contains(it)),
                    "{kind} {}",
                    trigger.name
                );
                if let Measure::Meaning(meaning) = trigger.measure {
                    assert_eq!(trigger.name, meaning.name());
                }
            }
        }
    }

    /// On users' disks: an alert whose rule type or trigger is called otherwise would not go on.
    #[test]
    fn frozen_names() {
        let names = RuleType::ALL.into_iter().map(|kind| {
            let triggers: BTreeSet<&str> = kind.triggers().iter().map(|it| it.name).collect();
            format!("{kind}: {}", triggers.into_iter().collect::<Vec<&str>>().join(" "))
        });
        insta::assert_snapshot!(names.collect::<Vec<String>>().join("\n"), @r"
        power_unit_sensor: humidity temperature
        power_unit_infeed: active_power apparent_power current percent_of_rated voltage
        power_unit_offline: not_responding offline
        bank: active_power current percent_of_rated
        ups: battery_depleted battery_low charge current fault load on_battery on_bypass overload replace_battery runtime voltage
        license: days_left percent_of_licensed_addresses percent_of_licensed_devices percent_used
        software: count license_percent_used
        prohibited_software: installed
        operating_system: count license_percent_used
        subnet: addresses_free percent_used
        part_model: available percent_available
        inventory: age failing
        reading: active_power apparent_power charge current energy frequency humidity load percent_of_rated power_factor reactive_power runtime temperature voltage
        state: battery_depleted battery_low fault health off on_battery on_bypass overload replace_battery
        ");
    }

    #[test]
    fn names_are_found_again() {
        for name in ["power_unit_infeed", "percent_of_rated", "degF", "%", ">=", "A", "on_battery", "degC/h"]
        {
            assert_eq!(known_name(name), name);
        }
        assert_eq!(known_name("nonsense"), "");
    }
}
