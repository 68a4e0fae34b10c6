//! The configuration as it counts, each value with where it comes from: what `config show` prints.
//!
//! It is TOML again, with the origins as comments. Secrets are never in it: keys that hold one show `***`, and
//! whatever else looks like one is hidden as in messages ([`super::mask`]).

use super::form::Form;
use super::layer::Layer;
use super::mask::hidden;
use super::schema::{self, Key, Table};
use super::source::SourceName;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use toml::de::{DeTable, DeValue};

/// One table of the effective configuration.
struct Section {
    /// `[polling]`, `[[devices]]`.
    heading: String,
    /// What a person calls it: `polling`, `credentials.default`, `devices.pdu-a1`.
    path: String,
    lines: Vec<Line>,
}

struct Line {
    key: &'static str,
    /// The value as TOML.
    value: String,
    /// `FILE:LINE`, `$VARIABLE`, `default`.
    origin: String,
}

/// The effective configuration.
pub struct Effective(Vec<Section>);

impl Effective {
    /// All of it, or the tables whose path is `only` or begins with it: `polling`, `devices`, `devices.pdu-a1`.
    /// `None`: there is no such table.
    #[must_use]
    pub fn text(&self, only: Option<&str>) -> Option<String> {
        let wanted = |it: &&Section| {
            only.is_none_or(|only| {
                it.path.strip_prefix(only).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let mut text = String::new();
        for section in self.0.iter().filter(wanted) {
            section.write(&mut text);
        }
        (only.is_none() || !text.is_empty()).then(|| masked(&text))
    }

    /// The paths of all tables, for those who ask for one that is not there.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|it| it.path.as_str())
    }

    pub(super) fn of(layers: &[Layer<'_>], names: &[&SourceName]) -> Self {
        let places: Vec<Places<'_, '_>> =
            layers.iter().zip(names).map(|(layer, name)| Places::new(layer, name)).collect();
        let mut sections = Vec::new();
        for key in schema::root().keys {
            match key.form {
                Form::Table(table) => {
                    let trees: Vec<_> =
                        places.iter().filter_map(|it| Some((it, it.table(key.name)?))).collect();
                    sections.push(Section::new(schema::heading(key), key.name.to_owned(), table, &trees));
                }
                Form::Named(table) => named(key, table, &places, &mut sections),
                Form::List(table) => listed(key, table, &places, &mut sections),
                _ => (),
            }
        }
        Self(sections)
    }
}

/// `[credentials.NAME]`: each name that any layer has.
fn named(key: &Key, table: &'static Table, places: &[Places<'_, '_>], sections: &mut Vec<Section>) {
    let names: BTreeSet<String> = places.iter().flat_map(|it| it.layer.names_under(key.name)).collect();
    for name in names {
        let inner = |tree: &&DeTable<'_>| tree.contains_key(name.as_str());
        let trees: Vec<_> = places
            .iter()
            .filter_map(|it| {
                let tree = it.table(key.name).filter(inner)?;
                match tree.get(name.as_str())?.get_ref() {
                    DeValue::Table(own) => Some((it, own)),
                    _ => None,
                }
            })
            .collect();
        let heading = format!("[{}.{}]", key.name, bare_or_quoted(&name));
        sections.push(Section::new(heading, format!("{}.{name}", key.name), table, &trees));
    }
}

/// `[[devices]]`: the elements of all layers, one after the other.
fn listed(key: &Key, table: &'static Table, places: &[Places<'_, '_>], sections: &mut Vec<Section>) {
    for place in places {
        let Some(DeValue::Array(elements)) = place.layer.tree.get(key.name).map(toml::Spanned::get_ref)
        else {
            continue;
        };
        for element in elements.iter() {
            let DeValue::Table(tree) = element.get_ref() else { continue };
            let name = match tree.get("name").map(toml::Spanned::get_ref) {
                Some(DeValue::String(name)) => name.as_ref(),
                _ => "",
            };
            let path = format!("{}.{name}", key.name);
            sections.push(Section::new(schema::heading(key), path, table, &[(place, tree)]));
        }
    }
}

impl Section {
    /// The keys that the trees, later ones first, or the defaults have.
    fn new(heading: String, path: String, table: &Table, trees: &[(&Places<'_, '_>, &DeTable<'_>)]) -> Self {
        let line = |key: &'static Key| {
            let found = trees.iter().rev().find_map(|(place, tree)| Some((place, tree.get(key.name)?)));
            let (value, origin) = match (found, key.default) {
                (Some((place, value)), _) => {
                    (place.shown(key, value.get_ref()), place.origin(value.span().start))
                }
                (None, Some(default)) => (default.to_owned(), "default".to_owned()),
                (None, None) => return None,
            };
            Some(Line { key: key.name, value, origin })
        };
        Self { heading, path, lines: table.keys.iter().filter_map(line).collect() }
    }

    fn write(&self, text: &mut String) {
        let left: Vec<String> = self.lines.iter().map(|it| format!("{} = {}", it.key, it.value)).collect();
        let width =
            left.iter().map(|it| it.chars().count()).filter(|it| *it <= WIDTH_MOST).max().unwrap_or(0);
        let blank = if text.is_empty() { "" } else { "\n" };
        // Writing to a String cannot fail.
        let mut written = writeln!(text, "{blank}{}", self.heading);
        for (left, Line { origin, .. }) in left.iter().zip(&self.lines) {
            written = written.and_then(|()| writeln!(text, "{left:width$}  # {origin}"));
        }
        debug_assert!(written.is_ok(), "a String takes everything");
    }
}

/// A layer, with what finds lines in it.
struct Places<'a, 't> {
    layer: &'a Layer<'t>,
    name: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'a, 't> Places<'a, 't> {
    fn new(layer: &'a Layer<'t>, name: &SourceName) -> Self {
        let ends = layer.text.bytes().enumerate().filter(|(_, it)| *it == b'\n').map(|(at, _)| at + 1);
        Self { layer, name: name.to_string(), lines: std::iter::once(0).chain(ends).collect() }
    }

    fn table(&self, name: &str) -> Option<&'a DeTable<'t>> {
        match self.layer.tree.get(name)?.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => None,
        }
    }

    fn origin(&self, offset: usize) -> String {
        if self.layer.literal {
            return self.name.clone();
        }
        format!("{}:{}", self.name, self.lines.partition_point(|it| *it <= offset))
    }

    /// A value as TOML; paths as they count.
    fn shown(&self, key: &Key, value: &DeValue<'_>) -> String {
        match (key.form, value) {
            (Form::Secret, _) => "\"***\"".to_owned(),
            (Form::Path, DeValue::String(path)) => match &self.layer.folder {
                Some(folder) => quoted(&folder.join(path.as_ref()).to_string_lossy()),
                None => quoted(path),
            },
            (Form::Count { .. } | Form::Number | Form::Flag, DeValue::String(text)) if self.layer.literal => {
                text.trim().to_owned()
            }
            (Form::Texts | Form::Paths | Form::Addresses, DeValue::String(text)) if self.layer.literal => {
                let texts: Vec<String> = text.split(',').map(|it| quoted(it.trim())).collect();
                format!("[{}]", texts.join(", "))
            }
            (_, value) => written(value),
        }
    }
}

/// A value as TOML in one line.
fn written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(list) => {
            let all: Vec<String> = list.iter().map(|it| written(it.get_ref())).collect();
            format!("[{}]", all.join(", "))
        }
        DeValue::Table(table) if table.is_empty() => "{}".to_owned(),
        DeValue::Table(table) => {
            let pair =
                |(key, value): (&toml::Spanned<std::borrow::Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
                    format!("{} = {}", bare_or_quoted(key.get_ref()), written(value.get_ref()))
                };
            format!("{{ {} }}", table.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}

fn bare_or_quoted(key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it));
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            it if it.is_control() => {
                let written = write!(out, "\\u{:04X}", u32::from(it));
                debug_assert!(written.is_ok(), "a String takes everything");
            }
            it => out.push(it),
        }
    }
    out.push('"');
    out
}

/// The text without what looks like a secret.
fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (line, ranges) in text.lines().zip(hidden(text)) {
        let mut line = line.to_owned();
        for range in ranges.into_iter().rev() {
            line.replace_range(range, "***");
        }
        shown.push_str(&line);
        shown.push('\n');
    }
    shown
}

/// Longer lines have their origin behind them, out of the column.
const WIDTH_MOST: usize = 60;

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment};
    use std::path::Path;

    fn shown(text: &str, variables: &[(&str, &str)], only: Option<&str>) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("rackwarden.toml");
        std::fs::write(&main, text).unwrap();
        let environment: Environment = variables.iter().copied().collect();
        let effective = Config::new(&main).environment(environment).effective().unwrap();
        let plain = |text: String| text.replace(&format!("{}/", folder.path().display()), "/etc/");
        assert!(Path::new(&main).exists());
        effective.text(only).map(plain)
    }

    #[test]
    fn names_the_origin_of_each_value() {
        let text = "[polling]\ninterval = \"10s\"\n\n[credentials.lab]\ncommunity = \"hunter2\"\n\
                    [[devices]]\nname = \"pdu \\\"a\\\"\"\naddress = \"10.0.0.1\"\ncredential = \"lab\"\n[devices.labels]\nrack = \"A1\"\n";
        let variables = [("RACKWARDEN_POLLING__RETRIES", "5"), ("RACKWARDEN_PROFILES__FOLDERS", "/a, /b")];
        assert_eq!(
            shown(text, &variables, Some("polling")).unwrap(),
            "[polling]\n\
             interval = \"10s\"           # /etc/rackwarden.toml:2\n\
             timeout = \"2s\"             # default\n\
             retries = 5                # $RACKWARDEN_POLLING__RETRIES\n\
             requests_per_second = 100  # default\n"
        );
        assert_eq!(
            shown(text, &variables, Some("profiles")).unwrap(),
            "[profiles]\nfolders = [\"/a\", \"/b\"]  # $RACKWARDEN_PROFILES__FOLDERS\n"
        );
        let device = shown(text, &variables, Some("devices")).unwrap();
        assert!(device.contains("name = \"pdu \\\"a\\\"\"        # /etc/rackwarden.toml:7\n"), "{device}");
        assert!(device.contains("labels = { rack = \"A1\" }"), "{device}");
        let all = shown(text, &variables, None).unwrap();
        assert!(all.contains("community = \"***\"") && !all.contains("hunter2"), "{all}");
        assert_eq!(shown(text, &variables, Some("pol")), None);
    }

    #[test]
    fn what_it_shows_is_the_same_configuration() {
        let text = "[http]\nlisten = \"1.2.3.4:5\"\n[[alerts]]\nname = \"a\"\ntype = \"power_unit_offline\"\ntrigger = \"offline\"\nseverity = \"error\"\n\
                    apply_to = { match = { site = \"ams*\" } }\nnotes = \"\"\"two\nlines\"\"\"\nenabled = false\n";
        let again = shown(text, &[], None).unwrap();
        assert_eq!(shown(&again, &[], None).unwrap().lines().count(), again.lines().count());
        let values = |text: &str| {
            let value = |line: &str| line.split("  #").next().unwrap_or_default().to_owned();
            text.lines().map(value).collect::<Vec<_>>()
        };
        assert_eq!(values(&shown(&again, &[], None).unwrap()), values(&again));
    }
}
