//! The demo's configuration, written as a user would write it and loaded as the daemon loads it.

use crate::config::{Config, Settings, render};
use crate::simulator::room::RunningRoom;
use crate::snmp::wire::Version;
use anyhow::Context;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The starter rules that every package ships.
const STARTER_RULES: &str = include_str!("../../../packaging/examples/alerts.toml");
/// A made-up integration key of the right length.
const ROUTING_KEY: &str = "d0c0ffee00000000000000000000demo";

/// Writes the configuration and loads it.
pub(super) fn write(
    folder: &Path,
    room: &RunningRoom,
    events_url: &str,
    http: SocketAddr,
) -> anyhow::Result<Settings> {
    let main = format!(
        "[polling]\ninterval = \"2s\"\ntimeout = \"500ms\"\nretries = 2\nstart_spread = \"2s\"\n\n\
         [http]\nlisten = \"{http}\"\n\n[traps]\nlisten = \"127.0.0.1:0\"\n\n[state]\nfolder = \"{}\"\n\n[profiles]\nfolders = []\n\n\
         [credentials.default]\nversion = \"2c\"\ncommunity_file = \"{}\"\n\n\
         [credentials.v1]\nversion = \"1\"\ncommunity_file = \"{}\"\n\n\
         [integrations.demo]\ntype = \"pagerduty\"\nrouting_key_file = \"{}\"\nurl = \"{events_url}\"\n",
        folder.join("state").display(),
        folder.join("community").display(),
        folder.join("community").display(),
        folder.join("key").display(),
    );
    let conf_d = folder.join("conf.d");
    std::fs::create_dir_all(&conf_d)?;
    secret(&folder.join("community"), "public")?;
    secret(&folder.join("key"), ROUTING_KEY)?;
    let path = folder.join("rackwarden.toml");
    std::fs::write(&path, main)?;
    std::fs::write(conf_d.join("devices.toml"), devices(room)?)?;
    std::fs::write(conf_d.join("alerts.toml"), shortened(STARTER_RULES))?;
    match Config::load(&path) {
        Ok(loaded) => Ok(loaded.settings),
        Err(mistakes) => {
            anyhow::bail!("the demo's own configuration has mistakes:\n{}", render(&mistakes, false))
        }
    }
}

fn devices(room: &RunningRoom) -> anyhow::Result<String> {
    let mut text = String::new();
    for device in room.devices() {
        let labels: Vec<String> =
            device.labels.iter().map(|(name, value)| format!("{name} = \"{value}\"")).collect();
        write!(text, "[[devices]]\nname = \"{}\"\naddress = \"{}\"\n", device.name, device.address)?;
        if device.version == Version::V1 {
            text.push_str("credential = \"v1\"\n");
        }
        writeln!(text, "labels = {{ {} }}\n", labels.join(", "))?;
    }
    Ok(text)
}

/// The starter rules with a second in place of each `for`, so that the story fits into a minute.
fn shortened(rules: &str) -> String {
    let short =
        |line: &str| if line.starts_with("for = ") { "for = \"1s\"".to_owned() } else { line.to_owned() };
    rules.lines().map(short).collect::<Vec<_>>().join("\n")
}

fn secret(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(())
}
