//! Wire tests: octets worked out by hand from the RFCs, round trips, and any octets at all.

use super::*;
use crate::model::{Oid, Value};
use proptest::prelude::*;

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

#[test]
fn a_get_request_has_the_octets_of_x690() {
    let made =
        encode_request(Version::V2c, b"public", PduKind::Get, 1, &[oid("1.3.6.1.2.1.1.3.0")], 0).unwrap();
    let by_hand = [
        0x30, 0x26, 0x02, 0x01, 0x01, 0x04, 0x06, b'p', b'u', b'b', b'l', b'i', b'c', 0xa0, 0x19, 0x02, 0x01,
        0x01, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30, 0x0e, 0x30, 0x0c, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x02,
        0x01, 0x01, 0x03, 0x00, 0x05, 0x00,
    ];
    assert_eq!(made, by_hand);
}

#[test]
fn integers_take_the_fewest_octets() {
    for (value, octets) in [
        (0, &[0][..]),
        (127, &[127]),
        (128, &[0, 128]),
        (-1, &[0xff]),
        (-128, &[0x80]),
        (-129, &[0xff, 0x7f]),
        (0x7fff_ffff, &[0x7f, 0xff, 0xff, 0xff]),
        (i64::MIN, &[0x80, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        let mut out = Vec::new();
        encode_varbinds(&mut out, [(&oid("1.3"), &Value::Integer(value))]).unwrap();
        assert_eq!(out.split_at(7).1, octets, "{value}");
    }
}

/// Decodes one varbind whose value has these octets.
fn value_of(octets: &[u8]) -> Result<Option<Value>, DecodeError> {
    let mut binding = vec![0x30, u8::try_from(octets.len() + 3).unwrap(), 6, 1, 0x2b];
    binding.extend_from_slice(octets);
    let read = Varbinds::from_octets(&binding).next().unwrap()?;
    Ok(read.value.to_value().ok())
}

#[test]
fn odd_numbers_of_real_agents() {
    for (octets, value, why) in [
        (&[0x42, 4, 0xff, 0xff, 0xff, 0xff][..], Some(Value::Gauge32(u32::MAX)), "leading zero forgotten"),
        (&[0x41, 5, 0, 0xff, 0xff, 0xff, 0xff], Some(Value::Counter32(u32::MAX)), "leading zero"),
        (&[2, 4, 0, 0, 0, 5], Some(Value::Integer(5)), "not the fewest octets"),
        (&[0x46, 9, 0, 255, 255, 255, 255, 255, 255, 255, 255], Some(Value::Counter64(u64::MAX)), "bit 63"),
        (&[0x82, 0], Some(Value::EndOfMibView), "an exception"),
        (&[0x42, 5, 1, 0, 0, 0, 0], None, "over 32 bits"),
        (&[2, 0], None, "no octets"),
        (&[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0], None, "over 64 bits"),
        (&[5, 1, 0], None, "a NULL with content"),
        (&[0x40, 3, 1, 2, 3], None, "an address of three octets"),
        (&[0x47, 1, 5], None, "UInteger32, which nobody sends any more"),
        (&[0x90, 0], None, "an unknown tag"),
    ] {
        assert_eq!(value_of(octets), Ok(value), "{why}");
    }
}

#[test]
fn an_odd_value_loses_its_own_cell_alone() {
    let mut list = vec![0x30, 6, 6, 1, 0x2b, 0x47, 1, 5];
    encode_varbinds(&mut list, [(&oid("1.3.6"), &Value::Integer(1))]).unwrap();
    let read: Vec<ValueRef<'_>> = Varbinds::from_octets(&list).map(|it| it.unwrap().value).collect();
    assert_eq!(read, [ValueRef::Unreadable, ValueRef::Integer(1)]);
}

#[test]
fn a_malformed_varbind_is_an_error_and_the_end() {
    let mut list = Vec::new();
    encode_varbinds(&mut list, [(&oid("1.3.6"), &Value::Integer(1))]).unwrap();
    list.extend_from_slice(&[0x30, 0x05, 0x06, 0x01]);
    list.extend_from_slice(&[0x30, 0x00]);
    let read: Vec<bool> = Varbinds::from_octets(&list).map(|it| it.is_ok()).collect();
    assert_eq!(read, [true, false]);
}

#[test]
fn lengths_that_lie_are_refused() {
    let good = encode_request(Version::V1, b"c", PduKind::GetNext, 7, &[oid("1.3.6.1")], 0).unwrap();
    assert!(decode(&good).is_ok());
    for at in 0..good.len() {
        assert!(decode(&good[..at]).is_err(), "cut at {at}");
    }
    let mut padded = good;
    padded.extend_from_slice(&[0; 9]);
    assert!(decode(&padded).is_ok(), "padding after the message is borne");
    for (octets, what) in [
        (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], "4 GiB"),
        (&[0x30, 0x80, 0, 0], "indefinite length"),
        (&[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1], "nine length octets"),
        (&[], "empty"),
    ] {
        assert!(decode(octets).is_err(), "{what}");
    }
}

#[test]
fn names_are_runs_of_one_encoding() {
    let oids = [oid("1.3.6.1"), oid("1.3.6.1.4.1.318"), oid("1.3.6.1.2")];
    let names = Names::new(&oids).unwrap();
    assert_eq!(names.len(), 3);
    for (at, oid) in oids.iter().enumerate() {
        assert_eq!(Oid::decode_content(names.name(at)).unwrap(), *oid);
    }
    let tail: Vec<Oid> =
        Varbinds::from_octets(names.run(1, 3)).map(|it| it.unwrap().oid().unwrap()).collect();
    assert_eq!(tail, oids[1..]);
    assert!(names.run(3, 3).is_empty() && names.name(3).is_empty());
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|it| Value::OctetString(it.into())),
        Just(Value::Null),
        prop::collection::vec(any::<u32>(), 0..20)
            .prop_map(|it| Value::ObjectIdentifier(oid("1.3").child(&it))),
        any::<[u8; 4]>().prop_map(Value::IpAddress),
        any::<u32>().prop_map(Value::Counter32),
        any::<u32>().prop_map(Value::Gauge32),
        any::<u32>().prop_map(Value::TimeTicks),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|it| Value::Opaque(it.into())),
        any::<u64>().prop_map(Value::Counter64),
        Just(Value::NoSuchObject),
        Just(Value::NoSuchInstance),
        Just(Value::EndOfMibView),
    ]
}

proptest! {
    #[test]
    fn messages_round_trip(
        v1 in any::<bool>(),
        community in prop::collection::vec(any::<u8>(), 0..200),
        request_id in any::<i32>(),
        status in 0u32..30,
        index in any::<u32>(),
        bindings in prop::collection::vec((prop::collection::vec(any::<u32>(), 0..30), any_value()), 0..20),
    ) {
        let version = if v1 { Version::V1 } else { Version::V2c };
        let bindings: Vec<(Oid, Value)> = bindings.into_iter().map(|(tail, value)| (oid("1.3").child(&tail), value)).collect();
        let mut list = Vec::new();
        encode_varbinds(&mut list, bindings.iter().map(|(name, value)| (name, value))).unwrap();
        let mut out = Vec::new();
        encode_message(&mut out, version, &community, PduKind::Response, request_id, ErrorStatus(status), index, &list);
        let read = decode(&out).unwrap();
        prop_assert_eq!(read.version, version);
        prop_assert_eq!(read.community, &community[..]);
        prop_assert_eq!((read.pdu.request_id, read.pdu.error_status.0, read.pdu.error_index), (request_id, status, index));
        let again: Vec<(Oid, Value)> = read.pdu.varbinds.map(|it| { let it = it.unwrap(); (it.oid().unwrap(), it.value.to_value().unwrap()) }).collect();
        prop_assert_eq!(again, bindings);
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(message) = decode(&octets) {
            for varbind in message.pdu.varbinds.flatten() {
                prop_assert!(varbind.oid().is_ok() || varbind.oid().is_err());
                prop_assert!(varbind.value.to_value().is_ok() || matches!(varbind.value, ValueRef::ObjectIdentifier(_) | ValueRef::Unreadable));
            }
        }
    }

    #[test]
    fn a_flipped_octet_is_read_or_refused(at in 0usize..80, flip in 1u8..) {
        let mut octets = encode_request(Version::V2c, b"public", PduKind::GetBulk, 99, &[oid("1.3.6.1.4.1.318.1.1.26"), oid("1.3.6")], 25).unwrap();
        let at = at % octets.len();
        octets[at] ^= flip;
        if let Ok(message) = decode(&octets) {
            prop_assert!(message.pdu.varbinds.count() <= 40);
        }
    }
}
