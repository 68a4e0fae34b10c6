//! The status page for people: `/`, `/devices`, `/devices/{name}`. Rendered here, works without a script, updates
//! live with one; nothing from elsewhere.
//!
//! Readable on a phone at night, by keyboard and aloud: landmarks, headings and tables as such, words beside
//! colours, and one sentence on top that says how things are.

mod alerts;
mod assets;
mod collector;
mod device;
mod devices;
mod html;
mod overview;
mod shell;
mod sources;
mod sparkline;
mod value;

pub(super) use assets::asset;

use super::error::ApiError;
use super::router::Shared;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use devices::Search;
use std::sync::Arc;

/// GET /
pub(super) async fn page(State(shared): State<Shared>) -> Result<Response, ApiError> {
    let history = Arc::clone(&shared.history);
    answer(shared.query(move |app| Ok(overview::page(app, &history))).await?)
}

/// GET /devices
pub(super) async fn device_list(
    State(shared): State<Shared>,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Ok(Query(search)) = search else {
        return Err(ApiError::parameter("query", "cannot be read", "write q=TEXT"));
    };
    answer(shared.query(move |app| Ok(devices::page(app, &search))).await?)
}

/// GET /devices/{name}
pub(super) async fn device(
    State(shared): State<Shared>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(name) = name.map_err(|_| ApiError::BadPath)?;
    let history = Arc::clone(&shared.history);
    let made = shared.query(move |app| {
        device::page(app, &history, &name).ok_or_else(|| ApiError::NoSuchDevice(name.clone()))
    });
    answer(made.await?)
}

#[expect(clippy::unnecessary_wraps, reason = "the three pages end in it")]
fn answer(html: String) -> Result<Response, ApiError> {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, shell::POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, html).into_response())
}
