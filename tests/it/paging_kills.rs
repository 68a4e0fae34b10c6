//! The daemon, killed with SIGKILL at moments that a seed chooses, while agents go to and fro: what PagerDuty
//! has in the end, and how it came there.

use crate::daemon;
use crate::paging_room::{KEY, LIMIT};
use rackwarden::model::{Oid, SystemClock, Value};
use rackwarden::simulator::Simulator;
use rackwarden::simulator::agent::AgentSpec;
use rackwarden::simulator::pagerduty::{Board, PagerDuty};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const STATUS: &str = "1.3.6.1.2.1.33.1.4.1.0";
/// Fewer than what is taken for a storm: each alert is an incident of its own.
const AGENTS: usize = 12;
/// Kills of an ordinary run; `RACKWARDEN_KILLS=1000 cargo test --test it paging_kills` for as many.
const KILLS: usize = 6;
const REQUESTS_PER_MINUTE: usize = 300;

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// Ends with the test, however that ends.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // SIGKILL.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

struct World {
    simulator: Simulator,
    pagerduty: PagerDuty,
    folder: tempfile::TempDir,
    on_battery: [bool; AGENTS],
    /// How often each agent began to run on battery.
    onsets: [usize; AGENTS],
    dice: u64,
}

impl World {
    async fn new() -> Self {
        let tree = Arc::new(daemon::ups());
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let agents = (0..AGENTS).map(|_| (any, AgentSpec::new(Arc::clone(&tree), "s3cret"))).collect();
        let world = Self {
            simulator: Simulator::start(agents).unwrap(),
            pagerduty: PagerDuty::start(any, SystemClock::new()).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            on_battery: [false; AGENTS],
            onsets: [0; AGENTS],
            dice: 7,
        };
        world.configure();
        world
    }

    fn configure(&self) {
        let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut config = format!(
            "[polling]\ninterval = \"1s\"\ntimeout = \"500ms\"\n[http]\nlisten = \"{http}\"\n\
             [state]\nfolder = \"{}\"\n\
             [credentials.default]\nversion = \"2c\"\ncommunity = \"s3cret\"\n\
             [integrations.test]\ntype = \"pagerduty\"\nurl = \"{}\"\nallow_inline_key = true\n\
             routing_key = \"{KEY}\"\nrequests_per_minute = {REQUESTS_PER_MINUTE}\n\
             [[alerts]]\nname = \"on battery\"\ntype = \"ups\"\ntrigger = \"on_battery\"\nseverity = \"critical\"\n",
            self.folder.path().join("state").display(),
            self.pagerduty.url(),
        );
        for (number, agent) in self.simulator.agents().enumerate() {
            let address = agent.address();
            writeln!(config, "[[devices]]\nname = \"ups-{number}\"\naddress = \"{address}\"").unwrap();
        }
        std::fs::write(self.folder.path().join("rackwarden.toml"), config).unwrap();
    }

    fn below(&mut self, bound: usize) -> usize {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.dice >> 33).unwrap() % bound
    }

    fn start(&self) -> Daemon {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_rackwarden"))
            .args(["run", "--config"])
            .arg(self.folder.path().join("rackwarden.toml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Daemon(child.unwrap())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// About a third of the agents go over to battery, or back to mains.
    fn stir(&mut self) {
        for number in 0..AGENTS {
            if self.below(3) == 0 {
                let is = !self.on_battery[number];
                self.on_battery[number] = is;
                self.onsets[number] += usize::from(is);
                let value = Value::Integer(if is { 5 } else { 3 });
                self.simulator.agent(number).unwrap().set_value(oid(STATUS), value);
            }
        }
    }

    /// So many requests, or so long: whichever comes first.
    async fn go_on(&mut self) {
        let requests = self.pagerduty.look(|it| it.requests.len()) + 1 + self.below(8);
        let longest = Duration::from_millis(u64::try_from(self.below(700)).unwrap());
        self.pagerduty.wait_until(longest, |it| requests <= it.requests.len()).await;
    }
}

/// The agent of a deduplication key.
fn agent_of(key: &str) -> usize {
    let number = key.split("ups-").nth(1).and_then(|it| it.split('/').next());
    number.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("whose key is {key}?"))
}

/// What must hold at any time.
fn check(board: &Board, onsets: &[usize; AGENTS]) {
    let mut incidents = [0; AGENTS];
    let mut open = [0; AGENTS];
    for incident in board.incidents.values() {
        let agent = agent_of(&incident.dedup_key);
        incidents[agent] += 1;
        open[agent] += usize::from(incident.resolved.is_none());
    }
    assert!(open.iter().all(|it| *it <= 1), "several open incidents of one alert: {open:?}");
    for (agent, count) in incidents.iter().enumerate() {
        assert!(*count <= onsets[agent], "ups-{agent}: {count} incidents of {}", onsets[agent]);
    }
    let mut last: BTreeMap<usize, &str> = BTreeMap::new();
    for request in &board.requests {
        assert!(request.problems.is_empty(), "{request:?}");
        let at = request.text("payload.timestamp");
        let before = last.insert(agent_of(request.text("dedup_key")), at);
        assert!(before.is_none_or(|it| it <= at), "{at} came after {before:?}");
    }
    let times: Vec<_> = board.requests.iter().map(|it| it.time.moment).collect();
    for (first, begin) in times.iter().enumerate() {
        let within =
            times[first..].iter().take_while(|it| it.since(*begin) < Duration::from_secs(60)).count();
        assert!(within <= REQUESTS_PER_MINUTE, "{within} requests within a minute");
    }
}

#[test]
fn the_daemon_killed_at_any_moment_keeps_its_promises() {
    let kills = std::env::var("RACKWARDEN_KILLS").ok().and_then(|it| it.parse().ok()).unwrap_or(KILLS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new().await;
        for round in 0..kills {
            let daemon = world.start();
            world.go_on().await;
            world.stir();
            world.go_on().await;
            drop(daemon);
            assert!(!world.log().contains("set aside"), "{}", world.log());
            if round % 50 == 49 {
                println!("{} kills, {} requests", round + 1, world.pagerduty.look(|it| it.requests.len()));
                world.pagerduty.look(|it| check(it, &world.onsets));
            }
        }
        let _daemon = world.start();
        let wanted = world.on_battery;
        let as_wanted = |board: &Board| {
            let open = board.incidents.values().filter(|it| it.resolved.is_none());
            let mut now = [false; AGENTS];
            for incident in open {
                now[agent_of(&incident.dedup_key)] = true;
            }
            now == wanted
        };
        // The limit may hold back what has gathered for a minute.
        let came = world.pagerduty.wait_until(2 * LIMIT, as_wanted).await;
        assert!(came, "{wanted:?} does not come: {}", world.log());
        world.pagerduty.look(|board| {
            check(board, &world.onsets);
            let (requests, incidents) = (board.requests.len(), board.incidents.len());
            let onsets: usize = world.onsets.iter().sum();
            println!("{kills} kills, {requests} requests, {incidents} incidents of {onsets} onsets");
        });
    });
}
