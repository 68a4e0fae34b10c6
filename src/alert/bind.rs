//! Binding: what becomes of a device's alerts when it is learnt anew, when the config changes, and
//! when the process starts with alerts that an earlier one announced.

use super::board::Frozen;
use super::device::{CheckRef, Cold, DeviceAlerts, Hot, Lane, Open, ValueLane};
use super::{AlertKey, OpenAlert, Transition};
use crate::model::{Component, Now, Quantity, ReadingShape, Shape, Source};
use crate::rules::{CompiledRule, Lookup, Measure, Ruleset, UnboundReason};
use std::collections::BTreeMap;
use std::sync::Arc;

impl DeviceAlerts {
    /// Binds rules to a device. Alerts of `previous` and `restored` go on under the same key. Those
    /// whose rule is gone, off or no longer for them end at once; those whose component is gone
    /// stand still for [`Self::GONE_AFTER_POLLS`] complete polls and then end; those that can no
    /// longer be judged stand still. Nothing ends for want of data, and so nothing that was restored
    /// ends by its readings before the device's first complete poll.
    ///
    /// An empty shape is that of a device which has not been learnt: its alerts wait.
    #[must_use]
    pub fn bind(
        ruleset: &Ruleset,
        source: &Arc<Source>,
        shape: &Arc<Shape>,
        previous: Option<Self>,
        restored: Vec<OpenAlert>,
        at: Now,
        out: &mut Vec<Transition>,
    ) -> Self {
        let program = ruleset.bind(source, shape);
        let mut carried: BTreeMap<AlertKey, Open> = BTreeMap::new();
        for alert in restored {
            carried.insert(alert.key().clone(), Open::restored(alert));
        }
        let (mut last, mut retired, mut failures, mut silences) = (at, Vec::new(), 0, 0);
        if let Some(previous) = previous {
            (last, failures, silences) = (previous.last, previous.failures, previous.silences);
            retired = previous.retired;
            carried.extend(previous.open.into_iter().map(|it| (it.facts.key.clone(), it)));
        }
        let mut bound = Self {
            ruleset: ruleset.clone(),
            source: Arc::clone(source),
            shape: Arc::clone(shape),
            above: ValueLane::new(&program.above),
            below: ValueLane::new(&program.below),
            calm: vec![UNSEEN; program.states.len()],
            states: Lane::new(program.states),
            reachability: Lane::new(program.reachability),
            open: Vec::new(),
            retired,
            last,
            failures,
            silences,
            attention: Vec::new(),
        };
        bound.reattach(&mut carried);
        for (key, alert) in carried {
            bound.settle(&key, alert, at, out);
        }
        bound
    }

    /// Gives each carried alert to the check with its key.
    fn reattach(&mut self, carried: &mut BTreeMap<AlertKey, Open>) {
        if carried.is_empty() {
            return;
        }
        for (check, rule, slot) in self.checks() {
            let Some(key) = self.key(rule, slot) else { continue };
            let Some(mut alert) = carried.remove(&key) else { continue };
            alert.check = check;
            alert.gone_polls = 0;
            if let Some(Frozen::Gone | Frozen::NotEvaluable(_)) = alert.frozen {
                alert.stand_still(Frozen::OtherShape);
            }
            self.open.push(alert);
            self.set_open(check, u32::try_from(self.open.len()).unwrap_or(u32::MAX));
        }
    }

    /// All checks with their rule and reading.
    fn checks(&self) -> Vec<(CheckRef, u32, Option<u32>)> {
        let values = |lane: &ValueLane, check: fn(u32) -> CheckRef| {
            let both = (0..u32::MAX).zip(lane.hot.iter().zip(&lane.cold));
            both.map(|(at, (Hot { slot, .. }, Cold { rule, .. }))| (check(at), *rule, Some(*slot)))
                .collect::<Vec<_>>()
        };
        let above = values(&self.above, CheckRef::Above);
        let below = values(&self.below, CheckRef::Below);
        let states =
            (0..).zip(&self.states.checks).map(|(at, it)| (CheckRef::State(at), it.rule, Some(it.slot)));
        let reachability =
            (0..).zip(&self.reachability.checks).map(|(at, it)| (CheckRef::Reachability(at), *it, None));
        above.into_iter().chain(below).chain(states).chain(reachability).collect()
    }

    fn key(&self, rule: u32, slot: Option<u32>) -> Option<AlertKey> {
        let (rule, device) = (&self.ruleset.rule(rule)?.rule.name, &self.source.device);
        let Some(slot) = slot else { return Some(AlertKey::of_device(rule, device)) };
        let reading = self.shape.readings.get(slot as usize)?;
        Some(AlertKey::of_reading(rule, device, self.shape.component_of(reading)?, reading))
    }

    /// What becomes of an alert that no check has: it waits, or it ends.
    fn settle(&mut self, key: &AlertKey, mut alert: Open, at: Now, out: &mut Vec<Transition>) {
        let fate = match alert.fired_at {
            None => Err("never announced"),
            Some(_) => self.fate(key),
        };
        match fate {
            Ok(frozen) => {
                alert.check = CheckRef::Unbound;
                if !self.shape.readings.is_empty() {
                    alert.stand_still(frozen);
                }
                self.open.push(alert);
            }
            Err(reason) => {
                out.extend(alert.ended(at, reason));
                if alert.is_published {
                    self.retired.push(key.clone());
                }
            }
        }
    }

    /// Why it waits, or else why it ends.
    fn fate(&self, key: &AlertKey) -> Result<Frozen, &'static str> {
        let parts = key.parts().ok_or(NO_LONGER)?;
        let compiled = match self.ruleset.find(&parts.rule) {
            Lookup::Rule(it) => it,
            Lookup::Disabled => return Err("rule disabled"),
            Lookup::Removed => return Err("rule removed"),
        };
        let wanted = parts.reading.ok_or(NO_LONGER)?;
        let is_for_it = compiled.rule.selection.fits_device(&self.source.device, &self.source.labels)
            && looks_at(compiled, &wanted.quantity);
        if !is_for_it {
            return Err(NO_LONGER);
        }
        let is_same = |component: &Component, reading: &ReadingShape| {
            component.kind.name() == wanted.kind
                && *component.index == *wanted.index
                && reading.quantity.name() == wanted.quantity
                && *reading.name == *wanted.name
        };
        let mut readings =
            self.shape.readings.iter().filter_map(|it| Some((self.shape.component_of(it)?, it)));
        match readings.find(|(component, reading)| is_same(component, reading)) {
            None => Ok(Frozen::Gone),
            Some((component, _)) => {
                self.unjudged(compiled, component).map(Frozen::NotEvaluable).ok_or(NO_LONGER)
            }
        }
    }

    fn unjudged(&self, compiled: &CompiledRule, component: &Component) -> Option<UnboundReason> {
        self.ruleset.unbound_reason(compiled, &self.source, &self.shape, component)
    }
}

/// Whether the rule can be about that quantity at all.
fn looks_at(compiled: &CompiledRule, quantity: &str) -> bool {
    match compiled.rule.trigger.measure {
        Measure::Value(wanted) => wanted.name() == quantity,
        Measure::PercentOfRated => [Quantity::Current, Quantity::ApparentPower, Quantity::ActivePower]
            .iter()
            .any(|it| it.name() == quantity),
        Measure::Health | Measure::Meaning(_) => quantity == Quantity::State.name(),
        Measure::Reachability { .. } => false,
    }
}

/// The bits of a NaN: no finite number has them.
const UNSEEN: u64 = u64::MAX;
const NO_LONGER: &str = "the rule no longer applies to it";
