//! What all pages have around them: head, navigation, the sign that it is no longer live, and the foot.
//!
//! Live: the script asks for the same page again and puts what changed in the place of what was, by the id of
//! each part that is marked `data-live`. Without a script the page asks for itself every 30 s.

use super::assets;
use super::html::Html;
use crate::model::Now;

/// A page. `here`: its place in the navigation.
pub(super) fn page(title: &str, here: &str, now: Now, body: impl FnOnce(&mut Html)) -> String {
    let mut html = Html(HEAD.to_owned());
    html.raw("<link rel=\"stylesheet\" href=\"");
    html.raw(&assets::STYLE.address());
    html.raw("\">\n<script src=\"");
    html.raw(&assets::LIVE.address());
    html.raw("\" defer></script>\n<title>");
    html.text(title);
    html.raw("</title>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the content</a>\n<header>\n<h1>Rackwarden</h1>\n");
    html.raw("<nav aria-label=\"Pages\">");
    for (path, name) in [("/", "Status"), ("/devices", "Devices")] {
        let current = if path == here { " aria-current=\"page\"" } else { "" };
        html.raw(&format!("<a href=\"{path}\"{current}>{name}</a>"));
    }
    html.raw("</nav>\n</header>\n<p id=\"lost\" role=\"alert\" hidden></p>\n<p id=\"said\" class=\"aloud\" role=\"status\"></p>\n<main id=\"main\">\n");
    body(&mut html);
    html.raw("</main>\n<footer>\n<p id=\"as-of\" data-live>as of ");
    html.time(now.unix);
    html.raw(concat!(" (UTC), rackwarden ", env!("CARGO_PKG_VERSION")));
    html.raw("</p>\n");
    html.raw(DATA);
    html.raw("</footer>\n</body>\n</html>\n");
    html.0
}

/// Nothing but our own style, script and pages; nobody frames us, and no form leads elsewhere.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                                 form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEAD: &str = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<meta name="theme-color" content="#10151c" media="(prefers-color-scheme: dark)">
<noscript><meta http-equiv="refresh" content="30"></noscript>
"##;

const DATA: &str = r#"<nav aria-label="Data"><a href="/metrics">metrics</a><a href="/api/v1/status">status</a><a href="/api/v1/devices">devices</a><a href="/api/v1/readings">readings</a><a href="/api/v1/alerts">alerts</a><a href="/api/v1/rules">rules</a><a href="/api/v1/sources">sources</a><a href="/api/v1/objects">objects</a><a href="/readyz">ready</a></nav>
"#;
