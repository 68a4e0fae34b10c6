//! The texts of pages: templates that rules (and the config, for all rules) bring, compiled and rendered.
//!
//! The way of a text: the config's source -> [`Template::compile`], where Device42's `%(name)s` become fields
//! and every name is checked -> [`Messages::dress`], which writes the rendered texts over those of an
//! event. Invariants: a template reads no file and no clock, and its work and output are bounded; whatever
//! a template does, the event goes out: what fails is left as it was, with a note that says so.

mod device42;
mod fields;
mod template;

pub use fields::FIELDS;
pub use template::{Template, TemplateError};

use crate::alert::Transition;
use crate::model::Problem;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The templates of one rule, or those for all rules.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Texts {
    /// Of the page's one line.
    pub summary: Option<Arc<Template>>,
    /// Of entries in the page's details, by name.
    pub details: BTreeMap<String, Arc<Template>>,
}

/// All templates of a config.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Messages {
    /// For rules that do not say otherwise.
    pub defaults: Texts,
    /// By rule.
    pub rules: BTreeMap<Arc<str>, Texts>,
}

/// An event with the texts of templates, and what went wrong with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dressed {
    /// The event.
    pub body: String,
    /// The templates that failed, each with the reason; usually none.
    pub failures: Vec<String>,
}

/// `payload.summary`, in characters: PagerDuty's limit.
const SUMMARY_CHARS_MAX: usize = 1_024;
/// An event that grew larger by its templates goes without them: PagerDuty takes 512,000 octets, and the
/// routing key is yet to come.
const EVENT_OCTETS_MAX: usize = 490_000;
/// Entries that a rule may add: a person reads a page, not a report.
pub const DETAILS_MAX: usize = 32;

/// Entries that every page may have of ours.
const OWN_ENTRIES: [&str; 29] = [
    "reason",
    "reading",
    "value",
    "unit",
    "operator",
    "threshold",
    "rated",
    "severity",
    "previous_severity",
    "device",
    "address",
    "model",
    "component_kind",
    "component_index",
    "component_label",
    "oid",
    "rule",
    "rule_type",
    "trigger",
    "since",
    "resolved_at",
    "notes",
    "runbook",
    "alert",
    "labels",
    "note",
    "company",
    "contact",
    "template_error",
];

impl Texts {
    /// Compiles what a user wrote; `kind` says what the alerts are like, so that templates can be tried.
    ///
    /// # Errors
    /// Each template that cannot be used, under `summary` or `details.NAME`.
    pub fn compile(
        summary: Option<&str>,
        details: &BTreeMap<String, String>,
        kind: Kind,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut compile = |field: String, source: &str| match Template::compile(source).and_then(|it| {
            fields::samples(kind).iter().try_for_each(|sample| it.render(sample).map(drop)).map(|()| it)
        }) {
            Ok(template) => Some(Arc::new(template)),
            Err(error) => {
                let mut problem = Problem::new(field, format!("the template cannot be used: {error}"));
                problem.help = error.help();
                problems.push(problem);
                None
            }
        };
        let summary = summary.and_then(|it| compile("summary".to_owned(), it));
        let details: BTreeMap<String, Arc<Template>> = details
            .iter()
            .filter_map(|(name, it)| Some((name.clone(), compile(format!("details.{name}"), it)?)))
            .collect();
        for name in details.keys().filter(|it| OWN_ENTRIES.contains(&it.as_str())) {
            let message = format!("each page has an entry `{name}` already, which receivers rely on");
            problems
                .push(Problem::new(format!("details.{name}"), message).with_help("give yours another name"));
        }
        if DETAILS_MAX < details.len() {
            let message = format!("{} entries; {DETAILS_MAX} are allowed", details.len());
            problems.push(Problem::new("details", message));
        }
        if problems.is_empty() { Ok(Self { summary, details }) } else { Err(problems) }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.summary.is_none() && self.details.is_empty()
    }
}

/// What the alerts of a rule are like: which fields they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They measure: value, threshold.
    Number,
    /// They are states, presence or reachability: no number.
    Word,
    /// Of any kind: templates for all rules.
    Any,
}

impl Messages {
    /// Whether there is no template at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.defaults.is_empty() && self.rules.values().all(Texts::is_empty)
    }

    /// The event with the texts of the rule's templates. What a template cannot write stays as it was,
    /// with a note among the details.
    #[must_use]
    pub fn dress(&self, transition: &Transition, body: String) -> Dressed {
        let own = self.rules.get(&transition.facts.rule);
        let is_plain = self.defaults.is_empty() && own.is_none_or(Texts::is_empty);
        if is_plain {
            return Dressed { body, failures: Vec::new() };
        }
        let Ok(Json::Object(mut event)) = serde_json::from_str::<Json>(&body) else {
            return Dressed { body, failures: vec!["the event is no JSON object".to_owned()] };
        };
        let mut failures = Vec::new();
        self.write(transition, own, &mut event, &mut failures);
        let dressed = Json::Object(event).to_string();
        if EVENT_OCTETS_MAX < dressed.len() {
            failures.push(format!(
                "the event would have {} octets, at most {EVENT_OCTETS_MAX} fit",
                dressed.len()
            ));
            return Dressed { body, failures };
        }
        Dressed { body: dressed, failures }
    }

    fn write(
        &self,
        transition: &Transition,
        own: Option<&Texts>,
        event: &mut Map<String, Json>,
        failures: &mut Vec<String>,
    ) {
        let Some(payload) = event.get_mut("payload").and_then(Json::as_object_mut) else { return };
        let plain = payload.get("summary").and_then(Json::as_str).unwrap_or_default();
        let fields = fields::of(transition, plain);
        let summary = own.and_then(|it| it.summary.as_ref()).or(self.defaults.summary.as_ref());
        match summary.map(|it| it.render(&fields).map(|text| one_line(&text))) {
            None => (),
            Some(Ok(text)) if text.is_empty() => failures.push("summary came out empty".to_owned()),
            Some(Ok(text)) => _ = payload.insert("summary".to_owned(), Json::String(text)),
            Some(Err(error)) => failures.push(format!("summary: {error}")),
        }
        let details = payload.entry("custom_details").or_insert_with(|| Json::Object(Map::new()));
        let Some(details) = details.as_object_mut() else { return };
        let own_details = own.map(|it| &it.details);
        let is_own = |name: &String| own_details.is_some_and(|it| it.contains_key(name));
        let inherited = self.defaults.details.iter().filter(|(name, _)| !is_own(name));
        for (name, template) in inherited.chain(own_details.into_iter().flatten()) {
            match template.render(&fields) {
                Ok(text) if text.trim().is_empty() => _ = details.remove(name),
                Ok(text) => _ = details.insert(name.clone(), Json::String(text)),
                Err(error) => failures.push(format!("details.{name}: {error}")),
            }
        }
        if !failures.is_empty() {
            let note = format!(
                "a template of this rule failed, so this text is the default: {}",
                failures.join("; ")
            );
            details.insert("template_error".to_owned(), Json::String(note));
        }
    }
}

/// As a summary has to be.
fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|it: char| it.is_whitespace() || it.is_control()).filter(|it| !it.is_empty()).collect();
    let line = words.join(" ");
    if line.chars().count() <= SUMMARY_CHARS_MAX {
        return line;
    }
    line.chars().take(SUMMARY_CHARS_MAX - 1).chain(['…']).collect()
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details: BTreeMap<&str, &str> =
            self.details.iter().map(|(name, it)| (&**name, it.source())).collect();
        f.debug_struct("Texts")
            .field("summary", &self.summary.as_ref().map(|it| it.source()))
            .field("details", &details)
            .finish()
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("Messages(none)");
        }
        f.debug_struct("Messages").field("defaults", &self.defaults).field("rules", &self.rules).finish()
    }
}

#[cfg(test)]
mod tests;
