//! The file of the outbox: redb, one transaction and one fsync a commit.
//!
//! redb (pinned to 4.6) refuses all writes after a failed one until it is opened again, so a failure
//! here means: drop it, open anew later, write everything. A file that does not pass its integrity
//! check is set aside, never deleted and never trusted.

use super::codec;
use super::ledger::Limits;
use super::record::{Last, Op, OpenRow, Place, Record, Rows};
use crate::alert::{AlertKey, Transition};
use crate::notify::pagerduty::Action;
use redb::{
    Builder, Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _, TableDefinition,
};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    /// Another process has it.
    #[error("{} is in use by another process: does a second collector run with this state_folder?", .0.display())]
    InUse(PathBuf),
    /// The folder cannot be made.
    #[error("the state_folder {} cannot be made", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A damaged file cannot be set aside.
    #[error("the damaged {} cannot be renamed", path.display())]
    SetAside {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is damaged.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// Any failure to read or write.
    #[error("{0}")]
    Failed(String),
}

/// A file that is open.
pub(crate) trait Disk: Send {
    /// Writes changes; they are on disk when it returns.
    fn commit(&mut self, ops: &[Op]) -> Result<(), DiskError>;
    /// The same in place of everything that is there.
    fn replace(&mut self, ops: &[Op]) -> Result<(), DiskError>;
}

/// Reads announcements and events that are not in memory. Of several threads; may take as long as a disk
/// takes.
pub(crate) trait Archive: Send + Sync {
    /// Those of these alerts, in that order; `None` where it has none that can be read.
    fn load(&self, keys: &[AlertKey]) -> Vec<Option<Transition>>;
    /// Events, in that order; `None` within where it has none that can be read, and in place of all while the
    /// file cannot be read.
    fn load_events(&self, places: &[Place]) -> Option<Vec<Option<Record>>>;
}

/// What opening brings.
pub(crate) struct Opened {
    pub(crate) disk: Box<dyn Disk>,
    pub(crate) archive: Arc<dyn Archive>,
    pub(crate) rows: Rows,
    /// What an operator should know: damaged rows, a file set aside.
    pub(crate) warnings: Vec<String>,
}

/// Opens the file, at start and after each failure.
pub(crate) trait Opener: Send {
    fn open(&mut self) -> Result<Opened, DiskError>;
}

const EVENTS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("events");
const OPEN: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("open_alerts");
/// Their last announcements.
const FACTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("announcements");
const DEAD: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("dead_letters");
const SILENCES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("silences");
const WINDOWS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("windows");

/// The file's name in the state folder.
pub(crate) const FILE: &str = "outbox.redb";
/// redb's page cache: the outbox is read once, at start; its default of 1 GiB is a database's.
const CACHE_OCTETS: usize = 4 << 20;
/// Damaged files that are kept, newest first: the first is for whoever looks into it, the others for
/// a pattern; a disk that damages each of them is not filled with them.
const SET_ASIDE_MAX: usize = 3;
/// A file longer than this is compacted at start if most of it is empty: a storm leaves it long, and redb
/// never shrinks it.
const COMPACT_OVER_OCTETS: u64 = 64 << 20;
/// What a row takes in the file, about, with its share of half-filled pages. A file with less than a quarter
/// of it in use is taken to be mostly empty: to compact a full one takes minutes, and gains nothing.
const ROW_OCTETS: u64 = 2_048;

/// The real one.
pub(crate) struct RedbOpener {
    folder: PathBuf,
    /// Names the files that are set aside: seconds since 1970.
    seconds: Box<dyn FnMut() -> i64 + Send>,
}

impl RedbOpener {
    pub(crate) fn new(folder: &Path, seconds: impl FnMut() -> i64 + Send + 'static) -> Self {
        Self { folder: folder.to_owned(), seconds: Box::new(seconds) }
    }

    fn set_aside(&mut self, why: &str) -> Result<String, DiskError> {
        let path = self.folder.join(FILE);
        let aside = self.folder.join(format!("{FILE}.corrupt-{}", (self.seconds)()));
        fs::rename(&path, &aside).map_err(|source| DiskError::SetAside { path, source })?;
        forget_old(&self.folder);
        Ok(format!(
            "the outbox was damaged ({why}) and is set aside as {}: events that waited in it are lost, \
             alerts that went on are found anew",
            aside.display()
        ))
    }
}

impl Opener for RedbOpener {
    fn open(&mut self) -> Result<Opened, DiskError> {
        let folder = self.folder.clone();
        fs::create_dir_all(&folder).map_err(|source| DiskError::Folder { path: folder.clone(), source })?;
        let path = folder.join(FILE);
        match open_file(&path) {
            Err(DiskError::Damaged(why)) => {
                let warning = self.set_aside(&why)?;
                let mut opened = open_file(&path)?;
                opened.warnings.insert(0, warning);
                Ok(opened)
            }
            other => other,
        }
    }
}

fn forget_old(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let prefix = format!("{FILE}.corrupt-");
    let mut aside: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|it| it.file_name().to_string_lossy().starts_with(&prefix))
        .map(|it| it.path())
        .collect();
    aside.sort();
    let excess = aside.len().saturating_sub(SET_ASIDE_MAX);
    for path in aside.into_iter().take(excess) {
        // One that stays does no harm.
        drop(fs::remove_file(path));
    }
}

/// Opens, checks and reads. redb may panic on a file that others have written to.
fn open_file(path: &Path) -> Result<Opened, DiskError> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_OCTETS).set_check_integrity_on_open(true);
    open_with(path, || {
        let mut database = builder.create(path)?;
        let length = fs::metadata(path).map_or(0, |it| it.len());
        if COMPACT_OVER_OCTETS < length && count(&database).is_ok_and(|rows| rows * ROW_OCTETS < length / 4) {
            // A long file is no harm; a failing disk shows at the next write.
            drop(database.compact());
        }
        Ok(database)
    })
}

/// How many rows it has.
fn count(database: &Database) -> Result<u64, redb::Error> {
    let transaction = database.begin_read()?;
    Ok(transaction.open_table(EVENTS)?.len()? + transaction.open_table(OPEN)?.len()?)
}

fn open_with(
    path: &Path,
    make: impl FnOnce() -> Result<Database, DatabaseError>,
) -> Result<Opened, DiskError> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let database = make()?;
        let transaction = database.begin_write()?;
        transaction.open_table(EVENTS)?;
        transaction.open_table(OPEN)?;
        transaction.open_table(FACTS)?;
        transaction.open_table(DEAD)?;
        transaction.open_table(WINDOWS)?;
        transaction.open_table(SILENCES)?;
        transaction.commit()?;
        let (rows, warnings) = read(&database)?;
        let database = Arc::new(database);
        let archive = Arc::new(RedbArchive(Arc::downgrade(&database)));
        Ok(Opened { disk: Box::new(RedbDisk { database }), archive, rows, warnings })
    }));
    match opened {
        Ok(result) => result.map_err(|error| sort(path, error)),
        Err(_) => Err(DiskError::Damaged("it cannot be read at all".to_owned())),
    }
}

/// Which failures mean that the file itself is bad.
fn sort(path: &Path, error: redb::Error) -> DiskError {
    use redb::Error as E;
    match error {
        E::DatabaseAlreadyOpen | E::LockProtocolMismatch => DiskError::InUse(path.to_owned()),
        E::Corrupted(why) => DiskError::Damaged(why),
        E::UpgradeRequired(version) => DiskError::Damaged(format!("it has the old format {version}")),
        E::RepairAborted
        | E::TableTypeMismatch { .. }
        | E::TableIsMultimap(_)
        | E::TypeDefinitionChanged { .. } => DiskError::Damaged(error.to_string()),
        E::Io(cause) if matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            DiskError::Damaged(cause.to_string())
        }
        other => DiskError::Failed(other.to_string()),
    }
}

fn read(database: &Database) -> Result<(Rows, Vec<String>), redb::Error> {
    let transaction = database.begin_read()?;
    let (mut rows, mut damaged) = (Rows::default(), Vec::new());
    read_events(&transaction, &mut rows, &mut damaged)?;
    read_open(&transaction, &mut rows, &mut damaged)?;
    for row in transaction.open_table(DEAD)?.iter()? {
        let (key, value) = row?;
        let (lane, sequence) = key.value();
        match codec::decode_dead(&codec::place_octets(lane, sequence), value.value()) {
            Ok(dead) => rows.dead.push(((Arc::from(lane), sequence), Arc::new(dead))),
            Err(error) => damaged.push(format!("dead letter {sequence} for {lane}: {error}")),
        }
    }
    for row in transaction.open_table(SILENCES)?.iter()? {
        let (key, value) = row?;
        match codec::decode_silence(&key.value().to_be_bytes(), value.value()) {
            Ok(silence) => rows.silences.push(silence),
            Err(error) => damaged.push(format!("silence {}: {error}", key.value())),
        }
    }
    for row in transaction.open_table(WINDOWS)?.iter()? {
        let (key, value) = row?;
        // Without it the window begins empty: a 429 would say so.
        if let Ok(seconds) = codec::decode_window(key.value().as_bytes(), value.value()) {
            rows.windows.push((Arc::from(key.value()), seconds));
        }
    }
    Ok((rows, describe(&damaged)))
}

/// Events, but for resolves over the limit: those stay on disk.
fn read_events(
    transaction: &ReadTransaction,
    rows: &mut Rows,
    damaged: &mut Vec<String>,
) -> Result<(), redb::Error> {
    let events = transaction.open_table(EVENTS)?;
    let (mut name, mut resolves): (Arc<str>, usize) = ("".into(), 0);
    let mut left = usize::try_from(events.len()?).unwrap_or(0);
    for row in events.iter()? {
        let (key, value) = row?;
        let (lane, sequence) = key.value();
        if *name != *lane {
            (name, resolves) = (lane.into(), 0);
        }
        left = left.saturating_sub(1);
        let octets = codec::place_octets(lane, sequence);
        let read = codec::glimpse(&octets, value.value()).and_then(|(key, action, at)| {
            resolves += usize::from(action == Action::Resolve);
            if action == Action::Resolve && Limits::DEFAULT.resolves_max < resolves {
                if rows.parked.is_empty() {
                    rows.parked.reserve_exact(left + 1);
                }
                rows.parked.push(((Arc::clone(&name), sequence), key, at));
                return Ok(());
            }
            let (record, seen) = codec::decode_record(&octets, value.value())?;
            rows.events.push(((Arc::clone(&name), sequence), Arc::new(record), seen));
            Ok(())
        });
        if let Err(error) = read {
            damaged.push(format!("event {sequence} for {lane}: {error}"));
        }
    }
    Ok(())
}

fn read_open(
    transaction: &ReadTransaction,
    rows: &mut Rows,
    damaged: &mut Vec<String>,
) -> Result<(), redb::Error> {
    let mut shared = codec::SharedHeard::default();
    let (open, facts) = (transaction.open_table(OPEN)?, transaction.open_table(FACTS)?);
    rows.open.reserve(usize::try_from(open.len()?).unwrap_or(0));
    for row in open.iter()? {
        let (key, value) = row?;
        let key = key.value();
        let (mut row, is_needed) = match codec::decode_open(key.as_bytes(), value.value(), &mut shared) {
            Ok(row) => row,
            Err(error) => {
                damaged.push(format!("alert {key}: {error}"));
                continue;
            }
        };
        let alert = AlertKey(key.into());
        rows.is_old |= row.here().is_some();
        if is_needed {
            let value = facts.get(key)?;
            let transition = value.map(|it| codec::decode_transition(key.as_bytes(), it.value())).transpose();
            row.last = Last::Here(match transition {
                Ok(Some(transition)) => Arc::new(transition),
                Ok(None) => Arc::new(row.without_facts(&alert)),
                Err(error) => {
                    damaged.push(format!("announcement of {key}: {error}"));
                    Arc::new(row.without_facts(&alert))
                }
            });
        }
        rows.open.push((alert, Arc::new(row)));
    }
    Ok(())
}

/// Ends with its file: what is asked of it afterwards is not there.
struct RedbArchive(Weak<Database>);

impl Archive for RedbArchive {
    fn load(&self, keys: &[AlertKey]) -> Vec<Option<Transition>> {
        let none = || keys.iter().map(|_| None).collect();
        let Some(database) = self.0.upgrade() else { return none() };
        // redb may panic on a file that others have written to.
        catch_unwind(AssertUnwindSafe(|| load(&database, keys)))
            .ok()
            .and_then(Result::ok)
            .unwrap_or_else(none)
    }

    fn load_events(&self, places: &[Place]) -> Option<Vec<Option<Record>>> {
        let database = self.0.upgrade()?;
        catch_unwind(AssertUnwindSafe(|| load_events(&database, places))).ok()?.ok()
    }
}

fn load_events(database: &Database, places: &[Place]) -> Result<Vec<Option<Record>>, redb::Error> {
    let events = database.begin_read()?.open_table(EVENTS)?;
    let one = |(lane, sequence): &Place| {
        let value = events.get((&**lane, *sequence))?;
        let octets = codec::place_octets(lane, *sequence);
        Ok(value.and_then(|it| codec::decode_record(&octets, it.value()).ok()).map(|(record, _)| record))
    };
    places.iter().map(one).collect()
}

fn load(database: &Database, keys: &[AlertKey]) -> Result<Vec<Option<Transition>>, redb::Error> {
    let facts = database.begin_read()?.open_table(FACTS)?;
    let one = |key: &AlertKey| {
        let value = facts.get(&*key.0)?;
        Ok(value.and_then(|it| codec::decode_transition(key.0.as_bytes(), it.value()).ok()))
    };
    keys.iter().map(one).collect()
}

/// One warning, however many rows.
fn describe(damaged: &[String]) -> Vec<String> {
    let Some(first) = damaged.first() else { return Vec::new() };
    let rows = damaged.len();
    vec![format!("{rows} of the outbox's rows cannot be read and are left out: {first}")]
}

/// The key of an alert whose announcement is on disk only.
fn stored(op: &Op) -> Option<&str> {
    match op {
        Op::PutOpen(key, row, _) if is_stored(row) => Some(&key.0),
        _ => None,
    }
}

/// The place of an event that is on disk only.
fn kept_event(op: &Op) -> Option<(&str, u64)> {
    match op {
        Op::KeepEvent((lane, sequence)) => Some((lane, *sequence)),
        _ => None,
    }
}

const fn is_stored(row: &OpenRow) -> bool {
    row.here().is_none()
}

struct RedbDisk {
    database: Arc<Database>,
}

impl Disk for RedbDisk {
    fn commit(&mut self, ops: &[Op]) -> Result<(), DiskError> {
        self.write(ops, false)
    }

    fn replace(&mut self, ops: &[Op]) -> Result<(), DiskError> {
        self.write(ops, true)
    }
}

impl RedbDisk {
    fn write(&mut self, ops: &[Op], replace: bool) -> Result<(), DiskError> {
        let written = catch_unwind(AssertUnwindSafe(|| self.transaction(ops, replace)));
        match written {
            Ok(result) => result.map_err(|error| DiskError::Failed(error.to_string())),
            Err(_) => Err(DiskError::Damaged("the store panicked".to_owned())),
        }
    }

    /// One transaction: all of it is on disk afterwards, or nothing.
    fn transaction(&self, ops: &[Op], replace: bool) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        if replace {
            transaction.delete_table(OPEN)?;
            transaction.delete_table(DEAD)?;
            transaction.delete_table(WINDOWS)?;
            transaction.delete_table(SILENCES)?;
            let kept: BTreeSet<&str> = ops.iter().filter_map(stored).collect();
            transaction.open_table(FACTS)?.retain(|key, _| kept.contains(key))?;
            let kept: BTreeSet<(&str, u64)> = ops.iter().filter_map(kept_event).collect();
            transaction.open_table(EVENTS)?.retain(|place, _| kept.contains(&place))?;
        }
        {
            let mut events = transaction.open_table(EVENTS)?;
            let mut open = transaction.open_table(OPEN)?;
            let mut facts = transaction.open_table(FACTS)?;
            let mut dead = transaction.open_table(DEAD)?;
            let mut windows = transaction.open_table(WINDOWS)?;
            let mut silences = transaction.open_table(SILENCES)?;
            for op in ops {
                match op {
                    Op::PutEvent((lane, sequence), record, seen) => {
                        let value =
                            codec::encode_record(&codec::place_octets(lane, *sequence), record, *seen);
                        events.insert((&**lane, *sequence), value.as_slice())?;
                    }
                    Op::KeepEvent(_) => (),
                    Op::DeleteEvent((lane, sequence)) => drop(events.remove((&**lane, *sequence))?),
                    Op::PutOpen(key, row, is_new) => {
                        let value = codec::encode_open(key.0.as_bytes(), row);
                        open.insert(&*key.0, value.as_slice())?;
                        if let Some(last) = row.here().filter(|_| *is_new) {
                            let value = codec::encode_transition(key.0.as_bytes(), last);
                            facts.insert(&*key.0, value.as_slice())?;
                        }
                    }
                    Op::DeleteOpen(key) => {
                        open.remove(&*key.0)?;
                        facts.remove(&*key.0)?;
                    }
                    Op::PutDead((lane, sequence), row) => {
                        let value = codec::encode_dead(&codec::place_octets(lane, *sequence), row);
                        dead.insert((&**lane, *sequence), value.as_slice())?;
                    }
                    Op::DeleteDead((lane, sequence)) => drop(dead.remove((&**lane, *sequence))?),
                    Op::PutSilence(silence) => {
                        let value = codec::encode_silence(&silence.id.to_be_bytes(), silence);
                        silences.insert(silence.id, value.as_slice())?;
                    }
                    Op::DeleteSilence(id) => drop(silences.remove(id)?),
                    Op::PutWindow(lane, seconds) => {
                        let value = codec::encode_window(lane.as_bytes(), seconds);
                        windows.insert(&**lane, value.as_slice())?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}
