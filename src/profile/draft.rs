//! A reading in the making: its cells are still OIDs, not places in the plan.

use super::definition::Place;
use super::learned::Learned;
use super::lookup::{Lookup, Row, Test};
use super::physics::Plausible;
use super::plan::{Decoder, Polled, Rule, Valid};
use super::scaling::{Linear, ScaleFrom, Scaling, UnitFrom};
use super::state_wire::StateWire;
use super::thresholds::DeviceThresholds;
use crate::model::{Oid, Quantity, StateTable};
use std::sync::Arc;

/// A reading that was found.
pub(super) struct DraftReading {
    /// Whose table it is: 0 for the profile's own, more for an ancestor's.
    pub(super) generation: usize,
    pub(super) component: usize,
    pub(super) quantity: Quantity,
    pub(super) name: Box<str>,
    pub(super) source: Oid,
    pub(super) states: Option<Arc<StateTable>>,
    pub(super) state_wire: Option<Arc<StateWire>>,
    /// Whether a change of it says that tables have other rows.
    pub(super) counts_rows: bool,
    pub(super) scaling: Arc<Scaling>,
    pub(super) valid: Option<(Oid, Test)>,
    pub(super) plausible: Plausible,
    pub(super) rule: DraftRule,
    pub(super) place: Place,
    /// Other cells that carry it too.
    pub(super) also: Vec<Oid>,
    /// What is set in the device for it.
    pub(super) thresholds: Option<DeviceThresholds>,
    /// Whether the learnt value was a measurement.
    pub(super) works: bool,
}

pub(super) enum DraftRule {
    Number(Linear),
    State,
    Polled(Box<DraftPolled>),
    NoScale,
}

pub(super) struct DraftPolled {
    pub(super) linear: Linear,
    pub(super) scale: Option<(Oid, ScaleFrom)>,
    pub(super) unit: Option<(Oid, UnitFrom)>,
}

impl DraftReading {
    /// Notes other cells with the same reading.
    pub(super) fn note_also(&mut self, cells: impl IntoIterator<Item = Oid>) {
        for cell in cells {
            if cell != self.source && !self.also.contains(&cell) {
                self.also.push(cell);
            }
        }
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = &Oid> {
        let (scale, unit) = match &self.rule {
            DraftRule::Polled(polled) => (polled.scale.as_ref(), polled.unit.as_ref()),
            DraftRule::Number(_) | DraftRule::State | DraftRule::NoScale => (None, None),
        };
        std::iter::once(&self.source)
            .chain(self.valid.iter().map(|it| &it.0))
            .chain(scale.map(|it| &it.0))
            .chain(unit.map(|it| &it.0))
    }

    pub(super) fn decoder(&self, number: impl Fn(&Oid) -> Option<u32>) -> Option<Decoder> {
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
        Some(Decoder {
            cell: number(&self.source)?,
            valid,
            state_wire: self.state_wire.clone(),
            scaling: Arc::clone(&self.scaling),
            plausible: self.plausible,
            rule,
        })
    }
}

/// The rule for a number; `None`: the agent does not tell its scale or unit.
pub(super) fn number_rule(scaling: &Scaling, learned: &Learned, row: Row<'_>) -> Option<DraftRule> {
    let is_polled = |lookup: &Lookup| {
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
