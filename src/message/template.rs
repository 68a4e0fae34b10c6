//! One template: minijinja within limits, over a fixed set of fields.

use super::device42;
use super::fields::FIELDS;
use crate::model::closest;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use std::fmt;

/// A compiled template. Two are equal if they were written alike.
#[derive(Clone)]
pub struct Template {
    source: String,
    environment: Environment<'static>,
}

/// Why a template cannot be used, or could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It has no text.
    #[error("it is empty")]
    Empty,
    /// It is longer than [`SOURCE_OCTETS_MAX`].
    #[error("it has {0} octets, at most {SOURCE_OCTETS_MAX} are read")]
    TooLong(usize),
    /// It is no template.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line within the template, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// It names a field that there is not.
    #[error("there is no field `{name}`")]
    UnknownField {
        /// The name.
        name: String,
    },
    /// It names a variable that Device42 does not have.
    #[error("Device42 has no variable %({name})s")]
    UnknownVariable {
        /// The name.
        name: String,
    },
    /// It took more steps than [`FUEL`].
    #[error("it takes more than {FUEL} steps")]
    TooMuchWork,
    /// It wrote more than [`OUTPUT_OCTETS_MAX`].
    #[error("it writes more than {OUTPUT_OCTETS_MAX} octets")]
    TooMuchOutput,
    /// It went wrong with these fields.
    #[error("line {line}: {message}")]
    Failed {
        /// The line within the template, from 1; 0 where that is not known.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

/// A template of a page is a few lines.
const SOURCE_OCTETS_MAX: usize = 16 << 10;
/// What one template may write: some pages of text; PagerDuty takes 512 KB for all.
const OUTPUT_OCTETS_MAX: usize = 32 << 10;
/// Steps of the template's machine: a loop over all labels takes some hundred.
const FUEL: u64 = 20_000;

const NAME: &str = "template";

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    /// [`TemplateError`]: nothing of it is used then.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        if source.trim().is_empty() {
            return Err(TemplateError::Empty);
        }
        if SOURCE_OCTETS_MAX < source.len() {
            return Err(TemplateError::TooLong(source.len()));
        }
        let translated =
            device42::translated(source).map_err(|name| TemplateError::UnknownVariable { name })?;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(RECURSION_MAX);
        environment.remove_filter("debug");
        environment.remove_global("debug");
        environment
            .add_template_owned(NAME, translated)
            .map_err(|it| TemplateError::Syntax { line: it.line().unwrap_or(1), message: words(&it) })?;
        let names =
            environment.get_template(NAME).map(|it| it.undeclared_variables(false)).unwrap_or_default();
        let is_known = |it: &str| FIELDS.iter().any(|(name, _)| *name == it) || BUILT_IN.contains(&it);
        let mut unknown: Vec<String> = names.into_iter().filter(|it| !is_known(it)).collect();
        unknown.sort();
        match unknown.into_iter().next() {
            Some(name) => Err(TemplateError::UnknownField { name }),
            None => Ok(Self { source: source.to_owned(), environment }),
        }
    }

    /// What the user wrote.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its text with these fields.
    pub(super) fn render(&self, fields: &Value) -> Result<String, TemplateError> {
        let mut out = Limited(Vec::new());
        let rendered = self
            .environment
            .get_template(NAME)
            .and_then(|it| it.render_captured_to(fields.clone(), &mut out).map(drop));
        match rendered {
            Ok(()) => Ok(String::from_utf8_lossy(&out.0).into_owned()),
            Err(error) => Err(match error.kind() {
                minijinja::ErrorKind::OutOfFuel => TemplateError::TooMuchWork,
                minijinja::ErrorKind::WriteFailure => TemplateError::TooMuchOutput,
                _ => TemplateError::Failed { line: error.line().unwrap_or(0), message: words(&error) },
            }),
        }
    }
}

impl TemplateError {
    /// What to write instead, if that can be said.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let near = |name: &str, all: &mut dyn Iterator<Item = &'static str>| {
            let all: Vec<&str> = all.collect();
            match closest(name, all.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`? there are: {}", all.join(", ")),
                None => format!("there are: {}", all.join(", ")),
            }
        };
        match self {
            Self::UnknownField { name } => Some(near(name, &mut FIELDS.iter().map(|(name, _)| *name))),
            Self::UnknownVariable { name } => Some(near(name, &mut device42::names())),
            Self::Syntax { .. } | Self::Failed { .. } => {
                Some("docs/rules.md, Templates, has the syntax and the fields".to_owned())
            }
            Self::Empty | Self::TooLong(_) | Self::TooMuchWork | Self::TooMuchOutput => None,
        }
    }
}

/// A field is one of a few levels deep.
const RECURSION_MAX: usize = 50;
/// Functions that every template has.
const BUILT_IN: [&str; 3] = ["range", "dict", "namespace"];

/// minijinja's message without the name that we gave the template.
fn words(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

struct Limited(Vec<u8>);

impl std::io::Write for Limited {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        if OUTPUT_OCTETS_MAX < self.0.len() + octets.len() {
            return Err(std::io::Error::other("too much"));
        }
        self.0.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Template {}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}
