//! What operators ask of paging: over the control socket, a Unix socket in the state folder that only
//! the collector's own user and root can open. Over TCP the same can be looked at, and not changed.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::UnixListener;

/// A wish of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "wish", rename_all = "snake_case", deny_unknown_fields)]
pub enum Wish {
    /// Somebody looks after an alert.
    Acknowledge {
        /// Its key.
        alert: String,
        /// Who.
        by: String,
    },
    /// Alerts that fit are held back.
    Silence {
        /// `name=pattern` or `name!=pattern`: all must fit.
        matchers: Vec<String>,
        /// From when on, RFC 3339; from now on if it is absent.
        starts: Option<String>,
        /// Until when, RFC 3339.
        ends: String,
        /// Who.
        by: String,
        /// Why.
        comment: String,
    },
    /// A silence is over.
    EndSilence {
        /// Its id.
        id: u64,
        /// Who.
        by: String,
    },
    /// What an integration refused is tried again, and it is no longer spared.
    Retry {
        /// The integration.
        integration: String,
        /// Who.
        by: String,
    },
    /// An event is given up, or forgotten if it was.
    Drop {
        /// The integration.
        integration: String,
        /// The event's number.
        number: u64,
        /// Who.
        by: String,
    },
}

/// An answer that takes its time, or why there is none.
pub type Answer = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;

/// Paging, as operators see it. Answers are JSON.
pub trait Operations: Send + Sync {
    /// Alerts that go on, with what paging makes of them.
    fn alerts(&self) -> Value;
    /// Events that wait or were given up.
    fn outbox(&self) -> Value;
    /// One event; `None` if there is none.
    fn event(&self, integration: &str, number: u64) -> Option<Value>;
    /// Silences.
    fn silences(&self) -> Value;
    /// Sends a test page to an integration and resolves it.
    fn test_page(&self, integration: String) -> Answer;
    /// Does what is wished.
    ///
    /// # Errors
    /// Why not, in words.
    fn perform(&self, wish: Wish) -> Result<Value, String>;
}

/// Serves the control socket until `shutdown` is done.
pub async fn serve_control(
    listener: UnixListener,
    operations: Arc<dyn Operations>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let router = Router::new()
        .route("/alerts", get(|State(it): State<Arc<dyn Operations>>| async move { axum::Json(it.alerts()) }))
        .route("/outbox", get(|State(it): State<Arc<dyn Operations>>| async move { axum::Json(it.outbox()) }))
        .route("/outbox/{integration}/{number}", get(event))
        .route(
            "/silences",
            get(|State(it): State<Arc<dyn Operations>>| async move { axum::Json(it.silences()) }),
        )
        .route("/wish", post(wish))
        .route("/test/{integration}", post(test_page))
        .with_state(operations);
    // It ends with the shutdown; accept errors are retried within.
    drop(axum::serve(listener, router).with_graceful_shutdown(shutdown).await);
}

async fn event(
    State(operations): State<Arc<dyn Operations>>,
    Path((integration, number)): Path<(String, u64)>,
) -> Response {
    match operations.event(&integration, number) {
        Some(event) => axum::Json(event).into_response(),
        None => refused(format!(
            "there is no event {number} for {integration}: `rackwarden outbox list` shows what there is"
        )),
    }
}

async fn wish(State(operations): State<Arc<dyn Operations>>, axum::Json(wish): axum::Json<Wish>) -> Response {
    match operations.perform(wish) {
        Ok(answer) => axum::Json(answer).into_response(),
        Err(message) => refused(message),
    }
}

async fn test_page(
    State(operations): State<Arc<dyn Operations>>,
    Path(integration): Path<String>,
) -> Response {
    match operations.test_page(integration).await {
        Ok(answer) => axum::Json(answer).into_response(),
        Err(message) => refused(message),
    }
}

fn refused(message: String) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({"error": "refused", "message": message})))
        .into_response()
}
