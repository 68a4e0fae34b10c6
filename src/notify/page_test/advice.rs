//! What a receiver's answer means, and what to do about it: for whoever sets an integration up.

use crate::notify::pagerduty::{Reason, Verdict};
use crate::notify::settings::Receiver;

/// A sentence or two. Never holds a secret.
#[must_use]
pub fn advice(receiver: Receiver, verdict: &Verdict) -> &'static str {
    if receiver == Receiver::PagerDuty { of_pagerduty(verdict) } else { of_others(verdict) }
}

fn of_pagerduty(verdict: &Verdict) -> &'static str {
    match verdict.reason {
        Reason::Accepted => {
            "PagerDuty has the event. That somebody was notified it does not say: look for an incident \
             \"TEST of the integration\" on the service. There is none if the service is disabled or in \
             maintenance, nobody is on call, or an orchestration suppresses it."
        }
        Reason::KeyRefused => {
            "This PagerDuty does not know the key. Copy it anew: Services, your service, Integrations, Events \
             API V2, Integration Key. It has 32 letters and digits; an API access key is none. An account of the \
             European region needs region = \"eu\"."
        }
        Reason::Refused => {
            "The address answers, but not as the Events API v2 does for a valid key: is `url` right (it ends in \
             /v2/enqueue), and is the key that of an \"Events API V2\" integration, not of another kind?"
        }
        Reason::Throttled => {
            "More than 120 requests came within a minute with this key, from us or from others that use it. Wait a \
             minute and try again; alerts meanwhile wait in the outbox. Each sender should have a key of its own."
        }
        Reason::FieldRefused => {
            "PagerDuty does not take a field of the event. Of an alert the least form would be sent once more; \
             please report this."
        }
        Reason::ServerError | Reason::RequestTimeout => {
            "PagerDuty itself has trouble: see https://status.pagerduty.com. Alerts wait in the outbox and are sent \
             when it is over."
        }
        _ => between(verdict),
    }
}

fn of_others(verdict: &Verdict) -> &'static str {
    match verdict.reason {
        Reason::Accepted => "The receiver has taken the event.",
        Reason::Refused | Reason::FieldRefused | Reason::KeyRefused => {
            "The receiver refuses the event: look into its log, and check `url` and, for a webhook, the secret that \
             it checks signatures with."
        }
        Reason::Throttled => "The receiver wants fewer requests: lower requests_per_minute.",
        Reason::ServerError | Reason::RequestTimeout => {
            "The receiver has trouble. Alerts wait in the outbox and are sent when it is over."
        }
        _ => between(verdict),
    }
}

/// What goes wrong on the way, whoever the receiver is.
fn between(verdict: &Verdict) -> &'static str {
    let text = verdict.text.to_ascii_lowercase();
    match verdict.reason {
        Reason::Unreachable if text.contains("dns") || text.contains("lookup") => {
            "The host's name is not found: check this machine's DNS (`getent hosts NAME`), or let a proxy look it up: \
             proxy = \"http://proxy.example.net:3128\"."
        }
        Reason::Unreachable if text.contains("proxy") || text.contains("tunnel") => {
            "The proxy does not let the connection through: check `proxy` (or HTTPS_PROXY), and that it allows \
             CONNECT to this host."
        }
        Reason::Unreachable => {
            "No connection: is a firewall in the way? PagerDuty needs TCP to port 443 of events.pagerduty.com (or \
             events.eu.pagerduty.com), directly or by proxy = \"http://proxy.example.net:3128\"."
        }
        Reason::Tls => {
            "The receiver's certificate is not accepted. If a proxy opens TLS on the way, put its authority into a \
             file and name that as ca_file; else check this machine's clock and its ca-certificates package."
        }
        Reason::Timeout | Reason::Interrupted => {
            "The connection stood, but no answer came: try again, and look at what lies between (proxy, firewall, \
             VPN). Alerts are sent again by themselves."
        }
        Reason::Redirected => {
            "A redirection is not followed, since it would carry the key elsewhere: write the final address as `url`, \
             or see who redirects (a portal?)."
        }
        Reason::AccessDenied => {
            "A proxy on the way asks for a name and password: proxy = \"http://name:password@proxy.example.net:3128\"."
        }
        Reason::NotPagerDuty => {
            "Something else answers in PagerDuty's place, such as a proxy's or portal's page: see who owns the \
             address that this machine reaches."
        }
        Reason::KeyMissing => {
            "The key cannot be read: check the file, variable or credential that the integration names."
        }
        _ => "Alerts wait in the outbox meanwhile.",
    }
}

#[cfg(test)]
mod tests {
    use super::advice;
    use crate::model::UnixMillis;
    use crate::notify::pagerduty::{Exchange, TransportFault, classify};
    use crate::notify::settings::Receiver;

    fn answer(status: u16, body: &str) -> Exchange {
        Exchange::Answer {
            status,
            content_type: "application/json".to_owned(),
            retry_after: None,
            body: body.to_owned(),
        }
    }

    #[test]
    fn each_answer_has_its_advice() {
        let length = r#"{"status":"invalid event","message":"Event object is invalid","errors":["Length of 'routing_key' is incorrect (should be 32 characters)"]}"#;
        let table = [
            (answer(202, "{}"), "PagerDuty has the event"),
            (answer(400, length), "does not know the key"),
            (answer(400, r#"{"errors":["'summary' is too long"]}"#), "a field of the event"),
            (answer(400, ""), "The address answers"),
            (answer(403, "{}"), "The address answers"),
            (answer(404, "{}"), "The address answers"),
            (answer(429, "{}"), "More than 120"),
            (answer(503, ""), "status.pagerduty.com"),
            (answer(407, ""), "name and password"),
            (answer(302, ""), "redirection"),
            (answer(200, "<html>"), "Something else answers"),
            (
                Exchange::Failed(
                    TransportFault::Connect,
                    "no connection: dns error: failed to lookup".to_owned(),
                ),
                "DNS",
            ),
            (Exchange::Failed(TransportFault::Connect, "no connection: refused".to_owned()), "firewall"),
            (Exchange::Failed(TransportFault::Tls, "unknown issuer".to_owned()), "ca_file"),
            (Exchange::Failed(TransportFault::Timeout, "no answer".to_owned()), "no answer came"),
        ];
        for (exchange, expected) in table {
            let verdict = classify(&exchange, UnixMillis(0));
            let said = advice(Receiver::PagerDuty, &verdict);
            assert!(said.contains(expected), "{verdict:?}: {said}");
        }
    }
}
