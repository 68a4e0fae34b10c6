//! From a wire number to its quantity's base unit.

use super::learned::Learned;
use super::lookup::{Key, Lookup, ObjectRef, Row};
use super::number;
use crate::model::{Missing, Value, WireUnit};

/// How a column's wire numbers are to be read, as a profile says it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scaling {
    pub(super) scale: f64,
    pub(super) unit: &'static WireUnit,
    /// Value / 10^digits.
    pub(super) digits: Option<Digits>,
    pub(super) scale_from: Option<ScaleFrom>,
    pub(super) unit_from: Option<UnitFrom>,
    /// Wire numbers that mean "not there".
    pub(super) missing: Box<[f64]>,
    /// Texts that mean "not there".
    pub(super) missing_texts: Box<[Box<str>]>,
    /// Wire numbers outside are out of range.
    pub(super) range: Option<(f64, f64)>,
}

/// The column that says how many decimal digits a number has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Digits {
    pub(super) lookup: Lookup,
    pub(super) default: Option<i64>,
}

/// The cell that says what a number is to be multiplied by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScaleFrom {
    pub(super) lookup: Lookup,
    /// Empty: the number itself.
    pub(super) values: Box<[(Key, f64)]>,
    pub(super) default: Option<f64>,
}

/// The cell that says which unit a number has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct UnitFrom {
    pub(super) lookup: Lookup,
    pub(super) values: Box<[(Key, &'static WireUnit)]>,
    pub(super) default: Option<&'static WireUnit>,
}

/// `base = wire * multiply / divide + offset`. Decimal scales divide, so that 231 tenths are 23.1 and
/// not 23.099999999999998.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Linear {
    multiply: f64,
    divide: f64,
    offset: f64,
}

impl Linear {
    pub(super) const IDENTITY: Self = Self { multiply: 1.0, divide: 1.0, offset: 0.0 };

    /// This, and then that factor.
    pub(super) fn times(self, factor: f64) -> Self {
        let inverse = (1.0 / factor).round();
        let decimal = factor.abs() < 1.0 && inverse != 0.0 && (factor * inverse - 1.0).abs() < INVERSE_SLACK;
        let (multiply, divide) = if decimal {
            (self.multiply, self.divide * inverse)
        } else {
            (self.multiply * factor, self.divide)
        };
        if divide.abs() > 1.0 && (multiply / divide).fract() == 0.0 {
            return Self { multiply: multiply / divide, divide: 1.0, ..self };
        }
        Self { multiply, divide, ..self }
    }

    pub(super) fn in_unit(self, unit: &WireUnit) -> Self {
        Self { offset: unit.offset, ..self.times(unit.factor) }
    }

    pub(super) fn apply(&self, wire: f64) -> f64 {
        let scaled = wire * self.multiply / self.divide;
        if self.offset == 0.0 {
            return scaled;
        }
        ((scaled + self.offset) * OFFSET_PRECISION).round() / OFFSET_PRECISION
    }
}

impl Scaling {
    /// A wire value as a wire number, if it is one that stands for a measurement.
    pub(super) fn wire(&self, value: &Value) -> Result<f64, Missing> {
        let number = match number::wire_number(value) {
            Ok(number) => number,
            Err(missing) => {
                return Err(if self.is_missing_text(value) { Missing::NotSupported } else { missing });
            }
        };
        if self.missing.contains(&number) {
            return Err(Missing::NotSupported);
        }
        match self.range {
            Some((low, high)) if number < low || high < number => Err(Missing::OutOfRange),
            _ => Ok(number),
        }
    }

    fn is_missing_text(&self, value: &Value) -> bool {
        let Value::OctetString(octets) = value else { return false };
        let text = number::trimmed(octets);
        self.missing_texts.iter().any(|it| text.eq_ignore_ascii_case(it.as_bytes()))
    }

    /// The factor that was learnt for a row: the constant and the digits, without the cells that are
    /// polled. `None`: no scale.
    pub(super) fn learned_factor(&self, learned: &Learned, row: Row<'_>) -> Option<Linear> {
        let linear = Linear::IDENTITY.times(self.scale);
        let Some(digits) = &self.digits else { return Some(linear) };
        let count = match digits.lookup.find(learned, row) {
            Some((_, value)) => number::whole(value)?,
            None => digits.default.filter(|_| !digits.lookup.is_in_doubt(learned))?,
        };
        let power = i32::try_from(count).ok().filter(|it| it.abs() <= DIGITS_MAX)?;
        Some(if power < 0 {
            linear.times(10_f64.powi(-power))
        } else {
            Linear { divide: linear.divide * 10_f64.powi(power), ..linear }.times(1.0)
        })
    }

    /// The scale as it was learnt, but for the unit, which is polled.
    pub(super) fn learned_in_wire_unit(&self, learned: &Learned, row: Row<'_>) -> Option<Linear> {
        let linear = self.learned_factor(learned, row)?;
        let Some(from) = &self.scale_from else { return Some(linear) };
        Some(linear.times(match from.lookup.find(learned, row) {
            Some((_, value)) => from.factor(value)?,
            None => from.default.filter(|_| !from.lookup.is_in_doubt(learned))?,
        }))
    }

    /// The whole scale as it was learnt.
    pub(super) fn learned(&self, learned: &Learned, row: Row<'_>) -> Option<Linear> {
        let linear = self.learned_in_wire_unit(learned, row)?;
        let unit = match &self.unit_from {
            Some(from) => match from.lookup.find(learned, row) {
                Some((_, value)) => from.unit(value)?,
                None => from.default.filter(|_| !from.lookup.is_in_doubt(learned))?,
            },
            None => self.unit,
        };
        Some(linear.in_unit(unit))
    }

    /// The objects that must be learnt for it.
    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        let digits = self.digits.iter().map(|it| &it.lookup);
        let scales = self.scale_from.iter().map(|it| &it.lookup);
        let units = self.unit_from.iter().map(|it| &it.lookup);
        digits.chain(scales).chain(units).flat_map(Lookup::objects)
    }
}

impl ScaleFrom {
    pub(super) fn factor(&self, value: &Value) -> Option<f64> {
        if self.values.is_empty() {
            return number::wire_number(value).ok().filter(|it| *it != 0.0);
        }
        self.values.iter().find(|(key, _)| key.fits(value)).map(|(_, factor)| *factor)
    }
}

impl UnitFrom {
    pub(super) fn unit(&self, value: &Value) -> Option<&'static WireUnit> {
        self.values.iter().find(|(key, _)| key.fits(value)).map(|(_, unit)| *unit)
    }
}

/// How far a factor may be from one over a whole number to be taken as that.
const INVERSE_SLACK: f64 = 1e-12;
/// Numbers of units with an offset are rounded to a millionth: 71.6 degF are 22 degC.
const OFFSET_PRECISION: f64 = 1e6;
/// More decimal digits than a measurement has; a larger number is a lie.
const DIGITS_MAX: i32 = 15;

#[cfg(test)]
mod tests {
    use super::Linear;
    use crate::model::WireUnit;

    #[test]
    fn decimal_scales_are_exact() {
        for (wire, scale, unit, base) in [
            (231.0, 0.1, "A", 23.1),
            (13.0, 0.1, "A", 1.3),
            (1_234.0, 1.0, "mA", 1.234),
            (27.0, 0.01, "kW", 270.0),
            (19_677.0, 0.1, "kWh", 1_967_700.0),
            (82.0, 0.01, "1", 0.82),
            (716.0, 0.1, "degF", 22.0),
            (32.0, 1.0, "degF", 0.0),
            (-40.0, 1.0, "degF", -40.0),
            (29_515.0, 0.01, "K", 22.0),
            (360_000.0, 1.0, "TimeTicks", 3_600.0),
            (3.0, 1.0, "min", 180.0),
            (7_200.0, 1.0, "J", 2.0),
            (5.0, 10.0, "W", 50.0),
        ] {
            let linear = Linear::IDENTITY.times(scale).in_unit(WireUnit::find(unit).unwrap());
            assert_eq!(linear.apply(wire).to_bits(), f64::to_bits(base), "{wire} * {scale} {unit}");
        }
    }
}
