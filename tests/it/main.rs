//! Integration tests: one binary, a module a topic.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "tests: a panic is a failure, and helpers outside of #[test] functions fail the same way"
)]

mod alerting;
mod architecture;
mod command_line;
mod configuration;
mod daemon;
mod discover;
mod docs;
mod ecosystem;
mod eighteen;
mod exposition;
mod first_contact;
mod inventory;
mod operators;
mod paging;
mod paging_kills;
mod paging_room;
mod paging_storms;
mod profile_engine;
mod profile_mistakes;
mod profile_properties;
mod profile_vocabulary;
mod profiles;
mod prometheus;
mod promtool;
mod recordings;
mod redfish;
mod reload;
mod rule_commands;
mod schema;
mod simulate_user;
mod simulated;
mod snmpd;
mod status;
mod support;
mod traps;
mod usm;
mod usm_daemon;
mod watchdog;
