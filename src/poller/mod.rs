//! Polling: learns each device once, then asks it on time for exactly what it has.
//!
//! [`shard::Shard`] and below are pure; [`execute`] and [`once`] carry datagrams. Knows neither store
//! nor rules: what a poll brings is handed to a [`execute::Sink`].

pub mod device;
pub(crate) mod endpoint;
pub mod engines;
pub mod execute;
mod key_thread;
pub mod kinds;
pub mod learn;
pub mod once;
pub mod settings;
pub mod shard;
mod sweep;
pub mod timing;
mod windows;

pub use device::{Device, Outcome, Ready, Room, Step};
pub use execute::{Command, ShardHandle, Sink, StartError};
