//! Each of Device42's eighteen alert types, from its source to a valid trigger at PagerDuty and back to
//! a resolve: power units and UPSes from simulated agents over UDP, inventories from a file. One daemon
//! runs them all at once.

use crate::support::{agent, shipped};
use rackwarden::mib::Mibs;
use rackwarden::model::{Moment, Oid, SystemClock, Value};
use rackwarden::simulator::Simulator;
use rackwarden::simulator::agent::AgentSpec;
use rackwarden::simulator::pagerduty::{Board, PagerDuty};
use rackwarden::simulator::server::AgentHandle;
use rackwarden::simulator::tree::Tree;
use serde_json::Value as Json;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Number and name in Device42's list, and the rule. Several rules of a number are its triggers.
const TYPES: &[(u32, &str, &str)] = &[
    (1, "days_left", "type = \"license\"\noperator = \"<\"\ncritical = 7"),
    (1, "percent_of_licensed_devices", "type = \"license\"\noperator = \">\"\nwarning = 90"),
    (1, "percent_of_licensed_addresses", "type = \"license\"\noperator = \">\"\nwarning = 90"),
    (
        2,
        "temperature",
        "type = \"power_unit_sensor\"\napply_to = [\"pdu/sensor/cold aisle\"]\noperator = \">\"\nunit = \"F\"\nwarning = { value = 90, clear = 85 }",
    ),
    (3, "humidity", "type = \"power_unit_sensor\"\noperator = \">\"\nwarning = 80"),
    (
        4,
        "current",
        "type = \"power_unit_infeed\"\napply_to = [\"pdu/phase/1\"]\noperator = \">\"\nwarning = 20\ncritical = 25",
    ),
    (
        5,
        "percent_of_rated",
        "type = \"power_unit_infeed\"\noperator = \">\"\nwarning = { value = 80, clear = 70 }",
    ),
    (5, "active_power", "type = \"power_unit_infeed\"\nunit = \"kW\"\noperator = \">\"\nwarning = 5"),
    (6, "offline", "type = \"power_unit_offline\"\nafter_polls = 2\nseverity = \"critical\""),
    (6, "not_responding", "type = \"power_unit_offline\"\nafter_polls = 2\nseverity = \"error\""),
    (7, "current", "type = \"bank\"\napply_to = [\"pdu/bank/1\"]\noperator = \">=\"\nwarning = 15"),
    (8, "percent_of_rated", "type = \"bank\"\noperator = \">\"\nwarning = 80"),
    (9, "charge", "type = \"ups\"\noperator = \"<\"\nwarning = { value = 50, clear = 60 }"),
    (9, "runtime", "type = \"ups\"\nunit = \"min\"\noperator = \"<\"\ncritical = 10"),
    (9, "voltage", "type = \"ups\"\noperator = \"outside\"\nwarning = [207, 253]"),
    (9, "current", "type = \"ups\"\noperator = \">\"\nwarning = 15"),
    (9, "load", "type = \"ups\"\noperator = \">\"\nwarning = 80"),
    (9, "battery_low", "type = \"ups\"\nseverity = \"critical\""),
    (9, "replace_battery", "type = \"ups\"\nseverity = \"warning\""),
    (9, "on_battery", "type = \"ups\"\nseverity = \"error\""),
    (9, "fault", "type = \"ups\"\napply_to = [\"ups\"]\nseverity = \"critical\""),
    (
        10,
        "count",
        "type = \"software\"\napply_to = [\"cmdb/software/Editor\"]\noperator = \">\"\nwarning = 10",
    ),
    (11, "license_percent_used", "type = \"software\"\noperator = \">\"\nwarning = 100"),
    (12, "installed", "type = \"prohibited_software\"\nseverity = \"error\""),
    (
        13,
        "count",
        "type = \"operating_system\"\napply_to = [\"cmdb/operating_system/linux\"]\noperator = \">=\"\nwarning = 50",
    ),
    (14, "license_percent_used", "type = \"operating_system\"\noperator = \">\"\nwarning = 95"),
    (
        15,
        "percent_used",
        "type = \"subnet\"\napply_to = [\"cmdb/subnet/10.0.0.0/24\"]\noperator = \">\"\nwarning = 85",
    ),
    (16, "addresses_free", "type = \"subnet\"\noperator = \"<\"\nwarning = 20"),
    (
        17,
        "available",
        "type = \"part_model\"\napply_to = [\"cmdb/part_model/disk\"]\noperator = \"<\"\nwarning = 3",
    ),
    (18, "percent_available", "type = \"part_model\"\noperator = \"<\"\nwarning = 10"),
];

/// Cells of the agents that are not as they should be, and what they are when they are.
const CELLS: &[(usize, &str, i64, i64)] = &[
    (0, "rPDU2SensorTempHumidityStatusTempC.1", 400, 247),
    (0, "rPDU2SensorTempHumidityStatusRelativeHumidity.1", 91, 41),
    (0, "rPDU2PhaseStatusCurrent.1", 310, 52),
    (0, "rPDU2PhaseStatusPower.1", 713, 113),
    (0, "rPDU2BankStatusCurrent.1", 155, 52),
    (1, "upsHighPrecBatteryCapacity.0", 400, 1000),
    (1, "upsAdvBatteryRunTimeRemaining.0", 30_000, 492_000),
    (1, "upsHighPrecOutputVoltage.0", 1999, 2304),
    (1, "upsHighPrecOutputCurrent.0", 162, 72),
    (1, "upsHighPrecOutputLoad.0", 915, 415),
    (1, "upsBasicBatteryStatus.0", 3, 2),
    (1, "upsAdvBatteryReplaceIndicator.0", 2, 1),
    (1, "upsBasicOutputStatus.0", 3, 2),
    (1, "upsAdvTestDiagnosticsResults.0", 2, 1),
];

fn rule_name(number: u32, trigger: &str) -> String {
    format!("type {number} {trigger}")
}

struct World {
    mibs: Mibs,
    simulator: Simulator,
    pagerduty: PagerDuty,
    folder: tempfile::TempDir,
    http: SocketAddr,
}

impl World {
    async fn new() -> Self {
        let mibs = shipped::mibs();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let spec = |name: &str| {
            let path = shipped::root().join(format!("tests/fixtures/devices/{name}.agent"));
            let cells = agent::parse(&mibs, &std::fs::read_to_string(path).unwrap()).unwrap();
            let all: Oid = "1.3".parse().unwrap();
            let rows = cells.below(&all).map(|(oid, value)| (oid.clone(), value.clone()));
            (any, AgentSpec::new(Arc::new(Tree::new(rows).unwrap()), "s3cret"))
        };
        let simulator =
            Simulator::start(vec![spec("apc-rpdu2"), spec("apc-ups"), spec("apc-rpdu2")]).unwrap();
        let pagerduty = PagerDuty::start(any, SystemClock::new()).await.unwrap();
        // A port that was free a moment ago; the daemon takes it next.
        let http = TcpListener::bind(any).unwrap().local_addr().unwrap();
        let world = Self { mibs, simulator, pagerduty, folder: tempfile::tempdir().unwrap(), http };
        // The third stands for a unit that falls silent; its readings are always well.
        world.set(2, "rPDU2BankStatusCurrent.2", 50);
        world.set(0, "rPDU2BankStatusCurrent.2", 50);
        world.power(false);
        world.inventory(false);
        world.configure();
        world
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn agent(&self, at: usize) -> AgentHandle {
        self.simulator.agent(at).unwrap()
    }

    fn set(&self, at: usize, cell: &str, number: i64) {
        let oid: Oid = self.mibs.resolve(&format!("PowerNet-MIB::{cell}")).unwrap().oid;
        self.agent(at).set_value(oid, Value::Integer(number));
    }

    fn power(&self, is_bad: bool) {
        for (at, cell, bad, good) in CELLS {
            self.set(*at, cell, if is_bad { *bad } else { *good });
        }
        self.agent(2).silence(is_bad);
    }

    /// Written beside and moved into place, as docs/inventory.md wants it.
    fn inventory(&self, is_bad: bool) {
        let pick = |bad: u32, good: u32| if is_bad { bad } else { good };
        let prohibited = if is_bad {
            "{\"software\": \"Miner\", \"device\": \"pc-9\"}, {\"software\": \"Miner\", \"device\": \"pc-7\"}"
        } else {
            ""
        };
        let expires = if is_bad { "2001-01-01" } else { "2999-01-01" };
        let text = format!(
            "{{\"version\": 1,
            \"software\": [{{\"id\": 7, \"name\": \"Editor\", \"installations\": {}, \"licenses\": {}}}],
            \"prohibited_installations\": [{prohibited}],
            \"operating_systems\": [{{\"id\": 1, \"name\": \"linux\", \"installations\": {}, \"licenses\": {}}}],
            \"subnets\": [{{\"id\": 1, \"name\": \"servers\", \"network\": \"10.0.0.0/24\", \"addresses_used\": {}}},
                          {{\"id\": 2, \"name\": \"host\", \"network\": \"10.9.9.9/32\", \"addresses_used\": 1}}],
            \"part_models\": [{{\"id\": \"disk\", \"parts\": 40, \"parts_available\": {}}}],
            \"licenses\": [{{\"id\": \"d42\", \"name\": \"Device42\", \"expires_at\": \"{expires}\", \"devices\": 100,
                           \"devices_used\": {}, \"addresses\": 1000, \"addresses_used\": {}}}]}}",
            pick(11, 5),
            pick(10, 50),
            pick(60, 40),
            pick(60, 400),
            pick(250, 100),
            pick(2, 20),
            pick(95, 50),
            pick(950, 500),
        );
        let beside = self.path().join("cmdb.tmp");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, self.path().join("cmdb.json")).unwrap();
    }

    fn configure(&self) {
        let mut config = format!(
            "[polling]\ninterval = \"1s\"\ntimeout = \"400ms\"\nretries = 1\n[http]\nlisten = \"{}\"\n\
             [state]\nfolder = \"{}\"\n[profiles]\nfolders = []\n[paging]\nstorm_threshold = 0\n\
             [credentials.default]\nversion = \"2c\"\ncommunity = \"s3cret\"\n\
             [integrations.test]\ntype = \"pagerduty\"\nurl = \"{}\"\nallow_inline_key = true\n\
             requests_per_minute = 10000\nrouting_key = \"0123456789abcdef0123456789abcdef\"\n\
             [[inventory]]\nname = \"cmdb\"\ntype = \"file\"\npath = \"{}\"\ninterval = \"10s\"\ngone_after = 1\n",
            self.http,
            self.path().join("state").display(),
            self.pagerduty.url(),
            self.path().join("cmdb.json").display(),
        );
        for (name, agent) in ["pdu", "ups", "gateway"].iter().zip(self.simulator.agents()) {
            write!(config, "[[devices]]\nname = \"{name}\"\naddress = \"{}\"\n", agent.address()).unwrap();
        }
        for (number, trigger, rule) in TYPES {
            let name = rule_name(*number, trigger);
            write!(config, "[[alerts]]\nname = \"{name}\"\ntrigger = \"{trigger}\"\n{rule}\n").unwrap();
        }
        std::fs::write(self.path().join("rackwarden.toml"), config).unwrap();
    }

    fn start(&self) -> Daemon {
        let log = std::fs::File::create(self.path().join("log")).unwrap();
        let program = env!("CARGO_BIN_EXE_rackwarden");
        let mut run = Command::new(program);
        run.args(["run", "--config"]).arg(self.path().join("rackwarden.toml"));
        Daemon(run.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// Until every rule judges something: what each is bound to, by the API.
    async fn until_bound(&self) {
        let begun = SystemClock::new();
        let mut said = Json::Null;
        while begun.moment().since(Moment::ZERO) < LIMIT {
            if let Some(answer) = self.rules() {
                let rules = answer["rules"].as_array().unwrap().clone();
                let is_bound = |it: &Json| it["bound"] != 0 && it["unlearnt"] == 0 && it["devices"] != 0;
                let of_pairs = |it: &Json| it["rule_type"] == "prohibited_software";
                let offline = |it: &Json| it["rule_type"] != "power_unit_offline" || it["bound"] == 3;
                if rules.len() == TYPES.len()
                    && rules.iter().all(|it| (is_bound(it) && offline(it)) || of_pairs(it))
                {
                    return;
                }
                said = answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("some rules judge nothing: {said:#}");
    }

    fn rules(&self) -> Option<Json> {
        let mut stream = TcpStream::connect(self.http).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET /api/v1/rules HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }

    /// Until the receiver's board is as wanted; else what each rule has come to.
    async fn until(&self, holds: impl Fn(&Board) -> bool) {
        if !self.pagerduty.wait_until(LIMIT, holds).await {
            let log = std::fs::read_to_string(self.path().join("log")).unwrap_or_default();
            let state: Vec<String> = TYPES
                .iter()
                .map(|(number, trigger, _)| {
                    let name = rule_name(*number, trigger);
                    let (opened, open) = self.pagerduty.look(|board| counts(board, &name));
                    format!("{name}: opened {opened}, open {open}")
                })
                .collect();
            panic!("never came to be as wanted:\n{}\n{log}", state.join("\n"));
        }
    }
}

/// How many incidents of a rule were opened, and how many are open.
fn counts(board: &Board, rule: &str) -> (usize, usize) {
    let own = board.incidents.values().filter(|it| it.dedup_key.starts_with(&format!("rackwarden:{rule}/")));
    own.fold((0, 0), |(opened, open), it| (opened + 1, open + usize::from(it.resolved.is_none())))
}

fn every_rule(board: &Board, holds: impl Fn((usize, usize)) -> bool) -> bool {
    TYPES.iter().all(|(number, trigger, _)| holds(counts(board, &rule_name(*number, trigger))))
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

#[test]
fn all_eighteen_are_here() {
    let mut numbers: Vec<u32> = TYPES.iter().map(|it| it.0).collect();
    numbers.dedup();
    assert_eq!(numbers, (1..=18).collect::<Vec<u32>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_source_to_a_page_and_back() {
    let begun = SystemClock::new();
    let world = World::new().await;
    let daemon = world.start();
    // Calm: the devices are learnt when the page tells of readings; nothing is paged.
    world.until_bound().await;
    assert_eq!(world.pagerduty.look(|it| it.requests.len()), 0, "{:?}", world.pagerduty.board().requests);

    world.power(true);
    world.inventory(true);
    world.until(|board| every_rule(board, |(_, open)| 0 < open)).await;
    let open = world.pagerduty.look(|board| counts(board, &rule_name(12, "installed")));
    assert_eq!(open, (2, 2), "prohibited software is one alert for each device");

    world.power(false);
    world.inventory(false);
    world.until(|board| every_rule(board, |(opened, open)| 0 < opened && open == 0)).await;

    let board = world.pagerduty.board();
    let wrong: Vec<&Vec<String>> =
        board.requests.iter().map(|it| &it.problems).filter(|it| !it.is_empty()).collect();
    assert!(wrong.is_empty(), "PagerDuty would refuse: {wrong:?}");
    assert_eq!(board.idle_resolves, 0);
    drop(daemon);
    assert!(begun.moment().since(Moment::ZERO) < LIMIT * 2);
}
