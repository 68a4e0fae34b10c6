//! The paths, and what every request passes on its way: a counter, a time limit, a body limit, the
//! question who asks.

use super::connection::Lease;
use super::error::{ApiError, Told};
use super::history::History;
use super::turns::{Turn, Turns};
use super::{AppState, Limits, access, api, health, metrics, page};
use crate::telemetry::http as events;
use axum::Router;
use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What handlers share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) app: AppState,
    pub(super) limits: Limits,
    pub(super) history: Arc<History>,
    scrapes: Arc<Turns>,
    queries: Arc<Semaphore>,
}

impl Shared {
    pub(super) fn new(app: AppState, limits: Limits) -> Self {
        Self {
            app,
            limits,
            history: Arc::default(),
            scrapes: Turns::new(limits.scrapes_max),
            queries: Arc::new(Semaphore::new(limits.queries_max)),
        }
    }

    /// Waits for a scrape's turn.
    pub(super) async fn scrape_turn(&self, of: Lease) -> Result<Turn, ApiError> {
        self.scrapes.take(of, self.limits.turn_time_max).await
    }

    async fn query_turn(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let free = Arc::clone(&self.queries).acquire_owned();
        match tokio::time::timeout(self.limits.turn_time_max, free).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(ApiError::Busy),
        }
    }

    /// Makes an answer off the runtime's threads, when its turn comes.
    pub(super) async fn query<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AppState) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = self.query_turn().await?;
        let app = self.app.clone();
        let made = tokio::task::spawn_blocking(move || {
            let answer = work(&app);
            drop(permit);
            answer
        });
        made.await.unwrap_or_else(|failure| {
            events::answer_failed(&failure);
            Err(ApiError::Internal)
        })
    }
}

/// All paths.
pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/devices", get(page::device_list))
        .route("/devices/{name}", get(page::device))
        .route("/assets/{name}", get(page::asset))
        .route("/metrics", get(metrics::metrics))
        .route("/metrics/collector", get(metrics::collector))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/api/v1/devices", get(api::devices))
        .route("/api/v1/devices/{name}", get(api::device))
        .route("/api/v1/readings", get(api::readings))
        .route("/api/v1/alerts", get(api::alerts))
        .route("/api/v1/sources", get(api::sources))
        .route("/api/v1/objects", get(api::objects))
        .route("/api/v1/rules", get(api::rules))
        .route("/api/v1/targets/http_sd", get(api::http_sd))
        .route("/api/v1/recording", get(api::recording))
        .route("/api/v1/status", get(api::status))
        .route("/api/v1/outbox", get(api::outbox))
        .route("/api/v1/wishes", post(api::wish))
        .route("/api/v1/silences", get(api::silences))
        .fallback(|| std::future::ready(ApiError::NoSuchPath))
        .method_not_allowed_fallback(|| std::future::ready(ApiError::MethodNotAllowed))
        .layer(from_fn_with_state(shared.clone(), access::guard))
        .layer(from_fn_with_state(shared.clone(), pass))
        .with_state(shared)
}

async fn pass(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let is_browser = page::is_for_a_browser(&request);
    let mut response = if shared.limits.body_bytes_max < request.body().size_hint().lower() {
        ApiError::BodyTooLarge.into_response()
    } else {
        let answer = tokio::time::timeout(shared.limits.request_time_max, next.run(request)).await;
        answer.unwrap_or_else(|_| ApiError::Overdue.into_response())
    };
    // Who is not known is told no version; a browser asks for the password by itself.
    let is_known = response.status() != StatusCode::UNAUTHORIZED;
    if is_browser
        && is_known
        && let Some(Told(message)) = response.extensions_mut().remove::<Told>()
    {
        response = page::failure(response, &message, shared.app.now());
    }
    for (name, value) in EVERY_ANSWER {
        // An answer that never changes may say so.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    events::answered(
        route.as_ref().map_or(events::NO_ROUTE, MatchedPath::as_str),
        response.status().as_u16(),
    );
    response
}

/// Readings change with every poll, and a text is not to be taken for a script.
const EVERY_ANSWER: [(HeaderName, &str); 2] =
    [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
