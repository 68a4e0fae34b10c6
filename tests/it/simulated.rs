//! The simulator itself: every fault happens.
