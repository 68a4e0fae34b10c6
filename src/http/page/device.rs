//! `/devices/{name}`: one device with its alerts, its parts, and their last hour.

use super::super::AppState;
use super::super::history::{History, Past};
use super::super::state::{ActiveAlert, sorted_alerts};
use super::html::{Html, ago, span};
use super::overview::trouble;
use super::{alerts, shell, sparkline, value};
use crate::model::{Batch, Component, ComponentKind, Health, Now, Quantity, ReadingShape, Sample};
use crate::store::{Published, Standing};
use std::sync::Arc;

/// The page; `None`: there is no such device.
pub(super) fn page(app: &AppState, history: &History, name: &str) -> Option<String> {
    let now = app.now();
    let published = app.store.find(name).filter(|it| !it.is_inventory())?;
    let past = history.of_device(name);
    let active = sorted_alerts(app);
    let own: Vec<&Arc<ActiveAlert>> = active.iter().filter(|it| &*it.facts.device == name).collect();
    Some(shell::page(&format!("{name} · Rackwarden"), "", now, |html| {
        html.raw("<h2>");
        html.text(name);
        html.raw("</h2>\n");
        head(html, &published, now);
        html.raw("<h3 id=\"h-alerts\">Alerts</h3>\n<div id=\"alerts\" data-live>\n");
        alerts::of_device(html, &own, now);
        html.raw("</div>\n");
        // Of a device that does not answer: what it said last, and said to be so.
        let shown = published.last_good().unwrap_or_else(|| published.batch());
        for kind in ComponentKind::OF_DEVICES {
            kind_of_parts(html, kind, shown, &past);
        }
        about(html, &published, now);
    }))
}

/// How it is: what somebody who was woken wants first.
fn head(html: &mut Html, published: &Published, now: Now) {
    let source = &published.batch().source;
    html.raw("<p id=\"who\" class=\"soft\" data-live>");
    let identity = &source.identity;
    html.joined(vec![
        format!("{} {}", identity.vendor, identity.model).trim().to_owned(),
        source.address.clone(),
        format!("polled {}", ago(published.age(now))),
    ]);
    html.raw("</p>\n");
    if published.standing(now) == Standing::Up {
        html.raw("<p id=\"verdict\" class=\"ok\" data-live>Up</p>\n");
    } else {
        html.raw("<p id=\"verdict\" class=\"bad\" data-live>Down: ");
        html.text(&trouble(published, now));
        if let Some(good) = published.last_good() {
            html.text(&format!(". Values are of {}.", ago(now.moment.since(good.time.moment))));
        }
        html.raw("</p>\n");
    }
}

/// What it is: for later.
fn about(html: &mut Html, published: &Published, now: Now) {
    let batch = published.batch();
    let (source, identity) = (&batch.source, &batch.source.identity);
    html.raw("<h3>About this device</h3>\n<dl id=\"about\" class=\"words\" data-live>\n");
    for (name, text) in [
        ("model", format!("{} {}", identity.vendor, identity.model).trim().to_owned()),
        ("serial number", identity.serial.clone()),
        ("firmware", identity.firmware.clone()),
        ("address", source.address.clone()),
        ("profile", source.profile.to_string()),
        ("polled", format!("{}, each {}", ago(published.age(now)), span(source.interval))),
        ("poll took", format!("{} ms", batch.duration.as_millis())),
    ] {
        if !text.is_empty() {
            html.figure(name, &text, true);
        }
    }
    for (name, text) in source.labels.iter() {
        html.figure(name, &text, true);
    }
    html.raw("</dl>\n");
}

/// A table of all parts of a kind.
fn kind_of_parts(html: &mut Html, kind: ComponentKind, batch: &Batch, past: &Past) {
    let readings = || {
        let all = batch.shape.readings.iter().enumerate();
        all.filter_map(|(at, it)| Some((at, it, batch.shape.component_of(it).filter(|it| it.kind == kind)?)))
    };
    let parts = batch.shape.components.iter().filter(|it| it.kind == kind).count();
    if readings().next().is_none() {
        return;
    }
    let name = kind.name();
    // Dozens of outlets would hide all else from a phone.
    let is_open = if parts <= PARTS_OPEN_MAX { " open" } else { "" };
    html.raw(&format!("<details{is_open}><summary>{} ({parts})</summary>\n", plural(kind)));
    html.raw(&format!("<div id=\"{name}\" data-live><table>\n<thead><tr><th scope=\"col\">Reading</th><th scope=\"col\">Now</th><th scope=\"col\">Last hour</th></tr></thead>\n<tbody>\n"));
    for (at, reading, component) in readings() {
        row(html, (component, reading), batch.samples.get(at).copied(), past);
    }
    html.raw("</tbody></table></div></details>\n");
}

/// More parts of a kind than these are shown when asked for.
const PARTS_OPEN_MAX: usize = 12;

fn row(
    html: &mut Html,
    (component, reading): (&Component, &ReadingShape),
    sample: Option<Sample>,
    past: &Past,
) {
    let part = if component.label.is_empty() { &component.index } else { &component.label };
    html.raw("<tr><th scope=\"row\">");
    html.text(part);
    html.raw("<small>");
    html.text(&value::name(reading));
    html.raw("</small></th><td class=\"number\">");
    match sample {
        Some(Sample::Value(value) | Sample::Suspect(value)) => {
            let class = health(reading, value);
            html.raw(&format!("<span class=\"{class}\">"));
            html.text(&value::shown(reading, value));
            html.raw("</span>");
            if matches!(sample, Some(Sample::Suspect(_))) {
                html.raw("<small class=\"bad\">against physics</small>");
            } else if let Some(rated) = rated(component, reading.quantity) {
                html.raw("<small>");
                html.text(&format!("{:.0} % of {}", 100.0 * value / rated, value::shown(reading, rated)));
                html.raw("</small>");
            }
        }
        Some(Sample::Missing(reason)) => {
            html.raw("<span class=\"soft\">");
            html.text(&value::reason(reason));
            html.raw("</span>");
        }
        None => html.raw("<span class=\"soft\">not polled</span>"),
    }
    html.raw("</td><td>");
    if let Some(points) = past.of(component, reading) {
        sparkline::push(html, points, "last hour");
    }
    html.raw("</td></tr>\n");
}

/// A state's colour; its name says the same.
fn health(reading: &ReadingShape, value: f64) -> &'static str {
    let state = reading.states.as_ref().and_then(|it| it.state(value));
    match state.map(|it| it.health) {
        Some(Health::Critical) => "bad",
        Some(Health::Warning) => "warn",
        Some(Health::Ok) => "ok",
        Some(Health::Unknown) | None => "",
    }
}

fn rated(component: &Component, quantity: Quantity) -> Option<f64> {
    let ratings = &component.ratings;
    let rated = match quantity {
        Quantity::Current => ratings.current_amperes,
        Quantity::ActivePower => ratings.active_power_watts,
        Quantity::ApparentPower => ratings.apparent_power_volt_amperes,
        _ => None,
    };
    rated.filter(|it| 0.0 < *it)
}

const fn plural(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Infeed => "Infeeds",
        ComponentKind::Phase => "Phases",
        ComponentKind::Bank => "Banks",
        ComponentKind::Outlet => "Outlets",
        ComponentKind::Sensor => "Sensors",
        ComponentKind::Input => "Inputs",
        ComponentKind::Output => "Outputs",
        ComponentKind::Bypass => "Bypass",
        ComponentKind::Battery => "Battery",
        _ => "Device",
    }
}
