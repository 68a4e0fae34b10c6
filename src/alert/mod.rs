//! The life cycle of alerts.

pub mod transition;

pub use transition::{AlertFacts, AlertKey, Phase, Transition, TransitionKind};
