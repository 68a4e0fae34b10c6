//! Walking a subtree by GETBULK or GETNEXT (RFC 3416 sections 4.2.2 and 4.2.3).
//!
//! Pure: requests come out, answers and time-outs go in; rows are handed to whoever wants them
//! ([`TakeRows`]). What was read is kept whatever happens later.
//! Invariants: names strictly increase, so a walk ends; at most [`WalkLimits::rows_max`] rows are kept;
//! an agent that cannot do GETBULK, or not that many repetitions, or sends wrong rows then, is walked with less.

use super::rows::{Prefix, Rows, TakeRows};
use super::size::RequestSize;
use super::wire::{ErrorStatus, Pdu, PduKind, ValueRef, Varbind, Varbinds, encode_name};
use super::{GetLimits, Request};
use crate::model::Oid;
use std::cmp::Ordering;
use std::ops::ControlFlow;

/// How a walk asks, and where it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// max-repetitions of GETBULK; 0: GETNEXT only.
    pub repetitions: RequestSize,
    /// Rows kept at most; then the walk ends with [`WalkEnd::RowsMax`].
    pub rows_max: usize,
}

impl WalkLimits {
    /// 25 rows of a vendor's column fill a frame without passing it.
    pub const REPETITIONS: u32 = 25;
    /// As many rows as a full frame holds with the shortest vendor OIDs.
    pub const REPETITIONS_MAX: u32 = 64;
    /// The largest table among the recorded devices has some 1,500 rows; an agent that invents rows
    /// stops here.
    pub const ROWS_MAX: usize = 16_384;

    /// GETNEXT only.
    #[must_use]
    pub fn getnext() -> Self {
        Self { repetitions: RequestSize::new(0, 0), ..Self::default() }
    }
}

impl Default for WalkLimits {
    fn default() -> Self {
        Self {
            repetitions: RequestSize::new(Self::REPETITIONS, Self::REPETITIONS_MAX),
            rows_max: Self::ROWS_MAX,
        }
    }
}

/// How a walk ended. All but the first two left it incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalkEnd {
    /// The whole subtree was read; the name that came after it.
    Complete {
        /// The first name outside of the subtree.
        beyond: Oid,
    },
    /// The whole subtree was read, and nothing comes after it.
    EndOfMib,
    /// The agent sent a name that is not after the one before: going on could last for ever.
    NotIncreasing {
        /// The name asked from.
        after: Oid,
        /// The name that came.
        came: Oid,
    },
    /// [`WalkLimits::rows_max`] rows were read.
    RowsMax,
    /// The agent answered with an error.
    AgentError(ErrorStatus),
    /// The agent's answer held no readable variable binding.
    Malformed,
    /// No answer, retries included.
    Timeout,
}

impl WalkEnd {
    /// Whether all rows were read.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self, Self::Complete { .. } | Self::EndOfMib)
    }
}

/// One walk of one subtree, whose rows go to a `T`.
#[derive(Debug)]
pub struct Walk<T = Rows> {
    root: Oid,
    root_octets: Prefix,
    /// The name asked from: its content octets.
    cursor: Vec<u8>,
    /// The same as a request carries it.
    asked: Vec<u8>,
    size: RequestSize,
    /// How many rows of this subtree fill a frame, once some were seen.
    rows_in_frame: u32,
    rows_max: usize,
    rows: T,
    /// Of the request that is due.
    timeouts: u32,
}

impl Walk {
    /// A walk of all that stands below `root`, which keeps what it reads.
    #[must_use]
    pub fn new(root: Oid, limits: WalkLimits) -> Self {
        Self::handing(Rows::default(), root, limits)
    }
}

impl<T: TakeRows> Walk<T> {
    /// What agents that fail at 25 repetitions are known to manage.
    const FEW_REPETITIONS: u32 = 4;

    /// A walk of all that stands below `root`, which hands what it reads to `rows`.
    #[must_use]
    pub fn handing(rows: T, root: Oid, limits: WalkLimits) -> Self {
        let mut walk = Self {
            root: Oid::default(),
            root_octets: Prefix::default(),
            cursor: Vec::new(),
            asked: Vec::new(),
            size: limits.repetitions,
            rows_in_frame: u32::MAX,
            rows_max: limits.rows_max,
            rows,
            timeouts: 0,
        };
        walk.begin(root);
        walk
    }

    /// Begins a walk of another subtree of the same agent.
    pub fn begin(&mut self, root: Oid) {
        self.rows.begin();
        self.asked.clear();
        self.cursor.clear();
        // A root that cannot be written is asked for as nothing at all.
        if root.encode_content(&mut self.cursor).is_ok() {
            encode_name(&mut self.asked, &self.cursor);
        } else {
            self.cursor.clear();
        }
        self.root_octets = Prefix::new(&self.cursor);
        self.root = root;
        (self.rows_in_frame, self.timeouts) = (u32::MAX, 0);
    }

    /// What was read so far.
    #[must_use]
    pub const fn rows(&self) -> &T {
        &self.rows
    }

    /// The same, to be taken away.
    pub const fn rows_mut(&mut self) -> &mut T {
        &mut self.rows
    }

    /// max-repetitions as the agent turned out to bear them; 0: GETNEXT.
    #[must_use]
    pub const fn repetitions(&self) -> RequestSize {
        self.size
    }

    /// The request that is due.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        let max_repetitions = self.due_repetitions();
        let kind = if max_repetitions == 0 { PduKind::GetNext } else { PduKind::GetBulk };
        Request { kind, max_repetitions, varbinds: &self.asked }
    }

    fn due_repetitions(&self) -> u32 {
        self.size.asked().min(self.rows_in_frame)
    }

    /// Takes the answer to the request that was due; `None`: there is another request.
    pub fn on_response(&mut self, pdu: &Pdu<'_>) -> Option<WalkEnd> {
        self.timeouts = 0;
        match pdu.error_status {
            ErrorStatus::NO_ERROR => self.take(pdu),
            // How v1 says that nothing comes after (RFC 1157 section 4.1.3).
            ErrorStatus::NO_SUCH_NAME => Some(WalkEnd::EndOfMib),
            status => self.ask_less().then_some(WalkEnd::AgentError(status)),
        }
    }

    /// The request that was due is overdue and will be repeated. The first time it may have been lost; after
    /// that perhaps a smaller one is answered. Loss comes to light when more is asked again.
    pub fn on_timeout(&mut self) {
        self.timeouts += 1;
        let asked = self.due_repetitions();
        if self.timeouts.is_multiple_of(2) && asked != 0 && self.size.whole() < asked {
            self.ask_few(asked);
        }
    }

    /// The request that was due stayed unanswered, repeats included: true if there is another way to
    /// ask (GETNEXT, for an agent that does not know GETBULK), which is then due.
    pub fn on_give_up(&mut self) -> bool {
        self.timeouts = 0;
        let asked = self.due_repetitions();
        // One that drops a few repetitions as well does not know GETBULK: fewer still are not tried.
        let failed = if asked <= Self::FEW_REPETITIONS { asked.min(1) } else { asked };
        self.size.on_failed(failed, 0)
    }

    /// Fewer repetitions, then GETNEXT; true when there is no less.
    fn ask_less(&mut self) -> bool {
        let asked = self.due_repetitions();
        let next = if asked <= 2 { 0 } else { asked / 4 + 1 };
        !self.size.on_doubted(asked, next)
    }

    /// A few repetitions in place of so many, then GETNEXT; false when there is no less.
    fn ask_few(&mut self, asked: u32) -> bool {
        let next = if Self::FEW_REPETITIONS < asked { Self::FEW_REPETITIONS } else { 0 };
        self.size.on_doubted(asked, next)
    }

    fn take(&mut self, pdu: &Pdu<'_>) -> Option<WalkEnd> {
        let octets = pdu.varbinds.octets().len();
        let (before, mark) = (self.rows.len(), self.rows.mark());
        let asked = self.due_repetitions();
        // Some agents answer more repetitions than a few with wrong rows: none of such an answer is believed.
        let end = match self.take_rows(pdu) {
            Some(WalkEnd::NotIncreasing { .. }) if self.ask_few(asked) => {
                self.rows.take_back(mark);
                if let Some(Ok(asked)) = Varbinds::from_octets(&self.asked).next() {
                    self.cursor.clear();
                    self.cursor.extend_from_slice(asked.name);
                }
                None
            }
            end => end,
        };
        let came = u32::try_from(self.rows.len() - before).unwrap_or(u32::MAX);
        if let Some(row_octets) = u32::try_from(octets).unwrap_or(u32::MAX).checked_div(came) {
            if asked <= came {
                self.size.on_whole(asked);
            }
            if end.is_none() {
                self.asked.clear();
                encode_name(&mut self.asked, &self.cursor);
                self.rows_in_frame = (GetLimits::VARBINDS_OCTETS_MAX / row_octets.max(1)).max(1);
            }
        }
        end
    }

    /// A row of this subtree among those that follow one beyond it: then that one was garbage.
    fn returning(&self, rest: Varbinds<'_>) -> Option<Oid> {
        rest.map_while(Result::ok).find(|it| self.root_octets.leads(it.name))?.oid().ok()
    }

    fn take_rows(&mut self, pdu: &Pdu<'_>) -> Option<WalkEnd> {
        let asked_from = std::mem::take(&mut self.cursor);
        let (last, end) = self.take_rows_after(&asked_from, pdu.varbinds.clone());
        self.cursor = asked_from;
        let Some(last) = last else {
            // Nothing readable: agents answer a GETBULK that they cannot fit with an empty list.
            return end.or_else(|| self.ask_less().then_some(WalkEnd::Malformed));
        };
        self.cursor.clear();
        self.cursor.extend_from_slice(last);
        end
    }

    /// Takes the rows of an answer, and gives the last name among them.
    fn take_rows_after<'a>(
        &mut self,
        asked_from: &[u8],
        mut varbinds: Varbinds<'a>,
    ) -> (Option<&'a [u8]>, Option<WalkEnd>) {
        let (mut after, mut last): (&[u8], _) = (asked_from, None);
        loop {
            // What nearly all rows are.
            let before = varbinds.clone();
            if let Some(row) = varbinds.next_short()
                && self.root_octets.leads(row.name)
                && self.rows.len() < self.rows_max
                && let Some(value) = row.value()
                && self.rows.push_after(after, row.name, value)
            {
                (after, last) = (row.name, Some(row.name));
                continue;
            }
            varbinds = before;
            let Some(Ok(row)) = varbinds.next() else { return (last, None) };
            match self.take_row(after, row, &varbinds) {
                ControlFlow::Continue(()) => (after, last) = (row.name, Some(row.name)),
                ControlFlow::Break(end) => return (last, end),
            }
        }
    }

    /// Takes a row after the name `after`, before `rest`. Breaks where the walk ends, or where a name cannot be
    /// read.
    #[cold]
    fn take_row(
        &mut self,
        after: &[u8],
        row: Varbind<'_>,
        rest: &Varbinds<'_>,
    ) -> ControlFlow<Option<WalkEnd>> {
        if row.value == ValueRef::EndOfMibView {
            return ControlFlow::Break(Some(WalkEnd::EndOfMib));
        }
        let Some(order) = Oid::order_of_content(after, row.name) else { return ControlFlow::Break(None) };
        let is_within =
            self.root_octets.leads(row.name) || row.oid().is_ok_and(|it| it.starts_with(&self.root));
        if order != Ordering::Less || !is_within {
            let Ok(came) = row.oid() else { return ControlFlow::Break(None) };
            return ControlFlow::Break(Some(match order {
                Ordering::Less => match self.returning(rest.clone()) {
                    Some(back) => WalkEnd::NotIncreasing { after: came, came: back },
                    None => WalkEnd::Complete { beyond: came },
                },
                _ => WalkEnd::NotIncreasing { after: Oid::decode_content(after).unwrap_or_default(), came },
            }));
        }
        if self.rows_max <= self.rows.len() {
            return ControlFlow::Break(Some(WalkEnd::RowsMax));
        }
        self.rows.push(row.name, row.value);
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;
    use crate::snmp::wire::{Version, decode, encode_message, encode_varbinds};

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    /// Answers a request: kind, repetitions, cursor.
    type Agent<'a> = &'a mut dyn FnMut(PduKind, u32, &Oid) -> Option<(ErrorStatus, Vec<(Oid, Value)>)>;

    /// Walks 1.3.6.1 and tells the rows' last numbers, the end, and how many requests it took.
    fn drive(version: Version, agent: Agent<'_>) -> (Vec<u32>, WalkEnd, usize) {
        let most = if version == Version::V1 { 0 } else { 10 };
        let limits = WalkLimits { repetitions: RequestSize::new(most, most), rows_max: 50 };
        let mut walk = Walk::new(oid("1.3.6.1"), limits);
        let mut timeouts = 0;
        for requests in 1..200 {
            let request = walk.request();
            let cursor = Varbinds::from_octets(request.varbinds).next().unwrap().unwrap().oid().unwrap();
            let end = match agent(request.kind, request.max_repetitions, &cursor) {
                Some((status, varbinds)) => {
                    let mut list = Vec::new();
                    encode_varbinds(&mut list, varbinds.iter().map(|(name, value)| (name, value))).unwrap();
                    let mut octets = Vec::new();
                    encode_message(&mut octets, version, b"c", PduKind::Response, 9, status, 1, &list);
                    walk.on_response(&decode(&octets).unwrap().pdu)
                }
                None if timeouts < 2 => {
                    timeouts += 1;
                    walk.on_timeout();
                    None
                }
                None => {
                    timeouts = 0;
                    (!walk.on_give_up()).then_some(WalkEnd::Timeout)
                }
            };
            if let Some(end) = end {
                let rows = walk.rows().iter().map(|(name, _)| *name.arcs().last().unwrap()).collect();
                return (rows, end, requests);
            }
        }
        panic!("a walk must end");
    }

    /// The rows 1 to `count` below 1.3.6.1, then 1.3.7.0.
    fn after(count: u32, cursor: &Oid, repetitions: u32) -> Vec<(Oid, Value)> {
        let from = cursor.arcs().get(4).map_or(1, |it| it + 1);
        (from..from + repetitions.max(1))
            .map(|it| {
                if it <= count {
                    (oid("1.3.6.1").child(&[it]), Value::Integer(1))
                } else {
                    (oid("1.3.7").child(&[it]), Value::Null)
                }
            })
            .collect()
    }

    const OK: ErrorStatus = ErrorStatus::NO_ERROR;

    #[test]
    fn getbulk_reads_ten_at_a_time() {
        let (rows, end, requests) = drive(Version::V2c, &mut |_, many, at| Some((OK, after(23, at, many))));
        assert_eq!((rows, requests), ((1..=23).collect(), 3));
        assert_eq!(end, WalkEnd::Complete { beyond: oid("1.3.7.24") });
    }

    #[test]
    fn v1_uses_getnext_and_ends_with_no_such_name() {
        let (rows, end, requests) = drive(Version::V1, &mut |kind, _, at| {
            assert_eq!(kind, PduKind::GetNext);
            let rows = after(3, at, 1);
            Some(if rows[0].1 == Value::Null { (ErrorStatus::NO_SUCH_NAME, vec![]) } else { (OK, rows) })
        });
        assert_eq!((rows, end, requests), (vec![1, 2, 3], WalkEnd::EndOfMib, 4));
    }

    #[test]
    fn odd_agents_are_walked_with_less() {
        type Fault = fn(PduKind, u32) -> Option<Option<ErrorStatus>>;
        // None: answer well; Some(None): silence; Some(status): that, with an empty list.
        let cases: [(&str, Fault); 5] = [
            ("drops GETBULK", |kind, _| (kind == PduKind::GetBulk).then_some(None)),
            ("tooBig with an empty list", |_, many| (4 < many).then_some(Some(ErrorStatus::TOO_BIG))),
            ("an empty answer without an error", |_, many| (2 < many).then_some(Some(OK))),
            ("genErr to GETBULK", |kind, _| (kind == PduKind::GetBulk).then_some(Some(ErrorStatus::GEN_ERR))),
            ("drops over four repetitions", |_, many| (4 < many).then_some(None)),
        ];
        for (name, fault) in cases {
            let (rows, end, _) = drive(Version::V2c, &mut |kind, many, at| match fault(kind, many) {
                None => Some((OK, after(12, at, many))),
                Some(None) => None,
                Some(Some(status)) => Some((status, vec![])),
            });
            assert_eq!(rows, (1..=12).collect::<Vec<u32>>(), "{name}");
            assert!(end.is_complete(), "{name}: {end:?}");
        }
    }

    #[test]
    fn endless_agents_end() {
        let (rows, end, _) =
            drive(Version::V2c, &mut |_, many, at| Some((OK, after(u32::MAX - 90, at, many))));
        assert_eq!((rows.len(), end), (50, WalkEnd::RowsMax));
        let (rows, end, _) =
            drive(Version::V2c, &mut |_, many, _| Some((OK, after(99, &oid("1.3.6.1"), many))));
        assert_eq!(rows.len(), 10, "what came before the loop is kept");
        assert!(matches!(end, WalkEnd::NotIncreasing { .. }));
        let (_, end, _) = drive(Version::V2c, &mut |_, _, _| Some((OK, vec![])));
        assert_eq!(end, WalkEnd::Malformed);
        let (_, end, _) = drive(Version::V2c, &mut |_, _, _| Some((OK, vec![(oid("1.3.5"), Value::Null)])));
        assert!(matches!(end, WalkEnd::NotIncreasing { .. }), "a name before the subtree");
    }
}
