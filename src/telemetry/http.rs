//! Events of the HTTP side.

use super::{counter, counter_vec, gauge, histogram};
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};
use std::fmt::Display;
use std::sync::LazyLock;
use std::time::Duration;

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_http_requests_total",
        "Requests answered, by route and status.",
        &["route", "status"],
    )
});

static CONNECTIONS: LazyLock<IntGauge> =
    LazyLock::new(|| gauge("rackwarden_http_connections", "Connections that are open."));

static CONNECTIONS_ENDED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_http_connections_cut_total",
        "Connections that the server cut: refused or evicted at the limit, TLS that failed, stalled while others waited, or over a deadline.",
        &["reason"],
    )
});

static DENIED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_http_denied_total",
        "Requests that were not let in: nobody known, or no operator; or too many were asking.",
        &["reason"],
    )
});

static WEB_FILE_READS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counter_vec(
        "rackwarden_http_web_file_reloads_total",
        "Times that the web file or a certificate was read anew, by what came of it.",
        &["result"],
    )
});

static ACCEPTS_FAILED: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("rackwarden_http_accepts_failed_total", "Connections that could not be accepted.")
});

static ANSWERS_FAILED: LazyLock<IntCounter> =
    LazyLock::new(|| counter("rackwarden_http_answers_failed_total", "Answers that a fault of ours ended."));

static RENDER_SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    histogram(
        "rackwarden_http_scrape_render_seconds",
        "Time spent on writing one scrape of /metrics, gzip included, sending not.",
        &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5],
    )
});

static SCRAPE_SERIES: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge("rackwarden_http_scrape_series", "Series of devices in the last complete scrape of /metrics.")
});

/// Makes those whose labels are known, so that they stand in /metrics from the start.
pub(crate) fn init() {
    for reason in ["refused", "evicted", "handshake", "head_overdue", "answer_overdue", "stalled"] {
        CONNECTIONS_ENDED.with_label_values(&[reason]);
    }
    for reason in ["unauthenticated", "forbidden", "busy"] {
        DENIED.with_label_values(&[reason]);
    }
    for result in ["ok", "failed"] {
        WEB_FILE_READS.with_label_values(&[result]);
    }
    LazyLock::force(&CONNECTIONS);
    LazyLock::force(&ACCEPTS_FAILED);
    LazyLock::force(&ANSWERS_FAILED);
    LazyLock::force(&RENDER_SECONDS);
    LazyLock::force(&SCRAPE_SERIES);
}

/// The route of requests that no path matches: paths that clients make up are no labels.
pub(crate) const NO_ROUTE: &str = "none";

/// A request was answered.
pub(crate) fn answered(route: &str, status: u16) {
    REQUESTS.with_label_values(&[route, itoa::Buffer::new().format(status)]).inc();
}

/// That many connections are open now.
pub(crate) fn connections(open: usize) {
    CONNECTIONS.set(i64::try_from(open).unwrap_or(i64::MAX));
}

/// A connection was closed unread: all others are at work.
pub(crate) fn connection_refused() {
    tracing::warn!("connection refused: the limit of open connections is reached, and all are at work");
    CONNECTIONS_ENDED.with_label_values(&["refused"]).inc();
}

/// An idle connection was closed for a new one.
pub(crate) fn connection_evicted() {
    tracing::debug!("idle connection closed for a new one");
    CONNECTIONS_ENDED.with_label_values(&["evicted"]).inc();
}

/// A client took too long to take its answer.
pub(crate) fn connection_overdue() {
    tracing::info!("connection cut: its client did not take the answer in time");
    CONNECTIONS_ENDED.with_label_values(&["answer_overdue"]).inc();
}

/// A client took nothing of a scrape while others waited for their turn.
pub(crate) fn connection_stalled() {
    tracing::info!("connection cut: its client took nothing of a scrape while others waited for theirs");
    CONNECTIONS_ENDED.with_label_values(&["stalled"]).inc();
}

/// A client took too long to send a head, or had nothing more to ask.
pub(crate) fn head_overdue() {
    tracing::debug!("connection cut: no request in time");
    CONNECTIONS_ENDED.with_label_values(&["head_overdue"]).inc();
}

/// A connection's TLS did not come about.
pub(crate) fn handshake_failed(error: &dyn Display) {
    tracing::debug!(%error, "TLS handshake failed");
    CONNECTIONS_ENDED.with_label_values(&["handshake"]).inc();
}

/// A request was not let in.
pub(crate) fn denied(reason: &'static str) {
    DENIED.with_label_values(&[reason]).inc();
}

/// Another web file, or another certificate, is in force.
pub(crate) fn web_file_read() {
    tracing::info!("the web file was read anew: TLS, users and tokens are those of now");
    WEB_FILE_READS.with_label_values(&["ok"]).inc();
}

/// The web file changed and cannot be used; what was in force stays.
pub(crate) fn web_file_refused(error: &dyn Display) {
    tracing::error!(%error, "the web file cannot be used; TLS, users and tokens stay as they were");
    WEB_FILE_READS.with_label_values(&["failed"]).inc();
}

/// The system gave no connection.
pub(crate) fn accept_failed(error: &std::io::Error) {
    tracing::warn!(%error, "accept failed");
    ACCEPTS_FAILED.inc();
}

/// An answer could not be made: a panic, or JSON that cannot be written.
pub(crate) fn answer_failed(failure: &dyn Display) {
    tracing::error!(%failure, "answer failed");
    ANSWERS_FAILED.inc();
}

/// A scrape was written to its end.
pub(crate) fn scraped(rendering: Duration, series: u64) {
    RENDER_SECONDS.observe(rendering.as_secs_f64());
    SCRAPE_SERIES.set(i64::try_from(series).unwrap_or(i64::MAX));
}
