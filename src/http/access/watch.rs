//! Whether the web file, or a certificate that it names, is another than the one that was read.

use super::web_file::{WebFile, WebFileError};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The files that were read, and how they looked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stamps(Vec<(PathBuf, Stamp)>);

/// `None`: it cannot be looked at.
type Stamp = Option<(SystemTime, u64)>;

impl Stamps {
    /// Reads a small file of text, and remembers how it looked before.
    pub(super) fn read(&mut self, path: &Path) -> Result<String, WebFileError> {
        self.0.push((path.to_owned(), look(path)));
        let failed = |source| WebFileError::Read { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut text = String::new();
        let read = file.take(WebFile::BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
        if WebFile::BYTES_MAX < u64::try_from(read).unwrap_or(u64::MAX) {
            return Err(WebFileError::TooLarge { path: path.to_owned() });
        }
        Ok(text)
    }

    /// Whether a file looks other than it did.
    pub(super) fn differ(&self) -> bool {
        self.0.iter().any(|(path, stamp)| look(path) != *stamp)
    }

    /// The same files as they look now.
    pub(super) fn again(&self) -> Self {
        Self(self.0.iter().map(|(path, _)| (path.clone(), look(path))).collect())
    }
}

fn look(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
