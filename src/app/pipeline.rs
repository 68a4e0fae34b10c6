//! From batch to page: what becomes of each poll, on the poll's own thread.
//!
//! Order: the device's alerts are judged, transitions go to the outbox, then the batch is published.
//! Nothing here waits for a disk (unless the outbox's queue is full), a lock that readers hold, or a
//! network. Sketch: 60 readings with 20 rules are some 100 comparisons of 2 ns, and one swap of a
//! pointer in the store.

use super::enrich::{Enrichment, Lent};
use super::resolve::Names;
use crate::alert::{AlertKey, Board, DeviceAlerts, OpenAlert, Transition, TransitionKind};
use crate::model::{Batch, Moment, Now, PollError, Shape, Source};
use crate::notify::outbox::OutboxHandle;
use crate::poller::engines::Engines;
use crate::poller::{Outcome, Sink};
use crate::rules::Ruleset;
use crate::snmp::v3::KeyCache;
use crate::store::{Place, Store};
use crate::telemetry::{alert as alert_events, snmp as events};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What all shards' pipelines share.
pub struct Shared {
    /// Names in DNS, to be looked up anew when devices stop to answer.
    pub names: Arc<Names>,
    /// SNMPv3's keys.
    pub keys: Arc<KeyCache>,
    /// Which device is which SNMPv3 engine.
    pub engines: Arc<Engines>,
    /// The readings.
    pub store: Arc<Store>,
    /// The alerts, for people.
    pub board: Arc<Board>,
    /// Paging.
    pub outbox: OutboxHandle,
    /// The rules in force.
    pub rules: ArcSwap<Ruleset>,
    /// Alerts that went on when the process before ended, by device, until it is bound.
    pub restored: Mutex<HashMap<Arc<str>, Vec<OpenAlert>>>,
    /// Devices whose first poll has ended, well or not.
    pub polled_once: AtomicUsize,
    /// Told of each transition: by the demo, to show it.
    pub observer: Option<Observer>,
    /// What inventories lend to polled devices.
    pub enrichment: ArcSwap<Enrichment>,
}

/// Told of each transition, on the poll's thread: key, kind, and when the deciding datagram came.
pub type Observer = Box<dyn Fn(&AlertKey, TransitionKind, Moment) + Send + Sync>;

impl Shared {
    fn take_restored(&self, device: &str) -> Vec<OpenAlert> {
        let mut restored = self.restored.lock().unwrap_or_else(PoisonError::into_inner);
        restored.remove(device).unwrap_or_default()
    }
}

/// One shard's pipeline.
pub struct Pipeline {
    shared: Arc<Shared>,
    /// By slot.
    devices: Vec<Option<Bound>>,
    /// By slot.
    lent: Vec<Option<Box<Lent>>>,
    transitions: Vec<Transition>,
}

struct Bound {
    /// Whether the last poll went well; `None` before the first.
    is_up: Option<bool>,
    /// Failed polls in a row.
    failures: u32,
    /// In the store.
    place: Place,
    alerts: DeviceAlerts,
    rules: Arc<Ruleset>,
    source: Arc<Source>,
    shape: Arc<Shape>,
}

impl Pipeline {
    /// A pipeline for one shard.
    #[must_use]
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, devices: Vec::new(), lent: Vec::new(), transitions: Vec::new() }
    }

    /// Binds the device's alerts to what it has now and to the rules in force, if they are not.
    fn bind(&mut self, slot: u32, source: &Arc<Source>, shape: &Arc<Shape>, now: Now) {
        let slot = slot as usize;
        if self.devices.len() <= slot {
            self.devices.resize_with(slot + 1, || None);
        }
        let Some(place) = self.devices.get_mut(slot) else { return };
        let rules = self.shared.rules.load();
        let holds = place.as_ref().is_some_and(|it| {
            Arc::ptr_eq(&it.rules, &rules) && Arc::ptr_eq(&it.shape, shape) && Arc::ptr_eq(&it.source, source)
        });
        if holds {
            return;
        }
        let is_up = place.as_ref().and_then(|it| it.is_up);
        let failures = place.as_ref().map_or(0, |it| it.failures);
        let (previous, stored) = match place.take() {
            Some(bound) => (Some(bound.alerts), bound.place),
            None => (None, Place::default()),
        };
        let restored = if previous.is_none() {
            if !source.kind.is_inventory() {
                self.shared.polled_once.fetch_add(1, Ordering::Relaxed);
            }
            self.shared.take_restored(&source.device)
        } else {
            Vec::new()
        };
        let alerts =
            DeviceAlerts::bind(&rules, source, shape, previous, restored, now, &mut self.transitions);
        for report in alerts.bindings().iter().filter(|it| it.unbound != 0) {
            if let Some(complaint) = report.complaint() {
                alert_events::cannot_judge(&report.rule, &source.device, &complaint);
            }
        }
        *place = Some(Bound {
            is_up,
            failures,
            place: stored,
            alerts,
            rules: Arc::clone(&rules),
            source: Arc::clone(source),
            shape: Arc::clone(shape),
        });
    }

    fn hand_over(&mut self, at: Moment) {
        if self.transitions.is_empty() {
            return;
        }
        for transition in &self.transitions {
            let kind = match transition.kind {
                TransitionKind::Trigger => "trigger",
                TransitionKind::Change { .. } => "change",
                TransitionKind::Resolve => "resolve",
            };
            alert_events::transition(kind, transition.severity, &transition.facts.key, &transition.reason);
            if let Some(observe) = &self.shared.observer {
                observe(&transition.facts.key, transition.kind, at);
            }
        }
        self.shared.outbox.submit(std::mem::take(&mut self.transitions));
    }
}

impl Pipeline {
    /// Takes a snapshot of an inventory, or that there is none.
    pub(super) fn snapshot(&mut self, slot: u32, batch: &Batch) {
        self.judge(slot, batch);
    }

    fn judge(&mut self, slot: u32, batch: &Batch) {
        self.bind(slot, &batch.source, &batch.shape, batch.time);
        let Self { shared, devices, transitions, .. } = self;
        let Some(Some(bound)) = devices.get_mut(slot as usize) else { return };
        let is_up = batch.error.is_none();
        if !batch.source.kind.is_inventory() {
            bound.failures = if is_up { 0 } else { bound.failures.saturating_add(1) };
            shared.names.poll_failed(batch.time.moment, &batch.source.device, bound.failures);
            if bound.is_up != Some(is_up) {
                let (source, is_first) = (&batch.source, bound.is_up.is_none());
                events::device_changed(&source.device, &source.address, batch.error.as_ref(), is_first);
            }
        }
        bound.is_up = Some(is_up);
        bound.alerts.evaluate(batch, transitions);
        shared.board.apply(&mut bound.alerts);
        self.hand_over(batch.time.moment);
        if let Some(Some(bound)) = self.devices.get_mut(slot as usize) {
            self.shared.store.publish_at(&mut bound.place, batch);
        }
    }
}

impl Sink for Pipeline {
    fn polled(&mut self, slot: u32, outcome: &Outcome) {
        let batch = &outcome.batch;
        for note in &outcome.notes {
            events::noted(&batch.source.device, note);
        }
        events::poll_ended(batch.error.as_ref().map(PollError::class));
        let at = slot as usize;
        if self.lent.len() <= at {
            self.lent.resize_with(at + 1, || None);
        }
        // What is lent is out of its place while it is judged.
        let mut lent = self.lent.get_mut(at).and_then(Option::take);
        self.judge(slot, Lent::apply(&mut lent, &self.shared.enrichment.load(), batch));
        if let Some(place) = self.lent.get_mut(at) {
            *place = lent;
        }
    }

    fn removed(&mut self, slot: u32, device: &Arc<str>, now: Now) {
        if let Some(bound) = self.devices.get_mut(slot as usize).and_then(Option::take) {
            bound.alerts.remove(now, &mut self.transitions);
        }
        if let Some(place) = self.lent.get_mut(slot as usize) {
            *place = None;
        }
        let restored = self.shared.take_restored(device);
        crate::alert::resolve_removed(restored, now, &mut self.transitions);
        self.shared.board.forget_device(device);
        self.shared.store.remove(device);
        self.hand_over(now.moment);
    }
}
