//! Makes a [`Plan`] from a profile and the cells that were learnt.

use super::definition::{Block, Reading};
use super::describe::{LabelRank, default_label, label, rate};
use super::draft::{DraftReading, DraftRule, number_rule};
use super::learned::Learned;
use super::lookup::{ObjectRef, Row};
use super::matcher::SystemGroup;
use super::physics::{Plausible, Triple};
use super::plan::{Decoder, Decoders, Origin, Plan, Warnings};
use super::template::{dotted, shown};
use super::thresholds::DeviceThresholds;
use super::{Profile, order};
use crate::model::{
    Component, ComponentKind, Identity, Labels, Oid, Quantity, Ratings, ReadingShape, Shape, Value,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Profile {
    /// What to ask this device from now on.
    #[must_use]
    pub fn compile(&self, learned: &Learned, system: &SystemGroup) -> Plan {
        let mut draft = Draft::new(learned);
        let mut yielding = Vec::new();
        for generation in &self.generations {
            for block in generation {
                if block.unless.iter().any(|it| it.cells(learned).next().is_some()) {
                    yielding.push(block);
                } else {
                    draft.add_block(block);
                }
            }
            draft.generation += 1;
        }
        draft.yields = true;
        yielding.into_iter().for_each(|block| draft.add_block(block));
        let Finished { cells, shape, decoders, origins, thresholds, row_counts, warnings } = draft.finish();
        let kind = |at: u32| shape.components.get(at as usize).map_or(ComponentKind::Device, |it| it.kind);
        let triples = Triple::of_readings(&shape.readings, kind);
        Plan {
            profile: Arc::clone(&self.name),
            identity: self.identify(learned, system),
            cells: cells.into(),
            shape: Arc::new(shape),
            warnings,
            origins: origins.into(),
            thresholds: thresholds.into(),
            decoders: Arc::new(Decoders::new(decoders, triples)),
            row_counts: row_counts.into(),
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
            model: first(&self.identity.model).unwrap_or_else(|| match &self.identity.model_otherwise {
                Some(otherwise) if system.model().is_empty() => otherwise.clone(),
                _ => system.model().to_owned(),
            }),
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
    /// 0 for the profile's own tables, more for each ancestor's.
    generation: usize,
    /// Whether better tables were found: rows then only say where else a reading stands.
    yields: bool,
    components: Vec<(Component, LabelRank)>,
    places: HashMap<(ComponentKind, Arc<str>), usize>,
    readings: Vec<DraftReading>,
    taken: HashMap<(usize, Quantity, Box<str>), usize>,
    warnings: Warnings,
}

impl<'a> Draft<'a> {
    fn new(learned: &'a Learned) -> Self {
        Self {
            learned,
            generation: 0,
            yields: false,
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
        if self.yields {
            return self.note_yielded(block, reading, row, source);
        }
        let component = self.component(block, row);
        let rule = self.rule(reading, row);
        let works = reading.state_wire.is_some()
            || reading.scaling.wire(value).is_ok() && !matches!(rule, DraftRule::NoScale);
        let valid = reading.valid.as_ref().and_then(|it| {
            let (oid, _) = it.lookup.find(self.learned, row)?;
            Some((oid, it.test.clone()))
        });
        let made = DraftReading {
            generation: self.generation,
            component,
            quantity: reading.quantity,
            name: reading.name.clone(),
            source: source.clone(),
            states: reading.states.clone(),
            state_wire: reading.state_wire.clone(),
            counts_rows: reading.counts_rows,
            scaling: Arc::clone(&reading.scaling),
            valid,
            plausible: Plausible::for_reading(
                block.kind,
                reading.quantity,
                &reading.name,
                block.direct_current,
            ),
            rule,
            place: reading.place.clone(),
            also: self.also(reading, row),
            thresholds: reading
                .thresholds
                .as_ref()
                .and_then(|it| it.read(&reading.scaling, self.learned, row)),
            works,
        };
        let key = (component, reading.quantity, reading.name.clone());
        let Some(&before) = self.taken.get(&key) else {
            self.taken.insert(key, self.readings.len());
            self.readings.push(made);
            return;
        };
        let Some(kept) = self.readings.get_mut(before) else { return };
        // An ancestor's table yields by design, and so does another reading of the same cell.
        let by_design = kept.generation != made.generation || kept.source == made.source;
        // The earlier block is the better one, unless its cell says "not supported" here.
        let dropped = if made.works && !kept.works { std::mem::replace(kept, made) } else { made };
        kept.note_also(std::iter::once(dropped.source.clone()).chain(dropped.also));
        if !by_design {
            self.warnings.duplicates += 1;
            let (dropped, kept) = (&dropped.source, &kept.source);
            self.warnings.note(|| format!("{dropped} is left out: {kept} is the same reading"));
        }
    }

    /// The other cells that the profile names for a reading, as far as the agent has them.
    fn also(&self, reading: &Reading, row: Row<'_>) -> Vec<Oid> {
        reading.also.iter().filter_map(|it| Some(it.find(self.learned, row)?.0)).collect()
    }

    /// A row of a table that yields to a better one: its cell stands beside the better reading.
    fn note_yielded(&mut self, block: &Block, reading: &Reading, row: Row<'_>, source: &Oid) {
        let index = block.better_index.as_ref().unwrap_or(&block.index);
        let index: Arc<str> = index.fill(self.learned, row).unwrap_or_else(|| dotted(row.instance)).into();
        let Some(component) = self.places.get(&(block.kind, index)) else { return };
        let key = (*component, reading.quantity, reading.name.clone());
        let also = self.also(reading, row);
        if let Some(kept) = self.taken.get(&key).and_then(|at| self.readings.get_mut(*at)) {
            kept.note_also(std::iter::once(source.clone()).chain(also));
        }
    }

    /// The component of a row, made or completed.
    fn component(&mut self, block: &Block, row: Row<'_>) -> usize {
        let index: Arc<str> =
            block.index.fill(self.learned, row).unwrap_or_else(|| dotted(row.instance)).into();
        let key = (block.kind, index.clone());
        let place = *self.places.entry(key).or_insert_with(|| {
            let component = Component {
                kind: block.kind,
                label: default_label(block.kind, &index).into(),
                index,
                ratings: Ratings::default(),
                labels: Labels::default(),
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
    fn finish(mut self) -> Finished {
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
        let sources: HashSet<Oid> = self.readings.iter().map(|it| it.source.clone()).collect();
        let (mut readings, mut decoders, mut origins) = (Vec::new(), Vec::new(), Vec::new());
        let (mut thresholds, mut row_counts) = (Vec::new(), Vec::new());
        for reading in self.readings {
            let (Some(decoder), Ok(component)) = (reading.decoder(number), u32::try_from(reading.component))
            else {
                continue;
            };
            decoders.push(decoder);
            row_counts.extend(u32::try_from(readings.len()).ok().filter(|_| reading.counts_rows));
            thresholds.extend(reading.thresholds.map(|it| (readings.len(), it)));
            // A cell that is read as something else is not the same reading, whatever yields to what.
            let also = reading.also.into_iter().filter(|it| !sources.contains(it)).collect();
            origins.push(Origin { also, place: reading.place });
            readings.push(ReadingShape {
                component,
                quantity: reading.quantity,
                name: reading.name,
                source: reading.source.into(),
                states: reading.states,
            });
        }
        let mut components: Vec<Option<Component>> =
            self.components.into_iter().map(|(it, _)| Some(it)).collect();
        let mut ordered = Vec::with_capacity(order.len());
        ordered.extend(order.into_iter().filter_map(|at| components.get_mut(at)?.take()));
        let shape = Shape { components: ordered, readings: readings.into() };
        Finished { cells, shape, decoders, origins, thresholds, row_counts, warnings: self.warnings }
    }
}

/// What a draft comes to.
struct Finished {
    cells: Vec<Oid>,
    shape: Shape,
    decoders: Vec<Decoder>,
    origins: Vec<Origin>,
    thresholds: Vec<(usize, DeviceThresholds)>,
    row_counts: Vec<u32>,
    warnings: Warnings,
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
