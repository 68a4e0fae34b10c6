//! The life cycle of alerts: inactive, pending, firing, resolved, and what is said at each step.
//!
//! Invariants: the triggers and resolves of a key alternate, beginning with a trigger (of this
//! process or one before it); nothing begins or ends for want of data; nothing here reads a clock.

mod bind;
mod board;
mod cycle;
mod device;
mod facts;
mod group;
mod key;
mod link;
mod open;
mod opens;
mod progress;
mod side;
pub mod transition;

pub use crate::rules::known_name;
pub use board::{AlertView, Board, Frozen};
pub use cycle::{Cycle, Step};
pub use device::DeviceAlerts;
pub use group::{Group, Seat};
pub use key::{KeyParts, KeyReading};
pub use link::Link;
pub use open::{OpenAlert, resolve_orphans, resolve_removed};
pub use progress::{Progress, Remembered};
pub use transition::{AlertFacts, AlertKey, Phase, Transition, TransitionKind};

#[cfg(test)]
mod feature_tests;
#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
