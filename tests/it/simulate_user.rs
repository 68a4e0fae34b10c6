//! `rackwarden simulate --v3-user`: asked by our own commands and by net-snmp's.

use crate::support::left_out;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// A small UPS as RFC 1628 has it, invented.
const RECORDING: &str = "\
1.3.6.1.2.1.1.1.0|4|Invented UPS
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.3
1.3.6.1.2.1.1.3.0|67|12345
1.3.6.1.2.1.1.5.0|4|ups-9
1.3.6.1.2.1.33.1.1.1.0|4|Invented
1.3.6.1.2.1.33.1.2.1.0|2|2
1.3.6.1.2.1.33.1.2.4.0|2|88
1.3.6.1.2.1.33.1.4.4.1.2.1|2|230
";

/// A command that goes with its test, and what it writes.
struct Serving(Child, BufReader<ChildStdout>);

impl Drop for Serving {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _waited = self.0.wait();
    }
}

fn rackwarden() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
    command.env("RACKWARDEN_CONFIG", "/nonexistent/rackwarden.toml");
    command
}

/// Serves the recording to that user, and says where.
fn simulate(folder: &std::path::Path, user: &str, more: &[&str]) -> (Serving, String) {
    let file = folder.join("ups.snmprec");
    std::fs::write(&file, RECORDING).unwrap();
    let mut command = rackwarden();
    command.arg("simulate").arg(&file).args(["--listen", "127.0.0.1:0", "--seconds", "120"]);
    command.args(["--v3-user", user]).args(more).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    let mut serving = Serving(child, lines);
    let mut first = String::new();
    serving.1.read_line(&mut first).unwrap();
    let address = first.split_whitespace().next().unwrap().to_owned();
    (serving, address)
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// How the user is written for `simulate`, for our commands, and for net-snmp's.
const USERS: [(&str, &str, &str); 3] = [
    ("ops", "-l noAuthNoPriv -u ops", "-l noAuthNoPriv -u ops"),
    (
        "ops:SHA-256:maplesyrup",
        "-u ops -a SHA-256 -A maplesyrup",
        "-l authNoPriv -u ops -a SHA-256 -A maplesyrup",
    ),
    (
        "ops:SHA-256:maplesyrup:AES-128:otherphrase",
        "-u ops -a SHA-256 -A maplesyrup -x AES-128 -X otherphrase",
        "-l authPriv -u ops -a SHA-256 -A maplesyrup -x AES -X otherphrase",
    ),
];

#[test]
fn a_simulated_agent_knows_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let has_net_snmp = Command::new("snmpget").arg("-V").output().is_ok();
    for (user, ours, theirs) in USERS {
        let (_serving, address) = simulate(folder.path(), user, &[]);
        let polled = rackwarden().args(["poll", &address, "-v", "3"]).args(ours.split(' ')).output().unwrap();
        assert!(polled.status.success() && text(&polled).contains("230"), "{user}: {}", text(&polled));
        if !has_net_snmp {
            left_out("snmpget is not installed");
            continue;
        }
        // What it answers stands on stdout; on stderr it may tell of the folder that it made for itself.
        let ask = |tool: &str, more: &[&str]| {
            let mut command = Command::new(tool);
            command.env("SNMP_PERSISTENT_DIR", folder.path());
            let asked = command.arg("-v3").args(theirs.split(' ')).args(more).output().unwrap();
            assert!(asked.status.success(), "{user}: {}", text(&asked));
            String::from_utf8(asked.stdout).unwrap()
        };
        let asked = ask("snmpget", &["-On", &address, "1.3.6.1.2.1.33.1.2.4.0"]);
        assert_eq!(asked.trim(), ".1.3.6.1.2.1.33.1.2.4.0 = INTEGER: 88", "{user}");
        let walked = ask("snmpbulkwalk", &["-On", "-Cr10", &address, "1.3.6.1.2.1.33"]);
        let rows = walked.lines().filter(|it| !it.contains("No more variables")).count();
        assert_eq!(rows, 4, "{user}: {walked}");
    }
}

#[test]
fn it_refuses_another_phrase_and_plays_faults() {
    let folder = tempfile::tempdir().unwrap();
    let (user, ..) = USERS[2];
    let wrong = "-u ops -a SHA-256 -A anotherphrase -x AES-128 -X otherphrase";
    let (_serving, address) = simulate(folder.path(), user, &[]);
    let polled = rackwarden().args(["poll", &address, "-v", "3"]).args(wrong.split(' ')).output().unwrap();
    assert!(!polled.status.success());
    assert!(text(&polled).contains("the agent refuses the authentication"), "{}", text(&polled));
    let (_serving, address) = simulate(folder.path(), user, &["--fault", "wrong-digest"]);
    let right = USERS[2].1;
    let polled = rackwarden().args(["poll", &address, "-v", "3"]).args(right.split(' ')).output().unwrap();
    assert!(text(&polled).contains("authentication code is wrong"), "{}", text(&polled));
}
