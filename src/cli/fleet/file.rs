//! Files in devices.d that `discover` and `import` write, and write again.
//!
//! Invariants: a file that a person wrote, or changed after we wrote it, is never overwritten: the first line of
//! ours says who wrote it and carries a checksum of the rest. A file is replaced whole (written beside, then
//! renamed), and taken back if the configuration has mistakes with it.

use super::{Found, SNMP_PORT};
use crate::config::{Config, Secrets, render};
use crate::model::Diagnostic;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Why a file is not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// It is not ours.
    #[error("{0} was not written by rackwarden: it stays as it is. Choose another name")]
    NotOurs(PathBuf),
    /// It was ours, and somebody has changed it.
    #[error(
        "{0} was changed by hand since it was written: it stays as it is. Choose another name, or rename it to keep it"
    )]
    Changed(PathBuf),
    /// The system says no.
    #[error("{path} cannot be written: {error}")]
    Failed {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The configuration would not hold.
    #[error("the configuration would have mistakes with {path}, so it was not written:\n{mistakes}")]
    Mistakes {
        /// The file.
        path: PathBuf,
        /// What would be wrong.
        mistakes: String,
    },
}

/// The file of that name in devices.d beside the configuration.
pub(crate) fn path(main: &Path, name: &str) -> PathBuf {
    let name = super::plain_name(name.strip_suffix(".toml").unwrap_or(name));
    main.parent().unwrap_or_else(|| Path::new("")).join("devices.d").join(format!("{name}.toml"))
}

/// The devices as TOML, with a first line that tells it as ours. `left_out` become comments, each with why.
pub(crate) fn text(writer: &str, devices: &[&Found], left_out: &[(&Found, String)]) -> String {
    let mut body = String::from(
        "# It is written anew as a whole, as long as nobody changes it: put what you add into another file.\n",
    );
    for device in devices {
        body.push('\n');
        body.push_str(&table(device));
    }
    for (device, why) in left_out {
        add(&mut body, format_args!("\n# Left out: {}\n", why.replace('\n', " ")));
        body.extend(table(device).lines().flat_map(|it| ["#", it, "\n"]));
    }
    format!("{}{writer}, checksum {:08x}\n{body}", FIRST, crc32fast::hash(body.as_bytes()))
}

fn table(device: &Found) -> String {
    let mut table = toml::Table::new();
    table.insert("name".to_owned(), device.name.clone().into());
    table.insert("address".to_owned(), device.address.clone().into());
    if let Some(port) = device.port.filter(|it| *it != SNMP_PORT) {
        table.insert("port".to_owned(), i64::from(port).into());
    }
    if let Some(credential) = device.credential.as_ref().filter(|it| *it != "default") {
        table.insert("credential".to_owned(), credential.clone().into());
    }
    let about: Vec<&str> = [&device.product, &device.serial, &device.note]
        .into_iter()
        .map(String::as_str)
        .filter(|it| !it.is_empty())
        .collect();
    let mut text = String::new();
    if !about.is_empty() {
        add(&mut text, format_args!("# {}\n", about.join(", ").replace(char::is_control, " ")));
    }
    text.push_str("[[devices]]\n");
    // In the order that people write: name first.
    for key in ["name", "address", "port", "credential"] {
        if let Some(value) = table.get(key) {
            add(&mut text, format_args!("{key} = {value}\n"));
        }
    }
    if !device.labels.is_empty() {
        let labels: Vec<String> = device
            .labels
            .iter()
            .map(|(name, value)| format!("{name} = {}", toml::Value::from(value.as_str())))
            .collect();
        add(&mut text, format_args!("labels = {{ {} }}\n", labels.join(", ")));
    }
    text
}

fn add(text: &mut String, part: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(part);
    debug_assert!(written.is_ok(), "a String takes everything");
}

/// What one of our files holds now, by the devices' names; nothing if there is none.
pub(crate) fn present(path: &Path) -> BTreeMap<String, toml::Table> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let Ok(toml::Value::Array(devices)) = toml::from_str::<toml::Table>(&text)
        .map(|mut it| it.remove("devices").unwrap_or(toml::Value::Boolean(false)))
    else {
        return BTreeMap::new();
    };
    let named = |it: toml::Value| match it {
        toml::Value::Table(table) => Some((table.get("name")?.as_str()?.to_owned(), table)),
        _ => None,
    };
    devices.into_iter().filter_map(named).collect()
}

/// Writes the file, if it is ours to write and the configuration holds with it.
pub(crate) fn write(main: &Path, path: &Path, text: &str) -> Result<(), Refusal> {
    let before = match std::fs::read_to_string(path) {
        Ok(before) => Some(before),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Refusal::Failed { path: path.to_owned(), error }),
    };
    if let Some(before) = &before {
        whose(before, path)?;
    }
    let failed = |error| Refusal::Failed { path: path.to_owned(), error };
    replace(path, text).map_err(failed)?;
    let Err(mistakes) = check(main) else { return Ok(()) };
    match &before {
        Some(before) => replace(path, before).map_err(failed)?,
        None => std::fs::remove_file(path).map_err(failed)?,
    }
    // What was wrong before is not of this file's making, but whoever reads this must mend it first.
    Err(Refusal::Mistakes { path: path.to_owned(), mistakes: render(&mistakes, false) })
}

fn check(main: &Path) -> Result<(), Vec<Diagnostic>> {
    Config::new(main).secrets(Secrets::Optional).read().map(drop)
}

/// Whether a text is one that we wrote and nobody changed.
fn whose(text: &str, path: &Path) -> Result<(), Refusal> {
    let (first, body) = text.split_once('\n').unwrap_or((text, ""));
    let Some(checksum) = first.strip_prefix(FIRST).and_then(|it| it.rsplit(' ').next()) else {
        return Err(Refusal::NotOurs(path.to_owned()));
    };
    let same = u32::from_str_radix(checksum, 16).is_ok_and(|it| it == crc32fast::hash(body.as_bytes()));
    if same { Ok(()) } else { Err(Refusal::Changed(path.to_owned())) }
}

/// Written beside it and renamed: whoever reads sees the one or the other.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut beside = tempfile::Builder::new().prefix(".rackwarden").tempfile_in(folder)?;
    beside.write_all(text.as_bytes())?;
    beside.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    beside.as_file().sync_all()?;
    beside.persist(path).map(drop).map_err(|it| it.error)
}

/// What the first line of our files begins with.
const FIRST: &str = "# Written by rackwarden ";

#[cfg(test)]
mod tests {
    use super::{Refusal, path, present, text, write};
    use crate::cli::fleet::Found;

    fn device(name: &str, address: &str) -> Found {
        Found { name: name.to_owned(), address: address.to_owned(), ..Found::default() }
    }

    #[test]
    fn a_persons_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("rackwarden.toml");
        std::fs::write(&main, "[credentials.default]\ncommunity = \"x\"\n").unwrap();
        let file = path(&main, "discovered");
        assert_eq!(file, folder.path().join("devices.d/discovered.toml"));
        let labelled = Found {
            labels: [("rack".to_owned(), "A \"1\"".to_owned())].into_iter().collect(),
            product: "APC AP8959".to_owned(),
            ..device("a", "10.0.0.1")
        };
        let first = text("discover", &[&labelled], &[(&device("b", "10.0.0.2"), "the same".to_owned())]);
        write(&main, &file, &first).unwrap();
        assert_eq!(present(&file).keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(present(&file)["a"]["labels"]["rack"].as_str(), Some("A \"1\""));
        // Ours and unchanged: written anew.
        write(&main, &file, &text("discover", &[&device("c", "10.0.0.3")], &[])).unwrap();
        assert_eq!(present(&file).keys().collect::<Vec<_>>(), ["c"]);
        // Changed by hand, or a person's own.
        let changed = std::fs::read_to_string(&file).unwrap().replace("10.0.0.3", "10.0.0.4");
        std::fs::write(&file, &changed).unwrap();
        assert!(matches!(write(&main, &file, &first), Err(Refusal::Changed(_))));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), changed);
        std::fs::write(&file, "# mine\n").unwrap();
        assert!(matches!(write(&main, &file, &first), Err(Refusal::NotOurs(_))));
    }

    #[test]
    fn what_the_configuration_refuses_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("rackwarden.toml");
        std::fs::write(
            &main,
            "[credentials.default]\ncommunity = \"x\"\n[[devices]]\nname = \"a\"\naddress = \"h\"\n",
        )
        .unwrap();
        let file = path(&main, "discovered");
        let refused = write(&main, &file, &text("discover", &[&device("a", "10.0.0.1")], &[]));
        assert!(
            matches!(&refused, Err(Refusal::Mistakes { mistakes, .. }) if mistakes.contains("a")),
            "{refused:?}"
        );
        assert!(!file.exists());
    }
}
