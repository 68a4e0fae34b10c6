//! `profile test FOLDER`: what is read from agents in files, against what a person has found right.

use super::super::exit::Exit;
use super::super::target;
use crate::config::render;
use crate::mib::Mibs;
use crate::profile::{Learned, ProfileSet, fixture};
use crate::simulator::recording::Recording;
use std::path::{Path, PathBuf};

/// Runs all, and tells each that differs.
pub(super) fn run(folder: &Path, update: bool) -> Result<Exit, Exit> {
    let folders = [folder.to_owned()];
    let (profiles, mistakes) = ProfileSet::load(&folders);
    if !mistakes.is_empty() {
        eprint!("{}", render(&mistakes, target::colour()));
        return Err(Exit::Config);
    }
    let mibs = ProfileSet::mibs(&folders);
    let (mut right, mut wrong) = (0_usize, 0_usize);
    for agent in agents(folder)? {
        let cells = cells(&mibs, &agent)?;
        let read = fixture::read(&profiles, &mibs, &cells);
        let expected = agent.with_extension("expected");
        let kept = std::fs::read_to_string(&expected).unwrap_or_default();
        if kept == read {
            println!("ok    {}", agent.display());
            right += 1;
        } else if update {
            std::fs::write(&expected, &read).map_err(|error| failed(&expected, &error))?;
            println!("wrote {}: read it before you believe it", expected.display());
        } else {
            println!("DIFF  {}", agent.display());
            differences(&kept, &read).iter().for_each(|it| println!("      {it}"));
            wrong += 1;
        }
    }
    println!("{right} as expected, {wrong} not");
    Ok(if wrong == 0 { Exit::Ok } else { Exit::Failed })
}

fn agents(folder: &Path) -> Result<Vec<PathBuf>, Exit> {
    let entries = std::fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
    let is_agent =
        |it: &PathBuf| it.extension().is_some_and(|it| it == "agent" || it == "snmprec" || it == "walk");
    let mut paths: Vec<PathBuf> = entries.filter_map(|it| Some(it.ok()?.path())).filter(is_agent).collect();
    paths.sort();
    if paths.is_empty() {
        eprintln!(
            "rackwarden: {}: no NAME.agent and no NAME.snmprec; `rackwarden walk TARGET --save NAME.snmprec` makes one",
            folder.display()
        );
        return Err(Exit::Failed);
    }
    Ok(paths)
}

fn cells(mibs: &Mibs, path: &Path) -> Result<Learned, Exit> {
    let octets = std::fs::read(path).map_err(|error| failed(path, &error))?;
    if path.extension().is_some_and(|it| it == "agent") {
        return fixture::parse(mibs, &String::from_utf8_lossy(&octets)).map_err(|why| {
            eprintln!("rackwarden: {}: {why}", path.display());
            Exit::Config
        });
    }
    let recording = Recording::parse_octets(&octets).map_err(|error| {
        eprintln!("rackwarden: {}: {error}", path.display());
        Exit::Config
    })?;
    Ok(recording.tree().iter().map(|(oid, value)| (oid.clone(), value.clone())).collect())
}

/// Lines that only one of the two has.
fn differences(kept: &str, read: &str) -> Vec<String> {
    let gone = kept.lines().filter(|it| !read.lines().any(|other| other == *it)).map(|it| format!("- {it}"));
    let new = read.lines().filter(|it| !kept.lines().any(|other| other == *it)).map(|it| format!("+ {it}"));
    gone.chain(new).take(SHOWN_MAX).collect()
}

fn failed(path: &Path, error: &std::io::Error) -> Exit {
    eprintln!("rackwarden: {}: {error}", path.display());
    Exit::Failed
}

/// Who sees forty need not see more.
const SHOWN_MAX: usize = 40;
