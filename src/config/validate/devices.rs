//! `[[devices]]`: addresses, references, and what two devices must not share.

use super::Context;
use super::address;
use super::place::Element;
use crate::config::limits::{DEVICES_MOST, NAME_CHARS_MOST};
use crate::config::raw::{RawConfig, RawDevice};
use crate::config::report::Place;
use crate::config::suggest::instead;
use crate::model::Labels;
use crate::poller::settings::{Credential, DeviceSettings};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

/// All devices without a mistake.
pub(super) fn devices(
    context: &mut Context<'_, '_>,
    raw: &RawConfig,
    credentials: &BTreeMap<String, Option<Credential>>,
) -> Vec<DeviceSettings> {
    check_count(context, raw);
    let known =
        Known { credentials, profiles: profile_names(context, raw), polling: super::polling(&raw.polling) };
    let mut taken = Taken::default();
    let mut devices = Vec::with_capacity(raw.devices.len().min(DEVICES_MOST));
    for tagged in raw.devices.iter().take(DEVICES_MOST) {
        let Some(element) = Element::new(&context.layers, tagged, "devices", tagged.place) else { continue };
        taken.check_name(context, &element, tagged);
        devices.extend(device(context, &element, tagged, &known, &mut taken));
    }
    devices
}

/// Why a device may be asked again before its last poll has failed; and what to write.
pub(super) fn too_slow(
    interval: Duration,
    timeout: Duration,
    retries: u32,
) -> Option<(String, &'static str)> {
    let patience = timeout.saturating_mul(retries.saturating_add(1));
    (interval < patience).then(|| {
        let shown = |it: Duration| humantime::format_duration(it).to_string().replace(' ', "");
        let message = format!(
            "a request may take {} (timeout x (retries + 1)), longer than the interval of {}",
            shown(patience),
            shown(interval)
        );
        (
            message,
            "shorten timeout or retries, or lengthen interval: polls of a silent device will be skipped",
        )
    })
}

/// What devices refer to.
struct Known<'a> {
    credentials: &'a BTreeMap<String, Option<Credential>>,
    profiles: Option<Vec<String>>,
    polling: crate::config::settings::PollingSettings,
}

fn profile_names(context: &Context<'_, '_>, raw: &RawConfig) -> Option<Vec<String>> {
    let folders: &[PathBuf] = &raw.profiles.folders;
    context.profiles.map(|names| names(folders))
}

fn check_count(context: &mut Context<'_, '_>, raw: &RawConfig) {
    let count = raw.devices.len();
    if count == 0
        && !context.layers.any_has(&[crate::config::layer::Step::Key("devices")])
        && !context.report.any_broken()
    {
        context
            .report
            .warning(Place::whole(0), "no device is configured: nothing will be polled")
            .help("write a [[devices]] with name and address for each, here or in conf.d");
    }
    if DEVICES_MOST < count
        && let Some(tagged) = raw.devices.get(DEVICES_MOST)
        && let Some(element) = Element::new(&context.layers, tagged, "devices", tagged.place)
    {
        let message = format!("{count} devices; one process is built for {DEVICES_MOST} at most");
        context.report.mistake(element.place(&[]), message).help("run a second rackwarden for the rest");
    }
}

fn device(
    context: &mut Context<'_, '_>,
    element: &Element<'_, '_>,
    raw: &RawDevice,
    known: &Known<'_>,
    taken: &mut Taken,
) -> Option<DeviceSettings> {
    let credential = credential(context, element, raw, known);
    let profile_is_known = check_profile(context, element, raw, known);
    let address = address_of(context, element, raw);
    let interval = raw.interval.map_or(known.polling.interval, |it| it.duration());
    let timeout = raw.timeout.map_or(known.polling.timeout, |it| it.duration());
    let retries = raw.retries.unwrap_or(known.polling.retries);
    let own_key = ["interval", "timeout", "retries"].into_iter().find(|it| element.has(it));
    if let (Some(key), Some((message, help))) = (own_key, too_slow(interval, timeout, retries)) {
        context.report.warning(element.key(key), message).help(help);
    }
    let (host, port) = address?;
    taken.check_address(context, element, raw, &host, port);
    if !profile_is_known {
        return None;
    }
    Some(DeviceSettings {
        name: raw.name.as_deref()?.into(),
        host,
        port,
        credential: credential?,
        profile: raw.profile.clone(),
        interval,
        timeout,
        retries,
        labels: Labels::new(raw.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
        rated_current_amperes: raw
            .rated_current
            .iter()
            .filter_map(|(kind, it)| Some((kind.parse().ok()?, *it)))
            .collect(),
    })
}

fn credential(
    context: &mut Context<'_, '_>,
    element: &Element<'_, '_>,
    raw: &RawDevice,
    known: &Known<'_>,
) -> Option<Credential> {
    if raw.wrong.iter().any(|it| it == "credential") {
        return None;
    }
    let name = raw.credential.as_str();
    if let Some(credential) = known.credentials.get(name) {
        return credential.clone();
    }
    if context.report.any_broken() {
        return None;
    }
    let place = element.key("credential");
    if element.has("credential") {
        let help = instead(name, known.credentials.keys().map(String::as_str));
        context.report.mistake(place, format!("there is no [credentials.{name}]")).help(help);
    } else {
        let others = known.credentials.keys().map(String::as_str).collect::<Vec<_>>();
        let help = match others.as_slice() {
            [] => "write a [credentials.default] with community_file: no community is taken for granted, not even public".to_owned(),
            others => format!("write credential = \"..\" for one of: {}; or add [credentials.default]", crate::config::suggest::listed(others.iter().copied())),
        };
        context
            .report
            .mistake(place, "this device names no credential, and there is no [credentials.default]")
            .help(help);
    }
    None
}

/// `false`: it names a profile that there is not.
fn check_profile(
    context: &mut Context<'_, '_>,
    element: &Element<'_, '_>,
    raw: &RawDevice,
    known: &Known<'_>,
) -> bool {
    let (Some(profile), Some(profiles)) = (&raw.profile, &known.profiles) else { return true };
    if profiles.contains(profile) {
        return true;
    }
    let help = instead(profile, profiles.iter().map(String::as_str));
    context.report.mistake(element.key("profile"), format!("there is no profile \"{profile}\"")).help(help);
    false
}

fn address_of(
    context: &mut Context<'_, '_>,
    element: &Element<'_, '_>,
    raw: &RawDevice,
) -> Option<(String, u16)> {
    let text = raw.address.as_deref()?;
    match address::parse(text) {
        Err(wrong) => {
            context.report.mistake(element.key("address"), wrong.message).help(wrong.help);
            None
        }
        Ok(address) => {
            if let (Some(named), Some(port)) = (address.port, raw.port)
                && named != port
            {
                let message = format!("`port` is {port}, but the address names port {named}");
                context.report.mistake(element.key("port"), message).help("keep one of the two");
            }
            Some((address.host, address.port.or(raw.port).unwrap_or(SNMP_PORT)))
        }
    }
}

/// What devices before this one have taken.
#[derive(Default)]
struct Taken {
    names: HashMap<String, Place>,
    addresses: HashMap<(String, u16), (Place, String)>,
}

impl Taken {
    fn check_name(&mut self, context: &mut Context<'_, '_>, element: &Element<'_, '_>, raw: &RawDevice) {
        let Some(name) = &raw.name else { return };
        let place = element.key("name");
        if let Some(bad) = name.chars().find(|it| "/*".contains(*it)) {
            context
                .report
                .mistake(
                    place,
                    format!("the device name \"{name}\" holds {bad}, which rules use to choose objects"),
                )
                .help("letters, digits, spaces, dots and dashes are free to use");
        }
        if NAME_CHARS_MOST < name.chars().count() {
            context
                .report
                .mistake(place, format!("the device name is longer than {NAME_CHARS_MOST} characters"));
        }
        if let Some(first) = self.names.get(name) {
            let first = context.layers.shown(*first);
            context
                .report
                .mistake(place, format!("the device name \"{name}\" is taken: first at {first}"))
                .help("each device has a name of its own");
        } else {
            self.names.insert(name.clone(), place);
        }
    }

    fn check_address(
        &mut self,
        context: &mut Context<'_, '_>,
        element: &Element<'_, '_>,
        raw: &RawDevice,
        host: &str,
        port: u16,
    ) {
        let place = element.key("address");
        let key = (host.to_lowercase(), port);
        if let Some((first, name)) = self.addresses.get(&key) {
            let message =
                format!("the same address and port as \"{name}\" at {}", context.layers.shown(*first));
            context
                .report
                .warning(place, message)
                .help("it is polled twice; drop one of the two, if it is one device");
        } else {
            self.addresses.insert(key, (place, raw.name.clone().unwrap_or_default()));
        }
    }
}

/// RFC 3417 section 3.2.
const SNMP_PORT: u16 = 161;
