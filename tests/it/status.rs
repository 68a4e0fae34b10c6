//! `status` and `top` against a running daemon: all is well, a device falls silent, and nobody listens.

use rackwarden::model::{Moment, Oid, SystemClock, Value};
use rackwarden::simulator::Simulator;
use rackwarden::simulator::agent::AgentSpec;
use rackwarden::simulator::cell::text;
use rackwarden::simulator::tree::Tree;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

struct Daemon(Child);

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

fn simulator() -> Simulator {
    let rows = [
        ("1.3.6.1.2.1.1.2.0", Value::ObjectIdentifier(oid("1.3.6.1.4.1.99999.3"))),
        ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(1)),
        ("1.3.6.1.2.1.33.1.1.2.0", text("Steady 1500")),
        ("1.3.6.1.2.1.33.1.2.4.0", Value::Integer(88)),
    ];
    let tree = Tree::new(rows.map(|(name, value)| (oid(name), value))).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Simulator::start(vec![(any, AgentSpec::new(Arc::new(tree), "s3cret"))]).unwrap()
}

fn configure(folder: &Path, agent: SocketAddr) -> PathBuf {
    let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let main = folder.join("rackwarden.toml");
    let config = format!(
        "[polling]\ninterval = \"1s\"\ntimeout = \"200ms\"\nretries = 0\nstart_spread = \"0s\"\n[http]\nlisten = \"{http}\"\n\
         [state]\nfolder = \"{}\"\n[profiles]\nfolders = []\n[credentials.default]\ncommunity = \"s3cret\"\n\
         [[devices]]\nname = \"ups-a\"\naddress = \"{agent}\"\n\
         [[alerts]]\nname = \"silent\"\ntype = \"power_unit_offline\"\ntrigger = \"offline\"\nseverity = \"critical\"\n",
        folder.join("state").display()
    );
    std::fs::write(&main, config).unwrap();
    main
}

fn ask(verb: &[&str], main: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rackwarden")).args(verb).arg("--config").arg(main).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Asks until the answer is as wanted.
fn until(main: &Path, wanted: impl Fn(&Output) -> bool) -> Output {
    let clock = SystemClock::new();
    loop {
        let output = ask(&["status"], main);
        if wanted(&output) {
            return output;
        }
        assert!(clock.moment().since(Moment::ZERO) < Duration::from_secs(60), "{}", said(&output));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn status_says_whether_all_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = simulator();
    let agent = simulator.agent(0).unwrap();
    let main = configure(folder.path(), agent.address());
    let nobody = ask(&["status"], &main);
    assert_eq!(nobody.status.code(), Some(4), "{}", said(&nobody));
    assert!(said(&nobody).contains("no answer from http://127.0.0.1:"), "{}", said(&nobody));
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
    command.args(["run", "--config"]).arg(&main).stdout(Stdio::null()).stderr(log);
    let daemon = Daemon(command.spawn().unwrap());
    let well = until(&main, |it| it.status.success() && said(it).contains("devices    1: 1 up, 0 down"));
    assert!(said(&well).starts_with("all is well\n"), "{}", said(&well));
    let top = ask(&["top", "--looks", "1"], &main);
    assert!(top.status.success() && said(&top).contains("Slowest devices\n  ups-a "), "{}", said(&top));
    agent.silence(true);
    let silent = until(&main, |it| said(it).contains("1 alert fires"));
    assert_eq!(silent.status.code(), Some(1));
    let text = said(&silent);
    assert!(text.starts_with("1 alert fires, 1 device does not answer\n"), "{text}");
    assert!(text.contains("  critical  ups-a  silent: "), "{text}");
    assert!(text.contains("Devices that do not answer\n  ups-a  127.0.0.1:"), "{text}");
    drop(daemon);
}
