//! /healthz: the process answers. /readyz: it does its work, or says why not.

use super::AppState;
use super::router::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
}

/// Answers as long as the runtime turns.
pub(super) async fn healthz() -> Json<Health> {
    std::future::ready(Json(Health { status: "ok" })).await
}

/// Whether the collector does its work, and what is in its way.
#[derive(Serialize)]
pub(super) struct Ready {
    pub(super) ready: bool,
    pub(super) reasons: Vec<Reason>,
}

#[derive(Serialize)]
pub(super) struct Reason {
    pub(super) check: &'static str,
    pub(super) message: String,
}

/// 200 when ready, else 503; the same JSON with both.
pub(super) async fn readyz(State(shared): State<Shared>) -> (StatusCode, Json<Ready>) {
    let ready = std::future::ready(readiness(&shared.app)).await;
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready))
}

/// The checks, in the order of the start.
pub(super) fn readiness(app: &AppState) -> Ready {
    let steps = *app.ready.borrow();
    let mut reasons = Vec::new();
    for (done, check, message) in [
        (steps.config_loaded, "config", "the configuration has not been loaded yet"),
        (steps.listening, "listeners", "not all listeners are up yet"),
        (steps.polling, "polls", "the first polls have not started yet"),
    ] {
        if !done {
            reasons.push(Reason { check, message: message.to_owned() });
        }
    }
    for it in app.outbox.integrations().into_iter().filter(|it| !it.healthy) {
        let why = it.last_error.unwrap_or_else(|| "unhealthy".to_owned());
        reasons.push(Reason { check: "outbox", message: format!("{}: {why}", it.name) });
    }
    Ready { ready: reasons.is_empty(), reasons }
}
