//! `profile draft TARGET`: a walk, and what a profile of the agent may look like, on standard output.

use super::super::exit::Exit;
use super::super::poll;
use super::super::target::TargetArguments;
use crate::model::{Oid, SystemClock};
use crate::poller::once;
use crate::profile::{Learned, ProfileSet, fixture, sketch};
use crate::snmp::{RequestSize, WalkLimits};
use std::path::PathBuf;

/// Walks and prints.
pub(super) fn run(arguments: &TargetArguments, folders: &[PathBuf]) -> Result<Exit, Exit> {
    let mibs = ProfileSet::mibs(folders);
    let ready = arguments.resolve(None)?;
    let limits = WalkLimits {
        repetitions: RequestSize::new(WalkLimits::REPETITIONS, WalkLimits::REPETITIONS),
        rows_max: ROWS_MAX,
    };
    let mut cells = Vec::new();
    let root = Oid::new(&[1, 3, 6, 1]);
    let walked = once::walk(&ready.target, &root, limits, SystemClock::new(), &mut |oid, value| {
        cells.push((oid.clone(), value.clone()));
    });
    let end = walked.map_err(|error| {
        eprintln!("rackwarden: {}: {}", ready.name, poll::explain(&error, &ready));
        Exit::of_poll(&error)
    })?;
    if !end.is_complete() {
        eprintln!("rackwarden: {}: the walk broke off after {} rows: {end:?}", ready.name, cells.len());
    }
    let learned: Learned = cells.iter().cloned().collect();
    let system = fixture::system_group(&learned);
    println!("{}", sketch::draft(&mibs, &system, &cells));
    Ok(Exit::Ok)
}

/// No agent of a PDU has more.
const ROWS_MAX: usize = 200_000;
