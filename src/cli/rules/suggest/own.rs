//! Levels from the thresholds that are set in the device itself.

use super::{Levels, Span, two};
use crate::model::{ComponentKind, Quantity};
use crate::profile::DeviceThresholds;
use crate::rules::words::number;
use crate::rules::{Measure, RuleType};

/// Which way is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    High,
    Low,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::High, Self::Low];

    const fn operator(self) -> &'static str {
        match self {
            Self::High => ">",
            Self::Low => "<",
        }
    }
}

/// Whether the device itself says what that operator is to be held against.
pub(super) fn covers(own: &DeviceThresholds, operator: &str) -> bool {
    let high = own.high_warning.or(own.high_critical).is_some();
    let low = own.low_warning.or(own.low_critical).is_some();
    match operator {
        ">" => high,
        "<" => low,
        _ => high || low,
    }
}

/// The type that people look for such a rule under.
pub(super) fn rule_type(kind: ComponentKind, quantity: Quantity) -> RuleType {
    let types = [RuleType::PowerUnitInfeed, RuleType::Bank, RuleType::PowerUnitSensor, RuleType::Ups];
    let fits = |it: &RuleType| {
        it.triggers().iter().any(|it| it.measure == Measure::Value(quantity) && it.components.contains(&kind))
    };
    types.into_iter().find(fits).unwrap_or(RuleType::Reading)
}

/// What is set for one side; `None`: nothing that makes sense.
pub(super) fn levels(quantity: Quantity, span: &Span, side: Side) -> Option<Levels> {
    // Nothing but a temperature is ever below 0: there, 0 says "off".
    let is_set = |it: &f64| quantity == Quantity::Temperature || 0.0 < *it;
    let own = &span.own;
    let (warning, critical) = match side {
        Side::High => (own.high_warning.filter(is_set), own.high_critical.filter(is_set)),
        Side::Low => (own.low_warning.filter(is_set), own.low_critical.filter(is_set)),
    };
    let is_milder = |warning: f64, critical: f64| match side {
        Side::High => warning < critical,
        Side::Low => critical < warning,
    };
    let with_clear = |value: f64| (value, clear(quantity, value, side));
    let levels = match (warning, critical) {
        (Some(warning), Some(critical)) if is_milder(warning, critical) => {
            two(with_clear(warning), with_clear(critical))
        }
        (_, Some(critical)) => one("critical", with_clear(critical)),
        (Some(warning), None) => one("warning", with_clear(warning)),
        (None, None) => return None,
    };
    Some(Levels {
        trigger: quantity.name(),
        operator: side.operator(),
        levels,
        hold_for: if quantity == Quantity::Runtime { "" } else { "30s" },
        suffix: match side {
            Side::High => " high, as set in it",
            Side::Low => " low, as set in it",
        },
        why: "Set in the device itself".to_owned(),
    })
}

fn one(severity: &'static str, (value, clear): (f64, f64)) -> Vec<(&'static str, String, String)> {
    vec![(severity, number(value), number(clear))]
}

/// A little to the safe side: devices do not all tell their hysteresis, nor in the same way.
fn clear(quantity: Quantity, value: f64, side: Side) -> f64 {
    let distance = match quantity {
        Quantity::Temperature => 1.0,
        Quantity::Humidity => 2.0,
        Quantity::Voltage => value.abs() * 0.01,
        Quantity::Runtime => value * 0.2,
        _ => value.abs() * 0.05,
    };
    let clear = match side {
        Side::High => value - distance,
        Side::Low => value + distance,
    };
    // As a person would write it.
    (clear * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::{Side, covers, levels, rule_type};
    use crate::cli::rules::suggest::Span;
    use crate::model::{ComponentKind, Quantity};
    use crate::profile::DeviceThresholds;

    fn span(own: DeviceThresholds) -> Span {
        Span { least: 1.0, most: 2.0, rated: None, label: "x".into(), own }
    }

    #[test]
    fn what_is_set_makes_levels() {
        let none = DeviceThresholds::default();
        let high = DeviceThresholds { high_warning: Some(12.0), high_critical: Some(14.0), ..none };
        let written = |quantity, own, side| {
            levels(quantity, &span(own), side).map(|it| {
                let each = it.levels.iter().map(|(name, value, clear)| format!("{name} {value} {clear}"));
                (it.operator, each.collect::<Vec<_>>().join("; "))
            })
        };
        for (quantity, own, side, wanted) in [
            (Quantity::Current, high, Side::High, Some((">", "warning 12 11.4; critical 14 13.3"))),
            (Quantity::Current, high, Side::Low, None),
            // The other way round they make no sense: the worse one counts.
            (
                Quantity::Current,
                DeviceThresholds { high_warning: Some(16.0), high_critical: Some(14.0), ..none },
                Side::High,
                Some((">", "critical 14 13.3")),
            ),
            (
                Quantity::Current,
                DeviceThresholds { low_warning: Some(0.0), low_critical: Some(0.0), ..none },
                Side::Low,
                None,
            ),
            (
                Quantity::Temperature,
                DeviceThresholds { low_warning: Some(0.0), low_critical: Some(-5.0), ..none },
                Side::Low,
                Some(("<", "warning 0 1; critical -5 -4")),
            ),
            (
                Quantity::Runtime,
                DeviceThresholds { low_critical: Some(120.0), ..none },
                Side::Low,
                Some(("<", "critical 120 144")),
            ),
        ] {
            let wanted = wanted.map(|(operator, text)| (operator, text.to_owned()));
            assert_eq!(written(quantity, own, side), wanted, "{quantity} {own:?}");
        }
        assert!(covers(&high, ">") && !covers(&high, "<") && covers(&high, "outside") && !covers(&none, ">"));
    }

    #[test]
    fn types_are_those_that_people_look_under() {
        for (kind, quantity, wanted) in [
            (ComponentKind::Bank, Quantity::Current, "bank"),
            (ComponentKind::Phase, Quantity::Current, "power_unit_infeed"),
            (ComponentKind::Sensor, Quantity::Humidity, "power_unit_sensor"),
            (ComponentKind::Battery, Quantity::Runtime, "ups"),
            (ComponentKind::Outlet, Quantity::ActivePower, "reading"),
        ] {
            assert_eq!(rule_type(kind, quantity).name(), wanted, "{kind} {quantity}");
        }
    }
}
