//! A GET of 60 cells by SNMPv3 (authPriv, SHA-256 and AES-128) beside the same by v2c: writing the request
//! and reading the answer, no socket.
//!
//! Sketch: 10,000 agents each 10 s are 1,000 polls a second; at 6 us a poll that is 0.6 % of a core. The
//! octets are about 1,400 each way: an HMAC over 2,800 octets and AES over as many.

#![expect(clippy::unwrap_used, reason = "a bench: a panic is a failure")]

use criterion::{Criterion, criterion_group, criterion_main};
use rackwarden::model::{Moment, Oid, Secret, Value};
use rackwarden::snmp::v3::{
    Account, AuthProtocol, Authority, EngineId, KeyCache, KeySource, Opened, PrivProtocol, Received, Session,
    User,
};
use rackwarden::snmp::wire::{ErrorStatus, Names, PduKind, Version, decode, encode_message, encode_varbinds};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const MESSAGE_ID: i32 = 0x0001_2345;
const NONCE: i32 = 0x1234_5678;
const OK: ErrorStatus = ErrorStatus::NO_ERROR;

fn cells() -> Vec<(Oid, Value)> {
    (0..60)
        .map(|it| (Oid::new(&[1, 3, 6, 1, 4, 1, 318, 1, 1, 26, 6, 3, 1, 5, it]), Value::Integer(131)))
        .collect()
}

/// A session that knows its agent, with a request out, and the answer to it.
fn met(user: &Arc<User>) -> (Session, Names, Vec<u8>, Moment) {
    let now = Moment::after_zero(Duration::from_secs(1000));
    let cache = KeyCache::new();
    let id = EngineId::new(b"\x80\x00\x1f\x88\x04pdu-17").unwrap();
    let mut authority = Authority::new(id, 3, Moment::ZERO, 1);
    let keys = cache.derive(user, authority.engine_id());
    let names = Names::new(cells().iter().map(|(name, _)| name)).unwrap();
    let mut varbinds = Vec::new();
    encode_varbinds(&mut varbinds, cells().iter().map(|(name, value)| (name, value))).unwrap();
    let mut session = Session::new(Arc::clone(user), 7);
    session.begin_request(NONCE);
    loop {
        let (mut request, mut answer, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
        let run = names.run(0, names.len());
        let written = session.write(MESSAGE_ID, PduKind::Get, OK, 0, run, now, &mut request);
        if let Err(need) = written {
            session.set_keys(&need.engine, keys.as_ref().unwrap());
            continue;
        }
        let lookup = |_: &[u8]| Some(Account { user: Arc::clone(user), keys: keys.clone() });
        match authority.open(&request, now, lookup, &mut scratch).unwrap() {
            Opened::Request(asked) => {
                authority.write_response(&asked, OK, 0, &varbinds, now, &mut answer);
                return (session, names, answer, now);
            }
            Opened::Refused(refused) => authority.write_report(&refused, now, &mut answer),
        }
        session.read(MESSAGE_ID, &answer, now, &mut Vec::new());
    }
}

fn usm(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("usm");
    let phrase = |text: &str| KeySource::Passphrase(Secret::new(text));
    let user = User::new(
        "ops",
        Some((AuthProtocol::Sha256, phrase("maplesyrup"))),
        Some((PrivProtocol::Aes128, phrase("otherpassphrase"))),
    );
    let (mut session, names, answer, now) = met(&Arc::new(user.unwrap()));
    let (mut out, mut scratch) = (Vec::new(), Vec::new());
    let run = names.run(0, names.len());
    group.bench_function("write 60 cells, authPriv", |bencher| {
        bencher.iter(|| {
            out.clear();
            session.write(MESSAGE_ID, PduKind::Get, OK, 0, black_box(run), now, &mut out).unwrap();
        });
    });
    group.bench_function("read 60 cells, authPriv", |bencher| {
        bencher.iter(|| {
            let read = session.read(MESSAGE_ID, black_box(&answer), now, &mut scratch);
            let Received::Response(pdu) = read else { return 0 };
            pdu.varbinds.map(|it| it.unwrap().name.len()).sum::<usize>()
        });
    });
    assert!(matches!(session.read(MESSAGE_ID, &answer, now, &mut scratch), Received::Response(_)));
    group.bench_function("write 60 cells, v2c", |bencher| {
        bencher.iter(|| {
            out.clear();
            encode_message(&mut out, Version::V2c, b"public", PduKind::Get, NONCE, OK, 0, black_box(run));
        });
    });
    let mut varbinds = Vec::new();
    encode_varbinds(&mut varbinds, cells().iter().map(|(name, value)| (name, value))).unwrap();
    let mut plain = Vec::new();
    encode_message(&mut plain, Version::V2c, b"public", PduKind::Response, NONCE, OK, 0, &varbinds);
    group.bench_function("read 60 cells, v2c", |bencher| {
        bencher.iter(|| {
            let message = decode(black_box(&plain)).unwrap();
            message.pdu.varbinds.map(|it| it.unwrap().name.len()).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, usm);
criterion_main!(benches);
