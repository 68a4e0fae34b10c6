//! SNMP v1 and v2c: wire format, requests, walks, and the sockets that carry them.
//!
//! Invariant: only [`wire`] names `snmp2`. GET and walk jobs are pure: requests come out, answers and
//! failures go in.

pub mod wire;
