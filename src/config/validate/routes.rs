//! `[[routes]]` and `[[maintenance]]`: that what they name is there, and that their times are times.

use super::Context;
use super::integrations;
use super::place::Element;
use crate::config::layer::Step;
use crate::config::limits::ROUTES_MOST;
use crate::config::raw::RawConfig;
use crate::model::{Severity, UnixMillis};
use crate::notify::settings::Route;
use crate::notify::silence::{Maintenance, Matcher};
use crate::rules::ScheduleInput;
use std::sync::Arc;

/// All routes, in the order of the files.
pub(super) fn routes(context: &mut Context<'_, '_>, raw: &RawConfig) -> Vec<Route> {
    let mut found = Vec::new();
    for tagged in raw.routes.iter().take(ROUTES_MOST) {
        let Some(element) = Element::new(&context.layers, tagged, "routes", tagged.place) else { continue };
        for (at, name) in tagged.integrations.iter().enumerate() {
            if !raw.integrations.contains_key(name) && !context.report.any_broken() {
                let place = element.place(&[Step::Key("integrations"), Step::Index(at)]);
                integrations::unknown(context, raw, name, place);
            }
        }
        let mut problems = Vec::new();
        let schedule = tagged.schedule.as_ref().and_then(|it| {
            let input = ScheduleInput {
                days: it.days.clone(),
                from: it.from.clone(),
                to: it.to.clone(),
                timezone: it.timezone.clone(),
            };
            crate::rules::check_extras::schedule(&input, &mut problems)
        });
        for problem in problems {
            let finding = context.report.mistake(element.key("schedule"), problem.message);
            if let Some(help) = problem.help {
                finding.help(help);
            }
        }
        found.push(Route {
            matchers: matchers(context, &element, &tagged.r#match),
            least: tagged.least.parse().unwrap_or(Severity::Info),
            schedule: schedule.map(Arc::new),
            integrations: tagged.integrations.iter().map(|it| it.as_str().into()).collect(),
            goes_on: tagged.r#continue,
        });
    }
    found
}

/// All maintenance windows.
pub(super) fn maintenance(context: &mut Context<'_, '_>, raw: &RawConfig) -> Vec<Maintenance> {
    let mut found = Vec::new();
    for tagged in raw.maintenance.iter().take(ROUTES_MOST) {
        let Some(element) = Element::new(&context.layers, tagged, "maintenance", tagged.place) else {
            continue;
        };
        let matchers = matchers(context, &element, &tagged.r#match);
        let starts = time(context, &element, "start", tagged.start.as_deref());
        let ends = time(context, &element, "end", tagged.end.as_deref());
        let (Some(name), Some(starts), Some(ends)) = (&tagged.name, starts, ends) else { continue };
        if ends <= starts {
            context
                .report
                .mistake(element.key("end"), "it ends before it starts")
                .help("give start and end in their order");
        }
        if matchers.is_empty() {
            // It would hold back everything: said where that is meant to be said, see matchers().
            continue;
        }
        found.push(Maintenance { name: name.as_str().into(), matchers, starts, ends });
    }
    found
}

fn matchers(context: &mut Context<'_, '_>, element: &Element<'_, '_>, texts: &[String]) -> Vec<Matcher> {
    let mut found = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        match Matcher::parse(text) {
            Some(matcher) => found.push(matcher),
            None => {
                let place = element.place(&[Step::Key("match"), Step::Index(at)]);
                context
                    .report
                    .mistake(place, format!("\"{text}\" is no condition"))
                    .help("write \"site=ams*\" or \"rule!=lab-*\"");
            }
        }
    }
    found
}

fn time(
    context: &mut Context<'_, '_>,
    element: &Element<'_, '_>,
    key: &str,
    text: Option<&str>,
) -> Option<UnixMillis> {
    let text = text?;
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Some(UnixMillis(time.as_millisecond())),
        Err(_) => {
            context
                .report
                .mistake(element.key(key), format!("\"{text}\" is no time"))
                .help("write it with its offset from UTC, as \"2026-12-01T22:00:00+01:00\"");
            None
        }
    }
}
