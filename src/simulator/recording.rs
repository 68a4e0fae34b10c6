//! Recorded devices: snmprec files, and what net-snmp's `snmpwalk -On` prints.
//!
//! An odd line is skipped and reported, with its number and the reason; a file fails only as a whole
//! (no row at all, or over a bound).

mod net_snmp;

use super::tree::Tree;
use crate::model::{Oid, OidError, Value};
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// A recorded device: its rows, and what was skipped.
#[derive(Debug, Clone)]
pub struct Recording {
    tree: Arc<Tree>,
    skipped: Vec<SkippedLine>,
    skipped_lines: usize,
}

/// A line that is no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedLine {
    /// Its number, from 1.
    pub line: usize,
    /// Why.
    pub reason: LineError,
}

impl fmt::Display for SkippedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// Why a line is no row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Neither `OID|TAG|VALUE` nor `OID = TYPE: VALUE`.
    #[error("neither OID|TAG|VALUE nor OID = TYPE: VALUE")]
    Shape,
    /// The OID is none.
    #[error("{0}")]
    Oid(#[from] OidError),
    /// A tag or type that no SNMP value has.
    #[error("`{0}` is no type of an SNMP value")]
    Type(String),
    /// A value that its type cannot have.
    #[error("`{value}` is no {kind}")]
    Value {
        /// The type.
        kind: &'static str,
        /// The value, shortened.
        value: String,
    },
    /// A value over [`Recording::VALUE_OCTETS_MAX`].
    #[error("a value of {0} octets: no datagram can carry it")]
    TooLong(usize),
    /// snmpwalk's word for "nothing here".
    #[error("no value")]
    Nothing,
}

/// Why a text is no recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// No line is a row.
    #[error("no row in the recording{}", first.as_ref().map(|it| format!(" ({it})")).unwrap_or_default())]
    Empty {
        /// The first line that was skipped.
        first: Option<SkippedLine>,
    },
    /// Over [`Recording::OCTETS_MAX`].
    #[error("a recording of {0} octets: the limit is {max}", max = Recording::OCTETS_MAX)]
    TooLarge(usize),
    /// Over [`Recording::ROWS_MAX`].
    #[error("line {line}: more than {max} rows", max = Recording::ROWS_MAX)]
    TooManyRows {
        /// The first line over the limit.
        line: usize,
    },
}

impl Recording {
    /// The longest file: a walk of a large switch is 20 MB, of a power device 2 MB.
    pub const OCTETS_MAX: usize = 32 << 20;
    /// The most rows.
    pub const ROWS_MAX: usize = 262_144;
    /// The longest value: what the largest UDP datagram can carry beside its heads.
    pub const VALUE_OCTETS_MAX: usize = 65_000;
    /// How many skipped lines are kept with their reason; the others are counted.
    pub const SKIPPED_KEPT_MAX: usize = 100;

    /// Reads a recording. Lines of both formats may be mixed; empty lines and those that begin with `#`
    /// are passed over.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn parse(text: &str) -> Result<Self, RecordingError> {
        Self::read(text, Charset::Utf8)
    }

    /// As [`Self::parse`], for a file that is not all UTF-8: texts keep their octets.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn parse_octets(octets: &[u8]) -> Result<Self, RecordingError> {
        if Self::OCTETS_MAX < octets.len() {
            return Err(RecordingError::TooLarge(octets.len()));
        }
        match std::str::from_utf8(octets) {
            Ok(text) => Self::parse(text),
            Err(_) => {
                let text: String = octets.iter().map(|&it| char::from(it)).collect();
                Self::read(&text, Charset::Latin1)
            }
        }
    }

    fn read(text: &str, charset: Charset) -> Result<Self, RecordingError> {
        // A Latin-1 text is up to twice as long in UTF-8.
        if Self::OCTETS_MAX * 2 < text.len() || (charset == Charset::Utf8 && Self::OCTETS_MAX < text.len()) {
            return Err(RecordingError::TooLarge(text.len()));
        }
        let mut rows: Vec<(Oid, Value)> = Vec::new();
        let mut skipped = Vec::new();
        let mut skipped_lines = 0;
        for (line, row) in lines(text, charset) {
            match row.and_then(encodable) {
                Ok(_) if rows.len() == Self::ROWS_MAX => return Err(RecordingError::TooManyRows { line }),
                Ok(row) => rows.push(row),
                Err(reason) => {
                    skipped_lines += 1;
                    if skipped.len() < Self::SKIPPED_KEPT_MAX {
                        skipped.push(SkippedLine { line, reason });
                    }
                }
            }
        }
        match Tree::new(rows) {
            Ok(tree) if !tree.is_empty() => Ok(Self { tree: Arc::new(tree), skipped, skipped_lines }),
            _ => Err(RecordingError::Empty { first: skipped.into_iter().next() }),
        }
    }

    /// The rows.
    #[must_use]
    pub const fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// The first [`Self::SKIPPED_KEPT_MAX`] lines that are no rows.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedLine] {
        &self.skipped
    }

    /// How many lines are no rows.
    #[must_use]
    pub const fn skipped_lines(&self) -> usize {
        self.skipped_lines
    }
}

/// How the file's octets became text, and texts become octets again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    /// One character an octet.
    Latin1,
}

impl Charset {
    fn octets(self, text: &str) -> Box<[u8]> {
        match self {
            Self::Utf8 => text.as_bytes().into(),
            Self::Latin1 => text.chars().map(|it| u8::try_from(u32::from(it)).unwrap_or(b'?')).collect(),
        }
    }
}

type Row = Result<(Oid, Value), LineError>;

/// Each row with the number of the line on which it begins.
fn lines(text: &str, charset: Charset) -> impl Iterator<Item = (usize, Row)> {
    let mut rest = text.lines().zip(1..).peekable();
    std::iter::from_fn(move || {
        loop {
            let (line, number) = rest.next()?;
            let line = line.trim_start_matches('\u{feff}').trim_end_matches('\r');
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if line.split_once('|').is_some_and(|(oid, _)| is_oid(oid)) {
                return Some((number, snmprec(line, charset)));
            }
            let mut whole = line.to_owned();
            // A quoted text or a hex dump goes on until the next line that begins with an OID.
            while let Some((next, _)) = rest.next_if(|(next, _)| !begins_row(next)) {
                whole.push('\n');
                whole.push_str(next);
            }
            return Some((number, net_snmp::row(&whole, charset)));
        }
    })
}

/// Whether a line begins a row, rather than going on with a text.
fn begins_row(line: &str) -> bool {
    line.split_once([' ', '|']).is_some_and(|(first, _)| is_oid(first))
}

fn is_oid(text: &str) -> bool {
    text.contains('.') && text.trim().parse::<Oid>().is_ok()
}

/// `OID|TAG|VALUE`: TAG is the number of the BER tag, then `x` for a value in hex or `e` for one with
/// backslash escapes, then perhaps `:` and the name of a variation, which is taken as it stands.
fn snmprec(line: &str, charset: Charset) -> Row {
    let mut fields = line.splitn(3, '|');
    let (Some(oid), Some(tag), Some(value)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(LineError::Shape);
    };
    let oid: Oid = oid.trim().parse()?;
    let kind = tag.split(':').next().unwrap_or_default().trim();
    let (number, octets) = if let Some(number) = kind.strip_suffix('x') {
        (number, Some(hex(value).ok_or_else(|| wrong("hex string", value))?))
    } else if let Some(number) = kind.strip_suffix('e') {
        (number, Some(unescaped(value)))
    } else {
        (kind, None)
    };
    let text = if tag.ends_with(":numeric") { initial(value) } else { value.trim() };
    let value = match (number, octets) {
        ("4", Some(octets)) => Value::OctetString(octets.into()),
        ("4", None) => Value::OctetString(charset.octets(value)),
        ("68", Some(octets)) => Value::Opaque(octets.into()),
        ("68", None) => Value::Opaque(charset.octets(value)),
        ("64", Some(octets)) => {
            let address = <[u8; 4]>::try_from(octets).map_err(|_| wrong("IpAddress", value))?;
            Value::IpAddress(address)
        }
        ("2", Some(octets)) => Value::Integer(integer_of(&octets).ok_or_else(|| wrong("INTEGER", value))?),
        (_, Some(_)) => return Err(LineError::Type(tag.to_owned())),
        ("2", None) => Value::Integer(number_of("INTEGER", text)?),
        ("5", None) => Value::Null,
        ("6", None) => Value::ObjectIdentifier(text.parse()?),
        ("64", None) => Value::IpAddress(address(text)?),
        ("65", None) => Value::Counter32(number_of("Counter32", text)?),
        ("66", None) => Value::Gauge32(number_of("Gauge32", text)?),
        ("67", None) => Value::TimeTicks(number_of("TimeTicks", text)?),
        ("70", None) => Value::Counter64(number_of("Counter64", text)?),
        _ => return Err(LineError::Type(tag.to_owned())),
    };
    Ok((oid, value))
}

/// What the variation `numeric` of snmpsim begins with: its value is a list of settings, `min=1,max=2,initial=2`.
fn initial(settings: &str) -> &str {
    settings.split(',').find_map(|it| it.trim().strip_prefix("initial=")).unwrap_or(settings).trim()
}

/// Refuses what no message can carry.
fn encodable((oid, value): (Oid, Value)) -> Row {
    oid.encode_content(&mut Vec::new())?;
    match &value {
        Value::OctetString(octets) | Value::Opaque(octets) if Recording::VALUE_OCTETS_MAX < octets.len() => {
            Err(LineError::TooLong(octets.len()))
        }
        Value::ObjectIdentifier(named) => {
            named.encode_content(&mut Vec::new())?;
            Ok((oid, value))
        }
        _ => Ok((oid, value)),
    }
}

fn number_of<N: std::str::FromStr>(kind: &'static str, text: &str) -> Result<N, LineError> {
    text.parse().map_err(|_| wrong(kind, text))
}

fn address(text: &str) -> Result<[u8; 4], LineError> {
    text.parse::<Ipv4Addr>().map(|it| it.octets()).map_err(|_| wrong("IpAddress", text))
}

/// Two's complement, at most eight octets.
fn integer_of(octets: &[u8]) -> Option<i64> {
    let negative = octets.first().is_some_and(|it| it & 0x80 != 0);
    let mut padded = [if negative { 0xff } else { 0 }; 8];
    let start = padded.len().checked_sub(octets.len()).filter(|_| !octets.is_empty())?;
    padded.get_mut(start..)?.copy_from_slice(octets);
    Some(i64::from_be_bytes(padded))
}

/// Pairs of hex digits, blanks between them allowed.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().filter(|it| !it.is_ascii_whitespace());
    let nibbles: Vec<u32> = digits.map(|it| char::from(it).to_digit(16)).collect::<Option<_>>()?;
    let (pairs, rest) = nibbles.as_chunks::<2>();
    let octet = |[high, low]: &[u32; 2]| u8::try_from(high * 16 + low).ok();
    if rest.is_empty() { pairs.iter().map(octet).collect() } else { None }
}

/// Backslash escapes as Python writes them: `\x41`, `\n`, `\r`, `\t`, `\\`; others stand for themselves.
fn unescaped(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (octet, length) = match (first, after) {
            (b'\\', [b'x', high, low, ..]) => {
                match hex(&format!("{}{}", char::from(*high), char::from(*low))) {
                    Some(octet) => (octet.first().copied().unwrap_or(first), 4),
                    None => (first, 1),
                }
            }
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [escaped, ..]) => (*escaped, 2),
            _ => (first, 1),
        };
        octets.push(octet);
        rest = rest.get(length..).unwrap_or_default();
    }
    octets
}

fn wrong(kind: &'static str, value: &str) -> LineError {
    LineError::Value { kind, value: value.chars().take(SHOWN_CHARACTERS).collect() }
}

/// How much of a wrong value an error shows.
const SHOWN_CHARACTERS: usize = 40;

#[cfg(test)]
mod tests {
    use super::{LineError, Recording, RecordingError};
    use crate::model::{Oid, Value};
    use crate::simulator::cell::text;
    use proptest::prelude::*;

    #[track_caller]
    fn check(line: &str, expected: &Value) {
        let recording = Recording::parse(line).unwrap();
        let oid: Oid = "1.3.6.1".parse().unwrap();
        assert_eq!(recording.tree().value(&oid), Some(expected), "{line}");
    }

    #[track_caller]
    fn check_skipped(line: &str, reason: &str) {
        let recording = Recording::parse(&format!("1.3.9|2|1\n{line}\n")).unwrap();
        assert_eq!(recording.tree().len(), 1, "{line}");
        let skipped: Vec<String> = recording.skipped().iter().map(ToString::to_string).collect();
        assert_eq!(skipped, [format!("line 2: {reason}")], "{line}");
    }

    #[test]
    fn reads_every_type_of_snmprec() {
        check("1.3.6.1|2|-5", &Value::Integer(-5));
        check("1.3.6.1|2x|ff38", &Value::Integer(-200));
        check(".1.3.6.1|4|a|b ", &text("a|b "));
        check("1.3.6.1|4|", &text(""));
        check("1.3.6.1|4x|00 ff", &Value::OctetString([0, 255].into()));
        check("1.3.6.1|4:writecache|as it stands", &text("as it stands"));
        check("1.3.6.1|2:numeric|min=1,max=2,wrap=1,initial=2", &Value::Integer(2));
        check("1.3.6.1|5|", &Value::Null);
        check("1.3.6.1|6|1.3.6.1.4.1.318", &Value::ObjectIdentifier("1.3.6.1.4.1.318".parse().unwrap()));
        check("1.3.6.1|64|10.0.0.1", &Value::IpAddress([10, 0, 0, 1]));
        check("1.3.6.1|64x|0a000001", &Value::IpAddress([10, 0, 0, 1]));
        check(r"1.3.6.1|64e|\xc0\xa8\x00\x01", &Value::IpAddress([192, 168, 0, 1]));
        check(r"1.3.6.1|4e|a\\\n\q", &text("a\\\nq"));
        check("1.3.6.1|65|4294967295", &Value::Counter32(u32::MAX));
        check("1.3.6.1|66:numeric|7", &Value::Gauge32(7));
        check("1.3.6.1|67|100\r", &Value::TimeTicks(100));
        check("1.3.6.1|68x|9f78", &Value::Opaque([0x9f, 0x78].into()));
        check("1.3.6.1|70|18446744073709551615", &Value::Counter64(u64::MAX));
        check("1.3.6.1|2|1\n1.3.6.1|2|2", &Value::Integer(2));
    }

    #[test]
    fn odd_lines_are_skipped_with_their_number() {
        check_skipped("1.3.6.1|2", "neither OID|TAG|VALUE nor OID = TYPE: VALUE");
        check_skipped("1.3.6.1|2|x", "`x` is no INTEGER");
        check_skipped("1.3.6.1|2:numeric|min=1,max=2", "`min=1,max=2` is no INTEGER");
        check_skipped("1.3.6.1|65|-1", "`-1` is no Counter32");
        check_skipped("1.3.6.1|9|1", "`9` is no type of an SNMP value");
        check_skipped("1.3.6.1|6x|00", "`6x` is no type of an SNMP value");
        check_skipped("1.3.6.1|4x|0", "`0` is no hex string");
        check_skipped("1.3.6.1|64|300.1.1.1", "`300.1.1.1` is no IpAddress");
        check_skipped("3.3.6.1|2|1", "an OID starts with 0, 1 or 2, and 0 and 1 are followed by at most 39");
        check_skipped("what is this", "neither OID|TAG|VALUE nor OID = TYPE: VALUE");
        check_skipped(&format!("1.3.6.1|4|{}", "x".repeat(65_001)), &LineError::TooLong(65_001).to_string());
    }

    #[test]
    fn skipped_lines_are_counted_beyond_those_kept() {
        let text = format!("1.3.9|2|1\n{}", "1.3.6.1|2|?\n".repeat(150));
        let recording = Recording::parse(&text).unwrap();
        assert_eq!((recording.skipped().len(), recording.skipped_lines()), (100, 150));
    }

    #[test]
    fn a_file_without_rows_is_refused() {
        assert_eq!(Recording::parse("\n# nothing\n").unwrap_err(), RecordingError::Empty { first: None });
        let error = Recording::parse("\n1.3.6|2|x").unwrap_err().to_string();
        assert_eq!(error, "no row in the recording (line 2: `x` is no INTEGER)");
    }

    #[test]
    fn octets_that_are_no_utf8_are_latin_1() {
        let recording = Recording::parse_octets(b"1.3.6.1|4|20\xb0C").unwrap();
        let (_, value) = recording.tree().iter().next().unwrap();
        assert_eq!(value, &Value::OctetString(b"20\xb0C".as_slice().into()));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(recording) = Recording::parse_octets(&octets) {
                prop_assert!(!recording.tree().is_empty());
            }
        }

        #[test]
        fn any_lines_are_read_or_skipped(lines in prop::collection::vec("[0-9.]{1,9}[|= ]{1,3}[A-Za-z0-9]{0,9}[|: ]{0,2}.{0,9}", 0..20)) {
            if let Ok(recording) = Recording::parse(&lines.join("\n")) {
                prop_assert!(recording.tree().len() + recording.skipped_lines() <= lines.len());
            }
        }
    }
}
