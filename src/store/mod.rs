//! The readings' store: read without locks, aged.
