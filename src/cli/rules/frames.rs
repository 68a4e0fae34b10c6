//! Polls from files: recordings of ours, the output of `poll --json`, walks as snmprec files.

use super::super::exit::Exit;
use super::by_hand::{OwnThresholds, thresholds_of};
use super::profiles;
use crate::config::Settings;
use crate::model::{
    Cells, Component, ComponentKind, Health, Identity, Labels, Locator, Missing, Oid, Quantity, ReadingShape,
    Sample, Shape, Source, StateTable, StateValue, UnixMillis, Value,
};
use crate::profile::{Learned, ProfileSet, SystemGroup, fixture};
use crate::recording::{self, Frame, failure};
use crate::simulator::Recording;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where polls come from.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct FrameArguments {
    /// Time between polls, for files that do not say when they were made
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(super) every: Duration,
    /// The device that snmprec files are of; default: the name that the agent gives itself
    #[arg(long, value_name = "NAME")]
    pub(super) device: Option<String>,
    /// Folder with profiles of your own, besides the shipped ones
    #[arg(long, value_name = "FOLDER")]
    pub(super) profiles: Vec<PathBuf>,
}

/// A file of polls that is larger is no file of a person's.
const FILE_OCTETS_MAX: u64 = 2 << 30;

struct Reader<'a> {
    arguments: &'a FrameArguments,
    profiles: Arc<ProfileSet>,
    settings: Option<&'a Settings>,
    /// By device: how many polls there were, and what it had.
    known: HashMap<Arc<str>, (u32, Arc<Source>, Arc<Shape>)>,
    own: OwnThresholds,
}

/// What files hold.
pub(super) struct Polls {
    /// In the order of time.
    pub(super) frames: Vec<Frame>,
    /// What is set in the devices, as walks tell.
    pub(super) own: OwnThresholds,
}

impl FrameArguments {
    /// All polls of these files, in the order of time.
    pub(super) fn read(&self, files: &[PathBuf], settings: Option<&Settings>) -> Result<Polls, Exit> {
        let mut folders = settings.map(|it| it.profile_folders.clone()).unwrap_or_default();
        folders.extend(self.profiles.iter().cloned());
        let mut reader = Reader {
            arguments: self,
            profiles: Arc::new(profiles(&folders)?.with_device_thresholds()),
            settings,
            known: HashMap::new(),
            own: OwnThresholds::new(),
        };
        let mut frames = Vec::new();
        for file in files {
            let found = reader.file(file).map_err(|why| {
                eprintln!("rackwarden: {}: {why}", file.display());
                Exit::Config
            })?;
            frames.extend(found);
        }
        frames.sort_by_key(|it| it.time);
        Ok(Polls { frames, own: reader.own })
    }
}

impl Reader<'_> {
    fn file(&mut self, path: &Path) -> Result<Vec<Frame>, String> {
        let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
        if FILE_OCTETS_MAX < length {
            return Err(format!("it has {length} octets, at most {FILE_OCTETS_MAX} are read"));
        }
        let octets = std::fs::read(path).map_err(|error| error.to_string())?;
        let start =
            String::from_utf8_lossy(octets.get(..64.min(octets.len())).unwrap_or_default()).into_owned();
        if recording::is_recording(&start) {
            return recording::read(&*octets).map_err(|error| error.to_string());
        }
        if start.trim_start().starts_with('{') {
            let objects = serde_json::Deserializer::from_slice(&octets).into_iter::<Json>();
            return objects
                .map(|it| {
                    self.polled(&it.map_err(|error| format!("it is no output of poll --json: {error}"))?)
                })
                .collect();
        }
        Ok(vec![self.walked(path, &octets)?])
    }

    /// The time of a device's next poll, and its shape as before where it is equal.
    fn frame(&mut self, source: Source, shape: Shape) -> (UnixMillis, Arc<Source>, Arc<Shape>) {
        let device = Arc::clone(&source.device);
        let (count, source, shape) = match self.known.remove(&device) {
            Some((count, before, had)) if *before == source && *had == shape => (count, before, had),
            Some((count, ..)) => (count, Arc::new(source), Arc::new(shape)),
            None => (0, Arc::new(source), Arc::new(shape)),
        };
        let passed = self.arguments.every.saturating_mul(count);
        let time = recording::time_after(BEGIN, passed).unix;
        self.known.insert(device, (count + 1, Arc::clone(&source), Arc::clone(&shape)));
        (time, source, shape)
    }

    fn source(&self, device: &str, profile: &str, identity: Identity) -> Source {
        let configured = self.settings.and_then(|it| it.polled().find(|it| **it.name == *device));
        Source {
            device: device.into(),
            labels: configured.map_or_else(Labels::default, |it| it.labels.clone()),
            interval: self.arguments.every,
            profile: profile.into(),
            identity,
            ..Source::default()
        }
    }

    /// One object of `poll --json`.
    fn polled(&mut self, object: &Json) -> Result<Frame, String> {
        let text = |it: &Json, name: &str| it.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let target = text(object, "target");
        if target.is_empty() {
            return Err("it is neither a recording nor the output of poll --json".to_owned());
        }
        let none = Json::Null;
        let who = object.get("identity").unwrap_or(&none);
        let identity =
            Identity { vendor: text(who, "vendor"), model: text(who, "model"), ..Identity::default() };
        let profile = text(object, "profile");
        let (mut components, mut readings, mut samples) = (Vec::<Component>::new(), Vec::new(), Vec::new());
        for row in object.get("readings").and_then(Json::as_array).into_iter().flatten() {
            let kind: ComponentKind =
                text(row, "component").parse().map_err(|()| "a reading has no known component".to_owned())?;
            let quantity = text(row, "quantity");
            let quantity = Quantity::ALL
                .into_iter()
                .find(|it| it.name() == quantity)
                .ok_or_else(|| format!("\"{quantity}\" is no quantity"))?;
            let index = text(row, "index");
            let place = components
                .iter()
                .position(|it| it.kind == kind && *it.index == *index)
                .unwrap_or_else(|| {
                    let label = text(row, "label").into();
                    components.push(Component { kind, index: index.into(), label, ..Component::default() });
                    components.len() - 1
                });
            let source: Locator = text(row, "source").parse().unwrap_or_default();
            let (name, states) = self.known_of(&profile, kind, quantity, &source);
            let value = row.get("value").and_then(Json::as_f64);
            let states = (quantity == Quantity::State).then(|| states.unwrap_or_else(|| seen(row, value)));
            samples.push(sample(row, value));
            let component = u32::try_from(place).unwrap_or(u32::MAX);
            readings.push(ReadingShape { component, quantity, name, source, states });
        }
        let error = object.get("errors").and_then(Json::as_array).into_iter().flatten();
        let error = error.map(|it| text(it, "class")).find(|it| it != "partial").map(|it| failure(&it));
        let source = self.source(&target, &profile, identity);
        let (source, shape) = match self.known.get(&source.device) {
            // A failed poll names no readings: those from before are missing.
            Some((_, before, had)) if error.is_some() => (Source::clone(before), Shape::clone(had)),
            _ => (source, Shape { components, readings: readings.into() }),
        };
        if error.is_some() {
            samples = vec![Sample::Missing(Missing::Timeout); shape.readings.len()];
        }
        let (time, source, shape) = self.frame(source, shape);
        Ok(Frame { time, source, shape, samples, error })
    }

    /// The reading's name and states, as its profile has them.
    fn known_of(
        &self,
        profile: &str,
        kind: ComponentKind,
        quantity: Quantity,
        source: &Locator,
    ) -> (Box<str>, Option<Arc<StateTable>>) {
        let profile = self.profiles.find(profile);
        let info = profile.iter().flat_map(|it| it.readings()).find(|it| {
            it.kind == kind
                && it.quantity == quantity
                && source.oid().is_some_and(|oid| oid.starts_with(it.object))
        });
        info.map_or_else(|| ("".into(), None), |it| (it.name.into(), it.states.cloned()))
    }

    /// A walk of a device, as one poll.
    fn walked(&mut self, path: &Path, octets: &[u8]) -> Result<Frame, String> {
        let walk = Recording::parse_octets(octets).map_err(|error| {
            format!("it is neither a recording, nor output of `poll --json`, nor a walk: {error}")
        })?;
        let rows = walk.tree().iter().map(|(oid, value)| (oid.clone(), value.clone()));
        let cells: Learned = rows.collect();
        let system = system_group(&cells);
        let fitting = fixture::choose(&self.profiles, &cells, &system);
        let profile =
            fitting.ok_or_else(|| format!("no profile fits sysObjectID {}", system.sys_object_id))?;
        let walked = profile.columns().iter().flat_map(|it| cells.below(it));
        let got = profile.scalars().iter().filter_map(|it| Some((it.clone(), cells.get(it)?.clone())));
        let learned: Learned = walked.map(|(oid, value)| (oid.clone(), value.clone())).chain(got).collect();
        let plan = profile.compile(&learned, &system);
        let answers: Cells =
            plan.cells.iter().map(|it| cells.get(it).cloned().ok_or(Missing::NoSuchInstance)).collect();
        let mut samples = Vec::new();
        plan.decode(&answers, &mut samples);
        let stem = path.file_stem().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        let named = if system.sys_name.is_empty() { stem } else { system.sys_name };
        let device = self.arguments.device.clone().unwrap_or(named);
        let own = thresholds_of(&plan);
        let source = self.source(&device, &plan.profile, plan.identity.clone());
        let (time, source, shape) = self.frame(source, Shape::clone(&plan.shape));
        if !own.is_empty() {
            self.own.insert(Arc::clone(&source.device), own);
        }
        Ok(Frame { time, source, shape, samples, error: None })
    }
}

fn sample(row: &Json, value: Option<f64>) -> Sample {
    let reason = row.get("missing").and_then(Json::as_str);
    match value {
        Some(value) if row.get("suspect").and_then(Json::as_bool).unwrap_or(false) => Sample::Suspect(value),
        Some(value) => Sample::Value(value),
        None => {
            let known = reason.and_then(|it| Missing::ALL.into_iter().find(|all| all.name() == it));
            Sample::Missing(known.unwrap_or(Missing::NotPolled))
        }
    }
}

/// A table with the one state that was seen: enough for its health, not for what it means.
fn seen(row: &Json, value: Option<f64>) -> Arc<StateTable> {
    let state = row.get("state");
    let text = |name: &str| state.and_then(|it| it.get(name)).and_then(Json::as_str).unwrap_or_default();
    let health: Health = text("severity").parse().unwrap_or(Health::Unknown);
    let state = StateValue { name: text("name").into(), health, meanings: Box::default() };
    let number = value.filter(|it| it.fract() == 0.0 && it.abs() < 1e9);
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within what i64 holds")]
    let values: BTreeMap<i64, StateValue> = number.into_iter().map(|it| (it as i64, state.clone())).collect();
    Arc::new(StateTable { values })
}

fn system_group(cells: &Learned) -> SystemGroup {
    let at = |arc: u32| cells.get(&Oid::new(&[1, 3, 6, 1, 2, 1, 1, arc, 0]));
    let text = |arc| at(arc).and_then(Value::text).unwrap_or_default();
    SystemGroup {
        sys_object_id: match at(2) {
            Some(Value::ObjectIdentifier(oid)) => oid.clone(),
            _ => Oid::default(),
        },
        sys_descr: text(1),
        sys_name: text(5),
        sys_uptime_ticks: at(3).and_then(Value::integer).and_then(|it| u32::try_from(it).ok()),
    }
}

/// When polls without a time begin: 2026-01-05T00:00:00Z, a Monday.
const BEGIN: UnixMillis = UnixMillis(1_767_571_200_000);
