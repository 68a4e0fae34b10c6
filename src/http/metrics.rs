//! /metrics: one snapshot of all devices, written while it is sent.

use super::error::ApiError;
use super::exposition::{AlertCounts, Exposition, Scrape, ScrapeBody};
use super::router::Shared;
use crate::telemetry::http as events;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use std::sync::Arc;

/// The text format's own media type.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A scrape.
pub(super) async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, ApiError> {
    let turn = shared.scrape_turn().await?;
    let gzip = accepts_gzip(&headers);
    let app = shared.app.clone();
    let begun = tokio::task::spawn_blocking(move || {
        let exposition = Exposition::new(app.store.snapshot(), app.now());
        let alerts = AlertCounts::of(&app.alerts.active());
        Scrape::new(exposition, alerts, Arc::clone(&app.clock), gzip, turn)
    });
    let scrape = begun.await.map_err(|failure| {
        events::answer_failed(&failure);
        ApiError::Internal
    })?;
    let mut response = Response::new(Body::new(ScrapeBody::new(scrape)));
    let to = response.headers_mut();
    to.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    to.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        to.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Whether `Accept-Encoding` names gzip without a weight of zero (RFC 9110 section 12.5.3). A bare `*`
/// is answered plain, which it allows too.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|it| it.to_str().ok());
    values.flat_map(|it| it.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|it| it.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|it| it.strip_prefix("q=").or_else(|| it.strip_prefix("Q=")));
        gzip && weight.is_none_or(|it| it.parse::<f32>().is_ok_and(|it| 0.0 < it))
    })
}

#[cfg(test)]
mod tests {
    use super::accepts_gzip;
    use axum::http::{HeaderMap, header};

    #[test]
    fn gzip_is_used_where_it_is_accepted() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("identity", false),
            ("x-gzip-not", false),
            ("*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
            assert_eq!(accepts_gzip(&headers), expected, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
