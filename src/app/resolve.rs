//! Names that move: device names in DNS are resolved at start, again by age, and soon after a failure.

use crate::poller::settings::DeviceSettings;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long an address counts; the resolver's own cache heeds the record's time to live.
const AGE_MAX: Duration = Duration::from_secs(300);
/// How soon a name without an address is tried again.
const RETRY: Duration = Duration::from_secs(15);
/// Names that are resolved at a time: the system's resolver blocks a thread for each.
const AT_A_TIME: usize = 16;

/// The address, if the host is one and needs no resolver.
pub(super) fn literal(device: &DeviceSettings) -> Option<SocketAddr> {
    device.host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, device.port))
}

/// The devices whose names are to be resolved.
#[derive(Debug, Default)]
pub(super) struct Names {
    wanted: Mutex<HashMap<Arc<str>, Arc<DeviceSettings>>>,
}

impl Names {
    /// Resolves these and no others, from the next round on.
    pub(super) fn replace<'a>(&self, devices: impl IntoIterator<Item = &'a Arc<DeviceSettings>>) {
        let by_name = devices
            .into_iter()
            .filter(|it| literal(it).is_none())
            .map(|it| (Arc::clone(&it.name), Arc::clone(it)))
            .collect();
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = by_name;
    }

    fn list(&self) -> Vec<Arc<DeviceSettings>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Resolves for ever; tells each device's address when it is new.
pub(super) async fn run(names: Arc<Names>, tell: impl Fn(&Arc<str>, SocketAddr) + Send) {
    let mut known: HashMap<Arc<str>, SocketAddr> = HashMap::new();
    loop {
        let mut failed = false;
        let wanted = names.list();
        known.retain(|name, _| wanted.iter().any(|it| it.name == *name));
        for few in wanted.chunks(AT_A_TIME) {
            let mut lookups = tokio::task::JoinSet::new();
            for device in few.iter().cloned() {
                lookups.spawn(async move {
                    let found = tokio::net::lookup_host((device.host.as_str(), device.port)).await;
                    let first = found.map(|mut it| it.next());
                    (device, first)
                });
            }
            while let Some(Ok((device, found))) = lookups.join_next().await {
                match found {
                    Ok(Some(address)) if known.get(&device.name) != Some(&address) => {
                        known.insert(Arc::clone(&device.name), address);
                        tell(&device.name, address);
                    }
                    Ok(Some(_)) => (),
                    Ok(None) | Err(_) => failed = true,
                }
            }
        }
        tokio::time::sleep(if failed || wanted.is_empty() { RETRY } else { AGE_MAX }).await;
    }
}
