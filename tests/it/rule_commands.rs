//! `rackwarden rules ..` as a person runs them. What people read is held against tests/fixtures/rules;
//! `UPDATE_EXPECT=1 cargo test --test it rule_commands` writes those anew.

use crate::support::shipped;
use rackwarden::model::{Oid, SystemClock, Value};
use rackwarden::simulator::Simulator;
use rackwarden::simulator::agent::AgentSpec;
use rackwarden::simulator::cell::text;
use rackwarden::simulator::pagerduty::PagerDuty;
use rackwarden::simulator::tree::Tree;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

const STATUS: &str = "1.3.6.1.2.1.33.1.4.1.0";
const LIMIT: Duration = Duration::from_secs(60);

fn rackwarden(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
    command.current_dir(shipped::root()).args(arguments);
    command.env_remove("RACKWARDEN_CONFIG").output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs it; its exit code and what it prints are as expected.
fn prints(arguments: &[&str], code: i32) -> String {
    let output = rackwarden(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{}{}", out(&output), err(&output));
    out(&output)
}

fn golden(name: &str, actual: &str) {
    let path = shipped::root().join("tests/fixtures/rules").join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "{name} is\n{actual}\ninstead of\n{expected}");
}

const NOWHERE: &str = "--config=/nonexistent/rackwarden.toml";
const STARTER: &str = "--rules=packaging/examples/alerts.toml";
const RECORDING: &str = "tests/fixtures/rules/rack.jsonl";

#[test]
fn the_starter_rules_are_clean_and_pass_their_tests() {
    let said = prints(&["rules", "check", "--strict", NOWHERE, STARTER], 0);
    assert!(said.contains("rules: no mistakes\n") && !said.contains("look"), "{said}");
    let said = prints(&["rules", "test", NOWHERE, "packaging/examples/alerts_test.toml"], 0);
    assert!(said.ends_with(" tests, 0 failed\n"), "{said}");
    assert!(!said.contains("rules that no test makes fire"), "{said}");
    golden("list.txt", &prints(&["rules", "list", NOWHERE, STARTER], 0));
}

#[test]
fn tests_that_fail_say_what_was_said_instead() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "rules.toml",
        "[[alerts]]\nname = \"load\"\ntype = \"bank\"\ntrigger = \"current\"\napply_to = [\"pdu-7\"]\noperator = \">\"\nwarning = 10\n",
    );
    write(
        "bad_test.toml",
        "rules = [\"rules.toml\"]\n[[test]]\nname = \"too early\"\n\
         series = [{ object = \"pdu-7/bank/1\", quantity = \"current\", values = \"9 11 9\" }]\n\
         expect = [{ at = \"0\", rule = \"load\", is = \"warning\" }, { at = \"20s\", rule = \"load\", is = \"resolved\" }]\n",
    );
    let path = folder.path().join("bad_test.toml").display().to_string();
    let said = prints(&["rules", "test", NOWHERE, &path], 1);
    golden("test.txt", &said.replace(&path, "bad_test.toml"));
    write("bad_test.toml", "[[test]]\nname = 5\n");
    let output = rackwarden(&["rules", "test", NOWHERE, &path]);
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("line 2"), "{}", err(&output));
    write("bad_test.toml", "rules = [\"rules.toml\"]\n[[test]]\nname = \"x\"\nonly = [\"lode\"]\n");
    let output = rackwarden(&["rules", "test", NOWHERE, &path]);
    assert!(
        err(&output).contains("test \"x\": there is no rule \"lode\"; did you mean \"load\"?"),
        "{}",
        err(&output)
    );
}

#[test]
fn recordings_are_played_and_give_proposals() {
    golden("replay.txt", &prints(&["rules", "replay", NOWHERE, STARTER, RECORDING], 0));
    let proposed = prints(&["rules", "suggest", NOWHERE, "--recording", RECORDING], 0);
    golden("suggest.txt", &proposed);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proposed.toml");
    std::fs::write(&file, proposed).unwrap();
    prints(&["rules", "check", NOWHERE, "--rules", &file.display().to_string()], 0);
}

#[test]
fn walks_are_polls_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, status: i32| {
        let walk = format!(
            "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.3\n1.3.6.1.2.1.1.3.0|67|1\n1.3.6.1.2.1.1.5.0|4|ups-9\n\
             1.3.6.1.2.1.33.1.2.4.0|2|88\n{STATUS}|2|{status}\n"
        );
        let path = folder.path().join(name);
        std::fs::write(&path, walk).unwrap();
        path.display().to_string()
    };
    let files = [file("1.snmprec", 3), file("2.snmprec", 5), file("3.snmprec", 5), file("4.snmprec", 3)];
    let mut arguments = vec!["rules", "replay", NOWHERE, STARTER, "--every", "1m"];
    arguments.extend(files.iter().map(String::as_str));
    let said = prints(&arguments, 0);
    assert!(said.contains("2026-01-05T00:02:00.000Z  error     UPS on battery: ups-9/output/0"), "{said}");
    assert!(said.contains("4 polls of 1 device in 3 min: 1 alert began, 1 ended"), "{said}");
}

/// Walks of three PDUs and a UPS, each with its thresholds where its MIB keeps them.
const SET_IN_DEVICES: [(&str, &str); 4] = [
    (
        "apc",
        "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.318.1.3.4.6
1.3.6.1.4.1.318.1.1.26.2.1.8.1|4|AP8853
1.3.6.1.4.1.318.1.1.26.8.1.1.5.1|2|0
1.3.6.1.4.1.318.1.1.26.8.1.1.5.2|2|1
1.3.6.1.4.1.318.1.1.26.8.1.1.6.1|2|12
1.3.6.1.4.1.318.1.1.26.8.1.1.6.2|2|12
1.3.6.1.4.1.318.1.1.26.8.1.1.7.1|2|16
1.3.6.1.4.1.318.1.1.26.8.1.1.7.2|2|16
1.3.6.1.4.1.318.1.1.26.8.3.1.5.1|2|61
1.3.6.1.4.1.318.1.1.26.8.3.1.5.2|2|42
1.3.6.1.4.1.318.1.1.26.10.2.1.1.10.1|2|35
1.3.6.1.4.1.318.1.1.26.10.2.1.1.11.1|2|30
1.3.6.1.4.1.318.1.1.26.10.2.2.1.6.1|2|2
1.3.6.1.4.1.318.1.1.26.10.2.2.1.8.1|2|231
",
    ),
    // Bits 2 and 3 of the thresholds are on: the upper ones.
    (
        "raritan",
        "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.13742.6
1.3.6.1.4.1.13742.6.3.3.4.1.7.1.1.1|66|2
1.3.6.1.4.1.13742.6.3.3.4.1.21.1.1.1|66|100
1.3.6.1.4.1.13742.6.3.3.4.1.22.1.1.1|66|200
1.3.6.1.4.1.13742.6.3.3.4.1.23.1.1.1|66|2600
1.3.6.1.4.1.13742.6.3.3.4.1.24.1.1.1|66|2080
1.3.6.1.4.1.13742.6.3.3.4.1.25.1.1.1|4x|30
1.3.6.1.4.1.13742.6.5.2.3.1.3.1.1.1|2|4
1.3.6.1.4.1.13742.6.5.2.3.1.4.1.1.1|66|975
",
    ),
    // Hundredths of amperes are read, tenths are set; degrees are Fahrenheit's.
    (
        "sentry",
        "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.1718.4
1.3.6.1.4.1.1718.4.1.4.3.1.3.1.1.1|2|850
1.3.6.1.4.1.1718.4.1.4.4.1.2.1.1.1|2|0
1.3.6.1.4.1.1718.4.1.4.4.1.3.1.1.1|2|0
1.3.6.1.4.1.1718.4.1.4.4.1.4.1.1.1|2|128
1.3.6.1.4.1.1718.4.1.4.4.1.5.1.1.1|2|160
1.3.6.1.4.1.1718.4.1.9.1.10.0|2|1
1.3.6.1.4.1.1718.4.1.9.3.1.1.1.1|2|770
1.3.6.1.4.1.1718.4.1.9.4.1.2.1.1|2|41
1.3.6.1.4.1.1718.4.1.9.4.1.3.1.1|2|50
1.3.6.1.4.1.1718.4.1.9.4.1.4.1.1|2|86
1.3.6.1.4.1.1718.4.1.9.4.1.5.1.1|2|95
",
    ),
    (
        "ups",
        "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.3
1.3.6.1.2.1.33.1.2.3.0|2|40
1.3.6.1.2.1.33.1.3.3.1.3.1|2|230
1.3.6.1.2.1.33.1.9.7.0|2|5
1.3.6.1.2.1.33.1.9.9.0|2|184
1.3.6.1.2.1.33.1.9.10.0|2|264
",
    ),
];

#[test]
fn what_is_set_in_devices_is_proposed() {
    let folder = tempfile::tempdir().unwrap();
    let files = SET_IN_DEVICES.map(|(name, walk)| {
        let path = folder.path().join(format!("{name}.snmprec"));
        std::fs::write(&path, walk).unwrap();
        path.display().to_string()
    });
    let mut arguments = vec!["rules", "suggest", NOWHERE];
    arguments.extend(files.iter().flat_map(|it| ["--recording", it.as_str()]));
    let proposed = prints(&arguments, 0);
    golden("set-in-devices.txt", &proposed);
    let file = folder.path().join("proposed.toml");
    std::fs::write(&file, proposed).unwrap();
    prints(&["rules", "check", NOWHERE, "--rules", &file.display().to_string()], 0);
    arguments.insert(2, "rariton");
    let output = rackwarden(&arguments);
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(err(&output), "rackwarden: nothing was read of \"rariton\"; did you mean \"raritan\"?\n");
}

#[test]
fn objects_of_inventories_are_explained_by_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let subnets = "{\"version\": 1, \"subnets\": [
        {\"id\": 1, \"name\": \"servers\", \"network\": \"10.0.0.0/24\", \"addresses_used\": 250},
        {\"id\": 2, \"name\": \"guests\", \"network\": \"10.0.1.0/24\", \"addresses_used\": 20},
        {\"id\": 3, \"name\": \"link\", \"network\": \"10.0.2.0/31\", \"addresses_used\": 2}]}";
    std::fs::write(path("cmdb.json"), subnets).unwrap();
    let config = format!(
        "[[inventory]]\nname = \"cmdb\"\ntype = \"file\"\npath = \"{}\"\n\
         [[alerts]]\nname = \"subnet fills up\"\ntype = \"subnet\"\ntrigger = \"percent_used\"\noperator = \">\"\nwarning = 85\n\
         [[alerts]]\nname = \"inventory\"\ntype = \"inventory\"\ntrigger = \"failing\"\nseverity = \"warning\"\n",
        path("cmdb.json")
    );
    std::fs::write(path("rackwarden.toml"), config).unwrap();
    let configuration = format!("--config={}", path("rackwarden.toml"));
    let explain = |arguments: &[&str], code| {
        prints(&[&["rules", "explain", "--poll", &configuration], arguments].concat(), code)
    };
    golden("explain-inventory.txt", &explain(&["subnet fills up"], 0));
    let one = explain(&["subnet fills up", "cmdb/subnet/guests"], 0);
    assert!(one.contains("cmdb/subnet/2 (guests)") && !one.contains("servers"), "{one}");
    assert!(explain(&["inventory"], 0).contains("cmdb: the last snapshot succeeded: calm"));
    std::fs::write(path("cmdb.json"), "{\"version\": 1").unwrap();
    let said = explain(&["inventory"], 0);
    assert!(
        said.contains("cmdb: the last snapshot failed: ")
            && said.contains("; told after 3 failed snapshots in a row\n"),
        "{said}"
    );
}

#[test]
fn templates_are_checked_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("rackwarden.toml");
    let rule = "[[alerts]]\nname = \"a\"\ntype = \"ups\"\ntrigger = \"fault\"\nseverity = \"error\"\n";
    std::fs::write(
        &main,
        format!(
            "[paging]\nsummary = \"{{{{ sumary }}}}\"\n{rule}summary = \"%(devicename)s\"\ndetails = {{ x = \"{{{{ label }}\" }}\n"
        ),
    )
    .unwrap();
    let output = rackwarden(&["check", "--config", &main.display().to_string()]);
    assert_eq!(output.status.code(), Some(3));
    let said = err(&output);
    for expected in [
        "rackwarden.toml:2:11",
        "there is no field `sumary`",
        "did you mean `summary`?",
        "rackwarden.toml:8:11",
        "Device42 has no variable %(devicename)s",
        "rackwarden.toml:9:17",
        "the template cannot be used: line 1: syntax error",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
}

/// What docs/rules.md shows is what is printed.
#[test]
fn the_guide_shows_what_is_printed() {
    let guide = std::fs::read_to_string(shipped::root().join("docs/rules.md")).unwrap();
    for (name, lines) in [
        ("list.txt", 5),
        ("explain.txt", usize::MAX),
        ("explain-inventory.txt", usize::MAX),
        ("replay.txt", usize::MAX),
        ("test.txt", usize::MAX),
        ("suggest.txt", 10),
        ("set-in-devices.txt", 10),
    ] {
        let printed =
            std::fs::read_to_string(shipped::root().join("tests/fixtures/rules").join(name)).unwrap();
        let shown: String = printed.split_inclusive('\n').take(lines).collect();
        assert!(guide.contains(&shown), "docs/rules.md does not show what {name} begins with:\n{shown}");
    }
}

/// A UPS on battery, a stand-in for PagerDuty, and the daemon.
struct World {
    _simulator: Simulator,
    pagerduty: PagerDuty,
    folder: tempfile::TempDir,
    daemon: Option<Child>,
}

impl World {
    async fn new() -> Self {
        let oid = |text: &str| text.parse::<Oid>().unwrap();
        let rows = [
            ("1.3.6.1.2.1.1.2.0", Value::ObjectIdentifier(oid("1.3.6.1.4.1.99999.3"))),
            ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(1)),
            ("1.3.6.1.2.1.33.1.1.2.0", text("Steady 1500")),
            ("1.3.6.1.2.1.33.1.2.3.0", Value::Integer(40)),
            ("1.3.6.1.2.1.33.1.2.4.0", Value::Integer(88)),
            ("1.3.6.1.2.1.33.1.9.7.0", Value::Integer(5)),
            (STATUS, Value::Integer(5)),
        ];
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let tree = Tree::new(rows.map(|(name, value)| (oid(name), value))).unwrap();
        let simulator = Simulator::start(vec![(any, AgentSpec::new(Arc::new(tree), "s3cret"))]).unwrap();
        let pagerduty = PagerDuty::start(any, SystemClock::new()).await.unwrap();
        // A port that was free a moment ago; the daemon takes it next.
        let http = TcpListener::bind(any).unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[polling]\ninterval = \"1s\"\ntimeout = \"2s\"\n[http]\nlisten = \"{http}\"\n[state]\nfolder = \"{}\"\n\
             [profiles]\nfolders = []\n[credentials.default]\nversion = \"2c\"\ncommunity = \"s3cret\"\n\
             [integrations.test]\ntype = \"pagerduty\"\nurl = \"{}\"\nallow_inline_key = true\n\
             routing_key = \"0123456789abcdef0123456789abcdef\"\n\
             [paging]\ndetails = {{ team = \"facilities of {{{{ labels.site }}}}\" }}\n\
             [[devices]]\nname = \"ups-a\"\naddress = \"{}\"\nlabels = {{ site = \"lab\" }}\n\
             [[alerts]]\nname = \"on battery\"\ntype = \"ups\"\ntrigger = \"on_battery\"\nseverity = \"critical\"\n\
             summary = \"%(device_name)s runs on battery: {{{{ reading|upper }}}}\"\n\
             [[alerts]]\nname = \"charge\"\ntype = \"ups\"\ntrigger = \"charge\"\noperator = \"<\"\nwarning = {{ value = 75, clear = 80 }}\n\
             [[alerts]]\nname = \"elsewhere\"\ntype = \"ups\"\ntrigger = \"fault\"\nseverity = \"error\"\napply_to = {{ match = {{ site = \"ams\" }} }}\n",
            folder.path().join("state").display(),
            pagerduty.url(),
            simulator.agent(0).unwrap().address(),
        );
        std::fs::write(folder.path().join("rackwarden.toml"), config).unwrap();
        Self { _simulator: simulator, pagerduty, folder, daemon: None }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn start(&mut self) {
        let log = std::fs::File::create(self.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
        command.args(["run", "--config"]).arg(self.path().join("rackwarden.toml"));
        self.daemon = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    fn rules(&self, arguments: &[&str], code: i32) -> String {
        let config = format!("--config={}", self.path().join("rackwarden.toml").display());
        prints(&[&["rules"], arguments, &[&config]].concat(), code)
    }
}

impl World {
    /// The output of `poll --json`, twice, one after the other, is a recording of two polls.
    fn replays_what_poll_printed(&self) {
        let config = format!("--config={}", self.path().join("rackwarden.toml").display());
        let polled = prints(&["poll", "ups-a", "--json", &config], 0);
        let file = self.path().join("polled.json").display().to_string();
        std::fs::write(&file, polled.repeat(2)).unwrap();
        let said = self.rules(&["replay", &file, "--every=30s"], 0);
        assert!(said.starts_with("2026-01-05T00:00:00.000Z  critical  on battery: ups-a/output/0"), "{said}");
        assert!(said.contains("2 polls of 1 device in 30 s: 1 alert began, 0 ended"), "{said}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon
            && daemon.kill().is_ok()
        {
            daemon.wait().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_is_asked_what_rules_do() {
    let mut world = World::new().await;
    let by_hand = world.rules(&["explain", "on battery", "--poll"], 0);
    assert!(by_hand.contains("ups-a/output/0"), "{by_hand}");
    assert!(by_hand.contains("battery (warning): the condition holds"), "{by_hand}");
    world.rules(&["explain", "on battery"], 1);
    let proposed = world.rules(&["suggest", "--poll"], 0);
    let own = "type = \"ups\"\ntrigger = \"runtime\"\napply_to = [\"ups-a/battery\"]\noperator = \"<\"\ncritical = { value = 300, clear = 360 }";
    assert!(
        proposed.contains("# Set in the device itself; read 2400 s in 1 poll of Battery.")
            && proposed.contains(own),
        "{proposed}"
    );
    world.replays_what_poll_printed();

    world.start();
    let paged = world.pagerduty.wait_until(LIMIT, |board| board.open_len() == 1).await;
    assert!(paged, "{}", std::fs::read_to_string(world.path().join("log")).unwrap());
    let request = world.pagerduty.look(|board| board.requests[0].clone());
    assert_eq!(request.problems, [""; 0]);
    assert_eq!(request.text("payload.summary"), "ups-a runs on battery: BATTERY");
    assert_eq!(request.text("payload.custom_details.team"), "facilities of lab");

    let said = world.rules(&["explain", "on battery"], 0);
    assert!(said.contains("the condition holds; critical alert firing, since "), "{said}");
    let said = world.rules(&["explain", "charge", "ups-a"], 0);
    golden("explain.txt", &said);
    let said = world.rules(&["explain", "elsewhere", "ups-a"], 0);
    assert!(said.contains("ups-a: the rule is not for it: it is for site=ams"), "{said}");
    world.rules(&["explain", "charge", "ups-b"], 5);
    world.rules(&["explain", "charged"], 2);
    let said = world.rules(&["check"], 0);
    assert!(said.contains("ok    charge: ups/charge, all: judges 1 object"), "{said}");
    assert!(said.contains("look  elsewhere: ups/fault, site=ams: applies to no device"), "{said}");
    world.rules(&["check", "--strict"], 3);

    let recording = world.path().join("recording.jsonl").display().to_string();
    world.rules(&["record", "--for=2s", "--every=500ms", "--output", &recording], 0);
    let said = world.rules(&["replay", &recording], 0);
    assert!(said.contains("on battery: ups-a/output/0") && said.contains("1 alert began"), "{said}");
}
