//! PagerDuty Events API v2: events and their texts, what an answer means, and the client that sends.

pub mod classify;
pub mod client;
mod details;
pub mod event;

pub use classify::{Decision, Exchange, Reason, TransportFault, Verdict, classify, classify_of};
pub use event::{Action, Sender};
