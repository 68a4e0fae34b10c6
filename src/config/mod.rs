//! The configuration: files to settings, with every mistake reported at once.
