//! Who speaks Redfish: `GET /redfish/v1/`, which a service answers without a login (DSP0266 section 6.5).
//!
//! Nothing secret is sent, so certificates are not looked at: those of new devices are self-signed.

use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A Redfish service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) address: SocketAddr,
    /// Vendor, product and version, as far as it says.
    pub(super) about: String,
    /// Its UUID: the same at two addresses is one device twice.
    pub(super) uuid: String,
}

/// The part of a ServiceRoot that is of use here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Root {
    redfish_version: String,
    vendor: Option<String>,
    product: Option<String>,
    #[serde(rename = "UUID")]
    uuid: Option<String>,
}

/// Asks all of them, some at a time.
pub(super) fn find(
    addresses: &[IpAddr],
    port: u16,
    timeout: Duration,
    step: &dyn Fn(),
) -> anyhow::Result<Vec<Service>> {
    let client = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(timeout)
        .timeout(timeout * 3)
        .no_proxy()
        .build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ask = |address: IpAddr| {
        let client = client.clone();
        async move { ask(&client, SocketAddr::new(address, port)).await }
    };
    let found = runtime.block_on(each(addresses, AT_A_TIME, ask, step));
    Ok(found.into_iter().flatten().collect())
}

async fn ask(client: &reqwest::Client, address: SocketAddr) -> Option<Service> {
    let answer = client.get(format!("https://{address}/redfish/v1/")).send().await.ok()?;
    if !answer.status().is_success() || answer.content_length().is_some_and(|it| ROOT_OCTETS_MOST < it) {
        return None;
    }
    let mut answer = answer;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if ROOT_OCTETS_MOST < body.len() as u64 {
            return None;
        }
    }
    let root: Root = serde_json::from_slice(&body).ok()?;
    let version = format!("Redfish {}", root.redfish_version);
    let about =
        [root.vendor, root.product, Some(version)].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let about = about.chars().filter(|it| !it.is_control()).take(ABOUT_CHARS_MOST).collect();
    Some(Service { address, about, uuid: root.uuid.unwrap_or_default() })
}

/// What comes of each, some at a time; the order is that of their ends.
async fn each<I: Copy, T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    list: &[I],
    at_a_time: usize,
    of: impl Fn(I) -> F,
    step: &dyn Fn(),
) -> Vec<T> {
    let mut running = tokio::task::JoinSet::new();
    let mut all = Vec::new();
    for item in list {
        if at_a_time <= running.len()
            && let Some(Ok(done)) = running.join_next().await
        {
            step();
            all.push(done);
        }
        running.spawn(of(*item));
    }
    while let Some(done) = running.join_next().await {
        step();
        all.extend(done.ok());
    }
    all
}

/// Each holds a socket; a small device has few of its own, but these are all different ones.
const AT_A_TIME: usize = 64;
/// A service root has some 2 kB.
const ROOT_OCTETS_MOST: u64 = 64 << 10;
/// It is shown in a line.
const ABOUT_CHARS_MOST: usize = 100;
