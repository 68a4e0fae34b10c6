//! `discover` over a small network of simulated agents on 127.0.0.0/8.

use rackwarden::model::{Moment, Oid, Secret, SystemClock, Value};
use rackwarden::simulator::Simulator;
use rackwarden::simulator::agent::{AgentSpec, EngineSpec};
use rackwarden::simulator::cell::text;
use rackwarden::simulator::tree::Tree;
use rackwarden::snmp::v3::{AuthProtocol, EngineId, KeySource, User};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// A UPS with a name, a hardware address and an engine.
fn ups(name: &str, mac: [u8; 6], community: &str) -> AgentSpec {
    let rows = [
        ("1.3.6.1.2.1.1.1.0", text("Steady UPS")),
        ("1.3.6.1.2.1.1.2.0", Value::ObjectIdentifier(oid("1.3.6.1.4.1.99999.3"))),
        ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(1)),
        ("1.3.6.1.2.1.1.5.0", text(name)),
        ("1.3.6.1.2.1.2.2.1.6.1", Value::OctetString([0; 6].as_slice().into())),
        ("1.3.6.1.2.1.2.2.1.6.2", Value::OctetString(mac.as_slice().into())),
        ("1.3.6.1.2.1.33.1.1.1.0", text("Steady")),
        ("1.3.6.1.2.1.33.1.1.2.0", text("1500")),
        ("1.3.6.1.2.1.33.1.2.4.0", Value::Integer(88)),
    ];
    AgentSpec::new(Arc::new(Tree::new(rows.map(|(name, value)| (oid(name), value))).unwrap()), community)
}

fn engine(user: &str, number: u8) -> EngineSpec {
    let key = KeySource::Passphrase(Secret::new("maplesyrup"));
    let user = User::new(user, Some((AuthProtocol::Sha256, key)), None).unwrap();
    EngineSpec::new(EngineId::new(&[0x80, 0, 0x1f, 0x88, 4, number]).unwrap(), [Arc::new(user)])
}

/// Seven agents at 127.0.77.1 to .7, and a configuration that knows the first.
struct Network {
    simulator: Simulator,
    folder: tempfile::TempDir,
    port: u16,
}

impl Network {
    fn new() -> Self {
        let port = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let nothing = Tree::new([(oid("1.3.6.1.2.1.1.1.0"), text("A printer"))]).unwrap();
        let agents = [
            ups("ups-known", [2, 0, 0, 0, 0, 1], "s3cret"),
            ups("ups b/2", [2, 0, 0, 0, 0, 2], "s3cret"),
            // The same device at another address.
            ups("ups b/2", [2, 0, 0, 0, 0, 2], "s3cret"),
            ups("ups-old", [2, 0, 0, 0, 0, 4], "older"),
            ups("ups-v3", [2, 0, 0, 0, 0, 5], "unguessed").with_engine(engine("ops", 5)),
            ups("ups-shut", [2, 0, 0, 0, 0, 6], "unguessed").with_engine(engine("somebody", 6)),
            AgentSpec::new(Arc::new(nothing), "s3cret"),
        ];
        let place =
            |at: usize| SocketAddr::from((Ipv4Addr::new(127, 0, 77, u8::try_from(at + 1).unwrap()), port));
        let agents = agents.into_iter().enumerate().map(|(at, agent)| (place(at), agent)).collect();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[credentials.default]\ncommunity = \"s3cret\"\n[credentials.old]\ncommunity = \"older\"\n\
             [credentials.v3]\nversion = \"3\"\nuser = \"ops\"\nauthentication = \"SHA-256\"\n\
             authentication_passphrase = \"maplesyrup\"\n[profiles]\nfolders = []\n\
             [[devices]]\nname = \"plant\"\naddress = \"127.0.77.1\"\nport = {port}\n"
        );
        std::fs::write(folder.path().join("rackwarden.toml"), config).unwrap();
        Self { simulator: Simulator::start(agents).unwrap(), folder, port }
    }

    fn main(&self) -> std::path::PathBuf {
        self.folder.path().join("rackwarden.toml")
    }

    fn discover(&self, more: &[&str]) -> Output {
        let port = self.port.to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
        command.args(["discover", "127.0.77.0/28", "--port", &port, "--timeout", "0.5", "--rate", "2000"]);
        command.arg("--config").arg(self.main()).args(more).output().unwrap()
    }

    fn requests(&self) -> u64 {
        self.simulator.totals().requests
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn lines(output: &Output) -> Vec<serde_json::Value> {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

#[test]
fn who_answers_is_told_with_what_reads_it() {
    let network = Network::new();
    let found = lines(&network.discover(&["--json"]));
    let told: Vec<[&str; 4]> = found
        .iter()
        .map(|it| ["address", "name", "credential", "profile"].map(|key| it[key].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(
        told,
        [
            ["127.0.77.1", "ups-known", "default", "rfc1628"],
            ["127.0.77.2", "ups-b-2-127.0.77.2", "default", "rfc1628"],
            ["127.0.77.3", "ups-b-2-127.0.77.3", "default", "rfc1628"],
            ["127.0.77.4", "ups-old", "old", "rfc1628"],
            ["127.0.77.5", "ups-v3", "v3", "rfc1628"],
            ["127.0.77.6", "127.0.77.6", "-", ""],
            ["127.0.77.7", "127.0.77.7", "default", ""],
        ]
    );
    assert_eq!(found[0]["known_as"], "plant");
    assert_eq!(found[1]["mac"], "020000000002");
    let shut = found[5]["note"].as_str().unwrap();
    assert!(shut.contains("user"), "{shut}");
    let text = said(&network.discover(&[]));
    assert!(
        text.contains(
            "127.0.77.2 and 127.0.77.3 look like one device: the same hardware address 020000000002"
        ),
        "{text}"
    );
    assert!(
        text.contains("asked: 14, answered: 7, read by a profile: 5, in the configuration already: 1"),
        "{text}"
    );
    assert!(!text.contains("s3cret") && !text.contains("maplesyrup"), "{text}");
}

#[test]
fn what_is_new_is_written_once_and_duplicates_are_left_out() {
    let network = Network::new();
    let output = network.discover(&["--write"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("3 new devices, 1 left out as comments"), "{}", said(&output));
    let file = network.folder.path().join("devices.d/discovered.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let port = network.port;
    for part in [
        format!(
            "[[devices]]\nname = \"ups-old\"\naddress = \"127.0.77.4\"\nport = {port}\ncredential = \"old\"\n"
        ),
        format!("[[devices]]\nname = \"ups-b-2-127.0.77.2\"\naddress = \"127.0.77.2\"\nport = {port}\n"),
        "# Left out: it looks like the same device as 127.0.77.2\n".to_owned(),
        "#name = \"ups-b-2-127.0.77.3\"\n".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    assert!(!text.contains("127.0.77.1\"") && !text.contains("127.0.77.6"), "{text}");
    // What it wrote is known from then on.
    let again = network.discover(&["--write"]);
    assert!(said(&again).contains("nothing is new: nothing was written"), "{}", said(&again));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let check = |path: &Path| {
        Command::new(env!("CARGO_BIN_EXE_rackwarden")).args(["check", "--config"]).arg(path).output().unwrap()
    };
    assert!(said(&check(&network.main())).contains("4 devices"), "{}", said(&check(&network.main())));
    // A person's file stays.
    std::fs::write(network.folder.path().join("devices.d/mine.toml"), "# mine\n").unwrap();
    std::fs::remove_file(&file).unwrap();
    let refused = network.discover(&["--write", "mine"]);
    assert!(said(&refused).contains("was not written by rackwarden"), "{}", said(&refused));
    assert!(!refused.status.success());
}

#[test]
fn a_search_goes_on_from_its_state() {
    let network = Network::new();
    let state = network.folder.path().join("state");
    let state = ["--json", "--state", state.to_str().unwrap()];
    let first = lines(&network.discover(&state));
    let asked = network.requests();
    assert_eq!(lines(&network.discover(&state)), first);
    assert_eq!(network.requests(), asked, "nobody was asked again");
    // As if it had been stopped before the last was read.
    let text = std::fs::read_to_string(state[2]).unwrap();
    let without: Vec<&str> =
        text.lines().filter(|it| !(it.contains("\"read\"") && it.contains("127.0.77.4"))).collect();
    std::fs::write(state[2], without.join("\n")).unwrap();
    assert_eq!(lines(&network.discover(&state)), first);
    let again = network.requests() - asked;
    assert!(0 < again && again < asked / 2, "{again} of {asked}");
}

#[test]
fn the_rate_is_bounded() {
    let network = Network::new();
    let clock = SystemClock::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
    command.args(["discover", "127.0.77.1", "127.0.77.2", "--rate", "5", "--timeout", "0.2", "-c", "s3cret"]);
    let port = network.port.to_string();
    let output = command.args(["--port", &port, "--config", "/nonexistent"]).output().unwrap();
    assert!(said(&output).contains("asked: 2, answered: 2"), "{}", said(&output));
    // A community and the discovery to each of two: four datagrams, 200 ms between any two.
    assert!(
        Duration::from_millis(600) <= clock.moment().since(Moment::ZERO),
        "{:?}",
        clock.moment().since(Moment::ZERO)
    );
}

#[test]
fn mistakes_are_told() {
    let network = Network::new();
    for (arguments, words) in [
        (&["--credential", "defualt"][..], "did you mean default?"),
        (&["10.0.0.0/8"][..], "at most 65536 addresses"),
        (&["10.0.0.300"][..], "write a network as 10.0.0.0/24"),
        (&["--timeout", "0"][..], "cannot be used multiple times"),
    ] {
        let output = network.discover(arguments);
        assert!(said(&output).contains(words), "{arguments:?}: {}", said(&output));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
