//! Redfish (DMTF DSP0266): power equipment, chassis and their sensors as the same components, quantities and
//! states that SNMP agents have.
//!
//! The way of a service: [`learn`] finds its resources, [`map`] makes components and readings of them, [`plan`] says
//! what a poll asks and reads the answers, [`session`] how it lets us in; all of them pure. [`client`] and
//! [`service`] make the requests.
//!
//! Invariants: nothing but GET goes to resources, and POST and DELETE to our own session; no URI is made up; what a
//! service sends is bounded in octets, depth, members, pages and requests, and its texts are cleaned; a missing
//! reading is a value with a reason.

pub mod client;
pub mod document;
pub mod draft;
pub mod kinds;
pub mod learn;
pub mod limits;
pub mod map;
pub mod mask;
pub mod plan;
pub mod report;
pub mod service;
pub mod session;
pub mod settings;
pub mod sse;
pub mod states;
pub mod thresholds;
pub mod tree;
pub mod uri;

pub use service::{Polled, Service};
pub use settings::{Login, ServiceSettings};
pub use thresholds::OwnLevels;
