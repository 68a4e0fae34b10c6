//! Every shipped profile against its fixtures.
