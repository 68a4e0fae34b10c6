//! SNMPv3 through the shard: what goes wrong with engines heals within a poll or has its own error, and what
//! attackers send changes nothing.

use super::*;
use crate::simulator::agent::EngineSpec;
use crate::snmp::v3::{AuthProtocol, EngineId, KeySource, PrivProtocol, User};

type Auth<'a> = Option<(AuthProtocol, &'a str)>;
type Privacy<'a> = Option<(PrivProtocol, &'a str)>;

fn user(name: &str, auth: Auth<'_>, privacy: Privacy<'_>) -> Arc<User> {
    let phrase = |text: &str| KeySource::Passphrase(Secret::new(text));
    let auth = auth.map(|(protocol, text)| (protocol, phrase(text)));
    let privacy = privacy.map(|(protocol, text)| (protocol, phrase(text)));
    Arc::new(User::new(name, auth, privacy).unwrap())
}

const AUTH: Auth<'_> = Some((AuthProtocol::Sha256, "maplesyrup"));
const PRIVACY: Privacy<'_> = Some((PrivProtocol::Aes128, "otherpassphrase"));

pub(super) fn strong() -> Arc<User> {
    user("ops", AUTH, PRIVACY)
}

pub(super) fn levels() -> [Arc<User>; 3] {
    [user("ops", None, None), user("ops", AUTH, None), strong()]
}

pub(super) fn engine(there: &Arc<User>) -> EngineSpec {
    let id = EngineId::new(b"\x80\x00\x1f\x88\x04rack\x01").unwrap();
    EngineSpec::new(id, [Arc::clone(there)]).with_boots(7).with_keys(Arc::clone(&KEYS))
}

pub(super) fn usm_settings(here: &Arc<User>) -> DeviceSettings {
    DeviceSettings { credential: Credential::Usm(Arc::clone(here)), ..settings("pdu-v3") }
}

fn room(here: &Arc<User>, engine: EngineSpec) -> Room {
    Room::of([(spec(12).with_engine(engine), usm_settings(here))], &profiles())
}

/// A device that was learnt and polled.
fn met(user: &Arc<User>) -> Room {
    let mut room = room(user, engine(user));
    room.run(21 * SECOND);
    assert!(room.outcomes_of(0).all(is_whole) && 1 < room.outcomes_of(0).count());
    room
}

/// What is proved of the engine: ID and boots.
fn proved(room: &Room) -> (Option<EngineId>, Option<u32>) {
    match room.shard.slots[0].device.as_ref().unwrap().session() {
        crate::snmp::Session::Usm(session) => (session.engine_id().copied(), session.engine_boots()),
        crate::snmp::Session::Community { .. } => panic!("not of v3"),
    }
}

#[test]
fn every_level_is_learnt_and_polled() {
    for user in levels() {
        let mut room = met(&user);
        let counters = room.agents[0].counters();
        assert_eq!(counters.reports, 1, "{:?}: discovery, whose time is right", user.level());
        room.run(300 * SECOND);
        let more = room.agents[0].counters();
        assert_eq!((more.reports, more.gets - counters.gets), (1, 30), "{:?}", user.level());
        assert!(room.outcomes_of(0).all(is_whole));
    }
}

/// What happens to a device between two polls.
type Event = fn(&mut Room);

fn with(room: &mut Room, faults: &[Fault]) {
    room.agents[0].faults().replace(faults.iter().cloned().map(FaultRule::from));
}

fn reboot(room: &mut Room) {
    let now = room.now;
    room.agents[0].reboot(now);
}

#[test]
fn what_happens_to_an_engine_heals_within_the_poll() {
    let events: [(&str, Event); 10] = [
        ("a restart", reboot),
        ("a restart that loses the boots", |room| {
            with(room, &[Fault::BootsLost]);
            reboot(room);
        }),
        ("a restart as another engine", |room| {
            with(room, &[Fault::EngineReplaced]);
            reboot(room);
        }),
        ("another engine that lost its boots", |room| {
            with(room, &[Fault::EngineReplaced, Fault::BootsLost]);
            reboot(room);
        }),
        ("a clock that stands", |room| with(room, &[Fault::EngineClock(0)])),
        ("a slow clock", |room| with(room, &[Fault::EngineClock(40)])),
        ("a fast clock", |room| with(room, &[Fault::EngineClock(5000)])),
        ("a restart, told without a code", |room| {
            with(room, &[Fault::UnsignedReports]);
            reboot(room);
        }),
        ("a fast clock, told without a code", |room| {
            with(room, &[Fault::UnsignedReports, Fault::EngineClock(5000)]);
        }),
        ("restarts at each poll", |room| {
            for _ in 0..30 {
                reboot(room);
                room.run(10 * SECOND);
            }
        }),
    ];
    for user in levels() {
        for (name, event) in &events {
            let mut room = met(&user);
            event(&mut room);
            room.run(300 * SECOND);
            reboot(&mut room);
            room.run(300 * SECOND);
            for outcome in room.outcomes_of(0) {
                assert!(is_whole(outcome), "{name}, {:?}: {:?}", user.level(), outcome.batch.error);
                assert!(outcome.batch.duration < SECOND, "{name}: no time-out was waited for");
            }
            let polls = room.outcomes_of(0).count();
            assert!(61 < polls, "{name}: {polls} polls");
        }
    }
}

#[test]
fn a_replaced_engine_keeps_its_new_id() {
    let mut room = met(&strong());
    let (before, _) = proved(&room);
    with(&mut room, &[Fault::EngineReplaced]);
    reboot(&mut room);
    room.run(11 * SECOND);
    let (after, boots) = proved(&room);
    assert_ne!(before, after);
    assert_eq!(boots, Some(8));
    let reports = room.agents[0].counters().reports;
    room.run(300 * SECOND);
    assert_eq!(room.agents[0].counters().reports, reports, "nothing is asked twice");
}

/// Settings that do not fit the agent's, each with the words that must stand in its error.
fn misfits() -> Vec<(&'static str, Arc<User>, EngineSpec, &'static str)> {
    let sound = || engine(&strong());
    let other_auth = Some((AuthProtocol::Sha256, "another phrase"));
    let other_privacy = Some((PrivProtocol::Aes128, "another phrase"));
    let in_context = User::clone(&strong()).in_context("attic", None).unwrap();
    vec![
        ("passphrase", user("ops", other_auth, PRIVACY), sound(), "the agent refuses the authentication"),
        (
            "authentication protocol",
            user("ops", Some((AuthProtocol::Sha1, "maplesyrup")), PRIVACY),
            sound(),
            "the agent refuses the authentication of user `ops`",
        ),
        ("user", user("nobody", AUTH, PRIVACY), sound(), "the agent knows no user `nobody`"),
        ("privacy passphrase", user("ops", AUTH, other_privacy), sound(), "cannot decrypt each other"),
        (
            "privacy protocol",
            user("ops", AUTH, Some((PrivProtocol::Aes256, "otherpassphrase"))),
            sound(),
            "cannot decrypt each other",
        ),
        ("level", strong(), engine(&user("ops", AUTH, None)), "the agent has no authPriv for user `ops`"),
        (
            "no level",
            user("ops", AUTH, None),
            engine(&user("ops", None, None)),
            "the agent has no authNoPriv",
        ),
        ("context", Arc::new(in_context), sound(), "the agent has no context `attic`"),
        (
            "boots at their end",
            strong(),
            sound().with_boots(0x7fff_ffff),
            "engine boots have reached 2147483647",
        ),
    ]
}

#[test]
fn what_cannot_heal_has_its_own_error() {
    for (name, here, engine, words) in misfits() {
        let mut room = room(&here, engine);
        room.run(60 * SECOND);
        assert!(1 < room.outcomes_of(0).count(), "{name}");
        for outcome in room.outcomes_of(0) {
            let Some(PollError::Security(text)) = &outcome.batch.error else {
                panic!("{name}: {:?}", outcome.batch.error)
            };
            assert!(text.contains(words), "{name}: {text}");
        }
    }
    let attic = Arc::new(User::clone(&strong()).in_context("attic", None).unwrap());
    let mut room = room(&attic, engine(&strong()).with_context("attic"));
    room.run(60 * SECOND);
    assert!(room.outcomes_of(0).all(is_whole) && 4 < room.outcomes_of(0).count());
}

#[test]
fn answers_that_are_not_proved_have_their_own_error_and_pass() {
    for (fault, words) in [
        (Fault::WrongDigest, "whose authentication code is wrong"),
        (Fault::BelowLevel, "messages come below authPriv"),
    ] {
        for is_known in [false, true] {
            let mut room = if is_known { met(&strong()) } else { room(&strong(), engine(&strong())) };
            let (polled, before) = (room.outcomes_of(0).count(), proved(&room));
            with(&mut room, std::slice::from_ref(&fault));
            room.run(40 * SECOND);
            assert!(polled + 1 < room.outcomes_of(0).count());
            for outcome in room.outcomes_of(0).skip(polled) {
                let Some(PollError::Security(text)) = &outcome.batch.error else {
                    panic!("{fault:?}: {:?}", outcome.batch.error)
                };
                assert!(text.contains(words), "{fault:?}: {text}");
            }
            assert_eq!(proved(&room), before, "{fault:?}");
            with(&mut room, &[]);
            room.run(15 * SECOND);
            assert!(is_whole(room.outcomes_of(0).last().unwrap()), "{fault:?}, known: {is_known}");
        }
    }
}

#[test]
fn forgers_and_replayers_change_nothing() {
    let attacks: [(&str, &[Fault]); 4] = [
        ("forged", &[Fault::ForgeReports]),
        ("replayed answers", &[Fault::ReplayAnswers]),
        ("replayed reports", &[Fault::ReplayReports]),
        ("all of it", &[Fault::ForgeReports, Fault::ReplayAnswers, Fault::ReplayReports]),
    ];
    for user in levels() {
        for (name, faults) in attacks {
            let mut room = met(&user);
            // What the attacker has recorded: answers and reports under each ID that there is.
            for _ in 0..140 {
                reboot(&mut room);
                room.run(10 * SECOND);
            }
            let before = proved(&room);
            let (polled, asked) = (room.outcomes_of(0).count(), room.asked.len());
            let seen = room.dispositions.len();
            with(&mut room, faults);
            room.run(1600 * SECOND);
            let polls = room.outcomes_of(0).count() - polled;
            assert!(159 < polls, "{name}: {polls} polls");
            for outcome in room.outcomes_of(0).skip(polled) {
                assert!(is_whole(outcome), "{name}, {:?}: {:?}", user.level(), outcome.batch.error);
                assert!(outcome.batch.samples.iter().take(2).all(right), "{name}: a wrong reading");
            }
            assert_eq!(proved(&room), before, "{name}, {:?}", user.level());
            let requests = room.asked.len() - asked;
            assert!(requests <= 3 * polls, "{name}: {requests} requests for {polls} polls");
            let unproved = |it: &&Disposition| !matches!(it, Disposition::Correlated);
            assert!(polls <= room.dispositions[seen..].iter().filter(unproved).count(), "{name}");
        }
    }
}

fn right(sample: &Sample) -> bool {
    *sample == Sample::Value(1.5) || *sample == Sample::Value(230.0)
}

#[test]
fn a_forger_costs_keys_no_more_than_once_and_the_living_nothing() {
    // One device whose answers are forged, among others that are not.
    let of = |at: u8| {
        let id = EngineId::new(&[0x80, 0, 0x1f, 0x88, 4, b'r', at]).unwrap();
        let settings = DeviceSettings { name: format!("pdu-{at}").into(), ..usm_settings(&strong()) };
        (spec(4).with_engine(engine(&strong()).with_id(id)), settings)
    };
    let mut room = Room::of((0..50).map(of), &profiles());
    room.run(21 * SECOND);
    with(&mut room, &[Fault::ForgeReports]);
    room.run(300 * SECOND);
    for slot in 1..50 {
        assert!(room.outcomes_of(slot).all(is_whole));
        let slowest = room.outcomes_of(slot).skip(1).map(|it| it.batch.duration).max().unwrap();
        assert!(slowest < Duration::from_millis(50), "pdu-{slot}: {slowest:?}");
    }
}
