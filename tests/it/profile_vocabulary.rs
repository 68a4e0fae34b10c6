//! The same thing has the same name in every profile: what the readings of states are called, and that on, off, low
//! and leaking are taken alike whoever makes the device.
//!
//! The names that three or more profiles use are a table of docs/profiles.md; the others are a device's own alarms. What a vendor calls each state stays the vendor's: it is the number's name in the MIB.

use crate::support::shipped;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// A reading of a state in a profile.
struct State {
    profile: String,
    kind: String,
    name: String,
    /// Health or meaning, and the names or numbers that it holds.
    taken: BTreeMap<String, BTreeSet<String>>,
}

impl State {
    fn here(&self) -> String {
        format!("{}: {} {:?}", self.profile, self.kind, self.name)
    }

    fn holds(&self, taken: &str, state: &str) -> bool {
        self.taken.get(taken).is_some_and(|it| it.contains(state))
    }

    /// All its states, whatever they are taken for.
    fn states(&self) -> impl Iterator<Item = &str> {
        self.taken.values().flatten().map(String::as_str)
    }
}

/// Names that mean what another one is used for.
const SYNONYMS: [(&str, &[&str], &str); 7] = [
    ("outlet", &["state", "status", "switch", "relay", "on_off", "output"], "power"),
    ("bank", &["circuit_breaker", "breaker_state", "breaker_status", "trip"], "breaker"),
    ("output", &["output_source", "supply", "source_selected"], "source"),
    ("battery", &["battery_status", "battery"], "status"),
    ("battery", &["replace", "replacement", "needs_replacement", "replace_battery"], "replace_indicator"),
    ("sensor", &["switch", "input", "dry_contact", "digital_input"], "contact"),
    ("sensor", &["water", "flood", "fluid", "output", "door_contact"], "leak, relay or door"),
];

#[test]
fn states_have_one_name() {
    let mut wrong = Vec::new();
    for state in states() {
        for (kind, synonyms, name) in SYNONYMS {
            if state.kind == kind && synonyms.contains(&&*state.name) {
                wrong.push(format!("{} is called {name} elsewhere", state.here()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn shared_names_are_documented() {
    let mut users: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for state in states() {
        let named = (state.kind, state.name);
        users.entry(named).or_default().insert(state.profile);
    }
    let shared = users.into_iter().filter(|((_, name), users)| !name.is_empty() && 2 < users.len());
    let shared: BTreeSet<(String, String)> = shared.map(|(named, _)| named).collect();
    assert_eq!(documented(), shared, "docs/profiles.md lists the names that three or more profiles use");
}

#[test]
fn states_are_taken_alike() {
    let mut wrong = Vec::new();
    for state in states() {
        let mut demand = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{}: {what}", state.here()));
            }
        };
        match (&*state.kind, &*state.name) {
            ("outlet", "power") => {
                let off = state.states().any(|it| state.holds("off", it));
                demand(off, "no state is `off`");
                demand(state.taken.contains_key("ok"), "an outlet that is on is ok");
                demand(!state.holds("critical", "on"), "an outlet that is on is ok");
            }
            ("sensor", "leak" | "smoke") => {
                let is_bad = state.taken.contains_key("critical") || state.taken.contains_key("warning");
                demand(is_bad, "what it warns of is no warning");
            }
            ("battery", "status") => {
                let low = state.states().any(|it| it.to_lowercase().ends_with("low"));
                demand(!low || state.taken.contains_key("battery_low"), "a low battery is `battery_low`");
            }
            ("battery", "replace_indicator") => {
                demand(state.taken.contains_key("replace_battery"), "no state is `replace_battery`");
            }
            ("output", "source") => {
                let battery = state.states().any(|it| it == "battery" || it == "onBattery");
                demand(!battery || state.taken.contains_key("on_battery"), "no state is `on_battery`");
                let bypass = state.states().any(|it| it == "bypass" || it == "onBypass");
                demand(!bypass || state.taken.contains_key("on_bypass"), "no state is `on_bypass`");
            }
            _ => (),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rows `| kind | name, name |` of the table under "Names of states".
fn documented() -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(shipped::root().join("docs/profiles.md")).unwrap();
    let (_, section) = text.split_once("### Names of states").unwrap();
    let rows = section.lines().skip(1).take_while(|it| !it.starts_with('#'));
    let rows = rows.filter_map(|it| it.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    rows.filter(|(kind, _)| *kind != "component" && !kind.starts_with('-'))
        .flat_map(|(kind, names)| {
            names.split(", ").map(move |name| (kind.trim().to_owned(), name.trim_matches('`').to_owned()))
        })
        .collect()
}

fn states() -> Vec<State> {
    let files = shipped::files(&shipped::root().join("profiles"));
    files
        .iter()
        .filter(|it| it.extension().is_some_and(|it| it == "toml"))
        .flat_map(|path| {
            let file: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
            let profile = path.file_stem().unwrap().to_string_lossy().into_owned();
            tables(&file, "component")
                .flat_map(move |component| {
                    let kind = text(component, "kind");
                    let readings = tables(component, "reading").filter(|it| text(it, "quantity") == "state");
                    let (profile, kind) = (profile.clone(), kind);
                    readings
                        .map(|it| State {
                            profile: profile.clone(),
                            kind: kind.clone(),
                            name: text(it, "name"),
                            taken: taken(it),
                        })
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn text(table: &Table, key: &str) -> String {
    table.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn taken(reading: &Table) -> BTreeMap<String, BTreeSet<String>> {
    let states = reading.get("state").and_then(Value::as_table).into_iter().flatten();
    let shown = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    states
        .map(|(taken, names)| {
            let names = names.as_array().into_iter().flatten().map(shown).collect();
            (taken.clone(), names)
        })
        .collect()
}
