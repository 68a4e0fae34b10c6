//! A mistake in a file that a user wrote: where it is, what is wrong, and what to write instead.

use std::fmt;
use std::path::PathBuf;

/// A place in a text file: byte offsets, end exclusive.
pub type Span = std::ops::Range<usize>;

/// A mistake found by a module that knows the field but not the file: config gives it a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path of keys within the table that was checked, as `critical.clear`; empty for the table.
    pub field: String,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What to write instead, if that can be said.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without a help.
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), help: None }
    }

    /// The same with what to write instead.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A mistake with its place. Lines and columns count from 1; columns are characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1; 0 where the whole file is meant.
    pub line: usize,
    /// Column, from 1; 0 where the whole line or file is meant.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake at byte `offset` of `text`.
    #[must_use]
    pub fn at(file: impl Into<PathBuf>, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { file: file.into(), line, column, message: message.into(), help: None }
    }

    /// A mistake of a whole file.
    #[must_use]
    pub fn of_file(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, column: 0, message: message.into(), help: None }
    }

    /// The same with what to write instead.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    /// `file:line:column: message (help)`, one line, as compilers print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line != 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column != 0 {
            write!(f, ":{}", self.column)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(help) = &self.help {
            write!(f, " (help: {help})")?;
        }
        Ok(())
    }
}

/// The known name that is nearest to what was written, if one is near enough to be meant: at most a
/// third of its letters, and few of a long one, differ. For "did you mean".
#[must_use]
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written: Vec<char> = written.chars().flat_map(char::to_lowercase).take(LETTERS_MAX).collect();
    let limit = (written.len() / 3 + 1).min(DISTANCE_MAX).min(written.len().saturating_sub(1));
    known
        .into_iter()
        .map(|it| (distance(&written, it), it))
        .filter(|&(far, _)| far <= limit)
        .min()
        .map(|(_, it)| it)
}

/// Levenshtein's distance, case ignored.
fn distance(written: &[char], known: &str) -> usize {
    let mut row: Vec<usize> = (0..=written.len()).collect();
    for (at, letter) in known.chars().flat_map(char::to_lowercase).take(LETTERS_MAX).enumerate() {
        let (mut diagonal, mut left) = (at, at + 1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (place, &own) in row.iter_mut().skip(1).zip(written) {
            let above = *place;
            *place = (above + 1).min(left + 1).min(diagonal + usize::from(own != letter));
            diagonal = above;
            left = *place;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// More slips than a person makes in one name.
const DISTANCE_MAX: usize = 4;
/// No name is longer; what is longer is compared by its first letters, so that work is bounded.
const LETTERS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::{Diagnostic, closest};

    #[test]
    fn finds_the_name_that_was_meant() {
        for (written, meant) in [
            ("curent", Some("current")),
            ("Voltage", Some("voltage")),
            ("volt", None),
            ("", None),
            ("powerfactor", Some("power_factor")),
        ] {
            assert_eq!(closest(written, ["current", "voltage", "power_factor"]), meant, "{written}");
        }
        assert_eq!(super::distance(&['k', 'i', 't', 't', 'e', 'n'], "sitting"), 3);
        assert_eq!(super::distance(&[], "ab"), 2);
    }

    #[test]
    fn finds_line_and_column() {
        let text = "a = 1\nü = 2 x\n";
        let found = Diagnostic::at("f.toml", text, text.find('x').unwrap(), "no");
        assert_eq!(found.with_help("drop it").to_string(), "f.toml:2:7: no (help: drop it)");
        assert_eq!(Diagnostic::of_file("f", "empty").to_string(), "f: empty");
    }
}
