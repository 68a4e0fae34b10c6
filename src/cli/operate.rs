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
                format!(
                    "{}\n    {}\n    since {}; {}",
                    text(it, "summary"),
                    text(it, "key"),
                    text(it, "fired_at"),
                    standing(it)
                )
            })
        }),
        Alerts::Show { alert, common } => show_alert(common, alert),
        Alerts::Ack { alert, common } => {
            let wish = json!({"wish": "acknowledge", "alert": alert, "by": common.by});
            let said = format!(
                "acknowledged by {}: it is not announced again, and receivers that have it are told",
                common.by
            );
            show(common, "/wish", Some(wish), |_| said)
        }
        Alerts::Silence { matchers, lasts, from, comment, common } => {
            silence(common, matchers, **lasts, from.as_deref(), comment)
        }
        Alerts::Silences { common } => show(common, "/silences", None, |answer| {
            rows(answer, "silences", "there is no silence, and has been none for a day", |it| {
                let state = text(it, "state").replace('_', " ");
                let comment = match text(it, "comment") {
                    "" => String::new(),
                    comment => format!(": {comment}"),
                };
                format!(
                    "{} ({state})  {}\n    {} to {}, by {}{comment}",
                    it["id"],
                    matchers_of(it),
                    text(it, "starts"),
                    text(it, "ends"),
                    text(it, "by"),
                )
            })
        }),
        Alerts::Unsilence { id, common } => {
            let wish = json!({"wish": "end_silence", "id": id, "by": common.by});
            let said = format!("silence {id} is over: what it held back and still goes on is told now");
            show(common, "/wish", Some(wish), |_| said)
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
    show(common, "/wish", Some(wish), |it| {
        let fits = match (it["note"].as_str(), it["fits"].as_u64()) {
            (Some(note), _) => format!("\nNOTE: {note}"),
            (None, Some(1)) => "\nit fits one alert that goes on now".to_owned(),
            (None, fits) => format!("\nit fits {} alerts that go on now", fits.unwrap_or(0)),
        };
        format!(
            "silence {} holds back {} from {} until {}{fits}\nend it before with: rackwarden alerts unsilence {}",
            it["id"],
            matchers_of(it),
            text(it, "starts"),
            text(it, "ends"),
            it["id"]
        )
    })
}

/// Does it.
pub(super) fn outbox(verb: &Outbox) -> Exit {
    match verb {
        Outbox::List { common } => show(common, "/outbox", None, |answer| {
            rows(answer, "events", "nothing waits, and nothing was given up", |it| {
                let tried = match it["attempts"].as_u64() {
                    None | Some(0) => String::new(),
                    Some(1) => ", tried once".to_owned(),
                    Some(times) => format!(", tried {times} times"),
                };
                let reason = it["reason"].as_str().map(|it| format!("\n    {it}")).unwrap_or_default();
                format!(
                    "{} {}  {}{tried}: {} of {} ({}), {}{reason}",
                    text(it, "integration"),
                    it["number"],
                    text(it, "state").replace('_', " "),
                    text(it, "action"),
                    text(it, "alert"),
                    text(it, "severity"),
                    text(it, "at"),
                )
            })
        }),
        Outbox::Show { integration, number, common } => {
            show(common, &format!("/outbox/{integration}/{number}"), None, |it| format!("{it:#}"))
        }
        Outbox::Retry { integration, common } => {
            let wish = json!({"wish": "retry", "integration": integration, "by": common.by});
            let said =
                format!("{integration}: what waits, and what was given up and still matters, is tried now");
            show(common, "/wish", Some(wish), |_| said)
        }
        Outbox::Drop { integration, number, common } => {
            let wish = json!({"wish": "drop", "integration": integration, "number": number, "by": common.by});
            show(common, "/wish", Some(wish), |it| match text(it, "left") {
                "given_up" => format!(
                    "event {number} is given up: {integration} is not told. `outbox retry {integration}` takes that back"
                ),
                _ => format!("event {number} is forgotten"),
            })
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A list, or that there is nothing in it.
fn rows(answer: &Value, name: &str, none: &str, line: impl Fn(&Value) -> String) -> String {
    match answer.get(name).and_then(Value::as_array) {
        Some(rows) if !rows.is_empty() => rows.iter().map(line).collect::<Vec<_>>().join("\n"),
        _ => none.to_owned(),
    }
}

fn matchers_of(silence: &Value) -> String {
    let texts = silence["matchers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.collect::<Vec<_>>().join(" ")
}

/// What paging makes of an alert: whom it has told, or why nobody.
fn standing(alert: &Value) -> String {
    let told = alert["told"].as_object().into_iter().flatten().map(|(name, told)| {
        let told = match told.as_str().unwrap_or_default() {
            "accepted" => "has it",
            "waiting" => "is yet to be told",
            "given_up" => "could not be told (see `outbox list`)",
            _ => "may have it",
        };
        format!("{name} {told}")
    });
    let mut parts: Vec<String> = told.collect();
    if let Some(held) = alert["held"].as_str() {
        let why = match held.split_once('/') {
            Some(("group", _)) => format!("told as a part of {held}"),
            _ if held == "wait" => "waits for others that may have the same cause".to_owned(),
            _ => format!("held back by {held}"),
        };
        parts.push(why);
    }
    if parts.is_empty() {
        parts.push("nobody is to be told: no integration is for it".to_owned());
    }
    if let Some(by) = alert["acknowledged_by"].as_str() {
        parts.push(format!("acknowledged by {by} at {}", text(alert, "acknowledged_at")));
    }
    parts.join("; ")
}

fn one_alert(alert: &Value) -> String {
    format!(
        "{}\n  key       {}\n  severity  {}\n  since     {}\n  paging    {}",
        text(alert, "summary"),
        text(alert, "key"),
        text(alert, "severity"),
        text(alert, "fired_at"),
        standing(alert)
    )
}

fn show_alert(common: &Common, alert: &str) -> Exit {
    let found = asked(common, "/alerts", None).and_then(|answer| {
        let found = answer["alerts"].as_array().and_then(|it| it.iter().find(|it| it["key"] == *alert));
        found.cloned().ok_or_else(|| {
            let listed = "`rackwarden alerts list` shows those that do, with their keys";
            Wrong::Said(format!("no alert `{alert}` goes on: {listed}"))
        })
    });
    told(found.map(|it| if common.json { it.to_string() } else { one_alert(&it) }))
}

/// Asks the daemon and shows its answer.
fn show(common: &Common, path: &str, wish: Option<Value>, words: impl FnOnce(&Value) -> String) -> Exit {
    let answer = asked(common, path, wish);
    told(answer.map(|it| if common.json { it.to_string() } else { words(&it) }))
}

fn told(said: Result<String, Wrong>) -> Exit {
    match said {
        Ok(said) => {
            println!("{said}");
            Exit::Ok
        }
        Err(Wrong::Said(message)) => {
            eprintln!("rackwarden: {message}");
            Exit::Failed
        }
        Err(Wrong::Config(exit)) => exit,
    }
}

/// Why there is no answer.
enum Wrong {
    /// In words.
    Said(String),
    /// The configuration has mistakes, which have been shown.
    Config(Exit),
}

fn asked(common: &Common, path: &str, wish: Option<Value>) -> Result<Value, Wrong> {
    let settings = target::load(&common.config).map_err(Wrong::Config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Wrong::Said(format!("cannot start a runtime: {error}")))?;
    let socket = control_socket(&settings.state_folder);
    runtime.block_on(ask(&socket, path, wish)).map_err(Wrong::Said)
}

async fn ask(socket: &Path, path: &str, wish: Option<Value>) -> Result<Value, String> {
    if let Err(error) = tokio::net::UnixStream::connect(socket).await {
        return Err(no_daemon(socket, &error));
    }
    let failed = |error: reqwest::Error| {
        format!("the daemon does not answer at {}: {}", socket.display(), error.without_url())
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

/// Why nobody is there to ask, and what to do.
fn no_daemon(socket: &Path, error: &std::io::Error) -> String {
    let socket = socket.display();
    match error.kind() {
        std::io::ErrorKind::NotFound => format!(
            "no daemon runs on this configuration ({socket} is not there): start it, or name its file with --config"
        ),
        std::io::ErrorKind::ConnectionRefused => {
            format!("the daemon that made {socket} has ended: start it")
        }
        std::io::ErrorKind::PermissionDenied => {
            format!("{socket} is open to the daemon's own user and root alone: try sudo -u rackwarden")
        }
        _ => format!("the daemon cannot be asked at {socket}: {error}"),
    }
}

/// Ten thousand events, or alerts of a storm, are some megabytes.
const ANSWER_OCTETS_MAX: usize = 64 << 20;
/// The daemon answers from memory.
const ASK_MAX: Duration = Duration::from_secs(10);
