//! A running daemon, asked over its JSON API: for `status` and `top`.

use super::exit::Exit;
use super::{ConfigArguments, target};
use crate::config::{Config, Secrets, render};
use crate::http::WebFile;
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

/// Where the daemon is and how to be let in.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct DaemonArguments {
    /// The daemon, as https://collector.example:10916; default: the address that the configuration says
    #[arg(long, value_name = "URL", env = "RACKWARDEN_URL", hide_env_values = true)]
    url: Option<String>,
    /// A file whose first line is a bearer token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Take any certificate
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    config: ConfigArguments,
}

/// The daemon.
pub(super) struct Daemon {
    /// Where it is.
    pub(super) url: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    /// Why the address may be another one.
    refusal: Option<String>,
}

/// What it says of itself; what is not used here is left out.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) version: String,
    pub(super) uptime_seconds: f64,
    pub(super) ready: bool,
    pub(super) reasons: Vec<Reason>,
    pub(super) devices: Devices,
    pub(super) readings: Readings,
    pub(super) sources: Sources,
    pub(super) alerts: Alerts,
    pub(super) outbox: Vec<Integration>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    pub(super) check: String,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Devices {
    pub(super) total: usize,
    pub(super) up: usize,
    pub(super) down: usize,
    pub(super) stale: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Readings {
    pub(super) total: usize,
    pub(super) missing: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Sources {
    pub(super) total: usize,
    pub(super) down: usize,
    pub(super) objects: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Alerts {
    pub(super) firing: usize,
    pub(super) pending: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Integration {
    pub(super) name: String,
    pub(super) healthy: bool,
    pub(super) waiting: u64,
    pub(super) sent: u64,
    pub(super) dead_letters: u64,
    pub(super) last_error: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AlertList {
    pub(super) alerts: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Alert {
    pub(super) rule: String,
    pub(super) phase: String,
    pub(super) severity: String,
    pub(super) reason: String,
    /// RFC 3339.
    pub(super) since: String,
    pub(super) device: String,
    pub(super) component: Option<String>,
    pub(super) label: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DevicePage {
    pub(super) devices: Vec<Device>,
    pub(super) next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Device {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) up: bool,
    pub(super) stale: bool,
    pub(super) error: Option<Failure>,
    pub(super) age_seconds: f64,
    pub(super) poll_duration_seconds: f64,
    pub(super) requests: Requests,
    pub(super) readings_total: usize,
    pub(super) readings_missing: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) class: String,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Requests {
    pub(super) sent: u32,
    pub(super) repeated: u32,
}

impl Daemon {
    pub(super) fn of(arguments: &DaemonArguments) -> Result<Self, Exit> {
        let fail = |message: String| {
            eprintln!("rackwarden: {message}");
            Exit::Usage
        };
        let url = match &arguments.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => configured(&arguments.config)?,
        };
        let mut builder = reqwest::Client::builder().timeout(TIMEOUT).no_proxy();
        if arguments.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if let Some(path) = &arguments.token_file {
            let text =
                std::fs::read_to_string(path).map_err(|it| fail(format!("{}: {it}", path.display())))?;
            let token = text.lines().next().unwrap_or_default().trim();
            let mut value = reqwest::header::HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| fail(format!("{}: its first line is no token", path.display())))?;
            value.set_sensitive(true);
            let headers = [(reqwest::header::AUTHORIZATION, value)].into_iter().collect();
            builder = builder.default_headers(headers);
        }
        let client = builder.build().map_err(|error| fail(format!("{error}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| fail(format!("cannot start a runtime: {error}")))?;
        let refusal = if arguments.url.is_none() { arguments.config.refusal() } else { None };
        Ok(Self { url, client, runtime, refusal })
    }

    /// The answer of a path, or why there is none, for a person.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let url = format!("{}{path}", self.url);
        let asked = async {
            let mut answer = self.client.get(&url).send().await?;
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await? {
                if BODY_OCTETS_MOST < body.len() + chunk.len() {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
            Ok::<_, reqwest::Error>((answer.status(), body))
        };
        let (status, body) = self.runtime.block_on(asked).map_err(|error| self.explain(error))?;
        if status == StatusCode::UNAUTHORIZED {
            return Err("it wants to know who asks: give a bearer token with --token-file".to_owned());
        }
        if !status.is_success() {
            return Err(format!("{path} answers {status}"));
        }
        serde_json::from_slice(&body)
            .map_err(|error| format!("{path} answers what is not understood: {error}"))
    }

    /// Why there is no answer, and what may help.
    fn explain(&self, error: reqwest::Error) -> String {
        let words = format!("{:#}", anyhow::Error::from(error.without_url()));
        let is_certificate = words.contains("certificate");
        let help = match &self.refusal {
            _ if is_certificate => {
                Some("name the daemon as its certificate does, with --url, or take any with --insecure")
            }
            Some(refusal) => Some(refusal.as_str()),
            None => None,
        };
        help.map_or_else(|| words.clone(), |help| format!("{words} ({help})"))
    }

    /// All devices that are not up, and how many there are.
    pub(super) fn failing(&self) -> Result<Vec<Device>, String> {
        let mut all = Vec::new();
        let mut path = "/api/v1/devices?limit=10000".to_owned();
        loop {
            let page: DevicePage = self.get(&path)?;
            all.extend(page.devices.into_iter().filter(|it| !it.up));
            match page.next {
                Some(next) => path = format!("/api/v1/devices?limit=10000&after={}", encoded(&next)),
                None => return Ok(all),
            }
        }
    }
}

/// A value in a query.
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, octet| {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            out.push(char::from(octet));
        } else {
            let written = write!(out, "%{octet:02X}");
            debug_assert!(written.is_ok(), "a String takes everything");
        }
        out
    })
}

/// Where the configuration has it listen; from here, whatever address that is.
fn configured(config: &ConfigArguments) -> Result<String, Exit> {
    if !config.is_there() {
        return Ok(DEFAULT_URL.to_owned());
    }
    // What it may hold beside, a device's secret say, is none of our business.
    let loaded = Config::new(&config.config).secrets(Secrets::Optional).read().map_err(|mistakes| {
        eprint!("{}", render(&mistakes, target::colour()));
        Exit::Config
    })?;
    let http = loaded.settings.http;
    let mut listen = http.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let is_encrypted = http.web_config.is_some_and(|it| WebFile::load(&it).is_ok_and(|it| it.is_encrypted()));
    Ok(format!("{}://{listen}", if is_encrypted { "https" } else { "http" }))
}

/// How long ago or how long: two units, as people say it.
pub(super) fn span(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default().as_secs();
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{whole} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// A daemon on this host answers within milliseconds; over a tunnel it may take longer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A page of 10,000 devices has some 10 MB; what is longer does not end as JSON.
const BODY_OCTETS_MOST: usize = 64 << 20;
/// The default of `[http] listen`, from this host.
const DEFAULT_URL: &str = "http://127.0.0.1:10916";

#[cfg(test)]
mod tests {
    use super::{encoded, span};

    #[test]
    fn spans_are_short() {
        for (seconds, words) in [
            (0.4, "0 s"),
            (59.9, "59 s"),
            (60.0, "1 min"),
            (3600.0, "1 h 0 min"),
            (90_000.0, "1 d 1 h"),
            (-1.0, "0 s"),
            (f64::NAN, "0 s"),
        ] {
            assert_eq!(span(seconds), words);
        }
        assert_eq!(encoded("pdu a/1é"), "pdu%20a%2F1%C3%A9");
    }
}
