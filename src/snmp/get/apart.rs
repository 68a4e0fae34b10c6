//! Cells that spoil requests: asked alone, behind all others, so that those come in as few requests as if
//! these were not there.
//!
//! Pure; made from what one job came to, for the next one. A cell is refused when the agent would not even have it
//! alone: a few of those are asked a poll, in turn, and the others keep the reason that they had. A cell is a
//! spoiler when it is read alone, and what is asked beside it is refused: one poll's suspicion is not enough. A cell
//! that silences the agent is asked alone at the next poll, and if it does so again in one of many polls.
//! Does not outlive the learning of a device: then all is tried anew.

use super::refusal::Refusals;
use super::{GetJob, GetLimits};
use crate::model::Missing;
use crate::snmp::wire::Names;
use std::sync::Arc;

/// Which cells of a device are asked apart.
#[derive(Debug)]
pub struct Apart {
    /// All of the device's, those apart last.
    names: Arc<Names>,
    /// For each of these its place among the device's. Empty: they stand as they are.
    order: Box<[u32]>,
    /// Those apart, by their place among the device's, rising: the last of `names`.
    culprits: Box<[Culprit]>,
    /// Suspected by the last job, by their place among the device's.
    suspects: Box<[u32]>,
    /// Counts jobs.
    turn: usize,
}

/// A cell that is asked apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Culprit {
    at: u32,
    /// Why it was not read; `None`: it is read, alone.
    missing: Option<Missing>,
}

impl Apart {
    /// So many cells are asked apart at most: one request each, or one in some polls.
    pub const CULPRITS_MAX: usize = 32;
    /// So many cells that are refused even alone are asked in one poll.
    pub const REFUSED_A_POLL: usize = 2;
    /// A cell that silences the agent is asked in one of so many polls: each costs a time-out, and the agent whatever
    /// keeps it from answering.
    pub const SILENT_EVERY: usize = 16;

    /// A job for all of a device's cells.
    #[must_use]
    pub fn job(&self, limits: GetLimits) -> GetJob {
        let mut job = GetJob::new(Arc::clone(&self.names), limits);
        if self.culprits.is_empty() {
            return job;
        }
        let first = self.names.len().saturating_sub(self.culprits.len());
        let refused = self.culprits.iter().filter(|it| it.missing.is_some()).count();
        let begin = (self.turn * Self::REFUSED_A_POLL).checked_rem(refused).unwrap_or(0);
        let is_due = |nth: usize| (nth + refused - begin) % refused.max(1) < Self::REFUSED_A_POLL;
        let mut refusals = Refusals::default();
        let mut alone = Vec::new();
        let mut nth = 0;
        for (at, culprit) in (first..).zip(&self.culprits) {
            match culprit.missing {
                Some(missing) if !self.is_due(missing, is_due(nth)) => refusals.carried.push((at, missing)),
                _ => alone.push((at, at + 1)),
            }
            nth += usize::from(culprit.missing.is_some());
        }
        job.refusals = Some(Box::new(refusals));
        job.ask_only(std::iter::once((0, first)).chain(alone));
        job
    }

    fn is_due(&self, missing: Missing, by_turn: bool) -> bool {
        if missing == Missing::Timeout { self.turn.is_multiple_of(Self::SILENT_EVERY) } else { by_turn }
    }

    /// A cell that is asked with the others: the device's last, sysUpTime, unless that is apart.
    #[must_use]
    pub fn probe(&self) -> usize {
        self.names.len().saturating_sub(self.culprits.len() + 1)
    }

    /// The cells that silence the agent, by their place among the device's.
    pub fn silencers(&self) -> impl Iterator<Item = usize> {
        let silent = self.culprits.iter().filter(|it| it.missing == Some(Missing::Timeout));
        silent.map(|it| it.at as usize)
    }

    /// For each cell of a job its place among the device's; empty: they stand as they are.
    #[must_use]
    pub const fn order(&self) -> &[u32] {
        &self.order
    }

    /// What is known after a job that is done, and whose cells stand in the device's order again; `names` are the
    /// device's. Whether what was learnt of the agent's size may come from a cell that is asked apart from now on.
    #[must_use]
    pub fn after(before: Option<Box<Self>>, job: &GetJob, names: &Arc<Names>) -> (Option<Box<Self>>, bool) {
        if before.is_none() && job.refusals.is_none() {
            return (None, false);
        }
        let place = |at: usize| match &before {
            Some(before) if !before.order.is_empty() => before.order.get(at).copied(),
            _ => u32::try_from(at).ok(),
        };
        let known = before.as_ref().map_or(&[][..], |it| &it.culprits);
        let suspected = before.as_ref().map_or(&[][..], |it| &it.suspects);
        // Spoilers stay; those that were refused do until they are read.
        let is_unread = |at: u32| {
            matches!(
                job.cells.value_ref(at as usize),
                Err(Missing::AgentError | Missing::TooBig | Missing::Timeout | Missing::NotPolled)
            )
        };
        let mut culprits: Vec<Culprit> = Vec::new();
        let mut suspects = Vec::new();
        let mut is_spoilt = false;
        if let Some(refusals) = &job.refusals {
            let alone = refusals.alone.iter().filter_map(|(at, missing)| Some((place(*at)?, *missing)));
            culprits.extend(alone.map(|(at, missing)| Culprit { at, missing: Some(missing) }));
            suspects.extend(refusals.suspects.iter().filter_map(|at| place(*at)));
            let spoilers = suspects.iter().copied().filter(|it| suspected.contains(it));
            let before = culprits.len();
            culprits.extend(spoilers.map(|at| Culprit { at, missing: None }));
            let silencers = refusals.silencers.iter().filter_map(|at| place(*at));
            culprits.extend(silencers.map(|at| {
                let is_known = known.iter().any(|it| it.at == at);
                Culprit { at, missing: is_known.then_some(Missing::Timeout) }
            }));
            is_spoilt = before < culprits.len();
        }
        culprits.extend(known.iter().filter(|it| it.missing.is_none() || is_unread(it.at)));
        // What was said last of a cell stands first.
        culprits.sort_by_key(|it| it.at);
        culprits.dedup_by_key(|it| it.at);
        culprits.truncate(Self::CULPRITS_MAX);
        suspects.retain(|at| !culprits.iter().any(|it| it.at == *at));
        if culprits.is_empty() && suspects.is_empty() {
            return (None, is_spoilt);
        }
        let turn = before.as_ref().map_or(0, |it| it.turn.wrapping_add(1));
        let is_same = |it: &Self| it.culprits.iter().map(|it| it.at).eq(culprits.iter().map(|it| it.at));
        let (names, order) = match before {
            Some(before) if is_same(&before) => (before.names, before.order),
            _ => names_apart(names, &culprits),
        };
        let (culprits, suspects) = (culprits.into(), suspects.into());
        (Some(Box::new(Self { names, order, culprits, suspects, turn })), is_spoilt)
    }
}

/// The names, those of `culprits` last, and for each its place before.
fn names_apart(names: &Arc<Names>, culprits: &[Culprit]) -> (Arc<Names>, Box<[u32]>) {
    if culprits.is_empty() {
        return (Arc::clone(names), Box::default());
    }
    let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
    let is_apart = |at: &u32| culprits.binary_search_by_key(at, |it| it.at).is_ok();
    let order: Box<[u32]> =
        (0..count).filter(|it| !is_apart(it)).chain(culprits.iter().map(|it| it.at)).collect();
    (Arc::new(names.in_order(&order)), order)
}
