//! `[[devices]]`: addresses, references, and what two devices must not share.

use super::Context;
use super::address;
use super::place::Element;
use super::services::is_service;
use crate::config::layer::Step;
use crate::config::limits::{DEVICES_MOST, NAME_CHARS_MOST};
use crate::config::raw::{RawConfig, RawDevice};
use crate::config::report::Place;
use crate::config::settings::PollingSettings;
use crate::config::suggest::{instead, listed};
use crate::model::Labels;
use crate::poller::settings::{Credential, DeviceSettings};
use crate::profile::{AgentLimits, ProfileSet};
use crate::redfish::{Login, ServiceSettings};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What stands under `[credentials]`, by name; `None` for what has a mistake.
type ByName<T> = BTreeMap<String, Option<T>>;

/// All devices without a mistake.
pub(super) fn devices(
    context: &mut Context<'_, '_>,
    raw: &RawConfig,
    (credentials, logins): (&ByName<Credential>, &ByName<Login>),
) -> (Vec<DeviceSettings>, Vec<ServiceSettings>) {
    check_count(context, raw);
    let mut checks = Checks {
        credentials,
        logins,
        profiles: profile_names(context, raw),
        polling: super::polling(&raw.polling),
        names: HashMap::new(),
        addresses: HashMap::new(),
        without_credential: Vec::new(),
        context,
    };
    let mut devices = Vec::with_capacity(raw.devices.len().min(DEVICES_MOST));
    let mut services = Vec::new();
    for tagged in raw.devices.iter().take(DEVICES_MOST) {
        let layers = &checks.context.layers;
        let Some(element) = Element::new(layers, tagged, "devices", tagged.place) else { continue };
        checks.name(&element, tagged);
        if is_service(tagged) {
            services.extend(checks.service(&element, tagged));
        } else {
            checks.refuse_service_keys(&element);
            devices.extend(checks.device(&element, tagged));
        }
    }
    checks.default_credential();
    (devices, services)
}

/// Why a device may be due again before its last poll has failed; and what to write.
pub(super) fn too_slow(
    interval: Duration,
    timeout: Duration,
    retries: u32,
) -> Option<(String, &'static str)> {
    let patience = timeout.saturating_mul(retries.saturating_add(1));
    (interval < patience).then(|| {
        let shown = |it: Duration| humantime::format_duration(it).to_string().replace(' ', "");
        let message = format!(
            "a silent device keeps a request open for {} (timeout x (retries + 1)), longer than the interval of {}",
            shown(patience),
            shown(interval)
        );
        (message, "shorten timeout or retries, or lengthen interval: its next polls will be skipped")
    })
}

/// The profiles that devices may name; empty if no device names one, so that none is read in vain.
fn profile_names(context: &Context<'_, '_>, raw: &RawConfig) -> Vec<String> {
    if raw.devices.iter().all(|it| it.profile.is_none()) {
        return Vec::new();
    }
    let folders = &raw.profiles.folders;
    match context.profiles {
        Some(names) => names(folders),
        None => {
            let (profiles, _) = ProfileSet::load(folders);
            profiles.iter().filter(|it| !it.is_abstract()).map(|it| it.name.to_string()).collect()
        }
    }
}

fn check_count(context: &mut Context<'_, '_>, raw: &RawConfig) {
    let count = raw.devices.len();
    let has = |list| context.layers.any_has(&[Step::Key(list)]);
    if count == 0 && !has("devices") && !has("inventory") && !context.report.any_broken() {
        let message = "no device is configured: nothing will be polled";
        let help = "write a [[devices]] with name and address for each, here or in conf.d";
        context.report.warning(Place::whole(0), message).help(help);
    }
    if let Some(tagged) = raw.devices.get(DEVICES_MOST)
        && let Some(element) = Element::new(&context.layers, tagged, "devices", tagged.place)
    {
        let message = format!("{count} devices; one process is built for {DEVICES_MOST} at most");
        context.report.mistake(element.place(&[]), message).help("run a second rackwarden for the rest");
    }
}

/// What devices refer to, and what those before have taken.
pub(super) struct Checks<'a, 'c, 't> {
    pub(super) context: &'a mut Context<'c, 't>,
    pub(super) credentials: &'a BTreeMap<String, Option<Credential>>,
    pub(super) logins: &'a BTreeMap<String, Option<Login>>,
    profiles: Vec<String>,
    pub(super) polling: PollingSettings,
    names: HashMap<String, Place>,
    addresses: HashMap<(String, u16), (Place, String)>,
    without_credential: Vec<Place>,
}

/// The time between requests of which there are so many in a second; none, for zero.
fn request_gap(requests_per_second: u32) -> Duration {
    Duration::from_secs(1).checked_div(requests_per_second).unwrap_or_default()
}

impl Checks<'_, '_, '_> {
    fn device(&mut self, element: &Element<'_, '_>, raw: &RawDevice) -> Option<DeviceSettings> {
        let credential = self.credential(element, raw);
        let profile_is_known = self.profile(element, raw);
        let address = self.address(element, raw);
        let interval = raw.interval.map_or(self.polling.interval, |it| it.duration());
        let timeout = raw.timeout.map_or(self.polling.timeout, |it| it.duration());
        let retries = raw.retries.unwrap_or(self.polling.retries);
        let own_key = ["interval", "timeout", "retries"].into_iter().find(|it| element.has(it));
        if let (Some(key), Some((message, help))) = (own_key, too_slow(interval, timeout, retries)) {
            self.context.report.warning(element.key(key), message).help(help);
        }
        let (host, port) = address.filter(|_| profile_is_known)?;
        let rated = raw.rated_current.iter();
        Some(DeviceSettings {
            name: raw.name.as_deref()?.into(),
            host,
            port,
            credential: credential?,
            answers_from: raw.answers_from.clone(),
            profile: raw.profile.clone(),
            interval,
            timeout,
            retries,
            request_gap: request_gap(raw.requests_per_second.unwrap_or(self.polling.requests_per_second)),
            requests_in_flight: raw.requests_in_flight.unwrap_or(AgentLimits::IN_FLIGHT_MAX),
            labels: Labels::new(raw.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            rated_current_amperes: rated.filter_map(|(kind, it)| Some((kind.parse().ok()?, *it))).collect(),
        })
    }

    fn name(&mut self, element: &Element<'_, '_>, raw: &RawDevice) {
        let Some(name) = &raw.name else { return };
        let place = element.key("name");
        let report = &mut *self.context.report;
        if let Some(bad) = name.chars().find(|it| "/*".contains(*it)) {
            let message =
                format!("the device name \"{name}\" holds {bad}, which rules use to choose objects");
            report.mistake(place, message).help("letters, digits, spaces, dots and dashes are free to use");
        }
        if NAME_CHARS_MOST < name.chars().count() {
            let message = format!("the device name is longer than {NAME_CHARS_MOST} characters");
            report.mistake(place, message).help("it is a label of each of its series");
        }
        if let Some(first) = self.names.get(name) {
            let first = self.context.layers.shown(*first);
            let message = format!("the device name \"{name}\" is taken: first at {first}");
            report.mistake(place, message).help("each device has a name of its own");
        } else {
            self.names.insert(name.clone(), place);
        }
    }

    fn credential(&mut self, element: &Element<'_, '_>, raw: &RawDevice) -> Option<Credential> {
        let name = raw.credential.as_str();
        if let Some(credential) = self.credentials.get(name) {
            return credential.clone();
        }
        if self.context.report.any_broken() || raw.wrong.iter().any(|it| it == "credential") {
            return None;
        }
        if self.logins.contains_key(name) {
            let message =
                format!("[credentials.{name}] is a user of Redfish services, and this is an SNMP agent");
            let help = "name a table with a community or an SNMPv3 user; or write address = \"https://HOST\"";
            let place =
                if element.has("credential") { element.key("credential") } else { element.place(&[]) };
            self.context.report.mistake(place, message).help(help);
        } else if element.has("credential") {
            let help = instead(name, self.credentials.keys().map(String::as_str));
            let message = format!("there is no [credentials.{name}]");
            self.context.report.mistake(element.key("credential"), message).help(help);
        } else {
            self.without_credential.push(element.place(&[]));
        }
        None
    }

    /// One mistake for all devices that count on a default which is not there.
    fn default_credential(&mut self) {
        let Some((first, others)) = self.without_credential.split_first() else { return };
        let who = match others.len() {
            0 => "this device names".to_owned(),
            more => format!("this device and {more} more name"),
        };
        let help = if self.credentials.is_empty() {
            "write [credentials.default] with a community_file: none is taken for granted, not even public"
                .to_owned()
        } else {
            let names = listed(self.credentials.keys().map(String::as_str));
            format!("add a [credentials.default], or write credential = \"..\"; there are: {names}")
        };
        let message = format!("{who} no credential, and there is no [credentials.default]");
        self.context.report.mistake(*first, message).help(help);
    }

    /// `false`: it names a profile that there is not.
    fn profile(&mut self, element: &Element<'_, '_>, raw: &RawDevice) -> bool {
        let Some(profile) = &raw.profile else { return true };
        if self.profiles.contains(profile) {
            return true;
        }
        let help = instead(profile, self.profiles.iter().map(String::as_str));
        let message = format!("there is no profile \"{profile}\"");
        self.context.report.mistake(element.key("profile"), message).help(help);
        false
    }

    fn address(&mut self, element: &Element<'_, '_>, raw: &RawDevice) -> Option<(String, u16)> {
        let place = element.key("address");
        let address = match address::parse(raw.address.as_deref()?) {
            Ok(address) => address,
            Err(wrong) => {
                self.context.report.mistake(place, wrong.message).help(wrong.help);
                return None;
            }
        };
        if let (Some(named), Some(port)) = (address.port, raw.port)
            && named != port
        {
            let message = format!("`port` is {port}, but the address names port {named}");
            self.context.report.mistake(element.key("port"), message).help("keep one of the two");
        }
        let port = address.port.or(raw.port).unwrap_or(SNMP_PORT);
        self.note_address(place, (address.host.to_lowercase(), port), raw);
        Some((address.host, port))
    }

    /// Two devices at one address are most likely one.
    pub(super) fn note_address(&mut self, place: Place, key: (String, u16), raw: &RawDevice) {
        if let Some((first, name)) = self.addresses.get(&key) {
            let first = self.context.layers.shown(*first);
            let message = format!("the same address and port as \"{name}\" at {first}");
            let help = "it is asked twice as often; if it is one device, drop one of the two";
            self.context.report.warning(place, message).help(help);
        } else {
            self.addresses.insert(key, (place, raw.name.clone().unwrap_or_default()));
        }
    }
}

/// RFC 3417 section 3.2.
const SNMP_PORT: u16 = 161;
