//! The simulator itself: every fault happens, on a real socket; others understand its answers.

use crate::support::left_out;
use crate::support::shipped;
use rackwarden::model::{Labels, Oid, Quantity, Sample, Secret, SystemClock, Value};
use rackwarden::poller::once::{self, Target};
use rackwarden::poller::settings::{Credential, DeviceSettings, SnmpVersion};
use rackwarden::profile::ProfileSet;
use rackwarden::simulator::room::{Room, RoomPlan, SimulatedDevice};
use rackwarden::simulator::{AgentSpec, Fault, Recording, Simulator, SimulatorError};
use rackwarden::snmp::wire::{ErrorStatus, PduKind, Version, decode, encode_request};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RECORDING: &str = "\
1.3.6.1.2.1.1.1.0|4|A rack PDU of ours
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1
1.3.6.1.2.1.1.3.0|67|1000
1.3.6.1.2.1.1.5.0|4|pdu-a
1.3.6.1.4.1.99999.2.1.1|2|11
1.3.6.1.4.1.99999.2.1.2|2|12
1.3.6.1.4.1.99999.2.1.3|2|13
1.3.6.1.4.1.99999.2.2.1|66|21
1.3.6.1.4.1.99999.2.2.2|66|22
1.3.6.1.4.1.99999.2.3.1|70|18446744073709551615
1.3.6.1.4.1.99999.2.4.1|64|10.0.0.1
1.3.6.1.4.1.99999.2.5.1|65|4294967295
1.3.6.1.6.3.10.2.1.3.0|2|5
";
/// How long we wait for what must not come.
const PATIENCE: Duration = Duration::from_millis(150);
const COLUMN: &str = "1.3.6.1.4.1.99999.2.1";
const CELLS: [&str; 3] = ["1.3.6.1.4.1.99999.2.1.1", "1.3.6.1.4.1.99999.2.1.2", "1.3.6.1.4.1.99999.2.2.1"];

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

fn spec() -> AgentSpec {
    AgentSpec::from_recording(&Recording::parse(RECORDING).unwrap(), "public")
}

/// One agent, and a socket to ask it with.
struct Bench {
    simulator: Simulator,
    socket: UdpSocket,
    address: SocketAddr,
}

/// An answer as it came.
struct Heard {
    datagram: Vec<u8>,
    from: SocketAddr,
    after: Duration,
}

impl Heard {
    fn request_id(&self) -> i32 {
        decode(&self.datagram).unwrap().pdu.request_id
    }

    fn status(&self) -> (ErrorStatus, u32) {
        let pdu = decode(&self.datagram).unwrap().pdu;
        (pdu.error_status, pdu.error_index)
    }

    fn varbinds(&self) -> Vec<(String, Value)> {
        let message = decode(&self.datagram).unwrap();
        let varbinds = message.pdu.varbinds.map(Result::unwrap);
        varbinds.map(|it| (it.oid().unwrap().to_string(), it.value.to_value().unwrap())).collect()
    }

    fn names(&self) -> Vec<String> {
        self.varbinds().into_iter().map(|(name, _)| name).collect()
    }
}

impl Bench {
    fn new(spec: AgentSpec) -> Self {
        let simulator = Simulator::start(vec![("127.0.0.1:0".parse().unwrap(), spec)]).unwrap();
        let address = simulator.agent(0).unwrap().address();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        Self { simulator, socket, address }
    }

    /// An agent that always goes wrong in this way.
    fn faulty(fault: &str) -> Self {
        Self::new(spec().with_faults([fault.parse().unwrap()], 7))
    }

    fn send(&self, kind: PduKind, request_id: i32, names: &[&str], repetitions: u32) {
        let oids: Vec<Oid> = names.iter().map(|it| oid(it)).collect();
        let request = encode_request(Version::V2c, b"public", kind, request_id, &oids, repetitions).unwrap();
        self.socket.send_to(&request, self.address).unwrap();
    }

    /// Waits for that many answers, however busy the machine is, and then a while for more of them.
    fn hear(&self, expected: usize) -> Vec<Heard> {
        let mut buffer = vec![0; 70_000];
        let mut heard = Vec::new();
        let start = clock();
        loop {
            let wait = if heard.len() < expected { Duration::from_secs(10) } else { PATIENCE };
            self.socket.set_read_timeout(Some(wait)).unwrap();
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { return heard };
            heard.push(Heard { datagram: buffer[..length].to_vec(), from, after: start.elapsed() });
        }
    }

    #[track_caller]
    fn one(&self, kind: PduKind, names: &[&str], repetitions: u32) -> Heard {
        self.send(kind, 1, names, repetitions);
        let mut heard = self.hear(1);
        assert_eq!(heard.len(), 1, "one answer");
        heard.remove(0)
    }

    /// Whether a request gets no answer.
    fn is_silent(&self, kind: PduKind, names: &[&str], repetitions: u32) -> bool {
        self.send(kind, 1, names, repetitions);
        self.hear(0).is_empty()
    }

    fn fired(&self, fault: &str) -> u64 {
        self.simulator.totals().faults.get(fault).copied().unwrap_or(0)
    }
}

#[expect(clippy::disallowed_methods, reason = "tests measure how long answers take")]
fn clock() -> Instant {
    Instant::now()
}

#[test]
fn a_faultless_agent_answers_once_and_right() {
    let bench = Bench::new(spec());
    let heard = bench.one(PduKind::Get, &CELLS, 0);
    assert_eq!((heard.status(), heard.request_id()), ((ErrorStatus::NO_ERROR, 0), 1));
    assert_eq!(heard.names(), CELLS);
    assert_eq!(heard.from, bench.address);
    let bulk = bench.one(PduKind::GetBulk, &[COLUMN], 3);
    assert_eq!(bulk.varbinds().last().unwrap().1, Value::Integer(13));
    let counters = bench.simulator.agent(0).unwrap().counters();
    assert_eq!((counters.requests, counters.answers, counters.gets, counters.get_bulks), (2, 2, 1, 1));
}

/// Faults after which nothing comes.
#[test]
fn silent_agents_and_lost_datagrams() {
    for (fault, counted) in [("silent", 0), ("drop-request", 0), ("drop-answer", 1)] {
        let bench = Bench::faulty(fault);
        assert!(bench.is_silent(PduKind::Get, &CELLS, 0), "{fault}");
        assert_eq!((bench.fired(fault), bench.simulator.totals().gets), (1, counted), "{fault}");
    }
}

#[test]
fn drop_answer_follows_its_rate() {
    let bench = Bench::faulty("drop-answer@0.3");
    for request_id in 0..200 {
        bench.send(PduKind::Get, request_id, &CELLS, 0);
    }
    let heard = bench.hear(110).len();
    assert!((110..170).contains(&heard), "{heard} of 200");
    assert_eq!(u64::try_from(heard).unwrap() + bench.fired("drop-answer"), 200);
}

#[test]
fn answers_come_late() {
    for fault in ["delay=80ms", "slow=80ms"] {
        let after = Bench::faulty(fault).one(PduKind::Get, &CELLS, 0).after;
        assert!(Duration::from_millis(75) <= after, "{fault}: {after:?}");
    }
}

#[test]
fn slow_agents_work_requests_off_one_by_one_and_delayed_ones_do_not() {
    let spread = |fault| {
        let bench = Bench::faulty(fault);
        for request_id in 0..4 {
            bench.send(PduKind::Get, request_id, &CELLS, 0);
        }
        let heard = bench.hear(4);
        assert_eq!(heard.len(), 4, "{fault}");
        heard[3].after - heard[0].after
    };
    assert!(Duration::from_millis(550) < spread("slow=200ms"));
    assert!(spread("delay=200ms") < Duration::from_millis(400));
}

#[test]
fn duplicate_answers() {
    let bench = Bench::faulty("duplicate");
    bench.send(PduKind::Get, 1, &CELLS, 0);
    let heard = bench.hear(2);
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].datagram, heard[1].datagram);
}

#[test]
fn stale_answers_come_with_the_next_request() {
    let bench = Bench::faulty("stale");
    bench.send(PduKind::Get, 1, &CELLS, 0);
    assert!(bench.hear(0).is_empty());
    bench.send(PduKind::Get, 2, &CELLS, 0);
    let ids: Vec<i32> = bench.hear(1).iter().map(Heard::request_id).collect();
    assert_eq!(ids, [1], "one behind");
    bench.simulator.agent(0).unwrap().set_faults([]);
    bench
        .simulator
        .agent(0)
        .unwrap()
        .add_fault("duplicate@0".parse::<rackwarden::simulator::FaultRule>().unwrap());
    bench.send(PduKind::Get, 3, &CELLS, 0);
    let ids: Vec<i32> = bench.hear(2).iter().map(Heard::request_id).collect();
    assert_eq!(ids, [2, 3], "the stale one, then the right one");
}

#[test]
fn answers_from_elsewhere() {
    let bench = Bench::faulty("other-address");
    let from = bench.one(PduKind::Get, &CELLS, 0).from;
    assert_ne!(from.ip(), bench.address.ip());
    assert_eq!(from.port(), bench.address.port());
    let bench = Bench::faulty("other-port");
    let from = bench.one(PduKind::Get, &CELLS, 0).from;
    assert_eq!(from.ip(), bench.address.ip());
    assert_ne!(from.port(), bench.address.port());
}

#[test]
fn truncated_answers() {
    let right = Bench::new(spec()).one(PduKind::Get, &CELLS, 0).datagram;
    let heard = Bench::faulty("truncate").one(PduKind::Get, &CELLS, 0).datagram;
    assert!(heard.len() < right.len());
    assert_eq!(heard, right[..heard.len()]);
    assert!(decode(&heard).is_err());
}

#[test]
fn corrupt_answers() {
    let right = Bench::new(spec()).one(PduKind::Get, &CELLS, 0).datagram;
    let heard = Bench::faulty("corrupt=2").one(PduKind::Get, &CELLS, 0).datagram;
    assert_eq!(heard.len(), right.len());
    let changed = heard.iter().zip(&right).filter(|(a, b)| a != b).count();
    assert!((1..=2).contains(&changed), "{changed}");
}

#[test]
fn oversize_answers() {
    for octets in [3000, 60_000] {
        let heard = Bench::faulty(&format!("oversize={octets}")).one(PduKind::Get, &CELLS, 0);
        assert!((octets - 200..octets + 50).contains(&heard.datagram.len()), "{}", heard.datagram.len());
        assert_eq!(heard.names().len(), CELLS.len() + 1);
    }
}

#[test]
fn wrong_heads() {
    let heard = Bench::faulty("wrong-request-id").one(PduKind::Get, &CELLS, 0);
    assert_ne!(heard.request_id(), 1);
    let heard = Bench::faulty("wrong-community").one(PduKind::Get, &CELLS, 0);
    assert_ne!(decode(&heard.datagram).unwrap().community, b"public");
}

#[test]
fn wrong_lists() {
    let names = |fault| Bench::faulty(fault).one(PduKind::Get, &CELLS, 0).names();
    assert_eq!(names("reorder"), [CELLS[2], CELLS[1], CELLS[0]]);
    assert_eq!(names("extra-varbind")[..3], CELLS);
    assert_eq!(names("extra-varbind").len(), 4);
    assert_eq!(names("missing-varbind"), CELLS[..2]);
}

#[test]
fn not_increasing_walks_go_round() {
    for (kind, repetitions) in [(PduKind::GetNext, 0), (PduKind::GetBulk, 2)] {
        let bench = Bench::faulty("not-increasing");
        let mut at = CELLS[0].to_owned();
        for _ in 0..5 {
            at = bench.one(kind, &[&at], repetitions).names().pop().unwrap();
        }
        assert_eq!(at, CELLS[0], "{kind:?}");
        assert_eq!(bench.one(PduKind::Get, &CELLS, 0).names(), CELLS, "GET is spared");
    }
}

#[test]
fn too_big() {
    let bench = Bench::faulty("too-big-empty=40");
    let heard = bench.one(PduKind::GetBulk, &[COLUMN], 3);
    assert_eq!((heard.status(), heard.names().len()), ((ErrorStatus::TOO_BIG, 0), 0));
    let heard = bench.one(PduKind::GetBulk, &[COLUMN], 1);
    assert_eq!(heard.status().0, ErrorStatus::NO_ERROR);

    let bench = Bench::faulty("too-big-above=2");
    assert_eq!(bench.one(PduKind::Get, &CELLS, 0).status(), (ErrorStatus::TOO_BIG, 0));
    assert_eq!(bench.one(PduKind::Get, &CELLS[..2], 0).names(), CELLS[..2]);
}

#[test]
fn gen_err_for_one_cell() {
    let bench = Bench::faulty("gen-err=1.3.6.1.4.1.99999.2.1.2");
    assert_eq!(bench.one(PduKind::Get, &CELLS, 0).status(), (ErrorStatus::GEN_ERR, 2));
    assert_eq!(bench.one(PduKind::Get, &CELLS[..1], 0).status(), (ErrorStatus::NO_ERROR, 0));
    assert_eq!(bench.one(PduKind::GetNext, &CELLS[..1], 0).status(), (ErrorStatus::GEN_ERR, 1));
}

#[test]
fn one_cell_spoils_a_get() {
    for (fault, status, alone) in [
        ("too-big", ErrorStatus::TOO_BIG, ErrorStatus::TOO_BIG),
        ("too-big-beside", ErrorStatus::TOO_BIG, ErrorStatus::NO_ERROR),
        ("gen-err-beside", ErrorStatus::GEN_ERR, ErrorStatus::NO_ERROR),
    ] {
        let bench = Bench::faulty(&format!("{fault}={}", CELLS[1]));
        assert_eq!(bench.one(PduKind::Get, &CELLS, 0).status(), (status, 0), "{fault}");
        assert_eq!(bench.one(PduKind::Get, &CELLS[1..2], 0).status(), (alone, 0), "{fault}");
        assert_eq!(bench.one(PduKind::Get, &CELLS[..1], 0).status().0, ErrorStatus::NO_ERROR, "{fault}");
        let walked = bench.one(PduKind::GetBulk, &[COLUMN], 3);
        assert_eq!(
            (walked.status().0, walked.names().len()),
            (ErrorStatus::NO_ERROR, 3),
            "{fault}: walks go on"
        );
    }
}

#[test]
fn cells_vanish_after_a_while() {
    let bench = Bench::faulty("vanish=1.3.6.1.4.1.99999.2.1.2,2s");
    assert_eq!(bench.one(PduKind::Get, &CELLS, 0).varbinds()[1].1, Value::Integer(12));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(bench.one(PduKind::Get, &CELLS, 0).varbinds()[1].1, Value::NoSuchInstance);
    assert_eq!(bench.one(PduKind::GetNext, &CELLS[..1], 0).names(), ["1.3.6.1.4.1.99999.2.1.3"]);
    assert!(0 < bench.fired("vanish"));
}

#[test]
fn get_bulk_is_beyond_some_agents() {
    for (fault, repetitions) in [("no-getbulk", 1), ("drop-bulk-above=4", 5)] {
        let bench = Bench::faulty(fault);
        assert!(bench.is_silent(PduKind::GetBulk, &[COLUMN], repetitions), "{fault}");
        assert_eq!(bench.one(PduKind::GetNext, &[COLUMN], 0).names(), CELLS[..1], "{fault}");
    }
    let bench = Bench::faulty("wrong-bulk-above=2");
    assert_eq!(bench.one(PduKind::GetBulk, &[COLUMN], 2).names(), CELLS[..2]);
    assert_eq!(bench.one(PduKind::GetBulk, &[COLUMN], 3).names(), [CELLS[0]; 3]);
}

#[test]
fn drop_above_spares_small_requests() {
    let bench = Bench::faulty("drop-above=2");
    assert!(bench.is_silent(PduKind::Get, &CELLS, 0));
    assert_eq!(bench.one(PduKind::Get, &CELLS[..2], 0).names(), CELLS[..2]);
}

#[test]
fn drop_get_spares_other_cells_and_walks() {
    let bench = Bench::faulty(&format!("drop-get={}", CELLS[1]));
    assert!(bench.is_silent(PduKind::Get, &CELLS, 0));
    assert!(bench.is_silent(PduKind::Get, &CELLS[1..2], 0));
    assert_eq!(bench.one(PduKind::Get, &CELLS[..1], 0).names(), CELLS[..1]);
    assert_eq!(bench.one(PduKind::GetBulk, &[COLUMN], 3).names().len(), 3);
}

/// Here by its name, or in the engine's stories, which name it in Rust.
#[test]
fn every_fault_is_tested_here() {
    let tests = include_str!("simulated.rs");
    let stories = concat!(
        include_str!("../../src/poller/shard/tests.rs"),
        include_str!("../../src/poller/shard/tests/engine_tests.rs"),
        include_str!("../../src/poller/shard/tests/faults_tests.rs"),
        include_str!("../../src/poller/shard/tests/v3_tests.rs"),
    );
    let untested: Vec<&str> = Fault::NAMES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| {
            let mut variant = String::from("Fault::");
            for word in name.split('-') {
                let (first, rest) = word.split_at(1);
                variant.push_str(&first.to_uppercase());
                variant.push_str(rest);
            }
            !tests.contains(&format!("\"{name}")) && !stories.contains(&variant)
        })
        .collect();
    assert!(untested.is_empty(), "no test makes these happen: {untested:?}");
}

#[test]
fn handles_change_agents_while_they_run() {
    let bench = Bench::new(spec());
    let agent = bench.simulator.agent(0).unwrap();
    agent.set_value(oid(CELLS[0]), Value::Integer(99));
    assert_eq!(bench.one(PduKind::Get, &CELLS, 0).varbinds()[0].1, Value::Integer(99));
    agent.unset(&oid(CELLS[0]));
    assert_eq!(bench.one(PduKind::Get, &CELLS, 0).varbinds()[0].1, Value::Integer(11));
    agent.silence(true);
    assert!(bench.is_silent(PduKind::Get, &CELLS, 0));
    agent.silence(false);
    let up_time = "1.3.6.1.2.1.1.3.0";
    let up = |bench: &Bench| bench.one(PduKind::Get, &[up_time], 0).varbinds()[0].1.integer().unwrap();
    assert!(1000 < up(&bench));
    agent.reboot();
    assert!(up(&bench) < 1000);
    assert!(bench.simulator.agent(1).is_none());
}

#[test]
fn many_addresses_share_a_port_and_answer_each_from_its_own() {
    let port = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let address = |number: u8| SocketAddr::from(([127, 77, number / 16, number % 16 + 1], port));
    let agents = (0..200).map(|it| (address(it), spec().with_name(&format!("pdu-{it}"))));
    let simulator = Simulator::start(agents.collect()).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let name = [oid("1.3.6.1.2.1.1.5.0")];
    for number in 0..200 {
        let id = i32::from(number);
        let request = encode_request(Version::V2c, b"public", PduKind::Get, id, &name, 0).unwrap();
        socket.send_to(&request, address(number)).unwrap();
    }
    let mut buffer = [0; 2000];
    for _ in 0..200 {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        let heard = Heard { datagram: buffer[..length].to_vec(), from, after: Duration::ZERO };
        let number = u8::try_from(heard.request_id()).unwrap();
        assert_eq!(from, address(number));
        assert_eq!(heard.varbinds()[0].1.text().unwrap(), format!("pdu-{number}"));
    }
    assert_eq!((simulator.totals().answers, simulator.refused()), (200, 0));
    let request = encode_request(Version::V2c, b"public", PduKind::Get, 1, &name, 0).unwrap();
    socket.send_to(&request, (Ipv4Addr::new(127, 78, 0, 1), port)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(socket.recv_from(&mut buffer).is_err(), "nobody lives there");
    assert_eq!(simulator.refused(), 1);

    simulator.agent(3).unwrap().add_fault(Fault::OtherAddress);
    socket.send_to(&request, address(3)).unwrap();
    let (_, from) = socket.recv_from(&mut buffer).unwrap();
    assert_ne!(from.ip(), address(3).ip());
    assert_eq!(from.port(), port);
}

#[test]
fn only_loopback_is_served() {
    let start = |addresses: &[&str]| {
        let agents = addresses.iter().map(|it| (it.parse().unwrap(), spec())).collect();
        Simulator::start(agents).map(|it| it.len())
    };
    for address in ["0.0.0.0:16100", "192.0.2.1:16100", "[::]:16100", "[2001:db8::1]:161"] {
        assert!(matches!(start(&[address]), Err(SimulatorError::NotLoopback(_))), "{address}");
    }
    let twice = start(&["127.0.0.1:16199", "127.0.0.1:16199"]);
    assert!(matches!(twice, Err(SimulatorError::Twice(_))));
    assert!(matches!(start(&[]), Err(SimulatorError::NoAgents)));
    assert_eq!(start(&["127.0.0.1:0", "127.0.0.1:0"]).unwrap(), 2);
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = UdpSocket::bind(taken).unwrap();
    let error = start(&[&holder.local_addr().unwrap().to_string()]).unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on 127.0.0.1:"), "{error}");
}

#[test]
fn the_crate_snmp2_understands_us() {
    let bench = Bench::new(spec());
    let timeout = Some(Duration::from_secs(2));
    let column = snmp2::Oid::from(&[1, 3, 6, 1, 4, 1, 99_999, 2]).unwrap();
    let cell = snmp2::Oid::from(&[1, 3, 6, 1, 4, 1, 99_999, 2, 1, 2]).unwrap();
    let mut session = snmp2::SyncSession::new_v2c(bench.address, b"public", timeout, 5).unwrap();
    let answer = session.get(&cell).unwrap();
    let values: Vec<String> = answer.varbinds.map(|(name, value)| format!("{name} {value:?}")).collect();
    assert_eq!(values, ["1.3.6.1.4.1.99999.2.1.2 INTEGER: 12"]);
    let answer = session.getbulk(&[&column], 0, 8).unwrap();
    assert_eq!(answer.varbinds.count(), 8);
    let mut session = snmp2::SyncSession::new_v1(bench.address, b"public", timeout, 9).unwrap();
    let answer = session.getnext(&column).unwrap();
    assert_eq!((answer.error_status, answer.varbinds.count()), (0, 1));
    let missing = snmp2::Oid::from(&[1, 3, 6, 1, 4, 1, 99_999, 9, 0]).unwrap();
    let answer = session.get(&missing).unwrap();
    assert_eq!((answer.error_status, answer.error_index), (2, 1));
}

/// Runs one of net-snmp's tools on an agent; `None`, and a word why, where it is not installed.
fn net_snmp(tool: &str, version: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(tool)
        .args(["-On", "-Oe", "-c", "public", "-t", "2", "-r", "0", "-m", "", "-v", version])
        .args(arguments)
        .env("MIBS", "")
        .env("SNMP_PERSISTENT_DIR", std::env::temp_dir().join("rackwarden-net-snmp"))
        .output();
    let Ok(output) = output else {
        left_out(&format!("{tool} is not installed (Debian package snmp)"));
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    Some(text.lines().filter(|it| !it.starts_with("Created directory")).map(|it| format!("{it}\n")).collect())
}

#[test]
fn net_snmp_understands_us() {
    let bench = Bench::new(spec());
    let agent = bench.address.to_string();
    let root = "1.3.6.1.4.1.99999";
    let run =
        |tool, version, names: &[&str]| net_snmp(tool, version, &[&[agent.as_str()][..], names].concat());
    let Some(walked) = run("snmpwalk", "2c", &[root]) else { return };
    let rows: Vec<&str> = walked.lines().collect();
    assert_eq!(rows.len(), 8, "{walked}");
    assert_eq!(rows[0], ".1.3.6.1.4.1.99999.2.1.1 = INTEGER: 11");
    assert_eq!(rows[5], ".1.3.6.1.4.1.99999.2.3.1 = Counter64: 18446744073709551615");
    assert_eq!(rows[6], ".1.3.6.1.4.1.99999.2.4.1 = IpAddress: 10.0.0.1");
    assert_eq!(rows[7], ".1.3.6.1.4.1.99999.2.5.1 = Counter32: 4294967295");
    assert_eq!(run("snmpbulkwalk", "2c", &[root]).unwrap(), walked);
    let without_counter64 = walked.replace(&format!("{}\n", rows[5]), "");
    assert_eq!(run("snmpwalk", "1", &[root]).unwrap(), without_counter64);
    let got = run("snmpget", "2c", &["1.3.6.1.2.1.1.5.0", &format!("{root}.2.1.9"), &format!("{root}.3.0")]);
    let got = got.unwrap();
    assert!(got.contains(".1.3.6.1.2.1.1.5.0 = STRING: \"pdu-a\""), "{got}");
    assert!(got.contains(".99999.2.1.9 = No Such Instance"), "{got}");
    assert!(got.contains(".99999.3.0 = No Such Object"), "{got}");
    let got = run("snmpget", "1", &["1.3.6.1.2.1.1.5.0", &format!("{root}.3.0")]).unwrap();
    assert!(got.contains("noSuchName") && got.contains("Failed object: .1.3.6.1.4.1.99999.3.0"), "{got}");
    let set = run("snmpset", "2c", &["1.3.6.1.2.1.1.5.0", "s", "mine"]).unwrap();
    assert!(set.contains("notWritable"), "{set}");
    assert_eq!(Recording::parse(&walked).unwrap().tree().len(), 8, "we read what snmpwalk prints");
}

/// A device's readings, as a poller with the shipped profiles sees them: the profile's name, and
/// component, quantity and sample of each reading.
fn polled(device: &SimulatedDevice, profiles: &Arc<ProfileSet>) -> (String, Vec<(String, Quantity, Sample)>) {
    let version = if device.version == Version::V1 { SnmpVersion::V1 } else { SnmpVersion::V2c };
    let credential = Credential::Community { version, community: Secret::new("public") };
    let timeout = Duration::from_secs(2);
    let settings = DeviceSettings {
        name: device.name.as_str().into(),
        host: device.address.ip().to_string(),
        port: device.address.port(),
        credential: credential.clone(),
        answers_from: Vec::new(),
        profile: None,
        interval: Duration::from_secs(10),
        timeout,
        retries: 1,
        request_gap: Duration::ZERO,
        requests_in_flight: 1,
        labels: Labels::default(),
        rated_current_amperes: Vec::new(),
    };
    let target = Target { address: device.address, credential, timeout, retries: 1 };
    let outcome = once::poll(&target, settings.into(), Arc::clone(profiles), SystemClock::new());
    assert_eq!(outcome.batch.error, None, "{}", device.name);
    let shape = &outcome.batch.shape;
    let readings = shape.readings.iter().zip(&outcome.batch.samples).map(|(reading, sample)| {
        let component = shape.component_of(reading).unwrap();
        let name = format!("{} {} {}", component.kind, component.index, reading.name);
        (name.trim_end().to_owned(), reading.quantity, *sample)
    });
    (outcome.batch.source.profile.to_string(), readings.collect())
}

#[test]
fn every_family_of_the_room_is_read_by_its_profile() {
    let port = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let plan = RoomPlan { pdus: 10, upses: 3, monitors: 3, port, ..RoomPlan::default() };
    let room = Room::build(11, &plan).start().unwrap();
    let profiles = Arc::new(shipped::profiles(&shipped::mibs()).0);
    for (device, readings_min) in [
        ("pdu-a01-a", 120),
        ("pdu-a02-a", 120),
        ("pdu-a03-a", 150),
        ("pdu-a04-a", 150),
        ("pdu-a05-a", 110),
        ("ups-north-1", 15),
        ("ups-north-2", 15),
        ("env-a", 8),
        ("env-c", 5),
    ] {
        let device = room.devices().iter().find(|it| it.name == device).unwrap();
        let (profile, readings) = polled(device, &profiles);
        assert_eq!(profile, device.profile, "{}", device.name);
        assert!(readings_min <= readings.len(), "{}: {} readings", device.name, readings.len());
        for (component, quantity, sample) in readings {
            let shown = format!("{}: {component} {quantity}: {sample:?}", device.name);
            match sample {
                Sample::Value(value) => assert!(is_plausible(quantity, value), "{shown}"),
                Sample::Suspect(_) => panic!("{shown}"),
                // The port behind Sentry4's last probe is empty, and says so.
                Sample::Missing(_) => assert_eq!(device.profile, "sentry4", "{shown}"),
            }
        }
    }
}

/// What a room of ours can read.
fn is_plausible(quantity: Quantity, value: f64) -> bool {
    let range = match quantity {
        Quantity::Current => -0.2..=40.0,
        Quantity::Voltage => 95.0..=440.0,
        Quantity::ActivePower | Quantity::ApparentPower | Quantity::ReactivePower => 0.0..=25_000.0,
        Quantity::Energy => 0.0..=1e9,
        Quantity::PowerFactor => 0.9..=1.0,
        Quantity::Frequency => 49.5..=50.5,
        Quantity::Temperature => 9.0..=30.0,
        Quantity::Humidity => 20.0..=70.0,
        Quantity::Load | Quantity::Charge => 0.0..=100.0,
        Quantity::Runtime => 0.0..=7200.0,
        Quantity::State => 0.0..=100.0,
        inventory => unreachable!("no agent has {inventory}"),
    };
    range.contains(&value)
}

#[test]
fn recorded_devices_walk_as_they_were_recorded() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/devices");
    if !folder.is_dir() {
        left_out("no recorded devices beside the repository");
        return;
    }
    let mut walked = 0;
    for part in ["snmprec", "walks"] {
        for file in std::fs::read_dir(folder.join(part)).unwrap() {
            let path = file.unwrap().path();
            let recording = Recording::parse_octets(&std::fs::read(&path).unwrap()).unwrap();
            let bench = Bench::new(AgentSpec::from_recording(&recording, "public"));
            assert_eq!(walk(&bench), recording.tree().len(), "{}", path.display());
            walked += 1;
        }
    }
    assert!(80 <= walked);
}

/// How many rows a walk by GETBULK finds.
fn walk(bench: &Bench) -> usize {
    let mut buffer = vec![0; 70_000];
    let mut at = oid("0.0");
    let mut rows = 0;
    bench.socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    loop {
        bench.send(PduKind::GetBulk, 1, &[&at.to_string()], 25);
        let (length, _) = bench.socket.recv_from(&mut buffer).unwrap();
        let message = decode(&buffer[..length]).unwrap();
        assert_eq!(message.pdu.error_status, ErrorStatus::NO_ERROR);
        for varbind in message.pdu.varbinds {
            let varbind = varbind.unwrap();
            if varbind.value.is_exception() {
                return rows;
            }
            let name = varbind.oid().unwrap();
            assert!(at < name);
            at = name;
            rows += 1;
        }
    }
}

#[test]
fn lists_cut_short_or_refused() {
    let bench = Bench::faulty("cut-above=2");
    assert_eq!(bench.one(PduKind::Get, &CELLS, 0).names(), CELLS[..2]);
    let bench = Bench::faulty("gen-err-above=2");
    assert_eq!(bench.one(PduKind::Get, &CELLS, 0).status(), (ErrorStatus::GEN_ERR, 0));
    assert_eq!(bench.one(PduKind::Get, &CELLS[..2], 0).status().0, ErrorStatus::NO_ERROR);
}

#[test]
fn right_names_with_wrong_values() {
    let values = |fault: &str, kind, names: &[&str], repetitions| {
        let varbinds = Bench::faulty(fault).one(kind, names, repetitions).varbinds();
        varbinds.into_iter().map(|(_, value)| value).collect::<Vec<Value>>()
    };
    let get = |fault: &str| values(fault, PduKind::Get, &CELLS[..1], 0);
    let right = values("delay=0s", PduKind::Get, &CELLS[..1], 0);
    let number = right[0].integer().unwrap();
    assert_eq!(get(&format!("sentinel={COLUMN},-1")), [Value::Integer(-1)]);
    assert_eq!(get(&format!("as-ticks={COLUMN}")), [Value::TimeTicks(u32::try_from(number).unwrap())]);
    assert_eq!(get(&format!("scaled={COLUMN},1000"))[0].integer(), Some(10 * number));
    assert_eq!(get(&format!("text={COLUMN},n/a")), [Value::OctetString(b"n/a".to_vec().into())]);
    let fault = format!("digits=1.3.6.1.4.1.99999.2.2,{COLUMN}");
    let (rows, digits) =
        (["1.3.6.1.4.1.99999.2.2.2", CELLS[1]], values(&fault, PduKind::Get, &CELLS[1..2], 0));
    assert_eq!(values(&fault, PduKind::Get, &rows, 0), [Value::Gauge32(2200), digits[0].clone()]);
    assert_eq!(digits, [Value::Gauge32(2)], "the second row has two digits");
    let fault = format!("wrong-from-above={COLUMN}");
    assert_eq!(values(&fault, PduKind::GetBulk, &[COLUMN], 1), right, "a walk of the column");
    let above = values(&fault, PduKind::GetBulk, &["1.3.6.1.4.1.99999"], 20);
    assert_ne!(above.iter().filter(|it| it.integer() == Some(99)).count(), 0, "a walk of what is above");
    assert_eq!(get(&fault), right);
}

#[test]
fn rows_may_be_numbered_by_texts() {
    let bench = Bench::faulty(&format!("string-index={COLUMN}"));
    let named = |row: u32| format!("{COLUMN}.8.114.111.119.45.48.48.48.{}", 48 + row);
    let walked = bench.one(PduKind::GetBulk, &[COLUMN], 4).names();
    assert_eq!(walked, [named(1), named(2), named(3), CELLS[2].to_owned()], "and what follows is as it was");
    let heard = bench.one(PduKind::Get, &[&named(2), CELLS[2]], 0);
    assert_eq!(heard.varbinds(), [(named(2), Value::Integer(12)), (CELLS[2].to_owned(), Value::Gauge32(21))]);
    assert_eq!(bench.one(PduKind::GetNext, &[&named(3)], 0).names(), [CELLS[2]]);
}

#[test]
fn a_wrong_up_time_goes_to_and_fro() {
    let bench = Bench::faulty("wrong-up-time");
    let up = || bench.one(PduKind::Get, &["1.3.6.1.2.1.1.3.0"], 0).varbinds()[0].1.integer();
    let seen = [up(), up(), up(), up()];
    assert!(seen.windows(2).any(|pair| pair[1] < pair[0]), "{seen:?}");
}
