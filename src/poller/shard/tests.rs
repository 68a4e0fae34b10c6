//! Stories of a room of simulated agents in virtual time: no sockets, no sleeps, seeded faults.

mod behaviour_tests;
mod engine_tests;
mod faults_tests;
mod forgery_tests;
mod mutation_tests;
mod v3_tests;

use super::*;
use crate::mib::Mibs;
use crate::model::{Labels, Missing, Oid, Sample, Secret, UnixMillis, Value};
use crate::poller::settings::{Credential, DeviceSettings, SnmpVersion};
use crate::profile::{ProfileFile, ProfileSet};
use crate::simulator::agent::{Agent, AgentSpec, Origin, Scratch};
use crate::simulator::cell::Cell;
use crate::simulator::faults::{Fault, FaultRule};
use crate::simulator::tree::Tree;
use crate::snmp::v3::KeyCache;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::LazyLock;

const PROFILE: &str = r#"
[profile]
name = "test"
description = "three columns"
vendor = "Test"
[match]
sys_object_id = ["1.3.6.1.4.1.9999"]
[[component]]
kind = "outlet"
  [[component.reading]]
  quantity = "current"
  oid = "1.3.6.1.4.1.9999.1.1"
  scale = 0.1
  [[component.reading]]
  quantity = "voltage"
  oid = "1.3.6.1.4.1.9999.1.2"
"#;

const SECOND: Duration = Duration::from_secs(1);

/// Keys of passphrases are computed once for all tests.
static KEYS: LazyLock<Arc<KeyCache>> = LazyLock::new(Arc::default);

fn profiles() -> Arc<ProfileSet> {
    let file = ProfileFile { path: "test.toml".into(), text: PROFILE.to_owned(), is_users: true };
    let (set, mistakes) = ProfileSet::of_files(Mibs::embedded(), [file]);
    assert_eq!(mistakes, []);
    Arc::new(set)
}

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// An agent of the test family with that many outlets.
fn spec(outlets: u32) -> AgentSpec {
    let mut rows = vec![
        (oid("1.3.6.1.2.1.1.1.0"), Value::OctetString(b"a test".to_vec().into())),
        (oid("1.3.6.1.2.1.1.2.0"), Value::ObjectIdentifier(oid("1.3.6.1.4.1.9999.7"))),
        (oid("1.3.6.1.2.1.1.3.0"), Value::TimeTicks(5000)),
    ];
    for outlet in 1..=outlets {
        rows.push((oid("1.3.6.1.4.1.9999.1.1").child(&[outlet]), Value::Integer(15)));
        rows.push((oid("1.3.6.1.4.1.9999.1.2").child(&[outlet]), Value::Gauge32(230)));
    }
    AgentSpec::new(Arc::new(Tree::new(rows).unwrap()), "secret")
}

fn settings(name: &str) -> DeviceSettings {
    DeviceSettings {
        name: Arc::from(name),
        host: name.to_owned(),
        port: 161,
        credential: Credential::Community { version: SnmpVersion::V2c, community: Secret::new("secret") },
        answers_from: Vec::new(),
        profile: None,
        interval: 10 * SECOND,
        timeout: SECOND,
        retries: 2,
        request_gap: Duration::ZERO,
        requests_in_flight: 8,
        labels: Labels::default(),
        rated_current_amperes: Vec::new(),
    }
}

/// What is under way.
enum Flying {
    ToAgent(usize, Vec<u8>),
    ToShard(SocketAddr, Vec<u8>),
}

/// What a network may make of a datagram: others, or none.
type Tamper = Box<dyn FnMut(&[u8]) -> Vec<Vec<u8>>>;

/// Agents, a shard, and the network between them.
struct Room {
    shard: Shard,
    agents: Vec<Agent>,
    now: Moment,
    latency: Duration,
    flying: BTreeMap<(Moment, u64), Flying>,
    sent: u64,
    outcomes: Vec<(Moment, u32, Outcome)>,
    dispositions: Vec<Disposition>,
    /// When which agent was asked.
    asked: Vec<(Moment, usize)>,
    /// What comes in the place of an answer, where somebody tampers with it.
    tamper: Option<Tamper>,
}

impl Room {
    fn new(specs: impl IntoIterator<Item = AgentSpec>) -> Self {
        let named = |(at, spec): (usize, AgentSpec)| (spec, settings(&format!("pdu-{at}")));
        Self::of(specs.into_iter().enumerate().map(named), &profiles())
    }

    fn of(
        devices: impl IntoIterator<Item = (AgentSpec, DeviceSettings)>,
        profiles: &Arc<ProfileSet>,
    ) -> Self {
        let (specs, settings): (Vec<AgentSpec>, Vec<DeviceSettings>) = devices.into_iter().unzip();
        let agents: Vec<Agent> = specs.into_iter().map(|it| Agent::start(it, Moment::ZERO)).collect();
        let mut room = Self {
            shard: Shard::new(9, WindowSizes::default()),
            agents,
            now: Moment::ZERO,
            latency: Duration::from_millis(20),
            flying: BTreeMap::new(),
            sent: 0,
            outcomes: Vec::new(),
            dispositions: Vec::new(),
            asked: Vec::new(),
            tamper: None,
        };
        for (at, settings) in settings.into_iter().enumerate() {
            let device = Device::new(Arc::new(settings), Arc::clone(profiles)).seeded(77);
            room.shard.add(device, Some(address(at)), SECOND, now_at(Moment::ZERO)).unwrap();
        }
        room
    }

    /// Lets that much time pass.
    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let arrives = self.flying.keys().next().map_or(Moment::NEVER, |(when, _)| *when);
            let due = self.shard.poll_timeout().unwrap_or(Moment::NEVER);
            let next = arrives.min(due).max(self.now);
            if end < next {
                self.now = end;
                return;
            }
            self.now = next;
            let now = now_at(self.now);
            let mut ended = Vec::new();
            while let Some(entry) = self.flying.first_entry().filter(|it| it.key().0 <= self.now) {
                match entry.remove() {
                    Flying::ToAgent(agent, octets) => self.ask(agent, &octets),
                    Flying::ToShard(from, octets) => {
                        let mut sink =
                            |slot, outcome: &Outcome| ended.push((now.moment, slot, outcome.clone()));
                        self.dispositions.push(self.shard.handle_datagram(now, from, &octets, &mut sink));
                    }
                }
            }
            self.shard.handle_timeout(now, &mut |slot, outcome: &Outcome| {
                ended.push((now.moment, slot, outcome.clone()));
            });
            loop {
                let mut octets = Vec::new();
                while let Some((_, to)) = self.shard.poll_transmit(now, &mut octets) {
                    if let Some(agent) = (0..self.agents.len()).find(|it| address(*it) == to) {
                        self.fly(self.latency / 2, Flying::ToAgent(agent, octets.clone()));
                    }
                }
                let Some(request) = self.shard.poll_key_request() else { break };
                let keys = KEYS.derive(&request.user, &request.engine);
                let mut sink = |slot, outcome: &Outcome| ended.push((now.moment, slot, outcome.clone()));
                self.shard.handle_keys(&request, keys.as_ref(), now, &mut sink);
            }
            self.outcomes.append(&mut ended);
        }
    }

    fn fly(&mut self, after: Duration, what: Flying) {
        self.sent += 1;
        self.flying.insert((self.now + after, self.sent), what);
    }

    fn ask(&mut self, at: usize, octets: &[u8]) {
        let mut answers = Vec::new();
        let mut scratch = Scratch::default();
        self.asked.push((self.now, at));
        self.agents[at].handle(octets, self.now, &mut scratch, &mut |answer| {
            let mut from = address(at);
            match answer.origin {
                Origin::Asked => (),
                Origin::OtherAddress => from.set_ip(Ipv4Addr::new(10, 9, 9, 9).into()),
                Origin::OtherPort => from.set_port(9),
            }
            answers.push((answer.due.since(self.now), from, answer.datagram.to_vec()));
        });
        for (delay, from, octets) in answers {
            let datagrams = match &mut self.tamper {
                Some(tamper) => tamper(&octets),
                None => vec![octets],
            };
            for octets in datagrams {
                self.fly(self.latency / 2 + delay, Flying::ToShard(from, octets));
            }
        }
    }

    fn fault(&mut self, agent: usize, fault: Fault, rate: f64) {
        self.agents[agent].faults().replace([FaultRule { fault, rate }]);
    }

    fn outcomes_of(&self, slot: u32) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(move |(_, it, _)| *it == slot).map(|(_, _, outcome)| outcome)
    }

    fn gets(&self, agent: usize) -> u64 {
        self.agents[agent].counters().gets
    }
}

fn address(at: usize) -> SocketAddr {
    let [.., a, b] = at.to_be_bytes();
    SocketAddr::from(([10, 0, a, b], 161))
}

fn now_at(moment: Moment) -> Now {
    Now { moment, unix: UnixMillis(i64::try_from(moment.nanoseconds() / 1_000_000).unwrap()) }
}

fn is_whole(outcome: &Outcome) -> bool {
    let samples = &outcome.batch.samples;
    outcome.batch.error.is_none() && !samples.is_empty() && samples.iter().all(|it| it.value().is_some())
}

#[test]
fn learns_once_then_asks_for_just_that() {
    let mut room = Room::new([spec(24)]);
    room.run(5 * SECOND);
    assert_eq!(room.outcomes_of(0).count(), 1, "the first poll follows the learning at once");
    let learning = room.agents[0].counters();
    assert_eq!(
        (learning.get_bulks, learning.gets),
        (2, 3),
        "identity by two; two columns; 49 cells in one frame"
    );
    room.run(600 * SECOND);
    let outcomes: Vec<&Outcome> = room.outcomes_of(0).collect();
    assert!(outcomes.iter().all(|it| is_whole(it)));
    assert_eq!(outcomes.len(), 61, "every 10 s, none missed, none twice");
    assert_eq!(room.gets(0) - learning.gets, 60);
    assert_eq!(outcomes[3].batch.samples[0], Sample::Value(1.5));
    assert!(
        outcomes.windows(2).all(|pair| Arc::ptr_eq(&pair[0].batch.shape, &pair[1].batch.shape)),
        "the shape is shared from poll to poll"
    );
}

#[test]
fn a_restart_is_learnt_at_the_next_poll() {
    let mut room = Room::new([spec(3)]);
    room.run(21 * SECOND);
    let before = room.outcomes_of(0).last().unwrap().batch.samples.len();
    room.agents[0].reboot(room.now);
    room.agents[0].set(oid("1.3.6.1.4.1.9999.1.1.4"), Cell::Fixed(Value::Integer(77)));
    room.run(21 * SECOND);
    let last = room.outcomes_of(0).last().unwrap();
    assert_eq!((before, last.batch.samples.len()), (6, 7), "the new row is there");
    assert!(is_whole(last));
}

#[test]
fn silence_is_an_error_with_reasons_and_return_is_quick() {
    let mut room = Room::new([spec(3)]);
    room.run(12 * SECOND);
    room.agents[0].silence(true);
    let polled = room.outcomes_of(0).count();
    room.run(30 * SECOND);
    let silent: Vec<&Outcome> = room.outcomes_of(0).skip(polled).collect();
    assert_eq!(silent.len(), 3);
    for outcome in silent {
        assert_eq!(outcome.batch.error, Some(PollError::Timeout));
        assert!(outcome.batch.samples.iter().all(|it| *it == Sample::Missing(Missing::Timeout)));
    }
    room.agents[0].silence(false);
    room.run(11 * SECOND);
    assert!(is_whole(room.outcomes_of(0).last().unwrap()));
}

#[test]
fn the_dead_do_not_delay_the_living() {
    let mut room = Room::new((0..600).map(|_| spec(2)));
    for dead in 0..300 {
        room.agents[dead].silence(true);
    }
    room.run(121 * SECOND);
    for at in 300..600 {
        let polls = room.outcomes_of(at).filter(|it| is_whole(it)).count();
        assert!((12..=13).contains(&polls), "pdu-{at}: {polls} polls in 121 s");
    }
    let slowest =
        room.outcomes.iter().filter(|(_, at, _)| 300 <= *at).map(|(_, _, it)| it.batch.duration).max();
    assert!(slowest.unwrap() < SECOND, "{slowest:?}");
}

#[test]
fn loss_is_made_good_by_repeats() {
    let lossy = [
        FaultRule { fault: Fault::DropRequest, rate: 0.1 },
        FaultRule { fault: Fault::DropAnswer, rate: 0.1 },
    ];
    let mut room = Room::new((0..100).map(|seed| spec(20).with_faults(lossy.clone(), seed)));
    room.run(300 * SECOND);
    let whole = room.outcomes.iter().filter(|(_, _, it)| is_whole(it)).count();
    assert!(97 * room.outcomes.len() < 100 * whole, "{whole} of {}", room.outcomes.len());
    assert!(2_800 < room.outcomes.len());
}

#[test]
fn an_agent_slower_than_the_time_out_is_still_read() {
    let mut room = Room::new([spec(3)]);
    room.fault(0, Fault::Delay(Duration::from_millis(1200)), 1.0);
    room.run(60 * SECOND);
    assert!(room.outcomes_of(0).all(is_whole) && 4 < room.outcomes_of(0).count());
}

#[test]
fn answers_that_are_not_ours_change_nothing() {
    let cases = [
        (Fault::OtherAddress, Disposition::Foreign),
        (Fault::OtherPort, Disposition::Foreign),
        (Fault::WrongCommunity, Disposition::Foreign),
        (Fault::Truncate, Disposition::Malformed),
    ];
    for (fault, expected) in cases {
        let mut room = Room::new([spec(3)]);
        room.run(12 * SECOND);
        let before = room.dispositions.len();
        room.fault(0, fault.clone(), 1.0);
        room.run(20 * SECOND);
        let last = room.outcomes_of(0).last().unwrap();
        assert_eq!(last.batch.error, Some(PollError::Timeout), "{fault:?}");
        assert!(room.dispositions[before..].iter().all(|it| *it == expected), "{fault:?}");
    }
    for fault in [Fault::Duplicate, Fault::Stale] {
        let mut room = Room::new([spec(3)]);
        room.fault(0, fault.clone(), 0.5);
        room.run(300 * SECOND);
        assert!(room.dispositions.contains(&Disposition::Late), "{fault:?}");
        assert!(29 < room.outcomes_of(0).filter(|it| is_whole(it)).count(), "{fault:?}");
    }
}

#[test]
fn odd_agents_are_read_whole() {
    for fault in [
        Fault::ExtraVarbind,
        Fault::TooBigEmpty(300),
        Fault::TooBigAbove(5),
        Fault::NoGetBulk,
        Fault::DropBulkAbove(4),
        Fault::DropAbove(8),
        Fault::Oversize(9000),
    ] {
        let mut room = Room::new([spec(12)]);
        room.fault(0, fault.clone(), 1.0);
        room.run(90 * SECOND);
        let last = room.outcomes_of(0).last().unwrap();
        assert!(is_whole(last) && last.batch.samples.len() == 24, "{fault:?}: {:?}", last.batch);
    }
}

#[test]
fn shuffled_answers_find_their_places() {
    let mut room = Room::new([spec(12)]);
    room.run(15 * SECOND);
    room.fault(0, Fault::Reorder, 1.0);
    room.run(20 * SECOND);
    let last = room.outcomes_of(0).last().unwrap();
    assert!(is_whole(last) && last.batch.samples[0] == Sample::Value(1.5));
    room.fault(0, Fault::MissingVarbind, 1.0);
    room.run(20 * SECOND);
    let samples = &room.outcomes_of(0).last().unwrap().batch.samples;
    let missing: Vec<&Sample> = samples.iter().filter(|it| it.value().is_none()).collect();
    assert!(missing.is_empty(), "the last cell, sysUpTime, never comes; the others do: {missing:?}");
}

#[test]
fn endless_and_vanishing_rows() {
    let mut room = Room::new([spec(12)]);
    room.fault(0, Fault::NotIncreasing, 1.0);
    room.run(30 * SECOND);
    let last = room.outcomes_of(0).last().unwrap();
    assert!(last.batch.error.is_none() || last.batch.error.as_ref().is_some_and(|it| it.class() == "empty"));
    let mut room = Room::new([spec(12)]);
    let gone = Fault::Vanish { oid: oid("1.3.6.1.4.1.9999.1.2.7"), after: 60 * SECOND };
    room.fault(0, gone, 1.0);
    room.run(100 * SECOND);
    let last = room.outcomes_of(0).last().unwrap();
    assert_eq!(
        last.batch.samples.iter().filter(|it| **it == Sample::Missing(Missing::NoSuchInstance)).count(),
        1
    );
    room.run(700 * SECOND);
    assert_eq!(room.outcomes_of(0).last().unwrap().batch.samples.len(), 23, "learnt anew without the row");
}

#[test]
fn a_learning_that_brings_less_is_not_believed_at_once() {
    // The agent restarts, and for a while one of its tables is empty.
    let mut room = Room::new([spec(12)]);
    room.run(12 * SECOND);
    room.agents[0].reboot(room.now);
    for outlet in 1..=12 {
        room.agents[0].set(oid("1.3.6.1.4.1.9999.1.2").child(&[outlet]), Cell::Absent);
    }
    room.run(20 * SECOND);
    assert_eq!(room.outcomes_of(0).last().unwrap().batch.samples.len(), 24, "what is known of it goes on");
    for outlet in 1..=12 {
        room.agents[0].unset(&oid("1.3.6.1.4.1.9999.1.2").child(&[outlet]));
    }
    room.run(20 * SECOND);
    assert!(is_whole(room.outcomes_of(0).last().unwrap()));
    // A column that answers with errors while it is learnt anew.
    room.fault(0, Fault::GenErr(oid("1.3.6.1.4.1.9999.1.1")), 1.0);
    room.agents[0].reboot(room.now);
    room.run(20 * SECOND);
    let last = room.outcomes_of(0).last().unwrap();
    assert_eq!((last.batch.error.clone(), last.batch.samples.len()), (None, 24));
    // Nothing but errors is a failed poll.
    room.fault(0, Fault::GenErr(oid("1.3.6.1.4.1")), 1.0);
    room.run(20 * SECOND);
    assert_eq!(room.outcomes_of(0).last().unwrap().batch.error.as_ref().unwrap().class(), "agent_error");
}

#[test]
fn an_agent_that_restarts_at_each_poll_is_not_learnt_at_each() {
    let mut room = Room::new([spec(12)]);
    room.run(12 * SECOND);
    let before = room.agents[0].counters().get_bulks;
    for _ in 0..20 {
        room.agents[0].reboot(room.now);
        room.run(10 * SECOND);
    }
    let learnings = (room.agents[0].counters().get_bulks - before) / 2;
    assert!(learnings <= 2, "{learnings} learnings in 200 s");
    assert!(room.outcomes_of(0).all(is_whole));
}

#[test]
fn a_poll_does_not_last_for_ever() {
    let mut room = Room::new([spec(6000)]);
    room.fault(0, Fault::Delay(Duration::from_millis(900)), 1.0);
    room.run(320 * SECOND);
    let outcome = room.outcomes_of(0).next().unwrap();
    let cells = &outcome.batch.samples;
    assert_eq!(outcome.notes, ["the poll was ended after 30 s"], "an agent cannot hide by being slow");
    assert!(1000 < cells.iter().filter(|it| it.value().is_some()).count(), "what was read is kept");
    assert!(cells.contains(&Sample::Missing(Missing::Timeout)));
}

#[test]
fn a_name_that_is_being_looked_up_is_no_failure() {
    let mut room = Room::new([spec(1)]);
    let device = Device::new(Arc::new(settings("pdu-dns")), profiles());
    let slot = room.shard.add(device, None, SECOND, now_at(room.now)).unwrap();
    room.run(30 * SECOND);
    assert_eq!(room.outcomes_of(slot).count(), 0);
    room.shard.set_address(slot, Some(address(0)));
    room.run(12 * SECOND);
    assert!(is_whole(room.outcomes_of(slot).last().unwrap()));
    // Other settings for the same name and port: its address holds.
    let other = DeviceSettings { retries: 5, ..settings("pdu-dns") };
    room.shard.replace(slot, Device::new(Arc::new(other), profiles()), None, now_at(room.now));
    let before = room.outcomes_of(slot).count();
    room.run(12 * SECOND);
    assert!(before < room.outcomes_of(slot).count() && is_whole(room.outcomes_of(slot).last().unwrap()));
}

#[test]
fn unknown_agents_and_unresolved_names_say_so() {
    let unknown = AgentSpec::new(
        Arc::new(
            Tree::new([(oid("1.3.6.1.2.1.1.2.0"), Value::ObjectIdentifier(oid("1.3.6.1.4.1.1")))]).unwrap(),
        ),
        "secret",
    );
    let mut room = Room::new([unknown, spec(1)]);
    room.shard.set_address(1, None);
    room.run(15 * SECOND);
    assert_eq!(room.outcomes_of(0).last().unwrap().batch.error.as_ref().unwrap().class(), "no_profile");
    assert_eq!(room.outcomes_of(1).last().unwrap().batch.error.as_ref().unwrap().class(), "name");
    let asked = room.agents[0].counters().requests;
    room.run(50 * SECOND);
    let tries = room.agents[0].counters().requests - asked;
    assert!(tries <= 3, "not tried through all profiles every 10 s: {tries} requests");
    room.shard.set_address(1, Some(address(1)));
    room.run(15 * SECOND);
    assert!(is_whole(room.outcomes_of(1).last().unwrap()));
}

#[test]
fn removed_and_replaced_devices() {
    let mut room = Room::new([spec(1), spec(2)]);
    room.run(12 * SECOND);
    assert!(room.shard.remove(0).is_some() && room.shard.remove(0).is_none());
    let before = room.outcomes_of(0).count();
    room.run(60 * SECOND);
    assert_eq!(room.outcomes_of(0).count(), before, "a removed device is silent");
    let device = Device::new(Arc::new(settings("pdu-new")), profiles());
    let slot = room.shard.add(device, Some(address(0)), SECOND, now_at(room.now));
    assert_eq!((slot, room.shard.len()), (Some(0), 2), "the slot is used again");
    room.run(15 * SECOND);
    assert!(before < room.outcomes_of(0).count());
    room.shard.poll_now(1, now_at(room.now));
    let before = room.outcomes_of(1).count();
    room.run(Duration::from_millis(100));
    assert_eq!(room.outcomes_of(1).count(), before + 1, "asked out of turn");
}

#[test]
fn turns_keep_their_phase() {
    for (now, expected) in [(0, 3), (1, 3), (2, 3), (3, 13), (12, 13), (13, 23), (29, 33)] {
        let turn = next_turn(Moment::ZERO + now * SECOND, 10 * SECOND, 3 * SECOND);
        assert_eq!(turn, Moment::ZERO + expected * SECOND, "at {now} s");
    }
    assert_eq!(next_turn(Moment::ZERO, Duration::ZERO, SECOND), Moment::ZERO, "no division by zero");
}
