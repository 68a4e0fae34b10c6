//! How an agent is met for the first time: how many requests it takes to know which profile fits, and that an
//! agent of a known vendor whose product nobody has seen yet is read all the same.

use crate::support::{agent, devices, left_out, shipped};
use rackwarden::model::{Oid, Value};
use rackwarden::poller::learn::{LearnStep, Learner, Reach};
use rackwarden::profile::{Learned, ProfileSet, SystemGroup, fixture};
use rackwarden::snmp::wire::{
    ErrorStatus, PduKind, Varbinds, Version, decode, encode_message, encode_varbinds,
};
use std::sync::Arc;

/// Two for the system group, asked carefully, and one for the probes of all candidates.
const REQUESTS_MAX: usize = 3;

#[test]
fn a_profile_is_chosen_in_three_requests() {
    let (profiles, _) = shipped::profiles(&shipped::mibs());
    let profiles = Arc::new(profiles);
    let slow: Vec<String> = agents()
        .iter()
        .map(|(name, cells)| (name, requests_to_choose(&profiles, cells)))
        .filter(|(_, requests)| REQUESTS_MAX < *requests)
        .map(|(name, requests)| format!("{name}: {requests}"))
        .collect();
    assert!(slow.is_empty(), "more than {REQUESTS_MAX} requests: {}", slow.join(", "));
}

/// The number below the vendor's is another one, and a part of it that no profile names.
#[test]
fn an_unknown_product_of_a_known_vendor_is_read() {
    let mibs = shipped::mibs();
    let (profiles, _) = shipped::profiles(&mibs);
    let mut unread = Vec::new();
    for (name, cells) in agents() {
        let system = devices::system_group(&cells);
        let arcs = system.sys_object_id.arcs();
        let known = fixture::choose(&profiles, &cells, &system);
        let (Some(vendor), Some(known)) = (arcs.get(..7), known) else { continue };
        let deeper = system.sys_object_id.child(&[1, 7]);
        let other = Oid::new(vendor).child(&[9_999, 1]);
        for (sys_object_id, is_same) in [(deeper, true), (other, false)] {
            let system = SystemGroup { sys_object_id, ..system.clone() };
            let found = fixture::choose(&profiles, &cells, &system);
            let fits = found.as_ref().is_some_and(|it| !is_same || it.name == known.name);
            if !fits {
                let found = found.map_or_else(|| "none".to_owned(), |it| it.name.to_string());
                unread.push(format!("{name} as {}: {found} instead of {}", system.sys_object_id, known.name));
            }
        }
    }
    assert!(unread.is_empty(), "{}", unread.join("\n"));
}

#[test]
fn recorded_devices_say_who_they_are() {
    let Some(folder) = devices::folder() else {
        left_out("recorded devices: no ../shared/devices and no RACKWARDEN_DEVICES");
        return;
    };
    let (profiles, _) = shipped::profiles(&shipped::mibs());
    let mut nameless = Vec::new();
    for device in devices::devices(&folder) {
        let cells: Learned = devices::cells(&device.recording).into_iter().collect();
        let polled = crate::support::polled::poll(&profiles, &cells, &devices::system_group(&cells));
        let identity = &polled.identity;
        // Some were trimmed to the tables.
        let is_trimmed = identity.sys_descr.is_empty();
        if identity.vendor.is_empty() || (identity.model.is_empty() && !is_trimmed) {
            nameless.push(format!(
                "{} ({}): vendor `{}` model `{}`",
                device.name, polled.profile, identity.vendor, identity.model
            ));
        }
    }
    assert!(nameless.is_empty(), "{}", nameless.join("\n"));
}

/// Our own agents, and the recorded ones where they are there.
fn agents() -> Vec<(String, Learned)> {
    let mibs = shipped::mibs();
    let files = shipped::files(&shipped::root().join("tests/fixtures/devices"));
    let own = files.iter().filter(|it| it.extension().is_some_and(|it| it == "agent")).map(|path| {
        let cells = agent::parse(&mibs, &std::fs::read_to_string(path).unwrap()).unwrap();
        (path.file_stem().unwrap().to_string_lossy().into_owned(), cells)
    });
    let recorded = devices::folder().into_iter().flat_map(|it| devices::devices(&it));
    let recorded = recorded.map(|it| (it.name, devices::cells(&it.recording).into_iter().collect()));
    own.chain(recorded).collect()
}

/// Until a profile is tried in earnest; `usize::MAX` if none is.
fn requests_to_choose(profiles: &Arc<ProfileSet>, cells: &Learned) -> usize {
    let root = Oid::new(&[1, 3]);
    let rows: Vec<(&Oid, &Value)> = cells.below(&root).collect();
    let mut learner = Learner::new(Arc::clone(profiles), None, true, Reach::default());
    for requests in 0.. {
        if learner.agent_limits().is_some() {
            return requests;
        }
        let Some(request) = learner.request() else { return usize::MAX };
        let asked = Varbinds::from_octets(request.varbinds).map(|it| it.unwrap().oid().unwrap());
        let answers: Vec<(Oid, Value)> = asked
            .map(|name| {
                let from = rows.partition_point(|(oid, _)| **oid < name);
                let at = rows.get(from).filter(|(oid, _)| **oid == name);
                let next = rows.get(if at.is_some() { from + 1 } else { from });
                let row = if request.kind == PduKind::Get { at } else { next };
                row.map_or_else(|| (name, Value::Null), |(oid, value)| ((*oid).clone(), (*value).clone()))
            })
            .collect();
        let mut varbinds = Vec::new();
        encode_varbinds(&mut varbinds, answers.iter().map(|(name, value)| (name, value))).unwrap();
        let mut octets = Vec::new();
        let status = ErrorStatus::NO_ERROR;
        encode_message(&mut octets, Version::V2c, b"c", PduKind::Response, 1, status, 0, &varbinds);
        if let LearnStep::Failed(_) = learner.on_response(&decode(&octets).unwrap().pdu) {
            return usize::MAX;
        }
    }
    usize::MAX
}
