//! Recorded devices against their expected tables: straight through the profiles without a network, and
//! polled over UDP as the daemon polls them.
//!
//! The loop for who writes a profile (no rebuild is needed between two runs: `profiles/` and `mibs/`
//! are read from the disk):
//!
//! ```text
//! cargo test --test it recordings -- --nocapture                        # a table of all devices
//! DEVICE=apc_emu cargo test --test it recordings -- --nocapture         # one: every row that fails
//! DEVICE=apc_emu READINGS=1 cargo test --test it recordings -- --nocapture   # and all its readings
//! ```
//!
//! `DEVICE` may be part of a name, or several with commas between. In the table, `also` are expected rows
//! that a reading from another cell names, `missing` rows that nothing reads, `elsewhere` such that another table seems to hold as well, `wrong` readings
//! with another value, quantity or unit, `sentinel` numbers that mean "not there" and were taken for
//! measurements, `extra` readings beyond the expected table. The recordings lie beside the repository
//! (`RACKWARDEN_DEVICES` names another place); without them this test is left out. It fails on wrong
//! readings, on sentinels, and on mistakes in a profile; with `DEVICE` also on missing rows. Rows of the
//! tables that the MIB shows to be wrong stand in `tests/fixtures/disputed.tsv` with the reason, and do not count. The table of
//! all devices is kept in `tests/fixtures/recordings.txt` (`UPDATE=1` writes it anew), so that a change
//! for the worse is seen.

use crate::support::compare::{Outcome, compare, shown};
use crate::support::devices::{self, Device};
use crate::support::left_out;
use crate::support::polled::{Polled, of_answers, poll};
use crate::support::shipped;
use rackwarden::model::{Labels, Secret, SystemClock};
use rackwarden::poller::once::{self, Target};
use rackwarden::poller::settings::{Credential, DeviceSettings, SnmpVersion};
use rackwarden::profile::{Learned, ProfileSet};
use rackwarden::simulator::Simulator;
use rackwarden::simulator::agent::AgentSpec;
use rackwarden::simulator::recording::Recording;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn recordings_read_as_expected() {
    let Some(folder) = devices::folder() else {
        left_out("recorded devices: no ../shared/devices and no RACKWARDEN_DEVICES");
        return;
    };
    let (profiles, problems) = shipped::profiles(&shipped::mibs());
    problems.iter().for_each(|it| println!("{it}"));
    let asked = std::env::var("DEVICE").unwrap_or_default();
    let is_asked =
        |device: &Device| asked.is_empty() || asked.split(',').any(|it| device.name.contains(it.trim()));
    let mut bad = Vec::new();
    let mut table = String::new();
    for device in devices::devices(&folder).into_iter().filter(is_asked) {
        let cells: Learned = devices::cells(&device.recording).into_iter().collect();
        let system = devices::system_group(&cells);
        let polled = poll(&profiles, &cells, &system);
        let expected = devices::expected(&device.table);
        let mut outcome = compare(&polled, &expected, &devices::sentinels(&folder, &device.name));
        outcome.leave_out(&disputed(&device.name));
        let row = row(&device.name, &polled, &outcome);
        println!("{row}");
        writeln!(table, "{row}").unwrap();
        dump(&device.name, &polled);
        if !asked.is_empty() {
            println!("  sysObjectID {} sysDescr {:?}", system.sys_object_id, system.sys_descr);
            print_details(&polled, &outcome);
        }
        let incomplete = !asked.is_empty() && !outcome.missing.is_empty();
        if !polled.profile.is_empty() && (!outcome.is_right() || incomplete) {
            bad.push(device.name);
        }
    }
    assert!(problems.is_empty(), "there are mistakes in profiles: see above");
    assert!(bad.is_empty(), "devices with wrong readings: {}", bad.join(", "));
    let kept = shipped::root().join("tests/fixtures/recordings.txt");
    if asked.is_empty() && kept.exists() {
        shipped::assert_file(&kept, &table);
    }
}

/// The same over UDP, learnt and polled by the engine from simulated agents: no fewer rows may match
/// than straight through the profile.
#[test]
fn recordings_polled_over_udp_read_the_same() {
    let Some(folder) = devices::folder() else {
        left_out("recorded devices: no ../shared/devices and no RACKWARDEN_DEVICES");
        return;
    };
    let (profiles, _) = shipped::profiles(&shipped::mibs());
    let profiles = Arc::new(profiles);
    let asked = std::env::var("DEVICE").unwrap_or_default();
    let is_asked =
        |device: &Device| asked.is_empty() || asked.split(',').any(|it| device.name.contains(it.trim()));
    let devices: Vec<Device> = devices::devices(&folder).into_iter().filter(is_asked).collect();
    let agents = devices.iter().map(|device| {
        let recording = Recording::parse_octets(&std::fs::read(&device.recording).unwrap()).unwrap();
        (SocketAddr::from(([127, 0, 0, 1], 0)), AgentSpec::from_recording(&recording, "public"))
    });
    let simulator = Simulator::start(agents.collect()).unwrap();
    let mut fewer = Vec::new();
    for (device, agent) in devices.iter().zip(simulator.agents()) {
        let cells: Learned = devices::cells(&device.recording).into_iter().collect();
        let straight = poll(&profiles, &cells, &devices::system_group(&cells));
        if straight.profile.is_empty() {
            continue;
        }
        let expected = devices::expected(&device.table);
        let sentinels = devices::sentinels(&folder, &device.name);
        let by_udp = polled_over_udp(&device.name, agent.address(), &profiles);
        let (before, after) =
            (compare(&straight, &expected, &sentinels), compare(&by_udp, &expected, &sentinels));
        let worse = after.matched + after.also < before.matched + before.also
            || before.wrong.len() < after.wrong.len();
        if straight.profile != by_udp.profile || worse {
            println!("{}", row(&device.name, &by_udp, &after));
            print_details(&by_udp, &after);
            fewer.push(device.name.clone());
        }
    }
    assert!(fewer.is_empty(), "read otherwise over UDP: {}", fewer.join(", "));
}

fn polled_over_udp(name: &str, address: SocketAddr, profiles: &Arc<ProfileSet>) -> Polled {
    let credential = Credential::Community { version: SnmpVersion::V2c, community: Secret::new("public") };
    let timeout = Duration::from_secs(5);
    let settings = DeviceSettings {
        name: Arc::from(name),
        host: address.ip().to_string(),
        port: address.port(),
        credential: credential.clone(),
        answers_from: Vec::new(),
        profile: None,
        interval: Duration::from_secs(10),
        timeout,
        retries: 1,
        request_gap: Duration::ZERO,
        requests_in_flight: 1,
        labels: Labels::default(),
        rated_current_amperes: Vec::new(),
    };
    let target = Target { address, credential, timeout, retries: 1 };
    let outcome = once::poll(&target, Arc::new(settings), Arc::clone(profiles), SystemClock::new());
    assert_eq!(outcome.batch.error, None, "{name}");
    of_answers(&outcome.ready.unwrap().plan, &outcome.cells)
}

/// Beginnings of the OIDs of rows that do not count: of that device in `tests/fixtures/disputed.tsv`.
fn disputed(device: &str) -> Vec<String> {
    let path = shipped::root().join("tests/fixtures/disputed.tsv");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let rows = text.lines().map(|it| it.split('\t').collect::<Vec<_>>());
    rows.filter(|it| it.len() == 3 && it[0] == device).map(|it| it[1].to_owned()).collect()
}

fn row(device: &str, polled: &Polled, outcome: &Outcome) -> String {
    let profile = if polled.profile.is_empty() { "-" } else { &polled.profile };
    format!(
        "{device:28} {profile:25} matched {:3} also {:3} missing {:3} elsewhere {:3} wrong {:2} sentinel {:2} extra {:3}",
        outcome.matched,
        outcome.also,
        outcome.missing.len(),
        outcome.elsewhere.len(),
        outcome.wrong.len(),
        outcome.sentinels.len(),
        outcome.extra
    )
}

/// With `DUMP` in the environment, appends all readings of a device to that file, for tools.
fn dump(device: &str, polled: &Polled) {
    let Some(path) = std::env::var_os("DUMP") else { return };
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    let mut text = String::new();
    let identity = &polled.identity;
    let (vendor, model) = (&identity.vendor, &identity.model);
    let (serial, firmware) = (&identity.serial, &identity.firmware);
    writeln!(text, "{device}\tidentity\t{}\t{vendor}\t{model}\t{serial}\t{firmware}", polled.profile)
        .unwrap();
    for it in &polled.readings {
        let also: Vec<String> = it.also.iter().map(ToString::to_string).collect();
        let (source, shown) = (&it.source, shown(it));
        writeln!(text, "{device}\treading\t{source}\t{}\t{shown}", also.join(",")).unwrap();
    }
    file.write_all(text.as_bytes()).unwrap();
}

fn print_details(polled: &Polled, outcome: &Outcome) {
    let identity = &polled.identity;
    println!(
        "  vendor {:?} model {:?} serial {:?} firmware {:?}",
        identity.vendor, identity.model, identity.serial, identity.firmware
    );
    for (title, lines) in [
        ("missing", &outcome.missing),
        ("elsewhere", &outcome.elsewhere),
        ("wrong", &outcome.wrong),
        ("sentinel", &outcome.sentinels),
        ("warning", &polled.warnings),
    ] {
        lines.iter().for_each(|it| println!("  {title}: {it}"));
    }
    if std::env::var_os("READINGS").is_some() {
        polled.readings.iter().for_each(|it| println!("  {}", shown(it)));
    }
}
