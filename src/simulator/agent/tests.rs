//! Agent tests: requests in, answers out, held against RFC 1157 and RFC 3416.

use super::{Agent, AgentSpec, Outgoing, Scratch};
use crate::model::{Moment, Oid, Value};
use crate::simulator::cell::{Cell, Form, Script, text};
use crate::simulator::signal::Signal;
use crate::simulator::tree::Tree;
use crate::snmp::wire::{
    ErrorStatus, PduKind, Version, decode, encode_message, encode_request, encode_varbinds,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// Two scalars, a column with a Counter64 in its middle, and another column.
fn spec() -> AgentSpec {
    let rows = [
        ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(4_294_967_200)),
        ("1.3.6.1.2.1.1.5.0", text("pdu-a")),
        ("1.3.6.1.4.1.9.1.1", Value::Integer(1)),
        ("1.3.6.1.4.1.9.1.2", Value::Counter64(2)),
        ("1.3.6.1.4.1.9.1.3", Value::Gauge32(3)),
        ("1.3.6.1.4.1.9.2.1", Value::Integer(21)),
    ];
    let tree = Tree::new(rows.map(|(name, value)| (oid(name), value))).unwrap();
    AgentSpec::new(Arc::new(tree), "public")
}

/// An answer, as "status index: name=value ..", with names below 1.3.6.1 and values in short.
fn ask_at(agent: &mut Agent, second: u64, request: &[u8]) -> Option<String> {
    let mut answers = Vec::new();
    let now = Moment::after_zero(Duration::from_secs(second));
    agent.handle(request, now, &mut Scratch::default(), &mut |outgoing: Outgoing<'_>| {
        answers.push(outgoing.datagram.to_vec());
    });
    let answer = answers.first()?;
    let message = decode(answer).unwrap();
    assert_eq!((message.pdu.kind, message.pdu.request_id), (PduKind::Response, 77));
    let mut shown = format!("{} {}:", message.pdu.error_status.name(), message.pdu.error_index);
    for varbind in message.pdu.varbinds {
        let varbind = varbind.unwrap();
        let name = varbind.oid().unwrap().to_string();
        let value = match varbind.value.to_value().unwrap() {
            Value::OctetString(octets) => String::from_utf8_lossy(&octets).into_owned(),
            Value::NoSuchObject => "noSuchObject".to_owned(),
            Value::NoSuchInstance => "noSuchInstance".to_owned(),
            Value::EndOfMibView => "endOfMibView".to_owned(),
            Value::Null => "null".to_owned(),
            value => value.integer().unwrap().to_string(),
        };
        shown = format!("{shown} {}={value}", name.strip_prefix("1.3.6.1.").unwrap_or(&name));
    }
    Some(shown)
}

fn request(version: Version, kind: PduKind, names: &str, non_repeaters: u32, repetitions: u32) -> Vec<u8> {
    let mut varbinds = Vec::new();
    for name in names.split_whitespace() {
        encode_varbinds(&mut varbinds, [(&oid(&format!("1.3.6.1.{name}")), &Value::Null)]).unwrap();
    }
    let mut datagram = Vec::new();
    let status = ErrorStatus(non_repeaters);
    encode_message(&mut datagram, version, b"public", kind, 77, status, repetitions, &varbinds);
    datagram
}

#[track_caller]
fn check(version: Version, kind: PduKind, names: &str, expected: &str) {
    let mut agent = Agent::start(spec(), Moment::ZERO);
    let answer = ask_at(&mut agent, 0, &request(version, kind, names, 0, 0));
    assert_eq!(answer.as_deref(), Some(expected), "{version:?} {kind:?} {names}");
}

#[track_caller]
fn check_bulk(names: &str, non_repeaters: u32, repetitions: u32, expected: &str) {
    let mut agent = Agent::start(spec(), Moment::ZERO);
    let datagram = request(Version::V2c, PduKind::GetBulk, names, non_repeaters, repetitions);
    assert_eq!(ask_at(&mut agent, 0, &datagram).as_deref(), Some(expected), "{names}");
}

#[test]
fn v2c_get_marks_what_is_missing() {
    use PduKind::Get;
    let check = |names, expected| check(Version::V2c, Get, names, expected);
    check("2.1.1.5.0 4.1.9.1.2", "noError 0: 2.1.1.5.0=pdu-a 4.1.9.1.2=2");
    check("4.1.9.1.9 2.1.1.5.0", "noError 0: 4.1.9.1.9=noSuchInstance 2.1.1.5.0=pdu-a");
    check("4.1.9.1", "noError 0: 4.1.9.1=noSuchInstance");
    check("4.1.10.1.1", "noError 0: 4.1.10.1.1=noSuchObject");
    check("4.1.9.2.1 4.1.9.2.1", "noError 0: 4.1.9.2.1=21 4.1.9.2.1=21");
    check("", "noError 0:");
}

#[test]
fn v1_get_names_the_first_that_is_missing_and_sends_the_request_back() {
    use PduKind::Get;
    let check = |names, expected| check(Version::V1, Get, names, expected);
    check("2.1.1.5.0 4.1.9.1.1", "noError 0: 2.1.1.5.0=pdu-a 4.1.9.1.1=1");
    check("2.1.1.5.0 4.1.9.1.9", "noSuchName 2: 2.1.1.5.0=null 4.1.9.1.9=null");
    check("4.1.9.1.2", "noSuchName 1: 4.1.9.1.2=null");
}

#[test]
fn get_next_walks_in_order() {
    use PduKind::GetNext;
    check(Version::V2c, GetNext, "2.1.1.3.0", "noError 0: 2.1.1.5.0=pdu-a");
    check(Version::V2c, GetNext, "2.1 4.1.9.1.1", "noError 0: 2.1.1.3.0=4294967200 4.1.9.1.2=2");
    check(Version::V2c, GetNext, "4.1.9.2.1", "noError 0: 4.1.9.2.1=endOfMibView");
    check(Version::V1, GetNext, "4.1.9.1.1", "noError 0: 4.1.9.1.3=3");
    check(Version::V1, GetNext, "2.1.1.5.0 4.1.9.2.1", "noSuchName 2: 2.1.1.5.0=null 4.1.9.2.1=null");
}

#[test]
fn get_bulk_goes_row_by_row() {
    check_bulk("4.1.9.1", 0, 2, "noError 0: 4.1.9.1.1=1 4.1.9.1.2=2");
    check_bulk(
        "2.1.1.5 4.1.9.1 4.1.9.2",
        1,
        2,
        "noError 0: 2.1.1.5.0=pdu-a 4.1.9.1.1=1 4.1.9.2.1=21 4.1.9.1.2=2 4.1.9.2.1=endOfMibView",
    );
    check_bulk("4.1.9.2", 0, 9, "noError 0: 4.1.9.2.1=21 4.1.9.2.1=endOfMibView");
    check_bulk("4.1.9.2", 0, 0, "noError 0:");
    check_bulk("4.1.9.2", 7, 0, "noError 0: 4.1.9.2.1=21");
    check_bulk("", 0, 5, "noError 0:");
}

#[test]
fn set_is_refused() {
    let values = |version| {
        let mut varbinds = Vec::new();
        encode_varbinds(&mut varbinds, [(&oid("1.3.6.1.2.1.1.5.0"), &text("mine"))]).unwrap();
        let mut datagram = Vec::new();
        let status = ErrorStatus::NO_ERROR;
        encode_message(&mut datagram, version, b"public", PduKind::Set, 77, status, 0, &varbinds);
        ask_at(&mut Agent::start(spec(), Moment::ZERO), 0, &datagram).unwrap()
    };
    assert_eq!(values(Version::V1), "noSuchName 1: 2.1.1.5.0=mine");
    assert_eq!(values(Version::V2c), "notWritable 1: 2.1.1.5.0=mine");
}

#[test]
fn answers_keep_to_the_size_limit() {
    let ask = |version, kind, names, octets| {
        let mut agent = Agent::start(spec().with_message_octets_max(octets), Moment::ZERO);
        ask_at(&mut agent, 0, &request(version, kind, names, 0, 9)).unwrap()
    };
    let (get, next, bulk) = (PduKind::Get, PduKind::GetNext, PduKind::GetBulk);
    let names = "4.1.9.1.1 4.1.9.1.3 4.1.9.2.1 4.1.9.1.1";
    assert_eq!(ask(Version::V2c, get, names, 100), "tooBig 0:");
    assert_eq!(
        ask(Version::V1, get, names, 100),
        "tooBig 0: 4.1.9.1.1=null 4.1.9.1.3=null 4.1.9.2.1=null 4.1.9.1.1=null"
    );
    assert_eq!(ask(Version::V1, next, "2.1 2.1 2.1", 80), "tooBig 0: 2.1=null 2.1=null 2.1=null");
    assert_eq!(ask(Version::V2c, bulk, "4.1.9.1.1", 84), "noError 0: 4.1.9.1.2=2 4.1.9.1.3=3", "cut short");
    assert_eq!(ask(Version::V2c, bulk, "4.1.9", 50), "tooBig 0:", "not even one fits");
    assert!(ask(Version::V2c, bulk, "4.1.9", 1472).ends_with("4.1.9.2.1=endOfMibView"));
}

#[test]
fn strangers_meet_silence_and_are_counted() {
    let mut agent = Agent::start(spec(), Moment::ZERO);
    let names = [oid("1.3.6.1.2.1.1.5.0")];
    let wrong = encode_request(Version::V2c, b"private", PduKind::Get, 77, &names, 0).unwrap();
    let bulk_in_v1 = request(Version::V1, PduKind::GetBulk, "2.1", 0, 1);
    let response = request(Version::V2c, PduKind::Response, "2.1", 0, 0);
    for datagram in [&wrong, &bulk_in_v1, &response, &vec![], &vec![0x30, 0x80], &wrong[..9].to_vec()] {
        assert_eq!(ask_at(&mut agent, 0, datagram), None, "{datagram:02x?}");
    }
    let counters = agent.counters();
    assert_eq!((counters.requests, counters.answers), (6, 0));
    assert_eq!((counters.wrong_community, counters.malformed), (1, 5));

    let mut agent = Agent::start(spec().v1_only(), Moment::ZERO);
    assert_eq!(ask_at(&mut agent, 0, &request(Version::V2c, PduKind::Get, "2.1.1.5.0", 0, 0)), None);
    assert!(ask_at(&mut agent, 0, &request(Version::V1, PduKind::Get, "2.1.1.5.0", 0, 0)).is_some());
    assert_eq!(agent.counters().wrong_version, 1);
}

#[test]
fn up_time_advances_wraps_and_starts_anew() {
    let mut agent = Agent::start(spec(), Moment::ZERO);
    let get = request(Version::V2c, PduKind::Get, "2.1.1.3.0", 0, 0);
    let up = |agent: &mut Agent, second| ask_at(agent, second, &get).unwrap();
    assert_eq!(up(&mut agent, 0), "noError 0: 2.1.1.3.0=4294967200");
    assert_eq!(up(&mut agent, 1), "noError 0: 2.1.1.3.0=4");
    agent.reboot(Moment::after_zero(Duration::from_secs(5)));
    assert_eq!(up(&mut agent, 7), "noError 0: 2.1.1.3.0=200");
}

#[test]
fn cells_lie_over_and_beside_the_rows() {
    let signal = Signal::Step { before: 1.0, after: 9.0, at: Duration::from_secs(10) };
    let script = Script { steps: vec![(Duration::from_secs(5), Some(Value::Integer(5)))], repeat: None };
    let spec = spec()
        .with_name("pdu-b")
        .with_cell(oid("1.3.6.1.4.1.9.1.1"), Cell::Signal { signal, form: Form::Integer })
        .with_cell(oid("1.3.6.1.4.1.9.1.25"), Cell::Script(script))
        .with_cell(oid("1.3.6.1.4.1.9.1.3"), Cell::Absent);
    let mut agent = Agent::start(spec, Moment::ZERO);
    let get = request(Version::V2c, PduKind::Get, "2.1.1.5.0 4.1.9.1.1 4.1.9.1.3 4.1.9.1.25", 0, 0);
    let bulk = request(Version::V2c, PduKind::GetBulk, "4.1.9.1", 0, 4);
    let mut at =
        |second| (ask_at(&mut agent, second, &get).unwrap(), ask_at(&mut agent, second, &bulk).unwrap());
    let (get_early, walk_early) = at(4);
    assert_eq!(
        get_early,
        "noError 0: 2.1.1.5.0=pdu-b 4.1.9.1.1=1 4.1.9.1.3=noSuchInstance 4.1.9.1.25=noSuchInstance"
    );
    assert_eq!(walk_early, "noError 0: 4.1.9.1.1=1 4.1.9.1.2=2 4.1.9.2.1=21 4.1.9.2.1=endOfMibView");
    let (get_late, walk_late) = at(10);
    assert_eq!(get_late, "noError 0: 2.1.1.5.0=pdu-b 4.1.9.1.1=9 4.1.9.1.3=noSuchInstance 4.1.9.1.25=5");
    assert_eq!(walk_late, "noError 0: 4.1.9.1.1=9 4.1.9.1.2=2 4.1.9.1.25=5 4.1.9.2.1=21");
    agent.unset(&oid("1.3.6.1.4.1.9.1.3"));
    assert!(ask_at(&mut agent, 10, &get).unwrap().contains("4.1.9.1.3=3"));
}

/// Counts seconds; says nothing new before the second has changed.
struct Seconds {
    last: Option<u64>,
}

impl super::Model for Seconds {
    fn oids(&self) -> Vec<Oid> {
        vec![oid("1.3.6.1.4.1.9.1.1"), oid("1.3.6.1.4.1.9.2.1"), oid("1.3.6.1.4.1.9.9.9")]
    }

    fn read(&mut self, time: Duration, values: &mut Vec<Value>) {
        if self.last.replace(time.as_secs()) == Some(time.as_secs()) {
            return;
        }
        let second = i64::try_from(time.as_secs()).unwrap();
        values.extend([second, second * 2, second * 3].map(Value::Integer));
    }
}

#[test]
fn a_model_gives_its_cells_and_set_wins_over_it() {
    let model = Arc::new(Mutex::new(Seconds { last: None }));
    let mut agent = Agent::start(spec().with_model(model), Moment::ZERO);
    let get = request(Version::V2c, PduKind::Get, "4.1.9.1.1 4.1.9.2.1 4.1.9.1.3", 0, 0);
    for _ in 0..2 {
        let answer = ask_at(&mut agent, 4, &get).unwrap();
        assert_eq!(answer, "noError 0: 4.1.9.1.1=4 4.1.9.2.1=8 4.1.9.1.3=3");
    }
    agent.set(oid("1.3.6.1.4.1.9.2.1"), Cell::Fixed(Value::Integer(-1)));
    let answer = ask_at(&mut agent, 6, &get).unwrap();
    assert_eq!(answer, "noError 0: 4.1.9.1.1=6 4.1.9.2.1=-1 4.1.9.1.3=3");
}

proptest::proptest! {
    #[test]
    fn any_datagram_is_borne(datagram in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let mut agent = Agent::start(spec(), Moment::ZERO);
        agent.handle(&datagram, Moment::ZERO, &mut Scratch::default(), &mut |_| ());
    }

    #[test]
    fn a_changed_octet_is_borne(at in 0usize..60, octet in proptest::prelude::any::<u8>()) {
        let mut agent = Agent::start(spec(), Moment::ZERO);
        let mut datagram = request(Version::V2c, PduKind::GetBulk, "2.1.1.5 4.1.9", 1, 5);
        if let Some(changed) = datagram.get_mut(at) {
            *changed = octet;
        }
        agent.handle(&datagram, Moment::ZERO, &mut Scratch::default(), &mut |_| ());
    }
}
