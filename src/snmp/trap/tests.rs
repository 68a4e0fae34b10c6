//! The desk: who is asked when, and who is not.

use super::*;
use crate::model::{Moment, Oid, Secret, Value};
use crate::snmp::v3::{Authority, EngineId, KeyCache};
use crate::snmp::wire::{ErrorStatus, PduKind, TrapV1Outline, decode, encode_message, encode_varbinds};
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const ON_BATTERY: &str = "1.3.6.1.2.1.33.2.1";

pub(super) fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn at(milliseconds: u64) -> Moment {
    Moment::ZERO + Duration::from_secs(1000) + Duration::from_millis(milliseconds)
}

/// Ours.
fn authority() -> Authority {
    let id = EngineId::new(&[0x80, 0, 0, 0, 5, 1, 2, 3]).unwrap();
    Authority::new(id, 5, Moment::ZERO, 1)
}

fn sender(name: &str, address: &str, community: &str) -> TrapSender {
    let addresses = if address.is_empty() { Vec::new() } else { vec![ip(address)] };
    TrapSender { name: name.into(), addresses, credential: TrapCredential::Community(Secret::new(community)) }
}

fn v2(kind: PduKind, community: &str) -> Vec<u8> {
    let list = [
        (oid("1.3.6.1.2.1.1.3.0"), Value::TimeTicks(1)),
        (oid("1.3.6.1.6.3.1.1.4.1.0"), Value::ObjectIdentifier(oid(ON_BATTERY))),
    ];
    let mut bindings = Vec::new();
    encode_varbinds(&mut bindings, list.iter().map(|(name, value)| (name, value))).unwrap();
    let mut out = Vec::new();
    encode_message(
        &mut out,
        Version::V2c,
        community.as_bytes(),
        kind,
        4711,
        ErrorStatus::NO_ERROR,
        0,
        &bindings,
    );
    out
}

fn v1(agent: [u8; 4]) -> Vec<u8> {
    let enterprise = oid("1.3.6.1.4.1.318");
    let outline = TrapV1Outline {
        enterprise: &enterprise,
        agent,
        generic: 6,
        specific: 5,
        uptime_ticks: 1,
        varbinds: &[],
    };
    let mut out = Vec::new();
    outline.encode(&mut out, b"public").unwrap();
    out
}

/// A desk with what it has done.
pub(super) struct Bench {
    pub(super) desk: TrapDesk,
    pub(super) asked: Vec<(u64, String)>,
    pub(super) reply: Vec<u8>,
}

impl Bench {
    pub(super) fn new(senders: Vec<TrapSender>) -> Self {
        Self::with_policy(TrapPolicy::default(), senders)
    }

    pub(super) fn with_policy(policy: TrapPolicy, senders: Vec<TrapSender>) -> Self {
        let mut desk = TrapDesk::new(authority(), Arc::new(KeyCache::new()));
        desk.replace(policy, senders);
        Self { desk, asked: Vec::new(), reply: Vec::new() }
    }

    pub(super) fn receive(&mut self, milliseconds: u64, from: &str, datagram: &[u8]) -> Receipt {
        let asked = &mut self.asked;
        self.desk.receive(
            at(milliseconds),
            SocketAddr::new(ip(from), 5555),
            datagram,
            &mut self.reply,
            &mut |it| {
                asked.push((milliseconds, it.to_string()));
            },
        )
    }

    /// Lets time pass until then, in steps of 10 ms.
    fn pass(&mut self, from: u64, until: u64) {
        for milliseconds in (from..=until).step_by(10) {
            if self.desk.poll_timeout().is_some_and(|it| it <= at(milliseconds)) {
                let asked = &mut self.asked;
                self.desk
                    .handle_timeout(at(milliseconds), &mut |it| asked.push((milliseconds, it.to_string())));
            }
        }
    }

    fn times(&self) -> Vec<u64> {
        self.asked.iter().map(|(at, _)| *at).collect()
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.asked.iter().map(|(_, name)| name.as_str()).collect()
    }
}

#[test]
fn a_trap_has_its_device_asked_at_once_and_once_more() {
    let mut bench =
        Bench::new(vec![sender("ups", "10.0.0.1", "public"), sender("pdu", "10.0.0.2", "public")]);
    let receipt = bench.receive(0, "10.0.0.1", &v2(PduKind::TrapV2, "public"));
    assert_eq!(receipt.outcome, TrapOutcome::Asked);
    assert_eq!(receipt.form, Some((TrapVersion::V2c, NotificationKind::Trap)));
    assert_eq!(receipt.trap_oid, Some(oid(ON_BATTERY)));
    assert!(bench.reply.is_empty(), "nobody answers a trap");
    bench.pass(0, 20_000);
    assert_eq!(bench.asked, [(0, "ups".to_owned()), (3000, "ups".to_owned())]);
    assert_eq!(bench.desk.poll_timeout(), None);
}

#[test]
fn a_burst_is_asked_for_once_a_second_and_after_its_end() {
    let mut bench = Bench::new(vec![sender("ups", "10.0.0.1", "public")]);
    for milliseconds in (0..=2500).step_by(10) {
        bench.pass(milliseconds, milliseconds);
        bench.receive(milliseconds, "10.0.0.1", &v2(PduKind::TrapV2, "public"));
    }
    bench.pass(2510, 20_000);
    assert_eq!(bench.times(), [0, 1000, 2000, 3000, 5500]);
}

#[test]
fn two_traps_that_follow_each_other_are_three_polls() {
    let mut bench = Bench::new(vec![sender("ups", "10.0.0.1", "public")]);
    assert_eq!(bench.receive(0, "10.0.0.1", &v1([0; 4])).outcome, TrapOutcome::Asked);
    assert_eq!(bench.receive(300, "10.0.0.1", &v1([0; 4])).outcome, TrapOutcome::TooSoon);
    bench.pass(300, 20_000);
    assert_eq!(bench.times(), [0, 1000, 3300]);
}

#[test]
fn informs_are_answered_with_what_they_brought() {
    let mut bench = Bench::new(vec![sender("ups", "10.0.0.1", "public")]);
    let inform = v2(PduKind::Inform, "public");
    for (milliseconds, outcome) in [(0, TrapOutcome::Asked), (10, TrapOutcome::TooSoon)] {
        let receipt = bench.receive(milliseconds, "10.0.0.1", &inform);
        assert_eq!((receipt.outcome, receipt.form.unwrap().1), (outcome, NotificationKind::Inform));
        let (sent, answer) = (decode(&inform).unwrap(), decode(&bench.reply).unwrap());
        assert_eq!((answer.version, answer.community), (sent.version, sent.community));
        assert_eq!((answer.pdu.kind, answer.pdu.request_id), (PduKind::Response, 4711));
        assert_eq!((answer.pdu.error_status, answer.pdu.error_index), (ErrorStatus::NO_ERROR, 0));
        assert_eq!(answer.pdu.varbinds.octets(), sent.pdu.varbinds.octets());
    }
}

#[test]
fn who_is_not_let_in_moves_nothing_and_hears_nothing() {
    let mut bench = Bench::new(vec![sender("ups", "10.0.0.1", "public")]);
    let inform = |community| v2(PduKind::Inform, community);
    for (from, datagram, outcome) in [
        ("10.0.0.9", inform("public"), TrapOutcome::UnknownSender),
        ("10.0.0.1", inform("private"), TrapOutcome::NotAuthenticated),
        ("10.0.0.1", inform("publi"), TrapOutcome::NotAuthenticated),
        ("10.0.0.1", inform("publicc"), TrapOutcome::NotAuthenticated),
        ("10.0.0.1", inform(""), TrapOutcome::NotAuthenticated),
        ("10.0.0.1", b"GET / HTTP/1.1".to_vec(), TrapOutcome::Malformed),
        ("10.0.0.1", v2(PduKind::Get, "public"), TrapOutcome::Malformed),
        ("10.0.0.1", Vec::new(), TrapOutcome::Malformed),
        ("10.0.0.2", v1([10, 0, 0, 1]), TrapOutcome::UnknownSender),
    ] {
        assert_eq!(bench.receive(0, from, &datagram).outcome, outcome, "{from}");
        assert!(bench.reply.is_empty());
    }
    bench.pass(0, 10_000);
    assert_eq!(bench.asked, []);
}

#[test]
fn the_agent_within_a_trap_counts_from_forwarders_alone() {
    let policy = TrapPolicy { forwarders: vec![ip("10.9.9.9")], ..TrapPolicy::default() };
    let mut bench = Bench::with_policy(
        policy,
        vec![sender("ups", "10.0.0.1", "public"), sender("pdu", "10.0.0.2", "public")],
    );
    assert_eq!(bench.receive(0, "10.0.0.1", &v1([10, 0, 0, 2])).outcome, TrapOutcome::Asked);
    assert_eq!(bench.receive(0, "10.9.9.9", &v1([10, 0, 0, 2])).outcome, TrapOutcome::Asked);
    assert_eq!(bench.receive(0, "10.9.9.9", &v1([10, 0, 0, 3])).outcome, TrapOutcome::UnknownSender);
    assert_eq!(bench.receive(0, "10.9.9.9", &v1([0; 4])).outcome, TrapOutcome::UnknownSender);
    assert_eq!(bench.names(), ["ups", "pdu"]);
}

#[test]
fn other_credentials_let_in_where_they_are_named() {
    let others = TrapPolicy {
        credentials: vec![TrapCredential::Community(Secret::new("traps"))],
        ..TrapPolicy::default()
    };
    let mut bench = Bench::with_policy(others, vec![sender("ups", "10.0.0.1", "public")]);
    assert_eq!(bench.receive(0, "10.0.0.1", &v2(PduKind::TrapV2, "traps")).outcome, TrapOutcome::Asked);
    assert_eq!(
        bench.receive(0, "10.0.0.1", &v2(PduKind::TrapV2, "trap")).outcome,
        TrapOutcome::NotAuthenticated
    );
}

#[test]
fn devices_behind_one_address_are_told_apart_by_community() {
    let mut senders: Vec<TrapSender> =
        (0..200).map(|it| sender(&format!("pdu-{it}"), "10.0.0.1", "public")).collect();
    senders.push(sender("ups", "10.0.0.1", "other"));
    let mut bench = Bench::new(senders);
    bench.receive(0, "10.0.0.1", &v2(PduKind::TrapV2, "other"));
    assert_eq!(bench.names(), ["ups"]);
    bench.receive(0, "10.0.0.1", &v2(PduKind::TrapV2, "public"));
    assert_eq!(bench.asked.len(), 1 + TrapDesk::ASKED_AT_ONCE_MAX);
    // Each trap may be of any of them: the next one has others asked.
    for _ in 0..3 {
        bench.receive(0, "10.0.0.1", &v2(PduKind::TrapV2, "public"));
    }
    let all: std::collections::BTreeSet<&str> = bench.names().into_iter().collect();
    assert_eq!((all.len(), bench.asked.len()), (201, 201));
}

#[test]
fn addresses_come_and_go_with_the_resolver() {
    let mut bench = Bench::new(vec![sender("ups", "", "public"), sender("pdu", "10.0.0.2", "public")]);
    let trap = v2(PduKind::TrapV2, "public");
    assert_eq!(bench.receive(0, "10.0.0.1", &trap).outcome, TrapOutcome::UnknownSender);
    bench.desk.set_resolved("ups", vec![ip("10.0.0.1"), ip("2001:db8::1"), ip("10.0.0.2")]);
    bench.desk.set_resolved("nobody", vec![ip("10.0.0.7")]);
    assert_eq!(bench.receive(0, "2001:db8::1", &trap).outcome, TrapOutcome::Asked);
    // A socket for both versions of IP shows v4 as a part of v6.
    assert_eq!(bench.receive(0, "::ffff:10.0.0.1", &trap).outcome, TrapOutcome::TooSoon);
    bench.desk.set_resolved("ups", vec![ip("10.0.0.3")]);
    assert!(!format!("{:?}", bench.desk).contains("2001:db8::1"), "nothing is kept of what was");
    assert_eq!(bench.receive(0, "10.0.0.1", &trap).outcome, TrapOutcome::UnknownSender);
    assert_eq!(bench.receive(5000, "10.0.0.3", &trap).outcome, TrapOutcome::Asked);
    assert_eq!(bench.receive(5000, "10.0.0.2", &trap).outcome, TrapOutcome::Asked, "it is the PDU's still");
    assert_eq!(bench.names(), ["ups", "ups", "pdu"]);
}

#[test]
fn a_reload_forgets_no_poll_that_is_to_follow() {
    let senders = || vec![sender("pdu", "10.0.0.2", "public"), sender("ups", "", "public")];
    let mut bench = Bench::new(senders());
    bench.desk.set_resolved("ups", vec![ip("10.0.0.1")]);
    let trap = v2(PduKind::TrapV2, "public");
    bench.receive(0, "10.0.0.1", &trap);
    bench.receive(0, "10.0.0.2", &trap);
    bench.desk.replace(TrapPolicy::default(), senders().into_iter().skip(1));
    assert_eq!(bench.receive(10, "10.0.0.1", &trap).outcome, TrapOutcome::TooSoon, "it is known where it is");
    bench.pass(10, 20_000);
    assert_eq!(bench.names(), ["ups", "pdu", "ups", "ups"]);
}

#[test]
fn a_flood_from_one_address_is_its_own_affair() {
    let mut bench =
        Bench::new(vec![sender("ups", "10.0.0.1", "public"), sender("pdu", "10.0.0.2", "public")]);
    let trap = v2(PduKind::TrapV2, "public");
    let forged = v2(PduKind::TrapV2, "guess");
    let mut outcomes = std::collections::HashMap::new();
    for _ in 0..100_000 {
        *outcomes.entry(bench.receive(0, "10.0.0.1", &forged).outcome).or_insert(0) += 1;
        *outcomes.entry(bench.receive(0, "10.6.6.6", &forged).outcome).or_insert(0) += 1;
    }
    assert_eq!(outcomes[&TrapOutcome::NotAuthenticated], TrapDesk::TRAPS_A_SECOND_FROM_ONE);
    assert_eq!(outcomes[&TrapOutcome::UnknownSender], 100_000);
    assert_eq!(bench.receive(0, "10.0.0.2", &trap).outcome, TrapOutcome::Asked);
    assert_eq!(bench.receive(1000, "10.0.0.1", &trap).outcome, TrapOutcome::Asked, "the next second");
    assert_eq!(bench.asked.len(), 2);
}

#[test]
fn a_flood_from_everywhere_is_bounded() {
    let address = |it: u32| IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + it)).to_string();
    let mut bench =
        Bench::new((0..20_000).map(|it| sender(&it.to_string(), &address(it), "public")).collect());
    let trap = v2(PduKind::TrapV2, "public");
    for round in 0..20_000 {
        bench.receive(0, &address(round), &trap);
    }
    assert_eq!(bench.asked.len(), TrapDesk::TRAPS_A_SECOND as usize);
}

#[test]
fn no_secret_is_shown() {
    let shown = format!("{:?}", sender("ups", "10.0.0.1", "hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

proptest! {
    #[test]
    fn whatever_comes_is_borne(
        datagrams in prop::collection::vec((0u8..3, prop::collection::vec(any::<u8>(), 0..200), 0usize..80, any::<u8>()), 1..50),
    ) {
        let policy = TrapPolicy { forwarders: vec![ip("10.0.0.2")], ..TrapPolicy::default() };
        let mut bench = Bench::with_policy(policy, vec![sender("ups", "10.0.0.1", "public")]);
        for (kind, octets, place, octet) in datagrams {
            let datagram = match kind {
                0 => octets,
                1 => v1([10, 0, 0, 1]),
                _ => v2(PduKind::Inform, "public"),
            };
            let mut changed = datagram;
            if let Some(one) = changed.get_mut(place) {
                *one = octet;
            }
            for from in ["10.0.0.1", "10.0.0.2"] {
                bench.receive(0, from, &changed);
                prop_assert!(bench.reply.len() <= changed.len() + 8, "an answer is no larger than what it answers");
            }
        }
        prop_assert!(bench.asked.len() <= 1);
    }
}
