//! Interop with net-snmp: its agent is learnt, polled and walked by v1 and v2c; its tools name the same
//! rows as ours. Left out, with a word, where net-snmp is not installed.

use crate::support::left_out;
use rackwarden::model::{Labels, Oid, Quantity, Secret, SystemClock};
use rackwarden::poller::once::{self, Target};
use rackwarden::poller::settings::{Credential, DeviceSettings, SnmpVersion};
use rackwarden::profile::ProfileSet;
use rackwarden::snmp::WalkLimits;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// A running snmpd with a UPS in it; ends when dropped.
struct Snmpd {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

const CONFIG: &str = "\
rocommunity public
sysObjectID .1.3.6.1.4.1.99999.1
sysDescr A UPS behind net-snmp
sysName ups-test
override .1.3.6.1.2.1.33.1.1.1.0 octet_str \"Example\"
override .1.3.6.1.2.1.33.1.1.2.0 octet_str \"Model 3000\"
override .1.3.6.1.2.1.33.1.2.1.0 integer 2
override .1.3.6.1.2.1.33.1.2.3.0 integer 42
override .1.3.6.1.2.1.33.1.2.4.0 integer 97
override .1.3.6.1.2.1.33.1.4.1.0 integer 3
override .1.3.6.1.2.1.33.1.4.4.1.2.1 integer 231
override .1.3.6.1.2.1.33.1.4.4.1.3.1 integer 55
override .1.3.6.1.2.1.33.1.4.4.1.5.1 integer 38
";

impl Snmpd {
    /// `None`, with a word, where it is not installed.
    fn start() -> Option<Self> {
        let program = ["/usr/sbin/snmpd", "/usr/local/sbin/snmpd"]
            .into_iter()
            .find(|it| std::path::Path::new(it).exists());
        let Some(program) = program else {
            left_out("interop with net-snmp's agent: snmpd is not installed (Debian package snmpd)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("snmpd.conf");
        std::fs::write(&config, CONFIG).unwrap();
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let child = Command::new(program)
            .args(["-f", "-Lf", "/dev/null", "-C", "-c"])
            .arg(&config)
            .arg(format!("udp:{address}"))
            .env("SNMP_PERSISTENT_DIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self { child, address, _folder: folder };
        // Until it answers: the first walk waits for it as any client would.
        let system: Oid = "1.3.6.1.2.1.1".parse().unwrap();
        let limits = WalkLimits { rows_max: 1, ..WalkLimits::getnext() };
        let mut target = started.target(SnmpVersion::V2c);
        target.timeout = Duration::from_millis(200);
        let answers = (0..50).any(|_| {
            let walked = once::walk(&target, &system, limits, SystemClock::new(), &mut |_, _| ());
            if walked.is_err() {
                std::thread::park_timeout(Duration::from_millis(100));
            }
            walked.is_ok()
        });
        assert!(answers, "snmpd does not answer at {address}");
        Some(started)
    }

    fn target(&self, version: SnmpVersion) -> Target {
        let credential = Credential::Community { version, community: Secret::new("public") };
        Target { address: self.address, credential, timeout: Duration::from_secs(2), retries: 2 }
    }
}

#[test]
fn a_ups_behind_snmpd_is_read_by_v1_and_v2c() {
    let Some(snmpd) = Snmpd::start() else { return };
    for version in [SnmpVersion::V1, SnmpVersion::V2c] {
        let target = snmpd.target(version);
        let settings = DeviceSettings {
            name: Arc::from("ups"),
            host: "127.0.0.1".to_owned(),
            port: snmpd.address.port(),
            credential: target.credential.clone(),
            answers_from: Vec::new(),
            profile: None,
            interval: Duration::from_secs(10),
            timeout: target.timeout,
            retries: 2,
            request_gap: Duration::ZERO,
            requests_in_flight: 1,
            labels: Labels::default(),
            rated_current_amperes: Vec::new(),
        };
        let profiles = Arc::new(ProfileSet::embedded().clone());
        let outcome = once::poll(&target, Arc::new(settings), profiles, SystemClock::new());
        let batch = &outcome.batch;
        assert_eq!(batch.error, None, "{version:?}");
        assert_eq!(&*batch.source.profile, "rfc1628");
        assert_eq!(batch.source.identity.sys_name, "ups-test");
        let value = |oid: &str| {
            let oid: Oid = oid.parse().unwrap();
            let at = batch.shape.readings.iter().position(|it| it.source == oid).unwrap();
            (batch.shape.readings[at].quantity, batch.samples[at].value().unwrap())
        };
        assert_eq!(value("1.3.6.1.2.1.33.1.2.3.0"), (Quantity::Runtime, 42.0 * 60.0));
        assert_eq!(value("1.3.6.1.2.1.33.1.2.4.0"), (Quantity::Charge, 97.0));
        assert_eq!(value("1.3.6.1.2.1.33.1.4.4.1.3.1"), (Quantity::Current, 5.5));
        assert_eq!(value("1.3.6.1.2.1.33.1.4.4.1.2.1"), (Quantity::Voltage, 231.0));
        assert_eq!(value("1.3.6.1.2.1.33.1.4.4.1.5.1"), (Quantity::Load, 38.0));
        assert_eq!(value("1.3.6.1.2.1.33.1.4.1.0"), (Quantity::State, 3.0));
    }
}

#[test]
fn our_walks_name_the_same_rows_as_snmpwalk() {
    let Some(snmpd) = Snmpd::start() else { return };
    for (version, letter) in [(SnmpVersion::V1, "1"), (SnmpVersion::V2c, "2c")] {
        let mut ours = Vec::new();
        let root: Oid = "1.3.6.1.2.1".parse().unwrap();
        let limits = WalkLimits::default();
        let end = once::walk(&snmpd.target(version), &root, limits, SystemClock::new(), &mut |oid, _| {
            ours.push(format!(".{oid}"));
        });
        assert!(end.unwrap().is_complete());
        let target = snmpd.address.to_string();
        let output = Command::new("snmpwalk")
            .args(["-v", letter, "-c", "public", "-On", "-m", "", &target, "1.3.6.1.2.1"])
            .output();
        let Ok(output) = output else {
            left_out("interop with net-snmp's walk: snmpwalk is not installed (Debian package snmp)");
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let theirs: Vec<String> =
            text.lines().filter_map(|it| it.split_once(" = ")).map(|(oid, _)| oid.to_owned()).collect();
        // Tables of the host (connections, interfaces) may change between the two walks.
        let fixed = |all: &[String]| -> Vec<String> {
            all.iter()
                .filter(|it| it.starts_with(".1.3.6.1.2.1.1.") || it.starts_with(".1.3.6.1.2.1.33."))
                .cloned()
                .collect()
        };
        assert_eq!(fixed(&ours), fixed(&theirs), "v{letter}");
        assert!(fixed(&ours).len() > 15);
    }
}
