//! What a transition says: the alert's facts and the reason in words.

use super::cycle::Step;
use super::{AlertFacts, AlertKey};
use crate::model::{Batch, Severity, Source, StateValue, UnixMillis};
use crate::rules::words::{duration, number, push_against, push_quantity, quantity};
use crate::rules::{CompiledRule, Condition, Level, Operator, RuleUnit};
use std::sync::Arc;

/// One judged reading (or device) under one rule.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) rule: &'a CompiledRule,
    pub(super) batch: &'a Batch,
    /// The reading; `None` for the device itself.
    pub(super) slot: Option<u32>,
    pub(super) measured: Measured<'a>,
}

/// What was found this time.
#[derive(Clone, Copy)]
pub(super) enum Measured<'a> {
    /// A number in the base unit, and what percentages refer to.
    Number { base: f64, rated: Option<f64> },
    /// A state.
    State { number: f64, state: Option<&'a StateValue> },
    /// How many polls in a row failed.
    Polls { failures: u32 },
}

impl Subject<'_> {
    pub(super) fn key(&self) -> AlertKey {
        let (rule, device) = (&*self.rule.rule.name, &*self.batch.source.device);
        let reading = self.slot.and_then(|it| self.batch.shape.readings.get(it as usize));
        match reading.and_then(|it| self.batch.shape.component_of(it).map(|component| (component, it))) {
            Some((component, reading)) => AlertKey::of_reading(rule, device, component, reading),
            None => AlertKey::of_device(rule, device),
        }
    }

    /// The facts, with `limit` as the threshold that counts now.
    pub(super) fn facts(&self, key: AlertKey, since: UnixMillis, limit: Option<f64>) -> AlertFacts {
        let (rule, source) = (&self.rule.rule, &self.batch.source);
        let reading = self.slot.and_then(|it| self.batch.shape.readings.get(it as usize));
        let component = reading.and_then(|it| self.batch.shape.component_of(it));
        let (operator, unit) = self.terms().map_or(("", ""), |(it, unit)| (it.symbol(), unit.symbol));
        let (value, rated) = match self.measured {
            Measured::Number { base, rated } => (Some(rounded(self.rule.shown(base, rated))), rated),
            Measured::State { number, .. } => (Some(number), None),
            Measured::Polls { .. } => (None, None),
        };
        AlertFacts {
            key,
            rule: Arc::clone(&rule.name),
            rule_type: rule.rule_type.name(),
            trigger: rule.trigger.name,
            notes: rule.notes.clone(),
            runbook: rule.runbook.clone(),
            integrations: Arc::clone(&rule.integrations),
            device: Arc::clone(&source.device),
            address: source.address.clone(),
            model: model_of(source),
            labels: source.labels.clone(),
            component: component.map(|it| (it.kind, Arc::clone(&it.index), Arc::clone(&it.label))),
            source: reading.map(|it| it.source.clone()),
            reading: self.reading(),
            value,
            unit,
            operator,
            threshold: limit,
            rated,
            since,
        }
    }

    /// The threshold that counts after a step: of the severity now, or at the end the clear value.
    pub(super) fn limit(&self, step: Step) -> Option<f64> {
        match step {
            Step::Trigger(severity) | Step::Change { to: severity, .. } => {
                self.level(severity).map(|it| it.value)
            }
            Step::Resolve { .. } => self.rule.levels().first().map(|it| it.clear),
            Step::Stay | Step::Forget => self.rule.levels().first().map(|it| it.value),
        }
    }

    /// Why the step happened.
    pub(super) fn reason(&self, step: Step) -> String {
        let rule = &self.rule.rule;
        let is_worse = match step {
            Step::Change { from, to } => from < to,
            Step::Resolve { .. } => false,
            Step::Stay | Step::Forget | Step::Trigger(_) => true,
        };
        let mut said = match self.measured {
            Measured::Number { base, rated } => self.comparison(base, rated, step),
            Measured::State { state, .. } => self.state_words(state),
            Measured::Polls { failures } => self.poll_words(failures),
        };
        let waited = if is_worse { rule.hold_for } else { rule.keep_firing_for };
        if !waited.is_zero() {
            said.extend([" for ", &duration(waited)]);
        }
        said
    }

    fn terms(&self) -> Option<(Operator, RuleUnit)> {
        match self.rule.rule.condition {
            Condition::Threshold { operator, unit, .. } => Some((operator, unit)),
            Condition::State { .. } | Condition::Health | Condition::Unreachable { .. } => None,
        }
    }

    fn level(&self, severity: Severity) -> Option<&Level> {
        self.rule.levels().iter().find(|it| it.severity == severity)
    }

    fn reading(&self) -> String {
        match self.measured {
            Measured::Number { base, rated } => {
                let unit = self.terms().map_or("", |(_, unit)| unit.symbol);
                quantity(self.rule.shown(base, rated), unit)
            }
            Measured::State { state: Some(state), .. } => state.name.to_string(),
            Measured::State { number: code, state: None } => number(code),
            Measured::Polls { .. } => {
                self.batch.error.as_ref().map_or_else(|| "it answers".to_owned(), ToString::to_string)
            }
        }
    }

    fn comparison(&self, base: f64, rated: Option<f64>, step: Step) -> String {
        let Some((operator, unit)) = self.terms() else { return self.reading() };
        let compared = match step {
            Step::Trigger(to) => self.level(to).map(|it| (operator.symbol(), it.value)),
            Step::Change { from, to } if from < to => self.level(to).map(|it| (operator.symbol(), it.value)),
            Step::Change { from, .. } => self.level(from).map(|it| (operator.inverse_symbol(), it.clear)),
            Step::Resolve { last, .. } => {
                let mildest = self.rule.levels().first().filter(|it| it.severity <= last);
                mildest.map(|it| (operator.inverse_symbol(), it.clear))
            }
            Step::Stay | Step::Forget => None,
        };
        let shown = self.rule.shown(base, rated);
        let mut said = String::with_capacity(REASON_CHARS);
        match compared {
            Some((_, limit)) => push_against(&mut said, shown, limit, unit.symbol),
            None => push_quantity(&mut said, shown, unit.symbol),
        }
        if let Some(rated) = rated {
            said.push_str(" of ");
            push_quantity(&mut said, rated, self.rated_unit());
        }
        match compared {
            Some((symbol, limit)) => {
                said.extend([" ", symbol, " "]);
                push_quantity(&mut said, limit, unit.symbol);
            }
            None => said.push_str(", and the rule no longer has that level"),
        }
        said
    }

    fn rated_unit(&self) -> &'static str {
        let reading = self.slot.and_then(|it| self.batch.shape.readings.get(it as usize));
        reading.map_or("", |it| it.quantity.unit().symbol())
    }

    fn state_words(&self, state: Option<&StateValue>) -> String {
        let reading = self.slot.and_then(|it| self.batch.shape.readings.get(it as usize));
        let what = reading.map_or("state", |it| if it.name.is_empty() { "state" } else { &it.name });
        match (state, &self.rule.rule.condition) {
            (Some(state), Condition::Health) => format!("{what} is {} ({})", state.name, state.health),
            (_, _) => format!("{what} is {}", self.reading()),
        }
    }

    fn poll_words(&self, failures: u32) -> String {
        match (&self.batch.error, failures) {
            (None, _) => "it answers again".to_owned(),
            (Some(error), 0) => format!("it answers, but: {error}"),
            (Some(error), 1) => format!("a poll failed: {error}"),
            (Some(error), failures) => format!("{failures} polls in a row failed: {error}"),
        }
    }
}

/// Vendor and model as one text, without what is not known.
fn model_of(source: &Source) -> String {
    let (vendor, model) = (&*source.identity.vendor, &*source.identity.model);
    match (vendor, model) {
        ("", one) | (one, "") => one.to_owned(),
        (_, _) => [vendor, " ", model].concat(),
    }
}

/// Room for `81.25 % of 32 A > 80 % for 1 h 30 min`.
const REASON_CHARS: usize = 48;

/// Without what binary fractions leave behind: 18.9, not 18.900000000000002.
fn rounded(value: f64) -> f64 {
    let scaled = value * 1e6;
    if scaled.is_finite() { scaled.round() / 1e6 } else { value }
}
