//! How far a search has come, on disk: a line a step, so that one that was stopped goes on where it was.
//!
//! Holds no secret: credentials by their places and names. A last line that was cut off is left out.

use super::super::fleet::Found;
use super::sweep::Answered;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// What is searched: another search does not go on from here.
    Search { version: u32, what: String },
    /// So many addresses have been asked.
    Swept { addresses: usize },
    /// One of them answered.
    Answered { address: IpAddr, credentials: Vec<usize>, speaks_v3: bool },
    /// One was read.
    Read { device: Box<Found> },
}

/// The state of a search.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// How many addresses have been asked.
    pub(super) swept: usize,
    /// Who answered.
    pub(super) answered: BTreeMap<IpAddr, Answered>,
    /// What was read.
    pub(super) read: BTreeMap<String, Found>,
    file: Option<File>,
}

/// Why a search cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    /// It is of another search.
    #[error("it is of another search ({0}): name another file, or delete it")]
    Other(String),
    /// It is none of ours.
    #[error("it is no state of a search")]
    Foreign,
    /// The system says no.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Progress {
    /// Of a search that leaves nothing behind, or goes on with what is in `file`.
    pub(super) fn open(file: Option<&Path>, what: &str) -> Result<Self, StateError> {
        let mut progress = Self::default();
        let Some(path) = file else { return Ok(progress) };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let lines: Vec<Line> = text.lines().map_while(|it| serde_json::from_str(it).ok()).collect();
        match lines.first() {
            Some(Line::Search { version: VERSION, what: before }) if before == what => (),
            Some(Line::Search { what: before, .. }) => return Err(StateError::Other(before.clone())),
            Some(_) => return Err(StateError::Foreign),
            None if !text.trim().is_empty() => return Err(StateError::Foreign),
            None => (),
        }
        let is_new = lines.is_empty();
        for line in lines {
            progress.take(line);
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            // The line that was cut off ends here.
            file.write_all(b"\n")?;
        }
        progress.file = Some(file);
        if is_new {
            progress.note(&Line::Search { version: VERSION, what: what.to_owned() })?;
        }
        Ok(progress)
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Search { .. } => (),
            Line::Swept { addresses } => self.swept = addresses,
            Line::Answered { address, credentials, speaks_v3 } => {
                self.answered.insert(address, Answered { credentials, speaks_v3 });
            }
            Line::Read { device } => _ = self.read.insert(device.address.clone(), *device),
        }
    }

    /// Some more addresses were asked, and these answered.
    pub(super) fn swept(
        &mut self,
        addresses: usize,
        answered: BTreeMap<IpAddr, Answered>,
    ) -> std::io::Result<()> {
        for (address, it) in answered {
            self.note(&Line::Answered {
                address,
                credentials: it.credentials.clone(),
                speaks_v3: it.speaks_v3,
            })?;
            self.answered.insert(address, it);
        }
        self.swept = addresses;
        self.note(&Line::Swept { addresses })
    }

    /// One was read.
    pub(super) fn read(&mut self, device: Found) -> std::io::Result<()> {
        self.note(&Line::Read { device: Box::new(device.clone()) })?;
        self.read.insert(device.address.clone(), device);
        Ok(())
    }

    fn note(&mut self, line: &Line) -> std::io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        file.write_all(text.as_bytes())
    }
}

/// The version of the file; another one is another search.
const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::{Progress, StateError};
    use crate::cli::discover::sweep::Answered;
    use crate::cli::fleet::Found;

    #[test]
    fn a_search_goes_on_where_it_was_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut progress = Progress::open(Some(&path), "10.0.0.0/30").unwrap();
        let answered = Answered { credentials: vec![0], speaks_v3: true };
        progress.swept(2, [("10.0.0.1".parse().unwrap(), answered.clone())].into_iter().collect()).unwrap();
        progress.read(Found { address: "10.0.0.1".to_owned(), ..Found::default() }).unwrap();
        drop(progress);
        // Cut off in the middle of a line.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{{\"swept\":{{\"addr")).unwrap();
        let progress = Progress::open(Some(&path), "10.0.0.0/30").unwrap();
        assert_eq!((progress.swept, progress.read.len()), (2, 1));
        assert_eq!(progress.answered.values().collect::<Vec<_>>(), [&answered]);
        assert!(matches!(Progress::open(Some(&path), "10.0.0.0/8"), Err(StateError::Other(_))));
        std::fs::write(&path, "notes of mine\n").unwrap();
        assert!(matches!(Progress::open(Some(&path), "10.0.0.0/30"), Err(StateError::Foreign)));
    }
}
