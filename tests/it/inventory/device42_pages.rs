//! Device42's nine alert types whose data lie in its database, from rows in PostgreSQL over DOQL to triggers
//! and resolves that PagerDuty takes; what an appliance that fails, or has lost an object, makes of them.

use super::LIMIT;
use super::device42::Appliance;
use rackwarden::model::SystemClock;
use rackwarden::simulator::pagerduty::{Board, PagerDuty};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// Number in the list of eighteen, trigger, the rule, and the object that it is to find.
const RULES: &[(u32, &str, &str, &str)] = &[
    (
        10,
        "count",
        "type = \"software\"\napply_to = [\"d42/software/Editor\"]\noperator = \">\"\nwarning = 10",
        "Editor",
    ),
    (11, "license_percent_used", "type = \"software\"\noperator = \">\"\nerror = 100", "Editor"),
    (12, "installed", "type = \"prohibited_software\"\nseverity = \"error\"", "Miner"),
    (
        13,
        "count",
        "type = \"operating_system\"\napply_to = [\"d42/operating_system/Windows\"]\noperator = \">=\"\nwarning = 13",
        "Windows",
    ),
    (14, "license_percent_used", "type = \"operating_system\"\noperator = \">\"\nwarning = 95", "Windows"),
    (
        15,
        "percent_used",
        "type = \"subnet\"\napply_to = [\"d42/subnet/10.0.0.0/24\"]\noperator = \">\"\nwarning = { value = 70, clear = 60 }",
        "office",
    ),
    (16, "percent_used", "type = \"subnet\"\noperator = \">\"\nwarning = 75", "office"),
    (
        17,
        "available",
        "type = \"part_model\"\napply_to = [\"d42/part_model/Disk 4 TB\"]\noperator = \"<\"\nwarning = 3",
        "Disk 4 TB",
    ),
    (18, "percent_available", "type = \"part_model\"\noperator = \"<\"\nwarning = 10", "Disk 4 TB"),
];

/// What is there while all is well.
const CALM: &str = "
DELETE FROM view_software_v1; DELETE FROM view_softwareinuse_v1; DELETE FROM view_subnet_v1 WHERE subnet_pk = 5;
INSERT INTO view_software_v1 VALUES (1, 'Editor', 1, 'Managed', 'office', 1, 10, 10, ''),
  (2, 'Free', 1, 'Managed', NULL, NULL, NULL, 900, ''), (9001, 'Miner', NULL, 'Prohibited', NULL, NULL, NULL, 0, '');
UPDATE view_os_v1 SET discovered_licensed_count = 9 WHERE os_pk = 2;
DELETE FROM view_part_v1 WHERE partmodel_fk <> 1;
";
const BAD: &str = "
UPDATE view_software_v1 SET discovered_count = 11 WHERE software_pk = 1;
INSERT INTO view_softwareinuse_v1 VALUES (1, 9001, 1, NULL, '1.0', NULL, NULL), (2, 9001, 2, NULL, '1.0', NULL, NULL);
UPDATE view_os_v1 SET discovered_licensed_count = 10 WHERE os_pk = 2;
INSERT INTO view_deviceos_v1 VALUES (999, 2, 99, true);
UPDATE view_ipaddress_v2 SET available = false WHERE subnet_fk = 1;
UPDATE view_part_v1 SET pcount = 0 WHERE part_pk = 1; UPDATE view_part_v1 SET pcount = 1 WHERE part_pk = 2;
";
const GOOD: &str = "
UPDATE view_software_v1 SET discovered_count = 10 WHERE software_pk = 1;
DELETE FROM view_softwareinuse_v1;
UPDATE view_os_v1 SET discovered_licensed_count = 9 WHERE os_pk = 2;
DELETE FROM view_deviceos_v1 WHERE deviceos_pk = 999;
UPDATE view_ipaddress_v2 SET available = true WHERE subnet_fk = 1 AND 100 < ipaddress_pk;
UPDATE view_part_v1 SET pcount = 6 WHERE part_pk = 1;
";

/// More than one snapshot asks.
const QUERIES: usize = 12;

/// The daemon; ends when dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

struct World {
    appliance: Appliance,
    pagerduty: PagerDuty,
    folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Option<(Self, Daemon)> {
        let appliance = Appliance::start()?;
        appliance.sql(CALM);
        // Parts, too, from the database.
        appliance.behave(|it| it.no_rest = true);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let pagerduty = PagerDuty::start(any, SystemClock::new()).await.unwrap();
        let world = Self { appliance, pagerduty, folder: tempfile::tempdir().unwrap() };
        let daemon = world.run();
        Some((world, daemon))
    }

    fn run(&self) -> Daemon {
        let folder = self.folder.path();
        let mut config = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"{}\"\n[profiles]\nfolders = []\n\
             [integrations.test]\ntype = \"pagerduty\"\nurl = \"{}\"\nallow_inline_key = true\n\
             requests_per_minute = 10000\nrouting_key = \"0123456789abcdef0123456789abcdef\"\n\
             [[inventory]]\nname = \"d42\"\ntype = \"device42\"\nurl = \"{}\"\nusername = \"rw\"\n\
             secret = \"hunter2\"\ninterval = \"10s\"\ngone_after = 1\n\
             [[alerts]]\nname = \"source\"\ntype = \"inventory\"\ntrigger = \"failing\"\nafter_polls = 1\n\
             severity = \"error\"\n",
            folder.join("state").display(),
            self.pagerduty.url(),
            self.appliance.url(),
        );
        for (number, trigger, rule, _) in RULES {
            writeln!(config, "[[alerts]]\nname = \"type {number}\"\ntrigger = \"{trigger}\"\n{rule}")
                .unwrap();
        }
        let path = folder.join("rackwarden.toml");
        std::fs::write(&path, config).unwrap();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
        command.args(["run", "--config"]).arg(path);
        Daemon(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Board) -> bool) {
        if !self.pagerduty.wait_until(LIMIT, holds).await {
            panic!("{what}: {:#?}\n{}", self.incidents(), self.log());
        }
    }

    /// Key and whether it is open.
    fn incidents(&self) -> Vec<(String, bool)> {
        self.pagerduty.look(|board| {
            board.incidents.values().map(|it| (it.dedup_key.clone(), it.resolved.is_none())).collect()
        })
    }

    /// Until the appliance has been asked so many questions more.
    async fn asked(&self, queries: usize) {
        let before = self.appliance.queries();
        let clock = SystemClock::new();
        while self.appliance.queries() < before + queries {
            assert!(clock.moment().since(rackwarden::model::Moment::ZERO) < LIMIT, "{}", self.log());
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

/// How many incidents of a rule were opened, and how many are open.
fn counts(board: &Board, rule: &str) -> (usize, usize) {
    let own = board.incidents.values().filter(|it| it.dedup_key.starts_with(&format!("rackwarden:{rule}/")));
    own.fold((0, 0), |(opened, open), it| (opened + 1, open + usize::from(it.resolved.is_none())))
}

fn every_rule(board: &Board, holds: impl Fn((usize, usize)) -> bool) -> bool {
    RULES.iter().all(|it| holds(counts(board, &format!("type {}", it.0))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_rows_to_pages_and_back() {
    let Some((world, daemon)) = World::start().await else { return };
    world.asked(QUERIES).await;
    assert_eq!(world.incidents(), [], "all is well");

    world.appliance.sql(BAD);
    world.until("triggers", |board| every_rule(board, |(_, open)| 0 < open)).await;
    for (number, trigger, _, object) in RULES {
        let found = world.pagerduty.look(|board| {
            let event = board.requests.iter().find(|it| {
                it.event["dedup_key"]
                    .as_str()
                    .is_some_and(|key| key.starts_with(&format!("rackwarden:type {number}/")))
            });
            event.map(|it| it.event["payload"].clone()).unwrap()
        });
        let details = &found["custom_details"];
        assert_eq!(details["trigger"], *trigger, "{number}");
        assert!(found["summary"].as_str().unwrap().contains(object), "{number}: {}", found["summary"]);
    }
    assert_eq!(
        world.pagerduty.look(|it| counts(it, "type 12")),
        (2, 2),
        "a page for each device that has it"
    );

    // An appliance that fails is one alert; nothing of what it said before is over, also after a kill.
    world.appliance.behave(|it| (it.no_rest, it.code) = (true, Some(5)));
    world.until("the source's own alert", |board| counts(board, "source") == (1, 1)).await;
    assert!(world.pagerduty.look(|it| every_rule(it, |(_, open)| 0 < open)));
    let before = world.incidents();
    drop(daemon);
    let daemon = world.run();
    world.asked(1).await;

    world.appliance.sql(GOOD);
    world.appliance.behave(|it| it.no_rest = true);
    world
        .until("resolves", |board| {
            every_rule(board, |(opened, open)| 0 < opened && open == 0) && counts(board, "source") == (1, 0)
        })
        .await;

    assert_eq!(world.incidents().len(), before.len(), "nothing was over meanwhile, to begin anew");

    // An object that leaves while its alert is open resolves it.
    world.appliance.sql("UPDATE view_software_v1 SET discovered_count = 50 WHERE software_pk = 1");
    world.until("once more", |board| counts(board, "type 10").1 == 1).await;
    world.appliance.sql("DELETE FROM view_software_v1 WHERE software_pk = 1");
    world.until("gone", |board| counts(board, "type 10").1 == 0 && counts(board, "type 11").1 == 0).await;

    let board = world.pagerduty.board();
    let wrong: Vec<&Vec<String>> =
        board.requests.iter().map(|it| &it.problems).filter(|it| !it.is_empty()).collect();
    assert!(wrong.is_empty(), "PagerDuty would refuse: {wrong:?}");
    assert_eq!(board.idle_resolves, 0);
    drop(daemon);
}
