//! POST /api/v1/wishes: what operators ask of paging, as over the control socket, for those whom the web file
//! names as operators. Who asked is who was let in, whatever the wish says of itself.

use super::super::access::{Caller, Role};
use super::super::error::ApiError;
use super::super::operate::Wish;
use super::super::router::Shared;
use super::Json;
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};

/// Performs a wish.
pub(in crate::http) async fn wish(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json, ApiError> {
    if caller.role < Role::Operator {
        return Err(ApiError::NotAnOperator);
    }
    // A page of somebody else's can have a browser send a form with its user's password, but no JSON.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(ApiError::Refused("send the wish with content-type: application/json".to_owned()));
    }
    let most = usize::try_from(shared.limits.body_bytes_max).unwrap_or(usize::MAX);
    let body = to_bytes(body, most).await.map_err(|_| ApiError::BodyTooLarge)?;
    let unreadable =
        |error: serde_json::Error| ApiError::Refused(format!("the wish cannot be read: {error}"));
    let mut wish: serde_json::Value = serde_json::from_slice(&body).map_err(unreadable)?;
    if let Some(wish) = wish.as_object_mut() {
        wish.insert("by".to_owned(), caller.name.into());
    }
    let wish: Wish = serde_json::from_value(wish).map_err(unreadable)?;
    shared
        .query(move |app| {
            let operations = app.operations.as_ref().ok_or(ApiError::NoSuchPath)?;
            Json::of(&operations.perform(wish).map_err(ApiError::Refused)?)
        })
        .await
}
