//! The daemon's way of the data, from socket to outbox, wired for a bench: shards, pipelines, store, board
//! and an outbox on disk that has no integration to send to. Nothing of it is played; what is left out is
//! HTTP, names and reload.

use super::device;
use super::report::Figures;
use super::tally::{Counting, Tally, lock};
use super::usage::{Cpu, resident_octets};
use super::walk::{self, WalkJob};
use crate::app::daemon::{shard_count, shard_of};
use crate::app::pipeline::{Pipeline, Shared};
use crate::config::{Config, Settings, render};
use crate::http::Exposition;
use crate::model::{Moment, SystemClock};
use crate::notify::outbox::Outbox;
use crate::poller::settings::DeviceSettings;
use crate::poller::{Command, Ready, ShardHandle};
use crate::profile::ProfileSet;
use crate::telemetry;
use anyhow::Context;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A running bench.
pub(super) struct Rig {
    shared: Arc<Shared>,
    shards: Vec<ShardHandle>,
    tallies: Vec<Arc<Mutex<Tally>>>,
    devices: Vec<Arc<DeviceSettings>>,
    clock: SystemClock,
    /// Resident memory before there was any device.
    resident_before: u64,
    /// Goes last: the outbox's files lie in it.
    _folder: tempfile::TempDir,
}

/// What some time of polling came to.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// How long it took.
    pub took: Duration,
    /// What the process used meanwhile.
    pub cpu: Cpu,
    /// The polls of all shards.
    pub tally: Tally,
    /// Requests sent, repeats included.
    pub requests: u64,
    /// Of which were not answered in time.
    pub timeouts: u64,
    /// Resident memory at the end, in octets.
    pub resident_octets: u64,
    /// Of which the devices have added.
    pub of_devices_octets: u64,
}

/// How long one poll of every device took when all were asked at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sweep {
    /// Until the last poll ended.
    pub all: Duration,
    /// Until the last of those that answer was read.
    pub living: Duration,
}

/// A scrape is read in pieces of this size.
const SCRAPE_OCTETS: usize = 256 * 1024;
/// How often a condition that other threads bring about is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// The first polls are spread over so much a device.
const START_SPREAD: Duration = Duration::from_micros(200);

impl Rig {
    /// Starts polling these devices.
    ///
    /// # Errors
    /// No socket, no thread, no folder.
    pub(super) fn start(
        devices: Vec<(DeviceSettings, SocketAddr)>,
        profiles: &Arc<ProfileSet>,
        rules: usize,
        runtime: &tokio::runtime::Handle,
    ) -> anyhow::Result<Self> {
        telemetry::snmp::init();
        let clock = SystemClock::new();
        let folder = tempfile::Builder::new().prefix("rackwarden-bench-").tempdir()?;
        let settings = settings(folder.path(), rules)?;
        let (outbox, _, _) = Outbox::open(&settings.notify, clock, runtime)?;
        let shared = Arc::new(Shared::new(&settings, outbox, clock, None));
        let (mut shards, mut tallies) = (Vec::new(), Vec::new());
        for number in 0..shard_count(devices.len()) {
            let tally = Arc::new(Mutex::new(Tally::new()?));
            let sink = Counting::new(Pipeline::new(Arc::clone(&shared)), Arc::clone(&tally));
            shards.push(ShardHandle::start(
                number,
                Arc::clone(profiles),
                Arc::clone(&shared.keys),
                Arc::clone(&shared.engines),
                clock,
                Box::new(sink),
            )?);
            tallies.push(tally);
        }
        let resident_before = resident_octets();
        let mut rig =
            Self { shared, shards, tallies, devices: Vec::new(), clock, resident_before, _folder: folder };
        let spread = START_SPREAD.saturating_mul(u32::try_from(devices.len()).unwrap_or(u32::MAX));
        for (settings, address) in devices {
            let settings = Arc::new(settings);
            rig.devices.push(Arc::clone(&settings));
            rig.tell(
                &settings.name,
                Command::Add { settings: Arc::clone(&settings), address: Some(address), spread },
            );
        }
        Ok(rig)
    }

    /// Waits until every device has been polled, well or not: how long that took; `None` if it takes longer
    /// than that.
    pub(super) fn wait_until_known(&self, limit: Duration) -> Option<Duration> {
        let begun = self.clock.moment();
        self.wait(begun + limit, || self.devices.len() <= self.shared.polled_once.load(Ordering::Relaxed))
            .then(|| self.clock.moment().since(begun))
    }

    /// How many devices are read.
    pub(super) fn read(&self) -> usize {
        self.shared.store.snapshot().iter().filter(|it| it.batch().error.is_none()).count()
    }

    /// Reads all of it as a scrape of /metrics does: from then on label texts are held. The series.
    pub(super) fn scrape(&self) -> u64 {
        let mut exposition = Exposition::new(self.shared.store.snapshot(), self.clock.now());
        let mut chunk = Vec::new();
        while exposition.write(&mut chunk, SCRAPE_OCTETS) {
            chunk.clear();
        }
        exposition.series()
    }

    /// What the first device that was read is asked for.
    pub(super) fn asked(&self) -> Option<Arc<Ready>> {
        self.tallies.iter().find_map(|it| lock(it).asked.clone())
    }

    /// Comparisons that a poll of a device makes, by the rules that are bound to it.
    pub(super) fn comparisons(&self) -> usize {
        let Some(published) = self.shared.store.snapshot().into_iter().find(|it| it.batch().error.is_none())
        else {
            return 0;
        };
        let (batch, mut transitions) = (published.batch(), Vec::new());
        let (ruleset, source, shape) = (self.shared.ruleset(), &batch.source, &batch.shape);
        let now = self.clock.now();
        let bound = crate::alert::DeviceAlerts::bind(
            &ruleset,
            source,
            shape,
            None,
            Vec::new(),
            now,
            &mut transitions,
        );
        bound.comparisons()
    }

    /// Lets it run for so long.
    ///
    /// # Errors
    /// None that can happen.
    pub(super) fn measure(&self, time: Duration) -> anyhow::Result<Measured> {
        self.tallies.iter().for_each(|it| lock(it).reset());
        let (begun, cpu) = (self.clock.moment(), Cpu::now());
        let (requests, timeouts) = counters();
        std::thread::sleep(time);
        let (took, cpu) = (self.clock.moment().since(begun), Cpu::now() - cpu);
        let mut tally = Tally::new()?;
        self.tallies.iter().for_each(|it| tally.add(&lock(it)));
        let now = counters();
        let resident_octets = resident_octets();
        Ok(Measured {
            took,
            cpu,
            tally,
            requests: now.0.saturating_sub(requests),
            timeouts: now.1.saturating_sub(timeouts),
            resident_octets,
            of_devices_octets: resident_octets.saturating_sub(self.resident_before),
        })
    }

    /// Asks all devices at once, once; `None` if they have not all ended within that time.
    pub(super) fn sweep(&self, limit: Duration) -> Option<Sweep> {
        self.tallies.iter().for_each(|it| lock(it).reset());
        let begun = self.clock.moment();
        for device in &self.devices {
            self.tell(&device.name, Command::PollNow(Arc::clone(&device.name)));
        }
        let wanted = u64::try_from(self.devices.len()).unwrap_or(u64::MAX);
        let ended = || wanted <= self.tallies.iter().map(|it| lock(it).polls).sum::<u64>();
        if !self.wait(begun + limit, ended) {
            return None;
        }
        let last = |of: fn(&Tally) -> Moment| self.tallies.iter().map(|it| of(&lock(it))).max();
        Some(Sweep { all: last(|it| it.last)?.since(begun), living: last(|it| it.last_whole)?.since(begun) })
    }

    /// Ends polling, and walks instead.
    ///
    /// # Errors
    /// No device was read, no socket.
    pub(super) fn walk(
        &self,
        addresses: &[SocketAddr],
        arguments: &super::Arguments,
    ) -> anyhow::Result<Figures> {
        let ready = self.asked().context("no agent was read")?;
        self.stop_shards();
        let agent = |(address, device): (&SocketAddr, &Arc<DeviceSettings>)| {
            Some((*address, self.shared.store.find(&device.name)?.batch().clone()))
        };
        let job = WalkJob {
            shared: Arc::clone(&self.shared),
            ready,
            agents: addresses.iter().zip(&self.devices).filter_map(agent).collect(),
            community: arguments.community.clone(),
            timeout: arguments.timeout,
            retries: arguments.retries,
            seconds: arguments.seconds,
        };
        walk::run(job, device::tables(), self.clock)
    }

    fn stop_shards(&self) {
        self.shards.iter().for_each(ShardHandle::stop);
    }

    /// Ends polling.
    pub(super) fn stop(self) {
        self.stop_shards();
        self.shared.outbox.stop(Duration::ZERO);
    }

    fn wait(&self, until: Moment, holds: impl Fn() -> bool) -> bool {
        while !holds() {
            if until <= self.clock.moment() {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        true
    }

    fn tell(&self, name: &str, command: Command) {
        if let Some(shard) = shard_of(&self.shards, name) {
            shard.send(command);
        }
    }
}

/// Requests and time-outs so far, by the daemon's own counters.
fn counters() -> (u64, u64) {
    let families = telemetry::registry().gather();
    let value = |name: &str| {
        let family = families.iter().find(|it| it.name() == name);
        let metric = family.and_then(|it| it.get_metric().first());
        metric.map_or(0.0, |it| it.get_counter().get_value())
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of whole things, far below what f64 holds exactly"
    )]
    let count = |name| value(name) as u64;
    (count("rackwarden_snmp_requests_total"), count("rackwarden_snmp_timeouts_total"))
}

/// The daemon's settings for a bench, without devices, with so many rules.
fn settings(folder: &Path, rules: usize) -> anyhow::Result<Settings> {
    let path = folder.join("rackwarden.toml");
    std::fs::write(&path, config(folder, rules))?;
    match Config::load(&path) {
        Ok(loaded) => Ok(loaded.settings),
        Err(mistakes) => anyhow::bail!("the bench's own configuration:\n{}", render(&mistakes, false)),
    }
}

fn config(folder: &Path, rules: usize) -> String {
    let mut text =
        format!("[state]\nfolder = \"{}\"\n\n[profiles]\nfolders = []\n", folder.join("state").display());
    for (number, rule) in RULES.iter().cycle().take(rules).enumerate() {
        text.extend(["\n[[alerts]]\nname = \"rule ", &(number + 1).to_string(), "\"\n", rule, "\n"]);
    }
    text
}

/// Rules as operators write them, in the order in which a bench takes them. None fires on a simulated
/// device: what is measured is a room in which all is well.
const RULES: [&str; 20] = [
    "type = \"power_unit_offline\"\ntrigger = \"offline\"\nafter_polls = 3\nseverity = \"error\"",
    "type = \"power_unit_offline\"\ntrigger = \"not_responding\"\nafter_polls = 5\nseverity = \"critical\"",
    "type = \"power_unit_infeed\"\ntrigger = \"percent_of_rated\"\noperator = \">\"\nrated_current = 32\nwarning = { value = 80, clear = 75 }\ncritical = { value = 90, clear = 85 }\nfor = \"30s\"",
    "type = \"power_unit_infeed\"\ntrigger = \"current\"\noperator = \">\"\nwarning = 25\ncritical = 30",
    "type = \"power_unit_infeed\"\ntrigger = \"current\"\noperator = \"<\"\nwarning = 0.1\nfor = \"5m\"",
    "type = \"power_unit_infeed\"\ntrigger = \"voltage\"\noperator = \">\"\nwarning = 253\ncritical = 264",
    "type = \"power_unit_infeed\"\ntrigger = \"voltage\"\noperator = \"<\"\nwarning = 207\ncritical = 196",
    "type = \"bank\"\ntrigger = \"percent_of_rated\"\noperator = \">\"\nrated_current = 16\nwarning = { value = 80, clear = 75 }\ncritical = { value = 90, clear = 85 }\nfor = \"30s\"",
    "type = \"bank\"\ntrigger = \"current\"\noperator = \">\"\nwarning = 12.8\ncritical = 14.4\nfor = \"1m\"",
    "type = \"bank\"\ntrigger = \"current\"\noperator = \">\"\nindices = [\"1\", \"2\"]\nwarning = 14",
    "type = \"reading\"\ntrigger = \"current\"\ncomponents = [\"outlet\"]\noperator = \">\"\nwarning = 12\ncritical = 15\nfor = \"30s\"",
    "type = \"reading\"\ntrigger = \"active_power\"\ncomponents = [\"outlet\"]\noperator = \">\"\nunit = \"kW\"\nwarning = 3\ncritical = 3.5\nkeep_firing_for = \"1m\"",
    "type = \"reading\"\ntrigger = \"current\"\ncomponents = [\"outlet\"]\nindices = [\"1\", \"2\"]\noperator = \">\"\nwarning = 10",
    "type = \"reading\"\ntrigger = \"active_power\"\ncomponents = [\"outlet\"]\nindices = [\"23\", \"24\"]\noperator = \">\"\nwarning = 3000",
    "type = \"reading\"\ntrigger = \"current\"\ncomponents = [\"phase\"]\nindices = [\"1\"]\noperator = \">\"\nwarning = 24",
    "type = \"reading\"\ntrigger = \"current\"\ncomponents = [\"phase\"]\nindices = [\"2\"]\noperator = \">\"\nwarning = 24",
    "type = \"reading\"\ntrigger = \"current\"\ncomponents = [\"phase\"]\nindices = [\"3\"]\noperator = \">\"\nwarning = 24",
    "type = \"power_unit_sensor\"\ntrigger = \"temperature\"\noperator = \">\"\nwarning = { value = 27, clear = 26 }\ncritical = { value = 32, clear = 30 }\nfor = \"2m\"",
    "type = \"power_unit_sensor\"\ntrigger = \"humidity\"\noperator = \">\"\nwarning = { value = 70, clear = 65 }\nfor = \"5m\"",
    "type = \"state\"\ntrigger = \"health\"",
];

#[cfg(test)]
mod tests {
    use super::settings;

    #[test]
    fn a_bench_has_as_many_rules_as_asked_for() {
        for rules in [0, 1, 20, 45] {
            let folder = tempfile::tempdir().unwrap();
            assert_eq!(settings(folder.path(), rules).unwrap().rules.len(), rules);
        }
    }
}
