//! From the merged mirror to [`Settings`]: what no single value can show. References, pairs of keys
//! that exclude each other, duplicates over several files, and secrets that must be there.

mod address;
mod alerts;
mod credentials;
mod devices;
mod integrations;
mod inventories;
mod one_secret;
mod parents;
mod place;
mod routes;
mod services;
mod tls;
mod traps;
mod usm;

pub(super) use place::Layers;

use super::environment::Environment;
use super::layer::Step;
use super::raw::{RawConfig, RawHttp, RawPolling};
use super::report::{Place, Report};
use super::secrets::{self, SecretError};
use super::settings::{LogFormat, LogLevel, LogSettings, PollingSettings, Settings};
use super::source::chain;
use super::{ProfileNames, Secrets};
use crate::http::settings::HttpSettings;
use crate::http::{WebFile, WebFileError};
use crate::message::Messages;
use crate::model::Secret;
use crate::notify::settings::SecretSource;

/// What validation looks things up in, and reports to.
pub(super) struct Context<'a, 't> {
    pub(super) layers: Layers<'a, 't>,
    pub(super) report: &'a mut Report,
    pub(super) environment: &'a Environment,
    pub(super) profiles: Option<ProfileNames<'a>>,
    pub(super) secrets: Secrets,
}

/// The settings. They are worth something only if the report holds no mistake afterwards.
pub(super) fn settings(context: &mut Context<'_, '_>, raw: &RawConfig) -> Settings {
    check_polling(context, &raw.polling);
    check_profile_folders(context, raw);
    let credentials = credentials::credentials(context, &raw.credentials);
    let logins = services::logins(context, &raw.credentials);
    let (devices, services) = devices::devices(context, raw, (&credentials, &logins));
    let inventories = inventories::inventories(context, raw);
    let traps = traps::traps(context, &raw.traps, &credentials);
    let (rules, texts) = alerts::rules(context, raw, &devices);
    let parents = parents::parents(context, raw, &devices, &rules);
    let mut notify = integrations::notify(context, raw, &rules);
    notify.messages = Messages { defaults: alerts::default_texts(context, raw), rules: texts };
    if rules.iter().any(|it| it.enabled) && notify.integrations.is_empty() && !context.report.any_broken() {
        let message = "alerts are evaluated, but nobody is paged: there is no integration";
        context
            .report
            .warning(Place::whole(0), message)
            .help("write [integrations.NAME] with type = \"pagerduty\"");
    }
    Settings {
        polling: polling(&raw.polling),
        http: http(context, &raw.http),
        state_folder: raw.state.folder.clone(),
        profile_folders: raw.profiles.folders.to_vec(),
        traps,
        log: LogSettings {
            level: LogLevel::ALL.into_iter().find(|it| it.name() == raw.log.level).unwrap_or(LogLevel::Info),
            format: if raw.log.format == "json" { LogFormat::Json } else { LogFormat::Text },
        },
        credentials: credentials.into_iter().filter_map(|(name, it)| Some((name.into(), it?))).collect(),
        devices,
        services,
        parents,
        rules,
        notify,
        inventories,
    }
}

impl Context<'_, '_> {
    /// Reads a secret to see that it is there; reports at `place` if it is not.
    fn resolve(&mut self, source: &SecretSource, place: Place) -> Option<Secret> {
        if let SecretSource::File(path) = source
            && secrets::is_world_readable(path)
        {
            let message = "everybody on this host may read the file with the secret";
            self.report.warning(place, message).help("chmod 0640, and chown root:rackwarden");
        }
        match secrets::resolve(source, self.environment) {
            Ok(secret) => Some(secret),
            Err(error) => {
                self.refuse_secret(&error, place);
                (self.secrets == Secrets::Optional).then(|| Secret::new(""))
            }
        }
    }

    fn refuse_secret(&mut self, error: &SecretError, place: Place) {
        let finding = match self.secrets {
            Secrets::Required => self.report.mistake(place, chain(error)),
            Secrets::Optional => self.report.warning(place, chain(error)),
        };
        finding.help(error.help());
    }

    /// Warns of a secret that stands in a file which everybody may read.
    fn check_inline(&mut self, place: Place) {
        if self.layers.file(place).is_some_and(secrets::is_world_readable) {
            let message = "a secret stands here in clear, and everybody on this host may read the file";
            self.report
                .warning(place, message)
                .help("chmod 0640, and chown root:rackwarden; or keep the secret in a file of its own");
        }
    }
}

/// The web file is read, so that its mistakes are told with all others.
fn http(context: &mut Context<'_, '_>, raw: &RawHttp) -> HttpSettings {
    if let Some(path) = &raw.web_config {
        let place = context.layers.tagged(path, &[Step::Key("http"), Step::Key("web_config")]);
        if let Err(error) = WebFile::load(path) {
            let finding = match (context.secrets, &error) {
                // Who checks a configuration need not be who may read the keys.
                (Secrets::Optional, WebFileError::Read { .. }) => {
                    context.report.warning(place, chain(&error))
                }
                _ => context.report.mistake(place, chain(&error)),
            };
            finding.help("docs/security.md has a web file to start from");
        }
    }
    HttpSettings { listen: raw.listen, web_config: raw.web_config.as_ref().map(|it| (**it).clone()) }
}

fn polling(raw: &RawPolling) -> PollingSettings {
    PollingSettings {
        interval: raw.interval.duration(),
        timeout: raw.timeout.duration(),
        retries: raw.retries,
        requests_per_second: raw.requests_per_second,
        start_spread: raw.start_spread.map(|it| it.duration()),
    }
}

/// A device that does not answer must be given up before its next poll is due.
fn check_polling(context: &mut Context<'_, '_>, raw: &RawPolling) {
    let polling = polling(raw);
    if let Some((message, help)) = devices::too_slow(polling.interval, polling.timeout, polling.retries) {
        let place = context.layers.tagged(&raw.interval, &[Step::Key("polling"), Step::Key("interval")]);
        context.report.warning(place, message).help(help);
    }
}

/// The default folder may be absent; one that the user names should be there.
fn check_profile_folders(context: &mut Context<'_, '_>, raw: &RawConfig) {
    let folders = &raw.profiles.folders;
    if context.layers.is_default(folders) {
        return;
    }
    for (at, folder) in folders.iter().enumerate().filter(|(_, it)| !it.is_dir()) {
        let steps = [Step::Key("profiles"), Step::Key("folders"), Step::Index(at)];
        let place = context.layers.tagged(folders, &steps);
        context
            .report
            .warning(place, format!("there is no folder {}", folder.display()))
            .help("make it, or leave it out");
    }
}
