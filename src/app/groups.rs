//! The groups that rules make of devices which live on different poll threads. Each has a lock of its
//! own, held by whoever reports to it; what follows from a report is handed over before it is let go,
//! so that triggers and resolves keep their order. There is no lock that all polls take: the table of
//! groups is looked at only when a device is bound.

use super::pipeline::Shared;
use crate::alert::{Group, OpenAlert, Remembered, Seat, Transition};
use crate::config::Settings;
use crate::model::{Batch, Moment, Now, Shape, Source};
use crate::rules::{GroupValues, Lookup, Program, Ruleset};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A group that may be reported to.
pub(super) type SharedGroup = Arc<Mutex<Option<Group>>>;

/// A device's part in a group.
#[derive(Clone)]
pub(super) struct Membership {
    group: SharedGroup,
    seats: Arc<[Seat]>,
}

/// All groups, by rule and by what tells them apart.
pub(super) struct Groups {
    /// Places of rules that make groups.
    rules: Vec<u32>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    groups: BTreeMap<(u32, GroupValues), SharedGroup>,
    /// Alerts from before of groups that have not been seen yet.
    orphans: Vec<OpenAlert>,
    /// Waits of alerts from before, likewise.
    waits: Vec<Remembered>,
}

impl Groups {
    /// The groups of these devices. They are waited for: a sum without one of them is not known.
    pub(super) fn new(ruleset: &Ruleset, settings: &Settings, now: Now) -> Self {
        let is_group = |at: &u32| ruleset.rule(*at).is_some_and(|it| it.rule.group.is_some());
        let count = u32::try_from(ruleset.rules().len()).unwrap_or(u32::MAX);
        let groups = Self { rules: (0..count).filter(is_group).collect(), table: Mutex::default() };
        if !groups.rules.is_empty() {
            for device in settings.polled() {
                let source = Source {
                    device: Arc::clone(device.name),
                    labels: device.labels.clone(),
                    interval: device.interval,
                    ..Source::default()
                };
                for (at, values) in groups.of(ruleset, &source) {
                    let group = groups.get(ruleset, at, values, now.moment);
                    if let Some(group) = lock(&group).as_mut() {
                        group.expect(&source.device, source.interval, now.moment);
                    }
                }
            }
        }
        groups
    }

    /// The groups into which a device falls.
    fn of<'a>(
        &'a self,
        ruleset: &'a Ruleset,
        source: &'a Source,
    ) -> impl Iterator<Item = (u32, GroupValues)> + 'a {
        self.rules.iter().filter_map(|at| {
            let rule = &ruleset.rule(*at)?.rule;
            let values = rule.group.as_ref().filter(|_| rule.is_for(source))?.of_source(source).ok()?;
            Some((*at, values))
        })
    }

    fn get(&self, ruleset: &Ruleset, at: u32, values: GroupValues, now: Moment) -> SharedGroup {
        let mut table = self.table();
        let Table { groups, orphans, waits } = &mut *table;
        let made = groups.entry((at, values.clone())).or_insert_with(|| {
            let mut group = Group::new(ruleset, at, values);
            for alert in orphans.extract_if(.., |it| group.owns(it.key())).collect::<Vec<_>>() {
                group.restore(alert);
            }
            for wait in waits.extract_if(.., |it| group.owns(&it.key)).collect::<Vec<_>>() {
                group.remember(wait, now);
            }
            Arc::new(Mutex::new(Some(group)))
        });
        Arc::clone(made)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A device was bound: what it takes part in now. Groups of `before` in which it is no more are left.
    pub(super) fn join(
        &self,
        ruleset: &Ruleset,
        source: &Source,
        (program, shape): (&Program, &Shape),
        before: &[Membership],
        now: Now,
    ) -> Vec<Membership> {
        let mut memberships = Vec::new();
        if !self.rules.is_empty() {
            for (at, values) in self.of(ruleset, source) {
                let shared = self.get(ruleset, at, values, now.moment);
                let mut guard = lock(&shared);
                let Some(group) = guard.as_mut() else { continue };
                let seats = group.seats(program, shape);
                if seats.is_empty() && !shape.readings.is_empty() {
                    // A sensor in the rack is no feed.
                    group.leave(&source.device);
                    continue;
                }
                group.expect(&source.device, source.interval, now.moment);
                drop(guard);
                memberships.push(Membership { group: shared, seats: seats.into() });
            }
        }
        let still = |it: &Membership| memberships.iter().any(|now| Arc::ptr_eq(&now.group, &it.group));
        leave(before.iter().filter(|it| !still(it)), &source.device);
        memberships
    }

    /// Gives back alerts of groups that an earlier process announced.
    pub(super) fn restore(&self, alerts: Vec<OpenAlert>, waits: Vec<Remembered>, shared: &Shared, now: Now) {
        let mut table = self.table();
        for alert in alerts {
            let owner =
                table.groups.values().find(|it| lock(it).as_ref().is_some_and(|it| it.owns(alert.key())));
            match owner.cloned() {
                Some(owner) => {
                    if let Some(group) = lock(&owner).as_mut() {
                        group.restore(alert);
                        shared.board.apply_group(group);
                    }
                }
                None => table.orphans.push(alert),
            }
        }
        for wait in waits {
            let owner =
                table.groups.values().find(|it| lock(it).as_ref().is_some_and(|it| it.owns(&wait.key)));
            match owner.cloned() {
                Some(owner) => {
                    if let Some(group) = lock(&owner).as_mut() {
                        group.remember(wait, now.moment);
                    }
                }
                None => table.waits.push(wait),
            }
        }
    }

    /// Takes over from the groups before: alerts go on under the same key, or end with the reason why
    /// not. Whoever still reports to the groups before is not heard.
    pub(super) fn succeed(&self, ruleset: &Ruleset, before: &Self, old: &Ruleset, shared: &Shared, at: Now) {
        let previous = std::mem::take(&mut *before.table());
        self.table().orphans.extend(previous.orphans);
        self.table().waits.extend(previous.waits);
        for ((rule, values), shared_group) in previous.groups {
            let mut guard = lock(&shared_group);
            let Some(mut group) = guard.take() else { continue };
            let name = old.rule(rule).map_or("", |it| &it.rule.name);
            let follower = match ruleset.find(name) {
                Lookup::Rule(place, _) if self.rules.contains(&place) => Ok(place),
                Lookup::Rule(..) => Err("the rule no longer applies to it"),
                Lookup::Disabled => Err("rule disabled"),
                Lookup::Removed => Err("rule removed"),
            };
            let mut said = Vec::new();
            match follower {
                Ok(place) => {
                    let next = self.get(ruleset, place, values, at.moment);
                    if let Some(next) = lock(&next).as_mut() {
                        next.succeed(&mut group);
                        shared.board.apply_group(next);
                    }
                }
                Err(reason) => group.end(reason, at, &mut said),
            }
            shared.board.apply_group(&mut group);
            shared.announce(said, at.moment);
        }
    }

    /// All devices have been bound: what still waits for a group, or is one without devices, is over.
    pub(super) fn sweep(&self, shared: &Shared, at: Now) {
        if self.rules.is_empty() && self.table().orphans.is_empty() {
            return;
        }
        let (orphans, groups) = {
            let mut table = self.table();
            (std::mem::take(&mut table.orphans), table.groups.values().cloned().collect::<Vec<_>>())
        };
        let mut said = Vec::new();
        crate::alert::resolve_orphans(orphans, at, &mut said);
        shared.announce(said, at.moment);
        for group in groups {
            if let Some(group) = lock(&group).as_mut().filter(|it| it.is_empty()) {
                let mut said = Vec::new();
                group.end("no device is in the group any more", at, &mut said);
                shared.board.apply_group(group);
                shared.announce(said, at.moment);
            }
        }
    }
}

impl Membership {
    /// A poll of the device ended.
    pub(super) fn report(&self, batch: &Batch, shared: &Shared) {
        let mut guard = lock(&self.group);
        let Some(group) = guard.as_mut() else { return };
        let mut said: Vec<Transition> = Vec::new();
        group.report(&self.seats, batch, &mut said);
        shared.board.apply_group(group);
        shared.announce(said, batch.time.moment);
    }
}

/// The device is in these groups no longer.
pub(super) fn leave<'a>(memberships: impl IntoIterator<Item = &'a Membership>, device: &str) {
    for membership in memberships {
        if let Some(group) = lock(&membership.group).as_mut() {
            group.leave(device);
        }
    }
}

/// A group is whole after each step: one whose reporter panicked can go on.
fn lock(group: &Mutex<Option<Group>>) -> MutexGuard<'_, Option<Group>> {
    group.lock().unwrap_or_else(PoisonError::into_inner)
}
