//! Alert rules and life cycle, seen from outside.
