//! Requests in flight beside another one: each believes its own answer alone, and none changes what is known.

use super::message::Protection;
use super::test_world::*;
use super::{AuthProtocol, Received, Report, SecurityLevel, User};
use crate::snmp::wire::{Names, PduKind};
use std::sync::Arc;

const BESIDE: i32 = 0x0007_0002;
const NONCE: i32 = 99_000;

fn write_beside(world: &mut World, message_id: i32, nonce: i32) -> Option<Vec<u8>> {
    let names = Names::new([&up_time().0]).unwrap();
    let mut out = Vec::new();
    let now = world.now;
    world.session.write_beside(message_id, nonce, names.run(0, 1), now, &mut out).then_some(out)
}

fn read_beside(world: &World, message_id: i32, nonce: i32, datagram: &[u8]) -> Read {
    match world.session.read_beside(message_id, nonce, datagram, &mut Vec::new()) {
        Received::Response(pdu) => {
            Read::Answered(pdu.varbinds.clone().next().unwrap().unwrap().value.to_value().unwrap())
        }
        Received::WriteAgain => Read::WriteAgain,
        Received::Wait(cause) => Read::Wait(cause.label()),
        Received::Failed(why) => Read::Failed(why),
    }
}

fn levels() -> [Arc<User>; 3] {
    [user(None, None), user(Some(AuthProtocol::Sha256), None), strong()]
}

fn value() -> Read {
    Read::Answered(up_time().1)
}

#[test]
fn each_believes_its_own_answer_alone_in_any_order() {
    for user in levels() {
        let mut world = World::met(&user);
        world.begin();
        let due = world.write();
        let first = write_beside(&mut world, BESIDE, NONCE).unwrap();
        let second = write_beside(&mut world, BESIDE + 1, NONCE + 1).unwrap();
        let proved = world.proved();
        let [due, first, second] = [due, first, second].map(|it| world.answer(&it));
        let level = user.level();
        assert_eq!(read_beside(&world, BESIDE + 1, NONCE + 1, &second), value(), "{level:?}");
        assert_eq!(read_beside(&world, BESIDE, NONCE, &second), Read::Wait("foreign"), "{level:?}");
        assert_eq!(read_beside(&world, BESIDE + 1, NONCE, &second), Read::Wait("replayed"), "{level:?}");
        assert_eq!(read_beside(&world, BESIDE, NONCE, &due), Read::Wait("foreign"), "{level:?}");
        assert_eq!(world.read(&first), Read::Wait("foreign"), "{level:?}");
        assert_eq!(world.proved(), proved, "{level:?}");
        assert_eq!(world.read(&due), value(), "{level:?}");
        // What was due is over: the other one takes its place, and its answer is read as such.
        world.session.adopt_request(NONCE);
        assert_eq!(world.session.time_out_reason(), None);
        let now = world.now;
        let mut scratch = Vec::new();
        let read = world.session.read(BESIDE, &first, now, &mut scratch);
        assert!(matches!(read, Received::Response(_)), "{level:?}");
    }
}

#[test]
fn nothing_goes_beside_while_the_engine_is_in_doubt() {
    let user = strong();
    let mut world = World::new(&user, &user);
    assert!(write_beside(&mut world, BESIDE, NONCE).is_none(), "nothing was begun");
    world.begin();
    let probe = world.write();
    assert!(write_beside(&mut world, BESIDE, NONCE).is_none(), "the engine is not known");
    let report = world.answer(&probe);
    assert_eq!(world.read(&report), Read::WriteAgain);
    let request = world.write();
    assert!(write_beside(&mut world, BESIDE, NONCE).is_none(), "nor proved");
    let answer = world.answer(&request);
    assert_eq!(world.read(&answer), value());
    world.begin();
    assert!(write_beside(&mut world, BESIDE, NONCE).is_none(), "before the one that is due");
    world.write();
    assert!(write_beside(&mut world, BESIDE, NONCE).is_some());
    // A report that is followed: whether it is true is not known yet.
    let late = counter(Report::NotInTimeWindows);
    let forged = world.craft(&Craft { boots: 4000, time: 1, ..Craft::report(&late) });
    assert_eq!(world.read(&forged), Read::WriteAgain);
    assert!(write_beside(&mut world, BESIDE, NONCE).is_none());
    world.write();
    assert!(write_beside(&mut world, BESIDE, NONCE).is_none());
}

#[test]
fn forged_answers_are_not_read_and_reports_change_nothing() {
    let mut world = World::met(&strong());
    world.begin();
    world.write();
    let request = write_beside(&mut world, BESIDE, NONCE).unwrap();
    let proved = world.proved();
    let keys = world.keys();
    let signed = Protection::new(SecurityLevel::AuthNoPriv, Some(&*keys), 5).unwrap();
    let varbinds = counter(Report::NotInTimeWindows);
    let response = Craft { kind: PduKind::Response, request_id: NONCE, ..Craft::report(&varbinds) };
    let report = Craft { boots: 9, ..Craft::report(&varbinds) };
    let table = [
        ("an answer without a code", response, Read::Wait("downgraded")),
        ("an answer in clear", Craft { protection: signed, ..response }, Read::Wait("downgraded")),
        (
            "of another engine",
            Craft { engine_id: &[9; 12], protection: signed, ..response },
            Read::Wait("foreign"),
        ),
        ("a report", report, Read::WriteAgain),
        ("a signed report", Craft { protection: signed, ..report }, Read::WriteAgain),
        ("no answer", Craft { kind: PduKind::Get, ..response }, Read::Wait("foreign")),
    ];
    for (what, craft, read) in table {
        let datagram = world.craft(&craft);
        assert_eq!(read_beside(&world, MESSAGE_ID, NONCE, &datagram), read, "{what}");
        assert_eq!(world.proved(), proved, "{what}");
    }
    let answer = world.answer(&request);
    let mut broken = answer.clone();
    *broken.last_mut().unwrap() ^= 1;
    assert_eq!(read_beside(&world, BESIDE, NONCE, &broken), Read::Wait("unverified"));
    assert_eq!(read_beside(&world, BESIDE, NONCE, &answer), value());
}
