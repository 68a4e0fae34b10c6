//! An alert that goes on: what is kept of it over restarts.

use super::AlertFacts;
use crate::model::{Severity, UnixMillis};
use std::sync::Arc;

/// An announced alert that has not ended: kept on disk while it fires, handed back at start.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAlert {
    /// Its severity as last announced.
    pub severity: Severity,
    /// What was known of it when it was last announced; its identity is `facts.key`.
    pub facts: Arc<AlertFacts>,
    /// When it was first announced.
    pub fired_at: UnixMillis,
}
