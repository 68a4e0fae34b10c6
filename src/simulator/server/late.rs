//! Answers that are due later, earliest first.

use super::super::agent::Origin;
use crate::model::Moment;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// An answer that waits for its time.
#[derive(Debug)]
pub(super) struct Late {
    pub(super) due: Moment,
    pub(super) endpoint: usize,
    pub(super) peer: SocketAddr,
    pub(super) asked: IpAddr,
    pub(super) origin: Origin,
    pub(super) datagram: Box<[u8]>,
}

/// Bounded: an answer that finds it full is dropped, as a network would.
#[derive(Debug, Default)]
pub(super) struct LateQueue {
    /// By due time, then in the order of arrival.
    answers: BTreeMap<(Moment, u64), Late>,
    arrivals: u64,
}

impl LateQueue {
    /// 10,000 agents with an answer of 1,472 octets each, a few times over.
    const LENGTH_MAX: usize = 65_536;

    /// False if it is full.
    pub(super) fn push(&mut self, answer: Late) -> bool {
        if Self::LENGTH_MAX <= self.answers.len() {
            return false;
        }
        self.arrivals += 1;
        self.answers.insert((answer.due, self.arrivals), answer);
        true
    }

    pub(super) fn next_due(&self) -> Option<Moment> {
        self.answers.first_key_value().map(|((due, _), _)| *due)
    }

    /// The earliest, if its time has come.
    pub(super) fn pop_due(&mut self, now: Moment) -> Option<Late> {
        if self.next_due()? <= now { self.answers.pop_first().map(|(_, answer)| answer) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::{Late, LateQueue, Origin};
    use crate::model::Moment;

    fn answer(due: u64, mark: u8) -> Late {
        let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
        let due = Moment::from_nanoseconds(due);
        Late { due, endpoint: 0, peer, asked: peer.ip(), origin: Origin::Asked, datagram: [mark].into() }
    }

    #[test]
    fn the_earliest_comes_first_and_not_before_its_time() {
        let mut queue = LateQueue::default();
        for (due, mark) in [(30, 1), (10, 2), (10, 3)] {
            assert!(queue.push(answer(due, mark)));
        }
        let mut pop = |now| queue.pop_due(Moment::from_nanoseconds(now)).map(|it| it.datagram[0]);
        assert_eq!([pop(9), pop(10), pop(10), pop(10), pop(30)], [None, Some(2), Some(3), None, Some(1)]);
    }

    #[test]
    fn a_full_queue_takes_no_more() {
        let mut queue = LateQueue::default();
        assert!((0..LateQueue::LENGTH_MAX).all(|_| queue.push(answer(1, 0))));
        assert!(!queue.push(answer(1, 0)));
    }
}
