//! `import SOURCE`: power units of an inventory become devices in devices.d; `--diff` shows what would change.
//!
//! The file is named after its source and holds what the source has now. Devices that a person configured
//! elsewhere are left alone, and an empty or failed snapshot changes nothing.

use super::exit::Exit;
use super::fleet::{self, Found, duplicates, file};
use super::{ConfigArguments, counted, target};
use crate::config::Settings;
use crate::inventory::settings::{Access, FileAccess, FileFormat};
use crate::inventory::{Collector, InventorySettings, Object};
use crate::model::{ComponentKind, Labels, SystemClock};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// An [[inventory]] of the configuration by its name, or all of a type (netbox, device42); csv or json with a file
    source: String,
    /// The file, after csv or json: power units as docs/inventory.md has them
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show what would change, and write nothing
    #[arg(long)]
    diff: bool,
    /// The table under [credentials] for new devices
    #[arg(long, value_name = "NAME", default_value = "default")]
    credential: String,
    /// The file is NAME.toml in devices.d; default: import-SOURCE
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    config: ConfigArguments,
}

/// Takes a snapshot and writes or shows.
pub(super) fn run(arguments: &Arguments) -> Exit {
    match import(arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn fail(exit: Exit, message: impl std::fmt::Display) -> Exit {
    eprintln!("rackwarden: {message}");
    exit
}

fn import(arguments: &Arguments) -> Result<Exit, Exit> {
    let settings = target::load(&arguments.config)?;
    let sources = sources(arguments, &settings)?;
    let mut found = Vec::new();
    let mut unaddressed = Vec::new();
    for source in &sources {
        for object in &take(source)? {
            match device(object, source, &arguments.credential) {
                Some(device) => found.push(device),
                None => unaddressed.push(object.name.to_string()),
            }
        }
    }
    let default = format!("import-{}", arguments.source);
    let path = file::path(&arguments.config.config, arguments.name.as_deref().unwrap_or(&default));
    let before = file::present(&path);
    // Those of our file are not a person's.
    let others: Vec<_> = settings.devices.into_iter().filter(|it| !before.contains_key(&*it.name)).collect();
    fleet::known(&mut found, &others);
    by_name(&mut found, &others.iter().map(|it| &*it.name).collect::<Vec<_>>());
    let taken = others.iter().map(|it| it.name.to_string()).collect();
    fleet::named(&mut found, &taken);
    let doubles = duplicates::find(&found);
    let firsts = duplicates::second_of(&doubles);
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for (at, it) in found.iter().enumerate().filter(|(_, it)| it.known_as.is_none()) {
        match firsts.get(&at).and_then(|first| found.get(*first)) {
            Some(first) => left_out.push((it, format!("it looks like the same device as {}", first.name))),
            None => kept.push(it),
        }
    }
    let changes = changes(&before, &kept);
    tell(&changes, &found, &left_out, &unaddressed);
    if changes.is_empty() {
        println!("{}: nothing changes", path.display());
    } else if arguments.diff {
        let count = counted(changes.len(), "change");
        println!("{}: {count}, not written: that was --diff", path.display());
    } else if kept.is_empty() {
        let why = format!("the source has no devices now: {} stays as it is", path.display());
        return Err(fail(Exit::Failed, why));
    } else {
        let text = file::text("import", &kept, &left_out);
        file::write(&arguments.config.config, &path, &text).map_err(|error| fail(Exit::Config, error))?;
        let count = counted(changes.len(), "change");
        println!("{}: {count} written; `systemctl reload rackwarden` puts it in force", path.display());
    }
    Ok(Exit::Ok)
}

/// What is asked.
fn sources(arguments: &Arguments, settings: &Settings) -> Result<Vec<InventorySettings>, Exit> {
    let format = match arguments.source.as_str() {
        "csv" => Some(FileFormat::Csv),
        "json" => Some(FileFormat::Json),
        _ => None,
    };
    match (format, &arguments.file) {
        (Some(format), Some(path)) => return Ok(vec![of_file(path, format)]),
        (Some(_), None) => {
            return Err(fail(Exit::Usage, format!("name the file: import {} FILE", arguments.source)));
        }
        (None, Some(_)) => return Err(fail(Exit::Usage, "a file goes with csv or json: import csv FILE")),
        (None, None) => (),
    }
    let wanted =
        |it: &&InventorySettings| *it.name == *arguments.source || it.type_name() == arguments.source;
    let with_units =
        |it: &InventorySettings| InventorySettings { kinds: vec![ComponentKind::PowerUnit], ..it.clone() };
    let all: Vec<_> = settings.inventories.iter().filter(wanted).map(with_units).collect();
    if all.is_empty() {
        let file = arguments.config.config.display();
        return Err(fail(
            Exit::Config,
            format!("{file} has no [[inventory]] of name or type \"{}\"", arguments.source),
        ));
    }
    Ok(all)
}

fn of_file(path: &Path, format: FileFormat) -> InventorySettings {
    InventorySettings {
        name: path.display().to_string().into(),
        access: Access::File(FileAccess { path: path.to_owned(), format, age_max: None }),
        kinds: vec![ComponentKind::PowerUnit],
        software_types: Vec::new(),
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(30),
        time_limit: Duration::from_secs(60),
        gone_after: 1,
        labels: Labels::default(),
        match_by: Vec::new(),
    }
}

fn take(source: &InventorySettings) -> Result<Vec<Object>, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| fail(Exit::Failed, format!("cannot start a runtime: {error}")))?;
    let now = SystemClock::new().now().unix;
    let snapshot = runtime
        .block_on(async { Collector::new(source)?.take(now).await })
        .map_err(|failure| fail(Exit::Failed, format!("{}: no snapshot: {failure}", source.name)))?;
    for warning in &snapshot.warnings.first {
        eprintln!("odd: {warning}");
    }
    Ok(snapshot.objects().to_vec())
}

/// A power unit as a device. `None`: nothing says where it can be asked.
fn device(object: &Object, source: &InventorySettings, credential: &str) -> Option<Found> {
    let label = |name: &str| object.label_value(name).unwrap_or_default();
    // Without an address, the name of the device behind it is a DNS name where people keep them so.
    let address = [label("address"), label("device")]
        .into_iter()
        .find(|it| !it.is_empty() && it.chars().all(|it| it.is_ascii_alphanumeric() || ".-:".contains(it)))?;
    let mut labels: BTreeMap<String, String> =
        source.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    for name in LABELS {
        if !label(name).is_empty() {
            labels.entry(name.to_owned()).or_insert_with(|| label(name).to_owned());
        }
    }
    let product = [label("vendor"), label("model")];
    Some(Found {
        name: fleet::plain_name(&object.name),
        address: address.to_owned(),
        credential: Some(credential.to_owned()),
        labels,
        product: product.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" "),
        serial: label("serial").to_owned(),
        ..Found::default()
    })
}

/// A device of that name in a person's file is that device, wherever it is asked.
fn by_name(found: &mut [Found], names: &[&str]) {
    for it in found.iter_mut().filter(|it| it.known_as.is_none()) {
        it.known_as =
            names.iter().find(|name| name.eq_ignore_ascii_case(&it.name)).map(|it| (*it).to_owned());
    }
}

/// What changes in the file, a line each.
fn changes(before: &BTreeMap<String, toml::Table>, now: &[&Found]) -> Vec<String> {
    let text = |table: &toml::Table, key: &str| {
        let value = table.get(key).map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
        value.unwrap_or_else(|| "-".to_owned())
    };
    let mut lines = Vec::new();
    for device in now {
        let after = as_table(device);
        let Some(known) = before.get(&device.name) else {
            lines.push(format!("+ {}  {}", device.name, device.address));
            continue;
        };
        let keys: std::collections::BTreeSet<&String> = known.keys().chain(after.keys()).collect();
        for key in keys.into_iter().filter(|key| known.get(*key) != after.get(*key)) {
            lines.push(format!("~ {}  {key}: {} -> {}", device.name, text(known, key), text(&after, key)));
        }
    }
    let gone = before.keys().filter(|name| !now.iter().any(|it| it.name == **name));
    lines.extend(gone.map(|name| format!("- {name}")));
    lines
}

/// As the file will have it.
fn as_table(device: &Found) -> toml::Table {
    let text = file::text("import", &[device], &[]);
    let devices = toml::from_str::<toml::Table>(&text).ok().and_then(|mut it| it.remove("devices"));
    match devices {
        Some(toml::Value::Array(mut all)) => match all.pop() {
            Some(toml::Value::Table(table)) => table,
            _ => toml::Table::new(),
        },
        _ => toml::Table::new(),
    }
}

fn tell(changes: &[String], found: &[Found], left_out: &[(&Found, String)], unaddressed: &[String]) {
    for line in changes {
        println!("{line}");
    }
    for (device, why) in left_out {
        println!("! {}  {}: left out, {why}", device.name, device.address);
    }
    if !unaddressed.is_empty() {
        println!("! without an address: {}", unaddressed.join(", "));
    }
    let known = found.iter().filter(|it| it.known_as.is_some()).count();
    if known != 0 {
        println!("= {known} are configured in other files: left alone");
    }
}

/// What is known of where a unit is, as labels of the device.
const LABELS: [&str; 4] = ["site", "building", "room", "rack"];
