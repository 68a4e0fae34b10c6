//! Which values physics allows: what a reading is held against before it is believed.
//!
//! A value beyond is *suspect*: it is shown, and no rule judges it. Mostly its scale is wrong: a firmware that
//! sends tenths where its MIB says volts. The bounds are wide, so that bad mains are still bad mains: a dead
//! line has 0 V, a sagging one more than 50 V, and neither is suspect.
//!
//! Does not know agents' own limits: those are `range` in a profile, and what is beyond them is missing.

use crate::model::{ComponentKind, Quantity, ReadingShape, Sample};

/// What a value must be within.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plausible {
    /// In the base unit.
    pub(super) low: f64,
    pub(super) high: f64,
    /// Below `low`, but so near to nothing that it is nothing: a dead line.
    zero: f64,
}

impl Plausible {
    /// Everything.
    pub(super) const ANY: Self = Self::of(f64::NEG_INFINITY, f64::INFINITY);

    const fn of(low: f64, high: f64) -> Self {
        Self { low, high, zero: 0.0 }
    }

    const fn or_dead(self, zero: f64) -> Self {
        Self { zero, ..self }
    }

    /// Whether physics allows it.
    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low <= value && value <= self.high) || value.abs() <= self.zero
    }

    /// The bounds for such a reading.
    pub(super) fn for_reading(
        kind: ComponentKind,
        quantity: Quantity,
        name: &str,
        direct_current: bool,
    ) -> Self {
        match quantity {
            Quantity::Voltage => match kind {
                ComponentKind::Infeed
                | ComponentKind::Phase
                | ComponentKind::Bank
                | ComponentKind::Outlet
                | ComponentKind::Input
                | ComponentKind::Output
                | ComponentKind::Bypass
                    if !direct_current && MAINS_NAMES.contains(&name) =>
                {
                    // 50 V: half of Japan's 100 V. 760 V: 690 V between lines, and a tenth.
                    Self::of(50.0, 760.0).or_dead(10.0)
                }
                ComponentKind::Sensor => Self::ANY,
                // A string of batteries, or a plant of direct current; some count down from zero.
                _ => Self::of(-1500.0, 1500.0),
            },
            Quantity::Frequency => match kind {
                ComponentKind::Device | ComponentKind::Sensor | ComponentKind::Battery => Self::ANY,
                // 45 to 66 Hz is mains; a generator that starts has less.
                _ => Self::of(40.0, 72.0),
            },
            // Rounding of what the agent divides makes 1.01.
            Quantity::PowerFactor => Self::of(-1.02, 1.02),
            _ => Self::ANY,
        }
    }
}

/// The readings of one component of which the power cannot be more than voltage times current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Triple {
    current: u32,
    voltage: u32,
    power: u32,
}

impl Triple {
    /// Where a component has all three. Readings stand in the order of their components.
    pub(super) fn of_readings(readings: &[ReadingShape], kind: impl Fn(u32) -> ComponentKind) -> Vec<Self> {
        let runs = readings.chunk_by(|a, b| a.component == b.component);
        let mut start = 0;
        let mut found = Vec::new();
        for run in runs {
            let first = start;
            start += run.len();
            let lines = run.first().is_some_and(|it| {
                matches!(
                    kind(it.component),
                    ComponentKind::Phase
                        | ComponentKind::Outlet
                        | ComponentKind::Bank
                        | ComponentKind::Infeed
                )
            });
            if !lines {
                continue;
            }
            let at = |quantity| {
                let place = run.iter().position(|it| it.quantity == quantity && it.name.is_empty())?;
                u32::try_from(first + place).ok()
            };
            let all = (at(Quantity::Current), at(Quantity::Voltage), at(Quantity::ActivePower));
            if let (Some(current), Some(voltage), Some(power)) = all {
                found.push(Self { current, voltage, power });
            }
        }
        found
    }

    /// Marks a power that voltage and current do not allow. A scale that is wrong by ten shows; three lines
    /// behind one voltage, coarse currents and readings of different moments do not.
    #[inline]
    pub(super) fn judge(&self, samples: &mut [Sample]) {
        let value = |at: u32| match samples.get(at as usize) {
            Some(Sample::Value(value)) => Some(*value),
            _ => None,
        };
        let (Some(current), Some(voltage), Some(power)) =
            (value(self.current), value(self.voltage), value(self.power))
        else {
            return;
        };
        let apparent = voltage * current;
        let too_much = LINES_MAX * voltage * (current + CURRENT_SLACK_AMPERES) < power.abs();
        let too_little = CERTAIN_VOLT_AMPERES < apparent && power.abs() < apparent * FACTOR_MIN;
        if (too_much || too_little)
            && let Some(sample) = samples.get_mut(self.power as usize)
        {
            *sample = Sample::Suspect(power);
        }
    }
}

/// What the voltages of mains are called; others are of starter batteries and auxiliary supplies.
const MAINS_NAMES: [&str; 8] =
    ["", "line_to_line", "line_to_neutral", "l1_l2", "l2_l3", "l3_l1", "phase", "input"];
/// Three lines behind one voltage, and what two measurements of a moment differ by.
const LINES_MAX: f64 = 3.5;
/// Agents that send whole amperes round 0.9 A down to none.
const CURRENT_SLACK_AMPERES: f64 = 1.0;
/// From here on a power of nothing is no rounding.
const CERTAIN_VOLT_AMPERES: f64 = 500.0;
/// No load of that size has a worse power factor.
const FACTOR_MIN: f64 = 0.03;

#[cfg(test)]
mod tests {
    use super::{Plausible, Triple};
    use crate::model::{ComponentKind, Quantity, Sample};

    #[test]
    fn physics_knows_mains() {
        use ComponentKind::{Battery, Device, Input, Output, Phase, Sensor};
        use Quantity::{Current, Frequency, PowerFactor, Voltage};
        for (kind, quantity, direct_current, value, holds) in [
            (Phase, Voltage, false, 230.4, true),
            (Phase, Voltage, false, 2304.0, false),
            (Phase, Voltage, false, 23.0, false),
            (Phase, Voltage, false, 0.0, true),
            (Input, Voltage, false, 4.2, true),
            (Input, Voltage, false, 71.0, true),
            (Output, Voltage, true, 54.5, true),
            (Battery, Voltage, false, 27.2, true),
            (Battery, Voltage, false, 27_200.0, false),
            (Sensor, Voltage, false, 3.3, true),
            (Input, Frequency, false, 49.9, true),
            (Input, Frequency, false, 0.0, true),
            (Input, Frequency, false, 499.0, false),
            (Input, Frequency, false, 5.0, false),
            (Phase, PowerFactor, false, 1.01, true),
            (Phase, PowerFactor, false, -0.9, true),
            (Phase, PowerFactor, false, 95.0, false),
            (Device, Current, false, -1e9, true),
        ] {
            let bounds = Plausible::for_reading(kind, quantity, "", direct_current);
            assert_eq!(bounds.holds(value), holds, "{kind} {quantity} {value}");
        }
    }

    #[test]
    fn power_is_held_against_voltage_and_current() {
        let triple = Triple { current: 0, voltage: 1, power: 2 };
        for (current, voltage, power, suspect) in [
            (10.0, 230.0, 2250.0, false),
            (10.0, 230.0, 22_500.0, true),
            (10.0, 230.0, 225.0, false),
            (10.0, 230.0, 22.5, true),
            (10.0, 230.0, 0.0, true),
            (10.0, 230.0, 6_900.0, false),
            (0.0, 230.0, 150.0, false),
            (0.3, 230.0, 0.0, false),
            (10.0, 230.0, -2250.0, false),
        ] {
            let mut samples = [current, voltage, power].map(Sample::Value);
            triple.judge(&mut samples);
            let expected = if suspect { Sample::Suspect(power) } else { Sample::Value(power) };
            assert_eq!(samples[2], expected, "{current} A {voltage} V {power} W");
        }
    }
}
