//! Passphrase to key, key to an engine's key, and the keys of one user at one engine, ready for use.
//!
//! RFC 3414 appendix A.2 and section 2.6; the drafts draft-blumenthal-aes-usm-04 section 3.1.2.1 and
//! draft-reeder-snmpv3-usm-3desede-00 section 2.1 for keys that are longer than the hash. Invariant:
//! every key is wiped when dropped and prints as `***`.

use super::cipher::Cipher;
use super::engine_id::EngineId;
use super::mac::Mac;
use super::protocol::{AuthProtocol, PrivProtocol, SecurityLevel};
use super::user::{KeySource, UserSecrets, hexadecimal};
use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use zeroize::{Zeroize, Zeroizing};

/// The octets hashed to make a key of a passphrase (RFC 3414 appendix A.2).
const PASSPHRASE_STREAM_OCTETS: usize = 1_048_576;

/// A key: as many octets as its hash has, or as its cipher needs. Wiped when dropped.
#[derive(Clone)]
pub struct Key {
    octets: [u8; Self::OCTETS_MAX],
    length: usize,
}

impl Key {
    /// SHA-512's.
    const OCTETS_MAX: usize = 64;

    fn empty() -> Self {
        Self { octets: [0; Self::OCTETS_MAX], length: 0 }
    }

    /// As many of the octets as a key holds.
    fn of(octets: &[u8]) -> Self {
        let mut key = Self::empty();
        key.append(octets);
        key
    }

    fn append(&mut self, octets: &[u8]) {
        let room = self.octets.get_mut(self.length..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(octets) {
            *to = *from;
        }
        self.length = self.length.saturating_add(octets.len()).min(Self::OCTETS_MAX);
    }

    fn cut(mut self, length: usize) -> Self {
        self.length = self.length.min(length);
        self
    }

    /// Its octets.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The hash of an authentication protocol over some parts.
fn hash<'a>(protocol: AuthProtocol, parts: impl Iterator<Item = &'a [u8]>) -> Key {
    fn run<'a, D: Digest>(parts: impl Iterator<Item = &'a [u8]>) -> Key {
        let mut digest = D::new();
        parts.for_each(|it| digest.update(it));
        let mut output = digest.finalize();
        let key = Key::of(&output);
        output.as_mut_slice().zeroize();
        key
    }
    match protocol {
        AuthProtocol::Md5 => run::<Md5>(parts),
        AuthProtocol::Sha1 => run::<Sha1>(parts),
        AuthProtocol::Sha224 => run::<Sha224>(parts),
        AuthProtocol::Sha256 => run::<Sha256>(parts),
        AuthProtocol::Sha384 => run::<Sha384>(parts),
        AuthProtocol::Sha512 => run::<Sha512>(parts),
    }
}

/// Ku: the key of a passphrase, the same for all engines. Costs the hash of a megabyte: 1 to 4 ms.
#[must_use]
pub fn passphrase_to_key(protocol: AuthProtocol, passphrase: &[u8]) -> Key {
    if passphrase.is_empty() {
        // A user with one cannot be made; the stream of it would have no octets.
        return hash(protocol, std::iter::empty());
    }
    // Some repetitions at a time: hashing wants more than eight octets a call.
    let repeated = Zeroizing::new(passphrase.repeat(4096_usize.div_ceil(passphrase.len())));
    let length = NonZeroUsize::new(repeated.len()).unwrap_or(NonZeroUsize::MIN);
    let (whole, rest) = (PASSPHRASE_STREAM_OCTETS / length, PASSPHRASE_STREAM_OCTETS % length);
    let rest = repeated.get(..rest).unwrap_or_default();
    hash(protocol, std::iter::repeat_n(repeated.as_slice(), whole).chain([rest]))
}

/// Kul: the key at one engine (RFC 3414 section 2.6).
#[must_use]
pub fn localize(protocol: AuthProtocol, key: &Key, engine: &EngineId) -> Key {
    hash(protocol, [key.as_slice(), engine.as_slice(), key.as_slice()].into_iter())
}

/// Cuts or lengthens a localized key to what a cipher needs. Reeder's way hashes a megabyte for each
/// lengthening, and so for each engine.
#[must_use]
pub fn fit(auth: AuthProtocol, privacy: PrivProtocol, localized: Key, engine: &EngineId) -> Key {
    let wanted = privacy.key_octets();
    let mut key = localized;
    let mut last = key.clone();
    while key.length < wanted {
        last = match privacy {
            PrivProtocol::Aes192Reeder | PrivProtocol::Aes256Reeder => {
                localize(auth, &passphrase_to_key(auth, last.as_slice()), engine)
            }
            _ => hash(auth, std::iter::once(key.as_slice())),
        };
        key.append(last.as_slice());
    }
    key.cut(wanted)
}

/// What is computed once for a user, whatever engines it is known to.
#[derive(Default)]
pub(super) struct UserKeys {
    auth: OnceLock<Key>,
    privacy: OnceLock<Key>,
}

/// The keys of one user at one engine, ready: the HMAC's inner and outer states after their key blocks,
/// the cipher's round keys. Wiped when dropped.
pub struct LocalizedKeys {
    mac: Mac,
    cipher: Option<Cipher>,
}

impl LocalizedKeys {
    /// Computes them, waiting for or keeping Ku in `user`.
    pub(super) fn derive(secrets: &UserSecrets, user: &UserKeys, engine: &EngineId) -> Self {
        let (auth, source) = &secrets.auth;
        let auth = *auth;
        let auth_key = match source {
            KeySource::Localized(it) => written(it.expose()),
            KeySource::Passphrase(it) => {
                let ku = user.auth.get_or_init(|| passphrase_to_key(auth, it.expose().as_bytes()));
                localize(auth, ku, engine)
            }
        };
        let cipher = secrets.privacy.as_ref().map(|(protocol, source)| {
            let key = match source {
                KeySource::Localized(it) => written(it.expose()),
                KeySource::Passphrase(it) if *source == secrets.auth.1 => {
                    let ku = user.auth.get_or_init(|| passphrase_to_key(auth, it.expose().as_bytes()));
                    localize(auth, ku, engine)
                }
                KeySource::Passphrase(it) => {
                    let ku = user.privacy.get_or_init(|| passphrase_to_key(auth, it.expose().as_bytes()));
                    localize(auth, ku, engine)
                }
            };
            Cipher::new(*protocol, fit(auth, *protocol, key, engine).as_slice())
        });
        Self { mac: Mac::new(auth, auth_key.as_slice()), cipher }
    }

    /// What messages can be protected with these keys.
    #[must_use]
    pub const fn level(&self) -> SecurityLevel {
        if self.cipher.is_some() { SecurityLevel::AuthPriv } else { SecurityLevel::AuthNoPriv }
    }

    pub(super) const fn mac(&self) -> &Mac {
        &self.mac
    }

    pub(super) const fn cipher(&self) -> Option<&Cipher> {
        self.cipher.as_ref()
    }
}

impl fmt::Debug for LocalizedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A key that was given as it is; a checked user's is hexadecimal.
fn written(text: &str) -> Key {
    hexadecimal(text).map_or_else(Key::empty, |it| Key::of(&it))
}
