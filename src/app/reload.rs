//! Reload by difference: only what changed is planned anew; a configuration with mistakes changes
//! nothing.

use super::daemon::{Daemon, digest};
use super::watch::Watch;
use crate::config::{Difference, Settings};
use crate::poller::Command;
use crate::profile::ProfileSet;
use crate::telemetry::{config as events, snmp as snmp_events};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Daemon {
    /// Brings other settings into force.
    pub fn reload(&mut self, settings: Settings, profiles: Arc<ProfileSet>) {
        let difference = Settings::difference(&self.settings, &settings);
        let Difference { rules, parents, services, changed, added, removed, .. } = &difference;
        let devices = *services || !changed.is_empty() || !added.is_empty() || !removed.is_empty();
        self.settings = settings;
        self.access.reload(self.settings.http.web_config.as_deref());
        if *rules || *parents || devices {
            self.watch_anew();
            self.inventories.judge_anew();
        }
        if difference.notify {
            self.shared.outbox.reload(&self.settings.notify);
            self.beat(&tokio::runtime::Handle::current());
        }
        // Before the devices: one that is added is then learnt by the new ones.
        let digest = digest(&self.settings.profile_folders);
        if difference.profiles || digest != self.profiles_digest {
            self.profiles = profiles;
            self.profiles_digest = digest;
            for shard in self.shards.iter() {
                shard.send(Command::Profiles(Arc::clone(&self.profiles)));
            }
        }
        self.reload_devices(&difference);
        if difference.services {
            self.services.replace(&self.settings.services);
        }
        if difference.inventories {
            self.inventories.replace(&self.settings.inventories);
        }
        for what in &difference.restart {
            events::needs_restart(what);
        }
        let Difference { added, changed, removed, .. } = &difference;
        events::reloaded(added.len(), changed.len(), removed.len());
        self.shared.outbox.tell_change(&format!("configuration reloaded: {difference}"));
    }

    /// Brings other rules, groups or links into force. Devices are bound to them at their next poll.
    fn watch_anew(&self) {
        let (before, now) = (self.shared.watch.load_full(), self.clock.now());
        let watch = Watch::new(&self.settings, Some(&before), now);
        let count = self.settings.devices.len() + self.settings.inventories.len();
        self.shared.sources.store(count, Ordering::Release);
        watch.groups.succeed(&watch.ruleset, &before.groups, &before.ruleset, &self.shared, now);
        self.shared.watch.store(Arc::new(watch));
    }

    fn reload_devices(&self, difference: &Difference) {
        for name in &difference.removed {
            self.remove(name);
        }
        for device in difference.added.iter().chain(&difference.changed) {
            self.add(&Arc::new(device.clone()));
        }
        let devices: Vec<_> = self.settings.devices.iter().cloned().map(Arc::new).collect();
        self.names.replace(&devices);
        if let Some(traps) = &self.traps {
            traps.configure(&self.settings.traps, &self.settings.devices);
        }
        snmp_events::devices_changed(devices.len() + self.settings.services.len());
    }
}
