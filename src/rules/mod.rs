//! Alert rules: checked, compiled, and evaluated against samples.
