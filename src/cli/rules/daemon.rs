//! Asking the daemon that runs: its API on this host, or wherever `--url` says.

use super::super::exit::Exit;
use crate::config::Settings;
use crate::recording::{self, Frame};
use serde_json::Value as Json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Where the daemon's API is.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct DaemonArguments {
    /// Where the daemon's API is; default: where the configuration has it listen, on this host
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// A daemon's API.
pub(super) struct Daemon {
    base: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// It is on this host, or near.
const TIMEOUT: Duration = Duration::from_secs(5);
/// An answer about 1,000 devices has some 50 MB at most.
const ANSWER_OCTETS_MAX: usize = 256 << 20;
/// Devices in one answer.
const PAGE: usize = 200;

impl DaemonArguments {
    /// Whether nobody has said where it is.
    pub(super) fn is_silent(&self, has_settings: bool) -> bool {
        self.url.is_none() && !has_settings
    }

    /// The API, without asking it anything yet.
    pub(super) fn open(&self, settings: Option<&Settings>) -> Result<Daemon, Exit> {
        let base = match (&self.url, settings) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, Some(settings)) => {
                let mut address = settings.http.listen;
                if address.ip().is_unspecified() {
                    let loopback = match address.ip() {
                        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
                    };
                    address.set_ip(loopback);
                }
                format!("http://{address}")
            }
            (None, None) => {
                eprintln!("rackwarden: without a configuration, say with --url where the daemon's API is");
                return Err(Exit::Usage);
            }
        };
        let runtime = super::runtime()?;
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| {
                eprintln!("rackwarden: {error}");
                Exit::Failed
            })?;
        Ok(Daemon { base, client, runtime })
    }
}

impl Daemon {
    /// Where it is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    fn get(&self, path: &str, pairs: &[(&str, &str)]) -> Result<Vec<u8>, String> {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.base), pairs)
            .map_err(|error| format!("{}: {error}", self.base))?;
        self.runtime.block_on(async {
            let mut answer = self.client.get(url).send().await.map_err(|error| words(&error))?;
            let status = answer.status();
            let mut octets = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(|error| words(&error))? {
                if ANSWER_OCTETS_MAX < octets.len() + chunk.len() {
                    return Err("its answer is too large".to_owned());
                }
                octets.extend_from_slice(&chunk);
            }
            if status.is_success() { Ok(octets) } else { Err(format!("it answers {status}")) }
        })
    }

    /// A JSON answer.
    pub(super) fn json(&self, path: &str, pairs: &[(&str, &str)]) -> Result<Json, String> {
        let octets = self.get(path, pairs)?;
        serde_json::from_slice(&octets).map_err(|error| format!("its answer is no JSON: {error}"))
    }

    /// The last polls of all devices and inventories, or of one.
    pub(super) fn frames(&self, device: Option<&str>) -> Result<Vec<Frame>, String> {
        let mut frames: Vec<Frame> = Vec::new();
        let limit = PAGE.to_string();
        let mut after = String::new();
        loop {
            let mut pairs = vec![("limit", limit.as_str())];
            if let Some(device) = device {
                pairs.push(("device", device));
            }
            if !after.is_empty() {
                pairs.push(("after", after.as_str()));
            }
            let octets = self.get("/api/v1/recording", &pairs)?;
            let page = recording::read(&*octets).map_err(|error| error.to_string())?;
            let Some(last) = page.iter().map(|it| it.source.device.to_string()).max() else {
                return Ok(frames);
            };
            let is_stuck = last <= after;
            frames.extend(page);
            if is_stuck || device.is_some() {
                return Ok(frames);
            }
            after = last;
        }
    }

    /// Says that it does not answer, and what to do then.
    pub(super) fn unreachable(&self, why: &str) -> Exit {
        eprintln!("rackwarden: the daemon's API at {} cannot be asked: {why}", self.base);
        Exit::Failed
    }
}

fn words(error: &reqwest::Error) -> String {
    if error.is_connect() {
        "nothing answers there; does the daemon run?".to_owned()
    } else if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        error.to_string()
    }
}
