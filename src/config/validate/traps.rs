//! `[traps]`: the credentials that it names must be there.

use super::Context;
use crate::config::layer::Step;
use crate::config::raw::RawTraps;
use crate::config::settings::TrapSettings;
use crate::config::suggest::instead;
use crate::poller::settings::Credential;
use std::collections::BTreeMap;

/// All of traps.
pub(super) fn traps(
    context: &mut Context<'_, '_>,
    raw: &RawTraps,
    credentials: &BTreeMap<String, Option<Credential>>,
) -> TrapSettings {
    let mut accepted = Vec::new();
    let named = raw.credentials.as_ref();
    for (at, name) in named.iter().flat_map(|it| it.iter()).enumerate() {
        match (credentials.get(name), named) {
            (Some(credential), _) => accepted.extend(credential.clone()),
            (None, Some(named)) if !context.report.any_broken() => {
                let steps = [Step::Key("traps"), Step::Key("credentials"), Step::Index(at)];
                let place = context.layers.tagged(named, &steps);
                let help = instead(name, credentials.keys().map(String::as_str));
                context.report.mistake(place, format!("there is no [credentials.{name}]")).help(help);
            }
            (None, _) => (),
        }
    }
    if raw.listen.is_none() && (named.is_some() || !raw.forwarders.is_empty()) {
        let place = context.layers.first_with(&[Step::Key("traps")]);
        let message = "this says who may send traps, but nothing listens for them";
        context.report.warning(place, message).help("write listen = \"0.0.0.0:162\" in [traps]");
    }
    TrapSettings { listen: raw.listen, credentials: accepted, forwarders: raw.forwarders.clone() }
}
