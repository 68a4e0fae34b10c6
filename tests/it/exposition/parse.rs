//! A reader of the text format 0.0.4 that shares nothing with the writer, and is strict where scrapers
//! refuse: families contiguous, TYPE before series, no series twice, labels escaped.

use std::collections::{BTreeMap, BTreeSet};

/// A scrape.
#[derive(Debug, Default)]
pub(super) struct Scrape {
    /// Type by family.
    pub(super) families: BTreeMap<String, String>,
    /// Value by name and sorted labels.
    pub(super) series: BTreeMap<(String, Vec<(String, String)>), f64>,
}

impl Scrape {
    /// The value of a series with these labels among others; there must be one.
    pub(super) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let mut found = self.find(name, labels);
        let value = found.next().unwrap();
        assert_eq!(found.next(), None, "more than one {name} {labels:?}");
        value
    }

    /// Whether there is none.
    pub(super) fn lacks(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.find(name, labels).next().is_none()
    }

    fn find(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = f64> {
        let wanted: Vec<_> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let fits = move |has: &Vec<(String, String)>| wanted.iter().all(|it| has.contains(it));
        self.series.iter().filter(move |((it, has), _)| it == name && fits(has)).map(|(_, value)| *value)
    }
}

/// Reads a scrape.
pub(super) fn parse(text: &str) -> Result<Scrape, String> {
    let mut scrape = Scrape::default();
    let mut helps = BTreeSet::new();
    let mut family = String::new();
    if !text.ends_with('\n') {
        return Err("the last line does not end".to_owned());
    }
    for line in text.lines() {
        let wrong = |what: &str| format!("{what}: {line}");
        if let Some(help) = line.strip_prefix("# HELP ") {
            let name = help.split_once(' ').ok_or_else(|| wrong("no text"))?.0;
            if !helps.insert(name.to_owned()) {
                return Err(wrong("second HELP"));
            }
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').ok_or_else(|| wrong("no type"))?;
            family = name.to_owned();
            if scrape.families.insert(family.clone(), kind.to_owned()).is_some() || !helps.contains(&family) {
                return Err(wrong("second TYPE, or no HELP before it"));
            }
        } else {
            let (name, labels, value) = series(line).ok_or_else(|| wrong("unreadable"))?;
            let suffixes = ["", "_bucket", "_sum", "_count"];
            if !suffixes.iter().any(|it| name.strip_suffix(it) == Some(&family)) {
                return Err(wrong("outside of its family"));
            }
            if scrape.series.insert((name, labels), value).is_some() {
                return Err(wrong("series twice"));
            }
        }
    }
    Ok(scrape)
}

type Series = (String, Vec<(String, String)>, f64);

fn series(line: &str) -> Option<Series> {
    let split = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(split);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            let old = labels.insert(is_name(label).then(|| label.to_owned())?, value);
            if old.is_some() {
                return None;
            }
            if let Some(after) = after.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = after.strip_prefix(',')?;
        }
    }
    let value = rest.strip_prefix(' ')?.parse().ok()?;
    is_name(name).then(|| (name.to_owned(), labels.into_iter().collect(), value))
}

fn is_name(text: &str) -> bool {
    let first = text.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
    first && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                it @ ('\\' | '"') => value.push(it),
                _ => return None,
            },
            it if it.is_control() => return None,
            it => value.push(it),
        }
    }
    None
}

#[test]
fn the_reader_refuses_what_scrapers_refuse() {
    let head = "# HELP a A.\n# TYPE a gauge\n";
    for bad in [
        "a{b=\"1\"} 1\na{b=\"1\"} 2\n",
        "b 1\n",
        "a{b=\"1} 1\n",
        "a{b=\"\\x\"} 1\n",
        "a{7b=\"1\"} 1\n",
        "a{b=\"1\",b=\"2\"} 1\n",
        "a one\n",
        "a 1",
        "# TYPE a gauge\n",
    ] {
        assert!(parse(&format!("{head}{bad}")).is_err(), "{bad}");
    }
    let good = parse(&format!("{head}a{{b=\"x\\\"\\\\\\ny\",c=\"\"}} 1.5\na 2\n")).unwrap();
    assert_eq!(good.series.len(), 2);
    assert_eq!(good.families["a"], "gauge");
}
