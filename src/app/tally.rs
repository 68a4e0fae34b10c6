//! What each rule is bound to, over the whole fleet: kept while devices are bound, so that telling it
//! costs nothing. Pipelines on several threads count; the API reads.

use crate::alert::DeviceAlerts;
use crate::rules::{RuleBindings, Ruleset, Unbound};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// By rule, in the ruleset's order.
pub(super) struct Tally {
    rules: Vec<Counts>,
    /// Devices and inventories that have been bound under these rules.
    bound: AtomicUsize,
}

#[derive(Default)]
struct Counts {
    devices: AtomicUsize,
    unlearnt: AtomicUsize,
    bound: AtomicUsize,
    unbound: AtomicUsize,
    /// What cannot be judged, with its device: some of it.
    examples: Mutex<Vec<(Arc<str>, Unbound)>>,
}

impl Tally {
    pub(super) fn new(ruleset: &Ruleset) -> Self {
        let rules = ruleset.rules().iter().map(|_| Counts::default()).collect();
        Self { rules, bound: AtomicUsize::new(0) }
    }

    /// Counts a device in that is bound now; returns how many have been.
    pub(super) fn add(&self, alerts: &DeviceAlerts) -> usize {
        for (at, bindings) in alerts.bindings_by_rule() {
            let Some(counts) = self.rules.get(at as usize) else { continue };
            counts.each(&bindings, |count, by| _ = count.fetch_add(by, Ordering::Relaxed));
            if bindings.unbound != 0 {
                let mut examples = counts.examples.lock().unwrap_or_else(PoisonError::into_inner);
                let room = RuleBindings::EXAMPLES_MAX.saturating_sub(examples.len());
                let device = alerts.device();
                examples.extend(bindings.examples.into_iter().take(room).map(|it| (Arc::clone(device), it)));
            }
        }
        self.bound.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Counts a device out that was counted in as it is bound now.
    pub(super) fn remove(&self, alerts: &DeviceAlerts) {
        for (at, bindings) in alerts.bindings_by_rule() {
            let Some(counts) = self.rules.get(at as usize) else { continue };
            counts.each(&bindings, |count, by| _ = count.fetch_sub(by, Ordering::Relaxed));
            if bindings.unbound != 0 {
                let mut examples = counts.examples.lock().unwrap_or_else(PoisonError::into_inner);
                examples.retain(|(device, _)| device != alerts.device());
            }
        }
        self.bound.fetch_sub(1, Ordering::AcqRel);
    }

    /// What each rule is bound to now.
    pub(super) fn list(&self, ruleset: &Ruleset) -> Vec<RuleBindings> {
        let rules = ruleset.rules().iter().zip(&self.rules);
        rules
            .map(|(compiled, counts)| {
                let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
                let examples = counts.examples.lock().unwrap_or_else(PoisonError::into_inner);
                RuleBindings {
                    devices: read(&counts.devices),
                    unlearnt: read(&counts.unlearnt),
                    bound: read(&counts.bound),
                    unbound: read(&counts.unbound),
                    examples: examples.iter().map(|(_, it)| it.clone()).collect(),
                    ..RuleBindings::of(&compiled.rule)
                }
            })
            .collect()
    }
}

impl Counts {
    fn each(&self, bindings: &RuleBindings, change: impl Fn(&AtomicUsize, usize)) {
        change(&self.devices, bindings.devices);
        change(&self.unlearnt, bindings.unlearnt);
        change(&self.bound, bindings.bound);
        change(&self.unbound, bindings.unbound);
    }
}
