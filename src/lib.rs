//! Rackwarden: polls power and environment devices, keeps every reading, evaluates alert rules and
//! pages. See ARCHITECTURE.md for the way of the data and the modules' order.

pub mod alert;
pub mod app;
pub mod cli;
pub mod config;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod http;
pub mod inventory;
pub mod message;
pub mod mib;
pub mod model;
pub mod notify;
pub mod poller;
pub mod profile;
pub mod recording;
pub mod redfish;
pub mod rules;
pub mod simulator;
pub mod snmp;
pub mod store;
pub mod telemetry;
pub mod trial;
pub mod web_client;
