//! The writer with a disk that fails, hangs or panics. The receivers of these tests refuse connections:
//! what matters is what is kept.

use super::disk::{Archive, Disk, DiskError, Opened, Opener};
use super::health::DiskHealth;
use super::record::{Op, Place, Record, Rows};
use super::shared::State;
use super::{Outbox, OutboxHandle, Tuning};
use crate::alert::{AlertKey, Transition, TransitionKind};
use crate::model::{Secret, Severity, SystemClock};
use crate::notify::fixtures;
use crate::notify::settings::{IntegrationSettings, NotifySettings, SecretSource};
use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;

const LIMIT: Duration = Duration::from_secs(30);

/// How the disk behaves, and what is on it.
#[derive(Debug, Default)]
struct Platter {
    full: bool,
    hangs: bool,
    panics: bool,
    alerts: BTreeSet<String>,
    events: usize,
}

#[derive(Clone, Default)]
struct FakeDisk(Arc<(Mutex<Platter>, Condvar)>);

impl FakeDisk {
    fn set(&self, change: impl FnOnce(&mut Platter)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    fn alerts(&self) -> Vec<String> {
        self.0.0.lock().unwrap().alerts.iter().cloned().collect()
    }

    fn write(&self, ops: &[Op], replace: bool) -> Result<(), DiskError> {
        let platter = self.0.0.lock().unwrap();
        let mut platter = self.0.1.wait_while(platter, |it| it.hangs).unwrap();
        if platter.panics {
            drop(platter);
            panic!("the disk panics");
        }
        if platter.full {
            return Err(DiskError::Failed("No space left on device".to_owned()));
        }
        if replace {
            platter.alerts.clear();
            platter.events = 0;
        }
        for op in ops {
            match op {
                Op::PutOpen(key, ..) => drop(platter.alerts.insert(key.to_string())),
                Op::DeleteOpen(key) => drop(platter.alerts.remove(&*key.0)),
                Op::PutEvent(..) => platter.events += 1,
                Op::KeepEvent(_)
                | Op::DeleteEvent(_)
                | Op::PutDead(..)
                | Op::DeleteDead(_)
                | Op::PutWindow(..)
                | Op::PutSilence(_)
                | Op::DeleteSilence(_) => (),
            }
        }
        Ok(())
    }
}

impl Disk for FakeDisk {
    fn commit(&mut self, ops: &[Op]) -> Result<(), DiskError> {
        self.write(ops, false)
    }

    fn replace(&mut self, ops: &[Op]) -> Result<(), DiskError> {
        self.write(ops, true)
    }
}

/// Nothing is left to this disk.
struct Nothing;

impl Archive for Nothing {
    fn load(&self, keys: &[AlertKey]) -> Vec<Option<Transition>> {
        keys.iter().map(|_| None).collect()
    }

    fn load_events(&self, places: &[Place]) -> Option<Vec<Option<Record>>> {
        Some(places.iter().map(|_| None).collect())
    }
}

impl Opener for FakeDisk {
    fn open(&mut self) -> Result<Opened, DiskError> {
        if self.0.0.lock().unwrap().full {
            return Err(DiskError::Failed("No space left on device".to_owned()));
        }
        let archive = Arc::new(Nothing);
        Ok(Opened { disk: Box::new(self.clone()), archive, rows: Rows::default(), warnings: Vec::new() })
    }
}

fn open(disk: &FakeDisk, runtime: &Runtime) -> (OutboxHandle, Vec<String>) {
    let integration = IntegrationSettings {
        // Port 1 of loopback: nothing listens there.
        url: "http://127.0.0.1:1/v2/enqueue".to_owned(),
        requests_per_minute: 120,
        timeout: Duration::from_secs(5),
        ..IntegrationSettings::pagerduty(
            "ops",
            SecretSource::Inline(Secret::new("0123456789abcdef0123456789abcdef")),
        )
    };
    let mut settings =
        NotifySettings { integrations: vec![integration], ..NotifySettings::new("/nonexistent".into()) };
    // Each alert is to be a row and an event of its own.
    settings.storm.levels.clear();
    let tuning = Tuning { reopen_after: Duration::from_millis(20), ..Tuning::DEFAULT };
    let opener = Box::new(disk.clone());
    let (handle, alerts, warnings) =
        Outbox::open_with(&settings, SystemClock::new(), runtime.handle(), tuning, opener).unwrap();
    assert!(alerts.is_empty());
    (handle, warnings)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn trigger(handle: &OutboxHandle, keys: &[&str]) {
    let at = handle.0.shared.clock.now().unix;
    let one = |key: &&str| {
        let facts = fixtures::facts_of(key, &[]);
        Transition { at, ..fixtures::transition(TransitionKind::Trigger, Severity::Critical, facts) }
    };
    handle.submit(keys.iter().map(one).collect());
}

fn wait(handle: &OutboxHandle, what: &str, holds: impl Fn(&State) -> bool) {
    let shared = &handle.0.shared;
    let deadline = shared.clock.moment() + LIMIT;
    let mut state = shared.lock();
    while !holds(&state) {
        state = shared.wait_progress(state, deadline).unwrap_or_else(|| panic!("{what} does not come"));
    }
}

fn is_written(state: &State) -> bool {
    state.disk == DiskHealth::Written && !state.rewrite && !state.writing && state.ledger.pending() == 0
}

#[test]
fn a_full_disk_keeps_nobody_from_being_paged_and_is_written_when_it_has_room() {
    let (disk, runtime) = (FakeDisk::default(), runtime());
    let (handle, warnings) = open(&disk, &runtime);
    assert_eq!(warnings, Vec::<String>::new());
    trigger(&handle, &["a"]);
    assert!(handle.flush(LIMIT));
    assert_eq!(disk.alerts(), ["a"]);
    disk.set(|it| it.full = true);
    trigger(&handle, &["b"]);
    wait(&handle, "the failure", |it| it.disk != DiskHealth::Written);
    assert!(!handle.flush(LIMIT));
    let health = handle.health();
    assert!(health.is_degraded());
    let DiskHealth::MemoryOnly { reason, .. } = health.disk else { panic!("{health:?}") };
    assert_eq!(reason, "No space left on device");
    trigger(&handle, &["c"]);
    // They go out all the same: the receiver is tried, which is not there.
    wait(&handle, "a try", |it| it.tallies.get("ops").is_some_and(|it| 0 < it.retried));
    disk.set(|it| it.full = false);
    wait(&handle, "the recovery", is_written);
    assert_eq!(disk.alerts(), ["a", "b", "c"]);
    assert_eq!(disk.0.0.lock().unwrap().events, 3);
    assert_eq!(handle.stop(Duration::ZERO), 3);
}

#[test]
fn a_disk_that_is_full_at_start_does_not_keep_paging_from_starting() {
    let (disk, runtime) = (FakeDisk::default(), runtime());
    disk.set(|it| it.full = true);
    let (handle, warnings) = open(&disk, &runtime);
    assert_eq!(
        warnings,
        ["the outbox is kept in memory only, a restart would lose what waits: No space left on device"]
    );
    trigger(&handle, &["a"]);
    disk.set(|it| it.full = false);
    wait(&handle, "the recovery", is_written);
    assert_eq!(disk.alerts(), ["a"]);
    handle.stop(Duration::ZERO);
}

#[test]
fn what_waits_at_the_end_is_written_if_the_disk_is_well_again() {
    let (disk, runtime) = (FakeDisk::default(), runtime());
    disk.set(|it| it.full = true);
    let (handle, _) = open(&disk, &runtime);
    trigger(&handle, &["a"]);
    disk.set(|it| it.full = false);
    handle.stop(Duration::ZERO);
    assert_eq!(disk.alerts(), ["a"]);
}

#[test]
fn a_disk_that_hangs_holds_up_neither_polls_nor_pages() {
    let (disk, runtime) = (FakeDisk::default(), runtime());
    let (handle, _) = open(&disk, &runtime);
    disk.set(|it| it.hangs = true);
    let keys: Vec<String> = (0..2_100).map(|it| format!("k{it:04}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    trigger(&handle, &["first"]);
    wait(&handle, "the commit", |it| it.writing);
    trigger(&handle, &keys);
    trigger(&handle, &["last"]);
    wait(&handle, "a try", |it| it.tallies.get("ops").is_some_and(|it| 0 < it.retried));
    disk.set(|it| it.hangs = false);
    wait(&handle, "the rest", is_written);
    assert_eq!(disk.alerts().len(), 2_102);
    handle.stop(Duration::ZERO);
}

#[test]
fn a_writer_that_panics_leaves_paging_in_memory() {
    let (disk, runtime) = (FakeDisk::default(), runtime());
    let (handle, _) = open(&disk, &runtime);
    disk.set(|it| it.panics = true);
    trigger(&handle, &["a"]);
    wait(&handle, "a try", |it| it.tallies.get("ops").is_some_and(|it| 0 < it.retried));
    trigger(&handle, &["b"]);
    wait(&handle, "both", |it| it.ledger.open_len() == 2 && it.ledger.pending() == 0);
    assert!(matches!(handle.health().disk, DiskHealth::MemoryOnly { .. }));
    assert_eq!(handle.stop(Duration::ZERO), 2);
}

#[test]
fn after_the_end_nothing_is_taken_in() {
    let (disk, runtime) = (FakeDisk::default(), runtime());
    let (handle, _) = open(&disk, &runtime);
    trigger(&handle, &["a"]);
    assert_eq!(handle.stop(Duration::ZERO), 1);
    trigger(&handle, &["b"]);
    assert_eq!(disk.alerts(), ["a"]);
    assert_eq!(handle.stop(Duration::ZERO), 1);
}

#[test]
fn events_of_integrations_that_are_gone_stay() {
    let (disk, runtime) = (FakeDisk::default(), runtime());
    let (handle, _) = open(&disk, &runtime);
    trigger(&handle, &["a"]);
    let mut settings = NotifySettings::clone(&handle.0.shared.settings.load());
    let ops = settings.integrations.remove(0);
    handle.reload(&settings);
    let health = handle.health();
    assert_eq!(health.integrations.len(), 1);
    assert!(!health.integrations[0].configured && health.integrations[0].waiting == 1);
    settings.integrations.push(ops);
    handle.reload(&settings);
    assert!(handle.health().integrations[0].configured);
    wait(&handle, "a try", |it| it.tallies.get("ops").is_some_and(|it| 0 < it.retried));
    handle.stop(Duration::ZERO);
}
