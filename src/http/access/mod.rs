//! Who may ask, over what, and who may change something.
//!
//! One file says so, in the web configuration format of Prometheus' exporters, so that the file of a node
//! exporter serves here as it is: TLS, client certificates, users with bcrypt hashes. Beside those it may have
//! bearer tokens and name operators. It is looked at again and again and replaced without a restart; one with
//! mistakes changes nothing. Without it everybody may read, in clear, and nobody is an operator.
//!
//! Invariants: every path asks here first, whoever added it; a secret is compared in constant time or by bcrypt,
//! and neither kept nor logged; what a wrong password costs is bounded.

mod guard;
mod passwords;
mod tls;
mod watch;
mod web_file;

pub(super) use guard::guard;
pub use web_file::{WebFile, WebFileError};

use crate::telemetry::http as events;
use arc_swap::ArcSwap;
use passwords::Passwords;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_rustls::TlsAcceptor;
use watch::Stamps;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Reader,
    /// Change what can be changed.
    Operator,
}

/// Who asks: among the extensions of each request that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// A user's or a token's name; empty where nobody is asked.
    pub(super) name: String,
    pub(super) role: Role,
}

/// The rules of access in force. Cheap to clone; all clones agree. The default lets everybody read.
#[derive(Clone, Default)]
pub struct Access(Arc<Inner>);

#[derive(Default)]
struct Inner {
    file: ArcSwap<WebFile>,
    passwords: Passwords,
    origin: Mutex<Origin>,
}

/// Where the rules come from.
#[derive(Default)]
struct Origin {
    path: Option<PathBuf>,
    /// How the files looked when they were read last, for better or worse: a mistake is told once.
    seen: Stamps,
}

impl Access {
    /// By that file; `None`: everybody may read.
    ///
    /// # Errors
    /// [`WebFileError`].
    pub fn open(path: Option<&Path>) -> Result<Self, WebFileError> {
        let access = Self::default();
        access.read(&mut access.origin(), path.map(Path::to_owned))?;
        Ok(access)
    }

    /// Brings that file into force, as it is now, for requests and connections from now on; one with mistakes
    /// changes nothing.
    pub fn reload(&self, path: Option<&Path>) {
        self.tell(|| self.read(&mut self.origin(), path.map(Path::to_owned)));
    }

    /// Reads the file anew if it, or a certificate that it names, has changed. Blocks: not for a task.
    pub fn refresh(&self) {
        let mut origin = self.origin();
        if origin.seen.differ() {
            let path = origin.path.clone();
            self.tell(|| self.read(&mut origin, path));
        }
    }

    fn read(&self, origin: &mut Origin, path: Option<PathBuf>) -> Result<(), WebFileError> {
        let loaded = path.as_deref().map_or_else(|| Ok(WebFile::default()), WebFile::load);
        match loaded {
            Ok(file) => {
                *origin = Origin { path, seen: file.stamps.clone() };
                self.0.file.store(Arc::new(file));
                Ok(())
            }
            Err(error) => {
                origin.seen = origin.seen.again();
                Err(error)
            }
        }
    }

    fn tell(&self, read: impl FnOnce() -> Result<(), WebFileError>) {
        match read() {
            Ok(()) if self.0.file.load().is_default() => (),
            Ok(()) => events::web_file_read(),
            Err(error) => events::web_file_refused(&Chain(&error)),
        }
    }

    fn origin(&self) -> MutexGuard<'_, Origin> {
        self.0.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How connections are taken; `None`: in clear.
    pub(super) fn tls(&self) -> Option<TlsAcceptor> {
        self.0.file.load().tls.clone().map(TlsAcceptor::from)
    }
}

/// An error with its causes in a line.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(it) = cause {
            write!(f, ": {it}")?;
            cause = it.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("file", &self.0.file.load()).finish_non_exhaustive()
    }
}
