//! The DOQL queries, and how they are fitted to what an appliance has. Pure.
//!
//! DOQL is PostgreSQL behind a filter: a query begins with SELECT or WITH, has no sub-query in FROM, and
//! an unknown view or column makes it fail with status 500, which says nothing of the cause. So each query
//! is held against the data dictionary first: an optional column that is not there becomes NULL, a view
//! that is only joined for names leaves, and what cannot be done without is told by name.
//!
//! Lists are read by key, not by offset: rows that come or go meanwhile shift nothing.

use crate::inventory::failure::Failure;
use crate::inventory::loose::Row;
use crate::model::{ComponentKind, SnapshotError};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One query.
#[derive(Debug)]
pub(super) struct Query {
    /// What its rows are.
    pub(super) kind: ComponentKind,
    /// Every column with its table's alias; `{after}`, `{rows}` and `{software_types}` are filled in.
    pub(super) sql: &'static str,
    /// The columns without which the rows say nothing.
    pub(super) required: &'static [&'static str],
}

/// All of them, by kind.
pub(super) const QUERIES: &[Query] = &[
    Query {
        kind: ComponentKind::Software,
        sql: include_str!("doql/software.sql"),
        required: &["s.software_pk", "s.name", "s.software_type", "s.licensed_count", "s.discovered_count"],
    },
    Query {
        kind: ComponentKind::ProhibitedInstallation,
        sql: include_str!("doql/prohibited.sql"),
        required: &[
            "i.softwareinuse_pk",
            "i.software_fk",
            "i.device_fk",
            "s.software_pk",
            "s.name",
            "s.software_type",
        ],
    },
    Query {
        kind: ComponentKind::OperatingSystem,
        sql: include_str!("doql/os.sql"),
        required: &["o.os_pk", "o.name", "o.licensed_count", "y.os_fk", "y.count_in_licensing"],
    },
    Query {
        kind: ComponentKind::Subnet,
        sql: include_str!("doql/subnets.sql"),
        required: &["s.subnet_pk", "s.network", "s.mask_bits", "i.subnet_fk", "i.available"],
    },
    Query {
        kind: ComponentKind::PartModel,
        sql: include_str!("doql/partmodels.sql"),
        required: &[
            "m.partmodel_pk",
            "m.name",
            "p.partmodel_fk",
            "p.pcount",
            "p.device_fk",
            "p.room_fk",
            "p.rack_fk",
        ],
    },
    Query {
        kind: ComponentKind::PowerUnit,
        sql: include_str!("doql/powerunits.sql"),
        required: &["p.pdu_pk", "p.name"],
    },
];

/// What an appliance has: columns by view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dictionary(BTreeMap<String, BTreeSet<String>>);

impl Dictionary {
    /// Reads `[{"view": .., "columns": [{"column": ..}]}]`. `None`: it is written otherwise.
    pub(super) fn read(answer: &Value) -> Option<Self> {
        let mut views = BTreeMap::new();
        for view in answer.as_array()? {
            let row = Row(view);
            let name = row.first_text(&["view", "view_name", "name"])?;
            let columns = view.get("columns")?.as_array()?.iter();
            let names = columns.filter_map(|it| match it {
                Value::String(name) => Some(name.clone()),
                other => Row(other).first_text(&["column", "column_name", "name"]),
            });
            views.insert(name.to_lowercase(), names.map(|it| it.to_lowercase()).collect());
        }
        (!views.is_empty()).then_some(Self(views))
    }

    fn has(&self, view: &str, column: &str) -> bool {
        self.0.get(view).is_some_and(|it| it.contains(column))
    }
}

/// A query that the appliance can answer, and what it does without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fitted {
    pub(super) sql: String,
    pub(super) warnings: Vec<String>,
}

impl Query {
    /// As it stands: for an appliance whose dictionary is not to be had.
    pub(super) fn unfitted(&self) -> Fitted {
        Fitted { sql: self.sql.to_owned(), warnings: Vec::new() }
    }

    /// Fitted to what the appliance has.
    ///
    /// # Errors
    /// The columns that it lacks and that cannot be done without.
    pub(super) fn fit(&self, dictionary: &Dictionary) -> Result<Fitted, Failure> {
        let mut warnings = Vec::new();
        let mut views = BTreeMap::new();
        let mut gone = BTreeSet::new();
        let mut kept = Vec::new();
        for line in self.sql.lines() {
            let tables = tables(line);
            let lost = tables.iter().find(|(view, _)| !dictionary.0.contains_key(view));
            match lost {
                Some((view, alias)) if line.trim_start().starts_with("LEFT JOIN") => {
                    warnings.push(format!(
                        "there is no {view}: what it would tell of a {} stays unknown",
                        self.kind
                    ));
                    gone.insert(alias.clone());
                }
                _ => kept.push(line),
            }
            views.extend(tables.into_iter().map(|(view, alias)| (alias, view)));
        }
        let mut missing = Vec::new();
        let sql = replace_columns(&kept.join("\n"), |alias, column| {
            if gone.contains(alias) {
                return true;
            }
            let Some(view) = views.get(alias) else { return false };
            if dictionary.has(view, column) {
                return false;
            }
            let name = format!("{view}.{column}");
            if self.required.contains(&format!("{alias}.{column}").as_str()) {
                if !missing.contains(&name) {
                    missing.push(name);
                }
            } else {
                warnings.push(format!("there is no {name}: it stays unknown"));
            }
            true
        });
        if missing.is_empty() {
            return Ok(Fitted { sql, warnings });
        }
        let reason = format!(
            "the data dictionary has no {}, which a {} needs: is the appliance too old, or may our account not read it?",
            missing.join(", "),
            self.kind
        );
        Err(Failure::new(SnapshotError::Schema, reason))
    }
}

impl Fitted {
    /// The text for one page.
    pub(super) fn page(&self, after: u64, rows: usize, software_types: &[String]) -> String {
        // Types are words of ours, checked by the configuration: no quote can be in them.
        let types: Vec<String> = software_types.iter().map(|it| format!("'{it}'")).collect();
        let types = if types.is_empty() { "''".to_owned() } else { types.join(", ") };
        self.sql
            .replace("{after}", &after.to_string())
            .replace("{rows}", &rows.to_string())
            .replace("{software_types}", &types)
    }
}

/// The views of a line with their aliases: `FROM view_os_v1 o`.
fn tables(line: &str) -> Vec<(String, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let pairs = words.windows(3).filter_map(|three| match three {
        ["FROM" | "JOIN", view, alias] if view.starts_with("view_") => {
            Some(((*view).to_owned(), alias.trim_matches(')').to_owned()))
        }
        _ => None,
    });
    pairs.collect()
}

/// The text with NULL in place of each `alias.column` of which `is_gone` says so.
fn replace_columns(sql: &str, mut is_gone: impl FnMut(&str, &str) -> bool) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut word = String::new();
    let mut end = |word: &mut String, out: &mut String| {
        match word.split_once('.') {
            Some((alias, column)) if is_gone(alias, column) => out.push_str("NULL"),
            _ => out.push_str(word),
        }
        word.clear();
    };
    for letter in sql.chars() {
        if letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.') {
            word.push(letter);
        } else {
            end(&mut word, &mut out);
            out.push(letter);
        }
    }
    end(&mut word, &mut out);
    out
}

/// The rows of an answer: an array; an object is an error, also with status 200.
pub(super) fn rows(answer: Value) -> Result<Vec<Value>, Failure> {
    match answer {
        Value::Array(rows) => Ok(rows),
        other => Err(refusal(&other)),
    }
}

/// What an answer says that is no list.
pub(super) fn refusal(answer: &Value) -> Failure {
    let row = Row(answer);
    match (row.first_text(&["msg", "message", "error", "detail"]), row.text("code")) {
        (None, None) => Failure::malformed("the answer is no list of rows"),
        (words, code) => {
            let code = code.map(|it| format!(" (code {it})")).unwrap_or_default();
            let words = words.unwrap_or_default();
            Failure::new(SnapshotError::ServerError, format!("the appliance refuses{code}: {words}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dictionary, QUERIES, Query, replace_columns, rows, tables};
    use crate::model::{ComponentKind, SnapshotError};
    use serde_json::json;
    use std::collections::BTreeSet;

    /// Every view and column that a query names.
    fn used(query: &Query) -> BTreeSet<(String, String)> {
        let views: Vec<_> = query.sql.lines().flat_map(tables).collect();
        let mut used = BTreeSet::new();
        replace_columns(query.sql, |alias, column| {
            if let Some((view, _)) = views.iter().find(|(_, it)| it == alias) {
                used.insert((view.clone(), column.to_owned()));
            }
            false
        });
        used
    }

    fn dictionary(without: &[(&str, &str)]) -> Dictionary {
        let mut views = std::collections::BTreeMap::<String, BTreeSet<String>>::new();
        for (view, column) in QUERIES.iter().flat_map(used) {
            if !without.iter().any(|(v, c)| *v == view && (*c == column || c.is_empty())) {
                views.entry(view).or_default().insert(column);
            }
        }
        Dictionary(views)
    }

    fn query(kind: ComponentKind) -> &'static Query {
        QUERIES.iter().find(|it| it.kind == kind).unwrap()
    }

    #[test]
    fn a_whole_dictionary_changes_nothing() {
        for query in QUERIES {
            let fitted = query.fit(&dictionary(&[])).unwrap();
            assert_eq!(fitted.sql.trim_end(), query.sql.trim_end());
            assert_eq!(fitted.warnings, [] as [String; 0]);
            assert!(query.required.iter().all(|it| query.sql.contains(it)), "{}", query.kind);
            assert!(query.sql.starts_with("SELECT") || query.sql.starts_with("WITH"));
            assert!(!query.sql.contains("FROM ("), "DOQL has no sub-query in FROM");
            let page = fitted.page(7, 100, &["managed".to_owned()]);
            assert!(page.contains("> 7\n") && page.contains("LIMIT 100") && !page.contains('{'), "{page}");
        }
    }

    #[test]
    fn what_is_optional_leaves() {
        let fitted = query(ComponentKind::Subnet)
            .fit(&dictionary(&[("view_vrfgroup_v1", ""), ("view_subnet_v1", "range_begin")]))
            .unwrap();
        assert!(!fitted.sql.contains("view_vrfgroup_v1"), "{}", fitted.sql);
        assert!(
            fitted.sql.contains("NULL AS vrf") && fitted.sql.contains("CAST(NULL AS VARCHAR) AS range_begin")
        );
        assert!(fitted.sql.contains("CAST(s.range_end AS VARCHAR)"));
        assert_eq!(fitted.warnings.len(), 2, "{:?}", fitted.warnings);
    }

    #[test]
    fn what_is_required_is_told_by_name() {
        let failure = query(ComponentKind::Software)
            .fit(&dictionary(&[
                ("view_software_v1", "licensed_count"),
                ("view_software_v1", "software_type"),
            ]))
            .unwrap_err();
        assert_eq!(failure.class, SnapshotError::Schema);
        for words in ["view_software_v1.licensed_count", "view_software_v1.software_type"] {
            assert!(failure.reason.contains(words), "{}", failure.reason);
        }
        assert!(query(ComponentKind::Software).fit(&dictionary(&[("view_software_v1", "")])).is_err());
    }

    #[test]
    fn dictionaries() {
        let read = |answer| Dictionary::read(&answer);
        let full = read(
            json!([{"view": "view_os_v1", "columns": [{"column": "OS_PK", "data_type": "int"}, "name"]}]),
        );
        assert!(full.is_some_and(|it| it.has("view_os_v1", "os_pk") && it.has("view_os_v1", "name")));
        for other in [json!([]), json!({}), json!([{"table": "x"}]), json!([{"view": "x"}]), json!("")] {
            assert!(Dictionary::read(&other).is_none(), "{other}");
        }
    }

    #[test]
    fn errors_inside_of_a_good_status() {
        assert_eq!(rows(json!([{"id": 1}])).unwrap().len(), 1);
        let refused = rows(json!({"msg": "not licensed", "code": 3})).unwrap_err();
        assert_eq!(refused.class, SnapshotError::ServerError);
        assert_eq!(refused.reason, "the appliance refuses (code 3): not licensed");
        assert_eq!(rows(json!("")).unwrap_err().class, SnapshotError::Malformed);
    }
}
