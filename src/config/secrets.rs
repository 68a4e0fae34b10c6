//! Reads secrets from where the user keeps them. No message repeats one.

use super::environment::Environment;
use super::limits::SECRET_BYTES_MOST;
use super::mask::is_usual_variable;
use super::source::{Refusal, read};
use crate::model::Secret;
use crate::notify::settings::SecretSource;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Why a secret is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    /// The file is not there or may not be read.
    #[error("the file with the secret cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// A folder, a pipe, a device.
    #[error("the secret lies in something that is no regular file")]
    NotAFile,
    /// No secret is that long.
    #[error("the file with the secret is larger than {SECRET_BYTES_MOST} bytes: no secret is")]
    TooLarge,
    /// Not UTF-8.
    #[error("the file with the secret is no UTF-8 text")]
    NotText,
    /// Nothing in the first line.
    #[error("the first line of the file with the secret is empty")]
    EmptyFile,
    /// Bytes that no community or key has.
    #[error("the secret holds control characters")]
    Control,
    /// The variable is not there.
    #[error("the environment variable {0} is not set")]
    Unset(VariableName),
    /// The variable is there, but says nothing.
    #[error("the environment variable {0} is set, but empty or no text")]
    EmptyVariable(VariableName),
    /// Not started by systemd, or without `LoadCredential=`.
    #[error("there are no systemd credentials here: $CREDENTIALS_DIRECTORY is not set")]
    NoCredentials,
    /// A name that would leave the folder.
    #[error("a systemd credential's name is a file name, without slashes")]
    CredentialName,
}

/// A variable's name as it may be shown: one in small letters may be a secret in the wrong place.
#[derive(Debug)]
pub(super) struct VariableName(String);

impl std::fmt::Display for VariableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if is_usual_variable(&self.0) { write!(f, "${}", self.0) } else { f.write_str("of that name") }
    }
}

impl SecretError {
    /// What to do about it.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => {
                "write the secret into that file, owned by root:rackwarden with mode 0640; if what stands here is the secret itself, move it there"
            }
            Self::NotAFile => "name a file whose first line is the secret",
            Self::TooLarge | Self::NotText | Self::EmptyFile | Self::Control => {
                "the secret alone belongs into the first line"
            }
            Self::Unset(_) | Self::EmptyVariable(_) => {
                "set it where the daemon is started, as by EnvironmentFile= in a systemd drop-in"
            }
            Self::NoCredentials => {
                "systemd sets it for units with LoadCredential=; by hand, use systemd-run -p LoadCredential=..."
            }
            Self::CredentialName => "name it as it stands in LoadCredential=, before the colon",
        }
    }
}

/// The secret, as it is now.
pub(super) fn resolve(source: &SecretSource, environment: &Environment) -> Result<Secret, SecretError> {
    match source {
        SecretSource::Inline(secret) => Ok(secret.clone()),
        SecretSource::File(path) => first_line(path),
        SecretSource::Environment(name) => match environment.text(name) {
            Some(value) if !value.trim().is_empty() => checked(value.trim()),
            None if !environment.has(name) => Err(SecretError::Unset(VariableName(name.clone()))),
            _ => Err(SecretError::EmptyVariable(VariableName(name.clone()))),
        },
        SecretSource::Credential(name) => first_line(&credential_path(name, environment)?),
    }
}

/// Whether everybody on this host may read that file.
pub(super) fn is_world_readable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o004 != 0)
}

fn credential_path(name: &str, environment: &Environment) -> Result<PathBuf, SecretError> {
    if name.contains('/') || name.starts_with('.') {
        return Err(SecretError::CredentialName);
    }
    let folder = environment.text("CREDENTIALS_DIRECTORY").ok_or(SecretError::NoCredentials)?;
    Ok(Path::new(folder).join(name))
}

fn first_line(path: &Path) -> Result<Secret, SecretError> {
    let text = read(path, SECRET_BYTES_MOST).map_err(|refusal| match refusal {
        Refusal::Unreadable(error) => SecretError::Unreadable(error),
        Refusal::NotAFile => SecretError::NotAFile,
        Refusal::TooLarge => SecretError::TooLarge,
        Refusal::NotText { .. } => SecretError::NotText,
    })?;
    match text.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => checked(line),
        _ => Err(SecretError::EmptyFile),
    }
}

fn checked(text: &str) -> Result<Secret, SecretError> {
    if text.chars().any(char::is_control) { Err(SecretError::Control) } else { Ok(Secret::new(text)) }
}

#[cfg(test)]
mod tests {
    use super::{SecretError, is_world_readable, resolve};
    use crate::config::Environment;
    use crate::notify::settings::SecretSource;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_give_their_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            resolve(&SecretSource::File(path.clone()), &Environment::default())
        };
        assert_eq!(read(b"abc\n").unwrap().expose(), "abc");
        assert_eq!(read(b" abc \r\nold\n").unwrap().expose(), "abc");
        assert!(matches!(read(b"").unwrap_err(), SecretError::EmptyFile));
        assert!(matches!(read(b"\nabc\n").unwrap_err(), SecretError::EmptyFile));
        assert!(matches!(read(b"a\x00b").unwrap_err(), SecretError::Control));
        assert!(matches!(read(b"\xff\xfe").unwrap_err(), SecretError::NotText));
        assert!(matches!(read(&[b'a'; 5000]).unwrap_err(), SecretError::TooLarge));
        let folder_itself = SecretSource::File(folder.path().to_owned());
        assert!(matches!(resolve(&folder_itself, &Environment::default()), Err(SecretError::NotAFile)));
        let absent = SecretSource::File(folder.path().join("absent"));
        assert!(matches!(resolve(&absent, &Environment::default()), Err(SecretError::Unreadable(_))));
    }

    #[test]
    fn variables_and_credentials() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cred_snmp"), "abc\n").unwrap();
        let environment: Environment =
            [("A", "x"), ("EMPTY", " "), ("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())]
                .into_iter()
                .collect();
        let variable = |name: &str| resolve(&SecretSource::Environment(name.to_owned()), &environment);
        assert_eq!(variable("A").unwrap().expose(), "x");
        assert!(matches!(variable("EMPTY"), Err(SecretError::EmptyVariable(_))));
        assert!(matches!(variable("ABSENT"), Err(SecretError::Unset(_))));
        let credential = |name: &str| resolve(&SecretSource::Credential(name.to_owned()), &environment);
        assert_eq!(credential("cred_snmp").unwrap().expose(), "abc");
        assert!(matches!(credential("../etc/passwd"), Err(SecretError::CredentialName)));
        let none = resolve(&SecretSource::Credential("x".to_owned()), &Environment::default());
        assert!(matches!(none, Err(SecretError::NoCredentials)));
    }

    #[test]
    fn modes_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "x").unwrap();
        for (mode, open) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_world_readable(&path), open, "{mode:o}");
        }
    }
}
