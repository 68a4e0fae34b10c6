//! Style and script: two small files with an address that changes with them, so that they may be kept for good.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A file that pages refer to.
pub(super) struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

pub(super) const STYLE: Asset =
    Asset { name: "style.css", kind: "text/css; charset=utf-8", text: include_str!("style.css") };
pub(super) const LIVE: Asset =
    Asset { name: "live.js", kind: "text/javascript; charset=utf-8", text: include_str!("live.js") };

impl Asset {
    /// Where it is.
    pub(super) fn address(&self) -> String {
        format!("/assets/{}?{:08x}", self.name, crc32fast::hash(self.text.as_bytes()))
    }
}

/// GET /assets/{name}
pub(in crate::http) async fn asset(Path(name): Path<String>) -> Response {
    let found = [STYLE, LIVE].into_iter().find(|it| it.name == name);
    std::future::ready(match found {
        Some(it) => {
            let headers = [
                (header::CONTENT_TYPE, it.kind),
                (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
            ];
            (headers, it.text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    })
    .await
}
