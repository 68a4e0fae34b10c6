//! The number in a wire value: integers, counters, ticks, numbers sent as text, and net-snmp's floats
//! in an Opaque.
//!
//! Invariants: no allocation (this runs for each cell of each poll); NaN and infinity never leave.

use crate::model::{Missing, Value};

/// The number in a value, before any scale.
pub(super) fn wire_number(value: &Value) -> Result<f64, Missing> {
    match value {
        Value::Integer(it) => Ok(exact(*it)),
        Value::Counter32(it) | Value::Gauge32(it) | Value::TimeTicks(it) => Ok(f64::from(*it)),
        Value::Counter64(it) => Ok(exact_unsigned(*it)),
        Value::OctetString(octets) => leading_float(octets).ok_or(Missing::WrongType),
        Value::Opaque(octets) => opaque_float(octets).ok_or(Missing::WrongType),
        Value::NoSuchObject => Err(Missing::NoSuchObject),
        Value::NoSuchInstance | Value::EndOfMibView => Err(Missing::NoSuchInstance),
        Value::Null => Err(Missing::NotSupported),
        Value::ObjectIdentifier(_) | Value::IpAddress(_) => Err(Missing::WrongType),
    }
}

/// The whole number in a value, if it is one: also where a text holds nothing but its digits.
pub(super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::OctetString(octets) => std::str::from_utf8(trimmed(octets)).ok()?.parse().ok(),
        _ => value.integer(),
    }
}

/// Octets without the blanks and NULs around them.
pub(super) fn trimmed(octets: &[u8]) -> &[u8] {
    let blank = |it: &u8| it.is_ascii_whitespace() || *it == 0;
    let start = octets.iter().position(|it| !blank(it)).unwrap_or(octets.len());
    let end = octets.iter().rposition(|it| !blank(it)).map_or(start, |it| it + 1);
    octets.get(start..end).unwrap_or_default()
}

/// The decimal number that a text begins with, if only blanks, a unit or a percent sign follow it:
/// `23.4`, `+23.4 C`, `50%`. A date, a time, an address or a decimal comma is no number.
fn leading_float(octets: &[u8]) -> Option<f64> {
    let text = trimmed(octets);
    let mut end = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let digits_from = end;
    let digits = |from: usize| {
        let tail = text.get(from..).unwrap_or_default();
        from + tail.iter().position(|it| !it.is_ascii_digit()).unwrap_or(tail.len())
    };
    end = digits(end);
    let mut count = end - digits_from;
    if text.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        count += fraction - end - 1;
        end = fraction;
    }
    if count == 0 {
        return None;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if end + 1 + sign < exponent {
            end = exponent;
        }
    }
    let follows = text.get(end).copied().unwrap_or(b' ');
    let unit = follows.is_ascii_alphabetic() || matches!(follows, b' ' | b'\t' | b'%' | b'"' | 0x80..);
    if !unit {
        return None;
    }
    let number: f64 = std::str::from_utf8(text.get(..end)?).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// net-snmp's floats in an Opaque (draft-perkins-opaque-01): tag 9f 78 with 4 octets, 9f 79 with 8.
fn opaque_float(octets: &[u8]) -> Option<f64> {
    let number = match octets {
        [0x9f, 0x78, 4, rest @ ..] => shortest(f32::from_be_bytes(rest.try_into().ok()?))?,
        [0x9f, 0x79, 8, rest @ ..] => f64::from_be_bytes(rest.try_into().ok()?),
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// The shortest decimal that stands for this float: 23.4, not 23.399999618530273.
fn shortest(float: f32) -> Option<f64> {
    let mut digits = zmij::Buffer::new();
    if float.is_finite() { digits.format_finite(float).parse().ok() } else { None }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a measurement over 2^53 loses its last bits, which carry no meaning"
)]
pub(super) fn exact(number: i64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a counter over 2^53 loses its last bits, which carry no meaning"
)]
fn exact_unsigned(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::{trimmed, whole, wire_number};
    use crate::model::{Missing, Value};
    use proptest::prelude::*;

    fn text(octets: &[u8]) -> Value {
        Value::OctetString(octets.into())
    }

    #[test]
    fn reads_numbers_in_texts() {
        for (sent, number) in [
            ("23.4", Some(23.4)),
            (" 23.4 C\0", Some(23.4)),
            ("-5", Some(-5.0)),
            ("+.5 kW", Some(0.5)),
            ("7.", Some(7.0)),
            ("50%", Some(50.0)),
            ("1e3", Some(1000.0)),
            ("2 each", Some(2.0)),
            ("2e", Some(2.0)),
            ("23\u{b0}C", Some(23.0)),
            ("1e999", None),
            ("23,4", None),
            ("12:30", None),
            ("08/16/2022", None),
            ("10.0.0.1", None),
            ("2022-08-16", None),
            ("", None),
            ("-", None),
            (".", None),
            ("N/A", None),
            ("nan", None),
            ("inf", None),
        ] {
            assert_eq!(wire_number(&text(sent.as_bytes())).ok(), number, "{sent:?}");
        }
        assert_eq!(wire_number(&text(b"21.5\xb0C")), Ok(21.5));
    }

    #[test]
    fn reads_all_numeric_types() {
        for (value, number) in [
            (Value::Integer(-1), Ok(-1.0)),
            (Value::TimeTicks(150), Ok(150.0)),
            (Value::Gauge32(u32::MAX), Ok(4_294_967_295.0)),
            (Value::Counter64(10), Ok(10.0)),
            (Value::Opaque([0x9f, 0x78, 4, 0x41, 0xbb, 0x33, 0x33].into()), Ok(23.4)),
            (Value::Opaque([0x9f, 0x79, 8, 0x40, 0x37, 0, 0, 0, 0, 0, 0].into()), Ok(23.0)),
            (Value::Opaque([0x9f, 0x78, 4, 0x7f, 0x80, 0, 0].into()), Err(Missing::WrongType)),
            (Value::Opaque([0x9f, 0x78, 4, 0x41].into()), Err(Missing::WrongType)),
            (Value::Null, Err(Missing::NotSupported)),
            (Value::EndOfMibView, Err(Missing::NoSuchInstance)),
            (Value::NoSuchObject, Err(Missing::NoSuchObject)),
        ] {
            assert_eq!(wire_number(&value), number, "{value:?}");
        }
        assert_eq!(whole(&text(b" 12 ")), Some(12));
        assert_eq!(whole(&text(b"12 V")), None);
        assert_eq!(trimmed(b"\0 \0"), b"");
    }

    proptest! {
        #[test]
        fn any_octets_are_a_finite_number_or_none(octets in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(number) = wire_number(&text(&octets)) {
                prop_assert!(number.is_finite());
            }
            if let Ok(number) = wire_number(&Value::Opaque(octets.into())) {
                prop_assert!(number.is_finite());
            }
        }

        #[test]
        fn printed_numbers_are_read_back(number in -1e9_f64..1e9) {
            prop_assert_eq!(wire_number(&text(number.to_string().as_bytes())), Ok(number));
        }
    }
}
