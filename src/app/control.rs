//! The operators' side of paging: the outbox behind the control socket.

use super::pipeline::Shared;
use super::{fitting, supervise};
use crate::http::{Answer, Operations, Wish, serve_control};
use crate::model::{SystemClock, UnixMillis};
use crate::notify::outbox::{AlertState, EventView};
use crate::notify::page_test::advice;
use crate::notify::silence::{Matcher, Silence};
use serde_json::{Map, Value, json};
use std::error::Error as _;
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::runtime::Handle;

/// Events in one answer: more are read by nobody.
const EVENTS_MAX: usize = 10_000;

/// The socket in a state folder.
pub(crate) fn socket(state_folder: &Path) -> PathBuf {
    state_folder.join("control.sock")
}

/// Listens for operators. Without the socket all else goes on.
pub(super) fn start(
    runtime: &Handle,
    state_folder: &Path,
    shared: Arc<Shared>,
    clock: SystemClock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    match listen(&socket(state_folder)) {
        Ok(listener) => {
            let operations = Arc::new(Control { shared, clock });
            supervise::spawn(runtime, "control", serve_control(listener, operations, shutdown));
        }
        Err(error) => tracing::error!("operators' commands do not work, the control socket fails: {error}"),
    }
}

/// The outbox's file is locked by now: a socket that is there is a dead process's.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => (),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

pub(super) struct Control {
    pub(super) shared: Arc<Shared>,
    pub(super) clock: SystemClock,
}

impl Operations for Control {
    fn alerts(&self) -> Value {
        json!({"alerts": self.shared.outbox.alerts().iter().map(alert).collect::<Vec<_>>()})
    }

    fn outbox(&self) -> Value {
        let events = self.shared.outbox.events(EVENTS_MAX + 1);
        let truncated = EVENTS_MAX < events.len();
        let events: Vec<Value> = events.iter().take(EVENTS_MAX).map(event).collect();
        json!({"events": events, "truncated": truncated})
    }

    fn event(&self, integration: &str, number: u64) -> Option<Value> {
        let found = self.shared.outbox.event(integration, number)?;
        let mut shown = event(&found);
        if let Some(fields) = shown.as_object_mut() {
            let body = serde_json::from_str(&found.body).unwrap_or(Value::Null);
            fields.insert("event".to_owned(), body);
        }
        Some(shown)
    }

    fn silences(&self) -> Value {
        let now = self.clock.now().unix;
        json!({"silences": self.shared.outbox.silences().iter().map(|it| silence(it, now)).collect::<Vec<_>>()})
    }

    fn test_page(&self, integration: String) -> Answer {
        let outbox = self.shared.outbox.clone();
        Box::pin(async move {
            let answer = outbox.send_test(&integration).await.map_err(|error| match error.source() {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            })?;
            let verdict = answer.resolve.as_ref().unwrap_or(&answer.trigger);
            Ok(json!({
                "integration": integration,
                "receiver": answer.receiver,
                "dedup_key": answer.dedup_key,
                "accepted": answer.is_accepted(),
                "trigger": answer.trigger.text,
                "resolve": answer.resolve.as_ref().map(|it| it.text.clone()),
                "advice": advice(answer.kind, verdict),
            }))
        })
    }

    fn perform(&self, wish: Wish) -> Result<Value, String> {
        let now = self.clock.now().unix;
        match wish {
            Wish::Acknowledge { alert, by } => {
                let done = self.shared.outbox.acknowledge(&alert, &by);
                done.then(|| json!({"acknowledged": alert})).ok_or_else(|| {
                    format!("no alert `{alert}` goes on: `rackwarden alerts list` shows those that do, with their keys")
                })
            }
            Wish::Silence { matchers, starts, ends, by, comment } => {
                let read = |it: &String| {
                    Matcher::parse(it).ok_or_else(|| format!("`{it}` is no condition: write name=pattern or name!=pattern, as site=ams1 or device=pdu-*"))
                };
                let matchers: Vec<Matcher> = matchers.iter().map(read).collect::<Result<_, _>>()?;
                let starts = starts.as_deref().map_or(Ok(now), time)?;
                let kept = self.shared.outbox.silence(matchers, (starts, time(&ends)?), &by, &comment);
                let kept = kept.ok_or("a silence needs a condition, and an end after its start")?;
                let (fits, note) = fitting::of(&kept.matchers, &self.shared.board, &self.shared.store);
                let mut shown = silence(&kept, now);
                if let Some(fields) = shown.as_object_mut() {
                    fields.insert("fits".to_owned(), json!(fits));
                    fields.insert("note".to_owned(), json!(note));
                }
                Ok(shown)
            }
            Wish::EndSilence { id, by } => {
                let ended = self.shared.outbox.end_silence(id, &by);
                ended.map(|it| silence(&it, now)).ok_or_else(|| {
                    format!("there is no silence {id} that goes on: `rackwarden alerts silences` lists them")
                })
            }
            Wish::Retry { integration, by } => {
                self.shared.outbox.retry(&integration, &by).map_err(|error| error.to_string())?;
                Ok(json!({"retried": integration}))
            }
            Wish::Drop { integration, number, by } => {
                let done = self.shared.outbox.drop_event(&integration, number, &by);
                let is_kept = self.shared.outbox.event(&integration, number).is_some();
                let left = if is_kept { "given_up" } else { "forgotten" };
                done.then(|| json!({"dropped": number, "left": left})).ok_or_else(|| {
                    format!("there is no event {number} for {integration}, or it is under way just now: `rackwarden outbox list` shows what there is")
                })
            }
        }
    }
}

fn time(text: &str) -> Result<UnixMillis, String> {
    let time = text.parse::<jiff::Timestamp>().map_err(|error| format!("`{text}` is no time: {error}"))?;
    Ok(UnixMillis(time.as_millisecond()))
}

fn alert(it: &AlertState) -> Value {
    let told: Map<String, Value> =
        it.told.iter().map(|(name, told)| (name.to_string(), json!(told))).collect();
    json!({
        "key": &*it.key.0,
        "severity": it.severity.name(),
        "summary": it.summary,
        "fired_at": it.fired_at.to_string(),
        "held": it.held,
        "acknowledged_by": it.acknowledged.as_ref().map(|(by, _)| by.to_string()),
        "acknowledged_at": it.acknowledged.as_ref().map(|(_, at)| at.to_string()),
        "told": told,
    })
}

fn event(it: &EventView) -> Value {
    json!({
        "integration": &*it.integration,
        "number": it.number,
        "state": it.state,
        "action": it.action,
        "severity": it.severity.name(),
        "alert": &*it.alert.0,
        "at": it.at.to_string(),
        "attempts": it.attempts,
        "seen": it.seen,
        "reason": it.reason,
    })
}

fn silence(it: &Silence, now: UnixMillis) -> Value {
    let state = if it.is_active(now) {
        "active"
    } else if now < it.starts {
        "to_come"
    } else {
        "over"
    };
    json!({
        "id": it.id,
        "state": state,
        "matchers": it.matchers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "starts": it.starts.to_string(),
        "ends": it.ends.to_string(),
        "by": &*it.by,
        "comment": &*it.comment,
    })
}
