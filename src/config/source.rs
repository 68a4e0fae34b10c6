//! Finds and reads what a configuration is made of: the main file, conf.d/*.toml and devices.d/*.toml in
//! name order, and the RACKWARDEN_* variables.

use super::environment::{Environment, Override};
use super::limits::{ALL_BYTES_MOST, FILE_BYTES_MOST, FILES_MOST, VARIABLES_MOST};
use super::report::{Place, Report};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SourceName {
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

impl SourceName {
    /// The file, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Variable(_) => None,
        }
    }
}

impl fmt::Display for SourceName {
    /// A path, or `$NAME`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "${name}"),
        }
    }
}

/// One text, in the order of reading: later ones win.
#[derive(Debug)]
pub(super) struct Source {
    /// Where it comes from.
    pub(super) name: SourceName,
    /// The text; empty if it could not be read.
    pub(super) text: String,
}

/// Reads everything. What cannot be read is reported, and the rest goes on.
pub(super) fn gather(main: &Path, environment: &Environment, report: &mut Report) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut left = ALL_BYTES_MOST;
    for (at, path) in files(main, report).into_iter().enumerate() {
        let text = read(&path, left).unwrap_or_else(|refusal| {
            let finding = report.mistake(Place::whole(at), chain(&refusal));
            if at == 0 && matches!(&refusal, Refusal::Unreadable(it) if it.kind() == std::io::ErrorKind::NotFound) {
                finding.help("name another file with --config, or copy the commented default, packaging/rackwarden.toml");
            }
            if matches!(&refusal, Refusal::Unreadable(it) if it.kind() == std::io::ErrorKind::PermissionDenied) {
                finding.help("files with secrets are for root and the group rackwarden: try sudo");
            }
            report.breaks(at, 0);
            String::new()
        });
        left = left.saturating_sub(text.len() as u64);
        sources.push(Source { name: SourceName::File(path), text });
    }
    for (count, Override { variable, value }) in environment.overrides().into_iter().enumerate() {
        let at = sources.len();
        if VARIABLES_MOST <= count {
            let message = format!("{VARIABLES_MOST} variables are read at most; write the rest into a file");
            report.mistake(Place::whole(0), message);
            break;
        }
        let text = value.into_string().unwrap_or_else(|_| {
            report.mistake(Place::whole(at), "the value is no UTF-8 text");
            String::new()
        });
        sources.push(Source { name: SourceName::Variable(variable), text });
    }
    sources
}

/// The main file, then those beside it in conf.d, then those in devices.d.
fn files(main: &Path, report: &mut Report) -> Vec<PathBuf> {
    let mut files = vec![main.to_owned()];
    for folder in FOLDERS {
        files_in(main, folder, &mut files, report);
    }
    files
}

fn files_in(main: &Path, name: &str, files: &mut Vec<PathBuf>, report: &mut Report) {
    let folder = main.parent().unwrap_or_else(|| Path::new("")).join(name);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            let message = format!("the folder {} beside it cannot be read: {error}", folder.display());
            report.mistake(Place::whole(0), message);
            report.incomplete();
            return;
        }
    };
    let mut more: Vec<PathBuf> =
        entries.filter_map(|it| it.ok().map(|it| it.path())).filter(|it| is_ours(it)).collect();
    more.sort();
    if FILES_MOST < more.len() {
        report.mistake(
            Place::whole(files.len() + FILES_MOST - 1),
            format!("this is one of {} files in {name}; {FILES_MOST} are read at most", more.len()),
        );
        more.truncate(FILES_MOST);
    }
    files.extend(more);
}

/// Whether it is a file for us: `NAME.toml`, not hidden (editors' backups and locks are).
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".toml") && !name.starts_with(['.', '#'])
}

/// Why a file's text is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The system says no.
    #[error("the file cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// A folder, a pipe, a device.
    #[error("this is no regular file")]
    NotAFile,
    /// Over [`FILE_BYTES_MOST`] or what is left of [`ALL_BYTES_MOST`].
    #[error("the file is too large: {} MiB are read of one file, {} MiB of all", FILE_BYTES_MOST >> 20, ALL_BYTES_MOST >> 20)]
    TooLarge,
    /// Not UTF-8.
    #[error("the file is no UTF-8 text: the first wrong byte is in line {line}")]
    NotText {
        /// The line of the first wrong byte, from 1.
        line: usize,
    },
}

/// The text of a file of at most `left` bytes.
pub(super) fn read(path: &Path, left: u64) -> Result<String, Refusal> {
    let limit = left.min(FILE_BYTES_MOST);
    // Asked before opening: opening a pipe would wait for its other end.
    if !std::fs::metadata(path).map_err(Refusal::Unreadable)?.is_file() {
        return Err(Refusal::NotAFile);
    }
    let file = std::fs::File::open(path).map_err(Refusal::Unreadable)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(Refusal::Unreadable)?;
    if limit < bytes.len() as u64 {
        return Err(Refusal::TooLarge);
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        Refusal::NotText { line: 1 + good.iter().filter(|&&it| it == b'\n').count() }
    })
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |it| it.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// The folders beside the main file, in the order in which they are read: what people write, then what
/// `discover` and `import` write.
const FOLDERS: [&str; 2] = ["conf.d", "devices.d"];
