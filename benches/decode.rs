//! The hot path of profiles, decoding a poll's answers, and the cold one that each command pays,
//! loading the MIB names and the profiles.
//!
//! Sketch: 10,000 agents of 60 cells each 10 s are 60,000 cells a second; at 20 ns a cell that is
//! 0.12 % of a core.

#![expect(clippy::unwrap_used, reason = "a bench: a panic is a failure")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rackwarden::mib::Mibs;
use rackwarden::model::{Cells, Oid, Value};
use rackwarden::profile::{Learned, Plan, ProfileFile, ProfileSet, SystemGroup};
use rackwarden::snmp::wire::{
    ErrorStatus, Names, PduKind, Version, decode as wire_decode, encode_message, encode_varbinds,
};
use rackwarden::snmp::{GetJob, GetLimits};
use std::hint::black_box;
use std::sync::Arc;

/// 60 cells: phases with current (tenths), voltage, power, a state and a number sent as text.
const PROFILE: &str = r#"
[profile]
name = "bench"
[match]
probe = "1.3.6.1.4.1.99999"
[[component]]
kind = "phase"
  [[component.reading]]
  quantity = "current"
  oid = "1.3.6.1.4.1.99999.1"
  scale = 0.1
  missing = [-1]
  range = [0, 100000]
  [[component.reading]]
  quantity = "voltage"
  oid = "1.3.6.1.4.1.99999.2"
  [[component.reading]]
  quantity = "active_power"
  oid = "1.3.6.1.4.1.99999.3"
  unit = "kW"
  scale = 0.01
  [[component.reading]]
  quantity = "state"
  oid = "1.3.6.1.4.1.99999.4"
  names = { 1 = "normal", 2 = "near", 3 = "over" }
  state = { ok = [1], warning = [2], critical = [3] }
  [[component.reading]]
  quantity = "temperature"
  oid = "1.3.6.1.4.1.99999.5"
  unit = "degF"
"#;
const ROWS: u32 = 12;

fn plan() -> (Plan, Cells) {
    let file = ProfileFile { path: "bench.toml".into(), text: PROFILE.to_owned(), is_users: false };
    let (set, problems) = ProfileSet::of_files(Mibs::embedded(), [file]);
    assert!(problems.is_empty(), "{problems:?}");
    let column = |column: u32, row: u32| Oid::new(&[1, 3, 6, 1, 4, 1, 99999, column, row]);
    let learned: Learned = (1..=ROWS)
        .flat_map(|row| {
            [
                (column(1, row), Value::Integer(131)),
                (column(2, row), Value::Gauge32(231)),
                (column(3, row), Value::Integer(30)),
                (column(4, row), Value::Integer(1)),
                (column(5, row), Value::OctetString((*b"71.6 F").into())),
            ]
        })
        .collect();
    let plan = set.find("bench").unwrap().compile(&learned, &SystemGroup::default());
    let answers: Cells = plan.cells.iter().map(|it| Ok(learned.get(it).unwrap().clone())).collect();
    assert_eq!(answers.len(), 60);
    (plan, answers)
}

fn decode(criterion: &mut Criterion) {
    let (plan, answers) = plan();
    let mut samples = Vec::new();
    let mut group = criterion.benchmark_group("profile");
    group.throughput(Throughput::Elements(answers.len() as u64));
    group.bench_function("decode a poll of 60 cells", |bencher| {
        bencher.iter(|| plan.decode(black_box(&answers), &mut samples));
    });
    group.finish();
    assert!(samples.iter().all(|it| it.value().is_some()));
}

/// From the datagram to the samples: what a poll costs beside the kernel, its device and its rules.
fn answer(criterion: &mut Criterion) {
    let (plan, answers) = plan();
    let names = Arc::new(Names::new(plan.cells.iter()).unwrap());
    let values: Vec<Value> = answers.iter().map(Result::unwrap).collect();
    let (mut varbinds, mut datagram) = (Vec::new(), Vec::new());
    encode_varbinds(&mut varbinds, plan.cells.iter().zip(&values)).unwrap();
    let (version, kind, status) = (Version::V2c, PduKind::Response, ErrorStatus::NO_ERROR);
    encode_message(&mut datagram, version, b"public", kind, 0x0100_0001, status, 0, &varbinds);
    let (mut room, mut samples) = (Cells::default(), Vec::new());
    let mut group = criterion.benchmark_group("snmp");
    group.throughput(Throughput::Elements(answers.len() as u64));
    group.bench_function("an answer of 60 cells, from datagram to samples", |bencher| {
        bencher.iter(|| {
            let mut job = GetJob::new(Arc::clone(&names), GetLimits::default());
            job.on_response(&wire_decode(black_box(&datagram)).unwrap().pdu, &mut room);
            room = job.take_cells();
            plan.decode(&room, &mut samples);
        });
    });
    group.finish();
    assert!(samples.iter().all(|it| it.value().is_some()));
}

fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.bench_function("parse all MIB modules, as for a user's own", |bencher| {
        bencher.iter(|| Mibs::with_user_modules(std::iter::empty()));
    });
    // A fresh set has read the heads only.
    group.bench_function("read all profiles in the binary in full", |bencher| {
        bencher.iter(|| ProfileSet::load(&[]).0.iter().count());
    });
    let system = SystemGroup {
        sys_object_id: Oid::new(&[1, 3, 6, 1, 4, 1, 318, 1, 3, 4, 6]),
        ..SystemGroup::default()
    };
    group.bench_function("choose and read the candidates of one device", |bencher| {
        bencher.iter(|| ProfileSet::load(&[]).0.candidates(&system));
    });
    group.finish();
}

criterion_group!(benches, decode, answer, load);
criterion_main!(benches);
