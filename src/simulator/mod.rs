//! Simulated agents and services, for the demo, for `simulate` and for tests.
//!
//! A [`Recording`] or a [`room`] device becomes an [`AgentSpec`]; a [`Simulator`] serves many of them on
//! loopback and hands out an [`AgentHandle`] for each, to change values and add [`Fault`]s while it
//! runs. [`agent::Agent`] is pure: datagram and moment in, datagrams out.
//!
//! Invariants: nothing is served outside of loopback; the same seed gives the same values and faults;
//! time comes in as an argument everywhere but in [`server`].

pub mod agent;
pub mod cell;
pub mod faults;
pub mod fleet;
pub mod pagerduty;
mod random;
pub mod recording;
pub mod redfish;
mod respond;
pub mod room;
pub mod server;
pub mod signal;
pub mod trap;
pub mod tree;

pub use agent::{Agent, AgentSpec, Counters, EngineSpec, Model};
pub use cell::{Cell, Form, Script};
pub use faults::{Fault, FaultRule, Faults};
pub use fleet::{addresses, fleet};
pub use recording::{Recording, RecordingError};
pub use server::{AgentHandle, SentTrap, Simulator, SimulatorError};
pub use signal::Signal;
pub use trap::Trap;
pub use tree::Tree;
