//! Polls over time, one JSON object a line: written by the API and `rules record`, read by `rules replay`,
//! `rules explain` and `rules suggest`. Version 1; frozen by the test below: a change is a new version.
//!
//! The first line says what it is. A line with `components` and `readings` says what a device has from
//! then on; a line with `values` is a poll of it, one number or null a reading, in that order; a line with
//! `error` a poll that failed.

use crate::model::{
    Batch, Component, ComponentKind, Effort, Health, Identity, Labels, Meaning, Missing, Moment, Now,
    PollError, Quantity, Ratings, ReadingShape, Sample, Shape, Source, SourceKind, StateTable, StateValue,
    UnixMillis,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;

/// One poll of one device.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When.
    pub time: UnixMillis,
    /// Of which device.
    pub source: Arc<Source>,
    /// What it has.
    pub shape: Arc<Shape>,
    /// What was read.
    pub samples: Vec<Sample>,
    /// Why it failed.
    pub error: Option<PollError>,
}

impl Frame {
    /// What a batch holds.
    #[must_use]
    pub fn of(batch: &Batch) -> Self {
        Self {
            time: batch.time.unix,
            source: Arc::clone(&batch.source),
            shape: Arc::clone(&batch.shape),
            samples: batch.samples.clone(),
            error: batch.error.clone(),
        }
    }

    /// As the batch of a poll, where the first poll of all was at `begin`.
    #[must_use]
    pub fn batch(&self, begin: UnixMillis) -> Batch {
        let milliseconds = u64::try_from(self.time.0.saturating_sub(begin.0)).unwrap_or(0);
        Batch {
            source: Arc::clone(&self.source),
            time: time_after(begin, Duration::from_millis(milliseconds)),
            duration: Duration::ZERO,
            effort: Effort::default(),
            shape: Arc::clone(&self.shape),
            samples: self.samples.clone(),
            error: self.error.clone(),
        }
    }
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It cannot be read from its file.
    #[error("line {line}: {error}")]
    Read {
        /// Which line, from 1.
        line: usize,
        /// Why.
        error: std::io::Error,
    },
    /// A line is no such JSON.
    #[error("line {line}: {error}")]
    Syntax {
        /// Which line, from 1.
        line: usize,
        /// Why.
        error: serde_json::Error,
    },
    /// A line does not fit those before it.
    #[error("line {line}: {message}")]
    Meaning {
        /// Which line, from 1.
        line: usize,
        /// Why.
        message: String,
    },
    /// It is of a version that is not known here.
    #[error("it is of version {0}; this program reads version {VERSION}")]
    Version(u32),
    /// It is larger than what is replayed.
    #[error("it has more than {FRAMES_MAX} polls; replay a part of it")]
    TooLong,
}

const VERSION: u32 = 1;
/// Polls of a recording: a day of 100 devices each 10 s, some GB in memory at the worst.
const FRAMES_MAX: usize = 1_000_000;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    rackwarden_recording: u32,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Line {
    device: String,
    time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<About>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    components: Option<Vec<ComponentLine>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    readings: Option<Vec<ReadingLine>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<Vec<Option<f64>>>,
    /// Why values are null, by place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    missing: BTreeMap<usize, String>,
    /// Places of values against physics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    suspect: Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct About {
    address: String,
    profile: String,
    vendor: String,
    model: String,
    interval_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone_after_snapshots: Option<u32>,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct ComponentLine {
    kind: String,
    index: String,
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rated_current: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rated_power: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rated_apparent_power: Option<f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct ReadingLine {
    component: u32,
    quantity: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    source: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    states: BTreeMap<i64, StateLine>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StateLine {
    name: String,
    health: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    meanings: Vec<String>,
}

/// Writes recordings, line by line.
#[derive(Debug, Default)]
pub struct Writer {
    known: HashMap<Arc<str>, (Arc<Source>, Arc<Shape>)>,
}

impl Writer {
    /// The first line.
    #[must_use]
    pub fn header() -> String {
        json(&Header { rackwarden_recording: VERSION })
    }

    /// The lines for one poll: what the device has, where that is new, and what was read.
    pub fn lines(&mut self, frame: &Frame) -> Vec<String> {
        let mut lines = Vec::new();
        let device = &frame.source.device;
        let base = || Line { device: device.to_string(), time: frame.time.to_string(), ..Line::default() };
        let known = self.known.get(device);
        if known.is_none_or(|(source, shape)| **source != *frame.source || **shape != *frame.shape) {
            lines.push(json(&described(base(), &frame.source, &frame.shape)));
            self.known.insert(Arc::clone(device), (Arc::clone(&frame.source), Arc::clone(&frame.shape)));
        }
        let mut line = base();
        if let Some(error) = &frame.error {
            line.error = Some(error.class().to_owned());
        } else {
            for (at, sample) in frame.samples.iter().enumerate() {
                match sample {
                    Sample::Missing(missing) => _ = line.missing.insert(at, missing.name().to_owned()),
                    Sample::Suspect(_) => line.suspect.push(at),
                    Sample::Value(_) => (),
                }
            }
            line.values = Some(frame.samples.iter().map(|it| it.value()).collect());
        }
        lines.push(json(&line));
        lines
    }
}

fn json<T: Serialize>(line: &T) -> String {
    // Numbers that JSON has not are null, texts are texts: nothing here can fail.
    serde_json::to_string(line).unwrap_or_default()
}

fn texts(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn described(line: Line, source: &Source, shape: &Shape) -> Line {
    let about = About {
        address: source.address.clone(),
        profile: source.profile.to_string(),
        vendor: source.identity.vendor.clone(),
        model: source.identity.model.clone(),
        interval_seconds: source.interval.as_secs_f64(),
        gone_after_snapshots: match source.kind {
            SourceKind::Device => None,
            SourceKind::Inventory { gone_after_snapshots } => Some(gone_after_snapshots),
        },
        labels: texts(&source.labels),
    };
    let component = |it: &Component| ComponentLine {
        kind: it.kind.name().to_owned(),
        index: it.index.to_string(),
        label: it.label.to_string(),
        rated_current: it.ratings.current_amperes,
        rated_power: it.ratings.active_power_watts,
        rated_apparent_power: it.ratings.apparent_power_volt_amperes,
        labels: texts(&it.labels),
    };
    let state = |it: &StateValue| StateLine {
        name: it.name.to_string(),
        health: it.health.name().to_owned(),
        meanings: it.meanings.iter().map(|it| it.name().to_owned()).collect(),
    };
    let reading = |it: &ReadingShape| ReadingLine {
        component: it.component,
        quantity: it.quantity.name().to_owned(),
        name: it.name.to_string(),
        source: it.source.to_string(),
        states: it.states.iter().flat_map(|it| &it.values).map(|(number, it)| (*number, state(it))).collect(),
    };
    Line {
        about: Some(about),
        components: Some(shape.components.iter().map(component).collect()),
        readings: Some(shape.readings.iter().map(reading).collect()),
        ..line
    }
}

/// A time so long after the beginning.
#[must_use]
pub fn time_after(begin: UnixMillis, passed: Duration) -> Now {
    let milliseconds = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
    Now {
        // Not zero: that is what a link takes for never.
        moment: Moment::after_zero(Duration::from_secs(1) + passed),
        unix: UnixMillis(begin.0.saturating_add(milliseconds)),
    }
}

/// Whether a text begins as a recording does.
#[must_use]
pub fn is_recording(text: &str) -> bool {
    text.trim_start().starts_with("{\"rackwarden_recording\"")
}

/// All polls of a recording, in its order.
///
/// # Errors
/// [`RecordingError`]; nothing of it is used then.
pub fn read(from: impl BufRead) -> Result<Vec<Frame>, RecordingError> {
    let mut frames = Vec::new();
    let mut known: HashMap<String, (Arc<Source>, Arc<Shape>)> = HashMap::new();
    for (at, text) in from.lines().enumerate() {
        let line = at + 1;
        let text = text.map_err(|error| RecordingError::Read { line, error })?;
        if text.trim().is_empty() {
            continue;
        }
        let syntax = |error| RecordingError::Syntax { line, error };
        if at == 0 {
            let header: Header = serde_json::from_str(&text).map_err(syntax)?;
            if header.rackwarden_recording != VERSION {
                return Err(RecordingError::Version(header.rackwarden_recording));
            }
            continue;
        }
        let parsed: Line = serde_json::from_str(&text).map_err(syntax)?;
        let wrong = |message: String| RecordingError::Meaning { line, message };
        let time: jiff::Timestamp =
            parsed.time.parse().map_err(|_| wrong(format!("\"{}\" is no time", parsed.time)))?;
        let time = UnixMillis(time.as_millisecond());
        if parsed.readings.is_some() {
            let described = learnt(&parsed).map_err(wrong)?;
            known.insert(parsed.device, described);
            continue;
        }
        let Some((source, shape)) = known.get(&parsed.device) else {
            return Err(wrong(format!("nothing has said yet what {} has", parsed.device)));
        };
        let (samples, error) = polled(&parsed, shape.readings.len()).map_err(wrong)?;
        if frames.len() == FRAMES_MAX {
            return Err(RecordingError::TooLong);
        }
        frames.push(Frame { time, source: Arc::clone(source), shape: Arc::clone(shape), samples, error });
    }
    Ok(frames)
}

fn polled(line: &Line, readings: usize) -> Result<(Vec<Sample>, Option<PollError>), String> {
    if let Some(class) = &line.error {
        let missing = if class == "timeout" { Missing::Timeout } else { Missing::NotPolled };
        return Ok((vec![Sample::Missing(missing); readings], Some(failure(class))));
    }
    let values = line.values.as_ref().ok_or("it has neither values nor an error")?;
    if values.len() != readings {
        return Err(format!("{} values for {readings} readings", values.len()));
    }
    let sample = |(at, value): (usize, &Option<f64>)| match value {
        Some(value) if line.suspect.contains(&at) => Sample::Suspect(*value),
        Some(value) => Sample::Value(*value),
        None => {
            let reason =
                line.missing.get(&at).and_then(|it| Missing::ALL.into_iter().find(|all| all.name() == it));
            Sample::Missing(reason.unwrap_or(Missing::NotPolled))
        }
    };
    Ok((values.iter().enumerate().map(sample).collect(), None))
}

/// A failure of that class; its words are not recorded.
#[must_use]
pub fn failure(class: &str) -> PollError {
    match class {
        "timeout" => PollError::Timeout,
        "refused" => PollError::Refused,
        "unreachable" => PollError::Unreachable("as recorded".to_owned()),
        "agent_error" => PollError::AgentError { status: "as recorded".to_owned() },
        other => PollError::Malformed(other.to_owned()),
    }
}

fn learnt(line: &Line) -> Result<(Arc<Source>, Arc<Shape>), String> {
    let none = About::default();
    let about = line.about.as_ref().unwrap_or(&none);
    let labels =
        |of: &BTreeMap<String, String>| Labels::new(of.iter().map(|(name, it)| (name.as_str(), it.as_str())));
    let source = Source {
        kind: about.gone_after_snapshots.map_or(SourceKind::Device, |gone_after_snapshots| {
            SourceKind::Inventory { gone_after_snapshots }
        }),
        device: line.device.as_str().into(),
        labels: labels(&about.labels),
        address: about.address.clone(),
        interval: Duration::try_from_secs_f64(about.interval_seconds).unwrap_or_default(),
        profile: about.profile.as_str().into(),
        identity: Identity {
            vendor: about.vendor.clone(),
            model: about.model.clone(),
            ..Identity::default()
        },
    };
    let mut components = Vec::new();
    for it in line.components.iter().flatten() {
        let kind: ComponentKind =
            it.kind.parse().map_err(|()| format!("\"{}\" is no kind of component", it.kind))?;
        let ratings = Ratings {
            current_amperes: it.rated_current,
            active_power_watts: it.rated_power,
            apparent_power_volt_amperes: it.rated_apparent_power,
        };
        components.push(Component {
            kind,
            index: it.index.as_str().into(),
            label: it.label.as_str().into(),
            ratings,
            labels: labels(&it.labels),
        });
    }
    let mut readings = Vec::new();
    for it in line.readings.iter().flatten() {
        let quantity = Quantity::ALL
            .into_iter()
            .find(|quantity| quantity.name() == it.quantity)
            .ok_or_else(|| format!("\"{}\" is no quantity", it.quantity))?;
        if components.len() <= it.component as usize {
            return Err(format!("there is no component {}", it.component));
        }
        readings.push(ReadingShape {
            component: it.component,
            quantity,
            name: it.name.as_str().into(),
            source: it.source.parse().unwrap_or_default(),
            states: (!it.states.is_empty()).then(|| table(&it.states)).transpose()?,
        });
    }
    Ok((Arc::new(source), Arc::new(Shape { components, readings: readings.into() })))
}

fn table(states: &BTreeMap<i64, StateLine>) -> Result<Arc<StateTable>, String> {
    let mut values = BTreeMap::new();
    for (number, it) in states {
        let health: Health = it.health.parse().map_err(|()| format!("\"{}\" is no health", it.health))?;
        let meanings: Vec<Meaning> = it.meanings.iter().filter_map(|it| it.parse().ok()).collect();
        let state = StateValue { name: it.name.as_str().into(), health, meanings: meanings.into() };
        values.insert(*number, state);
    }
    Ok(Arc::new(StateTable { values }))
}

#[cfg(test)]
mod tests {
    use super::{Writer, is_recording, read};
    use crate::model::{PollError, Sample};

    /// Recordings outlive the program: do not change this test, add a version.
    const FROZEN: &str = r#"{"rackwarden_recording":1}
{"device":"ups-1","time":"2026-01-05T00:00:00.000Z","about":{"address":"192.0.2.1:161","profile":"rfc1628","vendor":"Invented","model":"Steady","interval_seconds":10.0,"labels":{"rack":"a1"}},"components":[{"kind":"output","index":"0","label":"Output","rated_apparent_power":1500.0}],"readings":[{"component":0,"quantity":"apparent_power","source":"1.3.6.1.2.1.33.1.4.4.1.4.1"},{"component":0,"quantity":"state","name":"source","source":"1.3.6.1.2.1.33.1.4.1.0","states":{"3":{"name":"normal","health":"ok"},"5":{"name":"battery","health":"warning","meanings":["on_battery"]}}}]}
{"device":"ups-1","time":"2026-01-05T00:00:00.000Z","values":[612.5,3.0]}
{"device":"ups-1","time":"2026-01-05T00:00:10.000Z","values":[null,5.0],"missing":{"0":"no_such_instance"},"suspect":[1]}
{"device":"ups-1","time":"2026-01-05T00:00:20.000Z","error":"timeout"}
"#;

    #[test]
    fn recordings_are_frozen() {
        assert!(is_recording(FROZEN));
        let frames = read(FROZEN.as_bytes()).unwrap();
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[1].samples[1], Sample::Suspect(5.0));
        assert_eq!(frames[2].error, Some(PollError::Timeout));
        let mut writer = Writer::default();
        let written: Vec<String> =
            std::iter::once(Writer::header()).chain(frames.iter().flat_map(|it| writer.lines(it))).collect();
        assert_eq!(written.join("\n") + "\n", FROZEN);
    }

    #[test]
    fn broken_recordings_say_where() {
        for (text, expected) in [
            ("{\"rackwarden_recording\":2}\n".to_owned(), "it is of version 2; this program reads version 1"),
            (FROZEN.replace("612.5,3.0", "612.5"), "line 3: 1 values for 2 readings"),
            (FROZEN.replace("\"apparent_power\"", "\"apparent\""), "line 2: \"apparent\" is no quantity"),
            (FROZEN.replace("00:00:20.000Z", "noon"), "line 5: \"2026-01-05Tnoon\" is no time"),
            (FROZEN.replacen("\"ups-1\"", "\"ups-2\"", 1), "line 3: nothing has said yet what ups-1 has"),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap_err().to_string(), expected);
        }
        assert!(
            read("{\"rackwarden_recording\":1}\n{".as_bytes())
                .unwrap_err()
                .to_string()
                .starts_with("line 2: ")
        );
    }
}
