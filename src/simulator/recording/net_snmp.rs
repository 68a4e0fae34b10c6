//! What `snmpwalk -On` prints (`.1.3.6.1.2.1.1.5.0 = STRING: "name"`) and what `-Oqn` prints, where the
//! type is gone and is guessed: a whole number is an INTEGER, numbers with dots after a leading dot an
//! OID, everything else a text.

use super::{Charset, LineError, Row, Value, address, hex, number_of, wrong};
use crate::model::Oid;

/// A row; `whole` may span lines.
pub(super) fn row(whole: &str, charset: Charset) -> Row {
    let (oid, value) = whole.split_once(' ').ok_or(LineError::Shape)?;
    if !oid.contains('.') {
        return Err(LineError::Shape);
    }
    let oid: Oid = oid.parse().map_err(|_| LineError::Shape)?;
    let value = value.trim();
    if NOTHING.iter().any(|it| value.trim_start_matches("= ").starts_with(it)) {
        return Err(LineError::Nothing);
    }
    let Some(typed) = value.strip_prefix('=') else { return Ok((oid, guessed(value, charset))) };
    let typed = typed.trim();
    match typed.split_once(':') {
        Some((kind, value)) if !kind.starts_with('"') => Ok((oid, typed_value(kind, value, charset)?)),
        _ if typed == "NULL" => Ok((oid, Value::Null)),
        _ => Ok((oid, octets(&unquoted(typed), charset))),
    }
}

fn typed_value(kind: &str, value: &str, charset: Charset) -> Result<Value, LineError> {
    let text = value.trim();
    Ok(match kind.trim() {
        "INTEGER" | "Integer32" => Value::Integer(number_of("INTEGER", number_in(text))?),
        "STRING" => octets(&unquoted(value.strip_prefix(' ').unwrap_or(value)), charset),
        "Hex-STRING" => Value::OctetString(hex(text).ok_or_else(|| wrong("hex string", text))?.into()),
        "OID" => Value::ObjectIdentifier(text.parse()?),
        "IpAddress" | "Network Address" => Value::IpAddress(address(text)?),
        "Counter32" => Value::Counter32(number_of("Counter32", number_in(text))?),
        "Gauge32" | "Unsigned32" => Value::Gauge32(number_of("Gauge32", number_in(text))?),
        "Timeticks" => Value::TimeTicks(number_of("TimeTicks", number_in(text))?),
        "Counter64" => Value::Counter64(number_of("Counter64", number_in(text))?),
        "OPAQUE" => Value::Opaque(hex(text).ok_or_else(|| wrong("hex string", text))?.into()),
        other => return Err(LineError::Type(other.to_owned())),
    })
}

/// The number in `5`, `up(5)`, `(500) 0:00:05.00` and `5 seconds`.
fn number_in(text: &str) -> &str {
    let inner = text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(number, _)| number);
    inner.unwrap_or_else(|| text.split(' ').next().unwrap_or(text))
}

fn guessed(value: &str, charset: Charset) -> Value {
    if let Ok(number) = value.parse::<i64>() {
        return Value::Integer(number);
    }
    match value.parse::<Oid>() {
        Ok(oid) if value.starts_with('.') => Value::ObjectIdentifier(oid),
        _ => octets(&unquoted(value), charset),
    }
}

/// A text without its quotes, with `\"` and `\\` undone.
fn unquoted(value: &str) -> String {
    let trimmed = value.trim_end_matches(['\n', '\r']);
    match trimmed.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => trimmed.to_owned(),
    }
}

fn octets(text: &str, charset: Charset) -> Value {
    Value::OctetString(charset.octets(text))
}

/// How snmpwalk says that there is nothing.
const NOTHING: [&str; 4] =
    ["No Such Object", "No Such Instance", "No more variables left", "Wrong Type (should be"];

#[cfg(test)]
mod tests {
    use crate::model::Value;
    use crate::simulator::cell::text;
    use crate::simulator::recording::Recording;

    #[test]
    fn reads_what_snmpwalk_prints() {
        let recording = Recording::parse(
            ".1.3.6.1.1 = STRING: \"say \\\"hi\\\": you\"\n\
             .1.3.6.1.2 = OID: .1.3.6.1.4.1.318\n\
             .1.3.6.1.3 = Timeticks: (123456) 0:20:34.56\n\
             .1.3.6.1.4 = INTEGER: up(1)\n\
             .1.3.6.1.5 = Hex-STRING: 00 C0 B7 \n\
             01 02 \n\
             .1.3.6.1.6 = Gauge32: 100000000\n\
             .1.3.6.1.7 = \"\"\n\
             .1.3.6.1.8 = STRING: \"two\nlines\"\n\
             .1.3.6.1.9 = IpAddress: 10.1.2.3\n\
             .1.3.6.1.10 = No Such Object available on this agent at this OID\n\
             .1.3.6.1.11 = Counter64: 18446744073709551615\n\
             .1.3.6.1.12 = INTEGER: 235 0.1 Volt\n\
             .1.3.6.1.13 = NULL\n\
             .1.3.6.1.14 230\n\
             .1.3.6.1.15 .1.3.6\n\
             .1.3.6.1.16 \"plain\"\n",
        )
        .unwrap();
        let expected = [
            text("say \"hi\": you"),
            Value::ObjectIdentifier("1.3.6.1.4.1.318".parse().unwrap()),
            Value::TimeTicks(123_456),
            Value::Integer(1),
            Value::OctetString([0, 0xc0, 0xb7, 1, 2].into()),
            Value::Gauge32(100_000_000),
            text(""),
            text("two\nlines"),
            Value::IpAddress([10, 1, 2, 3]),
            Value::Counter64(u64::MAX),
            Value::Integer(235),
            Value::Null,
            Value::Integer(230),
            Value::ObjectIdentifier("1.3.6".parse().unwrap()),
            text("plain"),
        ];
        let found: Vec<Value> = recording.tree().iter().map(|(_, value)| value.clone()).collect();
        assert_eq!(found, expected);
        assert_eq!(
            recording.skipped().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["line 12: no value"]
        );
    }
}
