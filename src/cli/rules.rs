//! `rules check|list|explain|test|replay|record|suggest`: what rules match, why they fire or not, and what
//! they would have done.

mod by_hand;
mod check;
mod daemon;
mod explain;
mod frames;
mod replay;
mod suggest;
mod tested;

use super::ConfigArguments;
use super::exit::Exit;
use super::target::{colour, profiles};
use crate::config::{Config, Secrets, Settings, render};
use crate::model::{Diagnostic, Ratings};
use crate::rules::{Rule, Ruleset};
use std::path::PathBuf;
use std::sync::Arc;

/// What to do with rules.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Check the rules and show what each of them matches
    #[command(after_help = check::HELP)]
    Check(check::Arguments),
    /// List the rules: type, trigger, objects, levels, waits
    #[command(after_help = check::LIST_HELP)]
    List(check::ListArguments),
    /// Say why a rule fires or not, now: asks the daemon, or polls once
    #[command(after_help = explain::HELP)]
    Explain(explain::Arguments),
    /// Run unit tests of rules: readings in, expected alerts out
    #[command(after_help = tested::HELP)]
    Test(tested::Arguments),
    /// Play recorded polls through the rules: what would have been paged, and when
    #[command(after_help = replay::HELP)]
    Replay(replay::Arguments),
    /// Record what the daemon polls, for replay and suggest
    #[command(after_help = replay::RECORD_HELP)]
    Record(replay::RecordArguments),
    /// Propose thresholds from ratings and from what was read, as TOML to copy; changes nothing
    #[command(after_help = suggest::HELP)]
    Suggest(suggest::Arguments),
}

/// Where the rules are.
#[derive(Debug, Clone, clap::Args)]
struct RuleArguments {
    /// Take the rules from this file alone, instead of the configuration's; may be given more than once
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigArguments,
}

/// Does it.
pub(super) fn run(verb: &Verb) -> Exit {
    let done = match verb {
        Verb::Check(arguments) => check::check(arguments),
        Verb::List(arguments) => check::list(arguments),
        Verb::Explain(arguments) => explain::run(arguments),
        Verb::Test(arguments) => tested::run(arguments),
        Verb::Replay(arguments) => replay::replay(arguments),
        Verb::Record(arguments) => replay::record(arguments),
        Verb::Suggest(arguments) => suggest::run(arguments),
    };
    match done {
        Ok(exit) | Err(exit) => exit,
    }
}

/// Rules and, where there is a configuration, what else it says.
struct Loaded {
    rules: Vec<Rule>,
    settings: Option<Settings>,
    /// What is allowed, but most likely not meant.
    warnings: Vec<Diagnostic>,
}

impl Loaded {
    /// Neither rules nor a configuration.
    const fn none() -> Self {
        Self { rules: Vec::new(), settings: None, warnings: Vec::new() }
    }

    /// The devices and inventories of the configuration.
    fn names(&self) -> Vec<String> {
        self.settings.iter().flat_map(Settings::names).map(str::to_owned).collect()
    }

    /// The rules ready to bind, with the ratings that devices are given by hand.
    fn ruleset(&self) -> Ruleset {
        self.ruleset_of(self.rules.clone())
    }

    /// The same with that rule switched on in any case.
    fn ruleset_with(&self, wanted: &Rule) -> Ruleset {
        let mut rules = self.rules.clone();
        rules.iter_mut().filter(|it| it.name == wanted.name).for_each(|it| it.enabled = true);
        self.ruleset_of(rules)
    }

    fn ruleset_of(&self, rules: Vec<Rule>) -> Ruleset {
        let devices = self.settings.iter().flat_map(Settings::polled);
        let rated = devices.filter(|it| !it.rated_current_amperes.is_empty()).map(|device| {
            let by_kind = device.rated_current_amperes.iter().map(|(kind, amperes)| {
                (*kind, Ratings { current_amperes: Some(*amperes), ..Ratings::default() })
            });
            (Arc::clone(device.name), by_kind.collect())
        });
        Ruleset::compile(rules).with_device_ratings(rated)
    }
}

impl RuleArguments {
    /// The rules; mistakes are printed and end the command. Secrets do not matter here.
    fn load(&self) -> Result<Loaded, Exit> {
        self.load_with(Secrets::Optional)
    }

    /// The same where devices will be asked, for which secrets matter.
    fn load_to_poll(&self) -> Result<Loaded, Exit> {
        self.load_with(Secrets::Required)
    }

    fn load_with(&self, secrets: Secrets) -> Result<Loaded, Exit> {
        let settings = match self.rules.is_empty() || self.config.is_there() {
            true => match Config::new(&self.config.config).secrets(secrets).read() {
                Ok(loaded) => Some(loaded),
                // With rules of its own, the command can do without.
                Err(_) if !self.rules.is_empty() => None,
                Err(mistakes) => {
                    eprint!("{}", render(&mistakes, colour()));
                    return Err(Exit::Config);
                }
            },
            false => None,
        };
        let warnings = settings.as_ref().map(|it| it.warnings.clone()).unwrap_or_default();
        let settings = settings.map(|it| it.settings);
        if self.rules.is_empty() {
            let rules = settings.as_ref().map(|it| it.rules.clone()).unwrap_or_default();
            return Ok(Loaded { rules, settings, warnings });
        }
        let rules = rules_of(&self.rules)?;
        Ok(Loaded { rules, settings, warnings: Vec::new() })
    }
}

/// The rules of files alone.
fn rules_of(files: &[PathBuf]) -> Result<Vec<Rule>, Exit> {
    let (mut rules, mut mistakes) = (Vec::<Rule>::new(), Vec::new());
    for file in files {
        match Config::rules_of(file) {
            Ok((found, _)) => rules.extend(found),
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() {
        return Ok(rules);
    }
    eprint!("{}", render(&mistakes, colour()));
    Err(Exit::Config)
}

/// The rule of that name, or a word on those that there are.
fn find<'a>(rules: &'a [Rule], name: &str) -> Result<&'a Rule, Exit> {
    rules.iter().find(|it| *it.name == *name).ok_or_else(|| {
        let part = |it: &&Rule| it.name.to_lowercase().contains(&name.to_lowercase());
        let near = crate::model::closest(name, rules.iter().map(|it| &*it.name))
            .or_else(|| rules.iter().find(part).map(|it| &*it.name));
        let help = near.map_or_else(
            || "`rackwarden rules list` shows those that there are".to_owned(),
            |it| format!("did you mean \"{it}\"?"),
        );
        eprintln!("rackwarden: there is no rule \"{name}\": {help}");
        Exit::Usage
    })
}

/// A runtime for one question.
fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        eprintln!("rackwarden: cannot start a runtime: {error}");
        Exit::Failed
    })
}

/// Rows as a table: columns as wide as their widest cell, up to a limit, the last one as it is.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |at: usize| rows.iter().filter_map(|it| it.get(at)).map(|it| it.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(|at| width(at).min(COLUMN_CHARS_MAX)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// A column that is wider than this pushes its row out, and no others.
const COLUMN_CHARS_MAX: usize = 44;
