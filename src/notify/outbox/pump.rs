//! When an integration's next event leaves, and what its answer leads to: the sender's decisions
//! without its sockets.
//!
//! Two circuits stand between an event and its receiver: the integration's own (its key is throttled,
//! refused or missing) and its endpoint's (it cannot be reached, fails, or is not what it should be), which
//! all integrations with the same URL and way there share. Pure: time and randomness are arguments.

use super::lane::{CLAIMS_MAX, Job, Next};
use super::ledger::Ledger;
use crate::model::{Moment, Now};
use crate::notify::circuit::{Circuit, Epoch, Gate};
use crate::notify::pagerduty::{Decision, Reason, Verdict, event};
use crate::notify::retry::RetryPolicy;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// All integrations' ways out.
#[derive(Debug, Default)]
pub(crate) struct Pumps {
    lanes: BTreeMap<Arc<str>, Pump>,
    endpoints: BTreeMap<Arc<str>, Endpoint>,
}

#[derive(Debug)]
struct Pump {
    endpoint: Arc<str>,
    circuit: Circuit,
    /// How the last request ended.
    last: Reason,
    in_flight: usize,
}

#[derive(Debug, Default)]
struct Endpoint {
    circuit: Circuit,
    in_flight: usize,
    last: Option<Reason>,
}

/// What to do after looking for work.
#[derive(Debug)]
pub(crate) enum Step {
    /// Send this.
    Send(Ticket),
    /// Wait for something, at most until that moment.
    Wait(Option<Moment>),
}

/// A request under way.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) job: Job,
    own: Epoch,
    shared: Epoch,
    endpoint: Arc<str>,
}

/// What an answer led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It arrived; with when it was handed in.
    Accepted(Option<Moment>),
    /// It is tried again; the circuit is open for so long. `first`: the last request ended otherwise.
    Retry { pause: Duration, first: bool },
    /// It goes once more in its least form.
    Repaired,
    /// It was given up.
    GivenUp,
}

/// Why and until when an integration's circuit is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocked {
    pub(crate) until: Moment,
    pub(crate) failures: u32,
    pub(crate) reason: Reason,
}

impl Pumps {
    /// An integration begins (anew) toward that endpoint: what was wrong before may be right now.
    pub(crate) fn begin(&mut self, name: &Arc<str>, endpoint: &str) {
        let endpoint: Arc<str> = endpoint.into();
        let in_flight = self.lanes.get(name).map_or(0, |it| it.in_flight);
        let pump = Pump {
            endpoint: Arc::clone(&endpoint),
            circuit: Circuit::default(),
            last: Reason::Accepted,
            in_flight,
        };
        self.lanes.insert(Arc::clone(name), pump);
        let shared = self.endpoints.entry(endpoint).or_default();
        shared.circuit = Circuit::default();
        let lanes = &self.lanes;
        self.endpoints
            .retain(|name, it| 0 < it.in_flight || lanes.values().any(|lane| lane.endpoint == *name));
    }

    /// Nothing of that integration is under way any more: its sender is gone.
    pub(crate) fn released(&mut self, name: &str) {
        let Some(pump) = self.lanes.get_mut(name) else { return };
        if let Some(endpoint) = self.endpoints.get_mut(&pump.endpoint) {
            endpoint.in_flight = endpoint.in_flight.saturating_sub(pump.in_flight);
        }
        pump.in_flight = 0;
    }

    /// What its circuits say.
    pub(crate) fn blocked(&self, name: &str) -> Option<Blocked> {
        let pump = self.lanes.get(name)?;
        let own = pump.circuit.until().map(|until| Blocked {
            until,
            failures: pump.circuit.failures(),
            reason: pump.last,
        });
        let endpoint = self.endpoints.get(&pump.endpoint)?;
        let shared = endpoint.circuit.until().map(|until| Blocked {
            until,
            failures: endpoint.circuit.failures(),
            reason: endpoint.last.unwrap_or(pump.last),
        });
        own.into_iter().chain(shared).max_by_key(|it| it.until)
    }

    /// The next event of an integration, if it may leave at `now`.
    pub(crate) fn step(&mut self, ledger: &mut Ledger, name: &Arc<str>, now: Moment) -> Step {
        let Some(pump) = self.lanes.get_mut(name) else { return Step::Wait(None) };
        let endpoint = self.endpoints.entry(Arc::clone(&pump.endpoint)).or_default();
        if CLAIMS_MAX <= pump.in_flight {
            return Step::Wait(None);
        }
        let gates = [pump.circuit.gate(now, pump.in_flight), endpoint.circuit.gate(now, endpoint.in_flight)];
        for gate in gates {
            match gate {
                Gate::Open => (),
                Gate::Until(until) => {
                    ledger.dam(name);
                    return Step::Wait(Some(until));
                }
                Gate::Probing => {
                    ledger.dam(name);
                    return Step::Wait(None);
                }
            }
        }
        match ledger.next(name, now) {
            Next::Send(job) => {
                pump.in_flight += 1;
                endpoint.in_flight += 1;
                let (own, shared) = (pump.circuit.epoch(), endpoint.circuit.epoch());
                Step::Send(Ticket { job, own, shared, endpoint: Arc::clone(&pump.endpoint) })
            }
            Next::WaitUntil(until) => Step::Wait(Some(until)),
            Next::Claim(_) | Next::Idle => Step::Wait(None),
        }
    }

    /// A request has come back.
    pub(crate) fn ended(
        &mut self,
        ledger: &mut Ledger,
        name: &Arc<str>,
        ticket: &Ticket,
        verdict: &Verdict,
        (policy, jitter): (&RetryPolicy, f64),
        now: Now,
    ) -> Ended {
        let (sequence, moment) = (ticket.job.sequence, now.moment);
        if let Some(pump) = self.lanes.get_mut(name) {
            pump.in_flight = pump.in_flight.saturating_sub(1);
        }
        if let Some(endpoint) = self.endpoints.get_mut(&ticket.endpoint) {
            endpoint.in_flight = endpoint.in_flight.saturating_sub(1);
        }
        match verdict.decision {
            Decision::Accepted => {
                self.succeeded(name, ticket);
                Ended::Accepted(ledger.accepted(name, sequence, moment))
            }
            Decision::Retry => {
                let (pause, first) = self.failed(name, ticket, verdict, policy, jitter, moment);
                // An event that fails again and again steps behind those that have not: its own pause is
                // longer than the circuit's once others get through.
                let attempts = ticket.job.attempts.saturating_add(1);
                let own = policy.pause(verdict.reason, attempts, verdict.retry_after, jitter);
                let arrived = verdict.reason.may_have_arrived();
                ledger.failed(name, sequence, arrived, moment + own, moment);
                Ended::Retry { pause, first }
            }
            Decision::Repair | Decision::DeadLetter => {
                self.succeeded(name, ticket);
                let repaired = (verdict.decision == Decision::Repair && !ticket.job.record.repaired)
                    .then(|| event::repaired(&ticket.job.record.body, &verdict.text))
                    .flatten();
                match repaired {
                    Some(body) => {
                        ledger.repaired(name, sequence, body, moment);
                        Ended::Repaired
                    }
                    None => {
                        let why = (verdict.reason, verdict.text.clone());
                        ledger.give_up(name, sequence, why, now.unix, moment);
                        Ended::GivenUp
                    }
                }
            }
        }
    }

    fn succeeded(&mut self, name: &str, ticket: &Ticket) {
        if let Some(pump) = self.lanes.get_mut(name) {
            pump.last = Reason::Accepted;
            pump.circuit.succeeded(ticket.own);
        }
        if let Some(endpoint) = self.endpoints.get_mut(&ticket.endpoint) {
            endpoint.last = None;
            endpoint.circuit.succeeded(ticket.shared);
        }
    }

    fn failed(
        &mut self,
        name: &str,
        ticket: &Ticket,
        verdict: &Verdict,
        policy: &RetryPolicy,
        jitter: f64,
        now: Moment,
    ) -> (Duration, bool) {
        let pause = |failures| policy.pause(verdict.reason, failures, verdict.retry_after, jitter);
        let Some(pump) = self.lanes.get_mut(name) else { return (Duration::ZERO, false) };
        let first = pump.last != verdict.reason;
        pump.last = verdict.reason;
        // 429 is the key's alone: PagerDuty counts requests by integration key (RFC 6585, section 4, leaves that
        // to the server), and a pause for the whole endpoint would let one noisy key keep silent what is critical
        // under another. If the whole account is over its limit, each key finds out with one request.
        let of_key = matches!(verdict.reason, Reason::Throttled | Reason::KeyRefused | Reason::KeyMissing);
        let endpoint = self.endpoints.entry(Arc::clone(&ticket.endpoint)).or_default();
        let circuit = if of_key {
            pump.circuit.failed(ticket.own, now, pause);
            &pump.circuit
        } else {
            endpoint.last = Some(verdict.reason);
            endpoint.circuit.failed(ticket.shared, now, pause);
            &endpoint.circuit
        };
        (circuit.until().unwrap_or(now).since(now), first)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ended, Pumps, Step};
    use crate::model::{Moment, Now};
    use crate::notify::outbox::ledger::{Ledger, Limits};
    use crate::notify::outbox::ledger_test::announcement_for;
    use crate::notify::outbox::record::Rows;
    use crate::notify::pagerduty::{Decision, Reason, Verdict};
    use crate::notify::retry::RetryPolicy;
    use std::sync::Arc;
    use std::time::Duration;

    fn verdict(decision: Decision, reason: Reason) -> Verdict {
        Verdict { decision, reason, text: String::new(), retry_after: None }
    }

    struct Bench {
        ledger: Ledger,
        pumps: Pumps,
        now: Now,
    }

    impl Bench {
        fn new(lanes: &[(&str, &str)]) -> Self {
            let mut pumps = Pumps::default();
            let ledger = Ledger::new(Limits::DEFAULT, Rows::default(), Now::default());
            for (name, endpoint) in lanes {
                pumps.begin(&Arc::from(*name), endpoint);
            }
            Self { ledger, pumps, now: Now::default() }
        }

        fn step(&mut self, lane: &str) -> Step {
            for _ in 0..2 {
                let step = self.pumps.step(&mut self.ledger, &lane.into(), self.now.moment);
                if let Step::Send(_) = step {
                    return step;
                }
                let (_, generation) = self.ledger.take_ops(usize::MAX, self.now);
                self.ledger.saved(generation, self.now.moment);
            }
            self.pumps.step(&mut self.ledger, &lane.into(), self.now.moment)
        }

        fn end(&mut self, lane: &str, step: Step, verdict: &Verdict) -> Ended {
            let Step::Send(ticket) = step else { panic!("{lane} sends nothing: {step:?}") };
            let policy = RetryPolicy::DEFAULT;
            self.pumps.ended(&mut self.ledger, &lane.into(), &ticket, verdict, (&policy, 0.0), self.now)
        }
    }

    #[test]
    fn a_dead_host_holds_up_its_own_integrations_only() {
        let mut bench = Bench::new(&[("a", "https://x"), ("b", "https://x"), ("c", "https://y")]);
        for key in ["one", "two"] {
            bench.ledger.announce(&announcement_for(key, &["a", "b", "c"]), Moment::ZERO);
        }
        let step = bench.step("a");
        let failed = bench.end("a", step, &verdict(Decision::Retry, Reason::ServerError));
        assert_eq!(failed, Ended::Retry { pause: Duration::from_secs(1), first: true });
        assert!(matches!(bench.step("b"), Step::Wait(Some(_))), "the same host");
        assert_eq!(bench.pumps.blocked("b").map(|it| it.reason), Some(Reason::ServerError));
        let step = bench.step("c");
        assert!(matches!(
            bench.end("c", step, &verdict(Decision::Accepted, Reason::Accepted)),
            Ended::Accepted(_)
        ));
        bench.now.moment = Moment::after_zero(Duration::from_secs(1));
        let probe = bench.step("b");
        assert!(matches!(bench.step("a"), Step::Wait(None)), "one tries for both");
        bench.end("b", probe, &verdict(Decision::Accepted, Reason::Accepted));
        assert!(matches!(bench.step("a"), Step::Send(_)));
    }

    #[test]
    fn a_throttled_key_holds_up_itself_only() {
        let mut bench = Bench::new(&[("a", "https://x"), ("b", "https://x")]);
        bench.ledger.announce(&announcement_for("one", &["a", "b"]), Moment::ZERO);
        let step = bench.step("a");
        let failed = bench.end("a", step, &verdict(Decision::Retry, Reason::Throttled));
        assert_eq!(failed, Ended::Retry { pause: Duration::from_secs(30), first: true });
        assert!(matches!(bench.step("b"), Step::Send(_)));
    }
}
