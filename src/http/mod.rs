//! The HTTP side: /metrics, the JSON API, health, and a status page for people.
//!
//! Invariants: axum, hyper and serde's DTOs of the API live here only; nothing here changes the state
//! of the collector; whatever grows with the fleet (a scrape, a list, the page) is made off the runtime's
//! threads, under a limit named in [`Limits`]; no client, however slow, holds what another needs; every
//! path asks [`Access`] first.

mod access;
mod api;
mod connection;
mod error;
mod exposition;
mod health;
mod history;
mod limits;
mod metrics;
mod operate;
mod page;
mod router;
mod server;
pub mod settings;
mod state;
mod turns;

pub use access::{Access, Role, WebFile, WebFileError};
pub use exposition::{Exposition, Format};
pub use limits::Limits;
pub use operate::{Answer, Operations, Wish, serve_control};
pub use server::{serve, serve_with};
pub use settings::HttpSettings;
pub use state::{
    ActiveAlert, AlertSource, AppState, OutboxFacts, OutboxStatus, Readiness, RuleFacts, RuleStatus,
    SourceFacts, SourceStatus, TrapFacts, TrapStatus,
};
