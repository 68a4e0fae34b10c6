//! The dead man's switch: a URL is asked for as long as all is well. Whoever misses it wakes somebody;
//! so a host that is gone, or a collector that hangs, is told by its silence.

use super::settings::Heartbeat;
use crate::telemetry;
use crate::web_client::install_crypto;
use std::time::Duration;

/// As long as one request may take, and no longer than the interval.
const TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// Asks for the URL at each interval at which `why_not` has nothing to say.
pub async fn run(settings: Heartbeat, why_not: impl Fn() -> Option<String> + Send) {
    install_crypto();
    let timeout = settings.interval.min(TIMEOUT_MAX);
    let client = match reqwest::Client::builder().timeout(timeout).build() {
        Ok(client) => client,
        Err(error) => {
            telemetry::notify::heartbeat(false, &error.without_url().to_string());
            return;
        }
    };
    let mut every = tokio::time::interval(settings.interval);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Some(reason) = why_not() {
            telemetry::notify::heartbeat(false, &reason);
            continue;
        }
        match client.get(&settings.url).send().await.and_then(reqwest::Response::error_for_status) {
            Ok(_) => telemetry::notify::heartbeat(true, ""),
            // Such URLs are secrets.
            Err(error) => telemetry::notify::heartbeat(false, &error.without_url().to_string()),
        }
    }
}
