//! The environment as an argument: what overrides the files, and where secrets may lie.

use super::schema::{self, Key};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// The environment that a configuration is loaded in.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The process's own, as it is now.
    #[must_use]
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect(),
        )
    }

    /// The value of a variable, if it is set and a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str()
    }

    /// Whether it is set, to whatever.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The variables that stand for keys of the configuration, by name.
    pub(super) fn overrides(&self) -> Vec<Override> {
        self.0
            .iter()
            .filter(|(name, _)| name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains(NESTING)))
            .map(|(name, value)| Override { variable: name.clone(), value: value.clone() })
            .collect()
    }

    /// Variables that look like overrides but are not read, with what was most likely meant.
    pub(super) fn near_misses(&self) -> Vec<(String, String)> {
        let rests = self.0.keys().filter_map(|name| Some((name, name.strip_prefix(PREFIX)?)));
        rests
            .filter(|(_, rest)| !rest.contains(NESTING))
            .filter_map(|(name, rest)| Some((name.clone(), meant(&rest.to_lowercase())?)))
            .collect()
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl std::fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A variable that overrides a key.
#[derive(Clone)]
pub(super) struct Override {
    pub(super) variable: String,
    pub(super) value: OsString,
}

/// The parts of a variable's name that lead to its key: `RACKWARDEN_HTTP__LISTEN` is http, listen.
pub(super) fn steps(variable: &str) -> Vec<String> {
    let rest = variable.strip_prefix(PREFIX).unwrap_or(variable);
    rest.split(NESTING).map(str::to_lowercase).collect()
}

/// The variable's name for that key of that top-level table.
pub(super) fn variable(table: &Key, key: &str) -> String {
    let name = if table.form.is_named() { "NAME__" } else { "" };
    format!("{PREFIX}{}{NESTING}{name}{}", table.name.to_uppercase(), key.to_uppercase())
}

/// The variable that was meant by one with single underscores.
fn meant(rest: &str) -> Option<String> {
    for table in schema::root().keys {
        let Some(behind) = rest.strip_prefix(table.name).and_then(|it| it.strip_prefix('_')) else {
            continue;
        };
        let keys = table.form.inner()?.keys;
        if table.form.is_named() {
            let key = keys
                .iter()
                .filter(|it| behind.ends_with(&format!("_{}", it.name)))
                .max_by_key(|it| it.name.len())?;
            let name = behind.strip_suffix(key.name)?.trim_end_matches('_').to_uppercase();
            return Some(variable(table, key.name).replace("NAME", &name));
        }
        return keys.iter().find(|it| it.name == behind).map(|it| variable(table, it.name));
    }
    None
}

/// What our variables begin with.
const PREFIX: &str = "RACKWARDEN_";
/// What stands between a table and its key.
const NESTING: &str = "__";

#[cfg(test)]
mod tests {
    use super::{Environment, steps};

    #[test]
    fn only_nested_names_override() {
        let environment: Environment =
            [("RACKWARDEN_HTTP__LISTEN", "a"), ("RACKWARDEN_KEY", "b"), ("HTTP__LISTEN", "c")]
                .into_iter()
                .collect();
        let names: Vec<String> = environment.overrides().into_iter().map(|it| it.variable).collect();
        assert_eq!(names, ["RACKWARDEN_HTTP__LISTEN"]);
        assert_eq!(
            steps("RACKWARDEN_CREDENTIALS__LAB_2__COMMUNITY_ENV"),
            ["credentials", "lab_2", "community_env"]
        );
        assert!(!format!("{environment:?}").contains("\"a\""), "values may be secrets");
    }

    #[test]
    fn single_underscores_are_noticed() {
        for (name, meant) in [
            ("RACKWARDEN_HTTP_LISTEN", Some("RACKWARDEN_HTTP__LISTEN")),
            (
                "RACKWARDEN_CREDENTIALS_DEFAULT_COMMUNITY_FILE",
                Some("RACKWARDEN_CREDENTIALS__DEFAULT__COMMUNITY_FILE"),
            ),
            ("RACKWARDEN_POLLING_START_SPREAD", Some("RACKWARDEN_POLLING__START_SPREAD")),
            ("RACKWARDEN_PAGERDUTY_KEY", None),
            ("RACKWARDEN_CONFIG", None),
        ] {
            let environment: Environment = [(name, "x")].into_iter().collect();
            let found = environment.near_misses().into_iter().map(|(_, meant)| meant).next();
            assert_eq!(found.as_deref(), meant, "{name}");
        }
    }
}
