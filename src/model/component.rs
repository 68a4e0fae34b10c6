//! The parts of a device that carry readings.

use std::fmt;
use std::str::FromStr;

/// The kind of part. Names are part of the JSON contract and of metric labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComponentKind {
    /// The device (or one unit of a chain) as a whole.
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
}

impl ComponentKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
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

/// One part of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its kind.
    pub kind: ComponentKind,
    /// What tells it from others of its kind on this device: stable over restarts and renamings,
    /// usually the table's index ("1", "2.14"), "0" for a scalar.
    pub index: Box<str>,
    /// What a person calls it: the operator's name where the agent has one, else kind and index.
    pub label: Box<str>,
    /// Its ratings.
    pub ratings: Ratings,
}
