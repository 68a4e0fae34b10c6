//! What the exposition says of the collector apart from its counters: the alerts as they stand, and
//! which build this is.

use super::Format;
use crate::alert::Phase;
use crate::http::api::phase_name;
use crate::http::state::ActiveAlert;
use crate::model::Severity;
use std::sync::Arc;

/// How many alerts there are, by phase and severity, in the order of [`PHASES`] and [`Severity::ALL`].
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::http) struct AlertCounts([[usize; Severity::ALL.len()]; PHASES.len()]);

const PHASES: [Phase; 2] = [Phase::Firing, Phase::Pending];

impl AlertCounts {
    pub(in crate::http) fn of(alerts: &[Arc<ActiveAlert>]) -> Self {
        let count =
            |phase, severity| alerts.iter().filter(|it| it.phase == phase && it.severity == severity).count();
        Self(PHASES.map(|phase| Severity::ALL.map(|severity| count(phase, severity))))
    }

    /// Both families. All combinations are there: one that is absent cannot be compared with zero.
    pub(super) fn push(self, out: &mut Vec<u8>, format: Format) {
        let help = "Alerts that are pending or firing, by severity.";
        format.push_head(out, "rackwarden_alerts", "gauge", help);
        let mut push = |parts: &[&str]| parts.iter().for_each(|it| out.extend_from_slice(it.as_bytes()));
        for (phase, counts) in PHASES.into_iter().zip(self.0) {
            for (severity, count) in Severity::ALL.into_iter().zip(counts) {
                let (phase, severity) = (phase_name(phase), severity.name());
                let mut digits = itoa::Buffer::new();
                let count = digits.format(count);
                let labels = ["{phase=\"", phase, "\",severity=\"", severity, "\"} "];
                push(&["rackwarden_alerts"]);
                push(&labels);
                push(&[count, "\n"]);
            }
        }
        format.push_head(out, "rackwarden_build_info", "info", "The collector's version; always 1.");
        let line = concat!("rackwarden_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n");
        out.extend_from_slice(line.as_bytes());
    }
}
