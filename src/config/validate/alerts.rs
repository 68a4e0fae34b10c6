//! `[[alerts]]`: handed to [`crate::rules`], whose problems get their places back; and that what a
//! rule names is there.

use super::Context;
use super::integrations;
use super::place::Element;
use crate::config::layer::Step;
use crate::config::limits::ALERTS_MOST;
use crate::config::raw::{RawAlert, RawConfig, RawLimit, RawSelection, RawThreshold};
use crate::config::report::Place;
use crate::config::suggest::instead;
use crate::message::{Kind, Texts};
use crate::model::Problem;
use crate::poller::settings::DeviceSettings;
use crate::rules::{
    self, ApplyTo, Condition, FlappingInput, Glob, GroupInput, LevelInput, Limit, ObjectPattern, RateInput,
    Rule, RuleInput, RuleType, ScheduleInput,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// All rules without a mistake, and the texts of their pages.
pub(super) fn rules(
    context: &mut Context<'_, '_>,
    raw: &RawConfig,
    devices: &[DeviceSettings],
) -> (Vec<Rule>, BTreeMap<Arc<str>, Texts>) {
    let inventories = raw.inventory.iter().filter_map(|it| it.name.as_deref());
    let names: BTreeSet<&str> =
        raw.devices.iter().filter_map(|it| it.name.as_deref()).chain(inventories).collect();
    let mut taken: HashMap<&str, Place> = HashMap::new();
    let (mut found, mut texts) = (Vec::new(), BTreeMap::new());
    for (at, tagged) in raw.alerts.iter().enumerate() {
        let Some(element) = Element::new(&context.layers, tagged, "alerts", tagged.place) else { continue };
        if at == ALERTS_MOST {
            let message = format!("{} alerts; {ALERTS_MOST} are read at most", raw.alerts.len());
            context
                .report
                .mistake(element.place(&[]), message)
                .help("one alert can apply to many devices: see apply_to");
            break;
        }
        check_name(context, &element, tagged, &mut taken);
        check_references(context, &element, tagged, raw);
        if !context.report.any_broken() {
            check_objects(context, &element, tagged, &names);
            check_match(context, &element, tagged, devices, raw);
        }
        match rules::check(&input(tagged)) {
            Ok(rule) => {
                match Texts::compile(tagged.summary.as_deref(), &tagged.details, kind(&rule)) {
                    Ok(own) if own.is_empty() => (),
                    Ok(own) => _ = texts.insert(Arc::clone(&rule.name), own),
                    Err(problems) => report(context, &element, tagged, problems),
                }
                found.push(rule);
            }
            Err(problems) => report(context, &element, tagged, problems),
        }
    }
    (found, texts)
}

/// What its alerts are like.
const fn kind(rule: &Rule) -> Kind {
    match rule.condition {
        Condition::Threshold { .. } => Kind::Number,
        Condition::State { .. }
        | Condition::Health
        | Condition::Present { .. }
        | Condition::Unreachable { .. } => Kind::Word,
    }
}

/// The texts for rules that bring none.
pub(super) fn default_texts(context: &mut Context<'_, '_>, raw: &RawConfig) -> Texts {
    let compiled = Texts::compile(raw.paging.summary.as_deref(), &raw.paging.details, Kind::Any);
    compiled.unwrap_or_else(|problems| {
        for problem in problems {
            let path = written_path(&problem.field);
            let mut steps = vec![Step::Key("paging")];
            steps.extend(path.iter().map(|it| Step::Key(it)));
            let finding = context.report.mistake(context.layers.first_with(&steps), problem.message);
            if let Some(help) = problem.help {
                finding.help(help);
            }
        }
        Texts::default()
    })
}

fn input(raw: &RawAlert) -> RuleInput {
    RuleInput {
        name: raw.name.clone().unwrap_or_default(),
        enabled: raw.enabled,
        rule_type: raw.r#type.clone().unwrap_or_default(),
        trigger: raw.trigger.clone().unwrap_or_default(),
        apply_to: apply_to(&raw.apply_to),
        components: raw.components.clone(),
        indices: raw.indices.clone(),
        names: raw.names.clone(),
        operator: raw.operator.clone(),
        unit: raw.unit.clone(),
        info: raw.info.as_ref().map(level),
        warning: raw.warning.as_ref().map(level),
        error: raw.error.as_ref().map(level),
        critical: raw.critical.as_ref().map(level),
        severity: raw.severity.clone(),
        after_polls: raw.after_polls,
        hold_for: raw.r#for.map(|it| it.duration().into()),
        keep_firing_for: raw.keep_firing_for.map(|it| it.duration().into()),
        no_data: raw.no_data.clone(),
        flapping: raw
            .flapping
            .as_ref()
            .map(|it| FlappingInput { begins: it.begins, within: it.within.map(|it| it.duration().into()) }),
        rate: raw
            .rate
            .as_ref()
            .map(|it| RateInput { per: it.per.clone(), over: it.over.map(|it| it.duration().into()) }),
        group: raw.group.as_ref().map(|it| GroupInput { by: it.by.clone(), combine: it.combine.clone() }),
        schedule: raw.schedule.as_ref().map(|it| ScheduleInput {
            days: it.days.clone(),
            from: it.from.clone(),
            to: it.to.clone(),
            timezone: it.timezone.clone(),
        }),
        resend: raw.resend.map(|it| it.duration().into()),
        rated_current_amperes: raw.rated_current,
        rated_active_power_watts: raw.rated_power,
        rated_apparent_power_volt_amperes: raw.rated_apparent_power,
        notes: raw.notes.clone(),
        runbook: raw.runbook.clone(),
        integrations: raw.integrations.clone(),
    }
}

fn apply_to(raw: &RawSelection) -> ApplyTo {
    match (&raw.objects, &raw.labels) {
        (Some(objects), _) => ApplyTo::Objects(objects.clone()),
        (None, Some(labels)) => {
            ApplyTo::Match(labels.iter().map(|(name, it)| (name.clone(), it.clone())).collect())
        }
        (None, None) => ApplyTo::All,
    }
}

fn level(raw: &RawThreshold) -> LevelInput {
    LevelInput { value: Some(limit(raw.value)), clear: raw.clear.map(limit) }
}

fn limit(raw: RawLimit) -> Limit {
    match raw {
        RawLimit::At(number) => number.into(),
        RawLimit::Between(ends) => ends.into(),
    }
}

/// Gives problems their places. What follows from keys that were refused before is left out.
fn report(context: &mut Context<'_, '_>, element: &Element<'_, '_>, raw: &RawAlert, problems: Vec<Problem>) {
    for problem in problems {
        let path = written_path(&problem.field);
        let is_whole = !element.is_broken(context.report);
        let said = match path.first() {
            Some(key) => raw.wrong.iter().any(|it| it == key) || (!is_whole && !element.has(key)),
            None => !raw.wrong.is_empty() || !is_whole,
        };
        if said {
            continue;
        }
        let steps: Vec<Step<'_>> =
            path.iter().map(|it| it.parse().map_or(Step::Key(it), Step::Index)).collect();
        let finding = context.report.mistake(element.place(&steps), problem.message);
        if let Some(help) = problem.help {
            finding.help(help);
        }
    }
}

/// A problem's field as the keys that the user wrote: `objects[0]` is apply_to, 0.
fn written_path(field: &str) -> Vec<String> {
    let parts = field.split(['.', '[', ']']).filter(|it| !it.is_empty());
    let mut path: Vec<String> = parts.map(str::to_owned).collect();
    match path.first().map(String::as_str) {
        Some("rule_type") => path.splice(..1, ["type".to_owned()]).for_each(drop),
        Some("objects") => path.splice(..1, ["apply_to".to_owned()]).for_each(drop),
        Some("match") => path.insert(0, "apply_to".to_owned()),
        _ => (),
    }
    path
}

fn check_name<'r>(
    context: &mut Context<'_, '_>,
    element: &Element<'_, '_>,
    raw: &'r RawAlert,
    taken: &mut HashMap<&'r str, Place>,
) {
    let Some(name) = raw.name.as_deref() else { return };
    let place = element.key("name");
    if let Some(first) = taken.get(name) {
        let first = context.layers.shown(*first);
        context
            .report
            .mistake(place, format!("the alert name \"{name}\" is taken: first at {first}"))
            .help("each alert has a name of its own: open alerts are known by it");
    } else {
        taken.insert(name, place);
    }
}

fn check_references(
    context: &mut Context<'_, '_>,
    element: &Element<'_, '_>,
    raw: &RawAlert,
    all: &RawConfig,
) {
    for (at, name) in raw.integrations.iter().enumerate() {
        if !all.integrations.contains_key(name) && !context.report.any_broken() {
            let place = element.place(&[Step::Key("integrations"), Step::Index(at)]);
            integrations::unknown(context, all, name, place);
        }
    }
}

/// A rule for objects of a device that is not there watches nothing.
fn check_objects(
    context: &mut Context<'_, '_>,
    element: &Element<'_, '_>,
    raw: &RawAlert,
    names: &BTreeSet<&str>,
) {
    for (at, object) in raw.apply_to.objects.iter().flatten().enumerate() {
        let device = ObjectPattern::new(object).device;
        let place = element.place(&[Step::Key("apply_to"), Step::Index(at)]);
        let is_known = names.contains(device.text())
            || (!device.is_exact() && names.iter().any(|it| device.matches(it)));
        if is_known || device.text().is_empty() {
            continue;
        }
        if device.is_exact() {
            let help = instead(device.text(), names.iter().copied());
            context.report.mistake(place, format!("there is no device \"{}\"", device.text())).help(help);
        } else if !names.is_empty() {
            context.report.warning(place, format!("no device fits \"{}\"", device.text()));
        }
    }
}

/// A match that fits no device is most likely a mistyped label.
fn check_match(
    context: &mut Context<'_, '_>,
    element: &Element<'_, '_>,
    raw: &RawAlert,
    devices: &[DeviceSettings],
    all: &RawConfig,
) {
    let Some(labels) = &raw.apply_to.labels else { return };
    // What an inventory lists has labels of its own, which nobody knows yet.
    let rule_type = RuleType::ALL.into_iter().find(|it| raw.r#type.as_deref() == Some(it.name()));
    if rule_type.is_some_and(RuleType::is_of_inventory) {
        return;
    }
    let fits = |device: &DeviceSettings| {
        labels
            .iter()
            .all(|(name, pattern)| device.labels.value(name).is_some_and(|it| Glob::new(pattern).matches(it)))
    };
    if devices.is_empty() || devices.len() < all.devices.len() || devices.iter().any(fits) {
        return;
    }
    let known: BTreeSet<&str> =
        devices.iter().flat_map(|it| it.labels.iter().map(|(name, _)| name)).collect();
    let place = element.place(&[Step::Key("apply_to"), Step::Key("match")]);
    match labels.keys().find(|it| !known.contains(it.as_str())) {
        Some(name) => {
            let help = instead(name, known.iter().copied());
            context.report.warning(place, format!("no device has a label `{name}`")).help(help);
        }
        None => _ = context.report.warning(place, "no device has labels that fit all of this"),
    }
}

#[cfg(test)]
mod tests {
    use super::written_path;

    #[test]
    fn problems_are_told_by_the_users_keys() {
        for (field, path) in [
            ("rule_type", &["type"][..]),
            ("objects[2]", &["apply_to", "2"]),
            ("match", &["apply_to", "match"]),
            ("match.site", &["apply_to", "match", "site"]),
            ("critical.clear", &["critical", "clear"]),
            ("components[0]", &["components", "0"]),
            ("", &[]),
        ] {
            assert_eq!(written_path(field), path, "{field}");
        }
    }
}
