//! Keeps the module tree honest.
//!
//! A single package has no crate boundaries, so nothing but this file stops `store` from importing
//! `http`. The table below is the dependency order of `ARCHITECTURE.md`; a new edge is a
//! design decision, and is made here, where a reviewer sees it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// (module, the modules it may import). Lowest layer first.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("telemetry", &["model"]),
    ("mib", &["model"]),
    ("snmp", &["model", "telemetry"]),
    ("profile", &["model", "mib"]),
    ("store", &["model", "telemetry"]),
    ("recording", &["model"]),
    ("rules", &["model"]),
    ("alert", &["model", "rules"]),
    ("poller", &["model", "profile", "snmp", "telemetry"]),
    ("message", &["model", "alert"]),
    ("trial", &["model", "recording", "rules", "alert"]),
    ("web_client", &["model"]),
    ("notify", &["model", "rules", "alert", "message", "telemetry", "web_client"]),
    ("http", &["model", "recording", "store", "alert", "telemetry"]),
    ("inventory", &["model", "telemetry", "web_client"]),
    ("redfish", &["model", "telemetry", "web_client"]),
    (
        "config",
        &[
            "model",
            "telemetry",
            "mib",
            "snmp",
            "profile",
            "store",
            "rules",
            "alert",
            "poller",
            "message",
            "notify",
            "http",
            "web_client",
            "inventory",
            "redfish",
        ],
    ),
    (
        "app",
        &[
            "model",
            "telemetry",
            "mib",
            "snmp",
            "profile",
            "store",
            "rules",
            "alert",
            "poller",
            "message",
            "notify",
            "http",
            "web_client",
            "inventory",
            "redfish",
            "config",
        ],
    ),
    ("simulator", &["model", "mib", "snmp"]),
    // Compiled for the fuzzer and its tests alone.
    ("fuzz", &["model", "mib", "snmp", "profile", "redfish", "config", "simulator"]),
    (
        "cli",
        &[
            "model",
            "telemetry",
            "mib",
            "snmp",
            "profile",
            "store",
            "recording",
            "rules",
            "alert",
            "trial",
            "poller",
            "message",
            "notify",
            "http",
            "web_client",
            "inventory",
            "redfish",
            "config",
            "app",
            "simulator",
        ],
    ),
];

/// Files and folders under `src/` which are pure: no sockets, no clock, no tasks, no files.
const PURE: &[&str] = &[
    "model/oid.rs",
    "model/reading.rs",
    "model/quantity.rs",
    "snmp",
    "rules",
    "alert",
    "message",
    "recording.rs",
    "trial",
    "app/resolve/book.rs",
    "inventory/capacity.rs",
    "inventory/date.rs",
    "inventory/device42/query.rs",
    "inventory/device42/rows.rs",
    "inventory/document.rs",
    "inventory/keeper.rs",
    "inventory/loose.rs",
    "inventory/netbox/rows.rs",
    "inventory/object.rs",
    "inventory/occupancy.rs",
    "inventory/pages.rs",
    "inventory/snapshot.rs",
    "inventory/table.rs",
    "app/enrich.rs",
    "redfish/document.rs",
    "redfish/draft.rs",
    "redfish/kinds.rs",
    "redfish/learn.rs",
    "redfish/map",
    "redfish/mask.rs",
    "redfish/plan.rs",
    "redfish/session.rs",
    "redfish/sse.rs",
    "redfish/states.rs",
    "redfish/tree.rs",
    "poller/learn.rs",
    "poller/device.rs",
    "poller/kinds.rs",
    "poller/timing.rs",
    "poller/windows.rs",
    "poller/shard.rs",
    "notify/limiter.rs",
    "notify/retry.rs",
    "notify/circuit.rs",
    "notify/pagerduty/event.rs",
    "notify/pagerduty/details.rs",
    "notify/pagerduty/classify.rs",
    "notify/by_severity.rs",
    "notify/formats.rs",
    "notify/silence.rs",
    "notify/storm.rs",
    "notify/outbox/intake.rs",
    "notify/outbox/ledger.rs",
    "notify/outbox/ledger/letters.rs",
    "notify/outbox/ledger/saving.rs",
    "notify/outbox/lane.rs",
    "notify/outbox/pump.rs",
];

/// What a pure module may not name.
const IMPURE: &[&str] =
    &["tokio", "reqwest", "axum", "std::fs", "std::net::UdpSocket", "Instant::now", "SystemTime::now"];

/// Hard cap on a file, tests not counted. Files over it must be listed with a reason.
const LINES_MAX: usize = 800;
const LONG_FILES: &[(&str, &str)] = &[];

#[test]
fn modules_import_only_lower_layers() {
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for file in rust_files() {
        let Some(module) = top_module(&file) else { continue };
        if is_test(&file) {
            continue;
        }
        let Some(allowed) = allowed.get(module.as_str()) else {
            wrong.push(format!("{}: module `{module}` is not in LAYERS", file.display()));
            continue;
        };
        for (number, used) in crate_paths(&code_of(&file)) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}:{number}: `{module}` may not import `{used}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn layers_are_ordered() {
    for (at, (module, allowed)) in LAYERS.iter().enumerate() {
        for used in *allowed {
            let below = LAYERS[..at].iter().any(|(lower, _)| lower == used);
            assert!(below, "`{module}` lists `{used}`, which is not below it: that is a cycle");
        }
    }
}

#[test]
fn pure_modules_stay_pure() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        let relative = file.strip_prefix(src()).unwrap();
        if !PURE.iter().any(|it| relative.starts_with(it)) {
            continue;
        }
        let code = code_of(&file);
        for name in IMPURE {
            if code.contains(name) {
                wrong.push(format!("{}: pure module names `{name}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_open_with_a_module_doc_and_are_short() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        let text = fs::read_to_string(&file).unwrap();
        if !text.trim_start().starts_with("//!") {
            wrong.push(format!("{}: first line is not a `//!` module doc", file.display()));
        }
        let lines = code_of(&file).lines().count();
        let excused = LONG_FILES.iter().any(|(path, _)| file.ends_with(path));
        if LINES_MAX < lines && !excused {
            wrong.push(format!("{}: {lines} lines, the cap is {LINES_MAX}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every `.rs` file under `src/`.
fn rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![src()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no sources under {}", src().display());
    found
}

/// Unit tests in a file of their own may use anything: the simulator above all.
fn is_test(file: &Path) -> bool {
    file.file_stem()
        .and_then(|it| it.to_str())
        .is_some_and(|it| it == "tests" || it.ends_with("_tests") || it.ends_with("_test"))
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The module directly under `src/` a file belongs to; `None` for `lib.rs`, `main.rs` and `bin/`.
fn top_module(file: &Path) -> Option<String> {
    let relative = file.strip_prefix(src()).unwrap();
    let first = relative.iter().next()?.to_str()?.trim_end_matches(".rs").to_owned();
    (!matches!(first.as_str(), "lib" | "main" | "bin")).then_some(first)
}

/// The file without its comments and without its trailing `mod tests`.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let mut code = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        code.push_str(line.split("//").next().unwrap_or(""));
        code.push('\n');
    }
    code
}

/// Line number and head of each `crate::head` path, `crate::{a, b::c}` groups included.
fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let number = 1 + code[..start].matches('\n').count();
        let rest = &code[start + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            for head in group_heads(group) {
                paths.push((number, head));
            }
        } else {
            paths.push((number, head_of(rest)));
        }
    }
    paths
}

fn head_of(path: &str) -> String {
    path.trim_start().chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect()
}

/// First path segments of a use-group, its inner groups skipped.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut item = String::new();
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(head_of(&std::mem::take(&mut item))),
            _ if depth == 0 => item.push(letter),
            _ => (),
        }
    }
    heads.push(head_of(&item));
    heads.retain(|it| !it.is_empty());
    heads
}

#[cfg(test)]
mod tests {
    use super::crate_paths;

    #[test]
    fn reads_single_and_grouped_imports() {
        let heads = |code| crate_paths(code).into_iter().map(|(_, it)| it).collect::<Vec<_>>();
        assert_eq!(heads("use crate::model::Oid;"), ["model"]);
        assert_eq!(heads("use crate::{model::{Oid, Unit}, store::Store};"), ["model", "store"]);
        assert_eq!(heads("let x = crate::snmp::wire::decode(b);"), ["snmp"]);
        assert_eq!(heads("use crate::{\n    model::{Oid, Unit},\n    http,\n};"), ["model", "http"]);
    }
}
