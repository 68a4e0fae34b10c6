//! `bench snmp`: what polling costs, measured on the whole daemon path.
//!
//! Devices are learnt first; then the clock starts. Simulated agents run in a process of their own, so
//! that only the poller's processor time and memory are counted.

mod agents;
mod device;
mod peer;
mod report;
mod rig;
mod tally;
mod usage;
mod walk;

use super::exit::Exit;
use super::target;
use crate::model::{Labels, Oid, Secret, SystemClock};
use crate::poller::once;
use crate::poller::settings::{Credential, DeviceSettings, SnmpVersion};
use crate::profile::ProfileSet;
use agents::{Agents, Weather};
use anyhow::Context;
use peer::PeerJob;
use report::{Figures, Report};
use rig::Rig;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What to measure.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Poll many agents through the whole daemon path, and say what it costs
    ///
    /// Learns every agent, then polls and decodes, stores, and judges by rules as the daemon does. Agents
    /// are simulated in a process of their own unless others are named; their cost is not counted.
    Snmp(Box<Arguments>),
    /// Plays the agents of a bench
    #[command(hide = true)]
    Agents(agents::Arguments),
}

/// Arguments of `bench snmp`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How many agents
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    agents: u32,
    /// Cells of each agent, or a few less: columns are taken whole
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=i64::from(device::CELLS_MAX)))]
    cells: u16,
    /// Alert rules that are judged on each poll
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=1000))]
    rules: u16,
    /// How they are polled: walks are of the tables of --fleet, or of simulated agents
    #[arg(long, value_enum, default_value_t = Mode::Get)]
    mode: Mode,
    /// Speak SNMPv3 with the simulated agents: authPriv, by SHA-256 and AES-128
    #[arg(long, conflicts_with_all = ["target", "targets_from", "fleet", "mode", "compare"])]
    v3: bool,
    /// How long to measure
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How often each agent is asked; 0s: again as soon as it has answered
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// Instead: ask all agents at once, once, and say when the last was read
    #[arg(long)]
    sweep: bool,
    /// The agents are played elsewhere: --agents loopback addresses from this one on, which have the
    /// tables of an APC rack PDU (rPDU2) with 24 outlets
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with_all = ["target", "targets_from"])]
    fleet: Option<SocketAddrV4>,
    /// Poll this agent with the profile that fits it; can be given more than once
    #[arg(long, value_name = "HOST[:PORT]")]
    target: Vec<String>,
    /// Poll the agents in this file, a HOST[:PORT] a line
    #[arg(long, value_name = "FILE")]
    targets_from: Option<PathBuf>,
    /// The community of all of them
    #[arg(short, long, value_name = "TEXT", default_value = "public")]
    community: String,
    /// How long to wait for one answer
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// How often a request is repeated
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
    #[command(flatten)]
    weather: Weather,
    /// Do the same by bare sessions of another client, for the ratio
    #[arg(long, value_name = "CLIENT", value_parser = ["snmp2"])]
    compare: Option<String>,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// How a bench polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// By GET of the learnt cells, as the daemon does
    Get,
    /// By walking the device's tables, 25 rows at a time
    Walk,
}

/// Longer than any fleet takes to be learnt.
const LEARN_LIMIT: Duration = Duration::from_secs(600);
/// Longer than time-outs and retries of a dead agent add up to.
const SWEEP_LIMIT: Duration = Duration::from_secs(120);
/// After the last device was learnt: what learning has left behind is over.
const SETTLE: Duration = Duration::from_secs(1);
/// The interval of a saturated run: a device is due again at once.
const AT_ONCE: Duration = Duration::from_nanos(1);
/// The interval of a run that only sweeps: no poll comes by itself.
const NEVER: Duration = Duration::from_secs(86_400);
/// Sweeps before the one that counts: the daemon knows the dead after two failed polls.
const SWEEPS_BEFORE: usize = 2;

/// Runs it.
pub(super) fn run(verb: &Verb) -> Exit {
    let arguments = match verb {
        Verb::Agents(arguments) => return agents::run(arguments),
        Verb::Snmp(arguments) => arguments,
    };
    if cfg!(debug_assertions) {
        eprintln!("rackwarden: this is a debug build: its figures say little");
    }
    match bench(arguments) {
        Ok(report) => {
            println!("{}", if arguments.json { report::json(&report) } else { report::text(&report) });
            Exit::Ok
        }
        Err(error) => {
            eprintln!("rackwarden: {error:#}");
            Exit::Failed
        }
    }
}

/// Who is polled.
struct Fleet {
    addresses: Vec<SocketAddr>,
    profiles: Arc<ProfileSet>,
    /// The profile, if it need not be found.
    profile: Option<&'static str>,
    played: &'static str,
    /// Goes last: the agents end with it.
    _agents: Option<Agents>,
}

impl Fleet {
    fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        let count = usize::try_from(arguments.agents).unwrap_or(usize::MAX);
        let given = given(arguments)?;
        if !given.is_empty() || arguments.fleet.is_some() {
            anyhow::ensure!(
                arguments.weather.is_fair(),
                "--loss, --latency and --dead are for simulated agents only"
            );
        }
        if !given.is_empty() {
            let profiles = Arc::new(ProfileSet::embedded().clone());
            let played = "given agents";
            return Ok(Self { addresses: given, profiles, profile: None, played, _agents: None });
        }
        let profiles = Arc::new(device::profiles(arguments.cells)?);
        let (addresses, played, agents) = match arguments.fleet {
            Some(first) => (crate::simulator::addresses(first).take(count).collect(), "given agents", None),
            None => {
                let agents = Agents::start(count, &arguments.community, arguments.v3, &arguments.weather)?;
                (agents.addresses().take(count).collect::<Vec<_>>(), "simulated agents", Some(agents))
            }
        };
        anyhow::ensure!(
            addresses.len() == count,
            "127.0.0.0/8 has no {count} addresses from the first one on"
        );
        Ok(Self { addresses, profiles, profile: Some(device::PROFILE), played, _agents: agents })
    }

    fn devices(&self, arguments: &Arguments) -> anyhow::Result<Vec<(DeviceSettings, SocketAddr)>> {
        let interval = match arguments.interval {
            _ if arguments.sweep => NEVER,
            Duration::ZERO => AT_ONCE,
            interval => interval,
        };
        let credential = if arguments.v3 {
            Credential::Usm(agents::user()?)
        } else {
            Credential::Community {
                version: SnmpVersion::V2c,
                community: Secret::new(arguments.community.clone()),
            }
        };
        let device = |(number, address): (usize, &SocketAddr)| {
            let settings = DeviceSettings {
                name: format!("pdu-{number:06}").into(),
                host: address.ip().to_string(),
                port: address.port(),
                credential: credential.clone(),
                profile: self.profile.map(str::to_owned),
                interval,
                timeout: arguments.timeout,
                retries: arguments.retries,
                request_gap: Duration::ZERO,
                requests_in_flight: 1,
                answers_from: Vec::new(),
                labels: Labels::new([("rack", format!("r{}", number / 2))]),
                rated_current_amperes: Vec::new(),
            };
            (settings, *address)
        };
        Ok(self.addresses.iter().enumerate().map(device).collect())
    }
}

fn given(arguments: &Arguments) -> anyhow::Result<Vec<SocketAddr>> {
    let mut names = arguments.target.clone();
    if let Some(path) = &arguments.targets_from {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the targets in {}", path.display()))?;
        let lines = text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
        names.extend(lines.map(str::to_owned));
    }
    names
        .iter()
        .map(|name| {
            let (host, port) = target::split(name).map_err(anyhow::Error::msg)?;
            Ok(once::resolve(&host, port)?)
        })
        .collect()
}

fn bench(arguments: &Arguments) -> anyhow::Result<Report> {
    let fleet = Fleet::new(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build()?;
    let rules = usize::from(arguments.rules);
    let rig = Rig::start(fleet.devices(arguments)?, &fleet.profiles, rules, runtime.handle())?;
    let agents = fleet.addresses.len();
    let limit = LEARN_LIMIT;
    let learnt_in = rig
        .wait_until_known(limit)
        .with_context(|| format!("not all {agents} agents were polled within {} s", limit.as_secs()))?;
    let series = rig.scrape();
    std::thread::sleep(SETTLE);
    let asked = rig.asked().context("no agent was read: does any answer, with this community?")?;
    let cells: Arc<[Oid]> = Arc::clone(&asked.plan.cells);
    let mut report = Report {
        agents,
        read: rig.read(),
        played: fleet.played,
        cells: cells.len(),
        series,
        rules,
        comparisons: rig.comparisons(),
        interval: arguments.interval,
        learnt_in,
        ours: None,
        peer: None,
        sweep: None,
    };
    if arguments.sweep {
        for _ in 0..SWEEPS_BEFORE {
            rig.sweep(SWEEP_LIMIT).context("a sweep did not end")?;
        }
        report.sweep = Some(rig.sweep(SWEEP_LIMIT).context("the sweep did not end")?);
    } else if arguments.mode == Mode::Walk {
        anyhow::ensure!(fleet.profile.is_some(), "--mode walk is for agents that have the bench's tables");
        report.ours = Some(rig.walk(&fleet.addresses, arguments)?);
    } else {
        let measured = rig.measure(Duration::from_secs(arguments.seconds))?;
        report.ours = Some(Figures::of_measured(&measured, agents, arguments.interval));
    }
    rig.stop();
    if arguments.compare.is_some() && !arguments.sweep {
        let job = PeerJob {
            addresses: fleet.addresses,
            community: arguments.community.clone(),
            cells,
            timeout: arguments.timeout,
            retries: arguments.retries,
            seconds: arguments.seconds,
        };
        let it = peer::run(&job, SystemClock::new())?;
        report.peer = Some(Figures {
            took: it.took,
            cpu: it.cpu,
            polls: it.polls,
            whole: it.whole,
            cells: it.cells,
            ..Figures::default()
        });
    }
    Ok(report)
}
