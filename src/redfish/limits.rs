//! The limits toward a service, each with its reason.

use std::time::Duration;

/// One answer after inflation: the largest document seen is a telemetry report of 611 KB; an expanded unit
/// of 60 outlets takes some 200 KB.
pub const ANSWER_OCTETS_MAX: usize = 4 * 1024 * 1024;
/// Requests of one poll: a unit of 60 outlets without $expand takes 70, four in a chain 280.
pub const POLL_REQUESTS_MAX: usize = 400;
/// Requests to learn a service, which is done once an hour.
pub const LEARN_REQUESTS_MAX: usize = 1_500;
/// Resources of a service that are kept while it is learnt.
pub const RESOURCES_MAX: usize = 4_000;
/// Members of one collection: a floor PDU has 84 circuits, a server some 150 sensors.
pub const MEMBERS_MAX: usize = 512;
/// Pages of one collection: services page at 50 and more.
pub const PAGES_MAX: usize = 20;
/// Readings of a service.
pub const READINGS_MAX: usize = 8_000;
/// Requests in flight toward one service: management controllers are small.
pub const IN_FLIGHT: usize = 2;
/// Redirects that are followed in a row, on the service itself alone.
pub const REDIRECTS_MAX: usize = 3;
/// How deep resources may lie within an expanded answer.
pub const EXPANDED_DEPTH_MAX: usize = 16;
/// Reports that are looked at: others are logs and statistics.
pub const REPORTS_MAX: usize = 16;
/// How long a service is left alone at most because of a Retry-After.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// A first learning may take so long: controllers answer in 0.1 to 2 s.
pub const LEARN_TIME_MAX: Duration = Duration::from_secs(600);
/// One event of an event stream.
pub const EVENT_OCTETS_MAX: usize = 256 * 1024;
