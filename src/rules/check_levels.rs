//! The part of the check that is about when a rule holds: operator, unit, thresholds, severities.

use super::check::{check_severity, choices};
use super::input::{LevelInput, RuleInput};
use super::kind::{Measure, Trigger};
use super::rule::{Condition, Level, Operator, RuleUnit};
use super::words::{number, quantity};
use crate::model::{Problem, Quantity, Severity, WireUnit};

/// The condition, if it can be told; without a known trigger only what is wrong with any.
pub(super) fn check_condition(
    input: &RuleInput,
    trigger: Option<&Trigger>,
    found: &mut Vec<Problem>,
) -> Option<Condition> {
    let measure = trigger.map(|it| it.measure);
    if measure.is_some_and(|it| !it.has_thresholds()) {
        refuse_thresholds(input, trigger?, found);
    }
    if !matches!(measure, None | Some(Measure::Reachability { .. })) && input.after_polls.is_some() {
        found.push(
            Problem::new("after_polls", "only power_unit_offline counts polls")
                .with_help("write for = \"30s\" to wait before the alert is announced"),
        );
    }
    match measure {
        None => {
            thresholds(input, None, found);
            None
        }
        Some(Measure::Value(_) | Measure::PercentOfRated) => {
            refuse_severity(input, found);
            thresholds(input, measure, found)
        }
        Some(Measure::Health) => {
            if input.severity.is_some() {
                found.push(
                    Problem::new(
                        "severity",
                        "the severity of health is that of the state: warning or critical",
                    )
                    .with_help("leave severity out"),
                );
            }
            Some(Condition::Health)
        }
        Some(Measure::Meaning(_)) => Some(Condition::State { severity: required_severity(input, found)? }),
        Some(Measure::Reachability { .. }) => {
            let after_polls = after_polls(input, found);
            Some(Condition::Unreachable { severity: required_severity(input, found)?, after_polls })
        }
    }
}

fn levels_of(input: &RuleInput) -> impl Iterator<Item = (Severity, LevelInput)> {
    [
        (Severity::Info, input.info),
        (Severity::Warning, input.warning),
        (Severity::Error, input.error),
        (Severity::Critical, input.critical),
    ]
    .into_iter()
    .filter_map(|(severity, level)| level.map(|it| (severity, it)))
}

fn refuse_thresholds(input: &RuleInput, trigger: &Trigger, found: &mut Vec<Problem>) {
    let name = trigger.name;
    for (severity, _) in levels_of(input) {
        let help = if trigger.measure == Measure::Health {
            format!("leave {severity} out: the state says itself whether it is warning or critical")
        } else {
            format!("write severity = \"{severity}\" instead")
        };
        found.push(
            Problem::new(severity.name(), format!("{name} is a state, not a number: it has no thresholds"))
                .with_help(help),
        );
    }
    for (field, given) in [("operator", &input.operator), ("unit", &input.unit)] {
        if given.is_some() {
            found.push(
                Problem::new(field, format!("{name} is a state, not a number: it has no {field}"))
                    .with_help(format!("leave {field} out")),
            );
        }
    }
}

fn refuse_severity(input: &RuleInput, found: &mut Vec<Problem>) {
    if let Some(severity) = &input.severity {
        let named = severity.parse::<Severity>().map_or("critical", Severity::name);
        found.push(
            Problem::new("severity", "this trigger measures: each severity has its own threshold")
                .with_help(format!("write {named} = {{ value = .. }} instead")),
        );
    }
}

fn required_severity(input: &RuleInput, found: &mut Vec<Problem>) -> Option<Severity> {
    match &input.severity {
        Some(text) => check_severity("severity", text, found),
        None => {
            found.push(
                Problem::new("severity", "the rule does not say how bad it is")
                    .with_help("write severity = \"critical\", \"error\", \"warning\" or \"info\""),
            );
            None
        }
    }
}

fn after_polls(input: &RuleInput, found: &mut Vec<Problem>) -> u32 {
    let after = input.after_polls.unwrap_or(AFTER_POLLS_DEFAULT);
    if !(1..=AFTER_POLLS_MAX).contains(&after) {
        found.push(
            Problem::new("after_polls", format!("{after} is not from 1 to {AFTER_POLLS_MAX}")).with_help(
                format!("write how many polls in a row must fail; by default {AFTER_POLLS_DEFAULT}"),
            ),
        );
    }
    after
}

fn thresholds(input: &RuleInput, measure: Option<Measure>, found: &mut Vec<Problem>) -> Option<Condition> {
    let operator = check_operator(input, measure, found);
    let unit = check_unit(input, measure, found);
    let given: Vec<(Severity, LevelInput)> = levels_of(input).collect();
    if given.is_empty() && measure.is_some() {
        found
            .push(Problem::new("", "the rule has no threshold").with_help(
                "write critical = { value = .. }, or warning, error, info; each may have a clear",
            ));
    }
    let levels: Vec<Level> = given
        .into_iter()
        .filter_map(|(severity, level)| check_level(severity, level, operator, found))
        .collect();
    if let Some(operator) = operator {
        check_order(&levels, operator, found);
    }
    if let (Some(operator), Some(unit), Some(measure)) = (operator, unit, measure) {
        for level in &levels {
            check_range(level, operator, unit, measure, found);
        }
    }
    Some(Condition::Threshold { operator: operator?, unit: unit?, levels: levels.into() })
}

fn check_operator(input: &RuleInput, measure: Option<Measure>, found: &mut Vec<Problem>) -> Option<Operator> {
    let all = "write one of >, >=, <, <=";
    match input.operator.as_deref() {
        None if measure.is_none() => None,
        None => {
            found.push(
                Problem::new("operator", "the rule does not say on which side of the threshold it holds")
                    .with_help("write operator = \">\" if high is bad, \"<\" if low is bad"),
            );
            None
        }
        Some(symbol @ ("==" | "=" | "!=" | "<>")) => {
            let message =
                format!("\"{symbol}\" compares for equality, which a measured number never quite meets");
            found.push(Problem::new("operator", message).with_help(all));
            None
        }
        Some(symbol) => {
            let operator = Operator::find(symbol.trim());
            if operator.is_none() {
                found.push(Problem::new("operator", format!("\"{symbol}\" is no operator")).with_help(all));
            }
            operator
        }
    }
}

fn check_unit(input: &RuleInput, measure: Option<Measure>, found: &mut Vec<Problem>) -> Option<RuleUnit> {
    let name = input.unit.as_deref();
    match measure? {
        Measure::PercentOfRated => {
            if name.is_some_and(|it| it != "%") {
                found.push(
                    Problem::new("unit", "percent_of_rated is in %")
                        .with_help("leave unit out, or use a trigger that measures amperes or watts"),
                );
            }
            Some(RuleUnit::PERCENT)
        }
        Measure::Value(measured) => {
            let Some(name) = name else { return Some(RuleUnit::base(measured)) };
            let unit = RuleUnit::find(name, measured);
            if unit.is_none() {
                let units = WireUnit::ALL.iter().filter(|it| it.unit == measured.unit()).map(|it| it.symbol);
                let help = choices(name, units, "there are");
                let message = format!("\"{name}\" is no unit of {measured}");
                found.push(Problem::new("unit", message).with_help(help));
            }
            unit
        }
        Measure::Health | Measure::Meaning(_) | Measure::Reachability { .. } => None,
    }
}

fn check_level(
    severity: Severity,
    level: LevelInput,
    operator: Option<Operator>,
    found: &mut Vec<Problem>,
) -> Option<Level> {
    let Some(value) = level.value else {
        found.push(
            Problem::new(severity.name(), "the threshold has no value")
                .with_help(format!("write {severity} = {{ value = .. }}")),
        );
        return None;
    };
    let clear = level.clear.unwrap_or(value);
    let mut is_number = true;
    for (key, it) in [("value", value), ("clear", clear)] {
        if !it.is_finite() && (key == "value" || level.clear.is_some()) {
            found.push(
                Problem::new(format!("{severity}.{key}"), format!("{it} is no threshold"))
                    .with_help("write a finite number"),
            );
            is_number = false;
        }
    }
    if let Some(operator) = operator.filter(|it| is_number && it.is_beyond(clear, value)) {
        let (symbol, side) =
            (operator.symbol(), if operator.is_upper() { "at or below" } else { "at or above" });
        let message = format!("clear {} lies on the wrong side of value {}", number(clear), number(value));
        let help =
            format!("with {symbol} the alert ends on the way back: write a clear {side} {}", number(value));
        found.push(Problem::new(format!("{severity}.clear"), message).with_help(help));
    }
    is_number.then_some(Level { severity, value, clear })
}

fn check_order(levels: &[Level], operator: Operator, found: &mut Vec<Problem>) {
    for pair in levels.windows(2) {
        let [milder, worse] = pair else { continue };
        if operator.is_beyond(worse.value, milder.value) {
            continue;
        }
        let (above, symbol) = (if operator.is_upper() { "above" } else { "below" }, operator.symbol());
        let message = format!(
            "{} ({}) is not further out than {} ({}): one would never be seen",
            worse.severity,
            number(worse.value),
            milder.severity,
            number(milder.value)
        );
        let help = format!("with {symbol} write a {} {above} {}", worse.severity, number(milder.value));
        found.push(Problem::new(format!("{}.value", worse.severity), message).with_help(help));
    }
}

/// Whether readings can lie on both sides of the threshold at all.
fn check_range(
    level: &Level,
    operator: Operator,
    unit: RuleUnit,
    measure: Measure,
    found: &mut Vec<Problem>,
) {
    let (low, high) = range(measure);
    let what = match measure {
        Measure::Value(quantity) => quantity.name(),
        Measure::PercentOfRated => "percent_of_rated",
        Measure::Health | Measure::Meaning(_) | Measure::Reachability { .. } => return,
    };
    let shown = |base: f64| quantity(unit.from_base(base), unit.symbol);
    for (key, value) in [("value", level.value), ("clear", level.clear)] {
        let base = unit.to_base(value);
        if (low..=high).contains(&base) || (key == "clear" && value.to_bits() == level.value.to_bits()) {
            continue;
        }
        let message = format!("{what} never reaches {}", quantity(value, unit.symbol));
        let help = match (low.is_finite(), high.is_finite()) {
            (true, true) => format!("write a number from {} to {}", shown(low), shown(high)),
            (true, false) => format!("write a number from {} up", shown(low)),
            (false, _) => format!("write a number up to {}", shown(high)),
        };
        found.push(Problem::new(format!("{}.{key}", level.severity), message).with_help(help));
    }
    let is_fraction = unit.symbol == "%" && operator.is_upper() && 0.0 < level.value && level.value < 1.0;
    if is_fraction {
        let message = format!("{} is less than one percent", quantity(level.value, "%"));
        found.push(
            Problem::new(format!("{}.value", level.severity), message)
                .with_help(format!("percentages go to 100: write {}", number(level.value * 100.0))),
        );
    }
}

/// What a quantity can be, in its base unit.
fn range(measure: Measure) -> (f64, f64) {
    match measure {
        Measure::PercentOfRated | Measure::Value(Quantity::Load) => (0.0, PERCENT_OF_CAPACITY_MAX),
        Measure::Value(
            Quantity::Charge | Quantity::Humidity | Quantity::AddressUse | Quantity::PartAvailability,
        ) => (0.0, 100.0),
        Measure::Value(Quantity::LicenseUse) => (0.0, Quantity::LICENSE_USE_MAX),
        Measure::Value(
            Quantity::Installations
            | Quantity::Licenses
            | Quantity::LicensesUsed
            | Quantity::Addresses
            | Quantity::AddressesUsed
            | Quantity::AddressesFree
            | Quantity::Parts
            | Quantity::PartsAvailable
            | Quantity::Age,
        ) => (0.0, f64::INFINITY),
        Measure::Value(Quantity::PowerFactor) => (-1.0, 1.0),
        Measure::Value(Quantity::Temperature) => (ABSOLUTE_ZERO_CELSIUS, f64::INFINITY),
        Measure::Value(Quantity::Current | Quantity::ApparentPower | Quantity::Energy) => {
            (0.0, f64::INFINITY)
        }
        Measure::Value(Quantity::Voltage | Quantity::Frequency | Quantity::Runtime) => (0.0, f64::INFINITY),
        Measure::Value(
            Quantity::ActivePower | Quantity::ReactivePower | Quantity::State | Quantity::DaysLeft,
        )
        | Measure::Health
        | Measure::Meaning(_)
        | Measure::Reachability { .. } => (f64::NEG_INFINITY, f64::INFINITY),
    }
}

/// Three polls in a row: one lost datagram and its retries are no outage.
const AFTER_POLLS_DEFAULT: u32 = 3;
/// At a poll every 10 s this is almost three hours.
const AFTER_POLLS_MAX: u32 = 1000;
/// An overload beyond this trips any breaker at once; a larger number is a mistyped one.
const PERCENT_OF_CAPACITY_MAX: f64 = 300.0;
const ABSOLUTE_ZERO_CELSIUS: f64 = -273.15;
