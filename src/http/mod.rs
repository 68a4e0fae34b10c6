//! The HTTP side: /metrics, the JSON API, health.

pub mod settings;
