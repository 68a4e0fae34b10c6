//! `/`: how everything stands, worst first.

use super::super::api::{Alerts, Sources, fleet};
use super::super::history::History;
use super::super::state::{ActiveAlert, sorted_alerts};
use super::super::{AppState, health};
use super::html::{Html, ago, span};
use super::value::count;
use super::{alerts, collector, shell, sources};
use crate::model::Now;
use crate::store::{Published, Standing};
use std::sync::Arc;

/// The page.
pub(super) fn page(app: &AppState, history: &History) -> String {
    let now = app.now();
    let snapshot = app.store.snapshot();
    let active = sorted_alerts(app);
    let (devices, _) = fleet(&snapshot, now);
    let counts = Alerts::of(&active);
    let title = if counts.firing != 0 || devices.down != 0 {
        format!("{} firing, {} down · Rackwarden", counts.firing, devices.down)
    } else {
        "Rackwarden".to_owned()
    };
    shell::page(&title, "/", now, |html| {
        verdict(html, counts.firing, devices.down, health::readiness(app).ready);
        summary(html, app, history, &snapshot, &active, now);
        alerts::section(html, app, &active, now);
        device_list(html, &snapshot, now);
        sources::paging(html, app, now);
        sources::sources(html, app, now);
        collector::section(html, app, now);
    })
}

/// All in a sentence: the first thing that is read, aloud too.
fn verdict(html: &mut Html, firing: usize, down: usize, is_ready: bool) {
    let count = |number: usize, one: &str, many: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {many}")),
    };
    let wrong: Vec<String> = [
        count(firing, "alert fires", "alerts fire"),
        count(down, "device is down", "devices are down"),
        (!is_ready).then(|| "the collector is not ready".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect();
    html.raw(if wrong.is_empty() {
        "<p id=\"verdict\" class=\"ok\" data-live>"
    } else {
        "<p id=\"verdict\" class=\"bad\" data-live>"
    });
    html.text(&if wrong.is_empty() { "All is well".to_owned() } else { wrong.join(", ") });
    html.raw("</p>\n");
}

fn summary(
    html: &mut Html,
    app: &AppState,
    history: &History,
    snapshot: &[Arc<Published>],
    active: &[Arc<ActiveAlert>],
    now: Now,
) {
    let (devices, readings) = fleet(snapshot, now);
    let counts = Alerts::of(active);
    let (down, firing) = history.of_fleet();
    html.raw("<dl id=\"figures\" data-live>\n");
    html.figure_with("alerts firing", &count(counts.firing), counts.firing == 0, &firing);
    html.figure_with("devices down", &count(devices.down), devices.down == 0, &down);
    let up = format!("{} of {}", count(devices.up), count(devices.total));
    html.figure("devices up", &up, devices.down == 0);
    html.figure("alerts pending", &count(counts.pending), true);
    let sources = Sources::of(app, now);
    if sources.total != 0 {
        html.figure("inventories", &format_args!("{} of {}", sources.up, sources.total), sources.down == 0);
    }
    html.figure("readings", &count(readings.total), true);
    html.figure("readings missing", &count(readings.missing), true);
    html.raw("</dl>\n");
    html.raw("<div id=\"ready\" data-live>\n");
    let ready = health::readiness(app);
    if !ready.ready {
        html.raw("<p class=\"bad\">Not ready:</p>\n<ul role=\"list\">\n");
        for reason in &ready.reasons {
            html.raw("<li>");
            html.strong(reason.check, &reason.message);
            html.raw("</li>\n");
        }
        html.raw("</ul>\n");
    }
    html.raw("</div>\n");
}

fn device_list(html: &mut Html, snapshot: &[Arc<Published>], now: Now) {
    let devices = || snapshot.iter().filter(|it| !it.is_inventory());
    let failing: Vec<_> = devices().filter(|it| it.standing(now) != Standing::Up).collect();
    html.raw("<section aria-labelledby=\"h-failing\">\n<h2 id=\"h-failing\">Failing devices</h2>\n<div id=\"failing\" data-live>\n");
    let none =
        if devices().next().is_none() { "No device has been polled yet." } else { "All devices answer." };
    html.list(&failing, none, |html, it| {
        html.raw("<li class=\"error\">");
        html.device(it.device());
        html.text(&trouble(it, now));
        html.raw("<small>");
        html.text(&it.batch().source.address);
        // An agent may answer and yet not be read: without a profile, or behind a name without address.
        match it.last_good() {
            Some(good) => {
                html.text(&format!(" · last read {} at ", ago(now.moment.since(good.time.moment))));
                html.time(good.time.unix);
                html.raw(" UTC");
            }
            None => html.raw(" · not read since the start"),
        }
        html.raw("</small>");
        html.labels(&it.batch().source.labels);
        html.raw("</li>\n");
    });
    html.raw("</div>\n</section>\n");
}

/// Why a device is not up.
pub(super) fn trouble(it: &Published, now: Now) -> String {
    match (it.standing(now), &it.batch().error) {
        (Standing::Stale, _) => format!("not polled for {}", span(it.age(now))),
        (_, Some(error)) => error.to_string(),
        (_, None) => String::new(),
    }
}
