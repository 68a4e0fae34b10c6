//! Room tests: that the room is as planned, that its cells agree, and that what is done to a device is
//! seen on its agent's socket.

use super::{DeviceKind, Room, RoomError, RoomPlan, RunningRoom};
use crate::model::{Oid, Value};
use crate::snmp::wire::{PduKind, Version, decode, encode_request};
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

fn plan() -> RoomPlan {
    let port = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    RoomPlan { pdus: 12, upses: 3, monitors: 3, port, ..RoomPlan::default() }
}

/// Asks a device over its socket, as a poller would, and waits that long.
fn get(room: &RunningRoom, device: &str, name: &str, patience: Duration) -> Option<Value> {
    let device = room.devices().iter().find(|it| it.name == device).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    let request = encode_request(device.version, b"public", PduKind::Get, 1, &[oid(name)], 0).unwrap();
    socket.send_to(&request, device.address).unwrap();
    let mut buffer = [0; 2000];
    let length = socket.recv(&mut buffer).ok()?;
    let varbind = decode(&buffer[..length]).unwrap().pdu.varbinds.next().unwrap().unwrap();
    Some(varbind.value.to_value().unwrap())
}

fn number(room: &RunningRoom, device: &str, name: &str) -> i64 {
    get(room, device, name, Duration::from_secs(10)).unwrap().integer().unwrap()
}

/// Threads share a running room and its handles.
const fn shared<T: Send + Sync>() {}
const _: () = shared::<RunningRoom>();
const _: () = shared::<crate::simulator::AgentHandle>();

#[test]
fn the_default_room_is_large_and_named() {
    let room = Room::build(1, &RoomPlan::default());
    let count = |kind| room.devices.iter().filter(|it| it.kind == kind).count();
    assert!(200 <= count(DeviceKind::Pdu) && 10 <= count(DeviceKind::Ups) && 4 <= count(DeviceKind::Monitor));
    let names: BTreeSet<&str> = room.devices.iter().map(|it| it.name.as_str()).collect();
    let addresses: BTreeSet<_> = room.devices.iter().map(|it| it.address).collect();
    assert_eq!((names.len(), addresses.len()), (room.devices.len(), room.devices.len()));
    let profiles: BTreeSet<&str> = room.devices.iter().map(|it| it.profile).collect();
    assert_eq!(profiles.len(), 8, "{profiles:?}");
    assert!(room.devices.iter().all(|it| it.address.ip().is_loopback()));
    let last = room.devices.iter().rfind(|it| it.kind == DeviceKind::Pdu).unwrap();
    assert_eq!((last.name.as_str(), last.labels.value("site")), ("pdu-k04-b", Some("south")));
}

#[test]
fn the_same_seed_builds_the_same_room() {
    let values = |seed| {
        let room = Room::build(seed, &RoomPlan { pdus: 8, upses: 0, monitors: 0, ..RoomPlan::default() });
        let rows = |at: usize| {
            let tree = room.devices[at].agent.tree();
            tree.iter().map(|(oid, value)| format!("{oid} {value:?}")).collect::<Vec<String>>()
        };
        (0..8).map(rows).collect::<Vec<_>>()
    };
    assert_eq!(values(4), values(4));
    assert_ne!(values(4), values(5));
}

#[test]
fn the_system_group_says_who_a_device_is() {
    let room = Room::build(1, &plan());
    for device in &room.devices {
        let value = |name: &str| device.agent.tree().value(&oid(name)).cloned().unwrap();
        let expected = match device.profile {
            "apc-rpdu2" => "1.3.6.1.4.1.318.1.3.4.6",
            "raritan-pdu2" => "1.3.6.1.4.1.13742.6",
            "sentry4" => "1.3.6.1.4.1.1718.4",
            "eaton-epdu" => "1.3.6.1.4.1.534.6.6.7",
            "apc-ups" => "1.3.6.1.4.1.318.1.3.27",
            "rfc1628" => "1.3.6.1.2.1.33",
            "apc-ems" => "1.3.6.1.4.1.318.1.3.8.2",
            _ => "1.3.6.1.4.1.20916.1.10",
        };
        assert_eq!(value("1.3.6.1.2.1.1.2.0"), Value::ObjectIdentifier(oid(expected)), "{}", device.name);
        assert_eq!(value("1.3.6.1.2.1.1.5.0").text().unwrap(), device.name);
        assert!(matches!(value("1.3.6.1.2.1.1.3.0"), Value::TimeTicks(ticks) if 8_640_000 <= ticks));
    }
}

/// The sum of a column's instances below `parent`.
fn column(room: &Room, device: usize, parent: &str) -> Vec<i64> {
    let tree = room.devices[device].agent.tree();
    let parent = oid(parent);
    tree.iter().filter(|(oid, _)| oid.starts_with(&parent)).filter_map(|(_, value)| value.integer()).collect()
}

#[test]
fn cells_of_an_agent_agree() {
    let room = Room::build(3, &plan());
    // By family: outlet currents, phase currents, and how many wire units make an ampere.
    for (device, outlets, phases, unit) in [
        (0, "1.3.6.1.4.1.318.1.1.26.9.4.3.1.6", "1.3.6.1.4.1.318.1.1.26.6.3.1.5", 10),
        (4, "1.3.6.1.4.1.1718.4.1.8.3.1.3", "1.3.6.1.4.1.1718.4.1.5.3.1.6", 100),
        (6, "1.3.6.1.4.1.534.6.6.7.6.4.1.3", "1.3.6.1.4.1.534.6.6.7.3.3.1.4", 1000),
        (8, "1.3.6.1.4.1.318.1.1.26.9.4.3.1.6", "1.3.6.1.4.1.318.1.1.26.8.3.1.5", 10),
    ] {
        let (outlets, phases) = (column(&room, device, outlets), column(&room, device, phases));
        let (sum, total): (i64, i64) = (outlets.iter().sum(), phases.iter().sum());
        // Each outlet may be half a wire unit off.
        let rounding = i64::try_from(outlets.len()).unwrap();
        assert!((sum - total).abs() <= rounding && 5 * unit < total, "device {device}: {sum} and {total}");
    }
    // APC: the phases' powers add up to the unit's, and follow from volts, amperes and power factor.
    let cell = |tail: &str| column(&room, 0, &format!("1.3.6.1.4.1.318.1.1.26.{tail}"))[0];
    let powers: i64 = column(&room, 0, "1.3.6.1.4.1.318.1.1.26.6.3.1.7").iter().sum();
    assert!((powers - cell("4.3.1.5.1")).abs() <= 2);
    let worked_out = cell("6.3.1.5.1") * cell("6.3.1.6.1") * cell("6.3.1.9.1") / 10_000;
    assert!((worked_out - cell("6.3.1.7.1")).abs() <= 3, "{worked_out} and {}", cell("6.3.1.7.1"));
    // Raritan: the outlets' power adds up to the inlet's.
    let outlets = (1..=18).map(|it| column(&room, 2, &format!("1.3.6.1.4.1.13742.6.5.4.3.1.4.1.{it}.5"))[0]);
    let inlet = column(&room, 2, "1.3.6.1.4.1.13742.6.5.2.3.1.4.1.1.5")[0];
    assert!((outlets.sum::<i64>() - inlet).abs() <= 18);
}

#[test]
fn an_overloaded_phase_shows_until_it_is_mended() {
    let room = Room::build(2, &plan()).start().unwrap();
    let apc = "1.3.6.1.4.1.318.1.1.26.6.3.1";
    let (current, state) = (format!("{apc}.5.2"), format!("{apc}.4.2"));
    assert!(number(&room, "pdu-a01-a", &current) < 120);
    assert_eq!(number(&room, "pdu-a01-a", &state), 2);
    room.overload("pdu-a01-a", 2).unwrap();
    assert!((180..188).contains(&number(&room, "pdu-a01-a", &current)));
    assert_eq!(number(&room, "pdu-a01-a", &state), 4);
    assert_eq!(number(&room, "pdu-a01-b", &state), 2, "the other feed is its own");
    room.mend("pdu-a01-a").unwrap();
    assert_eq!(number(&room, "pdu-a01-a", &state), 2);
    // Every family shows it, in its own way.
    for (device, cell, state) in [
        ("pdu-a02-a", "1.3.6.1.4.1.13742.6.5.2.4.1.3.1.1.1.1", 6),
        ("pdu-a03-a", "1.3.6.1.4.1.1718.4.1.4.3.1.4.1.1.1", 17),
        ("pdu-a04-a", "1.3.6.1.4.1.534.6.6.7.3.3.1.5.0.1.1", 4),
    ] {
        assert_ne!(number(&room, device, cell), state, "{device}");
        room.overload(device, 1).unwrap();
        assert_eq!(number(&room, device, cell), state, "{device}");
    }
}

#[test]
fn a_ups_on_battery_drains() {
    let room = Room::build(2, &plan()).start().unwrap();
    for (device, source, on_battery, charge) in [
        ("ups-north-1", "1.3.6.1.4.1.318.1.1.1.4.1.1.0", 3, "1.3.6.1.4.1.318.1.1.1.2.3.1.0"),
        ("ups-north-2", "1.3.6.1.2.1.33.1.4.1.0", 5, "1.3.6.1.2.1.33.1.2.4.0"),
    ] {
        let full = number(&room, device, charge);
        assert_ne!(number(&room, device, source), on_battery);
        room.on_battery(device, 100.0).unwrap();
        assert_eq!(number(&room, device, source), on_battery);
        std::thread::sleep(Duration::from_millis(1100));
        assert!(number(&room, device, charge) < full);
        room.mend(device).unwrap();
        assert_eq!(number(&room, device, charge), full);
    }
}

#[test]
fn silence_and_heat() {
    let room = Room::build(2, &plan()).start().unwrap();
    let name = "1.3.6.1.2.1.1.5.0";
    room.silence("pdu-a02-b").unwrap();
    assert_eq!(get(&room, "pdu-a02-b", name, Duration::from_millis(200)), None);
    room.mend("pdu-a02-b").unwrap();
    assert!(get(&room, "pdu-a02-b", name, Duration::from_secs(10)).is_some());
    for (device, cell, unit) in [
        ("env-a", "1.3.6.1.4.1.318.1.1.10.3.13.1.1.3.2", 1),
        ("env-c", "1.3.6.1.4.1.20916.1.10.1.2.1.0", 100),
    ] {
        let before = number(&room, device, cell);
        room.heat(device, 20.0).unwrap();
        assert!((19 * unit..=21 * unit).contains(&(number(&room, device, cell) - before)), "{device}");
    }
    let monitor = room.devices().iter().find(|it| it.name == "env-c").unwrap();
    assert_eq!(monitor.version, Version::V1);
}

#[test]
fn what_cannot_be_done_is_said() {
    let room = Room::build(2, &plan()).start().unwrap();
    let unknown = RoomError::Unknown("pdu-z99-a".to_owned());
    assert_eq!(room.overload("pdu-z99-a", 1), Err(unknown.clone()));
    assert_eq!(room.silence("pdu-z99-a"), Err(unknown));
    assert_eq!(room.overload("ups-north-1", 1).unwrap_err().to_string(), "`ups-north-1` is no PDU");
    assert_eq!(room.on_battery("pdu-a01-a", 1.0).unwrap_err().to_string(), "`pdu-a01-a` is no UPS");
    for phase in [0, 4] {
        let error = room.overload("pdu-a01-a", phase).unwrap_err().to_string();
        assert_eq!(error, format!("`pdu-a01-a` has no phase {phase}"));
    }
}
