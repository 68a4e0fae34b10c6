//! Rules without a network: readings in, transitions out. What `rules test`, `rules replay` and
//! `rules explain --poll` share.
//!
//! * [`Trial`] (pure): devices under a ruleset, polled by hand; the same life cycle as the daemon's;
//! * [`suite`]: unit tests of rules, read from TOML and judged;
//! * [`series`]: how a test writes its readings.
//!
//! Nothing here pages, keeps state or reads a clock.

pub mod series;
pub mod suite;

use crate::alert::{Board, DeviceAlerts, Group, Link, Seat, Transition};
use crate::model::{Batch, Moment, Source};
use crate::rules::{GroupValues, Ruleset};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

/// Devices under rules.
pub struct Trial {
    ruleset: Ruleset,
    /// Places of the rules that judge readings together.
    group_rules: Vec<u32>,
    devices: HashMap<Arc<str>, Device>,
    groups: BTreeMap<(u32, GroupValues), Group>,
    links: HashMap<Arc<str>, Arc<Link>>,
    parents: BTreeMap<Arc<str>, Arc<str>>,
    board: Board,
}

struct Device {
    alerts: DeviceAlerts,
    last: Batch,
    seats: Vec<((u32, GroupValues), Vec<Seat>)>,
}

impl Trial {
    /// These sources will be polled; `parents` says which hangs on which (there are no circles).
    #[must_use]
    pub fn new(ruleset: Ruleset, sources: &[Arc<Source>], parents: BTreeMap<Arc<str>, Arc<str>>) -> Self {
        let count = u32::try_from(ruleset.rules().len()).unwrap_or(u32::MAX);
        let is_group = |at: &u32| ruleset.rule(*at).is_some_and(|it| it.rule.group.is_some());
        let mut trial = Self {
            group_rules: (0..count).filter(is_group).collect(),
            ruleset,
            devices: HashMap::new(),
            groups: BTreeMap::new(),
            links: HashMap::new(),
            parents,
            board: Board::new(),
        };
        for parent in trial.parents.values().cloned().collect::<Vec<_>>() {
            trial.link(&parent, sources, 0);
        }
        for source in sources {
            for key in trial.groups_of(source) {
                trial.group(&key).expect(&source.device, source.interval, Moment::ZERO);
            }
        }
        trial
    }

    /// The rules.
    #[must_use]
    pub const fn ruleset(&self) -> &Ruleset {
        &self.ruleset
    }

    /// Takes what a poll brought; appends what would be announced. Batches come in the order of time.
    pub fn poll(&mut self, batch: &Batch, out: &mut Vec<Transition>) {
        let name = Arc::clone(&batch.source.device);
        let before = self.devices.remove(&name);
        let holds = before.as_ref().is_some_and(|it| {
            Arc::ptr_eq(&it.last.shape, &batch.shape) && Arc::ptr_eq(&it.last.source, &batch.source)
        });
        let mut device = match before {
            Some(device) if holds => device,
            before => self.bind(before, batch, out),
        };
        device.alerts.evaluate(batch, out);
        self.board.apply(&mut device.alerts);
        for (key, seats) in &device.seats {
            let group = self.group(key);
            group.report(seats, batch, out);
            if let Some(group) = self.groups.get_mut(key) {
                self.board.apply_group(group);
            }
        }
        device.last = batch.clone();
        self.devices.insert(name, device);
    }

    /// The alerts as they stand.
    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    fn bind(&mut self, before: Option<Device>, batch: &Batch, out: &mut Vec<Transition>) -> Device {
        let (source, shape) = (&batch.source, &batch.shape);
        let alerts = before.map(|it| it.alerts);
        let mut alerts =
            DeviceAlerts::bind(&self.ruleset, source, shape, alerts, Vec::new(), batch.time, out);
        let parent = self.parents.get(&source.device).and_then(|it| self.links.get(it)).cloned();
        alerts.set_links(self.links.get(&source.device).cloned(), parent);
        let mut seats = Vec::new();
        for key in self.groups_of(source) {
            let program = alerts.program();
            let group = self.group(&key);
            let own = group.seats(program, shape);
            if own.is_empty() && !shape.readings.is_empty() {
                group.leave(&source.device);
                continue;
            }
            group.expect(&source.device, source.interval, batch.time.moment);
            seats.push((key, own));
        }
        Device { alerts, last: batch.clone(), seats }
    }

    fn groups_of(&self, source: &Source) -> Vec<(u32, GroupValues)> {
        let of = |at: &u32| {
            let rule = &self.ruleset.rule(*at)?.rule;
            let values = rule.group.as_ref().filter(|_| rule.is_for(source))?.of_source(source).ok()?;
            Some((*at, values))
        };
        self.group_rules.iter().filter_map(of).collect()
    }

    fn group(&mut self, key: &(u32, GroupValues)) -> &mut Group {
        let ruleset = &self.ruleset;
        self.groups.entry(key.clone()).or_insert_with(|| Group::new(ruleset, key.0, key.1.clone()))
    }

    /// Makes a device's link, those above it first.
    fn link(&mut self, name: &Arc<str>, sources: &[Arc<Source>], depth: usize) -> Arc<Link> {
        if let Some(link) = self.links.get(name) {
            return Arc::clone(link);
        }
        let above = self.parents.get(name).cloned().filter(|_| depth < DEPTH_MAX);
        let parent = above.map(|it| self.link(&it, sources, depth + 1));
        let interval = sources.iter().find(|it| it.device == *name).map(|it| it.interval).unwrap_or_default();
        let link = Arc::new(Link::new(Arc::clone(name), interval, parent));
        self.links.insert(Arc::clone(name), Arc::clone(&link));
        link
    }
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("devices", &self.devices.len()).finish_non_exhaustive()
    }
}

/// Devices hang on each other a few levels deep; a circle ends here.
const DEPTH_MAX: usize = 16;
