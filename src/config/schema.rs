//! The one list of what a configuration may hold: tables, keys, how each is written, its default.
//! The checker, the built-in defaults, the environment, docs/configuration.md and the shipped
//! rackwarden.toml all follow it, and tests hold them to it.

use super::form::Form;
use super::tables;

/// One key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// How its value is written.
    pub form: Form,
    /// What stands there if the user says nothing, as TOML. `None`: nothing.
    pub default: Option<&'static str>,
    /// Whether the table is useless without it.
    pub required: bool,
    /// A good value, as TOML. Empty for tables.
    pub example: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What users of other tools call it.
    pub misnomers: &'static [&'static str],
}

impl Key {
    pub(super) const fn new(
        name: &'static str,
        form: Form,
        example: &'static str,
        about: &'static str,
    ) -> Self {
        Self { name, form, default: None, required: false, example, about, misnomers: &[] }
    }

    pub(super) const fn table(name: &'static str, form: Form, about: &'static str) -> Self {
        Self::new(name, form, "", about)
    }

    pub(super) const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(super) const fn also(self, misnomers: &'static [&'static str]) -> Self {
        Self { misnomers, ..self }
    }
}

/// A table: its keys, in the order in which they are documented.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// The keys.
    pub keys: &'static [Key],
}

impl Table {
    /// The key of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|it| it.name == name)
    }

    /// The keys' names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|it| it.name)
    }
}

impl Form {
    /// The table behind a key that holds one, many by name, or a list of them.
    #[must_use]
    pub const fn inner(&self) -> Option<&'static Table> {
        match self {
            Self::Table(table) | Self::Named(table) | Self::List(table) => Some(table),
            _ => None,
        }
    }

    /// Whether it holds tables by name.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        matches!(self, Self::Named(_))
    }
}

/// The whole configuration.
#[must_use]
pub const fn root() -> &'static Table {
    &tables::ROOT
}

/// How a table is headed in a file: `[polling]`, `[credentials.NAME]`, `[[devices]]`.
#[must_use]
pub fn heading(key: &Key) -> String {
    match key.form {
        Form::List(_) => format!("[[{}]]", key.name),
        Form::Named(_) => format!("[{}.NAME]", key.name),
        _ => format!("[{}]", key.name),
    }
}
