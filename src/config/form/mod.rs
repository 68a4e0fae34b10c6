//! How values are written: one form a kind of value, with what it takes, what it says when it gets
//! something else, and what it hands on. A value that passes its form needs no second look.

mod duration;
mod labels;
mod network;
mod number;
mod path;
mod selection;
mod text;
mod threshold;
mod usm;

pub(super) use labels::rated_kinds;
pub(super) use network::is_loopback;

use super::check::{Checker, Spot};
use super::schema::Table;
use crate::snmp::v3::{AuthProtocol, PrivProtocol};
use figment::value::Value;
use std::time::Duration;

/// How a value is written.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// A short text in one line.
    Text,
    /// A text of several lines.
    Note,
    /// A text that is never shown.
    Secret,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// The name of an environment variable.
    Variable,
    /// An authentication protocol of SNMPv3.
    Authentication,
    /// A privacy protocol of SNMPv3.
    Privacy,
    /// An engine ID of SNMPv3.
    EngineId,
    /// A file or folder.
    Path,
    /// A list of folders.
    Paths,
    /// true or false.
    Flag,
    /// A whole number.
    Count {
        /// The least that is allowed.
        least: i64,
        /// The most that is allowed.
        most: i64,
    },
    /// The version of the format.
    Version,
    /// Any number.
    Number,
    /// A time with its unit.
    Duration {
        /// The least that is allowed.
        least: Duration,
        /// The most that is allowed.
        most: Duration,
    },
    /// An IP address and a port to listen on.
    Listen,
    /// A list of IP addresses.
    Addresses,
    /// A web address.
    Url,
    /// Names and values of an operator.
    Labels,
    /// Templates by name, or one alone.
    Templates,
    /// Amperes by kind of component.
    Rated,
    /// A number, or one with its clear value.
    Threshold,
    /// Which objects a rule is for.
    Selection,
    /// A small table, as the value of a key of another.
    Inline(&'static Table),
    /// A table.
    Table(&'static Table),
    /// Tables, each with a name of the user's.
    Named(&'static Table),
    /// A list of tables.
    List(&'static Table),
}

impl Form {
    /// What it takes, as in "takes a duration".
    #[must_use]
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Text | Self::Note | Self::Secret => "a text",
            Self::Choice(_) => "one of a few texts",
            Self::Texts => "a list of texts",
            Self::Variable => "the name of an environment variable",
            Self::Authentication => "an authentication protocol",
            Self::Privacy => "a privacy protocol",
            Self::EngineId => "an engine ID in hexadecimal",
            Self::Path => "a path",
            Self::Paths => "a list of paths",
            Self::Flag => "true or false",
            Self::Count { .. } => "a whole number",
            Self::Version => "the number of a version",
            Self::Number => "a number",
            Self::Duration { .. } => "a duration",
            Self::Listen => "an IP address and port",
            Self::Addresses => "a list of IP addresses",
            Self::Url => "a URL",
            Self::Labels => "a table of names and texts",
            Self::Templates => "a table of names and templates, or one template",
            Self::Rated => "a table of component kinds and amperes",
            Self::Threshold => "a number or range, or a table with value and clear",
            Self::Inline(_) => "a table",
            Self::Selection => "\"all\", a list of names, or a table with match",
            Self::Table(_) => "a table",
            Self::Named(_) => "tables with names",
            Self::List(_) => "a list of tables",
        }
    }

    /// What it takes, with its limits: for the reference.
    #[must_use]
    pub fn described(&self) -> String {
        match self {
            Self::Choice(words) => either(words),
            Self::Count { least, most } => format!("whole number, {least} to {most}"),
            Self::Duration { least, most } => {
                format!("duration, {} to {}", duration::shown(*least), duration::shown(*most))
            }
            Self::Authentication => either(&AuthProtocol::ALL.map(AuthProtocol::name)),
            Self::Privacy => either(&PrivProtocol::ALL.map(PrivProtocol::name)),
            Self::Labels => "table of texts".to_owned(),
            Self::Templates => "table of templates, or one".to_owned(),
            Self::Rated => "table of amperes".to_owned(),
            _ => {
                let what = self.what();
                ["a ", "an ", "the "].iter().find_map(|it| what.strip_prefix(it)).unwrap_or(what).to_owned()
            }
        }
    }

    /// Checks a value, says what is wrong with it, and hands on what it means. `None`: it is wrong.
    pub(super) fn lower(&self, checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
        match self {
            Self::Text => text::text(checker, spot),
            Self::Note => text::note(checker, spot),
            Self::Secret => text::secret(checker, spot),
            Self::Choice(words) => text::choice(checker, spot, words),
            Self::Texts => text::texts(checker, spot),
            Self::Variable => text::variable(checker, spot),
            Self::Authentication => usm::protocol(checker, spot, AuthProtocol::name, &AuthProtocol::ALL),
            Self::Privacy => usm::protocol(checker, spot, PrivProtocol::name, &PrivProtocol::ALL),
            Self::EngineId => usm::engine_id(checker, spot),
            Self::Path => path::path(checker, spot),
            Self::Paths => path::paths(checker, spot),
            Self::Flag => number::flag(checker, spot),
            Self::Count { least, most } => number::count(checker, spot, *least, *most),
            Self::Version => number::version(checker, spot),
            Self::Number => number::number(checker, spot),
            Self::Duration { least, most } => duration::duration(checker, spot, *least, *most),
            Self::Listen => network::listen(checker, spot),
            Self::Addresses => network::addresses(checker, spot),
            Self::Url => network::url(checker, spot),
            Self::Labels => labels::labels(checker, spot),
            Self::Templates => labels::templates(checker, spot),
            Self::Rated => labels::rated(checker, spot),
            Self::Threshold => threshold::threshold(checker, spot),
            Self::Selection => selection::selection(checker, spot),
            Self::Inline(table) => checker.inline(spot, table),
            Self::Table(table) => checker.one(spot, table),
            Self::Named(table) => checker.named(spot, table),
            Self::List(table) => checker.list(spot, table),
        }
    }
}

/// The names of the protocols that a form takes.
pub(super) fn protocols(form: &Form) -> Vec<&'static str> {
    match form {
        Form::Authentication => AuthProtocol::ALL.map(AuthProtocol::name).to_vec(),
        Form::Privacy => PrivProtocol::ALL.map(PrivProtocol::name).to_vec(),
        _ => Vec::new(),
    }
}

/// Words for the reference.
fn either(words: &[&str]) -> String {
    words.iter().map(|it| format!("`\"{it}\"`")).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
pub(super) mod testing {
    //! One key in a table, checked.

    use crate::config::check;
    use crate::config::layer::Layer;
    use crate::config::report::Report;
    use crate::config::source::{Source, SourceName};
    use figment::value::Value;

    fn checked(table: &str, line: &str) -> (check::Lowered, Vec<String>) {
        let heading =
            if matches!(table, "devices" | "alerts") { format!("[[{table}]]") } else { format!("[{table}]") };
        let name = SourceName::File("/etc/rackwarden/rackwarden.toml".into());
        let sources = [Source { name, text: format!("{heading}\n{line}\n") }];
        let mut report = Report::default();
        let layers = Layer::of(&sources, &mut report);
        let lowered = check::layer(&layers[0], &mut report);
        let said = report.finish(&sources).0.into_iter();
        // Each case is one key: that others are absent is said too, and of no interest here.
        let words = said.filter(|it| !it.message.starts_with("this [[")).map(|it| match it.help {
            Some(help) => format!("{} (help: {help})", it.message),
            None => it.message,
        });
        (lowered, words.collect())
    }

    /// What is said of a line in a table.
    pub(in crate::config) fn said(table: &str, line: &str) -> Vec<String> {
        checked(table, line).1
    }

    /// What a key is lowered to.
    pub(in crate::config) fn lowered(table: &str, line: &str, key: &str) -> Option<Value> {
        let (lowered, said) = checked(table, line);
        assert_eq!(said, [] as [String; 0]);
        let element = lowered.appending.get(table).and_then(|it| it.as_array()?.first());
        element.or_else(|| lowered.replacing.get(table))?.find_ref(key).cloned()
    }
}
