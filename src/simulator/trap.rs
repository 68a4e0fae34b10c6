//! Traps and informs that agents send.

use crate::model::{Oid, Value};
use crate::snmp::wire::{
    EncodeError, ErrorStatus, NotificationKind, PduKind, TrapV1Outline, Version, encode_message,
    encode_varbinds,
};
use std::net::Ipv4Addr;

/// A notification, as an agent is to send it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trap {
    /// What it tells: `UPS-MIB::upsTrapOnBattery`.
    pub oid: Oid,
    /// Its version. By v1 an inform is sent as a trap: there is no other.
    pub version: Version,
    /// Whether an answer is expected.
    pub kind: NotificationKind,
    /// Another community than the agent's own.
    pub community: Option<String>,
    /// What it tells beside its name.
    pub bindings: Vec<(Oid, Value)>,
}

/// What only the agent knows at the moment of sending.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending<'a> {
    pub(super) community: &'a [u8],
    /// agent-addr of v1; that of an agent on IPv6 is 0.0.0.0 (RFC 3584 section 3.1).
    pub(super) agent: Ipv4Addr,
    pub(super) up_ticks: u32,
    pub(super) request_id: i32,
}

impl Trap {
    /// A trap of that version with nothing but its name.
    #[must_use]
    pub const fn new(oid: Oid, version: Version) -> Self {
        Self { oid, version, kind: NotificationKind::Trap, community: None, bindings: Vec::new() }
    }

    /// An inform of v2c.
    #[must_use]
    pub fn inform(oid: Oid) -> Self {
        Self { kind: NotificationKind::Inform, ..Self::new(oid, Version::V2c) }
    }

    /// The same with another community.
    #[must_use]
    pub fn with_community(self, community: &str) -> Self {
        Self { community: Some(community.to_owned()), ..self }
    }

    /// The same with one more binding.
    #[must_use]
    pub fn with(mut self, oid: Oid, value: Value) -> Self {
        self.bindings.push((oid, value));
        self
    }

    /// Appends the datagram.
    pub(super) fn encode(&self, out: &mut Vec<u8>, sending: Sending<'_>) -> Result<(), EncodeError> {
        let Sending { agent, up_ticks, request_id, .. } = sending;
        let community = self.community.as_deref().map_or(sending.community, str::as_bytes);
        let mut bindings = Vec::new();
        if self.version == Version::V1 {
            encode_varbinds(&mut bindings, self.bindings.iter().map(|(name, value)| (name, value)))?;
            let (enterprise, generic, specific) = self.of_v1();
            let trap = TrapV1Outline {
                enterprise: &enterprise,
                agent: agent.octets(),
                generic,
                specific,
                uptime_ticks: up_ticks,
                varbinds: &bindings,
            };
            return trap.encode(out, community);
        }
        let (up, name) = (Oid::new(SYS_UP_TIME), Oid::new(SNMP_TRAP_OID));
        let (up_value, name_value) = (Value::TimeTicks(up_ticks), Value::ObjectIdentifier(self.oid.clone()));
        let own = self.bindings.iter().map(|(name, value)| (name, value));
        encode_varbinds(&mut bindings, [(&up, &up_value), (&name, &name_value)].into_iter().chain(own))?;
        let kind = match self.kind {
            NotificationKind::Trap => PduKind::TrapV2,
            NotificationKind::Inform => PduKind::Inform,
        };
        let none = ErrorStatus::NO_ERROR;
        encode_message(out, self.version, community, kind, request_id, none, 0, &bindings);
        Ok(())
    }

    /// enterprise, generic-trap and specific-trap (RFC 3584 section 3.2).
    fn of_v1(&self) -> (Oid, u32, u32) {
        match self.oid.arcs() {
            [rest @ .., generic @ 1..=6] if rest == SNMP_TRAPS => (Oid::new(SNMP_TRAPS), generic - 1, 0),
            [rest @ .., 0, specific] | [rest @ .., specific] => {
                (Oid::new(rest), ENTERPRISE_SPECIFIC, *specific)
            }
            [] => (Oid::default(), ENTERPRISE_SPECIFIC, 0),
        }
    }
}

/// generic-trap enterpriseSpecific.
const ENTERPRISE_SPECIFIC: u32 = 6;
/// SNMPv2-MIB::snmpTraps
const SNMP_TRAPS: &[u32] = &[1, 3, 6, 1, 6, 3, 1, 1, 5];
/// SNMPv2-MIB::sysUpTime.0
const SYS_UP_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3, 0];
/// SNMPv2-MIB::snmpTrapOID.0
const SNMP_TRAP_OID: &[u32] = &[1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];

#[cfg(test)]
mod tests {
    use super::{Sending, Trap};
    use crate::model::{Oid, Value};
    use crate::snmp::wire::{NotificationKind, Version, decode_notification};
    use std::net::Ipv4Addr;

    #[test]
    fn names_survive_the_way_by_v1() {
        let agent = Ipv4Addr::new(127, 0, 0, 9);
        let sending = Sending { community: b"public", agent, up_ticks: 7, request_id: 3 };
        for name in ["1.3.6.1.6.3.1.1.5.1", "1.3.6.1.4.1.318.0.5", "1.3.6.1.6.3.1.1.5.5"] {
            let oid: Oid = name.parse().unwrap();
            for version in [Version::V1, Version::V2c] {
                let mut octets = Vec::new();
                let trap = Trap::new(oid.clone(), version).with(oid.clone(), Value::Integer(1));
                trap.encode(&mut octets, sending).unwrap();
                let read = decode_notification(&octets).unwrap();
                assert_eq!(read.notification.trap_oid().as_ref(), Some(&oid), "{version:?}");
                assert_eq!((read.version, read.community), (version, &b"public"[..]));
            }
        }
        let mut octets = Vec::new();
        // RFC 1628 leaves out the zero before its traps: by v1 they come with one.
        let trap = Trap::inform("1.3.6.1.2.1.33.2.1".parse().unwrap()).with_community("x");
        trap.encode(&mut octets, sending).unwrap();
        let read = decode_notification(&octets).unwrap();
        assert_eq!((read.community, read.notification.kind), (&b"x"[..], NotificationKind::Inform));
        assert_eq!(read.notification.request_id, 3);
    }
}
