//! What the demo shows: a line for each thing that happens, and below them, on a terminal, a line that
//! tells how things stand.

use super::verdict::Verdict;
use crate::alert::{AlertKey, AlertView, Phase, TransitionKind};
use crate::model::{Moment, Now, SystemClock};
use crate::simulator::pagerduty::{Board, Request};
use crate::simulator::room::RunningRoom;
use crate::store::Published;
use anstyle::{AnsiColor, Style};
use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The demo's voice.
pub(super) struct Show {
    clock: SystemClock,
    terminal: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the datagram that decided each alert's last transition had come.
    decided: HashMap<String, Moment>,
    shown: usize,
    /// From the deciding datagram to the event at the receiver.
    delays: Vec<Duration>,
    status_at: Moment,
    status: bool,
    transitions: usize,
}

/// On a terminal the status line follows closely; elsewhere it is a line among others.
const STATUS_EVERY_TERMINAL: Duration = Duration::from_millis(250);
const STATUS_EVERY_LOG: Duration = Duration::from_secs(5);

impl Show {
    pub(super) fn new(clock: SystemClock) -> Self {
        Self { clock, terminal: std::io::stdout().is_terminal(), state: Mutex::default() }
    }

    pub(super) fn welcome(&self, room: &RunningRoom, rules: usize, http: SocketAddr, pagerduty: &str) {
        let bold = Style::new().bold();
        self.line(&format!("{bold}Rackwarden demo{bold:#}: {} simulated SNMP agents on loopback, the real daemon with {rules} starter", room.devices().len()));
        self.line("rules (each `for` shortened to a second), and a stand-in for PagerDuty's Events API v2.");
        self.line("");
        self.line(&format!("  status page   http://{http}/"));
        self.line(&format!("  metrics       http://{http}/metrics"));
        self.line(&format!(
            "  API           http://{http}/api/v1/devices  /api/v1/readings?device=...  /api/v1/alerts"
        ));
        self.line(&format!("  PagerDuty     {pagerduty} (the stand-in)"));
        if let Some(device) = room.devices().first() {
            self.line(&format!("  by hand       rackwarden poll {} -c public", device.address));
        }
        self.line("");
    }

    /// A thing that happened.
    pub(super) fn say(&self, what: &str, words: &str) {
        let style = match what {
            "script" => AnsiColor::Cyan.on_default(),
            "PAGED" => AnsiColor::Red.on_default().bold(),
            "resolved" => AnsiColor::Green.on_default(),
            _ => Style::new(),
        };
        let seconds = self.clock.moment().since(Moment::ZERO).as_secs_f64();
        self.line(&format!("{seconds:7.2} s  {style}{what:9}{style:#} {words}"));
    }

    /// Called by the pipeline, on the poll's thread.
    pub(super) fn transition(&self, key: &AlertKey, _kind: TransitionKind, at: Moment) {
        let mut state = self.lock();
        state.transitions += 1;
        state.decided.insert(key.to_string(), at);
    }

    /// Tells the requests that came since the last time.
    pub(super) fn paged(&self, board: &Board) {
        let mut state = self.lock();
        let first = std::mem::replace(&mut state.shown, board.requests.len());
        let mut lines = Vec::new();
        for request in board.requests.iter().skip(first) {
            let key = request.text("dedup_key");
            let decided =
                state.decided.iter().find(|(alert, _)| key.ends_with(alert.as_str())).map(|(_, at)| *at);
            let delay = decided.map(|at| request.time.moment.since(at));
            state.delays.extend(delay);
            lines.push(event(request, delay, board));
        }
        drop(state);
        for (what, words) in lines {
            self.say(what, &words);
        }
    }

    /// How things stand.
    pub(super) fn status(&self, devices: &[Arc<Published>], alerts: &[Arc<AlertView>], now: Now) {
        let every = if self.terminal { STATUS_EVERY_TERMINAL } else { STATUS_EVERY_LOG };
        let mut state = self.lock();
        if now.moment.since(state.status_at) < every {
            return;
        }
        state.status_at = now.moment;
        drop(state);
        let down = devices.iter().filter(|it| it.batch().error.is_some()).count();
        let readings: usize = devices.iter().map(|it| it.batch().samples.len()).sum();
        let firing = alerts.iter().filter(|it| it.phase == Phase::Firing).count();
        let words = format!(
            "{} devices, {down} not answering, {readings} readings a second; alerts: {firing} firing, {} pending",
            devices.len(),
            alerts.len() - firing
        );
        if self.terminal {
            let mut out = anstream::stdout().lock();
            let seconds = now.moment.since(Moment::ZERO).as_secs_f64();
            self.lock().status =
                write!(out, "\r\x1b[2K{seconds:7.2} s  {words}").and_then(|()| out.flush()).is_ok();
        } else {
            self.say("status", &words);
        }
    }

    pub(super) fn summary(&self, verdict: &Verdict, board: &Board) {
        let mut delays = std::mem::take(&mut self.lock().delays);
        delays.sort();
        let at = |share: usize| delays.get(delays.len() * share / 100).copied().unwrap_or_default();
        let count =
            |action: &str| board.requests.iter().filter(|it| it.text("event_action") == action).count();
        self.line("");
        self.line(&format!(
            "{} incidents, {} trigger and {} resolve events received; from the deciding datagram to the event at the receiver: median {:.1} ms, 95 % within {:.1} ms",
            verdict.incidents,
            count("trigger"),
            count("resolve"),
            at(50).as_secs_f64() * 1e3,
            at(95).as_secs_f64() * 1e3,
        ));
        for wrong in &verdict.wrong {
            let red = AnsiColor::Red.on_default();
            self.line(&format!("{red}wrong{red:#}: {wrong}"));
        }
        if verdict.is_good() {
            let green = AnsiColor::Green.on_default().bold();
            self.line(&format!(
                "{green}as it should be{green:#}: every expected page and its end arrived once, and no other."
            ));
        }
    }

    fn line(&self, text: &str) {
        let mut out = anstream::stdout().lock();
        let clear = if std::mem::take(&mut self.lock().status) { "\r\x1b[2K" } else { "" };
        // A closed pipe is no reason to stop the demo.
        if writeln!(out, "{clear}{text}").is_err() {}
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event(request: &Request, delay: Option<Duration>, board: &Board) -> (&'static str, String) {
    let after =
        delay.map(|it| format!(" ({:.1} ms after the datagram)", it.as_secs_f64() * 1e3)).unwrap_or_default();
    let key = request.text("dedup_key");
    if request.text("event_action") == "resolve" {
        let known = board.incidents_of(key).last().map_or(key, |it| it.summary.as_str());
        return ("resolved", format!("{known}{after}"));
    }
    ("PAGED", format!("{}{after}", request.text("payload.summary")))
}
