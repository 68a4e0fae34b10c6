//! What it is that answers: polled once with the profile that fits, and asked for what tells it from others.

use super::super::fleet::{Found, SNMP_PORT, plain_name};
use super::sweep::Answered;
use crate::model::{Labels, Oid, SystemClock, Value};
use crate::poller::once::{self, Target};
use crate::poller::settings::{Credential, DeviceSettings};
use crate::profile::ProfileSet;
use crate::snmp::WalkLimits;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A credential with its name in the configuration.
#[derive(Debug, Clone)]
pub(super) struct NamedCredential {
    /// `None`: one of the command line.
    pub(super) name: Option<String>,
    pub(super) credential: Credential,
}

/// What identifying needs.
pub(super) struct Identify<'a> {
    pub(super) credentials: &'a [NamedCredential],
    pub(super) profiles: Arc<ProfileSet>,
    pub(super) port: u16,
    pub(super) timeout: Duration,
}

impl Identify<'_> {
    /// Reads one device: with the communities that let us in, else with the users of SNMPv3 in turn.
    pub(super) fn read(&self, address: IpAddr, answered: &Answered, clock: SystemClock) -> Found {
        let of_users = self.credentials.iter().filter(|it| matches!(it.credential, Credential::Usm(_)));
        let tried: Vec<&NamedCredential> = match answered.credentials.as_slice() {
            [] => of_users.collect(),
            communities => communities.iter().filter_map(|it| self.credentials.get(*it)).collect(),
        };
        let mut found = Found {
            address: address.to_string(),
            port: (self.port != SNMP_PORT).then_some(self.port),
            note: "answers SNMPv3, but none of the credentials lets us in".to_owned(),
            ..Found::default()
        };
        for named in tried {
            let done = self.poll(&mut found, SocketAddr::new(address, self.port), named, clock);
            if done {
                break;
            }
        }
        found
    }

    /// Whether it answered to that credential.
    fn poll(&self, found: &mut Found, at: SocketAddr, named: &NamedCredential, clock: SystemClock) -> bool {
        let target = Target {
            address: at,
            credential: named.credential.clone(),
            timeout: self.timeout,
            retries: RETRIES,
        };
        let settings = settings(&target);
        let outcome = once::poll(&target, Arc::new(settings), Arc::clone(&self.profiles), clock);
        let (source, error) = (&outcome.batch.source, &outcome.batch.error);
        let identity = &source.identity;
        let is_silent = identity.sys_object_id.arcs().is_empty() && identity.sys_descr.is_empty();
        if let Some(error) = error {
            found.note = error.to_string();
            if is_silent {
                return false;
            }
        } else {
            found.note = String::new();
        }
        found.name = plain_name(&identity.sys_name);
        found.credential.clone_from(&named.name);
        let known = [&*identity.vendor, &*identity.model].into_iter().filter(|it| !it.is_empty());
        found.product = known.collect::<Vec<_>>().join(" ");
        if found.product.is_empty() {
            found.product = identity.sys_descr.chars().take(DESCRIPTION_CHARS).collect();
        }
        found.serial.clone_from(&identity.serial);
        found.profile = if error.is_none() { source.profile.to_string() } else { String::new() };
        found.readings = if error.is_none() { outcome.batch.samples.len() } else { 0 };
        found.engine_id = first(&target, &ENGINE_ID, clock, &|octets| !octets.is_empty());
        let is_mac = |octets: &[u8]| octets.len() == MAC_OCTETS && octets.iter().any(|it| *it != 0);
        found.mac = first(&target, &IF_PHYS_ADDRESS, clock, &is_mac);
        true
    }
}

/// The first octets below an OID that will do, in hexadecimal; empty if there are none.
fn first(target: &Target, root: &[u32], clock: SystemClock, will_do: &dyn Fn(&[u8]) -> bool) -> String {
    let limits = WalkLimits { rows_max: INTERFACES_MOST, ..WalkLimits::default() };
    let mut found = String::new();
    let walked = once::walk(target, &Oid::new(root), limits, clock, &mut |_, value| {
        if let Value::OctetString(octets) = value
            && found.is_empty()
            && will_do(octets)
        {
            for octet in octets.iter() {
                let written = write!(found, "{octet:02x}");
                debug_assert!(written.is_ok(), "a String takes everything");
            }
        }
    });
    if let Err(error) = walked {
        tracing::debug!("{}: {error}", target.address);
    }
    found
}

fn settings(target: &Target) -> DeviceSettings {
    DeviceSettings {
        name: Arc::from(target.address.to_string()),
        host: target.address.ip().to_string(),
        port: target.address.port(),
        credential: target.credential.clone(),
        answers_from: Vec::new(),
        profile: None,
        interval: Duration::from_secs(10),
        timeout: target.timeout,
        retries: target.retries,
        request_gap: Duration::ZERO,
        requests_in_flight: 1,
        labels: Labels::default(),
        rated_current_amperes: Vec::new(),
    }
}

/// They have answered a moment ago.
const RETRIES: u32 = 2;
/// sysDescr, where a device does not say who it is: a part is enough to know it by.
const DESCRIPTION_CHARS: usize = 40;
/// SNMP-FRAMEWORK-MIB::snmpEngineID (RFC 3411).
const ENGINE_ID: [u32; 10] = [1, 3, 6, 1, 6, 3, 10, 2, 1, 1];
/// IF-MIB::ifPhysAddress (RFC 2863).
const IF_PHYS_ADDRESS: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 6];
/// A hardware address of Ethernet.
const MAC_OCTETS: usize = 6;
/// The first with an address is wanted: a PDU has one to three interfaces.
const INTERFACES_MOST: usize = 16;
