//! Readings: the shape of a device's readings, which is learnt once and shared, and the batches of
//! samples that each poll brings.
//!
//! Invariants: `samples` of a [`Batch`] stand in the order of `readings` of its [`Shape`]; a sample
//! is a number or a reason why there is none; a number against physics is marked.

use super::{Component, Health, Labels, Locator, Meaning, Now, Oid, Quantity};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Why a reading is not there. Its name is part of the JSON contract and a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Missing {
    /// The agent does not know the object (noSuchObject, v1 noSuchName).
    NoSuchObject,
    /// The agent has no such row any more (noSuchInstance, endOfMibView).
    NoSuchInstance,
    /// The agent sent the value by which its MIB says "not supported" or "not there".
    NotSupported,
    /// The agent's own validity column says that the value does not hold.
    Unavailable,
    /// The value lies outside of what its MIB allows.
    OutOfRange,
    /// The agent sent a type that is no number, or a text that holds none.
    WrongType,
    /// The column with its scale or unit is missing or unknown: the number cannot be read.
    NoScale,
    /// The agent did not answer in time.
    Timeout,
    /// The agent answered with an error (authorizationError, genErr).
    AgentError,
    /// The agent could not fit the answer, even for this cell alone.
    TooBig,
    /// Not asked yet.
    NotPolled,
    /// The inventory has no value there (null, an empty text).
    NotGiven,
    /// It cannot be worked out: a percentage of nothing, addresses of an IPv6 subnet.
    NotDefined,
    /// The last snapshot of the inventory failed: the value before it is in the last good one.
    SnapshotFailed,
}

impl Missing {
    /// All reasons.
    pub const ALL: [Self; 14] = [
        Self::NoSuchObject,
        Self::NoSuchInstance,
        Self::NotSupported,
        Self::Unavailable,
        Self::OutOfRange,
        Self::WrongType,
        Self::NoScale,
        Self::Timeout,
        Self::AgentError,
        Self::TooBig,
        Self::NotPolled,
        Self::NotGiven,
        Self::NotDefined,
        Self::SnapshotFailed,
    ];

    /// Its name in JSON and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoSuchObject => "no_such_object",
            Self::NoSuchInstance => "no_such_instance",
            Self::NotSupported => "not_supported",
            Self::Unavailable => "unavailable",
            Self::OutOfRange => "out_of_range",
            Self::WrongType => "wrong_type",
            Self::NoScale => "no_scale",
            Self::Timeout => "timeout",
            Self::AgentError => "agent_error",
            Self::TooBig => "too_big",
            Self::NotPolled => "not_polled",
            Self::NotGiven => "not_given",
            Self::NotDefined => "not_defined",
            Self::SnapshotFailed => "snapshot_failed",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One reading at one time: a number in its quantity's base unit, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// The value. For a state: the agent's own number.
    Value(f64),
    /// Why there is none.
    Missing(Missing),
    /// A value against physics (500 Hz, more watts than volts times amperes): shown, and judged by no rule.
    Suspect(f64),
}

impl Sample {
    /// The number, if there is one, believed or not.
    #[must_use]
    pub const fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) | Self::Suspect(value) => Some(value),
            Self::Missing(_) => None,
        }
    }
}

/// What one number of a state means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateValue {
    /// The MIB's name for it, as `onBattery`.
    pub name: Box<str>,
    /// How it is to be taken.
    pub health: Health,
    /// What it says apart from the vendor's words.
    pub meanings: Box<[Meaning]>,
}

/// The states of a column, by the agent's number. Shared by all rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StateTable {
    /// By number.
    pub values: BTreeMap<i64, StateValue>,
}

impl StateTable {
    /// The state of a sample's number, if it is known.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a state's number is an integer that f64 holds; others match no state"
    )]
    pub fn state(&self, value: f64) -> Option<&StateValue> {
        self.values.get(&(value as i64))
    }
}

/// What is constant about one reading.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadingShape {
    /// Its component: a place in [`Shape::components`].
    pub component: u32,
    /// What it measures.
    pub quantity: Quantity,
    /// Tells it from others of the same quantity on the same component (`line_to_line`,
    /// `replace_indicator`); empty for the main one.
    pub name: Box<str>,
    /// The cell or property that it is read from.
    pub source: Locator,
    /// The states, for [`Quantity::State`].
    pub states: Option<Arc<StateTable>>,
}

/// What is constant about a device's readings between two learnings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shape {
    /// The device's parts.
    pub components: Vec<Component>,
    /// The readings; samples stand in this order. Devices of a kind share them: labels, in which they
    /// differ, are their components'.
    pub readings: Arc<[ReadingShape]>,
}

impl Shape {
    /// Takes the parts that are equal from another shape, so that devices of a kind hold them once.
    pub fn share_with(&mut self, other: &Self) {
        if self.readings == other.readings {
            self.readings = Arc::clone(&other.readings);
        }
        for (component, like) in self.components.iter_mut().zip(&other.components) {
            component.share_with(like);
        }
    }

    /// The component of a reading of this shape.
    #[must_use]
    pub fn component_of(&self, reading: &ReadingShape) -> Option<&Component> {
        self.components.get(reading.component as usize)
    }
}

/// Why a whole poll failed. Its class is a metric label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    /// No answer to any request.
    #[error("no answer in time")]
    Timeout,
    /// The host says that nothing listens there (ICMP port unreachable).
    #[error("nothing listens at that address and port")]
    Refused,
    /// The host or network cannot be reached.
    #[error("the network says that the host cannot be reached: {0}")]
    Unreachable(String),
    /// The agent answers, but no profile fits.
    #[error(
        "no profile fits this agent (sysObjectID {sys_object_id}, sysDescr \"{sys_descr}\"); docs/profiles.md says how to write one"
    )]
    NoProfile {
        /// What it calls itself.
        sys_object_id: Oid,
        /// And in words.
        sys_descr: String,
    },
    /// The profile fits, but none of its tables holds a row.
    #[error("profile {profile} fits, but the agent has no row in any of its tables")]
    Empty {
        /// The profile's name.
        profile: String,
    },
    /// The agent refuses.
    #[error("the agent answered with error-status {status}")]
    AgentError {
        /// RFC 3416 error-status by name.
        status: String,
    },
    /// Answers that cannot be read.
    #[error("the agent's answer cannot be read: {0}")]
    Malformed(String),
    /// SNMPv3's security stands between: a wrong user, passphrase, level or clock; says what to change.
    #[error("{0}")]
    Security(String),
    /// Its name has no address.
    #[error("the name {name} has no address: {reason}")]
    Name {
        /// The host name.
        name: String,
        /// What the resolver said.
        reason: String,
    },
    /// The poll needed more requests or time than its limit allows.
    #[error("the poll hit its limit: {0}")]
    Limit(String),
    /// No snapshot could be taken of an inventory.
    #[error("{reason}")]
    Snapshot {
        /// What kind of failure.
        class: SnapshotError,
        /// In words, as a sentence without a full stop.
        reason: String,
    },
}

/// Why no snapshot could be taken of an inventory. Its name is a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SnapshotError {
    /// Its name has no address, or nobody answers there.
    Unreachable,
    /// It did not answer in time.
    Timeout,
    /// Its certificate is not trusted, or is not the pinned one.
    Tls,
    /// It does not accept our credentials, or our secret cannot be read.
    Access,
    /// It wants fewer requests, for longer than we wait.
    RateLimited,
    /// It answered with an error of its own.
    ServerError,
    /// It answered with a redirect, which is never followed.
    Redirected,
    /// Its answer cannot be read, or is cut off.
    Malformed,
    /// It lacks a view, a column or a field that we need.
    Schema,
    /// It changed while it was read page by page, each time that we tried.
    Changed,
    /// Its answer is larger, longer or slower than any limit of ours allows.
    Limit,
    /// The file is missing, cannot be read, or is older than it may be.
    File,
}

impl SnapshotError {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Unreachable,
        Self::Timeout,
        Self::Tls,
        Self::Access,
        Self::RateLimited,
        Self::ServerError,
        Self::Redirected,
        Self::Malformed,
        Self::Schema,
        Self::Changed,
        Self::Limit,
        Self::File,
    ];

    /// Its name in JSON and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Access => "access",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::Redirected => "redirected",
            Self::Malformed => "malformed",
            Self::Schema => "schema",
            Self::Changed => "changed",
            Self::Limit => "limit",
            Self::File => "file",
        }
    }
}

impl PollError {
    /// The class, for metrics and JSON.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::NoProfile { .. } => "no_profile",
            Self::Empty { .. } => "empty",
            Self::AgentError { .. } => "agent_error",
            Self::Malformed(_) => "malformed",
            Self::Security(_) => "security",
            Self::Name { .. } => "name",
            Self::Limit(_) => "limit",
            Self::Snapshot { class, .. } => class.name(),
        }
    }
}

/// Who a device says it is. Empty where the agent does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// The vendor, as its profile names it.
    pub vendor: String,
    /// Model or part number.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// Firmware version.
    pub firmware: String,
    /// SNMPv2-MIB::sysObjectID.0; empty for devices without SNMP.
    pub sys_object_id: Oid,
    /// SNMPv2-MIB::sysDescr.0.
    pub sys_descr: String,
    /// SNMPv2-MIB::sysName.0.
    pub sys_name: String,
}

/// What a source of batches is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SourceKind {
    /// A device that is polled; its components are its parts.
    #[default]
    Device,
    /// An inventory of which snapshots are taken; its components are the objects in it, and one of kind
    /// [`super::ComponentKind::Inventory`], index "0", for itself.
    Inventory {
        /// An object is gone once it was missing from so many complete snapshots in a row.
        gone_after_snapshots: u32,
    },
}

impl SourceKind {
    /// Whether it is an inventory.
    #[must_use]
    pub const fn is_inventory(self) -> bool {
        matches!(self, Self::Inventory { .. })
    }
}

/// Where batches come from: a configured device or inventory, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// The device's or inventory's name in the config: unique among both.
    pub device: Arc<str>,
    /// The labels that the operator gave it.
    pub labels: Labels,
    /// Its address as a person would type it, with the port.
    pub address: String,
    /// How often it is asked.
    pub interval: std::time::Duration,
    /// The profile that fits; empty until it is learnt.
    pub profile: Arc<str>,
    /// Who it says it is.
    pub identity: Identity,
}

/// What one poll of one device brought.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Where it comes from. The same `Arc` from poll to poll until the device is learnt anew.
    pub source: Arc<Source>,
    /// When the poll ended.
    pub time: Now,
    /// How long it took.
    pub duration: std::time::Duration,
    /// What the samples are. The same `Arc` from poll to poll until the device is learnt anew.
    pub shape: Arc<Shape>,
    /// One sample a reading.
    pub samples: Vec<Sample>,
    /// What it took to read them.
    pub effort: Effort,
    /// Why the poll failed as a whole; the samples then say why each is missing.
    pub error: Option<PollError>,
}

impl Batch {
    /// Becomes what another poll of the same source and shape brought, without taking anything anew.
    pub fn take_samples(&mut self, of: &Self) {
        let Self { source: _, shape: _, time, duration, samples, effort, error } = self;
        (*time, *duration, *effort) = (of.time, of.duration, of.effort);
        samples.clone_from(&of.samples);
        error.clone_from(&of.error);
    }
}

/// What a poll took, and what is known of the agent by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effort {
    /// Requests sent, repeats included.
    pub requests: u32,
    /// Of these, repeats of one that was not answered in time.
    pub repeats: u32,
    /// The agent's usual answer time, if it is known.
    pub round_trip: Option<std::time::Duration>,
    /// Cells that it is asked for in one GET, as far as their answer has no more than [`Self::octets`].
    pub cells: RequestBound,
    /// Octets of variable bindings that the answer to one GET may have, by what its cells are expected to take.
    pub octets: RequestBound,
    /// max-repetitions that it is asked for in one GETBULK; 0: it is walked by GETNEXT.
    pub repetitions: RequestBound,
}

/// How large requests to an agent may be, in one respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestBound {
    /// The most that it is asked for.
    pub asked: u32,
    /// The least that it was found not to bear, since it was learnt.
    pub failed: Option<u32>,
}
