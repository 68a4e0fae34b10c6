//! `rules suggest`: rules for a device, from what it is rated for and what was read of it. Printed, never
//! applied.

use super::super::exit::Exit;
use super::RuleArguments;
use super::daemon::DaemonArguments;
use super::frames::FrameArguments;
use crate::model::{Component, ComponentKind, Quantity, Sample};
use crate::recording::Frame;
use crate::rules::words::number;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `rules suggest`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Only this device
    name: Option<String>,
    /// What was read, from recordings, outputs of `poll --json` or snmprec files, instead of asking the daemon
    #[arg(long, value_name = "FILE")]
    recording: Vec<PathBuf>,
    #[command(flatten)]
    frames: FrameArguments,
    #[command(flatten)]
    rules: RuleArguments,
    #[command(flatten)]
    daemon: DaemonArguments,
}

pub(super) const HELP: &str = "\
Where a component is rated, its share of that is proposed; else thresholds a quarter beyond what was read,
which are worth as much as the time that they were read for: record a week first (`rackwarden rules record`).
Each proposal says what it comes from. Copy what you like into conf.d/alerts.toml.

Exit codes: 0 proposed, 1 the daemon cannot be asked, 5 nothing is known to propose anything from";

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Exit> {
    let loaded = arguments.rules.load().or_else(|exit| {
        // Recordings are enough: a configuration is not needed for them.
        if arguments.recording.is_empty() { Err(exit) } else { Ok(super::Loaded::none()) }
    })?;
    let settings = loaded.settings.as_ref();
    let frames = if arguments.recording.is_empty() {
        let daemon = arguments.daemon.open(settings)?;
        daemon.frames(arguments.name.as_deref()).map_err(|why| daemon.unreachable(&why))?
    } else {
        arguments.frames.read(&arguments.recording, settings)?
    };
    let mut seen: BTreeMap<Arc<str>, Device> = BTreeMap::new();
    let wanted = |it: &&Frame| arguments.name.as_ref().is_none_or(|name| *it.source.device == **name);
    for frame in
        frames.iter().filter(wanted).filter(|it| it.error.is_none() && !it.source.kind.is_inventory())
    {
        seen.entry(Arc::clone(&frame.source.device)).or_default().see(frame, |kind| {
            let device = settings?.devices.iter().find(|it| it.name == frame.source.device)?;
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
        eprintln!("rackwarden: nothing was read that thresholds could be proposed for");
        return Ok(Exit::Unknown);
    }
    Ok(Exit::Ok)
}

/// What was read of a device.
#[derive(Default)]
struct Device {
    polls: usize,
    series: BTreeMap<(ComponentKind, Quantity, Arc<str>), Span>,
}

/// What was read of a component.
#[derive(Debug, Clone)]
struct Span {
    least: f64,
    most: f64,
    rated: Option<f64>,
    label: Arc<str>,
}

impl Device {
    fn see(&mut self, frame: &Frame, rated_by_hand: impl Fn(ComponentKind) -> Option<f64>) {
        self.polls += 1;
        for (reading, sample) in frame.shape.readings.iter().zip(&frame.samples) {
            let (Some(component), Sample::Value(value)) = (frame.shape.component_of(reading), sample) else {
                continue;
            };
            let is_wanted =
                KINDS.iter().any(|it| it.kind == component.kind && it.quantity == reading.quantity);
            if !is_wanted || !reading.name.is_empty() || !value.is_finite() {
                continue;
            }
            let key = (component.kind, reading.quantity, Arc::clone(&component.index));
            let own = rating(component, reading.quantity);
            let rated = match reading.quantity {
                Quantity::Current => rated_by_hand(component.kind).or(own),
                _ => own,
            };
            let new = || Span { least: *value, most: *value, rated, label: Arc::clone(&component.label) };
            let span = self.series.entry(key).or_insert_with(new);
            (span.least, span.most) = (span.least.min(*value), span.most.max(*value));
        }
    }

    /// Tables of `[[alerts]]`, one a kind of component and quantity and, where they differ, a component.
    fn proposals(&self, name: &str) -> Vec<String> {
        let mut proposals = Vec::new();
        for kind in KINDS {
            let of_kind: Vec<(&str, &Span)> = self
                .series
                .iter()
                .filter(|((it, quantity, _), _)| *it == kind.kind && *quantity == kind.quantity)
                .map(|((.., index), span)| (&**index, span))
                .collect();
            let mut alike: Vec<(Levels, Vec<(&str, &Span)>)> = Vec::new();
            for (index, span) in of_kind {
                let Some(levels) = (kind.levels)(span) else { continue };
                match alike.iter_mut().find(|(it, _)| *it == levels) {
                    Some((_, members)) => members.push((index, span)),
                    None => alike.push((levels, vec![(index, span)])),
                }
            }
            let is_whole = alike.len() == 1;
            for (levels, members) in &alike {
                proposals.push(self.rule(name, kind, levels, members, is_whole));
            }
        }
        proposals
    }

    fn rule(
        &self,
        name: &str,
        kind: &Kind,
        levels: &Levels,
        members: &[(&str, &Span)],
        is_whole: bool,
    ) -> String {
        let (mut text, unit) = (String::new(), kind.quantity.unit().symbol());
        let least = members.iter().map(|(_, it)| it.least).fold(f64::INFINITY, f64::min);
        let most = members.iter().map(|(_, it)| it.most).fold(f64::NEG_INFINITY, f64::max);
        let unit_of = |it: &str| if it == "degC" { "°C".to_owned() } else { it.to_owned() };
        let seen =
            format!("read {} to {} {} in {} polls", number(least), number(most), unit_of(unit), self.polls);
        let first = members.first().map_or("", |(index, _)| *index);
        let which = if is_whole { String::new() } else { format!(" {first}") };
        let title = format!("{name} {} {}{which}", kind.kind, levels.trigger.replace('_', " "));
        let objects: Vec<String> = if is_whole {
            vec![format!("{name}/{}", kind.kind)]
        } else {
            members.iter().map(|(index, _)| format!("{name}/{}/{index}", kind.kind)).collect()
        };
        let quoted: Vec<String> = objects.iter().map(|it| quote(it)).collect();
        let labels: Vec<&str> = members.iter().map(|(_, it)| &*it.label).take(4).collect();
        let lines = [
            format!("# {}; {seen} of {}.", levels.why, labels.join(", ").replace(char::is_control, " ")),
            "[[alerts]]".to_owned(),
            format!("name = {}", quote(&title)),
            format!("type = \"{}\"", kind.rule_type),
            format!("trigger = \"{}\"", levels.trigger),
            format!("apply_to = [{}]", quoted.join(", ")),
            format!("operator = \"{}\"", levels.operator),
        ];
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        for (severity, value, clear) in &levels.levels {
            // Writing to a String cannot fail.
            if writeln!(text, "{severity} = {{ value = {value}, clear = {clear} }}").is_err() {
                text.clear();
            }
        }
        if !levels.hold_for.is_empty() {
            text.push_str("for = ");
            text.push_str(&quote(levels.hold_for));
            text.push('\n');
        }
        text
    }
}

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
            why: format!("Rated {} A: a breaker carries 80 % of that for long", number(rated)),
        });
    }
    (0.5 <= span.most).then(|| Levels {
        trigger: "current",
        operator: ">",
        levels: two((up(span.most * 1.25), up(span.most * 1.15)), (up(span.most * 1.5), up(span.most * 1.4))),
        hold_for: "30s",
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
        why: "ASHRAE recommends at most 60 to 70 % relative humidity, by class".to_owned(),
    })
}

fn load(span: &Span) -> Option<Levels> {
    (span.most < 80.0).then(|| Levels {
        trigger: "load",
        operator: ">",
        levels: two((80.0, 75.0), (95.0, 90.0)),
        hold_for: "1m",
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
            why: "In seconds: half and a quarter of the least that was read".to_owned(),
        }
    })
}

/// Up to a number that a person would write.
fn up(value: f64) -> f64 {
    let step = if value < 10.0 { 0.1 } else { 0.5 };
    (value / step).ceil() * step
}
