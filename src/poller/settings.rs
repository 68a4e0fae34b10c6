//! What the poller is told: devices, their credentials and timings, already checked.

use crate::model::{Labels, Secret};
use crate::snmp::v3::User;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The versions with communities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnmpVersion {
    /// RFC 1157.
    V1,
    /// RFC 1901, RFC 3416.
    V2c,
}

/// How to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// SNMPv1 or v2c.
    Community {
        /// The version to speak.
        version: SnmpVersion,
        /// The community.
        community: Secret,
    },
    /// SNMPv3.
    Usm(Arc<User>),
}

/// One device to poll.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceSettings {
    /// Its name: unique in the config.
    pub name: Arc<str>,
    /// A DNS name or IP address.
    pub host: String,
    /// UDP port; 161 by default.
    pub port: u16,
    /// How to be let in.
    pub credential: Credential,
    /// Other IP addresses from which its answers are accepted, whatever their port, for agents that answer
    /// from another interface than the one that was asked. Its traps may come from there too. Usually empty.
    pub answers_from: Vec<IpAddr>,
    /// The profile to use; `None`: find the one that fits.
    pub profile: Option<String>,
    /// How often to ask.
    pub interval: Duration,
    /// How long to wait for an answer to one request.
    pub timeout: Duration,
    /// How often a request is repeated after its first time-out.
    pub retries: u32,
    /// The least time between two requests in the long run; zero: no limit. Short bursts may come closer.
    pub request_gap: Duration,
    /// Requests of a poll at a time at most, where its profile allows more than one.
    pub requests_in_flight: u8,
    /// What the operator says of it: site, rack, feed.
    pub labels: Labels,
    /// Rated current in A of the components that the rules call by kind (`infeed`, `phase`, `bank`),
    /// where the agent does not say or says it wrong.
    pub rated_current_amperes: Vec<(crate::model::ComponentKind, f64)>,
}
