//! Which readings of a device a rule is about, and why some that it should be about cannot be judged.

use super::compile::Ruleset;
use super::extras::Rate;
use super::kind::{Measure, ReadingName};
use super::program::{RuleReport, UnboundObject};
use super::rule::Rule;
use super::words::duration;
use crate::model::{Component, ComponentKind, Health, Quantity, Ratings, ReadingShape, Shape, Source};
use std::fmt;
use std::sync::Arc;

/// What a rule is bound to, over some devices: so that a person sees a rule that watches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleBindings {
    /// The rule's name.
    pub rule: Arc<str>,
    /// How many devices it is for.
    pub devices: usize,
    /// How many of them have not been learnt yet: nothing is known of their readings.
    pub unlearnt: usize,
    /// How many readings (or devices, for reachability) it judges.
    pub bound: usize,
    /// How many it should judge and cannot.
    pub unbound: usize,
    /// The first [`Self::EXAMPLES_MAX`] of these, with the reason.
    pub examples: Vec<Unbound>,
}

/// An object that a rule is for and cannot judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbound {
    /// The object, as rules name it: `pdu-1/infeed/1`.
    pub object: String,
    /// Why.
    pub reason: UnboundReason,
}

/// The object as rules name it: `pdu-1/infeed/1`.
fn named(object: &UnboundObject, source: &Source, shape: &Shape) -> String {
    match object {
        UnboundObject::Pattern(text) => text.to_string(),
        UnboundObject::Device => source.device.to_string(),
        UnboundObject::Component(place) => shape
            .components
            .get(*place as usize)
            .map_or(String::new(), |it| format!("{}/{}/{}", source.device, it.kind, it.index)),
    }
}

/// Why a rule cannot judge an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnboundReason {
    /// A percentage of a rating that neither agent nor operator gives.
    NoRating {
        /// What is measured.
        quantity: Quantity,
    },
    /// Several readings of the quantity, none of them the main one, and the rule does not say which.
    SeveralNames {
        /// Their names.
        names: Vec<Box<str>>,
    },
    /// A chosen object that the device does not have.
    NoSuchComponent,
    /// The device lacks a label by which the rule's groups are told apart.
    NoLabel {
        /// The label's name.
        label: Box<str>,
    },
    /// A rate of change over less time than passes between two polls.
    PolledTooSeldom {
        /// Between two polls.
        interval: std::time::Duration,
        /// What the rule measures over.
        over: std::time::Duration,
    },
}

impl RuleBindings {
    /// A room with one thing wrong everywhere needs no longer list to show it.
    pub const EXAMPLES_MAX: usize = 20;

    /// Nothing yet.
    #[must_use]
    pub fn of(rule: &Rule) -> Self {
        Self {
            rule: Arc::clone(&rule.name),
            devices: 0,
            unlearnt: 0,
            bound: 0,
            unbound: 0,
            examples: Vec::new(),
        }
    }

    /// Counts in what the rule is bound to on one more device.
    pub fn add(&mut self, report: &RuleReport, source: &Source, shape: &Shape) {
        self.devices += 1;
        self.bound += report.bound as usize;
        if report.bound == 0 && !shape.components.iter().any(is_object) {
            self.unlearnt += 1;
        }
        self.unbound += report.unbound.len();
        let room = Self::EXAMPLES_MAX.saturating_sub(self.examples.len());
        self.examples.extend(report.unbound.iter().take(room).map(|(object, reason)| Unbound {
            object: named(object, source, shape),
            reason: reason.clone(),
        }));
    }

    /// What a person should know, if anything: it watches nothing, or not all that it is for.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        if self.devices == 0 {
            return Some("applies to no device".to_owned());
        }
        let example = self
            .examples
            .first()
            .map_or(String::new(), |it| format!(", for instance {}: {}", it.object, it.reason));
        if self.unbound != 0 {
            return Some(format!("cannot judge {} of {}{example}", self.unbound, self.unbound + self.bound));
        }
        (self.bound == 0 && self.unlearnt == 0)
            .then(|| format!("finds nothing to judge (devices: {})", self.devices))
    }
}

impl fmt::Display for UnboundReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRating { quantity } => {
                let key = match quantity {
                    Quantity::ActivePower => "rated_power",
                    Quantity::ApparentPower => "rated_apparent_power",
                    _ => "rated_current",
                };
                write!(f, "no rating: the agent gives none; set {key} on the rule or the device")
            }
            Self::SeveralNames { names } => {
                write!(
                    f,
                    "several readings, none of them the main one; set names to some of: {}",
                    names.join(", ")
                )
            }
            Self::NoSuchComponent => f.write_str("there is no such component"),
            Self::NoLabel { label } => {
                write!(
                    f,
                    "the device has no label {label}, and so is in no group; add it to the device's labels"
                )
            }
            Self::PolledTooSeldom { interval, over } => write!(
                f,
                "it is read every {}, which is longer than the {} of the rule's rate; lengthen over",
                duration(*interval),
                duration(*over)
            ),
        }
    }
}

impl Ruleset {
    /// What each rule is bound to on these devices.
    #[must_use]
    pub fn bindings<'a>(
        &self,
        devices: impl IntoIterator<Item = (&'a Source, &'a Shape)>,
    ) -> Vec<RuleBindings> {
        let mut reports: Vec<RuleBindings> =
            self.rules().iter().map(|it| RuleBindings::of(&it.rule)).collect();
        for (source, shape) in devices {
            for report in &self.bind(source, shape).report {
                if let Some(bindings) = reports.get_mut(report.rule as usize) {
                    bindings.add(report, source, shape);
                }
            }
        }
        reports
    }
}

/// One find of [`select`].
pub(super) enum Found {
    /// A reading that the rule judges.
    Reading {
        /// Its place in the shape.
        slot: u32,
        /// What percentages refer to, where the rule asks for them.
        rated: Option<f64>,
    },
    /// A component that the rule is for and cannot judge.
    Unbound {
        /// It: a place in the shape.
        component: u32,
        /// Why.
        reason: UnboundReason,
    },
}

/// A shape's readings by component, in their order.
pub(super) struct Parts<'a>(Vec<Part<'a>>);

struct Part<'a> {
    place: u32,
    component: &'a Component,
    readings: Vec<(u32, &'a ReadingShape)>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(shape: &'a Shape) -> Self {
        let mut parts: Vec<Part<'a>> = (0..u32::MAX)
            .zip(&shape.components)
            .map(|(place, component)| Part { place, component, readings: Vec::new() })
            .collect();
        for (slot, reading) in (0..u32::MAX).zip(shape.readings.iter()) {
            if let Some(part) = parts.get_mut(reading.component as usize) {
                part.readings.push((slot, reading));
            }
        }
        parts.retain(|it| !it.readings.is_empty());
        Self(parts)
    }

    /// Whether it is known what there is.
    pub(super) fn is_learnt(&self) -> bool {
        self.components().any(is_object)
    }

    pub(super) fn components(&self) -> impl Iterator<Item = &'a Component> {
        self.0.iter().map(|it| it.component)
    }
}

/// Whether it is more than what stands for an inventory before its first snapshot.
fn is_object(component: &Component) -> bool {
    component.kind != ComponentKind::Inventory
}

/// Finds what a rule is about on a device that its selection fits.
pub(super) fn select(
    rule: &Rule,
    source: &Source,
    parts: &Parts<'_>,
    device_ratings: &[(ComponentKind, Ratings)],
    mut found: impl FnMut(Found),
) {
    if let Measure::Reachability { .. } = rule.trigger.measure {
        return;
    }
    for Part { place, component, readings } in &parts.0 {
        if !rule.wants(source, component) {
            continue;
        }
        let outcome = match rule.trigger.measure {
            Measure::Value(quantity) | Measure::Presence(quantity) => main_reading(rule, quantity, readings)
                .map(|slots| slots.into_iter().map(|slot| (slot, None)).collect()),
            Measure::PercentOfRated => {
                percent(rule, readings, &Rated { rule, component, device: device_ratings })
            }
            Measure::Health | Measure::Meaning(_) => Ok(states(rule, readings)),
            Measure::Reachability { .. } => Ok(Vec::new()),
        };
        match outcome.and_then(|it| often_enough(rule, source, it)) {
            Ok(slots) => slots.into_iter().for_each(|(slot, rated)| found(Found::Reading { slot, rated })),
            Err(reason) => found(Found::Unbound { component: *place, reason }),
        }
    }
}

/// A rate of change cannot be told from polls that are further apart than what it is measured over.
fn often_enough<T>(rule: &Rule, source: &Source, slots: Vec<T>) -> Result<Vec<T>, UnboundReason> {
    match rule.rate {
        Some(Rate { over, .. }) if over < source.interval && !slots.is_empty() => {
            Err(UnboundReason::PolledTooSeldom { interval: source.interval, over })
        }
        _ => Ok(slots),
    }
}

/// The readings of a quantity: those that the rule names, else the main one, else the only one.
fn main_reading(
    rule: &Rule,
    quantity: Quantity,
    readings: &[(u32, &ReadingShape)],
) -> Result<Vec<u32>, UnboundReason> {
    let of_quantity = || readings.iter().filter(|(_, it)| it.quantity == quantity);
    let called = |name: &str| of_quantity().find(|(_, it)| *it.name == *name).map(|(slot, _)| *slot);
    if let ReadingName::Only(name) = rule.trigger.reading {
        return Ok(called(name).into_iter().collect());
    }
    if !rule.names.is_empty() {
        let named = of_quantity().filter(|(_, it)| rule.names.iter().any(|name| name.matches(&it.name)));
        return Ok(named.map(|(slot, _)| *slot).collect());
    }
    if let ReadingName::Rather(name) = rule.trigger.reading
        && let Some(slot) = called(name)
    {
        return Ok(vec![slot]);
    }
    if let Some((slot, _)) = of_quantity().find(|(_, it)| it.name.is_empty()) {
        return Ok(vec![*slot]);
    }
    let present = || of_quantity().filter(|(_, it)| !NOT_THE_PRESENT.contains(&&*it.name));
    if 1 < present().count() {
        let names = of_quantity().map(|(_, it)| it.name.clone()).collect();
        return Err(UnboundReason::SeveralNames { names });
    }
    Ok(present().map(|(slot, _)| *slot).collect())
}

/// Names of readings that never stand for the main one: what was, and what is allowed.
const NOT_THE_PRESENT: [&str; 5] = ["peak", "minimum", "maximum", "rated", "resettable"];

/// The readings with what they are a percentage of: current if it is rated, else power.
fn percent(
    rule: &Rule,
    readings: &[(u32, &ReadingShape)],
    rated: &Rated<'_>,
) -> Result<Vec<(u32, Option<f64>)>, UnboundReason> {
    let mut wanting = None;
    for quantity in [Quantity::Current, Quantity::ApparentPower, Quantity::ActivePower] {
        match (main_reading(rule, quantity, readings), rated.of(quantity)) {
            (Ok(slots), _) if slots.is_empty() => (),
            (Ok(slots), Some(rated)) => {
                return Ok(slots.into_iter().map(|slot| (slot, Some(rated))).collect());
            }
            (Ok(_), None) => wanting = wanting.or(Some(UnboundReason::NoRating { quantity })),
            (Err(reason), _) => wanting = wanting.or(Some(reason)),
        }
    }
    wanting.map_or(Ok(Vec::new()), Err)
}

/// The states that can say what the rule asks for at all.
fn states(rule: &Rule, readings: &[(u32, &ReadingShape)]) -> Vec<(u32, Option<f64>)> {
    readings
        .iter()
        .filter(|(_, it)| rule.names.is_empty() || rule.names.iter().any(|name| name.matches(&it.name)))
        .filter(|(_, it)| {
            let mut states = it.states.iter().flat_map(|table| table.values.values());
            match rule.trigger.measure {
                Measure::Meaning(meaning) => states.any(|state| state.meanings.contains(&meaning)),
                Measure::Health => states.any(|state| Health::Warning <= state.health),
                Measure::Value(_)
                | Measure::PercentOfRated
                | Measure::Presence(_)
                | Measure::Reachability { .. } => false,
            }
        })
        .map(|(slot, _)| (*slot, None))
        .collect()
}

/// A component's ratings: what the rule says goes before what the device's config says, and that
/// before what the agent says.
struct Rated<'a> {
    rule: &'a Rule,
    component: &'a Component,
    device: &'a [(ComponentKind, Ratings)],
}

impl Rated<'_> {
    fn of(&self, quantity: Quantity) -> Option<f64> {
        let pick = |ratings: &Ratings| match quantity {
            Quantity::Current => ratings.current_amperes,
            Quantity::ActivePower => ratings.active_power_watts,
            Quantity::ApparentPower => ratings.apparent_power_volt_amperes,
            _ => None,
        };
        let of_device =
            self.device.iter().filter(|(kind, _)| *kind == self.component.kind).find_map(|(_, it)| pick(it));
        [pick(&self.rule.rated), of_device, pick(&self.component.ratings)]
            .into_iter()
            .flatten()
            .find(|it| it.is_finite() && 0.0 < *it)
    }
}
