//! What paging is told: integrations with their keys and limits, already checked.

use super::silence::{Maintenance, Matcher};
use super::storm::StormSettings;
use crate::alert::Transition;
use crate::message::Messages;
use crate::model::{Secret, Severity};
use crate::rules::Schedule;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where a secret comes from. It is read anew before use, so that it can be rotated in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The text itself: only where the user asked for it by an explicit key.
    Inline(Secret),
    /// A file whose first line it is.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A systemd credential: a file of that name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// What kind of receiver an integration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiver {
    /// PagerDuty's Events API v2.
    PagerDuty,
    /// Any HTTP server that takes a signed JSON body: docs/paging.md describes it.
    Webhook,
    /// Alertmanager's API v2.
    Alertmanager,
}

impl Receiver {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PagerDuty, Self::Webhook, Self::Alertmanager];

    /// Its name in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PagerDuty => "pagerduty",
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
        }
    }
}

/// One integration: a service of PagerDuty, a webhook, an Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationSettings {
    /// Its name in the config: unique, and part of what is kept on disk.
    pub name: Arc<str>,
    /// What it is.
    pub receiver: Receiver,
    /// Where its routing key comes from; of a webhook what bodies are signed with. Alertmanager has none.
    pub routing_key: SecretSource,
    /// Where events are posted: PagerDuty's enqueue URL by region, or the user's own.
    pub url: String,
    /// An HTTP proxy on the way; `None`: as the environment says (`HTTPS_PROXY`).
    pub proxy: Option<String>,
    /// Certificates of the only authorities that are trusted; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// Requests a minute, at most: 120 by default, PagerDuty's limit for a key.
    pub requests_per_minute: u32,
    /// How long one request may take.
    pub timeout: Duration,
}

impl IntegrationSettings {
    /// One of PagerDuty in the United States with that key, and all else as it is by default.
    #[must_use]
    pub fn pagerduty(name: &str, routing_key: SecretSource) -> Self {
        Self {
            name: name.into(),
            receiver: Receiver::PagerDuty,
            proxy: None,
            ca_file: None,
            routing_key,
            url: "https://events.pagerduty.com/v2/enqueue".to_owned(),
            requests_per_minute: 120,
            timeout: Duration::from_secs(10),
        }
    }
}

/// All of paging.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifySettings {
    /// The integrations.
    pub integrations: Vec<IntegrationSettings>,
    /// The integrations of alerts whose rule names none: all, if the user says nothing.
    pub default_integrations: Vec<Arc<str>>,
    /// The folder that keeps events and open alerts.
    pub state_folder: PathBuf,
    /// `client` of the events: who sends.
    pub client: String,
    /// `client_url` of the events: where a person looks, if the user says.
    pub client_url: Option<String>,
    /// The texts of pages, where rules bring their own.
    pub messages: Messages,
    /// Whose site it is, and whom to ask: in each page's details.
    pub site: Site,
    /// A URL that is asked for as long as all is well, so that its absence wakes somebody.
    pub heartbeat: Option<Heartbeat>,
    /// Whether reloads and maintenance windows are told to PagerDuty as change events.
    pub change_events: bool,
    /// Which alerts go where, first match first; what no route is for goes to the default ones.
    pub routes: Vec<Route>,
    /// When many alerts are one incident.
    pub storm: StormSettings,
    /// Whether each severity of an alert is an incident of its own.
    pub incident_per_severity: bool,
    /// How often alerts that go on are told again, by rule.
    pub resend: BTreeMap<Arc<str>, Duration>,
    /// Maintenance windows of the config.
    pub maintenance: Vec<Maintenance>,
}

/// Whose site it is: as Device42's integration carries it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Site {
    /// The company.
    pub company: Option<String>,
    /// Whom to write to.
    pub contact: Option<String>,
}

/// A dead man's switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// What is asked for.
    pub url: String,
    /// How often.
    pub interval: Duration,
}

/// Which alerts go to some integrations.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// All of these must fit; none fits everything.
    pub matchers: Vec<Matcher>,
    /// The mildest severity that it is for.
    pub least: Severity,
    /// When it holds; `None`: always.
    pub schedule: Option<Arc<Schedule>>,
    /// Where they go.
    pub integrations: Vec<Arc<str>>,
    /// Whether later routes are looked at too.
    pub goes_on: bool,
}

impl NotifySettings {
    /// The integrations that hear of an alert: those of its rule, else of its routes, else the default
    /// ones, else all.
    #[must_use]
    pub fn targets(&self, transition: &Transition) -> Vec<Arc<str>> {
        let known = |name: &&Arc<str>| self.integrations.iter().any(|it| it.name == **name);
        let facts = &transition.facts;
        let named: Vec<Arc<str>> = facts.integrations.iter().filter(known).map(Arc::clone).collect();
        if !named.is_empty() {
            return named;
        }
        let mut routed: Vec<Arc<str>> = Vec::new();
        for route in &self.routes {
            let severity = transition.severity;
            let holds = route.schedule.as_ref().is_none_or(|it| it.is_active(transition.at));
            if holds && route.least <= severity && route.matchers.iter().all(|it| it.fits(facts, severity)) {
                let new = route.integrations.iter().filter(known).filter(|it| !routed.contains(it));
                let new: Vec<Arc<str>> = new.map(Arc::clone).collect();
                routed.extend(new);
                if !route.goes_on {
                    break;
                }
            }
        }
        if !routed.is_empty() {
            return routed;
        }
        let default: Vec<Arc<str>> = self.default_integrations.iter().filter(known).map(Arc::clone).collect();
        if !default.is_empty() {
            return default;
        }
        self.integrations.iter().map(|it| Arc::clone(&it.name)).collect()
    }

    /// Paging to nobody, with all else as it is by default: for tests and tools to begin with.
    #[must_use]
    pub fn new(state_folder: PathBuf) -> Self {
        Self {
            integrations: Vec::new(),
            default_integrations: Vec::new(),
            state_folder,
            client: "rackwarden".to_owned(),
            client_url: None,
            messages: Messages::default(),
            site: Site::default(),
            heartbeat: None,
            change_events: false,
            routes: Vec::new(),
            storm: StormSettings::default(),
            incident_per_severity: false,
            resend: BTreeMap::new(),
            maintenance: Vec::new(),
        }
    }
}
