//! The table and keys of `[[alerts]]`, as data.

use super::super::form::Form;
use super::super::limits::{FOR_MOST, POLLS_MOST, RESEND_LEAST};
use super::super::schema::{Key, Table};
use std::time::Duration;

pub(super) static ALERT: Table = Table {
    keys: &[
        Key::new(
            "name",
            Form::Text,
            "\"infeed-overload\"",
            "What you call it: unique; part of the alert's identity, so renaming ends its open alerts",
        )
        .required()
        .also(&["alert", "id", "title"]),
        Key::new(
            "type",
            Form::Text,
            "\"power_unit_infeed\"",
            "What it watches; docs/rules.md lists the types",
        )
        .required()
        .also(&["kind", "rule_type"]),
        Key::new(
            "trigger",
            Form::Text,
            "\"percent_of_rated\"",
            "What of it is compared; docs/rules.md lists each type's triggers",
        )
        .also(&["measure", "metric", "quantity"]),
        Key::new(
            "apply_to",
            Form::Selection,
            "{ match = { site = \"ams*\" } }",
            "Which objects: \"all\", a list of names and patterns, or a match of labels",
        )
        .default("\"all\"")
        .also(&["objects", "devices", "match", "targets"]),
        Key::new("components", Form::Texts, "[\"phase\"]", "Kinds of components that it is narrowed to"),
        Key::new(
            "indices",
            Form::Texts,
            "[\"1\", \"Feed *\"]",
            "Indices or labels of components that it is narrowed to",
        ),
        Key::new(
            "names",
            Form::Texts,
            "[\"line_to_line\"]",
            "Names of readings, where a component has several of a quantity",
        ),
        Key::new(
            "operator",
            Form::Text,
            "\">\"",
            "How the reading is compared with the thresholds: >, >=, <, <=; outside or inside of ranges",
        )
        .also(&[
            "op",
            "comparison",
            "condition",
        ]),
        Key::new(
            "info",
            Form::Threshold,
            "{ value = 60, clear = 55 }",
            "From where on it is info, and where it clears",
        ),
        Key::new(
            "warning",
            Form::Threshold,
            "{ value = 80, clear = 75 }",
            "From where on it is a warning, and where it clears",
        )
        .also(&["warn", "threshold", "value"]),
        Key::new(
            "error",
            Form::Threshold,
            "{ value = 85, clear = 80 }",
            "From where on it is an error, and where it clears",
        ),
        Key::new(
            "critical",
            Form::Threshold,
            "{ value = 90, clear = 85 }",
            "From where on it is critical, and where it clears",
        )
        .also(&["crit"]),
        Key::new("for", FOR, "\"30s\"", "How long the condition must hold before anybody is paged")
            .also(&["duration", "delay", "pending", "seconds_before_action"]),
        Key::new(
            "keep_firing_for",
            FOR,
            "\"5m\"",
            "How long the clear condition must hold before the alert ends",
        ),
        Key::new(
            "no_data",
            Form::Choice(NO_DATA),
            "\"alert\"",
            "What it means that a reading is missing while its device answers: the alert stands still (keep), as if all were well (ignore), or as if the mildest threshold were crossed (alert)",
        )
        .default("\"keep\"")
        .also(&["on_no_data", "missing", "absent", "no_data_state"]),
        Key::new(
            "flapping",
            Form::Inline(&FLAPPING),
            "{ begins = 5, within = \"30m\" }",
            "An alert that begins so often within that time ends only once it has been calm for as long",
        )
        .also(&["flap", "flap_detection", "damping"]),
        Key::new(
            "rate",
            Form::Inline(&CHANGE),
            "{ per = \"hour\", over = \"30m\" }",
            "The change of the reading per minute or hour is judged, measured over that time",
        )
        .also(&["derivative", "rate_of_change", "change"]),
        Key::new(
            "group",
            Form::Inline(&GROUP),
            "{ by = [\"rack\"], combine = \"sum\" }",
            "Readings of devices with the same labels are judged together: their sum, or their difference",
        )
        .also(&["group_by", "aggregate"]),
        Key::new(
            "schedule",
            Form::Inline(&SCHEDULE),
            "{ days = [\"mon-fri\"], from = \"08:00\", to = \"18:00\", timezone = \"Europe/Amsterdam\" }",
            "When alerts may begin; those that go on end at any time",
        )
        .also(&["active", "time_period", "active_time_intervals"]),
        Key::new(
            "after_polls",
            Form::Count { least: 1, most: POLLS_MOST },
            "3",
            "How many polls in a row the condition must hold before anybody is paged",
        )
        .also(&["after_failures", "attempts"]),
        Key::new("unit", Form::Text, "\"degF\"", "The unit of the thresholds, where it is not the usual one"),
        Key::new(
            "rated_current",
            Form::Number,
            "16",
            "Rated current in A for percent_of_rated, in place of what the components say",
        )
        .also(&["rated", "rating"]),
        Key::new("rated_power", Form::Number, "3680", "Rated active power in W, in the same way"),
        Key::new("rated_apparent_power", Form::Number, "3000", "Rated apparent power in VA, in the same way"),
        Key::new(
            "severity",
            Form::Choice(SEVERITIES),
            "\"critical\"",
            "The severity of rules without thresholds: states and reachability",
        )
        .also(&["priority"]),
        Key::new(
            "notes",
            Form::Note,
            "\"Feed A of row 4; call facilities\"",
            "What whoever is woken should read",
        )
        .also(&["description"]),
        Key::new("runbook", Form::Url, "\"https://wiki.example.net/infeed\"", "Where it says what to do")
            .also(&["runbook_url"]),
        Key::new(
            "summary",
            Form::Note,
            "\"{{ device }} {{ label }}: {{ reading }}\"",
            "The template of the page's one line; docs/rules.md has the fields",
        )
        .also(&["subject", "summary_template"]),
        Key::new(
            "details",
            Form::Templates,
            "{ call = \"{{ labels.site }}-facilities\" }",
            "Templates of further entries in the page's details; one text alone becomes the entry message",
        )
        .also(&["custom_details", "message", "annotations", "template"]),
        Key::new(
            "integrations",
            Form::Texts,
            "[\"facilities\"]",
            "Who is paged; [paging] default_integrations if you say nothing",
        )
        .also(&["integration", "receiver", "notify"]),
        Key::new("enabled", Form::Flag, "true", "Whether it is evaluated")
            .default("true")
            .also(&["enable", "disabled"]),
        Key::new(
            "resend",
            Form::Duration { least: RESEND_LEAST, most: FOR_MOST },
            "\"4h\"",
            "How often the trigger is sent again while the alert goes on and nobody has acknowledged it; once if you say nothing",
        )
        .also(&["repeat_interval", "renotify"]),
    ],
};

static FLAPPING: Table = Table {
    keys: &[
        Key::new(
            "begins",
            Form::Count { least: 2, most: 20 },
            "5",
            "So many begins, rises to a worse severity included",
        ),
        Key::new("within", FOR, "\"30m\"", "Within this time").also(&["window"]),
    ],
};

static CHANGE: Table = Table {
    keys: &[
        Key::new("per", Form::Choice(PERIODS), "\"hour\"", "The time that the thresholds refer to"),
        Key::new("over", FOR, "\"30m\"", "The time over which the change is measured")
            .also(&["window", "within"]),
    ],
};

static GROUP: Table = Table {
    keys: &[
        Key::new(
            "by",
            Form::Texts,
            "[\"rack\"]",
            "Labels of devices; `component.index`, `component.label`, `component.kind`",
        )
        .also(&["labels"]),
        Key::new(
            "combine",
            Form::Choice(COMBINES),
            "\"sum\"",
            "What is made of the readings: sum, or difference (largest less smallest)",
        )
        .also(&["function", "aggregate", "of"]),
    ],
};

pub(super) static SCHEDULE: Table = Table {
    keys: &[
        Key::new(
            "days",
            Form::Texts,
            "[\"mon-fri\"]",
            "Days of the week, or spans of them; all if you say nothing",
        )
        .also(&["weekdays", "day"]),
        Key::new("from", Form::Text, "\"08:00\"", "From then on; from midnight if you say nothing")
            .also(&["start"]),
        Key::new("to", Form::Text, "\"18:00\"", "Until then, on the next day if it is not later")
            .also(&["until", "end"]),
        Key::new(
            "timezone",
            Form::Text,
            "\"Europe/Amsterdam\"",
            "Where these are the times of day; UTC if you say nothing",
        )
        .also(&["tz", "zone", "time_zone", "location"]),
    ],
};

const FOR: Form = Form::Duration { least: Duration::ZERO, most: FOR_MOST };
const SEVERITIES: &[&str] = &["info", "warning", "error", "critical"];
const NO_DATA: &[&str] = &["keep", "ignore", "alert"];
const PERIODS: &[&str] = &["minute", "hour"];
const COMBINES: &[&str] = &["sum", "difference"];
