//! Requests in flight beside the one that is due, for agents whose profile allows more than one. Pure.
//!
//! Each has a mark, by which its answer is known. None of them is repeated: when no other request is due, or
//! one is overdue, it becomes the one that is due.

use super::{Activity, Device, Room};
use crate::model::{Moment, Now};
use crate::poller::timing::Exchange;
use crate::snmp::v3::WaitCause;
use crate::snmp::wire::Pdu;
use crate::snmp::{GetStep, Incoming, Received};

/// A request in flight beside the one that is due.
#[derive(Debug)]
pub(super) struct Beside {
    mark: u8,
    /// See [`Session::begin_request`](crate::snmp::Session::begin_request).
    nonce: i32,
    run: (usize, usize),
    exchange: Exchange,
}

impl Device {
    /// Whether it may ever have more than one request in flight.
    #[must_use]
    pub const fn allows_beside(&self) -> bool {
        1 < self.in_flight_max
    }

    /// Writes a request to be sent beside the one that is due, if there is one and the agent may have it. Of
    /// SNMPv3 there is none while anything about the agent's engine is in doubt. `nonce` as in
    /// [`Self::write_request`].
    pub fn write_beside(
        &mut self,
        mark: u8,
        request_id: i32,
        nonce: i32,
        now: Moment,
        out: &mut Vec<u8>,
    ) -> bool {
        let (asked, earliest) = (self.beside.len() + 1, self.may_be_asked_at());
        let Activity::Poll(job) = &mut self.activity else { return false };
        let may = asked < usize::from(self.in_flight_max) && earliest <= now && self.failures == 0;
        if !may || self.is_in_doubt {
            return false;
        }
        let Some(run) = job.take_beside() else { return false };
        if !self.session.write_beside(request_id, nonce, job.request_of(run).varbinds, now, out) {
            job.give_back(run);
            return false;
        }
        let mut exchange = Exchange::new();
        exchange.on_sent(now);
        self.beside.push(Beside { mark, nonce, run, exchange });
        self.effort.requests = self.effort.requests.saturating_add(1);
        self.pace.on_sent(self.request_gap(), now);
        true
    }

    /// Whether the request with that mark is in flight beside the one that is due.
    #[must_use]
    pub fn is_beside(&self, mark: u8) -> bool {
        self.beside.iter().any(|it| it.mark == mark)
    }

    /// What a datagram that bears its id brought.
    #[must_use]
    pub fn read_beside<'a>(
        &self,
        mark: u8,
        incoming: Incoming<'a>,
        scratch: &'a mut Vec<u8>,
    ) -> Received<'a> {
        match self.beside.iter().find(|it| it.mark == mark) {
            Some(beside) => self.session.read_beside(incoming, beside.nonce, scratch),
            None => Received::Wait(WaitCause::Foreign),
        }
    }

    /// The agent reports something about its engine: it is asked again, as the one that is due, and nothing goes
    /// out beside that one for the rest of the poll. So a forger slows it down, and no more.
    pub fn on_report_beside(&mut self, mark: u8) {
        let Some(at) = self.beside.iter().position(|it| it.mark == mark) else { return };
        let beside = self.beside.remove(at);
        self.is_in_doubt = true;
        if let Activity::Poll(job) = &mut self.activity {
            job.give_back(beside.run);
        }
    }

    /// Takes the answer to it.
    pub fn on_response_beside(&mut self, mark: u8, pdu: &Pdu<'_>, now: Now, room: &mut Room) {
        let Some(at) = self.beside.iter().position(|it| it.mark == mark) else { return };
        let beside = self.beside.remove(at);
        self.round_trip.on_answer(&beside.exchange, now.moment);
        if let Activity::Poll(job) = &mut self.activity {
            job.on_beside(beside.run, pdu, &mut room.cells);
        }
    }

    /// Makes the oldest request that is in flight beside it the one that is due: where no other is left to be
    /// asked, or where it is overdue. Its mark.
    pub(super) fn promote(&mut self, step: GetStep, now: Moment) -> Option<u8> {
        let deadline = self.beside.first()?.exchange.deadline(self.patience(), self.round_trip);
        let Activity::Poll(job) = &mut self.activity else { return None };
        if step == GetStep::Ask && now < deadline {
            return None;
        }
        let Beside { mark, nonce, run, exchange } = self.beside.remove(0);
        job.make_due(run);
        self.session.adopt_request(nonce);
        (self.exchange, self.is_begun) = (exchange, true);
        Some(mark)
    }

    /// Requests in flight beside the one that is due are not waited for: their cells are asked anew, or given up.
    pub(super) fn forget_beside(&mut self) {
        if let Activity::Poll(job) = &mut self.activity {
            self.beside.drain(..).for_each(|it| job.give_back(it.run));
        }
    }
}
