//! The part of the check that is about when a rule holds: operator, unit, thresholds, severities.

use super::check::{check_severity, choices};
use super::input::{LevelInput, RuleInput};
use super::kind::{Measure, Trigger};
use super::limit::{Limit, Operator};
use super::rule::{Condition, Level};
use super::unit::{Per, RuleUnit};
use super::words::{limit_text, number, quantity};
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
            Problem::new("after_polls", "only triggers about reachability count polls")
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
        Some(Measure::Presence(_)) => Some(Condition::Present { severity: required_severity(input, found)? }),
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
    let per = input
        .rate
        .as_ref()
        .and_then(|it| Per::ALL.into_iter().find(|per| Some(per.name()) == it.per.as_deref()));
    let unit = check_unit(input, measure, found).map(|it| per.map_or(it, |per| it.per(per)));
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
    // Anything may change by anything.
    if let (Some(operator), Some(unit), Some(measure), None) = (operator, unit, measure, &input.rate) {
        for level in &levels {
            check_range(level, operator, unit, measure, found);
        }
    }
    Some(Condition::Threshold { operator: operator?, unit: unit?, levels: levels.into() })
}

fn check_operator(input: &RuleInput, measure: Option<Measure>, found: &mut Vec<Problem>) -> Option<Operator> {
    let all = "write one of >, >=, <, <=, outside, inside";
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
        Measure::Health | Measure::Meaning(_) | Measure::Presence(_) | Measure::Reachability { .. } => None,
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
    let before = found.len();
    for (key, it) in [("value", value), ("clear", clear)] {
        if key == "clear" && level.clear.is_none() {
            continue;
        }
        let field = format!("{severity}.{key}");
        if let Some(odd) = it.ends().find(|end| !end.is_finite()) {
            found.push(
                Problem::new(field, format!("{odd} is no threshold")).with_help("write a finite number"),
            );
        } else if let Some(operator) = operator {
            check_form(field, it, operator, found);
        }
    }
    let is_sound = before == found.len();
    if let Some(operator) = operator.filter(|it| is_sound && it.is_beyond(clear, value)) {
        found.push(wrong_side(severity, Level { severity, value, clear }, operator));
    }
    is_sound.then_some(Level { severity, value, clear })
}

/// A range where the operator takes one, else a number.
fn check_form(field: String, limit: Limit, operator: Operator, found: &mut Vec<Problem>) {
    let symbol = operator.symbol();
    let problem = match (limit, operator.is_range()) {
        (Limit::At(number), true) => {
            let ends = [number, number + 10.0].map(super::words::number).join(", ");
            Problem::new(field, format!("{symbol} takes a range, not one number"))
                .with_help(format!("write both ends, as [{ends}]"))
        }
        (Limit::Between { .. }, false) => {
            Problem::new(field, format!("{symbol} takes one number, not a range"))
                .with_help("write one number, or operator = \"outside\" or \"inside\"")
        }
        (Limit::Between { low, high }, true) if high <= low => {
            Problem::new(field, format!("the range from {} to {} is empty", number(low), number(high)))
                .with_help("write the lower end first")
        }
        _ => return,
    };
    found.push(problem);
}

fn wrong_side(severity: Severity, level: Level, operator: Operator) -> Problem {
    let (value, clear) = (limit_text(level.value, ""), limit_text(level.clear, ""));
    let side = match operator {
        Operator::Greater | Operator::GreaterOrEqual => "at or below",
        Operator::Less | Operator::LessOrEqual => "at or above",
        Operator::Outside => "within",
        Operator::Inside => "around",
    };
    Problem::new(
        format!("{severity}.clear"),
        format!("clear {clear} lies on the wrong side of value {value}"),
    )
    .with_help(format!(
        "with {} the alert ends on the way back: write a clear {side} {value}",
        operator.symbol()
    ))
}

fn check_order(levels: &[Level], operator: Operator, found: &mut Vec<Problem>) {
    for pair in levels.windows(2) {
        let [milder, worse] = pair else { continue };
        let is_further = operator.is_beyond(worse.value, milder.value);
        if is_further && !operator.is_beyond(milder.value, worse.value) {
            continue;
        }
        let side = match operator {
            Operator::Greater | Operator::GreaterOrEqual => "above",
            Operator::Less | Operator::LessOrEqual => "below",
            Operator::Outside => "around",
            Operator::Inside => "within",
        };
        let (own, other) = (limit_text(worse.value, ""), limit_text(milder.value, ""));
        let message = format!(
            "{} ({own}) is not further out than {} ({other}): one would never be seen",
            worse.severity, milder.severity,
        );
        let help = format!("with {} write a {} {side} {other}", operator.symbol(), worse.severity);
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
        Measure::Health | Measure::Meaning(_) | Measure::Presence(_) | Measure::Reachability { .. } => return,
    };
    let shown = |base: f64| quantity(unit.from_base(base), unit.symbol);
    let ends = level.value.ends().map(|it| ("value", it));
    let clear = level.clear.ends().filter(|_| level.clear != level.value).map(|it| ("clear", it));
    for (key, value) in ends.chain(clear) {
        if (low..=high).contains(&unit.to_base(value)) {
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
    let is_upper = matches!(operator, Operator::Greater | Operator::GreaterOrEqual);
    if let Some(value) =
        level.value.number().filter(|it| is_upper && unit.symbol == "%" && 0.0 < *it && *it < 1.0)
    {
        let message = format!("{} is less than one percent", quantity(value, "%"));
        found.push(
            Problem::new(format!("{}.value", level.severity), message)
                .with_help(format!("percentages go to 100: write {}", number(value * 100.0))),
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
        | Measure::Presence(_)
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
