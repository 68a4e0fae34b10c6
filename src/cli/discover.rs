//! `discover CIDR...`: who answers in these networks, what it is, and which profile reads it.
//!
//! Two passes: a sweep that asks everybody at a bounded rate, and a look at those that answered. What is found is
//! printed, or written to a file of devices.d; what looks like one device twice is named, and left out of the file.

mod identify;
mod progress;
mod redfish;
mod sweep;

use super::exit::Exit;
use super::fleet::{self, Found, duplicates, file};
use super::status::Canvas;
use super::{ConfigArguments, counted, target};
use crate::config::Settings;
use crate::model::{Secret, SystemClock};
use crate::poller::settings::{Credential, SnmpVersion};
use identify::{Identify, NamedCredential};
use indicatif::{ProgressBar, ProgressStyle};
use ipnet::IpNet;
use progress::Progress;
use redfish::Service;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use sweep::{Answered, Sweep};

/// Arguments of `discover`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Networks and addresses: 10.0.0.0/24, 10.0.1.7
    #[arg(required = true, value_name = "CIDR", value_parser = network)]
    networks: Vec<IpNet>,
    /// Try this credential of the configuration; given more than once: these; default: all of them
    #[arg(long, value_name = "NAME")]
    credential: Vec<String>,
    /// Try this community (SNMPv2c) in place of the configuration's; given more than once: these
    #[arg(short = 'c', long, value_name = "TEXT", conflicts_with = "credential")]
    community: Vec<String>,
    /// The UDP port to ask
    #[arg(long, value_name = "PORT", default_value_t = fleet::SNMP_PORT, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// The most datagrams a second
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Seconds to wait for an answer
    #[arg(short = 't', long, value_name = "SECONDS", default_value_t = 1.0)]
    timeout: f64,
    /// Also ask who speaks Redfish, by GET /redfish/v1/ without a login
    #[arg(long)]
    redfish: bool,
    /// The TCP port of Redfish
    #[arg(long, value_name = "PORT", default_value_t = 443, requires = "redfish")]
    redfish_port: u16,
    /// Note in FILE how far it has come, and go on from there when it is begun again
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Write what is new to NAME.toml in devices.d beside the configuration
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "discovered", conflicts_with = "community")]
    write: Option<String>,
    #[command(flatten)]
    config: ConfigArguments,
}

fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(one).ok_or_else(|| {
        "write a network as 10.0.0.0/24 or 2001:db8::/120, or an address as 10.0.0.7".to_owned()
    })
}

/// Searches and shows.
pub(super) fn run(arguments: &Arguments) -> Exit {
    match search(arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn fail(exit: Exit, message: impl std::fmt::Display) -> Exit {
    eprintln!("rackwarden: {message}");
    exit
}

fn search(arguments: &Arguments) -> Result<Exit, Exit> {
    let addresses = addresses(&arguments.networks)?;
    let settings = match arguments.config.is_there() {
        true => Some(target::load(&arguments.config)?),
        false => None,
    };
    let credentials = credentials(arguments, settings.as_ref())?;
    let timeout = Duration::try_from_secs_f64(arguments.timeout)
        .ok()
        .filter(|it| !it.is_zero() && it.as_secs() < 60)
        .ok_or_else(|| fail(Exit::Usage, "--timeout takes seconds, more than 0 and less than 60"))?;
    let mut progress = open(arguments, &credentials)?;
    let clock = SystemClock::new();
    sweep_all(arguments, &credentials, timeout, &addresses, &mut progress, clock)?;
    let folders = settings.as_ref().map(|it| it.profile_folders.clone()).unwrap_or_default();
    let identify = Identify {
        credentials: &credentials,
        profiles: target::profiles(&folders)?,
        port: arguments.port,
        timeout,
    };
    identify_all(&identify, &mut progress, clock)?;
    let services = services(arguments, &addresses, timeout)?;
    let devices = settings.as_ref().map(|it| it.devices.as_slice()).unwrap_or_default();
    let mut found: Vec<Found> = progress.read.into_values().collect();
    found.sort_by_key(|it| it.address.parse::<IpAddr>().ok());
    fleet::known(&mut found, devices);
    fleet::named(&mut found, &devices.iter().map(|it| it.name.to_string()).collect());
    let doubles = duplicates::find(&found);
    if arguments.json {
        print_json(&found, &services)?;
    } else {
        print_table(&found);
        print_services(&services);
        print_rest(&found, &doubles, addresses.len());
    }
    if let Some(name) = &arguments.write {
        write(arguments, name, &found, &doubles)?;
    } else if !arguments.json && found.iter().any(is_new) && arguments.community.is_empty() {
        println!("\n`--write` puts what is new into devices.d, `--json` prints all that is known of each.");
    }
    Ok(if found.is_empty() && services.is_empty() { Exit::NoAnswer } else { Exit::Ok })
}

/// The addresses of the networks, each once.
fn addresses(networks: &[IpNet]) -> Result<Vec<IpAddr>, Exit> {
    let networks = IpNet::aggregate(&networks.to_vec());
    let bits = |it: &IpNet| u32::from(it.max_prefix_len() - it.prefix_len());
    if networks.iter().any(|it| ADDRESS_BITS_MOST < bits(it)) {
        return Err(fail(
            Exit::Usage,
            format!(
                "at most {} addresses are searched at once: name smaller networks",
                1_u32 << ADDRESS_BITS_MOST
            ),
        ));
    }
    let all: Vec<IpAddr> = networks.iter().flat_map(IpNet::hosts).collect();
    if 1 << ADDRESS_BITS_MOST < all.len() {
        return Err(fail(Exit::Usage, format!("these are {} addresses: name smaller networks", all.len())));
    }
    Ok(all)
}

/// What is tried.
fn credentials(arguments: &Arguments, settings: Option<&Settings>) -> Result<Vec<NamedCredential>, Exit> {
    if !arguments.community.is_empty() {
        let of = |it: &String| Credential::Community {
            version: SnmpVersion::V2c,
            community: Secret::new(it.clone()),
        };
        return Ok(arguments
            .community
            .iter()
            .map(|it| NamedCredential { name: None, credential: of(it) })
            .collect());
    }
    let file = arguments.config.config.display();
    let Some(settings) = settings else {
        return Err(fail(Exit::Usage, format!("{file} is not there: give communities with -c")));
    };
    for name in &arguments.credential {
        if !settings.credentials.contains_key(name.as_str()) {
            let near = crate::model::closest(name, settings.credentials.keys().map(|it| &**it));
            let help = near.map(|it| format!(" (did you mean {it}?)")).unwrap_or_default();
            return Err(fail(Exit::Usage, format!("{file} has no [credentials.{name}]{help}")));
        }
    }
    let wanted = |it: &&Arc<str>| {
        arguments.credential.is_empty() || arguments.credential.iter().any(|name| **name == ***it)
    };
    let named = settings.credentials.iter().filter(|(name, _)| wanted(name));
    let all: Vec<NamedCredential> = named
        .map(|(name, it)| NamedCredential { name: Some(name.to_string()), credential: it.clone() })
        .collect();
    if all.is_empty() {
        return Err(fail(Exit::Config, format!("{file} has no [credentials]: give communities with -c")));
    }
    Ok(all)
}

fn open(arguments: &Arguments, credentials: &[NamedCredential]) -> Result<Progress, Exit> {
    let networks: Vec<String> = arguments.networks.iter().map(ToString::to_string).collect();
    let names: Vec<&str> = credentials
        .iter()
        .map(|it| it.name.as_deref().unwrap_or("a community of the command line"))
        .collect();
    let what = format!("{} port {}, as {}", networks.join(" "), arguments.port, names.join(", "));
    Progress::open(arguments.state.as_deref(), &what).map_err(|error| {
        let file = arguments.state.as_deref().map(|it| it.display().to_string()).unwrap_or_default();
        fail(Exit::Failed, format!("{file}: {error}"))
    })
}

fn bar(count: usize, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX)).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{msg:>10} {wide_bar} {pos}/{len}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn sweep_all(
    arguments: &Arguments,
    credentials: &[NamedCredential],
    timeout: Duration,
    addresses: &[IpAddr],
    progress: &mut Progress,
    clock: SystemClock,
) -> Result<(), Exit> {
    let plain: Vec<Credential> = credentials.iter().map(|it| it.credential.clone()).collect();
    let sweep = Sweep::new(&plain, arguments.port, arguments.rate, timeout);
    let bar = bar(addresses.len(), "asking");
    bar.inc(u64::try_from(progress.swept).unwrap_or(0));
    for part in addresses.get(progress.swept..).unwrap_or_default().chunks(ADDRESSES_A_STEP) {
        let answered = sweep
            .run(part, clock, &mut || bar.inc(1))
            .map_err(|error| fail(Exit::Failed, format!("cannot ask: {error}")))?;
        progress.swept(progress.swept + part.len(), answered).map_err(|error| unwritten(&error))?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn unwritten(error: &std::io::Error) -> Exit {
    fail(Exit::Failed, format!("the state cannot be written: {error}"))
}

/// Reads those that answered and were not read yet, some at a time, each by one request at a time.
fn identify_all(identify: &Identify<'_>, progress: &mut Progress, clock: SystemClock) -> Result<(), Exit> {
    let left: Vec<(IpAddr, Answered)> = progress
        .answered
        .iter()
        .filter(|(address, _)| !progress.read.contains_key(&address.to_string()))
        .map(|(address, it)| (*address, it.clone()))
        .collect();
    let bar = bar(left.len(), "reading");
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let done = std::thread::scope(|scope| {
        for _ in 0..READERS.min(left.len()) {
            let (sender, next, left) = (sender.clone(), &next, &left);
            scope.spawn(move || {
                while let Some((address, answered)) = left.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody listens any more: the state could not be written.
                    if sender.send(identify.read(*address, answered, clock)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        receiver.into_iter().try_for_each(|found| {
            bar.inc(1);
            progress.read(found)
        })
    });
    bar.finish_and_clear();
    done.map_err(|error| unwritten(&error))
}

fn services(arguments: &Arguments, addresses: &[IpAddr], timeout: Duration) -> Result<Vec<Service>, Exit> {
    if !arguments.redfish {
        return Ok(Vec::new());
    }
    let bar = bar(addresses.len(), "Redfish");
    let mut found = redfish::find(addresses, arguments.redfish_port, timeout, &|| bar.inc(1))
        .map_err(|error| fail(Exit::Failed, format!("cannot ask for Redfish: {error:#}")))?;
    bar.finish_and_clear();
    found.sort_by_key(|it| it.address);
    Ok(found)
}

/// Whether it is a device that the configuration does not have and a profile reads.
fn is_new(it: &Found) -> bool {
    it.known_as.is_none() && !it.profile.is_empty()
}

fn print_json(found: &[Found], services: &[Service]) -> Result<(), Exit> {
    for it in found {
        let text = serde_json::to_string(it)
            .map_err(|error| fail(Exit::Failed, format!("it cannot be written as JSON: {error}")))?;
        println!("{text}");
    }
    for Service { address, about, uuid } in services {
        println!("{}", serde_json::json!({ "redfish": address, "about": about, "uuid": uuid }));
    }
    Ok(())
}

fn print_table(found: &[Found]) {
    if found.is_empty() {
        return;
    }
    let head =
        ["ADDRESS", "NAME", "DEVICE", "SERIAL", "PROFILE", "CREDENTIAL", "READINGS"].map(str::to_owned);
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let row = |it: &Found| {
        let readings = if it.profile.is_empty() { "-".to_owned() } else { it.readings.to_string() };
        [
            it.address.clone(),
            it.known_as.clone().unwrap_or_else(|| it.name.clone()),
            or_dash(&it.product),
            or_dash(&it.serial),
            or_dash(&it.profile),
            or_dash(it.credential.as_deref().unwrap_or_default()),
            readings,
        ]
    };
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(found.iter().map(row)).collect();
    let width =
        |at: usize| rows.iter().filter_map(|it| it.get(at)).map(|it| it.chars().count()).max().unwrap_or(0);
    let [a, b, c, d, e, f, g] = [0, 1, 2, 3, 4, 5, 6].map(width);
    // In a terminal the product's name gives way: what is told of it is in --json too.
    let over = (a + b + c + d + e + f + g + 6 * "  ".len()).saturating_sub(Canvas::of_output(0).width);
    let c = c.saturating_sub(over).max(c.min(DEVICE_WIDTH_LEAST));
    for [address, name, device, serial, profile, credential, readings] in &rows {
        let device = Canvas { colour: false, list: 0, width: c }.cut(device);
        println!(
            "{address:a$}  {name:b$}  {device:c$}  {serial:d$}  {profile:e$}  {credential:f$}  {readings}"
        );
    }
}

/// Of a product's name enough to tell it from others.
const DEVICE_WIDTH_LEAST: usize = 12;

fn print_services(services: &[Service]) {
    if !services.is_empty() {
        println!("\nRedfish services (no login was tried):");
    }
    for Service { address, about, uuid } in services {
        println!("  {address}  {about}  {uuid}");
    }
}

/// What the table does not say: notes, duplicates, counts.
fn print_rest(found: &[Found], doubles: &[duplicates::Duplicates], asked: usize) {
    let noted: Vec<&Found> = found.iter().filter(|it| !it.note.is_empty()).collect();
    if !noted.is_empty() {
        println!();
    }
    for it in noted {
        println!("{}: {}", it.address, it.note);
    }
    for double in doubles {
        let who: Vec<&str> =
            double.who.iter().filter_map(|it| Some(found.get(*it)?.address.as_str())).collect();
        println!("\n{} look like one device: the same {}", who.join(" and "), double.what);
    }
    let known = found.iter().filter(|it| it.known_as.is_some()).count();
    let read = found.iter().filter(|it| !it.profile.is_empty()).count();
    let blank = if found.is_empty() { "" } else { "\n" };
    println!(
        "{blank}asked: {asked}, answered: {}, read by a profile: {read}, in the configuration already: {known}",
        found.len()
    );
}

fn write(
    arguments: &Arguments,
    name: &str,
    found: &[Found],
    doubles: &[duplicates::Duplicates],
) -> Result<(), Exit> {
    let path = file::path(&arguments.config.config, name);
    // What the file has from an earlier search is known to the configuration, and stays.
    let before = file::present(&path);
    let firsts = duplicates::second_of(doubles);
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for (at, it) in found.iter().enumerate() {
        let is_ours = it.known_as.as_ref().is_some_and(|known| before.contains_key(known));
        match firsts.get(&at).and_then(|first| found.get(*first)) {
            _ if it.profile.is_empty() || (it.known_as.is_some() && !is_ours) => (),
            Some(first) if it.known_as.is_none() => {
                left_out.push((it, format!("it looks like the same device as {}", first.address)));
            }
            _ => kept.push(it),
        }
    }
    let kept: Vec<Found> = kept
        .into_iter()
        .map(|it| Found { name: it.known_as.clone().unwrap_or_else(|| it.name.clone()), ..it.clone() })
        .collect();
    let gone = before.keys().filter(|name| !kept.iter().any(|it| it.name == **name)).count();
    if gone != 0 {
        let why = format!(
            "{} has {} that did not answer this time: it stays as it is",
            path.display(),
            counted(gone, "device")
        );
        return Err(fail(Exit::Failed, format!("{why}. Choose another name for what is new")));
    }
    let new = kept.iter().filter(|it| !before.contains_key(&it.name)).count();
    if new == 0 {
        println!("\nnothing is new: nothing was written");
        return Ok(());
    }
    let text = file::text("discover", &kept.iter().collect::<Vec<_>>(), &left_out);
    file::write(&arguments.config.config, &path, &text).map_err(|error| fail(Exit::Config, error))?;
    let also = if left_out.is_empty() {
        String::new()
    } else {
        format!(", {} left out as comments", left_out.len())
    };
    let new = counted(new, "new device");
    println!("\n{}: {new}{also}; `systemctl reload rackwarden` puts it in force", path.display());
    Ok(())
}

/// A /16: at the usual rate that is a quarter of an hour for two credentials.
const ADDRESS_BITS_MOST: u32 = 16;
/// After each, the state is noted, and answers to the last datagrams are waited for.
const ADDRESSES_A_STEP: usize = 1024;
/// Devices that are read at a time.
const READERS: usize = 8;
