//! Reading a list of cells by GET (RFC 3416 section 4.2.1), whatever the agent can bear.
//!
//! Pure: requests come out, answers and time-outs go in. Cells are asked in runs; a run that is too big
//! is halved, a cell that the agent objects to is asked once more alone after the rest ([`refusal`]; and apart from
//! then on, [`Apart`]), one that silences the agent is looked for ([`silence`]), a short answer is completed. Invariants: each answer settles at least one cell or makes a run shorter, so a job ends
//! after at most `3 * cells` requests; a cell that was not read says why; loss and garbage are not taken for
//! a size that the agent cannot bear. A job that waits for its first answer holds no room for cells: it takes
//! that of whoever hands it the answer.

mod apart;
mod limits;
mod refusal;
mod silence;

pub use apart::Apart;
pub use limits::GetLimits;

use self::refusal::Refusals;
use super::Request;
use super::wire::{ErrorStatus, Names, Pdu, PduKind};
use crate::model::{Cells, Missing, Oid};
use std::sync::Arc;

/// What an answer or a time-out led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetStep {
    /// There is another request to send.
    Ask,
    /// All cells are settled.
    Done,
}

/// Reads the cells of some names.
#[derive(Debug)]
pub struct GetJob {
    names: Arc<Names>,
    limits: GetLimits,
    /// None, or one for each name.
    cells: Cells,
    /// Runs that are still to be asked, the next one last.
    runs: Runs,
    answered: bool,
    /// How often the request that is due has been.
    overdue: u32,
    /// What the agent refused, if anything.
    refusals: Option<Box<Refusals>>,
    /// Answers in a row about none of what was asked.
    useless: u32,
    /// Cells asked, cells that came, and octets expected, of an answer that was short: was it too long, or lacks
    /// the agent some cells?
    short: Option<(u32, u32, u32)>,
}

impl GetJob {
    /// An answer with so many more names than were asked for that are none of them is not read to its end.
    const FOREIGN_MAX: usize = 8;
    /// So often an answer about none of what was asked is followed by the same request again.
    const USELESS_MAX: u32 = 1;

    /// A job for all of `names`.
    #[must_use]
    pub fn new(names: Arc<Names>, limits: GetLimits) -> Self {
        let count = names.len();
        let mut job = Self {
            names,
            limits,
            cells: Cells::default(),
            runs: Runs::default(),
            answered: false,
            overdue: 0,
            refusals: None,
            useless: 0,
            short: None,
        };
        job.runs.extend((0 < count).then_some((0, count)));
        job.cut();
        job
    }

    /// These runs are asked, in that order, and nothing else.
    fn ask_only(&mut self, runs: impl DoubleEndedIterator<Item = (usize, usize)>) {
        self.runs = Runs::default();
        self.runs.extend(runs.rev().filter(|(from, to)| from < to));
        self.cut();
    }

    /// Whether all cells are settled.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether any answer came at all.
    #[must_use]
    pub const fn was_answered(&self) -> bool {
        self.answered
    }

    /// The agent's last refusal, for people: `authorizationError to every request`.
    #[must_use]
    pub fn refusal(&self) -> String {
        let status = self.refusals.as_ref().map_or(ErrorStatus::GEN_ERR, |it| it.with);
        let hint = match status {
            ErrorStatus::AUTHORIZATION_ERROR => {
                ": this community or user, at this level of security, may not read it"
            }
            _ => "",
        };
        format!("{} to every request{hint}", status.name())
    }

    /// The cells, in the order of the names; none before the first answer.
    #[must_use]
    pub const fn cells(&self) -> &Cells {
        &self.cells
    }

    /// The same, when the job is done; it is left without.
    #[must_use = "the cells are what the job was for"]
    pub fn take_cells(&mut self) -> Cells {
        std::mem::take(&mut self.cells)
    }

    /// When the job is done: its cells in the order that [`Apart::order`] says.
    pub fn put_in_order(&mut self, order: &[u32]) {
        self.cells.put_in_order(order);
    }

    /// What the agent turned out to bear.
    #[must_use]
    pub const fn limits(&self) -> GetLimits {
        self.limits
    }

    /// The request that is due; of no cells when the job is done.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        self.request_of(self.runs.last().unwrap_or_default())
    }

    /// Takes the run after the one that is due out of the job, to be asked beside it: [`Self::on_beside`] or
    /// [`Self::give_back`] must follow before the job is done.
    pub fn take_beside(&mut self) -> Option<(usize, usize)> {
        let due = self.runs.pop()?;
        self.cut();
        let beside = self.runs.pop();
        self.runs.push(due);
        beside
    }

    /// The request for a run that was taken out.
    #[must_use]
    pub fn request_of(&self, (from, to): (usize, usize)) -> Request<'_> {
        Request { kind: PduKind::Get, max_repetitions: 0, varbinds: self.names.run(from, to) }
    }

    /// Takes the answer to a run that was taken out. What is due stays so.
    pub fn on_beside(&mut self, run: (usize, usize), pdu: &Pdu<'_>, room: &mut Cells) {
        let (due, overdue) = (self.runs.pop(), self.overdue);
        self.runs.push(run);
        self.on_response(pdu, room);
        self.runs.extend(due);
        self.overdue = overdue;
    }

    /// A run that was taken out is asked after the one that is due; if none is, it is due.
    pub fn give_back(&mut self, run: (usize, usize)) {
        let due = self.runs.pop();
        self.runs.push(run);
        self.runs.extend(due);
    }

    /// A run that was taken out is due, before any other.
    pub fn make_due(&mut self, run: (usize, usize)) {
        self.overdue = 0;
        self.runs.push(run);
    }

    /// Takes the answer to the request that was due. `room`: where the cells go, if they have no room yet.
    pub fn on_response(&mut self, pdu: &Pdu<'_>, room: &mut Cells) -> GetStep {
        let Some((from, to)) = self.runs.pop() else { return GetStep::Done };
        if self.cells.is_empty() {
            std::mem::swap(&mut self.cells, room);
            self.make_room();
        }
        self.answered = true;
        self.overdue = 0;
        self.end_silence();
        match pdu.error_status {
            ErrorStatus::NO_ERROR => {
                if let Some(refusals) = &mut self.refusals {
                    refusals.in_row = 0;
                }
                self.take(pdu, from, to);
            }
            ErrorStatus::TOO_BIG => self.refuse_too_big(from, to),
            status => self.leave_out(from, to, status, pdu.error_index),
        }
        self.step()
    }

    /// The request that was due is overdue and will be repeated. The first time it may have been lost; after
    /// that, half of a run longer than any that was answered is asked for in its place. Loss comes to light when
    /// more is asked again.
    pub fn on_timeout(&mut self, lives: bool) {
        self.overdue += 1;
        if !self.overdue.is_multiple_of(2) {
            return;
        }
        if let Some((from, to)) = self.runs.last()
            && self.may_be_too_long(from, to, lives)
        {
            self.runs.pop();
            self.halve(from, to, Missing::TooBig);
        }
    }

    fn may_be_too_long(&self, from: usize, to: usize, lives: bool) -> bool {
        let length = to - from;
        (self.limits.cells.whole() as usize) < length && 1 < length && (self.answered || lives)
    }

    /// The request that was due is longer than the way to the agent bears: a smaller one goes in its place.
    pub fn on_too_long(&mut self) -> GetStep {
        let Some((from, to)) = self.runs.pop() else { return GetStep::Done };
        self.halve(from, to, Missing::TooBig);
        self.step()
    }

    /// There is no time for what is left: it is settled with that reason.
    pub fn settle_rest(&mut self, missing: Missing) {
        if let Some(refusals) = &mut self.refusals {
            refusals.named.clear();
        }
        while let Some((from, to)) = self.runs.pop() {
            self.settle(from, to, missing);
        }
    }

    fn step(&mut self) -> GetStep {
        self.judge_refused();
        // Whatever was named is asked for itself: agents name a wrong one, or a run that is too long.
        if self.runs.is_empty()
            && let Some(refusals) = &mut self.refusals
        {
            while let Some(at) = refusals.named.pop() {
                self.runs.push((at, at + 1));
                self.cells.open(at);
            }
        }
        self.cut();
        if self.is_done() { GetStep::Done } else { GetStep::Ask }
    }

    /// Cuts the next run to the limits.
    fn cut(&mut self) {
        let Some((from, to)) = self.runs.pop() else { return };
        let most = from.saturating_add(self.limits.cells.asked().max(1) as usize);
        let mut end = to.min(most);
        while from + 1 < end && self.limits.octets.asked() < self.expected_octets(from, end) {
            end -= 1;
        }
        if end < to {
            self.runs.push((end, to));
        }
        self.runs.push((from, end));
    }

    /// The answer to a run came whole.
    fn note_whole(&mut self, from: usize, to: usize) {
        let octets = self.expected_octets(from, to);
        let is_full =
            to < self.names.len() && self.limits.octets.asked() < self.expected_octets(from, to + 1);
        self.limits.on_whole(length_of(from, to), octets, is_full);
    }

    /// What the answer to a run is expected to have.
    fn expected_octets(&self, from: usize, to: usize) -> u32 {
        let octets = u32::try_from(self.names.run(from, to).len()).unwrap_or(u32::MAX);
        self.limits.answer_octets(octets, length_of(from, to))
    }

    fn take(&mut self, pdu: &Pdu<'_>, from: usize, to: usize) {
        let (asked_octets, answer_octets) = (self.names.run(from, to).len(), pdu.varbinds.octets().len());
        let mut at = from;
        let mut foreign = Foreign::default();
        let mut settled = 0_usize;
        // What an agent sends that answers as it was asked, which is nearly always.
        let (mut varbinds, mut asked) = (pdu.varbinds.clone(), self.names.run(from, to));
        while at < to
            && let Some(value) = varbinds.next_as_asked(&mut asked)
        {
            self.cells.set(at, value);
            at += 1;
        }
        // No cell of a run was settled before.
        settled += at - from;
        loop {
            let octets_before = varbinds.octets().len();
            let Some(varbind) = varbinds.next() else { break };
            let Ok(varbind) = varbind else {
                foreign.is_garbled = true;
                break;
            };
            let place = if at < to && self.names.name(at) == varbind.name {
                Some(at)
            } else {
                self.place_of(varbind.name, from, to)
            };
            let Some(place) = place else {
                foreign.count += 1;
                foreign.octets += octets_before - varbinds.octets().len();
                if to - from + Self::FOREIGN_MAX < foreign.count {
                    break;
                }
                continue;
            };
            settled += usize::from(self.cells.is_open(place));
            self.cells.set(place, varbind.value);
            at = place + 1;
        }
        if settled == to - from {
            self.useless = 0;
            match self.short.take() {
                // What was left out comes when it is asked alone: the agent cuts off what does not fit.
                Some((asked, came, octets)) => self.limits.on_too_long(asked, octets, came),
                None => self.note_whole(from, to),
            }
            // The few cells that were left for a second request say little of the others.
            if self.limits.cells.whole() < 2 * length_of(from, to) {
                let answer_octets = answer_octets.saturating_sub(foreign.octets);
                self.limits.measure(asked_octets, answer_octets, to - from);
            }
            return;
        }
        if settled == 0 {
            // An answer about none of what was asked. If it was garbage, another one is better.
            self.short = None;
            if self.useless < Self::USELESS_MAX {
                self.useless += 1;
                self.runs.push((from, to));
            } else {
                self.useless = 0;
                self.settle(from, to, Missing::AgentError);
            }
            return;
        }
        self.useless = 0;
        // An agent that cuts its answers off sends the first cells, all of them sound.
        let is_cut = at == from + settled && foreign.count == 0 && !foreign.is_garbled;
        if is_cut {
            let octets = self.expected_octets(from, to);
            self.short = self.short.or_else(|| Some((length_of(from, to), length_of(0, settled), octets)));
        }
        self.ask_unsettled(from, to);
    }

    /// Where a name that is not next in line stands: the agent changed the order, left some out, or
    /// encodes sub-identifiers in more octets than are needed.
    fn place_of(&self, name: &[u8], from: usize, to: usize) -> Option<usize> {
        if let Some(place) = (from..to).find(|&it| self.names.name(it) == name) {
            return Some(place);
        }
        let mut fewest = Vec::new();
        Oid::decode_content(name).ok()?.encode_content(&mut fewest).ok()?;
        (from..to).find(|&it| self.names.name(it) == fewest)
    }

    /// Asks the cells of a run that are not settled again, as runs.
    fn ask_unsettled(&mut self, from: usize, to: usize) {
        let open = |it: &usize| self.cells.is_open(*it);
        let mut at = from;
        let mut runs = Vec::new();
        while let Some(start) = (at..to).find(open) {
            let end = (start..to).find(|it| !open(it)).unwrap_or(to);
            runs.push((start, end));
            at = end;
        }
        self.runs.extend(runs.into_iter().rev());
    }

    fn halve(&mut self, from: usize, to: usize, otherwise: Missing) {
        let length = to - from;
        if length <= 1 {
            self.settle(from, to, otherwise);
            return;
        }
        let (asked, next) = (length_of(from, to), length_of(0, length.div_ceil(2)));
        if otherwise == Missing::Timeout {
            // Whatever was sent again came to nothing as well.
            self.limits.cells.on_failed(asked, next);
        } else {
            let octets = self.expected_octets(from, to);
            self.limits.on_too_long(asked, octets, next);
        }
        self.split(from, to);
    }

    fn split(&mut self, from: usize, to: usize) {
        let middle = from + (to - from) / 2;
        self.runs.push((middle, to));
        self.runs.push((from, middle));
    }

    fn make_room(&mut self) {
        self.cells.reset(self.names.len());
        if let Some(refusals) = &self.refusals {
            refusals.carried.iter().for_each(|(at, missing)| self.cells.set_missing(*at, *missing));
        }
    }

    fn settle(&mut self, from: usize, to: usize, missing: Missing) {
        if self.cells.is_empty() {
            self.make_room();
        }
        for at in from..to {
            if self.cells.is_open(at) {
                self.cells.set_missing(at, missing);
            }
        }
    }
}

/// Runs in a pile; the top one, which is all there is of most, stands in its own place.
#[derive(Debug, Default)]
struct Runs {
    top: Option<(usize, usize)>,
    below: Vec<(usize, usize)>,
}

impl Runs {
    const fn is_empty(&self) -> bool {
        self.top.is_none()
    }

    const fn last(&self) -> Option<(usize, usize)> {
        self.top
    }

    fn push(&mut self, run: (usize, usize)) {
        self.below.extend(self.top.replace(run));
    }

    /// Asked after all others.
    fn push_last(&mut self, run: (usize, usize)) {
        if self.top.is_none() {
            self.top = Some(run);
        } else {
            self.below.insert(0, run);
        }
    }

    fn pop(&mut self) -> Option<(usize, usize)> {
        std::mem::replace(&mut self.top, self.below.pop())
    }
}

impl Extend<(usize, usize)> for Runs {
    fn extend<T: IntoIterator<Item = (usize, usize)>>(&mut self, runs: T) {
        runs.into_iter().for_each(|it| self.push(it));
    }
}

/// What an answer holds that was not asked for.
#[derive(Debug, Default)]
struct Foreign {
    count: usize,
    octets: usize,
    /// It could not be read to its end.
    is_garbled: bool,
}

fn length_of(from: usize, to: usize) -> u32 {
    u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    mod refusal_tests;

    use super::*;
    use crate::model::Value;
    use crate::snmp::wire::{Varbinds, Version, decode, encode_message, encode_varbinds};
    use proptest::prelude::*;

    fn job(count: u32, limits: GetLimits) -> GetJob {
        let oids: Vec<Oid> = (0..count).map(|it| Oid::new(&[1, 3, 6, 1, 4, 1, 318, 1, it])).collect();
        GetJob::new(Arc::new(Names::new(&oids).unwrap()), limits)
    }

    /// What an agent under test does with the names that it is asked for.
    type Answer = (ErrorStatus, u32, Vec<(Oid, Value)>);

    /// Runs a job against an agent; the requests' sizes.
    fn drive(job: &mut GetJob, mut agent: impl FnMut(&[Oid]) -> Option<Answer>) -> Vec<usize> {
        let mut sizes = Vec::new();
        while !job.is_done() {
            assert!(sizes.len() < 1000, "a job must end");
            let asked = Varbinds::from_octets(job.request().varbinds);
            let names: Vec<Oid> = asked.map(|it| it.unwrap().oid().unwrap()).collect();
            sizes.push(names.len());
            let Some((status, index, varbinds)) = agent(&names) else {
                job.on_give_up(false);
                continue;
            };
            let mut list = Vec::new();
            encode_varbinds(&mut list, varbinds.iter().map(|(name, value)| (name, value))).unwrap();
            let mut octets = Vec::new();
            encode_message(&mut octets, Version::V2c, b"c", PduKind::Response, 5, status, index, &list);
            job.on_response(&decode(&octets).unwrap().pdu, &mut Cells::default());
        }
        sizes
    }

    fn last(oid: &Oid) -> i64 {
        i64::from(*oid.arcs().last().unwrap())
    }

    fn all(names: &[Oid]) -> Vec<(Oid, Value)> {
        names.iter().map(|it| (it.clone(), Value::Integer(last(it)))).collect()
    }

    fn whole(job: &GetJob) -> bool {
        job.cells()
            .iter()
            .enumerate()
            .all(|(at, cell)| cell == Ok(Value::Integer(i64::try_from(at).unwrap())))
    }

    const OK: ErrorStatus = ErrorStatus::NO_ERROR;

    #[test]
    fn a_full_frame_at_a_time() {
        let mut it = job(100, GetLimits::default());
        assert_eq!(drive(&mut it, |names| Some((OK, 0, all(names)))), [83, 17]);
        assert!(whole(&it));
    }

    #[test]
    fn the_head_of_snmpv3_takes_its_room() {
        let mut it = job(100, GetLimits::default().within_usm());
        assert_eq!(drive(&mut it, |names| Some((OK, 0, all(names))))[0], 73);
    }

    #[test]
    fn short_values_let_more_cells_into_a_request() {
        // What did not fit is one cell with a long value: it says little of the others.
        let answer = |names: &[Oid]| {
            let mut varbinds = all(names);
            varbinds
                .iter_mut()
                .filter(|(name, _)| last(name) == 83)
                .for_each(|it| it.1 = Value::Integer(70_000));
            Some((OK, 0, varbinds))
        };
        let mut limits = GetLimits::default();
        let mut sizes = Vec::new();
        for _ in 0..20 {
            let mut it = job(84, limits);
            sizes.push(drive(&mut it, answer));
            limits = it.limits();
        }
        assert_eq!((&*sizes[0], &*sizes[19]), (&[83, 1][..], &[84][..]), "{sizes:?}");
    }

    #[test]
    fn too_big_halves_and_is_remembered() {
        let mut it = job(40, GetLimits::default());
        let sizes = drive(&mut it, |names| {
            Some(if names.len() <= 8 { (OK, 0, all(names)) } else { (ErrorStatus::TOO_BIG, 0, vec![]) })
        });
        assert_eq!(sizes, [40, 20, 10, 5, 5, 5, 5, 10, 5, 5, 5, 5], "10 is asked a second time, no other");
        let limits = it.limits();
        assert!(whole(&it) && limits.cells.failed() == Some(10));
        let mut it = job(40, limits);
        let sizes = drive(&mut it, |names| {
            Some(if names.len() <= 8 { (OK, 0, all(names)) } else { (ErrorStatus::TOO_BIG, 0, vec![]) })
        });
        assert!(sizes.len() <= 7, "{sizes:?}");
    }

    #[test]
    fn a_way_that_bears_less_halves_too() {
        let mut it = job(40, GetLimits::default());
        while Varbinds::from_octets(it.request().varbinds).count() > 8 {
            assert_eq!(it.on_too_long(), GetStep::Ask);
        }
        drive(&mut it, |names| Some((OK, 0, all(names))));
        assert!(whole(&it));
        let mut it = job(1, GetLimits::default());
        assert_eq!((it.on_too_long(), it.cells().value(0)), (GetStep::Done, Err(Missing::TooBig)));
    }

    #[test]
    fn one_cell_that_never_fits() {
        let mut it = job(3, GetLimits::default());
        drive(&mut it, |names| {
            let big = names.iter().any(|it| last(it) == 1);
            Some(if big { (ErrorStatus::TOO_BIG, 0, vec![]) } else { (OK, 0, all(names)) })
        });
        let expected = [Ok(Value::Integer(0)), Err(Missing::TooBig), Ok(Value::Integer(2))];
        assert!(it.cells().iter().eq(expected));
    }

    #[test]
    fn v1_no_such_name_leaves_one_out() {
        let mut it = job(10, GetLimits::default());
        let sizes = drive(&mut it, |names| {
            let bad = names.iter().position(|it| last(it) % 4 == 1);
            Some(match bad {
                Some(at) => (ErrorStatus::NO_SUCH_NAME, u32::try_from(at + 1).unwrap(), all(names)),
                None => (OK, 0, all(names)),
            })
        });
        for (at, cell) in it.cells().iter().enumerate() {
            let expected = if at % 4 == 1 {
                Err(Missing::NoSuchInstance)
            } else {
                Ok(Value::Integer(i64::try_from(at).unwrap()))
            };
            assert_eq!(cell, expected);
        }
        assert!(sizes.len() <= 8, "{sizes:?}");
    }

    #[test]
    fn gen_err_without_an_index_is_cornered() {
        let mut it = job(16, GetLimits::default());
        drive(&mut it, |names| {
            let bad = names.iter().any(|it| last(it) == 11);
            Some(if bad { (ErrorStatus::GEN_ERR, 0, vec![]) } else { (OK, 0, all(names)) })
        });
        assert_eq!(it.cells().iter().filter(Result::is_err).count(), 1);
        assert_eq!(it.cells().value(11), Err(Missing::AgentError));
    }

    #[test]
    fn short_shuffled_and_foreign_answers() {
        let mut it = job(12, GetLimits::default());
        let mut first = true;
        drive(&mut it, |names| {
            let mut answer = all(names);
            if std::mem::take(&mut first) {
                answer.reverse();
                answer.truncate(7);
                answer.push((Oid::new(&[1, 3, 9]), Value::Integer(666)));
            }
            Some((OK, 0, answer))
        });
        assert!(whole(&it));
        let mut it = job(3, GetLimits::default());
        assert_eq!(
            drive(&mut it, |_| Some((OK, 0, vec![]))).len(),
            2,
            "an empty answer is not asked for again and again"
        );
        assert_eq!(it.cells().value(0), Err(Missing::AgentError));
    }

    #[test]
    fn silence_ends_the_job_but_a_run_never_answered_is_halved_first() {
        let mut it = job(100, GetLimits::default());
        assert_eq!(drive(&mut it, |_| None), [83]);
        assert!(it.cells().iter().all(|it| it == Err(Missing::Timeout)) && !it.was_answered());

        let mut it = job(20, GetLimits::new(8));
        let mut asked = 0;
        let sizes = drive(&mut it, |names| {
            asked += 1;
            (asked == 1).then(|| (OK, 0, all(names)))
        });
        assert_eq!(sizes, [8, 8, 1, 4], "is it the run, or the agent?");
        assert_eq!(
            (it.cells().value(7), it.cells().value(8)),
            (Ok(Value::Integer(7)), Err(Missing::Timeout))
        );
    }

    proptest! {
        #[test]
        fn any_agent_comes_to_an_end(count in 1u32..40, answers in prop::collection::vec((0u32..7, 0u32..50, 0usize..50), 1..60)) {
            let mut it = job(count, GetLimits::default());
            let mut at = 0;
            drive(&mut it, |names| {
                let (status, index, cut) = answers[at % answers.len()];
                at += 1;
                let mut varbinds = all(names);
                varbinds.truncate(cut);
                (status != 6).then_some((ErrorStatus(status), index, varbinds))
            });
            prop_assert!(it.cells().iter().all(|it| it != Err(Missing::NotPolled)));
        }
    }
}
