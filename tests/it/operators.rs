//! Operators' commands against a running daemon, by the worked example of docs/paging.md: software that
//! nobody may install is found, looked after, and uninstalled.

use rackwarden::model::SystemClock;
use rackwarden::simulator::pagerduty::{Board, PagerDuty};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const KEY: &str = "prohibited software/cmdb/prohibited_installation/Miner.pc-9/installations";
const DEDUP_KEY: &str =
    "rackwarden:prohibited software/cmdb/prohibited_installation/Miner.pc-9/installations";

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        if self.0.kill().is_ok() {
            self.0.wait().unwrap();
        }
    }
}

struct Desk {
    folder: tempfile::TempDir,
    pagerduty: PagerDuty,
}

impl Desk {
    async fn new() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
            pagerduty: PagerDuty::start(any, SystemClock::new()).await.unwrap(),
        };
        // A port that was free a moment ago; the daemon takes it next.
        let http = TcpListener::bind(any).unwrap().local_addr().unwrap();
        let path = desk.path();
        let config = format!(
            "[http]\nlisten = \"{http}\"\n[state]\nfolder = \"{}\"\n\
             [integrations.pagerduty]\ntype = \"pagerduty\"\nurl = \"{}\"\nrouting_key_file = \"{}\"\n\
             [[inventory]]\nname = \"cmdb\"\ntype = \"file\"\npath = \"{}\"\ninterval = \"10s\"\ngone_after = 1\n\
             [[alerts]]\nname = \"prohibited software\"\ntype = \"prohibited_software\"\ntrigger = \"installed\"\n\
             severity = \"error\"\nnotes = \"Ask the owner to uninstall it.\"\n",
            path.join("state").display(),
            desk.pagerduty.url(),
            path.join("key").display(),
            path.join("cmdb.json").display(),
        );
        std::fs::write(path.join("rackwarden.toml"), config).unwrap();
        std::fs::write(path.join("key"), "0123456789abcdef0123456789abcdef").unwrap();
        desk.inventory("");
        desk
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn inventory(&self, installed: &str) {
        let beside = self.path().join("cmdb.tmp");
        let text = format!("{{\"version\": 1, \"prohibited_installations\": [{installed}]}}");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, self.path().join("cmdb.json")).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
        command.args(arguments).env("RACKWARDEN_CONFIG", self.path().join("rackwarden.toml"));
        command.env("USER", "ann");
        command
    }

    /// The exit code, and what was said.
    fn say(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    /// What a command says has to hold these.
    fn check(&self, arguments: &[&str], code: i32, parts: &[&str]) {
        let (was, said) = self.say(arguments);
        let missing: Vec<_> = parts.iter().filter(|it| !said.contains(**it)).collect();
        assert!(
            was == code && missing.is_empty(),
            "{arguments:?} ended with {was}, lacks {missing:?}:\n{said}"
        );
    }

    async fn until(&self, what: &str, holds: impl Fn(&Board) -> bool) {
        let came = self.pagerduty.wait_until(LIMIT, holds).await;
        assert!(came, "{what} does not come: {:#?}", self.pagerduty.board());
    }

    fn start(&self) -> Daemon {
        let log = std::fs::File::create(self.path().join("log")).unwrap();
        Daemon(self.command(&["run"]).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worked_example_by_hand() {
    let desk = Desk::new().await;
    desk.check(&["alerts", "list"], 1, &["no daemon runs on this configuration", "--config"]);
    desk.check(
        &["page", "test"],
        0,
        &["trigger: accepted (HTTP 202", "resolve: accepted", "nobody is on call"],
    );
    desk.until("the test page", |it| it.requests.len() == 2).await;
    let daemon = desk.start();
    desk.inventory("{\"software\": \"Miner\", \"device\": \"pc-9\"}");
    desk.until("the page", |it| it.open_len() == 1).await;
    let summary = desk.pagerduty.look(|it| it.incidents_of(DEDUP_KEY).next().unwrap().summary.clone());
    assert_eq!(summary, "ERROR cmdb prohibited installation Miner on pc-9: installed: it is there");
    desk.check(&["alerts", "list"], 0, &[&summary, KEY, "pagerduty has it"]);
    desk.check(&["alerts", "show", KEY], 0, &["severity  error", "pagerduty has it"]);
    desk.check(&["alerts", "show", "Miner"], 1, &["no alert `Miner` goes on", "alerts list"]);
    desk.check(&["alerts", "ack", KEY], 0, &["acknowledged by ann"]);
    desk.until("the acknowledgement", |it| {
        it.requests.iter().any(|it| it.text("event_action") == "acknowledge")
    })
    .await;
    desk.check(&["alerts", "list"], 0, &["acknowledged by ann at "]);
    desk.check(&["alerts", "silence", "software", "--for", "1h"], 1, &["`software` is no condition"]);
    let silence = ["alerts", "silence", "software=Torrent*", "--for", "1h", "--comment", "known"];
    desk.check(
        &silence,
        0,
        &[
            "silence 1 holds back software=Torrent*",
            "NOTE: it fits no alert that goes on now",
            "alerts unsilence 1",
        ],
    );
    desk.inventory(
        "{\"software\": \"Miner\", \"device\": \"pc-9\"}, {\"software\": \"Torrent\", \"device\": \"pc-7\"}",
    );
    let mut held = (0, String::new());
    for _ in 0..300 {
        held = desk.say(&["alerts", "list"]);
        if held.1.contains("held back by silence 1") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(held.1.contains("held back by silence 1"), "{held:?}");
    assert_eq!(desk.pagerduty.look(Board::open_len), 1);
    desk.check(&["alerts", "silences"], 0, &["1 (active)  software=Torrent*", "by ann: known"]);
    desk.check(&["alerts", "unsilence", "1"], 0, &["silence 1 is over"]);
    desk.check(&["alerts", "unsilence", "1"], 1, &["there is no silence 1 that goes on"]);
    let silence = ["alerts", "silence", "alert=prohibited*", "--for", "1s"];
    desk.check(&silence, 0, &["it fits 2 alerts that go on now"]);
    desk.until("what was held back", |it| it.open_len() == 2).await;
    desk.check(&["outbox", "list"], 0, &["nothing waits, and nothing was given up"]);
    desk.check(&["outbox", "drop", "pagerduty", "99"], 1, &["there is no event 99 for pagerduty"]);
    desk.check(&["outbox", "retry", "nobody"], 1, &["no integration `nobody`"]);
    desk.inventory("");
    desk.until("the end", |it| it.open_len() == 0).await;
    desk.check(&["alerts", "list"], 0, &["no alert goes on"]);
    drop(daemon);
}
