//! What becomes of a transition before anybody is told: silences hold it back, storms gather it, and
//! what goes on for long is told again.
//!
//! Pure: time and settings are arguments; all that outlives a kill is in the ledger's rows, from which
//! the rest is made anew.

use super::ledger::{Announcement, Ledger};
use super::record::{Acknowledgement, Hold, OpenRow, Record, Told};
use crate::alert::{AlertFacts, AlertKey, Transition, TransitionKind};
use crate::model::{Labels, Moment, Now, Severity, UnixMillis};
use crate::notify::by_severity;
use crate::notify::pagerduty::{Action, Sender, event};
use crate::notify::settings::{IntegrationSettings, NotifySettings, Receiver};
use crate::notify::silence::{Silence, Silencer, Silences};
use crate::notify::storm::{Admission, GROUP_RULE_TYPE, Group, Storms};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The stages before the ledger.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    silences: Silences,
    storms: Storms,
    /// Alerts that wait for the end of a silence or for others.
    held: BTreeSet<AlertKey>,
    /// When Alertmanagers were told last of all that goes on.
    refreshed: Moment,
    /// Those that are to be told again, and of what.
    refreshing: VecDeque<(Arc<str>, AlertKey)>,
    /// Alerts whose announcements are needed, and on disk: see [`Self::take_wanted`].
    wanted: BTreeSet<AlertKey>,
}

/// Alerts that are told again for one reason at one tick, and announcements that are read from disk for it:
/// far more than any limit lets through in a second.
const AGAIN_MAX: usize = 500;

/// Often enough that a restarted Alertmanager does not miss much, seldom enough that ten thousand alerts
/// are no load.
const REFRESH_EVERY: Duration = Duration::from_secs(600);

/// Members of a group that its page lists: what a phone still scrolls through.
const LISTED_MAX: usize = 50;

impl Intake {
    /// What an earlier process left.
    pub(crate) fn restore(ledger: &Ledger, silences: Vec<Silence>) -> Self {
        let mut intake = Self { silences: Silences::restore(silences), ..Self::default() };
        let mut members = members(ledger);
        let held = |row: &OpenRow| matches!(row.hold, Some(Hold::Silence | Hold::Wait));
        intake.held.extend(ledger.rows().filter(|(_, it)| held(it)).map(|(key, _)| key.clone()));
        for (key, row) in ledger.rows().filter(|(_, it)| it.is_group()) {
            let members = members.remove(key).unwrap_or(0);
            let last = row.announcement(key);
            intake.storms.restore(key, &last.facts, last.severity, members);
        }
        // Members whose group was lost with a damaged row are told on their own.
        let orphans: BTreeSet<&AlertKey> = members.into_keys().collect();
        let of_lost = ledger
            .rows()
            .filter(|(_, row)| matches!(&row.hold, Some(Hold::Group(group)) if orphans.contains(group)));
        intake.held.extend(of_lost.map(|(key, _)| key.clone()));
        intake
    }

    /// How many alerts are silenced, wait for others, or are in a group.
    pub(crate) fn held(&self, ledger: &Ledger) -> (usize, usize, usize) {
        let holds = self.held.iter().filter_map(|it| ledger.row(it)?.hold.as_ref());
        let (mut silenced, mut waiting) = (0, 0);
        for hold in holds {
            match hold {
                Hold::Silence => silenced += 1,
                Hold::Wait => waiting += 1,
                Hold::Group(_) => (),
            }
        }
        (silenced, waiting, self.storms.members())
    }

    /// Groups that count other members than the ledger's rows say.
    #[cfg(test)]
    pub(crate) fn miscounted(&self, ledger: &Ledger) -> Vec<AlertKey> {
        let members = members(ledger);
        let counted = |key: &AlertKey| members.get(key).copied().unwrap_or(0);
        self.storms
            .counts()
            .filter(|(key, count)| counted(key) != *count)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// The silences.
    pub(crate) const fn silences(&self) -> &Silences {
        &self.silences
    }

    /// What holds back that alert now.
    pub(crate) fn silencer(
        &self,
        settings: &NotifySettings,
        facts: &AlertFacts,
        severity: Severity,
        at: UnixMillis,
    ) -> Option<Silencer> {
        self.silences.find(&settings.maintenance, facts, severity, at)
    }

    /// Takes a transition in.
    pub(crate) fn take(
        &mut self,
        ledger: &mut Ledger,
        announcement: &Announcement,
        settings: &NotifySettings,
        now: Now,
    ) {
        let per_severity = settings.incident_per_severity;
        if !per_severity && !ledger.is_split() {
            self.take_one(ledger, announcement, settings, now);
            return;
        }
        let known = |key: &AlertKey| ledger.row(key).map(|it| it.severity());
        let steps = by_severity::split(&announcement.transition, per_severity, known);
        ledger.begin_together();
        for step in steps {
            let one = self::announcement(step, None, settings);
            self.take_one(ledger, &one, settings, now);
        }
        ledger.end_together();
    }

    fn take_one(
        &mut self,
        ledger: &mut Ledger,
        announcement: &Announcement,
        settings: &NotifySettings,
        now: Now,
    ) {
        let key = &announcement.record.key;
        let row = ledger.row(key).cloned();
        let hold = row.as_ref().and_then(|it| it.hold.clone());
        if announcement.record.action == Action::Resolve {
            self.held.remove(key);
            ledger.announce(announcement, now.moment);
            if let Some(Hold::Group(group)) = hold {
                self.left(ledger, &group, settings, now);
            }
            return;
        }
        let transition = &announcement.transition;
        let (facts, severity) = (&transition.facts, transition.severity);
        let is_news = row.as_ref().is_none_or(|it| it.severity() < severity || it.told.is_empty());
        if let Some(Hold::Group(group)) = &hold {
            let covered = self.storms.group(group).is_some_and(|it| severity <= it.severity);
            if covered {
                ledger.hold_back(transition, Hold::Group(group.clone()));
                return;
            }
            self.left(ledger, group, settings, now);
        }
        if is_news && self.silencer(settings, facts, severity, now.unix).is_some() {
            self.held.insert(key.clone());
            ledger.hold_back(transition, Hold::Silence);
            return;
        }
        // A change of what they know is told at once; so is what an earlier process has told.
        if row.is_some_and(|it| !it.told.is_empty()) {
            self.held.remove(key);
            ledger.announce(announcement, now.moment);
            return;
        }
        self.admit(ledger, announcement, settings, now, true);
    }

    /// An alert of which nobody has heard: alone, or one of many.
    fn admit(
        &mut self,
        ledger: &mut Ledger,
        announcement: &Announcement,
        settings: &NotifySettings,
        now: Now,
        may_wait: bool,
    ) {
        let Announcement { transition, targets, .. } = announcement;
        let key = &transition.facts.key;
        let storm = &settings.storm;
        let admission =
            self.storms.admit(storm, &transition.facts, transition.severity, targets, now.unix.0, now.moment);
        match admission {
            Admission::Single if may_wait && !storm.wait.is_zero() => {
                self.held.insert(key.clone());
                ledger.hold_back(transition, Hold::Wait);
            }
            Admission::Single => {
                self.held.remove(key);
                ledger.announce(announcement, now.moment);
            }
            Admission::Joins(group) => {
                self.held.remove(key);
                ledger.hold_back(transition, Hold::Group(group));
                self.tell_news(ledger, settings, now);
            }
            Admission::Opens(group, others) => {
                // A member whose group is not on disk would be told on its own after a kill.
                ledger.begin_together();
                self.held.remove(key);
                ledger.hold_back(transition, Hold::Group(group.clone()));
                // One that has become worse meanwhile is not to hide in it.
                let milder =
                    |it: &AlertKey| ledger.row(it).is_some_and(|row| row.severity() <= transition.severity);
                let others: Vec<AlertKey> = others.into_iter().filter(milder).collect();
                for other in others {
                    if ledger.absorb(&other, Hold::Group(group.clone()), now.moment) {
                        self.held.remove(&other);
                        self.storms.absorbed(&group);
                    }
                }
                self.tell_group(ledger, &group, settings, now);
                ledger.end_together();
            }
        }
    }

    /// Announcements are needed that are on disk.
    fn want(&mut self, keys: impl IntoIterator<Item = AlertKey>) {
        let room = AGAIN_MAX.saturating_sub(self.wanted.len());
        self.wanted.extend(keys.into_iter().take(room));
    }

    /// A member has left its group.
    fn left(&mut self, ledger: &mut Ledger, key: &AlertKey, settings: &NotifySettings, now: Now) {
        let Some(group) = self.storms.leave(key) else { return };
        let Some(row) = ledger.row(key).cloned() else { return };
        let transition = Transition {
            kind: TransitionKind::Resolve,
            severity: row.severity(),
            at: now.unix,
            reason: format!("all {} alerts are over", group.total),
            facts: Arc::clone(&row.announcement(key).facts),
        };
        announce(ledger, transition, &group.targets, settings, now);
    }

    fn tell_news(&mut self, ledger: &mut Ledger, settings: &NotifySettings, now: Now) {
        for key in self.storms.news(&settings.storm, now.moment) {
            self.tell_group(ledger, &key, settings, now);
        }
    }

    fn tell_group(&mut self, ledger: &mut Ledger, key: &AlertKey, settings: &NotifySettings, now: Now) {
        let Some(group) = self.storms.group(key).cloned() else { return };
        self.storms.told(key, now.moment);
        let since = ledger.row(key).map_or(now.unix, |it| it.fired_at);
        let kind = match ledger.row(key) {
            Some(row) => TransitionKind::Change { from: row.severity() },
            None => TransitionKind::Trigger,
        };
        let (reason, notes, missing) = describe(ledger, key, &group);
        // For the next time.
        self.want(missing);
        let transition = Transition {
            kind,
            severity: group.severity,
            at: now.unix,
            reason,
            facts: Arc::new(facts_of(key, &group, notes, since)),
        };
        announce(ledger, transition, &group.targets, settings, now);
    }

    /// Time passes: silences end, waits are over, groups have news, alerts go on for long.
    pub(crate) fn tick(&mut self, ledger: &mut Ledger, settings: &NotifySettings, now: Now) {
        let old = self.silences.forget_old(now.unix);
        ledger.forget_silences(&old);
        for key in self.held.iter().cloned().collect::<Vec<_>>() {
            self.look_at_held(ledger, &key, settings, now);
        }
        for key in self.storms.vacant() {
            self.left(ledger, &key, settings, now);
        }
        self.tell_news(ledger, settings, now);
        self.renew(ledger, settings, now);
        self.refresh(ledger, settings, now);
    }

    /// An Alertmanager forgets at its restart, and takes alerts of which it hears no more to be over.
    fn refresh(&mut self, ledger: &mut Ledger, settings: &NotifySettings, now: Now) {
        if self.refreshed + REFRESH_EVERY <= now.moment {
            self.refreshed = now.moment;
            self.refreshing.clear();
            let is_one = |it: &&IntegrationSettings| it.receiver == Receiver::Alertmanager;
            for integration in settings.integrations.iter().filter(is_one) {
                let name = &integration.name;
                let knows = |row: &OpenRow| row.told.get(name) == Some(&Told::Accepted);
                let rows = ledger.rows().filter(|(_, row)| knows(row));
                self.refreshing.extend(rows.map(|(key, _)| (Arc::clone(name), key.clone())));
            }
        }
        for (name, key) in self.refreshing.drain(..AGAIN_MAX.min(self.refreshing.len())).collect::<Vec<_>>() {
            let Some(row) = ledger.row(&key) else { continue };
            if let Some(last) = row.here() {
                let record = render(settings, last);
                ledger.tell_again(&name, &record, now.moment);
            } else {
                self.wanted.insert(key.clone());
                self.refreshing.push_back((name, key));
            }
        }
    }

    /// Alerts whose announcements should be read from disk and given to [`Ledger::warm`].
    pub(crate) fn take_wanted(&mut self) -> Vec<AlertKey> {
        std::mem::take(&mut self.wanted).into_iter().collect()
    }

    /// Announces to an integration what it has not heard of, as far as there is room. Says whether there is
    /// more to do.
    pub(crate) fn catch_up(
        &mut self,
        ledger: &mut Ledger,
        name: &Arc<str>,
        settings: &NotifySettings,
        now: Moment,
    ) -> bool {
        let room = ledger.room(name);
        let keys = ledger.unheard(name, room.min(AGAIN_MAX));
        let is_more = AGAIN_MAX < room && !keys.is_empty();
        for key in keys {
            let Some(row) = ledger.row(&key) else { continue };
            if let Some(last) = row.here() {
                let record = render(settings, last);
                ledger.announce_again(name, &record, now);
            } else {
                self.wanted.insert(key);
            }
        }
        is_more || !self.wanted.is_empty()
    }

    fn look_at_held(&mut self, ledger: &mut Ledger, key: &AlertKey, settings: &NotifySettings, now: Now) {
        let Some(row) = ledger.row(key).cloned() else {
            self.held.remove(key);
            return;
        };
        let is_in_group = matches!(&row.hold, Some(Hold::Group(group)) if self.storms.group(group).is_some());
        let Some(last) = row.here().filter(|_| !is_in_group).cloned() else {
            if is_in_group {
                // It has joined one with another that was looked at just before.
                self.held.remove(key);
            } else {
                self.want([key.clone()]);
            }
            return;
        };
        let waits_on = match &row.hold {
            None => {
                self.held.remove(key);
                return;
            }
            Some(Hold::Silence) => self.silencer(settings, &last.facts, last.severity, now.unix).is_some(),
            Some(Hold::Wait) => {
                let wait = i64::try_from(settings.storm.wait.as_millis()).unwrap_or(i64::MAX);
                // A clock that was set back must not keep it for ever.
                now.unix.0.saturating_sub(last.at.0).unsigned_abs() < wait.unsigned_abs()
            }
            Some(Hold::Group(_)) => false,
        };
        if waits_on {
            return;
        }
        let announcement = announcement(last, None, settings);
        if row.told.is_empty() && row.hold != Some(Hold::Wait) {
            self.admit(ledger, &announcement, settings, now, false);
        } else {
            self.held.remove(key);
            ledger.announce(&announcement, now.moment);
        }
    }

    /// Tells again of alerts that go on, as their rules ask, unless somebody looks after them.
    fn renew(&mut self, ledger: &mut Ledger, settings: &NotifySettings, now: Now) {
        let Some(shortest) = settings.resend.values().min() else { return };
        let is_over = |row: &OpenRow, every: &Duration| {
            let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
            row.announced_at.0.saturating_add(every) <= now.unix.0
        };
        let may_be_due = |row: &Arc<OpenRow>| {
            let is_known = row.told.values().any(|it| *it == Told::Accepted);
            is_over(row, shortest) && is_known && row.acknowledged.is_none() && row.hold.is_none()
        };
        let due = |key: &AlertKey, row: &Arc<OpenRow>| {
            let every = match row.here() {
                Some(last) => settings.resend.get(&last.facts.rule),
                // The same name, from the key.
                None => {
                    let parts = AlertKey(by_severity::base(&key.0).into()).parts();
                    parts.and_then(|it| settings.resend.get(it.rule.as_str()))
                }
            };
            every.is_some_and(|it| is_over(row, it))
        };
        let rows: Vec<(AlertKey, Arc<OpenRow>)> = ledger
            .rows()
            .filter(|(key, row)| may_be_due(row) && due(key, row))
            .map(|(key, row)| (key.clone(), Arc::clone(row)))
            .collect();
        for (key, row) in rows {
            let Some(last) = row.here() else {
                self.want([key]);
                continue;
            };
            if self.silencer(settings, &last.facts, last.severity, now.unix).is_none() {
                ledger.renew(&render(settings, last), now.unix, now.moment);
            }
        }
    }

    /// Adds a silence.
    pub(crate) fn silence(&mut self, ledger: &mut Ledger, silence: Silence) -> Arc<Silence> {
        let (kept, gone) = self.silences.add(silence);
        ledger.keep_silence(&kept);
        ledger.forget_silences(&gone);
        kept
    }

    /// Ends a silence now; `None` if there is none of that id that is not over.
    pub(crate) fn end_silence(
        &mut self,
        ledger: &mut Ledger,
        id: u64,
        at: UnixMillis,
    ) -> Option<Arc<Silence>> {
        let ended = self.silences.end(id, at)?;
        ledger.keep_silence(&ended);
        Some(ended)
    }

    /// Somebody looks after an alert, or after the group that it is in. `false` if there is none.
    pub(crate) fn acknowledge(ledger: &mut Ledger, key: &AlertKey, by: &Arc<str>, now: Now) -> bool {
        let by = Acknowledgement { by: Arc::clone(by), at: now.unix };
        let of_severity = Severity::ALL.into_iter().map(|it| by_severity::key_at(key, it));
        let keys: Vec<AlertKey> =
            [key.clone()].into_iter().chain(of_severity).filter(|it| ledger.row(it).is_some()).collect();
        for key in &keys {
            ledger.acknowledge(key, by.clone(), now.moment);
        }
        !keys.is_empty()
    }
}

/// How many members each group has.
fn members(ledger: &Ledger) -> BTreeMap<&AlertKey, usize> {
    let mut members: BTreeMap<&AlertKey, usize> = BTreeMap::new();
    for (_, row) in ledger.rows() {
        if let Some(Hold::Group(group)) = &row.hold {
            *members.entry(group).or_default() += 1;
        }
    }
    members
}

fn announce(
    ledger: &mut Ledger,
    transition: Transition,
    targets: &[Arc<str>],
    settings: &NotifySettings,
    now: Now,
) {
    let announcement = announcement(Arc::new(transition), Some(targets), settings);
    ledger.announce(&announcement, now.moment);
}

/// A transition with its event and those who hear of it: `targets`, else as the settings say.
pub(crate) fn announcement(
    transition: Arc<Transition>,
    targets: Option<&[Arc<str>]>,
    settings: &NotifySettings,
) -> Announcement {
    let record = render(settings, &transition);
    let targets = targets.map_or_else(|| settings.targets(&transition), <[_]>::to_vec);
    Announcement { transition, record, targets }
}

pub(crate) fn render(settings: &NotifySettings, transition: &Transition) -> Arc<Record> {
    let sender = Sender {
        client: &settings.client,
        client_url: settings.client_url.as_deref(),
        site: Some(&settings.site),
    };
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
        crate::telemetry::message::template_failed(&transition.facts.rule, &transition.facts.key.0, failure);
    }
    dressed.body
}

/// `120 alerts (offline 118, infeed-load 2)`, and the first of them, a line each; and which of those are not in
/// memory and therefore not listed.
fn describe(ledger: &Ledger, key: &AlertKey, group: &Group) -> (String, String, Vec<AlertKey>) {
    let mut rules: BTreeMap<String, usize> = BTreeMap::new();
    let (mut lines, mut missing): (Vec<String>, Vec<AlertKey>) = (Vec::new(), Vec::new());
    let is_member = |row: &Arc<OpenRow>| matches!(&row.hold, Some(Hold::Group(it)) if it == key);
    for (key, row) in ledger.rows().filter(|(_, row)| is_member(row)) {
        match row.here() {
            Some(last) => {
                *rules.entry(last.facts.rule.to_string()).or_default() += 1;
                if lines.len() < LISTED_MAX {
                    lines.push(event::summary(last));
                }
            }
            None => {
                let parts = AlertKey(by_severity::base(&key.0).into()).parts();
                *rules.entry(parts.map_or_else(String::new, |it| it.rule)).or_default() += 1;
                if missing.len() < LISTED_MAX {
                    missing.push(key.clone());
                }
            }
        }
    }
    if lines.len() < group.members {
        lines.push(format!("and {} more", group.members - lines.len()));
    }
    let mut by_count: Vec<(usize, String)> = rules.into_iter().map(|(rule, count)| (count, rule)).collect();
    by_count.sort_unstable_by(|left, right| right.cmp(left));
    let rules: Vec<String> = by_count.iter().take(5).map(|(count, rule)| format!("{rule} {count}")).collect();
    let over = group.total - group.members.min(group.total);
    let over = if over == 0 { String::new() } else { format!(", {over} are over") };
    let alerts = if group.members == 1 { "alert" } else { "alerts" };
    let reason = format!("{} {alerts} ({}){over}", group.members, rules.join(", "));
    (reason, lines.join("\n"), missing)
}

fn facts_of(key: &AlertKey, group: &Group, notes: String, since: UnixMillis) -> AlertFacts {
    let rule = (GROUP_RULE_TYPE, GROUP_RULE_TYPE, "storm");
    AlertFacts {
        notes: (!notes.is_empty()).then(|| notes.into()),
        integrations: group.targets.iter().map(Arc::clone).collect(),
        labels: Labels::new(group.labels.iter().cloned()),
        reading: format!("{} alerts", group.members),
        ..AlertFacts::of_no_reading(key.clone(), rule, Arc::clone(&group.name), since)
    }
}
