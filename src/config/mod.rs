//! The configuration: files to settings, with every mistake reported at once.
//!
//! The way of a configuration: `source` finds the texts; `layer` makes each a tree with places;
//! `check` walks a tree along the [`schema`], where each value passes its [`Form`]; `merge` lays
//! the layers over each other (figment) into the typed mirror `raw`; `validate` resolves what
//! crosses values and files, and hands on [`Settings`]. A step never stops at the first mistake:
//! all of them go to one report, with file, line and column.
//!
//! Invariants: [`Settings`] exist only without a mistake; nothing printed from here holds a secret
//! (`render` masks the lines that it shows); the process environment is read by
//! [`Environment::of_process`] alone.

mod check;
mod difference;
mod effective;
mod environment;
mod form;
mod json_schema;
mod layer;
mod limits;
mod mask;
mod merge;
mod raw;
mod render;
mod report;
pub mod schema;
mod secrets;
pub mod settings;
mod source;
mod suggest;
mod syntax;
mod tables;
mod validate;

pub use difference::Difference;
pub use effective::Effective;
pub use environment::Environment;
pub use form::Form;
pub use json_schema::json_schema;
pub use limits::FORMAT_VERSION;
pub use render::{render, render_warnings};
pub use settings::{LogFormat, LogLevel, LogSettings, PollingSettings, Settings, TrapSettings};

use crate::message::Messages;
use crate::model::Diagnostic;
use crate::rules::Rule;
use layer::Layer;
use report::{Place, Report};
use source::Source;
use std::path::{Path, PathBuf};

/// Where the main file lies unless the user names another.
pub const DEFAULT_PATH: &str = "/etc/rackwarden/rackwarden.toml";

/// Checks a text as a main file alone, for the fuzzer: no other file is read for it but those it names.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_text(text: &str) {
    let path = Path::new("fuzz.toml");
    let config = Config {
        main: path,
        environment: Environment::default(),
        secrets: Secrets::Optional,
        profiles: Some(&|_| Vec::new()),
    };
    let mut report = Report::default();
    let sources = [Source { name: source::SourceName::File(path.to_owned()), text: text.to_owned() }];
    let settings = config.settings(&sources, &mut report);
    let (mistakes, _) = report.finish(&sources);
    // What is wrong is said, and nothing but that stands in the way.
    assert!(settings.is_some() || !mistakes.is_empty());
    assert!(mistakes.iter().all(|it| !render(std::slice::from_ref(it), false).is_empty()));
}

/// What to load, and how.
#[derive(Clone)]
pub struct Config<'a> {
    main: &'a Path,
    environment: Environment,
    secrets: Secrets,
    profiles: Option<ProfileNames<'a>>,
}

/// The names of the profiles that there are, given the user's folders.
pub type ProfileNames<'a> = &'a dyn Fn(&[PathBuf]) -> Vec<String>;

/// Whether secrets must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// To run: a secret that cannot be read is a mistake.
    Required,
    /// To look at a configuration away from its host: such a secret is a warning, and empty.
    Optional,
}

/// A configuration without mistakes.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it says.
    pub settings: Settings,
    /// What is allowed, but most likely not meant.
    pub warnings: Vec<Diagnostic>,
    /// The files that were read, in the order of reading.
    pub files: Vec<PathBuf>,
}

impl<'a> Config<'a> {
    /// Loads the main file, what lies in conf.d and devices.d beside it, and the process's environment.
    ///
    /// # Errors
    /// All mistakes in all files, in the order of files and lines.
    pub fn load(main: &Path) -> Result<Loaded, Vec<Diagnostic>> {
        Config::new(main).read()
    }

    /// The same in steps: what is not said otherwise is as in [`Self::load`].
    #[must_use]
    pub fn new(main: &'a Path) -> Self {
        Self { main, environment: Environment::of_process(), secrets: Secrets::Required, profiles: None }
    }

    /// With another environment than the process's.
    #[must_use]
    pub fn environment(self, environment: Environment) -> Self {
        Self { environment, ..self }
    }

    /// Whether secrets must be there.
    #[must_use]
    pub fn secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// The profiles that devices may name, in place of those built in and in the user's folders.
    #[must_use]
    pub fn profiles(self, names: ProfileNames<'a>) -> Self {
        Self { profiles: Some(names), ..self }
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    /// All mistakes in all files, in the order of files and lines.
    pub fn read(&self) -> Result<Loaded, Vec<Diagnostic>> {
        let mut report = Report::default();
        let sources = source::gather(self.main, &self.environment, &mut report);
        let settings = self.settings(&sources, &mut report);
        let (mistakes, mut warnings) = report.finish(&sources);
        for (name, meant) in self.environment.near_misses() {
            let help = format!("tables and keys are divided by two underscores: {meant}");
            let unread = Diagnostic::of_file(format!("${name}"), "this environment variable is not read");
            warnings.push(unread.with_help(help));
        }
        let files = sources.iter().filter_map(|it| it.name.file()).map(Path::to_owned).collect();
        match settings {
            Some(settings) if mistakes.is_empty() => Ok(Loaded { settings, warnings, files }),
            _ => Err(mistakes),
        }
    }

    /// The configuration as it counts, with the origin of each value.
    ///
    /// # Errors
    /// All mistakes in all files, as of [`Self::read`].
    pub fn effective(&self) -> Result<Effective, Vec<Diagnostic>> {
        let mut report = Report::default();
        let sources = source::gather(self.main, &self.environment, &mut report);
        let settings = self.settings(&sources, &mut report);
        let (mistakes, _) = report.finish(&sources);
        if settings.is_none() || !mistakes.is_empty() {
            return Err(mistakes);
        }
        let layers = Layer::of(&sources, &mut Report::default());
        let names: Vec<_> = sources.iter().map(|it| &it.name).collect();
        Ok(Effective::of(&layers, &names))
    }

    /// The rules of a file alone, with the texts of their pages: what they name may be defined elsewhere.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn rules_of(file: &Path) -> Result<(Vec<Rule>, Messages), Vec<Diagnostic>> {
        let mut report = Report::default();
        let text = std::fs::read_to_string(file)
            .map_err(|error| vec![Diagnostic::of_file(file, format!("it cannot be read: {error}"))])?;
        let sources = [Source { name: source::SourceName::File(file.to_owned()), text }];
        report.incomplete();
        let config = Config { secrets: Secrets::Optional, ..Config::new(file) };
        let config =
            Config { environment: Environment::default(), profiles: Some(&|_| Vec::new()), ..config };
        let settings = config.settings(&sources, &mut report);
        let (mistakes, _) = report.finish(&sources);
        match settings {
            Some(settings) if mistakes.is_empty() => Ok((settings.rules, settings.notify.messages)),
            _ => Err(mistakes),
        }
    }

    /// The settings that the sources come to, whatever the report says of them.
    fn settings(&self, sources: &[Source], report: &mut Report) -> Option<Settings> {
        let layers = Layer::of(sources, report);
        let mut found = report.follower();
        let lowered = layers.iter().map(|it| check::layer(it, &mut found)).collect();
        let figment = merge::merge(&layers, lowered);
        let raw = match merge::extract(&figment) {
            Ok(raw) => raw,
            Err(places) => {
                report.mistake(
                    Place::whole(0),
                    format!("rackwarden contradicts itself {places}: this is a defect of its own"),
                );
                return None;
            }
        };
        let files: Vec<&Path> = sources.iter().filter_map(|it| it.name.file()).collect();
        let mut context = validate::Context {
            layers: validate::Layers::new(&layers, &figment, &files),
            report: &mut found,
            environment: &self.environment,
            profiles: self.profiles,
            secrets: self.secrets,
        };
        let settings = validate::settings(&mut context, &raw);
        report.absorb(found);
        Some(settings)
    }
}
