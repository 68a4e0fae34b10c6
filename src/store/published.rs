//! What is published of one device: its last batch, the last good one, and how old it may grow.

use super::series::Orders;
use super::{Series, StoreSettings};
use crate::model::{Batch, Now};
use crate::telemetry::store as events;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How a device or inventory stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its last poll brought an answer, not long ago.
    Up,
    /// Its last poll failed as a whole. Of an inventory: its last good snapshot still counts.
    Failed,
    /// There has been no poll for too long, whatever the last one brought. Of an inventory: no good
    /// snapshot.
    Stale,
}

/// What one device said last. Immutable: a poll replaces it.
#[derive(Debug)]
pub struct Published {
    batch: Batch,
    /// What was published when a poll last went well, if the last one did not.
    good: Option<Arc<Self>>,
    stale_after: Duration,
    /// The label texts, made at the first scrape and handed on from batch to batch for as long as
    /// source and shape are the same `Arc`s.
    series: Arc<Labelled>,
}

/// Label texts that may not have been made yet.
#[derive(Debug)]
struct Labelled {
    series: OnceLock<Series>,
    orders: Arc<Orders>,
}

impl Labelled {
    fn none_yet(orders: &Arc<Orders>) -> Arc<Self> {
        Arc::new(Self { series: OnceLock::new(), orders: Arc::clone(orders) })
    }
}

impl Published {
    pub(super) fn first(batch: Batch, settings: StoreSettings, orders: &Arc<Orders>) -> Self {
        Self::new(batch, None, Labelled::none_yet(orders), settings)
    }

    /// What stands after the next poll.
    pub(super) fn followed_by(self: &Arc<Self>, batch: Batch, settings: StoreSettings) -> Self {
        let same =
            Arc::ptr_eq(&self.batch.source, &batch.source) && Arc::ptr_eq(&self.batch.shape, &batch.shape);
        let series = if same { Arc::clone(&self.series) } else { Labelled::none_yet(&self.series.orders) };
        let good = match (&batch.error, &self.batch.error) {
            (None, _) => None,
            (Some(_), None) => Some(Arc::clone(self)),
            (Some(_), Some(_)) => self.good.clone(),
        };
        Self::new(batch, good, series, settings)
    }

    /// Becomes what stands after a poll that went well, in the place of an older one; not if it is of another
    /// source or shape, or the poll failed.
    pub(super) fn take(&mut self, batch: &Batch) -> bool {
        let own = &mut self.batch;
        let same = Arc::ptr_eq(&own.source, &batch.source) && Arc::ptr_eq(&own.shape, &batch.shape);
        if !same || batch.error.is_some() {
            return false;
        }
        own.take_samples(batch);
        self.good = None;
        true
    }

    fn new(batch: Batch, good: Option<Arc<Self>>, series: Arc<Labelled>, settings: StoreSettings) -> Self {
        let intervals = batch.source.interval.saturating_mul(settings.stale_after_intervals);
        let stale_after = intervals.max(settings.stale_after_minimum);
        Self { batch, good, stale_after, series }
    }

    /// The device's name.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.batch.source.device
    }

    /// What the last poll brought, failed or not.
    #[must_use]
    pub const fn batch(&self) -> &Batch {
        &self.batch
    }

    /// What the last poll that did not fail brought.
    #[must_use]
    pub fn last_good(&self) -> Option<&Batch> {
        if self.batch.error.is_none() { Some(&self.batch) } else { self.good.as_ref().map(|it| &it.batch) }
    }

    /// Whether it is an inventory, not a device.
    #[must_use]
    pub fn is_inventory(&self) -> bool {
        self.batch.source.kind.is_inventory()
    }

    /// The batch whose values count now. Of a device that is its last one, while it is up; what an
    /// inventory knows moves slowly, so that its last good snapshot counts until it is stale.
    #[must_use]
    pub fn current(&self, now: Now) -> Option<&Batch> {
        match self.standing(now) {
            Standing::Up => Some(&self.batch),
            Standing::Failed if self.is_inventory() => self.last_good(),
            Standing::Failed | Standing::Stale => None,
        }
    }

    /// How long ago the last poll ended.
    #[must_use]
    pub fn age(&self, now: Now) -> Duration {
        now.moment.since(self.batch.time.moment)
    }

    /// Whether the last poll (of an inventory: the last good snapshot) is too long ago: its values are no
    /// longer current.
    #[must_use]
    pub fn is_stale(&self, now: Now) -> bool {
        let last = match self.last_good() {
            Some(good) if self.is_inventory() => good,
            _ => &self.batch,
        };
        self.stale_after < now.moment.since(last.time.moment)
    }

    /// How the device stands.
    #[must_use]
    pub fn standing(&self, now: Now) -> Standing {
        if self.is_stale(now) {
            Standing::Stale
        } else if self.batch.error.is_some() {
            Standing::Failed
        } else {
            Standing::Up
        }
    }

    /// The label texts of its readings.
    pub(crate) fn series(&self) -> &Series {
        self.series.series.get_or_init(|| {
            let series = Series::new(&self.batch.source, &self.batch.shape, &self.series.orders);
            if series.dropped() != 0 {
                events::series_dropped(self.device(), series.dropped());
            }
            series
        })
    }
}
