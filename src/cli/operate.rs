//! `alerts` and `outbox`: what paging does at present, asked of the running daemon over its control
//! socket.

use super::exit::Exit;
use super::{ConfigArguments, target};
use crate::app::control_socket;
use crate::model::{SystemClock, UnixMillis};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Alerts by hand.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Alerts {
    /// List the alerts that go on, and what paging makes of them
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show one alert
    Show {
        /// Its key, as `alerts list` shows it
        alert: String,
        #[command(flatten)]
        common: Common,
    },
    /// Somebody looks after an alert: it is not announced again, and PagerDuty is told
    Ack {
        /// Its key, as `alerts list` shows it
        alert: String,
        #[command(flatten)]
        common: Common,
    },
    /// Hold back alerts for a while; what ends is told all the same
    Silence {
        /// Conditions that all must fit, as site=ams1, rack=A*, rule!=lab-*
        #[arg(required = true)]
        matchers: Vec<String>,
        /// For how long, as 2h or 30m
        #[arg(long = "for", value_name = "DURATION")]
        lasts: humantime::Duration,
        /// From when on, RFC 3339; default: now
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Why
        #[arg(long, default_value = "")]
        comment: String,
        #[command(flatten)]
        common: Common,
    },
    /// List silences
    Silences {
        #[command(flatten)]
        common: Common,
    },
    /// End a silence
    Unsilence {
        /// Its id, as `alerts silences` shows it
        id: u64,
        #[command(flatten)]
        common: Common,
    },
}

/// The outbox by hand.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Outbox {
    /// List events that wait or were given up
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show one event as it would be sent, without its key
    Show {
        /// The integration
        integration: String,
        /// Its number
        number: u64,
        #[command(flatten)]
        common: Common,
    },
    /// Try again what an integration refused
    Retry {
        /// The integration
        integration: String,
        #[command(flatten)]
        common: Common,
    },
    /// Give up a waiting event, or forget one that was given up
    Drop {
        /// The integration
        integration: String,
        /// Its number
        number: u64,
        #[command(flatten)]
        common: Common,
    },
}

/// What all of them take.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// The answer as JSON, for programs
    #[arg(long)]
    json: bool,
    /// Who does it, for the log and PagerDuty
    #[arg(long, value_name = "NAME", env = "USER", default_value = "operator")]
    by: String,
    #[command(flatten)]
    config: ConfigArguments,
}

/// Does it.
pub(super) fn alerts(verb: &Alerts) -> Exit {
    match verb {
        Alerts::List { common } => show(common, "/alerts", None, |answer| {
            rows(answer, "alerts", "no alert goes on", |it| {
                let held = it["held"].as_str().map(|it| format!("  [{it}]")).unwrap_or_default();
                let by = it["acknowledged_by"].as_str().map(|it| format!("  (acknowledged by {it})"));
                format!("{}{held}{}\n    {}", text(it, "summary"), by.unwrap_or_default(), text(it, "key"))
            });
        }),
        Alerts::Show { alert, common } => show(common, "/alerts", None, |answer| {
            let found = answer["alerts"].as_array().and_then(|it| it.iter().find(|it| it["key"] == **alert));
            match found {
                Some(found) => println!("{found:#}"),
                None => eprintln!("rackwarden: no alert `{alert}` goes on"),
            }
        }),
        Alerts::Ack { alert, common } => {
            let wish = json!({"wish": "acknowledge", "alert": alert, "by": common.by});
            show(common, "/wish", Some(wish), |_| println!("acknowledged"))
        }
        Alerts::Silence { matchers, lasts, from, comment, common } => {
            silence(common, matchers, **lasts, from.as_deref(), comment)
        }
        Alerts::Silences { common } => show(common, "/silences", None, |answer| {
            rows(answer, "silences", "there is no silence", |it| {
                format!(
                    "{} {}  {} to {}  {}  {} {}",
                    it["id"],
                    text(it, "state"),
                    text(it, "starts"),
                    text(it, "ends"),
                    it["matchers"],
                    text(it, "by"),
                    text(it, "comment")
                )
            });
        }),
        Alerts::Unsilence { id, common } => {
            let wish = json!({"wish": "end_silence", "id": id, "by": common.by});
            show(common, "/wish", Some(wish), |_| println!("silence {id} is over"))
        }
    }
}

fn silence(common: &Common, matchers: &[String], lasts: Duration, from: Option<&str>, comment: &str) -> Exit {
    let begins = match from.map(str::parse::<jiff::Timestamp>) {
        None => SystemClock::new().now().unix.0,
        Some(Ok(time)) => time.as_millisecond(),
        Some(Err(error)) => {
            eprintln!("rackwarden: {} is no time: {error}", from.unwrap_or_default());
            return Exit::Usage;
        }
    };
    let ends = UnixMillis(begins.saturating_add(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX)));
    let wish = json!({
        "wish": "silence",
        "matchers": matchers,
        "starts": UnixMillis(begins).to_string(),
        "ends": ends.to_string(),
        "by": common.by,
        "comment": comment,
    });
    show(common, "/wish", Some(wish), |it| println!("silence {} until {}", it["id"], text(it, "ends")))
}

/// Does it.
pub(super) fn outbox(verb: &Outbox) -> Exit {
    match verb {
        Outbox::List { common } => show(common, "/outbox", None, |answer| {
            rows(answer, "events", "nothing waits, and nothing was given up", |it| {
                let reason = it["reason"].as_str().map(|it| format!(": {it}")).unwrap_or_default();
                format!(
                    "{} {}  {}  {} {} {}{reason}",
                    text(it, "integration"),
                    it["number"],
                    text(it, "state"),
                    text(it, "action"),
                    text(it, "severity"),
                    text(it, "alert")
                )
            });
        }),
        Outbox::Show { integration, number, common } => {
            show(common, &format!("/outbox/{integration}/{number}"), None, |it| println!("{it:#}"))
        }
        Outbox::Retry { integration, common } => {
            let wish = json!({"wish": "retry", "integration": integration, "by": common.by});
            show(common, "/wish", Some(wish), |_| println!("{integration}: tried again"))
        }
        Outbox::Drop { integration, number, common } => {
            let wish = json!({"wish": "drop", "integration": integration, "number": number, "by": common.by});
            show(common, "/wish", Some(wish), |_| println!("dropped"))
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn rows(answer: &Value, name: &str, none: &str, line: impl Fn(&Value) -> String) {
    match answer.get(name).and_then(Value::as_array) {
        Some(rows) if !rows.is_empty() => {
            for row in rows {
                println!("{}", line(row));
            }
        }
        _ => println!("{none}"),
    }
}

/// Asks the daemon and shows its answer.
fn show(common: &Common, path: &str, wish: Option<Value>, words: impl FnOnce(&Value)) -> Exit {
    let settings = match target::load(&common.config) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rackwarden: cannot start a runtime: {error}");
            return Exit::Failed;
        }
    };
    let socket = control_socket(&settings.state_folder);
    match runtime.block_on(ask(&socket, path, wish)) {
        Ok(answer) if common.json => println!("{answer}"),
        Ok(answer) => words(&answer),
        Err(message) => {
            eprintln!("rackwarden: {message}");
            return Exit::Failed;
        }
    }
    Exit::Ok
}

async fn ask(socket: &Path, path: &str, wish: Option<Value>) -> Result<Value, String> {
    let failed = |error: reqwest::Error| {
        format!(
            "the daemon does not answer at {}: does it run, and as which user? ({})",
            socket.display(),
            error.without_url()
        )
    };
    let client = reqwest::Client::builder().unix_socket(socket).timeout(ASK_MAX).build().map_err(failed)?;
    let url = format!("http://rackwarden{path}");
    let request = match wish {
        Some(wish) => client.post(url).header("content-type", "application/json").body(wish.to_string()),
        None => client.get(url),
    };
    let mut answer = request.send().await.map_err(failed)?;
    let is_success = answer.status().is_success();
    let mut octets = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        octets.extend_from_slice(&chunk);
        if ANSWER_OCTETS_MAX < octets.len() {
            return Err("the answer is longer than any that we make".to_owned());
        }
    }
    let value: Value = serde_json::from_slice(&octets).unwrap_or(Value::Null);
    if is_success { Ok(value) } else { Err(text(&value, "message").to_owned()) }
}

/// Ten thousand events, or alerts of a storm, are some megabytes.
const ANSWER_OCTETS_MAX: usize = 64 << 20;
/// The daemon answers from memory.
const ASK_MAX: Duration = Duration::from_secs(10);
