//! What tests of paging share: a receiver, a state folder, and the outbox between them.

use rackwarden::alert::AlertKey;
use rackwarden::model::{Secret, SystemClock};
use rackwarden::notify::retry::RetryPolicy;
use rackwarden::notify::settings::{IntegrationSettings, NotifySettings, SecretSource};
use rackwarden::notify::{Outbox, OutboxHandle, Tuning};
use rackwarden::simulator::pagerduty::{Board, PagerDuty};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";
/// Nothing in these tests takes long; a machine under load may.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Room {
    pub(crate) runtime: Runtime,
    pub(crate) clock: SystemClock,
    pub(crate) receiver: PagerDuty,
    pub(crate) folder: TempDir,
    pub(crate) settings: NotifySettings,
    pub(crate) tuning: Tuning,
}

impl Room {
    /// Each alert an incident of its own, a wide limit, and pauses that a test can wait for.
    pub(crate) fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let clock = SystemClock::new();
        let receiver = start(&runtime, clock);
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), &[("ops", &receiver.url())]);
        Self { runtime, clock, receiver, folder, settings, tuning: quick() }
    }

    /// As in operation: storms are grouped, 120 requests a minute.
    pub(crate) fn as_in_operation() -> Self {
        let mut room = Self::new();
        room.settings.storm = NotifySettings::new(room.folder.path().to_owned()).storm;
        room.settings.integrations[0].requests_per_minute = 120;
        room.tuning = Tuning::DEFAULT;
        room
    }

    pub(crate) fn open(&self) -> OutboxHandle {
        let (handle, _, warnings) = self.open_all();
        assert_eq!(warnings, Vec::<String>::new());
        handle
    }

    pub(crate) fn open_all(&self) -> (OutboxHandle, Vec<AlertKey>, Vec<String>) {
        Outbox::open_tuned(&self.settings, self.clock, self.runtime.handle(), self.tuning).unwrap()
    }

    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&Board) -> bool) {
        wait(&self.runtime, &self.receiver, what, holds);
    }
}

pub(crate) fn start(runtime: &Runtime, clock: SystemClock) -> PagerDuty {
    runtime.block_on(PagerDuty::start("127.0.0.1:0".parse().unwrap(), clock)).unwrap()
}

pub(crate) fn wait(runtime: &Runtime, receiver: &PagerDuty, what: &str, holds: impl Fn(&Board) -> bool) {
    let came = runtime.block_on(receiver.wait_until(LIMIT, holds));
    let requests: Vec<String> = receiver.look(|board| {
        board
            .requests
            .iter()
            .map(|it| format!("{} {} {:?}", it.text("event_action"), it.text("dedup_key"), it.answered))
            .collect()
    });
    assert!(came, "{what} does not come: {requests:#?}");
}

pub(crate) fn settings(folder: &Path, integrations: &[(&str, &str)]) -> NotifySettings {
    let integration = |(name, url): &(&str, &str)| IntegrationSettings {
        url: (*url).to_owned(),
        requests_per_minute: 6_000,
        timeout: Duration::from_secs(30),
        ..IntegrationSettings::pagerduty(name, SecretSource::Inline(Secret::new(KEY)))
    };
    let mut settings = NotifySettings {
        integrations: integrations.iter().map(integration).collect(),
        client_url: Some("https://rackwarden.example/".to_owned()),
        ..NotifySettings::new(folder.to_owned())
    };
    // Each alert is to be an incident of its own, but where a test says otherwise.
    settings.storm.levels.clear();
    settings
}

/// Pauses that a test can wait for.
pub(crate) fn quick() -> Tuning {
    let retry = RetryPolicy {
        first: Duration::from_millis(2),
        longest: Duration::from_millis(10),
        throttled_first: Duration::from_millis(5),
        throttled_longest: Duration::from_millis(20),
        key_missing: Duration::from_millis(5),
        ..RetryPolicy::DEFAULT
    };
    Tuning { retry, reopen_after: Duration::from_millis(50), ..Tuning::DEFAULT }
}
