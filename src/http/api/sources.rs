//! Inventory sources as JSON: how each stands, and what its last good snapshot holds.

use super::super::AppState;
use super::super::state::SourceFacts;
use super::readings::seconds;
use super::{LabelMap, Time};
use crate::model::{ComponentKind, Now, Sample};
use crate::store::{Published, Standing};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// All sources, in the order of the config.
#[derive(Serialize)]
pub(super) struct SourcesAnswer {
    sources: Vec<SourceRow>,
}

/// One source.
struct SourceRow {
    facts: SourceFacts,
    published: Option<Arc<Published>>,
    now: Now,
}

/// As JSON has it.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    address: &'a str,
    labels: LabelMap<'a>,
    interval_seconds: f64,
    up: bool,
    stale: bool,
    error: Option<ErrorRow<'a>>,
    failures: u32,
    last_attempt: Option<Time>,
    next_attempt: Option<Time>,
    last_success: Option<Time>,
    taken_at: Option<Time>,
    age_seconds: Option<f64>,
    snapshot_duration_seconds: f64,
    objects: Counts<'a>,
    warnings: &'a [String],
    warnings_total: usize,
}

#[derive(Serialize)]
struct ErrorRow<'a> {
    class: &'a str,
    message: String,
}

/// Counts by kind, as an object.
struct Counts<'a>(&'a [(ComponentKind, usize)]);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (kind, count) in self.0 {
            map.serialize_entry(kind.name(), count)?;
        }
        map.end()
    }
}

impl Serialize for SourceRow {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { facts, published, now } = self;
        let standing = published.as_ref().map(|it| it.standing(*now));
        let source = &facts.source;
        let shown = Shown {
            name: &source.device,
            kind: &source.profile,
            address: &source.address,
            labels: LabelMap(&source.labels),
            interval_seconds: seconds(source.interval),
            up: standing == Some(Standing::Up),
            stale: standing == Some(Standing::Stale),
            error: facts.error.as_ref().map(|it| ErrorRow { class: it.class(), message: it.to_string() }),
            failures: facts.failures,
            last_attempt: facts.last_attempt.map(Time),
            next_attempt: facts.next_attempt.map(Time),
            last_success: facts.last_success.map(|it| Time(it.unix)),
            taken_at: facts.taken_at.map(Time),
            age_seconds: published.as_ref().and_then(|it| age(it, *now)),
            snapshot_duration_seconds: seconds(facts.duration),
            objects: Counts(&facts.objects),
            warnings: &facts.warnings,
            warnings_total: facts.warnings_total,
        };
        shown.serialize(to)
    }
}

/// The sources as they stand.
pub(super) fn list(app: &AppState) -> SourcesAnswer {
    let now = app.now();
    let row = |facts: SourceFacts| {
        let published = app.store.find(&facts.source.device);
        SourceRow { facts, published, now }
    };
    SourcesAnswer { sources: (app.sources)().into_iter().map(row).collect() }
}

/// How old what the last good snapshot says is; `None` before the first.
pub(in crate::http) fn age(published: &Published, now: Now) -> Option<f64> {
    let good = published.last_good()?;
    let then = good.samples.first().copied().and_then(Sample::value).unwrap_or(0.0);
    Some(then + seconds(now.moment.since(good.time.moment)))
}
