//! Agents that misbehave, one fault each from the first contact on: all are read whole in the end, and what
//! that costs stands in a table that a person reads.

use super::v3_tests::{engine, strong, usm_settings};
use super::*;
use std::fmt::Write as _;

/// What the agents here are: 12 outlets with two cells each, and sysUpTime.
const OUTLETS: u32 = 12;

/// An agent's family or a network, its fault as it is written, and how a profile must help, if at all.
const FAULTS: [(&str, &str, &str); 37] = [
    ("as the book says", "", ""),
    ("no GETBULK (dropped)", "no-getbulk", ""),
    ("no GETBULK, as the profile knows", "no-getbulk", "getbulk = false"),
    ("drops GETBULK over 4 repetitions", "drop-bulk-above=4", ""),
    ("wrong answers over 4 repetitions", "wrong-bulk-above=4", ""),
    ("the same, as the profile knows", "wrong-bulk-above=4", "max_repetitions = 4"),
    ("2 OIDs a GET, tooBig", "too-big-above=2", ""),
    ("2 OIDs a GET, genErr", "gen-err-above=2", ""),
    ("2 OIDs a GET, dropped", "drop-above=2", ""),
    ("2 OIDs a GET, cut short", "cut-above=2", ""),
    ("2 OIDs a GET, as the profile knows", "drop-above=2", "max_varbinds = 2"),
    ("8 OIDs a GET, tooBig", "too-big-above=8", ""),
    ("8 OIDs a GET, genErr", "gen-err-above=8", ""),
    ("8 OIDs a GET, dropped", "drop-above=8", ""),
    ("8 OIDs a GET, cut short", "cut-above=8", ""),
    ("tooBig with an empty list", "too-big-empty=150", ""),
    ("a cell that comes alone, tooBig", "too-big-beside=1.3.6.1.4.1.9999.1.2.7", ""),
    ("a cell that comes alone, genErr", "gen-err-beside=1.3.6.1.4.1.9999.1.2.7", ""),
    ("wrong values from a parent's walk", "wrong-from-above=1.3.6.1.4.1.9999.1.2", ""),
    ("SNMPv1 only", "v1", ""),
    ("SNMPv1 only, 2 OIDs a GET", "v1 too-big-above=2", ""),
    ("wrong sysUpTime", "wrong-up-time", ""),
    ("names in another order", "reorder", ""),
    ("a cell nobody asked for", "extra-varbind", ""),
    ("answers of 9000 octets", "oversize=9000", ""),
    ("each answer twice", "duplicate", ""),
    ("half of the answers one behind", "stale@0.5", ""),
    ("a tenth lost each way", "drop-request@0.1 drop-answer@0.1", ""),
    ("slower than the time-out", "delay=1200ms", ""),
    ("half a second of work each", "slow=500ms", ""),
    ("one answer in four broken", "corrupt=3@0.25", ""),
    ("a tenth of the answers broken", "corrupt=3@0.1", ""),
    ("a third lost each way", "drop-request@0.3 drop-answer@0.3", ""),
    ("SNMPv3, authPriv", "v3", ""),
    ("SNMPv3, a clock that stands", "v3 engine-clock=0", ""),
    ("SNMPv3, forged reports", "v3 forge-reports", ""),
    ("SNMPv3, replayed answers", "v3 replay-answers", ""),
];

pub(super) fn profiles_for(agent: &str) -> Arc<ProfileSet> {
    let text = PROFILE.replace("[match]", &format!("[agent]\n{agent}\n[match]"));
    let file = ProfileFile { path: "test.toml".into(), text, is_users: true };
    let (set, mistakes) = ProfileSet::of_files(Mibs::embedded(), [file]);
    assert_eq!(mistakes, []);
    Arc::new(set)
}

fn room_of(faults: &str, agent: &str) -> Room {
    let rules = faults.split_whitespace().filter(|it| !matches!(*it, "v1" | "v3"));
    let rules: Vec<FaultRule> = rules.map(|it| it.parse().unwrap()).collect();
    let mut spec = spec(OUTLETS).with_faults(rules, 5);
    let mut settings = settings("pdu");
    if faults.starts_with("v1") {
        spec = spec.v1_only();
        let community = Secret::new("secret");
        settings.credential = Credential::Community { version: SnmpVersion::V1, community };
    }
    if faults.starts_with("v3") {
        spec = spec.with_engine(engine(&strong()));
        settings = usm_settings(&strong());
    }
    Room::of([(spec, settings)], &profiles_for(agent))
}

/// What it took until the device was read whole, and what a poll takes from then on.
fn cost(faults: &str, agent: &str) -> String {
    let mut room = room_of(faults, agent);
    room.run(600 * SECOND);
    let is_all = |it: &Outcome| is_whole(it) && it.batch.samples.len() == 24 && is_right(it);
    let first = room.outcomes_of(0).position(is_all);
    let Some(first) = first else {
        let last = room.outcomes_of(0).last().and_then(|it| it.batch.error.as_ref());
        return format!("never read whole: {last:?}");
    };
    let (ended, _, outcome) = &room.outcomes[first];
    let began = room.asked.first().unwrap().0;
    let requests = room.asked.iter().filter(|(when, _)| when <= ended).count();
    let late: Vec<&Outcome> = room
        .outcomes
        .iter()
        .filter(|(when, _, _)| Moment::ZERO + 300 * SECOND < *when)
        .map(|it| &it.2)
        .collect();
    let whole = late.iter().filter(|it| is_all(it)).count();
    // Learning anew between polls is left out: what the polls themselves sent.
    let asked: u32 = late.iter().map(|it| it.batch.effort.requests).sum();
    let polls = u32::try_from(late.len()).unwrap();
    let took: Duration = late.iter().map(|it| it.batch.duration).sum::<Duration>() / polls;
    assert!(outcome.batch.error.is_none() && !late.is_empty());
    format!(
        "{requests:>8} {:>9.2} {:>7} {:>8.1} {:>8.0} {whole:>4} of {polls}",
        ended.since(began).as_secs_f64(),
        first,
        f64::from(asked) / f64::from(polls),
        took.as_secs_f64() * 1000.0,
    )
}

fn is_right(outcome: &Outcome) -> bool {
    outcome.batch.samples.iter().all(|it| [Sample::Value(1.5), Sample::Value(230.0)].contains(it))
}

#[test]
fn every_agent_is_read_whole_and_this_is_what_it_costs() {
    let mut table = String::from(
        "24 cells of one agent, 20 ms away, asked every 10 s, time-out 1 s, 2 retries.\n\
         Until the first whole poll: requests, seconds and polls that failed before it; then each poll's requests\n\
         and milliseconds, and how many were whole.\n\n\
         agent                                 requests         s  failed  a poll       ms   whole\n",
    );
    for (name, faults, agent) in FAULTS {
        writeln!(table, "{name:<37} {}", cost(faults, agent)).unwrap();
    }
    print!("{table}");
    assert!(
        table == include_str!("costs.txt"),
        "what it costs has changed: read both, then copy the new table"
    );
}

#[test]
fn odd_numbers_are_told_as_what_they_are() {
    let column = "1.3.6.1.4.1.9999.1.2";
    let profile = |more: &str| {
        let text = PROFILE.replace(&format!("oid = \"{column}\""), &format!("oid = \"{column}\"\n{more}"));
        let file = ProfileFile { path: "test.toml".into(), text, is_users: true };
        let (set, mistakes) = ProfileSet::of_files(Mibs::embedded(), [file]);
        assert_eq!(mistakes, []);
        Arc::new(set)
    };
    let cases = [
        ("sentinel", "-1", "missing = [-1]", Sample::Missing(Missing::NotSupported)),
        ("sentinel", "4294967295", "missing = [4294967295]", Sample::Missing(Missing::NotSupported)),
        ("sentinel", "65535", "range = [0, 65534]", Sample::Missing(Missing::OutOfRange)),
        ("as-ticks", "", "", Sample::Value(230.0)),
        ("scaled", "1000", "scale = 0.1", Sample::Value(230.0)),
        ("scaled", "1000", "range = [80, 500]", Sample::Missing(Missing::OutOfRange)),
    ];
    for (name, figure, more, expected) in cases {
        let mut rule = format!("{name}={column}");
        if !figure.is_empty() {
            rule = format!("{rule},{figure}");
        }
        let rule: FaultRule = rule.parse().unwrap();
        let settings = settings("pdu");
        let mut room = Room::of([(spec(2).with_faults([rule], 1), settings)], &profile(more));
        room.run(40 * SECOND);
        let samples = &room.outcomes_of(0).last().unwrap().batch.samples;
        let voltages: Vec<&Sample> = samples.iter().filter(|it| **it != Sample::Value(1.5)).collect();
        assert_eq!(voltages, [&expected, &expected], "{name} {figure}, {more}");
    }
}
