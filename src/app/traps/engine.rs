//! Our own engine of SNMPv3, which informs are addressed to: its ID holds for good, its boots are counted.
//!
//! Kept in the state folder, replaced as a whole and synced before it is used: an agent takes no message of an
//! engine whose boots went back. A file that cannot be read or written costs the old ID: agents discover the
//! new one by themselves.

use crate::snmp::v3::EngineId;
use crate::telemetry::traps as events;
use std::io::{self, Write};
use std::path::Path;

/// Our engine, as of this start.
#[derive(Debug)]
pub(in crate::app) struct Engine {
    /// snmpEngineID
    pub(in crate::app) id: EngineId,
    /// snmpEngineBoots
    pub(in crate::app) boots: u32,
    /// Random, for salts.
    pub(in crate::app) entropy: u64,
}

/// In the state folder.
const FILE: &str = "snmp-engine";
/// The format, which outlives the process.
const HEADING: &str = "rackwarden snmp engine 1";
/// Random octets of an ID: so many that no two collectors have the same.
const RANDOM_OCTETS: usize = 12;
/// RFC 3411 section 5, SnmpEngineID: the first bit says that its form is RFC 3411's, no enterprise is named
/// (0 is reserved), and 5 says that the rest is the administrator's choice.
const ID_HEAD: [u8; 5] = [0x80, 0, 0, 0, 5];
/// RFC 3414 section 2.2.2: an engine whose boots have come so far needs another ID.
const BOOTS_MAX: u32 = 0x7fff_ffff;

impl Engine {
    /// The engine of the process before, started once more; or a new one.
    pub(in crate::app) fn start(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let kept = std::fs::read_to_string(&path)
            .and_then(|text| parse(&text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData)));
        let (id, boots) = match kept {
            Ok((id, boots)) if boots < BOOTS_MAX - 1 => (id, boots + 1),
            Ok(_) => (new_id(), 1),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    events::engine_lost(&path, &error);
                }
                (new_id(), 1)
            }
        };
        let id = match write(folder, &path, &format(&id, boots)) {
            Ok(()) => id,
            Err(error) => {
                events::engine_not_kept(&path, &error);
                // The boots of one that is not kept would repeat after the next start.
                new_id()
            }
        };
        Self { id, boots, entropy: u64::from_ne_bytes(random()) }
    }
}

fn format(id: &EngineId, boots: u32) -> String {
    format!("{HEADING}\nid {id}\nboots {boots}\n")
}

/// `None`: it is no text of ours.
fn parse(text: &str) -> Option<(EngineId, u32)> {
    let mut lines = text.lines();
    lines.next().filter(|it| *it == HEADING)?;
    let digits = lines.next()?.strip_prefix("id 0x")?;
    let boots = lines.next()?.strip_prefix("boots ")?;
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let octets: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(octet).collect();
    Some((EngineId::new(&octets?)?, boots.parse().ok()?))
}

fn write(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|it| it.error)?;
    std::fs::File::open(folder)?.sync_all()
}

#[expect(clippy::expect_used, reason = "17 octets: an engine ID has 1 to 32")]
fn new_id() -> EngineId {
    let octets: [u8; RANDOM_OCTETS] = random();
    let whole: Vec<u8> = ID_HEAD.iter().chain(&octets).copied().collect();
    EngineId::new(&whole).expect("17 octets are an engine ID")
}

fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    if let Err(error) = getrandom::fill(&mut octets) {
        events::no_randomness(&error);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::{Engine, FILE, format, parse};
    use crate::snmp::v3::EngineId;

    #[test]
    fn the_format_is_frozen() {
        let id = EngineId::new(&[0x80, 0, 0, 0, 5, 0xab, 0xcd]).unwrap();
        let text = "rackwarden snmp engine 1\nid 0x8000000005abcd\nboots 7\n";
        assert_eq!(format(&id, 7), text);
        assert_eq!(parse(text), Some((id, 7)));
    }

    #[test]
    fn boots_count_on_and_the_id_holds() {
        let folder = tempfile::tempdir().unwrap();
        let first = Engine::start(folder.path());
        let second = Engine::start(folder.path());
        assert_eq!((first.boots, second.boots), (1, 2));
        assert_eq!(first.id, second.id);
        assert_eq!(first.id.as_slice().len(), 17);
        assert_ne!(first.entropy, second.entropy);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn what_cannot_be_read_or_kept_is_another_engine() {
        for text in [
            "",
            "rackwarden snmp engine 2\nid 0x80\nboots 1\n",
            "rackwarden snmp engine 1\nid 0x\nboots 1\n",
            "rackwarden snmp engine 1\nid 0x8g\nboots 1\n",
            "rackwarden snmp engine 1\nid 0x80\u{e9}\nboots 1\n",
            "rackwarden snmp engine 1\nid 0x8000\nboots -1\n",
            "rackwarden snmp engine 1\nid 0x8000\nboots 2147483646\n",
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let engine = Engine::start(folder.path());
            assert_eq!((engine.boots, engine.id.as_slice().len()), (1, 17), "{text}");
            assert_eq!(Engine::start(folder.path()).id, engine.id);
        }
        let nowhere = tempfile::tempdir().unwrap().path().join("gone");
        let (first, second) = (Engine::start(&nowhere), Engine::start(&nowhere));
        assert_ne!(first.id, second.id, "boots would repeat");
    }
}
