//! Traps and informs of every version: SNMPv1's Trap-PDU, which has a shape of its own (RFC 1157 section
//! 4.1.6), and the SNMPv2-Trap-PDU and InformRequest-PDU, which do not (RFC 3416 sections 4.2.6, 4.2.7).
//!
//! Lenient where it costs nothing, since a notification is a hint and no reading: which PDU comes under
//! which version is not held against the sender, and bindings are read only as far as they are looked at.

use super::decode::{DecodeError, Pdu, Varbinds, pdu};
use super::encode::{head, integer, integer_length, tlv, tlv_length};
use super::reader::Reader;
use super::{PduKind, Version, tag};
use crate::model::{Oid, ValueRef};

/// A v1 or v2c message with a notification in it.
#[derive(Debug, Clone)]
pub struct NotificationMessage<'a> {
    /// Its version.
    pub version: Version,
    /// Its community.
    pub community: &'a [u8],
    /// What it tells.
    pub notification: Notification<'a>,
}

/// A trap or an inform.
#[derive(Debug, Clone)]
pub struct Notification<'a> {
    /// Whether its sender waits for an answer.
    pub kind: NotificationKind,
    /// request-id, which the answer to an inform repeats; 0 in a trap of v1, which has none.
    pub request_id: i32,
    /// The variable bindings; of v2 with sysUpTime.0 and snmpTrapOID.0 in front.
    pub varbinds: Varbinds<'a>,
    v1: Option<TrapV1<'a>>,
}

/// What a trap of v1 says in fields of its own.
#[derive(Debug, Clone, Copy)]
struct TrapV1<'a> {
    /// enterprise, content octets.
    enterprise: &'a [u8],
    agent: Option<[u8; 4]>,
    generic: u32,
    specific: u32,
}

/// The two kinds of notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotificationKind {
    /// Sent once; nobody waits for an answer.
    Trap,
    /// Repeated until it is answered.
    Inform,
}

impl NotificationKind {
    /// Its name as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Inform => "inform",
        }
    }
}

/// Reads a v1 or v2c message that holds a notification.
///
/// # Errors
/// [`DecodeError`], for anything else.
pub fn decode_notification(datagram: &[u8]) -> Result<NotificationMessage<'_>, DecodeError> {
    let mut outer = Reader::new(datagram);
    let mut message = Reader::new(outer.element(tag::SEQUENCE, "the message")?);
    let version = match message.integer("the version")? {
        0 => Version::V1,
        1 => Version::V2c,
        other => return Err(DecodeError::Version(other)),
    };
    let community = message.element(tag::OCTET_STRING, "the community")?;
    let found = message.peek("the PDU")?;
    let notification = if found == TRAP_V1 {
        trap_v1(message.element(found, "the PDU")?)?
    } else {
        let pdu = pdu(&mut message)?;
        Notification::of_pdu(&pdu).ok_or(DecodeError::Tag { what: "the PDU", found })?
    };
    message.end("the message")?;
    Ok(NotificationMessage { version, community, notification })
}

fn trap_v1(body: &[u8]) -> Result<Notification<'_>, DecodeError> {
    let mut body = Reader::new(body);
    let enterprise = body.element(tag::OBJECT_IDENTIFIER, "the enterprise")?;
    let agent = body.element(tag::IP_ADDRESS, "the agent address")?.try_into().ok();
    let generic = body.unsigned("the generic trap")?;
    let specific = body.unsigned("the specific trap")?;
    body.element(tag::TIME_TICKS, "the time stamp")?;
    let varbinds = Varbinds::from_octets(body.element(tag::SEQUENCE, "the variable bindings")?);
    body.end("the PDU")?;
    let v1 = Some(TrapV1 { enterprise, agent, generic, specific });
    Ok(Notification { kind: NotificationKind::Trap, request_id: 0, varbinds, v1 })
}

impl<'a> Notification<'a> {
    /// The notification in a PDU of the common shape; `None`, if it is another kind of PDU.
    #[must_use]
    pub fn of_pdu(pdu: &Pdu<'a>) -> Option<Self> {
        let kind = match pdu.kind {
            PduKind::TrapV2 => NotificationKind::Trap,
            PduKind::Inform => NotificationKind::Inform,
            _ => return None,
        };
        Some(Self { kind, request_id: pdu.request_id, varbinds: pdu.varbinds.clone(), v1: None })
    }

    /// snmpTrapOID.0, or what stands for it in a trap of v1 (RFC 3584 section 3.1).
    #[must_use]
    pub fn trap_oid(&self) -> Option<Oid> {
        let Some(v1) = &self.v1 else {
            return match self.binding(SNMP_TRAP_OID)? {
                ValueRef::ObjectIdentifier(octets) => Oid::decode_content(octets).ok(),
                _ => None,
            };
        };
        match v1.generic {
            generic @ 0..=5 => Some(Oid::new(SNMP_TRAPS).child(&[generic.saturating_add(1)])),
            _ => Some(Oid::decode_content(v1.enterprise).ok()?.child(&[0, v1.specific])),
        }
    }

    /// The IPv4 address of the agent that it began at: agent-addr of v1, or snmpTrapAddress.0, which
    /// forwarders add (RFC 3584 section 3.1). Whoever sends it may write anything there.
    #[must_use]
    pub fn agent(&self) -> Option<[u8; 4]> {
        let of_field = self.v1.and_then(|it| it.agent).filter(|it| *it != [0; 4]);
        of_field.or_else(|| match self.binding(SNMP_TRAP_ADDRESS)? {
            ValueRef::IpAddress(octets) => Some(octets),
            _ => None,
        })
    }

    /// The value of that name, if it stands among the first bindings.
    fn binding(&self, name: &[u8]) -> Option<ValueRef<'a>> {
        let mut read = self.varbinds.clone().take(Self::BINDINGS_READ_MAX).map_while(Result::ok);
        read.find(|it| it.name == name).map(|it| it.value)
    }

    /// snmpTrapOID.0 is the second; snmpTrapAddress.0 follows the trap's own, of which few have more than
    /// a dozen. The bound keeps a full datagram of them from costing anything.
    const BINDINGS_READ_MAX: usize = 32;
}

/// A Trap-PDU of SNMPv1 to encode.
#[derive(Debug, Clone, Copy)]
pub struct TrapV1Outline<'a> {
    /// enterprise
    pub enterprise: &'a Oid,
    /// agent-addr
    pub agent: [u8; 4],
    /// generic-trap: 0 to 5 as coldStart and so on, 6 for the enterprise's own.
    pub generic: u32,
    /// specific-trap
    pub specific: u32,
    /// time-stamp: sysUpTime in hundredths of a second.
    pub uptime_ticks: u32,
    /// Encoded variable bindings, without their SEQUENCE.
    pub varbinds: &'a [u8],
}

impl TrapV1Outline<'_> {
    /// Appends a whole SNMPv1 message.
    ///
    /// # Errors
    /// [`super::EncodeError::Oid`], for an enterprise that BER cannot carry.
    pub fn encode(&self, out: &mut Vec<u8>, community: &[u8]) -> Result<(), super::EncodeError> {
        let mut enterprise = Vec::new();
        self.enterprise
            .encode_content(&mut enterprise)
            .map_err(|source| super::EncodeError::Oid { oid: self.enterprise.clone(), source })?;
        let (generic, specific, ticks) =
            (i64::from(self.generic), i64::from(self.specific), i64::from(self.uptime_ticks));
        let body = tlv_length(enterprise.len())
            .saturating_add(tlv_length(self.agent.len()))
            .saturating_add(integer_length(generic))
            .saturating_add(integer_length(specific))
            .saturating_add(integer_length(ticks))
            .saturating_add(tlv_length(self.varbinds.len()));
        let message = 3_usize.saturating_add(tlv_length(community.len())).saturating_add(tlv_length(body));
        head(out, tag::SEQUENCE, message);
        out.extend_from_slice(&[tag::INTEGER, 1, 0]);
        tlv(out, tag::OCTET_STRING, community);
        head(out, TRAP_V1, body);
        tlv(out, tag::OBJECT_IDENTIFIER, &enterprise);
        tlv(out, tag::IP_ADDRESS, &self.agent);
        integer(out, tag::INTEGER, generic);
        integer(out, tag::INTEGER, specific);
        integer(out, tag::TIME_TICKS, ticks);
        tlv(out, tag::SEQUENCE, self.varbinds);
        Ok(())
    }
}

/// Trap-PDU of SNMPv1.
const TRAP_V1: u8 = 0xa4;
/// SNMPv2-MIB::snmpTraps: coldStart is 1 below it.
const SNMP_TRAPS: &[u32] = &[1, 3, 6, 1, 6, 3, 1, 1, 5];
/// SNMPv2-MIB::snmpTrapOID.0, content octets.
const SNMP_TRAP_OID: &[u8] = &[0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0];
/// SNMP-COMMUNITY-MIB::snmpTrapAddress.0, content octets.
const SNMP_TRAP_ADDRESS: &[u8] = &[0x2b, 6, 1, 6, 3, 18, 1, 3, 0];

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests: an overflow panics, and fails them")]
mod tests {
    use super::*;
    use crate::model::Value;
    use crate::snmp::wire::{ErrorStatus, encode_message, encode_varbinds};
    use proptest::prelude::*;

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    fn varbinds(list: &[(&str, Value)]) -> Vec<u8> {
        let list: Vec<(Oid, Value)> = list.iter().map(|(name, value)| (oid(name), value.clone())).collect();
        let mut out = Vec::new();
        encode_varbinds(&mut out, list.iter().map(|(name, value)| (name, value))).unwrap();
        out
    }

    fn v1(enterprise: &str, generic: u32, specific: u32) -> Vec<u8> {
        let enterprise = oid(enterprise);
        let list = varbinds(&[(
            "1.3.6.1.4.1.318.2.3.3.0",
            Value::OctetString(b"UPS: on battery".as_slice().into()),
        )]);
        let mut out = Vec::new();
        let outline = TrapV1Outline {
            enterprise: &enterprise,
            agent: [10, 0, 0, 20],
            generic,
            specific,
            uptime_ticks: 4_000_000_000,
            varbinds: &list,
        };
        outline.encode(&mut out, b"public").unwrap();
        out
    }

    fn v2(kind: PduKind, list: &[(&str, Value)]) -> Vec<u8> {
        let mut out = Vec::new();
        let none = ErrorStatus::NO_ERROR;
        encode_message(&mut out, Version::V2c, b"public", kind, 77, none, 0, &varbinds(list));
        out
    }

    #[test]
    fn a_trap_of_v1_has_the_octets_of_rfc_1157() {
        let by_hand = [
            0x30, 0x26, 2, 1, 0, 4, 6, b'p', b'u', b'b', b'l', b'i', b'c', 0xa4, 0x19, 6, 6, 0x2b, 6, 1, 4,
            1, 9, 0x40, 4, 10, 0, 0, 20, 2, 1, 6, 2, 1, 5, 0x43, 1, 99, 0x30, 0, 0, 0,
        ];
        let read = decode_notification(&by_hand).unwrap();
        assert_eq!((read.version, read.community), (Version::V1, &b"public"[..]));
        assert_eq!(read.notification.trap_oid().unwrap().to_string(), "1.3.6.1.4.1.9.0.5");
        assert_eq!(read.notification.agent(), Some([10, 0, 0, 20]));
    }

    #[test]
    fn traps_of_v1_get_the_names_of_rfc_3584() {
        for (generic, specific, named) in [
            (0, 0, "1.3.6.1.6.3.1.1.5.1"),
            (4, 0, "1.3.6.1.6.3.1.1.5.5"),
            (5, 9, "1.3.6.1.6.3.1.1.5.6"),
            (6, 5, "1.3.6.1.4.1.318.0.5"),
            (9, 1, "1.3.6.1.4.1.318.0.1"),
        ] {
            let octets = v1("1.3.6.1.4.1.318", generic, specific);
            let read = decode_notification(&octets).unwrap().notification;
            assert_eq!(read.trap_oid(), Some(oid(named)), "{generic} {specific}");
            assert_eq!((read.kind, read.request_id), (NotificationKind::Trap, 0));
            assert_eq!(read.varbinds.count(), 1);
        }
    }

    #[test]
    fn traps_and_informs_of_v2() {
        let list = [
            ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(5)),
            ("1.3.6.1.6.3.1.1.4.1.0", Value::ObjectIdentifier(oid("1.3.6.1.2.1.33.2.1"))),
            ("1.3.6.1.2.1.33.1.2.3.0", Value::Integer(12)),
            ("1.3.6.1.6.3.18.1.3.0", Value::IpAddress([10, 0, 0, 21])),
        ];
        for (kind, is) in
            [(PduKind::TrapV2, NotificationKind::Trap), (PduKind::Inform, NotificationKind::Inform)]
        {
            let octets = v2(kind, &list);
            let read = decode_notification(&octets).unwrap().notification;
            assert_eq!((read.kind, read.request_id), (is, 77));
            assert_eq!(read.trap_oid().unwrap().to_string(), "1.3.6.1.2.1.33.2.1");
            assert_eq!(read.agent(), Some([10, 0, 0, 21]));
            assert_eq!(read.varbinds.octets(), varbinds(&list));
        }
        let nameless = v2(PduKind::TrapV2, &list[..1]);
        let read = decode_notification(&nameless).unwrap().notification;
        assert_eq!((read.trap_oid(), read.agent()), (None, None));
    }

    #[test]
    fn what_is_no_notification_is_refused() {
        for kind in [PduKind::Get, PduKind::Response, PduKind::Set, PduKind::GetBulk, PduKind::Report] {
            let error = decode_notification(&v2(kind, &[])).unwrap_err();
            assert_eq!(error, DecodeError::Tag { what: "the PDU", found: kind as u8 });
        }
        let mut v3 = v1("1.3.6.1.4.1.318", 6, 5);
        v3[4] = 3;
        assert_eq!(decode_notification(&v3).unwrap_err(), DecodeError::Version(3));
    }

    #[test]
    fn a_cut_trap_is_refused_wherever_it_is_cut() {
        for octets in [v1("1.3.6.1.4.1.318", 6, 5), v2(PduKind::Inform, &[("1.3.6.1", Value::Null)])] {
            assert!(decode_notification(&octets).is_ok());
            for at in 0..octets.len() {
                assert!(decode_notification(&octets[..at]).is_err(), "cut at {at}");
            }
        }
    }

    #[test]
    fn ten_thousand_bindings_cost_no_more_than_a_few() {
        let list: Vec<u8> = std::iter::repeat_n([0x30, 4, 6, 0, 5, 0], 10_000).flatten().collect();
        let mut octets = Vec::new();
        let none = ErrorStatus::NO_ERROR;
        encode_message(&mut octets, Version::V2c, b"c", PduKind::TrapV2, 1, none, 0, &list);
        let read = decode_notification(&octets).unwrap().notification;
        assert_eq!((read.trap_oid(), read.agent(), read.varbinds.count()), (None, None, 10_000));
    }

    proptest! {
        #[test]
        fn any_octets_are_a_notification_or_refused(octets in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(read) = decode_notification(&octets) {
                prop_assert!(read.community.len() < octets.len());
                prop_assert!(read.notification.varbinds.octets().len() < octets.len());
                let _read = (read.notification.trap_oid(), read.notification.agent());
            }
        }

        #[test]
        fn a_changed_octet_is_borne(at in 0usize..200, octet in any::<u8>(), of_v1 in any::<bool>()) {
            let mut octets = if of_v1 {
                v1("1.3.6.1.4.1.318", 6, 5)
            } else {
                v2(PduKind::Inform, &[("1.3.6.1.6.3.1.1.4.1.0", Value::ObjectIdentifier(oid("1.3.6.1.4.1")))])
            };
            let at = at % octets.len();
            octets[at] = octet;
            if let Ok(read) = decode_notification(&octets) {
                let oid = read.notification.trap_oid();
                prop_assert!(oid.is_none_or(|it| it.arcs().len() < octets.len() + 12));
            }
        }

        #[test]
        fn traps_of_v1_round_trip(
            agent in any::<[u8; 4]>(),
            generic in 0u32..10,
            specific in 0u32..0x7fff_ffff,
            uptime_ticks in any::<u32>(),
            tail in prop::collection::vec(any::<u32>(), 0..20),
            community in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let enterprise = oid("1.3.6.1.4.1").child(&tail);
            let outline = TrapV1Outline { enterprise: &enterprise, agent, generic, specific, uptime_ticks, varbinds: &[] };
            let mut octets = Vec::new();
            outline.encode(&mut octets, &community).unwrap();
            let read = decode_notification(&octets).unwrap();
            prop_assert_eq!(read.community, &community[..]);
            prop_assert_eq!(read.notification.agent(), Some(agent).filter(|it| *it != [0; 4]));
            let wanted = if generic < 6 { oid("1.3.6.1.6.3.1.1.5").child(&[generic + 1]) } else { enterprise.child(&[0, specific]) };
            prop_assert_eq!(read.notification.trap_oid(), Some(wanted));
        }
    }
}
