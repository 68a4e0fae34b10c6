//! From what a user wrote to a checked rule: reports everything that is wrong, each with the path of
//! its key and what to write instead. Keys are named as in docs/rules.md.

use super::check_extras::check_extras;
use super::check_levels;
use super::input::{ApplyTo, DurationInput, RuleInput};
use super::kind::{Measure, RuleType, Trigger};
use super::rule::Rule;
use super::selector::{Glob, ObjectPattern, Selection};
use crate::model::{ComponentKind, Problem, Ratings, Severity, closest};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Checks one rule.
///
/// # Errors
/// All problems that it has, in the order of the keys; never an empty list.
pub fn check(input: &RuleInput) -> Result<Rule, Vec<Problem>> {
    let mut problems = Vec::new();
    let found = &mut problems;
    check_name(&input.name, found);
    let rule_type = check_type(&input.rule_type, found);
    let trigger = rule_type.and_then(|it| check_trigger(it, &input.trigger, found));
    let kinds = rule_type.map_or(&ComponentKind::ALL[..], RuleType::kinds);
    let selection = check_selection(&input.apply_to, kinds, trigger, found);
    let components = check_components(&input.components, kinds, trigger, found);
    let condition = check_levels::check_condition(input, trigger, found);
    let extras = check_extras(input, rule_type, trigger, found);
    let hold_for = check_duration("for", input.hold_for.as_ref(), found);
    let keep_firing_for = check_duration("keep_firing_for", input.keep_firing_for.as_ref(), found);
    let resend = check_resend(input.resend.as_ref(), found);
    let rated = check_ratings(input, trigger, found);
    check_filters(input, trigger, found);
    check_texts(input, found);
    match (rule_type, trigger, condition) {
        (Some(rule_type), Some(trigger), Some(condition)) if problems.is_empty() => Ok(Rule {
            name: input.name.trim().into(),
            enabled: input.enabled,
            rule_type,
            trigger,
            selection,
            components,
            indices: input.indices.iter().map(|it| Glob::new(it)).collect(),
            names: input.names.iter().map(|it| Glob::new(it)).collect(),
            condition,
            hold_for,
            keep_firing_for,
            no_data: extras.no_data,
            flapping: extras.flapping,
            rate: extras.rate,
            group: extras.group,
            schedule: extras.schedule,
            resend,
            rated,
            notes: input.notes.as_deref().filter(|it| !it.trim().is_empty()).map(Arc::from),
            runbook: input.runbook.as_deref().map(Arc::from),
            integrations: input.integrations.iter().map(|it| Arc::from(&**it)).collect(),
        }),
        (..) => Err(problems),
    }
}

/// Checks all rules of a config, and that no two have the same name.
///
/// # Errors
/// All problems of all rules, each with the place of its rule.
pub fn check_all(inputs: &[RuleInput]) -> Result<Vec<Rule>, Vec<(usize, Problem)>> {
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, input) in inputs.iter().enumerate() {
        match check(input) {
            Ok(rule) => rules.push(rule),
            Err(found) => problems.extend(found.into_iter().map(|it| (at, it))),
        }
        let name = input.name.trim();
        if let Some(first) = names.insert(name, at).filter(|_| !name.is_empty()) {
            let problem = Problem::new("name", format!("another rule is called \"{name}\" too"))
                .with_help("give each rule a name of its own: alerts are told apart by it");
            problems.push((at, problem));
            names.insert(name, first);
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

/// `alternatives` for a help: what was probably meant, and all that there is.
pub(super) fn choices<'a>(word: &str, all: impl Iterator<Item = &'a str> + Clone, what: &str) -> String {
    let list = all.clone().collect::<Vec<&str>>().join(", ");
    match closest(&word.replace(['-', ' '], "_"), all) {
        Some(meant) if !word.is_empty() => format!("did you mean \"{meant}\"? {what}: {list}"),
        Some(_) | None => format!("{what}: {list}"),
    }
}

/// The severity of that name.
pub(super) fn check_severity(field: &str, text: &str, found: &mut Vec<Problem>) -> Option<Severity> {
    let severity = text.parse().ok();
    if severity.is_none() {
        found.push(Problem::new(field, format!("\"{text}\" is no severity")).with_help(choices(
            text,
            Severity::ALL.iter().map(|it| it.name()),
            "there are",
        )));
    }
    severity
}

fn check_name(name: &str, found: &mut Vec<Problem>) {
    let name = name.trim();
    if name.is_empty() {
        found.push(
            Problem::new("name", "the rule has no name").with_help("write, say, name = \"infeed overload\""),
        );
    }
    if NAME_CHARS_MAX < name.chars().count() {
        let message =
            format!("the name has {} characters, at most {NAME_CHARS_MAX} fit", name.chars().count());
        found.push(Problem::new("name", message).with_help("put the details into notes"));
    }
    if name.chars().any(char::is_control) {
        found.push(
            Problem::new("name", "the name holds control characters").with_help("write it on one line"),
        );
    }
}

fn check_type(name: &str, found: &mut Vec<Problem>) -> Option<RuleType> {
    let rule_type = RuleType::find(name);
    if rule_type.is_none() {
        let message = if name.is_empty() {
            "the rule has no type".to_owned()
        } else {
            format!("\"{name}\" is no rule type")
        };
        let help = choices(name, RuleType::ALL.iter().map(|it| it.name()), "there are");
        found.push(Problem::new("type", message).with_help(help));
    }
    rule_type
}

fn check_trigger(rule_type: RuleType, name: &str, found: &mut Vec<Problem>) -> Option<&'static Trigger> {
    let trigger = rule_type.trigger(name);
    if trigger.is_none() {
        let message = if name.is_empty() {
            format!("the rule has no trigger; {rule_type} needs one")
        } else {
            format!("\"{name}\" is no trigger of {rule_type}")
        };
        let what = format!("{rule_type} has");
        let mut help = choices(name, rule_type.triggers().iter().map(|it| it.name), &what);
        let elsewhere: Vec<&str> =
            RuleType::ALL.iter().filter(|it| it.trigger(name).is_some()).map(|it| it.name()).collect();
        if !elsewhere.is_empty() {
            help = format!("{help}; \"{name}\" is a trigger of {}", elsewhere.join(", "));
        }
        found.push(Problem::new("trigger", message).with_help(help));
    }
    trigger
}

fn check_selection(
    apply_to: &ApplyTo,
    kinds: &'static [ComponentKind],
    trigger: Option<&Trigger>,
    found: &mut Vec<Problem>,
) -> Selection {
    match apply_to {
        ApplyTo::All => Selection::All,
        ApplyTo::Objects(texts) => {
            if texts.is_empty() {
                found.push(
                    Problem::new("apply_to", "the list of objects is empty: the rule would watch nothing")
                        .with_help(
                            "name some, as \"pdu-1\" or \"pdu-1/infeed/1\", or leave apply_to out for all",
                        ),
                );
            }
            for (at, text) in texts.iter().enumerate() {
                if let Some(problem) = wrong_object(text, kinds, trigger) {
                    found.push(Problem { field: format!("apply_to[{at}]"), ..problem });
                }
            }
            Selection::Objects(texts.iter().map(|it| ObjectPattern::new(it)).collect())
        }
        ApplyTo::Match(labels) => {
            if labels.is_empty() {
                found.push(
                    Problem::new("apply_to.match", "no label is given: the rule would watch nothing")
                        .with_help(
                            "write, say, { match = { site = \"ams-*\" } }, or leave apply_to out for all",
                        ),
                );
            }
            if labels.iter().any(|(name, _)| name.is_empty()) {
                found.push(
                    Problem::new("apply_to.match", "a label has no name")
                        .with_help("write the label's name as key"),
                );
            }
            Selection::Match(
                labels.iter().map(|(name, value)| (name.as_str().into(), Glob::new(value))).collect(),
            )
        }
    }
}

fn wrong_object(text: &str, kinds: &'static [ComponentKind], trigger: Option<&Trigger>) -> Option<Problem> {
    let shape_of_it = "write a device (\"pdu-1\"), its components of a kind (\"pdu-1/infeed\"), or one of them \
                       (\"pdu-1/infeed/1\"), each part with * if need be";
    let pattern = ObjectPattern::new(text);
    if text.split('/').any(str::is_empty) {
        return Some(Problem::new("", format!("\"{text}\" has an empty part")).with_help(shape_of_it));
    }
    let kind = pattern.kind.as_ref()?;
    let trigger = trigger?;
    if trigger.allowed.is_empty() {
        let message = format!("\"{text}\" names a component, but {} is about whole devices", trigger.name);
        return Some(Problem::new("", message).with_help(format!("write \"{}\"", pattern.device.text())));
    }
    if !kinds.iter().any(|it| pattern.fits_kind(*it)) {
        let help = choices(kind.text(), kinds.iter().map(|it| it.name()), "there are");
        let message = format!("\"{}\" is no kind of component", kind.text());
        return Some(Problem::new("", message).with_help(help));
    }
    if !trigger.allowed.iter().any(|&it| pattern.fits_kind(it)) {
        let message = format!("{} does not look at components of kind \"{}\"", trigger.name, kind.text());
        return Some(Problem::new("", message).with_help(format!("it looks at: {}", list(trigger.allowed))));
    }
    None
}

fn check_components(
    names: &[String],
    kinds: &'static [ComponentKind],
    trigger: Option<&Trigger>,
    found: &mut Vec<Problem>,
) -> Box<[ComponentKind]> {
    let mut wanted = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let field = format!("components[{at}]");
        let allowed: &[ComponentKind] = trigger.map_or(kinds, |it| it.allowed);
        match name.parse::<ComponentKind>() {
            Err(()) => {
                let help = choices(name, kinds.iter().map(|it| it.name()), "there are");
                let message = format!("\"{name}\" is no kind of component");
                found.push(Problem::new(field, message).with_help(help));
            }
            Ok(_) if allowed.is_empty() => {
                found.push(
                    Problem::new(field, "the trigger is about whole devices, not components")
                        .with_help("leave components out"),
                );
            }
            Ok(kind) if !allowed.contains(&kind) => {
                let message = format!("the trigger does not look at components of kind {kind}");
                let elsewhere = if ComponentKind::OF_DEVICES.contains(&kind) {
                    "; type = \"reading\" looks at any of a device"
                } else {
                    ""
                };
                let help = format!("it looks at: {}{elsewhere}", list(allowed));
                found.push(Problem::new(field, message).with_help(help));
            }
            Ok(kind) => wanted.push(kind),
        }
    }
    if names.is_empty() { trigger.map_or(&[][..], |it| it.components).into() } else { wanted.into() }
}

fn list(kinds: &[ComponentKind]) -> String {
    kinds.iter().map(|it| it.name()).collect::<Vec<&str>>().join(", ")
}

pub(super) fn check_duration(
    field: &str,
    input: Option<&DurationInput>,
    found: &mut Vec<Problem>,
) -> Duration {
    let Some(input) = input else { return Duration::ZERO };
    let help = "write, say, \"30s\", \"5m\" or \"1h 30m\"";
    let duration = match input {
        DurationInput::Seconds(seconds) if seconds.is_nan() => Err("it is not a number".to_owned()),
        DurationInput::Seconds(seconds) if *seconds < 0.0 => Err(format!("{seconds} s is negative")),
        DurationInput::Seconds(seconds) => Ok(Duration::try_from_secs_f64(*seconds).unwrap_or(Duration::MAX)),
        DurationInput::Text(text) if text.trim_start().starts_with('-') => {
            Err(format!("\"{text}\" is negative"))
        }
        DurationInput::Text(text) => {
            humantime::parse_duration(text).map_err(|_| format!("\"{text}\" is no duration"))
        }
    };
    match duration {
        Err(message) => found.push(Problem::new(field, message).with_help(help)),
        Ok(long) if DURATION_MAX < long => found.push(
            Problem::new(field, "it is longer than a week: nobody would be told in time")
                .with_help("write at most \"7days\""),
        ),
        Ok(duration) => return duration,
    }
    Duration::ZERO
}

fn check_resend(input: Option<&DurationInput>, found: &mut Vec<Problem>) -> Option<Duration> {
    input?;
    let before = found.len();
    let resend = check_duration("resend", input, found);
    if resend < RESEND_MIN && found.len() == before {
        found.push(
            Problem::new("resend", "it is shorter than a minute: it would drown all else")
                .with_help("write at least \"1m\", or leave it out to announce an alert once"),
        );
    }
    Some(resend)
}

fn check_ratings(input: &RuleInput, trigger: Option<&Trigger>, found: &mut Vec<Problem>) -> Ratings {
    let given = [
        ("rated_current", input.rated_current_amperes, "A"),
        ("rated_power", input.rated_active_power_watts, "W"),
        ("rated_apparent_power", input.rated_apparent_power_volt_amperes, "VA"),
    ];
    for (field, rated, unit) in given {
        let Some(rated) = rated else { continue };
        if !(rated.is_finite() && 0.0 < rated) {
            let message = format!("a rating of {rated} {unit} cannot be a base for percentages");
            found.push(
                Problem::new(field, message)
                    .with_help(format!("write what is on the plate, as 16 or 32 {unit}")),
            );
        }
        if trigger.is_some_and(|it| it.measure != Measure::PercentOfRated) {
            found.push(
                Problem::new(field, "only percent_of_rated looks at ratings")
                    .with_help("leave it out, or use trigger = \"percent_of_rated\""),
            );
        }
    }
    Ratings {
        current_amperes: input.rated_current_amperes,
        active_power_watts: input.rated_active_power_watts,
        apparent_power_volt_amperes: input.rated_apparent_power_volt_amperes,
    }
}

fn check_filters(input: &RuleInput, trigger: Option<&Trigger>, found: &mut Vec<Problem>) {
    let whole_device = trigger.is_some_and(|it| it.allowed.is_empty());
    for (field, given) in [("indices", &input.indices), ("names", &input.names)] {
        if whole_device && !given.is_empty() {
            found.push(
                Problem::new(field, "the trigger is about whole devices, not components")
                    .with_help(format!("leave {field} out")),
            );
        }
    }
}

fn check_texts(input: &RuleInput, found: &mut Vec<Problem>) {
    if let Some(runbook) = &input.runbook {
        let is_link =
            ["https://", "http://"].iter().any(|it| runbook.starts_with(it) && it.len() < runbook.len());
        if !is_link || runbook.chars().any(|it| it.is_whitespace() || it.is_control()) {
            found.push(
                Problem::new("runbook", format!("\"{runbook}\" is no link"))
                    .with_help("write a URL that begins with https://, or put the text into notes"),
            );
        }
    }
    if let Some(notes) = &input.notes
        && NOTES_CHARS_MAX < notes.chars().count()
    {
        let message =
            format!("the notes have {} characters, at most {NOTES_CHARS_MAX} fit", notes.chars().count());
        found.push(Problem::new("notes", message).with_help("put the long text behind a link: runbook"));
    }
    for (at, name) in input.integrations.iter().enumerate() {
        if name.trim().is_empty() {
            found.push(
                Problem::new(format!("integrations[{at}]"), "the integration has no name")
                    .with_help("name an integration of the config, or leave it out for the default ones"),
            );
        }
    }
}

/// A name is part of the alert's key, of its dedup_key (at most 255 characters at PagerDuty) and of
/// the page's first line.
const NAME_CHARS_MAX: usize = 120;
/// Notes travel with every page; they are read on a phone at night.
const NOTES_CHARS_MAX: usize = 4000;
/// A condition that may hold for more than a week unannounced is a mistyped number.
const DURATION_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Below this a single alert would use up a noticeable part of an integration's 120 requests a minute.
const RESEND_MIN: Duration = Duration::from_secs(60);
