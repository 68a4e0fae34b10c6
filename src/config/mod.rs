//! The configuration: files to settings, with every mistake reported at once.

mod check;
mod environment;
mod form;
mod layer;
mod limits;
mod report;
pub mod schema;
mod source;
mod suggest;
mod syntax;
mod tables;

pub use environment::Environment;
pub use form::Form;
