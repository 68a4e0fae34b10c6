//! What a reload changes: only that is planned anew.

use super::settings::Settings;
use crate::notify::settings::NotifySettings;
use crate::poller::settings::DeviceSettings;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// From one configuration to the next.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Difference {
    /// Devices that are new.
    pub added: Vec<DeviceSettings>,
    /// Devices whose settings changed, as they are now.
    pub changed: Vec<DeviceSettings>,
    /// Names of devices that are gone.
    pub removed: Vec<Arc<str>>,
    /// Whether Redfish services changed, came or went.
    pub services: bool,
    /// Whether a device hangs on another one than before.
    pub parents: bool,
    /// Whether any rule changed, came, went or moved.
    pub rules: bool,
    /// Whether paging changed: integrations, defaults, how we call ourselves.
    pub notify: bool,
    /// Whether inventory sources changed, came or went.
    pub inventories: bool,
    /// Whether profile folders changed. What lies in them may change without this.
    pub profiles: bool,
    /// What changed but counts only after a restart, in words.
    pub restart: Vec<String>,
}

impl Difference {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Difference {
    /// For the log: `devices: 1 added, 2 changed; rules changed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts =
            [(self.added.len(), "added"), (self.changed.len(), "changed"), (self.removed.len(), "removed")];
        let devices: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count != 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let mut parts = Vec::new();
        if !devices.is_empty() {
            parts.push(format!("devices: {}", devices.join(", ")));
        }
        let flags = [
            (self.parents, "parents"),
            (self.rules, "rules"),
            (self.notify, "paging"),
            (self.services, "Redfish services"),
            (self.inventories, "inventory"),
            (self.profiles, "profile folders"),
        ];
        parts.extend(flags.iter().filter(|(changed, _)| *changed).map(|(_, what)| format!("{what} changed")));
        parts.extend(self.restart.iter().cloned());
        f.write_str(if parts.is_empty() { "nothing changed" } else { "" })?;
        f.write_str(&parts.join("; "))
    }
}

impl Settings {
    /// What changes from `old` to `new`.
    #[must_use]
    pub fn difference(old: &Self, new: &Self) -> Difference {
        let before: HashMap<&str, &DeviceSettings> = old.devices.iter().map(|it| (&*it.name, it)).collect();
        let after: HashMap<&str, &DeviceSettings> = new.devices.iter().map(|it| (&*it.name, it)).collect();
        let is_new = |it: &&DeviceSettings| !before.contains_key(&*it.name);
        let is_other = |it: &&DeviceSettings| before.get(&*it.name).is_some_and(|old| old != it);
        let is_gone = |it: &&DeviceSettings| !after.contains_key(&*it.name);
        Difference {
            added: new.devices.iter().filter(is_new).cloned().collect(),
            changed: new.devices.iter().filter(is_other).cloned().collect(),
            removed: old.devices.iter().filter(is_gone).map(|it| Arc::clone(&it.name)).collect(),
            services: old.services != new.services,
            parents: old.parents != new.parents,
            rules: old.rules != new.rules,
            notify: notify_differs(&old.notify, &new.notify),
            inventories: old.inventories != new.inventories,
            profiles: old.profile_folders != new.profile_folders,
            restart: restart(old, new),
        }
    }
}

/// The folder is left out: it counts after a restart.
fn notify_differs(old: &NotifySettings, new: &NotifySettings) -> bool {
    *old != NotifySettings { state_folder: old.state_folder.clone(), ..new.clone() }
}

/// What cannot change under a running process.
fn restart(old: &Settings, new: &Settings) -> Vec<String> {
    let mut words = Vec::new();
    let mut note = |key: &str, before: String, after: String| {
        if before != after {
            words.push(format!("{key} changed from {before} to {after}: this counts after a restart"));
        }
    };
    note("[http] listen", old.http.listen.to_string(), new.http.listen.to_string());
    let listens = |it: &Settings| it.traps.listen.map_or_else(|| "nothing".to_owned(), |it| it.to_string());
    note("[traps] listen", listens(old), listens(new));
    note("[state] folder", old.state_folder.display().to_string(), new.state_folder.display().to_string());
    note("[log] level", old.log.level.name().to_owned(), new.log.level.name().to_owned());
    note(
        "[log] format",
        format!("{:?}", old.log.format).to_lowercase(),
        format!("{:?}", new.log.format).to_lowercase(),
    );
    words
}
