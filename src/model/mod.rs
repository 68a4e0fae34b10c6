//! The nouns that every other module speaks in: object identifiers, quantities and units, readings
//! and why one is missing, shapes and batches, severities, time, secrets and diagnostics.
//!
//! Invariants: nothing here touches a socket, a file, a clock or a task (but for
//! [`time::SystemClock`], the one place that reads a clock); nothing here imports another module of
//! the crate. A missing reading is a [`Sample::Missing`] with its reason, never zero.

pub mod cells;
pub mod component;
pub mod diagnostic;
pub mod labels;
pub mod locator;
pub mod oid;
pub mod quantity;
pub mod reading;
pub mod secret;
pub mod severity;
pub mod time;
pub mod value;

pub use cells::{Cells, Reasons};
pub use component::{Component, ComponentKind, Ratings};
pub use diagnostic::{Diagnostic, Problem, Span, closest};
pub use labels::Labels;
pub use locator::Locator;
pub use oid::{Oid, OidError};
pub use quantity::{Quantity, Unit, WireUnit};
pub use reading::{
    Batch, Effort, Identity, Missing, PollError, ReadingShape, RequestBound, Sample, Shape, SnapshotError,
    Source, SourceKind, StateTable, StateValue,
};
pub use secret::Secret;
pub use severity::{Health, Meaning, Severity};
pub use time::{Moment, Now, SystemClock, UnixMillis};
pub use value::{Value, ValueRef, clean_text};
