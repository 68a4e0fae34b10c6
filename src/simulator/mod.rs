//! Simulated agents and services, for the demo and for tests.

pub mod pagerduty;
