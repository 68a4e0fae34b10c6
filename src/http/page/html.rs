//! HTML under way: everything that is not ours is escaped.

use super::super::Limits;
use super::super::history::Points;
use super::sparkline;
use crate::model::{Labels, UnixMillis};
use std::fmt::Display;
use std::time::Duration;

/// HTML under way. All but [`Self::raw`] escapes.
pub(super) struct Html(pub(super) String);

impl Html {
    pub(super) fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    pub(super) fn text(&mut self, text: &str) {
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

    /// A number with its name.
    pub(super) fn figure(&mut self, name: &str, value: &dyn Display, good: bool) {
        self.open_figure(name, value, good);
        self.raw("</dd></div>\n");
    }

    /// A number with its name, and its last hour if there is one.
    pub(super) fn figure_with(&mut self, name: &str, value: &dyn Display, good: bool, past: &Points) {
        self.open_figure(name, value, good);
        if past.iter().filter(|it| it.is_some()).count() > 1 {
            sparkline::push(self, past, &format!("{name}, last hour"));
        }
        self.raw("</dd></div>\n");
    }

    fn open_figure(&mut self, name: &str, value: &dyn Display, good: bool) {
        self.raw("<div><dt>");
        self.text(name);
        self.raw(if good { "</dt><dd>" } else { "</dt><dd class=\"bad\">" });
        self.text(&value.to_string());
    }

    /// A device's name, leading to its page.
    pub(super) fn device(&mut self, name: &str) {
        self.raw("<strong><a href=\"/devices/");
        self.raw(&path_segment(name));
        self.raw("\">");
        self.text(name);
        self.raw("</a></strong> ");
    }

    /// A strong name, and what there is to say of it.
    pub(super) fn strong(&mut self, name: &str, says: &str) {
        self.raw("<strong>");
        self.text(name);
        self.raw("</strong> ");
        self.text(says);
    }

    /// Those that say something, with a dot between them.
    pub(super) fn joined(&mut self, parts: Vec<String>) {
        let said: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
        self.text(&said.join(" · "));
    }

    /// The operator's labels, if there are any.
    pub(super) fn labels(&mut self, labels: &Labels) {
        if labels.is_empty() {
            return;
        }
        self.raw("<small>");
        self.joined(labels.iter().map(|(name, value)| format!("{name} {value}")).collect());
        self.raw("</small>");
    }

    /// A time to the second, without its zone.
    pub(super) fn time(&mut self, time: UnixMillis) {
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
    pub(super) fn link(&mut self, name: &str, address: &str) {
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

    pub(super) fn list<T>(&mut self, items: &[T], none: &str, each: impl Fn(&mut Self, &T)) {
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

/// A text as a part of a path (RFC 3986): nothing in it ends the part, the path or an attribute.
pub(super) fn path_segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            segment.push(char::from(octet));
        } else {
            segment.push('%');
            for half in [octet >> 4, octet & 0xf] {
                segment.push(char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    segment
}

pub(super) fn between(earlier: UnixMillis, later: UnixMillis) -> Duration {
    Duration::from_millis(u64::try_from(later.0.saturating_sub(earlier.0)).unwrap_or(0))
}

pub(super) fn ago(duration: Duration) -> String {
    format!("{} ago", span(duration))
}

/// A duration at a glance: one unit, and at least two of it from two minutes on.
pub(super) fn span(duration: Duration) -> String {
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

#[cfg(test)]
mod tests {
    use super::{Html, path_segment, span};
    use std::time::Duration;

    #[test]
    fn names_are_parts_of_paths() {
        for (name, expected) in [
            ("pdu-1.ams~x_y", "pdu-1.ams~x_y"),
            ("a/b?c#d\"<ü", "a%2Fb%3Fc%23d%22%3C%C3%BC"),
            ("..%2f", "..%252f"),
        ] {
            assert_eq!(path_segment(name), expected);
        }
    }

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
