//! Polling: learns each device once, then asks it on time for exactly what it has.

pub mod settings;
