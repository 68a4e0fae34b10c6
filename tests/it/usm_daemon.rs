//! SNMPv3 as its users meet it: the commands and the daemon against net-snmp's agent, which has a UPS in it.
//! Left out, with a word, where it is not installed.

use crate::support::left_out;
use rackwarden::model::{Moment, SystemClock};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const AUTH: &str = "maplesyrup";
const PRIVACY: &str = "otherpassphrase";
const LIMIT: Duration = Duration::from_secs(60);

/// A running snmpd; ends when dropped, without a chance to save its boots.
struct Agent {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
    engine: String,
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

impl Agent {
    /// `None`, with a word, where it is not installed.
    fn start(folder: &Path, engine: &str) -> Option<Self> {
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = folder.join(address.port().to_string());
        std::fs::create_dir(&folder).unwrap();
        let child = Self::spawn(&folder, address, engine)?;
        let agent = Self { child, address, folder, engine: engine.to_owned() };
        agent.wait();
        Some(agent)
    }

    fn spawn(folder: &Path, address: SocketAddr, engine: &str) -> Option<Child> {
        let known = ["/usr/sbin/snmpd", "/usr/local/sbin/snmpd"];
        let Some(program) = known.into_iter().find(|it| Path::new(it).exists()) else {
            left_out("SNMPv3 by commands and daemon: snmpd is not installed (Debian package snmpd)");
            return None;
        };
        let config = format!(
            "engineID {engine}\nsysObjectID .1.3.6.1.4.1.99999.1\nsysName ups-v3\n\
             createUser strong SHA-256 {AUTH} AES {PRIVACY}\nrouser strong priv\n\
             createUser half SHA-256 {AUTH}\nrouser half auth\n\
             override .1.3.6.1.2.1.33.1.1.2.0 octet_str \"Model 3000\"\n\
             override .1.3.6.1.2.1.33.1.2.1.0 integer 2\n\
             override .1.3.6.1.2.1.33.1.2.4.0 integer 97\n\
             override .1.3.6.1.2.1.33.1.4.1.0 integer 3\n"
        );
        std::fs::write(folder.join("snmpd.conf"), config).unwrap();
        let memory = folder.join("memory");
        let child = Command::new(program)
            .args(["-f", "-Lf", "/dev/null"])
            .arg(format!("udp:{address}"))
            // Not -C: it would not read its memory either.
            .env("SNMPCONFPATH", std::env::join_paths([folder, &memory]).unwrap())
            .env("SNMP_PERSISTENT_DIR", memory)
            .env("MIBS", "")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Some(child.unwrap())
    }

    /// Until it answers.
    fn wait(&self) {
        let clock = SystemClock::new();
        while clock.moment().since(Moment::ZERO) < LIMIT {
            let walk = ["walk", &self.address.to_string(), "1.3.6.1.2.1.1.5", "-t", "0.2", "-r", "0"];
            if rackwarden(&[&walk[..], &strong()].concat(), &[]).status.success() {
                return;
            }
        }
        panic!("snmpd does not answer at {}", self.address);
    }

    /// Ends it as a shutdown does, so that it remembers its boots, and starts it again.
    fn restart(&mut self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
        self.child.wait().unwrap();
        self.child = Self::spawn(&self.folder, self.address, &self.engine).unwrap();
        self.wait();
    }

    /// Kills it, takes its memory away, and starts it again: its boots begin anew.
    fn restart_without_memory(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::fs::remove_dir_all(self.folder.join("memory")).unwrap();
        self.child = Self::spawn(&self.folder, self.address, &self.engine).unwrap();
    }
}

fn strong() -> [&'static str; 10] {
    ["-u", "strong", "-a", "SHA-256", "-A", AUTH, "-x", "AES-128", "-X", PRIVACY]
}

fn rackwarden(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
    command.args(arguments).env("RACKWARDEN_CONFIG", "/nonexistent/rackwarden.toml");
    command.envs(environment.iter().copied()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn commands_read_a_ups_by_a_user() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = Agent::start(folder.path(), "commands") else { return };
    let target = agent.address.to_string();
    let polled = rackwarden(&[&["poll", &target, "-v", "3"][..], &strong()].concat(), &[]);
    assert_eq!(polled.status.code(), Some(0), "{}", err(&polled));
    for part in ["Model 3000", "profile rfc1628", "97 %"] {
        assert!(out(&polled).contains(part), "{part:?} is not in:\n{}", out(&polled));
    }
    let environment = [
        ("RACKWARDEN_AUTH_PASSPHRASE", AUTH),
        ("RACKWARDEN_PRIVACY_PASSPHRASE", PRIVACY),
        ("RACKWARDEN_COMMUNITY", "for others"),
    ];
    let by_user = ["-u", "strong", "-l", "authPriv", "-a", "SHA-256", "-x", "AES"];
    let walk = ["walk", &target, "SNMPv2-MIB::sysName"];
    let walked = rackwarden(&[&walk[..], &by_user].concat(), &environment);
    assert_eq!(out(&walked), "SNMPv2-MIB::sysName.0 = STRING: \"ups-v3\"\n", "{}", err(&walked));
    let matched = rackwarden(&[&["profile", "match", &target][..], &by_user].concat(), &environment);
    assert!(out(&matched).contains("rfc1628 fits"), "{}{}", out(&matched), err(&matched));
    // The same user from a configuration, by the device's name.
    let config = folder.path().join("rackwarden.toml");
    std::fs::write(&config, format!("{CREDENTIAL}[[devices]]\nname = \"ups\"\naddress = \"{target}\"\n"))
        .unwrap();
    let polled = rackwarden(&["poll", "ups", "--config", config.to_str().unwrap()], &[]);
    assert_eq!(polled.status.code(), Some(0), "{}", err(&polled));
    let help = out(&rackwarden(&["poll", "--help"], &environment));
    assert!(help.contains("RACKWARDEN_AUTH_PASSPHRASE") && !help.contains(AUTH), "{help}");
}

#[test]
fn each_refusal_has_a_sentence_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = Agent::start(folder.path(), "refusals") else { return };
    let target = agent.address.to_string();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let cases: [(&str, &str, i32, &str); 12] = [
        (
            &target,
            "-u strong -a SHA-256 -A wrong-passphrase -x AES -X otherpassphrase",
            7,
            "refuses the authentication of user `strong`",
        ),
        (
            &target,
            "-u strong -a SHA-512 -A maplesyrup -x AES -X otherpassphrase",
            7,
            "refuses the authentication of user `strong`",
        ),
        (&target, "-u nobody -a SHA-256 -A maplesyrup", 7, "knows no user `nobody`"),
        (
            &target,
            "-u strong -a SHA-256 -A maplesyrup -x AES -X wrong-passphrase",
            7,
            "privacy passphrase or protocol (AES-128) is not the agent's",
        ),
        (
            &target,
            "-u half -a SHA-256 -A maplesyrup -x AES -X otherpassphrase",
            7,
            "has no authPriv for user `half`",
        ),
        (&target, "-u strong -a SHA-256 -A maplesyrup", 7, "an error to every request at level authNoPriv"),
        (
            &target,
            "-u strong -a SHA-256 -A maplesyrup -x AES -X otherpassphrase -n elsewhere",
            7,
            "context `elsewhere`",
        ),
        (&closed, "-u strong -a SHA-256 -A maplesyrup", 4, "nothing listens"),
        (&target, "-v 3", 2, "give one with -u"),
        (&target, "-v 2c -u strong", 2, "leave one of them out"),
        (&target, "-c public -u strong", 2, "leave one of them out"),
        (&target, "-c public -a SHA-256", 2, "give the user too, with -u"),
    ];
    let mut wrong = String::new();
    for (target, line, code, says) in cases {
        let mut arguments = vec!["poll", target, "-t", "0.5", "-r", "1"];
        arguments.extend(line.split(' '));
        let output = rackwarden(&arguments, &[]);
        let said = err(&output);
        if output.status.code() != Some(code) || !said.contains(says) {
            writeln!(wrong, "{line}: {:?} {said}", output.status.code()).unwrap();
        }
        assert!(!said.contains("passphrase: ") && !said.contains(AUTH) && !said.contains(PRIVACY), "{said}");
    }
    assert_eq!(wrong, "");
}

const CREDENTIAL: &str = "[credentials.default]\nversion = \"3\"\nuser = \"strong\"\nauthentication = \"SHA-256\"\n\
    authentication_passphrase = \"maplesyrup\"\nprivacy = \"AES-128\"\nprivacy_passphrase = \"otherpassphrase\"\n";

/// The daemon and its files; ends when dropped.
struct Daemon {
    child: Child,
    folder: PathBuf,
    http: SocketAddr,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

impl Daemon {
    fn configure(folder: &Path, http: SocketAddr, agents: &[(&str, &Agent)]) {
        let mut config = format!(
            "{CREDENTIAL}[polling]\ninterval = \"1s\"\ntimeout = \"300ms\"\nretries = 10\n[http]\nlisten = \"{http}\"\n\
             [state]\nfolder = \"{}\"\n[profiles]\nfolders = []\n",
            folder.join("state").display()
        );
        for (name, agent) in agents {
            writeln!(config, "[[devices]]\nname = \"{name}\"\naddress = \"{}\"", agent.address).unwrap();
        }
        std::fs::write(folder.join("rackwarden.toml"), config).unwrap();
    }

    fn start(folder: &Path, agents: &[(&str, &Agent)]) -> Self {
        // A port that was free a moment ago; the daemon takes it next.
        let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self::configure(folder, http, agents);
        let child = Command::new(env!("CARGO_BIN_EXE_rackwarden"))
            .args(["run", "--config"])
            .arg(folder.join("rackwarden.toml"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, folder: folder.to_owned(), http }
    }

    fn reload(&self, agents: &[(&str, &Agent)]) {
        Self::configure(&self.folder, self.http, agents);
        let status = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap()
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.http).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(answer)
    }

    /// The first value of /metrics that is wanted.
    fn until<T>(&self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        let clock = SystemClock::new();
        let mut last = None;
        while clock.moment().since(Moment::ZERO) < LIMIT {
            last = self.get("/metrics");
            if let Some(found) = last.as_deref().and_then(&wanted) {
                return found;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("{what}: {last:?}\n{}", self.log());
    }

    /// Until so many polls more have ended well.
    fn polls(&self, more: u64) {
        let now = self.until("no polls", ok_polls);
        self.until("polls have stopped", |text| ok_polls(text).filter(|it| now + more <= *it));
    }
}

/// Polls that ended, by their result.
fn polls(text: &str) -> Vec<(&str, u64)> {
    let of = |line: &'_ str| -> Option<(usize, usize, u64)> {
        let rest = line.strip_prefix("rackwarden_polls_total{result=\"")?;
        let (result, count) = rest.split_once("\"} ")?;
        Some((line.len() - rest.len(), result.len(), count.parse().ok()?))
    };
    text.lines()
        .filter_map(|line| of(line).map(|(from, length, count)| (&line[from..from + length], count)))
        .collect()
}

fn ok_polls(text: &str) -> Option<u64> {
    polls(text).into_iter().find_map(|(result, count)| (result == "ok").then_some(count))
}

#[test]
fn the_daemon_polls_through_a_restart_that_loses_the_boots() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut agent) = Agent::start(folder.path(), "restarts") else { return };
    agent.restart();
    let daemon = Daemon::start(folder.path(), &[("ups-a", &agent)]);
    daemon.polls(2);
    assert!(daemon.get("/api/v1/devices").unwrap().contains("Model 3000"));
    agent.restart_without_memory();
    daemon.polls(3);
    agent.restart();
    daemon.polls(3);
    let metrics = daemon.get("/metrics").unwrap();
    let failed: Vec<_> =
        polls(&metrics).into_iter().filter(|(result, count)| *result != "ok" && 0 < *count).collect();
    assert_eq!(failed, [], "{}", daemon.log());
    assert!(!daemon.log().contains(AUTH) && !daemon.log().contains(PRIVACY), "{}", daemon.log());
}

#[test]
fn a_shared_engine_id_is_named_until_it_is_shared_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let Some(one) = Agent::start(folder.path(), "cloned") else { return };
    let Some(two) = Agent::start(folder.path(), "cloned") else { return };
    let Some(other) = Agent::start(folder.path(), "unique") else { return };
    let both = [("ups-a", &one), ("ups-b", &two), ("ups-c", &other)];
    let daemon = Daemon::start(folder.path(), &both);
    let shared = |wanted: u64| {
        let line = format!("rackwarden_snmp_shared_engine_ids {wanted}");
        daemon.until("shared engine IDs", |text| text.lines().any(|it| it == line).then_some(()));
    };
    shared(1);
    daemon.polls(6);
    let log = daemon.log();
    let named: Vec<&str> = log.lines().filter(|it| it.contains("shares its SNMPv3 engine ID")).collect();
    assert_eq!(named.len(), 1, "once: {log}");
    assert!(named[0].contains("ups-a") && named[0].contains("ups-b") && !named[0].contains("ups-c"), "{log}");
    daemon.reload(&both[1..]);
    shared(0);
}
