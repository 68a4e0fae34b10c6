//! Reads a parsed TOML table key by key and notes every mistake with its place: unknown keys with
//! what may be meant, wrong types, missing keys. Reading goes on after a mistake, so that one look
//! at the list is enough.

use super::definition::Place;
use crate::mib::Mibs;
use crate::model::{Diagnostic, Span, closest};
use std::cell::{OnceCell, RefCell};
use std::path::Path;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with its place in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spot<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// One file that is read, and the mistakes found so far.
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    name: Arc<str>,
    pub(super) text: &'a str,
    pub(super) mibs: &'a Mibs,
    /// Where its lines end; found when the first place is asked for. (Every reading has a place: to count
    /// from the beginning for each was a fifth of the time that loading took.)
    line_ends: OnceCell<Vec<usize>>,
    problems: RefCell<Vec<Diagnostic>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str, mibs: &'a Mibs) -> Self {
        let name = file.display().to_string().into();
        Self { file, name, text, mibs, line_ends: OnceCell::new(), problems: RefCell::default() }
    }

    /// The line of a place in the file.
    pub(super) fn place(&self, span: &Span) -> Place {
        let ends = self.line_ends.get_or_init(|| self.text.match_indices('\n').map(|(at, _)| at).collect());
        let line = 1 + ends.partition_point(|end| *end < span.start);
        Place { file: self.name.clone(), line }
    }

    pub(super) fn problem(&self, span: &Span, message: impl Into<String>) {
        self.push(Diagnostic::at(self.file, self.text, span.start, message));
    }

    pub(super) fn problem_with_help(&self, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Diagnostic::at(self.file, self.text, span.start, message).with_help(help));
    }

    /// A wrong word where only these are right.
    pub(super) fn unknown_word<'k>(
        &self,
        span: &Span,
        what: &str,
        written: &str,
        place: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let help = match closest(written, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "there is none".to_owned(),
            None => format!("one of: {}", shortened(&known)),
        };
        self.problem_with_help(span, format!("unknown {what} `{written}`{place}"), help);
    }

    /// The mistakes, in the order of the file.
    pub(super) fn into_problems(self) -> Vec<Diagnostic> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|it| (it.line, it.column));
        problems
    }

    pub(super) fn problem_count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Mistakes over [`PROBLEMS_MAX`] are not kept: nobody reads on, and a hostile file stays cheap.
    fn push(&self, problem: Diagnostic) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < PROBLEMS_MAX {
            problems.push(problem);
        }
    }
}

/// One table of the file.
pub(super) struct Section<'a> {
    pub(super) source: &'a Source<'a>,
    /// How it is called in messages, as `[match]`.
    pub(super) title: String,
    pub(super) span: Span,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    /// A table that may hold only these keys.
    pub(super) fn new(
        source: &'a Source<'a>,
        title: impl Into<String>,
        span: Span,
        table: &'a DeTable<'a>,
        keys: &[&str],
    ) -> Self {
        let title = title.into();
        for key in table.keys() {
            if !keys.contains(&key.get_ref().as_ref()) {
                let known = keys.iter().copied();
                source.unknown_word(&key.span(), "key", key.get_ref(), &format!(" in {title}"), known);
            }
        }
        Self { source, title, span, table }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    /// The place of a key's value, or of the table.
    pub(super) fn span_of(&self, key: &str) -> Span {
        self.value(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, key: &str, help: &str) {
        self.source.problem_with_help(&self.span, format!("{} has no `{key}`", self.title), help);
    }

    pub(super) fn string(&self, key: &str) -> Option<Spot<&'a str>> {
        string_of(self.source, &self.called(key), self.value(key)?)
    }

    pub(super) fn boolean(&self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        if let DeValue::Boolean(it) = value.get_ref() {
            return Some(*it);
        }
        wrong_type(self.source, &self.called(key), value, "true or false");
        None
    }

    /// A whole number within `range`.
    pub(super) fn integer(&self, key: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(key)?;
        let number = integer_in(value.get_ref());
        if number.is_none() {
            wrong_type(self.source, &self.called(key), value, "a whole number");
        }
        let number = number?;
        if range.contains(&number) {
            return Some(number);
        }
        let message = format!("{} is {number}", self.called(key));
        let help = format!("from {} to {}", range.start(), range.end());
        self.source.problem_with_help(&value.span(), message, help);
        None
    }

    /// A finite number.
    pub(super) fn number(&self, key: &str) -> Option<Spot<f64>> {
        number_of(self.source, &self.called(key), self.value(key)?)
    }

    /// A table; a missing one is `None`.
    pub(super) fn section(&self, key: &str, keys: &[&str]) -> Option<Self> {
        let value = self.value(key)?;
        let title = if self.title == FILE { format!("[{key}]") } else { self.called(key) };
        table_of(self.source, &title, value, keys)
    }

    /// All of an array, or the one value that stands in its place.
    pub(super) fn one_or_many(&self, key: &str) -> Vec<&'a Spanned<DeValue<'a>>> {
        match self.value(key) {
            None => Vec::new(),
            Some(value) => match value.get_ref() {
                DeValue::Array(items) => items.iter().collect(),
                _ => vec![value],
            },
        }
    }

    /// Texts: an array, or one.
    pub(super) fn strings(&self, key: &str) -> Vec<Spot<&'a str>> {
        let called = self.called(key);
        self.one_or_many(key).into_iter().filter_map(|it| string_of(self.source, &called, it)).collect()
    }

    /// Finite numbers: an array, or one.
    pub(super) fn numbers(&self, key: &str) -> Vec<Spot<f64>> {
        let called = self.called(key);
        self.one_or_many(key).into_iter().filter_map(|it| number_of(self.source, &called, it)).collect()
    }

    /// An array of tables.
    pub(super) fn sections(&self, key: &str, title: &str, keys: &[&str]) -> Vec<Self> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            let help = format!("write it as {title}, with two brackets");
            self.source.problem_with_help(&value.span(), format!("`{key}` is no array of tables"), help);
            return Vec::new();
        };
        items.iter().filter_map(|it| table_of(self.source, title, it, keys)).collect()
    }

    pub(super) fn called(&self, key: &str) -> String {
        if self.title == FILE {
            return format!("`{key}`");
        }
        format!("`{key}` of {}", self.title)
    }
}

pub(super) fn string_of<'a>(
    source: &Source<'_>,
    called: &str,
    value: &'a Spanned<DeValue<'a>>,
) -> Option<Spot<&'a str>> {
    if let DeValue::String(text) = value.get_ref() {
        return Some(Spot { value: text.as_ref(), span: value.span() });
    }
    wrong_type(source, called, value, "a text in quotes");
    None
}

pub(super) fn number_of(
    source: &Source<'_>,
    called: &str,
    value: &Spanned<DeValue<'_>>,
) -> Option<Spot<f64>> {
    let number = match value.get_ref() {
        DeValue::Integer(it) if it.radix() == 10 => it.as_str().parse::<f64>().ok(),
        DeValue::Float(it) => it.as_str().parse::<f64>().ok(),
        _ => None,
    };
    if let Some(number) = number.filter(|it| it.is_finite()) {
        return Some(Spot { value: number, span: value.span() });
    }
    wrong_type(source, called, value, "a number");
    None
}

pub(super) fn integer_in(value: &DeValue<'_>) -> Option<i64> {
    let DeValue::Integer(it) = value else { return None };
    i64::from_str_radix(it.as_str(), it.radix()).ok()
}

pub(super) fn table_of<'a>(
    source: &'a Source<'a>,
    called: &str,
    value: &'a Spanned<DeValue<'a>>,
    keys: &[&str],
) -> Option<Section<'a>> {
    if let DeValue::Table(table) = value.get_ref() {
        return Some(Section::new(source, called, value.span(), table, keys));
    }
    wrong_type(source, called, value, "a table");
    None
}

pub(super) fn wrong_type(source: &Source<'_>, called: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
    let found = match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(it) if it.as_str().len() > INTEGER_LENGTH_MAX => "a number too large",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal or infinite number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    source.problem_with_help(
        &value.span(),
        format!("{called} is {found}"),
        format!("{wanted} is wanted here"),
    );
}

fn shortened(known: &[&str]) -> String {
    let shown: Vec<&str> = known.iter().copied().take(WORDS_SHOWN).collect();
    let more = if WORDS_SHOWN < known.len() { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// How the outermost table is called.
pub(super) const FILE: &str = "the file";
/// Digits of the longest number that 64 bits hold.
const INTEGER_LENGTH_MAX: usize = 19;
/// Mistakes kept of one file.
const PROBLEMS_MAX: usize = 200;
/// Words listed in a help: a line of a terminal or two.
const WORDS_SHOWN: usize = 28;
