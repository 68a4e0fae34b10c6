//! Where a reading is read from: a cell of an SNMP agent, or a property of a Redfish resource.

use super::{Oid, OidError};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Where a reading is read from. Cheap to clone. As a text it is the OID, or `URI#/json/pointer`; part of the
/// JSON contract.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Locator {
    /// A cell of an SNMP agent; empty where there is none, as for objects of inventories.
    Oid(Oid),
    /// A property of a Redfish resource: `/redfish/v1/...#/json/pointer` (RFC 6901).
    Property(Arc<str>),
}

impl Locator {
    /// The OID, if it is one.
    #[must_use]
    pub const fn oid(&self) -> Option<&Oid> {
        match self {
            Self::Oid(oid) => Some(oid),
            Self::Property(_) => None,
        }
    }
}

impl FromStr for Locator {
    type Err = OidError;

    fn from_str(text: &str) -> Result<Self, OidError> {
        if text.starts_with('/') { Ok(Self::Property(text.into())) } else { text.parse().map(Self::Oid) }
    }
}

impl Default for Locator {
    fn default() -> Self {
        Self::Oid(Oid::default())
    }
}

impl From<Oid> for Locator {
    fn from(oid: Oid) -> Self {
        Self::Oid(oid)
    }
}

impl PartialEq<Oid> for Locator {
    fn eq(&self, other: &Oid) -> bool {
        self.oid() == Some(other)
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oid(oid) => oid.fmt(f),
            Self::Property(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Locator;

    #[test]
    fn texts_come_back() {
        for text in ["1.3.6.1.4.1.318", "/redfish/v1/Chassis/1/Power#/PowerControl/0/PowerConsumedWatts"] {
            assert_eq!(text.parse::<Locator>().unwrap().to_string(), text);
        }
        assert!("pdu".parse::<Locator>().is_err());
        assert!(size_of::<Locator>() <= 24, "one a reading");
    }
}
