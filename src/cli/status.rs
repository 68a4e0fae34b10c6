//! `status`: one screen that says whether all is well, and what is not. `top` draws the same again and again.

use super::ask::{Alert, AlertList, Daemon, DaemonArguments, Device, Status, span};
use super::counted;
use super::exit::Exit;
use crate::model::SystemClock;
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    daemon: DaemonArguments,
}

/// How to draw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canvas {
    pub(super) colour: bool,
    /// Lines of each list.
    pub(super) list: usize,
    /// Characters of a line; longer ones are cut.
    pub(super) width: usize,
}

impl Canvas {
    /// Of standard output; a pipe takes lines of any length.
    pub(super) fn of_output(list: usize) -> Self {
        let size = terminal_size::terminal_size().filter(|_| std::io::stdout().is_terminal());
        let width = size.map_or(usize::MAX, |(width, _)| usize::from(width.0));
        let colour = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
        Self { colour, list, width }
    }

    pub(super) fn styled(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// A line that fits.
    pub(super) fn cut(&self, text: &str) -> String {
        if text.chars().count() <= self.width {
            return text.to_owned();
        }
        let kept: String = text.chars().take(self.width.saturating_sub(1)).collect();
        format!("{kept}…")
    }
}

/// All that is shown.
pub(super) struct Picture {
    pub(super) status: Status,
    pub(super) alerts: Vec<Alert>,
    pub(super) failing: Vec<Device>,
}

impl Picture {
    pub(super) fn take(daemon: &Daemon) -> Result<Self, String> {
        let status: Status = daemon.get("/api/v1/status")?;
        let AlertList { alerts } = daemon.get("/api/v1/alerts")?;
        let failing = if status.devices.down == 0 { Vec::new() } else { daemon.failing()? };
        Ok(Self { status, alerts, failing })
    }

    /// Why not all is well; empty if it is.
    pub(super) fn troubles(&self) -> Vec<String> {
        let status = &self.status;
        let mut troubles: Vec<String> = Vec::new();
        if !status.ready {
            let reasons = status.reasons.iter().map(|it| format!("{}: {}", it.check, it.message));
            troubles.push(format!("not ready ({})", reasons.collect::<Vec<_>>().join("; ")));
        }
        let count = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {many}")),
        };
        troubles.extend(count(status.alerts.firing, "alert fires", "alerts fire"));
        troubles.extend(count(status.devices.down, "device does not answer", "devices do not answer"));
        troubles.extend(count(status.sources.down, "inventory source fails", "inventory sources fail"));
        let broken = status.outbox.iter().filter(|it| !it.healthy).count();
        troubles.extend(count(broken, "integration does not take pages", "integrations do not take pages"));
        troubles
    }

    /// The screen's lines.
    pub(super) fn lines(&self, url: &str, canvas: Canvas) -> Vec<String> {
        let mut lines = self.head(url, canvas);
        let bold = Style::new().bold();
        let section = |lines: &mut Vec<String>, title: String, rows: Vec<String>| {
            if !rows.is_empty() {
                lines.push(String::new());
                lines.push(canvas.styled(bold, &title));
                let more = rows.len().saturating_sub(canvas.list);
                lines.extend(rows.into_iter().take(canvas.list));
                if more != 0 {
                    lines.push(format!("  and {more} more"));
                }
            }
        };
        let now = SystemClock::new().now().unix;
        let alerts = self.alerts.iter().map(|it| alert(it, now.0, canvas)).collect();
        section(&mut lines, "Alerts".to_owned(), alerts);
        let failing = self.failing.iter().map(|it| failing(it, canvas)).collect();
        section(&mut lines, "Devices that do not answer".to_owned(), failing);
        lines
    }

    fn head(&self, url: &str, canvas: Canvas) -> Vec<String> {
        let Status { version, uptime_seconds, devices, readings, sources, alerts, outbox, .. } = &self.status;
        let troubles = self.troubles();
        let (colour, verdict) = if troubles.is_empty() {
            (AnsiColor::Green, "all is well".to_owned())
        } else {
            (AnsiColor::Red, troubles.join(", "))
        };
        let stale = if devices.stale == 0 { String::new() } else { format!(" ({} stale)", devices.stale) };
        let mut lines = vec![
            canvas.styled(colour.on_default().bold(), &canvas.cut(&verdict)),
            String::new(),
            canvas.cut(&format!("collector  {version} at {url}, up {}", span(*uptime_seconds))),
            canvas.cut(&format!(
                "devices    {}: {} up, {} down{stale}",
                devices.total, devices.up, devices.down
            )),
            canvas.cut(&format!("readings   {}, {} of them missing", readings.total, readings.missing)),
            canvas.cut(&format!("alerts     {} firing, {} pending", alerts.firing, alerts.pending)),
        ];
        if sources.total != 0 {
            let (total, objects) = (counted(sources.total, "source"), counted(sources.objects, "object"));
            lines.push(canvas.cut(&format!("inventory  {total}, {} down, {objects}", sources.down)));
        }
        for it in outbox {
            let mut line = format!("paging     {}: {} sent, {} waiting", it.name, it.sent, it.waiting);
            let lost = (it.dead_letters != 0).then(|| format!(", {} lost", it.dead_letters));
            let error = it.last_error.as_ref().map(|it| format!(" ({it})"));
            for part in [lost, error].into_iter().flatten() {
                let written = write!(line, "{part}");
                debug_assert!(written.is_ok(), "a String takes everything");
            }
            lines.push(canvas.cut(&line));
        }
        lines
    }
}

fn alert(alert: &Alert, now: i64, canvas: Canvas) -> String {
    let colour = match alert.severity.as_str() {
        "critical" | "error" => AnsiColor::Red,
        "warning" => AnsiColor::Yellow,
        _ => AnsiColor::Blue,
    };
    let word = if alert.phase == "firing" { alert.severity.as_str() } else { "pending" };
    let since = alert.since.parse::<jiff::Timestamp>().map_or(now / 1000, jiff::Timestamp::as_second);
    let age = u32::try_from((now / 1000).saturating_sub(since).max(0)).unwrap_or(u32::MAX);
    let part = match (&alert.component, &alert.label) {
        (Some(_), Some(label)) if !label.is_empty() && *label != alert.device => format!(" {label}"),
        (Some(component), _) if component != "device" => format!(" {component}"),
        _ => String::new(),
    };
    let age = span(f64::from(age));
    let rest = format!("{}{part}  {}: {}  {age}", alert.device, alert.rule, alert.reason);
    let cut = Canvas { width: canvas.width.saturating_sub(12), ..canvas }.cut(&rest);
    format!("  {}  {cut}", canvas.styled(colour.on_default(), &format!("{word:8}")))
}

fn failing(device: &Device, canvas: Canvas) -> String {
    let why = device.error.as_ref().map_or_else(
        || if device.stale { "not polled for too long".to_owned() } else { "no answer".to_owned() },
        |it| format!("{}: {}", it.class, it.message),
    );
    let stale = if device.stale { " stale" } else { "" };
    canvas.cut(&format!("  {}  {}{stale}  {why}", device.name, device.address))
}

/// Shows and judges.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let daemon = match Daemon::of(&arguments.daemon) {
        Ok(daemon) => daemon,
        Err(exit) => return exit,
    };
    match Picture::take(&daemon) {
        Ok(picture) => {
            for line in picture.lines(&daemon.url, Canvas::of_output(LIST)) {
                println!("{line}");
            }
            if picture.troubles().is_empty() { Exit::Ok } else { Exit::Failed }
        }
        Err(error) => {
            eprintln!("rackwarden: no answer from {}: {error}", daemon.url);
            Exit::NoAnswer
        }
    }
}

/// One screen.
const LIST: usize = 10;
