//! `top`: the fleet, live, in a terminal: the screen of `status`, and the slowest devices, drawn anew every few
//! seconds over the HTTP API.

use super::ask::{Daemon, DaemonArguments, Device, DevicePage};
use super::exit::Exit;
use super::status::{Canvas, Picture};
use anstyle::Style;
use std::io::Write as _;
use std::time::Duration;

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

/// Draws until Ctrl-C.
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
    let screen = Screen::enter(left.is_none());
    let mut exit = Exit::Ok;
    while left != Some(0) {
        left = left.map(|it| it - 1);
        let (lines, seen) = look(&daemon);
        exit = seen;
        screen.draw(&lines);
        if left == Some(0) || runtime.block_on(stopped_within(Duration::from_secs(arguments.every))) {
            break;
        }
    }
    exit
}

/// Whether somebody ends it before that time is over.
async fn stopped_within(time: Duration) -> bool {
    tokio::time::timeout(time, super::until_stopped(None)).await.is_ok()
}

fn look(daemon: &Daemon) -> (Vec<String>, Exit) {
    let height = terminal_size::terminal_size().map_or(40, |(_, height)| usize::from(height.0));
    // Three lists share what the head leaves.
    let canvas = Canvas::of_output((height.saturating_sub(18) / 3).max(3));
    match Picture::take(daemon).and_then(|picture| Ok((picture, slowest(daemon)?))) {
        Ok((picture, slowest)) => {
            let mut lines = picture.lines(&daemon.url, canvas);
            lines.push(String::new());
            lines.push(canvas.styled(Style::new().bold(), "Slowest devices"));
            lines.extend(slowest.iter().take(canvas.list).map(|it| canvas.cut(&row(it))));
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
        "  {name:24}  {:>7.1} ms  {} sent{repeats}  {readings_total} readings{missing}  {age_seconds:.0} s ago",
        poll_duration_seconds * 1000.0,
        requests.sent,
    )
}

/// The terminal, given back as it was.
struct Screen {
    is_own: bool,
}

impl Screen {
    /// A screen of its own (xterm's alternate screen, without a cursor), or lines below each other.
    fn enter(is_own: bool) -> Self {
        if is_own {
            write("\x1b[?1049h\x1b[?25l");
        }
        Self { is_own }
    }

    fn draw(&self, lines: &[String]) {
        let (home, end_of_line, rest) =
            if self.is_own { ("\x1b[H", "\x1b[K\n", "\x1b[J") } else { ("", "\n", "") };
        let text: String = lines.iter().flat_map(|it| [it.as_str(), end_of_line]).collect();
        write(&format!("{home}{text}{rest}"));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.is_own {
            write("\x1b[?25h\x1b[?1049l");
        }
    }
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
