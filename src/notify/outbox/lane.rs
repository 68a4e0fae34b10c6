//! The events that wait for one integration, and which of them is next.
//!
//! Pure: time comes in as an argument. Each alert has its line here, in the order in which things
//! happened; only the head of a line may go, and only when all that it rests on is on disk. Of the
//! heads, resolves and criticals go first, in turns, then errors, warnings, the rest; among equals the oldest.
//!
//! A line never holds more than three events: a head under way, a resolve, and a trigger after it.
//!
//! An event is *claimed* before it leaves: the claim takes its place in the rate limit's window, and
//! brings to disk that the event may have left. So a process that is killed knows afterwards which
//! events nobody can have seen. An event that comes in while the lane flows is claimed on its way in,
//! which costs no further write.

mod parked;

use self::parked::Parked;
use super::record::{Rank, Record};
use crate::alert::AlertKey;
use crate::model::Moment;
use crate::notify::limiter::{Admission, Limiter};
use crate::notify::pagerduty::Action;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Events that are claimed or under way at once, of one integration: what a kill leaves in doubt.
/// PagerDuty answers in some tenths of a second: eight keep a minute's 120 well within reach, and a
/// burst of them short.
pub(crate) const CLAIMS_MAX: usize = 8;

/// How long an event waits for a disk that does not answer before it goes without: somebody must be
/// woken, and what a kill in that moment may cost is a second event with the same key.
pub(crate) const DISK_PATIENCE: Duration = Duration::from_secs(2);

/// One event that waits.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) record: Arc<Record>,
    /// Whether the receiver may have an open incident for its alert.
    pub(crate) known: bool,
    /// The same as it stands on disk, or is on its way there: also so when this event has been claimed.
    pub(crate) seen: bool,
    /// Whether it has a place in the limiter's window.
    claimed: bool,
    /// When it was first handed in, for the time until it is accepted.
    pub(crate) queued: Moment,
    /// Failures so far.
    pub(crate) attempts: u32,
    /// Counted up with each change of what is on disk; it may go when this one is.
    generation: u64,
    not_before: Moment,
    place: Place,
}

/// Where an entry stands among the heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind another of its line.
    Behind,
    /// On its way.
    InFlight,
    /// It may go.
    Ready,
    /// It has failed, and waits until that moment.
    Deferred(Moment),
    /// What it rests on is not on disk yet; it has waited since that moment.
    Unsaved(u64, Moment),
}

/// The order of the alert's events.
#[derive(Debug, Clone, Default)]
struct Line {
    sequences: VecDeque<u64>,
    /// Nothing of this line goes before that generation is on disk: it holds the end of the event
    /// before, and if that were lost, a restart would send the two in the wrong order.
    hold: u64,
}

/// What to do now.
#[derive(Debug, Clone)]
pub(crate) enum Next {
    /// Send this one; it is under way from now.
    Send(Job),
    /// Claim this one first: see [`Lane::claim`].
    Claim(u64),
    /// Nothing before that moment.
    WaitUntil(Moment),
    /// Nothing until something happens.
    Idle,
}

/// An event to send.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) sequence: u64,
    pub(crate) record: Arc<Record>,
    pub(crate) attempts: u32,
}

/// All that waits for one integration.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    entries: BTreeMap<u64, Entry>,
    lines: HashMap<AlertKey, Line>,
    ready: BTreeSet<(Rank, u64)>,
    deferred: BTreeSet<(Moment, u64)>,
    unsaved: BTreeSet<(u64, u64)>,
    in_flight: usize,
    /// Events that are claimed and not under way: [`CLAIMS_MAX`] at most.
    claims: BTreeSet<u64>,
    pub(crate) limiter: Limiter,
    /// Whether events could leave when this was last looked at.
    flowing: bool,
    /// Whether the limiter held something back then.
    limited: bool,
    /// What is on disk.
    saved: u64,
    /// How many of the entries are triggers, and resolves.
    triggers: usize,
    resolves: usize,
    /// Resolves that are on disk only.
    parked: Parked,
    /// Of a critical and a resolve that could both go, it is the resolve's turn.
    resolve_is_next: bool,
}

impl Lane {
    /// An empty lane, with all up to that generation on disk.
    pub(crate) fn new(saved: u64) -> Self {
        Self {
            entries: BTreeMap::new(),
            lines: HashMap::new(),
            ready: BTreeSet::new(),
            deferred: BTreeSet::new(),
            unsaved: BTreeSet::new(),
            in_flight: 0,
            claims: BTreeSet::new(),
            limiter: Limiter::unlimited(),
            flowing: false,
            limited: false,
            saved,
            triggers: 0,
            resolves: 0,
            parked: Parked::default(),
            resolve_is_next: false,
        }
    }

    /// How many wait, in memory or on disk, or are under way.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() + self.parked.len()
    }

    /// How many triggers wait or are under way.
    pub(crate) const fn triggers(&self) -> usize {
        self.triggers
    }

    /// When the oldest event was handed in.
    pub(crate) fn oldest(&self) -> Option<Moment> {
        self.entries.first_key_value().map(|(_, it)| it.queued)
    }

    /// How many are under way.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether something could go at once, the receiver permitting.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty() || !self.unsaved.is_empty()
    }

    /// All entries, by number.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.iter().map(|(&sequence, entry)| (sequence, entry))
    }

    /// The entry of that number.
    pub(crate) fn entry(&self, sequence: u64) -> Option<&Entry> {
        self.entries.get(&sequence)
    }

    /// Whether that entry is under way.
    pub(crate) fn is_in_flight(&self, sequence: u64) -> bool {
        self.entries.get(&sequence).is_some_and(|it| it.place == Place::InFlight)
    }

    /// The last of an alert's line, and whether it is under way.
    pub(crate) fn last(&self, key: &AlertKey) -> Option<(u64, &Entry, bool)> {
        let sequence = *self.lines.get(key)?.sequences.back()?;
        let entry = self.entries.get(&sequence)?;
        Some((sequence, entry, entry.place == Place::InFlight))
    }

    /// What follows that number in an alert's line.
    pub(crate) fn after(&self, key: &AlertKey, sequence: u64) -> Option<(u64, Action)> {
        let next = *self.lines.get(key)?.sequences.iter().find(|it| sequence < **it)?;
        Some((next, self.entries.get(&next)?.record.action))
    }

    /// The two first of an alert's line.
    pub(crate) fn first_two(&self, key: &AlertKey) -> Option<(u64, u64)> {
        let line = &self.lines.get(key)?.sequences;
        Some((*line.front()?, *line.get(1)?))
    }

    /// Nothing can leave at present: what comes in is not claimed on its way.
    pub(crate) const fn dam(&mut self) {
        self.flowing = false;
    }

    /// Whether the rate limit holds something back.
    pub(crate) const fn is_limited(&self) -> bool {
        self.limited
    }

    /// Puts an event at the end of its alert's line; says whether it was claimed at once. `known`: the
    /// receiver may have the incident; `seen`: the disk says so.
    pub(crate) fn push(
        &mut self,
        sequence: u64,
        record: Arc<Record>,
        (known, seen): (bool, bool),
        generation: u64,
        now: Moment,
    ) -> bool {
        let key = record.key.clone();
        let admitted = match self.limiter.admission(now) {
            Admission::All => true,
            Admission::UrgentOnly(_) => record.rank().is_urgent(),
            Admission::Full(_) => false,
        };
        let claimed = self.flowing && admitted && self.has_slot() && !self.lines.contains_key(&key);
        if claimed {
            self.limiter.claim();
            self.claims.insert(sequence);
        }
        self.insert(sequence, record, (known, seen || claimed, claimed), generation, now);
        claimed
    }

    fn insert(
        &mut self,
        sequence: u64,
        record: Arc<Record>,
        (known, seen, claimed): (bool, bool, bool),
        generation: u64,
        now: Moment,
    ) {
        let key = record.key.clone();
        match record.action {
            Action::Trigger => self.triggers += 1,
            Action::Resolve => self.resolves += 1,
            Action::Acknowledge => (),
        }
        let entry = Entry {
            record,
            known,
            seen,
            claimed,
            queued: now,
            attempts: 0,
            generation,
            not_before: Moment::ZERO,
            place: Place::Behind,
        };
        self.entries.insert(sequence, entry);
        self.lines.entry(key.clone()).or_default().sequences.push_back(sequence);
        self.place_head(&key, now);
    }

    fn has_slot(&self) -> bool {
        self.claims.len() + self.in_flight < CLAIMS_MAX
    }

    /// Claims an event: it may leave when `generation` is on disk. Returns it, and whether the disk has
    /// to learn that it may have left.
    pub(crate) fn claim(
        &mut self,
        sequence: u64,
        generation: u64,
        now: Moment,
    ) -> Option<(Arc<Record>, bool)> {
        let entry = self.entries.get_mut(&sequence)?;
        if !entry.claimed {
            entry.claimed = true;
            self.claims.insert(sequence);
            self.limiter.claim();
        }
        let news = !entry.seen;
        entry.seen = true;
        entry.generation = entry.generation.max(generation);
        let record = Arc::clone(&entry.record);
        self.resolve_is_next = record.rank() == Rank::Critical;
        let key = record.key.clone();
        self.place_head(&key, now);
        Some((record, news))
    }

    fn unclaim(&mut self, sequence: u64) {
        if let Some(entry) = self.entries.get_mut(&sequence).filter(|it| it.claimed) {
            entry.claimed = false;
            self.claims.remove(&sequence);
            self.limiter.unclaim();
        }
    }

    /// Puts a newer event of the same action in the place of one that waits. It may go at once: what
    /// it says is new.
    pub(crate) fn replace(&mut self, sequence: u64, record: Arc<Record>, generation: u64, now: Moment) {
        self.unplace(sequence);
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        let key = record.key.clone();
        entry.record = record;
        entry.generation = generation;
        entry.not_before = Moment::ZERO;
        entry.attempts = 0;
        self.place_head(&key, now);
    }

    /// Takes an event out. What follows it in its line waits until `generation` is on disk.
    pub(crate) fn remove(&mut self, sequence: u64, generation: u64, now: Moment) -> Option<Entry> {
        self.unplace(sequence);
        self.unclaim(sequence);
        let entry = self.entries.remove(&sequence)?;
        match entry.record.action {
            Action::Trigger => self.triggers = self.triggers.saturating_sub(1),
            Action::Resolve => self.resolves = self.resolves.saturating_sub(1),
            Action::Acknowledge => (),
        }
        let key = entry.record.key.clone();
        if let Some(line) = self.lines.get_mut(&key) {
            line.sequences.retain(|it| *it != sequence);
            line.hold = line.hold.max(generation);
            if line.sequences.is_empty() {
                self.lines.remove(&key);
            }
        }
        self.place_head(&key, now);
        Some(entry)
    }

    /// An event that was under way waits again, until `not_before`.
    pub(crate) fn put_back(
        &mut self,
        sequence: u64,
        known: bool,
        failed: bool,
        not_before: Moment,
        now: Moment,
    ) {
        self.unplace(sequence);
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        entry.known |= known;
        entry.attempts = entry.attempts.saturating_add(u32::from(failed));
        entry.not_before = not_before;
        let key = entry.record.key.clone();
        self.place_head(&key, now);
    }

    /// The receiver may have the incident now. Says whether the disk has to learn of it.
    pub(crate) fn set_known(&mut self, sequence: u64) -> bool {
        let Some(entry) = self.entries.get_mut(&sequence) else { return false };
        entry.known = true;
        !std::mem::replace(&mut entry.seen, true)
    }

    /// All up to `generation` is on disk. Says whether something may go now.
    pub(crate) fn saved(&mut self, generation: u64, now: Moment) -> bool {
        self.saved = self.saved.max(generation);
        while let Some(&(needed, sequence)) = self.unsaved.first() {
            if self.saved < needed {
                break;
            }
            self.unplace(sequence);
            if let Some(key) = self.entries.get(&sequence).map(|it| it.record.key.clone()) {
                self.place_head(&key, now);
            }
        }
        !self.ready.is_empty() || !self.deferred.is_empty()
    }

    /// The next event: under way from now if it is to be sent.
    pub(crate) fn next(&mut self, now: Moment) -> Next {
        self.wake_deferred(now);
        let admission = self.limiter.admission(now);
        self.flowing = admission == Admission::All;
        self.limited = false;
        let mut freed = None;
        let chosen = match self.first_ready().or_else(|| self.impatient(now)) {
            Some((_, sequence)) if self.entries.get(&sequence).is_some_and(|it| it.claimed) => {
                return self.send(sequence, now);
            }
            Some((rank, sequence)) => match admission {
                Admission::All => Some(sequence),
                Admission::UrgentOnly(_) if rank.is_urgent() => Some(sequence),
                Admission::UrgentOnly(until) | Admission::Full(until) => {
                    self.limited = true;
                    freed = Some(until);
                    None
                }
            },
            None => None,
        };
        if let Some(sequence) = chosen.filter(|_| self.has_slot()) {
            return Next::Claim(sequence);
        }
        // One that is claimed need not wait for the limit.
        if let Some(sequence) = self.first_claimed() {
            return self.send(sequence, now);
        }
        let deferred = self.deferred.first().map(|&(until, _)| until);
        let unsaved = self.first_unsaved().map(|(_, since)| since + DISK_PATIENCE).filter(|it| now < *it);
        match deferred.into_iter().chain(unsaved).chain(freed).min() {
            Some(until) => Next::WaitUntil(until),
            None => Next::Idle,
        }
    }

    fn first_ready(&self) -> Option<(Rank, u64)> {
        let first = *self.ready.first()?;
        if first.0 != Rank::Critical || !self.resolve_is_next {
            return Some(first);
        }
        let resolve = self.ready.range((Rank::Resolve, 0)..(Rank::Error, 0)).next();
        Some(resolve.copied().unwrap_or(first))
    }

    /// The most urgent of those that are claimed and may go. Any number of others may stand before it: those
    /// that came in while the lane flowed were claimed on their way.
    fn first_claimed(&self) -> Option<u64> {
        let entry = |sequence: &u64| self.entries.get(sequence);
        let is_ready = |it: &&u64| entry(it).is_some_and(|it| it.place == Place::Ready);
        let rank = |it: &&u64| (entry(it).map(|it| it.record.rank()), **it);
        self.claims.iter().filter(is_ready).min_by_key(rank).copied()
    }

    fn send(&mut self, sequence: u64, now: Moment) -> Next {
        self.unplace(sequence);
        let Some(entry) = self.entries.get_mut(&sequence) else { return Next::Idle };
        entry.place = Place::InFlight;
        entry.claimed = false;
        self.in_flight += 1;
        self.claims.remove(&sequence);
        self.limiter.sent(now);
        let (record, attempts) = (Arc::clone(&entry.record), entry.attempts);
        Next::Send(Job { sequence, record, attempts })
    }

    fn wake_deferred(&mut self, now: Moment) {
        while let Some(&(until, sequence)) = self.deferred.first() {
            if now < until {
                break;
            }
            self.unplace(sequence);
            if let Some(key) = self.entries.get(&sequence).map(|it| it.record.key.clone()) {
                self.place_head(&key, now);
            }
        }
    }

    /// An event that has waited too long for the disk.
    fn impatient(&self, now: Moment) -> Option<(Rank, u64)> {
        let (sequence, since) = self.first_unsaved()?;
        let rank = self.entries.get(&sequence)?.record.rank();
        (since + DISK_PATIENCE <= now).then_some((rank, sequence))
    }

    fn first_unsaved(&self) -> Option<(u64, Moment)> {
        let &(_, sequence) = self.unsaved.first()?;
        match self.entries.get(&sequence)?.place {
            Place::Unsaved(_, since) => Some((sequence, since)),
            Place::Behind | Place::InFlight | Place::Ready | Place::Deferred(_) => None,
        }
    }

    /// Takes an entry out of the sets.
    fn unplace(&mut self, sequence: u64) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        match entry.place {
            Place::Behind => (),
            Place::InFlight => self.in_flight = self.in_flight.saturating_sub(1),
            Place::Ready => drop(self.ready.remove(&(entry.record.rank(), sequence))),
            Place::Deferred(until) => drop(self.deferred.remove(&(until, sequence))),
            Place::Unsaved(generation, _) => drop(self.unsaved.remove(&(generation, sequence))),
        }
        entry.place = Place::Behind;
    }

    /// Puts the head of a line into its set.
    fn place_head(&mut self, key: &AlertKey, now: Moment) {
        let Some(line) = self.lines.get(key) else { return };
        let (Some(&sequence), hold) = (line.sequences.front(), line.hold) else { return };
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        if entry.place == Place::InFlight {
            return;
        }
        let needed = entry.generation.max(hold);
        let since = match entry.place {
            Place::Unsaved(_, since) => since,
            Place::Behind | Place::InFlight | Place::Ready | Place::Deferred(_) => now,
        };
        self.unplace(sequence);
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        if self.saved < needed {
            entry.place = Place::Unsaved(needed, since);
            self.unsaved.insert((needed, sequence));
        } else if now < entry.not_before {
            entry.place = Place::Deferred(entry.not_before);
            self.deferred.insert((entry.not_before, sequence));
        } else {
            entry.place = Place::Ready;
            self.ready.insert((entry.record.rank(), sequence));
        }
    }
}
