//! snmpEngineID: which agent it is that keys are localized to (RFC 3411 section 5, SnmpEngineID).

use std::fmt;
use std::hash::{Hash, Hasher};

/// An engine ID, held in place: a session must be small.
///
/// RFC 3411 wants 5 to 32 octets. Shorter ones are taken too, for some agents are set up by hand with
/// a few letters, and keys and comparisons work with any; longer ones and none at all are refused: the
/// bound keeps a forged one from costing memory, and no ID is what a discovery probe carries.
#[derive(Clone, Copy)]
pub struct EngineId {
    octets: [u8; Self::OCTETS_MAX],
    length: u8,
}

impl EngineId {
    /// RFC 3411's maximum.
    pub const OCTETS_MAX: usize = 32;

    /// `None`, if it is empty or too long.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        let mut held = [0; Self::OCTETS_MAX];
        held.get_mut(..octets.len()).filter(|it| !it.is_empty())?.copy_from_slice(octets);
        Some(Self { octets: held, length: u8::try_from(octets.len()).ok()? })
    }

    /// One that is written in hexadecimal, as [`Self`] prints itself or without `0x`.
    #[must_use]
    pub fn from_hexadecimal(text: &str) -> Option<Self> {
        Self::new(&super::user::hexadecimal(text.trim())?)
    }

    /// Its octets: 1 to 32.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl PartialEq for EngineId {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for EngineId {}

impl Hash for EngineId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Display for EngineId {
    /// As net-snmp's tools write it: `0x8000...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.as_slice().iter().try_for_each(|it| write!(f, "{it:02x}"))
    }
}

impl fmt::Debug for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::EngineId;

    #[test]
    fn from_one_to_thirty_two_octets() {
        assert!(EngineId::new(&[]).is_none());
        assert!(EngineId::new(&[7; 33]).is_none());
        assert_eq!(EngineId::new(&[7; 32]).unwrap().as_slice(), [7; 32]);
        assert_eq!(EngineId::new(&[0x80, 0, 1]).unwrap().to_string(), "0x800001");
        assert_ne!(EngineId::new(&[1]), EngineId::new(&[1, 0]));
        assert_eq!(EngineId::from_hexadecimal("800001"), EngineId::new(&[0x80, 0, 1]));
        assert_eq!(EngineId::from_hexadecimal("0x"), None);
    }
}
