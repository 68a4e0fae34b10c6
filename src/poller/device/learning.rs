//! How a device is learnt: at first, and anew in the pauses between its polls.
//!
//! Pure. Invariants: what is known of a device goes on until a learning brought something that
//! [`Renewal`](super::renewal::Renewal) believes; what did not change keeps its `Arc`s, and with them the rules
//! and labels that hang on these. What is asked and how it is read is the [`Learner`]'s.

use super::{Activity, Device, Ready, Step};
use crate::model::{Identity, Moment, Now, Oid, Source};
use crate::poller::learn::{LearnStep, Learner};
use crate::profile::Plan;
use crate::snmp::GetJob;
use crate::snmp::wire::Names;
use std::sync::Arc;
use std::time::Duration;

impl Device {
    /// Whether there is something to learn while it is not polled.
    #[must_use]
    pub fn wants_learning(&self, now: Moment) -> bool {
        let is_due = || self.learner.is_some() || self.renewal.is_due(now);
        self.outcome.ready.is_some() && self.failures == 0 && is_due()
    }

    /// Learns between polls: begins, or goes on where the last poll came between.
    pub fn resume_learning(&mut self, now: Moment) {
        if self.learner.is_none() {
            self.start_learning(now);
        }
        self.next_exchange();
        self.activity = Activity::Learn;
    }

    pub(super) fn start_learning(&mut self, now: Moment) {
        self.renewal.begin();
        self.learning_since = now;
        self.reach.get.forget();
        self.reach.repetitions.forget();
        let chosen = self.settings.profile.clone();
        let (profiles, getbulk) = (Arc::clone(&self.profiles), self.session.knows_getbulk());
        self.learner = Some(Box::new(Learner::new(profiles, chosen, getbulk, self.reach)));
    }

    /// What the learner came to.
    pub(super) fn learnt(&mut self, step: LearnStep, now: Now) -> Step {
        if let Some(limits) = self.learner.as_ref().and_then(|it| it.agent_limits()) {
            let gap = Duration::from_secs(1).checked_div(limits.requests_per_second);
            self.profile_gap = gap.unwrap_or_default();
            self.in_flight_max = limits.requests_in_flight.min(self.settings.requests_in_flight);
        }
        if matches!(step, LearnStep::Ask) {
            return Step::Ask;
        }
        let Some(learner) = self.learner.take() else { return Step::Learnt };
        self.outcome.notes.extend_from_slice(learner.notes());
        match step {
            LearnStep::Ask => Step::Ask,
            LearnStep::Done(plan) => {
                let complete = learner.learned().is_complete();
                self.renewal.set_uptime(learner.system().sys_uptime_ticks);
                self.reach = learner.reach();
                let is_less = self.outcome.ready.as_ref().is_some_and(|it| it.plan.has_more_than(&plan));
                let is_known = self.outcome.ready.is_some();
                if is_known && !self.renewal.is_believed(is_less, complete) {
                    return self.learning_ended(now);
                }
                self.renewal.on_learnt(complete, now.moment);
                self.polling_since = now.moment;
                self.apart = None;
                let was_known = self.outcome.ready.is_some();
                let ready = Arc::new(self.make_ready(*plan));
                self.kinds.remember(&ready);
                self.activity = if was_known {
                    Activity::Idle
                } else {
                    Activity::Poll(GetJob::new(Arc::clone(&ready.names), self.reach.get))
                };
                self.outcome.ready = Some(ready);
                if was_known { Step::Learnt } else { Step::Ask }
            }
            // An agent that has just started may lack its tables for a while, and one that answers may
            // leave some columns unanswered: what is known of it goes on. So it does where it is silent:
            // that is for its polls to tell.
            LearnStep::Failed(_) if self.outcome.ready.is_some() => self.learning_ended(now),
            LearnStep::Failed(error) => {
                let system = learner.system();
                let identity = Identity {
                    sys_object_id: system.sys_object_id.clone(),
                    sys_descr: system.sys_descr.clone(),
                    sys_name: system.sys_name.clone(),
                    ..Identity::default()
                };
                // Who it says it is helps whoever writes its profile.
                if learner.was_answered() && self.source.identity != identity {
                    self.source = Arc::new(Source { identity, ..Source::clone(&self.source) });
                }
                self.fail(error, now)
            }
        }
    }

    /// A learning between polls brought nothing to go by: another one before long.
    pub(super) fn learning_ended(&mut self, now: Now) -> Step {
        self.learner = None;
        self.activity = Activity::Idle;
        self.renewal.on_nothing(now.moment);
        Step::Learnt
    }

    fn make_ready(&self, mut plan: Plan) -> Ready {
        let names = self.kinds.share(&mut plan).unwrap_or_else(|| {
            let uptime = Oid::new(&[1, 3, 6, 1, 2, 1, 1, 3, 0]);
            let with_uptime = plan.cells.iter().chain(std::iter::once(&uptime));
            // The plan's cells were read from an agent, so they can be written; one that cannot be
            // leaves the whole list empty, and each reading then says "not polled".
            Arc::new(Names::new(with_uptime).unwrap_or_default())
        });
        let source = Source {
            profile: Arc::clone(&plan.profile),
            identity: plan.identity.clone(),
            ..Source::clone(&self.source)
        };
        // What did not change keeps its `Arc`s: bindings and labels that hang on them stay.
        match &self.outcome.ready {
            Some(old) if old.plan.shape == plan.shape && *old.source == source => {
                plan.shape = Arc::clone(&old.plan.shape);
                Ready { plan, names, source: Arc::clone(&old.source) }
            }
            _ => Ready { plan, names, source: Arc::new(source) },
        }
    }
}
