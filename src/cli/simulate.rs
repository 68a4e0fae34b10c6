//! `simulate`: recordings served as SNMP agents, mockups as Redfish services, on loopback.

mod redfish;

use super::exit::Exit;
use crate::mib::Mibs;
use crate::model::Secret;
use crate::simulator::Simulator;
use crate::simulator::agent::{AgentSpec, EngineSpec};
use crate::simulator::faults::FaultRule;
use crate::simulator::recording::Recording;
use crate::simulator::redfish::ServiceFault;
use crate::simulator::trap::Trap;
use crate::snmp::v3::{EngineId, KeyCache, KeySource, User};
use crate::snmp::wire::{NotificationKind, Version};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Recordings: snmprec files (OID|TAG|VALUE), or net-snmp's walk output (snmpwalk -On). Folders are Redfish
    /// mockups (DSP2043, or what `capture` wrote), served by HTTP at the next ports
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the first agent listens: a loopback address. Further ones follow at the next ports
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:16100")]
    listen: SocketAddr,
    /// The community that the agents want
    #[arg(short = 'c', long, value_name = "TEXT", default_value = "public")]
    community: String,
    /// A user of SNMPv3 whom the agents know too: NAME[:AUTH:PASSPHRASE[:PRIV:PASSPHRASE]], as in
    /// ops:SHA-256:maplesyrup:AES-128:otherphrase
    #[arg(long, value_name = "USER", value_parser = user)]
    v3_user: Option<Arc<User>>,
    /// So many agents of each recording
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    count: u16,
    /// What goes wrong, as NAME or NAME=VALUE, with @RATE if not always: --fault drop-answer@0.1 --fault
    /// slow=300ms
    #[arg(long, value_name = "FAULT")]
    fault: Vec<FaultRule>,
    /// Whom Redfish services let in, as USER:PASSWORD; default: everybody
    #[arg(long, value_name = "USER:PASSWORD", value_parser = redfish::user)]
    redfish_user: Option<(String, String)>,
    /// What goes wrong with Redfish services, as NAME[=VALUE][@PART-OF-A-URI]: --redfish-fault status=503@Outlets
    #[arg(long, value_name = "FAULT")]
    redfish_fault: Vec<ServiceFault>,
    /// Redfish services send an event to whoever listens, every so many seconds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    redfish_events: Option<u64>,
    /// Redfish services leave $expand unheeded
    #[arg(long)]
    redfish_plain: bool,
    /// Redfish services speak https, with the certificate and key in this PEM file
    #[arg(long, value_name = "FILE")]
    redfish_tls: Option<PathBuf>,
    /// Seed of the faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where each agent sends a trap at its start: a loopback address, say 127.0.0.1:1162
    #[arg(long, value_name = "ADDRESS")]
    trap_to: Option<SocketAddr>,
    /// The trap's name, as MODULE::name, or its number
    #[arg(long, value_name = "OID", default_value = "SNMPv2-MIB::coldStart", requires = "trap_to")]
    trap: String,
    /// The trap's version and kind
    #[arg(long, value_enum, default_value_t = TrapForm::V2c, requires = "trap_to")]
    trap_as: TrapForm,
    /// Send it again every so many seconds; default: once
    #[arg(long, value_name = "N", requires = "trap_to", value_parser = clap::value_parser!(u64).range(1..))]
    trap_every: Option<u64>,
    /// Stop after so many seconds; default: at SIGINT or SIGTERM
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
}

/// How a trap is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TrapForm {
    /// A trap of SNMPv1
    #[value(name = "1")]
    V1,
    /// A trap of SNMPv2c
    #[value(name = "2c")]
    V2c,
    /// An inform of SNMPv2c
    Inform,
}

/// Serves until told to stop.
pub(super) fn run(arguments: &Arguments) -> Exit {
    match serve(arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn serve(arguments: &Arguments) -> Result<Exit, Exit> {
    let mut agents = Vec::new();
    let mut titles = Vec::new();
    let keys = Arc::new(KeyCache::new());
    let (folders, files): (Vec<&PathBuf>, Vec<&PathBuf>) = arguments.files.iter().partition(|it| it.is_dir());
    for file in files {
        let recording = read(file)?;
        for _ in 0..arguments.count {
            let address = address(arguments.listen, agents.len())?;
            let seed = arguments.seed.wrapping_add(u64::try_from(agents.len()).unwrap_or(0));
            let spec = AgentSpec::from_recording(&recording, &arguments.community)
                .with_faults(arguments.fault.clone(), seed);
            let spec = match &arguments.v3_user {
                Some(user) => spec.with_engine(engine(user, agents.len(), &keys)?),
                None => spec,
            };
            agents.push((address, spec));
        }
        titles.push(file.display().to_string());
    }
    let failed = |error: &dyn std::fmt::Display| {
        eprintln!("rackwarden: {error:#}");
        Exit::Failed
    };
    let services = redfish::specs(arguments, &folders)?;
    if agents.is_empty() {
        return redfish::serve_alone(arguments, services);
    }
    let simulator = Simulator::start(agents).map_err(|error| failed(&anyhow::Error::from(error)))?;
    for (number, agent) in simulator.agents().enumerate().take(20) {
        let title = titles.get(number / usize::from(arguments.count)).map_or("", String::as_str);
        println!("{}  {title}", agent.address());
    }
    if 20 < simulator.len() {
        println!("... and {} more", simulator.len() - 20);
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    let traps = traps(arguments)?;
    runtime.block_on(async {
        let services = redfish::start(arguments, services, simulator.len()).await?;
        println!("serving; stop with Ctrl-C");
        tokio::select! {
            () = redfish::send_events(arguments, &services) => (),
            () = super::until_stopped(arguments.seconds.map(Duration::from_secs)) => (),
            () = send_traps(&simulator, traps, arguments.trap_every) => (),
        }
        redfish::report(&services);
        Ok(())
    })?;
    let totals = simulator.totals();
    println!("{} requests, {} answers", totals.requests, totals.answers);
    Ok(Exit::Ok)
}

/// A user as it is written on the command line.
fn user(text: &str) -> Result<Arc<User>, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let phrase = |text: &str| KeySource::Passphrase(Secret::new(text));
    let (name, auth, privacy) = match parts.as_slice() {
        [name] => (name, None, None),
        [name, auth, key] => (name, Some((auth, key)), None),
        [name, auth, key, privacy, private] => (name, Some((auth, key)), Some((privacy, private))),
        _ => return Err("a user is written NAME[:AUTH:PASSPHRASE[:PRIV:PASSPHRASE]]".to_owned()),
    };
    let said = |error: crate::snmp::v3::UnknownProtocol| error.to_string();
    let auth = auth.map(|(it, key)| Ok::<_, String>((it.parse().map_err(said)?, phrase(key)))).transpose()?;
    let privacy =
        privacy.map(|(it, key)| Ok::<_, String>((it.parse().map_err(said)?, phrase(key)))).transpose()?;
    let made = User::new(*name, auth, privacy);
    made.map(Arc::new).map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// An engine with an ID of its own.
fn engine(user: &Arc<User>, number: usize, keys: &Arc<KeyCache>) -> Result<EngineSpec, Exit> {
    // net-snmp's enterprise number with a text after it (RFC 3411 section 5, SnmpEngineID).
    let mut octets = b"\x80\x00\x1f\x88\x04sim".to_vec();
    octets.extend_from_slice(&number.to_be_bytes());
    let id = EngineId::new(&octets).ok_or(Exit::Failed)?;
    Ok(EngineSpec::new(id, [Arc::clone(user)]).with_keys(Arc::clone(keys)))
}

/// What is to be sent, and where to.
fn traps(arguments: &Arguments) -> Result<Option<(SocketAddr, Trap)>, Exit> {
    let Some(to) = arguments.trap_to else { return Ok(None) };
    let named = Mibs::embedded().resolve(&arguments.trap).map_err(|error| {
        let help = error.help().map(|it| format!(" ({it})")).unwrap_or_default();
        eprintln!("rackwarden: --trap: {error}{help}");
        Exit::Usage
    })?;
    let trap = match arguments.trap_as {
        TrapForm::V1 => Trap::new(named.oid, Version::V1),
        TrapForm::V2c => Trap::new(named.oid, Version::V2c),
        TrapForm::Inform => Trap::inform(named.oid),
    };
    Ok(Some((to, trap)))
}

/// Has each agent send its trap, and again if that is wanted; never ends.
async fn send_traps(simulator: &Simulator, traps: Option<(SocketAddr, Trap)>, every: Option<u64>) {
    while let Some((to, trap)) = &traps {
        for agent in simulator.agents() {
            let address = agent.address();
            match agent.send_trap(*to, trap) {
                Ok(sent) if trap.kind == NotificationKind::Inform => {
                    let answered =
                        tokio::task::spawn_blocking(move || sent.is_acknowledged(INFORM_TIMEOUT)).await;
                    let words = if answered.is_ok_and(|it| it) { "acknowledged" } else { "not acknowledged" };
                    println!("{address}  {words}");
                }
                Ok(_) => (),
                Err(error) => eprintln!("rackwarden: {address}: {:#}", anyhow::Error::from(error)),
            }
        }
        match every {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => break,
        }
    }
    std::future::pending::<()>().await;
}

/// How long an agent waits for the answer to an inform.
const INFORM_TIMEOUT: Duration = Duration::from_secs(2);

fn read(file: &Path) -> Result<Recording, Exit> {
    let octets = std::fs::read(file).map_err(|error| {
        eprintln!("rackwarden: cannot read {}: {error}", file.display());
        Exit::Failed
    })?;
    let recording = Recording::parse_octets(&octets).map_err(|error| {
        eprintln!("rackwarden: {}: {error}", file.display());
        Exit::Config
    })?;
    for skipped in recording.skipped() {
        eprintln!("rackwarden: {}: skipped {skipped}", file.display());
    }
    Ok(recording)
}

fn address(first: SocketAddr, number: usize) -> Result<SocketAddr, Exit> {
    let port = u16::try_from(number).ok().and_then(|it| first.port().checked_add(it));
    if first.port() == 0 {
        return Ok(first);
    }
    match port {
        Some(port) => Ok(SocketAddr::new(first.ip(), port)),
        None => {
            eprintln!(
                "rackwarden: {number} agents from port {} on do not fit below port 65536",
                first.port()
            );
            Err(Exit::Usage)
        }
    }
}
