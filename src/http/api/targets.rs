//! Prometheus' HTTP service discovery: each device a target of its own, scraped here by `/metrics?device=`.
//!
//! The address is the one by which the asker came to us, so that it holds for the scrapes too. Names and
//! labels of targets are a contract: relabelling rules of users are written against them.

use super::super::Limits;
use super::super::error::ApiError;
use super::filter::Filter;
use crate::model::Source;
use crate::store::Published;
use axum::http::{HeaderMap, header};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One of the answer's list.
#[derive(Serialize)]
pub(super) struct Target<'a> {
    targets: [&'a str; 1],
    labels: BTreeMap<String, &'a str>,
}

/// How the asker calls us: host and port.
pub(super) fn host(headers: &HeaderMap) -> Result<String, ApiError> {
    let given = headers.get(header::HOST).and_then(|it| it.to_str().ok()).filter(|it| !it.is_empty());
    given.map(str::to_owned).ok_or_else(|| {
        ApiError::parameter("Host", "is not given", "ask with the host and port that scrapes will use")
    })
}

/// The devices as targets.
pub(super) fn list<'a>(
    devices: &'a [Arc<Published>],
    filter: &Filter,
    (host, scheme): (&'a str, &'a str),
) -> Result<Vec<Target<'a>>, ApiError> {
    let of = |it: &&'a Arc<Published>| filter.wants_device(it.device(), &it.batch().source.labels);
    let wanted: Vec<&Source> = devices.iter().filter(of).map(|it| &*it.batch().source).collect();
    if Limits::TARGETS_MAX < wanted.len() {
        let message = format!("there are {} targets, more than {}", wanted.len(), Limits::TARGETS_MAX);
        return Err(ApiError::parameter("match", message, "name fewer, or scrape /metrics as a whole"));
    }
    Ok(wanted.into_iter().map(|it| target(it, host, scheme)).collect())
}

fn target<'a>(source: &'a Source, host: &'a str, scheme: &'a str) -> Target<'a> {
    let identity = &source.identity;
    let mut labels: BTreeMap<String, &str> = [
        ("__scheme__", scheme),
        ("__metrics_path__", "/metrics"),
        ("__param_device", &source.device),
        ("instance", &source.device),
        ("__meta_rackwarden_device", &source.device),
        ("__meta_rackwarden_address", &source.address),
        ("__meta_rackwarden_profile", &source.profile),
        ("__meta_rackwarden_vendor", &identity.vendor),
        ("__meta_rackwarden_model", &identity.model),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (name, value) in source.labels.iter() {
        let name: String = name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' }).collect();
        labels.insert(format!("__meta_rackwarden_label_{name}"), value);
    }
    Target { targets: [host], labels }
}
