//! What the store promises: whole batches, last good values, age.

use super::{Published, Standing, Store, StoreSettings};
use crate::model::{
    Batch, Component, ComponentKind, Labels, Locator, Missing, Moment, Now, PollError, Quantity, Ratings,
    ReadingShape, Sample, Shape, Source, UnixMillis,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const READINGS: usize = 8;

fn at(seconds: u64) -> Now {
    let moment = Moment::after_zero(Duration::from_secs(seconds));
    Now { moment, unix: UnixMillis(i64::try_from(seconds).unwrap() * 1000) }
}

/// What stays the same from poll to poll.
#[derive(Clone)]
struct Device(Arc<Source>, Arc<Shape>);

fn device(name: &str) -> Device {
    let component = Component {
        kind: ComponentKind::Outlet,
        index: "1".into(),
        label: "Outlet 1".into(),
        ratings: Ratings::default(),
        labels: Labels::default(),
    };
    let reading = |at: usize| ReadingShape {
        component: 0,
        quantity: Quantity::Current,
        name: at.to_string().into(),
        source: Locator::default(),
        states: None,
    };
    let source = Source { device: name.into(), interval: Duration::from_secs(20), ..Source::default() };
    let shape = Shape { components: vec![component], readings: (0..READINGS).map(reading).collect() };
    Device(Arc::new(source), Arc::new(shape))
}

impl Device {
    fn batch(&self, time: Now, sample: Sample, error: Option<PollError>) -> Batch {
        Batch {
            source: Arc::clone(&self.0),
            time,
            duration: Duration::from_millis(5),
            shape: Arc::clone(&self.1),
            effort: crate::model::Effort::default(),
            samples: vec![sample; READINGS],
            error,
        }
    }

    fn good(&self, seconds: u64, value: f64) -> Batch {
        self.batch(at(seconds), Sample::Value(value), None)
    }

    fn failed(&self, seconds: u64) -> Batch {
        self.batch(at(seconds), Sample::Missing(Missing::Timeout), Some(PollError::Timeout))
    }
}

fn names(store: &Store) -> Vec<String> {
    store.snapshot().iter().map(|it| it.device().to_owned()).collect()
}

#[test]
fn devices_are_found_and_listed_by_name() {
    let store = Store::new(StoreSettings::default());
    assert!(store.is_empty() && store.snapshot().is_empty());
    for name in ["pdu-2", "pdu-10", "ups-1"] {
        store.publish(device(name).good(1, 1.0));
    }
    assert_eq!(names(&store), ["pdu-10", "pdu-2", "ups-1"]);
    assert_eq!(store.find("pdu-2").unwrap().device(), "pdu-2");
    store.remove("pdu-2");
    store.remove("never-there");
    assert!(store.find("pdu-2").is_none());
    assert_eq!(names(&store), ["pdu-10", "ups-1"]);
    store.publish(device("pdu-1").good(2, 1.0));
    assert_eq!(names(&store), ["pdu-1", "pdu-10", "ups-1"]);
}

#[test]
fn a_failed_poll_keeps_the_last_good_batch_beside_it() {
    let store = Store::new(StoreSettings::default());
    let device = device("pdu");
    store.publish(device.failed(1));
    assert!(store.find("pdu").unwrap().last_good().is_none(), "nothing good yet");
    store.publish(device.good(2, 23.4));
    store.publish(device.failed(3));
    store.publish(device.failed(4));
    let published = store.find("pdu").unwrap();
    assert_eq!(
        published.batch().samples[0],
        Sample::Missing(Missing::Timeout),
        "no old value in a new batch"
    );
    assert_eq!(published.standing(at(4)), Standing::Failed);
    let good = published.last_good().unwrap();
    assert_eq!((good.samples[0], good.time), (Sample::Value(23.4), at(2)));
    store.publish(device.good(5, 24.0));
    let published = store.find("pdu").unwrap();
    assert!(std::ptr::eq(published.last_good().unwrap(), published.batch()));
    assert_eq!(published.standing(at(5)), Standing::Up);
}

#[test]
fn the_last_good_batch_outlives_a_new_shape() {
    let store = Store::new(StoreSettings::default());
    store.publish(device("pdu").good(1, 23.4));
    let unlearnt = Device(device("pdu").0, Arc::default());
    store.publish(Batch { samples: Vec::new(), ..unlearnt.failed(2) });
    let published = store.find("pdu").unwrap();
    assert!(published.batch().shape.readings.is_empty());
    assert_eq!(published.last_good().unwrap().shape.readings.len(), READINGS);
}

#[test]
fn a_batch_is_stale_after_three_intervals() {
    let store = Store::new(StoreSettings::default());
    store.publish(device("pdu").good(100, 1.0));
    let published = store.find("pdu").unwrap();
    for (now, standing) in [(100, Standing::Up), (160, Standing::Up), (161, Standing::Stale)] {
        assert_eq!(published.standing(at(now)), standing, "at {now}");
    }
    assert_eq!(published.age(at(161)), Duration::from_secs(61));
    assert_eq!(published.age(at(99)), Duration::ZERO, "a reader's clock reading may be older than the batch");
}

#[test]
fn no_batch_is_stale_before_the_minimum() {
    let store = Store::new(StoreSettings::default());
    let Device(source, shape) = device("pdu");
    let fast = Source { interval: Duration::from_secs(1), ..(*source).clone() };
    store.publish(Device(Arc::new(fast), shape).good(100, 1.0));
    let published = store.find("pdu").unwrap();
    assert!(!published.is_stale(at(130)));
    assert!(published.is_stale(at(131)));
}

#[test]
fn a_failed_poll_grows_stale_too() {
    let store = Store::new(StoreSettings::default());
    store.publish(device("pdu").failed(100));
    assert_eq!(store.find("pdu").unwrap().standing(at(161)), Standing::Stale);
}

#[test]
fn label_texts_are_made_once_for_a_source_and_shape() {
    let store = Store::new(StoreSettings::default());
    let learnt = device("pdu");
    let series_at = |store: &Store| std::ptr::from_ref(store.find("pdu").unwrap().series());
    store.publish(learnt.good(1, 1.0));
    let first = store.find("pdu").unwrap();
    let before = std::ptr::from_ref(first.series());
    store.publish(learnt.good(2, 1.0));
    store.publish(learnt.failed(3));
    assert_eq!(series_at(&store), before);
    store.publish(device("pdu").good(4, 1.0));
    assert_ne!(series_at(&store), before, "learnt anew");
}

#[test]
fn operator_labels_and_duplicates_in_label_texts() {
    let Device(source, shape) = device("p\"du");
    let labels = Labels::new([("rack-row", "7"), ("rack_row", "8"), ("device", "mine"), ("site", "ams\n1")]);
    let source = Source { labels, ..(*source).clone() };
    let mut doubled = (*shape).clone();
    doubled.readings = [&*shape.readings, &*shape.readings].concat().into();
    let series = super::Series::new(&source, &doubled, &super::Orders::default());
    let text = |it: &[u8]| String::from_utf8(it.to_vec()).unwrap();
    assert_eq!(text(series.head()), r#"{device="p\"du""#);
    let tail = r#",label_device="mine",rack_row="7",label_rack_row="8",site="ams\n1"} "#;
    assert_eq!(text(series.tail().octets()), tail);
    assert_eq!(series.of(Quantity::Current).len(), READINGS);
    assert_eq!(series.of(Quantity::Voltage).len(), 0);
    assert_eq!(series.dropped(), u32::try_from(READINGS).unwrap());
    let line = series.of(Quantity::Current)[7];
    assert_eq!(text(series.component(line).octets()), r#",component="outlet",index="1",name="Outlet 1""#);
    assert_eq!(text(series.name(line).octets()), r#",reading="7""#);
}

#[test]
fn devices_of_a_kind_share_the_order_of_their_series() {
    let orders = super::Orders::default();
    let (Device(source, one), Device(_, mut other)) = (device("pdu-1"), device("pdu-2"));
    let series = |shape: &Shape| super::Series::new(&source, shape, &orders);
    assert!(!series(&one).shares_order_with(&series(&other)), "not known to be alike");
    {
        let other = Arc::make_mut(&mut other);
        other.components[0].label = "Mail server".into();
        other.share_with(&one);
    }
    let (first, second) = (series(&one), series(&other));
    assert!(first.shares_order_with(&second));
    let of = |it: &super::Series| {
        String::from_utf8(it.component(it.of(Quantity::Current)[1]).octets().to_vec()).unwrap()
    };
    assert_eq!(of(&first), r#",component="outlet",index="1",name="Outlet 1""#);
    assert_eq!(of(&second), r#",component="outlet",index="1",name="Mail server""#);
    // Components that cannot be told apart: the first stays.
    let twice = Arc::make_mut(&mut other);
    twice.components.push(twice.components[0].clone());
    let mut readings = twice.readings.to_vec();
    readings.push(ReadingShape { component: 1, ..readings[0].clone() });
    twice.readings = readings.into();
    let third = series(twice);
    assert_eq!((third.dropped(), third.components().count()), (1, 1));
}

#[test]
fn quantities_and_reasons_stand_in_the_order_of_their_lists() {
    for (at, it) in Quantity::ALL.into_iter().enumerate() {
        assert_eq!(it as usize, at, "Series and the exposition count on it");
    }
    for (at, it) in Missing::ALL.into_iter().enumerate() {
        assert_eq!(it as usize, at, "the exposition counts on it");
    }
}

/// Goal: whatever writers do, a reader sees batches of one generation. Method: writers publish batches
/// whose samples and time all hold the same number, and add and remove other devices; readers check.
#[test]
fn readers_see_whole_batches() {
    const GENERATIONS: u64 = 3_000;
    let store = Store::new(StoreSettings::default());
    let stop = AtomicBool::new(false);
    let whole = |published: &Published| {
        let generation = published.batch().time.moment;
        for batch in [Some(published.batch()), published.last_good()].into_iter().flatten() {
            let value = Duration::from_nanos(batch.time.moment.nanoseconds()).as_secs_f64();
            let expected =
                if batch.error.is_none() { Sample::Value(value) } else { Sample::Missing(Missing::Timeout) };
            assert_eq!(batch.samples.len(), READINGS);
            assert!(batch.samples.iter().all(|it| *it == expected), "torn: {batch:?}");
        }
        assert!(published.last_good().is_none_or(|it| it.time.moment <= generation));
        generation
    };
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let store = &store;
                scope.spawn(move || {
                    let steady = device(&format!("steady-{writer}"));
                    let passing = device(&format!("passing-{writer}"));
                    for generation in 1..=GENERATIONS {
                        let failed = generation % 7 == 0;
                        store.publish(if failed {
                            steady.failed(generation)
                        } else {
                            steady.good(generation, Duration::from_secs(generation).as_secs_f64())
                        });
                        store.publish(passing.good(5, 5.0));
                        if generation % 3 == 0 {
                            store.remove(&passing.0.device);
                        }
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                let mut newest = Moment::ZERO;
                while !stop.load(Ordering::Relaxed) {
                    let snapshot = store.snapshot();
                    assert!(snapshot.is_sorted_by(|left, right| left.device() < right.device()));
                    for it in &snapshot {
                        assert!(whole(it) <= at(GENERATIONS).moment);
                    }
                    if let Some(it) = store.find("steady-0") {
                        let generation = whole(&it);
                        assert!(newest <= generation, "time goes forward");
                        newest = generation;
                    }
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let ended = store.find("steady-0").unwrap().batch().time;
    assert_eq!(ended, at(GENERATIONS));
}
