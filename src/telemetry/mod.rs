//! The collector's own events: one function an event, which writes the log line and moves the
//! counter, so that the two never disagree.
//!
//! Metrics live in one process-wide [`registry`]; names follow the Prometheus conventions
//! (`rackwarden_<module>_<what>_<unit>_total`). A file a module: `telemetry/snmp.rs` and so on.

pub mod alert;
pub mod config;
pub(crate) mod http;
pub mod inventory;
pub mod log;
pub mod message;
pub mod names;
pub mod notify;
pub mod redfish;
pub mod snmp;
pub(crate) mod store;
pub mod traps;
pub mod watchdog;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use std::sync::LazyLock;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let registry = Registry::new();
    register_process(&registry);
    registry
});

/// CPU time, memory, open files and start time of the process, by the names that every client library
/// gives them. Elsewhere than on Linux they are absent.
fn register_process(registry: &Registry) {
    #[cfg(target_os = "linux")]
    if let Err(error) =
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
    {
        tracing::debug!(%error, "the process's own metrics are absent");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = registry;
}

/// The registry of the collector's own metrics.
pub fn registry() -> &'static Registry {
    &REGISTRY
}

/// A registered counter. Its name and help are constants of ours: a wrong one fails a unit test.
pub fn counter(name: &str, help: &str) -> IntCounter {
    register(IntCounter::new(name, help))
}

/// A registered counter with labels.
pub fn counter_vec(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    register(IntCounterVec::new(Opts::new(name, help), labels))
}

/// A registered gauge.
pub fn gauge(name: &str, help: &str) -> IntGauge {
    register(IntGauge::new(name, help))
}

/// A registered gauge with labels.
pub fn gauge_vec(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    register(IntGaugeVec::new(Opts::new(name, help), labels))
}

/// A registered histogram with these upper bounds, in the unit that ends its name.
pub fn histogram(name: &str, help: &str, buckets: &[f64]) -> Histogram {
    register(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
}

#[expect(
    clippy::expect_used,
    reason = "names and helps are literals in this crate; the test below makes each of them"
)]
fn register<C: prometheus::core::Collector + Clone + 'static>(made: prometheus::Result<C>) -> C {
    let collector = made.expect("a metric's literal name, help and labels are well-formed");
    REGISTRY.register(Box::new(collector.clone())).expect("each metric is made once, in a LazyLock");
    collector
}
