//! `[credentials.NAME]`: one source for each community, and it must be there. Users of SNMPv3 are in `usm`.

use super::Context;
use super::one_secret::SecretKeys;
use super::services::is_login;
use super::usm;
use crate::config::raw::RawCredential;
use crate::notify::settings::SecretSource;
use crate::poller::settings::{Credential, SnmpVersion};
use std::collections::BTreeMap;

/// All credentials; `None` for one with a mistake, so that its name is known all the same.
pub(super) fn credentials(
    context: &mut Context<'_, '_>,
    raw: &BTreeMap<String, RawCredential>,
) -> BTreeMap<String, Option<Credential>> {
    raw.iter()
        .filter(|(_, it)| !is_login(it))
        .map(|(name, it)| (name.clone(), credential(context, name, it)))
        .collect()
}

fn credential(context: &mut Context<'_, '_>, name: &str, raw: &RawCredential) -> Option<Credential> {
    let keys = SecretKeys {
        table: "credentials",
        name,
        stem: "community",
        inline: raw.community.as_ref(),
        file: raw.community_file.as_ref(),
        environment: raw.community_env.as_ref(),
        credential: raw.community_credential.as_ref(),
    };
    if raw.version == "3" {
        return usm::user(context, name, raw, &keys).map(Credential::Usm);
    }
    if usm::refuse_keys(context, name, &raw.version) && keys.given(context).is_empty() {
        return None;
    }
    let (place, source) = keys.chosen(context)?;
    if matches!(source, SecretSource::Inline(_)) {
        context.check_inline(place);
    }
    let community = context.resolve(&source, place)?;
    if COMMUNITY_BYTES_MOST < community.expose().len() {
        let message =
            format!("the community is longer than {COMMUNITY_BYTES_MOST} bytes: no agent takes that");
        context.report.mistake(place, message).help("the community alone belongs here");
        return None;
    }
    let version = if raw.version == "1" { SnmpVersion::V1 } else { SnmpVersion::V2c };
    Some(Credential::Community { version, community })
}

/// SNMP-COMMUNITY-MIB names them by texts of at most 255; agents take 32 to 64.
const COMMUNITY_BYTES_MOST: usize = 255;
