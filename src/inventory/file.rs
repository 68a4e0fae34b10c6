//! Files that others write: read whole, and only if they stand still while they are read.

use super::failure::Failure;
use super::limits::FILE_OCTETS_MAX;
use super::settings::{FileAccess, FileFormat};
use super::snapshot::Snapshot;
use super::{document, table};
use crate::model::{ComponentKind, SnapshotError, UnixMillis};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What changes when a file is replaced or rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    /// That of a file now; `None` while it is not there.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|it| Self::from(&it))
    }

    /// When the file was written, in milliseconds since 1970.
    #[must_use]
    pub const fn modified(self) -> UnixMillis {
        UnixMillis(self.seconds.saturating_mul(1000).saturating_add(self.nanoseconds / 1_000_000))
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
        }
    }
}

/// Reads a file. Blocks.
///
/// # Errors
/// It is not there, too large or too old, changes while it is read, or holds mistakes.
pub fn take(access: &FileAccess, kinds: &[ComponentKind], now: UnixMillis) -> Result<Snapshot, Failure> {
    let path = &access.path;
    let wrong = |what: String| Failure::new(SnapshotError::File, format!("{}: {what}", path.display()));
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let metadata = file.metadata().map_err(|error| wrong(error.to_string()))?;
    if !metadata.is_file() {
        return Err(wrong("it is no regular file".to_owned()));
    }
    if FILE_OCTETS_MAX < metadata.len() {
        let reason = format!("it is larger than {} MiB", FILE_OCTETS_MAX >> 20);
        return Err(Failure { class: SnapshotError::Limit, ..wrong(reason) });
    }
    let before = Stamp::from(&metadata);
    let mut octets = Vec::new();
    (&file).take(FILE_OCTETS_MAX).read_to_end(&mut octets).map_err(|error| wrong(error.to_string()))?;
    let after = file.metadata().map_err(|error| wrong(error.to_string()))?;
    if Stamp::from(&after) != before {
        let reason = "it changed while it was read: write it beside its place and rename it".to_owned();
        return Err(Failure { class: SnapshotError::Changed, ..wrong(reason) });
    }
    let snapshot = match access.format {
        FileFormat::Json => document::read(&octets, kinds, now),
        FileFormat::Csv => table::read(&octets, kinds, now),
    };
    let mut snapshot = snapshot.map_err(|it| it.within(&path.display().to_string()))?;
    let taken_at = snapshot.taken_at.unwrap_or_else(|| before.modified());
    snapshot.taken_at = Some(taken_at);
    let age = u128::try_from(now.0.saturating_sub(taken_at.0)).unwrap_or(0);
    if let Some(most) = access.age_max.filter(|it| it.as_millis() < age) {
        let shown = humantime::format_duration(most);
        return Err(wrong(format!(
            "it was taken at {taken_at}, longer ago than {shown}: is its export still running?"
        )));
    }
    Ok(snapshot)
}
