//! Exit codes: a contract with scripts.

use crate::model::{PollError, SnapshotError};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All was well.
    Ok = 0,
    /// It was tried and went wrong, in a way that has no code of its own.
    Failed = 1,
    /// The arguments make no sense (clap uses the same code).
    Usage = 2,
    /// The configuration, a profile or another file of the user's has mistakes.
    Config = 3,
    /// No answer: nothing listens, filtered, wrong community, no such host.
    NoAnswer = 4,
    /// It answers, but nothing can be read: no profile fits, its tables are empty, or it is no Redfish service
    /// with power, temperature or battery readings.
    Unknown = 5,
    /// The receiver of pages refused, or could not be reached.
    Paging = 6,
    /// The device refuses the user: its name, a passphrase or password, a protocol, the level or the context.
    Security = 7,
}

/// The codes, for `--help`.
pub(super) const HELP: &str = "\
Exit codes: 0 all well, 1 it failed, 2 wrong arguments, 3 mistakes in the configuration,
4 no answer from the device, 5 the device answers but no profile reads it, 6 paging failed,
7 the device refuses the user";

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The code of a poll that failed.
    pub(super) const fn of_poll(error: &PollError) -> Self {
        match error {
            PollError::Timeout | PollError::Refused | PollError::Unreachable(_) | PollError::Name { .. } => {
                Self::NoAnswer
            }
            PollError::NoProfile { .. } | PollError::Empty { .. } => Self::Unknown,
            PollError::Security(_) => Self::Security,
            PollError::Snapshot { class, .. } => match class {
                SnapshotError::Unreachable | SnapshotError::Timeout => Self::NoAnswer,
                SnapshotError::Schema => Self::Unknown,
                SnapshotError::Access => Self::Security,
                _ => Self::Failed,
            },
            PollError::AgentError { .. } | PollError::Malformed(_) | PollError::Limit(_) => Self::Failed,
        }
    }
}
