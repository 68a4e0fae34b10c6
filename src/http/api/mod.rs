//! The JSON API, version 1. docs/api.md describes it; tests/it/exposition holds its shape.
//!
//! Invariants: names in snake_case; times are RFC 3339 in UTC; a reading has the same names as in
//! `rackwarden poll --json`; a list is an object whose one list bears its name, and has a bound.

mod alerts;
mod devices;
mod filter;
mod objects;
mod readings;
mod recording;
mod rules;
mod sources;
mod status;
mod targets;
mod wishes;

pub(super) use filter::{Filter, phase_name};
pub(super) use wishes::wish;

pub(super) use status::{Alerts, Sources, fleet};

use super::AppState;

use super::error::ApiError;
use super::router::Shared;
use crate::model::{Labels, UnixMillis};
use crate::store::Published;
use crate::telemetry::http as events;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// The parameters of a query.
pub(super) type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// GET /api/v1/devices
pub(super) async fn devices(State(shared): State<Shared>, pairs: Pairs) -> Result<Json, ApiError> {
    let filter = Filter::read(pairs, &["match", "limit", "after"])?;
    shared.query(move |app| Json::of(&devices::list(&polled(app), &filter, app.now()))).await
}

/// GET /api/v1/devices/{name}
pub(super) async fn device(
    State(shared): State<Shared>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json, ApiError> {
    let Path(name) = name.map_err(|_| ApiError::BadPath)?;
    let work = move |app: &AppState| match app.store.find(&name).filter(|it| !it.is_inventory()) {
        Some(published) => Json::of(&devices::one(&published, app.now())),
        None => Err(ApiError::NoSuchDevice(name)),
    };
    shared.query(work).await
}

/// GET /api/v1/readings
pub(super) async fn readings(State(shared): State<Shared>, pairs: Pairs) -> Result<Json, ApiError> {
    let known = ["device", "component", "quantity", "match", "limit", "after"];
    let filter = Filter::read(pairs, &known)?;
    shared.query(move |app| Json::of(&readings::page(&polled(app), &filter, app.now()))).await
}

/// GET /api/v1/sources
pub(super) async fn sources(State(shared): State<Shared>) -> Result<Json, ApiError> {
    shared.query(|app| Json::of(&sources::list(app))).await
}

/// GET /api/v1/objects
pub(super) async fn objects(State(shared): State<Shared>, pairs: Pairs) -> Result<Json, ApiError> {
    let filter = Filter::read(pairs, &["source", "kind", "match", "limit", "after"])?;
    shared.query(move |app| Json::of(&objects::page(&app.store.snapshot(), &filter, app.now())?)).await
}

/// The devices among all that the store has.
fn polled(app: &AppState) -> Vec<Arc<Published>> {
    app.store.snapshot().into_iter().filter(|it| !it.is_inventory()).collect()
}

/// GET /api/v1/alerts
pub(super) async fn alerts(State(shared): State<Shared>, pairs: Pairs) -> Result<Json, ApiError> {
    let filter = Filter::read(pairs, &["device", "phase", "match"])?;
    shared.query(move |app| Json::of(&alerts::list(&super::state::sorted_alerts(app), &filter))).await
}

/// GET /api/v1/rules
pub(super) async fn rules(State(shared): State<Shared>) -> Result<Json, ApiError> {
    shared.query(|app| Json::of(&rules::list(&(app.rules)()))).await
}

/// GET /api/v1/targets/http_sd
pub(super) async fn http_sd(
    State(shared): State<Shared>,
    pairs: Pairs,
    headers: HeaderMap,
) -> Result<Json, ApiError> {
    let filter = Filter::read(pairs, &["device", "match"])?;
    let host = targets::host(&headers)?;
    let work = move |app: &AppState| {
        let scheme = if app.access.tls().is_some() { "https" } else { "http" };
        Json::of(&targets::list(&polled(app), &filter, (&host, scheme))?)
    };
    shared.query(work).await
}

/// GET /api/v1/recording
pub(super) async fn recording(State(shared): State<Shared>, pairs: Pairs) -> Result<Lines, ApiError> {
    let filter = Filter::read(pairs, &["device", "match", "limit", "after"])?;
    shared.query(move |app| Ok(Lines(recording::page(&app.store.snapshot(), &filter)))).await
}

/// GET /api/v1/outbox
pub(super) async fn outbox(State(shared): State<Shared>) -> Result<Json, ApiError> {
    let work = |app: &AppState| {
        let operations = app.operations.as_ref().ok_or(ApiError::NoSuchPath)?;
        Json::of(&operations.outbox())
    };
    shared.query(work).await
}

/// GET /api/v1/silences
pub(super) async fn silences(State(shared): State<Shared>) -> Result<Json, ApiError> {
    let work = |app: &AppState| {
        let operations = app.operations.as_ref().ok_or(ApiError::NoSuchPath)?;
        Json::of(&operations.silences())
    };
    shared.query(work).await
}

/// GET /api/v1/status
pub(super) async fn status(State(shared): State<Shared>) -> Result<Json, ApiError> {
    shared.query(|app| Json::of(&status::status(app))).await
}

/// A JSON text, ready to send.
pub(super) struct Json(Vec<u8>);

impl Json {
    fn of(answer: &impl Serialize) -> Result<Self, ApiError> {
        let text = serde_json::to_vec(answer).map_err(|error| {
            events::answer_failed(&error);
            ApiError::Internal
        })?;
        Ok(Self(text))
    }
}

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

/// JSON objects, one a line.
pub(super) struct Lines(String);

impl IntoResponse for Lines {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/x-ndjson")], self.0).into_response()
    }
}

/// A time as JSON has it.
struct Time(UnixMillis);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// Labels as a JSON object.
struct LabelMap<'a>(&'a Labels);

impl Serialize for LabelMap<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter())
    }
}
