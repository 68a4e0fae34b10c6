//! Label names and values as the Prometheus text format 0.0.4 wants them.
//!
//! Values may hold any text: backslash, quote and line feed are escaped. Names may hold letters,
//! digits and underscores, and must not hide one of ours.

/// Names that series of ours carry, and names with a meaning of their own to Prometheus. An operator's
/// label of such a name is prefixed.
const RESERVED: [&str; 16] = [
    "address",
    "class",
    "component",
    "device",
    "firmware",
    "index",
    "le",
    "model",
    "name",
    "profile",
    "quantile",
    "reading",
    "reason",
    "serial",
    "state",
    "vendor",
];

/// Names that a series of an inventory's object carries itself.
const RESERVED_OF_OBJECTS: [&str; 8] =
    ["component", "index", "le", "name", "quantile", "reading", "source", "state"];

/// What is put before a name that is taken, reserved or not a label name.
const PREFIX: &str = "label_";

/// The label name for an operator's text: other characters become underscores; a name that is reserved,
/// begins with a digit or two underscores, or is among `taken`, is prefixed until it is free.
pub(super) fn label_name(text: &str, taken: &[String]) -> String {
    free_name(text, &RESERVED, taken)
}

/// The same for a label that an inventory gives an object: only names of its own series are reserved.
pub(super) fn object_label_name(text: &str, taken: &[String]) -> String {
    free_name(text, &RESERVED_OF_OBJECTS, taken)
}

fn free_name(text: &str, reserved: &[&str], taken: &[String]) -> String {
    let mut name: String =
        text.chars().map(|it| if it.is_ascii_alphanumeric() || it == '_' { it } else { '_' }).collect();
    let starts_badly =
        name.is_empty() || name.starts_with("__") || name.starts_with(|it: char| it.is_ascii_digit());
    if starts_badly || reserved.contains(&name.as_str()) {
        name.insert_str(0, PREFIX);
    }
    while taken.contains(&name) {
        name.insert_str(0, PREFIX);
    }
    name
}

/// Appends `,name="value"`.
pub(super) fn push_label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b',');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    push_escaped(out, value);
    out.push(b'"');
}

/// Appends a label value, escaped. Control characters other than a line feed have no place on a
/// dashboard, and NUL ends a text for some readers: they become spaces.
pub(crate) fn push_escaped(out: &mut Vec<u8>, value: &str) {
    for &octet in value.as_bytes() {
        match octet {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            0..=0x1f | 0x7f => out.push(b' '),
            _ => out.push(octet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{label_name, push_escaped};

    #[test]
    fn names_become_label_names() {
        let none: &[String] = &[];
        for (text, name) in [
            ("site", "site"),
            ("rack-row", "rack_row"),
            ("r\u{e4}ck", "r_ck"),
            ("7th", "label_7th"),
            ("", "label_"),
            ("__name__", "label___name__"),
            ("device", "label_device"),
            ("le", "label_le"),
            ("a\"b\nc", "a_b_c"),
        ] {
            assert_eq!(label_name(text, none), name, "{text}");
        }
    }

    #[test]
    fn taken_names_are_prefixed_until_free() {
        let taken = ["rack_row".to_owned(), "label_rack_row".to_owned()];
        assert_eq!(label_name("rack.row", &taken), "label_label_rack_row");
    }

    #[test]
    fn values_are_escaped() {
        let mut out = Vec::new();
        push_escaped(&mut out, "a\\b\"c\nd\te\0f \u{fc}");
        assert_eq!(String::from_utf8(out).unwrap(), "a\\\\b\\\"c\\nd e f \u{fc}");
    }
}
