//! A varbind's value as an agent sent it (RFC 3416 section 3, RFC 2578 section 7.1).
//!
//! Does not interpret: scales, sentinels and enumerations are the profile's.

use super::{Oid, OidError};

/// One value on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// INTEGER, Integer32.
    Integer(i64),
    /// OCTET STRING.
    OctetString(Box<[u8]>),
    /// NULL: also what a request carries in place of a value.
    Null,
    /// OBJECT IDENTIFIER.
    ObjectIdentifier(Oid),
    /// IpAddress.
    IpAddress([u8; 4]),
    /// Counter32.
    Counter32(u32),
    /// Gauge32, Unsigned32.
    Gauge32(u32),
    /// TimeTicks, in hundredths of a second.
    TimeTicks(u32),
    /// Opaque.
    Opaque(Box<[u8]>),
    /// Counter64 (not in SNMPv1).
    Counter64(u64),
    /// noSuchObject (v2c, v3).
    NoSuchObject,
    /// noSuchInstance (v2c, v3).
    NoSuchInstance,
    /// endOfMibView (v2c, v3).
    EndOfMibView,
}

impl Value {
    /// The number in it, if it is of a numeric type.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Counter32(value) | Self::Gauge32(value) | Self::TimeTicks(value) => Some(i64::from(*value)),
            Self::Counter64(value) => Some(i64::try_from(*value).unwrap_or(i64::MAX)),
            Self::OctetString(_)
            | Self::Null
            | Self::ObjectIdentifier(_)
            | Self::IpAddress(_)
            | Self::Opaque(_)
            | Self::NoSuchObject
            | Self::NoSuchInstance
            | Self::EndOfMibView => None,
        }
    }

    /// The same, borrowed; an OBJECT IDENTIFIER's content octets go to `name`.
    pub(super) fn as_ref<'a>(&'a self, name: &'a mut Vec<u8>) -> ValueRef<'a> {
        match self {
            Self::Integer(it) => ValueRef::Integer(*it),
            Self::OctetString(it) => ValueRef::OctetString(it),
            Self::Null => ValueRef::Null,
            Self::ObjectIdentifier(it) => match it.encode_content(name) {
                Ok(()) => ValueRef::ObjectIdentifier(name),
                Err(_) => ValueRef::Unreadable,
            },
            Self::IpAddress(it) => ValueRef::IpAddress(*it),
            Self::Counter32(it) => ValueRef::Counter32(*it),
            Self::Gauge32(it) => ValueRef::Gauge32(*it),
            Self::TimeTicks(it) => ValueRef::TimeTicks(*it),
            Self::Opaque(it) => ValueRef::Opaque(it),
            Self::Counter64(it) => ValueRef::Counter64(*it),
            Self::NoSuchObject => ValueRef::NoSuchObject,
            Self::NoSuchInstance => ValueRef::NoSuchInstance,
            Self::EndOfMibView => ValueRef::EndOfMibView,
        }
    }

    /// The text in an OCTET STRING: UTF-8, else Latin-1; control characters become spaces, and
    /// blanks and NULs around it are dropped; so do characters that reverse or hide text. `None` for other types.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let Self::OctetString(octets) = self else { return None };
        let decoded = match std::str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => octets.iter().map(|&it| char::from(it)).collect(),
        };
        Some(clean_text(&decoded))
    }

    /// Whether it stands for "there is nothing here" (RFC 3416 exceptions).
    #[must_use]
    pub const fn is_exception(&self) -> bool {
        matches!(self, Self::NoSuchObject | Self::NoSuchInstance | Self::EndOfMibView)
    }
}

/// A value, borrowed from the octets that it came in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// INTEGER
    Integer(i64),
    /// OCTET STRING
    OctetString(&'a [u8]),
    /// NULL
    Null,
    /// OBJECT IDENTIFIER, content octets
    ObjectIdentifier(&'a [u8]),
    /// IpAddress
    IpAddress([u8; 4]),
    /// Counter32
    Counter32(u32),
    /// Gauge32, Unsigned32
    Gauge32(u32),
    /// TimeTicks
    TimeTicks(u32),
    /// Opaque
    Opaque(&'a [u8]),
    /// Counter64
    Counter64(u64),
    /// noSuchObject
    NoSuchObject,
    /// noSuchInstance
    NoSuchInstance,
    /// endOfMibView
    EndOfMibView,
    /// A value of an unknown type or with a wrong length, within a sound binding: this cell alone is lost.
    Unreadable,
}

impl<'a> ValueRef<'a> {
    /// Strings are kept up to this length: DisplayString has 255 octets at most (RFC 2579), and an agent must
    /// not fill the collector's memory with 60 kB in each row.
    pub const STRING_OCTETS_MAX: usize = 1024;

    /// The same, owned; of strings the first [`Self::STRING_OCTETS_MAX`] octets.
    ///
    /// # Errors
    /// [`OidError`], where an OBJECT IDENTIFIER's octets are none, or the value is unreadable.
    pub fn to_value(self) -> Result<Value, OidError> {
        Ok(match self {
            Self::Integer(it) => Value::Integer(it),
            Self::OctetString(it) => Value::OctetString(Self::cut(it).into()),
            Self::Null => Value::Null,
            Self::ObjectIdentifier(it) => Value::ObjectIdentifier(Oid::decode_content(it)?),
            Self::IpAddress(it) => Value::IpAddress(it),
            Self::Counter32(it) => Value::Counter32(it),
            Self::Gauge32(it) => Value::Gauge32(it),
            Self::TimeTicks(it) => Value::TimeTicks(it),
            Self::Opaque(it) => Value::Opaque(Self::cut(it).into()),
            Self::Counter64(it) => Value::Counter64(it),
            Self::NoSuchObject => Value::NoSuchObject,
            Self::NoSuchInstance => Value::NoSuchInstance,
            Self::EndOfMibView => Value::EndOfMibView,
            Self::Unreadable => return Err(OidError::Octets),
        })
    }

    /// What is kept of a string.
    pub(super) fn cut(octets: &'a [u8]) -> &'a [u8] {
        octets.get(..Self::STRING_OCTETS_MAX).unwrap_or(octets)
    }

    /// Whether it stands for "there is nothing here".
    #[must_use]
    pub const fn is_exception(self) -> bool {
        matches!(self, Self::NoSuchObject | Self::NoSuchInstance | Self::EndOfMibView)
    }
}

/// A text from elsewhere as pages and labels may show it: control characters and those that reverse or
/// hide text become spaces, blanks and NULs around it are dropped.
#[must_use]
pub fn clean_text(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|it| if it != '\0' && (it.is_control() || is_invisible(it)) { ' ' } else { it })
        .collect();
    clean.trim_matches(|it: char| it == '\0' || it.is_whitespace()).replace('\0', "")
}

/// Characters that reverse or hide what stands beside them: a device's name must not do that to a page.
const fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn texts_are_clean() {
        let text = |octets: &[u8]| Value::OctetString(octets.into()).text().unwrap();
        assert_eq!(text(b"  rack 4\0\0"), "rack 4");
        assert_eq!(text(b"a\x1b[31mb\nc"), "a [31mb c");
        assert_eq!(text(&[0xfc, b'x']), "\u{fc}x", "Latin-1");
        assert_eq!(text("a\u{202e}b".as_bytes()), "a b");
        assert_eq!(Value::Integer(1).text(), None);
    }
}
