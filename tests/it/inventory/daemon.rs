//! The daemon as a process with inventories: what it serves, what it lends to polled devices, what becomes of
//! a source that fails, is replaced or leaves.

use super::LIMIT;
use rackwarden::model::{Oid, SystemClock, Value};
use rackwarden::simulator::Simulator;
use rackwarden::simulator::agent::AgentSpec;
use rackwarden::simulator::cell::text;
use rackwarden::simulator::tree::Tree;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// A UPS, and a folder with a configuration and an inventory file.
struct World {
    simulator: Simulator,
    folder: tempfile::TempDir,
    http: SocketAddr,
}

/// The daemon; ends when dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Daemon {
    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

const SOURCE: &str =
    "[[inventory]]\nname = \"cmdb\"\ntype = \"file\"\npath = \"cmdb.json\"\ninterval = \"10s\"\n";

impl World {
    fn new() -> Self {
        let oid = |it: &str| it.parse::<Oid>().unwrap();
        let rows = [
            ("1.3.6.1.2.1.1.2.0", Value::ObjectIdentifier(oid("1.3.6.1.4.1.99999.3"))),
            ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(1)),
            ("1.3.6.1.2.1.33.1.1.2.0", text("Steady 1500")),
            ("1.3.6.1.2.1.33.1.2.4.0", Value::Integer(88)),
        ];
        let tree = Tree::new(rows.map(|(name, value)| (oid(name), value))).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let simulator = Simulator::start(vec![(any, AgentSpec::new(Arc::new(tree), "s3cret"))]).unwrap();
        // A port that was free a moment ago; the daemon takes it next.
        let http = TcpListener::bind(any).unwrap().local_addr().unwrap();
        let world = Self { simulator, folder: tempfile::tempdir().unwrap(), http };
        world.export(12, "R1");
        world.configure(SOURCE);
        world
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn configure(&self, more: &str) {
        let config = format!(
            "[polling]\ninterval = \"1s\"\n[http]\nlisten = \"{}\"\n[state]\nfolder = \"{}\"\n[profiles]\nfolders = []\n\
             [credentials.default]\ncommunity = \"s3cret\"\n[[devices]]\nname = \"ups-1\"\naddress = \"{}\"\n{more}",
            self.http,
            self.path().join("state").display(),
            self.simulator.agent(0).unwrap().address(),
        );
        std::fs::write(self.path().join("rackwarden.toml"), config).unwrap();
    }

    /// Replaces the file as an export should.
    fn export(&self, installations: u32, rack: &str) {
        let text = format!(
            r#"{{"software": [{{"id": 7, "name": "Editor", "vendor": "ACME", "installations": {installations}, "licenses": null}}],
               "power_units": [{{"id": 1, "name": "UPS of row 4", "device": "UPS-1", "rack": "{rack}"}}]}}"#
        );
        self.replace(&text);
    }

    fn replace(&self, text: &str) {
        let new = self.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path().join("cmdb.json")).unwrap();
    }

    fn start(&self) -> Daemon {
        let log = std::fs::File::create(self.path().join("log")).unwrap();
        let child = self.command(&["run"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Daemon(child)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
        command.args(words).arg("--config").arg(self.path().join("rackwarden.toml"));
        command
    }

    fn run(&self, words: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
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
    #[track_caller]
    fn until(&self, path: &str, holds: impl Fn(&str) -> bool) -> String {
        let clock = SystemClock::new();
        let mut last = None;
        while clock.moment().since(rackwarden::model::Moment::ZERO) < LIMIT {
            last = self.get(path);
            if let Some(answer) = last.as_deref().filter(|it| holds(it)) {
                return answer.to_owned();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{path} never came to be as wanted: {last:?}\n{}", self.log());
    }
}

const INSTALLED: &str = "rackwarden_installations{source=\"cmdb\",component=\"software\",index=\"7\",name=\"Editor\",vendor=\"ACME\"}";

#[test]
fn a_file_is_served_lent_and_followed() {
    let world = World::new();
    let daemon = world.start();
    world.until("/metrics", |it| it.contains(&format!("{INSTALLED} 12\n")));
    // The polled UPS carries what the inventory knows of it.
    let lent = "power_unit=\"UPS of row 4\",rack=\"R1\"";
    world
        .until("/metrics", |it| it.contains("rackwarden_charge_ratio{device=\"ups-1\"") && it.contains(lent));
    assert!(
        world
            .until("/api/v1/devices", |_| true)
            .contains("\"labels\":{\"power_unit\":\"UPS of row 4\",\"rack\":\"R1\"}")
    );
    assert!(
        world.until("/api/v1/sources", |_| true).contains("\"objects\":{\"software\":1,\"power_unit\":1}")
    );
    assert!(world.get("/api/v1/devices/cmdb").is_none());

    // A file that is replaced is seen long before the interval is over, and the labels follow.
    world.export(13, "R2");
    world.until("/metrics", |it| it.contains(&format!("{INSTALLED} 13\n")) && it.contains("rack=\"R2\""));
    // Half a file is none: what was known stays, with its age, and the failure is told.
    world.replace("{\"software\": [{\"id\": 7, \"installations\": 14");
    let metrics = world.until("/metrics", |it| {
        it.contains("rackwarden_inventory_error{source=\"cmdb\",class=\"malformed\"} 1")
    });
    assert!(metrics.contains(&format!("{INSTALLED} 13\n")), "{metrics}");
    assert!(
        metrics.contains("rackwarden_inventory_snapshots_total{result=\"malformed\",source=\"cmdb\"}"),
        "{metrics}"
    );
    assert!(metrics.contains("rack=\"R2\""), "what it lent stays as well");
    assert!(world.until("/", |_| true).contains("no snapshot: "));
    world.export(15, "R2");
    world.until("/metrics", |it| {
        it.contains(&format!("{INSTALLED} 15\n")) && it.contains("rackwarden_inventory_up{source=\"cmdb\"} 1")
    });
    let log = world.log();
    assert_eq!(log.matches("no inventory snapshot").count(), 1, "one line a failure of a kind: {log}");
    assert_eq!(log.matches("inventory snapshot taken").count(), 2, "{log}");

    // It leaves the config: so does all of it, and the device is as it was.
    world.configure("");
    daemon.signal("-HUP");
    world.until("/metrics", |it| !it.contains("source=\"cmdb\",component") && !it.contains("power_unit="));
    assert!(world.until("/api/v1/sources", |_| true).contains("{\"sources\":[]}"));
    // And comes back under the same name, with another interval.
    world.configure(&SOURCE.replace("10s", "11s"));
    daemon.signal("-HUP");
    world.until("/metrics", |it| it.contains(&format!("{INSTALLED} 15\n")));
    daemon.signal("-TERM");
}

#[test]
fn inventory_by_hand() {
    let world = World::new();
    let broken = "[[inventory]]\nname = \"gone\"\ntype = \"file\"\npath = \"absent.json\"\n";
    world.configure(&format!("{SOURCE}{broken}"));
    let (code, out, err) = world.run(&["inventory", "check"]);
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    for words in [
        "cmdb  file  ",
        "      1 software\n",
        "      1 power_unit\n",
        "  taken in ",
        "no snapshot (file), after ",
        "absent.json: No such file",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }
    let (code, out, _) = world.run(&["inventory", "check", "cmdb"]);
    assert!(code == 0 && !out.contains("gone"), "{out}");
    let (code, out, _) = world.run(&["inventory", "show", "software", "--source", "cmdb"]);
    assert_eq!(code, 0);
    assert_eq!(
        out,
        "cmdb/software/7  Editor\n  vendor ACME\n  installations          12\n  licenses               - (not given)\n  \
         licenses used          12\n  license use            - (not given)\n"
    );
    let (_, out, _) = world.run(&["inventory", "show", "power_unit", "--source", "cmdb", "--json"]);
    let line: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!(
        line,
        serde_json::json!({"source": "cmdb", "kind": "power_unit", "id": "1", "name": "UPS of row 4",
            "labels": {"device": "UPS-1", "rack": "R1"}, "readings": []})
    );
    let (code, _, err) = world.run(&["inventory", "show", "softwares"]);
    assert_eq!(
        (code, err.as_str()),
        (2, "rackwarden: softwares is no kind of object (did you mean software?)\n")
    );
    let (code, _, err) = world.run(&["inventory", "check", "nobody"]);
    assert!(code == 3 && err.contains("has no [[inventory]] of name \"nobody\""), "{err}");
}
