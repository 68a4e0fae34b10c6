//! What is to be told to whom: the outbox without its disk, threads and sockets.
//!
//! Pure: each step changes what is in memory and lists what changes on disk, as one group that is
//! committed whole. The promises, which the model test below holds against a reference:
//!
//! * nothing is lost: an announced alert reaches each of its integrations, or is a dead letter;
//! * the order of each alert's events is kept;
//! * an incident is opened at most once for each time that an alert begins, wherever the process is
//!   killed;
//! * what is out of date is not sent: a newer trigger takes the place of one that waits, and a
//!   trigger that nobody has seen disappears together with its resolve.

mod again;
mod later;
mod letters;
mod saving;
mod sending;

use super::lane::{Entry, Lane};
use super::record::{DeadRow, Heard, Hold, Last, Op, OpenRow, Rank, Record, Rows, Told};
use crate::alert::{AlertKey, Transition, TransitionKind};
use crate::model::{Moment, Now};
use crate::notify::by_severity;
use crate::notify::pagerduty::{Action, Reason};
use crate::notify::silence::Silence;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What the ledger keeps at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Triggers that are made for one integration; at 120 a minute they take 83 minutes, and about 20 MB.
    /// Over it, alerts wait without an event ([`Told::Later`]), the mildest and youngest first; when half of
    /// the room is free, the most urgent of them get one.
    pub(crate) waiting_max: usize,
    /// Resolves of one integration that are in memory, about: as many as triggers, for the same reasons. The
    /// youngest over it wait on disk, with some 150 octets each in memory, and come back in their order.
    pub(crate) resolves_max: usize,
    /// Announcements of open alerts in memory: some 10 MB. Over it the oldest are left to the disk; those of
    /// groups, and of alerts that are silenced or wait for others, come on top.
    pub(crate) warm_max: usize,
    /// Dead letters of all integrations; the oldest are forgotten first. Enough to see what went
    /// wrong, little enough to read.
    pub(crate) dead_max: usize,
}

impl Limits {
    pub(crate) const DEFAULT: Self =
        Self { waiting_max: 10_000, resolves_max: 10_000, warm_max: 10_000, dead_max: 1_000 };
}

/// How many more than needed are given up at once over the limit, so that not each event of a storm
/// looks for a victim anew.
const OVERFLOW_STEP: usize = 100;

/// One transition on its way in.
#[derive(Debug, Clone)]
pub(crate) struct Announcement {
    pub(crate) transition: Arc<Transition>,
    pub(crate) record: Arc<Record>,
    /// The integrations that should hear of it.
    pub(crate) targets: Vec<Arc<str>>,
}

/// Something that happened within, for log and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    /// A newer event took the place of one that waited.
    Merged { lane: Arc<str>, key: AlertKey },
    /// A trigger and its resolve disappeared together.
    Collapsed { lane: Arc<str>, key: AlertKey },
    /// An alert waits without an event: see [`Limits::waiting_max`].
    Postponed { lane: Arc<str>, key: AlertKey },
    /// An event was given up.
    Dead { lane: Arc<str>, key: AlertKey, action: Action, reason: Reason, text: String },
}

/// Changes that are committed together.
#[derive(Debug)]
struct Group {
    generation: u64,
    ops: Vec<Op>,
}

/// The state of all lanes and alerts.
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: Limits,
    lanes: BTreeMap<Arc<str>, Lane>,
    open: BTreeMap<AlertKey, Arc<OpenRow>>,
    /// By integration: alerts that wait for it without an event.
    later: BTreeMap<Arc<str>, usize>,
    /// How many of the open alerts are those of groups.
    open_groups: usize,
    /// What was told to whom, as the last row has it: others are often the same, and share it.
    heard: Heard,
    /// Announcements in memory that may be left to the disk, oldest first, and the generation with which each
    /// is there.
    warm: VecDeque<(u64, Arc<Transition>)>,
    dead: BTreeMap<u64, (Arc<str>, Arc<DeadRow>)>,
    sequence: u64,
    generation: u64,
    saved: u64,
    current: Vec<Op>,
    groups: VecDeque<Group>,
    pending: usize,
    notes: Vec<Note>,
    /// Several steps are one group of changes: how deep we are in such.
    together: u32,
    /// Whether an alert has ever had a key for one severity: see [`by_severity`].
    is_split: bool,
}

impl Ledger {
    /// A ledger of what was on disk.
    pub(crate) fn new(limits: Limits, rows: Rows, at: Now) -> Self {
        let now = at.moment;
        let mut ledger = Self {
            limits,
            lanes: BTreeMap::new(),
            open: rows.open.into_iter().collect(),
            later: BTreeMap::new(),
            open_groups: 0,
            heard: Heard::default(),
            warm: VecDeque::new(),
            dead: rows.dead.into_iter().map(|((lane, number), row)| (number, (lane, row))).collect(),
            sequence: 0,
            generation: 0,
            saved: 0,
            current: Vec::new(),
            groups: VecDeque::new(),
            pending: 0,
            notes: Vec::new(),
            together: 0,
            is_split: false,
        };
        ledger.is_split = ledger.open.keys().any(is_of_severity);
        ledger.count_all();
        for ((lane, number), key, at) in rows.parked {
            ledger.lane(&lane).park_from_disk(number, key, at);
        }
        let mut events = rows.events;
        events.sort_by_key(|((_, sequence), ..)| *sequence);
        let last_dead = ledger.dead.keys().next_back().copied().unwrap_or(0);
        let last_parked = ledger.lanes.values().map(Lane::last_parked).max().unwrap_or(0);
        let last = events.last().map_or(0, |((_, sequence), ..)| *sequence);
        ledger.sequence = last.max(last_dead).max(last_parked);
        for ((lane_name, sequence), record, seen) in events {
            let key = record.key.clone();
            if ledger.give_way(&lane_name, sequence, &record) {
                continue;
            }
            // An update of what they have: its own row need not say so.
            let told = ledger.told(&key, &lane_name);
            let first = ledger.lane(&lane_name).last(&key).is_none();
            let known = seen || first && matches!(told, Some(Told::Accepted | Told::Unsure));
            ledger.lane(&lane_name).push(sequence, record, (known, seen), 0, now);
            ledger.settle(&lane_name, &key, now);
        }
        for (name, seconds) in &rows.windows {
            ledger.lane(name).limiter.restore(seconds, at);
        }
        ledger.find_lost();
        ledger.trim_dead();
        ledger.seal();
        ledger
    }

    /// An alert that should wait for a lane but does not was lost with a damaged row.
    fn find_lost(&mut self) {
        let waiting = self.open.iter().flat_map(|(key, row)| {
            let lanes = row.told.iter().filter(|(_, told)| **told == Told::Waiting);
            lanes.map(|(name, _)| (key.clone(), Arc::clone(name)))
        });
        for (key, name) in waiting.collect::<Vec<_>>() {
            let waits = self.lanes.get(&name).is_some_and(|it| it.last(&key).is_some());
            if !waits {
                self.tell(&key, &name, Told::Unsure);
            }
        }
    }

    /// The alerts that go on, by their own keys.
    pub(crate) fn open_keys(&self) -> Vec<AlertKey> {
        let mut keys: Vec<AlertKey> = Vec::with_capacity(self.open.len());
        for (key, _) in self.open.iter().filter(|(_, row)| !row.is_group()) {
            let base = by_severity::base(&key.0);
            keys.push(if base.len() == key.0.len() { key.clone() } else { AlertKey(base.into()) });
        }
        if self.is_split {
            keys.sort_unstable();
            keys.dedup();
        }
        keys
    }

    /// How many alerts go on, groups not counted.
    pub(crate) fn open_len(&self) -> usize {
        self.open.len().saturating_sub(self.open_groups)
    }

    /// Whether alerts may have keys for one severity.
    pub(crate) const fn is_split(&self) -> bool {
        self.is_split
    }

    /// What follows, until [`Self::end_together`], is on disk as a whole or not at all. May be nested.
    pub(crate) const fn begin_together(&mut self) {
        self.together += 1;
    }

    /// Ends what [`Self::begin_together`] began.
    pub(crate) fn end_together(&mut self) {
        self.together = self.together.saturating_sub(1);
        self.seal();
    }

    /// Alerts that go on, groups among them, by key.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&AlertKey, &Arc<OpenRow>)> {
        self.open.iter()
    }

    /// The alert of that key, if it goes on.
    pub(crate) fn row(&self, key: &AlertKey) -> Option<&Arc<OpenRow>> {
        self.open.get(key)
    }

    /// Keeps a silence over restarts.
    pub(crate) fn keep_silence(&mut self, silence: &Arc<Silence>) {
        self.current.push(Op::PutSilence(Arc::clone(silence)));
        self.seal();
    }

    /// Forgets silences.
    pub(crate) fn forget_silences(&mut self, ids: &[u64]) {
        self.current.extend(ids.iter().map(|it| Op::DeleteSilence(*it)));
        self.seal();
    }

    /// The lane of that name.
    pub(crate) fn find_lane(&self, name: &str) -> Option<&Lane> {
        self.lanes.get(name)
    }

    /// All lanes.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (&Arc<str>, &Lane)> {
        self.lanes.iter()
    }

    /// The dead letters, oldest first, each with its integration.
    pub(crate) fn dead(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<DeadRow>)> {
        self.dead.values().map(|(lane, row)| (lane, row))
    }

    /// What happened since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// A transition to announce.
    pub(crate) fn announce(&mut self, announcement: &Announcement, now: Moment) {
        match announcement.record.action {
            Action::Trigger => self.trigger(announcement, now),
            Action::Acknowledge => (),
            Action::Resolve => self.resolve(announcement, now),
        }
        self.seal();
    }

    /// An alert begins or changes, and nobody is told: those who know of it already neither.
    pub(crate) fn hold_back(&mut self, transition: &Arc<Transition>, hold: Hold) {
        let previous = self.open.get(&transition.facts.key);
        let row = OpenRow {
            last: Last::Here(Arc::clone(transition)),
            fired_at: previous.map_or(transition.at, |it| it.fired_at),
            told: previous.map(|it| Arc::clone(&it.told)).unwrap_or_default(),
            announced_at: previous.map_or(transition.at, |it| it.announced_at),
            hold: Some(hold),
            acknowledged: previous.and_then(|it| it.acknowledged.clone()),
        };
        self.put_open(&transition.facts.key, row);
        self.seal();
    }

    /// Takes back an announcement that nobody can have seen: from now on the alert is held. `false` if
    /// somebody may have.
    pub(crate) fn absorb(&mut self, key: &AlertKey, hold: Hold, now: Moment) -> bool {
        let Some(row) = self.open.get(key).cloned() else { return false };
        let unseen = row.told.iter().all(|(name, told)| {
            let last = self.lanes.get(name).and_then(|it| it.last(key));
            // One before it may be on its way.
            let alone = self.lanes.get(name).is_some_and(|it| it.first_two(key).is_none());
            let waits = alone && last.is_some_and(|(_, entry, in_flight)| !entry.known && !in_flight);
            *told == Told::Waiting && waits
        });
        if !unseen || matches!(row.hold, Some(Hold::Group(_) | Hold::Silence)) {
            return false;
        }
        for name in row.told.keys() {
            if let Some((sequence, ..)) = self.lane(name).last(key) {
                self.remove(name, sequence, now);
                self.notes.push(Note::Merged { lane: Arc::clone(name), key: key.clone() });
            }
        }
        self.put_open(key, OpenRow { told: Heard::default(), hold: Some(hold), ..(*row).clone() });
        self.seal();
        true
    }

    fn trigger(&mut self, announcement: &Announcement, now: Moment) {
        let record = &announcement.record;
        let previous = self.open.get(&record.key).cloned();
        let mut told = previous.as_ref().map(|it| (*it.told).clone()).unwrap_or_default();
        let lanes: BTreeSet<Arc<str>> =
            announcement.targets.iter().chain(told.keys()).map(Arc::clone).collect();
        // The same again, as after a kill: those who have heard of it need not hear it twice.
        let again = announcement.transition.kind == TransitionKind::Trigger
            && previous.as_ref().is_some_and(|it| it.severity() == record.severity);
        for name in &lanes {
            if again && told.get(name).is_some_and(|it| !it.is_unheard()) {
                continue;
            }
            if self.lane(name).need(&record.key) {
                // Its last end is yet to be told, and on disk.
                told.insert(Arc::clone(name), Told::Later);
                continue;
            }
            let known = matches!(told.get(name), Some(Told::Accepted | Told::Unsure));
            told.insert(
                Arc::clone(name),
                if told.get(name) == Some(&Told::Accepted) { Told::Accepted } else { Told::Waiting },
            );
            self.enqueue_trigger(name, record, known, now);
        }
        let at = announcement.transition.at;
        let row = OpenRow {
            last: Last::Here(Arc::clone(&announcement.transition)),
            fired_at: previous.as_ref().map_or(at, |it| it.fired_at),
            told: self.share(told),
            announced_at: at,
            hold: None,
            acknowledged: previous.and_then(|it| it.acknowledged.clone()),
        };
        self.put_open(&record.key, row);
        for name in &lanes {
            self.shed(name, now);
        }
    }

    fn enqueue_trigger(&mut self, name: &Arc<str>, record: &Arc<Record>, known: bool, now: Moment) {
        let generation = self.generation + 1;
        let lane = self.lane(name);
        let waiting = match lane.last(&record.key) {
            Some((sequence, last, false)) if last.record.action == Action::Trigger => Some(sequence),
            _ => None,
        };
        let sequence = match waiting {
            Some(sequence) => {
                lane.replace(sequence, Arc::clone(record), generation, now);
                self.notes.push(Note::Merged { lane: Arc::clone(name), key: record.key.clone() });
                sequence
            }
            None => {
                let sequence = self.next_sequence();
                self.push(name, sequence, record, known, now);
                return;
            }
        };
        self.put_event(name, sequence);
    }

    /// Puts an event at the end of its line, and on its way to disk.
    fn push(&mut self, name: &Arc<str>, sequence: u64, record: &Arc<Record>, known: bool, now: Moment) {
        let generation = self.generation + 1;
        let claimed = self.lane(name).push(sequence, Arc::clone(record), (known, known), generation, now);
        self.put_event(name, sequence);
        if claimed {
            self.current.push(Op::PutWindow(Arc::clone(name), Vec::new()));
        }
    }

    fn set_known(&mut self, name: &Arc<str>, sequence: u64) {
        if self.lane(name).set_known(sequence) {
            self.put_event(name, sequence);
        }
    }

    /// Brings an event as it stands to disk.
    fn put_event(&mut self, name: &Arc<str>, sequence: u64) {
        let Some(entry) = self.lane(name).entry(sequence) else { return };
        let op = Op::PutEvent((Arc::clone(name), sequence), Arc::clone(&entry.record), entry.seen);
        self.current.push(op);
    }

    fn resolve(&mut self, announcement: &Announcement, now: Moment) {
        let record = &announcement.record;
        let row = self.open.remove(&record.key);
        if let Some(row) = &row {
            self.discount(row);
        }
        let lanes: Vec<Arc<str>> = match &row {
            Some(row) => row.told.keys().map(Arc::clone).collect(),
            None => announcement.targets.clone(),
        };
        for name in &lanes {
            let told = row.as_ref().and_then(|it| it.told.get(name)).copied();
            self.enqueue_resolve(name, record, told, now);
        }
        if row.is_some() {
            self.current.push(Op::DeleteOpen(record.key.clone()));
        }
    }

    /// Ends an alert toward one integration, which has heard of it what `told` says (`None`: nothing
    /// is known of that).
    fn enqueue_resolve(&mut self, name: &Arc<str>, record: &Arc<Record>, told: Option<Told>, now: Moment) {
        if self.lane(name).is_parked(&record.key) {
            // It ends the same incident; nobody has heard of the alert since.
            return;
        }
        let waiting = match self.lane(name).last(&record.key) {
            Some((sequence, last, false)) if last.record.action == Action::Trigger => Some(sequence),
            _ => None,
        };
        let removed = waiting.and_then(|it| self.remove(name, it, now));
        let lane = self.lane(name);
        let needed = match (lane.last(&record.key), &removed) {
            // The resolve before it ends the same incident.
            (Some((_, last, _)), _) if last.record.action == Action::Resolve => false,
            (Some(_), _) => true,
            (None, Some(trigger)) => trigger.known || matches!(told, None | Some(Told::Accepted)),
            (None, None) => !matches!(told, Some(Told::Dead | Told::Later)),
        };
        if needed {
            let sequence = self.next_sequence();
            self.push(name, sequence, record, true, now);
        }
        if removed.is_some() {
            let (lane, key) = (Arc::clone(name), record.key.clone());
            self.notes.push(if needed { Note::Merged { lane, key } } else { Note::Collapsed { lane, key } });
        }
    }

    /// Makes room in a lane that has too much.
    fn shed(&mut self, name: &Arc<str>, now: Moment) {
        let max = self.limits.waiting_max;
        let lane = self.lane(name);
        if lane.triggers() <= max {
            return;
        }
        let mut victims: Vec<(Rank, u64)> = lane
            .entries()
            .filter(|(sequence, it)| it.record.action == Action::Trigger && !lane.is_in_flight(*sequence))
            .map(|(sequence, it)| (it.record.rank(), sequence))
            .collect();
        victims.sort_unstable();
        let excess = lane.triggers() - max + OVERFLOW_STEP.min(max / 10);
        for (_, sequence) in victims.into_iter().rev().take(excess) {
            let Some(entry) = self.remove(name, sequence, now) else { continue };
            let key = entry.record.key.clone();
            self.without_trigger(name, sequence, &key, (entry.known, Told::Later), now);
            if self.told(&key, name) == Some(Told::Accepted) && self.lane(name).last(&key).is_none() {
                // They have the alert, and not what is new of it.
                self.tell(&key, name, Told::Unsure);
            }
            self.notes.push(Note::Postponed { lane: Arc::clone(name), key });
        }
    }

    fn remove(&mut self, name: &Arc<str>, sequence: u64, now: Moment) -> Option<Entry> {
        let generation = self.generation + 1;
        let entry = self.lane(name).remove(sequence, generation, now)?;
        self.current.push(Op::DeleteEvent((Arc::clone(name), sequence)));
        Some(entry)
    }

    fn told(&self, key: &AlertKey, name: &str) -> Option<Told> {
        self.open.get(key)?.told.get(name).copied()
    }

    fn tell(&mut self, key: &AlertKey, name: &Arc<str>, told: Told) {
        let Some(row) = self.open.get(key) else { return };
        let changed = row.told.get(name).is_some_and(|it| *it != told);
        if changed {
            let row = OpenRow::clone(row);
            let mut all = (*row.told).clone();
            all.insert(Arc::clone(name), told);
            let told = self.share(all);
            self.put_open(key, OpenRow { told, ..row });
        }
    }

    fn share(&mut self, told: BTreeMap<Arc<str>, Told>) -> Heard {
        if *self.heard != told {
            self.heard = Arc::new(told);
        }
        Arc::clone(&self.heard)
    }

    fn put_open(&mut self, key: &AlertKey, row: OpenRow) {
        self.is_split |= is_of_severity(key);
        let row = Arc::new(row);
        self.count(&row);
        // The key that is there is shared by what else names the alert.
        let previous = match self.open.get_mut(key) {
            Some(place) => Some(std::mem::replace(place, Arc::clone(&row))),
            None => self.open.insert(key.clone(), Arc::clone(&row)),
        };
        let (mut is_new, mut is_listed) = (row.here().is_some(), false);
        if let Some(previous) = previous {
            self.discount(&previous);
            let is_same = matches!((&previous.last, &row.last), (Last::Here(old), Last::Here(new)) if Arc::ptr_eq(old, new));
            is_new &= !is_same;
            is_listed = is_same && !previous.is_pinned();
        }
        if let Some(here) = row.here().filter(|_| !is_listed && !row.is_pinned()) {
            self.warm.push_back((self.generation + 1, Arc::clone(here)));
        }
        self.current.push(Op::PutOpen(key.clone(), row, is_new));
    }

    fn trim_dead(&mut self) {
        while self.limits.dead_max < self.dead.len()
            && let Some((number, (lane, _))) = self.dead.pop_first()
        {
            self.current.push(Op::DeleteDead((lane, number)));
        }
    }

    fn lane(&mut self, name: &Arc<str>) -> &mut Lane {
        let saved = self.saved;
        self.lanes.entry(Arc::clone(name)).or_insert_with(|| Lane::new(saved))
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Ends a group of changes.
    fn seal(&mut self) {
        if 0 < self.together || self.current.is_empty() {
            return;
        }
        let ops = std::mem::take(&mut self.current);
        if self.saved == u64::MAX {
            return;
        }
        self.generation += 1;
        self.pending += ops.len();
        self.groups.push_back(Group { generation: self.generation, ops });
    }
}

fn is_of_severity(key: &AlertKey) -> bool {
    by_severity::base(&key.0).len() != key.0.len()
}
