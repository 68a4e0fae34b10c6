//! `poll TARGET`: one poll of one device, as a table for people or as the JSON contract.

use super::counted;
use super::exit::Exit;
use super::redfish::{self, ServiceArguments};
use super::target::{self, Ready, TargetArguments};
use crate::model::{
    Batch, Cells, Component, Health, Missing, PollError, Quantity, ReadingShape, Sample, SystemClock, Value,
};
use crate::poller::Ready as Known;
use crate::poller::once;
use crate::poller::settings::{Credential, SnmpVersion};
use crate::redfish::ServiceSettings;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `poll`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    service: ServiceArguments,
    /// Use this profile instead of finding the one that fits
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Folder with profiles of your own, besides the shipped ones
    #[arg(long, value_name = "FOLDER")]
    profiles: Vec<PathBuf>,
    /// One JSON object for scripts
    #[arg(long)]
    json: bool,
}

/// The JSON contract of `poll --json`: frozen, see tests/it/command_line.rs.
#[derive(Debug, Serialize)]
struct PollJson<'a> {
    target: &'a str,
    profile: Option<&'a str>,
    identity: IdentityJson<'a>,
    readings: Vec<ReadingJson<'a>>,
    errors: Vec<ErrorJson>,
}

#[derive(Debug, Serialize)]
struct IdentityJson<'a> {
    vendor: &'a str,
    model: &'a str,
    serial: &'a str,
    firmware: &'a str,
    sys_object_id: String,
    sys_descr: &'a str,
    sys_name: &'a str,
}

#[derive(Debug, Serialize)]
struct ReadingJson<'a> {
    component: &'static str,
    index: &'a str,
    label: String,
    quantity: &'static str,
    unit: &'static str,
    value: Option<f64>,
    missing: Option<&'static str>,
    raw: Option<serde_json::Value>,
    state: Option<StateJson>,
    source: String,
    /// Other cells that carry the same reading.
    also: Vec<String>,
    /// A value against physics.
    suspect: bool,
}

#[derive(Debug, Serialize)]
struct StateJson {
    name: String,
    severity: &'static str,
}

#[derive(Debug, Serialize)]
struct ErrorJson {
    class: &'static str,
    message: String,
}

/// Polls once and prints.
pub(super) fn run(arguments: &Arguments) -> Exit {
    match poll(arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn poll(arguments: &Arguments) -> Result<Exit, Exit> {
    if let Some(settings) = redfish::service(&arguments.target, &arguments.service)? {
        return poll_service(arguments, settings);
    }
    let mut folders = target::profile_folders(&arguments.target.config);
    folders.extend(arguments.profiles.iter().cloned());
    let profiles = target::profiles(&folders)?;
    if let Some(name) = &arguments.profile
        && profiles.find(name).is_none()
    {
        eprintln!(
            "rackwarden: there is no profile `{name}`: `rackwarden profile list` shows those that there are"
        );
        return Err(Exit::Usage);
    }
    let ready = arguments.target.resolve(arguments.profile.as_deref())?;
    let clock = SystemClock::new();
    let outcome = once::poll(&ready.target, Arc::clone(&ready.settings), profiles, clock);
    let message = outcome.batch.error.as_ref().map(|error| explain(error, &ready));
    let raw = |at: usize| outcome.ready.as_ref().and_then(|ready| raw(ready, at, &outcome.cells));
    let also = |at: usize| {
        let also = outcome.ready.as_ref().map(|ready| ready.plan.also(at));
        also.unwrap_or_default().iter().map(ToString::to_string).collect()
    };
    let shown =
        Shown { name: &ready.name, batch: &outcome.batch, raw: &raw, also: &also, notes: &outcome.notes };
    Ok(shown.print(arguments.json, message))
}

fn poll_service(arguments: &Arguments, settings: ServiceSettings) -> Result<Exit, Exit> {
    if arguments.profile.is_some() {
        eprintln!("rackwarden: --profile is for SNMP agents: a Redfish service says itself what it has");
        return Err(Exit::Usage);
    }
    let name = Arc::clone(&settings.name);
    let polled = redfish::poll_once(settings)?;
    let raw = |at: usize| polled.raw.get(at).cloned().flatten();
    let also = |at: usize| {
        polled.plan.as_ref().map(|it| it.also(at).map(str::to_owned).collect()).unwrap_or_default()
    };
    let shown = Shown { name: &name, batch: &polled.batch, raw: &raw, also: &also, notes: &polled.notes };
    Ok(shown.print(arguments.json, polled.error().map(ToString::to_string)))
}

/// What a poll brought, for people or scripts.
struct Shown<'a> {
    name: &'a str,
    batch: &'a Batch,
    /// What the device sent, by reading.
    raw: &'a dyn Fn(usize) -> Option<serde_json::Value>,
    /// Where else the same stands, by reading.
    also: &'a dyn Fn(usize) -> Vec<String>,
    notes: &'a [String],
}

impl Shown<'_> {
    fn print(&self, json: bool, message: Option<String>) -> Exit {
        if json {
            print_json(self, message.as_deref());
        } else {
            print_table(self);
        }
        for note in self.notes {
            eprintln!("rackwarden: {}: {note}", self.name);
        }
        match (&self.batch.error, message) {
            (Some(error), Some(message)) => {
                eprintln!("rackwarden: {}", about(self.name, &message));
                Exit::of_poll(error)
            }
            _ => Exit::Ok,
        }
    }
}

/// A message with the device's name before it, unless that is in it.
pub(super) fn about(name: &str, message: &str) -> String {
    if message.contains(name) { message.to_owned() } else { format!("{name}: {message}") }
}

/// The error in words, and after silence what else can be found out.
pub(super) fn explain(error: &PollError, ready: &Ready) -> String {
    if *error != PollError::Timeout {
        return error.to_string();
    }
    let address = ready.target.address;
    let Credential::Community { version, community } = &ready.target.credential else {
        return if once::speaks_v3(&ready.target) {
            format!(
                "the agent at {address} answers to SNMPv3, but not in time to this: try a longer --timeout"
            )
        } else {
            "no answer in time: wrong address, a filter between, the agent is down, or it does not speak SNMPv3"
                .to_owned()
        };
    };
    let (asked, other, other_name) = match version {
        SnmpVersion::V1 => ("1", SnmpVersion::V2c, "2c"),
        SnmpVersion::V2c => ("2c", SnmpVersion::V1, "1"),
    };
    let mut target = ready.target.clone();
    target.retries = 0;
    target.timeout = target.timeout.min(Duration::from_secs(1));
    target.credential = Credential::Community { version: other, community: community.clone() };
    let system = crate::model::Oid::new(&[1, 3, 6, 1, 2, 1, 1]);
    let limits = crate::snmp::WalkLimits { rows_max: 1, ..crate::snmp::WalkLimits::getnext() };
    if once::walk(&target, &system, limits, SystemClock::new(), &mut |_, _| ()).is_ok() {
        return format!(
            "{address} does not answer SNMP v{asked}, but it does answer v{other_name}: use --version {other_name}"
        );
    }
    if once::speaks_v3(&target) {
        return format!(
            "an SNMP agent lives at {address}, but it does not answer this community: wrong community, or an access list that leaves this host out"
        );
    }
    "no answer in time: wrong community or address, a filter between, or the agent is down".to_owned()
}

fn print_json(shown: &Shown<'_>, message: Option<&str>) {
    let source = &shown.batch.source;
    let identity = &source.identity;
    let error = shown.batch.error.as_ref().zip(message);
    let mut errors: Vec<ErrorJson> = error
        .map(|(error, message)| ErrorJson { class: error.class(), message: message.to_owned() })
        .into_iter()
        .collect();
    errors.extend(shown.notes.iter().map(|note| ErrorJson { class: "partial", message: note.clone() }));
    let object = PollJson {
        target: shown.name,
        profile: Some(&*source.profile).filter(|it| !it.is_empty()),
        identity: IdentityJson {
            vendor: &identity.vendor,
            model: &identity.model,
            serial: &identity.serial,
            firmware: &identity.firmware,
            sys_object_id: identity.sys_object_id.to_string(),
            sys_descr: &identity.sys_descr,
            sys_name: &identity.sys_name,
        },
        readings: readings(shown),
        errors,
    };
    match serde_json::to_string_pretty(&object) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("rackwarden: cannot write JSON: {error}"),
    }
}

fn readings<'a>(shown: &Shown<'a>) -> Vec<ReadingJson<'a>> {
    let batch = shown.batch;
    let rows = batch.shape.readings.iter().zip(&batch.samples).enumerate();
    rows.filter_map(|(at, (reading, sample))| {
        let component = batch.shape.component_of(reading)?;
        let state =
            sample.value().filter(|_| reading.quantity == Quantity::State).map(|value| {
                match reading.states.as_ref().and_then(|it| it.state(value)) {
                    Some(state) => StateJson { name: state.name.to_string(), severity: state.health.name() },
                    None => StateJson { name: format!("{value}"), severity: Health::Unknown.name() },
                }
            });
        Some(ReadingJson {
            component: component.kind.name(),
            index: &component.index,
            label: label(component, reading),
            quantity: reading.quantity.name(),
            unit: reading.quantity.unit().symbol(),
            value: sample.value(),
            missing: match sample {
                Sample::Value(_) | Sample::Suspect(_) => None,
                Sample::Missing(missing) => Some(missing.name()),
            },
            raw: (shown.raw)(at),
            state,
            source: reading.source.to_string(),
            also: (shown.also)(at),
            suspect: matches!(sample, Sample::Suspect(_)),
        })
    })
    .collect()
}

fn raw(ready: &Known, reading: usize, cells: &Cells) -> Option<serde_json::Value> {
    let value = ready.plan.raw(reading, cells).ok()?;
    Some(match value {
        Value::Counter64(it) => serde_json::Value::from(it),
        value => match (value.integer(), value.text()) {
            (Some(number), _) => serde_json::Value::from(number),
            (None, Some(text)) => serde_json::Value::from(text),
            (None, None) => match value {
                Value::ObjectIdentifier(oid) => serde_json::Value::from(oid.to_string()),
                Value::Opaque(octets) => serde_json::Value::from(hex(&octets)),
                _ => return None,
            },
        },
    })
}

fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    octets.iter().fold(String::new(), |mut out, octet| {
        // Writing to a String cannot fail.
        if write!(out, "{octet:02x}").is_err() {
            out.clear();
        }
        out
    })
}

/// The component's label, and what tells this reading from its others of the same quantity.
pub(super) fn label(component: &Component, reading: &ReadingShape) -> String {
    if reading.name.is_empty() {
        component.label.to_string()
    } else {
        format!("{} {}", component.label, reading.name.replace('_', " "))
    }
}

fn print_table(shown_poll: &Shown<'_>) {
    let batch = shown_poll.batch;
    if batch.shape.readings.is_empty() {
        return;
    }
    let source = &batch.source;
    let identity = &source.identity;
    let known: Vec<&str> =
        [&*identity.vendor, &*identity.model].into_iter().filter(|it| !it.is_empty()).collect();
    println!("{}  {}  profile {}", shown_poll.name, known.join(" "), source.profile);
    for (name, value) in
        [("serial", &identity.serial), ("firmware", &identity.firmware), ("name", &identity.sys_name)]
    {
        if !value.is_empty() {
            println!("  {name:9}{value}");
        }
    }
    let took = humantime::format_duration(Duration::from_millis(
        u64::try_from(batch.duration.as_millis()).unwrap_or(u64::MAX),
    ));
    let readings = counted(batch.samples.len(), "reading");
    println!("  {readings} of {} in {took}\n", counted(batch.shape.components.len(), "component"));
    let rows: Vec<[String; 4]> = batch
        .shape
        .readings
        .iter()
        .zip(&batch.samples)
        .filter_map(|(reading, sample)| {
            let component = batch.shape.component_of(reading)?;
            Some([
                format!("{}/{}", component.kind, component.index),
                label(component, reading),
                reading.quantity.to_string(),
                shown(component, reading, *sample),
            ])
        })
        .collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|it| it.chars().count()).max().unwrap_or(0).min(48)
    };
    let (a, b, c) = (width(0), width(1), width(2));
    for [component, label, quantity, value] in &rows {
        println!("{component:a$}  {label:b$}  {quantity:c$}  {value}");
    }
}

/// The value with its unit, state or reason.
pub(super) fn shown(component: &Component, reading: &ReadingShape, sample: Sample) -> String {
    let value = match sample {
        Sample::Missing(missing) => return format!("- ({})", words(missing)),
        Sample::Value(value) | Sample::Suspect(value) => value,
    };
    let doubt = if matches!(sample, Sample::Suspect(_)) { "  (suspect: against physics)" } else { "" };
    if reading.quantity == Quantity::State {
        return match reading.states.as_ref().and_then(|it| it.state(value)) {
            Some(state) => format!("{} ({})", state.name, state.health),
            None => format!("{value} (unknown)"),
        };
    }
    let number = (value * 1000.0).round() / 1000.0;
    let rated = match reading.quantity {
        Quantity::Current => component.ratings.current_amperes,
        Quantity::ActivePower => component.ratings.active_power_watts,
        Quantity::ApparentPower => component.ratings.apparent_power_volt_amperes,
        _ => None,
    };
    let unit = match reading.quantity {
        Quantity::PowerFactor => String::new(),
        quantity => format!(" {}", quantity.unit()),
    };
    let rated = rated.map(|it| format!("  (rated {it}{unit})")).unwrap_or_default();
    format!("{number}{unit}{rated}{doubt}")
}

fn words(missing: Missing) -> String {
    missing.name().replace('_', " ")
}
