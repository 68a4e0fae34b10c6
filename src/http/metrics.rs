//! /metrics: one snapshot of all devices or of some, written while it is sent; /metrics/collector: our own alone.

use super::api::{Filter, Pairs};
use super::connection::Lease;
use super::error::ApiError;
use super::exposition::{AlertCounts, Exposition, Format, Scrape, ScrapeBody, Wanted};
use super::router::Shared;
use crate::telemetry::http as events;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use std::sync::Arc;

/// A scrape: of all, with our own metrics; or of the devices that `device` and `match` name, without.
pub(super) async fn metrics(
    State(shared): State<Shared>,
    Extension(lease): Extension<Lease>,
    pairs: Pairs,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let filter = Filter::read(pairs, &["device", "match"])?;
    let of = if filter == Filter::EVERYTHING { Of::All } else { Of::Some(filter) };
    scrape(shared, lease, of, &headers).await
}

/// A scrape of the collector itself, for where each device is a target of its own.
pub(super) async fn collector(
    State(shared): State<Shared>,
    Extension(lease): Extension<Lease>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    scrape(shared, lease, Of::Collector, &headers).await
}

/// What a scrape is of.
enum Of {
    All,
    Some(Filter),
    Collector,
}

async fn scrape(shared: Shared, lease: Lease, of: Of, headers: &HeaderMap) -> Result<Response, ApiError> {
    let turn = shared.scrape_turn(lease).await?;
    let (gzip, format) = (accepts_gzip(headers), Format::accepted(headers));
    let app = shared.app.clone();
    let begun = tokio::task::spawn_blocking(move || {
        let (mut snapshot, is_whole) = match &of {
            Of::Collector => (Vec::new(), false),
            Of::All => (app.store.snapshot(), true),
            Of::Some(_) => (app.store.snapshot(), false),
        };
        if let Of::Some(filter) = &of {
            snapshot.retain(|it| filter.wants_device(it.device(), &it.batch().source.labels));
            // A target that is gone must not look like one that has nothing to say.
            if let (true, Some(name)) = (snapshot.is_empty(), filter.first_device()) {
                return Err(ApiError::NoSuchDevice(name.to_owned()));
            }
        }
        let own = match of {
            Of::Some(_) => None,
            Of::All | Of::Collector => Some(AlertCounts::of(&app.alerts.active())),
        };
        let devices = Exposition::new(snapshot, app.now()).in_format(format);
        let wanted = Wanted { devices, own, format, gzip, is_whole };
        Ok(Scrape::new(wanted, Arc::clone(&app.clock), turn))
    });
    let scrape = begun.await.map_err(|failure| {
        events::answer_failed(&failure);
        ApiError::Internal
    })??;
    let mut response = Response::new(Body::new(ScrapeBody::new(scrape)));
    let to = response.headers_mut();
    to.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    to.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
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
