//! Mistakes as a person reads them: message, place, the line with a mark, and what to write instead.

use super::limits::FILE_BYTES_MOST;
use super::mask::hidden;
use super::source::read;
use crate::model::Diagnostic;
use anstyle::{AnsiColor, Style};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Shows mistakes, and counts them in a last line. Reads the files that they are in for their lines;
/// secrets in them are shown as `***`.
#[must_use]
pub fn render(mistakes: &[Diagnostic], colour: bool) -> String {
    Renderer::new(ERROR, colour).all(mistakes, "mistake")
}

/// The same for warnings.
#[must_use]
pub fn render_warnings(warnings: &[Diagnostic], colour: bool) -> String {
    Renderer::new(WARNING, colour).all(warnings, "warning")
}

/// What stands before each message.
struct Heading {
    word: &'static str,
    style: Style,
}

struct Renderer {
    heading: Heading,
    colour: bool,
    files: BTreeMap<PathBuf, Option<File>>,
}

/// A file's lines, and what of them is hidden.
struct File {
    text: String,
    hidden: Vec<Vec<Range<usize>>>,
}

impl Renderer {
    const fn new(heading: Heading, colour: bool) -> Self {
        Self { heading, colour, files: BTreeMap::new() }
    }

    fn all(mut self, diagnostics: &[Diagnostic], noun: &str) -> String {
        let mut shown: String = diagnostics.iter().map(|it| self.one(it)).collect();
        if !diagnostics.is_empty() {
            shown.push_str(&summary(diagnostics, noun));
            shown.push('\n');
        }
        shown
    }

    fn one(&mut self, diagnostic: &Diagnostic) -> String {
        let Diagnostic { file, line, column, message, help } = diagnostic;
        let number = line.to_string();
        let indent = " ".repeat(if *line == 0 { 1 } else { number.len() });
        let heading = self.painted(self.heading.style, self.heading.word);
        let mut shown = format!("{heading}: {}\n", self.painted(BOLD, message));
        let place = match (line, column) {
            (0, _) => file.display().to_string(),
            (_, 0) => format!("{}:{line}", file.display()),
            _ => format!("{}:{line}:{column}", file.display()),
        };
        let rail = self.painted(RAIL, "|");
        _ = writeln!(shown, "{indent}{} {place}", self.painted(RAIL, "-->"));
        if let Some((text, mark)) = self.excerpt(file, *line, *column) {
            let number = self.painted(RAIL, &number);
            let mark = self.painted(self.heading.style, &mark);
            _ = writeln!(shown, "{indent} {rail}\n{number} {rail} {text}\n{indent} {rail} {mark}");
        }
        if let Some(help) = help {
            _ = writeln!(
                shown,
                "{indent} {} {}: {help}",
                self.painted(RAIL, "="),
                self.painted(BOLD, "help")
            );
        }
        shown.push('\n');
        shown
    }

    /// The line without its secrets, and the mark below it.
    fn excerpt(&mut self, path: &Path, line: usize, column: usize) -> Option<(String, String)> {
        let at = line.checked_sub(1)?;
        let file = self.files.entry(path.to_owned()).or_insert_with(|| File::read(path)).as_ref()?;
        let written = file.text.lines().nth(at)?;
        let (cells, mark) = cells(written, file.hidden.get(at)?, column.checked_sub(1)?);
        let width = token(cells.get(mark..).unwrap_or_default());
        let start = mark.saturating_sub(BEFORE_MOST);
        let shown: String = cells.iter().skip(start).take(SHOWN_MOST).collect();
        let cut = if start == 0 { "" } else { "..." };
        let marks = "^".repeat(width.clamp(1, SHOWN_MOST));
        Some((
            format!("{cut}{}", shown.trim_end()),
            format!("{}{marks}", " ".repeat(cut.len() + mark - start)),
        ))
    }

    fn painted(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

impl File {
    fn read(path: &Path) -> Option<Self> {
        let text = read(path, FILE_BYTES_MOST).ok()?;
        let hidden = hidden(&text);
        Some(Self { text, hidden })
    }
}

/// The characters of a line as they are shown, and where among them the column is.
fn cells(line: &str, hidden: &[Range<usize>], column: usize) -> (Vec<char>, usize) {
    let mut cells = Vec::new();
    let mut mark = None;
    for (count, (offset, letter)) in line.char_indices().enumerate() {
        let secret = hidden.iter().find(|it| it.contains(&offset));
        if count == column {
            // A mark within a secret stands at its start.
            mark = Some(if secret.is_some_and(|it| it.start != offset) {
                cells.len().saturating_sub(STARS.len())
            } else {
                cells.len()
            });
        }
        match secret {
            Some(range) if range.start == offset => cells.extend(STARS.chars()),
            Some(_) => (),
            // Tabs take one cell, so that the mark stands right; nothing else may steer a terminal.
            None if letter == '\t' => cells.push(' '),
            None if letter.is_control() => cells.push(char::REPLACEMENT_CHARACTER),
            None => cells.push(letter),
        }
    }
    let mark = mark.unwrap_or(cells.len());
    (cells, mark)
}

/// How many characters belong to what stands at the start.
fn token(cells: &[char]) -> usize {
    match cells.first() {
        Some(quote @ ('"' | '\'')) => cells.iter().skip(1).position(|it| it == quote).map_or(1, |it| it + 2),
        Some('[') => cells.iter().rposition(|it| *it == ']').map_or(1, |it| it + 1),
        Some('{') => cells.iter().rposition(|it| *it == '}').map_or(1, |it| it + 1),
        _ => cells.iter().take_while(|it| it.is_alphanumeric() || "_-.*+".contains(**it)).count(),
    }
}

/// `3 mistakes in 2 files`.
fn summary(diagnostics: &[Diagnostic], noun: &str) -> String {
    let names: BTreeSet<&Path> = diagnostics.iter().map(|it| it.file.as_path()).collect();
    let (variables, files): (Vec<&Path>, Vec<&Path>) =
        names.into_iter().partition(|it| it.to_string_lossy().starts_with('$'));
    let places = [(files.len(), "file"), (variables.len(), "environment variable")];
    let places = places.iter().filter(|(count, _)| *count != 0).map(|(count, noun)| counted(*count, noun));
    format!("{} in {}", counted(diagnostics.len(), noun), places.collect::<Vec<_>>().join(" and "))
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

const ERROR: Heading = Heading { word: "error", style: AnsiColor::Red.on_default().bold() };
const WARNING: Heading = Heading { word: "warning", style: AnsiColor::Yellow.on_default().bold() };
const RAIL: Style = AnsiColor::Blue.on_default().bold();
const BOLD: Style = Style::new().bold();
const STARS: &str = "***";
/// Characters of a line that are shown: a wide terminal's.
const SHOWN_MOST: usize = 160;
/// Of them before the mark, at most.
const BEFORE_MOST: usize = 100;

#[cfg(test)]
mod tests {
    use super::{cells, render, token};
    use crate::model::Diagnostic;

    #[test]
    fn shows_line_mark_and_help_without_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        let text = "[credentials.a]\ndefault = { community = \"hunter2\", version = \"3\" }\n";
        std::fs::write(&path, text).unwrap();
        let first = Diagnostic::at(&path, text, text.find("\"3\"").unwrap(), "no").with_help("write \"2c\"");
        let second = Diagnostic::of_file("$RACKWARDEN_HTTP__LISTEN", "not that");
        let shown = render(&[first, second], false).replace(folder.path().to_str().unwrap(), "");
        assert_eq!(
            shown,
            "error: no\n --> /a.toml:2:46\n  |\n2 | default = { community = \"***\", version = \"3\" }\n  \
             |                                          ^^^\n  = help: write \"2c\"\n\n\
             error: not that\n --> $RACKWARDEN_HTTP__LISTEN\n\n\
             2 mistakes in 1 file and 1 environment variable\n"
        );
    }

    #[test]
    fn colours_only_when_asked() {
        let one = [Diagnostic::of_file("f", "no")];
        assert!(render(&one, true).contains('\u{1b}'));
        assert!(!render(&one, false).contains('\u{1b}'));
        assert_eq!(render(&[], true), "");
    }

    #[test]
    fn marks_stand_right_behind_secrets_and_tabs() {
        let shown = |line: &str, column| {
            let hidden: Vec<_> = line.find("secret").map(|it| it..it + 6).into_iter().collect();
            let (cells, mark) = cells(line, &hidden, column);
            (cells.into_iter().collect::<String>(), mark)
        };
        assert_eq!(shown("a = \"secret\" x", 13), ("a = \"***\" x".to_owned(), 10));
        assert_eq!(shown("a = \"secret\" x", 8), ("a = \"***\" x".to_owned(), 5));
        assert_eq!(shown("\tü\u{1b}x", 3), (" ü\u{fffd}x".to_owned(), 3));
        assert_eq!(shown("ab", 9), ("ab".to_owned(), 2));
    }

    #[test]
    fn marks_are_as_wide_as_what_is_wrong() {
        for (text, width) in [
            ("\"10s\" # x", 5),
            ("[[devices]] # a", 11),
            ("10.5 x", 4),
            ("{ a = 1 } ]", 9),
            ("", 0),
            ("= x", 0),
        ] {
            assert_eq!(token(&text.chars().collect::<Vec<_>>()), width, "{text}");
        }
    }
}
