//! What a transition says: the alert's facts and the reason in words.

use super::cycle::Step;
use super::{AlertFacts, AlertKey};
use crate::model::{
    Batch, Component, Labels, Missing, Now, Oid, PollError, Quantity, ReadingShape, Sample, Severity, Source,
    StateValue, UnixMillis,
};
use crate::rules::words::{
    duration, limit_text, missing_words, number, push_against, push_quantity, quantity,
};
use crate::rules::{CompiledRule, Condition, Level, Limit, Operator, RuleUnit};
use std::sync::Arc;
use std::time::Duration;

/// What was judged under a rule, and what was found.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) rule: &'a CompiledRule,
    pub(super) now: Now,
    pub(super) source: &'a Source,
    pub(super) object: Object<'a>,
    pub(super) measured: Measured<'a>,
    /// The poll that it was found in; none for a group, of which several polls speak.
    pub(super) batch: Option<&'a Batch>,
}

/// What was judged.
#[derive(Clone, Copy)]
pub(super) enum Object<'a> {
    /// The device or inventory itself.
    Whole,
    /// One reading.
    Reading(&'a Component, &'a ReadingShape),
    /// A group of readings, for which the source stands, and what its members add.
    Group(Quantity, &'a str),
}

/// What was found this time.
#[derive(Clone, Copy)]
pub(super) enum Measured<'a> {
    /// A number in the base unit, and what percentages refer to.
    Number { base: f64, rated: Option<f64> },
    /// A state.
    State { number: f64, state: Option<&'a StateValue> },
    /// Nothing, and why.
    Missing(Missing),
    /// How many polls in a row failed, and how the last one did.
    Polls { failures: u32, error: Option<&'a PollError> },
}

impl<'a> Subject<'a> {
    pub(super) fn key(&self) -> AlertKey {
        let (rule, device) = (&*self.rule.rule.name, &*self.source.device);
        match self.object {
            Object::Whole => AlertKey::of_device(rule, device),
            Object::Reading(component, reading) => AlertKey::of_reading(rule, device, component, reading),
            Object::Group(..) => AlertKey::of_group(rule, device, self.rule.rule.trigger.name),
        }
    }

    /// The facts, after a step that led there.
    pub(super) fn facts(&self, key: AlertKey, since: UnixMillis, step: Step) -> AlertFacts {
        let (rule, source) = (&self.rule.rule, self.source);
        let (component, reading) = self.parts();
        let (operator, unit, threshold) = self.comparison_facts(step);
        let (value, rated) = match self.measured {
            Measured::Number { base, rated } => (Some(rounded(self.rule.shown(base, rated))), rated),
            Measured::State { number, .. } => (Some(number), None),
            Measured::Missing(_) | Measured::Polls { .. } => (None, None),
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
            labels: labels_of(source, component),
            component: component.map(|it| (it.kind, Arc::clone(&it.index), Arc::clone(&it.label))),
            // Objects of inventories have none.
            source: reading.map(|it| it.source.clone()).filter(|it| *it != Oid::default()),
            reading: self.reading(),
            value,
            unit,
            operator,
            threshold,
            rated,
            last_values: self.beside(),
            since,
        }
    }

    /// The number of this time in the rule's unit, as one of those that later pages show.
    pub(super) fn shown(&self) -> Option<f64> {
        match self.measured {
            Measured::Number { base, rated } => Some(self.rule.shown(base, rated)),
            Measured::State { .. } | Measured::Missing(_) | Measured::Polls { .. } => None,
        }
    }

    /// What the reading said in the polls before.
    pub(super) fn before(&self, recent: &[f64]) -> Option<(Box<str>, Box<str>)> {
        let (_, unit) = self.terms()?;
        let texts: Vec<String> = recent.iter().rev().map(|it| quantity(*it, unit.symbol)).collect();
        (!texts.is_empty()).then(|| ("polls before".into(), texts.join(", ").into()))
    }

    /// The other readings of the component: a load with its voltage and power.
    fn beside(&self) -> Vec<(Box<str>, Box<str>)> {
        let (Object::Reading(component, judged), Some(batch)) = (self.object, self.batch) else {
            return Vec::new();
        };
        let of_component = |it: &&(&ReadingShape, &Sample)| {
            let is_same = batch.shape.component_of(it.0).is_some_and(|it| std::ptr::eq(it, component));
            is_same && !std::ptr::eq(it.0, judged)
        };
        let both = batch.shape.readings.iter().zip(&batch.samples);
        let all: Vec<(&ReadingShape, &Sample)> = both.collect();
        let texts = all.iter().filter(of_component).filter_map(|(reading, sample)| {
            let Sample::Value(value) = sample else { return None };
            let name = match (reading.quantity.name(), &*reading.name) {
                (quantity, "") => quantity.to_owned(),
                (quantity, name) => format!("{quantity} {name}"),
            };
            let state = reading.states.as_ref().and_then(|it| it.state(*value)).map(|it| it.name.to_string());
            let text = state.unwrap_or_else(|| quantity(*value, reading.quantity.unit().symbol()));
            Some((Box::from(name), Box::from(text)))
        });
        texts.take(BESIDE_MAX).collect()
    }

    fn parts(&self) -> (Option<&'a Component>, Option<&'a ReadingShape>) {
        match self.object {
            Object::Reading(component, reading) => (Some(component), Some(reading)),
            Object::Whole | Object::Group(..) => (None, None),
        }
    }

    /// Operator, unit and threshold: of a range the end that was passed; none while it is within.
    fn comparison_facts(&self, step: Step) -> (&'static str, &'static str, Option<f64>) {
        let Some((operator, unit)) = self.terms() else { return ("", "", None) };
        let limit = match step {
            Step::Trigger(severity) | Step::Change { to: severity, .. } => {
                self.level(severity).map(|it| it.value)
            }
            Step::Resolve { .. } => self.rule.levels().first().map(|it| it.clear),
            Step::Stay | Step::Forget => self.rule.levels().first().map(|it| it.value),
        };
        match (limit, self.measured) {
            (Some(Limit::Between { low, high }), Measured::Number { base, rated }) => {
                let shown = self.rule.shown(base, rated);
                if operator == Operator::Outside && shown < low {
                    ("<", unit.symbol, Some(low))
                } else if operator == Operator::Outside && high < shown {
                    (">", unit.symbol, Some(high))
                } else {
                    (operator.symbol(), unit.symbol, None)
                }
            }
            (limit, _) => (operator.symbol(), unit.symbol, limit.and_then(Limit::number)),
        }
    }

    /// Why the step happened, after a wait of so long.
    pub(super) fn reason(&self, step: Step, waited: Duration) -> String {
        let mut said = match self.measured {
            Measured::Number { base, rated } => self.comparison(base, rated, step),
            Measured::State { state, .. } => self.state_words(state),
            Measured::Missing(_) => self.missing_reason(step),
            Measured::Polls { failures, error } => self.poll_words(failures, error),
        };
        if !waited.is_zero() {
            said.extend([" for ", &duration(waited)]);
        }
        if let (Object::Group(_, note), Measured::Number { .. }) = (self.object, self.measured) {
            super::group::with_note(&mut said, note);
        }
        said
    }

    fn terms(&self) -> Option<(Operator, RuleUnit)> {
        match self.rule.rule.condition {
            Condition::Threshold { operator, unit, .. } => Some((operator, unit)),
            Condition::State { .. }
            | Condition::Health
            | Condition::Present { .. }
            | Condition::Unreachable { .. } => None,
        }
    }

    fn level(&self, severity: Severity) -> Option<&Level> {
        self.rule.levels().iter().find(|it| it.severity == severity)
    }

    fn reading(&self) -> String {
        match (self.measured, self.terms()) {
            (Measured::Number { base, rated }, Some((_, unit))) => {
                quantity(self.rule.shown(base, rated), unit.symbol)
            }
            (Measured::Number { base, .. }, None) => presence(base).to_owned(),
            (Measured::State { state: Some(state), .. }, _) => state.name.to_string(),
            (Measured::State { number: code, state: None }, _) => number(code),
            (Measured::Missing(missing), _) => format!("no data: {}", missing_words(missing)),
            (Measured::Polls { error, .. }, _) => {
                error.map_or_else(|| "it answers".to_owned(), ToString::to_string)
            }
        }
    }

    fn comparison(&self, base: f64, rated: Option<f64>, step: Step) -> String {
        let Some((operator, unit)) = self.terms() else {
            return if 0.0 < base { "it is there" } else { "it is there no more" }.to_owned();
        };
        let (forth, back) = (operator.symbol(), operator.inverse_symbol());
        let compared = match step {
            Step::Trigger(to) => self.level(to).map(|it| (forth, it.value)),
            Step::Change { from, to } if from < to => self.level(to).map(|it| (forth, it.value)),
            Step::Change { from, .. } => self.level(from).map(|it| (back, it.clear)),
            Step::Resolve { last, .. } => {
                let mildest = self.rule.levels().first().filter(|it| it.severity <= last);
                mildest.map(|it| (back, it.clear))
            }
            Step::Stay | Step::Forget => None,
        };
        let shown = self.rule.shown(base, rated);
        let mut said = String::with_capacity(REASON_CHARS);
        // Of a range that was left the end that was passed says all.
        let compared = compared.map(|(symbol, limit)| match limit {
            Limit::Between { low, .. } if symbol == "outside" && shown < low => ("<", Limit::At(low)),
            Limit::Between { high, .. } if symbol == "outside" && high < shown => (">", Limit::At(high)),
            limit => (symbol, limit),
        });
        match compared.and_then(|(_, limit)| limit.number()) {
            Some(limit) => push_against(&mut said, shown, limit, unit.symbol),
            None => push_quantity(&mut said, shown, unit.symbol),
        }
        if let Some(rated) = rated {
            said.push_str(" of ");
            push_quantity(&mut said, rated, self.rated_unit());
        }
        match compared {
            Some((symbol, limit)) => said.extend([" ", symbol, " ", &limit_text(limit, unit.symbol)]),
            None => said.push_str(", and the rule no longer has that level"),
        }
        said
    }

    fn rated_unit(&self) -> &'static str {
        match self.object {
            Object::Reading(_, reading) => reading.quantity.unit().symbol(),
            Object::Group(quantity, _) => quantity.unit().symbol(),
            Object::Whole => "",
        }
    }

    fn state_words(&self, state: Option<&StateValue>) -> String {
        let (_, reading) = self.parts();
        let what = reading.map_or("state", |it| if it.name.is_empty() { "state" } else { &it.name });
        match (state, &self.rule.rule.condition) {
            (Some(state), Condition::Health) => format!("{what} is {} ({})", state.name, state.health),
            (_, _) => format!("{what} is {}", self.reading()),
        }
    }

    fn missing_reason(&self, step: Step) -> String {
        let mut said = self.reading();
        if let Step::Resolve { .. } = step {
            said.push_str(" (the rule takes that for calm)");
        }
        said
    }

    fn poll_words(&self, failures: u32, error: Option<&PollError>) -> String {
        let what = if self.source.kind.is_inventory() { "snapshot" } else { "poll" };
        match (error, failures) {
            (None, _) if self.source.kind.is_inventory() => "a snapshot succeeded".to_owned(),
            (None, _) => "it answers again".to_owned(),
            (Some(error), 0) => format!("it answers, but: {error}"),
            (Some(error), 1) => format!("a {what} failed: {error}"),
            (Some(error), failures) => format!("{failures} {what}s in a row failed: {error}"),
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

/// The operator's labels, and what else is known of an inventory's object.
fn labels_of(source: &Source, component: Option<&Component>) -> Labels {
    match component.filter(|it| !it.labels.is_empty()) {
        None => source.labels.clone(),
        Some(component) => Labels::new(source.labels.iter().chain(component.labels.iter())),
    }
}

const fn presence(count: f64) -> &'static str {
    if 0.0 < count { "present" } else { "absent" }
}

/// Other readings in a page: an outlet or infeed has about ten.
const BESIDE_MAX: usize = 12;

/// Room for `81.25 % of 32 A > 80 % for 1 h 30 min`.
const REASON_CHARS: usize = 48;

/// Without what binary fractions leave behind: 18.9, not 18.900000000000002.
fn rounded(value: f64) -> f64 {
    let scaled = value * 1e6;
    if scaled.is_finite() { scaled.round() / 1e6 } else { value }
}
