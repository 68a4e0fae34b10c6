//! How long a scrape takes: nanoseconds a series at 100,000 series, beside the prometheus crate's encoder
//! in the same run, the whole of 10,000 devices of 60 readings, and a million series.
//!
//! Goal: at most 100 ns a series. Method: the fleet is read from a store as a scrape reads it; of many
//! runs the best and the median by the clock, and the mean of the thread's time on a processor, which
//! leaves out what a busy machine takes away.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and ends where it cannot go on"
)]

#[path = "../tests/it/exposition/fleet.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod fleet;

use flate2::Compression;
use flate2::write::GzEncoder;
use prometheus::{GaugeVec, Opts, Registry, TextEncoder};
use rackwarden::http::{Exposition, Format};
use rackwarden::model::{Batch, Moment, SystemClock};
use rackwarden::store::{Published, Store, StoreSettings};
use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

/// Outlets of a PDU: two readings each.
const OUTLETS: u32 = 30;

/// What a PDU of them has: two readings and a rating an outlet, and four series of its own.
const SERIES_PER_DEVICE: u32 = 3 * OUTLETS + 4;

/// As the server sends it.
const CHUNK_BYTES: usize = 256 * 1024;

/// The goal.
const NANOSECONDS_MAX: f64 = 100.0;

/// The goal for a million series, on one core.
const MILLION_MAX: Duration = Duration::from_millis(150);

fn main() {
    let clock = SystemClock::new();
    let store = room(100_000 / SERIES_PER_DEVICE);
    let start = clock.moment();
    let (series, bytes) = scrape(&store);
    println!(
        "{series} series, {} kB; the first scrape, which makes the label texts: {:.1} ms",
        bytes / 1000,
        ms(clock, start)
    );

    let ours = measure(clock, || forget(scrape(&store)));
    report("ours", &ours, series);
    let text = text(&store);
    let zipped = gzip(&text).len();
    report(
        &format!("gzip of it, to {} kB", zipped / 1000),
        &measure(clock, || drop(black_box(gzip(&text)))),
        series,
    );
    let registry = same_by_prometheus_crate(100_000 / SERIES_PER_DEVICE);
    let theirs = measure(clock, || {
        let mut text = String::new();
        TextEncoder::new().encode_utf8(&registry.gather(), &mut text).unwrap();
        black_box(text);
    });
    report("prometheus crate (gather and encode)", &theirs, series);
    println!("ratio of the best runs: {:.1}", theirs.best.as_secs_f64() / ours.best.as_secs_f64());

    let large = room(10_000);
    let (series, bytes) = scrape(&large);
    let whole = measure(clock, || forget(scrape(&large)));
    println!("10,000 devices: {series} series, {} MB", bytes / 1_000_000);
    report("ours", &whole, series);
    let snapshot = measure(clock, || drop(black_box(large.snapshot())));
    println!(
        "snapshot of 10,000 devices: best {:.2} ms, median {:.2} ms",
        snapshot.best.as_secs_f64() * 1e3,
        snapshot.median.as_secs_f64() * 1e3
    );
    let again = |it: &Published| Batch { time: fleet::at(2), ..it.batch().clone() };
    let batches: Vec<_> = large.snapshot().iter().map(|it| again(it)).collect();
    let start = clock.moment();
    batches.into_iter().for_each(|it| large.publish(it));
    println!("publish: {:.2} us a batch", ms(clock, start) / 10.0);

    drop(large);

    let million = room(1_000_000 / SERIES_PER_DEVICE + 1);
    measure_million(clock, &million);
    let best = nanoseconds(ours.best, series_of(&store));
    let verdict = if best <= NANOSECONDS_MAX { "reached" } else { "MISSED" };
    println!("goal of {NANOSECONDS_MAX} ns a series: {verdict} ({best:.1} ns)");
}

fn measure_million(clock: SystemClock, million: &Store) {
    let (series, bytes) = scrape(million);
    println!("a million: {series} series, {} MB", bytes / 1_000_000);
    let whole = measure(clock, || forget(scrape(million)));
    report("text", &whole, series);
    let open_metrics = || {
        let exposition = Exposition::new(million.snapshot(), fleet::at(2)).in_format(Format::OpenMetrics);
        drain(exposition, |chunk| forget((0, black_box(chunk).len())))
    };
    report("OpenMetrics", &measure(clock, || forget(open_metrics())), series);
    let zipped = || {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let (series, _) = drain(Exposition::new(million.snapshot(), fleet::at(2)), |chunk| {
            gzip.write_all(chunk).unwrap();
        });
        (series, gzip.finish().unwrap().len())
    };
    println!("gzip makes {} MB of it", zipped().1 / 1_000_000);
    report("text with gzip", &measure_runs(clock, RUNS_OF_GZIP, || forget(zipped())), series);
    let verdict = if whole.best <= MILLION_MAX { "reached" } else { "MISSED" };
    println!("goal of {} ms for it as text: {verdict}", MILLION_MAX.as_millis());
}

fn forget(scraped: (u64, usize)) {
    black_box(scraped);
}

fn device(number: u32) -> fleet::Device {
    fleet::pdu(&format!("pdu-{number:05}"), OUTLETS)
}

fn room(devices: u32) -> Store {
    let store = Store::new(StoreSettings::default());
    for number in 0..devices {
        store.publish(device(number).batch(fleet::at(1)));
    }
    store
}

/// Series and octets.
fn scrape(store: &Store) -> (u64, usize) {
    drain(Exposition::new(store.snapshot(), fleet::at(2)), |chunk| forget((0, black_box(chunk).len())))
}

/// Chunk by chunk, as the server sends it.
fn drain(mut exposition: Exposition, mut take: impl FnMut(&[u8])) -> (u64, usize) {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8);
    let mut bytes = 0;
    loop {
        let more = exposition.write(&mut chunk, CHUNK_BYTES);
        bytes += chunk.len();
        take(&chunk);
        chunk.clear();
        if !more {
            return (exposition.series(), bytes);
        }
    }
}

fn text(store: &Store) -> Vec<u8> {
    let mut text = Vec::new();
    Exposition::new(store.snapshot(), fleet::at(2)).write(&mut text, usize::MAX);
    text
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap()
}

fn series_of(store: &Store) -> u64 {
    scrape(store).0
}

fn same_by_prometheus_crate(devices: u32) -> Registry {
    let registry = Registry::new();
    let labels = ["device", "component", "index", "name", "site", "rack"];
    for (family, amperes) in [
        ("rackwarden_current_amperes", Some(10.0)),
        ("rackwarden_active_power_watts", Some(1.0)),
        ("rackwarden_rated_current_amperes", None),
    ] {
        let gauges = GaugeVec::new(Opts::new(family, "As ours."), &labels).unwrap();
        registry.register(Box::new(gauges.clone())).unwrap();
        for number in 0..devices {
            let name = format!("pdu-{number:05}");
            for outlet in 1..=OUTLETS {
                let (index, label) = (outlet.to_string(), format!("Outlet {outlet}"));
                let value = amperes.map_or(16.0, |it| f64::from(outlet * 7 % 160) / it);
                gauges.with_label_values(&[&name, "outlet", &*index, &*label, "ams1", "r17"]).set(value);
            }
        }
    }
    let up = GaugeVec::new(Opts::new("rackwarden_device_up", "As ours."), &["device", "site", "rack", "of"])
        .unwrap();
    registry.register(Box::new(up.clone())).unwrap();
    for number in 0..devices {
        for of in ["up", "info", "poll_duration", "last_success"] {
            up.with_label_values(&[&*format!("pdu-{number:05}"), "ams1", "r17", of]).set(1.0);
        }
    }
    registry
}

const RUNS: u32 = 41;

/// They take long.
const RUNS_OF_GZIP: u32 = 7;

/// How long the runs of something took.
struct Runs {
    best: Duration,
    median: Duration,
    /// Mean time on a processor, where the system tells.
    processor: Option<Duration>,
}

fn measure(clock: SystemClock, work: impl Fn()) -> Runs {
    measure_runs(clock, RUNS, work)
}

fn measure_runs(clock: SystemClock, runs: u32, work: impl Fn()) -> Runs {
    let before = processor_time();
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = clock.moment();
            work();
            clock.moment().since(start)
        })
        .collect();
    let processor = processor_time().zip(before).map(|(after, before)| (after - before) / runs);
    times.sort();
    Runs { best: times[0], median: times[times.len() / 2], processor }
}

/// What this thread has had of a processor (Linux: sched-stats.txt).
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn report(who: &str, runs: &Runs, series: u64) {
    let of = |it| nanoseconds(it, series);
    let processor =
        runs.processor.map(|it| format!(", {:.1} ns of processor time", of(it))).unwrap_or_default();
    println!(
        "{who}: best {:.1} ns a series ({:.1} ms), median {:.1} ns{processor}",
        of(runs.best),
        runs.best.as_secs_f64() * 1e3,
        of(runs.median),
    );
}

#[expect(clippy::cast_precision_loss, reason = "a count of series")]
fn nanoseconds(duration: Duration, series: u64) -> f64 {
    duration.as_secs_f64() * 1e9 / series as f64
}

fn ms(clock: SystemClock, start: Moment) -> f64 {
    clock.moment().since(start).as_secs_f64() * 1e3
}
