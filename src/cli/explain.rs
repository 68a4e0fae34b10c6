//! `explain TARGET [OBJECT]`: where each value comes from, from the octets on the wire to the rules that
//! look at it. Polls the device once by hand; the daemon is not asked.

mod service;

use super::exit::Exit;
use super::poll::label;
use super::redfish::{self, ServiceArguments};
use super::target::{self, TargetArguments};
use super::walk;
use crate::mib::Mibs;
use crate::model::{
    Batch, Cells, Component, ComponentKind, Effort, Locator, Oid, Quantity, Ratings, ReadingShape,
    RequestBound, Sample, SystemClock,
};
use crate::poller::{Ready as Known, once};
use crate::profile::ScaleNote;
use crate::redfish::{Polled, ServiceSettings};
use crate::rules::{Program, Ruleset, Standing};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    service: ServiceArguments,
    /// What to explain: an OID, MODULE::object, a URI of a Redfish service, or a component as outlet/3 or
    /// outlet/3/current; default: everything
    object: Option<String>,
    /// Use this profile instead of finding the one that fits
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Folder with profiles of your own, besides the shipped ones
    #[arg(long, value_name = "FOLDER")]
    profiles: Vec<PathBuf>,
}

/// What is asked about.
enum Wanted {
    All,
    Cells(Oid),
    /// `/redfish/v1/...`, or the beginning of it.
    Property(String),
    /// `outlet/3/current`, or the beginning of it.
    Path(String),
}

/// Polls once and explains.
pub(super) fn run(arguments: &Arguments) -> Exit {
    match explain(arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn explain(arguments: &Arguments) -> Result<Exit, Exit> {
    let mut folders = target::profile_folders(&arguments.target.config);
    folders.extend(arguments.profiles.iter().cloned());
    let profiles = target::profiles(&folders)?;
    let mibs = crate::profile::ProfileSet::mibs(&folders);
    let wanted = wanted(&mibs, arguments.object.as_deref())?;
    if let Some(settings) = redfish::service(&arguments.target, &arguments.service)? {
        return explain_service(arguments, settings, &mibs, &wanted);
    }
    let ready = arguments.target.resolve(arguments.profile.as_deref())?;
    let outcome =
        once::poll(&ready.target, Arc::clone(&ready.settings), Arc::clone(&profiles), SystemClock::new());
    if let Some(error) = &outcome.batch.error {
        eprintln!("rackwarden: {}: {}", ready.name, super::poll::explain(error, &ready));
        return Err(Exit::of_poll(error));
    }
    let rules = rules(&arguments.target, &ready.settings.name, &outcome.batch);
    let agent = outcome.ready.as_ref().map(|it| (&**it, &outcome.cells));
    let about = About { mibs: &mibs, batch: &outcome.batch, agent, service: None, rules: rules.as_ref() };
    Ok(about.print_all(&wanted, &ready.name))
}

fn explain_service(
    arguments: &Arguments,
    settings: ServiceSettings,
    mibs: &Mibs,
    wanted: &Wanted,
) -> Result<Exit, Exit> {
    let name = Arc::clone(&settings.name);
    let polled = redfish::poll_once(settings)?;
    if let Some(error) = polled.error() {
        eprintln!("rackwarden: {}", super::poll::about(&name, &error.to_string()));
        return Err(Exit::of_poll(error));
    }
    let rules = rules(&arguments.target, &name, &polled.batch);
    let about =
        About { mibs, batch: &polled.batch, agent: None, service: Some(&polled), rules: rules.as_ref() };
    Ok(about.print_all(wanted, &name))
}

fn wanted(mibs: &Mibs, object: Option<&str>) -> Result<Wanted, Exit> {
    let Some(text) = object else { return Ok(Wanted::All) };
    if text.starts_with("/redfish") {
        return Ok(Wanted::Property(text.to_owned()));
    }
    if text.contains('/') || text.parse::<ComponentKind>().is_ok() {
        return Ok(Wanted::Path(text.trim_matches('/').to_owned()));
    }
    let named = mibs.resolve(text).map_err(|error| {
        let help = error.help().map(|it| format!(" ({it})")).unwrap_or_default();
        eprintln!("rackwarden: {error}{help}");
        Exit::Usage
    })?;
    Ok(Wanted::Cells(named.oid))
}

impl Wanted {
    fn holds(&self, component: &Component, reading: &ReadingShape, also: &[Oid]) -> bool {
        match self {
            Self::All => true,
            Self::Cells(root) => {
                reading.source.oid().is_some_and(|it| it.starts_with(root))
                    || also.iter().any(|it| it.starts_with(root))
            }
            Self::Property(uri) => reading.source.to_string().starts_with(uri.as_str()),
            Self::Path(path) => {
                let whole =
                    format!("{}/{}/{}/{}", component.kind, component.index, reading.quantity, reading.name);
                whole.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }
}

/// The rules of the configuration, bound to what was polled; `None` without a configuration.
fn rules(arguments: &TargetArguments, name: &str, batch: &Batch) -> Option<(Ruleset, Arc<Program>)> {
    if !arguments.config.is_there() {
        return None;
    }
    let settings = target::load(&arguments.config).ok()?;
    let devices = settings.devices.iter().map(|it| (&it.name, &it.labels, &it.rated_current_amperes));
    let services = settings.services.iter().map(|it| (&it.name, &it.labels, &it.rated_current_amperes));
    let known: Vec<_> = devices.chain(services).collect();
    let ratings = known.iter().map(|(name, _, rated)| {
        let by_kind = rated.iter().map(|(kind, amperes)| {
            (*kind, Ratings { current_amperes: Some(*amperes), ..Ratings::default() })
        });
        (Arc::clone(name), by_kind.collect())
    });
    let ruleset = Ruleset::compile(settings.rules.clone()).with_device_ratings(ratings);
    // Rules choose devices by name and labels: those of the configuration.
    let mut source = crate::model::Source::clone(&batch.source);
    if let Some((_, labels, _)) = known.iter().find(|(it, ..)| ***it == *name) {
        source.labels = (*labels).clone();
    }
    let program = ruleset.bind(&source, &batch.shape);
    Some((ruleset, program))
}

/// What is known of one poll.
struct About<'a> {
    mibs: &'a Mibs,
    batch: &'a Batch,
    /// Of an SNMP agent.
    agent: Option<(&'a Known, &'a Cells)>,
    /// Of a Redfish service.
    service: Option<&'a Polled>,
    rules: Option<&'a (Ruleset, Arc<Program>)>,
}

impl About<'_> {
    /// What is wanted of it; fails where that is nothing.
    fn print_all(&self, wanted: &Wanted, name: &str) -> Exit {
        let mut shown = 0_usize;
        for (at, reading) in self.batch.shape.readings.iter().enumerate() {
            let Some(component) = self.batch.shape.component_of(reading) else { continue };
            if wanted.holds(component, reading, self.also(at)) {
                self.print(at, component, reading);
                shown += 1;
            }
        }
        if shown == 0 {
            eprintln!("rackwarden: {name} has no such reading; `rackwarden poll` shows those that it has");
            return Exit::Failed;
        }
        if let (Wanted::All, Some(_)) = (wanted, self.agent) {
            println!("{}", requests(&self.batch.effort));
        }
        Exit::Ok
    }

    fn also(&self, at: usize) -> &[Oid] {
        self.agent.map_or(&[], |(ready, _)| ready.plan.also(at))
    }

    fn print(&self, at: usize, component: &Component, reading: &ReadingShape) {
        let batch = self.batch;
        let sample = batch.samples.get(at).copied();
        let name = if reading.name.is_empty() { String::new() } else { format!("/{}", reading.name) };
        println!(
            "{}/{}/{}{name}  \"{}\"",
            component.kind,
            component.index,
            reading.quantity,
            label(component, reading)
        );
        println!("  value    {}", value(component, reading, sample));
        match &reading.source {
            Locator::Oid(oid) => println!("  source   {}  {oid}", self.mibs.lookup(oid)),
            property @ Locator::Property(_) => println!("  source   {property}"),
        }
        if let Some((ready, cells)) = self.agent {
            self.print_cell(ready, cells, at);
        }
        if let Some(polled) = self.service {
            service::print(polled, at, reading.quantity);
        }
        let took = Duration::from_millis(u64::try_from(batch.duration.as_millis()).unwrap_or(u64::MAX));
        println!("  age      0s: asked just now, the poll took {}", humantime::format_duration(took));
        if let Some(rated) =
            component.ratings.current_amperes.filter(|_| reading.quantity == Quantity::Current)
        {
            println!("  rated    {rated} A");
        }
        self.print_rules(at, reading, sample);
        println!();
    }

    fn print_cell(&self, ready: &Known, cells: &Cells, at: usize) {
        println!("  raw      {}", raw(&ready.plan.raw(at, cells)));
        if let Some(scale) = ready.plan.scale(at) {
            println!("  scale    {}", self.scale(&scale));
        }
        for also in ready.plan.also(at) {
            println!("  also     {}  {also}", self.mibs.lookup(also));
        }
        if let Some(origin) = ready.plan.origin(at) {
            println!("  profile  {}  {}", ready.plan.profile, origin.place);
        }
    }

    fn scale(&self, scale: &ScaleNote<'_>) -> String {
        let mut parts = Vec::new();
        match (scale.one, scale.zero) {
            (Some(one), Some(0.0)) => parts.push(format!("1 on the wire is {one}")),
            (Some(one), Some(zero)) => parts.push(format!("0 on the wire is {zero}, 1 is {one}")),
            _ => parts.push("unknown: the agent does not tell it".to_owned()),
        }
        for (what, object) in
            [("digits", scale.digits), ("factor", scale.scale_from), ("unit", scale.unit_from)]
        {
            parts.extend(object.map(|it| format!("{what} from {}", self.mibs.lookup(it))));
        }
        if parts.len() == 1 {
            parts.push(format!("said by the profile (unit {})", scale.unit));
        }
        if !scale.missing.is_empty() {
            let missing: Vec<String> = scale.missing.iter().map(ToString::to_string).collect();
            parts.push(format!("{} means \"not there\"", missing.join(", ")));
        }
        parts.extend(scale.range.map(|(low, high)| format!("from {low} to {high}")));
        parts.join("; ")
    }

    fn print_rules(&self, at: usize, reading: &ReadingShape, sample: Option<Sample>) {
        let Some((ruleset, program)) = self.rules else {
            println!("  rules    no configuration: --config names one");
            return;
        };
        let mut found = 0_usize;
        for check in 0..program.checks.len() {
            let Ok(number) = u32::try_from(check) else { break };
            if program.slot_of(number).map(|it| it as usize) != Some(at) {
                continue;
            }
            let Some(check) = program.checks.get(check) else { continue };
            let Some(compiled) = ruleset.rule(check.rule) else { continue };
            let said = match sample {
                Some(Sample::Value(value)) => match &reading.states {
                    Some(states) => compiled
                        .of_state(states.state(value))
                        .map_or_else(|| "says nothing of it".to_owned(), |it| standing(&it)),
                    None => standing(&compiled.of_value(value, program.rated(*check))),
                },
                Some(Sample::Suspect(_)) => "against physics: not judged".to_owned(),
                Some(Sample::Missing(missing)) => format!("no value ({missing}): not judged"),
                None => "not polled".to_owned(),
            };
            println!("  rule     {}: {said}", compiled.rule.name);
            found += 1;
        }
        if found == 0 {
            println!("  rules    none looks at it");
        }
    }
}

/// The severest level that holds.
fn standing(standings: &crate::rules::Standings) -> String {
    let severest = crate::model::Severity::ALL.into_iter().zip(standings).rev();
    let crossing = severest.clone().find(|(_, it)| **it == Standing::Crossing);
    let between = severest.clone().find(|(_, it)| **it == Standing::Between);
    match (crossing, between) {
        (Some((severity, _)), _) => format!("{severity}: its condition holds now"),
        (None, Some((severity, _))) => format!("{severity}: between clear value and threshold"),
        (None, None) => "its condition does not hold".to_owned(),
    }
}

fn value(component: &Component, reading: &ReadingShape, sample: Option<Sample>) -> String {
    sample.map_or_else(|| "-".to_owned(), |it| super::poll::shown(component, reading, it))
}

/// Type, value and octets of an answer.
fn raw(cell: &Result<crate::model::Value, crate::model::Missing>) -> String {
    match cell {
        Err(missing) => format!("no answer: {missing}"),
        Ok(value) => {
            let (kind, text) = walk::shown(value);
            let octets = match value {
                crate::model::Value::OctetString(octets) => {
                    let hex: Vec<String> = octets.iter().map(|it| format!("{it:02x}")).collect();
                    format!("  octets {}", hex.join(" "))
                }
                _ => String::new(),
            };
            format!("{kind} {text}{octets}")
        }
    }
}

/// What the poll took, and what was found out of the agent on the way.
fn requests(effort: &Effort) -> String {
    let Effort { requests, repeats, round_trip, cells, octets, repetitions } = effort;
    let answers = round_trip.map_or_else(String::new, |it| {
        format!("; it answers in {}", humantime::format_duration(Duration::from_micros(micros(it))))
    });
    let failed = |bound: &RequestBound, what: &str| {
        bound.failed.map_or_else(String::new, |it| format!("; {it} {what} were too many"))
    };
    let walks = match repetitions.asked {
        0 => "none: it is walked by GETNEXT".to_owned(),
        asked => format!("{asked} rows at most"),
    };
    format!(
        "requests  {requests} sent, {repeats} of them repeats{answers}\n  \
         GET      {} cells at most, and answers of {} octets{}{}\n  \
         GETBULK  {walks}{}",
        cells.asked,
        octets.asked,
        failed(cells, "cells"),
        failed(octets, "octets"),
        failed(repetitions, "rows"),
    )
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Duration, Effort, RequestBound, requests};

    #[test]
    fn what_an_agent_bears_is_told() {
        let effort = Effort {
            requests: 12,
            repeats: 1,
            round_trip: Some(Duration::from_micros(4200)),
            cells: RequestBound { asked: 60, failed: None },
            octets: RequestBound { asked: 1010, failed: Some(1011) },
            repetitions: RequestBound { asked: 0, failed: Some(1) },
        };
        assert_eq!(
            requests(&effort),
            "requests  12 sent, 1 of them repeats; it answers in 4ms 200us\n  \
             GET      60 cells at most, and answers of 1010 octets; 1011 octets were too many\n  \
             GETBULK  none: it is walked by GETNEXT; 1 rows were too many"
        );
    }
}
