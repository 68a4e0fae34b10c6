//! Readings of several devices judged together: what a rack's feeds carry between them, against what
//! one of them may.
//!
//! Each member device hands in what its own readings come to ([`Group::report`]), from its own poll
//! thread, under the group's own lock. The group is judged once a round: when every member has
//! reported since the last time, so that the parts of a sum are at most an interval apart. A member
//! that is silent, not learnt or late makes the sum unknown, never smaller: the alert stands still.
//! Pure: time comes in with each report.
//!
//! Cost: a report is a sum over the device's own readings; a round is a sum over the members, so a
//! share of one member a poll.

use super::board::{AlertView, Frozen};
use super::facts::{Measured, Object, Subject};
use super::opens::{Fate, Open, Past};
use super::side::Begins;
use super::{AlertKey, OpenAlert, Remembered, Transition};
use crate::model::{Batch, Labels, Missing, Moment, Now, Quantity, Sample, Shape, Source};
use crate::rules::words::push_quantity;
use crate::rules::{Combine, CompiledRule, GroupValues, Program, Ruleset, Standing};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// One group of devices under one rule.
#[derive(Debug)]
pub struct Group {
    ruleset: Ruleset,
    rule: u32,
    of: GroupValues,
    members: BTreeMap<Arc<str>, Member>,
    /// Members that have reported since the last round.
    fresh: usize,
    /// What is judged: one thing, or one for each value of what components tell.
    parts: BTreeMap<Arc<str>, Part>,
    /// Alerts from before whose part has not been seen yet.
    waiting: Vec<Open>,
    last: Moment,
    begins: Begins,
    /// Waits from before a restart that have not been taken up yet.
    remembered: BTreeMap<AlertKey, Remembered>,
    ended: Vec<AlertKey>,
}

#[derive(Debug)]
struct Member {
    interval: Duration,
    reported: Moment,
    is_fresh: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing is known of its readings yet.
    Unlearnt,
    /// Its last poll failed.
    Silent,
    /// What its readings come to, by part.
    Read(Vec<(Arc<str>, Sum)>),
}

/// What some readings come to, in base units.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sum {
    quantity: Quantity,
    total: f64,
    least: f64,
    most: f64,
    /// The smallest rating, where percentages are asked for.
    rated: Option<f64>,
    missing: Option<Missing>,
    /// Whether any is against physics: then so is what they come to.
    is_suspect: bool,
}

#[derive(Debug)]
struct Part {
    /// Stands for the part where alerts name their device.
    source: Source,
    open: Option<Open>,
}

/// The readings with which a device takes part in a group; made when it is bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Seat {
    part: Arc<str>,
    slot: u32,
    quantity: Quantity,
    rated: Option<f64>,
}

/// What one round came to for one part.
enum Outcome {
    Known(Sum),
    /// A reading is missing although its device answers.
    Missing(Missing, Quantity),
    /// Why nothing is known.
    Unknown(Frozen),
    /// No member has such components any more.
    Gone,
}

/// Intervals after which a member that has not reported is late.
const PATIENCE: u32 = 3;
/// Complete rounds that a part must be gone from before its alert ends.
const GONE_AFTER_ROUNDS: u32 = 5;
/// Members that a reason names: a rack has two to four feeds.
const NAMED_MAX: usize = 4;

impl Group {
    /// A group without members.
    #[must_use]
    pub fn new(ruleset: &Ruleset, rule: u32, of: GroupValues) -> Self {
        Self {
            ruleset: ruleset.clone(),
            rule,
            of,
            members: BTreeMap::new(),
            fresh: 0,
            parts: BTreeMap::new(),
            waiting: Vec::new(),
            last: Moment::ZERO,
            begins: Begins::default(),
            remembered: BTreeMap::new(),
            ended: Vec::new(),
        }
    }

    /// The device is to take part: until it reports, nothing is known of the group.
    pub fn expect(&mut self, device: &Arc<str>, interval: Duration, now: Moment) {
        let new = || Member { interval, reported: now, is_fresh: false, state: State::Unlearnt };
        self.members.entry(Arc::clone(device)).or_insert_with(new).interval = interval;
    }

    /// The device takes part no longer.
    pub fn leave(&mut self, device: &str) {
        if self.members.remove(device).is_some_and(|it| it.is_fresh) {
            self.fresh -= 1;
        }
    }

    /// Whether no device takes part.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The readings with which a device takes part.
    #[must_use]
    pub fn seats(&self, program: &Program, shape: &Shape) -> Vec<Seat> {
        let Some(group) = self.compiled().and_then(|it| it.rule.group.as_ref()) else { return Vec::new() };
        let own = program.members.iter().filter(|it| it.check.rule == self.rule);
        own.filter_map(|it| {
            let reading = shape.readings.get(it.slot as usize)?;
            let part = named(&group.of_component(shape.component_of(reading)?));
            Some(Seat {
                part: part.into(),
                slot: it.slot,
                quantity: reading.quantity,
                rated: program.rated(it.check),
            })
        })
        .collect()
    }

    /// Takes what a poll of one member brought, and judges the group if that ends a round.
    pub fn report(&mut self, seats: &[Seat], batch: &Batch, out: &mut Vec<Transition>) {
        let state = if batch.shape.readings.is_empty() {
            State::Unlearnt
        } else if batch.error.is_some() {
            State::Silent
        } else {
            State::Read(sums(seats, &batch.samples))
        };
        let now = batch.time;
        let Some(member) = self.members.get_mut(&batch.source.device) else { return };
        (member.reported, member.state) = (now.moment, state);
        let was_fresh = std::mem::replace(&mut member.is_fresh, true);
        self.fresh += usize::from(!was_fresh);
        // Who reports twice in a round waits for others: they may be late for good.
        let ends_round = self.fresh == self.members.len()
            || (was_fresh && self.members.values().all(|it| it.is_fresh || it.is_late(now.moment)));
        if ends_round {
            self.judge(now, out);
        }
    }

    /// Gives back an alert that an earlier process announced; it waits for its part to be seen.
    pub fn restore(&mut self, alert: OpenAlert) {
        self.waiting.push(Open::restored(alert));
    }

    /// Gives back the waits of an alert from before a restart; after [`Self::restore`].
    pub fn remember(&mut self, before: Remembered, now: Moment) {
        self.last = self.last.max(now);
        match self.waiting.iter_mut().find(|it| it.facts.key == before.key) {
            Some(open) => open.resume(&before, now),
            None => _ = self.remembered.insert(before.key.clone(), before),
        }
    }

    /// Whether an alert of that key would be one of this group's.
    #[must_use]
    pub fn owns(&self, key: &AlertKey) -> bool {
        let Some(parts) = key.parts() else { return false };
        let base = named(&self.of);
        let is_own_rule = self.compiled().is_some_and(|it| *it.rule.name == *parts.rule);
        let rest = parts.device.strip_prefix(&base).filter(|_| is_own_rule && parts.is_group());
        rest.is_some_and(|it| it.is_empty() || it.starts_with(", component."))
    }

    /// Hands its alerts on to the group that follows it under the same key, after a reload.
    pub fn succeed(&mut self, previous: &mut Self) {
        self.begins = std::mem::take(&mut previous.begins);
        self.remembered = std::mem::take(&mut previous.remembered);
        self.waiting.append(&mut previous.take_alerts());
        self.ended.append(&mut previous.ended);
        self.last = previous.last;
    }

    /// Ends all its alerts.
    pub fn end(&mut self, reason: &str, at: Now, out: &mut Vec<Transition>) {
        for open in self.take_alerts() {
            out.extend(open.ended(at, reason));
            self.ended.push(open.facts.key.clone());
        }
    }

    /// Those of its alerts that are firing, as the outbox keeps them.
    #[must_use]
    pub fn firing(&self) -> Vec<OpenAlert> {
        let opens = self.parts.values().filter_map(|it| it.open.as_ref()).chain(&self.waiting);
        opens.filter_map(Open::announced).collect()
    }

    /// Tells what changed since the last time: a key with its view, or without one if it is over.
    pub(super) fn publish(&mut self, mut tell: impl FnMut(&AlertKey, Option<AlertView>)) {
        for key in self.ended.drain(..) {
            tell(&key, None);
        }
        let opens = self.parts.values_mut().filter_map(|it| it.open.as_mut()).chain(&mut self.waiting);
        for open in opens {
            open.publish(&mut tell);
        }
    }

    fn take_alerts(&mut self) -> Vec<Open> {
        let opens = self.parts.values_mut().filter_map(|it| it.open.take());
        opens.chain(std::mem::take(&mut self.waiting)).collect()
    }

    fn compiled(&self) -> Option<&CompiledRule> {
        self.ruleset.rule(self.rule)
    }

    /// A round is complete, or as complete as it gets.
    fn judge(&mut self, now: Now, out: &mut Vec<Transition>) {
        self.see_parts();
        let passed = now.moment.since(self.last);
        self.last = now.moment;
        let names: Vec<Arc<str>> = self.parts.keys().cloned().collect();
        for name in names {
            let outcome = self.outcome(&name, now.moment);
            let is_known = matches!(outcome, Outcome::Known(_));
            self.advance(&name, &outcome, now, passed, out);
            if is_known && let Some(part) = self.parts.get(&name) {
                // What did not begin anew is over.
                self.remembered
                    .retain(|key, _| key.parts().is_none_or(|it| *it.device != *part.source.device));
            }
        }
        for open in &mut self.waiting {
            open.cycle.freeze(passed);
        }
        for member in self.members.values_mut() {
            member.is_fresh = false;
        }
        self.fresh = 0;
    }

    /// Makes the parts that members have by now, and gives them the alerts that wait for them.
    fn see_parts(&mut self) {
        let seen = self.members.values().filter_map(|it| match &it.state {
            State::Read(sums) => Some(sums.iter().map(|(part, _)| Arc::clone(part))),
            State::Unlearnt | State::Silent => None,
        });
        for name in seen.flatten().collect::<Vec<Arc<str>>>() {
            if self.parts.contains_key(&name) {
                continue;
            }
            let source = self.source(&name);
            let is_own = |it: &Open| it.facts.device == source.device;
            let open = self.waiting.iter().position(is_own).map(|at| self.waiting.swap_remove(at));
            self.parts.insert(name, Part { source, open });
        }
        // Once all are known, what waits for a part that nobody has will wait in vain.
        let all_known = self.members.values().all(|it| matches!(it.state, State::Read(_)));
        for open in if all_known { std::mem::take(&mut self.waiting) } else { Vec::new() } {
            let source = Source { device: Arc::clone(&open.facts.device), ..Source::default() };
            self.parts.insert(Arc::clone(&open.facts.device), Part { source, open: Some(open) });
        }
    }

    /// What stands for a part where alerts name their device.
    fn source(&self, part: &str) -> Source {
        let base = named(&self.of);
        let device = if part.is_empty() { base } else { [&base, ", ", part].concat() };
        let labels = self.of.iter().map(|(name, value)| (&**name, &**value));
        Source { device: device.into(), labels: Labels::new(labels), ..Source::default() }
    }

    fn outcome(&self, part: &str, now: Moment) -> Outcome {
        let mut all: Option<Sum> = None;
        for (device, member) in &self.members {
            let sums = match &member.state {
                State::Read(sums) if !member.is_late(now) => sums,
                State::Read(_) | State::Silent | State::Unlearnt => {
                    return Outcome::Unknown(Frozen::MemberUnknown(Arc::clone(device)));
                }
            };
            for (_, sum) in sums.iter().filter(|(it, _)| **it == *part) {
                all = match all {
                    None => Some(*sum),
                    Some(all) if all.quantity == sum.quantity => Some(all.and(sum)),
                    Some(_) => return Outcome::Unknown(Frozen::MembersDiffer),
                };
            }
        }
        match all {
            None => Outcome::Gone,
            Some(Sum { is_suspect: true, .. }) => Outcome::Unknown(Frozen::Suspect),
            Some(Sum { missing: Some(missing), quantity, .. }) => Outcome::Missing(missing, quantity),
            Some(sum) => Outcome::Known(sum),
        }
    }

    fn advance(
        &mut self,
        name: &Arc<str>,
        outcome: &Outcome,
        now: Now,
        passed: Duration,
        out: &mut Vec<Transition>,
    ) {
        let ruleset = self.ruleset.clone();
        let Some(rule) = ruleset.rule(self.rule) else { return };
        let note = self.note(name, rule);
        let Some(part) = self.parts.get_mut(name) else { return };
        let (measured, quantity, standings) = match outcome {
            Outcome::Known(sum) => {
                let base = sum.combined(rule);
                let measured = Measured::Number { base, rated: sum.rated };
                (measured, sum.quantity, rule.of_value(base, sum.rated))
            }
            Outcome::Missing(missing, quantity) => match rule.of_missing() {
                Some(standings) => (Measured::Missing(*missing), *quantity, standings),
                None => return part.freeze(Frozen::Missing(*missing), passed),
            },
            Outcome::Unknown(why) => return part.freeze(why.clone(), passed),
            Outcome::Gone => {
                if part.count_gone(now, passed, out) {
                    let over = self.parts.remove(name).and_then(|it| it.open);
                    self.ended.extend(over.map(|it| it.facts.key.clone()));
                }
                return;
            }
        };
        let object = Object::Group(quantity, &note);
        let subject = Subject { rule, now, source: &part.source, object, measured, batch: None };
        let standings = rule.at(now.unix, standings);
        match &mut part.open {
            None if standings.contains(&Standing::Crossing) => {
                let remembered = self.remembered.remove(&subject.key());
                let past = Past { begins: &mut self.begins, remembered };
                part.open = Some(Open::begin(None, &subject, &standings, past, out));
            }
            None => (),
            Some(open) => {
                open.gone_polls = 0;
                if open.frozen == Some(Frozen::NotPolled) {
                    // The time since the start does not count: nobody knows what was.
                    open.cycle.freeze(passed);
                }
                if open.advance(&subject, &standings, &mut self.begins, out) == Fate::Over {
                    self.ended.push(open.facts.key.clone());
                    part.open = None;
                }
            }
        }
    }

    /// What each member adds: `pdu-a 20 A, pdu-b 21 A`.
    fn note(&self, part: &str, rule: &CompiledRule) -> String {
        let combine = rule.rule.group.as_ref().map_or(Combine::Sum, |it| it.combine);
        let mut note = format!("{} of ", combine.name());
        let of_part = self.members.iter().filter_map(|(device, member)| match &member.state {
            State::Read(sums) => Some((device, sums.iter().find(|(it, _)| **it == *part)?.1)),
            State::Unlearnt | State::Silent => None,
        });
        let mut count = 0_usize;
        for (device, sum) in of_part {
            if count < NAMED_MAX {
                note.push_str(if count == 0 { "" } else { ", " });
                note.push_str(device);
                note.push(' ');
                push_quantity(&mut note, sum.total, sum.quantity.unit().symbol());
            }
            count += 1;
        }
        if let Some(more) = count.checked_sub(NAMED_MAX).filter(|it| 0 < *it)
            && write!(note, " and {more} more").is_err()
        {
            note.clear();
        }
        note
    }
}

impl Member {
    fn is_late(&self, now: Moment) -> bool {
        self.interval.saturating_mul(PATIENCE) < now.since(self.reported)
    }
}

impl Part {
    fn freeze(&mut self, why: Frozen, passed: Duration) {
        if let Some(open) = &mut self.open {
            open.cycle.freeze(passed);
            open.stand_still(why);
        }
    }

    /// Nobody has it; whether its alert, if any, is over.
    fn count_gone(&mut self, now: Now, passed: Duration, out: &mut Vec<Transition>) -> bool {
        self.freeze(Frozen::Gone, passed);
        let Some(open) = &mut self.open else { return true };
        open.gone_polls += 1;
        let is_over = GONE_AFTER_ROUNDS <= open.gone_polls;
        if is_over {
            let reason = format!("gone: no device of the group has had it for {GONE_AFTER_ROUNDS} polls");
            out.extend(open.ended(now, &reason));
        }
        is_over
    }
}

impl Sum {
    fn of(seat: &Seat, sample: Option<&Sample>) -> Self {
        let (value, missing) = match sample {
            Some(Sample::Value(value)) if value.is_finite() => (*value, None),
            Some(Sample::Value(_)) => (0.0, Some(Missing::OutOfRange)),
            Some(Sample::Missing(missing)) => (0.0, Some(*missing)),
            Some(Sample::Suspect(value)) => (*value, None),
            None => (0.0, Some(Missing::NotPolled)),
        };
        let Seat { quantity, rated, .. } = *seat;
        let is_suspect = matches!(sample, Some(Sample::Suspect(_)));
        Self { quantity, total: value, least: value, most: value, rated, missing, is_suspect }
    }

    fn and(self, other: &Self) -> Self {
        Self {
            quantity: self.quantity,
            total: self.total + other.total,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
            rated: match (self.rated, other.rated) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
            missing: self.missing.or(other.missing),
            is_suspect: self.is_suspect || other.is_suspect,
        }
    }

    fn combined(&self, rule: &CompiledRule) -> f64 {
        match rule.rule.group.as_ref().map(|it| it.combine) {
            Some(Combine::Difference) => self.most - self.least,
            Some(Combine::Sum) | None => self.total,
        }
    }
}

/// What a device's readings come to, by part.
fn sums(seats: &[Seat], samples: &[Sample]) -> Vec<(Arc<str>, Sum)> {
    let mut sums: Vec<(Arc<str>, Sum)> = Vec::new();
    for seat in seats {
        let own = Sum::of(seat, samples.get(seat.slot as usize));
        match sums.iter_mut().find(|(part, sum)| *part == seat.part && sum.quantity == seat.quantity) {
            Some((_, sum)) => *sum = sum.and(&own),
            None => sums.push((Arc::clone(&seat.part), own)),
        }
    }
    sums
}

/// `rack=a1, row=4`.
fn named(values: &GroupValues) -> String {
    let pairs: Vec<String> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(", ")
}

/// What is told of a group beside its reading.
pub(super) fn with_note(reason: &mut String, note: &str) {
    reason.extend([" (", note, ")"]);
}
