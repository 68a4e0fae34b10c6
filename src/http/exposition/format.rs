//! Which of the two texts a scraper wants, and how the heads of families differ between them.

use axum::http::{HeaderMap, header};

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0: with units, info families, and an end that shows that all of it came.
    OpenMetrics,
}

/// The end of a name that is no part of an OpenMetrics family's name.
const SUFFIXES: [(&str, &str); 2] = [("counter", "_total"), ("info", "_info")];

/// Units as the ends of names. Prometheus' best practices, and what electricians need beside them.
const UNITS: [&str; 11] = [
    "amperes",
    "volts",
    "watts",
    "voltamperes",
    "vars",
    "joules",
    "ratio",
    "hertz",
    "celsius",
    "seconds",
    "bytes",
];

impl Format {
    /// What those headers ask for: OpenMetrics where it is wanted at least as much as text (RFC 9110 section
    /// 12.5.1). Prometheus names it first; a browser and curl get text.
    #[must_use]
    pub fn accepted(headers: &HeaderMap) -> Self {
        let (mut open_metrics, mut text) = (0.0_f32, 0.0_f32);
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|it| it.to_str().ok());
        for range in values.flat_map(|it| it.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let mut weight = 1.0;
            let mut version = None;
            for (name, value) in parts.filter_map(|it| it.split_once('=')) {
                match (name.trim(), value.trim().trim_matches('"')) {
                    ("q" | "Q", value) => weight = value.parse().unwrap_or(0.0),
                    ("version", value) => version = Some(value.to_owned()),
                    _ => (),
                }
            }
            let best = |known: &mut f32| *known = known.max(weight);
            match (&*kind, version.as_deref()) {
                ("application/openmetrics-text", None | Some("1.0.0" | "0.0.1")) => best(&mut open_metrics),
                ("text/plain" | "text/*", _) => best(&mut text),
                _ => (),
            }
        }
        if 0.0 < open_metrics && text <= open_metrics { Self::OpenMetrics } else { Self::Text }
    }

    /// Its media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// A family's HELP and TYPE, and its UNIT where the format has one. `kind` is OpenMetrics' word.
    pub(super) fn push_head(self, out: &mut Vec<u8>, name: &str, kind: &str, help: &str) {
        let mut push = |parts: &[&str]| parts.iter().for_each(|it| out.extend_from_slice(it.as_bytes()));
        match self {
            Self::Text => {
                let kind = if kind == "info" { "gauge" } else { kind };
                push(&["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"]);
            }
            Self::OpenMetrics => {
                let suffix = SUFFIXES.iter().find(|(it, _)| *it == kind).map_or("", |(_, suffix)| suffix);
                let name = name.strip_suffix(suffix).unwrap_or(name);
                push(&["# TYPE ", name, " ", kind, "\n"]);
                let unit = name.rsplit('_').next().filter(|it| UNITS.contains(it));
                if let Some(unit) = unit {
                    push(&["# UNIT ", name, " ", unit, "\n"]);
                }
                push(&["# HELP ", name, " ", help, "\n"]);
            }
        }
    }

    /// What follows the last family.
    pub(super) const fn end(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::OpenMetrics => "# EOF\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Format;
    use axum::http::{HeaderMap, header};

    #[test]
    fn the_format_is_what_the_scraper_wants_more() {
        for (accept, expected) in [
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
            ),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Format::Text),
            ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.9", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text; version=\"1.0.0\"", Format::OpenMetrics),
            ("application/openmetrics-text;version=9.0.0", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("*/*", Format::Text),
            ("", Format::Text),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(Format::accepted(&headers), expected, "{accept}");
        }
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn heads() {
        let head = |format: Format, name, kind| {
            let mut out = Vec::new();
            format.push_head(&mut out, name, kind, "Help.");
            String::from_utf8(out).unwrap()
        };
        for (name, kind, text, open_metrics) in [
            (
                "x_amperes",
                "gauge",
                "# HELP x_amperes Help.\n# TYPE x_amperes gauge\n",
                "# TYPE x_amperes gauge\n# UNIT x_amperes amperes\n# HELP x_amperes Help.\n",
            ),
            (
                "x_joules_total",
                "counter",
                "# HELP x_joules_total Help.\n# TYPE x_joules_total counter\n",
                "# TYPE x_joules counter\n# UNIT x_joules joules\n# HELP x_joules Help.\n",
            ),
            (
                "x_info",
                "info",
                "# HELP x_info Help.\n# TYPE x_info gauge\n",
                "# TYPE x info\n# HELP x Help.\n",
            ),
            (
                "x_info",
                "gauge",
                "# HELP x_info Help.\n# TYPE x_info gauge\n",
                "# TYPE x_info gauge\n# HELP x_info Help.\n",
            ),
        ] {
            assert_eq!(head(Format::Text, name, kind), text);
            assert_eq!(head(Format::OpenMetrics, name, kind), open_metrics);
        }
    }
}
