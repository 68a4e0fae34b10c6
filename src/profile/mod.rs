//! Profiles: what to read from a family of devices, and what it means.
