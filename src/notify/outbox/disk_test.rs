//! The file: what it keeps, and what becomes of a damaged, full or foreign one.

use super::Outbox;
use super::codec;
use super::disk::{DiskError, FILE, Opener as _, RedbOpener};
use super::ledger::Limits;
use super::record::{DeadRow, Last, Op, OpenRow, Record, Told};
use crate::alert::{AlertKey, TransitionKind};
use crate::model::{Severity, SystemClock, UnixMillis};
use crate::notify::fixtures;
use crate::notify::pagerduty::{Action, Reason};
use crate::notify::settings::NotifySettings;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn opener(folder: &Path) -> RedbOpener {
    let mut seconds = 1_000;
    RedbOpener::new(folder, move || {
        seconds += 1;
        seconds
    })
}

fn record(key: &str) -> Arc<Record> {
    Arc::new(Record {
        key: AlertKey(key.into()),
        action: Action::Trigger,
        severity: Severity::Critical,
        at: fixtures::TIME,
        body: "{}".into(),
        repaired: false,
    })
}

fn ops(count: u64) -> Vec<Op> {
    let mut ops = Vec::new();
    for number in 0..count {
        let key = format!("k{number}");
        let facts = fixtures::facts_of(&key, &["ops"]);
        let last = Arc::new(fixtures::transition(TransitionKind::Trigger, Severity::Critical, facts));
        let told = Arc::new([("ops".into(), Told::Waiting)].into_iter().collect());
        ops.push(Op::PutEvent(("ops".into(), number), record(&key), true));
        ops.push(Op::PutOpen(
            AlertKey(key.into()),
            Arc::new(OpenRow {
                last: Last::Here(last),
                fired_at: UnixMillis(7),
                told,
                announced_at: UnixMillis(7),
                hold: None,
                acknowledged: None,
            }),
            true,
        ));
    }
    ops
}

#[test]
fn keeps_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    {
        let mut opened = opener(folder.path()).open().unwrap();
        assert!(opened.rows.events.is_empty() && opened.warnings.is_empty());
        opened.disk.commit(&ops(3)).unwrap();
        let dead = DeadRow {
            record: record("dead"),
            reason: Reason::Refused,
            text: "no".to_owned(),
            at: UnixMillis(9),
        };
        let more = [
            Op::DeleteEvent(("ops".into(), 1)),
            Op::DeleteOpen(AlertKey("k1".into())),
            Op::PutDead(("ops".into(), 1), Arc::new(dead)),
        ];
        opened.disk.commit(&more).unwrap();
    }
    let mut opened = opener(folder.path()).open().unwrap();
    assert_eq!(opened.warnings, Vec::<String>::new());
    let sequences: Vec<u64> = opened.rows.events.iter().map(|((_, number), ..)| *number).collect();
    assert_eq!(sequences, [0, 2]);
    assert_eq!(opened.rows.events[1].1, record("k2"));
    assert_eq!((opened.rows.open.len(), opened.rows.dead.len()), (2, 1));
    let facts = |key: &str| {
        Some(fixtures::transition(
            TransitionKind::Trigger,
            Severity::Critical,
            fixtures::facts_of(key, &["ops"]),
        ))
    };
    let keys = ["k0", "k1", "k2"].map(|it| AlertKey(it.into()));
    assert_eq!(opened.archive.load(&keys), [facts("k0"), None, facts("k2")]);
    // What only the file has stays there.
    let mut all = ops(1);
    let (key, row) = opened.rows.open[1].clone();
    assert_eq!((&*key.0, row.here()), ("k2", None));
    all.push(Op::PutOpen(key, row, false));
    opened.disk.replace(&all).unwrap();
    assert_eq!(opened.archive.load(&keys), [facts("k0"), None, facts("k2")]);
    let archive = opened.archive;
    drop(opened.disk);
    assert_eq!(archive.load(&keys), [None, None, None], "it holds no file open");
    let opened = opener(folder.path()).open().unwrap();
    assert_eq!((opened.rows.events.len(), opened.rows.open.len(), opened.rows.dead.len()), (1, 2, 0));
}

#[test]
fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = opener(folder.path()).open().unwrap();
    let second = opener(folder.path()).open();
    assert!(matches!(second.map(|_| ()), Err(DiskError::InUse(_))));
}

#[test]
fn files_that_are_none_are_set_aside() {
    for content in [&b"not a database"[..], &[0; 4_096], &[0xff; 100_000], b"redb"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), content).unwrap();
        let opened = opener(folder.path()).open().unwrap();
        assert!(opened.warnings[0].contains("corrupt-1001"), "{:?}", opened.warnings);
        let aside = folder.path().join(format!("{FILE}.corrupt-1001"));
        assert_eq!(fs::read(aside).unwrap(), content);
    }
}

#[test]
fn damaged_files_never_yield_a_wrong_event() {
    let folder = tempfile::tempdir().unwrap();
    {
        let mut opened = opener(folder.path()).open().unwrap();
        opened.disk.commit(&ops(200)).unwrap();
    }
    let path = folder.path().join(FILE);
    let sound = fs::read(&path).unwrap();
    let (mut aside, mut harmless) = (0, 0);
    for part in 0..40 {
        let mut damaged = sound.clone();
        let at = sound.len() / 40 * part;
        for octet in &mut damaged[at..at + 64] {
            *octet ^= 0x5a;
        }
        fs::write(&path, &damaged).unwrap();
        let opened = opener(folder.path()).open().unwrap();
        for ((_, number), event, _) in &opened.rows.events {
            assert_eq!(**event, *record(&format!("k{number}")));
        }
        match (opened.warnings.is_empty(), opened.rows.events.len()) {
            (true, 200) => harmless += 1,
            (true, left) => panic!("{left} events are left and nobody was told"),
            (false, _) => aside += 1,
        }
    }
    assert!(0 < aside && 0 < harmless, "{aside} set aside, {harmless} harmless");
    let kept = fs::read_dir(folder.path()).unwrap().count() - 1;
    assert!(kept <= 3, "{kept} damaged files are kept");
}

#[test]
fn cut_off_files_are_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    {
        let mut opened = opener(folder.path()).open().unwrap();
        opened.disk.commit(&ops(200)).unwrap();
    }
    let path = folder.path().join(FILE);
    let sound = fs::read(&path).unwrap();
    fs::write(&path, &sound[..sound.len() / 3]).unwrap();
    let opened = opener(folder.path()).open().unwrap();
    assert_eq!((opened.warnings.len(), opened.rows.events.len()), (1, 0));
}

#[test]
fn folders_that_cannot_be_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = opener(&file.join("below")).open().map(|_| ()).unwrap_err();
    assert!(matches!(error, DiskError::Folder { .. }), "{error}");
    fs::create_dir(folder.path().join(FILE)).unwrap();
    let error = opener(folder.path()).open().map(|_| ()).unwrap_err();
    assert!(matches!(error, DiskError::Failed(_)), "{error}");
}

/// A file of an earlier version: what it holds goes on, and is written anew in today's form.
#[test]
fn a_file_of_an_earlier_version_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    {
        let database = redb::Database::create(folder.path().join(FILE)).unwrap();
        let transaction = database.begin_write().unwrap();
        let table = redb::TableDefinition::<&str, &[u8]>::new("open_alerts");
        let row = codec::tests::open_of_version_2();
        transaction.open_table(table).unwrap().insert("k", row.as_slice()).unwrap();
        transaction.commit().unwrap();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let settings = NotifySettings::new(folder.path().to_owned());
    let (handle, open, warnings) = Outbox::open(&settings, SystemClock::new(), runtime.handle()).unwrap();
    assert_eq!((open.as_slice(), warnings), ([AlertKey("k".into())].as_slice(), Vec::new()));
    let before = handle.recall(&open).remove(0);
    assert_eq!((&*before.facts.device, before.severity), ("pdu-a1", Severity::Critical));
    assert!(handle.flush(Duration::from_secs(30)));
    handle.stop(Duration::from_secs(30));
    let opened = opener(folder.path()).open().unwrap();
    assert!(!opened.rows.is_old && opened.rows.open[0].1.here().is_none());
    assert_eq!(*opened.archive.load(&open).remove(0).unwrap().facts, *before.facts);
}

/// Of a million resolves that wait, a start reads what it needs to know of them.
#[test]
fn resolves_over_the_limit_stay_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let most = u64::try_from(Limits::DEFAULT.resolves_max).unwrap();
    let end = |number: u64| {
        let record = Record { action: Action::Resolve, ..(*record(&format!("k{number}"))).clone() };
        Op::PutEvent(("ops".into(), number), Arc::new(record), true)
    };
    let mut ops: Vec<Op> = (0..most + 2).map(end).collect();
    ops.push(Op::PutEvent(("ops".into(), most + 2), record("begins"), true));
    {
        opener(folder.path()).open().unwrap().disk.commit(&ops).unwrap();
    }
    let mut opened = opener(folder.path()).open().unwrap();
    assert_eq!(opened.warnings, Vec::<String>::new());
    assert_eq!(opened.rows.events.len(), Limits::DEFAULT.resolves_max + 1);
    let at = fixtures::TIME;
    let place = |it: u64| (Arc::<str>::from("ops"), it);
    let parked = [most, most + 1].map(|it| (place(it), AlertKey(format!("k{it}").into()), at));
    assert_eq!(opened.rows.parked, parked);
    // All is written anew: what only the file has stays, as long as it is asked for.
    opened.disk.replace(&[Op::KeepEvent(place(most))]).unwrap();
    let read = opened.archive.load_events(&[place(most), place(most + 1)]).unwrap();
    assert_eq!(read[0].as_ref().map(|it| (it.action, &*it.key.0)), Some((Action::Resolve, "k10000")));
    assert_eq!(read[1], None);
    let archive = opened.archive;
    drop(opened.disk);
    assert_eq!(archive.load_events(&[place(most)]), None, "no file is no answer");
}
