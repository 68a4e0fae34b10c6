//! The authentication and privacy protocols, by the names that people write.
//!
//! Says how long keys, codes and blocks are; the computing is in `mac`, `cipher` and `keys`.

use std::fmt;
use std::str::FromStr;

/// An authentication protocol (RFC 3414 sections 6 and 7, RFC 7860).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthProtocol {
    /// HMAC-MD5-96
    Md5,
    /// HMAC-SHA-96
    Sha1,
    /// HMAC-128-SHA-224
    Sha224,
    /// HMAC-192-SHA-256
    Sha256,
    /// HMAC-256-SHA-384
    Sha384,
    /// HMAC-384-SHA-512
    Sha512,
}

/// A privacy protocol (RFC 3414 section 8, RFC 3826, and the two drafts that lengthen keys).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrivProtocol {
    /// CBC-DES
    Des,
    /// CFB128-AES-128
    Aes128,
    /// CFB128-AES-192, its key lengthened as in draft-blumenthal-aes-usm-04: what net-snmp means.
    Aes192,
    /// CFB128-AES-256, lengthened the same way.
    Aes256,
    /// CFB128-AES-192, its key lengthened as in draft-reeder-snmpv3-usm-3desede-00: what Cisco means.
    Aes192Reeder,
    /// CFB128-AES-256, lengthened as Cisco does.
    Aes256Reeder,
}

/// How much a message is protected (RFC 3411 section 3.4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecurityLevel {
    /// Not at all.
    NoAuthNoPriv,
    /// Authenticated.
    AuthNoPriv,
    /// Authenticated and encrypted.
    AuthPriv,
}

/// A name that stands for no protocol; the text says which ones there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownProtocol(String);

impl AuthProtocol {
    /// All of them, the weakest first.
    pub const ALL: [Self; 6] =
        [Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Octets of the hash, and so of a key.
    #[must_use]
    pub const fn key_octets(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Octets of the code in a message, to which the HMAC is cut (RFC 3414 section 6.3.1, RFC 7860
    /// section 4.2.1).
    #[must_use]
    pub const fn code_octets(self) -> usize {
        match self {
            Self::Md5 | Self::Sha1 => 12,
            Self::Sha224 => 16,
            Self::Sha256 => 24,
            Self::Sha384 => 32,
            Self::Sha512 => 48,
        }
    }

    /// The canonical name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }
}

impl PrivProtocol {
    /// All of them, the weakest first.
    pub const ALL: [Self; 6] =
        [Self::Des, Self::Aes128, Self::Aes192, Self::Aes192Reeder, Self::Aes256, Self::Aes256Reeder];

    /// Octets of a localized key; of DES's the second half makes initial values (RFC 3414 section 8.1.1.1).
    #[must_use]
    pub const fn key_octets(self) -> usize {
        match self {
            Self::Des | Self::Aes128 => 16,
            Self::Aes192 | Self::Aes192Reeder => 24,
            Self::Aes256 | Self::Aes256Reeder => 32,
        }
    }

    /// What the count of encrypted octets must be a multiple of.
    #[must_use]
    pub const fn block_octets(self) -> usize {
        match self {
            Self::Des => 8,
            _ => 1,
        }
    }

    /// The canonical name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Des => "DES",
            Self::Aes128 => "AES-128",
            Self::Aes192 => "AES-192",
            Self::Aes256 => "AES-256",
            Self::Aes192Reeder => "AES-192-Reeder",
            Self::Aes256Reeder => "AES-256-Reeder",
        }
    }
}

impl SecurityLevel {
    /// The name in RFC 3411.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoAuthNoPriv => "noAuthNoPriv",
            Self::AuthNoPriv => "authNoPriv",
            Self::AuthPriv => "authPriv",
        }
    }
}

impl fmt::Display for AuthProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for PrivProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for SecurityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Letters and digits alone, in capitals: `sha_256`, `SHA-256` and `Sha256` are one name.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_uppercase()).collect()
}

impl FromStr for AuthProtocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        Ok(match letters(text).trim_start_matches("HMAC").trim_start_matches("USM") {
            "MD5" | "MD596" => Self::Md5,
            "SHA" | "SHA1" | "SHA96" | "SHA196" => Self::Sha1,
            "SHA224" | "SHA2224" | "128SHA224" => Self::Sha224,
            "SHA256" | "SHA2256" | "192SHA256" => Self::Sha256,
            "SHA384" | "SHA2384" | "256SHA384" => Self::Sha384,
            "SHA512" | "SHA2512" | "384SHA512" => Self::Sha512,
            _ => {
                return Err(UnknownProtocol(format!(
                    "`{text}` is no authentication protocol; write one of {}",
                    list(&Self::ALL.map(Self::name))
                )));
            }
        })
    }
}

impl FromStr for PrivProtocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        let known = list(&Self::ALL.map(Self::name));
        Ok(match letters(text).as_str() {
            "DES" | "DES56" | "CBCDES" | "DESCBC" => Self::Des,
            "AES" | "AES128" | "AES128CFB" | "AESCFB128" | "CFB128AES128" => Self::Aes128,
            "AES192" | "AES192B" | "AES192BLUMENTHAL" | "AES192CFB" | "CFB128AES192" => Self::Aes192,
            "AES256" | "AES256B" | "AES256BLUMENTHAL" | "AES256CFB" | "CFB128AES256" => Self::Aes256,
            "AES192C" | "AES192CISCO" | "AES192REEDER" | "AES192R" => Self::Aes192Reeder,
            "AES256C" | "AES256CISCO" | "AES256REEDER" | "AES256R" => Self::Aes256Reeder,
            "3DES" | "DES3" | "TRIPLEDES" | "3DESEDE" | "3DES168EDE" => {
                return Err(UnknownProtocol(format!("3DES is not supported; write one of {known}")));
            }
            _ => {
                return Err(UnknownProtocol(format!(
                    "`{text}` is no privacy protocol; write one of {known}"
                )));
            }
        })
    }
}

fn list(names: &[&str]) -> String {
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        for (text, meant) in [
            ("MD5", AuthProtocol::Md5),
            ("sha", AuthProtocol::Sha1),
            ("SHA-1", AuthProtocol::Sha1),
            ("SHA-224", AuthProtocol::Sha224),
            ("sha256", AuthProtocol::Sha256),
            ("SHA2-256", AuthProtocol::Sha256),
            ("HMAC-SHA-384", AuthProtocol::Sha384),
            ("hmac384sha512", AuthProtocol::Sha512),
        ] {
            assert_eq!(text.parse(), Ok(meant), "{text}");
        }
        for (text, meant) in [
            ("DES", PrivProtocol::Des),
            ("AES", PrivProtocol::Aes128),
            ("aes128", PrivProtocol::Aes128),
            ("AES-192", PrivProtocol::Aes192),
            ("AES-256", PrivProtocol::Aes256),
            ("AES-192-C", PrivProtocol::Aes192Reeder),
            ("AES192C", PrivProtocol::Aes192Reeder),
            ("AES-256-Cisco", PrivProtocol::Aes256Reeder),
            ("aes256_reeder", PrivProtocol::Aes256Reeder),
        ] {
            assert_eq!(text.parse(), Ok(meant), "{text}");
        }
        assert!(AuthProtocol::ALL.iter().all(|it| it.name().parse() == Ok(*it)));
        assert!(PrivProtocol::ALL.iter().all(|it| it.name().parse() == Ok(*it)));
    }

    #[test]
    fn what_there_is_not_says_what_there_is() {
        let wrong = "3DES".parse::<PrivProtocol>().unwrap_err().to_string();
        assert_eq!(
            wrong,
            "3DES is not supported; write one of DES, AES-128, AES-192, AES-192-Reeder, AES-256, AES-256-Reeder"
        );
        let wrong = "crc32".parse::<AuthProtocol>().unwrap_err().to_string();
        assert_eq!(
            wrong,
            "`crc32` is no authentication protocol; write one of MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512"
        );
    }
}
