//! What fuzzers call: each decoder with any octets, and what must hold of whatever it makes of them.
//!
//! Not part of the binary: compiled for the fuzzer in `fuzz/` (`--cfg fuzzing`) and for the tests below,
//! which run the same functions over a seeded corpus. A body panics where something does not hold.

#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a fuzz body fails by a panic"
)]

use crate::mib::Mibs;
use crate::model::{Cells, Missing, Moment, Oid, Secret, Value};
use crate::profile::{ProfileFile, ProfileSet};
use crate::simulator::Recording;
use crate::snmp::trap::{TrapCredential, TrapDesk, TrapPolicy, TrapSender};
use crate::snmp::v3::message::{Outgoing, Protection};
use crate::snmp::v3::{
    self, Account, AuthProtocol, Authority, EngineId, KeyCache, KeySource, LocalizedKeys, Opened,
    PrivProtocol, Received, SecurityLevel, User,
};
use crate::snmp::wire::{
    ErrorStatus, Names, PduKind, Varbinds, Version, decode, decode_notification, encode_message,
    encode_varbinds,
};
use crate::snmp::{Apart, GetJob, GetLimits, GetStep, Walk, WalkLimits};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// A decoder, called with octets.
pub type Body = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Body); 14] = [
    ("wire", wire),
    ("notification", notification),
    ("v3_session", v3_session),
    ("v3_authority", v3_authority),
    ("v3_notification", v3_notification),
    ("trap_desk", trap_desk),
    ("names", names),
    ("get_job", get_job),
    ("walk", walk),
    ("profile", profile),
    ("config", config),
    ("recording", recording),
    ("redfish", redfish),
    ("event_stream", event_stream),
];

/// All bindings of a list, which ends; what is read can be written, and reads the same again.
fn all(varbinds: &Varbinds<'_>) {
    let mut count = 0;
    for varbind in varbinds.clone() {
        count += 1;
        let Ok(varbind) = varbind else { break };
        let (Ok(name), Ok(value)) = (varbind.oid(), varbind.value.to_value()) else { continue };
        let mut octets = Vec::new();
        if encode_varbinds(&mut octets, [(&name, &value)]).is_ok() {
            let again = Varbinds::from_octets(&octets).next().unwrap().unwrap();
            assert_eq!((again.oid().unwrap(), again.value.to_value().unwrap()), (name, value));
        }
    }
    assert!(count <= varbinds.octets().len() + 1);
}

/// A tree of documents, `{"/redfish/v1/..": {..}, ..}`: learnt, mapped, planned and read, whatever stands in it.
pub fn redfish(octets: &[u8]) {
    use crate::redfish::learn::{Learner, Refusal};
    let Ok(serde_json::Value::Object(documents)) = serde_json::from_slice(octets) else { return };
    let origin = crate::redfish::uri::Origin::parse("https://192.0.2.7").unwrap();
    let mut learner = Learner::new(origin.clone());
    let mut asked = 0;
    while let Some(want) = learner.ask() {
        asked += 1;
        assert!(asked <= crate::redfish::limits::LEARN_REQUESTS_MAX, "it ends");
        let found = documents.get(want.uri.key()).cloned();
        let missing = Missing::NoSuchInstance;
        learner.take(want, found.ok_or(Refusal { missing, is_of_query: false }));
    }
    assert!(learner.is_done());
    let tree = learner.into_tree();
    let mapped = crate::redfish::map::map(&origin, &tree);
    let readings = mapped.draft.readings.len();
    let plan = crate::redfish::plan::Planner::new(&origin, &tree, mapped.draft).plan();
    let mut samples = plan.unasked(Missing::NotPolled);
    assert_eq!((samples.len(), plan.shape.readings.len()), (readings, readings));
    for reading in plan.shape.readings.iter() {
        assert!(plan.shape.component_of(reading).is_some(), "each reading has its component");
    }
    for request in &plan.wiring.requests {
        if let Some(document) = documents.get(request.uri.key()) {
            drop(plan.read(&origin, request, document, &mut samples, None));
        }
    }
    assert!(samples.iter().filter_map(|it| it.value()).all(f64::is_finite));
}

/// A stream of events, in pieces of any length.
pub fn event_stream(octets: &[u8]) {
    let whole = crate::redfish::sse::EventStream::default().take(octets);
    let mut pieces = crate::redfish::sse::EventStream::default();
    let split = octets.first().map_or(1, |it| usize::from(*it).max(1));
    assert_eq!(octets.chunks(split).map(|it| pieces.take(it)).sum::<usize>(), whole);
    assert!(whole <= octets.len());
}

/// A v1 or v2c message.
pub fn wire(octets: &[u8]) {
    let Ok(message) = decode(octets) else { return };
    all(&message.pdu.varbinds);
    let mut again = Vec::new();
    let pdu = &message.pdu;
    encode_message(
        &mut again,
        message.version,
        message.community,
        pdu.kind,
        pdu.request_id,
        pdu.error_status,
        pdu.error_index,
        pdu.varbinds.octets(),
    );
    let read = decode(&again).unwrap();
    assert_eq!((read.version, read.community), (message.version, message.community));
    assert_eq!((read.pdu.kind, read.pdu.request_id), (pdu.kind, pdu.request_id));
    assert_eq!((read.pdu.error_status, read.pdu.error_index), (pdu.error_status, pdu.error_index));
    assert_eq!(read.pdu.varbinds.octets(), pdu.varbinds.octets());
}

/// A trap or inform of v1 or v2c.
pub fn notification(octets: &[u8]) {
    if let Ok(message) = decode_notification(octets) {
        let _ = (message.notification.trap_oid(), message.notification.agent());
    }
}

/// Some octets, taken one after another.
struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn one(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Up to so many.
    fn some(&mut self, count: usize) -> &'a [u8] {
        let (some, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        some
    }
}

static USER: LazyLock<Arc<User>> = LazyLock::new(|| {
    let phrase = |text: &str| KeySource::Passphrase(Secret::new(text));
    let auth = (AuthProtocol::Sha256, phrase("maplesyrup"));
    let privacy = (PrivProtocol::Aes128, phrase("otherpassphrase"));
    Arc::new(User::new("ops", Some(auth), Some(privacy)).unwrap())
});
static ENGINE: LazyLock<EngineId> = LazyLock::new(|| EngineId::new(b"\x80\x00\x1f\x88\x04fuzz").unwrap());
static KEYS: LazyLock<Arc<LocalizedKeys>> = LazyLock::new(|| KeyCache::new().derive(&USER, &ENGINE).unwrap());

const NOW: Moment = Moment::ZERO;
const MESSAGE_ID: i32 = 0x0007_0001;
const NONCE: i32 = 0x4711;

/// A message whose parts the octets choose, really protected: what an agent with the keys could send.
fn sealed(octets: &mut Octets<'_>) -> Vec<u8> {
    let mode = octets.one().unwrap_or_default();
    let level = [SecurityLevel::NoAuthNoPriv, SecurityLevel::AuthNoPriv, SecurityLevel::AuthPriv];
    let level = level[usize::from(mode & 3) % 3];
    let kinds = [PduKind::Response, PduKind::Report, PduKind::Get, PduKind::TrapV2];
    let mut out = Vec::new();
    let outgoing = Outgoing {
        message_id: if mode & 4 == 0 { MESSAGE_ID } else { 9 },
        reportable: mode & 8 != 0,
        engine_id: if mode & 16 == 0 { ENGINE.as_slice() } else { octets.some(7) },
        boots: octets.one().unwrap_or_default().into(),
        time: u32::from(octets.one().unwrap_or_default()) << 4,
        user_name: if mode & 32 == 0 { b"ops" } else { octets.some(3) },
        protection: Protection::new(level, Some(&KEYS), 1).unwrap(),
        context_engine_id: ENGINE.as_slice(),
        context_name: &[],
        kind: kinds[usize::from(octets.one().unwrap_or_default()) % kinds.len()],
        request_id: if mode & 64 == 0 { NONCE } else { 5 },
        status: ErrorStatus(octets.one().unwrap_or_default().into()),
        index: octets.one().unwrap_or_default().into(),
        varbinds: octets.0,
    };
    outgoing.write(&mut out);
    out
}

fn ask(session: &mut v3::Session, out: &mut Vec<u8>) {
    let name = Oid::new(&[1, 3, 6, 1, 2, 1, 1, 3, 0]);
    let names = Names::new([&name]).unwrap();
    let ok = ErrorStatus::NO_ERROR;
    for _ in 0..4 {
        out.clear();
        let written = session.write(MESSAGE_ID, PduKind::Get, ok, 0, names.run(0, 1), NOW, out);
        let Err(need) = written else { return };
        // Keys of any other engine are as good: none of them is that of the octets.
        session.set_keys(&need.engine, &KEYS);
    }
    panic!("keys do not help");
}

/// What a device's address sends to a session: raw octets, or a message that is really protected.
pub fn v3_session(octets: &[u8]) {
    let mut session = v3::Session::new(Arc::clone(&USER), 1);
    let mut out = Vec::new();
    let mut scratch = Vec::new();
    session.begin_request(NONCE);
    ask(&mut session, &mut out);
    let mut rest = Octets(octets);
    for _ in 0..4 {
        let length = usize::from(rest.one().unwrap_or_default()) << 1;
        let mut piece = Octets(rest.some(length));
        let is_raw = piece.one().unwrap_or_default() & 1 == 0;
        let datagram = if is_raw { piece.0.to_vec() } else { sealed(&mut piece) };
        let before = session.engine_boots();
        let again = match session.read(MESSAGE_ID, &datagram, NOW, &mut scratch) {
            Received::Response(pdu) => {
                all(&pdu.varbinds);
                assert!(!is_raw, "an unsealed answer was believed");
                false
            }
            Received::WriteAgain => true,
            Received::Wait(_) => false,
            Received::Failed(_) => {
                assert!(!is_raw, "an unsealed report was believed");
                false
            }
        };
        assert!(!is_raw || before == session.engine_boots(), "raw octets changed what is proved");
        if again {
            ask(&mut session, &mut out);
        }
    }
}

fn account(name: &[u8]) -> Option<Account> {
    (name == b"ops").then(|| Account { user: Arc::clone(&USER), keys: Some(Arc::clone(&KEYS)) })
}

/// What anyone sends to an engine of ours.
pub fn v3_authority(octets: &[u8]) {
    let mut authority = Authority::new(*ENGINE, 3, Moment::ZERO, 1);
    let mut octets = Octets(octets);
    let is_raw = octets.one().unwrap_or_default() & 1 == 0;
    let datagram = if is_raw { octets.0.to_vec() } else { sealed(&mut octets) };
    let (mut scratch, mut out) = (Vec::new(), Vec::new());
    match authority.open(&datagram, NOW, account, &mut scratch) {
        Err(_) => (),
        Ok(Opened::Refused(refused)) => {
            authority.write_report(&refused, NOW, &mut out);
            assert!(out.is_empty() || v3::is_v3(&out));
        }
        Ok(Opened::Request(request)) => {
            all(&request.pdu.varbinds);
            assert!(!is_raw || request.level == SecurityLevel::NoAuthNoPriv);
            let varbinds = request.pdu.varbinds.octets();
            authority.write_response(&request, ErrorStatus::NO_ERROR, 0, varbinds, NOW, &mut out);
            assert!(v3::is_v3(&out));
        }
    }
}

/// A trap of SNMPv3.
pub fn v3_notification(octets: &[u8]) {
    let mut octets = Octets(octets);
    let is_raw = octets.one().unwrap_or_default() & 1 == 0;
    let datagram = if is_raw { octets.0.to_vec() } else { sealed(&mut octets) };
    let mut scratch = Vec::new();
    let read = v3::open_notification(&datagram, |name, _| account(name), &mut scratch);
    assert!(!(is_raw && read.is_ok()), "an unsealed trap was believed");
}

/// What comes to the trap listener.
pub fn trap_desk(octets: &[u8]) {
    let engine = EngineId::new(&[0x80, 0, 0, 0, 1]).unwrap();
    let authority = Authority::new(engine, 1, NOW, 7);
    let mut desk = TrapDesk::new(authority, Arc::new(KeyCache::new()));
    let here = std::net::IpAddr::from([10, 0, 0, 1]);
    let sender = TrapSender {
        name: Arc::from("pdu"),
        addresses: vec![here],
        credential: TrapCredential::Community(Secret::new("public")),
    };
    desk.replace(TrapPolicy::default(), [sender]);
    let (mut reply, mut asked) = (Vec::new(), 0);
    desk.receive(NOW, (here, 162).into(), octets, &mut reply, &mut |_| asked += 1);
    // A report of SNMPv3 names our engine and its clock.
    assert!(asked <= 1 && reply.len() <= octets.len() + 160);
}

/// OIDs in both forms, and lists of names.
pub fn names(octets: &[u8]) {
    if let Ok(oid) = Oid::decode_content(octets) {
        let mut content = Vec::new();
        oid.encode_content(&mut content).unwrap();
        assert_eq!(Oid::decode_content(&content).unwrap(), oid);
        assert_eq!(oid.to_string().parse::<Oid>().unwrap(), oid);
        let names = Names::new([&oid, &oid]).unwrap();
        assert_eq!((names.name(0), names.name(1)), (&*content, &*content));
    }
    if let Ok(text) = std::str::from_utf8(octets)
        && let Ok(oid) = text.parse::<Oid>()
    {
        assert_eq!(oid.to_string().parse::<Oid>().unwrap(), oid);
    }
    all(&Varbinds::from_octets(octets));
}

/// Answers and silence by turns: a message, or `None`.
fn answer(octets: &mut Octets<'_>, asked: &[u8]) -> Option<Vec<u8>> {
    let mode = octets.one()?;
    if mode & 7 == 7 {
        return None;
    }
    let status = if mode & 8 == 0 { 0 } else { u32::from(octets.one().unwrap_or_default()) % 20 };
    let index = if mode & 16 == 0 { 0 } else { octets.one().unwrap_or_default().into() };
    let varbinds = if mode & 32 == 0 {
        let length = usize::from(octets.one().unwrap_or_default()) << 1;
        octets.some(length).to_vec()
    } else {
        asked.to_vec()
    };
    let mut out = Vec::new();
    let (kind, status) = (PduKind::Response, ErrorStatus(status));
    encode_message(&mut out, Version::V2c, b"c", kind, 1, status, index, &varbinds);
    Some(out)
}

/// The answers of some polls, each of which goes by what those before it came to.
pub fn get_job(octets: &[u8]) {
    let mut octets = Octets(octets);
    let count = u32::from(octets.one().unwrap_or_default()) % 100;
    let oids: Vec<Oid> = (0..count).map(|it| Oid::new(&[1, 3, 6, 1, 4, 1, 9, it / 10, it % 10])).collect();
    let names = Arc::new(Names::new(&oids).unwrap());
    let mut limits = GetLimits::new(usize::from(octets.one().unwrap_or_default()));
    let mut apart: Option<Box<Apart>> = None;
    for _ in 0..4 {
        let mut job = match &apart {
            Some(apart) => apart.job(limits),
            None => GetJob::new(Arc::clone(&names), limits),
        };
        let mut steps = 0;
        while !job.is_done() {
            steps += 1;
            assert!(steps <= 4 * oids.len() + 8, "a job must end");
            let asked = job.request().varbinds.to_vec();
            let step = match answer(&mut octets, &asked) {
                Some(message) => job.on_response(&decode(&message).unwrap().pdu, &mut Cells::default()),
                None => job.on_give_up(true),
            };
            assert_eq!(step == GetStep::Done, job.is_done());
        }
        if let Some(apart) = &apart {
            let mut order = apart.order().to_vec();
            order.sort_unstable();
            assert!(order.is_empty() || order.into_iter().eq(0..count), "each cell once");
            job.put_in_order(apart.order());
        }
        let (next, is_spoilt) = Apart::after(apart.take(), &job, &names);
        (apart, limits) = (next, job.limits());
        if is_spoilt {
            limits.forget();
        }
        let cells = job.take_cells();
        assert_eq!(cells.len(), oids.len());
        assert!(cells.iter().all(|it| it != Err(Missing::NotPolled)), "each says why it was not read");
    }
}

/// A walk's answers.
pub fn walk(octets: &[u8]) {
    let mut octets = Octets(octets);
    let root = Oid::new(&[1, 3, 6, 1]);
    let mut walk = Walk::new(root.clone(), WalkLimits { rows_max: 200, ..WalkLimits::default() });
    for _ in 0..2000 {
        let asked = walk.request().varbinds.to_vec();
        let end = match answer(&mut octets, &asked) {
            Some(message) => walk.on_response(&decode(&message).unwrap().pdu).is_some(),
            None => {
                walk.on_timeout();
                !walk.on_give_up()
            }
        };
        if end {
            break;
        }
    }
    let rows: Vec<(Oid, Value)> = walk.rows().iter().collect();
    assert!(rows.len() <= 200 && rows.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(rows.iter().all(|(name, _): &(Oid, Value)| name.starts_with(&root)));
}

/// A profile, and what it makes of nothing.
pub fn profile(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let file = ProfileFile { path: "fuzz.toml".into(), text: text.to_owned(), is_users: true };
    let (_, mistakes) = ProfileSet::of_files(Mibs::embedded(), [file]);
    mistakes.iter().for_each(|it| assert!(!it.to_string().is_empty()));
}

/// A configuration file.
pub fn config(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    crate::config::read_text(text);
}

/// A recording, and an agent that answers from it.
pub fn recording(octets: &[u8]) {
    let Ok(recording) = Recording::parse_octets(octets) else { return };
    let spec = crate::simulator::AgentSpec::from_recording(&recording, "public");
    let mut agent = crate::simulator::Agent::start(spec, Moment::ZERO);
    let mut at = Oid::new(&[1, 3]);
    for _ in 0..200 {
        let kind = PduKind::GetBulk;
        let request =
            crate::snmp::wire::encode_request(Version::V2c, b"public", kind, 1, &[at.clone()], 10).unwrap();
        let mut answers = Vec::new();
        let now = Moment::after_zero(Duration::from_secs(1));
        agent.handle(&request, now, &mut crate::simulator::agent::Scratch::default(), &mut |it| {
            answers.push(it.datagram.to_vec());
        });
        let message = decode(&answers[0]).unwrap();
        let last = message.pdu.varbinds.clone().last().and_then(Result::ok).and_then(|it| it.oid().ok());
        match last {
            Some(last) if at < last => at = last,
            _ => break,
        }
    }
}

#[cfg(test)]
mod tests;
