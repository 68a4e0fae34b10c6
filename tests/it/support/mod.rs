//! Shared by the tests: recorded devices, the tables of what must be read from them, the comparison of
//! the two, and the agents that we wrote ourselves.

pub(crate) mod agent;
pub(crate) mod compare;
pub(crate) mod devices;
pub(crate) mod polled;
pub(crate) mod shipped;

/// Says what a test leaves out, past the harness, which shows what a passing test prints to nobody.
pub(crate) fn left_out(why: &str) {
    use std::io::Write;
    std::io::stderr().write_all(format!("left out: {why}\n").as_bytes()).unwrap();
}
