//! What a session does with honest agents: each protocol, each report, each way to lose one's memory.

use super::message::Protection;
use super::test_world::*;
use super::{
    AuthProtocol, EngineId, KeyCache, KeySource, PrivProtocol, Report, SecurityLevel, Session, User, UsmError,
};
use crate::model::{Secret, Value};
use crate::snmp::wire::PduKind;
use std::sync::Arc;

fn answered() -> End {
    End::Answered(up_time().1)
}

#[test]
fn every_pair_of_protocols_is_discovered_and_read() {
    let mut pairs = vec![(None, None)];
    for auth in AuthProtocol::ALL {
        pairs.push((Some(auth), None));
        pairs.extend(PrivProtocol::ALL.map(|it| (Some(auth), Some(it))));
    }
    for (auth, privacy) in pairs {
        let user = user(auth, privacy);
        let mut world = World::new(&user, &user);
        assert_eq!(world.request(), answered(), "{auth:?} {privacy:?}");
        assert_eq!(world.written, 2, "{auth:?} {privacy:?}: a probe and the request");
        assert_eq!(world.proved(), (Some(engine_id(1)), Some(7), Some(5000)), "{auth:?} {privacy:?}");
        assert_eq!(world.request(), answered());
        assert_eq!(world.written, 3, "{auth:?} {privacy:?}: once known, a request is one message");
    }
}

#[test]
fn a_session_is_small() {
    assert!(size_of::<Session>() <= 200, "{}", size_of::<Session>());
}

#[test]
fn each_refusal_says_what_to_change() {
    let sha = |text: &str| Some((AuthProtocol::Sha256, phrase(text)));
    let aes = |text: &str| Some((PrivProtocol::Aes128, phrase(text)));
    let made = |name: &str, auth, privacy| Arc::new(User::new(name, auth, privacy).unwrap());
    let strong = strong();
    let table = [
        (
            made("nobody", sha("maplesyrup"), None),
            "the agent knows no user `nobody`: create it there, or correct the user name",
        ),
        (
            made("ops", sha("maplesirup"), aes("otherpassphrase")),
            "the agent refuses the authentication of user `ops`: its authentication passphrase or protocol (SHA-256) is not the agent's",
        ),
        (
            made("ops", Some((AuthProtocol::Md5, phrase("maplesyrup"))), None),
            "the agent refuses the authentication of user `ops`: its authentication passphrase or protocol (MD5) is not the agent's",
        ),
        (
            made("ops", sha("maplesyrup"), aes("wrongpassphrase")),
            "user `ops` and the agent cannot decrypt each other: its privacy passphrase or protocol (AES-128) is not the agent's",
        ),
    ];
    for (here, sentence) in table {
        let mut world = World::new(&here, &strong);
        let End::TimedOut(Some(why)) = world.request() else { panic!("{sentence}") };
        assert_eq!(why.to_string(), sentence);
        assert_eq!(world.proved(), (None, None, None), "a refusal proves nothing");
    }
    let mut world = World::new(&strong, &user(Some(AuthProtocol::Sha256), None));
    let End::TimedOut(Some(why)) = world.request() else { panic!() };
    assert_eq!(why, UsmError::UnsupportedLevel { user: "ops".to_owned(), level: SecurityLevel::AuthPriv });
}

#[test]
fn an_agent_that_is_silent_after_its_probe_is_said_to_be() {
    for (user, sentence) in [
        (
            strong(),
            "the agent answers discovery but nothing that user `ops` encrypts: most likely the privacy passphrase or protocol (AES-128) is not the agent's",
        ),
        (
            user(Some(AuthProtocol::Sha1), None),
            "the agent answers discovery but no request of user `ops`: check the user's rights there",
        ),
    ] {
        let mut world = World::new(&user, &user);
        world.begin();
        let probe = world.write();
        assert_eq!(world.session.time_out_reason(), None, "nothing at all came");
        let report = world.answer(&probe);
        assert_eq!(world.read(&report), Read::WriteAgain);
        world.write();
        world.session.end_request();
        assert_eq!(world.session.time_out_reason().unwrap().to_string(), sentence);
        world.begin();
        assert_eq!(world.session.time_out_reason(), None, "of the last request alone");
    }
}

#[test]
fn keys_may_come_after_the_request_has_ended() {
    for known in [false, true] {
        let user = strong();
        let mut world = if known { World::met(&user) } else { World::new(&user, &user) };
        world.authority = super::Authority::new(engine_id(2), 1, world.now, 5);
        world.begin();
        let first = world.write();
        let report = world.answer(&first);
        assert_eq!(world.read(&report), Read::WriteAgain);
        // The time is up before the keys are there.
        world.session.end_request();
        let keys = KEYS.derive(&user, &engine_id(2)).unwrap();
        world.session.set_keys(&engine_id(2), &keys);
        world.written = 0;
        assert_eq!(world.request(), answered());
        assert_eq!(world.written, 1, "no second probe");
    }
}

#[test]
fn a_context_that_there_is_not_fails_at_once() {
    let attic = (*strong()).clone().in_context("attic", None).unwrap();
    let mut world = World::new(&Arc::new(attic), &strong());
    assert_eq!(world.request(), End::Failed(UsmError::UnknownContext { context: "attic".to_owned() }));
}

#[test]
fn whatever_the_agent_forgets_heals_within_one_request() {
    // Boots, time and engine ID after the change; messages that the next request then takes.
    for (what, boots, time, engine, messages) in [
        ("restarted", 8, 3, 1, 2),
        ("boots lost", 1, 3, 1, 2),
        ("clock set back", 7, 10, 1, 2),
        ("clock set ahead", 7, 90_000, 1, 2),
        ("a little late", 7, 4950, 1, 1),
        ("replaced", 3, 77, 2, 2),
    ] {
        for user in [strong(), user(Some(AuthProtocol::Md5), None)] {
            let mut world = World::met(&user);
            let now = world.now;
            if engine == 2 {
                world.authority = super::Authority::new(engine_id(2), boots, now, 5);
            }
            world.authority.set_clock(boots, time, now);
            assert_eq!(world.request(), answered(), "{what}");
            assert_eq!(world.written, messages, "{what}");
            assert_eq!(world.proved(), (Some(engine_id(engine)), Some(boots), Some(time)), "{what}");
            world.written = 0;
            assert_eq!(world.request(), answered());
            assert_eq!(world.written, 1, "{what}: healed for good");
        }
    }
}

#[test]
fn a_clock_that_stands_costs_one_message_more_at_most() {
    let mut world = World::met(&strong());
    for round in 1..=5 {
        world.now = seconds(5000 + round * 100_000);
        world.authority.set_clock(7, 5000, world.now);
        world.written = 0;
        assert_eq!(world.request(), answered());
        assert_eq!(world.written, 2);
    }
    for round in 1..=5 {
        world.now = seconds(600_000 + round * 60);
        world.authority.set_clock(7, 5000, world.now);
        world.written = 0;
        assert_eq!(world.request(), answered());
        assert_eq!(world.written, if round == 1 { 2 } else { 1 }, "within the window");
    }
}

#[test]
fn odd_answers_to_the_probe_still_name_the_engine() {
    let unknown_user = counter(Report::UnknownUserNames);
    let none = Vec::new();
    for (kind, varbinds) in
        [(PduKind::Report, &unknown_user), (PduKind::Response, &none), (PduKind::Report, &none)]
    {
        let mut world = World::new(&strong(), &strong());
        world.begin();
        world.write();
        // Neither boots nor time, and the flags of a request.
        let odd = Craft { kind, boots: 0, time: 0, reportable: true, ..Craft::report(varbinds) };
        let odd = world.craft(&odd);
        assert_eq!(world.read(&odd), Read::WriteAgain);
        let request = world.write();
        let report = world.answer(&request);
        assert_eq!(world.read(&report), Read::WriteAgain, "then the time is asked for");
        let request = world.write();
        let answer = world.answer(&request);
        assert_eq!(world.read(&answer), Read::Answered(up_time().1));
    }
}

#[test]
fn an_engine_id_that_is_none_is_named() {
    for length in [0_usize, 33, 600] {
        let mut world = World::new(&strong(), &strong());
        world.begin();
        world.write();
        let id = vec![7; length];
        let varbinds = counter(Report::UnknownEngineIds);
        let report = world.craft(&Craft { engine_id: &id, ..Craft::report(&varbinds) });
        assert_eq!(world.read(&report), Read::Wait("reported"));
        assert_eq!(world.session.time_out_reason(), Some(UsmError::EngineIdLength { octets: length }));
    }
}

#[test]
fn answers_with_odd_but_harmless_heads_are_read() {
    let mut world = World::met(&strong());
    let nonce = world.begin();
    world.write();
    let mut varbinds = Vec::new();
    let (name, value) = up_time();
    crate::snmp::wire::encode_varbinds(&mut varbinds, [(&name, &value)]).unwrap();
    let keys = world.keys();
    let odd = Craft {
        reportable: true,
        kind: PduKind::Response,
        request_id: nonce,
        protection: Protection::new(SecurityLevel::AuthPriv, Some(&keys), 3).unwrap(),
        ..Craft::report(&varbinds)
    };
    // The flag of a request, no context engine ID, and octets after the message.
    let mut odd = world.craft(&odd);
    odd.extend_from_slice(&[0; 5]);
    assert_eq!(world.read(&odd), Read::Answered(value));
}

#[test]
fn an_encrypted_report_is_followed_like_any() {
    let mut world = World::met(&strong());
    world.begin();
    world.write();
    let keys = world.keys();
    let varbinds = counter(Report::NotInTimeWindows);
    let report = Craft {
        boots: 9,
        protection: Protection::new(SecurityLevel::AuthPriv, Some(&keys), 3).unwrap(),
        ..Craft::report(&varbinds)
    };
    let report = world.craft(&report);
    assert_eq!(world.read(&report), Read::WriteAgain);
    world.authority.set_clock(9, 5000, world.now);
    let request = world.write();
    let answer = world.answer(&request);
    assert_eq!(world.read(&answer), Read::Answered(up_time().1));
}

#[test]
fn boots_at_their_end_are_an_error_of_their_own() {
    let mut world = World::met(&strong());
    world.authority.set_clock(0x7fff_ffff, 0, world.now);
    // The report's request-id is inside of what was not decrypted: nothing proves that it is fresh.
    assert_eq!(world.request(), End::TimedOut(Some(UsmError::BootsExhausted)));
    let plain = user(Some(AuthProtocol::Sha256), None);
    let mut world = World::met(&plain);
    world.authority.set_clock(0x7fff_ffff, 0, world.now);
    assert_eq!(world.request(), End::Failed(UsmError::BootsExhausted));
}

#[test]
fn an_agent_that_always_refuses_is_not_asked_for_ever() {
    let mut world = World::met(&strong());
    world.begin();
    let mut requests = 0;
    let read = loop {
        let request = world.write();
        requests += 1;
        // Its clock jumps before each message comes in.
        world.authority.set_clock(7, 5000 + 1000 * requests, world.now);
        let report = world.answer(&request);
        let read = world.read(&report);
        if read != Read::WriteAgain || 100 < requests {
            break read;
        }
    };
    assert_eq!(read, Read::Wait("resyncs"));
    assert_eq!(requests, u32::from(Session::RESYNCS_MAX) + 1);
}

#[test]
fn no_salt_is_used_twice() {
    let mut world = World::met(&strong());
    let mut salts = std::collections::HashSet::new();
    for _ in 0..100 {
        world.begin();
        let first = world.write();
        let repeat = world.write();
        for message in [first, repeat] {
            let salt = crate::snmp::wire::v3::decode(&message).unwrap().privacy.to_vec();
            assert!(salts.insert(salt));
        }
    }
}

#[test]
fn localized_keys_are_taken_as_they_are() {
    let localized = |text: &str| KeySource::Localized(Secret::new(text));
    // `maplesyrup` and `otherpassphrase` with SHA-1 at an engine, by Python's hashlib.
    let engine = EngineId::new(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]).unwrap();
    let auth = localized("0x6695febc9288e36282235fc7151f128497b38f3f");
    for privacy in [
        "6695FEBC9288E36282235FC7151F128497B38F3F505e07eb9af25568fa1f5dbe",
        "6695febc9288e36282235fc7151f128497b38f3f",
    ] {
        let written = User::new(
            "ops",
            Some((AuthProtocol::Sha1, auth.clone())),
            Some((PrivProtocol::Aes256, localized(privacy))),
        );
        let spoken = User::new(
            "ops",
            Some((AuthProtocol::Sha1, phrase("maplesyrup"))),
            Some((PrivProtocol::Aes256, phrase("maplesyrup"))),
        );
        let mut world = World::new(&Arc::new(written.unwrap()), &Arc::new(spoken.unwrap()));
        world.authority = super::Authority::new(engine, 1, world.now, 1);
        assert_eq!(world.request(), answered());
    }
}

#[test]
fn the_cache_gives_each_user_its_own_keys_and_forgets_unused_ones() {
    let cache = KeyCache::new();
    let (engine, other) = (engine_id(1), engine_id(2));
    let strong = strong();
    assert!(cache.find(&strong, &engine).is_none());
    let keys = cache.derive(&strong, &engine).unwrap();
    assert!(Arc::ptr_eq(&keys, &cache.derive(&strong, &engine).unwrap()));
    assert!(Arc::ptr_eq(&keys, &cache.find(&strong, &engine).unwrap()));
    assert!(cache.find(&strong, &other).is_none());
    for another in [
        user(Some(AuthProtocol::Sha256), None),
        user(Some(AuthProtocol::Sha256), Some(PrivProtocol::Aes192)),
        user(Some(AuthProtocol::Sha1), Some(PrivProtocol::Aes128)),
    ] {
        assert!(cache.find(&another, &engine).is_none());
    }
    // The name is no part of the keys.
    let renamed = User::new(
        "monitor",
        Some((AuthProtocol::Sha256, phrase("maplesyrup"))),
        Some((PrivProtocol::Aes128, phrase("otherpassphrase"))),
    );
    assert!(cache.find(&renamed.unwrap(), &engine).is_some());
    assert!(cache.derive(&user(None, None), &engine).is_none());
    drop(keys);
    assert!(cache.find(&strong, &engine).is_none());
}

#[test]
fn a_user_with_one_passphrase_for_both_is_served() {
    let one = User::new(
        "ops",
        Some((AuthProtocol::Sha512, phrase("maplesyrup"))),
        Some((PrivProtocol::Aes256Reeder, phrase("maplesyrup"))),
    );
    let one = Arc::new(one.unwrap());
    assert_eq!(World::new(&one, &one).request(), End::Answered(Value::TimeTicks(4711)));
}
