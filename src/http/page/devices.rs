//! `/devices`: all of them, searched by name, page by page.

use super::super::{AppState, Limits};
use super::html::{Html, ago, path_segment};
use super::overview::trouble;
use super::shell;
use crate::store::{Published, Standing};
use std::sync::Arc;

/// What is looked for.
#[derive(Debug, Default, serde::Deserialize)]
pub(in crate::http) struct Search {
    /// A part of the name, model, address or a label; empty: all.
    #[serde(default)]
    q: String,
    /// Only devices whose name sorts after this one.
    #[serde(default)]
    after: String,
}

/// The page.
pub(super) fn page(app: &AppState, search: &Search) -> String {
    let now = app.now();
    let wanted = search.q.trim().to_lowercase();
    let snapshot = app.store.snapshot();
    let devices = snapshot.iter().filter(|it| !it.is_inventory());
    let mut found = devices.filter(|it| *it.device() > *search.after && fits(it, &wanted));
    let shown: Vec<&Arc<Published>> = found.by_ref().take(Limits::PAGE_ROWS_MAX).collect();
    let is_more = found.next().is_some();
    shell::page("Devices · Rackwarden", "/devices", now, |html| {
        html.raw("<h2>Devices</h2>\n<form role=\"search\" action=\"/devices\"><label for=\"q\" class=\"aloud\">Name, model, address or label</label><input id=\"q\" name=\"q\" type=\"search\" placeholder=\"name, model, address or label\" value=\"");
        html.text(&search.q);
        html.raw("\"><button>Search</button></form>\n<div id=\"devices\" data-live>\n");
        html.list(&shown, "No device is like that.", |html, it| {
            let source = &it.batch().source;
            let is_up = it.standing(now) == Standing::Up;
            html.raw(if is_up { "<li>" } else { "<li class=\"error\">" });
            html.device(it.device());
            if is_up {
                html.raw("<span class=\"ok\">up</span>");
            } else {
                html.raw("<span class=\"bad\">down</span> ");
                html.text(&trouble(it, now));
            }
            html.raw("<small>");
            let identity = &source.identity;
            html.joined(vec![
                format!("{} {}", identity.vendor, identity.model).trim().to_owned(),
                source.address.clone(),
                format!("polled {}", ago(it.age(now))),
            ]);
            html.raw("</small>");
            html.labels(&source.labels);
            html.raw("</li>\n");
        });
        html.raw("</div>\n");
        if let (true, Some(last)) = (is_more, shown.last()) {
            next(html, &search.q, last.device());
        }
    })
}

fn next(html: &mut Html, query: &str, after: &str) {
    html.raw("<p><a rel=\"next\" href=\"/devices?q=");
    html.raw(&path_segment(query));
    html.raw("&amp;after=");
    html.raw(&path_segment(after));
    html.raw("\">More devices</a></p>\n");
}

/// `wanted`: in lower case.
fn fits(it: &Published, wanted: &str) -> bool {
    let source = &it.batch().source;
    let has = |text: &str| text.to_lowercase().contains(wanted);
    wanted.is_empty()
        || has(&source.device)
        || has(&source.address)
        || has(&source.identity.model)
        || has(&source.identity.vendor)
        || source.labels.iter().any(|(_, value)| has(value))
}
