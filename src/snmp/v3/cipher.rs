//! Encryption of the scoped PDU, in place: CBC-DES (RFC 3414 section 8) and CFB128-AES (RFC 3826).
//!
//! Invariants: the same initial value is never used twice with a key, as long as each message brings
//! another salt; nothing is decrypted here that was not authenticated before (the callers' duty).

use super::protocol::PrivProtocol;
use aes::cipher::{BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use cfb_mode::cipher::BlockSizeUser;
use des::Des;
use zeroize::Zeroize;

/// msgPrivacyParameters' length, of all protocols.
pub(super) const SALT_OCTETS: usize = 8;

/// A privacy protocol with its key, the round keys expanded.
pub(super) enum Cipher {
    Des(Box<DesKey>),
    Aes128(Box<Aes128Enc>),
    Aes192(Box<Aes192Enc>, PrivProtocol),
    Aes256(Box<Aes256Enc>, PrivProtocol),
}

/// DES's key, and what initial values are made of (RFC 3414 section 8.1.1.1).
pub(super) struct DesKey {
    cipher: Des,
    pre_iv: [u8; 8],
}

impl Drop for DesKey {
    fn drop(&mut self) {
        // The cipher wipes itself.
        self.pre_iv.zeroize();
    }
}

/// The key is not as long as its protocol's. Cannot be: `keys::fit` makes it so.
const FITS: &str = "the key was cut or lengthened to the cipher's length";

impl Cipher {
    /// `key` must be [`PrivProtocol::key_octets`] long: a shorter one is filled with zeros, a longer one cut.
    pub(super) fn new(protocol: PrivProtocol, key: &[u8]) -> Self {
        let mut octets = zeroize::Zeroizing::new([0_u8; 32]);
        for (to, from) in octets.iter_mut().zip(key) {
            *to = *from;
        }
        match protocol {
            PrivProtocol::Des => {
                let mut pre_iv = [0; 8];
                for (to, from) in pre_iv.iter_mut().zip(octets.iter().skip(8)) {
                    *to = *from;
                }
                Self::Des(Box::new(DesKey { cipher: keyed(octets.get(..8)), pre_iv }))
            }
            PrivProtocol::Aes128 => Self::Aes128(Box::new(keyed(octets.get(..16)))),
            PrivProtocol::Aes192 | PrivProtocol::Aes192Reeder => {
                Self::Aes192(Box::new(keyed(octets.get(..24))), protocol)
            }
            PrivProtocol::Aes256 | PrivProtocol::Aes256Reeder => {
                Self::Aes256(Box::new(keyed(octets.get(..32))), protocol)
            }
        }
    }

    pub(super) const fn protocol(&self) -> PrivProtocol {
        match self {
            Self::Des(_) => PrivProtocol::Des,
            Self::Aes128(_) => PrivProtocol::Aes128,
            Self::Aes192(_, protocol) | Self::Aes256(_, protocol) => *protocol,
        }
    }

    /// msgPrivacyParameters of the message with that count: AES's 64-bit salt (RFC 3826 section 3.1.2.1),
    /// DES's boots and 32-bit counter (RFC 3414 section 8.1.1.1).
    pub(super) fn salt(&self, boots: u32, count: u64) -> [u8; SALT_OCTETS] {
        match self {
            Self::Des(_) => (u64::from(boots) << 32 | count & u64::from(u32::MAX)).to_be_bytes(),
            _ => count.to_be_bytes(),
        }
    }

    /// Encrypts in place. DES leaves octets after the last whole block as they are: pad first.
    pub(super) fn encrypt(&self, boots: u32, time: u32, salt: [u8; SALT_OCTETS], data: &mut [u8]) {
        let iv = aes_iv(boots, time, salt);
        match self {
            Self::Des(key) => {
                let (blocks, _) = des::cipher::Block::<Des>::slice_as_chunks_mut(data);
                cbc::Encryptor::inner_iv_init(&key.cipher, &key.iv(salt).into()).encrypt_blocks(blocks);
            }
            Self::Aes128(key) => cfb_encrypt(&**key, iv, data),
            Self::Aes192(key, _) => cfb_encrypt(&**key, iv, data),
            Self::Aes256(key, _) => cfb_encrypt(&**key, iv, data),
        }
    }

    /// Decrypts in place; whether the lengths are such that it can be done.
    pub(super) fn decrypt(&self, boots: u32, time: u32, salt: &[u8], data: &mut [u8]) -> bool {
        let Ok(salt) = <[u8; SALT_OCTETS]>::try_from(salt) else { return false };
        let iv = aes_iv(boots, time, salt);
        match self {
            Self::Des(key) => {
                let (blocks, rest) = des::cipher::Block::<Des>::slice_as_chunks_mut(data);
                if !rest.is_empty() {
                    return false;
                }
                cbc::Decryptor::inner_iv_init(&key.cipher, &key.iv(salt).into()).decrypt_blocks(blocks);
            }
            Self::Aes128(key) => cfb_decrypt(&**key, iv, data),
            Self::Aes192(key, _) => cfb_decrypt(&**key, iv, data),
            Self::Aes256(key, _) => cfb_decrypt(&**key, iv, data),
        }
        true
    }
}

impl DesKey {
    fn iv(&self, salt: [u8; 8]) -> [u8; 8] {
        let mut iv = self.pre_iv;
        for (to, from) in iv.iter_mut().zip(salt) {
            *to ^= from;
        }
        iv
    }
}

/// RFC 3826 section 3.1.2.1: boots, time, salt.
fn aes_iv(boots: u32, time: u32, salt: [u8; 8]) -> [u8; 16] {
    (u128::from(boots) << 96 | u128::from(time) << 64 | u128::from(u64::from_be_bytes(salt))).to_be_bytes()
}

type Block16 = aes::Block;

fn cfb_encrypt<C>(cipher: &C, iv: [u8; 16], data: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = <aes::Aes128 as BlockSizeUser>::BlockSize>,
{
    cfb_mode::Encryptor::inner_iv_init(cipher, &Block16::from(iv)).encrypt(data);
}

fn cfb_decrypt<C>(cipher: &C, iv: [u8; 16], data: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = <aes::Aes128 as BlockSizeUser>::BlockSize>,
{
    cfb_mode::Decryptor::inner_iv_init(cipher, &Block16::from(iv)).decrypt(data);
}

fn keyed<C: KeyInit>(key: Option<&[u8]>) -> C {
    #[expect(clippy::expect_used, reason = "each call slices 32 octets at the cipher's own key length")]
    C::new_from_slice(key.unwrap_or_default()).expect(FITS)
}
