//! The daemon: builds, wires, reloads and stops the other modules.
//!
//! The only place where poller, store, rules, alerts and paging meet: [`pipeline::Pipeline`] takes what a
//! poll brought through all of them on the poll's own thread.

mod control;
pub mod daemon;
mod enrich;
mod fitting;
mod groups;
mod inventory;
mod lag;
mod memory;
pub mod pipeline;
mod redfish;
mod reload;
pub mod resolve;
mod restored;
mod status;
mod supervise;
mod tally;
mod traps;
mod watch;
mod watchdog;

pub(crate) use control::socket as control_socket;
pub use daemon::{AppError, Daemon};
pub use enrich::Enrichment;
pub use traps::TrapError;
