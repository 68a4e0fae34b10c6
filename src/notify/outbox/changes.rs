//! Change events: what was changed on our side, shown by PagerDuty beside a service's incidents. They
//! wake nobody, are sent once, and are not kept: one that is lost is lost.

use super::OutboxHandle;
use super::shared::Shared;
use crate::model::UnixMillis;
use crate::notify::page_test::send_change;
use crate::notify::pagerduty::event;
use crate::notify::settings::{NotifySettings, Receiver};
use crate::telemetry;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::Handle;

impl OutboxHandle {
    /// Tells PagerDuty's integrations of a change, if the settings say so.
    pub fn tell_change(&self, summary: &str) {
        self.0.shared.tell_change(summary, &self.0.runtime);
    }
}

/// Silences and maintenance windows that hold: what each is called, and what is said of it.
pub(super) type Windows = BTreeMap<String, String>;

impl Shared {
    pub(super) fn tell_change(&self, summary: &str, runtime: &Handle) {
        let settings = self.settings.load_full();
        if !settings.change_events {
            return;
        }
        let now = self.clock.now();
        let body = event::change(summary, now.unix);
        for integration in settings.integrations.iter().filter(|it| it.receiver == Receiver::PagerDuty) {
            let name = Arc::clone(&integration.name);
            // Its requests count like others, and pages come first.
            if !self.lock().ledger.spare_place(&name, now.moment) {
                telemetry::notify::change_event_failed(&name, "the rate limit leaves no room for it");
                continue;
            }
            let (integration, body) = (integration.clone(), body.clone());
            runtime.spawn(async move {
                if let Err(text) = send_change(integration, &body, now).await {
                    telemetry::notify::change_event_failed(&name, &text);
                }
            });
        }
    }

    /// Tells of windows that have begun or ended since the last look.
    pub(super) fn tell_windows(&self, known: &mut Option<Windows>, runtime: &Handle) {
        let settings = self.settings.load_full();
        let holding = self.holding(&settings, self.clock.now().unix);
        // Those that held before the start have been told of.
        let before = known.replace(holding.clone()).unwrap_or_else(|| holding.clone());
        for (name, about) in holding.iter().filter(|(name, _)| !before.contains_key(*name)) {
            self.tell_change(&format!("{name} begins: {about}"), runtime);
        }
        for name in before.keys().filter(|name| !holding.contains_key(*name)) {
            self.tell_change(&format!("{name} is over"), runtime);
        }
    }

    fn holding(&self, settings: &NotifySettings, at: UnixMillis) -> Windows {
        let maintenance = settings.maintenance.iter().filter(|it| it.starts <= at && at < it.ends);
        let mut holding: Windows = maintenance
            .map(|it| (format!("maintenance {}", it.name), about(&it.matchers, it.ends)))
            .collect();
        let state = self.lock();
        let silences = state.intake.silences().iter().filter(|it| it.is_active(at));
        holding.extend(silences.map(|it| {
            let why = if it.comment.is_empty() { String::new() } else { format!(" ({})", it.comment) };
            (format!("silence {} by {}", it.id, it.by), about(&it.matchers, it.ends) + &why)
        }));
        holding
    }
}

fn about(matchers: &[crate::notify::silence::Matcher], ends: UnixMillis) -> String {
    let matchers: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    format!("{} until {ends}", matchers.join(" "))
}
