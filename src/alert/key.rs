//! The text of an alert's key: `rule/device`, `rule/device/kind/index/quantity[/name]` or
//! `rule/group/group//trigger`, each part escaped so that no two alerts share a text.
//!
//! The text goes to disk and, hashed or as it is, into receivers' deduplication keys: its form does
//! not change.

use super::AlertKey;
use crate::model::{Component, ReadingShape};

/// The parts of a key's text, unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyParts {
    /// The rule's name.
    pub rule: String,
    /// The device's name.
    pub device: String,
    /// The reading; `None` for an alert of the device itself.
    pub reading: Option<KeyReading>,
}

/// The reading that a key names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReading {
    /// The component's kind.
    pub kind: String,
    /// The component's index.
    pub index: String,
    /// The quantity.
    pub quantity: String,
    /// The reading's name; often empty.
    pub name: String,
}

impl KeyReading {
    /// Whether it is this reading of this component.
    #[must_use]
    pub fn is(&self, component: &Component, reading: &ReadingShape) -> bool {
        component.kind.name() == self.kind
            && *component.index == *self.index
            && reading.quantity.name() == self.quantity
            && *reading.name == *self.name
    }
}

impl KeyParts {
    /// Whether it is the key of an alert of a group; `device` is then the group's name.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.reading.as_ref().is_some_and(|it| it.kind == AlertKey::GROUP)
    }
}

impl AlertKey {
    /// The key of an alert of a device itself.
    #[must_use]
    pub fn of_device(rule: &str, device: &str) -> Self {
        let mut text = String::with_capacity(rule.len() + device.len() + 1);
        push_parts(&mut text, &[rule, device]);
        Self(text.into())
    }

    /// The key of an alert of one reading.
    #[must_use]
    pub fn of_reading(rule: &str, device: &str, component: &Component, reading: &ReadingShape) -> Self {
        let kind = component.kind.name();
        let quantity = reading.quantity.name();
        let mut text = String::with_capacity(rule.len() + device.len() + 40);
        push_parts(&mut text, &[rule, device, kind, &component.index, quantity]);
        if !reading.name.is_empty() {
            text.push('/');
            push_escaped(&mut text, &reading.name);
        }
        Self(text.into())
    }

    /// The key of an alert of a group of readings. There are no components of that kind, and so no
    /// device has an alert of that key, whatever it is called.
    #[must_use]
    pub fn of_group(rule: &str, group: &str, trigger: &str) -> Self {
        let mut text = String::with_capacity(rule.len() + group.len() + 40);
        push_parts(&mut text, &[rule, group, Self::GROUP, "", trigger]);
        Self(text.into())
    }

    /// What stands in a key in place of a component's kind, for a group.
    pub const GROUP: &'static str = "group";

    /// What the key names; `None` for a text that is no key.
    #[must_use]
    pub fn parts(&self) -> Option<KeyParts> {
        let parts: Vec<String> = self.0.split('/').map(unescape).collect::<Option<_>>()?;
        let mut parts = parts.into_iter();
        let rule = parts.next()?;
        let device = parts.next()?;
        let reading = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (None, ..) => None,
            (Some(kind), Some(index), Some(quantity), name) => {
                Some(KeyReading { kind, index, quantity, name: name.unwrap_or_default() })
            }
            (Some(_), ..) => return None,
        };
        parts.next().is_none().then_some(KeyParts { rule, device, reading })
    }
}

fn push_parts(text: &mut String, parts: &[&str]) {
    for (at, part) in parts.iter().enumerate() {
        if at != 0 {
            text.push('/');
        }
        push_escaped(text, part);
    }
}

/// As in URLs: `/` and `%` as `%2F` and `%25`, control characters likewise.
fn push_escaped(text: &mut String, part: &str) {
    for letter in part.chars() {
        if matches!(letter, '/' | '%') || letter.is_ascii_control() {
            let code = u32::from(letter);
            text.push('%');
            for digit in [code >> 4, code & 0xf] {
                text.extend(char::from_digit(digit, 16).map(|it| it.to_ascii_uppercase()));
            }
        } else {
            text.push(letter);
        }
    }
}

fn unescape(part: &str) -> Option<String> {
    let mut pieces = part.split('%');
    let mut text = pieces.next()?.to_owned();
    for piece in pieces {
        let code = u8::from_str_radix(piece.get(..2)?, 16).ok().filter(u8::is_ascii)?;
        text.push(char::from(code));
        text.push_str(piece.get(2..)?);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use crate::alert::AlertKey;
    use crate::model::{Component, ComponentKind, Locator, Quantity, Ratings, ReadingShape};
    use proptest::prelude::*;

    fn key(rule: &str, device: &str, index: &str, name: &str) -> AlertKey {
        let ratings = Ratings::default();
        let component = Component {
            kind: ComponentKind::Infeed,
            index: index.into(),
            label: "".into(),
            ratings,
            ..Component::default()
        };
        let (quantity, source) = (Quantity::Current, Locator::default());
        let reading = ReadingShape { component: 0, quantity, name: name.into(), source, states: None };
        AlertKey::of_reading(rule, device, &component, &reading)
    }

    /// On users' disks and in their receivers: do not change these texts.
    #[test]
    fn frozen_texts() {
        assert_eq!(key("overload", "pdu-1", "2.14", "").to_string(), "overload/pdu-1/infeed/2.14/current");
        assert_eq!(key("a/b", "50%", "1", "l-l").to_string(), "a%2Fb/50%25/infeed/1/current/l-l");
        assert_eq!(key("a\tb", "é", "", "").to_string(), "a%09b/é/infeed//current");
        assert_eq!(AlertKey::of_device("offline", "pdu/1").to_string(), "offline/pdu%2F1");
        assert_eq!(
            AlertKey::of_group("redundancy", "rack=a1, component.index=1", "percent_of_rated").to_string(),
            "redundancy/rack=a1, component.index=1/group//percent_of_rated"
        );
    }

    #[test]
    fn texts_that_are_no_keys() {
        for text in ["", "a", "a/b/c", "a/b/c/d", "a/b/c/d/e/f/g", "a/%", "a/%2", "a/%zz", "a/%FF"] {
            assert_eq!(AlertKey(text.into()).parts(), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parts_come_back(rule in ".+", device in ".+", index in ".*", name in ".*") {
            let parts = key(&rule, &device, &index, &name).parts().unwrap();
            let reading = parts.reading.unwrap();
            prop_assert_eq!((parts.rule, parts.device, reading.index, reading.name), (rule, device, index, name));
        }
    }
}
