//! What a comparison costs, the state of its alert included: 1,000,000 readings under 20 rules each;
//! beside it, in the same run, the bare comparisons of a flat list without any state. Then what it
//! costs to bind 100,000 rules x objects, and how much memory a bound comparison takes.
//!
//! The figures to hold: at most 5 ns a comparison, 1 s for the binding, 64 bytes a comparison.
//! Criterion's throughput counts comparisons, so 200 Melem/s are 5 ns each. Times are CPU time of the
//! thread, so that neighbours do not count.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench: a panic is a failure")]

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rackwarden::alert::{DeviceAlerts, Transition};
use rackwarden::model::{
    Batch, Component, ComponentKind, Moment, Now, Oid, Quantity, Ratings, ReadingShape, Sample, Shape,
    Source, UnixMillis,
};
use rackwarden::rules::{ApplyTo, LevelInput, RuleInput, Ruleset, check_all};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const DEVICES: u32 = 20_000;
const READINGS: u32 = 50;
const RULES: u32 = 20;

/// All devices, each bound to all rules, with a calm batch and one in which 1 % of the readings lie
/// beyond every threshold.
struct Room {
    devices: Vec<DeviceAlerts>,
    sources: Vec<Arc<Source>>,
    shape: Arc<Shape>,
    polls: u64,
    out: Vec<Transition>,
}

/// Whether devices need the same comparisons, or each its own.
#[derive(Clone, Copy, PartialEq)]
enum Alike {
    All,
    None,
}

impl Room {
    fn new(alike: Alike) -> Self {
        let sources: Vec<Arc<Source>> = (0..DEVICES)
            .map(|at| Arc::new(Source { device: format!("pdu-{at}").into(), ..Source::default() }))
            .collect();
        let (ruleset, shape) = (ruleset(alike, &sources), shape());
        let mut out = Vec::new();
        let devices = sources
            .iter()
            .map(|source| {
                DeviceAlerts::bind(&ruleset, source, &shape, None, Vec::new(), Now::default(), &mut out)
            })
            .collect();
        Self { devices, sources, shape, polls: 0, out }
    }

    fn batches(&self, is_crossing: bool) -> Vec<Batch> {
        (0u32..)
            .zip(&self.sources)
            .map(|(device, source)| {
                batch(source, &self.shape, |reading| is_crossing && (device * READINGS + reading) % 100 == 7)
            })
            .collect()
    }

    fn comparisons(&self) -> u64 {
        self.devices.iter().map(|it| it.comparisons() as u64).sum()
    }

    fn poll(&mut self, batches: &mut [Batch]) -> usize {
        self.polls += 1;
        let moment = Moment::after_zero(Duration::from_secs(10 * self.polls));
        for (device, batch) in self.devices.iter_mut().zip(batches) {
            batch.time = Now { moment, unix: UnixMillis(0) };
            device.evaluate(batch, &mut self.out);
        }
        let said = self.out.len();
        self.out.clear();
        said
    }
}

/// With `Alike::None` every device has a rating of its own, so that none can share its comparisons.
fn ruleset(alike: Alike, sources: &[Arc<Source>]) -> Ruleset {
    let inputs: Vec<RuleInput> = (0..RULES).map(|at| rule(at, alike)).collect();
    let ruleset = Ruleset::compile(check_all(&inputs).unwrap());
    if alike == Alike::All {
        return ruleset;
    }
    ruleset.with_device_ratings((0u32..).zip(sources).map(|(at, source)| {
        let rated = Ratings { current_amperes: Some(100.0 + f64::from(at) / 1e4), ..Ratings::default() };
        (Arc::clone(&source.device), vec![(ComponentKind::Outlet, rated)])
    }))
}

fn rule(at: u32, alike: Alike) -> RuleInput {
    let (is_low, step) = (at % 4 == 3, f64::from(at));
    let level =
        |value: f64, clear: f64| Some(LevelInput { value: Some(value.into()), clear: Some(clear.into()) });
    let (operator, warning, critical) = if is_low {
        ("<", level(2.0 + step / 10.0, 4.0), level(1.0, 1.0))
    } else {
        (">", level(20.0 + step / 10.0, 19.0), level(25.0, 23.0))
    };
    RuleInput {
        name: format!("rule {at}"),
        rule_type: "reading".to_owned(),
        trigger: if alike == Alike::All { "current" } else { "percent_of_rated" }.to_owned(),
        operator: Some(operator.to_owned()),
        warning,
        critical,
        ..RuleInput::default()
    }
}

fn shape() -> Arc<Shape> {
    let (kind, ratings) = (ComponentKind::Outlet, Ratings::default());
    let index = |at: u32| at.to_string().into();
    Arc::new(Shape {
        components: (0..READINGS)
            .map(|at| Component {
                kind,
                index: index(at),
                label: format!("Outlet {at}").into(),
                ratings,
                ..Component::default()
            })
            .collect(),
        readings: (0..READINGS)
            .map(|component| ReadingShape {
                component,
                quantity: Quantity::Current,
                name: "".into(),
                source: Oid::new(&[1, 3, 6, 1, 4, 1, component]).into(),
                states: None,
            })
            .collect(),
    })
}

fn batch(source: &Arc<Source>, shape: &Arc<Shape>, is_crossing: impl Fn(u32) -> bool) -> Batch {
    let sample = |it| Sample::Value(if is_crossing(it) { 30.0 } else { 5.0 + f64::from(it) / 10.0 });
    Batch {
        source: Arc::clone(source),
        time: Now::default(),
        duration: Duration::ZERO,
        shape: Arc::clone(shape),
        effort: rackwarden::model::Effort::default(),
        samples: (0..READINGS).map(sample).collect(),
        error: None,
    }
}

fn bench(criterion: &mut Criterion<CpuTime>) {
    // The one that needs more memory first: what it frees would hide what the other takes.
    for (alike, name) in [(Alike::None, "each device its own"), (Alike::All, "devices alike")] {
        evaluate(criterion, alike, name);
    }
    bare(criterion);
    bind(criterion);
}

fn evaluate(criterion: &mut Criterion<CpuTime>, alike: Alike, name: &str) {
    let before = resident_bytes();
    let mut room = Room::new(alike);
    let comparisons = room.comparisons();
    // Against noise of the allocator a figure below a byte says: next to nothing.
    let bytes = resident_bytes().saturating_sub(before) * 10 / comparisons;
    println!("rules/{name}: {comparisons} bound comparisons, {}.{} bytes each", bytes / 10, bytes % 10);
    assert!(bytes <= 640, "more than 64 bytes a bound comparison");
    let mut group = criterion.benchmark_group(format!("rules/{name}"));
    group.throughput(Throughput::Elements(comparisons)).sample_size(10);
    let (mut calm, mut crossing) = (room.batches(false), room.batches(true));
    group.bench_function("calm", |it| it.iter(|| black_box(room.poll(&mut calm))));
    room.poll(&mut crossing);
    group.bench_function("1 % firing", |it| it.iter(|| black_box(room.poll(&mut crossing))));
    let mut flip = false;
    group.bench_function("1 % crossing each poll", |it| {
        it.iter(|| {
            flip = !flip;
            black_box(room.poll(if flip { &mut calm } else { &mut crossing }))
        });
    });
    group.finish();
}

/// The same comparisons as a flat list, without state: what there is to beat.
fn bare(criterion: &mut Criterion<CpuTime>) {
    let readings = DEVICES * READINGS;
    let values: Vec<f64> = (0..readings).map(|it| 5.0 + f64::from(it % READINGS) / 10.0).collect();
    let edges: Vec<(f64, u32)> = (0..readings)
        .flat_map(|slot| (0..RULES).map(move |rule| (20.0 + f64::from(rule) / 10.0, slot)))
        .collect();
    let mut group = criterion.benchmark_group("rules/bare");
    group.throughput(Throughput::Elements(edges.len() as u64)).sample_size(10);
    group.bench_function("flat list", |it| {
        it.iter(|| {
            let beyond = edges.iter().filter(|(edge, slot)| *edge < values[*slot as usize]).count();
            black_box(beyond)
        });
    });
    group.finish();
}

/// 100,000 rules x objects: 100 devices with 50 readings under 20 rules; and 2,000 rules for one device
/// each beside 50 that look at all labels, on 2,000 devices.
fn bind(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("rules/bind");
    group.throughput(Throughput::Elements(100_000)).sample_size(10);
    let shape = shape();
    let sources: Vec<Arc<Source>> = (0..2000)
        .map(|at| Arc::new(Source { device: format!("pdu-{at}").into(), ..Source::default() }))
        .collect();
    group.bench_function("20 rules x 5,000 readings", |it| {
        it.iter(|| {
            let ruleset = ruleset(Alike::All, &sources);
            let bound: usize = sources.iter().take(100).map(|it| bound(&ruleset, it, &shape)).sum();
            assert_eq!(bound, 100_000);
        });
    });
    let chosen = |at: u32| RuleInput {
        name: format!("chosen {at}"),
        apply_to: ApplyTo::Objects(vec![format!("pdu-{at}")]),
        ..rule(at % RULES, Alike::All)
    };
    let matching = |at: u32| RuleInput {
        name: format!("matching {at}"),
        apply_to: ApplyTo::Match(vec![("site".to_owned(), format!("ams-{at}-*"))]),
        ..rule(at % RULES, Alike::All)
    };
    let inputs: Vec<RuleInput> = (0..2000).map(chosen).chain((0..50).map(matching)).collect();
    group.bench_function("2,000 rules for one device each", |it| {
        it.iter(|| {
            let ruleset = Ruleset::compile(check_all(&inputs).unwrap());
            let bound: usize = sources.iter().map(|it| bound(&ruleset, it, &shape)).sum();
            assert_eq!(bound, 100_000);
        });
    });
    group.finish();
}

fn bound(ruleset: &Ruleset, source: &Arc<Source>, shape: &Arc<Shape>) -> usize {
    let (out, now) = (&mut Vec::new(), Now::default());
    DeviceAlerts::bind(ruleset, source, shape, None, Vec::new(), now, out).comparisons()
}

/// What the process holds in memory now.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// CPU time of this thread.
struct CpuTime;

impl CpuTime {
    fn now() -> Duration {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
        let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Duration::from_micros(u64::try_from(microseconds).unwrap())
    }
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, start: Duration) -> Duration {
        Self::now() - start
    }

    fn add(&self, left: &Duration, right: &Duration) -> Duration {
        *left + *right
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_secs_f64() * 1e9
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = bench
}
criterion_main!(benches);
