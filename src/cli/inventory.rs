//! `inventory check` and `inventory show`: inventory sources by hand.

use super::exit::Exit;
use super::{ConfigArguments, target};
use crate::inventory::settings::Access;
use crate::inventory::{Collector, Failure, InventorySettings, Object, Snapshot};
use crate::model::{ComponentKind, Sample, SystemClock};
use serde::Serialize;
use std::time::Duration;

/// What to do by hand.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Take one snapshot of each source and say what it found; nothing is kept
    Check {
        /// The source; default: all of them
        source: Option<String>,
        #[command(flatten)]
        config: ConfigArguments,
    },
    /// Take one snapshot of each source and show its objects
    Show {
        /// Only objects of that kind, as `subnet`
        kind: Option<String>,
        /// Only that source
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        /// One JSON object a line, for programs
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: ConfigArguments,
    },
}

/// Does it.
pub(super) fn run(verb: &Verb) -> Exit {
    match verb {
        Verb::Check { source, config } => each(config, source.as_deref(), check),
        Verb::Show { kind, source, json, config } => {
            let kind = match kind.as_deref().map(wanted_kind).transpose() {
                Ok(kind) => kind,
                Err(exit) => return exit,
            };
            each(config, source.as_deref(), |settings, taken, _| show(settings, taken, kind, *json))
        }
    }
}

fn wanted_kind(word: &str) -> Result<ComponentKind, Exit> {
    let kinds = || ComponentKind::OF_INVENTORIES.into_iter().filter(|it| *it != ComponentKind::Inventory);
    kinds().find(|it| it.name() == word).ok_or_else(|| {
        let names: Vec<&str> = kinds().map(ComponentKind::name).collect();
        let near = crate::model::closest(word, names.iter().copied());
        let help = near
            .map_or_else(|| format!("there are: {}", names.join(", ")), |it| format!("did you mean {it}?"));
        eprintln!("rackwarden: {word} is no kind of object ({help})");
        Exit::Usage
    })
}

/// Takes a snapshot of each wanted source and hands it to `then`; the worst end counts.
fn each(
    config: &ConfigArguments,
    wanted: Option<&str>,
    then: impl Fn(&InventorySettings, Result<&Snapshot, &Failure>, Duration) -> Exit,
) -> Exit {
    let settings = match target::load(config) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let of_name = |it: &&InventorySettings| wanted.is_none_or(|name| *it.name == *name);
    let sources: Vec<&InventorySettings> = settings.inventories.iter().filter(of_name).collect();
    if sources.is_empty() {
        let what =
            wanted.map_or_else(|| "[[inventory]]".to_owned(), |it| format!("[[inventory]] of name \"{it}\""));
        eprintln!("rackwarden: {} has no {what}", config.config.display());
        return Exit::Config;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rackwarden: cannot start a runtime: {error}");
            return Exit::Failed;
        }
    };
    let clock = SystemClock::new();
    let mut exit = Exit::Ok;
    for source in sources {
        let begun = clock.now();
        let taken = runtime.block_on(async { Collector::new(source)?.take(begun.unix).await });
        let duration = clock.moment().since(begun.moment);
        let ended = then(source, taken.as_ref(), duration);
        if !matches!(ended, Exit::Ok) {
            exit = ended;
        }
    }
    exit
}

fn check(settings: &InventorySettings, taken: Result<&Snapshot, &Failure>, duration: Duration) -> Exit {
    println!("{}  {}  {}", settings.name, settings.type_name(), settings.address());
    let seconds = duration.as_secs_f64();
    match taken {
        Ok(snapshot) => {
            for (kind, count) in snapshot.counts() {
                println!("  {count:>7} {kind}");
            }
            // A file holds what it holds; of an API it is worth a look why there is nothing.
            let is_file = matches!(settings.access, Access::File(_));
            let is_none = |it: &&ComponentKind| snapshot.counts().iter().all(|(kind, _)| kind != *it);
            for kind in settings.kinds.iter().filter(|it| !is_file && is_none(it)) {
                println!("        0 {kind}");
            }
            if let Some(taken_at) = snapshot.taken_at {
                println!("  of {taken_at}");
            }
            for warning in &snapshot.warnings.first {
                println!("  odd: {warning}");
            }
            let more = snapshot.warnings.count.saturating_sub(snapshot.warnings.first.len());
            if more != 0 {
                println!("  odd: and {more} more");
            }
            println!("  taken in {seconds:.1} s\n");
            Exit::Ok
        }
        Err(failure) => {
            println!("  no snapshot ({}), after {seconds:.1} s", failure.class.name());
            println!("  {failure}\n");
            Exit::Failed
        }
    }
}

/// One object, for programs.
#[derive(Serialize)]
struct Line<'a> {
    source: &'a str,
    kind: &'a str,
    id: &'a str,
    name: &'a str,
    labels: std::collections::BTreeMap<&'a str, &'a str>,
    readings: Vec<Reading<'a>>,
}

#[derive(Serialize)]
struct Reading<'a> {
    quantity: &'a str,
    name: &'a str,
    unit: &'a str,
    value: Option<f64>,
    missing: Option<&'a str>,
}

fn show(
    settings: &InventorySettings,
    taken: Result<&Snapshot, &Failure>,
    kind: Option<ComponentKind>,
    json: bool,
) -> Exit {
    let snapshot = match taken {
        Ok(snapshot) => snapshot,
        Err(failure) => {
            eprintln!("rackwarden: {}: no snapshot: {failure}", settings.name);
            return Exit::Failed;
        }
    };
    for object in snapshot.objects().iter().filter(|it| kind.is_none_or(|kind| it.kind == kind)) {
        if json {
            match serde_json::to_string(&line(&settings.name, object)) {
                Ok(text) => println!("{text}"),
                Err(error) => {
                    eprintln!("rackwarden: an object cannot be written as JSON: {error}");
                    return Exit::Failed;
                }
            }
        } else {
            show_object(&settings.name, object);
        }
    }
    Exit::Ok
}

fn line<'a>(source: &'a str, object: &'a Object) -> Line<'a> {
    let reading = |it: &crate::inventory::object::Figure| {
        let (value, missing) = match it.sample {
            Sample::Value(value) | Sample::Suspect(value) => (Some(value), None),
            Sample::Missing(reason) => (None, Some(reason.name())),
        };
        let (quantity, unit) = (it.quantity.name(), it.quantity.unit().symbol());
        Reading { quantity, name: it.name, unit, value, missing }
    };
    Line {
        source,
        kind: object.kind.name(),
        id: &object.id,
        name: &object.name,
        labels: object.labels.iter().map(|(name, value)| (*name, value.as_str())).collect(),
        readings: object.figures.iter().map(reading).collect(),
    }
}

fn show_object(source: &str, object: &Object) {
    let labels: Vec<String> = object.labels.iter().map(|(name, value)| format!("{name} {value}")).collect();
    println!("{source}/{}/{}  {}", object.kind, object.id, object.name);
    if !labels.is_empty() {
        println!("  {}", labels.join(" · "));
    }
    for figure in &object.figures {
        let value = match figure.sample {
            Sample::Value(value) | Sample::Suspect(value) => {
                crate::rules::words::quantity(value, figure.quantity.unit().symbol())
            }
            Sample::Missing(reason) => format!("- ({})", reason.name().replace('_', " ")),
        };
        let what = [figure.quantity.name(), figure.name].join(" ").replace('_', " ");
        println!("  {:<22} {value}", what.trim_end());
    }
    let rated = [
        (object.ratings.current_amperes, "A"),
        (object.ratings.active_power_watts, "W"),
        (object.ratings.apparent_power_volt_amperes, "VA"),
    ];
    for (value, unit) in rated.into_iter().filter_map(|(value, unit)| Some((value?, unit))) {
        println!("  {:<22} {}", "rated", crate::rules::words::quantity(value, unit));
    }
}
