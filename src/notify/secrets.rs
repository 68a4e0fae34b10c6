//! Reads a secret where its source says, each time it is used, so that it can be rotated in place.
//!
//! Bound: a file is read again only when its length, time or inode has changed, and never more than
//! [`SECRET_OCTETS_MAX`] of it.

use super::settings::SecretSource;
use crate::model::Secret;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Why a secret cannot be had. Never holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret's file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file's first line, or the whole text, is empty.
    #[error("the secret in {0} is empty")]
    Empty(String),
    /// The file is too long for a secret.
    #[error("the file {} is longer than {max} octets: is it the right one?", path.display(), max = SECRET_OCTETS_MAX)]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Characters that no key has.
    #[error("the secret in {0} has a blank, a control character or something other than UTF-8 in it")]
    Malformed(String),
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// There is no folder of credentials.
    #[error(
        "the credential {0} needs $CREDENTIALS_DIRECTORY, which is not set: \
         LoadCredential= in the systemd unit sets it"
    )]
    NoCredentials(String),
    /// A credential's name that is no file name.
    #[error("`{0}` is no name of a credential")]
    CredentialName(String),
}

/// Longer than any key: a wrong file (a log, a device) is not read to its end.
pub const SECRET_OCTETS_MAX: u64 = 4_096;

/// Reads one source, and remembers a file's content while the file stays as it is.
#[derive(Debug, Default)]
pub struct SecretReader {
    cached: Option<(PathBuf, Stamp, Secret)>,
}

/// What changes when a file is replaced or rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl SecretReader {
    /// The secret as it is now. Touches the file system: for a blocking thread.
    ///
    /// # Errors
    /// [`SecretError`], also while a secret read before is still remembered: a file that has been
    /// removed is a key that has been withdrawn.
    pub fn read(&mut self, source: &SecretSource) -> Result<Secret, SecretError> {
        match source {
            SecretSource::Inline(secret) => checked(secret.expose(), "the config"),
            SecretSource::File(path) => self.read_file(path),
            SecretSource::Environment(name) => {
                let text = std::env::var_os(name).ok_or_else(|| SecretError::NotSet(name.clone()))?;
                let place = format!("the environment variable {name}");
                match text.to_str() {
                    Some(text) => checked(text, &place),
                    None => Err(SecretError::Malformed(place)),
                }
            }
            SecretSource::Credential(name) => {
                let plain = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
                if !plain {
                    return Err(SecretError::CredentialName(name.clone()));
                }
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
                self.read_file(&Path::new(&folder).join(name))
            }
        }
    }

    fn read_file(&mut self, path: &Path) -> Result<Secret, SecretError> {
        let failed = |source| SecretError::File { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            // A pipe would be waited on for ever.
            return Err(failed(io::Error::other("it is no regular file")));
        }
        let stamp = Stamp::of(&metadata);
        if let Some((cached_path, cached_stamp, secret)) = &self.cached
            && cached_path == path
            && *cached_stamp == stamp
        {
            return Ok(secret.clone());
        }
        let mut octets = Vec::new();
        let file = File::open(path).map_err(failed)?;
        file.take(SECRET_OCTETS_MAX + 1).read_to_end(&mut octets).map_err(failed)?;
        if SECRET_OCTETS_MAX < u64::try_from(octets.len()).unwrap_or(u64::MAX) {
            return Err(SecretError::TooLong { path: path.to_owned() });
        }
        let place = path.display().to_string();
        let text = std::str::from_utf8(&octets).map_err(|_| SecretError::Malformed(place.clone()))?;
        let first_line = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
        let secret = checked(first_line, &place)?;
        self.cached = Some((path.to_owned(), stamp, secret.clone()));
        Ok(secret)
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
        }
    }
}

fn checked(text: &str, place: &str) -> Result<Secret, SecretError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(SecretError::Empty(place.to_owned()));
    }
    if text.chars().any(|it| it.is_whitespace() || it.is_control()) {
        return Err(SecretError::Malformed(place.to_owned()));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::{SecretError, SecretReader};
    use crate::model::Secret;
    use crate::notify::settings::SecretSource;
    use std::error::Error as _;
    use std::fs;

    #[test]
    fn reads_a_file_anew_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let source = SecretSource::File(path.clone());
        let mut reader = SecretReader::default();
        let missing = reader.read(&source).unwrap_err();
        assert!(missing.to_string().contains("key cannot be read"), "{missing}");
        assert!(missing.source().is_some());
        fs::write(&path, "\u{feff}  first-key \r\n# a note\n").unwrap();
        assert_eq!(reader.read(&source).unwrap(), Secret::new("first-key"));
        assert_eq!(reader.read(&source).unwrap(), Secret::new("first-key"));
        fs::write(&path, "second-key-longer\n").unwrap();
        assert_eq!(reader.read(&source).unwrap(), Secret::new("second-key-longer"));
        fs::remove_file(&path).unwrap();
        assert!(matches!(reader.read(&source), Err(SecretError::File { .. })));
    }

    #[test]
    fn refuses_what_is_no_key_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let source = SecretSource::File(path.clone());
        for content in ["", "\n", "  \nhunter2", "hunter2 hunter2", "hunt\u{7}er2"] {
            fs::write(&path, content).unwrap();
            let error = SecretReader::default().read(&source).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunt"), "{error:?}");
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(SecretReader::default().read(&source), Err(SecretError::Malformed(_))));
        fs::write(&path, "k".repeat(5_000)).unwrap();
        assert!(matches!(SecretReader::default().read(&source), Err(SecretError::TooLong { .. })));
    }

    #[test]
    fn reads_the_other_sources() {
        let mut reader = SecretReader::default();
        let inline = SecretSource::Inline(Secret::new("inline"));
        assert_eq!(reader.read(&inline).unwrap(), Secret::new("inline"));
        let unset = SecretSource::Environment("RACKWARDEN_TEST_NOT_SET".to_owned());
        assert!(matches!(reader.read(&unset), Err(SecretError::NotSet(_))));
        let set = SecretSource::Environment("CARGO_PKG_NAME".to_owned());
        assert_eq!(reader.read(&set).unwrap(), Secret::new("rackwarden"));
        let escape = SecretSource::Credential("../passwd".to_owned());
        assert!(matches!(reader.read(&escape), Err(SecretError::CredentialName(_))));
    }
}
