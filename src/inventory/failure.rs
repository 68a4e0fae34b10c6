//! Why a snapshot could not be taken.

use crate::model::{PollError, SnapshotError, clean_text};
use crate::web_client::WebError;
use std::time::Duration;

/// Why a snapshot could not be taken: a class for metrics, words for people, and how long the source
/// wants to be left alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// What kind of failure.
    pub class: SnapshotError,
    /// In words, as a sentence without a full stop. Never holds a secret.
    pub reason: String,
    /// How long the source asks us to wait (`Retry-After`).
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure of that class.
    #[must_use]
    pub fn new(class: SnapshotError, reason: impl AsRef<str>) -> Self {
        // Names of keys and words of servers are in it: one line, and a bearable one.
        let mut reason = clean_text(reason.as_ref());
        if let Some((end, _)) = reason.char_indices().nth(REASON_CHARS_MAX) {
            reason.truncate(end);
            reason.push_str("..");
        }
        Self { class, reason, retry_after: None }
    }

    /// An answer that cannot be read.
    #[must_use]
    pub fn malformed(reason: impl AsRef<str>) -> Self {
        Self::new(SnapshotError::Malformed, reason)
    }

    /// The same, with what was being read before it.
    #[must_use]
    pub fn within(self, what: &str) -> Self {
        Self { reason: format!("{what}: {}", self.reason), ..self }
    }

    /// As a batch carries it.
    #[must_use]
    pub fn poll_error(&self) -> PollError {
        PollError::Snapshot { class: self.class, reason: self.reason.clone() }
    }
}

impl From<WebError> for Failure {
    fn from(error: WebError) -> Self {
        Self::new(error.class, error.reason)
    }
}

/// Twenty mistakes of a file in a line each.
const REASON_CHARS_MAX: usize = 2_000;
