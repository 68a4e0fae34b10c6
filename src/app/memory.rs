//! The waits of alerts over a restart: how long each has been pending, or on its way to another
//! severity. What was announced is in the outbox; this is the rest, a small file beside it.
//!
//! It is written anew every [`EVERY`] while anything waits, and at the end; so a process that is killed
//! loses at most that much of a wait. A file that cannot be read costs waits, never alerts.

use crate::alert::{AlertKey, Board, Remembered};
use crate::model::{Now, SystemClock, UnixMillis};
use crate::telemetry::alert as events;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often it is written.
pub(super) const EVERY: Duration = Duration::from_secs(10);
/// After a longer outage waits begin anew: nobody knows what was meanwhile. As Prometheus' outage
/// tolerance.
const OUTAGE_MAX: Duration = Duration::from_secs(3600);
/// Some 150 bytes each: 3 MB in the worst storm. Those that wait longest stay.
const REMEMBERED_MAX: usize = 20_000;
/// More than a full file has.
const FILE_BYTES_MAX: u64 = 16 << 20;
const FILE: &str = "waits.json";
const VERSION: u32 = 1;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum MemoryError {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is larger than any that we write.
    #[error("it has {0} bytes, which none of ours has")]
    TooLarge(u64),
    /// It does not hold what it should.
    #[error("it cannot be read: {0}")]
    Content(#[from] serde_json::Error),
    /// It is of a later program.
    #[error("its version {0} is not known to this program")]
    Version(u32),
    /// It was cut off or changed.
    #[error("its checksum does not fit: the file was damaged")]
    Checksum,
}

/// The file: a line of its own about the rest, and the rest.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    /// CRC-32 of the rest.
    crc: u32,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    /// Milliseconds since 1970.
    saved_at: i64,
    alerts: Vec<StoredWait>,
}

/// Times are milliseconds; a list has one place a severity, mildest first.
#[derive(Serialize, Deserialize)]
struct StoredWait {
    key: String,
    since: i64,
    crossing: [Option<u64>; 4],
    falling: Option<u64>,
    #[serde(default)]
    flapping: bool,
}

/// What is given back at the start, until its device or group is bound.
#[derive(Debug, Default)]
pub(super) struct Waits {
    by_device: Mutex<HashMap<Arc<str>, Vec<Remembered>>>,
}

impl Waits {
    /// Reads the file of that folder. What is wrong with it is said in the log.
    pub(super) fn read(folder: &Path, now: UnixMillis) -> Self {
        let path = folder.join(FILE);
        let alerts = read(&path, now).unwrap_or_else(|error| {
            events::waits_unread(&path, &error);
            Vec::new()
        });
        let mut by_device: HashMap<Arc<str>, Vec<Remembered>> = HashMap::new();
        for alert in alerts {
            if let Some(parts) = alert.key.parts() {
                by_device.entry(parts.device.into()).or_default().push(alert);
            }
        }
        Self { by_device: Mutex::new(by_device) }
    }

    /// Those of a device, or of a group by its name.
    pub(super) fn take(&self, device: &str) -> Vec<Remembered> {
        self.by_device.lock().unwrap_or_else(PoisonError::into_inner).remove(device).unwrap_or_default()
    }

    /// Those of groups.
    pub(super) fn take_of_groups(&self) -> Vec<Remembered> {
        let mut by_device = self.by_device.lock().unwrap_or_else(PoisonError::into_inner);
        let is_group = |it: &Remembered| it.key.parts().is_some_and(|it| it.is_group());
        let mut found = Vec::new();
        for waits in by_device.values_mut() {
            found.extend(waits.extract_if(.., |it| is_group(it)));
        }
        found
    }
}

fn read(path: &Path, now: UnixMillis) -> Result<Vec<Remembered>, MemoryError> {
    let bytes = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
        Ok(metadata) if FILE_BYTES_MAX < metadata.len() => return Err(MemoryError::TooLarge(metadata.len())),
        Ok(_) => std::fs::read(path)?,
    };
    let end = bytes.iter().position(|it| *it == b'\n').unwrap_or(bytes.len());
    let (header, rest) = bytes.split_at(end);
    let header: Header = serde_json::from_slice(header)?;
    if header.version != VERSION {
        return Err(MemoryError::Version(header.version));
    }
    if header.crc != crc32fast::hash(rest) {
        return Err(MemoryError::Checksum);
    }
    let stored: Stored = serde_json::from_slice(rest)?;
    let age = now.0.saturating_sub(stored.saved_at);
    let is_recent = i64::try_from(OUTAGE_MAX.as_millis()).is_ok_and(|most| (0..=most).contains(&age));
    let alerts = if is_recent { stored.alerts } else { Vec::new() };
    Ok(alerts.into_iter().map(StoredWait::remembered).collect())
}

fn write(path: &Path, alerts: &[Remembered], now: UnixMillis) -> Result<(), MemoryError> {
    let stored = Stored { saved_at: now.0, alerts: alerts.iter().map(StoredWait::of).collect() };
    let mut rest = vec![b'\n'];
    serde_json::to_writer(&mut rest, &stored)?;
    let header = serde_json::to_vec(&Header { version: VERSION, crc: crc32fast::hash(&rest) })?;
    // Beside the file, so that it can take its place; readable for its owner alone.
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&header)?;
    file.write_all(&rest)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|it| it.error)?;
    Ok(())
}

impl StoredWait {
    fn of(alert: &Remembered) -> Self {
        let milliseconds = |it: Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
        Self {
            key: alert.key.to_string(),
            since: alert.since.0,
            crossing: alert.crossing.map(|it| it.map(milliseconds)),
            falling: alert.falling.map(milliseconds),
            flapping: alert.is_flapping,
        }
    }

    fn remembered(self) -> Remembered {
        Remembered {
            key: AlertKey(self.key.into()),
            since: UnixMillis(self.since),
            crossing: self.crossing.map(|it| it.map(Duration::from_millis)),
            falling: self.falling.map(Duration::from_millis),
            is_flapping: self.flapping,
        }
    }
}

/// Writes the waits of a board again and again.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    /// Whether the file holds anything.
    is_empty: bool,
    /// Whether the last attempt failed: that is said once.
    has_failed: bool,
}

impl Keeper {
    /// A keeper for that folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE), is_empty: false, has_failed: false }
    }

    /// Writes what waits now. Blocks: not for a task.
    pub(super) fn save(&mut self, board: &Board, now: Now) {
        let alerts = board.remember(now.moment, REMEMBERED_MAX);
        if alerts.is_empty() && self.is_empty {
            return;
        }
        match write(&self.path, &alerts, now.unix) {
            Ok(()) => (self.is_empty, self.has_failed) = (alerts.is_empty(), false),
            Err(error) => {
                if !std::mem::replace(&mut self.has_failed, true) {
                    events::waits_unwritten(&self.path, &error);
                }
            }
        }
    }
}

/// Saves for ever.
pub(super) async fn run(keeper: Arc<Mutex<Keeper>>, board: Arc<Board>, clock: SystemClock) {
    loop {
        tokio::time::sleep(EVERY).await;
        let (keeper, board) = (Arc::clone(&keeper), Arc::clone(&board));
        let saving = tokio::task::spawn_blocking(move || {
            keeper.lock().unwrap_or_else(PoisonError::into_inner).save(&board, clock.now());
        });
        if let Err(error) = saving.await {
            tracing::error!("the waits of alerts were not saved: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE, MemoryError, read, write};
    use crate::alert::{AlertKey, Remembered};
    use crate::model::UnixMillis;
    use std::time::Duration;

    fn wait() -> Remembered {
        Remembered {
            key: AlertKey("overload/pdu-1/infeed/1/current".into()),
            since: UnixMillis(1_700_000_000_000),
            crossing: [None, Some(Duration::from_millis(12_500)), None, None],
            falling: Some(Duration::from_secs(3)),
            is_flapping: true,
        }
    }

    /// On users' disks: do not change this text, add a version.
    #[test]
    fn frozen_format() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        write(&path, &[wait()], UnixMillis(1_700_000_060_000)).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"version\":1,\"crc\":754077775}\n{\"saved_at\":1700000060000,\"alerts\":[{\"key\":\
             \"overload/pdu-1/infeed/1/current\",\"since\":1700000000000,\"crossing\":[null,12500,null,null],\
             \"falling\":3000,\"flapping\":true}]}"
        );
        assert_eq!(read(&path, UnixMillis(1_700_000_070_000)).unwrap(), [wait()]);
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let now = UnixMillis(1_700_000_060_000);
        assert_eq!(read(&path, now).unwrap(), [], "no file");
        write(&path, &[wait()], now).unwrap();
        let hour_later = UnixMillis(now.0 + 3_600_001);
        assert_eq!(read(&path, hour_later).unwrap(), [], "too long ago");
        assert_eq!(read(&path, UnixMillis(now.0 - 1)).unwrap(), [], "the clock was set back");
        let text = std::fs::read_to_string(&path).unwrap();
        for (broken, is_right) in [
            (
                text.replace("12500", "99500"),
                (|it| matches!(it, MemoryError::Checksum)) as fn(&MemoryError) -> bool,
            ),
            (text.replace("\"version\":1", "\"version\":2"), |it| matches!(it, MemoryError::Version(2))),
            (text.chars().take(30).collect(), |it| {
                matches!(it, MemoryError::Checksum | MemoryError::Content(_))
            }),
            (String::new(), |it| matches!(it, MemoryError::Content(_))),
        ] {
            std::fs::write(&path, &broken).unwrap();
            let error = read(&path, now).unwrap_err();
            assert!(is_right(&error), "{broken}: {error}");
        }
    }
}
