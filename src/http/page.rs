//! `/`: how the fleet stands, at a glance, on a phone too. Plain HTML, no script, nothing from elsewhere.

use super::AppState;
use super::api::{Alerts, Sources, fleet};
use super::error::ApiError;
use super::router::Shared;
use super::state::{ActiveAlert, sorted_alerts};
use super::{Limits, health};
use crate::alert::{AlertFacts, Phase};
use crate::model::{ComponentKind, Labels, Now, UnixMillis};
use crate::store::{Published, Standing};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

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
<meta http-equiv="refresh" content="30">
<style>
:root { color-scheme: light dark; --ok: #1a7f37; --bad: #b3261e; --warn: #8a5300; --info: #1f5fae; --soft: #666; --line: #8884; }
@media (prefers-color-scheme: dark) {
:root { --ok: #5fd07f; --bad: #ff8a80; --warn: #f0b65c; --info: #8ab8f5; --soft: #aaa; }
}
body { font: 16px/1.45 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; margin: 0 0 .5rem; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
nav a { padding: .2rem 0; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1rem 0; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
ul { list-style: none; margin: 0; padding: 0; }
li { border-top: 1px solid var(--line); padding: .5rem 0; }
li.critical, li.error, li.warning, li.info { border-left: .25rem solid; padding-left: .6rem; }
li.critical, li.error { border-left-color: var(--bad); }
li.warning { border-left-color: var(--warn); }
li.info { border-left-color: var(--info); }
li p { margin: .2rem 0; white-space: pre-line; }
small { color: var(--soft); display: block; }
footer { color: var(--soft); border-top: 1px solid var(--line); margin-top: 1.5rem; padding-top: .5rem; font-size: .85rem; }
.ok { color: var(--ok); }
.bad, b.critical, b.error { color: var(--bad); }
b.warning { color: var(--warn); }
b.info { color: var(--info); }
</style>
"#;

const TOP: &str = r#"</head>
<body>
<header>
<h1>Rackwarden</h1>
<nav aria-label="Data"><a href="/metrics">metrics</a><a href="/api/v1/status">status</a><a href="/api/v1/devices">devices</a><a href="/api/v1/readings">readings</a><a href="/api/v1/alerts">alerts</a><a href="/api/v1/sources">sources</a><a href="/api/v1/objects">objects</a><a href="/readyz">ready</a></nav>
</header>
<main>
"#;

fn html(app: &AppState) -> String {
    let now = app.now();
    let snapshot = app.store.snapshot();
    let alerts = sorted_alerts(app);
    let mut html = Html(HEAD.to_owned());
    title(&mut html, &snapshot, &alerts, now);
    html.raw(TOP);
    summary(&mut html, app, &snapshot, &alerts, now);
    alert_list(&mut html, &alerts, now);
    device_list(&mut html, &snapshot, now);
    source_list(&mut html, app, now);
    html.raw("</main>\n<footer>as of ");
    html.time(now.unix);
    html.raw(concat!(" (UTC), rackwarden ", env!("CARGO_PKG_VERSION")));
    html.raw("</footer>\n</body>\n</html>\n");
    html.0
}

/// What is wrong, for whoever has the page in a tab among others.
fn title(html: &mut Html, snapshot: &[Arc<Published>], alerts: &[Arc<ActiveAlert>], now: Now) {
    let (firing, down) = (Alerts::of(alerts).firing, fleet(snapshot, now).0.down);
    html.raw("<title>");
    if firing != 0 || down != 0 {
        html.text(&format!("{firing} firing, {down} down · "));
    }
    html.raw("Rackwarden</title>\n");
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
    let sources = Sources::of(app, now);
    if sources.total != 0 {
        html.figure("inventories", &format_args!("{} of {}", sources.up, sources.total), sources.down == 0);
    }
    html.figure("readings", &readings.total, true);
    html.figure("readings missing", &readings.missing, true);
    html.raw("</dl>\n");
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
}

fn alert_list(html: &mut Html, alerts: &[Arc<ActiveAlert>], now: Now) {
    let firing: Vec<_> = alerts.iter().filter(|it| it.phase == Phase::Firing).collect();
    html.raw("<h2>Firing alerts</h2>\n");
    html.list(&firing, "No alert is firing.", |html, it| alert_item(html, it, now));
}

fn alert_item(html: &mut Html, alert: &ActiveAlert, now: Now) {
    let (facts, severity) = (&*alert.facts, alert.severity.name());
    // Severities are words of ours, good as classes.
    for part in ["<li class=\"", severity, "\"><b class=\"", severity, "\">", severity, "</b> "] {
        html.raw(part);
    }
    html.strong(&facts.device, &alert.reason);
    html.raw("<small>");
    html.joined(where_it_is(facts));
    html.raw("</small>");
    html.labels(&facts.labels);
    if let Some(notes) = facts.notes.as_deref().filter(|it| !it.trim().is_empty()) {
        html.raw("<p>");
        html.text(notes.trim());
        html.raw("</p>");
    }
    if let Some(runbook) = facts.runbook.as_deref().filter(|it| !it.is_empty()) {
        html.raw("<p>");
        html.link("runbook", runbook);
        html.raw("</p>");
    }
    html.raw("<small>since ");
    html.time(facts.since);
    html.text(&format!(" UTC ({}) · rule {}", ago(between(facts.since, now.unix)), facts.rule));
    html.raw("</small></li>\n");
}

/// The component and what is measured of it, where the alert is not of the device itself.
fn where_it_is(facts: &AlertFacts) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some((kind, index, label)) = &facts.component {
        parts.push(format!("{} {index}", kind.name()));
        if !label.is_empty() && label != index {
            parts.push(label.to_string());
        }
    }
    if let Some(reading) = facts.key.parts().and_then(|it| it.reading) {
        parts.push(format!("{} {}", reading.quantity, reading.name).replace('_', " ").trim_end().to_owned());
    }
    parts.extend([facts.model.clone(), facts.address.clone()]);
    parts
}

fn device_list(html: &mut Html, snapshot: &[Arc<Published>], now: Now) {
    let devices = || snapshot.iter().filter(|it| !it.is_inventory());
    let failing: Vec<_> = devices().filter(|it| it.standing(now) != Standing::Up).collect();
    html.raw("<h2>Failing devices</h2>\n");
    let none =
        if devices().next().is_none() { "No device has been polled yet." } else { "All devices answer." };
    html.list(&failing, none, |html, it| {
        let reason = match (it.standing(now), &it.batch().error) {
            (Standing::Stale, _) => format!("not polled for {}", span(it.age(now))),
            (_, Some(error)) => error.to_string(),
            (_, None) => String::new(),
        };
        html.raw("<li>");
        html.strong(it.device(), &reason);
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
}

/// All inventory sources: there are few. Nothing where none is configured.
fn source_list(html: &mut Html, app: &AppState, now: Now) {
    let sources = (app.sources)();
    if sources.is_empty() {
        return;
    }
    html.raw("<h2>Inventories</h2>\n");
    html.list(&sources, "", |html, it| {
        html.raw("<li>");
        let says = match &it.error {
            Some(error) => format!("no snapshot: {error}"),
            None if it.last_success.is_none() => "not asked yet".to_owned(),
            None => counted(&it.objects),
        };
        html.strong(&it.source.device, &says);
        html.raw("<small>");
        html.text(&format!("{} · {}", it.source.profile, it.source.address));
        if let Some(good) = it.last_success {
            html.text(&format!(" · taken {} at ", ago(now.moment.since(good.moment))));
            html.time(good.unix);
            html.raw(" UTC");
            if it.error.is_some() {
                html.text(&format!(" · {}", counted(&it.objects)));
            }
        }
        html.raw("</small>");
        html.labels(&it.source.labels);
        if let Some(first) = it.warnings.first() {
            let more = it.warnings_total.saturating_sub(1);
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            html.raw("<small>odd: ");
            html.text(&format!("{first}{more}"));
            html.raw("</small>");
        }
        html.raw("</li>\n");
    });
}

/// `12 software, 3 subnet`.
fn counted(objects: &[(ComponentKind, usize)]) -> String {
    if objects.is_empty() {
        return "no objects".to_owned();
    }
    let each: Vec<String> =
        objects.iter().map(|(kind, count)| format!("{count} {}", kind.name().replace('_', " "))).collect();
    each.join(", ")
}

fn between(earlier: UnixMillis, later: UnixMillis) -> Duration {
    Duration::from_millis(u64::try_from(later.0.saturating_sub(earlier.0)).unwrap_or(0))
}

fn ago(duration: Duration) -> String {
    format!("{} ago", span(duration))
}

/// A duration at a glance: one unit, and at least two of it from two minutes on.
fn span(duration: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = duration.as_secs();
    for (length, unit) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "min")] {
        if 2 * length <= seconds {
            return format!("{} {unit}", seconds / length);
        }
    }
    format!("{seconds} s")
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

    /// A strong name, and what there is to say of it.
    fn strong(&mut self, name: &str, says: &str) {
        self.raw("<strong>");
        self.text(name);
        self.raw("</strong> ");
        self.text(says);
    }

    /// Those that say something, with a dot between them.
    fn joined(&mut self, parts: Vec<String>) {
        let said: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
        self.text(&said.join(" · "));
    }

    /// The operator's labels, if there are any.
    fn labels(&mut self, labels: &Labels) {
        if labels.is_empty() {
            return;
        }
        self.raw("<small>");
        self.joined(labels.iter().map(|(name, value)| format!("{name} {value}")).collect());
        self.raw("</small>");
    }

    /// A time to the second, without its zone.
    fn time(&mut self, time: UnixMillis) {
        let exact = time.to_string();
        let shown = exact.split_once('.').map_or(&*exact, |(seconds, _)| seconds).replace('T', " ");
        self.raw("<time datetime=\"");
        self.text(&exact);
        self.raw("\">");
        self.text(&shown);
        self.raw("</time>");
    }

    /// A link where the address is one of the web, else the address as a text: `javascript:` and the
    /// like are not to be clicked.
    fn link(&mut self, name: &str, address: &str) {
        let is_web = ["https://", "http://"].iter().any(|scheme| {
            address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
        if is_web {
            self.raw("<a rel=\"noreferrer\" href=\"");
            self.text(address);
            self.raw("\">");
            self.text(name);
            self.raw("</a>");
        } else {
            self.text(&format!("{name}: {address}"));
        }
    }

    fn list<T>(&mut self, items: &[T], none: &str, each: impl Fn(&mut Self, &T)) {
        if items.is_empty() {
            self.raw("<p class=\"ok\">");
            self.text(none);
            self.raw("</p>\n");
            return;
        }
        self.raw("<ul role=\"list\">\n");
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

#[cfg(test)]
mod tests {
    use super::{Html, span};
    use std::time::Duration;

    #[test]
    fn spans_are_short() {
        for (seconds, shown) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (12 * 60 + 59, "12 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (47 * 3600, "47 h"),
            (48 * 3600, "2 d"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn only_web_addresses_are_links() {
        for (address, expected) in [
            (
                "https://wiki/x?a=1&b=\"",
                "<a rel=\"noreferrer\" href=\"https://wiki/x?a=1&amp;b=&quot;\">r</a>",
            ),
            ("HTTP://wiki", "<a rel=\"noreferrer\" href=\"HTTP://wiki\">r</a>"),
            ("javascript:alert(1)", "r: javascript:alert(1)"),
            ("ünï", "r: ünï"),
            ("<b>", "r: &lt;b&gt;"),
        ] {
            let mut html = Html(String::new());
            html.link("r", address);
            assert_eq!(html.0, expected);
        }
    }
}
