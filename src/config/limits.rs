//! The limits of the configuration, each with its reason.

use std::time::Duration;

/// The version of the configuration format. It rises only when a file that was good would mean something
/// else or be refused; `config migrate` then writes files anew.
pub const FORMAT_VERSION: i64 = 1;

/// One file: 100,000 devices of 300 bytes, labels and all, are 30 MB; what is larger is no configuration.
pub(super) const FILE_BYTES_MOST: u64 = 32 << 20;
/// All files together: twice the largest fleet, so that a wrong link cannot fill the memory.
pub(super) const ALL_BYTES_MOST: u64 = 64 << 20;
/// Files in conf.d, and in devices.d: one a rack row or tenant; a folder with more is probably the wrong one.
pub(super) const FILES_MOST: usize = 1000;
/// Environment variables that override: each is a layer of its own.
pub(super) const VARIABLES_MOST: usize = 500;
/// Devices: the largest fleet that one process was measured with, of 100 cells each, asked every minute
/// (docs/scaling.md). More are more than one process should be trusted with.
pub(super) const DEVICES_MOST: usize = 100_000;
/// Alert rules: each is bound to every device, so they multiply.
pub(super) const ALERTS_MOST: usize = 2_000;
/// Labels of one device: each is on every one of its series.
pub(super) const LABELS_MOST: usize = 32;
/// Names and label values: they are repeated on each series and in each page.
pub(super) const NAME_CHARS_MOST: usize = 128;
/// A secret with its line end; a community or key is far shorter.
pub(super) const SECRET_BYTES_MOST: u64 = 4096;
/// Mistakes that are listed: nobody reads on, and each costs a look for its line.
pub(super) const LISTED_MOST: usize = 200;

/// Agents on small controllers need about a second for a poll; faster asking only loads them.
pub(super) const INTERVAL_LEAST: Duration = Duration::from_secs(1);
/// A day: slower polling is no monitoring, and most likely a wrong unit.
pub(super) const INTERVAL_MOST: Duration = Duration::from_secs(24 * 3600);
/// Below this a busy controller on the same LAN already loses requests.
pub(super) const TIMEOUT_LEAST: Duration = Duration::from_millis(50);
/// No agent answers after a minute; and the poll would outlive its interval.
pub(super) const TIMEOUT_MOST: Duration = Duration::from_secs(60);
/// Paging must retry, not wait: a request that takes longer than this is lost.
pub(super) const HTTP_TIMEOUT_MOST: Duration = Duration::from_secs(120);
/// More than any agent answers.
pub(super) const RATE_MOST: i64 = 100_000;
/// As in profiles, which must allow it.
pub(super) const IN_FLIGHT_MOST: i64 = crate::profile::AgentLimits::IN_FLIGHT_MAX as i64;
/// Further repeats only keep a dead device's poll open.
pub(super) const RETRIES_MOST: i64 = 10;
/// Devices would be unknown for longer than anybody waits after a start.
pub(super) const SPREAD_MOST: Duration = Duration::from_secs(3600);
/// A week: conditions that take longer to become true are reports, not alerts.
pub(super) const FOR_MOST: Duration = Duration::from_secs(7 * 24 * 3600);
/// More often, and whoever is paged stops reading.
pub(super) const RESEND_LEAST: Duration = Duration::from_secs(60);
/// At the longest interval this is years.
pub(super) const POLLS_MOST: i64 = 1000;
/// PagerDuty grants 120 a minute; accounts may be granted up to 10,000.
pub(super) const REQUESTS_A_MINUTE_MOST: i64 = 10_000;
/// The largest breakers and fuses of a low-voltage board; above it, the unit is not ampere.
pub(super) const AMPERES_MOST: f64 = 6300.0;

/// Sources: each has a task and a connection of its own; a site has a handful.
pub(super) const INVENTORIES_MOST: usize = 100;
/// A snapshot reads whole lists: more often, and it is load on the source for nothing new.
pub(super) const SNAPSHOT_LEAST: Duration = Duration::from_secs(10);
/// A week: a slower source is no source for alerts.
pub(super) const SNAPSHOT_MOST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Reports of old appliances take minutes.
pub(super) const SNAPSHOT_TIMEOUT_MOST: Duration = Duration::from_secs(600);
/// A list that takes longer has changed by its end.
pub(super) const SNAPSHOT_LIMIT_MOST: Duration = Duration::from_secs(3600);
/// A year: what may be older needs no limit.
pub(super) const SNAPSHOT_AGE_MOST: Duration = Duration::from_secs(366 * 24 * 3600);
/// At the usual interval this is a day.
pub(super) const SNAPSHOTS_MOST: i64 = 100;

/// Over it a storm is no storm any more but the whole fleet.
pub(super) const STORM_MOST: i64 = 1_000_000;
/// Shorter, and the polls of one interval would not meet.
pub(super) const STORM_LEAST: Duration = Duration::from_secs(5);
/// Whoever waits longer has not been woken.
pub(super) const STORM_WAIT_MOST: Duration = Duration::from_secs(300);
/// Routes, and maintenance windows: each alert is held against all of them.
pub(super) const ROUTES_MOST: usize = 1_000;
