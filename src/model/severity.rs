//! How bad something is: the health of a state, what a state means, and an alert's severity.

use std::fmt;
use std::str::FromStr;

/// An alert's severity: PagerDuty's four (Events API v2 `payload.severity`), mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// info
    Info,
    /// warning
    Warning,
    /// error
    Error,
    /// critical
    Critical,
}

impl Severity {
    /// All of them, mildest first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// Its name in events, JSON and config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Severity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or(())
    }
}

/// How a state is to be taken. The numbers are those of the severity metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// As it should be.
    Ok = 0,
    /// The profile does not say.
    Unknown = 1,
    /// Worth a look.
    Warning = 2,
    /// Something is wrong.
    Critical = 3,
}

impl Health {
    /// All of them, best first.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Unknown, Self::Warning, Self::Critical];

    /// Its name in JSON and profiles.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Health {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or(())
    }
}

/// What a state says about a UPS or PDU, apart from its vendor's words for it. Rules of type `ups`
/// ask for these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meaning {
    /// The load runs on battery.
    OnBattery,
    /// The battery is low.
    BatteryLow,
    /// The battery is depleted.
    BatteryDepleted,
    /// The battery needs replacing.
    ReplaceBattery,
    /// The load runs on bypass.
    OnBypass,
    /// The device reports a fault.
    Fault,
    /// Switched off.
    Off,
    /// Overloaded.
    Overload,
}

impl Meaning {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::OnBattery,
        Self::BatteryLow,
        Self::BatteryDepleted,
        Self::ReplaceBattery,
        Self::OnBypass,
        Self::Fault,
        Self::Off,
        Self::Overload,
    ];

    /// Its name in profiles and rules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnBattery => "on_battery",
            Self::BatteryLow => "battery_low",
            Self::BatteryDepleted => "battery_depleted",
            Self::ReplaceBattery => "replace_battery",
            Self::OnBypass => "on_bypass",
            Self::Fault => "fault",
            Self::Off => "off",
            Self::Overload => "overload",
        }
    }
}

impl FromStr for Meaning {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or(())
    }
}
