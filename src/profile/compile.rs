//! Makes a [`Plan`] from a profile and the cells that were learnt.

use super::definition::{Block, Rating, Reading};
use super::learned::Learned;
use super::lookup::{ObjectRef, Row, Test};
use super::matcher::SystemGroup;
use super::plan::{Decoder, Plan, Polled, Rule, Valid, Warnings};
use super::scaling::{Linear, ScaleFrom, Scaling, UnitFrom};
use super::template::{dotted, shown};
use super::{Profile, order};
use crate::model::{
    Component, ComponentKind, Identity, Missing, Oid, Quantity, Ratings, ReadingShape, Shape, Value,
};
use std::collections::HashMap;
use std::sync::Arc;

impl Profile {
    /// What to ask this device from now on.
    #[must_use]
    pub fn compile(&self, learned: &Learned, system: &SystemGroup) -> Plan {
        let mut draft = Draft::new(learned);
        for block in &self.blocks {
            if !block.unless.iter().any(|it| it.cells(learned).next().is_some()) {
                draft.add_block(block);
            }
        }
        let (cells, shape, decoders, warnings) = draft.finish();
        Plan {
            profile: Arc::clone(&self.name),
            identity: self.identify(learned, system),
            cells,
            shape: Arc::new(shape),
            warnings,
            decoders,
        }
    }

    fn identify(&self, learned: &Learned, system: &SystemGroup) -> Identity {
        let first = |objects: &[ObjectRef]| {
            let texts = objects.iter().flat_map(|object| {
                object.cells(learned).filter_map(|(_, value)| shown(object, value)).find(|it| !it.is_empty())
            });
            texts.into_iter().next()
        };
        Identity {
            vendor: first(&self.identity.vendor).unwrap_or_else(|| self.vendor.clone()),
            model: first(&self.identity.model).unwrap_or_default(),
            serial: first(&self.identity.serial).unwrap_or_default(),
            firmware: first(&self.identity.firmware).unwrap_or_default(),
            sys_object_id: system.sys_object_id.clone(),
            sys_descr: system.sys_descr.clone(),
            sys_name: system.sys_name.clone(),
        }
    }
}

/// A plan in the making: cells by OID, components in the order of their finding.
struct Draft<'a> {
    learned: &'a Learned,
    components: Vec<(Component, LabelRank)>,
    places: HashMap<(ComponentKind, Box<str>), usize>,
    readings: Vec<DraftReading>,
    taken: HashMap<(usize, Quantity, Box<str>), usize>,
    warnings: Warnings,
}

/// How good a component's label is; a better one of a later block replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LabelRank {
    Default,
    Constant,
    FromAgent,
}

struct DraftReading {
    component: usize,
    quantity: Quantity,
    name: Box<str>,
    source: Oid,
    states: Option<Arc<crate::model::StateTable>>,
    scaling: Arc<Scaling>,
    valid: Option<(Oid, Test)>,
    rule: DraftRule,
    /// Whether the learnt value was a measurement.
    works: bool,
}

enum DraftRule {
    Number(Linear),
    State,
    Polled(Box<DraftPolled>),
    NoScale,
}

struct DraftPolled {
    linear: Linear,
    scale: Option<(Oid, ScaleFrom)>,
    unit: Option<(Oid, UnitFrom)>,
}

impl<'a> Draft<'a> {
    fn new(learned: &'a Learned) -> Self {
        Self {
            learned,
            components: Vec::new(),
            places: HashMap::new(),
            readings: Vec::new(),
            taken: HashMap::new(),
            warnings: Warnings::default(),
        }
    }

    fn add_block(&mut self, block: &Block) {
        for reading in &block.readings {
            let pattern = reading.pattern.as_ref().unwrap_or(&block.pattern);
            let learned = self.learned;
            for (source, value) in reading.object.cells(learned) {
                let Some(instance) = source.strip_prefix(&reading.object.root) else { continue };
                let Some(starred) = pattern.starred(instance) else { continue };
                let row = Row { instance, starred: &starred };
                if block.when.iter().chain(&reading.when).all(|it| it.held(learned, row)) {
                    self.add_reading(block, reading, row, &source, value);
                }
            }
        }
    }

    fn add_reading(&mut self, block: &Block, reading: &Reading, row: Row<'_>, source: &Oid, value: &Value) {
        if READINGS_MAX <= self.readings.len() {
            self.warnings.over_limit += 1;
            return;
        }
        let component = self.component(block, row);
        let rule = self.rule(reading, row);
        let works = reading.scaling.wire(value).is_ok() && !matches!(rule, DraftRule::NoScale);
        let valid = reading.valid.as_ref().and_then(|it| {
            let (oid, _) = it.lookup.find(self.learned, row)?;
            Some((oid, it.test.clone()))
        });
        let made = DraftReading {
            component,
            quantity: reading.quantity,
            name: reading.name.clone(),
            source: source.clone(),
            states: reading.states.clone(),
            scaling: Arc::clone(&reading.scaling),
            valid,
            rule,
            works,
        };
        let key = (component, reading.quantity, reading.name.clone());
        let Some(&before) = self.taken.get(&key) else {
            self.taken.insert(key, self.readings.len());
            self.readings.push(made);
            return;
        };
        let Some(kept) = self.readings.get_mut(before) else { return };
        // The earlier block is the better one, unless its cell says "not supported" here.
        let (kept_source, dropped) = if made.works && !kept.works {
            (source.clone(), std::mem::replace(kept, made).source)
        } else {
            (kept.source.clone(), source.clone())
        };
        self.warnings.duplicates += 1;
        self.warnings.note(|| format!("{dropped} is left out: {kept_source} is the same reading"));
    }

    /// The component of a row, made or completed.
    fn component(&mut self, block: &Block, row: Row<'_>) -> usize {
        let index: Box<str> =
            block.index.fill(self.learned, row).unwrap_or_else(|| dotted(row.instance)).into();
        let key = (block.kind, index.clone());
        let place = *self.places.entry(key).or_insert_with(|| {
            let component = Component {
                kind: block.kind,
                label: default_label(block.kind, &index).into(),
                index,
                ratings: Ratings::default(),
            };
            self.components.push((component, LabelRank::Default));
            self.components.len() - 1
        });
        if let Some((component, rank)) = self.components.get_mut(place) {
            if let Some((label, better)) = label(block, self.learned, row, *rank) {
                component.label = label.into();
                *rank = better;
            }
            rate(&mut component.ratings, block, self.learned, row);
        }
        place
    }

    fn rule(&mut self, reading: &Reading, row: Row<'_>) -> DraftRule {
        if reading.states.is_some() {
            return DraftRule::State;
        }
        let rule = number_rule(&reading.scaling, self.learned, row);
        if rule.is_none() {
            self.warnings.without_scale += 1;
            let (root, instance) = (&reading.object.root, dotted(row.instance));
            self.warnings.note(|| format!("the agent does not tell the scale or unit of {root}.{instance}"));
        }
        rule.unwrap_or(DraftRule::NoScale)
    }

    /// Orders components and readings as they are shown, and numbers the cells.
    fn finish(mut self) -> (Vec<Oid>, Shape, Box<[Decoder]>, Warnings) {
        let mut order: Vec<usize> = (0..self.components.len()).collect();
        let components = &self.components;
        let key = |at: &usize| components.get(*at).map(|(it, _)| (it.kind, order::natural(&it.index)));
        order.sort_by(|a, b| key(a).cmp(&key(b)));
        let mut rank = vec![0_usize; order.len()];
        for (new, &old) in order.iter().enumerate() {
            if let Some(place) = rank.get_mut(old) {
                *place = new;
            }
        }
        for reading in &mut self.readings {
            reading.component = rank.get(reading.component).copied().unwrap_or(0);
        }
        self.readings
            .sort_by(|a, b| (a.component, a.quantity, &a.name).cmp(&(b.component, b.quantity, &b.name)));
        let mut cells: Vec<Oid> = self.readings.iter().flat_map(DraftReading::cells).cloned().collect();
        cells.sort();
        cells.dedup();
        let number = |oid: &Oid| cells.binary_search(oid).ok().and_then(|it| u32::try_from(it).ok());
        let (mut readings, mut decoders) = (Vec::new(), Vec::new());
        for reading in self.readings {
            let (Some(decoder), Ok(component)) = (reading.decoder(number), u32::try_from(reading.component))
            else {
                continue;
            };
            decoders.push(decoder);
            readings.push(ReadingShape {
                component,
                quantity: reading.quantity,
                name: reading.name,
                source: reading.source,
                states: reading.states,
            });
        }
        let mut components: Vec<Option<Component>> =
            self.components.into_iter().map(|(it, _)| Some(it)).collect();
        let components = order.into_iter().filter_map(|at| components.get_mut(at)?.take()).collect();
        (cells, Shape { components, readings }, decoders.into(), self.warnings)
    }
}

impl DraftReading {
    fn cells(&self) -> impl Iterator<Item = &Oid> {
        let (scale, unit) = match &self.rule {
            DraftRule::Polled(polled) => (polled.scale.as_ref(), polled.unit.as_ref()),
            DraftRule::Number(_) | DraftRule::State | DraftRule::NoScale => (None, None),
        };
        std::iter::once(&self.source)
            .chain(self.valid.iter().map(|it| &it.0))
            .chain(scale.map(|it| &it.0))
            .chain(unit.map(|it| &it.0))
    }

    fn decoder(&self, number: impl Fn(&Oid) -> Option<u32>) -> Option<Decoder> {
        let valid = match &self.valid {
            Some((oid, test)) => Some(Box::new(Valid { cell: number(oid)?, test: test.clone() })),
            None => None,
        };
        let rule = match (&self.rule, &self.states) {
            (DraftRule::Number(linear), _) => Rule::Number(*linear),
            (DraftRule::State, Some(states)) => Rule::State(Arc::clone(states)),
            (DraftRule::State, None) | (DraftRule::NoScale, _) => Rule::NoScale,
            (DraftRule::Polled(polled), _) => Rule::Polled(Box::new(Polled {
                linear: polled.linear,
                scale: polled.scale.as_ref().and_then(|(oid, from)| Some((number(oid)?, from.clone()))),
                unit: polled.unit.as_ref().and_then(|(oid, from)| Some((number(oid)?, from.clone()))),
            })),
        };
        Some(Decoder { cell: number(&self.source)?, valid, scaling: Arc::clone(&self.scaling), rule })
    }
}

/// The rule for a number; `None`: the agent does not tell its scale or unit.
fn number_rule(scaling: &Scaling, learned: &Learned, row: Row<'_>) -> Option<DraftRule> {
    let is_polled = |lookup: &super::lookup::Lookup| {
        lookup.object.is_single().then(|| lookup.find(learned, row)).flatten().map(|(oid, _)| oid)
    };
    let scale = scaling.scale_from.as_ref().and_then(|from| Some((is_polled(&from.lookup)?, from.clone())));
    let unit = scaling.unit_from.as_ref().and_then(|from| Some((is_polled(&from.lookup)?, from.clone())));
    if scale.is_none() && unit.is_none() {
        return scaling.learned(learned, row).map(DraftRule::Number);
    }
    let mut fixed = scaling.clone();
    if scale.is_some() {
        fixed.scale_from = None;
    }
    let linear = if unit.is_some() {
        fixed.learned_in_wire_unit(learned, row)?
    } else {
        fixed.learned(learned, row)?
    };
    Some(DraftRule::Polled(Box::new(DraftPolled { linear, scale, unit })))
}

/// A label better than what the component has.
fn label(block: &Block, learned: &Learned, row: Row<'_>, rank: LabelRank) -> Option<(String, LabelRank)> {
    for template in &block.labels {
        let own =
            if template.objects().next().is_some() { LabelRank::FromAgent } else { LabelRank::Constant };
        if own <= rank {
            continue;
        }
        if let Some(text) = template.fill(learned, row) {
            return Some((text, own));
        }
    }
    None
}

/// `Phase 1`; the one of its kind is just `Device`.
fn default_label(kind: ComponentKind, index: &str) -> String {
    let mut letters = kind.name().chars();
    let head: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let name = format!("{head}{}", letters.as_str());
    if index == "0" { name } else { format!("{name} {index}") }
}

/// Fills in the ratings that are still unknown.
fn rate(ratings: &mut Ratings, block: &Block, learned: &Learned, row: Row<'_>) {
    for (known, specs) in [
        (&mut ratings.current_amperes, &block.rated_current),
        (&mut ratings.active_power_watts, &block.rated_power),
        (&mut ratings.apparent_power_volt_amperes, &block.rated_apparent_power),
    ] {
        if known.is_none() {
            *known = specs.iter().find_map(|it| rating(it, learned, row));
        }
    }
}

fn rating(rating: &Rating, learned: &Learned, row: Row<'_>) -> Option<f64> {
    let number = match rating {
        Rating::Constant(number) => *number,
        Rating::Cell(cell) => {
            let (lookup, scaling) = &**cell;
            let (_, value) = lookup.find(learned, row)?;
            let wire: Result<f64, Missing> = scaling.wire(value);
            scaling.learned(learned, row)?.apply(wire.ok()?)
        }
    };
    (number.is_finite() && 0.0 < number).then_some(number)
}

impl Warnings {
    fn note(&mut self, text: impl FnOnce() -> String) {
        if self.first.len() < WARNINGS_SHOWN {
            self.first.push(text());
        }
    }
}

/// Readings of one device: the largest PDU chains have some thousands; more is a lying agent.
const READINGS_MAX: usize = 20_000;
/// Warnings in words.
const WARNINGS_SHOWN: usize = 8;
