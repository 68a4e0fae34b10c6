//! One poll of each of some devices, or one snapshot of inventories, by hand; and what is set in devices.

use super::super::exit::Exit;
use crate::config::Settings;
use crate::inventory::{Collector, Keeper};
use crate::model::{ComponentKind, Quantity, SystemClock};
use crate::poller::Outcome;
use crate::poller::once::{self, Target};
use crate::profile::{DeviceThresholds, Plan, ProfileSet};
use crate::recording::Frame;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Devices that a person waits for.
const POLLED_MAX: usize = 50;

/// Which reading of a device: its component and quantity. (Of readings with names none is proposed for.)
pub(super) type Key = (ComponentKind, Quantity, Arc<str>);

/// What is set in devices, by their names.
pub(super) type OwnThresholds = BTreeMap<Arc<str>, BTreeMap<Key, DeviceThresholds>>;

/// One poll of each device that is wanted. Those without an address are told and left out.
pub(super) fn poll(
    settings: &Settings,
    profiles: &Arc<ProfileSet>,
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<Outcome> {
    let devices: Vec<_> = settings.devices.iter().filter(|it| wanted(&it.name)).collect();
    if POLLED_MAX < devices.len() {
        eprintln!("rackwarden: of {} devices the first {POLLED_MAX} are polled; name one", devices.len());
    }
    let clock = SystemClock::new();
    let mut outcomes = Vec::new();
    for device in devices.into_iter().take(POLLED_MAX) {
        match once::resolve(&device.host, device.port) {
            Ok(address) => {
                let target = Target {
                    address,
                    credential: device.credential.clone(),
                    timeout: device.timeout,
                    retries: device.retries,
                };
                let settings = Arc::new(device.clone());
                outcomes.push(once::poll(&target, settings, Arc::clone(profiles), clock));
            }
            Err(error) => eprintln!("rackwarden: {}: {error}", device.name),
        }
    }
    outcomes
}

/// What is set in a device for its readings, as its plan found it.
pub(super) fn thresholds_of(plan: &Plan) -> BTreeMap<Key, DeviceThresholds> {
    let own = plan.device_thresholds().iter().filter_map(|(at, thresholds)| {
        let reading = plan.shape.readings.get(*at).filter(|it| it.name.is_empty())?;
        let component = plan.shape.component_of(reading)?;
        Some(((component.kind, reading.quantity, Arc::clone(&component.index)), *thresholds))
    });
    own.collect()
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
