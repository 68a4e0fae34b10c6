//! What SNMPv3's User-based Security Model is set up with: protocols and engine IDs.

use crate::config::check::{Checker, Spot};
use crate::snmp::v3::EngineId;
use figment::value::Value;
use std::str::FromStr;

/// A protocol, by any of the names that people write. What is none is not repeated: it may be the
/// passphrase, in the wrong place.
pub(super) fn protocol<P: FromStr + Copy>(
    checker: &mut Checker<'_, '_>,
    spot: &Spot<'_, '_>,
    name_of: fn(P) -> &'static str,
    all: &[P],
) -> Option<Value> {
    let text = checker.text(spot)?;
    if let Ok(known) = text.parse::<P>() {
        return Some(Value::from(name_of(known)));
    }
    let key = spot.key.name;
    let names: Vec<&str> = all.iter().map(|it| name_of(*it)).collect();
    let (last, others) = names.split_last()?;
    let is_triple = text.to_ascii_uppercase().contains("3DES");
    let this = if is_triple { "3DES is not supported" } else { "this is none of them" };
    let help = if is_triple || names.iter().any(|it| text.to_ascii_uppercase().contains(it)) {
        format!("write {key} = {}, or what else the agent has", spot.key.example)
    } else {
        format!("write {key} = {}; a passphrase belongs under {key}_passphrase_file", spot.key.example)
    };
    checker
        .mistake(&spot.value.span(), format!("`{key}` takes {} or {last}; {this}", others.join(", ")))
        .help(help);
    None
}

/// An engine ID.
pub(super) fn engine_id(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let text = checker.text(spot)?;
    if EngineId::from_hexadecimal(text).is_some() {
        return Some(Value::from(text));
    }
    let key = spot.key.name;
    checker
        .mistake(&spot.value.span(), format!("`{key}` takes 1 to 32 octets, two hexadecimal digits each"))
        .help(format!("write {key} = {}", spot.key.example));
    None
}

#[cfg(test)]
mod tests {
    use crate::config::form::testing::{lowered, said};

    #[test]
    fn protocols_are_known_by_many_names() {
        let in_table = |line: &str| format!("x = {{ {line} }}");
        let name = |line: &str, key: &str| {
            let found = lowered("credentials", &in_table(line), "x")?;
            found.find_ref(key).and_then(|it| it.as_str().map(str::to_owned))
        };
        assert_eq!(name("authentication = \"sha256\"", "authentication").unwrap(), "SHA-256");
        assert_eq!(name("authentication = \"SHA\"", "authentication").unwrap(), "SHA-1");
        assert_eq!(name("privacy = \"aes\"", "privacy").unwrap(), "AES-128");
        assert_eq!(name("privacy = \"AES-256-C\"", "privacy").unwrap(), "AES-256-Reeder");
        let wrong = said("credentials", &in_table("privacy = \"3DES\", authentication = \"hunter2hunter2\""));
        assert_eq!(wrong.len(), 2);
        assert!(wrong.iter().any(|it| it.contains("3DES is not supported")), "{wrong:?}");
        assert!(!wrong.concat().contains("hunter2"), "{wrong:?}");
        for bad in ["", "0x", "0x8", "xyz"] {
            assert_eq!(said("credentials", &in_table(&format!("context_engine_id = \"{bad}\""))).len(), 1);
        }
    }
}
