//! `walk TARGET [OID]`: an agent's objects, a line each, with names where the modules know them.

use super::exit::Exit;
use super::target::TargetArguments;
use crate::mib::Mibs;
use crate::model::{Oid, SystemClock, Value};
use crate::poller::once;
use crate::poller::settings::Credential;
use crate::snmp::{RequestSize, WalkEnd, WalkLimits};
use std::io::Write as _;
use std::path::PathBuf;

/// Arguments of `walk`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Where to begin: a numeric OID, or MODULE::object; default: everything below 1.3.6.1
    #[arg(default_value = "1.3.6.1")]
    root: String,
    /// Numeric OIDs only
    #[arg(long)]
    numeric: bool,
    /// Rows in one GETBULK; 0: GETNEXT only
    #[arg(long, value_name = "N", default_value_t = WalkLimits::REPETITIONS)]
    repetitions: u32,
    /// One JSON object a line: oid, name, type, value
    #[arg(long)]
    json: bool,
    /// Write a recording that `simulate` serves instead; communities, passwords and keys are masked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "numeric"])]
    save: Option<PathBuf>,
}

/// Walks and prints.
pub(super) fn run(arguments: &Arguments) -> Exit {
    match walk(arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn walk(arguments: &Arguments) -> Result<Exit, Exit> {
    let mibs = Mibs::embedded();
    let root = mibs.resolve(&arguments.root).map_err(|error| {
        eprintln!("rackwarden: {error}");
        Exit::Usage
    })?;
    let ready = arguments.target.resolve(None)?;
    let limits = WalkLimits {
        repetitions: RequestSize::new(arguments.repetitions, arguments.repetitions),
        rows_max: 1_000_000,
    };
    let mut rows = 0_usize;
    let mut saved = arguments.save.is_some().then(String::new);
    let mask = Mask::of(&ready.target.credential);
    let result = once::walk(&ready.target, &root.oid, limits, SystemClock::new(), &mut |oid, value| {
        rows += 1;
        if let Some(saved) = &mut saved {
            saved.push_str(&recorded(oid, value, mask.hides(mibs, oid, value)));
            return;
        }
        println!(
            "{}",
            if arguments.json { json(mibs, oid, value) } else { line(mibs, oid, value, arguments.numeric) }
        );
    });
    if let (Some(path), Some(text)) = (&arguments.save, &saved) {
        save(path, text, rows)?;
    }
    match result {
        Err(error) => {
            eprintln!("rackwarden: {}: {}", ready.name, super::poll::explain(&error, &ready));
            Err(Exit::of_poll(&error))
        }
        Ok(end) => {
            if rows == 0 && end.is_complete() {
                eprintln!("rackwarden: {} answers, but has nothing below {}", ready.name, root.oid);
            }
            let trouble = trouble(&end);
            if let Some(trouble) = &trouble {
                eprintln!(
                    "rackwarden: {}: {trouble}; the {rows} rows above are what came before",
                    ready.name
                );
            }
            Ok(if trouble.is_none() { Exit::Ok } else { Exit::Failed })
        }
    }
}

fn save(path: &std::path::Path, text: &str, rows: usize) -> Result<(), Exit> {
    let written = std::fs::File::create(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        eprintln!("rackwarden: cannot write {}: {error}", path.display());
        Exit::Failed
    })?;
    println!("{}: {rows} rows; `rackwarden simulate {}` serves them", path.display(), path.display());
    Ok(())
}

/// What must not leave the house with a recording.
struct Mask {
    /// The community that was asked with.
    community: Option<crate::model::Secret>,
}

impl Mask {
    fn of(credential: &Credential) -> Self {
        let community = match credential {
            Credential::Community { community, .. } => Some(community.clone()),
            Credential::Usm { .. } => None,
        };
        Self { community }
    }

    /// Texts of objects whose names speak of secrets, the agent's tables of users and communities, and
    /// whatever equals the community.
    fn hides(&self, mibs: &Mibs, oid: &Oid, value: &Value) -> bool {
        let Value::OctetString(octets) = value else { return false };
        // SNMP-USER-BASED-SM-MIB, SNMP-COMMUNITY-MIB and their neighbours.
        if oid.arcs().starts_with(&[1, 3, 6, 1, 6, 3]) {
            return true;
        }
        let is_community = self.community.as_ref().is_some_and(|it| it.expose().as_bytes() == &**octets);
        let common = [&b"public"[..], b"private"].contains(&&**octets);
        let name = mibs.lookup(oid).to_string().to_lowercase();
        is_community || common || SECRET_WORDS.iter().any(|it| name.contains(it))
    }
}

/// Words in the names of objects that hold secrets.
const SECRET_WORDS: [&str; 7] =
    ["community", "password", "passwd", "passphrase", "secret", "authkey", "privkey"];

/// A line of a recording: `OID|TAG|VALUE`, texts with odd octets in hex.
fn recorded(oid: &Oid, value: &Value, hidden: bool) -> String {
    let hex = |octets: &[u8]| octets.iter().map(|it| format!("{it:02x}")).collect::<String>();
    let (tag, text) = match value {
        Value::OctetString(_) if hidden => ("4", "***".to_owned()),
        Value::OctetString(octets) if octets.iter().all(|it| matches!(it, b' '..=b'~')) => {
            ("4", String::from_utf8_lossy(octets).into_owned())
        }
        Value::OctetString(octets) => ("4x", hex(octets)),
        Value::Integer(it) => ("2", it.to_string()),
        Value::Null => ("5", String::new()),
        Value::ObjectIdentifier(it) => ("6", it.to_string()),
        Value::IpAddress(it) => ("64", std::net::Ipv4Addr::from(*it).to_string()),
        Value::Counter32(it) => ("65", it.to_string()),
        Value::Gauge32(it) => ("66", it.to_string()),
        Value::TimeTicks(it) => ("67", it.to_string()),
        Value::Opaque(it) => ("68x", hex(it)),
        Value::Counter64(it) => ("70", it.to_string()),
        Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView => return String::new(),
    };
    format!("{oid}|{tag}|{text}\n")
}

fn trouble(end: &WalkEnd) -> Option<String> {
    Some(match end {
        WalkEnd::Complete { .. } | WalkEnd::EndOfMib => return None,
        WalkEnd::NotIncreasing { after, came } => {
            format!("the agent sent {came} after {after}, which is not increasing: going on might never end")
        }
        WalkEnd::RowsMax => "stopped at a million rows".to_owned(),
        WalkEnd::AgentError(status) => format!("the agent answered {}", status.name()),
        WalkEnd::Malformed => "the agent's answers hold nothing readable".to_owned(),
        WalkEnd::Timeout => "the agent stopped answering".to_owned(),
    })
}

fn line(mibs: &Mibs, oid: &Oid, value: &Value, numeric: bool) -> String {
    let name = if numeric { oid.to_string() } else { mibs.lookup(oid).to_string() };
    let (kind, text) = shown(value);
    let label = match value {
        Value::Integer(number) if !numeric => {
            mibs.lookup(oid).object.and_then(|object| object.names.name(*number).map(str::to_owned))
        }
        _ => None,
    };
    match label {
        Some(label) => format!("{name} = {kind}: {label}({text})"),
        None => format!("{name} = {kind}: {text}"),
    }
}

fn json(mibs: &Mibs, oid: &Oid, value: &Value) -> String {
    let (kind, text) = shown(value);
    let value = value.integer().map_or_else(|| serde_json::Value::from(text), serde_json::Value::from);
    let name = mibs.lookup(oid).to_string();
    serde_json::json!({ "oid": oid.to_string(), "name": name, "type": kind, "value": value }).to_string()
}

/// The type's name in RFC 2578 and the value as text; octets that are no text in hex.
pub(super) fn shown(value: &Value) -> (&'static str, String) {
    match value {
        Value::Integer(it) => ("INTEGER", it.to_string()),
        Value::OctetString(octets) => {
            let printable = std::str::from_utf8(octets).is_ok_and(|text| {
                text.chars().all(|it| !it.is_control() || it == '\n' || it == '\r' || it == '\t')
            });
            if printable {
                ("STRING", format!("\"{}\"", String::from_utf8_lossy(octets).escape_debug()))
            } else {
                ("Hex-STRING", octets.iter().map(|it| format!("{it:02X}")).collect::<Vec<_>>().join(" "))
            }
        }
        Value::Null => ("NULL", String::new()),
        Value::ObjectIdentifier(it) => ("OID", it.to_string()),
        Value::IpAddress(it) => ("IpAddress", std::net::Ipv4Addr::from(*it).to_string()),
        Value::Counter32(it) => ("Counter32", it.to_string()),
        Value::Gauge32(it) => ("Gauge32", it.to_string()),
        Value::TimeTicks(it) => ("TimeTicks", it.to_string()),
        Value::Opaque(it) => {
            ("Opaque", it.iter().map(|it| format!("{it:02X}")).collect::<Vec<_>>().join(" "))
        }
        Value::Counter64(it) => ("Counter64", it.to_string()),
        Value::NoSuchObject => ("noSuchObject", String::new()),
        Value::NoSuchInstance => ("noSuchInstance", String::new()),
        Value::EndOfMibView => ("endOfMibView", String::new()),
    }
}
