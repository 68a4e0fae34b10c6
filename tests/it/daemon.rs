//! The daemon as a process: from a reading to a page, over kill -9, and through reloads.

use rackwarden::model::{Oid, SystemClock, Value};
use rackwarden::simulator::Simulator;
use rackwarden::simulator::agent::AgentSpec;
use rackwarden::simulator::cell::text;
use rackwarden::simulator::pagerduty::{Board, PagerDuty};
use rackwarden::simulator::tree::Tree;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const STATUS: &str = "1.3.6.1.2.1.33.1.4.1.0";
const LIMIT: Duration = Duration::from_secs(60);

/// A UPS that runs on mains.
pub(crate) fn ups() -> Tree {
    let rows = [
        ("1.3.6.1.2.1.1.2.0", Value::ObjectIdentifier(oid("1.3.6.1.4.1.99999.3"))),
        ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(1)),
        ("1.3.6.1.2.1.33.1.1.2.0", text("Steady 1500")),
        ("1.3.6.1.2.1.33.1.2.4.0", Value::Integer(88)),
        (STATUS, Value::Integer(3)),
    ];
    Tree::new(rows.map(|(name, value)| (oid(name), value))).unwrap()
}

/// A UPS, a stand-in for PagerDuty, and a folder with a configuration.
struct World {
    simulator: Simulator,
    pagerduty: PagerDuty,
    folder: tempfile::TempDir,
    http: SocketAddr,
}

impl World {
    async fn new() -> Self {
        let tree = ups();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let spec = AgentSpec::new(Arc::new(tree), "s3cret");
        let simulator = Simulator::start(vec![(any, spec.clone()), (any, spec)]).unwrap();
        let pagerduty = PagerDuty::start(any, SystemClock::new()).await.unwrap();
        // A port that was free a moment ago; the daemon takes it next.
        let http = TcpListener::bind(any).unwrap().local_addr().unwrap();
        let world = Self { simulator, pagerduty, folder: tempfile::tempdir().unwrap(), http };
        std::fs::create_dir(world.path().join("conf.d")).unwrap();
        world.configure(&["ups-a"]);
        world
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn configure(&self, devices: &[&str]) {
        let mut config = format!(
            "[polling]\ninterval = \"1s\"\ntimeout = \"2s\"\n[http]\nlisten = \"{}\"\n[state]\nfolder = \"{}\"\n\
             [profiles]\nfolders = []\n[credentials.default]\nversion = \"2c\"\ncommunity = \"s3cret\"\n\
             [integrations.test]\ntype = \"pagerduty\"\nurl = \"{}\"\nallow_inline_key = true\n\
             routing_key = \"0123456789abcdef0123456789abcdef\"\n\
             [[alerts]]\nname = \"on battery\"\ntype = \"ups\"\ntrigger = \"on_battery\"\nseverity = \"critical\"\n",
            self.http,
            self.path().join("state").display(),
            self.pagerduty.url(),
        );
        for (name, agent) in devices.iter().zip(self.simulator.agents()) {
            write!(
                config,
                "[[devices]]\nname = \"{name}\"\naddress = \"{}\"\nlabels = {{ site = \"lab\" }}\n",
                agent.address()
            )
            .unwrap();
        }
        std::fs::write(self.path().join("rackwarden.toml"), config).unwrap();
    }

    fn start(&self) -> Daemon {
        let log = std::fs::File::create(self.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_rackwarden"))
            .args(["run", "--config"])
            .arg(self.path().join("rackwarden.toml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Daemon(child)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    fn on_battery(&self, is: bool) {
        let value = Value::Integer(if is { 5 } else { 3 });
        self.simulator.agent(0).unwrap().set_value(oid(STATUS), value);
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.http).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(answer)
    }

    /// Until the path's answer is as wanted.
    async fn until(&self, path: &str, holds: impl Fn(&str) -> bool) {
        let clock = SystemClock::new();
        let mut last = None;
        while clock.moment().since(rackwarden::model::Moment::ZERO) < LIMIT {
            last = self.get(path);
            if last.as_deref().is_some_and(&holds) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "{path} never came to be as wanted: {last:?}
{}",
            self.log()
        );
    }

    async fn paged(&self, what: &str, holds: impl Fn(&Board) -> bool) {
        assert!(self.pagerduty.wait_until(LIMIT, holds).await, "{what}\n{}", self.log());
    }
}

struct Daemon(Child);

impl Daemon {
    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }

    fn kill_9(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        if self.0.kill().is_ok() {
            self.0.wait().unwrap();
        }
    }
}

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_survives_kill_9_and_resolves_once() {
    let world = World::new().await;
    let daemon = world.start();
    world.until("/readyz", |_| true).await;
    world.on_battery(true);
    world.paged("no incident was opened", |board| board.open_len() == 1).await;
    let request = world.pagerduty.look(|board| board.requests[0].clone());
    assert_eq!(request.problems, [""; 0]);
    assert_eq!(request.text("payload.severity"), "critical");
    assert_eq!(request.text("payload.source"), "ups-a");
    assert_eq!(request.text("payload.custom_details.oid"), STATUS);
    assert!(request.text("payload.summary").contains("on battery"), "{}", request.text("payload.summary"));
    world.until("/api/v1/alerts", |answer| answer.contains("on battery") && answer.contains("firing")).await;
    daemon.kill_9();
    // It comes back while the condition still holds: nothing is announced twice, nothing ends.
    let daemon = world.start();
    world.until("/api/v1/readings", |answer| answer.contains(STATUS)).await;
    world.until("/api/v1/alerts", |answer| answer.contains("firing")).await;
    daemon.kill_9();
    // It is mended while nobody looks.
    world.on_battery(false);
    let daemon = world.start();
    world.paged("the incident was not resolved", |board| board.open_len() == 0).await;
    daemon.signal("-TERM");
    world.pagerduty.look(|board| {
        assert_eq!(
            (board.incidents.len(), board.idle_resolves),
            (1, 0),
            "one incident, opened and resolved once"
        );
        assert!(board.requests.iter().all(|it| it.problems.is_empty()));
    });
    assert!(!world.log().contains("s3cret") && !world.log().contains("0123456789abcdef"), "{}", world.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_what_is_good_and_refuses_what_is_not() {
    let world = World::new().await;
    let daemon = world.start();
    world.until("/api/v1/devices", |answer| answer.contains("ups-a") && answer.contains("Steady 1500")).await;
    std::fs::write(world.path().join("conf.d/bad.toml"), "[[devices]]\nname = 5\n").unwrap();
    daemon.signal("-HUP");
    world.until("/metrics", |text| text.contains("rackwarden_config_last_reload_successful 0")).await;
    assert!(world.log().contains("bad.toml:2"), "the mistake and its place are logged: {}", world.log());
    assert!(world.get("/api/v1/devices").unwrap().contains("ups-a"), "nothing has changed");
    std::fs::remove_file(world.path().join("conf.d/bad.toml")).unwrap();
    world.configure(&["ups-a", "ups-b"]);
    daemon.signal("-HUP");
    world.until("/api/v1/devices", |answer| answer.contains("ups-b")).await;
    world.until("/metrics", |text| text.contains("rackwarden_config_last_reload_successful 1")).await;
    world.configure(&[]);
    daemon.signal("-HUP");
    world.until("/api/v1/devices", |answer| !answer.contains("ups-a") && !answer.contains("ups-b")).await;
    world.until("/metrics", |text| !text.contains("device=\"ups-a\"")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_of_a_device_that_is_removed_end() {
    let world = World::new().await;
    let daemon = world.start();
    world.until("/readyz", |_| true).await;
    world.on_battery(true);
    world.paged("no incident was opened", |board| board.open_len() == 1).await;
    world.configure(&[]);
    daemon.signal("-HUP");
    world.paged("the incident was not resolved", |board| board.open_len() == 0).await;
}
