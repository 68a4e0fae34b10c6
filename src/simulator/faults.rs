//! What agents and networks do wrong, by seed and rate.
//!
//! [`Faults`] only decides what goes wrong with which request; [`super::agent::Agent`] does it. Each
//! fault has a test in `tests/it/simulated.rs` which proves, on a real socket, that it happens; those of
//! SNMPv3, in `poller::shard`, where it is seen by what it does to a poller.

mod name;

use super::random::Random;
use crate::model::Oid;
use std::collections::BTreeMap;
use std::time::Duration;

pub use name::FaultParseError;

/// One way to go wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Answers nothing, whatever is asked: dead, or filtered.
    Silent,
    /// The request is lost on its way.
    DropRequest,
    /// The answer is lost on its way.
    DropAnswer,
    /// The answer comes that much later. Later than the poller waits: a late answer.
    Delay(Duration),
    /// Requests are worked off one by one, and each takes that long.
    Slow(Duration),
    /// The answer comes twice.
    Duplicate,
    /// The answer is held back until the next request comes, and goes out before that one's answer.
    Stale,
    /// The answer comes from another address.
    OtherAddress,
    /// The answer comes from another port.
    OtherPort,
    /// The datagram is cut off somewhere.
    Truncate,
    /// That many octets of the datagram are changed.
    Corrupt(usize),
    /// The datagram is filled up to that many octets with a varbind that nobody asked for.
    Oversize(usize),
    /// The answer has another request-id.
    WrongRequestId,
    /// The answer has another community.
    WrongCommunity,
    /// The varbinds of a GET come in reverse order.
    Reorder,
    /// There is a varbind too many.
    ExtraVarbind,
    /// The last varbind is missing.
    MissingVarbind,
    /// A GETNEXT or GETBULK answers with names that do not increase: a walk goes round for ever.
    NotIncreasing,
    /// More than that many octets of varbinds: tooBig with an empty list, also where a GETBULK should
    /// have been cut short.
    TooBigEmpty(usize),
    /// More than that many varbinds asked for: tooBig.
    TooBigAbove(usize),
    /// A GET, GETNEXT or GETBULK that touches this subtree: genErr.
    GenErr(Oid),
    /// A GET that touches this subtree: tooBig, though nothing else be asked for.
    TooBig(Oid),
    /// A GET that asks for this subtree and for something beside it: tooBig.
    TooBigBeside(Oid),
    /// A GET that asks for this subtree and for something beside it: genErr, which names none.
    GenErrBeside(Oid),
    /// This subtree is gone that long after the start.
    Vanish {
        /// The subtree.
        oid: Oid,
        /// After that time.
        after: Duration,
    },
    /// GETBULK is not known, and dropped.
    NoGetBulk,
    /// GETBULK with more repetitions than that is dropped.
    DropBulkAbove(u32),
    /// GETBULK with more repetitions than that is answered with wrong rows: each is the first one again.
    WrongBulkAbove(u32),
    /// Requests with more than that many varbinds are dropped.
    DropAbove(usize),
    /// A GET of anything in this subtree is dropped.
    DropGet(Oid),
    /// Requests with more than that many varbinds are answered for the first so many alone.
    CutAbove(usize),
    /// Requests with more than that many varbinds: genErr, which names none.
    GenErrAbove(usize),
    /// A walk that comes to this subtree from above gets wrong values; one that starts in it gets right ones.
    WrongFromAbove(Oid),
    /// sysUpTime is any number.
    WrongUpTime,
    /// Numbers in this subtree are replaced by that one: not supported, or at the end of their range.
    Sentinel {
        /// The subtree.
        oid: Oid,
        /// What is sent.
        number: i64,
    },
    /// Numbers in this subtree come as TimeTicks.
    AsTicks(Oid),
    /// Numbers in this subtree are so many percent of what they should be, as after a firmware's change.
    Scaled {
        /// The subtree.
        oid: Oid,
        /// Percent.
        percent: u32,
    },
    /// Each cell has a scale of its own: below `values`, numbers come times 10^d, and `digits` says d in the same
    /// row. d is the row's number modulo 4.
    Digits {
        /// The column of the numbers.
        values: Oid,
        /// The column of the digits, with the same rows.
        digits: Oid,
    },
    /// The rows of this column are numbered by texts: 7 comes as the eight letters of `row-0007`.
    StringIndex(Oid),
    /// What stands in this subtree comes as that text.
    Text {
        /// The subtree.
        oid: Oid,
        /// What is sent.
        text: String,
    },
    /// SNMPv3: a restart sets the engine's boots to 0.
    BootsLost,
    /// SNMPv3: after a restart it is another engine, with another ID.
    EngineReplaced,
    /// SNMPv3: the engine's clock runs at so many percent of the true pace; 0: it stands.
    EngineClock(u32),
    /// SNMPv3: reports are never authenticated.
    UnsignedReports,
    /// SNMPv3: the authentication code is wrong.
    WrongDigest,
    /// SNMPv3: the answer is protected one level below the request.
    BelowLevel,
    /// SNMPv3: earlier answers are sent once more before each answer.
    ReplayAnswers,
    /// SNMPv3: earlier reports are sent once more before each answer.
    ReplayReports,
    /// SNMPv3: forged reports and answers, unsigned, are sent before each answer.
    ForgeReports,
}

/// A fault, and how often it happens.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// With which share of the requests, from 0 to 1.
    pub rate: f64,
}

impl From<Fault> for FaultRule {
    /// Always.
    fn from(fault: Fault) -> Self {
        Self { fault, rate: 1.0 }
    }
}

/// The faults of one agent. The same seed and requests bring the same faults.
#[derive(Debug, Clone)]
pub struct Faults {
    rules: Vec<FaultRule>,
    random: Random,
    fired: BTreeMap<&'static str, u64>,
}

impl Faults {
    /// These rules, drawn with this seed.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = FaultRule>, seed: u64) -> Self {
        Self { rules: rules.into_iter().collect(), random: Random::new(seed), fired: BTreeMap::new() }
    }

    /// Whether nothing can go wrong.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Other rules from now on; what has fired stays counted.
    pub fn replace(&mut self, rules: impl IntoIterator<Item = FaultRule>) {
        self.rules = rules.into_iter().collect();
    }

    /// One more rule.
    pub fn add(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    /// How often each fault has happened, by its name.
    #[must_use]
    pub const fn fired(&self) -> &BTreeMap<&'static str, u64> {
        &self.fired
    }

    /// The first rule that `pick` takes and whose rate lets it happen now: what `pick` made of it.
    pub(super) fn fires<T>(&mut self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        for rule in &self.rules {
            if let Some(picked) = pick(&rule.fault)
                && self.random.chance(rule.rate)
            {
                *self.fired.entry(rule.fault.name()).or_default() += 1;
                return Some(picked);
            }
        }
        None
    }

    /// As [`Self::fires`], for a fault without a figure.
    pub(super) fn is_fired(&mut self, fault: &Fault) -> bool {
        self.fires(|it| (it == fault).then_some(())).is_some()
    }

    /// Columns whose rows are numbered by texts.
    pub(super) fn string_indexes(&mut self) -> Vec<Oid> {
        let column = |rule: &FaultRule| match &rule.fault {
            Fault::StringIndex(oid) => Some(oid.clone()),
            _ => None,
        };
        let columns: Vec<Oid> = self.rules.iter().filter_map(column).collect();
        if let Some(first) = columns.first() {
            *self.fired.entry(Fault::StringIndex(first.clone()).name()).or_default() += 1;
        }
        columns
    }

    /// The subtrees that are gone at that time.
    pub(super) fn vanished(&mut self, time: Duration) -> Vec<Oid> {
        let gone = |fault: &Fault| match fault {
            Fault::Vanish { oid, after } if *after <= time => Some(oid.clone()),
            _ => None,
        };
        let rules: Vec<FaultRule> =
            self.rules.iter().filter(|it| gone(&it.fault).is_some()).cloned().collect();
        let mut subtrees = Vec::new();
        for rule in rules {
            if self.random.chance(rule.rate) {
                *self.fired.entry(rule.fault.name()).or_default() += 1;
                subtrees.extend(gone(&rule.fault));
            }
        }
        subtrees
    }

    /// Where to cut, what to change: repeatable, as all of it.
    pub(super) const fn random(&mut self) -> &mut Random {
        &mut self.random
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultRule, Faults};

    #[test]
    fn the_same_seed_brings_the_same_faults() {
        let draw = |seed| {
            let mut faults = Faults::new([FaultRule { fault: Fault::DropAnswer, rate: 0.3 }], seed);
            let fired: Vec<bool> = (0..1000).map(|_| faults.is_fired(&Fault::DropAnswer)).collect();
            assert_eq!(faults.fired().get("drop-answer").copied().unwrap_or(0), count(&fired));
            fired
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        assert!((250..350).contains(&count(&draw(5))), "{}", count(&draw(5)));
    }

    fn count(fired: &[bool]) -> u64 {
        fired.iter().map(|&it| u64::from(it)).sum()
    }

    #[test]
    fn only_what_is_ruled_happens() {
        let mut faults = Faults::new([FaultRule::from(Fault::TooBigAbove(3))], 1);
        let above = |asked: usize| {
            move |fault: &Fault| match fault {
                Fault::TooBigAbove(most) if *most < asked => Some(*most),
                _ => None,
            }
        };
        assert_eq!(faults.fires(above(3)), None);
        assert_eq!(faults.fires(above(4)), Some(3));
        assert!(!faults.is_fired(&Fault::Silent));
    }
}
