//! The agents of a bench in a process of their own, so that what they use of a processor and of memory
//! is not counted as the poller's.
//!
//! The parent starts this program again with the hidden verb `bench agents`, waits for a line that says
//! that they listen, and ends them by closing their standard input; so they end with the parent, however
//! that ends.

use super::device;
use crate::cli::exit::Exit;
use crate::model::Secret;
use crate::simulator::fleet::addresses;
use crate::simulator::{AgentSpec, Cell, EngineSpec, Fault, FaultRule, Simulator, SimulatorError, cell};
use crate::snmp::v3::{AuthProtocol, EngineId, KeyCache, KeySource, PrivProtocol, User};
use anyhow::Context;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// The first agent's address; the others follow. Neither the demo's nor the usual one of a fleet that a
/// person started.
pub(super) const FIRST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(127, 16, 0, 1), 16_116);

/// What the agents and the way to them are like.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub(in crate::cli) struct Weather {
    /// Percent of the requests that are lost on their way, and of the answers
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub loss: f64,
    /// How long an answer takes
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    pub latency: Duration,
    /// Percent of the agents that never answer
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub dead: f64,
}

impl Weather {
    /// Whether anything of it was asked for.
    pub(super) const fn is_fair(&self) -> bool {
        self.loss <= 0.0 && self.latency.is_zero() && self.dead <= 0.0
    }

    fn faults(&self, number: usize) -> Vec<FaultRule> {
        if self.is_dead(number) {
            return vec![Fault::Silent.into()];
        }
        let mut faults = Vec::new();
        if 0.0 < self.loss {
            let rate = self.loss / 100.0;
            faults.push(FaultRule { fault: Fault::DropRequest, rate });
            faults.push(FaultRule { fault: Fault::DropAnswer, rate });
        }
        if !self.latency.is_zero() {
            faults.push(Fault::Delay(self.latency).into());
        }
        faults
    }

    /// The dead are spread evenly.
    fn is_dead(&self, number: usize) -> bool {
        let dead = |count: usize| {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            (f64::from(count) * self.dead / 100.0).floor()
        };
        dead(number) < dead(number + 1)
    }
}

/// A share in percent.
fn percent(text: &str) -> Result<f64, String> {
    let share = text.trim_end_matches('%').parse::<f64>().ok().filter(|it| (0.0..=100.0).contains(it));
    share.ok_or_else(|| "a share is a number from 0 to 100".to_owned())
}

/// Arguments of the hidden verb.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[arg(long)]
    agents: usize,
    #[arg(long)]
    community: String,
    #[arg(long)]
    v3: bool,
    #[command(flatten)]
    weather: Weather,
}

/// Plays the agents until standard input ends.
pub(super) fn run(arguments: &Arguments) -> Exit {
    match play(arguments) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("rackwarden: {error:#}");
            Exit::Failed
        }
    }
}

fn play(arguments: &Arguments) -> anyhow::Result<()> {
    let spec = AgentSpec::new(Arc::new(device::tree()?), &arguments.community);
    let user = arguments.v3.then(user).transpose()?;
    let usual = FIRST.port();
    // Another bench may hold the port: any other is as good.
    let (port, simulator) = match serve(arguments, &spec, user.as_ref(), usual) {
        Ok(simulator) => (usual, simulator),
        Err(_) => {
            let free = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.local_addr()?.port();
            (free, serve(arguments, &spec, user.as_ref(), free)?)
        }
    };
    println!("{READY} {port}");
    let mut nothing = Vec::new();
    std::io::stdin().read_to_end(&mut nothing)?;
    drop(simulator);
    Ok(())
}

fn serve(
    arguments: &Arguments,
    spec: &AgentSpec,
    user: Option<&Arc<User>>,
    port: u16,
) -> Result<Simulator, SimulatorError> {
    let first = SocketAddrV4::new(*FIRST.ip(), port);
    let keys: Arc<KeyCache> = Arc::default();
    let agents = addresses(first).take(arguments.agents).enumerate().map(|(number, address)| {
        let seed = u64::try_from(number).unwrap_or_default();
        let spec = spec.clone().with_faults(arguments.weather.faults(number), seed);
        let spec = match user {
            Some(user) => with_engine(spec, number, user, &keys),
            None => spec,
        };
        let named = device::outlet_names(number)
            .fold(spec, |spec, (oid, name)| spec.with_cell(oid, Cell::Fixed(cell::text(&name))));
        (address, named)
    });
    Simulator::start(agents.collect())
}

/// The user of a bench by SNMPv3.
///
/// # Errors
/// None that can happen: its passphrases are ours.
pub(super) fn user() -> anyhow::Result<Arc<User>> {
    let phrase = |text: &str| KeySource::Passphrase(Secret::new(text.to_owned()));
    let auth = Some((AuthProtocol::Sha256, phrase("authentication of a bench")));
    let privacy = Some((PrivProtocol::Aes128, phrase("privacy of a bench")));
    let user = User::new("bench", auth, privacy);
    user.map(Arc::new).map_err(|problems| anyhow::anyhow!("the bench's own user: {problems:?}"))
}

/// An engine of its own for the agent of that number.
fn with_engine(spec: AgentSpec, number: usize, user: &Arc<User>, keys: &Arc<KeyCache>) -> AgentSpec {
    let mut id = b"\x80\x00\x1f\x88\x04bench".to_vec();
    id.extend_from_slice(&number.to_be_bytes());
    match EngineId::new(&id) {
        Some(id) => spec.with_engine(EngineSpec::new(id, [Arc::clone(user)]).with_keys(Arc::clone(keys))),
        None => spec,
    }
}

/// What says, with their port behind it, that the agents listen.
const READY: &str = "ready";

/// Agents in a process of their own. They end when this is dropped.
pub(super) struct Agents {
    process: Child,
    first: SocketAddrV4,
}

impl Agents {
    /// Starts them and waits until they listen.
    ///
    /// # Errors
    /// The program cannot be started again, or its port is taken.
    pub(super) fn start(agents: usize, community: &str, v3: bool, weather: &Weather) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program to start it again")?;
        let mut process = Command::new(program)
            .args(["bench", "agents", "--agents", &agents.to_string(), "--community", community])
            .args(v3.then_some("--v3"))
            .args(["--loss", &weather.loss.to_string(), "--dead", &weather.dead.to_string()])
            .args(["--latency", &humantime::format_duration(weather.latency).to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a process for the agents")?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let mut agents = Self { process, first: FIRST };
        let port = line.trim().strip_prefix(READY).and_then(|it| it.trim().parse().ok());
        agents.first.set_port(port.context("the simulated agents did not start")?);
        Ok(agents)
    }

    /// Their addresses, and after those of all of them others.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        addresses(self.first)
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It may have ended by itself: as good.
        let _ended = self.process.wait();
    }
}
