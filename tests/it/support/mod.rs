//! Shared by the tests: recorded devices, the tables of what must be read from them, the comparison of
//! the two, and the agents that we wrote ourselves.

pub(crate) mod agent;
pub(crate) mod compare;
pub(crate) mod devices;
pub(crate) mod polled;
pub(crate) mod shipped;
