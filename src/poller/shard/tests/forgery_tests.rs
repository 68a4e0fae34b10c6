//! Somebody on the way, or far from it, sends datagrams in an agent's name: wherever they stand among the true
//! ones, a reading is never wrong, and a poll is not lost.

use super::v3_tests::{engine, strong, usm_settings};
use super::*;
use crate::snmp::wire::{ErrorStatus, PduKind, Version, encode_message, encode_varbinds};
use std::collections::VecDeque;

/// A device of SNMPv3 whose forger sends reports and answers of each kind before each true answer.
fn forged(request_gap: Duration) -> Room {
    let settings = DeviceSettings { request_gap, ..usm_settings(&strong()) };
    let mut room = Room::of([(spec(12).with_engine(engine(&strong())), settings)], &profiles());
    room.run(21 * SECOND);
    assert!(room.outcomes_of(0).all(is_whole));
    room.fault(0, Fault::ForgeReports, 1.0);
    room
}

fn is_right(outcome: &Outcome) -> bool {
    let right = [Sample::Value(1.5), Sample::Value(230.0)];
    is_whole(outcome) && outcome.batch.samples.iter().all(|it| right.contains(it))
}

#[test]
fn a_true_answer_counts_wherever_forgeries_stand() {
    type Order = fn(&VecDeque<Vec<u8>>, &[u8]) -> Vec<Vec<u8>>;
    let orders: [(&str, Order); 4] = [
        ("before it", |heard, it| heard.iter().cloned().chain([it.to_vec()]).collect()),
        ("after it", |heard, it| [it.to_vec()].into_iter().chain(heard.iter().cloned()).collect()),
        ("around it", |heard, it| {
            let all = || heard.iter().cloned();
            all().chain([it.to_vec()]).chain(all()).collect()
        }),
        ("each datagram in reverse", |heard, it| {
            let mut all: Vec<Vec<u8>> = heard.iter().cloned().chain([it.to_vec()]).collect();
            all.reverse();
            all
        }),
    ];
    for (name, order) in orders {
        let mut room = forged(Duration::ZERO);
        let polled = room.outcomes_of(0).count();
        let mut heard = VecDeque::new();
        room.tamper = Some(Box::new(move |it| {
            let all = order(&heard, it);
            heard.push_back(it.to_vec());
            if 40 < heard.len() {
                heard.pop_front();
            }
            all
        }));
        let asked = room.asked.len();
        room.run(300 * SECOND);
        let outcomes: Vec<&Outcome> = room.outcomes_of(0).skip(polled).collect();
        assert!(outcomes.len() == 30 && outcomes.iter().all(|it| is_right(it)), "{name}");
        assert!(
            outcomes.iter().all(|it| it.batch.duration < SECOND / 2),
            "{name}: no time-out is waited for"
        );
        let requests = room.asked.len() - asked;
        assert!(requests <= 8 * outcomes.len(), "{name}: {requests} requests");
    }
}

#[test]
fn a_true_answer_counts_while_the_request_waits_for_its_turn_to_be_sent_again() {
    // One request in two seconds: after a forged report, the request may not be sent again at once.
    let mut room = forged(2 * SECOND);
    let polled = room.outcomes_of(0).count();
    room.run(600 * SECOND);
    let outcomes: Vec<&Outcome> = room.outcomes_of(0).skip(polled).collect();
    assert!(59 <= outcomes.len() && outcomes.iter().all(|it| is_right(it)));
    let slow = outcomes.iter().filter(|it| SECOND / 2 < it.batch.duration).count();
    assert_eq!(slow, 0, "the true answer is there, however long the next request must wait");
}

#[test]
fn who_sees_no_request_cannot_guess_its_answer() {
    // The forger knows address, port and community, and when the agent is asked; it does not see the requests.
    let mut room = Room::new((0..20).map(|_| spec(3)));
    room.run(30 * SECOND);
    room.latency = 5 * SECOND;
    let before = room.outcomes.len();
    room.run(3 * SECOND);
    assert!(0 < room.shard.in_flight());
    let mut list = Vec::new();
    let name = oid("1.3.6.1.4.1.9999.1.1.1");
    encode_varbinds(&mut list, [(&name, &Value::Integer(777))]).unwrap();
    let now = now_at(room.now);
    for generation in 0..=0x7f_u8 {
        for slot in 0..40_u8 {
            let id = i32::from_be_bytes([generation, 0, 0, slot]);
            let mut forged = Vec::new();
            let (kind, status) = (PduKind::Response, ErrorStatus::NO_ERROR);
            encode_message(&mut forged, Version::V2c, b"secret", kind, id, status, 0, &list);
            let from = address(usize::from(slot % 20));
            let mut ended = 0;
            let disposition = room.shard.handle_datagram(now, from, &forged, &mut |_, _| ended += 1);
            assert!(disposition != Disposition::Correlated && ended == 0, "{id:x}");
        }
    }
    room.run(20 * SECOND);
    assert!(before < room.outcomes.len());
    let wrong = room.outcomes[before..].iter().filter(|(_, _, it)| it.batch.error.is_none() && !is_right(it));
    assert_eq!(wrong.count(), 0);
}
