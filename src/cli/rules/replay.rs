//! `rules replay` and `rules record`.

use super::super::exit::Exit;
use super::check::count;
use super::daemon::DaemonArguments;
use super::frames::FrameArguments;
use super::{ConfigArguments, RuleArguments, table};
use crate::alert::TransitionKind;
use crate::config::{Config, Secrets};
use crate::model::UnixMillis;
use crate::recording::{Frame, Writer};
use crate::rules::words::duration;
use crate::trial::Trial;
use crate::trial::suite::Said;
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `rules replay`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Recordings, outputs of `poll --json`, or walks as snmprec files
    #[arg(required = true, value_name = "RECORDING")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    rules: RuleArguments,
    #[command(flatten)]
    frames: FrameArguments,
    /// Only the sums by rule
    #[arg(long)]
    summary: bool,
}

/// Arguments of `rules record`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RecordArguments {
    /// Only this device
    device: Option<String>,
    /// Where to write; default: standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How long to record
    #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// How often to look; polls in between are not seen
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    every: Duration,
    #[command(flatten)]
    config: ConfigArguments,
    #[command(flatten)]
    daemon: DaemonArguments,
}

pub(super) const HELP: &str = "\
Plays polls through the rules in the order of their times, with the daemon's own life cycle: waits, clear \
values, groups, schedules, silence. Nobody is paged. Recordings are made by `rackwarden rules record`; of files \
that have no times (poll --json, one object after the other; snmprec) each is one poll, --every apart.

Exit codes: 0 it was played, 3 the rules or a recording have mistakes";

pub(super) const RECORD_HELP: &str = "\
Asks the daemon for its last polls, again and again, and writes what is new: one JSON object a line, see \
docs/rules.md.

Exit codes: 0 recorded, 1 the daemon cannot be asked or the file not be written";

pub(super) fn replay(arguments: &Arguments) -> Result<Exit, Exit> {
    let loaded = arguments.rules.load()?;
    let frames = arguments.frames.read(&arguments.files, loaded.settings.as_ref())?.frames;
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
        eprintln!("rackwarden: there is no poll in it");
        return Err(Exit::Config);
    };
    let mut sources: BTreeMap<Arc<str>, Arc<crate::model::Source>> = BTreeMap::new();
    for frame in &frames {
        sources.entry(Arc::clone(&frame.source.device)).or_insert_with(|| Arc::clone(&frame.source));
    }
    let parents = loaded.settings.as_ref().map(|it| it.parents.clone()).unwrap_or_default();
    let all: Vec<_> = sources.values().cloned().collect();
    let mut trial = Trial::new(loaded.ruleset(), &all, parents);
    let mut tally = Tally::default();
    let mut out = Vec::new();
    for frame in &frames {
        trial.poll(&frame.batch(first.time), &mut out);
        for it in out.drain(..) {
            let said = Said::of(&it, Duration::ZERO);
            tally.count(&it.kind, it.at, &said);
            if !arguments.summary {
                println!("{}  {:<8}  {}: {}  ({})", it.at, said.is, said.rule, said.object, said.reason);
            }
        }
    }
    tally.show(frames.len(), sources.len(), first.time, last.time);
    Ok(Exit::Ok)
}

/// What came of each rule.
#[derive(Default)]
struct Tally {
    rules: BTreeMap<Arc<str>, Sum>,
    open: HashMap<(Arc<str>, String), UnixMillis>,
}

#[derive(Default)]
struct Sum {
    begun: usize,
    ended: usize,
    firing: Duration,
}

impl Tally {
    fn count(&mut self, kind: &TransitionKind, at: UnixMillis, said: &Said) {
        let key = (Arc::clone(&said.rule), said.object.clone());
        let sum = self.rules.entry(Arc::clone(&said.rule)).or_default();
        match kind {
            TransitionKind::Trigger => {
                sum.begun += 1;
                self.open.insert(key, at);
            }
            TransitionKind::Resolve => {
                sum.ended += 1;
                if let Some(since) = self.open.remove(&key) {
                    sum.firing += between(since, at);
                }
            }
            TransitionKind::Change { .. } => (),
        }
    }

    fn show(mut self, polls: usize, devices: usize, first: UnixMillis, last: UnixMillis) {
        for ((rule, _), since) in std::mem::take(&mut self.open) {
            self.rules.entry(rule).or_default().firing += between(since, last);
        }
        let (begun, ended) =
            self.rules.values().fold((0, 0), |(begun, ended), it| (begun + it.begun, ended + it.ended));
        let counted = |number: usize, what| count(u64::try_from(number).unwrap_or(u64::MAX), what);
        println!(
            "{} of {} in {}: {} began, {ended} ended",
            counted(polls, "poll"),
            counted(devices, "device"),
            duration(between(first, last)),
            counted(begun, "alert")
        );
        let row = |(name, sum): (&Arc<str>, &Sum)| {
            vec![
                format!("  {name}"),
                format!("{} began", sum.begun),
                format!("{} ended", sum.ended),
                format!("firing for {}", duration(sum.firing)),
            ]
        };
        let rows: Vec<Vec<String>> = self.rules.iter().map(row).collect();
        table(&rows).iter().for_each(|it| println!("{it}"));
    }
}

fn between(from: UnixMillis, to: UnixMillis) -> Duration {
    Duration::from_millis(u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0))
}

pub(super) fn record(arguments: &RecordArguments) -> Result<Exit, Exit> {
    let settings =
        Config::new(&arguments.config.config).secrets(Secrets::Optional).read().ok().map(|it| it.settings);
    let daemon = arguments.daemon.open(settings.as_ref())?;
    let failed = |error: std::io::Error| {
        eprintln!("rackwarden: the recording cannot be written: {error}");
        Exit::Failed
    };
    let mut out: Box<dyn std::io::Write> = match &arguments.output {
        Some(path) => Box::new(std::io::BufWriter::new(std::fs::File::create(path).map_err(failed)?)),
        None => Box::new(std::io::stdout()),
    };
    writeln!(out, "{}", Writer::header()).map_err(failed)?;
    let clock = crate::model::SystemClock::new();
    let end = clock.moment() + arguments.duration;
    let (mut writer, mut seen) = (Writer::default(), HashMap::<Arc<str>, UnixMillis>::new());
    loop {
        let frames = daemon.frames(arguments.device.as_deref()).map_err(|why| daemon.unreachable(&why))?;
        for frame in &frames {
            write_new(&mut *out, &mut writer, &mut seen, frame).map_err(failed)?;
        }
        out.flush().map_err(failed)?;
        let left = end.since(clock.moment());
        if left.is_zero() {
            return Ok(Exit::Ok);
        }
        std::thread::sleep(arguments.every.min(left));
    }
}

fn write_new(
    out: &mut dyn std::io::Write,
    writer: &mut Writer,
    seen: &mut HashMap<Arc<str>, UnixMillis>,
    frame: &Frame,
) -> std::io::Result<()> {
    let last = seen.entry(Arc::clone(&frame.source.device)).or_insert(UnixMillis(i64::MIN));
    if frame.time <= *last {
        return Ok(());
    }
    *last = frame.time;
    for line in writer.lines(frame) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
