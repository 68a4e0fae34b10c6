//! The collector itself: from the very counters that Prometheus scrapes.

use super::super::AppState;
use super::html::{Html, span};
use super::value::rounded;
use crate::model::Now;
use crate::telemetry;
use prometheus::proto::{MetricFamily, MetricType};

/// The section.
pub(super) fn section(html: &mut Html, app: &AppState, now: Now) {
    let own = Own(telemetry::registry().gather());
    let uptime = now.moment.since(app.started.moment);
    html.raw("<section aria-labelledby=\"h-collector\">\n<h2 id=\"h-collector\">Collector</h2>\n<dl id=\"collector\" class=\"words\" data-live>\n");
    html.figure("up for", &span(uptime), true);
    html.figure(
        "memory",
        &format_args!("{} MB", rounded(own.sum("process_resident_memory_bytes") / 1e6)),
        true,
    );
    let share = own.sum("process_cpu_seconds_total") / uptime.as_secs_f64().max(1.0);
    html.figure("processor, of one core", &format_args!("{} %", rounded(100.0 * share)), true);
    html.figure("polls", &rounded(own.sum("rackwarden_polls_total")), true);
    html.figure("requests sent", &rounded(own.sum("rackwarden_snmp_requests_total")), true);
    html.figure("not answered in time", &rounded(own.sum("rackwarden_snmp_timeouts_total")), true);
    for (name, metric) in [
        ("datagrams dropped", "rackwarden_snmp_datagrams_dropped_total"),
        ("polls that panicked", "rackwarden_poll_panics_total"),
        ("log lines left out", "rackwarden_log_lines_suppressed_total"),
        ("watchdog withheld", "rackwarden_watchdog_withheld_total"),
        ("requests denied", "rackwarden_http_denied_total"),
    ] {
        let count = own.sum(metric);
        if 0.0 < count {
            html.figure(name, &rounded(count), false);
        }
    }
    if own.find("rackwarden_config_last_reload_successful").is_some_and(|it| it < 0.5) {
        html.figure("configuration", &"refused: the one before is in force", false);
    }
    if let Some(traps) = (app.traps)() {
        html.figure("traps", &format_args!("{}, {} asked at once", traps.received, traps.asked), true);
    }
    html.raw("</dl>\n</section>\n");
}

/// Our own metrics at one time.
struct Own(Vec<MetricFamily>);

impl Own {
    /// A metric over all its labels; 0 where there is none.
    fn sum(&self, name: &str) -> f64 {
        self.find(name).unwrap_or(0.0)
    }

    fn find(&self, name: &str) -> Option<f64> {
        let family = self.0.iter().find(|it| it.name() == name)?;
        let is_counter = family.get_field_type() == MetricType::COUNTER;
        let values = family
            .get_metric()
            .iter()
            .map(|it| if is_counter { it.get_counter().get_value() } else { it.get_gauge().get_value() });
        Some(values.sum())
    }
}
