//! Walks one layer along the schema: unknown keys, wrong forms. What is right goes on as figment's
//! values, so that layers merge and nothing behind this meets a value of the wrong type.

use super::form::Form;
use super::layer::Layer;
use super::report::{Finding, Place, Report};
use super::schema::{self, Key, Table};
use super::suggest::listed;
use crate::model::{Span, closest};
use figment::value::{Dict, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a layer brings: keys that replace those of earlier layers, and lists that add to them.
#[derive(Debug, Default)]
pub(super) struct Lowered {
    pub(super) replacing: Dict,
    pub(super) appending: Dict,
}

/// Checks a layer.
pub(super) fn layer(layer: &Layer<'_>, report: &mut Report) -> Lowered {
    let mut checker = Checker { layer, report, titles: Vec::new() };
    let all = checker.keys(&layer.tree, schema::root());
    let (appending, replacing) = all
        .into_iter()
        .partition(|(name, _)| schema::root().find(name).is_some_and(|it| matches!(it.form, Form::List(_))));
    Lowered { replacing, appending }
}

/// A value and the key that it stands under.
pub(super) struct Spot<'a, 't> {
    pub(super) key: &'a Key,
    pub(super) value: &'a Spanned<DeValue<'t>>,
}

/// One layer's walk.
pub(super) struct Checker<'a, 't> {
    pub(super) layer: &'a Layer<'t>,
    report: &'a mut Report,
    /// How the tables around the present place are headed.
    titles: Vec<String>,
}

impl Checker<'_, '_> {
    /// Notes a mistake.
    pub(super) fn mistake(&mut self, span: &Span, message: impl Into<String>) -> &mut Finding {
        self.report.mistake(Place::at(self.layer.source, span.start), message)
    }

    /// Notes that a value is of the wrong type, and what to write.
    pub(super) fn wrong_type<T>(&mut self, spot: &Spot<'_, '_>) -> Option<T> {
        let Key { name, form, example, .. } = spot.key;
        // What stands in such a key may be the secret itself, in the wrong place.
        let is_secret = SECRET_STEMS.iter().any(|it| name.starts_with(it));
        let found = match spot.value.get_ref() {
            value if is_secret => kind(value).to_owned(),
            value => described(value),
        };
        let help = match (form, spot.value.get_ref()) {
            (Form::Secret, DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_)) => {
                "put it between double quotes".to_owned()
            }
            _ => format!("write {name} = {example}"),
        };
        self.mistake(&spot.value.span(), format!("`{name}` takes {}, not {found}", form.what())).help(help);
        None
    }

    /// The text of a value that is one.
    pub(super) fn text<'b>(&mut self, spot: &Spot<'b, '_>) -> Option<&'b str> {
        match spot.value.get_ref() {
            DeValue::String(text) => Some(text),
            _ => self.wrong_type(spot),
        }
    }

    /// A table's keys: unknown ones are reported, wrong values too; what is right is handed on.
    fn keys(&mut self, tree: &DeTable<'_>, table: &'static Table) -> Dict {
        self.keys_and_wrong(tree, table).0
    }

    /// The same, and the names of keys about which something has been said: that they are absent from
    /// what is handed on is no news.
    fn keys_and_wrong(&mut self, tree: &DeTable<'_>, table: &'static Table) -> (Dict, Vec<String>) {
        let mut dict = Dict::new();
        let mut wrong = Vec::new();
        for (name, value) in tree.iter() {
            let Some(key) = table.find(name.get_ref()) else {
                let meant = self.unknown(name, value, table);
                wrong.push(meant.unwrap_or(name.get_ref()).to_owned());
                continue;
            };
            let spot = Spot { key, value };
            match key.form.lower(self, &spot) {
                Some(value) => _ = dict.insert(key.name.to_owned(), value),
                None => wrong.push(key.name.to_owned()),
            }
        }
        (dict, wrong)
    }

    /// Keys without which an element of a list says nothing.
    fn required(
        &mut self,
        key: &Key,
        span: &Span,
        table: &'static Table,
        dict: &Dict,
        wrong: &mut Vec<String>,
    ) {
        if self.report.is_broken(self.layer.source) {
            return;
        }
        for Key { name, example, .. } in table.keys.iter().filter(|it| it.required) {
            if !dict.contains_key(*name) && !wrong.iter().any(|it| it == name) {
                let heading = schema::heading(key);
                self.mistake(span, format!("this {heading} has no `{name}`"))
                    .help(format!("write, say, {name} = {example}"));
                wrong.push((*name).to_owned());
            }
        }
    }

    /// `[polling]`.
    pub(super) fn one(&mut self, spot: &Spot<'_, '_>, table: &'static Table) -> Option<Value> {
        let name = spot.key.name;
        let DeValue::Table(tree) = spot.value.get_ref() else {
            let found = described(spot.value.get_ref());
            self.mistake(&spot.value.span(), format!("`{name}` is a table, not {found}"))
                .help(format!("write [{name}], and its keys below it"));
            return None;
        };
        self.titles.push(schema::heading(spot.key));
        let dict = self.keys(tree, table);
        self.titles.pop();
        Some(Value::from(dict))
    }

    /// `flapping = { begins = 5, within = "30m" }`. With any mistake in it there is none of it.
    pub(super) fn inline(&mut self, spot: &Spot<'_, '_>, table: &'static Table) -> Option<Value> {
        let DeValue::Table(tree) = spot.value.get_ref() else { return self.wrong_type(spot) };
        self.titles.push(format!("`{}`", spot.key.name));
        let (dict, wrong) = self.keys_and_wrong(tree, table);
        self.titles.pop();
        wrong.is_empty().then(|| Value::from(dict))
    }

    /// `[credentials.NAME]`.
    pub(super) fn named(&mut self, spot: &Spot<'_, '_>, table: &'static Table) -> Option<Value> {
        let name = spot.key.name;
        let DeValue::Table(tree) = spot.value.get_ref() else {
            let found = described(spot.value.get_ref());
            self.mistake(&spot.value.span(), format!("`{name}` holds tables with names, not {found}"))
                .help(format!("write [{name}.NAME], and its keys below it"));
            return None;
        };
        let mut dict = Dict::new();
        for (own, value) in tree.iter() {
            let own_name = own.get_ref().as_ref();
            let DeValue::Table(inner) = value.get_ref() else {
                self.without_name(spot.key, own, value, table);
                continue;
            };
            if own_name.trim().is_empty() || own_name.chars().any(char::is_control) {
                self.mistake(&own.span(), format!("a table under [{name}] needs a name that can be read"));
                continue;
            }
            self.titles.push(format!("[{name}.{own_name}]"));
            let (keys, wrong) = self.keys_and_wrong(inner, table);
            self.titles.pop();
            if !wrong.is_empty() {
                self.report.trouble(name, own_name);
            }
            dict.insert(own_name.to_owned(), Value::from(keys));
        }
        Some(Value::from(dict))
    }

    /// A key directly under `[credentials]`.
    fn without_name(
        &mut self,
        key: &Key,
        own: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        table: &'static Table,
    ) {
        let (holder, own_name) = (key.name, own.get_ref().as_ref());
        if table.find(own_name).is_some() {
            self.mistake(
                &own.span(),
                format!("`{own_name}` stands directly under [{holder}], without a name"),
            )
            .help(format!("write it below [{holder}.default], or another name"));
        } else {
            let found = kind(value.get_ref());
            self.mistake(&own.span(), format!("[{holder}.{own_name}] is a table, not {found}"))
                .help(format!("write [{holder}.{own_name}], and its keys below it"));
        }
    }

    /// `[[devices]]`. Each element carries its place in this layer under [`PLACE`].
    pub(super) fn list(&mut self, spot: &Spot<'_, '_>, table: &'static Table) -> Option<Value> {
        let name = spot.key.name;
        if self.layer.literal {
            self.mistake(
                &spot.value.span(),
                format!("`{name}` is a list of tables, which no variable can hold"),
            )
            .help("write them into a file in conf.d");
            return None;
        }
        let DeValue::Array(elements) = spot.value.get_ref() else {
            let found = kind(spot.value.get_ref());
            self.mistake(&spot.value.span(), format!("`{name}` is a list of tables, not {found}"))
                .help(format!("write [[{name}]], with two brackets, once for each"));
            return None;
        };
        let defaults = defaults(table);
        let mut list = Vec::with_capacity(elements.len());
        for (at, element) in elements.iter().enumerate() {
            let DeValue::Table(tree) = element.get_ref() else {
                let found = described(element.get_ref());
                self.mistake(&element.span(), format!("`{name}` is a list of tables, but this is {found}"))
                    .help(format!("write [[{name}]], with two brackets, once for each"));
                continue;
            };
            self.titles.push(schema::heading(spot.key));
            let (mut dict, mut wrong) = self.keys_and_wrong(tree, table);
            self.titles.pop();
            self.required(spot.key, &element.span(), table, &dict, &mut wrong);
            fill(&mut dict, &defaults);
            dict.insert(PLACE.to_owned(), Value::from(at));
            dict.insert(WRONG.to_owned(), Value::from(wrong));
            list.push(Value::from(dict));
        }
        Some(Value::from(list))
    }

    /// A key that the table does not have. Hands on the one that was most likely meant.
    fn unknown(
        &mut self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        table: &'static Table,
    ) -> Option<&'static str> {
        let written = name.get_ref().as_ref();
        let here = self.titles.last().cloned();
        let what = if matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_)) && here.is_none() {
            "table"
        } else {
            "key"
        };
        let within = here.as_ref().map(|it| format!(" in {it}")).unwrap_or_default();
        let called = |key: &Key| format!("it is called `{}` here: {}", key.name, lower_first(key.about));
        let (help, meant) = if let Some(key) = called_otherwise(written, table) {
            (called(key), Some(key.name))
        } else if let Some(near) = closest(written, table.names()) {
            (format!("did you mean `{near}`?"), Some(near))
        } else if let Some(home) = home_of(written) {
            (format!("it belongs under {}", schema::heading(home)), None)
        } else if let Some(key) = nearly_called(written, table) {
            (called(key), Some(key.name))
        } else {
            (format!("known here: {}", listed(table.names())), None)
        };
        self.mistake(&name.span(), format!("unknown {what} `{written}`{within}")).help(help);
        meant
    }
}

/// Puts the defaults where the user says nothing.
fn fill(dict: &mut Dict, defaults: &Dict) {
    for (name, value) in defaults {
        dict.entry(name.clone()).or_insert_with(|| value.clone());
    }
}

/// The defaults of a table's own keys.
pub(super) fn defaults(table: &'static Table) -> Dict {
    let text: String =
        table.keys.iter().filter_map(|it| Some(format!("{} = {}\n", it.name, it.default?))).collect();
    let tree = DeTable::parse(&text).map(Spanned::into_inner).unwrap_or_default();
    let layer = Layer { source: 0, name: String::new(), literal: false, folder: None, text: &text, tree };
    let mut report = Report::default();
    Checker { layer: &layer, report: &mut report, titles: Vec::new() }.keys(&layer.tree, table)
}

/// The key that users of other tools call so.
fn called_otherwise(written: &str, table: &'static Table) -> Option<&'static Key> {
    table.keys.iter().find(|it| it.misnomers.contains(&written.to_lowercase().as_str()))
}

/// The key that users of other tools call nearly so.
fn nearly_called(written: &str, table: &'static Table) -> Option<&'static Key> {
    let misnomers = table.keys.iter().flat_map(|it| it.misnomers.iter().copied());
    called_otherwise(closest(written, misnomers)?, table)
}

/// The top-level table that has a key of that name.
fn home_of(name: &str) -> Option<&'static Key> {
    schema::root().keys.iter().find(|it| it.form.inner().is_some_and(|table| table.find(name).is_some()))
}

/// Within a sentence; but an abbreviation stays one.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    if text.chars().nth(1).is_some_and(char::is_uppercase) {
        return text.to_owned();
    }
    letters.next().map(|it| it.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// A text that messages may repeat: one short line. A text without an end swallows the lines behind it,
/// and there may be secrets among them.
pub(super) fn short(text: &str) -> Option<&str> {
    (text.len() <= SHOWN_MOST && !text.contains(char::is_control)).then_some(text)
}

/// The same in quotes, or what it is instead.
pub(super) fn quoted(text: &str) -> String {
    short(text).map_or_else(|| "this".to_owned(), |it| format!("\"{it}\""))
}

/// What a value is, with what it says.
pub(super) fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => match short(text) {
            Some(text) => format!("a text (\"{text}\")"),
            None => "a long text".to_owned(),
        },
        DeValue::Integer(number) => format!("a number ({number})"),
        DeValue::Float(number) => format!("a number ({number})"),
        DeValue::Boolean(flag) => flag.to_string(),
        other => kind(other).to_owned(),
    }
}

/// What a value is.
const fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A key that no file can bring, because it is reported as unknown: where an element stands.
pub(super) const PLACE: &str = "@place";
/// Another such key: the keys about which something has been said.
pub(super) const WRONG: &str = "@wrong";
/// What the keys begin with that hold secrets, or say where one is.
const SECRET_STEMS: [&str; 5] = ["community", "routing_key", "authentication", "privacy", "secret"];
/// Longer texts are not repeated in messages.
const SHOWN_MOST: usize = 60;
