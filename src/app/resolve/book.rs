//! Which name is looked up when, and which of its addresses its device is asked at. Pure.
//!
//! A name is looked up at once when it is new, again by age, and soon after its device has stopped to answer.
//! Invariants: an address that a device is asked at holds as long as the resolver still has it among others
//! and the device answers; a resolver that fails takes no address away; lookups of names whose devices do
//! not answer never hold up the others.

use crate::model::Moment;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A device and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) device: Arc<str>,
    pub(super) host: Arc<str>,
    pub(super) port: u16,
}

/// A name that is being looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lookup {
    pub(super) wanted: Wanted,
    /// Because its device does not answer.
    suspected: bool,
}

/// What the rest of the daemon is told of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) struct Resolved {
    /// The device.
    pub(in crate::app) device: Arc<str>,
    /// Where to ask it from now on; `None`: its name has no address. It may be as it was.
    pub(in crate::app) address: Option<SocketAddr>,
    /// All addresses of the name.
    pub(in crate::app) all: Vec<IpAddr>,
    /// Why it is told.
    pub(in crate::app) cause: Cause,
}

/// Why something is told of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Cause {
    /// For the first time.
    New,
    /// Once more after a replacement: a device that was planned anew may have forgotten.
    Again,
    /// The name has another address now.
    Moved,
    /// The device did not answer at the one before.
    NextAddress,
    /// Only addresses at which it is not asked have changed.
    Others,
}

/// All names.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: HashMap<Arc<str>, Entry>,
    /// When names are looked up: those that are new, or old enough.
    due: BTreeSet<(Moment, Arc<str>)>,
    /// The same for those whose devices do not answer.
    suspects: BTreeSet<(Moment, Arc<str>)>,
    under_way: usize,
    suspects_under_way: usize,
    resolved: VecDeque<Resolved>,
}

#[derive(Debug)]
struct Entry {
    host: Arc<str>,
    port: u16,
    addresses: Vec<SocketAddr>,
    /// Where it is asked.
    current: Option<SocketAddr>,
    state: State,
    /// Whether anything was told of it yet.
    told: bool,
    /// Lookups so far: spreads the next ones.
    rounds: u32,
    /// Lookups in a row that brought no address.
    misses: u32,
    /// Lookups in a row that were begun because its device did not answer.
    suspicions: u32,
    looked_at: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In `due`, at that time.
    Due(Moment),
    /// In `suspects`, at that time.
    Suspect(Moment),
    /// Being looked up.
    UnderWay,
}

impl Book {
    /// How old an address gets; the resolver's own cache heeds the record's time to live.
    pub(super) const AGE: Duration = Duration::from_secs(300);
    /// How soon a name without an address is tried again; doubled each time, up to the longest.
    pub(super) const RETRY: Duration = Duration::from_secs(15);
    /// The longest pause of a name without an address.
    pub(super) const RETRY_LONGEST: Duration = Duration::from_secs(120);
    /// Names that are looked up at a time: the system's resolver blocks a thread for each.
    pub(super) const AT_A_TIME: usize = 16;
    /// Of those, names whose devices do not answer: when a site is cut off, its names are many, and its
    /// name server may be gone too.
    pub(super) const SUSPECTS_AT_A_TIME: usize = 4;
    /// A name whose device does not answer is looked up within this time, spread by its hash.
    pub(super) const SUSPECT_SPREAD: Duration = Duration::from_secs(2);
    /// And then not again for this long, doubled each time, up to [`Self::AGE`].
    pub(super) const SUSPECT_PAUSE: Duration = Duration::from_secs(20);
    /// Failed polls in a row that cast doubt on an address; each further two do so again.
    pub(super) const FAILURES: u32 = 2;
    /// Addresses of a name that are tried: a device has an address or two of each version of IP.
    pub(super) const ADDRESSES_MAX: usize = 8;

    /// Looks up these and no others. What is known of those that stay is told once more.
    pub(super) fn replace(&mut self, now: Moment, names: impl IntoIterator<Item = Wanted>) {
        let mut before = std::mem::take(&mut self.entries);
        for Wanted { device, host, port } in names {
            let stays = before.remove(&device).filter(|it| it.host == host && it.port == port);
            if let Some(entry) = stays {
                if entry.told {
                    let resolved = entry.resolved(&device, Cause::Again);
                    self.resolved.push_back(resolved);
                }
                self.entries.insert(device, entry);
                continue;
            }
            self.due.insert((now, Arc::clone(&device)));
            let entry = Entry {
                host,
                port,
                addresses: Vec::new(),
                current: None,
                state: State::Due(now),
                told: false,
                rounds: 0,
                misses: 0,
                suspicions: 0,
                looked_at: None,
            };
            self.entries.insert(device, entry);
        }
        let entries = &self.entries;
        let is_wanted = |at: &Moment, device: &Arc<str>, state: fn(Moment) -> State| {
            entries.get(device).is_some_and(|it| it.state == state(*at))
        };
        self.due.retain(|(at, device)| is_wanted(at, device, State::Due));
        self.suspects.retain(|(at, device)| is_wanted(at, device, State::Suspect));
        self.resolved.retain(|it| entries.contains_key(&it.device));
    }

    /// The next name to look up now. Each must be answered by [`Self::answered`].
    pub(super) fn next_lookup(&mut self, now: Moment) -> Option<Lookup> {
        if Self::AT_A_TIME <= self.under_way {
            return None;
        }
        let is_due = |queue: &BTreeSet<(Moment, Arc<str>)>| queue.first().is_some_and(|(at, _)| *at <= now);
        let (device, suspected) = if is_due(&self.due) {
            (self.due.pop_first()?.1, false)
        } else if is_due(&self.suspects) && self.suspects_under_way < Self::SUSPECTS_AT_A_TIME {
            (self.suspects.pop_first()?.1, true)
        } else {
            return None;
        };
        let entry = self.entries.get_mut(&device)?;
        entry.state = State::UnderWay;
        self.under_way += 1;
        self.suspects_under_way += usize::from(suspected);
        let wanted = Wanted { device, host: Arc::clone(&entry.host), port: entry.port };
        Some(Lookup { wanted, suspected })
    }

    /// When [`Self::next_lookup`] has something; `None`: when a lookup ends, or something changes.
    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        if Self::AT_A_TIME <= self.under_way {
            return None;
        }
        let of_suspects =
            self.suspects.first().filter(|_| self.suspects_under_way < Self::SUSPECTS_AT_A_TIME);
        self.due.first().into_iter().chain(of_suspects).map(|(at, _)| *at).min()
    }

    /// The next thing to tell.
    pub(super) fn next_resolved(&mut self) -> Option<Resolved> {
        self.resolved.pop_front()
    }

    /// A lookup ended; with no address, if the resolver knows none or fails.
    pub(super) fn answered(&mut self, now: Moment, lookup: &Lookup, found: &[SocketAddr]) {
        let Lookup { wanted, suspected } = lookup;
        self.under_way = self.under_way.saturating_sub(1);
        self.suspects_under_way = self.suspects_under_way.saturating_sub(usize::from(*suspected));
        let Some(entry) = self.entries.get_mut(&wanted.device) else { return };
        // Its name may have been changed meanwhile: then another lookup of it is due or under way.
        if entry.state != State::UnderWay || entry.host != wanted.host || entry.port != wanted.port {
            return;
        }
        entry.looked_at = Some(now);
        entry.rounds = entry.rounds.wrapping_add(1);
        entry.misses = if found.is_empty() { entry.misses.saturating_add(1) } else { 0 };
        let before = (entry.current, entry.addresses.clone());
        if !found.is_empty() {
            entry.addresses.clear();
            for address in found.iter().take(Self::ADDRESSES_MAX) {
                if !entry.addresses.contains(address) {
                    entry.addresses.push(*address);
                }
            }
        }
        // One that is still there stays: a resolver's round robin must not move devices about.
        let is_gone = !entry.current.is_some_and(|it| entry.addresses.contains(&it));
        if is_gone {
            entry.current = entry.addresses.first().copied();
        } else if *suspected {
            entry.try_next();
        }
        let cause = match (entry.told, entry.current == before.0, is_gone) {
            (false, ..) => Some(Cause::New),
            (true, true, _) => (entry.all() != all(&before.1)).then_some(Cause::Others),
            (true, false, true) => Some(Cause::Moved),
            (true, false, false) => Some(Cause::NextAddress),
        };
        entry.told = true;
        let pause = entry.pause();
        let due = now + spread(&wanted.device, entry.rounds, pause);
        entry.state = State::Due(due);
        if let Some(cause) = cause {
            let resolved = entry.resolved(&wanted.device, cause);
            self.resolved.push_back(resolved);
        }
        self.due.insert((due, Arc::clone(&wanted.device)));
    }

    /// Whether so many failed polls in a row are worth a word to [`Self::poll_failed`].
    pub(super) const fn casts_doubt(failures: u32) -> bool {
        Self::FAILURES <= failures && failures.is_multiple_of(Self::FAILURES)
    }

    /// A device's poll failed, for the `failures`th time in a row. Whether there is anything to do.
    pub(super) fn poll_failed(&mut self, now: Moment, device: &str, failures: u32) -> bool {
        if !Self::casts_doubt(failures) {
            return false;
        }
        let Some((device, _)) = self.entries.get_key_value(device) else { return false };
        let device = Arc::clone(device);
        let Some(entry) = self.entries.get_mut(&device) else { return false };
        if failures == Self::FAILURES {
            entry.suspicions = 0;
        }
        let State::Due(due) = entry.state else { return false };
        let exponent = entry.suspicions.min(8);
        let pause = Self::SUSPECT_PAUSE.saturating_mul(1 << exponent).min(Self::AGE);
        let is_recent = entry.looked_at.is_some_and(|it| now < it + pause);
        if is_recent {
            // The resolver has just been asked: another of its addresses is all that can be tried.
            if !entry.try_next() {
                return false;
            }
            let resolved = entry.resolved(&device, Cause::NextAddress);
            self.resolved.push_back(resolved);
            return true;
        }
        entry.suspicions = entry.suspicions.saturating_add(1);
        let at = now + fraction(&device, failures, Self::SUSPECT_SPREAD);
        entry.state = State::Suspect(at);
        self.due.remove(&(due, Arc::clone(&device)));
        self.suspects.insert((at, device));
        true
    }
}

impl Entry {
    /// Moves on to the next of its addresses, if it has another.
    fn try_next(&mut self) -> bool {
        let at = self.addresses.iter().position(|it| Some(*it) == self.current);
        let next = at.map_or(0, |at| (at + 1) % self.addresses.len().max(1));
        let next = self.addresses.get(next).copied().filter(|it| Some(*it) != self.current);
        self.current = next.or(self.current);
        next.is_some()
    }

    /// How long until the next lookup, before it is spread.
    fn pause(&self) -> Duration {
        match self.misses.checked_sub(1) {
            None => Book::AGE,
            Some(exponent) => Book::RETRY.saturating_mul(1 << exponent.min(8)).min(Book::RETRY_LONGEST),
        }
    }

    fn all(&self) -> Vec<IpAddr> {
        all(&self.addresses)
    }

    fn resolved(&self, device: &Arc<str>, cause: Cause) -> Resolved {
        Resolved { device: Arc::clone(device), address: self.current, all: self.all(), cause }
    }
}

/// Whichever order a resolver answers in.
fn all(addresses: &[SocketAddr]) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Between three quarters of a pause and five: names that were looked up at once part from each other.
fn spread(device: &str, round: u32, pause: Duration) -> Duration {
    pause * 3 / 4 + fraction(device, round, pause / 2)
}

/// A share of `whole` that name and round pick.
fn fraction(device: &str, round: u32, whole: Duration) -> Duration {
    let mut hasher = std::hash::DefaultHasher::new();
    (device, round).hash(&mut hasher);
    let nanoseconds = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX).max(1);
    Duration::from_nanos(hasher.finish() % nanoseconds)
}

#[cfg(test)]
mod tests;
