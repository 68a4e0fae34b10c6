//! SNMP: wire format, sessions, requests and walks.
//!
//! Invariants: [`GetJob`], [`Walk`] and [`Session`] are pure: requests come out,
//! answers and time-outs go in; who sends them, waits and repeats is the poller's.

pub mod get;
pub mod rows;
pub mod session;
pub mod size;
pub mod trap;
pub mod v3;
pub mod walk;
pub mod wire;

pub use get::{Apart, GetJob, GetLimits, GetStep};
pub use rows::{Picked, Rows, TakeRows};
pub use session::{Incoming, Received, Request, Session};
pub use size::RequestSize;
pub use walk::{Walk, WalkEnd, WalkLimits};
