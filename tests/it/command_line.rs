//! The commands as a person or script runs them.
//!
//! `poll --json` is a contract: do not change its test, add a version.

use rackwarden::model::{Oid, Value};
use rackwarden::simulator::Simulator;
use rackwarden::simulator::agent::AgentSpec;
use rackwarden::simulator::cell::text;
use rackwarden::simulator::tree::Tree;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output};
use std::sync::Arc;

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// A small UPS as RFC 1628 has it, invented.
fn ups() -> Simulator {
    let rows = [
        ("1.3.6.1.2.1.1.1.0", text("Invented UPS")),
        ("1.3.6.1.2.1.1.2.0", Value::ObjectIdentifier(oid("1.3.6.1.4.1.99999.3"))),
        ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(12_345)),
        ("1.3.6.1.2.1.1.5.0", text("ups-9")),
        ("1.3.6.1.2.1.33.1.1.1.0", text("Invented")),
        ("1.3.6.1.2.1.33.1.1.2.0", text("Steady 1500")),
        ("1.3.6.1.2.1.33.1.2.1.0", Value::Integer(3)),
        ("1.3.6.1.2.1.33.1.2.4.0", Value::Integer(88)),
        ("1.3.6.1.2.1.33.1.4.4.1.2.1", Value::Integer(230)),
        ("1.3.6.1.2.1.33.1.4.4.1.3.1", Value::Integer(-1)),
    ];
    let tree = Tree::new(rows.map(|(name, value)| (oid(name), value))).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Simulator::start(vec![(any, AgentSpec::new(Arc::new(tree), "s3cret"))]).unwrap()
}

fn rackwarden(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
    command.args(arguments).env("RACKWARDEN_CONFIG", "/nonexistent/rackwarden.toml");
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `also` and `suspect` came later than the others.
const READING_KEYS: [&str; 12] = [
    "also",
    "component",
    "index",
    "label",
    "missing",
    "quantity",
    "raw",
    "source",
    "state",
    "suspect",
    "unit",
    "value",
];

#[test]
fn poll_json_is_a_contract() {
    let simulator = ups();
    let target = simulator.agent(0).unwrap().address().to_string();
    let output = rackwarden(&["poll", &target, "--community", "s3cret", "--version", "2c", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let object: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    let keys = |it: &serde_json::Value| it.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&object), ["errors", "identity", "profile", "readings", "target"]);
    assert_eq!(
        keys(&object["identity"]),
        ["firmware", "model", "serial", "sys_descr", "sys_name", "sys_object_id", "vendor"]
    );
    assert_eq!(object["target"], target);
    assert_eq!(object["profile"], "rfc1628");
    assert_eq!(object["errors"], serde_json::json!([]));
    let identity = &object["identity"];
    assert_eq!(identity["model"], "Steady 1500");
    assert_eq!(identity["sys_object_id"], "1.3.6.1.4.1.99999.3");
    assert_eq!(identity["sys_name"], "ups-9");
    let readings = object["readings"].as_array().unwrap();
    let of = |source: &str| readings.iter().find(|it| it["source"] == source).unwrap().clone();
    for reading in readings {
        assert_eq!(keys(reading), READING_KEYS);
        assert!(reading["value"].is_null() != reading["missing"].is_null(), "a value or a reason: {reading}");
    }
    let charge = of("1.3.6.1.2.1.33.1.2.4.0");
    assert_eq!(
        (
            &charge["component"],
            &charge["quantity"],
            &charge["unit"],
            &charge["value"],
            &charge["raw"],
            &charge["state"]
        ),
        (
            &"battery".into(),
            &"charge".into(),
            &"%".into(),
            &88.0.into(),
            &88.into(),
            &serde_json::Value::Null
        )
    );
    let status = of("1.3.6.1.2.1.33.1.2.1.0");
    assert_eq!(
        (&status["quantity"], &status["unit"], &status["value"]),
        (&"state".into(), &"1".into(), &3.0.into())
    );
    assert_eq!(status["state"]["name"], "batteryLow");
    assert_eq!(status["state"]["severity"], "critical");
    let voltage = of("1.3.6.1.2.1.33.1.4.4.1.2.1");
    assert_eq!(
        (&voltage["component"], &voltage["index"], &voltage["value"]),
        (&"output".into(), &"1".into(), &230.0.into())
    );
}

#[test]
fn failures_tell_themselves_apart() {
    let simulator = ups();
    let target = simulator.agent(0).unwrap().address().to_string();
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = free.to_string();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["poll", &target, "-c", "wrong", "-t", "0.1", "-r", "0"], 4, "wrong community"),
        (&["poll", &closed, "-c", "any"], 4, "nothing listens"),
        (&["poll", "host.invalid", "-c", "any"], 4, "host.invalid"),
        (&["poll", &target], 2, "no community"),
        (&["poll", &target, "-c", "s3cret", "--profile", "no-such"], 2, "profile list"),
        (&["walk", &target, "No-MIB::x", "-c", "s3cret"], 2, "No-MIB"),
        (&["check", "--config", "/nonexistent/rackwarden.toml"], 3, "/nonexistent/rackwarden.toml"),
    ];
    for (arguments, code, says) in cases {
        let output = rackwarden(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", err(&output));
        assert!(err(&output).contains(says), "{arguments:?}: {}", err(&output));
        assert!(!err(&output).contains("s3cret"), "a community was shown");
    }
    let output = rackwarden(&["poll", &closed, "-c", "any", "--json"]);
    let object: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((&object["profile"], &object["readings"]), (&serde_json::Value::Null, &serde_json::json!([])));
    assert_eq!(object["errors"][0]["class"], "refused");
}

#[test]
fn poll_and_walk_read_like_prose() {
    let simulator = ups();
    let target = simulator.agent(0).unwrap().address().to_string();
    let output = rackwarden(&["poll", &target, "-v", "1", "-c", "s3cret"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    for part in ["Steady 1500", "profile rfc1628", "88 %", "batteryLow (critical)", "230 V"] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let output = rackwarden(&["walk", &target, "UPS-MIB::upsBatteryStatus", "-c", "s3cret"]);
    assert_eq!(out(&output), "UPS-MIB::upsBatteryStatus.0 = INTEGER: batteryLow(3)\n");
    let output = rackwarden(&["profile", "list"]);
    assert!(out(&output).contains("apc-rpdu2") && out(&output).contains("rfc1628"));
    let output = rackwarden(&["profile", "show", "rfc1628"]);
    assert!(out(&output).contains("UPS-MIB::upsBatteryStatus"), "{}", out(&output));
    let output = rackwarden(&["profile", "match", &target, "-c", "s3cret"]);
    assert!(out(&output).contains("rfc1628 fits"), "{}{}", out(&output), err(&output));
}

#[test]
fn help_tells_the_exit_codes() {
    let output = rackwarden(&["--help"]);
    assert!(out(&output).contains("Exit codes: 0 all well"));
    for verb in ["run", "check", "poll", "walk", "profile", "simulate", "demo", "bench", "page"] {
        assert!(out(&output).contains(verb), "{verb}");
        assert_eq!(rackwarden(&[verb, "--help"]).status.code(), Some(0));
    }
}

#[test]
fn bench_polls_every_agent_it_was_told_of() {
    let bench = |more: &[&str]| {
        let few = ["bench", "snmp", "--agents", "5", "--seconds", "1", "--json"];
        let output = rackwarden(&[&few, more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        serde_json::from_str::<serde_json::Value>(&out(&output)).unwrap()
    };
    let report = bench(&["--compare", "snmp2"]);
    assert_eq!((&report["agents_read"], &report["cells_per_agent"]), (&5.into(), &60.into()));
    let ours = &report["rackwarden"];
    assert!(100 < ours["polls"].as_u64().unwrap() && ours["polls"] == ours["polls_whole"], "{report}");
    assert!(0 < report["snmp2"]["cells"].as_u64().unwrap() && report["cpu_ratio_to_snmp2"].is_f64());
    let report = bench(&["--sweep", "--dead", "40", "--timeout", "100ms", "--latency", "20ms"]);
    let seconds = |of: &str| report["sweep"][of].as_f64().unwrap();
    assert_eq!(report["agents_read"], 3);
    assert!(0.02 <= seconds("seconds_of_those_that_answer") && 0.1 <= seconds("seconds"), "{report}");
    let refused = rackwarden(&["bench", "snmp", "--target", "127.0.0.1:9", "--loss", "10"]);
    assert!(err(&refused).contains("simulated agents only"), "{}", err(&refused));
}

/// The configuration belongs to root and the daemon's group: who may not read it polls by hand all the same, and is
/// told why where it is missed.
#[test]
fn what_this_user_may_not_read_stands_in_the_way_of_nothing_else() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65_534;
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(folder.path(), 0o755);
    let main = folder.path().join("rackwarden.toml");
    std::fs::write(&main, "[credentials.default]\ncommunity = \"s3cret\"\n").unwrap();
    mode(&main, 0);
    let is_root = std::fs::metadata(&main).unwrap().uid() == 0;
    let simulator = ups();
    let target = simulator.agent(0).unwrap().address().to_string();
    for (arguments, code, told) in [
        (&["poll", &target, "--community", "s3cret"] as &[&str], 0, "Invented Steady 1500"),
        (&["walk", &target, "--community", "s3cret"], 0, "Steady 1500"),
        (&["poll", &target], 2, "was not read, because this user may not: try sudo"),
        (&["check"], 3, "files with secrets are for root and the group rackwarden: try sudo"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
        command.args(arguments).arg("--config").arg(&main);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = match command.output() {
            Ok(output) => output,
            // The checkout is not for others.
            Err(error) => {
                return crate::support::left_out(&format!("commands of another user: {error}"));
            }
        };
        let said = out(&output) + &err(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
}
