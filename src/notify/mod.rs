//! Paging: transitions become events, kept on disk until the receiver has them.

pub mod settings;
