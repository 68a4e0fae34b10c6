//! What operators see of the outbox, and what they may ask of it.

use super::OutboxHandle;
use super::intake::Intake;
use super::ledger::Ledger;
use super::record::{Hold, OpenRow, Record, Told};
use super::shared::State;
use crate::alert::{AlertFacts, AlertKey, OpenAlert, Transition};
use crate::model::{Severity, UnixMillis};
use crate::notify::pagerduty::{Reason, event};
use crate::notify::silence::{Matcher, Silence, Silencer};
use crate::telemetry;
use std::sync::Arc;

/// An event that waits, is under way, or was given up.
#[derive(Debug, Clone, PartialEq)]
pub struct EventView {
    /// The integration.
    pub integration: Arc<str>,
    /// Its number: with the integration it names the event.
    pub number: u64,
    /// The alert.
    pub alert: AlertKey,
    /// `trigger`, `acknowledge` or `resolve`.
    pub action: &'static str,
    /// The alert's severity.
    pub severity: Severity,
    /// When the transition happened.
    pub at: UnixMillis,
    /// `waiting`, `under_way` or `given_up`.
    pub state: &'static str,
    /// Failures so far.
    pub attempts: u32,
    /// Whether the receiver may have an incident of the alert.
    pub seen: bool,
    /// Why it was given up.
    pub reason: Option<String>,
    /// The event, without any key.
    pub body: String,
}

/// An alert that goes on, as paging sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertState {
    /// Its key.
    pub key: AlertKey,
    /// Its severity.
    pub severity: Severity,
    /// One line that says what it is.
    pub summary: String,
    /// When it was first announced, or would have been.
    pub fired_at: UnixMillis,
    /// Why nobody is told: `silence 3`, `maintenance new feeds`, `wait`, `group KEY`.
    pub held: Option<String>,
    /// Who looks after it, and since when.
    pub acknowledged: Option<(Arc<str>, UnixMillis)>,
    /// What each integration has heard: `waiting`, `accepted`, `given_up`, `unsure`.
    pub told: Vec<(Arc<str>, &'static str)>,
}

/// Announcements that are read from disk at once.
const LOAD_AT_ONCE: usize = 1_000;

impl OutboxHandle {
    /// Events of all integrations, at most so many: waiting ones in their order, then those given up.
    #[must_use]
    pub fn events(&self, most: usize) -> Vec<EventView> {
        let state = self.0.shared.lock();
        let waiting = state.ledger.lanes().flat_map(|(name, lane)| {
            lane.entries().map(move |(number, entry)| {
                let under_way = lane.is_in_flight(number);
                let state = if under_way { "under_way" } else { "waiting" };
                let view = view(name, number, &entry.record, state);
                EventView { attempts: entry.attempts, seen: entry.seen, ..view }
            })
        });
        let given_up = state.ledger.numbered_dead().map(|(number, name, row)| EventView {
            reason: Some(row.text.clone()),
            ..view(name, number, &row.record, "given_up")
        });
        waiting.chain(given_up).take(most).collect()
    }

    /// One event.
    #[must_use]
    pub fn event(&self, integration: &str, number: u64) -> Option<EventView> {
        self.events(usize::MAX).into_iter().find(|it| &*it.integration == integration && it.number == number)
    }

    /// All alerts that go on, groups among them.
    #[must_use]
    pub fn alerts(&self) -> Vec<AlertState> {
        let shared = &self.0.shared;
        let settings = shared.settings.load();
        let (state, now) = (shared.lock(), shared.clock.now());
        let held = |(key, row): (&AlertKey, &Arc<OpenRow>)| {
            let silencer = row
                .here()
                .filter(|_| row.hold == Some(Hold::Silence))
                .and_then(|last| state.intake.silencer(&settings, &last.facts, last.severity, now.unix));
            ((key.clone(), Arc::clone(row)), silencer)
        };
        let (rows, silencers): (Vec<_>, Vec<_>) = state.ledger.rows().map(held).unzip();
        drop(state);
        let mut states = Vec::with_capacity(rows.len());
        // A few at a time: what the disk has need not be in memory all at once.
        for (rows, silencers) in rows.chunks(LOAD_AT_ONCE).zip(silencers.chunks(LOAD_AT_ONCE)) {
            let last = shared.load(rows);
            let each = rows.iter().zip(last).zip(silencers);
            states.extend(
                each.map(|(((key, row), last), silencer)| alert_state(key, row, &last, silencer.as_ref())),
            );
        }
        states
    }

    /// Alerts that go on, as they were last announced, by their own keys: for who goes on with them after a
    /// start. May read from disk: not for a task.
    #[must_use]
    pub fn recall(&self, keys: &[AlertKey]) -> Vec<OpenAlert> {
        let shared = &self.0.shared;
        let state = shared.lock();
        // Never two rows but for a damaged one: then the worse.
        let worst = |key| state.ledger.rows_of(key).pop();
        let (keys, rows): (Vec<&AlertKey>, Vec<_>) =
            keys.iter().filter_map(|key| Some((key, worst(key)?))).unzip();
        drop(state);
        let last = shared.load(&rows);
        let one = |key: &AlertKey, row: &OpenRow, last: &Transition| {
            let facts = &last.facts;
            let facts = if facts.key == *key {
                Arc::clone(facts)
            } else {
                Arc::new(AlertFacts { key: key.clone(), ..(**facts).clone() })
            };
            OpenAlert { severity: row.severity(), facts, fired_at: row.fired_at, is_bare: false }
        };
        keys.into_iter().zip(&rows).zip(&last).map(|((key, (_, row)), last)| one(key, row, last)).collect()
    }

    /// The same without the disk: what is not in memory is bare.
    #[must_use]
    pub fn recall_bare(&self, keys: &[AlertKey]) -> Vec<OpenAlert> {
        let state = self.0.shared.lock();
        let one = |key: &AlertKey| {
            let (_, row) = state.ledger.rows_of(key).pop()?;
            let last = row.announcement(key);
            let facts = Arc::new(AlertFacts { key: key.clone(), ..(*last.facts).clone() });
            let is_bare = row.here().is_none();
            Some(OpenAlert { severity: row.severity(), facts, fired_at: row.fired_at, is_bare })
        };
        keys.iter().filter_map(one).collect()
    }

    /// Somebody looks after an alert; PagerDuty is told. `false`: no such alert goes on.
    #[must_use]
    pub fn acknowledge(&self, alert: &str, by: &str) -> bool {
        telemetry::notify::operated("acknowledge", alert, by);
        self.change(|ledger, _, now| Intake::acknowledge(ledger, &AlertKey(alert.into()), &by.into(), now))
    }

    /// Holds back what fits all of the matchers; of none that is refused with `None`.
    #[must_use]
    pub fn silence(
        &self,
        matchers: Vec<Matcher>,
        (starts, ends): (UnixMillis, UnixMillis),
        by: &str,
        comment: &str,
    ) -> Option<Arc<Silence>> {
        if matchers.is_empty() || ends <= starts {
            return None;
        }
        let silence = Silence { id: 0, matchers, starts, ends, by: by.into(), comment: comment.into() };
        let kept = self.change(|ledger, intake, _| intake.silence(ledger, silence));
        telemetry::notify::operated("silence", &kept.id.to_string(), by);
        Some(kept)
    }

    /// Ends a silence; `None` if there is none of that id that is not over.
    #[must_use]
    pub fn end_silence(&self, id: u64, by: &str) -> Option<Arc<Silence>> {
        telemetry::notify::operated("end silence", &id.to_string(), by);
        self.change(|ledger, intake, now| intake.end_silence(ledger, id, now.unix))
    }

    /// The silences of operators.
    #[must_use]
    pub fn silences(&self) -> Vec<Arc<Silence>> {
        self.0.shared.lock().intake.silences().iter().map(Arc::clone).collect()
    }

    /// Gives up a waiting event, or forgets one that was given up. `false`: there is none, or it is
    /// under way.
    #[must_use]
    pub fn drop_event(&self, integration: &str, number: u64, by: &str) -> bool {
        telemetry::notify::operated("drop event", &format!("{integration}/{number}"), by);
        let name: Arc<str> = integration.into();
        self.change(|ledger, _, now| {
            if ledger.forget_letter(&name, number) {
                return true;
            }
            let lane = ledger.find_lane(&name);
            if lane.is_none_or(|it| it.entry(number).is_none() || it.is_in_flight(number)) {
                return false;
            }
            let why = (Reason::Abandoned, format!("dropped by {by}"));
            ledger.give_up(&name, number, why, now.unix, now.moment);
            true
        })
    }

    fn change<T>(&self, work: impl FnOnce(&mut Ledger, &mut Intake, crate::model::Now) -> T) -> T {
        let shared = &self.0.shared;
        let mut state = shared.lock();
        let now = shared.clock.now();
        let State { ledger, intake, .. } = &mut *state;
        let result = work(ledger, intake, now);
        shared.after_change(state);
        shared.tick();
        shared.wake_senders();
        result
    }
}

fn view(name: &Arc<str>, number: u64, record: &Record, state: &'static str) -> EventView {
    EventView {
        integration: Arc::clone(name),
        number,
        alert: record.key.clone(),
        action: record.action.name(),
        severity: record.severity,
        at: record.at,
        state,
        attempts: 0,
        seen: false,
        reason: None,
        body: record.body.to_string(),
    }
}

fn alert_state(key: &AlertKey, row: &OpenRow, last: &Transition, silencer: Option<&Silencer>) -> AlertState {
    let silenced = silencer.map(|it| match it {
        Silencer::Silence(id) => format!("silence {id}"),
        Silencer::Maintenance(name) => format!("maintenance {name}"),
    });
    let held = match &row.hold {
        Some(Hold::Silence) => Some(silenced.unwrap_or_else(|| "silence".to_owned())),
        Some(Hold::Wait) => Some("wait".to_owned()),
        Some(Hold::Group(group)) => Some(group.0.to_string()),
        None => None,
    };
    let told = |told: Told| match told {
        Told::Waiting | Told::Later => "waiting",
        Told::Accepted => "accepted",
        Told::Dead => "given_up",
        Told::Unsure => "unsure",
    };
    AlertState {
        key: key.clone(),
        severity: row.severity(),
        summary: event::summary(last),
        fired_at: row.fired_at,
        held,
        acknowledged: row.acknowledged.as_ref().map(|it| (Arc::clone(&it.by), it.at)),
        told: row.told.iter().map(|(name, it)| (Arc::clone(name), told(*it))).collect(),
    }
}
