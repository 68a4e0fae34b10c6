//! Polling under load: devices that a reload does not touch miss no interval, nor does any for the sake of a
//! hundred slow clients of the HTTP side.
//!
//! `RELOAD_DEVICES=10000 cargo test --release --test it reload` is the same with a larger fleet.

use rackwarden::model::{Moment, Oid, SystemClock, Value};
use rackwarden::simulator::agent::AgentSpec;
use rackwarden::simulator::cell::text;
use rackwarden::simulator::tree::Tree;
use rackwarden::simulator::{Simulator, fleet};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(2);
/// A missed interval shows as a gap of two; the rest is slack for a busy machine.
const GAP_MOST: Duration = Duration::from_millis(3500);
const RELOADS: u32 = 6;

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// A UPS of a few rows: one GET a poll.
fn ups() -> AgentSpec {
    let rows = [
        ("1.3.6.1.2.1.1.2.0", Value::ObjectIdentifier(oid("1.3.6.1.4.1.99999.3"))),
        ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(1)),
        ("1.3.6.1.2.1.33.1.1.2.0", text("Steady 1500")),
        ("1.3.6.1.2.1.33.1.2.4.0", Value::Integer(88)),
    ];
    AgentSpec::new(Arc::new(Tree::new(rows.map(|(name, value)| (oid(name), value))).unwrap()), "s3cret")
}

/// The fleet, of which the first `touched` devices are another with each `round`.
fn configuration(
    simulator: &Simulator,
    http: SocketAddr,
    state: &Path,
    round: u32,
    touched: usize,
) -> String {
    let mut config = format!(
        "[polling]\ninterval = \"{}s\"\ntimeout = \"1s\"\nstart_spread = \"2s\"\n[http]\nlisten = \"{http}\"\n\
         [state]\nfolder = \"{}\"\n[profiles]\nfolders = []\n[credentials.default]\ncommunity = \"s3cret\"\n\
         [[alerts]]\nname = \"on battery {round}\"\ntype = \"ups\"\ntrigger = \"on_battery\"\nseverity = \"critical\"\n",
        INTERVAL.as_secs(),
        state.display(),
    );
    for (number, agent) in simulator.agents().enumerate() {
        // Of the touched ones some come and go, and the others get another label.
        if number < touched && number % 2 == 0 && round % 2 == 1 {
            continue;
        }
        let label = if number < touched { round } else { 0 };
        writeln!(
            config,
            "[[devices]]\nname = \"ups-{number}\"\naddress = \"{}\"\nlabels = {{ round = \"{label}\" }}",
            agent.address()
        )
        .unwrap();
    }
    config
}

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        if self.0.kill().is_ok() {
            self.0.wait().unwrap();
        }
    }
}

fn metric(http: SocketAddr, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(http).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let line = answer.lines().find(|it| it.starts_with(name) && it[name.len()..].starts_with(' '))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// When each agent was asked last, and the longest that it was not.
struct Watch {
    clock: SystemClock,
    seen: Vec<(u64, Moment)>,
    longest: Duration,
}

impl Watch {
    fn new(simulator: &Simulator) -> Self {
        let clock = SystemClock::new();
        let now = clock.moment();
        let seen = simulator.agents().map(|it| (it.counters().requests, now)).collect();
        Self { clock, seen, longest: Duration::ZERO }
    }

    fn look(&mut self, simulator: &Simulator, touched: usize) {
        let now = self.clock.moment();
        for (number, (agent, (count, at))) in simulator.agents().zip(&mut self.seen).enumerate() {
            let requests = agent.counters().requests;
            let gap = now.since(*at);
            if requests != *count {
                (*count, *at) = (requests, now);
            }
            if touched <= number {
                self.longest = self.longest.max(gap);
            }
        }
    }
}

/// A fleet and the daemon that polls it.
struct Room {
    simulator: Simulator,
    http: SocketAddr,
    folder: tempfile::TempDir,
    touched: usize,
    daemon: Daemon,
    clock: SystemClock,
}

impl Room {
    /// So many devices, each polled once.
    async fn open(first: Ipv4Addr, count: usize) -> Self {
        let touched = count / 20;
        let port = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let simulator = Simulator::start(fleet(&ups(), count, SocketAddrV4::new(first, port))).unwrap();
        let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("rackwarden.toml");
        let text = configuration(&simulator, http, &folder.path().join("state"), 0, touched);
        std::fs::write(&main, text).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
        command.args(["run", "--config"]).arg(&main).stdout(Stdio::null()).stderr(log);
        let daemon = Daemon(command.spawn().unwrap());
        let room = Self { simulator, http, folder, touched, daemon, clock: SystemClock::new() };
        let wanted = f64::from(u32::try_from(count).unwrap());
        while metric(http, "rackwarden_store_devices") != Some(wanted) {
            let log = || std::fs::read_to_string(room.folder.path().join("log")).unwrap();
            assert!(room.clock.moment().since(Moment::ZERO) < Duration::from_secs(90), "{}", log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        room
    }

    /// Has it reload the configuration of that round.
    fn reload(&self, round: u32) {
        let state = self.folder.path().join("state");
        let text = configuration(&self.simulator, self.http, &state, round, self.touched);
        std::fs::write(self.folder.path().join("rackwarden.toml"), text).unwrap();
        let id = self.daemon.0.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }
}

fn devices() -> usize {
    std::env::var("RELOAD_DEVICES").map_or(1000, |it| it.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn untouched_devices_miss_no_interval() {
    let room = Room::open(Ipv4Addr::new(127, 0, 16, 1), devices()).await;
    let Room { simulator, http, touched, clock, .. } = &room;
    let (http, touched, clock) = (*http, *touched, *clock);
    let mut watch = Watch::new(simulator);
    let reloads = |http| metric(http, "rackwarden_config_reloads_total{result=\"ok\"}").unwrap_or(0.0);
    for round in 1..=RELOADS {
        room.reload(round);
        let begun = clock.moment();
        // Half an interval each, and until it has taken effect.
        while clock.moment().since(begun) < INTERVAL / 2 || reloads(http) < f64::from(round) {
            watch.look(simulator, touched);
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(
                clock.moment().since(begun) < Duration::from_secs(60),
                "reload {round} never took effect"
            );
        }
    }
    let begun = clock.moment();
    while clock.moment().since(begun) < INTERVAL + INTERVAL {
        watch.look(simulator, touched);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let longest = watch.longest;
    println!(
        "{} devices, {RELOADS} reloads of {touched} of them: longest gap {longest:?} at {INTERVAL:?}",
        devices()
    );
    assert!(longest < GAP_MOST, "a device that no reload touched was not asked for {longest:?}");
    assert!(INTERVAL.mul_f64(0.8) < longest, "nothing was measured: {longest:?}");
}

/// Clients of three kinds: a head that never ends, a connection that asks nothing, a scrape that nobody reads.
fn slow_clients(http: SocketAddr) -> Vec<TcpStream> {
    let kinds = ["GET /metrics HTTP/1.1\r\nHost: te", "", "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n"];
    let begin = |kind: &&str| {
        let mut stream = TcpStream::connect(http).unwrap();
        stream.write_all(kind.as_bytes()).unwrap();
        stream
    };
    kinds.iter().cycle().take(100).map(begin).collect()
}

/// More than the median of a busy machine, less than anybody would call a disturbance.
const SCRAPE_MOST: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_disturb_neither_polls_nor_scrapes() {
    let room = Room::open(Ipv4Addr::new(127, 0, 96, 1), devices()).await;
    let clients = slow_clients(room.http);
    let mut watch = Watch::new(&room.simulator);
    let begun = room.clock.moment();
    let (mut slowest, mut scrapes) = (Duration::ZERO, 0);
    while room.clock.moment().since(begun) < INTERVAL * 3 {
        let asked = room.clock.moment();
        let known = metric(room.http, "rackwarden_store_devices");
        assert_eq!(known, Some(f64::from(u32::try_from(devices()).unwrap())));
        slowest = slowest.max(room.clock.moment().since(asked));
        scrapes += 1;
        watch.look(&room.simulator, 0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (longest, clients) = (watch.longest, clients.len());
    println!(
        "{} devices, {clients} slow clients: longest gap {longest:?} at {INTERVAL:?}; slowest of {scrapes} scrapes {slowest:?}",
        devices()
    );
    assert!(longest < GAP_MOST, "a device was not asked for {longest:?}");
    assert!(slowest < SCRAPE_MOST, "a scrape took {slowest:?}");
}
