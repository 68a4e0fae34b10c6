//! Names that move: device names in DNS are resolved at start, again by age, and soon after a failure.

use crate::poller::settings::DeviceSettings;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

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
    /// Told of each replacement.
    changed: Notify,
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
        self.changed.notify_one();
    }

    fn list(&self) -> Vec<Arc<DeviceSettings>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Resolves for ever; tells each device's address when it is new, and once more after each replacement,
/// for devices that were planned anew meanwhile. `None`: the resolver knows no address.
pub(super) async fn run(names: Arc<Names>, tell: impl Fn(&Arc<str>, Option<SocketAddr>) + Send) {
    let mut known: HashMap<Arc<str>, Option<SocketAddr>> = HashMap::new();
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
                let address = found.ok().flatten();
                failed |= address.is_none();
                // A name that cannot be resolved any more keeps its last address.
                let lost = address.is_none() && known.get(&device.name).is_some_and(Option::is_some);
                if !lost && known.get(&device.name) != Some(&address) {
                    known.insert(Arc::clone(&device.name), address);
                    tell(&device.name, address);
                }
            }
        }
        let pause = if failed { RETRY } else { AGE_MAX };
        tokio::select! {
            () = tokio::time::sleep(pause) => (),
            () = names.changed.notified() => known.clear(),
        }
    }
}
