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
use crate::model::Now;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
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

/// Whether a person asks, by a browser: scripts do not say that they take HTML, and what is made for them stays
/// JSON.
pub(super) fn is_for_a_browser(request: &Request) -> bool {
    let path = request.uri().path();
    let is_data = ["/api/", "/metrics", "/assets/"].iter().any(|it| path.starts_with(it));
    let mut accepted = request.headers().get_all(header::ACCEPT).iter().filter_map(|it| it.to_str().ok());
    !is_data && accepted.any(|it| it.contains("text/html"))
}

/// The same answer as a page, where something went wrong: with its status, and with what else it asks for.
pub(super) fn failure(answer: Response, message: &str, now: Now) -> Response {
    let (mut parts, _) = answer.into_parts();
    let title = parts.status.canonical_reason().unwrap_or("It went wrong");
    let html = shell::page(&format!("{title} · Rackwarden"), "", now, |html| {
        html.raw("<h2>");
        html.text(title);
        html.raw("</h2>\n<p>");
        html.text(message);
        html.raw(
            "</p>\n<p><a href=\"/\">How everything stands</a>, <a href=\"/devices\">all devices</a></p>\n",
        );
    });
    parts.headers.remove(header::CONTENT_LENGTH);
    for (name, value) in HEADERS {
        parts.headers.insert(name, HeaderValue::from_static(value));
    }
    Response::from_parts(parts, Body::from(html))
}

const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CONTENT_SECURITY_POLICY, shell::POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
];

#[expect(clippy::unnecessary_wraps, reason = "the three pages end in it")]
fn answer(html: String) -> Result<Response, ApiError> {
    Ok((HEADERS, html).into_response())
}
