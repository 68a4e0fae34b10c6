//! `/`: how the fleet stands, at a glance, on a phone too. Plain HTML, no script, nothing from elsewhere.

use super::AppState;
use super::api::{Alerts, fleet};
use super::error::ApiError;
use super::router::Shared;
use super::state::{ActiveAlert, sorted_alerts};
use super::{Limits, health};
use crate::alert::Phase;
use crate::model::Now;
use crate::store::{Published, Standing};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::fmt::Write;
use std::sync::Arc;

/// The page.
pub(super) async fn page(State(shared): State<Shared>) -> Result<Response, ApiError> {
    let html = shared.query(|app| Ok(html(app))).await?;
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, html).into_response())
}

/// Styles stand in the page; all else is refused.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="15">
<title>Rackwarden</title>
<style>
:root { color-scheme: light dark; --ok: #1a7f37; --bad: #c62828; --soft: #777; --line: #8884; }
body { font: 16px/1.45 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .5rem; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; }
nav a { margin-right: 1rem; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1rem 0; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
ul { list-style: none; margin: 0; padding: 0; }
li { border-top: 1px solid var(--line); padding: .5rem 0; overflow-wrap: anywhere; }
small { color: var(--soft); display: block; }
.ok { color: var(--ok); }
.bad { color: var(--bad); }
</style>
</head>
<body>
<h1>Rackwarden</h1>
<nav><a href="/metrics">metrics</a><a href="/api/v1/status">status</a><a href="/api/v1/devices">devices</a><a href="/api/v1/readings">readings</a><a href="/api/v1/alerts">alerts</a><a href="/readyz">ready</a></nav>
"#;

fn html(app: &AppState) -> String {
    let now = app.now();
    let snapshot = app.store.snapshot();
    let alerts = sorted_alerts(app);
    let mut html = Html(HEAD.to_owned());
    summary(&mut html, app, &snapshot, &alerts, now);
    alert_list(&mut html, &alerts);
    device_list(&mut html, &snapshot, now);
    html.raw("</body>\n</html>\n");
    html.0
}

fn summary(
    html: &mut Html,
    app: &AppState,
    snapshot: &[Arc<Published>],
    alerts: &[Arc<ActiveAlert>],
    now: Now,
) {
    let (devices, readings) = fleet(snapshot, now);
    let counts = Alerts::of(alerts);
    html.raw("<dl>\n");
    html.figure("devices up", &format_args!("{} of {}", devices.up, devices.total), devices.down == 0);
    html.figure("alerts firing", &counts.firing, counts.firing == 0);
    html.figure("alerts pending", &counts.pending, true);
    html.figure("readings", &readings.total, true);
    html.figure("readings missing", &readings.missing, true);
    html.raw("</dl>\n");
    let ready = health::readiness(app);
    if !ready.ready {
        html.raw("<p class=\"bad\">Not ready:</p>\n<ul>\n");
        for reason in &ready.reasons {
            html.item(reason.check, "", &reason.message);
        }
        html.raw("</ul>\n");
    }
}

fn alert_list(html: &mut Html, alerts: &[Arc<ActiveAlert>]) {
    let firing: Vec<_> = alerts.iter().filter(|it| it.phase == Phase::Firing).collect();
    html.raw("<h2>Firing alerts</h2>\n");
    html.list(&firing, "No alert is firing.", |html, it| {
        let facts = &it.facts;
        let component = facts.component.as_ref().map_or("", |(_, _, label)| label);
        let more = format!("{component} · {} · since {} · rule {}", it.severity, facts.since, facts.rule);
        html.item(&facts.device, &it.reason, more.trim_start_matches(" · "));
    });
}

fn device_list(html: &mut Html, snapshot: &[Arc<Published>], now: Now) {
    let failing: Vec<_> = snapshot.iter().filter(|it| it.standing(now) != Standing::Up).collect();
    html.raw("<h2>Failing devices</h2>\n");
    html.list(&failing, "All devices answer.", |html, it| {
        let reason = match (it.standing(now), &it.batch().error) {
            (Standing::Stale, _) => format!("not polled for {} s", it.age(now).as_secs()),
            (_, Some(error)) => error.to_string(),
            (_, None) => String::new(),
        };
        let last = match it.last_good() {
            Some(good) => format!("last answer {}", good.time.unix),
            None => "no answer since the start".to_owned(),
        };
        html.item(it.device(), &reason, &format!("{} · {last}", it.batch().source.address));
    });
}

/// HTML under way. All but [`Self::raw`] escapes.
struct Html(String);

impl Html {
    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn text(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                _ => self.0.push(letter),
            }
        }
    }

    fn figure(&mut self, name: &str, value: &dyn std::fmt::Display, good: bool) {
        let mut shown = String::new();
        if write!(shown, "{value}").is_err() {
            shown.push('?');
        }
        self.raw("<div><dt>");
        self.text(name);
        self.raw(if good { "</dt><dd>" } else { "</dt><dd class=\"bad\">" });
        self.text(&shown);
        self.raw("</dd></div>\n");
    }

    /// A strong name, what there is to say, and a line of lesser weight.
    fn item(&mut self, name: &str, says: &str, more: &str) {
        self.raw("<li><strong>");
        self.text(name);
        self.raw("</strong> ");
        self.text(says);
        self.raw("<small>");
        self.text(more);
        self.raw("</small></li>\n");
    }

    fn list<T>(&mut self, items: &[T], none: &str, each: impl Fn(&mut Self, &T)) {
        if items.is_empty() {
            self.raw("<p class=\"ok\">");
            self.text(none);
            self.raw("</p>\n");
            return;
        }
        self.raw("<ul>\n");
        for item in items.iter().take(Limits::PAGE_ROWS_MAX) {
            each(self, item);
        }
        self.raw("</ul>\n");
        let more = items.len().saturating_sub(Limits::PAGE_ROWS_MAX);
        if more != 0 {
            self.raw("<p>and ");
            self.text(&more.to_string());
            self.raw(" more; the API lists all</p>\n");
        }
    }
}
