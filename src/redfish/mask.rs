//! Takes out of documents what tells one device, place or person from another. Pure.
//!
//! A text is masked wherever it stands, URIs included, and always by the same one of the same length and letters'
//! kinds, so that what reads the documents reads them alike.

use super::uri::ResourceUri;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Properties whose texts are masked, in small letters; any that ends so.
const PROPERTIES: [&str; 17] = [
    "serialnumber",
    "uuid",
    "servicetag",
    "assettag",
    "macaddress",
    "permanentmacaddress",
    "hostname",
    "fqdn",
    "address",
    "sku",
    "sparepartserial",
    "nodeid",
    "chassisservicetag",
    "expressservicecode",
    "username",
    "contactinfo",
    "emailaddress",
];
/// Below these everything is masked: streets, contacts.
const SUBTREES: [&str; 3] = ["PostalAddress", "Contacts", "ContactInfo"];
/// Shorter texts stand for nothing, and would be found within others.
const LETTERS_MIN: usize = 4;

/// What is masked, and by what.
#[derive(Debug, Default)]
pub struct Mask {
    /// Longest first.
    texts: BTreeMap<(std::cmp::Reverse<usize>, String), String>,
}

impl Mask {
    /// Finds what is to be masked in a document.
    pub fn learn(&mut self, document: &Value) {
        self.walk(document, false);
    }

    fn walk(&mut self, value: &Value, all: bool) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    let plain = key.to_ascii_lowercase();
                    let is_named = PROPERTIES.iter().any(|it| plain.ends_with(it));
                    self.walk(value, all || is_named || SUBTREES.contains(&&**key));
                }
            }
            Value::Array(array) => array.iter().for_each(|it| self.walk(it, all)),
            Value::String(text) if !text.starts_with("/redfish") && (all || is_address(text)) => {
                self.add(text);
            }
            _ => (),
        }
    }

    /// Finds it in a URI: some services name resources by serial numbers of their own, which documents have.
    pub fn learn_uri(&mut self, uri: &ResourceUri) {
        for segment in uri.key().split('/').filter(|it| is_address(it)) {
            self.add(segment);
        }
    }

    fn add(&mut self, text: &str) {
        let usual = ["null", "none", "unknown", "n/a", "enabled", "default"];
        let is_usual = usual.iter().any(|it| text.trim().eq_ignore_ascii_case(it));
        if LETTERS_MIN <= text.chars().count() && !is_usual {
            let key = (std::cmp::Reverse(text.len()), text.to_owned());
            self.texts.entry(key).or_insert_with(|| masked(text));
        }
    }

    /// The text with all that is masked.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.texts.iter().fold(text.to_owned(), |text, ((_, secret), mask)| text.replace(secret, mask))
    }

    /// The document with all that is masked; keys stay.
    #[must_use]
    pub fn apply(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(array) => array.into_iter().map(|it| self.apply(it)).collect(),
            Value::Object(object) => object.into_iter().map(|(key, it)| (key, self.apply(it))).collect(),
            other => other,
        }
    }
}

/// IP and MAC addresses, wherever they stand.
fn is_address(text: &str) -> bool {
    let text = text.trim();
    let is_ip = text.parse::<IpAddr>().is_ok_and(|it| !it.is_unspecified() && !it.is_loopback());
    let parts: Vec<&str> = text.split([':', '-']).collect();
    let is_mac = parts.len() == 6
        && parts.iter().all(|it| it.len() == 2 && it.chars().all(|it| it.is_ascii_hexdigit()));
    is_ip || is_mac
}

/// Digits for digits, letters for letters, the rest as it is; an IP address becomes one for documentation.
fn masked(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text).into();
    let digit = |octet: u8| char::from(b'0' + octet % 10);
    match text.trim().parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => return format!("192.0.2.{}", digest.first().map_or(1, |it| it % 254 + 1)),
        Ok(IpAddr::V6(_)) => {
            let last = digest.first().zip(digest.get(1)).map_or(1, |(a, b)| u16::from_be_bytes([*a, *b]));
            return format!("2001:db8::{last:x}");
        }
        Err(_) => (),
    }
    text.chars()
        .zip(digest.iter().cycle())
        .map(|(letter, octet)| match letter {
            '0'..='9' => digit(*octet),
            'a'..='f' => char::from(b'a' + octet % 6),
            'A'..='F' => char::from(b'A' + octet % 6),
            'g'..='z' => char::from(b'g' + octet % 20),
            'G'..='Z' => char::from(b'G' + octet % 20),
            other if other.is_alphanumeric() => 'x',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Mask;
    use serde_json::json;

    #[test]
    fn what_is_told_apart_is_masked_everywhere_alike() {
        let document = json!({
            "SerialNumber": "1EA29347", "Name": "PDU 1EA29347", "Model": "PX3", "UUID": null,
            "Link": {"@odata.id": "/redfish/v1/Chassis/1EA29347"},
            "IPv4Addresses": [{"Address": "10.20.30.40", "SubnetMask": "255.255.255.0"}],
            "ManagerMACAddress": "b0:7b:25:d6:51:82", "Reading": 4.5,
        });
        let mut mask = Mask::default();
        mask.learn(&document);
        let hidden = mask.apply(document);
        let serial = hidden["SerialNumber"].as_str().unwrap();
        assert_ne!(serial, "1EA29347");
        assert_eq!(serial.len(), 8);
        assert_eq!(hidden["Name"], format!("PDU {serial}"));
        assert_eq!(hidden["Link"]["@odata.id"], format!("/redfish/v1/Chassis/{serial}"));
        assert!(hidden["IPv4Addresses"][0]["Address"].as_str().unwrap().starts_with("192.0.2."));
        assert!(!hidden.to_string().contains("b0:7b:25"));
        assert_eq!((&hidden["Model"], &hidden["Reading"]), (&json!("PX3"), &json!(4.5)));
    }
}
