//! The merged configuration as plain data, typed: what layers hand on after their checks. Every key
//! of the schema stands here, and `deny_unknown_fields` holds the two to each other.

use crate::model::Secret;
use figment::value::magic::Tagged;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    /// Checked where it stands: the mirror only has to know the key.
    #[serde(default, rename = "version")]
    _version: Option<u32>,
    pub(super) polling: RawPolling,
    pub(super) http: RawHttp,
    pub(super) state: RawState,
    pub(super) profiles: RawProfiles,
    pub(super) traps: RawTraps,
    pub(super) log: RawLog,
    pub(super) paging: RawPaging,
    #[serde(default)]
    pub(super) credentials: BTreeMap<String, RawCredential>,
    #[serde(default)]
    pub(super) integrations: BTreeMap<String, RawIntegration>,
    #[serde(default)]
    pub(super) devices: Vec<Tagged<RawDevice>>,
    #[serde(default)]
    pub(super) alerts: Vec<Tagged<RawAlert>>,
    #[serde(default)]
    pub(super) inventory: Vec<Tagged<RawInventory>>,
    #[serde(default)]
    pub(super) routes: Vec<Tagged<RawRoute>>,
    #[serde(default)]
    pub(super) maintenance: Vec<Tagged<RawMaintenance>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolling {
    pub(super) interval: Tagged<Nanoseconds>,
    pub(super) timeout: Nanoseconds,
    pub(super) retries: u32,
    pub(super) requests_per_second: u32,
    pub(super) start_spread: Option<Nanoseconds>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHttp {
    pub(super) listen: SocketAddr,
    pub(super) web_config: Option<Tagged<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawState {
    pub(super) folder: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProfiles {
    pub(super) folders: Tagged<Vec<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTraps {
    pub(super) listen: Option<SocketAddr>,
    pub(super) credentials: Option<Tagged<Vec<String>>>,
    #[serde(default)]
    pub(super) forwarders: Vec<IpAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) level: String,
    pub(super) format: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPaging {
    pub(super) default_integrations: Option<Tagged<Vec<String>>>,
    pub(super) client: String,
    pub(super) client_url: Option<String>,
    pub(super) summary: Option<String>,
    #[serde(default)]
    pub(super) details: BTreeMap<String, String>,
    pub(super) company: Option<String>,
    pub(super) contact: Option<String>,
    pub(super) incident_per_severity: bool,
    pub(super) storm_threshold: usize,
    pub(super) storm_window: Nanoseconds,
    pub(super) storm_wait: Nanoseconds,
    pub(super) storm_by: Vec<String>,
    pub(super) heartbeat_url: Option<String>,
    pub(super) heartbeat_interval: Nanoseconds,
    pub(super) change_events: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    #[serde(rename = "@place")]
    pub(super) place: usize,
    #[serde(rename = "@wrong")]
    pub(super) _wrong: Vec<String>,
    pub(super) r#match: Vec<String>,
    pub(super) least: String,
    pub(super) schedule: Option<RawSchedule>,
    #[serde(default)]
    pub(super) integrations: Vec<String>,
    pub(super) r#continue: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMaintenance {
    #[serde(rename = "@place")]
    pub(super) place: usize,
    #[serde(rename = "@wrong")]
    pub(super) _wrong: Vec<String>,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) r#match: Vec<String>,
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCredential {
    pub(super) version: String,
    pub(super) community: Option<Tagged<RawSecret>>,
    pub(super) community_file: Option<Tagged<String>>,
    pub(super) community_env: Option<Tagged<String>>,
    pub(super) community_credential: Option<Tagged<String>>,
    pub(super) user: Option<Tagged<String>>,
    pub(super) password: Option<Tagged<RawSecret>>,
    pub(super) password_file: Option<Tagged<String>>,
    pub(super) password_env: Option<Tagged<String>>,
    pub(super) password_credential: Option<Tagged<String>>,
    pub(super) level: Option<Tagged<String>>,
    pub(super) authentication: Option<Tagged<String>>,
    pub(super) authentication_passphrase: Option<Tagged<RawSecret>>,
    pub(super) authentication_passphrase_file: Option<Tagged<String>>,
    pub(super) authentication_passphrase_env: Option<Tagged<String>>,
    pub(super) authentication_passphrase_credential: Option<Tagged<String>>,
    pub(super) authentication_key: Option<Tagged<RawSecret>>,
    pub(super) authentication_key_file: Option<Tagged<String>>,
    pub(super) authentication_key_env: Option<Tagged<String>>,
    pub(super) authentication_key_credential: Option<Tagged<String>>,
    pub(super) privacy: Option<Tagged<String>>,
    pub(super) privacy_passphrase: Option<Tagged<RawSecret>>,
    pub(super) privacy_passphrase_file: Option<Tagged<String>>,
    pub(super) privacy_passphrase_env: Option<Tagged<String>>,
    pub(super) privacy_passphrase_credential: Option<Tagged<String>>,
    pub(super) privacy_key: Option<Tagged<RawSecret>>,
    pub(super) privacy_key_file: Option<Tagged<String>>,
    pub(super) privacy_key_env: Option<Tagged<String>>,
    pub(super) privacy_key_credential: Option<Tagged<String>>,
    pub(super) context_name: Option<Tagged<String>>,
    pub(super) context_engine_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIntegration {
    pub(super) r#type: Option<String>,
    pub(super) routing_key: Option<Tagged<RawSecret>>,
    pub(super) routing_key_file: Option<Tagged<String>>,
    pub(super) routing_key_env: Option<Tagged<String>>,
    pub(super) routing_key_credential: Option<Tagged<String>>,
    pub(super) allow_inline_key: bool,
    pub(super) region: Tagged<String>,
    pub(super) url: Option<Tagged<String>>,
    pub(super) proxy: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) requests_per_minute: u32,
    pub(super) timeout: Nanoseconds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDevice {
    #[serde(rename = "@place")]
    pub(super) place: usize,
    #[serde(rename = "@wrong")]
    pub(super) wrong: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) address: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) credential: String,
    #[serde(default)]
    pub(super) answers_from: Vec<IpAddr>,
    pub(super) profile: Option<String>,
    pub(super) interval: Option<Nanoseconds>,
    pub(super) timeout: Option<Nanoseconds>,
    pub(super) retries: Option<u32>,
    pub(super) parent: Option<String>,
    pub(super) requests_per_second: Option<u32>,
    pub(super) tls_ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) tls_pins: Vec<String>,
    pub(super) tls_verify: Option<bool>,
    pub(super) events: Option<bool>,
    pub(super) requests_in_flight: Option<u8>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) rated_current: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInventory {
    #[serde(rename = "@place")]
    pub(super) place: usize,
    #[serde(rename = "@wrong")]
    pub(super) wrong: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) r#type: Option<String>,
    pub(super) url: Option<String>,
    pub(super) path: Option<PathBuf>,
    pub(super) username: Option<String>,
    pub(super) secret_file: Option<PathBuf>,
    pub(super) secret_env: Option<String>,
    pub(super) secret_credential: Option<String>,
    pub(super) secret: Option<RawSecret>,
    pub(super) auth: String,
    pub(super) app: Option<String>,
    pub(super) kinds: Option<Vec<String>>,
    pub(super) software_types: Vec<String>,
    pub(super) interval: Nanoseconds,
    pub(super) timeout: Nanoseconds,
    pub(super) time_limit: Nanoseconds,
    pub(super) gone_after: u32,
    pub(super) max_age: Option<Nanoseconds>,
    pub(super) tls_ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) tls_pins: Vec<String>,
    pub(super) tls_verify: bool,
    pub(super) match_by: Vec<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAlert {
    #[serde(rename = "@place")]
    pub(super) place: usize,
    #[serde(rename = "@wrong")]
    pub(super) wrong: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) r#type: Option<String>,
    pub(super) trigger: Option<String>,
    pub(super) apply_to: RawSelection,
    #[serde(default)]
    pub(super) components: Vec<String>,
    #[serde(default)]
    pub(super) indices: Vec<String>,
    #[serde(default)]
    pub(super) names: Vec<String>,
    pub(super) operator: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) info: Option<RawThreshold>,
    pub(super) warning: Option<RawThreshold>,
    pub(super) error: Option<RawThreshold>,
    pub(super) critical: Option<RawThreshold>,
    pub(super) severity: Option<String>,
    pub(super) after_polls: Option<u32>,
    pub(super) r#for: Option<Nanoseconds>,
    pub(super) keep_firing_for: Option<Nanoseconds>,
    pub(super) no_data: Option<String>,
    pub(super) flapping: Option<RawFlapping>,
    pub(super) rate: Option<RawRate>,
    pub(super) group: Option<RawGroup>,
    pub(super) schedule: Option<RawSchedule>,
    pub(super) resend: Option<Nanoseconds>,
    pub(super) rated_current: Option<f64>,
    pub(super) rated_power: Option<f64>,
    pub(super) rated_apparent_power: Option<f64>,
    pub(super) notes: Option<String>,
    pub(super) runbook: Option<String>,
    pub(super) summary: Option<String>,
    #[serde(default)]
    pub(super) details: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) integrations: Vec<String>,
    pub(super) enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawThreshold {
    pub(super) value: RawLimit,
    pub(super) clear: Option<RawLimit>,
}

/// A number, or the two ends of a range.
#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
pub(super) enum RawLimit {
    At(f64),
    Between([f64; 2]),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFlapping {
    pub(super) begins: Option<u32>,
    pub(super) within: Option<Nanoseconds>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRate {
    pub(super) per: Option<String>,
    pub(super) over: Option<Nanoseconds>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGroup {
    #[serde(default)]
    pub(super) by: Vec<String>,
    pub(super) combine: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSchedule {
    #[serde(default)]
    pub(super) days: Vec<String>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) timezone: Option<String>,
}

/// One of the three, as its form lowers it; `all` if none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSelection {
    #[serde(default, rename = "all")]
    _all: bool,
    pub(super) objects: Option<Vec<String>>,
    pub(super) labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(transparent)]
pub(super) struct Nanoseconds(u64);

impl Nanoseconds {
    pub(super) const fn duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

/// A text that becomes a [`Secret`] as soon as it is read.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(super) struct RawSecret(pub(super) Secret);

impl From<String> for RawSecret {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}
