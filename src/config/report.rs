//! Collects what is wrong in all files, and lists it in the order of files and lines.

use super::limits::LISTED_MOST;
use super::source::{Source, SourceName};
use crate::model::Diagnostic;
use std::collections::{BTreeMap, BTreeSet};

/// A place in one of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Which source, in the order of reading.
    pub(super) source: usize,
    /// A byte offset in its text; `None`: the source as a whole.
    pub(super) offset: Option<usize>,
}

impl Place {
    pub(super) const fn at(source: usize, offset: usize) -> Self {
        Self { source, offset: Some(offset) }
    }

    pub(super) const fn whole(source: usize) -> Self {
        Self { source, offset: None }
    }
}

/// One thing to say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    place: Place,
    message: String,
    help: Option<String>,
}

impl Finding {
    /// Adds what to write instead.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into().replace(char::is_control, "\u{fffd}"));
        self
    }
}

/// All findings so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    mistakes: Vec<Finding>,
    warnings: Vec<Finding>,
    /// Offsets from which on a source cannot be trusted to mean what it seems to.
    broken: BTreeMap<usize, usize>,
    /// Whether some source is missing altogether.
    incomplete: bool,
    /// Tables with names, about whose keys something has been said.
    troubled: BTreeSet<(String, String)>,
}

impl Report {
    /// Notes a mistake: the configuration cannot be used.
    pub(super) fn mistake(&mut self, place: Place, message: impl Into<String>) -> &mut Finding {
        push(&mut self.mistakes, place, message.into())
    }

    /// Notes what is allowed, but most likely not meant.
    pub(super) fn warning(&mut self, place: Place, message: impl Into<String>) -> &mut Finding {
        push(&mut self.warnings, place, message.into())
    }

    /// Notes that a source's structure is lost from `offset` on: what else is found behind it is not
    /// listed, because it follows from that.
    pub(super) fn breaks(&mut self, source: usize, offset: usize) {
        let first = self.broken.entry(source).or_insert(offset);
        *first = offset.min(*first);
    }

    /// Notes that a whole source is missing: names that nobody defines may be defined there.
    pub(super) fn incomplete(&mut self) {
        self.incomplete = true;
    }

    /// Notes that something has been said about the keys of `[table.name]`.
    pub(super) fn trouble(&mut self, table: &str, name: &str) {
        self.troubled.insert((table.to_owned(), name.to_owned()));
    }

    /// Whether what seems missing in `[table.name]` may be there, but wrong or lost.
    pub(super) fn is_troubled(&self, table: &str, name: &str) -> bool {
        self.any_broken() || self.troubled.contains(&(table.to_owned(), name.to_owned()))
    }

    /// Whether that source's structure is lost somewhere: what seems missing may stand there.
    pub(super) fn is_broken(&self, source: usize) -> bool {
        self.broken.contains_key(&source)
    }

    /// Whether something is missing that may define a name.
    pub(super) fn any_broken(&self) -> bool {
        self.incomplete || !self.broken.is_empty()
    }

    /// An empty report that knows what is broken: for what is found after the syntax.
    pub(super) fn follower(&self) -> Self {
        Self { broken: self.broken.clone(), incomplete: self.incomplete, ..Self::default() }
    }

    /// Adds a follower's findings, but for those that follow from what is said here.
    pub(super) fn absorb(&mut self, follower: Self) {
        let said = |it: &Finding| !self.hides(it.place);
        let mistakes: Vec<Finding> = follower.mistakes.into_iter().filter(said).collect();
        let warnings: Vec<Finding> = follower.warnings.into_iter().filter(said).collect();
        self.mistakes.extend(mistakes);
        self.warnings.extend(warnings);
    }

    fn hides(&self, place: Place) -> bool {
        let behind = |offset: usize| self.broken.get(&place.source).is_some_and(|&from| from <= offset);
        place.offset.is_some_and(|offset| behind(offset) || self.mistakes.iter().any(|it| it.place == place))
    }

    /// Everything with file, line and column: mistakes and warnings.
    pub(super) fn finish(self, sources: &[Source]) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        (listed(self.mistakes, sources, "mistakes"), listed(self.warnings, sources, "warnings"))
    }
}

fn push(list: &mut Vec<Finding>, place: Place, message: String) -> &mut Finding {
    // Messages repeat what users wrote, and nothing of that may steer a terminal.
    let message = message.replace(char::is_control, "\u{fffd}");
    if list.len() < KEPT_MOST {
        list.push(Finding { place, message, help: None });
    } else if let Some(last) = list.last_mut() {
        *last = Finding { place, message, help: None };
    }
    let last = list.len().saturating_sub(1);
    #[expect(clippy::indexing_slicing, reason = "the list holds at least what was just pushed")]
    &mut list[last]
}

fn listed(mut findings: Vec<Finding>, sources: &[Source], what: &str) -> Vec<Diagnostic> {
    findings.sort();
    findings.dedup();
    let more = findings.len().saturating_sub(LISTED_MOST);
    findings.truncate(LISTED_MOST);
    let mut diagnostics: Vec<Diagnostic> = findings.into_iter().map(|it| placed(it, sources)).collect();
    if 0 < more
        && let Some(last) = diagnostics.last()
    {
        diagnostics.push(Diagnostic::of_file(
            last.file.clone(),
            format!("and {more} more {what} that are not listed"),
        ));
    }
    diagnostics
}

fn placed(finding: Finding, sources: &[Source]) -> Diagnostic {
    let Finding { place, message, help } = finding;
    let diagnostic = match (sources.get(place.source), place.offset) {
        (Some(Source { name: SourceName::File(path), text, .. }), Some(offset)) => {
            Diagnostic::at(path, text, offset, message)
        }
        (Some(source), _) => Diagnostic::of_file(source.name.to_string(), message),
        (None, _) => Diagnostic::of_file("built-in defaults", message),
    };
    match help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

/// Findings that are kept for sorting: a file of 16 MB can hold millions.
const KEPT_MOST: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::{KEPT_MOST, Place, Report};
    use crate::config::source::{Source, SourceName};

    fn source(text: &str) -> Source {
        Source { name: SourceName::File("a.toml".into()), text: text.to_owned() }
    }

    #[test]
    fn lists_by_place_and_says_each_thing_once() {
        let mut report = Report::default();
        report.mistake(Place::at(0, 3), "second").help("x");
        report.mistake(Place::at(0, 3), "second").help("x");
        report.mistake(Place::at(0, 0), "first");
        report.warning(Place::whole(0), "all");
        let (mistakes, warnings) = report.finish(&[source("a\nbc")]);
        let shown: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a.toml:1:1: first", "a.toml:2:2: second (help: x)"]);
        assert_eq!(warnings[0].to_string(), "a.toml: all");
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let mut report = Report::default();
        for offset in 0..KEPT_MOST + 10 {
            report.mistake(Place::at(0, offset), "no");
        }
        let (mistakes, _) = report.finish(&[source("")]);
        assert_eq!(mistakes.len(), 201);
        assert_eq!(mistakes[200].message, "and 19800 more mistakes that are not listed");
    }

    #[test]
    fn what_follows_from_a_syntax_error_is_not_said() {
        let mut syntax = Report::default();
        syntax.mistake(Place::at(0, 10), "no");
        syntax.breaks(0, 20);
        let mut follower = syntax.follower();
        for offset in [5, 10, 20, 30] {
            follower.mistake(Place::at(0, offset), "follows");
        }
        assert!(follower.is_broken(0));
        syntax.absorb(follower);
        assert_eq!(syntax.mistakes.len(), 2);
        assert!(syntax.is_broken(0) && syntax.any_broken() && !syntax.is_broken(1));
    }
}
