//! What the engine promises to agents and operators: sizes that adapt, loss, requests a second, turns.

use super::faults_tests::profiles_for;
use super::v3_tests::{engine, levels, usm_settings};
use super::*;

fn fired(room: &Room, fault: &str) -> u64 {
    room.agents[0].counters().faults.get(fault).copied().unwrap_or(0)
}

#[test]
fn what_an_agent_bears_is_found_once_and_again_after_new_firmware() {
    for (fault, name) in [
        (Fault::TooBigAbove(20), "too-big-above"),
        (Fault::DropAbove(20), "drop-above"),
        (Fault::CutAbove(20), "cut-above"),
    ] {
        let mut room = Room::new([spec(40)]);
        room.fault(0, fault, 1.0);
        room.run(300 * SECOND);
        assert!(is_whole(room.outcomes_of(0).last().unwrap()), "{name}");
        let (failed, gets, polls) = (fired(&room, name), room.gets(0), room.outcomes_of(0).count());
        room.run(3200 * SECOND);
        assert_eq!(fired(&room, name), failed, "{name}: what failed is not asked again for an hour");
        let polls = u64::try_from(room.outcomes_of(0).count() - polls).unwrap();
        let each = (room.gets(0) - gets).div_ceil(polls);
        assert_eq!(each, 5, "{name}: 81 cells by twenty");
        assert!(room.outcomes_of(0).skip(3).all(is_whole), "{name}");
        room.agents[0].faults().replace([]);
        let now = room.now;
        room.agents[0].reboot(now);
        room.run(600 * SECOND);
        let gets = room.gets(0);
        room.run(100 * SECOND);
        assert_eq!((room.gets(0) - gets) / 10, 1, "{name}: 81 cells with short names fit one frame");
    }
}

#[test]
fn what_an_agent_bears_is_told_with_each_poll() {
    let cases = [
        ("", (128, None), (1424, None), (25, None)),
        ("too-big-above=20", (20, Some(21)), (1424, None), (25, None)),
        ("drop-bulk-above=4", (128, None), (1424, None), (4, Some(5))),
    ];
    for (faults, cells, octets, repetitions) in cases {
        let rules: Vec<FaultRule> = faults.split_whitespace().map(|it| it.parse().unwrap()).collect();
        let mut room = Room::new([spec(40).with_faults(rules, 5)]);
        room.run(300 * SECOND);
        let effort = room.outcomes_of(0).last().unwrap().batch.effort;
        let told = [effort.cells, effort.octets, effort.repetitions].map(|it| (it.asked, it.failed));
        assert_eq!(told, [cells, octets, repetitions], "{faults}");
    }
    // An agent that counts octets: where it said tooBig to as many cells as it had answered before.
    let mut room = Room::new([spec(40)]);
    room.run(100 * SECOND);
    room.fault(0, Fault::TooBigEmpty(1300), 1.0);
    room.run(300 * SECOND);
    let effort = room.outcomes_of(0).last().unwrap().batch.effort;
    assert!(effort.octets.failed.is_some_and(|it| effort.octets.asked < it && it < 1424), "{effort:?}");
}

#[test]
fn a_cell_that_spoils_requests_costs_one_request_more() {
    const VOLTAGE: &str = "1.3.6.1.4.1.9999.1.2";
    let reasons = [
        ("too-big", Some(Missing::TooBig)),
        ("gen-err", Some(Missing::AgentError)),
        ("too-big-beside", None),
        ("gen-err-beside", None),
    ];
    for (name, missing) in reasons {
        for (outlets, bad) in [(1, 1), (4, 2), (12, 12), (30, 1), (30, 17), (100, 50)] {
            let mut room = Room::new([spec(outlets)]);
            room.run(15 * SECOND);
            let fault: FaultRule = format!("{name}={VOLTAGE}.{bad}").parse().unwrap();
            room.agents[0].faults().add(fault);
            room.run(300 * SECOND);
            let (gets, polls) = (room.gets(0), room.outcomes_of(0).count());
            room.run(300 * SECOND);
            let polls = u64::try_from(room.outcomes_of(0).count() - polls).unwrap();
            let frames = u64::from(2 * outlets + 1).div_ceil(84);
            let each = (room.gets(0) - gets).div_ceil(polls);
            // Its neighbour may stand apart as well, where it cannot be told from it.
            let most = frames + if missing.is_some() { 1 } else { 2 };
            assert!(each <= most, "{name}, outlet {bad} of {outlets}: {each} requests a poll");
            let samples = &room.outcomes_of(0).last().unwrap().batch.samples;
            let lacking: Vec<&Sample> = samples.iter().filter(|it| it.value().is_none()).collect();
            let expected = missing.map(Sample::Missing);
            assert!(lacking.into_iter().eq(expected.iter()), "{name}, outlet {bad} of {outlets}");
            assert!(room.outcomes_of(0).all(|it| it.batch.error.is_none()), "{name}");
        }
    }
}

#[test]
fn a_third_of_loss_each_way_is_made_good() {
    let lossy = [
        FaultRule { fault: Fault::DropRequest, rate: 0.3 },
        FaultRule { fault: Fault::DropAnswer, rate: 0.3 },
    ];
    let device = |seed: u64| {
        let settings = DeviceSettings { retries: 3, ..settings(&format!("pdu-{seed}")) };
        (spec(20).with_faults(lossy.clone(), seed), settings)
    };
    let mut room = Room::of((0..100).map(device), &profiles());
    room.run(60 * SECOND);
    let before = room.outcomes.len();
    room.run(1000 * SECOND);
    let polls = &room.outcomes[before..];
    let whole = polls.iter().filter(|(_, _, it)| is_whole(it)).count();
    assert!(9_900 < polls.len(), "{} polls", polls.len());
    assert!(99 * polls.len() <= 100 * whole, "{whole} of {}", polls.len());
}

/// The turns that a device's polls ended after, in milliseconds: how late each was.
fn lateness(room: &Room, slot: u32, from: Moment) -> Vec<u128> {
    let phase = room.shard.slots[slot as usize].phase;
    let of_slot = room.outcomes.iter().filter(|(when, it, _)| *it == slot && from <= *when);
    of_slot.map(|(when, _, _)| (when.since(Moment::ZERO + phase).as_millis()) % 10_000).collect()
}

#[test]
fn learning_between_polls_makes_no_poll_late() {
    // Learning takes 36 requests of 0.6 s, two intervals; a poll takes 5 of them.
    let mut room = Room::new((0..20).map(|_| spec(200)));
    for agent in 0..20 {
        room.fault(agent, Fault::Slow(Duration::from_millis(600)), 1.0);
    }
    room.run(120 * SECOND);
    let usual = (0..20).flat_map(|it| lateness(&room, it, Moment::ZERO + 60 * SECOND)).max().unwrap();
    let from = room.now;
    let before: Vec<u64> = room.agents.iter().map(|it| it.counters().get_bulks).collect();
    room.shard.replace_profiles(&profiles());
    room.run(240 * SECOND);
    for (slot, before) in (0..20).zip(before) {
        assert!(before + 5 < room.agents[slot as usize].counters().get_bulks, "pdu-{slot} was learnt anew");
        let late = lateness(&room, slot, from);
        assert!((23..=25).contains(&late.len()), "pdu-{slot}: {} polls in 240 s", late.len());
        let worst = *late.iter().max().unwrap();
        // The one request that is out when the turn comes may still be answered.
        assert!(worst <= usual + 650, "pdu-{slot}: {worst} ms after its turn, {usual} ms without learning");
    }
    assert!(room.outcomes.iter().filter(|(when, _, _)| from < *when).all(|(_, _, it)| is_whole(it)));
}

#[test]
fn requests_a_second_are_kept_to() {
    // What the device's settings say, and its profile: the lower rate holds.
    let ms = Duration::from_millis;
    for (gap, profile) in
        [(ms(100), ""), (ms(0), "requests_per_second = 10"), (ms(20), "requests_per_second = 10")]
    {
        keeps_to_ten_a_second(gap, &profiles_for(profile));
    }
}

fn keeps_to_ten_a_second(gap: Duration, profiles: &Arc<ProfileSet>) {
    let device = |at: usize| {
        let settings = DeviceSettings { request_gap: gap, ..settings(&format!("pdu-{at}")) };
        (spec(400).with_faults([FaultRule::from(Fault::TooBigAbove(10))], 1), settings)
    };
    let mut room = Room::of((0..3).map(device), profiles);
    room.run(400 * SECOND);
    for agent in 0..3 {
        let of_agent = room.asked.iter().filter(|(_, it)| *it == agent);
        // Who it is, and so its profile, is not known before it was asked.
        let times: Vec<Moment> = of_agent.skip(8).map(|(when, _)| *when).collect();
        assert!(1000 < times.len());
        for span in [1_usize, 10, 100] {
            // Sixteen may come at once, and then one every 100 ms.
            let most = 16 + 10 * span;
            let over = times.iter().zip(times.iter().skip(most)).any(|(first, last)| {
                last.since(*first) < u32::try_from(span).unwrap() * SECOND - Duration::from_millis(1)
            });
            assert!(!over, "pdu-{agent}: more than {most} requests in {span} s");
        }
        assert!(is_whole(room.outcomes_of(u32::try_from(agent).unwrap()).last().unwrap()));
    }
}

#[test]
fn where_the_profile_allows_it_a_poll_has_several_requests_in_flight() {
    // 801 cells take some ten requests of 20 ms each.
    let cases = [("", 8, 1), ("requests_in_flight = 4", 8, 4), ("requests_in_flight = 4", 2, 2)];
    for (profile, requests_in_flight, most) in cases {
        for kind in KINDS {
            let mut room = in_flight_room(kind, "", profile, requests_in_flight);
            room.run(15 * SECOND);
            let learnt = room.outcomes.len();
            let asked = room.asked.len();
            room.run(100 * SECOND);
            let polls: Vec<&Outcome> = room.outcomes_of(0).skip(learnt).collect();
            assert!(polls.len() == 10 && polls.iter().all(|it| is_whole(it)), "{kind}");
            let requests = (room.asked.len() - asked) / polls.len();
            assert!(6 <= requests, "{kind} {most}: {requests}");
            for batch in polls.iter().map(|it| &it.batch) {
                let rounds = batch.effort.requests.div_ceil(u32::try_from(most).unwrap());
                assert!(batch.duration <= Duration::from_millis(20) * rounds, "{kind} {most}: {batch:?}");
            }
            let at_once = room.asked[asked..].chunk_by(|a, b| a.0 == b.0).map(<[_]>::len).max().unwrap();
            assert_eq!(at_once, most, "{kind} {profile}");
        }
    }
}

/// How an agent is spoken to.
const KINDS: [&str; 4] = ["v2c", "noAuthNoPriv", "authNoPriv", "authPriv"];

/// A room with one agent of 800 cells.
fn in_flight_room(kind: &str, faults: &str, profile: &str, requests_in_flight: u8) -> Room {
    let rules: Vec<FaultRule> = faults.split_whitespace().map(|it| it.parse().unwrap()).collect();
    let level = KINDS.iter().position(|it| *it == kind).unwrap().checked_sub(1);
    let (spec, settings) = match level {
        None => (spec(400), settings("pdu")),
        Some(level) => {
            let user = &levels()[level];
            (spec(400).with_engine(engine(user)), usm_settings(user))
        }
    };
    let settings = DeviceSettings { requests_in_flight, ..settings };
    Room::of([(spec.with_faults(rules, 4), settings)], &profiles_for(profile))
}

const FOUR: &str = "requests_in_flight = 4";

#[test]
fn several_requests_in_flight_survive_loss_and_refusals() {
    for kind in KINDS {
        for faults in
            ["drop-request@0.2 drop-answer@0.2", "too-big-above=10", "gen-err-above=10", "stale@0.5"]
        {
            let mut room = in_flight_room(kind, faults, FOUR, 8);
            room.run(300 * SECOND);
            let polls: Vec<&Outcome> = room.outcomes_of(0).skip(2).collect();
            let whole = polls.iter().filter(|it| is_whole(it)).count();
            let name = format!("{kind} {faults}: {whole} of {}", polls.len());
            assert!(20 < polls.len() && 95 * polls.len() <= 100 * whole, "{name}");
            let in_flight = room.asked.chunk_by(|a, b| a.0 == b.0).map(<[_]>::len).max().unwrap();
            assert!((2..=4).contains(&in_flight), "{name}: {in_flight}");
        }
    }
    // An agent that dies in the middle of it.
    for kind in KINDS {
        let mut room = in_flight_room(kind, "", FOUR, 8);
        room.run(15 * SECOND);
        room.agents[0].silence(true);
        room.run(30 * SECOND);
        assert_eq!(room.outcomes_of(0).last().unwrap().batch.error, Some(PollError::Timeout), "{kind}");
        room.agents[0].silence(false);
        room.run(15 * SECOND);
        assert!(is_whole(room.outcomes_of(0).last().unwrap()), "{kind}");
    }
}

#[test]
fn several_requests_in_flight_survive_what_engines_and_forgers_do() {
    for kind in &KINDS[1..] {
        for faults in [
            "engine-clock=0",
            "engine-clock=5000",
            "unsigned-reports engine-clock=5000",
            "replay-answers",
            "replay-reports",
            "forge-reports",
            "duplicate",
        ] {
            let mut room = in_flight_room(kind, faults, FOUR, 8);
            room.run(100 * SECOND);
            let polls = room.outcomes_of(0).skip(2).count();
            assert!(7 < polls && room.outcomes_of(0).all(is_whole), "{kind} {faults}");
            let worst = room.outcomes_of(0).skip(2).map(|it| it.batch.effort.requests).max().unwrap();
            // Ten, and for a forger a report to each of them that is followed.
            assert!(worst <= 60, "{kind} {faults}: {worst} requests");
        }
        // A restart that loses the boots, in the middle of each poll.
        let mut room = in_flight_room(kind, "boots-lost", FOUR, 8);
        room.run(15 * SECOND);
        for _ in 0..10 {
            let (polls, asked) = (room.outcomes.len(), room.asked.len());
            while room.asked.len() < asked + 5 {
                room.run(Duration::from_millis(1));
            }
            let now = room.now;
            room.agents[0].reboot(now);
            while room.outcomes.len() == polls {
                room.run(Duration::from_millis(1));
            }
            let batch = &room.outcomes_of(0).last().unwrap().batch;
            assert!(is_whole(room.outcomes_of(0).last().unwrap()), "{kind}: {:?}", batch.error);
            assert!(batch.duration < SECOND, "{kind}: healed without a time-out: {:?}", batch.duration);
        }
    }
}

#[test]
fn devices_that_die_together_delay_nobody() {
    let mut room = Room::new((0..500).map(|_| spec(2)));
    room.run(21 * SECOND);
    for dead in 0..400 {
        room.agents[dead].silence(true);
    }
    let from = room.now;
    room.run(60 * SECOND);
    let living = room.outcomes.iter().filter(|(when, at, _)| 400 <= *at && from < *when);
    let mut polls = 0;
    for (_, at, outcome) in living {
        polls += 1;
        assert!(is_whole(outcome) && outcome.batch.duration < Duration::from_millis(50), "pdu-{at}");
    }
    assert!((590..=610).contains(&polls), "{polls} polls of the living");
    for dead in 0..400 {
        room.agents[dead].silence(false);
    }
    room.run(15 * SECOND);
    for at in 0..400 {
        assert!(is_whole(room.outcomes_of(at).last().unwrap()), "pdu-{at} is back within its interval");
    }
}

#[test]
fn a_name_that_moves_is_followed_and_its_old_address_no_longer_believed() {
    let mut room = Room::new([spec(3), spec(3)]);
    room.run(21 * SECOND);
    room.shard.remove(1);
    // The request that is out when the address changes is answered from the old one: foreign by then.
    let mark = room.now;
    while room.asked.last().is_none_or(|(when, _)| *when <= mark) {
        room.run(Duration::from_millis(1));
    }
    let seen = room.dispositions.len();
    room.shard.set_address(0, Some(address(1)));
    let (asked, polls) = (room.agents[1].counters().requests, room.outcomes_of(0).count());
    room.run(15 * SECOND);
    assert_eq!(room.dispositions[seen], Disposition::Foreign);
    assert!(asked < room.agents[1].counters().requests, "asked at its new address");
    assert!(room.outcomes_of(0).skip(polls).all(is_whole) && polls < room.outcomes_of(0).count());
    // No address at all: a failure with its own class, and the old address answers when it is back.
    room.shard.set_address(0, None);
    room.run(15 * SECOND);
    assert_eq!(room.outcomes_of(0).last().unwrap().batch.error.as_ref().unwrap().class(), "name");
    room.shard.set_address(0, Some(address(0)));
    room.run(15 * SECOND);
    assert!(is_whole(room.outcomes_of(0).last().unwrap()));
}

#[test]
fn answers_from_elsewhere_count_where_they_are_expected() {
    let elsewhere = Ipv4Addr::new(10, 9, 9, 9);
    for (answers_from, is_read) in [(vec![elsewhere.into()], true), (vec![], false)] {
        let settings = DeviceSettings { answers_from, ..settings("pdu-nat") };
        let mut room = Room::of([(spec(3), settings)], &profiles());
        room.fault(0, Fault::OtherAddress, 1.0);
        room.run(40 * SECOND);
        assert!(0 < room.outcomes_of(0).count());
        assert!(room.outcomes_of(0).all(|it| is_whole(it) == is_read));
        let foreign = room.dispositions.iter().filter(|it| **it == Disposition::Foreign).count();
        assert_eq!(foreign == 0, is_read);
    }
}

#[test]
fn a_trap_during_learning_is_followed_at_once() {
    let mut room = Room::new([spec(200)]);
    room.fault(0, Fault::Slow(Duration::from_millis(300)), 1.0);
    room.run(60 * SECOND);
    let usual = room.outcomes_of(0).last().unwrap().batch.duration;
    room.shard.replace_profiles(&profiles());
    // The next poll, and after it the learning begins.
    let polls = room.outcomes_of(0).count();
    while room.outcomes_of(0).count() == polls {
        room.run(Duration::from_millis(10));
    }
    room.run(Duration::from_millis(900));
    assert!(room.shard.slots[0].is_learning, "it is being learnt anew");
    let bulks = room.agents[0].counters().get_bulks;
    let polls = room.outcomes_of(0).count();
    room.shard.poll_now(0, now_at(room.now));
    room.run(usual + Duration::from_millis(650));
    assert_eq!(room.outcomes_of(0).count(), polls + 1, "asked after the one request that was out");
    assert!(is_whole(room.outcomes_of(0).last().unwrap()));
    room.run(60 * SECOND);
    assert!(bulks + 5 < room.agents[0].counters().get_bulks, "and then learnt to the end");
    assert!(room.outcomes_of(0).all(is_whole));
}

#[test]
fn a_cell_that_silences_its_agent_makes_no_device_look_dead() {
    let mut room = Room::new([spec(40)]);
    room.run(100 * SECOND);
    assert!(is_whole(room.outcomes_of(0).last().unwrap()));
    let before = room.outcomes_of(0).count();
    let silencer = "drop-get=1.3.6.1.4.1.9999.1.2.7".parse::<FaultRule>().unwrap();
    room.agents[0].faults().replace([silencer]);
    room.run(200 * SECOND);
    let outcomes: Vec<_> = room.outcomes_of(0).skip(before).collect();
    let failed = outcomes.iter().filter(|it| it.batch.error.is_some()).count();
    assert_eq!(failed, 1, "the poll that met with silence first");
    let told = outcomes.iter().flat_map(|it| &it.notes).filter(|it| it.contains("falls silent")).count();
    assert_eq!(told, 1, "once");
    for outcome in &outcomes[3..] {
        let missing = outcome.batch.samples.iter().filter(|it| matches!(it, Sample::Missing(_))).count();
        assert_eq!(missing, 1, "all others are read");
    }
    let (fired_before, polls) = (fired(&room, "drop-get"), room.outcomes_of(0).count());
    room.run(1600 * SECOND);
    let polls = room.outcomes_of(0).count() - polls;
    let each = usize::try_from(fired(&room, "drop-get") - fired_before).unwrap();
    assert!(each <= polls / 2, "asked {each} times in {polls} polls");
    // It heals, and nobody need do anything.
    room.agents[0].faults().replace([]);
    room.run(400 * SECOND);
    assert!(is_whole(room.outcomes_of(0).last().unwrap()));
}
