//! `profile list`, `profile show NAME`, `profile match TARGET`, `profile draft TARGET`, `profile test FOLDER`.

mod draft;
mod test;

use super::counted;
use super::exit::Exit;
use super::target::{self, TargetArguments};
use crate::mib::Mibs;
use crate::model::{Source, SystemClock};
use crate::poller::once;
use crate::profile::ProfileSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What to do with profiles.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// All profiles: name, vendor, what they are for
    List {
        #[command(flatten)]
        folders: Folders,
        /// One JSON array for scripts
        #[arg(long)]
        json: bool,
    },
    /// One profile: what it matches and what it reads
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        folders: Folders,
    },
    /// Walk a device that no profile fits, and write a draft of one
    Draft {
        #[command(flatten)]
        target: Box<TargetArguments>,
        /// Folder with the vendor's MIB modules
        #[arg(long, value_name = "FOLDER")]
        mib: Vec<PathBuf>,
    },
    /// Run the fixtures of profiles: each NAME.agent or NAME.snmprec against NAME.expected
    Test {
        /// The folder with profiles, MIB modules, agents and what is expected of them
        folder: PathBuf,
        /// Write what is read as what is expected
        #[arg(long)]
        update: bool,
    },
    /// Which profile fits a device, and why
    Match {
        #[command(flatten)]
        target: Box<TargetArguments>,
        #[command(flatten)]
        folders: Folders,
    },
}

/// Where the user's own profiles are.
#[derive(Debug, clap::Args)]
pub(super) struct Folders {
    /// Folder with profiles of your own, besides the shipped ones
    #[arg(long, value_name = "FOLDER")]
    profiles: Vec<PathBuf>,
}

/// Does it.
pub(super) fn run(verb: &Verb) -> Exit {
    let done = match verb {
        Verb::List { folders, json } => list(folders, *json),
        Verb::Show { name, folders } => show(name, folders),
        Verb::Match { target, folders } => matching(target, folders),
        Verb::Draft { target, mib } => draft::run(target, mib),
        Verb::Test { folder, update } => test::run(folder, *update),
    };
    match done {
        Ok(exit) | Err(exit) => exit,
    }
}

fn list(folders: &Folders, json: bool) -> Result<Exit, Exit> {
    let profiles = target::profiles(&folders.profiles)?;
    let shown = profiles.iter().filter(|it| !it.is_abstract());
    if json {
        let all: Vec<serde_json::Value> = shown
            .map(|it| serde_json::json!({ "name": &*it.name, "vendor": it.vendor, "description": it.description }))
            .collect();
        println!("{}", serde_json::Value::from(all));
        return Ok(Exit::Ok);
    }
    let shown: Vec<_> = shown.collect();
    let width = shown.iter().map(|it| it.name.len()).max().unwrap_or(0);
    for profile in &shown {
        println!("{:width$}  {}", profile.name, profile.description);
    }
    println!("\n{}. `rackwarden profile show NAME` tells more of one.", counted(shown.len(), "profile"));
    Ok(Exit::Ok)
}

fn show(name: &str, folders: &Folders) -> Result<Exit, Exit> {
    let profiles = target::profiles(&folders.profiles)?;
    let Some(profile) = profiles.find(name) else {
        eprintln!(
            "rackwarden: there is no profile `{name}`: `rackwarden profile list` shows those that there are"
        );
        return Err(Exit::Usage);
    };
    let mibs = Mibs::embedded();
    println!("{}  {}\n{}", profile.name, profile.vendor, profile.description);
    println!("from {}", profile.file.display());
    for (title, oids) in [
        ("fits agents whose sysObjectID is at or below", profile.sys_object_ids()),
        ("and that have an instance of any of", profile.probes()),
        ("reads by GET when a device is learnt", profile.scalars()),
        ("walks when a device is learnt", profile.columns()),
    ] {
        if oids.is_empty() {
            continue;
        }
        println!("\n{title}");
        for oid in oids {
            println!("  {oid}  {}", mibs.lookup(oid));
        }
    }
    let agent = profile.agent;
    println!(
        "\nasks with {}, at most {} cells in a GET and {} rows in a GETBULK",
        if agent.getbulk {
            "GET and GETBULK"
        } else {
            "GET and GETNEXT (this agent must not be asked by GETBULK)"
        },
        agent.max_varbinds,
        agent.max_repetitions
    );
    if agent.requests_per_second != 0 {
        println!("at most {} requests a second", agent.requests_per_second);
    }
    if 1 < agent.requests_in_flight {
        println!("up to {} requests at a time", agent.requests_in_flight);
    }
    Ok(Exit::Ok)
}

fn matching(arguments: &TargetArguments, folders: &Folders) -> Result<Exit, Exit> {
    let profiles = target::profiles(&folders.profiles)?;
    let ready = arguments.resolve(None)?;
    let outcome =
        once::poll(&ready.target, Arc::clone(&ready.settings), Arc::clone(&profiles), SystemClock::new());
    let source = &outcome.batch.source;
    let identity = &source.identity;
    let failed = outcome.batch.error.as_ref();
    if failed.is_none() || !identity.sys_object_id.arcs().is_empty() {
        println!("sysObjectID  {}", identity.sys_object_id);
        println!("sysDescr     {}", identity.sys_descr);
        candidates(&profiles, source);
    }
    if let Some(error) = failed {
        eprintln!("rackwarden: {}: {}", ready.name, super::poll::explain(error, &ready));
        return Err(Exit::of_poll(error));
    }
    println!("\n{} fits: {}", source.profile, counted(outcome.batch.samples.len(), "reading"));
    Ok(Exit::Ok)
}

/// The profiles that came into question, in this order: what was tried of each, and which one fits.
fn candidates(profiles: &ProfileSet, source: &Source) {
    let identity = &source.identity;
    let system = crate::profile::SystemGroup {
        sys_object_id: identity.sys_object_id.clone(),
        sys_descr: identity.sys_descr.clone(),
        ..crate::profile::SystemGroup::default()
    };
    println!("\ncandidates, best first:");
    let mibs = Mibs::embedded();
    let mut found = false;
    for candidate in profiles.candidates(&system) {
        let fits = *candidate.name == *source.profile;
        let probes: Vec<String> = candidate.probes().iter().map(|it| mibs.lookup(it).to_string()).collect();
        let said = match (fits, found, probes.as_slice()) {
            (true, _, []) => "fits: it asks for nothing else".to_owned(),
            (true, _, probes) => format!("fits: the agent has one of {}", probes.join(", ")),
            (false, true, _) => "not tried".to_owned(),
            (false, false, probes) => format!("tried: the agent has none of {}", probes.join(", ")),
        };
        found |= fits;
        println!(" {} {}  {}", if fits { "*" } else { " " }, candidate.name, candidate.description);
        println!("     {said}");
    }
}
