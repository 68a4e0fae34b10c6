//! The fuzz bodies over a seeded corpus: what has been found stays fixed, and what is near it is tried.

use super::*;
use crate::simulator::agent::{Agent, AgentSpec, Scratch};
use std::path::{Path, PathBuf};

/// Mutants of each seed. The fuzzer itself runs for as long as it is told: see `fuzz/run`.
const ROUNDS: usize = 60;

fn files(folder: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(root).into_iter().flatten().map(|it| it.unwrap().path()).collect();
    paths.sort();
    paths.iter().filter(|it| it.is_file()).map(|it| std::fs::read(it).unwrap()).collect()
}

/// What a walk of a small agent looks like.
fn datagrams() -> Vec<Vec<u8>> {
    let recording =
        Recording::parse("1.3.6.1.2.1.1.1.0|4|a test\n1.3.6.1.2.1.1.3.0|67|500\n1.3.6.1.4.1.9.1.1|2|15\n")
            .unwrap();
    let mut agent = Agent::start(AgentSpec::from_recording(&recording, "public"), Moment::ZERO);
    let mut found = Vec::new();
    for kind in [PduKind::Get, PduKind::GetNext, PduKind::GetBulk] {
        let names = [Oid::new(&[1, 3, 6, 1, 2, 1, 1, 1, 0]), Oid::new(&[1, 3, 6, 1, 4, 1, 9, 1, 1])];
        let request = crate::snmp::wire::encode_request(Version::V2c, b"public", kind, 1, &names, 5).unwrap();
        agent.handle(&request, NOW, &mut Scratch::default(), &mut |it| found.push(it.datagram.to_vec()));
        found.push(request);
    }
    found
}

const REDFISH: &str = r##"{"/redfish/v1": {"PowerEquipment": {"@odata.id": "/redfish/v1/PowerEquipment"}},
"/redfish/v1/PowerEquipment": {"RackPDUs": {"@odata.id": "/redfish/v1/PDUs"}},
"/redfish/v1/PDUs": {"Members": [{"@odata.id": "/redfish/v1/PDUs/1"}]},
"/redfish/v1/PDUs/1": {"Outlets": {"@odata.id": "/redfish/v1/Outlets"}, "Status": {"Health": "OK"}},
"/redfish/v1/Outlets": {"Members": [{"@odata.id": "/redfish/v1/Outlets/1"}]},
"/redfish/v1/Outlets/1": {"PowerState": "On", "CurrentAmps": {"Reading": 1.5}, "Voltage": {"Reading": "x"}}}"##;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = files(&format!("fuzz/corpus/{target}"));
    match target {
        "profile" => seeds.extend(files("profiles").into_iter().take(4)),
        "config" => seeds.extend(files("packaging/examples")),
        "recording" => seeds.extend(files("tests/fixtures/devices").into_iter().take(4)),
        "redfish" => seeds.push(REDFISH.as_bytes().to_vec()),
        "event_stream" => seeds.push(b": hello\n\nid: 1\ndata: {}\n\ndata: x\r\n\r\n".to_vec()),
        _ => seeds.extend(datagrams()),
    }
    seeds.push(Vec::new());
    seeds
}

#[test]
fn every_target_bears_mutants_of_its_corpus() {
    let mut random = 7_u64;
    let mut below = |end: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % end.max(1)
    };
    for (name, body) in TARGETS {
        for seed in seeds(name) {
            body(&seed);
            // Long texts cost a compilation each.
            let rounds = if 2000 < seed.len() { ROUNDS / 20 } else { ROUNDS };
            for _ in 0..rounds {
                let mut octets = seed.clone();
                for _ in 0..=below(6) {
                    let at = below(octets.len());
                    match below(4) {
                        0 if !octets.is_empty() => octets[at] ^= 1 << below(8),
                        1 if !octets.is_empty() => drop(octets.remove(at)),
                        2 => octets.truncate(at.max(1)),
                        _ => octets.insert(at, u8::try_from(below(256)).unwrap()),
                    }
                }
                body(&octets);
            }
        }
    }
}
