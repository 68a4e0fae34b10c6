//! What a comparison costs, the state of its alert included: 100,000 readings under 20 rules each.
//!
//! The figure to hold: at most 20 ns a comparison. Criterion's throughput counts comparisons, so
//! 100 Melem/s are 10 ns each. Times are CPU time of the thread, so that neighbours do not count.

#![expect(clippy::unwrap_used, reason = "a bench: a panic is a failure")]

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rackwarden::alert::{DeviceAlerts, Transition};
use rackwarden::model::{
    Batch, Component, ComponentKind, Moment, Now, Oid, Quantity, Ratings, ReadingShape, Sample, Shape,
    Source, UnixMillis,
};
use rackwarden::rules::{LevelInput, RuleInput, Ruleset, check_all};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const DEVICES: u32 = 2000;
const READINGS: u32 = 50;
const RULES: u32 = 20;

/// All devices, each bound to all rules, with a calm batch and one in which 1 % of the readings lie
/// beyond every threshold.
struct Room {
    devices: Vec<DeviceAlerts>,
    calm: Vec<Batch>,
    crossing: Vec<Batch>,
    polls: u64,
    out: Vec<Transition>,
}

impl Room {
    fn new() -> Self {
        let (ruleset, shape) = (ruleset(), shape());
        let sources: Vec<Arc<Source>> = (0..DEVICES)
            .map(|at| Arc::new(Source { device: format!("pdu-{at}").into(), ..Source::default() }))
            .collect();
        let mut out = Vec::new();
        let devices = sources
            .iter()
            .map(|source| {
                DeviceAlerts::bind(&ruleset, source, &shape, None, Vec::new(), Now::default(), &mut out)
            })
            .collect();
        let batches = |is_crossing: bool| {
            (0u32..)
                .zip(&sources)
                .map(|(device, source)| {
                    batch(source, &shape, |reading| is_crossing && (device * READINGS + reading) % 100 == 7)
                })
                .collect()
        };
        Self { devices, calm: batches(false), crossing: batches(true), polls: 0, out }
    }

    fn comparisons(&self) -> u64 {
        self.devices.iter().map(|it| it.comparisons() as u64).sum()
    }

    fn poll(&mut self, is_crossing: bool) -> usize {
        self.polls += 1;
        let moment = Moment::after_zero(Duration::from_secs(10 * self.polls));
        let batches = if is_crossing { &mut self.crossing } else { &mut self.calm };
        for (device, batch) in self.devices.iter_mut().zip(batches) {
            batch.time = Now { moment, unix: UnixMillis(0) };
            device.evaluate(batch, &mut self.out);
        }
        let said = self.out.len();
        self.out.clear();
        said
    }
}

fn ruleset() -> Ruleset {
    let inputs: Vec<RuleInput> = (0..RULES)
        .map(|at| {
            let (is_low, step) = (at % 4 == 3, f64::from(at));
            let level = |value, clear| Some(LevelInput { value: Some(value), clear: Some(clear) });
            let (operator, warning, critical) = if is_low {
                ("<", level(1.0 + step / 10.0, 4.0), level(0.5, 0.5))
            } else {
                (">", level(20.0 + step / 10.0, 19.0), level(25.0, 23.0))
            };
            RuleInput {
                name: format!("rule {at}"),
                rule_type: "reading".to_owned(),
                trigger: "current".to_owned(),
                operator: Some(operator.to_owned()),
                warning,
                critical,
                ..RuleInput::default()
            }
        })
        .collect();
    Ruleset::compile(check_all(&inputs).unwrap())
}

fn shape() -> Arc<Shape> {
    let (kind, ratings) = (ComponentKind::Outlet, Ratings::default());
    let index = |at: u32| at.to_string().into_boxed_str();
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
                source: Oid::new(&[1, 3, 6, 1, 4, 1, component]),
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
    let mut room = Room::new();
    let mut group = criterion.benchmark_group("rules");
    group.throughput(Throughput::Elements(room.comparisons())).sample_size(20);
    group.bench_function("calm", |it| it.iter(|| black_box(room.poll(false))));
    room.poll(true);
    group.bench_function("1 % firing", |it| it.iter(|| black_box(room.poll(true))));
    let mut flip = false;
    group.bench_function("1 % crossing each poll", |it| {
        it.iter(|| {
            flip = !flip;
            black_box(room.poll(!flip))
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("bind a device", |it| {
        let (ruleset, shape) = (ruleset(), shape());
        let source = Arc::new(Source { device: "pdu".into(), ..Source::default() });
        it.iter_batched(
            Vec::new,
            |mut out| {
                DeviceAlerts::bind(&ruleset, &source, &shape, None, Vec::new(), Now::default(), &mut out)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
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
