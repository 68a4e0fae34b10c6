//! Forged, replayed and broken datagrams: none is believed, and none costs more than some messages.

use super::message::Protection;
use super::test_world::*;
use super::{
    Account, AuthProtocol, Notification, PrivProtocol, Report, SecurityLevel, SenderClock, UsmError, is_v3,
    open_notification, peek_message_id,
};
use crate::snmp::wire::PduKind;
use proptest::prelude::*;

fn value() -> Read {
    Read::Answered(up_time().1)
}

#[test]
fn a_forged_report_costs_a_message_and_the_true_answer_is_still_taken() {
    let unknown = counter(Report::UnknownEngineIds);
    let late = counter(Report::NotInTimeWindows);
    let foreign = [9_u8; 12];
    let table = [
        ("another engine", Craft { engine_id: &foreign, ..Craft::report(&unknown) }),
        ("a later boot", Craft { boots: 4000, time: 1, ..Craft::report(&late) }),
        ("an earlier boot", Craft { boots: 1, time: 1, ..Craft::report(&late) }),
        ("another time", Craft { time: 2_000_000_000, ..Craft::report(&late) }),
    ];
    for user in [strong(), user(Some(AuthProtocol::Sha1), Some(PrivProtocol::Des))] {
        for (what, craft) in table {
            let mut world = World::met(&user);
            let proved = world.proved();
            world.begin();
            let request = world.write();
            let forged = world.craft(&craft);
            assert_eq!(world.read(&forged), Read::WriteAgain, "{what}");
            assert_eq!(world.proved(), proved, "{what}");
            world.write();
            let answer = world.answer(&request);
            assert_eq!(world.read(&answer), value(), "{what}: the answer to what was written before");
            assert_eq!(world.proved(), proved, "{what}");
        }
    }
}

#[test]
fn after_a_forged_report_repeats_turn_back_to_what_is_proved() {
    let unknown = counter(Report::UnknownEngineIds);
    let mut world = World::met(&strong());
    world.begin();
    let lost = world.write();
    drop(lost);
    let forged = world.craft(&Craft { engine_id: &[9; 12], ..Craft::report(&unknown) });
    assert_eq!(world.read(&forged), Read::WriteAgain);
    let astray = world.write();
    assert_eq!(crate::snmp::wire::v3::decode(&astray).unwrap().engine_id, [9; 12]);
    // No answer comes to it; the next repeat speaks to the proved engine.
    let repeat = world.write();
    let answer = world.answer(&repeat);
    assert_eq!(world.read(&answer), value());
    // And if one came, it would say so.
    world.begin();
    world.write();
    let forged = world.craft(&Craft { engine_id: &[9; 12], ..Craft::report(&unknown) });
    assert_eq!(world.read(&forged), Read::WriteAgain);
    let astray = world.write();
    let report = world.answer(&astray);
    assert_eq!(world.read(&report), Read::WriteAgain);
    let request = world.write();
    let answer = world.answer(&request);
    assert_eq!(world.read(&answer), value());
}

#[test]
fn hints_change_nothing_and_the_true_answer_is_still_taken() {
    for report in [
        Report::WrongDigests,
        Report::UnknownUserNames,
        Report::UnsupportedSecLevels,
        Report::DecryptionErrors,
        Report::UnknownContexts,
        Report::InvalidMessages,
    ] {
        let mut world = World::met(&strong());
        let proved = world.proved();
        world.begin();
        let request = world.write();
        let varbinds = counter(report);
        let forged = world.craft(&Craft::report(&varbinds));
        assert_eq!(world.read(&forged), Read::Wait("reported"), "{report:?}");
        assert!(world.session.time_out_reason().is_some());
        assert_eq!(world.proved(), proved);
        let answer = world.answer(&request);
        assert_eq!(world.read(&answer), value(), "{report:?}");
    }
}

#[test]
fn a_replayed_answer_is_not_read() {
    for user in [strong(), user(Some(AuthProtocol::Md5), None)] {
        let mut world = World::met(&user);
        world.begin();
        let request = world.write();
        let old = world.answer(&request);
        assert_eq!(world.read(&old), value());
        world.session.end_request();
        assert_eq!(world.read(&old), Read::Wait("foreign"), "nothing is asked");
        world.now = seconds(6000);
        world.begin();
        world.write();
        let proved = world.proved();
        assert_eq!(world.read(&old), Read::Wait("replayed"));
        assert_eq!(world.proved(), proved);
    }
}

#[test]
fn a_replayed_authentic_report_costs_one_message() {
    let mut world = World::met(&strong());
    // What the agent once said after a restart, recorded.
    world.authority.set_clock(8, 0, world.now);
    world.begin();
    let request = world.write();
    let old = world.answer(&request);
    world.session.end_request();
    world.authority.set_clock(9, 40, world.now);
    assert_eq!(world.request(), End::Answered(up_time().1));
    let proved = world.proved();
    world.begin();
    let request = world.write();
    assert_eq!(world.read(&old), Read::WriteAgain);
    assert_eq!(world.proved(), proved);
    let astray = world.write();
    let report = world.answer(&astray);
    let answer = world.answer(&request);
    assert_eq!(world.read(&answer), value());
    assert_eq!(world.proved(), proved);
    assert_eq!(world.read(&report), Read::Wait("reported"), "late, and harmless");
    world.session.end_request();
    assert_eq!(world.proved(), proved);
}

#[test]
fn copies_of_a_report_are_followed_once() {
    let mut world = World::new(&strong(), &strong());
    world.begin();
    let probe = world.write();
    let report = world.answer(&probe);
    assert_eq!(world.read(&report), Read::WriteAgain);
    assert_eq!(world.read(&report), Read::Wait("reported"), "before the request is written");
    let request = world.write();
    assert_eq!(world.read(&report), Read::Wait("reported"), "and after");
    let answer = world.answer(&request);
    assert_eq!(world.read(&answer), value());
    world.session.end_request();
    world.authority.set_clock(8, 0, world.now);
    world.begin();
    let request = world.write();
    let report = world.answer(&request);
    assert_eq!(world.read(&report), Read::WriteAgain);
    let request = world.write();
    assert_eq!(world.read(&report), Read::Wait("reported"));
    let answer = world.answer(&request);
    assert_eq!(world.read(&answer), value());
}

#[test]
fn an_answer_below_the_level_is_not_read() {
    let mut world = World::met(&strong());
    let keys = world.keys();
    let authentic = Protection::new(SecurityLevel::AuthNoPriv, Some(&keys), 0).unwrap();
    for protection in [Protection::none(), authentic] {
        let nonce = world.begin();
        world.write();
        let craft = Craft { kind: PduKind::Response, request_id: nonce, protection, ..Craft::report(&[]) };
        let lower = world.craft(&craft);
        assert_eq!(world.read(&lower), Read::Wait("downgraded"));
        let reason = world.session.time_out_reason();
        assert!(matches!(reason, Some(UsmError::Downgraded { .. })), "{reason:?}");
    }
}

#[test]
fn an_answer_to_the_probe_never_passes_for_one_to_the_request() {
    let user = user(None, None);
    let mut world = World::new(&user, &user);
    let nonce = world.begin();
    let probe = world.write();
    let asked = crate::snmp::wire::v3::decode(&probe).unwrap();
    assert_ne!(crate::snmp::wire::v3::scoped(asked.data).unwrap().pdu.request_id, nonce);
}

#[test]
fn other_message_ids_users_and_engines_are_not_ours() {
    let mut world = World::met(&strong());
    world.begin();
    let request = world.write();
    let answer = world.answer(&request);
    let mut scratch = Vec::new();
    let other = world.session.read(MESSAGE_ID + 1, &answer, world.now, &mut scratch);
    assert!(matches!(other, super::Received::Wait(super::WaitCause::Foreign)));
    let keys = world.keys();
    let protection = Protection::new(SecurityLevel::AuthPriv, Some(&keys), 1).unwrap();
    let craft = Craft { engine_id: &[9; 12], kind: PduKind::Response, protection, ..Craft::report(&[]) };
    let foreign = world.craft(&craft);
    assert_eq!(world.read(&foreign), Read::Wait("foreign"));
}

#[test]
fn every_single_bit_of_an_answer_counts() {
    for user in [
        strong(),
        user(Some(AuthProtocol::Sha1), Some(PrivProtocol::Des)),
        user(Some(AuthProtocol::Sha512), None),
    ] {
        let mut world = World::met(&user);
        let proved = world.proved();
        world.begin();
        let request = world.write();
        let answer = world.answer(&request);
        for bit in 0..answer.len() * 8 {
            let mut broken = answer.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            let read = world.read(&broken);
            assert!(matches!(read, Read::Wait(_) | Read::WriteAgain), "bit {bit}: {read:?}");
            assert_eq!(world.proved(), proved, "bit {bit}");
        }
        for end in 0..answer.len() {
            assert_eq!(world.read(&answer[..end]), Read::Wait("undecodable"));
        }
        assert_eq!(world.read(&answer), value(), "the whole one is");
    }
}

/// A trap of the world's agent.
fn trap(world: &World, level: SecurityLevel) -> Vec<u8> {
    let account = world.account();
    let protection = Protection::new(level, account.keys.as_deref(), 77).unwrap();
    world.craft(&Craft { kind: PduKind::TrapV2, request_id: 5, protection, ..Craft::report(&[]) })
}

fn opened<'a>(
    world: &World,
    datagram: &'a [u8],
    scratch: &'a mut Vec<u8>,
) -> Result<Notification<'a>, UsmError> {
    let account = world.account();
    let lookup = |name: &[u8], _: &_| (name == b"ops").then(|| Account::clone(&account));
    open_notification(datagram, lookup, scratch)
}

#[test]
fn traps_are_read_at_their_users_level_and_not_below() {
    for (auth, privacy) in [
        (None, None),
        (Some(AuthProtocol::Sha1), None),
        (Some(AuthProtocol::Sha384), Some(PrivProtocol::Aes256)),
    ] {
        let user = user(auth, privacy);
        let world = World::new(&user, &user);
        let mut scratch = Vec::new();
        let datagram = trap(&world, user.level());
        let read = opened(&world, &datagram, &mut scratch).unwrap();
        assert_eq!((read.boots, read.time, read.level), (7, 5000, user.level()));
        assert_eq!((read.engine_id, read.pdu.kind), (engine_id(1), PduKind::TrapV2));
        if auth.is_some() {
            let lower = trap(&world, SecurityLevel::NoAuthNoPriv);
            let wrong = opened(&world, &lower, &mut scratch).unwrap_err();
            assert_eq!(wrong, UsmError::Downgraded { user: "ops".to_owned(), level: user.level() });
            for at in 0..datagram.len() {
                let mut broken = datagram.clone();
                broken[at] ^= 0x55;
                assert!(opened(&world, &broken, &mut Vec::new()).is_err(), "octet {at}");
            }
        }
    }
    let world = World::new(&strong(), &strong());
    let datagram = trap(&world, SecurityLevel::AuthPriv);
    let nobody = open_notification(&datagram, |_, _| None, &mut Vec::new()).unwrap_err();
    assert_eq!(nobody, UsmError::UnknownSender { user: "ops".to_owned() });
}

#[test]
fn a_senders_clock_goes_forward() {
    let mut clock = SenderClock::new(5, 1000, seconds(0));
    for (now, boots, time, taken) in [
        (10, 5, 1010, Ok(())),
        (11, 5, 1010, Ok(())),
        (160, 5, 1010, Ok(())),
        (161, 5, 1010, Err(UsmError::Old)),
        (162, 4, 9999, Err(UsmError::Old)),
        (163, 6, 1, Ok(())),
        (164, 5, 1174, Err(UsmError::Old)),
        (165, 0x7fff_ffff, 1, Err(UsmError::BootsExhausted)),
        (166, 6, 90_000, Ok(())),
        (167, 6, 4, Err(UsmError::Old)),
    ] {
        assert_eq!(clock.accept(boots, time, seconds(now)), taken, "at {now}");
    }
}

#[test]
fn the_head_tells_whose_a_message_is() {
    let mut world = World::met(&strong());
    world.begin();
    let request = world.write();
    assert_eq!(peek_message_id(&request), Some(MESSAGE_ID));
    assert!(is_v3(&request));
    let older = crate::snmp::wire::encode_request(
        crate::snmp::wire::Version::V2c,
        b"public",
        PduKind::Get,
        MESSAGE_ID,
        &[up_time().0],
        0,
    );
    let older = older.unwrap();
    assert!(!is_v3(&older) && peek_message_id(&older).is_none());
    assert!(!is_v3(&request[..5]) && !is_v3(&[]));
}

proptest! {
    #[test]
    fn broken_answers_are_never_believed(
        at in any::<prop::sample::Index>(),
        octets in prop::collection::vec(any::<u8>(), 0..8),
        removed in 0_usize..8,
    ) {
        let mut world = World::met(&strong());
        let proved = world.proved();
        world.begin();
        let request = world.write();
        let answer = world.answer(&request);
        let at = at.index(answer.len());
        let mut broken = answer.clone();
        broken.splice(at..(at + removed).min(answer.len()), octets);
        if !broken.starts_with(&answer) {
            let read = world.read(&broken);
            prop_assert!(matches!(read, Read::Wait(_) | Read::WriteAgain), "{read:?}");
            prop_assert_eq!(world.proved(), proved);
        }
    }

    #[test]
    fn any_octets_are_borne(octets in prop::collection::vec(any::<u8>(), 0..300), at in 0_usize..120) {
        let mut world = World::met(&strong());
        world.begin();
        let request = world.write();
        // Any octets, and a sound message that goes on with any octets.
        let mut mixed = request[..at.min(request.len())].to_vec();
        mixed.extend_from_slice(&octets);
        for datagram in [&octets, &mixed] {
            let read = world.read(datagram);
            prop_assert!(matches!(read, Read::Wait(_) | Read::WriteAgain));
            let account = world.account();
            let _opened = world.authority.open(datagram, world.now, |_| Some(account.clone()), &mut Vec::new()).is_ok();
            prop_assert!(opened(&world, datagram, &mut Vec::new()).is_err());
        }
    }
}
