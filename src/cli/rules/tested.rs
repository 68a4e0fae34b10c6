//! `rules test FILE`: unit tests of rules. The format is in docs/rules.md.

use super::super::ConfigArguments;
use super::super::exit::Exit;
use super::{RuleArguments, rules_of};
use crate::rules::Rule;
use crate::trial::suite::{Suite, SuiteError, Verdict};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `rules test`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Files of tests
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only tests whose name holds this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    #[command(flatten)]
    config: ConfigArguments,
}

pub(super) const HELP: &str = "\
A test says what is read, poll by poll, and what is to be said when:

  rules = [\"alerts.toml\"]     # beside this file; none: the configuration's rules

  [[test]]
  name = \"a loaded infeed pages after half a minute\"
  interval = \"10s\"
  series = [
    { object = \"a/infeed/1\", quantity = \"current\", rated = 16,
      values = \"10 13x5 11.9\" },
  ]
  expect = [
    { at = \"40s\", rule = \"infeed load\", object = \"a/infeed/1\", is = \"warning\" },
    { at = \"1m\", rule = \"infeed load\", is = \"resolved\" },
  ]

All that is said must be expected. Values: numbers in base units, 13x5 (five times), 10+2x5 (10 12 14 16 18), \
_ (missing), ! (nobody answers); of quantity \"state\": ok, warning, on_battery, .. (docs/rules.md has all).

Exit codes: 0 all tests pass, 1 some fail, 3 a file has mistakes";

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Exit> {
    let mut totals = Totals::default();
    for path in &arguments.files {
        let text = std::fs::read_to_string(path).map_err(|error| {
            eprintln!("rackwarden: {}: {error}", path.display());
            Exit::Config
        })?;
        let suite = Suite::parse(&text).map_err(|error| {
            let exit = mistaken(path, None, &error);
            if text.contains("[[alerts]]") {
                eprintln!("these are rules: tests of them stand in a file of their own, see `rackwarden rules test --help`");
            }
            exit
        })?;
        let rules = rules(&suite, path, &arguments.config)?;
        println!("{}", path.display());
        for test in &suite.tests {
            if arguments.filter.as_ref().is_some_and(|it| !test.name.contains(it.as_str())) {
                continue;
            }
            let verdict =
                test.run(&suite, &rules).map_err(|error| mistaken(path, Some(&test.name), &error))?;
            totals.count(&test.name, verdict);
        }
        let silent: Vec<&str> = rules
            .iter()
            .filter(|it| it.enabled && !totals.fired.contains(&it.name))
            .map(|it| &*it.name)
            .collect();
        if !silent.is_empty() && arguments.filter.is_none() {
            let shown = silent.iter().take(SILENT_MAX).copied().collect::<Vec<_>>().join(", ");
            let more = match silent.len().saturating_sub(SILENT_MAX) {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            println!("  rules that no test makes fire: {shown}{more}");
        }
    }
    let tests = u64::try_from(totals.tests).unwrap_or(u64::MAX);
    println!("{}, {} failed", super::check::count(tests, "test"), totals.failed);
    if totals.tests == 0 {
        eprintln!("rackwarden: there is no test to run");
        return Ok(Exit::Config);
    }
    Ok(if totals.failed == 0 { Exit::Ok } else { Exit::Failed })
}

/// Names that two lines have room for.
const SILENT_MAX: usize = 6;

fn rules(suite: &Suite, path: &Path, config: &ConfigArguments) -> Result<Vec<Rule>, Exit> {
    if suite.rules.is_empty() {
        return Ok(RuleArguments { rules: Vec::new(), config: config.clone() }.load()?.rules);
    }
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    rules_of(&suite.rules.iter().map(|it| folder.join(it)).collect::<Vec<_>>())
}

fn mistaken(path: &Path, test: Option<&str>, error: &SuiteError) -> Exit {
    let test = test.map(|it| format!("test \"{it}\": ")).unwrap_or_default();
    eprintln!("rackwarden: {}: {test}{error}", path.display());
    Exit::Config
}

#[derive(Default)]
struct Totals {
    tests: usize,
    failed: usize,
    fired: BTreeSet<Arc<str>>,
}

impl Totals {
    fn count(&mut self, name: &str, verdict: Verdict) {
        self.tests += 1;
        let is_good = verdict.is_good();
        println!("  {}  {name}", if is_good { "ok  " } else { "FAIL" });
        for it in &verdict.missing {
            println!("        expected  {it}");
        }
        for it in &verdict.unexpected {
            println!("        but said  {it}");
        }
        self.failed += usize::from(!is_good);
        self.fired.extend(verdict.fired);
    }
}
