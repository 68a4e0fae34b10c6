//! `custom_details`: all that is known of an alert, and its shorter form for events that grew too big.

use super::event::{Action, REQUEST_OCTETS_MAX, action_of, clean};
use crate::alert::{AlertFacts, Transition, TransitionKind};
use crate::notify::settings::Site;
use serde_json::{Map, Value, json};

/// A JSON object.
pub(super) type Details = Map<String, Value>;

/// Everything.
pub(super) fn full(transition: &Transition, site: Option<&Site>) -> Details {
    let facts = &*transition.facts;
    let mut details = essentials(transition, usize::MAX);
    if let Some(site) = site {
        let fields = [("company", &site.company), ("contact", &site.contact)];
        let given =
            fields.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?))));
        details.extend(given);
    }
    if !facts.labels.is_empty() {
        let labels: Details =
            facts.labels.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        details.insert("labels".to_owned(), Value::Object(labels));
    }
    if !facts.last_values.is_empty() {
        let values: Details =
            facts.last_values.iter().map(|(name, text)| (name.to_string(), json!(text))).collect();
        details.insert("last_values".to_owned(), Value::Object(values));
    }
    details
}

/// What fits whatever the alert says: each text shortened, the labels left out, with a note.
pub(super) fn reduced(transition: &Transition, octets: usize) -> Details {
    let mut details = essentials(transition, REDUCED_CHARS_MAX);
    let note = format!(
        "details are shortened: the event had {octets} octets, over PagerDuty's limit of {REQUEST_OCTETS_MAX}"
    );
    details.insert("note".to_owned(), Value::String(note));
    details
}

/// Whether a text can stand in `links` and `client_url`; long ones stay in the details.
pub(super) fn is_link(text: &str) -> bool {
    let http = text.starts_with("https://") || text.starts_with("http://");
    http && text.len() <= LINK_OCTETS_MAX && !text.chars().any(|it| it.is_control() || it.is_whitespace())
}

/// What browsers agree to open.
const LINK_OCTETS_MAX: usize = 2_048;
/// Of each text in the reduced form: enough for a paragraph of notes, and 20 such texts, each
/// character escaped to six octets, stay under the limit of a request by far.
const REDUCED_CHARS_MAX: usize = 2_048;

fn essentials(transition: &Transition, chars_max: usize) -> Details {
    let facts = &*transition.facts;
    let mut out = Writer { details: Details::new(), chars_max };
    out.text("reason", &transition.reason);
    out.text("reading", &facts.reading);
    out.number("value", facts.value);
    out.text("unit", facts.unit);
    out.text("operator", facts.operator);
    out.number("threshold", facts.threshold);
    out.number("rated", facts.rated);
    out.text("severity", transition.severity.name());
    if let TransitionKind::Change { from } = transition.kind {
        out.text("previous_severity", from.name());
    }
    out.text("device", &facts.device);
    out.text("address", &facts.address);
    out.text("model", &facts.model);
    component(&mut out, facts);
    if let Some(locator) = &facts.source {
        out.text(if locator.oid().is_some() { "oid" } else { "source" }, &locator.to_string());
    }
    out.text("rule", &facts.rule);
    out.text("rule_type", facts.rule_type);
    out.text("trigger", facts.trigger);
    out.text("since", &facts.since.to_string());
    if action_of(transition.kind) == Action::Resolve {
        out.text("resolved_at", &transition.at.to_string());
    }
    out.text("notes", facts.notes.as_deref().unwrap_or_default());
    out.text("runbook", facts.runbook.as_deref().unwrap_or_default());
    out.text("alert", &facts.key.0);
    out.details
}

fn component(out: &mut Writer, facts: &AlertFacts) {
    if let Some((kind, index, label)) = &facts.component {
        out.text("component_kind", kind.name());
        out.text("component_index", index);
        out.text("component_label", label);
    }
}

struct Writer {
    details: Details,
    chars_max: usize,
}

impl Writer {
    /// A text, unless it is empty. Line ends stay: notes may have several lines.
    fn text(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        let kept = if self.chars_max == usize::MAX { text.to_owned() } else { clean(text, self.chars_max) };
        self.details.insert(name.to_owned(), Value::String(kept));
    }

    /// A number, if there is one and JSON has it.
    fn number(&mut self, name: &str, number: Option<f64>) {
        if let Some(number) = number.and_then(serde_json::Number::from_f64) {
            self.details.insert(name.to_owned(), Value::Number(number));
        }
    }
}
