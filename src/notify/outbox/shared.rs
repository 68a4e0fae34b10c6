//! What the outbox's threads and tasks share: the ledger behind a short lock, and who is woken when.
//!
//! No lock is held over a write, a request or an await.

use super::disk::{Archive, DiskError};
use super::health::{Tallies, Tally};
use super::intake::{self, Intake};
use super::ledger::{Announcement, Ledger, Note};
use super::pump::{Ended, Pumps, Step, Ticket};
use super::record::OpenRow;
use super::{Tuning, health};
use crate::alert::{AlertKey, Transition};
use crate::model::{Moment, SystemClock, UnixMillis};
use crate::notify::pagerduty::{Action, Reason, Verdict};
use crate::notify::settings::{IntegrationSettings, NotifySettings};
use crate::telemetry;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
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
    pub(crate) intake: Intake,
    pub(crate) pumps: Pumps,
    pub(crate) tallies: Tallies,
    pub(crate) disk: health::DiskHealth,
    /// The file no longer holds what the ledger says: all of it is to be written.
    pub(crate) rewrite: bool,
    /// A commit is under way.
    pub(crate) writing: bool,
    /// Nothing more is taken in; the writer ends when all is written.
    pub(crate) stopped: bool,
    /// All of it is being written: until that ends, the file may lack what counts as saved.
    pub(crate) replacing: bool,
}

impl State {
    pub(crate) fn tally(&mut self, name: &Arc<str>) -> &mut Tally {
        self.tallies.entry(Arc::clone(name)).or_default()
    }

    /// Leaves what is over the limits in memory to the disk, if that works and is whole.
    pub(crate) fn cool(&mut self) {
        if self.disk == health::DiskHealth::Written && !self.rewrite && !self.replacing {
            self.ledger.cool();
        }
    }

    fn pumps_step(&mut self, name: &Arc<str>, now: Moment) -> Step {
        let Self { ledger, pumps, .. } = self;
        pumps.step(ledger, name, now)
    }

    /// While the disk does not work nothing waits for it, least of all while it is tried again, which may
    /// take long. Says whether that is so.
    fn pass_by_disk(&mut self, now: Moment) -> bool {
        let is_broken = self.disk != health::DiskHealth::Written;
        if is_broken {
            self.ledger.let_go(now);
        }
        is_broken
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
    /// What is on disk only, while there is a disk.
    archive: Mutex<Option<Arc<dyn Archive>>>,
}

impl Shared {
    pub(crate) fn new(
        state: State,
        settings: NotifySettings,
        clock: SystemClock,
        tuning: Tuning,
        archive: Option<Arc<dyn Archive>>,
    ) -> Self {
        Self {
            archive: Mutex::new(archive),
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

    /// The file has been opened anew.
    pub(crate) fn set_archive(&self, archive: Arc<dyn Archive>) {
        *self.archive.lock().unwrap_or_else(PoisonError::into_inner) = Some(archive);
    }

    /// Announcements that are not in memory, from the disk; what it has lost is told as well as can be
    /// without. As slow as the disk: not under the lock, and not for a task.
    pub(crate) fn load(&self, rows: &[(AlertKey, Arc<OpenRow>)]) -> Vec<Arc<Transition>> {
        let archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stored: Vec<AlertKey> =
            rows.iter().filter(|(_, row)| row.here().is_none()).map(|(key, _)| key.clone()).collect();
        let mut loaded = archive.map_or_else(Vec::new, |it| it.load(&stored)).into_iter();
        let one = |(key, row): &(AlertKey, Arc<OpenRow>)| match row.here() {
            Some(here) => Arc::clone(here),
            None => match loaded.next().flatten() {
                // Its key is part of what the checksum covers.
                Some(transition) => Arc::new(transition),
                None => row.announcement(key),
            },
        };
        rows.iter().map(one).collect()
    }

    /// Brings announcements and events into memory that are asked for. As slow as the disk.
    pub(crate) fn fetch(&self) {
        self.fetch_announcements();
        self.fetch_events();
    }

    fn fetch_events(&self) {
        let wanted = self.lock().ledger.parked_wanted();
        if wanted.is_empty() {
            return;
        }
        let archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Without a file they wait: it may be well again.
        let Some(records) = archive.and_then(|it| it.load_events(&wanted)) else { return };
        let mut state = self.lock();
        let now = self.clock.moment();
        for (place, record) in wanted.iter().zip(records) {
            state.ledger.unpark(place, record, now);
        }
        drop(state);
        self.wake_senders();
    }

    fn fetch_announcements(&self) {
        let mut state = self.lock();
        let State { ledger, intake, .. } = &mut *state;
        let wanted = intake.take_wanted().into_iter();
        let rows: Vec<(AlertKey, Arc<OpenRow>)> =
            wanted.filter_map(|key| ledger.row(&key).map(Arc::clone).map(|row| (key, row))).collect();
        drop(state);
        if rows.is_empty() {
            return;
        }
        let loaded = self.load(&rows);
        let mut state = self.lock();
        for ((key, _), transition) in rows.iter().zip(loaded) {
            state.ledger.warm(key, transition);
        }
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
        let now = self.clock.now();
        let settings = self.settings.load();
        let State { ledger, intake, .. } = &mut *state;
        for announcement in &announcements {
            intake.take(ledger, announcement, &settings, now);
        }
        self.after_change(state);
    }

    /// Time passes for silences, storms and alerts that go on.
    pub(crate) fn tick(&self) {
        let settings = self.settings.load();
        let mut state = self.lock();
        let now = self.clock.now();
        let before = state.ledger.pending();
        state.cool();
        let State { ledger, intake, tallies, .. } = &mut *state;
        intake.tick(ledger, &settings, now);
        for (name, tally) in tallies.iter_mut() {
            tally.catching_up |= tally.overflowed && ledger.has_room(name);
            if tally.catching_up {
                tally.overflowed = false;
                tally.catching_up = intake.catch_up(ledger, name, &settings, now.moment);
            }
            tally.overflowed |= 0 < ledger.later(name);
        }
        for (name, lane) in ledger.lanes() {
            let waited = lane.oldest().map_or(Duration::ZERO, |it| now.moment.since(it));
            telemetry::notify::lag(name, waited);
        }
        let (silenced, waiting, grouped) = intake.held(ledger);
        telemetry::notify::held(silenced, waiting, grouped);
        if before != state.ledger.pending() {
            self.after_change(state);
            self.wake_senders();
        }
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
        let announcement = intake::announcement(transition, None, &settings);
        let record = &announcement.record;
        telemetry::notify::submitted(record.action.name(), &record.key.0);
        let facts = &announcement.transition.facts;
        let is_known = |name: &Arc<str>| settings.integrations.iter().any(|it| it.name == *name);
        if record.action == Action::Trigger
            && !facts.integrations.is_empty()
            && !facts.integrations.iter().any(is_known)
        {
            telemetry::notify::unknown_integrations(&facts.key.0, &facts.integrations.join(", "));
        }
        announcement
    }

    /// Ends a change of the ledger: lets go of the lock, wakes the writer, and tells log and metrics.
    pub(crate) fn after_change(&self, mut state: MutexGuard<'_, State>) {
        let notes = state.ledger.take_notes();
        for note in &notes {
            count(&mut state, note);
        }
        let waiting: Vec<(Arc<str>, usize)> =
            state.ledger.waiting().map(|(name, waiting)| (Arc::clone(name), waiting)).collect();
        let passed_by = state.pass_by_disk(self.clock.moment());
        drop(state);
        self.work.notify_one();
        self.progress.notify_all();
        if passed_by {
            self.wake_senders();
        }
        for (name, events) in waiting {
            telemetry::notify::waiting(&name, events);
        }
        for note in notes {
            tell(&note);
        }
    }

    /// An integration's sender begins, with these settings.
    pub(crate) fn begin(&self, name: &Arc<str>, settings: &IntegrationSettings) {
        let mut state = self.lock();
        state.ledger.set_limit(name, settings.requests_per_minute);
        state.pumps.begin(name, &endpoint_of(settings));
    }

    /// The next event for that integration.
    pub(crate) fn step(&self, name: &Arc<str>) -> Step {
        let mut state = self.lock();
        let pending = state.ledger.pending();
        let now = self.clock.moment();
        let mut step = state.pumps_step(name, now);
        if matches!(step, Step::Wait(_)) && pending < state.ledger.pending() && state.pass_by_disk(now) {
            step = state.pumps_step(name, now);
        }
        let State { ledger, .. } = &mut *state;
        let limited = ledger.find_lane(name).is_some_and(super::lane::Lane::is_limited);
        let claimed = pending < ledger.pending();
        let tally = state.tally(name);
        let changed = tally.limited != limited;
        tally.limited = limited;
        drop(state);
        if claimed {
            self.work.notify_one();
        }
        if changed {
            self.progress.notify_all();
        }
        step
    }

    /// A request has come back.
    pub(crate) fn ended(&self, name: &Arc<str>, ticket: &Ticket, verdict: &Verdict, jitter: f64) {
        let mut state = self.lock();
        let now = self.clock.now();
        let was_blocked = state.pumps.blocked(name).is_some();
        let State { ledger, pumps, .. } = &mut *state;
        let ended = pumps.ended(ledger, name, ticket, verdict, (&self.tuning.retry, jitter), now);
        let is_blocked = state.pumps.blocked(name).is_some();
        note_end(state.tally(name), ended, verdict, now.unix);
        self.after_change(state);
        tell_end(name, ticket, verdict, ended, now.moment);
        if was_blocked && !is_blocked {
            telemetry::notify::recovered(name);
        }
        if was_blocked != is_blocked {
            // Others share the endpoint.
            self.wake_senders();
        }
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
        state.pumps.released(name);
        self.after_change(state);
    }

    /// Announces again what an integration has not heard of, and resolves that it refused: after a
    /// start, a change of its settings, or when there is room again.
    pub(crate) fn revive(&self, name: &Arc<str>) {
        let settings = self.settings.load();
        let mut state = self.lock();
        let now = self.clock.moment();
        let State { ledger, intake, .. } = &mut *state;
        ledger.resolve_again(name, now);
        let is_more = intake.catch_up(ledger, name, &settings, now);
        // The next looks at it go on.
        state.tally(name).catching_up = is_more;
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

fn note_end(tally: &mut Tally, ended: Ended, verdict: &Verdict, at: UnixMillis) {
    match ended {
        Ended::Accepted(_) => {
            tally.sent += 1;
            tally.last_accepted = Some(at);
            tally.key_error = None;
            return;
        }
        Ended::Retry { .. } => {
            tally.retried += 1;
            tally.key_error = (verdict.reason == Reason::KeyMissing).then(|| verdict.text.clone());
        }
        Ended::Repaired | Ended::GivenUp => (),
    }
    tally.last_error = Some((verdict.text.clone(), at));
}

fn tell_end(name: &str, ticket: &Ticket, verdict: &Verdict, ended: Ended, now: Moment) {
    let record = &ticket.job.record;
    match ended {
        Ended::Accepted(queued) => {
            let after = now.since(queued.unwrap_or(now));
            telemetry::notify::accepted(name, record.action.name(), &record.key.0, after);
        }
        Ended::Retry { pause, first } => {
            telemetry::notify::failed(name, verdict.reason.name(), &verdict.text, pause, first);
        }
        Ended::Repaired => telemetry::notify::repaired(name, &record.key.0, &verdict.text),
        // Told with the notes of the ledger.
        Ended::GivenUp => (),
    }
}

/// What fails together: a URL, and the way there. Of two behind one host one may be down, and a proxy or a
/// trusted authority may be wrong for one alone. URLs and proxies may hold secrets: of these a hash is kept.
fn endpoint_of(settings: &IntegrationSettings) -> String {
    let url = settings.url.split('?').next().unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    (url, &settings.proxy, &settings.ca_file).hash(&mut hasher);
    let host: Vec<&str> = url.split('/').take(3).collect();
    format!("{} {:016x}", host.join("/"), hasher.finish())
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

fn count(state: &mut State, note: &Note) {
    match note {
        Note::Merged { lane, .. } | Note::Collapsed { lane, .. } => state.tally(lane).merged += 1,
        Note::Postponed { lane, .. } => state.tally(lane).overflowed = true,
        Note::Dead { lane, .. } => state.tally(lane).given_up += 1,
    }
}

fn tell(note: &Note) {
    match note {
        Note::Merged { lane, key } => telemetry::notify::merged(lane, &key.0),
        Note::Collapsed { lane, key } => telemetry::notify::collapsed(lane, &key.0),
        Note::Postponed { lane, key } => telemetry::notify::postponed(lane, &key.0),
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

#[cfg(test)]
mod tests {
    use super::endpoint_of;
    use crate::model::Secret;
    use crate::notify::settings::{IntegrationSettings, SecretSource};

    #[test]
    fn integrations_with_one_way_to_one_url_fail_together() {
        let at = |url: &str, proxy: Option<&str>, ca_file: Option<&str>| {
            let key = SecretSource::Inline(Secret::new("k"));
            endpoint_of(&IntegrationSettings {
                url: url.to_owned(),
                proxy: proxy.map(str::to_owned),
                ca_file: ca_file.map(Into::into),
                ..IntegrationSettings::pagerduty("ops", key)
            })
        };
        let pagerduty = at("https://events.pagerduty.com/v2/enqueue", None, None);
        assert_eq!(at("https://events.pagerduty.com/v2/enqueue?a=b", None, None), pagerduty);
        let hook = at("https://hooks.example/T0/secret", Some("http://ann:secret@proxy:3128"), None);
        assert!(hook.starts_with("https://hooks.example ") && !hook.contains("secret"), "{hook}");
        for other in [
            at("https://hooks.example/T1/secret", Some("http://ann:secret@proxy:3128"), None),
            at("https://hooks.example/T0/secret", None, None),
            at("https://hooks.example/T0/secret", Some("http://ann:secret@proxy:3128"), Some("/ca.pem")),
        ] {
            assert_ne!(other, hook);
        }
    }
}
