//! The same job by bare snmp2 sessions: what a bench is held against.
//!
//! One asynchronous session, and so one socket, an agent, as that library is used; values are decoded and
//! thrown away. No profile, store or rule. The one place beside `snmp::wire` that names snmp2.

use super::usage::Cpu;
use crate::model::{Moment, Oid, SystemClock};
use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use snmp2::{AsyncSession, Value};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Each session has a descriptor of its own.
pub(super) const SESSIONS_MAX: usize = 1000;
/// Descriptors that the process needs beside theirs.
const OTHER_DESCRIPTORS: u64 = 256;
/// As many names in one GET as the daemon asks for at most.
const NAMES_MAX: usize = 64;

/// What the sessions do.
pub(super) struct PeerJob {
    /// Whom they ask: the first [`SESSIONS_MAX`].
    pub addresses: Vec<SocketAddr>,
    /// How they are let in.
    pub community: String,
    /// What each is asked for.
    pub cells: Arc<[Oid]>,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// How often a request is repeated.
    pub retries: u32,
    /// For how long.
    pub seconds: u64,
}

/// What it came to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct PeerTally {
    /// Sessions.
    pub sessions: usize,
    /// Polls that ended.
    pub polls: u64,
    /// Of which every request was answered.
    pub whole: u64,
    /// Varbinds that came.
    pub cells: u64,
    /// What the process used meanwhile.
    pub cpu: Cpu,
    /// How long it took.
    pub took: Duration,
}

/// Runs the job on this thread.
///
/// # Errors
/// No socket, or a name that the library cannot hold.
pub(super) fn run(job: &PeerJob, clock: SystemClock) -> anyhow::Result<PeerTally> {
    let sessions = job.addresses.len().min(SESSIONS_MAX);
    allow_descriptors(sessions);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let names: Arc<[snmp2::Oid<'static>]> =
            job.cells.iter().map(name).collect::<anyhow::Result<Vec<_>>>()?.into();
        let mut opened = Vec::with_capacity(sessions);
        for address in job.addresses.iter().take(sessions) {
            let session = AsyncSession::new_v2c(*address, job.community.as_bytes(), 1).await;
            opened.push(session.with_context(|| format!("no session for {address}"))?);
        }
        let (before, begun) = (Cpu::now(), clock.moment());
        let end = begun + Duration::from_secs(job.seconds);
        let running: Vec<_> = opened
            .into_iter()
            .map(|session| {
                let (names, timeout, retries) = (Arc::clone(&names), job.timeout, job.retries);
                tokio::task::spawn_local(poll(session, names, timeout, retries, clock, end))
            })
            .collect();
        let mut total = PeerTally { sessions, ..PeerTally::default() };
        for one in running {
            let one = one.await?;
            total.polls += one.polls;
            total.whole += one.whole;
            total.cells += one.cells;
        }
        total.cpu = Cpu::now() - before;
        total.took = clock.moment().since(begun);
        Ok(total)
    })
}

/// Polls one agent until the end.
async fn poll(
    mut session: AsyncSession,
    names: Arc<[snmp2::Oid<'static>]>,
    timeout: Duration,
    retries: u32,
    clock: SystemClock,
    end: Moment,
) -> PeerTally {
    let names: Vec<&snmp2::Oid<'static>> = names.iter().collect();
    let mut tally = PeerTally::default();
    let mut sum = 0.0;
    while clock.moment() < end {
        let mut whole = true;
        for names in names.chunks(NAMES_MAX) {
            whole &= get(&mut session, names, timeout, retries, &mut tally.cells, &mut sum).await;
        }
        tally.polls += 1;
        tally.whole += u64::from(whole);
    }
    std::hint::black_box(sum);
    tally
}

async fn get(
    session: &mut AsyncSession,
    names: &[&snmp2::Oid<'static>],
    timeout: Duration,
    retries: u32,
    cells: &mut u64,
    sum: &mut f64,
) -> bool {
    for _ in 0..=retries {
        match tokio::time::timeout(timeout, session.get_many(names)).await {
            Ok(Ok(pdu)) => {
                for (_, value) in pdu.varbinds {
                    *cells += 1;
                    *sum += number(&value);
                }
                return true;
            }
            Ok(Err(_)) => return false,
            Err(_) => (),
        }
    }
    false
}

#[expect(clippy::cast_precision_loss, reason = "a sum that nobody reads, so that values are decoded")]
fn number(value: &Value<'_>) -> f64 {
    match value {
        Value::Integer(it) => *it as f64,
        Value::Unsigned32(it) | Value::Counter32(it) | Value::Timeticks(it) => f64::from(*it),
        Value::Counter64(it) => *it as f64,
        _ => 0.0,
    }
}

fn name(oid: &Oid) -> anyhow::Result<snmp2::Oid<'static>> {
    let arcs: Vec<u64> = oid.arcs().iter().map(|it| u64::from(*it)).collect();
    snmp2::Oid::from(&arcs).map_err(|_| anyhow::anyhow!("snmp2 cannot hold {oid}"))
}

/// Raises the limit on open files as far as it may be; one that is too low shows when a session is opened.
fn allow_descriptors(sessions: usize) {
    let wanted = OTHER_DESCRIPTORS + u64::try_from(sessions).unwrap_or_default();
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < wanted
    {
        let _raised = setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard);
    }
}
