//! The readings' store: of each device the batch of its last poll, and beside it the last batch whose
//! poll did not fail. Read without locks, aged. Inventory sources and their snapshots are kept alike.
//!
//! Sketch at 10,000 devices of 60 readings: a batch is 1 kB, label texts 2.5 kB, so 45 MB in all where
//! every device is failing (two batches each); `publish` is two atomic swaps and one small allocation;
//! `snapshot` is 10,000 atomic loads, under 1 ms.
//!
//! Invariants: a reader sees a batch whole or not at all; neither a reader nor a scrape ever blocks a
//! `publish` to a device that is already there. What a failed poll leaves behind is a batch whose samples all say why
//! they are missing: the store never carries an old value over into it. The last good batch is kept for
//! those who want to say "23.4 A, 40 s ago; now: timeout".

mod label_text;
mod padded;
mod published;
mod series;

pub(crate) use label_text::push_escaped;
pub(crate) use padded::{Padded, STEP};
pub use published::{Published, Standing};
use series::Orders;
pub(crate) use series::{Rating, Series};

use crate::model::Batch;
use crate::telemetry::store as events;
use arc_swap::ArcSwap;
use dashmap::DashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the store is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreSettings {
    /// After how many of its intervals without a new batch a device is stale. A poll that fails brings
    /// a batch too, so this is about polls that never end, not about devices that do not answer.
    pub stale_after_intervals: u32,
    /// No device is stale before this age, however short its interval: a poll may take as long as its
    /// time-outs and retries add up to.
    pub stale_after_minimum: Duration,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { stale_after_intervals: STALE_AFTER_INTERVALS, stale_after_minimum: STALE_AFTER_MINIMUM }
    }
}

/// Two lost polls are bad luck, three are a fault.
const STALE_AFTER_INTERVALS: u32 = 3;

/// Five seconds of time-out, twice repeated, for each of two requests.
const STALE_AFTER_MINIMUM: Duration = Duration::from_secs(30);

/// What the devices said last.
#[derive(Debug)]
pub struct Store {
    settings: StoreSettings,
    /// Only to find an entry by its device's name.
    entries: DashMap<Arc<str>, Arc<Entry>>,
    /// Moves when a device comes or goes.
    generation: AtomicU64,
    /// The entries by name, as they were at one generation. Rebuilt by the first snapshot that finds it
    /// behind, so that 10,000 first polls do not rebuild it 10,000 times.
    index: ArcSwap<Index>,
    /// What label texts of devices of a kind share.
    orders: Arc<Orders>,
    /// Held by the one reader that rebuilds the index.
    rebuild: Mutex<()>,
}

/// Where in the store a device is, for its publisher.
#[derive(Debug, Default)]
pub struct Place {
    entry: Option<Arc<Entry>>,
    /// What was published before the last batch.
    spare: Option<Arc<Published>>,
}

#[derive(Debug)]
struct Entry {
    device: Arc<str>,
    published: ArcSwap<Published>,
}

#[derive(Debug, Default)]
struct Index {
    generation: u64,
    entries: Box<[Arc<Entry>]>,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(settings: StoreSettings) -> Self {
        Self {
            settings,
            entries: DashMap::new(),
            generation: AtomicU64::new(0),
            index: ArcSwap::default(),
            orders: Arc::default(),
            rebuild: Mutex::new(()),
        }
    }

    /// Takes what a poll brought. The first batch of a device adds it. Each device has one publisher at
    /// a time: of two at once, either batch may stay.
    pub fn publish(&self, batch: Batch) {
        let entry = self.entries.get(&batch.source.device).map(|it| Arc::clone(&it));
        match entry {
            Some(entry) => {
                let next = entry.published.load().followed_by(batch, self.settings);
                entry.published.store(Arc::new(next));
            }
            None => drop(self.add(batch)),
        }
    }

    /// The same, for a publisher that remembers the device's place from one batch to the next, until it
    /// [removes](Self::remove) the device: then no name is looked up, and what the batch before the last one
    /// took is used again, if no reader holds it.
    pub fn publish_at(&self, place: &mut Place, batch: &Batch) {
        if place.entry.is_none() {
            place.entry = self.entries.get(&batch.source.device).map(|it| Arc::clone(&it));
        }
        let Some(entry) = &place.entry else {
            place.entry = Some(self.add(batch.clone()));
            return;
        };
        let mut next = place.spare.take();
        let is_reused = next.as_mut().and_then(Arc::get_mut).is_some_and(|it| it.take(batch));
        let next = next
            .filter(|_| is_reused)
            .unwrap_or_else(|| Arc::new(entry.published.load().followed_by(batch.clone(), self.settings)));
        place.spare = Some(entry.published.swap(next));
    }

    fn add(&self, batch: Batch) -> Arc<Entry> {
        let device = Arc::clone(&batch.source.device);
        let first = Published::first(batch, self.settings, &self.orders);
        let is_device = !first.is_inventory();
        let published = ArcSwap::from_pointee(first);
        let entry = Arc::new(Entry { device: Arc::clone(&device), published });
        if self.entries.insert(device, Arc::clone(&entry)).is_none() && is_device {
            events::device_added();
        }
        self.generation.fetch_add(1, Ordering::Release);
        entry
    }

    /// Forgets a device: it is no longer in the config. Its poll must have ended: a later
    /// [`Self::publish`] would add it again.
    pub fn remove(&self, device: &str) {
        if let Some((_, entry)) = self.entries.remove(device) {
            self.generation.fetch_add(1, Ordering::Release);
            if !entry.published.load().is_inventory() {
                events::device_removed();
            }
        }
    }

    /// What that device said last.
    #[must_use]
    pub fn find(&self, device: &str) -> Option<Arc<Published>> {
        self.entries.get(device).map(|it| it.published.load_full())
    }

    /// What all devices said last, by name. Each is whole; between two of them a poll may have ended.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Arc<Published>> {
        self.current_index().entries.iter().map(|it| it.published.load_full()).collect()
    }

    /// How many devices there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no device has been polled yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn current_index(&self) -> Arc<Index> {
        let index = self.index.load_full();
        if index.generation == self.generation.load(Ordering::Acquire) {
            return index;
        }
        let _only_one = self.rebuild.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.generation.load(Ordering::Acquire);
        let index = self.index.load_full();
        if index.generation == generation {
            return index;
        }
        let mut entries: Vec<Arc<Entry>> = self.entries.iter().map(|it| Arc::clone(it.value())).collect();
        entries.sort_unstable_by(|left, right| left.device.cmp(&right.device));
        let rebuilt = Arc::new(Index { generation, entries: entries.into() });
        self.index.store(Arc::clone(&rebuilt));
        rebuilt
    }
}

#[cfg(test)]
mod tests;
