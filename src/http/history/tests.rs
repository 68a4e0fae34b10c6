//! The hour that is kept: gaps, learnings anew, and how much memory it takes.

use super::{History, POINTS, SERIES_A_DEVICE_MAX, SERIES_MAX};
use crate::model::{
    Batch, Component, ComponentKind, Locator, Moment, Now, PollError, Quantity, ReadingShape, Sample, Shape,
    Source, UnixMillis,
};
use crate::store::{Store, StoreSettings};
use std::sync::Arc;
use std::time::Duration;

fn at(minute: u64) -> Now {
    Now { moment: Moment::after_zero(Duration::from_secs(60 * minute)), unix: UnixMillis(0) }
}

fn reading(component: u32, quantity: Quantity) -> ReadingShape {
    ReadingShape { component, quantity, name: "".into(), source: Locator::default(), states: None }
}

fn component(kind: ComponentKind, index: &str) -> Component {
    Component { kind, index: index.into(), ..Component::default() }
}

/// A PDU of one infeed and so many outlets, anew each time, as if it had just been learnt.
fn shape(outlets: u32) -> Arc<Shape> {
    let mut components = vec![component(ComponentKind::Infeed, "1")];
    let mut readings =
        vec![reading(0, Quantity::Energy), reading(0, Quantity::Voltage), reading(0, Quantity::Current)];
    for outlet in 1..=outlets {
        components.push(component(ComponentKind::Outlet, &outlet.to_string()));
        readings.push(reading(outlet, Quantity::Current));
    }
    Arc::new(Shape { components, readings: readings.into() })
}

fn batch(device: &str, shape: &Arc<Shape>, value: f64, time: Now) -> Batch {
    Batch {
        source: Arc::new(Source {
            device: device.into(),
            interval: Duration::from_secs(60),
            ..Source::default()
        }),
        time,
        duration: Duration::ZERO,
        effort: crate::model::Effort::default(),
        samples: vec![Sample::Value(value); shape.readings.len()],
        shape: Arc::clone(shape),
        error: None,
    }
}

fn current(history: &History, device: &str) -> Vec<Option<f32>> {
    let infeed = component(ComponentKind::Infeed, "1");
    let past = history.of_device(device);
    past.of(&infeed, &reading(0, Quantity::Current)).map_or_else(Vec::new, |it| it.to_vec())
}

#[test]
fn an_hour_is_kept_over_gaps_and_learnings() {
    let (store, history) = (Store::new(StoreSettings::default()), History::default());
    let mut learnt = shape(2);
    for minute in 0..70 {
        if minute == 65 {
            learnt = shape(3);
        }
        let mut next = batch("pdu", &learnt, f64::from(u32::try_from(minute).unwrap()), at(minute));
        if minute == 68 {
            next.error = Some(PollError::Timeout);
        }
        store.publish(next);
        history.take(&store.snapshot(), 0, at(minute));
    }
    let points = current(&history, "pdu");
    assert_eq!(points.len(), POINTS);
    assert_eq!(points[0], Some(10.0), "an hour before the newest");
    assert_eq!(points[POINTS - 3..], [Some(67.0), None, Some(69.0)], "a failed poll is a gap");
    assert!(points[..POINTS - 2].iter().all(Option::is_some), "learnt anew, the same reading goes on");
    let down = history.of_fleet().0;
    assert_eq!(down[POINTS - 3..], [Some(0.0), Some(1.0), Some(0.0)]);
}

#[test]
fn a_device_that_is_gone_is_forgotten() {
    let (store, history) = (Store::new(StoreSettings::default()), History::default());
    store.publish(batch("pdu", &shape(1), 1.0, at(0)));
    history.take(&store.snapshot(), 3, at(0));
    assert_eq!(current(&history, "pdu").last(), Some(&Some(1.0)));
    assert_eq!(history.of_fleet().1.last(), Some(&Some(3.0)));
    store.remove("pdu");
    history.take(&store.snapshot(), 0, at(1));
    assert_eq!(current(&history, "pdu"), []);
}

#[test]
fn the_memory_of_any_fleet_is_bounded() {
    let kept = |devices: usize| {
        let (store, history) = (Store::new(StoreSettings::default()), History::default());
        let shape = shape(48);
        for number in 0..devices {
            store.publish(batch(&format!("pdu-{number}"), &shape, 1.0, at(0)));
        }
        history.take(&store.snapshot(), 0, at(0));
        let recorded = history.0.lock().unwrap();
        recorded.devices.values().map(|it| it.rings.len()).sum::<usize>()
    };
    assert_eq!(kept(3), 3 * SERIES_A_DEVICE_MAX);
    let many = 20_000;
    assert_eq!(kept(many), SERIES_MAX, "five each");
    assert_eq!(size_of::<super::Ring>(), 4 * POINTS);
}

#[test]
fn what_matters_is_kept_first() {
    let one = super::picks(&shape(48), 1);
    assert_eq!(*one, [2], "the infeed's current, before its voltage, its energy and its outlets");
}
