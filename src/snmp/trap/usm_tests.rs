//! The desk and SNMPv3: who is believed, who is answered, and what forgers and repeaters get.

use super::tests::{Bench, at, ip, oid};
use super::*;
use crate::model::{Moment, Secret, Value};
use crate::snmp::v3::message::{Outgoing, Protection, open, verify};
use crate::snmp::v3::{AuthProtocol, EngineId, KeyCache, KeySource, PrivProtocol, SecurityLevel, User};
use crate::snmp::wire::{ErrorStatus, PduKind, encode_varbinds, v3 as wire};
use std::sync::{Arc, LazyLock};

/// Ku's are computed once for all tests.
static KEYS: LazyLock<KeyCache> = LazyLock::new(KeyCache::new);
const ON_BATTERY: &str = "1.3.6.1.4.1.318.0.5";

fn user(name: &str, phrase: &str) -> Arc<User> {
    let source = || KeySource::Passphrase(Secret::new(phrase));
    let auth = Some((AuthProtocol::Sha256, source()));
    Arc::new(User::new(name, auth, Some((PrivProtocol::Aes128, source()))).unwrap())
}

fn engine(last: u8) -> EngineId {
    EngineId::new(&[0x80, 0, 0x1f, 0x88, 4, b'u', b'p', b's', last]).unwrap()
}

fn sender(name: &str, address: &str, user: &Arc<User>) -> TrapSender {
    let addresses = if address.is_empty() { Vec::new() } else { vec![ip(address)] };
    TrapSender { name: name.into(), addresses, credential: TrapCredential::User(Arc::clone(user)) }
}

/// A message, as its sender makes it.
#[derive(Clone)]
struct Sent {
    engine: Vec<u8>,
    boots: u32,
    time: u32,
    user: Arc<User>,
    level: SecurityLevel,
    kind: PduKind,
    reportable: bool,
}

impl Sent {
    fn trap(user: &Arc<User>) -> Self {
        Self {
            engine: engine(1).as_slice().to_vec(),
            boots: 3,
            time: 1000,
            user: Arc::clone(user),
            level: SecurityLevel::AuthPriv,
            kind: PduKind::TrapV2,
            reportable: false,
        }
    }

    fn octets(&self) -> Vec<u8> {
        let mut varbinds = Vec::new();
        let name = oid("1.3.6.1.6.3.1.1.4.1.0");
        encode_varbinds(&mut varbinds, [(&name, &Value::ObjectIdentifier(oid(ON_BATTERY)))]).unwrap();
        let keys = EngineId::new(&self.engine).and_then(|it| KEYS.derive(&self.user, &it));
        let mut out = Vec::new();
        let outgoing = Outgoing {
            message_id: 77,
            reportable: self.reportable,
            engine_id: &self.engine,
            boots: self.boots,
            time: self.time,
            user_name: if self.engine.is_empty() { b"" } else { self.user.name().as_bytes() },
            protection: Protection::new(self.level, keys.as_deref(), 9).unwrap(),
            context_engine_id: &self.engine,
            context_name: b"",
            kind: self.kind,
            request_id: 4711,
            status: ErrorStatus::NO_ERROR,
            index: 0,
            varbinds: &varbinds,
        };
        outgoing.write(&mut out);
        out
    }
}

#[test]
fn a_trap_at_its_users_word_has_its_device_asked() {
    let ops = user("ops", "maplesyrup");
    let mut bench = Bench::new(vec![sender("ups", "10.0.0.1", &ops)]);
    let receipt = bench.receive(0, "10.0.0.1", &Sent::trap(&ops).octets());
    assert_eq!(receipt.outcome, TrapOutcome::Asked);
    assert_eq!(receipt.form, Some((TrapVersion::V3, NotificationKind::Trap)));
    assert_eq!(receipt.trap_oid, Some(oid(ON_BATTERY)));
    assert!(bench.reply.is_empty());
    // Some agents set the flag that asks for reports on traps too.
    let flagged = Sent { reportable: true, time: 1010, ..Sent::trap(&ops) };
    assert_eq!(bench.receive(9000, "10.0.0.1", &flagged.octets()).outcome, TrapOutcome::Asked);
    assert!(bench.reply.is_empty());
    assert_eq!(bench.names(), ["ups", "ups"]);
}

#[test]
fn what_is_not_protected_as_the_user_is_moves_nothing() {
    let ops = user("ops", "maplesyrup");
    let mut bench = Bench::new(vec![sender("ups", "10.0.0.1", &ops)]);
    let good = Sent::trap(&ops);
    let guest = user("guest", "maplesyrup");
    for (sent, why) in [
        (Sent::trap(&user("ops", "maplesirup")), "another passphrase"),
        (Sent::trap(&guest), "another user"),
        (Sent { level: SecurityLevel::NoAuthNoPriv, ..good.clone() }, "not authenticated"),
        (Sent { level: SecurityLevel::AuthNoPriv, ..good.clone() }, "not encrypted"),
    ] {
        assert_eq!(
            bench.receive(0, "10.0.0.1", &sent.octets()).outcome,
            TrapOutcome::NotAuthenticated,
            "{why}"
        );
    }
    let response = Sent { kind: PduKind::Response, ..good.clone() };
    assert_eq!(bench.receive(0, "10.0.0.1", &response.octets()).outcome, TrapOutcome::Malformed);
    let community =
        crate::snmp::wire::encode_request(Version::V2c, b"ops", PduKind::TrapV2, 1, &[], 0).unwrap();
    assert_eq!(
        bench.receive(0, "10.0.0.1", &community).outcome,
        TrapOutcome::NotAuthenticated,
        "no community"
    );
    assert_eq!(bench.receive(0, "10.0.0.2", &good.octets()).outcome, TrapOutcome::UnknownSender);
    let octets = good.octets();
    for place in 0..octets.len() {
        let mut changed = octets.clone();
        changed[place] ^= 0x10;
        // Of a second's budget there is less than octets in a message.
        let milliseconds = u64::try_from(place).unwrap() * 10;
        let outcome = bench.receive(milliseconds, "10.0.0.1", &changed).outcome;
        assert_ne!(outcome, TrapOutcome::Asked, "octet {place}");
        assert!(octets.len() + 60 > bench.reply.len(), "an answer is hardly larger than what it answers");
    }
    assert_eq!(bench.asked, []);
}

#[test]
fn an_old_trap_is_refused_when_its_time_is_over() {
    let ops = user("ops", "maplesyrup");
    let mut bench = Bench::new(vec![sender("ups", "10.0.0.1", &ops)]);
    let trap = |boots, time| Sent { boots, time, ..Sent::trap(&ops) }.octets();
    let mut outcome =
        |second: u64, boots, time| bench.receive(second * 1000, "10.0.0.1", &trap(boots, time)).outcome;
    assert_eq!(outcome(0, 3, 1000), TrapOutcome::Asked);
    assert_eq!(outcome(100, 3, 1000), TrapOutcome::Asked, "within the window of 150 s");
    assert_eq!(outcome(200, 3, 1000), TrapOutcome::Replayed);
    assert_eq!(outcome(210, 2, 9000), TrapOutcome::Replayed, "of an earlier life");
    assert_eq!(outcome(220, 4, 5), TrapOutcome::Asked, "restarted");
    assert_eq!(outcome(230, 3, 1230), TrapOutcome::Replayed);
}

#[test]
fn a_device_is_known_by_its_engine_at_another_address() {
    let ops = user("ops", "maplesyrup");
    let mut bench = Bench::new(vec![sender("ups", "10.0.0.1", &ops), sender("pdu", "10.0.0.2", &ops)]);
    assert_eq!(bench.receive(0, "10.9.9.9", &Sent::trap(&ops).octets()).outcome, TrapOutcome::UnknownSender);
    assert_eq!(bench.receive(0, "10.0.0.1", &Sent::trap(&ops).octets()).outcome, TrapOutcome::Asked);
    assert_eq!(bench.receive(5000, "10.9.9.9", &Sent::trap(&ops).octets()).outcome, TrapOutcome::Asked);
    let other = Sent { engine: engine(2).as_slice().to_vec(), ..Sent::trap(&ops) };
    assert_eq!(bench.receive(5000, "10.9.9.9", &other.octets()).outcome, TrapOutcome::UnknownSender);
    let forged = Sent::trap(&user("ops", "maplesirup"));
    assert_eq!(bench.receive(5000, "10.9.9.9", &forged.octets()).outcome, TrapOutcome::NotAuthenticated);
    assert_eq!(bench.names(), ["ups", "ups"]);
}

#[test]
fn an_engine_that_polls_have_found_tells_devices_apart() {
    let ops = user("ops", "maplesyrup");
    // Two behind one address, and one whose address is another's.
    let senders = vec![
        sender("ups", "10.0.0.1", &ops),
        sender("pdu", "10.0.0.1", &ops),
        sender("env", "10.0.0.2", &ops),
    ];
    let mut bench = Bench::new(senders);
    bench.desk = bench.desk.with_engines(Box::new(|engine_id| {
        let names = [(engine(1), "pdu"), (engine(2), "env"), (engine(3), "gone")];
        names.iter().filter(|(it, _)| it == engine_id).map(|(_, name)| Arc::from(*name)).collect()
    }));
    let of = |last: u8| Sent { engine: engine(last).as_slice().to_vec(), ..Sent::trap(&ops) }.octets();
    bench.receive(0, "10.0.0.1", &of(1));
    bench.receive(0, "10.0.0.1", &of(2));
    bench.receive(0, "10.9.9.9", &of(2));
    assert_eq!(bench.names(), ["pdu", "env"]);
    bench.receive(0, "10.0.0.1", &of(3));
    assert_eq!(bench.names(), ["pdu", "env", "ups"], "an engine that is not known is of whom the address is");
    assert_eq!(bench.receive(0, "10.9.9.9", &of(9)).outcome, TrapOutcome::UnknownSender);
}

#[test]
fn users_of_one_name_are_told_apart_by_their_keys() {
    let (north, south) = (user("ops", "maplesyrup"), user("ops", "birchsyrup"));
    let mut bench =
        Bench::new(vec![sender("ups-n", "10.0.0.1", &north), sender("ups-s", "10.0.0.1", &south)]);
    bench.receive(0, "10.0.0.1", &Sent::trap(&south).octets());
    assert_eq!(bench.names(), ["ups-s"]);
    let policy = TrapPolicy {
        credentials: vec![TrapCredential::User(user("traps", "maplesyrup"))],
        ..TrapPolicy::default()
    };
    let mut bench = Bench::with_policy(policy, vec![sender("ups", "10.0.0.1", &north)]);
    // The same user, but read anew from a file: it need not be the same in memory.
    bench.receive(0, "10.0.0.1", &Sent::trap(&user("traps", "maplesyrup")).octets());
    assert_eq!(bench.names(), ["ups"]);
}

#[test]
fn informs_are_discovered_synchronized_and_answered() {
    let ops = user("ops", "maplesyrup");
    let mut bench = Bench::new(vec![sender("ups", "10.0.0.1", &ops)]);
    let probe = Sent {
        engine: Vec::new(),
        boots: 0,
        time: 0,
        level: SecurityLevel::NoAuthNoPriv,
        kind: PduKind::Inform,
        reportable: true,
        ..Sent::trap(&ops)
    };
    assert_eq!(bench.receive(0, "10.9.9.9", &probe.octets()).outcome, TrapOutcome::UnknownSender);
    assert!(bench.reply.is_empty(), "strangers hear nothing");
    assert_eq!(bench.receive(0, "10.0.0.1", &probe.octets()).outcome, TrapOutcome::Discovery);
    let ours = wire::decode(&bench.reply).unwrap().engine_id.to_vec();
    let inform = Sent { engine: ours.clone(), level: SecurityLevel::AuthPriv, ..probe };
    assert_eq!(bench.receive(0, "10.0.0.1", &inform.octets()).outcome, TrapOutcome::Discovery);
    let (boots, time) = {
        let report = wire::decode(&bench.reply).unwrap();
        assert!(verify(&report, &KEYS.derive(&ops, &EngineId::new(&ours).unwrap()).unwrap()));
        (report.boots, report.time)
    };
    let inform = Sent { boots, time, ..inform };
    let receipt = bench.receive(0, "10.0.0.1", &inform.octets());
    assert_eq!(
        (receipt.outcome, receipt.form),
        (TrapOutcome::Asked, Some((TrapVersion::V3, NotificationKind::Inform)))
    );
    let keys = KEYS.derive(&ops, &EngineId::new(&ours).unwrap()).unwrap();
    let (response, mut scratch) = (wire::decode(&bench.reply).unwrap(), Vec::new());
    assert!(verify(&response, &keys));
    let scoped = open(&response, Some(&keys), &mut scratch).unwrap();
    assert_eq!((response.message_id, scoped.pdu.kind, scoped.pdu.request_id), (77, PduKind::Response, 4711));
    assert_eq!(scoped.pdu.varbinds.count(), 1);
    for (sent, outcome) in [
        (Sent { user: user("ops", "maplesirup"), ..inform.clone() }, TrapOutcome::NotAuthenticated),
        (Sent { user: user("guest", "maplesyrup"), ..inform.clone() }, TrapOutcome::NotAuthenticated),
        (Sent { level: SecurityLevel::NoAuthNoPriv, ..inform.clone() }, TrapOutcome::NotAuthenticated),
        (Sent { level: SecurityLevel::AuthNoPriv, ..inform.clone() }, TrapOutcome::NotAuthenticated),
        (Sent { kind: PduKind::Get, ..inform.clone() }, TrapOutcome::Malformed),
        (Sent { kind: PduKind::Set, ..inform.clone() }, TrapOutcome::Malformed),
        (Sent { boots: boots + 1, ..inform }, TrapOutcome::Discovery),
    ] {
        assert_eq!(bench.receive(5000, "10.0.0.1", &sent.octets()).outcome, outcome);
    }
    assert_eq!(bench.asked.len(), 1);
}

#[test]
fn made_up_engines_cost_no_more_than_a_hundred_keys_a_second() {
    let ops = user("ops", "maplesyrup");
    let mut bench =
        Bench::new((0..100).map(|it| sender(&it.to_string(), &format!("10.0.0.{it}"), &ops)).collect());
    assert_eq!(bench.receive(0, "10.0.0.1", &Sent::trap(&ops).octets()).outcome, TrapOutcome::Asked);
    let mut accepted = 0;
    for number in 0..1000_u16 {
        // Authentic, so that each one which is looked at would be accepted.
        let [high, low] = number.to_be_bytes();
        let made_up = Sent { engine: vec![0x80, 0, 0, 0, 5, high, low], ..Sent::trap(&ops) };
        let from = format!("10.0.0.{}", 2 + number % 90);
        accepted += usize::from(bench.receive(2000, &from, &made_up.octets()).form.is_some());
    }
    assert_eq!(accepted, 100);
    assert_eq!(
        bench.receive(2000, "10.0.0.1", &Sent::trap(&ops).octets()).outcome,
        TrapOutcome::Asked,
        "who is known is heard all the same"
    );
    assert!(Moment::ZERO < at(0));
}
