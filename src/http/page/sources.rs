//! Inventories and paging.

use super::super::AppState;
use super::html::{Html, ago, between};
use crate::model::{ComponentKind, Now};

/// All inventory sources: there are few. Nothing where none is configured.
pub(super) fn sources(html: &mut Html, app: &AppState, now: Now) {
    let sources = (app.sources)();
    if sources.is_empty() {
        return;
    }
    html.raw("<section aria-labelledby=\"h-sources\">\n<h2 id=\"h-sources\">Inventories</h2>\n<div id=\"sources\" data-live>\n");
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
    html.raw("</div>\n</section>\n");
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

/// Each integration: what waits, what went out, what went wrong.
pub(super) fn paging(html: &mut Html, app: &AppState, now: Now) {
    let integrations = app.outbox.integrations();
    html.raw("<section aria-labelledby=\"h-paging\">\n<h2 id=\"h-paging\">Paging</h2>\n<div id=\"paging\" data-live>\n");
    if integrations.is_empty() {
        html.raw("<p>No integration is configured: nobody is paged.</p>\n");
    } else {
        html.list(&integrations, "", |html, it| {
            html.raw(if it.healthy { "<li>" } else { "<li class=\"error\">" });
            let waiting =
                if it.waiting == 0 { "nothing waits".to_owned() } else { format!("{} waiting", it.waiting) };
            html.strong(&it.name, &format!("{waiting} · {} sent", it.sent));
            if it.dead_letters != 0 {
                html.raw(" · <span class=\"bad\">");
                html.text(&format!("{} given up", it.dead_letters));
                html.raw("</span>");
            }
            if let Some(error) = &it.last_error {
                html.raw("<small class=\"bad\">");
                html.text(error);
                if let Some(at) = it.last_error_at {
                    html.text(&format!(" ({})", ago(between(at, now.unix))));
                }
                html.raw("</small>");
            }
            html.raw("</li>\n");
        });
    }
    html.raw("</div>\n</section>\n");
}
