//! The life cycle of alerts: inactive, pending, firing, resolved, and what is said at each step.
//!
//! Invariants: the triggers and resolves of a key alternate, beginning with a trigger (of this
//! process or one before it); nothing begins or ends for want of data; nothing here reads a clock.

pub mod open;
pub mod transition;

pub use open::OpenAlert;
pub use transition::{AlertFacts, AlertKey, Phase, Transition, TransitionKind};

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
