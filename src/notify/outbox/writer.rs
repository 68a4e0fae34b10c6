//! The thread that owns the file: brings what has changed to disk, all that waits in one commit.
//!
//! While the file cannot be written, events go out as if they were, and the file is tried again now
//! and then; when it opens, everything is written anew.

use super::disk::{Disk, DiskError, Opener};
use super::health::DiskHealth;
use super::record::Op;
use super::shared::{Shared, State, describe};
use crate::model::Moment;
use crate::telemetry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard, PoisonError};

/// Changes in one commit, about. At 0.1 ms a change a commit stays well under a tenth of a second.
const COMMIT_OPS_MAX: usize = 512;

pub(crate) struct Writer {
    pub(crate) opener: Box<dyn Opener>,
    pub(crate) disk: Option<Box<dyn Disk>>,
    pub(crate) reopen_at: Moment,
}

/// What there is to do.
enum Task {
    Commit,
    Rewrite,
    Reopen,
    /// No disk: what should be written is forgotten.
    Forget,
    End,
}

impl Writer {
    /// Runs until the outbox is stopped and all is written.
    pub(crate) fn run(mut self, shared: &Shared) {
        loop {
            let (task, state) = self.wait(shared);
            match task {
                Task::Commit => self.commit(shared, state),
                Task::Rewrite => self.rewrite(shared, state),
                Task::Reopen => {
                    drop(state);
                    self.reopen(shared);
                }
                Task::Forget => {
                    let mut state = state;
                    state.ledger.drop_ops(shared.clock.moment());
                    drop(state);
                }
                Task::End => return,
            }
            shared.wake_senders();
            shared.progress.notify_all();
        }
    }

    fn wait<'a>(&self, shared: &'a Shared) -> (Task, MutexGuard<'a, State>) {
        let mut state = shared.lock();
        loop {
            if let Some(task) = self.task(&state, shared.clock.moment()) {
                return (task, state);
            }
            state = if self.disk.is_some() {
                shared.work.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                let left = self.reopen_at.since(shared.clock.moment());
                let (state, _) =
                    shared.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
                state
            };
        }
    }

    fn task(&self, state: &State, now: Moment) -> Option<Task> {
        let pending = 0 < state.ledger.pending();
        match &self.disk {
            Some(_) if state.rewrite => Some(Task::Rewrite),
            Some(_) if pending => Some(Task::Commit),
            Some(_) => state.stopped.then_some(Task::End),
            // A last try, so that what waits is not lost if the disk is well again.
            None if state.stopped && self.reopen_at == Moment::NEVER => Some(Task::End),
            None if state.stopped || self.reopen_at <= now => Some(Task::Reopen),
            None => pending.then_some(Task::Forget),
        }
    }

    fn commit(&mut self, shared: &Shared, mut state: MutexGuard<'_, State>) {
        let (ops, generation) = state.ledger.take_ops(COMMIT_OPS_MAX, shared.clock.now());
        state.writing = true;
        drop(state);
        let begin = shared.clock.moment();
        let result = self.disk.as_mut().map_or(Ok(()), |disk| disk.commit(&ops));
        let end = shared.clock.moment();
        let mut state = shared.lock();
        state.writing = false;
        match result {
            Ok(()) => {
                state.ledger.saved(generation, end);
                state.cool();
                drop(state);
                telemetry::notify::committed(end.since(begin));
            }
            Err(error) => {
                drop(state);
                self.fail(shared, &error);
            }
        }
    }

    fn rewrite(&mut self, shared: &Shared, mut state: MutexGuard<'_, State>) {
        let mut ops = state.ledger.all(shared.clock.now());
        ops.extend(state.intake.silences().iter().map(|it| Op::PutSilence(Arc::clone(it))));
        state.ledger.drop_ops(shared.clock.moment());
        state.rewrite = false;
        (state.writing, state.replacing) = (true, true);
        drop(state);
        let result = self.disk.as_mut().map_or(Ok(()), |disk| disk.replace(&ops));
        let mut state = shared.lock();
        (state.writing, state.replacing) = (false, false);
        match result {
            Ok(()) => {
                let recovered = state.disk != DiskHealth::Written;
                state.disk = DiskHealth::Written;
                drop(state);
                if recovered {
                    telemetry::notify::disk_recovered();
                }
            }
            Err(error) => {
                drop(state);
                self.fail(shared, &error);
            }
        }
    }

    fn reopen(&mut self, shared: &Shared) {
        match self.opener.open() {
            Ok(opened) => {
                for warning in &opened.warnings {
                    telemetry::notify::disk_warning(warning);
                }
                // What the file held is older than what is in memory, but for announcements that only it has.
                shared.set_archive(opened.archive);
                self.disk = Some(opened.disk);
                self.reopen_at = Moment::ZERO;
                shared.lock().rewrite = true;
            }
            Err(error) => self.fail(shared, &error),
        }
    }

    fn fail(&mut self, shared: &Shared, error: &DiskError) {
        if let Some(disk) = self.disk.take() {
            // Closing a broken file may panic; it is given up either way.
            if catch_unwind(AssertUnwindSafe(|| drop(disk))).is_err() {
                telemetry::notify::disk_warning(&format!("closing the outbox: {}", describe(error)));
            }
        }
        let stopped = shared.lock().stopped;
        self.reopen_at =
            if stopped { Moment::NEVER } else { shared.clock.moment() + shared.tuning.reopen_after };
        shared.disk_failed(error);
    }
}
