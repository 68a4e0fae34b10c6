//! Shared by the tests: recorded devices, the tables of what must be read from them, and the
//! comparison of the two.

pub(crate) mod compare;
pub(crate) mod devices;
pub(crate) mod polled;
