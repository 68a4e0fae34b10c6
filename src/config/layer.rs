//! One source as a tree of values with their places.

use super::environment;
use super::report::Report;
use super::schema::{self, Key};
use super::source::{Source, SourceName};
use super::syntax;
use crate::model::Span;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A source and its tree.
pub(super) struct Layer<'t> {
    /// Its place in the order of reading.
    pub(super) source: usize,
    /// Its name, as figment's metadata carry it.
    pub(super) name: String,
    /// Whether values are the plain text of an environment variable, whatever their type.
    pub(super) literal: bool,
    /// The folder that its relative paths start in; `None` for a variable.
    pub(super) folder: Option<PathBuf>,
    /// Its text.
    pub(super) text: &'t str,
    /// The tree.
    pub(super) tree: DeTable<'t>,
}

/// One step into a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Into a table.
    Key(&'a str),
    /// Into a list.
    Index(usize),
}

impl<'t> Layer<'t> {
    /// Every source's tree. Variables need the files' names of tables: they are spelt in capitals.
    pub(super) fn of(sources: &'t [Source], report: &mut Report) -> Vec<Self> {
        let mut layers: Vec<Self> = Vec::with_capacity(sources.len());
        for (at, source) in sources.iter().enumerate() {
            let tree = match &source.name {
                SourceName::File(_) => syntax::parse(at, &source.text, report),
                SourceName::Variable(name) => {
                    let steps = spelt_as_in_files(environment::steps(name), &layers);
                    branch(&steps, &source.text)
                }
            };
            let (literal, folder) = match &source.name {
                SourceName::File(path) => (false, path.parent().map(Path::to_owned)),
                SourceName::Variable(_) => (true, None),
            };
            layers.push(Self {
                source: at,
                name: source.name.to_string(),
                literal,
                folder,
                text: &source.text,
                tree,
            });
        }
        layers
    }

    /// The place of the value that the steps lead to, or of the nearest thing on the way there.
    pub(super) fn nearest(&self, steps: &[Step<'_>]) -> Span {
        let Some((Step::Key(first), rest)) = steps.split_first() else { return 0..0 };
        let Some(mut value) = self.tree.get(*first) else { return 0..0 };
        for step in rest {
            let inner = match (value.get_ref(), step) {
                (DeValue::Table(table), Step::Key(key)) => table.get(*key),
                (DeValue::Array(list), Step::Index(index)) => list.get(*index),
                _ => None,
            };
            let Some(inner) = inner else { break };
            value = inner;
        }
        value.span()
    }

    /// Whether something stands at the end of the steps, right or wrong.
    pub(super) fn has(&self, steps: &[Step<'_>]) -> bool {
        let Some((Step::Key(first), rest)) = steps.split_first() else { return false };
        let mut value = self.tree.get(*first);
        for step in rest {
            value = match (value.map(Spanned::get_ref), step) {
                (Some(DeValue::Table(table)), Step::Key(key)) => table.get(*key),
                (Some(DeValue::Array(list)), Step::Index(index)) => list.get(*index),
                _ => None,
            };
        }
        value.is_some()
    }

    /// The line of an offset, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|&it| it == b'\n').count()
    }

    /// The names of the tables under a key that holds many by name.
    pub(super) fn names_under(&self, key: &str) -> BTreeSet<String> {
        match self.tree.get(key).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => table.keys().map(|it| it.get_ref().to_string()).collect(),
            _ => BTreeSet::new(),
        }
    }
}

/// The steps with the second one spelt as a file spells it, where the first names tables by name.
fn spelt_as_in_files(mut steps: Vec<String>, files: &[Layer<'_>]) -> Vec<String> {
    let named = |it: &&Key| it.form.is_named();
    if let [first, second, ..] = steps.as_mut_slice()
        && schema::root().find(first).as_ref().is_some_and(named)
    {
        let plain = |it: &str| it.to_lowercase().replace(['-', '.'], "_");
        let spelt = files.iter().flat_map(|it| it.names_under(first)).find(|it| plain(it) == plain(second));
        if let Some(spelt) = spelt {
            *second = spelt;
        }
    }
    steps
}

/// A tree with one branch.
fn branch<'t>(steps: &[String], text: &'t str) -> DeTable<'t> {
    let mut tree = DeTable::new();
    let Some((first, rest)) = steps.split_first() else { return tree };
    let mut value = DeValue::String(Cow::Borrowed(text));
    for step in rest.iter().rev() {
        let mut table = DeTable::new();
        table.insert(unplaced(step), Spanned::new(0..0, value));
        value = DeValue::Table(table);
    }
    tree.insert(unplaced(first), Spanned::new(0..0, value));
    tree
}

fn unplaced<'t>(step: &str) -> Spanned<Cow<'t, str>> {
    Spanned::new(0..0, Cow::Owned(step.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Layer, Step};
    use crate::config::report::Report;
    use crate::config::source::{Source, SourceName};

    #[test]
    fn finds_values_and_what_is_nearest() {
        let text =
            "[polling]\ninterval = \"1s\"\n[[devices]]\nname = \"a\"\n[[devices]]\nlabels = { x = 1 }\n";
        let sources = [
            Source { name: SourceName::File("a".into()), text: text.to_owned() },
            Source { name: SourceName::Variable("RACKWARDEN_HTTP__LISTEN".to_owned()), text: "x".to_owned() },
        ];
        let mut report = Report::default();
        let layers = Layer::of(&sources, &mut report);
        let shown = |steps: &[Step<'_>]| text.get(layers[0].nearest(steps)).unwrap();
        assert_eq!(shown(&[Step::Key("polling"), Step::Key("interval")]), "\"1s\"");
        assert_eq!(shown(&[Step::Key("polling"), Step::Key("timeout")]), "[polling]");
        let second = [Step::Key("devices"), Step::Index(1), Step::Key("labels"), Step::Key("x")];
        assert_eq!(shown(&second), "1");
        assert!(layers[0].has(&second));
        assert!(!layers[0].has(&[Step::Key("devices"), Step::Index(2)]));
        assert!(layers[1].has(&[Step::Key("http"), Step::Key("listen")]) && layers[1].literal);
    }
}
