//! The HMAC of a message (RFC 3414 sections 6.3 and 7.3, RFC 7860 section 4.2), made and compared.
//!
//! The key's blocks are hashed once; a message costs a copy of the two states. Invariant: codes are
//! compared in constant time.

use super::protocol::AuthProtocol;
use hmac::{Hmac, KeyInit};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

/// An authentication protocol with its key.
pub(super) enum Mac {
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
    Sha224(Hmac<Sha224>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

/// A message authentication code, cut as its protocol says.
pub(super) struct Code {
    octets: [u8; 64],
    length: usize,
}

impl Code {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

impl Mac {
    pub(super) fn new(protocol: AuthProtocol, key: &[u8]) -> Self {
        match protocol {
            AuthProtocol::Md5 => Self::Md5(keyed(key)),
            AuthProtocol::Sha1 => Self::Sha1(keyed(key)),
            AuthProtocol::Sha224 => Self::Sha224(keyed(key)),
            AuthProtocol::Sha256 => Self::Sha256(keyed(key)),
            AuthProtocol::Sha384 => Self::Sha384(keyed(key)),
            AuthProtocol::Sha512 => Self::Sha512(keyed(key)),
        }
    }

    pub(super) const fn protocol(&self) -> AuthProtocol {
        match self {
            Self::Md5(_) => AuthProtocol::Md5,
            Self::Sha1(_) => AuthProtocol::Sha1,
            Self::Sha224(_) => AuthProtocol::Sha224,
            Self::Sha256(_) => AuthProtocol::Sha256,
            Self::Sha384(_) => AuthProtocol::Sha384,
            Self::Sha512(_) => AuthProtocol::Sha512,
        }
    }

    /// The code over some parts as if they were one.
    pub(super) fn code(&self, parts: &[&[u8]]) -> Code {
        let mut code = Code { octets: [0; 64], length: self.protocol().code_octets() };
        match self {
            Self::Md5(it) => run(it, parts, &mut code),
            Self::Sha1(it) => run(it, parts, &mut code),
            Self::Sha224(it) => run(it, parts, &mut code),
            Self::Sha256(it) => run(it, parts, &mut code),
            Self::Sha384(it) => run(it, parts, &mut code),
            Self::Sha512(it) => run(it, parts, &mut code),
        }
        code
    }

    /// Whether `code` is that of `before`, as many zeros as it has octets itself, and `after`.
    pub(super) fn verify(&self, before: &[u8], code: &[u8], after: &[u8]) -> bool {
        const ZEROS: [u8; 64] = [0; 64];
        let Some(zeros) = ZEROS.get(..code.len()) else { return false };
        // A shorter code would be easier to guess; the length is no secret.
        code.len() == self.protocol().code_octets()
            && bool::from(self.code(&[before, zeros, after]).as_slice().ct_eq(code))
    }
}

fn keyed<M: KeyInit>(key: &[u8]) -> M {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 2)")]
    M::new_from_slice(key).expect("HMAC takes any key")
}

fn run<M: hmac::Mac + Clone>(state: &M, parts: &[&[u8]], code: &mut Code) {
    let mut mac = state.clone();
    parts.iter().for_each(|it| mac.update(it));
    let made = mac.finalize().into_bytes();
    for (to, from) in code.octets.iter_mut().zip(made.iter()) {
        *to = *from;
    }
}
