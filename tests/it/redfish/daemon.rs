//! The daemon and the commands against simulated services.

use super::room::{PASSWORD, USER, pdu, serve};
use rackwarden::simulator::redfish::ServiceHandle;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            self.0.wait().unwrap();
        }
    }
}

fn write_config(folder: &Path, handle: &ServiceHandle, interval: &str) {
    let state = folder.join("state");
    fs::write(folder.join("password"), format!("{PASSWORD}\n")).unwrap();
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[state]\nfolder = \"{}\"\n[log]\nformat = \"json\"\n\
         [credentials.redfish]\nuser = \"{USER}\"\npassword_file = \"{}\"\n\
         [[devices]]\nname = \"pdu-r1\"\naddress = \"{}\"\ncredential = \"redfish\"\ninterval = \"{interval}\"\n",
        state.display(),
        folder.join("password").display(),
        handle.url(),
    );
    fs::write(folder.join("rackwarden.toml"), text).unwrap();
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, waiting).await.is_ok(), "in vain: {what}");
}

fn signal(child: &Child, number: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), number).unwrap();
}

fn start(config: &Path) -> Daemon {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
    Daemon(command.args(["run", "--config"]).arg(config).stderr(Stdio::null()).spawn().unwrap())
}

/// How often the daemon is reloaded, and then killed; `REDFISH_RELOADS` says otherwise.
fn rounds() -> usize {
    std::env::var("REDFISH_RELOADS").ok().and_then(|it| it.parse().ok()).unwrap_or(20)
}

#[test]
fn the_daemon_polls_follows_events_and_leaves_no_session_behind() {
    super::run(async {
        let handle = serve(pdu(6), &[]).await;
        let folder = tempfile::tempdir().unwrap();
        write_config(folder.path(), &handle, "20m");
        let config = folder.path().join("rackwarden.toml");
        let mut daemon = start(&config);
        until("a first poll and a listener", || handle.send_event()).await;
        let before = handle.counts().requests;
        until("an event has it asked at once", || before < handle.counts().requests).await;
        // What changes for a device: its session is deleted and another one opened.
        for round in 0..rounds() {
            let logins = handle.counts().logins;
            write_config(folder.path(), &handle, if round % 2 == 0 { "19m" } else { "20m" });
            signal(&daemon.0, nix::sys::signal::Signal::SIGHUP);
            until("another login", || logins < handle.counts().logins).await;
        }
        until("one session is left", || handle.open_sessions() == 1).await;
        signal(&daemon.0, nix::sys::signal::Signal::SIGTERM);
        assert!(tokio::task::spawn_blocking(move || daemon.0.wait()).await.unwrap().unwrap().success());
        assert_eq!(handle.open_sessions(), 0, "{:#?}", handle.counts());
        assert_eq!(handle.counts().writes, 0);
        // What is killed leaves the session that it has, which times out there, and no more than that one.
        for killed in 1..=3 {
            let logins = handle.counts().logins;
            let mut daemon = start(&config);
            until("a login", || logins < handle.counts().logins).await;
            until("an event stream", || handle.send_event()).await;
            daemon.0.kill().unwrap();
            tokio::task::spawn_blocking(move || daemon.0.wait()).await.unwrap().unwrap();
            assert_eq!(handle.open_sessions(), killed);
        }
    });
}

#[test]
fn poll_and_capture_by_hand() {
    super::run(async {
        let handle = serve(pdu(6), &[]).await;
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        let url = handle.url();
        let command = |arguments: Vec<String>| {
            let password = password.clone();
            tokio::task::spawn_blocking(move || {
                Command::new(env!("CARGO_BIN_EXE_rackwarden"))
                    .args(arguments)
                    .args(["-u", USER, "--password-file"])
                    .arg(&password)
                    .args(["--config", "/nowhere"])
                    .output()
                    .unwrap()
            })
        };
        let polled = command(vec!["poll".into(), url.clone(), "--json".into()]).await.unwrap();
        assert!(polled.status.success(), "{}", String::from_utf8_lossy(&polled.stderr));
        let json: serde_json::Value = serde_json::from_slice(&polled.stdout).unwrap();
        assert_eq!((&json["target"], &json["profile"]), (&url.clone().into(), &"redfish".into()));
        let readings = json["readings"].as_array().unwrap();
        let of = |source: &str| readings.iter().find(|it| it["source"] == *source).unwrap().clone();
        let breaker = of("/redfish/v1/PowerEquipment/RackPDUs/1/Branches/A#/BreakerState");
        assert_eq!((&breaker["component"], &breaker["raw"]), (&"bank".into(), &"Normal".into()));
        assert_eq!(breaker["state"]["severity"], "ok");
        let energy = of("/redfish/v1/PowerEquipment/RackPDUs/1/Metrics#/EnergykWh/Reading");
        assert_eq!((&energy["value"], &energy["unit"]), (&1_234_500.0.into(), &"Wh".into()));
        let health = of("/redfish/v1/PowerEquipment/RackPDUs/1#/Status/Health");
        assert_eq!(health["raw"], "OK");
        let explain = |what: &str| command(vec!["explain".into(), url.clone(), what.to_owned()]);
        let told = explain("phase/1.I1.L1/current").await.unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        for line in [
            "  value    6.5 A  (rated 32 A)",
            "  source   /redfish/v1/PowerEquipment/RackPDUs/1/Mains/I1#/PolyPhaseCurrentAmps/Line1/Reading",
            "  raw      6.5",
            "  scale    1 there is 1 A",
            "  device   upper critical 30 A  (its own thresholds; rules do not look at them)",
            "  rules    no configuration: --config names one",
        ] {
            assert!(told.lines().any(|it| it == line), "{line}\n{told}");
        }
        let told = explain("/redfish/v1/PowerEquipment/RackPDUs/1/Outlets/A2").await.unwrap();
        assert!(String::from_utf8(told.stdout).unwrap().contains("outlet/1.A2/energy"));
        let none = explain("outlet/9").await.unwrap();
        assert!(String::from_utf8(none.stderr).unwrap().contains("has no such reading"));
        let tree = folder.path().join("tree");
        let captured = command(vec!["capture".into(), url, tree.display().to_string()]).await.unwrap();
        assert!(captured.status.success(), "{}", String::from_utf8_lossy(&captured.stderr));
        let unit = fs::read_to_string(tree.join("redfish/v1/PowerEquipment/RackPDUs/1/index.json")).unwrap();
        assert!(unit.contains("RP-36") && !unit.contains("SN4711"), "{unit}");
        assert_eq!(handle.open_sessions(), 0);
        // What was captured is served again, and reads the same.
        let again = serve(rackwarden::simulator::redfish::Mockup::read(&tree).unwrap(), &[]).await;
        let mut service = super::client(super::settings(&again.url()));
        super::assert_whole(&service.poll().await);
    });
}

/// A login that is under way when its process is told to stop: its session is deleted all the same.
#[test]
fn a_login_under_way_leaves_no_session_behind() {
    super::run(async {
        let handle = serve(pdu(6), &["slow-login=1200"]).await;
        let folder = tempfile::tempdir().unwrap();
        write_config(folder.path(), &handle, "20m");
        let config = folder.path().join("rackwarden.toml").display().to_string();
        for (arguments, number) in [
            (vec!["poll", "pdu-r1", "--config", &config], nix::sys::signal::Signal::SIGINT),
            (vec!["explain", "pdu-r1", "--config", &config], nix::sys::signal::Signal::SIGTERM),
            (vec!["rules", "suggest", "--poll", "--config", &config], nix::sys::signal::Signal::SIGINT),
            (vec!["run", "--config", &config], nix::sys::signal::Signal::SIGTERM),
        ] {
            let (logins, what) = (handle.counts().logins, arguments.join(" "));
            let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
            command.args(&arguments).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = Daemon(command.spawn().unwrap());
            until(&format!("a login of {what}"), || logins < handle.counts().logins).await;
            assert_eq!(handle.open_sessions(), 1, "{what}");
            signal(&child.0, number);
            tokio::task::spawn_blocking(move || child.0.wait()).await.unwrap().unwrap();
            assert_eq!(handle.open_sessions(), 0, "{what}");
        }
    });
}

/// What a service itself takes for too much becomes rules, whole and in force as they are printed.
#[test]
fn rules_are_suggested_from_what_is_set_in_it() {
    super::run(async {
        let handle = serve(pdu(6), &[]).await;
        let folder = tempfile::tempdir().unwrap();
        write_config(folder.path(), &handle, "20m");
        let config = folder.path().join("rackwarden.toml");
        let command = |arguments: &[&str]| {
            let (arguments, config) =
                (arguments.iter().map(ToString::to_string).collect::<Vec<_>>(), config.clone());
            tokio::task::spawn_blocking(move || {
                let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
                command.args(arguments).arg("--config").arg(config).output().unwrap()
            })
        };
        let suggested = command(&["rules", "suggest", "--poll"]).await.unwrap();
        let text = String::from_utf8(suggested.stdout).unwrap();
        assert!(suggested.status.success(), "{}", String::from_utf8_lossy(&suggested.stderr));
        for (apply_to, level) in [
            ("pdu-r1/phase/1.I1.L1", "critical = { value = 30, clear = 28.5 }"),
            ("pdu-r1/sensor/Chassis.1.Temperatures.inlet", "critical = { value = 42, clear = 41 }"),
        ] {
            let rule = text.split("\n\n").find(|it| it.contains(&format!("\"{apply_to}\"")));
            let rule = rule.unwrap_or_else(|| panic!("nothing for {apply_to} in {text}"));
            assert!(rule.contains("Set in the device itself") && rule.contains(level), "{rule}");
        }
        let loaded: toml::Table = toml::from_str(&text).unwrap();
        assert!(2 < loaded["alerts"].as_array().unwrap().len());
        let whole = format!("{}\n{text}", fs::read_to_string(&config).unwrap());
        fs::write(&config, whole).unwrap();
        let checked = command(&["check"]).await.unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let explained = command(&["explain", "pdu-r1", "phase/1.I1.L1/current"]).await.unwrap();
        let explained = String::from_utf8(explained.stdout).unwrap();
        assert!(explained.contains("device   upper critical 30 A"), "{explained}");
        assert!(explained.contains("also     /redfish/v1/Chassis/PDU/Sensors/I1L1#/Reading"), "{explained}");
        assert!(explained.contains("as set in it"), "its rules are told: {explained}");
        assert_eq!(handle.open_sessions(), 0);
    });
}
