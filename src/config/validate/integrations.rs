//! `[integrations.NAME]` and `[paging]`: keys that are there but not in clear, and where they go.

use super::Context;
use super::one_secret::SecretKeys;
use crate::config::form::is_loopback;
use crate::config::layer::Step;
use crate::config::raw::{RawConfig, RawIntegration, RawPaging};
use crate::config::report::Place;
use crate::config::suggest::instead;
use crate::model::Secret;
use crate::notify::settings::{Heartbeat, IntegrationSettings, NotifySettings, Receiver, SecretSource, Site};
use crate::notify::storm::StormSettings;
use crate::rules::Rule;
use std::sync::Arc;

/// All of paging.
pub(super) fn notify(context: &mut Context<'_, '_>, raw: &RawConfig, rules: &[Rule]) -> NotifySettings {
    let integrations: Vec<IntegrationSettings> =
        raw.integrations.iter().filter_map(|(name, it)| integration(context, name, it)).collect();
    let named = raw.paging.default_integrations.as_ref();
    let mut default_integrations: Vec<Arc<str>> = Vec::new();
    for (at, name) in named.iter().flat_map(|it| it.iter()).enumerate() {
        if !raw.integrations.contains_key(name)
            && !context.report.any_broken()
            && let Some(named) = named
        {
            let steps = [Step::Key("paging"), Step::Key("default_integrations"), Step::Index(at)];
            unknown(context, raw, name, context.layers.tagged(named, &steps));
        }
        default_integrations.push(name.as_str().into());
    }
    if named.is_none() {
        default_integrations = integrations.iter().map(|it| Arc::clone(&it.name)).collect();
    }
    NotifySettings {
        integrations,
        default_integrations,
        client: raw.paging.client.clone(),
        client_url: raw.paging.client_url.clone(),
        site: Site { company: raw.paging.company.clone(), contact: raw.paging.contact.clone() },
        heartbeat: raw
            .paging
            .heartbeat_url
            .clone()
            .map(|url| Heartbeat { url, interval: raw.paging.heartbeat_interval.duration() }),
        change_events: raw.paging.change_events,
        storm: storm(&raw.paging),
        incident_per_severity: raw.paging.incident_per_severity,
        routes: super::routes::routes(context, raw),
        maintenance: super::routes::maintenance(context, raw),
        resend: rules.iter().filter_map(|it| Some((Arc::clone(&it.name), it.resend?))).collect(),
        ..NotifySettings::new(raw.state.folder.clone())
    }
}

fn storm(raw: &RawPaging) -> StormSettings {
    let level = |text: &String| -> Vec<Arc<str>> {
        text.split(',').map(str::trim).filter(|it| !it.is_empty() && *it != "*").map(Arc::from).collect()
    };
    StormSettings {
        levels: if raw.storm_threshold == 0 { Vec::new() } else { raw.storm_by.iter().map(level).collect() },
        threshold: raw.storm_threshold.max(1),
        window: raw.storm_window.duration(),
        wait: raw.storm_wait.duration(),
        ..StormSettings::default()
    }
}

/// Reports a name that no integration has.
pub(super) fn unknown(context: &mut Context<'_, '_>, raw: &RawConfig, name: &str, place: Place) {
    let help = instead(name, raw.integrations.keys().map(String::as_str));
    context.report.mistake(place, format!("there is no [integrations.{name}]")).help(help);
}

fn integration(
    context: &mut Context<'_, '_>,
    name: &str,
    raw: &RawIntegration,
) -> Option<IntegrationSettings> {
    check_type(context, name, raw);
    let receiver = Receiver::ALL.into_iter().find(|it| Some(it.name()) == raw.r#type.as_deref());
    let receiver = receiver.unwrap_or(Receiver::PagerDuty);
    let url = url(context, name, raw, receiver);
    let settings = |source: SecretSource| IntegrationSettings {
        receiver,
        url: url.clone(),
        proxy: raw.proxy.clone(),
        ca_file: raw.ca_file.clone(),
        requests_per_minute: raw.requests_per_minute,
        timeout: raw.timeout.duration(),
        ..IntegrationSettings::pagerduty(name, source)
    };
    if receiver == Receiver::Alertmanager {
        // It asks for none, and none is sent.
        return Some(settings(SecretSource::Inline(Secret::new("none"))));
    }
    let keys = SecretKeys {
        table: TABLE,
        name,
        stem: "routing_key",
        inline: raw.routing_key.as_ref(),
        file: raw.routing_key_file.as_ref(),
        environment: raw.routing_key_env.as_ref(),
        credential: raw.routing_key_credential.as_ref(),
    };
    let (place, source) = keys.chosen(context)?;
    if matches!(source, SecretSource::Inline(_)) {
        if !raw.allow_inline_key {
            context.report.mistake(place, "a key in clear in a configuration file").help(format!(
                "put it into a file and write routing_key_file = \"/etc/rackwarden/credentials.d/{name}\"; if it is meant, add allow_inline_key = true"
            ));
            return None;
        }
        context.check_inline(place);
    }
    let key = context.resolve(&source, place)?;
    let length = key.expose().chars().count();
    let of_pagerduty = raw.url.is_none() && receiver == Receiver::PagerDuty;
    if of_pagerduty
        && length != 0
        && (length != KEY_CHARS || !key.expose().chars().all(|it| it.is_ascii_alphanumeric()))
    {
        let message = format!(
            "this does not look like an integration key, which has {KEY_CHARS} letters and digits; it has {length} characters"
        );
        context
            .report
            .warning(place, message)
            .help("copy it from PagerDuty: Service, Integrations, Events API V2, Integration Key");
    }
    Some(settings(source))
}

fn check_type(context: &mut Context<'_, '_>, name: &str, raw: &RawIntegration) {
    let steps = [Step::Key(TABLE), Step::Key(name)];
    if raw.r#type.is_none() && !context.report.is_troubled(TABLE, name) {
        let place = context.layers.first_with(&steps);
        context
            .report
            .mistake(place, format!("[{TABLE}.{name}] has no `type`"))
            .help("write type = \"pagerduty\"");
    }
}

fn url(context: &mut Context<'_, '_>, name: &str, raw: &RawIntegration, receiver: Receiver) -> String {
    let Some(url) = &raw.url else {
        if receiver != Receiver::PagerDuty {
            let place = context.layers.first_with(&[Step::Key(TABLE), Step::Key(name)]);
            let example = match receiver {
                Receiver::Alertmanager => "https://alertmanager.example.net",
                Receiver::PagerDuty | Receiver::Webhook => "https://example.net/alerts",
            };
            context
                .report
                .mistake(place, format!("[{TABLE}.{name}] has no `url`"))
                .help(format!("write url = \"{example}\""));
        }
        return if *raw.region == "eu" { EU } else { US }.to_owned();
    };
    let place = context.layers.tagged(url, &[Step::Key(TABLE), Step::Key(name), Step::Key("url")]);
    if !context.layers.is_default(&raw.region) {
        context
            .report
            .mistake(place, format!("[{TABLE}.{name}] has `url` and `region`: which of them counts?"))
            .help("keep one of the two; a region is enough unless events go through a relay of your own");
    }
    if url.starts_with("http://") && !is_loopback(url) {
        context
            .report
            .mistake(place, "the key and all alerts would travel in clear: http is for this host alone")
            .help(format!("write url = \"{}\"", url.replacen("http://", "https://", 1)));
    }
    if receiver == Receiver::Alertmanager && !url.contains("/api/") {
        return format!("{}/api/v2/alerts", url.trim_end_matches('/'));
    }
    url.to_string()
}

const TABLE: &str = "integrations";
/// PagerDuty's Events API v2: "Length of 'routing_key' is incorrect (should be 32 characters)".
const KEY_CHARS: usize = 32;
const US: &str = "https://events.pagerduty.com/v2/enqueue";
const EU: &str = "https://events.eu.pagerduty.com/v2/enqueue";
