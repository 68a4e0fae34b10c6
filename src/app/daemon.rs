//! The daemon as a value: started from settings, reloaded, stopped. The command line and the demo run
//! the same one.

use super::inventory::Inventories;
use super::memory::{self, Keeper};
use super::pipeline::{Observer, Pipeline, Shared};
use super::redfish::Services;
use super::resolve::{self, Cause, Names, Resolved};
use super::restored::Restored;
use super::traps::{self, Engine, TrapError, TrapSocket, Traps};
use super::watchdog::{self, Lives};
use super::{control, lag, status, supervise};
use crate::alert::{AlertKey, OpenAlert, Transition};
use crate::config::Settings;
use crate::http::{self, Access, AppState, Readiness, WebFileError};
use crate::model::SystemClock;
use crate::notify::NotifyError;
use crate::notify::outbox::{Outbox, OutboxHandle};
use crate::poller::settings::DeviceSettings;
use crate::poller::{Command, ShardHandle, StartError};
use crate::profile::ProfileSet;
use crate::telemetry::{
    alert as alert_events, config as config_events, log as log_events, names as name_events,
    snmp as snmp_events, watchdog as watchdog_events,
};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The outbox cannot be opened.
    #[error("paging cannot start")]
    Notify(#[from] NotifyError),
    /// No polling thread.
    #[error("polling cannot start")]
    Poll(#[from] StartError),
    /// The HTTP address cannot be had.
    #[error("cannot listen on {address} for HTTP: set [http] listen to an address and port that is free")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The web file cannot be used.
    #[error("TLS, users and tokens cannot be set up")]
    Web(#[from] WebFileError),
    /// Traps cannot be listened for.
    #[error(transparent)]
    Traps(#[from] TrapError),
    /// No thread for the Redfish services.
    #[error("Redfish services cannot be asked")]
    Redfish(#[source] std::io::Error),
    /// No thread for the inventories.
    #[error("inventories cannot be asked")]
    Inventory(#[source] std::io::Error),
    /// The state folder cannot be made.
    #[error("cannot make the state folder {folder}")]
    State {
        /// The folder.
        folder: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A running daemon.
pub struct Daemon {
    pub(super) settings: Settings,
    pub(super) profiles: Arc<ProfileSet>,
    pub(super) shared: Arc<Shared>,
    pub(super) shards: Arc<Vec<ShardHandle>>,
    pub(super) names: Arc<Names>,
    pub(super) traps: Option<Arc<Traps>>,
    /// Of the user's own profiles and modules, as they were loaded.
    pub(super) profiles_digest: u64,
    pub(super) clock: SystemClock,
    ready: watch::Sender<Readiness>,
    http_address: SocketAddr,
    pub(super) access: Access,
    stop_http: watch::Sender<bool>,
    tasks: Vec<AbortHandle>,
    heartbeat: Option<AbortHandle>,
    pub(super) inventories: Inventories,
    pub(super) services: Services,
    waits: Arc<Mutex<Keeper>>,
}

/// A shard's thread takes so many devices with ease; more devices, more threads, up to the cores.
const DEVICES_A_SHARD: usize = 50_000;
/// Unless the user says otherwise, the first polls of a fleet are spread over this much a device, or an
/// interval, whichever is less: a device is learnt by some forty requests.
const START_SPREAD: Duration = Duration::from_millis(1);
/// How often the web file and its certificates are looked at.
const WEB_FILE_LOOK: Duration = Duration::from_secs(5);
/// How long the end waits for events that can go at once.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How often readiness is looked at while the first polls are under way.
const READY_EVERY: Duration = Duration::from_millis(200);

impl Daemon {
    /// Starts everything: outbox first, so that no transition lacks a home; polling last.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn start(
        settings: Settings,
        profiles: Arc<ProfileSet>,
        clock: SystemClock,
        observer: Option<Observer>,
    ) -> Result<Self, AppError> {
        make_counters();
        let runtime = Handle::current();
        make_state_folder(&settings)?;
        let access = Access::open(settings.http.web_config.as_deref())?;
        let address = settings.http.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|source| AppError::Listen { address, source })?;
        let http_address = listener.local_addr().map_err(|source| AppError::Listen { address, source })?;
        let trap_socket = open_traps(&settings)?;
        let (outbox, open, warnings) = Outbox::open(&settings.notify, clock, &runtime)?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let (restored, of_groups) = sort_open(&outbox, open);
        let restored = Restored::new(Box::new(outbox.clone()), restored);
        let shared = Arc::new(Shared { restored, ..Shared::new(&settings, outbox, clock, observer) });
        let names = Arc::clone(&shared.names);
        let waits = shared.waits.take_of_groups();
        shared.watch.load().groups.restore(of_groups, waits, &shared, clock.now());
        let waits = Keeper::new(&settings.state_folder);
        let inventories = Inventories::start(Arc::clone(&shared), clock).map_err(AppError::Inventory)?;
        let services = Services::start(Arc::clone(&shared), clock).map_err(AppError::Redfish)?;
        let shards = start_shards(&settings, &profiles, clock, &shared)?;
        let (ready, ready_watch) = watch::channel(Readiness::default());
        let (stop_http, stopped) = watch::channel(false);
        let mut daemon = Self {
            settings,
            profiles,
            shared,
            shards: Arc::new(shards),
            names,
            traps: None,
            profiles_digest: 0,
            clock,
            ready,
            http_address,
            access,
            stop_http,
            tasks: Vec::new(),
            heartbeat: None,
            inventories,
            services,
            waits: Arc::new(Mutex::new(waits)),
        };
        daemon.listen_for_traps(&runtime, trap_socket);
        daemon.serve(&runtime, listener, ready_watch, stopped);
        daemon.profiles_digest = digest(&daemon.settings.profile_folders);
        daemon.resolve_unclaimed();
        daemon.begin_polling(&runtime);
        daemon.services.replace(&daemon.settings.services);
        daemon.inventories.replace(&daemon.settings.inventories);
        daemon.keep_house(&runtime);
        Ok(daemon)
    }

    /// Begins what is done now and then for as long as the daemon runs.
    fn keep_house(&mut self, runtime: &Handle) {
        let (waits, board) = (Arc::clone(&self.waits), Arc::clone(&self.shared.board));
        let saving = memory::run(waits, board, self.clock);
        let watching = watch_web_file(self.access.clone());
        self.tasks.push(supervise::spawn(runtime, "waits", saving));
        self.tasks.push(supervise::spawn(runtime, "web file", watching));
        self.tasks.push(supervise::spawn(runtime, "log", tell_what_the_log_left_out()));
    }

    /// Where the HTTP side listens.
    #[must_use]
    pub const fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Where traps are listened for.
    #[must_use]
    pub fn trap_address(&self) -> Option<SocketAddr> {
        self.traps.as_ref().map(|it| it.address())
    }

    /// What the parts share: for the demo, to look at.
    #[must_use]
    pub const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// From now on calls `tell` a few times in each `period` of systemd's watchdog, for as long as every
    /// thread that polls or judges shows life.
    pub fn feed_watchdog(&mut self, period: Duration, tell: impl Fn() + Send + 'static) {
        let threads = vec![("inventory", self.inventories.pulse()), ("redfish", self.services.pulse())];
        let lives = Lives { shards: Arc::downgrade(&self.shards), threads };
        let feeding = watchdog::run(lives, period, tell);
        self.tasks.push(supervise::spawn(&Handle::current(), "watchdog", feeding));
    }

    /// Ends polling, lets events under way go out, closes listeners. Events that still wait are on disk
    /// and go out at the next start.
    pub async fn stop(self) {
        let shards = self.shards;
        for task in self.tasks.iter().chain(&self.heartbeat) {
            task.abort();
        }
        let (shared, inventories, services) = (Arc::clone(&self.shared), self.inventories, self.services);
        let (waits, clock) = (self.waits, self.clock);
        let stopping = tokio::task::spawn_blocking(move || {
            inventories.stop();
            services.stop();
            for shard in shards.iter() {
                shard.stop();
            }
            waits.lock().unwrap_or_else(std::sync::PoisonError::into_inner).save(&shared.board, clock.now());
            shared.outbox.stop(STOP_LIMIT)
        });
        match stopping.await {
            Ok(0) => tracing::info!("stopped; no event waits to be sent"),
            Ok(left) => {
                tracing::warn!(left, "stopped; events that were not accepted go out at the next start");
            }
            Err(error) => tracing::error!("the end was not orderly: {error}"),
        }
        if self.stop_http.send(true).is_err() {
            tracing::debug!("the HTTP side had ended before");
        }
    }

    fn listen_for_traps(&mut self, runtime: &Handle, opened: Option<(TrapSocket, SocketAddr)>) {
        let Some((socket, address)) = opened else { return };
        let engine = Engine::start(&self.settings.state_folder);
        let (keys, engines) = (Arc::clone(&self.shared.keys), Arc::clone(&self.shared.engines));
        let traps = Arc::new(Traps::new(address, engine, keys, engines, self.clock.moment()));
        traps.configure(&self.settings.traps, &self.settings.devices);
        let shards = Arc::downgrade(&self.shards);
        let ask = move |name: &Arc<str>| {
            if let Some(shards) = shards.upgrade()
                && let Some(shard) = shard_of(&shards, name)
            {
                shard.send(Command::PollNow(Arc::clone(name)));
            }
        };
        self.traps = Some(Arc::clone(&traps));
        self.tasks.push(supervise::spawn(runtime, "traps", traps::run(traps, socket, self.clock, ask)));
    }

    fn serve(
        &mut self,
        runtime: &Handle,
        listener: TcpListener,
        ready: watch::Receiver<Readiness>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let clock = self.clock;
        let state = AppState {
            store: Arc::clone(&self.shared.store),
            alerts: Arc::new(status::Alerts(Arc::clone(&self.shared.board))),
            outbox: Arc::new(status::Paging(self.shared.outbox.clone())),
            operations: Some(Arc::new(control::Control { shared: Arc::clone(&self.shared), clock })),
            traps: self.trap_status(),
            sources: self.source_status(),
            rules: self.rule_status(),
            ready,
            clock: Arc::new(move || clock.now()),
            started: clock.now(),
            access: self.access.clone(),
        };
        let mut control_stopped = stopped.clone();
        let control_shutdown = async move { if control_stopped.wait_for(|it| *it).await.is_err() {} };
        let folder = &self.settings.state_folder;
        control::start(runtime, folder, Arc::clone(&self.shared), clock, control_shutdown);
        self.beat(runtime);
        let watch = lag::watch(Arc::clone(&self.shared), clock);
        self.tasks.push(supervise::spawn(runtime, "lag", watch));
        let shutdown = async move {
            // An error means that the daemon is gone, which is as good.
            if stopped.wait_for(|it| *it).await.is_err() {}
        };
        supervise::spawn(runtime, "http", http::serve(listener, state, shutdown));
    }

    /// The heartbeat: as long as events can be kept and sent, and devices are polled.
    pub(super) fn beat(&mut self, runtime: &Handle) {
        if let Some(task) = self.heartbeat.take() {
            task.abort();
        }
        let Some(settings) = self.settings.notify.heartbeat.clone() else { return };
        let (shared, clock) = (Arc::clone(&self.shared), self.clock);
        let why_not = move || lag::why_not_well(&shared, clock.now());
        let task = supervise::spawn(runtime, "heartbeat", crate::notify::heartbeat::run(settings, why_not));
        self.heartbeat = Some(task);
    }

    fn trap_status(&self) -> http::TrapStatus {
        let traps = self.traps.clone();
        Arc::new(move || traps.as_ref().map(|it| it.facts()))
    }

    fn rule_status(&self) -> http::RuleStatus {
        let shared = Arc::clone(&self.shared);
        Arc::new(move || {
            let watch = shared.watch.load();
            status::rules(&watch.ruleset, watch.tally.list(&watch.ruleset))
        })
    }

    fn source_status(&self) -> http::SourceStatus {
        let facts = self.inventories.facts();
        Arc::new(move || {
            let facts = facts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            facts.values().cloned().collect()
        })
    }

    /// Ends alerts of an earlier life whose device is no longer configured.
    fn resolve_unclaimed(&self) {
        let known: std::collections::HashSet<&str> = self.settings.names().collect();
        let gone = self.shared.restored.take_others(|it| known.contains(it));
        // A few at a time: there may be a million.
        for keys in gone.chunks(1_000) {
            let open = self.shared.outbox.recall(keys);
            let mut transitions: Vec<Transition> = Vec::new();
            crate::alert::resolve_removed(open, self.clock.now(), &mut transitions);
            self.shared.outbox.submit(transitions);
        }
    }

    fn begin_polling(&mut self, runtime: &Handle) {
        let devices: Vec<Arc<DeviceSettings>> = self.settings.devices.iter().cloned().map(Arc::new).collect();
        for device in &devices {
            self.add(device);
        }
        let count = devices.len() + self.settings.services.len();
        snmp_events::devices_changed(count);
        self.names.replace(&devices);
        let shards = Arc::downgrade(&self.shards);
        let traps = self.traps.clone();
        let tell = move |resolved: &Resolved| {
            let name = &resolved.device;
            if let Some(traps) = &traps {
                traps.set_resolved(name, resolved.all.clone());
            }
            if resolved.cause != Cause::Others
                && let Some(shards) = shards.upgrade()
                && let Some(shard) = shard_of(&shards, name)
            {
                shard.send(Command::Address(Arc::clone(name), resolved.address));
                if resolved.cause != Cause::Again {
                    shard.send(Command::PollNow(Arc::clone(name)));
                }
            }
        };
        let names = resolve::run(Arc::clone(&self.names), resolve::of_system, tell);
        self.tasks.push(supervise::spawn(runtime, "names", names));
        let (ready, shared) = (self.ready.clone(), Arc::clone(&self.shared));
        ready.send_replace(Readiness { config_loaded: true, listening: true, polling: count == 0 });
        let watch = async move {
            while shared.polled_once.load(Ordering::Relaxed) == 0 && count != 0 {
                tokio::time::sleep(READY_EVERY).await;
            }
            ready.send_replace(Readiness { config_loaded: true, listening: true, polling: true });
        };
        self.tasks.push(supervise::spawn(runtime, "readiness", watch));
    }

    pub(super) fn add(&self, device: &Arc<DeviceSettings>) {
        if let Some(shard) = shard_of(&self.shards, &device.name) {
            let address = resolve::literal(device);
            let devices = u32::try_from(self.settings.devices.len()).unwrap_or(u32::MAX);
            let usual = START_SPREAD.saturating_mul(devices).min(device.interval);
            let spread = self.settings.polling.start_spread.unwrap_or(usual);
            shard.send(Command::Add { settings: Arc::clone(device), address, spread });
        }
    }

    pub(super) fn remove(&self, name: &Arc<str>) {
        if let Some(shard) = shard_of(&self.shards, name) {
            shard.send(Command::Remove(Arc::clone(name)));
        }
    }
}

/// Makes the counters of all parts, so that they stand in /metrics from the start.
fn make_counters() {
    snmp_events::init();
    alert_events::init();
    crate::telemetry::message::init();
    name_events::init();
    log_events::init();
    watchdog_events::init();
}

/// Alerts that went on when the process before ended: by device, and those of groups. What can be, is known
/// by its key alone: there may be a million.
fn sort_open(
    outbox: &OutboxHandle,
    open: Vec<AlertKey>,
) -> (HashMap<Arc<str>, Vec<AlertKey>>, Vec<OpenAlert>) {
    let (mut of_devices, mut of_groups): (HashMap<Arc<str>, Vec<AlertKey>>, Vec<AlertKey>) =
        Default::default();
    for key in open {
        let device = match key.parts() {
            Some(parts) if parts.is_group() => {
                of_groups.push(key);
                continue;
            }
            Some(parts) if parts.rule != lag::OWN_NAME => parts.device.into(),
            // The collector's own alerts have no device's key.
            _ => match outbox.recall(std::slice::from_ref(&key)).pop() {
                Some(alert) => Arc::clone(&alert.facts.device),
                None => continue,
            },
        };
        of_devices.entry(device).or_default().push(key);
    }
    (of_devices, outbox.recall(&of_groups))
}

/// Makes the state folder, for its owner alone.
fn make_state_folder(settings: &Settings) -> Result<(), AppError> {
    let folder = settings.state_folder.clone();
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|source| AppError::State { folder, source })
}

/// The socket for traps, if they are wanted, and where it listens.
fn open_traps(settings: &Settings) -> Result<Option<(TrapSocket, SocketAddr)>, TrapError> {
    let Some(wanted) = settings.traps.listen else {
        if traps::handed_over()?.is_some() {
            crate::telemetry::traps::socket_unused();
        }
        return Ok(None);
    };
    let (socket, is_handed_over) = TrapSocket::open(wanted)?;
    let address = socket.address().unwrap_or(wanted);
    crate::telemetry::traps::listening(address, is_handed_over);
    Ok(Some((socket, address)))
}

/// What tells whether the user's own profiles and modules have changed.
pub(super) fn digest(folders: &[std::path::PathBuf]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    for folder in folders {
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let mut files: Vec<_> = entries.map(|it| it.path()).filter(|it| it.is_file()).collect();
        files.sort();
        for file in files {
            file.hash(&mut hasher);
            // A file that cannot be read is reported where the profiles are loaded.
            std::fs::read(&file).unwrap_or_default().hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn start_shards(
    settings: &Settings,
    profiles: &Arc<ProfileSet>,
    clock: SystemClock,
    shared: &Arc<Shared>,
) -> Result<Vec<ShardHandle>, StartError> {
    (0..shard_count(settings.devices.len()))
        .map(|number| {
            let pipeline = Box::new(Pipeline::new(Arc::clone(shared)));
            ShardHandle::start(
                number,
                Arc::clone(profiles),
                Arc::clone(&shared.keys),
                Arc::clone(&shared.engines),
                clock,
                pipeline,
            )
        })
        .collect()
}

/// How many threads poll so many devices.
pub(crate) fn shard_count(devices: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    devices.div_ceil(DEVICES_A_SHARD).clamp(1, cores)
}

/// A device always lives in the same shard.
pub(crate) fn shard_of<'a>(shards: &'a [ShardHandle], name: &str) -> Option<&'a ShardHandle> {
    let mut hasher = std::hash::DefaultHasher::new();
    name.hash(&mut hasher);
    let count = u64::try_from(shards.len()).unwrap_or(1).max(1);
    shards.get(usize::try_from(hasher.finish() % count).unwrap_or(0))
}

/// Certificates are renewed by others, who do not tell us.
async fn watch_web_file(access: Access) {
    loop {
        tokio::time::sleep(WEB_FILE_LOOK).await;
        let access = access.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || access.refresh()).await {
            tracing::error!("the web file was not looked at: {error}");
        }
    }
}

/// For ever, now and then.
async fn tell_what_the_log_left_out() {
    loop {
        tokio::time::sleep(log_events::REPORT_EVERY).await;
        log_events::report();
    }
}

/// The log, as the settings want it. A second call has no effect.
pub fn start_log(settings: &Settings) {
    use crate::config::LogFormat;
    let level = settings.log.level.name();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(format!("{level},hyper=warn,reqwest=warn")))
        .with_writer(std::io::stderr)
        .with_target(false);
    let limit = log_events::LogLimit::new(SystemClock::new());
    let started = match settings.log.format {
        LogFormat::Text => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(ansi).finish().with(limit).try_init()
        }
        LogFormat::Json => builder.json().finish().with(limit).try_init(),
    };
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
    config_events::loaded(0);
}
