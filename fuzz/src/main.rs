//! libFuzzer around `rackwarden::fuzz`: RACKWARDEN_FUZZ names the target.
#![no_main]

use rackwarden::fuzz::{Body, TARGETS};
use std::sync::LazyLock;

static BODY: LazyLock<Body> = LazyLock::new(|| {
    let name = std::env::var("RACKWARDEN_FUZZ").unwrap_or_default();
    let found = TARGETS.iter().find(|(it, _)| *it == name).map(|(_, body)| *body);
    found.unwrap_or_else(|| {
        let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        panic!("RACKWARDEN_FUZZ names no target; there are {}", known.join(" "))
    })
});

libfuzzer_sys::fuzz_target!(|octets: &[u8]| BODY(octets));
