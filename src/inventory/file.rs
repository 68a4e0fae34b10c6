//! Files that others write: read whole, and only if they stand still while they are read.

use super::failure::Failure;
use super::limits::FILE_OCTETS_MAX;
use super::settings::{FileAccess, FileFormat};
use super::snapshot::Snapshot;
use super::{document, table};
use crate::model::{ComponentKind, SnapshotError, UnixMillis};
use std::fs::{Metadata, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

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

/// Looks at a file for others, one look at a time: a file system that hangs holds one thread, no more.
#[derive(Debug, Clone)]
pub struct Looker {
    access: Arc<FileAccess>,
    kinds: Arc<[ComponentKind]>,
    one: Arc<Semaphore>,
}

/// A stat takes microseconds; a network file system that needs longer than this hangs.
const LOOK_MAX: Duration = Duration::from_secs(5);

impl Looker {
    /// For that file.
    #[must_use]
    pub fn new(access: FileAccess, kinds: &[ComponentKind]) -> Self {
        Self { access: Arc::new(access), kinds: kinds.into(), one: Arc::new(Semaphore::new(1)) }
    }

    /// What would change if the file were replaced; `None` while it is not to be seen.
    pub async fn stamp(&self) -> Option<Stamp> {
        let access = Arc::clone(&self.access);
        let look = self.look(move || Stamp::of(&access.path))?;
        tokio::time::timeout(LOOK_MAX, look).await.ok()?.ok().flatten()
    }

    /// Reads the file.
    ///
    /// # Errors
    /// As [`take`], and where the look before has not ended.
    pub async fn take(&self, now: UnixMillis) -> Result<Snapshot, Failure> {
        let (access, kinds) = (Arc::clone(&self.access), Arc::clone(&self.kinds));
        let Some(look) = self.look(move || take(&access, &kinds, now)) else {
            let reason = format!(
                "{}: the last look at it has not ended: its file system hangs",
                self.access.path.display()
            );
            return Err(Failure::new(SnapshotError::File, reason));
        };
        look.await.unwrap_or_else(|_| Err(Failure::malformed("the file could not be read: a defect of ours")))
    }

    /// `None`: another look is under way.
    fn look<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<JoinHandle<T>> {
        let permit = Arc::clone(&self.one).try_acquire_owned().ok()?;
        Some(tokio::task::spawn_blocking(move || {
            let found = work();
            drop(permit);
            found
        }))
    }
}

/// Reads a file. Blocks.
///
/// # Errors
/// It is not there, too large or too old, changes while it is read, or holds mistakes.
pub fn take(access: &FileAccess, kinds: &[ComponentKind], now: UnixMillis) -> Result<Snapshot, Failure> {
    let path = &access.path;
    let wrong = |what: String| Failure::new(SnapshotError::File, format!("{}: {what}", path.display()));
    // Without O_NONBLOCK a pipe would be waited on for ever.
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path);
    let file = file.map_err(|error| wrong(error.to_string()))?;
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
