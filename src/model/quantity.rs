//! What is measured or counted and in which unit: fourteen quantities of devices and those of
//! inventories, each with one base unit, and the units that agents send, each with its way to the base
//! unit.

use std::fmt;
use std::str::FromStr;

/// What a reading measures. Names are part of the JSON contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// Current in A.
    Current,
    /// Voltage in V.
    Voltage,
    /// Active power in W.
    ActivePower,
    /// Apparent power in VA.
    ApparentPower,
    /// Reactive power in var.
    ReactivePower,
    /// Energy in Wh.
    Energy,
    /// Power factor, -1 to 1.
    PowerFactor,
    /// Frequency in Hz.
    Frequency,
    /// Temperature in degrees Celsius.
    Temperature,
    /// Relative humidity in %RH.
    Humidity,
    /// Load in percent of capacity.
    Load,
    /// Battery charge in percent.
    Charge,
    /// Run time in seconds.
    Runtime,
    /// A state: the agent's own number, with a name and a health.
    State,
    /// Installations that were found: of a piece of software, of an operating system; 1 for a
    /// prohibited installation (more where one device has several).
    Installations,
    /// Licences or seats that are owned.
    Licenses,
    /// Licences or seats in use.
    LicensesUsed,
    /// Licences in use, in percent of those owned; over 100 is over-use. None owned and some in use is
    /// [`Self::LICENSE_USE_MAX`].
    LicenseUse,
    /// Usable addresses of a subnet.
    Addresses,
    /// Addresses in use.
    AddressesUsed,
    /// Usable addresses that are not in use.
    AddressesFree,
    /// Addresses in use, in percent of the usable ones.
    AddressUse,
    /// Parts of a model, wherever they are.
    Parts,
    /// Parts in stock, assigned to nothing.
    PartsAvailable,
    /// Parts in stock, in percent of all.
    PartAvailability,
    /// Whole days until something expires, rounded down, UTC; negative once it has.
    DaysLeft,
    /// How old a snapshot is, in seconds.
    Age,
}

impl Quantity {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 27] = [
        Self::Current,
        Self::Voltage,
        Self::ActivePower,
        Self::ApparentPower,
        Self::ReactivePower,
        Self::Energy,
        Self::PowerFactor,
        Self::Frequency,
        Self::Temperature,
        Self::Humidity,
        Self::Load,
        Self::Charge,
        Self::Runtime,
        Self::State,
        Self::Installations,
        Self::Licenses,
        Self::LicensesUsed,
        Self::LicenseUse,
        Self::Addresses,
        Self::AddressesUsed,
        Self::AddressesFree,
        Self::AddressUse,
        Self::Parts,
        Self::PartsAvailable,
        Self::PartAvailability,
        Self::DaysLeft,
        Self::Age,
    ];

    /// Those that polled devices have: what a profile may name.
    pub const OF_DEVICES: [Self; 14] = [
        Self::Current,
        Self::Voltage,
        Self::ActivePower,
        Self::ApparentPower,
        Self::ReactivePower,
        Self::Energy,
        Self::PowerFactor,
        Self::Frequency,
        Self::Temperature,
        Self::Humidity,
        Self::Load,
        Self::Charge,
        Self::Runtime,
        Self::State,
    ];

    /// The most that [`Self::LicenseUse`] can be, in percent: what stands for "some in use, none owned",
    /// which is over any limit and yet a number.
    pub const LICENSE_USE_MAX: f64 = 99_999.0;

    /// The name in JSON, profiles and rules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Voltage => "voltage",
            Self::ActivePower => "active_power",
            Self::ApparentPower => "apparent_power",
            Self::ReactivePower => "reactive_power",
            Self::Energy => "energy",
            Self::PowerFactor => "power_factor",
            Self::Frequency => "frequency",
            Self::Temperature => "temperature",
            Self::Humidity => "humidity",
            Self::Load => "load",
            Self::Charge => "charge",
            Self::Runtime => "runtime",
            Self::State => "state",
            Self::Installations => "installations",
            Self::Licenses => "licenses",
            Self::LicensesUsed => "licenses_used",
            Self::LicenseUse => "license_use",
            Self::Addresses => "addresses",
            Self::AddressesUsed => "addresses_used",
            Self::AddressesFree => "addresses_free",
            Self::AddressUse => "address_use",
            Self::Parts => "parts",
            Self::PartsAvailable => "parts_available",
            Self::PartAvailability => "part_availability",
            Self::DaysLeft => "days_left",
            Self::Age => "age",
        }
    }

    /// The unit of its values in store, rules and JSON.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Current => Unit::Ampere,
            Self::Voltage => Unit::Volt,
            Self::ActivePower => Unit::Watt,
            Self::ApparentPower => Unit::VoltAmpere,
            Self::ReactivePower => Unit::Var,
            Self::Energy => Unit::WattHour,
            Self::PowerFactor
            | Self::State
            | Self::Installations
            | Self::Licenses
            | Self::LicensesUsed
            | Self::Addresses
            | Self::AddressesUsed
            | Self::AddressesFree
            | Self::Parts
            | Self::PartsAvailable => Unit::One,
            Self::Frequency => Unit::Hertz,
            Self::Temperature => Unit::DegreeCelsius,
            Self::Humidity => Unit::PercentRelativeHumidity,
            Self::Load | Self::Charge | Self::LicenseUse | Self::AddressUse | Self::PartAvailability => {
                Unit::Percent
            }
            Self::Runtime | Self::Age => Unit::Second,
            Self::DaysLeft => Unit::Day,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Quantity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or(())
    }
}

/// A base unit, as JSON and people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A
    Ampere,
    /// V
    Volt,
    /// W
    Watt,
    /// VA
    VoltAmpere,
    /// var
    Var,
    /// Wh
    WattHour,
    /// 1 (a ratio, a state's number, or a count)
    One,
    /// Hz
    Hertz,
    /// degC
    DegreeCelsius,
    /// %RH
    PercentRelativeHumidity,
    /// %
    Percent,
    /// s
    Second,
    /// d
    Day,
}

impl Unit {
    /// Its symbol in JSON.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Ampere => "A",
            Self::Volt => "V",
            Self::Watt => "W",
            Self::VoltAmpere => "VA",
            Self::Var => "var",
            Self::WattHour => "Wh",
            Self::One => "1",
            Self::Hertz => "Hz",
            Self::DegreeCelsius => "degC",
            Self::PercentRelativeHumidity => "%RH",
            Self::Percent => "%",
            Self::Second => "s",
            Self::Day => "d",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

/// A unit as agents send it: how it becomes a base unit (`base = wire * factor + offset`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WireUnit {
    /// Its symbol in profiles.
    pub symbol: &'static str,
    /// The base unit that it leads to.
    pub unit: Unit,
    /// What a wire value is multiplied by.
    pub factor: f64,
    /// What is added after that.
    pub offset: f64,
}

impl WireUnit {
    /// All units that profiles may name.
    pub const ALL: &'static [Self] = &[
        Self::of("A", Unit::Ampere, 1.0),
        Self::of("mA", Unit::Ampere, 1e-3),
        Self::of("V", Unit::Volt, 1.0),
        Self::of("mV", Unit::Volt, 1e-3),
        Self::of("kV", Unit::Volt, 1e3),
        Self::of("W", Unit::Watt, 1.0),
        Self::of("mW", Unit::Watt, 1e-3),
        Self::of("kW", Unit::Watt, 1e3),
        Self::of("VA", Unit::VoltAmpere, 1.0),
        Self::of("mVA", Unit::VoltAmpere, 1e-3),
        Self::of("kVA", Unit::VoltAmpere, 1e3),
        Self::of("var", Unit::Var, 1.0),
        Self::of("kvar", Unit::Var, 1e3),
        Self::of("Wh", Unit::WattHour, 1.0),
        Self::of("kWh", Unit::WattHour, 1e3),
        Self::of("MWh", Unit::WattHour, 1e6),
        Self::of("J", Unit::WattHour, 1.0 / 3600.0),
        Self::of("1", Unit::One, 1.0),
        Self::of("Hz", Unit::Hertz, 1.0),
        Self::of("degC", Unit::DegreeCelsius, 1.0),
        Self { symbol: "degF", unit: Unit::DegreeCelsius, factor: 5.0 / 9.0, offset: -160.0 / 9.0 },
        Self { symbol: "K", unit: Unit::DegreeCelsius, factor: 1.0, offset: -273.15 },
        Self::of("%RH", Unit::PercentRelativeHumidity, 1.0),
        Self::of("%", Unit::Percent, 1.0),
        Self::of("s", Unit::Second, 1.0),
        Self::of("min", Unit::Second, 60.0),
        Self::of("h", Unit::Second, 3600.0),
        Self::of("TimeTicks", Unit::Second, 0.01),
        Self::of("d", Unit::Day, 1.0),
    ];

    const fn of(symbol: &'static str, unit: Unit, factor: f64) -> Self {
        Self { symbol, unit, factor, offset: 0.0 }
    }

    /// The unit of that symbol.
    #[must_use]
    pub fn find(symbol: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|it| it.symbol == symbol)
    }
}
