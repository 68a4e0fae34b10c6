//! The shared back-off of one receiver: after a failure nothing is sent for a while, then one request
//! at a time until one succeeds.

use crate::model::Moment;
use std::time::Duration;

/// One receiver's circuit.
#[derive(Debug, Clone, Default)]
pub(super) struct Circuit {
    /// Failures in a row; requests that were under way together count once.
    failures: u32,
    /// Not before; `None` while all is well.
    until: Option<Moment>,
    /// Moves on with each failure that counts, so that late answers of requests that left before it
    /// are known.
    epoch: u64,
}

/// Which failures a request can still count for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

/// Whether a request may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Yes.
    Open,
    /// Not before that moment.
    Until(Moment),
    /// Not before the one under way has its answer.
    Probing,
}

impl Circuit {
    /// Whether a request may leave at `now`, with so many under way.
    #[must_use]
    pub(super) fn gate(&self, now: Moment, in_flight: usize) -> Gate {
        match self.until {
            None => Gate::Open,
            Some(until) if now < until => Gate::Until(until),
            Some(_) if in_flight == 0 => Gate::Open,
            Some(_) => Gate::Probing,
        }
    }

    /// The mark for a request that leaves now.
    #[must_use]
    pub(super) const fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    /// A request of that epoch succeeded. One that left before the last failure proves nothing.
    pub(super) fn succeeded(&mut self, epoch: Epoch) {
        if epoch.0 == self.epoch {
            self.failures = 0;
            self.until = None;
        }
    }

    /// A request of that epoch failed at `now`; `pause` says for how long after so many in a row.
    pub(super) fn failed(&mut self, epoch: Epoch, now: Moment, pause: impl FnOnce(u32) -> Duration) {
        if epoch.0 == self.epoch {
            self.failures = self.failures.saturating_add(1);
            self.epoch += 1;
        }
        let until = now + pause(self.failures.max(1));
        self.until = Some(self.until.map_or(until, |it| it.max(until)));
    }

    /// Until when nothing is sent; `None` while all is well.
    #[must_use]
    pub(super) const fn until(&self) -> Option<Moment> {
        self.until
    }

    /// Failures in a row.
    #[must_use]
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::{Circuit, Gate};
    use crate::model::Moment;
    use std::time::Duration;

    fn at(seconds: u64) -> Moment {
        Moment::after_zero(Duration::from_secs(seconds))
    }

    fn doubling(failures: u32) -> Duration {
        Duration::from_secs(1 << failures)
    }

    #[test]
    fn pauses_then_probes_then_closes() {
        let mut circuit = Circuit::default();
        assert_eq!(circuit.gate(at(0), 7), Gate::Open);
        let first = circuit.epoch();
        circuit.failed(first, at(0), doubling);
        assert_eq!(circuit.gate(at(1), 0), Gate::Until(at(2)));
        assert_eq!(circuit.gate(at(2), 0), Gate::Open);
        assert_eq!(circuit.gate(at(2), 1), Gate::Probing);
        let probe = circuit.epoch();
        circuit.failed(probe, at(2), doubling);
        assert_eq!(circuit.gate(at(5), 0), Gate::Until(at(6)));
        circuit.succeeded(circuit.epoch());
        assert_eq!((circuit.gate(at(5), 7), circuit.failures()), (Gate::Open, 0));
    }

    #[test]
    fn requests_under_way_together_count_once() {
        let mut circuit = Circuit::default();
        let epoch = circuit.epoch();
        for _ in 0..8 {
            circuit.failed(epoch, at(0), doubling);
        }
        assert_eq!((circuit.failures(), circuit.until()), (1, Some(at(2))));
        circuit.succeeded(epoch);
        assert_eq!(circuit.gate(at(1), 0), Gate::Until(at(2)), "a success from before the failure");
    }
}
