//! What the outbox's threads and tasks share: the ledger behind a short lock, and who is woken when.
//!
//! No lock is held over a write, a request or an await.

use super::disk::DiskError;
use super::health::{Tallies, Tally};
use super::lane::Next;
use super::ledger::{Announcement, Ledger, Note};
use super::record::{OpenRow, Record};
use super::{Tuning, health};
use crate::alert::{Transition, TransitionKind};
use crate::model::{Moment, SystemClock, UnixMillis};
use crate::notify::pagerduty::{Reason, Sender, event};
use crate::notify::settings::NotifySettings;
use crate::telemetry;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Changes that wait for the disk at most; over it, [`Shared::submit`] waits. Some hundred transitions
/// for several integrations: a second's worth of commits, and about 10 MB.
pub(crate) const PENDING_OPS_MAX: usize = 4_096;

/// How long a poll thread waits for a disk that does not keep up before it goes on without.
pub(crate) const SUBMIT_WAIT_MAX: Duration = Duration::from_secs(2);

/// Everything behind the lock.
pub(crate) struct State {
    pub(crate) ledger: Ledger,
    pub(crate) tallies: Tallies,
    pub(crate) disk: health::DiskHealth,
    /// The file no longer holds what the ledger says: all of it is to be written.
    pub(crate) rewrite: bool,
    /// A commit is under way.
    pub(crate) writing: bool,
    /// Nothing more is taken in; the writer ends when all is written.
    pub(crate) stopped: bool,
}

impl State {
    pub(crate) fn tally(&mut self, name: &Arc<str>) -> &mut Tally {
        self.tallies.entry(Arc::clone(name)).or_default()
    }
}

pub(crate) struct Shared {
    state: Mutex<State>,
    /// Something for the writer.
    pub(crate) work: Condvar,
    /// Something has been written, sent or given up.
    pub(crate) progress: Condvar,
    /// By integration: something for its sender.
    wakes: Mutex<BTreeMap<Arc<str>, Arc<Notify>>>,
    pub(crate) settings: ArcSwap<NotifySettings>,
    pub(crate) clock: SystemClock,
    pub(crate) tuning: Tuning,
}

impl Shared {
    pub(crate) fn new(state: State, settings: NotifySettings, clock: SystemClock, tuning: Tuning) -> Self {
        Self {
            state: Mutex::new(state),
            work: Condvar::new(),
            progress: Condvar::new(),
            wakes: Mutex::new(BTreeMap::new()),
            settings: ArcSwap::from_pointee(settings),
            clock,
            tuning,
        }
    }

    /// The state. A panic under the lock leaves it consistent enough to go on paging.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits on the progress of others, at most until `deadline`; `None` when that has passed.
    pub(crate) fn wait_progress<'a>(
        &self,
        state: MutexGuard<'a, State>,
        deadline: Moment,
    ) -> Option<MutexGuard<'a, State>> {
        let left = deadline.since(self.clock.moment());
        if left.is_zero() {
            return None;
        }
        let (state, _) = self.progress.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        Some(state)
    }

    /// The wake-up of an integration's sender.
    pub(crate) fn wake_of(&self, name: &Arc<str>) -> Arc<Notify> {
        let mut wakes = self.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(wakes.entry(Arc::clone(name)).or_default())
    }

    pub(crate) fn wake_senders(&self) {
        for wake in self.wakes.lock().unwrap_or_else(PoisonError::into_inner).values() {
            wake.notify_one();
        }
    }

    /// Takes transitions in. Waits only while the disk does not keep up, and then not for long.
    pub(crate) fn submit(&self, transitions: Vec<Transition>) {
        let announcements: Vec<Announcement> =
            transitions.into_iter().map(|it| self.announcement(Arc::new(it))).collect();
        let mut state = self.lock();
        let deadline = self.clock.moment() + SUBMIT_WAIT_MAX;
        while PENDING_OPS_MAX <= state.ledger.pending() && !state.stopped {
            match self.wait_progress(state, deadline) {
                Some(again) => state = again,
                None => {
                    state = self.lock();
                    self.give_up_disk(&mut state);
                    break;
                }
            }
        }
        if state.stopped {
            drop(state);
            telemetry::notify::dropped_at_stop(announcements.len());
            return;
        }
        let now = self.clock.moment();
        for announcement in &announcements {
            state.ledger.announce(announcement, now);
        }
        self.after_change(state);
    }

    /// The disk hangs: events go on without it, and all is written when it answers.
    fn give_up_disk(&self, state: &mut State) {
        telemetry::notify::disk_stalled();
        state.ledger.drop_ops(self.clock.moment());
        state.rewrite = true;
        self.wake_senders();
    }

    fn announcement(&self, transition: Arc<Transition>) -> Announcement {
        let settings = self.settings.load();
        let record = render(&settings, &transition);
        telemetry::notify::submitted(record.action.name(), &record.key.0);
        let targets = targets(&settings, &transition);
        Announcement { transition, record, targets }
    }

    /// Ends a change of the ledger: lets go of the lock, wakes the writer, and tells log and metrics.
    pub(crate) fn after_change(&self, mut state: MutexGuard<'_, State>) {
        let notes = state.ledger.take_notes();
        for note in &notes {
            count(&mut state, note);
        }
        let waiting: Vec<(Arc<str>, usize)> =
            state.ledger.lanes().map(|(name, lane)| (Arc::clone(name), lane.len())).collect();
        drop(state);
        self.work.notify_one();
        self.progress.notify_all();
        for (name, events) in waiting {
            telemetry::notify::waiting(&name, events);
        }
        for note in notes {
            tell(&note);
        }
    }

    /// The next event for that integration.
    pub(crate) fn next(&self, name: &Arc<str>, now: Moment, urgent_only: bool) -> Next {
        self.lock().ledger.next(name, now, urgent_only)
    }

    pub(crate) fn accepted(&self, name: &Arc<str>, sequence: u64, record: &Record) {
        let mut state = self.lock();
        let now = self.clock.now();
        let queued = state.ledger.accepted(name, sequence, now.moment);
        let tally = state.tally(name);
        tally.sent += 1;
        tally.last_accepted = Some(now.unix);
        let again = tally.overflowed && state.ledger.has_room(name);
        self.after_change(state);
        let after = now.moment.since(queued.unwrap_or(now.moment));
        telemetry::notify::accepted(name, record.action.name(), &record.key.0, after);
        if again {
            self.revive(name);
        }
    }

    pub(crate) fn failed(&self, name: &Arc<str>, sequence: u64, reason: Reason, text: &str, until: Moment) {
        let mut state = self.lock();
        let now = self.clock.now();
        state.ledger.failed(name, sequence, reason.may_have_arrived(), until, now.moment);
        let tally = state.tally(name);
        tally.retried += 1;
        tally.last_error = Some((text.to_owned(), now.unix));
        tally.key_error = (reason == Reason::KeyMissing).then(|| text.to_owned());
        self.after_change(state);
    }

    pub(crate) fn repaired(&self, name: &Arc<str>, sequence: u64, record: &Record, text: &str) {
        let Some(body) = event::repaired(&record.body, text) else {
            return self.give_up(name, sequence, Reason::FieldRefused, text);
        };
        let mut state = self.lock();
        let now = self.clock.now();
        state.ledger.repaired(name, sequence, body, now.moment);
        state.tally(name).last_error = Some((text.to_owned(), now.unix));
        self.after_change(state);
        telemetry::notify::repaired(name, &record.key.0, text);
    }

    pub(crate) fn give_up(&self, name: &Arc<str>, sequence: u64, reason: Reason, text: &str) {
        let mut state = self.lock();
        let now = self.clock.now();
        state.ledger.give_up(name, sequence, (reason, text.to_owned()), now.unix, now.moment);
        state.tally(name).last_error = Some((text.to_owned(), now.unix));
        self.after_change(state);
    }

    /// A sender ended without a word: what it had under way waits again.
    pub(crate) fn release(&self, name: &Arc<str>) {
        let mut state = self.lock();
        let now = self.clock.moment();
        let under_way: Vec<u64> = state.ledger.find_lane(name).map_or_else(Vec::new, |lane| {
            lane.entries().map(|(it, _)| it).filter(|it| lane.is_in_flight(*it)).collect()
        });
        for sequence in under_way {
            state.ledger.abandoned_in_flight(name, sequence, now);
        }
        self.after_change(state);
    }

    /// Announces again what an integration has not heard of, and resolves that it refused: after a
    /// start, a change of its settings, or when there is room again.
    pub(crate) fn revive(&self, name: &Arc<str>) {
        let mut state = self.lock();
        state.tally(name).overflowed = false;
        let unheard: Vec<Arc<OpenRow>> = state.ledger.unheard(name);
        drop(state);
        let settings = self.settings.load();
        let records: Vec<Arc<Record>> = unheard.iter().map(|it| render(&settings, &it.last)).collect();
        let mut state = self.lock();
        let now = self.clock.moment();
        state.ledger.resolve_again(name, now);
        for record in records {
            state.ledger.announce_again(name, &record, now);
        }
        self.after_change(state);
    }

    /// The writer panicked: from now on nothing waits for the disk.
    pub(crate) fn writer_is_gone(&self) {
        self.disk_failed(&DiskError::Failed("the writer failed: restart the collector".to_owned()));
        let mut state = self.lock();
        state.writing = false;
        state.ledger.give_up_saving(self.clock.moment());
        drop(state);
        self.wake_senders();
        self.progress.notify_all();
    }

    /// The file cannot be used. Paging goes on without it.
    pub(crate) fn disk_failed(&self, error: &DiskError) {
        let mut state = self.lock();
        let now = self.clock.now();
        let first = state.disk == health::DiskHealth::Written;
        let reason = describe(error);
        let since = match &state.disk {
            health::DiskHealth::Written => now.unix,
            health::DiskHealth::MemoryOnly { since, .. } => *since,
        };
        state.disk = health::DiskHealth::MemoryOnly { reason: reason.clone(), since };
        state.rewrite = true;
        state.ledger.drop_ops(now.moment);
        drop(state);
        telemetry::notify::disk_failed(&reason, first);
        self.wake_senders();
        self.progress.notify_all();
    }
}

/// An error with its causes, in one line.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn render(settings: &NotifySettings, transition: &Transition) -> Arc<Record> {
    let sender = Sender { client: &settings.client, client_url: settings.client_url.as_deref() };
    let body = dressed(settings, transition, event::body(transition, sender));
    Arc::new(Record {
        key: transition.facts.key.clone(),
        action: event::action_of(transition.kind),
        severity: transition.severity,
        at: transition.at,
        body: body.into_boxed_str(),
        repaired: false,
    })
}

/// The event with the texts of its rule's templates.
fn dressed(settings: &NotifySettings, transition: &Transition, body: String) -> String {
    let dressed = settings.messages.dress(transition, body);
    for failure in &dressed.failures {
        telemetry::message::template_failed(&transition.facts.rule, &transition.facts.key.0, failure);
    }
    dressed.body
}

/// The integrations that hear of an alert: those of its rule, else the default ones, else all.
fn targets(settings: &NotifySettings, transition: &Transition) -> Vec<Arc<str>> {
    let known = |name: &&Arc<str>| settings.integrations.iter().any(|it| it.name == **name);
    let facts = &transition.facts;
    let named: Vec<Arc<str>> = facts.integrations.iter().filter(known).map(Arc::clone).collect();
    if !named.is_empty() {
        return named;
    }
    if !facts.integrations.is_empty() && transition.kind == TransitionKind::Trigger {
        telemetry::notify::unknown_integrations(&facts.key.0, &facts.integrations.join(", "));
    }
    let default: Vec<Arc<str>> = settings.default_integrations.iter().filter(known).map(Arc::clone).collect();
    if !default.is_empty() {
        return default;
    }
    settings.integrations.iter().map(|it| Arc::clone(&it.name)).collect()
}

fn count(state: &mut State, note: &Note) {
    match note {
        Note::Merged { lane, .. } | Note::Collapsed { lane, .. } => state.tally(lane).merged += 1,
        Note::Dead { lane, reason, .. } => {
            let tally = state.tally(lane);
            tally.given_up += 1;
            tally.overflowed |= *reason == Reason::Overflow;
        }
    }
}

fn tell(note: &Note) {
    match note {
        Note::Merged { lane, key } => telemetry::notify::merged(lane, &key.0),
        Note::Collapsed { lane, key } => telemetry::notify::collapsed(lane, &key.0),
        Note::Dead { lane, key, action, reason, text } => {
            telemetry::notify::dead_letter(lane, reason.name(), &key.0, action.name(), text);
        }
    }
}

/// Events of an integration that the config no longer has are kept so long for its return: a name
/// mistyped on a Friday is found on Monday.
const PARKED_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);

impl Shared {
    /// Gives up what has waited too long for integrations that are gone.
    pub(crate) fn abandon_parked(&self) {
        let settings = self.settings.load();
        let mut state = self.lock();
        let now = self.clock.now();
        let parked = i64::try_from(PARKED_MAX.as_millis()).unwrap_or(i64::MAX);
        let oldest = UnixMillis(now.unix.0.saturating_sub(parked));
        let gone: Vec<Arc<str>> = state
            .ledger
            .lanes()
            .map(|(name, _)| Arc::clone(name))
            .filter(|name| !settings.integrations.iter().any(|it| it.name == *name))
            .collect();
        for name in gone {
            state.ledger.abandon(&name, oldest, now.unix, now.moment);
        }
        self.after_change(state);
    }
}
