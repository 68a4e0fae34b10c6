//! `[[devices]]` whose address is a URL: Redfish services.

use super::Context;
use super::devices::Checks;
use super::place::Element;
use super::tls::{RawTls, tls};
use crate::config::layer::Step;
use crate::config::raw::{RawCredential, RawDevice};
use crate::config::suggest::instead;
use crate::config::validate::one_secret::SecretKeys;
use crate::model::Labels;
use crate::notify::settings::SecretSource;
use crate::redfish::settings::{Login, ServiceSettings};
use crate::redfish::uri::Origin;
use std::collections::BTreeMap;
use std::time::Duration;

/// Keys that mean nothing to a service.
const OF_AGENTS: [&str; 6] =
    ["port", "answers_from", "profile", "retries", "requests_per_second", "requests_in_flight"];
/// Keys that mean nothing to an SNMP agent.
const OF_SERVICES: [&str; 4] = ["tls_ca_file", "tls_pins", "tls_verify", "events"];
/// Controllers answer in 0.1 to 2 s, and take longer for what is expanded.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Whether a device is a Redfish service.
pub(super) fn is_service(raw: &RawDevice) -> bool {
    let address = raw.address.as_deref().unwrap_or_default().trim();
    ["https://", "http://"].iter().any(|it| address.starts_with(it))
}

/// All users with passwords, by the name of their table; `None` for one with a mistake.
pub(super) fn logins(
    context: &mut Context<'_, '_>,
    raw: &BTreeMap<String, RawCredential>,
) -> BTreeMap<String, Option<Login>> {
    let logins = raw.iter().filter(|(_, it)| is_login(it));
    logins.map(|(name, it)| (name.clone(), login(context, name, it))).collect()
}

/// Whether a table of credentials is a user with a password, rather than SNMP's.
pub(super) const fn is_login(raw: &RawCredential) -> bool {
    raw.password.is_some()
        || raw.password_file.is_some()
        || raw.password_env.is_some()
        || raw.password_credential.is_some()
}

fn login(context: &mut Context<'_, '_>, name: &str, raw: &RawCredential) -> Option<Login> {
    let keys = SecretKeys {
        table: TABLE,
        name,
        stem: "password",
        inline: raw.password.as_ref(),
        file: raw.password_file.as_ref(),
        environment: raw.password_env.as_ref(),
        credential: raw.password_credential.as_ref(),
    };
    let known = crate::config::schema::root().find(TABLE).and_then(|it| it.form.inner());
    let of_snmp = known.into_iter().flat_map(|it| it.names()).find(|it| {
        let own = *it == "user" || it.starts_with("password");
        !own && context.layers.any_has(&[Step::Key(TABLE), Step::Key(name), Step::Key(it)])
    });
    if let Some(key) = of_snmp {
        let place = context.layers.first_with(&[Step::Key(TABLE), Step::Key(name), Step::Key(key)]);
        let message =
            format!("[{TABLE}.{name}] has a password, which is for Redfish, and `{key}`, which is for SNMP");
        context
            .report
            .mistake(place, message)
            .help("write two tables: devices refer to the one that they need");
        return None;
    }
    let (place, source) = keys.chosen(context)?;
    if matches!(source, SecretSource::Inline(_)) {
        context.check_inline(place);
    }
    let password = context.resolve(&source, place)?;
    let Some(user) = raw.user.as_ref().map(|it| it.to_string()).filter(|it| !it.is_empty()) else {
        if !context.report.is_troubled(TABLE, name) {
            let message = format!("[{TABLE}.{name}] has a password, but no user");
            context
                .report
                .mistake(place, message)
                .help("write user = \"rackwarden\", or what it is called there");
        }
        return None;
    };
    Some(Login { user, password })
}

impl Checks<'_, '_, '_> {
    pub(super) fn service(&mut self, element: &Element<'_, '_>, raw: &RawDevice) -> Option<ServiceSettings> {
        for key in OF_AGENTS.into_iter().filter(|it| element.has(it)) {
            let message = format!("`{key}` is for SNMP agents, and the address is that of a Redfish service");
            self.context.report.mistake(element.key(key), message).help("leave it out");
        }
        let origin = self.origin(element, raw);
        let login = self.login(element, raw);
        let shows_pin = "`rackwarden redfish pin HOST` shows it";
        let raw_tls = RawTls {
            ca_file: raw.tls_ca_file.as_ref(),
            pins: &raw.tls_pins,
            verify: raw.tls_verify.unwrap_or(true),
            what: "service",
            shows_pin,
        };
        let tls = tls(self.context, element, &raw_tls);
        let origin = origin?;
        if matches!(login, Ok(Some(_))) && !origin.is_encrypted() && !origin.is_loopback() {
            let message = "a password is not sent over http, where everybody on the way can read it";
            let help = format!("write address = \"https://{}\"", origin.host());
            self.context.report.mistake(element.key("address"), message).help(help);
            return None;
        }
        Some(ServiceSettings {
            name: raw.name.as_deref()?.into(),
            origin,
            login: login.ok()?,
            tls: tls?,
            interval: raw.interval.map_or(self.polling.interval, |it| it.duration()),
            timeout: raw.timeout.map_or(TIMEOUT, |it| it.duration()),
            events: raw.events.unwrap_or(true),
            labels: Labels::new(raw.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            rated_current_amperes: raw
                .rated_current
                .iter()
                .filter_map(|(kind, it)| Some((kind.parse().ok()?, *it)))
                .collect(),
        })
    }

    fn origin(&mut self, element: &Element<'_, '_>, raw: &RawDevice) -> Option<Origin> {
        let text = raw.address.as_deref()?;
        let place = element.key("address");
        match Origin::parse(text) {
            Ok(origin) => {
                let url = origin.root();
                let port = url.port_or_known_default().unwrap_or(443);
                self.note_address(place, (origin.host().to_lowercase(), port), raw);
                Some(origin)
            }
            Err(why) => {
                let shown = text.split_once('@').map_or(text, |_| "it");
                self.context
                    .report
                    .mistake(place, format!("{shown} {why}"))
                    .help("write address = \"https://10.0.0.20\"");
                None
            }
        }
    }

    /// The user; `Ok(None)`: none, as it should be; an error: there is a mistake.
    fn login(&mut self, element: &Element<'_, '_>, raw: &RawDevice) -> Result<Option<Login>, ()> {
        let name = raw.credential.as_str();
        if let Some(login) = self.logins.get(name) {
            return login.clone().map(Some).ok_or(());
        }
        if self.context.report.any_broken() || raw.wrong.iter().any(|it| it == "credential") {
            return Err(());
        }
        if !element.has("credential") {
            let message = "it is asked without a user: few Redfish services let everybody in";
            let help =
                "write credential = \"redfish\", and [credentials.redfish] with user and password_file";
            self.context.report.warning(element.key("address"), message).help(help);
            return Ok(None);
        }
        let place = element.key("credential");
        if self.credentials.contains_key(name) {
            let message = format!(
                "[credentials.{name}] is for SNMP agents; a Redfish service wants a user and a password"
            );
            let help =
                "write [credentials.redfish] with user and password_file, and credential = \"redfish\"";
            self.context.report.mistake(place, message).help(help);
        } else {
            let help = instead(name, self.logins.keys().map(String::as_str));
            self.context.report.mistake(place, format!("there is no [credentials.{name}]")).help(help);
        }
        Err(())
    }

    /// Reports keys of services at an SNMP agent.
    pub(super) fn refuse_service_keys(&mut self, element: &Element<'_, '_>) {
        for key in OF_SERVICES.into_iter().filter(|it| element.has(it)) {
            let message =
                format!("`{key}` is for Redfish services, and the address is that of an SNMP agent");
            let help = "leave it out; or write address = \"https://HOST\"";
            self.context.report.mistake(element.key(key), message).help(help);
        }
    }
}

const TABLE: &str = "credentials";
