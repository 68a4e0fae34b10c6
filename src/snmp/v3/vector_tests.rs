//! Keys and ciphers against figures from elsewhere.
//!
//! MD5's and SHA-1's keys are those of RFC 3414 appendices A.3 and A.5, Reeder's SHA-1 key that of its
//! draft's section A.1. No RFC has any for SHA-2: they, the other lengthened keys and the ciphertexts were
//! computed with Python's hashlib and cryptography 48, and the lengthened ones agree with pysnmp 7.1.

use super::cipher::Cipher;
use super::keys::{fit, localize, passphrase_to_key};
use super::{AuthProtocol, EngineId, PrivProtocol};

fn engine() -> EngineId {
    EngineId::new(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]).unwrap()
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|it| format!("{it:02x}")).collect()
}

/// Protocol, Ku and Kul of `maplesyrup` at engine 2, Kul lengthened to 32 octets by Blumenthal and Reeder.
const KEYS: [(AuthProtocol, &str, &str, &str, &str); 6] = [
    (
        AuthProtocol::Md5,
        "9faf3283884e92834ebc9847d8edd963",
        "526f5eed9fcce26f8964c2930787d82b",
        "526f5eed9fcce26f8964c2930787d82bfa24a92467426c2f4b09192be10dfaec",
        "526f5eed9fcce26f8964c2930787d82b79eff44a90650ee0a3a40abfac5acc12",
    ),
    (
        AuthProtocol::Sha1,
        "9fb5cc0381497b3793528939ff788d5d79145211",
        "6695febc9288e36282235fc7151f128497b38f3f",
        "6695febc9288e36282235fc7151f128497b38f3f505e07eb9af25568fa1f5dbe",
        "6695febc9288e36282235fc7151f128497b38f3f9b8b6d78936ba6e7d19dfd9c",
    ),
    (
        AuthProtocol::Sha224,
        "282a5867ee9aac639ad59df9572c7d3ac0fbc13a905b6df07dbbf00b",
        "0bd8827c6e29f8065e08e09237f177e410f69b90e1782be682075674",
        "0bd8827c6e29f8065e08e09237f177e410f69b90e1782be682075674e82d9bf0",
        "0bd8827c6e29f8065e08e09237f177e410f69b90e1782be68207567422c34be4",
    ),
    (
        AuthProtocol::Sha256,
        "ab51014d1e077f6017df2b12bee5f5aa72993177e9bb569c4dff5a4ca0b4afac",
        "8982e0e549e866db361a6b625d84cccc11162d453ee8ce3a6445c2d6776f0f8b",
        "8982e0e549e866db361a6b625d84cccc11162d453ee8ce3a6445c2d6776f0f8b",
        "8982e0e549e866db361a6b625d84cccc11162d453ee8ce3a6445c2d6776f0f8b",
    ),
    (
        AuthProtocol::Sha384,
        "e06eccdf2c68a06ed034723c9c26e0db3b669e1e2efed49150b55377a2e98f383c86fb836857444654b287c93f51ff64",
        "3b298f16164a11184279d5432bf169e2d2a48307de02b3d3f7e2b4f36eb6f0455a53689a3937eea07319a633d2ccba78",
        "3b298f16164a11184279d5432bf169e2d2a48307de02b3d3f7e2b4f36eb6f045",
        "3b298f16164a11184279d5432bf169e2d2a48307de02b3d3f7e2b4f36eb6f045",
    ),
    (
        AuthProtocol::Sha512,
        "7e4396de5aadc77be853819b98c9406265b3a9c37cc3176569847a4e4f6fba63dd3a73d04924d31a63f95a601f9385af6be4ed1b37f87d040f7c6ed6f8d38a91",
        "22a5a36cedfcc085807a128d7bc6c2382167ad6c0dbc5fdff856740f3d84c099ad1ea87a8db096714d9788bd544047c9021e4229ce27e4c0a69250adfcffbb0b",
        "22a5a36cedfcc085807a128d7bc6c2382167ad6c0dbc5fdff856740f3d84c099",
        "22a5a36cedfcc085807a128d7bc6c2382167ad6c0dbc5fdff856740f3d84c099",
    ),
];

#[test]
fn passphrases_become_keys_and_keys_an_engines() {
    for (auth, ku, kul, blumenthal, reeder) in KEYS {
        let key = passphrase_to_key(auth, b"maplesyrup");
        assert_eq!(hexadecimal(key.as_slice()), ku, "{auth}");
        let local = localize(auth, &key, &engine());
        assert_eq!(hexadecimal(local.as_slice()), kul, "{auth}");
        for (privacy, long) in [
            (PrivProtocol::Des, kul),
            (PrivProtocol::Aes128, kul),
            (PrivProtocol::Aes192, blumenthal),
            (PrivProtocol::Aes256, blumenthal),
            (PrivProtocol::Aes192Reeder, reeder),
            (PrivProtocol::Aes256Reeder, reeder),
        ] {
            let fitted = fit(auth, privacy, local.clone(), &engine());
            let (wanted, _) = long.split_at(2 * privacy.key_octets());
            assert_eq!(hexadecimal(fitted.as_slice()), wanted, "{auth} {privacy}");
        }
    }
}

#[test]
fn the_changed_passphrase_of_rfc_3414_a_5() {
    for (auth, kul) in [
        (AuthProtocol::Md5, "87021d7bd9d101ba05ea6e3bf9d9bd4a"),
        (AuthProtocol::Sha1, "78e2dcce79d59403b58c1bbaa5bff46391f1cd25"),
    ] {
        let local = localize(auth, &passphrase_to_key(auth, b"newsyrup"), &engine());
        assert_eq!(hexadecimal(local.as_slice()), kul);
    }
}

#[test]
fn any_length_of_a_passphrase_makes_a_key() {
    // One that is longer than the stream that is hashed counts up to its end alone.
    let long = vec![b'x'; 1_048_577];
    let (a, b) =
        (passphrase_to_key(AuthProtocol::Md5, &long), passphrase_to_key(AuthProtocol::Md5, b"xxxxxxxx"));
    assert_eq!(a.as_slice(), b.as_slice());
    assert_eq!(passphrase_to_key(AuthProtocol::Sha512, b"").as_slice().len(), 64);
}

#[test]
fn ciphers_agree_with_another_library() {
    let key: Vec<u8> = (0..32).collect();
    let plain: Vec<u8> = (0..40_u8).map(|it| it.wrapping_mul(7)).collect();
    let salt = [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18];
    for (protocol, expected) in [
        (
            PrivProtocol::Des,
            "2de92a4c441a6107da3a9d41e47498a7e19e0b377768743c97d19b4037a290d4e7a88f16d825a844",
        ),
        (
            PrivProtocol::Aes128,
            "3167c853e0f61b35e2d9e451d0c3ec9a0a2ae4003c0e59c7afba8816d606002b674a8b43c392bc49",
        ),
        (
            PrivProtocol::Aes192,
            "ee848d138a1e1d96fc598bb64371133e4d04fe9ce73b488e7fe566f948dfddc76e7ec3c95df7416c",
        ),
        (
            PrivProtocol::Aes256Reeder,
            "a969db756417980bacfebb342afefe0e99751db91cb7b1fa8357d93c485f12c21da8db9f41b4dcff",
        ),
    ] {
        let cipher = Cipher::new(protocol, &key[..protocol.key_octets()]);
        let mut octets = plain.clone();
        cipher.encrypt(0x0102_0304, 0x0506_0708, salt, &mut octets);
        assert_eq!(hexadecimal(&octets), expected, "{protocol}");
        assert!(cipher.decrypt(0x0102_0304, 0x0506_0708, &salt, &mut octets));
        assert_eq!(octets, plain, "{protocol}");
        assert!(!cipher.decrypt(1, 1, &salt[1..], &mut octets), "{protocol}: a salt of seven octets");
    }
    let des = Cipher::new(PrivProtocol::Des, &key[..16]);
    assert!(!des.decrypt(1, 1, &salt, &mut [0; 15]), "a block that is not whole");
}

#[test]
fn salts_are_made_as_the_rfcs_say() {
    let key = [7; 16];
    let aes = Cipher::new(PrivProtocol::Aes128, &key);
    assert_eq!(aes.salt(9, 0x0102_0304_0506_0708), [1, 2, 3, 4, 5, 6, 7, 8]);
    let des = Cipher::new(PrivProtocol::Des, &key);
    assert_eq!(des.salt(9, 0x0102_0304_0506_0708), [0, 0, 0, 9, 5, 6, 7, 8]);
}
