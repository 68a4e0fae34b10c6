//! `top`: the fleet, live, in a terminal: the screen of `status`, and the slowest devices, drawn anew every few
//! seconds over the HTTP API.

use super::ask::{Daemon, DaemonArguments, Device, DevicePage};
use super::exit::Exit;
use super::status::{Canvas, Picture};
use super::{counted, until_stopped};
use anstyle::Style;
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::time::Duration;
use tokio::sync::mpsc;

/// Arguments of `top`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Seconds between two looks
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    /// Stop after so many looks, one below the other, without clearing the screen
    #[arg(long, value_name = "N")]
    looks: Option<u32>,
    #[command(flatten)]
    daemon: DaemonArguments,
}

/// Draws until `q` or Ctrl-C.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let daemon = match Daemon::of(&arguments.daemon) {
        Ok(daemon) => daemon,
        Err(exit) => return exit,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rackwarden: cannot start a runtime: {error}");
            return Exit::Failed;
        }
    };
    let mut left = arguments.looks;
    let mut screen = Screen::enter(left.is_none());
    let mut exit = Exit::Ok;
    while left != Some(0) {
        left = left.map(|it| it - 1);
        let (mut lines, seen) = look(&daemon);
        exit = seen;
        if screen.is_own {
            let hint = format!("every {} s; q ends", arguments.every);
            lines.resize(rows().saturating_sub(1).max(lines.len()), String::new());
            lines.push(Canvas::of_output(0).styled(Style::new().dimmed(), &hint));
        }
        screen.draw(&lines);
        if left == Some(0) || runtime.block_on(screen.left_within(Duration::from_secs(arguments.every))) {
            break;
        }
    }
    exit
}

/// Lines of the terminal; where there is none, as many as are read with ease.
fn rows() -> usize {
    terminal_size::terminal_size().map_or(40, |(_, height)| usize::from(height.0))
}

fn look(daemon: &Daemon) -> (Vec<String>, Exit) {
    let rows = rows();
    // Alerts and silent devices share what the head leaves, the slowest get the rest.
    let canvas = Canvas::of_output((rows.saturating_sub(18) / 2).max(3));
    match Picture::take(daemon).and_then(|picture| Ok((picture, slowest(daemon)?))) {
        Ok((picture, slowest)) => {
            let mut lines = picture.lines(&daemon.url, canvas);
            lines.push(String::new());
            lines.push(canvas.styled(Style::new().bold(), "Slowest devices"));
            let room = rows.saturating_sub(lines.len() + 2).max(3);
            lines.extend(slowest.iter().take(room).map(|it| canvas.cut(&row(it))));
            (lines, Exit::Ok)
        }
        Err(error) => (vec![canvas.cut(&format!("no answer from {}: {error}", daemon.url))], Exit::NoAnswer),
    }
}

/// Of the first thousand devices, those whose polls take longest.
fn slowest(daemon: &Daemon) -> Result<Vec<Device>, String> {
    let DevicePage { mut devices, .. } = daemon.get("/api/v1/devices?limit=1000")?;
    devices.retain(|it| it.up);
    devices.sort_by(|a, b| b.poll_duration_seconds.total_cmp(&a.poll_duration_seconds));
    Ok(devices)
}

fn row(device: &Device) -> String {
    let Device {
        name, poll_duration_seconds, requests, readings_total, readings_missing, age_seconds, ..
    } = device;
    let missing =
        if *readings_missing == 0 { String::new() } else { format!(" ({readings_missing} missing)") };
    let repeats =
        if requests.repeated == 0 { String::new() } else { format!(", {} repeated", requests.repeated) };
    format!(
        "  {name:20}  {:>7.1} ms  {}{repeats}  {}{missing}  {age_seconds:.0} s ago",
        poll_duration_seconds * 1000.0,
        counted(usize::try_from(requests.sent).unwrap_or(usize::MAX), "request"),
        counted(*readings_total, "reading"),
    )
}

/// The terminal, given back as it was.
struct Screen {
    is_own: bool,
    /// How it was, where keys are taken at once.
    before: Option<Termios>,
    /// Says when somebody pressed the key that ends it.
    ended: Option<mpsc::Receiver<()>>,
}

impl Screen {
    /// A screen of its own (xterm's alternate screen, without a cursor), or lines below each other.
    fn enter(is_own: bool) -> Self {
        if !is_own {
            return Self { is_own, before: None, ended: None };
        }
        write("\x1b[?1049h\x1b[?25l");
        let before = keys_at_once();
        let ended = before.is_some().then(ending_key);
        Self { is_own, before, ended }
    }

    /// Whether somebody ends it before that time is over.
    async fn left_within(&mut self, time: Duration) -> bool {
        let key = async {
            let pressed = match &mut self.ended {
                Some(ended) => ended.recv().await,
                None => None,
            };
            // Without a keyboard nothing ends it.
            if pressed.is_none() {
                std::future::pending::<()>().await;
            }
        };
        let either = async {
            tokio::select! {
                () = key => (),
                () = until_stopped(None) => (),
            }
        };
        tokio::time::timeout(time, either).await.is_ok()
    }

    fn draw(&self, lines: &[String]) {
        if self.is_own {
            // A line feed in the last line would push the first one out.
            let shown: Vec<&str> = lines.iter().take(rows()).map(String::as_str).collect();
            write(&format!("\x1b[H{}\x1b[K\x1b[J", shown.join("\x1b[K\r\n")));
        } else {
            write(&lines.iter().flat_map(|it| [it.as_str(), "\n"]).collect::<String>());
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(before) = &self.before
            && let Err(error) = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, before)
        {
            tracing::debug!("the terminal stays as it is: {error}");
        }
        if self.is_own {
            write("\x1b[?25h\x1b[?1049l");
        }
    }
}

/// Has keys come without Return and unseen; Ctrl-C and Ctrl-Z stay what they are. How it was before; `None` where
/// nobody types.
fn keys_at_once() -> Option<Termios> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return None;
    }
    let before = termios::tcgetattr(&input).ok()?;
    let mut at_once = before.clone();
    at_once.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    termios::tcsetattr(&input, OptionalActions::Now, &at_once).ok()?;
    Some(before)
}

/// A word once `q` was pressed. Its thread waits for keys until the process ends.
fn ending_key() -> mpsc::Receiver<()> {
    let (said, ended) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut keys = std::io::stdin().lock().bytes();
        while let Some(Ok(key)) = keys.next() {
            if key.eq_ignore_ascii_case(&b'q') {
                if said.blocking_send(()).is_err() {
                    tracing::debug!("it has ended already");
                }
                return;
            }
        }
    });
    ended
}

/// At once: the picture is whole or not there.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody looks any more.
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written {
        tracing::debug!("not drawn: {error}");
    }
}
