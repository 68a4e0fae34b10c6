//! Alerts that went on when the process before ended, until their devices are bound.
//!
//! Poll threads take them here and never wait for a disk. What the outbox has in memory of each (its key, how bad,
//! since when) is enough to go on with it. The details of the first [`READ_BEFORE`] are read before polling begins;
//! those of others by a thread of their own, once their device is bound, and reach it with a later poll. A disk
//! that hangs holds up that thread alone.

use crate::alert::{AlertKey, OpenAlert};
use crate::notify::outbox::OutboxHandle;
use crate::telemetry::alert as events;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Alerts whose details are in memory when polling begins: more than most have, and some 20 MB.
const READ_BEFORE: usize = 10_000;
/// Alerts whose details have been read and wait for their device's next poll; with more the thread waits.
const LATE_MAX: usize = 10_000;

/// Where alerts from before the start are kept.
pub(super) trait Memory: Send + Sync {
    /// What is in memory, without any wait; the rest is bare.
    fn known(&self, keys: &[AlertKey]) -> Vec<OpenAlert>;
    /// All of it. As slow as a disk.
    fn read(&self, keys: &[AlertKey]) -> Vec<OpenAlert>;
}

impl Memory for OutboxHandle {
    fn known(&self, keys: &[AlertKey]) -> Vec<OpenAlert> {
        self.recall_bare(keys)
    }

    fn read(&self, keys: &[AlertKey]) -> Vec<OpenAlert> {
        self.recall(keys)
    }
}

/// Alerts by device. Without any, at no cost.
#[derive(Default)]
pub(super) struct Restored {
    memory: Option<Arc<dyn Memory>>,
    waiting: Mutex<HashMap<Arc<str>, Waiting>>,
    late: Arc<Late>,
}

enum Waiting {
    Whole(Vec<OpenAlert>),
    Keys(Vec<AlertKey>),
}

/// Between those who bind devices and the thread that reads.
#[derive(Default)]
struct Late {
    state: Mutex<LateState>,
    changed: Condvar,
    /// Devices that something has been read for: looked at with each poll.
    devices: AtomicUsize,
}

#[derive(Default)]
struct LateState {
    asked: VecDeque<(Arc<str>, Vec<AlertKey>)>,
    /// Whose details are being read, if they are still wanted.
    reading: Option<Arc<str>>,
    read: HashMap<Arc<str>, Vec<OpenAlert>>,
    /// How many alerts have been read.
    alerts: usize,
    ended: bool,
}

impl Restored {
    /// Reads the first details, and begins the thread that reads the others if there are any.
    pub(super) fn new(memory: Box<dyn Memory>, open: HashMap<Arc<str>, Vec<AlertKey>>) -> Self {
        let memory: Arc<dyn Memory> = memory.into();
        let (mut whole, mut is_all) = (0, true);
        let mut waiting = HashMap::with_capacity(open.len());
        for (device, keys) in open {
            let alerts = if whole + keys.len() <= READ_BEFORE {
                whole += keys.len();
                Waiting::Whole(memory.read(&keys))
            } else {
                is_all = false;
                Waiting::Keys(keys)
            };
            waiting.insert(device, alerts);
        }
        let late = Arc::new(Late::default());
        if !is_all {
            let (late, memory) = (Arc::clone(&late), Arc::clone(&memory));
            let run = move || late.run(&*memory);
            if let Err(error) = thread::Builder::new().name("recall".to_owned()).spawn(run) {
                events::details_unread(&error);
            }
        }
        Self { memory: Some(memory), waiting: Mutex::new(waiting), late }
    }

    /// A device is bound for the first time: its alerts, some maybe bare. Their details come with
    /// [`Self::take_late`].
    pub(super) fn take(&self, device: &Arc<str>) -> Vec<OpenAlert> {
        match self.remove(device) {
            None => Vec::new(),
            Some(Waiting::Whole(alerts)) => alerts,
            Some(Waiting::Keys(keys)) => {
                let known = self.memory.as_ref().map_or_else(Vec::new, |it| it.known(&keys));
                self.late.ask(Arc::clone(device), keys);
                known
            }
        }
    }

    /// Details that have been read since. An ordinary poll looks at one number.
    pub(super) fn take_late(&self, device: &str) -> Option<Vec<OpenAlert>> {
        if self.late.devices.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.late.take(device)
    }

    /// A device is gone: alerts that it was never bound to, some maybe bare.
    pub(super) fn forget(&self, device: &str) -> Vec<OpenAlert> {
        self.late.forget(device);
        match (self.remove(device), &self.memory) {
            (Some(Waiting::Whole(alerts)), _) => alerts,
            (Some(Waiting::Keys(keys)), Some(memory)) => memory.known(&keys),
            _ => Vec::new(),
        }
    }

    /// Those of devices that are not known.
    pub(super) fn take_others(&self, is_known: impl Fn(&str) -> bool) -> Vec<AlertKey> {
        let mut waiting = lock(&self.waiting);
        let gone = waiting.extract_if(|device, _| !is_known(device)).map(|(_, alerts)| match alerts {
            Waiting::Whole(alerts) => alerts.iter().map(|it| it.key().clone()).collect(),
            Waiting::Keys(keys) => keys,
        });
        gone.flatten().collect()
    }

    fn remove(&self, device: &str) -> Option<Waiting> {
        lock(&self.waiting).remove(device)
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        lock(&self.late.state).ended = true;
        self.late.changed.notify_all();
    }
}

impl Late {
    fn ask(&self, device: Arc<str>, keys: Vec<AlertKey>) {
        lock(&self.state).asked.push_back((device, keys));
        self.changed.notify_all();
    }

    /// What was asked for a device is wanted no more, whether it was read or not.
    fn forget(&self, device: &str) {
        let mut state = lock(&self.state);
        state.asked.retain(|(it, _)| &**it != device);
        state.reading.take_if(|it| &**it == device);
        drop(state);
        self.take(device);
    }

    fn take(&self, device: &str) -> Option<Vec<OpenAlert>> {
        let mut state = lock(&self.state);
        let alerts = state.read.remove(device)?;
        state.alerts = state.alerts.saturating_sub(alerts.len());
        self.devices.store(state.read.len(), Ordering::Relaxed);
        drop(state);
        self.changed.notify_all();
        Some(alerts)
    }

    /// Reads what is asked for, until its owner is gone. No lock is held over a read.
    fn run(&self, memory: &dyn Memory) {
        loop {
            let state = lock(&self.state);
            let idle = |it: &mut LateState| !it.ended && (it.asked.is_empty() || LATE_MAX <= it.alerts);
            let mut state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            if state.ended {
                return;
            }
            let Some((device, keys)) = state.asked.pop_front() else { continue };
            state.reading = Some(device);
            drop(state);
            let alerts = memory.read(&keys);
            let mut state = lock(&self.state);
            let Some(device) = state.reading.take() else { continue };
            state.alerts += alerts.len();
            state.read.insert(device, alerts);
            self.devices.store(state.read.len(), Ordering::Relaxed);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Memory, READ_BEFORE, Restored};
    use crate::alert::{AlertFacts, AlertKey, OpenAlert};
    use crate::model::{Severity, UnixMillis};
    use std::collections::HashMap;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};

    /// A disk that reads when it is told to, but for what is read before polling begins.
    struct Slow {
        begun: Sender<()>,
        go_on: Mutex<Receiver<()>>,
        free: Mutex<usize>,
    }

    fn alert(key: &AlertKey, is_bare: bool) -> OpenAlert {
        let reading = if is_bare { "" } else { "23.4 A" }.to_owned();
        let facts =
            AlertFacts::of_no_reading(key.clone(), ("infeed-load", "", ""), "pdu".into(), UnixMillis(7));
        OpenAlert {
            severity: Severity::Error,
            fired_at: UnixMillis(7),
            facts: Arc::new(AlertFacts { reading, ..facts }),
            is_bare,
        }
    }

    impl Memory for Slow {
        fn known(&self, keys: &[AlertKey]) -> Vec<OpenAlert> {
            keys.iter().map(|it| alert(it, true)).collect()
        }

        fn read(&self, keys: &[AlertKey]) -> Vec<OpenAlert> {
            let mut free = self.free.lock().unwrap();
            if *free == 0 {
                self.begun.send(()).unwrap();
                self.go_on.lock().unwrap().recv().unwrap();
            } else {
                *free -= 1;
            }
            keys.iter().map(|it| alert(it, false)).collect()
        }
    }

    fn keys(device: &str, count: usize) -> (Arc<str>, Vec<AlertKey>) {
        let key = |it| AlertKey(format!("infeed-load/{device}/infeed/{it}/current").into());
        (device.into(), (0..count).map(key).collect())
    }

    #[test]
    fn a_disk_that_hangs_holds_up_nobody_who_binds_a_device() {
        let ((begun, was_begun), (tell, go_on)) = (channel(), channel());
        let memory = Slow { begun, go_on: Mutex::new(go_on), free: Mutex::new(1) };
        let open: HashMap<_, _> = [keys("a", READ_BEFORE), keys("b", READ_BEFORE)].into();
        let restored = Restored::new(Box::new(memory), open);
        // One of the two fits into memory.
        let [a, b] = ["a", "b"].map(|it| restored.take(&it.into()));
        let (device, late) = if a[0].is_bare { ("a", a) } else { ("b", b) };
        assert_eq!((late.len(), late[0].is_bare), (READ_BEFORE, true));
        was_begun.recv().unwrap();
        assert_eq!(restored.take_late(device), None, "the disk hangs");
        tell.send(()).unwrap();
        let whole = loop {
            match restored.take_late(device) {
                Some(alerts) => break alerts,
                None => std::thread::yield_now(),
            }
        };
        assert_eq!((whole.len(), &*whole[0].facts.reading, whole[0].is_bare), (READ_BEFORE, "23.4 A", false));
        assert_eq!(restored.take_late(device), None);
        assert!(restored.take(&device.into()).is_empty());
    }

    #[test]
    fn what_is_read_for_a_device_that_is_gone_is_let_go() {
        let ((begun, was_begun), (tell, go_on)) = (channel(), channel());
        let memory = Slow { begun, go_on: Mutex::new(go_on), free: Mutex::new(0) };
        let open: HashMap<_, _> = ["a", "b", "c"].map(|it| keys(it, READ_BEFORE + 1)).into();
        let restored = Restored::new(Box::new(memory), open);
        assert_eq!(["a", "b", "c"].map(|it| restored.take(&it.into()).len()), [READ_BEFORE + 1; 3]);
        // The first is being read, the second is in line.
        was_begun.recv().unwrap();
        restored.forget("a");
        restored.forget("b");
        tell.send(()).unwrap();
        was_begun.recv().unwrap();
        tell.send(()).unwrap();
        while restored.take_late("c").is_none() {
            std::thread::yield_now();
        }
        assert_eq!((restored.take_late("a"), restored.take_late("b")), (None, None));
        assert_eq!(restored.late.devices.load(std::sync::atomic::Ordering::Relaxed), 0);
    }

    #[test]
    fn devices_that_are_gone_wait_for_no_disk() {
        let ((begun, _was_begun), (_tell, go_on)) = (channel(), channel());
        let memory = Slow { begun, go_on: Mutex::new(go_on), free: Mutex::new(0) };
        let open: HashMap<_, _> = [keys("a", READ_BEFORE + 1), keys("b", READ_BEFORE + 1)].into();
        let restored = Restored::new(Box::new(memory), open);
        let gone = restored.forget("a");
        assert_eq!((gone.len(), gone[0].is_bare), (READ_BEFORE + 1, true));
        assert_eq!(restored.take_others(|it| it != "b").len(), READ_BEFORE + 1);
        assert!(restored.take(&"b".into()).is_empty());
    }
}
