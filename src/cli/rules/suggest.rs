//! `rules suggest`: rules for a device, from what is set in it, what it is rated for and what was read of it.
//! Printed, never applied.

mod own;

use super::super::exit::Exit;
use super::by_hand::{self, OwnThresholds};
use super::check::count;
use super::daemon::DaemonArguments;
use super::frames::{FrameArguments, Polls};
use super::{Loaded, RuleArguments, profiles};
use crate::config::Settings;
use crate::model::{Component, ComponentKind, Quantity, Sample};
use crate::profile::DeviceThresholds;
use crate::recording::Frame;
use crate::rules::words::number;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `rules suggest`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Only this device
    #[arg(value_name = "DEVICE")]
    name: Option<String>,
    /// What was read, from recordings, outputs of `poll --json` or snmprec files, instead of asking the daemon
    #[arg(long, value_name = "FILE")]
    recording: Vec<PathBuf>,
    /// Poll the devices once, and read what thresholds are set in them, instead of asking the daemon
    #[arg(long, conflicts_with = "recording")]
    poll: bool,
    #[command(flatten)]
    frames: FrameArguments,
    #[command(flatten)]
    rules: RuleArguments,
    #[command(flatten)]
    daemon: DaemonArguments,
}

pub(super) const HELP: &str = "\
Of thresholds that are set in the device itself (known with --poll, or from a walk as snmprec) those are \
proposed. Else, where a component is rated, its share of that; else thresholds a quarter beyond what was read, \
which are worth as much as the time that they were read for: record a week first (`rackwarden rules record`). \
Each proposal says what it comes from. Copy what you like into conf.d/alerts.toml.

Exit codes: 0 proposed, 1 the daemon cannot be asked, 5 nothing is known to propose anything from";

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Exit> {
    let loaded = arguments.load()?;
    let settings = loaded.settings.as_ref();
    let Polls { frames, own } = arguments.polls(settings)?;
    let mut seen: BTreeMap<Arc<str>, Device> = BTreeMap::new();
    let wanted = |it: &&Frame| arguments.wants(&it.source.device);
    for frame in
        frames.iter().filter(wanted).filter(|it| it.error.is_none() && !it.source.kind.is_inventory())
    {
        let device = &frame.source.device;
        seen.entry(Arc::clone(device)).or_default().see(frame, own.get(device), |kind| {
            let device = settings?.polled().find(|it| it.name == device)?;
            device.rated_current_amperes.iter().find(|(it, _)| *it == kind).map(|(_, amperes)| *amperes)
        });
    }
    let mut proposals = 0;
    for (name, device) in &seen {
        for proposal in device.proposals(name) {
            println!("{proposal}");
            proposals += 1;
        }
    }
    if proposals == 0 {
        eprintln!("rackwarden: {}", arguments.nothing(&frames));
        return Ok(Exit::Unknown);
    }
    Ok(Exit::Ok)
}

impl Arguments {
    fn load(&self) -> Result<Loaded, Exit> {
        if self.poll {
            return self.rules.load_to_poll();
        }
        // Recordings are enough: a configuration is not needed for them.
        if !self.recording.is_empty() && !self.rules.config.is_there() {
            return Ok(Loaded::none());
        }
        self.rules.load()
    }

    fn wants(&self, device: &str) -> bool {
        self.name.as_ref().is_none_or(|it| *it == *device)
    }

    fn polls(&self, settings: Option<&Settings>) -> Result<Polls, Exit> {
        if !self.recording.is_empty() {
            return self.frames.read(&self.recording, settings);
        }
        let (Some(settings), true) = (settings, self.poll) else {
            let daemon = self.daemon.open(settings)?;
            let frames = daemon.frames(self.name.as_deref()).map_err(|why| daemon.unreachable(&why))?;
            return Ok(Polls { frames, own: OwnThresholds::new() });
        };
        let profiles = Arc::new(profiles(&settings.profile_folders)?.with_device_thresholds());
        let polled = by_hand::poll(settings, &profiles, &|name| self.wants(name))?;
        let mut polls = Polls { frames: Vec::new(), own: OwnThresholds::new() };
        for it in polled {
            let device = Arc::clone(&it.frame.source.device);
            if let Some(error) = &it.frame.error {
                eprintln!("rackwarden: {device}: {error}");
            }
            polls.own.insert(device, it.own);
            polls.frames.push(it.frame);
        }
        Ok(polls)
    }

    /// Why nothing is proposed.
    fn nothing(&self, frames: &[Frame]) -> String {
        let is_known = frames.iter().any(|it| self.wants(&it.source.device));
        match &self.name {
            Some(name) if !is_known => {
                let near = crate::model::closest(name, frames.iter().map(|it| &*it.source.device));
                let help = near.map(|it| format!("; did you mean \"{it}\"?")).unwrap_or_default();
                format!("nothing was read of \"{name}\"{help}")
            }
            _ => "nothing was read that thresholds could be proposed for".to_owned(),
        }
    }
}

/// What was read of a device.
#[derive(Default)]
struct Device {
    polls: u64,
    series: BTreeMap<(ComponentKind, Quantity, Arc<str>), Span>,
}

/// What was read of a component.
#[derive(Debug, Clone)]
struct Span {
    least: f64,
    most: f64,
    rated: Option<f64>,
    label: Arc<str>,
    own: DeviceThresholds,
}

/// Those that the same levels fit.
type Alike<'a> = Vec<(Levels, Vec<(&'a str, &'a Span)>)>;

fn join<'a>(alike: &mut Alike<'a>, levels: Levels, member: (&'a str, &'a Span)) {
    match alike.iter_mut().find(|(it, _)| *it == levels) {
        Some((_, members)) => members.push(member),
        None => alike.push((levels, vec![member])),
    }
}

impl Device {
    fn see(
        &mut self,
        frame: &Frame,
        own: Option<&BTreeMap<by_hand::Key, DeviceThresholds>>,
        rated_by_hand: impl Fn(ComponentKind) -> Option<f64>,
    ) {
        self.polls += 1;
        for (reading, sample) in frame.shape.readings.iter().zip(&frame.samples) {
            let (Some(component), Sample::Value(value)) = (frame.shape.component_of(reading), sample) else {
                continue;
            };
            let key = (component.kind, reading.quantity, Arc::clone(&component.index));
            let own = own.and_then(|it| it.get(&key)).copied();
            let is_wanted =
                KINDS.iter().any(|it| it.kind == component.kind && it.quantity == reading.quantity);
            if !(is_wanted || own.is_some()) || !reading.name.is_empty() || !value.is_finite() {
                continue;
            }
            let rating = rating(component, reading.quantity);
            let rated = match reading.quantity {
                Quantity::Current => rated_by_hand(component.kind).or(rating),
                _ => rating,
            };
            let new = || Span {
                least: *value,
                most: *value,
                rated,
                label: Arc::clone(&component.label),
                own: own.unwrap_or_default(),
            };
            let span = self.series.entry(key).or_insert_with(new);
            (span.least, span.most) = (span.least.min(*value), span.most.max(*value));
        }
    }

    /// Tables of `[[alerts]]`, one a kind of component and quantity and, where they differ, a component.
    fn proposals(&self, name: &str) -> Vec<String> {
        let mut proposals = self.own_proposals(name);
        for kind in KINDS {
            let mut alike = Alike::new();
            let subject = Subject { kind: kind.kind, quantity: kind.quantity, rule_type: kind.rule_type };
            for (index, span) in self.of(kind.kind, kind.quantity) {
                let levels = (kind.levels)(span);
                if let Some(levels) = levels.filter(|it| !own::covers(&span.own, it.operator)) {
                    join(&mut alike, levels, (index, span));
                }
            }
            proposals.extend(self.rules(name, &subject, &alike));
        }
        proposals
    }

    /// Those that come from what is set in the device itself.
    fn own_proposals(&self, name: &str) -> Vec<String> {
        let subjects: BTreeSet<_> =
            self.series.keys().map(|(kind, quantity, _)| (*kind, *quantity)).collect();
        let mut proposals = Vec::new();
        for (kind, quantity) in subjects {
            let subject = Subject { kind, quantity, rule_type: own::rule_type(kind, quantity).name() };
            for side in own::Side::BOTH {
                let mut alike = Alike::new();
                for (index, span) in self.of(kind, quantity) {
                    if let Some(levels) = own::levels(quantity, span, side) {
                        join(&mut alike, levels, (index, span));
                    }
                }
                proposals.extend(self.rules(name, &subject, &alike));
            }
        }
        proposals
    }

    fn of(&self, kind: ComponentKind, quantity: Quantity) -> impl Iterator<Item = (&str, &Span)> {
        let all = self.series.iter().filter(move |((it, of, _), _)| *it == kind && *of == quantity);
        all.map(|((.., index), span)| (&**index, span))
    }

    fn rules(&self, name: &str, subject: &Subject, alike: &Alike<'_>) -> Vec<String> {
        let all = self.of(subject.kind, subject.quantity).count();
        let is_whole = alike.first().is_some_and(|(_, it)| it.len() == all);
        alike.iter().map(|(levels, members)| self.rule(name, subject, levels, members, is_whole)).collect()
    }

    fn rule(
        &self,
        name: &str,
        subject: &Subject,
        levels: &Levels,
        members: &[(&str, &Span)],
        is_whole: bool,
    ) -> String {
        let (kind, unit) = (subject.kind, subject.quantity.unit().symbol());
        let least = members.iter().map(|(_, it)| it.least).fold(f64::INFINITY, f64::min);
        let most = members.iter().map(|(_, it)| it.most).fold(f64::NEG_INFINITY, f64::max);
        let unit = if unit == "degC" { "°C" } else { unit };
        let read =
            if least < most { format!("{} to {}", number(least), number(most)) } else { number(least) };
        let seen = format!("read {read} {unit} in {}", count(self.polls, "poll"));
        let first = members.first().map_or("", |(index, _)| *index);
        let which = if is_whole { String::new() } else { format!(" {first}") };
        let title = format!("{name} {kind}{which} {}{}", levels.trigger.replace('_', " "), levels.suffix);
        let objects: Vec<String> = if is_whole {
            vec![quote(&format!("{name}/{kind}"))]
        } else {
            members.iter().map(|(index, _)| quote(&format!("{name}/{kind}/{index}"))).collect()
        };
        let mut labels: Vec<&str> = members.iter().map(|(_, it)| &*it.label).take(LABELS_MAX).collect();
        if LABELS_MAX < members.len() {
            labels.push("..");
        }
        let mut lines = vec![
            format!("# {}; {seen} of {}.", levels.why, labels.join(", ").replace(char::is_control, " ")),
            "[[alerts]]".to_owned(),
            format!("name = {}", quote(&title)),
            format!("type = \"{}\"", subject.rule_type),
            format!("trigger = \"{}\"", levels.trigger),
            format!("apply_to = [{}]", objects.join(", ")),
            format!("operator = \"{}\"", levels.operator),
        ];
        let level = |(severity, value, clear): &(&str, String, String)| {
            format!("{severity} = {{ value = {value}, clear = {clear} }}")
        };
        lines.extend(levels.levels.iter().map(level));
        if !levels.hold_for.is_empty() {
            lines.push(format!("for = {}", quote(levels.hold_for)));
        }
        lines.join("\n") + "\n"
    }
}

/// Labels that a comment has room for.
const LABELS_MAX: usize = 4;

fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn rating(component: &Component, quantity: Quantity) -> Option<f64> {
    match quantity {
        Quantity::Current => component.ratings.current_amperes,
        Quantity::ActivePower => component.ratings.active_power_watts,
        Quantity::ApparentPower => component.ratings.apparent_power_volt_amperes,
        _ => None,
    }
}

/// What a proposal is about.
struct Subject {
    kind: ComponentKind,
    quantity: Quantity,
    rule_type: &'static str,
}

/// What is proposed for a kind of reading.
struct Kind {
    kind: ComponentKind,
    quantity: Quantity,
    rule_type: &'static str,
    levels: fn(&Span) -> Option<Levels>,
}

#[derive(Debug, Clone, PartialEq)]
struct Levels {
    trigger: &'static str,
    operator: &'static str,
    levels: Vec<(&'static str, String, String)>,
    hold_for: &'static str,
    /// What its name ends with.
    suffix: &'static str,
    why: String,
}

const KINDS: &[Kind] = &[
    Kind {
        kind: ComponentKind::Infeed,
        quantity: Quantity::Current,
        rule_type: "power_unit_infeed",
        levels: amperes,
    },
    Kind {
        kind: ComponentKind::Phase,
        quantity: Quantity::Current,
        rule_type: "power_unit_infeed",
        levels: amperes,
    },
    Kind { kind: ComponentKind::Bank, quantity: Quantity::Current, rule_type: "bank", levels: amperes },
    Kind {
        kind: ComponentKind::Sensor,
        quantity: Quantity::Temperature,
        rule_type: "power_unit_sensor",
        levels: degrees,
    },
    Kind {
        kind: ComponentKind::Sensor,
        quantity: Quantity::Humidity,
        rule_type: "power_unit_sensor",
        levels: humidity,
    },
    Kind { kind: ComponentKind::Output, quantity: Quantity::Load, rule_type: "ups", levels: load },
    Kind { kind: ComponentKind::Output, quantity: Quantity::Voltage, rule_type: "ups", levels: voltage },
    Kind { kind: ComponentKind::Battery, quantity: Quantity::Runtime, rule_type: "ups", levels: runtime },
];

fn two(warning: (f64, f64), critical: (f64, f64)) -> Vec<(&'static str, String, String)> {
    vec![
        ("warning", number(warning.0), number(warning.1)),
        ("critical", number(critical.0), number(critical.1)),
    ]
}

fn amperes(span: &Span) -> Option<Levels> {
    if let Some(rated) = span.rated.filter(|it| 0.0 < *it) {
        return Some(Levels {
            trigger: "percent_of_rated",
            operator: ">",
            levels: two((80.0, 75.0), (90.0, 85.0)),
            hold_for: "30s",
            suffix: "",
            why: format!("Rated {} A: a breaker carries 80 % of that for long", number(rated)),
        });
    }
    (0.5 <= span.most).then(|| Levels {
        trigger: "current",
        operator: ">",
        levels: two((up(span.most * 1.25), up(span.most * 1.15)), (up(span.most * 1.5), up(span.most * 1.4))),
        hold_for: "30s",
        suffix: "",
        why: "No rating is known (rated_current on the device gives one): a quarter and a half over what was read"
            .to_owned(),
    })
}

fn degrees(span: &Span) -> Option<Levels> {
    (span.most < 45.0).then(|| {
        let own = 27.0 < span.most + 2.0;
        let warning = if own { (span.most + 3.0).ceil() } else { 27.0 };
        let critical = (warning + 5.0).max(32.0);
        Levels {
            trigger: "temperature",
            operator: ">",
            levels: two((warning, warning - 1.0), (critical, critical - 2.0)),
            hold_for: "2m",
            suffix: "",
            why: if own {
                "Warmer than the 27 °C that ASHRAE recommends for intake air, so three degrees over what was read"
                    .to_owned()
            } else {
                "ASHRAE recommends intake air up to 27 °C, and allows 32 °C for class A1".to_owned()
            },
        }
    })
}

fn humidity(span: &Span) -> Option<Levels> {
    let warning = if span.most < 65.0 { 70.0 } else { (span.most + 5.0).min(90.0).ceil() };
    (span.most < 85.0).then(|| Levels {
        trigger: "humidity",
        operator: ">",
        levels: two((warning, warning - 5.0), ((warning + 10.0).min(95.0), (warning + 5.0).min(90.0))),
        hold_for: "5m",
        suffix: "",
        why: "ASHRAE recommends at most 60 to 70 % relative humidity, by class".to_owned(),
    })
}

fn load(span: &Span) -> Option<Levels> {
    (span.most < 80.0).then(|| Levels {
        trigger: "load",
        operator: ">",
        levels: two((80.0, 75.0), (95.0, 90.0)),
        hold_for: "1m",
        suffix: "",
        why: "A UPS needs room for what is switched on during a failure".to_owned(),
    })
}

/// The usual voltages of outputs.
const NOMINAL: [f64; 9] = [100.0, 110.0, 120.0, 208.0, 220.0, 230.0, 240.0, 277.0, 400.0];

fn voltage(span: &Span) -> Option<Levels> {
    let middle = f64::midpoint(span.least, span.most);
    let nominal =
        NOMINAL.into_iter().min_by(|one, other| (one - middle).abs().total_cmp(&(other - middle).abs()))?;
    let inside = |it: f64| (it - nominal).abs() < nominal * 0.08;
    (inside(span.least) && inside(span.most)).then(|| {
        let range = |share: f64| {
            format!(
                "[{}, {}]",
                number((nominal * (1.0 - share)).round()),
                number((nominal * (1.0 + share)).round())
            )
        };
        Levels {
            trigger: "voltage",
            operator: "outside",
            levels: vec![("warning", range(0.1), range(0.08))],
            hold_for: "10s",
            suffix: "",
            why: format!(
                "Nominal {} V, by what was read: EN 50160 allows a tenth to either side",
                number(nominal)
            ),
        }
    })
}

fn runtime(span: &Span) -> Option<Levels> {
    // Enough to shut down takes minutes; a battery that promised less never had it.
    (600.0 <= span.least).then(|| {
        let half = (span.least / 2.0 / 60.0).floor() * 60.0;
        let quarter = (span.least / 4.0 / 60.0).floor().max(2.0) * 60.0;
        Levels {
            trigger: "runtime",
            operator: "<",
            levels: two((half, half * 1.2), (quarter, quarter * 1.2)),
            hold_for: "",
            suffix: "",
            why: "In seconds: half and a quarter of the least that was read".to_owned(),
        }
    })
}

/// Up to a number that a person would write.
fn up(value: f64) -> f64 {
    let step = if value < 10.0 { 0.1 } else { 0.5 };
    (value / step).ceil() * step
}
