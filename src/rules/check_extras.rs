//! The part of the check that is about what few rules ask for: missing data, flapping, rates of
//! change, groups, schedules.

use super::check::{check_duration, choices};
use super::extras::{Combine, Flapping, Group, GroupBy, NoData, Rate, Schedule};
use super::input::{FlappingInput, GroupInput, RateInput, RuleInput, ScheduleInput};
use super::kind::{Measure, RuleType, Trigger};
use super::unit::Per;
use super::words::duration;
use crate::model::Problem;
use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::Arc;
use std::time::Duration;

/// What those keys come to; what is wrong with them is in `found`.
#[derive(Debug, Default)]
pub(super) struct Extras {
    pub(super) no_data: NoData,
    pub(super) flapping: Option<Flapping>,
    pub(super) rate: Option<Rate>,
    pub(super) group: Option<Group>,
    pub(super) schedule: Option<Arc<Schedule>>,
}

pub(super) fn check_extras(
    input: &RuleInput,
    rule_type: Option<RuleType>,
    trigger: Option<&Trigger>,
    found: &mut Vec<Problem>,
) -> Extras {
    let measure = trigger.map(|it| it.measure);
    Extras {
        no_data: input.no_data.as_deref().map_or_else(NoData::default, |it| no_data(it, measure, found)),
        flapping: input.flapping.as_ref().and_then(|it| flapping(it, found)),
        rate: input.rate.as_ref().and_then(|it| rate(it, trigger, found)),
        group: input.group.as_ref().and_then(|it| group(it, input, rule_type, trigger, found)),
        schedule: input.schedule.as_ref().and_then(|it| schedule(it, found)).map(Arc::new),
    }
}

fn no_data(text: &str, measure: Option<Measure>, found: &mut Vec<Problem>) -> NoData {
    let known = NoData::ALL.into_iter().find(|it| it.name() == text);
    if known.is_none() {
        let help = choices(text, NoData::ALL.iter().map(|it| it.name()), "there are");
        found.push(
            Problem::new("no_data", format!("\"{text}\" is no way to take missing data")).with_help(help),
        );
    }
    if let (Some(Measure::Reachability { .. }), Some(NoData::Ignore | NoData::Alert)) = (measure, known) {
        found.push(
            Problem::new(
                "no_data",
                "the trigger is about polls that fail: there is no data that could be missing",
            )
            .with_help("leave no_data out"),
        );
    }
    known.unwrap_or_default()
}

fn flapping(input: &FlappingInput, found: &mut Vec<Problem>) -> Option<Flapping> {
    let help = "write, say, flapping = { begins = 5, within = \"30m\" }";
    let within = check_duration("flapping.within", input.within.as_ref(), found);
    let (Some(begins), Some(_)) = (input.begins, &input.within) else {
        found.push(Problem::new("flapping", "it needs both begins and within").with_help(help));
        return None;
    };
    if !(2..=BEGINS_MAX).contains(&begins) {
        let message = format!("{begins} is not from 2 to {BEGINS_MAX}");
        found.push(Problem::new("flapping.begins", message).with_help(help));
    }
    if !(WITHIN_MIN..=WITHIN_MAX).contains(&within) {
        let (least, most) = (duration(WITHIN_MIN), duration(WITHIN_MAX));
        let message = format!("{} is not from {least} to {most}", duration(within));
        found.push(Problem::new("flapping.within", message).with_help(help));
    }
    Some(Flapping { begins, within })
}

fn rate(input: &RateInput, trigger: Option<&Trigger>, found: &mut Vec<Problem>) -> Option<Rate> {
    let help = "write, say, rate = { per = \"hour\", over = \"30m\" }";
    if let Some(trigger) = trigger.filter(|it| !it.measure.has_thresholds()) {
        let message = format!("{} is no number: it has no rate of change", trigger.name);
        found.push(Problem::new("rate", message).with_help("leave rate out"));
    }
    let over = check_duration("rate.over", input.over.as_ref(), found);
    let (Some(per), Some(_)) = (&input.per, &input.over) else {
        found.push(Problem::new("rate", "it needs both per and over").with_help(help));
        return None;
    };
    let known = Per::ALL.into_iter().find(|it| it.name() == per);
    if known.is_none() {
        let help = choices(per, Per::ALL.iter().map(|it| it.name()), "there are");
        found.push(
            Problem::new("rate.per", format!("\"{per}\" is no time that rates refer to")).with_help(help),
        );
    }
    if !(OVER_MIN..=OVER_MAX).contains(&over) {
        let message =
            format!("{} is not from {} to {}", duration(over), duration(OVER_MIN), duration(OVER_MAX));
        found.push(Problem::new("rate.over", message).with_help(help));
    }
    Some(Rate { per: known?, over })
}

fn group(
    input: &GroupInput,
    rule: &RuleInput,
    rule_type: Option<RuleType>,
    trigger: Option<&Trigger>,
    found: &mut Vec<Problem>,
) -> Option<Group> {
    let help = "write, say, group = { by = [\"rack\"], combine = \"sum\" }";
    if let Some(trigger) = trigger.filter(|it| !it.measure.has_thresholds()) {
        let message = format!("{} is no number: it cannot be summed", trigger.name);
        found.push(Problem::new("group", message).with_help("leave group out"));
    }
    if rule_type.is_some_and(RuleType::is_of_inventory) {
        found.push(
            Problem::new("group", "groups are made of what is polled, not of inventories")
                .with_help("leave group out: one alert stands for each object"),
        );
    }
    if rule.rate.is_some() {
        found.push(
            Problem::new("rate", "a group's rate of change is not known")
                .with_help("leave rate or group out"),
        );
    }
    let combine = input.combine.as_deref().unwrap_or(Combine::Sum.name());
    let known = Combine::ALL.into_iter().find(|it| it.name() == combine);
    if known.is_none() {
        let help = choices(combine, Combine::ALL.iter().map(|it| it.name()), "there are");
        let message = format!("\"{combine}\" is nothing that readings can be combined to");
        found.push(Problem::new("group.combine", message).with_help(help));
    }
    let by: Vec<GroupBy> = input.by.iter().map(|it| GroupBy::of(it)).collect();
    if !by.iter().any(|it| matches!(it, GroupBy::Label(_) | GroupBy::Device)) {
        found.push(Problem::new("group.by", "no label says which devices belong together").with_help(help));
    }
    for (at, text) in input.by.iter().enumerate() {
        if text.trim().is_empty() {
            found.push(Problem::new(format!("group.by[{at}]"), "the label has no name").with_help(help));
        } else if text.starts_with("component.") && matches!(GroupBy::of(text), GroupBy::Label(_)) {
            let parts = [GroupBy::COMPONENT_INDEX, GroupBy::COMPONENT_LABEL, GroupBy::COMPONENT_KIND];
            let help = choices(text, parts.into_iter(), "there are");
            found.push(
                Problem::new(format!("group.by[{at}]"), format!("components have no \"{text}\""))
                    .with_help(help),
            );
        }
    }
    if BY_MAX < by.len() {
        let message = format!("{} labels tell the groups apart, at most {BY_MAX} fit", by.len());
        found.push(Problem::new("group.by", message).with_help(help));
    }
    Some(Group { by: by.into(), combine: known? })
}

/// A schedule as a user writes it; what is wrong with it goes to `found`.
pub(crate) fn schedule(input: &ScheduleInput, found: &mut Vec<Problem>) -> Option<Schedule> {
    let before = found.len();
    let days = days(&input.days, found);
    let from = time("schedule.from", input.from.as_deref(), found);
    let to = time("schedule.to", input.to.as_deref(), found);
    let zone = match input.timezone.as_deref() {
        None => TimeZone::UTC,
        Some(name) => TimeZoneDatabase::bundled().get(name).unwrap_or_else(|_| {
            let zones: Vec<String> =
                TimeZoneDatabase::bundled().available().map(|it| it.as_str().to_owned()).collect();
            let help = match crate::model::closest(name, zones.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => "write a name of the IANA database, as \"Europe/Amsterdam\", or \"UTC\"".to_owned(),
            };
            found.push(
                Problem::new("schedule.timezone", format!("there is no time zone \"{name}\""))
                    .with_help(help),
            );
            TimeZone::UTC
        }),
    };
    if input.days.is_empty() && from == to && found.len() == before {
        found.push(
            Problem::new("schedule", "it holds all the time").with_help(
                "write, say, schedule = { days = [\"mon-fri\"], from = \"08:00\", to = \"18:00\" }, or leave it out",
            ),
        );
    }
    Some(Schedule { days, from, to, zone })
}

fn days(texts: &[String], found: &mut Vec<Problem>) -> [bool; 7] {
    let mut days = [texts.is_empty(); 7];
    for (at, text) in texts.iter().enumerate() {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let day = |name: &str| DAYS.iter().position(|it| *it == name.trim());
        let (Some(first), Some(last)) = (day(first), day(last)) else {
            let message = format!("\"{text}\" is no day of the week and no span of days");
            let help = format!("write \"mon-fri\" or one of: {}", DAYS.join(", "));
            found.push(Problem::new(format!("schedule.days[{at}]"), message).with_help(help));
            continue;
        };
        // "fri-mon" is friday to monday.
        let count = (last + DAYS.len() - first) % DAYS.len() + 1;
        for place in (first..first + count).map(|it| it % DAYS.len()) {
            if let Some(day) = days.get_mut(place) {
                *day = true;
            }
        }
    }
    days
}

fn time(field: &str, text: Option<&str>, found: &mut Vec<Problem>) -> civil::Time {
    let Some(text) = text else { return civil::Time::midnight() };
    let parsed = if text == "24:00" { Ok(civil::Time::midnight()) } else { text.parse() };
    parsed.unwrap_or_else(|_| {
        found.push(
            Problem::new(field, format!("\"{text}\" is no time of day")).with_help("write, say, \"08:00\""),
        );
        civil::Time::midnight()
    })
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Each begin within the window is kept, for each alert that began in it.
const BEGINS_MAX: u32 = 20;
/// Below this a damped alert would end within a few polls all the same.
const WITHIN_MIN: Duration = Duration::from_secs(60);
/// A damped alert ends so long after it is over, at most.
const WITHIN_MAX: Duration = Duration::from_secs(86_400);
/// Below this it is the noise of two polls.
const OVER_MIN: Duration = Duration::from_secs(60);
/// A longer history than that is a time series database's.
const OVER_MAX: Duration = Duration::from_secs(86_400);
/// Site, row, rack and a component are four; there is room for two more.
const BY_MAX: usize = 6;
