//! The bounds of the HTTP side, each with its reason.

use std::time::Duration;

/// How much the server bears. Its default is what the daemon runs with; tests use shorter times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once. Over it the connection that has waited longest without a request is
    /// closed; if all are at work, the new one is. A few scrapers, some people, a load balancer's checks:
    /// far below; and far below the 1,024 descriptors that a process may have at least.
    pub connections_max: usize,
    /// How long a connection may take to send a request's head, idle time between requests included.
    pub header_time_max: Duration,
    /// How long the TLS handshake of a connection may take.
    pub handshake_time_max: Duration,
    /// How long a handler may take until its answer begins, waiting for its turn included.
    pub request_time_max: Duration,
    /// How long a request may take from its head to the last octet that the client took. A scrape of
    /// 600,000 series is 90 MB: at 100 Mbit/s without gzip eight seconds.
    pub response_time_max: Duration,
    /// How long a connection may be kept alive: ends those that no other limit sees.
    pub connection_age_max: Duration,
    /// How long answers may go on after a shutdown began.
    pub shutdown_time_max: Duration,
    /// Octets of a request's head; over it 431.
    pub header_bytes_max: usize,
    /// Header lines of a request; over it 431.
    pub headers_max: usize,
    /// Octets of a request's body; over it 413. A silence with its comment is the longest.
    pub body_bytes_max: u64,
    /// How often the page's curves get a point: an hour has 60 of them.
    pub history_every: Duration,
    /// Scrapes under way at once, their sending included: each holds a snapshot and two chunks, so this
    /// is about fairness toward the pollers rather than memory.
    pub scrapes_max: usize,
    /// API answers being made at once: each may hold [`READINGS_PAGE_MAX`](Self::READINGS_PAGE_MAX) rows.
    pub queries_max: usize,
    /// How long a request waits for its turn before it is sent away with 503.
    pub turn_time_max: Duration,
}

impl Limits {
    /// Readings in one answer (a whole device more, at most): 3.5 MB of JSON, which a slow
    /// reader makes the collector hold.
    pub const READINGS_PAGE_MAX: usize = 10_000;
    /// Readings in one answer if the client does not say.
    pub const READINGS_PAGE: usize = 10_000;
    /// Devices in one answer.
    pub const DEVICES_PAGE_MAX: usize = 10_000;
    /// Devices in one answer if the client does not say.
    pub const DEVICES_PAGE: usize = 1_000;
    /// Inventory objects in one answer: each has a few readings, so this is as many octets.
    pub const OBJECTS_PAGE_MAX: usize = 5_000;
    /// Inventory objects in one answer if the client does not say.
    pub const OBJECTS_PAGE: usize = 1_000;
    /// Targets in one answer of the service discovery, which has no pages: 300 octets each, and as many as one
    /// Prometheus bears with one each. Over it, take the whole of /metrics in one scrape, or `match`.
    pub const TARGETS_MAX: usize = 20_000;
    /// Alerts in one answer: more are a storm that nobody reads one by one.
    pub const ALERTS_MAX: usize = 10_000;
    /// Alerts, and failing devices, on the page: what a phone still scrolls through.
    pub const PAGE_ROWS_MAX: usize = 100;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 256,
            header_time_max: Duration::from_secs(30),
            handshake_time_max: Duration::from_secs(10),
            request_time_max: Duration::from_secs(20),
            response_time_max: Duration::from_secs(60),
            connection_age_max: Duration::from_secs(3600),
            shutdown_time_max: Duration::from_secs(5),
            header_bytes_max: 16 * 1024,
            headers_max: 64,
            body_bytes_max: 8 * 1024,
            history_every: super::history::EVERY,
            scrapes_max: 16,
            queries_max: 4,
            turn_time_max: Duration::from_secs(5),
        }
    }
}
