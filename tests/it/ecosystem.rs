//! What is shipped for Prometheus and Grafana, held against their tools and against our own metrics.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn packaging(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(below)
}

/// `promtool` with these arguments, where it is installed.
fn promtool(arguments: &[&str], folder: &Path) {
    match Command::new("promtool").args(arguments).current_dir(folder).output() {
        Ok(output) => {
            let said =
                [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
            assert!(output.status.success(), "promtool {arguments:?}: {said}");
        }
        Err(error) => crate::support::left_out(&format!("promtool ({error}): Debian package prometheus")),
    }
}

/// All queries of the dashboards, with the dashboard's name.
fn queries() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(packaging("grafana")).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    for file in files {
        let dashboard: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let title = dashboard["title"].as_str().unwrap().to_owned();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                found.push((title.clone(), target["expr"].as_str().unwrap().to_owned()));
            }
        }
    }
    found
}

/// The words of a query that are names of ours or of the process.
fn metrics_in(query: &str) -> impl Iterator<Item = &str> {
    query
        .split(|it: char| !it.is_ascii_alphanumeric() && it != '_' && it != ':')
        .filter(|it| it.starts_with("rackwarden_") || it.starts_with("process_"))
}

fn documented(metric: &str) -> bool {
    let docs = include_str!("../../docs/metrics.md");
    let name = ["_bucket", "_sum", "_count"].iter().find_map(|it| metric.strip_suffix(it)).unwrap_or(metric);
    docs.contains(&format!("`{name}`")) || docs.contains(&format!("`{metric}`"))
}

#[test]
fn rules_for_prometheus_are_accepted_and_fire() {
    let folder = packaging("prometheus");
    promtool(&["check", "rules", "rules.yml"], &folder);
    promtool(&["test", "rules", "rules_test.yml"], &folder);
    let rules = std::fs::read_to_string(folder.join("rules.yml")).unwrap();
    let unknown: BTreeSet<&str> = rules
        .lines()
        .filter(|it| {
            !it.trim_start().starts_with('#') && !it.contains("name:") && !it.contains("description:")
        })
        .flat_map(metrics_in)
        .filter(|it| !it.contains(':') && !documented(it))
        .collect();
    assert!(unknown.is_empty(), "rules.yml asks for what is not in docs/metrics.md: {unknown:?}");
}

#[test]
fn dashboards_ask_for_metrics_that_exist_in_queries_that_parse() {
    let queries = queries();
    assert!(50 < queries.len(), "{}", queries.len());
    let unknown: BTreeSet<&str> =
        queries.iter().flat_map(|(_, query)| metrics_in(query)).filter(|it| !documented(it)).collect();
    assert!(unknown.is_empty(), "dashboards ask for what is not in docs/metrics.md: {unknown:?}");

    // promtool has no command that parses a query alone: as rules they are parsed.
    let rules: Vec<Value> = queries
        .iter()
        .enumerate()
        .map(|(at, (title, query))| {
            let expr = query.replace("$__rate_interval", "5m");
            serde_json::json!({ "record": format!("query_{at}"), "expr": expr, "labels": { "of": title } })
        })
        .collect();
    let file = serde_json::json!({ "groups": [{ "name": "dashboards", "rules": rules }] });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("queries.yml"), file.to_string()).unwrap();
    promtool(&["check", "rules", "queries.yml"], folder.path());
}
