//! What goes wrong at a simulated service: `NAME[=VALUE][@PART-OF-A-URI]`.

use std::str::FromStr;

/// One thing that goes wrong, at URIs that hold a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFault {
    /// What.
    pub kind: FaultKind,
    /// Where; empty: everywhere but at the root.
    pub at: String,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A login is answered with this status, and no session.
    LoginStatus(u16),
    /// A login is answered so many milliseconds after it has opened a session.
    SlowLogin(u32),
    /// A login has no Location header.
    NoLocation,
    /// A login's Location is on another host, and its body names none.
    LocationAway,
    /// No session can be opened: too many are (503, RAC0218).
    SessionLimit,
    /// A session is good for so many requests.
    SessionUses(u32),
    /// HTTP Basic is refused.
    NoBasic,
    /// This status.
    Status(u16),
    /// Status 500, so many times.
    Stumble(u32),
    /// Status 503 with a Retry-After of so many seconds.
    RetryAfter(u32),
    /// A redirect to the same service, to where it is right.
    RedirectWithin,
    /// A redirect to another service.
    RedirectAway,
    /// The next page of a collection is itself.
    PageLoop,
    /// The next page of a collection is on another host.
    PageAway,
    /// So many milliseconds before the headers.
    SlowHeaders(u32),
    /// So many milliseconds after the first octets of the body.
    SlowBody(u32),
    /// A body that never ends.
    EndlessBody,
    /// A small body that inflates to 64 MiB.
    GzipBomb,
    /// JSON of 10,000 levels.
    DeepJson,
    /// A page for people, with status 200.
    Html,
    /// JSON with a comma too many.
    TrailingComma,
    /// An error body, with status 200.
    ErrorBody,
    /// Members is null.
    MembersNull,
    /// $expand is answered with this status.
    ExpandStatus(u16),
    /// $expand is not heeded.
    ExpandIgnored,
    /// $expand brings members without half of their properties.
    ExpandDrops,
    /// The connection is closed after each answer.
    Close,
    /// The connection ends in the middle of the body.
    Cut,
}

impl FaultKind {
    fn parse(name: &str, value: Option<&str>) -> Option<Self> {
        let number = |usual: u32| value.map_or(Some(usual), |it| it.parse().ok());
        let status = |usual: u16| value.map_or(Some(usual), |it| it.parse().ok());
        Some(match name {
            "login-status" => Self::LoginStatus(status(405)?),
            "slow-login" => Self::SlowLogin(number(60_000)?),
            "no-location" => Self::NoLocation,
            "location-away" => Self::LocationAway,
            "session-limit" => Self::SessionLimit,
            "session-uses" => Self::SessionUses(number(10)?),
            "no-basic" => Self::NoBasic,
            "status" => Self::Status(status(404)?),
            "stumble" => Self::Stumble(number(1)?),
            "retry-after" => Self::RetryAfter(number(30)?),
            "redirect-within" => Self::RedirectWithin,
            "redirect-away" => Self::RedirectAway,
            "page-loop" => Self::PageLoop,
            "page-away" => Self::PageAway,
            "slow-headers" => Self::SlowHeaders(number(60_000)?),
            "slow-body" => Self::SlowBody(number(60_000)?),
            "endless-body" => Self::EndlessBody,
            "gzip-bomb" => Self::GzipBomb,
            "deep-json" => Self::DeepJson,
            "html" => Self::Html,
            "trailing-comma" => Self::TrailingComma,
            "error-body" => Self::ErrorBody,
            "members-null" => Self::MembersNull,
            "expand-status" => Self::ExpandStatus(status(501)?),
            "expand-ignored" => Self::ExpandIgnored,
            "expand-drops" => Self::ExpandDrops,
            "close" => Self::Close,
            "cut" => Self::Cut,
            _ => return None,
        })
    }
}

impl FromStr for ServiceFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, at) = text.split_once('@').unwrap_or((text, ""));
        let (name, value) = what.split_once('=').map_or((what, None), |(name, value)| (name, Some(value)));
        let kind = FaultKind::parse(name, value)
            .ok_or_else(|| format!("`{what}` is no fault of a Redfish service"))?;
        Ok(Self { kind, at: at.to_owned() })
    }
}
