//! What a poll asks: as few requests as the service bears, each proved before it is used. Pure.
//!
//! Candidates are collections whose members came whole with $expand while the service was learnt, deeper
//! expansions and telemetry reports, which are tried once ([`Planner::trials`]) and count for those resources
//! alone whose every reading was there. What nobody else brings is asked by itself. A request that no longer brings
//! a resource leaves it to be asked by itself, in the same poll.

use super::document::{items, number_at, text_at};
use super::draft::{Cell, Decode, DeviceThreshold, Draft};
use super::limits::{EXPANDED_DEPTH_MAX, IN_FLIGHT};
use super::states::StateKind;
use super::tree::{Part, Role, Tree, inline, is_whole};
use super::uri::{Origin, ResourceUri};
use crate::model::{Locator, Missing, Sample, Shape};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Deeper than units, outlets and their metrics nothing is read.
const LEVELS: &str = "$expand=.($levels=2)";
/// A unit with its metrics, where one level is all that is known.
const ONE_LEVEL: &str = "$expand=.($levels=1)";

/// What one request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Resources.
    Documents,
    /// A telemetry report: properties of resources.
    Report,
}

/// One request of a poll.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Which resource.
    pub uri: ResourceUri,
    /// With this query; often empty.
    pub query: &'static str,
    /// What it brings.
    pub form: Form,
    /// Places in [`Wiring::documents`].
    pub covers: Box<[u32]>,
}

/// How the readings of a service are had. Services of a kind share it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wiring {
    /// The resources that are read.
    pub documents: Box<[ResourceUri]>,
    /// One a reading.
    pub cells: Box<[Cell]>,
    /// Where else the same stands: (a place in `cells`, source).
    pub also: Box<[(u32, Box<str>)]>,
    /// By document: places in `cells`.
    by_document: Box<[Box<[u32]>]>,
    /// What a poll asks.
    pub requests: Box<[Request]>,
}

/// What is asked and what it means.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The readings.
    pub shape: Arc<Shape>,
    /// How they are had.
    pub wiring: Arc<Wiring>,
    /// What the device itself takes for too much.
    pub thresholds: Arc<[DeviceThreshold]>,
}

/// A plan that is being made.
#[derive(Debug)]
pub struct Planner<'t> {
    origin: &'t Origin,
    tree: &'t Tree,
    draft: Draft,
    by_document: Vec<Vec<u32>>,
    candidates: Vec<Request>,
}

impl<'t> Planner<'t> {
    /// For that draft.
    #[must_use]
    pub fn new(origin: &'t Origin, tree: &'t Tree, draft: Draft) -> Self {
        let mut by_document = vec![Vec::new(); draft.documents.len()];
        for (at, cell) in (0_u32..).zip(&draft.cells) {
            if let Some(cells) = by_document.get_mut(cell.document as usize) {
                cells.push(at);
            }
        }
        let mut planner = Self { origin, tree, draft, by_document, candidates: Vec::new() };
        planner.propose_collections();
        planner
    }

    /// Collections whose members came whole while the service was learnt.
    fn propose_collections(&mut self) {
        for (uri, (query, members)) in &self.tree.expandable {
            let covers = self.places(|it| members.contains(it));
            self.candidates.push(Request { uri: uri.clone(), query, form: Form::Documents, covers });
        }
    }

    fn places(&self, is_wanted: impl Fn(&ResourceUri) -> bool) -> Box<[u32]> {
        (0_u32..).zip(&self.draft.documents).filter(|(_, it)| is_wanted(it)).map(|(at, _)| at).collect()
    }

    /// Requests that may bring more at once: each is tried, and [`Self::adopt`] told what came.
    #[must_use]
    pub fn trials(&self) -> Vec<Request> {
        let mut trials = Vec::new();
        let expand = "/ProtocolFeaturesSupported/ExpandQuery";
        let root = self.tree.root();
        let knows = |name: &str| root.pointer(expand).and_then(|it| it.get(name)?.as_bool()).unwrap_or(false);
        let levels = number_at(root, &format!("{expand}/MaxLevels")).unwrap_or(1.0);
        let holds = knows("NoLinks") && knows("Levels") && !self.tree.expandable.is_empty();
        if holds && levels < 2.0 {
            let units = self.tree.resources.iter().filter(|(_, it)| it.role == Role::Unit);
            trials.extend(units.filter_map(|(uri, _)| self.below(uri, ONE_LEVEL)));
        } else if holds {
            let roles = [
                Role::Unit,
                Role::Parts(Part::PowerSupply),
                Role::Parts(Part::Battery),
                Role::ThermalSubsystem,
                Role::PowerSubsystem,
            ];
            for role in roles {
                let of_role = self.tree.resources.iter().filter(|(_, it)| it.role == role);
                trials.extend(of_role.filter_map(|(uri, _)| self.below(uri, LEVELS)));
            }
        }
        for report in self.tree.of_role(Role::Report) {
            let properties: BTreeSet<String> = values_of(self.origin, report.document).into_keys().collect();
            let covers = self.reported(&properties);
            if 1 < covers.len() {
                trials.push(Request { uri: report.uri.clone(), query: "", form: Form::Report, covers });
            }
        }
        trials
    }

    /// All that is read from below a resource, if it is worth a try.
    fn below(&self, uri: &ResourceUri, query: &'static str) -> Option<Request> {
        let within = format!("{}/", uri.key());
        let covers = self.places(|it| it == uri || it.key().starts_with(&within));
        let request = Request { uri: uri.clone(), query, form: Form::Documents, covers };
        (1 < request.covers.len()).then_some(request)
    }

    /// The resources of which a report has every reading.
    fn reported(&self, properties: &BTreeSet<String>) -> Box<[u32]> {
        let has = |at: &u32| {
            let cell = self.draft.cells.get(*at as usize);
            let is_plain = cell.is_some_and(|it| is_plain(&it.decode) && it.guard.is_none());
            let source = self.draft.readings.get(*at as usize).map(|it| &it.source);
            is_plain && matches!(source, Some(Locator::Property(text)) if properties.contains(&**text))
        };
        let whole = self.by_document.iter().map(|cells| cells.iter().all(has));
        (0_u32..).zip(whole).filter(|(_, whole)| *whole).map(|(at, _)| at).collect()
    }

    /// What came of a trial: it counts for the resources of which every reading was there.
    pub fn adopt(&mut self, trial: Request, document: &Value) {
        let covers = match trial.form {
            Form::Report => {
                let properties = values_of(self.origin, document).into_keys().collect();
                self.reported(&properties)
            }
            Form::Documents => {
                let found = found_in(self.origin, &trial.uri, document);
                let holds = |at: &u32| {
                    let uri = self.draft.documents.get(*at as usize);
                    let object = uri.and_then(|it| found.get(it));
                    let cells = self.by_document.get(*at as usize);
                    cells.zip(object).is_some_and(|(cells, object)| {
                        cells.iter().all(|it| {
                            let cell = self.draft.cells.get(*it as usize);
                            cell.is_some_and(|it| object.pointer(&it.pointer).is_some())
                        })
                    })
                };
                trial.covers.iter().copied().filter(holds).collect()
            }
        };
        self.candidates.push(Request { covers, ..trial });
    }

    /// The plan: candidates that bring most first, then what is left by itself.
    #[must_use]
    pub fn plan(mut self) -> Plan {
        let mut left: BTreeSet<u32> = (0_u32..).zip(&self.draft.documents).map(|(at, _)| at).collect();
        let mut requests = Vec::new();
        loop {
            let new = |it: &Request| it.covers.iter().filter(|at| left.contains(at)).count();
            let best = self.candidates.iter().enumerate().max_by_key(|(at, it)| (new(it), usize::MAX - at));
            let Some((at, _)) = best.filter(|(_, it)| 1 < new(it)) else { break };
            let mut request = self.candidates.swap_remove(at);
            request.covers = request.covers.iter().copied().filter(|at| left.remove(at)).collect();
            requests.push(request);
        }
        for (at, uri) in (0_u32..).zip(&self.draft.documents) {
            if left.contains(&at) {
                requests.push(alone(uri, at));
            }
        }
        let Self { draft, by_document, .. } = self;
        let shape = Shape { components: draft.components, readings: draft.readings.into() };
        Plan {
            shape: Arc::new(shape),
            wiring: Arc::new(Wiring {
                documents: draft.documents.into(),
                cells: draft.cells.into(),
                also: draft.also.into(),
                by_document: by_document.into_iter().map(Into::into).collect(),
                requests: requests.into(),
            }),
            thresholds: draft.thresholds.into(),
        }
    }
}

/// A request for one resource by itself.
fn alone(uri: &ResourceUri, at: u32) -> Request {
    Request { uri: uri.clone(), query: "", form: Form::Documents, covers: [at].into() }
}

fn is_plain(decode: &Decode) -> bool {
    match decode {
        Decode::Number(_) | Decode::Linear(..) => true,
        Decode::State(kind) => *kind != StateKind::Status,
        Decode::Sum(_) | Decode::Transfer => false,
    }
}

/// The resources within an answer; the outermost is what was asked, whatever it says that it is.
fn found_in<'v>(
    origin: &Origin,
    asked: &ResourceUri,
    document: &'v Value,
) -> BTreeMap<ResourceUri, &'v Value> {
    let mut found = BTreeMap::new();
    inline(origin, document, EXPANDED_DEPTH_MAX, &mut found);
    found.insert(asked.clone(), document);
    found
}

/// The values of a report by their properties, as `URI#/pointer`.
fn values_of<'v>(origin: &Origin, report: &'v Value) -> HashMap<String, &'v Value> {
    let values = items(report, "/MetricValues").iter().filter_map(|it| {
        let (uri, pointer) = origin.property(it.get("MetricProperty")?.as_str()?).ok()?;
        Some((format!("{}#{pointer}", uri.key()), it.get("MetricValue")?))
    });
    values.collect()
}

/// When a report's newest value was taken; its text is compared, not read.
#[must_use]
pub fn newest(report: &Value) -> String {
    let times = items(report, "/MetricValues").iter().map(|it| text_at(it, "/Timestamp"));
    times.max().unwrap_or_default().max(text_at(report, "/Timestamp"))
}

impl Plan {
    /// Samples of which none was asked yet.
    #[must_use]
    pub fn unasked(&self, why: Missing) -> Vec<Sample> {
        vec![Sample::Missing(why); self.shape.readings.len()]
    }

    /// Takes the answer to a request into `samples`, and hands on what else must be asked: resources that it did not
    /// bring.
    pub fn read(
        &self,
        origin: &Origin,
        request: &Request,
        document: &Value,
        samples: &mut [Sample],
        raw: Option<&mut [Option<Value>]>,
    ) -> Vec<Request> {
        match request.form {
            Form::Documents => self.read_documents(origin, request, document, samples, raw),
            Form::Report => self.read_report(origin, request, document, samples, raw),
        }
    }

    fn read_documents(
        &self,
        origin: &Origin,
        request: &Request,
        document: &Value,
        samples: &mut [Sample],
        mut raw: Option<&mut [Option<Value>]>,
    ) -> Vec<Request> {
        let is_single = request.covers.len() == 1 && request.query.is_empty();
        let found = if is_single { BTreeMap::new() } else { found_in(origin, &request.uri, document) };
        let mut again = Vec::new();
        for &at in &request.covers {
            let Some(uri) = self.wiring.documents.get(at as usize) else { continue };
            let object =
                if is_single { Some(document) } else { found.get(uri).copied().filter(|it| is_whole(it)) };
            match object {
                Some(object) => self.read_document(at, object, samples, raw.as_deref_mut()),
                None => again.push(alone(uri, at)),
            }
        }
        again
    }

    /// One resource's readings.
    pub fn read_document(
        &self,
        at: u32,
        object: &Value,
        samples: &mut [Sample],
        mut raw: Option<&mut [Option<Value>]>,
    ) {
        for &number in self.wiring.by_document.get(at as usize).into_iter().flatten() {
            let number = number as usize;
            let (Some(cell), Some(place)) = (self.wiring.cells.get(number), samples.get_mut(number)) else {
                continue;
            };
            *place = cell.read(object);
            if let Some(raw) = raw.as_deref_mut().and_then(|it| it.get_mut(number)) {
                *raw = cell.raw(object);
            }
        }
    }

    fn read_report(
        &self,
        origin: &Origin,
        request: &Request,
        report: &Value,
        samples: &mut [Sample],
        mut raw: Option<&mut [Option<Value>]>,
    ) -> Vec<Request> {
        let values = values_of(origin, report);
        let mut again = Vec::new();
        for &at in &request.covers {
            for &number in self.wiring.by_document.get(at as usize).into_iter().flatten() {
                let number = number as usize;
                let source = self.shape.readings.get(number).map(|it| it.source.to_string());
                let value = source.and_then(|it| values.get(&it).copied());
                let cell = self.wiring.cells.get(number);
                if let (Some(cell), Some(value), Some(place)) = (cell, value, samples.get_mut(number)) {
                    *place = cell.read_alone(value);
                    if let Some(raw) = raw.as_deref_mut().and_then(|it| it.get_mut(number)) {
                        *raw = Some(value.clone());
                    }
                } else if let Some(uri) = self.wiring.documents.get(at as usize) {
                    again.push(alone(uri, at));
                    break;
                }
            }
        }
        again
    }

    /// All that a request was to bring is missing.
    pub fn lose(&self, request: &Request, why: Missing, samples: &mut [Sample]) {
        for at in &request.covers {
            for number in self.wiring.by_document.get(*at as usize).into_iter().flatten() {
                if let Some(place) = samples.get_mut(*number as usize) {
                    *place = Sample::Missing(why);
                }
            }
        }
    }

    /// Where else a reading stands, as `URI#/pointer`.
    pub fn also(&self, reading: usize) -> impl Iterator<Item = &str> {
        let is_of = move |it: &&(u32, Box<str>)| usize::try_from(it.0) == Ok(reading);
        self.wiring.also.iter().filter(is_of).map(|(_, source)| &**source)
    }

    /// The same resources, each by itself.
    #[must_use]
    pub fn apart(&self, request: &Request) -> Vec<Request> {
        let uri = |at: &u32| self.wiring.documents.get(*at as usize).map(|uri| alone(uri, *at));
        request.covers.iter().filter_map(uri).collect()
    }

    /// Without a request that has failed: what it brought is asked by itself from now on.
    pub fn demote(&mut self, request: &Request) {
        let mut requests: Vec<Request> = self.wiring.requests.to_vec();
        requests.retain(|it| it != request);
        requests.extend(self.apart(request));
        let wiring = Wiring { requests: requests.into(), ..(*self.wiring).clone() };
        self.wiring = Arc::new(wiring);
    }

    /// The same with what is equal taken from another, so that services of a kind hold it once.
    pub fn share_with(&mut self, other: &Self) {
        if self.wiring == other.wiring {
            self.wiring = Arc::clone(&other.wiring);
        }
        if self.thresholds == other.thresholds {
            self.thresholds = Arc::clone(&other.thresholds);
        }
        if self.shape == other.shape {
            self.shape = Arc::clone(&other.shape);
        } else {
            Arc::make_mut(&mut self.shape).share_with(&other.shape);
        }
    }

    /// How long a poll takes at most, if each request may take that long.
    #[must_use]
    pub fn time_limit(
        &self,
        timeout: std::time::Duration,
        interval: std::time::Duration,
    ) -> std::time::Duration {
        let rounds = u32::try_from(self.wiring.requests.len().div_ceil(IN_FLIGHT)).unwrap_or(u32::MAX);
        timeout.saturating_mul(rounds.max(2)).min(interval.max(timeout.saturating_mul(2)))
    }
}
