//! A test page: proves that key, region, proxy and TLS are right before an alert needs them.

mod advice;

pub use self::advice::advice;

use super::NotifyError;
use super::pagerduty::client::Client;
use super::pagerduty::{Decision, Verdict, classify_of};
use super::secrets::SecretReader;
use super::settings::{IntegrationSettings, NotifySettings, Receiver};
use crate::model::Now;
use std::sync::Arc;

/// What the receiver said to a test page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestAnswer {
    /// What the receiver is.
    pub kind: Receiver,
    /// Scheme, host and port of the receiver.
    pub receiver: String,
    /// The key by which it knows the incident.
    pub dedup_key: String,
    /// Its answer to the trigger.
    pub trigger: Verdict,
    /// Its answer to the resolve; `None` if the trigger was not accepted.
    pub resolve: Option<Verdict>,
}

impl TestAnswer {
    /// Whether both were accepted.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        let accepted = |it: &Verdict| it.decision == Decision::Accepted;
        accepted(&self.trigger) && self.resolve.as_ref().is_some_and(accepted)
    }
}

/// Sends a trigger of the mildest severity and at once its resolve, under a key of their own. Needs no
/// outbox, so that it works beside a running collector.
///
/// # Errors
/// [`NotifyError::UnknownIntegration`], [`NotifyError::Key`], [`NotifyError::Client`]. What goes wrong
/// from there on is part of the answer.
pub async fn send_test(
    settings: &NotifySettings,
    integration: &str,
    now: Now,
) -> Result<TestAnswer, NotifyError> {
    let found = find(settings, integration)?.clone();
    let name = Arc::clone(&found.name);
    let prepared = tokio::task::spawn_blocking(move || {
        let key = SecretReader::default()
            .read(&found.routing_key)
            .map_err(|source| NotifyError::Key { integration: Arc::clone(&found.name), source })?;
        let client = Client::new(&found)
            .map_err(|source| NotifyError::Client { integration: Arc::clone(&found.name), source })?;
        Ok::<_, NotifyError>((key, client))
    });
    let (key, client) =
        prepared.await.map_err(|error| NotifyError::Thread(std::io::Error::other(error)))??;
    let dedup_key = format!("rackwarden:test:{}:{:08x}", now.unix.0, random());
    let trigger = body("trigger", &dedup_key, &name, settings, now);
    let trigger = classify_of(client.receiver(), &client.send(&trigger, &key, now.unix).await, now.unix);
    let mut resolve = None;
    if trigger.decision == Decision::Accepted {
        let event = body("resolve", &dedup_key, &name, settings, now);
        resolve = Some(classify_of(client.receiver(), &client.send(&event, &key, now.unix).await, now.unix));
    }
    let (kind, receiver) = (client.receiver(), client.shown().to_owned());
    Ok(TestAnswer { kind, receiver, dedup_key, trigger, resolve })
}

/// Sends a change event.
pub(crate) async fn send_change(
    integration: IntegrationSettings,
    body: &str,
    now: Now,
) -> Result<(), String> {
    let prepared = tokio::task::spawn_blocking(move || {
        let key = SecretReader::default().read(&integration.routing_key).map_err(|it| it.to_string())?;
        let client = Client::new(&integration).map_err(|it| it.to_string())?;
        Ok::<_, String>((key, client))
    });
    let (key, client) = prepared.await.map_err(|it| it.to_string())??;
    let Some(exchange) = client.send_change(body, &key).await else {
        return Err("its url does not end in /enqueue: change events have no address".to_owned());
    };
    let verdict = classify_of(client.receiver(), &exchange, now.unix);
    if verdict.decision == Decision::Accepted { Ok(()) } else { Err(verdict.text) }
}

/// The integration of that name.
pub(crate) fn find<'a>(
    settings: &'a NotifySettings,
    name: &str,
) -> Result<&'a IntegrationSettings, NotifyError> {
    settings.integrations.iter().find(|it| &*it.name == name).ok_or_else(|| {
        let known: Vec<&str> = settings.integrations.iter().map(|it| &*it.name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        NotifyError::UnknownIntegration { name: name.to_owned(), known }
    })
}

fn body(action: &str, dedup_key: &str, integration: &str, settings: &NotifySettings, now: Now) -> String {
    let mut event = serde_json::json!({
        "event_action": action,
        "dedup_key": dedup_key,
        "payload": {
            "summary": format!("TEST of the integration {integration}: no action is needed"),
            "source": "rackwarden",
            "severity": "info",
            "timestamp": now.unix.to_string(),
            "class": "test",
            "custom_details": {"note": "sent by `rackwarden page test`, and resolved at once"},
        },
    });
    if action == "trigger"
        && !settings.client.is_empty()
        && let Some(fields) = event.as_object_mut()
    {
        fields.insert("client".to_owned(), serde_json::Value::String(settings.client.clone()));
    }
    event.to_string()
}

/// Tells two tests of the same millisecond apart.
fn random() -> u32 {
    let mut octets = [0; 4];
    if getrandom::fill(&mut octets).is_err() {
        return 0;
    }
    u32::from_le_bytes(octets)
}
