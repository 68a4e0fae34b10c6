//! From batch to page: what becomes of each poll, on the poll's own thread.
//!
//! Order: the device's alerts are judged, transitions go to the outbox, then the batch is published.
//! Nothing here waits for a disk (unless the outbox's queue is full), a lock that readers hold, or a
//! network. Sketch: 60 readings with 20 rules are some 100 comparisons of 2 ns, and one swap of a
//! pointer in the store.

use super::enrich::{Enrichment, Lent};
use super::groups::{self, Membership};
use super::memory::Waits;
use super::resolve::Names;
use super::restored::Restored;
use super::watch::Watch;
use crate::alert::{AlertKey, Board, DeviceAlerts, Transition, TransitionKind};
use crate::config::Settings;
use crate::model::{Batch, Moment, Now, PollError, Shape, Source, SystemClock};
use crate::notify::outbox::OutboxHandle;
use crate::poller::engines::Engines;
use crate::poller::{Outcome, Sink};
use crate::rules::Ruleset;
use crate::snmp::v3::KeyCache;
use crate::store::{Place, Store, StoreSettings};
use crate::telemetry::{alert as alert_events, snmp as events};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    /// What is watched: rules, groups, links.
    pub(super) watch: ArcSwap<Watch>,
    /// How many devices and inventories are configured: once so many are bound, all is known.
    pub sources: AtomicUsize,
    /// Alerts that went on when the process before ended, by device, until it is bound.
    pub(super) restored: Restored,
    /// The waits of alerts when the process before ended, until their device is bound.
    pub(super) waits: Waits,
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
    /// What pipelines share under these settings, with nothing known yet.
    #[must_use]
    pub fn new(
        settings: &Settings,
        outbox: OutboxHandle,
        clock: SystemClock,
        observer: Option<Observer>,
    ) -> Self {
        Self {
            names: Arc::new(Names::new(clock)),
            keys: Arc::default(),
            engines: Arc::default(),
            store: Arc::new(Store::new(StoreSettings::default())),
            board: Arc::new(Board::new()),
            outbox,
            watch: ArcSwap::from_pointee(Watch::new(settings, None, clock.now())),
            sources: AtomicUsize::new(settings.devices.len() + settings.inventories.len()),
            restored: Restored::default(),
            waits: Waits::read(&settings.state_folder, clock.now().unix),
            polled_once: AtomicUsize::new(0),
            observer,
            enrichment: ArcSwap::default(),
        }
    }

    /// The rules in force.
    #[must_use]
    pub fn ruleset(&self) -> Ruleset {
        self.watch.load().ruleset.clone()
    }

    /// Tells what has happened: log, metrics, observer, outbox.
    pub(super) fn announce(&self, transitions: Vec<Transition>, at: Moment) {
        if transitions.is_empty() {
            return;
        }
        for transition in &transitions {
            let kind = match transition.kind {
                TransitionKind::Trigger => "trigger",
                TransitionKind::Change { .. } => "change",
                TransitionKind::Resolve => "resolve",
            };
            alert_events::transition(kind, transition.severity, &transition.facts.key, &transition.reason);
            if let Some(observe) = &self.observer {
                observe(&transition.facts.key, transition.kind, at);
            }
        }
        self.outbox.submit(transitions);
    }
}

/// How a batch is taken: as a new one, or once more.
type Evaluate = fn(&mut DeviceAlerts, &Batch, &mut Vec<Transition>);

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
    watch: Arc<Watch>,
    groups: Vec<Membership>,
    source: Arc<Source>,
    shape: Arc<Shape>,
}

impl Bound {
    /// Binds a device by what is watched now; what it was bound to before goes on as far as it can.
    fn new(
        shared: &Shared,
        before: Option<Self>,
        watch: Arc<Watch>,
        (source, shape): (&Arc<Source>, &Arc<Shape>),
        now: Now,
        out: &mut Vec<Transition>,
    ) -> Self {
        let is_first = before.is_none();
        let restored = if is_first {
            if !source.kind.is_inventory() {
                shared.polled_once.fetch_add(1, Ordering::Relaxed);
            }
            shared.restored.take(&source.device)
        } else {
            Vec::new()
        };
        let (mut is_up, mut failures, mut place) = (None, 0, Place::default());
        let (mut groups, mut previous) = (Vec::new(), None);
        if let Some(before) = before {
            if Arc::ptr_eq(&before.watch, &watch) {
                watch.tally.remove(&before.alerts);
            }
            (is_up, failures, place) = (before.is_up, before.failures, before.place);
            (groups, previous) = (before.groups, Some(before.alerts));
        }
        let ruleset = &watch.ruleset;
        let mut alerts = DeviceAlerts::bind(ruleset, source, shape, previous, restored, now, out);
        let (own, parent) = watch.links_of(&source.device);
        alerts.set_links(own, parent);
        if is_first {
            alerts.remember(shared.waits.take(&source.device));
        }
        for report in alerts.bindings().iter().filter(|it| it.unbound != 0) {
            if let Some(complaint) = report.complaint() {
                alert_events::cannot_judge(&report.rule, &source.device, &complaint);
            }
        }
        let groups = watch.groups.join(ruleset, source, (alerts.program(), shape), &groups, now);
        if watch.tally.add(&alerts) == shared.sources.load(Ordering::Acquire) {
            watch.groups.sweep(shared, now);
        }
        let (source, shape) = (Arc::clone(source), Arc::clone(shape));
        Self { is_up, failures, place, alerts, watch, groups, source, shape }
    }
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
        let watch = self.shared.watch.load();
        let holds = place.as_ref().is_some_and(|it| {
            Arc::ptr_eq(&it.watch, &watch) && Arc::ptr_eq(&it.shape, shape) && Arc::ptr_eq(&it.source, source)
        });
        if !holds {
            let watch = Arc::clone(&watch);
            let before = place.take();
            let bound = Bound::new(&self.shared, before, watch, (source, shape), now, &mut self.transitions);
            *place = Some(bound);
        }
    }

    fn hand_over(&mut self, at: Moment) {
        if !self.transitions.is_empty() {
            self.shared.announce(std::mem::take(&mut self.transitions), at);
        }
    }
}

impl Pipeline {
    /// Tells integrations that want to know of a change.
    pub(super) fn tell_change(&self, summary: &str) {
        self.shared.outbox.tell_change(summary);
    }

    /// Takes a snapshot of an inventory, or that there is none.
    pub(super) fn snapshot(&mut self, slot: u32, batch: &Batch) {
        self.judge(slot, batch, DeviceAlerts::evaluate);
    }

    /// Takes the last one once more, since other rules are in force.
    pub(super) fn snapshot_again(&mut self, slot: u32, batch: &Batch) {
        self.judge(slot, batch, DeviceAlerts::evaluate_again);
    }

    fn judge(&mut self, slot: u32, batch: &Batch, evaluate: Evaluate) {
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
        if let Some(late) = shared.restored.take_late(&batch.source.device) {
            bound.alerts.complete(late);
        }
        evaluate(&mut bound.alerts, batch, transitions);
        shared.board.apply(&mut bound.alerts);
        for membership in &bound.groups {
            membership.report(batch, shared);
        }
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
        let batch = Lent::apply(&mut lent, &self.shared.enrichment.load(), batch);
        self.judge(slot, batch, DeviceAlerts::evaluate);
        if let Some(place) = self.lent.get_mut(at) {
            *place = lent;
        }
    }

    fn removed(&mut self, slot: u32, device: &Arc<str>, now: Now) {
        if let Some(bound) = self.devices.get_mut(slot as usize).and_then(Option::take) {
            groups::leave(&bound.groups, device);
            bound.watch.tally.remove(&bound.alerts);
            bound.alerts.remove(now, &mut self.transitions);
        }
        if let Some(place) = self.lent.get_mut(slot as usize) {
            *place = None;
        }
        let restored = self.shared.restored.forget(device);
        crate::alert::resolve_removed(restored, now, &mut self.transitions);
        self.shared.board.forget_device(device);
        self.shared.store.remove(device);
        self.hand_over(now.moment);
    }
}
