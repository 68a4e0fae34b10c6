//! The commands as a person or script runs them.
