//! Binding: what becomes of a device's alerts when it is learnt anew, when the config changes, and
//! when the process starts with alerts that an earlier one announced.

use super::board::Frozen;
use super::device::{DeviceAlerts, Reach};
use super::opens::{Open, Opens};
use super::side::Window;
use super::{AlertFacts, AlertKey, OpenAlert, Transition};
use crate::model::{ComponentKind, Now, Quantity, Shape, Source};
use crate::rules::{CompiledRule, Lookup, Measure, Ruleset};
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
        let mut carried: BTreeMap<AlertKey, Open> = BTreeMap::new();
        for mut alert in restored {
            if alert.is_bare {
                // Receivers that know alerts by their labels are to know its end.
                let labels = source.labels.clone();
                let (address, device) = (source.address.clone(), Arc::clone(&source.device));
                alert.facts = Arc::new(AlertFacts { labels, address, device, ..(*alert.facts).clone() });
            }
            carried.insert(alert.key().clone(), Open::restored(alert));
        }
        let (mut last, mut opens, mut reach, mut is_polled) = (at, Opens::default(), Reach::default(), false);
        let mut windows = BTreeMap::new();
        if let Some(previous) = previous {
            windows = previous.windows_by_key();
            (last, reach, is_polled) = (previous.last, previous.reach, previous.is_polled);
            let (after, alerts) = Opens::after(previous.opens);
            opens = after;
            carried.extend(alerts.into_iter().map(|it| (it.facts.key.clone(), it)));
        }
        let mut bound = Self {
            ruleset: ruleset.clone(),
            program: ruleset.bind(source, shape),
            source: Arc::clone(source),
            shape: Arc::clone(shape),
            opens,
            windows: BTreeMap::new(),
            last,
            reach,
            is_polled,
            attention: Vec::new(),
        };
        bound.reattach(&mut carried, &mut windows);
        for (key, alert) in carried {
            bound.settle(&key, alert, at, out);
        }
        bound
    }

    /// The histories for rates of change, by the alert that they may lead to.
    fn windows_by_key(&self) -> BTreeMap<AlertKey, Window> {
        let by_key = self.windows.iter().filter_map(|(at, window)| {
            let rule = self.program.checks.get(*at as usize)?.rule;
            Some((self.key(rule, self.program.slot_of(*at))?, window.clone()))
        });
        by_key.collect()
    }

    /// Gives each carried alert and history to the check with its key.
    fn reattach(&mut self, carried: &mut BTreeMap<AlertKey, Open>, windows: &mut BTreeMap<AlertKey, Window>) {
        if carried.is_empty() && windows.is_empty() {
            return;
        }
        for (at, check) in (0..u32::MAX).zip(&self.program.checks) {
            let Some(key) = self.key(check.rule, self.program.slot_of(at)) else { continue };
            let is_rate = self.ruleset.rule(check.rule).is_some_and(|it| it.rule.rate.is_some());
            if let Some(window) = windows.remove(&key).filter(|_| is_rate) {
                self.windows.insert(at, window);
            }
            let Some(mut alert) = carried.remove(&key) else { continue };
            alert.check = Some(at);
            alert.gone_polls = 0;
            if let Some(Frozen::Gone | Frozen::NotEvaluable(_)) = alert.frozen {
                alert.stand_still(Frozen::OtherShape);
            }
            self.opens.add(&self.program, alert);
        }
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
                alert.check = None;
                if self.is_learnt() {
                    alert.stand_still(frozen);
                }
                self.opens.add(&self.program, alert);
            }
            Err(reason) => {
                out.extend(alert.ended(at, reason));
                if alert.is_published {
                    self.opens.retired.push(key.clone());
                }
            }
        }
    }

    /// Whether it is known what there is; of an inventory, once it has been read.
    fn is_learnt(&self) -> bool {
        self.shape.components.iter().any(|it| it.kind != ComponentKind::Inventory)
            && !self.shape.readings.is_empty()
    }

    /// Why it waits, or else why it ends.
    fn fate(&self, key: &AlertKey) -> Result<Frozen, &'static str> {
        let parts = key.parts().ok_or(NO_LONGER)?;
        let (at, compiled) = match self.ruleset.find(&parts.rule) {
            Lookup::Rule(at, it) => (at, it),
            Lookup::Disabled => return Err("rule disabled"),
            Lookup::Removed => return Err("rule removed"),
        };
        let wanted = parts.reading.ok_or(NO_LONGER)?;
        if !compiled.rule.is_for(&self.source) || !looks_at(compiled, &wanted.quantity) {
            return Err(NO_LONGER);
        }
        let reading = self
            .shape
            .readings
            .iter()
            .find(|it| self.shape.component_of(it).is_some_and(|component| wanted.is(component, it)));
        match reading {
            None => Ok(Frozen::Gone),
            Some(reading) => match self.program.unbound_reason(at, reading.component) {
                Some(reason) => Ok(Frozen::NotEvaluable(reason.clone())),
                None => Err(NO_LONGER),
            },
        }
    }
}

/// Whether the rule can be about that quantity at all.
fn looks_at(compiled: &CompiledRule, quantity: &str) -> bool {
    match compiled.rule.trigger.measure {
        Measure::Value(wanted) | Measure::Presence(wanted) => wanted.name() == quantity,
        Measure::PercentOfRated => [Quantity::Current, Quantity::ApparentPower, Quantity::ActivePower]
            .iter()
            .any(|it| it.name() == quantity),
        Measure::Health | Measure::Meaning(_) => quantity == Quantity::State.name(),
        Measure::Reachability { .. } => false,
    }
}

const NO_LONGER: &str = "the rule no longer applies to it";
