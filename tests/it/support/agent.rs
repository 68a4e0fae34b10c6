//! Small agents that we wrote from the MIBs: `tests/fixtures/devices/NAME.agent`, in the format of
//! [`rackwarden::profile::fixture`].

pub(crate) use rackwarden::profile::fixture::{parse, skeleton};
