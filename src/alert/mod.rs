//! The life cycle of alerts.

pub mod open;
pub mod transition;

pub use open::OpenAlert;
pub use transition::{AlertFacts, AlertKey, Phase, Transition, TransitionKind};
