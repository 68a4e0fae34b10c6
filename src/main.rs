//! The `rackwarden` command: see [`rackwarden::cli`].

fn main() {}
