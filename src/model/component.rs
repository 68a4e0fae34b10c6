//! What carries readings: the parts of a device, and the objects of an inventory.

use super::Labels;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The kind of part or object. Names are part of the JSON contract and of metric labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ComponentKind {
    /// The device (or one unit of a chain) as a whole.
    #[default]
    Device,
    /// An inlet or input cord of a PDU.
    Infeed,
    /// A phase or line of an infeed.
    Phase,
    /// A bank, branch, breaker or overcurrent protector.
    Bank,
    /// An outlet or outlet group.
    Outlet,
    /// An environmental sensor or contact.
    Sensor,
    /// An input of a UPS or transfer switch.
    Input,
    /// An output of a UPS or transfer switch.
    Output,
    /// The bypass of a UPS.
    Bypass,
    /// A battery or battery string.
    Battery,
    /// An inventory source as a whole: its age.
    Inventory,
    /// A piece of software: installations, licences.
    Software,
    /// A prohibited piece of software on one device.
    ProhibitedInstallation,
    /// An operating system: installations, licences.
    OperatingSystem,
    /// A subnet: its addresses.
    Subnet,
    /// A part model: how many there are, and in stock.
    PartModel,
    /// A licence: days left, seats.
    License,
    /// A power unit as the inventory knows it: where it stands and what it is rated for. What it
    /// measures is read from the device itself.
    PowerUnit,
}

impl ComponentKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 18] = [
        Self::Device,
        Self::Infeed,
        Self::Phase,
        Self::Bank,
        Self::Outlet,
        Self::Sensor,
        Self::Input,
        Self::Output,
        Self::Bypass,
        Self::Battery,
        Self::Inventory,
        Self::Software,
        Self::ProhibitedInstallation,
        Self::OperatingSystem,
        Self::Subnet,
        Self::PartModel,
        Self::License,
        Self::PowerUnit,
    ];

    /// Those that polled devices have: what a profile may name.
    pub const OF_DEVICES: [Self; 10] = [
        Self::Device,
        Self::Infeed,
        Self::Phase,
        Self::Bank,
        Self::Outlet,
        Self::Sensor,
        Self::Input,
        Self::Output,
        Self::Bypass,
        Self::Battery,
    ];

    /// Those that inventories have.
    pub const OF_INVENTORIES: [Self; 8] = [
        Self::Inventory,
        Self::Software,
        Self::ProhibitedInstallation,
        Self::OperatingSystem,
        Self::Subnet,
        Self::PartModel,
        Self::License,
        Self::PowerUnit,
    ];

    /// The name in JSON, profiles, rules and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Infeed => "infeed",
            Self::Phase => "phase",
            Self::Bank => "bank",
            Self::Outlet => "outlet",
            Self::Sensor => "sensor",
            Self::Input => "input",
            Self::Output => "output",
            Self::Bypass => "bypass",
            Self::Battery => "battery",
            Self::Inventory => "inventory",
            Self::Software => "software",
            Self::ProhibitedInstallation => "prohibited_installation",
            Self::OperatingSystem => "operating_system",
            Self::Subnet => "subnet",
            Self::PartModel => "part_model",
            Self::License => "license",
            Self::PowerUnit => "power_unit",
        }
    }
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ComponentKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or(())
    }
}

/// What a component may carry at most, where the agent or the operator says so. A rating of zero or
/// less is unknown (`None`): percent of rated is then not evaluable, never infinite.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ratings {
    /// Rated current in A.
    pub current_amperes: Option<f64>,
    /// Rated active power in W.
    pub active_power_watts: Option<f64>,
    /// Rated apparent power in VA.
    pub apparent_power_volt_amperes: Option<f64>,
}

/// One part of a device, or one object of an inventory.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Component {
    /// Its kind.
    pub kind: ComponentKind,
    /// What tells it from others of its kind on this device or in this inventory: stable over
    /// restarts and renamings, usually the table's index ("1", "2.14"), "0" for a scalar, or the id
    /// that the inventory gave the object.
    pub index: Arc<str>,
    /// What a person calls it: the operator's name where the agent has one, else kind and index.
    pub label: Arc<str>,
    /// Its ratings.
    pub ratings: Ratings,
    /// What else is known of it (vendor, category, vrf, rack): objects of inventories have some,
    /// parts of devices have none.
    pub labels: Labels,
}

impl Component {
    /// Takes the texts that are equal from another one, so that devices of a kind hold them once.
    pub fn share_with(&mut self, other: &Self) {
        if self.index == other.index {
            self.index = Arc::clone(&other.index);
        }
        if self.label == other.label {
            self.label = Arc::clone(&other.label);
        }
    }
}
