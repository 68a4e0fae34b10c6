//! The last hour of what matters most, for the page's small curves: a point a minute, in memory alone.
//!
//! Bounded whatever the fleet: [`SERIES_MAX`] series of [`POINTS`] points of four octets are 24 MB. A small fleet
//! has up to [`SERIES_A_DEVICE_MAX`] a device, one of 10,000 devices ten, one of 100,000 one; of what is beyond
//! that there is none. It is no store for analysis: that is Prometheus.
//!
//! Invariants: a point is a value that counted in its minute, or none (a failed poll, a restart): nothing is
//! drawn over a gap. A reading keeps its points when its device is learnt anew.

mod pick;

use crate::model::{Component, Now, Quantity, ReadingShape, Sample, Shape};
use crate::store::Published;
use pick::picks;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Points of a series.
pub(super) const POINTS: usize = 60;
/// Time between two of them: with [`POINTS`] an hour.
pub(super) const EVERY: Duration = Duration::from_secs(60);
/// Series in all.
const SERIES_MAX: usize = 100_000;
/// Series of one device: what a page shows of it before its outlets.
const SERIES_A_DEVICE_MAX: usize = 32;

/// Points from the oldest to the newest; `None`: nothing counted then.
pub(super) type Points = [Option<f32>; POINTS];

/// The points of all devices, and some of the fleet.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    /// How often points were taken: the place of the next one, modulo [`POINTS`].
    taken: usize,
    devices: HashMap<Arc<str>, Recording>,
    down: Ring,
    firing: Ring,
}

/// One device's.
#[derive(Debug)]
struct Recording {
    shape: Arc<Shape>,
    /// Places among the shape's readings.
    picks: Box<[u32]>,
    rings: Box<[Ring]>,
    /// When it was last there: those that are gone are dropped.
    seen: usize,
}

/// NaN: no point. Not an `Option`, which would take eight octets.
#[derive(Debug, Clone)]
struct Ring([f32; POINTS]);

impl Default for Ring {
    fn default() -> Self {
        Self([f32::NAN; POINTS])
    }
}

impl Ring {
    fn put(&mut self, taken: usize, value: Option<f32>) {
        if let Some(place) = self.0.get_mut(taken % POINTS) {
            *place = value.unwrap_or(f32::NAN);
        }
    }

    /// In order, the newest being that before `taken`.
    fn points(&self, taken: usize) -> Points {
        let mut points = [None; POINTS];
        for (at, point) in points.iter_mut().enumerate() {
            *point = self.0.get((taken + at) % POINTS).copied().filter(|it| it.is_finite());
        }
        points
    }
}

/// What a person sees of a device's past.
#[derive(Debug, Default)]
pub(super) struct Past {
    series: Vec<(Arc<Shape>, u32, Points)>,
}

impl Past {
    /// The points of that reading, if there are any.
    pub(super) fn of(&self, component: &Component, reading: &ReadingShape) -> Option<&Points> {
        let is_it = |(shape, at, _): &&(Arc<Shape>, u32, Points)| {
            shape
                .readings
                .get(*at as usize)
                .is_some_and(|it| is_same((shape.component_of(it), it), (Some(component), reading)))
        };
        self.series.iter().find(is_it).map(|(_, _, points)| points)
    }
}

fn is_same(
    (component, reading): (Option<&Component>, &ReadingShape),
    (other_component, other): (Option<&Component>, &ReadingShape),
) -> bool {
    let place = |it: Option<&Component>| it.map(|it| (it.kind, Arc::clone(&it.index)));
    reading.quantity == other.quantity
        && reading.name == other.name
        && place(component) == place(other_component)
}

impl History {
    /// Takes a point of everything.
    pub(super) fn take(&self, snapshot: &[Arc<Published>], firing: usize, now: Now) {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Recorded { taken, devices, down, firing: alerts } = &mut *recorded;
        let polled: Vec<&Arc<Published>> = snapshot.iter().filter(|it| !it.is_inventory()).collect();
        let room = SERIES_MAX.checked_div(polled.len()).unwrap_or(0).clamp(1, SERIES_A_DEVICE_MAX);
        for published in polled.iter().take(SERIES_MAX) {
            let shape = &published.batch().shape;
            let is_current = devices.get(published.device()).is_some_and(|it| Arc::ptr_eq(&it.shape, shape));
            // A failed poll may bring an empty shape: that is no reason to forget.
            if !is_current && !shape.readings.is_empty() {
                let before = devices.remove(published.device());
                let name = Arc::clone(&published.batch().source.device);
                devices.insert(name, Recording::new(shape, room, before));
            }
            if let Some(recording) = devices.get_mut(published.device()) {
                recording.take(published, *taken, now);
            }
        }
        devices.retain(|_, it| it.seen == *taken);
        let is_down = |it: &&&Arc<Published>| it.current(now).is_none();
        down.put(*taken, Some(count(polled.iter().filter(is_down).count())));
        alerts.put(*taken, Some(count(firing)));
        *taken += 1;
    }

    /// The past of one device.
    pub(super) fn of_device(&self, device: &str) -> Past {
        let recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(it) = recorded.devices.get(device) else { return Past::default() };
        let series = it.picks.iter().zip(&it.rings);
        let points = |(at, ring): (&u32, &Ring)| (Arc::clone(&it.shape), *at, ring.points(recorded.taken));
        Past { series: series.map(points).collect() }
    }

    /// How many devices were down, and how many alerts firing.
    pub(super) fn of_fleet(&self) -> (Points, Points) {
        let recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (recorded.down.points(recorded.taken), recorded.firing.points(recorded.taken))
    }
}

impl Recording {
    /// For that shape; what is known of the same readings goes on.
    fn new(shape: &Arc<Shape>, room: usize, before: Option<Self>) -> Self {
        let picks = picks(shape, room);
        let ring = |at: &u32| {
            let reading = shape.readings.get(*at as usize)?;
            let before = before.as_ref()?;
            let old = before.picks.iter().position(|it| {
                before.shape.readings.get(*it as usize).is_some_and(|it| {
                    is_same((before.shape.component_of(it), it), (shape.component_of(reading), reading))
                })
            })?;
            before.rings.get(old).cloned()
        };
        let rings = picks.iter().map(|at| ring(at).unwrap_or_default()).collect();
        Self { shape: Arc::clone(shape), picks, rings, seen: 0 }
    }

    fn take(&mut self, published: &Published, taken: usize, now: Now) {
        let current = published.current(now).filter(|it| Arc::ptr_eq(&it.shape, &self.shape));
        for (at, ring) in self.picks.iter().zip(&mut self.rings) {
            let sample = current.and_then(|it| it.samples.get(*at as usize).copied());
            ring.put(taken, sample.and_then(Sample::value).map(single));
        }
        self.seen = taken;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a curve of 28 pixels shows no more than an f32 holds")]
const fn single(value: f64) -> f32 {
    value as f32
}

#[expect(clippy::cast_precision_loss, reason = "a count of devices on a curve")]
const fn count(number: usize) -> f32 {
    number as f32
}

/// Whether a curve says anything of a quantity.
pub(super) const fn has_curve(quantity: Quantity) -> bool {
    !matches!(quantity, Quantity::State | Quantity::Energy)
}

#[cfg(test)]
mod tests;
