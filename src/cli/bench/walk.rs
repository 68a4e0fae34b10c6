//! The same devices by walking: each poll walks the tables of the bench's device by GETBULK, picks the plan's
//! cells out of the rows, and goes the daemon's way from there: decode, rules, store.
//!
//! The daemon walks to learn and polls by GET; this says what a walk costs it. Sockets, sessions and walks are
//! the poller's own; the loop around them stands in for the shard.

use super::report::Figures;
use super::usage::Cpu;
use crate::app::pipeline::{Pipeline, Shared};
use crate::model::{Batch, Cells, Moment, Now, Oid, SystemClock};
use crate::poller::endpoint::{Endpoint, bind};
use crate::poller::{Outcome, Ready, Sink};
use crate::snmp::wire::Version;
use crate::snmp::{Incoming, Picked, Received, RequestSize, Session, TakeRows, Walk, WalkLimits};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

/// As many agents at a time as the daemon asks.
const IN_FLIGHT_MAX: usize = 512;
/// max-repetitions.
const REPETITIONS: u32 = 25;

/// What to do.
pub(super) struct WalkJob {
    pub shared: Arc<Shared>,
    /// A device of the kind, learnt.
    pub ready: Arc<Ready>,
    /// Whom to walk, each with what it brought last.
    pub agents: Vec<(SocketAddr, Batch)>,
    pub community: String,
    pub timeout: Duration,
    pub retries: u32,
    pub seconds: u64,
}

/// One agent.
struct Agent {
    address: SocketAddr,
    session: Session,
    walk: Walk<Picked>,
    /// The subtree that is walked.
    root: usize,
    outcome: Outcome,
    begun: Moment,
    /// 1 to 127: the request-id's first octet.
    generation: u8,
    waits: bool,
    sends: u32,
}

/// The walks under way.
struct Walks {
    ready: Arc<Ready>,
    roots: Vec<Oid>,
    agents: Vec<Agent>,
    pipeline: Pipeline,
    /// To be sent to.
    due: VecDeque<usize>,
    /// Not begun yet, next first.
    idle: VecDeque<usize>,
    figures: Figures,
    requests: u64,
    timeouts: u64,
}

/// Runs the job on this thread.
///
/// # Errors
/// No socket.
pub(super) fn run(job: WalkJob, roots: Vec<Oid>, clock: SystemClock) -> anyhow::Result<Figures> {
    let mut endpoint = Endpoint::new(bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?.into());
    let (timeout, retries) = (job.timeout, job.retries);
    let end = Duration::from_secs(job.seconds);
    let mut walks = Walks::new(job, roots);
    let mut deadlines: VecDeque<(Moment, usize, u8)> = VecDeque::new();
    let (before, begun) = (Cpu::now(), clock.moment());
    while clock.moment().since(begun) < end {
        let now = clock.now();
        while !endpoint.is_full()
            && let Some(at) = walks.due.pop_front()
        {
            let mut octets = endpoint.spare();
            octets.clear();
            let Some(agent) = walks.agents.get_mut(at) else { continue };
            agent.write(at, now.moment, &mut octets);
            endpoint.queue(u32::try_from(at)?, agent.address, octets);
            deadlines.push_back((now.moment + timeout, at, agent.generation));
        }
        let sent = endpoint.flush(&mut Vec::new());
        walks.requests += u64::try_from(sent)?;
        let mut received = 0_usize;
        endpoint.receive(&mut |from, datagram| {
            received += 1;
            walks.take(from, datagram, now);
        });
        while let Some(&(when, at, generation)) = deadlines.front() {
            let waits = walks.agents.get(at).is_some_and(|it| it.waits && it.generation == generation);
            if waits && now.moment < when {
                break;
            }
            deadlines.pop_front();
            if waits {
                walks.overdue(at, retries);
            }
        }
        if sent == 0 && received == 0 {
            poll(&mut [PollFd::new(endpoint.as_fd(), PollFlags::POLLIN)], PollTimeout::from(1_u8))?;
        }
    }
    walks.figures.cpu = Cpu::now() - before;
    walks.figures.took = clock.moment().since(begun);
    walks.figures.requests = Some(walks.requests);
    walks.figures.timeouts = Some(walks.timeouts);
    Ok(walks.figures)
}

impl Walks {
    fn new(job: WalkJob, roots: Vec<Oid>) -> Self {
        let repetitions = RequestSize::new(REPETITIONS, REPETITIONS);
        let community: Arc<[u8]> = Arc::from(job.community.as_bytes());
        let limits = WalkLimits { repetitions, ..WalkLimits::default() };
        let names = job.ready.names();
        let agent = |(address, batch): (SocketAddr, Batch)| Agent {
            address,
            session: Session::Community { version: Version::V2c, community: Arc::clone(&community) },
            walk: Walk::handing(Picked::new(Arc::clone(names)), Oid::default(), limits),
            root: 0,
            outcome: Outcome { batch, ready: None, cells: Cells::default(), notes: Vec::new() },
            begun: Moment::ZERO,
            generation: 1,
            waits: false,
            sends: 0,
        };
        let agents: Vec<Agent> = job.agents.into_iter().map(agent).collect();
        let mut walks = Self {
            pipeline: Pipeline::new(job.shared),
            ready: job.ready,
            roots,
            idle: (0..agents.len()).collect(),
            agents,
            due: VecDeque::new(),
            figures: Figures::default(),
            requests: 0,
            timeouts: 0,
        };
        for _ in 0..IN_FLIGHT_MAX {
            walks.begin_next();
        }
        walks
    }

    fn begin_next(&mut self) {
        let Some(at) = self.idle.pop_front() else { return };
        let (Some(agent), Some(root)) = (self.agents.get_mut(at), self.roots.first()) else { return };
        (agent.root, agent.begun) = (0, Moment::ZERO);
        agent.walk.rows_mut().restart();
        agent.walk.begin(root.clone());
        self.due.push_back(at);
    }

    fn take(&mut self, from: SocketAddr, datagram: &[u8], now: Now) {
        let Ok(incoming) = Incoming::parse(datagram) else { return };
        let [generation, a, b, c] = incoming.id().to_be_bytes();
        let at = u32::from_be_bytes([0, a, b, c]) as usize;
        let Some(agent) = self.agents.get_mut(at) else { return };
        let fits = agent.waits && agent.generation == generation && agent.address == from;
        if !fits || !agent.session.fits(&incoming) {
            return;
        }
        let mut nothing = Vec::new();
        let Received::Response(pdu) = agent.session.read(incoming, now.moment, &mut nothing) else { return };
        (agent.waits, agent.sends) = (false, 0);
        let Some(end) = agent.walk.on_response(&pdu) else {
            self.due.push_back(at);
            return;
        };
        self.figures.cells += u64::try_from(agent.walk.rows().len()).unwrap_or_default();
        agent.root += 1;
        match self.roots.get(agent.root) {
            Some(root) if end.is_complete() => {
                agent.walk.begin(root.clone());
                self.due.push_back(at);
            }
            _ => self.finish(at, end.is_complete(), now),
        }
    }

    /// Decodes what was walked, and hands it to the pipeline.
    fn finish(&mut self, at: usize, is_whole: bool, now: Now) {
        let Some(agent) = self.agents.get_mut(at) else { return };
        let Outcome { batch, cells, .. } = &mut agent.outcome;
        std::mem::swap(agent.walk.rows_mut().cells_mut(), cells);
        self.ready.plan.decode(cells, &mut batch.samples);
        (batch.time, batch.duration) = (now, now.moment.since(agent.begun));
        self.figures.polls += 1;
        self.figures.whole += u64::from(is_whole);
        self.pipeline.polled(u32::try_from(at).unwrap_or(u32::MAX), &agent.outcome);
        self.idle.push_back(at);
        self.begin_next();
    }

    fn overdue(&mut self, at: usize, retries: u32) {
        self.timeouts += 1;
        let Some(agent) = self.agents.get_mut(at) else { return };
        if agent.sends <= retries {
            self.due.push_back(at);
            return;
        }
        (agent.waits, agent.sends) = (false, 0);
        self.figures.polls += 1;
        self.idle.push_back(at);
        self.begin_next();
    }
}

impl Agent {
    fn write(&mut self, at: usize, now: Moment, out: &mut Vec<u8>) {
        if self.begun == Moment::ZERO {
            self.begun = now;
        }
        self.generation = if self.generation == 0x7f { 1 } else { self.generation + 1 };
        (self.waits, self.sends) = (true, self.sends + 1);
        let [_, a, b, c] = u32::try_from(at).unwrap_or(u32::MAX).to_be_bytes();
        let id = i32::from_be_bytes([self.generation, a, b, c]);
        // A community needs no keys.
        let _written = self.session.write(id, &self.walk.request(), now, out);
    }
}
