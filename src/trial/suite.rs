//! Unit tests of rules: what readings there are over time, and what is to be said when. Read from TOML,
//! described in docs/rules.md; the format is frozen by its test.

use super::Trial;
use super::series::{self, Point, SeriesError};
use crate::alert::{Transition, TransitionKind};
use crate::model::{
    Batch, Component, ComponentKind, Effort, Labels, Locator, Missing, PollError, Quantity, Ratings,
    ReadingShape, Sample, Severity, Shape, Source, SourceKind, UnixMillis,
};
use crate::recording::time_after;
use crate::rules::words::duration;
use crate::rules::{Rule, Ruleset};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A file of tests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Files with `[[alerts]]`, from the folder of this file on; none: the configuration's rules.
    #[serde(default)]
    pub rules: Vec<PathBuf>,
    /// How often devices are polled, where a test does not say.
    #[serde(default = "ten_seconds")]
    pub interval: Span,
    /// The time of the first poll, where a test does not say: 2026-01-05 is a Monday.
    #[serde(default = "a_monday")]
    pub start: Instant,
    /// The tests.
    #[serde(default, rename = "test")]
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// What it shows.
    pub name: String,
    /// The rules that are looked at; none: all.
    #[serde(default)]
    pub only: Vec<String>,
    /// How often devices are polled.
    pub interval: Option<Span>,
    /// The time of the first poll.
    pub start: Option<Instant>,
    /// Devices that are more than a name.
    #[serde(default)]
    pub devices: BTreeMap<String, Device>,
    /// The readings.
    #[serde(default)]
    pub series: Vec<Series>,
    /// What is to be said: all of it, and nothing else.
    #[serde(default)]
    pub expect: Vec<Expectation>,
}

/// What is known of a device.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The device behind which it is reached.
    pub parent: Option<String>,
}

/// A reading over time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// `device/kind/index`, or a device alone: whether it answers.
    pub object: String,
    /// What is measured.
    pub quantity: Option<String>,
    /// The reading's name, where it has one.
    #[serde(default)]
    pub name: String,
    /// What a person calls the component.
    pub label: Option<String>,
    /// The component's rating in the quantity's unit.
    pub rated: Option<f64>,
    /// The component's labels: of inventories' objects.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// One reading a poll; see [`super::series`]. The last one goes on.
    pub values: String,
}

/// Something that is to be said.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// When, after the first poll.
    pub at: Span,
    /// The rule.
    pub rule: String,
    /// The object; none: whichever.
    pub object: Option<String>,
    /// The severity that it begins with or changes to, or `resolved`.
    pub is: String,
    /// A part of the reason.
    pub reason: Option<String>,
}

/// A duration in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

/// A time as RFC 3339 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Instant(pub UnixMillis);

/// Why a test cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// The file is no such TOML.
    #[error("{0}")]
    Syntax(String),
    /// A series cannot be read.
    #[error("the series of {object}: {error}")]
    Series {
        /// Its object.
        object: String,
        /// Why.
        error: SeriesError,
    },
    /// Something in a test means nothing.
    #[error("{0}")]
    Meaning(String),
}

/// How a test ended.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Expected, and not said.
    pub missing: Vec<Expectation>,
    /// Said, and not expected.
    pub unexpected: Vec<Said>,
    /// The rules that said something.
    pub fired: BTreeSet<Arc<str>>,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When, after the first poll.
    pub at: Duration,
    /// The severity, or `resolved`.
    pub is: &'static str,
    /// The rule.
    pub rule: Arc<str>,
    /// The object.
    pub object: String,
    /// Why.
    pub reason: String,
}

impl Suite {
    /// Reads a file of tests.
    ///
    /// # Errors
    /// [`SuiteError::Syntax`], with line and column.
    pub fn parse(text: &str) -> Result<Self, SuiteError> {
        toml::from_str(text).map_err(|error| SuiteError::Syntax(error.to_string().trim_end().to_owned()))
    }
}

impl Verdict {
    /// Whether all was as expected.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty()
    }
}

impl Test {
    /// Runs it under these rules.
    ///
    /// # Errors
    /// [`SuiteError`]: it makes no sense.
    pub fn run(&self, suite: &Suite, rules: &[Rule]) -> Result<Verdict, SuiteError> {
        for name in self.only.iter().chain(self.expect.iter().map(|it| &it.rule)) {
            if !rules.iter().any(|it| *it.name == **name) {
                let near = crate::model::closest(name, rules.iter().map(|it| &*it.name));
                let help = near.map(|it| format!("; did you mean \"{it}\"?")).unwrap_or_default();
                return Err(SuiteError::Meaning(format!("there is no rule \"{name}\"{help}")));
            }
        }
        let is_severity = |it: &&Expectation| it.is == RESOLVED || it.is.parse::<Severity>().is_ok();
        if let Some(it) = self.expect.iter().find(|it| !is_severity(it)) {
            let message = format!(
                "`is = \"{}\"` is neither a severity (info, warning, error, critical) nor {RESOLVED}",
                it.is
            );
            return Err(SuiteError::Meaning(message));
        }
        let wanted = |rule: &&Rule| self.only.is_empty() || self.only.iter().any(|it| **it == *rule.name);
        let ruleset = Ruleset::compile(rules.iter().filter(wanted).cloned().collect());
        let interval = self.interval.unwrap_or(suite.interval).0;
        let stage = Stage::set(self, interval)?;
        let said = stage.play(ruleset, interval, self.start.unwrap_or(suite.start).0, self.last());
        Ok(self.judge(said))
    }

    /// The last time that something is expected.
    fn last(&self) -> Duration {
        self.expect.iter().map(|it| it.at.0).max().unwrap_or_default()
    }

    fn judge(&self, said: Vec<Said>) -> Verdict {
        let mut verdict =
            Verdict { fired: said.iter().map(|it| Arc::clone(&it.rule)).collect(), ..Verdict::default() };
        let mut left = said;
        for expected in &self.expect {
            match left.iter().position(|it| expected.fits(it)) {
                Some(at) => _ = left.remove(at),
                None => verdict.missing.push(expected.clone()),
            }
        }
        verdict.unexpected = left;
        verdict
    }
}

impl Expectation {
    fn fits(&self, said: &Said) -> bool {
        self.at.0 == said.at
            && *self.rule == *said.rule
            && self.is == said.is
            && self.object.as_ref().is_none_or(|it| *it == said.object)
            && self.reason.as_ref().is_none_or(|it| said.reason.contains(it.as_str()))
    }
}

/// The devices of a test, with all that they will read.
struct Stage {
    actors: Vec<Actor>,
    parents: BTreeMap<Arc<str>, Arc<str>>,
    /// How many polls the longest series has.
    polls: usize,
}

struct Actor {
    source: Arc<Source>,
    shape: Arc<Shape>,
    /// By reading.
    readings: Vec<Vec<Point>>,
    /// Whether it answers, where a series says so.
    answers: Vec<Point>,
}

impl Stage {
    fn set(test: &Test, interval: Duration) -> Result<Self, SuiteError> {
        let mut names: Vec<&str> = Vec::new();
        let parts = |it: &Series| it.object.split('/').next().unwrap_or_default().len();
        for series in &test.series {
            let name = series.object.get(..parts(series)).unwrap_or_default();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return Err(SuiteError::Meaning("it has no series: nothing would happen".to_owned()));
        }
        if let Some(name) = test.devices.keys().find(|it| !names.contains(&it.as_str())) {
            return Err(SuiteError::Meaning(format!("no series is of the device \"{name}\"")));
        }
        // Whoever stands above is polled first, as the daemon has it after an interval at the latest.
        names.sort_by_key(|it| depth(test, it, 0));
        let actors = names.iter().map(|it| Actor::new(test, it, interval)).collect::<Result<Vec<_>, _>>()?;
        let points = actors.iter().flat_map(|it| it.readings.iter().chain([&it.answers]).map(Vec::len));
        let parents = test
            .devices
            .iter()
            .filter_map(|(name, it)| Some((Arc::from(name.as_str()), Arc::from(it.parent.as_deref()?))));
        Ok(Self { polls: points.max().unwrap_or(0), parents: parents.collect(), actors })
    }

    fn play(&self, ruleset: Ruleset, interval: Duration, start: UnixMillis, until: Duration) -> Vec<Said> {
        let sources: Vec<Arc<Source>> = self.actors.iter().map(|it| Arc::clone(&it.source)).collect();
        let mut trial = Trial::new(ruleset, &sources, self.parents.clone());
        let mut said = Vec::new();
        for poll in 0_u32.. {
            let passed = interval.saturating_mul(poll);
            if self.polls <= poll as usize && until < passed {
                break;
            }
            let time = time_after(start, passed);
            let mut out = Vec::new();
            for actor in &self.actors {
                trial.poll(&actor.batch(poll as usize, time), &mut out);
            }
            said.extend(out.iter().map(|it| Said::of(it, passed)));
        }
        said
    }
}

fn depth(test: &Test, name: &str, at: usize) -> usize {
    let parent = test.devices.get(name).and_then(|it| it.parent.as_deref());
    match parent {
        Some(parent) if at < super::DEPTH_MAX => 1 + depth(test, parent, at + 1),
        _ => 0,
    }
}

impl Actor {
    fn new(test: &Test, name: &str, interval: Duration) -> Result<Self, SuiteError> {
        let mut shape = (Vec::<Component>::new(), Vec::new());
        let (mut readings, mut answers) = (Vec::new(), Vec::new());
        let states = Arc::new(series::states());
        let mut kind = SourceKind::Device;
        for it in &test.series {
            let Some(rest) = it.object.strip_prefix(name) else { continue };
            let points = |quantity| {
                series::parse(&it.values, quantity)
                    .map_err(|error| SuiteError::Series { object: it.object.clone(), error })
            };
            if rest.is_empty() {
                answers = points(None)?;
                continue;
            }
            let Some(part) = rest.strip_prefix('/') else { continue };
            let (component, quantity) = it.parse(part)?;
            if ComponentKind::OF_INVENTORIES.contains(&component.kind) {
                kind = SourceKind::Inventory { gone_after_snapshots: GONE_AFTER };
            }
            readings.push(points(Some(quantity))?);
            let (components, shapes) = &mut shape;
            let like = |other: &Component| other.kind == component.kind && other.index == component.index;
            let place = components.iter().position(like).unwrap_or_else(|| {
                components.push(component.clone());
                components.len() - 1
            });
            if let Some(known) = components.get_mut(place) {
                merge(&mut known.ratings, component.ratings);
            }
            shapes.push(ReadingShape {
                component: u32::try_from(place).unwrap_or(u32::MAX),
                quantity,
                name: it.name.as_str().into(),
                source: Locator::default(),
                states: (quantity == Quantity::State).then(|| Arc::clone(&states)),
            });
        }
        let device = test.devices.get(name).cloned().unwrap_or_default();
        let source = Source {
            kind,
            device: name.into(),
            labels: Labels::new(device.labels.iter().map(|(name, it)| (name.as_str(), it.as_str()))),
            interval,
            ..Source::default()
        };
        let shape = Shape { components: shape.0, readings: shape.1.into() };
        Ok(Self { source: Arc::new(source), shape: Arc::new(shape), readings, answers })
    }

    fn batch(&self, poll: usize, time: crate::model::Now) -> Batch {
        let at = |points: &Vec<Point>| points.get(poll).or_else(|| points.last()).cloned();
        let mut error: Option<PollError> = None;
        let mut samples = Vec::with_capacity(self.readings.len());
        for points in &self.readings {
            samples.push(match at(points) {
                Some(Point::Sample(sample)) => sample,
                Some(Point::Failure(failure)) => {
                    error = Some(failure);
                    Sample::Missing(Missing::Timeout)
                }
                None => Sample::Missing(Missing::NotPolled),
            });
        }
        if let Some(Point::Failure(failure)) = at(&self.answers) {
            error = Some(failure);
        }
        if error.is_some() {
            samples.fill(Sample::Missing(Missing::Timeout));
        }
        Batch {
            source: Arc::clone(&self.source),
            time,
            duration: Duration::ZERO,
            effort: Effort::default(),
            shape: Arc::clone(&self.shape),
            samples,
            error,
        }
    }
}

impl Series {
    /// What it is a reading of.
    fn parse(&self, part: &str) -> Result<(Component, Quantity), SuiteError> {
        let meaning = |message: String| SuiteError::Meaning(message);
        let (kind, index) = part.split_once('/').unwrap_or((part, "0"));
        let kind: ComponentKind = kind.parse().map_err(|()| {
            let kinds = ComponentKind::OF_DEVICES.into_iter().chain(ComponentKind::OF_INVENTORIES);
            let help = nearest(kind, kinds.map(ComponentKind::name));
            meaning(format!(
                "\"{kind}\" in \"{}\" is no kind of component: write device/kind/index{help}",
                self.object
            ))
        })?;
        let Some(written) = &self.quantity else {
            return Err(meaning(format!(
                "the series of {} needs a quantity, as quantity = \"current\"",
                self.object
            )));
        };
        let Some(quantity) = Quantity::ALL.into_iter().find(|it| it.name() == written) else {
            let help = nearest(written, Quantity::ALL.into_iter().map(Quantity::name));
            return Err(meaning(format!("\"{written}\" of {} is no quantity{help}", self.object)));
        };
        let mut ratings = Ratings::default();
        match (self.rated, quantity) {
            (None, _) => (),
            (rated, Quantity::Current) => ratings.current_amperes = rated,
            (rated, Quantity::ActivePower) => ratings.active_power_watts = rated,
            (rated, Quantity::ApparentPower) => ratings.apparent_power_volt_amperes = rated,
            (Some(_), _) => return Err(meaning(format!("there is no rated {quantity}"))),
        }
        let component = Component {
            kind,
            index: index.into(),
            label: self.label.clone().unwrap_or_else(|| format!("{kind} {index}")).into(),
            ratings,
            labels: Labels::new(self.labels.iter().map(|(name, it)| (name.as_str(), it.as_str()))),
        };
        Ok((component, quantity))
    }
}

/// What was most likely meant, or what there is.
fn nearest(written: &str, known: impl Iterator<Item = &'static str> + Clone) -> String {
    match crate::model::closest(written, known.clone()) {
        Some(near) => format!("; did you mean \"{near}\"?"),
        None => format!("; there are: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

fn merge(known: &mut Ratings, more: Ratings) {
    known.current_amperes = known.current_amperes.or(more.current_amperes);
    known.active_power_watts = known.active_power_watts.or(more.active_power_watts);
    known.apparent_power_volt_amperes =
        known.apparent_power_volt_amperes.or(more.apparent_power_volt_amperes);
}

impl Said {
    /// A transition, so long after the first poll.
    #[must_use]
    pub fn of(transition: &Transition, at: Duration) -> Self {
        let facts = &transition.facts;
        Self {
            at,
            is: match transition.kind {
                TransitionKind::Resolve => RESOLVED,
                TransitionKind::Trigger | TransitionKind::Change { .. } => transition.severity.name(),
            },
            rule: Arc::clone(&facts.rule),
            object: match &facts.component {
                Some((kind, index, _)) => format!("{}/{kind}/{index}", facts.device),
                None => facts.device.to_string(),
            },
            reason: transition.reason.clone(),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, is, rule, object, reason } = self;
        write!(f, "{:>8}  {is:<8}  {rule}: {object}  ({reason})", duration(*at))
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, rule, object, is, reason } = self;
        write!(f, "{:>8}  {is:<8}  {rule}: {}", duration(at.0), object.as_deref().unwrap_or("any object"))?;
        reason.as_ref().map_or(Ok(()), |it| write!(f, "  (.. {it} ..)"))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.trim() == "0" {
            return Ok(Self(Duration::ZERO));
        }
        humantime::parse_duration(&text)
            .map(Self)
            .map_err(|_| format!("\"{text}\" is no duration: write, say, \"30s\""))
    }
}

impl TryFrom<String> for Instant {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time: jiff::Timestamp = text
            .parse()
            .map_err(|_| format!("\"{text}\" is no time: write, say, \"2026-01-05T08:00:00Z\""))?;
        Ok(Self(UnixMillis(time.as_millisecond())))
    }
}

const fn ten_seconds() -> Span {
    Span(Duration::from_secs(10))
}

const fn a_monday() -> Instant {
    // 2026-01-05T00:00:00Z
    Instant(UnixMillis(1_767_571_200_000))
}

const RESOLVED: &str = "resolved";
/// Snapshots after which a test's object is gone: the default of inventories.
const GONE_AFTER: u32 = 3;

#[cfg(test)]
#[path = "suite_tests.rs"]
mod tests;
