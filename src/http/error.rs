//! What goes wrong with a request, and the answer to it: `{"error": class, "message": words}`.

use crate::model::Problem;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request is not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    /// A query parameter is unknown or its value is not among those it may have.
    #[error("{}: {}{}", .0.field, .0.message, help_of(.0))]
    BadParameter(Problem),
    /// The path holds something that is no text.
    #[error("the path cannot be read")]
    BadPath,
    /// No device of that name has been polled.
    #[error("no device `{0}` has been polled; /api/v1/devices lists those that have")]
    NoSuchDevice(String),
    /// Nothing is there.
    #[error("nothing is at this path; / links what there is")]
    NoSuchPath,
    /// Everything here is read with GET.
    #[error("this path is read with GET or HEAD")]
    MethodNotAllowed,
    /// Nobody knows who asks.
    #[error("this collector asks for a user and password, or for a bearer token")]
    NotAuthenticated,
    /// It would change something.
    #[error("this changes something, which is for those alone whom the web file names as operators")]
    NotAnOperator,
    /// It cannot be done as asked.
    #[error("{0}")]
    Refused(String),
    /// More than any path takes.
    #[error("the request's body is too large")]
    BodyTooLarge,
    /// Too many others are being served.
    #[error("too many requests of this kind are being served; try again in a moment")]
    Busy,
    /// It took too long.
    #[error("the answer took longer than its limit")]
    Overdue,
    /// A fault of ours: logged and counted where it happened.
    #[error("the answer could not be made; the log says why")]
    Internal,
}

impl ApiError {
    /// A parameter that cannot be used.
    pub(super) fn parameter(name: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::BadParameter(Problem::new(name, message).with_help(help))
    }

    const fn class_and_status(&self) -> (&'static str, StatusCode) {
        match self {
            Self::BadParameter(_) => ("bad_parameter", StatusCode::BAD_REQUEST),
            Self::BadPath => ("bad_path", StatusCode::BAD_REQUEST),
            Self::NoSuchDevice(_) => ("no_such_device", StatusCode::NOT_FOUND),
            Self::NoSuchPath => ("no_such_path", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::NotAuthenticated => ("not_authenticated", StatusCode::UNAUTHORIZED),
            Self::NotAnOperator => ("not_an_operator", StatusCode::FORBIDDEN),
            Self::Refused(_) => ("refused", StatusCode::UNPROCESSABLE_ENTITY),
            Self::BodyTooLarge => ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE),
            Self::Overdue => ("overdue", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

fn help_of(problem: &Problem) -> String {
    problem.help.as_ref().map(|it| format!("; {it}")).unwrap_or_default()
}

/// What an answer says is wrong, for [`page::failure`](super::page::failure).
#[derive(Debug, Clone)]
pub(super) struct Told(pub(super) String);

#[derive(Serialize)]
struct ErrorBody {
    error: &'static str,
    message: String,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (error, status) = self.class_and_status();
        let message = self.to_string();
        let told = Told(message.clone());
        let mut response = (status, Json(ErrorBody { error, message })).into_response();
        response.extensions_mut().insert(told);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = axum::http::HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, soon);
        }
        response
    }
}
