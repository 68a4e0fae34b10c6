//! A fleet on loopback: so many simulated PDUs, in a process of their own, polled by the whole daemon
//! (decode, store, rules, /metrics), and what that costs.
//!
//! ```text
//! cargo bench --bench fleet                                   # 10,000 agents, 60 cells each, every 10 s
//! AGENTS=2000 INTERVAL=5 SECONDS=60 cargo bench --bench fleet
//! ```
//!
//! Prints polls and missed polls, CPU as a share of one core and per million cells, and resident memory,
//! over SECONDS after all devices are known.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench: it may fail loudly, and its sums fit"
)]

use rackwarden::app::Daemon;
use rackwarden::config::Config;
use rackwarden::model::{Oid, SystemClock, Value};
use rackwarden::profile::ProfileSet;
use rackwarden::simulator::Simulator;
use rackwarden::simulator::agent::AgentSpec;
use rackwarden::simulator::tree::Tree;
use std::fmt::Write as _;
use std::io::Read;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const PORT: u16 = 16_161;

fn main() {
    let agents = number("AGENTS", 10_000);
    // `cargo test --all-targets` starts benches too, without this flag: a fleet in a debug build tells nothing.
    let is_bench = std::env::args().any(|it| it == "--bench");
    if !is_bench && std::env::var_os("FLEET_SERVES").is_none() {
        println!("the fleet is measured by `cargo bench --bench fleet`");
        return;
    }
    if std::env::var_os("FLEET_SERVES").is_some() {
        serve(agents);
        return;
    }
    let mut fleet = Command::new(std::env::current_exe().unwrap())
        .env("FLEET_SERVES", "1")
        .env("AGENTS", agents.to_string())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build().unwrap();
    runtime.block_on(measure(agents));
    drop(fleet.stdin.take());
    fleet.wait().unwrap();
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(otherwise)
}

fn address(agent: usize) -> SocketAddr {
    let [.., a, b, c] = (0x10_00_00 + agent + 1).to_be_bytes();
    SocketAddr::from(([127, a, b, c], PORT))
}

/// Plays the fleet until the parent closes the pipe.
fn serve(agents: usize) {
    let root: Oid = "1.3.6.1.4.1.318.1.1.26.9.4.3.1".parse().unwrap();
    let mut rows: Vec<(Oid, Value)> = vec![
        ("1.3.6.1.2.1.1.1.0".parse().unwrap(), Value::OctetString(b"a PDU of the bench".to_vec().into())),
        (
            "1.3.6.1.2.1.1.2.0".parse().unwrap(),
            Value::ObjectIdentifier("1.3.6.1.4.1.318.1.3.4.6".parse().unwrap()),
        ),
        ("1.3.6.1.2.1.1.3.0".parse().unwrap(), Value::TimeTicks(1)),
    ];
    let phases: Oid = "1.3.6.1.4.1.318.1.1.26.6.3.1".parse().unwrap();
    for phase in 1..=3 {
        rows.push((phases.child(&[5, phase]), Value::Gauge32(81)));
        rows.push((phases.child(&[6, phase]), Value::Gauge32(230)));
    }
    for outlet in 1..=27 {
        rows.push((root.child(&[6, outlet]), Value::Gauge32(15)));
        rows.push((root.child(&[7, outlet]), Value::Gauge32(345)));
    }
    let spec = AgentSpec::new(Arc::new(Tree::new(rows).unwrap()), "public");
    let all = (0..agents).map(|agent| (address(agent), spec.clone())).collect();
    let simulator = Simulator::start(all).unwrap();
    let mut until = Vec::new();
    std::io::stdin().read_to_end(&mut until).unwrap();
    println!("the fleet answered {} requests", simulator.totals().answers);
}

async fn measure(agents: usize) {
    let interval = number("INTERVAL", 10);
    let seconds = number("SECONDS", 60);
    let folder = tempfile::tempdir().unwrap();
    let mut config = format!(
        "[polling]\ninterval = \"{interval}s\"\ntimeout = \"2s\"\n[http]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"{}\"\n\
         [profiles]\nfolders = []\n[credentials.default]\nversion = \"2c\"\ncommunity = \"public\"\n",
        folder.path().join("state").display()
    );
    for agent in 0..agents {
        write!(
            config,
            "[[devices]]\nname = \"pdu-{agent:05}\"\naddress = \"{}\"\nlabels = {{ rack = \"r{}\" }}\n",
            address(agent),
            agent / 2
        )
        .unwrap();
    }
    for rule in 0..20 {
        write!(config, "[[alerts]]\nname = \"phase {rule}\"\ntype = \"reading\"\ntrigger = \"current\"\ncomponents = [\"phase\"]\noperator = \">\"\nwarning = {}\n", 10 + rule).unwrap();
    }
    let path = folder.path().join("rackwarden.toml");
    std::fs::write(&path, config).unwrap();
    let settings = match Config::load(&path) {
        Ok(loaded) => loaded.settings,
        Err(mistakes) => panic!("{}", rackwarden::config::render(&mistakes, false)),
    };
    let clock = SystemClock::new();
    let daemon =
        Daemon::start(settings, Arc::new(ProfileSet::embedded().clone()), clock, None).await.unwrap();
    let shared = Arc::clone(daemon.shared());
    let begun = clock.moment();
    while shared.polled_once.load(Ordering::Relaxed) < agents {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{agents} agents known after {:.1} s", clock.moment().since(begun).as_secs_f64());
    // One interval to come to rest.
    tokio::time::sleep(Duration::from_secs(interval as u64)).await;
    let before = Usage::now();
    let polls_before = polls();
    let begun = clock.moment();
    tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
    let took = clock.moment().since(begun).as_secs_f64();
    let (used, polled) = (Usage::now().cpu - before.cpu, polls().0 - polls_before.0);
    let failed = polls().1 - polls_before.1;
    let cells: usize = shared.store.snapshot().iter().map(|it| it.batch().samples.len()).sum();
    let expected = agents as f64 * took / interval as f64;
    println!("readings held          {cells}");
    println!("polls                  {polled} of {expected:.0} due, {failed} failed, in {took:.1} s");
    println!("CPU                    {:.1} % of one core", 100.0 * used / took);
    println!("CPU per million cells  {:.3} s", used / (polled as f64 * cells as f64 / agents as f64) * 1e6);
    println!("resident memory        {} MB", Usage::now().resident_kilobytes / 1024);
    daemon.stop().await;
}

/// Polls that ended well, and others, by the daemon's own counters.
fn polls() -> (u64, u64) {
    let families = rackwarden::telemetry::registry().gather();
    let family = families.iter().find(|it| it.name() == "rackwarden_polls_total").unwrap();
    let (mut ok, mut failed) = (0.0, 0.0);
    for metric in family.get_metric() {
        let well = metric.get_label().iter().any(|it| it.value() == "ok");
        *(if well { &mut ok } else { &mut failed }) += metric.get_counter().get_value();
    }
    (ok as u64, failed as u64)
}

struct Usage {
    cpu: f64,
    resident_kilobytes: u64,
}

impl Usage {
    fn now() -> Self {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike;
        let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
        let cpu =
            (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6;
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
        Self { cpu, resident_kilobytes: line.split_whitespace().nth(1).unwrap().parse().unwrap() }
    }
}
