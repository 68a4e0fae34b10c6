//! TOML's own mistakes, in words that teach; and which of them leave the rest of the file readable.

use super::report::{Place, Report};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

/// The tree of a text, as far as it can be read.
pub(super) fn parse<'t>(source: usize, text: &'t str, report: &mut Report) -> DeTable<'t> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let mut errors: Vec<(usize, Error)> =
        errors.into_iter().map(|it| (it.span().map_or(0, |span| span.start), it)).collect();
    errors.sort_by_key(|(offset, _)| *offset);
    let mut last_line = None;
    for (offset, error) in &errors {
        let line = line_start(text, *offset);
        if !is_local(error.message()) {
            report.breaks(source, line);
        }
        // The parser stumbles on over the rest of a line: its first error is the one that says why.
        if last_line.replace(line) == Some(line) {
            continue;
        }
        let Said { message, help, is_all } = explain(error, text, *offset, tree.get_ref());
        let finding = report.mistake(Place::at(source, *offset), message);
        if let Some(help) = help {
            finding.help(help);
        }
        if is_all {
            break;
        }
    }
    tree.into_inner()
}

/// Whether the error touches one value only, so that what follows means what it seems to.
fn is_local(message: &str) -> bool {
    LOCAL.iter().any(|it| message.starts_with(it))
}

/// Messages of the parser about one value. Others are taken to lose the file's structure.
const LOCAL: &[&str] = &[
    "string values must be quoted",
    "duplicate key",
    "unexpected leading zero",
    "`_` may only go between digits",
    "missing escaped value",
    "invalid boolean",
];

/// What is said of an error.
struct Said {
    message: String,
    help: Option<String>,
    /// Whether it explains all other errors of the file too.
    is_all: bool,
}

impl Said {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()), is_all: false }
    }

    fn of_file(self) -> Self {
        Self { is_all: true, ..self }
    }
}

/// What is wrong and what to write, in our words where the parser's are riddles.
fn explain(error: &Error, text: &str, offset: usize, tree: &DeTable<'_>) -> Said {
    let message = error.message();
    let written = error.span().and_then(|it| text.get(it)).unwrap_or_default().trim();
    let line = text.get(line_start(text, offset)..).unwrap_or_default().lines().next().unwrap_or_default();
    if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|it| line.starts_with(it)) {
        let help = "keep one side, and delete the lines with <<<<<<<, ======= and >>>>>>>";
        return Said::new("an unfinished merge: the lines of both sides stand here", help).of_file();
    }
    if message.starts_with("string values must be quoted") {
        return unquoted(written);
    }
    if message.starts_with("duplicate key") {
        let first = first_of(tree, written, offset).or_else(|| first_heading(text, line, offset));
        let first = first.map(|it| line_number(text, it));
        let place = first.map(|it| format!(": first in line {it}")).unwrap_or_default();
        return Said::new(format!("`{written}` stands twice{place}"), "keep one of the two");
    }
    let assigned = line.split('#').next().unwrap_or_default();
    if !assigned.contains('=') && assigned.contains(':') {
        let help = "TOML writes `key = \"value\"`, and lists of tables under [[devices]]";
        return Said::new("this is YAML, not TOML", help).of_file();
    }
    if message.starts_with("key with no value") {
        return Said::new("a key without a value", "write key = \"value\"");
    }
    if message.contains("basic string") || message.contains("literal string") {
        return Said::new("this text has no closing quote", "texts begin and end with the same quote");
    }
    Said { message: format!("this is no TOML: {message}"), help: None, is_all: false }
}

fn unquoted(written: &str) -> Said {
    match written {
        "" => Said::new("a key without a value", "write key = \"value\""),
        "yes" | "on" | "True" | "TRUE" => Said::new("this is no TOML value", "write true, without quotes"),
        "no" | "off" | "False" | "FALSE" => Said::new("this is no TOML value", "write false, without quotes"),
        _ => Said::new("a text needs quotes", "put the value between double quotes"),
    }
}

/// Where the key of that name stands that is nearest before `offset`.
fn first_of(table: &DeTable<'_>, name: &str, offset: usize) -> Option<usize> {
    let name = name.trim_matches(['"', '\'']);
    let mut found = None;
    for (key, value) in table.iter() {
        let own = (key.get_ref() == name).then_some(key.span().start);
        let inner = tables_of(value).into_iter().filter_map(|it| first_of(it, name, offset)).max();
        found = found.max(own.filter(|it| *it < offset)).max(inner);
    }
    found
}

/// Where the same table's heading stands: the tree keeps only the later of two tables.
fn first_heading(text: &str, line: &str, offset: usize) -> Option<usize> {
    let heading = line.split_inclusive(']').next().filter(|it| it.starts_with('['))?;
    let before = text.get(..line_start(text, offset))?;
    let mut at = 0;
    for other in before.split_inclusive('\n') {
        if other.starts_with(heading) {
            return Some(at);
        }
        at += other.len();
    }
    None
}

fn tables_of<'a, 't>(value: &'a Spanned<DeValue<'t>>) -> Vec<&'a DeTable<'t>> {
    match value.get_ref() {
        DeValue::Table(table) => vec![table],
        DeValue::Array(list) => list.iter().flat_map(tables_of).collect(),
        _ => Vec::new(),
    }
}

fn line_start(text: &str, offset: usize) -> usize {
    let bytes = text.as_bytes().get(..offset.min(text.len())).unwrap_or_default();
    bytes.iter().rposition(|&it| it == b'\n').map_or(0, |it| it + 1)
}

fn line_number(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&it| it == b'\n').count()
}

#[cfg(test)]
mod tests {
    use crate::config::report::Report;
    use crate::config::source::{Source, SourceName};

    fn said(text: &str) -> Vec<String> {
        let mut report = Report::default();
        super::parse(0, text, &mut report);
        let source = Source { name: SourceName::File("f".into()), text: text.to_owned() };
        report.finish(&[source]).0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn says_one_thing_a_line() {
        assert_eq!(
            said("a = 10s\nb = yes\nc =\n"),
            [
                "f:1:5: a text needs quotes (help: put the value between double quotes)",
                "f:2:5: this is no TOML value (help: write true, without quotes)",
                "f:3:4: a key without a value (help: write key = \"value\")",
            ]
        );
        assert_eq!(
            said("[a]\nx = 1\n[b]\nx = 1\n[a]\ny = 1\n"),
            ["f:5:2: `a` stands twice: first in line 1 (help: keep one of the two)"]
        );
        assert_eq!(said("a = 1 b = 2").len(), 1);
        assert_eq!(
            said("polling:\n  interval: 1\n").first().map(String::as_str),
            Some(
                "f:1:8: this is YAML, not TOML (help: TOML writes `key = \"value\"`, and lists of tables under [[devices]])"
            )
        );
    }

    #[test]
    fn knows_what_loses_the_structure() {
        for (text, broken) in
            [("a = 10s\n", false), ("a = 1\na = 2\n", false), ("[a\nx = 1\n", true), ("a = [1\n", true)]
        {
            let mut report = Report::default();
            super::parse(0, text, &mut report);
            assert_eq!(report.is_broken(0), broken, "{text}");
        }
    }
}
