//! What an answer means. Pure.

use crate::inventory::failure::Failure;
use crate::model::{SnapshotError, clean_text};
use crate::web_client::{Answer, clip};
use serde_json::Value;
use std::time::Duration;

/// What is to be done about it.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// There is JSON in it.
    Good,
    /// 404.
    Nothing,
    /// Wait so long, or as long as we like, and ask again.
    Wait(Option<Duration>),
    /// It ends the snapshot.
    Bad(Failure),
}

impl Answer {
    /// By status.
    pub(super) fn verdict(&self, shown: &str) -> Verdict {
        let status = self.status;
        let bad = |class, what: &str| Verdict::Bad(Failure::new(class, format!("{shown} {what}")));
        match status {
            200..=299 => Verdict::Good,
            300..=399 => {
                let to =
                    self.location.as_deref().map(|it| format!(" to {}", host_of(it))).unwrap_or_default();
                bad(
                    SnapshotError::Redirected,
                    &format!(
                        "redirects{to} (status {status}), which is not followed: set url to where it leads"
                    ),
                )
            }
            401 => bad(SnapshotError::Access, "does not accept our credentials (status 401)"),
            403 => {
                bad(SnapshotError::Access, &format!("does not allow this to us (status 403){}", self.said()))
            }
            404 => Verdict::Nothing,
            429 => Verdict::Wait(self.asked()),
            503 if self.retry_after.is_some() => Verdict::Wait(self.asked()),
            _ => bad(SnapshotError::ServerError, &format!("answers with status {status}{}", self.said())),
        }
    }

    /// The JSON in it.
    pub(super) fn json(&self, shown: &str) -> Result<Value, Failure> {
        let start = self.body.iter().position(|it| !it.is_ascii_whitespace());
        let first = start.and_then(|it| self.body.get(it)).copied();
        if first == Some(b'<') || self.content_type.starts_with("text/html") {
            return Err(Failure::malformed(format!(
                "{shown} sends a page for people where JSON is expected: is the url right?"
            )));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::malformed(format!("{shown} sends JSON that cannot be read: {error}")))
    }

    /// How long it wants us to wait, in seconds. A date (RFC 9110 section 10.2.3) is by a clock that may be
    /// another than ours: it counts as unsaid.
    fn asked(&self) -> Option<Duration> {
        let text = self.retry_after.as_deref()?.trim();
        text.parse().ok().map(Duration::from_secs)
    }

    /// What a failed answer says, if that is short and readable.
    fn said(&self) -> String {
        let text = std::str::from_utf8(&self.body).unwrap_or_default().trim();
        let said = match serde_json::from_str::<Value>(text) {
            Ok(value) => {
                MESSAGES.iter().find_map(|key| value.get(key)?.as_str()).unwrap_or_default().to_owned()
            }
            Err(_) if text.starts_with('<') => String::new(),
            Err(_) => text.lines().next().unwrap_or_default().to_owned(),
        };
        if said.is_empty() { said } else { format!(": {}", clip(&said)) }
    }
}

/// Where products put their words: DRF, Device42, phpIPAM and Snipe-IT.
const MESSAGES: [&str; 5] = ["detail", "msg", "message", "messages", "error"];

/// Scheme and host of a URL; a path as it is.
fn host_of(location: &str) -> String {
    let without_query = location.split(['?', '#']).next().unwrap_or_default();
    let shown = match without_query.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.split('/').next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}")
        }
        None => without_query.to_owned(),
    };
    clip(&clean_text(&shown))
}

#[cfg(test)]
mod tests {
    use super::Verdict;
    use crate::model::SnapshotError;
    use crate::web_client::Answer;
    use std::time::Duration;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            content_encoding: String::new(),
            status,
            content_type: "application/json".to_owned(),
            retry_after: None,
            location: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn failure(answer: &Answer) -> (SnapshotError, String) {
        match answer.verdict("https://nb.example") {
            Verdict::Bad(failure) => (failure.class, failure.reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn statuses() {
        assert_eq!(answer(200, "{}").verdict("x"), Verdict::Good);
        assert_eq!(answer(404, "").verdict("x"), Verdict::Nothing);
        for (status, body, class, words) in [
            (
                401,
                "",
                SnapshotError::Access,
                "https://nb.example does not accept our credentials (status 401)",
            ),
            (
                403,
                r#"{"detail": "No permission."}"#,
                SnapshotError::Access,
                "https://nb.example does not allow this to us (status 403): No permission.",
            ),
            (500, "<html>oops", SnapshotError::ServerError, "https://nb.example answers with status 500"),
            (
                500,
                "relation \"view_x\" does not exist\nLINE 1",
                SnapshotError::ServerError,
                "https://nb.example answers with status 500: relation \"view_x\" does not exist",
            ),
            (
                400,
                r#"{"msg": "bad \u001b[31m query", "code": 2}"#,
                SnapshotError::ServerError,
                "https://nb.example answers with status 400: bad  [31m query",
            ),
        ] {
            assert_eq!(failure(&answer(status, body)), (class, words.to_owned()));
        }
        let redirect = Answer {
            location: Some("https://user:pw@login.example/sso?token=x".to_owned()),
            ..answer(302, "")
        };
        assert_eq!(
            failure(&redirect).1,
            "https://nb.example redirects to https://login.example (status 302), which is not followed: set url to where it leads"
        );
    }

    #[test]
    fn waits() {
        let limited = |status, retry_after: Option<&str>| {
            Answer { retry_after: retry_after.map(str::to_owned), ..answer(status, "") }.verdict("x")
        };
        assert_eq!(limited(429, Some("7")), Verdict::Wait(Some(Duration::from_secs(7))));
        assert_eq!(limited(429, Some("Wed, 21 Oct 2026 07:28:00 GMT")), Verdict::Wait(None));
        assert_eq!(limited(429, None), Verdict::Wait(None));
        assert_eq!(limited(503, Some("1")), Verdict::Wait(Some(Duration::from_secs(1))));
        assert!(matches!(limited(503, None), Verdict::Bad(_)));
    }

    #[test]
    fn what_is_no_json() {
        let words = |answer: &Answer| answer.json("nb").unwrap_err().reason;
        assert!(words(&answer(200, "  <!doctype html>")).contains("a page for people"));
        assert!(words(&answer(200, "{\"a\": [1, 2")).contains("cannot be read: EOF"));
        assert!(words(&answer(200, "")).contains("cannot be read: EOF"));
        assert!(answer(200, " [] ").json("nb").is_ok());
    }
}
