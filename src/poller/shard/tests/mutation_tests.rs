//! A live engine under mutated datagrams: flipped bits, truncations, splices of true answers.
//!
//! Under SNMPv3 none is ever believed. Under v2c, which has no code, what is believed is an answer to the
//! request that is out, and no reading is any but what stands, under its own name, in a datagram that came:
//! an oracle looks for name and value in the octets, without the decoder.

use super::faults_tests::profiles_for;
use super::v3_tests::{engine, strong, usm_settings};
use super::*;
use crate::simulator::agent::EngineSpec;
use crate::snmp::v3::{AuthProtocol, KeySource, User};
use std::cell::RefCell;
use std::rc::Rc;

/// So many in continuous integration; `RACKWARDEN_MUTANTS` says another number.
const MUTANTS: usize = 50_000;
/// Mutants before each true answer.
const EACH: usize = 25;

/// splitmix64
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// What came instead of true answers.
#[derive(Default)]
struct Sent {
    mutants: usize,
    /// The last true answers, to splice with.
    heard: Vec<Vec<u8>>,
    /// What came since the last outcome was looked at.
    recent: Vec<Vec<u8>>,
}

fn mutate(random: &mut Random, answer: &[u8], heard: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = answer.to_vec();
    match random.below(6) {
        0 | 1 => {
            for _ in 0..=random.below(4) {
                let bit = random.below(8 * octets.len());
                octets[bit / 8] ^= 1 << (bit % 8);
            }
        }
        2 => octets.truncate(random.below(answer.len())),
        3 => {
            // The head of this answer, the end of another.
            let other = &heard[random.below(heard.len())];
            octets.truncate(random.below(answer.len()));
            octets.extend_from_slice(&other[random.below(other.len())..]);
        }
        4 => {
            // A piece of another answer over this one, length kept.
            let other = &heard[random.below(heard.len())];
            let (from, to) = (random.below(other.len()), random.below(octets.len()));
            let piece = &other[from..(from + random.below(64)).min(other.len())];
            for (to, from) in octets[to..].iter_mut().zip(piece) {
                *to = *from;
            }
        }
        _ => {
            let at = random.below(octets.len());
            for _ in 0..=random.below(8) {
                let octet = random.next().to_be_bytes()[0];
                if random.below(2) == 0 {
                    octets.insert(at, octet);
                } else if at < octets.len() {
                    octets.remove(at);
                }
            }
        }
    }
    octets
}

/// Whether a datagram holds that value right behind that name.
fn holds(datagram: &[u8], name: &Oid, value: &Value) -> bool {
    let mut binding = Vec::new();
    crate::snmp::wire::encode_varbinds(&mut binding, [(name, value)]).unwrap();
    // Without the SEQUENCE's head; numbers may be written longer than they need be.
    let mut content = Vec::new();
    name.encode_content(&mut content).unwrap();
    let at = binding.windows(content.len()).position(|it| it == content).unwrap() + content.len();
    if datagram.windows(binding.len() - 2).any(|it| *it == binding[2..]) {
        return true;
    }
    let number = value.integer();
    datagram.windows(content.len()).enumerate().filter(|(_, it)| *it == content).any(|(from, _)| {
        let rest = datagram.get(from + content.len()..).unwrap_or_default();
        let Some((tag, [length, rest @ ..])) = rest.split_first() else { return false };
        let Some(octets) = rest.get(..usize::from(*length)) else { return false };
        let signed = *tag == 2 && octets.first().is_some_and(|it| 0x7f < *it);
        let start = if signed { -1_i64 } else { 0 };
        let read = octets.iter().fold(start, |sum, it| (sum << 8) | i64::from(*it));
        *tag == binding[at] && octets.len() < 9 && number == Some(read)
    })
}

/// Polls with that many mutants; how many readings were not the agent's.
fn under_attack(
    mutants: usize,
    seed: u64,
    device: (AgentSpec, DeviceSettings),
    profile: &str,
) -> (usize, usize) {
    let is_v3 = matches!(device.1.credential, Credential::Usm(_));
    let mut room = Room::of([device], &profiles_for(profile));
    room.run(21 * SECOND);
    assert!(room.outcomes_of(0).all(is_whole));
    let sent = Rc::new(RefCell::new(Sent::default()));
    let mut random = Random(seed);
    let log = Rc::clone(&sent);
    room.tamper = Some(Box::new(move |answer| {
        let mut log = log.borrow_mut();
        if log.heard.len() < 64 {
            log.heard.push(answer.to_vec());
        } else {
            let at = random.below(64);
            log.heard[at] = answer.to_vec();
        }
        let mut datagrams: Vec<Vec<u8>> = Vec::new();
        for _ in 0..EACH {
            datagrams.push(mutate(&mut random, answer, &log.heard));
        }
        log.mutants += EACH;
        datagrams.push(answer.to_vec());
        log.recent.extend_from_slice(&datagrams);
        datagrams
    }));
    let (mut believed, mut readings) = (0, 0);
    while sent.borrow().mutants < mutants {
        room.outcomes.clear();
        room.dispositions.clear();
        room.asked.clear();
        room.run(10 * SECOND);
        for (_, _, outcome) in &room.outcomes {
            let Some(ready) = &outcome.ready else { continue };
            assert!(!is_v3 || is_whole(outcome), "{:?}", outcome.batch.error);
            for (name, cell) in ready.plan.cells.iter().zip(outcome.cells.iter()) {
                let Ok(value) = cell else { continue };
                readings += 1;
                let [.., column, _] = name.arcs() else { panic!("{name}") };
                if value == (if *column == 1 { Value::Integer(15) } else { Value::Gauge32(230) }) {
                    continue;
                }
                believed += 1;
                assert!(!is_v3, "{name} = {value:?} was believed under SNMPv3");
                let sent = sent.borrow();
                let source = sent.recent.iter().any(|it| holds(it, name, &value));
                assert!(source, "{name} = {value:?}, which nobody sent");
            }
        }
        sent.borrow_mut().recent.clear();
    }
    // When it is over, the next polls are right.
    room.tamper = None;
    room.run(21 * SECOND);
    let last = room.outcomes_of(0).last().unwrap();
    assert!(last.batch.error.is_none(), "{:?}", last.batch.error);
    (readings, believed)
}

#[test]
fn mutated_datagrams_bring_no_wrong_reading() {
    let mutants = std::env::var("RACKWARDEN_MUTANTS").map_or(MUTANTS, |it| it.parse().unwrap());
    let v3 = |spec: EngineSpec, user| (self::spec(12).with_engine(spec), usm_settings(&user));
    let phrase = || KeySource::Passphrase(Secret::new("maplesyrup"));
    let sha1 = (AuthProtocol::Sha1, phrase());
    let auth_only = Arc::new(User::new("ops", Some(sha1), None).unwrap());
    let several = "max_varbinds = 7\nrequests_in_flight = 4";
    let cases = [
        ("SNMPv2c", (spec(12), settings("pdu")), ""),
        ("SNMPv3 authNoPriv", v3(engine(&auth_only), Arc::clone(&auth_only)), ""),
        ("SNMPv3 authPriv", v3(engine(&strong()), strong()), ""),
        ("SNMPv2c, four requests in flight", (spec(12), settings("pdu")), several),
        ("SNMPv3 authPriv, four requests in flight", v3(engine(&strong()), strong()), several),
    ];
    let each = mutants.div_ceil(cases.len());
    for (seed, (name, device, profile)) in (1..).zip(cases) {
        let (readings, believed) = under_attack(each, seed, device, profile);
        println!("{name}: {each} mutants, {readings} readings, {believed} as a mutant said");
    }
}
