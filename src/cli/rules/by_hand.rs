//! One poll of each of some devices, or one snapshot of inventories, by hand; and what is set in devices.

use super::super::exit::Exit;
use crate::config::Settings;
use crate::inventory::{Collector, Keeper};
use crate::model::{ComponentKind, Quantity, Shape, SystemClock};
use crate::poller::once::{self, Target};
use crate::poller::settings::DeviceSettings;
use crate::profile::{DeviceThresholds, Plan, ProfileSet};
use crate::recording::Frame;
use crate::redfish::kinds::Kinds;
use crate::redfish::{OwnLevels, Service, ServiceSettings};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Devices that a person waits for.
const POLLED_MAX: usize = 50;

/// Which reading of a device: its component and quantity. (Of readings with names none is proposed for.)
pub(super) type Key = (ComponentKind, Quantity, Arc<str>);

/// What is set in devices, by their names.
pub(super) type OwnThresholds = BTreeMap<Arc<str>, BTreeMap<Key, DeviceThresholds>>;

/// One poll of a device.
pub(super) struct Polled {
    pub(super) frame: Frame,
    /// What is set in it; empty unless the profiles ask for it.
    pub(super) own: BTreeMap<Key, DeviceThresholds>,
}

/// One poll of each device that is wanted. Those without an address are told and left out.
pub(super) fn poll(
    settings: &Settings,
    profiles: &Arc<ProfileSet>,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<Polled>, Exit> {
    let count = settings.polled().filter(|it| wanted(it.name)).count();
    if POLLED_MAX < count {
        eprintln!("rackwarden: of {count} devices the first {POLLED_MAX} are polled; name one");
    }
    let mut polls = Vec::new();
    for device in settings.devices.iter().filter(|it| wanted(&it.name)).take(POLLED_MAX) {
        polls.extend(agent(device, profiles));
    }
    let left = POLLED_MAX.saturating_sub(polls.len());
    for settings in settings.services.iter().filter(|it| wanted(&it.name)).take(left) {
        polls.push(service(settings)?);
    }
    Ok(polls)
}

fn agent(device: &DeviceSettings, profiles: &Arc<ProfileSet>) -> Option<Polled> {
    let address = match once::resolve(&device.host, device.port) {
        Ok(address) => address,
        Err(error) => {
            eprintln!("rackwarden: {}: {error}", device.name);
            return None;
        }
    };
    let target = Target {
        address,
        credential: device.credential.clone(),
        timeout: device.timeout,
        retries: device.retries,
    };
    let outcome = once::poll(&target, Arc::new(device.clone()), Arc::clone(profiles), SystemClock::new());
    let own = outcome.ready.as_ref().map(|it| thresholds_of(&it.plan)).unwrap_or_default();
    Some(Polled { frame: Frame::of(&outcome.batch), own })
}

/// A Redfish service tells its thresholds with its sensors.
fn service(settings: &ServiceSettings) -> Result<Polled, Exit> {
    let (pool, kinds) = (Arc::default(), Arc::new(Kinds::default()));
    let mut service = Service::new(Arc::new(settings.clone()), pool, kinds, SystemClock::new());
    let batch = super::runtime()?.block_on(async {
        let polled = tokio::select! {
            polled = service.poll() => Some(polled),
            () = crate::cli::until_stopped(None) => None,
        };
        service.close().await;
        polled.map(|it| it.batch)
    });
    let batch = batch.ok_or(Exit::Failed)?;
    let mut own = BTreeMap::<Key, DeviceThresholds>::new();
    let thresholds = service.plan().map(|it| Arc::clone(&it.thresholds)).unwrap_or_default();
    for reading in thresholds.iter().map(|it| it.reading) {
        let key = key(&batch.shape, reading);
        if let (Some(key), Some(levels)) = (key, OwnLevels::of(&thresholds, reading)) {
            let OwnLevels { low_critical, low_warning, high_warning, high_critical } = levels;
            own.insert(key, DeviceThresholds { low_critical, low_warning, high_warning, high_critical });
        }
    }
    Ok(Polled { frame: Frame::of(&batch), own })
}

/// Of a reading without a name.
fn key(shape: &Shape, reading: usize) -> Option<Key> {
    let reading = shape.readings.get(reading).filter(|it| it.name.is_empty())?;
    let component = shape.component_of(reading)?;
    Some((component.kind, reading.quantity, Arc::clone(&component.index)))
}

/// What is set in a device for its readings, as its plan found it.
pub(super) fn thresholds_of(plan: &Plan) -> BTreeMap<Key, DeviceThresholds> {
    let own = plan.device_thresholds().iter();
    own.filter_map(|(at, thresholds)| Some((key(&plan.shape, *at)?, *thresholds))).collect()
}

/// One snapshot of each inventory source that is wanted. A failed one is a frame too.
pub(super) fn snapshots(settings: &Settings, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Frame>, Exit> {
    let runtime = super::runtime()?;
    let clock = SystemClock::new();
    let mut frames = Vec::new();
    for source in settings.inventories.iter().filter(|it| wanted(&it.name)) {
        let begun = clock.now();
        let taken = runtime.block_on(async { Collector::new(source)?.take(begun.unix).await });
        let (now, mut keeper) = (clock.now(), Keeper::new(source.source()));
        let duration = now.moment.since(begun.moment);
        let batch = match &taken {
            Ok(snapshot) => keeper.taken(snapshot, now, duration),
            Err(failure) => {
                eprintln!("rackwarden: {}: no snapshot: {failure}", source.name);
                keeper.failed(failure, now, duration)
            }
        };
        frames.push(Frame::of(&batch));
    }
    Ok(frames)
}
